import type { PeerAddress } from '../wire/address.ts';
import {
  AVP,
  CDN,
  HELLO,
  ICCN,
  ICRP,
  ICRQ,
  MESSAGE_NAMES,
  OCCN,
  OCRP,
  OCRQ,
  SCCCN,
  SCCRP,
  SCCRQ,
  SLI,
  STOPCCN,
  WEN,
} from '../wire/avp.ts';
import { parseL2tpHeader } from '../wire/l2tp.ts';
import {
  type ControlMessage,
  ERROR_RESOURCES,
  ERROR_SESSION_ID,
  ERROR_VALUE,
  type Fault,
  isSessionMessage,
  MessageBuilder,
  parseControlMessage,
  textOf,
  u16Of,
  u32Of,
  zeroLengthBody,
} from '../wire/message.ts';
import { Deadlines, type Timed } from './deadlines.ts';
import {
  SESSION_TABLE,
  type SessionInput,
  type SessionState,
  TUNNEL_TABLE,
  type TunnelInput,
  type TunnelState,
} from './tables.ts';
import { Transport } from './transport.ts';
import type {
  CallConnected,
  CallParameters,
  CallRequest,
  Cause,
  ControlAction,
  ControlDiscard,
  EndpointOptions,
  Refusal,
  TunnelInfo,
  TunnelPolicy,
  TunnelStanding,
} from './types.ts';

/** Recommended time of a full retransmission cycle (RFC 2661 section 5.7): a closed tunnel answers for so long. */
export const RETENTION_MS = 31_000;
/** Longest wait for the peer's part of a set-up, whether its messages are acknowledged or not. */
export const SETUP_TIMEOUT_MS = 60_000;
/** Both framings, or both bearers. */
const CAPABILITIES = 3;
const PROTOCOL_VERSION = 0x0100;
const CHALLENGE_OCTETS = 16;

const REQUEST_TO_CLEAR: Cause = { resultCode: 1, errorCode: 0, message: '', byPeer: false };

/** One call, in either role. */
class Session {
  readonly localId: number;
  peerId = 0;
  state: SessionState = 'idle';
  /** LAC: what to say of the call. */
  parameters: CallParameters | null = null;
  openedAt = 0;
  readonly createdAt: number;
  /** Since when the peer's next message of the set-up has been due. */
  waitingSince = 0;
  constructor(localId: number, createdAt: number) {
    this.localId = localId;
    this.createdAt = createdAt;
  }
}

/** One control connection, in either role. */
class Tunnel implements Timed {
  readonly localId: number;
  peerId = 0;
  /** Static from the answer to our SCCRQ, or the peer's SCCRQ, on (section 8.1). */
  peer: PeerAddress;
  readonly policy: TunnelPolicy;
  readonly transport: Transport;
  readonly initiator: boolean;
  state: TunnelState = 'idle';
  /** Until when a closed tunnel answers; 0 while it is open. */
  closedUntil = 0;
  opened = false;
  openedAt = 0;
  hostName = '';
  vendorName = '';
  /** Our challenge, whose answer is awaited. */
  challenge: Uint8Array | null = null;
  tieBreaker: Uint8Array | null = null;
  /** An open tunnel of the same peer and Tunnel ID, which this one replaces once it is open itself. */
  earlier: Tunnel | null = null;
  /** Session IDs given, where they are dealt in turn (`TunnelPolicy.spread`). */
  turn = 0;
  /** What the last ICCN said: most calls of a LAC say the same. */
  #connected: CallConnected | null = null;
  readonly sessions = new Map<number, Session>();
  /** By the peer's Session ID. */
  readonly byPeerId = new Map<number, Session>();
  /** Calls that wait for the peer, the oldest first. */
  readonly waiting = new Set<Session>();
  /** Session IDs given back, until the peer can no longer send for them; in order of that time. */
  readonly resting = new Map<number, number>();
  /** When a control message was last heard. */
  heardAt: number;
  helloAt = Number.POSITIVE_INFINITY;
  setupUntil: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  duplicateKey = '';
  dirty = false;
  readonly createdAt: number;

  constructor(localId: number, peer: PeerAddress, policy: TunnelPolicy, initiator: boolean, now: number) {
    this.localId = localId;
    this.peer = peer;
    this.policy = policy;
    this.initiator = initiator;
    this.transport = new Transport({
      receiveWindow: policy.receiveWindow,
      maximumSendWindow: policy.maximumSendWindow,
      retransmitCapMs: policy.retransmitCapMs,
      giveUpMs: policy.tunnelTimeoutMs,
    });
    this.createdAt = now;
    this.heardAt = now;
    this.setupUntil = now + SETUP_TIMEOUT_MS;
  }
  /** The same, but one object for all calls in a row that are told alike. */
  shared(connected: CallConnected): CallConnected {
    const last = this.#connected as Readonly<Record<string, unknown>> | null;
    if (last === null || Object.entries(connected).some(([name, value]) => last[name] !== value))
      this.#connected = connected;
    return this.#connected!;
  }

  deadline(): number {
    if (this.closedUntil !== 0) return Math.min(this.closedUntil, this.transport.deadline());
    let own = this.state === 'established' ? this.helloAt : this.setupUntil;
    for (const oldest of this.waiting) {
      own = Math.min(own, oldest.waitingSince + SETUP_TIMEOUT_MS);
      break;
    }
    return Math.min(own, this.transport.deadline());
  }
}

/** A tunnel or session as `show` tells it. */
export interface TunnelView {
  readonly info: TunnelInfo;
  readonly state: TunnelState | 'closed';
  readonly window: number;
  readonly sessions: number;
  readonly established: number;
  readonly retransmissions: number;
}

/**
 * All control connections of one gateway, or of one LAC (RFC 2661): a value that takes datagrams and times and says
 * what to do. After a batch of calls `flush` sends the acknowledgements that nothing else carried.
 */
