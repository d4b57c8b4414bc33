import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LineWriter } from '../../src/cli/line-writer.ts';
import { configuration } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

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
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = new LineWriter(fd);
  const line = (n: number): string => `line ${n} ${'x'.repeat(1000)}`;
  // The pipe holds 64 KiB; 4 MiB wait behind it.
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
  assert.equal(writer.lost, 2);
  writer.flushSync();
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

test('a full disk loses lines, and the file says how many once there is room, on a line of its own', async (t) => {
  if (!needs(t, 'root')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-lines-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  t.after(() => {
    closeSync(fd);
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });
  const filler = join(folder, 'filler');
  writeFileSync(filler, Buffer.alloc(4096));
  const writer = new LineWriter(fd);
  const line = (n: number): string => `line ${n} ${'x'.repeat(1000)}`;
  for (let n = 0; n < 100; n++) writer.write(line(n));
  await writer.flush();
  const first = readFileSync(path, 'utf8');
  const whole = first.split('\n').length - 1;
  assert.ok(whole > 40 && whole < 64, `${whole} lines`);
  assert.equal(writer.lost, 100 - whole);
  writer.write('no room for this either, nor for what was lost');
  await writer.flush();
  assert.equal(writer.lost, 101 - whole);
  rmSync(filler);
  writer.write('after');
  await writer.flush();
  assert.equal(writer.lost, 0);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.slice(0, whole),
    Array.from({ length: whole }, (_, n) => line(n)),
  );
  assert.match(lines.at(-2)!, new RegExp(`^\\S+Z warning log-lost lines=${101 - whole}$`));
  assert.equal(lines.at(-1), 'after');
});

test('the server ends in good time though nobody reads its log', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-lines-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [path, socket, file] = [join(folder, 'fifo'), join(folder, 's'), join(folder, 'lns.conf')];
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(fd));
  assert.throws(() => {
    for (;;) writeSync(fd, Buffer.alloc(4096, 'x'));
  }, /EAGAIN/);
  writeFileSync(file, configuration());
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const words = ['run', file, '--net', 'none', '--port', '0', '--socket', socket];
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', fd, 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  try {
    for (let tried = 0; !existsSync(socket); tried++) {
      assert.ok(tried < 400, 'it starts');
      await sleep(50);
    }
    const shown = execFileSync(process.execPath, [main, 'show', 'version', '--socket', socket], { encoding: 'utf8' });
    assert.match(shown, /\S/);
    child.kill('SIGTERM');
    assert.equal(await Promise.race([ended, sleep(20_000, 'still there')]), 0);
  } finally {
    child.kill('SIGKILL');
  }
});
