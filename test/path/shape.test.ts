import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LocalAaa } from '../../src/aaa/local.ts';
import type { AccessLine, AuthenticationResult, Credentials } from '../../src/aaa/types.ts';
import * as layout from '../../src/generated/layout.ts';
import { Pair } from '../server/pair.ts';
import { ipv4, TestPath, toHex } from '../support/path.ts';

const START_MS = 5_000_000;

class Shaped {
  readonly path: TestPath;
  readonly rows: number[] = [];
  ms = START_MS;
  /** What left, in order. */
  readonly sent: Uint8Array[] = [];

  constructor(sessions = 1) {
    const sizes = { tunnels: 64, sessions: 1024, shaping: true };
    this.path = new TestPath(layout.CORE_TUN, false, sizes);
    this.path.wasm.shapeInit();
    const tunnel = this.path.tunnel();
    for (let s = 1; s <= sessions; s++) this.rows.push(this.path.session(tunnel, 0x0100 + s, s));
    this.at(START_MS);
  }
  #take(): void {
    for (const { octets } of this.path.sent()) this.sent.push(new Uint8Array(octets.subarray(12)));
  }
  /** A batch begins at `ms`: what has its turn leaves. @returns how many packets did */
  at(ms: number): number {
    this.ms = ms;
    const before = this.sent.length;
    this.path.wasm.setClock(ms * 1000);
    for (let calls = 0, done = 0; done === 0; calls++) {
      assert.ok(calls < 200);
      this.path.wasm.transmitReset();
      done = this.path.wasm.shapeTick();
      this.#take();
    }
    this.path.wasm.transmitReset();
    return this.sent.length - before;
  }
  /** @returns whether it left at once */
  packet(packet: Uint8Array): boolean {
    this.path.down(packet);
    this.#take();
    return this.path.wasm.transmitMessages() === 1;
  }
}
const to = (client: number, number: number, octets: number): Uint8Array =>
  ipv4(
    [192, 0, 2, 7],
    [100, 64, 0, client],
    new Uint8Array(octets - 20).map((_, i) => (i * 5 + number) & 255),
    {
      id: number,
    },
  );

test('what exceeds the rate waits for its turn, in order, and is dropped where it would wait too long', () => {
  const shaped = new Shaped();
  // An octet a microsecond, 2,000 at once, 10 ms of waiting.
  shaped.path.tables.setPolicer(shaped.rows[0]!, 'down', 8_000_000, 2000, 10);
  const packets = Array.from({ length: 15 }, (_, i) => to(1, i, 1000));
  assert.deepEqual(
    packets.map((packet) => shaped.packet(packet)),
    packets.map((_, i) => i < 2),
  );
  assert.equal(shaped.path.wasm.shapeWaiting(), 10);
  assert.equal(shaped.path.counter(layout.DROP_POLICED_DOWN), 3);
  assert.deepEqual(shaped.path.tables.policed(shaped.rows[0]!, 'down'), { packets: 3, octets: 3000 });
  for (let ms = 1; ms <= 10; ms++) {
    assert.equal(shaped.at(START_MS + ms - 0.001), ms === 1 ? 0 : 0);
    assert.equal(shaped.at(START_MS + ms), 1);
  }
  assert.deepEqual(shaped.sent.map(toHex), packets.slice(0, 12).map(toHex));
  assert.equal(shaped.path.wasm.shapeWaiting(), 0);
  // Counted when it leaves.
  assert.equal(shaped.path.tables.sessionCounters(shaped.rows[0]!).txPackets, 12);
});

test('a packet never passes one that waits, though the bucket would let it', () => {
  const shaped = new Shaped();
  shaped.path.tables.setPolicer(shaped.rows[0]!, 'down', 8_000_000, 1500, 100);
  for (let i = 0; i < 4; i++) shaped.packet(to(1, i, 1000));
  // The turns of the second to fourth have come, the batch that sends them has not.
  shaped.path.wasm.setClock((START_MS + 50) * 1000);
  assert.equal(shaped.packet(to(1, 4, 20)), false);
  shaped.at(START_MS + 51);
  assert.deepEqual(
    shaped.sent.map((packet) => packet[5]),
    [0, 1, 2, 3, 4],
  );
  assert.equal(shaped.packet(to(1, 5, 20)), true);
});

