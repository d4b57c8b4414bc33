// Nothing is lost in silence: whatever comes in is counted once, as moved on or as dropped by a reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DROP_LIST } from '../../src/dataplane/drops.ts';
import * as layout from '../../src/generated/layout.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { checksumOf, data, hex, ipv4, pppIp, sockaddr, TestPath } from '../support/path.ts';

const HOST = [203, 0, 113, 1];
const drops = (path: TestPath): number => DROP_LIST.reduce((sum, [index]) => sum + path.counter(index), 0);

test('each datagram is delivered, punted, answered or dropped by one reason: 30,000 damaged ones of every kind', () => {
  const path = new TestPath();
  const tunnel = path.tunnel();
  path.tables.setEcho(path.session(tunnel, 0x0101, 9), 0x11111111);
  path.session(tunnel, 0x0102, 10, { sequencing: true });
  path.tables.addSession({ tunnelRow: tunnel, localId: 0x0103, peerId: 3, sequencing: false });
  const packet = ipv4([100, 64, 0, 9], HOST, new Uint8Array(40));
  const valid = [
    data(pppIp(packet), { length: true, ns: 1, offset: 3 }),
    data(pppIp(packet, { acfc: true, pfc: true })),
    data(pppIp(ipv4([100, 64, 0, 10], HOST, new Uint8Array(8))), { session: 0x0102, ns: 0 }),
    data(pppIp(packet), { session: 0x0103 }),
    data(hex('ff03c0210907001022222222aabbccdd00112233'), { length: true }),
    data(hex('c0210101000e010405dc0506aabbccdd')),
    hex('c802001412340000000200018008000000000006'),
  ];
  const random = new SeededRandom(77);
  const total = 30_000;
  let punted = 0;
  for (let n = 0; n < total; n++) {
    const datagram = valid[random.u32() % valid.length]!.slice(
      0,
      random.u32() % 8 === 0 ? random.u32() % 40 : undefined,
    );
    for (let changes = random.u32() % 4; changes > 0 && datagram.length > 0; changes--)
      datagram[random.u32() % Math.min(datagram.length, 40)] = random.u32() & 255;
    path.up(datagram, random.u32() % 50 === 0 ? sockaddr(192, 0, 2, 2, 1701) : undefined);
    punted += path.punted().length;
  }
  assert.equal(path.counter(layout.TOTAL_RX_DATAGRAMS), total);
  assert.equal(path.counter(layout.TOTAL_PUNTED), punted);
  const moved = [layout.TOTAL_DELIVERED, layout.TOTAL_PUNTED, layout.TOTAL_ECHO_REPLIES].map((one) =>
    path.counter(one),
  );
  assert.ok(
    moved.every((count) => count > 100),
    String(moved),
  );
  // Damage makes an Echo-Reply of a request now and then.
  const taken = path.counter(layout.TOTAL_ECHO_TAKEN);
  assert.equal(moved.reduce((a, b) => a + b) + taken + drops(path), total);
});

test('each packet of the core side is sent, fragmented or dropped by one reason; what is sent is a whole IPv4 packet', () => {
  const path = new TestPath();
  const tunnel = path.tunnel();
  path.session(tunnel, 0x0101, 9);
  path.session(tunnel, 0x0102, 10, { peerMru: 100 });
  path.session(tunnel, 0x0103, 11, { peerMru: 68 });
  const random = new SeededRandom(78);
  const total = 20_000;
  let whole = 0;
  let fragmented = 0;
  for (let n = 0; n < total; n++) {
    const packet = ipv4(HOST, [100, 64, 0, 8 + (random.u32() % 4)], random.octets(random.u32() % 400), {
      flags: random.u32() % 4 === 0 ? 0x4000 : 0,
      options: random.u32() % 3 === 0 ? random.octets((1 + (random.u32() % 10)) * 4) : new Uint8Array(0),
    });
    if (random.u32() % 4 === 0) packet[random.u32() % 20] = random.u32() & 255;
    if (n % 200 === 0) path.wasm.setNow(path.now + n * 5);
    const before = path.counter(layout.TOTAL_FRAGMENTED);
    path.down(packet);
    const sent = path.sent();
    if (path.counter(layout.TOTAL_FRAGMENTED) > before) fragmented++;
    else whole += sent.length;
    for (const { octets } of sent) {
      // L2TP header with Length, then ff 03 00 21.
      const mru = [1500, 100, 68][(((octets[6]! << 8) | octets[7]!) - 0x1101) as 0 | 1 | 2]!;
      const inner = octets.subarray(12);
      assert.ok(inner.length <= mru, `${inner.length} of ${mru}`);
      assert.equal((inner[2]! << 8) | inner[3]!, inner.length);
      if (path.counter(layout.TOTAL_FRAGMENTED) > before)
        assert.equal(checksumOf(inner.subarray(0, (inner[0]! & 15) * 4)), 0xffff);
    }
  }
  assert.equal(path.counter(layout.TOTAL_ACCEPTED), total);
  assert.ok(whole > 1000 && fragmented > 1000, `${whole} ${fragmented}`);
  // An ICMP message that the rate forbids is about a packet that is counted already.
  assert.equal(whole + fragmented + drops(path) - path.counter(layout.DROP_ICMP_RATE), total);
});
