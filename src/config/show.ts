import { compareTrees } from './compare.ts';
import { formatJson, formatXml } from './display.ts';
import { type Level, nodesTo } from './edit.ts';
import { curlyLines, setLines, setMarks } from './format.ts';
import { expandGroups } from './inherit.ts';
import type { Statement } from './statement.ts';
import { type ConfigNode, nodeWords } from './tree.ts';

/** What `show` shows. */
export interface Shown {
  readonly root: ConfigNode;
  readonly level: Level;
  /** One of the level's statements (`show hello-interval`); null: all. */
  readonly only: Statement | null;
  readonly changed: Date;
  /** Behind `##` in the first line of the whole. */
  readonly head: string;
  readonly banner: string;
}
const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
const KINDS = ['inheritance', 'json', 'set', 'xml'] as const;

/** What the `| display`s of a line ask for; the number of the first that makes no sense beside the others. */
function displaysOf(
  displays: readonly (readonly string[])[],
): { format: string; relative: boolean; inheritance: boolean } | number {
  const found = { format: 'curly', relative: false, inheritance: false };
  for (const [n, [word, option, ...more]] of displays.entries()) {
    const kinds = KINDS.filter((kind) => word !== undefined && word !== '' && kind.startsWith(word));
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1 || more.length > 0) return n;
    if (option !== undefined && !(kind === 'set' && 'relative'.startsWith(option))) return n;
    if (kind === 'inheritance') found.inheritance = true;
    else if (found.format !== 'curly') return n;
    else found.format = kind;
    if (option !== undefined) found.relative = true;
  }
  return found;
}
/**
 * The text of `show`.
 * @param displays words behind each `| display`; none: curly format. One format, and `inheritance` with any
 * @returns the number of a display that makes no sense otherwise
 */
export function displayText(displays: readonly (readonly string[])[], what: Shown): string | number {
  const asked = displaysOf(displays);
  if (typeof asked === 'number') return asked;
  const { level, only } = what;
  const root = asked.inheritance ? expandGroups(what.root, []) : what.root;
  const path = nodesTo(root, level);
  if (path === null) return '';
  const all = part(path.at(-1) ?? root, only);
  switch (asked.format) {
    case 'set': {
      const prefix = asked.relative ? [] : path.flatMap((one) => nodeWords(one));
      const lines = setLines(all, prefix);
      if (lines.length === 0 && path.length > 0 && !asked.relative) lines.push(`set ${prefix.join(' ')}`);
      return joined(asked.relative ? lines : [...lines, ...setMarks(path)]);
    }
    case 'xml':
      return formatXml(all, path, what.changed, what.banner);
    case 'json':
      return formatJson(all, path, what.changed);
  }
  const lines = curlyLines(all, { inheritance: asked.inheritance });
  if (path.length > 0) return joined([...inactiveHeads(path), ...lines]);
  return lines.length === 0 ? '' : joined(only === null && !asked.inheritance ? [`## ${what.head}`, ...lines] : lines);
}
/** What is shown does not count: said above it, since the statement itself is not there. */
const inactiveHeads = (path: readonly ConfigNode[]): string[] =>
  path.flatMap((one, n) =>
    one.inactive
      ? [
          '##',
          `## inactive: ${path
            .slice(0, n + 1)
            .flatMap((above) => nodeWords(above))
            .join(' ')}`,
          '##',
        ]
      : [],
  );
/** A node with one of its statements, or with all. */
function part(node: ConfigNode, only: Statement | null): ConfigNode {
  if (only === null) return node;
  const copy = node.clone();
  copy.filter((one) => one.statement === only);
  return copy;
}

/** `| compare`: what `after` has that `before` has not, below a level. */
export function comparison(before: ConfigNode, after: ConfigNode, level: Level): string {
  const now = nodesTo(after, level);
  const then = nodesTo(before, level);
  if (now !== null && then !== null) return compareTrees(then.at(-1) ?? before, now.at(-1) ?? after, now);
  if (now === null && then === null) return '';
  // One of the two has not the level: the difference stands above it.
  for (let depth = level.length - 1; depth >= 0; depth--) {
    const a = nodesTo(before, level.slice(0, depth));
    const b = nodesTo(after, level.slice(0, depth));
    if (a === null || b === null) continue;
    const target = (now ?? then)![b.length]!;
    const keep = (node: ConfigNode): ConfigNode => {
      const copy = node.clone();
      copy.filter((one) => one.statement === target.statement && one.key === target.key);
      return copy;
    };
    return compareTrees(keep(a.at(-1) ?? before), keep(b.at(-1) ?? after), b);
  }
  return '';
}
