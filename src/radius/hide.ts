// Hiding and authenticators. Secrets and passwords are octets.
import { timingSafeEqual } from 'node:crypto';
import { WasmCrypto } from '../dataplane/crypto.ts';

export const AUTHENTICATOR_OCTETS = 16;
const BLOCK = 16;
/** In place of a Message-Authenticator. */
const NONE = new Uint8Array(AUTHENTICATOR_OCTETS);

let crypto: WasmCrypto | null = null;
/**
 * MD5 over the parts in order; 16 octets. Compiled to Wasm: OpenSSL looks the algorithm up for each call (an HMAC costs
 * eight times as much), and where FIPS 140 is enforced it has none.
 */
export function md5(...parts: Uint8Array[]): Uint8Array {
  crypto ??= new WasmCrypto();
  return crypto.md5(...parts);
}
const HMAC_BLOCK = 64;
/** HMAC-MD5 (RFC 2104 section 2). */
export function hmacMd5(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const short = key.length > HMAC_BLOCK ? md5(key) : key;
  const inner = new Uint8Array(HMAC_BLOCK).fill(0x36);
  const outer = new Uint8Array(HMAC_BLOCK).fill(0x5c);
  for (let i = 0; i < short.length; i++) {
    inner[i]! ^= short[i]!;
    outer[i]! ^= short[i]!;
  }
  return md5(outer, md5(inner, ...parts));
}
/** Whether both are the same, in a time that does not tell where they differ. */
export function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The chained cipher of RFC 2865 section 5.2: each block is XORed with MD5(secret, previous cipher block). */
function encipher(secret: Uint8Array, vector: Uint8Array, clear: Uint8Array): Uint8Array {
  const out = new Uint8Array(clear.length);
  let previous = vector;
  for (let at = 0; at < clear.length; at += BLOCK) {
    const pad = md5(secret, previous);
    for (let i = 0; i < BLOCK; i++) out[at + i] = clear[at + i]! ^ pad[i]!;
    previous = out.subarray(at, at + BLOCK);
  }
  return out;
}
function decipher(secret: Uint8Array, vector: Uint8Array, cipher: Uint8Array): Uint8Array {
  const out = new Uint8Array(cipher.length);
  let previous = vector;
  for (let at = 0; at < cipher.length; at += BLOCK) {
    const pad = md5(secret, previous);
    for (let i = 0; i < BLOCK; i++) out[at + i] = cipher[at + i]! ^ pad[i]!;
    previous = cipher.subarray(at, at + BLOCK);
  }
  return out;
}
const padded = (octets: Uint8Array): Uint8Array => {
  const out = new Uint8Array(Math.max(BLOCK, Math.ceil(octets.length / BLOCK) * BLOCK));
  out.set(octets);
  return out;
};

/** User-Password (RFC 2865 section 5.2). @returns null where the password has more than 128 octets */
export function hideUserPassword(
  password: Uint8Array,
  secret: Uint8Array,
  requestAuthenticator: Uint8Array,
): Uint8Array | null {
  return password.length > 128 ? null : encipher(secret, requestAuthenticator, padded(password));
}
/** The inverse, trailing zeros removed; null where the length is none that hiding makes. */
export function revealUserPassword(
  hidden: Uint8Array,
  secret: Uint8Array,
  requestAuthenticator: Uint8Array,
): Uint8Array | null {
  if (hidden.length < BLOCK || hidden.length > 128 || hidden.length % BLOCK !== 0) return null;
  const clear = decipher(secret, requestAuthenticator, hidden);
  let length = clear.length;
  while (length > 0 && clear[length - 1] === 0) length--;
  return clear.subarray(0, length);
}

/**
 * Tunnel-Password (RFC 2868 section 3.5): Salt and String fields, without the Tag.
 * @param salt 2 octets, the first bit set
 * @returns null where the password does not fit an attribute
 */
export function hideTunnelPassword(
  password: Uint8Array,
  secret: Uint8Array,
  requestAuthenticator: Uint8Array,
  salt: Uint8Array,
): Uint8Array | null {
  if (password.length > 239) return null;
  const clear = new Uint8Array(Math.ceil((1 + password.length) / BLOCK) * BLOCK);
  clear[0] = password.length;
  clear.set(password, 1);
  return Buffer.concat([salt, encipher(secret, Buffer.concat([requestAuthenticator, salt]), clear)]);
}
/** The inverse, from Salt and String; null where the length octet does not fit. */
export function revealTunnelPassword(
  hidden: Uint8Array,
  secret: Uint8Array,
  requestAuthenticator: Uint8Array,
): Uint8Array | null {
  const size = hidden.length - 2;
  if (size < BLOCK || size % BLOCK !== 0) return null;
  const salt = hidden.subarray(0, 2);
  const clear = decipher(secret, Buffer.concat([requestAuthenticator, salt]), hidden.subarray(2));
  return clear[0]! > size - 1 ? null : clear.subarray(1, 1 + clear[0]!);
}

/** CHAP-Password (RFC 2865 section 5.3): CHAP identifier, then MD5(identifier, password, challenge). */
export function chapPassword(identifier: number, password: Uint8Array, challenge: Uint8Array): Uint8Array {
  const id = new Uint8Array([identifier]);
  return Buffer.concat([id, md5(id, password, challenge)]);
}

/**
 * MD5(code, identifier, length, `authenticator`, attributes, secret): with the request's authenticator the Response
 * Authenticator (RFC 2865 section 3), with 16 zeros the Request Authenticator of Accounting-, Disconnect- and
 * CoA-Request (RFC 2866 section 3, RFC 5176 section 2.3).
 */
export function packetAuthenticator(packet: Uint8Array, authenticator: Uint8Array, secret: Uint8Array): Uint8Array {
  return md5(packet.subarray(0, 4), authenticator, packet.subarray(20), secret);
}

/**
 * HMAC-MD5 over the packet with `authenticator` in its place and 16 zeros at `at`, where the value of its
 * Message-Authenticator stands (RFC 3579 section 3.2).
 */
export function messageAuthenticator(
  packet: Uint8Array,
  at: number,
  authenticator: Uint8Array,
  secret: Uint8Array,
): Uint8Array {
  return hmacMd5(
    secret,
    packet.subarray(0, 4),
    authenticator,
    packet.subarray(20, at),
    NONE,
    packet.subarray(at + AUTHENTICATOR_OCTETS),
  );
}
