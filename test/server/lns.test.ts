import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LnsOptions } from '../../src/server/lns.ts';
import { configuration, Pair } from './pair.ts';

async function pairOf(t: TestContext, config?: string, options?: Partial<LnsOptions>): Promise<Pair> {
  const pair = await Pair.start(config, options);
  t.after(() => pair.close());
  return pair;
}

test('sessions of several tunnels come up and their packets pass every shard both ways', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ tunnels: 6, sessionsPerTunnel: 5 });
  assert.deepEqual(await lac.settled(5000), { tunnelsUp: 6, sessionsUp: 30, failed: 0, wanted: 30, lost: 0 });
  const { sent, received, bad, reordered } = await pair.traffic(lac, 10_000, 500);
  assert.ok(sent > 2000);
  assert.equal(received, sent);
  assert.equal(bad + reordered, 0);
  for (let shard = 0; shard < 2; shard++) assert.ok(pair.lns.plane.counters(shard).totals.delivered! > 500);
  assert.deepEqual(pair.drops(), {});
});

test('the portable access side carries the same', async (t) => {
  const pair = await pairOf(t, undefined, { portable: true });
  const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 2 }, { portable: true });
  assert.equal((await lac.settled(5000)).sessionsUp, 4);
  const { sent, received, bad } = await pair.traffic(lac, 2000, 300);
  assert.ok(sent > 300);
  assert.equal(received, sent);
  assert.equal(bad, 0);
});

test('RFC 2661 section 4.3: with hide-avps both ways the set-up succeeds', async (t) => {
  const pair = await pairOf(t, configuration({ group: 'hide-avps;' }));
  const lac = await pair.dial({ sessionsPerTunnel: 3, hideAvps: true });
  assert.equal((await lac.settled(5000)).sessionsUp, 3);
});

test('a wrong tunnel secret ends in StopCCN 4; no secret shows in the log', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ secret: 'another' });
  assert.deepEqual(await lac.settled(5000), { tunnelsUp: 0, sessionsUp: 0, failed: 1, wanted: 1, lost: 0 });
  // The LAC finds our answer to its challenge wrong first.
  assert.match([...lac.failures.keys()].join(), /4/);
  await pair.until(() => pair.events.some((one) => one.event === 'tunnel-refused'));
  assert.doesNotMatch(pair.lines, /another|test secret|password/);
});

test('a wrong password ends the session with CDN 3; others do not notice', async (t) => {
  const pair = await pairOf(t);
  const good = await pair.dial();
  assert.equal((await good.settled(5000)).sessionsUp, 1);
  for (const methods of [['chap-md5'], ['pap']] as const) {
    const bad = await pair.dial({ password: 'guess', methods });
    const status = await bad.settled(8000);
    assert.equal(status.sessionsUp, 0);
  }
  assert.ok(pair.events.some((one) => one.event === 'authentication-failed' && one.fields.reason === 'wrong password'));
  assert.equal(good.status.sessionsUp, 1);
  const { sent, received } = await pair.traffic(good, 1000, 200);
  assert.equal(received, sent);
});

test('an unknown user is refused and said to be unknown', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ user: 'nobody' });
  assert.equal((await lac.settled(8000)).failed, 1);
  assert.ok(pair.events.some((one) => one.event === 'authentication-failed' && one.fields.reason === 'unknown user'));
  // Both ends act on the Failure; either's CDN may be the first.
  assert.match([...lac.failures.keys()].join(), /^CDN 3|authentication-failed/);
});

test('an exhausted pool ends the session with CDN 4, and a freed address is given again', async (t) => {
  const pair = await pairOf(t, configuration({ pool: 'address-range low 100.64.1.1 high 100.64.1.2;' }));
  const lac = await pair.dial({ sessionsPerTunnel: 3 });
  const status = await lac.settled(8000);
  assert.equal(status.sessionsUp, 2);
  assert.equal(status.failed, 1);
  assert.match([...lac.failures.keys()].join(), /^CDN 4/);
  assert.ok(pair.events.some((one) => one.event === 'pool-exhausted'));
  await lac.stop();
  await pair.until(() => pair.lns.sessionsUp === 0);
  const again = await pair.dial();
  assert.equal((await again.settled(5000)).sessionsUp, 1);
});

test('maximum-sessions-per-tunnel refuses the call that is one too many with CDN 4', async (t) => {
  const pair = await pairOf(
    t,
    configuration({ client: 'shared-secret "test secret"; maximum-sessions-per-tunnel 2;' }),
  );
  const lac = await pair.dial({ sessionsPerTunnel: 3 });
  const status = await lac.settled(5000);
  assert.equal(status.sessionsUp, 2);
  assert.match([...lac.failures.keys()].join(), /^CDN 4 too many sessions in this tunnel/);
});

