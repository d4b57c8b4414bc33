import { Fib } from '../dataplane/fib.ts';
import { FIB_RANGES_MAX } from '../generated/layout.ts';
import type { Ffi } from '../io/ffi.ts';
import { type KernelRoute, type Link, type Neighbour, Netlink, NetlinkEvents } from '../io/netlink.ts';
import type { Tun } from '../io/tun.ts';
import { Xdp } from '../io/xdp.ts';
import { XdpClients } from '../io/xdp-clients.ts';
import { ClientPrefixes } from './client-prefixes.ts';
import { type Forwarding, forwardingBy } from './forwarding.ts';
import type { Log } from './log.ts';
import type { Plane, XdpSetup } from './plane.ts';
import { xdpDevice, xdpInUse, xdpSetup } from './xdp-device.ts';

/** How often it is asked whether anything has happened; neighbours and the interface are looked at less often. */
const ASK_MS = 100;
const LOOK_MS = 1000;
/** What a look cost is not spent again for so many times as long. */
const REST = 20;
/** Neighbours that are asked for in one look; and looks in which one that never answered is hurried. */
const ASKED_AT_ONCE = 32;
const HURRIED = 20;
/** Looks that fail in a row, after which what is not known any more is not relied on. */
const FAILURES_MAX = 10;
/** How long a neighbour may take at the start before it is missed. */
const WAIT_MS = 5000;
const NOTHING: Forwarding = { ranges: { starts: [0], hops: [null] }, gateways: new Set() };

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
  readonly #prefixes = new ClientPrefixes(this.#clients);
  #xdp: Xdp | null = null;
  #fib: Fib | null = null;
  #netlink: Netlink | null = null;
  #events: NetlinkEvents | null = null;
  #tun: Tun | null = null;
  /** Routes but those to single clients and the networks behind them. */
  #routes: readonly KernelRoute[] = [];
  #gateways: ReadonlySet<string> = new Set();
  /** Where in their list the next question begins. */
  #turn = 0;
  #hurried = 0;
  /** Why the kernel forwards everything, as far as routes and rules go. */
  #obstacle: string | null = null;
  /** MTU and Ethernet address that frames are sent with; null: none may be sent until the shards have passed `#since`. */
  #link: Pick<Link, 'mtu' | 'mac'> | null;
  #since = 0;
  /** What was told last: a reason, or that it works; undefined: nothing yet. */
  #reason: string | null | undefined;
  /** Of the table in force: why the kernel forwards all, or null; next hops and neighbours in it. */
  #state: { reason: string | null; hops: number; neighbours: number } = { reason: null, hops: 0, neighbours: 0 };
  #startedAt = 0;
  /** Neighbours, interface and switches, as they were. */
  #seen = '';
  #stale = true;
  #failures = 0;
  #notBefore = 0;
  #lookAt = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(options: XdpCoreOptions) {
    this.#options = options;
    this.#link = null;
  }

  /** What the plane needs of it; nothing where it cannot be. @throws ConfigError where there is no such interface */
  prepare(tun: Tun | null): XdpSetup[] {
    const { interface: name, ffi, log } = this.#options;
    const device = tun === null ? null : xdpDevice(name, ffi, log);
    if (device === null) return [];
    this.#tun = tun;
    const open: Parameters<typeof xdpSetup>[3] = (memory, blocks, fill) => {
      this.#netlink = new Netlink(ffi!);
      this.#events = new NetlinkEvents(ffi!);
      this.#link = device;
      this.#xdp = Xdp.open(ffi!, device, memory, blocks, fill, this.#clients);
      return this.#xdp;
    };
    return [xdpSetup(device, true, log, open, () => this.close())];
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
    this.#startedAt = now;
    this.#deadline = now;
  }

  /** The TUN device as those see it who make routes to clients. */
  sink(tun: Tun): Pick<Tun, 'addRoutes' | 'deleteRoutes'> {
    return this.#options.interface === null ? tun : this.#prefixes.sink(tun);
  }

  deadline(): number {
    return this.#deadline;
  }
  handleTimeout(now: number): void {
    if (now < this.#deadline) return;
    this.#deadline = now + ASK_MS;
    const isOwn = (address: number, length: number): boolean => this.#prefixes.has(address, length);
    if (this.#events!.happened(this.#tun!.index, isOwn) || this.#prefixes.stale) this.#stale = true;
    if (now < this.#notBefore || !(this.#stale || now >= this.#lookAt)) return;
    const from = performance.now();
    try {
      this.#look(this.#stale, now);
      this.#failures = 0;
    } catch {
      // A dump that was cut short: the next look finds it. Where none does, the kernel forwards.
      this.#stale = true;
      if (++this.#failures >= FAILURES_MAX) {
        this.#fib!.set(NOTHING.ranges);
        this.#prefixes.takeUp(false, [], this.#tun!.index);
        this.#state = { reason: 'netlink', hops: 0, neighbours: 0 };
        this.#tell(now);
      }
    }
    this.#notBefore = now + (performance.now() - from) * REST;
  }
  #look(again: boolean, now: number): void {
    const { index } = this.#xdp!.interface;
    const link = this.#netlink!.link(index);
    const tun = this.#netlink!.link(this.#tun!.index);
    const neighbours = this.#netlink!.neighbours(index);
    const rpFilter = Math.max(link?.rpFilter ?? 0, this.#netlink!.rpFilterOfAll());
    const state = link === null ? 'gone' : `${link.up} ${link.mtu} ${link.mac} ${link.forwarding} ${rpFilter}`;
    const known = [...neighbours].map(([address, { mac }]) => `${address} ${mac}`).join();
    const seen = `${state} ${tun?.forwarding} ${known}`;
    if (again || seen !== this.#seen || this.#link === null) {
      if (seen !== this.#seen) this.#hurried = 0;
      this.#make(again, link, tun?.forwarding === true, rpFilter, neighbours);
    }
    this.#seen = seen;
    this.#tell(now);
    // Who has been asked for for the first time may have answered soon.
    const hurry = this.#ask(neighbours) && this.#hurried++ < HURRIED;
    this.#lookAt = now + (hurry ? ASK_MS : LOOK_MS);
  }
  /** Makes the table anew. @param again look at the routes again */
  #make(
    again: boolean,
    link: Link | null,
    forwards: boolean,
    rpFilter: number,
    neighbours: ReadonlyMap<string, Neighbour>,
  ): void {
    const tun = this.#tun!.index;
    if (again) {
      const isOneClients = (route: KernelRoute): boolean =>
        route.interface === tun && this.#prefixes.isOneClients(route);
      const found = this.#netlink!.routes(FIB_RANGES_MAX, (route) => !isOneClients(route));
      this.#obstacle = found === null ? 'routes' : this.#netlink!.ordinaryRules() ? null : 'rules';
      this.#routes = found ?? [];
    }
    const ready = this.#follow(link);
    let reason = this.#obstacle;
    if (link === null || !this.#xdp!.fits(link.mtu)) reason = 'interface';
    else if (!link.up) reason = 'down';
    else if (reason === null && !forwards) reason = 'forwarding';
    const { index } = this.#xdp!.interface;
    let { ranges, gateways } = reason === null ? forwardingBy(index, this.#routes, neighbours) : NOTHING;
    if (ranges.starts.length > FIB_RANGES_MAX) {
      reason = 'routes';
      ({ ranges, gateways } = NOTHING);
    }
    this.#gateways = gateways;
    // Where a shard may still read the older table, or send with the older address, once more.
    this.#stale = !this.#fib!.set(ready ? ranges : NOTHING.ranges) || (link !== null && !ready);
    const filters = rpFilter === 0 || (rpFilter === 2 && this.#routes.some(isDefault));
    const down = this.#obstacle === null && link !== null && link.forwarding && filters && this.#xdp!.fits(link.mtu);
    this.#prefixes.takeUp(down, this.#routes, tun);
    const hops = ranges.hops.filter((hop) => hop !== null).length;
    this.#state = { reason: reason ?? (filters ? null : 'rp_filter'), hops, neighbours: neighbours.size };
  }
  /** Follows MTU and Ethernet address of the interface. @returns whether frames may be sent */
  #follow(link: Link | null): boolean {
    const { tables } = this.#options.plane();
    if (link === null) return false;
    if (this.#link !== null && Buffer.compare(this.#link.mac, link.mac) === 0) {
      if (this.#link.mtu === link.mtu) return true;
      this.#xdp!.setLink(link.mtu, link.mac);
    } else {
      // First none is sent any more.
      if (this.#link !== null) {
        this.#link = null;
        this.#since = tables.nextEpoch();
        return false;
      }
      if (!tables.shardsPassed(this.#since)) return false;
      this.#xdp!.setLink(link.mtu, link.mac);
    }
    this.#clients.setLink(link.mtu, link.mac);
    this.#link = link;
    return true;
  }
  /** Has the kernel find out or confirm neighbours: no packet of ours reminds it of them. @returns whether one is not known */
  #ask(known: ReadonlyMap<string, Neighbour>): boolean {
    const all = [...this.#gateways];
    const waiting = [...all.filter((one) => known.get(one)?.sure === false), ...all.filter((one) => !known.has(one))];
    const n = Math.min(ASKED_AT_ONCE, waiting.length);
    for (let i = 0; i < n; i++)
      this.#netlink!.useNeighbour(this.#xdp!.interface.index, waiting[(this.#turn + i) % waiting.length]!);
    this.#turn = waiting.length <= ASKED_AT_ONCE ? 0 : (this.#turn + n) % waiting.length;
    return waiting.some((one) => !known.has(one));
  }
  #tell(now: number): void {
    const { reason, hops, neighbours } = this.#state;
    // At first nobody has been asked for yet.
    if (reason === null && hops === 0 && this.#reason === undefined && now < this.#startedAt + WAIT_MS) return;
    const told = reason ?? (hops === 0 ? 'neighbours' : null);
    if (told === this.#reason) return;
    this.#reason = told;
    const { name } = this.#xdp!.interface;
    if (told === null) this.#options.log('info', 'xdp-core', { interface: name, nextHops: hops, neighbours });
    else this.#options.log('warning', 'xdp-core-idle', { interface: name, reason: told });
  }

  /** The shards must have ended. */
  close(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#prefixes.close();
    this.#xdp?.close();
    this.#xdp = null;
    this.#netlink?.close();
    this.#netlink = null;
    this.#events?.close();
    this.#events = null;
  }
}

/** Whatever the source, there is a way to it: loose reverse path filtering lets all pass. */
const isDefault = ({ kind, length }: KernelRoute): boolean => kind === 'unicast' && length === 0;
