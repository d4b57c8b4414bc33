import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeRows } from '../../src/cli/terminal.ts';

test('the pager takes whole lines that fit, and counts the rows that a long one wraps to', () => {
  assert.deepEqual(takeRows('a\nb\nc\n', 2, 80), { length: 4, rows: 2 });
  assert.deepEqual(takeRows('a\nb', 5, 80), { length: 2, rows: 1 });
  assert.deepEqual(takeRows(`${'x'.repeat(25)}\nb\n`, 3, 10), { length: 26, rows: 3 });
  assert.deepEqual(takeRows(`a\n${'x'.repeat(25)}\n`, 3, 10), { length: 2, rows: 1 });
  // Higher than the screen: shown all the same, or the pager would never end.
  assert.deepEqual(takeRows(`${'x'.repeat(250)}\n`, 3, 10), { length: 251, rows: 25 });
  assert.deepEqual(takeRows('a\n', 0, 10), { length: 0, rows: 0 });
  assert.deepEqual(takeRows('\n\n', 5, 10), { length: 2, rows: 2 });
});
