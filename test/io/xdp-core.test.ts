// AF_XDP on the interface to the core: the kernel of the core host at the far end, the emulator at the near one.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LocalAaa } from '../../src/aaa/local.ts';
import type { AccessLine, AuthenticationResult, Credentials } from '../../src/aaa/types.ts';
import { Fib } from '../../src/dataplane/fib.ts';
import type { Lac } from '../../src/emulator/lac.ts';
import * as layout from '../../src/generated/layout.ts';
import type { LnsOptions } from '../../src/server/lns.ts';
import { formatIpv4 } from '../../src/wire/address.ts';
import { configuration, Pair } from '../server/pair.ts';
import { BEHIND, CORE, CoreLab, INSIDE } from '../support/core-lab.ts';
import { needs } from '../support/needs.ts';
import { checksumOf, data, hex, ipv4, toHex } from '../support/path.ts';
import { ip, LAC, LNS, within } from '../support/veth.ts';
import { XdpRings } from '../support/xdp-rings.ts';

const config = (client = ''): string =>
  configuration({ client: `shared-secret "test secret"; ${client}` }).replace('address 127.0.0.1', `address ${LNS}`);
async function pairOf(t: TestContext, lab: CoreLab, options: Partial<LnsOptions> = {}, client = ''): Promise<Pair> {
  const pair = await within(lab.lns, () =>
    Pair.start(config(client), { net: 'tun', tun: 'lns0', xdpCore: 'c1', shards: 1, ...options }),
  );
  t.after(() => pair.close());
  // The gateway's Ethernet address is asked for at the start.
  await pair.until(() => knowsHops(pair), 15_000);
  return pair;
}
/** Has the forwarding table a next hop in it? */
function knowsHops({ lns: { plane } }: Pair): boolean {
  const at = plane.plan.parts[layout.PART_FIB]!.offset;
  const view = new DataView(plane.memory.buffer);
  const current = view.getUint32(at + layout.FIB_CURRENT, true);
  const table = at + layout.FIB_TABLES + (current & 1) * layout.FIB_TABLE_SIZE;
  return Array.from({ length: (current >>> 1) & 0xffff }, (_, n) => n).some(
    (n) => view.getBigUint64(table + layout.FIB_HOPS + n * 8, true) !== 0n,
  );
}
const labOf = (t: TestContext): CoreLab => {
  const lab = new CoreLab();
  t.after(() => lab.close());
  return lab;
};
const echoes = (lab: CoreLab, pair: Pair, target = BEHIND, ...args: Parameters<Pair['dial']>): Promise<Lac> =>
  within(lab.lac, async () => {
    const [profile = {}, options = {}] = args;
    const lac = await pair.dial(profile, {
      localAddresses: [LAC],
      traffic: { kind: 'icmp', target, sizes: [64, 576, 1400], burst: 2, flows: 1 },
      ...options,
    });
    await lac.settled(10_000);
    return lac;
  });
const addressOf = (lac: Lac): string => formatIpv4(lac.calls[0]!.address);
const totals = (pair: Pair): Record<string, number> => {
  const all: Record<string, number> = { xdpCoreRx: 0, xdpCoreTx: 0 };
  for (let shard = 0; shard < pair.lns.plane.shards; shard++)
    for (const [name, value] of Object.entries(pair.lns.plane.counters(shard).totals))
      all[name] = (all[name] ?? 0) + value;
  return all;
};
/** Traffic, and how much of it went by the rings. */
async function carried(
  pair: Pair,
  lac: Lac,
  rate = 2000,
  ms = 400,
): Promise<{ sent: number; received: number; bad: number; up: number; down: number }> {
  lac.resetTraffic();
  const before = totals(pair);
  const { sent, received, bad } = await pair.traffic(lac, rate, ms);
  const after = totals(pair);
  return {
    sent,
    received,
    bad,
    up: after.xdpCoreTx! - before.xdpCoreTx!,
    down: after.xdpCoreRx! - before.xdpCoreRx!,
  };
}

