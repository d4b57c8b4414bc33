import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, type FileHandle, open, rename, rm, unlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

export interface RotatingFileOptions {
  readonly path: string;
  /** A file of this size is full. */
  readonly sizeOctets: number;
  /** Files kept, the one being written among them. */
  readonly files: number;
  readonly worldReadable: boolean;
  /** What every file begins with. */
  readonly head?: Uint8Array;
  /** What is wrong with the disk; told once until it is right again. */
  readonly failed: (reason: string) => void;
}

/** Octets that may wait for the disk. */
const WAITING_MAX = 4 << 20;
/** After a fault of the disk, this long nothing is tried. */
const RETRY_MS = 10_000;

/**
 * A log or trace file as Junos keeps it: at its size it is compressed to NAME.0.gz, older ones move up, the oldest goes.
 * Writers never wait: records that find no room are lost, and the file says how many.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #waiting: Uint8Array[] = [];
  #waitingOctets = 0;
  #lost = 0;
  #handle: FileHandle | null = null;
  #octets = 0;
  #working: Promise<void> | null = null;
  #closing = false;
  #brokenUntil = 0;
  #broken = false;
  readonly listeners = new Set<(record: Uint8Array) => void>();

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }
  /** Records that were not written. */
  get lost(): number {
    return this.#lost;
  }

  /** Appends a record, which stays in one file. */
  write(record: Uint8Array): void {
    for (const listener of this.listeners) listener(record);
    if (this.#closing || this.#waitingOctets + record.length > WAITING_MAX) {
      this.#lost++;
      return;
    }
    this.#waiting.push(record);
    this.#waitingOctets += record.length;
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
  }
  /** Appends a line. */
  writeLine(line: string): void {
    this.write(Buffer.from(`${line}\n`, 'utf8'));
  }

  async #work(): Promise<void> {
    // Records of one turn of the event loop are written together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      if (performance.now() < this.#brokenUntil) {
        this.#lost += batch.length;
        continue;
      }
      try {
        await this.#append(batch);
        this.#broken = false;
      } catch (error) {
        this.#lost += batch.length;
        this.#brokenUntil = performance.now() + RETRY_MS;
        await this.#handle?.close().catch(() => undefined);
        this.#handle = null;
        if (!this.#broken) this.#options.failed(`${this.#options.path}: ${(error as Error).message}`);
        this.#broken = true;
      }
    }
  }
  /** As many records as the present file still takes, one at the least. */
  #take(): Uint8Array[] {
    const room = this.#options.sizeOctets - this.#octets;
    let count = 0;
    let octets = 0;
    while (count < this.#waiting.length && (count === 0 || octets + this.#waiting[count]!.length <= room))
      octets += this.#waiting[count++]!.length;
    this.#waitingOctets -= octets;
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  async #append(batch: readonly Uint8Array[]): Promise<void> {
    const octets = batch.reduce((sum, record) => sum + record.length, 0);
    if (this.#handle === null) await this.#open();
    const head = this.#options.head?.length ?? 0;
    if (this.#octets > head && this.#octets + octets > this.#options.sizeOctets) {
      await this.#rotate();
      await this.#open();
    }
    await this.#handle!.write(Buffer.concat(batch));
    this.#octets += octets;
  }
  async #open(): Promise<void> {
    const { path, worldReadable, head } = this.#options;
    const mode = worldReadable ? 0o644 : 0o640;
    const handle = await open(path, 'a', mode);
    try {
      // The umask, or an earlier configuration, may have had other ideas.
      await chmod(path, mode);
      this.#octets = (await handle.stat()).size;
      if (this.#octets === 0 && head !== undefined) {
        await handle.write(head);
        this.#octets = head.length;
      }
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
    this.#handle = handle;
  }
  async #rotate(): Promise<void> {
    const { path, files } = this.#options;
    await this.#handle!.close();
    this.#handle = null;
    const archive = (n: number): string => `${path}.${n}.gz`;
    await rm(archive(files - 2), { force: true });
    for (let n = files - 3; n >= 0; n--)
      await rename(archive(n), archive(n + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    const mode = this.#options.worldReadable ? 0o644 : 0o640;
    await pipeline(createReadStream(path), createGzip(), createWriteStream(archive(0), { mode }));
    await unlink(path);
  }

  /** Waits until all that was written is in the file. */
  async flush(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }
  async close(): Promise<void> {
    this.#closing = true;
    await this.flush();
    await this.#handle?.close();
    this.#handle = null;
  }
}
