import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_ATTRIBUTES, overlay } from '../../src/config/resolve.ts';
import type { PoolConfig, TunnelClient, TunnelGroup, UserClient } from '../../src/config/types.ts';
import { formatIpv4, parseIpv4 } from '../../src/wire/address.ts';
import { type Additions, configuration, sound } from './support.ts';

const group = (add: Additions = {}): TunnelGroup => sound(configuration(add)).tunnelGroups[0]!;
const lac = (add: Additions = {}, name = 'lac-a'): TunnelClient => group(add).tunnelProfile.clients.get(name)!;
const user = (add: Additions = {}, name = 'mara'): UserClient => group(add).userProfile.clients.get(name)!;
const ipv4 = (text: string): number => parseIpv4(text)!;

test('1.2: the defaults of a tunnel group', () => {
  const {
    helloIntervalMs,
    retransmitIntervalMs,
    tunnelTimeoutMs,
    receiveWindow,
    maximumSendWindow,
    hideAvps,
    gatewayName,
  } = group();
  assert.deepEqual(
    { helloIntervalMs, retransmitIntervalMs, tunnelTimeoutMs, receiveWindow, maximumSendWindow, hideAvps, gatewayName },
    {
      helloIntervalMs: 60_000,
      retransmitIntervalMs: 30_000,
      tunnelTimeoutMs: 120_000,
      receiveWindow: 16,
      maximumSendWindow: 32,
      hideAvps: false,
      gatewayName: null,
    },
  );
});
test('every statement of a tunnel group reaches its value', () => {
  const one = group({
    gateway: 'local-gateway { address 192.0.2.1; gateway-name lns-west; }',
    group: `hello-interval 15; retransmit-interval 9; tunnel-timeout 55; receive-window 1500;
      maximum-send-window 1200; hide-avps;`,
  });
  assert.deepEqual(
    [one.name, one.localGateway, one.gatewayName, one.serviceInterface],
    ['harbour', '192.0.2.1', 'lns-west', 'sp-1/2/0'],
  );
  assert.deepEqual([one.helloIntervalMs, one.retransmitIntervalMs, one.tunnelTimeoutMs], [15_000, 9_000, 55_000]);
  assert.deepEqual([one.receiveWindow, one.maximumSendWindow, one.hideAvps], [1500, 1200, true]);
  assert.deepEqual([one.tunnelProfile.name, one.userProfile.name], ['harbour_lacs', 'harbour_users']);
});
test('hello-interval 0 stays 0: no HELLO is sent', () => {
  assert.equal(group({ group: 'hello-interval 0;' }).helloIntervalMs, 0);
});
test('a window or a timer of 0 is lifted to the least that works', () => {
  const one = group({ group: 'receive-window 0; maximum-send-window 0; tunnel-timeout 0; retransmit-interval 0;' });
  assert.deepEqual([one.receiveWindow, one.maximumSendWindow], [1, 1]);
  assert.deepEqual([one.tunnelTimeoutMs, one.retransmitIntervalMs], [1000, 1000]);
});
test('several groups, several gateways, in the order of the file', () => {
  const more = ['b', 'a'].map(
    (name, i) => `tunnel-group ${name} { l2tp-access-profile harbour_lacs; ppp-access-profile harbour_users;
      local-gateway address 192.0.2.${i + 2}; service-interface sp-1/2/0; }`,
  );
  assert.deepEqual(
    sound(configuration({ l2tp: more.join('\n') })).tunnelGroups.map((one) => [one.name, one.localGateway]),
    [
      ['harbour', '192.0.2.1'],
      ['b', '192.0.2.2'],
      ['a', '192.0.2.3'],
    ],
  );
});
test('an inactive group is not there', () => {
  assert.deepEqual(sound(configuration().replace('tunnel-group', 'inactive: tunnel-group')).tunnelGroups, []);
});
test('the host name is the router’s own, or none', () => {
  assert.equal(sound(configuration({ top: 'system host-name lns-1;' })).hostName, 'lns-1');
  assert.equal(sound(configuration()).hostName, null);
});