/** Waits until what goes by the rings is as expected, all or nothing, each way. */
const becoming =
  (pair: Pair, lac: Lac) =>
  async (up: boolean, down: boolean, received: boolean, what: string): Promise<void> => {
    for (let tries = 0; ; tries++) {
      const seen = await carried(pair, lac, 1000, 200);
      const ok =
        seen.up === (up ? seen.sent : 0) &&
        seen.down === (down ? seen.sent : 0) &&
        seen.received === (received ? seen.sent : 0);
      if (ok) return;
      assert.ok(tries < 15, `${what}: ${JSON.stringify(seen)}`);
    }
  };

/** Every client has two networks behind it. */
class Networked extends LocalAaa {
  override judge(credentials: Credentials, line: AccessLine): AuthenticationResult {
    const result = super.judge(credentials, line);
    if (!result.passed) return result;
    const routes = [0x0a08_0000, 0x0a09_0000].map((address) => ({ address, length: 16, metric: 5 }));
    return { ...result, attributes: { ...result.attributes, framedRoutes: routes } };
  }
}

test('packets of clients leave and come by the rings, on both sides or this one alone', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  for (const xdp of [null, 'v1']) {
    const lab = labOf(t);
    const pair = await pairOf(t, lab, { xdp });
    const ready = pair.events.find(({ event }) => event === 'ready')!;
    assert.match(String(ready.fields.xdpCore), /^c1\/1\/copy$/);
    const lac = await echoes(lab, pair, BEHIND, { tunnels: 3, sessionsPerTunnel: 4 });
    assert.equal(lac.status.sessionsUp, 12);
    const { sent, received, bad, up, down } = await carried(pair, lac);
    assert.ok(sent > 300);
    assert.deepEqual([received, bad, up, down], [sent, 0, sent, sent], JSON.stringify(pair.drops()));
    assert.deepEqual(pair.drops(), {});
    // The neighbour itself, not behind a gateway.
    const near = await echoes(lab, pair, CORE);
    const direct = await carried(pair, near);
    assert.deepEqual([direct.received, direct.up, direct.down], [direct.sent, direct.sent, direct.sent]);
    // The host's own addresses are the kernel's, the one among the clients' too; and what is said of it is not ours.
    assert.match(lab.in(lab.core, 'ping', '-c', '2', '-i', '0.2', INSIDE), /2 received/);
    assert.match(lab.in(lab.core, 'ping', '-c', '2', '-i', '0.2', '100.64.255.1'), /2 received/);
    await pair.close();
    assert.ok(!ip('-n', lab.lns, 'link', 'show', 'c1').includes('xdp'));
  }
});

test('a time that has ended, a packet too large, an unknown neighbour: the kernel forwards, and says what there is to say', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const lab = labOf(t);
  const pair = await pairOf(t, lab);
  const lac = await echoes(lab, pair);
  // From the core: the kernel of the server's host answers for it.
  const address = addressOf(lac);
  const late = lab.tries(lab.core, 'ping', '-c', '1', '-W', '2', '-t', '1', address);
  assert.match(late, /Time to live exceeded/);
  // One hop more reaches the client, which does not answer pings of others.
  const before = totals(pair);
  lab.tries(lab.core, 'ping', '-c', '1', '-W', '1', '-t', '2', address);
  assert.equal(totals(pair).xdpCoreRx! - before.xdpCoreRx!, 1);
  // Nobody has this address: it is asked for on the wire by the kernel, and nothing goes by the ring.
  const nobody = await echoes(lab, pair, '198.51.100.99');
  const lost = await carried(pair, nobody, 200, 300);
  assert.deepEqual([lost.received, lost.up], [0, 0]);
  assert.deepEqual(pair.drops(), {});
});

