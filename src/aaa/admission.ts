/** How many set-ups may wait for RADIUS at once. */
export interface AdmissionLimits {
  /** Calls between their ICRP and the answer of RADIUS. */
  readonly active: number;
  /** Calls whose ICRP waits for its turn; one more is refused. */
  readonly waiting: number;
  /** One that has waited this long is refused: the LAC is about to give up. */
  readonly waitMs: number;
}
export const ADMISSION: AdmissionLimits = { active: 4096, waiting: 32_768, waitMs: 30_000 };

export type Admitted = 'go' | 'wait' | 'refuse';

/**
 * Lets as many calls set up at once as RADIUS can be asked for, so that a storm of logins waits where it costs nothing:
 * before the ICRP, with every control message acknowledged (RFC 2661 section 5.8). In order of arrival.
 */
export class Admission<T extends object> {
  readonly #limits: AdmissionLimits;
  readonly #active = new Set<T>();
  /** In order of arrival: since when. */
  readonly #waiting = new Map<T, number>();
  readonly counters = { waited: 0, refused: 0, expired: 0, mostActive: 0, mostWaiting: 0 };

  constructor(limits: AdmissionLimits = ADMISSION) {
    this.#limits = limits;
  }
  get active(): number {
    return this.#active.size;
  }
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A call asks to be set up. */
  ask(call: T, now: number): Admitted {
    if (this.#active.size < this.#limits.active && this.#waiting.size === 0) {
      this.#begin(call);
      return 'go';
    }
    if (this.#waiting.size >= this.#limits.waiting) {
      this.counters.refused++;
      return 'refuse';
    }
    this.#waiting.set(call, now);
    this.counters.waited++;
    this.counters.mostWaiting = Math.max(this.counters.mostWaiting, this.#waiting.size);
    return 'wait';
  }
  /**
   * The call was judged, or is gone. Calls that were never asked for, or were done before, are no matter.
   * @returns the call whose turn it is now
   */
  done(call: T): T | null {
    this.#waiting.delete(call);
    if (!this.#active.delete(call)) return null;
    if (this.#active.size >= this.#limits.active) return null;
    for (const next of this.#waiting.keys()) {
      this.#waiting.delete(next);
      this.#begin(next);
      return next;
    }
    return null;
  }
  /** The `now` at which `expired` next has one. */
  deadline(): number {
    for (const since of this.#waiting.values()) return since + this.#limits.waitMs;
    return Number.POSITIVE_INFINITY;
  }
  /** Takes those that have waited too long. */
  expired(now: number): T[] {
    const late: T[] = [];
    for (const [call, since] of this.#waiting) {
      if (since + this.#limits.waitMs > now) break;
      late.push(call);
    }
    for (const call of late) this.#waiting.delete(call);
    this.counters.expired += late.length;
    return late;
  }
  #begin(call: T): void {
    this.#active.add(call);
    this.counters.mostActive = Math.max(this.counters.mostActive, this.#active.size);
  }
}
