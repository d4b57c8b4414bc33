/** MD4 (RFC 1320): OpenSSL 3 has it in its legacy provider alone, which Node does not load. */

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));
/** Shifts of the three rounds, and the order in which the second and third take the words (section 3.4). */
const SHIFTS = [3, 7, 11, 19, 3, 5, 9, 13, 3, 9, 11, 15];
const SECOND = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
const THIRD = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15];

/** @returns 16 octets */
export function md4(message: Uint8Array): Uint8Array {
  // One bit, zeroes, and the length in bits, low word first: a multiple of 64 octets.
  const padded = new Uint8Array((message.length + 72) & ~63);
  padded.set(message);
  padded[message.length] = 0x80;
  const words = new DataView(padded.buffer);
  words.setUint32(padded.length - 8, message.length << 3, true);
  words.setUint32(padded.length - 4, message.length >>> 29, true);
  let [a, b, c, d] = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let block = 0; block < padded.length; block += 64) {
    const before = [a, b, c, d] as const;
    for (let step = 0; step < 48; step++) {
      const round = step >> 4;
      let mixed: number;
      let word: number;
      if (round === 0) {
        mixed = (b & c) | (~b & d);
        word = step;
      } else if (round === 1) {
        mixed = ((b & c) | (b & d) | (c & d)) + 0x5a827999;
        word = SECOND[step - 16]!;
      } else {
        mixed = (b ^ c ^ d) + 0x6ed9eba1;
        word = THIRD[step - 32]!;
      }
      const next = rotate((a + mixed + words.getUint32(block + 4 * word, true)) | 0, SHIFTS[4 * round + (step & 3)]!);
      [a, b, c, d] = [d, next, b, c];
    }
    a = (a + before[0]) | 0;
    b = (b + before[1]) | 0;
    c = (c + before[2]) | 0;
    d = (d + before[3]) | 0;
  }
  const digest = new Uint8Array(16);
  const view = new DataView(digest.buffer);
  for (const [at, word] of [a, b, c, d].entries()) view.setUint32(4 * at, word, true);
  return digest;
}
