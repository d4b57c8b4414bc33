// MD5 (RFC 1321) over a work area given by the caller: state, block and count live there, so that instances share nothing.

/** Octets of a work area: state 16, octets so far 8, block 64, digest 16. */
export const MD5_WORK_SIZE: u32 = 104;
const WORK_COUNT: u32 = 16;
const WORK_BLOCK: u32 = 24;
export const MD5_DIGEST: u32 = 88;

// RFC 1321 section 3.4: T[i] = floor(2^32 * abs(sin(i + 1))), and the shifts of each round.
const T = memory.data<u32>([
  0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
  0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
  0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
  0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
]);
const S = memory.data<u8>([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]);

function transform(work: u32, block: u32): void {
  const a0 = load<u32>(work), b0 = load<u32>(work, 4), c0 = load<u32>(work, 8), d0 = load<u32>(work, 12);
  let a = a0, b = b0, c = c0, d = d0;
  for (let i: u32 = 0; i < 64; i++) {
    const round = i >>> 4;
    let f: u32, k: u32;
    if (round == 0) { f = (b & c) | (~b & d); k = i; }
    else if (round == 1) { f = (b & d) | (c & ~d); k = (5 * i + 1) & 15; }
    else if (round == 2) { f = b ^ c ^ d; k = (3 * i + 5) & 15; }
    else { f = c ^ (b | ~d); k = (7 * i) & 15; }
    const sum = a + f + load<u32>(block + (k << 2)) + load<u32>(<u32>T + (i << 2));
    a = d;
    d = c;
    c = b;
    b += rotl<u32>(sum, load<u8>(<u32>S + (round << 2) + (i & 3)));
  }
  store<u32>(work, a0 + a);
  store<u32>(work, b0 + b, 4);
  store<u32>(work, c0 + c, 8);
  store<u32>(work, d0 + d, 12);
}
export function md5Begin(work: u32): void {
  store<u32>(work, 0x67452301);
  store<u32>(work, 0xefcdab89, 4);
  store<u32>(work, 0x98badcfe, 8);
  store<u32>(work, 0x10325476, 12);
  store<u64>(work, 0, WORK_COUNT);
}
export function md5Add(work: u32, ptr: u32, len: u32): void {
  let used = <u32>load<u64>(work, WORK_COUNT) & 63;
  store<u64>(work, load<u64>(work, WORK_COUNT) + len, WORK_COUNT);
  const block = work + WORK_BLOCK;
  while (len) {
    const n = min<u32>(64 - used, len);
    memory.copy(block + used, ptr, n);
    ptr += n;
    len -= n;
    used += n;
    if (used == 64) {
      transform(work, block);
      used = 0;
    }
  }
}
/** Leaves the 16 octets at `work + MD5_DIGEST`. */
export function md5End(work: u32): void {
  const bits = load<u64>(work, WORK_COUNT) << 3;
  const used = <u32>load<u64>(work, WORK_COUNT) & 63;
  const block = work + WORK_BLOCK;
  store<u8>(block + used, 0x80);
  memory.fill(block + used + 1, 0, 63 - used);
  if (used >= 56) {
    transform(work, block);
    memory.fill(block, 0, 64);
  }
  store<u64>(block, bits, 56);
  transform(work, block);
  memory.copy(work + MD5_DIGEST, work, 16);
}
