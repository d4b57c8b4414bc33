/** A key press: a character to insert, or a name (`C-a`, `M-f`, `up`, `delete`, `enter`, `tab`, `paste`). */
export interface Key {
  readonly name: string;
  /** What is to be inserted, of `char` and `paste`. */
  readonly text: string;
}
const key = (name: string, text = ''): Key => ({ name, text });

/** Final parts of escape sequences that terminals send (ECMA-48, xterm). */
const SEQUENCES: Readonly<Record<string, string>> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[H': 'home',
  '[F': 'end',
  '[1~': 'home',
  '[7~': 'home',
  '[4~': 'end',
  '[8~': 'end',
  '[3~': 'delete',
  '[5~': 'page-up',
  '[6~': 'page-down',
  '[Z': 'S-tab',
  '[1;5C': 'M-f',
  '[1;5D': 'M-b',
  '[1;3C': 'M-f',
  '[1;3D': 'M-b',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OH: 'home',
  OF: 'end',
};
const CONTROLS: Readonly<Record<number, string>> = { 9: 'tab', 10: 'enter', 13: 'enter', 8: 'backspace' };
const PASTE_BEGIN = '[200~';
const PASTE_END = '\u001b[201~';
/** A paste is cut here. */
const PASTE_MAX = 1 << 20;
/** The longest escape sequence that is waited for. */
const SEQUENCE_MAX = 16;

/**
 * Turns what a terminal sends into keys. Octets come in any pieces; an escape that stands alone is told by `flush`.
 */
export class KeyDecoder {
  readonly #decoder = new TextDecoder('utf-8');
  #held = '';

  /** Something is begun and not finished. */
  get pending(): boolean {
    return this.#held !== '';
  }

  feed(octets: Uint8Array): Key[] {
    this.#held += this.#decoder.decode(octets, { stream: true });
    const keys: Key[] = [];
    for (;;) {
      const taken = this.#take(keys);
      if (taken === 0) return keys;
      this.#held = this.#held.slice(taken);
    }
  }
  /** Nothing more came for a while: what is held is as it is. */
  flush(): Key[] {
    if (this.#held === '' || this.#held.startsWith(`\u001b${PASTE_BEGIN}`)) return [];
    this.#held = '';
    return [key('escape')];
  }

  /** @returns characters consumed; 0 where more is needed */
  #take(keys: Key[]): number {
    const held = this.#held;
    if (held === '') return 0;
    const code = held.codePointAt(0)!;
    if (code === 0x1b) return this.#escape(keys);
    const size = code > 0xffff ? 2 : 1;
    if (code === 0x7f) keys.push(key('backspace'));
    else if (code < 0x20) keys.push(key(CONTROLS[code] ?? `C-${controlName(code)}`));
    else if (code >= 0x80 && code < 0xa0) return size;
    else keys.push(key('char', held.slice(0, size)));
    return size;
  }
  #escape(keys: Key[]): number {
    const held = this.#held;
    if (held.length === 1) return 0;
    if (held.startsWith(PASTE_BEGIN, 1)) {
      const from = 1 + PASTE_BEGIN.length;
      const end = held.indexOf(PASTE_END, from);
      if (end < 0 && held.length < PASTE_MAX) return 0;
      keys.push(key('paste', held.slice(from, end < 0 ? held.length : end)));
      return end < 0 ? held.length : end + PASTE_END.length;
    }
    const second = held[1]!;
    if (second === '[' || second === 'O') {
      // Parameters, then one final character.
      const match = /^(?:\[[0-9;<=>?]*[ -/]*[@-~]|O[A-Za-z])/.exec(held.slice(1));
      if (match === null) {
        if (held.length < SEQUENCE_MAX && /^\[[0-9;<=>?]*[ -/]*$|^O$/.test(held.slice(1))) return 0;
        return 2;
      }
      const name = SEQUENCES[match[0]];
      if (name !== undefined) keys.push(key(name));
      return 1 + match[0].length;
    }
    const code = second.charCodeAt(0);
    if (code === 0x1b) {
      keys.push(key('escape'));
      return 1;
    }
    keys.push(key(code === 0x7f || code === 0x08 ? 'M-backspace' : `M-${second.toLowerCase()}`));
    return 2;
  }
}
const controlName = (code: number): string => String.fromCharCode(code + 0x40).toLowerCase();

/** Columns that a text takes on a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(character)) continue;
    columns += WIDE.test(character) ? 2 : 1;
  }
  return columns;
}
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