export class ControlEndpoint {
  readonly #options: EndpointOptions;
  readonly #builder: MessageBuilder;
  readonly #tunnels = new Map<number, Tunnel>();
  /** Tunnels set up by peers, by address, port and their Tunnel ID: a repeated SCCRQ finds its tunnel. */
  readonly #byPeer = new Map<string, Tunnel>();
  /**
   * In order of their SCCRQ: those that never opened, refused and closed ones too as long as they answer. Anybody can
   * make one of those with a false address.
   */
  readonly #halfOpen = new Set<Tunnel>();
  /** Tunnels of ours whose SCCRP has not come. */
  readonly #asked = new Set<Tunnel>();
  readonly #halfOpenBySource = new Map<string, Set<Tunnel>>();
  readonly #deadlines = new Deadlines<Tunnel>();
  readonly #sendList: Uint8Array[] = [];
  #dirty: Tunnel[] = [];
  /** Why nobody is let in any more. */
  #shutdown: Fault | null = null;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#builder = new MessageBuilder(options.crypto, options.random);
  }

  get tunnelCount(): number {
    return this.#tunnels.size;
  }

  // Input from the network.

  /** Takes one control message (T bit set) from `source`. Never throws. */
  receive(octets: Uint8Array, source: PeerAddress, now: number, out: ControlAction[]): void {
    const header = parseL2tpHeader(octets);
    if (typeof header === 'string') return this.#discard(header, source, out);
    if (!header.control) return this.#discard('control-flags', source, out);
    const { tunnelId, headerOctets, messageOctets } = header;
    if (tunnelId === 0) {
      this.#receiveFirst(octets, headerOctets, messageOctets, header.ns!, header.nr!, source, now, out);
      return;
    }
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined) return this.#discard('tunnel-unknown', source, out);
    if (source.port !== tunnel.peer.port || source.address !== tunnel.peer.address) {
      // Who is asked may answer from a port of its choice (section 8.1).
      const answers =
        tunnel.state === 'wait-ctl-reply' &&
        source.address === tunnel.peer.address &&
        typeOf(octets, headerOctets) === SCCRP;
      if (!answers || header.ns !== tunnel.transport.nr) return this.#discard('peer-address', source, out);
      tunnel.peer = source;
    }
    this.#receiveFor(tunnel, octets, headerOctets, messageOctets, header.sessionId, header.ns!, header.nr!, now, out);
  }

  /** What `source` is to a tunnel. A closed one that was open answers for itself, and counts as open. */
  standing(tunnelId: number, source: PeerAddress): TunnelStanding {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined || source.port !== tunnel.peer.port || source.address !== tunnel.peer.address)
      return 'none';
    return tunnel.opened ? 'open' : 'setting-up';
  }

  #receiveFor(
    tunnel: Tunnel,
    octets: Uint8Array,
    from: number,
    end: number,
    sessionId: number,
    ns: number,
    nr: number,
    now: number,
    out: ControlAction[],
  ): void {
    const { transport } = tunnel;
    tunnel.heardAt = now;
    // An Nr outside what was sent says nothing; a message that was overtaken carries an old one.
    if (!transport.acknowledge(nr, now, this.#sendList)) this.#discard('nr', tunnel.peer, out);
    this.#drain(tunnel, out);
    if (from !== end) {
      const message = octets.subarray(0, end);
      const verdict = transport.receive(ns, message);
      this.#touch(tunnel);
      if (verdict === 'in-order') {
        this.#process(tunnel, message, from, sessionId, now, out);
        for (let next = transport.takeAhead(); next !== null; next = transport.takeAhead())
          this.#process(tunnel, next, from, (next[6]! << 8) | next[7]!, now, out);
      } else if (verdict === 'duplicate') {
        this.#discard('duplicate', tunnel.peer, out);
      } else this.#discard(verdict === 'ahead' ? 'ahead' : 'window', tunnel.peer, out);
    }
    this.#deadlines.update(tunnel);
  }

  /** A message for no tunnel: an SCCRQ, or one that cannot be placed. */
  #receiveFirst(
    octets: Uint8Array,
    from: number,
    end: number,
    ns: number,
    nr: number,
    source: PeerAddress,
    now: number,
    out: ControlAction[],
  ): void {
    if (from === end) return this.#discard('tunnel-unknown', source, out);
    const message = parseControlMessage(octets, from, end, null, this.#options.crypto);
    const peerTunnelId = u16Of(message.values.get(AVP.assignedTunnelId));
    const key = `${source.address} ${source.port} ${peerTunnelId}`;
    const known = peerTunnelId === 0 ? undefined : this.#byPeer.get(key);
    if (message.type === STOPCCN) {
      // Section 4.4.3: the peer never learnt our ID, but says its own. Of an open tunnel it knows our ID.
      const meant = known ?? this.#openTo(source);
      if (meant === undefined || meant.opened) return this.#discard('not-sccrq', source, out);
      return this.#receiveFor(meant, octets, from, end, 0, ns, nr, now, out);
    }
    if (message.type !== SCCRQ) return this.#discard('not-sccrq', source, out);
    if (ns !== 0) return this.#discard('ahead', source, out);
    if (known !== undefined && !isLeftOver(known, now)) {
      // A repetition is acknowledged again, and nothing in it counts: anybody may send it in the peer's name.
      known.transport.owesAck = true;
      this.#touch(known);
      return this.#discard('duplicate', source, out);
    }
    this.#request(message, key, peerTunnelId, source, now, out);
  }

  /** A tunnel of ours that awaits an SCCRP from there. */
  #openTo(source: PeerAddress): Tunnel | undefined {
    for (const tunnel of this.#asked)
      if (tunnel.peer.address === source.address && tunnel.peer.port === source.port) return tunnel;
    return undefined;
  }

  /** The peer has opened this tunnel in the place of an earlier one, which it lost without a word. */
  #supersede(tunnel: Tunnel, now: number, out: ControlAction[]): void {
    const { earlier } = tunnel;
    tunnel.earlier = null;
    if (earlier === null || this.#tunnels.get(earlier.localId) !== earlier || earlier.closedUntil !== 0) return;
    // Without a StopCCN: the peer would take it for the new one's.
    const cause = { resultCode: 1, errorCode: 0, message: 'the peer has set the tunnel up anew', byPeer: true };
    this.#end(earlier, cause, now, out, true);
  }

  #request(
    message: ControlMessage,
    key: string,
    peerTunnelId: number,
    source: PeerAddress,
    now: number,
    out: ControlAction[],
  ): void {
    const { values } = message;
    let refusal: Fault | null = message.fault;
    if (refusal === null && values.get(AVP.protocolVersion)![0] !== 1)
      refusal = { resultCode: 5, errorCode: PROTOCOL_VERSION, message: 'only protocol version 1 is supported' };
    if (refusal === null && this.#shutdown !== null)
      return this.#refuseStateless(this.#shutdown, peerTunnelId, source, out);
    if (refusal === null && this.#loseTie(values.get(AVP.tieBreaker), source, now, out)) {
      this.#discard('tie', source, out);
      return;
    }
    let policy: TunnelPolicy | null = null;
    if (refusal === null) {
      const verdict: TunnelPolicy | Refusal = this.#options.authorize?.({
        hostName: textOf(values.get(AVP.hostName)),
        vendorName: textOf(values.get(AVP.vendorName)),
        source,
      }) ?? { refuse: true, resultCode: 4, errorCode: 0, message: 'no tunnels are accepted here' };
      if ('refuse' in verdict) {
        if (verdict.stateless === true) return this.#refuseStateless(verdict, peerTunnelId, source, out);
        refusal = verdict;
      } else {
        policy = verdict;
        if (values.has(AVP.challenge) && policy.secret === null)
          refusal = { resultCode: 4, errorCode: 0, message: 'challenged without a shared secret' };
      }
    }
    if (refusal !== null && peerTunnelId === 0) {
      // Nobody to answer: without its Tunnel ID the peer cannot place a StopCCN. Section 4.4.2 allows 0.
      this.#refuseStateless(refusal, 0, source, out);
      return;
    }
    const localId = this.#options.ids.allocate(source, (policy?.spread ?? 0) > 1);
    if (localId === 0) {
      this.#discard('limit', source, out);
      this.#refuseStateless(
        refusal ?? { resultCode: 2, errorCode: ERROR_RESOURCES, message: 'no Tunnel ID is free' },
        peerTunnelId,
        source,
        out,
      );
      return;
    }
    const tunnel = new Tunnel(localId, source, policy ?? REFUSED_POLICY, false, now);
    tunnel.peerId = peerTunnelId;
    tunnel.hostName = textOf(values.get(AVP.hostName));
    tunnel.vendorName = textOf(values.get(AVP.vendorName));
    tunnel.duplicateKey = key;
    tunnel.transport.receive(0, EMPTY);
    tunnel.transport.setPeerWindow(values.has(AVP.receiveWindowSize) ? u16Of(values.get(AVP.receiveWindowSize)) : 4);
    this.#tunnels.set(localId, tunnel);
    const before = this.#byPeer.get(key);
    if (before !== undefined) tunnel.earlier = before.opened ? before : before.earlier;
    this.#byPeer.set(key, tunnel);
    this.#touch(tunnel);
    this.#enterHalfOpen(tunnel, now, out);
    if (refusal !== null) {
      this.#tunnelInput(tunnel, 'recv-sccrq-unacceptable', refusal, now, out);
      return;
    }
    tunnel.challenge = policy!.secret === null ? null : this.#options.random.octets(CHALLENGE_OCTETS);
    this.#tunnelInput(tunnel, 'recv-sccrq', null, now, out, values.get(AVP.challenge));
  }

  /** Both sides asked at once (section 4.4.3, Tie Breaker). @returns true where the peer's request is to be dropped */
  #loseTie(theirs: Uint8Array | undefined, source: PeerAddress, now: number, out: ControlAction[]): boolean {
    let drop = false;
    for (const tunnel of [...this.#asked]) {
      if (tunnel.state !== 'wait-ctl-reply' || tunnel.peer.address !== source.address) continue;
      const ours = tunnel.tieBreaker;
      // Neither side wants a single tunnel: there are two.
      if (ours === null && theirs === undefined) continue;
      // The lower wins, one beats none; equal ones are both discarded, in silence.
      const order = ours === null ? 1 : theirs === undefined ? -1 : Buffer.compare(ours, theirs);
      if (order >= 0) {
        tunnel.transport.abandon();
        this.#tunnelInput(
          tunnel,
          'recv-sccrq-lost-tie',
          { resultCode: 3, errorCode: 0, message: 'lost the tie with the peer' },
          now,
          out,
        );
      }
      if (order <= 0) drop = true;
    }
    return drop;
  }

  #refuseStateless(fault: Fault, peerTunnelId: number, source: PeerAddress, out: ControlAction[]): void {
    const octets = this.#builder
      .begin(STOPCCN, peerTunnelId, 0, null)
      .u16(AVP.assignedTunnelId, 0)
      .result(fault.resultCode, fault.errorCode, fault.message)
      .end();
    octets[11] = 1; // Nr: the SCCRQ is acknowledged
    out.push({ do: 'transmit', to: source, tunnelId: 0, octets });
  }

  // Half-open control connections are bounded; the oldest gives way.

  #enterHalfOpen(tunnel: Tunnel, now: number, out: ControlAction[]): void {
    const { halfOpen, halfOpenPerSource } = this.#options.limits;
    const { address } = tunnel.peer;
    let ofSource = this.#halfOpenBySource.get(address);
    if (ofSource === undefined) {
      ofSource = new Set();
      this.#halfOpenBySource.set(address, ofSource);
    }
    const crowded =
      ofSource.size >= halfOpenPerSource ? ofSource : this.#halfOpen.size >= halfOpen ? this.#halfOpen : null;
    // A LAC takes no calls: it has room for one that it refuses.
    const oldest = crowded?.values().next().value;
    if (oldest !== undefined) {
      this.#discard('half-open', oldest.peer, out);
      this.#end(
        oldest,
        { resultCode: 2, errorCode: ERROR_RESOURCES, message: 'too many half-open tunnels', byPeer: false },
        now,
        out,
        false,
      );
      this.#forget(oldest);
      ofSource = this.#halfOpenBySource.get(address) ?? ofSource;
      this.#halfOpenBySource.set(address, ofSource);
    }
    this.#halfOpen.add(tunnel);
    ofSource.add(tunnel);
  }
  #leaveHalfOpen(tunnel: Tunnel): void {
    if (!this.#halfOpen.delete(tunnel)) return;
    const ofSource = this.#halfOpenBySource.get(tunnel.peer.address);
    ofSource?.delete(tunnel);
    if (ofSource?.size === 0) this.#halfOpenBySource.delete(tunnel.peer.address);
  }

  // Messages of a tunnel, in order.

  #process(
    tunnel: Tunnel,
    octets: Uint8Array,
    from: number,
    sessionId: number,
    now: number,
    out: ControlAction[],
  ): void {
    if (tunnel.closedUntil !== 0) return this.#discard('closed', tunnel.peer, out);
    const message = parseControlMessage(octets, from, octets.length, tunnel.policy.secret, this.#options.crypto);
    if (message.ignore) return this.#discard('message-ignored', tunnel.peer, out);
    if (message.fault !== null) this.#discard('malformed', tunnel.peer, out);
    if (tunnel.state === 'established' && tunnel.policy.helloIntervalMs > 0)
      tunnel.helloAt = now + tunnel.policy.helloIntervalMs;
    if (isSessionMessage(message.type)) {
      if (tunnel.state !== 'established') return this.#discard('message-ignored', tunnel.peer, out);
      this.#processCall(tunnel, message, sessionId, now, out);
      return;
    }
    const { type, values, fault } = message;
    if (type === STOPCCN) {
      const result = values.get(AVP.resultCode);
      this.#tunnelInput(tunnel, 'recv-stopccn', causeOf(result, 'StopCCN'), now, out);
      return;
    }
    if (fault !== null) {
      const input: TunnelInput =
        type === SCCRP ? 'recv-sccrp-unacceptable' : type === SCCCN ? 'recv-scccn-unacceptable' : 'close';
      this.#tunnelInput(tunnel, input, fault, now, out);
      return;
    }
    if (type === HELLO) return;
    const stateFault = {
      resultCode: 7,
      errorCode: 0,
      message: `${MESSAGE_NAMES[type]} in state ${tunnel.state}`,
    };
    if (type === SCCRQ) this.#tunnelInput(tunnel, 'recv-sccrq', stateFault, now, out);
    else if (type === SCCRP) {
      if (tunnel.state !== 'wait-ctl-reply') return this.#tunnelInput(tunnel, 'recv-sccrp', stateFault, now, out);
      tunnel.peerId = u16Of(values.get(AVP.assignedTunnelId));
      tunnel.hostName = textOf(values.get(AVP.hostName));
      tunnel.vendorName = textOf(values.get(AVP.vendorName));
      tunnel.transport.setPeerWindow(values.has(AVP.receiveWindowSize) ? u16Of(values.get(AVP.receiveWindowSize)) : 4);
      let refusal = this.#checkResponse(tunnel, SCCRP, values.get(AVP.challengeResponse));
      if (refusal === null && values.get(AVP.protocolVersion)![0] !== 1)
        refusal = { resultCode: 5, errorCode: PROTOCOL_VERSION, message: 'only protocol version 1 is supported' };
      if (refusal === null && values.has(AVP.challenge) && tunnel.policy.secret === null)
        refusal = { resultCode: 4, errorCode: 0, message: 'challenged without a shared secret' };
      if (refusal !== null) this.#tunnelInput(tunnel, 'recv-sccrp-unacceptable', refusal, now, out);
      else this.#tunnelInput(tunnel, 'recv-sccrp', null, now, out, values.get(AVP.challenge));
    } else if (type === SCCCN) {
      if (tunnel.state !== 'wait-ctl-conn') return this.#tunnelInput(tunnel, 'recv-scccn', stateFault, now, out);
      const refusal = this.#checkResponse(tunnel, SCCCN, values.get(AVP.challengeResponse));
      this.#tunnelInput(tunnel, refusal === null ? 'recv-scccn' : 'recv-scccn-unacceptable', refusal, now, out);
    }
  }

  /** Section 5.1.1. @returns null where the answer to our challenge is right, or none was asked */
  #checkResponse(tunnel: Tunnel, type: number, response: Uint8Array | undefined): Fault | null {
    if (tunnel.challenge === null || tunnel.policy.secret === null) return null;
    const expected = this.#options.crypto.challengeResponse(type, tunnel.policy.secret, tunnel.challenge);
    tunnel.challenge = null;
    if (response === undefined) return { resultCode: 4, errorCode: 0, message: 'no Challenge Response' };
    let difference = response.length ^ expected.length;
    for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ (response[i] ?? 0);
    return difference === 0 ? null : { resultCode: 4, errorCode: 0, message: 'wrong Challenge Response' };
  }

  /** One step of section 7.2.1. `fault` says why, where the step ends the tunnel. */
  #tunnelInput(
    tunnel: Tunnel,
    input: TunnelInput,
    fault: Fault | Cause | null,
    now: number,
    out: ControlAction[],
    challenge?: Uint8Array,
  ): void {
    const [next, ...actions] = TUNNEL_TABLE[tunnel.state][input];
    tunnel.state = next;
    for (const action of actions) {
      switch (action) {
        case 'send-sccrq':
          this.#send(tunnel, this.#introduce(tunnel, SCCRQ), now, out);
          break;
        case 'send-sccrp':
          this.#send(tunnel, this.#introduce(tunnel, SCCRP, challenge), now, out);
          break;
        case 'send-scccn': {
          const builder = this.#begin(tunnel, SCCCN, 0);
          if (challenge !== undefined && tunnel.policy.secret !== null)
            builder.octets(
              AVP.challengeResponse,
              this.#options.crypto.challengeResponse(SCCCN, tunnel.policy.secret, challenge),
            );
          this.#send(tunnel, builder.end(), now, out);
          break;
        }
        case 'tunnel-open':
          if (tunnel.opened) break;
          tunnel.opened = true;
          tunnel.openedAt = now;
          this.#leaveHalfOpen(tunnel);
          this.#asked.delete(tunnel);
          this.#supersede(tunnel, now, out);
          tunnel.helloAt =
            tunnel.policy.helloIntervalMs > 0 ? now + tunnel.policy.helloIntervalMs : Number.POSITIVE_INFINITY;
          out.push({ do: 'tell', event: 'tunnel-open', tunnel: infoOf(tunnel) });
          for (const session of tunnel.sessions.values())
            this.#callInput(tunnel, session, 'tunnel-open', null, now, out);
          break;
        case 'send-stopccn': {
          const cause = fault ?? REQUEST_TO_CLEAR;
          tunnel.transport.discardUnsent();
          const builder = this.#begin(tunnel, STOPCCN, 0)
            .u16(AVP.assignedTunnelId, tunnel.localId)
            .result(cause.resultCode, cause.errorCode, cause.message);
          this.#send(tunnel, builder.end(), now, out);
          break;
        }
        case 'clean-up': {
          const cause = fault ?? REQUEST_TO_CLEAR;
          this.#end(tunnel, { byPeer: false, ...cause }, now, out, true);
          break;
        }
      }
    }
    this.#deadlines.update(tunnel);
  }

  /** SCCRQ or SCCRP. */
  #introduce(tunnel: Tunnel, type: number, challenge?: Uint8Array): Uint8Array {
    const { hostName, vendorName, firmwareRevision, crypto } = this.#options;
    const { secret, receiveWindow } = tunnel.policy;
    const builder = this.#begin(tunnel, type, 0)
      .u16(AVP.protocolVersion, PROTOCOL_VERSION)
      .text(AVP.hostName, tunnel.policy.hostName ?? hostName)
      .u32(AVP.framingCapabilities, CAPABILITIES)
      // Section 4.4.3: an LNS that places no calls has no bearers.
      .u32(AVP.bearerCapabilities, this.#options.authorize === null ? CAPABILITIES : 0)
      .u16(AVP.firmwareRevision, firmwareRevision)
      .text(AVP.vendorName, vendorName)
      .u16(AVP.assignedTunnelId, tunnel.localId)
      .u16(AVP.receiveWindowSize, receiveWindow);
    if (tunnel.tieBreaker !== null) builder.octets(AVP.tieBreaker, tunnel.tieBreaker);
    if (tunnel.challenge !== null) builder.octets(AVP.challenge, tunnel.challenge);
    if (challenge !== undefined && secret !== null)
      builder.octets(AVP.challengeResponse, crypto.challengeResponse(type, secret, challenge));
    return builder.end();
  }

  #begin(tunnel: Tunnel, type: number, peerSessionId: number): MessageBuilder {
    const { policy } = tunnel;
    // SCCRQ and SCCRP introduce the ends to each other: a receiver learns from them who speaks, and so which secret
    // holds (xl2tpd takes it up only after them). Nothing in them is worth hiding.
    const secret = policy.hideAvps && type !== SCCRQ && type !== SCCRP ? policy.secret : null;
    return this.#builder.begin(type, tunnel.peerId, peerSessionId, secret);
  }
  #send(tunnel: Tunnel, octets: Uint8Array, now: number, out: ControlAction[]): void {
    tunnel.transport.send(octets, now, this.#sendList);
    this.#drain(tunnel, out);
    this.#deadlines.update(tunnel);
  }
  #drain(tunnel: Tunnel, out: ControlAction[]): void {
    for (const octets of this.#sendList)
      out.push({ do: 'transmit', to: tunnel.peer, tunnelId: tunnel.localId, octets });
    this.#sendList.length = 0;
  }

  /** Ends a tunnel and all its sessions; it goes on answering for its retention. */
  #end(tunnel: Tunnel, cause: Cause, now: number, out: ControlAction[], retain: boolean): void {
    if (tunnel.closedUntil !== 0) return;
    tunnel.state = 'idle';
    tunnel.closedUntil = retain ? now + RETENTION_MS : now;
    if (cause.byPeer) tunnel.transport.abandon();
    this.#asked.delete(tunnel);
    const ended = { ...cause, tunnel: true };
    for (const session of tunnel.sessions.values())
      if (session.state !== 'idle')
        out.push({
          do: 'tell',
          event: 'call-closed',
          tunnelId: tunnel.localId,
          sessionId: session.localId,
          cause: ended,
        });
    tunnel.sessions.clear();
    tunnel.byPeerId.clear();
    tunnel.waiting.clear();
    out.push({ do: 'tell', event: 'tunnel-closed', tunnelId: tunnel.localId, opened: tunnel.opened, cause });
    this.#deadlines.update(tunnel);
  }
  #forget(tunnel: Tunnel): void {
    // A second time its ID may be another's.
    if (this.#tunnels.get(tunnel.localId) !== tunnel) return;
    this.#tunnels.delete(tunnel.localId);
    this.#asked.delete(tunnel);
    if (this.#byPeer.get(tunnel.duplicateKey) === tunnel) {
      const { earlier } = tunnel;
      if (earlier !== null && this.#tunnels.get(earlier.localId) === earlier)
        this.#byPeer.set(tunnel.duplicateKey, earlier);
      else this.#byPeer.delete(tunnel.duplicateKey);
    }
    this.#leaveHalfOpen(tunnel);
    this.#options.ids.release(tunnel.localId);
  }

  // Calls.

  #processCall(tunnel: Tunnel, message: ControlMessage, sessionId: number, now: number, out: ControlAction[]): void {
    const { type, values, fault } = message;
    if (type === ICRQ) return this.#callRequested(tunnel, message, now, out);
    if (type === OCRQ) {
      // Outgoing calls are not offered: section 7.5.2, "not acceptable".
      this.#refuseCall(
        tunnel,
        u16Of(values.get(AVP.assignedSessionId)),
        fault ?? { resultCode: 5, errorCode: 0, message: 'outgoing calls are not supported' },
        now,
        out,
      );
      return;
    }
    // A CDN may come before the peer knows our Session ID: it names its own (section 4.4.4).
    const session =
      sessionId !== 0 ? tunnel.sessions.get(sessionId) : tunnel.byPeerId.get(u16Of(values.get(AVP.assignedSessionId)));
    if (session === undefined) return this.#discard('session-unknown', tunnel.peer, out);
    if (type === CDN) {
      this.#callInput(tunnel, session, 'recv-cdn', causeOf(values.get(AVP.resultCode), 'CDN'), now, out);
      return;
    }
    if (fault !== null) {
      const input: SessionInput =
        type === ICRP ? 'recv-icrp-unacceptable' : type === ICCN ? 'recv-iccn-unacceptable' : 'close';
      this.#callInput(tunnel, session, input, { ...fault, byPeer: false }, now, out);
      return;
    }
    const stateCause: Cause = {
      resultCode: 2,
      errorCode: ERROR_VALUE,
      message: `${MESSAGE_NAMES[type]} in state ${session.state}`,
      byPeer: false,
    };
    if (type === ICRP) {
      if (session.state === 'wait-reply') {
        session.peerId = u16Of(values.get(AVP.assignedSessionId));
        tunnel.byPeerId.set(session.peerId, session);
      }
      this.#callInput(tunnel, session, 'recv-icrp', stateCause, now, out);
    } else if (type === ICCN) this.#callInput(tunnel, session, 'recv-iccn', stateCause, now, out, values);
    else if (type === SLI) {
      const accm = values.get(AVP.accm)!;
      out.push({
        do: 'tell',
        event: 'link-info',
        tunnelId: tunnel.localId,
        sessionId: session.localId,
        sendAccm: u32Of(accm.subarray(2)),
        receiveAccm: u32Of(accm.subarray(6)),
      });
    } else if (type === WEN) {
      const errors = values.get(AVP.callErrors)!;
      out.push({
        do: 'tell',
        event: 'wan-error',
        tunnelId: tunnel.localId,
        sessionId: session.localId,
        errors: Array.from({ length: 6 }, (_, i) => u32Of(errors.subarray(2 + i * 4))),
      });
    } else if (type === OCRP || type === OCCN) this.#callInput(tunnel, session, 'close', stateCause, now, out);
  }

  #callRequested(tunnel: Tunnel, message: ControlMessage, now: number, out: ControlAction[]): void {
    const { values } = message;
    const peerSessionId = u16Of(values.get(AVP.assignedSessionId));
    let refusal: Fault | null = message.fault;
    if (refusal === null && this.#options.authorize === null)
      refusal = { resultCode: 4, errorCode: 0, message: 'no calls are accepted here' };
    const { maximumSessions } = tunnel.policy;
    if (refusal === null && maximumSessions > 0 && tunnel.sessions.size >= maximumSessions)
      refusal = { resultCode: 4, errorCode: 0, message: 'too many sessions in this tunnel' };
    const localId = refusal === null ? this.#sessionId(tunnel, now) : 0;
    if (refusal === null && localId === 0)
      refusal = { resultCode: 4, errorCode: ERROR_RESOURCES, message: 'no Session ID is free' };
    if (refusal !== null) return this.#refuseCall(tunnel, peerSessionId, refusal, now, out);
    // Messages come in order: a peer that gives an ID a second time has ended the first call, in silence. A CDN would
    // be taken for the new one's.
    const former = tunnel.byPeerId.get(peerSessionId);
    if (former !== undefined) {
      const cause = { resultCode: 2, errorCode: ERROR_SESSION_ID, message: 'the peer uses its ID anew', byPeer: true };
      this.#callInput(tunnel, former, 'recv-cdn', cause, now, out);
    }
    const session = new Session(localId, now);
    session.peerId = peerSessionId;
    tunnel.byPeerId.set(peerSessionId, session);
    tunnel.sessions.set(localId, session);
    out.push({
      do: 'tell',
      event: 'call-request',
      tunnelId: tunnel.localId,
      sessionId: localId,
      peerSessionId,
      call: {
        callSerialNumber: u32Of(values.get(AVP.callSerialNumber)),
        bearerType: u32Of(values.get(AVP.bearerType)),
        calledNumber: textOf(values.get(AVP.calledNumber)),
        callingNumber: textOf(values.get(AVP.callingNumber)),
        subAddress: textOf(values.get(AVP.subAddress)),
      } satisfies CallRequest,
    });
  }

  /** A CDN for a call that never had a session. */
  #refuseCall(tunnel: Tunnel, peerSessionId: number, fault: Fault, now: number, out: ControlAction[]): void {
    // Nobody will send for this ID: it need not rest.
    const localId = this.#sessionId(tunnel, now);
    const builder = this.#begin(tunnel, CDN, peerSessionId)
      .result(fault.resultCode, fault.errorCode, fault.message)
      .u16(AVP.assignedSessionId, localId);
    this.#send(tunnel, builder.end(), now, out);
  }

  /** An unpredictable Session ID that the peer cannot still be sending for; 0 where there is none. */
  #sessionId(tunnel: Tunnel, now: number): number {
    const { sessions, resting } = tunnel;
    for (const [id, until] of resting) {
      if (until > now) break;
      resting.delete(id);
    }
    const { spread = 0 } = tunnel.policy;
    const turn = spread > 1 ? tunnel.turn++ % spread : 0;
    for (let tries = 0; tries < 64; tries++) {
      let id = this.#options.random.u32() & 0xffff;
      if (spread > 1) id = Math.min(id - (id % spread) + turn, 0xffff);
      if (id !== 0 && !sessions.has(id) && !resting.has(id)) return id;
    }
    if (sessions.size + resting.size >= 65535) return 0;
    for (let id = 1; id < 65536; id++) if (!sessions.has(id) && !resting.has(id)) return id;
    return 0;
  }

  /** One step of sections 7.4.1 and 7.4.2. */
  #callInput(
    tunnel: Tunnel,
    session: Session,
    input: SessionInput,
    cause: Cause | null,
    now: number,
    out: ControlAction[],
    values?: ReadonlyMap<number, Uint8Array>,
  ): void {
    const [next, ...actions] = SESSION_TABLE[session.state][input];
    if (next !== session.state) {
      tunnel.waiting.delete(session);
      if (next === 'wait-reply' || next === 'wait-connect') {
        session.waitingSince = now;
        tunnel.waiting.add(session);
      }
    }
    session.state = next;
    for (const action of actions) {
      switch (action) {
        case 'send-icrq': {
          const call = session.parameters!;
          const builder = this.#begin(tunnel, ICRQ, 0)
            .u16(AVP.assignedSessionId, session.localId)
            .u32(AVP.callSerialNumber, call.callSerialNumber);
          if (call.bearerType !== undefined) builder.u32(AVP.bearerType, call.bearerType);
          if (call.calledNumber !== undefined) builder.text(AVP.calledNumber, call.calledNumber);
          if (call.callingNumber !== undefined) builder.text(AVP.callingNumber, call.callingNumber);
          this.#send(tunnel, builder.end(), now, out);
          break;
        }
        case 'send-icrp':
          this.#send(
            tunnel,
            this.#begin(tunnel, ICRP, session.peerId).u16(AVP.assignedSessionId, session.localId).end(),
            now,
            out,
          );
          break;
        case 'send-iccn': {
          const call = session.parameters!;
          const builder = this.#begin(tunnel, ICCN, session.peerId)
            .u32(AVP.txConnectSpeed, call.txConnectSpeed)
            .u32(AVP.framingType, call.framingType);
          for (const [attribute, value] of call.proxy ?? []) builder.octets(attribute, value);
          if (call.rxConnectSpeed !== undefined) builder.u32(AVP.rxConnectSpeed, call.rxConnectSpeed);
          if (call.sequencingRequired === true) builder.octets(AVP.sequencingRequired, EMPTY);
          this.#send(tunnel, builder.end(), now, out);
          break;
        }
        case 'call-open':
          session.openedAt = now;
          out.push({
            do: 'tell',
            event: 'call-open',
            tunnelId: tunnel.localId,
            sessionId: session.localId,
            peerSessionId: session.peerId,
            connected: tunnel.shared(values === undefined ? connectedBy(session.parameters!) : connectedFrom(values)),
          });
          break;
        case 'send-cdn': {
          const { resultCode, errorCode, message } = cause ?? REQUEST_TO_CLEAR;
          const builder = this.#begin(tunnel, CDN, session.peerId)
            .result(resultCode, errorCode, message)
            .u16(AVP.assignedSessionId, session.localId);
          this.#send(tunnel, builder.end(), now, out);
          break;
        }
        case 'clean-up':
          tunnel.sessions.delete(session.localId);
          if (tunnel.byPeerId.get(session.peerId) === session) tunnel.byPeerId.delete(session.peerId);
          tunnel.resting.set(session.localId, now + RETENTION_MS);
          out.push({
            do: 'tell',
            event: 'call-closed',
            tunnelId: tunnel.localId,
            sessionId: session.localId,
            cause: cause ?? REQUEST_TO_CLEAR,
          });
          break;
      }
    }
  }

  // What the driver asks for. Unknown IDs are ignored: the tunnel or session ended in the meantime.

  /** LAC: opens a tunnel to `peer`. @returns its Tunnel ID, 0 where none is free */
  openTunnel(peer: PeerAddress, policy: TunnelPolicy, now: number, out: ControlAction[], tie = false): number {
    const localId = this.#options.ids.allocate(peer);
    if (localId === 0) return 0;
    const tunnel = new Tunnel(localId, peer, policy, true, now);
    tunnel.challenge = policy.secret === null ? null : this.#options.random.octets(CHALLENGE_OCTETS);
    tunnel.tieBreaker = tie ? this.#options.random.octets(8) : null;
    this.#tunnels.set(localId, tunnel);
    this.#asked.add(tunnel);
    this.#tunnelInput(tunnel, 'open', null, now, out);
    return localId;
  }

  /** LAC: places a call in a tunnel, at once or as soon as it is open. @returns its Session ID, 0 where none is free */
  placeCall(tunnelId: number, parameters: CallParameters, now: number, out: ControlAction[]): number {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined || tunnel.closedUntil !== 0) return 0;
    const localId = this.#sessionId(tunnel, now);
    if (localId === 0) return 0;
    const session = new Session(localId, now);
    session.parameters = parameters;
    tunnel.sessions.set(localId, session);
    this.#callInput(tunnel, session, 'open', null, now, out);
    if (tunnel.state === 'established') this.#callInput(tunnel, session, 'tunnel-open', null, now, out);
    return localId;
  }

  /** LNS: accepts the call of a 'call-request'. */
  answerCall(tunnelId: number, sessionId: number, now: number, out: ControlAction[]): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const session = tunnel?.sessions.get(sessionId);
    if (tunnel !== undefined && session?.state === 'idle')
      this.#callInput(tunnel, session, 'recv-icrq', null, now, out);
  }
  /** LNS: refuses it. */
  rejectCall(tunnelId: number, sessionId: number, fault: Fault, now: number, out: ControlAction[]): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const session = tunnel?.sessions.get(sessionId);
    if (tunnel !== undefined && session?.state === 'idle')
      this.#callInput(tunnel, session, 'recv-icrq-unacceptable', { ...fault, byPeer: false }, now, out);
  }
  /** Ends a session with a CDN. */
  closeSession(tunnelId: number, sessionId: number, fault: Fault, now: number, out: ControlAction[]): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const session = tunnel?.sessions.get(sessionId);
    if (tunnel !== undefined && session !== undefined)
      this.#callInput(tunnel, session, 'close', { ...fault, byPeer: false }, now, out);
  }
  /** Ends a tunnel with a StopCCN. */
  closeTunnel(tunnelId: number, fault: Fault, now: number, out: ControlAction[]): void {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel !== undefined && tunnel.closedUntil === 0) this.#tunnelInput(tunnel, 'close', fault, now, out);
  }
  /** Ends all tunnels and lets no more in. The endpoint is done when `settled`. */
  shutdown(fault: Fault, now: number, out: ControlAction[]): void {
    this.#shutdown = fault;
    this.closeAll(fault, now, out);
  }
  /** Ends all tunnels; those to come are judged as ever. */
  closeAll(fault: Fault, now: number, out: ControlAction[]): void {
    for (const tunnel of [...this.#tunnels.values()]) this.closeTunnel(tunnel.localId, fault, now, out);
  }
  /**
   * Has every StopCCN been acknowledged?
   * @param opened of tunnels that were open: of the others anybody may have made thousands, and nobody answers
   */
  settled(opened = false): boolean {
    for (const tunnel of this.#tunnels.values())
      if (tunnel.transport.unacknowledged > 0 && (tunnel.opened || !opened)) return false;
    return true;
  }
  /** LNS: tells the LAC the negotiated ACCMs (section 6.14). */
  sendLinkInfo(
    tunnelId: number,
    sessionId: number,
    sendAccm: number,
    receiveAccm: number,
    now: number,
    out: ControlAction[],
  ): void {
    const found = this.#established(tunnelId, sessionId);
    if (found === null) return;
    const value = new Uint8Array(10);
    const view = new DataView(value.buffer);
    view.setUint32(2, sendAccm);
    view.setUint32(6, receiveAccm);
    this.#send(
      found.tunnel,
      this.#begin(found.tunnel, SLI, found.session.peerId).octets(AVP.accm, value).end(),
      now,
      out,
    );
  }
  /** LAC: reports errors of the call's line (section 6.13): CRC, framing, hardware overruns, buffer overruns, time-outs, alignment. */
  sendWanError(
    tunnelId: number,
    sessionId: number,
    errors: readonly number[],
    now: number,
    out: ControlAction[],
  ): void {
    const found = this.#established(tunnelId, sessionId);
    if (found === null) return;
    const value = new Uint8Array(26);
    const view = new DataView(value.buffer);
    for (let i = 0; i < 6; i++) view.setUint32(2 + i * 4, errors[i] ?? 0);
    this.#send(
      found.tunnel,
      this.#begin(found.tunnel, WEN, found.session.peerId).octets(AVP.callErrors, value).end(),
      now,
      out,
    );
  }
  #established(tunnelId: number, sessionId: number): { tunnel: Tunnel; session: Session } | null {
    const tunnel = this.#tunnels.get(tunnelId);
    const session = tunnel?.sessions.get(sessionId);
    return tunnel !== undefined && session?.state === 'established' ? { tunnel, session } : null;
  }

  // Time.

  /** The `now` at which `handleTimeout` next has work. */
  deadline(): number {
    return this.#deadlines.next();
  }

  handleTimeout(now: number, out: ControlAction[]): void {
    for (let tunnel = this.#deadlines.take(now); tunnel !== null; tunnel = this.#deadlines.take(now)) {
      // One that gave way to another is still in the heap.
      if (this.#tunnels.get(tunnel.localId) !== tunnel) continue;
      this.#timeout(tunnel, now, out);
      if (this.#tunnels.get(tunnel.localId) === tunnel) this.#deadlines.update(tunnel);
    }
  }
  #timeout(tunnel: Tunnel, now: number, out: ControlAction[]): void {
    const alive = tunnel.transport.handleTimeout(now, this.#sendList);
    this.#drain(tunnel, out);
    if (tunnel.closedUntil !== 0) {
      if (!alive || now >= tunnel.closedUntil) this.#forget(tunnel);
      return;
    }
    if (!alive) {
      this.#end(
        tunnel,
        { resultCode: 2, errorCode: 0, message: 'no acknowledgement from the peer', byPeer: true, silent: true },
        now,
        out,
        false,
      );
      this.#forget(tunnel);
      return;
    }
    if (tunnel.state === 'established') {
      for (const session of [...tunnel.waiting]) {
        if (now < session.waitingSince + SETUP_TIMEOUT_MS) break;
        const late = { resultCode: 10, errorCode: 0, message: 'set-up of the call took too long', byPeer: false };
        this.#callInput(tunnel, session, 'close', late, now, out);
      }
      if (now < tunnel.helloAt) return;
      // Data puts the HELLO off as well (section 5.5); so does what is still unacknowledged.
      const heard = Math.max(tunnel.heardAt, this.#options.lastHeard?.(tunnel.localId) ?? 0);
      const due = heard + tunnel.policy.helloIntervalMs;
      if (due > now) tunnel.helloAt = due;
      else {
        tunnel.helloAt = now + tunnel.policy.helloIntervalMs;
        if (tunnel.transport.unacknowledged === 0) this.#send(tunnel, this.#begin(tunnel, HELLO, 0).end(), now, out);
      }
    } else if (now >= tunnel.setupUntil) {
      this.#tunnelInput(tunnel, 'close', { resultCode: 2, errorCode: 0, message: 'set-up took too long' }, now, out);
    }
  }

  #touch(tunnel: Tunnel): void {
    if (tunnel.dirty) return;
    tunnel.dirty = true;
    this.#dirty.push(tunnel);
  }
  /** Sends the acknowledgements that no message has carried (ZLB, section 5.8). Call after each batch. */
  flush(_now: number, out: ControlAction[]): void {
    for (const tunnel of this.#dirty) {
      tunnel.dirty = false;
      const { transport } = tunnel;
      if (!transport.owesAck) continue;
      transport.owesAck = false;
      const octets = zeroLengthBody(tunnel.peerId, transport.ns, transport.nr);
      out.push({ do: 'transmit', to: tunnel.peer, tunnelId: tunnel.localId, octets });
    }
    if (this.#dirty.length > 0) this.#dirty = [];
  }

  /** What `show` needs of a tunnel; null where there is none. */
  view(tunnelId: number): TunnelView | null {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined) return null;
    let established = 0;
    for (const session of tunnel.sessions.values()) if (session.state === 'established') established++;
    return {
      info: infoOf(tunnel),
      state: tunnel.closedUntil !== 0 ? 'closed' : tunnel.state,
      window: tunnel.transport.window,
      sessions: tunnel.sessions.size,
      established,
      retransmissions: tunnel.transport.retransmissions,
    };
  }
  /** Tunnels that peers have begun and not yet finished setting up, in order of their SCCRQ. */
  *settingUp(): Generator<TunnelView> {
    for (const { localId } of this.#halfOpen) {
      const view = this.view(localId);
      if (view !== null && view.state !== 'closed') yield view;
    }
  }
  sessionState(tunnelId: number, sessionId: number): SessionState | null {
    return this.#tunnels.get(tunnelId)?.sessions.get(sessionId)?.state ?? null;
  }

  #discard(reason: ControlDiscard, source: PeerAddress, out: ControlAction[]): void {
    out.push({ do: 'tell', event: 'discarded', reason, source });
  }
}

