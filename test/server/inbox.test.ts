// The order in which control messages are worked on (RFC 2661 section 5.8), and what happens when there are too many.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TunnelStanding } from '../../src/control/types.ts';
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
const standingOf = (type: number, tunnel: number): TunnelStanding =>
  tunnel === 0 ? 'none' : type === SCCCN ? 'setting-up' : 'open';
const drained = (inbox: Inbox<number>): Uint8Array[] => {
  const all: Uint8Array[] = [];
  for (let next = inbox.take(); next !== null; next = inbox.take()) all.push(next.octets);
  return all;
};

test('what keeps and ends tunnels goes first, then what completes a set-up, then calls, then what anybody may send', () => {
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
    inbox.put(0, message(type, tunnel), peer, standingOf(type, tunnel));
  inbox.put(0, new Uint8Array([0xc8, 2]), peer, 'none');
  assert.deepEqual(drained(inbox).map(typeOf), [HELLO, STOPCCN, CDN, 0, SCCCN, ICCN, ICRQ, SCCRQ, 0]);
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
          inbox.put(0, message(type, tunnel, mark), peer, standingOf(type, tunnel));
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
  const put = (type: number, tunnel: number): boolean =>
    inbox.put(0, message(type, tunnel), peer, standingOf(type, tunnel));
  for (let n = 0; n < 8; n++) assert.ok(put(SCCRQ, 0));
  assert.equal(put(SCCRQ, 0), false);
  assert.ok(put(ICRQ, 1));
  assert.equal(put(ICRQ, 7), false);
  assert.ok(put(ICCN, 2));
  assert.equal(put(ICCN, 3), false);
  assert.ok(put(HELLO, 4) && put(STOPCCN, 5));
  assert.equal(put(HELLO, 6), false);
  assert.deepEqual([inbox.counters.dropped, inbox.size], [4, 12]);
  const small = new Inbox<number>({ messages: 1000, octets: 100 });
  let octets = 0;
  while (small.put(0, message(SCCRQ, 0), peer, 'none')) octets += 20;
  assert.equal(octets, 100);
});

test('one tunnel fills an eighth of the inbox and no more, in messages and in octets; before it is open 64 messages', () => {
  for (const [limits, standing, most] of [
    [{ messages: 800, octets: 1 << 20 }, 'open', 100],
    [{ messages: 8000, octets: 8000 }, 'open', 50],
    [{ messages: 8000, octets: 1 << 20 }, 'setting-up', 64],
  ] as const) {
    const inbox = new Inbox<number>(limits);
    let taken = 0;
    while (inbox.put(0, message(HELLO, 1), peer, standing)) taken++;
    assert.equal(taken, most);
    assert.ok(inbox.put(0, message(HELLO, 2), peer, standing));
    assert.equal(drained(inbox).length, most + 1);
    assert.ok(inbox.put(0, message(HELLO, 1), peer, standing));
  }
});

test('strangers have room of their own: a flood of theirs leaves that of the others free', () => {
  const inbox = new Inbox<number>({ messages: 1000, strangers: 10 });
  for (let n = 0; n < 100; n++) inbox.put(0, message(SCCRQ, 0), peer, 'none');
  assert.deepEqual([inbox.size, inbox.counters.dropped], [10, 90]);
  assert.ok(inbox.put(0, message(ICRQ, 1), peer, 'open'));
});

test('who is not the peer of an open tunnel gets in front of nobody, and moves no tunnel', () => {
  const inbox = new Inbox<number>();
  for (const type of [0, HELLO, STOPCCN, SCCRQ]) inbox.put(0, message(type, 1, 1), peer, 'none');
  inbox.put(0, message(HELLO, 2, 1), peer, 'setting-up');
  inbox.put(0, message(ICRQ, 3, 2), peer, 'open');
  inbox.put(0, message(HELLO, 1, 3), peer, 'open');
  assert.deepEqual(drained(inbox).map(markOf), [3, 1, 2, 1, 1, 1, 1]);
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
      standing: () => 'open',
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

/** A reception without sockets that tells what it works on. */
function recorded(standing: TunnelStanding) {
  const got: number[] = [];
  let settled: () => void = () => undefined;
  const turn = new Promise<void>((resolve) => {
    settled = resolve;
  });
  const reception = new Reception({
    ffi: null,
    gateways: [],
    log: () => undefined,
    standing: () => standing,
    receive: (_gateway, octets) => got.push(typeOf(octets)),
    data: () => assert.fail('no data was sent'),
    settle: settled,
  });
  return { reception, got, turn };
}

test("a message of a tunnel that is not there, or not the sender's, takes no room", async () => {
  const { reception, got, turn } = recorded('none');
  for (let n = 0; n < 100; n++) reception.arrived({} as never, message(HELLO, 1 + n), peer);
  assert.deepEqual([got.length, reception.inbox.size], [100, 0]);
  reception.arrived({} as never, message(SCCRQ, 0), peer);
  assert.deepEqual([got.length, reception.inbox.size], [100, 1]);
  await turn;
  assert.equal(got.length, 101);
});
