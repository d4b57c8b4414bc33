import { compareTrees } from '../config/compare.ts';
import { formatCurly } from '../config/format.ts';
import type { Completion, ConfigReply, ConfigurationSession, SessionOptions } from '../config/session.ts';
import type { CommitRecord } from '../config/session-types.ts';
import type { ConfigurationStore } from '../config/store.ts';
import type { ConfigurationAccess } from './types.ts';

/** What the CLI sees of a configuration database. */
export class StoreAccess implements ConfigurationAccess {
  readonly #store: ConfigurationStore;
  constructor(store: ConfigurationStore) {
    this.#store = store;
  }
  open(options: SessionOptions): ConfigurationSession {
    return this.#store.openSession(options);
  }
  async show(path: string, pipes: string): Promise<ConfigReply> {
    return this.#store.reader().execute(`show ${path} ${pipes}`);
  }
  complete(path: string): readonly Completion[] {
    const line = `show ${path}`;
    return this.#store.reader().complete(line, line.length);
  }
  async rollback(number: number): Promise<string | null> {
    const tree = await this.#store.rollbackTree(number);
    return tree === null ? null : formatCurly(tree);
  }
  async compareRollbacks(first: number, second: number): Promise<string | null> {
    const [before, after] = [await this.#store.rollbackTree(first), await this.#store.rollbackTree(second)];
    return before === null || after === null ? null : compareTrees(before, after);
  }
  get commits(): readonly CommitRecord[] {
    return this.#store.history;
  }
}
