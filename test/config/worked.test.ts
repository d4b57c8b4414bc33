// Section 6 of the chapter: each example is typed, loaded and committed in configuration mode.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/bind.ts';
import { formatCurly, setLines } from '../../src/config/format.ts';
import { Bench } from './session-support.ts';

const folder = new URL('./worked/', import.meta.url);
const EXAMPLES = readdirSync(folder)
  .sort()
  .map((name): [string, string] => [name, readFileSync(new URL(name, folder), 'utf8')]);

test('6: there are six examples', () => {
  assert.equal(EXAMPLES.length, 6);
});
for (const [name, text] of EXAMPLES) {
  test(`6: ${name} loads, commits, is shown as it was meant, and is taken back by rollback`, async () => {
    const bench = await Bench.open('system host-name lns-1;');
    const shell = bench.session();
    assert.equal(await shell.answer('load merge terminal', text), 'load complete\n');
    assert.match(await shell.run('show | compare'), /^\[edit\]/);
    assert.match(await shell.run('commit'), /commit complete\n$/);
    assert.equal(bench.applied.length, 2);
    assert.equal(await shell.run('show | compare'), '');
    const shown = await shell.run('show');
    assert.equal(formatCurly(parseConfig(shown).written), shown.replace(/^##.*\n/, ''));
    await shell.run('rollback 1');
    assert.match(await shell.run('commit'), /commit complete\n$/);
    assert.equal(formatCurly(bench.store.running), 'system {\n    host-name lns-1;\n}\n');
  });
  test(`6: ${name} typed as set lines is the same configuration`, async () => {
    const loaded = (await Bench.open('system host-name lns-1;')).session();
    await loaded.answer('load override terminal', text);
    const lines = setLines(loaded.session.candidate);
    const typed = (await Bench.open('version 9.4R1.8;')).session();
    await typed.run('delete version');
    for (const line of lines) assert.equal(await typed.run(line), '', line);
    assert.equal(
      formatCurly(typed.session.candidate).replace(/\$9\$[^"]+/g, ''),
      formatCurly(loaded.session.candidate).replace(/\$9\$[^"]+/g, ''),
    );
    assert.match(await typed.run('commit'), /commit complete\n$/);
  });
}
test('6.3: the group with every tuning statement, as it is in force', async () => {
  const bench = await Bench.open(EXAMPLES[2]![1]);
  const [group] = bench.store.config.tunnelGroups;
  assert.deepEqual(
    [
      group!.receiveWindow,
      group!.maximumSendWindow,
      group!.retransmitIntervalMs,
      group!.helloIntervalMs,
      group!.tunnelTimeoutMs,
    ],
    [1500, 1200, 5000, 15_000, 55_000],
  );
});
test('6.6: who may ask for a disconnect', async () => {
  const bench = await Bench.open(EXAMPLES[5]![1]);
  assert.deepEqual([...bench.store.config.radiusDisconnect!.clients.keys()], ['192.0.2.211', '192.0.2.212']);
});
