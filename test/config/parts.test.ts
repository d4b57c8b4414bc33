import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LnsConfig } from '../../src/config/types.ts';
import { type Additions, configuration, sound } from './support.ts';

const config = (add: Additions): LnsConfig => sound(configuration(add));

test('2.6: a RADIUS server and its defaults', () => {
  const { radiusServers } = config({ access: 'radius-server 192.0.2.9 { secret "ebb"; }' });
  assert.deepEqual(radiusServers, [
    {
      address: '192.0.2.9',
      port: 1812,
      accountingPort: 1813,
      secret: 'ebb',
      retry: 3,
      timeoutMs: 3000,
      sourceAddress: null,
      routingInstance: null,
      maxOutstanding: 255,
      requireMessageAuthenticator: false,
    },
  ]);
});
test('2.6: every statement of a RADIUS server reaches its value; a profile has its own, in their order', () => {
  const users = `accounting-order radius; accounting { update-interval 15; }
    radius-server 2001:db8::9 { secret "$9$LbHX-wg4Z"; port 1645; accounting-port 1646; retry 5; timeout 2;
      source-address 2001:db8::1; routing-instance core; max-outstanding-requests 20; require-message-authenticator; }
    radius-server 192.0.2.8 { secret x; }`;
  const { radiusServers, radiusAccounting, interimIntervalMs } = config({ users }).tunnelGroups[0]!.userProfile;
  assert.deepEqual([radiusAccounting, interimIntervalMs], [true, 900_000]);
  assert.deepEqual(
    radiusServers.map((one) => one.address),
    ['2001:db8::9', '192.0.2.8'],
  );
  assert.deepEqual(radiusServers[0], {
    address: '2001:db8::9',
    port: 1645,
    accountingPort: 1646,
    secret: 'lc',
    retry: 5,
    timeoutMs: 2000,
    sourceAddress: '2001:db8::1',
    routingInstance: 'core',
    maxOutstanding: 20,
    requireMessageAuthenticator: true,
  });
});
test('2.6: the disconnect server listens on 1700 unless told, and only where somebody may ask', () => {
  assert.equal(config({ access: 'radius-disconnect-port 1702;' }).radiusDisconnect, null);
  assert.deepEqual(config({ access: 'radius-disconnect 192.0.2.7 { secret x; }' }).radiusDisconnect, {
    port: 1700,
    clients: new Map([['192.0.2.7', 'x']]),
  });
  const both = 'radius-disconnect-port 1702; radius-disconnect 192.0.2.7 { secret x; }';
  assert.equal(config({ access: both }).radiusDisconnect!.port, 1702);
});
test('2.2: client-name-filter', () => {
  const users = 'client-name-filter { domain-name east.example; separator @; count 1; }';
  assert.deepEqual(config({ users }).tunnelGroups[0]!.userProfile.nameFilter, {
    domain: 'east.example',
    separator: '@',
    count: 1,
  });
});
test('1.4: hosts of a group, their severity, facility, prefix and port', () => {
  const group = `syslog { host 192.0.2.9 { services warning; facility-override local3; log-prefix east; port 5140; }
    host local; }`;
  assert.deepEqual(config({ group }).tunnelGroups[0]!.syslog, [
    { host: '192.0.2.9', port: 5140, severity: 'warning', facility: 'local3', logPrefix: 'east' },
    { host: 'local', port: 514, severity: 'any', facility: null, logPrefix: null },
  ]);
});
test('1.5: traceoptions, and their defaults', () => {
  assert.equal(config({ l2tp: 'traceoptions { level all; }' }).trace, null);
  assert.deepEqual(config({ l2tp: 'traceoptions flag all;' }).trace, {
    file: { name: 'l2tpd', files: 3, sizeOctets: 131_072, match: null, worldReadable: false },
    level: null,
    debugLevel: null,
    flags: new Set(['all']),
    protocols: new Set(),
    userName: null,
    interfaces: new Map(),
  });
  const l2tp = `traceoptions { file l2tp-east size 1m files 10 world-readable match "S[0-9]+"; level verbose;
    debug-level packet-dump; filter { protocol l2tp; protocol ppp; user-name kim; } flag protocol; flag states;
    interfaces sp-1/2/0 { flag packet-dump; debug-level extensive; } }`;
  assert.deepEqual(config({ l2tp }).trace, {
    file: { name: 'l2tp-east', files: 10, sizeOctets: 1_048_576, match: 'S[0-9]+', worldReadable: true },
    level: 'verbose',
    debugLevel: 'packet-dump',
    flags: new Set(['protocol', 'states']),
    protocols: new Set(['l2tp', 'ppp']),
    userName: 'kim',
    interfaces: new Map([['sp-1/2/0', { debugLevel: 'extensive', flags: new Set(['packet-dump']) }]]),
  });
});
test('3.4: the pair of a redundant interface, and every services interface by name', () => {
  const { interfaces } = config({
    interfaces: `rsp3 { description "both banks"; redundancy-options { primary sp-0/0/0; secondary sp-1/3/0; }
      unit 0 { family inet; } }`,
  });
  assert.deepEqual([...interfaces.keys()], ['sp-1/2/0', 'rsp3']);
  const { redundancy, description, traceAll, units } = interfaces.get('rsp3')!;
  assert.deepEqual(redundancy, { primary: 'sp-0/0/0', secondary: 'sp-1/3/0', hotStandby: false });
  assert.deepEqual([description, traceAll, units.length], ['both banks', false, 1]);
});
test('3.1: traceoptions flag all of an interface', () => {
  const interfaces = 'sp-0/1/0 { traceoptions { flag all; } unit 0 { family inet; } }';
  assert.equal(config({ interfaces }).interfaces.get('sp-0/1/0')!.traceAll, true);
});
test('2.3: multilink of a client, each value its own before its group profile’s', () => {
  const access = 'group-profile strands { l2tp { multilink { drop-timeout 90; fragment-threshold 500; } } }';
  const tuned = config({ access, lac: 'group-profile strands;', lacL2tp: 'multilink { fragment-threshold 700; }' });
  assert.deepEqual(tuned.tunnelGroups[0]!.tunnelProfile.clients.get('lac-a')!.multilink, {
    fragmentThreshold: 700,
    dropTimeoutMs: 90,
  });
  const inherited = config({ access, lac: 'group-profile strands;' });
  assert.deepEqual(inherited.tunnelGroups[0]!.tunnelProfile.clients.get('lac-a')!.multilink, {
    fragmentThreshold: 500,
    dropTimeoutMs: 90,
  });
});
test('2.4: ppp-options, keepalive-retries and the overheads', () => {
  const access = `group-profile g { ppp { ppp-options { pap; chap; } encapsulation-overhead -4; cell-overhead; } }`;
  const { ppp } = config({
    access,
    users: 'client ola { group-profile g; ppp { keepalive-retries 4; } }',
  }).tunnelGroups[0]!.userProfile.clients.get('ola')!;
  assert.deepEqual(ppp.authentication, ['chap-md5', 'pap']);
  assert.deepEqual([ppp.encapsulationOverhead, ppp.cellOverhead, ppp.keepaliveRetries], [-4, true, 4]);
});
test('users of the command line, their class and what it lets them do', () => {
  const { system } = config({
    top: `system {
      login {
        class helper { permissions [ view clear ]; }
        user kim { uid 2001; class super-user; full-name "Kim"; }
        user desk { gid 3000; class helper; }
        user wall { uid 2003; class read-only; authentication { ssh-rsa "x"; } }
        user gone { class unauthorized; }
      }
      services { ssh; local-cli { socket /run/lns/cli; group netops; } }
    }`,
  });
  assert.deepEqual(
    system.users.map((one) => [one.name, one.uid, one.gid, one.permission]),
    [
      ['kim', 2001, null, 'full'],
      ['desk', null, 3000, 'operate'],
      ['wall', 2003, null, 'view'],
      ['gone', null, null, 'none'],
    ],
  );
  assert.deepEqual([system.socketPath, system.socketGroup], ['/run/lns/cli', 'netops']);
});
test('the chassis: the router to be, packages of PICs, forwarding boards', () => {
  const add = {
    top: `chassis { model m120; fpc 2 { pic 1 { adaptive-services { service-package layer-3; } } }
      fpc-feb-connectivity { fpc 2 feb 0; fpc 3 feb none; } }`,
  };
  const { chassis } = sound(configuration(add).replaceAll('sp-1/2/0', 'sp-2/1/0'));
  assert.deepEqual(chassis, {
    model: 'm120',
    pics: [{ fpc: 2, pic: 1, servicePackage: 'layer-3' }],
    febs: new Map([
      [2, 0],
      [3, null],
    ]),
  });
});
