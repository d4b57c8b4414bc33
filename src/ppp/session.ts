import {
  be16,
  buildFrame,
  PPP_CHAP,
  PPP_IPCP,
  PPP_IPV4,
  PPP_LCP,
  PPP_PAP,
  PROTOCOL_REJECT,
  parsePacket,
} from '../wire/ppp.ts';
import { Authenticatee } from './authenticatee.ts';
import { type Answered, Authenticator } from './authenticator.ts';
import { type AuthVerdict, authProtocol } from './chap.ts';
import { Ipcp, type IpcpOwner } from './ipcp.ts';
import { Lcp, type LcpOwner } from './lcp.ts';
import { judgeProxy, type ProxyAuthentication, type ProxyAvps } from './proxy.ts';
import type { AddressAssignment, AuthAnswer, AuthMethod, PppAction, PppEnd, PppOptions } from './types.ts';

/** RFC 1661 section 3.2. `bundled`: a member link in RFC 1990's sense, whose network phase is the bundle's. */
export type PppPhase = 'dead' | 'establish' | 'authenticate' | 'network' | 'bundled' | 'terminate';

/** LCP may come up so many times within so long. */
const RESTLESS_MAX = 8;
const RESTLESS_MS = 60_000;
const NEVER: readonly number[] = [];

/** Protocols of one link: LCP's neighbours, and compression of each link by itself (RFC 1990 section 5, RFC 1962). */
const ofLink = (protocol: number): boolean => protocol >= 0xc000 || (protocol & 0x7fff) === 0x00fb;

/**
 * PPP over one link: LCP, authentication, IPCP (RFC 1661 section 3). Frames come and go as octets from the protocol
 * field on; it owns no clock.
 */
export class PppSession implements LcpOwner, IpcpOwner {
  readonly #options: PppOptions;
  readonly lcp: Lcp;
  #auth: Authenticator | Answered | Authenticatee | null = null;
  ipcp: Ipcp | null = null;
  phase: PppPhase = 'dead';
  #finished = false;
  #end: { reason: PppEnd; message: string } | null = null;
  /** While a LAC's LCP is taken over: what it left to be done. */
  #proxied: ProxyAuthentication | null = null;
  /** When LCP came up, lately. */
  #opened: number | readonly number[] = NEVER;
  /** Waiting for `addressAssigned`. */
  #asking = false;

  constructor(options: PppOptions) {
    this.#options = options;
    this.lcp = new Lcp(options, this);
  }

