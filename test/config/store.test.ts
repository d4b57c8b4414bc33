import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileDisk, MemoryDisk } from '../../src/config/disk.ts';
import { formatCommits, splitRecord } from '../../src/config/record.ts';
import { ConfigurationStore, ROLLBACK_MAX } from '../../src/config/store.ts';
import { Bench } from './session-support.ts';
import { configuration } from './support.ts';

const GROUP = 'services l2tp tunnel-group harbour';
const hello = (bench: Bench): number => bench.store.config.tunnelGroups[0]!.helloIntervalMs / 1000;
/** A file in a folder of its own. */
function folder(context: TestContext): { file: string; disk: FileDisk } {
  const path = mkdtempSync(join(tmpdir(), 'lns-config-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  const file = join(path, 'lns.conf');
  writeFileSync(file, configuration());
  return { file, disk: new FileDisk(file) };
}
const errorOf = (code: string): Error => Object.assign(new Error(`${code}: told by the test`), { code });

test('a commit is on disk, whole, before it is applied', async (context) => {
  const { file, disk } = folder(context);
  let seen = '';
  const store = await ConfigurationStore.open({
    disk,
    platform: 'm10i',
    now: () => 0,
    random: () => 0.5,
    apply: (_, previous) => {
      if (previous !== null) seen = readFileSync(file, 'utf8');
    },
  });
  const session = store.openSession({ user: 'kim', mode: 'shared' });
  await session.execute(`set ${GROUP} hello-interval 15`);
  const reply = await session.execute('commit');
  assert.ok(reply.ok, reply.text);
  assert.match(seen, /hello-interval 15;/);
  assert.equal(seen, readFileSync(file, 'utf8'));
});
test('what is kept can be read by its owner alone, holds no secret in clear, and has no file left beside it', async (context) => {
  const { file, disk } = folder(context);
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit');
  const text = readFileSync(file, 'utf8');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(`${file}.d`, '1.gz')).mode & 0o777, 0o600);
  assert.ok(!/anchor|rope/.test(text));
  assert.match(text, /^## Last commit: 2026-05-12 08:00:00 UTC by kim via cli\n/);
  assert.deepEqual(readdirSync(`${file}.d`).sort(), ['1.gz', '2.gz']);
  assert.deepEqual(readdirSync(join(file, '..')).sort(), ['lns.conf', 'lns.conf.d']);
});
test('rollback reaches 0 to 49, over restarts; older ones go', async (context) => {
  const { file, disk } = folder(context);
  const bench = await Bench.open(disk);
  const shell = bench.session();
  for (let i = 1; i <= 60; i++) await shell.all(`set ${GROUP} hello-interval ${i}`, 'commit');
  assert.equal(bench.store.history.length, ROLLBACK_MAX);
  assert.equal(readdirSync(`${file}.d`).length, ROLLBACK_MAX);
  await bench.reopen();
  assert.equal(bench.store.history.length, ROLLBACK_MAX);
  const again = bench.session();
  await again.all('rollback 49', 'commit');
  assert.equal(hello(bench), 11);
  assert.match(await again.fails('rollback 50'), /not within range/);
});
test('show system commit tells number, time, user, way and comment', async () => {
  const bench = await Bench.open();
  const shell = bench.session();
  bench.now += 60_000;
  await shell.all(`set ${GROUP} hello-interval 15`, 'commit comment "quieter\nlink"'.replace('\n', ' '));
  bench.now += 60_000;
  await shell.all(`set ${GROUP} hello-interval 16`, 'commit confirmed 3');
  assert.equal(
    formatCommits(bench.store.history),
    `0   2026-05-12 08:02:00 UTC by kim via cli commit confirmed, rollback in 3mins
1   2026-05-12 08:01:00 UTC by kim via cli
    quieter link
2   2026-05-12 08:00:00 UTC by root via file
`,
  );
});
test('a restart finds the configuration, its history and its number', async (context) => {
  const { disk } = folder(context);
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit', `set ${GROUP} hello-interval 16`, 'commit');
  const before = bench.store.history;
  await bench.reopen();
  assert.deepEqual(bench.store.history, before);
  assert.equal(hello(bench), 16);
  assert.match(await bench.session().run('show | compare rollback 1'), /-.*15;\n\+.*16;/);
});
test('a file written by hand since the last commit is a commit of its own', async (context) => {
  const { file, disk } = folder(context);
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit');
  writeFileSync(file, readFileSync(file, 'utf8').replace('hello-interval 15', 'hello-interval 99'));
  await bench.reopen();
  assert.equal(hello(bench), 99);
  assert.deepEqual(
    bench.store.history.map((one) => [one.sequence, one.via]),
    [
      [3, 'file'],
      [2, 'cli'],
      [1, 'file'],
    ],
  );
  assert.equal(
    await bench.session().run('show | compare rollback 1'),
    `[edit ${GROUP}]\n-    hello-interval 15;\n+    hello-interval 99;\n`,
  );
});
test('running alone writes nothing: the folder beside the file comes with the first commit; a link stays a link', async (context) => {
  const { file } = folder(context);
  const link = join(file, '..', 'link.conf');
  symlinkSync('lns.conf', link);
  const bench = await Bench.open(new FileDisk(link));
  await bench.reopen();
  assert.deepEqual(readdirSync(join(file, '..')).sort(), ['link.conf', 'lns.conf']);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit');
  assert.equal(readlinkSync(link), 'lns.conf');
  assert.match(readFileSync(file, 'utf8'), /hello-interval 15/);
  await bench.reopen();
  await bench.session().all('rollback 1', 'commit');
  assert.equal(hello(bench), 60);
});
test('a crash before the first commit came into force leaves one configuration, not two', async () => {
  const disk = new MemoryDisk(configuration());
  const bench = await Bench.open(disk);
  disk.writeActive = async () => {
    throw errorOf('EIO');
  };
  assert.match(await bench.session().run(`set ${GROUP} hello-interval 15`), /^$/);
  const { session } = bench.session();
  assert.equal((await session.execute('commit')).ok, false);
  await bench.reopen();
  assert.deepEqual(
    bench.store.history.map((one) => [one.sequence, one.via]),
    [[1, 'file']],
  );
});
test('SIGHUP: a file that was changed is put in force by the way of a commit; one with mistakes is not', async (context) => {
  const { file, disk } = folder(context);
  const bench = await Bench.open(disk);
  assert.ok((await bench.store.reload()).ok);
  assert.equal(bench.applied.length, 1, 'nothing changed, nothing is applied');
  writeFileSync(file, configuration({ group: 'hello-interval 20;' }));
  assert.ok((await bench.store.reload()).ok);
  assert.equal(hello(bench), 20);
  assert.deepEqual(bench.applied.at(-1)!.difference.changedGroups, ['harbour']);
  writeFileSync(file, configuration({ group: 'hello-interval 70000;' }));
  const bad = await bench.store.reload();
  assert.equal(bad.ok, false);
  assert.match(bad.diagnostics[0]!.message, /not within range/);
  assert.equal(hello(bench), 20);
  writeFileSync(file, configuration({ group: 'syslog host x;' }).replace('harbour_users;', 'nobody;'));
  assert.equal((await bench.store.reload()).ok, false);
  rmSync(file);
  assert.match((await bench.store.reload()).error!, /there is no configuration file/);
  assert.equal(hello(bench), 20);
});
test('a configuration with errors does not open, and says where they are', async () => {
  await assert.rejects(Bench.open(configuration({ group: 'foo;' })), /syntax error: foo/);
  await assert.rejects(Bench.open('services { l2tp {'), /missing '}'/);
  await assert.rejects(
    ConfigurationStore.open({
      disk: new MemoryDisk(),
      platform: 'm10i',
      apply: () => {},
      now: () => 0,
      random: () => 0,
    }),
    /there is no configuration file/,
  );
});

// commit confirmed, over a restart.

test('a commit that is not confirmed is taken back by its deadline after a restart', async (context) => {
  const { disk } = folder(context);
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit confirmed 5');
  const deadline = bench.store.deadline();
  bench.now += 60_000;
  await bench.reopen();
  assert.equal(hello(bench), 15);
  assert.equal(bench.store.deadline(), deadline);
  bench.now = deadline;
  await bench.store.handleTimeout(bench.now);
  assert.equal(hello(bench), 60);
});
test('one whose deadline passed while the server was down is never applied again', async (context) => {
  const { file, disk } = folder(context);
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit confirmed 5');
  bench.now += 3_600_000;
  const before = bench.applied.length;
  await bench.reopen();
  assert.equal(hello(bench), 60);
  assert.equal(bench.applied.length, before + 1);
  assert.equal(bench.applied.at(-1)!.next.tunnelGroups[0]!.helloIntervalMs, 60_000);
  assert.ok(!readFileSync(file, 'utf8').includes('hello-interval'));
  assert.equal(bench.store.deadline(), Number.POSITIVE_INFINITY);
  await bench.reopen();
  assert.equal(hello(bench), 60);
});
test('where the configuration before cannot be read, the new one stays, and that is told', async (context) => {
  const { file, disk } = folder(context);
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit confirmed 5');
  writeFileSync(join(`${file}.d`, '1.gz'), 'no gzip');
  bench.now = bench.store.deadline();
  await bench.store.handleTimeout(bench.now);
  assert.equal(hello(bench), 15);
  assert.match(bench.told.at(-1)!, /cannot be rolled back/);
  assert.equal(bench.store.deadline(), Number.POSITIVE_INFINITY);
});

// Faults.

for (const step of ['writeHistory', 'writeActive'] as const)
  test(`a full disk at ${step} leaves the old configuration in force, and says so`, async () => {
    const disk = new MemoryDisk(configuration());
    const bench = await Bench.open(disk);
    const shell = bench.session();
    const { active } = disk;
    await shell.run(`set ${GROUP} hello-interval 15`);
    const full = async (): Promise<void> => {
      throw errorOf('ENOSPC');
    };
    const { writeHistory, writeActive } = disk;
    if (step === 'writeHistory') disk.writeHistory = full;
    else disk.writeActive = full;
    assert.equal(
      await shell.fails('commit'),
      'error: could not write the configuration: no space left on device; the old one stays in force\n',
    );
    assert.equal(hello(bench), 60);
    assert.equal(disk.active, active);
    assert.equal(disk.texts.has(2), false);
    assert.equal(bench.applied.length, 1);
    // The change is still in the candidate: once there is room, it goes through.
    Object.assign(disk, { writeHistory, writeActive });
    assert.equal(await shell.run('commit'), 'commit complete\n');
    assert.equal(hello(bench), 15);
  });
test('a configuration that the server does not take is taken back from the disk as well', async () => {
  const disk = new MemoryDisk(configuration());
  const bench = await Bench.open(disk);
  const shell = bench.session();
  await shell.all(`set ${GROUP} hello-interval 15`, 'commit', `set ${GROUP} hello-interval 16`);
  bench.refuse = 'no socket';
  assert.equal(
    await shell.fails('commit'),
    'error: the configuration could not be applied: no socket; the old one stays in force\n',
  );
  assert.equal(hello(bench), 15);
  assert.match(disk.active!, /hello-interval 15;/);
  await bench.reopen();
  assert.equal(hello(bench), 15);
  assert.equal(bench.store.history.length, 2);
});
test('a crash between history and active file leaves the old; the remainder goes at the next start', async () => {
  const disk = new MemoryDisk(configuration());
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit');
  await disk.writeHistory(3, disk.active!.replace('"sequence":2', '"sequence":3').replace('15;', '16;'));
  await bench.reopen();
  assert.equal(hello(bench), 15);
  assert.deepEqual([...disk.texts.keys()].sort(), [1, 2]);
});
test('a history that was damaged is shorter, and hurts nothing else', async (context) => {
  const { file, disk } = folder(context);
  const bench = await Bench.open(disk);
  await bench.session().all(`set ${GROUP} hello-interval 15`, 'commit', `set ${GROUP} hello-interval 16`, 'commit');
  writeFileSync(join(`${file}.d`, '2.gz'), 'x');
  writeFileSync(join(`${file}.d`, 'notes.txt'), 'x');
  await bench.reopen();
  assert.equal(hello(bench), 16);
  assert.deepEqual(
    bench.store.history.map((one) => one.sequence),
    [3, 1],
  );
});
test('commits follow each other, each whole', async () => {
  const bench = await Bench.open();
  const [kim, ola] = [bench.session('private'), bench.session('private', { user: 'ola' })];
  await kim.run(`set ${GROUP} hello-interval 15`);
  await ola.run(`set ${GROUP} receive-window 9`);
  const replies = await Promise.all([kim.session.execute('commit'), ola.session.execute('commit')]);
  assert.deepEqual(
    replies.map((one) => one.ok),
    [true, true],
  );
  const [group] = bench.store.config.tunnelGroups;
  assert.deepEqual([group!.helloIntervalMs, group!.receiveWindow], [15_000, 9]);
});
test('what is typed while a commit is being written is still to be committed', async () => {
  const bench = await Bench.open();
  const [kim, ola] = [bench.session(), bench.session('shared', { user: 'ola' })];
  await kim.run(`set ${GROUP} hello-interval 15`);
  const commit = kim.session.execute('commit');
  bench.now += 1;
  await ola.run(`set ${GROUP} hello-interval 16`);
  assert.ok((await commit).ok);
  assert.equal(hello(bench), 15);
  assert.equal(ola.session.modified, true);
  assert.match(await ola.run('show | compare'), /-.*15;\n\+.*16;/);
});
test('that a statement is left alone is told when it is new, and not with every commit; of many, the first', async () => {
  const bench = await Bench.open(configuration({ top: 'snmp { community x; }' }));
  const shell = bench.session();
  assert.equal(await shell.all(`set ${GROUP} hello-interval 15`, 'commit'), 'commit complete\n');
  await shell.run('set protocols ospf area 0');
  assert.equal(
    await shell.run('commit'),
    "[edit]\n  'protocols'\n    warning: not a part of L2TP services; accepted and left alone\ncommit complete\n",
  );
  assert.equal(await shell.all(`set ${GROUP} hello-interval 16`, 'commit'), 'commit complete\n');
  for (let i = 0; i < 40; i++) await shell.run(`set interfaces ge-0/0/${i} description x`);
  const told = await shell.run('commit');
  assert.equal(told.match(/'ge-/g)!.length, 10);
  assert.match(told, /\nwarning: not a part of L2TP services; accepted and left alone: 30 more statements\n/);
});
test('a shared candidate does not take back what was committed meanwhile', async () => {
  const bench = await Bench.open();
  const ola = bench.session('private', { user: 'ola' });
  const kim = bench.session();
  await ola.run(`set ${GROUP} receive-window 9`);
  const commit = ola.session.execute('commit');
  await kim.run(`set ${GROUP} hello-interval 15`);
  assert.ok((await commit).ok);
  assert.equal(await kim.run('commit'), 'commit complete\n');
  const [group] = bench.store.config.tunnelGroups;
  assert.deepEqual([group!.helloIntervalMs, group!.receiveWindow], [15_000, 9]);
  assert.equal(await kim.run('show | compare'), '');
});
test('show configuration: what is in force, its last commit, and nothing can be changed by it', async () => {
  const bench = await Bench.open();
  await bench.session().all(`set ${GROUP} hello-interval 15`);
  const reader = bench.store.reader();
  const text = (await reader.execute('show')).text;
  assert.match(text, /^## Last commit: 2026-05-12 08:00:00 UTC by root\nservices/);
  assert.ok(!text.includes('hello-interval'));
  assert.match((await reader.execute(`show ${GROUP} | display set`)).text, /^set services l2tp/);
  for (const line of [`set ${GROUP} hide-avps`, 'commit', 'rollback 0', 'delete access', 'load merge terminal'])
    assert.match((await reader.execute(line)).text, /only shown here/, line);
  assert.equal(bench.store.sessions.size, 1);
});
test('a record is read back as it was written; anything else is none', () => {
  assert.equal(splitRecord('services;').record, null);
  assert.equal(splitRecord('## Record: {"sequence":-1}\nservices;').record, null);
  assert.equal(splitRecord('## Record: not JSON\nservices;').body, 'services;');
  assert.equal(splitRecord('## a').body, '');
});
