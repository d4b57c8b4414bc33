// The path on the side of the clients: a session is found by the source of what leaves, and by the destination of what arrives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as layout from '../../src/generated/layout.ts';
import { data, hex, ipv4, pppIp, TestPath, toHex } from '../support/path.ts';

const CLIENTS = [
  [100, 64, 0, 9],
  [100, 64, 0, 10],
] as const;
const HOST = [203, 0, 113, 1];

function open(): { path: TestPath; rows: number[] } {
  const path = new TestPath(layout.CORE_CLIENT);
  const tunnel = path.tunnel(0x1234, 0x5678, 'lac');
  return { path, rows: CLIENTS.map((client, i) => path.session(tunnel, i + 1, client[3])) };
}

test('what a program sends goes by the session whose address is its source, wherever it goes', () => {
  const { path } = open();
  for (const [i, client] of CLIENTS.entries())
    for (const to of [HOST, CLIENTS[1 - i]!, client]) {
      const packet = ipv4([...client], [...to], hex('aabb'));
      path.down(packet);
      const [sent, ...others] = path.sent();
      assert.deepEqual(others, []);
      assert.equal((sent!.octets[6]! << 8) | sent!.octets[7]!, 0x1001 + i, 'Session ID of the peer');
      assert.equal(toHex(sent!.octets.subarray(12)), toHex(packet));
    }
});

test('what has the source of no session is not sent, and counted', () => {
  const { path } = open();
  path.down(ipv4([192, 0, 2, 1], [...CLIENTS[0]], hex('aabb')));
  assert.deepEqual(path.sent(), []);
  assert.equal(path.counter(layout.DROP_NO_ROUTE), 1);
});

test('what arrives by a session is for its address alone, from whomever it is', () => {
  const { path } = open();
  const arrive = (session: number, packet: Uint8Array): void =>
    path.up(data(pppIp(packet), { tunnel: 0x1234, session, length: true }));
  const packet = ipv4(HOST, [...CLIENTS[0]], hex('aabb'));
  arrive(1, packet);
  assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
  arrive(2, packet);
  assert.deepEqual(path.delivered(), []);
  assert.equal(path.counter(layout.DROP_SPOOFED), 1);
});
