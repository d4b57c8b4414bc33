// A guest with a disk of its own, switched off in mid-commit: what was not synced is gone, as with a power cut.
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needs } from '../support/needs.ts';
import { configuration } from './support.ts';

/** All of them in CI; a taste of them elsewhere. */
const CUTS = Number(process.env.LNS_POWER_CUTS ?? (process.env.LNS_REQUIRE_INTEROP === '1' ? 20 : 2));
const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url));
const BOOT_MS = 60_000;

interface Life {
  /** hello-interval and tunnel-timeout that the guest found, and whether its history is whole. */
  readonly found: readonly [hello: number, timeout: number, history: string];
  /** The last commit that it told. */
  readonly told: number;
}

/** Boots, lets it commit, and switches off `momentMs` after its first commit. */
async function live(folder: string, momentMs: number): Promise<Life> {
  const guest: ChildProcessByStdio<null, Readable, Readable> = spawn(
    'linux.uml',
    [
      'mem=512M',
      'root=/dev/root',
      'rootfstype=hostfs',
      'rootflags=/',
      'ro',
      `ubd0=${join(folder, 'disk.img')}`,
      `init=${join(folder, 'init.sh')}`,
      'con=null',
      'con0=null,fd:1',
      'con1=null',
      'quiet',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  let out = '';
  guest.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  guest.stderr.resume();
  const closed = once(guest, 'close');
  const off = (): void => {
    try {
      process.kill(-guest.pid!, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  };
  const late = setTimeout(off, BOOT_MS);
  try {
    while (!/^\d+\r?\n/m.test(out) && guest.exitCode === null && guest.signalCode === null)
      await Promise.race([once(guest.stdout, 'data'), closed]);
    await new Promise((resolve) => setTimeout(resolve, momentMs));
  } finally {
    clearTimeout(late);
    off();
    await closed;
  }
  const found = /^found (\d+) (\d+) (\w+) history/m.exec(out);
  assert.ok(found, `the guest finds its configuration:\n${out}`);
  const commits = [...out.matchAll(/^(\d+)\r?\n/gm)];
  assert.ok(commits.length > 0, `the guest commits:\n${out}`);
  return { found: [Number(found[1]), Number(found[2]), found[3]!], told: Number(commits.at(-1)![1]) };
}

test(`${CUTS} power cuts during commits: every commit that was told is there, none is half`, async (context) => {
  if (!needs(context, 'user-mode-linux', 'mkfs.ext4')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-power-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const start = join(folder, 'start.conf');
  writeFileSync(start, configuration({ group: 'hello-interval 1; tunnel-timeout 1;' }));
  writeFileSync(
    join(folder, 'init.sh'),
    `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t tmpfs none /mnt && mkdir /mnt/d
mount -t devtmpfs dev /dev 2>/dev/null
mount -t ext4 /dev/ubda /mnt/d || echo NO-DISK
[ -e /mnt/d/lns.conf ] || { cp ${start} /mnt/d/lns.conf && sync; }
exec '${process.execPath}' '${CHILD}' /mnt/d/lns.conf
`,
  );
  chmodSync(join(folder, 'init.sh'), 0o755);
  const image = join(folder, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 64 << 20);
  execFileSync('/usr/sbin/mkfs.ext4', ['-q', '-F', image]);
  let seed = 20_261_125;
  let told = 1;
  for (let cut = 0; cut <= CUTS; cut++) {
    seed = (seed * 48271) % 0x7fffffff;
    const life = await live(folder, (seed / 0x7fffffff) * 400);
    const [hello, timeout, history] = life.found;
    const where = `cut ${cut}: told ${told}, found ${hello}`;
    assert.equal(hello, timeout, `${where}: both statements are of one commit`);
    assert.equal(history, 'whole', where);
    // What was told is on the disk; what the console still had to say may be there as well.
    assert.ok(hello >= told && hello <= told + 5, where);
    told = life.told;
  }
});
