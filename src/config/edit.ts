import { Binder, type BindOptions, locate } from './bind.ts';
import { isLeaf, isSecret } from './format.ts';
import { lexLine, type RawStatement, type Token, type Word } from './parse.ts';
import type { Statement, ValueType } from './statement.ts';
import {
  ConfigNode,
  childrenByKeyword,
  findStatement,
  GROUPS,
  isOpaque,
  OTHER_STATEMENT,
  ROOT_STATEMENT,
} from './tree.ts';
import type { Diagnostic } from './types.ts';
import { checkValue } from './value.ts';

/** A line that cannot be done: what is wrong, and under which character the mark stands. */
export interface LineFault {
  /** From 0, in the line; null: no mark. */
  readonly column: number | null;
  readonly message: string;
}
/** Where the operator is: one step a level, as its words. */
export type Level = readonly (readonly string[])[];

export const wordOf = (text: string, column = 0, quoted = false): Word => ({ text, quoted, line: 0, column });
/** Words of a level, as the parser reads them. Keys are taken as they are. */
export const levelWords = (level: Level): Word[] => level.flat().map((text) => wordOf(text));

/** What the words of a path mean: the declaration each leads to, and whether a group is around. */
export interface Place {
  readonly statement: Statement;
  readonly wildcards: boolean;
}
export const ROOT_PLACE: Place = { statement: ROOT_STATEMENT, wildcards: false };
/** The place below `place` that `word` opens; for a list, its key is still to come. */
function enter(place: Place, statement: Statement): Place {
  return { statement, wildcards: place.wildcards || statement === GROUPS };
}

/** Keywords at a place that begin with `text`. */
export function keywordsLike(place: Place, text: string): Statement[] {
  if (isOpaque(place.statement)) return [];
  const found: Statement[] = [];
  for (const [keyword, statement] of childrenByKeyword(place.statement))
    if (keyword !== '' && statement.bare !== true && keyword.startsWith(text)) found.push(statement);
  return found;
}

/** A path, walked by its declarations: abbreviations written out. */
export interface Walked {
  readonly words: readonly Word[];
  /** Where the words lead. */
  readonly place: Place;
  /** A leaf, list of values or flag, where they lead to one; its value may still be to come. */
  readonly leaf: Statement | null;
  /** One step a level, as `edit` goes. */
  readonly steps: readonly (readonly string[])[];
  /** The words end at a list whose key is missing. */
  readonly list: Statement | null;
}

/** Walks words from a place. Abbreviated keywords are completed; names are never. */
export function walkWords(from: Place, words: readonly Word[], typed = false): Walked | LineFault {
  let place = from;
  const out: Word[] = [];
  const steps: string[][] = [];
  let prefix: string[] = [];
  for (let at = 0; at < words.length; ) {
    const word = words[at]!;
    let statement = findStatement(place.statement, word.text, word.quoted, place.wildcards);
    let text = word.text;
    const abbreviated = !word.quoted && statement?.keyword !== word.text;
    if (abbreviated && (statement === null || statement.positional === true || statement === OTHER_STATEMENT)) {
      const like = keywordsLike(place, word.text);
      if (like.length > 1 && statement === null)
        return {
          column: word.column - 1,
          message: `'${word.text}' is ambiguous.\nPossible completions:\n${like.map((one) => `  ${one.keyword.padEnd(20)} ${one.description}`).join('\n')}`,
        };
      if (like.length === 1) {
        statement = like[0]!;
        text = statement.keyword;
      }
    }
    if (statement === null || (typed && statement === OTHER_STATEMENT && place.statement.open === 'load'))
      return { column: word.column - 1, message: 'syntax error.' };
    if (statement === OTHER_STATEMENT) {
      out.push(...words.slice(at));
      steps.push(words.slice(at).map((one) => one.text));
      return { words: out, place: { statement, wildcards: place.wildcards }, leaf: null, steps, list: null };
    }
    const positional = statement.positional === true && text !== statement.keyword;
    if (statement.bare !== true && !positional) {
      out.push({ ...word, text });
      at++;
    }
    if (isLeaf(statement)) {
      const rest = words.slice(at);
      // `low A high B`: more of the same block.
      const more = statement.kind === 'leaf' && rest.length > 1 && place.statement.layout === 'inline';
      if (!more) {
        out.push(...rest);
        return { words: out, place, leaf: statement, steps, list: null };
      }
      out.push(rest[0]!);
      at++;
      continue;
    }
    place = enter(place, statement);
    const step = statement.bare === true ? [] : [statement.keyword];
    if (statement.kind === 'list') {
      const key = words[at];
      if (key === undefined) return { words: out, place, leaf: null, steps, list: statement };
      out.push(key);
      step.push(key.text);
      at++;
    }
    if (statement.layout === 'prefix') prefix = step;
    else {
      steps.push([...prefix, ...step]);
      prefix = [];
    }
  }
  if (prefix.length > 0) steps.push(prefix);
  return { words: out, place, leaf: null, steps, list: null };
}
export const isFault = (walked: Walked | LineFault): walked is LineFault => 'message' in walked;

