import * as layout from '../generated/layout.ts';
import type { MemoryPlan } from './plan.ts';

/** What happens to datagrams on the emulator's side; chances from 0 to 1. */
export interface Impairments {
  readonly loss: number;
  readonly duplicate: number;
  /** Held back until 1 to 8 later ones have passed. */
  readonly reorder: number;
  readonly delayMs: number;
  /** Drawn evenly from 0 to this, in addition to `delayMs`. */
  readonly jitterMs: number;
  readonly seed: number;
}

/** The traffic generator of a shard. */
export interface TrafficSetup {
  readonly kind: 'udp' | 'icmp';
  /** IPv4 address as the octets stand in the packet, read as a little-endian word. */
  readonly target: number;
  /** Octets of IP packets, sent in turn; at most TRAFFIC_MIX_MAX. */
  readonly sizes: readonly number[];
  /** Packets of one session in a row. */
  readonly burst: number;
  /** A session's flows, told apart by source port. */
  readonly flows: number;
  readonly impair: Impairments | null;
}

/** Datagrams that a shard can hold back at once. */
export const HELD_SLOTS = 8192;

export interface TrafficCounts {
  sent: number;
  /** Duplicates not counted. */
  received: number;
  reordered: number;
  duplicates: number;
  /** Wrong contents, or for another session. */
  bad: number;
}
export interface SessionTraffic extends TrafficCounts {
  /** Microseconds of the round trip; null where nothing came back. */
  meanUs: number | null;
  maxUs: number | null;
  /** Answers to any session of the same address that came by this one. */
  carried: number;
}
export interface ImpairedCounts {
  lost: number;
  duplicated: number;
  reordered: number;
  delayed: number;
  /** Lost for want of room to hold it back. */
  full: number;
  /** Lost on their way in. */
  received: number;
}

/** A chance as the path takes it: of 2^32. */
const chance = (part: number): number => Math.min(0xffffffff, Math.round(part * 0x1_0000_0000));

/** Arguments of the path's `impairOptions`. */
export const impairArguments = (
  impair: Impairments,
  shards: number,
): [number, number, number, number, number, number, number, number] => [
  chance(impair.loss),
  chance(impair.duplicate),
  chance(impair.reorder),
  impair.delayMs,
  impair.jitterMs,
  impair.seed,
  shards,
  HELD_SLOTS,
];

/** The generator's records in linear memory, read by the main thread. */
export class TrafficView {
  readonly #plan: MemoryPlan;
  readonly #words: Uint32Array;
  readonly #longs: BigUint64Array;

