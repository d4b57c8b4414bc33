import type { Completion } from '../config/session-types.ts';
import type { Arguments, Command, Option, Positional, WordHelp } from './grammar.ts';
import type { OperationalTarget } from './types.ts';
import { quoteWord, splitWords, type Word } from './words.ts';

/** What is wrong with a line, and where the caret goes. */
export interface LineFault {
  readonly offset: number;
  readonly message: string;
  /** What could have stood there: of an ambiguous word. */
  readonly possible?: readonly Possible[];
}
/** One line of "Possible completions". */
export interface Possible {
  /** What may be typed, or a placeholder. */
  readonly text: string;
  readonly help: string;
  /** `value`: a live one, which the space bar leaves alone; `hint`: not to be typed. */
  readonly kind: 'keyword' | 'value' | 'hint';
}
export interface Completions {
  /** Where in the line the word begins that is being typed. */
  readonly from: number;
  readonly possible: readonly Possible[];
  readonly fault: LineFault | null;
}

interface WordNode {
  readonly children: Map<string, WordNode>;
  help: string;
  command: Command | null;
}
export interface Matched {
  readonly command: Command;
  readonly args: Arguments;
}

const COMMAND_EXPECTED = 'syntax error, expecting <command>.';
const fault = (word: { start: number }, message: string, possible?: readonly Possible[]): LineFault =>
  possible === undefined ? { offset: word.start, message } : { offset: word.start, message, possible };

/** Where the reading of a line stands. */
interface State {
  node: WordNode;
  readonly args: Map<string, string>;
  readonly choices: Set<string>;
  /** An option whose value comes next. */
  pending: Option | null;
  /** The positional was read and takes no more. */
  positionalDone: boolean;
  /** Where the positional began. */
  restFrom: number | null;
}

/** The commands that a user may give, as a tree of words. */
export class CommandTable {
  readonly #root: WordNode = { children: new Map(), help: '', command: null };
  readonly commands: readonly Command[];

  constructor(commands: readonly Command[], help: WordHelp) {
    this.commands = commands;
    for (const command of commands) {
      let node = this.#root;
      let path = '';
      for (const word of command.words.split(' ')) {
        path = path === '' ? word : `${path} ${word}`;
        let next = node.children.get(word);
        if (next === undefined) {
          next = { children: new Map(), help: help[path] ?? '', command: null };
          node.children.set(word, next);
        }
        node = next;
      }
      node.command = command;
      node.help = command.help;
    }
  }

