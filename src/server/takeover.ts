import type { MemoryPlan } from '../dataplane/plan.ts';
import * as layout from '../generated/layout.ts';
import type { Ffi } from '../io/ffi.ts';

/** What a shard that ended by itself was at: RING_* part, sending shard of a peer ring, position in it; null: no ring. */
interface Doing {
  readonly part: number;
  readonly head: number;
}

/**
 * Puts in order what a shard leaves behind that ended by itself, so that another thread can take its place with the same
 * number, areas, sockets and rows. Nothing of it is in use: system calls and io_uring writes end before the path goes on
 * (docs/io.md), and there is no lock.
 */
export class Takeover {
  readonly #words: Int32Array;
  readonly #plan: MemoryPlan;
  readonly #shard: number;
  readonly #control: number;
  /** Where the shard last ended in a ring. */
  #last: Doing | null = null;

  constructor(words: Int32Array, plan: MemoryPlan, shard: number) {
    this.#words = words;
    this.#plan = plan;
    this.#shard = shard;
    const { offset, stride } = plan.parts[layout.PART_SHARD_CONTROL]!;
    this.#control = offset + shard * stride;
  }
  #word(offset: number): number {
    return (this.#control + offset) >>> 2;
  }
  get running(): boolean {
    return Atomics.load(this.#words, this.#word(layout.SHARD_RUNNING)) !== 0;
  }

  /**
   * @param ffi null with portable back ends  @param epoll the shard's epoll descriptor, shared with it
   */
  clear(ffi: Ffi | null, epoll: Int32Array): void {
    const words = this.#words;
    const poll = Atomics.exchange(epoll, 0, -1);
    if (poll >= 0) ffi?.close(poll);
    const ring = Atomics.exchange(words, this.#word(layout.SHARD_URING_FD), 0);
    if (ring > 0) ffi?.close(ring);
    Atomics.store(words, this.#word(layout.SHARD_URING), 0);
    Atomics.store(words, this.#word(layout.SHARD_SLEEPING), 0);
    Atomics.store(words, this.#word(layout.SHARD_RUNNING), 0);
    Atomics.store(words, this.#word(layout.SHARD_EPOCH), layout.SHARD_OFFLINE | 0);
    this.#skip(Atomics.exchange(words, this.#word(layout.SHARD_DOING), 0));
  }
  /**
   * A record that brought the shard down must not do so for ever. Data of portable back ends and of other shards is let
   * go at once; a record of the main thread is tried once more, since it may be innocent.
   */
  #skip(doing: number): void {
    const part = doing & 0xff;
    if (part === 0) {
      this.#last = null;
      return;
    }
    const { offset, stride, octets } = this.#plan.parts[part]!;
    const index = part === layout.PART_RING_PEER ? (doing >>> 8) * this.#plan.sizes.shards + this.#shard : this.#shard;
    const ring = offset + index * stride;
    const head = (ring + layout.RING_HEAD) >>> 2;
    const tail = (ring + layout.RING_TAIL) >>> 2;
    if (part !== layout.PART_RING_INJECT) {
      Atomics.store(this.#words, head, Atomics.load(this.#words, tail));
      return;
    }
    const at = Atomics.load(this.#words, head);
    if (at === Atomics.load(this.#words, tail)) return;
    if (this.#last?.part !== part || this.#last.head !== at) {
      this.#last = { part, head: at };
      return;
    }
    const recordOf = (position: number): number => (ring + layout.RING_DATA + (position & (octets - 1))) >>> 2;
    let position = at;
    if (this.#words[recordOf(position) + (layout.RECORD_KIND >>> 2)] === layout.RECORD_PAD)
      position += this.#words[recordOf(position) + (layout.RECORD_SIZE >>> 2)]!;
    position += this.#words[recordOf(position) + (layout.RECORD_SIZE >>> 2)]!;
    Atomics.store(this.#words, head, position | 0);
    this.#last = null;
  }
}
