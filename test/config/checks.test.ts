import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { type Additions, configuration, load, sound, told } from './support.ts';

const GROUP = 'services l2tp tunnel-group harbour';
const LACS = 'access profile harbour_lacs';
const USERS = 'access profile harbour_users';
const UNIT = 'interfaces sp-1/2/0 unit 20';
const errorsOf = (add: Additions, platform?: string): string[] => {
  const { config, diagnostics } = load(add, platform);
  const errors = told(diagnostics).filter((one) => one.startsWith('error'));
  assert.equal(config === null, errors.length > 0, 'an error, and only an error, leaves no configuration');
  return errors.map((one) => one.slice('error '.length));
};

test('the sound configuration has nothing to tell', () => {
  assert.deepEqual(load().diagnostics, []);
});

/** Adding these statements must give these errors, in these words. */
const CHECKS: readonly [claim: string, add: Additions, errors: string[]][] = [
  // Tunnel groups.
  [
    'a tunnel group name begins with a letter or digit',
    { l2tp: 'tunnel-group _x;' },
    [
      "[services l2tp] 'tunnel-group _x;' Must be a string beginning with a number or letter and consisting of letters, numbers, dashes and underscores.",
    ],
  ],
  [
    'a tunnel group needs its gateway, both profiles and the interface',
    { l2tp: 'tunnel-group bare { hide-avps; }' },
    ['l2tp-access-profile', 'local-gateway', 'ppp-access-profile', 'service-interface'].map(
      (keyword) => `[services l2tp] 'tunnel-group bare' Missing mandatory statement: '${keyword}'`,
    ),
  ],
  [
    'a local gateway needs an address',
    { gateway: 'local-gateway { gateway-name x; }' },
    [`[${GROUP}] 'local-gateway' Missing mandatory statement: 'address'`],
  ],
  [
    'an inactive statement is a missing one',
    { gateway: 'local-gateway { inactive: address 192.0.2.1; }' },
    [`[${GROUP}] 'local-gateway' Missing mandatory statement: 'address'`],
  ],
  [
    'both access profiles must exist',
    {
      l2tp: `tunnel-group other { l2tp-access-profile a; ppp-access-profile b; local-gateway address 192.0.2.2;
        service-interface sp-1/2/0; }`,
    },
    [
      "[services l2tp tunnel-group other] 'l2tp-access-profile a' referenced access profile must be defined",
      "[services l2tp tunnel-group other] 'ppp-access-profile b' referenced access profile must be defined",
    ],
  ],
  [
    'the service interface must exist',
    {
      l2tp: `tunnel-group other { l2tp-access-profile harbour_lacs; ppp-access-profile harbour_users;
        local-gateway address 192.0.2.2; service-interface sp-0/1/0; }`,
    },
    [
      "[services l2tp tunnel-group other] 'service-interface sp-0/1/0' Interface must be defined in the interfaces hierarchy",
    ],
  ],
  [
    'two groups cannot have one gateway address',
    {
      l2tp: `tunnel-group other { l2tp-access-profile harbour_lacs; ppp-access-profile harbour_users;
        local-gateway address 192.0.2.1; service-interface sp-1/2/0; }`,
    },
    [
      "[services l2tp tunnel-group other] 'local-gateway address 192.0.2.1' tunnel group 'harbour' has the same local gateway address",
    ],
  ],
  [
    'a tuning number has 16 bits',
    { group: 'hello-interval 65536; receive-window -1; tunnel-timeout soon;' },
    [
      `[${GROUP}] 'hello-interval 65536;' value 65536 is not within range (0..65535)`,
      `[${GROUP}] 'receive-window -1;' value -1 is not within range (0..65535)`,
      `[${GROUP}] 'tunnel-timeout soon;' invalid value 'soon': a number is expected`,
    ],
  ],
  [
    'a log prefix has 15 characters, none of blank, = and :',
    { group: 'syslog { host 192.0.2.9 { log-prefix a=b; } host 192.0.2.10 { log-prefix sixteen-letters-; } }' },
    ['192.0.2.9', '192.0.2.10'].map(
      (host, i) =>
        `[${GROUP} syslog host ${host}] 'log-prefix ${['a=b', 'sixteen-letters-'][i]};' Must be a string of 15 characters or less`,
    ),
  ],
  [
    '2.6: a RADIUS server has a secret, and so has who may ask for a disconnect',
    { access: 'radius-server 192.0.2.9 { port 1812; } radius-disconnect 192.0.2.9;' },
    [
      "[access] 'radius-disconnect 192.0.2.9' Missing mandatory statement: 'secret'",
      "[access] 'radius-server 192.0.2.9' Missing mandatory statement: 'secret'",
    ],
  ],
  [
    'a login class is one of the four or one that is defined',
    { top: 'system { login { user a { class boss; } user b { class read-only; } } }' },
    ["[system login user a] 'class boss' login class must be defined"],
  ],
  [
    '1.4: at most ten log hosts',
    { group: `syslog { ${Array.from({ length: 11 }, (_, i) => `host h${i};`).join(' ')} }` },
    [`[${GROUP} syslog] 'host h10' number of elements exceeds limit of 10`],
  ],
  [
    '3.4: a redundant interface needs its pair, of two places that the router has',
    {
      interfaces: `rsp1 { unit 0; } rsp2 { redundancy-options { primary sp-0/0/0; secondary sp-0/0/0; } }
        rsp3 { redundancy-options { primary sp-0/0/0; secondary sp-7/0/0; } }
        rsp4 { redundancy-options { primary sp-1/2/0; secondary sp-0/0/0; } }`,
    },
    [
      "[interfaces] 'rsp1' Missing mandatory statement: 'redundancy-options'",
      "[interfaces rsp2 redundancy-options] 'secondary sp-0/0/0' primary and secondary must be two services interfaces",
      "[interfaces rsp3 redundancy-options] 'secondary sp-7/0/0' there is no services interface sp-7/0/0 on an M10i",
      "[interfaces rsp4 redundancy-options] 'primary sp-1/2/0' sp-1/2/0 has units with dial-options of its own: they belong to rsp4",
    ],
  ],
  [
    '3.1: the bundle interface of a dial unit must be there; an inactive family is none',
    {
      interfaces: `sp-0/1/0 {
        unit 5 { dial-options { l2tp-interface-id x; shared; } family mlppp { bundle ml-0/0/0.3; } }
        unit 6 { dial-options { l2tp-interface-id x; shared; } inactive: family inet; }
      }`,
    },
    [
      "[interfaces sp-0/1/0 unit 5 family mlppp] 'bundle ml-0/0/0.3' Bundle interface must be configured",
      "[interfaces sp-0/1/0 unit 6] 'dial-options' Family must be defined for a unit with dial-options",
    ],
  ],
  // Profiles.
  [
    'clients of one profile are all LACs or all users',
    { lacs: 'client joe { pap-password x; }' },
    ["[access] 'profile harbour_lacs' All clients in one profile must be either PPP or L2TP or IKE"],
  ],
  [
    'RADIUS does not judge LACs',
    { lacs: 'authentication-order radius; accounting-order radius; radius-server 192.0.2.9 { secret x; }' },
    [
      `[${LACS}] 'authentication-order radius' Authentication-order cannot include RADIUS for tunnel client profile`,
      `[${LACS}] 'accounting-order' Not supported in tunnel client profile configuration`,
      `[${LACS}] 'radius-server' Not supported in L2TP configuration`,
    ],
  ],
  [
    'a LAC has no password of its own',
    { lac: 'pap-password x; chap-secret y;' },
    [
      `[${LACS} client lac-a] 'pap-password' Cannot define PAP password for L2TP tunnel client`,
      `[${LACS} client lac-a] 'chap-secret' Cannot define CHAP secret for L2TP tunnel client`,
    ],
  ],
  [
    'a group profile must exist',
    { user: 'group-profile nowhere;', lac: 'group-profile nowhere;' },
    [
      `[${LACS} client lac-a] 'group-profile nowhere' referenced group-profile must be defined`,
      `[${USERS} client mara] 'group-profile nowhere' referenced group-profile must be defined`,
    ],
  ],
  [
    'a group profile is of its client’s kind',
    {
      access: 'group-profile tunnels { l2tp { interface-id x; } }',
      user: 'group-profile tunnels;',
      lac: 'group-profile berths;',
    },
    [
      `[${LACS} client lac-a] 'group-profile berths' ppp client cannot have l2tp group-profile and vice-versa`,
      `[${USERS} client mara] 'group-profile tunnels' ppp client cannot have l2tp group-profile and vice-versa`,
    ],
  ],
  [
    'a user group profile has PPP attributes only',
    {
      access: 'group-profile tunnels { l2tp { interface-id x; } }',
      lacs: 'client lac-b { l2tp { interface-id harbour; } user-group-profile tunnels; }',
    },
    [`[${LACS} client lac-b] 'user-group-profile tunnels' referenced user-group-profile must have only ppp attributes`],
  ],
  [
    'a group profile has one kind of attributes',
    { access: 'group-profile both { l2tp { interface-id x; } ppp { framed-pool quay; } }' },
    ["[access] 'group-profile both' A group-profile can have either PPP or L2TP attributes only"],
  ],
  [
    'the profile that a LAC names for its users must exist',
    { lacL2tp: 'ppp-profile nowhere;' },
    [`[${LACS}] 'ppp-profile nowhere' referenced access profile must be defined`],
  ],
  [
    'the profile that a LAC names for its users has users only',
    { access: 'profile tunnels { client z { l2tp { interface-id harbour; } } }', lacL2tp: 'ppp-profile tunnels;' },
    [`[${LACS}] 'ppp-profile tunnels' clients of referenced profile must have only PPP attributes`],
  ],
  [
    'a damaged $9$ secret is refused',
    { lacs: 'client lac-b { l2tp { shared-secret "$9$LLLLLLLL"; } }' },
    [`[${LACS} client lac-b] 'shared-secret' invalid $9$ secret: a character repeats`],
  ],
  // Pools.
  [
    'a pool that is named must exist',
    { user: 'ppp { framed-pool nowhere; }', access: 'group-profile other { ppp { framed-pool lost; } }' },
    [
      "[access group-profile other ppp] 'framed-pool lost' referenced address pool must be defined",
      `[${USERS} client mara ppp] 'framed-pool nowhere' referenced address pool must be defined`,
    ],
  ],
  [
    'a pool is a prefix or a range',
    {
      access:
        'address-pool neither; address-pool both { address 203.0.113.0/24; address-range low 203.0.113.1 high 203.0.113.2; }',
    },
    [
      "[access address-pool both] 'address-range' only one of 'address' and 'address-range' may be set",
      "[access] 'address-pool neither' Missing mandatory statement: 'address' or 'address-range'",
    ],
  ],
  [
    'a range goes up',
    { access: 'address-pool down { address-range low 203.0.113.2 high 203.0.113.1; }' },
    ["[access address-pool down] 'address-range' the low address is above the high one"],
  ],
  // Interfaces.
  [
    'dial-options need a family',
    { interfaces: 'sp-0/1/0 { unit 5 { dial-options { l2tp-interface-id x; shared; } } }' },
    ["[interfaces sp-0/1/0 unit 5] 'dial-options' Family must be defined for a unit with dial-options"],
  ],
  [
    'dial-options and a multilink bundle exclude each other',
    { unit: 'encapsulation multilink-ppp;' },
    [`[${UNIT}] 'dial-options' MLPPP bundle cannot be configured with dial-options`],
  ],
  [
    'dial-options and a service domain exclude each other',
    { unit: 'service-domain inside;' },
    [`[${UNIT}] 'dial-options' L2TP dial-options and service-domain must not be defined on the same unit`],
  ],
  [
    'a dial unit says dedicated or shared',
    { interfaces: 'sp-0/1/0 { unit 5 { dial-options { l2tp-interface-id x; } family inet; } }' },
    ["[interfaces sp-0/1/0 unit 5] 'dial-options' Missing mandatory statement: 'dedicated' or 'shared'"],
  ],
  [
    'a dial unit has one kind of identifier',
    {
      interfaces:
        'sp-0/1/0 { unit 5 { dial-options { l2tp-interface-id x; ipsec-interface-id y; shared; } family inet; } }',
    },
    ["[interfaces sp-0/1/0 unit 5] 'dial-options' only one of l2tp-interface-id and ipsec-interface-id may be set"],
  ],
  [
    'a services interface stands where the router has a slot',
    { interfaces: 'sp-2/0/0 { unit 0 { family inet; } }' },
    ["[interfaces] 'sp-2/0/0' there is no services interface sp-2/0/0 on an M10i"],
  ],
];
for (const [claim, add, errors] of CHECKS)
  test(claim, () => {
    assert.deepEqual(errorsOf(add).toSorted(), errors.toSorted());
  });

