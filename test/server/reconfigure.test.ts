// What a change of the configuration does to tunnels and sessions that are up: every row of the table, end to end.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { type TestContext, test } from 'node:test';
import type { Lac, LacProfile } from '../../src/emulator/lac.ts';
import { differenceOf } from '../../src/server/reconfigure.ts';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.ts';
import { needs } from '../support/needs.ts';
import { Pair, resolved } from './pair.ts';

interface Group {
  name: string;
  address: string;
  service: string;
  more: string;
  inactive: boolean;
}
interface Parts {
  east: Partial<Group> | null;
  west: Partial<Group> | null;
  groups: string;
  users: string;
  lacs: string;
  pools: string;
  units: string;
  host: string;
}
const group = ({ name, address, service, more = '', inactive }: Partial<Group>): string => `
  ${inactive === true ? 'inactive: ' : ''}tunnel-group ${name} {
    l2tp-access-profile lacs; ppp-access-profile users; local-gateway address ${address}; service-interface ${service};
    ${more}
  }`;
const UNITS = `
  unit 0 { family inet { address 100.64.255.1/32; } }
  unit 10 { dial-options { l2tp-interface-id one; dedicated; } family inet; }
  unit 20 { dial-options { l2tp-interface-id many; shared; } family inet; }`;
/** Two groups, east and west, on interfaces of their own. */
const configuration = (parts: Partial<Parts> = {}): string => `
system { host-name ${parts.host ?? 'lns-test'}; }
services { l2tp {
  ${parts.east === null ? '' : group({ name: 'east', address: '127.0.0.1', service: 'sp-1/2/0', ...parts.east })}
  ${parts.west === null ? '' : group({ name: 'west', address: '127.0.0.2', service: 'sp-1/3/0', ...parts.west })}
  ${parts.groups ?? ''}
} }
access {
  ${parts.pools ?? 'address-pool clients { address 100.64.0.0/16; }'}
  group-profile defaults { ppp { framed-pool clients; } }
  profile lacs { client * {
    l2tp { shared-secret "test secret"; ${parts.lacs ?? ''} }
    user-group-profile defaults;
  } }
  profile users { ${parts.users ?? 'client user { chap-secret "password"; }'} }
}
interfaces {
  sp-1/2/0 { ${parts.units ?? UNITS} }
  sp-1/3/0 { ${UNITS.replace('255.1', '255.2')} }
  sp-1/1/0 { ${UNITS.replace('255.1', '255.3')} }
  rsp0 { redundancy-options { primary sp-0/0/0; secondary sp-0/1/0; } ${UNITS} }
}
`;

async function pairOf(t: TestContext, parts: Partial<Parts> = {}, portable = false): Promise<Pair> {
  const pair = await Pair.start(configuration(parts), { portable });
  t.after(() => pair.close());
  return pair;
}
/** A LAC whose sessions are up. */
async function dialled(pair: Pair, address = '127.0.0.1', profile: Partial<LacProfile> = {}): Promise<Lac> {
  const lac = await pair.dial({ server: pair.gateway(address), ...profile }, { ports: 1 });
  const status = await lac.settled(8000);
  assert.equal(status.sessionsUp, status.wanted, `${JSON.stringify([...lac.failures])}\n${pair.lines}`);
  return lac;
}
/** Traffic both ways; of all that the LAC ever sent nothing is lost. */
async function carries(pair: Pair, lac: Lac): Promise<void> {
  const before = lac.traffic;
  const after = await pair.traffic(lac, 2000, 150);
  assert.ok(after.sent - before.sent > 100);
  assert.equal(after.received, after.sent, JSON.stringify(pair.drops()));
}
const addresses = (pair: Pair): string[] =>
  [...pair.lns.tunnels.values()]
    .flatMap((tunnel) => [...tunnel.calls.values()])
    .filter((call) => call.up)
    .map((call) => formatIpv4(call.address))
    .sort();

