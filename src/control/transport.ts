import { stampMessage } from '../wire/message.ts';

/** Is `a` before `b` in sequence number space? (RFC 2661 section 5.8: the 32,767 numbers before, and the number itself, are "less or equal".) */
const behind = (a: number, b: number): number => (b - a) & 0xffff;

/**
 * What a received Ns means where `expected` is the next in order (section 5.8): the last received number and the
 * 32,767 before it are duplicates.
 */
export function judgeNs(expected: number, ns: number): 'in-order' | 'duplicate' | 'ahead' {
  if (ns === expected) return 'in-order';
  return ((ns - expected) & 0xffff) < 0x8000 ? 'ahead' : 'duplicate';
}

/**
 * How many messages an Nr acknowledges, where `oldest` is the first unacknowledged and `next` the next to be sent;
 * -1 where Nr lies outside what was sent, and is to be ignored.
 */
export function judgeNr(oldest: number, next: number, nr: number): number {
  const acknowledged = behind(oldest, nr);
  return acknowledged <= behind(oldest, next) ? acknowledged : -1;
}

export interface TransportOptions {
  /** Messages that we take ahead of the one expected, and announce (Receive Window Size AVP). */
  receiveWindow: number;
  /** Ceiling on the peer's window. */
  maximumSendWindow: number;
  /** Longest time between retransmissions. */
  retransmitCapMs: number;
  /** Without any acknowledgement for this long the peer is lost. */
  giveUpMs: number;
}

/** First retransmission after this; then it doubles (section 5.8). */
const FIRST_TIMEOUT_MS = 1000;
/** What is assumed where the peer announces no window (section 4.4.3). */
const DEFAULT_PEER_WINDOW = 4;
/** Larger messages do not wait for the ones before them: anybody can have us keep these. The peer sends them again. */
const AHEAD_OCTETS_MAX = 4096;

/**
 * Reliable delivery of control messages (RFC 2661 section 5.8, appendix A): numbers, acknowledgements, window, slow
 * start and congestion avoidance, retransmission. It owns no socket and no clock.
 */
