import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ControlEndpoint, RETENTION_MS } from '../../src/control/endpoint.ts';
import { SESSION_TABLE, TUNNEL_TABLE } from '../../src/control/tables.ts';
import { judgeNr, judgeNs, Transport } from '../../src/control/transport.ts';
import type { ControlAction, EndpointOptions, TunnelPolicy } from '../../src/control/types.ts';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import type { PeerAddress } from '../../src/wire/address.ts';
import { AVP, HELLO, ICRQ, MESSAGE_NAMES, SCCRQ } from '../../src/wire/avp.ts';
import { CONTROL_HEADER } from '../../src/wire/l2tp.ts';
import { MessageBuilder, parseControlMessage, stampMessage } from '../../src/wire/message.ts';
import { SeededRandom } from '../../src/wire/random.ts';

const crypto = new WasmCrypto();
const SECRET = Buffer.from('shared');
const policy = (changes: Partial<TunnelPolicy> = {}): TunnelPolicy => ({
  secret: SECRET,
  hideAvps: false,
  helloIntervalMs: 60_000,
  retransmitCapMs: 30_000,
  tunnelTimeoutMs: 120_000,
  receiveWindow: 16,
  maximumSendWindow: 32,
  maximumSessions: 0,
  tag: null,
  ...changes,
});
const LAC: PeerAddress = { address: '192.0.2.1', port: 1701 };
const LNS: PeerAddress = { address: '192.0.2.2', port: 1701 };

class Ids {
  next = 1;
  readonly released: number[] = [];
  readonly step: number;
  constructor(first: number, step = 1) {
    this.next = first;
    this.step = step;
  }
  allocate(): number {
    const id = this.next;
    this.next += this.step;
    return id;
  }
  release(id: number): void {
    this.released.push(id);
  }
}
function endpoint(changes: Partial<EndpointOptions> & { policy?: TunnelPolicy; lac?: boolean } = {}): ControlEndpoint {
  return new ControlEndpoint({
    hostName: changes.lac === true ? 'lac' : 'lns',
    vendorName: 'test',
    firmwareRevision: 1,
    crypto,
    random: new SeededRandom(changes.lac === true ? 1 : 2),
    ids: new Ids(changes.lac === true ? 1000 : 1),
    limits: { halfOpen: 100, halfOpenPerSource: 10 },
    authorize: changes.lac === true ? null : () => changes.policy ?? policy(),
    ...changes,
  });
}
/** Names of what was sent and told. */
const story = (out: readonly ControlAction[]): string[] =>
  out.map((action) => {
    if (action.do === 'tell') return action.event;
    const { type, values } = parseControlMessage(action.octets, CONTROL_HEADER, action.octets.length, SECRET, crypto);
    const result = values.get(AVP.resultCode);
    return type < 0
      ? 'ZLB'
      : `${MESSAGE_NAMES[type]}${result === undefined ? '' : ` ${(result[0]! << 8) | result[1]!}`}`;
  });

/** Two endpoints joined by a wire; `lose` decides for each datagram. */
class Wire {
  now = 0;
  readonly log: string[] = [];
  readonly told: ControlAction[] = [];
  readonly #queue: { at: number; to: 'lac' | 'lns'; octets: Uint8Array }[] = [];
  readonly lac: ControlEndpoint;
  readonly lns: ControlEndpoint;
  readonly #fate: () => { lost: boolean; copies: number; delay: number };
  constructor(lac: ControlEndpoint, lns: ControlEndpoint, fate = () => ({ lost: false, copies: 1, delay: 5 })) {
    this.lac = lac;
    this.lns = lns;
    this.#fate = fate;
  }
  perform(from: 'lac' | 'lns', out: ControlAction[]): void {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      if (action.do === 'transmit') {
        this.log.push(`${from} ${story([action])[0]}`);
        const { lost, copies, delay } = this.#fate();
        if (!lost)
          for (let copy = 0; copy < copies; copy++)
            this.#queue.push({
              at: this.now + delay * (copy + 1),
              to: from === 'lac' ? 'lns' : 'lac',
              octets: action.octets,
            });
      } else {
        this.told.push(action);
        if (action.event !== 'discarded') this.log.push(`${from} ${action.event}`);
        if (action.event === 'call-request') this.lns.answerCall(action.tunnelId, action.sessionId, this.now, out);
      }
    }
  }
  /** Runs until nothing is under way before `until`. */
  run(until: number): void {
    for (;;) {
      this.#queue.sort((a, b) => a.at - b.at);
      const next = Math.min(this.#queue[0]?.at ?? Number.POSITIVE_INFINITY, this.lac.deadline(), this.lns.deadline());
      if (next > until) break;
      this.now = Math.max(this.now, next);
      const arrived = this.#queue[0] !== undefined && this.#queue[0].at <= this.now ? this.#queue.shift()! : null;
      for (const side of ['lac', 'lns'] as const) {
        const out: ControlAction[] = [];
        if (arrived?.to === side) this[side].receive(arrived.octets, side === 'lac' ? LNS : LAC, this.now, out);
        if (this[side].deadline() <= this.now) this[side].handleTimeout(this.now, out);
        this.perform(side, out);
        const acks: ControlAction[] = [];
        this[side].flush(this.now, acks);
        this.perform(side, acks);
      }
    }
    this.now = until;
  }
  events(name: string): ControlAction[] {
    return this.told.filter((action) => action.do === 'tell' && action.event === name);
  }
}
function opened(changes: Partial<TunnelPolicy> = {}): { wire: Wire; tunnelId: number } {
  const wire = new Wire(endpoint({ lac: true }), endpoint({ policy: policy(changes) }));
  const out: ControlAction[] = [];
  const tunnelId = wire.lac.openTunnel(LNS, policy(changes), 0, out);
  wire.perform('lac', out);
  wire.run(100);
  return { wire, tunnelId };
}

