import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as layout from '../../src/generated/layout.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { TestBundle } from '../support/bundle.ts';
import { hex, ipv4, mapped, sockaddr, TestPath, toHex } from '../support/path.ts';
import { Model, type ModelFragment } from './model.ts';

const sizes = { tunnels: 4, sessions: 512, bundles: 64, fragments: 2048 };
const ipv6 = (text: string): Uint8Array => new Uint8Array([0x57, ...Buffer.from(text)]);
/** Packets of protocol 0x57 that came out of the bundle: they go where control frames go. */
const taken = (path: TestPath, bundle: TestBundle): string[] =>
  path
    .punted()
    .filter(({ head }) => head.row === bundle.network)
    .map(({ payload }) => Buffer.from(payload.subarray(1)).toString());
const make = (
  options: ConstructorParameters<typeof TestBundle>[2] = {},
  memory = sizes,
): { path: TestPath; bundle: TestBundle } => {
  const path = new TestPath(layout.CORE_TUN, false, memory);
  path.wasm.puntOptions(0xffffffff);
  return { path, bundle: new TestBundle(path, path.tunnel(), options) };
};

/** Fragments of random packets over `links`, delayed against each other, lost, doubled, late: at most `lag` numbers apart. */
function* stream(
  seed: number,
  fragments: number,
  links: number,
  first: number,
  mrru: number,
): Generator<ModelFragment> {
  const random = new SeededRandom(seed);
  const below = (n: number): number => random.u32() % n;
  const loss = [0, 0, 2, 10, 30][below(5)]!;
  const doubled = [0, 5, 20][below(3)]!;
  const lag = 20 + below(160);
  const queues: ModelFragment[][] = Array.from({ length: links }, () => []);
  let next = first;
  let parts = 0;
  let made = 0;
  let sent = 0;
  const recent: ModelFragment[] = [];
  while (sent < fragments) {
    while (made < sent + 256) {
      const begin = parts === 0;
      if (begin) parts = [1, 1, 2, 2, 3, 4, 7][below(7)]!;
      parts--;
      const octets = [0, 1, 3, 10, 40, mrru >> 1, mrru][below(begin ? 5 : 7)]!;
      const payload =
        octets === 0 && begin && parts === 0
          ? ''
          : (begin ? '57' : '') + toHex(random.octets(octets > 64 && below(8) !== 0 ? 8 : octets));
      queues[below(links)]!.push({
        link: 0,
        sequence: next++,
        begin,
        end: parts === 0,
        payload,
      });
      made++;
    }
    const heads = queues.map((queue) => queue[0]?.sequence ?? Number.POSITIVE_INFINITY);
    const oldest = Math.min(...heads);
    let link = below(links);
    if (heads[link]! > oldest + lag) link = heads.indexOf(oldest);
    const fragment = queues[link]!.shift();
    if (fragment === undefined) continue;
    sent++;
    if (below(1000) < loss) continue;
    const arrived = { ...fragment, link };
    yield arrived;
    recent.push(arrived);
    if (recent.length > 32) recent.shift();
    if (below(1000) < doubled) yield recent[below(recent.length)]!;
  }
}

test('RFC 1990 section 4.1: a million fragments and more are put together as the slow model says, over the wrap', () => {
  let total = 0;
  const path = new TestPath(layout.CORE_TUN, false, { tunnels: 4, sessions: 8192, bundles: 1024, fragments: 4096 });
  path.wasm.puntOptions(0xffffffff);
  const tunnel = path.tunnel();
  let sessions = 0x200;
  const run = (seed: number, links: number, short: boolean, before: number, count: number): void => {
    const space = short ? 4096 : 1 << 24;
    const first = space - before;
    const mrru = 300;
    const bundle = new TestBundle(path, tunnel, {
      short,
      links,
      localMrru: mrru,
      firstExpected: first,
      firstSession: sessions,
    });
    sessions += links;
    const model = new Model(links, first, mrru);
    let seen = 0;
    for (const fragment of stream(seed, count, links, first, mrru)) {
      model.receive(fragment);
      bundle.receive(fragment.link, fragment.begin, fragment.end, fragment.sequence % space, hex(fragment.payload));
      for (const { head, payload } of path.punted()) {
        assert.equal(head.row, bundle.network);
        assert.equal(toHex(payload), model.delivered[seen++]);
      }
      total++;
      assert.equal(seen, model.delivered.length, 'delivered at the same moment');
    }
    const { rxDiscarded, held } = bundle.counters();
    assert.equal(rxDiscarded, model.discarded);
    assert.equal(bundle.waiting, model.waiting);
    bundle.end();
    assert.ok(held >= 0);
    assert.equal(path.view.getUint32(path.block(layout.PART_SHARD_CONTROL) + layout.SHARD_FRAGMENT_USED, true), 0);
    model.delivered.length = 0;
  };
  fc.assert(
    fc.property(
      fc.nat(0x7fffffff),
      fc.constantFrom(1, 2, 3, 4, 8),
      fc.boolean(),
      fc.integer({ min: 1, max: 3000 }),
      (seed, links, short, before) => run(seed, links, short, before, 9000),
    ),
    { numRuns: 125 },
  );
  assert.ok(total >= 1_000_000, `${total} fragments`);
});

