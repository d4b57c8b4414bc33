import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { configuration, Pair } from '../server/pair.ts';
import { Freeradius } from '../support/freeradius.ts';
import { needs } from '../support/needs.ts';

const USERS = 'DEFAULT Cleartext-Password := "password"\n\tClass = 0x01\n';
const users = (...servers: { access: number; accounting: number; secret: string }[]): string => `
  authentication-order radius; accounting-order radius;
  ${servers
    .map(
      ({ access, accounting, secret }) =>
        `radius-server 127.0.0.1 { port ${access}; accounting-port ${accounting}; secret "${secret}"; retry 2; timeout 1; }`,
    )
    .join(' ')}`;
/** Distinct sessions with a record of that kind, in the files of all servers. */
const ids = (servers: Freeradius[], status: string): Set<string> =>
  new Set(
    servers
      .flatMap((server) => server.records())
      .filter((record) => record.has('User-Name') && record.get('Acct-Status-Type') === status)
      .map((record) => record.get('Acct-Session-Id')!),
  );

test('a server killed in the middle of 5,000 logins: the other takes over, every session ends up or refused, starts = stops + up', async (t) => {
  if (!needs(t, 'freeradius')) return;
  const SESSIONS = 5000;
  // Junos takes an address once: the second server is another address of loopback.
  const first = await Freeradius.start({ users: USERS });
  t.after(() => first.close());
  const second = await Freeradius.start({ users: USERS, address: '127.0.0.2' });
  t.after(() => second.close());
  const text = users(first, second).replace(
    /(radius-server 127\.0\.0\.1 .*)radius-server 127\.0\.0\.1 /,
    '$1radius-server 127.0.0.2 ',
  );
  const pair = await Pair.start(configuration({ users: text }));
  t.after(() => pair.close());
  const lac = await pair.dial({ tunnels: 50, sessionsPerTunnel: SESSIONS / 50 });
  await pair.until(() => pair.lns.sessionsUp > 1000, 60_000);
  await first.kill();
  const upAtKill = pair.lns.sessionsUp;
  assert.ok(upAtKill < SESSIONS, `killed too late: ${upAtKill} were up`);
  const refused = (): number => pair.events.filter(({ event }) => event === 'session-failed').length;
  await pair.until(() => pair.lns.sessionsUp + refused() >= SESSIONS, 60_000);
  assert.ok(pair.lns.sessionsUp > SESSIONS * 0.99, `${pair.lns.sessionsUp} up, ${refused()} refused`);
  assert.ok(pair.events.some(({ event }) => event === 'radius-server-dead'));
  const { accounting } = pair.lns.aaa;
  const settled = (): boolean => accounting.pending === 0 && accounting.spooled === 0;
  await pair.until(settled, 60_000);
  const both = [first, second];
  assert.equal(ids(both, 'Start').size, ids(both, 'Stop').size + pair.lns.sessionsUp);
  await lac.stop();
  await pair.until(() => pair.lns.sessionsUp === 0 && settled(), 60_000);
  assert.deepEqual(ids(both, 'Stop'), ids(both, 'Start'));
  t.diagnostic(`${upAtKill} were up when the first was killed; ${refused()} refused`);
});

test('records that no server takes survive a restart of ours and reach the server that comes back, each once', async (t) => {
  if (!needs(t, 'freeradius')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-accounting-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const server = await Freeradius.start({ users: USERS });
  t.after(() => server.close());
  const text = configuration({ users: users(server) });
  const before = await Pair.start(text, { accountingDirectory: folder });
  let closed = false;
  t.after(() => (closed ? undefined : before.close()));
  await before.dial({ tunnels: 2, sessionsPerTunnel: 10 });
  await before.until(() => before.lns.sessionsUp === 20 && before.lns.aaa.accounting.pending === 0);
  await server.kill();
  await before.close();
  closed = true;
  assert.ok(readdirSync(folder).some((name) => name.endsWith('.seg')));
  await server.run();
  const after = await Pair.start(text, { accountingDirectory: folder });
  t.after(() => after.close());
  await after.until(() => after.lns.aaa.accounting.spooled === 0, 20_000);
  const stops = server.records().filter((record) => record.get('Acct-Status-Type') === 'Stop');
  assert.equal(stops.length, 20);
  assert.equal(ids([server], 'Stop').size, 20);
  assert.deepEqual(ids([server], 'Stop'), ids([server], 'Start'));
  assert.deepEqual(after.lns.aaa.accounting.lost, { full: 0, damaged: 0, disk: 0, 'no-server': 0, 'too-large': 0 });
});

for (const sign of [true, false])
  test(`CVE-2024-3596: freeradius that demands Message-Authenticator and ${sign ? 'sends it' : 'does not send it'}`, async (t) => {
    if (!needs(t, 'freeradius')) return;
    const server = await Freeradius.start({ users: USERS, requireMessageAuthenticator: true, signReplies: sign });
    t.after(() => server.close());
    const demanding = users(server).replace('retry 2;', 'retry 1; require-message-authenticator;');
    const pair = await Pair.start(configuration({ users: demanding }));
    t.after(() => pair.close());
    await pair.dial();
    const [access] = [...pair.lns.aaa.servers.report('authentication')];
    if (sign) {
      await pair.until(() => pair.lns.sessionsUp === 1);
      assert.equal(access!.counters.accepts, 1);
    } else {
      await pair.until(() => pair.events.some(({ event }) => event === 'session-failed'));
      assert.equal(access!.counters.missingMessageAuthenticators, 1);
      assert.equal(pair.lns.sessionsUp, 0);
      const failed = pair.events.find(({ event }) => event === 'session-failed')!;
      // Nobody has judged: not the user's fault.
      assert.equal(failed.fields.result, 4);
    }
  });