const EMPTY = new Uint8Array(0);

/** Message Type where it stands first, as it must; -1 where it does not. */
const typeOf = (octets: Uint8Array, from: number): number =>
  octets.length >= from + 8 &&
  octets[from + 2] === 0 &&
  octets[from + 3] === 0 &&
  octets[from + 4] === 0 &&
  octets[from + 5] === 0
    ? (octets[from + 6]! << 8) | octets[from + 7]!
    : -1;

/**
 * Is this tunnel of the peer's earlier life? An SCCRQ with its addresses and Tunnel ID is no repetition when the tunnel
 * was open and has closed, or has been open for longer than any peer repeats (section 5.7): the peer began anew.
 */
const isLeftOver = (tunnel: Tunnel, now: number): boolean =>
  tunnel.opened && (tunnel.closedUntil !== 0 || now - tunnel.openedAt > RETENTION_MS);
/** A refused tunnel lives only until its StopCCN is acknowledged. */
const REFUSED_POLICY: TunnelPolicy = {
  secret: null,
  hideAvps: false,
  helloIntervalMs: 0,
  retransmitCapMs: 8000,
  tunnelTimeoutMs: RETENTION_MS,
  receiveWindow: 4,
  maximumSendWindow: 4,
  maximumSessions: 0,
  tag: null,
};

