import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { type DecodedFrame, type DecodeOptions, Decoder } from '../../src/decode/decode.ts';
import { formatFrame, formatJson, frameToJson } from '../../src/decode/format.ts';
import { udpPacket } from '../../src/decode/network.ts';
import { LINK_RAW_IP } from '../../src/decode/pcap.ts';
import { AVP, CDN, ICCN, SCCRQ, STOPCCN } from '../../src/wire/avp.ts';
import { MessageBuilder, zeroLengthBody } from '../../src/wire/message.ts';
import { buildFrame, PPP_CHAP, PPP_IPCP, PPP_LCP, PPP_PAP } from '../../src/wire/ppp.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { avp, concat, control, data, ECHO, hex, toHex } from './build.ts';

const crypto = new WasmCrypto();
const LAC = { address: '192.0.2.1', port: 1701 };
const LNS = { address: '192.0.2.2', port: 1701 };
const SECRET = Buffer.from('s3cret');

function frame(payload: Uint8Array, decoder = new Decoder(), from = LAC, to = LNS): DecodedFrame {
  const octets = udpPacket(from, to, payload);
  const decoded = decoder.take({ number: 1, timeNs: 5n, linkType: LINK_RAW_IP, octets, wireOctets: octets.length });
  assert.ok(decoded !== null);
  return decoded;
}
const lines = (payload: Uint8Array, options: DecodeOptions = {}): string[] =>
  formatFrame(frame(payload, new Decoder(options)), 0n)
    .split('\n')
    .map((line, i) => (i === 0 ? line.replace(/^.*:1701 {2}/, '') : line.trim()));
const ppp = (octets: Uint8Array, options: DecodeOptions = {}): string =>
  lines(data(octets), options).join(' | ').replace('data  tunnel 1 session 2  ', '');
const packet = (protocol: number, code: number, body: string): Uint8Array => buildFrame(protocol, code, 7, hex(body));
const text = (value: string): string => Buffer.from(value).toString('hex');
const message = (type: number, secret: Uint8Array | null = null): MessageBuilder =>
  new MessageBuilder(crypto, new SeededRandom(1)).begin(type, 1, 0, secret);

test('3.1: every optional field of a data header is shown where it is there', () => {
  assert.equal(lines(data(ECHO))[0], 'data  tunnel 1 session 2  LCP Echo-Request id 7, magic 0x01020304');
  const all = concat(hex('4b02 001b 0001 0002 0003 0004 0001 ff'), ECHO, hex('eeee')); // two octets behind Length
  assert.equal(
    lines(all)[0],
    'data  tunnel 1 session 2 Ns 3 Nr 4 length 27 offset 1 priority  LCP Echo-Request id 7, magic 0x01020304',
  );
});

test('3.1: what the server refuses is shown as far as it goes, with the reason', () => {
  const cases: [string, string[]][] = [
    ['', ['', '! the datagram ends inside the L2TP header']],
    ['c8', ['', '! the datagram ends inside the L2TP header']],
    ['c802 000c 0001', ['control  tunnel 1 session ? length 12', '! the datagram ends inside the L2TP header']],
    ['0003 0001 0002', ['version 3  tunnel 1 session 2', '! Ver is not 2']],
    [
      'c802 00ff 0001 0000 0000 0000',
      ['ZLB  tunnel 1 session 0 Ns 0 Nr 0 length 255', '! Length or Offset Size points outside the datagram'],
    ],
    [
      '0202 0001 0002 0100',
      ['data  tunnel 1 session 2 offset 256', '! Length or Offset Size points outside the datagram'],
    ],
    [
      '8002 0001 0000 8008 0000 0000 0006',
      ['HELLO  tunnel 1 session 0', '! a control message without L or S, or with O'],
    ],
    ['0002 0001 0002', ['data  tunnel 1 session 2', '! no PPP frame']],
  ];
  for (const [octets, expected] of cases) {
    const found = lines(hex(octets)).filter((line) => !line.startsWith('M- Message Type'));
    assert.deepEqual([found[0]!.replace(/^ .*/, ''), ...found.slice(1)], expected, octets);
  }
});

test('5.8: a message without AVPs is a ZLB', () => {
  assert.equal(lines(zeroLengthBody(9, 1, 2))[0], 'ZLB  tunnel 9 session 0 Ns 1 Nr 2 length 12');
});

