import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BundleNetwork } from '../../src/ppp/bundle.ts';
import { PppSession } from '../../src/ppp/session.ts';
import { type AuthMethod, type PppAction, type PppOptions, RESTART_MS } from '../../src/ppp/types.ts';
import { NO_ENDPOINT } from '../../src/wire/lcp.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { ASSIGNMENT, hex, octets } from './support.ts';

const options = (changes: Partial<PppOptions> = {}): PppOptions => ({
  role: 'server',
  random: new SeededRandom(1),
  md5: () => new Uint8Array(16),
  mru: 1500,
  authentication: [],
  name: 'lns',
  secret: Buffer.from('wonderland'),
  compression: true,
  ...changes,
});

/** A peer that is written down packet by packet. */
class Peer {
  readonly s: PppSession;
  out: PppAction[] = [];
  now = 0;
  readonly events: string[] = [];
  constructor(changes: Partial<PppOptions> = {}) {
    this.s = new PppSession(options(changes));
    this.s.open(0, this.out);
    this.#perform();
  }
  /** Frames of the last step, from the protocol field on. */
  sent: string[] = [];
  #perform(): void {
    this.sent = [];
    for (let i = 0; i < this.out.length; i++) {
      const action = this.out[i]!;
      if (action.do === 'send') this.sent.push(hex(action.frame.subarray(2)));
      else if (action.do === 'request-address') this.s.addressAssigned(ASSIGNMENT, this.now, this.out);
      else if (action.do === 'tell')
        this.events.push(`${action.event}${action.event === 'finished' ? ` ${action.reason}` : ''}`);
    }
    this.out = [];
    this.#lcpRequest = this.request() || this.#lcpRequest;
  }
  send(frame: string): string[] {
    this.s.receive(octets(frame), this.now, this.out);
    this.#perform();
    return this.sent;
  }
  /** Jumps to the next deadline. @returns false where there is none */
  wait(): boolean {
    const at = this.s.deadline();
    if (at === Number.POSITIVE_INFINITY) return false;
    this.now = at;
    this.s.handleTimeout(at, this.out);
    this.#perform();
    return true;
  }
  /** The last Configure-Request of `protocol` that was sent in the last step. */
  request(protocol = 'c021'): string {
    return this.sent.filter((frame) => frame.startsWith(`${protocol}01`)).at(-1) ?? '';
  }
  #lcpRequest = '';
  /** Waits for the end. */
  end(): void {
    while (this.s.phase !== 'dead') assert.ok(this.wait());
  }
  /** LCP of both ends acknowledged. */
  open(): this {
    const request = this.#lcpRequest;
    this.send(`c02102${request.slice(6)}`);
    this.send('c0210101000e010405dc050622222222');
    assert.equal(this.s.lcp.state, 'Opened');
    return this;
  }
}

test('RFC 1570: Identification and Time-Remaining are taken in every state and never rejected', () => {
  for (const opened of [false, true]) {
    const peer = new Peer();
    if (opened) peer.open();
    assert.deepEqual(peer.send('c0210c07000c222222224d535253'), []);
    assert.deepEqual(peer.send('c0210d08000c2222222200000e10'), []);
    assert.deepEqual(peer.send('c0210b09000822222222'), [], 'Discard-Request');
  }
});

test('RFC 1661 section 5.8: Echo-Request before Opened, or cut short, is silently discarded', () => {
  const peer = new Peer();
  assert.deepEqual(peer.send('c0210901000822222222'), []);
  peer.open();
  assert.deepEqual(peer.send('c021090100062222'), []);
  assert.equal(peer.send('c0210901000822222222').length, 1);
});

test('RFC 1661 section 6.4: a peer that by chance has our magic number is told another one, and agrees by its next request', () => {
  const peer = new Peer();
  const magic = /0506(.{8})/.exec(peer.request())![1]!;
  const [nak] = peer.send(`c0210101000e010405dc0506${magic}`);
  assert.match(nak!, /^c0210301000a0506/);
  assert.notEqual(nak!.slice(-8), magic);
  assert.match(peer.send('c0210102000e010405dc050633333333')[0]!, /^c02102/);
});

test('a peer that Naks for ever is given up after 30 requests', () => {
  const peer = new Peer();
  let requests = 1;
  for (; peer.s.phase !== 'dead' && requests < 100; requests++) {
    const id = peer.request().slice(6, 8);
    peer.send(`c02103${id}000801040400`);
  }
  assert.equal(requests, 31);
  assert.deepEqual(peer.events, ['finished timeout']);
});

test('a peer that acknowledges IPCP and never asks for an address is given up after 30 requests', () => {
  const peer = new Peer().open();
  let asked = 0;
  for (let n = 0; n < 100 && peer.s.phase === 'network'; n++) {
    const request = peer.request('8021');
    if (request !== '') {
      asked++;
      peer.send(`802102${request.slice(6)}`);
    }
    peer.wait();
  }
  assert.equal(asked, 30);
  assert.ok(peer.now <= 30 * RESTART_MS + RESTART_MS);
  peer.end();
  assert.equal(peer.events.at(-1), 'finished network-failed');
});

test('a peer that insists for ever on an option that is not granted is given up', () => {
  const peer = new Peer();
  for (let n = 0; n < 400 && peer.s.phase !== 'dead'; n++) {
    const request = peer.request();
    if (request !== '') peer.send(`c02102${request.slice(6)}`);
    peer.send('c02101010007 0d0306');
    peer.wait();
  }
  assert.equal(peer.s.phase, 'dead');
});