const infoOf = (tunnel: Tunnel): TunnelInfo => ({
  tunnelId: tunnel.localId,
  peerTunnelId: tunnel.peerId,
  peer: tunnel.peer,
  hostName: tunnel.hostName,
  vendorName: tunnel.vendorName,
  policy: tunnel.policy,
});

/** What a Result Code AVP says; a missing or short one ends the tunnel or call all the same. */
function causeOf(value: Uint8Array | undefined, what: string): Cause {
  if (value === undefined)
    return { resultCode: 0, errorCode: 0, message: `${what} without a Result Code`, byPeer: true };
  return {
    resultCode: u16Of(value),
    errorCode: value.length >= 4 ? u16Of(value.subarray(2)) : 0,
    message: value.length > 4 ? textOf(value.subarray(4)) : '',
    byPeer: true,
  };
}

function connectedFrom(values: ReadonlyMap<number, Uint8Array>): CallConnected {
  const txConnectSpeed = u32Of(values.get(AVP.txConnectSpeed));
  const octets = (attribute: number): Uint8Array | null => values.get(attribute)?.slice() ?? null;
  return {
    txConnectSpeed,
    rxConnectSpeed: values.has(AVP.rxConnectSpeed) ? u32Of(values.get(AVP.rxConnectSpeed)) : txConnectSpeed,
    framingType: u32Of(values.get(AVP.framingType)),
    sequencingRequired: values.has(AVP.sequencingRequired),
    initialReceivedConfreq: octets(AVP.initialReceivedConfreq),
    lastSentConfreq: octets(AVP.lastSentConfreq),
    lastReceivedConfreq: octets(AVP.lastReceivedConfreq),
    proxyAuthenType: values.has(AVP.proxyAuthenType) ? u16Of(values.get(AVP.proxyAuthenType)) : null,
    proxyAuthenName: octets(AVP.proxyAuthenName),
    proxyAuthenChallenge: octets(AVP.proxyAuthenChallenge),
    proxyAuthenId: values.has(AVP.proxyAuthenId) ? u16Of(values.get(AVP.proxyAuthenId)) & 0xff : null,
    proxyAuthenResponse: octets(AVP.proxyAuthenResponse),
  };
}
function connectedBy(call: CallParameters): CallConnected {
  return {
    txConnectSpeed: call.txConnectSpeed,
    rxConnectSpeed: call.rxConnectSpeed ?? call.txConnectSpeed,
    framingType: call.framingType,
    sequencingRequired: call.sequencingRequired ?? false,
    initialReceivedConfreq: null,
    lastSentConfreq: null,
    lastReceivedConfreq: null,
    proxyAuthenType: null,
    proxyAuthenName: null,
    proxyAuthenChallenge: null,
    proxyAuthenId: null,
    proxyAuthenResponse: null,
  };
}
