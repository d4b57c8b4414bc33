import type { TunnelStanding } from '../control/types.ts';
import type { PeerAddress } from '../wire/address.ts';
import { ICCN, ICRQ, SCCCN } from '../wire/avp.ts';

/** A control message that waits for its turn. */
export interface Arrived<G> {
  readonly gateway: G;
  readonly octets: Uint8Array;
  readonly source: PeerAddress;
}

/**
 * Lanes, the first served first: what keeps tunnels and ends things (HELLO, StopCCN, CDN, acknowledgements and the rest);
 * what completes a set-up that has begun; calls that begin; what anybody may send, tunnels that begin among it. The first
 * and the third are for tunnels that are open: nobody else gets in front of those.
 */
const URGENT = 0;
const COMPLETING = 1;
const CALLING = 2;
const STRANGE = 3;
/** Part of the limits from which on a lane takes nothing more, and what one tunnel may have of them. */
const ROOM = [1.5, 1.25, 1.125, 1] as const;
const ROOM_OF_TUNNEL = 1 / 8;
/** Messages of a tunnel that is not open yet, whose sender has proved nothing. */
const SETTING_UP_MAX = 64;

export interface InboxLimits {
  /** Messages that wait. Strangers' are refused from here on, calls that begin at 1.125, what completes a set-up at 1.25, all else at 1.5 times. */
  readonly messages: number;
  /** Octets of them, likewise. */
  readonly octets: number;
  /** Strangers' messages: more half-open tunnels there cannot be, and thousands of small buffers cost the collector time. */
  readonly strangers: number;
}
export const INBOX: InboxLimits = { messages: 65_536, octets: 32 << 20, strangers: 8192 };

/** What of a tunnel waits: in all lanes, and in those behind the first, whose last is `lane`. */
interface Held {
  lane: number;
  behind: number;
  messages: number;
  octets: number;
}

interface Waiting<G> extends Arrived<G> {
  readonly lane: number;
  readonly held: Held | null;
  readonly tunnelId: number;
}

/** First in, first out, without a copy of the rest for each one taken. */
class Fifo<T> {
  #items: T[] = [];
  #at = 0;
  get size(): number {
    return this.#items.length - this.#at;
  }
  push(item: T): void {
    this.#items.push(item);
  }
  shift(): T | undefined {
    const item = this.#items[this.#at];
    if (item === undefined) return undefined;
    this.#at++;
    if (this.#at === this.#items.length || this.#at > 4096) {
      this.#items = this.#items.slice(this.#at);
      this.#at = 0;
    }
    return item;
  }
}

/**
 * Control messages between the sockets and the endpoints, so that a storm of set-ups waits here and not in a socket's
 * buffer, where HELLO and StopCCN of others would wait behind it. Of one tunnel nothing overtakes anything but messages
 * without Ns (acknowledgements): the transport would only put it aside until what is missing has come. A tunnel has its
 * place by who sends, not by what a message says: an ID alone moves nobody.
 */
export class Inbox<G> {
  readonly #limits: InboxLimits;
  readonly #lanes: readonly Fifo<Waiting<G>>[] = [new Fifo(), new Fifo(), new Fifo(), new Fifo()];
  /** By Tunnel ID. */
  readonly #held = new Map<number, Held>();
  #size = 0;
  #octets = 0;
  readonly counters = { dropped: 0, overtook: 0, mostWaiting: 0 };

  constructor(limits: Partial<InboxLimits> = INBOX) {
    this.#limits = { ...INBOX, ...limits };
  }
  get size(): number {
    return this.#size;
  }

  /**
   * @param octets kept until they are taken
   * @param standing of the sender to the tunnel that the message names
   * @returns false where there was no room: the peer sends it again
   */
  put(gateway: G, octets: Uint8Array, source: PeerAddress, standing: TunnelStanding): boolean {
    const tunnelId = standing === 'none' ? 0 : tunnelIdOf(octets);
    let lane = laneOf(octets, standing);
    let held = tunnelId === 0 ? null : (this.#held.get(tunnelId) ?? null);
    if (held !== null && held.lane > lane && !isAcknowledgement(octets)) lane = held.lane;
    const full = standing === 'setting-up' && held !== null && held.messages >= SETTING_UP_MAX;
    if (full || !this.#hasRoom(lane, octets.length, held)) {
      this.counters.dropped++;
      return false;
    }
    if (lane === URGENT && this.#size > this.#lanes[URGENT]!.size) this.counters.overtook++;
    if (tunnelId !== 0) {
      if (held === null) {
        held = { lane: URGENT, behind: 0, messages: 0, octets: 0 };
        this.#held.set(tunnelId, held);
      }
      held.messages++;
      held.octets += octets.length;
      if (lane !== URGENT) {
        held.lane = Math.max(lane, held.lane);
        held.behind++;
      }
    }
    this.#lanes[lane]!.push({ gateway, octets, source, lane, held, tunnelId });
    this.#octets += octets.length;
    this.#size++;
    this.counters.mostWaiting = Math.max(this.counters.mostWaiting, this.#size);
    return true;
  }
  #hasRoom(lane: number, octets: number, held: Held | null): boolean {
    const { messages: most, octets: mostOctets, strangers } = this.#limits;
    if (lane === STRANGE && this.#lanes[STRANGE]!.size >= strangers) return false;
    if (this.#size >= most * ROOM[lane]! || this.#octets + octets > mostOctets * ROOM[lane]!) return false;
    if (held === null) return true;
    return held.messages < most * ROOM_OF_TUNNEL && held.octets + octets <= mostOctets * ROOM_OF_TUNNEL;
  }
  /** The next in turn; null where none waits. */
  take(): Arrived<G> | null {
    for (const fifo of this.#lanes) {
      const next = fifo.shift();
      if (next === undefined) continue;
      const { lane, held, octets, tunnelId } = next;
      this.#size--;
      this.#octets -= octets.length;
      if (held !== null) {
        held.octets -= octets.length;
        if (lane !== URGENT && --held.behind === 0) held.lane = URGENT;
        if (--held.messages === 0) this.#held.delete(tunnelId);
      }
      return next;
    }
    return null;
  }
}

/** Tunnel ID of a control message; 0 where it is too short to have one. */
export const tunnelIdOf = (octets: Uint8Array): number => (octets.length >= 6 ? (octets[4]! << 8) | octets[5]! : 0);

/** A message without AVPs: it has no Ns of its own (RFC 2661 section 5.8). */
const isAcknowledgement = (octets: Uint8Array): boolean => octets.length === 12;

function laneOf(octets: Uint8Array, standing: TunnelStanding): number {
  if (standing === 'none') return STRANGE;
  if (standing === 'setting-up') return COMPLETING;
  if (isAcknowledgement(octets)) return URGENT;
  // The Message Type AVP comes first and is never hidden (section 4.4.1).
  if (octets.length < 20 || octets[16] !== 0 || octets[17] !== 0) return CALLING;
  const type = (octets[18]! << 8) | octets[19]!;
  if (type === ICRQ) return CALLING;
  return type === SCCCN || type === ICCN ? COMPLETING : URGENT;
}
