import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { BundleNetwork, bundleKey, mismatch } from '../../src/ppp/bundle.ts';
import { PppSession } from '../../src/ppp/session.ts';
import {
  type MultilinkOptions,
  type MultilinkResult,
  type PppAction,
  type PppOptions,
  RESTART_MS,
} from '../../src/ppp/types.ts';
import { type EndpointDiscriminator, formatEndpoint, NO_ENDPOINT, parseEndpoint } from '../../src/wire/lcp.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { ASSIGNMENT, hex, octets } from './support.ts';

const crypto = new WasmCrypto();
const SERVER: MultilinkOptions = {
  mrru: 1524,
  shortSequence: false,
  endpointDiscriminator: { class: 2, address: octets('c0000201') },
};
const CLIENT: MultilinkOptions = {
  mrru: 1500,
  shortSequence: true,
  endpointDiscriminator: { class: 3, address: octets('00005e005301') },
};
const options = (role: 'server' | 'client', seed: number, changes: Partial<PppOptions> = {}): PppOptions => ({
  role,
  random: new SeededRandom(seed),
  md5: (...parts) => crypto.md5(...parts),
  mru: 1500,
  authentication: ['chap-md5'],
  name: role === 'server' ? 'lns' : 'alice',
  secret: Buffer.from('wonderland'),
  compression: true,
  multilink: role === 'server' ? SERVER : CLIENT,
  ...changes,
});

/** One end: its links, and the bundle that the ready ones make. Sends the bundle's frames bare and with a header in turn. */
class End {
  readonly links: PppSession[];
  readonly events: string[] = [];
  bundle: BundleNetwork | null = null;
  readonly members = new Set<number>();
  #turn = 0;
  #sequence = 0;
  readonly role: 'server' | 'client';
  /** Every link's agreement, in the order in which the links became ready. */
  readonly agreed: MultilinkResult[] = [];

  constructor(role: 'server' | 'client', count: number, seed: number, changes: Partial<PppOptions>) {
    this.role = role;
    this.links = Array.from(
      { length: count },
      (_, n) => new PppSession(options(role, seed * 100 + n * 2 + (role === 'server' ? 0 : 1), changes)),
    );
  }
  /** @param put sends a frame, from its protocol field on, over a link */
  perform(link: number, out: PppAction[], now: number, put: (link: number, frame: Uint8Array) => void): void {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      const ppp = this.links[link]!;
      if (action.do === 'send') put(link, action.frame.subarray(2));
      else if (action.do === 'authenticate')
        ppp.authenticationResult(action.name === 'alice' && action.verify(Buffer.from('wonderland')), now, out);
      else if (action.do === 'request-address') ppp.addressAssigned(ASSIGNMENT, now, out);
      else if (action.do === 'to-bundle') this.#toBundle(action.frame, now, put);
      else if (action.event === 'link-ready') {
        this.events.push(`link-ready ${link} ${action.name}`);
        this.agreed.push(action.lcp.multilink!);
        this.members.add(link);
        if (this.bundle === null) {
          this.bundle = new BundleNetwork({
            role: this.role,
            name: action.name,
            multilink: action.lcp.multilink!,
          });
          const more: PppAction[] = [];
          this.bundle.start(now, more as never);
          this.performBundle(more, now, put);
        }
      } else {
        this.events.push(action.event === 'finished' ? `finished ${action.reason}` : action.event);
        if (action.event === 'lcp-down' || action.event === 'finished') this.#leave(link, now, put);
      }
    }
  }
  #leave(link: number, now: number, put: (link: number, frame: Uint8Array) => void): void {
    if (!this.members.delete(link) || this.members.size > 0 || this.bundle === null) return;
    const out: PppAction[] = [];
    this.bundle.down(now, out as never);
    this.performBundle(out, now, put);
    this.bundle = null;
  }
  #toBundle(frame: Uint8Array, now: number, put: (link: number, frame: Uint8Array) => void): void {
    // A whole packet in one fragment: what reassembly would do with it.
    const at = frame[0] === 0x3d ? 1 : frame[0] === 0 && frame[1] === 0x3d ? 2 : 0;
    const short = this.agreed[0]!.localShortSequence;
    const inner = at === 0 ? frame : frame.subarray(at + (short ? 2 : 4));
    const out: PppAction[] = [];
    this.bundle?.receive(inner, now, out as never);
    this.performBundle(out, now, put);
  }
  performBundle(out: PppAction[], now: number, put: (link: number, frame: Uint8Array) => void): void {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      if (action.do === 'send') {
        const members = [...this.members];
        const link = members[this.#turn++ % members.length]!;
        const packet = action.frame.subarray(2);
        if (this.#turn % 2 === 0) put(link, packet);
        else {
          const short = this.agreed[0]!.peerShortSequence;
          const n = this.#sequence++;
          const header = short ? [0xc0 | (n >> 8), n & 255] : [0xc0, n >> 16, (n >> 8) & 255, n & 255];
          put(link, new Uint8Array([0x00, 0x3d, ...header, ...packet]));
        }
      } else if (action.do === 'request-address') this.bundle!.addressAssigned(ASSIGNMENT, now, out as never);
      else if (action.do === 'tell') {
        this.events.push(
          `bundle ${action.event}${action.event === 'network-open' ? ` ${action.address.toString(16)}` : ''}`,
        );
      } else assert.fail(action.do);
    }
  }
  deadline(): number {
    return Math.min(this.bundle?.deadline() ?? Number.POSITIVE_INFINITY, ...this.links.map((one) => one.deadline()));
  }
}

