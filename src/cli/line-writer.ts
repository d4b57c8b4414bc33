import { writeSync } from 'node:fs';

/** Octets that may wait for a reader. */
const WAITING_MAX = 4 << 20;
const RETRY_MS = 20;
const NOTHING = new Uint8Array(0);
const LINE_FEED = 0x0a;

const lostLine = (lines: number): string => `${new Date().toISOString()} warning log-lost lines=${lines}`;

/**
 * Lines to a descriptor that does not block: a pipe or socket that Node has opened, or a file. Those of one turn of the event
 * loop are one write, and a reader that stops does not stop the server: lines that find no room are lost, as are those that the
 * disk does not take, and the next one that is written says how many.
 */
export class LineWriter {
  readonly #fd: number;
  #waiting: string[] = [];
  #waitingOctets = 0;
  /** Of the lines being written, what the kernel has not taken yet. */
  #rest: Uint8Array = NOTHING;
  /** Found no room, and not said yet. */
  #lost = 0;
  /** The disk did not take them; `#cut`: of the first one the beginning is there. */
  #failed = 0;
  #cut = false;
  /** Lines being written, and how many lost ones are said in front of them. */
  #lines = 0;
  #said = 0;
  #scheduled = false;
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }
  /** Lines that were lost and have not been said to be. */
  get lost(): number {
    return this.#lost + this.#failed;
  }
  write(line: string): void {
    const octets = Buffer.byteLength(line) + 1;
    if (this.#closed || this.#waitingOctets + octets > WAITING_MAX) {
      this.#lost++;
      return;
    }
    if (this.#lost > 0) this.#waiting.push(lostLine(this.#lost));
    this.#lost = 0;
    this.#waiting.push(line);
    this.#waitingOctets += octets;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#work());
  }
  #work(): void {
    this.#scheduled = false;
    if (this.#writeAll()) return;
    this.#scheduled = true;
    setTimeout(() => this.#work(), RETRY_MS).unref();
  }
  /** @returns false where the reader takes no more for now */
  #writeAll(): boolean {
    while (!this.#closed && this.#take()) {
      try {
        const written = writeSync(this.#fd, this.#rest);
        this.#cut = written < this.#rest.length && this.#rest[written - 1] !== LINE_FEED;
        this.#rest = this.#rest.subarray(written);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return false;
        // The reader is gone, or the disk is full: the server goes on.
        if (code === 'EPIPE' || code === 'EBADF') this.#closed = true;
        const ends = this.#rest.reduce((sum, octet) => sum + (octet === LINE_FEED ? 1 : 0), 0);
        // The end of a line that was cut is none of these.
        this.#failed = ends > this.#lines ? this.#said + this.#lines : ends;
        this.#rest = NOTHING;
        return true;
      }
    }
    return true;
  }
  /** The next lines, once the ones before are written. @returns false where there are none */
  #take(): boolean {
    if (this.#rest.length > 0) return true;
    this.#waitingOctets = 0;
    if (this.#waiting.length === 0) return false;
    this.#lines = this.#waiting.length;
    this.#said = this.#failed;
    if (this.#failed > 0) this.#waiting.unshift(lostLine(this.#failed));
    this.#failed = 0;
    this.#rest = Buffer.from(`${this.#cut ? '\n' : ''}${this.#waiting.join('\n')}\n`, 'utf8');
    this.#waiting = [];
    this.#waitingOctets = this.#rest.length;
    return true;
  }
  /** Waits until all lines are written, but no longer than so many milliseconds. */
  async flush(most = 1000): Promise<void> {
    const end = performance.now() + most;
    while (!this.#writeAll() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  /** What the kernel takes at once: at an end that waits for nothing. */
  flushSync(): void {
    this.#writeAll();
  }
}
