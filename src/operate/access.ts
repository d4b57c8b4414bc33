import type { PeerCredentials } from '../io/credentials.ts';
import type { OperatorUser, UserClass } from './types.ts';

/** One user of `[edit system login]`: a uid, or all members of a group. */
export interface LoginRule {
  readonly name: string;
  readonly uid: number | null;
  readonly gid: number | null;
  readonly permission: UserClass | 'none';
}

/**
 * The class of whoever opened the socket. Root and the server's own user do everything. Without rules everybody whom
 * the socket's mode and group let in does so too; with rules, the first that fits counts, and nobody else gets in.
 * @returns null where there is no place for him
 */
export function userOf(
  credentials: PeerCredentials | null,
  rules: readonly LoginRule[],
  ownUid: number,
  nameOf: (uid: number) => string,
): OperatorUser | null {
  // Where the kernel cannot tell who it is, the mode of the socket has the only say.
  if (credentials === null) return rules.length === 0 ? { name: 'operator', class: 'full' } : null;
  const { uid, gid, groups } = credentials;
  if (uid === 0 || uid === ownUid) return { name: nameOf(uid), class: 'full' };
  const rule = rules.find((one) =>
    one.uid === null ? one.gid !== null && (one.gid === gid || groups.includes(one.gid)) : one.uid === uid,
  );
  if (rule === undefined) return rules.length === 0 ? { name: nameOf(uid), class: 'full' } : null;
  if (rule.permission === 'none') return null;
  return { name: rule.uid === null ? nameOf(uid) : rule.name, class: rule.permission };
}
