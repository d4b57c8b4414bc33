import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { configuration } from '../server/pair.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly file: string;
  /** Waits until its output shows `pattern` behind what was waited for before. */
  shows(pattern: RegExp): Promise<string>;
}
/** `lns run` in a process of its own. */
async function running(t: TestContext): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'lns-reload-'));
  const file = join(folder, 'lns.conf');
  writeFileSync(file, configuration());
  const args = [main, 'run', file, '--net', 'none', '--port', '0', '--shards', '1', '--socket', join(folder, 'socket')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let seen = 0;
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (text += String(chunk)));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  t.after(async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true });
  });
  const shows = async (pattern: RegExp): Promise<string> => {
    const until = performance.now() + 15_000;
    for (;;) {
      const match = pattern.exec(text.slice(seen));
      if (match !== null) {
        seen += match.index + match[0].length;
        return match[0];
      }
      if (performance.now() > until || child.exitCode !== null) throw new Error(`no ${pattern} in:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await shows(/ commands .*\n/);
  return { child, file, shows };
}

test('SIGHUP puts the file in force again; an invalid one changes nothing, and it is said where and why', async (t) => {
  const { child, file, shows } = await running(t);
  const hangUp = (text: string): void => {
    writeFileSync(file, text);
    child.kill('SIGHUP');
  };
  hangUp(configuration({ group: 'hello-interval 70000;' }));
  await shows(/lns\.conf:\d+:\(\d+\) error: value 70000 is not within range/);
  await shows(/ error configuration-rejected .*reason="value 70000 is not within range/);
  hangUp(configuration().replace('local-gateway address 127.0.0.1', 'local-gateway address 192.0.2.99'));
  await shows(/ error configuration-rejected .*192\.0\.2\.99/);
  hangUp(configuration().replace('local-gateway address 127.0.0.1', 'local-gateway address 127.0.0.9'));
  await shows(/ listening group=test address=127\.0\.0\.9 /);
  await shows(/ notice configuration-changed tunnelsEnded=0 sessionsEnded=0\n/);
});
