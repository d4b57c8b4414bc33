// The emulator against our own server, over real UDP on loopback.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { after, before, test } from 'node:test';
import type { ImpairmentOptions } from '../../src/emulator/types.ts';
import { configuration, Pair } from '../server/pair.ts';
import { stranger } from '../server/strangers.ts';

const impairments = (parts: ImpairmentOptions['parts'], values: Partial<ImpairmentOptions>): ImpairmentOptions => ({
  parts,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  delayMs: 0,
  jitterMs: 0,
  seed: 7,
  ...values,
});

let pair: Pair;
before(async () => {
  pair = await Pair.start();
});
after(() => pair.close());

test('tunnels share the UDP ports they are given', async () => {
  const lac = await pair.dial({ tunnels: 9, sessionsPerTunnel: 2 }, { ports: 4 });
  assert.equal((await lac.settled(10_000)).sessionsUp, 18);
  assert.equal(lac.ports, 4);
  const traffic = await pair.traffic(lac, 4000, 300);
  assert.ok(traffic.sent > 500);
  assert.equal(traffic.received, traffic.sent);
  await lac.stop();
});

test('a mix is sent in its order, in every flow, and its octets are counted', async () => {
  const sizes = [64, 576, 1500];
  const lac = await pair.dial(
    { tunnels: 1, sessionsPerTunnel: 3 },
    { traffic: { kind: 'udp', target: '192.0.2.7', sizes, burst: 3, flows: 5 } },
  );
  await lac.settled(10_000);
  const { sent, received, bad } = await pair.traffic(lac, 3000, 300);
  assert.equal(received, sent);
  assert.equal(bad, 0);
  let packets = 0;
  let octets = 0;
  for (const call of lac.calls) {
    const { txPackets, txOctets } = lac.plane.tables.sessionCounters(call.row);
    packets += txPackets;
    octets += txOctets;
  }
  assert.equal(packets, sent);
  const whole = Math.floor(sent / 3);
  const rest = sizes.slice(0, sent % 3).reduce((sum, size) => sum + size, 0);
  assert.equal(octets, whole * (64 + 576 + 1500) + rest);
  await lac.stop();
});

test('loss on its own side is what is missing, session by session', async () => {
  const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 3 }, { impair: impairments('data', { loss: 0.1 }) });
  assert.equal((await lac.settled(10_000)).sessionsUp, 6);
  lac.resetTraffic();
  const total = await pair.traffic(lac, 10_000, 500);
  const impaired = lac.plane.traffic.impaired();
  assert.ok(impaired.lost > 0 && impaired.received > 0);
  assert.equal(total.sent - total.received, impaired.lost + impaired.received, JSON.stringify(pair.drops()));
  const missing = lac.calls.map((call) => lac.trafficOf(call)).map(({ sent, received }) => sent - received);
  assert.equal(
    missing.reduce((sum, lost) => sum + lost, 0),
    impaired.lost + impaired.received,
  );
  assert.equal(total.reordered + total.duplicates + total.bad, 0);
  await lac.stop();
});

test('duplicates and reordering are told apart, and nothing is lost by them', async () => {
  const lac = await pair.dial(
    { tunnels: 1, sessionsPerTunnel: 1 },
    { impair: impairments('data', { duplicate: 0.2, reorder: 0.1 }) },
  );
  await lac.settled(10_000);
  lac.resetTraffic();
  const total = await pair.traffic(lac, 5000, 400);
  const impaired = lac.plane.traffic.impaired();
  assert.ok(impaired.duplicated > 0 && impaired.reordered > 0);
  assert.equal(total.received, total.sent);
  assert.equal(total.duplicates, impaired.duplicated);
  assert.ok(total.reordered > 0 && total.reordered <= impaired.reordered);
  await lac.stop();
});

test('a delay on its own side is in the round trip, and the order holds', async () => {
  const lac = await pair.dial({ tunnels: 1, sessionsPerTunnel: 2 }, { impair: impairments('data', { delayMs: 30 }) });
  await lac.settled(10_000);
  const { sent, received, reordered, p50 } = await pair.traffic(lac, 2000, 300);
  assert.equal(received, sent);
  assert.equal(reordered, 0);
  assert.ok(p50 !== null && p50 >= 29_000, `p50 ${p50}`);
  await lac.stop();
});

test('with everything impaired each way every session comes up all the same', async () => {
  const values = { loss: 0.05, duplicate: 0.05, reorder: 0.1, delayMs: 2, jitterMs: 5 };
  const lac = await pair.dial(
    { tunnels: 5, sessionsPerTunnel: 6 },
    { impair: impairments('all', values), retryMs: 500 },
  );
  const up = (await lac.settled(60_000)).sessionsUp;
  assert.equal(up, 30, JSON.stringify([...lac.failures]));
  const counts = lac.controlImpaired!;
  assert.ok(counts.lost > 0 && counts.duplicated > 0 && counts.reordered > 0 && counts.delayed > 0);
  await lac.stop();
});