test('what is inactive is not checked', () => {
  assert.deepEqual(
    load({ l2tp: 'inactive: tunnel-group bare;', access: 'inactive: address-pool neither;' }).diagnostics,
    [],
  );
});
test('a configuration that only an inactive statement holds up is refused', () => {
  assert.deepEqual(
    errorsOf({
      access: 'group-profile x { ppp { framed-pool dry; } } inactive: address-pool dry { address 203.0.113.0/24; }',
    }),
    ["[access group-profile x ppp] 'framed-pool dry' referenced address pool must be defined"],
  );
});

// Warnings: the configuration is in force all the same.

const LATER = 'understood, but not acted on by this version';
const WARNINGS: readonly [claim: string, add: Additions, warnings: string[]][] = [
  [
    'each attribute of a user',
    { user: 'ppp { keepalive 10; idle-timeout 300; cell-overhead; encapsulation-overhead -4; keepalive-retries 5; }' },
    ['cell-overhead', 'encapsulation-overhead'].map((keyword) => `[${USERS} client mara ppp] '${keyword}' ${LATER}`),
  ],
];
for (const [what, add, warnings] of WARNINGS)
  test(`not yet acted on, and said so: ${what}`, () => {
    const { config, diagnostics } = load(add);
    assert.notEqual(config, null);
    assert.deepEqual(told(diagnostics).toSorted(), warnings.map((one) => `warning ${one}`).toSorted());
  });