interface Settings {
  links?: number;
  loss?: number;
  seed?: number;
  server?: Partial<PppOptions>;
  client?: Partial<PppOptions>;
  /** What happens to a frame on its way; null: lost. */
  meddle?: (frame: Uint8Array, from: 'server' | 'client') => Uint8Array | null;
}
class Wire {
  readonly s: End;
  readonly c: End;
  now = 0;
  readonly #queue: { at: number; to: End; link: number; frame: Uint8Array }[] = [];
  readonly #chance: SeededRandom;
  readonly #settings: Settings;
  readonly seen: string[] = [];

  constructor(settings: Settings = {}) {
    const { links = 2, seed = 1 } = settings;
    this.#settings = settings;
    this.#chance = new SeededRandom(seed);
    this.s = new End('server', links, seed, settings.server ?? {});
    this.c = new End('client', links, seed, settings.client ?? {});
    for (let link = 0; link < links; link++)
      for (const end of [this.s, this.c]) this.act(end, link, (ppp, out) => ppp.open(this.now, out));
  }
  #put(end: End): (link: number, frame: Uint8Array) => void {
    return (link, frame) => {
      const { loss = 0, meddle } = this.#settings;
      this.seen.push(`${end.role} ${hex(frame)}`);
      if (this.#chance.real() < loss) return;
      const arrives = meddle === undefined ? frame : meddle(frame, end.role);
      if (arrives !== null)
        this.#queue.push({ at: this.now + 10 + link, to: end === this.s ? this.c : this.s, link, frame: arrives });
    };
  }
  act(end: End, link: number, work: (ppp: PppSession, out: PppAction[]) => void): void {
    const out: PppAction[] = [];
    work(end.links[link]!, out);
    end.perform(link, out, this.now, this.#put(end));
  }
  /** Until nothing more happens, or the time has come. */
  run(until = 200_000): this {
    for (let steps = 0; steps < 20_000; steps++) {
      this.#queue.sort((a, b) => a.at - b.at);
      const next = Math.min(this.#queue[0]?.at ?? Number.POSITIVE_INFINITY, this.s.deadline(), this.c.deadline());
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (this.#queue[0] !== undefined && this.#queue[0].at <= this.now) {
        const { to, link, frame } = this.#queue.shift()!;
        this.act(to, link, (ppp, out) => ppp.receive(frame, this.now, out));
      }
      for (const end of [this.s, this.c]) {
        for (let link = 0; link < end.links.length; link++)
          if (end.links[link]!.deadline() <= this.now)
            this.act(end, link, (ppp, out) => ppp.handleTimeout(this.now, out));
        if (end.bundle !== null && end.bundle.deadline() <= this.now) {
          const out: PppAction[] = [];
          end.bundle.handleTimeout(this.now, out as never);
          end.performBundle(out, this.now, this.#put(end));
        }
      }
    }
    return this;
  }
}

test('RFC 1990 sections 5.1.1 to 5.1.3: both ends agree on MRRU, sequence format a direction, discriminators', () => {
  for (const links of [1, 2, 4, 8]) {
    const { s, c, now } = new Wire({ links }).run(RESTART_MS - 1);
    assert.equal(s.agreed.length, links);
    for (const one of s.agreed)
      assert.deepEqual(one, {
        localMrru: 1524,
        peerMrru: 1500,
        localShortSequence: false,
        peerShortSequence: true,
        localDiscriminator: SERVER.endpointDiscriminator,
        peerDiscriminator: CLIENT.endpointDiscriminator,
      });
    for (const one of c.agreed)
      assert.deepEqual(one, {
        localMrru: 1500,
        peerMrru: 1524,
        localShortSequence: true,
        peerShortSequence: false,
        localDiscriminator: CLIENT.endpointDiscriminator,
        peerDiscriminator: SERVER.endpointDiscriminator,
      });
    assert.ok(now < RESTART_MS, 'nothing waits for a timer');
  }
});

test('RFC 1990 section 8: LCP and authentication on each link, IPCP once, on the bundle', () => {
  const { s, c } = new Wire({ links: 4 }).run();
  const count = (events: string[], what: string): number => events.filter((one) => one.startsWith(what)).length;
  for (const end of [s, c]) {
    assert.equal(count(end.events, 'authenticated'), 4);
    assert.equal(count(end.events, 'link-ready'), 4);
    assert.equal(count(end.events, 'network-open'), 0, 'no network on a member link');
    assert.deepEqual(
      end.events.filter((one) => one.startsWith('bundle')),
      ['bundle network-open 64400009'],
    );
    for (const link of end.links) assert.equal(link.phase, 'bundled');
  }
  assert.deepEqual(
    s.events.filter((one) => one.startsWith('link-ready')),
    [0, 1, 2, 3].map((link) => `link-ready ${link} alice`),
  );
});

test('two and four links come up at 5 % and at 20 % loss', () => {
  for (const loss of [0.05, 0.2])
    for (const links of [2, 4])
      for (let seed = 1; seed <= 60; seed++) {
        const { s, c } = new Wire({ links, loss, seed }).run();
        const what = `loss ${loss}, ${links} links, seed ${seed}: ${s.events.join()} / ${c.events.join()}`;
        assert.equal(s.members.size, links, what);
        assert.equal(c.members.size, links, what);
        for (const end of [s, c]) assert.ok(end.events.includes('bundle network-open 64400009'), what);
      }
});

test('RFC 1990 section 7: a link that ends leaves the bundle; the last one takes it along', () => {
  const wire = new Wire({ links: 3 }).run();
  const { s, c } = wire;
  wire.act(c, 0, (ppp, out) => ppp.close('administrative', '', wire.now, out));
  wire.run();
  assert.deepEqual([...s.members], [1, 2]);
  assert.ok(s.bundle?.up && c.bundle?.up, 'the first link was not the bundle');
  wire.act(s, 1, (ppp, out) => ppp.lowerDown(wire.now, out));
  wire.act(c, 1, (ppp, out) => ppp.lowerDown(wire.now, out));
  assert.deepEqual([...s.members], [2]);
  assert.ok(s.bundle?.up);
  wire.act(s, 2, (ppp, out) => ppp.close('administrative', '', wire.now, out));
  wire.run();
  for (const end of [s, c]) {
    assert.equal(end.bundle, null);
    assert.equal(end.events.filter((one) => one === 'bundle network-down').length, 1);
  }
});

test('without multilink on one side the session runs plain, and LCP says so', () => {
  for (const [server, client] of [
    [null, CLIENT],
    [SERVER, null],
  ] as const) {
    const wire = new Wire({ links: 1, server: { multilink: server }, client: { multilink: client } }).run();
    for (const end of [wire.s, wire.c]) {
      assert.ok(end.events.includes('network-open'), end.events.join());
      assert.equal(end.links[0]!.lcp.result.multilink, null);
      assert.equal(end.agreed.length, 0);
    }
    // Short sequence numbers are not asked for by themselves (section 11.1).
    const requests = wire.seen.filter((one) => one.includes(' c02101')).map((one) => one.slice(one.indexOf(' ') + 9));
    assert.ok(
      requests.every((one) => !options18(one) || one.includes('1104')),
      requests.join(),
    );
  }
});
function options18(body: string): boolean {
  const data = octets(body.slice(4));
  for (let at = 0; at + 1 < data.length; at += Math.max(2, data[at + 1]!)) if (data[at] === 18) return true;
  return false;
}

/** One link to a scripted peer. */
function scripted(role: 'server' | 'client' = 'server', changes: Partial<PppOptions> = {}) {
  const s = new PppSession(options(role, 7, { authentication: [], ...changes }));
  let out: PppAction[] = [];
  const sent = (): string[] => out.flatMap((action) => (action.do === 'send' ? [hex(action.frame.subarray(2))] : []));
  s.open(0, out);
  const [first] = sent();
  const give = (frame: string): PppAction[] => {
    out = [];
    s.receive(octets(frame), 0, out);
    return out;
  };
  const send = (frame: string): string[] => {
    give(frame);
    return sent();
  };
  return { s, give, send, first: first! };
}
/** A Configure packet with its length filled in. */
const configure = (code: number, identifier: number, body: string): string =>
  `c021${code.toString(16).padStart(2, '0')}${identifier.toString(16).padStart(2, '0')}${(4 + body.length / 2).toString(16).padStart(4, '0')}${body}`;
const id = (frame: string): number => Number.parseInt(frame.slice(6, 8), 16);

test('RFC 1990 section 5.1.3: a missing discriminator is Class 0, and never Naked', () => {
  const { s, send, give, first } = scripted();
  const [answer] = send(configure(1, 1, '010405dc11040600050622222222'));
  assert.match(answer!, /^c02102/);
  assert.ok(first.includes('130702c0000201'), 'ours is offered');
  const actions = give(configure(2, id(first), first.slice(12)));
  const ready = actions.find((one) => one.do === 'tell' && one.event === 'link-ready');
  assert.ok(ready?.do === 'tell' && ready.event === 'link-ready');
  assert.deepEqual(ready.lcp.multilink!.peerDiscriminator, NO_ENDPOINT);
  assert.equal(ready.lcp.multilink!.peerMrru, 1536);
  assert.equal(s.phase, 'bundled');
});

test('RFC 1990 section 5.1.3: every class is taken; one of a wrong length is rejected, never Naked', () => {
  for (const [value, text] of [
    ['00', 'null'],
    ['01aa', 'local:aa'],
    ['02c0000201', 'IP:192.0.2.1'],
    ['0300005e005301', 'MAC:00:00:5e:00:53:01'],
    ['040102030405060708', 'magic:0102030405060708'],
    ['0534393330', 'phone:4930'],
    ['0500', 'phone:00'],
    ['09abcd', 'class-9:abcd'],
  ] as const) {
    assert.equal(formatEndpoint(parseEndpoint(octets(value))!), text);
    const { send } = scripted();
    const option = `13${(2 + value.length / 2).toString(16).padStart(2, '0')}${value}`;
    assert.match(send(configure(1, 1, `110405dc${option}`))[0]!, /^c02102/, text);
  }
  for (const value of [
    '',
    '0001',
    '01',
    `01${'aa'.repeat(21)}`,
    '02c00002',
    '02c000020101',
    '0300005e0053',
    '040102',
    '04',
    '05',
    `05${'31'.repeat(16)}`,
    `09${'00'.repeat(21)}`,
  ]) {
    const option = `13${(2 + value.length / 2).toString(16).padStart(2, '0')}${value}`;
    const { send } = scripted();
    assert.equal(send(configure(1, 1, `110405dc${option}`))[0], configure(4, 1, option));
  }
});

test('RFC 1990 section 5.1.3: a Nak or Reject of ours takes it out of every later request; the link stays multilink', () => {
  for (const code of [3, 4]) {
    const { s, send, first } = scripted();
    const [again] = send(configure(code, id(first), '130702c0000201'));
    assert.ok(!again!.includes('1307'), again);
    assert.ok(again!.includes('110405f4'));
    send(configure(2, id(again!), again!.slice(12)));
    send(configure(1, 1, '110405dc'));
    assert.deepEqual(s.lcp.result.multilink!.localDiscriminator, NO_ENDPOINT);
  }
});

test('RFC 1990 section 5.1.1: our MRRU is the same in every request whatever a Nak proposes; in the end the link runs plain', () => {
  const { s, send, first } = scripted();
  let request = first;
  for (let n = 0; n < 2; n++) {
    [request] = send(configure(3, id(request), '11040400')) as [string];
    assert.ok(request.includes('110405f4'), request);
  }
  [request] = send(configure(3, id(request), '11040400')) as [string];
  assert.ok(!request.includes('110405f4'), request);
  // And a peer whose MRRU we then cannot match hears so.
  assert.equal(send(configure(1, 1, '110405dc1202'))[0], configure(4, 1, '110405dc1202'));
  assert.equal(s.lcp.result.multilink, null);
});

test('RFC 1990 section 5.1.1: an MRRU that carries no packet is Naked with 1500; a Reject of ours makes the session plain', () => {
  const { send, s, first } = scripted();
  assert.equal(send(configure(1, 1, '11040010'))[0], configure(3, 1, '110405dc'));
  assert.equal(send(configure(1, 1, '110305'))[0], configure(3, 1, '110405dc'));
  const [again] = send(configure(4, id(first), '110405f4'));
  assert.ok(!again!.includes('1104') && !again!.includes('1307'));
  send(configure(2, id(again!), again!.slice(12)));
  send(configure(1, 2, '0104058c'));
  assert.equal(s.phase, 'network');
  assert.equal(s.lcp.result.multilink, null);
});

test('RFC 1990 section 11.1: short sequence numbers without an MRRU are rejected; a discriminator alone is no multilink', () => {
  const { send, s, first } = scripted();
  assert.equal(send(configure(1, 1, '1202'))[0], configure(4, 1, '1202'));
  assert.match(send(configure(1, 2, '130702c0000202'))[0]!, /^c02102/);
  send(configure(2, id(first), first.slice(12)));
  assert.equal(s.phase, 'network');
  assert.equal(s.lcp.result.multilink, null);
});

test('RFC 1990 section 5.1.2: the peer may reject our short format, which leaves 24 bits in that direction', () => {
  const short = { ...SERVER, shortSequence: true };
  const { send, s, first } = scripted('server', { multilink: short });
  assert.ok(first.includes('1202'));
  const [again] = send(configure(4, id(first), '1202'));
  send(configure(2, id(again!), again!.slice(12)));
  send(configure(1, 1, '110405dc1202'));
  const { multilink } = s.lcp.result;
  assert.equal(multilink!.localShortSequence, false);
  assert.equal(multilink!.peerShortSequence, true);
});

test('an unsolicited Nak for multilink options changes nothing where none are configured', () => {
  const { send, first } = scripted('server', { multilink: null });
  const [again] = send(configure(3, id(first), '110405dc1202130702c0000202'));
  assert.equal(again!.slice(12), first.slice(12));
});

const result = (changes: Partial<MultilinkResult> = {}): MultilinkResult => ({
  localMrru: 1524,
  peerMrru: 1500,
  localShortSequence: false,
  peerShortSequence: false,
  localDiscriminator: SERVER.endpointDiscriminator,
  peerDiscriminator: CLIENT.endpointDiscriminator,
  ...changes,
});

test('RFC 1990 section 5.1.3, (1) to (4): a bundle is told by discriminator and authenticated name, a mismatch of either is another', () => {
  const discriminators: EndpointDiscriminator[] = [
    NO_ENDPOINT,
    { class: 1, address: octets('c0000201') },
    { class: 2, address: octets('c0000201') },
    { class: 2, address: octets('c0000202') },
  ];
  const keys = new Set<string>();
  for (const name of ['', 'alice', 'alice ', ' alice', 'bob'])
    for (const peerDiscriminator of discriminators) keys.add(bundleKey(name, result({ peerDiscriminator })));
  assert.equal(keys.size, 20);
  assert.equal(bundleKey('alice', result()), bundleKey('alice', result({ peerMrru: 9 })));
});

test('RFC 1990 sections 5.1.1 and 5.1.2: a link with another MRRU or sequence format cannot join', () => {
  assert.equal(mismatch(result(), result()), null);
  for (const other of [
    { peerMrru: 1400 },
    { localMrru: 1500 },
    { peerShortSequence: true },
    { localShortSequence: true },
  ])
    assert.notEqual(mismatch(result(), result(other)), null);
});

test('RFC 1990 section 2: Configure and Terminate packets of LCP inside multilink are silently discarded, Echo and unknown codes answered', () => {
  const out: PppAction[] = [];
  const bundle = new BundleNetwork({ role: 'server', name: 'alice', multilink: result() });
  bundle.start(0, out as never);
  bundle.addressAssigned(ASSIGNMENT, 0, out as never);
  const send = (frame: string): string[] => {
    out.length = 0;
    bundle.receive(octets(frame), 0, out as never);
    return out.flatMap((action) => (action.do === 'send' ? [hex(action.frame)] : [action.do]));
  };
  for (let code = 1; code <= 6; code++) assert.deepEqual(send(`c0210${code}070004`), []);
  assert.deepEqual(send('c0210944000a222222220102'), ['ff03c0210a44000a000000000102']);
  assert.deepEqual(send('ff03c0210944000a222222220102'), ['ff03c0210a44000a000000000102'], 'Address and Control');
  for (const code of ['07', '0a', '0b', '0c', '0d']) assert.deepEqual(send(`c021${code}07000822222222`), []);
  assert.match(send('c0217f0500080a0b0c0d')[0]!, /^ff03c02107..000c7f0500080a0b0c0d$/);
  // Frames for a protocol that is not spoken: rejected, with one or two octets of protocol field, cut to what fits.
  assert.match(send('80fd01010004')[0]!, /^ff03c02108..000a80fd01010004$/);
  assert.match(send('5760000000')[0]!, /^ff03c02108..000a005760000000$/);
  assert.match(send('005760000000')[0]!, /^ff03c02108..000a005760000000$/);
  assert.equal(send(`0057${'60'.repeat(3000)}`)[0]!.length / 2, 4 + 1500);
  assert.deepEqual(send('2145'), []);
  assert.deepEqual(send(''), []);
  // The peer does not speak IPCP: the bundle ends.
  assert.deepEqual(send('c02108010006802100'.slice(0, 16)), ['tell']);
});

test('a Protocol-Reject of IPCP that comes over a member link ends the bundle', () => {
  const wire = new Wire({ links: 2 }).run();
  wire.act(wire.s, 1, (ppp, out) => ppp.receive(octets('c0210801000a802101010004'), wire.now, out));
  assert.ok(wire.s.events.includes('bundle network-down'), wire.s.events.join());
  wire.run();
  assert.ok(wire.s.events.includes('bundle finished'), 'after Terminate-Request and its answer');
  assert.equal(wire.s.links[1]!.lcp.state, 'Opened', 'the link is the driver’s to end');
});

test('protocols of one link are rejected on it, all others go to the bundle', () => {
  const wire = new Wire({ links: 2 }).run();
  const link = wire.s.links[1]!;
  for (const [frame, where] of [
    ['c025010100040000', 'send'],
    ['80fb01010004', 'send'],
    ['80fd01010004', 'to-bundle'],
    ['0021450000', 'to-bundle'],
    ['3dc00000000021', 'to-bundle'],
  ] as const) {
    const out: PppAction[] = [];
    link.receive(octets(frame), wire.now, out);
    assert.deepEqual(
      out.map((one) => one.do),
      [where],
      frame,
    );
  }
});

test('a link that negotiates LCP anew leaves the bundle and joins again', () => {
  const wire = new Wire({ links: 2 }).run();
  wire.act(wire.c, 1, (ppp, out) => {
    ppp.lcp.input('Down', wire.now, out);
    ppp.lcp.input('Up', wire.now, out);
  });
  wire.run();
  for (const end of [wire.s, wire.c]) {
    assert.equal(end.members.size, 2);
    assert.equal(end.events.filter((one) => one.startsWith('link-ready 1')).length, 2);
    assert.ok(end.bundle?.up);
    assert.ok(!end.events.includes('bundle network-down'));
  }
});

test('any octets are taken by a bundle without an error', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(
        'c0210101000e010405dc050622222222',
        '80210108000a030664400009',
        'c0210801000680210000',
        '0021450000',
      ),
      fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 4 }),
      fc.nat(40),
      (valid, changes, cut) => {
        const out: PppAction[] = [];
        const bundle = new BundleNetwork({ role: 'server', name: '', multilink: result() });
        bundle.start(0, out as never);
        bundle.addressAssigned(ASSIGNMENT, 0, out as never);
        out.length = 0;
        const frame = octets(valid).slice(0, cut);
        for (const [at, value] of changes) if (frame.length > 0) frame[at % frame.length] = value;
        bundle.receive(frame, 1, out as never);
        assert.ok(out.length < 5);
      },
    ),
    { numRuns: 2000 },
  );
});
