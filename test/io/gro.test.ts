import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as layout from '../../src/generated/layout.ts';
import { MSG_DONTWAIT } from '../../src/io/ffi.ts';
import { Rungs } from '../../src/io/rungs.ts';
import { isSpread, SPREAD_FROM } from '../../src/io/steering.ts';
import { openUdpSocket } from '../../src/io/udp.ts';
import { TunnelIdPool } from '../../src/server/ids.ts';
import { encodeSockaddr } from '../../src/wire/address.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { Pair } from '../server/pair.ts';
import { data, ipv4, pppIp, sockaddr, TestPath, toHex } from '../support/path.ts';
import { Bench, until } from './planes.ts';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/** Lays `segments` back to back into receive slot `slot`, as recvmmsg does with UDP_GRO. */
function run(path: TestPath, slot: number, size: number, segments: Uint8Array[]): void {
  const rx = path.plan.parts[layout.PART_RX]!.offset;
  const octets = Buffer.concat(segments);
  path.octets.set(octets, rx + layout.RX_SLOTS + layout.HEADROOM + slot * layout.SLOT_SIZE_GRO);
  path.octets.set(sockaddr(192, 0, 2, 1, 1701), rx + layout.RX_NAMES + slot * layout.SOCKADDR_SIZE);
  const message = rx + layout.RX_MESSAGES + slot * layout.MMSGHDR_SIZE;
  path.view.setUint32(message + 48, 0, true);
  path.view.setUint32(message + 56, octets.length, true);
  path.view.setBigUint64(message + 40, 20n, true);
  const cmsg = rx + layout.RX_CONTROLS + slot * layout.CMSG_SIZE;
  path.view.setBigUint64(cmsg, 20n, true);
  path.view.setInt32(cmsg + 8, SOL_UDP, true);
  path.view.setInt32(cmsg + 12, 104, true);
  path.view.setInt32(cmsg + 16, size, true);
}
const control = (tunnel: number, size: number): Uint8Array => {
  const octets = new Uint8Array(size).fill(0x5c);
  octets.set([0xc8, 2, size >>> 8, size & 255, tunnel >>> 8, tunnel & 255, 0, 0, 0, 1, 0, 1]);
  return octets;
};
const packetOf = (client: number, number: number, octets: number): Uint8Array =>
  ipv4(
    [100, 64, 0, client],
    [192, 0, 2, 7],
    new Uint8Array(octets - 20).map((_, i) => (i * 7 + number * 13) & 255),
    {
      id: number,
    },
  );

test('every segment of a merged run is looked at: sessions of two tunnels, control messages, a stranger, a runt', () => {
  const path = new TestPath();
  path.wasm.receivePrepare(1);
  const first = path.tunnel();
  const second = path.tunnel(0x2222, 0x3333);
  path.session(first, 0x0101, 1);
  path.session(second, 0x0202, 2);
  const one = (number: number) => data(pppIp(packetOf(1, number, 60)));
  const two = (number: number) => data(pppIp(packetOf(2, number, 60)), { tunnel: 0x2222, session: 0x0202 });
  const size = one(0).length;
  const stranger = data(pppIp(packetOf(3, 9, 60)), { tunnel: 0x7777 });
  const segments = [one(1), two(2), control(0x1234, size), one(3), stranger, two(4), control(0x2222, size), one(5)];
  run(path, 0, size, [...segments, new Uint8Array([0x00, 0x02])]);
  path.wasm.transmitReset();
  assert.equal(path.wasm.upstream(0, 1, 0), 1);
  assert.deepEqual(
    path.delivered().map(toHex),
    [packetOf(1, 1, 60), packetOf(2, 2, 60), packetOf(1, 3, 60), packetOf(2, 4, 60), packetOf(1, 5, 60)].map(toHex),
  );
  assert.deepEqual(
    path.punted().map(({ head, payload }) => [head.kind, toHex(payload.subarray(layout.SOCKADDR_SIZE))]),
    [control(0x1234, size), control(0x2222, size)].map((one) => [layout.RECORD_CONTROL, toHex(one)]),
  );
  assert.equal(path.counter(layout.DROP_TUNNEL), 1);
  assert.equal(path.counter(layout.DROP_RUNT), 1);
  assert.equal(path.counter(layout.TOTAL_RX_RUNS), 1);
  assert.equal(path.counter(layout.TOTAL_RX_RUN_CONTROL), 2);
  assert.equal(path.counter(layout.TOTAL_RX_DATAGRAMS), 9);
});

