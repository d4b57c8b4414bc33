import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LocalAaa } from '../../src/aaa/local.ts';
import type { AccessLine, AuthenticationResult, Credentials } from '../../src/aaa/types.ts';
import { compilePath, instantiatePath } from '../../src/dataplane/module.ts';
import * as layout from '../../src/generated/layout.ts';
import { Pair } from '../server/pair.ts';
import { seal, tcpPacket, transportSum } from '../support/gso.ts';
import { checksumOf, data, ipv4, pppIp, TestPath, toHex } from '../support/path.ts';

const pathOf = (): { path: TestPath; row: number } => {
  const path = new TestPath();
  const row = path.session(path.tunnel(), 0x0101, 1);
  path.wasm.setClock(1_000_000);
  return { path, row };
};
const from = (octets: number): Uint8Array => ipv4([100, 64, 0, 1], [192, 0, 2, 7], new Uint8Array(octets - 20));
const to = (octets: number): Uint8Array => ipv4([192, 0, 2, 7], [100, 64, 0, 1], new Uint8Array(octets - 20));

test('what exceeds rate and burst is dropped, by direction, with a reason; the bucket fills at the rate', () => {
  const { path, row } = pathOf();
  // 8 Mbit/s is an octet a microsecond.
  assert.ok(path.tables.setPolicer(row, 'up', 8_000_000, 3000));
  const passes = (): boolean => {
    path.up(data(pppIp(from(1000))));
    return path.wasm.transmitOuts() === 1;
  };
  assert.deepEqual([passes(), passes(), passes(), passes()], [true, true, true, false]);
  path.wasm.setClock(1_000_999);
  assert.equal(passes(), false);
  path.wasm.setClock(1_001_000);
  assert.deepEqual([passes(), passes()], [true, false]);
  // However long it rests: no more than the burst.
  path.wasm.setClock(9_000_000);
  assert.deepEqual([passes(), passes(), passes(), passes()], [true, true, true, false]);
  assert.equal(path.counter(layout.DROP_POLICED_UP), 4);
  assert.deepEqual(path.tables.policed(row, 'up'), { packets: 4, octets: 4000 });
  assert.equal(path.tables.sessionCounters(row).rxErrors, 4);
  // The other direction is free.
  for (let i = 0; i < 10; i++) {
    path.down(to(1000));
    assert.equal(path.sent().length, 1);
  }
  assert.equal(path.tables.policed(row, 'down'), null);
  path.tables.setPolicer(row, 'down', 8_000_000, 0);
  const sent = Array.from({ length: 3 }, () => {
    path.down(to(750));
    return path.sent().length;
  });
  assert.deepEqual(sent, [1, 1, 0]); // the least burst: 1,500 octets
  assert.equal(path.counter(layout.DROP_POLICED_DOWN), 1);
  assert.equal(path.tables.sessionCounters(row).txErrors, 1);
});

