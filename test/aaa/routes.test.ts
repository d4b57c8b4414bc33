// Networks behind clients (RFC 2865 section 5.22), rates by Filter-Id, and accounting that a commit brings in: whole servers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { AttributeList, type AttributeValue } from '../../src/radius/packet.ts';
import type { LnsOptions } from '../../src/server/lns.ts';
import { desk } from '../operate/desk.ts';
import { configuration, Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';
import { data, hex, ipv4, mapped, TestPath } from '../support/path.ts';
import { SlowRadius } from '../support/radius-server.ts';

const HOST = [203, 0, 113, 1];

test('a framed route is carried and accepted with its session; sessions that share one back each other up', () => {
  const path = new TestPath();
  const tunnel = path.tunnel();
  const rows = [0x101, 0x102].map((id, n) => path.session(tunnel, id, n + 1));
  const carries = (): number | null => {
    path.down(ipv4(HOST, [10, 1, 2, 3], hex('00')));
    const [sent] = path.sent();
    return sent === undefined ? null : ((sent.octets[6]! << 8) | sent.octets[7]!) - 0x1000;
  };
  const accepts = (session: number): boolean => {
    const packet = ipv4([10, 1, 2, 3], HOST, hex('00'));
    path.up(data(Buffer.concat([hex('ff030021'), packet]), { session }));
    return path.delivered().length === 1;
  };
  assert.deepEqual([carries(), accepts(0x101)], [null, false]);
  for (const row of rows) assert.ok(path.tables.addRoute(row, mapped(10, 1, 77, 0), 96 + 16, path.now));
  assert.deepEqual([carries(), accepts(0x101), accepts(0x102)], [0x102, true, true]);
  path.tables.sessionDown(rows[1]!, path.now);
  assert.deepEqual([carries(), accepts(0x101)], [0x101, true]);
  path.tables.removeSession(rows[0]!, path.now);
  assert.equal(carries(), null);
});

test('framed routes never take the room of addresses', () => {
  const path = new TestPath(undefined, false, { tunnels: 4, sessions: 8 });
  const tunnel = path.tunnel();
  const first = path.session(tunnel, 1, 1);
  let added = 0;
  while (path.tables.addRoute(first, mapped(10, added, 0, 0), 96 + 16, path.now)) added++;
  assert.equal(added, 8);
  for (let n = 2; n <= 8; n++) path.session(tunnel, n, n);
  path.tables.removeSession(first, path.now);
  path.now++;
  path.wasm.epochEnter();
  path.wasm.epochLeave();
  assert.ok(path.tables.addRoute(2, mapped(10, 0, 0, 0), 96 + 16, path.now), 'they are given back');
});

async function radius(...accept: readonly (readonly [string, AttributeValue])[]): Promise<SlowRadius> {
  const server = await SlowRadius.start(0);
  const list = new AttributeList();
  for (const [name, value] of accept) list.add(name, value);
  server.accept = [...list.attributes];
  return server;
}
/** A server of ours, which has its accounting answered until it has stopped. */
async function started(
  t: TestContext,
  servers: readonly SlowRadius[],
  config: string,
  options: Partial<LnsOptions> = {},
): Promise<Pair> {
  const pair = await Pair.start(config, options);
  t.after(async () => {
    await pair.close();
    for (const server of servers) server.close();
  });
  return pair;
}
const users = (server: SlowRadius, accounting = true): string =>
  `authentication-order radius; ${accounting ? 'accounting-order radius;' : ''} ${server.statement}`;

test('2.6: Framed-Route and Framed-IP-Netmask: routes of the host while a session has them', async (t) => {
  if (!needs(t, 'root', 'ip')) return;
  const third = (process.pid >>> 1) & 255;
  const net = `198.${18 + (process.pid & 1)}.${third}`;
  const server = await radius(
    ['Framed-IP-Address', `${net}.9`],
    ['Framed-IP-Netmask', '255.255.255.248'],
    ['Framed-Route', `10.${third}.16.0/20 0.0.0.0 5`],
    ['Framed-Route', `10.${third}.16.0/20 0.0.0.0 5`],
    ['Framed-Route', `10.${third}.99.1/32 ${net}.9`],
  );
  const pair = await started(
    t,
    [server],
    configuration({ users: users(server), pool: `address ${net}.128/26;` }).replaceAll('100.64.255.', `${net}.2`),
    { net: 'tun', tun: 'lnst%d' },
  );
  const device = String(pair.events.find(({ event }) => event === 'ready')!.fields.device);
  const routes = (): string[] =>
    execFileSync('ip', ['-4', '-o', 'route', 'show', 'dev', device], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => `${line.split(' ')[0]}${/ metric (\d+)/.exec(line)?.[0] ?? ''}`)
      .sort();
  const none = routes();
  const [one, two] = [await pair.dial(), await pair.dial()];
  await pair.until(() => pair.lns.sessionsUp === 2);
  const all = [
    ...none,
    `${net}.9`,
    `${net}.8/29 metric 1025`,
    `10.${third}.16.0/20 metric 1029`,
    `10.${third}.99.1 metric 1025`,
  ].sort();
  await pair.until(() => routes().length === all.length);
  const { ask } = desk(pair.lns);
  assert.match(
    await ask('show services l2tp session extensive'),
    new RegExp(`Framed routes: 10\\.${third}\\.16\\.0/20, 10\\.${third}\\.99\\.1/32, ${net}\\.8/29\\n`),
  );
  assert.deepEqual(routes(), all);
  await one.stop();
  await pair.until(() => pair.lns.sessionsUp === 1);
  assert.deepEqual(routes(), all, 'the other one has them');
  await two.stop();
  await pair.until(() => pair.lns.sessionsUp === 0 && routes().length === none.length);
  assert.deepEqual(routes(), none);
});

const FIREWALL = `firewall {
  policer ten { if-exceeding { bandwidth-limit 10m; burst-size-limit 625k; } then discard; }
  policer one { if-exceeding { bandwidth-limit 1m; burst-size-limit 15k; } then discard; }
  family inet { filter gold { term web { from { protocol tcp; } then policer one; } term all { then { policer ten; accept; } } } }
}`;
for (const [filters, up, down] of [
  [['gold'], 10e6, 10e6],
  [['gold.in', 'one.out'], 10e6, 1e6],
  [['one.out'], null, 1e6],
  [['unknown'], null, null],
] as const)
  test(`2.6: the configuration says the rates of Filter-Id ${filters.join(' and ')}`, async (t) => {
    const server = await radius(...filters.map((name) => ['Filter-Id', name] as const));
    const pair = await started(t, [server], configuration({ users: users(server) }) + FIREWALL);
    await pair.dial();
    await pair.until(() => pair.lns.sessionsUp === 1);
    const [call] = [...pair.lns.tunnels.values()].flatMap(({ calls }) => [...calls.values()]);
    assert.deepEqual([call!.attributes!.rateUp?.bps ?? null, call!.attributes!.rateDown?.bps ?? null], [up, down]);
    for (const direction of ['up', 'down'] as const)
      assert.equal(
        pair.lns.plane.tables.policed(call!.row, direction) !== null,
        (direction === 'up' ? up : down) !== null,
      );
    assert.equal(pair.events.find(({ event }) => event === 'session-up')!.fields.filter, filters[0]);
    assert.equal(
      pair.events.filter(({ event }) => event === 'radius-attribute').length,
      filters[0] === 'unknown' ? 1 : 0,
    );
  });

test('RFC 2866 5.1: a commit that brings accounting in sends Accounting-On, one that takes it away Accounting-Off', async (t) => {
  const [server, other] = [await radius(), await radius()];
  const pair = await started(t, [server, other], configuration({ users: users(server, false) }));
  const said = (of: SlowRadius, ...statuses: number[]): Promise<void> =>
    pair.until(() => JSON.stringify(of.statuses) === JSON.stringify(statuses));
  assert.deepEqual(server.statuses, []);
  await pair.change(configuration({ users: users(server) }));
  await said(server, 7);
  // A second profile with the same server: to it the NAS is one, and goes on.
  const more = (of: SlowRadius): string =>
    configuration({
      users: users(server),
      client: 'shared-secret "test secret"; ppp-profile more;',
      access: `profile more { ${users(of)} }`,
    });
  await pair.change(more(server));
  await pair.change(more(other));
  await said(other, 7);
  await said(server, 7);
  await pair.change(configuration({ users: users(server) }));
  await said(other, 7, 8);
  await pair.change(configuration({ users: users(server, false) }));
  await said(server, 7, 8);
});
