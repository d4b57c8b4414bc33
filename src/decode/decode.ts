// L2TP taken apart for people and for comparison with other decoders: every field as it stands, and what is wrong
// with it. The server's own parser decides what is a fault; here a faulty message is still shown.
import { createHash } from 'node:crypto';
import type { PeerAddress } from '../wire/address.ts';
import { AVP, AVP_DEFINITIONS, AVP_HEADER, AVP_HIDDEN, AVP_LENGTH, AVP_MANDATORY, AVP_RESERVED } from '../wire/avp.ts';
import type { L2tpCrypto } from '../wire/crypto.ts';
import {
  FLAG_L,
  FLAG_O,
  FLAG_S,
  FLAG_T,
  type HeaderFault,
  type L2tpHeader,
  parseL2tpHeader,
  VERSION_MASK,
} from '../wire/l2tp.ts';
import { be16 } from '../wire/ppp.ts';
import { avpText } from './avp.ts';
import { Network } from './network.ts';
import type { CapturedFrame } from './pcap.ts';
import { agreesToShortSequence, type DecodedPpp, decodePpp, NOT_SHOWN } from './ppp.ts';
import type { Shown } from './text.ts';

/** Header fields that are there. */
export type DecodedHeader = Pick<
  L2tpHeader,
  'control' | 'flags' | 'version' | 'length' | 'ns' | 'nr' | 'offsetSize'
> & {
  /** null where the message ends before. */
  readonly tunnelId: number | null;
  readonly sessionId: number | null;
};

export interface DecodedAvp {
  readonly vendor: number;
  readonly attribute: number;
  readonly name: string;
  readonly mandatory: boolean;
  readonly hidden: boolean;
  /** The Length field. */
  readonly length: number;
  /** As on the wire: cipher text in a hidden AVP. null: a password that is not shown. */
  readonly value: Uint8Array | null;
  /** A hidden AVP's value in clear; null where it is not hidden, cannot be deciphered, or is not shown. */
  readonly clear: Uint8Array | null;
  /** The value for people. */
  readonly text: Shown;
}

export interface DecodedControl {
  /** Message Type; null in a ZLB, and where there is none. */
  readonly type: number | null;
  readonly avps: readonly DecodedAvp[];
}

export interface DecodedFrame {
  readonly number: number;
  readonly timeNs: bigint;
  readonly source: PeerAddress | null;
  readonly destination: PeerAddress | null;
  /** The UDP payload; null where the frame is PPP without L2TP. */
  readonly datagram: Uint8Array | null;
  readonly header: DecodedHeader | null;
  readonly control: DecodedControl | null;
  readonly ppp: DecodedPpp | null;
  /** What is wrong with the frame. */
  readonly notes: readonly string[];
}

export interface DecodeOptions {
  /** UDP port of L2TP besides 1701: datagrams from or to it with Ver 2 are decoded. */
  readonly ports?: readonly number[];
  /** Shared secret of the tunnels, to unhide AVPs with. */
  readonly secret?: Uint8Array;
  /** Needed along with `secret`. */
  readonly crypto?: L2tpCrypto;
  /** Multilink header: as the capture's LCP negotiated, long where it does not show it; or the one given. */
  readonly multilink?: 'auto' | 'short' | 'long';
  /** Show passwords: of PAP, and the Proxy Authen Response. */
  readonly passwords?: boolean;
}

const L2TP_PORT = 1701;

const FAULTS: Record<HeaderFault, string> = {
  runt: 'the datagram ends inside the L2TP header',
  version: 'Ver is not 2',
  length: 'Length or Offset Size points outside the datagram',
  'control-flags': 'a control message without L or S, or with O',
};

/** Decodes the frames of one capture, in their order. */
export class Decoder {
  readonly #options: DecodeOptions;
  readonly #ports: ReadonlySet<number>;
  readonly #network = new Network();
  /** Directions of sessions that agreed to short multilink headers. */
  readonly #short = new Map<string, boolean>();

