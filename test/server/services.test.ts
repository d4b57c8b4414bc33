// AS PIC redundancy and PICs that go: what LACs and clients see of it.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Lac } from '../../src/emulator/lac.ts';
import type { LnsOptions } from '../../src/server/lns.ts';
import { configuration, Pair } from './pair.ts';

const BOOT_MS = 40;
const UNIT = 'unit 0 { family inet; } unit 20 { dial-options { l2tp-interface-id many; shared; } family inet; }';
/** The group `test` on rsp0, `plain` on the secondary's neighbour. */
const redundant = (chassis = ''): string =>
  configuration({ client: 'shared-secret "test secret"; interface-id many;' })
    .replace('service-interface sp-1/2/0', 'service-interface rsp0')
    .replace(
      '} } }\naccess',
      `}
  tunnel-group plain {
    l2tp-access-profile lacs; ppp-access-profile users;
    local-gateway address 127.0.0.2; service-interface sp-0/1/0;
  } } }\n${chassis}\naccess`,
    )
    .replace(
      'interfaces {',
      `interfaces {
  rsp0 { redundancy-options { primary sp-0/0/0; secondary sp-1/3/0; } ${UNIT} }
  sp-0/1/0 { ${UNIT} }`,
    );
async function pairOf(t: TestContext, config = redundant(), options: Partial<LnsOptions> = {}): Promise<Pair> {
  const pair = await Pair.start(config, { picBootMs: BOOT_MS, ...options });
  t.after(() => pair.close());
  return pair;
}
async function dialled(pair: Pair, address = '127.0.0.1'): Promise<Lac> {
  const lac = await pair.dial({ server: pair.gateway(address), tunnels: 2, sessionsPerTunnel: 2 });
  assert.equal((await lac.settled(8000)).sessionsUp, 4, `${JSON.stringify([...lac.failures])}\n${pair.lines}`);
  return lac;
}
const state = (pair: Pair): string =>
  pair.lns.services
    .interfaces()
    .map((one) => `${one.state}, ${one.status}`)
    .join();

test('a switch-over takes tunnels and sessions down; LAC and clients make them anew on the other PIC', async (t) => {
  const pair = await pairOf(t);
  const plain = await dialled(pair, '127.0.0.2');
  const lac = await dialled(pair);
  assert.equal(pair.lns.services.picOf('rsp0'), 'sp-0/0/0');
  assert.equal(pair.lns.services.request('switchover', 'rsp0'), null);
  await pair.until(() => lac.status.tunnelsUp === 0);
  assert.deepEqual(pair.closings(lac), ['StopCCN 1 switch-over to another services PIC']);
  assert.equal(state(pair), 'On secondary, primary down');
  const again = await dialled(pair);
  const { sent, received } = await pair.traffic(again, 1000, 200);
  assert.ok(sent > 50);
  assert.equal(received, sent);
  // The primary has come up meanwhile, and does not take over by itself.
  await pair.until(() => state(pair) === 'On secondary, both up');
  assert.equal(again.status.sessionsUp, 4);
  assert.equal(pair.lns.services.request('revert', 'rsp0'), null);
  await pair.until(() => again.status.tunnelsUp === 0);
  assert.equal(state(pair), 'On primary, secondary down');
  assert.equal(plain.status.sessionsUp, 4, 'another interface has no part in it');
  const told = pair.events.filter(({ event }) => event === 'switchover').map(({ fields }) => fields);
  assert.deepEqual(
    told.map(({ group, interface: name, from, to }) => [group, name, from, to]),
    [
      ['test', 'rsp0', 'sp-0/0/0', 'sp-1/3/0'],
      ['test', 'rsp0', 'sp-1/3/0', 'sp-0/0/0'],
    ],
  );
});

test('request chassis pic offline: the pair fails over; a group without another PIC refuses with StopCCN 2, error 4', async (t) => {
  const pair = await pairOf(t);
  const lac = await dialled(pair);
  const plain = await dialled(pair, '127.0.0.2');
  assert.deepEqual(pair.lns.services.set(0, 0, false), {
    ok: true,
    text: 'fpc 0 pic 0 offline initiated, use "show chassis fpc pic-status 0" to verify',
  });
  await pair.until(() => lac.status.tunnelsUp === 0);
  await dialled(pair);
  assert.equal(plain.status.sessionsUp, 4);
  assert.equal(pair.lns.services.set(0, 1, false).ok, true);
  await pair.until(() => plain.status.tunnelsUp === 0);
  assert.deepEqual(pair.closings(plain), ['StopCCN 2/4 the services PIC is gone']);
  const refused = await pair.dial({ server: pair.gateway('127.0.0.2') });
  assert.equal((await refused.settled(5000)).failed, 1);
  assert.deepEqual([...refused.failures.keys()], ['StopCCN 2/4 no services PIC is online']);
  assert.deepEqual([...pair.lns.services.offline].sort(), ['sp-0/0/0', 'sp-0/1/0']);
  assert.equal(pair.lns.services.set(0, 1, true).ok, true);
  await pair.until(() => pair.events.some(({ event, fields }) => event === 'pic-online' && fields.pic === 'sp-0/1/0'));
  await dialled(pair, '127.0.0.2');
  assert.deepEqual(pair.lns.services.set(1, 1, false), { ok: false, text: 'FPC 1 PIC 1: no services PIC is there' });
});

