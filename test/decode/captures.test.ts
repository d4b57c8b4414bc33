import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compareCapture } from './compare.ts';

const folder = fileURLToPath(new URL('../captures/', import.meta.url));
const captures = readdirSync(folder)
  .filter((name) => name.endsWith('.expected.json'))
  .map((name) => name.replace('.expected.json', '.pcap'));

assert.ok(captures.length >= 13, 'the captures are there');
for (const capture of captures)
  test(`${capture} decodes as tshark decodes it`, () => {
    const { passed, failures } = compareCapture(folder + capture);
    assert.deepEqual(failures, []);
    assert.ok(passed > 0);
  });

for (const capture of captures.filter((name) => name.includes('mlppp')))
  test(`RFC 1990 5.1.2: the multilink header of ${capture} follows from its LCP`, () => {
    assert.deepEqual(compareCapture(folder + capture, 'auto').failures, []);
  });
