import type { LnsConfig, RadiusServerConfig, UserProfile } from '../config/types.ts';
import { RadiusTransport } from '../io/radius.ts';
import { RadiusClient } from '../radius/client.ts';
import type { RadiusAction, RadiusCounters, RadiusServerOptions } from '../radius/types.ts';
import type { Log } from '../server/log.ts';
import type { RandomSource } from '../wire/random.ts';

/** Time for which a server that does not answer is passed over (Junos). */
export const DEAD_TIME_MS = 300_000;
/** How long answers to accounting requests of a profile that is gone are awaited. */
const LINGER_MS = 3000;
/** Requests of one profile that wait for their turn. */
const QUEUE_MAX = 16_384;

/** One row of `show services l2tp radius`. */
export interface RadiusServerReport {
  readonly profile: string;
  readonly address: string;
  readonly port: number;
  readonly alive: boolean;
  readonly retry: number;
  readonly timeoutMs: number;
  readonly pending: number;
  readonly pendingMax: number;
  readonly deadTimeMs: number;
  readonly counters: Readonly<RadiusCounters>;
}

interface ProfileServers {
  readonly key: string;
  readonly access: RadiusTransport;
  readonly accounting: RadiusTransport;
}

/** The user profiles of a configuration that have servers: their own, else their tunnel group's, else those of all. */
export function serversByProfile(
  config: LnsConfig,
): Map<string, { readonly profile: UserProfile; readonly servers: readonly RadiusServerConfig[] }> {
  const found = new Map<string, { profile: UserProfile; servers: readonly RadiusServerConfig[] }>();
  const add = (profile: UserProfile, group: UserProfile): void => {
    const servers = [profile.radiusServers, group.radiusServers, config.radiusServers].find((list) => list.length > 0);
    if (servers !== undefined && !found.has(profile.name)) found.set(profile.name, { profile, servers });
  };
  for (const group of config.tunnelGroups) {
    add(group.userProfile, group.userProfile);
    for (const { pppProfile } of group.tunnelProfile.clients.values())
      if (pppProfile !== null) add(pppProfile, group.userProfile);
  }
  return found;
}

/** The servers of each user profile: its own, else its tunnel group's profile's, else those of `[edit access]`. */
export class ProfileRadius {
  readonly #log: Log;
  readonly #random: RandomSource;
  readonly #profiles = new Map<string, ProfileServers>();
  /** Transports that are closed soon, and what closes them. */
  readonly #lingering = new Map<RadiusTransport, NodeJS.Timeout>();
  #closed = false;
  /** A server answered again after it was dead. */
  onAlive: (() => void) | null = null;
  /** Sees every packet to and from a server; null: nobody looks. */
  onPacket: ((server: RadiusServerOptions, inbound: boolean, octets: Uint8Array) => void) | null = null;

  constructor(log: Log, random: RandomSource) {
    this.#log = log;
    this.#random = random;
  }

  /** Takes a configuration: what is the same goes on, with its counters; what is gone is closed. */
  configure(config: LnsConfig): void {
    const wanted = serversByProfile(config);
    for (const [name, profile] of this.#profiles) {
      const servers = wanted.get(name)?.servers;
      if (servers !== undefined && profile.key === keyOf(servers)) continue;
      profile.access.close();
      this.#linger(profile.accounting);
      this.#profiles.delete(name);
    }
    for (const [name, { servers }] of wanted)
      if (!this.#profiles.has(name))
        this.#profiles.set(name, {
          key: keyOf(servers),
          access: this.#transport(name, 'authentication', servers),
          accounting: this.#transport(name, 'accounting', servers),
        });
  }
  /** The last records are on their way: their answers are awaited. */
  #linger(transport: RadiusTransport): void {
    const end = setTimeout(() => {
      this.#lingering.delete(transport);
      transport.close();
    }, LINGER_MS);
    this.#lingering.set(transport, end);
  }
  /** Where users of a profile are judged; undefined without a server. */
  access(profile: string): RadiusTransport | undefined {
    return this.#profiles.get(profile)?.access;
  }
  accounting(profile: string): RadiusTransport | undefined {
    return this.#profiles.get(profile)?.accounting;
  }
  get names(): Iterable<string> {
    return this.#profiles.keys();
  }
  *report(kind: 'authentication' | 'accounting'): Iterable<RadiusServerReport> {
    for (const [profile, { access, accounting }] of this.#profiles)
      for (const { options, ...rest } of (kind === 'accounting' ? accounting : access).client.servers(
        performance.now(),
      ))
        yield {
          profile,
          address: options.address,
          port: options.port,
          retry: options.retries + 1,
          timeoutMs: options.timeoutMs,
          ...rest,
        };
  }
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { access, accounting } of this.#profiles.values()) {
      access.close();
      accounting.close();
    }
    this.#profiles.clear();
    for (const [transport, end] of this.#lingering) {
      clearTimeout(end);
      transport.close();
    }
    this.#lingering.clear();
  }

  #transport(profile: string, kind: 'authentication' | 'accounting', list: readonly RadiusServerConfig[]) {
    const servers = list.map(
      (one): RadiusServerOptions => ({
        address: one.address,
        port: kind === 'accounting' ? one.accountingPort : one.port,
        secret: Buffer.from(one.secret, 'utf8'),
        timeoutMs: one.timeoutMs,
        retries: one.retry - 1,
        sourceAddress: one.sourceAddress,
        requireMessageAuthenticator: one.requireMessageAuthenticator,
      }),
    );
    const pendingMax = Math.max(...list.map(({ maxOutstanding }) => maxOutstanding));
    const client = new RadiusClient({
      servers,
      deadTimeMs: DEAD_TIME_MS,
      pendingMax,
      queueMax: QUEUE_MAX,
      random: this.#random,
    });
    return new RadiusTransport(client, {
      tell: (action) => this.#tell(profile, kind, action),
      packet: (server, inbound, octets) => this.onPacket?.(server, inbound, octets),
      failed: (server, error) =>
        this.#log('warning', 'radius-socket', { profile, kind, server: server.address, reason: error.message }),
    });
  }
  #tell(profile: string, kind: string, action: Extract<RadiusAction, { do: 'tell' }>): void {
    const fields = { profile, kind, server: action.server.address, port: action.server.port };
    if (action.event === 'dropped') this.#log('warning', 'radius-reply-dropped', { ...fields, reason: action.reason });
    else {
      this.#log(action.event === 'server-dead' ? 'error' : 'notice', `radius-${action.event}`, fields);
      if (action.event === 'server-alive') this.onAlive?.();
    }
  }
}

const keyOf = (servers: readonly RadiusServerConfig[]): string => JSON.stringify(servers);
