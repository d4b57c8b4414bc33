import { COMMANDS, commandOf } from './commands.ts';
import { type CommitOptions, parseCommit } from './commit-options.ts';
import { differs } from './compare.ts';
import { completeLine } from './complete.ts';
import { localTime } from './display.ts';
import {
  annotate,
  copyEntry,
  deleteStatement,
  insertEntry,
  isFault,
  type Level,
  type LineFault,
  levelWords,
  nodesTo,
  placeOf,
  prune,
  replacePattern,
  setInactive,
  setStatement,
  typedStatement,
  walkWords,
} from './edit.ts';
import { formatCurly } from './format.ts';
import { formatCheck } from './load.ts';
import { type LoadMode, loadText } from './load-text.ts';
import { type MergeConflict, mergeChanges } from './merge.ts';
import { lexLine, type Token } from './parse.ts';
import { applyTextPipe, type Pipe, pipeName, splitPipes } from './pipes.ts';
import { newSecret9 } from './secret9.ts';
import type { CommitOutcome, Completion, ConfigReply, EditMode, SessionOptions } from './session-types.ts';
import { comparison, displayText } from './show.ts';
import type { CommitRequest, ConfigurationStore } from './store.ts';
import { type ConfigNode, newRoot, nodeWords, OTHER_STATEMENT } from './tree.ts';

export type { Completion, ConfigReply, EditMode, SessionOptions } from './session-types.ts';

const LOAD_MODES: readonly string[] = ['merge', 'override', 'patch', 'replace', 'set', 'update'];
const done: ConfigReply = { text: '', ok: true };
const says = (text: string): ConfigReply => ({
  text: text === '' || text.endsWith('\n') ? text : `${text}\n`,
  ok: true,
});
const wrong = (text: string, column: number | null = null): ConfigReply => ({
  text: text.endsWith('\n') ? text : `${text}\n`,
  ok: false,
  ...(column === null ? {} : { column }),
});
const faulty = ({ message, column }: LineFault): ConfigReply => wrong(message, column);
const isYes = (answer: string): boolean => /^y(es?)?$/i.test(answer.trim());

/**
 * Configuration mode of one operator: lines in, text out. It owns neither terminal nor socket nor file.
 * A shared or exclusive session edits the store's candidate, a private one its own.
 */
export class ConfigurationSession {
  readonly #store: ConfigurationStore;
  readonly #options: SessionOptions;
  readonly #since: number;
  #level: Level = [];
  /** Levels to go back to by `exit`. */
  #entered: Level[] = [];
  /** Private: what it began with, and what has become of it. */
  #base: ConfigNode | null = null;
  #own: ConfigNode | null = null;
  /** What `provide` goes on with. */
  #pending: ((input: string) => ConfigReply | Promise<ConfigReply>) | null = null;
  #closed = false;