/** The declaration at a level. A level was walked before, so that it cannot fail. */
export function placeOf(level: Level): Place {
  const walked = walkWords(ROOT_PLACE, levelWords(level));
  return isFault(walked) ? ROOT_PLACE : walked.place;
}
/** The nodes that lead to a level, the root not among them; null where one is not there. */
export function nodesTo(root: ConfigNode, level: Level): ConfigNode[] | null {
  const path: ConfigNode[] = [];
  let node = root;
  const words = level.flat();
  for (let at = 0; at < words.length; ) {
    const statement = findStatement(node.statement, words[at]!, false, true);
    if (statement === null) return null;
    if (statement === OTHER_STATEMENT) {
      const found = locate(
        node,
        words.slice(at).map((text) => wordOf(text)),
      );
      return found === null ? null : [...path, found.node];
    }
    if (statement.bare !== true) at++;
    const child = node.find(statement, statement.kind === 'list' ? words[at++]! : null);
    if (child === null) return null;
    path.push(child);
    node = child;
  }
  return path;
}

/** Removes blocks that say nothing by being there, from the place that `words` lead to upwards. */
export function prune(root: ConfigNode, words: readonly Word[]): void {
  const path: ConfigNode[] = [root];
  let at = 0;
  let node = root;
  while (at < words.length) {
    const word = words[at]!;
    const statement = findStatement(node.statement, word.text, word.quoted, true);
    if (statement === null || statement === OTHER_STATEMENT || isLeaf(statement)) break;
    if (statement.bare !== true) at++;
    const child = node.find(statement, statement.kind === 'list' ? (words[at++]?.text ?? '') : null);
    if (child === null) break;
    path.push(child);
    node = child;
  }
  for (let i = path.length - 1; i > 0; i--) {
    const one = path[i]!;
    if (one.children.length > 0 || one.key !== null || one.statement.presence === true) break;
    path[i - 1]!.remove(one);
  }
}

/** Words and a list in brackets of a typed statement. */
export function typedStatement(tokens: readonly Token[]): RawStatement | LineFault {
  const words: Word[] = [];
  let list: Word[] | null = null;
  let open = false;
  for (const token of tokens) {
    if (token.kind === 'word') (open ? list! : words).push(token);
    else if (token.text === '[' && list === null) {
      list = [];
      open = true;
    } else if (token.text === ']' && open) open = false;
    else return { column: token.column - 1, message: 'syntax error.' };
  }
  if (open) return { column: null, message: "missing ']'" };
  return { words, list, children: null, inactive: false, comment: null, tag: null };
}

/** A diagnostic of a typed statement as the command line says it. */
export function typedFault(diagnostic: Diagnostic): LineFault {
  const { message, column } = diagnostic;
  const at = column > 0 ? column - 1 : null;
  if (message.startsWith('syntax error')) return { column: at, message: 'syntax error.' };
  if (message === 'missing argument.') return { column: at, message };
  return { column: at, message: /^(value|invalid)/.test(message) ? `error: ${message}` : message };
}

/**
 * `set`: puts a statement where the level and its words say, or several of one container in a line (`user x uid 5 class y`).
 * null where it is done; nothing is where one of them is wrong.
 */