test('4.4: AVPs by name and in words', () => {
  const built = message(SCCRQ)
    .octets(AVP.protocolVersion, hex('0100'))
    .u32(AVP.framingCapabilities, 3)
    .u32(AVP.bearerType, 1)
    .text(AVP.hostName, 'lac "é" \u001b[31m')
    .u16(AVP.assignedTunnelId, 4242)
    .octets(AVP.challenge, hex('c0ffee'))
    .octets(AVP.q931CauseCode, concat(hex('001045'), Buffer.from('busy')))
    .octets(AVP.lastSentConfreq, hex('010405dc 0506deadbeef'))
    .octets(AVP.callErrors, hex('0000 00000001 00000002 00000003 00000004 00000005 00000006'))
    .octets(AVP.accm, hex('0000 ffffffff 000a0000'))
    .octets(AVP.pppDisconnectCause, concat(hex('0010c02301'), Buffer.from('bad')))
    .octets(AVP.sequencingRequired, new Uint8Array(0))
    .end();
  assert.deepEqual(lines(built).slice(1), [
    'M- Message Type: 1 (SCCRQ)',
    'M- Protocol Version: 1.0',
    'M- Framing Capabilities: asynchronous, synchronous',
    'M- Bearer Type: digital',
    'M- Host Name: "lac \\"é\\" \\u001b[31m"',
    'M- Assigned Tunnel ID: 4242',
    'M- Challenge: c0ffee',
    'M- Q.931 Cause Code: cause 16, message 69, "busy"',
    '-- Last Sent LCP CONFREQ: <MRU 1500> <Magic-Number 0xdeadbeef>',
    'M- Call Errors: CRC 1, framing 2, hardware overruns 3, buffer overruns 4, time-outs 5, alignment 6',
    'M- ACCM: send 0xffffffff, receive 0x000a0000',
    '-- PPP Disconnect Cause: code 16 of PAP, at peer, "bad"',
    'M- Sequencing Required',
  ]);
});

test('4.4.2: a Result Code has the meaning of its message', () => {
  const of = (type: number, result: number, error: number, words: string) =>
    lines(message(type).result(result, error, words).end())[2];
  assert.equal(of(STOPCCN, 4, 0, ''), 'M- Result Code: result 4 (requester is not authorized)');
  assert.equal(of(CDN, 4, 0, ''), 'M- Result Code: result 4 (no facilities, temporarily)');
  assert.equal(
    of(CDN, 2, 8, 'why'),
    'M- Result Code: result 2 (general error), error 8 (unknown mandatory AVP), "why"',
  );
});

test('4.1: AVPs of vendors, unknown ones, reserved bits and false lengths are shown and noted', () => {
  const type = avp(0, hex('0006'));
  assert.deepEqual(lines(control(type, avp(5, hex('aabb'), 0, 9), avp(99, hex('01')))).slice(1), [
    'M- Message Type: 6 (HELLO)',
    '-- AVP 9/5: aabb',
    'M- AVP 99: 01',
  ]);
  assert.deepEqual(lines(control(type, avp(7, hex('61'), 0x8400))).slice(2), [
    'M- Host Name: "a"',
    '! Host Name has reserved bits set',
  ]);
  assert.deepEqual(lines(control(type, avp(9, hex('010203')))).slice(2), [
    'M- Assigned Tunnel ID: 010203',
    '! Assigned Tunnel ID of 3 octets',
  ]);
  assert.deepEqual(lines(control(type, hex('8005 0000 0007 61'))).slice(2), ['! Host Name has a Length of 5']);
  assert.deepEqual(lines(control(type, hex('8009 0000 0007 61'))).slice(2), [
    'M- Host Name: "a"',
    '! Host Name has a Length of 9, 7 octets are left',
  ]);
  assert.deepEqual(lines(control(type, hex('800900'))).slice(2), ['! 3 octets after the last AVP']);
  assert.deepEqual(lines(control(avp(7, hex('61')))).slice(1), ['M- Host Name: "a"', '! no Message Type']);
});

const hiddenIccn = message(ICCN, SECRET)
  .text(AVP.proxyAuthenName, 'alice')
  .octets(AVP.proxyAuthenResponse, Buffer.from('wonderland'))
  .u32(AVP.rxConnectSpeed, 64000)
  .end();