test('a tunnel that somebody asks the emulator for is refused, and hurts nothing', async () => {
  const lac = await pair.dial();
  assert.equal((await lac.settled(10_000)).sessionsUp, 1);
  const { peer } = [...pair.lns.tunnels.values()].at(-1)!.info;
  const socket = createSocket('udp4');
  const answers: Buffer[] = [];
  socket.on('message', (message) => answers.push(message));
  for (let n = 0; n < 20; n++) socket.send(stranger('sccrq', n), peer.port, peer.address);
  await pair.until(() => answers.length > 0);
  const { sent, received } = await pair.traffic(lac, 1000, 200);
  assert.equal(received, sent);
  assert.equal(lac.status.sessionsUp, 1);
  socket.close();
  await lac.stop();
});

test('a storm: all fall silent without a word, and all are up again from the same ports', async () => {
  const lac = await pair.dial({ tunnels: 40, sessionsPerTunnel: 4 });
  assert.equal((await lac.settled(10_000)).sessionsUp, 160);
  const before = pair.lns.sessionsUp;
  lac.fallSilent();
  assert.equal(lac.status.sessionsUp, 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(pair.lns.sessionsUp, before, 'the server does not know yet');
  lac.redial(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  assert.equal((await lac.settled(20_000)).sessionsUp, 160);
  const traffic = await pair.traffic(lac, 2000, 200);
  assert.equal(traffic.received, traffic.sent);
  assert.ok(lac.curve.some(({ sessions }) => sessions === 0));
  await lac.stop();
});

test('the rate of a ramp grows evenly', async () => {
  const lac = await pair.dial({ tunnels: 1, sessionsPerTunnel: 50 }, { setupRate: 100, rampMs: 500 });
  // 100 a second after half a second of ramp: 25 by then, 50 after 0.75 s.
  await lac.settled(10_000);
  assert.equal(lac.status.sessionsUp, 50);
  assert.ok(lac.setupMs > 650 && lac.setupMs < 2500, `${lac.setupMs} ms`);
  await lac.stop();
});

test('what is lost is dialled again', async () => {
  const lac = await pair.dial({ tunnels: 2, sessionsPerTunnel: 3 }, { retryMs: 50 });
  assert.equal((await lac.settled(10_000)).sessionsUp, 6);
  lac.hangUp(lac.calls[2]!);
  await pair.until(() => lac.status.lost === 1);
  await pair.until(() => lac.status.sessionsUp === 6);
  await lac.stop();
});

for (const [spread, portable] of [
  [false, false],
  [true, false],
  [true, true],
] as const)
  test(`bundles of three links ${spread ? 'over three tunnels' : 'in one tunnel'}${portable ? ', portable' : ''}: fragments lost, doubled and out of order`, async () => {
    const own = await Pair.start(
      configuration({ client: 'shared-secret "test secret"; multilink { fragment-threshold 256; }' }),
    );
    try {
      const profile = {
        tunnels: 6,
        sessionsPerTunnel: 3,
        groups: { kind: 'multilink', size: 3, spread, fragmentOctets: 200, shortSequence: false },
      } as const;
      const lac = await own.dial(profile, {
        portable,
        traffic: { kind: 'udp', target: '192.0.2.7', sizes: [64, 1400], burst: 2, flows: 1 },
      });
      const status = await lac.settled(10_000);
      assert.equal(status.sessionsUp, 18);
      // One user and six endpoint discriminators.
      assert.equal(lac.bundlesUp, 6);
      const clean = await own.traffic(lac, 1500, 400);
      assert.ok(clean.sent > 300);
      assert.equal(clean.received, clean.sent);
      assert.equal(clean.bad, 0);
      await lac.stop();
      const rough = await own.dial(profile, {
        portable,
        impair: impairments('data', { loss: 0.01, duplicate: 0.02, reorder: 0.05 }),
        traffic: { kind: 'udp', target: '192.0.2.7', sizes: [64, 1400], burst: 2, flows: 1 },
      });
      await rough.settled(20_000);
      assert.equal(rough.bundlesUp, 6);
      rough.resetTraffic();
      const traffic = await own.traffic(rough, 1500, 600);
      assert.ok(traffic.received > traffic.sent * 0.7, `${traffic.received} of ${traffic.sent}`);
      assert.equal(traffic.bad, 0, 'no packet is put together wrongly');
      await rough.stop();
    } finally {
      await own.close();
    }
  });