test('routes, neighbours, rules and the switch for forwarding are followed while it runs', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const lab = labOf(t);
  const pair = await pairOf(t, lab);
  const lac = await echoes(lab, pair);
  const becomes = becoming(pair, lac);
  await becomes(true, true, true, 'at first');
  ip('-n', lab.lns, 'route', 'add', 'blackhole', `${BEHIND}/32`);
  await becomes(false, false, false, 'blackhole');
  ip('-n', lab.lns, 'route', 'del', 'blackhole', `${BEHIND}/32`);
  await becomes(true, true, true, 'blackhole gone');
  ip('-n', lab.lns, 'rule', 'add', 'from', '192.0.2.200', 'lookup', '100');
  await becomes(false, false, true, 'a rule');
  ip('-n', lab.lns, 'rule', 'del', 'from', '192.0.2.200', 'lookup', '100');
  await becomes(true, true, true, 'the rule gone');
  ip('-n', lab.core, 'link', 'set', 'c0', 'address', '02:00:00:00:00:77');
  ip('-n', lab.lns, 'neigh', 'flush', 'dev', 'c1');
  await becomes(true, true, true, 'another Ethernet address');
  lab.sysctl(lab.lns, 'net.ipv4.ip_forward=0');
  await becomes(false, false, false, 'no forwarding');
  lab.sysctl(lab.lns, 'net.ipv4.ip_forward=1');
  await becomes(true, true, true, 'forwarding again');
  // A network within the pool that is routed elsewhere is left alone.
  ip('-n', lab.lns, 'route', 'add', `${addressOf(lac)}/32`, 'via', CORE);
  await becomes(true, false, false, 'routed elsewhere');
  ip('-n', lab.lns, 'route', 'del', `${addressOf(lac)}/32`, 'via', CORE);
  await becomes(true, true, true, 'no longer');
  assert.deepEqual(
    pair.events.filter(({ event }) => event === 'xdp-core-idle').map(({ fields }) => fields.reason),
    ['rules', 'neighbours', 'forwarding'],
  );
});

test('the interface is followed: MTU, Ethernet address, reverse path filters, its end; so are nexthop objects', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const lab = labOf(t);
  const pair = await pairOf(t, lab);
  const lac = await echoes(lab, pair);
  const becomes = becoming(pair, lac);
  await becomes(true, true, true, 'at first');
  // Our own address as a source is none that the kernel lets in.
  ip('-n', lab.core, 'addr', 'add', '100.64.255.1/32', 'dev', 'lo');
  const before = totals(pair).xdpCoreRx!;
  lab.tries(lab.core, 'ping', '-c', '3', '-i', '0.2', '-W', '1', '-I', '100.64.255.1', addressOf(lac));
  assert.equal(totals(pair).xdpCoreRx!, before);
  ip('-n', lab.core, 'addr', 'del', '100.64.255.1/32', 'dev', 'lo');
  lab.sysctl(lab.lns, 'net.ipv4.conf.c1.rp_filter=1');
  await becomes(true, false, true, 'strict');
  lab.sysctl(lab.lns, 'net.ipv4.conf.c1.rp_filter=2');
  ip('-n', lab.lns, 'route', 'add', 'default', 'via', CORE);
  await becomes(true, true, true, 'loose, with a way to everywhere');
  ip('-n', lab.lns, 'route', 'del', 'default', 'via', CORE);
  lab.sysctl(lab.lns, 'net.ipv4.conf.c1.rp_filter=0');
  await becomes(true, true, true, 'none');
  ip('-n', lab.lns, 'link', 'set', 'c1', 'mtu', '1000');
  for (let tries = 0; ; tries++) {
    const { sent, up } = await carried(pair, lac, 1000, 200);
    // A third of the packets is larger.
    if (up < sent * 0.8 && up > sent * 0.5) break;
    assert.ok(tries < 15, `MTU: ${up} of ${sent}`);
  }
  ip('-n', lab.lns, 'link', 'set', 'c1', 'mtu', '1500');
  await becomes(true, true, true, 'MTU again');
  ip('-n', lab.lns, 'link', 'set', 'c1', 'address', '02:00:00:00:00:55');
  ip('-n', lab.core, 'neigh', 'flush', 'dev', 'c0');
  await becomes(true, true, true, 'another Ethernet address of ours');
  ip('-n', lab.lns, 'nexthop', 'add', 'id', '1', 'via', CORE, 'dev', 'c1');
  ip('-n', lab.lns, 'route', 'replace', '203.0.113.0/24', 'nhid', '1');
  await becomes(true, true, true, 'a nexthop object');
  ip('-n', lab.lns, 'nexthop', 'del', 'id', '1');
  await becomes(false, false, false, 'its route is gone with it');
  ip('-n', lab.lns, 'link', 'del', 'c1');
  await pair.until(() =>
    pair.events.some(({ event, fields }) => event === 'xdp-core-idle' && fields.reason === 'interface'),
  );
});

