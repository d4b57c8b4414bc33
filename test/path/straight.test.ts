import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ring } from '../../src/dataplane/ring.ts';
import * as layout from '../../src/generated/layout.ts';
import { data, ipv4, mapped, pppIp, sockaddr, TestPath, toHex } from '../support/path.ts';

const LAC = sockaddr(192, 0, 2, 1, 1701);
const HOST = [203, 0, 113, 1];
/** Sessions of every kind: plain, sequenced, policed up, policed down, clamped to a small MRU, member of nothing. */
const SESSIONS = 5;

function paths(): TestPath {
  const path = new TestPath();
  path.wasm.mssOptions(layout.CLAMP_AUTO);
  const tunnel = path.tunnel();
  const rows = Array.from({ length: SESSIONS }, (_, i) =>
    path.session(tunnel, i + 1, i + 1, {
      sequencing: i === 1,
      peerMru: i === 4 ? 100 : 1500,
      acfc: i === 4,
      pfc: i === 3,
    }),
  );
  // A bucket of 1,500 octets that does not fill: the clock stands.
  path.tables.setPolicer(rows[2]!, 'up', 8000, 1500);
  path.tables.setPolicer(rows[3]!, 'down', 8000, 1500);
  path.wasm.setClock(1000);
  return path;
}
/** All that a path left behind. */
const left = (path: TestPath) => ({
  delivered: path.delivered().map(toHex),
  sent: path.sent().map(({ octets, to, segments }) => [toHex(octets), toHex(to), segments]),
  counters: Array.from({ length: 128 }, (_, i) => (i === layout.TOTAL_BATCHES ? 0 : path.counter(i))),
  sessions: Array.from({ length: SESSIONS }, (_, i) => path.tables.sessionCounters(i + 1)),
  punted: path.punted().map(({ head, payload }) => [head.kind, head.row, toHex(payload)]),
});

/** A packet of one of the sessions with some of its first octets changed, its length too. */
const mangled = (base: (session: number, kind: number) => Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      session: fc.integer({ min: 1, max: SESSIONS + 1 }),
      kind: fc.nat(31),
      changes: fc.array(fc.tuple(fc.nat(47), fc.nat(255)), { maxLength: 2 }),
      cut: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(60)),
    })
    .map(({ session, kind, changes, cut }) => {
      const octets = base(session, kind);
      for (const [at, value] of changes) if (at < octets.length) octets[at] = value;
      return octets.subarray(0, Math.max(0, octets.length - cut));
    });
/** A SYN with an MSS of 1460 and 60 octets more. */
const tcp = Uint8Array.from([
  0,
  80,
  0,
  81,
  ...new Array<number>(8).fill(0),
  0x60,
  2,
  0,
  0,
  0,
  0,
  0,
  0,
  2,
  4,
  5,
  180,
  ...new Array<number>(60).fill(7),
]);
const packetOf = (source: number[], destination: number[], kind: number): Uint8Array =>
  ipv4(source, destination, tcp, {
    protocol: (kind & 1) !== 0 ? 6 : 17,
    ...((kind & 30) === 30 ? { options: new Uint8Array(4) } : {}),
  });
const runs = { numRuns: 1500 };

test('the straight way up does what the stops do, whatever a datagram holds (RFC 2661 section 3.1)', () => {
  const datagram = mangled((session, kind) =>
    data(pppIp(packetOf([100, 64, 0, session], HOST, kind), { acfc: (kind & 2) !== 0, pfc: (kind & 4) !== 0 }), {
      session,
      length: (kind & 8) !== 0,
      ...(session === 2 ? { ns: kind } : {}),
      ...((kind & 17) === 17 ? { offset: 3 } : {}),
    }),
  );
  fc.assert(
    fc.property(fc.array(datagram, { minLength: 1, maxLength: 4 }), (datagrams) => {
      const [straight, stops] = [paths(), paths()];
      const part = stops.plan.parts[layout.PART_RING_ACCESS_IN]!;
      const ring = new Ring(stops.memory.buffer, part.offset, part.octets);
      for (const octets of datagrams) {
        straight.up(octets, LAC);
        ring.write(layout.RECORD_DATAGRAM, 0, 0, 0, new Uint8Array([...LAC, ...new Uint8Array(16)]), octets);
        stops.wasm.transmitReset();
        stops.wasm.upstreamRing(1);
        stops.wasm.ringsRelease(1, 0);
        assert.deepEqual(left(straight), left(stops));
      }
    }),
    runs,
  );
});

test('the straight way down does what the stops do, whatever a packet holds', () => {
  const packet = mangled((session, kind) => packetOf(HOST, [100, 64, 0, session], kind));
  fc.assert(
    fc.property(fc.array(packet, { minLength: 1, maxLength: 4 }), (packets) => {
      const [straight, stops] = [paths(), paths()];
      const part = stops.plan.parts[layout.PART_RING_CORE_IN]!;
      const ring = new Ring(stops.memory.buffer, part.offset, part.octets);
      for (const octets of packets) {
        straight.down(octets);
        ring.write(layout.RECORD_PACKET, 0, 0, 0, new Uint8Array(0), octets);
        stops.wasm.transmitReset();
        stops.wasm.downstreamRing(1);
        stops.wasm.ringsRelease(0, 1);
        assert.deepEqual(left(straight), left(stops));
      }
    }),
    runs,
  );
});

test('among thousands of sessions, where rows are loaded ahead, every packet finds its own', () => {
  const sessions = 3000;
  const path = new TestPath(layout.CORE_TUN, false, { tunnels: 4, sessions });
  const tunnel = path.tunnel(1, 2);
  for (let s = 0; s < sessions; s++) path.session(tunnel, s + 1, mapped(100, 64, s >>> 8, s & 255));
  // Removed ones leave entries behind that lead nowhere.
  for (let s = 0; s < sessions; s += 3) path.tables.removeSession(s + 1, 0);
  const list = path.plan.parts[layout.PART_SCRATCH]!.offset;
  const base = path.plan.parts[layout.PART_CORE]!.offset;
  path.octets.set(LAC, path.block(layout.PART_RX) + layout.RX_NAMES);
  const packets = Array.from({ length: 100 }, (_, i) => {
    const s = (i * 37) % sessions;
    return { s, octets: ipv4([100, 64, s >>> 8, s & 255], HOST, Uint8Array.of(i)) };
  });
  for (const [i, { s, octets }] of packets.entries()) {
    const at = base + i * 128 + layout.HEADROOM;
    const datagram = data(pppIp(octets), { tunnel: 1, session: s + 1, length: true });
    path.octets.set(datagram, at);
    path.view.setUint32(list + i * 8, at, true);
    path.view.setUint32(list + i * 8 + 4, datagram.length, true);
  }
  path.wasm.transmitReset();
  assert.equal(path.wasm.upstreamList(list, 0, packets.length, path.block(layout.PART_RX) + layout.RX_NAMES, 0), 100);
  const up = packets.filter(({ s }) => s % 3 !== 0);
  assert.deepEqual(
    path.delivered().map(toHex),
    up.map(({ octets }) => toHex(octets)),
  );
  assert.equal(path.counter(layout.DROP_SESSION), packets.length - up.length);
});
