import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Admission } from '../../src/aaa/admission.ts';
import { configuration, Pair } from '../server/pair.ts';
import { SlowRadius } from '../support/radius-server.ts';

const calls = Array.from({ length: 20 }, (_, id) => ({ id }));

test('calls go in order of arrival, so many at once; beyond the bound they are refused', () => {
  const admission = new Admission<object>({ active: 2, waiting: 3, waitMs: 1000 });
  assert.deepEqual(
    calls.slice(0, 6).map((call) => admission.ask(call, 0)),
    ['go', 'go', 'wait', 'wait', 'wait', 'refuse'],
  );
  assert.equal(admission.done(calls[0]!), calls[2]);
  assert.equal(admission.done(calls[0]!), null, 'once');
  assert.equal(admission.done(calls[3]!), null, 'one that waited and is gone');
  assert.equal(admission.done(calls[1]!), calls[4]);
  assert.deepEqual([admission.active, admission.waiting], [2, 0]);
});

test('who has waited too long is told at that time and not before', () => {
  const admission = new Admission<object>({ active: 1, waiting: 9, waitMs: 1000 });
  for (const [at, call] of calls.slice(0, 3).entries()) admission.ask(call, at * 100);
  assert.equal(admission.deadline(), 1100);
  assert.deepEqual(admission.expired(1099), []);
  assert.deepEqual(admission.expired(1150), [calls[1]]);
  assert.deepEqual(admission.expired(1200), [calls[2]]);
  assert.equal(admission.deadline(), Number.POSITIVE_INFINITY);
});

test('no history leaves a place taken, or more taken than there are', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(19), fc.boolean()), { maxLength: 200 }), (history) => {
      const admission = new Admission<object>({ active: 3, waiting: 4, waitMs: 50 });
      const live = new Set<object>();
      for (const [now, [id, ask]] of history.entries()) {
        const call = calls[id]!;
        if (ask && !live.has(call)) {
          if (admission.ask(call, now) !== 'refuse') live.add(call);
        } else {
          live.delete(call);
          admission.done(call);
        }
        for (const late of admission.expired(now)) live.delete(late);
        assert.ok(admission.active <= 3 && admission.waiting <= 4);
        assert.equal(admission.active + admission.waiting, live.size);
      }
      for (const call of calls) admission.done(call);
      assert.deepEqual([admission.active, admission.waiting], [0, 0]);
    }),
  );
});

const radius = (server: SlowRadius): string =>
  configuration({ users: `authentication-order radius; ${server.statement}` });

test('RFC 2661 5.8: with RADIUS slow every message is acknowledged, ICRPs wait, and all come up in the end', async (t) => {
  const server = await SlowRadius.start(50);
  t.after(() => server.close());
  const pair = await Pair.start(radius(server), { admission: { active: 10, waiting: 1000, waitMs: 20_000 } });
  t.after(() => pair.close());
  await pair.dial({ tunnels: 10, sessionsPerTunnel: 10 });
  await pair.until(() => pair.lns.sessionsUp === 100, 15_000);
  const { counters } = pair.lns.admission;
  assert.ok(counters.waited >= 80);
  assert.ok(counters.mostActive <= 10);
  assert.deepEqual([pair.lns.admission.active, pair.lns.admission.waiting], [0, 0]);
  assert.equal(pair.lns.discards.get('duplicate') ?? 0, 0, 'nothing was sent twice');
});

test('beyond the bound a call gets CDN result 4; one that waited too long likewise; a LAC that goes leaves no work', async (t) => {
  const server = await SlowRadius.start(Number.POSITIVE_INFINITY);
  t.after(() => server.close());
  const pair = await Pair.start(radius(server), { admission: { active: 5, waiting: 10, waitMs: 700 } });
  t.after(() => pair.close());
  const lac = await pair.dial({ tunnels: 1, sessionsPerTunnel: 30 });
  const failed = (reason: string) => pair.events.filter(({ fields }) => fields.reason === reason);
  await pair.until(() => failed('too many calls wait for RADIUS').length === 15);
  await pair.until(() => failed('RADIUS is too slow for all who come').length >= 10);
  for (const { fields } of pair.events.filter(({ event }) => event === 'session-failed'))
    assert.equal(fields.result, 4);
  await lac.stop();
  await pair.until(() => pair.lns.tunnels.size === 0);
  const asked = server.requests;
  const access = pair.lns.aaa.servers.access('users')!;
  assert.deepEqual([pair.lns.admission.active, access.client.pending], [0, 0]);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(server.requests, asked, 'nothing is asked again for calls that are gone');
});
