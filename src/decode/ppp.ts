// PPP frames taken apart for people: protocols, codes and options by name (RFC 1661, 1332, 1334, 1877, 1990, 1994).
import { formatAddress, formatIpv4 } from '../wire/address.ts';
import {
  be16,
  be32,
  CODE_REJECT,
  CONFIGURE_ACK,
  CONFIGURE_REJECT,
  CONFIGURE_REQUEST,
  DISCARD_REQUEST,
  ECHO_REQUEST,
  IDENTIFICATION,
  IPCP_ADDRESS,
  IPCP_ADDRESSES,
  IPCP_COMPRESSION,
  IPCP_PRIMARY_DNS,
  IPCP_PRIMARY_NBNS,
  IPCP_SECONDARY_DNS,
  IPCP_SECONDARY_NBNS,
  LCP_ACCM,
  LCP_ACFC,
  LCP_AUTHENTICATION,
  LCP_CODE_NAMES,
  LCP_ENDPOINT,
  LCP_MAGIC,
  LCP_MRRU,
  LCP_MRU,
  LCP_PFC,
  LCP_QUALITY,
  LCP_SHORT_SEQUENCE,
  PPP_CCP,
  PPP_CHAP,
  PPP_IPCP,
  PPP_IPV4,
  PPP_IPV6CP,
  PPP_LCP,
  PPP_MULTILINK,
  PPP_PAP,
  PPP_PROTOCOL_NAMES,
  PROTOCOL_REJECT,
  parseOptions,
  parsePacket,
  TERMINATE_ACK,
  TERMINATE_REQUEST,
  TIME_REMAINING,
} from '../wire/ppp.ts';
import { hexNumber, peerText, type Shown, toHex } from './text.ts';

/** What is shown in place of a password. */
export const NOT_SHOWN = '(not shown)';

export interface DecodedOption {
  readonly type: number;
  readonly name: string;
  /** The value for people; empty where the option has none. */
  readonly text: string;
}

/** A packet of a control or authentication protocol. */
export interface DecodedPacket {
  readonly code: number;
  readonly codeName: string;
  readonly identifier: number;
  /** Of a Configure packet; null elsewhere. */
  readonly options: readonly DecodedOption[] | null;
  /** What else is in it: name and value for people. */
  readonly fields: readonly (readonly [name: string, value: Shown])[];
}

/** Header of a multilink fragment (RFC 1990 section 3). */
export interface DecodedMultilink {
  readonly begin: boolean;
  readonly end: boolean;
  readonly sequence: number;
  readonly short: boolean;
  readonly payloadOctets: number;
}

export interface DecodedPpp {
  readonly protocol: number;
  readonly protocolName: string;
  readonly packet: DecodedPacket | null;
  readonly multilink: DecodedMultilink | null;
  /** The frame in a fragment that is whole (B and E). */
  readonly inner: DecodedPpp | null;
  /** Of a network packet: what it is, in a few words. */
  readonly summary: string | null;
  /** What is wrong, null for nothing. */
  readonly note: string | null;
}

export interface PppDecodeOptions {
  /** Multilink fragments have the short header: 12 bits of sequence number. */
  readonly shortSequence: boolean;
  /** Show passwords. */
  readonly passwords: boolean;
}

const PPP_IPV6 = 0x0057;
const PPP_EAP = 0xc227;

/** Names that only a decoder needs. */
const MORE_PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  45: 'VJ-Compressed-TCP',
  47: 'VJ-Uncompressed-TCP',
  251: 'Compressed-in-link',
  641: 'MPLS',
  32809: 'ATCP',
  32811: 'IPXCP',
  32851: 'ECP',
  33019: 'CCP-in-link',
  33409: 'MPLSCP',
  49195: 'BACP',
  49197: 'BAP',
  [PPP_EAP]: 'EAP',
};

export const pppProtocolName = (protocol: number): string =>
  PPP_PROTOCOL_NAMES[protocol] ?? MORE_PROTOCOL_NAMES[protocol] ?? hexNumber(protocol, 4);

const PAP_CODES: Readonly<Record<number, string>> = {
  1: 'Authenticate-Request',
  2: 'Authenticate-Ack',
  3: 'Authenticate-Nak',
};
const CHAP_CODES: Readonly<Record<number, string>> = { 1: 'Challenge', 2: 'Response', 3: 'Success', 4: 'Failure' };
const EAP_CODES: Readonly<Record<number, string>> = { 1: 'Request', 2: 'Response', 3: 'Success', 4: 'Failure' };
const CCP_CODES: Readonly<Record<number, string>> = { 14: 'Reset-Request', 15: 'Reset-Ack' };
const CODE_TABLES: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [PPP_LCP]: LCP_CODE_NAMES,
  [PPP_PAP]: PAP_CODES,
  [PPP_CHAP]: CHAP_CODES,
  [PPP_EAP]: EAP_CODES,
  [PPP_CCP]: CCP_CODES,
};

