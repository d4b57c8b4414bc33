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
  table: 'local',
  address: address!,
  length: length!,
  metric: 0,
  tos: false,
  kind: 'other',
  interface: 0,
  gateway: null,
}));

/** A prefix's place in a set or map. */
export const prefixKey = (address: number, length: number): number => address * 64 + length;
const lastOf = ({ address, length }: { address: number; length: number }): number => address + 2 ** (32 - length) - 1;

/** Of one table's routes of a prefix the one that the kernel takes; where it looks at more than the destination, none of them. */
export function best(routes: Iterable<KernelRoute>): KernelRoute[] {
  const found = new Map<number, KernelRoute>();
  for (const route of routes) {
    const key = prefixKey(route.address, route.length);
    const other = found.get(key);
    if (other === undefined) found.set(key, route.tos ? { ...route, kind: 'other' } : route);
    else if (route.tos || other.tos) found.set(key, { ...other, tos: true, kind: 'other' });
    else if (route.metric < other.metric) found.set(key, route);
  }
  return [...found.values()].sort((a, b) => a.address - b.address || a.length - b.length);
}

/** What a table says of a destination: nothing, the kernel's affair, or a next hop. */
type Answer = undefined | null | Uint8Array;
interface Answers {
  readonly starts: number[];
  readonly answers: Answer[];
}
const END = 0x1_0000_0000;

/** Ranges in ascending order, of which those that say the same become one. */
class RangeList implements Answers {
  readonly starts: number[] = [];
  readonly answers: Answer[] = [];
  /** From here on; what was said of the same start before does not count. */
  push(start: number, answer: Answer): void {
    if (this.starts.at(-1) === start) {
      this.starts.pop();
      this.answers.pop();
    }
    if (start >= END || (this.starts.length > 0 && this.answers.at(-1) === answer)) return;
    this.starts.push(start);
    this.answers.push(answer);
  }
}

/** One table: the longest prefix decides. */
function answersOf(
  routes: Iterable<KernelRoute>,
  interfaceIndex: number,
  neighbours: ReadonlyMap<string, Neighbour>,
  hosts: readonly { address: number; text: string; mac: Uint8Array }[],
  gateways: Set<string>,
): Answers {
  const list = new RangeList();
  /** The prefixes that the present place lies in, the longest last. `link`: its hosts are the interface's neighbours. */
  const open: { last: number; answer: Answer; link: boolean }[] = [{ last: END - 1, answer: undefined, link: false }];
  const closeBefore = (address: number): void => {
    while (open.length > 1 && open.at(-1)!.last < address) {
      const { last } = open.pop()!;
      list.push(last + 1, open.at(-1)!.answer);
    }
  };
  const enter = (address: number, last: number, answer: Answer, link: boolean): void => {
    closeBefore(address);
    open.push({ last, answer, link });
    list.push(address, answer);
  };
  let next = 0;
  const hostsBefore = (until: number): void => {
    for (; next < hosts.length && hosts[next]!.address < until; next++) {
      const { address, text, mac } = hosts[next]!;
      closeBefore(address);
      if (!open.at(-1)!.link) continue;
      enter(address, address, mac, false);
      gateways.add(text);
    }
  };
  list.push(0, undefined);
  for (const route of best(routes)) {
    hostsBefore(route.address);
    const ours = route.kind === 'unicast' && route.interface === interfaceIndex;
    if (ours && route.gateway !== null) gateways.add(route.gateway);
    const hop = ours && route.gateway !== null ? (neighbours.get(route.gateway)?.mac ?? null) : null;
    enter(route.address, lastOf(route), hop, ours && route.gateway === null);
  }
  hostsBefore(END);
  closeBefore(END);
  return list;
}
/** `first` where it says something, else `second`. */
function overlaid(first: Answers, second: Answers): Answers {
  const list = new RangeList();
  let [a, b] = [0, 0];
  for (let start = 0; start < END; ) {
    while (a + 1 < first.starts.length && first.starts[a + 1]! <= start) a++;
    while (b + 1 < second.starts.length && second.starts[b + 1]! <= start) b++;
    const answer = first.answers[a];
    list.push(start, answer === undefined ? second.answers[b] : answer);
    start = Math.min(first.starts[a + 1] ?? END, second.starts[b + 1] ?? END);
  }
  return list;
}

/**
 * Which destinations leave by an interface, and to which of its neighbours: the tables in their order, in each the longest
 * prefix, as the kernel does. Where a route is anything but one plain way by that interface to a neighbour that is known, the
 * kernel is to forward. (A kernel that never had a rule of its own looks for the longest prefix in the local and main tables
 * together: what a shorter prefix of the local table covers is left to it.)
 */
export function forwardingBy(
  interfaceIndex: number,
  routes: Iterable<KernelRoute>,
  neighbours: ReadonlyMap<string, Neighbour>,
): Forwarding {
  const gateways = new Set<string>();
  const hosts = [...neighbours].map(([text, { mac }]) => ({ address: parseIpv4(text)!, text, mac }));
  hosts.sort((a, b) => a.address - b.address);
  const all = [...routes];
  const answers = (table: KernelRoute['table'], more: readonly KernelRoute[] = []): Answers =>
    answersOf([...more, ...all.filter((route) => route.table === table)], interfaceIndex, neighbours, hosts, gateways);
  const list = overlaid(answers('local', NEVER), overlaid(answers('main'), answers('default')));
  const ranges = new RangeList();
  for (const [n, start] of list.starts.entries()) ranges.push(start, list.answers[n] ?? null);
  return { ranges: { starts: ranges.starts, hops: ranges.answers as (Uint8Array | null)[] }, gateways };
}

/**
 * Prefixes at or inside those of the clients by which packets go elsewhere: the host's own addresses, and what is routed
 * another way, or is nobody's.
 * @param lengths of the clients' prefixes
 * @param metricOf metric of the route to a prefix of the clients, which others of the same prefix may beat; undefined: it is not one
 */
export function foreignIn(
  routes: Iterable<KernelRoute>,
  device: number,
  lengths: Iterable<number>,
  metricOf: (key: number) => number | undefined,
): Prefix[] {
  const others = [...routes].filter((route) => !(route.kind === 'unicast' && route.interface === device));
  const shorter = [...lengths];
  const found = new Map<number, Prefix>();
  for (const { address, length, table, metric, tos } of others) {
    if (table === 'default') continue;
    const key = prefixKey(address, length);
    const own = metricOf(key);
    const beats = own !== undefined && (table === 'local' || tos || metric < own);
    const inside =
      own === undefined &&
      shorter.some((one) => one < length && metricOf(prefixKey(maskTo(address, one), one)) !== undefined);
    if (beats || inside) found.set(key, { address: formatIpv4(address), length });
  }
  return [...found.values()];
}

/** The first address of the prefix of that length that an address lies in. */
export const maskTo = (address: number, length: number): number =>
  length === 0 ? 0 : address - (address % 2 ** (32 - length));