const ENDS: readonly [title: string, change: Partial<Parts>, message: string][] = [
  ['deleting a tunnel group', { east: null }, 'StopCCN 6 the tunnel group has been deleted'],
  ['making it inactive', { east: { inactive: true } }, 'StopCCN 6 the tunnel group has been deleted'],
  ['renaming it', { east: { name: 'orient' } }, 'StopCCN 6 the tunnel group has been deleted'],
  [
    'another local-gateway address',
    { east: { address: '127.0.0.3' } },
    'StopCCN 6 the local gateway has another address',
  ],
  [
    'another service-interface',
    { east: { service: 'sp-1/1/0' } },
    'StopCCN 1 the tunnel group has another services interface',
  ],
];
for (const [title, change, message] of ENDS)
  test(`${title} ends every session of the group, and no other`, async (t) => {
    const pair = await pairOf(t);
    const east = await dialled(pair, '127.0.0.1', { tunnels: 2, sessionsPerTunnel: 2 });
    const west = await dialled(pair, '127.0.0.2', { sessionsPerTunnel: 3 });
    west.setTraffic(2000);
    const report = await pair.change(configuration(change));
    assert.deepEqual(report, { tunnelsEnded: 2, sessionsEnded: 4 });
    await pair.until(() => east.status.tunnelsUp === 0 && east.status.sessionsUp === 0);
    assert.equal(east.status.lost, 4);
    assert.deepEqual(pair.closings(east), [message]);
    assert.equal(pair.lns.sessionsUp, 3);
    assert.equal(west.status.sessionsUp, 3);
    await carries(pair, west);
  });

test('deactivating [edit services l2tp] as a whole ends all; its return lets everybody in again', async (t) => {
  const pair = await pairOf(t);
  const east = await dialled(pair);
  const west = await dialled(pair, '127.0.0.2');
  const text = configuration();
  await pair.change(text.replace('services { l2tp', 'services { inactive: l2tp'));
  await pair.until(() => east.status.tunnelsUp + west.status.tunnelsUp === 0);
  assert.deepEqual(pair.lns.listening, []);
  await pair.change(text);
  await carries(pair, await dialled(pair, '127.0.0.2'));
});

test('a server without a tunnel group starts, and serves the first that it gets', async (t) => {
  const pair = await pairOf(t, { east: null, west: null });
  assert.deepEqual(pair.lns.listening, []);
  assert.ok(pair.events.some(({ event }) => event === 'no-tunnel-group'));
  await pair.change(configuration());
  await carries(pair, await dialled(pair, '127.0.0.1', { tunnels: 2 }));
});

test('a gateway without a group refuses with StopCCN 6, and serves the next group that has its address', async (t) => {
  const pair = await pairOf(t);
  const before = pair.gateway('127.0.0.1');
  await dialled(pair);
  await pair.change(configuration({ east: null }));
  const refused = await pair.dial({ server: before });
  assert.equal((await refused.settled(5000)).failed, 1);
  assert.match([...refused.failures.keys()].join(), /^StopCCN 6 no tunnel group is here any more/);
  await pair.change(configuration({ east: { name: 'orient' } }));
  assert.deepEqual(pair.gateway('127.0.0.1'), before, 'the sockets are the same');
  await carries(pair, await dialled(pair));
  assert.equal([...pair.lns.tunnels.values()][0]!.gateway.name, 'orient');
});

for (const portable of [false, true])
  test(`a new group's gateway opens while traffic goes on${portable ? ' (portable access side)' : ''}`, async (t) => {
    const pair = await pairOf(t, { west: null }, portable);
    const east = await dialled(pair, '127.0.0.1', { tunnels: 3 });
    east.setTraffic(2000);
    await pair.change(configuration({ groups: group({ name: 'north', address: '127.0.0.4', service: 'sp-1/1/0' }) }));
    const west = await dialled(pair, '127.0.0.2', { tunnels: 4, sessionsPerTunnel: 2 });
    await carries(pair, west);
    await carries(pair, await dialled(pair, '127.0.0.4'));
    await carries(pair, east);
    assert.equal(pair.lns.sessionsUp, 3 + 8 + 1);
  });

test('an address that cannot be had: nothing changes, and it is said why', async (t) => {
  const pair = await pairOf(t);
  const east = await dialled(pair);
  // 192.0.2.0/24 is for documentation: this host does not have it.
  const next = configuration({ east: null, groups: group({ name: 'n', address: '192.0.2.99', service: 'sp-1/1/0' }) });
  await assert.rejects(pair.change(next), /192\.0\.2\.99/);
  assert.equal(pair.lns.config.tunnelGroups.length, 2);
  await carries(pair, east);
  await carries(pair, await dialled(pair, '127.0.0.2'));
});