  /** Sessions come from `ConfigurationStore.openSession`. */
  constructor(store: ConfigurationStore, options: SessionOptions) {
    this.#store = store;
    this.#options = options;
    this.#since = store.now;
    if (options.mode === 'private') this.#startPrivate();
  }
  #startPrivate(): void {
    this.#base = this.#store.running;
    this.#own = this.#base.clone();
  }

  get mode(): EditMode {
    return this.#options.mode;
  }
  get user(): string {
    return this.#options.user;
  }
  /** Words of the place, as after `[edit`. */
  get level(): readonly string[] {
    return this.#level.flat();
  }
  /** `[edit services l2tp]`, the line before each prompt. */
  get banner(): string {
    return `[edit${this.level.length > 0 ? ` ${this.level.join(' ')}` : ''}]`;
  }
  /** Something is not committed. */
  get modified(): boolean {
    if (this.mode === 'read') return false;
    if (this.#own !== null) return differs(this.#base!, this.#own);
    return this.#store.candidateChanged;
  }
  /** What is said on entering: who else edits, and that there are changes. */
  get greeting(): string {
    const others = [...this.#store.sessions].filter((one) => one !== this);
    const lines = ['Entering configuration mode'];
    if (this.mode === 'exclusive')
      lines[0] = 'warning: uncommitted changes will be discarded on exit\nEntering configuration mode';
    if (this.mode === 'private')
      lines[0] = 'warning: uncommitted changes will be discarded on exit\nEntering configuration mode';
    if (others.length > 0) {
      lines.push(
        `${others.length === 1 ? 'Current configuration user' : 'Users currently editing the configuration'}:`,
      );
      for (const one of others) lines.push(`  ${one.describe()}`);
    }
    if (this.mode === 'shared' && this.#store.candidateChanged)
      lines.push('The configuration has been changed but not committed');
    return `${lines.join('\n')}\n`;
  }
  /** As `status` lists it. */
  describe(): string {
    const { user, terminal, pid } = this.#options;
    const where = terminal === undefined ? '' : ` terminal ${terminal}`;
    const process = pid === undefined ? '' : ` (pid ${pid})`;
    const kind = this.mode === 'shared' ? '' : `${this.mode} `;
    return `${user}${where}${process} on since ${localTime(new Date(this.#since))}\n      ${kind}${this.banner}`;
  }
  /** The tree that is edited. */
  get candidate(): ConfigNode {
    if (this.mode === 'read') return this.#store.running;
    return this.#own ?? this.#store.candidate;
  }

  /** Leaves configuration mode, whatever is not committed: a shared candidate stays, others are dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.mode === 'exclusive' && this.#store.candidateChanged)
      this.#store.setCandidate(this.#store.running.clone(), false);
    this.#store.closeSession(this);
  }

  /** Possible continuations at `cursor`, a place in the line from 0. Never throws. */
  complete(line: string, cursor: number): Completion[] {
    return completeLine(line.slice(0, cursor), this.candidate, this.#level, this.#options.liveValues ?? null);
  }

  /** Does what a line says. Never throws. */
  execute(line: string): ConfigReply | Promise<ConfigReply> {
    this.#pending = null;
    const { tokens, fault } = lexLine(line);
    if (fault !== null) return wrong(`${fault.message}.`, fault.column - 1);
    if (tokens.length === 0) return done;
    return this.#guard(() => this.#execute(tokens));
  }
  /** The input that the last reply asked for. */
  provide(input: string): ConfigReply | Promise<ConfigReply> {
    const pending = this.#pending;
    this.#pending = null;
    return pending === null ? done : this.#guard(() => pending(input));
  }
  #guard(work: () => ConfigReply | Promise<ConfigReply>): ConfigReply | Promise<ConfigReply> {
    const told = (error: unknown): ConfigReply => wrong(`error: ${(error as Error).message}`);
    try {
      const reply = work();
      return reply instanceof Promise ? reply.catch(told) : reply;
    } catch (error) {
      return told(error);
    }
  }

  #execute(tokens: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    const [first, ...rest] = tokens;
    const command = first!.kind === 'word' && !first!.quoted ? commandOf(first!.text) : [];
    const at = first!.column - 1;
    if (typeof command !== 'string')
      return command.length === 0
        ? wrong('unknown command.', at)
        : wrong(
            `'${first!.text}' is ambiguous.\nPossible completions:\n${command.map((name) => `  ${name.padEnd(20)} ${COMMANDS[name]}`).join('\n')}`,
            at,
          );
    switch (command) {
      case 'set':
        return this.#set(rest);
      case 'delete':
        return this.#delete(rest);
      case 'edit':
        return this.#edit(rest);
      case 'up':
        return this.#up(rest);
      case 'top':
        return this.#elsewhere([], rest);
      case 'exit':
      case 'quit':
        return this.#exit(rest);
      case 'show':
        return this.#show(rest);
      case 'rename':
      case 'copy':
        return this.#copy(rest, command === 'rename');
      case 'insert':
        return this.#insert(rest);
      case 'replace':
        return this.#replace(rest);
      case 'activate':
      case 'deactivate': {
        if (rest.length === 0) return wrong('missing argument.');
        return this.#change(() => setInactive(this.candidate, this.#level, rest, command === 'deactivate'));
      }
      case 'annotate': {
        if (rest.length < 2) return wrong('missing argument.');
        return this.#change(() => annotate(this.candidate, this.#level, rest.slice(0, -1), rest.at(-1)!.text));
      }
      case 'load':
        return this.#load(rest);
      case 'save':
        return this.#save(rest);
      case 'commit':
        return this.#commit(rest);
      case 'rollback':
        return this.#rollback(rest);
      case 'status':
        return this.#status();
      case 'update':
        return this.#update();
      default:
        return this.#wildcard(rest);
    }
  }

  // Changes.

  /** Before anything is changed: may this operator? */
  #locked(): ConfigReply | null {
    if (this.mode === 'read') return wrong('error: the configuration in force is only shown here');
    const holder = this.#own === null ? this.#store.holderBeside(this) : null;
    return holder === null ? null : wrong(`error: ${this.#store.lockedBy(holder)}`);
  }
  #change(work: () => LineFault | null): ConfigReply {
    const locked = this.#locked();
    if (locked !== null) return locked;
    const fault = work();
    if (fault !== null) return faulty(fault);
    this.#touch();
    return done;
  }
  #touch(): void {
    if (this.#own === null) this.#store.touchCandidate(true);
  }
  #keepSecret = (plain: string): string => newSecret9(plain, this.#store.random);

  #set(tokens: readonly Token[]): ConfigReply {
    const raw = typedStatement(tokens);
    if ('message' in raw) return faulty(raw);
    if (raw.words.length === 0) return wrong('missing argument.');
    return this.#change(() =>
      setStatement(this.candidate, this.#level, raw, { mode: 'set', typed: true, keepSecret: this.#keepSecret }),
    );
  }
  #delete(tokens: readonly Token[]): ConfigReply {
    const raw = typedStatement(tokens);
    if ('message' in raw) return faulty(raw);
    const locked = this.#locked();
    if (locked !== null) return locked;
    if (raw.words.length === 0) {
      const level = this.#level;
      const what = level.length === 0 ? 'This will delete the entire configuration\n' : '';
      return this.#ask(`${what}Delete everything under this level? [yes,no] (no) `, (answer) => {
        if (!isYes(answer)) return done;
        const path = nodesTo(this.candidate, level);
        return this.#change(() => {
          (path === null ? null : (path.at(-1) ?? this.candidate))?.filter(() => false);
          prune(this.candidate, levelWords(level));
          return null;
        });
      });
    }
    const found = deleteStatement(this.candidate, this.#level, raw);
    if (typeof found !== 'boolean') return faulty(found);
    if (!found) return says('warning: statement not found');
    this.#touch();
    return done;
  }
  #ask(text: string, then: (answer: string) => ConfigReply | Promise<ConfigReply>): ConfigReply {
    this.#pending = then;
    return { text, ok: true, needsInput: 'confirm' };
  }
  /** The node at the level; null where it is not there yet. */
  #place(): ConfigNode | null {
    const path = nodesTo(this.candidate, this.#level);
    return path === null ? null : (path.at(-1) ?? this.candidate);
  }
  #copy(tokens: readonly Token[], rename: boolean): ConfigReply {
    const to = tokens.findIndex((one) => !one.quoted && one.text === 'to');
    if (to <= 0 || to === tokens.length - 1) return wrong('missing argument.');
    return this.#change(() =>
      copyEntry(this.candidate, this.#level, tokens.slice(0, to), tokens.slice(to + 1), rename),
    );
  }
  #insert(tokens: readonly Token[]): ConfigReply {
    const at = tokens.findIndex((one) => !one.quoted && (one.text === 'before' || one.text === 'after'));
    if (at <= 0 || at === tokens.length - 1) return wrong('missing argument.');
    const where = tokens[at]!.text as 'before' | 'after';
    return this.#change(() =>
      insertEntry(this.candidate, this.#level, tokens.slice(0, at), where, tokens.slice(at + 1)),
    );
  }
  /** `replace pattern REGEX with TEXT [upto N]`, in the names and values at and below the level. */
  #replace(tokens: readonly Token[]): ConfigReply {
    const [verb, pattern, between, text, upto, most, ...more] = tokens;
    if (verb === undefined || !'pattern'.startsWith(verb.text)) return wrong('syntax error.', (verb?.column ?? 1) - 1);
    if (pattern === undefined || between === undefined || text === undefined) return wrong('missing argument.');
    if (!'with'.startsWith(between.text)) return wrong('syntax error.', between.column - 1);
    if (upto !== undefined && !('upto'.startsWith(upto.text) && /^[1-9]\d{0,8}$/.test(most?.text ?? '')))
      return wrong('syntax error.', upto.column - 1);
    if (more.length > 0) return wrong('syntax error.', more[0]!.column - 1);
    let matcher: RegExp;
    try {
      matcher = new RegExp(pattern.text, 'g');
    } catch {
      return wrong(`error: regular expression '${pattern.text}' cannot be read`);
    }
    return this.#change(() =>
      replacePattern(this.candidate, this.#level, matcher, text.text, most === undefined ? null : Number(most.text)),
    );
  }
  #wildcard(tokens: readonly Token[]): ConfigReply {
    const [verb, ...words] = tokens;
    if (verb === undefined || !'delete'.startsWith(verb.text)) return wrong('syntax error.', (verb?.column ?? 1) - 1);
    if (words.length === 0) return wrong('missing argument.');
    const pattern = words.at(-1)!.text;
    const level = words.slice(0, -1);
    const walked = walkWords(placeOf(this.#level), level);
    if (isFault(walked)) return faulty(walked);
    const list = walked.list;
    const path = nodesTo(this.candidate, [...this.#level, ...walked.steps]);
    let matcher: RegExp;
    try {
      matcher = new RegExp(`^(?:${pattern})$`);
    } catch {
      return wrong(`error: regular expression '${pattern}' cannot be read`);
    }
    const parent = path?.at(-1) ?? (path === null ? null : this.candidate);
    const found = (parent?.children ?? []).filter(
      (one) =>
        one.key !== null &&
        (list === null ? one.statement.bare === true : one.statement === list) &&
        matcher.test(one.key),
    );
    if (found.length === 0) return says('warning: statement not found');
    const objects = `${found.length} object${found.length === 1 ? '' : 's'}`;
    const names = found.map((one) => `  matched: ${nodeWords(one).join(' ')}\n`).join('');
    return this.#ask(`${names}Delete ${objects}? [yes,no] (no) `, (answer) => {
      if (!isYes(answer)) return done;
      return this.#change(() => {
        const gone = new Set(found);
        parent!.filter((one) => !gone.has(one));
        return null;
      });
    });
  }

  // Levels.

  #edit(tokens: readonly Token[]): ConfigReply {
    if (tokens.length === 0) return wrong('missing argument.');
    const walked = walkWords(placeOf(this.#level), tokens, true);
    if (isFault(walked)) return faulty(walked);
    if (walked.list !== null) return wrong('missing argument.');
    if (walked.leaf !== null || walked.steps.length === 0) return wrong('syntax error.', tokens.at(-1)!.column - 1);
    // Keys are judged as `set` would.
    const probe = setStatement(newRoot(), this.#level, { ...EMPTY_STATEMENT, words: tokens }, { mode: 'set' });
    if (probe !== null) return faulty(probe);
    this.#entered.push(this.#level);
    this.#level = [...this.#level, ...walked.steps];
    return done;
  }
  #up(tokens: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    const count = tokens[0] !== undefined && /^\d{1,3}$/.test(tokens[0].text) ? Number(tokens[0].text) : null;
    if (count === 0) return wrong('error: value 0 is not within range (1..65535)');
    const level = this.#level.slice(0, Math.max(0, this.#level.length - (count ?? 1)));
    return this.#elsewhere(level, count === null ? tokens : tokens.slice(1));
  }
  /** `top` and `up`: go there, or do a command there. */
  #elsewhere(level: Level, rest: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    if (rest.length === 0) {
      this.#level = level;
      this.#entered = this.#entered.filter((one) => one.length < level.length);
      return done;
    }
    const here = this.#level;
    const entered = this.#entered.slice();
    this.#level = level;
    const back = (reply: ConfigReply): ConfigReply => {
      const moved = this.#level !== level;
      if (!moved || reply.needsInput !== undefined) {
        this.#level = here;
        this.#entered = entered;
      }
      return reply;
    };
    const reply = this.#execute(rest);
    return reply instanceof Promise ? reply.then(back) : back(reply);
  }
  #exit(tokens: readonly Token[]): ConfigReply {
    const all = tokens[0] !== undefined && 'configuration-mode'.startsWith(tokens[0].text);
    if (tokens.length > 0 && !all) return wrong('syntax error.', tokens[0]!.column - 1);
    if (this.#level.length > 0 && !all) {
      this.#level = this.#entered.pop() ?? [];
      return done;
    }
    const leave = (): ConfigReply => {
      this.close();
      return { text: 'Exiting configuration mode\n', ok: true, leave: true };
    };
    if (!this.modified) return leave();
    const question =
      this.mode === 'shared'
        ? 'The configuration has been changed but not committed\nExit with uncommitted changes? [yes,no] (yes) '
        : 'The configuration has been modified\nDiscard uncommitted changes? [yes,no] (yes) ';
    return this.#ask(question, (answer) => (answer.trim() === '' || isYes(answer) ? leave() : done));
  }

  // Shows.

  #show(tokens: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    const { command, pipes } = splitPipes(tokens);
    const names = pipes.map((pipe) => ({ pipe, name: pipeName(pipe.name) }));
    const unknown = names.find((one) => one.name === null);
    if (unknown !== undefined) return wrong('syntax error.', unknown.pipe.column - 1);
    const walked = walkWords(placeOf(this.#level), command);
    if (isFault(walked)) return faulty(walked);
    const compare = names.find((one) => one.name === 'compare')?.pipe;
    const level = [...this.#level, ...walked.steps];
    // Words of another part of a router, or mistyped: they are in the configuration, or make no sense.
    if (walked.place.statement === OTHER_STATEMENT && nodesTo(this.candidate, level) === null) {
      const at = command.length - (walked.steps.at(-1)?.length ?? 1);
      return wrong('syntax error.', (command[at]?.column ?? 1) - 1);
    }
    const finish = (text: string): ConfigReply | Promise<ConfigReply> =>
      this.#filter(
        text,
        names
          .filter(({ name }) => name !== 'compare' && name !== 'display')
          .map(({ pipe, name }) => ({ ...pipe, name: name! })),
      );
    const displays = names.filter((one) => one.name === 'display').map(({ pipe }) => pipe);
    if (compare !== undefined)
      return displays.length > 0
        ? wrong('error: a comparison is not shown in other formats', displays[0]!.column - 1)
        : this.#compare(compare, level, finish);
    const shownText = displayText(
      displays.map(({ words }) => words),
      {
        root: this.candidate,
        level,
        // `show hello-interval`, `show client`: some of what is here.
        only: walked.leaf ?? walked.list,
        changed: this.#changedAt(),
        head: this.mode === 'read' ? this.#lastCommit() : `Last changed: ${localTime(this.#changedAt())}`,
        banner: this.banner,
      },
    );
    return typeof shownText === 'number' ? wrong('syntax error.', displays[shownText]!.column - 1) : finish(shownText);
  }
  #lastCommit(): string {
    const [last] = this.#store.history;
    return last === undefined ? 'Last commit: never' : `Last commit: ${localTime(new Date(last.time))} by ${last.user}`;
  }
  #changedAt(): Date {
    const time = this.#own === null && this.mode !== 'read' ? this.#store.candidateTime : null;
    return new Date(time ?? this.#store.history[0]?.time ?? this.#since);
  }
  #compare(
    pipe: Pipe,
    level: Level,
    finish: (text: string) => ConfigReply | Promise<ConfigReply>,
  ): ConfigReply | Promise<ConfigReply> {
    const [word, number, ...more] = pipe.words;
    if (word === undefined) return finish(comparison(this.#store.running, this.candidate, level));
    if (!'rollback'.startsWith(word) || number === undefined || more.length > 0)
      return wrong(number === undefined ? 'missing argument.' : 'syntax error.', pipe.column - 1);
    return this.#rollbackTree(number).then((tree) =>
      'text' in tree ? tree : finish(comparison(tree, this.candidate, level)),
    );
  }
  #filter(text: string, pipes: readonly Pipe[]): ConfigReply | Promise<ConfigReply> {
    let current = text;
    for (const [i, pipe] of pipes.entries()) {
      if (pipe.name === 'save') {
        const [file] = pipe.words;
        if (file === undefined || i < pipes.length - 1) return wrong('missing argument.');
        return this.#writeFile(file, current, `Wrote ${current.split('\n').length - 1} lines of output to '${file}'`);
      }
      const filtered = applyTextPipe(current, pipe.name, pipe.words);
      if ('error' in filtered) return wrong(filtered.error, pipe.column - 1);
      current = filtered.text;
    }
    const reply = says(current);
    return pipes.some((pipe) => pipe.name === 'no-more') ? { ...reply, noMore: true } : reply;
  }
  #status(): ConfigReply {
    const lines = [...this.#store.sessions].map((one) => `  ${one.describe()}\n`);
    return says(`Users currently editing the configuration:\n${lines.join('')}`);
  }

  // Files.

  #load(tokens: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    const [how, from, relative, ...more] = tokens;
    if (how === undefined || from === undefined) return wrong('missing argument.');
    const modes = LOAD_MODES.filter((mode) => mode.startsWith(how.text));
    if (modes.length !== 1) return wrong('syntax error.', how.column - 1);
    if (more.length > 0 || (relative !== undefined && !'relative'.startsWith(relative.text)))
      return wrong('syntax error.', (more[0] ?? relative)!.column - 1);
    const mode = modes[0] as LoadMode;
    const level = relative === undefined ? [] : this.#level;
    if (mode === 'override' && level.length > 0)
      return wrong("error: 'load override' takes the whole configuration: not relative");
    const locked = this.#locked();
    if (locked !== null) return locked;
    if (!from.quoted && from.text === 'terminal') {
      this.#pending = (text) => this.#loaded(mode, text, 'terminal', level);
      return { text: '[Type ^D at a new line to end input]\n', ok: true, needsInput: 'terminal' };
    }
    const { readFile } = this.#options;
    if (readFile === undefined) return wrong('error: files cannot be read from here');
    return readFile(from.text).then(
      (text) => this.#loaded(mode, text, from.text, level),
      (error: unknown) => wrong(`error: could not read '${from.text}': ${(error as Error).message}`),
    );
  }
  #loaded(mode: LoadMode, text: string, source: string, level: Level): ConfigReply {
    const locked = this.#locked();
    if (locked !== null) return locked;
    const { root, errors, text: told } = loadText(this.candidate, mode, text, source, level, this.#keepSecret);
    this.#replaceCandidate(root, true);
    const end = errors === 0 ? 'load complete' : `load complete (${errors} error${errors === 1 ? '' : 's'})`;
    return { text: `${told}${end}\n`, ok: errors === 0 };
  }
  #replaceCandidate(root: ConfigNode, changed: boolean): void {
    if (this.#own !== null) this.#own = root;
    else this.#store.setCandidate(root, changed);
  }
  #save(tokens: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    const [file, ...more] = tokens;
    if (file === undefined || more.length > 0) return wrong(file === undefined ? 'missing argument.' : 'syntax error.');
    const place = this.#place();
    const text = place === null ? '' : formatCurly(place);
    const lines = text === '' ? 0 : text.split('\n').length - 1;
    return this.#writeFile(file.text, text, `Wrote ${lines} lines of configuration to '${file.text}'`);
  }
  #writeFile(path: string, text: string, told: string): ConfigReply | Promise<ConfigReply> {
    const { writeFile } = this.#options;
    if (writeFile === undefined) return wrong('error: files cannot be written from here');
    return writeFile(path, text).then(
      () => says(told),
      (error: unknown) => wrong(`error: could not write '${path}': ${(error as Error).message}`),
    );
  }

  // Commits.

  #commit(tokens: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    const { command, pipes } = splitPipes(tokens);
    if (
      pipes.length > 0 &&
      !pipes.every((pipe) => pipeName(pipe.name) === 'no-more' || pipeName(pipe.name) === 'display')
    )
      return wrong('syntax error.', pipes[0]!.column - 1);
    const how = parseCommit(command);
    if ('message' in how) return faulty(how);
    const locked = this.#locked();
    if (locked !== null) return locked;
    return how.check ? this.#check() : this.#commitNow(how);
  }
  #check(): ConfigReply {
    const target = this.#toCommit();
    if ('text' in target) return target;
    const { config, diagnostics } = this.#store.check(target.tree);
    const told = formatCheck(diagnostics);
    if (config === null) return wrong(told);
    return says(`${told === '' ? '' : `${told}\n`}configuration check succeeds`);
  }
  /** What a commit would put in force: the candidate, or what is in force with a private operator's changes. */
  #toCommit(): { tree: ConfigNode } | ConfigReply {
    if (this.#own !== null && this.#store.candidateChanged)
      return wrong('error: shared configuration database modified');
    const { tree, conflicts } =
      this.#own === null ? this.#store.sharedTarget() : this.#store.target(this.#base!, this.#own);
    return conflicts.length === 0 ? { tree } : this.#conflict(conflicts);
  }
  #conflict(conflicts: readonly MergeConflict[]): ConfigReply {
    const told = conflicts.map(
      ({ level, statement }) => `${level}\n  '${statement}'\n    statement was changed by another user\n`,
    );
    const help = this.#own === null ? "'rollback 0' discards these" : "'update' takes theirs";
    return wrong(`${told.join('')}error: changes conflict with the configuration in force; ${help}`);
  }
  async #commitNow(how: CommitOptions): Promise<ConfigReply> {
    const target = this.#toCommit();
    if ('text' in target) return target;
    const request: CommitRequest = {
      user: this.user,
      via: 'cli',
      ...(how.comment === undefined ? {} : { comment: how.comment }),
      ...(how.minutes === undefined ? {} : { confirmMinutes: how.minutes }),
    };
    const outcome = await (this.#own === null
      ? this.#store.commitShared(request)
      : this.#store.commitPrivate(this.#base!, this.#own, request));
    if (outcome.conflicts.length > 0) return this.#conflict(outcome.conflicts);
    const told = this.#outcomeText(outcome);
    if (!outcome.ok) return wrong(told);
    if (this.#own !== null) this.#startPrivate();
    const lines = told === '' ? [] : [told];
    if (how.minutes !== undefined)
      lines.push(`commit confirmed will be automatically rolled back in ${how.minutes} minutes unless confirmed`);
    lines.push('commit complete');
    if (how.minutes !== undefined) lines.push('', `# commit confirmed will be rolled back in ${how.minutes} minutes`);
    if (!how.quit) return says(lines.join('\n'));
    this.close();
    lines.push('Exiting configuration mode');
    return { text: `${lines.join('\n')}\n`, ok: true, leave: true };
  }
  #outcomeText(outcome: CommitOutcome): string {
    const told = formatCheck(outcome.diagnostics);
    if (outcome.error === null) return told;
    return `${told === '' ? '' : `${told}\n`}error: ${outcome.error}`;
  }
  #rollback(tokens: readonly Token[]): ConfigReply | Promise<ConfigReply> {
    const [number, ...more] = tokens;
    if (more.length > 0) return wrong('syntax error.', more[0]!.column - 1);
    const locked = this.#locked();
    if (locked !== null) return locked;
    const index = number?.text ?? '0';
    return this.#rollbackTree(index).then((tree) => {
      if ('text' in tree) return tree;
      if (Number(index) === 0 && this.#own !== null) this.#startPrivate();
      else this.#replaceCandidate(tree, Number(index) !== 0);
      return says('load complete');
    });
  }
  async #rollbackTree(index: string): Promise<ConfigNode | ConfigReply> {
    if (!/^\d{1,5}$/.test(index)) return wrong(`error: invalid value '${index}': a number is expected`);
    if (Number(index) > 49) return wrong(`error: value ${index} is not within range (0..49)`);
    const tree = await this.#store.rollbackTree(Number(index));
    return tree ?? wrong(`error: rollback ${index}: no such configuration`);
  }
  /** Private: takes in what others have put in force. Where both changed a statement, theirs stands. */
  #update(): ConfigReply {
    if (this.#own === null) return wrong("error: 'update' is for a private configuration");
    const { merged, conflicts } = mergeChanges(this.#base!, this.#own, this.#store.running);
    this.#base = this.#store.running;
    this.#own = merged;
    const told = conflicts.map(
      ({ level, statement }) => `${level}\n  '${statement}'\n    warning: changed by another user; theirs is kept\n`,
    );
    return says(told.join(''));
  }
}

const EMPTY_STATEMENT = { words: [], list: null, children: null, inactive: false, comment: null, tag: null } as const;
