import assert from 'node:assert/strict';
import type { ConfigDifference } from '../../src/config/difference.ts';
import { type ConfigurationDisk, MemoryDisk } from '../../src/config/disk.ts';
import type { ConfigReply, ConfigurationSession } from '../../src/config/session.ts';
import type { EditMode, SessionOptions } from '../../src/config/session-types.ts';
import { ConfigurationStore } from '../../src/config/store.ts';
import type { LnsConfig } from '../../src/config/types.ts';
import { configuration } from './support.ts';

/** 2026-05-12 08:00:00 UTC. */
export const START = Date.UTC(2026, 4, 12, 8);

/** A store with a clock that stands, and what it told and applied. */
export class Bench {
  now = START;
  readonly told: string[] = [];
  readonly applied: { next: LnsConfig; difference: ConfigDifference }[] = [];
  /** Thrown by the next `apply`. */
  refuse: string | null = null;
  store!: ConfigurationStore;
  readonly disk: ConfigurationDisk;
  #seed = 1;
  private constructor(disk: ConfigurationDisk) {
    this.disk = disk;
  }
  static async open(text: string | ConfigurationDisk = configuration()): Promise<Bench> {
    const bench = new Bench(typeof text === 'string' ? new MemoryDisk(text) : text);
    await bench.reopen();
    return bench;
  }
  /** As after a restart of the server. */
  async reopen(): Promise<void> {
    this.store = await ConfigurationStore.open({
      disk: this.disk,
      platform: 'm10i',
      now: () => this.now,
      random: () => {
        this.#seed = (this.#seed * 48271) % 0x7fffffff;
        return this.#seed / 0x7fffffff;
      },
      tell: (message) => this.told.push(message),
      apply: (next, _, difference) => {
        if (this.refuse !== null) {
          const why = this.refuse;
          this.refuse = null;
          throw new Error(why);
        }
        this.applied.push({ next, difference });
      },
    });
  }
  session(mode: EditMode = 'shared', more: Partial<SessionOptions> = {}): Shell {
    return new Shell(this.store.openSession({ user: 'kim', terminal: 'p0', pid: 4711, mode, ...more }));
  }
}

/** Types lines into a session. */
export class Shell {
  readonly session: ConfigurationSession;
  constructor(session: ConfigurationSession) {
    this.session = session;
  }
  async reply(line: string): Promise<ConfigReply> {
    return this.session.execute(line);
  }
  /** What it says; the line must succeed. */
  async run(line: string): Promise<string> {
    const reply = await this.session.execute(line);
    assert.ok(reply.ok, `${line}: ${reply.text}`);
    return reply.text;
  }
  async all(...lines: string[]): Promise<string> {
    let last = '';
    for (const line of lines) last = await this.run(line);
    return last;
  }
  /** What it says; the line must fail. */
  async fails(line: string): Promise<string> {
    const reply = await this.session.execute(line);
    assert.equal(reply.ok, false, `${line}: ${reply.text}`);
    return reply.text;
  }
  async answer(line: string, input: string): Promise<string> {
    const reply = await this.session.execute(line);
    assert.ok(reply.needsInput !== undefined, `${line} asks nothing: ${reply.text}`);
    return (await this.session.provide(input)).text;
  }
  words(line: string): string[] {
    return this.session.complete(line, line.length).map((one) => one.word);
  }
}
