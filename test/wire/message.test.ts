import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlEndpoint } from '../../src/control/endpoint.ts';
import type { ControlAction } from '../../src/control/types.ts';
import {
  AVP,
  AVP_DEFINITIONS,
  CDN,
  HELLO,
  ICCN,
  ICRP,
  ICRQ,
  SCCCN,
  SCCRP,
  SCCRQ,
  SLI,
  STOPCCN,
  WEN,
} from '../../src/wire/avp.ts';
import { CONTROL_HEADER, parseL2tpHeader } from '../../src/wire/l2tp.ts';
import { MessageBuilder, parseControlMessage, textOf, zeroLengthBody } from '../../src/wire/message.ts';
import { SeededRandom } from '../../src/wire/random.ts';
import { crypto, policy, secret, wholeLife } from '../support/life.ts';

interface RawAvp {
  mandatory: boolean;
  hidden: boolean;
  reserved: number;
  vendor: number;
  type: number;
  value: Uint8Array;
}
function rawAvps(octets: Uint8Array): RawAvp[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const avps: RawAvp[] = [];
  for (let at = CONTROL_HEADER; at < octets.length; ) {
    const head = view.getUint16(at);
    const length = head & 0x3ff;
    avps.push({
      mandatory: (head & 0x8000) !== 0,
      hidden: (head & 0x4000) !== 0,
      reserved: head & 0x3c00,
      vendor: view.getUint16(at + 2),
      type: view.getUint16(at + 4),
      value: octets.subarray(at + 6, at + length),
    });
    at += length;
  }
  return avps;
}

const life = wholeLife();
const typeOf = (octets: Uint8Array): number =>
  octets.length === CONTROL_HEADER ? -1 : (octets[18]! << 8) | octets[19]!;

test('the whole life of a call has every message that the two ends can send', () => {
  const types = new Set(life.map(({ octets }) => typeOf(octets)));
  for (const type of [-1, SCCRQ, SCCRP, SCCCN, ICRQ, ICRP, ICCN, SLI, WEN, CDN, HELLO, STOPCCN])
    assert.ok(types.has(type), String(type));
});

test('3.1: control messages have T, L and S, version 2, neither O nor P nor a reserved bit, and the right Length', () => {
  for (const { octets } of life) {
    assert.deepEqual([octets[0], octets[1]], [0xc8, 0x02]);
    const header = parseL2tpHeader(octets);
    assert.ok(typeof header !== 'string' && header.length === octets.length);
  }
});

test('4.1, 4.4: each AVP has the M bit of its definition, no reserved bit, and H only where it may be hidden', () => {
  for (const { octets } of life)
    for (const avp of rawAvps(octets)) {
      const definition = AVP_DEFINITIONS[avp.type]!;
      assert.equal(avp.reserved, 0);
      assert.equal(avp.vendor, 0);
      assert.equal(avp.mandatory, definition.mandatory, definition.name);
      if (avp.hidden) assert.ok(definition.hide, definition.name);
      else assert.ok(avp.value.length >= definition.min && avp.value.length <= definition.max, definition.name);
    }
});

test('4.3, 4.4.1: Message Type comes first; a Random Vector before the first hidden AVP', () => {
  for (const { octets } of life) {
    const avps = rawAvps(octets);
    if (avps.length === 0) continue;
    assert.deepEqual([avps[0]!.type, avps[0]!.hidden], [AVP.messageType, false]);
    const hidden = avps.findIndex((avp) => avp.hidden);
    if (hidden >= 0) assert.ok(avps.slice(0, hidden).some((avp) => avp.type === AVP.randomVector));
  }
  assert.ok(life.some(({ octets }) => rawAvps(octets).some((avp) => avp.hidden)));
});

test('6: every message carries the AVPs that it must', () => {
  for (const { octets } of life) {
    const { fault } = parseControlMessage(octets, CONTROL_HEADER, octets.length, secret, crypto);
    assert.equal(fault, null);
  }
});

test('5.3: IDs are sent as 0 until the peer has assigned them, and as assigned from then on', () => {
  const ids = (type: number): [number, number] => {
    const { octets } = life.find((one) => typeOf(one.octets) === type)!;
    return [(octets[4]! << 8) | octets[5]!, (octets[6]! << 8) | octets[7]!];
  };
  assert.deepEqual(ids(SCCRQ), [0, 0]);
  assert.deepEqual(ids(SCCRP), [100, 0]);
  assert.deepEqual(ids(ICRQ), [1, 0]);
  assert.notEqual(ids(ICRP)[1], 0);
  assert.deepEqual(ids(HELLO)[1], 0);
  assert.equal(ids(STOPCCN)[1], 0);
});

test('4.4.3: StopCCN names the Tunnel ID that was assigned; a text is UTF-8', () => {
  const { octets } = life.find((one) => typeOf(one.octets) === STOPCCN)!;
  const { values } = parseControlMessage(octets, CONTROL_HEADER, octets.length, secret, crypto);
  assert.deepEqual([...values.get(AVP.assignedTunnelId)!], [0, 100]);
  const cdn = life.find((one) => typeOf(one.octets) === CDN)!.octets;
  assert.equal(
    textOf(
      parseControlMessage(cdn, CONTROL_HEADER, cdn.length, secret, crypto).values.get(AVP.resultCode)!.subarray(4),
    ),
    'ünïcode',
  );
});

test('5.8: a ZLB is a header alone', () => {
  const zlb = zeroLengthBody(0x1234, 5, 6);
  assert.equal(Buffer.from(zlb).toString('hex'), 'c802000c1234000000050006');
});

test('5.8: a retransmission keeps Ns and brings Nr up to date', () => {
  let next = 1;
  const lns = new ControlEndpoint({
    hostName: 'lns',
    vendorName: '',
    firmwareRevision: 1,
    crypto,
    random: new SeededRandom(8),
    ids: { allocate: () => next++, release: () => undefined },
    limits: { halfOpen: 10, halfOpenPerSource: 10 },
    authorize: () => ({ ...policy, secret: null, hideAvps: false }),
  });
  const peer = { address: '192.0.2.1', port: 1701 };
  const send = (octets: Uint8Array, ns: number, out: ControlAction[], now: number): void => {
    octets[9] = ns;
    lns.receive(octets, peer, now, out);
  };
  const builder = new MessageBuilder(crypto, new SeededRandom(9));
  const first: ControlAction[] = [];
  send(
    builder
      .begin(SCCRQ, 0, 0, null)
      .u16(AVP.protocolVersion, 0x0100)
      .u32(AVP.framingCapabilities, 3)
      .text(AVP.hostName, 'x')
      .u16(AVP.assignedTunnelId, 7)
      .end(),
    0,
    first,
    0,
  );
  send(builder.begin(SCCCN, 1, 0, null).end(), 1, [], 10); // its Nr is 0: SCCRP stays unacknowledged
  const again: ControlAction[] = [];
  lns.handleTimeout(1000, again);
  const [before, after] = [first[0]!, again[0]!];
  assert.ok(before.do === 'transmit' && after.do === 'transmit');
  assert.deepEqual([...before.octets.subarray(8, 12)], [0, 0, 0, 1]);
  assert.deepEqual([...after.octets.subarray(8, 12)], [0, 0, 0, 2]);
});

test('4.4.3: SCCRP announces the receive window that was configured', () => {
  const { octets } = life.find((one) => typeOf(one.octets) === SCCRP)!;
  const { values } = parseControlMessage(octets, CONTROL_HEADER, octets.length, secret, crypto);
  assert.deepEqual([...values.get(AVP.receiveWindowSize)!], [0, 8]);
});
