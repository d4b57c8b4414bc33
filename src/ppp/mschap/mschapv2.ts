import { createHash } from 'node:crypto';
import { desEncrypt } from './des.ts';
import { md4 } from './md4.ts';

// MS-CHAP version 2: the functions of RFC 2759 section 8, and its packets' values (sections 4 to 6).

export const CHALLENGE_OCTETS = 16;
/** Peer-Challenge, eight octets of zero, NT-Response, Flags (section 4). */
export const RESPONSE_OCTETS = 49;
const NT_RESPONSE_AT = 24;

const MAGIC_1 = Buffer.from('Magic server to client signing constant', 'latin1');
const MAGIC_2 = Buffer.from('Pad to make it do more than one iteration', 'latin1');

function sha1(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** The account's name without a domain: what the hashes take (section 4). */
export function withoutDomain(name: Uint8Array): Uint8Array {
  return name.subarray(name.lastIndexOf(0x5c) + 1);
}
/** @param secret the password as UTF-8 octets: it becomes UTF-16, low octet first, without a terminator (section 8.3) */
export function ntPasswordHash(secret: Uint8Array): Uint8Array {
  return md4(Buffer.from(Buffer.from(secret).toString('utf8'), 'utf16le'));
}
/** Section 8.2. @param name as the peer gave it, with a domain or without @returns 8 octets */
export function challengeHash(peerChallenge: Uint8Array, challenge: Uint8Array, name: Uint8Array): Uint8Array {
  return sha1(peerChallenge, challenge, withoutDomain(name)).subarray(0, 8);
}
/** Section 8.5. @param hash NtPasswordHash @returns 24 octets */
export function challengeResponse(challenge: Uint8Array, hash: Uint8Array): Uint8Array {
  const key = new Uint8Array(21);
  key.set(hash);
  const response = new Uint8Array(24);
  for (let part = 0; part < 3; part++)
    response.set(desEncrypt(challenge, key.subarray(7 * part, 7 * part + 7)), 8 * part);
  return response;
}
/** Section 8.7. @returns `S=` and 40 hexadecimal digits */
export function authenticatorResponse(hash: Uint8Array, ntResponse: Uint8Array, challenge8: Uint8Array): string {
  const digest = sha1(md4(hash), ntResponse, MAGIC_1);
  return `S=${Buffer.from(sha1(digest, challenge8, MAGIC_2))
    .toString('hex')
    .toUpperCase()}`;
}

/** The Value of a Response packet, and what the authenticator must then prove. */
export interface MsChapV2Response {
  /** 49 octets. */
  readonly value: Uint8Array;
  readonly authenticatorResponse: string;
}
/** The peer's answer to a challenge. */
export function respond(
  secret: Uint8Array,
  name: Uint8Array,
  challenge: Uint8Array,
  peerChallenge: Uint8Array,
): MsChapV2Response {
  const hash = ntPasswordHash(secret);
  const short = challengeHash(peerChallenge, challenge, name);
  const ntResponse = challengeResponse(short, hash);
  const value = new Uint8Array(RESPONSE_OCTETS);
  value.set(peerChallenge);
  value.set(ntResponse, NT_RESPONSE_AT);
  return { value, authenticatorResponse: authenticatorResponse(hash, ntResponse, short) };
}

/** What a Failure packet says (section 6). */
export interface MsChapError {
  /** 646 hours, 647 disabled, 648 expired, 649 no permission, 691 wrong, 709 not changed. */
  readonly code: number;
  readonly retry: boolean;
  /** For the retry; null where none is given. */
  readonly challenge: Uint8Array | null;
  readonly message: string;
}
export const MSCHAP_FAILED = 691;
export const MSCHAP_EXPIRED = 648;

/** Reads the text of a Failure packet, or of RADIUS' MS-CHAP-Error; null where there is no code in it. */
export function parseError(text: string): MsChapError | null {
  const code = /(?:^|[^A-Z])E=(\d{1,10})/.exec(text);
  if (code === null) return null;
  const challenge = /(?:^| )C=([0-9A-Fa-f]{32})(?: |$)/.exec(text);
  return {
    code: Number(code[1]),
    retry: /(?:^| )R=1/.test(text),
    challenge: challenge === null ? null : new Uint8Array(Buffer.from(challenge[1]!, 'hex')),
    message: /(?:^| )M=(.*)$/s.exec(text)?.[1] ?? '',
  };
}
/** Version 3 of the password changing protocol is the only one there is (section 6). */
export function formatError(error: MsChapError, challenge: Uint8Array): string {
  const hex = Buffer.from(challenge).toString('hex').toUpperCase();
  return `E=${error.code} R=${error.retry ? 1 : 0} C=${hex} V=3 M=${error.message}`;
}
