import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { type TestContext, test } from 'node:test';
import { ControlEndpoint } from '../../src/control/endpoint.ts';
import type { ControlAction } from '../../src/control/types.ts';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { TunnelIdPool } from '../../src/server/ids.ts';
import { SystemRandom } from '../../src/wire/random.ts';
import { configuration, Pair } from '../server/pair.ts';
import { desk } from './desk.ts';

async function pairOf(t: TestContext, config = configuration(), options = {}): Promise<Pair> {
  const pair = await Pair.start(config, options);
  t.after(() => pair.close());
  return pair;
}
/** Values of one tag in XML, in order. */
const tags = (xml: string, tag: string): string[] =>
  [...xml.matchAll(new RegExp(`<${tag}(?: [^>]*)?>([^<]*)</${tag}>`, 'g'))].map((match) => match[1]!);

test('show services l2tp: every level, every filter, as text, XML and JSON of the same tree', async (t) => {
  const pair = await pairOf(t, configuration({ client: 'shared-secret "test secret"; interface-id many;' }));
  const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 2 });
  assert.equal((await lac.settled(5000)).sessionsUp, 4);
  await pair.traffic(lac, 400, 200);
  const { ask } = desk(pair.lns);

  await t.test('summary, of all and of one interface', async () => {
    assert.match(
      await ask('show services l2tp summary'),
      /^Tunnels: 2, Sessions: 4\n {14}Tx packets {6}Rx packets {2}Memory \(bytes\)\nControl +\d+ +\d+ +\d+\nData +\d+ +\d+ +\d+\nErrors +\d+ +\d+\n$/,
    );
    assert.match(
      await ask('show services l2tp summary interface sp-1/2/0'),
      /^Interface: sp-1\/2\/0\nTunnels: 2, Sessions: 4\n {14}Tx packets {6}Rx packets\nControl/,
    );
    assert.match(await ask('show services l2tp summary interface sp-0/0/0'), /Tunnels: 0, Sessions: 0/);
  });

  const tunnelIds = [...pair.lns.tunnels.keys()];
  const [id] = tunnelIds;
  await t.test('tunnel: brief lists, detail and extensive tell, statistics count', async () => {
    const brief = await ask('show services l2tp tunnel');
    assert.equal(brief, await ask('show services l2tp tunnel brief'));
    const lines = brief.trimEnd().split('\n');
    assert.equal(lines.length, 4);
    assert.equal(lines[0], 'Interface: sp-1/2/0, Tunnel group: test');
    assert.equal(lines[1], '  Local ID  Remote ID  Remote IP              Sessions  State');
    assert.match(lines[2]!, /^ +\d+ +\d+ {2}127\.0\.0\.1:\d+ +2 {2}Established$/);
    const extensive = await ask(`show services l2tp tunnel extensive local-tunnel-id ${id}`);
    const port = pair.lns.listening[0]!.port;
    const expected = [
      /^Interface: sp-1\/2\/0, Tunnel group: test$/,
      new RegExp(`^ {2}Tunnel local ID: ${id}, Remote ID: \\d+$`),
      /^ {4}Remote IP: 127\.0\.0\.1:\d+$/,
      /^ {4}Sessions: 2, State: Established$/,
      new RegExp(`^ {4}Local IP: 127\\.0\\.0\\.1:${port}$`),
      /^ {4}Local name: lns-test, Remote name: lac-\d$/,
      /^ {4}Max sessions: Unlimited, Window size: \d+, Hello interval: 60$/,
      /^ {4}Create time: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}, Up time: 00:00:\d\d$/,
      /^ {4}Idle time: 00:00:0\d$/,
      /^ {4}Statistics since: /,
      /^ {16}Packets {4}Bytes$/,
      /^ {4}Control Tx +\d+ +[\d.k]+$/,
      /^ {4}Control Rx +\d+ +[\d.k]+$/,
      /^ {4}Data {4}Tx +\d+ +[\d.k]+$/,
      /^ {4}Data {4}Rx +\d+ +[\d.k]+$/,
      /^ {4}Errors {2}Tx +\d+$/,
      /^ {4}Errors {2}Rx +\d+$/,
    ];
    const got = extensive.trimEnd().split('\n');
    assert.equal(got.length, expected.length, extensive);
    for (const [n, pattern] of expected.entries()) assert.match(got[n]!, pattern);
    assert.match(
      await ask(`sh ser l2 tun det local-tunnel-id ${id}`),
      /Remote ID: \d+\n {4}Local IP: .*, Remote IP: .*\n {4}Sessions: 2, State: Established\n {4}Local name: lns-test, Remote name: lac-\d\n$/,
    );
    assert.match(
      await ask('show services l2tp tunnel statistics'),
      /State: Established\n {4}Statistics since: .*\n.*Packets/,
    );
  });

  await t.test('every filter picks what it names and nothing else', async () => {
    const tunnel = pair.lns.tunnels.get(id!)!;
    const [call] = tunnel.calls.values();
    const count = async (what: string, filter: string): Promise<number> =>
      tags(
        await ask(`show services l2tp ${what} ${filter}`, 'xml'),
        `l2tp-${what === 'user' ? 'session' : what}-local-id`,
      ).length;
    for (const [filter, tunnels, sessions] of [
      ['interface sp-1/2/0', 2, 4],
      ['interface sp-0/2/0', 0, 0],
      ['local-gateway 127.0.0.1', 2, 4],
      ['local-gateway 127.0.0.9', 0, 0],
      ['local-gateway-name lns-test', 2, 4],
      ['local-gateway-name other', 0, 0],
      [`local-tunnel-id ${id}`, 1, 2],
      ['local-tunnel-id 0', 0, 0],
      ['peer-gateway 127.0.0.1', 2, 4],
      ['peer-gateway 192.0.2.9', 0, 0],
      [`peer-gateway-name ${tunnel.info.hostName}`, 1, 2],
      ['tunnel-group test', 2, 4],
      ['tunnel-group other', 0, 0],
    ] as const) {
      assert.equal(await count('tunnel', filter), tunnels, filter);
      assert.equal(await count('session', filter), sessions, filter);
    }
    const same = [...pair.lns.tunnels.values()].flatMap((one) =>
      [...one.calls.values()].filter((other) => other.sessionId === call!.sessionId),
    );
    assert.equal(await count('session', `local-session-id ${call!.sessionId}`), same.length);
    assert.equal(await count('session', 'user user'), 4);
    assert.equal(await count('user', 'user user'), 4);
    assert.equal(await count('user', 'user nobody'), 0);
    assert.equal(await ask('show services l2tp session user nobody'), '');
  });

  await t.test('session: levels in the order of the schema', async () => {
    const brief = (await ask('show services l2tp session')).split('\n');
    assert.match(brief[0]!, /^Interface: sp-1\/2\/0, Tunnel group: test, Tunnel local ID: \d+$/);
    assert.equal(brief[1], '  Local  Remote  Interface  State           Bundle  Username');
    assert.match(brief[3]!, /^ +\d+ +\d+ +20 {2}Established {13}user$/);
    const xml = await ask('show services l2tp session extensive', 'xml');
    const entry = /<l2tp-session-entry>[\s\S]*?<\/l2tp-session-entry>/.exec(xml)![0];
    assert.deepEqual(
      [...entry.matchAll(/<(l2tp-[\w-]+)/g)].map((match) => match[1]!.replace('l2tp-session-', '')).slice(1),
      [
        ...['local-id', 'remote-id', 'remote-ip', 'local-ip', 'state', 'user-name', 'own-ip', 'peer-ip'],
        ...['local-name', 'remote-name', 'mode', 'local-mru', 'remote-mru', 'tx-speed', 'rx-speed', 'bearer-type'],
        ...['framing-type', 'lcp-renegotiation', 'authentication', 'interface-id', 'interface-unit'],
        ...['call-serial-number', 'policer-bandwidth', 'policer-burstsize', 'policer-exclude-bandwidth'],
        ...['firewall-filter', 'encapsulation-overhead', 'cell-overhead', 'l2tp-create-time', 'l2tp-up-time'],
        ...['l2tp-idle-time', 'l2tp-statistics-since', 'l2tp-control-tx-packets', 'l2tp-control-tx-bytes'],
        ...['l2tp-control-rx-packets', 'l2tp-control-rx-bytes', 'l2tp-data-tx-packets', 'l2tp-data-tx-bytes'],
        ...['l2tp-data-rx-packets', 'l2tp-data-rx-bytes', 'l2tp-error-tx-packets', 'l2tp-error-rx-packets'],
      ],
    );
    assert.match(
      await ask('show services l2tp session extensive'),
      /Mode: shared, Local IP: [\s\S]*Assigned IP: 100\.64\.0\.\d+, Own IP: 100\.64\.255\.1\n[\s\S]*Authentication: CHAP, Interface ID: many\n {4}Interface unit: 20\n/,
    );
    assert.match(
      await ask('show services l2tp session detail'),
      /Interface unit: 20\n {4}State: Established, Username: user\n/,
    );
  });

  await t.test('JSON carries the same values as XML', async () => {
    const json = JSON.parse(await ask('show services l2tp tunnel detail', 'json'));
    const information = json['service-l2tp-tunnel-information'][0];
    assert.deepEqual(information.attributes, { 'junos:style': 'detail' });
    const [table] = information['l2tp-per-tunnel-group-tunnel-table'];
    assert.deepEqual(table['interface-name'], [{ data: 'sp-1/2/0' }]);
    const entries = table['l2tp-tunnel-table'][0]['l2tp-tunnel-entry'];
    assert.deepEqual(
      entries.map((entry: Record<string, { data: string }[]>) => entry['l2tp-tunnel-local-id']![0]!.data),
      tags(await ask('show services l2tp tunnel detail', 'xml'), 'l2tp-tunnel-local-id'),
    );
    assert.equal(entries[0]['l2tp-tunnel-session-count'][0].data, '2');
    const empty = JSON.parse(await ask('show services l2tp tunnel tunnel-group none', 'json'));
    assert.deepEqual(empty, { 'service-l2tp-tunnel-information': [{ attributes: { 'junos:style': 'brief' } }] });
  });

  await t.test('completion offers what is there now', () => {
    const { possible } = desk(pair.lns);
    assert.deepEqual(possible('show services l2tp tunnel tunnel-group '), ['<tunnel-group>', 'test']);
    assert.deepEqual(possible('show services l2tp tunnel local-tunnel-id '), [
      '<local-tunnel-id>',
      ...tunnelIds.sort((a, b) => a - b).map(String),
    ]);
    assert.deepEqual(possible('clear services l2tp session user '), ['<user>', 'user']);
    assert.deepEqual(possible('show services l2tp session peer-gateway '), ['<address>', '127.0.0.1']);
    assert.ok(possible('show interfaces ').includes('sp-1/2/0.20'));
  });
});

