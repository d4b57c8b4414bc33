import { formatIpv4 } from './address.ts';
import { be32 } from './ppp.ts';

/** Classes of the Endpoint Discriminator (RFC 1990 section 5.1.3). */
export const ENDPOINT_NULL = 0;
export const ENDPOINT_LOCAL = 1;
export const ENDPOINT_IP = 2;
export const ENDPOINT_MAC = 3;
export const ENDPOINT_MAGIC = 4;
export const ENDPOINT_PHONE = 5;

/** Most octets of an address of any class. */
export const ENDPOINT_ADDRESS_MAX = 20;

/** Who a system says it is, so that its links can be told to be its own (RFC 1990 section 5.1.3). */
export interface EndpointDiscriminator {
  readonly class: number;
  readonly address: Uint8Array;
}

/** What stands for an option that did not come: Class 0, no address. */
export const NO_ENDPOINT: EndpointDiscriminator = { class: ENDPOINT_NULL, address: new Uint8Array(0) };

/** Least and most octets of an address, by class. A class that came later may have any. */
const SIZES: readonly (readonly [least: number, most: number])[] = [
  [0, 0],
  [1, 20],
  [4, 4],
  [6, 6],
  [4, 20],
  [1, 15],
];

/** @returns the discriminator in an option's value, null where its length does not fit its class */
export function parseEndpoint(value: Uint8Array): EndpointDiscriminator | null {
  if (value.length < 1) return null;
  const size = value.length - 1;
  const [least, most] = SIZES[value[0]!] ?? [0, ENDPOINT_ADDRESS_MAX];
  if (size < least || size > most) return null;
  // Class 4 is a block of whole 32-bit magic numbers.
  if (value[0] === ENDPOINT_MAGIC && size % 4 !== 0) return null;
  return { class: value[0]!, address: value.slice(1) };
}
export function endpointValue(endpoint: EndpointDiscriminator): Uint8Array {
  const value = new Uint8Array(1 + endpoint.address.length);
  value[0] = endpoint.class;
  value.set(endpoint.address, 1);
  return value;
}

/** Class and address as one text: equal for equal discriminators only. Mismatch on class alone is a mismatch. */
export function endpointKey(endpoint: EndpointDiscriminator): string {
  return `${endpoint.class}:${Buffer.from(endpoint.address).toString('hex')}`;
}

/** For people: `IP:192.0.2.1`, `MAC:02:…`, `local:hex`, `phone:4930…`, `null`. */
export function formatEndpoint(endpoint: EndpointDiscriminator): string {
  const { address } = endpoint;
  const hex = Buffer.from(address).toString('hex');
  switch (endpoint.class) {
    case ENDPOINT_NULL:
      return 'null';
    case ENDPOINT_LOCAL:
      return `local:${hex}`;
    case ENDPOINT_IP:
      return `IP:${formatIpv4(be32(address, 0))}`;
    case ENDPOINT_MAC:
      return `MAC:${hex.replace(/..(?=.)/g, '$&:')}`;
    case ENDPOINT_MAGIC:
      return `magic:${hex}`;
    case ENDPOINT_PHONE:
      // Digits as text; anything else could be a terminal's control characters.
      return address.every((octet) => octet >= 0x20 && octet < 0x7f)
        ? `phone:${Buffer.from(address).toString('latin1')}`
        : `phone:${hex}`;
    default:
      return `class-${endpoint.class}:${hex}`;
  }
}
