import { compareTrees } from './compare.ts';
import { formatJson, formatXml } from './display.ts';
import { type Level, nodesTo } from './edit.ts';
import { curlyLines, formatCurly, nodeLines, setLines } from './format.ts';
import { expandGroups } from './inherit.ts';
import { type ConfigNode, nodeWords } from './tree.ts';

/** What `show` shows. */
export interface Shown {
  readonly root: ConfigNode;
  readonly place: ConfigNode;
  /** Nodes that lead to it, the root not among them. */
  readonly path: readonly ConfigNode[];
  /** Some of its statements (`show hello-interval`); null: all. */
  readonly shown: readonly ConfigNode[] | null;
  readonly changed: Date;
  /** Behind `##` in the first line of the whole. */
  readonly head: string;
  readonly banner: string;
}
const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
const KINDS = ['inheritance', 'json', 'set', 'xml'] as const;

/** The text of `show`. @param words behind `| display`; none: curly format. null where they make no sense */
export function displayText(words: readonly string[], what: Shown): string | null {
  const { place, path, shown, changed } = what;
  const [word, option] = words;
  if (word === undefined) {
    if (shown !== null) return joined(shown.flatMap((one) => nodeLines(one, 0)));
    if (path.length > 0) return formatCurly(place);
    return place.children.length === 0 ? '' : `## ${what.head}\n${formatCurly(place)}`;
  }
  const kinds = KINDS.filter((kind) => word !== '' && kind.startsWith(word));
  if (kinds.length !== 1) return null;
  switch (kinds[0]!) {
    case 'set': {
      const relative = option !== undefined && 'relative'.startsWith(option);
      const prefix = relative ? [] : path.flatMap((one) => nodeWords(one));
      const lines = setLines(part(place, shown), prefix);
      if (lines.length === 0 && path.length > 0 && !relative) lines.push(`set ${prefix.join(' ')}`);
      return joined(lines);
    }
    case 'xml':
      return formatXml(part(place, shown), path, changed, what.banner);
    case 'json':
      return formatJson(part(place, shown), path, changed);
    case 'inheritance': {
      const root = expandGroups(what.root, []);
      const at = nodesTo(
        root,
        path.map((one) => nodeWords(one)),
      );
      return at === null ? '' : joined(curlyLines(at.at(-1) ?? root, { inheritance: true }));
    }
  }
}
/** A node with some of its statements. */
function part(node: ConfigNode, shown: readonly ConfigNode[] | null): ConfigNode {
  if (shown === null) return node;
  const copy = node.clone();
  copy.filter((one) => one.statement === shown[0]?.statement);
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
