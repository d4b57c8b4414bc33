import type { Ffi } from '../io/ffi.ts';

const PR_SET_TIMERSLACK = 29;
const SLACK_NS = 1000;
/** Over how long the rate is taken, in milliseconds. */
const WINDOW_MS = 1;
/** Pauses pay from so many reads on that one of them gathers. */
const LEAST = 2;
/** As many as are worth waiting for: beyond that a batch saves little more. */
const MOST = 32;
/** A shorter pause than this is over before it has begun. */
const SHORTEST_MS = 0.01;

/**
 * Interrupt moderation, as network cards have it (rx-usecs), in the shard's loop: while packets come faster than one a
 * pause, the thread sleeps a little after each batch, and the next batch has more of them. Each batch costs a wake-up and
 * some system calls however small it is. At lower rates, and where a batch was full, nothing waits.
 */
export class Coalescing {
  readonly #ffi: Ffi;
  /** A struct timespec. */
  readonly #time = new BigInt64Array(2);
  readonly #at: number;
  readonly #longest: number;
  readonly #clock: number;
  /** Milliseconds from one batch to the next; 0: at once. */
  #pause = 0;
  #from = 0;
  #reads = 0;

  /**
   * @param longest microseconds; what a packet waits at most in a direction
   * @param clock what the clock of `after` is ahead of performance.now()
   */
  constructor(ffi: Ffi, longest: number, clock: number) {
    this.#ffi = ffi;
    this.#clock = clock;
    this.#longest = longest / 1000;
    this.#at = ffi.addressOf(this.#time);
    ffi.prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
  }
  /**
   * After a turn: sleeps for what is left of the pause since it began.
   * @param reads what it took, runs that the kernel merged counting as one  @param since when it began, in milliseconds
   * @param more is more known to wait
   */
  after(reads: number, since: number, more: boolean): void {
    this.#reads += reads;
    const elapsed = since - this.#from;
    if (elapsed >= WINDOW_MS) {
      const rate = this.#reads / elapsed;
      this.#pause = rate * this.#longest < LEAST ? 0 : Math.min(this.#longest, MOST / rate);
      this.#from = since;
      this.#reads = 0;
    }
    if (this.#pause === 0 || more) return;
    const left = since + this.#pause - performance.now() - this.#clock;
    if (left < SHORTEST_MS) return;
    this.#time[1] = BigInt(Math.round(left * 1e6));
    this.#ffi.nanosleep(this.#at, 0);
  }
}
