import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DROP_LIST } from '../../src/dataplane/drops.ts';
import * as layout from '../../src/generated/layout.ts';
import { checksumOf, hex, ipv4, mapped, sockaddr, TestPath, toHex } from '../support/path.ts';

const CLIENT = [100, 64, 0, 9];
const HOST = [203, 0, 113, 1];
const pattern = (octets: number): Uint8Array => Uint8Array.from({ length: octets }, (_, i) => (i * 7) & 255);

test('a packet gets the headers that its client agreed to', () => {
  for (const [acfc, pfc, ppp] of [
    [false, false, 'ff030021'],
    [true, false, '0021'],
    [false, true, 'ff0321'],
    [true, true, '21'],
  ] as const) {
    const path = new TestPath();
    path.session(path.tunnel(), 0x0101, 9, { acfc, pfc });
    const packet = ipv4(HOST, CLIENT, hex('aabb'));
    path.down(packet);
    const [sent] = path.sent();
    const length = (8 + ppp.length / 2 + packet.length).toString(16).padStart(4, '0');
    assert.equal(toHex(sent!.octets), `4002${length}56781101${ppp}${toHex(packet)}`);
    assert.equal(toHex(sent!.to), toHex(sockaddr(192, 0, 2, 1, 1701)));
  }
});

test('the longest prefix carries; a host address before all', () => {
  const path = new TestPath();
  const tunnel = path.tunnel();
  const rows = [1, 2, 3].map((n) => path.session(tunnel, n, n));
  const scratch = path.plan.parts[layout.PART_SCRATCH]!.offset;
  const route = (address: number[], length: number, row: number, node: number): void => {
    path.octets.set(mapped(address[0]!, address[1]!, address[2]!, address[3]!), scratch);
    assert.notEqual(path.wasm.stackPush(0, 96 + length, scratch, row, node, 0), 0);
  };
  route([198, 51, 100, 0], 24, rows[0]!, 501);
  route([198, 51, 0, 0], 16, rows[1]!, 502);
  route([0, 0, 0, 0], 0, rows[2]!, 503);
  const carrier = (...to: number[]): number => {
    path.down(ipv4(HOST, to, hex('00')));
    const octets = path.sent()[0]!.octets;
    return ((octets[6]! << 8) | octets[7]!) - 0x1000;
  };
  assert.equal(carrier(198, 51, 100, 7), 1);
  assert.equal(carrier(198, 51, 101, 7), 2);
  assert.equal(carrier(192, 0, 2, 1), 3);
  assert.equal(carrier(100, 64, 0, 2), 2, 'its own address');
});

test('the stack: A, B, C, D up and D carries; D down, C; E up, E; A down, nothing changes; all down, no route', () => {
  const path = new TestPath();
  const tunnel = path.tunnel();
  const up = (localId: number): number => path.session(tunnel, localId, 9);
  const carries = (): number | null => {
    path.down(ipv4(HOST, CLIENT, hex('00')));
    const [sent] = path.sent();
    return sent === undefined ? null : ((sent.octets[6]! << 8) | sent.octets[7]!) - 0x1000;
  };
  const rows = new Map([1, 2, 3, 4].map((id) => [id, up(id)]));
  assert.equal(carries(), 4);
  path.tables.removeSession(rows.get(4)!, path.now);
  assert.equal(carries(), 3);
  rows.set(5, up(5));
  assert.equal(carries(), 5);
  path.tables.removeSession(rows.get(1)!, path.now);
  assert.equal(carries(), 5);
  for (const id of [2, 3, 5]) path.tables.removeSession(rows.get(id)!, path.now);
  assert.equal(carries(), null);
  assert.equal(path.counter(layout.DROP_NO_ROUTE), 1);
});

test('a row is not given out again before every shard has passed', () => {
  const path = new TestPath();
  const tunnel = path.tunnel();
  const first = path.session(tunnel, 1, 1);
  path.wasm.epochEnter(); // the shard is in the middle of a batch
  path.tables.removeSession(first, path.now);
  const second = path.session(tunnel, 2, 2);
  assert.notEqual(second, first);
  path.wasm.epochLeave();
  path.tables.reclaim();
  const third = path.session(tunnel, 3, 3);
  assert.equal(third, first);
  assert.notEqual(path.tables.sessionGeneration(first) & 1, 0);
});

