import type { PeerAddress } from '../wire/address.ts';
import { ICCN, ICRQ, SCCCN, SCCRQ } from '../wire/avp.ts';

/** A control message that waits for its turn. */
export interface Arrived<G> {
  readonly gateway: G;
  readonly octets: Uint8Array;
  readonly source: PeerAddress;
}

/**
 * Lanes, the first served first: what keeps tunnels and ends things (HELLO, StopCCN, CDN, acknowledgements and the rest);
 * what completes a set-up that has begun; what begins one, or is no message at all.
 */
const URGENT = 0;
const COMPLETING = 1;
const BEGINNING = 2;

export interface InboxLimits {
  /** Messages that wait. What begins a set-up is refused from here on, what completes one at 1.25, all else at 1.5 times. */
  readonly messages: number;
  /** Octets of them, likewise. */
  readonly octets: number;
}
export const INBOX: InboxLimits = { messages: 65_536, octets: 32 << 20 };

interface Waiting<G> extends Arrived<G> {
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
 * without Ns (acknowledgements): the transport would only put it aside until what is missing has come.
 */
export class Inbox<G> {
  readonly #limits: InboxLimits;
  readonly #lanes: readonly Fifo<Waiting<G>>[] = [new Fifo(), new Fifo(), new Fifo()];
  /** By Tunnel ID: the last lane that something of it waits in, and how many do in all lanes but the first. */
  readonly #held = new Map<number, { lane: number; count: number }>();
  #octets = 0;
  readonly counters = { dropped: 0, overtook: 0, mostWaiting: 0 };

  constructor(limits: InboxLimits = INBOX) {
    this.#limits = limits;
  }
  get size(): number {
    return this.#lanes.reduce((sum, { size }) => sum + size, 0);
  }

  /** @param octets kept until they are taken. @returns false where there was no room: the peer sends it again */
  put(gateway: G, octets: Uint8Array, source: PeerAddress): boolean {
    const tunnelId = octets.length >= 6 ? (octets[4]! << 8) | octets[5]! : 0;
    let lane = laneOf(octets);
    const held = tunnelId === 0 ? undefined : this.#held.get(tunnelId);
    if (held !== undefined && held.lane > lane && !isAcknowledgement(octets)) lane = held.lane;
    const factor = lane === URGENT ? 1.5 : lane === COMPLETING ? 1.25 : 1;
    const size = this.size;
    if (size >= this.#limits.messages * factor || this.#octets + octets.length > this.#limits.octets * factor) {
      this.counters.dropped++;
      return false;
    }
    if (lane === URGENT && size > this.#lanes[URGENT]!.size) this.counters.overtook++;
    if (lane !== URGENT && tunnelId !== 0) {
      if (held === undefined) this.#held.set(tunnelId, { lane, count: 1 });
      else {
        held.lane = Math.max(lane, held.lane);
        held.count++;
      }
    }
    this.#lanes[lane]!.push({ gateway, octets, source, tunnelId });
    this.#octets += octets.length;
    this.counters.mostWaiting = Math.max(this.counters.mostWaiting, size + 1);
    return true;
  }
  /** The next in turn; null where none waits. */
  take(): Arrived<G> | null {
    for (const [lane, fifo] of this.#lanes.entries()) {
      const next = fifo.shift();
      if (next === undefined) continue;
      this.#octets -= next.octets.length;
      if (lane !== URGENT && next.tunnelId !== 0) {
        const held = this.#held.get(next.tunnelId)!;
        if (--held.count === 0) this.#held.delete(next.tunnelId);
      }
      return next;
    }
    return null;
  }
}

/** A message without AVPs: it has no Ns of its own (RFC 2661 section 5.8). */
const isAcknowledgement = (octets: Uint8Array): boolean => octets.length === 12;

function laneOf(octets: Uint8Array): number {
  if (isAcknowledgement(octets)) return URGENT;
  // The Message Type AVP comes first and is never hidden (section 4.4.1).
  if (octets.length < 20 || octets[16] !== 0 || octets[17] !== 0) return BEGINNING;
  const type = (octets[18]! << 8) | octets[19]!;
  if (type === SCCRQ || type === ICRQ) return BEGINNING;
  return type === SCCCN || type === ICCN ? COMPLETING : URGENT;
}
