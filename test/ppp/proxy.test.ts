import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { answerCall } from '../../src/emulator/front.ts';
import { judgeProxy, type ProxyAvps } from '../../src/ppp/proxy.ts';
import { PppSession } from '../../src/ppp/session.ts';
import type { AddressAssignment, AuthMethod, MultilinkOptions, PppAction, PppOptions } from '../../src/ppp/types.ts';
import { AVP } from '../../src/wire/avp.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { ASSIGNMENT, hex, octets } from './support.ts';

const crypto = new WasmCrypto();
const MULTILINK: MultilinkOptions = {
  mrru: 1524,
  shortSequence: false,
  endpointDiscriminator: { class: 2, address: octets('c0000201') },
};
const options = (role: 'server' | 'client', seed: number, changes: Partial<PppOptions> = {}): PppOptions => ({
  role,
  random: new SeededRandom(seed),
  md5: (...parts) => crypto.md5(...parts),
  mru: 1500,
  authentication: role === 'server' ? ['chap-md5'] : ['chap-md5', 'pap', 'mschap-v2'],
  name: role === 'server' ? 'lns' : 'alice',
  secret: Buffer.from('wonderland'),
  compression: true,
  ...changes,
});

const avpsOf = (list: readonly (readonly [number, Uint8Array])[]): ProxyAvps => {
  const of = (type: number): Uint8Array | null => list.find(([one]) => one === type)?.[1] ?? null;
  return {
    initialReceivedConfreq: of(AVP.initialReceivedConfreq),
    lastSentConfreq: of(AVP.lastSentConfreq),
    lastReceivedConfreq: of(AVP.lastReceivedConfreq),
    proxyAuthenType: of(AVP.proxyAuthenType)?.[1] ?? null,
    proxyAuthenName: of(AVP.proxyAuthenName),
    proxyAuthenChallenge: of(AVP.proxyAuthenChallenge),
    proxyAuthenId: of(AVP.proxyAuthenId)?.[1] ?? null,
    proxyAuthenResponse: of(AVP.proxyAuthenResponse),
  };
};

interface Handed {
  lac?: Partial<PppOptions>;
  client?: Partial<PppOptions>;
  lns?: Partial<PppOptions>;
  localChap?: boolean;
  /** The LAC's AVPs on their way. */
  change?: (proxy: ProxyAvps) => ProxyAvps;
  assignment?: AddressAssignment;
}
/** A LAC answers a client, hands over, and the LNS goes on. */
function handOver({ lac, client, lns, localChap = false, change = (proxy) => proxy }: Handed = {}) {
  const c = new PppSession(options('client', 3, client));
  const events: string[] = [];
  /** Protocols and codes that crossed the tunnel: `up`, `down`. */
  const wire: string[] = [];
  const clientOut: PppAction[] = [];
  const front = answerCall(options('server', 4, { name: 'lac', ...lac }), c, 0, clientOut);
  assert.ok(front !== null, 'LAC and client agree');
  const s = new PppSession(options('server', 5, lns));
  const queue: { to: PppSession; frame: Uint8Array }[] = [];
  const perform = (who: PppSession, out: PppAction[]): void => {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      if (action.do === 'send') {
        const frame = action.frame.subarray(2);
        wire.push(`${who === s ? 'down' : 'up'} ${hex(frame.subarray(0, 3))}`);
        queue.push({ to: who === s ? c : s, frame });
      } else if (action.do === 'authenticate')
        who.authenticationResult(action.name === 'alice' && action.verify(Buffer.from('wonderland')), 0, out);
      else if (action.do === 'request-address') who.addressAssigned(ASSIGNMENT, 0, out);
      else if (action.do === 'tell')
        events.push(
          `${who === s ? 'server' : 'client'} ${action.event}${action.event === 'finished' ? ` ${action.reason}` : ''}`,
        );
    }
  };
  const act = (who: PppSession, work: (out: PppAction[]) => void): void => {
    const out: PppAction[] = [];
    work(out);
    perform(who, out);
  };
  perform(c, clientOut);
  for (const frame of front.pending) queue.push({ to: s, frame: frame.subarray(2) });
  let reason: string | null = null;
  act(s, (out) => {
    reason = s.openProxied(change(avpsOf(front.avps)), localChap, 0, out);
  });
  let now = 0;
  for (let steps = 0; steps < 1000; steps++) {
    const next = queue.shift();
    if (next !== undefined) {
      act(next.to, (out) => next.to.receive(next.frame, now, out));
      continue;
    }
    const at = Math.min(s.deadline(), c.deadline());
    if (at > 60_000) break;
    now = at;
    for (const who of [s, c]) if (who.deadline() <= now) act(who, (out) => who.handleTimeout(now, out));
  }
  const up = events.includes('server network-open') && events.includes('client network-open');
  return { s, c, events, wire, reason: reason as string | null, up, now };
}
const lcpPackets = (wire: string[]): string[] => wire.filter((one) => one.includes(' c021'));

