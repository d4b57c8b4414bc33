import { endpointKey } from '../wire/lcp.ts';
import {
  be16,
  buildFrame,
  CODE_REJECT,
  CONFIGURE_REQUEST,
  DISCARD_REQUEST,
  ECHO_REPLY,
  ECHO_REQUEST,
  IDENTIFICATION,
  octets32,
  PPP_IPCP,
  PPP_IPV4,
  PPP_LCP,
  type PppPacket,
  PROTOCOL_REJECT,
  parsePacket,
  TERMINATE_ACK,
  TIME_REMAINING,
} from '../wire/ppp.ts';
import { Ipcp, type IpcpOwner } from './ipcp.ts';
import type { AddressAssignment, MultilinkResult, PppAction, PppEnd } from './types.ts';

/** What comes out of a bundle: `send` by any member link, with or without a multilink header (RFC 1990 section 2). */
export type BundleAction = Extract<
  PppAction,
  | { do: 'send' }
  | { do: 'request-address' }
  | { do: 'tell'; event: 'network-open' | 'network-down' }
  | { do: 'tell'; event: 'finished' }
>;

export interface BundleOptions {
  /** `server`: gives addresses; `client`: asks for one. */
  readonly role: 'server' | 'client';
  /** Who was authenticated on the first link. */
  readonly name: string;
  /** What was agreed on with the first link. */
  readonly multilink: MultilinkResult;
}

/**
 * The key of a link's bundle (RFC 1990 section 5.1.3, cases 1 to 4): links with equal keys MUST share a bundle, others
 * MUST NOT. An empty name is "no authentication", a missing discriminator Class 0 without an address. Ours is in it,
 * since a LAC may have shown another one to the peer, which then has another bundle.
 */
export function bundleKey(name: string, multilink: MultilinkResult): string {
  return `${endpointKey(multilink.localDiscriminator)} ${endpointKey(multilink.peerDiscriminator)} ${name}`;
}

/**
 * Whether a link with the right key may join.
 * @param bundle what the first link agreed on
 * @returns null, or why not: one MRRU and one sequence format a bundle and direction (sections 5.1.1, 5.1.2)
 */
export function mismatch(bundle: MultilinkResult, link: MultilinkResult): string | null {
  if (link.peerMrru !== bundle.peerMrru) return `MRRU ${link.peerMrru} where the bundle has ${bundle.peerMrru}`;
  if (link.localMrru !== bundle.localMrru)
    return `our MRRU is ${link.localMrru} where the bundle has ${bundle.localMrru}`;
  if (link.peerShortSequence !== bundle.peerShortSequence || link.localShortSequence !== bundle.localShortSequence)
    return 'another format of sequence numbers than the bundle has';
  return null;
}

/**
 * The network side of a bundle: the NCPs run here, once, whatever links come and go (RFC 1990 sections 2, 7 and 8). The
 * driver makes one when its first link is ready, and calls `down` when the last is gone.
 */
export class BundleNetwork implements IpcpOwner {
  readonly #options: BundleOptions;
  ipcp: Ipcp | null = null;
  #identifier = 0;
  #asking = false;
  #finished = false;
  /** IPCP is Opened. */
  up = false;

  constructor(options: BundleOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }
  get multilink(): MultilinkResult {
    return this.#options.multilink;
  }

  /** The first link is ready: the network phase begins. */
  start(now: number, out: BundleAction[]): void {
    if (this.#options.role === 'server') {
      this.#asking = true;
      out.push({ do: 'request-address', name: this.name });
    } else this.#startIpcp(null, now, out);
  }
  /** The answer to 'request-address'; null: there is none to give, and the bundle ends. */
  addressAssigned(assignment: AddressAssignment | null, now: number, out: BundleAction[]): void {
    if (!this.#asking || this.#finished) return;
    this.#asking = false;
    if (assignment === null) this.#finish('no-address', 'no address is free', out);
    else this.#startIpcp(assignment, now, out);
  }
  #startIpcp(assignment: AddressAssignment | null, now: number, out: BundleAction[]): void {
    this.ipcp = new Ipcp(assignment, this.#options.multilink.peerMrru, this);
    this.ipcp.input('Open', now, out);
    this.ipcp.input('Up', now, out);
  }
  /** The last link is gone, or the bundle is to end: 'network-down' where it was open. */
  down(now: number, out: BundleAction[]): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#asking = false;
    this.ipcp?.input('Down', now, out);
  }

