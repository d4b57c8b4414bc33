/**
 * DES of one block (FIPS 46-3), which RFC 2759 asks for. OpenSSL 3 has single DES in its legacy provider alone, which
 * Node does not load. Triple DES with one key thrice is the same cipher, at seven times the cost of this for one block.
 */

/** The eight S-boxes: four rows of sixteen values each, a digit a value. */
const S_BOXES = [
  'e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d',
  'f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9',
  'a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c',
  '7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e',
  '2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453',
  'c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d',
  '4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c',
  'd2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b',
].map((box) => box.replaceAll(' ', ''));
// Permutations, in the standard's numbers: bit 1 is the first of the first octet.
const P = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];
const PC1_C = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
];
const PC1_D = [
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
const PC2 = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30,
  40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
const ROTATIONS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
/** Initial Permutation: rows of every eighth bit, even columns first. */
const IP = Array.from({ length: 64 }, (_, n) => (n < 32 ? 58 : 57) + 2 * ((n >> 3) & 3) - 8 * (n & 7));

/** S-boxes and P in one: what six bits of box `n` add to the half. */
const SP = S_BOXES.map((box, n) =>
  Int32Array.from({ length: 64 }, (_, six) => {
    const row = ((six >> 4) & 2) | (six & 1);
    const value = Number.parseInt(box[16 * row + ((six >> 1) & 15)]!, 16) << (28 - 4 * n);
    let out = 0;
    for (const [at, from] of P.entries()) out |= ((value >>> (32 - from)) & 1) << (31 - at);
    return out;
  }),
);

const rotate28 = (half: number, by: number): number => ((half << by) | (half >>> (28 - by))) & 0xfffffff;

/**
 * DesEncrypt of RFC 2759 section 8.6.
 * @param clear 8 octets
 * @param key 7 octets: without parity bits
 * @returns 8 octets
 */
export function desEncrypt(clear: Uint8Array, key: Uint8Array): Uint8Array {
  // The standard counts 64 bits of the key, each eighth of them parity.
  const keyBit = (bit: number): number => {
    const at = 7 * ((bit - 1) >> 3) + ((bit - 1) & 7);
    return (key[at >> 3]! >> (7 - (at & 7))) & 1;
  };
  let c = 0;
  let d = 0;
  for (const bit of PC1_C) c = (c << 1) | keyBit(bit);
  for (const bit of PC1_D) d = (d << 1) | keyBit(bit);
  let left = 0;
  let right = 0;
  for (let n = 0; n < 32; n++) {
    const [l, r] = [IP[n]! - 1, IP[32 + n]! - 1];
    left = (left << 1) | ((clear[l >> 3]! >> (7 - (l & 7))) & 1);
    right = (right << 1) | ((clear[r >> 3]! >> (7 - (r & 7))) & 1);
  }
  for (const rotation of ROTATIONS) {
    c = rotate28(c, rotation);
    d = rotate28(d, rotation);
    let mixed = 0;
    for (let box = 0; box < 8; box++) {
      let subkey = 0;
      for (let n = 6 * box; n < 6 * box + 6; n++) {
        const from = PC2[n]!;
        subkey = (subkey << 1) | ((from <= 28 ? c >>> (28 - from) : d >>> (56 - from)) & 1);
      }
      // Expansion: four bits of the half, with the neighbour on each side.
      const by = (4 * box + 5) & 31;
      mixed |= SP[box]![(((right << by) | (right >>> (32 - by))) & 63) ^ subkey]!;
    }
    [left, right] = [right, left ^ mixed];
  }
  // The halves once more change sides, then the inverse of the Initial Permutation.
  const out = new Uint8Array(8);
  for (let n = 0; n < 64; n++) {
    const bit = n < 32 ? right >>> (31 - n) : left >>> (63 - n);
    const to = IP[n]! - 1;
    out[to >> 3]! |= (bit & 1) << (7 - (to & 7));
  }
  return out;
}
