// Sessions and bundles under any history of packets, answers and time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PppSession } from '../../src/ppp/session.ts';
import type { AuthMethod, MultilinkOptions, PppAction, PppOptions } from '../../src/ppp/types.ts';
import { be16, buildFrame, PPP_CHAP, PPP_IPCP, PPP_LCP, PPP_PAP } from '../../src/wire/ppp.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { ASSIGNMENT, octets } from './support.ts';

const MULTILINK: MultilinkOptions = {
  mrru: 1500,
  shortSequence: true,
  endpointDiscriminator: { class: 1, address: octets('aa') },
};

type Step =
  | { do: 'echo'; code: number; which: number }
  | { do: 'packet'; protocol: number; code: number; id: number; body: Uint8Array }
  | { do: 'agree'; protocol: number }
  | { do: 'respond' }
  | { do: 'time' }
  | { do: 'answer'; passed: boolean }
  | { do: 'assign'; none: boolean }
  | { do: 'close' }
  | { do: 'down' };
const BODIES = [
  '',
  '010405dc050622222222',
  '010405dc050622222222110405dc12021307020a000001',
  '0d0306',
  '030664400009',
  '030600000000',
  '10000102030405060708090a0b0c0d0e0f616c696365',
  '05616c6963650a776f6e6465726c616e64',
  'c22301010004',
  '802101010004',
].map(octets);
const step: fc.Arbitrary<Step> = fc.oneof(
  // What we sent comes back with another code: an Ack, a Nak, a Reject of our own request, with the right identifier.
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('echo' as const), code: fc.constantFrom(2, 2, 2, 3, 4), which: fc.nat(3) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('packet' as const),
      protocol: fc.constantFrom(PPP_LCP, PPP_LCP, PPP_IPCP, PPP_PAP, PPP_CHAP, 0x8057, 0x0021, 0x003d),
      code: fc.nat(14),
      id: fc.nat(3),
      body: fc.constantFrom(...BODIES),
    }),
  },
  // The peer acknowledges our last request and sends one that it has no trouble with; it answers our challenge.
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('agree' as const),
      protocol: fc.constantFrom(PPP_LCP, PPP_LCP, PPP_IPCP),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'respond' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'time' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('answer' as const), passed: fc.constantFrom(true, true, false) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('assign' as const), none: fc.constantFrom(false, false, false, true) }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'close' as const }, { do: 'down' as const }) },
);

/** What came up in any run: a property that never gets there shows nothing. */
const reached = new Set<string>();
test('any history: nothing throws, each step asks for little, network-open and -down take turns, the end comes once and is the end', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<PppOptions['role']>('server', 'client'),
      fc.constantFrom<AuthMethod[]>([], ['chap-md5'], ['mschap-v2', 'pap']),
      fc.boolean(),
      fc.array(step, { maxLength: 60 }),
      (role, authentication, multilink, history) => {
        const s = new PppSession({
          role,
          random: new SeededRandom(3),
          md5: () => new Uint8Array(16),
          mru: 1500,
          authentication,
          name: 'alice',
          secret: octets('00'),
          compression: true,
          multilink: multilink ? MULTILINK : null,
        });
        let now = 0;
        let open = false;
        let up = false;
        let ends = 0;
        let sent: Uint8Array[] = [];
        const requests = new Map<number, Uint8Array>();
        let challenge = 0;
        const take = (out: PppAction[]): void => {
          assert.ok(out.length < 12, `${out.length} actions`);
          for (const action of out) {
            assert.equal(ends, 0, 'nothing after the end');
            reached.add(action.do === 'tell' ? action.event : action.do);
            if (action.do === 'send') {
              const frame = action.frame.subarray(2);
              sent = [frame, ...sent].slice(0, 4);
              if (frame[2] === 1) requests.set(be16(frame, 0), frame);
              if (be16(frame, 0) === PPP_CHAP && frame[2] === 1) challenge = frame[3]!;
            }
            if (action.do !== 'tell') continue;
            if (action.event === 'lcp-open') {
              assert.ok(!up);
              up = true;
            } else if (action.event === 'lcp-down') {
              assert.ok(up && !open, 'the network goes down before its link');
              up = false;
            } else if (action.event === 'network-open') {
              assert.ok(up && !open && !multilinkOf(s));
              open = true;
            } else if (action.event === 'network-down') {
              assert.ok(open);
              open = false;
            } else if (action.event === 'link-ready') assert.notEqual(action.lcp.multilink, null);
            else if (action.event === 'finished') {
              assert.ok(!up && !open, 'all is down at the end');
              ends++;
            }
          }
        };
        const act = (work: (out: PppAction[]) => void): void => {
          const out: PppAction[] = [];
          work(out);
          take(out);
        };
        act((out) => s.open(now, out));
        for (const one of history) {
          now += 1;
          act((out) => {
            if (one.do === 'echo') {
              const frame = sent[one.which % Math.max(1, sent.length)]?.slice();
              if (frame === undefined || frame.length < 3 || frame[2] !== 1) return;
              frame[2] = one.code;
              s.receive(frame, now, out);
            } else if (one.do === 'agree') {
              const ack = requests.get(one.protocol)?.slice();
              if (ack !== undefined) {
                ack[2] = 2;
                s.receive(ack, now, out);
              }
              const auth = role === 'client' && authentication.length > 0 ? '0305c22305' : '';
              const wanted =
                one.protocol === PPP_LCP ? `010405dc050622222222${multilink ? '110405dc' : ''}${auth}` : '030664400009';
              s.receive(buildFrame(one.protocol, 1, 9, octets(wanted)).subarray(2), now, out);
            } else if (one.do === 'respond') {
              const size = authentication[0] === 'mschap-v2' ? 49 : 16;
              const body = new Uint8Array([size, ...new Uint8Array(size), 0x61]);
              s.receive(buildFrame(PPP_CHAP, role === 'server' ? 2 : 3, challenge, body).subarray(2), now, out);
            } else if (one.do === 'packet')
              s.receive(buildFrame(one.protocol, one.code, one.id, one.body).subarray(2), now, out);
            else if (one.do === 'time') {
              if (s.deadline() === Number.POSITIVE_INFINITY) return;
              now = Math.max(now, s.deadline());
              s.handleTimeout(now, out);
            } else if (one.do === 'answer') s.authenticationResult(one.passed, now, out);
            else if (one.do === 'assign') s.addressAssigned(one.none ? null : ASSIGNMENT, now, out);
            else if (one.do === 'close') s.close('administrative', 'so be it', now, out);
            else s.lowerDown(now, out);
          });
        }
        // Left alone, a session that is not up comes to an end; no timer is armed after it.
        for (let n = 0; n < 200 && s.deadline() < Number.POSITIVE_INFINITY; n++) {
          now = Math.max(now, s.deadline());
          act((out) => s.handleTimeout(now, out));
        }
        assert.equal(s.deadline(), Number.POSITIVE_INFINITY);
        if (ends > 0) assert.equal(s.phase, 'dead');
        else assert.ok(up, `left in ${s.phase} with LCP ${s.lcp.state}`);
      },
    ),
    { numRuns: 3000 },
  );
  for (const what of ['authenticate', 'request-address', 'link-ready', 'to-bundle', 'network-open', 'network-down'])
    assert.ok(reached.has(what), what);
});
const multilinkOf = (s: PppSession): boolean => s.lcp.result.multilink !== null;
