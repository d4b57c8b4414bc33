import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LacProfile } from '../../src/emulator/lac.ts';
import { configuration, Pair } from './pair.ts';
import { Relay } from './relay.ts';

const SECRET = 'shared-secret "test secret";';
/** One session through a relay, and the PPP control packets that crossed it. */
async function dial(
  t: TestContext,
  client: string,
  profile: Partial<LacProfile>,
  users?: string,
): Promise<{ pair: Pair; seen: string[]; up: boolean }> {
  const pair = await Pair.start(
    configuration({ client: `${SECRET} ${client}`, ...(users === undefined ? {} : { users }) }),
  );
  const relay = await Relay.open(pair.lns.listening[0]!);
  t.after(async () => {
    await pair.close();
    relay.close();
  });
  const lac = await pair.dial({ methods: ['chap-md5', 'pap', 'mschap-v2'], ...profile, server: relay.address });
  const { sessionsUp } = await lac.settled(8000);
  if (sessionsUp === 1) {
    const { sent, received } = await pair.traffic(lac, 500, 200);
    assert.ok(sent > 0);
    assert.equal(received, sent);
  }
  const seen = relay.seen.filter((one) => !one.includes(' 0021'));
  return { pair, seen, up: sessionsUp === 1 };
}
const lcp = (seen: string[]): string[] => seen.filter((one) => one.includes(' c021'));

test('RFC 2661 section 4.4.5: with proxy LCP and authentication no LCP packet crosses the tunnel, and nothing is asked again', async (t) => {
  for (const [method, words, answer] of [
    ['chap-md5', 'chap', 'down c223 3'],
    ['pap', 'pap', 'down c023 2'],
    ['mschap-v2', 'mschap-v2', 'down c223 3'],
  ] as const) {
    const { seen, up, pair } = await dial(t, `ppp-authentication ${words};`, { proxy: [method] });
    assert.ok(up, method);
    assert.deepEqual(lcp(seen), []);
    assert.deepEqual(
      seen.filter((one) => one.includes(' c') && !one.includes(' 8021')),
      [answer],
    );
    assert.ok(pair.events.some(({ event, fields }) => event === 'session-up' && fields.method === method));
    assert.doesNotMatch(pair.lines, /password/);
  }
});

test('hidden AVPs carry the same', async (t) => {
  const { seen, up } = await dial(t, '', { proxy: ['chap-md5'], hideAvps: true });
  assert.ok(up);
  assert.deepEqual(lcp(seen), []);
});

test('local-chap: the client is challenged by the LNS, within the LAC’s LCP', async (t) => {
  const { seen, up } = await dial(t, 'local-chap;', { proxy: ['chap-md5'] });
  assert.ok(up);
  assert.deepEqual(lcp(seen), []);
  assert.deepEqual(
    seen.filter((one) => one.includes(' c223')),
    ['down c223 1', 'up c223 2', 'down c223 3'],
  );
});

test('lcp-renegotiation: LCP and authentication are done anew', async (t) => {
  const { seen, up } = await dial(t, 'lcp-renegotiation;', { proxy: ['chap-md5'] });
  assert.ok(up);
  assert.ok(lcp(seen).includes('down c021 1'));
  assert.ok(seen.includes('down c223 1'));
});

test('a LAC whose authentication is not the one demanded gets a fresh LCP, and the log says why', async (t) => {
  const { seen, up, pair } = await dial(t, 'ppp-authentication mschap-v2;', { proxy: ['pap'] });
  assert.ok(up);
  assert.ok(lcp(seen).includes('down c021 1'));
  const refused = pair.events.filter(({ event }) => event === 'proxy-lcp-refused');
  assert.deepEqual(
    refused.map(({ fields }) => fields.reason),
    ['the LAC authenticated by pap, which is not demanded here'],
  );
  assert.ok(pair.events.some(({ event, fields }) => event === 'session-up' && fields.method === 'mschap-v2'));
});

test('a wrong password that the LAC hands over is refused, by Failure and CDN 3', async (t) => {
  const { seen, up, pair } = await dial(t, '', { proxy: ['chap-md5'], password: 'guess' });
  assert.equal(up, false);
  assert.ok(seen.includes('down c223 4'));
  assert.ok(
    pair.events.some(({ event, fields }) => event === 'authentication-failed' && fields.reason === 'wrong password'),
  );
});

test('authentication-order none: a client that answered its LAC is told that it is well', async (t) => {
  const { seen, up } = await dial(t, '', { proxy: ['pap'], password: 'whatever' }, 'authentication-order none;');
  assert.ok(up);
  assert.deepEqual(lcp(seen), []);
  assert.ok(seen.includes('down c023 2'));
});

test('a LAC without proxy AVPs has LCP negotiated by the LNS, and the log is silent about it', async (t) => {
  const { seen, up, pair } = await dial(t, '', {});
  assert.ok(up);
  assert.ok(lcp(seen).includes('down c021 1'));
  assert.ok(!pair.events.some(({ event }) => event === 'proxy-lcp-refused'));
});

test('ppp-authentication: the list’s first method, or the one of it that the client proposes', async (t) => {
  for (const [methods, used] of [
    [['mschap-v2', 'chap-md5'], 'mschap-v2'],
    [['chap-md5', 'pap'], 'chap-md5'],
    [['pap'], 'pap'],
  ] as const) {
    const { up, pair } = await dial(t, 'ppp-authentication [ mschap-v2 chap pap ];', { methods });
    assert.ok(up);
    assert.ok(pair.events.some(({ event, fields }) => event === 'session-up' && fields.method === used));
  }
});

test('a client that nobody asked has sent its first IPCP packet before the call is connected: it counts', async (t) => {
  const { seen, up } = await dial(t, '', { proxy: [], tunnels: 1, sessionsPerTunnel: 1 }, 'authentication-order none;');
  assert.ok(up);
  assert.deepEqual(lcp(seen), []);
  assert.equal(
    seen.filter((one) => one.startsWith('up 8021 1')).length,
    3,
    'the request, those after Reject and Nak, none again',
  );
});

test('RFC 1990: links whose LACs agreed on multilink make one bundle, without an LCP packet through the tunnel', async (t) => {
  const pair = await Pair.start(configuration({ client: `${SECRET} multilink;` }));
  const relay = await Relay.open(pair.lns.listening[0]!);
  t.after(async () => {
    await pair.close();
    relay.close();
  });
  const lac = await pair.dial({
    tunnels: 2,
    sessionsPerTunnel: 1,
    proxy: ['chap-md5'],
    groups: { kind: 'multilink', size: 2, spread: true, fragmentOctets: 100, shortSequence: true },
    server: relay.address,
  });
  assert.equal((await lac.settled(8000)).sessionsUp, 2);
  assert.deepEqual(lcp(relay.seen), []);
  const calls = [...pair.lns.tunnels.values()].flatMap((tunnel) => [...tunnel.calls.values()]);
  assert.equal(calls.length, 2);
  assert.ok(calls[0]!.bundle !== null && calls[0]!.bundle === calls[1]!.bundle);
  const { sent, received, bad } = await pair.traffic(lac, 500, 300);
  assert.ok(sent > 0);
  assert.equal(received, sent);
  assert.equal(bad, 0);
});
