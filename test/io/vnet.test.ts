import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as layout from '../../src/generated/layout.ts';
import { openFfi } from '../../src/io/ffi.ts';
import { Tun } from '../../src/io/tun.ts';
import { Uring } from '../../src/io/uring.ts';
import { needs, skip } from '../support/needs.ts';
import { TestPath } from '../support/path.ts';
import { until } from './planes.ts';
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
  'super-packets by io_uring': { gro: true, vnetHdr: true, plane: { uring: true } },
  'the plain device by io_uring': { gro: true, vnetHdr: false, plane: { uring: true } },
};
for (const [name, options] of Object.entries(LADDER))
  test(`kernel at both ends, ${name}: every octet arrives, every checksum holds, nothing is reordered`, async (t) => {
    const spaces = await Spaces.open(t, options);
    if (spaces === null) return;
    try {
      await carry(spaces);
      for (const { bench, tun } of [spaces.left, spaces.right]) {
        assert.equal(tun.offload.vnetHdr, options.vnetHdr);
        assert.equal(bench.plane.uringState, options.plane?.uring === true ? -1 : 0);
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

for (const uring of [true, false])
  for (const vnetHdr of [true, false])
    test(`a packet that the device does not take is counted${vnetHdr ? ', each of a super-packet' : ''}${uring ? ', by io_uring' : ''}`, async (t) => {
      const spaces = await Spaces.open(t, { gro: true, vnetHdr, plane: { uring } });
      if (spaces === null) return;
      try {
        const { left, right } = spaces;
        execFileSync('ip', ['-n', right.space, 'link', 'set', right.tun.name, 'down']);
        const count = 200;
        assert.deepEqual(await spaces.run(left, 'udp-source', right.address, 6000, count, 500, 20).result, {
          sent: count,
        });
        await until(() => right.bench.sum('core-write') >= count, 'packets at the other end');
        assert.deepEqual(right.bench.drops(), { 'core-write': right.bench.sum('delivered') });
        // And what comes later is taken again.
        execFileSync('ip', ['-n', right.space, 'link', 'set', right.tun.name, 'up']);
        execFileSync('ip', ['-n', right.space, 'route', 'add', '10.77.0.0/16', 'dev', right.tun.name]);
        const sink = spaces.run(right, 'udp-sink', 6000, count);
        await sink.listening;
        await spaces.run(left, 'udp-source', right.address, 6000, count, 500, 20).result;
        assert.deepEqual(await sink.result, { received: count, bad: 0, reordered: 0 });
      } finally {
        await spaces.close();
      }
    });

test('io_uring on what cannot be written to is refused at the start, with the reason', (t) => {
  const ffi = openFfi();
  if (ffi === null) return skip(t, 'needs Linux and koffi');
  const path = new TestPath();
  const base = ffi.addressOf(new Uint8Array(path.memory.buffer));
  path.wasm.attach(BigInt(base), 0);
  const area = path.plan.parts[layout.PART_URING]!.offset;
  assert.equal(Uring.open(ffi, path.wasm, path.memory, area, base, 9999), 9); // EBADF
});

test('a device without super-packets is opened where they are not wanted, and says what it has', (t) => {
  if (!needs(t, 'root', 'ffi')) return;
  for (const vnetHdr of [true, false]) {
    const tun = Tun.open(openFfi()!, { name: 'lnsv%d', queues: 2, mtu: 1500, addresses: [], vnetHdr, uso: vnetHdr });
    tun.close();
    assert.equal(tun.offload.vnetHdr, vnetHdr);
    assert.equal(tun.offload.usoError, '');
    assert.equal(tun.fds.length, 2);
  }
});
