import { ENDPOINT_NULL, type EndpointDiscriminator, endpointValue, NO_ENDPOINT, parseEndpoint } from '../wire/lcp.ts';
import {
  be16,
  be32,
  CONFIGURE_ACK,
  CONFIGURE_NAK,
  CONFIGURE_REJECT,
  DISCARD_REQUEST,
  ECHO_REPLY,
  ECHO_REQUEST,
  IDENTIFICATION,
  LCP_ACCM,
  LCP_ACFC,
  LCP_AUTHENTICATION,
  LCP_ENDPOINT,
  LCP_MAGIC,
  LCP_MRRU,
  LCP_MRU,
  LCP_PFC,
  LCP_SHORT_SEQUENCE,
  octets32,
  PPP_LCP,
  type PppOption,
  type PppPacket,
  PROTOCOL_REJECT,
  TIME_REMAINING,
} from '../wire/ppp.ts';
import { authMethod, authValue } from './chap.ts';
import { ControlProtocol, type Judgement } from './protocol.ts';
import type {
  AuthMethod,
  LcpResult,
  MultilinkOptions,
  MultilinkResult,
  PppAction,
  PppEnd,
  PppOptions,
} from './types.ts';

/** What the default is where the option is not negotiated (RFC 1661 section 6.1). */
const DEFAULT_MRU = 1500;
/** Smaller than this carries no IPv4 packet (RFC 791). */
const LEAST_MRU = 68;
/** Configure-Requests and Naks with our own magic number after which the line is taken for looped back. */
const LOOPS_MAX = 5;
/** Naks of our MRRU after which the link runs plain: the bundle's value cannot be changed (RFC 1990 section 5.1.1). */
const MRRU_NAKS_MAX = 3;

const EMPTY = new Uint8Array(0);
/** Options of a LAC's Configure-Request that can be ours. */
const ADOPTED: ReadonlySet<number> = new Set([
  LCP_MRU,
  LCP_ACCM,
  LCP_AUTHENTICATION,
  LCP_MAGIC,
  LCP_PFC,
  LCP_ACFC,
  LCP_MRRU,
  LCP_SHORT_SEQUENCE,
  LCP_ENDPOINT,
]);
const types = (options: readonly PppOption[]): string => options.map(({ type }) => type).join(', ');
const mruValue = (mru: number): Uint8Array => new Uint8Array([mru >>> 8, mru & 0xff]);

/** What `Lcp` tells the link that it belongs to. */
export interface LcpOwner {
  lcpUp(now: number, out: PppAction[]): void;
  lcpDown(now: number, out: PppAction[]): void;
  lcpFinished(now: number, out: PppAction[]): void;
  /** The peer rejects a whole protocol. */
  protocolRejected(protocol: number, now: number, out: PppAction[]): void;
}

/** What the peer asked for, and was acknowledged. */
interface PeerOptions {
  mru: number;
  acfc: boolean;
  pfc: boolean;
  magic: number;
  accm: number | null;
  /** 0: not offered. */
  mrru: number;
  shortSequence: boolean;
  endpoint: EndpointDiscriminator;
}
const noOptions = (): PeerOptions => ({
  mru: DEFAULT_MRU,
  acfc: false,
  pfc: false,
  magic: 0,
  accm: null,
  mrru: 0,
  shortSequence: false,
  endpoint: NO_ENDPOINT,
});

/** Link Control Protocol (RFC 1661 sections 5 and 6). */
export class Lcp extends ControlProtocol {
  readonly #options: PppOptions;
  readonly #owner: LcpOwner;
  #mru = DEFAULT_MRU;
  #magic = 0;
  #wantMru = true;
  #wantMagic = true;
  #wantPfc = false;
  #wantAcfc = false;
  /** Index of the method that is demanded; -1 for none. */
  #method = -1;
  /** What is still offered of multilink: null for nothing, without short numbers or discriminator once they are refused. */
  #multilink: MultilinkOptions | null = null;
  #mrruNaks = 0;
  /** A LAC negotiated it (RFC 2661 section 4.4.5). */
  #proxied = false;
  #loops = 0;
  #peer = noOptions();
  /** Client: what the peer demands. */
  demanded: AuthMethod | null = null;
  /** Why it is going down, where that is known. */
  end: PppEnd | null = null;

  constructor(options: PppOptions, owner: LcpOwner) {
    super(PPP_LCP);
    this.#options = options;
    this.#owner = owner;
    this.reset();
  }

