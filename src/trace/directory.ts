import { createReadStream, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { RotatingFile, type RotatingFileOptions } from './file.ts';

/** A name in the directory, and nowhere else. */
const NAME = /^(?!\.)[A-Za-z0-9._-]{1,255}$/;

/** A log or trace file. */
export interface LogFileInfo {
  readonly name: string;
  readonly octets: number;
  readonly modified: Date;
}

/** The directory of log and trace files (`/var/log` of a router). It is made when the first file is written. */
export class LogDirectory {
  readonly path: string;
  readonly #failed: (reason: string) => void;
  readonly #open = new Map<string, RotatingFile>();
  /** Who follows a file, whether it is being written or not. */
  readonly #followers = new Map<string, Set<(text: string) => void>>();

  constructor(path: string, failed: (reason: string) => void) {
    this.path = path;
    this.#failed = failed;
  }

  /** A file to write to. One name is written by one writer at a time. */
  open(
    name: string,
    options: Pick<RotatingFileOptions, 'sizeOctets' | 'files' | 'worldReadable' | 'head'>,
  ): RotatingFile {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o750 });
    } catch (error) {
      this.#failed(`${this.path}: ${(error as Error).message}`);
    }
    const file = new RotatingFile({ path: join(this.path, name), failed: this.#failed, ...options });
    file.listeners.add((record) => this.#tell(name, record));
    this.#open.set(name, file);
    return file;
  }
  #tell(name: string, record: Uint8Array): void {
    const followers = this.#followers.get(name);
    if (followers === undefined) return;
    const text = Buffer.from(record).toString('utf8');
    for (const take of followers) take(text);
  }

  list(): LogFileInfo[] {
    let names: string[];
    try {
      names = readdirSync(this.path).filter((name) => NAME.test(name));
    } catch {
      return [];
    }
    return names.sort().flatMap((name) => {
      // It may be gone by now.
      const stat = statSync(join(this.path, name), { throwIfNoEntry: false });
      return stat?.isFile() === true ? [{ name, octets: stat.size, modified: stat.mtime }] : [];
    });
  }
  /** A file's text in pieces, that of a compressed one too. @returns null where there is no such file */
  read(name: string): AsyncIterable<string> | null {
    if (!this.list().some((file) => file.name === name)) return null;
    const open = this.#open.get(name);
    const path = join(this.path, name);
    return (async function* () {
      await open?.flush();
      const file = createReadStream(path);
      const decoder = new TextDecoder();
      for await (const chunk of name.endsWith('.gz') ? file.pipe(createGunzip()) : file)
        yield decoder.decode(chunk as Uint8Array, { stream: true });
      yield decoder.decode();
    })();
  }
  /** Tells what is written from now on. @returns how to stop; null where no such file is there or written */
  follow(name: string, take: (text: string) => void): (() => void) | null {
    if (!this.#open.has(name) && !this.list().some((file) => file.name === name)) return null;
    const followers = this.#followers.get(name) ?? new Set();
    this.#followers.set(name, followers);
    followers.add(take);
    return () => {
      followers.delete(take);
      if (followers.size === 0) this.#followers.delete(name);
    };
  }
}