const CHAP_ALGORITHMS: Readonly<Record<number, string>> = { 5: 'MD5', 128: 'MS-CHAP', 129: 'MS-CHAP-V2' };
const ENDPOINT_CLASSES: Readonly<Record<number, string>> = {
  0: 'null',
  1: 'local',
  2: 'IP',
  3: 'MAC',
  4: 'magic',
  5: 'directory number',
};

type Show = (value: Uint8Array) => string;
const nothing: Show = () => '';
const u16: Show = (value) => (value.length === 2 ? `${be16(value, 0)}` : toHex(value));
const u32Hex: Show = (value) => (value.length === 4 ? hexNumber(be32(value, 0), 8) : toHex(value));
const ipv4: Show = (value) => (value.length === 4 ? formatIpv4(be32(value, 0)) : toHex(value));
const interfaceId: Show = (value) =>
  value.length === 8 ? [0, 2, 4, 6].map((at) => be16(value, at).toString(16)).join(':') : toHex(value);
const authentication: Show = (value) => {
  if (value.length < 2) return toHex(value);
  const protocol = be16(value, 0);
  const rest = value.subarray(2);
  if (rest.length === 0) return pppProtocolName(protocol);
  const algorithm = protocol === PPP_CHAP && rest.length === 1 ? CHAP_ALGORITHMS[rest[0]!] : undefined;
  return `${pppProtocolName(protocol)} ${algorithm ?? toHex(rest)}`;
};
const protocolAndRest: Show = (value) =>
  value.length < 2
    ? toHex(value)
    : `${pppProtocolName(be16(value, 0))}${value.length > 2 ? ` ${toHex(value.subarray(2))}` : ''}`;
const endpoint: Show = (value) =>
  value.length < 1
    ? ''
    : `${ENDPOINT_CLASSES[value[0]!] ?? `class ${value[0]}`}${value.length > 1 ? ` ${toHex(value.subarray(1))}` : ''}`;

type OptionTable = Readonly<Record<number, readonly [name: string, show: Show]>>;
const LCP_OPTIONS: OptionTable = {
  [LCP_MRU]: ['MRU', u16],
  [LCP_ACCM]: ['ACCM', u32Hex],
  [LCP_AUTHENTICATION]: ['Authentication-Protocol', authentication],
  [LCP_QUALITY]: ['Quality-Protocol', protocolAndRest],
  [LCP_MAGIC]: ['Magic-Number', u32Hex],
  [LCP_PFC]: ['PFC', nothing],
  [LCP_ACFC]: ['ACFC', nothing],
  9: ['FCS-Alternatives', toHex],
  10: ['Self-Describing-Padding', toHex],
  13: ['Callback', toHex],
  15: ['Compound-Frames', nothing],
  [LCP_MRRU]: ['MRRU', u16],
  [LCP_SHORT_SEQUENCE]: ['Short-Sequence-Number', nothing],
  [LCP_ENDPOINT]: ['Endpoint-Discriminator', endpoint],
  23: ['Link-Discriminator', u16],
};
const IPCP_OPTIONS: OptionTable = {
  [IPCP_ADDRESSES]: ['IP-Addresses', toHex],
  [IPCP_COMPRESSION]: ['IP-Compression-Protocol', protocolAndRest],
  [IPCP_ADDRESS]: ['IP-Address', ipv4],
  4: ['Mobile-IPv4', ipv4],
  [IPCP_PRIMARY_DNS]: ['Primary-DNS', ipv4],
  [IPCP_PRIMARY_NBNS]: ['Primary-NBNS', ipv4],
  [IPCP_SECONDARY_DNS]: ['Secondary-DNS', ipv4],
  [IPCP_SECONDARY_NBNS]: ['Secondary-NBNS', ipv4],
};
const IPV6CP_OPTIONS: OptionTable = {
  1: ['Interface-Identifier', interfaceId],
  2: ['IPv6-Compression-Protocol', protocolAndRest],
};
const CCP_OPTIONS: OptionTable = {
  0: ['OUI', toHex],
  1: ['Predictor-1', toHex],
  2: ['Predictor-2', toHex],
  17: ['Stac-LZS', toHex],
  18: ['MPPC', u32Hex],
  21: ['BSD-Compress', toHex],
  24: ['Deflate-draft', toHex],
  26: ['Deflate', toHex],
};
const OPTION_TABLES: Readonly<Record<number, OptionTable>> = {
  [PPP_LCP]: LCP_OPTIONS,
  [PPP_IPCP]: IPCP_OPTIONS,
  [PPP_IPV6CP]: IPV6CP_OPTIONS,
  [PPP_CCP]: CCP_OPTIONS,
};

