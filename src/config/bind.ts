import { expandGroups } from './inherit.ts';
import { parseCurly, type RawStatement, type SyntaxFault, type Word } from './parse.ts';
import { isSecret9 } from './secret9.ts';
import type { Statement } from './statement.ts';
import { ConfigNode, findStatement, GROUPS, newRoot, OTHER_STATEMENT, quoteWord } from './tree.ts';
import type { Diagnostic } from './types.ts';
import { checkValue } from './value.ts';

export { ConfigNode } from './tree.ts';
export { checkValue, parsePrefix, parseRate, parseSize } from './value.ts';

export interface ConfigTree {
  /** As written, groups and all: what is shown, edited and kept. */
  readonly written: ConfigNode;
  /** As it counts: groups' statements in their places. */
  readonly root: ConfigNode;
  readonly diagnostics: Diagnostic[];
  /** The text could not be read to its end. */
  readonly cutOff: boolean;
}

export interface BindOptions {
  /** `file`: a whole configuration; `merge`, `replace`: a text that is loaded into one; `set`: a typed statement. */
  readonly mode: 'file' | 'merge' | 'replace' | 'set';
  /** How a secret in clear is kept; as it is where nothing is said. */
  readonly keepSecret?: (plain: string) => string;
  /** An operator types it: a mistyped statement is not taken for one of another part of a router. */
  readonly typed?: boolean;
}

const SECRETS = new Set([
  'chap-secret',
  'pap-password',
  'shared-secret',
  'secret',
  'encrypted-password',
  'plain-text-password-value',
  'authentication-key',
]);
/** Words of a statement for a message: what stands behind a secret's keyword is not shown. */
export function withoutSecrets(words: readonly Word[]): string {
  const secret = words.findIndex((word) => !word.quoted && SECRETS.has(word.text));
  const shown = secret < 0 || secret === words.length - 1 ? words : words.slice(0, secret + 1);
  const text = shown.map((word) => word.text).join(' ');
  return shown.length === words.length ? text : `${text} ...`;
}
/** The same in a place: where secrets stand, a quoted word may be one whose keyword is mistyped, and a torn one its rest. */
const mayBeSecret = (word: Word): boolean => word.quoted || word.torn === true;
const holdsSecrets = (path: readonly string[]): boolean => path.includes('access');
function shownWords(words: readonly Word[], path: readonly string[]): string {
  if (!holdsSecrets(path) && !words.some((word) => word.text === 'access')) return withoutSecrets(words);
  return withoutSecrets(words.map((word) => (mayBeSecret(word) ? { ...word, text: '...' } : word)));
}
/** The same for a statement that is not declared: its first word alone. */
export const firstWord = (key: string): string => key.split(' ', 1)[0]!;

/** Parses a configuration and binds every statement to its declaration. Never throws. */
export function parseConfig(text: string, options: BindOptions = { mode: 'file' }): ConfigTree {
  const diagnostics: Diagnostic[] = [];
  const written = newRoot();
  const cutOff = !bindText(written, text, [], options, diagnostics);
  return { written, root: expandGroups(written, diagnostics), diagnostics, cutOff };
}

/**
 * Binds a text in curly format below the place that `level` names.
 * @returns false where the text could not be read to its end; what stands before the fault is bound
 */
export function bindText(
  root: ConfigNode,
  text: string,
  level: readonly Word[],
  options: BindOptions,
  diagnostics: Diagnostic[],
): boolean {
  const { statements, fault } = parseCurly(text, options.mode !== 'file');
  const binder = new Binder(diagnostics, options);
  for (const statement of statements) {
    const words = level.length === 0 ? statement.words : [...level, ...statement.words];
    binder.bind(root, level.length === 0 ? statement : { ...statement, words }, [], false);
  }
  if (fault !== null) diagnostics.push(faultDiagnostic(fault));
  return fault === null;
}
export const faultDiagnostic = (fault: SyntaxFault): Diagnostic => ({
  severity: 'error',
  line: fault.line,
  column: fault.column,
  path: fault.path,
  statement: fault.token,
  message: fault.message,
  syntax: true,
});

