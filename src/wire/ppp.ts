/** PPP protocol numbers (RFC 1661 section 2, IANA). */
export const PPP_IPV4 = 0x0021;
export const PPP_MULTILINK = 0x003d;
export const PPP_IPCP = 0x8021;
export const PPP_IPV6CP = 0x8057;
export const PPP_CCP = 0x80fd;
export const PPP_LCP = 0xc021;
export const PPP_PAP = 0xc023;
export const PPP_CHAP = 0xc223;

export const PPP_PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [PPP_IPV4]: 'IPv4',
  87: 'IPv6',
  253: 'Compressed',
  [PPP_MULTILINK]: 'Multilink',
  [PPP_IPCP]: 'IPCP',
  [PPP_IPV6CP]: 'IPV6CP',
  [PPP_CCP]: 'CCP',
  [PPP_LCP]: 'LCP',
  [PPP_PAP]: 'PAP',
  49189: 'LQR',
  [PPP_CHAP]: 'CHAP',
};

// Codes (RFC 1661 section 5, RFC 1570).
export const CONFIGURE_REQUEST = 1;
export const CONFIGURE_ACK = 2;
export const CONFIGURE_NAK = 3;
export const CONFIGURE_REJECT = 4;
export const TERMINATE_REQUEST = 5;
export const TERMINATE_ACK = 6;
export const CODE_REJECT = 7;
export const PROTOCOL_REJECT = 8;
export const ECHO_REQUEST = 9;
export const ECHO_REPLY = 10;
export const DISCARD_REQUEST = 11;
export const IDENTIFICATION = 12;
export const TIME_REMAINING = 13;

export const LCP_CODE_NAMES: readonly string[] = [
  'Vendor-Specific',
  'Configure-Request',
  'Configure-Ack',
  'Configure-Nak',
  'Configure-Reject',
  'Terminate-Request',
  'Terminate-Ack',
  'Code-Reject',
  'Protocol-Reject',
  'Echo-Request',
  'Echo-Reply',
  'Discard-Request',
  'Identification',
  'Time-Remaining',
];

// LCP options (RFC 1661 section 6, RFC 1990 section 5.1).
export const LCP_MRU = 1;
export const LCP_ACCM = 2;
export const LCP_AUTHENTICATION = 3;
export const LCP_QUALITY = 4;
export const LCP_MAGIC = 5;
export const LCP_PFC = 7;
export const LCP_ACFC = 8;
export const LCP_MRRU = 17;
export const LCP_SHORT_SEQUENCE = 18;
export const LCP_ENDPOINT = 19;

// IPCP options (RFC 1332 section 3, RFC 1877 section 1).
export const IPCP_ADDRESSES = 1;
export const IPCP_COMPRESSION = 2;
export const IPCP_ADDRESS = 3;
export const IPCP_PRIMARY_DNS = 129;
export const IPCP_PRIMARY_NBNS = 130;
export const IPCP_SECONDARY_DNS = 131;
export const IPCP_SECONDARY_NBNS = 132;

export const be16 = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;
export const be32 = (octets: Uint8Array, at: number): number => be16(octets, at) * 65536 + be16(octets, at + 2);
export function octets32(value: number): Uint8Array {
  // Element by element: an array in between costs several times as much.
  const octets = new Uint8Array(4);
  octets[0] = value >>> 24;
  octets[1] = value >>> 16;
  octets[2] = value >>> 8;
  octets[3] = value;
  return octets;
}

/** A control protocol's packet: Code, Identifier, Length, Data. */
export interface PppPacket {
  code: number;
  identifier: number;
  /** Up to Length; what follows is padding (RFC 1661 section 5). */
  data: Uint8Array;
}

/** @returns the packet that begins at `from`, null where it is cut short or Length lies: silently discarded */
export function parsePacket(octets: Uint8Array, from: number): PppPacket | null {
  if (octets.length < from + 4) return null;
  const length = be16(octets, from + 2);
  if (length < 4 || from + length > octets.length) return null;
  return { code: octets[from]!, identifier: octets[from + 1]!, data: octets.subarray(from + 4, from + length) };
}

/** Builds a whole frame: Address, Control, protocol, packet. Control protocols are never sent compressed. */
export function buildFrame(protocol: number, code: number, identifier: number, data: Uint8Array): Uint8Array {
  const length = 4 + data.length;
  const frame = new Uint8Array(4 + length);
  frame[0] = 0xff;
  frame[1] = 0x03;
  frame[2] = protocol >>> 8;
  frame[3] = protocol & 0xff;
  frame[4] = code;
  frame[5] = identifier;
  frame[6] = length >>> 8;
  frame[7] = length & 0xff;
  frame.set(data, 8);
  return frame;
}

/** A configuration option. */
export interface PppOption {
  type: number;
  /** Without Type and Length. */
  value: Uint8Array;
}

/** @returns the options of a Configure packet, null where a Length lies */
export function parseOptions(data: Uint8Array): PppOption[] | null {
  const options: PppOption[] = [];
  for (let at = 0; at < data.length; ) {
    if (at + 2 > data.length) return null;
    const length = data[at + 1]!;
    if (length < 2 || at + length > data.length) return null;
    options.push({ type: data[at]!, value: data.subarray(at + 2, at + length) });
    at += length;
  }
  return options;
}
export function buildOptions(options: readonly PppOption[]): Uint8Array {
  let length = 0;
  for (const option of options) length += 2 + option.value.length;
  const octets = new Uint8Array(length);
  let at = 0;
  for (const option of options) {
    octets[at] = option.type;
    octets[at + 1] = 2 + option.value.length;
    octets.set(option.value, at + 2);
    at += 2 + option.value.length;
  }
  return octets;
}

export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