test('RFC 2661 section 4.4.5: LCP is taken over: not one LCP packet crosses the tunnel, and the session is up at once', () => {
  for (const method of ['chap-md5', 'pap', 'mschap-v2'] as const) {
    const { reason, up, wire, s, c, now, events } = handOver({
      lac: { authentication: [method], mru: 1460 },
      client: { mru: 1492 },
      lns: { authentication: [method] },
    });
    assert.equal(reason, null);
    assert.ok(up, events.join());
    assert.equal(now, 0, 'nothing waits for a timer');
    assert.deepEqual(lcpPackets(wire), [], method);
    assert.equal(
      wire[0],
      method === 'pap' ? 'down c02302' : 'down c22303',
      'Ack or Success comes first, and nothing was asked',
    );
    assert.equal(s.name, 'alice');
    assert.equal(s.authMethod, method);
    const { result } = s.lcp;
    assert.equal(result.proxied, true);
    assert.equal(result.localMru, 1460, 'the LAC promised it');
    assert.equal(result.peerMru, 1492);
    assert.equal(result.localMagic, c.lcp.result.peerMagic, 'the LAC’s magic number is ours now');
    assert.equal(result.peerMagic, c.lcp.result.localMagic);
  }
});

test('a proxied response that is wrong is refused by Failure or Nak, and the session ends', () => {
  for (const method of ['chap-md5', 'pap', 'mschap-v2'] as const) {
    const { events, wire } = handOver({
      lac: { authentication: [method] },
      client: { secret: Buffer.from('guess') },
      lns: { authentication: [method] },
    });
    assert.equal(wire[0], method === 'pap' ? 'down c02303' : 'down c22304');
    assert.ok(events.includes('server finished authentication-failed'), events.join());
  }
});

test('local-chap: the client is challenged by us within the LAC’s LCP', () => {
  const { up, wire, reason } = handOver({ localChap: true });
  assert.equal(reason, null);
  assert.ok(up);
  assert.deepEqual(lcpPackets(wire), []);
  assert.deepEqual(wire.slice(0, 3), ['down c22301', 'up c22302', 'down c22303']);
});

test('without Proxy Authen Type the authentication phase starts again, in the same LCP', () => {
  for (const type of [null, 4]) {
    const { up, wire, reason } = handOver({ change: (proxy) => ({ ...proxy, proxyAuthenType: type }) });
    assert.equal(reason, null);
    assert.ok(up);
    assert.deepEqual(lcpPackets(wire), []);
    assert.equal(wire[0], 'down c22301');
  }
});

test('a LAC that asked nobody: none is well where none is demanded, and LCP begins afresh where one is', () => {
  const none = handOver({ lac: { authentication: [] }, lns: { authentication: [] } });
  assert.ok(none.up);
  assert.equal(none.now, 0, 'the client’s first IPCP packets were not lost');
  assert.deepEqual(lcpPackets(none.wire), []);
  const chap = handOver({ lac: { authentication: [] } });
  assert.equal(chap.reason, 'the client was not asked to authenticate itself');
  assert.ok(chap.up, 'and comes up by a fresh LCP');
  assert.equal(chap.s.authMethod, 'chap-md5');
  assert.equal(chap.s.lcp.result.proxied, false);
});

test('where nothing is demanded, a client that answered the LAC hears that it is well', () => {
  for (const method of ['chap-md5', 'pap'] as const) {
    const { up, wire, s } = handOver({
      lac: { authentication: [method] },
      client: { secret: Buffer.from('whatever') },
      lns: { authentication: [] },
    });
    assert.ok(up);
    assert.deepEqual(lcpPackets(wire), []);
    assert.equal(s.name, 'alice');
  }
});

test('a textual login is judged as a password, and no PPP packet tells the result', () => {
  for (const [password, works] of [
    ['wonderland', true],
    ['guess', false],
  ] as const) {
    const { up, wire, events } = handOver({
      lac: { authentication: [] },
      lns: { authentication: ['pap'] },
      change: (proxy) => ({
        ...proxy,
        proxyAuthenType: 1,
        proxyAuthenName: Buffer.from('alice'),
        proxyAuthenResponse: Buffer.from(password),
      }),
    });
    assert.equal(up, works, events.join());
    assert.ok(wire.every((one) => !one.includes(' c023')));
    if (!works) assert.ok(events.includes('server finished authentication-failed'));
  }
});