  constructor(buffer: ArrayBufferLike, plan: MemoryPlan) {
    this.#plan = plan;
    this.#words = new Uint32Array(buffer);
    this.#longs = new BigUint64Array(buffer);
  }
  get #rows(): number {
    return this.#plan.parts[layout.PART_SESSIONS]!.count;
  }
  #record(row: number): number {
    return (this.#plan.parts[layout.PART_TRAFFIC]!.offset + row * layout.TRAFFIC_RECORD_SIZE) >>> 2;
  }
  #block(shard: number): number {
    const { offset } = this.#plan.parts[layout.PART_TRAFFIC]!;
    return offset + this.#rows * layout.TRAFFIC_RECORD_SIZE + shard * layout.TRAFFIC_BLOCK_SIZE;
  }

  /** Before the shards start. */
  setMix(sizes: readonly number[]): void {
    const halves = new Uint16Array(this.#words.buffer);
    for (let shard = 0; shard < this.#plan.sizes.shards; shard++)
      halves.set(sizes.slice(0, layout.TRAFFIC_MIX_MAX), (this.#block(shard) + layout.TRAFFIC_MIX) >>> 1);
  }
  #word(at: number, field: number): number {
    return this.#words[at + (field >>> 2)]!;
  }
  /** Sum over session rows 1 to `highest`. */
  total(highest: number): TrafficCounts {
    const sum = { sent: 0, received: 0, reordered: 0, duplicates: 0, bad: 0 };
    for (let row = 1; row <= highest; row++) {
      const at = this.#record(row);
      sum.sent += this.#word(at, layout.TRAFFIC_SENT);
      sum.received += this.#word(at, layout.TRAFFIC_RECEIVED);
      sum.reordered += this.#word(at, layout.TRAFFIC_REORDERED);
      sum.duplicates += this.#word(at, layout.TRAFFIC_DUPLICATES);
      sum.bad += this.#word(at, layout.TRAFFIC_BAD);
    }
    return sum;
  }
  /** One session or bundle. */
  session(row: number): SessionTraffic {
    const at = this.#record(row);
    const received = this.#word(at, layout.TRAFFIC_RECEIVED);
    const total = Number(this.#longs[(at + (layout.TRAFFIC_SUM >>> 2)) >>> 1]!);
    return {
      sent: this.#word(at, layout.TRAFFIC_SENT),
      received,
      reordered: this.#word(at, layout.TRAFFIC_REORDERED),
      duplicates: this.#word(at, layout.TRAFFIC_DUPLICATES),
      bad: this.#word(at, layout.TRAFFIC_BAD),
      meanUs: received === 0 ? null : total / received,
      maxUs: received === 0 ? null : this.#word(at, layout.TRAFFIC_MOST),
      carried: this.#word(at, layout.TRAFFIC_CARRIED),
    };
  }
  /** Round trips by bucket, over all shards since the last `reset`. */
  histogram(): Float64Array {
    const histogram = new Float64Array(layout.TRAFFIC_BUCKETS);
    for (let shard = 0; shard < this.#plan.sizes.shards; shard++) {
      const at = this.#block(shard) >>> 3;
      for (let i = 0; i < layout.TRAFFIC_BUCKETS; i++) histogram[i]! += Number(this.#longs[at + i]!);
    }
    return histogram;
  }
  impaired(): ImpairedCounts {
    const sum = (index: number): number => {
      let total = 0;
      for (let shard = 0; shard < this.#plan.sizes.shards; shard++)
        total += Number(this.#longs[((this.#block(shard) + layout.TRAFFIC_IMPAIRED) >>> 3) + index]!);
      return total;
    };
    return {
      lost: sum(layout.IMPAIR_LOST),
      duplicated: sum(layout.IMPAIR_DUPLICATED),
      reordered: sum(layout.IMPAIR_REORDERED),
      delayed: sum(layout.IMPAIR_DELAYED),
      full: sum(layout.IMPAIR_FULL),
      received: sum(layout.IMPAIR_RX_LOST),
    };
  }
  /** Begins anew, sequence numbers too. Only while no traffic is generated or under way. */
  reset(highest: number): void {
    this.#words.fill(0, this.#record(0), this.#record(highest + 1));
    for (let shard = 0; shard < this.#plan.sizes.shards; shard++) {
      const at = this.#block(shard);
      this.#words.fill(0, at >>> 2, (at + layout.TRAFFIC_MIX) >>> 2);
      this.#words.fill(0, (at + layout.TRAFFIC_IMPAIRED) >>> 2, (at + layout.TRAFFIC_WHEEL) >>> 2);
    }
  }
}

/** Upper end of a histogram's bucket, microseconds (assembly/path/traffic.ts). */
export function bucketValue(bucket: number): number {
  if (bucket < 16) return bucket;
  const octave = Math.floor(bucket / 16) + 3;
  return (16 + (bucket % 16) + 1) * 2 ** (octave - 4) - 1;
}
/** The value below which `part` of a histogram lies; null where it is empty. */
export function quantile(histogram: Float64Array, part: number): number | null {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.max(1, Math.ceil(total * part));
  for (let i = 0; i < histogram.length; i++) {
    left -= histogram[i]!;
    if (left <= 0) return bucketValue(i);
  }
  return null;
}
