import { type Command, numberValue, type Option, type Positional, textValue } from './grammar.ts';
import { CommandTable, type Completions, type LineFault } from './match.ts';
import type { OperationalTarget } from './types.ts';
import { splitPipes } from './words.ts';

export type Format = 'text' | 'xml' | 'json';

/** One filter at work: takes lines, gives lines. */
interface Stage {
  line(text: string): readonly string[];
  end(): readonly string[];
}
/** What a pipe does beside filtering. */
interface Effects {
  more: boolean;
  hold: boolean;
  /** Writes the lines that reach it to a file of the operator's. */
  files: { name: string; append: boolean }[];
}
interface PipeCommand {
  readonly words: string;
  readonly help: string;
  readonly positional?: Positional;
  readonly options?: readonly Option[];
  /** Not a filter: how the server renders the reply. */
  readonly display?: Format;
  stage?(args: ReadonlyMap<string, string>, effects: Effects): Stage | null;
}

const NONE: readonly string[] = [];
const keep = (test: (text: string) => boolean): Stage => ({
  line: (text) => (test(text) ? [text] : NONE),
  end: () => NONE,
});
/** Junos' patterns do not tell upper from lower case. */
const patternOf = (text: string): RegExp => new RegExp(text, 'i');
const PATTERN: Positional = {
  name: 'pattern',
  help: 'Regular expression; quoted where it holds blanks or pipes',
  value: {
    placeholder: '<pattern>',
    check: (text) => {
      try {
        patternOf(text);
        return null;
      } catch {
        return `invalid pattern '${text}'.`;
      }
    },
  },
};
const FILE: Positional = { name: 'filename', help: 'File of yours', value: textValue('filename') };

const PIPES: readonly PipeCommand[] = [
  {
    words: 'count',
    help: 'Count occurrences',
    stage: () => {
      let count = 0;
      return {
        line: () => {
          count++;
          return NONE;
        },
        end: () => [`Count: ${count} lines`],
      };
    },
  },
  { words: 'display json', help: 'Show output as JSON', display: 'json' },
  { words: 'display xml', help: 'Show output as XML', display: 'xml' },
  {
    words: 'except',
    help: 'Show only text that does not match a pattern',
    positional: PATTERN,
    stage: (args) => {
      const pattern = patternOf(args.get('pattern')!);
      return keep((text) => !pattern.test(text));
    },
  },
  {
    words: 'find',
    help: 'Search for first occurrence of pattern',
    positional: PATTERN,
    stage: (args) => {
      const pattern = patternOf(args.get('pattern')!);
      let found = false;
      return {
        line: (text) => {
          found ||= pattern.test(text);
          return found ? [text] : NONE;
        },
        end: () => (found ? NONE : ['Pattern not found']),
      };
    },
  },
  {
    words: 'hold',
    help: 'Hold text without exiting the --More-- prompt',
    stage: (_, effects) => {
      effects.hold = true;
      return null;
    },
  },
  {
    words: 'last',
    help: 'Display end of output only',
    positional: {
      name: 'lines',
      help: 'Lines from the end',
      value: numberValue('lines', 1, 1_000_000),
      optional: true,
    },
    stage: (args) => {
      const most = Number(args.get('lines') ?? 20);
      let lines: string[] = [];
      return {
        line: (text) => {
          lines.push(text);
          if (lines.length > 2 * most + 64) lines = lines.slice(-most);
          return NONE;
        },
        end: () => lines.slice(-most),
      };
    },
  },
  {
    words: 'match',
    help: 'Show only text that matches a pattern',
    positional: PATTERN,
    stage: (args) => {
      const pattern = patternOf(args.get('pattern')!);
      return keep((text) => pattern.test(text));
    },
  },
  {
    words: 'no-more',
    help: "Don't paginate output",
    stage: (_, effects) => {
      effects.more = false;
      return null;
    },
  },
  {
    words: 'save',
    help: 'Save output text to file',
    positional: FILE,
    stage: (args, effects) => {
      effects.files.push({ name: args.get('filename')!, append: false });
      return null;
    },
  },
  {
    words: 'append',
    help: 'Append output text to file',
    positional: FILE,
    stage: (args, effects) => {
      effects.files.push({ name: args.get('filename')!, append: true });
      return null;
    },
  },
  {
    words: 'trim',
    help: 'Trim specified number of columns from start of line',
    positional: { name: 'columns', help: 'Columns', value: numberValue('columns', 1, 1024) },
    stage: (args) => {
      const columns = Number(args.get('columns'));
      return { line: (text) => [text.slice(columns)], end: () => NONE };
    },
  },
];
const byCommand = new Map<string, PipeCommand>(PIPES.map((one) => [one.words, one]));
const TABLE = new CommandTable(
  PIPES.map(
    ({ words, help, positional, options }): Command => ({
      words,
      help,
      privilege: 'view',
      ...(positional === undefined ? {} : { positional }),
      ...(options === undefined ? {} : { options }),
      run: () => ({ output: [] }),
    }),
  ),
  { display: 'Show additional kinds of output' },
);

