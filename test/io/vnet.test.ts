import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFfi } from '../../src/io/ffi.ts';
import { Tun } from '../../src/io/tun.ts';
import { needs } from '../support/needs.ts';
import { Spaces, type SpacesOptions } from './spaces.ts';

const MIB = 1 << 20;

async function carry(spaces: Spaces): Promise<void> {
  const { left, right } = spaces;
  // TCP both ways at once: each end's hash is the other's.
  const sinks = [spaces.run(right, 'tcp-sink', 5001), spaces.run(left, 'tcp-sink', 5002)];
  await Promise.all(sinks.map((one) => one.listening));
  const sources = [
    spaces.run(left, 'tcp-source', right.address, 5001, 48 * MIB),
    spaces.run(right, 'tcp-source', left.address, 5002, 48 * MIB),
  ];
  const sent = await Promise.all(sources.map((one) => one.result));
  assert.deepEqual(await Promise.all(sinks.map((one) => one.result)), sent);
  // UDP in runs, singly, and small.
  for (const [count, size, run] of [
    [6000, 1300, 20],
    [300, 800, 1],
    [6000, 60, 40],
  ] as const)
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      const sink = spaces.run(to, 'udp-sink', 6000, count);
      await sink.listening;
      assert.deepEqual(await spaces.run(from, 'udp-source', to.address, 6000, count, size, run).result, {
        sent: count,
      });
      assert.deepEqual(await sink.result, { received: count, bad: 0, reordered: 0 });
    }
  for (const side of [left, right]) {
    assert.equal(spaces.counter(side, 'Tcp', 'InCsumErrors'), 0);
    assert.equal(spaces.counter(side, 'Udp', 'InCsumErrors'), 0);
    assert.equal(spaces.counter(side, 'Ip', 'InHdrErrors'), 0);
    const drops = side.bench.drops();
    delete drops['send-buffer'];
    assert.deepEqual(drops, {});
  }
}

const LADDER: Record<string, SpacesOptions> = {
  'super-packets of TCP and UDP, UDP_GRO': { gro: true, vnetHdr: true },
  'super-packets of TCP alone': { gro: true, vnetHdr: true, uso: false },
  'super-packets, every datagram received by itself, two shards': { gro: false, vnetHdr: true, shards: 2 },
  'the plain device': { gro: false, vnetHdr: false },
};
for (const [name, options] of Object.entries(LADDER))
  test(`kernel at both ends, ${name}: every octet arrives, every checksum holds, nothing is reordered`, async (t) => {
    const spaces = await Spaces.open(t, options);
    if (spaces === null) return;
    try {
      await carry(spaces);
      for (const { bench, tun } of [spaces.left, spaces.right]) {
        assert.equal(tun.offload.vnetHdr, options.vnetHdr);
        if (!options.vnetHdr) assert.equal(bench.sum('coreRunsIn') + bench.sum('coreRunsOut'), 0);
        else {
          assert.ok(bench.sum('coreRunsIn') > 500, 'super-packets came from the kernel');
          assert.ok(bench.sum('coreRunsOut') > 100, 'super-packets went to the kernel');
        }
        assert.equal(bench.sum('rxRuns') > 0, options.gro);
      }
    } finally {
      await spaces.close();
    }
  });

test('a device without super-packets is opened where they are not wanted, and says what it has', (t) => {
  if (!needs(t, 'root')) return;
  for (const vnetHdr of [true, false]) {
    const tun = Tun.open(openFfi()!, { name: 'lnsv%d', queues: 2, mtu: 1500, addresses: [], vnetHdr, uso: vnetHdr });
    tun.close();
    assert.equal(tun.offload.vnetHdr, vnetHdr);
    assert.equal(tun.offload.usoError, '');
    assert.equal(tun.fds.length, 2);
  }
});
