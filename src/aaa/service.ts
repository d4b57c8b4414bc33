import { hostname } from 'node:os';
import type { LnsConfig } from '../config/types.ts';
import type { Log } from '../server/log.ts';
import type { RandomSource } from '../wire/random.ts';
import { Accounting } from './accounting.ts';
import { OrderedAaa } from './radius.ts';
import { ProfileRadius, serversByProfile } from './servers.ts';

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
  readonly #id: Buffer;
  #sequence = 0;
  #started = false;

  /** @throws ConfigError where the folder for accounting records cannot be used */
  constructor(options: AaaServiceOptions) {
    const { config, log, random, now } = options;
    this.#config = config;
    this.#wake = () => options.wake();
    this.servers = new ProfileRadius(log, random);
    this.servers.configure(config);
    const nasIdentifier = (): string => this.#config.hostName ?? hostname();
    this.users = new OrderedAaa({
      servers: this.servers,
      nasIdentifier,
      filterRates: (name) => this.#config.filters.get(name) ?? null,
      log,
    });
    this.accounting = new Accounting({
      servers: this.servers,
      nasIdentifier,
      nasAddresses: (profile) => gatewaysOf(this.#config, profile),
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
    this.#id = Buffer.from(`${this.#prefix}-00000000`, 'latin1');
  }

  /** Acct-Session-Id of a new session: unique over restarts (RFC 2866 section 5.5). */
  newAccountingId(): string {
    // Not two strings in one: it is kept as long as the session.
    this.#id.write((++this.#sequence).toString(16).padStart(8, '0'), this.#prefix.length + 1, 'latin1');
    return this.#id.toString('latin1');
  }
  /** Takes another configuration into force. */
  configure(config: LnsConfig): void {
    const before = accountingServers(this.#config);
    const after = accountingServers(config);
    // To a server the NAS is one, whatever its profiles: only whom no profile told anything hears that it begins, and only
    // whom none tells anything any more that it ends.
    if (this.#started) this.accounting.announce('off', unshared(before, after));
    this.#config = config;
    this.servers.configure(config);
    if (this.#started) this.accounting.announce('on', unshared(after, before));
  }
  /** The server takes sessions from now on. */
  start(): void {
    this.#started = true;
    this.accounting.announce('on', accountingServers(this.#config).keys());
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
    this.accounting.announce('off', accountingServers(this.#config).keys());
    await this.abandon(waitMs);
  }
  /** The same where no server was told that we had started. */
  async abandon(waitMs = 0): Promise<void> {
    await this.accounting.close(waitMs);
    this.servers.close();
  }
}

/** The servers that take accounting records, by profile: address and port. */
function accountingServers(config: LnsConfig): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [name, { profile, servers }] of serversByProfile(config))
    if (profile.radiusAccounting)
      found.set(
        name,
        servers.map(({ address, accountingPort }) => `${address} ${accountingPort}`),
      );
  return found;
}
/** Gateways whose users a profile judges: each is the NAS of its sessions. */
const gatewaysOf = ({ tunnelGroups }: LnsConfig, profile: string): Set<string> =>
  new Set(
    tunnelGroups
      .filter(
        ({ userProfile, tunnelProfile }) =>
          userProfile.name === profile ||
          [...tunnelProfile.clients.values()].some(({ pppProfile }) => pppProfile?.name === profile),
      )
      .map(({ localGateway }) => localGateway),
  );
/** Profiles of `one` none of whose servers any of `other` has. */
function unshared(
  one: ReadonlyMap<string, readonly string[]>,
  other: ReadonlyMap<string, readonly string[]>,
): string[] {
  const known = new Set([...other.values()].flat());
  return [...one].filter(([, servers]) => !servers.some((server) => known.has(server))).map(([name]) => name);
}