  /** The name that was authenticated. */
  get name(): string {
    if (this.#options.role === 'client') return this.#options.name;
    return this.#auth === null || this.#auth instanceof Authenticatee ? '' : this.#auth.name;
  }
  get authMethod(): AuthMethod | null {
    if (this.#auth !== null) return this.#auth.method;
    return this.#options.role === 'server' ? this.lcp.method : this.lcp.demanded;
  }

  /** The link is there: negotiates. */
  open(now: number, out: PppAction[]): void {
    this.phase = 'establish';
    this.lcp.input('Open', now, out);
    this.lcp.input('Up', now, out);
  }
  /**
   * The link is there, and a LAC has begun (RFC 2661 section 4.4.5): goes on where it left off, or negotiates anew.
   * @returns null where it was taken over, otherwise the reason why LCP begins afresh
   */
  openProxied(proxy: ProxyAvps, localChap: boolean, now: number, out: PppAction[]): string | null {
    const judgement = judgeProxy(proxy, {
      authentication: this.#options.authentication,
      localChap,
      multilink: (this.#options.multilink ?? null) !== null,
    });
    let reason: string | null;
    if (judgement.lcp === 'fresh') reason = judgement.reason;
    else {
      this.phase = 'establish';
      this.#proxied = judgement.authentication;
      reason = this.lcp.adopt(judgement.sent, judgement.received, now, out);
      this.#proxied = null;
    }
    if (reason !== null) this.open(now, out);
    return reason;
  }
  /** Ends the session with LCP Terminate; 'finished' follows. */
  close(reason: PppEnd, message: string, now: number, out: PppAction[]): void {
    if (this.#finished) return;
    this.#end ??= { reason, message };
    this.phase = 'terminate';
    this.lcp.input('Close', now, out);
  }
  /** The link is gone. */
  lowerDown(now: number, out: PppAction[]): void {
    if (this.#finished) return;
    this.#end ??= { reason: 'lower-down', message: '' };
    this.lcp.input('Down', now, out);
    this.#finish(out);
  }

  /** Takes a frame from its protocol field on. Never throws. */
  receive(frame: Uint8Array, now: number, out: PppAction[]): void {
    if (frame.length < 1 || this.#finished || this.phase === 'dead') return;
    let protocol = frame[0]!;
    let from = 1;
    if ((protocol & 1) === 0 || !this.#options.compression) {
      if (frame.length < 2) return;
      protocol = be16(frame, 0);
      from = 2;
    }
    if (protocol === PPP_LCP) {
      const packet = parsePacket(frame, from);
      if (packet === null) return;
      this.lcp.receive(packet, now, out);
      if (this.lcp.hopeless && this.phase !== 'terminate')
        this.close(this.lcp.end!, this.lcp.end === 'loop' ? 'the line is looped back' : 'no common method', now, out);
      return;
    }
    // Section 3.4: anything else before LCP is Opened is silently discarded.
    if (this.lcp.state !== 'Opened') return;
    if (protocol === PPP_PAP || protocol === PPP_CHAP) {
      const method = this.#auth?.method ?? null;
      if (method !== null && protocol === authProtocol(method)) {
        const packet = parsePacket(frame, from);
        if (packet !== null && this.#auth !== null) this.#judge(this.#auth.receive(packet, now, out), now, out);
        return;
      }
      this.lcp.rejectProtocol(protocol, frame.subarray(from), out);
      return;
    }
    if (this.phase === 'bundled' && !ofLink(protocol)) {
      out.push({ do: 'to-bundle', frame });
      return;
    }
    if (this.phase === 'authenticate' && (protocol === PPP_IPCP || protocol === PPP_IPV4)) return;
    if (protocol === PPP_IPCP) {
      const packet = parsePacket(frame, from);
      if (packet === null) return;
      this.ipcp?.receive(packet, now, out);
      if (this.ipcp?.refused === true && this.phase === 'network')
        this.close('no-address', 'the peer does not take the address', now, out);
      return;
    }
    if (protocol === PPP_IPV4) return;
    // Section 3.5: only in the phases after authentication is the peer told.
    if (this.phase !== 'authenticate') this.lcp.rejectProtocol(protocol, frame.subarray(from), out);
  }

  deadline(): number {
    if (this.#finished) return Number.POSITIVE_INFINITY;
    return Math.min(
      this.lcp.deadline(),
      this.#auth?.deadline() ?? Number.POSITIVE_INFINITY,
      this.ipcp?.deadline() ?? Number.POSITIVE_INFINITY,
    );
  }
  handleTimeout(now: number, out: PppAction[]): void {
    if (this.#finished) return;
    this.lcp.handleTimeout(now, out);
    if (this.#auth !== null) this.#judge(this.#auth.handleTimeout(now, out), now, out);
    this.ipcp?.handleTimeout(now, out);
  }

  /** The answer to 'authenticate', at once or later; a bare truth value has nothing to add. */
  authenticationResult(answer: AuthAnswer | boolean, now: number, out: PppAction[]): void {
    if (!(this.#auth instanceof Authenticator)) return;
    const whole = typeof answer === 'boolean' ? { passed: answer } : answer;
    this.#judge(this.#auth.decide(whole, now, out), now, out);
  }
  #judge(verdict: AuthVerdict, now: number, out: PppAction[]): void {
    if (verdict === 'none' || this.phase !== 'authenticate') return;
    if (verdict === 'passed') {
      if (this.#auth instanceof Authenticator) this.#auth = this.#auth.passed;
      out.push({ do: 'tell', event: 'authenticated', name: this.name, method: this.authMethod });
      this.#network(now, out);
    } else if (verdict === 'failed') this.close('authentication-failed', this.#auth?.reason ?? '', now, out);
    else this.close('authentication-timeout', this.#auth?.reason || 'no answer to authentication', now, out);
  }

  /** The answer to 'request-address'; null: there is none to give. */
  addressAssigned(assignment: AddressAssignment | null, now: number, out: PppAction[]): void {
    if (!this.#asking || this.phase !== 'network') return;
    this.#asking = false;
    if (assignment === null) {
      this.close('no-address', 'no address is free', now, out);
      return;
    }
    this.#startIpcp(assignment, now, out);
  }

  #network(now: number, out: PppAction[]): void {
    if (this.lcp.result.multilink !== null) {
      this.phase = 'bundled';
      out.push({ do: 'tell', event: 'link-ready', name: this.name, lcp: this.lcp.result });
      return;
    }
    this.phase = 'network';
    if (this.#options.role === 'server') {
      this.#asking = true;
      out.push({ do: 'request-address', name: this.name });
    } else this.#startIpcp(null, now, out);
  }
  #startIpcp(assignment: AddressAssignment | null, now: number, out: PppAction[]): void {
    this.ipcp = new Ipcp(assignment, this.lcp.result.peerMru, this);
    this.ipcp.input('Open', now, out);
    this.ipcp.input('Up', now, out);
  }

  // From LCP.

  lcpUp(now: number, out: PppAction[]): void {
    out.push({ do: 'tell', event: 'lcp-open', lcp: this.lcp.result });
    if (this.#restless(now)) {
      this.close('loop', 'LCP is negotiated anew too often', now, out);
      return;
    }
    const proxied = this.#proxied;
    if (proxied?.do === 'judge') {
      this.#judgeProxied(proxied, now, out);
      return;
    }
    const method = this.authMethod;
    if (method === null) {
      out.push({ do: 'tell', event: 'authenticated', name: '', method: null });
      this.#network(now, out);
      return;
    }
    this.phase = 'authenticate';
    this.#auth =
      this.#options.role === 'server'
        ? new Authenticator(method, this.#options)
        : new Authenticatee(method, this.#options);
    this.#auth.start(now, out);
  }
  /** Each renegotiation costs a question to the judge: a peer gets a few, then one now and then. */
  #restless(now: number): boolean {
    const before = typeof this.#opened === 'number' ? [this.#opened] : this.#opened;
    const lately = before.filter((at) => at > now - RESTLESS_MS);
    this.#opened = lately.length === 0 ? now : [...lately, now];
    return lately.length >= RESTLESS_MAX;
  }
  #judgeProxied(proxied: Extract<ProxyAuthentication, { do: 'judge' }>, now: number, out: PppAction[]): void {
    this.phase = 'authenticate';
    const { response, silent, accept } = proxied;
    const auth = new Authenticator(response.method, this.#options);
    this.#auth = auth;
    const asked: PppAction[] = [];
    const verdict = auth.startProxied(response, silent, now, asked);
    if (!accept) {
      out.push(...asked);
      this.#judge(verdict, now, out);
    } else this.#judge(auth.decide({ passed: true }, now, out), now, out);
  }
  lcpDown(now: number, out: PppAction[]): void {
    if (this.ipcp !== null) {
      this.ipcp.input('Down', now, out);
      this.ipcp = null;
    }
    this.#auth = null;
    this.#asking = false;
    out.push({ do: 'tell', event: 'lcp-down' });
    // Back to Establish where the peer negotiates anew; terminating otherwise.
    if (this.lcp.state === 'Stopping' || this.lcp.state === 'Closing') this.phase = 'terminate';
    else if (this.phase !== 'terminate') this.phase = 'establish';
    if (this.lcp.state === 'Stopping') this.#end ??= { reason: 'peer-terminated', message: '' };
  }
  lcpFinished(_now: number, out: PppAction[]): void {
    if (this.#end === null)
      this.#end =
        this.phase === 'establish'
          ? { reason: 'timeout', message: 'no answer to LCP' }
          : { reason: 'peer-terminated', message: '' };
    this.#finish(out);
  }
  protocolRejected(protocol: number, now: number, out: PppAction[]): void {
    if (this.phase === 'bundled') {
      // It may come over any link, and concerns the protocols of the bundle.
      const what = new Uint8Array([protocol >>> 8, protocol & 0xff]);
      out.push({ do: 'to-bundle', frame: buildFrame(PPP_LCP, PROTOCOL_REJECT, 0, what).subarray(2) });
      return;
    }
    if (this.phase === 'authenticate' && this.#auth !== null && protocol === authProtocol(this.#auth.method)) {
      // Section 5.7: not to be sent again; it agreed to be asked and will never answer.
      this.close('authentication-refused', 'the peer rejects the protocol that it agreed to', now, out);
      return;
    }
    if (protocol !== PPP_IPCP || this.ipcp === null) return;
    this.ipcp.input('RXJ-', now, out);
  }

  // From IPCP.

  ipcpUp(_now: number, out: PppAction[]): void {
    const ipcp = this.ipcp!;
    const server = ipcp.assignment !== null;
    out.push({
      do: 'tell',
      event: 'network-open',
      address: server ? ipcp.peerAddress : ipcp.localAddress,
      localAddress: server ? ipcp.localAddress : ipcp.peerAddress,
      assignment: ipcp.assignment,
    });
  }
  ipcpDown(_now: number, out: PppAction[]): void {
    out.push({ do: 'tell', event: 'network-down' });
  }
  ipcpFinished(now: number, out: PppAction[]): void {
    if (this.phase !== 'network') return;
    this.close('network-failed', 'IPCP did not open', now, out);
  }

  #finish(out: PppAction[]): void {
    if (this.#finished) return;
    this.#finished = true;
    this.phase = 'dead';
    const { reason, message } = this.#end ?? { reason: 'lower-down' as const, message: '' };
    out.push({ do: 'tell', event: 'finished', reason, message });
  }
}