test('2.6: RADIUS as a judge and no server to ask is a warning', () => {
  const { diagnostics } = load({ users: 'authentication-order radius;' });
  assert.ok(
    told(diagnostics).includes(`warning [${USERS}] 'authentication-order radius' no radius-server is configured`),
  );
});
test('RFC 2661 5.8: a retransmit-interval under 8 seconds is honoured with a warning', () => {
  assert.deepEqual(told(load({ group: 'retransmit-interval 7;' }).diagnostics), [
    `warning [${GROUP}] 'retransmit-interval 7' RFC 2661 section 5.8 asks for a ceiling of no less than 8 seconds`,
  ]);
  assert.equal(sound(configuration({ group: 'retransmit-interval 7;' })).tunnelGroups[0]!.retransmitIntervalMs, 7000);
  assert.deepEqual(load({ group: 'retransmit-interval 8;' }).diagnostics, []);
});

test('each other part of a router is one warning, whatever is in it', () => {
  const { config, diagnostics } = load({
    top: 'snmp { fpc 1 { pic 2 { x [ a b ]; } } } routing-options static route 0.0.0.0/0 next-hop 192.0.2.254;',
    interfaces: 'ge-0/3/0 { unit 0 { family inet { address 192.0.2.1/28; } } }',
  });
  assert.notEqual(config, null);
  const alone = 'not a part of L2TP services; accepted and left alone';
  assert.deepEqual(told(diagnostics), [
    `warning [] 'snmp' ${alone}`,
    `warning [] 'routing-options' ${alone}`,
    `warning [interfaces] 'ge-0/3/0' ${alone}`,
  ]);
});

