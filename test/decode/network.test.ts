import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Network, udpPacket } from '../../src/decode/network.ts';
import { LINK_RAW_IP } from '../../src/decode/pcap.ts';
import { be16, concat, ECHO, hex, ipv4, ipv6, toHex, udp } from './build.ts';

const PAYLOAD = hex('0102030405060708090a0b0c0d0e0f101112131415161718');
const DATAGRAM = udp(1701, 4000, PAYLOAD);
const take = (linkType: number, octets: Uint8Array, network = new Network(), wireOctets = octets.length) =>
  network.take({ number: 1, timeNs: 0n, linkType, octets, wireOctets });

const MACS = hex('020000000001 020000000002');
const PPPOE = (ppp: Uint8Array): Uint8Array => concat(hex('11000001'), be16(ppp.length), ppp);

const V4: readonly (readonly [string, number, Uint8Array])[] = [
  ['Ethernet', 1, concat(MACS, hex('0800'), ipv4(DATAGRAM))],
  ['Ethernet, padded', 1, concat(MACS, hex('0800'), ipv4(DATAGRAM), new Uint8Array(9))],
  ['a VLAN', 1, concat(MACS, hex('8100 0064 0800'), ipv4(DATAGRAM))],
  ['a VLAN in a VLAN', 1, concat(MACS, hex('88a8 0064 8100 0065 0800'), ipv4(DATAGRAM))],
  ['PPPoE', 1, concat(MACS, hex('8864'), PPPOE(concat(hex('0021'), ipv4(DATAGRAM))))],
  ['raw IP', LINK_RAW_IP, ipv4(DATAGRAM)],
  ['raw IPv4', 228, ipv4(DATAGRAM)],
  ['BSD loopback', 0, concat(hex('02000000'), ipv4(DATAGRAM))],
  ['OpenBSD loopback', 108, concat(hex('00000002'), ipv4(DATAGRAM))],
  ['Linux cooked', 113, concat(hex('0000 0001 0006 020000000001 0000 0800'), ipv4(DATAGRAM))],
  ['Linux cooked 2', 276, concat(hex('0800 0000 00000002 0001 00 06 0200000000010000'), ipv4(DATAGRAM))],
  ['PPP', 9, concat(hex('ff030021'), ipv4(DATAGRAM))],
  ['PPP, compressed', 50, concat(hex('21'), ipv4(DATAGRAM))],
  ['PPP with direction', 204, concat(hex('01 ff030021'), ipv4(DATAGRAM))],
];
for (const [name, linkType, octets] of V4)
  test(`a UDP datagram over ${name}`, () => {
    const found = take(linkType, octets);
    assert.equal(found.kind, 'udp');
    if (found.kind !== 'udp') return;
    assert.deepEqual(found.source, { address: '192.0.2.1', port: 1701 });
    assert.deepEqual(found.destination, { address: '192.0.2.2', port: 4000 });
    assert.equal(toHex(found.payload), toHex(PAYLOAD));
    assert.equal(found.note, null);
    assert.equal(found.carrier !== null, name.startsWith('PPP'));
  });

test('a UDP datagram over IPv6, behind extension headers too', () => {
  const extended = concat(hex('3c00 010400000000 1100 010400000000'), DATAGRAM); // hop-by-hop, destination options
  for (const packet of [ipv6(DATAGRAM), ipv6(extended, 0)]) {
    const found = take(1, concat(MACS, hex('86dd'), packet));
    assert.equal(found.kind, 'udp');
    if (found.kind !== 'udp') return;
    assert.equal(found.source.address, '2001:db8::1');
    assert.equal(toHex(found.payload), toHex(PAYLOAD));
  }
});

test('PPP frames come out as they are', () => {
  for (const [linkType, octets] of [
    [9, ECHO],
    [204, concat(hex('00'), ECHO)],
    [51, PPPOE(ECHO)],
    [1, concat(MACS, hex('8864'), PPPOE(ECHO), new Uint8Array(20))],
  ] as const) {
    const found = take(linkType, octets);
    assert.equal(found.kind, 'ppp');
    if (found.kind === 'ppp') assert.equal(toHex(found.octets), toHex(ECHO));
  }
});

test('IPv4 fragments are put together in any order, a doubled one counts once', () => {
  const pieces = [
    ipv4(DATAGRAM.subarray(0, 16), 0x2000),
    ipv4(DATAGRAM.subarray(16, 24), 0x2002),
    ipv4(DATAGRAM.subarray(24), 3),
  ];
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 1, 0],
    [0, 0, 2, 1],
  ]) {
    const network = new Network();
    const found = order.map((index) => take(101, pieces[index]!, network));
    assert.deepEqual(
      found.map(({ kind }) => kind),
      [...order.slice(1).map(() => 'fragment'), 'udp'],
    );
    const last = found.at(-1)!;
    if (last.kind === 'udp') assert.equal(toHex(last.payload), toHex(PAYLOAD));
    assert.equal(network.incomplete, 0);
  }
});

