import type { LoadBalance } from '../config/types.ts';
import type { Log } from './log.ts';

/** A tunnel as it is looked at here. */
export interface SpreadTunnel {
  readonly tunnelId: number;
  /** `SpreadingOptions.lacOf`'s word for the LAC behind it. */
  readonly lac: string;
  /** The shard that works on all its sessions; null where they are spread. */
  readonly shard: number | null;
  /** Rows of its sessions, as they are when they are asked for: they come and go while they are counted. */
  readonly rows: Iterable<number>;
}

export interface SpreadingOptions {
  readonly shards: number;
  readonly log: Log;
  tunnels(): Iterable<SpreadTunnel>;
  /** Packets both ways, counted since the row was taken. */
  packetsOf(row: number): number;
  /** CPU time that the shard's thread has used: microseconds, modulo 2^32. */
  cpuOf(shard: number): number;
}

/** How often the shards' CPU time is looked at. */
const LOOK_MS = 5000;
/** Share of a core from which on a shard's tunnels are counted. */
const BUSY = 0.6;
/** Share of a busy shard's packets from which on a tunnel is too big for it. */
const TOO_BIG = 0.5;
/** Rows counted in one turn of the main thread, and the pause between two turns. */
const TURN_ROWS = 2048;
const PAUSE_MS = 10;
/** LACs remembered; the one that was too big longest ago gives way. */
const LACS_MAX = 4096;

/** What a tunnel had carried when it was counted. */
interface Count {
  readonly shard: number;
  readonly lac: string;
  readonly at: number;
  packets: number;
  sessions: number;
}

/**
 * Which tunnels have their sessions spread over the shards. That is decided once, when the tunnel comes up, so that no
 * session is ever moved and none is reordered: by `load-balance` of its client, or by what a tunnel of the same LAC
 * carried before. For that the shards' CPU time is looked at every few seconds; only where a shard is busy, its
 * tunnels' packets are counted, a few thousand sessions a turn. A value: time in, deadline out.
 */
export class Spreading {
  readonly #options: SpreadingOptions;
  /** LACs that had a tunnel too big for a shard, the latest last. */
  readonly #lacs = new Set<string>();
  readonly #cpu: number[];
  readonly #busy: number[];
  #lookedAt = Number.NaN;
  #deadline = Number.POSITIVE_INFINITY;
  /** Tunnels of busy shards as they were at the first look; null: not counting. */
  #before: Map<number, Count> | null = null;
  #counting: Generator<void, Map<number, Count>, number> | null = null;

  constructor(options: SpreadingOptions) {
    this.#options = options;
    this.#cpu = new Array(options.shards).fill(0);
    this.#busy = new Array(options.shards).fill(0);
  }

  /** The shards run. */
  start(now: number): void {
    if (this.#options.shards > 1) this.#deadline = now;
  }
  /** Is a tunnel of this LAC to be spread? */
  wants(mode: LoadBalance, lac: string): boolean {
    if (this.#options.shards === 1 || mode === 'per-tunnel') return false;
    return mode === 'per-session' || this.#lacs.has(lac);
  }
  /** Share of a core that the shard used between the last two looks. */
  busy(shard: number): number {
    return this.#busy[shard]!;
  }
  deadline(): number {
    return this.#deadline;
  }

  handleTimeout(now: number): void {
    if (now < this.#deadline) return;
    if (this.#counting !== null) {
      const step = this.#counting.next(now);
      if (step.done) {
        this.#counting = null;
        if (this.#before === null) this.#before = step.value;
        else {
          this.#judge(this.#before, step.value);
          this.#before = null;
        }
        this.#deadline = now + LOOK_MS;
      } else this.#deadline = now + PAUSE_MS;
      return;
    }
    const hot = this.#look(now);
    if (this.#before !== null || hot.size > 0) {
      this.#counting = this.#count(now, hot);
      this.#deadline = now + PAUSE_MS;
    } else this.#deadline = now + LOOK_MS;
  }

  /** @returns shards that are busy */
  #look(now: number): Set<number> {
    const hot = new Set<number>();
    const elapsed = now - this.#lookedAt;
    this.#lookedAt = now;
    for (let shard = 0; shard < this.#options.shards; shard++) {
      const cpu = this.#options.cpuOf(shard);
      const used = (cpu - this.#cpu[shard]!) >>> 0;
      this.#cpu[shard] = cpu;
      // The first look has nothing to compare with; a replaced shard's thread counts from 0.
      const share = Number.isNaN(elapsed) ? 0 : used / (elapsed * 1000);
      this.#busy[shard] = share <= 2 ? share : 0;
      if (share >= BUSY && share <= 2) hot.add(shard);
    }
    return hot;
  }

  /** Counts the packets of the tunnels of some shards; at the second time of those counted before. */
  *#count(from: number, hot: ReadonlySet<number>): Generator<void, Map<number, Count>, number> {
    const counts = new Map<number, Count>();
    const before = this.#before;
    let now = from;
    let rows = 0;
    // The tunnels as they are now: the table changes between two turns.
    for (const { tunnelId, lac, shard, rows: sessions } of [...this.#options.tunnels()]) {
      if (shard === null || !(before === null ? hot.has(shard) : before.has(tunnelId))) continue;
      const count: Count = { shard, lac, at: now, packets: 0, sessions: 0 };
      for (const row of sessions) {
        count.packets += this.#options.packetsOf(row);
        count.sessions++;
        // One tunnel may have them all.
        if (++rows < TURN_ROWS) continue;
        rows = 0;
        now = yield;
      }
      counts.set(tunnelId, count);
    }
    return counts;
  }

  #judge(before: ReadonlyMap<number, Count>, after: ReadonlyMap<number, Count>): void {
    const rates = new Map<number, number>();
    const totals = new Map<number, number>();
    for (const [tunnelId, then] of after) {
      const first = before.get(tunnelId);
      if (first === undefined || then.at <= first.at) continue;
      const rate = (Math.max(0, then.packets - first.packets) * 1000) / (then.at - first.at);
      rates.set(tunnelId, rate);
      totals.set(then.shard, (totals.get(then.shard) ?? 0) + rate);
    }
    for (const [tunnelId, rate] of rates) {
      const { shard, lac, sessions } = after.get(tunnelId)!;
      if (sessions < 2 || rate === 0 || rate < totals.get(shard)! * TOO_BIG) continue;
      const known = this.#lacs.delete(lac);
      this.#lacs.add(lac);
      if (this.#lacs.size > LACS_MAX) this.#lacs.delete(this.#lacs.values().next().value!);
      if (!known)
        this.#options.log('notice', 'tunnel-too-big', {
          tunnel: tunnelId,
          lac,
          shard,
          packetsPerSecond: Math.round(rate),
          reason: 'the sessions of its next tunnels are spread over all shards',
        });
    }
  }
}
