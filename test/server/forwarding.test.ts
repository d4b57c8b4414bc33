// The forwarding table of the interface to the core, against a look at every route.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ranges } from '../../src/dataplane/fib.ts';
import type { KernelRoute, Neighbour } from '../../src/io/netlink.ts';
import { foreignIn, forwardingBy, maskTo, prefixKey } from '../../src/server/forwarding.ts';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.ts';
import { SeededRandom } from '../../src/wire/random.ts';

const CORE = 7;
const OTHER = 8;
const route = (text: string, more: Partial<KernelRoute> = {}): KernelRoute => {
  const [address, length] = text.split('/');
  return {
    table: more.kind === 'local' || more.kind === 'broadcast' ? 'local' : 'main',
    tos: false,
    address: parseIpv4(address!)!,
    length: Number(length),
    metric: 0,
    kind: 'unicast',
    interface: CORE,
    gateway: null,
    ...more,
  };
};
const mac = (last: number): Uint8Array => new Uint8Array([2, 0, 0, 0, 0, last]);
const neighbours = (known: Record<string, number>): Map<string, Neighbour> =>
  new Map(Object.entries(known).map(([address, last]) => [address, { mac: mac(last), sure: true }]));
const hopIn = ({ starts, hops }: Ranges, text: string): number | null => {
  const address = parseIpv4(text)!;
  let at = 0;
  while (at + 1 < starts.length && starts[at + 1]! <= address) at++;
  return hops[at]?.[5] ?? null;
};

test('the longest prefix decides; what is not one plain way by the interface is the kernel’s', () => {
  const routes = [
    route('0.0.0.0/0', { gateway: '198.51.100.2' }),
    route('198.51.100.0/24'),
    route('198.51.100.1/32', { kind: 'local' }),
    route('198.51.100.255/32', { kind: 'broadcast' }),
    route('203.0.113.0/24', { gateway: '198.51.100.3' }),
    route('203.0.113.64/26', { interface: OTHER }),
    route('203.0.113.128/25', { kind: 'other' }),
    route('203.0.113.130/32', { gateway: '198.51.100.9' }),
    route('100.64.0.0/16', { interface: OTHER }),
    // Of one prefix the lower metric.
    route('192.0.2.0/24', { gateway: '198.51.100.3', metric: 20 }),
    route('192.0.2.0/24', { gateway: '198.51.100.2', metric: 10 }),
    // A route to multicast is a way for nobody.
    route('224.0.0.0/4', { gateway: '198.51.100.2' }),
  ];
  const { ranges, gateways } = forwardingBy(
    CORE,
    routes,
    neighbours({ '198.51.100.2': 2, '198.51.100.3': 3, '198.51.100.77': 77, '198.51.100.1': 1, '203.0.113.5': 5 }),
  );
  for (const [address, hop] of [
    ['8.8.8.8', 2],
    ['198.51.100.2', 2],
    ['198.51.100.77', 77],
    ['198.51.100.78', null],
    ['198.51.100.1', null],
    ['198.51.100.255', null],
    ['198.51.101.0', 2],
    ['203.0.113.0', 3],
    // A neighbour's entry outside of the interface's own networks says nothing.
    ['203.0.113.5', 3],
    ['203.0.113.63', 3],
    ['203.0.113.64', null],
    ['203.0.113.127', null],
    ['203.0.113.128', null],
    ['203.0.113.130', null],
    ['203.0.113.255', null],
    ['203.0.114.0', 2],
    ['100.64.0.1', null],
    ['192.0.2.1', 2],
    ['127.0.0.1', null],
    ['0.1.2.3', null],
    ['224.0.0.5', null],
    ['255.255.255.255', null],
    ['223.255.255.255', 2],
  ] as const)
    assert.equal(hopIn(ranges, address), hop, address);
  assert.deepEqual([...gateways].sort(), [
    '198.51.100.1',
    '198.51.100.2',
    '198.51.100.3',
    '198.51.100.77',
    '198.51.100.9',
  ]);
  assert.deepEqual(forwardingBy(CORE, [], neighbours({})).ranges, { starts: [0], hops: [null] });
});

