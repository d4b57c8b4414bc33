import type { Statement } from './statement.ts';
import { APPLY_GROUPS, APPLY_GROUPS_EXCEPT, ConfigNode, childrenByKeyword, GROUPS } from './tree.ts';
import type { Diagnostic } from './types.ts';

// Groups (apply-groups): the first named has priority, and what stands in the place itself wins over all.

interface Source {
  readonly name: string;
  readonly node: ConfigNode;
}
const PATTERN = /^<(.*)>$/;
const isPattern = (node: ConfigNode): boolean => node.key !== null && PATTERN.test(node.key);

/** The configuration as it counts: a copy with the groups' statements in their places, and without the groups. */
export function expandGroups(root: ConfigNode, diagnostics: Diagnostic[]): ConfigNode {
  const groups = new Map<string, ConfigNode>();
  const declared = root.find(GROUPS, null);
  if (declared !== null && !declared.inactive)
    for (const group of declared.children) if (group.key !== null) groups.set(group.key, group);
  const expanded = new ConfigNode(root.statement, null, root);
  for (const child of root.children) if (child.statement !== GROUPS) expanded.add(child.clone());
  walk(expanded, [], [], groups, diagnostics);
  return expanded;
}

function walk(
  node: ConfigNode,
  sources: readonly Source[],
  path: readonly ConfigNode[],
  groups: ReadonlyMap<string, ConfigNode>,
  diagnostics: Diagnostic[],
): void {
  let active = sources;
  if (node.children.length > 0) {
    const except = node.groupNames(APPLY_GROUPS_EXCEPT);
    if (except.length > 0) active = active.filter((source) => !except.includes(source.name));
    for (const name of node.groupNames(APPLY_GROUPS)) {
      const group = groups.get(name);
      if (group === undefined)
        diagnostics.push({
          severity: 'error',
          line: node.line,
          column: node.column,
          path: [],
          statement: `apply-groups ${name}`,
          message: `group '${name}' is not defined`,
          syntax: false,
        });
      else if (!group.inactive) active = [...active, ...descend(group, path).map((one) => ({ name, node: one }))];
    }
    if (node.find(APPLY_GROUPS, null) !== null || node.find(APPLY_GROUPS_EXCEPT, null) !== null)
      node.filter((one) => one.statement !== APPLY_GROUPS && one.statement !== APPLY_GROUPS_EXCEPT);
  }
  for (const { name, node: source } of active) merge(node, source, name);
  for (const child of node.children) {
    const below = active.flatMap(({ name, node: source }) =>
      matching(source, child).map((one) => ({ name, node: one })),
    );
    if (below.length > 0 || child.children.length > 0) walk(child, below, [...path, child], groups, diagnostics);
  }
}
/** Nodes of a group that stand at the place of `path`. */
function descend(group: ConfigNode, path: readonly ConfigNode[]): ConfigNode[] {
  let nodes = [group];
  for (const step of path) nodes = nodes.flatMap((node) => matching(node, step));
  return nodes;
}
const patterns = new WeakMap<ConfigNode, ConfigNode[]>();
/** Children of a group's node that mean `child`: by name, or by pattern. */
function matching(source: ConfigNode, child: ConfigNode): ConfigNode[] {
  if (source.children.length === 0) return [];
  if (child.key === null) {
    const found =
      source.find(child.statement, null) ??
      source.children.find((one) => one.key === null && one.statement.keyword === child.statement.keyword);
    return found === undefined || found.inactive ? [] : [found];
  }
  let wild = patterns.get(source);
  if (wild === undefined) {
    wild = source.children.filter(isPattern);
    patterns.set(source, wild);
  }
  const exact = source.find(child.statement, child.key);
  const found = wild.filter(
    (one) =>
      one.statement.keyword === child.statement.keyword &&
      !one.inactive &&
      globMatches(PATTERN.exec(one.key!)![1]!, child.key!),
  );
  return exact === null || exact.inactive || found.includes(exact) ? found : [exact, ...found];
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
    if (child.inactive || isPattern(child)) continue; // a pattern matches, it makes nothing
    if (child.statement === APPLY_GROUPS || child.statement === APPLY_GROUPS_EXCEPT) continue;
    const statement = declarationAt(node, child);
    if (statement === null || node.find(statement, child.key) !== null) continue;
    const { choice } = statement;
    if (choice !== undefined && node.children.some((own) => own.statement.choice === choice)) continue;
    node.add(inherited(child, statement, group));
  }
}
/** What `child` of a group is called in `node`: a pattern of interfaces meets interfaces of every kind. */
function declarationAt(node: ConfigNode, child: ConfigNode): Statement | null {
  if (node.statement.children?.includes(child.statement) === true || child.statement.bare === true)
    return child.statement;
  return childrenByKeyword(node.statement).get(child.statement.keyword) ?? null;
}
function inherited(node: ConfigNode, statement: Statement, group: string): ConfigNode {
  const copy = new ConfigNode(statement, node.key, node);
  copy.values = node.values.slice();
  copy.comment = node.comment;
  copy.inheritedFrom = group;
  for (const child of node.children) {
    if (isPattern(child) || child.inactive) continue;
    const own = declarationAt(copy, child);
    if (own !== null) copy.add(inherited(child, own, group));
  }
  return copy;
}