  constructor(options: DecodeOptions = {}) {
    this.#options = options;
    this.#ports = new Set(options.ports ?? []);
  }

  /** Packets in IP fragments that never became whole. */
  get incomplete(): number {
    return this.#network.incomplete;
  }

  /** @returns null where the frame is neither L2TP nor PPP. Never throws. */
  take(frame: CapturedFrame): DecodedFrame | null {
    const content = this.#network.take(frame);
    const at = { number: frame.number, timeNs: frame.timeNs };
    if (content.kind === 'udp') {
      const { source, destination, payload } = content;
      const notes = content.note === null ? [] : [content.note];
      if (this.#isL2tp(source.port, destination.port, payload))
        return { ...at, source, destination, datagram: payload, ...this.#l2tp(source, destination, payload, notes) };
      if (content.carrier === null) return null;
      return this.#bare(at, content.carrier, notes);
    }
    if (content.kind === 'ppp') return this.#bare(at, content.octets, content.note === null ? [] : [content.note]);
    return null;
  }

  #isL2tp(source: number, destination: number, payload: Uint8Array): boolean {
    if (source === L2TP_PORT || destination === L2TP_PORT) return true;
    if (!this.#ports.has(source) && !this.#ports.has(destination)) return false;
    return payload.length >= 6 && (payload[1]! & VERSION_MASK) === 2;
  }

  /** A PPP frame of the capture's own link. */
  #bare(at: { number: number; timeNs: bigint }, octets: Uint8Array, notes: string[]): DecodedFrame {
    const ppp = this.#ppp('', octets, notes);
    return { ...at, source: null, destination: null, datagram: null, header: null, control: null, ppp, notes };
  }

  #l2tp(
    source: PeerAddress,
    destination: PeerAddress,
    octets: Uint8Array,
    notes: string[],
  ): Pick<DecodedFrame, 'header' | 'control' | 'ppp' | 'notes'> {
    if (octets.length < 2) return { header: null, control: null, ppp: null, notes: [...notes, FAULTS.runt] };
    const parsed = parseL2tpHeader(octets);
    if (typeof parsed === 'string') notes.push(FAULTS[parsed]);
    const { header, from, end } = typeof parsed === 'string' ? readHeader(octets) : locate(parsed);
    // Another version has another header behind its first fields.
    if (header.version !== 2 || from > end) return { header, control: null, ppp: null, notes };
    if (header.control) return { header, control: this.#control(octets, from, end, notes), ppp: null, notes };
    const direction = `${source.address} ${source.port} ${destination.address} ${destination.port} ${header.tunnelId} ${header.sessionId}`;
    const ppp = this.#ppp(direction, octets.subarray(from, end), notes);
    if (ppp === null) notes.push('no PPP frame');
    return { header, control: null, ppp, notes };
  }

  /** @param direction names the sender's end of the session */
  #ppp(direction: string, octets: Uint8Array, notes: string[]): DecodedPpp | null {
    const agreed = agreesToShortSequence(octets);
    if (agreed !== null) this.#short.set(direction, agreed);
    const { multilink = 'auto', passwords = false } = this.#options;
    const shortSequence = multilink === 'auto' ? (this.#short.get(direction) ?? false) : multilink === 'short';
    const ppp = decodePpp(octets, { shortSequence, passwords });
    for (let part = ppp; part !== null; part = part.inner) if (part.note !== null) notes.push(part.note);
    return ppp;
  }

  /** AVPs (section 4.1), as far as they can be told apart. */
  #control(octets: Uint8Array, from: number, end: number, notes: string[]): DecodedControl {
    const avps: DecodedAvp[] = [];
    let type: number | null = null;
    let vector: Uint8Array | null = null;
    let at = from;
    while (end - at >= AVP_HEADER) {
      const head = be16(octets, at);
      const length = head & AVP_LENGTH;
      const vendor = be16(octets, at + 2);
      const attribute = be16(octets, at + 4);
      const definition = vendor === 0 ? AVP_DEFINITIONS[attribute] : undefined;
      const name = definition?.name ?? (vendor === 0 ? `AVP ${attribute}` : `AVP ${vendor}/${attribute}`);
      if (length < AVP_HEADER) {
        notes.push(`${name} has a Length of ${length}`);
        return { type, avps };
      }
      const value = octets.subarray(at + AVP_HEADER, Math.min(at + length, end));
      if (at + length > end) notes.push(`${name} has a Length of ${length}, ${end - at} octets are left`);
      if ((head & AVP_RESERVED) !== 0) notes.push(`${name} has reserved bits set`);
      const hidden = (head & AVP_HIDDEN) !== 0;
      const clear = hidden ? this.#unhide(name, attribute, vector, value, notes) : value;
      if (
        clear !== null &&
        definition !== undefined &&
        (clear.length < definition.min || clear.length > definition.max)
      )
        notes.push(`${name} of ${clear.length} octets`);
      if (vendor === 0 && attribute === AVP.messageType && type === null && clear !== null) type = numberOf(clear);
      if (vendor === 0 && attribute === AVP.randomVector && !hidden) vector = value;
      const secret = vendor === 0 && attribute === AVP.proxyAuthenResponse && this.#options.passwords !== true;
      avps.push({
        vendor,
        attribute,
        name,
        mandatory: (head & AVP_MANDATORY) !== 0,
        hidden,
        length,
        value: secret && !hidden ? null : value,
        clear: hidden && !secret ? clear : null,
        text:
          clear === null
            ? `hidden, ${value.length} octets`
            : secret
              ? NOT_SHOWN
              : avpText(vendor, attribute, type, clear),
      });
      at += length;
    }
    if (at < end) notes.push(`${end - at} octets after the last AVP`);
    if (type === null && end > from) notes.push('no Message Type');
    return { type, avps };
  }

