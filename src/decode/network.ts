// From a captured frame to what decode looks at: a UDP datagram, or a PPP frame.
import { formatAddress, formatIpv4, type PeerAddress, parseAddress, parseIpv4 } from '../wire/address.ts';
import { be16, be32, PPP_IPV4 } from '../wire/ppp.ts';
import type { CapturedFrame } from './pcap.ts';

/** What a frame holds. `note`: what was found wrong on the way, null for nothing. */
export type FrameContent =
  | {
      readonly kind: 'udp';
      readonly source: PeerAddress;
      readonly destination: PeerAddress;
      readonly payload: Uint8Array;
      /** The PPP frame that the datagram came in, null where none. */
      readonly carrier: Uint8Array | null;
      readonly note: string | null;
    }
  | { readonly kind: 'ppp'; readonly octets: Uint8Array; readonly note: string | null }
  | { readonly kind: 'fragment'; readonly source: string; readonly destination: string; readonly note: string }
  | { readonly kind: 'other'; readonly note: string };

const other = (note: string): FrameContent => ({ kind: 'other', note });

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_PPPOE_SESSION = 0x8864;
const VLAN_TAGS = new Set([0x8100, 0x88a8, 0x9100]);

const PPP_IPV6 = 0x0057;

const UDP = 17;
const IPV6_HOP_BY_HOP = 0;
const IPV6_ROUTING = 43;
const IPV6_FRAGMENT = 44;
const IPV6_AUTHENTICATION = 51;
const IPV6_DESTINATION_OPTIONS = 60;

/** Fragmented packets that may be incomplete at a time; the oldest gives way. */
const MOST_INCOMPLETE = 256;
const MOST_OCTETS = 65_535;

interface Incomplete {
  readonly pieces: Map<number, Uint8Array>;
  /** Octets in the pieces, and in the whole once its last piece is here. */
  octets: number;
  total: number;
}

/** Looks into the frames of one capture, in their order; IP fragments are put together. */
export class Network {
  readonly #incomplete = new Map<string, Incomplete>();

  /** Packets whose fragments are not all here. */
  get incomplete(): number {
    return this.#incomplete.size;
  }

  take(frame: CapturedFrame): FrameContent {
    const content = this.#link(frame.linkType, frame.octets);
    if (frame.wireOctets <= frame.octets.length || content.kind === 'other') return content;
    const cut = `${frame.octets.length} of ${frame.wireOctets} octets captured`;
    return { ...content, note: content.note === null ? cut : `${content.note}; ${cut}` };
  }