test('a client takes no address of the host, and no network that is routed elsewhere by a better route', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const lab = labOf(t);
  ip('-n', lab.lns, 'addr', 'add', '198.51.100.50/24', 'dev', 'c1');
  ip('-n', lab.lns, 'route', 'add', '10.9.0.0/16', 'via', CORE, 'metric', '20');
  const users = `client user { chap-secret "password"; pap-password "password"; ppp { framed-ip-address 198.51.100.50/32; } }`;
  const text = configuration({ client: 'shared-secret "test secret";', users }).replace(
    'address 127.0.0.1',
    `address ${LNS}`,
  );
  const pair = await within(lab.lns, () =>
    Pair.start(text, { net: 'tun', tun: 'lns0', xdpCore: 'c1', shards: 1, aaa: new Networked() }),
  );
  t.after(() => pair.close());
  await pair.until(() => knowsHops(pair), 15_000);
  const lac = await echoes(lab, pair);
  assert.equal(addressOf(lac), '198.51.100.50');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.match(lab.in(lab.core, 'ping', '-c', '2', '-i', '0.2', '198.51.100.50'), /2 received/);
  ip('-n', lab.core, 'route', 'add', '10.8.0.0/15', 'via', INSIDE);
  const rings = (address: string): number => {
    const before = totals(pair).xdpCoreRx!;
    lab.tries(lab.core, 'ping', '-c', '2', '-i', '0.2', '-W', '1', address);
    return totals(pair).xdpCoreRx! - before;
  };
  assert.equal(rings('10.8.0.1'), 2, 'the network behind the client');
  assert.equal(rings('10.9.0.1'), 0, 'the operator has another way');
  ip('-n', lab.lns, 'route', 'del', '10.9.0.0/16', 'via', CORE, 'metric', '20');
  for (let tries = 0; rings('10.9.0.1') === 0; tries++) {
    assert.ok(tries < 10);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
});

test('bundles, numbered data, several shards and commits: what another shard owns takes its way as ever', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  for (const [profile, client] of [
    [{ tunnels: 4, sessionsPerTunnel: 2, sequencing: true }, ''],
    [
      {
        tunnels: 6,
        sessionsPerTunnel: 3,
        groups: { kind: 'multilink', size: 3, spread: true, fragmentOctets: 200, shortSequence: false },
      },
      'multilink { fragment-threshold 256; }',
    ],
  ] as const) {
    const lab = labOf(t);
    const pair = await pairOf(t, lab, { shards: 2, xdp: 'v1' }, client);
    const lac = await echoes(lab, pair, BEHIND, profile);
    const { sent, received, bad, up, down } = await carried(pair, lac, 1000, 500);
    assert.ok(sent > 200);
    assert.deepEqual([received, bad, down], [sent, 0, sent], JSON.stringify(pair.drops()));
    // One queue, so one shard that sends by it: what the other owns, all of it perhaps, goes by the TUN device.
    assert.ok(up <= sent);
    // Another pool is taken up with the commit that brings it.
    const more = config(client).replace('address 100.64.0.0/16;', 'address 100.64.0.0/16; address 100.72.0.0/24;');
    await within(lab.lns, () => pair.change(more));
    const dropped = pair.drops()['no-route'] ?? 0;
    const pings = totals(pair).xdpCoreRx!;
    for (let tries = 0; (pair.drops()['no-route'] ?? 0) === dropped; tries++) {
      assert.ok(tries < 10);
      lab.tries(lab.core, 'ping', '-c', '1', '-W', '1', '100.72.0.9');
    }
    assert.ok(totals(pair).xdpCoreRx! > pings);
    await pair.close();
  }
});

test('a shard that ends is replaced, and goes on with the rings', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const lab = labOf(t);
  const pair = await pairOf(t, lab, { xdp: 'v1' });
  const lac = await echoes(lab, pair);
  for (const [n, how] of (['trap', 'exit'] as const).entries()) {
    lac.setTraffic(3000);
    await pair.until(() => lac.traffic.received > 100);
    pair.lns.plane.provoke(0, how);
    await pair.until(() => pair.events.filter(({ event }) => event === 'shard-replaced').length === n + 1);
    await pair.traffic(lac, 1000, 50);
    const { sent, received, up, down } = await carried(pair, lac);
    assert.deepEqual([received, up, down], [sent, sent, sent]);
  }
});

