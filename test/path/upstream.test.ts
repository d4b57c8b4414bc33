import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as layout from '../../src/generated/layout.ts';
import { checksumOf, data, hex, ipv4, mapped, pppIp, sockaddr, TestPath, toHex } from '../support/path.ts';

const CLIENT = [100, 64, 0, 9];
const HOST = [203, 0, 113, 1];
const packet = ipv4(CLIENT, HOST, hex('0011223344556677'));

function oneSession(
  options: Parameters<TestPath['session']>[3] = {},
  core: number = layout.CORE_TUN,
): { path: TestPath; row: number } {
  const path = new TestPath(core);
  return { path, row: path.session(path.tunnel(), 0x0101, 9, options) };
}

test('3.1: data in every legal form of the header is delivered', () => {
  for (const length of [false, true])
    for (const ns of [undefined, 0])
      for (const offset of [undefined, 0, 1, 7])
        for (const priority of [false, true])
          for (const [acfc, pfc] of [
            [false, false],
            [true, false],
            [false, true],
            [true, true],
          ]) {
            const { path } = oneSession();
            path.up(
              data(pppIp(packet, { acfc: acfc!, pfc: pfc! }), {
                length,
                priority,
                ...(ns === undefined ? {} : { ns }),
                ...(offset === undefined ? {} : { offset }),
              }),
            );
            assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
          }
});

test('3.1: reserved bits of the header are ignored', () => {
  for (const bit of [0x2000, 0x1000, 0x0400, 0x0080, 0x0040, 0x0020, 0x0010]) {
    const { path } = oneSession();
    const datagram = data(pppIp(packet));
    datagram[0]! |= bit >>> 8;
    datagram[1]! |= bit & 0xff;
    path.up(datagram);
    assert.equal(path.delivered().length, 1);
  }
});

test('3.1: octets after Length are not part of the message', () => {
  const { path } = oneSession();
  const datagram = data(pppIp(packet), { length: true });
  path.up(Buffer.concat([datagram, hex('deadbeef')]));
  assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
});

test('7.1: each malformed data message of the vectors is dropped by its reason', () => {
  const { cases } = JSON.parse(readFileSync(new URL('../vectors/malformed.json', import.meta.url), 'utf8'));
  const reasons: Record<string, number> = {
    'data-trunc': layout.DROP_RUNT,
    'data-length': layout.DROP_LENGTH,
    'data-version': layout.DROP_VERSION,
    'data-offset': layout.DROP_LENGTH,
    'data-unknown-session': layout.DROP_SESSION,
    'data-unknown-tunnel': layout.DROP_TUNNEL,
    'data-empty': layout.DROP_PPP_EMPTY,
    'data-offset-all': layout.DROP_PPP_EMPTY,
  };
  let seen = 0;
  for (const one of cases) {
    if (one.layer !== 'l2tp-data' || one.outcome !== 'discard') continue;
    const { path } = oneSession();
    path.up(hex(one.hex));
    const reason = reasons[one.id] ?? reasons[Object.keys(reasons).find((prefix) => one.id.startsWith(prefix))!]!;
    assert.equal(path.counter(reason), 1, one.id);
    assert.equal(path.delivered().length + path.sent().length + path.punted().length, 0, one.id);
    seen++;
  }
  assert.ok(seen > 25);
});

test('8.1: data from another address or port than the tunnel was set up with is dropped', () => {
  const { path } = oneSession();
  path.up(data(pppIp(packet)), sockaddr(192, 0, 2, 1, 1702));
  path.up(data(pppIp(packet)), sockaddr(192, 0, 2, 2, 1701));
  assert.equal(path.counter(layout.DROP_PEER_ADDRESS), 2);
  path.up(data(pppIp(packet)));
  assert.equal(path.delivered().length, 1);
});

test("a source that is not the session's is dropped; a prefix in whose stack it is may send", () => {
  const { path } = oneSession();
  path.up(data(pppIp(ipv4([100, 64, 0, 10], HOST, hex('00')))));
  assert.equal(path.counter(layout.DROP_SPOOFED), 1);
  // A framed route: 198.51.100.0/24 behind the session.
  const scratch = path.plan.parts[layout.PART_SCRATCH]!.offset;
  path.octets.set(mapped(198, 51, 100, 0), scratch);
  assert.notEqual(path.wasm.stackPush(0, 96 + 24, scratch, 1, 500, 0), 0);
  path.up(data(pppIp(ipv4([198, 51, 100, 77], HOST, hex('00')))));
  assert.equal(path.delivered().length, 1);
  path.up(data(pppIp(ipv4([198, 51, 101, 77], HOST, hex('00')))));
  assert.equal(path.counter(layout.DROP_SPOOFED), 2);
});

