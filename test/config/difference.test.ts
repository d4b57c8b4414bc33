import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfigDifference, difference } from '../../src/config/difference.ts';
import { type Additions, configuration, sound } from './support.ts';

const NONE: ConfigDifference = {
  same: true,
  endedGroups: [],
  endedUnits: [],
  addedGroups: [],
  changedGroups: [],
  changedPairs: [],
  changedUnits: [],
  addedPools: [],
  removedPools: [],
  changedPools: [],
  atOnce: {
    syslog: [],
    trace: false,
    interfaceTraces: [],
    radiusServers: false,
    radiusDisconnect: false,
    users: false,
  },
  hostName: false,
  atRestart: [],
};
const between = (before: string, after: string): ConfigDifference => difference(sound(before), sound(after));
const added = (before: Additions, after: Additions): ConfigDifference =>
  between(configuration(before), configuration(after));
/** Only this differs. */
const only = (found: ConfigDifference, expected: Partial<ConfigDifference>): void =>
  assert.deepEqual(found, { ...NONE, same: false, ...expected });

const OTHER = `tunnel-group other { l2tp-access-profile harbour_lacs; ppp-access-profile harbour_users;
  local-gateway address 192.0.2.2; service-interface sp-1/2/0; }`;

test('1.3: deleting a tunnel group ends its sessions, and no others', () => {
  only(added({ l2tp: OTHER }, {}), { endedGroups: [{ name: 'other', why: 'deleted' }] });
});
test('1.3: so does marking it inactive', () => {
  only(added({ l2tp: OTHER }, { l2tp: `inactive: ${OTHER}` }), { endedGroups: [{ name: 'other', why: 'deleted' }] });
});
test('1.3: changing the local gateway address ends every session that uses it', () => {
  only(added({ l2tp: OTHER }, { l2tp: OTHER.replace('192.0.2.2', '192.0.2.3') }), {
    endedGroups: [{ name: 'other', why: 'local-gateway' }],
  });
});
test('1.3: changing the service interface ends every session that uses it', () => {
  const interfaces = 'sp-0/1/0 { unit 0 { family inet; } }';
  only(added({ l2tp: OTHER, interfaces }, { l2tp: OTHER.replace('sp-1/2/0', 'sp-0/1/0'), interfaces }), {
    endedGroups: [{ name: 'other', why: 'service-interface' }],
  });
});
const TUNING = [
  'hello-interval 15;',
  'hide-avps;',
  'maximum-send-window 9;',
  'receive-window 9;',
  'retransmit-interval 9;',
  'tunnel-timeout 55;',
];
for (const statement of TUNING)
  test(`1.3: ${statement} is for new tunnels; deleting it again as well`, () => {
    only(added({}, { group: statement }), { changedGroups: ['harbour'] });
    only(added({ group: statement }, {}), { changedGroups: ['harbour'] });
  });
