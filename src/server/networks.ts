import type { SubscriberAttributes } from '../aaa/types.ts';
import { AddressPool } from '../config/pool.ts';
import type { LnsConfig } from '../config/types.ts';
import type { NetworkAddress, Tables } from '../dataplane/tables.ts';
import type { TunSteering } from '../io/tun-steering.ts';
import type { AddressAssignment } from '../ppp/types.ts';
import { formatIpv4, parseIpv4 } from '../wire/address.ts';
import { octets32 } from '../wire/ppp.ts';
import type { NetworkEnd } from './call.ts';
import type { Log } from './log.ts';
import type { HostRoutes } from './routes.ts';
import { Units, unitIn } from './units.ts';

/** Sessions and bundles that share a remote address, in the order they came up: the last carries the traffic. */
export interface AddressStack {
  readonly routingInstance: number;
  /** A 32-bit number. */
  readonly address: number;
  readonly members: readonly NetworkEnd[];
  /** When the last of `members` became the carrier. */
  readonly since: Date;
}

export interface NetworksOptions {
  readonly config: LnsConfig;
  readonly log: Log;
  readonly routes: () => HostRoutes | null;
  readonly tables: () => Tables;
  readonly steering: () => TunSteering | null;
  /** A session or bundle is up. */
  up?(end: NetworkEnd): void;
  /** A session or bundle is up, or down. */
  changed(end: NetworkEnd, up: boolean): void;
}

/**
 * Who has which address: units and pools on the way up, the stacks of those that share an address, and the routes to
 * the TUN device.
 */
export class Networks {
  readonly #options: NetworksOptions;
  readonly #pools = new Map<string, AddressPool>();
  /** What the pools were made of. */
  #fingerprint: string;
  readonly #units = new Units();
  readonly #stacks = new Map<number, { members: NetworkEnd[]; since: number }>();

  constructor(options: NetworksOptions) {
    this.#options = options;
    const { config } = options;
    const reserved = reservedAddresses(config);
    this.#fingerprint = fingerprint(config, reserved);
    for (const pool of config.pools.values()) this.#pools.set(pool.name, new AddressPool(pool, reserved));
  }

