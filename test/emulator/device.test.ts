// The clients' kernel interface, against our own server on loopback: the kernel's programs use the sessions.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ClientDevice } from '../../src/emulator/device.ts';
import type { DeviceOptions, Lac } from '../../src/emulator/lac.ts';
import { openFfi } from '../../src/io/ffi.ts';
import { NetworkNamespace } from '../../src/io/namespace.ts';
import { Rungs } from '../../src/io/rungs.ts';
import { openUdpSocket } from '../../src/io/udp.ts';
import { encodeSockaddr, formatIpv4 } from '../../src/wire/address.ts';
import { configuration, Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

const EVERYTHING = [{ address: '0.0.0.0', length: 0 }];
/** The embedded host behind the server answers on every address. */
const HOST = '192.0.2.7';
const device = (netns: string | null = '', routes = EVERYTHING): { device: DeviceOptions } => ({
  device: { name: 'lnst%d', netns, routes },
});
const inside = (lac: Lac, ...words: string[]): string =>
  lac.device!.inside(() => execFileSync(words[0]!, words.slice(1), { encoding: 'utf8', timeout: 20_000 }));
const addressesOf = (lac: Lac): string[] =>
  [...inside(lac, 'ip', '-4', '-o', 'addr', 'show', 'dev', lac.device!.name).matchAll(/inet ([\d.]+)\/32/g)].map(
    ([, address]) => address!,
  );
const mtuOf = (lac: Lac): number => Number(/mtu (\d+)/.exec(inside(lac, 'ip', 'link', 'show', lac.device!.name))![1]);
/** So many echoes, one after the other: ping waits for the last of a row only twice as long as for those before. */
function ping(lac: Lac, count: number, ...options: string[]): void {
  for (let n = 0; n < count; n++)
    assert.match(inside(lac, 'ping', '-q', '-c', '1', '-W', '10', ...options, HOST), / 1 received/);
}
async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 10_000; !condition(); ) {
    assert.ok(performance.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let pair: Pair;
before(async () => {
  const users =
    'client user { chap-secret "password"; } client same { chap-secret "password"; ppp { framed-ip-address 100.65.0.1/32; } }';
  pair = await Pair.start(configuration({ users }));
});
after(() => pair.close());

test('every session has its address on the device, and what a program sends from it goes by that session', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 2 }, { shards: 2, ...device() });
  assert.equal((await lac.settled(10_000)).sessionsUp, 4);
  const addresses = addressesOf(lac);
  assert.deepEqual([...addresses].sort(), [...lac.device!.addresses].sort());
  assert.equal(addresses.length, 4);
  assert.match(inside(lac, 'ip', 'route'), /^default dev lnst\d+/m);
  for (const [i, address] of lac.device!.addresses.entries()) {
    const count = 2 + i;
    ping(lac, count, '-I', address);
  }
  const carried = lac.calls.map((call) => lac.plane.tables.sessionCounters(call.row));
  assert.deepEqual(carried.map(({ txPackets }) => txPackets).sort(), [2, 3, 4, 5]);
  assert.deepEqual(carried.map(({ rxPackets }) => rxPackets).sort(), [2, 3, 4, 5]);
  await lac.stop();
});

