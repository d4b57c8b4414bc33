import { ConfigError } from '../errors.ts';
import { type Platform, platformByName } from '../platform/platform.ts';
import { type ConfigTree, parseConfig } from './bind.ts';
import { difference } from './difference.ts';
import type { ConfigurationDisk } from './disk.ts';
import { localTime } from './display.ts';
import { formatCurly } from './format.ts';
import { expandGroups } from './inherit.ts';
import { formatDiagnostics } from './load.ts';
import { type MergeConflict, mergeChanges } from './merge.ts';
import { splitRecord, withRecord } from './record.ts';
import { LEFT_ALONE, NOT_YET, resolveConfig } from './resolve.ts';
import { stableSecret9 } from './secret9.ts';
import { ConfigurationSession } from './session.ts';
import type { ApplyConfig, CommitOutcome, CommitRecord, SessionOptions } from './session-types.ts';
import type { ConfigNode } from './tree.ts';
import type { Diagnostic, LnsConfig } from './types.ts';

/** Configurations that `rollback` reaches: 0, the one in force, to 49. */
export const ROLLBACK_MAX = 50;

export interface StoreOptions {
  readonly disk: ConfigurationDisk;
  /** Router to be; `chassis model` goes before it. */
  readonly platform: string;
  readonly apply: ApplyConfig;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Numbers in [0, 1), for the salts of secrets. */
  readonly random: () => number;
  /** Told to operators and the log: an automatic rollback, a file that was reloaded. */
  readonly tell?: (message: string) => void;
  /** `deadline` changed. */
  readonly deadlineChanged?: () => void;
}

/** How somebody puts a candidate in force. */
export interface CommitRequest {
  readonly user: string;
  readonly via: CommitRecord['via'];
  readonly comment?: string;
  /** `commit confirmed`: minutes until it is taken back by itself. */
  readonly confirmMinutes?: number;
}

/** A mistake of the disk in words that help. */
function diskError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return 'no space left on device';
  if (code === 'EDQUOT') return 'disk quota exceeded';
  if (code === 'EROFS') return 'read-only file system';
  return code === undefined ? message : `${code}: ${message}`;
}

/** Of what is in the file and does nothing. */
const isNotice = ({ message }: Diagnostic): boolean => message === NOT_YET || message === LEFT_ALONE;
const noticeKey = ({ path, statement, message }: Diagnostic): string => [...path, statement, message].join('\n');

const noticesOf = (diagnostics: readonly Diagnostic[]): Set<string> =>
  new Set(diagnostics.filter(isNotice).map(noticeKey));

/**
 * The configuration database: what is in force, what was before, and the candidate that operators share. A commit is
 * checked whole, written (a new text in the history, then one rename of the active file), and applied; a crash at any
 * point leaves the old or the new. Commits follow each other.
 */
export class ConfigurationStore {
  readonly #options: StoreOptions;
  readonly #platform: Platform;
  #written: ConfigNode;
  /** The active file, as it was read or written last. */
  #activeText: string;
  /** The active configuration, where the history has not got it yet. */
  #unkept: string | null = null;
  #config: LnsConfig;
  /** Newest first; [0] is in force. */
  #records: CommitRecord[] = [];
  /** The shared candidate. */
  #candidate: ConfigNode;
  /** What it began with: the configuration then in force. */
  #candidateBase: ConfigNode;
  #candidateChanged = false;
  /** Counts its changes. */
  #candidateEdits = 0;
  #candidateTime: number | null = null;
  readonly #sessions = new Set<ConfigurationSession>();
  /** What has been told of the configuration in force. */
  #notices: ReadonlySet<string> = new Set();
  #busy: Promise<unknown> = Promise.resolve();
  /** The server has it: from now on, what follows is applied as well. */
  #applied = false;

  private constructor(options: StoreOptions, text: string, tree: ConfigTree, config: LnsConfig) {
    this.#activeText = text;
    this.#options = options;
    this.#platform = platformByName(options.platform);
    this.#written = tree.written;
    this.#config = config;
    this.#candidate = tree.written.clone();
    this.#candidateBase = tree.written;
    this.#notices = noticesOf(tree.diagnostics);
  }

