import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as layout from '../../src/generated/layout.ts';
import {
  emitVnet,
  parseVnet,
  seal,
  segment,
  type TcpFields,
  tcpPacket,
  transportSum,
  udpPacket,
  VNET_TCP,
  VNET_UDP,
} from '../support/gso.ts';
import { checksumOf, data, ipv4, pppIp, sockaddr, TestPath, toHex } from '../support/path.ts';

const content = (octets: number, seed = 0): Uint8Array =>
  new Uint8Array(octets).map((_, i) => (Math.imul(i + seed, 2654435761) >>> 13) & 255);

// The way down.

/** Reads `reads` (virtio_net_hdr and packet each) through the path; datagrams, taken apart, in order. */
function readDown(path: TestPath, reads: Uint8Array[]): Uint8Array[] {
  for (const octets of reads) {
    const at = path.wasm.coreReadSlot() >>> 0;
    assert.notEqual(at, 0);
    path.octets.set(octets, at);
    path.wasm.coreReadDone(octets.length);
  }
  const packets: Uint8Array[] = [];
  for (let at = 0, calls = 0; at < reads.length; calls++) {
    assert.ok(calls < 10_000);
    path.wasm.transmitReset();
    path.wasm.epochEnter();
    at = path.wasm.downstreamRuns(at);
    path.wasm.epochLeave();
    for (const { octets, segments } of path.sent()) {
      const one = segments === 1 ? octets.length : (octets[2]! << 8) | octets[3]!;
      for (let from = 0; from < octets.length; from += one)
        packets.push(new Uint8Array(octets.subarray(from + 12, Math.min(from + one, octets.length))));
    }
  }
  return packets;
}
const downPath = (gso: boolean): TestPath => {
  const path = new TestPath(layout.CORE_TUN, gso);
  path.session(path.tunnel(), 0x0101, 1, { peerMru: 9000 });
  return path;
};
/** As the kernel hands it to a device that segments: the checksum field holds the sum of the pseudo header. */
function superPacket(packet: Uint8Array, size: number): Uint8Array {
  const ip = (packet[0]! & 15) * 4;
  const tcp = packet[9] === 6;
  const header = tcp ? ip + (packet[ip + 12]! >>> 4) * 4 : ip + 8;
  return new Uint8Array(
    Buffer.concat([
      emitVnet({
        flags: 1,
        type: (tcp ? VNET_TCP : VNET_UDP) | (tcp && (packet[ip + 13]! & 0x80) !== 0 ? 0x80 : 0),
        headerLength: header,
        size,
        checksumStart: ip,
        checksumOffset: tcp ? 16 : 6,
      }),
      packet,
    ]),
  );
}
const toClient = { source: [192, 0, 2, 7], destination: [100, 64, 0, 1] };

test('RFC 793, RFC 768: a super-packet is split as the kernel would: lengths, identifiers, sequence numbers, flags, sums', () => {
  fc.assert(
    fc.property(
      fc.record({
        tcp: fc.boolean(),
        payload: fc.integer({ min: 1, max: 65_000 }),
        size: fc.integer({ min: 40, max: 1448 }),
        sequence: fc.integer({ min: 0, max: 0xffffffff }),
        id: fc.integer({ min: 0, max: 0xffff }),
        flags: fc.constantFrom(0x10, 0x18, 0x19, 0x90, 0xd8, 0x51),
        options: fc.constantFrom(0, 12, 40),
        gso: fc.boolean(),
        seed: fc.integer({ min: 0, max: 1000 }),
      }),
      ({ tcp, payload, size, sequence, id, flags, options, gso, seed }) => {
        const path = downPath(gso);
        const packet = tcp
          ? tcpPacket({ ...toClient, sequence, id, flags, options: content(options, 7) }, content(payload, seed))
          : udpPacket({ ...toClient, id }, content(payload, seed));
        const octets = superPacket(packet, size);
        const wanted = segment(packet, parseVnet(octets));
        // What must not matter: the state of the fields that are computed anew.
        octets.fill(0x77, 10 + 10, 10 + 12);
        const got = readDown(path, [octets]);
        assert.equal(got.length, wanted.length);
        for (const [i, one] of got.entries()) assert.equal(toHex(one), toHex(wanted[i]!));
        assert.equal(path.counter(layout.TOTAL_ACCEPTED), wanted.length);
        assert.equal(path.counter(layout.TOTAL_CORE_RUNS_IN), 1);
      },
    ),
    { numRuns: 60 },
  );
});

