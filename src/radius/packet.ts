import { formatAddress, formatIpv4, parseIpv4, parseIpv6 } from '../wire/address.ts';
import { type AttributeDefinition, DICTIONARY, type Dictionary } from './dictionary.ts';
import { AUTHENTICATOR_OCTETS, messageAuthenticator, packetAuthenticator, sameSecret } from './hide.ts';

// RFC 2865 section 3.
//   |     Code      |  Identifier   |            Length             |
//   |                  Authenticator (16 octets)                    |
//   |  Attributes: Type, Length (of the whole attribute), Value ...
const HEADER = 20;
/** Octets of the largest packet (RFC 2865 section 3). */
export const PACKET_MAX = 4096;
const ATTRIBUTE_MAX = 253;
const VENDOR_SPECIFIC = 26;
const MESSAGE_AUTHENTICATOR = 80;
const MESSAGE_AUTHENTICATOR_SIZE = 18;
const ZEROS = new Uint8Array(AUTHENTICATOR_OCTETS);

/** Codes (RFC 2865 section 4, RFC 2866 section 4, RFC 5176 section 3, RFC 5997). */
export const Code = {
  AccessRequest: 1,
  AccessAccept: 2,
  AccessReject: 3,
  AccountingRequest: 4,
  AccountingResponse: 5,
  AccessChallenge: 11,
  StatusServer: 12,
  DisconnectRequest: 40,
  DisconnectAck: 41,
  DisconnectNak: 42,
  CoaRequest: 43,
  CoaAck: 44,
  CoaNak: 45,
} as const;

/** One attribute; a Vendor-Specific one that is well formed appears as its vendor's attributes. */
export interface Attribute {
  readonly vendor: number;
  readonly type: number;
  /** As it stands in the packet: with its tag, hidden if it is hidden. */
  readonly value: Uint8Array;
}

/** Why octets are no RADIUS packet. */
export type PacketFault =
  | 'runt'
  | 'length' // Length is below 20, above 4,096, or beyond the datagram
  | 'attribute-length'; // an attribute is shorter than its header, or leaves the packet

export interface Packet {
  readonly code: number;
  readonly identifier: number;
  readonly authenticator: Uint8Array;
  readonly attributes: readonly Attribute[];
  /** The packet without padding behind its Length. */
  readonly octets: Uint8Array;
  /** Offset of the Message-Authenticator's 16 octets; -1 without one, -2 where it is malformed or there are several. */
  readonly messageAuthenticatorAt: number;
}

/** Takes a datagram apart. Never throws: what it cannot be is told. The attributes' values are views. */
export function parsePacket(datagram: Uint8Array): Packet | PacketFault {
  if (datagram.length < HEADER) return 'runt';
  const length = (datagram[2]! << 8) | datagram[3]!;
  if (length < HEADER || length > PACKET_MAX || length > datagram.length) return 'length';
  // Octets behind Length are padding (RFC 2865 section 3).
  const octets = datagram.length === length ? datagram : datagram.subarray(0, length);
  const attributes: Attribute[] = [];
  let messageAuthenticatorAt = -1;
  for (let at = HEADER; at < length; ) {
    const size = at + 1 < length ? octets[at + 1]! : 0;
    if (size < 2 || at + size > length) return 'attribute-length';
    const type = octets[at]!;
    const value = octets.subarray(at + 2, at + size);
    if (type === MESSAGE_AUTHENTICATOR)
      messageAuthenticatorAt = messageAuthenticatorAt === -1 && size === MESSAGE_AUTHENTICATOR_SIZE ? at + 2 : -2;
    if (type !== VENDOR_SPECIFIC || !vendorAttributes(value, attributes)) attributes.push({ vendor: 0, type, value });
    at += size;
  }
  return {
    code: octets[0]!,
    identifier: octets[1]!,
    authenticator: octets.subarray(4, HEADER),
    attributes,
    octets,
    messageAuthenticatorAt,
  };
}
/** Vendor-Specific in the form that RFC 2865 section 5.26 suggests. @returns false, and nothing added, for any other */
function vendorAttributes(value: Uint8Array, out: Attribute[]): boolean {
  if (value.length < 6) return false;
  const vendor = ((value[0]! << 24) | (value[1]! << 16) | (value[2]! << 8) | value[3]!) >>> 0;
  for (let at = 4; at < value.length; at += value[at + 1]!)
    if (at + 2 > value.length || value[at + 1]! < 2 || at + value[at + 1]! > value.length) return false;
  for (let at = 4; at < value.length; at += value[at + 1]!)
    out.push({ vendor, type: value[at]!, value: value.subarray(at + 2, at + value[at + 1]!) });
  return true;
}