test('IP: wrong version, header and lengths are dropped; padding is cut', () => {
  const { path } = oneSession();
  for (const [change, reason] of [
    [
      (p: Uint8Array) => {
        p[0] = 0x65;
      },
      layout.DROP_IP_VERSION,
    ],
    [
      (p: Uint8Array) => {
        p[0] = 0x44;
      },
      layout.DROP_IP_LENGTH,
    ],
    [
      (p: Uint8Array) => {
        p[3] = 19;
      },
      layout.DROP_IP_LENGTH,
    ],
    [
      (p: Uint8Array) => {
        p[3] = p.length + 1;
      },
      layout.DROP_IP_LENGTH,
    ],
  ] as const) {
    const wrong = packet.slice();
    change(wrong);
    const before = path.counter(reason);
    path.up(data(pppIp(wrong)));
    assert.equal(path.counter(reason), before + 1);
  }
  path.up(data(pppIp(Buffer.concat([packet, hex('000000')]))));
  assert.deepEqual(path.delivered().map(toHex), [toHex(packet)]);
});

test('RFC 1661 section 3.4: IP before IPCP is Opened is dropped, control frames go to the main thread', () => {
  const path = new TestPath();
  const row = path.tables.addSession({ tunnelRow: path.tunnel(), localId: 0x0101, peerId: 1, sequencing: false });
  path.up(data(pppIp(packet)));
  assert.equal(path.counter(layout.DROP_NOT_UP), 1);
  path.up(data(hex('ff03c0210101000401')));
  const [punt] = path.punted();
  assert.equal(punt!.head.row, row);
  assert.equal(toHex(punt!.payload), 'c0210101000401');
  assert.equal(path.tables.sessionCounters(row).rxControlPackets, 1);
});

test('frames of one session that wait for the main thread are bounded', () => {
  const { path, row } = oneSession();
  for (let n = 0; n < layout.PUNT_SESSION_MAX + 5; n++) path.up(data(hex('c02101010004')));
  assert.equal(path.counter(layout.DROP_PUNT_SESSION), 5);
  assert.equal(path.punted().length, layout.PUNT_SESSION_MAX);
  path.up(data(hex('c02101010004')));
  assert.equal(path.punted().length, 1);
  assert.equal(path.tables.sessionCounters(row).rxErrors, 5);
});

test('RFC 1661 section 5.8: Echo-Requests are answered where LCP is Opened, padding cut, P set', () => {
  const { path, row } = oneSession();
  path.up(data(hex('ff03c0210907000c22222222aabbccdd')));
  assert.equal(path.punted().length, 1, 'not Opened: for the main thread');
  path.tables.setEcho(row, 0x11223344);
  path.up(data(hex('ff03c0210907000c22222222aabbccdd0000')));
  const [reply] = path.sent();
  assert.equal(toHex(reply!.octets), '4102001856781101ff03c0210a07000c11223344aabbccdd');
  for (const other of [
    'c021090700072222222',
    'c02109070003',
    'c0210907ffff22222222',
    'c0210a070008aaaaaaaa',
    'c021090700081122 3344',
  ]) {
    path.up(data(hex(other.length % 2 ? `${other}0` : other)));
    assert.equal(path.sent().length, 0, other);
  }
  assert.ok(path.punted().length >= 4);
});

test('5.4: numbered data is delivered in order; late is dropped, a gap counted, the number wraps', () => {
  const { path, row } = oneSession();
  const send = (ns: number): number => {
    path.up(data(pppIp(packet), { ns, length: true }));
    return path.delivered().length;
  };
  assert.equal(send(65534), 1);
  assert.equal(send(65535), 1);
  assert.equal(send(65535), 0, 'a duplicate is late');
  assert.equal(send(0), 1);
  assert.equal(send(3), 1, 'a gap is passed over');
  assert.equal(send(2), 0, 'what comes after it is late');
  assert.equal(send(4), 1);
  const counters = path.tables.sessionCounters(row);
  assert.deepEqual([counters.late, counters.lost], [2, 2]);
  assert.equal(path.counter(layout.DROP_LATE), 2);
});