test('clear … statistics sets a baseline: counters go on from 0, and since then; no counter is written', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ sessionsPerTunnel: 2 });
  assert.equal((await lac.settled(5000)).sessionsUp, 2);
  await pair.traffic(lac, 400, 200);
  const { ask } = desk(pair.lns);
  const data = async (what: string): Promise<number[]> =>
    tags(await ask(`show services l2tp ${what} statistics`, 'xml'), 'l2tp-data-rx-packets').map(Number);
  const [tunnel] = pair.lns.tunnels.values();
  const [first] = tunnel!.calls.values();
  const before = pair.lns.plane.tables.sessionCounters(first!.row).rxPackets;
  assert.ok(before > 0);
  assert.ok((await data('tunnel'))[0]! >= before);
  assert.equal(
    await ask(`clear services l2tp session statistics local-session-id ${first!.sessionId}`),
    `Session ${first!.sessionId} statistics cleared\n`,
  );
  const [one, two] = await data('session');
  assert.equal(one, 0);
  assert.ok(two! > 0);
  assert.equal(pair.lns.plane.tables.sessionCounters(first!.row).rxPackets, before);
  assert.equal(
    await ask('clear services l2tp tunnel statistics all'),
    `Tunnel ${tunnel!.info.tunnelId} statistics cleared\n`,
  );
  assert.deepEqual(await data('tunnel'), [0]);
  await pair.traffic(lac, 400, 200);
  const [again] = await data('session');
  assert.ok(again! > 0);
  assert.equal(again, pair.lns.plane.tables.sessionCounters(first!.row).rxPackets - before);
  const inTunnel = (await data('tunnel'))[0]!;
  // Sessions that end leave their data with the tunnel.
  await ask('clear services l2tp session all');
  await pair.until(() => tunnel!.calls.size === 0);
  assert.deepEqual(await data('tunnel'), [inTunnel]);
});