const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/** A value as the dictionary's type has it. */
export type AttributeValue = string | number | bigint | Uint8Array;

/**
 * The octets of a value. Text for addresses and text attributes, a number (seconds for `date`), or octets as they are.
 * @returns null where the value is none of that type, or does not fit an attribute
 */
export function encodeValue(definition: AttributeDefinition, value: AttributeValue): Uint8Array | null {
  const octets = encodeUntagged(definition, value);
  return octets === null || octets.length > (definition.vendor === 0 ? ATTRIBUTE_MAX : ATTRIBUTE_MAX - 6)
    ? null
    : octets;
}
function encodeUntagged({ kind }: AttributeDefinition, value: AttributeValue): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  switch (kind) {
    case 'string':
    case 'octets':
      return encoder.encode(String(value));
    case 'ipaddr': {
      const address = typeof value === 'string' ? parseIpv4(value) : Number(value);
      return address === null ? null : number(address, 4);
    }
    case 'integer':
    case 'date':
      return number(Number(value), 4);
    case 'short':
      return number(Number(value), 2);
    case 'byte':
      return number(Number(value), 1);
    case 'integer64': {
      const octets = new Uint8Array(8);
      new DataView(octets.buffer).setBigUint64(0, BigInt(value));
      return octets;
    }
    case 'ipv6addr':
      return typeof value === 'string' ? parseIpv6(value) : null;
    case 'ipv6prefix': {
      const [address, length] = String(value).split('/');
      const octets = parseIpv6(address!);
      return octets === null || !(Number(length) <= 128) ? null : Buffer.from([0, Number(length), ...octets]);
    }
    case 'ifid':
      return null;
  }
}
function number(value: number, size: 1 | 2 | 4): Uint8Array | null {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (size * 8)) return null;
  const octets = new Uint8Array(size);
  for (let i = 0; i < size; i++) octets[size - 1 - i] = Math.floor(value / 2 ** (i * 8)) & 0xff;
  return octets;
}

/** The text, number or octets of an attribute's value; null where its length is none of its type. Hidden values stay hidden. */
export function decodeValue(definition: AttributeDefinition, octets: Uint8Array): AttributeValue | null {
  if (definition.hidden !== 0) return octets;
  if (definition.tagged && definition.kind === 'integer')
    return octets.length === 4 ? (octets[1]! << 16) | (octets[2]! << 8) | octets[3]! : null;
  const value = definition.tagged && octets.length > 0 && octets[0]! <= 0x1f ? octets.subarray(1) : octets;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  switch (definition.kind) {
    case 'string':
      return utf8.decode(value);
    case 'octets':
      return value;
    case 'ipaddr':
      return value.length === 4 ? formatIpv4(view.getUint32(0)) : null;
    case 'integer':
    case 'date':
      return value.length === 4 ? view.getUint32(0) : null;
    case 'short':
      return value.length === 2 ? view.getUint16(0) : null;
    case 'byte':
      return value.length === 1 ? value[0]! : null;
    case 'integer64':
      return value.length === 8 ? view.getBigUint64(0) : null;
    case 'ipv6addr':
      return value.length === 16 ? formatAddress(value) : null;
    case 'ipv6prefix': {
      if (value.length < 2 || value.length > 18 || value[1]! > 128) return null;
      const address = new Uint8Array(16);
      address.set(value.subarray(2));
      return `${formatAddress(address)}/${value[1]}`;
    }
    case 'ifid':
      return value.length === 8
        ? [0, 2, 4, 6].map((at) => view.getUint16(at).toString(16).padStart(4, '0')).join(':')
        : null;
  }
}