test('sessions at any rates and times: each packet once, whole, in order of its session, at its rate', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ bps: fc.integer({ min: 100_000, max: 50_000_000 }), queue: fc.integer({ min: 1, max: 200 }) }),
        {
          minLength: 3,
          maxLength: 3,
        },
      ),
      fc.array(
        fc.tuple(
          fc.integer({ min: 1, max: 3 }),
          fc.integer({ min: 20, max: 1500 }),
          fc.constantFrom(0, 0, 0, 0.3, 1, 7, 40),
        ),
        { maxLength: 300 },
      ),
      (rates, arrivals) => {
        const shaped = new Shaped(3);
        const burst = 3000;
        rates.forEach(({ bps, queue }, i) => {
          shaped.path.tables.setPolicer(shaped.rows[i]!, 'down', bps, burst, queue);
        });
        const offered = new Map<number, string[]>();
        const times: { client: number; at: number; octets: number }[] = [];
        let seen = 0;
        const note = (): void => {
          for (; seen < shaped.sent.length; seen++)
            times.push({ client: shaped.sent[seen]![19]!, at: shaped.ms, octets: shaped.sent[seen]!.length });
        };
        for (const [i, [client, octets, wait]] of arrivals.entries()) {
          if (wait > 0) shaped.at(shaped.ms + wait);
          note();
          const packet = to(client, i, octets);
          offered.set(client, [...(offered.get(client) ?? []), toHex(packet)]);
          shaped.packet(packet);
          note();
        }
        for (let n = 0; n < 210; n++) {
          shaped.at(shaped.ms + 1);
          note();
        }
        assert.equal(shaped.path.wasm.shapeWaiting(), 0);
        const dropped = shaped.path.counter(layout.DROP_POLICED_DOWN);
        assert.equal(shaped.sent.length + dropped, arrivals.length);
        for (const [client, all] of offered) {
          // What left is what was offered with some left out, in its order.
          let at = 0;
          for (const packet of shaped.sent.filter((one) => one[19] === client)) {
            at = all.indexOf(toHex(packet), at);
            assert.notEqual(at, -1);
            at++;
          }
          const { bps } = rates[client - 1]!;
          const left = times.filter((one) => one.client === client);
          for (let first = 0; first < left.length; first += 5) {
            let sum = 0;
            for (let i = first; i < left.length; i++) {
              sum += left[i]!.octets;
              // A place is a millisecond wide: a turn may come by as much too soon.
              assert.ok(sum <= burst + ((left[i]!.at - left[first]!.at + 1) * bps) / 8e3 + 1);
            }
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('the pool is bounded, given back and used again; sessions that queue nothing do not notice', () => {
  const shaped = new Shaped(2);
  const { path } = shaped;
  path.tables.setPolicer(shaped.rows[0]!, 'down', 1_000_000_000, 1500, 1000);
  for (let round = 0; round < 3; round++) {
    const before = path.counter(layout.DROP_SHAPE_POOL);
    // Some pass at once: those whose turn is in this millisecond.
    let passed = 0;
    for (let i = 0; i < layout.SHAPE_SLOTS + 200; i++) if (shaped.packet(to(1, i & 0xff, 1500))) passed++;
    assert.equal(path.wasm.shapeWaiting(), layout.SHAPE_SLOTS);
    assert.equal(path.counter(layout.DROP_SHAPE_POOL) - before, 200 - passed);
    assert.ok(passed < 100);
    assert.equal(shaped.packet(to(2, 1, 1500)), true);
    // 50 ms of packets at once: more than the lists of one batch hold.
    shaped.sent.length = 0;
    shaped.at(shaped.ms + 60);
    assert.equal(path.wasm.shapeWaiting(), 0);
    assert.equal(shaped.sent.length, layout.SHAPE_SLOTS);
    shaped.at(shaped.ms + 1);
  }
});

test('what waits for a session that ends is let go, and never reaches the next one in its row', () => {
  const shaped = new Shaped();
  const { path } = shaped;
  path.tables.setPolicer(shaped.rows[0]!, 'down', 8_000_000, 1500, 100);
  for (let i = 0; i < 5; i++) shaped.packet(to(1, i, 1000));
  assert.equal(shaped.sent.length, 2); // the second's turn is within the millisecond
  path.tables.removeSession(shaped.rows[0]!, 1000);
  path.tables.reclaim();
  assert.equal(path.session(path.tunnel(0x4444, 0x5555), 0x0707, 1), shaped.rows[0]);
  assert.equal(shaped.at(START_MS + 20), 0);
  assert.equal(path.counter(layout.DROP_STALE), 3);
  assert.equal(path.wasm.shapeWaiting(), 0);
  // A long rest, longer than the wheel: places and turns agree afterwards.
  shaped.at(START_MS + 10_000_000);
  path.tables.setPolicer(shaped.rows[0]!, 'down', 8_000_000, 1500, 100);
  for (let i = 0; i < 3; i++) shaped.packet(to(1, i, 1000));
  assert.equal(path.wasm.shapeWaiting(), 1);
  assert.equal(shaped.at(shaped.ms + 1), 1);
});

test('a server that queues loses nothing of a short excess over the rate; one that does not, loses it', async () => {
  class Limits extends LocalAaa {
    override judge(credentials: Credentials, line: AccessLine): AuthenticationResult {
      const result = super.judge(credentials, line);
      // 1,000 packets of 64 octets a second
      return result.passed
        ? { ...result, attributes: { ...result.attributes, rateDown: { bps: 512_000, burstOctets: 1500 } } }
        : result;
    }
  }
  for (const queueMs of [1000, 0]) {
    const pair = await Pair.start(undefined, { aaa: new Limits(), queueMs });
    try {
      const lac = await pair.dial();
      assert.equal((await lac.settled(5000)).sessionsUp, 1);
      await pair.traffic(lac, 2000, 300);
      await new Promise((resolve) => setTimeout(resolve, 900));
      const { sent, received, reordered, bad } = lac.traffic;
      assert.ok(sent > 400);
      assert.deepEqual([reordered, bad], [0, 0]);
      if (queueMs > 0) assert.equal(received, sent);
      else assert.ok(received < sent);
    } finally {
      await pair.close();
    }
  }
});