test('packets that wait for their checksum get it; whole ones pass as they are; odd lengths too', () => {
  const path = downPath(true);
  const reads: Uint8Array[] = [];
  const wanted: string[] = [];
  for (let octets = 0; octets < 70; octets++)
    for (const tcp of [true, false]) {
      const packet = tcp
        ? tcpPacket({ ...toClient, sequence: octets, id: octets }, content(octets))
        : udpPacket({ ...toClient, id: octets }, content(octets));
      wanted.push(toHex(packet));
      const partial = packet.slice();
      const at = 20 + (tcp ? 16 : 6);
      // The folded sum of the pseudo header, not complemented.
      const pseudo = new Uint8Array(12);
      pseudo.set(packet.subarray(12, 20));
      pseudo[9] = packet[9]!;
      pseudo[11] = packet.length - 20;
      const sum = checksumOf(pseudo);
      partial.set([sum >>> 8, sum & 255], at);
      const vnet = emitVnet({ flags: 1, checksumStart: 20, checksumOffset: tcp ? 16 : 6 });
      reads.push(new Uint8Array(Buffer.concat([vnet, partial])));
    }
  for (let from = 0; from < reads.length; from += 64)
    assert.deepEqual(readDown(path, reads.slice(from, from + 64)).map(toHex), wanted.slice(from, from + 64));
  const plain = udpPacket(toClient, content(33));
  assert.deepEqual(readDown(path, [new Uint8Array(Buffer.concat([emitVnet({}), plain]))]).map(toHex), [toHex(plain)]);
});

test('64 super-packets of 64 KiB in one turn are taken in parts, each octet once and in order', () => {
  const path = downPath(true);
  const reads: Uint8Array[] = [];
  const wanted: string[] = [];
  for (let i = 0; ; i++) {
    const packet = tcpPacket({ ...toClient, sequence: i * 65_000, id: i * 50, flags: 0x18 }, content(65_000, i));
    if (path.wasm.coreReadSlot() === 0) break;
    const octets = superPacket(packet, 1400);
    reads.push(octets);
    wanted.push(...segment(packet, parseVnet(octets)).map(toHex));
    const at = path.wasm.coreReadSlot() >>> 0;
    path.octets.set(octets, at);
    path.wasm.coreReadDone(octets.length);
  }
  assert.ok(reads.length > 25);
  const got: string[] = [];
  for (let at = 0, calls = 0; at < reads.length; calls++) {
    assert.ok(calls < 1000);
    path.wasm.transmitReset();
    at = path.wasm.downstreamRuns(at);
    for (const { octets } of path.sent())
      for (let from = 0; from < octets.length; from += 1452)
        got.push(toHex(octets.subarray(from + 12, Math.min(from + 1452, octets.length))));
  }
  assert.equal(got.length, wanted.length);
  assert.deepEqual(got, wanted);
});

test('headers that do not hold are dropped with a reason, and nothing outside the packet is read or written', () => {
  const good = superPacket(tcpPacket({ ...toClient, sequence: 1 }, content(3000)), 1000);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 49 }), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      fc.integer({ min: 0, max: good.length }),
      (damage, length) => {
        const path = downPath(true);
        const octets = good.slice(0, length);
        for (const [at, value] of damage) if (at < length) octets[at] = value;
        const slot = path.wasm.coreReadSlot() >>> 0;
        path.octets.set(octets, slot);
        path.wasm.coreReadDone(length);
        for (let at = 0, calls = 0; at < 1; calls++) {
          assert.ok(calls < 400);
          path.wasm.transmitReset();
          at = path.wasm.downstreamRuns(0);
        }
        // Every datagram is whole: a right IP header checksum and length.
        for (const { octets: sent, segments } of path.sent()) if (segments === 1) assert.ok(sent.length >= 12 + 20);
      },
    ),
    { numRuns: 300 },
  );
  for (const spoil of [
    (octets: Uint8Array) => octets.fill(0, 4, 6), // gso_size 0
    (octets: Uint8Array) => octets.set([4], 1), // TCPv6 over an IPv4 header
    (octets: Uint8Array) => octets.set([0x40], 10 + 32), // data offset 4
    (octets: Uint8Array) => octets.set([0x20], 10 + 6), // a fragment
    (octets: Uint8Array) => octets.set([0xff, 0xff], 10 + 2), // Total Length past the end
  ]) {
    const path = downPath(true);
    const octets = good.slice();
    spoil(octets);
    assert.deepEqual(readDown(path, [octets]), []);
    assert.equal(path.counter(layout.DROP_CORE_IP), 1);
  }
});