const without = (name: keyof ProxyAvps) => (proxy: ProxyAvps) => ({ ...proxy, [name]: null });
const confreq =
  (name: 'lastSentConfreq' | 'lastReceivedConfreq', change: (text: string) => string) => (proxy: ProxyAvps) => ({
    ...proxy,
    [name]: octets(change(hex(proxy[name]!))),
  });
test('AVPs that are missing, contradict each other or our demands get a fresh LCP, by which the session comes up', () => {
  const cases: [what: string, Handed, reason: RegExp][] = [
    ['no last sent', { change: without('lastSentConfreq') }, /^no proxy LCP$/],
    ['no last received', { change: without('lastReceivedConfreq') }, /^no proxy LCP$/],
    ['cut short', { change: confreq('lastSentConfreq', (text) => text.slice(0, -2)) }, /malformed/],
    ['an option twice', { change: confreq('lastReceivedConfreq', (text) => `${text}01040500`) }, /malformed/],
    ['initial malformed', { change: (p) => ({ ...p, initialReceivedConfreq: octets('0101') }) }, /malformed/],
    ['looped', { change: (p) => ({ ...p, lastReceivedConfreq: p.lastSentConfreq }) }, /one magic number/],
    [
      'an unknown option of the client',
      { change: confreq('lastReceivedConfreq', (t) => `${t}0d0306`) },
      /do not grant: 13/,
    ],
    [
      'an unknown option of the LAC',
      { change: confreq('lastSentConfreq', (t) => `${t}0d0306`) },
      /asked for option 13/,
    ],
    ['a larger MRU', { change: confreq('lastSentConfreq', (t) => t.replace('010405dc', '01042000')) }, /MRU/],
    [
      'an MRU of nothing',
      { change: confreq('lastReceivedConfreq', (t) => t.replace('010405dc', '01040004')) },
      /do not grant: 1/,
    ],
    [
      'magic of zero',
      { change: confreq('lastSentConfreq', (t) => t.replace(/0506......../, '050600000000')) },
      /Magic/,
    ],
    [
      'CHAP, but LCP says PAP',
      {
        lac: { authentication: ['pap'] },
        change: (p) => ({ ...p, proxyAuthenType: 2, proxyAuthenChallenge: octets('00') }),
        lns: { authentication: ['pap'] },
      },
      /CHAP, but/,
    ],
    ['PAP, but LCP says CHAP', { change: (p) => ({ ...p, proxyAuthenType: 3 }) }, /PAP, but/],
    ['text, but LCP says CHAP', { change: (p) => ({ ...p, proxyAuthenType: 1 }) }, /textual login/],
    ['no name', { change: without('proxyAuthenName') }, /Name or Response is missing/],
    ['no response', { change: without('proxyAuthenResponse') }, /Name or Response is missing/],
    ['no ID', { change: without('proxyAuthenId') }, /ID is missing/],
    ['no challenge', { change: without('proxyAuthenChallenge') }, /Challenge is missing/],
    ['a short response', { change: (p) => ({ ...p, proxyAuthenResponse: octets('00') }) }, /1 octets/],
    ['type 9', { change: (p) => ({ ...p, proxyAuthenType: 9 }) }, /type 9 is unknown/i],
    ['type 0', { change: (p) => ({ ...p, proxyAuthenType: 0 }) }, /type 0 is unknown/i],
    ['MS-CHAPv1', { change: (p) => ({ ...p, proxyAuthenType: 5 }) }, /MS-CHAP version 1 is not supported/],
    [
      'MS-CHAPv1 in LCP',
      { change: confreq('lastSentConfreq', (t) => t.replace('c22305', 'c22380')) },
      /MS-CHAP version 1/,
    ],
    ['EAP in LCP', { change: confreq('lastSentConfreq', (t) => t.replace('0305c22305', '0304c227')) }, /c227/],
    ['PAP where CHAP is demanded', { lac: { authentication: ['pap'] } }, /authenticated by pap/],
    ['PAP and local-chap', { lac: { authentication: ['pap'] }, localChap: true }, /agreed to pap/],
    [
      'short numbers alone',
      { change: confreq('lastSentConfreq', (t) => `${t}1202`), lns: { multilink: MULTILINK } },
      /short sequence/,
    ],
    ['MRRU without multilink', { change: confreq('lastReceivedConfreq', (t) => `${t}110405dc`) }, /do not grant: 17/],
    [
      'nothing is demanded of MS-CHAP',
      { lac: { authentication: ['mschap-v2'] }, lns: { authentication: [] } },
      /secret/,
    ],
  ];
  for (const [what, handed, wanted] of cases) {
    const { reason, up, s, events } = handOver(handed);
    assert.match(String(reason), wanted, what);
    assert.ok(up, `${what}: ${events.join()}`);
    assert.equal(s.lcp.result.proxied, false);
  }
});