/** Binds statements to their declarations, and puts them in their place. */
export class Binder {
  readonly #diagnostics: Diagnostic[];
  readonly #options: BindOptions;
  constructor(diagnostics: Diagnostic[], options: BindOptions) {
    this.#diagnostics = diagnostics;
    this.#options = options;
  }
  #error(at: Word, path: readonly string[], statement: string, message: string): false {
    const { line, column } = at;
    this.#diagnostics.push({ severity: 'error', line, column, path, statement, message, syntax: true });
    return false;
  }

  /**
   * Binds one statement: `a b c x;` is the same as `a { b { c x; } }`. `wildcards`: in a group, keys may be patterns.
   * @returns whether nothing was wrong
   */
  bind(parent: ConfigNode, raw: RawStatement, path: readonly string[], wildcards: boolean): boolean {
    let node = parent;
    let here = path;
    let patterns = wildcards;
    let at = 0;
    const { words } = raw;
    const written = (): string => `${shownWords(words, path)}${raw.children === null ? ';' : ''}`;
    if (raw.tag !== null && this.#options.mode === 'replace') removeAt(parent, raw);
    else if (raw.tag === 'delete') removeAt(parent, raw);
    if (raw.tag === 'delete') return true;
    while (at < words.length) {
      const word = words[at]!;
      const statement = findStatement(node.statement, word.text, word.quoted, patterns);
      if (statement === null) return this.#unknown(words, at, here, written());
      if (statement === OTHER_STATEMENT) return this.#other(node, raw, at, here, patterns);
      if (statement === GROUPS) patterns = true;
      if (statement.bare !== true && !(statement.positional === true && word.text !== statement.keyword)) at++;
      let key: string | null = null;
      if (statement.kind === 'list') {
        if (at >= words.length) {
          if (raw.list === null || raw.list.length === 0)
            return this.#error(word, here, written(), 'missing argument.');
          // `flag [ a b ];` is an entry each.
          let good = true;
          for (const one of raw.list)
            if (this.#validKey(statement, one, here, () => `${statement.keyword} ${one.text}`, patterns))
              this.#mark(this.#child(node, statement, one.text, one), raw);
            else good = false;
          return good;
        }
        const keyWord = words[at++]!;
        if (!this.#validKey(statement, keyWord, here, written, patterns)) return false;
        key = keyWord.text;
      }
      const name = statement.bare === true ? key! : key === null ? statement.keyword : `${statement.keyword} ${key}`;
      if (statement.kind === 'leaf' || statement.kind === 'values' || statement.kind === 'flag') {
        const level = path.length === 0 && here.length === 0 ? [name] : here;
        const rest = words.slice(at);
        // `address-range low A high B;`: what follows a value belongs to the same block.
        const own =
          raw.list !== null || statement.kind === 'values' || node.statement.layout !== 'inline'
            ? rest
            : rest.slice(0, statement.kind === 'leaf' ? 1 : 0);
        const last = raw.list !== null || own.length === rest.length;
        const values = [...own, ...(raw.list ?? [])];
        if (!this.#validValues(statement, values, last ? raw : { ...raw, children: null }, word, level, written))
          return false;
        const child = this.#child(node, statement, null, word);
        this.#keep(child, values);
        this.#mark(child, raw);
        at += own.length;
        continue;
      }
      const child = this.#child(node, statement, key, word);
      here = [...here, name];
      if (at === words.length) {
        this.#mark(child, raw);
        if (raw.list !== null) return this.#error(word, here, written(), 'syntax error');
      }
      node = child;
    }
    let good = true;
    if (raw.children !== null) for (const one of raw.children) good = this.bind(node, one, here, patterns) && good;
    return good;
  }

  #mark(child: ConfigNode, raw: RawStatement): void {
    if (this.#options.mode === 'file' || raw.inactive) child.inactive = raw.inactive;
    if (raw.comment !== null) child.comment = raw.comment;
  }
  #keep(child: ConfigNode, values: readonly Word[]): void {
    const { keepSecret } = this.#options;
    const secret = child.statement.value?.type === 'secret' && keepSecret !== undefined;
    const texts = values.map(({ text }) => (secret && !isSecret9(text) ? keepSecret(text) : text));
    child.values = child.statement.kind === 'values' ? [...new Set([...child.values, ...texts])] : texts;
  }

  #unknown(words: readonly Word[], at: number, path: readonly string[], written: string): false {
    const word = words[at]!;
    // Behind a mistyped keyword there may be a secret, and an unquoted secret may have a second word.
    const ofSecret = words.slice(0, at).some((one) => SECRETS.has(one.text));
    const rest = words.slice(at + 1);
    const safe = !ofSecret && (rest.length === 0 || (!holdsSecrets(path) && !rest.some((one) => one.quoted)));
    const known = words.slice(0, at).map((one) => one.text);
    const own = mayBeSecret(word) && holdsSecrets(path) ? [] : [word.text];
    const hidden = [...(ofSecret ? [withoutSecrets(words)] : [...known, ...own, '...'])].join(' ');
    return this.#error(word, path, safe ? written : hidden, `syntax error: ${ofSecret ? '...' : (own[0] ?? '...')}`);
  }
  /** Another part of a router: kept as it is written. */
  #other(node: ConfigNode, raw: RawStatement, at: number, path: readonly string[], wildcards: boolean): boolean {
    const texts = raw.words.slice(at).map((word) => quoteWord(word.text, word.quoted));
    if (raw.list !== null) texts.push('[', ...raw.list.map((word) => quoteWord(word.text, word.quoted)), ']');
    const child = this.#child(node, OTHER_STATEMENT, texts.join(' '), raw.words[at]!);
    this.#mark(child, raw);
    let good = true;
    for (const one of raw.children ?? []) good = this.bind(child, one, path, wildcards) && good;
    return good;
  }

  #validKey(
    statement: Statement,
    word: Word,
    path: readonly string[],
    written: () => string,
    wildcards: boolean,
  ): boolean {
    if (wildcards && /^<.*>$/.test(word.text)) return true;
    const wrong = checkValue(statement.key!, word.text);
    const hidden = mayBeSecret(word) && holdsSecrets(path) && wrong?.includes(word.text) === true;
    return wrong === null || this.#error(word, path, written(), hidden ? 'invalid value' : wrong);
  }

  /** The child by that name; a new one takes the place of another branch of its choice, where text is loaded. */
  #child(node: ConfigNode, statement: Statement, key: string | null, at: Word): ConfigNode {
    const known = node.find(statement, key);
    if (known !== null) return known;
    const { choice } = statement;
    if (choice !== undefined && this.#options.mode !== 'file') node.filter((one) => one.statement.choice !== choice);
    return node.add(new ConfigNode(statement, key, at));
  }

  #validValues(
    statement: Statement,
    values: readonly Word[],
    raw: RawStatement,
    word: Word,
    path: readonly string[],
    written: () => string,
  ): boolean {
    if (raw.children !== null)
      return this.#error(word, path, written(), `syntax error: ${statement.keyword} has no block`);
    if (statement.kind === 'flag' && values.length === 0) return true;
    if (values.length === 0) return this.#error(word, path, written(), 'missing argument.');
    const hide = (value: Word): boolean => SECRETS.has(statement.keyword) || (holdsSecrets(path) && mayBeSecret(value));
    const tell = (value: Word, message: string, hidden: string): false =>
      hide(value)
        ? this.#error(value, path, `${statement.keyword} ...;`, hidden)
        : this.#error(value, path, written(), message);
    if (statement.kind === 'flag' || (statement.kind === 'leaf' && values.length > 1)) {
      const extra = values[statement.kind === 'flag' ? 0 : 1]!;
      return tell(extra, `syntax error: ${extra.text}`, 'syntax error: ...');
    }
    for (const value of values) {
      const wrong = checkValue(statement.value!, value.text);
      if (wrong !== null) return tell(value, wrong, wrong.includes(value.text) ? 'invalid value' : wrong);
    }
    return true;
  }
}

