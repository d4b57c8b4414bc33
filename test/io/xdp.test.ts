// AF_XDP on a veth pair: the server's end in one network namespace, the emulator's in another.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Lac } from '../../src/emulator/lac.ts';
import * as layout from '../../src/generated/layout.ts';
import { assemble, Bpf, MAP_HASH, PROGRAM_XDP } from '../../src/io/bpf.ts';
import { openFfi } from '../../src/io/ffi.ts';
import type { LnsOptions } from '../../src/server/lns.ts';
import { configuration, Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';
import { checksumOf, data, hex, ipv4 } from '../support/path.ts';
import { ip, LAC, LNS, Veth, within } from '../support/veth.ts';
import { XdpRings } from '../support/xdp-rings.ts';

function vethOf(t: TestContext, mtu = 1500): Veth {
  const veth = new Veth(mtu);
  t.after(() => veth.close());
  return veth;
}
const config = (client = ''): string =>
  configuration({ client: `shared-secret "test secret"; ${client}` }).replace('address 127.0.0.1', `address ${LNS}`);
async function pairOf(t: TestContext, veth: Veth, options: Partial<LnsOptions> = {}, client = ''): Promise<Pair> {
  const pair = await within(veth.lns, () => Pair.start(config(client), { xdp: 'v1', shards: 1, ...options }));
  t.after(() => pair.close());
  return pair;
}
const dialled = (veth: Veth, pair: Pair, ...args: Parameters<Pair['dial']>): Promise<Lac> =>
  within(veth.lac, async () => {
    const [profile = {}, options = {}] = args;
    const lac = await pair.dial(profile, { localAddresses: [LAC], ...options });
    await lac.settled(10_000);
    return lac;
  });
const totals = (pair: Pair): Record<string, number> => {
  const all: Record<string, number> = {};
  for (let shard = 0; shard < pair.lns.plane.shards; shard++)
    for (const [name, value] of Object.entries(pair.lns.plane.counters(shard).totals))
      all[name] = (all[name] ?? 0) + value;
  return all;
};
const ready = (pair: Pair): unknown => pair.events.find(({ event }) => event === 'ready')?.fields.xdp;

test('data comes and goes by the rings, every octet as it was sent; all else goes on to the kernel', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const veth = vethOf(t);
  const pair = await pairOf(t, veth);
  assert.match(String(ready(pair)), /^v1\/1\/copy$/);
  assert.ok(veth.program());
  const lac = await dialled(
    veth,
    pair,
    { tunnels: 3, sessionsPerTunnel: 4 },
    { traffic: { kind: 'udp', target: '192.0.2.7', sizes: [64, 65, 576, 1400], burst: 5, flows: 3 } },
  );
  assert.equal(lac.status.sessionsUp, 12);
  lac.resetTraffic();
  const before = totals(pair);
  const { sent, received, reordered, duplicates, bad } = await pair.traffic(lac, 5000, 600);
  assert.ok(sent > 1000);
  assert.deepEqual([received, reordered, duplicates, bad], [sent, 0, 0, 0]);
  const after = totals(pair);
  // Checked at both ends: our checksums by the kernel of the other end, its by us.
  assert.equal(after.xdpRx! - before.xdpRx!, sent);
  assert.equal(after.xdpTx! - before.xdpTx!, sent);
  assert.deepEqual(pair.drops(), {});
  // ARP and ICMP are the kernel's.
  const ping = execFileSync('ip', ['netns', 'exec', veth.lac, 'ping', '-c', '3', '-i', '0.2', '-s', '1400', LNS], {
    encoding: 'utf8',
  });
  assert.match(ping, /3 packets transmitted, 3 received/);
  await lac.stop();
  await pair.close();
  assert.ok(!veth.program(), 'the program is gone with the server');
});