test('clear ends what it names, says so, and the LAC hears of it', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 2 });
  assert.equal((await lac.settled(5000)).sessionsUp, 4);
  const { ask, fault } = desk(pair.lns);
  assert.equal((await fault('clear services l2tp session')).message, 'missing argument.');
  assert.equal(pair.lns.sessionsUp, 4);
  assert.equal(await ask('clear services l2tp session user nobody'), '');
  const [tunnel, other] = pair.lns.tunnels.values();
  const [call] = tunnel!.calls.values();
  const xml = await ask(`clear services l2tp session local-tunnel-id ${tunnel!.info.tunnelId}`, 'xml');
  assert.match(xml, /<service-l2tp-session-clear-information>\s+<l2tp-session-clear-entry>\s+<clear>/);
  assert.ok(tags(xml, 'l2tp-session-local-id').includes(String(call!.sessionId)));
  await pair.until(() => pair.lns.sessionsUp === 2 && lac.status.sessionsUp === 2);
  assert.match(await ask('clear services l2tp user all'), /^Session \d+ closed\nSession \d+ closed\n$/);
  await pair.until(() => lac.status.sessionsUp === 0);
  assert.equal(
    await ask(`clear services l2tp tunnel local-tunnel-id ${other!.info.tunnelId}`),
    `Tunnel ${other!.info.tunnelId} closed\n`,
  );
  assert.match(await ask('clear services l2tp tunnel all'), /^Tunnel \d+ closed\n$/);
  await pair.until(() => lac.status.tunnelsUp === 0);
  assert.equal(await ask('show services l2tp tunnel'), '');
});