export function setStatement(
  root: ConfigNode,
  level: Level,
  raw: RawStatement,
  options: BindOptions,
): LineFault | null {
  const several = raw.list === null && raw.children === null ? apart(level, raw.words) : null;
  if (several === null) return setOne(root, level, raw, options);
  // First on a copy: what is wrong in one is known before any is there.
  const probe = root.clone();
  for (const words of several) {
    const fault = setOne(probe, level, { ...raw, words }, options);
    if (fault !== null) return fault;
  }
  for (const words of several) setOne(root, level, { ...raw, words }, options);
  return null;
}
/** The statements of one container that a line has in a row, each with its path; null where there is one alone. */
function apart(level: Level, words: readonly Word[]): (readonly Word[])[] | null {
  const from = placeOf(level);
  const first = leafIn(from, words);
  if (first === null) return null;
  const found: (readonly Word[])[] = [];
  let rest = words;
  for (let end: number | null = first.end; end !== null; ) {
    found.push(rest.slice(0, end));
    rest = [...words.slice(0, first.path), ...rest.slice(end)];
    end = leafIn(from, rest)?.end ?? null;
  }
  return [...found, rest];
}
/** Words of the containers before a leaf, and up to the end of its value, where another statement of its container follows; else null. */
function leafIn(from: Place, words: readonly Word[]): { path: number; end: number } | null {
  const walked = walkWords(from, words);
  if (isFault(walked) || walked.leaf === null) return null;
  const { leaf, place } = walked;
  if (place.statement.layout === 'inline' || leaf.kind === 'values' || leaf.positional === true) return null;
  const path = walked.steps.flat().length;
  const end = path + (leaf.kind === 'flag' ? 1 : 2);
  const next = words[end];
  if (next === undefined || next.quoted) return null;
  const statement =
    findStatement(place.statement, next.text, false, place.wildcards) ?? keywordsLike(place, next.text)[0];
  return statement === undefined || statement === OTHER_STATEMENT ? null : { path, end };
}
function setOne(root: ConfigNode, level: Level, raw: RawStatement, options: BindOptions): LineFault | null {
  const walked = walkWords(placeOf(level), raw.words, options.typed);
  if (isFault(walked)) return walked;
  if (walked.list !== null && raw.list === null) return { column: null, message: 'missing argument.' };
  const words = [...levelWords(level), ...walked.words];
  if (words.length === 0) return { column: null, message: 'missing argument.' };
  const diagnostics: Diagnostic[] = [];
  // Nothing of a statement that is wrong is kept.
  const before = touched(root, words);
  const good = new Binder(diagnostics, options).bind(root, { ...raw, words }, [], false);
  if (!good) {
    before();
    return typedFault(diagnostics[0]!);
  }
  prune(root, words);
  return null;
}
/** How to take back what binding these words makes: the first block that is not there yet. */
function touched(root: ConfigNode, words: readonly Word[]): () => void {
  let node = root;
  let at = 0;
  for (;;) {
    const word = words[at];
    if (word === undefined) return () => {};
    const statement = findStatement(node.statement, word.text, word.quoted, true);
    if (statement === null || statement === OTHER_STATEMENT || isLeaf(statement)) return () => {};
    if (statement.bare !== true) at++;
    const key = statement.kind === 'list' ? (words[at++]?.text ?? null) : null;
    const child = node.find(statement, key);
    if (child === null) {
      const parent = node;
      return () => {
        const made = parent.find(statement, key);
        if (made !== null) parent.remove(made);
      };
    }
    node = child;
  }
}

/** `delete`. @returns whether anything was there */
export function deleteStatement(root: ConfigNode, level: Level, raw: RawStatement): boolean | LineFault {
  const walked = walkWords(placeOf(level), raw.words);
  if (isFault(walked)) return walked;
  const words = [...levelWords(level), ...walked.words];
  if (walked.list !== null) {
    // `delete client`: every entry.
    const parent = words.length === 1 ? { node: root } : locate(root, words.slice(0, -1));
    const count = parent?.node.children.length ?? 0;
    parent?.node.filter((one) => one.statement !== walked.list);
    const found = count !== (parent?.node.children.length ?? 0);
    if (found) prune(root, words.slice(0, -1));
    return found;
  }
  const found = locate(root, words);
  if (found === null) return false;
  const values = [...found.rest.map((one) => one.text), ...(raw.list ?? []).map((one) => one.text)];
  const { node, parent } = found;
  if (values.length > 0) {
    if (!values.every((value) => node.values.includes(value))) return false;
    node.values = node.values.filter((value) => !values.includes(value));
    if (node.values.length === 0) parent.remove(node);
  } else parent.remove(node);
  prune(root, words.slice(0, -1));
  return true;
}