test('MS-CHAP version 2 handed over as version 1 or as CHAP is known by LCP’s option', () => {
  for (const type of [2, 5]) {
    const { reason, up } = handOver({
      lac: { authentication: ['mschap-v2'] },
      lns: { authentication: ['mschap-v2'] },
      change: (proxy) => ({ ...proxy, proxyAuthenType: type }),
    });
    assert.equal(reason, null);
    assert.ok(up);
  }
});

test('RFC 1990: multilink that the LAC agreed on is honoured, with its MRRU and discriminators', () => {
  const lac: MultilinkOptions = {
    mrru: 1500,
    shortSequence: true,
    endpointDiscriminator: { class: 1, address: octets('1ac0') },
  };
  const client: MultilinkOptions = {
    ...MULTILINK,
    mrru: 1506,
    endpointDiscriminator: { class: 5, address: octets('343930') },
  };
  const { events, s, wire, reason } = handOver({
    lac: { multilink: lac },
    client: { multilink: client },
    lns: { multilink: MULTILINK },
  });
  assert.equal(reason, null);
  assert.ok(events.includes('server link-ready') && events.includes('client link-ready'));
  assert.deepEqual(lcpPackets(wire), []);
  assert.deepEqual(s.lcp.result.multilink, {
    localMrru: 1500,
    peerMrru: 1506,
    localShortSequence: true,
    peerShortSequence: false,
    localDiscriminator: lac.endpointDiscriminator,
    peerDiscriminator: client.endpointDiscriminator,
  });
  // More than we can reassemble, or a LAC that has refused it: fresh, and then with our own values.
  for (const [mrru, wanted] of [
    [9000, /MRRU/],
    [null, /asked for multilink/],
  ] as const) {
    const fresh = handOver({
      lac: { multilink: mrru === null ? null : { ...lac, mrru } },
      client: { multilink: client },
      lns: { multilink: MULTILINK },
    });
    assert.match(String(fresh.reason), wanted);
    assert.equal(fresh.s.lcp.result.multilink!.localMrru, 1524);
  }
});

test('a client that negotiates anew after the hand-over meets our own options, not the LAC’s', () => {
  const { s } = handOver({ lac: { mru: 1400 } });
  assert.equal(s.lcp.result.localMru, 1400);
  const out: PppAction[] = [];
  s.receive(octets('c0210177000e010405dc050622222222'), 0, out);
  const [request] = out.flatMap((one) => (one.do === 'send' && one.frame[4] === 1 ? [hex(one.frame.subarray(2))] : []));
  assert.ok(request!.includes('010405dc'), request);
  assert.equal(s.phase, 'establish');
});

test('any AVPs are judged without an error', () => {
  const maybe = fc.option(fc.uint8Array({ maxLength: 30 }));
  const valid = fc.constantFrom(
    octets('010405dc0305c223050506111111110702'),
    octets('010405dc0506222222221104058c1202130301'),
  );
  fc.assert(
    fc.property(
      fc.record({
        initialReceivedConfreq: maybe,
        lastSentConfreq: fc.oneof(maybe, valid),
        lastReceivedConfreq: fc.oneof(maybe, valid),
        proxyAuthenType: fc.option(fc.nat(7)),
        proxyAuthenName: maybe,
        proxyAuthenChallenge: maybe,
        proxyAuthenId: fc.option(fc.nat(255)),
        proxyAuthenResponse: maybe,
      }),
      fc.boolean(),
      fc.constantFrom<AuthMethod[]>([], ['chap-md5'], ['pap', 'mschap-v2']),
      (proxy, localChap, authentication) => {
        judgeProxy(proxy, { authentication, localChap, multilink: localChap });
        const s = new PppSession(options('server', 9, { authentication, multilink: MULTILINK }));
        const out: PppAction[] = [];
        s.openProxied(proxy, localChap, 0, out);
        assert.ok(out.length > 0);
      },
    ),
    { numRuns: 2000 },
  );
});