for (const steering of [true, false])
  test(`what a session sends ${steering ? 'all comes to its shard, in order from the first packet on' : 'comes by flow, without steering'}`, async (t) => {
    if (!needs(t, 'root', 'ffi', 'ip')) return;
    const ffi = openFfi()!;
    const lac = await pair.dial({ tunnels: 4, sessionsPerTunnel: 1 }, { shards: 4, ...device(), rungs: { steering } });
    assert.equal((await lac.settled(10_000)).sessionsUp, 4);
    assert.equal(lac.rungs.inUse.includes('steering'), steering, lac.rungs.inUse);
    const taken = (): number[] => Array.from({ length: 4 }, (_, n) => lac.plane.counters(n).totals.accepted!);
    const to = new Uint8Array(encodeSockaddr({ address: HOST, port: 9 }));
    for (const call of lac.calls) {
      const before = taken();
      for (let n = 0; n < 64; n++) {
        const { fd } = lac.device!.inside(() => openUdpSocket(ffi, { address: formatIpv4(call.address), port: 0 }));
        assert.equal(ffi.sendto(fd, ffi.addressOf(to), 8, 0, ffi.addressOf(to), to.length), 8);
        ffi.close(fd);
      }
      const counts = (): number[] => taken().map((count, n) => count - before[n]!);
      const owner = lac.plane.tables.ownerShard(call.row);
      await until(() => counts().reduce((sum, count) => sum + count, 0) >= 64, 'all have come');
      if (steering) assert.ok(counts()[owner]! >= 64, `${owner}: ${counts()}`);
      else assert.ok(counts()[owner]! < 64, `${owner}: ${counts()}`);
    }
    await lac.stop();
  });

test("the device's MTU is the least that a session's ends take; larger packets come back as fragments", async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const lac = await pair.dial({}, { mru: 1400, ...device() });
  assert.equal((await lac.settled(10_000)).sessionsUp, 1);
  assert.equal(mtuOf(lac), 1400);
  assert.equal(lac.device!.mtu, 1400);
  ping(lac, 2, '-M', 'do', '-s', '1372');
  assert.throws(() => inside(lac, 'ping', '-q', '-c', '1', '-W', '1', '-M', 'do', '-s', '1373', HOST));
  await lac.stop();
});

test('a session that ends takes its address along; without any the routes stay, so that nothing goes another way', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const lac = await pair.dial({ sessionsPerTunnel: 2 }, device());
  assert.equal((await lac.settled(10_000)).sessionsUp, 2);
  const [first, second] = lac.calls;
  lac.hangUp(first!);
  await until(() => addressesOf(lac).length === 1, 'one address is gone');
  assert.equal(lac.device!.addresses.length, 1);
  lac.hangUp(second!);
  await until(() => addressesOf(lac).length === 0, 'both are gone');
  assert.match(inside(lac, 'ip', 'route'), /^default dev lnst\d+/m);
  await lac.stop();
});

test('a session that is dialled again brings its address back, and the routes work as before', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const lac = await pair.dial({}, { retryMs: 50, ...device() });
  assert.equal((await lac.settled(10_000)).sessionsUp, 1);
  const [first] = lac.calls;
  lac.hangUp(first!);
  await until(() => lac.calls.length === 1 && lac.calls[0] !== first, 'it is up again');
  assert.deepEqual(addressesOf(lac), lac.device!.addresses);
  ping(lac, 2);
  await lac.stop();
});

test('sessions that share an address have it once, until the last is gone; the last up carries', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const lac = await pair.dial({ sessionsPerTunnel: 2, user: 'same' }, device());
  assert.equal((await lac.settled(10_000)).sessionsUp, 2);
  assert.deepEqual(addressesOf(lac), ['100.65.0.1']);
  ping(lac, 2);
  const before = pair.lns.sessionsUp;
  const carrier = lac.calls.find((call) => lac.plane.tables.sessionCounters(call.row).txPackets > 0)!;
  lac.hangUp(carrier);
  await until(() => lac.status.sessionsUp === 1 && pair.lns.sessionsUp < before, 'one is left at both ends');
  assert.deepEqual(addressesOf(lac), ['100.65.0.1']);
  ping(lac, 2);
  await lac.stop();
});

