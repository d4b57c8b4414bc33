// Section 6 of the chapter: a client connects under each worked example, its addresses moved to this machine.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { decodeSecret9 } from '../../src/config/secret9.ts';
import type { LacProfile } from '../../src/emulator/types.ts';
import { formatIpv4 } from '../../src/wire/address.ts';
import { SlowRadius } from '../support/radius-server.ts';
import { Pair } from './pair.ts';

const example = (name: string): string =>
  readFileSync(new URL(`../config/worked/${name}.conf`, import.meta.url), 'utf8');
/** The example with its gateway on loopback, and its RADIUS server ours. */
function local(text: string, radius?: SlowRadius): string {
  const moved = text.replace(/(local-gateway[\s{]+address )[\d.]+/g, '$1127.0.0.1');
  return radius === undefined ? moved : moved.replace(/radius-server [\d.]+ \{[^}]*\}/, radius.statement);
}
async function connect(
  t: TestContext,
  config: string,
  profile: Partial<LacProfile>,
): Promise<{ pair: Pair; address: string; unit: number | undefined; bundles: number }> {
  const pair = await Pair.start(config);
  t.after(() => pair.close());
  const lac = await pair.dial(profile);
  const wanted = (profile.tunnels ?? 1) * (profile.sessionsPerTunnel ?? 1);
  assert.equal((await lac.settled(8000)).sessionsUp, wanted, `${[...lac.failures.keys()]}\n${pair.lines}`);
  const [tunnel] = pair.lns.tunnels.values();
  const [call] = tunnel!.calls.values();
  const { address, unit } = call!.networkEnd;
  return { pair, address: formatIpv4(address), unit: unit?.unit, bundles: pair.lns.bundles.size };
}
async function radius(t: TestContext): Promise<SlowRadius> {
  const server = await SlowRadius.start(0);
  server.accept = [{ vendor: 0, type: 8, value: new Uint8Array([198, 51, 100, 77]) }]; // Framed-IP-Address
  t.after(() => server.close());
  return server;
}

test('6.1: a user whom RADIUS judges, on the shared unit of the LAC', async (t) => {
  const server = await radius(t);
  const { address, unit } = await connect(t, local(example('1-minimum-with-tracing'), server), {
    hostName: 'kelp-lac',
    secret: 'tide table',
    user: 'anyone@kelp.example',
  });
  assert.deepEqual([address, unit, server.requests >= 1], ['198.51.100.77', 31, true]);
});
test('6.2: two links of one user make a bundle on the shared unit', async (t) => {
  const server = await radius(t);
  const { address, unit, bundles } = await connect(t, local(example('2-multilink-shared-unit'), server), {
    hostName: 'rope-lac',
    secret: 'three strands',
    sessionsPerTunnel: 2,
    groups: { kind: 'multilink', size: 2, spread: false, fragmentOctets: 512, shortSequence: false },
  });
  assert.deepEqual([address, unit, bundles], ['198.51.100.77', 44, 1]);
});
test('6.3: fixed address and unit of one user, pool and unit of another group', async (t) => {
  const config = local(example('3-profiles-and-unit-pools'));
  const nils = await connect(t, config, {
    hostName: 'pier-lac',
    secret: 'bollard',
    user: 'nils@pier.example',
    password: 'spray',
    methods: ['chap-md5'],
  });
  assert.deepEqual([nils.address, nils.unit], ['198.51.100.201', 14]);
  const tove = await connect(t, config, {
    hostName: 'dune-lac',
    secret: 'lyme',
    user: 'tove@dune.example',
    password: 'marram',
    methods: ['chap-md5'],
  });
  assert.match(tove.address, /^198\.51\.10[01]\./);
  assert.equal(tove.unit, 11);
});
test('6.4: on the interface of a pair of PICs', async (t) => {
  const { pair, address, unit } = await connect(t, local(example('4-redundant-interface')), {
    hostName: 'ferry-lac',
    secret: 'two hulls',
    user: 'anna',
    password: 'deck',
    methods: ['chap-md5'],
  });
  assert.deepEqual([address, unit], ['198.51.100.9', 17]);
  assert.equal([...pair.lns.tunnels.values()][0]!.gateway.serviceInterface, 'rsp1');
});
test('6.5: any LAC that knows the secret', async (t) => {
  const config = local(example('5-default-tunnel-client')).replace(
    'interface-id open;',
    'interface-id open; ppp-authentication pap;',
  );
  const { address, unit } = await connect(t, config, {
    hostName: 'a-lac-of-any-name',
    secret: decodeSecret9('$9$LbHX-wg4Z'),
    user: 'ida',
    password: 'crawl',
    methods: ['pap'],
  });
  assert.match(address, /^198\.51\.100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])$/);
  assert.equal(unit, 9);
});
test('6.6: the first example with those who may ask for the end of a session', async (t) => {
  const server = await radius(t);
  const { address } = await connect(
    t,
    local(
      `${example('1-minimum-with-tracing')}\n${example('6-radius-disconnect').replace(' 1701;', ' 37990;')}`,
      server,
    ),
    { hostName: 'kelp-lac', secret: 'tide table', user: 'anyone@kelp.example' },
  );
  assert.equal(address, '198.51.100.77');
});
