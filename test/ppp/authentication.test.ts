import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authenticatee } from '../../src/ppp/authenticatee.ts';
import { Authenticator } from '../../src/ppp/authenticator.ts';
import type { AuthVerdict } from '../../src/ppp/chap.ts';
import type { AuthAnswer, AuthMethod, PppAction, PppOptions } from '../../src/ppp/types.ts';
import { parsePacket } from '../../src/wire/ppp.ts';
import { SeededRandom } from '../../src/wire/random.ts';

const md5 = (...parts: Uint8Array[]): Uint8Array => {
  // Any function of its input will do here; the real one is in the vectors.
  const out = new Uint8Array(16);
  for (const part of parts) for (const octet of part) out[octet % 16] = (out[octet % 16]! * 31 + octet + 1) & 255;
  return out;
};
const options = (role: 'server' | 'client', method: AuthMethod, secret = 'wonderland'): PppOptions => ({
  role,
  random: new SeededRandom(role === 'server' ? 5 : 6),
  md5,
  mru: 1500,
  authentication: [method],
  name: role === 'server' ? 'lns' : 'WONDER\\alice',
  secret: Buffer.from(secret),
  compression: true,
});
const METHODS: readonly AuthMethod[] = ['pap', 'chap-md5', 'mschap-v2'];

/** Both ends, and what each says, as packets from the Code on. */
class Exchange {
  readonly server: Authenticator;
  readonly client: Authenticatee;
  asked: Extract<PppAction, { do: 'authenticate' }>[] = [];
  constructor(method: AuthMethod, secret?: string) {
    this.server = new Authenticator(method, options('server', method));
    this.client = new Authenticatee(method, options('client', method, secret));
  }
  /** Frames in `out`, from the Code on; questions are kept. */
  take(out: PppAction[]): Uint8Array[] {
    return out.flatMap((action) => {
      if (action.do === 'authenticate') this.asked.push(action);
      return action.do === 'send' ? [action.frame.subarray(4)] : [];
    });
  }
  /** Up to the client's first answer. */
  response(): Uint8Array {
    const out: PppAction[] = [];
    this.server.start(0, out);
    this.client.start(0, out);
    const [first] = this.take(out);
    if (this.server.method === 'pap') return first!;
    const answer: PppAction[] = [];
    this.client.receive(parsePacket(first!, 0)!, 0, answer);
    return this.take(answer)[0]!;
  }
  toServer(packet: Uint8Array, now = 0): Uint8Array[] {
    const out: PppAction[] = [];
    this.server.receive(parsePacket(packet, 0)!, now, out);
    return this.take(out);
  }
  decide(answer: AuthAnswer, now = 0): [AuthVerdict, string, Uint8Array] {
    const out: PppAction[] = [];
    const verdict = this.server.decide(answer, now, out);
    const [packet] = this.take(out);
    return [verdict, packet === undefined ? '' : Buffer.from(packet.subarray(4)).toString('latin1'), packet!];
  }
  toClient(packet: Uint8Array): AuthVerdict {
    return this.client.receive(parsePacket(packet, 0)!, 0, []);
  }
}

test('each method: a right password passes at both ends, a wrong one fails at both', () => {
  for (const method of METHODS)
    for (const right of [true, false]) {
      const exchange = new Exchange(method, right ? 'wonderland' : 'guess');
      exchange.toServer(exchange.response());
      const [question] = exchange.asked;
      assert.equal(question!.method, method);
      assert.equal(question!.name, 'WONDER\\alice');
      const passed = question!.verify(Buffer.from('wonderland'));
      assert.equal(passed, right);
      const [verdict, , packet] = exchange.decide({ passed });
      assert.equal(verdict, right ? 'passed' : 'failed');
      assert.equal(exchange.toClient(packet), right ? 'passed' : 'failed');
    }
});

