import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ControlEndpoint, RETENTION_MS, SETUP_TIMEOUT_MS } from '../../src/control/endpoint.ts';
import { Transport } from '../../src/control/transport.ts';
import type { ControlAction, TunnelIds, TunnelPolicy } from '../../src/control/types.ts';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import type { PeerAddress } from '../../src/wire/address.ts';
import {
  AVP,
  AVP_HEADER,
  AVP_HIDDEN,
  AVP_MANDATORY,
  CDN,
  HELLO,
  ICCN,
  ICRP,
  ICRQ,
  MESSAGE_NAMES,
  OCRQ,
  SCCCN,
  SCCRP,
  SCCRQ,
  SLI,
  STOPCCN,
  WEN,
} from '../../src/wire/avp.ts';
import { CONTROL_HEADER } from '../../src/wire/l2tp.ts';
import { MessageBuilder, parseControlMessage, stampMessage, u16Of } from '../../src/wire/message.ts';
import { SeededRandom } from '../../src/wire/random.ts';

const crypto = new WasmCrypto();
const builder = new MessageBuilder(crypto, new SeededRandom(9));
const SECRET = Buffer.from('shared');
const policy: TunnelPolicy = {
  secret: null,
  hideAvps: false,
  helloIntervalMs: 60_000,
  retransmitCapMs: 8000,
  tunnelTimeoutMs: 40_000,
  receiveWindow: 4,
  maximumSendWindow: 32,
  maximumSessions: 40,
  tag: null,
};
const HONEST: PeerAddress = { address: '192.0.2.1', port: 1701 };
const BAD: PeerAddress = { address: '192.0.2.66', port: 1701 };

