import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { PPP_TABLE } from '../../src/ppp/automaton.ts';
import { PppSession } from '../../src/ppp/session.ts';
import {
  type AddressAssignment,
  type AuthMethod,
  type PppAction,
  type PppOptions,
  RESTART_MS,
} from '../../src/ppp/types.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { ASSIGNMENT, hex, octets } from './support.ts';

const crypto = new WasmCrypto();
const md5 = (...parts: Uint8Array[]): Uint8Array => crypto.md5(...parts);
const options = (role: 'server' | 'client', changes: Partial<PppOptions> = {}): PppOptions => ({
  role,
  random: new SeededRandom(role === 'server' ? 1 : 2),
  md5,
  mru: 1500,
  authentication: ['chap-md5'],
  name: role === 'server' ? 'lns' : 'alice',
  secret: Buffer.from('wonderland'),
  compression: true,
  ...changes,
});

/** A server and a client over a wire that loses a part of the frames, on a clock that jumps. */
function negotiate(
  server: Partial<PppOptions>,
  client: Partial<PppOptions>,
  settings: { loss?: number; seed?: number; assignment?: AddressAssignment | null; password?: string } = {},
): { events: string[]; now: number; s: PppSession; c: PppSession } {
  const { loss = 0, seed = 1, assignment = ASSIGNMENT, password = 'wonderland' } = settings;
  const chance = new SeededRandom(seed);
  const s = new PppSession(options('server', server));
  const c = new PppSession(options('client', client));
  const events: string[] = [];
  const wire: { at: number; to: PppSession; frame: Uint8Array }[] = [];
  let now = 0;
  const perform = (from: PppSession, out: PppAction[]): void => {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      if (action.do === 'send') {
        if (chance.real() >= loss) wire.push({ at: now + 10, to: from === s ? c : s, frame: action.frame.subarray(2) });
      } else if (action.do === 'authenticate')
        s.authenticationResult(action.name === 'alice' && action.verify(Buffer.from(password)), now, out);
      else if (action.do === 'request-address') s.addressAssigned(assignment, now, out);
      else if (action.do === 'tell')
        events.push(
          `${from === s ? 'server' : 'client'} ${action.event}${action.event === 'finished' ? ` ${action.reason}` : ''}`,
        );
    }
  };
  const act = (who: PppSession, work: (out: PppAction[]) => void): void => {
    const out: PppAction[] = [];
    work(out);
    perform(who, out);
  };
  act(s, (out) => s.open(now, out));
  act(c, (out) => c.open(now, out));
  for (let steps = 0; steps < 5000; steps++) {
    wire.sort((a, b) => a.at - b.at);
    const next = Math.min(wire[0]?.at ?? Number.POSITIVE_INFINITY, s.deadline(), c.deadline());
    if (next === Number.POSITIVE_INFINITY || next > 200_000) break;
    now = Math.max(now, next);
    const arrived = wire[0] !== undefined && wire[0].at <= now ? wire.shift()! : null;
    if (arrived !== null) act(arrived.to, (out) => arrived.to.receive(arrived.frame, now, out));
    for (const who of [s, c]) if (who.deadline() <= now) act(who, (out) => who.handleTimeout(now, out));
  }
  return { events, now, s, c };
}
const bothUp = (events: string[]): boolean =>
  events.includes('server network-open') && events.includes('client network-open');

test('RFC 1661 section 4.1: the table answers every state and input with a state of its own', () => {
  const states = Object.keys(PPP_TABLE);
  assert.equal(states.length, 10);
  for (const row of Object.values(PPP_TABLE)) {
    assert.equal(Object.keys(row).length, 16);
    for (const [next] of Object.values(row)) assert.ok(states.includes(next));
  }
  assert.deepEqual(PPP_TABLE.Opened['RXJ-'], ['Stopping', 'tld', 'irc', 'str']);
  assert.deepEqual(PPP_TABLE['Ack-Sent'].RCA, ['Opened', 'irc', 'tlu']);
});

test('LCP, authentication and IPCP come up with CHAP, with PAP and with none, and agree on what they should', () => {
  for (const methods of [['chap-md5'], ['pap'], ['mschap-v2'], []] as AuthMethod[][]) {
    const { events, s, c, now } = negotiate(
      { authentication: methods },
      { authentication: ['chap-md5', 'pap', 'mschap-v2'], mru: 1400 },
    );
    assert.ok(bothUp(events), events.join());
    assert.ok(now < RESTART_MS, 'nothing waits for a timer');
    assert.equal(c.ipcp!.localAddress, ASSIGNMENT.address);
    assert.equal(c.ipcp!.servers!.get(129), ASSIGNMENT.primaryDns);
    assert.equal(c.ipcp!.servers!.has(131), false, 'no second name server is offered: its option is rejected');
    assert.equal(s.lcp.result.peerMru, 1400);
    assert.equal(s.lcp.result.peerMagic, c.lcp.result.localMagic);
    assert.equal(s.name, methods.length === 0 ? '' : 'alice');
  }
});

