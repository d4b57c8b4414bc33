/** How many may begin by now: a rate with a burst of a tenth of a second, reached after a ramp. A value: time comes in. */
export class Pacer {
  readonly #perSecond: number;
  readonly #rampMs: number;
  #startedAt = 0;
  #at = 0;
  #allowance = 0;

  /** @param perSecond 0: without a bound  @param rampMs the rate grows evenly from 0 over so long */
  constructor(perSecond: number, rampMs: number) {
    this.#perSecond = perSecond;
    this.#rampMs = rampMs;
  }
  get bounded(): boolean {
    return this.#perSecond > 0;
  }
  start(now: number): void {
    this.#startedAt = this.#at = now;
    this.#allowance = 0;
  }
  /** The rate's integral from the start, with its ramp. */
  #due(now: number): number {
    const elapsed = now - this.#startedAt;
    const perMs = this.#perSecond / 1000;
    if (elapsed < this.#rampMs) return (perMs * elapsed * elapsed) / (2 * this.#rampMs);
    return perMs * (elapsed - this.#rampMs / 2);
  }
  advance(now: number): void {
    if (!this.bounded || now <= this.#at) return;
    const most = Math.max(1, this.#perSecond / 10);
    this.#allowance = Math.min(most, this.#allowance + this.#due(now) - this.#due(this.#at));
    this.#at = now;
  }
  /** May one begin? */
  get ready(): boolean {
    return !this.bounded || this.#allowance >= 1;
  }
  take(): void {
    if (this.bounded) this.#allowance--;
  }
}
