import { closeSync, openSync, readSync } from 'node:fs';
import { Fib } from '../dataplane/fib.ts';
import { FIB_RANGES_MAX } from '../generated/layout.ts';
import type { Ffi } from '../io/ffi.ts';
import {
  type KernelRoute,
  type Neighbour,
  Netlink,
  NetlinkEvents,
  type Prefix,
  type RefusedRoute,
} from '../io/netlink.ts';
import type { Tun } from '../io/tun.ts';
import { Xdp } from '../io/xdp.ts';
import { XdpClients } from '../io/xdp-clients.ts';
import { parseIpv4 } from '../wire/address.ts';
import { type Forwarding, foreignIn, forwardingBy, prefixKey } from './forwarding.ts';
import type { Log } from './log.ts';
import type { Plane, XdpSetup } from './plane.ts';
import { FRAMED_METRIC } from './routes.ts';
import { xdpDevice, xdpInUse } from './xdp-device.ts';

/** How often it is asked whether anything has happened; neighbours and switches are looked at less often. */
const ASK_MS = 100;
const NEIGHBOURS_MS = 1000;
/** What a new table cost is not spent again for so many times as long. */
const REST = 20;
/** Neighbours that are confirmed in one turn. */
const CONFIRMED_AT_ONCE = 32;
const OFF = '0'.charCodeAt(0);

export interface XdpCoreOptions {
  /** Interface that was asked for; null: none. */
  readonly interface: string | null;
  /** null: no system calls. */
  readonly ffi: Ffi | null;
  readonly log: Log;
  plane(): Plane;
}

/**
 * AF_XDP on the interface to the core, past the kernel's forwarding but by its rules: routes, neighbours and the switch
 * for forwarding are the kernel's, looked at when it says that they have changed. What the path cannot do by itself goes
 * through the TUN device, as everything does without this.
 */