test('in any stretch of time at most burst + rate passes, and a stream within both is never cut', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 64_000, max: 10_000_000_000 }),
      fc.integer({ min: 1500, max: 100_000 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 20, max: 1500 })), { maxLength: 200 }),
      (bps, burst, arrivals) => {
        const { path, row } = pathOf();
        path.tables.setPolicer(row, 'up', bps, burst);
        const policer = path.view.getUint32(
          path.plan.parts[layout.PART_SESSIONS]!.offset + row * layout.SESSION_ROW_SIZE + layout.SESSION_SHAPER_UP,
          true,
        );
        let now = 1_000_000;
        const passed: [at: number, octets: number][] = [];
        // A token bucket in floating point beside it.
        let tokens = burst;
        for (const [later, octets] of arrivals) {
          now += later;
          tokens = Math.min(burst, tokens + (later * bps) / 8e6);
          path.wasm.setClock(now);
          const ok = path.wasm.conforms(policer, octets) !== 0;
          if (Math.abs(tokens - octets) > 0.5) assert.equal(ok, tokens >= octets);
          if (ok) {
            tokens -= octets;
            passed.push([now, octets]);
          }
        }
        for (let first = 0; first < passed.length; first += 7) {
          let sum = 0;
          for (let i = first; i < passed.length; i++) {
            sum += passed[i]![1];
            assert.ok(sum <= burst + ((passed[i]![0] - passed[first]![0]) * bps) / 8e6 + 1);
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('two shards with clocks a little apart share one bucket', () => {
  const { path, row } = pathOf();
  const other = instantiatePath(compilePath(), path.memory);
  other.attach(0n, 0);
  path.tables.setPolicer(row, 'up', 8_000_000, 10_000);
  let passed = 0;
  for (let i = 0; i < 2000; i++) {
    const now = 1_000_000 + i * 100;
    path.wasm.setClock(now);
    other.setClock(now - 300);
    for (const one of [path.wasm, other]) if (one.conforms(1, 500) !== 0) passed += 500;
  }
  // 200 ms at an octet a microsecond, and the burst.
  assert.ok(passed >= 209_000 && passed <= 210_500, `${passed} octets`);
});

test('a limit changes and ends while packets pass; its row is used again; the end of the network ends it', () => {
  const { path, row } = pathOf();
  const passed = (): number => {
    let n = 0;
    for (let i = 0; i < 10; i++) {
      path.up(data(pppIp(from(1000))));
      n += path.wasm.transmitOuts();
    }
    return n;
  };
  // More changes than there are rows: each takes one, and gives back the one before.
  for (let i = 0; i < 5000; i++) assert.ok(path.tables.setPolicer(row, 'up', 1_000_000, 2000 + (i % 7)));
  assert.equal(passed(), 2);
  path.tables.setPolicer(row, 'up', 1_000_000, 5000);
  assert.equal(passed(), 5);
  path.tables.setPolicer(row, 'up', 0, 0);
  assert.equal(passed(), 10);
  path.tables.setPolicer(row, 'up', 1_000_000, 3000);
  path.tables.sessionDown(row, 2000);
  assert.equal(path.tables.policed(row, 'up'), null);
});

test('the rates that AAA gives hold from the moment the network is up, for a session alone', async () => {
  class Limits extends LocalAaa {
    override judge(credentials: Credentials, line: AccessLine): AuthenticationResult {
      const result = super.judge(credentials, line);
      if (!result.passed || credentials.name !== 'user') return result;
      // 64-octet packets: 100 a second, and 23 at once.
      return { ...result, attributes: { ...result.attributes, rateUp: { bps: 51_200, burstOctets: 1500 } } };
    }
  }
  const pair = await Pair.start(undefined, { aaa: new Limits() });
  try {
    const lac = await pair.dial({ sessionsPerTunnel: 1 });
    assert.equal((await lac.settled(5000)).sessionsUp, 1);
    const from = performance.now();
    const { sent, received } = await pair.traffic(lac, 2000, 1000);
    const most = 23 + (performance.now() - from) / 10;
    assert.ok(sent > 1300);
    assert.ok(received >= 80 && received <= most + 1, `${received} of ${sent} came back`);
    assert.equal(pair.drops()['policed-up'], sent - received);
  } finally {
    await pair.close();
  }
});

// Maximum Segment Size.

const syn = (options: number[], down = false, flags = 0x02): Uint8Array =>
  tcpPacket(
    {
      sequence: 1,
      flags,
      options: new Uint8Array(options),
      ...(down ? { source: [192, 0, 2, 7], destination: [100, 64, 0, 1] } : {}),
    },
    new Uint8Array(0),
  );
const mss = (value: number): number[] => [2, 4, value >>> 8, value & 255];

test("RFC 6691: the MSS of a SYN is lowered to the client's MRU less 40, both ways, its checksum right", () => {
  const cases: [options: number[], expected: number[]][] = [
    [mss(1460), mss(1360)],
    [
      [...mss(1460), 4, 2, 1, 1],
      [...mss(1360), 4, 2, 1, 1],
    ],
    [
      [1, ...mss(1460), 1, 1, 0],
      [1, ...mss(1360), 1, 1, 0],
    ], // at an odd place
    [
      [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, ...mss(9000)],
      [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, ...mss(1360)],
    ],
    [mss(1360), mss(1360)],
    [mss(536), mss(536)],
    [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ],
    [
      [2, 3, 1, 1],
      [2, 3, 1, 1],
    ],
    [
      [1, 1, 1, 2],
      [1, 1, 1, 2],
    ], // cut off
    [
      [5, 0, 2, 4],
      [5, 0, 2, 4],
    ], // a length that would not end
    [
      [0, ...mss(1460), 0, 0, 0],
      [0, ...mss(1460), 0, 0, 0],
    ], // behind the end of options
  ];
  const path = new TestPath();
  path.session(path.tunnel(), 0x0101, 1, { peerMru: 1400 });
  path.wasm.mssOptions(layout.CLAMP_AUTO);
  for (const [options, expected] of cases)
    for (const flags of [0x02, 0x12]) {
      path.up(data(pppIp(syn(options, false, flags))));
      assert.deepEqual(path.delivered().map(toHex), [toHex(syn(expected, false, flags))]);
      path.down(syn(options, true, flags));
      assert.deepEqual(
        path.sent().map(({ octets }) => toHex(octets.subarray(12))),
        [toHex(syn(expected, true, flags))],
      );
    }
  assert.equal(path.counter(layout.TOTAL_MSS_CLAMPED), 4 * 4);
  // No SYN, no TCP, a later fragment: untouched.
  const later = seal(syn(mss(1460)));
  later.set([0x00, 0x10], 6);
  for (const packet of [
    syn(mss(1460), false, 0x10),
    later,
    ipv4([100, 64, 0, 1], [192, 0, 2, 7], new Uint8Array(40)),
  ]) {
    path.up(data(pppIp(packet)));
    assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
  }
  // A number of the operator's, which the MRU still bounds.
  for (const [limit, expected] of [
    [1200, 1200],
    [1390, 1360],
    [layout.CLAMP_OFF, 1460],
  ] as const) {
    path.wasm.mssOptions(limit);
    path.up(data(pppIp(syn(mss(1460)))));
    assert.deepEqual(path.delivered().map(toHex), [toHex(syn(mss(expected)))]);
    assert.equal(transportSum(path.delivered()[0]!), 0xffff);
    assert.equal(checksumOf(path.delivered()[0]!.subarray(0, 20)), 0xffff);
  }
});

test('DSCP and ECN of a packet pass as they are, both ways', () => {
  const { path } = pathOf();
  for (const tos of [0x28, 0xb8, 0x03, 0xff]) {
    const up = tcpPacket({ sequence: 1, tos }, new Uint8Array(9));
    path.up(data(pppIp(up)));
    assert.deepEqual(path.delivered().map(toHex), [toHex(up)]);
    const down = tcpPacket(
      { sequence: 1, tos, source: [192, 0, 2, 7], destination: [100, 64, 0, 1] },
      new Uint8Array(9),
    );
    path.down(down);
    assert.equal(toHex(path.sent()[0]!.octets.subarray(12)), toHex(down));
  }
});