test('a LAC has its own attributes, and the defaults of those it does not say', () => {
  const {
    secret,
    maximumSessionsPerTunnel,
    pppAuthentication,
    interfaceId,
    lcpRenegotiation,
    localChap,
    multilink,
    pppProfile,
  } = lac();
  assert.deepEqual(
    {
      secret,
      maximumSessionsPerTunnel,
      pppAuthentication,
      interfaceId,
      lcpRenegotiation,
      localChap,
      multilink,
      pppProfile,
    },
    {
      secret: 'anchor',
      maximumSessionsPerTunnel: 0,
      pppAuthentication: ['chap-md5'],
      interfaceId: 'harbour',
      lcpRenegotiation: false,
      localChap: false,
      multilink: null,
      pppProfile: null,
    },
  );
});
test('ppp-authentication is chap, pap, or a list of methods', () => {
  assert.deepEqual(lac({ lacL2tp: 'ppp-authentication pap;' }).pppAuthentication, ['pap']);
  assert.deepEqual(lac({ lacL2tp: 'ppp-authentication chap;' }).pppAuthentication, ['chap-md5']);
  assert.deepEqual(lac({ lacL2tp: 'ppp-authentication [ mschap-v2 chap pap ];' }).pppAuthentication, [
    'mschap-v2',
    'chap-md5',
    'pap',
  ]);
});
test('multilink: a presence, with or without its tuning', () => {
  assert.deepEqual(lac({ lacL2tp: 'multilink;' }).multilink, { fragmentThreshold: null, dropTimeoutMs: 0 });
  assert.deepEqual(lac({ lacL2tp: 'multilink { fragment-threshold 320; drop-timeout 500; }' }).multilink, {
    fragmentThreshold: 320,
    dropTimeoutMs: 500,
  });
});
test('2.2: a LAC’s own attributes win over its group profile', () => {
  const access = `group-profile lines { l2tp { interface-id shared; maximum-sessions-per-tunnel 100; local-chap; } }`;
  const plain = lac({ access, lacs: 'client lac-b { l2tp { shared-secret x; } group-profile lines; }' }, 'lac-b');
  assert.deepEqual([plain.interfaceId, plain.maximumSessionsPerTunnel, plain.localChap], ['shared', 100, true]);
  const own = lac(
    { access, lacs: 'client lac-b { l2tp { maximum-sessions-per-tunnel 75; } group-profile lines; }' },
    'lac-b',
  );
  assert.deepEqual([own.interfaceId, own.maximumSessionsPerTunnel], ['shared', 75]);
});
test('* is a LAC like others in the profile', () => {
  const lacs = 'client * { l2tp { shared-secret "any"; } }';
  assert.equal(lac({ lacs }, '*').secret, 'any');
  assert.equal(lac({ lacs }).secret, 'anchor');
});
test('a LAC may name the profile for its users, which stands before or after', () => {
  const guests = 'profile guests { client gast { pap-password "boat"; } }';
  const naming = configuration({ lacL2tp: 'ppp-profile guests;' });
  for (const text of [`access { ${guests} } ${naming}`, `${naming} access { ${guests} }`]) {
    const { pppProfile } = sound(text).tunnelGroups[0]!.tunnelProfile.clients.get('lac-a')!;
    assert.equal(pppProfile!.clients.get('gast')!.papPassword, 'boat');
  }
});
test('secrets come in clear and as $9$', () => {
  assert.equal(lac({ lacs: 'client lac-b { l2tp { shared-secret "$9$LbHX-wg4Z"; } }' }, 'lac-b').secret, 'lc');
  const both = user({ users: 'client ola { pap-password "$9$LbHX-wg4Z"; chap-secret "in clear"; }' }, 'ola');
  assert.deepEqual([both.papPassword, both.chapSecret], ['lc', 'in clear']);
});

