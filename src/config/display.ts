import { isLeaf, shownOrder } from './format.ts';
import { APPLY_GROUPS, APPLY_GROUPS_EXCEPT, type ConfigNode, GROUPS, OTHER_STATEMENT } from './tree.ts';

/** Release whose formats these are. */
const RELEASE = '9.4R1';
const INDENT = '    ';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** Characters that XML 1.0 cannot carry are shown as a question mark. */
export const escapeXml = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is meant
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '?')
    .replace(/[&<>"]/g, (c) => ENTITIES[c]!);

/** An undeclared statement: `a b c x` as elements in elements. A word that cannot be a name is the text. */
const isName = (word: string): boolean => /^[A-Za-z_][\w.-]*$/.test(word);
/** The words of an undeclared statement; quotes undone. */
function otherWords(key: string): string[] {
  return [...key.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)]
    .map(([word, quoted]) => (quoted === undefined ? word : quoted.replace(/\\(.)/g, '$1')))
    .filter((word) => word !== '[' && word !== ']');
}

const markOf = (node: ConfigNode): string => (node.inactive ? ' inactive="inactive"' : '');
function commentLine(node: ConfigNode, indent: string, out: string[]): void {
  if (node.comment !== null) out.push(`${indent}<junos:comment>/* ${escapeXml(node.comment)} */</junos:comment>`);
}
function xmlLines(node: ConfigNode, depth: number, out: string[]): void {
  const { statement } = node;
  const indent = INDENT.repeat(depth);
  if (statement === GROUPS) {
    for (const group of node.children) element('groups', group, depth, out, node.inactive);
    return;
  }
  commentLine(node, indent, out);
  if (statement === OTHER_STATEMENT) {
    const words = otherWords(node.key!);
    const name = isName(words[0]!) ? words[0]! : 'undocumented';
    const text = (name === words[0] ? words.slice(1) : words).map(escapeXml).join(' ');
    const mark = markOf(node);
    if (node.children.length === 0)
      out.push(text === '' ? `${indent}<${name}${mark}/>` : `${indent}<${name}${mark}>${text}</${name}>`);
    else {
      out.push(`${indent}<${name}${mark}>`);
      if (text !== '') out.push(`${indent}${INDENT}<name>${text}</name>`);
      for (const child of shownOrder(node)) xmlLines(child, depth + 1, out);
      out.push(`${indent}</${name}>`);
    }
    return;
  }
  if (isLeaf(statement)) {
    const mark = markOf(node);
    if (node.values.length === 0) out.push(`${indent}<${statement.keyword}${mark}/>`);
    for (const value of node.values)
      out.push(`${indent}<${statement.keyword}${mark}>${escapeXml(value)}</${statement.keyword}>`);
    return;
  }
  element(statement.keyword, node, depth, out, false);
}
function element(name: string, node: ConfigNode, depth: number, out: string[], inactive: boolean): void {
  const indent = INDENT.repeat(depth);
  const mark = node.inactive || inactive ? ' inactive="inactive"' : '';
  if (node.key === null && node.children.length === 0) {
    out.push(`${indent}<${name}${mark}>`, `${indent}</${name}>`);
    return;
  }
  out.push(`${indent}<${name}${mark}>`);
  if (node.key !== null) {
    const key = node.statement.keyName ?? 'name';
    out.push(`${indent}${INDENT}<${key}>${escapeXml(node.key)}</${key}>`);
  }
  for (const child of shownOrder(node)) xmlLines(child, depth + 1, out);
  out.push(`${indent}</${name}>`);
}

/** Names of the containers around what is shown, outermost first, and the keys of those that are entries. */
export type DisplayPath = readonly ConfigNode[];

/**
 * `| display xml`: the configuration, or the part below `path`, in its containers.
 * @param changed when it was last changed or committed
 */
export function formatXml(node: ConfigNode, path: DisplayPath, changed: Date | null, level: string): string {
  const seconds =
    changed === null
      ? ''
      : ` junos:changed-seconds="${Math.floor(changed.getTime() / 1000)}" junos:changed-localtime="${localTime(changed)}"`;
  const out: string[] = [
    `<rpc-reply xmlns:junos="http://xml.juniper.net/junos/${RELEASE}/junos">`,
    `${INDENT}<configuration${seconds}>`,
  ];
  const closing: string[] = [];
  let depth = 2;
  for (const one of path) {
    const indent = INDENT.repeat(depth);
    const name = one.statement.keyword;
    if (one === path.at(-1)) commentLine(one, indent, out);
    out.push(`${indent}<${name}${markOf(one)}>`);
    if (one.key !== null) out.push(`${indent}${INDENT}<name>${escapeXml(one.key)}</name>`);
    closing.unshift(`${indent}</${name}>`);
    depth++;
  }
  for (const child of shownOrder(node)) xmlLines(child, depth, out);
  out.push(
    ...closing,
    `${INDENT}</configuration>`,
    `${INDENT}<cli>`,
    `${INDENT}${INDENT}<banner>${escapeXml(level)}</banner>`,
    `${INDENT}</cli>`,
    '</rpc-reply>',
  );
  return `${out.join('\n')}\n`;
}
/** "2026-05-12 08:14:31 UTC". */
export const localTime = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;

type Json = null | string | number | boolean | Json[] | { [key: string]: Json };
/** An object whose keys are any words, `__proto__` among them. */
const newObject = (): { [key: string]: Json } => Object.create(null) as { [key: string]: Json };

function jsonMeta(node: ConfigNode, comment: boolean, into: { [key: string]: Json }): void {
  const meta = newObject();
  if (node.inactive) meta.inactive = true;
  if (comment && node.comment !== null) meta.comment = `/* ${node.comment} */`;
  if (Object.keys(meta).length > 0) into['@'] = meta;
}
function jsonBlock(node: ConfigNode, into: { [key: string]: Json }): void {
  jsonMeta(node, true, into);
  if (node.key !== null && node.statement !== OTHER_STATEMENT)
    into[node.statement.keyName ?? 'name'] = node.statement.key?.type === 'uint' ? Number(node.key) : node.key;
  for (const child of shownOrder(node)) jsonStatement(child, into);
}
function jsonStatement(node: ConfigNode, into: { [key: string]: Json }): void {
  const { statement } = node;
  if (statement === GROUPS) {
    into.groups = node.children.map((group) => jsonObject(group));
    return;
  }
  if (isLeaf(statement)) {
    const values = node.values.map((value) => jsonValue(node, value));
    into[statement.keyword] = statement.kind === 'flag' ? [null] : statement.kind === 'values' ? values : values[0]!;
    if (node.inactive || node.comment !== null) {
      const meta = newObject();
      if (node.inactive) meta.inactive = true;
      if (node.comment !== null) meta.comment = `/* ${node.comment} */`;
      into[`@${statement.keyword}`] = meta;
    }
    return;
  }
  if (statement === OTHER_STATEMENT) {
    const [name, ...rest] = otherWords(node.key!);
    const object = node.children.length > 0 ? jsonObject(node) : newObject();
    if (rest.length > 0 && node.children.length > 0) object.name = rest.join(' ');
    const value: Json = node.children.length > 0 ? object : rest.length > 0 ? rest.join(' ') : null;
    const known = into[name!];
    into[name!] = Array.isArray(known) ? [...known, value] : [value];
    return;
  }
  if (statement.kind === 'list') {
    const known = into[statement.keyword];
    const object = jsonObject(node);
    if (Array.isArray(known)) known.push(object);
    else into[statement.keyword] = [object];
    return;
  }
  // A container that is there and says no more.
  into[statement.keyword] =
    node.children.length === 0 && !node.inactive && node.comment === null ? newObject() : jsonObject(node);
}
function jsonObject(node: ConfigNode): { [key: string]: Json } {
  const object = newObject();
  jsonBlock(node, object);
  return object;
}
function jsonValue(node: ConfigNode, value: string): Json {
  const type = node.statement.value?.type;
  return type === 'uint' || type === 'int' ? Number(value) : value;
}
/** `| display json`. */
export function formatJson(node: ConfigNode, path: DisplayPath, changed: Date | null): string {
  const root = newObject();
  if (changed !== null) {
    const meta = newObject();
    meta['junos:changed-seconds'] = String(Math.floor(changed.getTime() / 1000));
    meta['junos:changed-localtime'] = localTime(changed);
    root['@'] = meta;
  }
  let at = root;
  for (const one of path) {
    const object = newObject();
    jsonMeta(one, one === path.at(-1), object);
    at[one.statement.keyword] = one.key === null ? object : [object];
    if (one.key !== null) object[one.statement.keyName ?? 'name'] = one.key;
    at = object;
  }
  for (const child of shownOrder(node)) jsonStatement(child, at);
  const whole = newObject();
  whole.configuration = root;
  return `${JSON.stringify(whole, null, 4)}\n`;
}

/** Statements that only the language knows. */
export const isApplyGroups = (node: ConfigNode): boolean =>
  node.statement === APPLY_GROUPS || node.statement === APPLY_GROUPS_EXCEPT;