/** The values of attribute `name`, those of a wrong length left out. @throws ConfigError for a name the dictionary lacks */
export function valuesOf(
  packet: { readonly attributes: readonly Attribute[] },
  name: string,
  dictionary: Dictionary = DICTIONARY,
): AttributeValue[] {
  const definition = dictionary.require(name);
  const values: AttributeValue[] = [];
  for (const one of packet.attributes) {
    if (one.type !== definition.type || one.vendor !== definition.vendor) continue;
    const value = decodeValue(definition, one.value);
    if (value !== null) values.push(value);
  }
  return values;
}
/** The first value of attribute `name` as its type has it, else undefined. */
export function textOf(packet: { readonly attributes: readonly Attribute[] }, name: string): string | undefined {
  const value = valuesOf(packet, name)[0];
  return typeof value === 'string' ? value : undefined;
}
export function numberOf(packet: { readonly attributes: readonly Attribute[] }, name: string): number | undefined {
  const value = valuesOf(packet, name)[0];
  return typeof value === 'number' ? value : undefined;
}
export function octetsOf(packet: { readonly attributes: readonly Attribute[] }, name: string): Uint8Array | undefined {
  const definition = DICTIONARY.require(name);
  return packet.attributes.find((one) => one.type === definition.type && one.vendor === definition.vendor)?.value;
}

/** Attributes on their way into a packet. What does not fit is left out and told. */
export class AttributeList {
  readonly #dictionary: Dictionary;
  readonly attributes: Attribute[] = [];

  constructor(dictionary: Dictionary = DICTIONARY) {
    this.#dictionary = dictionary;
  }
  /**
   * Adds attribute `name`; null and undefined add nothing.
   * @param tag 1..31 for a tagged attribute (RFC 2868 section 3.1)
   * @returns whether the value is one of the attribute's type and fits
   * @throws ConfigError for a name that the dictionary lacks
   */
  add(name: string, value: AttributeValue | null | undefined, tag = 0): boolean {
    if (value === null || value === undefined) return true;
    const definition = this.#dictionary.require(name);
    const octets = encodeValue(definition, value);
    if (octets === null) return false;
    return this.addRaw(
      definition.vendor,
      definition.type,
      definition.tagged ? withTag(definition, octets, tag) : octets,
    );
  }
  /** Text that may be longer than an attribute: cut at a character's border. */
  addText(name: string, text: string | null | undefined, tag = 0): void {
    if (text === null || text === undefined || text === '') return;
    if (this.add(name, text, tag)) return;
    let octets = encoder.encode(text).subarray(0, ATTRIBUTE_MAX - 6);
    while (octets.length > 0 && encoder.encode(utf8.decode(octets)).length !== octets.length)
      octets = octets.subarray(0, -1);
    this.add(name, octets, tag);
  }
  addRaw(vendor: number, type: number, value: Uint8Array): boolean {
    if (value.length > (vendor === 0 ? ATTRIBUTE_MAX : ATTRIBUTE_MAX - 6)) return false;
    this.attributes.push({ vendor, type, value });
    return true;
  }
}
function withTag(definition: AttributeDefinition, octets: Uint8Array, tag: number): Uint8Array {
  if (definition.kind === 'integer') {
    const out = octets.slice();
    out[0] = tag;
    return out;
  }
  // Tunnel-Password always has its Tag, of zero where there is none (RFC 2868 section 3.5).
  return tag === 0 && definition.hidden === 0 ? octets : Buffer.concat([new Uint8Array([tag]), octets]);
}

/**
 * Puts a packet together.
 * @param authenticator what stands in its place: a request's random octets, or zeros to be signed
 * @param signed with a Message-Authenticator of zeros as the first attribute, so that an attacker has no prefix of the
 * packet to choose (the Blast-RADIUS attack, CVE-2024-3596)
 * @returns null where the packet would have more than 4,096 octets
 */