test('4.3: hidden AVPs are shown in clear with the secret, and as hidden without', () => {
  assert.deepEqual(
    lines(hiddenIccn, { secret: SECRET, crypto }).filter((line) => /^.H/.test(line)),
    ['-H Proxy Authen Name: "alice"', '-H Proxy Authen Response: (not shown)', '-H Rx Connect Speed: 64000'],
  );
  const without = lines(hiddenIccn).filter((line) => /^.H/.test(line));
  assert.equal(without.length, 3);
  for (const line of without) assert.match(line, /: hidden, \d+ octets$/);
  assert.ok(
    lines(control(avp(0, hex('0006')), avp(9, hex('0102'), 0xc000))).includes(
      '! Assigned Tunnel ID is hidden without a Random Vector',
    ),
  );
});

test('4.3: a value whose Original Length the secret does not decipher is noted', () => {
  const vector = hex('01');
  // With no value of its own, the cipher text of Original Length 0 is the key stream: turned over, it says 0xffff.
  const stream = crypto.hide(AVP.assignedSessionId, SECRET, vector, new Uint8Array(0), new Uint8Array(0));
  const value = stream.map((octet) => octet ^ 0xff);
  const octets = control(avp(0, hex('000a')), avp(36, vector), avp(14, value, 0xc000));
  assert.deepEqual(lines(octets, { secret: SECRET, crypto }).slice(3), [
    'MH Assigned Session ID: hidden, 2 octets',
    '! Assigned Session ID cannot be deciphered: another secret?',
  ]);
});

test('RFC 1661: LCP packets by name, their options too', () => {
  const request = packet(
    PPP_LCP,
    1,
    '010405dc 0206000a0000 0305c22305 0506deadbeef 0702 0802 11040640' + ' 1202 130702aabbccdd 63030a',
  );
  assert.equal(
    ppp(request),
    'LCP Configure-Request id 7 <MRU 1500> <ACCM 0x000a0000> <Authentication-Protocol CHAP MD5> <Magic-Number 0xdeadbeef> <PFC> <ACFC> <MRRU 1600> <Short-Sequence-Number> <Endpoint-Discriminator IP aabbccdd> <option 99 0a>',
  );
  assert.equal(ppp(packet(PPP_LCP, 3, '0304c023')), 'LCP Configure-Nak id 7 <Authentication-Protocol PAP>');
  assert.equal(ppp(packet(PPP_LCP, 5, text('bye\u0007'))), 'LCP Terminate-Request id 7, data "bye\\u0007"');
  assert.equal(ppp(packet(PPP_LCP, 7, '0e070004')), 'LCP Code-Reject id 7, rejected code 14');
  assert.equal(ppp(packet(PPP_LCP, 8, '80fd01020304')), 'LCP Protocol-Reject id 7, rejected CCP');
  assert.equal(ppp(packet(PPP_LCP, 10, '00000001abcd')), 'LCP Echo-Reply id 7, magic 0x00000001, octets 2');
  assert.equal(
    ppp(packet(PPP_LCP, 12, `00000001${text('us')}`)),
    'LCP Identification id 7, magic 0x00000001, message "us"',
  );
  assert.equal(ppp(packet(PPP_LCP, 13, '000000010000003c')), 'LCP Time-Remaining id 7, magic 0x00000001, seconds 60');
  assert.equal(ppp(packet(PPP_LCP, 99, '00')), 'LCP code 99 id 7');
});

test('RFC 1332, 1877, 5072: NCPs by name, their options too', () => {
  assert.equal(
    ppp(packet(PPP_IPCP, 1, '0306c0000201 81060a000001 83060a000002 0206002d0f01')),
    'IPCP Configure-Request id 7 <IP-Address 192.0.2.1> <Primary-DNS 10.0.0.1> <Secondary-DNS 10.0.0.2> <IP-Compression-Protocol VJ-Compressed-TCP 0f01>',
  );
  assert.equal(
    ppp(packet(0x8057, 1, '010a0000000000000001')),
    'IPV6CP Configure-Request id 7 <Interface-Identifier 0:0:0:1>',
  );
  assert.equal(ppp(packet(0x80fd, 14, '')), 'CCP Reset-Request id 7');
  assert.equal(ppp(packet(PPP_IPCP, 9, '')), 'IPCP code 9 id 7');
  assert.equal(ppp(packet(0x8281, 5, '')), 'MPLSCP Terminate-Request id 7');
});