  /** Unit and address for a session or bundle. @returns null: there is no address; a text: there is no unit, and why */
  assign(end: NetworkEnd, attributes: SubscriberAttributes): AddressAssignment | null | string {
    const { group } = end;
    const { ppp } = attributes;
    end.attributes = attributes;
    this.releaseAddress(end);
    if (end.unit === null) {
      const unit = this.#units.pick(group, ppp.interfaceId, end);
      if (unit === undefined) return `no unit of ${group.serviceInterface} is free for interface-id ${ppp.interfaceId}`;
      end.unit = unit;
    }
    const address = attributes.framedAddress ?? this.#fromPool(end, ppp.framedPool);
    if (attributes.framedAddress !== null) {
      // From now on no pool gives it to anybody else.
      for (const pool of this.#pools.values()) pool.take(attributes.framedAddress);
      end.taken = attributes.framedAddress;
    }
    end.address = address ?? 0;
    end.localAddress =
      end.unit?.address ?? group.units.find((unit) => unit.unit === 0)?.address ?? parseIpv4(group.localGateway)!;
    if (address === null) {
      end.lastReason = ppp.framedPool === null ? 'no address for the user' : 'pool exhausted';
      return null;
    }
    return {
      address,
      localAddress: end.localAddress,
      primaryDns: ppp.primaryDns ?? 0,
      secondaryDns: ppp.secondaryDns ?? 0,
      primaryNbns: ppp.primaryNbns ?? 0,
      secondaryNbns: ppp.secondaryNbns ?? 0,
    };
  }
  #fromPool(end: NetworkEnd, name: string | null): number | null {
    if (name === null) return null;
    const pool = this.#pools.get(name);
    const address = pool?.allocate() ?? null;
    if (pool !== undefined && address !== null) end.pool = pool;
    else
      this.#options.log('warning', pool === undefined ? 'pool-unknown' : 'pool-exhausted', {
        group: end.group.name,
        pool: name,
        user: end.userName,
      });
    return address;
  }
  releaseAddress(end: NetworkEnd): void {
    end.pool?.release(end.address);
    end.pool = null;
    if (end.taken !== null) for (const pool of this.#pools.values()) pool.giveBack(end.taken);
    end.taken = null;
  }
  /** Takes up another configuration: pools and units. What those of `among` hold they keep, and nobody else gets it. */
  reconfigure(config: LnsConfig, among: Iterable<NetworkEnd>): void {
    const ends = [...among];
    for (const end of ends)
      if (end.unit !== null) end.unit = unitIn(config, end.group.serviceInterface, end.unit) ?? end.unit;
    const reserved = reservedAddresses(config);
    const known = fingerprint(config, reserved);
    // Pools that stay as they are keep their order of the longest unused.
    if (known === this.#fingerprint) return;
    this.#fingerprint = known;
    for (const name of this.#pools.keys()) if (!config.pools.has(name)) this.#pools.delete(name);
    for (const pool of config.pools.values()) {
      const before = this.#pools.get(pool.name);
      if (before === undefined) this.#pools.set(pool.name, new AddressPool(pool, reserved));
      else before.reconfigure(pool, reserved);
    }
    for (const end of ends) {
      // Whichever pool gave it: the pools have it now as an address that is not theirs to give.
      const held = end.taken ?? (end.pool === null ? null : end.address);
      end.pool = null;
      end.taken = held;
      if (held !== null) for (const pool of this.#pools.values()) pool.take(held);
    }
  }
  /** The end is gone: its unit is free for another. */
  releaseUnit(end: NetworkEnd): void {
    this.#units.release(end);
  }

  /** What the tables need of an end that comes up. `peerMru`: octets of an IP packet that the client takes. */
  addressOf(end: NetworkEnd, peerMru: number): NetworkAddress {
    return { address: mappedAddress(end.address), localAddress: octets32(end.localAddress), peerMru };
  }
  /** The end is on top of its address's stack in the tables. */
  isUp(end: NetworkEnd, now: number): void {
    end.up = true;
    end.upAt = now;
    end.upTime = Date.now();
    const held = this.#stacks.get(end.address);
    const stack = { members: held === undefined ? [end] : [...held.members, end], since: end.upTime };
    this.#stacks.set(end.address, stack);
    this.#options.routes()?.change(end.address, 1);
    this.#steer(end);
    this.#routesUp(end, now);
    this.#options.up?.(end);
    this.#options.log('info', end.kind === 'bundle' ? 'bundle-up' : 'session-up', {
      ...end.logFields,
      user: end.userName,
      method: end.method,
      address: formatIpv4(end.address),
      unit: end.unit === null ? undefined : end.unit.unit,
      filter: end.attributes?.filterId ?? undefined,
    });
    if (stack.members.length > 1) this.#logCarrier(end, stack.members.at(-2)!, 'newcomer');
    this.#options.changed(end, true);
  }
  /** Packets for the address come to the shard of what carries it now. */
  #steer(end: NetworkEnd): void {
    const steering = this.#options.steering();
    if (steering !== null) steering.set(end.address, this.#options.tables().ownerShard(end.carrier));
  }
  /** The networks behind the client, which share its fate: sessions that have the same back each other up there, too. */
  #routesUp(end: NetworkEnd, now: number): void {
    for (const route of end.attributes?.framedRoutes ?? []) {
      if (this.#options.tables().addRoute(end.carrier, mappedAddress(route.address), 96 + route.length, now)) {
        end.routes = [...end.routes, route];
        this.#options.routes()?.changeFramed(route, 1);
      } else
        this.#options.log('warning', 'route-table-full', {
          ...end.logFields,
          route: `${formatIpv4(route.address)}/${route.length}`,
        });
    }
  }
  /** The end was taken out of the stacks in the tables. */
  isDown(end: NetworkEnd): void {
    end.up = false;
    this.#options.changed(end, false);
    this.#options.routes()?.change(end.address, -1);
    for (const route of end.routes) this.#options.routes()?.changeFramed(route, -1);
    end.routes = [];
    const stack = this.#stacks.get(end.address);
    if (stack === undefined) return;
    const at = stack.members.indexOf(end);
    const carried = at === stack.members.length - 1;
    if (at >= 0) stack.members.splice(at, 1);
    const next = stack.members.at(-1);
    if (next === undefined) {
      this.#stacks.delete(end.address);
      this.#options.steering()?.delete(end.address);
    } else if (carried) {
      this.#steer(next);
      stack.since = Date.now();
      this.#logCarrier(next, end, 'carrier-down');
    }
  }
  #logCarrier(to: NetworkEnd, from: NetworkEnd, reason: string): void {
    this.#options.log('notice', 'carrier', {
      ...to.logFields,
      address: formatIpv4(to.address),
      before: from.label,
      reason,
    });
  }

  /** Addresses that more than one session or bundle has, or all that are up. */
  *stacks(sharedOnly = true): Generator<AddressStack> {
    for (const [address, { members, since }] of this.#stacks)
      if (!sharedOnly || members.length > 1) yield { routingInstance: 0, address, members, since: new Date(since) };
  }
  /** Whether the end carries its address's traffic, and since when; null where it is not up. */
  carries(end: NetworkEnd): { active: boolean; since: Date } | null {
    const stack = end.up ? this.#stacks.get(end.address) : undefined;
    if (stack === undefined) return null;
    const active = stack.members.at(-1) === end;
    return { active, since: active ? new Date(stack.since) : end.upDate! };
  }
}

/** An IPv4 address as the tables take it: 16 octets, mapped. */
function mappedAddress(address: number): Uint8Array {
  const octets = new Uint8Array(16);
  octets[10] = octets[11] = 255;
  octets.set(octets32(address), 12);
  return octets;
}

/** All that the pools depend on. */
const fingerprint = (config: LnsConfig, reserved: ReadonlySet<number>): string =>
  JSON.stringify([[...config.pools.values()], [...reserved]]);

/** Addresses that no pool may give: those of units, and those fixed for a user. */
function reservedAddresses(config: LnsConfig): Set<number> {
  const reserved = new Set<number>();
  for (const group of config.tunnelGroups) {
    for (const profile of [
      group.userProfile,
      ...[...group.tunnelProfile.clients.values()].map((one) => one.pppProfile),
    ])
      for (const user of profile?.clients.values() ?? [])
        if (user.framedAddress !== null) reserved.add(user.framedAddress);
    for (const unit of group.units) if (unit.address !== null) reserved.add(unit.address);
  }
  return reserved;
}