export function buildPacket(
  code: number,
  identifier: number,
  authenticator: Uint8Array,
  attributes: readonly Attribute[],
  signed: boolean,
): Uint8Array | null {
  let length = HEADER + (signed ? MESSAGE_AUTHENTICATOR_SIZE : 0);
  for (const { vendor, value } of attributes) length += 2 + (vendor === 0 ? 0 : 6) + value.length;
  if (length > PACKET_MAX) return null;
  const octets = new Uint8Array(length);
  octets[0] = code;
  octets[1] = identifier;
  octets[2] = length >>> 8;
  octets[3] = length & 0xff;
  octets.set(authenticator, 4);
  let at = HEADER;
  if (signed) {
    octets[at] = MESSAGE_AUTHENTICATOR;
    octets[at + 1] = MESSAGE_AUTHENTICATOR_SIZE;
    at += MESSAGE_AUTHENTICATOR_SIZE;
  }
  for (const { vendor, type, value } of attributes) {
    if (vendor !== 0) {
      octets[at] = VENDOR_SPECIFIC;
      octets[at + 1] = 8 + value.length;
      for (let i = 0; i < 4; i++) octets[at + 2 + i] = (vendor >>> (24 - 8 * i)) & 0xff;
      at += 6;
    }
    octets[at] = type;
    octets[at + 1] = 2 + value.length;
    octets.set(value, at + 2);
    at += 2 + value.length;
  }
  return octets;
}

/** Offset of the Message-Authenticator that `buildPacket` put first. */
const FIRST = HEADER + 2;

/** Access-Request: random authenticator, Message-Authenticator first (RFC 3579 section 3.2). */
export function buildAccessRequest(
  identifier: number,
  authenticator: Uint8Array,
  attributes: readonly Attribute[],
  secret: Uint8Array,
): Uint8Array | null {
  const octets = buildPacket(Code.AccessRequest, identifier, authenticator, attributes, true);
  octets?.set(messageAuthenticator(octets, FIRST, authenticator, secret), FIRST);
  return octets;
}
/**
 * Accounting-, Disconnect- and CoA-Request: the authenticator is computed (RFC 2866 section 3, RFC 5176 section 2.3).
 * @param signed with a Message-Authenticator, which is computed first, over an authenticator of zeros (RFC 5176
 * section 3.4)
 */
export function buildSignedRequest(
  code: number,
  identifier: number,
  attributes: readonly Attribute[],
  secret: Uint8Array,
  signed = false,
): Uint8Array | null {
  const octets = buildPacket(code, identifier, ZEROS, attributes, signed);
  if (octets === null) return null;
  if (signed) octets.set(messageAuthenticator(octets, FIRST, ZEROS, secret), FIRST);
  octets.set(packetAuthenticator(octets, ZEROS, secret), 4);
  return octets;
}
/** A reply to the request with `requestAuthenticator`. */
export function buildReply(
  code: number,
  identifier: number,
  requestAuthenticator: Uint8Array,
  attributes: readonly Attribute[],
  secret: Uint8Array,
  signed: boolean,
): Uint8Array | null {
  const octets = buildPacket(code, identifier, requestAuthenticator, attributes, signed);
  if (octets === null) return null;
  if (signed) octets.set(messageAuthenticator(octets, FIRST, requestAuthenticator, secret), FIRST);
  octets.set(packetAuthenticator(octets, requestAuthenticator, secret), 4);
  return octets;
}

/** Whether Response Authenticator and, where there is one, Message-Authenticator of a reply are right. */
export function replyIsAuthentic(packet: Packet, requestAuthenticator: Uint8Array, secret: Uint8Array): boolean {
  if (!sameSecret(packetAuthenticator(packet.octets, requestAuthenticator, secret), packet.authenticator)) return false;
  return messageAuthenticatorIsRight(packet, requestAuthenticator, secret);
}
/** The same of an Accounting-, Disconnect- or CoA-Request. */
export function requestIsAuthentic(packet: Packet, secret: Uint8Array): boolean {
  if (!sameSecret(packetAuthenticator(packet.octets, ZEROS, secret), packet.authenticator)) return false;
  return messageAuthenticatorIsRight(packet, ZEROS, secret);
}
/** True without a Message-Authenticator. */
export function messageAuthenticatorIsRight(packet: Packet, authenticator: Uint8Array, secret: Uint8Array): boolean {
  const at = packet.messageAuthenticatorAt;
  if (at === -1) return true;
  if (at < 0) return false;
  return sameSecret(
    messageAuthenticator(packet.octets, at, authenticator, secret),
    packet.octets.subarray(at, at + AUTHENTICATOR_OCTETS),
  );
}
