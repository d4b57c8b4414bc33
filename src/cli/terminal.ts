import type { Completions, Possible } from '../operate/match.ts';
import { formatPossible } from '../operate/match.ts';
import type { CliClient } from '../server/socket.ts';
import { LineEditor } from './editor.ts';
import type { History } from './history.ts';
import { columnsOf, type Key, KeyDecoder } from './keys.ts';
import { faultLines } from './operate.ts';
import type { Shell, Sink } from './shell.ts';

/** An escape that nothing follows for this long is the key of that name. */
const ESCAPE_MS = 50;
const MORE = '---(more)---';
const MORE_HELP = '<space> page, <enter> line, d half a page, G to the end, q out';
/** Text that waits for the pager beyond this stops the flow from the server. */
const QUEUE_HIGH = 1 << 20;

/** Keys as they come, one reader at a time. */
class KeyQueue {
  readonly #decoder = new KeyDecoder();
  readonly #keys: Key[] = [];
  #waiting: ((key: Key | null) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  ended = false;
  /** Takes Ctrl-C at once, while a command runs; true: it is dealt with. */
  onInterrupt: (() => boolean) | null = null;

  feed(octets: Uint8Array): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const key of this.#decoder.feed(octets)) this.#push(key);
    if (this.#decoder.pending)
      this.#timer = setTimeout(() => {
        for (const key of this.#decoder.flush()) this.#push(key);
      }, ESCAPE_MS);
  }
  #push(key: Key): void {
    if (key.name === 'C-c' && this.onInterrupt?.() === true) {
      // What was typed ahead is for the command that ends.
      this.#keys.length = 0;
      return;
    }
    const waiting = this.#waiting;
    if (waiting === null) this.#keys.push(key);
    else {
      this.#waiting = null;
      waiting(key);
    }
  }
  /** Nothing will come any more. */
  end(): void {
    this.ended = true;
    this.#waiting?.(null);
    this.#waiting = null;
  }
  /** @returns null at the end */
  next(): Promise<Key | null> {
    const key = this.#keys.shift();
    if (key !== undefined) return Promise.resolve(key);
    if (this.ended) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}

/** The part of a terminal that is written to. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
}

/** The CLI at a terminal: draws the line, pages output, and passes keys on. */
export class Terminal implements Sink {
  readonly #screen: Screen;
  readonly #shell: Shell;
  readonly #client: CliClient;
  readonly #history: History;
  readonly #keys = new KeyQueue();
  readonly #editor: LineEditor;
  /** Runs the job control of the shell that started us. */
  readonly #suspend: () => Promise<void>;
  readonly echoes = true;
  /** Rows between the prompt's first and the cursor. */
  #cursorRow = 0;
  #editing = false;

  // Output under way.
  #stop = new AbortController();
  #paged = false;
  #hold = false;
  #queue = '';
  #shownRows = 0;
  /** The pager waits for a key, or prints. */
  #paging: Promise<void> | null = null;
  #done = false;

  constructor(
    screen: Screen,
    shell: Shell,
    client: CliClient,
    history: History,
    suspend: () => Promise<void> = async () => {},
  ) {
    this.#screen = screen;
    this.#shell = shell;
    this.#client = client;
    this.#history = history;
    this.#suspend = suspend;
    this.#editor = new LineEditor(history);
    client.onPush = (text) => this.#pushed(text);
  }

