import { hostname } from 'node:os';
import type { LnsConfig } from '../config/types.ts';
import type { Log } from '../server/log.ts';
import type { RandomSource } from '../wire/random.ts';
import { Accounting } from './accounting.ts';
import { OrderedAaa } from './radius.ts';
import { ProfileRadius } from './servers.ts';

export interface AaaServiceOptions {
  readonly config: LnsConfig;
  readonly log: Log;
  readonly random: RandomSource;
  /** Where accounting records are kept that no server takes; null: in memory. */
  readonly accountingDirectory: string | null;
  readonly accountingOctetsMax?: number;
  readonly now: () => number;
  /** A deadline has come nearer outside a turn of the driver. */
  wake(): void;
}

/** Everything that knows users: methods, servers, accounting. */
export class AaaService {
  #config: LnsConfig;
  readonly servers: ProfileRadius;
  readonly users: OrderedAaa;
  readonly accounting: Accounting;
  readonly #wake: () => void;
  readonly #prefix: string;
  #sequence = 0;

  /** @throws ConfigError where the folder for accounting records cannot be used */
  constructor(options: AaaServiceOptions) {
    const { config, log, random, now } = options;
    this.#config = config;
    this.#wake = () => options.wake();
    this.servers = new ProfileRadius(log, random);
    this.servers.configure(config);
    const nasIdentifier = (): string => this.#config.hostName ?? hostname();
    this.users = new OrderedAaa({ servers: this.servers, nasIdentifier, filterRates: () => null, log });
    this.accounting = new Accounting({
      servers: this.servers,
      nasIdentifier,
      nasAddress: config.tunnelGroups[0]?.localGateway ?? '0.0.0.0',
      log,
      directory: options.accountingDirectory,
      ...(options.accountingOctetsMax === undefined ? {} : { spoolOctetsMax: options.accountingOctetsMax }),
      now,
      wallClock: Date.now,
      random: () => random.u32() / 2 ** 32,
      wake: options.wake,
    });
    // Seconds of the start: an Acct-Session-Id never comes again.
    this.#prefix = Math.floor(Date.now() / 1000)
      .toString(16)
      .padStart(8, '0');
  }

  /** Acct-Session-Id of a new session: unique over restarts (RFC 2866 section 5.5). */
  newAccountingId(): string {
    return `${this.#prefix}-${(++this.#sequence).toString(16).padStart(8, '0')}`;
  }
  /** Takes another configuration into force. */
  configure(config: LnsConfig): void {
    this.#config = config;
    this.servers.configure(config);
  }
  /** The server takes sessions from now on. */
  start(): void {
    this.accounting.announce('on', this.#accountingProfiles());
    this.accounting.resume();
    this.#wake();
  }
  deadline(): number {
    return this.accounting.deadline();
  }
  handleTimeout(now: number): void {
    this.accounting.handleTimeout(now);
  }
  /** After the last session: tells the servers, and waits at most `waitMs` for them. */
  async close(waitMs: number): Promise<void> {
    this.accounting.announce('off', this.#accountingProfiles());
    await this.abandon(waitMs);
  }
  /** The same where no server was told that we had started. */
  async abandon(waitMs = 0): Promise<void> {
    await this.accounting.close(waitMs);
    this.servers.close();
  }

  #accountingProfiles(): Set<string> {
    const names = new Set<string>();
    for (const group of this.#config.tunnelGroups)
      for (const profile of [
        group.userProfile,
        ...[...group.tunnelProfile.clients.values()].map(({ pppProfile }) => pppProfile),
      ])
        if (profile?.radiusAccounting === true && this.servers.accounting(profile.name) !== undefined)
          names.add(profile.name);
    return names;
  }
}
