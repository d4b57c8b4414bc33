import { interfaceStatement, ROOT } from './schema.ts';
import { block, list, make, type Statement, TEXT } from './statement.ts';

/** Groups whose statements this place takes over, the first with priority; and those it does not. */
export const APPLY_GROUPS = make('apply-groups', 'values', 'Groups from which to inherit', { value: TEXT });
export const APPLY_GROUPS_EXCEPT = make('apply-groups-except', 'values', 'Groups from which not to inherit', {
  value: TEXT,
});
const GROUP_ENTRY = list('group', TEXT, 'A group of statements', ROOT, { bare: true });
export const GROUPS = block('groups', 'Statements to be inherited by apply-groups', [GROUP_ENTRY]);
/** The configuration as a whole. */
export const ROOT_STATEMENT: Statement = block('', 'The configuration', [ROOT[0]!, GROUPS, ...ROOT.slice(1)]);
/** A statement that is not declared: its key is all its words as they are printed. */
export const OTHER_STATEMENT: Statement = list('', TEXT, 'Another statement', [], { status: 'opaque', bare: true });

/** A statement of the configuration, bound to its declaration. */
export class ConfigNode {
  readonly statement: Statement;
  /** Key of a list entry. */
  readonly key: string | null;
  /** Value of a leaf, values of a list of values. */
  values: string[] = [];
  children: ConfigNode[] = [];
  inactive = false;
  comment: string | null = null;
  /** Where it was read, from 1; 0 for what was typed. */
  readonly line: number;
  readonly column: number;
  /** Taken from this group. */
  inheritedFrom: string | null = null;
  /** Children by statement and key, once there are many. */
  #index: Map<string, ConfigNode> | null = null;

  constructor(statement: Statement, key: string | null, at: { line: number; column: number } = NOWHERE) {
    this.statement = statement;
    this.key = key;
    this.line = at.line;
    this.column = at.column;
  }

  find(statement: Statement, key: string | null): ConfigNode | null {
    const { children } = this;
    if (children.length < INDEX_FROM) {
      for (const one of children) if (one.statement === statement && one.key === key) return one;
      return null;
    }
    if (this.#index === null) {
      this.#index = new Map();
      for (const one of children) this.#index.set(indexKey(one.statement, one.key), one);
    }
    return this.#index.get(indexKey(statement, key)) ?? null;
  }
  /** Adds a child behind the others. */
  add(child: ConfigNode): ConfigNode {
    this.children.push(child);
    this.#index?.set(indexKey(child.statement, child.key), child);
    return child;
  }
  remove(child: ConfigNode): void {
    const at = this.children.indexOf(child);
    if (at < 0) return;
    this.children.splice(at, 1);
    this.#index?.delete(indexKey(child.statement, child.key));
  }
  /** Puts `child` where `old` stands. */
  replace(old: ConfigNode, child: ConfigNode): void {
    this.children[this.children.indexOf(old)] = child;
    this.#index = null;
  }
  /** Keeps only what `keep` says. */
  filter(keep: (child: ConfigNode) => boolean): void {
    this.children = this.children.filter(keep);
    this.#index = null;
  }
  /** A copy of it and all below; with another key where one is given. */
  clone(key = this.key): ConfigNode {
    const copy = new ConfigNode(this.statement, key, this);
    copy.values = this.values.slice();
    copy.inactive = this.inactive;
    copy.comment = this.comment;
    copy.inheritedFrom = this.inheritedFrom;
    copy.children = this.children.map((one) => one.clone());
    return copy;
  }
  /** Names in `apply-groups` or `apply-groups-except` here, while active. */
  groupNames(statement: Statement): readonly string[] {
    const found = this.find(statement, null);
    return found === null || found.inactive ? [] : found.values;
  }
}
const NOWHERE = { line: 0, column: 0 };
const INDEX_FROM = 9;
const statementIds = new WeakMap<Statement, number>();
let nextStatementId = 0;
function indexKey(statement: Statement, key: string | null): string {
  let id = statementIds.get(statement);
  if (id === undefined) {
    id = nextStatementId++;
    statementIds.set(statement, id);
  }
  return key === null ? `${id}` : `${id} ${key}`;
}

export const newRoot = (): ConfigNode => new ConfigNode(ROOT_STATEMENT, null, { line: 1, column: 1 });

const keywords = new WeakMap<Statement, Map<string, Statement>>();
/** The declared statements of a block by keyword. */
export function childrenByKeyword(statement: Statement): ReadonlyMap<string, Statement> {
  let map = keywords.get(statement);
  if (map === undefined) {
    map = new Map((statement.children ?? []).filter((one) => one.positional !== true).map((one) => [one.keyword, one]));
    if (statement.kind === 'container' || statement.kind === 'list') {
      map.set(APPLY_GROUPS.keyword, APPLY_GROUPS);
      map.set(APPLY_GROUPS_EXCEPT.keyword, APPLY_GROUPS_EXCEPT);
    }
    keywords.set(statement, map);
  }
  return map;
}
/** Is it a block whose statements nobody declared? */
export const isOpaque = (statement: Statement): boolean =>
  statement === OTHER_STATEMENT || (statement.status === 'opaque' && statement.children === undefined);

/** The declaration of `word` in a block; null where there is none. `wildcards`: keys may be patterns, in a group. */
export function findStatement(parent: Statement, word: string, quoted: boolean, wildcards: boolean): Statement | null {
  if (!quoted) {
    const known = isOpaque(parent) ? undefined : childrenByKeyword(parent).get(word);
    if (known !== undefined && known.bare !== true) return known;
  }
  // Here a word is a name, in quotes or not.
  if (parent.keyword === 'interfaces' && parent.kind === 'container') return interfaceStatement(word, wildcards);
  if (parent === GROUPS) return GROUP_ENTRY;
  const positional = parent.children?.find((one) => one.positional === true);
  if (positional !== undefined) return positional;
  return parent.open !== undefined || isOpaque(parent) ? OTHER_STATEMENT : null;
}

const WORD = /^[^\s{};[\]"#\\]+$/;
/** A word as it is written in a file: in quotes where it must be, or where `quote` asks for it. */
export function quoteWord(text: string, quote = false): string {
  if (!quote && WORD.test(text) && !text.startsWith('/*')) return text;
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return `"${escaped}"`;
}

/** Words that lead from the parent to a node, as they are typed. */
export function nodeWords(node: ConfigNode): string[] {
  if (node.statement === OTHER_STATEMENT) return [node.key!];
  const words = node.statement.bare === true || node.statement.positional === true ? [] : [node.statement.keyword];
  if (node.key !== null) words.push(quoteWord(node.key));
  return words;
}
