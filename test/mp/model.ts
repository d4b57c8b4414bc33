// RFC 1990 section 4.1, slow and obvious: what the path is held against.

export interface ModelFragment {
  readonly link: number;
  /** Counted on from 0, never wrapped. */
  readonly sequence: number;
  readonly begin: boolean;
  readonly end: boolean;
  readonly payload: string;
}

export class Model {
  readonly delivered: string[] = [];
  discarded = 0;
  #expected: number;
  readonly #waiting = new Map<number, ModelFragment>();
  /** By member link: the number most recently received. */
  readonly #last = new Map<number, number>();
  /** Fragments of the packet that is being put together. */
  #parts: ModelFragment[] = [];
  /** What comes belongs to a packet that lost a fragment. */
  #orphan = false;
  readonly #mrru: number;

  constructor(links: number, first: number, mrru: number) {
    for (let link = 0; link < links; link++) this.#last.set(link, Number.NEGATIVE_INFINITY);
    this.#expected = first;
    this.#mrru = mrru;
  }
  receive(fragment: ModelFragment): void {
    const { link, sequence } = fragment;
    this.#last.set(link, Math.max(this.#last.get(link)!, sequence));
    if (sequence < this.#expected || this.#waiting.has(sequence)) this.discarded++;
    else this.#waiting.set(sequence, fragment);
    this.#work();
  }
  leave(link: number): void {
    this.#last.delete(link);
    this.#work();
  }
  get waiting(): number {
    return this.#waiting.size + this.#parts.length;
  }

  #work(): void {
    for (;;) {
      const fragment = this.#waiting.get(this.#expected);
      if (fragment !== undefined) {
        this.#waiting.delete(this.#expected++);
        this.#take(fragment);
      } else if (this.#waiting.size > 0 && this.#expected < Math.min(...this.#last.values())) {
        // M has passed it: it is lost, and so is its packet.
        this.discarded += this.#parts.length;
        this.#parts = [];
        this.#orphan = true;
        this.#expected++;
      } else return;
    }
  }
  #take(fragment: ModelFragment): void {
    if (fragment.begin) {
      // The number before a beginning bore an ending: what is unfinished lost it.
      this.discarded += this.#parts.length;
      this.#parts = [];
      this.#orphan = false;
    } else if (this.#orphan || this.#parts.length === 0) {
      this.discarded++;
      this.#orphan = !fragment.end;
      return;
    }
    this.#parts.push(fragment);
    if (!fragment.end) return;
    const packet = this.#parts.map(({ payload }) => payload).join('');
    const octets = packet.length / 2;
    if (octets === 0 && this.#parts.length === 1) {
      // A null fragment.
    } else if (octets - (Number.parseInt(packet.slice(0, 2), 16) & 1 ? 1 : 2) > this.#mrru)
      this.discarded += this.#parts.length;
    else this.delivered.push(packet);
    this.#parts = [];
  }
}