test('a view user sees and does nothing else: commands that change are not there for him', async (t) => {
  const pair = await pairOf(t);
  const { fault, possible, ask } = desk(pair.lns, {}, 'view');
  assert.equal((await fault('clear services l2tp tunnel all')).message, 'unknown command.');
  assert.ok(!possible('').includes('clear'));
  assert.match(await ask('show services l2tp summary'), /^Tunnels: 0/);
  assert.doesNotMatch(await ask('help'), /clear|ping|restart/);
});

test('commands of parts that the server lacks are not in the table', async (t) => {
  const pair = await pairOf(t);
  const { possible } = desk(pair.lns);
  for (const absent of ['restart', 'ping', 'monitor', 'request']) assert.ok(!possible('').includes(absent), absent);
  const redundant = desk(pair.lns, {
    switchover: {
      interfaces: () => [
        {
          name: 'rsp0',
          primary: 'sp-0/0/0',
          secondary: 'sp-1/3/0',
          active: 'secondary',
          state: 'On secondary',
          status: 'primary down',
          lastChange: new Date(Date.now() - 61_500),
        },
      ],
      request: (what, name) => (name === 'rsp0' ? null : `${what}: no interface ${name}`),
    },
  });
  assert.deepEqual(redundant.possible('request interfaces switchover '), ['<interface-name>', 'rsp0']);
  assert.equal(
    await redundant.ask('show interfaces redundancy'),
    'Interface  State           Last change  Primary     Secondary   Current status\n' +
      'rsp0       On secondary    00:01:01     sp-0/0/0    sp-1/3/0    primary down\n',
  );
  assert.equal(await redundant.ask('request interfaces revert rsp0'), 'request succeeded\n');
  await assert.rejects(redundant.ask('request interfaces revert rsp1'), /no interface rsp1/);
});

test('a tunnel whose LAC stays silent after its SCCRQ is shown in its state', async (t) => {
  const pair = await pairOf(t);
  const lac = new ControlEndpoint({
    hostName: 'half-open',
    vendorName: '',
    firmwareRevision: 1,
    crypto: new WasmCrypto(),
    random: new SystemRandom(),
    ids: new TunnelIdPool(new SystemRandom(), 1),
    limits: { halfOpen: 8, halfOpenPerSource: 8 },
    authorize: null,
  });
  const out: ControlAction[] = [];
  const policy = {
    secret: Buffer.from('test secret'),
    hideAvps: false,
    helloIntervalMs: 0,
    retransmitCapMs: 8000,
    tunnelTimeoutMs: 10_000,
    receiveWindow: 4,
    maximumSendWindow: 4,
    maximumSessions: 0,
    tag: null,
  };
  lac.openTunnel(pair.lns.listening[0]!, policy, 0, out);
  const sccrq = out.find((action) => action.do === 'transmit');
  assert.ok(sccrq !== undefined && sccrq.do === 'transmit');
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.send(sccrq.octets, pair.lns.listening[0]!.port, '127.0.0.1');
  await pair.until(() => [...pair.lns.settingUp()].length === 1);
  const { ask } = desk(pair.lns);
  assert.match(await ask('show services l2tp tunnel'), / 127\.0\.0\.1:\d+ +0 {2}cc_responder_wait_ctl_conn\n$/);
  assert.match(
    await ask('show services l2tp tunnel extensive'),
    /State: cc_responder_wait_ctl_conn\n[\s\S]*Remote name: half-open\n[^\n]*Hello interval: 60\n$/,
  );
  assert.equal(await ask('show services l2tp tunnel peer-gateway-name other'), '');
  assert.match(await ask('show services l2tp summary'), /^Tunnels: 0, Sessions: 0\n/);
});