// Platforms.

test('services interfaces stand in the slots of each router', () => {
  const accepts = (platform: string, name: string): boolean =>
    errorsOf({ interfaces: `${name} { unit 0 { family inet; } }` }, platform).every(
      (one) => !one.includes(`'${name}'`),
    );
  const table: readonly [platform: string, good: string[], bad: string[]][] = [
    ['m7i', ['sp-0/0/0', 'sp-0/3/0', 'sp-1/2/0'], ['sp-0/4/0', 'sp-1/0/0', 'sp-1/3/0', 'sp-2/0/0']],
    ['m10i', ['sp-0/0/0', 'sp-1/3/0'], ['sp-2/0/0', 'sp-0/4/0', 'sp-0/0/1']],
    ['m120', ['sp-2/0/0', 'sp-5/3/0'], ['sp-0/0/0', 'sp-1/2/0', 'sp-6/0/0', 'sp-2/4/0']],
  ];
  for (const [platform, good, bad] of table) {
    for (const name of good) assert.equal(accepts(platform, name), true, `${platform} ${name}`);
    for (const name of bad) assert.equal(accepts(platform, name), false, `${platform} ${name}`);
  }
});
test('any other router is refused in one clear line', () => {
  for (const platform of ['mx240', '', 'constructor', '__proto__'])
    assert.throws(() => load({}, platform), {
      code: 'ERR_LNS_CONFIG',
      message: /^.*L2TP services run (only )?on M7i, M10i and M120$/,
    });
});
test('a router may be named in capitals', () => {
  assert.notEqual(load({}, 'M10i').config, null);
});