test('RFC 791: a packet larger than the MRU is cut, each piece right, the whole put together again', () => {
  for (const mru of [576, 1450, 68]) {
    const path = new TestPath();
    path.session(path.tunnel(), 0x0101, 9, { peerMru: mru });
    const payload = pattern(1480);
    path.down(ipv4(HOST, CLIENT, payload, { id: 0x0777 }));
    const pieces = path.sent().map((one) => one.octets.subarray(12));
    assert.equal(path.counter(layout.TOTAL_FRAGMENTED), 1);
    const whole = new Uint8Array(1480);
    let seen = 0;
    for (const [at, piece] of pieces.entries()) {
      const view = new DataView(piece.buffer, piece.byteOffset);
      assert.ok(piece.length <= mru);
      assert.equal(view.getUint16(2), piece.length);
      assert.equal(view.getUint16(4), 0x0777);
      assert.equal(checksumOf(piece.subarray(0, 20)), 0xffff);
      const flags = view.getUint16(6);
      assert.equal((flags & 0x2000) !== 0, at < pieces.length - 1, 'more fragments');
      whole.set(piece.subarray(20), (flags & 0x1fff) * 8);
      seen += piece.length - 20;
    }
    assert.equal(seen, 1480);
    assert.equal(toHex(whole), toHex(payload));
  }
});

test('RFC 791 section 3.1: options go into later fragments only where their copied flag is set; a fragment is cut again', () => {
  const path = new TestPath();
  path.session(path.tunnel(), 0x0101, 9, { peerMru: 576 });
  // Record route (not copied), then security (copied), then end.
  const options = hex('0703 04 82040102 00');
  path.down(ipv4(HOST, CLIENT, pattern(1000), { options, flags: 0x2000 | 10 }));
  const pieces = path.sent().map((one) => one.octets.subarray(12));
  assert.equal(pieces.length, 2);
  assert.equal(pieces[0]![0], 0x47);
  assert.equal(toHex(pieces[0]!.subarray(20, 28)), toHex(options));
  assert.equal(pieces[1]![0], 0x46);
  assert.equal(toHex(pieces[1]!.subarray(20, 24)), '82040102');
  for (const piece of pieces) assert.equal(checksumOf(piece.subarray(0, (piece[0]! & 15) * 4)), 0xffff);
  const flags = pieces.map((piece) => (piece[6]! << 8) | piece[7]!);
  assert.deepEqual(flags, [0x2000 | 10, 0x2000 | (10 + (576 - 28) / 8 - ((576 - 28) % 8) / 8)]);
});

test('RFC 1191: with DF the source is told the MRU, from our own address, at a bounded rate', () => {
  const path = new TestPath();
  const row = path.session(path.tunnel(), 0x0101, 9, { peerMru: 1400 });
  const packet = ipv4(HOST, CLIENT, pattern(1480), { flags: 0x4000 });
  path.down(packet);
  assert.equal(path.sent().length, 0);
  const [icmp] = path.delivered();
  const view = new DataView(icmp!.buffer, icmp!.byteOffset);
  assert.deepEqual([...icmp!.subarray(12, 20)], [100, 64, 255, 1, ...HOST]);
  assert.deepEqual([icmp![9], icmp![20], icmp![21]], [1, 3, 4]);
  assert.equal(view.getUint16(26), 1400);
  assert.equal(checksumOf(icmp!.subarray(0, 20)), 0xffff);
  assert.equal(checksumOf(icmp!.subarray(20)), 0xffff);
  assert.equal(toHex(icmp!.subarray(28)), toHex(packet.subarray(0, 548)));
  assert.ok(icmp!.length <= 576);
  assert.equal(path.tables.sessionCounters(row).txErrors, 1);
  for (let n = 0; n < 1100; n++) path.down(packet);
  assert.equal(path.counter(layout.TOTAL_ICMP_SENT), 1000);
  assert.equal(path.counter(layout.DROP_ICMP_RATE), 101);
});

