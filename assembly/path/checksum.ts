// Ones' complement sums (RFC 1071) of long stretches, 32 octets a step. Sums are of words in memory order, unfolded:
// `fold` and `complement` of octets.ts end them. A stretch must begin at an even octet of what is summed.

/** Adds the octets from `ptr` to `sum`. */
export function sumOctets(ptr: u32, len: u32, sum: u64): u64 {
  let a = i64x2.splat(0), b = a;
  while (len >= 32) {
    const x = v128.load(ptr), y = v128.load(ptr, 16);
    a = i64x2.add(a, i64x2.add(i64x2.extend_low_i32x4_u(x), i64x2.extend_high_i32x4_u(x)));
    b = i64x2.add(b, i64x2.add(i64x2.extend_low_i32x4_u(y), i64x2.extend_high_i32x4_u(y)));
    ptr += 32;
    len -= 32;
  }
  a = i64x2.add(a, b);
  sum += <u64>i64x2.extract_lane(a, 0) + <u64>i64x2.extract_lane(a, 1);
  return sumTail(ptr, len, sum);
}
/** Copies the octets and adds them to `sum`, in one pass. The two stretches do not overlap. */
export function copyAndSum(to: u32, from: u32, len: u32, sum: u64): u64 {
  let a = i64x2.splat(0), b = a;
  while (len >= 32) {
    const x = v128.load(from), y = v128.load(from, 16);
    v128.store(to, x);
    v128.store(to, y, 16);
    a = i64x2.add(a, i64x2.add(i64x2.extend_low_i32x4_u(x), i64x2.extend_high_i32x4_u(x)));
    b = i64x2.add(b, i64x2.add(i64x2.extend_low_i32x4_u(y), i64x2.extend_high_i32x4_u(y)));
    from += 32;
    to += 32;
    len -= 32;
  }
  memory.copy(to, from, len);
  a = i64x2.add(a, b);
  sum += <u64>i64x2.extract_lane(a, 0) + <u64>i64x2.extract_lane(a, 1);
  return sumTail(from, len, sum);
}
// @ts-ignore: decorator
@inline function sumTail(ptr: u32, len: u32, sum: u64): u64 {
  while (len >= 4) {
    sum += load<u32>(ptr);
    ptr += 4;
    len -= 4;
  }
  if (len & 2) {
    sum += load<u16>(ptr);
    ptr += 2;
  }
  if (len & 1) sum += load<u8>(ptr);
  return sum;
}
/** The sum as 16 bits, not complemented. */
export function fold(sum: u64): u32 {
  sum = (sum & 0xffffffff) + (sum >>> 32);
  sum = (sum & 0xffffffff) + (sum >>> 32);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return <u32>((sum & 0xffff) + (sum >>> 16));
}
/** Sum of the IPv4 pseudo header (RFC 793 section 3.1, RFC 768). `ip`: the IP header; `octets`: of the TCP or UDP part. */
// @ts-ignore: decorator
@inline export function pseudoSum(ip: u32, octets: u32): u64 {
  return <u64>load<u32>(ip, 12) + <u64>load<u32>(ip, 16) + (<u64>load<u8>(ip, 9) << 8) + <u64>bswap<u16>(<u16>octets);
}