// The path by itself.

/** Ethernet around an IP packet. */
const framed = (packet: Uint8Array, ethernet = '020000000001 020000000002 0800'): Uint8Array =>
  new Uint8Array([...hex(ethernet), ...packet]);
const payload = new Uint8Array(64).map((_, n) => n);
/** UDP with the checksum of the pseudo header alone, as a sender leaves it to its device; `whole`: with the right one. */
function udp(source: number[], destination: number[], whole: boolean): Uint8Array {
  const octets = new Uint8Array(8 + payload.length);
  const view = new DataView(octets.buffer);
  view.setUint16(0, 5000);
  view.setUint16(2, 6000);
  view.setUint16(4, octets.length);
  octets.set(payload, 8);
  const pseudo = new Uint8Array([...source, ...destination, 0, 17, 0, octets.length]);
  view.setUint16(6, whole ? 0xffff - checksumOf(new Uint8Array([...pseudo, ...octets])) : checksumOf(pseudo));
  return octets;
}
const CLIENT = [100, 64, 0, 9];
const FAR = [203, 0, 113, 1];

test('a packet for a client loses a hop; a checksum left to a device is made; nothing in a frame is believed', () => {
  const rings = new XdpRings(layout.XDP_ROLE_CORE);
  const { path } = rings;
  path.session(path.tunnel(), 0x101, 9);
  const whole = ipv4(FAR, CLIENT, udp(FAR, CLIENT, true));
  const expected = whole.slice();
  expected[8] = 63;
  new DataView(expected.buffer).setUint16(10, 0);
  new DataView(expected.buffer).setUint16(10, 0xffff - checksumOf(expected.subarray(0, 20)));
  for (const [name, packet] of [
    ['whole', whole],
    ['left to a device', ipv4(FAR, CLIENT, udp(FAR, CLIENT, false))],
  ] as const) {
    assert.equal(rings.arrive(framed(packet)), 1);
    const [sent] = path.sent();
    assert.equal(toHex(sent!.octets).slice(-expected.length * 2), toHex(expected), name);
  }
  // Every time to live down to the last hop, and each carry of the checksum.
  for (let ttl = 2; ttl < 256; ttl++)
    for (const id of [0, 0x1fff, ttl * 257, 0xffff]) {
      const packet = ipv4(FAR, CLIENT, payload, { protocol: 99, id });
      packet[8] = ttl;
      new DataView(packet.buffer).setUint16(10, 0);
      new DataView(packet.buffer).setUint16(10, 0xffff - checksumOf(packet.subarray(0, 20)));
      rings.arrive(framed(packet));
      const inner = path.sent()[0]!.octets.slice(-packet.length);
      assert.equal(inner[8], ttl - 1);
      assert.equal(checksumOf(inner.subarray(0, 20)), 0xffff);
    }
  let bad = 0;
  const refuses = (name: string, frame: Uint8Array, length?: number, address?: bigint): void => {
    rings.arrive(frame, length, address);
    assert.equal(path.sent().length, 0, name);
    assert.equal(path.counter(layout.DROP_XDP_FRAME), ++bad, name);
  };
  const changed = (change: (octets: Uint8Array) => void): Uint8Array => {
    const frame = framed(whole);
    change(frame);
    return frame;
  };
  refuses('short', framed(whole), 33);
  refuses('empty', framed(whole), 0);
  refuses('longer than the memory', framed(whole), 0xffffffff);
  refuses('outside the memory', framed(whole), 64, BigInt(2 * 2048 * 2048));
  refuses('no IPv4', framed(whole, '020000000001 020000000002 86dd'));
  refuses(
    'options',
    changed((octets) => octets.set([0x46], 14)),
  );
  refuses(
    'version',
    changed((octets) => octets.set([0x65], 14)),
  );
  refuses(
    'time to live',
    changed((octets) => octets.set([1], 22)),
  );
  refuses(
    'Total Length too large',
    changed((octets) => octets.set([9, 0], 16)),
  );
  refuses(
    'Total Length too small',
    changed((octets) => octets.set([0, 19], 16)),
  );
  rings.arrive(changed((octets) => octets.set([7], 18)));
  assert.equal(path.counter(layout.DROP_XDP_CHECKSUM), 1, 'the header is damaged');
  assert.equal(path.sent().length, 0);
  // A fragment's first octets are no UDP header.
  const fragment = ipv4(FAR, CLIENT, udp(FAR, CLIENT, false), { flags: 0x0005 });
  rings.arrive(framed(fragment));
  assert.equal(toHex(path.sent()[0]!.octets.slice(-72)), toHex(udp(FAR, CLIENT, false)));
  // Each chunk went back, more often than there are.
  for (let n = 0; n < 5000; n++) rings.arrive(framed(whole));
  assert.equal(path.sent().length, 1);
});