export class XdpCore {
  readonly #options: XdpCoreOptions;
  readonly #clients = new XdpClients();
  #xdp: Xdp | null = null;
  #fib: Fib | null = null;
  #netlink: Netlink | null = null;
  #events: NetlinkEvents | null = null;
  #tun: Tun | null = null;
  /** Open files of the kernel's switches: whether it forwards what comes from the clients, and what comes from the core. */
  #switches: readonly [up: number, down: number] | null = null;
  /** What the clients are reached by: the routes to the TUN device. */
  readonly #prefixes = new Map<number, Prefix>();
  /** How many of each length. */
  readonly #lengths = new Map<number, number>();
  /** Prefixes within them that are not theirs. */
  #foreign = new Map<number, Prefix>();
  #routes: readonly KernelRoute[] = [];
  #gateways: ReadonlySet<string> = new Set();
  /** What the kernel forwards of what comes from the core: nothing of it is taken up otherwise. */
  #down = false;
  /** Why the kernel forwards everything, as far as routes and rules go. */
  #obstacle: string | null = null;
  /** What was told last; undefined: nothing yet. */
  #reason: string | null | undefined;
  /** Neighbours and switches, as they were. */
  #seen = '';
  #stale = true;
  #notBefore = 0;
  #neighboursAt = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(options: XdpCoreOptions) {
    this.#options = options;
  }

  /** What the plane needs of it; nothing where it cannot be. @throws ConfigError where there is no such interface */
  prepare(tun: Tun | null): XdpSetup[] {
    const { interface: name, ffi, log } = this.#options;
    const device = tun === null ? null : xdpDevice(name, ffi, log);
    if (device === null) return [];
    this.#tun = tun;
    return [
      {
        queues: device.queues,
        chunk: device.chunk,
        core: true,
        open: (memory, blocks, fill) => {
          try {
            this.#netlink = new Netlink(ffi!);
            this.#events = new NetlinkEvents(ffi!);
            this.#switches = [forwardingOf(tun!.name), forwardingOf(device.name)];
            this.#xdp = Xdp.open(ffi!, device, memory, blocks, fill, this.#clients);
            return this.#xdp.fds;
          } catch (error) {
            this.close();
            log('warning', 'xdp-unavailable', { interface: device.name, reason: (error as Error).message });
            return [];
          }
        },
      },
    ];
  }
  /** For the log. */
  get inUse(): string | undefined {
    return this.#xdp === null ? undefined : xdpInUse(this.#xdp);
  }
  /** The tables are there. */
  start(now: number): void {
    if (this.#xdp === null) return;
    const { plane } = this.#options;
    this.#fib = new Fib(plane().memory, plane().plan, plane().tables);
    this.#deadline = now;
  }

  /** The TUN device as the routes to clients see it. */
  sink(tun: Tun): Pick<Tun, 'addRoutes' | 'deleteRoutes'> {
    return {
      addRoutes: (prefixes) => {
        const refused = tun.addRoutes(prefixes);
        this.#added(prefixes, refused);
        return refused;
      },
      deleteRoutes: (prefixes) => {
        for (const prefix of prefixes) this.#remove(prefix);
        return tun.deleteRoutes(prefixes);
      },
    };
  }
  #added(prefixes: readonly Prefix[], refused: readonly RefusedRoute[]): void {
    if (this.#options.interface === null) return;
    const without = new Set(refused.map(({ prefix }) => prefix));
    for (const prefix of prefixes) {
      const key = keyOf(prefix);
      if (without.has(prefix) || this.#prefixes.has(key)) continue;
      this.#prefixes.set(key, prefix);
      this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
      if (this.#down && !this.#foreign.has(key)) this.#say(prefix, true);
      // What is not the clients' in it is found out with the next table.
      if (prefix.length < 32) this.#stale = true;
    }
  }
  #remove(prefix: Prefix): void {
    const key = keyOf(prefix);
    if (!this.#prefixes.delete(key)) return;
    const left = this.#lengths.get(prefix.length)! - 1;
    if (left === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, left);
    if (this.#xdp !== null) this.#clients.unset(prefix);
    if (prefix.length < 32) this.#stale = true;
  }
  #say(prefix: Prefix, isClients: boolean): void {
    if (this.#xdp === null) return;
    try {
      this.#clients.set(prefix, isClients);
    } catch {
      // No room: what is for it takes the kernel's way.
    }
  }

  deadline(): number {
    return this.#deadline;
  }
  handleTimeout(now: number): void {
    if (now < this.#deadline) return;
    this.#deadline = now + ASK_MS;
    if (this.#events!.happened(this.#tun!.index)) this.#stale = true;
    const routes = this.#stale && now >= this.#notBefore;
    if (!routes && now < this.#neighboursAt) return;
    try {
      const from = performance.now();
      const neighbours = this.#netlink!.neighbours(this.#xdp!.interface.index);
      const [up, down] = this.#switches!.map(isOn) as [boolean, boolean];
      const seen = `${up} ${down} ${[...neighbours].map(([address, { mac }]) => `${address} ${mac}`).join()}`;
      if (routes || seen !== this.#seen) this.#make(routes, neighbours, up, down);
      this.#seen = seen;
      if (routes) this.#notBefore = now + (performance.now() - from) * REST;
      // Who has been asked for for the first time may have answered soon.
      this.#neighboursAt = now + (this.#confirm(neighbours) ? ASK_MS : NEIGHBOURS_MS);
    } catch {
      // A dump that was cut short: the next look finds it.
      this.#stale = true;
    }
  }
  /** Makes the table anew. @param again look at the routes again */
  #make(again: boolean, neighbours: ReadonlyMap<string, Neighbour>, up: boolean, down: boolean): void {
    const { index } = this.#xdp!.interface;
    const tun = this.#tun!.index;
    if (again) {
      const found = this.#netlink!.routes(FIB_RANGES_MAX);
      this.#obstacle = found === null ? 'routes' : this.#netlink!.ordinaryRules() ? null : 'rules';
      // Clients' own addresses and networks are in the tables of sessions.
      this.#routes = (found ?? []).filter((route) => !(route.interface === tun && isOneClients(route)));
    }
    let reason = this.#obstacle ?? (up ? null : 'forwarding');
    let { ranges, gateways } = forwardingBy(index, reason === null ? this.#routes : [], neighbours);
    if (ranges.starts.length > FIB_RANGES_MAX) {
      reason = 'routes';
      ({ ranges, gateways } = NOTHING);
    }
    this.#gateways = gateways;
    // Where a shard may still read the older table, once more.
    this.#stale = !this.#fib!.set(ranges);
    this.#takeUp(this.#obstacle === null && down, tun);
    this.#tell(reason, ranges.starts.length, neighbours.size);
  }
  /** Brings what the program takes off the interface up to date. */
  #takeUp(down: boolean, tun: number): void {
    const foreign = new Map<number, Prefix>();
    if (down)
      for (const prefix of foreignIn(this.#routes, tun, this.#lengths.keys(), (key) => this.#prefixes.has(key)))
        if (!this.#prefixes.has(keyOf(prefix))) foreign.set(keyOf(prefix), prefix);
    for (const [key, prefix] of foreign) if (!this.#foreign.has(key)) this.#say(prefix, false);
    for (const [key, prefix] of this.#foreign)
      if (!foreign.has(key) && !this.#prefixes.has(key)) this.#clients.unset(prefix);
    this.#foreign = foreign;
    if (down === this.#down) return;
    this.#down = down;
    for (const prefix of this.#prefixes.values())
      if (down) this.#say(prefix, true);
      else this.#clients.unset(prefix);
  }
  /** Has the kernel find out or confirm neighbours: no packet of ours reminds it of them. @returns whether one is not known */
  #confirm(known: ReadonlyMap<string, Neighbour>): boolean {
    let asked = 0;
    let unknown = false;
    for (const gateway of this.#gateways) {
      const neighbour = known.get(gateway);
      if (neighbour?.sure === true) continue;
      if (neighbour === undefined) unknown = true;
      if (++asked > CONFIRMED_AT_ONCE) break;
      this.#netlink!.useNeighbour(this.#xdp!.interface.index, gateway);
    }
    return unknown;
  }
  #tell(reason: string | null, ranges: number, neighbours: number): void {
    if (reason === this.#reason) return;
    this.#reason = reason;
    const { name } = this.#xdp!.interface;
    if (reason === null) this.#options.log('info', 'xdp-core', { interface: name, ranges, neighbours });
    else this.#options.log('warning', 'xdp-core-idle', { interface: name, reason });
  }

  /** The shards must have ended. */
  close(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#xdp?.close();
    this.#xdp = null;
    this.#netlink?.close();
    this.#netlink = null;
    this.#events?.close();
    this.#events = null;
    for (const fd of this.#switches ?? []) closeSync(fd);
    this.#switches = null;
  }
}

const NOTHING: Forwarding = { ranges: { starts: [0], hops: [null] }, gateways: new Set() };
const keyOf = ({ address, length }: Prefix): number => prefixKey(parseIpv4(address)!, length);
const isOneClients = ({ kind, length, metric }: KernelRoute): boolean =>
  kind === 'unicast' && (length === 32 || metric % 2 ** 32 >= FRAMED_METRIC);
/** Kept open: it stays that of this network namespace. */
const forwardingOf = (device: string): number => openSync(`/proc/sys/net/ipv4/conf/${device}/forwarding`, 'r');
function isOn(fd: number): boolean {
  const octet = new Uint8Array(1);
  return readSync(fd, octet, 0, 1, 0) === 1 && octet[0] !== OFF;
}