test('5.4: a peer that starts anew is taken up again after a run of late messages', () => {
  const { path } = oneSession();
  path.up(data(pppIp(packet), { ns: 1000 }));
  let delivered = 0;
  for (let ns = 0; ns < 40; ns++) {
    path.up(data(pppIp(packet), { ns }));
    delivered += path.delivered().length;
  }
  assert.equal(delivered, 40 - (layout.LATE_RUN_MAX - 1));
});

test('5.4: where the LAC required sequencing, data without Ns is dropped and ours has Ns from 0 on', () => {
  const path = new TestPath();
  const row = path.session(path.tunnel(), 0x0101, 9, { sequencing: true });
  path.up(data(pppIp(packet)));
  assert.equal(path.counter(layout.DROP_NS_MISSING), 1);
  for (const ns of ['0000', '0001']) {
    path.down(ipv4(HOST, CLIENT, hex('00')));
    assert.match(toHex(path.sent()[0]!.octets), new RegExp(`^4802....56781101${ns}0000ff030021`));
  }
  assert.equal(path.tables.sessionCounters(row).rxErrors, 1);
});

test('5.4: a peer that numbers its data gets numbered data; a LAC follows what the LNS does', () => {
  const { path } = oneSession();
  path.down(ipv4(HOST, CLIENT, hex('00')));
  assert.equal(path.sent()[0]!.octets[0], 0x40);
  path.up(data(pppIp(packet), { ns: 5 }));
  path.down(ipv4(HOST, CLIENT, hex('00')));
  assert.equal(path.sent()[0]!.octets[0], 0x48);
  const lac = new TestPath(layout.CORE_TUN);
  lac.session(lac.tunnel(0x1234, 0x5678, 'lac'), 0x0101, 9);
  const state = (): number => {
    lac.down(ipv4(HOST, CLIENT, hex('00')));
    return lac.sent()[0]!.octets[0]!;
  };
  lac.up(data(pppIp(packet), { ns: 5 }));
  assert.equal(state(), 0x48, 'it began');
  lac.up(data(pppIp(packet)));
  assert.equal(state(), 0x40, 'it stopped');
});

test('a control message that reaches a data socket goes to the main thread with its sender', () => {
  const { path } = oneSession();
  path.up(hex('c8020014123400000002000180080000000000 06'), sockaddr(192, 0, 2, 7, 9));
  const [punt] = path.punted();
  assert.equal(punt!.head.kind, layout.RECORD_CONTROL);
  assert.equal(toHex(punt!.payload.subarray(0, 8)), '02000009c0000207');
  assert.equal(toHex(punt!.payload.subarray(layout.SOCKADDR_SIZE)), 'c802001412340000000200018008000000000006');
});

test('the embedded host answers ICMP Echo and UDP echo, fragments too, and forwards between clients', () => {
  const path = new TestPath(layout.CORE_EMBEDDED);
  const tunnel = path.tunnel();
  path.session(tunnel, 0x0101, 9);
  path.session(tunnel, 0x0102, 10);
  const icmp = hex('0800f7fd 0001 0001');
  path.up(data(pppIp(ipv4(CLIENT, HOST, icmp, { protocol: 1 }))));
  let answer = path.sent()[0]!.octets.subarray(12);
  assert.deepEqual([...answer.subarray(12, 20)], [...HOST, ...CLIENT]);
  assert.equal(answer[20], 0);
  assert.equal(checksumOf(answer.subarray(20)), 0xffff);
  assert.equal(checksumOf(answer.subarray(0, 20)), 0xffff);
  path.up(data(pppIp(ipv4(CLIENT, HOST, hex('80010007000c0000 61626364')))));
  answer = path.sent()[0]!.octets.subarray(12);
  assert.equal(toHex(answer.subarray(20, 24)), '00078001');
  path.up(data(pppIp(ipv4(CLIENT, HOST, hex('6162636465666768'), { protocol: 1, flags: 0x2003 }))));
  assert.equal(path.sent().length, 1, 'a later fragment goes back as it came');
  path.up(data(pppIp(ipv4(CLIENT, HOST, hex('80010035000c0000 61626364')))));
  assert.equal(path.counter(layout.DROP_HOST), 1, 'no DNS server here');
  path.up(data(pppIp(ipv4(CLIENT, [100, 64, 0, 10], hex('8001003500080000')))));
  const forwarded = path.sent()[0]!.octets;
  assert.equal(toHex(forwarded.subarray(4, 8)), '56781102');
  assert.equal(forwarded[12 + 8], 63, 'a hop');
  assert.equal(checksumOf(forwarded.subarray(12, 32)), 0xffff);
});
