import type { TunnelStanding } from '../control/types.ts';
import { ControlReader } from '../io/control-reader.ts';
import type { Ffi } from '../io/ffi.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { Gateway } from './call.ts';
import { Inbox, tunnelIdOf } from './inbox.ts';
import type { Log } from './log.ts';

/** Longest work on control messages in one turn of the main thread: all else waits as long. */
const TURN_MS = 4;
/** Datagrams and octets read in a turn, about, and datagrams read from one socket before it is another's turn. */
const READ_MAX = 2048;
const READ_OCTETS = 1 << 20;
const READ_RUN = 256;
/** Full inboxes are told once in this time. */
const TELL_MS = 10_000;

export interface ReceptionOptions {
  /** null: the portable access side, whose sockets node reads alone. */
  readonly ffi: Ffi | null;
  readonly gateways: Iterable<Gateway>;
  readonly log: Log;
  /** What the sender is to the tunnel. */
  standing(gateway: Gateway, tunnelId: number, source: PeerAddress): TunnelStanding;
  /** Works on one message. Never throws. */
  receive(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void;
  /** A datagram that the control socket got with a run of data messages. */
  data(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void;
  /** The turn is over: acknowledgements, timers. */
  settle(): void;
}

/**
 * Takes control messages in, from sockets and rings, and works on them in the order of the inbox, a few milliseconds a
 * turn. Sockets are read first in each turn, until they are empty or a few thousand datagrams have come, so that what is urgent is found behind whatever came before it.
 */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #reader: ControlReader | null;
  readonly inbox = new Inbox<Gateway>();
  #scheduled = false;
  /** A socket had something in this turn: more may be in it. */
  #reading = false;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#reader = options.ffi === null ? null : new ControlReader(options.ffi);
  }

  /** A datagram from node's socket. `octets` are kept. */
  arrived(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void {
    this.#reading = true;
    this.#put(gateway, octets, source);
  }
  /** A control message that came by a shard. */
  fromShard(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void {
    this.#put(gateway, octets.slice(), source);
  }

  #put(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void {
    if (octets.length >= 6 && (octets[0]! & 0x80) === 0) this.#options.data(gateway, octets, source);
    else {
      const tunnelId = tunnelIdOf(octets);
      const standing = tunnelId === 0 ? 'none' : this.#options.standing(gateway, tunnelId, source);
      // Of no tunnel there is: it comes to nothing, and takes nobody's place until then.
      if (tunnelId !== 0 && standing === 'none') this.#options.receive(gateway, octets, source);
      else if (!this.inbox.put(gateway, octets, source, standing)) this.#full();
    }
    this.#schedule();
  }
  #full(): void {
    const now = performance.now();
    if (now < this.#toldAt + TELL_MS) return;
    this.#toldAt = now;
    this.#options.log('warning', 'control-overflow', {
      waiting: this.inbox.size,
      dropped: this.inbox.counters.dropped,
    });
  }
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }
  #turn(): void {
    this.#empty();
    const end = performance.now() + TURN_MS;
    // The clock is looked at after each: one of 60,000 octets takes as long as fifty others.
    for (let next = this.inbox.take(); next !== null; next = this.inbox.take()) {
      this.#options.receive(next.gateway, next.octets, next.source);
      if (performance.now() >= end) break;
    }
    this.#scheduled = false;
    if (this.inbox.size > 0 || this.#reading) this.#schedule();
    this.#options.settle();
  }
  /** Reads the sockets until they are empty; node itself reads a few datagrams a turn. */
  #empty(): void {
    const reader = this.#reader;
    const wanted = this.#reading || this.inbox.size > 0;
    this.#reading = wanted && reader !== null;
    if (reader === null) return;
    let datagrams = 0;
    let total = 0;
    while (this.#reading && datagrams < READ_MAX && total < READ_OCTETS) {
      this.#reading = false;
      for (const gateway of this.#options.gateways) {
        if (gateway.fd < 0 || gateway.socket === null) continue;
        const read = reader.read(gateway.fd, READ_RUN, (octets, source) => {
          total += octets.length;
          this.#put(gateway, octets, source);
        });
        datagrams += read;
        if (read === READ_RUN) this.#reading = true;
      }
    }
  }
}