test('RFC 1661 section 6.2: a client that cannot CHAP gets PAP where the server allows both, and the end where not', () => {
  const both = negotiate({ authentication: ['chap-md5', 'pap'] }, { authentication: ['pap'] });
  assert.ok(bothUp(both.events));
  assert.equal(both.s.authMethod, 'pap');
  const one = negotiate({ authentication: ['chap-md5'] }, { authentication: ['pap'] });
  assert.ok(one.events.includes('server finished authentication-refused'), one.events.join());
});

test('RFC 1661 section 6.2: methods are demanded in order; what the peer refuses is not demanded again', () => {
  const list: AuthMethod[] = ['mschap-v2', 'chap-md5', 'pap'];
  for (const method of list) {
    const { events, s } = negotiate({ authentication: list }, { authentication: [method] });
    assert.ok(bothUp(events), events.join());
    assert.equal(s.authMethod, method);
  }
  // A peer that proposes what nobody speaks here (EAP) hears the next of ours, and in the end there is none.
  const s = new PppSession(options('server', { authentication: list }));
  let out: PppAction[] = [];
  const sent = (): string => out.flatMap((one) => (one.do === 'send' ? [hex(one.frame.subarray(2))] : [])).at(-1)!;
  s.open(0, out);
  for (const value of ['0305c22381', '0305c22305', '0304c023']) {
    assert.ok(sent().includes(value), sent());
    const id = sent().slice(6, 8);
    out = [];
    s.receive(octets(`c02103${id}00080304c227`), 0, out);
  }
  assert.match(sent(), /^c02105/);
  assert.equal(s.phase, 'terminate');
});

test('a wrong password is refused by Failure or Nak and ends the session; no address ends it as well', () => {
  for (const method of ['chap-md5', 'pap', 'mschap-v2'] as const) {
    const { events } = negotiate(
      { authentication: [method] },
      { authentication: [method], secret: Buffer.from('guess') },
    );
    assert.ok(events.includes('server finished authentication-failed'), events.join());
    assert.ok(!events.includes('server network-open'));
  }
  const { events } = negotiate({}, {}, { assignment: null });
  assert.ok(events.includes('server finished no-address'), events.join());
});

test('100 sessions come up at 5 % and at 20 % loss, with each method', () => {
  for (const loss of [0.05, 0.2])
    for (const method of ['chap-md5', 'pap', 'mschap-v2'] as const)
      for (let seed = 1; seed <= 100; seed++) {
        const { events } = negotiate({ authentication: [method] }, { authentication: [method] }, { loss, seed });
        assert.ok(bothUp(events), `loss ${loss}, ${method}, seed ${seed}: ${events.join()}`);
      }
});

/** A server with LCP and, unless said otherwise, all else Opened, and what it sends. */
function openServer(
  until: 'lcp' | 'network' = 'network',
  changes: Partial<PppOptions> = {},
): { s: PppSession; send: (frame: string, now?: number) => string[]; challengeId: string } {
  const s = new PppSession(options('server', { authentication: until === 'lcp' ? ['chap-md5'] : [], ...changes }));
  let out: PppAction[] = [];
  const send = (frame: string, now = 0): string[] => {
    out = [];
    s.receive(octets(frame), now, out);
    for (const action of out) if (action.do === 'request-address') s.addressAssigned(ASSIGNMENT, now, out);
    return out.flatMap((action) => (action.do === 'send' ? [hex(action.frame.subarray(2))] : []));
  };
  s.open(0, out);
  const [request] = out.flatMap((action) => (action.do === 'send' ? [hex(action.frame.subarray(2))] : []));
  send(`c02102${request!.slice(6)}`);
  const sent = send('c0210101000e010405dc050622222222');
  let challengeId = '';
  for (const frame of sent) if (frame.startsWith('c22301')) challengeId = frame.slice(6, 8);
  if (until === 'network') {
    const ipcp = sent.find((frame) => frame.startsWith('802101'))!;
    send(`802102${ipcp.slice(6)}`);
    send('80210107000a030664400009');
    assert.equal(s.ipcp!.state, 'Opened');
  }
  return { s, send, challengeId };
}

test('RFC 1661 section 5.7: CCP and IPV6CP are rejected at once; a protocol before LCP is Opened is not', () => {
  const { send } = openServer();
  assert.match(send('80fd01010004')[0]!, /^c02108..000a80fd01010004$/);
  assert.match(send('80570101000e010a0203040506070809')[0]!, /^c02108..00148057/);
  const fresh = new PppSession(options('server'));
  const out: PppAction[] = [];
  fresh.open(0, out);
  out.length = 0;
  fresh.receive(octets('80fd01010004'), 0, out);
  assert.deepEqual(out, []);
});

