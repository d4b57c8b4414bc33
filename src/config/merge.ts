import { differs, editLine } from './compare.ts';
import { isLeaf, leafText } from './format.ts';
import { type ConfigNode, nodeWords } from './tree.ts';

/** Where two operators changed the same statement in two ways. */
export interface MergeConflict {
  /** "[edit services l2tp]". */
  readonly level: string;
  readonly statement: string;
}

/**
 * Brings one operator's changes into what others have made of the same base.
 * @param base what both began with
 * @param mine with my changes
 * @param theirs with theirs; not changed
 * @returns a new tree, and where both changed one statement; there, theirs stands
 */
export function mergeChanges(
  base: ConfigNode,
  mine: ConfigNode,
  theirs: ConfigNode,
): { merged: ConfigNode; conflicts: MergeConflict[] } {
  const conflicts: MergeConflict[] = [];
  const merged = theirs.clone();
  mergeInto(base, mine, merged, [], conflicts);
  return { merged, conflicts };
}

function mergeInto(
  base: ConfigNode | null,
  mine: ConfigNode,
  target: ConfigNode,
  path: readonly ConfigNode[],
  conflicts: MergeConflict[],
): void {
  const clash = (node: ConfigNode): void => {
    const statement = isLeaf(node.statement) ? `${leafText(node)};` : nodeWords(node).join(' ');
    conflicts.push({ level: editLine(path), statement });
  };
  // What I took away.
  for (const was of base?.children ?? []) {
    if (mine.find(was.statement, was.key) !== null) continue;
    const there = target.find(was.statement, was.key);
    if (there === null) continue;
    if (differs(was, there)) clash(there);
    else target.remove(there);
  }
  const added: ConfigNode[] = [];
  for (const own of mine.children) {
    const was = base?.find(own.statement, own.key) ?? null;
    if (was !== null && !differs(was, own)) continue;
    const there = target.find(own.statement, own.key);
    if (there === null) {
      // New, or changed by me and taken away by them.
      if (was !== null) clash(own);
      else {
        const { choice } = own.statement;
        if (choice !== undefined && target.children.some((one) => one.statement.choice === choice)) clash(own);
        else {
          target.add(own.clone());
          added.push(own);
        }
      }
      continue;
    }
    if (!differs(own, there)) continue;
    if (isLeaf(own.statement)) {
      if (was === null || differs(was, there)) clash(own);
      else target.replace(there, own.clone());
      continue;
    }
    // A block: its marks, then what is in it.
    if (own.inactive !== (was?.inactive ?? false)) there.inactive = own.inactive;
    if (own.comment !== (was?.comment ?? null)) there.comment = own.comment;
    mergeInto(was, own, there, [...path, own], conflicts);
  }
  if (reordered(base, mine)) keepOrder(mine, target);
  else if (added.length > 0) placeAdded(mine, added, target);
}
/** Did I put the entries in another order? */
function reordered(base: ConfigNode | null, mine: ConfigNode): boolean {
  if (base === null) return false;
  const kept = mine.children.filter((one) => base.find(one.statement, one.key) !== null);
  let at = 0;
  for (const was of base.children) {
    if (mine.find(was.statement, was.key) === null) continue;
    const own = kept[at++]!;
    if (own.statement !== was.statement || own.key !== was.key) return true;
  }
  return false;
}
/** My order; what only they have comes behind. */
function keepOrder(mine: ConfigNode, target: ConfigNode): void {
  const place = new Map<ConfigNode, number>();
  mine.children.forEach((own, i) => {
    const there = target.find(own.statement, own.key);
    if (there !== null) place.set(there, i);
  });
  const rank = target.children.map((child, i) => ({ child, at: place.get(child) ?? mine.children.length + i }));
  target.children = rank.sort((a, b) => a.at - b.at).map((one) => one.child);
}
/** What I added stands behind the same neighbour as with me; where that is the first, in front of the next one. */
function placeAdded(mine: ConfigNode, added: readonly ConfigNode[], target: ConfigNode): void {
  const fresh = new Set(added.map((own) => target.find(own.statement, own.key)!));
  const behind = new Map<ConfigNode | null, ConfigNode[]>();
  let neighbour: ConfigNode | null = null;
  for (const own of mine.children) {
    const there = target.find(own.statement, own.key);
    if (there === null) continue;
    if (!fresh.has(there)) neighbour = there;
    else if (behind.has(neighbour)) behind.get(neighbour)!.push(there);
    else behind.set(neighbour, [there]);
  }
  const order = [...(behind.get(null) ?? [])];
  for (const child of target.children) {
    if (fresh.has(child)) continue;
    order.push(child);
    for (const one of behind.get(child) ?? []) order.push(one);
  }
  target.children = order;
}