/** @returns null where an option's Length lies */
export function decodeOptions(protocol: number, data: Uint8Array): DecodedOption[] | null {
  const table = OPTION_TABLES[protocol] ?? {};
  return (
    parseOptions(data)?.map(({ type, value }) => {
      const [name, show] = table[type] ?? [`option ${type}`, toHex];
      return { type, name, text: show(value) };
    }) ?? null
  );
}

/** Options of an LCP Configure packet, as the proxy LCP AVPs hold them. */
export const lcpOptionsText = (data: Uint8Array): string | null => {
  const options = decodeOptions(PPP_LCP, data);
  return options === null ? null : formatOptions(options);
};
export const formatOptions = (options: readonly DecodedOption[]): string =>
  options.map(({ name, text }) => (text === '' ? `<${name}>` : `<${name} ${text}>`)).join(' ');

/**
 * The protocol number of a frame, and where it ends (RFC 1661 sections 2 and 6.5, 6.6): Address and Control may be
 * there, and a number whose first octet is odd has one octet.
 * @returns null where the frame ends before
 */
export function pppProtocolOf(octets: Uint8Array): { protocol: number; payloadAt: number } | null {
  const at = octets.length >= 2 && octets[0] === 0xff && octets[1] === 0x03 ? 2 : 0;
  if (octets.length <= at) return null;
  if (octets[at]! & 1) return { protocol: octets[at]!, payloadAt: at + 1 };
  return octets.length < at + 2 ? null : { protocol: be16(octets, at), payloadAt: at + 2 };
}

/** Does this frame say that its sender will use, or not use, short multilink headers? null: neither. */
export function agreesToShortSequence(octets: Uint8Array): boolean | null {
  const head = pppProtocolOf(octets);
  if (head === null || head.protocol !== PPP_LCP) return null;
  const packet = parsePacket(octets, head.payloadAt);
  if (packet === null || packet.code !== CONFIGURE_ACK) return null;
  const options = parseOptions(packet.data);
  // A Configure-Ack takes on what the other end wants to receive (RFC 1990 section 5.1.2).
  return options?.some(({ type }) => type === LCP_SHORT_SEQUENCE) ?? null;
}

const UNKNOWN = { packet: null, multilink: null, inner: null, summary: null, note: null };

/** Takes a frame apart. Never throws. @param octets from Address and Control, or from the protocol field */
export function decodePpp(octets: Uint8Array, options: PppDecodeOptions, depth = 0): DecodedPpp | null {
  const head = pppProtocolOf(octets);
  if (head === null) return null;
  const { protocol, payloadAt } = head;
  const decoded: DecodedPpp = { ...UNKNOWN, protocol, protocolName: pppProtocolName(protocol) };
  if (protocol === PPP_MULTILINK) return { ...decoded, ...decodeMultilink(octets.subarray(payloadAt), options, depth) };
  if (protocol === PPP_IPV4 || protocol === PPP_IPV6)
    return { ...decoded, summary: summarizeIp(octets.subarray(payloadAt)) };
  // Control protocols: 0x8000 and above (RFC 1661 section 2). LQR is no packet with a code.
  if (protocol < 0x8000 || protocol === 0xc025) return { ...decoded, summary: `${octets.length - payloadAt} octets` };
  return { ...decoded, ...decodePacket(protocol, octets, payloadAt, options.passwords) };
}

function decodeMultilink(
  octets: Uint8Array,
  options: PppDecodeOptions,
  depth: number,
): Pick<DecodedPpp, 'multilink' | 'inner' | 'note'> {
  const short = options.shortSequence;
  const header = short ? 2 : 4;
  if (octets.length < header) return { multilink: null, inner: null, note: 'multilink header cut short' };
  const begin = (octets[0]! & 0x80) !== 0;
  const end = (octets[0]! & 0x40) !== 0;
  const payload = octets.subarray(header);
  return {
    multilink: {
      begin,
      end,
      sequence: short ? be16(octets, 0) & 0x0fff : be32(octets, 0) & 0x00ffffff,
      short,
      payloadOctets: payload.length,
    },
    // Multilink is not nested (RFC 1990 section 2).
    inner: begin && end && depth === 0 && payload.length > 0 ? decodePpp(payload, options, 1) : null,
    note: null,
  };
}