test('bundles, numbered data and several shards: what is for another shard, or too large, takes its way as ever', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  for (const [profile, client, sizes] of [
    [{ tunnels: 4, sessionsPerTunnel: 2, sequencing: true }, '', [64, 1400]],
    [
      {
        tunnels: 6,
        sessionsPerTunnel: 3,
        groups: { kind: 'multilink', size: 3, spread: true, fragmentOctets: 200, shortSequence: false },
      },
      'multilink { fragment-threshold 256; }',
      [64, 1400],
    ],
    // With its headers a packet of 1,500 octets is larger than the interface's MTU: the kernel makes fragments of it.
    [{ tunnels: 2, sessionsPerTunnel: 2 }, '', [1500]],
  ] as const) {
    const veth = vethOf(t);
    const pair = await pairOf(t, veth, { shards: 2 }, client);
    assert.equal(ready(pair), 'v1/1/copy', JSON.stringify(pair.events));
    const lac = await dialled(veth, pair, profile, {
      traffic: { kind: 'udp', target: '192.0.2.7', sizes, burst: 2, flows: 1 },
    });
    // Once, on a machine that stalled, part of them came by the sockets: nothing is ever lost, and in the end the rings have all.
    for (let tries = 0; ; tries++) {
      lac.resetTraffic();
      const before = totals(pair);
      const { sent, received, bad } = await pair.traffic(lac, 1000, 500);
      assert.ok(sent > 200);
      assert.deepEqual([received, bad], [sent, 0], JSON.stringify([profile, pair.drops()]));
      const after = totals(pair);
      const byRings = after.xdpRx! - before.xdpRx!;
      if (sizes[0] === 1500) assert.equal(byRings, 0);
      if (sizes[0] === 1500 || byRings >= sent) break;
      t.diagnostic(`${byRings} of ${sent} came by the rings: ${JSON.stringify([before, after])}`);
      assert.ok(tries < 3);
    }
    await pair.close();
  }
});

test('a shard that ends is replaced, and goes on with the rings', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const veth = vethOf(t);
  const pair = await pairOf(t, veth);
  const lac = await dialled(veth, pair, { tunnels: 2, sessionsPerTunnel: 2 });
  for (let n = 1; n <= 3; n++) {
    lac.setTraffic(5000);
    await pair.until(() => lac.traffic.received > 100);
    pair.lns.plane.provoke(0, n === 2 ? 'exit' : 'trap');
    await pair.until(() => pair.events.filter(({ event }) => event === 'shard-replaced').length === n);
    // Until what was under way has come, or is lost with the shard.
    await pair.traffic(lac, 1000, 50);
    lac.resetTraffic();
    const before = totals(pair).xdpRx!;
    const { sent, received } = await pair.traffic(lac, 2000, 300);
    assert.ok(sent > 100);
    assert.equal(received, sent);
    assert.ok(totals(pair).xdpRx! - before >= sent);
  }
});

test('gateways come and go with commits; a neighbour that changes its address is found again', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const veth = vethOf(t);
  ip('-n', veth.lns, 'addr', 'add', '192.0.2.19/28', 'dev', 'v1');
  const pair = await pairOf(t, veth);
  const second = config().replace(
    /(tunnel-group test \{[^}]*\})/,
    (group) => `${group} ${group.replace('test', 'more').replace(LNS, '192.0.2.19')}`,
  );
  await within(veth.lns, () => pair.change(second));
  const lac = await dialled(veth, pair, { server: pair.gateway('192.0.2.19') });
  const before = totals(pair).xdpRx!;
  const first = await pair.traffic(lac, 1000, 300);
  assert.equal(first.received, first.sent);
  assert.ok(totals(pair).xdpRx! - before >= first.sent);
  ip('-n', veth.lac, 'link', 'set', 'v0', 'address', '02:00:00:00:00:99');
  ip('-n', veth.lns, 'neigh', 'flush', 'dev', 'v1');
  // The kernel asks for the neighbour when a control message goes there, and we take what it knows.
  execFileSync('ip', ['netns', 'exec', veth.lac, 'ping', '-c', '1', '192.0.2.19']);
  // Within a second or two: until then frames go to the old address.
  for (let tries = 0; ; tries++) {
    lac.resetTraffic();
    const sentBy = totals(pair).xdpTx!;
    const again = await pair.traffic(lac, 1000, 200);
    if (again.received === again.sent && totals(pair).xdpTx! - sentBy >= again.sent) break;
    assert.ok(tries < 20, JSON.stringify(again));
  }
});

