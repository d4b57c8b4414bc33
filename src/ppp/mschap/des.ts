import { createCipheriv } from 'node:crypto';

/**
 * DesEncrypt of RFC 2759 section 8.6: one block of single DES in ECB mode. OpenSSL 3 keeps single DES in its legacy
 * provider, which Node does not load, but has triple DES: with one key three times, encrypt-decrypt-encrypt is encrypt.
 * @param clear 8 octets
 * @param key 7 octets; the parity bits of the 8-octet key are ignored by the cipher and left zero
 * @returns 8 octets
 */
export function desEncrypt(clear: Uint8Array, key: Uint8Array): Uint8Array {
  const wide = new Uint8Array(24);
  for (let at = 0; at < 8; at++) {
    // Seven bits of the key to the octet, in its upper bits.
    const before = at === 0 ? 0 : key[at - 1]! << (8 - at);
    const here = at === 7 ? 0 : key[at]! >>> at;
    wide[at] = wide[8 + at] = wide[16 + at] = (before | here) & 0xfe;
  }
  const cipher = createCipheriv('des-ede3-ecb', wide, null).setAutoPadding(false);
  return new Uint8Array(cipher.update(clear));
}
