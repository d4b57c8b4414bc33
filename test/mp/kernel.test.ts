import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compareInner } from '../captures/inner.ts';

for (const [name, packets] of [
  ['xl2tpd-mlppp-loss', 91],
  ['xl2tpd-mlppp-short', 15],
] as const)
  test(`${name}: from the same fragments the path makes the packets that Linux made`, () => {
    const file = fileURLToPath(new URL(`../captures/${name}.inner.json`, import.meta.url));
    const { passed, failures } = compareInner(file);
    assert.deepEqual(failures, []);
    assert.equal(passed, packets);
  });