/** A narrow range of IDs, so that they are used again at once; it knows when one is given back twice. */
class Ids implements TunnelIds {
  readonly used = new Set<number>();
  #turn = 0;
  readonly size: number;
  constructor(size: number) {
    this.size = size;
  }
  allocate(): number {
    for (let n = 0; n < this.size; n++) {
      this.#turn = (this.#turn % this.size) + 1;
      if (this.used.has(this.#turn)) continue;
      this.used.add(this.#turn);
      return this.#turn;
    }
    return 0;
  }
  release(id: number): void {
    assert.ok(this.used.delete(id), `Tunnel ID ${id} is given back twice`);
  }
}

interface World {
  readonly lns: ControlEndpoint;
  readonly ids: Ids;
  readonly out: ControlAction[];
  now: number;
}
const LIMITS = { halfOpen: 12, halfOpenPerSource: 6 };
function world(authorize = () => policy, size = 40): World {
  const ids = new Ids(size);
  const lns = new ControlEndpoint({
    hostName: 'lns',
    vendorName: 'test',
    firmwareRevision: 1,
    crypto,
    random: new SeededRandom(4),
    ids,
    limits: LIMITS,
    authorize,
  });
  return { lns, ids, out: [], now: 1000 };
}
function send(at: World, octets: Uint8Array, source: PeerAddress, ns: number, nr: number): ControlAction[] {
  stampMessage(octets, ns, nr);
  const out: ControlAction[] = [];
  at.lns.receive(octets, source, at.now, out);
  perform(at, out);
  return out;
}
/** Answers every call, as the server does. */
function perform(at: World, out: ControlAction[]): void {
  for (let i = 0; i < out.length; i++) {
    const action = out[i]!;
    if (action.do === 'tell' && action.event === 'call-request')
      at.lns.answerCall(action.tunnelId, action.sessionId, at.now, out);
  }
  at.lns.flush(at.now, out);
  at.out.push(...out);
}
function tick(at: World, to: number): ControlAction[] {
  const out: ControlAction[] = [];
  for (let steps = 0; at.lns.deadline() <= to; steps++) {
    assert.ok(steps < 10_000, 'time stands still');
    at.now = Math.max(at.now, at.lns.deadline());
    at.lns.handleTimeout(at.now, out);
    perform(at, out);
  }
  at.now = to;
  return out;
}
const sccrq = (tunnelId: number, hostName = 'lac'): Uint8Array =>
  builder
    .begin(SCCRQ, 0, 0, null)
    .u16(AVP.protocolVersion, 0x0100)
    .text(AVP.hostName, hostName)
    .u32(AVP.framingCapabilities, 3)
    .u16(AVP.assignedTunnelId, tunnelId)
    .end();
const stopccn = (to: number, own: number): Uint8Array =>
  builder.begin(STOPCCN, to, 0, null).u16(AVP.assignedTunnelId, own).result(1, 0, '').end();
const icrq = (to: number, sessionId: number): Uint8Array =>
  builder.begin(ICRQ, to, 0, null).u16(AVP.assignedSessionId, sessionId).u32(AVP.callSerialNumber, 1).end();
const iccn = (to: number, sessionId: number): Uint8Array =>
  builder.begin(ICCN, to, sessionId, null).u32(AVP.txConnectSpeed, 1).u32(AVP.framingType, 1).end();

const sentTypes = (out: readonly ControlAction[]): string[] =>
  out.flatMap((action) => {
    if (action.do !== 'transmit') return [];
    const { type } = parseControlMessage(action.octets, CONTROL_HEADER, action.octets.length, null, crypto);
    return [type < 0 ? 'ZLB' : MESSAGE_NAMES[type]!];
  });
const told = (out: readonly ControlAction[]): string[] =>
  out.flatMap((action) => (action.do === 'tell' ? [action.event === 'discarded' ? action.reason : action.event] : []));
/** Our Tunnel ID, as the SCCRP says it. */
function assigned(out: readonly ControlAction[]): number {
  for (const action of out)
    if (action.do === 'transmit') {
      const message = parseControlMessage(action.octets, CONTROL_HEADER, action.octets.length, null, crypto);
      if (message.type === SCCRP) return u16Of(message.values.get(AVP.assignedTunnelId));
    }
  return assert.fail('no SCCRP');
}
/** Opens a tunnel of `peerId`. @returns our ID; the peer's next Ns is 2, ours 1 */
function open(at: World, source: PeerAddress, peerId: number): number {
  const id = assigned(send(at, sccrq(peerId), source, 0, 0));
  send(at, builder.begin(SCCCN, id, 0, null).end(), source, 1, 1);
  assert.equal(at.lns.view(id)?.state, 'established');
  return id;
}

test('refused tunnels, and those closed before they opened, are bounded like the half-open: no flood takes all IDs', () => {
  for (const flood of ['refused', 'stopped'] as const) {
    const at = world(() =>
      flood === 'refused' ? ({ refuse: true, resultCode: 4, errorCode: 0, message: 'no' } as never) : policy,
    );
    for (let n = 1; n <= 500; n++) {
      const source = { address: `198.51.100.${n % 7}`, port: 1701 };
      send(at, sccrq(n), source, 0, 0);
      if (flood === 'stopped') send(at, stopccn(0, n), source, 1, 0);
    }
    assert.ok(at.lns.tunnelCount <= LIMITS.halfOpen, `${flood}: ${at.lns.tunnelCount}`);
    assert.equal(at.ids.used.size, at.lns.tunnelCount);
    tick(at, at.now + 2 * SETUP_TIMEOUT_MS);
    assert.deepEqual([at.lns.tunnelCount, at.ids.used.size, at.lns.deadline()], [0, 0, Number.POSITIVE_INFINITY]);
  }
});

test('a tunnel that gave way to another does not take the ID of its successor with it', () => {
  const at = world(() => policy, 7);
  for (let n = 1; n <= 200; n++) {
    send(at, sccrq(n), BAD, 0, 0);
    if (n % 3 === 0) tick(at, at.now + 1);
  }
  const id = open(at, HONEST, 77);
  tick(at, at.now + 1000);
  assert.equal(at.lns.view(id)?.state, 'established');
});

test('4.4.3: a StopCCN without our Tunnel ID ends no tunnel that is open; one that is repeated is acknowledged again', () => {
  const at = world();
  const id = open(at, HONEST, 5);
  assert.deepEqual(told(send(at, stopccn(0, 5), HONEST, 2, 1)), ['not-sccrq']);
  assert.equal(at.lns.view(id)?.state, 'established');
  send(at, sccrq(6), HONEST, 0, 0);
  assert.deepEqual(sentTypes(send(at, stopccn(0, 6), HONEST, 1, 0)), ['ZLB']);
  assert.deepEqual(sentTypes(send(at, stopccn(0, 6), HONEST, 1, 0)), ['ZLB'], 'the acknowledgement was lost');
});

test('a LAC that restarted and counts its tunnels anew is let in, and its earlier tunnel ends when the new one opens', () => {
  const at = world();
  const first = open(at, HONEST, 1);
  at.now += 1000;
  assert.deepEqual(told(send(at, sccrq(1), HONEST, 0, 0)), ['duplicate'], 'a copy that was under way for long');
  at.now += RETENTION_MS;
  // What a stranger sends in the LAC's name goes no further than half-open.
  const second = assigned(send(at, sccrq(1), HONEST, 0, 0));
  assert.equal(at.lns.view(first)?.state, 'established');
  const out = send(at, builder.begin(SCCCN, second, 0, null).end(), HONEST, 1, 1);
  assert.deepEqual(told(out), ['tunnel-closed', 'tunnel-open']);
  assert.deepEqual(sentTypes(out), ['ZLB'], 'a StopCCN would be taken for the new one');
  assert.equal(at.lns.view(second)?.state, 'established');
  assert.equal(at.lns.view(first)?.state, 'closed');
});

test('a LAC that closed its tunnel may open one of the same Tunnel ID at once', () => {
  const at = world();
  const first = open(at, HONEST, 1);
  send(at, stopccn(first, 1), HONEST, 2, 1);
  const second = open(at, HONEST, 1);
  assert.notEqual(second, first);
  tick(at, at.now + RETENTION_MS + 1);
  assert.equal(at.lns.view(first), null);
  assert.equal(at.lns.view(second)?.state, 'established');
  assert.deepEqual(told(send(at, sccrq(1), HONEST, 0, 0)), []);
});

test('4.4.4: a peer that gives a Session ID a second time has ended the first call', () => {
  const at = world();
  const id = open(at, HONEST, 1);
  send(at, icrq(id, 9), HONEST, 2, 1);
  const out = send(at, icrq(id, 9), HONEST, 3, 2);
  assert.deepEqual(told(out), ['call-closed', 'call-request']);
  assert.deepEqual(sentTypes(out), ['ICRP']);
  assert.equal(at.lns.view(id)?.sessions, 1);
});

test('a call whose ICCN never comes is ended with CDN 10, and its tunnel goes on', () => {
  const at = world();
  const id = open(at, HONEST, 1);
  send(at, icrq(id, 9), HONEST, 2, 1);
  send(at, builder.begin(HELLO, id, 0, null).end(), HONEST, 3, 2);
  const began = at.now;
  assert.ok(!told(tick(at, began + SETUP_TIMEOUT_MS - 1)).includes('call-closed'));
  const out = tick(at, began + SETUP_TIMEOUT_MS);
  const closed = out.find((action) => action.do === 'tell' && action.event === 'call-closed');
  assert.ok(closed?.do === 'tell' && closed.event === 'call-closed');
  assert.equal(closed.cause.resultCode, 10);
  assert.ok(sentTypes(out).includes('CDN'));
  assert.equal(at.lns.view(id)?.state, 'established');
});

test('a flood of calls that are refused, or come and go, leaves nothing behind', () => {
  const at = world();
  const id = open(at, HONEST, 1);
  let ns = 2;
  for (let n = 0; n < 3000; n++) {
    // 40 stay, 20 are one too many; an ID that comes again ends the call that had it.
    send(at, icrq(id, (n % 60) + 1), HONEST, ns++ & 0xffff, nextNs(at, id));
    at.now += 100;
  }
  assert.ok(at.lns.view(id)!.sessions <= policy.maximumSessions);
  assert.equal(at.lns.view(id)?.state, 'established');
});
/** Acknowledges all that we were sent. */
function nextNs(at: World, id: number): number {
  let next = 0;
  for (const action of at.out)
    if (action.do === 'transmit' && action.tunnelId === id && action.octets.length > CONTROL_HEADER)
      next = Math.max(next, ((action.octets[8]! << 8) | action.octets[9]!) + 1);
  return next & 0xffff;
}

test('4.4.3: an LNS that places no calls says so in its Bearer Capabilities', () => {
  const at = world();
  const [sccrp] = send(at, sccrq(1), HONEST, 0, 0);
  assert.ok(sccrp?.do === 'transmit');
  const { values } = parseControlMessage(sccrp.octets, CONTROL_HEADER, sccrp.octets.length, null, crypto);
  assert.deepEqual([...values.get(AVP.bearerCapabilities)!], [0, 0, 0, 0]);
});

test('8.1: who is asked may answer from a port of its choice, and stays there', () => {
  const at = world();
  const asked: ControlAction[] = [];
  const id = at.lns.openTunnel(HONEST, policy, at.now, asked);
  const chosen = { ...HONEST, port: 40_123 };
  const sccrp = (): Uint8Array =>
    builder
      .begin(SCCRP, id, 0, null)
      .u16(AVP.protocolVersion, 0x0100)
      .text(AVP.hostName, 'lns')
      .u32(AVP.framingCapabilities, 3)
      .u16(AVP.assignedTunnelId, 9)
      .end();
  assert.deepEqual(told(send(at, sccrp(), { ...BAD, port: 40_123 }, 0, 1)), ['peer-address']);
  assert.deepEqual(told(send(at, stopccn(id, 9), chosen, 0, 1)), ['peer-address']);
  const out = send(at, sccrp(), chosen, 0, 1);
  assert.deepEqual([told(out), sentTypes(out)], [['tunnel-open'], ['SCCCN']]);
  assert.ok(out.every((action) => action.do !== 'transmit' || action.to.port === 40_123));
  assert.deepEqual(told(send(at, builder.begin(HELLO, id, 0, null).end(), HONEST, 1, 2)), ['peer-address']);
});

test('nobody is let in while the server shuts down', () => {
  const at = world();
  open(at, HONEST, 1);
  const out: ControlAction[] = [];
  at.lns.shutdown({ resultCode: 6, errorCode: 0, message: 'bye' }, at.now, out);
  assert.deepEqual(sentTypes(out), ['StopCCN']);
  const before = at.lns.tunnelCount;
  assert.deepEqual(sentTypes(send(at, sccrq(2), HONEST, 0, 0)), ['StopCCN']);
  assert.equal(at.lns.tunnelCount, before);
});

test('a shutdown waits for the answers of tunnels that were open, not of those that anybody has begun', () => {
  const at = world();
  const honest = open(at, HONEST, 1);
  for (let n = 1; n <= 3; n++) send(at, sccrq(n), BAD, 0, 0);
  assert.deepEqual(
    [HONEST, BAD].map((from) => at.lns.standing(honest, from)),
    ['open', 'none'],
  );
  const out: ControlAction[] = [];
  at.lns.shutdown({ resultCode: 6, errorCode: 0, message: 'bye' }, at.now, out);
  assert.deepEqual([at.lns.settled(true), at.lns.settled()], [false, false]);
  send(at, stopccn(honest, 1), HONEST, 2, 2);
  assert.deepEqual([at.lns.settled(true), at.lns.settled()], [true, false]);
});

test('a refusal without state leaves nothing, however often it is asked for', () => {
  const at = world(() => ({ refuse: true, resultCode: 6, errorCode: 0, message: 'gone', stateless: true }) as never);
  for (let n = 1; n <= 50; n++) assert.deepEqual(sentTypes(send(at, sccrq(1 + (n % 5)), BAD, 0, 0)), ['StopCCN']);
  assert.equal(at.lns.tunnelCount, 0);
});

test('4.4.3: a tie breaker beats none; where neither has one there are two tunnels', () => {
  for (const [ours, theirs, expected] of [
    [true, false, { sent: [], tunnels: 1, closed: false }],
    [false, true, { sent: ['SCCRP'], tunnels: 2, closed: true }],
    [false, false, { sent: ['SCCRP'], tunnels: 2, closed: false }],
  ] as const) {
    const at = world();
    const asked: ControlAction[] = [];
    at.lns.openTunnel(HONEST, policy, at.now, asked, ours);
    const message = builder
      .begin(SCCRQ, 0, 0, null)
      .u16(AVP.protocolVersion, 0x0100)
      .text(AVP.hostName, 'lac')
      .u32(AVP.framingCapabilities, 3)
      .u16(AVP.assignedTunnelId, 3);
    if (theirs) message.octets(AVP.tieBreaker, new Uint8Array(8));
    const out = send(at, message.end(), HONEST, 0, 0);
    assert.deepEqual(sentTypes(out), expected.sent);
    assert.equal(at.lns.tunnelCount, expected.tunnels);
    assert.equal(told(out).includes('tunnel-closed'), expected.closed);
    // The loser is silent: its SCCRQ is not repeated.
    if (expected.closed) assert.ok(!sentTypes(tick(at, at.now + 20_000)).includes('SCCRQ'));
  }
});

test('5.8: a message ahead of its turn waits in a copy, and a huge one does not wait at all', () => {
  const transport = new Transport({ receiveWindow: 4, maximumSendWindow: 4, retransmitCapMs: 8000, giveUpMs: 9000 });
  const small = new Uint8Array(4096).fill(7);
  assert.equal(transport.receive(2, small), 'ahead');
  small.fill(0);
  assert.equal(transport.receive(1, new Uint8Array(4097)), 'overflow');
  assert.equal(transport.receive(4, small), 'overflow');
  transport.receive(0, small);
  transport.receive(1, small);
  assert.equal(transport.takeAhead()![100], 7);
});

// A history of anything that a hostile peer, and strangers, can send.

interface Step {
  type: number;
  tunnel: number;
  session: number;
  peerId: number;
  ns: number;
  nr: number;
  from: 'bad' | 'spoofed';
  damage: number;
  wait: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom(
    0,
    -1,
    5,
    SCCRQ,
    SCCRQ,
    SCCRP,
    SCCCN,
    STOPCCN,
    HELLO,
    OCRQ,
    ICRQ,
    ICRQ,
    ICRP,
    ICCN,
    CDN,
    WEN,
    SLI,
    99,
  ),
  tunnel: fc.constantFrom(-1, -1, -2, 0, 0, 17),
  session: fc.constantFrom(0, 1, 2, 700),
  peerId: fc.constantFrom(0, 1, 2, 3, 40_000),
  ns: fc.constantFrom(0, 0, 0, 0, 1, 2, 9, -1, 20_000, 32_768),
  nr: fc.constantFrom(0, 0, 0, 1, -1, 5, 30_000),
  from: fc.constantFrom('bad', 'bad', 'bad', 'spoofed'),
  damage: fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7),
  wait: fc.constantFrom(0, 0, 0, 0, 1, 50, 1000, 9000, 61_000),
});

/** Octets of a message of `type`, whole or damaged in a way of its own. */
function compose(type: number, tunnelId: number, sessionId: number, peerId: number, damage: number): Uint8Array {
  const message = builder.begin(Math.max(type, 0), tunnelId, sessionId, damage === 1 ? SECRET : null);
  if (type === SCCRQ || type === SCCRP)
    message
      .u16(AVP.protocolVersion, damage === 2 ? 0x0200 : 0x0100)
      .text(AVP.hostName, 'lac')
      .u32(AVP.framingCapabilities, 3)
      .u16(AVP.assignedTunnelId, peerId);
  if (type === STOPCCN) message.u16(AVP.assignedTunnelId, peerId);
  if (type === STOPCCN || type === CDN) message.result(damage === 2 ? 0xffff : 1, 0, 'x'.repeat(damage * 20));
  if (type === ICRQ || type === ICRP || type === CDN || type === OCRQ) message.u16(AVP.assignedSessionId, peerId);
  if (type === ICRQ || type === OCRQ) message.u32(AVP.callSerialNumber, 1);
  if (type === ICCN) message.u32(AVP.txConnectSpeed, 1).u32(AVP.framingType, 1);
  if (type === SLI) message.octets(AVP.accm, new Uint8Array(10));
  if (type === WEN) message.octets(AVP.callErrors, new Uint8Array(26));
  if (damage === 3) message.octets(AVP.challenge, new Uint8Array(1000));
  if (damage === 4) message.octets(AVP.randomVector, new Uint8Array(0));
  let octets = message.end();
  if (type === -1) octets = octets.slice(0, CONTROL_HEADER);
  if (damage >= 5 && type !== -1) {
    // 5: an unknown AVP with M; 6: one hidden without a Random Vector; 7: one that ends outside the message.
    const attribute = damage === 5 ? 4000 : AVP.challenge;
    const length = AVP_HEADER + 4 + (damage === 7 ? 9 : 0);
    const head = AVP_MANDATORY | (damage === 6 ? AVP_HIDDEN : 0) | length;
    octets = Buffer.concat([
      octets,
      Uint8Array.from([head >>> 8, head & 0xff, 0, 0, attribute >>> 8, attribute & 0xff, 1, 2, 3, 4]),
    ]);
  }
  octets[2] = octets.length >>> 8;
  octets[3] = octets.length & 0xff;
  return octets;
}

test('no history of hostile messages throws, grows without bound, leaves a timer or hurts another tunnel', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), (history) => {
      const at = world();
      const honest = open(at, HONEST, 1);
      send(at, icrq(honest, 4), HONEST, 2, 1);
      const call = [...at.out].reverse().find((one) => one.do === 'tell' && one.event === 'call-request');
      assert.ok(call?.do === 'tell' && call.event === 'call-request');
      send(at, iccn(honest, call.sessionId), HONEST, 3, 2);
      let honestNs = 4;
      /** Our next Ns for the attacker, by tunnel. */
      const next = new Map<number, number>();
      let own = 0;
      for (const { type, tunnel, session, peerId, ns, nr, from, damage, wait } of history) {
        // The honest peer answers what it must in the meantime.
        for (const until = at.now + wait; at.now < until; ) {
          tick(at, Math.min(until, at.now + 20_000));
          send(at, builder.begin(HELLO, honest, 0, null).end(), HONEST, honestNs++, nextNs(at, honest));
        }
        const spoofed = from === 'spoofed';
        // Off the path: whoever speaks in another's name does not know the IDs that we chose.
        const to = spoofed ? 0 : tunnel === -1 ? own : tunnel === -2 ? honest : tunnel;
        const base = next.get(to) ?? 0;
        const octets = compose(type, to, session, peerId, damage);
        const out = send(at, octets, spoofed ? HONEST : BAD, (base + ns) & 0xffff, nr & 0xffff);
        if (!spoofed && ns === 0) next.set(to, (base + 1) & 0xffff);
        for (const action of out)
          if (action.do === 'transmit' && action.to === BAD && action.tunnelId !== 0 && action.tunnelId !== own) {
            own = action.tunnelId;
            next.set(own, 1);
          }
        assert.equal(at.lns.view(honest)?.state, 'established');
        assert.equal(at.lns.sessionState(honest, call.sessionId), 'established');
        assert.equal(at.ids.used.size, at.lns.tunnelCount);
      }
      const out: ControlAction[] = [];
      at.lns.shutdown({ resultCode: 6, errorCode: 0, message: '' }, at.now, out);
      perform(at, out);
      tick(at, at.now + 1_000_000);
      assert.deepEqual([at.lns.tunnelCount, at.ids.used.size, at.lns.deadline()], [0, 0, Number.POSITIVE_INFINITY]);
      assert.ok(at.lns.settled);
    }),
    { numRuns: 1500 },
  );
});