test('what cannot be served is said, and the sockets do the work; an interface that is not there is a mistake', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const veth = vethOf(t, 9000);
  const pair = await pairOf(t, veth);
  const told = pair.events.find(({ event }) => event === 'xdp-unavailable');
  assert.match(String(told?.fields.reason), /its MTU of 9000 is too large/);
  const lac = await dialled(veth, pair);
  const { sent, received } = await pair.traffic(lac, 1000, 200);
  assert.ok(sent > 50);
  assert.equal(received, sent);
  assert.equal(totals(pair).xdpRx, 0);
  await assert.rejects(
    within(veth.lns, () => Pair.start(config(), { xdp: 'nowhere0' })),
    /interface nowhere0: not found \(ENODEV\)/,
  );
});

test('a server that is killed leaves no program at the interface', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const veth = vethOf(t);
  const folder = mkdtempSync(join(tmpdir(), 'lns-xdp-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'lns.conf'), config());
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const child: ChildProcess = spawn(
    'ip',
    [
      ...['netns', 'exec', veth.lns, process.execPath, main, 'run', join(folder, 'lns.conf'), '--net', 'embedded'],
      ...['--xdp', 'v1', '--socket', join(folder, 's')],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(' ready ')) resolve();
    });
    child.once('exit', () => reject(new Error(output)));
  });
  assert.match(output, /xdp=v1\/1\//);
  assert.ok(veth.program());
  child.removeAllListeners('exit');
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  for (let tries = 0; tries < 100 && veth.program(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(!veth.program());
});

/** Ethernet, IPv4 and UDP around an L2TP message from 192.0.2.1. */
function frameOf(
  message: Uint8Array,
  change: (frame: Uint8Array, view: DataView) => void = () => undefined,
): Uint8Array {
  const udp = new Uint8Array(8 + message.length);
  const view = new DataView(udp.buffer);
  view.setUint16(0, 1701);
  view.setUint16(2, 1701);
  view.setUint16(4, udp.length);
  udp.set(message, 8);
  const packet = ipv4([192, 0, 2, 1], [192, 0, 2, 17], udp);
  const pseudo = new Uint8Array([...packet.subarray(12, 20), 0, 17, udp.length >>> 8, udp.length & 255]);
  let sum = checksumOf(new Uint8Array([...pseudo, ...udp]));
  sum = 0xffff - sum;
  new DataView(packet.buffer).setUint16(26, sum === 0 ? 0xffff : sum);
  const frame = new Uint8Array([...hex('020000000001020000000002 0800'), ...packet]);
  change(frame, new DataView(frame.buffer));
  return frame;
}

test('nothing in a frame is believed: what does not fit is dropped and counted, and the ring goes on', () => {
  const rings = new XdpRings(layout.XDP_ROLE_ACCESS);
  const { path, block } = rings;
  const arrive = rings.arrive.bind(rings);
  path.session(path.tunnel(), 0x101, 9);
  const inner = ipv4([100, 64, 0, 9], [203, 0, 113, 1], hex('00112233'));
  const message = data(Buffer.concat([hex('ff030021'), inner]));
  assert.equal(arrive(frameOf(message)), 1);
  assert.equal(path.delivered().length, 1);
  const frame = frameOf(message);
  const bad: [string, Uint8Array, number?, bigint?][] = [
    ['short', frame, 41],
    ['empty', frame, 0],
    ['longer than the memory', frame, 0xffffffff],
    ['outside the memory', frame, 64, BigInt(2 * 2048 * 2048)],
    ['at its very end', frame, 64, BigInt(2 * 2048 * 2048 - 10)],
    ['far outside', frame, 64, 0xffff_ffff_ffff_0000n],
    ['VLAN', frameOf(message, (octets) => octets.set([0x81, 0], 12))],
    ['options', frameOf(message, (octets) => octets.set([0x46], 14))],
    ['TCP', frameOf(message, (octets) => octets.set([6], 23))],
    ['a fragment', frameOf(message, (octets) => octets.set([0x20], 20))],
    ['Total Length', frameOf(message, (_, view) => view.setUint16(16, 1400))],
    ['UDP length', frameOf(message, (_, view) => view.setUint16(38, 1400))],
    ['UDP length below its header', frameOf(message, (_, view) => view.setUint16(38, 7))],
  ];
  for (const [n, [name, octets, length, address]] of bad.entries()) {
    assert.equal(arrive(octets, length, address), 1, name);
    assert.equal(path.delivered().length, 0, name);
    assert.equal(path.counter(layout.DROP_XDP_FRAME), n + 1, name);
  }
  const flipped = frameOf(message, (octets) => {
    octets[octets.length - 1]! ^= 1;
  });
  arrive(flipped);
  assert.equal(path.counter(layout.DROP_XDP_CHECKSUM), 1);
  assert.equal(path.delivered().length, 0);
  arrive(frameOf(message, (_, view) => view.setUint16(40, 0)));
  assert.equal(path.delivered().length, 1, 'no checksum is none');
  // Each chunk went back, more often than there are.
  for (let n = 0; n < 5000; n++) arrive(frame);
  assert.equal(path.delivered().length, 1);
  assert.equal(path.view.getUint32(block + layout.XDP_FILL, true), 2048 + 5000 + bad.length + 3);
});

test('a datagram to a known neighbour is a whole frame; without one, too large, or with a full ring it takes the socket', () => {
  const rings = new XdpRings(layout.XDP_ROLE_ACCESS);
  const { path } = rings;
  const tunnel = path.tunnel();
  path.session(tunnel, 0x101, 9);
  const packet = ipv4(
    [203, 0, 113, 1],
    [100, 64, 0, 9],
    new Uint8Array(100).map((_, n) => n),
  );
  path.down(packet);
  assert.equal(path.sent().length, 1);
  path.tables.setNextHop(
    tunnel,
    new Uint8Array([2, 0, 6, 165, 192, 0, 2, 17, 0, 0, 0, 0, 0, 0, 0, 0]),
    hex('020000000002'),
  );
  path.down(packet);
  assert.equal(path.sent().length, 0);
  assert.equal(path.wasm.xdpUntold(0), 1);
  const frame = rings.frame(0);
  assert.equal(Buffer.from(frame.subarray(0, 14)).toString('hex'), '0200000000020200000000010800');
  const ipHeader = frame.subarray(14, 34);
  assert.equal(checksumOf(ipHeader), 0xffff);
  const udp = frame.subarray(34);
  const pseudo = new Uint8Array([...ipHeader.subarray(12), 0, 17, udp.length >>> 8, udp.length & 255]);
  assert.equal(checksumOf(new Uint8Array([...pseudo, ...udp])), 0xffff);
  assert.deepEqual([...ipHeader.subarray(12)], [192, 0, 2, 17, 192, 0, 2, 1]);
  path.down(packet.slice());
  for (let n = 2; n < 2048; n++) path.down(packet);
  assert.equal(path.wasm.xdpUntold(0), 2048);
  path.down(packet);
  assert.equal(path.sent().length, 1, 'the ring is full');
  rings.takeAll(2048);
  assert.equal(path.wasm.xdpUntold(0), 0);
  path.wasm.xdpTold(0);
  path.down(packet);
  assert.equal(path.sent().length, 0);
  path.tables.setNextHop(tunnel, new Uint8Array(16), null);
  path.down(packet);
  assert.equal(path.sent().length, 1);
});

test('the assembler says what it does not know; the verifier says what it does not like', (t) => {
  assert.throws(() => assemble([['dance', 1]]), /no instruction dance/);
  assert.throws(() => assemble([['ja', 'nowhere']]), /no label nowhere/);
  assert.deepEqual([...assemble([['mov', 0, 2], ['exit']])], [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
  if (!needs(t, 'root', 'ffi')) return;
  const ffi = openFfi()!;
  const bpf = new Bpf(ffi);
  assert.throws(() => bpf.load(PROGRAM_XDP, 37, [['movx', 0, 5], ['exit']]), /BPF program: .*R5 !read_ok/s);
  const map = bpf.createMap(MAP_HASH, 4, 4, 8);
  bpf.update(map, new Uint8Array(4), new Uint8Array(4));
  bpf.remove(map, new Uint8Array(4));
  bpf.remove(map, new Uint8Array(4));
  ffi.close(map);
});