test('runs larger than the lists are taken in parts: nothing is lost, doubled or out of order', () => {
  for (const core of [layout.CORE_TUN, layout.CORE_EMBEDDED]) {
    const path = new TestPath(core);
    path.wasm.receivePrepare(1);
    path.session(path.tunnel(), 0x0101, 1, { acfc: true, pfc: true });
    const wanted: string[] = [];
    const got: string[] = [];
    const size = data(pppIp(packetOf(1, 0, 40), { acfc: true, pfc: true })).length;
    for (let slot = 0; slot < layout.BATCH; slot++) {
      const packets = Array.from({ length: 64 }, (_, i) => {
        const udp = new Uint8Array(20).map((_, at) =>
          at < 8 ? [0x80, 1, 0, 7, 0, 20, 0, 0][at]! : (i + at + slot) & 255,
        );
        return ipv4([100, 64, 0, 1], [192, 0, 2, 7], udp, { id: slot * 64 + i });
      });
      run(
        path,
        slot,
        size,
        packets.map((packet) => data(pppIp(packet, { acfc: true, pfc: true }))),
      );
      for (const packet of packets) wanted.push(toHex(packet));
    }
    let calls = 0;
    for (let at = 0; at < layout.BATCH; calls++) {
      assert.ok(calls < 200);
      path.wasm.transmitReset();
      at = path.wasm.upstream(at, layout.BATCH, 0);
      if (core === layout.CORE_TUN) got.push(...path.delivered().map(toHex));
      else
        got.push(
          ...path.sent().map(({ octets }) => {
            // The echo turned back: addresses and ports exchanged.
            const packet = new Uint8Array(octets.subarray(9));
            packet.set(octets.subarray(9 + 12, 9 + 16), 16);
            packet.set(octets.subarray(9 + 16, 9 + 20), 12);
            packet.set(octets.subarray(9 + 20, 9 + 22), 22);
            packet.set(octets.subarray(9 + 22, 9 + 24), 20);
            return toHex(packet);
          }),
        );
    }
    assert.equal(got.length, wanted.length);
    assert.deepEqual(got, wanted);
    if (core === layout.CORE_EMBEDDED) assert.ok(calls > 2);
  }
});

test('with UDP_GRO all tunnels of one peer address and port have Tunnel IDs of one shard', () => {
  const pool = new TunnelIdPool(new SeededRandom(1), 4, true);
  const peers = Array.from({ length: 8 }, (_, i) => ({ address: '192.0.2.1', port: 1701 + i }));
  const shards = new Map<number, Set<number>>();
  const ids: number[] = [];
  for (let turn = 0; turn < 50; turn++)
    for (const peer of peers) {
      const id = pool.allocate(peer);
      ids.push(id);
      shards.set(peer.port, (shards.get(peer.port) ?? new Set()).add(id % 4));
    }
  assert.equal(new Set(ids).size, 400);
  assert.ok([...shards.values()].every((of) => of.size === 1));
  // Peers are dealt to the shards in turn.
  assert.deepEqual(
    [0, 1, 2, 3].map((shard) => [...shards.values()].filter((of) => of.has(shard)).length),
    [2, 2, 2, 2],
  );
  for (const id of ids) pool.release(id);
  assert.equal(pool.inUse, 0);
  // Its shard's IDs are used up: then those whose sessions are never merged, then none; never another shard's.
  const one = new TunnelIdPool(new SeededRandom(1), 4, true);
  const given: number[] = [];
  for (let id = one.allocate(peers[0]!); id !== 0; id = one.allocate(peers[0]!)) given.push(id);
  const own = given.filter((id) => !isSpread(id));
  assert.ok(own.length === SPREAD_FROM / 4 || own.length === SPREAD_FROM / 4 - 1);
  assert.equal(new Set(own.map((id) => id % 4)).size, 1);
  assert.equal(given.length - own.length, 65536 - SPREAD_FROM);
  assert.notEqual(one.allocate(peers[1]!), 0);
  // Without it they are dealt to all.
  const plain = new TunnelIdPool(new SeededRandom(1), 4);
  assert.deepEqual(new Set(Array.from({ length: 4 }, () => plain.allocate(peers[0]!) % 4)), new Set([0, 1, 2, 3]));
});