test('7.2.1 and 7.4: the tables answer every state and input', () => {
  for (const table of [TUNNEL_TABLE, SESSION_TABLE]) {
    const states = table as Record<string, Record<string, readonly string[]>>;
    const inputs = Object.keys(Object.values(states)[0]!).sort();
    for (const [state, row] of Object.entries(states)) {
      assert.deepEqual(Object.keys(row).sort(), inputs, state);
      for (const [next] of Object.values(row)) assert.ok(next! in states);
    }
  }
});

test('7.2.1: SCCRQ, SCCRP, SCCCN open a tunnel, authenticated both ways; ICRQ, ICRP, ICCN a call', () => {
  const { wire, tunnelId } = opened();
  assert.deepEqual(wire.log, ['lac SCCRQ', 'lns SCCRP', 'lac SCCCN', 'lac tunnel-open', 'lns tunnel-open', 'lns ZLB']);
  wire.log.length = 0;
  const out: ControlAction[] = [];
  wire.lac.placeCall(tunnelId, { callSerialNumber: 7, txConnectSpeed: 1e6, framingType: 1 }, wire.now, out);
  wire.perform('lac', out);
  wire.run(200);
  assert.deepEqual(wire.log, [
    'lac ICRQ',
    'lns call-request',
    'lns ICRP',
    'lac ICCN',
    'lac call-open',
    'lns call-open',
    'lns ZLB',
  ]);
});

test('4.3: hidden AVPs are read by the other end, and nothing but the secret reads them', () => {
  const { wire, tunnelId } = opened({ hideAvps: true });
  const out: ControlAction[] = [];
  wire.lac.placeCall(
    tunnelId,
    { callSerialNumber: 77, callingNumber: '555', txConnectSpeed: 5, framingType: 2 },
    wire.now,
    out,
  );
  const [sent] = out;
  assert.ok(sent?.do === 'transmit');
  const blind = parseControlMessage(sent.octets, CONTROL_HEADER, sent.octets.length, Buffer.from('other'), crypto);
  assert.notEqual(blind.values.get(AVP.callSerialNumber)?.toString(), '0,0,0,77');
  wire.perform('lac', out);
  wire.run(300);
  const [request] = wire.events('call-request');
  assert.ok(request?.do === 'tell' && request.event === 'call-request');
  assert.deepEqual([request.call.callSerialNumber, request.call.callingNumber], [77, '555']);
  assert.equal(wire.events('call-open').length, 2);
});

test('5.1.1: a wrong secret, and none, end in StopCCN 4', () => {
  for (const secret of [Buffer.from('other'), null]) {
    const wire = new Wire(endpoint({ lac: true }), endpoint());
    const out: ControlAction[] = [];
    wire.lac.openTunnel(LNS, policy({ secret }), 0, out);
    wire.perform('lac', out);
    wire.run(200);
    assert.ok(
      wire.log.some((line) => /StopCCN 4/.test(line)),
      wire.log.join(),
    );
    assert.equal(wire.events('tunnel-open').length, 0);
  }
});

