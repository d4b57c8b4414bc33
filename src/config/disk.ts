import { type FileHandle, mkdir, open, readdir, readFile, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** Where configurations are kept. Every write is whole and on the disk when its promise is kept, or did not happen. */
export interface ConfigurationDisk {
  /** The text in force; null where there is none yet. */
  readActive(): Promise<string | null>;
  writeActive(text: string): Promise<void>;
  /** Sequence numbers of the texts that were in force, in no order. */
  history(): Promise<number[]>;
  /** @returns null where it is not there or cannot be read */
  readHistory(sequence: number): Promise<string | null>;
  writeHistory(sequence: number, text: string): Promise<void>;
  removeHistory(sequence: number): Promise<void>;
}

const compress = promisify(gzip);
const expand = promisify(gunzip);
/** An unpacked configuration is no larger. */
const TEXT_MAX = 256 * 1024 * 1024;
/** Secrets are in it, in a form that anybody can read. */
const FILE_MODE = 0o600;
const HISTORY_NAME = /^(\d{1,15})\.gz$/;

/** The active configuration as a file, those before it in a folder beside it (`FILE.d/N.gz`, N a sequence number). */
export class FileDisk implements ConfigurationDisk {
  readonly #file: string;
  readonly #folder: string;
  constructor(file: string, folder = `${file}.d`) {
    this.#file = file;
    this.#folder = folder;
  }

  async readActive(): Promise<string | null> {
    return unlessMissing(readFile(this.#file, 'utf8'));
  }
  async writeActive(text: string): Promise<void> {
    // A link stays a link.
    const target = (await unlessMissing(realpath(this.#file))) ?? this.#file;
    await writeWhole(target, Buffer.from(text, 'utf8'));
  }
  async history(): Promise<number[]> {
    const names = (await unlessMissing(readdir(this.#folder))) ?? [];
    return names.flatMap((name) => HISTORY_NAME.exec(name)?.slice(1).map(Number) ?? []);
  }
  async readHistory(sequence: number): Promise<string | null> {
    try {
      const packed = await readFile(join(this.#folder, `${sequence}.gz`));
      return (await expand(packed, { maxOutputLength: TEXT_MAX })).toString('utf8');
    } catch {
      return null;
    }
  }
  async writeHistory(sequence: number, text: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeWhole(join(this.#folder, `${sequence}.gz`), await compress(Buffer.from(text, 'utf8'), { level: 6 }));
  }
  async removeHistory(sequence: number): Promise<void> {
    await unlessMissing(unlink(join(this.#folder, `${sequence}.gz`)));
  }
}

/** A new file, on the disk before it takes the old one's name; the name on the disk before it is done. */
async function writeWhole(path: string, octets: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.new`);
  try {
    const file = await open(temporary, 'w', FILE_MODE);
    try {
      await file.writeFile(octets);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } finally {
    await handle?.close();
  }
}
async function unlessMissing<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Keeps everything in memory: for tests, and for a server whose file is not to be written. */
export class MemoryDisk implements ConfigurationDisk {
  active: string | null;
  readonly texts = new Map<number, string>();
  constructor(active: string | null = null) {
    this.active = active;
  }
  async readActive(): Promise<string | null> {
    return this.active;
  }
  async writeActive(text: string): Promise<void> {
    this.active = text;
  }
  async history(): Promise<number[]> {
    return [...this.texts.keys()];
  }
  async readHistory(sequence: number): Promise<string | null> {
    return this.texts.get(sequence) ?? null;
  }
  async writeHistory(sequence: number, text: string): Promise<void> {
    this.texts.set(sequence, text);
  }
  async removeHistory(sequence: number): Promise<void> {
    this.texts.delete(sequence);
  }
}
