import { isLeaf, leafText, nodeLines, shownOrder } from './format.ts';
import { type ConfigNode, nodeWords } from './tree.ts';

// `| compare`: for each place with a difference its path, then the lines that went and came.

interface Change {
  readonly sign: '+' | '-' | '!' | ' ';
  readonly lines: readonly string[];
}

/** Levels of a place: an interface is one below `interfaces`, and counts twice. */
const levelsOf = (path: readonly ConfigNode[]): number =>
  path.reduce((sum, one) => sum + (one.statement.keyword === 'interfaces' && one.key === null ? 2 : 1), 0);

/** What differs, as Junos prints it; empty where nothing does. */
export function compareTrees(before: ConfigNode, after: ConfigNode, path: readonly ConfigNode[] = []): string {
  const out: string[] = [];
  compareBlocks(before, after, path, out);
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** "[edit services l2tp]". */
export function editLine(path: readonly ConfigNode[]): string {
  const words = path.map((one) => nodeWords(one).join(' ')).filter((text) => text !== '');
  return `[edit${words.length > 0 ? ` ${words.join(' ')}` : ''}]`;
}

function compareBlocks(before: ConfigNode, after: ConfigNode, path: readonly ConfigNode[], out: string[]): void {
  const changes: Change[] = [];
  const old = shownOrder(before);
  const now = shownOrder(after);
  const moved = movedEntries(old, now, before, after);
  const deeper: [ConfigNode, ConfigNode][] = [];
  const partner = new Map<ConfigNode, ConfigNode>();
  for (const one of now) {
    const was = before.find(one.statement, one.key);
    if (was !== null) partner.set(one, was);
  }
  // A statement that went stands where it was, before what came in its place.
  let o = 0;
  const goneUpTo = (until: ConfigNode | null): void => {
    for (; o < old.length && old[o] !== until; o++) {
      const one = old[o]!;
      if (after.find(one.statement, one.key) === null) changes.push(whole('-', one));
    }
    if (until !== null) o++;
  };
  const lastContext = { node: null as ConfigNode | null };
  now.forEach((one, i) => {
    const was = partner.get(one);
    if (was === undefined) {
      const neighbour = now[i - 1];
      if (
        isOrdered(one) &&
        neighbour !== undefined &&
        neighbour.statement === one.statement &&
        partner.has(neighbour)
      ) {
        if (lastContext.node !== neighbour && !differs(partner.get(neighbour)!, neighbour))
          changes.push(context(neighbour));
      }
      changes.push(whole('+', one));
      const next = now[i + 1];
      if (isOrdered(one) && next !== undefined && next.statement === one.statement && partner.has(next)) {
        changes.push(context(next));
        lastContext.node = next;
      }
      return;
    }
    if (!moved.has(one) && old.indexOf(was, o) >= 0) goneUpTo(was);
    if (isLeaf(one.statement)) {
      if (leafText(was) !== leafText(one) || was.comment !== one.comment)
        changes.push(whole('-', was), whole('+', one));
      else if (was.inactive !== one.inactive)
        changes.push({ sign: '!', lines: [`${one.inactive ? 'inactive' : 'active'}: ${leafText(one)};`] });
      return;
    }
    if (was.inactive !== one.inactive) changes.push(mark(one, one.inactive ? 'inactive: ' : 'active: '));
    if (moved.has(one)) changes.push(mark(one, ''));
    if (was.comment !== one.comment) {
      if (was.comment !== null) changes.push({ sign: '-', lines: [`/* ${was.comment} */`] });
      if (one.comment !== null) changes.push({ sign: '+', lines: [`/* ${one.comment} */`] });
      changes.push(context(one));
    }
    deeper.push([was, one]);
  });
  goneUpTo(null);
  if (changes.length > 0) {
    // `family inet` is one level: what changes in `family` stands at the unit.
    const prefix = path.at(-1)?.statement.layout === 'prefix' ? path.at(-1)!.statement.keyword : null;
    const place = prefix === null ? path : path.slice(0, -1);
    out.push(editLine(place));
    const indent = ' '.repeat(Math.max(2, 1 + levelsOf(place)));
    for (const { sign, lines } of changes)
      lines.forEach((line, i) => {
        const first = prefix !== null && i === 0 ? line.replace(/^((?:in)?active: )?/, `$1${prefix} `) : line;
        out.push(`${sign}${indent}${first}`);
      });
  }
  for (const [was, one] of deeper) compareBlocks(was, one, [...path, one], out);
}
const whole = (sign: '+' | '-', node: ConfigNode): Change => ({ sign, lines: nodeLines(node, 0) });
const headOf = (node: ConfigNode): string =>
  isLeaf(node.statement)
    ? `${leafText(node)};`
    : `${nodeWords(node).join(' ')}${node.children.length > 0 ? ' { ... }' : ';'}`;
const context = (node: ConfigNode): Change => ({ sign: ' ', lines: [headOf(node)] });
const mark = (node: ConfigNode, before: string): Change => ({ sign: '!', lines: [`${before}${headOf(node)}`] });
const isOrdered = (node: ConfigNode): boolean => node.key !== null && node.statement.sorted !== true;

/** Is anything below, or at, the node different? */
export function differs(a: ConfigNode, b: ConfigNode): boolean {
  if (a === b) return false;
  if (a.inactive !== b.inactive || a.comment !== b.comment) return true;
  if (a.values.length !== b.values.length || a.values.some((value, i) => value !== b.values[i])) return true;
  if (a.children.length !== b.children.length) return true;
  if (a.children.length === 0) return false;
  const left = shownOrder(a);
  const right = shownOrder(b);
  return left.some((one, i) => {
    const other = right[i]!;
    return one.statement !== other.statement || one.key !== other.key || differs(one, other);
  });
}

/** Entries of lists in the operator's order that others have overtaken: all but a longest run that kept its order. */
function movedEntries(
  old: readonly ConfigNode[],
  now: readonly ConfigNode[],
  before: ConfigNode,
  after: ConfigNode,
): Set<ConfigNode> {
  const moved = new Set<ConfigNode>();
  const kept = now.filter((one) => isOrdered(one) && before.find(one.statement, one.key) !== null);
  if (kept.length < 2) return moved;
  const place = new Map<ConfigNode, number>();
  let n = 0;
  for (const one of old) if (isOrdered(one) && after.find(one.statement, one.key) !== null) place.set(one, n++);
  const places = kept.map((one) => place.get(before.find(one.statement, one.key)!)!);
  // Longest increasing subsequence.
  const tails: number[] = [];
  const previous = new Array<number>(places.length).fill(-1);
  for (let i = 0; i < places.length; i++) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[tails[middle]!]! < places[i]!) low = middle + 1;
      else high = middle;
    }
    if (low > 0) previous[i] = tails[low - 1]!;
    tails[low] = i;
  }
  const stay = new Set<number>();
  for (let i = tails.at(-1) ?? -1; i >= 0; i = previous[i]!) stay.add(i);
  kept.forEach((one, i) => {
    if (!stay.has(i)) moved.add(one);
  });
  return moved;
}