test('2.2: a user’s own attributes win over the group profile, one by one', () => {
  const access = `group-profile line { ppp { framed-pool quay; primary-dns 192.0.2.1; secondary-dns 192.0.2.2;
    primary-wins 192.0.2.3; secondary-wins 192.0.2.4; interface-id west; keepalive 20; idle-timeout 15; } }`;
  const { ppp } = user(
    {
      access,
      users: 'client ola { pap-password x; group-profile line; ppp { primary-dns 203.0.113.1; idle-timeout 22; } }',
    },
    'ola',
  );
  assert.deepEqual(ppp, {
    ...NO_ATTRIBUTES,
    framedPool: 'quay',
    idleTimeoutMs: 22_000,
    keepaliveMs: 20_000,
    interfaceId: 'west',
    primaryDns: ipv4('203.0.113.1'),
    secondaryDns: ipv4('192.0.2.2'),
    primaryNbns: ipv4('192.0.2.3'),
    secondaryNbns: ipv4('192.0.2.4'),
  });
});
test('a value of 0 is a value: it wins over the group profile', () => {
  const access = 'group-profile line { ppp { keepalive 20; idle-timeout 15; } }';
  const { ppp } = user(
    { access, users: 'client ola { group-profile line; ppp { keepalive 0; idle-timeout 0; } }' },
    'ola',
  );
  assert.deepEqual([ppp.keepaliveMs, ppp.idleTimeoutMs], [0, 0]);
});
test('2.2: the user group profile of a LAC holds what its users do not say', () => {
  const defaults = lac().userDefaults;
  assert.deepEqual([defaults.framedPool, defaults.primaryDns], ['quay', ipv4('192.0.2.53')]);
  const own = user({ user: 'ppp { primary-dns 203.0.113.1; }' }).ppp;
  const both = overlay(own, defaults);
  assert.deepEqual([both.framedPool, both.primaryDns], ['quay', ipv4('203.0.113.1')]);
});
test('a user may have a fixed address', () => {
  assert.equal(user({ user: 'ppp { framed-ip-address 198.51.100.77/32; }' }).framedAddress, ipv4('198.51.100.77'));
  assert.equal(user().framedAddress, null);
});
test('the order of authentication is password unless said', () => {
  assert.deepEqual(group().userProfile.authenticationOrder, ['password']);
  assert.deepEqual(group({ users: 'authentication-order [ radius password ];' }).userProfile.authenticationOrder, [
    'radius',
    'password',
  ]);
});

const pool = (statement: string): PoolConfig =>
  sound(configuration({ access: `address-pool extra { ${statement} }` })).pools.get('extra')!;
const ends = ({ first, last }: PoolConfig): string[] => [formatIpv4(first), formatIpv4(last)];
test('a pool by prefix leaves out its network and broadcast addresses', () => {
  assert.deepEqual(ends(pool('address 203.0.113.0/24;')), ['203.0.113.1', '203.0.113.254']);
  assert.deepEqual(ends(pool('address 203.0.113.128/30;')), ['203.0.113.129', '203.0.113.130']);
});
test('a pool of one or two addresses gives all of them', () => {
  assert.deepEqual(ends(pool('address 203.0.113.6/31;')), ['203.0.113.6', '203.0.113.7']);
  assert.deepEqual(ends(pool('address 203.0.113.7/32;')), ['203.0.113.7', '203.0.113.7']);
});
test('a pool by prefix may be written with any of its addresses', () => {
  assert.deepEqual(pool('address 203.0.113.99/24;'), pool('address 203.0.113.0/24;'));
});
test('a pool by range gives both ends, across octets', () => {
  const crossing = pool('address-range low 203.0.112.254 high 203.0.113.1;');
  assert.deepEqual(ends(crossing), ['203.0.112.254', '203.0.113.1']);
  assert.deepEqual(
    crossing.prefixes.map(({ address, length }) => `${formatIpv4(address)}/${length}`),
    ['203.0.112.254/31', '203.0.113.0/31'],
  );
});

test('units: number, address, dial-options', () => {
  const interfaces = `sp-0/3/0 {
    unit 7 { dial-options { l2tp-interface-id one; dedicated; } family inet { address 203.0.113.7/32; address 203.0.113.8/32; } }
    inactive: unit 8 { dial-options { l2tp-interface-id two; shared; } family inet; }
  }`;
  const l2tp = `tunnel-group other { l2tp-access-profile harbour_lacs; ppp-access-profile harbour_users;
    local-gateway address 192.0.2.2; service-interface sp-0/3/0; }`;
  assert.deepEqual(group().units, [
    { unit: 0, address: ipv4('198.51.100.254'), dialOptions: null },
    { unit: 20, address: null, dialOptions: { interfaceId: 'harbour', mode: 'shared' } },
  ]);
  assert.deepEqual(sound(configuration({ interfaces, l2tp })).tunnelGroups[1]!.units, [
    { unit: 7, address: ipv4('203.0.113.7'), dialOptions: { interfaceId: 'one', mode: 'dedicated' } },
  ]);
});
test('a group may stand on a redundant interface', () => {
  const text = configuration({
    interfaces: `rsp0 { redundancy-options { primary sp-0/0/0; secondary sp-1/3/0; }
      unit 0 { family inet; } unit 11 { dial-options { l2tp-interface-id harbour; shared; } family inet; } }`,
  }).replace('service-interface sp-1/2/0;', 'service-interface rsp0;');
  const [one] = sound(text).tunnelGroups;
  assert.equal(one!.serviceInterface, 'rsp0');
  assert.deepEqual(
    one!.units.map((unit) => unit.unit),
    [0, 11],
  );
});