/** The node that typed words name, walked with abbreviations. */
export function targetOf(
  root: ConfigNode,
  level: Level,
  words: readonly Word[],
): { parent: ConfigNode; node: ConfigNode; words: readonly Word[] } | LineFault {
  const walked = walkWords(placeOf(level), words);
  if (isFault(walked)) return walked;
  const whole = [...levelWords(level), ...walked.words];
  const found = locate(root, whole);
  if (found === null || found.rest.length > 0 || walked.list !== null)
    return { column: null, message: 'error: statement not found' };
  return { parent: found.parent, node: found.node, words: whole };
}

/** Where the second part of `rename`, `copy` and `insert` begins: beside the entry that the first one names (`… to client b`). */
export function besideLevel(level: Level, words: readonly Word[]): Level | null {
  const walked = walkWords(placeOf(level), words);
  return isFault(walked) || walked.steps.length === 0 ? null : [...level, ...walked.steps.slice(0, -1)];
}
/** Walks that second part: beside the entry, or from where the operator is. */
function walkBeside(
  level: Level,
  entry: readonly Word[],
  words: readonly Word[],
): { at: Level; walked: Walked } | LineFault {
  const beside = besideLevel(level, entry);
  if (beside !== null) {
    const walked = walkWords(placeOf(beside), words);
    if (!isFault(walked) && walked.steps.length === 1 && walked.leaf === null && walked.place.statement.kind === 'list')
      return { at: beside, walked };
  }
  const walked = walkWords(placeOf(level), words);
  return isFault(walked) ? walked : { at: level, walked };
}

/** `rename` and `copy` a list entry. */
export function copyEntry(
  root: ConfigNode,
  level: Level,
  from: readonly Word[],
  to: readonly Word[],
  rename: boolean,
): LineFault | null {
  const source = targetOf(root, level, from);
  if ('message' in source) return source;
  const { parent, node } = source;
  const second = walkBeside(level, from, to);
  if ('message' in second) return second;
  const { at, walked } = second;
  if (node.key === null || walked.leaf !== null || walked.list !== null)
    return { column: null, message: 'error: only an entry of a list has a name to change' };
  const target = [...levelWords(at), ...walked.words];
  const sameList =
    target.length === source.words.length && target.slice(0, -1).every((one, i) => one.text === source.words[i]!.text);
  if (!sameList) return { column: null, message: 'error: the target must be an entry of the same list' };
  const key = target.at(-1)!.text;
  const diagnostics: Diagnostic[] = [];
  const probe = new ConfigNode(ROOT_STATEMENT, null);
  if (
    !new Binder(diagnostics, { mode: 'set' }).bind(
      probe,
      { words: target, list: null, children: null, inactive: false, comment: null, tag: null },
      [],
      false,
    )
  )
    return typedFault(diagnostics[0]!);
  if (parent.find(node.statement, key) !== null)
    return { column: null, message: `error: target '${key}' already exists` };
  const copy = node.clone(key);
  if (rename) parent.replace(node, copy);
  else parent.add(copy);
  return null;
}

/** `insert ENTRY before|after ENTRY`. */
export function insertEntry(
  root: ConfigNode,
  level: Level,
  what: readonly Word[],
  where: 'before' | 'after',
  other: readonly Word[],
): LineFault | null {
  const source = targetOf(root, level, what);
  if ('message' in source) return source;
  const second = walkBeside(level, what, other);
  if ('message' in second) return second;
  const anchor = targetOf(root, second.at, other);
  if ('message' in anchor) return anchor;
  const { node, parent } = source;
  if (node.key === null || anchor.parent !== parent || anchor.node.statement !== node.statement)
    return { column: null, message: 'error: both must be entries of one list' };
  if (node.statement.sorted === true)
    return { column: null, message: `error: entries of '${node.statement.keyword}' stand in order of their names` };
  if (node === anchor.node) return null;
  const rest = parent.children.filter((one) => one !== node);
  const at = rest.indexOf(anchor.node) + (where === 'after' ? 1 : 0);
  rest.splice(at, 0, node);
  parent.children = rest;
  return null;
}

/**
 * `replace pattern`: puts `text` for what matches in names and values at and below a level; secrets and comments stay. In it
 * `\\1` is the first group. Nothing is changed where a name or value would not fit.
 * @param pattern with the flag g  @param most matches at most; null: all
 */
