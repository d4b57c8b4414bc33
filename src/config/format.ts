import { isSecret9 } from './secret9.ts';
import type { Statement } from './statement.ts';
import {
  APPLY_GROUPS,
  APPLY_GROUPS_EXCEPT,
  type ConfigNode,
  GROUPS,
  nodeWords,
  OTHER_STATEMENT,
  quoteWord,
  ROOT_STATEMENT,
} from './tree.ts';

const INDENT = '    ';
const SECRET_MARK = ' ## SECRET-DATA';

// Order: statements as they are declared, entries as the operator put them or by key, undeclared ones last.

const ranks = new WeakMap<Statement, Map<string, number>>();
function rankIn(parent: Statement, child: Statement): number {
  if (parent === ROOT_STATEMENT && child.keyword === 'version') return -4;
  if (child === GROUPS) return -3;
  if (child === APPLY_GROUPS) return -2;
  if (child === APPLY_GROUPS_EXCEPT) return -1;
  if (child === OTHER_STATEMENT) return Number.MAX_SAFE_INTEGER;
  let map = ranks.get(parent);
  if (map === undefined) {
    map = new Map((parent.children ?? []).map((one, i) => [one.keyword, i]));
    ranks.set(parent, map);
  }
  return map.get(child.keyword) ?? 0;
}
const collator = new Intl.Collator('en', { numeric: true });
function compareKeys(statement: Statement, a: string, b: string): number {
  if (statement.key!.type === 'uint') return Number(a) - Number(b);
  if (statement.bare === true) return collator.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}
/** The children of a node in the order in which they are shown. */
export function shownOrder(node: ConfigNode): readonly ConfigNode[] {
  const { children } = node;
  if (children.length < 2) return children;
  const ranked = children.map((child) => ({ child, rank: rankIn(node.statement, child.statement) }));
  ranked.sort((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    const { statement, key } = a.child;
    if (statement.sorted !== true || key === null || b.child.key === null) return 0;
    return compareKeys(statement, key, b.child.key);
  });
  return ranked.map((one) => one.child);
}

/** A value as it is written: secrets and sentences always in quotes. */
export function valueText(statement: Statement, value: string): string {
  return quoteWord(value, statement.value?.type === 'secret' || QUOTED.has(statement.keyword));
}
const QUOTED = new Set(['description', 'full-name']);

/** A leaf, flag or list of values as words, without the end. */
export function leafText(node: ConfigNode): string {
  const { statement, values } = node;
  const name = statement.positional === true ? '' : statement.keyword;
  const texts = values.map((value) => valueText(statement, value));
  const tail = texts.length > 1 ? `[ ${texts.join(' ')} ]` : (texts[0] ?? '');
  return name === '' ? tail : tail === '' ? name : `${name} ${tail}`;
}
export const isLeaf = ({ kind }: Statement): boolean => kind === 'leaf' || kind === 'values' || kind === 'flag';
/** Is it shown as `secret "…"; ## SECRET-DATA`? */
export const isSecret = (node: ConfigNode): boolean => node.statement.value?.type === 'secret';

/** Lines before a statement: what was annotated. */
function commentLines(comment: string, indent: string): string[] {
  const text = `/* ${comment.replaceAll('*/', '* /')} */`;
  return text.split('\n').map((line, i) => (i === 0 ? indent + line : line));
}
/** Words of an inline block: its own and those of its statements, on one line; null where that cannot say all. */
function inlineText(node: ConfigNode): string | null {
  if (node.statement.layout !== 'inline' || node.children.length === 0) return null;
  const parts = nodeWords(node);
  for (const child of shownOrder(node)) {
    if (child.inactive || child.comment !== null || !isLeaf(child.statement) || child.inheritedFrom !== null)
      return null;
    if (child.statement === APPLY_GROUPS || child.statement === APPLY_GROUPS_EXCEPT) return null;
    parts.push(leafText(child));
  }
  return parts.join(' ');
}

export interface CurlyOptions {
  /** Levels of indentation of the first statements. */
  readonly depth?: number;
  /** Say before each inherited statement where it comes from. */
  readonly inheritance?: boolean;
}

/** The statements below a node in curly format, a line each, without line ends. */
export function curlyLines(node: ConfigNode, options: CurlyOptions = {}): string[] {
  const lines: string[] = [];
  for (const child of shownOrder(node)) statementLines(child, options.depth ?? 0, '', lines, options, null);
  return lines;
}
/** One statement with all below in curly format. */
export function nodeLines(node: ConfigNode, depth: number): string[] {
  const lines: string[] = [];
  statementLines(node, depth, '', lines, {}, null);
  return lines;
}

