// Tunnels whose sessions are spread over the shards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSpread, SPREAD_FROM } from '../../src/io/steering.ts';
import { TunnelIdPool } from '../../src/server/ids.ts';
import type { Fields } from '../../src/server/log.ts';
import { Spreading, type SpreadTunnel } from '../../src/server/spread.ts';
import { SystemRandom } from '../../src/wire/random.ts';
import { needs } from '../support/needs.ts';
import { configuration, Pair } from './pair.ts';

const CLIENT = 'shared-secret "test secret";';
const peer = { address: '192.0.2.1', port: 1701 };
const other = { address: '192.0.2.2', port: 1701 };

test('IDs of spread tunnels are of a range of their own; what is left over serves all', () => {
  const ids = new TunnelIdPool(new SystemRandom(), 3, true);
  const spread = new Set(Array.from({ length: 65536 - SPREAD_FROM }, () => ids.allocate(peer, true)));
  assert.equal(spread.size, 65536 - SPREAD_FROM);
  assert.ok([...spread].every(isSpread));
  // None is left: such a tunnel is one as any other, of its peer's shard.
  const first = ids.allocate(peer, true);
  assert.ok(first > 0 && !isSpread(first));
  assert.equal(ids.allocate(peer) % 3, first % 3);
  for (const id of spread) ids.release(id);
  // Tunnels of one peer share a shard; those that find no room there are spread.
  const own = new Set<number>();
  for (;;) {
    const id = ids.allocate(other);
    assert.notEqual(id, 0);
    if (isSpread(id)) break;
    own.add(id % 3);
  }
  assert.equal(own.size, 1);
});

/** A value under test, with shards' CPU time and sessions' packets set by hand. */
function spreadingOf(tunnels: readonly SpreadTunnel[], shards = 2) {
  const cpu = new Array<number>(shards).fill(0);
  const packets = new Map<number, number>();
  const events: Fields[] = [];
  const counted: number[] = [];
  const value = new Spreading({
    shards,
    log: (_severity, event, fields = {}) => events.push({ event, ...fields }),
    tunnels: () => tunnels,
    packetsOf: (row) => {
      counted.push(row);
      return packets.get(row) ?? 0;
    },
    cpuOf: (shard) => cpu[shard]!,
  });
  let now = 0;
  value.start(now);
  /** Lets `ms` pass, in which the shards use a share of a core and the sessions carry packets a second. */
  const pass = (ms: number, shares: readonly number[], rates: Readonly<Record<number, number>> = {}): void => {
    for (let left = ms; left > 0; left -= 100) {
      now += 100;
      shares.forEach((share, shard) => {
        cpu[shard] = (cpu[shard]! + share * 100_000) >>> 0;
      });
      for (const [row, rate] of Object.entries(rates))
        packets.set(Number(row), (packets.get(Number(row)) ?? 0) + rate / 10);
      value.handleTimeout(now);
    }
  };
  return { value, events, counted, pass };
}
const tunnel = (tunnelId: number, lac: string, rows: number[]): SpreadTunnel => ({
  tunnelId,
  lac,
  shard: isSpread(tunnelId) ? null : tunnelId % 2,
  rows,
});

test('a LAC whose tunnel is most of what a busy shard carries has its next tunnel spread', () => {
  const { value, events, pass } = spreadingOf([
    tunnel(2, 'big', [1, 2]),
    tunnel(4, 'small', [3, 4]),
    tunnel(3, 'elsewhere', [5, 6]),
  ]);
  const rates = { 1: 60_000, 2: 30_000, 3: 5000, 4: 5000, 5: 100_000, 6: 100_000 };
  assert.equal(value.wants('automatic', 'big'), false);
  pass(20_000, [0.9, 0.3], rates);
  assert.ok(Math.abs(value.busy(0) - 0.9) < 0.05);
  assert.equal(value.wants('automatic', 'big'), true);
  assert.equal(value.wants('automatic', 'small'), false);
  assert.equal(value.wants('automatic', 'elsewhere'), false);
  assert.equal(value.wants('per-tunnel', 'big'), false);
  assert.equal(value.wants('per-session', 'small'), true);
  assert.deepEqual(
    events.map(({ event, tunnel, lac, shard }) => [event, tunnel, lac, shard]),
    [['tunnel-too-big', 2, 'big', 0]],
  );
  const rate = Number(events[0]!.packetsPerSecond);
  assert.ok(rate > 85_000 && rate < 95_000, String(rate));
});

test('no session is counted where no shard is busy', () => {
  const { counted, value, pass } = spreadingOf([tunnel(2, 'big', [1, 2])]);
  pass(60_000, [0.5, 0.1], { 1: 100_000, 2: 100_000 });
  assert.equal(counted.length, 0);
  assert.equal(value.wants('automatic', 'big'), false);
});