/** Removes what the words of a tagged statement name, where it is. */
function removeAt(parent: ConfigNode, raw: RawStatement): void {
  const target = locate(parent, raw.words);
  if (target !== null) target.parent.remove(target.node);
}

/** The node that these words lead to, and its parent; null where there is none. A value behind a leaf is not looked at. */
export function locate(
  parent: ConfigNode,
  words: readonly Word[],
): { parent: ConfigNode; node: ConfigNode; rest: readonly Word[] } | null {
  let node = parent;
  let above: ConfigNode | null = null;
  let at = 0;
  while (at < words.length) {
    const word = words[at]!;
    const statement = findStatement(node.statement, word.text, word.quoted, true);
    if (statement === null) return null;
    if (statement === OTHER_STATEMENT) {
      const texts = words.slice(at).map((one) => quoteWord(one.text, one.quoted));
      for (let n = texts.length; n > 0; n--) {
        const found = node.find(statement, texts.slice(0, n).join(' '));
        if (found === null) continue;
        if (n === texts.length) return { parent: node, node: found, rest: [] };
        const below = locate(found, words.slice(at + n));
        if (below !== null) return below;
      }
      return null;
    }
    if (statement.bare !== true && !(statement.positional === true && word.text !== statement.keyword)) at++;
    let key: string | null = null;
    if (statement.kind === 'list') {
      if (at >= words.length) return null;
      key = words[at++]!.text;
    }
    const child = node.find(statement, key);
    if (child === null) return null;
    above = node;
    node = child;
    if (statement.kind === 'leaf' || statement.kind === 'values' || statement.kind === 'flag') break;
  }
  return above === null ? null : { parent: above, node, rest: words.slice(at) };
}
