import type { FramedRoute } from '../aaa/types.ts';
import type { PoolConfig } from '../config/types.ts';
import { type Prefix, type RefusedRoute, throwRefused } from '../io/netlink.ts';
import type { Tun } from '../io/tun.ts';
import { formatIpv4 } from '../wire/address.ts';
import type { Log } from './log.ts';

const BATCH_MS = 5;

type PoolPrefix = PoolConfig['prefixes'][number];
const keyOf = ({ address, length }: PoolPrefix): string => `${formatIpv4(address)}/${length}`;
const prefixOf = ({ address, length }: PoolPrefix): Prefix => ({ address: formatIpv4(address), length });
const hostOf = (address: number): Prefix => ({ address: formatIpv4(address), length: 32 });

const nameOf = ({ address, length }: Prefix): string => `${address}/${length}`;

/** Behind what the operator has set up: routers prefer static routes to those of subscribers, too. */
export const FRAMED_METRIC = 1024;

/** Framed routes of one network, whose sessions back each other up; the metric is the first one's. */
interface Framed {
  readonly prefix: Prefix;
  users: number;
}

/**
 * Routes to the TUN device: one a pool's prefix, one a client's address that no pool covers, and the networks behind
 * clients, changed in batches.
 */
export class HostRoutes {
  /** Sessions that carry or back each address. */
  readonly #users = new Map<number, number>();
  /** Addresses that have a route of their own. */
  readonly #routed = new Set<number>();
  #prefixes: ReadonlyMap<string, PoolPrefix> = new Map();
  readonly #changed = new Set<number>();
  readonly #tun: Pick<Tun, 'addRoutes' | 'deleteRoutes'>;
  readonly #log: Log;
  /** Framed routes by prefix, and those that the kernel has. */
  readonly #framed = new Map<string, Framed>();
  readonly #framedRouted = new Map<string, Prefix>();
  readonly #framedChanged = new Set<string>();
  #scheduled = false;
  #closed = false;

