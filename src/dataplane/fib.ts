import * as layout from '../generated/layout.ts';
import { hopWord } from './hop.ts';
import type { MemoryPlan } from './plan.ts';
import type { Tables } from './tables.ts';

/** Disjoint ranges of all IPv4 addresses in ascending order; the first begins at 0, each ends before the next. */
export interface Ranges {
  /** First addresses, as numbers. */
  readonly starts: readonly number[];
  /** Ethernet address of each one's next hop; null: the kernel is to forward. */
  readonly hops: readonly (Uint8Array | null)[];
}

/** Writes the forwarding table of the interface to the core (assembly/layout/fib.ts). */
export class Fib {
  readonly #tables: Tables;
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;
  readonly #at: number;
  #which = 0;
  #made = 0;
  /** Until the shards have passed it, one of them may read the table that is to be written next. */
  #epoch: number | null = null;

  constructor(memory: WebAssembly.Memory, plan: MemoryPlan, tables: Tables) {
    this.#tables = tables;
    this.#words = new Int32Array(memory.buffer);
    this.#longs = new BigInt64Array(memory.buffer);
    this.#at = plan.parts[layout.PART_FIB]!.offset;
  }
  /**
   * Puts ranges in force, FIB_RANGES_MAX at most.
   * @returns false where a shard may still be reading the table that would be overwritten: to be tried again
   */
  set({ starts, hops }: Ranges): boolean {
    if (this.#epoch !== null && !this.#tables.shardsPassed(this.#epoch)) return false;
    const which = 1 - this.#which;
    const at = this.#at + layout.FIB_TABLES + which * layout.FIB_TABLE_SIZE;
    for (const [n, start] of starts.entries()) {
      this.#words[(at >>> 2) + n] = start | 0;
      this.#longs[((at + layout.FIB_HOPS) >>> 3) + n] = hopWord(hops[n]!);
    }
    this.#made = (this.#made + 1) & 0x7fff;
    const current = which | (starts.length << 1) | (this.#made << 17);
    Atomics.store(this.#words, (this.#at + layout.FIB_CURRENT) >>> 2, current);
    this.#which = which;
    this.#epoch = this.#tables.nextEpoch();
    return true;
  }
}