  /** By the numbers of tcpdump.org's list of link types. */
  #link(linkType: number, octets: Uint8Array): FrameContent {
    switch (linkType) {
      case 1: // Ethernet
        return this.#ethertype(octets, 12);
      case 0: // BSD loopback: the address family in the writer's order, then the packet
      case 108:
        return this.#ip(octets.subarray(4), null);
      case 12: // raw IP: the number of several systems
      case 14:
      case 101:
      case 228:
      case 229:
        return this.#ip(octets, null);
      case 113: // Linux cooked
        return this.#ethertype(octets, 14);
      case 276: // Linux cooked, second version
        return octets.length < 20 ? other('frame too short') : this.#protocol(be16(octets, 0), octets.subarray(20));
      case 9: // PPP
      case 50: // PPP in HDLC-like framing
        return this.#ppp(octets);
      case 51: // PPPoE
        return this.#pppoe(octets);
      case 204: // PPP behind an octet of direction
        return this.#ppp(octets.subarray(1));
      default:
        return other(linkType < 0 ? 'the file does not describe the interface' : `link type ${linkType} is not known`);
    }
  }

  #ethertype(octets: Uint8Array, at: number): FrameContent {
    let from = at;
    while (from + 2 <= octets.length && VLAN_TAGS.has(be16(octets, from))) from += 4;
    return from + 2 > octets.length
      ? other('frame too short')
      : this.#protocol(be16(octets, from), octets.subarray(from + 2));
  }

  #protocol(ethertype: number, octets: Uint8Array): FrameContent {
    if (ethertype === ETHERTYPE_IPV4 || ethertype === ETHERTYPE_IPV6) return this.#ip(octets, null);
    if (ethertype === ETHERTYPE_PPPOE_SESSION) return this.#pppoe(octets);
    return other(`ethertype 0x${ethertype.toString(16).padStart(4, '0')}`);
  }

  /** RFC 2516 section 4: a header of six octets, the last two the length of the payload. */
  #pppoe(octets: Uint8Array): FrameContent {
    if (octets.length < 6) return other('frame too short');
    if (octets[1] !== 0) return other('PPPoE discovery');
    return this.#ppp(octets.subarray(6, 6 + be16(octets, 4)));
  }

  /** A PPP frame, unless it carries a UDP datagram. */
  #ppp(octets: Uint8Array): FrameContent {
    let at = octets[0] === 0xff && octets[1] === 0x03 ? 2 : 0;
    const short = ((octets[at] ?? 0) & 1) === 1;
    const protocol = short ? octets[at]! : octets.length >= at + 2 ? be16(octets, at) : -1;
    at += short ? 1 : 2;
    if (protocol === PPP_IPV4 || protocol === PPP_IPV6) {
      const inner = this.#ip(octets.subarray(at), octets);
      if (inner.kind === 'udp') return inner;
    }
    return { kind: 'ppp', octets, note: null };
  }

  #ip(octets: Uint8Array, carrier: Uint8Array | null): FrameContent {
    const version = (octets[0] ?? 0) >>> 4;
    if (version === 4) return this.#ipv4(octets, carrier);
    if (version === 6) return this.#ipv6(octets, carrier);
    return other('not IP');
  }

  #ipv4(octets: Uint8Array, carrier: Uint8Array | null): FrameContent {
    const header = (octets[0]! & 15) * 4;
    if (header < 20 || octets.length < header) return other('IPv4 header too short');
    // A Total Length of 0 is what a segmenting interface writes.
    const total = be16(octets, 2) || octets.length;
    if (total < header) return other(`IPv4 Total Length of ${total}`);
    if (octets[9] !== UDP) return other(`IP protocol ${octets[9]}`);
    const payload = octets.subarray(header, total);
    const source = formatIpv4(be32(octets, 12));
    const destination = formatIpv4(be32(octets, 16));
    const fragment = be16(octets, 6);
    if ((fragment & 0x3fff) === 0) return udp(source, destination, payload, carrier);
    const key = `${source} ${destination} ${be16(octets, 4)}`;
    return this.#fragment(key, source, destination, (fragment & 0x1fff) * 8, (fragment & 0x2000) !== 0, payload);
  }

  #ipv6(octets: Uint8Array, carrier: Uint8Array | null): FrameContent {
    if (octets.length < 40) return other('IPv6 header too short');
    const source = formatAddress(octets.subarray(8, 24));
    const destination = formatAddress(octets.subarray(24, 40));
    const end = Math.min(octets.length, 40 + (be16(octets, 4) || octets.length));
    let next = octets[6]!;
    let at = 40;
    while (next !== UDP) {
      if (at + 8 > end) return other('IPv6 headers cut short');
      const following = octets[at]!;
      if (next === IPV6_FRAGMENT) {
        if (following !== UDP) return other(`IP protocol ${following} in fragments`);
        const place = be16(octets, at + 2);
        const key = `${source} ${destination} ${be32(octets, at + 4)}`;
        const piece = octets.subarray(at + 8, end);
        return this.#fragment(key, source, destination, place & 0xfff8, (place & 1) !== 0, piece);
      }
      if (next === IPV6_AUTHENTICATION) at += (octets[at + 1]! + 2) * 4;
      else if (next === IPV6_HOP_BY_HOP || next === IPV6_ROUTING || next === IPV6_DESTINATION_OPTIONS)
        at += (octets[at + 1]! + 1) * 8;
      else return other(`IP protocol ${next}`);
      next = following;
    }
    return udp(source, destination, octets.subarray(Math.min(at, end), end), carrier);
  }

  /** Takes one fragment of a UDP datagram. @returns the datagram once it is whole */
  #fragment(
    key: string,
    source: string,
    destination: string,
    offset: number,
    more: boolean,
    piece: Uint8Array,
  ): FrameContent {
    const unfinished = (note: string): FrameContent => ({ kind: 'fragment', source, destination, note });
    if (piece.length === 0 || offset + piece.length > MOST_OCTETS)
      return unfinished(`impossible IP fragment: ${piece.length} octets at ${offset}`);
    let packet = this.#incomplete.get(key);
    if (packet === undefined) {
      if (this.#incomplete.size >= MOST_INCOMPLETE) this.#incomplete.delete(this.#incomplete.keys().next().value!);
      packet = { pieces: new Map(), octets: 0, total: -1 };
      this.#incomplete.set(key, packet);
    }
    if (!packet.pieces.has(offset)) {
      packet.pieces.set(offset, piece);
      packet.octets += piece.length;
    }
    if (!more) packet.total = offset + piece.length;
    if (packet.total >= 0 && packet.octets >= packet.total) {
      const whole = joinPieces(packet);
      if (whole !== null) {
        this.#incomplete.delete(key);
        return udp(source, destination, whole, null);
      }
    }
    return unfinished(`IP fragment: octets ${offset} to ${offset + piece.length}, more are to come`);
  }
}