test('a bundle of links over two tunnels is one interface; its packets go as fragments', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const bundled = await Pair.start(
    configuration({ client: 'shared-secret "test secret"; multilink { fragment-threshold 256; }' }),
  );
  try {
    const lac = await bundled.dial(
      {
        tunnels: 2,
        groups: { kind: 'multilink', size: 2, spread: true, fragmentOctets: 300, shortSequence: false },
      },
      device(),
    );
    assert.equal((await lac.settled(10_000)).sessionsUp, 2);
    assert.equal(lac.bundlesUp, 1);
    assert.equal(addressesOf(lac).length, 1);
    // Each end sends by a link that it has not heard yet only after a while; what comes before the link is a member is lost.
    await until(() => {
      inside(lac, 'sh', '-c', `ping -q -c 5 -i 0.01 -W 2 -s 1400 ${HOST} || true`);
      const links = lac.calls.map((call) => lac.plane.tables.sessionCounters(call.row));
      return links.every(({ txPackets, rxPackets }) => txPackets > 10 && rxPackets > 10);
    }, 'fragments by both links, both ways');
    ping(lac, 5, '-s', '1400');
    await lac.stop();
  } finally {
    await bundled.close();
  }
});

test('a namespace by name: the device is there and not here, and is gone at the end', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const name = `lnst${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  try {
    // A name that no other test's device has.
    const routes = [{ address: '192.0.2.0', length: 24 }];
    const lac = await pair.dial({}, { device: { name: `lnsd${process.pid}`, netns: name, routes } });
    assert.equal((await lac.settled(10_000)).sessionsUp, 1);
    assert.equal(lac.device!.netns, name);
    const words = (...rest: string[]): string => execFileSync('ip', ['-n', name, ...rest], { encoding: 'utf8' });
    assert.match(words('route'), new RegExp(`^192\\.0\\.2\\.0/24 dev ${lac.device!.name} `, 'm'));
    assert.equal(existsSync(`/sys/class/net/${lac.device!.name}`), false);
    const there = ['netns', 'exec', name, 'ping', '-q', '-c', '1', '-W', '10', HOST];
    assert.match(execFileSync('ip', there, { encoding: 'utf8' }), / 1 received/);
    await lac.stop();
    assert.doesNotMatch(words('-br', 'link'), /lnsd/);
  } finally {
    execFileSync('ip', ['netns', 'del', name]);
  }
});

test('what cannot be had is said: no such namespace, a name in use, a prefix that has a route', (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const ffi = openFfi()!;
  const open = (options: Partial<DeviceOptions>): ClientDevice =>
    ClientDevice.open(ffi, { name: 'lnst%d', netns: '', routes: [], ...options }, 1, 64, Rungs.probe(ffi));
  assert.throws(() => open({ netns: 'no-such-space' }), /there is no network namespace 'no-such-space': ip netns add/);
  assert.throws(() => open({ name: 'sixteen-letters-' }), /is no name for a network device/);
  const space = `lnst${process.pid}x`;
  execFileSync('ip', ['netns', 'add', space]);
  try {
    const first = open({ name: 'lnst', netns: space, routes: [{ address: '10.1.0.0', length: 16 }] });
    try {
      assert.throws(() => open({ name: 'lnst', netns: space }), /there is a device of this name/);
      assert.throws(
        () => open({ netns: space, routes: [{ address: '10.1.0.0', length: 16 }] }),
        /route 10\.1\.0\.0\/16: exists already/,
      );
    } finally {
      first.close();
    }
    assert.equal(execFileSync('ip', ['-n', space, '-br', 'link'], { encoding: 'utf8' }).includes('lnst'), false);
  } finally {
    execFileSync('ip', ['netns', 'del', space]);
  }
});

test('a thread is where it was before, whatever happened in the namespace', (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const links = (): string => execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' });
  const before = links();
  const space = NetworkNamespace.create(openFfi()!);
  assert.match(space.run(links), /^lo\s+\S+\s+\S+ <LOOPBACK,UP/m);
  assert.equal(space.run(links).trim().split('\n').length, 1);
  assert.throws(
    () =>
      space.run(() => {
        throw new Error('inside');
      }),
    /inside/,
  );
  assert.equal(links(), before);
  space.close();
});