test('5.5: a HELLO after the interval of silence, to the millisecond; data puts it off', () => {
  let lastData = 0;
  const lns = endpoint({ policy: policy({ helloIntervalMs: 10_000 }), lastHeard: () => lastData });
  const wire = new Wire(endpoint({ lac: true }), lns);
  const out: ControlAction[] = [];
  wire.lac.openTunnel(LNS, policy({ helloIntervalMs: 0 }), 0, out);
  wire.perform('lac', out);
  wire.run(100);
  const heard = 15; // the SCCCN
  let sent: ControlAction[] = [];
  lns.handleTimeout(heard + 9_999, sent);
  assert.deepEqual(sent, []);
  assert.equal(lns.deadline(), heard + 10_000);
  lastData = 4000;
  lns.handleTimeout(heard + 10_000, sent);
  assert.deepEqual(sent, [], 'data was heard since');
  assert.equal(lns.deadline(), 14_000);
  lns.handleTimeout(13_999, sent);
  assert.deepEqual(sent, []);
  sent = [];
  lns.handleTimeout(14_000, sent);
  assert.deepEqual(story(sent), ['HELLO']);
});

test('5.8: retransmission after 1, 2, 4, 8 seconds, capped; the peer is lost after the tunnel timeout', () => {
  const transport = new Transport({ receiveWindow: 4, maximumSendWindow: 4, retransmitCapMs: 8000, giveUpMs: 40_000 });
  const out: Uint8Array[] = [];
  transport.send(new Uint8Array(20), 0, out);
  const times: number[] = [];
  let now = 0;
  for (;;) {
    now = transport.deadline();
    out.length = 0;
    if (!transport.handleTimeout(now, out)) break;
    if (out.length > 0) times.push(now);
  }
  assert.deepEqual(times, [1000, 3000, 7000, 15_000, 23_000, 31_000, 39_000]);
  assert.equal(now, 40_000);
});

test('appendix A: slow start doubles, the window of the peer bounds, a loss begins anew with one', () => {
  const transport = new Transport({ receiveWindow: 4, maximumSendWindow: 8, retransmitCapMs: 8000, giveUpMs: 60_000 });
  transport.setPeerWindow(100);
  const out: Uint8Array[] = [];
  for (let n = 0; n < 20; n++) transport.send(new Uint8Array(20), 0, out);
  const flight: number[] = [out.length];
  let acknowledged = 0;
  for (let n = 0; n < 3; n++) {
    acknowledged += flight.at(-1)!;
    out.length = 0;
    transport.acknowledge(acknowledged, 10, out);
    flight.push(out.length);
  }
  assert.deepEqual(flight, [1, 2, 4, 8]);
  out.length = 0;
  transport.handleTimeout(transport.deadline(), out);
  assert.equal(out.length, 1);
  assert.deepEqual([out[0]![8], out[0]![9]], [0, acknowledged]);
});

test('5.8: Ns and Nr are judged over the wrap', () => {
  fc.assert(
    fc.property(fc.nat(65535), fc.integer({ min: -32768, max: 32767 }), (expected, distance) => {
      const ns = (expected + distance) & 0xffff;
      assert.equal(judgeNs(expected, ns), distance === 0 ? 'in-order' : distance > 0 ? 'ahead' : 'duplicate');
    }),
  );
  fc.assert(
    fc.property(fc.nat(65535), fc.nat(200), fc.nat(65535), (oldest, outstanding, ahead) => {
      const found = judgeNr(oldest, (oldest + outstanding) & 0xffff, (oldest + ahead) & 0xffff);
      assert.equal(found, ahead <= outstanding ? ahead : -1);
    }),
  );
});

test('a repeated SCCRQ is acknowledged and makes no second tunnel; another Tunnel ID from the same port is another tunnel', () => {
  const lns = endpoint();
  const lac = endpoint({ lac: true });
  const first: ControlAction[] = [];
  lac.openTunnel(LNS, policy(), 0, first);
  lac.openTunnel(LNS, policy(), 0, first);
  const [a, b] = first;
  assert.ok(a?.do === 'transmit' && b?.do === 'transmit');
  const out: ControlAction[] = [];
  lns.receive(a.octets, LAC, 0, out);
  lns.receive(a.octets, LAC, 1, out);
  assert.equal(lns.tunnelCount, 1);
  assert.deepEqual(story(out), ['SCCRP', 'discarded']);
  lns.receive(b.octets, LAC, 2, out);
  assert.equal(lns.tunnelCount, 2);
});

