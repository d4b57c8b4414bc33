import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ACCT_INTERIM, type AccountingRecord, Spool } from '../../src/aaa/spool.ts';

const START = 1;
const record = (n: number, status = START): AccountingRecord => ({
  profile: 'users',
  status,
  at: n,
  sessionId: `s${n}`,
  user: `u${n}`,
  attributes: [{ vendor: 0, type: 25, value: new Uint8Array(100).fill(n) }],
});
function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lns-spool-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
interface Lost {
  reason: string;
  user: string | undefined;
}
function open(directory: string | null, octetsMax = 1 << 20): { spool: Spool; lost: Lost[] } {
  const lost: Lost[] = [];
  const spool = new Spool({
    directory,
    octetsMax,
    lost: (reason, one) => lost.push({ reason, user: one?.user }),
  });
  return { spool, lost };
}
/** Takes all, in order. */
function drain(spool: Spool): number[] {
  const seen: number[] = [];
  for (let one = spool.take(); one !== null; one = spool.take()) {
    seen.push(one.record.at);
    one.done();
  }
  return seen;
}
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));

for (const onDisk of [true, false])
  test(`records come out in the order in which they came in, Interim-Updates among them (${onDisk ? 'disk' : 'memory'})`, async (t) => {
    const { spool } = open(onDisk ? folderOf(t) : null);
    for (let n = 1; n <= 50; n++) spool.append(record(n, n % 3 === 0 ? ACCT_INTERIM : START));
    if (onDisk) await settled();
    assert.equal(spool.count, 50);
    assert.ok(spool.holds('s7'));
    assert.deepEqual(
      drain(spool),
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    assert.equal(spool.count, 0);
    assert.equal(spool.octets, 0);
    assert.ok(!spool.holds('s7'));
    spool.close();
  });

test('over a restart every record is there once, those that are done are not', async (t) => {
  const folder = folderOf(t);
  const first = open(folder);
  for (let n = 1; n <= 300; n++) first.spool.append(record(n, n % 2 === 0 ? ACCT_INTERIM : START));
  await settled();
  for (let n = 1; n <= 100; n++) first.spool.take()!.done();
  const underWay = first.spool.take()!;
  assert.equal(underWay.record.at, 101);
  first.spool.close();
  const second = open(folder);
  assert.equal(second.spool.count, 200);
  second.spool.append(record(301));
  assert.deepEqual(
    drain(second.spool),
    Array.from({ length: 201 }, (_, i) => i + 101),
  );
  assert.deepEqual(second.lost, []);
  second.spool.close();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.seg')),
    [],
  );
});

test('what is appended is on disk soon, in a file that only its owner reads, and survives a crash', async (t) => {
  const folder = folderOf(t);
  const { spool } = open(folder);
  spool.append(record(1));
  spool.append(record(2));
  await settled();
  const [name] = readdirSync(folder).filter((one) => one.endsWith('.seg'));
  assert.equal(statSync(join(folder, name!)).mode & 0o777, 0o600);
  // The crash: nobody closes; the lock is of a process that is gone.
  writeFileSync(join(folder, 'lock'), '999999999');
  const after = open(folder);
  assert.deepEqual(drain(after.spool), [1, 2]);
  after.spool.close();
  spool.close();
});

test('a torn end and a damaged record cost what stands behind, told once', async (t) => {
  const folder = folderOf(t);
  const { spool } = open(folder);
  for (let n = 1; n <= 3; n++) spool.append(record(n));
  await settled();
  spool.close();
  const path = join(folder, readdirSync(folder).find((one) => one.endsWith('.seg'))!);
  appendFileSync(path, readFileSync(path).subarray(0, 37));
  const torn = open(folder);
  assert.deepEqual(torn.lost, [{ reason: 'damaged', user: undefined }]);
  assert.equal(torn.spool.count, 3);
  torn.spool.close();
  const octets = readFileSync(path);
  octets[octets.length - 60]! ^= 1;
  writeFileSync(path, octets);
  const damaged = open(folder);
  assert.deepEqual(drain(damaged.spool), [1, 2]);
  damaged.spool.close();
});

test('at the bound the oldest Interim-Updates go first, then the oldest; each loss is told', async (t) => {
  const { spool, lost } = open(folderOf(t), 64 << 10);
  let n = 0;
  for (; n < 200; n++) spool.append(record(n, n % 2 === 0 ? ACCT_INTERIM : START));
  for (; lost.length === 0; n++) spool.append(record(n, n % 2 === 0 ? ACCT_INTERIM : START));
  assert.ok(lost.every(({ reason }) => reason === 'full'));
  for (; n < 700; n++) spool.append(record(n));
  const interims = lost.filter(({ user }) => Number(user!.slice(1)) % 2 === 0).length;
  const order = lost.map(({ user }) => Number(user!.slice(1)));
  const firstOther = order.findIndex((one) => one % 2 === 1 || one >= 200 + interims);
  assert.ok(firstOther > 0);
  assert.deepEqual(
    order.slice(0, firstOther),
    order.slice(0, firstOther).toSorted((a, b) => a - b),
    'oldest first',
  );
  assert.ok(
    order.slice(0, firstOther).every((one) => one % 2 === 0),
    'only Interim-Updates before any other',
  );
  assert.ok(spool.octets <= 64 << 10);
  const left = drain(spool);
  assert.equal(left.length + lost.length, 700);
  assert.equal(left.at(-1), 699);
  spool.close();
});

test('a record given back is the next to come', (t) => {
  const { spool } = open(folderOf(t));
  for (let n = 1; n <= 3; n++) spool.append(record(n));
  const first = spool.take()!;
  spool.take();
  first.giveBack();
  assert.equal(spool.take()!.record.at, 1);
  spool.close();
});

test('two servers do not share a folder', (t) => {
  const folder = folderOf(t);
  const { spool } = open(folder);
  assert.throws(() => open(folder), /is in use by/);
  spool.close();
  assert.ok(!existsSync(join(folder, 'lock')));
  open(folder).spool.close();
  writeFileSync(join(folder, 'file'), '');
  assert.throws(() => open(join(folder, 'file', 'below')), /cannot be kept/);
});
