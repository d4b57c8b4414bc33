import { write, writeSync } from 'node:fs';

/** Octets that may wait for a reader. */
const WAITING_MAX = 4 << 20;
const RETRY_MS = 20;

/**
 * Lines to a descriptor. Those of one turn of the event loop are one write, and nobody waits for it: a reader that stops
 * does not stop the server. Lines that find no room are lost, and the next one that does says how many.
 */
export class LineWriter {
  readonly #fd: number;
  #waiting: string[] = [];
  #waitingLength = 0;
  #lost = 0;
  #working: Promise<void> | null = null;
  #closed = false;

  constructor(fd: number) {
    this.#fd = fd;
  }
  /** Lines that nobody can read any more. */
  get lost(): number {
    return this.#lost;
  }
  write(line: string): void {
    if (this.#closed || this.#waitingLength + line.length > WAITING_MAX) {
      this.#lost++;
      return;
    }
    if (this.#lost > 0) this.#push(`${new Date().toISOString()} warning log-lost lines=${this.#lost}`);
    this.#lost = 0;
    this.#push(line);
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
  }
  #push(line: string): void {
    this.#waiting.push(line);
    this.#waitingLength += line.length + 1;
  }
  #take(): Uint8Array {
    const octets = Buffer.from(`${this.#waiting.join('\n')}\n`, 'utf8');
    this.#waiting = [];
    this.#waitingLength = 0;
    return octets;
  }
  async #work(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const octets = this.#take();
      for (let at = 0; at < octets.length && !this.#closed; ) {
        const [error, written] = await new Promise<[NodeJS.ErrnoException | null, number]>((resolve) =>
          write(this.#fd, octets, at, octets.length - at, null, (failure, count) => resolve([failure, count])),
        );
        if (error === null) at += written;
        else if (error.code === 'EAGAIN') await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        // The reader is gone, or the disk is full: the server goes on.
        else if (error.code === 'EPIPE' || error.code === 'EBADF') this.#closed = true;
        else at = octets.length;
      }
    }
  }
  /** Waits until all lines are written. */
  async flush(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }
  /** What has not been handed to the kernel yet: at an end that waits for nothing. */
  flushSync(): void {
    if (this.#waiting.length === 0 || this.#closed) return;
    try {
      writeSync(this.#fd, this.#take());
    } catch {
      // There is nobody left to tell.
    }
  }
}