test('RFC 1812 section 4.3.2.7: no ICMP about an ICMP error or a later fragment', () => {
  const path = new TestPath();
  path.session(path.tunnel(), 0x0101, 9, { peerMru: 1400 });
  const error = pattern(1480);
  error[0] = 3;
  path.down(ipv4(HOST, CLIENT, error, { flags: 0x4000, protocol: 1 }));
  path.down(ipv4(HOST, CLIENT, pattern(1480), { flags: 0x4000 | 5 }));
  assert.equal(path.delivered().length, 0);
  assert.equal(path.counter(layout.DROP_TOO_BIG), 2);
});

test('UDP_SEGMENT: a run of one size to one LAC is one message, the last may be shorter; 64 at most', () => {
  const path = new TestPath(layout.CORE_TUN, true);
  const tunnel = path.tunnel();
  path.session(tunnel, 1, 1);
  path.session(tunnel, 2, 2);
  const other = path.tables.addTunnel({
    localId: 9,
    peerId: 9,
    role: 'lns',
    peer: sockaddr(192, 0, 2, 99, 1701),
    socketGroup: 0,
    routingInstance: 0,
    ownerShard: 0,
  });
  path.session(other, 3, 3);
  const to = (n: number, octets: number): Uint8Array => ipv4(HOST, [100, 64, 0, n], pattern(octets));
  path.downBatch([to(1, 100), to(2, 100), to(1, 60), to(1, 60), to(1, 80), to(3, 80), to(2, 80)]);
  assert.deepEqual(
    path.sent().map((one) => one.segments),
    [3, 1, 1, 1, 1],
  );
  path.downBatch(Array.from({ length: 64 }, () => to(1, 10)));
  assert.deepEqual(
    path.sent().map((one) => one.segments),
    [64],
  );
  const control = path.plan.parts[layout.PART_TX]!.offset + layout.TX_CONTROLS;
  assert.equal(path.view.getUint16(control + 16, true), 20 + 10 + 12, 'the segment size');
  assert.equal(path.wasm.transmitSingle(0), 64);
});

test('packets for nobody, and what is no IPv4 packet, are dropped by reason', () => {
  const path = new TestPath();
  path.session(path.tunnel(), 0x0101, 9);
  path.down(ipv4(HOST, [100, 64, 0, 99], hex('00')));
  path.down(hex('6000000000000000'));
  path.down(hex('45'));
  const long = ipv4(HOST, CLIENT, hex('00'));
  long[3]! += 1;
  path.down(long);
  assert.equal(path.counter(layout.DROP_NO_ROUTE), 1);
  assert.equal(path.counter(layout.DROP_CORE_IP), 3);
});

test("a frame of the main thread leaves in its session's tunnel; one for a row of another generation does not", () => {
  const path = new TestPath();
  const row = path.session(path.tunnel(), 0x0101, 9);
  const frame = hex('ff03c02101010004');
  path.inject.write(layout.RECORD_SEND, row, path.tables.sessionGeneration(row), 1, frame);
  path.inject.write(layout.RECORD_SEND, row, path.tables.sessionGeneration(row) + 2, 1, frame);
  path.wasm.transmitReset();
  assert.equal(path.wasm.inject(16), 2);
  assert.deepEqual(
    path.sent().map((one) => toHex(one.octets)),
    ['4102001056781101ff03c02101010004'],
  );
  assert.equal(path.counter(layout.DROP_STALE), 1);
});

test('nothing in the module grows the memory, and every reason to drop has its sentence', () => {
  assert.doesNotMatch(readFileSync(new URL('../../build/lns.wat', import.meta.url), 'utf8'), /memory\.grow/);
  const reasons = Object.keys(layout).filter((name) => name.startsWith('DROP_'));
  assert.equal(DROP_LIST.length, reasons.length);
  assert.equal(new Set(DROP_LIST.map(([, name]) => name)).size, reasons.length);
});
