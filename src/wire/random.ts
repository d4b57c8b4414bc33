import { randomFillSync } from 'node:crypto';

/** Source of random octets: seeded in simulations, the system's in the product. */
export interface RandomSource {
  octets(count: number): Uint8Array;
  u32(): number;
}

/** The system's generator, read in blocks. */
export class SystemRandom implements RandomSource {
  readonly #block = new Uint8Array(8192);
  #used = 8192;

  octets(count: number): Uint8Array {
    if (count > this.#block.length) return randomFillSync(new Uint8Array(count));
    if (this.#used + count > this.#block.length) {
      randomFillSync(this.#block);
      this.#used = 0;
    }
    const octets = this.#block.slice(this.#used, this.#used + count);
    this.#block.fill(0, this.#used, this.#used + count);
    this.#used += count;
    return octets;
  }
  u32(): number {
    if (this.#used + 4 > this.#block.length) {
      randomFillSync(this.#block);
      this.#used = 0;
    }
    const block = this.#block;
    let value = 0;
    for (let n = 0; n < 4; n++) {
      value = (value << 8) | block[this.#used]!;
      block[this.#used++] = 0;
    }
    return value >>> 0;
  }
}

/** A repeatable generator (xorshift32 over a mixed seed). Not for secrets. */
export class SeededRandom implements RandomSource {
  #state: number;
  constructor(seed: number) {
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1) >>> 0;
  }
  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return Math.imul(this.#state, 0x9e3779b1) >>> 0;
  }
  octets(count: number): Uint8Array {
    const octets = new Uint8Array(count);
    for (let i = 0; i < count; i++) octets[i] = this.u32() >>> 24;
    return octets;
  }
  /** A number in [0, 1). */
  real(): number {
    return this.u32() / 0x1_0000_0000;
  }
}
