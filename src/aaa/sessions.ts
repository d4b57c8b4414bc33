import { formatIpv4 } from '../wire/address.ts';
import type { DynamicSession } from './dynamic.ts';

/** Sessions whose network is up, by what a Disconnect- or CoA-Request mostly names them by. */
export class SessionIndex<S extends DynamicSession> {
  readonly #all = new Set<S>();
  /** One session as itself, several in a set. */
  readonly #by = new Map<string, S | Set<S>>();

  get size(): number {
    return this.#all.size;
  }
  [Symbol.iterator](): Iterator<S> {
    return this.#all[Symbol.iterator]();
  }
  add(session: S): void {
    if (this.#all.has(session)) return;
    this.#all.add(session);
    for (const key of keysOf(session)) {
      const there = this.#by.get(key);
      if (there === undefined) this.#by.set(key, session);
      else if (there instanceof Set) there.add(session);
      else this.#by.set(key, new Set([there, session]));
    }
  }
  remove(session: S): void {
    if (!this.#all.delete(session)) return;
    for (const key of keysOf(session)) {
      const there = this.#by.get(key);
      if (there === session) this.#by.delete(key);
      else if (there instanceof Set) {
        there.delete(session);
        if (there.size === 0) this.#by.delete(key);
      }
    }
  }
  /** Those with this value of the attribute; undefined where there is no index of it. */
  find(attribute: string, value: string): Iterable<S> | undefined {
    if (attribute !== 'User-Name' && attribute !== 'Acct-Session-Id' && attribute !== 'Framed-IP-Address')
      return undefined;
    const there = this.#by.get(`${attribute} ${value}`);
    if (there === undefined) return [];
    return there instanceof Set ? there : [there];
  }
}

function keysOf(session: DynamicSession): Set<string> {
  const keys = new Set([`Acct-Session-Id ${session.accountingId}`, `User-Name ${session.userName}`]);
  const { accountingName } = session.attributes;
  if (accountingName !== null) keys.add(`User-Name ${accountingName}`);
  if (session.address !== 0) keys.add(`Framed-IP-Address ${formatIpv4(session.address)}`);
  return keys;
}