test('drop-timeout: the head of the queue is dropped when it has waited, one millisecond before it is not', () => {
  const { path, bundle } = make({ dropTimeoutMs: 500 });
  const at = (ms: number): number => {
    path.wasm.setNow(path.now + ms);
    path.wasm.transmitReset();
    return path.wasm.mpTick();
  };
  bundle.receive(0, true, true, 0, ipv6('a'));
  bundle.receive(0, true, false, 2, ipv6('b'));
  bundle.receive(0, false, true, 3, new Uint8Array(4));
  bundle.receive(0, true, true, 4, ipv6('c'));
  assert.deepEqual(taken(path, bundle), ['a']);
  assert.ok(at(499) > 0);
  assert.deepEqual(taken(path, bundle), []);
  // 1 may still come by link 1; after 500 ms it is given up, and what was waiting behind it is whole.
  at(505);
  assert.deepEqual(taken(path, bundle), ['b\0\0\0\0', 'c']);
  assert.equal(at(520), 0, 'nothing waits any more');
  // A packet whose rest never comes.
  path.now += 1000;
  path.wasm.setNow(path.now);
  bundle.receive(0, true, false, 5, ipv6('never'));
  at(499);
  assert.equal(bundle.waiting, 1);
  at(505);
  assert.equal(bundle.waiting, 0);
  assert.equal(path.counter(layout.DROP_MP_TIMEOUT), 1);
  bundle.receive(0, true, true, 7, ipv6('next'));
  bundle.receive(1, true, true, 8, ipv6('more'));
  bundle.receive(0, true, true, 9, ipv6('last'));
  assert.deepEqual(taken(path, bundle), ['next', 'more', 'last']);
});
test('without a drop-timeout fragments are held; a link that is silent for a second no longer holds M back', () => {
  const { path, bundle } = make();
  bundle.receive(0, true, true, 0, ipv6('a'));
  bundle.receive(1, true, true, 1, ipv6('b'));
  bundle.receive(0, true, true, 3, ipv6('d'));
  assert.deepEqual(taken(path, bundle), ['a', 'b']);
  const tick = (now: number): void => {
    path.wasm.setNow(now);
    path.wasm.transmitReset();
    path.wasm.mpTick();
  };
  tick(path.now + 900);
  assert.equal(bundle.waiting, 1);
  path.now += 900;
  bundle.receive(0, true, true, 4, ipv6('e'));
  tick(path.now + 101);
  assert.deepEqual(taken(path, bundle), ['d', 'e']);
});
test('links that had nothing to carry for long are waited for like any other', () => {
  const { path, bundle } = make();
  bundle.receive(0, true, true, 0, ipv6('a'));
  bundle.receive(1, true, true, 1, ipv6('b'));
  assert.deepEqual(taken(path, bundle), ['a', 'b']);
  path.now += 60_000;
  path.wasm.setNow(path.now);
  // The end comes first: its link is the faster one.
  bundle.receive(1, false, true, 3, new Uint8Array([0x21]));
  assert.deepEqual(taken(path, bundle), []);
  bundle.receive(0, true, false, 2, ipv6('c'));
  assert.deepEqual(taken(path, bundle), ['c!']);
  assert.equal(path.counter(layout.DROP_MP_LOST), 0);
});
test('the first fragment on every link is needed before anything is lost; a link that leaves is waited for no longer', () => {
  const { path, bundle } = make({ links: 3 });
  bundle.receive(0, true, true, 1, ipv6('b'));
  bundle.receive(1, true, true, 2, ipv6('c'));
  assert.deepEqual(taken(path, bundle), []);
  bundle.leave(2);
  assert.deepEqual(taken(path, bundle), ['b', 'c']);
});
test('a fragment too far ahead moves the window: what is older is given up and counted', () => {
  const { path, bundle } = make();
  bundle.receive(0, true, false, 0, ipv6('x'));
  bundle.receive(0, true, true, 5, ipv6('five'));
  bundle.receive(0, true, true, 5000, ipv6('far'));
  assert.deepEqual(taken(path, bundle), ['five']);
  assert.equal(path.counter(layout.DROP_MP_WINDOW), 1);
  bundle.receive(1, true, true, 5001, ipv6('on'));
  assert.deepEqual(taken(path, bundle), ['far', 'on']);
});
test('a peer that counts anew is followed after a run of late fragments', () => {
  const { path, bundle } = make({ firstExpected: 100_000, links: 1 });
  for (let sequence = 0; sequence < 200; sequence++) bundle.receive(0, true, true, sequence, ipv6(`${sequence}`));
  const out = taken(path, bundle);
  assert.equal(out.at(-1), '199');
  assert.equal(out.length, 200 - layout.MP_LATE_RUN_MAX);
});
test('one who sends beginnings only cannot starve others: the longest waiting give way, and a share is a share', () => {
  const { path, bundle: hoarder } = make({ links: 2 }, { ...sizes, fragments: 256 });
  const tunnel = 1;
  const others = Array.from({ length: 20 }, (_, i) => new TestBundle(path, tunnel, { firstSession: 0x400 + i * 2 }));
  for (let sequence = 0; sequence < 2000; sequence++) hoarder.receive(0, true, false, 1 + sequence * 3, ipv6('B'));
  const hoarded = hoarder.counters().held;
  assert.ok(hoarded <= 256 / 4 + 8, `${hoarded} slots`);
  // Ten more that hoard: together they fill the pool.
  for (const one of others.slice(0, 10)) for (let n = 0; n < 40; n++) one.receive(0, true, false, 1 + n * 2, ipv6('B'));
  for (const honest of others.slice(10)) {
    honest.receive(1, false, true, 1, new Uint8Array([0x21]));
    honest.receive(0, true, false, 0, ipv6('whole'));
    assert.deepEqual(taken(path, honest), ['whole!']);
  }
  const used = path.view.getUint32(path.block(layout.PART_SHARD_CONTROL) + layout.SHARD_FRAGMENT_USED, true);
  const held = [hoarder, ...others].reduce((sum, one) => sum + one.counters().held, 0);
  assert.ok(used - held <= 1, 'slots are held or free');
  assert.ok(path.counter(layout.DROP_MP_SHARE) > 0);
});
test('a packet with no room for its octets, and one over the MRRU, are refused without a trace in memory', () => {
  const { path, bundle } = make({ links: 1, localMrru: 1500 });
  const before = new TestBundle(path, 1, { links: 1, firstSession: 0x500 });
  const behind = new TestBundle(path, 1, { links: 1, firstSession: 0x510 });
  before.receive(0, true, false, 0, ipv6('before'));
  bundle.receive(0, true, false, 0, new Uint8Array([0x57, ...new Uint8Array(1990)]));
  behind.receive(0, true, false, 0, ipv6('behind'));
  bundle.receive(0, false, true, 1, new Uint8Array(3000));
  bundle.receive(0, true, true, 2, new Uint8Array([0x57, ...new Uint8Array(1501)]));
  bundle.receive(0, true, true, 3, new Uint8Array([0x57, ...new Uint8Array(1500)]));
  assert.equal(path.punted().length, 1);
  assert.equal(path.counter(layout.DROP_MP_MRRU), 3);
  for (const [neighbour, text] of [
    [before, 'before!'],
    [behind, 'behind!'],
  ] as const) {
    neighbour.receive(0, false, true, 1, new Uint8Array([0x21]));
    assert.deepEqual(taken(path, neighbour), [text]);
  }
});
test('what waits for room in the lists of a batch is not mistaken for a gap: a copy of it is a duplicate', () => {
  const path = new TestPath(layout.CORE_EMBEDDED, false, sizes);
  const tunnel = path.tunnel();
  path.session(tunnel, 0x100, 8);
  const packet = (host: number): Uint8Array =>
    ipv4([100, 64, 0, host], [203, 0, 113, 2], new Uint8Array([0x30, 0x39, 0, 7, 0, 12, 0, 0, 1, 2, 3, 4]));
  const framed = (host: number): Uint8Array => new Uint8Array([0x21, ...packet(host)]);
  const [a, b] = [20, 21].map((host) => {
    const bundle = new TestBundle(path, tunnel, { links: 1, firstSession: 0x200 + host, linkMru: 1500 });
    bundle.up(mapped(100, 64, 0, host));
    for (let n = 2; n <= 5; n++) {
      // A second link that has said nothing keeps the gap open.
      if (n === 2) bundle.join(tunnel, 0x300 + host, { speedBps: 0, peerMru: 1500, pfc: true });
      bundle.receive(0, true, true, n, framed(host));
    }
    return bundle;
  }) as [TestBundle, TestBundle];
  /** A batch whose lists hold `messages` already. */
  const filled = (messages: number): void => {
    const list = path.plan.parts[layout.PART_SCRATCH]!.offset;
    const at = path.wasm.coreSlot(0);
    path.wasm.transmitReset();
    for (let n = 0; n < messages; n++) {
      path.octets.set(ipv4([203, 0, 113, 2], [100, 64, 0, 8], new Uint8Array(8)), at);
      path.view.setUint32(list, at, true);
      path.view.setUint32(list + 4, 28, true);
      path.wasm.downstreamList(list, 0, 1);
    }
    assert.equal(path.wasm.transmitMessages(), messages);
  };
  const full = layout.TX_MESSAGES_MAX - 128;
  for (const [bundle, host] of [
    [a, 20],
    [b, 21],
  ] as const) {
    bundle.receive(0, true, true, 0, framed(host));
    filled(full);
    const datagram = bundle.datagram(0, true, true, 1, framed(host));
    const rx = path.block(layout.PART_RX);
    path.octets.set(datagram, rx + layout.RX_SLOTS + layout.HEADROOM);
    path.view.setUint32(rx + layout.RX_MESSAGES + 56, datagram.length, true);
    assert.equal(path.wasm.upstream(0, 1, 0), 1);
    assert.equal(bundle.waiting, 4, 'no room for what became whole behind it');
  }
  // Room for the four of the first bundle, and no more.
  filled(full - 3);
  assert.equal(path.wasm.mpTick(), -1);
  assert.deepEqual([a.waiting, b.waiting], [0, 4]);
  b.receive(0, true, true, 2, framed(21));
  assert.equal(path.counter(layout.DROP_MP_DUPLICATE), 1);
  assert.equal(b.waiting, 0);
  path.wasm.transmitReset();
  assert.equal(path.view.getUint32(path.block(layout.PART_SHARD_CONTROL) + layout.SHARD_FRAGMENT_USED, true), 0);
  // What is left for want of room goes on at once, not a tick later.
  filled(full - 3);
  assert.equal(path.wasm.mpTick(), 0);
});
test('IP packets of a bundle are checked as any, whether they come fragmented, whole or past the multilink procedure', () => {
  const { path, bundle } = make();
  bundle.up(mapped(100, 64, 0, 9));
  const packet = ipv4([100, 64, 0, 9], [203, 0, 113, 2], new Uint8Array(600).fill(7));
  const framed = new Uint8Array([0x00, 0x21, ...packet]);
  bundle.receive(0, true, false, 0, framed.subarray(0, 301));
  bundle.receive(1, false, true, 1, framed.subarray(301));
  assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
  bundle.receive(1, true, true, 2, framed);
  assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
  // RFC 1990 section 2: a link may carry a packet without a multilink header.
  const plain = bundle.datagram(0, true, true, 0, new Uint8Array(0)).slice(0, 6);
  path.up(new Uint8Array([...plain, ...framed]));
  assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
  const spoofed = ipv4([100, 64, 0, 8], [203, 0, 113, 2], new Uint8Array(8));
  bundle.receive(0, true, true, 3, new Uint8Array([0x21, ...spoofed]));
  assert.equal(path.delivered().length, 0);
  assert.equal(path.counter(layout.DROP_SPOOFED), 1);
  assert.equal(path.tables.sessionCounters(bundle.network).rxPackets, 3);
});
test('runts, strangers and unknown bundles are dropped and counted', () => {
  const { path, bundle } = make();
  const whole = bundle.datagram(0, true, true, 0, new Uint8Array(0));
  path.up(whole.slice(0, whole.length - 1));
  assert.equal(path.counter(layout.DROP_MP_RUNT), 1);
  path.up(bundle.datagram(0, true, true, 0, ipv6('x')), sockaddr(192, 0, 2, 66, 1701));
  assert.equal(path.counter(layout.DROP_PEER_ADDRESS), 1);
  assert.equal(bundle.counters().rxFragments, 0);
});
test('the end of a bundle leaves nothing in the pool, and its rows are used again', () => {
  const { path, bundle } = make({ links: 2 }, { ...sizes, bundles: 1 });
  bundle.receive(0, true, false, 0, ipv6('x'));
  bundle.receive(0, true, false, 7, ipv6('x'));
  bundle.leave(0);
  bundle.leave(1);
  bundle.end();
  assert.equal(path.view.getUint32(path.block(layout.PART_SHARD_CONTROL) + layout.SHARD_FRAGMENT_USED, true), 0);
  path.wasm.epochEnter();
  path.wasm.epochLeave();
  path.tables.reclaim();
  const again = new TestBundle(path, 1, { firstSession: 0x600 });
  assert.equal(again.row, bundle.row);
  again.receive(0, true, true, 0, ipv6('fresh'));
  assert.deepEqual(taken(path, again), ['fresh']);
});