/** @returns null while there are holes */
function joinPieces(packet: Incomplete): Uint8Array | null {
  const whole = new Uint8Array(packet.total);
  let filled = 0;
  for (const [offset, piece] of [...packet.pieces].sort(([a], [b]) => a - b)) {
    if (offset > filled) return null;
    whole.set(piece.subarray(0, Math.max(0, packet.total - offset)), Math.min(offset, packet.total));
    filled = Math.max(filled, offset + piece.length);
  }
  return filled < packet.total ? null : whole;
}

function udp(source: string, destination: string, octets: Uint8Array, carrier: Uint8Array | null): FrameContent {
  if (octets.length < 8) return other('UDP header too short');
  const length = be16(octets, 4);
  if (length < 8) return other(`UDP Length of ${length}`);
  return {
    kind: 'udp',
    source: { address: source, port: be16(octets, 0) },
    destination: { address: destination, port: be16(octets, 2) },
    payload: octets.subarray(8, length),
    carrier,
    note: length > octets.length ? `UDP Length is ${length}, ${octets.length} octets are there` : null,
  };
}

/** Sum of 16-bit words, not yet folded (RFC 1071). */
function sumWords(octets: Uint8Array, from: number, end: number): number {
  let sum = 0;
  for (let at = from; at < end; at += 2) sum += (octets[at]! << 8) | (at + 1 < end ? octets[at + 1]! : 0);
  return sum;
}
function checksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/**
 * Builds the IP packet of a UDP datagram, for link type `LINK_RAW_IP`. Both addresses of one family.
 * @throws ConfigError where an address is none
 */
export function udpPacket(source: PeerAddress, destination: PeerAddress, payload: Uint8Array): Uint8Array {
  const v4 = parseIpv4(source.address) !== null;
  const header = v4 ? 20 : 40;
  const length = 8 + payload.length;
  const octets = new Uint8Array(header + length);
  const view = new DataView(octets.buffer);
  const addressOctets = v4 ? 4 : 16;
  const addressesAt = header - 2 * addressOctets;
  octets.set(parseAddress(source.address).subarray(16 - addressOctets), addressesAt);
  octets.set(parseAddress(destination.address).subarray(16 - addressOctets), addressesAt + addressOctets);
  if (v4) {
    view.setUint16(0, 0x4500);
    view.setUint16(2, octets.length);
    view.setUint16(8, (64 << 8) | UDP);
    view.setUint16(10, checksum(sumWords(octets, 0, header)));
  } else {
    view.setUint32(0, 0x60000000);
    view.setUint16(4, length);
    view.setUint16(6, (UDP << 8) | 64);
  }
  view.setUint16(header, source.port);
  view.setUint16(header + 2, destination.port);
  view.setUint16(header + 4, length);
  octets.set(payload, header + 8);
  // The pseudo header: addresses, protocol, length. A sum of 0 is sent as 0xffff (RFC 768).
  const sum = checksum(sumWords(octets, addressesAt, octets.length) + UDP + length);
  view.setUint16(header + 6, sum === 0 ? 0xffff : sum);
  return octets;
}