function statementLines(
  node: ConfigNode,
  depth: number,
  prefix: string,
  out: string[],
  options: CurlyOptions,
  inherited: string | null,
): void {
  const { statement } = node;
  if (statement.layout === 'prefix' && prefix === '' && node.children.length > 0) {
    for (const child of shownOrder(node))
      statementLines(child, depth, `${statement.keyword} `, out, options, inherited);
    return;
  }
  const indent = INDENT.repeat(depth);
  if (options.inheritance === true && node.inheritedFrom !== null && node.inheritedFrom !== inherited)
    out.push(
      `${indent}##`,
      `${indent}## '${inheritedName(node)}' was inherited from group '${node.inheritedFrom}'`,
      `${indent}##`,
    );
  if (node.comment !== null) out.push(...commentLines(node.comment, indent));
  const start = `${indent}${node.inactive ? 'inactive: ' : ''}${prefix}`;
  if (isLeaf(statement)) {
    out.push(`${start}${leafText(node)};${isSecret(node) ? SECRET_MARK : ''}`);
    return;
  }
  const words = nodeWords(node).join(' ');
  if (node.children.length === 0) {
    out.push(`${start}${words};`);
    return;
  }
  const inline = options.inheritance === true ? null : inlineText(node);
  if (inline !== null) {
    out.push(`${start}${inline};`);
    return;
  }
  out.push(`${start}${words} {`);
  for (const child of shownOrder(node))
    statementLines(child, depth + 1, '', out, options, node.inheritedFrom ?? inherited);
  out.push(`${indent}}`);
}
const inheritedName = (node: ConfigNode): string => {
  if (isSecret(node)) return node.statement.keyword;
  return node.values[0] ?? node.key ?? node.statement.keyword;
};

/** A configuration as a text in curly format. */
export function formatCurly(node: ConfigNode, options: CurlyOptions = {}): string {
  const lines = curlyLines(node, options);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The statements below a node in set format. @param path words before each statement */
export function setLines(node: ConfigNode, path: readonly string[] = []): string[] {
  const lines: string[] = [];
  const marks: string[] = [];
  for (const child of shownOrder(node))
    setStatement(child, path.length === 0 ? '' : `${path.join(' ')} `, lines, marks);
  return [...lines, ...marks];
}
/** Marks of the containers around what is shown: which of them do not count, and the innermost one's comment. */
export function setMarks(path: readonly ConfigNode[]): string[] {
  const marks: string[] = [];
  const words: string[] = [];
  for (const [n, one] of path.entries()) {
    words.push(...nodeWords(one));
    if (one.inactive) marks.push(`deactivate ${words.join(' ')}`);
    if (n === path.length - 1 && one.comment !== null)
      marks.push(`annotate ${words.join(' ')} ${quoteWord(one.comment, true)}`);
  }
  return marks;
}
function setStatement(node: ConfigNode, path: string, out: string[], marks: string[]): void {
  const { statement } = node;
  const words = nodeWords(node).join(' ');
  const here = `${path}${words}`;
  if (node.inactive) marks.push(`deactivate ${here}`);
  if (node.comment !== null) marks.push(`annotate ${here} ${quoteWord(node.comment, true)}`);
  if (isLeaf(statement)) {
    if (node.values.length === 0) out.push(`set ${here}`);
    for (const value of node.values) {
      const text = valueText(statement, value);
      out.push(`set ${here}${words === '' ? '' : ' '}${text}`);
    }
    return;
  }
  if (statement === OTHER_STATEMENT && node.key!.endsWith(' ]')) {
    // One line an element.
    const open = node.key!.lastIndexOf('[ ');
    for (const element of node.key!.slice(open + 2, -2).split(' '))
      out.push(`set ${path}${node.key!.slice(0, open)}${element}`);
    return;
  }
  if (node.children.length === 0) {
    out.push(`set ${here}`);
    return;
  }
  if (statement.presence === true && node.children.every((one) => one.inactive)) out.push(`set ${here}`);
  for (const child of shownOrder(node)) setStatement(child, `${here} `, out, marks);
}

/** Does a secret stand in clear in it? Those that are kept never do. */
export const isClearSecret = (node: ConfigNode): boolean => isSecret(node) && !isSecret9(node.values[0] ?? '$9$');
