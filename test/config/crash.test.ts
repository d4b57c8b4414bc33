import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileDisk } from '../../src/config/disk.ts';
import { Bench } from './session-support.ts';
import { configuration } from './support.ts';

/** All of them in CI; a taste of them elsewhere. */
const KILLS = Number(process.env.LNS_KILLS ?? (process.env.LNS_REQUIRE_INTEROP === '1' ? 200 : 40));
const AT_ONCE = 4;
const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url));
/** Longest time to the kill, from the first commit that the child said. */
const MOMENT_MS = 40;

/** Lets a child commit, kills it in the midst, and says which commit was the last in force that it told. */
async function kill(file: string, random: () => number): Promise<number> {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(process.execPath, [CHILD, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const closed = once(child, 'close');
  for (let first = false; !first && child.exitCode === null; first = /^\d+$/m.test(out))
    await Promise.race([once(child.stdout, 'data'), closed]);
  await new Promise((resolve) => setTimeout(resolve, random() * MOMENT_MS));
  child.kill('SIGKILL');
  await closed;
  assert.equal(errors, '');
  return Number(out.trimEnd().split('\n').at(-1));
}

test(`killed with SIGKILL at ${KILLS} random moments during commits: the old configuration or the new, never a mixture`, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'lns-crash-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  let inMidst = 0;
  const lane = async (number: number): Promise<void> => {
    let seed = number * 7919 + 1;
    const random = (): number => {
      seed = (seed * 48271) % 0x7fffffff;
      return seed / 0x7fffffff;
    };
    const file = join(folder, `${number}.conf`);
    writeFileSync(file, configuration({ group: 'hello-interval 1; tunnel-timeout 1;' }));
    for (let i = 0; i < KILLS / AT_ONCE; i++) {
      const told = await kill(file, random);
      const where = `lane ${number}, kill ${i}, seed ${number * 7919 + 1}`;
      const bench = await Bench.open(new FileDisk(file));
      const [group] = bench.store.config.tunnelGroups;
      const found = group!.helloIntervalMs / 1000;
      assert.equal(group!.tunnelTimeoutMs / 1000, found, `${where}: both statements are of one commit`);
      assert.ok(found === told || found === told + 1, `${where}: told ${told}, found ${found}`);
      if (found === told + 1) inMidst++;
      // The history goes on without a gap, and each entry can be read.
      const { history } = bench.store;
      for (const [k, one] of history.entries()) assert.equal(one.sequence, history[0]!.sequence - k, where);
      const oldest = await bench.store.rollbackTree(history.length - 1);
      assert.notEqual(oldest, null, where);
      assert.match(readFileSync(file, 'utf8'), /"sequence":/);
      // No child works here any more: a file that a kill left half written hurts nobody.
      assert.ok(readdirSync(`${file}.d`).length <= 52, where);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => lane(i)));
  context.diagnostic(`${inMidst} kills fell between the rename and the word of it`);
});