export class Transport {
  readonly #options: TransportOptions;
  /** Next Ns to give. */
  #nextNs = 0;
  /** Ns of the first message of the queue. */
  #oldestNs = 0;
  /** Ns that we expect. */
  nr = 0;
  /** Sent and unacknowledged, then those that wait for the window. */
  readonly #queue: Uint8Array[] = [];
  /** How many of the queue are in flight. */
  #inFlight = 0;
  #everSent = 0;
  #peerWindow = DEFAULT_PEER_WINDOW;
  #congestionWindow = 1;
  #slowStartThreshold: number;
  #congestionCredit = 0;
  #timeoutMs = FIRST_TIMEOUT_MS;
  #retransmitAt = Number.POSITIVE_INFINITY;
  /** When the oldest message was first sent, or the last acknowledgement of progress came. */
  #waitingSince = Number.POSITIVE_INFINITY;
  #ahead: Map<number, Uint8Array> | null = null;
  /** An acknowledgement is owed; any message sent pays it. */
  owesAck = false;
  retransmissions = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#slowStartThreshold = DEFAULT_PEER_WINDOW;
  }

  /** Effective send window. */
  get window(): number {
    return Math.max(1, Math.min(this.#peerWindow, this.#options.maximumSendWindow));
  }
  get unacknowledged(): number {
    return this.#queue.length;
  }
  get nextNs(): number {
    return this.#nextNs;
  }
  /** Ns for a ZLB: the next number, which it does not use up. */
  get ns(): number {
    return (this.#oldestNs + this.#inFlight) & 0xffff;
  }

  /** The peer's Receive Window Size. */
  setPeerWindow(messages: number): void {
    this.#peerWindow = messages;
    this.#slowStartThreshold = this.window;
  }

  /** Takes a message for delivery; appends to `out` what may be sent now. */
  send(message: Uint8Array, now: number, out: Uint8Array[]): void {
    this.#queue.push(message);
    this.#nextNs = (this.#nextNs + 1) & 0xffff;
    this.#pump(now, out);
  }

  /** Sends what the windows allow. */
  #pump(now: number, out: Uint8Array[]): void {
    const most = Math.min(this.window, Math.floor(this.#congestionWindow));
    while (this.#inFlight < this.#queue.length && this.#inFlight < most) {
      const message = this.#queue[this.#inFlight]!;
      const again = this.#inFlight < this.#everSent;
      stampMessage(message, (this.#oldestNs + this.#inFlight) & 0xffff, this.nr);
      // A copy, since Nr is brought up to date at each transmission.
      out.push(message.slice());
      this.#inFlight++;
      if (again) this.retransmissions++;
      else this.#everSent++;
      this.owesAck = false;
    }
    if (this.#inFlight > 0) {
      if (this.#retransmitAt === Number.POSITIVE_INFINITY) this.#retransmitAt = now + this.#timeoutMs;
      if (this.#waitingSince === Number.POSITIVE_INFINITY) this.#waitingSince = now;
    }
  }

  /** Takes the Nr of a received message. @returns false where it is to be ignored */
  acknowledge(nr: number, now: number, out: Uint8Array[]): boolean {
    // Only what was sent at least once can be acknowledged.
    const acknowledged = judgeNr(this.#oldestNs, (this.#oldestNs + this.#everSent) & 0xffff, nr);
    if (acknowledged < 0) return false;
    if (acknowledged === 0) return true;
    this.#queue.splice(0, acknowledged);
    this.#oldestNs = nr;
    this.#everSent -= acknowledged;
    this.#inFlight = Math.max(0, this.#inFlight - acknowledged);
    this.#timeoutMs = Math.min(FIRST_TIMEOUT_MS, this.#options.retransmitCapMs);
    // Appendix A: slow start below the threshold, congestion avoidance above.
    for (let i = 0; i < acknowledged; i++) {
      if (this.#congestionWindow < this.#slowStartThreshold) this.#congestionWindow++;
      else if (++this.#congestionCredit >= this.#congestionWindow) {
        this.#congestionCredit = 0;
        this.#congestionWindow = Math.min(this.#congestionWindow + 1, this.window);
      }
    }
    this.#retransmitAt = this.#inFlight > 0 ? now + this.#timeoutMs : Number.POSITIVE_INFINITY;
    this.#waitingSince = this.#inFlight > 0 ? now : Number.POSITIVE_INFINITY;
    this.#pump(now, out);
    return true;
  }

  /**
   * Takes a message with a body. Those ahead of the expected one wait, as many as the window has room for.
   * @returns how it stands; `in-order` messages are to be processed, and then those of `takeAhead`
   */
  receive(ns: number, message: Uint8Array): 'in-order' | 'duplicate' | 'ahead' | 'overflow' {
    const verdict = judgeNs(this.nr, ns);
    if (verdict === 'ahead') {
      if (behind(this.nr, ns) >= this.#options.receiveWindow || message.length > AHEAD_OCTETS_MAX) return 'overflow';
      this.#ahead ??= new Map();
      this.#ahead.set(ns, message.slice());
      return 'ahead';
    }
    this.owesAck = true;
    if (verdict === 'in-order') this.nr = (this.nr + 1) & 0xffff;
    return verdict;
  }
  /** The next message in order that came too early, null where there is none. */
  takeAhead(): Uint8Array | null {
    const message = this.#ahead?.get(this.nr);
    if (message === undefined) return null;
    this.#ahead!.delete(this.nr);
    this.nr = (this.nr + 1) & 0xffff;
    this.owesAck = true;
    return message;
  }

  /** The `now` at which `handleTimeout` next has work. */
  deadline(): number {
    return this.#retransmitAt;
  }

  /** Retransmits. @returns false where the peer is lost: no acknowledgement for the whole of `giveUpMs` */
  handleTimeout(now: number, out: Uint8Array[]): boolean {
    if (now < this.#retransmitAt) return true;
    if (now - this.#waitingSince >= this.#options.giveUpMs) return false;
    this.#slowStartThreshold = Math.max(1, Math.floor(this.#congestionWindow / 2));
    this.#congestionWindow = 1;
    this.#congestionCredit = 0;
    this.#inFlight = 0;
    this.#timeoutMs = Math.min(this.#timeoutMs * 2, Math.max(this.#options.retransmitCapMs, 1));
    this.#retransmitAt = Math.min(now + this.#timeoutMs, this.#waitingSince + this.#options.giveUpMs);
    this.#pump(now, out);
    return true;
  }

  /** The peer has closed: nothing is to be delivered any more. Its own messages are still acknowledged. */
  abandon(): void {
    this.#oldestNs = this.#nextNs;
    this.#queue.length = 0;
    this.#inFlight = 0;
    this.#everSent = 0;
    this.#retransmitAt = Number.POSITIVE_INFINITY;
    this.#waitingSince = Number.POSITIVE_INFINITY;
  }

  /** Drops what was not sent yet: after StopCCN nothing else is worth delivering. */
  discardUnsent(): void {
    const unsent = this.#queue.length - this.#everSent;
    if (unsent <= 0) return;
    this.#queue.length = this.#everSent;
    this.#nextNs = (this.#nextNs - unsent) & 0xffff;
  }
}
