import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { type DynamicSession, type DynamicTarget, performDynamic } from '../../src/aaa/dynamic.ts';
import { SessionIndex } from '../../src/aaa/sessions.ts';
import { NO_SUBSCRIBER_ATTRIBUTES } from '../../src/aaa/types.ts';
import { NO_ATTRIBUTES } from '../../src/config/resolve.ts';
import { DICTIONARY } from '../../src/radius/dictionary.ts';
import { ErrorCause } from '../../src/radius/dynamic.ts';
import { AttributeList, type AttributeValue, type Packet } from '../../src/radius/packet.ts';
import { parseIpv4 } from '../../src/wire/address.ts';
import { configuration, Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

const session = (n: number, more: Partial<DynamicSession> = {}): DynamicSession => ({
  userName: `user${n}`,
  accountingId: `id-${n}`,
  multiSessionId: '',
  address: parseIpv4(`192.0.2.${n}`)!,
  nasPortId: `port-${n}`,
  callingNumber: '1',
  calledNumber: '2',
  attributes: { ...NO_SUBSCRIBER_ATTRIBUTES, ppp: NO_ATTRIBUTES },
  ...more,
});
function perform(
  request: 'disconnect' | 'coa',
  attributes: [string, AttributeValue][],
  sessions: DynamicSession[],
  canChange = { rates: true, timeouts: true },
): { cause: number | null; gone: DynamicSession[]; changes: object[] } {
  const list = new AttributeList();
  for (const [name, value] of attributes) assert.ok(list.add(name, value), name);
  const index = new SessionIndex<DynamicSession>();
  for (const one of sessions) index.add(one);
  const gone: DynamicSession[] = [];
  const changes: object[] = [];
  const target: DynamicTarget<DynamicSession> = {
    sessions: index,
    find: (attribute, value) => index.find(attribute, value),
    nasIdentifier: 'lns',
    nasAddresses: new Set(['192.0.2.17']),
    disconnect: (one) => {
      index.remove(one);
      gone.push(one);
    },
    canChange,
    change: (_, change) => changes.push(change),
    filterRates: () => null,
  };
  const cause = performDynamic(
    request,
    { attributes: list.attributes } as unknown as Packet,
    target,
    ({ vendor, type }) => DICTIONARY.find(vendor, type)?.name,
  );
  return { cause, gone, changes };
}

test('RFC 5176 3: a session is named by any identification attribute; all that are there must agree', () => {
  const [a, b] = [session(1), session(2)];
  for (const [name, value] of [
    ['User-Name', 'user1'],
    ['Acct-Session-Id', 'id-1'],
    ['Framed-IP-Address', '192.0.2.1'],
    ['NAS-Port-Id', 'port-1'],
  ] as const)
    assert.deepEqual(perform('disconnect', [[name, value]], [a, b]).gone, [a], name);
  assert.equal(
    perform(
      'disconnect',
      [
        ['User-Name', 'user1'],
        ['Acct-Session-Id', 'id-2'],
      ],
      [a, b],
    ).cause,
    ErrorCause.SessionContextNotFound,
  );
});

test('several sessions that share the address go all, or none', () => {
  const address = parseIpv4('192.0.2.77')!;
  const some = [session(1, { address }), session(2, { address }), session(3)];
  const all = perform('disconnect', [['Framed-IP-Address', '192.0.2.77']], some);
  assert.deepEqual([all.cause, all.gone], [null, some.slice(0, 2)]);
  const narrowed = perform(
    'disconnect',
    [
      ['Framed-IP-Address', '192.0.2.77'],
      ['Acct-Session-Id', 'id-2'],
    ],
    some,
  );
  assert.deepEqual(narrowed.gone, [some[1]]);
});

test('3.5: each refusal has its Error-Cause, and no session is touched', () => {
  const cases: [number, 'disconnect' | 'coa', [string, AttributeValue][]][] = [
    [ErrorCause.MissingAttribute, 'disconnect', []],
    [ErrorCause.MissingAttribute, 'disconnect', [['Calling-Station-Id', '1']]],
    [ErrorCause.SessionContextNotFound, 'disconnect', [['User-Name', 'nobody']]],
    [
      ErrorCause.NasIdentificationMismatch,
      'disconnect',
      [
        ['NAS-Identifier', 'x'],
        ['User-Name', 'user1'],
      ],
    ],
    [
      ErrorCause.NasIdentificationMismatch,
      'disconnect',
      [
        ['NAS-IP-Address', '192.0.2.1'],
        ['User-Name', 'user1'],
      ],
    ],
    [
      ErrorCause.UnsupportedAttribute,
      'disconnect',
      [
        ['User-Name', 'user1'],
        ['Session-Timeout', 1],
      ],
    ],
    [
      ErrorCause.UnsupportedAttribute,
      'coa',
      [
        ['User-Name', 'user1'],
        ['Framed-Pool', 'x'],
      ],
    ],
    [
      ErrorCause.UnsupportedService,
      'coa',
      [
        ['User-Name', 'user1'],
        ['Service-Type', 17],
      ],
    ],
    [ErrorCause.MissingAttribute, 'coa', [['User-Name', 'user1']]],
    [
      ErrorCause.InvalidAttributeValue,
      'coa',
      [
        ['User-Name', 'user1'],
        ['Juniper-Policer-Parameter', 'fast'],
      ],
    ],
    [
      ErrorCause.InvalidAttributeValue,
      'coa',
      [
        ['User-Name', 'user1'],
        ['Filter-Id', 'no such'],
      ],
    ],
    [ErrorCause.InvalidAttributeValue, 'disconnect', [['Framed-IP-Address', new Uint8Array(3)]]],
  ];
  for (const [cause, request, attributes] of cases) {
    const result = perform(request, attributes, [session(1)]);
    assert.deepEqual([result.cause, result.gone, result.changes], [cause, [], []], JSON.stringify(attributes));
  }
  assert.equal(
    perform(
      'coa',
      [
        ['User-Name', 'user1'],
        ['WISPr-Bandwidth-Max-Up', 1000],
      ],
      [session(1)],
      {
        rates: false,
        timeouts: true,
      },
    ).cause,
    ErrorCause.UnsupportedAttribute,
  );
});

test('CoA changes what it names, and NAS attributes that fit are no hindrance', () => {
  const { cause, changes } = perform(
    'coa',
    [
      ['NAS-IP-Address', '192.0.2.17'],
      ['NAS-Identifier', 'lns'],
      ['Acct-Session-Id', 'id-1'],
      ['WISPr-Bandwidth-Max-Down', 8_000_000],
      ['Session-Timeout', 60],
    ],
    [session(1)],
  );
  assert.equal(cause, null);
  assert.deepEqual(changes, [{ rateDown: { bps: 8_000_000, burstOctets: 100_000 }, sessionTimeoutMs: 60_000 }]);
});

/** radclient's exit status and output. */
async function radclient(port: number, kind: string, attributes: string, secret = 'sesame'): Promise<string> {
  const child = spawn('radclient', ['-x', '-r', '1', '-t', '2', `127.0.0.1:${port}`, kind, secret]);
  let output = '';
  child.stdout.on('data', (octets) => {
    output += octets;
  });
  child.stderr.on('data', (octets) => {
    output += octets;
  });
  child.stdin.end(attributes);
  await once(child, 'exit');
  return output;
}

describe('radclient against the disconnect port', () => {
  let pair: Pair | null = null;
  const port = async (): Promise<number> => {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const free = socket.address().port;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    return free;
  };
  before(async () => {
    pair = await Pair.start(
      configuration({
        users:
          'client user { chap-secret "password"; ppp { framed-ip-address 192.0.2.7/32; } } client other { chap-secret "password"; }',
        access: `radius-disconnect-port ${await port()}; radius-disconnect 127.0.0.1 { secret sesame; }`,
      }),
    );
  });
  after(() => pair?.close());

  test('Disconnect-Request ends every session of the address; a second one finds none', async (t) => {
    if (!needs(t, 'radclient')) return;
    const lac = await pair!.dial({ tunnels: 2, sessionsPerTunnel: 1 });
    t.after(() => lac.stop());
    await pair!.until(() => pair!.lns.sessionsUp === 2);
    const at = pair!.lns.disconnectServer.port;
    const wrong = await radclient(at, 'disconnect', 'Framed-IP-Address = 192.0.2.7\n', 'wrong');
    assert.match(wrong, /No reply/);
    assert.equal(pair!.lns.sessionsUp, 2);
    const done = await radclient(
      at,
      'disconnect',
      'Framed-IP-Address = 192.0.2.7\nProxy-State = 0x0102\nMessage-Authenticator = 0x00\n',
    );
    assert.match(done, /Received Disconnect-ACK/);
    assert.match(done, /Proxy-State = 0x0102/);
    await pair!.until(() => pair!.lns.sessionsUp === 0);
    const again = await radclient(at, 'disconnect', 'Framed-IP-Address = 192.0.2.7\n');
    assert.match(again, /Disconnect-NAK[\s\S]*Error-Cause = Session-Context-Not-Found/);
  });

  test('CoA-Request changes the rate of a session that goes on, and the reply is CoA-ACK', async (t) => {
    if (!needs(t, 'radclient')) return;
    const lac = await pair!.dial({ user: 'other' });
    t.after(() => lac.stop());
    await pair!.until(() => pair!.lns.sessionsUp === 1);
    const [tunnel] = pair!.lns.tunnels.values();
    const [call] = tunnel!.calls.values();
    const upAt = call!.upAt;
    assert.equal(pair!.lns.plane.tables.policed(call!.row, 'up'), null);
    const output = await radclient(
      pair!.lns.disconnectServer.port,
      'coa',
      `Acct-Session-Id = "${call!.accounted!.accountingId}"\nWISPr-Bandwidth-Max-Up = 8000\nSession-Timeout = 3600\n`,
    );
    assert.match(output, /Received CoA-ACK/);
    assert.deepEqual(pair!.lns.plane.tables.policed(call!.row, 'up'), { packets: 0, octets: 0 });
    await pair!.traffic(lac, 1000, 1000);
    assert.ok(pair!.lns.plane.tables.policed(call!.row, 'up')!.packets > 100, 'packets above the rate are dropped');
    assert.equal(call!.upAt, upAt);
    assert.equal(pair!.lns.plane.tables.policed(call!.row, 'down'), null);
  });

  test('CoA-Request of what is not acted on: NAK with Unsupported-Attribute', async (t) => {
    if (!needs(t, 'radclient')) return;
    const lac = await pair!.dial({ user: 'other' });
    t.after(() => lac.stop());
    await pair!.until(() => pair!.lns.sessionsUp === 1);
    const output = await radclient(pair!.lns.disconnectServer.port, 'coa', 'User-Name = "other"\nFramed-Pool = "x"\n');
    assert.match(output, /CoA-NAK[\s\S]*Error-Cause = Unsupported-Attribute/);
    assert.equal(pair!.lns.sessionsUp, 1);
  });

  test('a flood from an address that is not listed costs nothing but a counter', async (t) => {
    const socket = dgram.createSocket('udp4');
    t.after(() => void socket.close());
    socket.bind(0, '127.0.0.2');
    await once(socket, 'listening');
    const { counters, port: at } = pair!.lns.disconnectServer;
    const before = counters.dropped['unknown-client'];
    for (let i = 0; i < 500; i++) socket.send(Buffer.alloc(40, i), at, '127.0.0.1');
    await pair!.until(() => counters.dropped['unknown-client'] - before >= 100);
  });
});
