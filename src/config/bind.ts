import { parseIpv4, parseIpv6 } from '../wire/address.ts';
import { parseCurly, type RawStatement, type Word } from './parse.ts';
import { interfaceStatement, ROOT, type Statement, type ValueType } from './schema.ts';
import { decodeSecret9, isSecret9 } from './secret9.ts';
import type { Diagnostic } from './types.ts';

/** A statement of the configuration, bound to its declaration. */
export interface ConfigNode {
  readonly statement: Statement;
  /** Key of a list entry. */
  readonly key: string | null;
  /** Value of a leaf, values of a list of values. */
  values: string[];
  readonly children: ConfigNode[];
  inactive: boolean;
  comment: string | null;
  readonly line: number;
  readonly column: number;
  /** Taken from this group. */
  inheritedFrom: string | null;
  /** apply-groups, apply-groups-except at this level. */
  applyGroups: string[];
  exceptGroups: string[];
}

export interface ConfigTree {
  readonly root: ConfigNode;
  readonly groups: ReadonlyMap<string, ConfigNode>;
  readonly diagnostics: Diagnostic[];
  /** The text could not be read to its end. */
  readonly cutOff: boolean;
}

const ROOT_STATEMENT: Statement = {
  keyword: '',
  kind: 'container',
  status: 'honoured',
  description: '',
  children: ROOT,
};
/** Any other statement where a router has many that are none of L2TP's. */
const OTHER_STATEMENT: Statement = {
  keyword: '',
  kind: 'list',
  key: { type: 'text', max: 63 },
  status: 'opaque',
  description: 'Another statement',
};

const newNode = (statement: Statement, key: string | null, at: { line: number; column: number }): ConfigNode => ({
  statement,
  key,
  values: [],
  children: [],
  inactive: false,
  comment: null,
  line: at.line,
  column: at.column,
  inheritedFrom: null,
  applyGroups: [],
  exceptGroups: [],
});

const SECRETS = new Set(['chap-secret', 'pap-password', 'shared-secret', 'secret']);
/** Words of a statement for a message: what stands behind a secret's keyword is not shown. */
function withoutSecrets(words: readonly Word[]): string {
  const secret = words.findIndex((word) => !word.quoted && SECRETS.has(word.text));
  const shown = secret < 0 || secret === words.length - 1 ? words : words.slice(0, secret + 1);
  const text = shown.map((word) => word.text).join(' ');
  return shown.length === words.length ? text : `${text} ...`;
}

/** Does `value` fit? @returns null, or what is wrong in Junos' words */
export function checkValue(type: ValueType, value: string): string | null {
  switch (type.type) {
    case 'uint':
    case 'int': {
      const number = /^-?\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
      if (Number.isNaN(number)) return `invalid value '${value}': a number is expected`;
      if (number < type.min || number > type.max)
        return `value ${value} is not within range (${type.min}..${type.max})`;
      return null;
    }
    case 'text':
      if (value.length === 0 || value.length > type.max)
        return type.message ?? `Must be a string of ${type.max} characters or less`;
      return type.pattern === undefined || type.pattern.test(value)
        ? null
        : (type.message ?? `invalid value '${value}'`);
    case 'secret': {
      if (value.length === 0) return 'the secret is empty';
      const octets = isSecret9(value) ? decodedLength(value) : value.length;
      return octets <= type.max ? null : `Must be a string of ${type.max} characters or less`;
    }
    case 'size': {
      const octets = parseSize(value);
      if (octets === null) return `invalid value '${value}': a size is expected, as 128k or 1m`;
      return octets >= type.min && octets <= type.max
        ? null
        : `value ${value} is not within range (${formatSize(type.min)}..${formatSize(type.max)})`;
    }
    case 'regex':
      if (value.length === 0 || value.length > type.max) return `Must be a string of ${type.max} characters or less`;
      return isRegex(value) ? null : `invalid value '${value}': a regular expression is expected`;
    case 'prefix6': {
      const [address, length, ...rest] = value.split('/');
      const good = parseIpv6(address ?? '') !== null && rest.length === 0;
      return good && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= 128))
        ? null
        : `invalid value '${value}': an IPv6 prefix is expected`;
    }
    case 'ipv4':
      return parseIpv4(value) === null ? `invalid value '${value}': an IPv4 address is expected` : null;
    case 'address':
      return parseIpv4(value) === null && parseIpv6(value) === null
        ? `invalid value '${value}': an address is expected`
        : null;
    case 'prefix4':
      return parsePrefix(value) === null ? `invalid value '${value}': an IPv4 prefix is expected` : null;
    case 'enum':
      return type.values.includes(value)
        ? null
        : `invalid value '${value}': one of ${type.values.join(', ')} is expected`;
  }
}
/** Of a `$9$` secret; 0 where it is none, which the checks say. */
function decodedLength(secret: string): number {
  try {
    return decodeSecret9(secret).length;
  } catch {
    return 0;
  }
}
/** "128k", "1m", "1g" or octets alone; null where it is none. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,12})([kmg]?)$/.exec(text);
  return match === null ? null : Number(match[1]) * 1024 ** ['', 'k', 'm', 'g'].indexOf(match[2]!);
}
const formatSize = (octets: number): string => {
  const power = [3, 2, 1].find((one) => octets % 1024 ** one === 0) ?? 0;
  return `${octets / 1024 ** power}${['', 'k', 'm', 'g'][power]}`;
};
function isRegex(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
/** "192.0.2.0/24" or an address alone. */
export function parsePrefix(text: string): { address: number; length: number } | null {
  const [address, length, ...rest] = text.split('/');
  const value = parseIpv4(address ?? '');
  if (value === null || rest.length > 0) return null;
  if (length === undefined) return { address: value, length: 32 };
  if (!/^\d{1,2}$/.test(length) || Number(length) > 32) return null;
  return { address: value, length: Number(length) };
}

