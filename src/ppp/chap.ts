import { be16, buildFrame, PPP_CHAP, PPP_PAP } from '../wire/ppp.ts';
import type { AuthMethod } from './types.ts';
import { MAX_CONFIGURE, RESTART_MS } from './types.ts';

// What both ends of PAP (RFC 1334), CHAP (RFC 1994) and MS-CHAP version 2 (RFC 2759) share.

export const CHAP_CHALLENGE = 1;
export const CHAP_RESPONSE = 2;
export const CHAP_SUCCESS = 3;
export const CHAP_FAILURE = 4;
export const PAP_REQUEST = 1;
export const PAP_ACK = 2;
export const PAP_NAK = 3;
/** Octets of an MD5 response. */
export const MD5_OCTETS = 16;
/** How long each end waits for the other before it gives up: as long as a Challenge is repeated. */
export const AUTH_WAIT_MS = RESTART_MS * MAX_CONFIGURE;

/** How an exchange stands. */
export type AuthState = 'idle' | 'waiting' | 'checking' | 'passed' | 'failed';
/** What came of a packet or a time-out. */
export type AuthVerdict = 'none' | 'passed' | 'failed' | 'timeout';

/** Value of LCP's Authentication-Protocol option (RFC 1661 section 6.2), by method. */
const VALUES: Readonly<Record<AuthMethod, Uint8Array>> = {
  pap: new Uint8Array([PPP_PAP >>> 8, PPP_PAP & 0xff]),
  'chap-md5': new Uint8Array([PPP_CHAP >>> 8, PPP_CHAP & 0xff, 5]),
  'mschap-v2': new Uint8Array([PPP_CHAP >>> 8, PPP_CHAP & 0xff, 0x81]),
};
export const authValue = (method: AuthMethod): Uint8Array => VALUES[method];
/** @returns null for a protocol or an algorithm that is not spoken here */
export function authMethod(value: Uint8Array): AuthMethod | null {
  if (value.length < 2) return null;
  if (be16(value, 0) === PPP_PAP) return value.length === 2 ? 'pap' : null;
  if (be16(value, 0) !== PPP_CHAP || value.length !== 3) return null;
  return value[2] === 5 ? 'chap-md5' : value[2] === 0x81 ? 'mschap-v2' : null;
}
/** The PPP protocol of a method. */
export const authProtocol = (method: AuthMethod): number => (method === 'pap' ? PPP_PAP : PPP_CHAP);

/** A Challenge or a Response. */
export function chapPacket(code: number, identifier: number, value: Uint8Array, name: Uint8Array): Uint8Array {
  const data = new Uint8Array(1 + value.length + name.length);
  data[0] = value.length;
  data.set(value, 1);
  data.set(name, 1 + value.length);
  return buildFrame(PPP_CHAP, code, identifier, data);
}
/** @returns the value and the name in a Challenge or Response, null where it is cut short */
export function parseChap(data: Uint8Array): { value: Uint8Array; name: Uint8Array } | null {
  const size = data[0];
  if (size === undefined || data.length < 1 + size) return null;
  return { value: data.slice(1, 1 + size), name: data.slice(1 + size) };
}
/** @returns name and password in a PAP request, null where it is cut short */
export function parsePap(data: Uint8Array): { name: Uint8Array; password: Uint8Array } | null {
  const nameLength = data[0];
  if (nameLength === undefined || data.length < 2 + nameLength) return null;
  const from = 2 + nameLength;
  if (data.length < from + data[1 + nameLength]!) return null;
  return { name: data.slice(1, 1 + nameLength), password: data.slice(from, from + data[1 + nameLength]!) };
}
