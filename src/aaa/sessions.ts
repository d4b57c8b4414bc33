import { parseIpv4 } from '../wire/address.ts';
import type { DynamicSession } from './dynamic.ts';

/** Sessions by something that several may share: one as itself, several in a set. */
class Index<K, S extends object> {
  readonly #by = new Map<K, S | Set<S>>();

  add(key: K, session: S): void {
    const there = this.#by.get(key);
    if (there === undefined) this.#by.set(key, session);
    else if (there instanceof Set) there.add(session);
    else if (there !== session) this.#by.set(key, new Set([there, session]));
  }
  remove(key: K, session: S): void {
    const there = this.#by.get(key);
    if (there === session) this.#by.delete(key);
    else if (there instanceof Set && there.delete(session) && there.size === 0) this.#by.delete(key);
  }
  find(key: K): Iterable<S> {
    const there = this.#by.get(key);
    if (there === undefined) return [];
    return there instanceof Set ? there : [there];
  }
}

/** Sessions whose network is up, by what a Disconnect- or CoA-Request mostly names them by. */
export class SessionIndex<S extends DynamicSession> {
  /** All, each with an Acct-Session-Id of its own. */
  readonly #byId = new Map<string, S>();
  readonly #byName = new Index<string, S>();
  readonly #byAddress = new Index<number, S>();

  get size(): number {
    return this.#byId.size;
  }
  [Symbol.iterator](): Iterator<S> {
    return this.#byId.values();
  }
  add(session: S): void {
    if (this.#byId.has(session.accountingId)) return;
    this.#byId.set(session.accountingId, session);
    this.#each(session, 'add');
  }
  remove(session: S): void {
    if (this.#byId.get(session.accountingId) !== session) return;
    this.#byId.delete(session.accountingId);
    this.#each(session, 'remove');
  }
  #each(session: S, act: 'add' | 'remove'): void {
    const { accountingName } = session.attributes;
    this.#byName[act](session.userName, session);
    if (accountingName !== null && accountingName !== session.userName) this.#byName[act](accountingName, session);
    if (session.address !== 0) this.#byAddress[act](session.address, session);
  }
  /** Those with this value of the attribute; undefined where there is no index of it. */
  find(attribute: string, value: string): Iterable<S> | undefined {
    if (attribute === 'Acct-Session-Id') {
      const session = this.#byId.get(value);
      return session === undefined ? [] : [session];
    }
    if (attribute === 'User-Name') return this.#byName.find(value);
    if (attribute !== 'Framed-IP-Address') return undefined;
    const address = parseIpv4(value);
    return address === null ? [] : this.#byAddress.find(address);
  }
}