test('8.1: a control message from another source is discarded and counted', () => {
  const { wire } = opened();
  const builder = new MessageBuilder(crypto, new SeededRandom(3));
  const octets = builder.begin(HELLO, 1, 0, null).end();
  stampMessage(octets, 2, 1);
  const out: ControlAction[] = [];
  wire.lns.receive(octets, { ...LAC, port: 9 }, 200, out);
  assert.deepEqual(out, [{ do: 'tell', event: 'discarded', reason: 'peer-address', source: { ...LAC, port: 9 } }]);
});

test('half-open tunnels are bounded for each source and in all, the oldest gives way', () => {
  const ids = new Ids(1);
  const lns = endpoint({ ids, limits: { halfOpen: 5, halfOpenPerSource: 3 } });
  const builder = new MessageBuilder(crypto, new SeededRandom(3));
  const ask = (tunnelId: number, address: string): ControlAction[] => {
    const octets = builder
      .begin(SCCRQ, 0, 0, null)
      .u16(AVP.protocolVersion, 0x0100)
      .u32(AVP.framingCapabilities, 3)
      .text(AVP.hostName, 'x')
      .u16(AVP.assignedTunnelId, tunnelId)
      .end();
    const out: ControlAction[] = [];
    lns.receive(octets, { address, port: 1701 }, 0, out);
    return out;
  };
  for (let n = 1; n <= 3; n++) ask(n, '192.0.2.1');
  assert.deepEqual(story(ask(4, '192.0.2.1')), ['discarded', 'tunnel-closed', 'SCCRP']);
  assert.deepEqual(ids.released, [1]);
  for (let n = 5; n <= 6; n++) ask(n, '192.0.2.2');
  assert.equal(lns.tunnelCount, 5);
  ask(7, '192.0.2.3');
  assert.equal(lns.tunnelCount, 5);
  assert.deepEqual(ids.released, [1, 2]);
});

test('5.7: after StopCCN the tunnel answers for a full retransmission cycle, and only then its ID is free', () => {
  const ids = new Ids(1);
  const wire = new Wire(endpoint({ lac: true }), endpoint({ ids }));
  const out: ControlAction[] = [];
  const tunnelId = wire.lac.openTunnel(LNS, policy(), 0, out);
  wire.perform('lac', out);
  wire.run(100);
  const close: ControlAction[] = [];
  wire.lac.closeTunnel(tunnelId, { resultCode: 1, errorCode: 0, message: '' }, wire.now, close);
  const [stop] = close;
  assert.ok(stop?.do === 'transmit');
  wire.perform('lac', close);
  wire.run(200);
  const again: ControlAction[] = [];
  wire.lns.receive(stop.octets, LAC, 20_000, again);
  wire.lns.flush(20_000, again);
  assert.deepEqual(story(again), ['discarded', 'ZLB']);
  wire.run(105 + RETENTION_MS - 1);
  assert.deepEqual(ids.released, []);
  wire.run(200 + RETENTION_MS);
  assert.deepEqual(ids.released, [1]);
});

test('7.4.2: too many sessions, and outgoing calls, are refused with CDN', () => {
  const { wire, tunnelId } = opened({ maximumSessions: 1 });
  for (let n = 0; n < 2; n++) {
    const out: ControlAction[] = [];
    wire.lac.placeCall(tunnelId, { callSerialNumber: n, txConnectSpeed: 1, framingType: 1 }, wire.now, out);
    wire.perform('lac', out);
    wire.run(wire.now + 100);
  }
  assert.ok(wire.log.includes('lns CDN 4'), wire.log.join());
  const builder = new MessageBuilder(crypto, new SeededRandom(3));
  const octets = builder.begin(7, 1, 0, null).u16(AVP.assignedSessionId, 9).u32(AVP.callSerialNumber, 1).end();
  stampMessage(octets, 5, 0);
  const out: ControlAction[] = [];
  wire.lns.receive(octets, LAC, wire.now, out);
  assert.ok(
    story(out).some((line) => line.startsWith('CDN')),
    story(out).join(),
  );
});

test('4.4.3: of two tunnels asked for at once the lower tie breaker wins', () => {
  const one = endpoint({ ids: new Ids(1), random: new SeededRandom(5) });
  const two = endpoint({ ids: new Ids(500), random: new SeededRandom(6), hostName: 'two' });
  const a: ControlAction[] = [];
  const b: ControlAction[] = [];
  one.openTunnel(LNS, policy(), 0, a, true);
  two.openTunnel(LAC, policy(), 0, b, true);
  const [fromOne, fromTwo] = [a[0]!, b[0]!];
  assert.ok(fromOne.do === 'transmit' && fromTwo.do === 'transmit');
  const outOne: ControlAction[] = [];
  const outTwo: ControlAction[] = [];
  one.receive(fromTwo.octets, LNS, 1, outOne);
  two.receive(fromOne.octets, LAC, 1, outTwo);
  const answers = [story(outOne).includes('SCCRP'), story(outTwo).includes('SCCRP')];
  assert.deepEqual(answers.sort(), [false, true], 'one of them goes on');
});

