import type { TunnelIds } from '../control/types.ts';
import type { RandomSource } from '../wire/random.ts';

/**
 * Tunnel IDs of a whole server, dealt to the shards in turn: a tunnel belongs to shard ID mod shards, as the kernel
 * steers its datagrams. They are unpredictable, so that nobody outside guesses one (RFC 2661 section 9).
 */
export class TunnelIdPool implements TunnelIds {
  readonly #used = new Uint8Array(65536);
  readonly #random: RandomSource;
  readonly #shards: number;
  #turn = 0;
  #count = 0;

  constructor(random: RandomSource, shards: number) {
    this.#random = random;
    this.#shards = shards;
    this.#used[0] = 1;
  }
  get inUse(): number {
    return this.#count;
  }
  allocate(): number {
    for (let tried = 0; tried < this.#shards; tried++) {
      const shard = this.#turn;
      this.#turn = (this.#turn + 1) % this.#shards;
      const steps = Math.floor((65535 - shard) / this.#shards) + 1;
      let at = this.#random.u32() % steps;
      for (let n = 0; n < steps; n++) {
        const id = at * this.#shards + shard;
        if (this.#used[id] === 0) {
          this.#used[id] = 1;
          this.#count++;
          return id;
        }
        at = at + 1 === steps ? 0 : at + 1;
      }
    }
    return 0;
  }
  release(tunnelId: number): void {
    if (tunnelId !== 0 && this.#used[tunnelId] === 1) {
      this.#used[tunnelId] = 0;
      this.#count--;
    }
  }
}
