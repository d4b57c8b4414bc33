import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuration, Pair } from './pair.ts';

const user = (ppp: string): string =>
  configuration({ users: `client user { chap-secret "password"; ppp { ${ppp} } }` });

test('2.4: idle-timeout ends a session without traffic, and spares one with', async (t) => {
  const pair = await Pair.start(user('idle-timeout 2;'));
  t.after(() => pair.close());
  const lac = await pair.dial();
  await pair.until(() => pair.lns.sessionsUp === 1);
  await pair.traffic(lac, 50, 3500);
  assert.equal(pair.lns.sessionsUp, 1, 'traffic keeps it');
  await pair.until(() => pair.events.some(({ event }) => event === 'session-down'));
  const down = pair.events.find(({ event }) => event === 'session-down')!;
  assert.equal(down.fields.reason, 'idle timeout');
  assert.equal(pair.lns.subscribers.bounds.limits.counters['idle-timeout'], 1);
});

test('2.4: keepalive: Echo-Requests are answered and taken on the path, none reaches the main thread', async (t) => {
  const pair = await Pair.start(user('keepalive 1; keepalive-retries 3;'));
  t.after(() => pair.close());
  await pair.dial({ tunnels: 2, sessionsPerTunnel: 10 });
  await pair.until(() => pair.lns.sessionsUp === 20);
  const { counters } = pair.lns.subscribers.bounds.limits;
  await pair.until(() => counters.echoes >= 100, 12_000);
  assert.equal(pair.lns.sessionsUp, 20);
  for (const { calls } of pair.lns.tunnels.values())
    for (const { row } of calls.values()) assert.ok(pair.lns.plane.tables.echoUnanswered(row) <= 1);
  assert.equal(counters.keepalive, 0);
});

test('2.4: keepalive: a peer that does not answer is gone after its retries; keepalive 0 asks nothing', async (t) => {
  const pair = await Pair.start(user('keepalive 1; keepalive-retries 3;'));
  t.after(() => pair.close());
  const lac = await pair.dial();
  await pair.until(() => pair.lns.sessionsUp === 1);
  // Echo-Requests are lost on their way.
  const inject = pair.lns.plane.inject.bind(pair.lns.plane);
  pair.lns.plane.inject = (row, frame, priority) => (frame[4] === 9 ? true : inject(row, frame, priority));
  await pair.until(() => pair.events.some(({ event }) => event === 'session-down'), 10_000);
  assert.equal(
    pair.events.find(({ event }) => event === 'session-down')!.fields.reason,
    'no answer to LCP Echo-Requests',
  );
  await lac.stop();
  const quiet = await Pair.start(user('keepalive 0;'));
  t.after(() => quiet.close());
  await quiet.dial();
  await quiet.until(() => quiet.lns.sessionsUp === 1);
  assert.equal(quiet.lns.subscribers.bounds.limits.size, 0);
});