test('IPv6 fragments are put together; those of another packet are kept apart', () => {
  const piece = (place: number, id: number, octets: Uint8Array): Uint8Array =>
    ipv6(concat(hex('1100'), be16(place), hex('0000'), be16(id), octets), 44);
  const network = new Network();
  assert.equal(take(101, piece(0x0001, 1, DATAGRAM.subarray(0, 16)), network).kind, 'fragment');
  assert.equal(take(101, piece(0x0010, 2, DATAGRAM.subarray(16)), network).kind, 'fragment');
  const whole = take(101, piece(0x0010, 1, DATAGRAM.subarray(16)), network);
  assert.equal(whole.kind === 'udp' && toHex(whole.payload), toHex(PAYLOAD));
  assert.equal(network.incomplete, 1);
});

test('fragments that never become whole are bounded in number', () => {
  const network = new Network();
  for (let id = 0; id < 1000; id++) take(101, ipv4(DATAGRAM.subarray(0, 16), 0x2000, id), network);
  assert.equal(network.incomplete, 256);
});

test('a fragment behind octet 65,535 is refused', () => {
  const found = take(101, ipv4(DATAGRAM, 0x1fff));
  assert.equal(found.note, 'impossible IP fragment: 32 octets at 65528');
});

test('a frame that the capture cut is said to be', () => {
  const cut = ipv4(DATAGRAM).subarray(0, 40);
  const found = take(101, cut, new Network(), 52);
  assert.equal(found.note, 'UDP Length is 32, 20 octets are there; 40 of 52 octets captured');
  assert.equal(found.kind === 'udp' && toHex(found.payload), toHex(PAYLOAD.subarray(0, 12)));
});

test('what is no UDP and no PPP is named', () => {
  const notes: [number, string, string][] = [
    [1, '0200', 'frame too short'],
    [1, `${toHex(MACS)}0806`, 'ethertype 0x0806'],
    [1, `${toHex(MACS)}8863110900000000`, 'ethertype 0x8863'],
    [101, '45', 'IPv4 header too short'],
    [101, '30', 'not IP'],
    [101, '', 'not IP'],
    [101, toHex(ipv4(DATAGRAM)).replace(/^(.{18})11/, '$106'), 'IP protocol 6'],
    [101, toHex(ipv6(hex('0102'), 17)), 'UDP header too short'],
    [101, toHex(ipv6(hex('0102'), 0)), 'IPv6 headers cut short'],
    [101, toHex(ipv4(hex('06a506a500070000'))), 'UDP Length of 7'],
    [147, '00', 'link type 147 is not known'],
    [-1, '00', 'the file does not describe the interface'],
  ];
  for (const [linkType, octets, note] of notes) assert.deepEqual(take(linkType, hex(octets)), { kind: 'other', note });
});

test('a datagram that is built is found again, its checksums right', () => {
  const address = fc.oneof(fc.constant(['192.0.2.9', '198.51.100.1']), fc.constant(['2001:db8::1', '2001:db8:1::']));
  fc.assert(
    fc.property(address, fc.nat(65535), fc.uint8Array({ maxLength: 300 }), ([from, to], port, payload) => {
      const packet = udpPacket({ address: from!, port }, { address: to!, port: 1701 }, payload);
      const found = take(LINK_RAW_IP, packet);
      assert.ok(found.kind === 'udp');
      assert.deepEqual(found.source, { address: from, port });
      assert.deepEqual(found.destination, { address: to, port: 1701 });
      assert.equal(toHex(found.payload), toHex(payload));
      const v4 = packet[0] === 0x45;
      // RFC 1071: summed with its checksum, all is 0xffff.
      const sum = (octets: Uint8Array): number => {
        let total = 0;
        for (let i = 0; i < octets.length; i += 2) total += octets[i]! * 256 + (octets[i + 1] ?? 0);
        while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
        return total;
      };
      if (v4) assert.equal(sum(packet.subarray(0, 20)), 0xffff);
      const addresses = v4 ? packet.subarray(12, 20) : packet.subarray(8, 40);
      assert.equal(sum(concat(addresses, be16(17), be16(8 + payload.length), packet.subarray(v4 ? 20 : 40))), 0xffff);
    }),
  );
});

test('any damage to a frame gives an answer, never a throw', () => {
  const frames = [
    ...V4.map(([, linkType, octets]) => [linkType, octets] as const),
    [101, ipv4(DATAGRAM.subarray(0, 16), 0x2000)] as const,
    [101, ipv6(concat(hex('1100000100000001'), DATAGRAM), 44)] as const,
  ];
  const damage = fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 5 });
  const network = new Network();
  fc.assert(
    fc.property(fc.constantFrom(...frames), damage, fc.nat(100), ([linkType, well], changes, cut) => {
      const octets = well.slice(0, well.length - (cut % (well.length + 1)));
      for (const [at, value] of changes) if (octets.length > 0) octets[at % octets.length] = value;
      assert.ok(take(linkType, octets, network).kind);
    }),
    { numRuns: 5000 },
  );
});