test('any other statement of the group is for tunnels to come', async (t) => {
  const pair = await pairOf(t);
  const before = await dialled(pair);
  const [running] = pair.lns.tunnels.values();
  const statements = 'hello-interval 5; receive-window 7; tunnel-timeout 33; hide-avps; retransmit-interval 9;';
  const report = await pair.change(configuration({ east: { more: statements }, host: 'lns-other' }));
  assert.deepEqual(report, { tunnelsEnded: 0, sessionsEnded: 0 });
  await dialled(pair);
  const [old, fresh] = [...pair.lns.tunnels.values()];
  assert.equal(old, running);
  const told = (tunnel: typeof old) => {
    const { helloIntervalMs, receiveWindow, tunnelTimeoutMs, hideAvps, retransmitCapMs } = tunnel!.info.policy;
    return [helloIntervalMs, receiveWindow, tunnelTimeoutMs, hideAvps, retransmitCapMs];
  };
  assert.deepEqual(told(old), [60_000, 16, 120_000, false, 30_000]);
  assert.deepEqual(told(fresh), [5000, 7, 33_000, true, 9000]);
  assert.equal(old!.gateway.helloIntervalMs, 60_000);
  assert.equal(fresh!.gateway.helloIntervalMs, 5000);
  await carries(pair, before);
});

test('another ppp-access-profile is for tunnels to come; a user added to a profile may come by a running tunnel', async (t) => {
  const pair = await pairOf(t);
  const lac = await dialled(pair);
  const users = `client user { chap-secret "password"; } client kim { chap-secret "password"; }
    } profile others { client ola { chap-secret "password"; }`;
  await pair.change(configuration({ users, east: { more: 'ppp-access-profile others;' } }));
  const names = [...pair.lns.tunnels.values()].map(({ gateway }) => [...gateway.userProfile.clients.keys()].join());
  assert.deepEqual(names, ['user,kim']);
  assert.equal(lac.status.sessionsUp, 1);
  await dialled(pair, '127.0.0.1', { user: 'ola' });
  await dialled(pair, '127.0.0.2', { user: 'kim' });
  await carries(pair, lac);
});

test('deleting the dial-options of a unit, the unit, or its mode ends the sessions on that unit alone, with CDN 3', async (t) => {
  const users = `client one { chap-secret "password"; ppp { interface-id one; } }
    client many { chap-secret "password"; ppp { interface-id many; } }`;
  const UNIT10 = 'unit 10 { dial-options { l2tp-interface-id one; dedicated; } family inet; }';
  for (const [replacement, message] of [
    ['unit 10 { family inet; }', 'the dial-options of the unit have been deleted'],
    ['', 'the unit has been deleted'],
    [UNIT10.replace('dedicated', 'shared'), 'the unit is shared now'],
  ] as const) {
    const pair = await pairOf(t, { users });
    const one = await dialled(pair, '127.0.0.1', { user: 'one' });
    const many = await dialled(pair, '127.0.0.1', { user: 'many', sessionsPerTunnel: 2 });
    const west = await dialled(pair, '127.0.0.2', { user: 'one' });
    assert.ok(UNITS.includes(UNIT10));
    const report = await pair.change(configuration({ users, units: UNITS.replace(UNIT10, replacement) }));
    assert.deepEqual(report, { tunnelsEnded: 0, sessionsEnded: 1 }, message);
    await pair.until(() => one.status.sessionsUp === 0);
    const down = pair.events.find(({ event }) => event === 'session-down')!.fields;
    assert.deepEqual([down.user, down.result, down.by, down.reason], ['one', 3, 'us', message]);
    assert.deepEqual([one.status.tunnelsUp, many.status.sessionsUp, west.status.sessionsUp], [1, 2, 1]);
    await carries(pair, many);
    await carries(pair, west);
  }
});

test('another interface-id of a unit, or another address, touches no session', async (t) => {
  const users = 'client user { chap-secret "password"; ppp { interface-id one; } }';
  const pair = await pairOf(t, { users });
  const lac = await dialled(pair);
  const units = UNITS.replace('l2tp-interface-id one', 'l2tp-interface-id two').replace('255.1', '255.9');
  assert.deepEqual(await pair.change(configuration({ users, units })), { tunnelsEnded: 0, sessionsEnded: 0 });
  await carries(pair, lac);
  const next = users.replace('interface-id one', 'interface-id two');
  await pair.change(configuration({ users: next, units }));
  // The unit is still taken: it is the same one, whatever its id.
  const second = await pair.dial({ server: pair.gateway('127.0.0.1') });
  assert.equal((await second.settled(8000)).failed, 1);
  await lac.stop();
  await pair.until(() => pair.lns.sessionsUp === 0);
  await dialled(pair);
});

