// [edit services l2tp tunnel-group]: what each statement does on the wire. Syslog and traceoptions: test/syslog, test/trace;
// what a change ends: test/server/reconfigure.test.ts.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { AVP, HELLO, ICRQ, SCCCN, SCCRQ } from '../../src/wire/avp.ts';
import { u16Of } from '../../src/wire/message.ts';
import { configuration, Pair } from '../server/pair.ts';
import { crypto, must, Peer, type Reply, SECRET } from '../support/peer.ts';

const CLIENT = 'shared-secret testing123;';
const is =
  (what: string) =>
  (reply: Reply): boolean =>
    reply.what === what;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function pairOf(t: TestContext, group: string, client = CLIENT, more = ''): Promise<Pair> {
  const pair = await Pair.start(`${configuration({ client, group })}\n${more}`, { shards: 1 });
  t.after(() => pair.close());
  return pair;
}
async function peerOf(t: TestContext, pair: Pair): Promise<Peer> {
  const peer = new Peer(pair.lns.listening[0]!.port);
  await peer.bind();
  t.after(() => peer.close());
  return peer;
}
/** SCCRQ and its answer. */
async function greet(peer: Peer, name = 'lac.test', window?: number): Promise<Reply> {
  peer.control(SCCRQ, 0, (b) => {
    b.u16(AVP.protocolVersion, 0x0100).u32(AVP.framingCapabilities, 3).text(AVP.hostName, name);
    if (window !== undefined) b.u16(AVP.receiveWindowSize, window);
    return b.u16(AVP.assignedTunnelId, 0x5678);
  });
  const answer = must(
    await peer.next((reply) => reply.what === 'SCCRP' || reply.what === 'StopCCN'),
    'answer to SCCRQ',
  );
  peer.tunnel = u16Of(answer.values.get(AVP.assignedTunnelId));
  return answer;
}
async function open(peer: Peer, window?: number): Promise<void> {
  const sccrp = await greet(peer, 'lac.test', window);
  const challenge = sccrp.values.get(AVP.challenge)!;
  peer.control(SCCCN, 0, (b) => b.octets(AVP.challengeResponse, crypto.challengeResponse(SCCCN, SECRET, challenge)));
  must(await peer.next(is('ZLB')), 'acknowledgement of SCCCN');
}
const call = (peer: Peer, id: number): void =>
  peer.control(ICRQ, 0, (b) => b.u16(AVP.assignedSessionId, id).u32(AVP.callSerialNumber, id));
/** AVPs with the H bit. */
function hidden(message: Uint8Array): number {
  let n = 0;
  for (let at = 12; at + 6 <= message.length; at += ((message[at]! & 3) << 8) | message[at + 1]!)
    if ((message[at]! & 0x40) !== 0) n++;
  return n;
}