function decodePacket(
  protocol: number,
  octets: Uint8Array,
  from: number,
  passwords: boolean,
): Pick<DecodedPpp, 'packet' | 'note'> {
  if (octets.length < from + 4) return { packet: null, note: `${pppProtocolName(protocol)} packet cut short` };
  const whole = parsePacket(octets, from);
  const [code, identifier, length] = [octets[from]!, octets[from + 1]!, be16(octets, from + 2)];
  const data = whole?.data ?? octets.subarray(from + 4);
  const note = whole === null ? `Length is ${length}, ${octets.length - from} octets are there` : null;
  const packet = { code, codeName: codeName(protocol, code), identifier, options: null, fields: [] };
  if (protocol === PPP_PAP) return { packet: { ...packet, fields: papFields(code, data, passwords) }, note };
  if (protocol === PPP_CHAP) return { packet: { ...packet, fields: chapFields(code, data) }, note };
  // Others of 0xc000 and above have codes of their own.
  if (protocol >= 0xc000 && protocol !== PPP_LCP) return { packet, note };
  if (code >= CONFIGURE_REQUEST && code <= CONFIGURE_REJECT) {
    const options = note === null ? decodeOptions(protocol, data) : null;
    return {
      packet: { ...packet, options },
      note: note ?? (options === null ? 'an option with a false Length' : null),
    };
  }
  return { packet: { ...packet, fields: controlFields(protocol, code, data) }, note };
}

function codeName(protocol: number, code: number): string {
  let name = CODE_TABLES[protocol]?.[code];
  // The codes up to Code-Reject are common to LCP and the NCPs.
  if (name === undefined && protocol < 0xc000 && code >= CONFIGURE_REQUEST && code <= CODE_REJECT)
    name = LCP_CODE_NAMES[code];
  return name ?? `code ${code}`;
}

type Fields = (readonly [name: string, value: Shown])[];

/** RFC 1334 section 2.2. */
function papFields(code: number, data: Uint8Array, passwords: boolean): Fields {
  const first = counted(data, 0);
  if (code !== 1) return first === null ? [] : [['message', peerText(first)]];
  if (first === null) return [];
  const password = counted(data, 1 + first.length);
  const fields: Fields = [['peer-id', peerText(first)]];
  if (password !== null) fields.push(['password', passwords ? peerText(password) : NOT_SHOWN]);
  return fields;
}
/** RFC 1994 section 4. */
function chapFields(code: number, data: Uint8Array): Fields {
  if (code === 3 || code === 4) return data.length > 0 ? [['message', peerText(data)]] : [];
  const value = code === 1 || code === 2 ? counted(data, 0) : null;
  if (value === null) return [];
  return [
    ['value', toHex(value)],
    ['name', peerText(data.subarray(1 + value.length))],
  ];
}
/** @returns the octets behind a length octet, null where they are not all there */
function counted(data: Uint8Array, at: number): Uint8Array | null {
  const length = data[at];
  return length === undefined || at + 1 + length > data.length ? null : data.subarray(at + 1, at + 1 + length);
}

/** RFC 1661 sections 5.5 to 5.9, RFC 1570. What was rejected is named, not shown: it may hold a password. */
function controlFields(protocol: number, code: number, data: Uint8Array): Fields {
  if (code === TERMINATE_REQUEST || code === TERMINATE_ACK) return data.length > 0 ? [['data', peerText(data)]] : [];
  if (code === CODE_REJECT) return data.length > 0 ? [['rejected', codeName(protocol, data[0]!)]] : [];
  if (protocol !== PPP_LCP) return [];
  if (code === PROTOCOL_REJECT) return data.length >= 2 ? [['rejected', pppProtocolName(be16(data, 0))]] : [];
  if (code < ECHO_REQUEST || code > TIME_REMAINING || data.length < 4) return [];
  const fields: Fields = [['magic', hexNumber(be32(data, 0), 8)]];
  const rest = data.subarray(4);
  if (code === IDENTIFICATION) fields.push(['message', peerText(rest)]);
  else if (code === TIME_REMAINING && rest.length >= 4) fields.push(['seconds', `${be32(rest, 0)}`]);
  else if (code <= DISCARD_REQUEST && rest.length > 0) fields.push(['octets', `${rest.length}`]);
  return fields;
}

const IP_PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 2: 'IGMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' };

function summarizeIp(packet: Uint8Array): string {
  const version = (packet[0] ?? 0) >>> 4;
  if (version === 4 && packet.length >= 20)
    return `${formatIpv4(be32(packet, 12))} > ${formatIpv4(be32(packet, 16))} ${ipProtocol(packet[9]!)}, ${packet.length} octets`;
  if (version === 6 && packet.length >= 40)
    return `${formatAddress(packet.subarray(8, 24))} > ${formatAddress(packet.subarray(24, 40))} ${ipProtocol(packet[6]!)}, ${packet.length} octets`;
  return `no IP packet, ${packet.length} octets`;
}
const ipProtocol = (protocol: number): string => IP_PROTOCOLS[protocol] ?? `protocol ${protocol}`;
