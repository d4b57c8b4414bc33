import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { configuration } from '../server/pair.ts';
import { needs, skip } from '../support/needs.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
/** Ids that no user of the machine has. */
const VIEWER = 61_001;
const OPERATOR = 61_002;
const STRANGER = 61_003;
const GROUP = 61_100;

test('[edit system login]: who connects is what the kernel says, and may do what his class may', async (t) => {
  if (!needs(t, 'root')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-login-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o711);
  const file = join(folder, 'lns.conf');
  const socket = join(folder, 'socket');
  writeFileSync(
    file,
    `${configuration().replace(
      'host-name lns-test;',
      `host-name lns-test; login {
        user noc { uid ${VIEWER}; class read-only; }
        user shift { uid ${OPERATOR}; class operator; }
      }
      services { local-cli { group ${GROUP}; socket ${socket}; } }`,
    )}`,
  );
  const server = spawn(process.execPath, [main, 'run', file, '--net', 'embedded', '--port', '0'], { cwd: root });
  t.after(() => server.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    let log = '';
    const take = (chunk: Buffer): void => {
      log += chunk.toString();
      if (log.includes(' commands ')) resolve();
    };
    server.stdout.on('data', take);
    server.stderr.on('data', take);
    server.on('exit', (code) => reject(new Error(`it ended with ${code}: ${log}`)));
  });
  const as = (uid: number, line: string) =>
    spawnSync(process.execPath, [main, 'cli', '-c', line, '--socket', socket], {
      uid,
      gid: GROUP,
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, HOME: '/nonexistent' },
    });
  const nobody = spawnSync(process.execPath, [main, 'cli', '-c', 'show version', '--socket', socket], {
    uid: STRANGER,
    gid: STRANGER,
    cwd: root,
    encoding: 'utf8',
  });
  if (/EACCES|Cannot find module/.test(nobody.stderr)) return skip(t, 'this checkout is not readable for other users');
  assert.match(nobody.stderr, /permission denied on/);
  assert.match(as(STRANGER, 'show version').stderr, /permission denied: no login for this user/);
  assert.match(as(VIEWER, 'show services l2tp summary').stdout, /^Tunnels: 0/);
  for (const line of ['clear services l2tp tunnel all', 'configure', 'show configuration']) {
    const refused = as(VIEWER, line);
    assert.equal(refused.status, 2, line);
  }
  assert.equal(as(OPERATOR, 'clear services l2tp tunnel all').status, 0);
  assert.equal(as(OPERATOR, 'configure').status, 2);
  assert.equal(as(0, 'show configuration system host-name').status, 0);
});