  /**
   * Reads what is in force, and applies it. A commit that was to be confirmed and was not, meanwhile, is taken back.
   * @throws ConfigError where there is no configuration, or one with errors; SystemError or the disk's own error
   */
  static async open(options: StoreOptions): Promise<ConfigurationStore> {
    const text = await options.disk.readActive();
    if (text === null) throw new ConfigError('there is no configuration file');
    const { record, body } = splitRecord(text);
    const { tree, config } = ConfigurationStore.#load(options, body);
    const store = new ConfigurationStore(options, text, tree, config);
    await store.#findHistory(record, body);
    const confirm = store.#records[0]?.confirm ?? null;
    if (confirm !== null && options.now() >= confirm.deadline) await store.#takeBack();
    await options.apply(store.#config, null, difference(null, store.#config));
    store.#applied = true;
    return store;
  }
  static #load(options: StoreOptions, body: string): { tree: ConfigTree; config: LnsConfig } {
    const tree = parseConfig(body, { mode: 'file', keepSecret: stableSecret9 });
    const config = tree.cutOff ? null : resolveConfig(tree, platformByName(options.platform));
    if (config === null || tree.diagnostics.some((one) => one.severity === 'error'))
      throw new ConfigError(formatDiagnostics(tree.diagnostics, 'configuration'));
    return { tree, config };
  }
  /** Which of the kept texts is the active one; what a crash left over goes. */
  async #findHistory(record: CommitRecord | null, body: string): Promise<void> {
    const { disk, now } = this.#options;
    const sequences = (await disk.history()).sort((a, b) => b - a);
    const known = record !== null && (await this.#readBody(record.sequence)) === body;
    for (const sequence of sequences) {
      // A commit that was written and never came into force.
      if (known && sequence > record.sequence) {
        await disk.removeHistory(sequence).catch(() => {});
        continue;
      }
      const kept = await disk.readHistory(sequence);
      const one = kept === null ? null : splitRecord(kept).record;
      if (one !== null) this.#records.push(one);
    }
    if (known) {
      // What is in force says itself whether it was confirmed.
      this.#records[0] = record;
      return;
    }
    const [newest] = this.#records;
    if (newest !== undefined && (await this.#readBody(newest.sequence)) === body) return;
    // Written by hand since, or for the first time. It is kept when another takes its place: running changes no folder.
    const sequence = Math.max(0, record?.sequence ?? 0, ...sequences) + 1;
    const fresh: CommitRecord = { sequence, time: now(), user: 'root', via: 'file', comment: null, confirm: null };
    this.#records.unshift(fresh);
    this.#unkept = withRecord(fresh, body);
  }
  async #readBody(sequence: number): Promise<string | null> {
    const kept = await this.#options.disk.readHistory(sequence);
    return kept === null ? null : splitRecord(kept).body;
  }

  /** What is in force, as written. Not to be changed. */
  get running(): ConfigNode {
    return this.#written;
  }
  /** What is in force, resolved. */
  get config(): LnsConfig {
    return this.#config;
  }
  /** Commits, newest first: their place is their number in `rollback`. */
  get history(): readonly CommitRecord[] {
    return this.#records.slice(0, ROLLBACK_MAX);
  }
  /** Milliseconds since 1970 at which `handleTimeout` has work; Infinity: never. */
  deadline(): number {
    return this.#records[0]?.confirm?.deadline ?? Number.POSITIVE_INFINITY;
  }
  /** Takes back a commit whose confirmation did not come. */
  async handleTimeout(now: number): Promise<void> {
    if (now < this.deadline()) return;
    await this.#inTurn(async () => {
      if (now >= this.deadline()) await this.#takeBack();
    });
  }

  /** The configuration with that number in `rollback`; null where there is none. */
  async rollbackTree(index: number): Promise<ConfigNode | null> {
    if (index === 0) return this.#written.clone();
    const record = this.#records[index];
    const body = record === undefined || index >= ROLLBACK_MAX ? null : await this.#readBody(record.sequence);
    return body === null ? null : parseConfig(body, this.bindOptions).written;
  }
  /** How kept text is read: a secret in clear always gets the same `$9$` form, so that a file does not change by itself. */
  readonly bindOptions = { mode: 'file' as const, keepSecret: stableSecret9 };
  get random(): () => number {
    return this.#options.random;
  }
  get now(): number {
    return this.#options.now();
  }

  /** The candidate that operators share. */
  get candidate(): ConfigNode {
    return this.#candidate;
  }
  get candidateChanged(): boolean {
    return this.#candidateChanged;
  }
  /** When the candidate was last changed; null: not since it was put in force. */
  get candidateTime(): number | null {
    return this.#candidateTime;
  }
  /** Another candidate in place of the present one. It counts as made of what is in force now. */
  setCandidate(tree: ConfigNode, changed: boolean): void {
    this.#candidate = tree;
    this.#candidateBase = this.#written;
    this.touchCandidate(changed);
  }
  touchCandidate(changed: boolean): void {
    this.#candidateChanged = changed;
    this.#candidateTime = changed ? this.#options.now() : null;
    this.#candidateEdits++;
  }

  // Operators.

  get sessions(): ReadonlySet<ConfigurationSession> {
    return this.#sessions;
  }
  /**
   * Enters configuration mode.
   * @throws ConfigError where another operator holds the database
   */
  openSession(options: SessionOptions): ConfigurationSession {
    const others = [...this.#sessions];
    const holder = others.find((one) => one.mode === 'exclusive');
    if (holder !== undefined && options.mode !== 'private') throw new ConfigError(this.lockedBy(holder));
    if (options.mode === 'exclusive' && this.#candidateChanged)
      throw new ConfigError('configuration database modified');
    if (options.mode === 'private') {
      if (holder !== undefined) throw new ConfigError(this.lockedBy(holder));
      if (this.#candidateChanged) throw new ConfigError('shared configuration database modified');
    }
    const session = new ConfigurationSession(this, options);
    this.#sessions.add(session);
    return session;
  }
  /** Looks at what is in force, by `show` and its pipes, and is no operator of the database. */
  reader(): ConfigurationSession {
    return new ConfigurationSession(this, { user: '', mode: 'read' });
  }
  closeSession(session: ConfigurationSession): void {
    this.#sessions.delete(session);
  }
  /** Somebody else holds the database: who. null: nobody. */
  holderBeside(session: ConfigurationSession): ConfigurationSession | null {
    return [...this.#sessions].find((one) => one !== session && one.mode === 'exclusive') ?? null;
  }
  lockedBy(session: ConfigurationSession): string {
    return `configuration database locked by:\n  ${session.describe()}`;
  }

  // Checks and commits.

  /**
   * Does a configuration make sense as a whole? `config` is null where it does not. That a statement is not acted on is
   * told until it has been put in force, and not with every commit.
   */
  check(written: ConfigNode): { config: LnsConfig | null; diagnostics: Diagnostic[] } {
    const { config, diagnostics } = this.#checkWhole(written);
    return { config, diagnostics: this.#toTell(diagnostics) };
  }
  #checkWhole(written: ConfigNode): { config: LnsConfig | null; diagnostics: Diagnostic[] } {
    const diagnostics: Diagnostic[] = [];
    const root = expandGroups(written, diagnostics);
    const config = resolveConfig({ written, root, diagnostics, cutOff: false }, this.#platform);
    return { config: diagnostics.some((one) => one.severity === 'error') ? null : config, diagnostics };
  }
  #toTell(diagnostics: readonly Diagnostic[]): Diagnostic[] {
    return diagnostics.filter((one) => !isNotice(one) || !this.#notices.has(noticeKey(one)));
  }

  /** Puts the shared candidate in force, as it is now. What is typed meanwhile is kept for the next commit. */
  commitShared(request: CommitRequest): Promise<CommitOutcome> {
    const snapshot = this.#candidate.clone();
    const base = this.#candidateBase;
    const edits = this.#candidateEdits;
    return this.#inTurn(async () => {
      const outcome = await this.#commitChanges(base, snapshot, request);
      if (!outcome.ok) return outcome;
      if (this.#candidateEdits === edits) this.setCandidate(this.#written.clone(), false);
      else this.setCandidate(mergeChanges(snapshot, this.#candidate, this.#written).merged, true);
      return outcome;
    });
  }
  /** Puts a private operator's changes in force: those from `base` to `own`. */
  commitPrivate(base: ConfigNode, own: ConfigNode, request: CommitRequest): Promise<CommitOutcome> {
    const snapshot = own.clone();
    return this.#inTurn(async () => {
      const outcome = await this.#commitChanges(base, snapshot, request);
      if (outcome.ok && !this.#candidateChanged) this.setCandidate(this.#written.clone(), false);
      return outcome;
    });
  }
  /** What a commit of the shared candidate would put in force. */
  sharedTarget(): { tree: ConfigNode; conflicts: readonly MergeConflict[] } {
    return this.target(this.#candidateBase, this.#candidate);
  }
  /** Changes brought into what is in force now; nothing to bring where nobody else has committed since. */
  target(base: ConfigNode, own: ConfigNode): { tree: ConfigNode; conflicts: readonly MergeConflict[] } {
    if (base === this.#written) return { tree: own, conflicts: [] };
    const { merged, conflicts } = mergeChanges(base, own, this.#written);
    return { tree: merged, conflicts };
  }
  #commitChanges(base: ConfigNode, own: ConfigNode, request: CommitRequest): Promise<CommitOutcome> {
    const { tree, conflicts } = this.target(base, own);
    if (conflicts.length === 0) return this.#commit(tree, request);
    return Promise.resolve({ ok: false, error: null, diagnostics: [], conflicts, record: null });
  }
  /** Commits follow each other; one that fails does not stop the next. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#busy.then(work, work);
    this.#busy = turn.catch(() => {});
    return turn;
  }

  async #commit(written: ConfigNode, request: CommitRequest): Promise<CommitOutcome> {
    const { config, diagnostics: all } = this.#checkWhole(written);
    const diagnostics = this.#toTell(all);
    if (config === null) return { ok: false, error: null, diagnostics, conflicts: [], record: null };
    const fail = (error: string): CommitOutcome => ({ ok: false, error, diagnostics, conflicts: [], record: null });
    const { disk, now } = this.#options;
    const tree = written.clone();
    const body = formatCurly(tree);
    const current = this.#records[0]!;
    const time = now();
    const minutes = request.confirmMinutes;
    const record: CommitRecord = {
      sequence: current.sequence + 1,
      time,
      user: request.user,
      via: request.via,
      comment: request.comment ?? null,
      // A second `commit confirmed` goes back to where the first would have.
      confirm:
        minutes === undefined
          ? null
          : { deadline: time + minutes * 60_000, to: current.confirm?.to ?? current.sequence, minutes },
    };
    const text = withRecord(record, body);
    try {
      if (this.#unkept !== null) await disk.writeHistory(current.sequence, this.#unkept);
      this.#unkept = null;
      await disk.writeHistory(record.sequence, text);
      await disk.writeActive(text);
    } catch (error) {
      await disk.removeHistory(record.sequence).catch(() => {});
      return fail(`could not write the configuration: ${diskError(error)}; the old one stays in force`);
    }
    const previous = this.#config;
    try {
      if (this.#applied) await this.#options.apply(config, previous, difference(previous, config));
    } catch (error) {
      return fail(await this.#undo(record, error));
    }
    this.#notices = noticesOf(all);
    this.#activeText = text;
    this.#written = tree;
    this.#config = config;
    this.#records.unshift(record);
    await this.#dropOld();
    this.#options.deadlineChanged?.();
    return { ok: true, error: null, diagnostics, conflicts: [], record };
  }
  /** The server would not take it: the old text comes back. @returns what to tell */
  async #undo(record: CommitRecord, reason: unknown): Promise<string> {
    const { disk } = this.#options;
    const why = `the configuration could not be applied: ${(reason as Error).message}`;
    try {
      await disk.writeActive(this.#activeText);
      await disk.removeHistory(record.sequence);
      return `${why}; the old one stays in force`;
    } catch (error) {
      return `${why}; and the old one could not be written back: ${diskError(error)}`;
    }
  }
  async #dropOld(): Promise<void> {
    for (const record of this.#records.splice(ROLLBACK_MAX))
      await this.#options.disk.removeHistory(record.sequence).catch(() => {});
  }

  /** Back to before a commit that was not confirmed. */
  async #takeBack(): Promise<void> {
    const pending = this.#records[0]!;
    const what = `commit of ${localTime(new Date(pending.time))} by ${pending.user}`;
    const body = await this.#readBody(pending.confirm!.to);
    const outcome =
      body === null
        ? { ok: false, error: 'the configuration before it cannot be read' }
        : await this.#commit(parseConfig(body, this.bindOptions).written, {
            user: 'root',
            via: 'other',
            comment: `rolled back: ${what} was not confirmed`,
          });
    if (outcome.ok) {
      this.#options.tell?.(`${what} was not confirmed and is rolled back`);
      if (!this.#candidateChanged) this.setCandidate(this.#written.clone(), false);
      return;
    }
    this.#options.tell?.(
      `${what} was not confirmed and cannot be rolled back: ${outcome.error ?? 'configuration check-out failed'}`,
    );
    // Not again and again: an operator has been told. The disk still knows, and the next start tries once more.
    this.#records[0] = { ...pending, confirm: null };
    this.#options.deadlineChanged?.();
  }

  /** Reads the active file again (SIGHUP), and puts it in force by the same way as a commit. */
  reload(): Promise<CommitOutcome> {
    return this.#inTurn(async () => {
      const text = await this.#options.disk.readActive();
      const fail = (error: string): CommitOutcome => ({
        ok: false,
        error,
        diagnostics: [],
        conflicts: [],
        record: null,
      });
      if (text === null) return fail('there is no configuration file; the old one stays in force');
      if (text === this.#activeText)
        return { ok: true, error: null, diagnostics: [], conflicts: [], record: this.#records[0]! };
      const { body } = splitRecord(text);
      const tree = parseConfig(body, this.bindOptions);
      const syntax = tree.diagnostics.filter((one) => one.syntax);
      if (syntax.length > 0) return { ok: false, error: null, diagnostics: syntax, conflicts: [], record: null };
      const outcome = await this.#commit(tree.written, { user: 'root', via: 'file' });
      if (outcome.ok && !this.#candidateChanged) this.setCandidate(this.#written.clone(), false);
      return outcome;
    });
  }
}
