// Hiding of AVP attribute values (RFC 2661 section 4.3): blocks of 16 octets, each XORed with an MD5 digest;
//   b(1) = MD5(attribute type, secret, random vector), b(i) = MD5(secret, c(i - 1)).
import { md5Begin, md5Add, md5End, MD5_DIGEST, MD5_WORK_SIZE } from "./md5";

function xorBlock(to: u32, work: u32, n: u32): void {
  for (let i: u32 = 0; i < n; i++) store<u8>(to + i, load<u8>(to + i) ^ load<u8>(work + MD5_DIGEST + i));
}
/**
 * Enciphers or deciphers `len` octets in place.
 * @param secret @param vector offsets of the shared secret and the Random Vector
 * @param decipher the chain runs over the cipher text, which is the input then
 * @param work MD5_WORK_SIZE + 16 octets
 */
export function hideCipher(ptr: u32, len: u32, attributeType: u32, secret: u32, secretLen: u32, vector: u32, vectorLen: u32, decipher: bool, work: u32): void {
  const previous = work + MD5_WORK_SIZE;
  store<u16>(previous, bswap<u16>(<u16>attributeType));
  md5Begin(work);
  md5Add(work, previous, 2);
  md5Add(work, secret, secretLen);
  md5Add(work, vector, vectorLen);
  md5End(work);
  for (let at: u32 = 0; at < len; at += 16) {
    const n = min<u32>(16, len - at);
    if (decipher) memory.copy(previous, ptr + at, n);
    xorBlock(ptr + at, work, n);
    if (!decipher) memory.copy(previous, ptr + at, n);
    if (at + 16 >= len) break;
    md5Begin(work);
    md5Add(work, secret, secretLen);
    md5Add(work, previous, 16);
    md5End(work);
  }
}
