import type { Impairments } from '../dataplane/traffic.ts';
import { SeededRandom } from '../wire/random.ts';

/** Longest wait for others to pass. */
const BEHIND_MS = 20;
const BEHIND_MOST = 8;

interface Held {
  readonly at: number;
  readonly deliver: () => void;
}

/**
 * Loss, duplication, reordering and delay of control messages and PPP frames, drawn from a seed; what
 * assembly/path/impair.ts does to datagrams of data. It owns no clock.
 */
export class Impairment {
  readonly #options: Impairments;
  readonly #random: SeededRandom;
  /** By time; the next last. */
  readonly #delayed: Held[] = [];
  readonly #behind: { left: number; until: number; deliver: () => void }[] = [];
  readonly counts = { lost: 0, duplicated: 0, reordered: 0, delayed: 0 };

  constructor(options: Impairments) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }
  #chance(part: number): boolean {
    return part > 0 && this.#random.real() < part;
  }
  /** Loses, passes on or keeps a message. `deliver` may be called later, and twice: what it needs must stay. */
  pass(now: number, deliver: () => void): void {
    if (this.#chance(this.#options.loss)) {
      this.counts.lost++;
      return;
    }
    this.#one(now, deliver);
    if (this.#chance(this.#options.duplicate)) {
      this.counts.duplicated++;
      this.#one(now, deliver);
    }
  }
  #one(now: number, deliver: () => void): void {
    if (this.#chance(this.#options.reorder)) {
      this.counts.reordered++;
      this.#behind.push({ left: 1 + (this.#random.u32() % BEHIND_MOST), until: now + BEHIND_MS, deliver });
      return;
    }
    const { delayMs, jitterMs } = this.#options;
    if (delayMs + jitterMs > 0) {
      this.counts.delayed++;
      const at = now + delayMs + (jitterMs > 0 ? this.#random.real() * jitterMs : 0);
      let index = this.#delayed.length;
      while (index > 0 && this.#delayed[index - 1]!.at <= at) index--;
      this.#delayed.splice(index, 0, { at, deliver });
    } else deliver();
    if (this.#behind.length === 0) return;
    const ready = this.#behind.filter((held) => --held.left <= 0);
    this.#drop(ready);
    for (const held of ready) held.deliver();
  }
  #drop(gone: readonly unknown[]): void {
    if (gone.length === 0) return;
    const left = this.#behind.filter((held) => !gone.includes(held));
    this.#behind.length = 0;
    this.#behind.push(...left);
  }
  deadline(): number {
    let next = this.#delayed.at(-1)?.at ?? Number.POSITIVE_INFINITY;
    for (const held of this.#behind) next = Math.min(next, held.until);
    return next;
  }
  handleTimeout(now: number): void {
    while (this.#delayed.length > 0 && this.#delayed.at(-1)!.at <= now) this.#delayed.pop()!.deliver();
    const ready = this.#behind.filter((held) => held.until <= now);
    this.#drop(ready);
    for (const held of ready) held.deliver();
  }
}