test('any routes and neighbours: ranges say of each address what a look at every route says', () => {
  const random = new SeededRandom(11);
  for (let round = 0; round < 300; round++) {
    const place = (): number => (0x0a000000 + (random.u32() % 4096)) >>> 0;
    const gateways = Array.from({ length: 4 }, () => formatIpv4(place()));
    const known = neighbours(
      Object.fromEntries(Array.from({ length: random.u32() % 6 }, (_, n) => [formatIpv4(place()), n + 1])),
    );
    for (const [n, gateway] of gateways.entries()) if (n > 0) known.set(gateway, { mac: mac(100 + n), sure: n > 1 });
    const routes = Array.from({ length: random.u32() % 24 }, () => {
      const length = [0, 8, 20, 22, 24, 26, 28, 30, 31, 32][random.u32() % 10]!;
      const kind = (['unicast', 'unicast', 'unicast', 'local', 'broadcast', 'other'] as const)[random.u32() % 6]!;
      return route(`${formatIpv4(maskTo(place(), length))}/${length}`, {
        metric: random.u32() % 3,
        kind,
        ...(kind === 'unicast' && random.u32() % 8 === 0 ? { table: 'default' } : {}),
        tos: random.u32() % 12 === 0,
        interface: random.u32() % 3 === 0 ? OTHER : CORE,
        gateway: random.u32() % 2 === 0 ? gateways[random.u32() % 4]! : null,
      });
    });
    const { ranges } = forwardingBy(CORE, routes, known);
    assert.equal(ranges.starts[0], 0);
    for (let n = 1; n < ranges.starts.length; n++) {
      assert.ok(ranges.starts[n]! > ranges.starts[n - 1]!);
      assert.notEqual(ranges.hops[n], ranges.hops[n - 1]);
    }
    for (let tried = 0; tried < 60; tried++) {
      const address = tried < 30 ? place() : (ranges.starts[random.u32() % ranges.starts.length]! - (tried & 1)) >>> 0;
      const text = formatIpv4(address);
      const matching = routes.filter((one) => maskTo(address, one.length) === one.address);
      const table = (['local', 'main', 'default'] as const).find((name) => matching.some((one) => one.table === name));
      const inTable = matching.filter((one) => one.table === table);
      const longest = Math.max(...inTable.map(({ length }) => length));
      const [won, ...others] = inTable.filter(({ length }) => length === longest).sort((a, b) => a.metric - b.metric);
      const plain = won?.kind === 'unicast' && won.interface === CORE && ![won, ...others].some(({ tos }) => tos);
      const never = address >>> 24 === 0 || address >>> 24 === 127 || address >>> 24 >= 224;
      const hop = plain && !never ? known.get(won.gateway ?? text)?.mac : null;
      assert.equal(hopIn(ranges, text), hop?.[5] ?? null, `round ${round}, ${text}`);
    }
  }
});

test('what is not the clients’ inside their prefixes: own addresses, and what is routed elsewhere', () => {
  const clients = new Set([prefixKey(parseIpv4('100.64.0.0')!, 16), prefixKey(parseIpv4('192.0.2.128')!, 25)]);
  const found = foreignIn(
    [
      route('0.0.0.0/0'),
      route('100.64.0.0/16', { interface: OTHER }),
      route('100.64.255.1/32', { kind: 'local', interface: OTHER }),
      route('100.64.7.0/24'),
      route('100.64.8.0/24', { interface: OTHER }),
      route('192.0.2.0/24'),
      route('192.0.2.200/32', { kind: 'other' }),
      route('198.51.100.1/32', { kind: 'local' }),
    ],
    OTHER,
    [16, 25],
    (key) => (clients.has(key) ? 0 : undefined),
  );
  assert.deepEqual(found, [
    { address: '100.64.255.1', length: 32 },
    { address: '100.64.7.0', length: 24 },
    { address: '192.0.2.200', length: 32 },
  ]);
});

test('of one prefix the better route decides whose it is; the local table always', () => {
  const key = (text: string): number => prefixKey(parseIpv4(text.split('/')[0]!)!, Number(text.split('/')[1]));
  const metrics = new Map([
    [key('10.9.0.0/16'), 1029],
    [key('10.8.0.0/16'), 0],
    [key('198.51.100.50/32'), 0],
  ]);
  const found = foreignIn(
    [
      route('10.9.0.0/16', { metric: 0 }),
      route('10.8.0.0/16', { metric: 5 }),
      route('198.51.100.50/32', { kind: 'local' }),
      route('10.8.7.0/24', { table: 'default' }),
    ],
    OTHER,
    [16, 32],
    (prefix) => metrics.get(prefix),
  );
  assert.deepEqual(found, [
    { address: '10.9.0.0', length: 16 },
    { address: '198.51.100.50', length: 32 },
  ]);
});
