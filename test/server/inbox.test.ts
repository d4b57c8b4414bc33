// The order in which control messages are worked on (RFC 2661 section 5.8), and what happens when there are too many.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import fc from 'fast-check';
import { ControlReader } from '../../src/io/control-reader.ts';
import { openFfi } from '../../src/io/ffi.ts';
import { openUdpSocket } from '../../src/io/udp.ts';
import { Inbox } from '../../src/server/inbox.ts';
import { Reception } from '../../src/server/reception.ts';
import type { PeerAddress } from '../../src/wire/address.ts';
import { CDN, HELLO, ICCN, ICRQ, SCCCN, SCCRQ, STOPCCN } from '../../src/wire/avp.ts';
import { needs } from '../support/needs.ts';
import { configuration, Pair } from './pair.ts';

const peer: PeerAddress = { address: '192.0.2.1', port: 1701 };
/** A control message of a type, 0: an acknowledgement; `mark` stands in its session ID. */
function message(type: number, tunnel: number, mark = 0): Uint8Array {
  const octets = new Uint8Array(type === 0 ? 12 : 20);
  const view = new DataView(octets.buffer);
  view.setUint16(0, 0xc802);
  view.setUint16(2, octets.length);
  view.setUint16(4, tunnel);
  view.setUint16(6, mark);
  if (type !== 0) {
    view.setUint16(12, 0x8008);
    view.setUint16(18, type);
  }
  return octets;
}
const markOf = (octets: Uint8Array): number => (octets[6]! << 8) | octets[7]!;
const typeOf = (octets: Uint8Array): number => (octets.length < 20 ? 0 : (octets[18]! << 8) | octets[19]!);
const drained = (inbox: Inbox<number>): Uint8Array[] => {
  const all: Uint8Array[] = [];
  for (let next = inbox.take(); next !== null; next = inbox.take()) all.push(next.octets);
  return all;
};

test('what keeps and ends tunnels goes first, then what completes a set-up, then what begins one', () => {
  const inbox = new Inbox<number>();
  for (const [type, tunnel] of [
    [SCCRQ, 0],
    [ICRQ, 1],
    [SCCCN, 2],
    [HELLO, 3],
    [ICCN, 4],
    [STOPCCN, 5],
    [CDN, 6],
    [0, 1],
  ] as const)
    inbox.put(0, message(type, tunnel), peer);
  inbox.put(0, new Uint8Array([0xc8, 2]), peer);
  assert.deepEqual(drained(inbox).map(typeOf), [HELLO, STOPCCN, CDN, 0, SCCCN, ICCN, SCCRQ, ICRQ, 0]);
  assert.equal(inbox.counters.overtook, 4);
});

test('of one tunnel nothing with an Ns overtakes anything', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom(0, SCCRQ, ICRQ, ICCN, SCCCN, HELLO, CDN, STOPCCN),
          fc.integer({ min: 1, max: 3 }),
          fc.boolean(),
        ),
      ),
      (script) => {
        const inbox = new Inbox<number>();
        const taken: Uint8Array[] = [];
        for (const [mark, [type, tunnel, take]] of script.entries()) {
          inbox.put(0, message(type, tunnel, mark), peer);
          const next = take ? inbox.take() : null;
          if (next !== null) taken.push(next.octets);
        }
        taken.push(...drained(inbox));
        assert.equal(taken.length, script.length);
        for (const tunnel of [1, 2, 3]) {
          const marks = taken.filter((one) => one[5] === tunnel && typeOf(one) !== 0).map(markOf);
          assert.deepEqual(
            marks,
            marks.toSorted((a, b) => a - b),
          );
        }
      },
    ),
  );
});

test('a full inbox turns away beginnings first and ends last, each counted', () => {
  const inbox = new Inbox<number>({ messages: 8, octets: 1 << 20 });
  const put = (type: number, tunnel: number): boolean => inbox.put(0, message(type, tunnel), peer);
  for (let n = 0; n < 8; n++) assert.ok(put(SCCRQ, 0));
  assert.equal(put(SCCRQ, 0), false);
  assert.ok(put(ICCN, 1) && put(ICCN, 2));
  assert.equal(put(ICCN, 3), false);
  assert.ok(put(HELLO, 4) && put(STOPCCN, 5));
  assert.equal(put(HELLO, 6), false);
  assert.deepEqual([inbox.counters.dropped, inbox.size], [3, 12]);
  const small = new Inbox<number>({ messages: 1000, octets: 100 });
  let octets = 0;
  while (small.put(0, message(ICRQ, 1), peer)) octets += 20;
  assert.equal(octets, 100);
});