  feed(octets: Uint8Array): void {
    this.#keys.feed(octets);
  }
  ended(): void {
    this.#keys.end();
  }
  resized(): void {
    if (this.#editing) this.#redraw();
  }
  get #columns(): number {
    return this.#shell.settings.screenWidth ?? this.#screen.columns;
  }
  get #rows(): number {
    return this.#shell.settings.screenLength ?? this.#screen.rows;
  }

  /** Reads and runs lines until the operator leaves. */
  async run(): Promise<void> {
    for (;;) {
      const { above, text } = this.#shell.prompt;
      let line = await this.#readLine(text, above);
      if (line === null) {
        // Ctrl-D leaves a mode at a time.
        if (this.#keys.ended || !this.#shell.configuring) return;
        line = 'exit';
      }
      this.#shell.columns = this.#columns;
      if (line.trim() === '') continue;
      this.#history.add(line);
      if (!(await this.#shell.execute(line, this))) return;
    }
  }

  /** Lines up to Ctrl-D; null after Ctrl-C. */
  async readText(): Promise<string | null> {
    let text = '';
    for (;;) {
      const line = await this.#readLine('', null, true);
      if (line === null) return this.#interrupted ? null : text;
      text += `${line}\n`;
    }
  }
  /** One line as an answer; null after Ctrl-C or Ctrl-D. It is no part of the history. */
  readAnswer(prompt: string): Promise<string | null> {
    return this.#readLine(prompt, null, true);
  }
  #interrupted = false;

  // The line.

  /** @param plain no completion: text for a command, not a command */
  async #readLine(prompt: string, above: string | null, plain = false): Promise<string | null> {
    const editor = this.#editor;
    this.#prompt = prompt;
    this.#interrupted = false;
    if (above !== null) this.#screen.write(`${above}\n`);
    editor.reset();
    this.#editing = true;
    this.#cursorRow = 0;
    this.#redraw();
    try {
      for (;;) {
        const key = await this.#keys.next();
        if (key === null) {
          this.#leaveLine();
          return null;
        }
        if (key.name === 'paste' && (await this.#pasted(key.text))) return this.#accepted();
        const action = key.name === 'paste' ? 'none' : editor.press(key);
        switch (action) {
          case 'accept':
            return this.#accepted();
          case 'end':
            this.#leaveLine();
            return null;
          case 'interrupt':
            this.#leaveLine('^C');
            this.#interrupted = true;
            if (plain) return null;
            editor.reset();
            if (above !== null) this.#screen.write(`${above}\n`);
            break;
          case 'bell':
            this.#screen.write('\u0007');
            break;
          case 'space':
            if (plain || !this.#shell.settings.completeOnSpace) editor.insert(' ');
            else await this.#complete('space');
            break;
          case 'tab':
            if (plain) editor.insert('\t');
            else await this.#complete('tab');
            break;
          case 'help':
            if (plain) editor.insert('?');
            else await this.#complete('help');
            break;
          case 'clear-screen':
            this.#screen.write('\u001b[H\u001b[2J');
            this.#cursorRow = 0;
            if (above !== null) this.#screen.write(`${above}\n`);
            break;
          case 'suspend':
            this.#leaveLine();
            await this.#suspend();
            break;
          case 'none':
            break;
        }
        this.#redraw();
      }
    } finally {
      this.#editing = false;
    }
  }
  #prompt = '';
  /** Lines of a paste beyond the first are typed ahead. @returns whether the first one is whole */
  async #pasted(text: string): Promise<boolean> {
    const [first, ...rest] = text.split(/\r\n|\r|\n/);
    this.#editor.press({ name: 'paste', text: first! });
    if (rest.length === 0) return false;
    this.#ahead = [...rest.slice(0, -1).map((line) => ({ line, whole: true })), { line: rest.at(-1)!, whole: false }];
    const octets = new TextEncoder();
    // Typed again as single keys, so that completion and Ctrl-C work as ever.
    const keys = this.#ahead;
    this.#ahead = [];
    queueMicrotask(() => {
      for (const { line, whole } of keys) {
        if (line !== '') this.#keys.feed(octets.encode(`\u001b[200~${line}\u001b[201~`));
        if (whole) this.#keys.feed(octets.encode('\r'));
      }
    });
    return true;
  }
  #ahead: { line: string; whole: boolean }[] = [];
  #accepted(): string {
    const { text } = this.#editor;
    this.#editor.press({ name: 'end', text: '' });
    this.#redraw();
    this.#leaveLine();
    return text;
  }
  /** The cursor goes below the line. */
  #leaveLine(mark = ''): void {
    const { afterCursor } = this.#editor;
    const below = this.#extent(afterCursor === '' ? '' : this.#editor.text).row - this.#cursorRow;
    this.#screen.write(`${afterCursor !== '' && below > 0 ? `\u001b[${below}B` : ''}${mark}\r\n`);
    this.#cursorRow = 0;
  }
  /** Row and column behind prompt and text. */
  #extent(text: string): { row: number; column: number } {
    const columns = this.#screen.columns;
    const width = columnsOf((this.#editor.searchPrompt ?? this.#prompt) + text);
    return { row: Math.floor(width / columns), column: width % columns };
  }
  #redraw(): void {
    const editor = this.#editor;
    const shown = editor.text.replace(/\t/g, ' ');
    const end = this.#extent(shown);
    const at = this.#extent(editor.beforeCursor.replace(/\t/g, ' '));
    let out = this.#cursorRow > 0 ? `\u001b[${this.#cursorRow}A` : '';
    out += `\r${editor.searchPrompt ?? this.#prompt}${shown}`;
    // A line that fills its last row leaves the cursor on that row until something follows.
    if (end.column === 0 && end.row > 0) out += ' \r';
    // Cleared behind the text, not before it: a clear of the whole screen goes into the history of some terminals.
    out += '\u001b[J';
    if (end.row > at.row) out += `\u001b[${end.row - at.row}A`;
    out += `\r${at.column > 0 ? `\u001b[${at.column}C` : ''}`;
    this.#screen.write(out);
    this.#cursorRow = at.row;
  }
  /** Text that comes while the operator types stands above his line. */
  #pushed(text: string): void {
    if (!this.#editing) {
      this.write(text);
      return;
    }
    this.#screen.write(`${this.#cursorRow > 0 ? `\u001b[${this.#cursorRow}A\r\u001b[J` : '\r\u001b[K'}${text}`);
    this.#cursorRow = 0;
    this.#redraw();
  }

  // Completion.

  async #complete(by: 'space' | 'tab' | 'help'): Promise<void> {
    const editor = this.#editor;
    const line = editor.beforeCursor;
    const completions = await this.#shell.complete(line);
    const { from, possible, fault } = completions;
    const begun = line.slice(from);
    if (by === 'help') {
      this.#below(
        fault !== null && possible.length === 0
          ? this.#faultLines(completions)
          : formatPossible(possible, this.#columns),
        '?',
      );
      return;
    }
    if (fault !== null && possible.length === 0) {
      if (begun === '' || by === 'space') {
        this.#below(this.#faultLines(completions));
        return;
      }
      this.#screen.write('\u0007');
      return;
    }
    // The space bar completes keywords alone: a name may be the beginning of another.
    const words = possible.filter(({ kind }) => kind === 'keyword' || (by === 'tab' && kind === 'value'));
    const exact = words.find(({ text }) => text === begun);
    if (by === 'space') {
      if (exact !== undefined || words.length === 0) return editor.insert(' ');
      if (words.length === 1) return editor.replace(from, `${words[0]!.text} `);
      // Something else than a keyword may stand here.
      if (possible.some(({ kind }) => kind !== 'keyword')) return editor.insert(' ');
      this.#below([
        `${' '.repeat(columnsOf(this.#prompt) + columnsOf(line.slice(0, from)))}^`,
        `'${begun}' is ambiguous.`,
        ...formatPossible(words, this.#columns),
      ]);
      return;
    }
    if (words.length === 1) return editor.replace(from, `${words[0]!.text} `);
    const common = commonPrefix(words);
    if (common.length > begun.length && common.startsWith(begun)) return editor.replace(from, common);
    if (possible.length === 0) {
      this.#screen.write('\u0007');
      return;
    }
    this.#below(formatPossible(possible, this.#columns));
  }
  #faultLines({ fault }: Completions): string[] {
    return faultLines(fault!, columnsOf(this.#prompt));
  }
  /** Lines below the one that is typed, which then stands below them again. */
  #below(lines: readonly string[], mark = ''): void {
    const { above } = this.#shell.prompt;
    this.#screen.write(`${mark}\n${lines.join('\n')}\n${above === null ? '' : `${above}\n`}`);
    this.#cursorRow = 0;
  }

  // Output.

  get signal(): AbortSignal {
    return this.#stop.signal;
  }
  begin(paged: boolean, hold: boolean): void {
    this.#stop = new AbortController();
    this.#paged = paged && this.#rows > 0;
    this.#hold = hold;
    this.#queue = '';
    this.#shownRows = 0;
    this.#done = false;
    this.#keys.onInterrupt = () => {
      this.#screen.write('^C\n');
      this.#queue = '';
      this.#stop.abort();
      return true;
    };
  }
  write(text: string): boolean {
    if (this.#stop.signal.aborted) return false;
    if (!this.#paged) {
      this.#screen.write(text);
      return true;
    }
    this.#queue += text;
    if (this.#queue.length > QUEUE_HIGH) this.#client.pause();
    this.#paging ??= this.#page().finally(() => {
      this.#paging = null;
    });
    return true;
  }
  fail(text: string): void {
    this.write(text);
  }
  async end(): Promise<void> {
    this.#done = true;
    while (this.#paging !== null) await this.#paging;
    if (this.#hold && !this.#stop.signal.aborted && this.#paged) await this.#more('---(more 100%)---');
    this.#keys.onInterrupt = null;
  }
  /** Prints what is queued, a screenful at a time. */
  async #page(): Promise<void> {
    // Everything of one frame is here before the first question.
    await Promise.resolve();
    while (this.#queue !== '') {
      const room = this.#rows - 1 - this.#shownRows;
      const taken = takeRows(this.#queue, room, this.#columns);
      if (taken.length > 0) {
        this.#screen.write(this.#queue.slice(0, taken.length));
        this.#shownRows += taken.rows;
        this.#queue = this.#queue.slice(taken.length);
        if (this.#queue.length < QUEUE_HIGH / 2) this.#client.resume();
        continue;
      }
      // An unfinished line waits for its end.
      if (!this.#done && !this.#queue.includes('\n') && room > 0) return;
      if (room > 0) {
        this.#screen.write(this.#queue);
        this.#queue = '';
        return;
      }
      if (!(await this.#more(MORE))) {
        this.#queue = '';
        this.#stop.abort();
        this.#client.resume();
        return;
      }
    }
  }
  /** Asks whether to go on. @returns false where nobody wants more */
  async #more(question: string): Promise<boolean> {
    const interrupt = this.#keys.onInterrupt;
    this.#keys.onInterrupt = null;
    try {
      for (;;) {
        this.#screen.write(`\r\u001b[K${question}`);
        const key = await this.#keys.next();
        const clear = '\r\u001b[K';
        const name = key === null ? 'q' : key.name === 'char' ? key.text : key.name;
        switch (name) {
          case ' ':
          case 'f':
          case 'C-f':
          case 'page-down':
            this.#screen.write(clear);
            this.#shownRows = 0;
            return true;
          case 'enter':
          case 'j':
          case 'down':
            this.#screen.write(clear);
            this.#shownRows = Math.max(0, this.#shownRows - 1);
            return true;
          case 'd':
          case 'C-d':
            this.#screen.write(clear);
            this.#shownRows = Math.max(0, this.#shownRows - Math.ceil(this.#rows / 2));
            return true;
          case 'G':
          case 'C-e':
          case 'N':
            this.#screen.write(clear);
            this.#shownRows = Number.NEGATIVE_INFINITY;
            return true;
          case 'q':
          case 'Q':
          case 'C-c':
          case 'C-k':
            this.#screen.write(clear);
            return false;
          case 'h':
            this.#screen.write(`${clear}${MORE_HELP}\n`);
            break;
          default:
            this.#screen.write('\u0007');
        }
      }
    } finally {
      this.#keys.onInterrupt = interrupt;
    }
  }
}

/** How much of a text fits `room` rows: whole lines only. */
export function takeRows(text: string, room: number, columns: number): { length: number; rows: number } {
  let length = 0;
  let rows = 0;
  for (;;) {
    const end = text.indexOf('\n', length);
    if (end < 0) return { length, rows };
    const needs = Math.max(1, Math.ceil(columnsOf(text.slice(length, end)) / columns));
    // A line higher than the screen is shown all the same.
    if (rows + needs > room && !(rows === 0 && needs > 1 && room > 0 && length === 0)) return { length, rows };
    rows += needs;
    length = end + 1;
  }
}

const commonPrefix = (words: readonly Possible[]): string => {
  let prefix = words[0]?.text ?? '';
  for (const { text } of words) while (!text.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
};
