import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OrderedAaa } from '../../src/aaa/radius.ts';
import type { ProfileRadius } from '../../src/aaa/servers.ts';
import type { AuthenticationResult } from '../../src/aaa/types.ts';
import {
  AttributeList,
  type AttributeValue,
  buildReply,
  Code,
  type Packet,
  parsePacket,
} from '../../src/radius/packet.ts';
import type { RadiusAnswer, RadiusRequest } from '../../src/radius/types.ts';
import { configOf, credentials, line } from './support.ts';

const authenticator = new Uint8Array(16);
function reply(code: number, attributes: [string, AttributeValue][] = []): RadiusAnswer {
  const list = new AttributeList();
  for (const [name, value] of attributes) list.add(name, value);
  const octets = buildReply(code, 1, authenticator, list.attributes, Buffer.from('s'), false)!;
  return {
    outcome: 'reply',
    packet: parsePacket(octets) as Packet,
    server: {} as never,
    requestAuthenticator: authenticator,
  };
}
/** Asks with an `authentication-order` and a RADIUS that answers thus; null: no answer yet. */
function ask(order: string, answer: RadiusAnswer | null, name = 'kim', password = 'password') {
  const config = configOf({
    users: `authentication-order [ ${order} ]; client kim { pap-password "password"; } radius-server 192.0.2.9 { secret s; }`,
  });
  const asked: RadiusRequest[] = [];
  const cancelled: RadiusRequest[] = [];
  const transport = {
    ask: (request: RadiusRequest) => {
      asked.push(request);
      if (answer !== null) request.answer(answer);
    },
    cancel: (request: RadiusRequest) => cancelled.push(request),
  };
  const aaa = new OrderedAaa({
    servers: { access: () => transport } as unknown as ProfileRadius,
    nasIdentifier: () => 'lns',
    filterRates: () => null,
    log: () => undefined,
  });
  const results: AuthenticationResult[] = [];
  const withdraw = aaa.authenticate(credentials('pap', name, password), line({}, config), 0, (result) =>
    results.push(result),
  );
  return { asked, cancelled, results, withdraw };
}
const verdict = (results: AuthenticationResult[]): string => {
  assert.equal(results.length, 1, 'answered once');
  const [result] = results;
  if (result!.passed) return result!.byRadius === true ? 'radius' : 'local';
  return result!.temporary === true ? 'temporary' : 'refused';
};
const accept = reply(Code.AccessAccept);
const reject = reply(Code.AccessReject);
const silence: RadiusAnswer = { outcome: 'timeout' };

test('2.2: the methods are tried from left to right until one accepts', () => {
  for (const [order, answer, name, wanted] of [
    ['radius', accept, 'kim', 'radius'],
    ['radius', reject, 'kim', 'refused'],
    ['radius', silence, 'kim', 'temporary'],
    ['radius', { outcome: 'overload' }, 'kim', 'temporary'],
    ['radius', reply(Code.AccessChallenge), 'kim', 'refused'],
    ['radius password', accept, 'kim', 'radius'],
    ['radius password', silence, 'kim', 'local'],
    ['radius password', reject, 'kim', 'local'],
    ['radius password', silence, 'stranger', 'temporary'],
    ['radius password', reject, 'stranger', 'refused'],
    ['password radius', accept, 'stranger', 'radius'],
    ['password radius', reject, 'kim', 'local'],
    // `none` lets in whom nobody knows or could judge, and nobody whom a method refused.
    ['radius none', silence, 'stranger', 'local'],
    ['radius none', reject, 'stranger', 'refused'],
    ['radius password none', reject, 'stranger', 'refused'],
  ] as const)
    assert.equal(verdict(ask(order, answer, name).results), wanted, `[ ${order} ], ${name}`);
  assert.equal(verdict(ask('password radius', accept, 'kim', 'wrong').results), 'radius', 'a wrong password goes on');
  assert.equal(verdict(ask('password none', null, 'kim', 'wrong').results), 'refused');
  assert.deepEqual(ask('password radius', null).asked, [], 'who is found is not asked for again');
});

test('what the reply holds goes to the peer and over the configuration', () => {
  const { results } = ask(
    'radius',
    reply(Code.AccessAccept, [
      ['Reply-Message', 'hello'],
      ['Idle-Timeout', 9],
    ]),
  );
  const [result] = results;
  assert.ok(result!.passed);
  assert.equal(result!.message, 'hello');
  assert.equal(result!.attributes.ppp.idleTimeoutMs, 9000);
  assert.equal(result!.attributes.ppp.framedPool, 'clients', 'the user group profile gives the rest');
});

test('a question that is withdrawn is withdrawn from the servers, and never answered', () => {
  const { asked, cancelled, results, withdraw } = ask('radius password', null);
  withdraw();
  assert.deepEqual(cancelled, asked);
  asked[0]!.answer(accept);
  assert.deepEqual(results, []);
});