test('RFC 1334, 1994: authentication is shown without its password, unless that is asked for', () => {
  const request = packet(PPP_PAP, 1, `05${text('alice')}0a${text('wonderland')}`);
  assert.equal(ppp(request), 'PAP Authenticate-Request id 7, peer-id "alice", password (not shown)');
  assert.equal(
    ppp(request, { passwords: true }),
    'PAP Authenticate-Request id 7, peer-id "alice", password "wonderland"',
  );
  assert.equal(ppp(packet(PPP_PAP, 3, `02${text('no')}`)), 'PAP Authenticate-Nak id 7, message "no"');
  assert.equal(ppp(packet(PPP_CHAP, 1, `02beef${text('lns')}`)), 'CHAP Challenge id 7, value beef, name "lns"');
  assert.equal(ppp(packet(PPP_CHAP, 2, `02beef${text('alice')}`)), 'CHAP Response id 7, value beef, name "alice"');
  assert.equal(ppp(packet(PPP_CHAP, 3, text('welcome'))), 'CHAP Success id 7, message "welcome"');
});

test('no form of output holds a password that was not asked for', () => {
  const pap = packet(PPP_PAP, 1, `05${text('alice')}0a${text('wonderland')}`);
  const payloads = [
    data(pap),
    data(concat(hex('003d c0000000'), pap.subarray(2))), // in a multilink fragment
    data(packet(PPP_LCP, 8, toHex(pap.subarray(2)))), // in a Protocol-Reject
    data(packet(PPP_PAP, 9, `05${text('alice')}0a${text('wonderland')}`)), // under an unknown code
    data(concat(pap.subarray(0, 6), hex('ffff'), pap.subarray(8))), // with a false Length
    message(ICCN).octets(AVP.proxyAuthenResponse, Buffer.from('wonderland')).end(),
    hiddenIccn,
  ];
  for (const payload of payloads) {
    const decoded = frame(payload, new Decoder({ secret: SECRET, crypto }));
    for (const form of [formatFrame(decoded, 0n), formatJson(decoded)]) {
      assert.ok(!form.includes('wonderland'), form);
      assert.ok(!form.includes(text('wonderland')), form);
    }
  }
});

test('RFC 1661 5: a packet whose Length or option lies is noted', () => {
  assert.equal(ppp(hex('c021 01070008 0104')), 'LCP Configure-Request id 7 | ! Length is 8, 6 octets are there');
  assert.equal(ppp(packet(PPP_LCP, 1, '010105dc')), 'LCP Configure-Request id 7 | ! an option with a false Length');
  assert.equal(ppp(hex('c021 0107')), 'LCP | ! LCP packet cut short');
  assert.equal(ppp(hex('003d c0')), 'Multilink | ! multilink header cut short');
});

test('RFC 1661 6.5, 6.6: compressed protocol and address fields are understood', () => {
  const packetOctets = hex('45000014000000004001 0000 0a000001 0a000002');
  for (const head of ['ff030021', '0021', '21', 'ff0321'])
    assert.equal(ppp(concat(hex(head), packetOctets)), 'IPv4 10.0.0.1 > 10.0.0.2 ICMP, 20 octets');
  assert.equal(ppp(hex('00fd010203')), 'Compressed 3 octets');
  assert.equal(ppp(hex('ff030021')), 'IPv4 no IP packet, 0 octets');
});

test('RFC 1990 3: multilink headers in both formats, a whole packet shown inside', () => {
  const long = concat(hex('003d c0000102'), ECHO.subarray(2));
  assert.equal(ppp(long), 'Multilink BE 258, 10 octets  LCP Echo-Request id 7, magic 0x01020304');
  const short = concat(hex('3d 8fff'), hex('0021 4500'));
  assert.equal(ppp(short, { multilink: 'short' }), 'Multilink B- 4095, 4 octets');
});

