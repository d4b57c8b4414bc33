import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as layout from '../../src/generated/layout.ts';
import { TestBundle } from '../support/bundle.ts';
import { ipv4, mapped, TestPath, toHex } from '../support/path.ts';

const CLIENT = [100, 64, 0, 9];
const sizes = { tunnels: 4, sessions: 512, bundles: 16, fragments: 512 };
const packetOf = (octets: number, id = 0): Uint8Array =>
  ipv4(
    [203, 0, 113, 2],
    CLIENT,
    new Uint8Array(octets - 20).map((_, i) => (i * 7 + octets + id) & 0xff),
    { id },
  );

interface Fragment {
  session: number;
  begin: boolean;
  end: boolean;
  sequence: number;
  payload: Uint8Array;
}
/** What the last call sent, taken apart: L2TP header with Length, protocol 0x3d, multilink header. */
function fragments(path: TestPath, short: boolean): Fragment[] {
  return path.sent().flatMap(({ octets, segments }) => {
    assert.equal(segments, 1);
    const view = new DataView(octets.buffer, octets.byteOffset);
    assert.equal(view.getUint16(0), 0x4002);
    assert.equal(view.getUint16(2), octets.length);
    assert.equal(octets[8], 0x3d);
    const head = octets[9]!;
    assert.equal(head & (short ? 0x30 : 0x3f), 0, 'unused bits are zero');
    return {
      session: view.getUint16(6) - 0x1000,
      begin: (head & 0x80) !== 0,
      end: (head & 0x40) !== 0,
      sequence: short ? view.getUint16(9) & 0xfff : view.getUint32(9) & 0xffffff,
      payload: octets.slice(short ? 11 : 13),
    };
  });
}
const make = (options: ConstructorParameters<typeof TestBundle>[2], peerMrru = 1500) => {
  const path = new TestPath(layout.CORE_TUN, false, sizes);
  const bundle = new TestBundle(path, path.tunnel(), options);
  bundle.up(mapped(100, 64, 0, 9), peerMrru);
  return { path, bundle };
};

