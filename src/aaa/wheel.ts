/**
 * A timing wheel: deadlines of numbered items, set, moved and taken in constant time, in memory laid out at the start.
 * A deadline beyond the wheel's reach is looked at once a turn.
 */
export class TimingWheel {
  readonly #tickMs: number;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Slot of each item, -1 where it is in none. */
  readonly #slots: Int32Array;
  readonly #due: Float64Array;
  /** Ticks that are done. */
  #done: number;
  #size = 0;

  /**
   * @param items numbers 1 to `items`
   * @param tickMs how late a deadline may be taken
   * @param now milliseconds, monotonic
   */
  constructor(items: number, tickMs: number, slots: number, now: number) {
    this.#tickMs = tickMs;
    this.#heads = new Int32Array(slots);
    this.#next = new Int32Array(items + 1);
    this.#previous = new Int32Array(items + 1);
    this.#slots = new Int32Array(items + 1).fill(-1);
    this.#due = new Float64Array(items + 1);
    this.#done = Math.floor(now / tickMs);
  }
  get size(): number {
    return this.#size;
  }
  /** Sets or moves an item's deadline; Infinity takes it out. */
  set(item: number, due: number): void {
    this.remove(item);
    if (due === Number.POSITIVE_INFINITY) return;
    this.#due[item] = due;
    const slots = this.#heads.length;
    const tick = Math.min(Math.max(Math.ceil(due / this.#tickMs), this.#done + 1), this.#done + slots - 1);
    const slot = tick % slots;
    const head = this.#heads[slot]!;
    this.#slots[item] = slot;
    this.#next[item] = head;
    this.#previous[item] = 0;
    if (head !== 0) this.#previous[head] = item;
    this.#heads[slot] = item;
    this.#size++;
  }
  remove(item: number): void {
    const slot = this.#slots[item]!;
    if (slot < 0) return;
    const [next, previous] = [this.#next[item]!, this.#previous[item]!];
    if (previous === 0) this.#heads[slot] = next;
    else this.#next[previous] = next;
    if (next !== 0) this.#previous[next] = previous;
    this.#slots[item] = -1;
    this.#size--;
  }
  /** The `now` at which `advance` next has work. */
  deadline(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#done + 1) * this.#tickMs;
  }
  /** Takes out every item whose deadline has come and hands it to `expired`, which may set it anew. */
  advance(now: number, expired: (item: number) => void): void {
    const tick = Math.floor(now / this.#tickMs);
    const slots = this.#heads.length;
    // After a long pause one turn sees every slot.
    if (tick - this.#done > slots) this.#done = tick - slots;
    while (this.#done < tick) {
      this.#done++;
      const slot = this.#done % slots;
      let item = this.#heads[slot]!;
      // Detached first: what is set anew meanwhile goes elsewhere.
      this.#heads[slot] = 0;
      while (item !== 0) {
        const next = this.#next[item]!;
        // One that an earlier call has taken out or moved stands here no more.
        this.#previous[item] = 0;
        if (next !== 0) this.#previous[next] = 0;
        this.#slots[item] = -1;
        this.#size--;
        if (this.#due[item]! > now) this.set(item, this.#due[item]!);
        else this.#expired.push(item);
        item = next;
      }
    }
    for (const item of this.#expired.splice(0)) if (this.#slots[item] === -1) expired(item);
  }
  readonly #expired: number[] = [];
}