  /** @throws SystemError where a pool's route cannot be made */
  constructor(tun: Pick<Tun, 'addRoutes' | 'deleteRoutes'>, pools: Iterable<PoolConfig>, log: Log) {
    this.#tun = tun;
    this.#log = log;
    this.#prefixes = prefixesOf(pools);
    throwRefused(tun.addRoutes([...this.#prefixes.values()].map(prefixOf)));
  }

  /** One user more or less of a client's address (a 32-bit number). */
  change(address: number, by: 1 | -1): void {
    const users = (this.#users.get(address) ?? 0) + by;
    if (users <= 0) this.#users.delete(address);
    else this.#users.set(address, users);
    if (users <= 1) this.#look(address);
  }
  #look(address: number): void {
    const wanted = this.#users.has(address) && !this.#covered(address);
    if (wanted === this.#routed.has(address)) return;
    this.#schedule();
    this.#changed.add(address);
  }
  /** One session more or less that carries or backs a network behind a client. */
  changeFramed(route: FramedRoute, by: 1 | -1): void {
    const key = keyOf(route);
    const prefix = { ...prefixOf(route), metric: FRAMED_METRIC + Math.min(route.metric, FRAMED_METRIC) };
    const framed = this.#framed.get(key) ?? { prefix, users: 0 };
    framed.users += by;
    if (framed.users <= 0) this.#framed.delete(key);
    else this.#framed.set(key, framed);
    this.#framedChanged.add(key);
    this.#schedule();
  }
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => this.#apply(), BATCH_MS);
  }
  #covered(address: number): boolean {
    for (const prefix of this.#prefixes.values())
      if (address >= prefix.address && address < prefix.address + 2 ** (32 - prefix.length)) return true;
    return false;
  }
  #apply(): void {
    const gone: number[] = [];
    const come: number[] = [];
    for (const address of this.#changed) {
      const wanted = this.#users.has(address) && !this.#covered(address);
      if (wanted === this.#routed.has(address)) continue;
      (wanted ? come : gone).push(address);
    }
    this.#changed.clear();
    this.#scheduled = false;
    if (this.#closed) return;
    this.#applyFramed();
    this.#delete(gone.filter((address) => !this.#isPrefix(address)).map(hostOf));
    for (const address of gone) this.#routed.delete(address);
    const added = this.#add(come.map(hostOf));
    for (const address of come) if (added.has(nameOf(hostOf(address)))) this.#routed.add(address);
  }
  /** Adds routes, and logs what the kernel does not take. @returns names of those that are there: one does not need another */
  #add(prefixes: readonly Prefix[]): Set<string> {
    const refused = this.#logged(() => this.#tun.addRoutes(prefixes));
    const added = new Set(refused === null ? [] : prefixes.map(nameOf));
    for (const { prefix } of refused ?? []) added.delete(nameOf(prefix));
    return added;
  }
  #delete(prefixes: readonly Prefix[]): void {
    this.#logged(() => this.#tun.deleteRoutes(prefixes));
  }
  /** @returns null where none was done */
  #logged(work: () => readonly RefusedRoute[]): readonly RefusedRoute[] | null {
    const say = (reason: string): void => this.#log('error', 'route', { reason });
    try {
      const refused = work();
      const more = refused.length - 1;
      if (more >= 0) say(`${refused[0]!.error.message}${more > 0 ? `; and ${more} more` : ''}`);
      return refused;
    } catch (error) {
      say((error as Error).message);
      return null;
    }
  }
  #applyFramed(): void {
    const gone = [...this.#framedChanged].filter((key) => !this.#framed.has(key) && this.#framedRouted.has(key));
    const come = [...this.#framedChanged].filter((key) => this.#framed.has(key) && !this.#framedRouted.has(key));
    this.#framedChanged.clear();
    this.#delete(gone.map((key) => this.#framedRouted.get(key)!));
    for (const key of gone) this.#framedRouted.delete(key);
    const prefixes = come.map((key) => [key, this.#framed.get(key)!.prefix] as const);
    const added = this.#add(prefixes.map(([, prefix]) => prefix));
    for (const [key, prefix] of prefixes) if (added.has(nameOf(prefix))) this.#framedRouted.set(key, prefix);
  }
  /** Is the address a pool of its own? Its route is the pool's then. */
  #isPrefix(address: number): boolean {
    return this.#prefixes.has(keyOf({ address, length: 32 }));
  }

  /** Routes that other pools need, before they give out addresses. @throws SystemError; no route is there more then */
  prepare(pools: Iterable<PoolConfig>): void {
    const added = [...prefixesOf(pools)].filter(([key]) => !this.#prefixes.has(key)).map(([, prefix]) => prefix);
    try {
      throwRefused(this.#tun.addRoutes(added.map(prefixOf)));
    } catch (error) {
      this.#tun.deleteRoutes(added.map(prefixOf));
      throw error;
    }
  }
  /**
   * Takes up other pools: their routes are prepared. Clients whose pool is gone keep a route of their own.
   * @param again no route is there any more
   */
  reconfigure(pools: Iterable<PoolConfig>, again: boolean): void {
    const before = again ? new Map<string, PoolPrefix>() : this.#prefixes;
    this.#prefixes = prefixesOf(pools);
    if (again) {
      this.#add([...this.#prefixes.values()].map(prefixOf));
      this.#routed.clear();
      this.#framedRouted.clear();
      for (const key of this.#framed.keys()) this.#framedChanged.add(key);
    }
    this.#delete([...before].filter(([key]) => !this.#prefixes.has(key)).map(([, one]) => prefixOf(one)));
    for (const address of this.#users.keys()) this.#look(address);
    if (this.#changed.size > 0 || this.#framedChanged.size > 0) this.#apply();
  }

  /** The device is going: nothing is changed any more. */
  close(): void {
    this.#closed = true;
  }
}

function prefixesOf(pools: Iterable<PoolConfig>): Map<string, PoolPrefix> {
  const prefixes = new Map<string, PoolPrefix>();
  for (const pool of pools) for (const prefix of pool.prefixes) prefixes.set(keyOf(prefix), prefix);
  return prefixes;
}