/** Parses a configuration and binds every statement to its declaration. Never throws. */
export function parseConfig(text: string): ConfigTree {
  const diagnostics: Diagnostic[] = [];
  const { statements, fault } = parseCurly(text);
  const root = newNode(ROOT_STATEMENT, null, { line: 1, column: 1 });
  const groups = new Map<string, ConfigNode>();
  const binder = new Binder(diagnostics);
  for (const statement of statements) {
    if (statement.words[0]!.text === 'groups' && statement.children !== null && statement.words.length === 1) {
      for (const group of statement.children) {
        const name = group.words[0]!.text;
        const node = groups.get(name) ?? newNode(ROOT_STATEMENT, null, group.words[0]!);
        groups.set(name, node);
        node.inactive = group.inactive || statement.inactive;
        new Binder(diagnostics, true).block(node, group.children ?? [], ['groups', name]);
      }
    } else binder.bind(root, statement, []);
  }
  if (fault !== null)
    diagnostics.push({
      severity: 'error',
      line: fault.line,
      column: fault.column,
      path: fault.path,
      statement: fault.token,
      message: fault.message,
      syntax: true,
    });
  const tree = { root, groups, diagnostics, cutOff: fault !== null };
  inherit(tree);
  return tree;
}

class Binder {
  readonly #diagnostics: Diagnostic[];
  /** Keys may be patterns: `<*>`. */
  readonly #wildcards: boolean;
  constructor(diagnostics: Diagnostic[], wildcards = false) {
    this.#diagnostics = diagnostics;
    this.#wildcards = wildcards;
  }
  #error(at: Word, path: readonly string[], statement: string, message: string): void {
    this.#diagnostics.push({
      severity: 'error',
      line: at.line,
      column: at.column,
      path,
      statement,
      message,
      syntax: true,
    });
  }

  block(parent: ConfigNode, statements: readonly RawStatement[], path: readonly string[]): void {
    for (const statement of statements) this.bind(parent, statement, path);
  }

  /** Binds one statement: `a b c x;` is the same as `a { b { c x; } }`. */
  bind(parent: ConfigNode, raw: RawStatement, path: readonly string[]): void {
    let node = parent;
    let here = [...path];
    let at = 0;
    const { words } = raw;
    const written = `${withoutSecrets(words)}${raw.children === null ? ';' : ''}`;
    while (at < words.length) {
      const word = words[at]!;
      if (!word.quoted && (word.text === 'apply-groups' || word.text === 'apply-groups-except')) {
        const names = [...words.slice(at + 1), ...(raw.list ?? [])].map((one) => one.text);
        if (names.length === 0) this.#error(word, here, written, 'missing argument.');
        const list = word.text === 'apply-groups' ? node.applyGroups : node.exceptGroups;
        for (const name of names) list.push(name);
        return;
      }
      const statement = this.#find(node, word);
      if (statement === null) {
        // Behind a mistyped keyword there may be a secret, and an unquoted secret may have a second word.
        const ofSecret = words.slice(0, at).some((one) => SECRETS.has(one.text));
        const shown = ofSecret ? '...' : word.text;
        const rest = words.slice(at + 1);
        const safe = !ofSecret && (rest.length === 0 || (here[0] !== 'access' && !rest.some((one) => one.quoted)));
        const known = words.slice(0, at).map((one) => one.text);
        const hidden = [...(ofSecret ? [withoutSecrets(words)] : [...known, word.text, '...'])].join(' ');
        this.#error(word, here, safe ? written : hidden, `syntax error: ${shown}`);
        return;
      }
      if (statement.status === 'opaque') {
        // Another part of a router: kept by name alone.
        const key = statement.kind === 'list' ? word.text : null;
        if (!node.children.some((child) => child.statement === statement && child.key === key)) {
          const child = newNode(statement, key, word);
          child.inactive = raw.inactive;
          node.children.push(child);
        }
        return;
      }
      const isInterface = statement.bare === true;
      if (!isInterface && !(statement.positional === true && word.text !== statement.keyword)) at++;
      let key: string | null = null;
      if (statement.kind === 'list') {
        const keys = at < words.length ? [words[at]!] : (raw.list ?? []);
        if (keys.length === 0) {
          this.#error(word, here, written, 'missing argument.');
          return;
        }
        if (at >= words.length && keys.length > 0) {
          // `flag [ a b ];` is an entry each.
          for (const one of keys) this.#entry(node, statement, one, here, raw);
          return;
        }
        const keyWord = words[at++]!;
        if (!this.#validKey(statement, keyWord, here, written)) return;
        key = keyWord.text;
      }
      const child = this.#child(node, statement, key, word);
      if (raw.comment !== null) child.comment = raw.comment;
      here = [...here, isInterface ? key! : key === null ? statement.keyword : `${statement.keyword} ${key}`];
      if (statement.kind === 'leaf' || statement.kind === 'values' || statement.kind === 'flag') {
        const level = path.length === 0 ? here : here.slice(0, -1);
        const rest = words.slice(at);
        // `address-range low A high B;`: what follows a value belongs to the same block.
        const own =
          raw.list !== null || statement.kind === 'values' ? rest : rest.slice(0, statement.kind === 'leaf' ? 1 : 0);
        if (!this.#values(child, [...own, ...(raw.list ?? [])], raw, word, level, written)) {
          node.children.splice(node.children.indexOf(child), 1);
          return;
        }
        child.inactive = raw.inactive;
        at += own.length;
        here = level;
        continue;
      }
      if (at === words.length) {
        child.inactive = raw.inactive;
        if (raw.list !== null) {
          this.#error(word, here, written, 'syntax error');
          return;
        }
      }
      node = child;
    }
    if (raw.children !== null) this.block(node, raw.children, here);
  }

  #entry(node: ConfigNode, statement: Statement, key: Word, path: readonly string[], raw: RawStatement): void {
    if (!this.#validKey(statement, key, path, `${statement.keyword} ${key.text}`)) return;
    this.#child(node, statement, key.text, key).inactive = raw.inactive;
  }
  #validKey(statement: Statement, word: Word, path: readonly string[], written: string): boolean {
    if (this.#wildcards && /^<.*>$/.test(word.text)) return true;
    const wrong = checkValue(statement.key!, word.text);
    if (wrong === null) return true;
    this.#error(word, path, written, wrong);
    return false;
  }

  #find(node: ConfigNode, word: Word): Statement | null {
    if (word.quoted) return null;
    if (node.statement.keyword === 'interfaces' && node.statement.kind === 'container')
      return interfaceStatement(word.text, this.#wildcards);
    const found = node.statement.children?.find((one) => one.keyword === word.text);
    const positional = node.statement.children?.find((one) => one.positional === true);
    return found ?? positional ?? (node.statement.open === true ? OTHER_STATEMENT : null);
  }

  #child(node: ConfigNode, statement: Statement, key: string | null, at: Word): ConfigNode {
    const known = node.children.find((one) => one.statement === statement && one.key === key);
    if (known !== undefined) return known;
    const child = newNode(statement, key, at);
    node.children.push(child);
    return child;
  }

  #values(
    child: ConfigNode,
    values: readonly Word[],
    raw: RawStatement,
    word: Word,
    path: readonly string[],
    written: string,
  ): boolean {
    const { statement } = child;
    if (raw.children !== null) {
      this.#error(word, path, written, `syntax error: ${statement.keyword} has no block`);
      return false;
    }
    if (statement.kind === 'flag' && values.length === 0) return true;
    if (values.length === 0) {
      this.#error(word, path, written, 'missing argument.');
      return false;
    }
    if (statement.kind === 'flag' || (statement.kind === 'leaf' && values.length > 1)) {
      const extra = values[statement.kind === 'flag' ? 0 : 1]!;
      this.#error(extra, path, written, `syntax error: ${extra.text}`);
      return false;
    }
    for (const value of values) {
      const wrong = checkValue(statement.value!, value.text);
      if (wrong !== null) {
        this.#error(value, path, written, wrong);
        return false;
      }
    }
    child.values = values.map((value) => value.text);
    return true;
  }
}