test('names that peers choose cannot draw on the operator’s terminal', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ hostName: 'lac\u001b[2J\r\n' });
  await lac.settled(5000);
  const { ask } = desk(pair.lns);
  const text = await ask('show services l2tp tunnel detail');
  assert.match(text, /Remote name: lac\\x1b\[2J\\x0d\\x0a\n/);
  assert.match(await ask('show services l2tp tunnel detail', 'xml'), /<l2tp-tunnel-remote-name>lac\ufffd\[2J/);
});

test('show interfaces, chassis hardware, version, uptime', async (t) => {
  const pair = await pairOf(t, configuration({ client: 'shared-secret "test secret"; interface-id many;' }));
  const lac = await pair.dial();
  await lac.settled(5000);
  const { ask } = desk(pair.lns);
  assert.equal(
    await ask('show interfaces terse sp-1/2/0.11'),
    'Interface               Admin Link Proto    Local                 Remote\n' +
      'sp-1/2/0                up    up\n' +
      'sp-1/2/0.11             up    up   inet     100.64.255.11\n',
  );
  assert.match(
    await ask('show interfaces sp-1/2/0'),
    /Logical interface sp-1\/2\/0\.20\n {4}L2TP interface ID: many, Mode: shared, Sessions: 1\n/,
  );
  await assert.rejects(ask('show interfaces ge-0/0/0'), /device ge-0\/0\/0 not found/);
  const hardware = await ask('show chassis hardware');
  assert.match(
    hardware,
    /^Hardware inventory:\nItem {13}Version {2}Part number {2}Serial number {5}Description\nChassis .* M10i\n/,
  );
  assert.match(hardware, /\nFPC 1 +E-FPC\n {2}PIC 2 +REV \d+ .*Adaptive Services-II\n/);
  assert.match(await ask('show chassis hardware models'), /FRU model number\n/);
  assert.match(await ask('show chassis hardware extensive'), /Assembly ID: 0x[0-9a-f]{4}/);
  assert.match(await ask('show version'), /^Hostname: lns-test\nModel: m10i\nwasm-lns \[0\.0\.0\]\n/);
  assert.match(await ask('show system uptime'), /Protocols started: \S+ \S+ UTC \(00:00:\d\d ago\)/);
  assert.match(await ask('help apropos hardware'), /^show chassis hardware\n/);
});

test('show services l2tp redundancy: who carries an address, since when, and who would take over', async (t) => {
  const pair = await pairOf(
    t,
    configuration({ users: 'client user { chap-secret "password"; ppp { framed-ip-address 198.51.100.9/32; } }' }),
  );
  const { ask, possible } = desk(pair.lns);
  const lacs = [];
  for (let n = 0; n < 3; n++) {
    const lac = await pair.dial();
    await lac.settled(5000);
    lacs.push(lac);
  }
  const sessionIds = async (): Promise<string[]> =>
    tags(await ask('show services l2tp redundancy', 'xml'), 'l2tp-session-local-id');
  const byAge = [...pair.lns.tunnels.values()].map((one) => String([...one.calls.keys()][0]));
  assert.deepEqual(await sessionIds(), [...byAge].reverse());
  const text = await ask('show services l2tp redundancy');
  assert.match(
    text,
    /^Address: 198\.51\.100\.9, Members: 3\n {2}Role .*\n {2}active +\d+ +\d+ {10}\w{3} \w{3} .* user\n {2}standby .*\n {2}standby .*\n$/,
  );
  assert.deepEqual(possible('show services l2tp redundancy address '), ['<address>', '198.51.100.9']);
  const before = tags(await ask('show services l2tp redundancy', 'xml'), 'l2tp-redundancy-up-since');
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await lacs[2]!.stop();
  await pair.until(() => pair.lns.sessionsUp === 2);
  assert.deepEqual(await sessionIds(), [byAge[1], byAge[0]]);
  const [active] = tags(await ask('show services l2tp redundancy', 'xml'), 'l2tp-redundancy-active-since');
  assert.ok(Date.parse(`${active} UTC`) > Date.parse(`${before[1]} UTC`), 'it carries since the other went');
  await lacs[1]!.stop();
  await pair.until(() => pair.lns.sessionsUp === 1);
  assert.equal(await ask('show services l2tp redundancy'), '');
  assert.match(await ask('show services l2tp redundancy all'), /^Address: 198\.51\.100\.9, Members: 1\n/);
});