// The way up.

const upPath = (): TestPath => {
  const path = new TestPath(layout.CORE_TUN);
  path.wasm.receivePrepare(1);
  path.wasm.offloadOptions(1, 1);
  const tunnel = path.tunnel();
  for (let client = 1; client <= 3; client++) path.session(tunnel, 0x0100 + client, client);
  return path;
};
interface Write {
  vnet: ReturnType<typeof parseVnet>;
  packet: Uint8Array;
}
/** The packets through the path as datagrams of a batch, and the writes that come of them. */
function writeUp(path: TestPath, packets: Uint8Array[]): Write[] {
  const rx = path.plan.parts[layout.PART_RX]!.offset;
  assert.ok(packets.length <= layout.BATCH);
  packets.forEach((packet, slot) => {
    const datagram = data(pppIp(packet), { session: 0x0100 + packet[15]! });
    path.octets.set(datagram, rx + layout.RX_SLOTS + layout.HEADROOM + slot * layout.SLOT_SIZE_GRO);
    path.octets.set(sockaddr(192, 0, 2, 1, 1701), rx + layout.RX_NAMES + slot * layout.SOCKADDR_SIZE);
    const message = rx + layout.RX_MESSAGES + slot * layout.MMSGHDR_SIZE;
    path.view.setUint32(message + 48, 0, true);
    path.view.setBigUint64(message + 40, 0n, true);
    path.view.setUint32(message + 56, datagram.length, true);
  });
  path.wasm.transmitReset();
  assert.equal(path.wasm.upstream(0, packets.length, 0), packets.length);
  assert.equal(path.wasm.transmitOuts(), packets.length);
  const tx = path.plan.parts[layout.PART_TX]!.offset;
  return Array.from({ length: path.wasm.offloadWrites() }, (_, i) => {
    const vectors = path.view.getUint32(tx + layout.TX_OFFLOAD_WRITES + i * 8, true);
    const count = path.view.getUint32(tx + layout.TX_OFFLOAD_WRITES + i * 8 + 4, true);
    const parts = Array.from({ length: count }, (_, v) => {
      const at = Number(path.view.getBigUint64(vectors + v * 16, true));
      return path.octets.slice(at, at + Number(path.view.getBigUint64(vectors + v * 16 + 8, true)));
    });
    assert.equal(parts[0]!.length, 10);
    return { vnet: parseVnet(parts[0]!), packet: new Uint8Array(Buffer.concat(parts.slice(1))) };
  });
}
const flowOf = (packet: Uint8Array): string => toHex(packet.subarray(9, 10)) + toHex(packet.subarray(12, 24));
/** Whatever was merged: split again it is what came, octet for octet, in order within each flow. */
function verify(packets: Uint8Array[], writes: Write[]): void {
  const got = writes.flatMap(({ packet, vnet }) => {
    if (vnet.type !== 0) {
      assert.equal(checksumOf(packet.subarray(0, 20)), 0xffff);
      assert.equal((packet[2]! << 8) | packet[3]!, packet.length);
      assert.deepEqual([vnet.flags, vnet.checksumStart], [1, 20]);
      assert.ok(vnet.size > 0 && packet.length - vnet.headerLength > vnet.size);
      // The field holds the pseudo header's sum: with it taken as such, the whole sums up.
      const at = 20 + vnet.checksumOffset;
      const sealed = seal(packet.slice());
      const partial = packet.slice();
      partial.fill(0, at, at + 2);
      const pseudo = new Uint8Array(12);
      pseudo.set(packet.subarray(12, 20));
      pseudo[9] = packet[9]!;
      pseudo.set([(packet.length - 20) >>> 8, (packet.length - 20) & 255], 10);
      assert.equal((packet[at]! << 8) | packet[at + 1]!, checksumOf(pseudo));
      assert.equal(transportSum(sealed), 0xffff);
    }
    return segment(packet, vnet);
  });
  assert.equal(got.length, packets.length);
  const byFlow = (all: Uint8Array[]): Map<string, string[]> => {
    const flows = new Map<string, string[]>();
    for (const packet of all) {
      const key = flowOf(packet);
      flows.set(key, [...(flows.get(key) ?? []), toHex(packet)]);
    }
    return flows;
  };
  assert.deepEqual(byFlow(got), byFlow(packets));
}