test('changes of clients and profiles in use leave running sessions alone', async (t) => {
  const pair = await pairOf(t);
  const lac = await dialled(pair, '127.0.0.1', { sessionsPerTunnel: 2 });
  await pair.change(configuration({ users: 'client other { chap-secret "word"; }', lacs: 'ppp-authentication pap;' }));
  assert.equal(lac.status.sessionsUp, 2);
  await carries(pair, lac);
  const gone = await pair.dial({ server: pair.gateway('127.0.0.1') });
  assert.equal((await gone.settled(8000)).sessionsUp, 0);
});

test('a pool grows and shrinks; no address is given twice, whatever pool it came from', async (t) => {
  const range = (name: string, low: string, high: string): string =>
    `address-pool ${name} { address-range low ${low} high ${high}; }`;
  const pair = await pairOf(t, { pools: range('clients', '100.64.1.1', '100.64.1.3') });
  await dialled(pair, '127.0.0.1', { sessionsPerTunnel: 3 });
  assert.deepEqual(addresses(pair), ['100.64.1.1', '100.64.1.2', '100.64.1.3']);
  // Grown: the addresses in use are passed over.
  await pair.change(configuration({ pools: range('clients', '100.64.1.0', '100.64.1.4') }));
  const second = await dialled(pair, '127.0.0.2', { sessionsPerTunnel: 2 });
  assert.equal(new Set(addresses(pair)).size, 5);
  // Shrunk: who has an address keeps it. The others' pool has come to hold some of them.
  const pools = `${range('clients', '100.64.1.3', '100.64.1.5')} ${range('rest', '100.64.1.0', '100.64.1.2')}`;
  await pair.change(configuration({ pools }));
  assert.equal(new Set(addresses(pair)).size, 5);
  const third = await dialled(pair, '127.0.0.2');
  assert.deepEqual(
    addresses(pair).filter((one) => one === '100.64.1.5'),
    ['100.64.1.5'],
  );
  // Addresses that come back go where they belong now.
  await second.stop();
  await third.stop();
  await pair.until(() => pair.lns.sessionsUp === 3);
  await dialled(pair, '127.0.0.2', { sessionsPerTunnel: 2 });
  assert.deepEqual(addresses(pair), ['100.64.1.1', '100.64.1.2', '100.64.1.3', '100.64.1.4', '100.64.1.5']);
  const full = await pair.dial({ server: pair.gateway('127.0.0.2') });
  assert.equal((await full.settled(8000)).failed, 1);
});

test('a pool that is deleted under its sessions leaves them their addresses', async (t) => {
  const pair = await pairOf(t);
  const lac = await dialled(pair, '127.0.0.1', { sessionsPerTunnel: 2 });
  const pools = 'address-pool clients { address 198.51.100.0/24; }';
  await pair.change(configuration({ pools }));
  await carries(pair, lac);
  await dialled(pair, '127.0.0.2');
  assert.deepEqual(
    addresses(pair).map((one) => parseIpv4(one)! >>> 24),
    [100, 100, 198],
  );
});

test('a gateway that nobody has used is closed at once: its port is free again', async (t) => {
  const pair = await pairOf(t);
  const { address, port } = pair.gateway('127.0.0.2');
  await pair.change(configuration({ west: null }));
  await pair.until(() => pair.events.some(({ event }) => event === 'gateway-closed'));
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, resolve);
  });
});

test('gateways come and go ten times under traffic of another: not one packet of it is lost', async (t) => {
  const pair = await pairOf(t);
  const east = await dialled(pair, '127.0.0.1', { tunnels: 4, sessionsPerTunnel: 2 });
  east.setTraffic(3000);
  for (let n = 1; n <= 10; n++) {
    await pair.change(configuration({ west: null }));
    await pair.until(() => pair.events.filter(({ event }) => event === 'gateway-closed').length === n);
    await pair.change(configuration());
  }
  const west = await dialled(pair, '127.0.0.2', { tunnels: 2 });
  await carries(pair, west);
  await carries(pair, east);
  assert.deepEqual(pair.drops(), {});
});

