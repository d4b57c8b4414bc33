import {
  buildFrame,
  buildOptions,
  CODE_REJECT,
  CONFIGURE_ACK,
  CONFIGURE_NAK,
  CONFIGURE_REJECT,
  CONFIGURE_REQUEST,
  type PppOption,
  type PppPacket,
  parseOptions,
  sameOctets,
  TERMINATE_ACK,
  TERMINATE_REQUEST,
} from '../wire/ppp.ts';
import { PPP_TABLE, type PppInput, type PppState, TIMED_STATES } from './automaton.ts';
import { MAX_CONFIGURE, MAX_FAILURE, MAX_TERMINATE, type PppAction, RESTART_MS } from './types.ts';

const NOTHING = new Uint8Array(0);
/**
 * Configure-Requests that one negotiation may take. A peer that Naks for ever, or acknowledges ours and never sends its
 * own, would keep it going: the automaton's counter starts again with each answer (RFC 1661 section 4.6 leaves it open).
 */
const REQUESTS_MAX = 30;
/** In these a Configure-Request is one more of the same negotiation; in all others it begins one. */
const NEGOTIATING: ReadonlySet<PppState> = new Set(['Req-Sent', 'Ack-Rcvd', 'Ack-Sent']);

/** How a Configure-Request was found. */
export interface Judgement {
  code: typeof CONFIGURE_ACK | typeof CONFIGURE_NAK | typeof CONFIGURE_REJECT;
  options: PppOption[];
}

/**
 * A control protocol driven by the automaton of RFC 1661 section 4: LCP and the NCPs. What differs between them is in
 * the methods below.
 */
export abstract class ControlProtocol {
  state: PppState = 'Initial';
  readonly #protocol: number;
  #restartCount = 0;
  /** Null: the timer is stopped. */
  #restartAt: number | null = null;
  #identifier = 0;
  /** Identifier and options of the Configure-Request that awaits an answer. */
  #requestId = -1;
  #requested: Uint8Array = NOTHING;
  #failures = 0;
  /** Configure-Requests sent in this negotiation. */
  #requests = 0;
  /** What the next action answers, while a packet is looked at. */
  #packet: PppPacket | null = null;
  #reply: Judgement | null = null;

  constructor(protocol: number) {
    this.#protocol = protocol;
  }

  /** A negotiation begins: what an earlier one refused may be asked for again. */
  protected abstract reset(): void;
  /** Options of our Configure-Request. */
  protected abstract request(): PppOption[];
  /** Judges the peer's options and keeps what is acceptable. `insist` is false once Naks are used up (Max-Failure). */
  protected abstract judge(options: readonly PppOption[], insist: boolean): Judgement;
  protected abstract naked(options: readonly PppOption[]): void;
  protected abstract rejected(options: readonly PppOption[]): void;
  /** tlu, tld, tlf. */
  protected abstract layerUp(now: number, out: PppAction[]): void;
  protected abstract layerDown(now: number, out: PppAction[]): void;
  protected abstract layerFinished(now: number, out: PppAction[]): void;
  /** A code that is not of the automaton. @returns false where it is unknown: Code-Reject */
  protected abstract extra(packet: PppPacket, now: number, out: PppAction[]): boolean;
  /** Octets that the peer takes in one frame. */
  protected abstract peerMru(): number;

  nextIdentifier(): number {
    this.#identifier = (this.#identifier + 1) & 0xff;
    return this.#identifier;
  }

