/** Who has a deadline that may move. */
export interface Timed {
  /** The `now` at which it next has work, Infinity for none. */
  deadline(): number;
  /** Position in time under which it stands in the heap; kept by `Deadlines`. */
  scheduledAt: number;
}

/**
 * A binary heap of deadlines. An entry is put in when a deadline comes nearer; one that moved away is found out when
 * its time comes, and put in again, so that moving a deadline away (an acknowledgement, a HELLO put off) is free.
 */
export class Deadlines<T extends Timed> {
  readonly #times: number[] = [];
  readonly #items: T[] = [];

  /** Tells that the deadline of `item` may have changed. */
  update(item: T): void {
    const deadline = item.deadline();
    if (deadline >= item.scheduledAt) return;
    item.scheduledAt = deadline;
    this.#push(deadline, item);
  }
  /** The earliest time at which `take` may have something. */
  next(): number {
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!;
  }
  /** Takes one item whose deadline has come; null where there is none at `now`. */
  take(now: number): T | null {
    while (this.#times.length > 0 && this.#times[0]! <= now) {
      const time = this.#times[0]!;
      const item = this.#items[0]!;
      this.#pop();
      if (item.scheduledAt !== time) continue; // an older entry
      item.scheduledAt = Number.POSITIVE_INFINITY;
      if (item.deadline() <= now) return item;
      this.update(item);
    }
    return null;
  }

  #push(time: number, item: T): void {
    const times = this.#times;
    const items = this.#items;
    let at = times.length;
    times.push(time);
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      items[at] = items[parent]!;
      at = parent;
    }
    times[at] = time;
    items[at] = item;
  }
  #pop(): void {
    const times = this.#times;
    const items = this.#items;
    const time = times.pop()!;
    const item = items.pop()!;
    const size = times.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= size) break;
      if (child + 1 < size && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= time) break;
      times[at] = times[child]!;
      items[at] = items[child]!;
      at = child;
    }
    times[at] = time;
    items[at] = item;
  }
}