test('RFC 1661 section 5.7: a peer that agreed to CHAP and then rejects it is not asked for half a minute', () => {
  const peer = new Peer({ authentication: ['chap-md5'] }).open();
  assert.equal(peer.s.phase, 'authenticate');
  assert.match(peer.send('c0210805000ac22301010004').at(-1)!, /^c02105/);
  peer.end();
  assert.equal(peer.events.at(-1), 'finished authentication-refused');
});

test('a client chooses another method by Configure-Nak only among those that are configured, and none twice', () => {
  const VALUES: Record<AuthMethod, string> = { pap: 'c023', 'chap-md5': 'c22305', 'mschap-v2': 'c22381' };
  const METHODS = Object.keys(VALUES) as AuthMethod[];
  /** What the server demands in its last Configure-Request; null: nothing. */
  const demanded = (request: string): AuthMethod | null => {
    const packet = octets(request).subarray(6);
    for (let at = 0; at + 2 <= packet.length; at += packet[at + 1]!)
      if (packet[at] === 3)
        return METHODS.find((method) => VALUES[method] === hex(packet.subarray(at + 2, at + packet[at + 1]!))) ?? null;
    return null;
  };
  fc.assert(
    fc.property(
      fc.shuffledSubarray(METHODS, { minLength: 1 }),
      fc.array(fc.constantFrom(...METHODS), { minLength: 4, maxLength: 4 }),
      (authentication, proposals) => {
        const peer = new Peer({ authentication });
        const seen: AuthMethod[] = [];
        for (const proposal of proposals) {
          const method = demanded(peer.request());
          if (peer.s.phase !== 'establish') break;
          assert.ok(method !== null && authentication.includes(method) && !seen.includes(method), String(method));
          const left = authentication.slice(authentication.indexOf(method) + 1);
          seen.push(method);
          const value = VALUES[proposal];
          const size = 2 + value.length / 2;
          const id = peer.request().slice(6, 8);
          peer.send(`c02103${id}00${(4 + size).toString(16).padStart(2, '0')}030${size}${value}`);
          if (left.includes(proposal)) assert.equal(demanded(peer.request()), proposal);
        }
        assert.ok(!peer.events.includes('authenticated'));
        if (proposals.length > authentication.length) assert.equal(peer.s.phase, 'terminate');
      },
    ),
  );
});

test('RFC 1661 section 3.4: after a Configure-Request in Opened all begins again, also what was refused before', () => {
  const peer = new Peer();
  const first = peer.request();
  assert.ok(first.includes('07020802'));
  peer.send(`c02104${first.slice(6, 8)}000807020802`);
  assert.ok(!peer.request().includes('0702'));
  peer.open();
  assert.deepEqual(peer.events, ['lcp-open', 'authenticated']);
  const oldMagic = peer.s.lcp.result.localMagic;
  const again = peer.send('c0210102000e010405dc050644444444');
  assert.deepEqual(peer.events.slice(2), ['lcp-down']);
  assert.ok(peer.request().includes('07020802'), again.join());
  assert.ok(again.some((frame) => frame.startsWith('c02102')));
  peer.send(`c02102${peer.request().slice(6)}`);
  assert.deepEqual(peer.events.slice(3), ['lcp-open', 'authenticated']);
  assert.notEqual(peer.s.lcp.result.localMagic, oldMagic);
  assert.equal(peer.s.lcp.result.peerMagic, 0x44444444);
});

test('a peer that negotiates LCP anew without end is not let to ask the judge each time', () => {
  const peer = new Peer({ authentication: ['pap'] }).open();
  for (let n = 0; n < 20 && peer.s.phase !== 'terminate'; n++) {
    peer.send('c0210102000e010405dc050644444444');
    peer.send(`c02102${peer.request().slice(6)}`);
  }
  assert.equal(peer.events.filter((one) => one === 'lcp-open').length, 9);
  peer.end();
  assert.equal(peer.events.at(-1), 'finished loop');
  // Now and then is well.
  const slow = new Peer({ authentication: ['pap'] }).open();
  for (let n = 0; n < 20; n++) {
    slow.now += 10_000;
    slow.send('c0210102000e010405dc050644444444');
    slow.send(`c02102${slow.request().slice(6)}`);
    assert.equal(slow.s.phase, 'authenticate');
  }
});

test('IPV6CP and CCP are rejected, on a link and on a bundle, and IPCP goes on', () => {
  const peer = new Peer().open();
  assert.match(peer.send('80570101000e010a0203040506070809')[0]!, /^c02108..00148057/);
  assert.equal(peer.s.phase, 'network');
});

test('a bundle whose peer insists on another address ends', () => {
  const out: PppAction[] = [];
  const bundle = new BundleNetwork({
    role: 'server',
    name: 'alice',
    multilink: {
      localMrru: 1500,
      peerMrru: 1500,
      localShortSequence: false,
      peerShortSequence: false,
      localDiscriminator: NO_ENDPOINT,
      peerDiscriminator: NO_ENDPOINT,
    },
  });
  bundle.start(0, out as never);
  bundle.addressAssigned(ASSIGNMENT, 0, out as never);
  for (let n = 1; n < 10; n++) bundle.receive(octets(`8021010${n}000a0306c0000201`), 0, out as never);
  const ends = out.filter((one) => one.do === 'tell' && one.event === 'finished');
  assert.deepEqual(ends, [
    { do: 'tell', event: 'finished', reason: 'no-address', message: 'the peer does not take the address' },
  ]);
});