test('RFC 1661 section 5.6: an unknown code is rejected with what came, cut to the MRU of the peer', () => {
  const { send } = openServer();
  assert.match(send('c0217f0500080a0b0c0d')[0]!, /^c02107..000c7f0500080a0b0c0d$/);
  const long = send(`c0217f05${(1600).toString(16).padStart(4, '0')}${'00'.repeat(1596)}`)[0]!;
  assert.equal(long.length / 2 - 2, 1500);
});

test('RFC 1661 section 5.8: Echo-Request is answered in Opened, with our magic number', () => {
  const { s, send } = openServer();
  const magic = s.lcp.result.localMagic.toString(16).padStart(8, '0');
  assert.deepEqual(send('c0210944000a222222220102'), [`c0210a44000a${magic}0102`]);
});

test('RFC 1661 section 6.4: requests that carry our own magic number are Naked, and in the end the line is given up', () => {
  const s = new PppSession(options('server'));
  const out: PppAction[] = [];
  s.open(0, out);
  let finished = '';
  for (let n = 0; n < 30 && finished === ''; n++) {
    // A looped line brings back what was sent.
    const frames = out.flatMap((action) => (action.do === 'send' ? [action.frame.subarray(2)] : []));
    out.length = 0;
    for (const frame of frames) s.receive(frame, n, out);
    if (frames.length === 0) s.handleTimeout(s.deadline(), out);
    for (const action of out) if (action.do === 'tell' && action.event === 'finished') finished = action.reason;
  }
  assert.equal(finished, 'loop');
});

test('RFC 1994 section 4.1: a Response repeated after a lost Success gets the same Success; another identifier nothing', () => {
  const { s, send, challengeId } = openServer('lcp');
  const out: PppAction[] = [];
  // The challenge is not known here: the answer's check is forced.
  s.receive(octets(`c22302${challengeId}001a10${'00'.repeat(16)}616c696365`), 0, out);
  const [ask] = out;
  assert.ok(ask?.do === 'authenticate' && ask.name === 'alice');
  assert.equal(ask.verify(Buffer.from('wonderland')), false);
  s.authenticationResult(true, 0, out);
  const again = send(`c22302${challengeId}001a10${'00'.repeat(16)}616c696365`);
  assert.match(again[0]!, new RegExp(`^c22303${challengeId}`));
  const other = ((Number.parseInt(challengeId, 16) + 1) & 255).toString(16).padStart(2, '0');
  assert.deepEqual(send(`c22302${other}001a10${'00'.repeat(16)}616c696365`), []);
});

test('RFC 1332 section 3.3: an address that is not the assigned one is Naked; a peer that insists loses', () => {
  const { s, send } = openServer();
  assert.match(send('80210108000a0306c0000201').at(-1)!, /^80210308000a030664400009$/);
  let last = '';
  for (let n = 9; n < 20 && s.phase === 'network'; n++)
    last = send(`802101${n.toString(16).padStart(2, '0')}000a0306c0000201`).at(-1) ?? last;
  assert.equal(s.phase, 'terminate');
  assert.match(last, /^c02105/, 'Terminate-Request');
});

test('the peer may end with Terminate-Request, and is acknowledged', () => {
  const { s, send } = openServer();
  assert.deepEqual(send('c02105aa0004').at(-1), 'c02106aa0004');
  assert.equal(s.phase, 'terminate');
  const out: PppAction[] = [];
  s.handleTimeout(RESTART_MS, out);
  assert.deepEqual(out.at(-1), { do: 'tell', event: 'finished', reason: 'peer-terminated', message: '' });
});

test('LCP gives up after Max-Configure requests, three seconds apart', () => {
  const s = new PppSession(options('server'));
  const out: PppAction[] = [];
  s.open(0, out);
  let sent = 1;
  let now = 0;
  while (s.phase !== 'dead') {
    assert.equal(s.deadline(), now + RESTART_MS);
    now = s.deadline();
    out.length = 0;
    s.handleTimeout(now, out);
    sent += out.filter((action) => action.do === 'send').length;
  }
  assert.equal(sent, 10);
  assert.equal(now, 30_000);
});

test('any octets are taken without an error, in every phase', () => {
  const valid = [
    'c0210101000e010405dc050622222222',
    'c22302aa001a1000000000000000000000000000000000616c696365',
    '80210108000a030664400009',
    'c0230101000c05616c6963650178',
    '00214500',
  ].map(octets);
  fc.assert(
    fc.property(
      fc.constantFrom('lcp', 'network' as const),
      fc.nat(valid.length - 1),
      fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 4 }),
      fc.nat(40),
      (phase, which, changes, cut) => {
        const { s } = openServer(phase as 'lcp' | 'network');
        const frame = valid[which]!.slice(0, cut);
        for (const [at, value] of changes) if (frame.length > 0) frame[at % frame.length] = value;
        const out: PppAction[] = [];
        s.receive(frame, 1, out);
        assert.ok(out.length < 10);
      },
    ),
    { numRuns: 2000 },
  );
});
