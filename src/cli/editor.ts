import type { Key } from './keys.ts';

/** What a key asks the driver to do. */
export type EditorAction =
  | 'none'
  | 'accept'
  /** Ctrl-D on an empty line. */
  | 'end'
  /** Ctrl-C. */
  | 'interrupt'
  | 'bell'
  /** The space bar behind a word: complete it, or just be a space. */
  | 'space'
  | 'tab'
  | 'help'
  | 'clear-screen'
  | 'suspend';

/** Lines given before, the newest last. */
export interface LineHistory {
  readonly lines: readonly string[];
}

const isWordCharacter = (character: string | undefined): boolean =>
  character !== undefined && /[\p{L}\p{N}]/u.test(character);

/**
 * One line with Emacs keys: text, cursor, kill ring, history and search in it. A value: keys in, actions out; it draws
 * nothing. Positions count characters (code points).
 */
export class LineEditor {
  readonly #history: LineHistory;
  #text: string[] = [];
  #cursor = 0;
  #kills: string[] = [];
  #yanked: { from: number; length: number; kill: number } | null = null;
  #lastWasKill = false;
  #undo: { text: string[]; cursor: number }[] = [];
  /** Place in the history, `lines.length` for the line being typed, which is kept beside. */
  #place: number;
  #typed: string[] = [];
  /** Ctrl-R: what is looked for, and where it was found. */
  #search: { pattern: string; found: number; before: string[] } | null = null;
  #quoteNext = false;

  constructor(history: LineHistory) {
    this.#history = history;
    this.#place = history.lines.length;
  }

  get text(): string {
    return this.#text.join('');
  }
  get cursor(): number {
    return this.#cursor;
  }
  get beforeCursor(): string {
    return this.#text.slice(0, this.#cursor).join('');
  }
  get afterCursor(): string {
    return this.#text.slice(this.#cursor).join('');
  }
  /** In place of the prompt while the history is searched. */
  get searchPrompt(): string | null {
    return this.#search === null ? null : `(reverse-i-search)\`${this.#search.pattern}': `;
  }

  /** Begins a new line. */
  reset(text = ''): void {
    this.#text = [...text];
    this.#cursor = this.#text.length;
    this.#place = this.#history.lines.length;
    this.#undo = [];
    this.#search = null;
    this.#yanked = null;
    this.#lastWasKill = false;
  }
  /** Puts `text` in place of what stands from character offset `from` of the line up to the cursor. */
  replace(from: number, text: string): void {
    this.#remember();
    const first = [...this.text.slice(0, from)].length;
    const put = [...text];
    this.#text.splice(first, this.#cursor - first, ...put);
    this.#cursor = first + put.length;
  }
  insert(text: string): void {
    this.#remember();
    const put = [...text];
    this.#text.splice(this.#cursor, 0, ...put);
    this.#cursor += put.length;
  }

