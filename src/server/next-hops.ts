import type { Tables } from '../dataplane/tables.ts';
import type { Ffi } from '../io/ffi.ts';
import { type Neighbour, Netlink } from '../io/netlink.ts';
import { encodeSockaddr, type PeerAddress, parseIpv4 } from '../wire/address.ts';

/** How often neighbours are looked at, and for how long a route is believed. */
const LOOK_MS = 1000;
const ROUTE_MS = 10_000;
/** For new tunnels they are looked at again, not more often than this. */
const LOOK_AGAIN_MS = 50;
/** Routes asked for in one look: the rest have their turn in the next. */
const ROUTES_PER_LOOK = 256;

/** A tunnel whose data may go by the interface. */
export interface HopTunnel {
  readonly row: number;
  readonly local: PeerAddress;
  readonly peer: PeerAddress;
}

/**
 * Where the interface's neighbour for each LAC is: routes and neighbours are the kernel's own. Control messages go by the
 * kernel's sockets, so that it resolves and confirms the neighbour; whom it does not know is sent to by the socket.
 */
export class NextHops {
  readonly #netlink: Netlink;
  readonly #interface: number;
  readonly #tables: () => Tables;
  readonly #tunnels: () => Iterable<HopTunnel>;
  /** By local and peer address: the neighbour on the way, null where the way is another interface's; until when. */
  readonly #routes = new Map<string, { hop: string | null; until: number }>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #neighbours: ReadonlyMap<string, Neighbour> = new Map();
  #deadline = Number.POSITIVE_INFINITY;

  /** @throws SystemError where there is no netlink */
  constructor(ffi: Ffi, interfaceIndex: number, tables: () => Tables, tunnels: () => Iterable<HopTunnel>) {
    this.#netlink = new Netlink(ffi);
    this.#interface = interfaceIndex;
    this.#tables = tables;
    this.#tunnels = tunnels;
  }
  /** The tables are there. */
  start(now: number): void {
    this.#deadline = now;
  }
  deadline(): number {
    return this.#deadline;
  }
  handleTimeout(now: number): void {
    if (now < this.#deadline) return;
    this.#deadline = now + LOOK_MS;
    try {
      this.#look(now);
      if (this.#routes.size > 65_536) this.#routes.clear();
      let asked = 0;
      for (const tunnel of this.#tunnels()) if (this.#set(tunnel, now, asked < ROUTES_PER_LOOK)) asked++;
    } catch {
      // No memory, or a dump that was cut short: the next look finds it.
    }
  }
  /** A tunnel is open. */
  add(tunnel: HopTunnel, now: number): void {
    try {
      this.#set(tunnel, now, true);
      const hop = this.#routes.get(keyOf(tunnel))?.hop ?? null;
      if (hop === null || this.#neighbours.has(hop) || now < this.#lookedAt + LOOK_AGAIN_MS) return;
      // Its set-up has just made the kernel resolve it.
      this.#look(now);
      this.#set(tunnel, now, false);
    } catch {
      this.#deadline = now;
    }
  }
  #look(now: number): void {
    this.#neighbours = this.#netlink.neighbours(this.#interface);
    this.#lookedAt = now;
  }
  /** @returns whether the kernel was asked for the route */
  #set(tunnel: HopTunnel, now: number, mayAsk: boolean): boolean {
    const { row, local, peer } = tunnel;
    if (parseIpv4(peer.address) === null || parseIpv4(local.address) === null) return false;
    const key = keyOf(tunnel);
    let route = this.#routes.get(key);
    let asked = false;
    if ((route === undefined || route.until <= now) && mayAsk) {
      asked = true;
      const found = this.#netlink.route(peer.address, local.address);
      route = {
        hop: found !== null && found.interface === this.#interface ? (found.gateway ?? peer.address) : null,
        until: now + ROUTE_MS,
      };
      this.#routes.set(key, route);
    }
    const hop = route?.hop ?? null;
    this.#tables().setNextHop(
      row,
      encodeSockaddr(local),
      hop === null ? null : (this.#neighbours.get(hop)?.mac ?? null),
    );
    return asked;
  }
  close(): void {
    this.#netlink.close();
  }
}

const keyOf = ({ local, peer }: HopTunnel): string => `${local.address} ${peer.address}`;