  deadline(): number {
    return this.#finished ? Number.POSITIVE_INFINITY : (this.ipcp?.deadline() ?? Number.POSITIVE_INFINITY);
  }
  handleTimeout(now: number, out: BundleAction[]): void {
    if (!this.#finished) this.ipcp?.handleTimeout(now, out);
  }

  /**
   * Takes a frame from its protocol field on: reassembled, or as it came over a member link ('to-bundle'). Never throws.
   * Leading zeroes in the protocol field, and Address and Control, are taken as section 2 asks.
   */
  receive(frame: Uint8Array, now: number, out: BundleAction[]): void {
    if (this.#finished) return;
    let from = frame.length >= 2 && frame[0] === 0xff && frame[1] === 0x03 ? 2 : 0;
    if (frame.length < from + 1) return;
    let protocol = frame[from]!;
    if ((protocol & 1) === 0) {
      if (frame.length < from + 2) return;
      protocol = be16(frame, from);
      from += 2;
    } else from += 1;
    if (protocol === PPP_LCP) {
      const packet = parsePacket(frame, from);
      if (packet !== null) this.#lcp(packet, now, out);
      return;
    }
    if (protocol === PPP_IPCP) {
      const packet = parsePacket(frame, from);
      if (packet === null || this.ipcp === null) return;
      this.ipcp.receive(packet, now, out);
      if (this.ipcp.refused && !this.#finished) this.#finish('no-address', 'the peer does not take the address', out);
      return;
    }
    // The path delivers it; before IPCP is Opened it is silently discarded (RFC 1332 section 2).
    if (protocol === PPP_IPV4) return;
    this.#rejectProtocol(protocol, frame.subarray(from), out);
  }

  /** Section 2: no negotiation of LCP on the bundle, but what does not change its defaults. */
  #lcp(packet: PppPacket, now: number, out: BundleAction[]): void {
    const { code, data } = packet;
    if (code >= CONFIGURE_REQUEST && code <= TERMINATE_ACK) return;
    switch (code) {
      case ECHO_REQUEST: {
        if (data.length < 4) return;
        // No magic number on a bundle: zero (RFC 1661 section 5.8).
        const reply = data.slice();
        reply.set(octets32(0), 0);
        this.#send(ECHO_REPLY, packet.identifier, reply, out);
        return;
      }
      case PROTOCOL_REJECT:
        if (data.length >= 2 && be16(data, 0) === PPP_IPCP) this.ipcp?.input('RXJ-', now, out);
        return;
      case CODE_REJECT:
      case ECHO_REPLY:
      case DISCARD_REQUEST:
      case IDENTIFICATION:
      case TIME_REMAINING:
        return;
      default: {
        const whole = buildFrame(PPP_LCP, code, packet.identifier, data).subarray(4);
        this.#send(CODE_REJECT, this.#nextIdentifier(), whole.subarray(0, this.#room()), out);
      }
    }
  }
  #rejectProtocol(protocol: number, information: Uint8Array, out: BundleAction[]): void {
    const data = new Uint8Array(Math.min(2 + information.length, this.#room()));
    data[0] = protocol >>> 8;
    data[1] = protocol & 0xff;
    data.set(information.subarray(0, data.length - 2), 2);
    this.#send(PROTOCOL_REJECT, this.#nextIdentifier(), data, out);
  }
  /** Octets of data that a packet may have: it must fit any link unfragmented, so not more than the default MRU. */
  #room(): number {
    return Math.min(this.#options.multilink.peerMrru, 1500) - 4;
  }
  #nextIdentifier(): number {
    this.#identifier = (this.#identifier + 1) & 0xff;
    return this.#identifier;
  }
  #send(code: number, identifier: number, data: Uint8Array, out: BundleAction[]): void {
    out.push({ do: 'send', frame: buildFrame(PPP_LCP, code, identifier, data), priority: false });
  }

  // From IPCP.

  ipcpUp(_now: number, out: BundleAction[]): void {
    const ipcp = this.ipcp!;
    const server = ipcp.assignment !== null;
    this.up = true;
    out.push({
      do: 'tell',
      event: 'network-open',
      address: server ? ipcp.peerAddress : ipcp.localAddress,
      localAddress: server ? ipcp.localAddress : ipcp.peerAddress,
      assignment: ipcp.assignment,
    });
  }
  ipcpDown(_now: number, out: BundleAction[]): void {
    this.up = false;
    out.push({ do: 'tell', event: 'network-down' });
  }
  ipcpFinished(_now: number, out: BundleAction[]): void {
    if (!this.#finished) this.#finish('network-failed', 'IPCP did not open', out);
  }
  #finish(reason: PppEnd, message: string, out: BundleAction[]): void {
    this.#finished = true;
    out.push({ do: 'tell', event: 'finished', reason, message });
  }
}