test('one session alone is not spread, nor what is spread already counted', () => {
  const { value, pass } = spreadingOf([tunnel(2, 'single', [1]), tunnel(0xf000, 'spread', [2, 3])]);
  pass(20_000, [0.9, 0.9], { 1: 90_000, 2: 50_000, 3: 50_000 });
  assert.equal(value.wants('automatic', 'single'), false);
  assert.equal(value.wants('automatic', 'spread'), false);
});

test('with many sessions they are counted 2,048 a turn, in many tunnels or in one', () => {
  const rows = (n: number, count: number): number[] => Array.from({ length: count }, (_, m) => n * count + m + 1);
  for (const tunnels of [
    Array.from({ length: 50 }, (_, n) => tunnel(2 + n * 2, `lac-${n}`, rows(n, 1000))),
    [tunnel(2, 'all', rows(0, 50_000))],
  ]) {
    const { counted, pass } = spreadingOf(tunnels);
    let most = 0;
    for (let n = 0; n < 150; n++) {
      const before = counted.length;
      pass(100, [0.9, 0.1]);
      most = Math.max(most, counted.length - before);
    }
    assert.ok(counted.length >= 50_000);
    assert.ok(most <= 2048, String(most));
  }
});

test('with one shard nothing is spread, and nothing is looked at', () => {
  const { value, pass } = spreadingOf([tunnel(2, 'big', [1, 2])], 1);
  assert.equal(value.deadline(), Number.POSITIVE_INFINITY);
  pass(20_000, [0.9], { 1: 1000, 2: 1000 });
  assert.equal(value.wants('per-session', 'big'), false);
});

for (const portable of [false, true])
  for (const sequencing of [false, true])
    test(`load-balance per-session: one tunnel on all shards, no session reordered (${portable ? 'portable' : 'steered by the kernel'}${sequencing ? ', numbered data' : ''})`, async (t) => {
      if (!portable && !needs(t, 'ffi')) return;
      const pair = await Pair.start(configuration({ client: `${CLIENT} load-balance per-session;` }), { portable });
      t.after(() => pair.close());
      const lac = await pair.dial({ tunnels: 1, sessionsPerTunnel: 6, sequencing });
      assert.equal((await lac.settled(10_000)).sessionsUp, 6);
      const [id] = pair.lns.tunnels.keys();
      assert.ok(isSpread(id!));
      // Session IDs are dealt in turn.
      const { calls } = pair.lns.tunnels.get(id!)!;
      const shards = [...calls.values()].map(({ row }) => pair.lns.plane.tables.ownerShard(row));
      assert.deepEqual(
        shards,
        [...calls.keys()].map((session) => session % 2),
      );
      assert.deepEqual(shards.toSorted(), [0, 0, 0, 1, 1, 1]);
      lac.resetTraffic();
      const { sent, received, reordered, duplicates, bad } = await pair.traffic(lac, 4000, 500);
      assert.ok(sent > 500);
      assert.deepEqual([received, reordered, duplicates, bad], [sent, 0, 0, 0]);
      // Each packet was seen by the shard it belongs to: half of them by each.
      const seen = [0, 1].map((shard) => pair.lns.plane.counters(shard).totals.rxDatagrams!);
      assert.ok(
        seen.every((packets) => packets >= sent / 2 - 64),
        String(seen),
      );
      assert.deepEqual(pair.drops(), {});
      for (const { row } of calls.values()) assert.deepEqual([pair.lns.plane.tables.sessionCounters(row).late], [0]);
    });

test('a bundle whose links are in a spread tunnel passes its packets', async (t) => {
  const pair = await Pair.start(
    configuration({ client: `${CLIENT} load-balance per-session; multilink { fragment-threshold 256; }` }),
  );
  t.after(() => pair.close());
  const lac = await pair.dial(
    {
      tunnels: 1,
      sessionsPerTunnel: 6,
      groups: { kind: 'multilink', size: 3, spread: false, fragmentOctets: 200, shortSequence: false },
    },
    { traffic: { kind: 'udp', target: '192.0.2.7', sizes: [64, 1400], burst: 2, flows: 1 } },
  );
  await lac.settled(10_000);
  assert.equal(lac.bundlesUp, 2);
  assert.ok(isSpread([...pair.lns.tunnels.keys()][0]!));
  const { sent, received, reordered, bad } = await pair.traffic(lac, 1000, 400);
  assert.ok(sent > 100);
  assert.deepEqual([received, reordered, bad], [sent, 0, 0]);
});
