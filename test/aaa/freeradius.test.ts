import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseIpv4 } from '../../src/wire/address.ts';
import { configuration, Pair } from '../server/pair.ts';
import { Freeradius } from '../support/freeradius.ts';
import { needs } from '../support/needs.ts';

const USERS = `
fixed Cleartext-Password := "password"
	Framed-IP-Address = 192.0.2.7,
	Framed-IP-Netmask = 255.255.255.255,
	Class = 0x0102,
	Session-Timeout = 3600,
	Idle-Timeout = 600,
	Juniper-Primary-Dns = 192.0.2.53,
	Acct-Interim-Interval = 60
pool Cleartext-Password := "password"
	Framed-IP-Address = 255.255.255.254,
	Juniper-Ip-Pool-Name = second
admin Cleartext-Password := "password"
	Service-Type = Administrative-User
DEFAULT User-Name =~ "^u[0-9]+$", Cleartext-Password := "password"
`;

const usersOf = (...servers: Freeradius[]): string => `
  authentication-order radius;
  accounting-order radius;
  ${servers
    .map(
      ({ access, accounting, secret }) =>
        `radius-server 127.0.0.1 { port ${access}; accounting-port ${accounting}; secret "${secret}"; retry 2; timeout 1; }`,
    )
    .join('\n')}`;
const SECOND = 'address-pool second { address 100.65.0.0/24; }';

describe('users and accounting of freeradius', () => {
  let server: Freeradius | null = null;
  let pair: Pair | null = null;
  before(async () => {
    if (!present()) return;
    server = await Freeradius.start({ users: USERS });
    pair = await Pair.start(configuration({ users: usersOf(server), access: SECOND }));
  });
  after(async () => {
    await pair?.close();
    await server?.close();
  });

  for (const method of ['pap', 'mschap-v2', 'chap-md5'] as const)
    test(`2.6: ${method}: Framed-IP-Address, then Start and Stop with what RADIUS gave`, async (t) => {
      if (!needs(t, 'freeradius')) return;
      await pair?.close();
      pair = await Pair.start(
        configuration({
          users: usersOf(server!),
          access: SECOND,
          client: `shared-secret "test secret"; ppp-authentication ${method === 'chap-md5' ? 'chap' : method};`,
        }),
      );
      const sessions = () => server!.records().filter((record) => record.has('User-Name'));
      const before = sessions().length;
      const lac = await pair!.dial({ user: 'fixed', methods: [method] });
      await pair!.until(() => pair!.lns.sessionsUp === 1);
      const call = [...pair!.lns.tunnels.values()][0]!.calls.values().next().value!;
      assert.equal(call.address, parseIpv4('192.0.2.7'));
      assert.equal(call.attributes!.sessionTimeoutMs, 3_600_000);
      assert.equal(call.attributes!.ppp.primaryDns, parseIpv4('192.0.2.53'));
      await pair!.until(() => sessions().length === before + 1);
      const start = sessions().at(-1)!;
      for (const [name, value] of Object.entries({
        'Acct-Status-Type': 'Start',
        'User-Name': 'fixed',
        'Framed-IP-Address': '192.0.2.7',
        Class: '0x0102',
        'NAS-IP-Address': '127.0.0.1',
        'NAS-Identifier': 'lns-test',
        'Service-Type': 'Framed-User',
        'Framed-Protocol': 'PPP',
        'Tunnel-Type': 'L2TP',
        'Tunnel-Client-Endpoint': '127.0.0.1',
        'Tunnel-Client-Auth-Id': 'lac-1',
        'Tunnel-Server-Auth-Id': 'lns-test',
        'Acct-Authentic': 'RADIUS',
      }))
        assert.equal(start.get(name), value, name);
      await pair!.traffic(lac, 200, 300);
      await lac.stop();
      await pair!.until(() => sessions().length === before + 2);
      const stop = sessions().at(-1)!;
      assert.equal(stop.get('Acct-Status-Type'), 'Stop');
      assert.equal(stop.get('Acct-Session-Id'), start.get('Acct-Session-Id'));
      assert.equal(stop.get('Class'), '0x0102');
      assert.equal(stop.get('Acct-Terminate-Cause'), 'User-Request');
      assert.ok(Number(stop.get('Acct-Input-Packets')) > 10, 'counted from the client');
      assert.ok(Number(stop.get('Acct-Output-Octets')) > 640, 'and towards it');
    });

  test('RFC 2865 5.8: 255.255.255.254 leaves the choice to the pool that RADIUS names', async (t) => {
    if (!needs(t, 'freeradius')) return;
    const lac = await pair!.dial({ user: 'pool' });
    await pair!.until(() => pair!.lns.sessionsUp === 1);
    const call = [...pair!.lns.tunnels.values()][0]!.calls.values().next().value!;
    assert.equal(call.pool?.config.name, 'second');
    await lac.stop();
    await pair!.until(() => pair!.lns.sessionsUp === 0);
  });

  test('a wrong password, an unknown user and another service are refused', async (t) => {
    if (!needs(t, 'freeradius')) return;
    for (const [profile, reason] of [
      [{ user: 'fixed', password: 'wrong' }, 'RADIUS refused'],
      [{ user: 'nobody' }, 'RADIUS refused'],
      [{ user: 'admin' }, 'RADIUS grants another service than framed PPP'],
    ] as const) {
      const seen = pair!.events.length;
      const lac = await pair!.dial(profile);
      await pair!.until(() => pair!.events.slice(seen).some(({ event }) => event === 'session-failed'));
      const failed = pair!.events.slice(seen).find(({ event }) => event === 'authentication-failed')!;
      assert.equal(failed.fields.reason, reason);
      assert.equal(pair!.lns.sessionsUp, 0);
      await lac.stop();
    }
    assert.ok(!pair!.lines.includes('password="'), 'no password is logged');
  });
});

const present = (): boolean => {
  let there = true;
  needs({ skip: () => (there = false) } as never, 'freeradius');
  return there;
};
