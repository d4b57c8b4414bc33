import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ticker } from '../../src/io/ticker.ts';

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('the timer is armed for the earliest deadline, moves nearer, and never comes early', async () => {
  let deadline = performance.now() + 10_000;
  const ticks: number[] = [];
  const ticker = new Ticker(
    () => deadline,
    (now) => {
      ticks.push(now);
      deadline = Number.POSITIVE_INFINITY;
    },
  );
  ticker.arm();
  const due = performance.now() + 20;
  deadline = due;
  ticker.arm();
  await later(60);
  assert.equal(ticks.length, 1);
  assert.ok(ticks[0]! >= due, `${ticks[0]} before ${due}`);
  ticker.stop();
});

test('once stopped it stays so, whoever arms it, and nothing keeps the process', async () => {
  let ticks = 0;
  const ticker = new Ticker(
    () => 0,
    () => {
      ticks++;
      ticker.stop();
    },
  );
  ticker.arm();
  await later(20);
  ticker.arm();
  assert.ok(!process.getActiveResourcesInfo().includes('Timeout'));
  await later(20);
  assert.equal(ticks, 1);
});