  /** Section 4.3, with the Random Vector before (section 4.4.1: the nearest counts). */
  #unhide(
    name: string,
    attribute: number,
    vector: Uint8Array | null,
    value: Uint8Array,
    notes: string[],
  ): Uint8Array | null {
    const { secret, crypto } = this.#options;
    if (vector === null) notes.push(`${name} is hidden without a Random Vector`);
    if (vector === null || secret === undefined || crypto === undefined) return null;
    const clear = crypto.unhide(attribute, secret, vector, value);
    if (clear === null) notes.push(`${name} cannot be deciphered: another secret?`);
    return clear;
  }
}

interface Located {
  readonly header: DecodedHeader;
  /** Where the AVPs or the PPP frame begin and end. */
  readonly from: number;
  readonly end: number;
}

const locate = (header: L2tpHeader): Located => ({ header, from: header.headerOctets, end: header.messageOctets });

/** Reads what there is of a header that `parseL2tpHeader` refuses. */
function readHeader(octets: Uint8Array): Located {
  let at = 0;
  const next = (): number | null => {
    const value = at + 2 <= octets.length ? be16(octets, at) : null;
    at += 2;
    return value;
  };
  const flags = next() ?? 0;
  const length = flags & FLAG_L ? next() : null;
  const tunnelId = next();
  const sessionId = next();
  const ns = flags & FLAG_S ? next() : null;
  const nr = flags & FLAG_S ? next() : null;
  const offsetSize = flags & FLAG_O ? next() : null;
  const header = {
    control: (flags & FLAG_T) !== 0,
    flags,
    version: flags & VERSION_MASK,
    length,
    tunnelId,
    sessionId,
    ns,
    nr,
    offsetSize,
  };
  return { header, from: at + (offsetSize ?? 0), end: Math.min(length ?? octets.length, octets.length) };
}

const numberOf = (octets: Uint8Array): number => octets.reduce((value, octet) => value * 256 + octet, 0);

/** First eight octets of the SHA-256 of a datagram, by which two decoders know that they speak of the same. */
export const fingerprint = (octets: Uint8Array): string =>
  createHash('sha256').update(octets).digest('hex').slice(0, 16);