test('show and clear services l2tp multilink: bundles, their member sessions, their statistics', async (t) => {
  const pair = await pairOf(
    t,
    configuration({
      client: 'shared-secret "test secret"; interface-id many; multilink { fragment-threshold 640; drop-timeout 250; }',
    }),
  );
  const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 1 });
  assert.equal((await lac.settled(5000)).sessionsUp, 2);
  const { ask, possible } = desk(pair.lns);
  assert.equal(await ask('show services l2tp multilink'), '');
  // These clients offer no multilink: what LCP would have agreed on is put in its place.
  const calls = [...pair.lns.tunnels.values()].flatMap((tunnel) => [...tunnel.calls.values()]);
  const multilink = {
    localMrru: 1524,
    peerMrru: 1600,
    localShortSequence: false,
    peerShortSequence: true,
    localDiscriminator: { class: 1, address: new Uint8Array([1]) },
    peerDiscriminator: { class: 1, address: new Uint8Array([2]) },
  };
  for (const call of calls) {
    const lcp = { ...call.lcp!, multilink };
    Object.defineProperty(call, 'lcp', { value: lcp });
    assert.equal(pair.lns.bundles.join(call, lcp, 'users'), null);
  }
  const [bundle] = pair.lns.bundles;
  const brief = await ask('show services l2tp multilink');
  assert.equal(brief, `Bundle ID  Links  Bundle endpoint\n${String(bundle!.id).padStart(9)}      2  user\n`);
  const extensive = await ask('show services l2tp multilink extensive');
  assert.match(
    extensive,
    new RegExp(
      `^Bundle ID: ${bundle!.id}, Links: 2, Bundle endpoint: user\\n {2}Input MRRU: 1524, Output MRRU: 1600\\n` +
        ' {2}Statistics since: .*\\n {11}Packets {4}Bytes\\n {2}Data Tx +\\d+ +\\d+\\n {2}Data Rx +\\d+ +\\d+\\n' +
        ' {2}Drop timeout: 250, Fragment threshold: 640, Minimum link MRU: \\d+\\n',
    ),
  );
  for (const call of calls) assert.match(extensive, new RegExp(`\\n {2}Session local ID: ${call.sessionId}, `));
  const xml = await ask('show services l2tp multilink detail', 'xml');
  assert.match(
    xml,
    /<services-l2tp-multilink-information [^>]*>\s+<l2tp-multilink-entry>\s+<l2tp-multilink-bundle-id>/,
  );
  assert.equal(tags(xml, 'l2tp-session-local-id').length, 2);
  assert.match(await ask('show services l2tp session'), new RegExp(` Established +${bundle!.id}  user\\n`));
  assert.deepEqual(possible('show services l2tp multilink bundle-id '), ['<bundle-id>', String(bundle!.id)]);
  assert.equal(await ask('show services l2tp multilink bundle-id 65536'), '');
  assert.equal(await ask('clear services l2tp multilink statistics all'), `Bundle ${bundle!.id} statistics cleared\n`);
  assert.match(await ask('show services l2tp multilink statistics'), / {2}Data Tx +0 +0\n {2}Data Rx +0 +0\n$/);
  assert.equal(
    await ask(`clear services l2tp multilink bundle-id ${bundle!.id}`, 'xml').then((text) =>
      tags(text, 'l2tp-multilink-bundle-id').join(),
    ),
    String(bundle!.id),
  );
  await pair.until(() => pair.lns.bundles.size === 0);
});