test('RFC 1990 section 4.1: the first fragment of a bundle is numbered 0; without a threshold packets stay whole', () => {
  const { path } = make({ links: 2 });
  path.downBatch([packetOf(1400, 1), packetOf(60, 2)]);
  const sent = fragments(path, false);
  assert.deepEqual(
    sent.map(({ begin, end, sequence }) => [begin, end, sequence]),
    [
      [true, true, 0],
      [true, true, 1],
    ],
  );
  assert.equal(toHex(sent[0]!.payload), `21${toHex(packetOf(1400, 1))}`);
  assert.notEqual(sent[0]!.session, sent[1]!.session, 'no link is left idle');
});
test('a packet that does not fit the least link MRU is cut although no threshold is set', () => {
  const { path } = make({ links: 2, linkMru: 1450 });
  path.down(packetOf(1500));
  const sent = fragments(path, false);
  assert.equal(sent.length, 2);
  for (const { payload } of sent) assert.ok(payload.length + 4 <= 1450);
});
test('larger than the MRRU: IP fragments, or ICMP where DF forbids them', () => {
  const { path } = make({ links: 2, linkMru: 1500 }, 1400);
  path.down(packetOf(1500));
  assert.equal(path.counter(layout.TOTAL_FRAGMENTED), 1);
  assert.equal(path.counter(layout.TOTAL_MP_TX_PACKETS), 2);
  path.down(ipv4([203, 0, 113, 2], CLIENT, new Uint8Array(1480), { flags: 0x4000 }));
  assert.equal(path.counter(layout.DROP_TOO_BIG), 1);
  assert.equal(path.delivered().length, 1);
  assert.equal(new DataView(path.delivered()[0]!.buffer).getUint16(26), 1400);
});
test('any packets, thresholds, links and speeds: each link carries rising numbers, and a peer puts all together again', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.integer({ min: 1, max: 8 }),
      fc.option(fc.integer({ min: 128, max: 2000 }), { nil: null }),
      fc.array(fc.integer({ min: 20, max: 1500 }), { minLength: 1, maxLength: 40 }),
      fc.array(fc.constantFrom(0, 64_000, 1_000_000, 100_000_000), { minLength: 8, maxLength: 8 }),
      fc.constantFrom(0, 1, 4090, 16_777_210),
      (short, links, threshold, lengths, speeds, firstSent) => {
        const { path } = make({ short, links, fragmentThreshold: threshold, speeds, firstSent });
        const peer = new TestPath(layout.CORE_TUN, false, sizes);
        const remote = new TestBundle(peer, peer.tunnel(), { short, links, firstExpected: firstSent });
        remote.up(mapped(203, 0, 113, 2));
        const last = new Map<number, number>();
        const space = short ? 4096 : 1 << 24;
        let next = firstSent % space;
        const got: string[] = [];
        for (const [i, octets] of lengths.entries()) {
          path.down(packetOf(octets, i));
          const sent = fragments(path, short);
          assert.ok(sent[0]!.begin && sent.at(-1)!.end);
          for (const fragment of sent) {
            assert.equal(fragment.sequence, next, 'no number is passed over');
            next = (next + 1) % space;
            const before = last.get(fragment.session);
            if (before !== undefined)
              assert.ok(((fragment.sequence - before + space) % space) - 1 < space / 2, 'rising on its link');
            last.set(fragment.session, fragment.sequence);
            assert.ok(fragment.payload.length <= (threshold ?? 1500));
            assert.ok(fragment.payload.length + (short ? 2 : 4) <= 1500);
            if (fragment !== sent[0]) assert.ok(!fragment.begin);
            remote.receive(fragment.session - 0x200, fragment.begin, fragment.end, fragment.sequence, fragment.payload);
            got.push(...peer.delivered().map(toHex));
          }
        }
        assert.deepEqual(
          got,
          lengths.map((octets, i) => toHex(packetOf(octets, i))),
        );
      },
    ),
    { numRuns: 150 },
  );
});
test('links share the load by their speed: a link of twice the speed carries twice the octets', () => {
  const { path, bundle } = make({ links: 2, speeds: [64_000, 128_000], fragmentThreshold: 300 });
  for (let n = 0; n < 300; n++) path.down(packetOf(1200, n));
  const octets = bundle.links.map(({ row }) => path.tables.sessionCounters(row).txOctets);
  const ratio = octets[1]! / octets[0]!;
  assert.ok(ratio > 1.95 && ratio < 2.05, `${ratio}`);
});
test('a link that left, or whose row is another session by now, is sent nothing; without links the packet is dropped', () => {
  const { path, bundle } = make({ links: 2 });
  path.tables.linkLeave(bundle.links[1]!.row); // its record has not reached the owner yet
  for (let n = 0; n < 4; n++) path.down(packetOf(100, n));
  assert.equal(path.tables.sessionCounters(bundle.links[0]!.row).txPackets, 4);
  assert.equal(path.tables.sessionCounters(bundle.links[1]!.row).txPackets, 0);
  path.tables.linkLeave(bundle.links[0]!.row);
  path.down(packetOf(100));
  assert.equal(path.sent().length, 0);
  assert.equal(path.counter(layout.DROP_NOT_UP), 1);
});
test('a link that has just joined is sent nothing until the peer has sent by it, or for half a second', () => {
  const { path, bundle } = make({ links: 1 });
  bundle.receive(0, true, true, 0, new Uint8Array(0));
  const link = bundle.join(1, 0x300, { speedBps: 0, peerMru: 1500, pfc: true });
  const packets = (): number => path.tables.sessionCounters(bundle.links[link]!.row).txPackets;
  for (let n = 0; n < 4; n++) path.down(packetOf(100, n));
  path.wasm.setNow(path.now + 499);
  path.down(packetOf(100));
  assert.equal(packets(), 0);
  path.wasm.setNow(path.now + 500);
  for (let n = 0; n < 4; n++) path.down(packetOf(100, n));
  assert.ok(packets() > 0);
  const second = bundle.join(1, 0x301, { speedBps: 0, peerMru: 1500, pfc: true });
  bundle.receive(second, true, true, 1, new Uint8Array(0));
  for (let n = 0; n < 4; n++) path.down(packetOf(100, n));
  assert.ok(path.tables.sessionCounters(bundle.links[second]!.row).txPackets > 0);
});
test('a frame of the main thread goes by the multilink procedure', () => {
  const { path, bundle } = make({ links: 1 });
  const frame = new Uint8Array([0x80, 0x21, 1, 1, 0, 10, 3, 6, 100, 64, 255, 1]);
  path.inject.write(layout.RECORD_SEND, bundle.network, path.tables.sessionGeneration(bundle.network), 0, frame);
  path.wasm.transmitReset();
  path.wasm.inject(1);
  const [sent] = fragments(path, false);
  assert.deepEqual([sent!.begin, sent!.end, toHex(sent!.payload)], [true, true, toHex(frame)]);
});
