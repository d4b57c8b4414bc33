import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileDisk } from '../../src/config/disk.ts';
import { needs } from '../support/needs.ts';
import { Bench } from './session-support.ts';
import { configuration } from './support.ts';

test('a file system that is full: the commit fails and says so, the old configuration stays, a restart finds it', async (context) => {
  if (!needs(context, 'root', 'mount')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'none', folder]);
  context.after(() => {
    execFileSync('umount', [folder]);
    rmdirSync(folder);
  });
  const file = join(folder, 'lns.conf');
  writeFileSync(file, configuration());
  const bench = await Bench.open(new FileDisk(file));
  const shell = bench.session();
  await shell.all('set services l2tp tunnel-group harbour hello-interval 15', 'commit');
  const before = readFileSync(file, 'utf8');
  // All but nothing is taken: the folder's last pages go to a file that grows until it fits no more.
  const ballast = join(folder, 'ballast');
  for (let size = 4096; ; size += 4096) {
    try {
      writeFileSync(ballast, Buffer.alloc(size));
    } catch {
      break;
    }
  }
  await shell.run('set services l2tp tunnel-group harbour hello-interval 16');
  assert.equal(
    await shell.fails('commit'),
    'error: could not write the configuration: no space left on device; the old one stays in force\n',
  );
  assert.equal(readFileSync(file, 'utf8'), before);
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 15_000);
  await bench.reopen();
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 15_000);
  assert.equal(bench.store.history.length, 2);
  // With room again the same change goes through.
  rmSync(ballast);
  const again = bench.session();
  await again.all('set services l2tp tunnel-group harbour hello-interval 16', 'commit');
  assert.match(readFileSync(file, 'utf8'), /hello-interval 16;/);
  assert.ok(statSync(file).size > 0);
});