/** Sends `segments` of one size as one UDP_SEGMENT message and takes what comes back for `ms`. */
async function exchange(bench: Bench, runs: Uint8Array[][], expected: number): Promise<Uint8Array[]> {
  const { ffi } = bench;
  const from = openUdpSocket(ffi, { address: '127.0.0.1', port: 0 });
  const tunnel = bench.tunnel(0x1234, 0x5678, { address: '127.0.0.1', port: from.port });
  bench.session(tunnel, 0x0101, 0x1101, '100.64.0.1');
  const to = encodeSockaddr(bench.address);
  const back: Uint8Array[] = [];
  try {
    for (const segments of runs) {
      const size = new Int32Array([segments[0]!.length]);
      if (ffi.setsockopt(from.fd, SOL_UDP, UDP_SEGMENT, ffi.addressOf(size), 4) < 0) throw ffi.error('UDP_SEGMENT');
      const octets = new Uint8Array(Buffer.concat(segments));
      const sent = ffi.sendto(from.fd, ffi.addressOf(octets), octets.length, 0, ffi.addressOf(to), to.length);
      assert.equal(sent, octets.length);
    }
    const buffer: Uint8Array = new Uint8Array(2048);
    await until(() => {
      for (;;) {
        const octets = ffi.recv(from.fd, ffi.addressOf(buffer), buffer.length, MSG_DONTWAIT);
        if (octets < 0) return back.length >= expected;
        back.push(buffer.slice(0, octets));
      }
    }, `echoes ${expected}`);
    return back;
  } finally {
    ffi.close(from.fd);
  }
}
const echo = (number: number): Uint8Array =>
  ipv4(
    [100, 64, 0, 1],
    [192, 0, 2, 7],
    new Uint8Array(60).map((_, i) => (i < 8 ? [0x80, 1, 0, 7, 0, 60, 0, 0][i]! : (i * 3 + number) & 255)),
    { id: number },
  );

for (const gro of [true, false])
  test(`kernel, ${gro ? 'UDP_GRO' : 'without it'}: control inside a run reaches the main thread, data of a run begun by control its shard`, async (t: TestContext) => {
    const bench = await Bench.open(t, { shards: 2, core: 'embedded', gro });
    if (bench === null) return;
    try {
      const message = (number: number) => data(pppIp(echo(number)));
      const size = message(0).length;
      const runs = [
        Array.from({ length: 40 }, (_, i) => (i === 7 || i === 30 ? control(0x1234, size) : message(i))),
        Array.from({ length: 40 }, (_, i) => message(100 + i)),
      ];
      const back = await exchange(bench, runs, 78);
      const numbers = [...Array.from({ length: 40 }, (_, i) => i).filter((i) => i !== 7 && i !== 30)];
      for (let i = 0; i < 40; i++) numbers.push(100 + i);
      assert.deepEqual(
        back.map((octets) => toHex(octets.subarray(12 + 28))),
        numbers.map((number) => toHex(echo(number).subarray(28))),
      );
      await until(() => bench.controls.length === 2, 'control messages');
      for (const { octets } of bench.controls) assert.equal(toHex(octets), toHex(control(0x1234, size)));
      assert.deepEqual(bench.drops(), {});
      assert.equal(bench.sum('rxRuns') > 0, gro);
    } finally {
      await bench.close();
    }
  });

test('a server says which rungs it uses and what it lacks; every packet comes back through either', async (t) => {
  for (const rungs of [{}, { gro: false }, { gro: false, gso: false }]) {
    const pair = await Pair.start(undefined, { rungs });
    try {
      const lac = await pair.dial({ tunnels: 3, sessionsPerTunnel: 4 }, { ports: 1 });
      assert.equal((await lac.settled(5000)).sessionsUp, 12);
      const { sent, received, bad, reordered } = await pair.traffic(lac, 20_000, 300);
      assert.ok(sent > 1000);
      assert.deepEqual([received, bad, reordered], [sent, 0, 0]);
      const ready = pair.events.find((one) => one.event === 'ready')!.fields;
      const probed = Rungs.probe(pair.lns.plane === null ? null : (await import('../../src/io/ffi.ts')).openFfi());
      if (probed.has('gso') && probed.has('gro')) {
        const names = String(ready.rungs).split('+');
        assert.equal(names.includes('gro'), rungs.gro !== false);
        assert.equal(names.includes('gso'), !('gso' in rungs));
        assert.equal(/gro:option/.test(String(ready.without)), rungs.gro === false);
      } else t.diagnostic(`kernel lacks ${probed.missing}`);
      const shards = [...pair.lns.tunnels.keys()].map((id) => id % 2);
      if (pair.lns.rungs.has('gro')) assert.equal(new Set(shards).size, 1);
    } finally {
      await pair.close();
    }
  }
});