test('a dedicated unit holds one session, and its address is ours towards that client', async (t) => {
  const pair = await pairOf(
    t,
    configuration({ client: 'shared-secret "test secret"; interface-id one; ppp-authentication chap;' }),
  );
  const lac = await pair.dial({ sessionsPerTunnel: 3 });
  const status = await lac.settled(8000);
  assert.equal(status.sessionsUp, 2);
  assert.equal(status.failed, 1);
  const calls = [...pair.lns.tunnels.values()]
    .flatMap((tunnel) => [...tunnel.calls.values()])
    .filter((call) => call.up);
  assert.deepEqual(calls.map((call) => call.unit?.unit).sort(), [10, 11]);
  // Unit 11 has an address of its own; unit 10 takes that of unit 0.
  assert.deepEqual(
    calls.map((call) => (call.localAddress & 0xff) >>> 0).sort((a, b) => a - b),
    [1, 11],
  );
});

test('sessions that share an address: the last up carries, the next-to-last takes over when it goes', async (t) => {
  const pair = await pairOf(
    t,
    configuration({ users: 'client user { chap-secret "password"; ppp { framed-ip-address 198.51.100.9/32; } }' }),
  );
  const dialled = [];
  for (let n = 0; n < 4; n++) {
    const lac = await pair.dial();
    assert.equal((await lac.settled(5000)).sessionsUp, 1);
    dialled.push(lac);
  }
  const calls = (): { carries: boolean; name: string }[] =>
    [...pair.lns.tunnels.values()].flatMap((tunnel) =>
      [...tunnel.calls.values()]
        .filter((call) => call.up)
        .map((call) => ({ name: String(tunnel.info.peer.port), carries: pair.lns.plane.tables.isCarrier(call.row) })),
    );
  const carriers = (): number[] => calls().flatMap((call, at) => (call.carries ? [at] : []));
  assert.deepEqual(carriers(), [3], 'D carries');
  await dialled[3]!.stop();
  await pair.until(() => calls().length === 3);
  assert.deepEqual(carriers(), [2], 'D down: C carries');
  const e = await pair.dial();
  assert.equal((await e.settled(5000)).sessionsUp, 1);
  assert.deepEqual(carriers(), [3], 'E up: E carries');
  await dialled[0]!.stop();
  await pair.until(() => calls().length === 3);
  assert.deepEqual(carriers(), [2], 'A down: nothing changes');
  assert.ok(pair.events.some((one) => one.event === 'carrier'));
});

test('at 5 % loss of control and negotiation packets all of 100 sessions come up', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial(
    { tunnels: 10, sessionsPerTunnel: 10 },
    {
      impair: { parts: 'control', loss: 0.05, duplicate: 0, reorder: 0, delayMs: 0, jitterMs: 0, seed: 42 },
    },
  );
  const status = await lac.settled(60_000);
  assert.equal(status.sessionsUp, 100, JSON.stringify([...lac.failures]));
});

test('RFC 2661 section 5.4: Sequencing Required numbers data both ways', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ sequencing: true });
  assert.equal((await lac.settled(5000)).sessionsUp, 1);
  const { sent, received, reordered } = await pair.traffic(lac, 2000, 300);
  assert.ok(sent > 200);
  assert.equal(received, sent);
  assert.equal(reordered, 0);
  const [call] = [...pair.lns.tunnels.values()][0]!.calls.values();
  const counters = pair.lns.plane.tables.sessionCounters(call!.row);
  assert.equal(counters.late + counters.lost, 0);
});

test('one UDP port may carry many tunnels of one LAC', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ tunnels: 20, sessionsPerTunnel: 2 }, { ports: 1 });
  assert.equal((await lac.settled(5000)).sessionsUp, 40);
  assert.equal(new Set([...pair.lns.tunnels.values()].map((tunnel) => tunnel.info.peer.port)).size, 1);
  const { sent, received } = await pair.traffic(lac, 4000, 300);
  assert.equal(received, sent);
});

test('the end of the server reaches every LAC as StopCCN 6', async (t) => {
  const pair = await pairOf(t);
  const lac = await pair.dial({ tunnels: 3, sessionsPerTunnel: 2 });
  assert.equal((await lac.settled(5000)).sessionsUp, 6);
  await pair.lns.stop();
  assert.deepEqual(lac.status, { tunnelsUp: 0, sessionsUp: 0, failed: 0, wanted: 6, lost: 6 });
});