  press(key: Key): EditorAction {
    const wasKill = this.#lastWasKill;
    this.#lastWasKill = false;
    if (key.name !== 'M-y') {
      if (key.name !== 'C-y') this.#yanked = null;
    }
    if (this.#quoteNext) {
      this.#quoteNext = false;
      if (key.name === 'char') this.insert(key.text);
      else if (key.name === 'tab') this.insert('\t');
      return 'none';
    }
    if (this.#search !== null) {
      const action = this.#searchKey(key);
      if (action !== null) return action;
    }
    switch (key.name) {
      case 'char':
        if (key.text === ' ') return this.#atWordEnd() ? 'space' : this.#typedChar(' ');
        if (key.text === '?') return this.#inQuotes() ? this.#typedChar('?') : 'help';
        return this.#typedChar(key.text);
      case 'paste':
        // Line feeds of a paste are for the driver; in one line they are blanks.
        this.insert(key.text.replace(/[\r\n\t]+/g, ' ').replace(/[\p{Cc}]/gu, ''));
        return 'none';
      case 'enter':
        return 'accept';
      case 'tab':
        return 'tab';
      case 'C-c':
        return 'interrupt';
      case 'C-d':
        if (this.#text.length === 0) return 'end';
        return this.#delete(this.#cursor, this.#cursor + 1);
      case 'delete':
        return this.#delete(this.#cursor, this.#cursor + 1);
      case 'backspace':
        return this.#delete(this.#cursor - 1, this.#cursor);
      case 'C-a':
      case 'home':
        this.#cursor = 0;
        return 'none';
      case 'C-e':
      case 'end':
        this.#cursor = this.#text.length;
        return 'none';
      case 'C-b':
      case 'left':
        return this.#move(this.#cursor - 1);
      case 'C-f':
      case 'right':
        return this.#move(this.#cursor + 1);
      case 'M-b':
        return this.#move(this.#wordBefore());
      case 'M-f':
        return this.#move(this.#wordAfter());
      case 'C-k':
        return this.#kill(this.#cursor, this.#text.length, wasKill, false);
      case 'C-u':
      case 'C-x':
        return this.#kill(0, key.name === 'C-u' ? this.#cursor : this.#text.length, wasKill, true);
      case 'C-w':
        return this.#kill(this.#blankBefore(), this.#cursor, wasKill, true);
      case 'M-backspace':
        return this.#kill(this.#wordBefore(), this.#cursor, wasKill, true);
      case 'M-d':
        return this.#kill(this.#cursor, this.#wordAfter(), wasKill, false);
      case 'C-y':
        return this.#yank();
      case 'M-y':
        return this.#yankPop();
      case 'C-t':
        return this.#transpose();
      case 'M-u':
        return this.#change((word) => word.toUpperCase());
      case 'M-l':
        return this.#change((word) => word.toLowerCase());
      case 'M-c':
        return this.#change((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase());
      case 'C-_':
        return this.#undoOne();
      case 'C-v':
        this.#quoteNext = true;
        return 'none';
      case 'C-p':
      case 'up':
        return this.#go(this.#place - 1);
      case 'C-n':
      case 'down':
        return this.#go(this.#place + 1);
      case 'M-<':
        return this.#go(0);
      case 'M->':
        return this.#go(this.#history.lines.length);
      case 'M-.':
        return this.#lastArgument();
      case 'C-r':
        this.#search = { pattern: '', found: this.#history.lines.length, before: [...this.#text] };
        return 'none';
      case 'C-l':
        return 'clear-screen';
      case 'C-z':
        return 'suspend';
      case 'C-g':
        return 'bell';
      default:
        return 'none';
    }
  }

  #typedChar(text: string): EditorAction {
    this.insert(text);
    return 'none';
  }
  /** The cursor stands behind the last word, and nothing follows. */
  #atWordEnd(): boolean {
    return (
      this.#cursor === this.#text.length &&
      this.#cursor > 0 &&
      !/[\s|]/.test(this.#text[this.#cursor - 1]!) &&
      !this.#inQuotes()
    );
  }
  #inQuotes(): boolean {
    let open = false;
    for (let at = 0; at < this.#cursor; at++) {
      if (open && this.#text[at] === '\\') at++;
      else if (this.#text[at] === '"') open = !open;
    }
    return open;
  }
  #remember(): void {
    this.#undo.push({ text: [...this.#text], cursor: this.#cursor });
    if (this.#undo.length > 200) this.#undo.shift();
  }
  #undoOne(): EditorAction {
    const last = this.#undo.pop();
    if (last === undefined) return 'bell';
    this.#text = last.text;
    this.#cursor = last.cursor;
    return 'none';
  }
  #move(to: number): EditorAction {
    if (to < 0 || to > this.#text.length || to === this.#cursor) return 'bell';
    this.#cursor = to;
    return 'none';
  }
  #delete(from: number, to: number): EditorAction {
    if (from < 0 || to > this.#text.length) return 'bell';
    this.#remember();
    this.#text.splice(from, to - from);
    this.#cursor = from;
    return 'none';
  }
  #wordBefore(): number {
    let at = this.#cursor;
    while (at > 0 && !isWordCharacter(this.#text[at - 1])) at--;
    while (at > 0 && isWordCharacter(this.#text[at - 1])) at--;
    return at;
  }
  #blankBefore(): number {
    let at = this.#cursor;
    while (at > 0 && /\s/.test(this.#text[at - 1]!)) at--;
    while (at > 0 && !/\s/.test(this.#text[at - 1]!)) at--;
    return at;
  }
  #wordAfter(): number {
    let at = this.#cursor;
    while (at < this.#text.length && !isWordCharacter(this.#text[at])) at++;
    while (at < this.#text.length && isWordCharacter(this.#text[at])) at++;
    return at;
  }
  /** Kills in a row make one text. */
  #kill(from: number, to: number, joined: boolean, backward: boolean): EditorAction {
    if (from === to) return 'bell';
    this.#remember();
    const killed = this.#text.splice(from, to - from).join('');
    if (joined && this.#kills.length > 0)
      this.#kills[0] = backward ? killed + this.#kills[0]! : this.#kills[0]! + killed;
    else this.#kills = [killed, ...this.#kills].slice(0, 20);
    this.#cursor = from;
    this.#lastWasKill = true;
    return 'none';
  }
  #yank(): EditorAction {
    const text = this.#kills[0];
    if (text === undefined) return 'bell';
    const from = this.#cursor;
    this.insert(text);
    this.#yanked = { from, length: this.#cursor - from, kill: 0 };
    return 'none';
  }
  #yankPop(): EditorAction {
    if (this.#yanked === null || this.#kills.length < 2) return 'bell';
    const { from, length, kill } = this.#yanked;
    const next = (kill + 1) % this.#kills.length;
    this.#text.splice(from, length);
    this.#cursor = from;
    this.insert(this.#kills[next]!);
    this.#yanked = { from, length: this.#cursor - from, kill: next };
    return 'none';
  }
  #transpose(): EditorAction {
    if (this.#text.length < 2 || this.#cursor === 0) return 'bell';
    this.#remember();
    const at = Math.min(this.#cursor, this.#text.length - 1);
    [this.#text[at - 1], this.#text[at]] = [this.#text[at]!, this.#text[at - 1]!];
    this.#cursor = at + 1;
    return 'none';
  }
  #change(change: (word: string) => string): EditorAction {
    const to = this.#wordAfter();
    if (to === this.#cursor) return 'bell';
    this.#remember();
    let from = this.#cursor;
    while (from < to && !isWordCharacter(this.#text[from])) from++;
    const changed = [...change(this.#text.slice(from, to).join(''))];
    this.#text.splice(from, to - from, ...changed);
    this.#cursor = from + changed.length;
    return 'none';
  }
  #go(place: number): EditorAction {
    const { lines } = this.#history;
    if (place < 0 || place > lines.length || place === this.#place) return 'bell';
    if (this.#place === lines.length) this.#typed = this.#text;
    this.#place = place;
    this.#text = place === lines.length ? this.#typed : [...lines[place]!];
    this.#cursor = this.#text.length;
    this.#undo = [];
    return 'none';
  }
  #lastArgument(): EditorAction {
    const word = this.#history.lines.at(-1)?.trim().split(/\s+/).at(-1);
    if (word === undefined || word === '') return 'bell';
    return this.#typedChar(word);
  }

  /** A key of the search. @returns null where it ends the search and is to be taken as usual */
  #searchKey(key: Key): EditorAction | null {
    const search = this.#search!;
    const find = (pattern: string, from: number): boolean => {
      for (let at = from; at >= 0; at--) {
        const line = this.#history.lines[at];
        const found = line?.lastIndexOf(pattern) ?? -1;
        if (line === undefined || found < 0) continue;
        search.found = at;
        this.#text = [...line];
        this.#cursor = [...line.slice(0, found)].length;
        return true;
      }
      return false;
    };
    if (key.name === 'char') {
      const pattern = search.pattern + key.text;
      if (!find(pattern, Math.min(search.found, this.#history.lines.length - 1))) return 'bell';
      search.pattern = pattern;
      return 'none';
    }
    if (key.name === 'C-r') return search.pattern !== '' && find(search.pattern, search.found - 1) ? 'none' : 'bell';
    if (key.name === 'backspace') {
      search.pattern = [...search.pattern].slice(0, -1).join('');
      if (search.pattern !== '') find(search.pattern, this.#history.lines.length - 1);
      return 'none';
    }
    if (key.name === 'C-g' || key.name === 'C-c') {
      this.#text = search.before;
      this.#cursor = this.#text.length;
      this.#search = null;
      return 'none';
    }
    this.#place = search.found;
    this.#typed = search.before;
    this.#search = null;
    return key.name === 'escape' ? 'none' : null;
  }
}
