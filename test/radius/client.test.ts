import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RadiusClient, type RadiusClientOptions } from '../../src/radius/client.ts';
import { buildReply, Code, type Packet, parsePacket } from '../../src/radius/packet.ts';
import type { RadiusAction, RadiusAnswer, RadiusRequest, RadiusServerOptions } from '../../src/radius/types.ts';
import { SeededRandom } from '../../src/wire/random.ts';

const server = (n: number, more: Partial<RadiusServerOptions> = {}): RadiusServerOptions => ({
  address: `192.0.2.${n}`,
  port: 1812,
  secret: Buffer.from(`secret ${n}`),
  timeoutMs: 3000,
  retries: 3,
  sourceAddress: null,
  requireMessageAuthenticator: false,
  ...more,
});
const make = (servers: RadiusServerOptions[], more: Partial<RadiusClientOptions> = {}): RadiusClient =>
  new RadiusClient({ servers, random: new SeededRandom(1), ...more });

interface Asked extends RadiusRequest {
  answers: RadiusAnswer[];
}
function request(kind: 'access' | 'accounting' = 'access', status?: number): Asked {
  const answers: RadiusAnswer[] = [];
  return {
    kind,
    ...(status === undefined ? {} : { status }),
    attributes: () => [{ vendor: 0, type: 1, value: Buffer.from('kim') }],
    answer: (answer) => answers.push(answer),
    answers,
  };
}
type Sent = Extract<RadiusAction, { do: 'send' }>;
const sends = (out: RadiusAction[]): Sent[] => out.filter((action): action is Sent => action.do === 'send');
const outcomes = (out: RadiusAction[]): string[] =>
  out.flatMap((action) => (action.do === 'answer' ? [action.answer.outcome] : []));
const told = (out: RadiusAction[]): string[] =>
  out.flatMap((action) => (action.do === 'tell' ? [action.event === 'dropped' ? action.reason : action.event] : []));
const to = (out: RadiusAction[]): string[] => sends(out).map((one) => one.lane.server.address);
const packetOf = (one: Sent): Packet => parsePacket(one.octets) as Packet;
const reply = (one: Sent, code: number, signed = true, secret = one.lane.server.secret): Uint8Array => {
  const { identifier, authenticator } = packetOf(one);
  return buildReply(code, identifier, authenticator, [], secret, signed)!;
};
function ask(client: RadiusClient, now: number, one: RadiusRequest = request()): Sent {
  const out: RadiusAction[] = [];
  client.ask(one, now, out);
  return sends(out)[0]!;
}
const countersOf = (client: RadiusClient, index = 0) => [...client.servers(0)][index]!.counters;

test('RFC 2865 section 2.5: a retransmission is the same packet by the same port, at its time and not before', () => {
  const client = make([server(1)]);
  const first = ask(client, 0);
  const out: RadiusAction[] = [];
  client.handleTimeout(2999, out);
  assert.deepEqual(out, []);
  assert.equal(client.deadline(), 3000);
  for (let i = 1; i <= 3; i++) client.handleTimeout(i * 3000, out);
  assert.deepEqual(
    sends(out).map((one) => [one.lane === first.lane, Buffer.from(one.octets).equals(first.octets)]),
    [
      [true, true],
      [true, true],
      [true, true],
    ],
  );
  client.handleTimeout(12_000, out);
  assert.deepEqual(outcomes(out), ['timeout']);
  assert.deepEqual(told(out), ['server-dead']);
  assert.equal(client.pending, 0);
  assert.equal(client.deadline(), Number.POSITIVE_INFINITY);
  const { requests, retransmissions, requestTimeouts } = countersOf(client);
  assert.deepEqual([requests, retransmissions, requestTimeouts], [1, 3, 4]);
});