test('sockets are emptied before the first message of a turn is worked on: a HELLO behind a thousand calls comes first', async (t) => {
  const ffi = openFfi();
  if (!needs(t, 'ffi') || ffi === null) return;
  const { fd, port } = openUdpSocket(ffi, { address: '127.0.0.1', port: 0 });
  t.after(() => ffi.close(fd));
  const sender = createSocket('udp4');
  t.after(() => sender.close());
  const send = (octets: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) =>
      sender.send(octets, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))),
    );
  const order: number[] = [];
  const gateway = { fd, socket: {} } as never;
  const done = new Promise<void>((resolve) => {
    const reception = new Reception({
      ffi,
      gateways: [gateway],
      log: () => undefined,
      receive: (_gateway, octets, source) => {
        assert.equal(source.address, '127.0.0.1');
        order.push(typeOf(octets));
        if (order.length === 1002) resolve();
      },
      data: () => assert.fail('no data was sent'),
      settle: () => undefined,
    });
    void (async () => {
      for (let n = 0; n < 1000; n++) await send(message(ICRQ, 1 + (n % 100), n));
      await send(message(HELLO, 7777));
      // As node tells it: the first datagram, while the rest waits in the socket.
      reception.arrived(gateway, message(ICRQ, 99), { address: '127.0.0.1', port: 1 });
    })();
  });
  await done;
  assert.deepEqual(order.slice(0, 3), [HELLO, ICRQ, ICRQ]);
});

test('a datagram of any size and sender is read whole, and none is left', async (t) => {
  const ffi = openFfi();
  if (!needs(t, 'ffi') || ffi === null) return;
  const reader = new ControlReader(ffi);
  for (const [address, kind] of [
    ['127.0.0.1', 'udp4'],
    ['::1', 'udp6'],
  ] as const) {
    const { fd, port } = openUdpSocket(ffi, { address, port: 0 });
    t.after(() => ffi.close(fd));
    const senders = [createSocket(kind), createSocket(kind)];
    t.after(() => {
      for (const sender of senders) sender.close();
    });
    const sizes = [0, 1, 12, 1500, 60_000, ...new Array<number>(150).fill(20)];
    for (const [n, size] of sizes.entries())
      await new Promise<void>((resolve, reject) =>
        senders[n % 2]!.send(new Uint8Array(size).fill(n), port, address, (error) =>
          error === null ? resolve() : reject(error),
        ),
      );
    const got: [number, number, number][] = [];
    assert.equal(
      reader.read(fd, 1000, (octets, source) => {
        assert.equal(source.address, address);
        got.push([octets.length, octets[0] ?? 0, source.port]);
      }),
      sizes.length,
    );
    assert.deepEqual(
      got,
      sizes.map((size, n) => [size, size === 0 ? 0 : n & 255, senders[n % 2]!.address().port]),
    );
    assert.equal(
      reader.read(fd, 10, () => assert.fail('it is empty')),
      0,
    );
  }
});

test('established tunnels are kept through a storm of set-ups by others', async (t) => {
  const pair = await Pair.start(configuration({ group: 'hello-interval 1;', pool: 'address 100.64.0.0/15;' }), {
    tunnels: 2000,
  });
  t.after(() => pair.close());
  const quiet = await pair.dial({ tunnels: 20, sessionsPerTunnel: 1 }, { helloIntervalMs: 200 });
  assert.equal((await quiet.settled(10_000)).sessionsUp, 20);
  const storm = await pair.dial({ tunnels: 200, sessionsPerTunnel: 10 });
  assert.equal((await storm.settled(60_000)).sessionsUp, 2000);
  assert.equal(quiet.status.sessionsUp, 20);
  assert.deepEqual([pair.lns.tunnels.size, pair.lns.reception.inbox.counters.dropped], [220, 0]);
});
