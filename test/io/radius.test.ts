import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  AttributeList,
  buildReply,
  Code,
  type Packet,
  parsePacket,
  RadiusClient,
  type RadiusRequest,
  RadiusTransport,
  textOf,
} from '../../src/radius/index.ts';
import { SystemRandom } from '../../src/wire/random.ts';

const secret = Buffer.from('secret');

for (const [family, address] of [
  ['udp4', '127.0.0.1'],
  ['udp6', '::1'],
] as const)
  test(`1,000 requests at once over ${family}: by several source ports, each answered by its own reply`, async (t) => {
    const server = dgram.createSocket({ type: family, recvBufferSize: 8 << 20 });
    const ports = new Set<number>();
    const held: (() => void)[] = [];
    server.on('message', (octets, from) => {
      ports.add(from.port);
      const request = parsePacket(octets) as Packet;
      const list = new AttributeList();
      list.add('Reply-Message', textOf(request, 'User-Name'));
      const { identifier, authenticator } = request;
      const reply = buildReply(Code.AccessAccept, identifier, authenticator, list.attributes, secret, true)!;
      held.push(() => server.send(reply, from.port, from.address));
      // All are under way before the first is answered; those that the socket lost come again.
      const release = (): void => {
        for (const send of held.splice(0)) send();
      };
      if (held.length >= 900) release();
      else if (ports.size > 3) setTimeout(release, 200);
    });
    server.bind(0, address);
    await once(server, 'listening');
    t.after(() => void server.close());
    const client = new RadiusClient({
      servers: [
        {
          address,
          port: server.address().port,
          secret,
          timeoutMs: 2000,
          retries: 3,
          sourceAddress: address,
          requireMessageAuthenticator: true,
        },
      ],
      pendingMax: 1000,
      random: new SystemRandom(),
    });
    const transport = new RadiusTransport(client);
    t.after(() => transport.close());
    const names = await Promise.all(
      Array.from(
        { length: 1000 },
        (_, i) =>
          new Promise<string | undefined>((resolve) => {
            const request: RadiusRequest = {
              kind: 'access',
              attributes: () => [{ vendor: 0, type: 1, value: Buffer.from(`user ${i}`) }],
              answer: (answer) =>
                resolve(answer.outcome === 'reply' ? textOf(answer.packet, 'Reply-Message') : answer.outcome),
            };
            transport.ask(request);
          }),
      ),
    );
    assert.deepEqual(
      names,
      Array.from({ length: 1000 }, (_, i) => `user ${i}`),
    );
    assert.ok(ports.size >= 4, `${ports.size} source ports`);
    assert.equal(client.pending, 0);
  });

test('a server that is not there costs its time and no error', async (t) => {
  const probe = dgram.createSocket('udp4');
  probe.bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  const server = {
    address: '127.0.0.1',
    port,
    secret,
    timeoutMs: 100,
    retries: 1,
    sourceAddress: null,
    requireMessageAuthenticator: false,
  };
  const refused: string[] = [];
  const transport = new RadiusTransport(new RadiusClient({ servers: [server], random: new SystemRandom() }), {
    failed: (_, error) => refused.push(error.message),
  });
  t.after(() => transport.close());
  const outcome = await new Promise((resolve) =>
    transport.ask({ kind: 'access', attributes: () => [], answer: (answer) => resolve(answer.outcome) }),
  );
  assert.equal(outcome, 'timeout');
});