// Groups (apply-groups): the first named has priority, and what stands in the place itself wins over all.

function inherit(tree: ConfigTree): void {
  const walk = (node: ConfigNode, sources: readonly { name: string; node: ConfigNode }[]): void => {
    let active = sources.filter((source) => !node.exceptGroups.includes(source.name));
    for (const name of node.applyGroups) {
      const group = tree.groups.get(name);
      if (group === undefined) {
        tree.diagnostics.push({
          severity: 'error',
          line: node.line,
          column: node.column,
          path: [],
          statement: `apply-groups ${name}`,
          message: `group '${name}' is not defined`,
          syntax: false,
        });
        continue;
      }
      if (group.inactive) continue;
      const at = descend(group, pathTo.get(node) ?? []);
      active = [...active, ...at.map((one) => ({ name, node: one }))];
    }
    for (const { name, node: source } of active) merge(node, source, name);
    for (const child of node.children) {
      pathTo.set(child, [...(pathTo.get(node) ?? []), child]);
      const below = active.flatMap(({ name, node: source }) =>
        source.children.filter((one) => matches(one, child)).map((one) => ({ name, node: one })),
      );
      walk(child, below);
    }
  };
  const pathTo = new Map<ConfigNode, ConfigNode[]>();
  walk(tree.root, []);
}
/** Nodes of a group that stand at the place of `path`. */
function descend(group: ConfigNode, path: readonly ConfigNode[]): ConfigNode[] {
  let nodes = [group];
  for (const step of path) nodes = nodes.flatMap((node) => node.children.filter((child) => matches(child, step)));
  return nodes;
}
function matches(pattern: ConfigNode, node: ConfigNode): boolean {
  if (pattern.statement.keyword !== node.statement.keyword) return false;
  if (pattern.key === null || node.key === null) return pattern.key === node.key;
  const wildcard = /^<(.*)>$/.exec(pattern.key);
  if (wildcard === null) return pattern.key === node.key;
  return globMatches(wildcard[1]!, node.key);
}
/** `*` for any characters, `?` for one; no more than pattern times text steps. */
function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let star = -1;
  let resume = 0;
  for (let t = 0; t < text.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
function merge(node: ConfigNode, source: ConfigNode, group: string): void {
  for (const child of source.children) {
    if (child.inactive) continue;
    if (child.key !== null && /^<.*>$/.test(child.key)) continue; // a pattern matches, it makes nothing
    if (node.children.some((own) => own.statement === child.statement && own.key === child.key)) continue;
    const choice = child.statement.choice;
    if (choice !== undefined && node.children.some((own) => own.statement.choice === choice)) continue;
    node.children.push(clone(child, group));
  }
}
function clone(node: ConfigNode, group: string): ConfigNode {
  return {
    ...node,
    values: [...node.values],
    children: node.children
      .filter((child) => !(child.key !== null && /^<.*>$/.test(child.key)))
      .map((child) => clone(child, group)),
    inheritedFrom: group,
  };
}
