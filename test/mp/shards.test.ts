// Bundles whose links' datagrams land on several shards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as layout from '../../src/generated/layout.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { TestBundle } from '../support/bundle.ts';
import { data, ipv4, mapped, TestPath, toHex } from '../support/path.ts';

const sizes = { tunnels: 4, sessions: 512, bundles: 32, fragments: 512, shards: 2 };
const packet = (n: number, octets = 400): Uint8Array =>
  ipv4([100, 64, 0, 9], [203, 0, 113, 2], new Uint8Array(octets).fill(n & 0xff), { id: n });

function pair(): { owner: TestPath; other: TestPath; bundle: TestBundle } {
  const owner = new TestPath(layout.CORE_TUN, false, sizes, 0);
  const other = new TestPath(layout.CORE_TUN, false, sizes, 1, owner);
  const bundle = new TestBundle(owner, owner.tunnel(), { links: 2, ownerShard: 0 });
  bundle.up(mapped(100, 64, 0, 9));
  return { owner, other, bundle };
}
/** The owner takes what the other shard has handed over. @returns packets delivered */
function take(owner: TestPath): string[] {
  owner.wasm.transmitReset();
  const out: string[] = [];
  while (owner.wasm.peerWaits(1) !== 0) {
    owner.wasm.peerTake(1, 256);
    out.push(...owner.delivered().map(toHex));
    owner.wasm.peerRelease(1);
    owner.wasm.transmitReset();
  }
  return out;
}

