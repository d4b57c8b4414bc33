import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DynamicServer, ErrorCause } from '../../src/radius/dynamic.ts';
import {
  AttributeList,
  type AttributeValue,
  buildSignedRequest,
  Code,
  numberOf,
  type Packet,
  parsePacket,
  replyIsAuthentic,
} from '../../src/radius/packet.ts';

const CLIENT = '192.0.2.9';
const secret = Buffer.from('sesame');
const NOW = 1_800_000_000_000;
function make(answer: number | null = null, more: object = {}): { server: DynamicServer; seen: string[] } {
  const seen: string[] = [];
  const server = new DynamicServer({
    clients: new Map([[CLIENT, secret]]),
    handler: (request) => {
      seen.push(request);
      return answer;
    },
    ...more,
  });
  return { server, seen };
}
function request(code: number, attributes: [string, AttributeValue][], signed = false, key = secret): Uint8Array {
  const list = new AttributeList();
  for (const [name, value] of attributes) list.add(name, value);
  return buildSignedRequest(code, 7, list.attributes, key, signed)!;
}
const disconnect = request(Code.DisconnectRequest, [['User-Name', 'kim']]);
const dropped = (result: object): string | undefined => ('dropped' in result ? (result.dropped as string) : undefined);

test('RFC 5176 2.3: ACK or NAK, signed for the request, Proxy-State in order, Message-Authenticator where there was one', () => {
  for (const [code, ack, nak] of [
    [Code.DisconnectRequest, Code.DisconnectAck, Code.DisconnectNak],
    [Code.CoaRequest, Code.CoaAck, Code.CoaNak],
  ] as const)
    for (const cause of [null, ErrorCause.SessionContextNotFound])
      for (const signed of [true, false]) {
        const octets = request(
          code,
          [
            ['Proxy-State', new Uint8Array([1])],
            ['User-Name', 'kim'],
            ['Proxy-State', new Uint8Array([2])],
          ],
          signed,
        );
        const result = make(cause).server.receive(octets, CLIENT, NOW);
        assert.ok('reply' in result);
        const reply = parsePacket(result.reply) as Packet;
        assert.equal(reply.code, cause === null ? ack : nak);
        assert.ok(replyIsAuthentic(reply, octets.subarray(4, 20), secret));
        assert.equal(reply.messageAuthenticatorAt >= 0, signed);
        assert.equal(numberOf(reply, 'Error-Cause') ?? null, cause);
        assert.deepEqual(
          reply.attributes.filter(({ type }) => type === 33).map(({ value }) => value[0]),
          [1, 2],
        );
      }
});

test('only listed clients are heard, only authentic requests are done; the rest is counted and has no effect', () => {
  const { server, seen } = make();
  assert.equal(dropped(server.receive(disconnect, '192.0.2.8', NOW)), 'unknown-client');
  assert.equal(dropped(server.receive(disconnect.subarray(0, 12), CLIENT, NOW)), 'malformed');
  assert.equal(dropped(server.receive(request(Code.AccountingRequest, []), CLIENT, NOW)), 'unexpected-code');
  const forged = request(Code.DisconnectRequest, [['User-Name', 'kim']], true, Buffer.from('other'));
  assert.equal(dropped(server.receive(forged, CLIENT, NOW)), 'bad-authenticator');
  for (let at = 0; at < disconnect.length; at++) {
    const damaged = disconnect.slice();
    damaged[at]! ^= 0x40;
    assert.ok(dropped(server.receive(damaged, CLIENT, NOW)), `octet ${at}`);
  }
  assert.deepEqual(seen, []);
  assert.equal(server.counters.dropped['unknown-client'], 1);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      assert.ok(dropped(server.receive(octets, CLIENT, NOW)));
    }),
  );
});

test('RFC 5176 6.3: a replay gets the same reply and does nothing, as long as its Event-Timestamp is current', () => {
  const { server, seen } = make();
  const octets = request(Code.DisconnectRequest, [
    ['User-Name', 'kim'],
    ['Event-Timestamp', NOW / 1000],
  ]);
  const first = server.receive(octets, CLIENT, NOW);
  const again = server.receive(octets, CLIENT, NOW + 300_000);
  assert.ok('reply' in first && 'reply' in again);
  assert.deepEqual(again.reply, first.reply);
  assert.equal(again.duplicate, true);
  assert.equal(dropped(server.receive(octets, CLIENT, NOW + 301_000)), 'stale');
  assert.equal(dropped(server.receive(octets, CLIENT, NOW - 301_000)), 'stale');
  assert.deepEqual(seen, ['disconnect']);
  assert.equal(server.counters.duplicates, 1);
  // A stamp of the future is current twice as long.
  const early = make();
  early.server.receive(octets, CLIENT, NOW - 299_000);
  early.server.receive(octets, CLIENT, NOW + 299_000);
  assert.deepEqual(early.seen, ['disconnect']);
});

test('what could not be remembered is refused, since it could be replayed', () => {
  const { server, seen } = make(null, { rememberedMax: 2 });
  const causes = ['a', 'b', 'c'].map((name) => {
    const result = server.receive(request(Code.DisconnectRequest, [['User-Name', name]]), CLIENT, NOW);
    return 'errorCause' in result ? result.errorCause : undefined;
  });
  assert.deepEqual(causes, [null, null, ErrorCause.ResourcesUnavailable]);
  assert.equal(seen.length, 2);
  const later = server.receive(request(Code.DisconnectRequest, [['User-Name', 'c']]), CLIENT, NOW + 601_000);
  assert.equal('errorCause' in later ? later.errorCause : undefined, null);
});

test('requests without Event-Timestamp can be demanded away', () => {
  assert.equal(
    dropped(make(null, { requireTimestamp: true }).server.receive(disconnect, CLIENT, NOW)),
    'missing-timestamp',
  );
});
