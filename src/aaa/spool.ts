import {
  closeSync,
  fdatasync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  write,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import { ConfigError } from '../errors.ts';
import type { Attribute } from '../radius/packet.ts';

/** One Accounting-Request that no server has taken. */
export interface AccountingRecord {
  readonly profile: string;
  /** Acct-Status-Type. */
  readonly status: number;
  /** When it happened: milliseconds of the wall clock. */
  readonly at: number;
  readonly sessionId: string;
  readonly user: string;
  /** All but Acct-Delay-Time. */
  readonly attributes: readonly Attribute[];
}
export const ACCT_INTERIM = 3;

/** Why records were lost. */
export type LossReason = 'full' | 'damaged' | 'disk';

export interface SpoolOptions {
  /** null: in memory only, nothing survives a restart. */
  readonly directory: string | null;
  readonly octetsMax: number;
  /** Each record that is lost; `record` is null where it cannot be read any more. */
  lost(reason: LossReason, record: AccountingRecord | null): void;
}

const packr = new Packr({ useRecords: false });
/** Octets of a file, after which the next begins: a whole file is given up at the bound. */
const SEGMENT_PART = 64;
const FLUSH_MS = 50;
const FRAME_HEADER = 8;
const WAITING = 0;
const UNDER_WAY = 1;
const DONE = 2;
type State = typeof WAITING | typeof UNDER_WAY | typeof DONE;

interface Segment {
  /** Number of its first record; the name of its file. */
  readonly first: number;
  readonly interim: boolean;
  octets: number;
  count: number;
  /** Records known to be done from the start. */
  done: number;
  /** Loaded when its turn comes; always there in memory. */
  records: AccountingRecord[] | null;
  /** Of each record: its number among all, and how it stands. */
  numbers: number[];
  states: State[];
  fd: number;
}

/** A record on its way: to be done with, or given back. */
export interface SpooledRecord {
  readonly record: AccountingRecord;
  done(): void;
  giveBack(): void;
}

/**
 * Keeps accounting records on disk until a server takes them, over restarts. Two rows of files, Interim-Updates and all
 * others, each in order of arrival; records come out in the order in which they came in. At the bound the oldest file of
 * Interim-Updates goes, and once there is none the oldest of the others. Written in batches, each made durable by
 * fdatasync. After a crash the records that were on their way may be sent once more.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #segmentOctets: number;
  readonly #rows: { interim: Segment[]; other: Segment[] } = { interim: [], other: [] };
  #next = 1;
  #octets = 0;
  #count = 0;
  /** By session: records that wait, of this process. */
  readonly #sessions = new Map<string, number>();
  #writes: { segment: Segment; octets: Uint8Array }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing = false;
  #lock: string | null = null;
  #closed = false;

  /** Opens the folder, and takes up what an earlier run left. @throws ConfigError where the folder cannot be used */
  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#segmentOctets = Math.max(4096, Math.floor(options.octetsMax / SEGMENT_PART));
    if (options.directory !== null) this.#openFolder(options.directory);
  }
  /** Records that wait, and their octets on disk. */
  get count(): number {
    return this.#count;
  }
  get octets(): number {
    return this.#octets;
  }
  /** Whether a record of the session waits: a later one must come behind it. */
  holds(sessionId: string): boolean {
    return this.#sessions.has(sessionId);
  }

  append(record: AccountingRecord): void {
    const payload = packr.pack([
      this.#next,
      record.profile,
      record.status,
      record.at,
      record.sessionId,
      record.user,
      record.attributes.map(({ vendor, type, value }) => [vendor, type, Buffer.from(value)]),
    ]);
    const frame = Buffer.allocUnsafe(FRAME_HEADER + payload.length);
    frame.writeUInt32LE(payload.length, 0);
    frame.writeUInt32LE(crc32(payload), 4);
    frame.set(payload, FRAME_HEADER);
    this.#makeRoom(frame.length);
    const interim = record.status === ACCT_INTERIM;
    const row = interim ? this.#rows.interim : this.#rows.other;
    let segment = row.at(-1);
    if (segment === undefined || segment.octets >= this.#segmentOctets || segment.fd === -2) {
      segment = this.#newSegment(interim);
      row.push(segment);
    }
    segment.octets += frame.length;
    segment.count++;
    segment.numbers.push(this.#next++);
    segment.records?.push(record);
    segment.states.push(WAITING);
    this.#octets += frame.length;
    this.#count++;
    this.#sessions.set(record.sessionId, (this.#sessions.get(record.sessionId) ?? 0) + 1);
    if (this.#options.directory === null) return;
    this.#writes.push({ segment, octets: frame });
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#flush();
    }, FLUSH_MS);
  }

  /** The oldest record that waits; null where none does. */
  take(): SpooledRecord | null {
    for (;;) {
      const [a, b] = [this.#head(this.#rows.interim), this.#head(this.#rows.other)];
      if (a === null && b === null) return null;
      const segment = b === null || (a !== null && a.number < b.number) ? a! : b;
      const { index } = segment;
      const one = segment.segment;
      const record = one.records![index]!;
      one.states[index] = UNDER_WAY;
      return {
        record,
        done: () => this.#finish(one, index, record),
        giveBack: () => {
          if (one.states[index] === UNDER_WAY) one.states[index] = WAITING;
        },
      };
    }
  }

  /** Writes what is left. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const { segment, octets } of this.#writes.splice(0)) {
      try {
        if (segment.fd >= 0) writeSync(segment.fd, octets);
      } catch (error) {
        this.#diskFailed(error as Error);
      }
    }
    for (const segment of [...this.#rows.interim, ...this.#rows.other]) {
      this.#noteDone(segment);
      if (segment.fd < 0) continue;
      try {
        fsyncSync(segment.fd);
      } catch {
        // What could be written is written.
      }
      closeSync(segment.fd);
      segment.fd = -1;
    }
    if (this.#lock !== null) rmSync(this.#lock, { force: true });
  }

  #head(row: Segment[]): { segment: Segment; index: number; number: number } | null {
    for (let i = 0; i < row.length; ) {
      const segment = row[i]!;
      if (segment.records === null && !this.#load(segment)) {
        row.splice(i, 1);
        continue;
      }
      const index = segment.states.indexOf(WAITING, segment.done);
      if (index >= 0) return { segment, index, number: segment.numbers[index]! };
      i++;
      // Files further back are looked at only where this one's records are all on their way.
    }
    return null;
  }
  #finish(segment: Segment, index: number, record: AccountingRecord): void {
    if (segment.states[index] === DONE || segment.fd === -3) return;
    segment.states[index] = DONE;
    this.#count--;
    this.#forget(record);
    while (segment.states[segment.done] === DONE) segment.done++;
    const row = segment.interim ? this.#rows.interim : this.#rows.other;
    if (segment.done < segment.count) return;
    row.splice(row.indexOf(segment), 1);
    this.#remove(segment);
  }
  #forget(record: AccountingRecord): void {
    const left = (this.#sessions.get(record.sessionId) ?? 0) - 1;
    if (left > 0) this.#sessions.set(record.sessionId, left);
    else this.#sessions.delete(record.sessionId);
  }
  /** At the bound the oldest Interim-Updates go first, then the oldest of all. */
  #makeRoom(octets: number): void {
    while (this.#octets + octets > this.#options.octetsMax) {
      const segment = this.#rows.interim.shift() ?? this.#rows.other.shift();
      if (segment === undefined) return;
      if (segment.records === null) this.#load(segment);
      for (let i = segment.done; i < segment.count; i++) {
        if (segment.states[i] === DONE) continue;
        this.#count--;
        const record = segment.records?.[i] ?? null;
        if (record !== null) this.#forget(record);
        this.#options.lost('full', record);
      }
      this.#remove(segment);
    }
  }

  // Files.

  #path(segment: Segment, suffix: string): string {
    return join(
      this.#options.directory!,
      `${String(segment.first).padStart(12, '0')}-${segment.interim ? 'interim' : 'record'}.${suffix}`,
    );
  }
  #newSegment(interim: boolean): Segment {
    const segment: Segment = {
      first: this.#next,
      interim,
      octets: 0,
      count: 0,
      done: 0,
      records: [],
      numbers: [],
      states: [],
      fd: -1,
    };
    if (this.#options.directory === null) return segment;
    try {
      segment.fd = openSync(this.#path(segment, 'seg'), 'a', 0o600);
    } catch (error) {
      this.#diskFailed(error as Error);
    }
    return segment;
  }
  #remove(segment: Segment): void {
    this.#octets -= segment.octets;
    this.#writes = this.#writes.filter((one) => one.segment !== segment);
    if (this.#options.directory !== null) {
      if (segment.fd >= 0 && !this.#writing) closeSync(segment.fd);
      else if (segment.fd >= 0) this.#closeLater.push(segment.fd);
      rmSync(this.#path(segment, 'seg'), { force: true });
      rmSync(this.#path(segment, 'done'), { force: true });
    }
    segment.fd = -3;
  }
  #closeLater: number[] = [];
  #noteDone(segment: Segment): void {
    if (this.#options.directory === null || segment.done === 0) return;
    try {
      writeFileSync(this.#path(segment, 'done'), String(segment.done), { mode: 0o600 });
    } catch {
      // Then some are sent once more.
    }
  }
  #flush(): void {
    if (this.#writing || this.#closed || this.#writes.length === 0) return;
    this.#writing = true;
    const { segment } = this.#writes[0]!;
    const batch: Uint8Array[] = [];
    while (this.#writes[0]?.segment === segment) batch.push(this.#writes.shift()!.octets);
    const finish = (error: Error | null): void => {
      this.#writing = false;
      for (const fd of this.#closeLater.splice(0)) closeSync(fd);
      if (error !== null) this.#diskFailed(error);
      this.#noteDone(segment);
      this.#unload(segment);
      this.#flush();
    };
    if (segment.fd < 0) return finish(null);
    write(segment.fd, Buffer.concat(batch), (error) => {
      if (error !== null || segment.fd < 0) return finish(error);
      fdatasync(segment.fd, finish);
    });
  }
  /** What is on disk and neither next nor being filled need not be in memory. */
  #unload(segment: Segment): void {
    const row = segment.interim ? this.#rows.interim : this.#rows.other;
    if (this.#failure !== null || segment === row[0] || segment === row.at(-1)) return;
    if (this.#writes[0]?.segment !== segment) segment.records = null;
  }
  #diskFailed(error: Error): void {
    this.#options.lost('disk', null);
    this.#failure ??= error;
  }
  #failure: Error | null = null;
  /** The first failure of the disk; records are in memory all the same. */
  get failure(): Error | null {
    return this.#failure;
  }

  #openFolder(directory: string): void {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      this.#takeLock(directory);
      const names = readdirSync(directory).sort();
      for (const name of names) {
        const match = /^(\d+)-(interim|record)\.seg$/.exec(name);
        if (match === null) continue;
        const interim = match[2] === 'interim';
        const segment: Segment = {
          first: Number(match[1]),
          interim,
          octets: 0,
          count: 0,
          done: 0,
          records: null,
          numbers: [],
          states: [],
          // No more is appended to what an earlier run wrote: its end may be torn.
          fd: -2,
        };
        if (!this.#load(segment)) continue;
        (interim ? this.#rows.interim : this.#rows.other).push(segment);
        this.#octets += segment.octets;
        this.#count += segment.count - segment.done;
        this.#next = Math.max(this.#next, segment.numbers.at(-1)! + 1);
        // Not kept in memory until its turn.
        segment.records = null;
      }
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(`accounting records cannot be kept in ${directory}: ${(error as Error).message}`);
    }
  }
  #takeLock(directory: string): void {
    const path = join(directory, 'lock');
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        writeFileSync(path, String(process.pid), { flag: 'wx' });
        this.#lock = path;
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const owner = Number(readFileSync(path, 'utf8'));
        if (owner !== process.pid && Number.isInteger(owner) && owner > 0 && isAlive(owner))
          throw new ConfigError(`${directory} is in use by process ${owner}`);
        if (owner === process.pid) throw new ConfigError(`${directory} is in use by another server of this process`);
        rmSync(path, { force: true });
      }
    }
    throw new ConfigError(`${directory} cannot be locked`);
  }
  /** Reads a file of records. @returns false where nothing of it is left to send; it is removed then */
  #load(segment: Segment): boolean {
    const directory = this.#options.directory;
    if (directory === null) return true;
    let octets: Buffer;
    try {
      octets = readFileSync(this.#path(segment, 'seg'));
    } catch {
      return false;
    }
    const records: AccountingRecord[] = [];
    const numbers: number[] = [];
    let at = 0;
    while (at + FRAME_HEADER <= octets.length) {
      const size = octets.readUInt32LE(at);
      const payload = octets.subarray(at + FRAME_HEADER, at + FRAME_HEADER + size);
      if (payload.length < size || crc32(payload) !== octets.readUInt32LE(at + 4)) break;
      const decoded = decode(payload);
      if (decoded === null) break;
      records.push(decoded.record);
      numbers.push(decoded.number);
      at += FRAME_HEADER + size;
    }
    let done = 0;
    try {
      done = Math.min(records.length, Number.parseInt(readFileSync(this.#path(segment, 'done'), 'utf8'), 10) || 0);
    } catch {
      // Nothing of it was sent.
    }
    if (segment.states.length === 0) {
      // A torn end is what was being written at a crash; how many records it holds nobody knows.
      if (at < octets.length) this.#options.lost('damaged', null);
      segment.states = records.map((_, i) => (i < done ? DONE : WAITING));
      segment.done = done;
      segment.count = records.length;
      segment.octets = octets.length;
    }
    for (; segment.count > records.length; segment.count--) {
      if (segment.states.pop() === DONE) continue;
      this.#count--;
      this.#options.lost('damaged', null);
    }
    segment.records = records;
    segment.numbers = numbers;
    if (segment.done < segment.count) return true;
    rmSync(this.#path(segment, 'seg'), { force: true });
    rmSync(this.#path(segment, 'done'), { force: true });
    return false;
  }
}

function decode(payload: Uint8Array): { number: number; record: AccountingRecord } | null {
  try {
    const [number, profile, status, at, sessionId, user, attributes] = packr.unpack(payload);
    const record: AccountingRecord = {
      profile,
      status,
      at,
      sessionId,
      user,
      attributes: attributes.map(([vendor, type, value]: [number, number, Uint8Array]) => ({
        vendor,
        type,
        value: Uint8Array.from(value),
      })),
    };
    return { number, record };
  } catch {
    return null;
  }
}
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
