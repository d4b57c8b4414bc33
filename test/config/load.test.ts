import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatDiagnostic, formatDiagnostics, loadConfig } from '../../src/config/load.ts';
import type { LnsConfig } from '../../src/config/types.ts';
import { formatIpv4 } from '../../src/wire/address.ts';
import { load, sound } from './support.ts';

// The words of a diagnostic (section 7.4).

const firstOf = (text: string): string => formatDiagnostic(loadConfig(text, 'm10i').diagnostics[0]!, 'lns.conf');
test('an error of the language is told with file, line and column', () => {
  assert.equal(
    firstOf('services {\n    l2tp {\n        foo;\n    }\n}\n'),
    "lns.conf:3:(9) syntax error: foo\n  [edit services l2tp]\n    'foo;'\n      syntax error",
  );
});
test('a value out of range is told with file, line and column', () => {
  assert.equal(
    firstOf(
      'services {\n    l2tp {\n        tunnel-group x {\n            hello-interval 70000;\n        }\n    }\n}\n',
    ),
    'lns.conf:4:(28) error: value 70000 is not within range (0..65535)\n  [edit services l2tp tunnel-group x]\n' +
      "    'hello-interval 70000;'\n      value 70000 is not within range (0..65535)",
  );
});
test('a check that fails is told with its level, its statement and the failure line', () => {
  const { diagnostics } = loadConfig('access { profile x { client y { ppp { framed-pool z; } } } }', 'm10i');
  assert.equal(
    formatDiagnostics(diagnostics, 'lns.conf'),
    "lns.conf:1: [edit access profile x client y ppp]\n  'framed-pool z'\n    referenced address pool must be defined\n" +
      'error: configuration check-out failed',
  );
});
test('a warning has the same shape, and no failure line', () => {
  const { diagnostics } = load({ top: 'snmp { x; }' });
  assert.equal(
    formatDiagnostics(diagnostics, 'lns.conf'),
    "lns.conf:1: [edit]\n  'snmp'\n    warning: not a part of L2TP services; accepted and left alone",
  );
});
test('nothing to tell is nothing', () => {
  assert.equal(formatDiagnostics([], 'lns.conf'), '');
});
test('an error leaves no configuration, a warning does', () => {
  assert.equal(load({ group: 'hello-interval x;' }).config, null);
  assert.notEqual(load({ top: 'snmp { x; }' }).config, null);
});
test('an empty file is a configuration without tunnel groups', () => {
  for (const text of ['', '\n\n', '# nothing\n', '/* nothing */'])
    assert.deepEqual(sound(text), {
      hostName: null,
      tunnelGroups: [],
      pools: new Map(),
      interfaces: new Map(),
      radiusServers: [],
      radiusDisconnect: null,
      trace: null,
      system: { users: [], socketPath: null, socketGroup: null },
      chassis: { model: null, pics: [], febs: new Map() },
      filters: new Map(),
    });
});

// Whole files.

const folder = (path: string): URL => new URL(path, import.meta.url);
for (const path of ['../../examples/', './worked/'])
  for (const name of readdirSync(folder(path))
    .filter((one) => one.endsWith('.conf'))
    .toSorted())
    test(`${name} has no error`, () => {
      const { config, diagnostics } = loadConfig(readFileSync(folder(path + name), 'utf8'), 'm10i');
      assert.deepEqual(
        diagnostics.filter((one) => one.severity === 'error'),
        [],
      );
      assert.notEqual(config, null);
    });

const worked = (name: string): LnsConfig => sound(readFileSync(folder(`./worked/${name}.conf`), 'utf8'));
test('demo.conf: two groups on loopback, no warning', () => {
  const { config, diagnostics } = loadConfig(readFileSync(folder('../../examples/demo.conf'), 'utf8'), 'm10i');
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    config!.tunnelGroups.map((group) => group.localGateway.startsWith('127.')),
    [true, true],
  );
});
test('worked example 3: own attributes, group profiles, unit pools, every tuning statement', () => {
  const config = worked('3-profiles-and-unit-pools');
  const [group] = config.tunnelGroups;
  assert.deepEqual(
    [
      group!.receiveWindow,
      group!.maximumSendWindow,
      group!.retransmitIntervalMs,
      group!.helloIntervalMs,
      group!.tunnelTimeoutMs,
    ],
    [1500, 1200, 5000, 15_000, 55_000],
  );
  const { clients } = group!.userProfile;
  const nils = clients.get('nils@pier.example')!;
  assert.equal(formatIpv4(nils.framedAddress!), '198.51.100.201');
  assert.deepEqual([nils.ppp.idleTimeoutMs, nils.ppp.interfaceId, nils.ppp.framedPool], [22_000, 'nils', 'pier-pool']);
  assert.equal(formatIpv4(nils.ppp.primaryDns!), '192.0.2.81');
  assert.equal(formatIpv4(nils.ppp.secondaryDns!), '192.0.2.62');
  const tove = clients.get('tove@dune.example')!;
  assert.deepEqual([tove.framedAddress, tove.ppp.idleTimeoutMs, tove.ppp.interfaceId], [null, 20_000, 'dune']);
  const lacs = group!.tunnelProfile.clients;
  assert.deepEqual(
    ['pier-lac', 'dune-lac'].map((name) => [lacs.get(name)!.maximumSessionsPerTunnel, lacs.get(name)!.interfaceId]),
    [
      [75, 'pier_shared'],
      [125, 'dune_shared'],
    ],
  );
  const unitsOf = (id: string): number[] =>
    group!.units.filter((unit) => unit.dialOptions?.interfaceId === id).map((unit) => unit.unit);
  assert.deepEqual(
    [unitsOf('dune'), unitsOf('pier'), unitsOf('nils'), unitsOf('dune_shared')],
    [[11, 12], [13], [14], [22]],
  );
  const pool = config.pools.get('dune-pool')!;
  assert.deepEqual([formatIpv4(pool.first), formatIpv4(pool.last)], ['198.51.100.250', '198.51.101.20']);
});
test('worked example 4: the group stands on the pair', () => {
  const [group] = worked('4-redundant-interface').tunnelGroups;
  assert.deepEqual([group!.serviceInterface, group!.units.map((unit) => unit.unit)], ['rsp1', [0, 17]]);
});
test('worked example 5: any LAC, and attributes for its users', () => {
  const any = worked('5-default-tunnel-client').tunnelGroups[0]!.tunnelProfile.clients.get('*')!;
  assert.deepEqual([any.secret, any.interfaceId, any.userDefaults.framedPool], ['lc', 'open', 'open-water']);
});

test('10,000 clients in a profile load in under 2 seconds of work, whoever else works on the machine', () => {
  const users = Array.from({ length: 10_000 }, (_, i) => `client user-${i} { chap-secret "secret ${i}"; }`).join('\n');
  const start = process.cpuUsage();
  const { config } = load({ users });
  const { user, system } = process.cpuUsage(start);
  const took = (user + system) / 1000;
  assert.equal(config!.tunnelGroups[0]!.userProfile.clients.size, 10_001);
  assert.ok(took < 2000, `${took} ms`);
});
