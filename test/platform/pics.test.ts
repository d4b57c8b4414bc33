import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PicLayout, ServicesPics } from '../../src/platform/pics.ts';

const [A, B, C, S] = ['sp-0/0/0', 'sp-0/1/0', 'sp-0/2/0', 'sp-1/3/0'] as const;
const layout = (pairs: Record<string, [string, string]>, unfit: Record<string, string> = {}): PicLayout => ({
  fitted: new Set([A, B, C, S]),
  pairs: new Map(Object.entries(pairs).map(([name, [primary, secondary]]) => [name, { primary, secondary }])),
  unfit: new Map(Object.entries(unfit)),
});
const NOW = new Date(2026, 4, 12);
/** The one secondary S backs up A and B. */
const pics = (): ServicesPics => {
  const made = new ServicesPics(5000);
  made.configure(layout({ rsp0: [A, S], rsp1: [B, S] }), NOW);
  return made;
};
const short = (changes: unknown): string[] =>
  (changes as { interface: string; from: string | null; to: string | null }[]).map(
    ({ interface: name, from, to }) => `${name}: ${from} > ${to}`,
  );
const states = (made: ServicesPics): string[] =>
  made.pairs.map(({ name, state, status }) => `${name} ${state}, ${status}`);

test('a pair begins on its primary; an interface that is no pair is its own PIC', () => {
  const made = pics();
  assert.deepEqual(states(made), ['rsp0 On primary, both up', 'rsp1 On primary, both up']);
  assert.deepEqual([made.picOf('rsp0'), made.picOf(C), made.picOf('sp-1/0/0'), made.picOf('rsp7')], [A, C, null, null]);
});

test('the secondary takes over; the primary that comes back does not pre-empt', () => {
  const made = pics();
  assert.deepEqual(short(made.set(A, false, NOW, 0)), [`${A}: ${A} > null`, `rsp0: ${A} > ${S}`]);
  assert.deepEqual(states(made)[0], 'rsp0 On secondary, primary down');
  assert.deepEqual(made.set(A, true, NOW, 1000), []);
  assert.equal(made.deadline(), 6000);
  assert.deepEqual(made.handleTimeout(5999, NOW), { up: [], changes: [] });
  assert.deepEqual(made.handleTimeout(6000, NOW), { up: [A], changes: [] });
  assert.equal(made.picOf('rsp0'), S);
  assert.deepEqual(short(made.request('revert', 'rsp0', NOW, 7000)), [`rsp0: ${S} > ${A}`, `${S}: ${S} > null`]);
  assert.equal(made.picOf('rsp0'), A);
  // The PIC that lost its role comes up anew.
  assert.equal(states(made)[0], 'rsp0 On primary, secondary down');
  made.handleTimeout(12_000, NOW);
  assert.equal(states(made)[0], 'rsp0 On primary, both up');
});

test('one secondary does the work of one primary at a time', () => {
  const made = pics();
  made.set(A, false, NOW, 0);
  assert.deepEqual(short(made.set(B, false, NOW, 0)), [`${B}: ${B} > null`, `rsp1: ${B} > null`]);
  assert.equal(states(made)[1], 'rsp1 Not present, primary down');
  made.set(B, true, NOW, 0);
  assert.deepEqual(short(made.handleTimeout(5000, NOW).changes), [`rsp1: null > ${B}`]);
  assert.equal(made.request('switchover', 'rsp1', NOW, 6000), `${S} does the work of rsp0`);
});

test('what cannot be done is said, and nothing has changed', () => {
  const made = pics();
  const before = states(made);
  assert.equal(made.request('switchover', 'rsp9', NOW, 0), 'there is no redundant interface rsp9');
  assert.equal(made.request('revert', 'rsp0', NOW, 0), 'rsp0 is on its primary');
  assert.equal(made.set('sp-1/1/0', false, NOW, 0), 'no services PIC is there');
  assert.equal(made.set(A, true, NOW, 0), 'it is online already');
  made.set(S, false, NOW, 0);
  assert.equal(made.request('switchover', 'rsp0', NOW, 0), `${S} does not work`);
  assert.equal(made.set(S, false, NOW, 0), 'it is offline already');
  made.set(S, true, NOW, 0);
  made.handleTimeout(5000, NOW);
  assert.deepEqual(states(made), before);
});

test('a change keeps the active PIC of pairs that stay; a PIC without its service package works for nobody', () => {
  const made = pics();
  made.request('switchover', 'rsp0', NOW, 0);
  made.handleTimeout(5000, NOW);
  assert.deepEqual(made.configure(layout({ rsp0: [A, S], rsp2: [C, S] }), NOW), []);
  assert.deepEqual(made.picOf('rsp0'), S);
  assert.deepEqual(short(made.configure(layout({ rsp0: [A, S], rsp2: [C, S] }, { [S]: 'layer-2' }), NOW)), [
    `${S}: ${S} > null`,
    `rsp0: ${S} > ${A}`,
  ]);
  assert.equal(made.works(S), false);
});

test('whatever happens, no PIC works for two pairs, and an active PIC works', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), pic: fc.constantFrom(A, B, C, S), online: fc.boolean() }),
    fc.record({
      do: fc.constant('request' as const),
      what: fc.constantFrom('switchover' as const, 'revert' as const),
      name: fc.constantFrom('rsp0', 'rsp1', 'rsp2'),
    }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 9000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const made = new ServicesPics(5000);
      made.configure(layout({ rsp0: [A, S], rsp1: [B, S], rsp2: [C, B] }), NOW);
      let clock = 0;
      for (const one of steps) {
        if (one.do === 'set') made.set(one.pic, one.online, NOW, clock);
        else if (one.do === 'request') made.request(one.what, one.name, NOW, clock);
        else clock += one.ms;
        made.handleTimeout(clock, NOW);
        const active = ['rsp0', 'rsp1', 'rsp2'].map((name) => made.picOf(name)).filter((pic) => pic !== null);
        assert.equal(new Set(active).size, active.length);
        for (const pic of active) assert.ok(made.works(pic), pic);
        assert.ok(made.deadline() > clock);
      }
    }),
  );
});