test('a day of HELLOs passes in moments, and no tunnel is lost at 10 % loss with doubles and reordering', () => {
  for (const seed of [1, 2, 3]) {
    const chance = new SeededRandom(seed);
    const wire = new Wire(endpoint({ lac: true }), endpoint(), () => ({
      lost: chance.real() < 0.1,
      copies: chance.real() < 0.05 ? 2 : 1,
      delay: 1 + Math.floor(chance.real() * 40),
    }));
    const out: ControlAction[] = [];
    wire.lac.openTunnel(LNS, policy(), 0, out);
    wire.perform('lac', out);
    wire.run(86_400_000);
    assert.equal(wire.events('tunnel-open').length, 2, `seed ${seed}`);
    assert.equal(wire.events('tunnel-closed').length, 0, `seed ${seed}`);
    assert.ok(wire.log.filter((line) => line.endsWith('HELLO')).length > 1000);
  }
});

test('100 calls come up at 5 % and at 20 % loss of control messages', () => {
  for (const loss of [0.05, 0.2])
    for (const seed of [11, 12]) {
      const chance = new SeededRandom(seed);
      const wire = new Wire(endpoint({ lac: true }), endpoint(), () => ({
        lost: chance.real() < loss,
        copies: chance.real() < 0.05 ? 2 : 1,
        delay: 1 + Math.floor(chance.real() * 30),
      }));
      const out: ControlAction[] = [];
      const tunnelId = wire.lac.openTunnel(LNS, policy(), 0, out);
      for (let n = 0; n < 100; n++)
        wire.lac.placeCall(tunnelId, { callSerialNumber: n, txConnectSpeed: 1, framingType: 1 }, 0, out);
      wire.perform('lac', out);
      wire.run(600_000);
      assert.equal(wire.events('call-open').length, 200, `loss ${loss}, seed ${seed}`);
      assert.equal(wire.events('call-closed').length, 0);
    }
});

test('a valid message with any octets changed is answered or discarded, and never throws', () => {
  const builder = new MessageBuilder(crypto, new SeededRandom(9));
  const messages = [
    builder
      .begin(SCCRQ, 0, 0, null)
      .u16(AVP.protocolVersion, 0x0100)
      .u32(AVP.framingCapabilities, 3)
      .text(AVP.hostName, 'lac')
      .u16(AVP.assignedTunnelId, 9)
      .end(),
    builder.begin(ICRQ, 1, 0, SECRET).u16(AVP.assignedSessionId, 3).u32(AVP.callSerialNumber, 1).end(),
  ];
  fc.assert(
    fc.property(
      fc.nat(messages.length - 1),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (which, changes) => {
        const { wire } = opened();
        const octets = messages[which]!.slice();
        stampMessage(octets, which === 0 ? 0 : 2, 1);
        for (const [at, value] of changes) octets[at % octets.length] = value;
        const out: ControlAction[] = [];
        wire.lns.receive(octets, LAC, 200, out);
        wire.lns.flush(200, out);
      },
    ),
    { numRuns: 2000 },
  );
});

test('what is built is what is parsed', () => {
  const builder = new MessageBuilder(crypto, new SeededRandom(4));
  fc.assert(
    fc.property(
      fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 })),
      fc.nat(0xffffffff),
      fc.string({ maxLength: 60 }),
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      (secret, serial, number, confreq) => {
        const octets = builder
          .begin(ICRQ, 3, 4, secret)
          .u16(AVP.assignedSessionId, 1 + (serial % 65535))
          .u32(AVP.callSerialNumber, serial)
          .text(AVP.callingNumber, number)
          .octets(AVP.lastSentConfreq, confreq)
          .end();
        const { type, values, fault } = parseControlMessage(octets, CONTROL_HEADER, octets.length, secret, crypto);
        assert.equal(fault, null);
        assert.equal(type, ICRQ);
        assert.equal(Buffer.from(values.get(AVP.callingNumber)!).toString(), Buffer.from(number).toString());
        assert.deepEqual([...values.get(AVP.lastSentConfreq)!], [...confreq]);
      },
    ),
    { numRuns: 300 },
  );
});