test('several servers: round and round in order until one answers', () => {
  const client = make([server(1), server(2), server(3)]);
  const out: RadiusAction[] = [];
  client.ask(request(), 0, out);
  for (let i = 1; i <= 4; i++) client.handleTimeout(i * 3000, out);
  assert.deepEqual(to(out), ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.1', '192.0.2.2']);
  client.receive(sends(out).at(-1)!.lane, reply(sends(out).at(-1)!, Code.AccessAccept), 12_500, out);
  assert.deepEqual(outcomes(out), ['reply']);
  assert.equal(countersOf(client, 1).rolloverRequests, 1);
  assert.equal(countersOf(client, 1).accepts, 1);
});

test('a dead server is passed over for 300 s, or until it is heard', () => {
  const client = make([server(1, { retries: 0 }), server(2)]);
  const out: RadiusAction[] = [];
  const lost = ask(client, 0);
  client.handleTimeout(3000, out);
  assert.deepEqual(told(out), ['server-dead']);
  assert.deepEqual(to(out), ['192.0.2.2']);
  assert.equal(ask(client, 302_999).lane.server.address, '192.0.2.2');
  assert.equal(ask(client, 303_000).lane.server.address, '192.0.2.1');
  // Another round of silence, and then a late reply: it lives.
  client.handleTimeout(306_000, out);
  assert.equal(ask(client, 306_001).lane.server.address, '192.0.2.2');
  const late: RadiusAction[] = [];
  client.receive(lost.lane, reply(lost, Code.AccessAccept), 306_002, late);
  assert.deepEqual(told(late), ['server-alive']);
  assert.deepEqual(outcomes(late), []);
  assert.equal(countersOf(client).unknownResponses, 1);
  assert.equal(ask(client, 306_003).lane.server.address, '192.0.2.1');
});

test('one burst lost kills no server: it must be silent as long as one request may try', () => {
  const client = make([server(1), server(2)]);
  const out: RadiusAction[] = [];
  for (let i = 0; i < 50; i++) client.ask(request(), 0, out);
  const answered = ask(client, 100);
  client.receive(answered.lane, reply(answered, Code.AccessAccept), 200, out);
  client.handleTimeout(3000, out);
  assert.deepEqual(
    told(out).filter((one) => one === 'server-dead'),
    [],
  );
});

test('more than 256 requests are under way by several source ports, each Identifier once', () => {
  const client = make([server(1)], { pendingMax: 1000, queueMax: 10 });
  const out: RadiusAction[] = [];
  for (let i = 0; i < 1012; i++) client.ask(request(), 0, out);
  const seen = new Set(sends(out).map((one) => `${one.lane.index}/${packetOf(one).identifier}`));
  assert.equal(seen.size, 1000);
  assert.deepEqual(new Set(sends(out).map((one) => one.lane.index)), new Set([0, 1, 2, 3]));
  assert.deepEqual(outcomes(out), ['overload', 'overload']);
  assert.equal(client.queued, 10);
  // An answer lets the next one go, in order.
  const more: RadiusAction[] = [];
  client.receive(sends(out)[3]!.lane, reply(sends(out)[3]!, Code.AccessReject), 1, more);
  assert.equal(sends(more).length, 1);
  assert.equal(client.queued, 9);
  assert.equal(countersOf(client).packetsDropped, 2);
});

test('an Identifier rests as long as can be before it is used again', () => {
  const client = make([server(1)]);
  const identifiers = new Set<number>();
  for (let i = 0; i < 256; i++) {
    const one = ask(client, i);
    identifiers.add(packetOf(one).identifier);
    client.receive(one.lane, reply(one, Code.AccessAccept), i, []);
  }
  assert.equal(identifiers.size, 256);
});

test('a request that is withdrawn is not sent again, and its reply is nobody’s', () => {
  const client = make([server(1)], { pendingMax: 1 });
  const [flying, waiting, last] = [request(), request(), request()];
  const first = ask(client, 0, flying);
  client.ask(waiting, 0, []);
  client.ask(last, 0, []);
  const out: RadiusAction[] = [];
  client.cancel(waiting, 1, out);
  client.cancel(flying, 1, out);
  assert.deepEqual(out, []);
  assert.equal(client.queued, 1);
  client.receive(first.lane, reply(first, Code.AccessAccept), 2, out);
  assert.deepEqual(outcomes(out), []);
  // Its place goes to the one that still waits.
  assert.equal(sends(out).length, 1);
  assert.equal(client.pending, 1);
});

test('what waits longer than its life is told so', () => {
  const client = make([server(1)], { pendingMax: 1, lifetimeMs: 5000 });
  ask(client, 0);
  client.ask(request(), 1000, []);
  const out: RadiusAction[] = [];
  client.handleTimeout(3000, out);
  assert.deepEqual(outcomes(out), []);
  client.handleTimeout(6000, out);
  // The first has had its life as well: nothing is sent for it any more.
  assert.deepEqual(outcomes(out), ['timeout', 'timeout']);
  assert.equal(client.pending, 0);
  assert.equal(client.queued, 0);
});

test('CVE-2024-3596: replies without Message-Authenticator are refused where it is demanded, or was once seen', () => {
  const strict = make([server(1, { requireMessageAuthenticator: true })]);
  const one = ask(strict, 0);
  const out: RadiusAction[] = [];
  strict.receive(one.lane, reply(one, Code.AccessAccept, false), 1, out);
  assert.deepEqual(told(out), ['message-authenticator-missing']);
  assert.deepEqual(outcomes(out), []);
  strict.receive(one.lane, reply(one, Code.AccessAccept, true), 2, out);
  assert.deepEqual(outcomes(out), ['reply']);

  const learning = make([server(1)]);
  for (const [signed, wanted] of [
    [false, ['reply']],
    [true, ['reply']],
    [false, []],
  ] as const) {
    const asked = ask(learning, 0);
    const got: RadiusAction[] = [];
    learning.receive(asked.lane, reply(asked, Code.AccessAccept, signed), 1, got);
    assert.deepEqual(outcomes(got), wanted);
  }
  assert.equal(countersOf(learning).missingMessageAuthenticators, 1);
});

test('forged, damaged, misdirected and repeated replies have no effect and are counted', () => {
  const client = make([server(1)]);
  const one = ask(client, 0);
  const right = reply(one, Code.AccessAccept);
  const wrongOf = (work: (octets: Uint8Array) => void): Uint8Array => {
    const octets = right.slice();
    work(octets);
    return octets;
  };
  const out: RadiusAction[] = [];
  const give = (octets: Uint8Array): void => client.receive(one.lane, octets, 1, out);
  give(reply(one, Code.AccessAccept, true, Buffer.from('another secret')));
  give(wrongOf((octets) => (octets[8]! ^= 1)));
  give(wrongOf((octets) => (octets[30]! ^= 1)));
  give(wrongOf((octets) => (octets[1] = packetOf(one).identifier + 1)));
  give(right.slice(0, 10));
  give(wrongOf((octets) => (octets[3] = 200)));
  give(wrongOf((octets) => (octets[21] = 0)));
  give(Buffer.concat([right, new Uint8Array(5000)]).fill(255, 2, 4));
  give(reply(one, Code.AccountingResponse));
  assert.deepEqual(outcomes(out), []);
  assert.deepEqual(told(out), [
    'bad-authenticator',
    'bad-authenticator',
    'bad-authenticator',
    'unknown',
    'malformed',
    'malformed',
    'malformed',
    'malformed',
    'unexpected-code',
  ]);
  give(right);
  give(right);
  assert.deepEqual(outcomes(out), ['reply']);
  const { badAuthenticators, unknownResponses, malformedResponses, accepts } = countersOf(client);
  assert.deepEqual([badAuthenticators, unknownResponses, malformedResponses, accepts], [3, 2, 5, 1]);
});

test('a request that fits no packet is told so and holds nothing', () => {
  const client = make([server(1)]);
  const large = {
    ...request(),
    attributes: () => Array.from({ length: 20 }, () => ({ vendor: 0, type: 1, value: new Uint8Array(253) })),
  };
  const out: RadiusAction[] = [];
  client.ask(large, 0, out);
  assert.deepEqual(outcomes(out), ['too-large']);
  assert.equal(client.pending, 0);
  assert.equal(client.deadline(), Number.POSITIVE_INFINITY);
});

test('accounting: requests and responses are counted by status', () => {
  const client = make([server(1)]);
  for (const status of [1, 3, 3, 2]) {
    const one = ask(client, 0, request('accounting', status));
    client.receive(one.lane, reply(one, Code.AccountingResponse, false), 1, []);
  }
  const { startRequests, interimRequests, stopResponses, interimResponses, responses } = countersOf(client);
  assert.deepEqual([startRequests, interimRequests, stopResponses, interimResponses, responses], [1, 2, 1, 2, 4]);
});

test('a year of losses leaves no request, Identifier or deadline behind', () => {
  const random = new SeededRandom(7);
  const client = make([server(1), server(2)], { pendingMax: 300, queueMax: 100, deadTimeMs: 10_000 });
  let [asked, answered, cancelled] = [0, 0, 0];
  const open = new Set<RadiusRequest>();
  const wire: { at: number; one: Sent }[] = [];
  const perform = (out: RadiusAction[], now: number): void => {
    for (const action of out) {
      if (action.do === 'send') {
        if (random.real() < 0.7) wire.push({ at: now + random.real() * 5000, one: action });
      } else if (action.do === 'answer') {
        assert.ok(open.delete(action.request), 'answered once');
        answered++;
      }
    }
  };
  let now = 0;
  for (let step = 0; step < 20_000; step++) {
    now += random.real() * 20;
    const out: RadiusAction[] = [];
    if (step < 15_000) {
      const one = request();
      open.add(one);
      asked++;
      client.ask(one, now, out);
    }
    if (random.real() < 0.05 && open.size > 0) {
      const one = [...open][Math.floor(random.real() * open.size)]!;
      open.delete(one);
      cancelled++;
      client.cancel(one, now, out);
    }
    wire.sort((a, b) => b.at - a.at);
    while (wire.length > 0 && wire.at(-1)!.at <= now) {
      const { one } = wire.pop()!;
      client.receive(one.lane, reply(one, Code.AccessAccept), now, out);
    }
    client.handleTimeout(now, out);
    perform(out, now);
  }
  for (let at = client.deadline(); at < Number.POSITIVE_INFINITY; at = client.deadline()) {
    const out: RadiusAction[] = [];
    client.handleTimeout(at, out);
    perform(out, at);
  }
  assert.equal(asked, answered + cancelled);
  assert.equal(open.size, 0);
  assert.deepEqual([client.pending, client.queued], [0, 0]);
  for (const one of client.servers(now)) assert.equal(one.pending, 0);
});