  /** Reads a command line (without pipes): every keyword may be cut short as long as it stays unambiguous. */
  parse(line: string): Matched | { readonly fault: LineFault } {
    const state = this.#start();
    const words = splitWords(line);
    for (const word of words) {
      const wrong = this.#step(state, word);
      if (wrong !== null) return { fault: wrong };
    }
    const end = { start: line.trimEnd().length + 1 };
    const { command } = state.node;
    if (command === null) return { fault: fault(end, COMMAND_EXPECTED) };
    if (state.pending !== null || this.#incomplete(state)) return { fault: fault(end, 'missing argument.') };
    return { command, args: state.args };
  }

  /** What may stand at the end of `line`; pipes are the caller's. */
  complete(line: string, target: OperationalTarget): Completions {
    const words = splitWords(line);
    const last = words.at(-1);
    // The word under the cursor is being typed, unless a blank follows it.
    const typing = last !== undefined && last.end === line.length && (last.open || !/\s$/.test(line)) ? last : null;
    const state = this.#start();
    for (const word of words) {
      if (word === typing) break;
      const wrong = this.#step(state, word);
      if (wrong !== null) return { from: word.start, possible: [], fault: wrong };
    }
    const rest = openPositional(state);
    if (rest?.value.following !== undefined && state.pending === null)
      return asCompletions(
        line,
        rest.value.following(line.slice(state.restFrom ?? typing?.start ?? line.length), target),
      );
    const from = typing?.start ?? line.length;
    const begun = typing?.text ?? '';
    const possible: Possible[] = [];
    if (state.pending !== null) possible.push(...valuesOf(state.pending.value!, state.pending.help, begun, target));
    else {
      if (begun === '' && state.node.command !== null && !this.#incomplete(state))
        possible.push({ text: '<[Enter]>', help: 'Execute this command', kind: 'hint' });
      if (typing?.quoted !== true) possible.push(...keywords(state).filter(({ text }) => text.startsWith(begun)));
      const positional = openPositional(state);
      if (positional !== null) possible.push(...valuesOf(positional.value, positional.help, begun, target));
      if (begun === '' && state.node.command !== null && !this.#incomplete(state))
        possible.push({ text: '|', help: 'Pipe through a command', kind: 'hint' });
    }
    if (possible.length === 0 && begun !== '')
      return {
        from,
        possible,
        fault: fault(typing!, state.node === this.#root ? 'unknown command.' : COMMAND_EXPECTED),
      };
    return { from, possible, fault: null };
  }

  #start(): State {
    return {
      node: this.#root,
      args: new Map(),
      choices: new Set(),
      pending: null,
      positionalDone: false,
      restFrom: null,
    };
  }
  #incomplete(state: State): boolean {
    const { command } = state.node;
    if (command?.required !== undefined && !state.choices.has(command.required)) return true;
    const positional = command?.positional;
    return positional !== undefined && positional.optional !== true && !state.args.has(positional.name);
  }

  /** Takes one word. @returns what is wrong with it, or null */
  #step(state: State, word: Word): LineFault | null {
    if (word.open) return fault({ start: word.end }, 'unbalanced quotes.');
    if (state.pending !== null) {
      const wrong = state.pending.value!.check?.(word.text) ?? null;
      if (wrong !== null) return fault(word, wrong);
      state.args.set(state.pending.keyword, word.text);
      state.pending = null;
      return null;
    }
    const candidates = word.quoted ? [] : keywords(state).filter(({ text }) => text.startsWith(word.text));
    const exact = candidates.find(({ text }) => text === word.text);
    const positional = openPositional(state);
    if (exact === undefined && candidates.length > 1 && positional === null)
      return fault(word, `'${word.text}' is ambiguous.`, candidates);
    const keyword = exact?.text ?? (candidates.length === 1 ? candidates[0]!.text : null);
    if (keyword !== null) {
      const next = state.args.size === 0 ? state.node.children.get(keyword) : undefined;
      if (next !== undefined) {
        state.node = next;
        return null;
      }
      const option = state.node.command!.options!.find((one) => one.keyword === keyword)!;
      state.choices.add(option.choice ?? option.keyword);
      if (option.value === undefined) state.args.set(keyword, '');
      else state.pending = option;
      return null;
    }
    if (positional === null) return fault(word, state.node === this.#root ? 'unknown command.' : COMMAND_EXPECTED);
    const wrong = positional.value.check?.(word.text) ?? null;
    if (wrong !== null) return fault(word, wrong);
    const before = state.args.get(positional.name);
    state.restFrom ??= word.start;
    const text = positional.rest === true ? quoteWord(word.text) : word.text;
    state.args.set(positional.name, before === undefined ? text : `${before} ${text}`);
    if (positional.rest !== true) state.positionalDone = true;
    return null;
  }
}

/** Keywords that may come next, in alphabetical order. */
function keywords(state: State): Possible[] {
  const list: Possible[] = [];
  // A word leads on only from the command itself, not from behind its arguments.
  if (state.args.size === 0)
    for (const [text, { help }] of state.node.children) list.push({ text, help, kind: 'keyword' });
  for (const option of state.node.command?.options ?? [])
    if (!state.choices.has(option.choice ?? option.keyword) && !state.args.has(option.keyword))
      list.push({ text: option.keyword, help: option.help, kind: 'keyword' });
  return list.sort((a, b) => (a.text < b.text ? -1 : 1));
}
function openPositional(state: State): Positional | null {
  const positional = state.node.command?.positional;
  return positional === undefined || state.positionalDone ? null : positional;
}
/** Live values that go on from what is typed, then the placeholder. */
function valuesOf(
  type: NonNullable<Option['value']>,
  help: string,
  begun: string,
  target: OperationalTarget,
): Possible[] {
  const list: Possible[] = [];
  for (const [value, about] of type.values?.(target) ?? []) {
    if (value.startsWith(begun)) list.push({ text: quoteWord(value), help: about, kind: 'value' });
    if (list.length === LIVE_VALUES_MAX) break;
  }
  list.sort((a, b) => a.text.localeCompare(b.text, 'en', { numeric: true }));
  return [{ text: type.placeholder, help, kind: 'hint' }, ...list];
}
/** More are no help to a person. */
const LIVE_VALUES_MAX = 200;

/** Where the help begins. */
const HELP_COLUMN = 23;
/** The lines below "Possible completions:"; help that is longer than the line goes on below itself. */
export function formatPossible(possible: readonly Possible[], columns = 80): string[] {
  const lines = ['Possible completions:'];
  const room = Math.max(20, columns - HELP_COLUMN);
  for (const { text, help } of possible) {
    let line = help === '' ? `  ${text}` : `  ${text.padEnd(HELP_COLUMN - 3)} `;
    let used = Math.max(0, line.length - HELP_COLUMN);
    let first = true;
    for (const word of help.split(' ').filter(Boolean)) {
      if (!first && used + 1 + word.length > room) {
        lines.push(line);
        line = ' '.repeat(HELP_COLUMN) + word;
        used = word.length;
        continue;
      }
      line += first ? word : ` ${word}`;
      used += word.length + (first ? 0 : 1);
      first = false;
    }
    lines.push(line);
  }
  return lines;
}

/** Completions of configuration mode as the CLI's. */
export function asCompletions(line: string, list: readonly Completion[]): Completions {
  const last = splitWords(line).at(-1);
  const typing = last !== undefined && last.end === line.length && (last.open || !/\s$/.test(line)) ? last : null;
  const possible = list.map(({ word, description, kind }): Possible => {
    if (kind === 'enter') return { text: '<[Enter]>', help: description || 'Execute this command', kind: 'hint' };
    return { text: word, help: description, kind: kind === 'value' && /^<.*>$/.test(word) ? 'hint' : kind };
  });
  return { from: typing?.start ?? line.length, possible, fault: null };
}
