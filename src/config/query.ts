import { type ConfigNode, childrenByKeyword } from './tree.ts';

// What is active of a node: inactive statements are as if they were not there.

const active = (node: ConfigNode | null): ConfigNode | null => (node === null || node.inactive ? null : node);
/** The container, leaf, list of values or flag of that keyword; null where there is none. */
export function child(node: ConfigNode | null, keyword: string): ConfigNode | null {
  if (node === null) return null;
  const declared = childrenByKeyword(node.statement).get(keyword);
  if (declared !== undefined) return active(node.find(declared, null));
  return active(node.children.find((one) => one.statement.keyword === keyword && one.key === null) ?? null);
}
/** The entries of a list, in their order. */
export function entries(node: ConfigNode | null, keyword: string): ConfigNode[] {
  return node?.children.filter((one) => one.statement.keyword === keyword && one.key !== null && !one.inactive) ?? [];
}
export function entry(node: ConfigNode | null, keyword: string, key: string): ConfigNode | null {
  const declared = node === null ? undefined : childrenByKeyword(node.statement).get(keyword);
  return declared === undefined ? null : active(node!.find(declared, key));
}
export const values = (node: ConfigNode | null, keyword: string): string[] => child(node, keyword)?.values ?? [];
export const value = (node: ConfigNode | null, keyword: string): string | null => values(node, keyword)[0] ?? null;
export const has = (node: ConfigNode | null, keyword: string): boolean => child(node, keyword) !== null;
export const numberOrNull = (text: string | null): number | null => (text === null ? null : Number(text));
/** The value, or the declared default. */
export function numberOf(node: ConfigNode, keyword: string): number {
  const written = value(node, keyword);
  if (written !== null) return Number(written);
  return Number(node.statement.children!.find((one) => one.keyword === keyword)!.default);
}