test('another judge is given all that it needs: challenge, identifier, response, or the password', () => {
  for (const [method, size] of [
    ['pap', 10],
    ['chap-md5', 16],
    ['mschap-v2', 49],
  ] as const) {
    const exchange = new Exchange(method);
    const response = exchange.response();
    exchange.toServer(response);
    const [question] = exchange.asked;
    assert.equal(question!.response.length, size);
    assert.equal(question!.challenge.length, method === 'pap' ? 0 : 16);
    assert.equal(question!.identifier, response[1]);
    assert.equal(Buffer.from(question!.nameOctets).toString(), 'WONDER\\alice');
    if (method === 'pap') assert.equal(Buffer.from(question!.response).toString(), 'wonderland');
  }
});

test('RFC 1994 section 4.1: a Response repeated while the decision is pending is no second question; after it, the same answer again', () => {
  for (const method of METHODS)
    for (const passed of [true, false]) {
      const exchange = new Exchange(method);
      const response = exchange.response();
      exchange.toServer(response);
      for (let n = 0; n < 5; n++) assert.deepEqual(exchange.toServer(response, n), []);
      assert.equal(exchange.asked.length, 1);
      exchange.asked[0]!.verify(Buffer.from('wonderland'));
      const [, , answer] = exchange.decide({ passed });
      const [again] = exchange.toServer(response, 60_000);
      assert.deepEqual(again, answer);
      assert.equal(exchange.asked.length, 1);
    }
});

test('RFC 1334 section 2.2.2: the Ack carries the identifier of the last request, also where that came while the decision was pending', () => {
  const exchange = new Exchange('pap');
  const request = exchange.response().slice();
  exchange.toServer(request);
  request[1] = 77;
  assert.deepEqual(exchange.toServer(request), []);
  const other = request.slice();
  other[1] = 78;
  other[5] = 0x58;
  assert.deepEqual(exchange.toServer(other), [], 'another name does not change the question');
  const [, , answer] = exchange.decide({ passed: true });
  assert.equal(answer[1], 77);
});

test('a decision may take two minutes; then it is a time-out, and an answer after that counts for nothing', () => {
  const exchange = new Exchange('chap-md5');
  exchange.toServer(exchange.response(), 1000);
  assert.equal(exchange.server.deadline(), 121_000);
  assert.equal(exchange.server.handleTimeout(120_999, []), 'none');
  assert.equal(exchange.server.handleTimeout(121_000, []), 'timeout');
  assert.equal(exchange.decide({ passed: true })[0], 'none');
});

test('a response of a size that its method cannot have fails at once and bothers nobody', () => {
  for (const method of ['chap-md5', 'mschap-v2'] as const) {
    const exchange = new Exchange(method);
    const response = exchange.response();
    const short = new Uint8Array([2, response[1]!, 0, 10, 4, 1, 2, 3, 4, 97]);
    const [answer] = exchange.toServer(short);
    assert.equal(answer![0], 4);
    assert.equal(exchange.asked.length, 0);
    assert.equal(exchange.server.state, 'failed');
    assert.equal(exchange.server.reason, 'a response of 4 octets');
  }
});

test('the judge’s message reaches the peer, cut to 255 octets between characters', () => {
  for (const method of ['pap', 'chap-md5'] as const)
    for (const passed of [true, false]) {
      const exchange = new Exchange(method);
      exchange.toServer(exchange.response());
      const [, text] = exchange.decide({ passed, message: 'Until Friday' });
      assert.equal(method === 'pap' ? text.slice(1) : text, 'Until Friday');
      const long = new Exchange(method);
      long.toServer(long.response());
      const [, , packet] = long.decide({ passed, message: 'ü'.repeat(200) });
      assert.equal(packet.length - (method === 'pap' ? 5 : 4), 254);
    }
});

