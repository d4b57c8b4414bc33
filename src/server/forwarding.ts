import type { Ranges } from '../dataplane/fib.ts';
import type { KernelRoute, Neighbour, Prefix } from '../io/netlink.ts';
import { formatIpv4, parseIpv4 } from '../wire/address.ts';

/** What the kernel would do with a packet, and what the path can do by itself. */
export interface Forwarding {
  readonly ranges: Ranges;
  /** Neighbours that packets are sent to, or would be if their Ethernet addresses were known; in text. */
  readonly gateways: ReadonlySet<string>;
}

/** Destinations that are left to the kernel whatever a route says: RFC 1122 section 3.2.1.3, RFC 1112. */
const NEVER: readonly KernelRoute[] = [
  [0x0000_0000, 8],
  [0x7f00_0000, 8],
  [0xe000_0000, 3],
].map(([address, length]) => ({
  address: address!,
  length: length!,
  metric: Number.NEGATIVE_INFINITY,
  kind: 'other',
  interface: 0,
  gateway: null,
}));

/** A prefix's place in a set or map. */
export const prefixKey = (address: number, length: number): number => address * 64 + length;
const lastOf = ({ address, length }: { address: number; length: number }): number => address + 2 ** (32 - length) - 1;

function* outsideOf(prefixes: readonly KernelRoute[], routes: Iterable<KernelRoute>): Generator<KernelRoute> {
  for (const route of routes)
    if (!prefixes.some(({ address, length }) => length <= route.length && maskTo(route.address, length) === address))
      yield route;
}
/** Of the routes of one prefix the one that the kernel takes. */
function best(routes: Iterable<KernelRoute>): KernelRoute[] {
  const found = new Map<number, KernelRoute>();
  for (const route of routes) {
    const key = prefixKey(route.address, route.length);
    const other = found.get(key);
    if (other === undefined || route.metric < other.metric) found.set(key, route);
  }
  return [...found.values()].sort((a, b) => a.address - b.address || a.length - b.length);
}

/**
 * Which destinations leave by an interface, and to which of its neighbours: the longest prefix decides, as the kernel does.
 * Where a route is anything but one plain way by that interface to a neighbour that is known, the kernel is to forward.
 */
export function forwardingBy(
  interfaceIndex: number,
  routes: Iterable<KernelRoute>,
  neighbours: ReadonlyMap<string, Neighbour>,
): Forwarding {
  const gateways = new Set<string>();
  const starts: number[] = [];
  const hops: (Uint8Array | null)[] = [];
  const emit = (start: number, hop: Uint8Array | null): void => {
    if (starts.at(-1) === start) {
      starts.pop();
      hops.pop();
    }
    if (starts.length > 0 && hops.at(-1) === hop) return;
    starts.push(start);
    hops.push(hop);
  };
  /** The prefixes that the present place lies in, the longest last. */
  const open: { last: number; hop: Uint8Array | null }[] = [{ last: 0xffff_ffff, hop: null }];
  const closeBefore = (address: number): void => {
    while (open.length > 1 && open.at(-1)!.last < address) {
      const { last } = open.pop()!;
      emit(last + 1, open.at(-1)!.hop);
    }
  };
  const enter = (address: number, last: number, hop: Uint8Array | null): void => {
    closeBefore(address);
    open.push({ last, hop });
    emit(address, hop);
  };
  const known = [...neighbours].map(([text, { mac }]) => ({ address: parseIpv4(text)!, text, mac }));
  known.sort((a, b) => a.address - b.address);
  const links: { last: number; kind: 'link' | 'other' }[] = [];
  let next = 0;
  /** Hosts of a network that is the interface's own, before `until`. */
  const hostsBefore = (until: number): void => {
    for (; next < known.length && known[next]!.address < until; next++) {
      const { address, text, mac } = known[next]!;
      while (links.length > 0 && links.at(-1)!.last < address) links.pop();
      if (links.at(-1)?.kind !== 'link') continue;
      enter(address, address, mac);
      gateways.add(text);
    }
  };
  emit(0, null);
  for (const route of best([...NEVER, ...outsideOf(NEVER, routes)])) {
    hostsBefore(route.address);
    while (links.length > 0 && links.at(-1)!.last < route.address) links.pop();
    const last = lastOf(route);
    const ours = route.kind === 'unicast' && route.interface === interfaceIndex;
    links.push({ last, kind: ours && route.gateway === null ? 'link' : 'other' });
    if (ours && route.gateway !== null) gateways.add(route.gateway);
    enter(route.address, last, ours && route.gateway !== null ? (neighbours.get(route.gateway)?.mac ?? null) : null);
  }
  hostsBefore(0x1_0000_0000);
  closeBefore(0x1_0000_0000);
  if (starts.at(-1)! > 0xffff_ffff) {
    starts.pop();
    hops.pop();
  }
  return { ranges: { starts, hops }, gateways };
}

/**
 * Prefixes inside those of the clients that are not theirs: the host's own addresses, and what is routed elsewhere.
 * @param lengths of the clients' prefixes  @param isClients whether a prefix is one
 */
export function foreignIn(
  routes: Iterable<KernelRoute>,
  device: number,
  lengths: Iterable<number>,
  isClients: (key: number) => boolean,
): Prefix[] {
  const shorter = [...lengths];
  const found: Prefix[] = [];
  for (const { address, length, interface: out, kind } of best(routes)) {
    if (kind === 'unicast' && out === device) continue;
    const inside = shorter.some((one) => one < length && isClients(prefixKey(maskTo(address, one), one)));
    if (inside) found.push({ address: formatIpv4(address), length });
  }
  return found;
}

/** The first address of the prefix of that length that an address lies in. */
export const maskTo = (address: number, length: number): number =>
  length === 0 ? 0 : address - (address % 2 ** (32 - length));