test('fragments that land on another shard reach the owner by ring; order and contents hold, over the end of the ring', () => {
  const { owner, other, bundle } = pair();
  const random = new SeededRandom(7);
  const wanted: string[] = [];
  const got: string[] = [];
  let sequence = 0;
  for (let n = 0; n < 6000; n++) {
    const one = new Uint8Array([0x21, ...packet(n, 100 + (random.u32() % 900))]);
    wanted.push(toHex(one.subarray(1)));
    const cut = 1 + (random.u32() % (one.length - 1));
    for (const [part, begin] of [
      [one.subarray(0, cut), true],
      [one.subarray(cut), false],
    ] as const) {
      const link = random.u32() % 2;
      // Link 1 is in a tunnel of the other shard.
      const path = link === 1 ? other : owner;
      path.up(bundle.datagram(link, begin, !begin, sequence++, part));
      got.push(...owner.delivered().map(toHex));
      owner.wasm.transmitReset();
      if (other.wasm.peerWake() !== 0n || random.u32() % 3 === 0) got.push(...take(owner));
    }
  }
  got.push(...take(owner));
  // Every fragment arrived, so M lets all but the very last out.
  assert.ok(got.length >= wanted.length - 2, `${got.length} of ${wanted.length}`);
  assert.deepEqual(got, wanted.slice(0, got.length));
  assert.equal(other.counter(layout.DROP_PEER_RING), 0);
  assert.ok(other.counter(layout.TOTAL_PEER_SENT) > 5000);
});
test('a packet for the bundle that another shard reads is sent by the owner', () => {
  const { owner, other } = pair();
  const down = ipv4([203, 0, 113, 2], [100, 64, 0, 9], new Uint8Array(500).fill(3));
  other.down(down);
  assert.equal(other.sent().length, 0);
  assert.equal(other.wasm.peerWake(), 1n);
  owner.wasm.transmitReset();
  owner.wasm.peerTake(1, 256);
  const [sent] = owner.sent();
  assert.equal(toHex(sent!.octets.subarray(13)), `21${toHex(down)}`);
  owner.wasm.peerRelease(1);
  assert.equal(owner.wasm.peerWaits(1), 0);
});
test('a packet that is on its way to the owner when the bundle ends goes to the next-to-last', () => {
  const owner = new TestPath(layout.CORE_TUN, false, sizes, 0);
  const other = new TestPath(layout.CORE_TUN, false, sizes, 1, owner);
  const tunnel = owner.tunnel();
  owner.session(tunnel, 0x100, mapped(100, 64, 0, 9));
  const bundle = new TestBundle(owner, tunnel, { links: 1, ownerShard: 0 });
  bundle.up(mapped(100, 64, 0, 9));
  const down = ipv4([203, 0, 113, 2], [100, 64, 0, 9], new Uint8Array(50));
  other.down(down);
  bundle.end();
  owner.wasm.transmitReset();
  owner.wasm.peerTake(1, 16);
  const [sent] = owner.sent();
  assert.equal(toHex(sent!.octets.subarray(6, 8)), '1100');
  assert.equal(toHex(sent!.octets.subarray(12)), toHex(down));
});
test('a full ring drops by reason; what is stale is dropped by the owner', () => {
  const { owner, other, bundle } = pair();
  for (let n = 0; n < 4000; n++) other.up(bundle.datagram(1, true, true, n, packet(n)));
  assert.ok(other.counter(layout.DROP_PEER_RING) > 0);
  bundle.leave(0);
  bundle.leave(1);
  bundle.end();
  assert.deepEqual(take(owner), []);
  assert.ok(owner.counter(layout.DROP_MP_GONE) > 1000);
  const used = owner.view.getUint32(owner.block(layout.PART_SHARD_CONTROL) + layout.SHARD_FRAGMENT_USED, true);
  assert.equal(used, 0);
});
test('numbered data messages of a member link have one sender: its Echo-Request is the main thread’s where another shard reads it', () => {
  const { owner, other, bundle } = pair();
  const { row, id } = bundle.links[1]!;
  owner.tables.setEcho(row, 0x01020304);
  const echo = new Uint8Array([0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 5, 6, 7, 8]);
  other.up(data(echo, { session: id }));
  assert.equal(other.sent().length, 1);
  owner.tables.requireSequencing(row);
  other.up(data(echo, { session: id, ns: 0 }));
  assert.equal(other.sent().length, 0);
  assert.equal(other.punted().length, 1);
});
test('a shard that died in the midst of its work hands its bundles on: numbers, links and waiting fragments stay', () => {
  const { owner, bundle } = pair();
  const tunnel = 1;
  const gone = new TestBundle(owner, tunnel, { firstSession: 0x300 });
  bundle.receive(0, true, false, 0, new Uint8Array([0x21, ...packet(1)]).subarray(0, 200));
  bundle.receive(0, true, true, 3, new Uint8Array([0x21, ...packet(2)]));
  gone.receive(0, true, false, 5, packet(3));
  // Killed between two stores: the pool's lists and one bundle's counts are wrong.
  const control = owner.block(layout.PART_SHARD_CONTROL);
  owner.view.setUint32(control + layout.SHARD_FRAGMENT_FREE, 3, true);
  owner.view.setUint32(control + layout.SHARD_FRAGMENT_USED, 77, true);
  owner.view.setUint32(control + layout.SHARD_WAITING_FIRST, 9, true);
  owner.view.setUint32(bundle.offset + layout.BUNDLE_QUEUED, 12, true);
  const heir = new TestPath(layout.CORE_TUN, false, sizes, 0, owner);
  heir.wasm.mpRecover();
  assert.equal(owner.view.getUint32(control + layout.SHARD_FRAGMENT_USED, true), 3);
  heir.up(bundle.datagram(1, false, true, 1, new Uint8Array([0x21, ...packet(1)]).subarray(200)));
  assert.deepEqual(heir.delivered().map(toHex), [toHex(packet(1))]);
  heir.up(bundle.datagram(1, true, true, 2, new Uint8Array([0x21, ...packet(9)])));
  assert.deepEqual(heir.delivered().map(toHex), [toHex(packet(9)), toHex(packet(2))]);
  heir.wasm.transmitReset();
  assert.equal(owner.view.getUint32(control + layout.SHARD_FRAGMENT_USED, true), 1);
  const down = ipv4([203, 0, 113, 2], [100, 64, 0, 9], new Uint8Array(50));
  heir.down(down);
  assert.equal(heir.sent().length, 1);
});