test('RFC 1990 5.1.2: after a Configure-Ack of Short-Sequence-Number, that sender has the short header, and no other', () => {
  const decoder = new Decoder();
  const fragment = data(hex('003d c123 c021 0907000801020304'));
  const sequence = (from = LAC, to = LNS): unknown => frameToJson(frame(fragment, decoder, from, to)).mp;
  assert.deepEqual(sequence(), { B: 1, E: 1, seq: 0x23c021, payload_length: 8 });
  frame(data(packet(PPP_LCP, 2, '110405dc1202')), decoder);
  assert.deepEqual(sequence(), { B: 1, E: 1, seq: 0x123, payload_length: 10 });
  assert.deepEqual(sequence(LNS, LAC), { B: 1, E: 1, seq: 0x23c021, payload_length: 8 });
  frame(data(packet(PPP_LCP, 2, '110405dc')), decoder); // negotiated anew, without
  assert.deepEqual(sequence(), { B: 1, E: 1, seq: 0x23c021, payload_length: 8 });
});

test('the port is 1701 at either end, and besides the one given where the version is 2', () => {
  const seen = (source: number, destination: number, payload: Uint8Array, ports?: number[]): boolean => {
    const octets = udpPacket({ ...LAC, port: source }, { ...LNS, port: destination }, payload);
    const decoder = new Decoder(ports === undefined ? {} : { ports });
    return decoder.take({ number: 1, timeNs: 0n, linkType: LINK_RAW_IP, octets, wireOctets: octets.length }) !== null;
  };
  assert.equal(seen(40000, 1701, data(ECHO)), true);
  assert.equal(seen(1701, 40000, data(ECHO)), true);
  assert.equal(seen(40000, 17010, data(ECHO)), false);
  assert.equal(seen(40000, 17010, data(ECHO), [17010]), true);
  assert.equal(seen(17010, 40000, data(ECHO), [17010]), true);
  assert.equal(seen(40000, 17010, hex('0003 0001 0002'), [17010]), false);
});

test('JSON has the fields of the expected files, and what they mean', () => {
  assert.deepEqual(frameToJson(frame(control(avp(0, hex('0006'))))), {
    frame: 1,
    time: '0.000000005',
    source: LAC,
    destination: LNS,
    T: 1,
    L: 1,
    S: 1,
    O: 0,
    P: 0,
    version: 2,
    length: 20,
    tunnel: 1,
    session: 0,
    Ns: 3,
    Nr: 4,
    avps: [{ vendor: 0, type: 0, M: 1, H: 0, length: 8, value: '0006', name: 'Message Type', text: '6 (HELLO)' }],
    message_type: 6,
    message: 'HELLO',
    udp_payload_sha256_8: '23f02c8ad436c742',
  });
});

const WELL = [
  message(SCCRQ).u16(AVP.assignedTunnelId, 1).text(AVP.hostName, 'lac').end(),
  message(STOPCCN).result(2, 3, 'why').end(),
  hiddenIccn,
  zeroLengthBody(1, 2, 3),
  data(ECHO),
  data(packet(PPP_LCP, 1, '010405dc 0305c22305 11040640 1202 130702aabbccdd')),
  data(packet(PPP_IPCP, 1, '0306c0000201')),
  data(packet(PPP_PAP, 1, '05616c6963650161')),
  data(packet(PPP_CHAP, 2, '02beef61')),
  data(hex('003d c0000001 0021 45000014000000004001 0000 0a000001 0a000002')),
  hex('4b02 000f 0001 0002 0003 0004 0001 ff c0'),
];
test('any damage to a message gives a line and JSON that is one line of printable text, never a throw', () => {
  const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 5 });
  const decoder = new Decoder({ secret: SECRET, crypto });
  fc.assert(
    fc.property(fc.constantFrom(...WELL), damage, fc.nat(200), (well, changes, cut) => {
      const octets = well.slice(0, cut < 100 ? well.length : well.length - (cut % well.length));
      for (const [at, value] of changes) if (octets.length > 0) octets[at % octets.length] = value;
      const decoded = frame(octets, decoder);
      assert.doesNotMatch(formatFrame(decoded, 0n), /[^\P{C}\n]/u);
      const json = formatJson(decoded);
      assert.doesNotMatch(json, /\p{C}/u);
      assert.equal(JSON.parse(json).frame, 1);
    }),
    { numRuns: 5000 },
  );
});