/** A chain of filters for text that comes in pieces. */
export class Pipeline {
  readonly #stages: Stage[];
  readonly #effects: Effects;
  #rest = '';
  #saved: string[] = [];
  constructor(stages: Stage[], effects: Effects) {
    this.#stages = stages;
    this.#effects = effects;
  }
  get more(): boolean {
    return this.#effects.more && this.#effects.files.length === 0;
  }
  get hold(): boolean {
    return this.#effects.hold;
  }
  /** Files to write at the end, and the text for them. */
  get saved(): { files: Effects['files']; text: string; lines: number } | null {
    if (this.#effects.files.length === 0) return null;
    return {
      files: this.#effects.files,
      text: this.#saved.map((line) => `${line}\n`).join(''),
      lines: this.#saved.length,
    };
  }
  /** @returns text to show */
  write(text: string): string {
    if (this.#stages.length === 0 && this.#effects.files.length === 0) return text;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    let shown = '';
    for (const line of lines) shown += this.#from(0, [line]);
    return shown;
  }
  end(): string {
    let shown = '';
    if (this.#rest !== '') shown += this.#from(0, [this.#rest]);
    this.#rest = '';
    for (const [n, stage] of this.#stages.entries()) shown += this.#from(n + 1, stage.end());
    return shown;
  }
  #from(first: number, lines: readonly string[]): string {
    let now = lines;
    for (let n = first; n < this.#stages.length && now.length > 0; n++)
      now = now.length === 1 ? this.#stages[n]!.line(now[0]!) : now.flatMap((line) => this.#stages[n]!.line(line));
    if (now.length === 0) return '';
    if (this.#effects.files.length > 0) {
      this.#saved.push(...now);
      return '';
    }
    return `${now.join('\n')}\n`;
  }
}

export interface Piped {
  /** The command, and the pipes that the server itself has to do with (`compare`, `display set`). */
  readonly command: string;
  readonly format: Format;
  readonly pipeline: Pipeline;
}
/**
 * Cuts a line at its pipes. Filters run where the output is read, never in the server.
 * @param passed first words of pipes that go to the server with the command (configuration mode)
 */
export function parsePipes(
  line: string,
  passed: (filter: string) => boolean = () => false,
): Piped | { readonly fault: LineFault } {
  const { command, filters } = splitPipes(line);
  const effects: Effects = { more: true, hold: false, files: [] };
  const stages: Stage[] = [];
  let format: Format = 'text';
  let server = command;
  for (const { text, start } of filters) {
    if (passed(text.trim())) {
      server = `${server.trimEnd()} | ${text.trim()}`;
      continue;
    }
    const parsed = TABLE.parse(text);
    if ('fault' in parsed) {
      const { fault } = parsed;
      const message = fault.message.replace('unknown command.', 'syntax error, expecting <command>.');
      return { fault: { ...fault, message, offset: fault.offset + start } };
    }
    const pipe = byCommand.get(parsed.command.words)!;
    if (pipe.display !== undefined) format = pipe.display;
    else {
      const stage = pipe.stage!(parsed.args, effects);
      if (stage !== null) stages.push(stage);
    }
  }
  return { command: server, format, pipeline: new Pipeline(stages, effects) };
}

/** Completion behind the last pipe of a line. */
export function completePipes(line: string, target: OperationalTarget): Completions | null {
  const last = splitPipes(line).filters.at(-1);
  if (last === undefined) return null;
  const { from, possible, fault } = TABLE.complete(last.text, target);
  return {
    from: from + last.start,
    possible,
    fault: fault === null ? null : { ...fault, offset: fault.offset + last.start },
  };
}