test('hello-interval: a HELLO after so many seconds of silence; 0: never', async (t) => {
  const peer = await peerOf(t, await pairOf(t, 'hello-interval 1;'));
  await open(peer);
  const from = performance.now();
  must(await peer.next(is('HELLO'), 3000), 'HELLO');
  assert.ok(performance.now() - from > 800);
  const silent = await peerOf(t, await pairOf(t, 'hello-interval 0;'));
  await open(silent);
  assert.equal(await silent.next(is('HELLO'), 2500), null);
});
test('hide-avps: AVPs are hidden where the secret is known, from then on', async (t) => {
  for (const [group, hides] of [
    ['', false],
    ['hide-avps;', true],
  ] as const) {
    const peer = await peerOf(t, await pairOf(t, group));
    await open(peer);
    call(peer, 7);
    const icrp = must(await peer.next(is('ICRP')), 'ICRP');
    assert.equal(hidden(icrp.octets) > 0, hides);
    assert.notEqual(u16Of(icrp.values.get(AVP.assignedSessionId)), 0);
  }
});
test('receive-window: told to the peer in SCCRP', async (t) => {
  const peer = await peerOf(t, await pairOf(t, 'receive-window 7;'));
  assert.equal(u16Of((await greet(peer)).values.get(AVP.receiveWindowSize)), 7);
});
test('maximum-send-window: a ceiling on what is on its way to the peer, whatever window it grants', async (t) => {
  for (const ceiling of [2, 5]) {
    const peer = await peerOf(t, await pairOf(t, `maximum-send-window ${ceiling};`));
    await open(peer, 32);
    // Slow start (appendix A): acknowledged messages open the window.
    for (let id = 1; id <= 24; id++) {
      call(peer, id);
      must(await peer.next(is('ICRP')), 'ICRP');
    }
    peer.control(HELLO, 0, (b) => b);
    await wait(50);
    peer.replies = [];
    peer.heldNr = peer.nr;
    for (let id = 101; id <= 112; id++) call(peer, id);
    await wait(400);
    const numbers = new Set(peer.replies.filter(is('ICRP')).map(({ ns }) => ns));
    assert.equal(numbers.size, ceiling);
  }
});
test('retransmit-interval: the longest time between retransmissions; tunnel-timeout: how long they go on', async (t) => {
  const pair = await pairOf(t, 'retransmit-interval 1; tunnel-timeout 4;');
  const peer = await peerOf(t, pair);
  await greet(peer);
  const times: number[] = [];
  for (let n = 0; n < 3; n++) {
    must(await peer.next(is('SCCRP'), 3000), 'SCCRP again');
    times.push(performance.now());
  }
  for (let n = 1; n < times.length; n++) {
    const gap = times[n]! - times[n - 1]!;
    assert.ok(gap > 700 && gap < 1700, `${gap} ms, not doubled`);
  }
  const from = performance.now();
  await pair.until(() => pair.events.some(({ event }) => event === 'tunnel-refused' || event === 'tunnel-down'), 6000);
  assert.ok(performance.now() - from < 3000);
});
test('without retransmit-interval the time between retransmissions doubles (section 5.8)', async (t) => {
  const peer = await peerOf(t, await pairOf(t, ''));
  await greet(peer);
  must(await peer.next(is('SCCRP'), 3000), 'SCCRP again');
  const from = performance.now();
  must(await peer.next(is('SCCRP'), 4000), 'SCCRP a third time');
  assert.ok(performance.now() - from > 1600);
});
test('local-gateway: where tunnels are accepted, in either shape; gateway-name: who answers', async (t) => {
  const other = `services { l2tp { tunnel-group second { l2tp-access-profile lacs; ppp-access-profile users;
    local-gateway { address 127.0.0.2; gateway-name second.example; } service-interface sp-1/2/0; } } }`;
  const pair = await pairOf(t, '', CLIENT, other);
  assert.deepEqual(pair.lns.listening.map(({ address }) => address).sort(), ['127.0.0.1', '127.0.0.2']);
  const peer = await peerOf(t, pair);
  const first = await greet(peer);
  assert.equal(Buffer.from(first.values.get(AVP.hostName)!).toString(), 'lns-test');
  const second = pair.lns.listening.find(({ address }) => address === '127.0.0.2')!;
  const stranger = new Peer(second.port, '127.0.0.2');
  await stranger.bind();
  t.after(() => stranger.close());
  assert.equal(Buffer.from((await greet(stranger)).values.get(AVP.hostName)!).toString(), 'second.example');
});
test('l2tp-access-profile: a LAC that is none of its clients is refused with StopCCN 4', async (t) => {
  const config = configuration({ client: CLIENT }).replace('client * { l2tp', 'client lac.test { l2tp');
  const pair = await Pair.start(config, { shards: 1 });
  t.after(() => pair.close());
  const stranger = await peerOf(t, pair);
  const answer = await greet(stranger, 'lac.elsewhere');
  assert.deepEqual([answer.what, answer.result], ['StopCCN', 4]);
  assert.equal((await greet(await peerOf(t, pair))).what, 'SCCRP');
});
test('service-interface: the units of its sessions, and where show says they are', async (t) => {
  const config = configuration({ client: `${CLIENT} interface-id many;`, group: '' });
  const pair = await Pair.start(config, { shards: 1 });
  t.after(() => pair.close());
  const lac = await pair.dial({ secret: 'testing123' });
  assert.equal((await lac.settled(5000)).sessionsUp, 1);
  const [tunnel] = pair.lns.tunnels.values();
  const [session] = tunnel!.calls.values();
  assert.equal(session!.unit?.unit, 20);
  assert.equal(tunnel!.gateway.serviceInterface, 'sp-1/2/0');
});