/** `count` segments of one TCP flow. */
function flow(
  count: number,
  size: number,
  fields: Partial<TcpFields> = {},
  last: Partial<TcpFields> = {},
): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    tcpPacket({ sequence: 1000 + i * size, id: 10 + i, ...fields, ...(i === count - 1 ? last : {}) }, content(size, i)),
  );
}

test('runs of one flow cross in one write: TCP to the push, UDP to the shorter one, flows interleaved', () => {
  const path = upPath();
  const tcp = flow(40, 1400, {}, { flags: 0x18 });
  let writes = writeUp(path, tcp);
  verify(tcp, writes);
  assert.equal(writes.length, 1);
  assert.deepEqual([writes[0]!.vnet.type, writes[0]!.vnet.size, writes[0]!.vnet.headerLength], [VNET_TCP, 1400, 40]);
  assert.equal(writes[0]!.packet[33], 0x18);

  const udp = Array.from({ length: 30 }, (_, i) => udpPacket({ id: i }, content(i === 29 ? 700 : 1200, i)));
  writes = writeUp(path, udp);
  verify(udp, writes);
  assert.deepEqual(
    writes.map(({ vnet }) => [vnet.type, vnet.size, vnet.headerLength]),
    [[VNET_UDP, 1200, 28]],
  );

  const mixed = Array.from({ length: 60 }, (_, i) => {
    const n = Math.trunc(i / 3);
    if (i % 3 === 0) return tcp[n]!;
    if (i % 3 === 1) return udp[n]!;
    return tcpPacket({ source: [100, 64, 0, 2], sequence: n * 500, id: n }, content(500, n));
  });
  writes = writeUp(path, mixed);
  verify(mixed, writes);
  assert.equal(writes.length, 3);
  assert.equal(path.counter(layout.TOTAL_CORE_RUNS_OUT), 5);
  assert.equal(path.counter(layout.TOTAL_CORE_RUN_PACKETS_OUT), 130);
});

test('what splitting could not restore is not merged', () => {
  const odd = (change: Partial<TcpFields>, at = 1): Uint8Array[] =>
    flow(3, 100).map((packet, i) =>
      i === at ? tcpPacket({ sequence: 1000 + i * 100, id: 10 + i, ...change }, content(100, i)) : packet,
    );
  const cases: Record<string, [packets: Uint8Array[], writes: number]> = {
    'another acknowledgement': [odd({ acknowledgement: 78 }), 3],
    'another window': [odd({ window: 502 }), 3],
    'another TTL': [odd({ ttl: 63 }), 3],
    'another TOS': [odd({ tos: 0x28 }), 3],
    'DF differs': [odd({ ipFlags: 0 }), 3],
    'an identifier out of turn': [odd({ id: 99 }), 3],
    'other options': [odd({ options: content(12) }), 3],
    'an urgent pointer': [odd({ urgent: 4 }), 3],
    URG: [odd({ flags: 0x30 }), 3],
    RST: [odd({ flags: 0x14 }), 3],
    SYN: [odd({ flags: 0x12 }), 3],
    'CWR, of which a split keeps the first': [odd({ flags: 0x90 }), 3],
    'ECE that the others lack': [odd({ flags: 0x50 }), 3],
    'a gap': [odd({ sequence: 1101 }), 3],
    'push ends': [odd({ flags: 0x18 }), 2],
    'fin ends': [odd({ flags: 0x11 }, 2), 1],
    'no acknowledgement': [odd({ flags: 0 }, 0), 2],
    'a pure acknowledgement between': [
      [
        flow(2, 100)[0]!,
        tcpPacket({ sequence: 1100, id: 11 }, content(0)),
        tcpPacket({ sequence: 1100, id: 12 }, content(100)),
      ],
      3,
    ],
    'a longer one': [[...flow(2, 100), tcpPacket({ sequence: 1200, id: 12 }, content(101))], 2],
    'more behind a shorter one': [
      [
        flow(1, 100)[0]!,
        tcpPacket({ sequence: 1100, id: 11 }, content(50)),
        tcpPacket({ sequence: 1150, id: 12 }, content(100)),
      ],
      2,
    ],
    'more than 64 KiB': [flow(50, 1400), 2],
    'identifiers over the wrap': [
      flow(3, 100).map((_, i) => tcpPacket({ sequence: 1000 + i * 100, id: 0xfffe + i }, content(100, i))),
      1,
    ],
    'sequence numbers over the wrap': [
      flow(3, 100).map((_, i) => tcpPacket({ sequence: 0xffffff60 + i * 100, id: i }, content(100, i))),
      1,
    ],
  };
  for (const [name, [packets, count]] of Object.entries(cases)) {
    const writes = writeUp(upPath(), packets);
    verify(packets, writes);
    assert.equal(writes.length, count, name);
  }
  // Damage stays where it is, so that its receiver finds it.
  for (const [at, offset] of [
    [0, 60],
    [1, 60],
    [1, 10],
    [0, 36],
  ] as const) {
    const packets = flow(3, 100);
    packets[at]![offset]! ^= 1;
    const writes = writeUp(upPath(), packets);
    verify(packets, writes);
    assert.ok(writes.length >= 2, `damage at ${offset} of ${at}`);
  }
  const zero = Array.from({ length: 3 }, (_, i) => udpPacket({ id: i }, content(50, i)));
  for (const packet of zero) packet.fill(0, 26, 28);
  let writes = writeUp(upPath(), zero);
  verify(zero, writes);
  assert.equal(writes.length, 3, 'UDP without checksum');
  // A fragment has no ports: nothing behind it goes before it.
  const fragment = ipv4([100, 64, 0, 1], [192, 0, 2, 7], content(100), { flags: 0x2000, protocol: 6 });
  const around = [flow(4, 100)[0]!, flow(4, 100)[1]!, fragment, flow(4, 100)[2]!, flow(4, 100)[3]!];
  writes = writeUp(upPath(), around);
  assert.deepEqual(writes.flatMap(({ packet, vnet }) => segment(packet, vnet)).map(toHex), around.map(toHex));
  assert.equal(writes.length, 3);
});

