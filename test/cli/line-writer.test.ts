import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LineWriter } from '../../src/cli/line-writer.ts';

test('lines come in their order, those of one turn together; an end that waits for nothing loses none', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-lines-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  t.after(() => closeSync(fd));
  const writer = new LineWriter(fd);
  writer.write('one');
  writer.write('two');
  assert.equal(readFileSync(path, 'utf8'), '');
  await writer.flush();
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
  writer.write('three');
  writer.flushSync();
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n');
  await writer.flush();
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n');
});

test('a reader that stops holds nobody up: what finds no room is counted, and said once there is room', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-lines-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, 'r+');
  const writer = new LineWriter(fd);
  const line = (n: number): string => `line ${n} ${'x'.repeat(1000)}`;
  // The pipe holds 64 KiB; the first batch is in the kernel's hands, and 4 MiB wait behind it.
  writer.write(line(0));
  await sleep(20);
  let n = 1;
  for (; writer.lost < 100; n++) writer.write(line(n));
  const { lost } = writer;
  assert.equal(lost, 100);
  assert.ok(n > 4000, `${n} lines`);
  // Somebody reads on: everything that waited comes, in order, then what was lost is said.
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const chunk = Buffer.alloc(1 << 16);
  let text = '';
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      try {
        text += chunk.toString('latin1', 0, readSync(reader, chunk));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
      }
      await sleep(1);
    }
  };
  await until(() => text.includes(`line ${n - lost - 1} `) && text.endsWith('\n'));
  writer.write('after');
  await until(() => text.endsWith('after\n'));
  const lines = text.trimEnd().split('\n');
  assert.deepEqual(
    lines.slice(0, n - lost),
    Array.from({ length: n - lost }, (_, i) => line(i)),
  );
  assert.match(lines.at(-2)!, /Z warning log-lost lines=100$/);
  assert.equal(lines.length, n - lost + 2);
  closeSync(reader);
  closeSync(fd);
});

test('a reader that is gone ends the writing, not the program', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-lines-'));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const both = openSync(path, 'r+');
  const fd = openSync(path, 'w');
  closeSync(both);
  const writer = new LineWriter(fd);
  writer.write('nobody reads this');
  await writer.flush();
  writer.write('nor this');
  await writer.flush();
  assert.equal(writer.lost, 1);
  writer.flushSync();
  closeSync(fd);
  rmSync(folder, { recursive: true });
});
