import * as layout from '../generated/layout.ts';

/** What stands before a record's payload. */
export interface RecordHead {
  kind: number;
  row: number;
  generation: number;
  aux: number;
}

/**
 * The main thread's end of a ring in the shared memory (assembly/path/ring.ts has the other): one producer, one
 * consumer, records that never wrap.
 */
export class Ring {
  readonly #words: Int32Array;
  readonly #octets: Uint8Array;
  readonly #head: number;
  readonly #tail: number;
  readonly #data: number;
  readonly #size: number;

  /** @param offset of the ring in `buffer`  @param size octets of its data area, a power of two */
  constructor(buffer: SharedArrayBuffer, offset: number, size: number) {
    this.#words = new Int32Array(buffer);
    this.#octets = new Uint8Array(buffer);
    this.#head = (offset + layout.RING_HEAD) >>> 2;
    this.#tail = (offset + layout.RING_TAIL) >>> 2;
    this.#data = offset + layout.RING_DATA;
    this.#size = size;
  }

  get empty(): boolean {
    return Atomics.load(this.#words, this.#head) === Atomics.load(this.#words, this.#tail);
  }

  /** Appends a record whose payload is `first` and then `second`. @returns false where the ring is full */
  write(
    kind: number,
    row: number,
    generation: number,
    aux: number,
    first: Uint8Array,
    second: Uint8Array | null = null,
  ): boolean {
    const words = this.#words;
    const octets = first.length + (second === null ? 0 : second.length);
    const need = (layout.RECORD_HEADER + octets + 7) & ~7;
    let tail = words[this.#tail]! >>> 0;
    const used = (tail - (Atomics.load(words, this.#head) >>> 0)) >>> 0;
    const toEnd = this.#size - (tail & (this.#size - 1));
    if (toEnd < need) {
      if (used + toEnd + need > this.#size) return false;
      const pad = (this.#data + (tail & (this.#size - 1))) >>> 2;
      words[pad + (layout.RECORD_SIZE >>> 2)] = toEnd;
      words[pad + (layout.RECORD_KIND >>> 2)] = layout.RECORD_PAD;
      tail = (tail + toEnd) >>> 0;
    } else if (used + need > this.#size) return false;
    const record = this.#data + (tail & (this.#size - 1));
    const word = record >>> 2;
    words[word + (layout.RECORD_SIZE >>> 2)] = need;
    words[word + (layout.RECORD_KIND >>> 2)] = kind;
    words[word + (layout.RECORD_OCTETS >>> 2)] = octets;
    words[word + (layout.RECORD_ROW >>> 2)] = row;
    words[word + (layout.RECORD_GENERATION >>> 2)] = generation;
    words[word + (layout.RECORD_AUX >>> 2)] = aux;
    this.#octets.set(first, record + layout.RECORD_HEADER);
    if (second !== null) this.#octets.set(second, record + layout.RECORD_HEADER + first.length);
    Atomics.store(words, this.#tail, (tail + need) | 0);
    return true;
  }

  /**
   * Takes the next record.
   * @param head filled in with the record's fields
   * @returns a copy of its payload, null where the ring is empty
   */
  read(head: RecordHead): Uint8Array | null {
    const words = this.#words;
    const tail = Atomics.load(words, this.#tail) >>> 0;
    let at = words[this.#head]! >>> 0;
    if (at === tail) return null;
    let word = (this.#data + (at & (this.#size - 1))) >>> 2;
    if (words[word + (layout.RECORD_KIND >>> 2)] === layout.RECORD_PAD) {
      at = (at + words[word + (layout.RECORD_SIZE >>> 2)]!) >>> 0;
      word = this.#data >>> 2;
    }
    head.kind = words[word + (layout.RECORD_KIND >>> 2)]!;
    head.row = words[word + (layout.RECORD_ROW >>> 2)]!;
    head.generation = words[word + (layout.RECORD_GENERATION >>> 2)]!;
    head.aux = words[word + (layout.RECORD_AUX >>> 2)]!;
    const start = (word << 2) + layout.RECORD_HEADER;
    const payload = this.#octets.slice(start >>> 0, (start >>> 0) + words[word + (layout.RECORD_OCTETS >>> 2)]!);
    Atomics.store(words, this.#head, (at + words[word + (layout.RECORD_SIZE >>> 2)]!) | 0);
    return payload;
  }
}