export function replacePattern(
  root: ConfigNode,
  level: Level,
  pattern: RegExp,
  text: string,
  most: number | null,
): LineFault | null {
  const path = nodesTo(root, level);
  if (path === null) return { column: null, message: 'error: statement not found' };
  const place = path.at(-1) ?? root;
  let left = most ?? Number.POSITIVE_INFINITY;
  let wrong: string | null = null;
  const swap = (value: string, type: ValueType | undefined): string => {
    const swapped = value.replace(pattern, (match, ...groups) =>
      match !== '' && left-- > 0 ? text.replace(/\\(\d)/g, (_, n) => String(groups[Number(n) - 1] ?? '')) : match,
    );
    if (swapped !== value && type !== undefined) wrong ??= checkValue(type, swapped);
    return swapped;
  };
  const renewed = (node: ConfigNode): ConfigNode => {
    const { statement, key } = node;
    const copy = node.clone(key === null ? null : swap(key, statement.key));
    if (!isSecret(node)) copy.values = node.values.map((value) => swap(value, statement.value));
    refill(copy, node.children.map(renewed));
    return copy;
  };
  const refill = (node: ConfigNode, children: readonly ConfigNode[]): void => {
    node.filter(() => false);
    for (const child of children) {
      if (node.find(child.statement, child.key) !== null) wrong ??= `target '${child.key}' already exists`;
      node.add(child);
    }
  };
  const children = place.children.map(renewed);
  const probe = new ConfigNode(place.statement, place.key);
  refill(probe, children);
  if (wrong !== null) return { column: null, message: `error: ${wrong}` };
  refill(place, children);
  return null;
}

/** `deactivate`, `activate`. */
export function setInactive(
  root: ConfigNode,
  level: Level,
  words: readonly Word[],
  inactive: boolean,
): LineFault | null {
  const target = targetOf(root, level, words);
  if ('message' in target) return target;
  const nodes = target.node.statement.layout === 'prefix' ? target.node.children : [target.node];
  for (const node of nodes) node.inactive = inactive;
  return null;
}
/** `annotate STATEMENT "text"`; an empty text takes it away. */
export function annotate(root: ConfigNode, level: Level, words: readonly Word[], text: string): LineFault | null {
  const target = targetOf(root, level, words);
  if ('message' in target) return target;
  const comment = text.replace(/^\/\*\s*|\s*\*\/$/g, '').replaceAll('*/', '* /');
  target.node.comment = text === '' ? null : comment;
  return null;
}

/** Executes one line of a text in set format. @returns what is wrong, null where it is done */
export function executeSetLine(root: ConfigNode, level: Level, line: string, options: BindOptions): LineFault | null {
  const { tokens, fault } = lexLine(line);
  if (fault !== null) return { column: fault.column - 1, message: fault.message };
  const [verb, ...rest] = tokens;
  if (verb === undefined) return null;
  const word = (text: string): number =>
    rest.findIndex((one) => one.kind === 'word' && !one.quoted && one.text === text);
  switch (verb.text) {
    case 'set': {
      const raw = typedStatement(rest);
      return 'message' in raw ? raw : setStatement(root, level, raw, options);
    }
    case 'delete': {
      const raw = typedStatement(rest);
      if ('message' in raw) return raw;
      if (raw.words.length === 0) return { column: null, message: 'missing argument.' };
      const done = deleteStatement(root, level, raw);
      return typeof done === 'boolean' ? null : done;
    }
    case 'deactivate':
    case 'activate':
      return setInactive(root, level, rest, verb.text === 'deactivate');
    case 'annotate':
      if (rest.length < 2) return { column: null, message: 'missing argument.' };
      return annotate(root, level, rest.slice(0, -1), rest.at(-1)!.text);
    case 'rename':
    case 'copy': {
      const at = word('to');
      if (at <= 0 || at === rest.length - 1) return { column: null, message: 'missing argument.' };
      return copyEntry(root, level, rest.slice(0, at), rest.slice(at + 1), verb.text === 'rename');
    }
    case 'insert': {
      const before = word('before');
      const at = before >= 0 ? before : word('after');
      if (at <= 0 || at === rest.length - 1) return { column: null, message: 'missing argument.' };
      return insertEntry(root, level, rest.slice(0, at), before >= 0 ? 'before' : 'after', rest.slice(at + 1));
    }
    case 'protect':
    case 'unprotect':
      return null;
    default:
      return { column: verb.column - 1, message: 'unknown command.' };
  }
}
