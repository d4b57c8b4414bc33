import { ConfigError } from '../errors.ts';

/** Transport address of a peer. `address` in canonical text ("192.0.2.1", "2001:db8::1"). */
export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

/** IPv4 text as a number in host order, null where it is none. No leading zeros, four decimal fields. */
export function parseIpv4(text: string): number | null {
  let value = 0;
  let field = -1;
  let fields = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = i < text.length ? text.charCodeAt(i) : 46;
    if (c === 46) {
      if (field < 0 || field > 255 || ++fields > 4) return null;
      value = value * 256 + field;
      field = -1;
    } else if (c >= 48 && c <= 57) {
      if (field === 0) return null;
      field = field < 0 ? c - 48 : field * 10 + c - 48;
      if (field > 255) return null;
    } else return null;
  }
  return fields === 4 ? value : null;
}

export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** IPv6 text as 16 octets, null where it is none (RFC 4291 section 2.2). */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = (half: string): number[] | null => {
    if (half === '') return [];
    const out: number[] = [];
    const parts = half.split(':');
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1 && part.includes('.')) {
        const v4 = parseIpv4(part);
        if (v4 === null) return null;
        out.push(v4 >>> 16, v4 & 0xffff);
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
      else return null;
    }
    return out;
  };
  const head = groups(halves[0]!);
  const tail = halves.length === 2 ? groups(halves[1]!) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const octets = new Uint8Array(16);
  [...head, ...new Array<number>(missing).fill(0), ...tail].forEach((group, i) => {
    octets[i * 2] = group >>> 8;
    octets[i * 2 + 1] = group & 255;
  });
  return octets;
}

/** Canonical text (RFC 5952) of 16 octets; IPv4-mapped ones as IPv4. */
export function formatAddress(octets: Uint8Array): string {
  const mapped = octets[10] === 255 && octets[11] === 255 && octets.subarray(0, 10).every((octet) => octet === 0);
  if (mapped) return `${octets[12]}.${octets[13]}.${octets[14]}.${octets[15]}`;
  const groups = Array.from({ length: 8 }, (_, i) => (octets[i * 2]! << 8) | octets[i * 2 + 1]!);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best < 0 ? text(0, 8) : `${text(0, best)}::${text(best + bestLength, 8)}`;
}

/** 16 octets of an address in text, IPv4 mapped into IPv6. @throws ConfigError where it is no address */
export function parseAddress(text: string): Uint8Array {
  const v4 = parseIpv4(text);
  if (v4 !== null) {
    const octets = new Uint8Array(16);
    octets[10] = octets[11] = 255;
    new DataView(octets.buffer).setUint32(12, v4);
    return octets;
  }
  const v6 = parseIpv6(text);
  if (v6 === null) throw new ConfigError(`'${text}' is not an IP address`);
  return v6;
}

const AF_INET = 2;
const AF_INET6 = 10;

/** struct sockaddr_in (16 octets) or sockaddr_in6 (28) of Linux. @throws ConfigError where the address is none */
export function encodeSockaddr(peer: PeerAddress): Uint8Array {
  const v4 = parseIpv4(peer.address);
  const octets = new Uint8Array(v4 === null ? 28 : 16);
  const view = new DataView(octets.buffer);
  view.setUint16(0, v4 === null ? AF_INET6 : AF_INET, true);
  view.setUint16(2, peer.port);
  if (v4 === null) octets.set(parseAddress(peer.address), 8);
  else view.setUint32(4, v4);
  return octets;
}

/** The address in a struct sockaddr_in or sockaddr_in6. */
export function decodeSockaddr(octets: Uint8Array): PeerAddress {
  const port = (octets[2]! << 8) | octets[3]!;
  if (octets[0] === AF_INET) return { address: `${octets[4]}.${octets[5]}.${octets[6]}.${octets[7]}`, port };
  return { address: formatAddress(octets.subarray(8, 24)), port };
}