// Checks that reach further than one statement.

test("1.5: a trace's debug-level and filter need flag protocol or all", () => {
  const only = 'can be specified only for traceoption flag protocol or all';
  assert.deepEqual(
    errorsOf({
      l2tp: 'traceoptions { debug-level detail; filter { protocol ppp; user-name x; } flag configuration; }',
    }),
    [
      `[services l2tp traceoptions] 'debug-level detail' debug-level ${only}`,
      `[services l2tp traceoptions] 'filter protocol ppp' Filter protocol ${only}`,
      `[services l2tp traceoptions] 'filter user-name x' Filter user name ${only}`,
    ],
  );
});
test('user-group-profile is for LACs alone', () => {
  assert.deepEqual(errorsOf({ users: 'client ola { pap-password x; user-group-profile berths; }' }), [
    `[${USERS} client ola] 'user-group-profile' user-group-profile must be defined only for tunnel clients`,
  ]);
});
test("a LAC's ppp-profile is checked wherever the profile stands", () => {
  assert.deepEqual(errorsOf({ lacL2tp: 'ppp-profile harbour_lacs;' }), [
    `[${LACS}] 'ppp-profile harbour_lacs' clients of referenced profile must have only PPP attributes`,
  ]);
});
test('tunnel profiles are checked where there is no tunnel group', () => {
  const { config } = loadConfig('access { profile p { client x { l2tp { ppp-profile nowhere; } } } }', 'm10i');
  assert.equal(config, null);
});
test('a shared secret has 64 characters at most', () => {
  assert.equal(errorsOf({ lacs: `client lac-b { l2tp { shared-secret "${'x'.repeat(64)}"; } }` }).length, 0);
  assert.equal(errorsOf({ lacs: `client lac-b { l2tp { shared-secret "${'x'.repeat(65)}"; } }` }).length, 1);
});
test('a unit in service-interface must exist', () => {
  const group = `tunnel-group other { l2tp-access-profile harbour_lacs; ppp-access-profile harbour_users;
    local-gateway address 192.0.2.2; service-interface sp-1/2/0.99; }`;
  assert.equal(errorsOf({ l2tp: group }).length, 1);
});
test('the other statements of system and services are accepted with a warning', () => {
  assert.notEqual(load({ top: 'system { services { ssh; } syslog { file messages { any any; } } }' }).config, null);
  assert.notEqual(load({ top: 'services { service-set x { interface-service; } }' }).config, null);
});
test('a part of a router that is written twice is one warning', () => {
  assert.equal(load({ top: 'snmp { x; } snmp { y; }' }).diagnostics.length, 1);
});
test('the path to a services interface is [edit interfaces NAME]', () => {
  assert.deepEqual(told(load({ unit: 'encapsulation ppp;' }).diagnostics), [
    `warning [${UNIT}] 'encapsulation' ${LATER}`,
  ]);
});
test('after a fault of the language nothing is checked that it may have cut off', () => {
  assert.equal(errorsOf({ group: 'replace: hide-avps;' }).length, 1);
});
