/** A timer is looked at again after this long. */
const LONGEST_MS = 60_000;

/** Arms one timer for the earliest deadline of many values, and calls back when it has come. */
export class Ticker {
  readonly #deadline: () => number;
  readonly #tick: (now: number) => void;
  #timer: NodeJS.Timeout | null = null;
  #armedFor = Number.POSITIVE_INFINITY;
  #stopped = false;

  /** @param deadline the earliest `now` (performance.now) at which `tick` has work, Infinity for none */
  constructor(deadline: () => number, tick: (now: number) => void) {
    this.#deadline = deadline;
    this.#tick = tick;
  }
  /** To be called after each input: deadlines may have come nearer. */
  arm(): void {
    if (this.#stopped) return;
    const next = this.#deadline();
    if (this.#timer !== null) {
      if (next >= this.#armedFor) return;
      clearTimeout(this.#timer);
    }
    this.#timer = null;
    this.#armedFor = next;
    if (next === Number.POSITIVE_INFINITY) return;
    const armedAt = performance.now();
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        const now = performance.now();
        // Timers count in whole milliseconds, and may come a part of one early.
        if (now >= next || now - armedAt >= LONGEST_MS) this.#tick(now);
        this.arm();
      },
      Math.min(Math.max(1, Math.ceil(next - armedAt)), LONGEST_MS),
    );
  }
  /** For good: what arms it afterwards (an input that was under way) would keep the process, and tick over closed sockets. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