  protected reset(): void {
    const { mru, compression, role, authentication, multilink = null } = this.#options;
    this.#mru = mru;
    this.#magic = this.#newMagic();
    this.#wantMru = true;
    this.#wantMagic = true;
    this.#wantPfc = compression;
    this.#wantAcfc = compression;
    this.#multilink = multilink;
    this.#mrruNaks = 0;
    this.#method = role === 'server' && authentication.length > 0 ? 0 : -1;
    this.#proxied = false;
  }

  /** Server: the method that the peer agreed to. */
  get method(): AuthMethod | null {
    return this.#method < 0 ? null : this.#options.authentication[this.#method]!;
  }
  get result(): LcpResult {
    return {
      peerMru: this.#peer.mru,
      localMru: this.#mru,
      peerAcfc: this.#peer.acfc,
      peerPfc: this.#peer.pfc,
      localMagic: this.#wantMagic ? this.#magic : 0,
      peerMagic: this.#peer.magic,
      peerAccm: this.#peer.accm,
      multilink: this.#agreed(),
      proxied: this.#proxied,
    };
  }
  #agreed(): MultilinkResult | null {
    const own = this.#multilink;
    if (own === null || this.#peer.mrru === 0) return null;
    return {
      localMrru: own.mrru,
      peerMrru: this.#peer.mrru,
      localShortSequence: own.shortSequence,
      peerShortSequence: this.#peer.shortSequence,
      localDiscriminator: own.endpointDiscriminator,
      peerDiscriminator: this.#peer.endpoint,
    };
  }
  #newMagic(): number {
    return this.#options.random.u32() || 1;
  }

  protected request(): PppOption[] {
    const options: PppOption[] = [];
    if (this.#wantMru) options.push({ type: LCP_MRU, value: mruValue(this.#mru) });
    const { method } = this;
    if (method !== null) options.push({ type: LCP_AUTHENTICATION, value: authValue(method) });
    if (this.#wantMagic) options.push({ type: LCP_MAGIC, value: octets32(this.#magic) });
    if (this.#wantPfc) options.push({ type: LCP_PFC, value: EMPTY });
    if (this.#wantAcfc) options.push({ type: LCP_ACFC, value: EMPTY });
    const multilink = this.#multilink;
    if (multilink !== null) {
      options.push({ type: LCP_MRRU, value: mruValue(multilink.mrru) });
      // RFC 1990 section 11.1: never by itself.
      if (multilink.shortSequence) options.push({ type: LCP_SHORT_SEQUENCE, value: EMPTY });
      if (multilink.endpointDiscriminator.class !== ENDPOINT_NULL)
        options.push({ type: LCP_ENDPOINT, value: endpointValue(multilink.endpointDiscriminator) });
    }
    return options;
  }

  protected judge(options: readonly PppOption[], insist: boolean): Judgement {
    const rejected: PppOption[] = [];
    const naked: PppOption[] = [];
    const peer = noOptions();
    const multilink = (this.#options.multilink ?? null) !== null;
    const offered = this.#multilink !== null && options.some(({ type }) => type === LCP_MRRU);
    let demanded: AuthMethod | null = null;
    for (const option of options) {
      const { type, value } = option;
      switch (type) {
        case LCP_MRU:
          if (value.length !== 2 || be16(value, 0) < LEAST_MRU) naked.push({ type, value: mruValue(DEFAULT_MRU) });
          else peer.mru = be16(value, 0);
          break;
        case LCP_ACCM:
          if (value.length !== 4) naked.push({ type, value: octets32(0) });
          else peer.accm = be32(value, 0);
          break;
        case LCP_AUTHENTICATION: {
          // We are the authenticator, or a client that answers what it has credentials for.
          const method = authMethod(value);
          const { role, authentication } = this.#options;
          if (role === 'server' || authentication.length === 0) rejected.push(option);
          else if (method === null || !authentication.includes(method))
            naked.push({ type, value: authValue(authentication[0]!) });
          else demanded = method;
          break;
        }
        case LCP_MAGIC:
          if (value.length !== 4 || be32(value, 0) === 0) naked.push({ type, value: octets32(this.#newMagic()) });
          else if (be32(value, 0) === this.#magic && this.#wantMagic) {
            // Section 6.4: our own request has come back, or a coincidence. Nothing else in it is worth an answer.
            this.#loops++;
            return { code: CONFIGURE_NAK, options: [{ type, value: octets32(this.#newMagic()) }] };
          } else peer.magic = be32(value, 0);
          break;
        case LCP_PFC:
          if (value.length !== 0) naked.push({ type, value: EMPTY });
          else peer.pfc = true;
          break;
        case LCP_ACFC:
          if (value.length !== 0) naked.push({ type, value: EMPTY });
          else peer.acfc = true;
          break;
        case LCP_MRRU:
          // Both ends or none: a peer that has rejected ours runs plain.
          if (!offered) rejected.push(option);
          else if (value.length !== 2 || be16(value, 0) < LEAST_MRU) naked.push({ type, value: mruValue(DEFAULT_MRU) });
          else peer.mrru = be16(value, 0);
          break;
        case LCP_SHORT_SEQUENCE:
          if (!offered) rejected.push(option);
          else if (value.length !== 0) naked.push({ type, value: EMPTY });
          else peer.shortSequence = true;
          break;
        case LCP_ENDPOINT: {
          // RFC 1990 section 11.4: it is never Naked; one that is invalid is rejected.
          const endpoint = multilink ? parseEndpoint(value) : null;
          if (endpoint === null) rejected.push(option);
          else peer.endpoint = endpoint;
          break;
        }
        default:
          rejected.push(option);
      }
    }
    if (rejected.length > 0) return { code: CONFIGURE_REJECT, options: rejected };
    if (naked.length > 0)
      return insist
        ? { code: CONFIGURE_NAK, options: naked }
        : { code: CONFIGURE_REJECT, options: options.filter((one) => naked.some((nak) => nak.type === one.type)) };
    this.#peer = peer;
    this.demanded = demanded;
    return { code: CONFIGURE_ACK, options: [...options] };
  }

  protected naked(options: readonly PppOption[]): void {
    for (const { type, value } of options) {
      if (type === LCP_MRU && value.length === 2) {
        // The peer would have us take less; never more than we can.
        const mru = be16(value, 0);
        if (mru >= LEAST_MRU && mru <= this.#options.mru) this.#mru = mru;
        else this.#wantMru = this.#options.mru !== DEFAULT_MRU;
      } else if (type === LCP_MAGIC) {
        if (value.length === 4 && be32(value, 0) === this.#magic) this.#loops++;
        this.#magic = this.#newMagic();
      } else if (type === LCP_PFC) this.#wantPfc = false;
      else if (type === LCP_ACFC) this.#wantAcfc = false;
      else if (type === LCP_MRRU) {
        // Every link of a bundle offers the same value: the hint cannot be taken.
        if (++this.#mrruNaks >= MRRU_NAKS_MAX) this.#multilink = null;
      } else if (type === LCP_ENDPOINT) this.#offer({ endpointDiscriminator: NO_ENDPOINT });
      else if (type === LCP_AUTHENTICATION && this.#method >= 0) {
        // What it proposes, where that is still ours to demand; otherwise our next one. Never one that it has refused.
        const { authentication } = this.#options;
        const wanted = authMethod(value);
        const index = wanted === null ? -1 : authentication.indexOf(wanted, this.#method + 1);
        if (index >= 0) this.#method = index;
        else if (this.#method + 1 < authentication.length) this.#method++;
        else this.end ??= 'authentication-refused';
      }
    }
  }
  protected rejected(options: readonly PppOption[]): void {
    for (const { type } of options) {
      if (type === LCP_MRU) {
        this.#wantMru = false;
        this.#mru = DEFAULT_MRU;
      } else if (type === LCP_MAGIC) this.#wantMagic = false;
      else if (type === LCP_PFC) this.#wantPfc = false;
      else if (type === LCP_ACFC) this.#wantAcfc = false;
      else if (type === LCP_MRRU) this.#multilink = null;
      else if (type === LCP_SHORT_SEQUENCE) this.#offer({ shortSequence: false });
      else if (type === LCP_ENDPOINT) this.#offer({ endpointDiscriminator: NO_ENDPOINT });
      else if (type === LCP_AUTHENTICATION) this.end ??= 'authentication-refused';
    }
  }
  #offer(change: Partial<MultilinkOptions>): void {
    if (this.#multilink !== null) this.#multilink = { ...this.#multilink, ...change };
  }
  /** The negotiation cannot succeed: to be looked at after each packet. */
  get hopeless(): boolean {
    if (this.#loops > LOOPS_MAX) this.end ??= 'loop';
    return this.end === 'loop' || this.end === 'authentication-refused';
  }

  /**
   * Takes over what a LAC agreed on (RFC 2661 section 4.4.5): Opened without a packet. Both lists are free of doubles.
   * @param sent options of its Configure-Request, now ours @param received the peer's
   * @returns null, or why it is nothing that we could have agreed to: then nothing has changed
   */
  adopt(sent: readonly PppOption[], received: readonly PppOption[], now: number, out: PppAction[]): string | null {
    const wrong = this.#adoptOwn(sent) ?? this.#adoptPeer(received);
    if (wrong !== null) {
      this.reset();
      return wrong;
    }
    this.#proxied = true;
    this.open(now, out);
    return null;
  }
  #adoptOwn(sent: readonly PppOption[]): string | null {
    const { mru, compression, authentication, multilink = null } = this.#options;
    const value = (type: number): Uint8Array | null => sent.find((option) => option.type === type)?.value ?? null;
    for (const { type } of sent) if (!ADOPTED.has(type)) return `the LAC asked for option ${type}`;
    const bad = (what: string): string => `the LAC's ${what} is nothing that we can keep`;
    const [mruOption, magic, method] = [value(LCP_MRU), value(LCP_MAGIC), value(LCP_AUTHENTICATION)];
    if (mruOption !== null && (mruOption.length !== 2 || be16(mruOption, 0) > mru || be16(mruOption, 0) < LEAST_MRU))
      return bad('MRU');
    if (magic !== null && (magic.length !== 4 || be32(magic, 0) === 0)) return bad('Magic-Number');
    if (!compression && (value(LCP_PFC) ?? value(LCP_ACFC)) !== null) return bad('compression of header fields');
    this.#wantMru = mruOption !== null;
    this.#mru = mruOption === null ? DEFAULT_MRU : be16(mruOption, 0);
    this.#wantMagic = magic !== null;
    this.#magic = magic === null ? 0 : be32(magic, 0);
    this.#wantPfc = value(LCP_PFC) !== null;
    this.#wantAcfc = value(LCP_ACFC) !== null;
    const agreed = method === null ? null : authMethod(method);
    this.#method = agreed === null ? -1 : authentication.indexOf(agreed);
    const [mrru, endpoint] = [value(LCP_MRRU), value(LCP_ENDPOINT)];
    if (mrru === null) {
      this.#multilink = null;
      return value(LCP_SHORT_SEQUENCE) === null ? null : bad('short sequence numbers without MRRU');
    }
    if (multilink === null || mrru.length !== 2 || be16(mrru, 0) > multilink.mrru || be16(mrru, 0) < LEAST_MRU)
      return bad('MRRU');
    const endpointDiscriminator = endpoint === null ? NO_ENDPOINT : parseEndpoint(endpoint);
    if (endpointDiscriminator === null) return bad('Endpoint Discriminator');
    this.#multilink = {
      mrru: be16(mrru, 0),
      shortSequence: value(LCP_SHORT_SEQUENCE) !== null,
      endpointDiscriminator,
    };
    return null;
  }
  #adoptPeer(received: readonly PppOption[]): string | null {
    const { code, options } = this.judge(received, true);
    return code === CONFIGURE_ACK ? null : `the client has options that we do not grant: ${types(options)}`;
  }

  protected layerUp(now: number, out: PppAction[]): void {
    this.#loops = 0;
    this.#owner.lcpUp(now, out);
  }
  protected layerDown(now: number, out: PppAction[]): void {
    this.#owner.lcpDown(now, out);
  }
  protected layerFinished(now: number, out: PppAction[]): void {
    this.#owner.lcpFinished(now, out);
  }
  protected peerMru(): number {
    return this.state === 'Opened' ? this.#peer.mru : DEFAULT_MRU;
  }

  protected extra(packet: PppPacket, now: number, out: PppAction[]): boolean {
    const { code, data } = packet;
    switch (code) {
      case ECHO_REQUEST: {
        // The path answers most of them; section 5.8: only in Opened.
        if (this.state !== 'Opened' || data.length < 4) return true;
        const reply = data.slice();
        if (this.#wantMagic && be32(data, 0) === this.#magic) {
          this.#loops++;
          return true;
        }
        reply.set(octets32(this.#wantMagic ? this.#magic : 0), 0);
        this.send(ECHO_REPLY, packet.identifier, reply, out);
        return true;
      }
      case PROTOCOL_REJECT:
        if (this.state !== 'Opened' || data.length < 2) return true;
        if (be16(data, 0) === PPP_LCP) this.input('RXJ-', now, out);
        else this.#owner.protocolRejected(be16(data, 0), now, out);
        return true;
      case ECHO_REPLY:
      case DISCARD_REQUEST:
      case IDENTIFICATION:
      case TIME_REMAINING:
        if (this.state === 'Opened') this.input('RXR', now, out);
        return true;
      default:
        return false;
    }
  }

  /** Rejects a protocol that we do not speak (section 5.7): only in Opened, cut to the peer's MRU. */
  rejectProtocol(protocol: number, information: Uint8Array, out: PppAction[]): void {
    if (this.state !== 'Opened') return;
    const data = new Uint8Array(Math.min(2 + information.length, Math.max(2, this.#peer.mru - 4)));
    data[0] = protocol >>> 8;
    data[1] = protocol & 0xff;
    data.set(information.subarray(0, data.length - 2), 2);
    this.send(PROTOCOL_REJECT, this.nextIdentifier(), data, out);
  }
}
