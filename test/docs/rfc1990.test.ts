import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRows } from './rows.ts';

test('docs/rfc1990.md: every title named exists', () => {
  assert.ok(checkRows('rfc1990.md', /^$/) >= 29);
});
