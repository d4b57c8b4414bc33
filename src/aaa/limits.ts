import { TimingWheel } from './wheel.ts';

const TICK_MS = 250;
const SLOTS = 1024;

/** What bounds a session; 0: nothing does. */
export interface SessionLimits {
  readonly idleTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly keepaliveMs: number;
  /** Echo-Requests without an answer that end the session. */
  readonly keepaliveRetries: number;
}
export type LimitReason = 'idle-timeout' | 'session-timeout' | 'keepalive';

/** The rest of the world, by session row. */
export interface LimitsHost {
  /** Milliseconds of the shared clock modulo 2^32 when data last came and went, 0 for never. A bundle's link: any link's. */
  lastData(row: number): { readonly rx: number; readonly tx: number };
  /** Sends an LCP Echo-Request. @returns Echo-Requests without an answer before it */
  echo(row: number): number;
  end(row: number, reason: LimitReason): void;
}

/**
 * idle-timeout, session-timeout and keepalive of every session. A value: time comes as `now`, milliseconds of the shared
 * clock. An idle session is looked at once an idle-timeout and once a keepalive, by a timing wheel; the data path knows
 * nothing of it, it only notes when data last came and went.
 *
 * A peer that has sent data within the keepalive interval is there: no Echo-Request is sent then.
 */
export class Limits {
  readonly #wheel: TimingWheel;
  readonly #host: LimitsHost;
  readonly #idleMs: Float64Array;
  readonly #endsAt: Float64Array;
  readonly #keepaliveMs: Float64Array;
  readonly #echoAt: Float64Array;
  readonly #retries: Uint16Array;
  /** When the session came up: it cannot be idle for longer. */
  readonly #since: Float64Array;
  readonly counters = { echoes: 0, 'idle-timeout': 0, 'session-timeout': 0, keepalive: 0 };

  /** @param rows session rows 1 to `rows` */
  constructor(rows: number, host: LimitsHost, now: number) {
    this.#host = host;
    this.#wheel = new TimingWheel(rows, TICK_MS, SLOTS, now);
    this.#idleMs = new Float64Array(rows + 1);
    this.#endsAt = new Float64Array(rows + 1).fill(Number.POSITIVE_INFINITY);
    this.#keepaliveMs = new Float64Array(rows + 1);
    this.#echoAt = new Float64Array(rows + 1).fill(Number.POSITIVE_INFINITY);
    this.#retries = new Uint16Array(rows + 1);
    this.#since = new Float64Array(rows + 1);
  }
  /** Sessions under some limit. */
  get size(): number {
    return this.#wheel.size;
  }

  /**
   * The session is up.
   * @param spread in [0, 1): part of the interval by which its Echo-Requests are shifted against others'
   */
  add(row: number, limits: SessionLimits, now: number, spread: number): void {
    this.#since[row] = now;
    this.#idleMs[row] = limits.idleTimeoutMs;
    this.#endsAt[row] = limits.sessionTimeoutMs > 0 ? now + limits.sessionTimeoutMs : Number.POSITIVE_INFINITY;
    this.#keepaliveMs[row] = limits.keepaliveMs;
    this.#retries[row] = Math.min(limits.keepaliveRetries, 0xffff);
    this.#echoAt[row] =
      limits.keepaliveMs > 0 ? now + limits.keepaliveMs * (1 - 0.25 * spread) : Number.POSITIVE_INFINITY;
    this.#wheel.set(row, this.#next(row, now));
  }
  /** Other limits for a session that is up (CoA). A session-timeout runs from now. */
  change(row: number, change: { idleTimeoutMs?: number; sessionTimeoutMs?: number }, now: number): void {
    if (change.idleTimeoutMs !== undefined) this.#idleMs[row] = change.idleTimeoutMs;
    if (change.sessionTimeoutMs !== undefined)
      this.#endsAt[row] = change.sessionTimeoutMs > 0 ? now + change.sessionTimeoutMs : Number.POSITIVE_INFINITY;
    this.#wheel.set(row, this.#next(row, now));
  }
  remove(row: number): void {
    this.#wheel.remove(row);
    this.#idleMs[row] = 0;
    this.#endsAt[row] = this.#echoAt[row] = Number.POSITIVE_INFINITY;
  }

  deadline(): number {
    return this.#wheel.deadline();
  }
  handleTimeout(now: number): void {
    this.#wheel.advance(now, (row) => this.#judge(row, now));
  }

  #judge(row: number, now: number): void {
    if (now >= this.#endsAt[row]!) return this.#end(row, 'session-timeout');
    if (this.#idleMs[row]! > 0 && this.#idleFor(row, now) >= this.#idleMs[row]!) return this.#end(row, 'idle-timeout');
    if (now >= this.#echoAt[row]!) {
      const interval = this.#keepaliveMs[row]!;
      const { rx } = this.#host.lastData(row);
      const silent = rx === 0 ? Number.POSITIVE_INFINITY : sinceThen(now, rx);
      if (silent < interval) this.#echoAt[row] = now + interval - silent;
      else {
        const unanswered = this.#host.echo(row);
        if (unanswered >= this.#retries[row]!) return this.#end(row, 'keepalive');
        this.counters.echoes++;
        this.#echoAt[row] = now + interval;
      }
    }
    this.#wheel.set(row, this.#next(row, now));
  }
  #end(row: number, reason: LimitReason): void {
    this.counters[reason]++;
    this.remove(row);
    this.#host.end(row, reason);
  }
  #idleFor(row: number, now: number): number {
    const { rx, tx } = this.#host.lastData(row);
    let idle = now - this.#since[row]!;
    for (const last of [rx, tx]) if (last !== 0) idle = Math.min(idle, sinceThen(now, last));
    return idle;
  }
  #next(row: number, now: number): number {
    const idle = this.#idleMs[row]!;
    const idleAt = idle > 0 ? now + Math.max(0, idle - this.#idleFor(row, now)) : Number.POSITIVE_INFINITY;
    return Math.min(this.#endsAt[row]!, this.#echoAt[row]!, idleAt);
  }
}

/** The clock of the counters wraps after 49 days; a time in the future is one that was noted just now. */
function sinceThen(now: number, then: number): number {
  const since = (now - then) >>> 0;
  return since > 0xffff0000 ? 0 : since;
}