test('RFC 2759 section 5: Success of RADIUS is handed through, with its Ident octet or without; without any proof there is no Success', () => {
  const proof = 'S=407A5589115FD0D6209F510FE9C04566932CDA56';
  for (const octets of [Buffer.from(proof), Buffer.from(`\x07${proof}`)]) {
    const exchange = new Exchange('mschap-v2');
    exchange.toServer(exchange.response());
    const [verdict, text] = exchange.decide({ passed: true, msChap2Success: octets, message: 'Hello' });
    assert.equal(verdict, 'passed');
    assert.equal(text, `${proof} M=Hello`);
  }
  for (const answer of [{ passed: true }, { passed: true, msChap2Success: Buffer.from('S=12') }] as const) {
    const exchange = new Exchange('mschap-v2');
    exchange.toServer(exchange.response());
    const [verdict, text] = exchange.decide(answer);
    assert.equal(verdict, 'failed');
    assert.match(text, /^E=691 R=0 C=[0-9A-F]{32} V=3 M=/);
    assert.equal(exchange.server.reason, 'passed, but without the secret or its proof');
  }
});

test('RFC 2759 section 5: a client believes no Success without the right proof', () => {
  for (const text of ['', 'Welcome', `S=${'0'.repeat(40)} M=Welcome`]) {
    const exchange = new Exchange('mschap-v2');
    const response = exchange.response();
    const data = Buffer.from(text);
    const packet = new Uint8Array([3, response[1]!, 0, 4 + data.length, ...data]);
    assert.equal(exchange.toClient(packet), 'failed');
    assert.match(exchange.client.reason, /did not prove/);
  }
});

test('RFC 2759 section 6: error codes of the judge reach the peer; a change of password is refused', () => {
  for (const [error, wanted] of [
    ['\x01E=646 R=0', /^E=646 R=0 C=[0-9A-F]{32} V=3 M=Login incorrect$/],
    ['E=647 R=0 M=disabled', /^E=647 R=0 C=[0-9A-F]{32} V=3 M=disabled$/],
    ['E=648 R=0 V=3', /^E=648 R=0 C=[0-9A-F]{32} V=3 M=The password has expired; it cannot be changed here$/],
    ['E=649 R=1 C=00112233445566778899aabbccddeeff', /^E=649 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=/],
    ['no code', /^E=691 R=0 C=[0-9A-F]{32} V=3 M=Login incorrect$/],
  ] as const) {
    const exchange = new Exchange('mschap-v2');
    exchange.toServer(exchange.response());
    const [verdict, text] = exchange.decide({ passed: false, msChapError: Buffer.from(error, 'latin1') });
    assert.equal(verdict, 'failed');
    assert.match(text, wanted);
    // Change-Password, should it come: nothing.
    const change = new Uint8Array(586);
    change.set([7, 1, 2, 0x4a]);
    assert.deepEqual(exchange.toServer(change), []);
  }
});

test('RFC 2759 sections 9.1.4 and 9.1.5: R=1 allows another Response with the next identifier, three in all', () => {
  const exchange = new Exchange('mschap-v2', 'guess');
  let response = exchange.response();
  for (let attempt = 1; attempt <= 3; attempt++) {
    const now = attempt * 1000;
    exchange.toServer(response, now);
    assert.equal(exchange.asked.length, attempt);
    assert.equal(exchange.asked.at(-1)!.verify(Buffer.from('wonderland')), false);
    const [verdict, text, failure] = exchange.decide({ passed: false, msChapError: Buffer.from('E=691 R=1') }, now);
    assert.equal(verdict, attempt === 3 ? 'failed' : 'none');
    assert.ok(text.startsWith(`E=691 R=${attempt === 3 ? 0 : 1} C=`));
    if (attempt === 3) break;
    assert.equal(exchange.server.deadline(), now + 60_000, 'a person types');
    // Failure lost: the same Response gets the same Failure and is no attempt.
    assert.deepEqual(exchange.toServer(response, now), [failure]);
    const challenge = Buffer.from(text.slice(12, 44), 'hex');
    const asked: PppAction[] = [];
    exchange.client.receive(
      { code: 1, identifier: (failure[1]! + 1) & 255, data: Buffer.concat([Buffer.from([16]), challenge]) },
      now,
      asked,
    );
    response = exchange.take(asked)[0]!;
  }
  const second = new Exchange('mschap-v2', 'guess');
  second.toServer(second.response());
  second.decide({ passed: false, msChapError: Buffer.from('E=691 R=1') }, 0);
  assert.equal(second.server.handleTimeout(60_000, []), 'timeout', 'nobody typed');
});