test('an FPC taken offline, or restarted, takes all its services PICs with it', async (t) => {
  const pair = await pairOf(t);
  const lac = await dialled(pair);
  const plain = await dialled(pair, '127.0.0.2');
  assert.equal(pair.lns.services.setFpc(0, 'restart').ok, true);
  await pair.until(() => lac.status.tunnelsUp + plain.status.tunnelsUp === 0);
  assert.deepEqual(pair.closings(lac), ['StopCCN 1 switch-over to another services PIC']);
  assert.deepEqual(pair.closings(plain), ['StopCCN 2/4 the services PIC is gone']);
  await pair.until(() => state(pair) === 'On secondary, both up');
  await dialled(pair, '127.0.0.2');
  assert.deepEqual(pair.lns.services.setFpc(0, 'offline'), {
    ok: true,
    text: 'Offline initiated, use "show chassis fpc pic-status 0" to verify',
  });
  assert.deepEqual([...pair.lns.services.offline].sort(), ['sp-0/0/0', 'sp-0/1/0']);
  assert.equal(pair.lns.services.setFpc(0, 'offline').text, 'FPC 0: its services PICs are offline already');
  assert.equal(pair.lns.services.setFpc(0, 'restart').ok, false);
  assert.equal(pair.lns.services.setFpc(7, 'online').text, 'FPC 7: no services PIC is there');
  assert.equal(pair.lns.services.setFpc(0, 'online').ok, true);
  await pair.until(() => state(pair) === 'On secondary, both up');
});

test('a PIC with the layer-2 service package runs no L2TP', async (t) => {
  const layer2 = 'chassis { fpc 0 { pic 1 { adaptive-services { service-package layer-2; } } } }';
  const pair = await pairOf(t);
  const plain = await dialled(pair, '127.0.0.2');
  await pair.change(redundant(layer2));
  await pair.until(() => plain.status.tunnelsUp === 0);
  const refused = await pair.dial({ server: pair.gateway('127.0.0.2') });
  assert.equal((await refused.settled(5000)).failed, 1);
  await pair.change(redundant());
  await dialled(pair, '127.0.0.2');
});

test('units: two groups on one interface share its units, a dedicated one has one session of both', async (t) => {
  const config = configuration({ client: 'shared-secret "test secret"; interface-id one;' }).replace(
    '} } }\naccess',
    `}
  tunnel-group second {
    l2tp-access-profile lacs; ppp-access-profile users;
    local-gateway address 127.0.0.2; service-interface sp-1/2/0;
  } } }\naccess`,
  );
  const pair = await pairOf(t, config);
  for (const address of ['127.0.0.1', '127.0.0.2']) {
    const lac = await pair.dial({ server: pair.gateway(address) });
    assert.equal((await lac.settled(8000)).sessionsUp, 1);
  }
  const units = [...pair.lns.tunnels.values()].flatMap((tunnel) =>
    [...tunnel.calls.values()].map((call) => call.unit?.unit),
  );
  assert.deepEqual(units.sort(), [10, 11]);
  const third = await pair.dial({ server: pair.gateway('127.0.0.2') });
  assert.equal((await third.settled(8000)).failed, 1);
});

test('units: service-interface with a unit puts sessions without an interface-id there', async (t) => {
  const config = configuration().replace('service-interface sp-1/2/0', 'service-interface sp-1/2/0.20');
  const pair = await pairOf(t, config);
  const lac = await pair.dial({ sessionsPerTunnel: 3 });
  assert.equal((await lac.settled(8000)).sessionsUp, 3);
  const units = [...pair.lns.tunnels.values()].flatMap((tunnel) =>
    [...tunnel.calls.values()].map((call) => call.unit?.unit),
  );
  assert.deepEqual(units, [20, 20, 20]);
});