test("two groups that change places end their sessions, and serve at each other's address", async (t) => {
  const pair = await pairOf(t);
  const lacs = [await dialled(pair, '127.0.0.1'), await dialled(pair, '127.0.0.2')];
  await pair.change(configuration({ east: { address: '127.0.0.2' }, west: { address: '127.0.0.1' } }));
  await pair.until(() => lacs.every((lac) => lac.status.tunnelsUp === 0));
  await dialled(pair, '127.0.0.1');
  assert.deepEqual(
    [...pair.lns.tunnels.values()].map(({ gateway }) => gateway.name),
    ['west'],
  );
});

test('routes and our own addresses follow the change', async (t) => {
  if (!needs(t, 'root', 'ip')) return;
  // Prefixes of this run's own: another run may have a device of its own at the same time.
  const net = `198.${18 + (process.pid & 1)}.${(process.pid >>> 1) & 255}`;
  const pool = (prefix: string): string => `address-pool clients { address ${prefix}; }`;
  const unit = (last: number): string => UNITS.replace('100.64.255.1', `${net}.${last}`);
  const pair = await Pair.start(configuration({ west: null, pools: pool(`${net}.0/26`), units: unit(250) }), {
    net: 'tun',
    tun: 'lnst%d',
  });
  t.after(() => pair.close());
  const device = String(pair.events.find(({ event }) => event === 'ready')!.fields.device);
  const ip = (...args: string[]): string[] =>
    execFileSync('ip', ['-4', '-o', ...args, 'dev', device], { encoding: 'utf8' })
      .trim()
      .split('\n');
  const routes = (): string[] => ip('route', 'show').map((line) => line.split(' ')[0]!);
  const own = (): string[] => ip('addr', 'show').map((line) => line.split(/ +/)[3]!);
  assert.deepEqual(routes(), [`${net}.0/26`]);
  assert.deepEqual(own(), [`${net}.250/32`]);
  await dialled(pair, '127.0.0.1', { sessionsPerTunnel: 2 });
  // The pool moves away from under its sessions: they keep routes of their own.
  await pair.change(configuration({ west: null, pools: pool(`${net}.64/26`), units: unit(251) }));
  assert.deepEqual(routes(), [`${net}.1`, `${net}.2`, `${net}.64/26`]);
  assert.deepEqual(own(), [`${net}.251/32`]);
  // And it comes back.
  await pair.change(configuration({ west: null, pools: pool(`${net}.0/26`), units: unit(251) }));
  assert.deepEqual(routes(), [`${net}.0/26`]);
  await pair.change(configuration({ east: null, west: null, pools: pool(`${net}.128/26`) }));
  await pair.until(() => pair.lns.sessionsUp === 0);
  assert.deepEqual(routes(), [`${net}.128/26`]);
});

test('changes come one after the other, each of them whole', async (t) => {
  const pair = await pairOf(t);
  const changes = Array.from({ length: 12 }, (_, n) =>
    pair.change(configuration(n % 2 === 0 ? { east: null } : { west: null })),
  );
  await Promise.all(changes);
  assert.deepEqual(
    pair.lns.listening.map(({ address }) => address),
    ['127.0.0.1'],
  );
  await carries(pair, await dialled(pair));
});

test('the difference names what ends and nothing else', () => {
  const of = (before: Partial<Parts>, after: Partial<Parts>) => {
    const { groups, units } = differenceOf(resolved(configuration(before)), resolved(configuration(after)));
    return { groups: [...groups.keys()], units: [...units.keys()] };
  };
  assert.deepEqual(of({}, {}), { groups: [], units: [] });
  assert.deepEqual(of({}, { host: 'x', lacs: 'maximum-sessions-per-tunnel 3;' }), { groups: [], units: [] });
  assert.deepEqual(of({}, { east: { address: '127.0.0.2' }, west: { address: '127.0.0.1' } }), {
    groups: ['east', 'west'],
    units: [],
  });
  // Another pair behind a redundant interface is another services interface.
  const rsp = resolved(configuration({ east: { service: 'rsp0' } }));
  const other = resolved(
    configuration({ east: { service: 'rsp0' } }).replace('secondary sp-0/1/0', 'secondary sp-0/2/0'),
  );
  assert.deepEqual([...differenceOf(rsp, other).groups.keys()], ['east']);
  assert.deepEqual(of({ units: UNITS }, { units: 'unit 0 { family inet; }' }).units, ['sp-1/2/0.10', 'sp-1/2/0.20']);
});