test('1.3: another profile, and another gateway-name, are for new tunnels', () => {
  const access = 'profile lacs2 { client * { l2tp { interface-id harbour; } } } profile users2 { client a; }';
  const base = configuration({ access });
  only(between(base, base.replace('l2tp-access-profile harbour_lacs', 'l2tp-access-profile lacs2')), {
    changedGroups: ['harbour'],
  });
  only(between(base, base.replace('ppp-access-profile harbour_users', 'ppp-access-profile users2')), {
    changedGroups: ['harbour'],
  });
  only(added({}, { gateway: 'local-gateway { address 192.0.2.1; gateway-name lns-1; }' }), {
    changedGroups: ['harbour'],
  });
});
test('1.3: deleting the dial-options of a unit ends the sessions of that unit', () => {
  const dial = 'dial-options { l2tp-interface-id harbour; shared; }';
  only(between(configuration(), configuration().replace(dial, '')), {
    endedUnits: [{ interface: 'sp-1/2/0', unit: 20, why: 'dial-options' }],
  });
  only(between(configuration(), configuration().replace(dial, `inactive: ${dial}`)), {
    endedUnits: [{ interface: 'sp-1/2/0', unit: 20, why: 'dial-options' }],
  });
});
test('1.3: deleting the unit does so too, and so does another mode', () => {
  only(between(configuration(), configuration().replace('unit 20', 'inactive: unit 20')), {
    endedUnits: [{ interface: 'sp-1/2/0', unit: 20, why: 'deleted' }],
  });
  only(between(configuration(), configuration().replace('shared;', 'dedicated;')), {
    endedUnits: [{ interface: 'sp-1/2/0', unit: 20, why: 'mode' }],
  });
});
test('another interface-id of a unit, and a new unit, are for new sessions', () => {
  only(between(configuration(), configuration().replace('l2tp-interface-id harbour', 'l2tp-interface-id quay')), {
    changedUnits: [{ interface: 'sp-1/2/0', unit: 20 }],
  });
  const interfaces = 'sp-0/1/0 { unit 3 { dial-options { l2tp-interface-id x; dedicated; } family inet; } }';
  only(added({}, { interfaces }), { changedUnits: [{ interface: 'sp-0/1/0', unit: 3 }] });
});
test('1.3: a changed client of a profile in use is for new tunnels and sessions', () => {
  only(added({}, { user: 'ppp { idle-timeout 9; }' }), { changedGroups: ['harbour'] });
  only(added({}, { lacL2tp: 'local-chap;' }), { changedGroups: ['harbour'] });
});
test('a profile that no group uses makes no difference', () => {
  assert.deepEqual(added({}, { access: 'profile idle { client x { pap-password y; } }' }), NONE);
});
test('1.3: a renamed tunnel group is one that is deleted and one that is new', () => {
  only(added({ l2tp: OTHER }, { l2tp: OTHER.replace('group other', 'group third') }), {
    endedGroups: [{ name: 'other', why: 'deleted' }],
    addedGroups: ['third'],
  });
});
test('1.3: traceoptions and syslog work at once and end nothing', () => {
  only(added({}, { l2tp: 'traceoptions flag all;' }), { atOnce: { ...NONE.atOnce, trace: true } });
  only(added({}, { group: 'syslog host 192.0.2.9 services any;' }), {
    atOnce: { ...NONE.atOnce, syslog: ['harbour'] },
  });
  only(added({}, { interfaces: 'sp-1/2/0 traceoptions flag all;' }), {
    atOnce: { ...NONE.atOnce, interfaceTraces: ['sp-1/2/0'] },
  });
});
test('1.3: deactivating [edit services l2tp] is deleting every group', () => {
  const text = configuration({ l2tp: OTHER });
  only(between(text, text.replace('    l2tp {', '    inactive: l2tp {')), {
    endedGroups: [
      { name: 'harbour', why: 'deleted' },
      { name: 'other', why: 'deleted' },
    ],
  });
});
test('pools: what is new, gone or another', () => {
  const pool = (name: string, prefix: string): string => `address-pool ${name} { address ${prefix}; }`;
  only(
    added(
      { access: pool('a', '203.0.113.0/26') + pool('b', '203.0.113.64/26') },
      { access: pool('a', '203.0.113.0/27') + pool('c', '203.0.113.128/26') },
    ),
    { addedPools: ['c'], removedPools: ['b'], changedPools: ['a'] },
  );
});
test('RADIUS servers, the disconnect server and logins work at once', () => {
  only(added({}, { access: 'radius-server 192.0.2.9 { secret x; }' }), {
    atOnce: { ...NONE.atOnce, radiusServers: true },
  });
  only(added({}, { access: 'radius-disconnect 192.0.2.9 { secret x; }' }), {
    atOnce: { ...NONE.atOnce, radiusDisconnect: true },
  });
  only(added({}, { top: 'system { login { user a { uid 1; class read-only; } } }' }), {
    atOnce: { ...NONE.atOnce, users: true },
  });
});
test('3.4: another pair of a redundant interface', () => {
  const pair = (secondary: string): string =>
    `rsp0 { redundancy-options { primary sp-0/0/0; secondary ${secondary}; } }`;
  only(added({ interfaces: pair('sp-0/1/0') }, { interfaces: pair('sp-0/2/0') }), { changedPairs: ['rsp0'] });
});
test('the host name is for new tunnels; model and socket wait for the next start', () => {
  only(added({}, { top: 'system host-name lns-9;' }), { hostName: true });
  only(added({}, { top: 'chassis model m10i; system services local-cli socket /run/x;' }), {
    atRestart: ['chassis model', 'system services local-cli'],
  });
});
test('the order of statements, comments and the form of a secret make no difference', () => {
  const moved = configuration().replace('shared-secret "anchor"', '/* same */ shared-secret "anchor"');
  assert.deepEqual(between(configuration(), moved), NONE);
});
test('at the start everything is new, and nothing ends', () => {
  const found = difference(null, sound(configuration()));
  assert.deepEqual([found.same, found.addedGroups, found.endedGroups], [false, ['harbour'], []]);
});
