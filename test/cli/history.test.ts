import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { History, holdsSecret } from '../../src/cli/history.ts';

test('history lasts across runs, in a file of mode 0600', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-history-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'history');
  const first = new History(file);
  for (const line of ['show version', 'show version', '  ', 'configure']) first.add(line);
  assert.deepEqual(first.lines, ['show version', 'configure']);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  chmodSync(file, 0o644);
  assert.deepEqual(new History(file).lines, ['show version', 'configure']);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('a line with a secret is never written, however its keyword is cut short', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-history-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'history');
  const history = new History(file);
  const secrets = [
    'set access profile p client c chap-secret "hush hush"',
    'set access profile p client c chap-s hush',
    'set access profile p client c pap hush',
    'set access profile lacs client * l2tp shared hush',
    'se access radius-server 192.0.2.1 sec hush',
    'access profile p client c chap-secret hush',
    'set x "$9$LbHX-wg4Z"',
  ];
  for (const line of secrets) {
    assert.ok(holdsSecret(line), line);
    history.add(line);
  }
  history.add('set services l2tp tunnel-group east hello-interval 30');
  history.add('show services l2tp session');
  history.add('sh ser l2 sum');
  assert.equal(
    readFileSync(file, 'utf8'),
    'set services l2tp tunnel-group east hello-interval 30\nshow services l2tp session\nsh ser l2 sum\n',
  );
  assert.equal(history.lines.length, secrets.length + 3, 'this run has them all');
});

test('a file that has grown is written anew, and one that cannot be is done without', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-history-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'history');
  writeFileSync(file, Array.from({ length: 20_000 }, (_, n) => `show services l2tp ${n}\n`).join(''));
  assert.equal(new History(file).lines.length, 1000);
  assert.equal(readFileSync(file, 'utf8').split('\n').length, 1001);
  const none = new History(join(file, 'below-a-file'));
  none.add('show version');
  assert.deepEqual(none.lines, ['show version']);
});
