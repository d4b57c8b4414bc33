// Octets of the network in linear memory.

// @ts-ignore: decorator
@inline export function be16(ptr: u32): u32 { return <u32>bswap<u16>(load<u16>(ptr)); }
// @ts-ignore: decorator
@inline export function setBe16(ptr: u32, value: u32): void { store<u16>(ptr, bswap<u16>(<u16>value)); }

/** Ones' complement sum of `len` octets in memory order (RFC 1071), folded to 16 bits, not complemented. */
export function checksum(ptr: u32, len: u32, sum: u64): u32 {
  const end = ptr + (len & ~7);
  for (; ptr < end; ptr += 8) {
    const word = load<u64>(ptr);
    sum += (word & 0xffffffff) + (word >>> 32);
  }
  let rest = len & 7;
  if (rest & 4) { sum += load<u32>(ptr); ptr += 4; }
  if (rest & 2) { sum += load<u16>(ptr); ptr += 2; }
  if (rest & 1) sum += load<u8>(ptr);
  sum = (sum & 0xffffffff) + (sum >>> 32);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return <u32>((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}
/** The checksum field's value, in memory order, for data that sums to `sum`. */
// @ts-ignore: decorator
@inline export function complement(sum: u32): u16 { return <u16>(~sum); }
/** RFC 1624: a checksum in memory order after one 16-bit word changed. */
export function adjustChecksum(field: u32, before: u32, after: u32): void {
  let sum: u32 = (~<u32>load<u16>(field) & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  store<u16>(field, <u16>(~sum));
}
/** Copies `len` octets between areas that do not overlap. Up to some kilobytes the call behind `memory.copy` costs more than this loop. */
export function copyOctets(to: u32, from: u32, len: u32): void {
  if (len < 16) return memory.copy(to, from, len);
  const last = len - 16;
  let at: u32 = 0;
  for (; at + 64 <= len; at += 64) {
    const a = v128.load(from + at), b = v128.load(from + at, 16), c = v128.load(from + at, 32), d = v128.load(from + at, 48);
    v128.store(to + at, a);
    v128.store(to + at, b, 16);
    v128.store(to + at, c, 32);
    v128.store(to + at, d, 48);
  }
  for (; at < last; at += 16) v128.store(to + at, v128.load(from + at));
  v128.store(to + last, v128.load(from + last));
}