test('any packets of a few flows: what is written, split again, is what came', () => {
  const step = fc.record({
    flow: fc.integer({ min: 0, max: 1 }),
    client: fc.integer({ min: 1, max: 2 }),
    tcp: fc.boolean(),
    size: fc.constantFrom(0, 99, 100, 100, 100, 100, 100, 100, 101, 1400),
    flags: fc.constantFrom(0x10, 0x10, 0x10, 0x10, 0x18, 0x11, 0x12, 0x90),
    skip: fc.constantFrom(0, 0, 0, 0, 0, 1),
    again: fc.constantFrom(0, 0, 0, 0, 0, 1),
    window: fc.constantFrom(500, 500, 500, 501),
    damage: fc.constantFrom(-1, -1, -1, -1, -1, -1, -1, -1, -1, 0),
  });
  let merged = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 64 }), (steps) => {
      const path = upPath();
      const state = new Map<string, { sequence: number; id: number }>();
      const packets = steps.map(({ flow: of, client, tcp, size, flags, skip, again, window, damage }, i) => {
        const key = `${of} ${client} ${tcp}`;
        const at = state.get(key) ?? { sequence: 0xfffff000, id: 0xfff0 };
        const common = { source: [100, 64, 0, client], ports: [1000 + of, 443] as [number, number], id: at.id + skip };
        const payload = content(size, i);
        const packet = tcp
          ? tcpPacket({ ...common, sequence: at.sequence, flags, window }, payload)
          : udpPacket(common, payload);
        if (again === 0) state.set(key, { sequence: at.sequence + size, id: at.id + skip + 1 });
        if (damage >= 0 && size > 0) packet[packet.length - 1]! ^= 1 << damage;
        return packet;
      });
      const writes = writeUp(path, packets);
      verify(packets, writes);
      merged += packets.length - writes.length;
    }),
    { numRuns: 300 },
  );
  // A few hundred, by chance.
  assert.ok(merged > 10, `${merged} packets merged`);
});

test('a fragment never overtakes or is overtaken, whatever the flow', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 3, maxLength: 40 }), (kinds) => {
      let sequence = 1;
      const packets = kinds.map((fragment, i) => {
        if (fragment === 1)
          return ipv4([100, 64, 0, 1], [192, 0, 2, 7], content(64, i), { protocol: 6, flags: 1, id: i });
        sequence += 200;
        return tcpPacket({ sequence, id: i }, content(200, i));
      });
      const writes = writeUp(upPath(), packets);
      assert.deepEqual(writes.flatMap(({ packet, vnet }) => segment(packet, vnet)).map(toHex), packets.map(toHex));
    }),
    { numRuns: 100 },
  );
});
