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
  get commits(): readonly CommitRecord[] {
    return this.#store.history;
  }
}
