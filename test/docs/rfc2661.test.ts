import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRows } from './rows.ts';

test('docs/rfc2661.md: every title named exists, and only outgoing calls are not done', () => {
  assert.ok(checkRows('rfc2661.md', /outgoing call/) > 40);
});
