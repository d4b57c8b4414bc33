import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ffi } from '../../src/io/ffi.ts';
import { Coalescing } from '../../src/worker/coalescing.ts';

const real = performance.now.bind(performance);
test.afterEach(() => {
  performance.now = real;
});

/** Turns of so many reads each, so many milliseconds apart. @returns nanoseconds slept after each; 0: not at all */
function turns(count: number, reads: number, apart: number, more = false): number[] {
  let timespec: BigInt64Array = new BigInt64Array(2);
  let asleep = 0;
  const ffi = {
    addressOf: (view: BigInt64Array) => {
      timespec = view;
      return 1;
    },
    prctl: () => 0,
    nanosleep: () => {
      assert.equal(timespec[0], 0n);
      asleep = Number(timespec[1]);
      return 0;
    },
  } as unknown as Ffi;
  const coalescing = new Coalescing(ffi, 50, 0);
  return Array.from({ length: count }, (_, n) => {
    const at = 1000 + n * apart;
    performance.now = () => at;
    asleep = 0;
    coalescing.after(reads, at, more);
    return asleep;
  });
}

test('while packets come fast one by one, the thread sleeps as long as was asked, less where a batch is full sooner', () => {
  const slept = turns(600, 1, 0.01);
  // The first millisecond tells the rate: 100 packets in it, five a pause.
  assert.equal(slept[0], 0);
  assert.deepEqual(new Set(slept.slice(200)), new Set([50_000]));
  // A thousand a millisecond: 32 come in 32 microseconds.
  const fast = turns(600, 10, 0.01).slice(200);
  assert.ok(
    fast.every((ns) => ns >= 31_000 && ns <= 33_000),
    String(fast.slice(0, 4)),
  );
});
test('slow packets, full batches and none at all wait for nothing', () => {
  assert.deepEqual(new Set(turns(600, 1, 0.1)), new Set([0]));
  assert.deepEqual(new Set(turns(600, 64, 0.1, true)), new Set([0]));
  assert.deepEqual(new Set(turns(10, 0, 250)), new Set([0]));
});