test('a client’s packet leaves by the ring where the table has its next hop; all else is on the list for the TUN device', () => {
  const rings = new XdpRings(layout.XDP_ROLE_CORE);
  const { path } = rings;
  const tunnel = path.tunnel();
  path.session(tunnel, 0x101, 9);
  path.session(tunnel, 0x102, 10);
  const fib = new Fib(path.memory, path.plan, path.tables);
  const up = (packet: Uint8Array): number => {
    path.up(data(Buffer.concat([hex('ff030021'), packet])));
    return path.delivered().length;
  };
  const packet = ipv4(CLIENT, FAR, payload);
  assert.equal(up(packet), 1, 'no table');
  const next = new Uint8Array([2, 0, 0, 0, 0, 2]);
  const other = new Uint8Array([2, 0, 0, 0, 0, 3]);
  const all = { starts: [0, 0x0a000000, 0x0b000000, 0xcb007101, 0xcb007102], hops: [null, other, null, next, null] };
  assert.ok(fib.set(all));
  assert.equal(up(packet), 0);
  const frame = rings.frame(0);
  assert.equal(toHex(frame.subarray(0, 14)), '0200000000020200000000010800');
  assert.equal(frame[22], 63);
  assert.equal(checksumOf(frame.subarray(14, 34)), 0xffff);
  assert.equal(toHex(frame.subarray(34)), toHex(payload));
  assert.equal(up(ipv4(CLIENT, [10, 255, 255, 255], payload)), 0);
  assert.equal(toHex(rings.frame(1).subarray(0, 6)), toHex(other));
  let n = 2;
  for (const [name, other] of [
    ['before the range', ipv4(CLIENT, [203, 0, 113, 0], payload)],
    ['behind it', ipv4(CLIENT, [203, 0, 113, 2], payload)],
    ['the first of all', ipv4(CLIENT, [0, 0, 0, 0], payload)],
    ['the last of all', ipv4(CLIENT, [255, 255, 255, 255], payload)],
    ['options', ipv4(CLIENT, FAR, payload, { options: hex('01010101') })],
    ['larger than the MTU', ipv4(CLIENT, FAR, new Uint8Array(1481))],
  ] as const)
    assert.equal(up(other), 1, name);
  const last = packet.slice();
  last[8] = 1;
  assert.equal(up(last), 1, 'its time ends here');
  const damaged = packet.slice();
  damaged[11]! ^= 1;
  assert.equal(up(damaged), 1, 'a damaged header');
  assert.equal(path.wasm.xdpUntold(0), n);
  // The next table is in force at once; the one before it is not written over while a shard may read it.
  path.wasm.epochEnter();
  assert.ok(fib.set({ starts: [0], hops: [next] }));
  assert.equal(fib.set(all), false);
  path.wasm.epochLeave();
  assert.equal(up(ipv4(CLIENT, [8, 8, 8, 8], payload)), 0);
  n++;
  assert.equal(up(ipv4(CLIENT, [100, 64, 0, 10], payload)), 1, 'another client, whatever the table says');
  assert.ok(fib.set(all));
  assert.equal(up(ipv4(CLIENT, [8, 8, 8, 8], payload)), 1);
  for (; n < 2048; n++) up(packet);
  assert.equal(up(packet), 0);
  assert.equal(path.counter(layout.DROP_XDP_FULL), 1, 'not by another way, past those before it');
  rings.takeAll(2048);
  assert.equal(path.wasm.xdpUntold(0), 0);
  path.wasm.xdpTold(0);
  assert.equal(up(packet), 0);
  assert.equal(path.wasm.xdpUntold(0), 1);
  assert.equal(path.counter(layout.TOTAL_XDP_CORE_TX), 2049);
});
