import type { KernelRoute, Prefix, RefusedRoute } from '../io/netlink.ts';
import type { Tun } from '../io/tun.ts';
import type { PrefixOwner, XdpClients } from '../io/xdp-clients.ts';
import { formatIpv4, parseIpv4 } from '../wire/address.ts';
import { foreignIn, prefixKey } from './forwarding.ts';
import { FRAMED_METRIC } from './routes.ts';

/**
 * What the program at the core's interface knows of addresses: the clients' prefixes, as they have routes to the TUN device,
 * but not what in them is the host's own, routed elsewhere, or reached by a better route.
 */
export class ClientPrefixes {
  readonly #program: XdpClients;
  /** What the clients are reached by: the routes to the TUN device, with their metrics. */
  readonly #prefixes = new Map<number, Prefix>();
  /** How many of each length. */
  readonly #lengths = new Map<number, number>();
  /** What the program has been told; nothing before `takeUp` says so. */
  readonly #told = new Map<number, { readonly prefix: Prefix; readonly whose: PrefixOwner }>();
  /** Prefixes of the kernel's other routes. */
  #others: ReadonlySet<number> = new Set();
  #takesUp = false;
  /** Something has changed that the kernel's routes decide. */
  stale = false;

  constructor(program: XdpClients) {
    this.#program = program;
  }
  /** The TUN device as those see it who make routes to clients. */
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
  has(address: number, length: number): boolean {
    return this.#prefixes.has(prefixKey(address, length));
  }
  /** Is it the route to a client or a network behind one? Those are in the tables of sessions. */
  isOneClients({ kind, address, length, metric }: KernelRoute): boolean {
    if (kind !== 'unicast') return false;
    const own = this.#metricOf(prefixKey(address, length));
    return own === metric && (length === 32 || metric >= FRAMED_METRIC);
  }
  #metricOf(key: number): number | undefined {
    const prefix = this.#prefixes.get(key);
    return prefix === undefined ? undefined : (prefix.metric ?? 0);
  }
  #added(prefixes: readonly Prefix[], refused: readonly RefusedRoute[]): void {
    const without = new Set(refused.map(({ prefix }) => prefix));
    for (const prefix of prefixes) {
      const key = keyOf(prefix);
      if (without.has(prefix) || this.#prefixes.has(key)) continue;
      this.#prefixes.set(key, prefix);
      this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
      const known = this.#told.has(key) || this.#others.has(key);
      if (this.#takesUp && !known) this.#say(prefix, 'clients');
      // What is not the clients' in it is found out with the next table.
      if (prefix.length < 32 || known) this.stale = true;
    }
  }
  #remove(prefix: Prefix): void {
    const key = keyOf(prefix);
    if (!this.#prefixes.delete(key)) return;
    const left = this.#lengths.get(prefix.length)! - 1;
    if (left === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, left);
    if (this.#told.get(key)?.whose === 'clients') this.#say(prefix, null);
    // It may have taken the place of another.
    if (prefix.length < 32 || this.#others.has(key)) this.stale = true;
  }
  /** @param whose null: nothing is said of it any more */
  #say(prefix: Prefix, whose: PrefixOwner | null): void {
    const key = keyOf(prefix);
    let told = whose;
    try {
      if (whose === null) this.#program.unset(prefix);
      else this.#program.set(prefix, whose);
    } catch {
      // No room: what is for it takes the kernel's way.
      told = null;
    }
    if (told === null) this.#told.delete(key);
    else this.#told.set(key, { prefix, whose: told });
  }
  /**
   * Brings what the program takes off the interface up to date.
   * @param down whether it takes up anything  @param routes the kernel's  @param device the TUN device
   */
  takeUp(down: boolean, routes: readonly KernelRoute[], device: number): void {
    this.#takesUp = down;
    this.stale = false;
    this.#others = new Set(down ? routes.map(({ address, length }) => prefixKey(address, length)) : []);
    const wanted = new Map<number, { prefix: Prefix; whose: PrefixOwner }>();
    if (down) {
      for (const [key, prefix] of this.#prefixes) wanted.set(key, { prefix, whose: 'clients' });
      for (const prefix of foreignIn(routes, device, this.#lengths.keys(), (key) => this.#metricOf(key)))
        wanted.set(keyOf(prefix), { prefix, whose: 'foreign' });
      for (const { kind, address, length } of routes)
        if (kind === 'local' && length === 32)
          wanted.set(prefixKey(address, length), { prefix: { address: formatIpv4(address), length }, whose: 'own' });
    }
    for (const [key, { prefix }] of [...this.#told]) if (!wanted.has(key)) this.#say(prefix, null);
    for (const [key, { prefix, whose }] of wanted) if (this.#told.get(key)?.whose !== whose) this.#say(prefix, whose);
  }
  /** The program is gone. */
  close(): void {
    this.#takesUp = false;
    this.#told.clear();
  }
}

const keyOf = ({ address, length }: Prefix): number => prefixKey(parseIpv4(address)!, length);