  deadline(): number {
    return this.#restartAt ?? Number.POSITIVE_INFINITY;
  }
  handleTimeout(now: number, out: PppAction[]): void {
    if (now < this.deadline()) return;
    this.input(this.#restartCount > 0 ? 'TO+' : 'TO-', now, out);
  }

  /** Opened without a packet: somebody else has negotiated it. */
  protected open(now: number, out: PppAction[]): void {
    this.state = 'Opened';
    this.layerUp(now, out);
  }

  /** One step of the automaton. */
  input(input: PppInput, now: number, out: PppAction[]): void {
    let [next, ...actions] = PPP_TABLE[this.state][input];
    if (actions.includes('scr')) {
      if (!NEGOTIATING.has(this.state)) {
        this.#requests = 0;
        this.reset();
      } else if (this.#requests >= REQUESTS_MAX) [next, ...actions] = PPP_TABLE[this.state]['TO-'];
    }
    this.state = next;
    if (!TIMED_STATES.has(next)) this.#restartAt = null;
    for (const action of actions) {
      switch (action) {
        case 'irc':
          this.#restartCount = next === 'Closing' || next === 'Stopping' ? MAX_TERMINATE : MAX_CONFIGURE;
          this.#failures = 0;
          break;
        case 'zrc':
          this.#restartCount = 0;
          this.#restartAt = now + RESTART_MS;
          break;
        case 'scr':
          this.#requests++;
          this.#restartCount--;
          this.#restartAt = now + RESTART_MS;
          this.#requestId = this.nextIdentifier();
          this.#requested = buildOptions(this.request());
          this.send(CONFIGURE_REQUEST, this.#requestId, this.#requested, out);
          break;
        case 'sca':
        case 'scn':
          this.send(this.#reply!.code, this.#packet!.identifier, buildOptions(this.#reply!.options), out);
          break;
        case 'str':
          this.#restartCount--;
          this.#restartAt = now + RESTART_MS;
          this.send(TERMINATE_REQUEST, this.nextIdentifier(), NOTHING, out);
          break;
        case 'sta':
          this.send(TERMINATE_ACK, this.#packet?.identifier ?? this.nextIdentifier(), NOTHING, out);
          break;
        case 'scj': {
          // The rejected packet from its Code on, cut to what the peer takes.
          const packet = this.#packet!;
          const whole = buildFrame(this.#protocol, packet.code, packet.identifier, packet.data).subarray(4);
          this.send(CODE_REJECT, this.nextIdentifier(), whole.subarray(0, Math.max(0, this.peerMru() - 4)), out);
          break;
        }
        case 'tlu':
          this.layerUp(now, out);
          break;
        case 'tld':
          this.layerDown(now, out);
          break;
        case 'tlf':
          this.layerFinished(now, out);
          break;
        case 'tls':
        case 'ser':
          break;
      }
    }
    if (TIMED_STATES.has(next) && this.#restartAt === null) this.#restartAt = now + RESTART_MS;
  }

  /** Takes a packet of the protocol. */
  receive(packet: PppPacket, now: number, out: PppAction[]): void {
    if (this.state === 'Initial' || this.state === 'Starting') return;
    this.#packet = packet;
    this.#take(packet, now, out);
    // An open session is there for days: nothing of its negotiation is kept.
    this.#packet = null;
    this.#reply = null;
    if (this.#requestId === -1) this.#requested = NOTHING;
  }
  #take(packet: PppPacket, now: number, out: PppAction[]): void {
    switch (packet.code) {
      case CONFIGURE_REQUEST: {
        const options = parseOptions(packet.data);
        if (options === null) return;
        if (this.state === 'Closing' || this.state === 'Stopping') return;
        // What it is judged by must be what our own request is going to say.
        if (this.state === 'Opened' || this.state === 'Stopped') this.reset();
        const judgement = this.judge(options, this.#failures < MAX_FAILURE);
        if (judgement.code === CONFIGURE_NAK) this.#failures++;
        this.#reply = judgement;
        this.input(judgement.code === CONFIGURE_ACK ? 'RCR+' : 'RCR-', now, out);
        return;
      }
      case CONFIGURE_ACK:
        if (packet.identifier !== this.#requestId || !sameOctets(packet.data, this.#requested)) return;
        this.#requestId = -1;
        this.input('RCA', now, out);
        return;
      case CONFIGURE_NAK:
      case CONFIGURE_REJECT: {
        const options = parseOptions(packet.data);
        if (options === null || packet.identifier !== this.#requestId) return;
        if (packet.code === CONFIGURE_REJECT) {
          // Only what was asked can be rejected (section 5.4).
          const asked = parseOptions(this.#requested)!;
          if (
            !options.every((option) =>
              asked.some((own) => own.type === option.type && sameOctets(own.value, option.value)),
            )
          )
            return;
          this.rejected(options);
        } else this.naked(options);
        if (this.#requestId === -1) return;
        this.#requestId = -1;
        this.input('RCN', now, out);
        return;
      }
      case TERMINATE_REQUEST:
        this.input('RTR', now, out);
        return;
      case TERMINATE_ACK:
        this.input('RTA', now, out);
        return;
      case CODE_REJECT:
        if (packet.data.length < 1) return;
        // A code that the automaton cannot do without is a catastrophe (section 5.6).
        this.input(packet.data[0]! >= CONFIGURE_REQUEST && packet.data[0]! <= CODE_REJECT ? 'RXJ-' : 'RXJ+', now, out);
        return;
      default:
        if (!this.extra(packet, now, out)) this.input('RUC', now, out);
    }
  }

  protected send(code: number, identifier: number, data: Uint8Array, out: PppAction[]): void {
    out.push({ do: 'send', frame: buildFrame(this.#protocol, code, identifier, data), priority: false });
  }
}
