import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliver } from '../../src/operate/conversation.ts';

/** Pieces that take `ms` of the thread each. */
function* slow(count: number, ms: number, text: string): Generator<string> {
  for (let n = 0; n < count; n++) {
    const end = performance.now() + ms;
    while (performance.now() < end);
    yield text;
  }
}

test('a long reply gives way to everything else, whether its pieces are large or small', async () => {
  for (const text of ['x', 'x'.repeat(40_000)]) {
    let turns = 0;
    let going = true;
    const turn = (): void => {
      turns++;
      if (going) setImmediate(turn);
    };
    setImmediate(turn);
    let octets = 0;
    const whole = await deliver(slow(100, 1, text), {
      out: async (piece) => {
        octets += piece.length;
      },
      signal: new AbortController().signal,
    });
    going = false;
    assert.equal(whole, true);
    assert.equal(octets, 100 * text.length);
    assert.ok(turns >= 10, `${turns} turns of the event loop in 100 ms`);
  }
});

test('Ctrl-C ends a reply in the middle', async () => {
  const stop = new AbortController();
  let pieces = 0;
  const whole = await deliver(slow(1000, 0.1, 'x'.repeat(40_000)), {
    out: async () => {
      if (++pieces === 3) stop.abort();
    },
    signal: stop.signal,
  });
  assert.equal(whole, false);
  assert.equal(pieces, 3);
});
