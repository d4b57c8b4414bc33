import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Limits, type SessionLimits } from '../../src/aaa/limits.ts';
import { TimingWheel } from '../../src/aaa/wheel.ts';

const TICK = 250;
class World {
  now = 1000;
  readonly last = new Map<number, { rx: number; tx: number }>();
  readonly unanswered = new Map<number, number>();
  readonly log: string[] = [];
  looks = 0;
  readonly limits: Limits;
  constructor(rows = 10) {
    this.limits = new Limits(
      rows,
      {
        lastData: (row) => {
          this.looks++;
          return this.last.get(row) ?? { rx: 0, tx: 0 };
        },
        echo: (row) => {
          const before = this.unanswered.get(row) ?? 0;
          this.unanswered.set(row, before + 1);
          this.log.push(`${this.now} echo ${row}`);
          return before;
        },
        end: (row, reason) => this.log.push(`${this.now} end ${row} ${reason}`),
      },
      this.now,
    );
  }
  add(row: number, limits: Partial<SessionLimits>): void {
    const all = { idleTimeoutMs: 0, sessionTimeoutMs: 0, keepaliveMs: 0, keepaliveRetries: 10, ...limits };
    this.limits.add(row, all, this.now, 0);
  }
  until(end: number): void {
    for (; this.now <= end; this.now += TICK) this.limits.handleTimeout(this.now);
  }
}

test('session-timeout ends the session at its time and not before; 0 is never', () => {
  const world = new World();
  world.add(1, { sessionTimeoutMs: 60_000 });
  world.add(2, { sessionTimeoutMs: 0 });
  world.until(60_750);
  assert.deepEqual(world.log, []);
  world.until(61_500);
  assert.deepEqual(world.log, ['61000 end 1 session-timeout']);
  assert.equal(world.limits.size, 0);
});

test('idle-timeout counts from the last packet either way, and looks at a busy session once an interval', () => {
  const world = new World();
  world.add(1, { idleTimeoutMs: 20_000 });
  for (let at = 5000; at <= 100_000; at += 5000) {
    world.until(at);
    world.last.set(1, at % 10_000 === 0 ? { rx: world.now, tx: 0 } : { rx: 0, tx: world.now });
  }
  const looks = world.looks;
  assert.deepEqual(world.log, []);
  assert.ok(looks < 30, `${looks} looks in 100 s`);
  const last = Math.max(...Object.values(world.last.get(1)!));
  world.until(last + 19_750);
  assert.deepEqual(world.log, []);
  world.until(last + 20_500);
  assert.match(world.log[0]!, /end 1 idle-timeout/);
});

test('keepalive: an Echo-Request an interval, the session ends when as many as its retries are unanswered', () => {
  const world = new World();
  world.add(1, { keepaliveMs: 30_000, keepaliveRetries: 3 });
  world.until(200_000);
  assert.deepEqual(world.log, [
    '31000 echo 1',
    '61000 echo 1',
    '91000 echo 1',
    '121000 echo 1',
    '121000 end 1 keepalive',
  ]);
});

test('keepalive: answered echoes end nothing, and data from the peer makes them needless', () => {
  const world = new World();
  world.add(1, { keepaliveMs: 30_000, keepaliveRetries: 2 });
  for (let i = 0; i < 20; i++) {
    world.until(world.now + 30_000);
    world.unanswered.set(1, 0);
  }
  assert.ok(world.log.every((line) => line.includes('echo')));
  const echoes = world.log.length;
  assert.ok(echoes >= 19);
  for (let i = 0; i < 60; i++) {
    world.last.set(1, { rx: world.now, tx: 0 });
    world.until(world.now + 10_000);
  }
  assert.ok(world.log.length <= echoes + 1, 'data speaks for the peer');
});

test('CoA: another session-timeout runs from now, another idle-timeout at once', () => {
  const world = new World();
  world.add(1, { sessionTimeoutMs: 10_000 });
  world.limits.change(1, { sessionTimeoutMs: 100_000 }, world.now);
  world.until(50_000);
  assert.deepEqual(world.log, []);
  world.limits.change(1, { idleTimeoutMs: 1000 }, world.now);
  world.until(world.now + 500);
  assert.match(world.log[0]!, /idle-timeout/);
});

test('the shared clock of 32 bits wraps after 49 days without ending a busy session', () => {
  const world = new World();
  world.now = 2 ** 32 - 10_000;
  world.limits.handleTimeout(world.now);
  world.add(1, { idleTimeoutMs: 5000 });
  for (let i = 0; i < 20; i++) {
    world.last.set(1, { rx: (world.now % 2 ** 32) | 1, tx: 0 });
    world.until(world.now + 1000);
  }
  assert.deepEqual(world.log, []);
});

test('a session that went is never ended; its row starts afresh', () => {
  const world = new World();
  world.add(1, { sessionTimeoutMs: 5000, keepaliveMs: 2000, idleTimeoutMs: 4000 });
  world.limits.remove(1);
  world.until(60_000);
  assert.deepEqual(world.log, []);
  assert.equal(world.limits.deadline(), Number.POSITIVE_INFINITY);
});

test('the wheel and a sorted list agree on any history', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          item: fc.integer({ min: 1, max: 20 }),
          due: fc.integer({ min: 0, max: 40_000 }),
          step: fc.integer({ min: 0, max: 3000 }),
          remove: fc.boolean(),
        }),
        { maxLength: 200 },
      ),
      (history) => {
        const wheel = new TimingWheel(20, 100, 16, 0);
        const model = new Map<number, number>();
        let now = 0;
        for (const { item, due, step, remove } of history) {
          if (remove) {
            wheel.remove(item);
            model.delete(item);
          } else {
            wheel.set(item, now + due);
            model.set(item, now + due);
          }
          now += step;
          wheel.advance(now, (one) => {
            assert.ok(model.get(one)! <= now, 'not before its time');
            model.delete(one);
          });
          for (const at of model.values()) assert.ok(at > now - 100, 'a tick late at most');
          assert.equal(wheel.size, model.size);
        }
      },
    ),
  );
});

test('200,000 idle sessions cost little: one turn of 30 s of keepalive', () => {
  let echoes = 0;
  const limits = new Limits(
    200_000,
    {
      lastData: () => ({ rx: 0, tx: 0 }),
      echo: () => {
        echoes++;
        return 0;
      },
      end: () => assert.fail(),
    },
    0,
  );
  for (let row = 1; row <= 200_000; row++)
    limits.add(
      row,
      { idleTimeoutMs: 3_600_000, sessionTimeoutMs: 86_400_000, keepaliveMs: 30_000, keepaliveRetries: 10 },
      0,
      row / 200_001,
    );
  const from = performance.now();
  for (let now = 0; now <= 60_000; now += 250) limits.handleTimeout(now);
  const spent = performance.now() - from;
  assert.ok(echoes >= 200_000);
  assert.ok(spent < 3000, `${spent} ms for a minute`);
});
