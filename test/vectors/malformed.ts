// Plays a LAC by hand against a live server: brings it into a case's state, sends the case, and judges what comes.
import { AVP, HELLO, ICCN, ICRQ, SCCCN, SCCRQ } from '../../src/wire/avp.ts';
import { u16Of } from '../../src/wire/message.ts';
import { be16, buildFrame, buildOptions, octets32, parsePacket } from '../../src/wire/ppp.ts';
import { configuration, Pair } from '../server/pair.ts';
import { crypto, must, Peer, PPP, peerCount, type Reply, SECRET } from '../support/peer.ts';

export interface MalformedCase {
  id: string;
  layer: 'l2tp-control' | 'l2tp-data' | 'ppp' | 'mp';
  state: string;
  hex: string;
  outcome: string;
  also_allowed?: string[];
  result?: number | null;
  error?: number | null;
  reply?: string;
}

const PEER_TUNNEL = 0x5678;
const PEER_SESSION = 0x0202;
const LOCAL_TUNNEL = 0x1234;
const LOCAL_SESSION = 0x0101;

/** What is known of the live PPP session. */
interface Live {
  magic: Uint8Array;
  requestId: number;
  challengeId: number;
}

async function bring(peer: Peer, state: string, secret: boolean): Promise<Live> {
  const live: Live = { magic: new Uint8Array(4), requestId: 0, challengeId: 0 };
  if (state === 'idle') return live;
  peer.control(SCCRQ, 0, (b) =>
    b
      .u16(AVP.protocolVersion, 0x0100)
      .u32(AVP.framingCapabilities, 3)
      .text(AVP.hostName, 'lac.test')
      .u16(AVP.assignedTunnelId, PEER_TUNNEL),
  );
  const sccrp = must(await peer.next((reply) => reply.what === 'SCCRP'), 'SCCRP');
  peer.tunnel = u16Of(sccrp.values.get(AVP.assignedTunnelId));
  if (state === 'wait-ctl-conn') return live;
  const challenge = sccrp.values.get(AVP.challenge);
  peer.control(SCCCN, 0, (b) =>
    secret ? b.octets(AVP.challengeResponse, crypto.challengeResponse(SCCCN, SECRET, challenge!)) : b,
  );
  must(await peer.next((reply) => reply.what === 'ZLB'), 'acknowledgement of SCCCN');
  if (state === 'established') return live;
  peer.control(ICRQ, 0, (b) => b.u16(AVP.assignedSessionId, PEER_SESSION).u32(AVP.callSerialNumber, 1));
  const icrp = must(await peer.next((reply) => reply.what === 'ICRP'), 'ICRP');
  peer.session = u16Of(icrp.values.get(AVP.assignedSessionId));
  if (state === 'wait-connect') return live;
  peer.control(ICCN, peer.session, (b) => b.u32(AVP.txConnectSpeed, 1_000_000).u32(AVP.framingType, 1));
  const request = must(await peer.next(PPP(0xc021, 1)), 'LCP Configure-Request');
  live.requestId = request.frame[3]!;
  for (let at = 6; at < request.frame.length; at += request.frame[at + 1]!)
    if (request.frame[at] === 5) live.magic = request.frame.slice(at + 2, at + 6);
  await peer.next((reply) => reply.what === 'ZLB', 100);
  if (state === 'session' || state === 'lcp-starting') return live;
  const ack = request.frame.slice();
  ack[2] = 2;
  peer.frame(Buffer.concat([Buffer.from([0xff, 0x03]), ack]));
  peer.frame(
    buildFrame(
      0xc021,
      1,
      1,
      buildOptions([
        { type: 1, value: new Uint8Array([5, 220]) },
        { type: 5, value: octets32(0x22222222) },
        // A system of its own, or it would join the bundle of the case before.
        ...(state.startsWith('mp-')
          ? [
              { type: 17, value: new Uint8Array([5, 220]) },
              { type: 19, value: new Uint8Array([1, peerCount() >>> 8, peerCount() & 255]) },
            ]
          : []),
      ]),
    ),
  );
  must(await peer.next(PPP(0xc021, 2)), 'LCP Configure-Ack');
  if (state === 'lcp-opened') {
    await peer.next(PPP(0xc223, 1), 200);
    return live;
  }
  const asked = must(await peer.next(PPP(0xc223, 1)), 'CHAP Challenge');
  live.challengeId = asked.frame[3]!;
  if (state === 'chap-sent') return live;
  const value = asked.frame.subarray(7, 7 + asked.frame[6]!);
  const response = crypto.md5(new Uint8Array([live.challengeId]), Buffer.from('password'), value);
  peer.frame(
    buildFrame(0xc223, 2, live.challengeId, Buffer.concat([Buffer.from([16]), response, Buffer.from('user')])),
  );
  must(await peer.next(PPP(0xc223, 3)), 'CHAP Success');
  if (state.startsWith('mp-')) return live;
  const theirs = must(await peer.next(PPP(0x8021, 1)), 'IPCP Configure-Request');
  const agreed = theirs.frame.slice();
  agreed[2] = 2;
  peer.frame(Buffer.concat([Buffer.from([0xff, 0x03]), agreed]));
  peer.frame(buildFrame(0x8021, 1, 1, buildOptions([{ type: 3, value: octets32(0) }])));
  const nak = must(await peer.next(PPP(0x8021, 3)), 'IPCP Configure-Nak');
  peer.frame(buildFrame(0x8021, 1, 2, nak.frame.slice(6)));
  must(await peer.next(PPP(0x8021, 2)), 'IPCP Configure-Ack');
  return live;
}

/** The case's octets with the live tunnel and session. */
function rewrite(octets: Uint8Array, peer: Peer): Uint8Array {
  const out = octets.slice();
  if (out.length < 2) return out;
  const at = (out[0]! & 0x40) !== 0 ? 4 : 2;
  const swap = (offset: number, from: number, to: number): void => {
    if (out.length < offset + 2 || be16(out, offset) !== from || to === 0) return;
    out[offset] = to >>> 8;
    out[offset + 1] = to & 255;
  };
  swap(at, LOCAL_TUNNEL, peer.tunnel);
  swap(at + 2, LOCAL_SESSION, peer.session);
  return out;
}

/** Runs cases against servers that it starts: with a tunnel secret and CHAP, with PAP, and without a secret. */
export class MalformedRunner {
  readonly #pairs = new Map<string, Pair>();
  readonly #witnesses = new Map<Pair, Peer>();

  async #pair(kind: string): Promise<Pair> {
    const known = this.#pairs.get(kind);
    if (known !== undefined) return known;
    const secret = kind === 'open' ? '' : 'shared-secret testing123;';
    const pair = await Pair.start(
      configuration({
        client: `${secret} ppp-authentication ${kind === 'pap' ? 'pap' : 'chap'}; ${kind.startsWith('mp-') ? 'multilink;' : ''}`,
      }),
      { shards: 1, multilink: { shortSequence: kind === 'mp-short' } },
    );
    this.#pairs.set(kind, pair);
    const witness = new Peer(pair.lns.listening[0]!.port);
    await witness.bind();
    await bring(witness, kind === 'chap' ? 'ipcp-opened' : 'established', kind !== 'open');
    this.#witnesses.set(pair, witness);
    return pair;
  }
  async close(): Promise<void> {
    for (const peer of this.#witnesses.values()) peer.close();
    for (const pair of this.#pairs.values()) await pair.close();
  }

  /** @returns null where the outcome is one that the case asks for or allows, else what happened; 'not supported' */
  async run(one: MalformedCase): Promise<string | null> {
    const kind = one.state.startsWith('mp-')
      ? one.state
      : one.id === 'hid-no-secret'
        ? 'open'
        : one.id.startsWith('pap-')
          ? 'pap'
          : 'chap';
    const pair = await this.#pair(kind);
    const { lns } = pair;
    const peer = new Peer(lns.listening[0]!.port);
    await peer.bind();
    try {
      const live = await bring(peer, one.state, kind !== 'open');
      peer.replies = [];
      const counted = (): number =>
        [...lns.discards.values()].reduce((sum, count) => sum + count, 0) +
        Object.values(pair.drops()).reduce((sum, count) => sum + count, 0) +
        lns.plane.counters(0).totals.punted!;
      const before = counted();
      const punted = lns.plane.counters(0).totals.punted!;
      const octets = new Uint8Array(Buffer.from(one.hex, 'hex'));
      const ppp = one.layer === 'ppp' || one.layer === 'mp';
      if (ppp) {
        const frame = octets.slice();
        // Identifiers of ours that the case speaks of.
        if (one.state === 'chap-sent' && frame.length > 3)
          frame[3] = (live.challengeId + (frame[3] === 0x2a ? 0 : 1)) & 255;
        if (one.state === 'lcp-starting' && frame.length > 3 && frame[3] === 1 && frame[2]! > 1)
          frame[3] = live.requestId;
        const magic = Buffer.from(frame).indexOf(Buffer.from('11111111', 'hex'));
        if (magic >= 0) frame.set(live.magic, magic);
        peer.frame(frame);
      } else peer.raw(rewrite(octets, peer));
      const verdict =
        ppp || one.layer === 'l2tp-data' ? await this.#judgePpp(one, peer) : await this.#judgeControl(one, peer, pair);
      if (one.layer === 'l2tp-data' && one.outcome === 'accept')
        return lns.plane.counters(0).totals.punted! > punted ? this.#witness(pair) : 'the frame went no further';
      if (verdict !== null) return verdict;
      if (one.outcome === 'discard' && counted() === before) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (counted() === before) return 'discarded, but no counter moved';
      }
      return await this.#witness(pair);
    } finally {
      peer.close();
    }
  }

  /** A session of another tunnel answers as before. */
  async #witness(pair: Pair): Promise<string | null> {
    const witness = this.#witnesses.get(pair)!;
    witness.replies = [];
    if (witness.session === 0) {
      witness.control(HELLO, 0, (b) => b);
      return (await witness.next((reply) => reply.what === 'ZLB', 1000)) === null ? 'another tunnel fell silent' : null;
    }
    witness.frame(buildFrame(0xc021, 9, 77, octets32(0x22222222)));
    return (await witness.next(PPP(0xc021, 10), 1000)) === null ? 'another session fell silent' : null;
  }

  async #judgeControl(one: MalformedCase, peer: Peer, pair: Pair): Promise<string | null> {
    const { lns } = pair;
    const allowed = [one.outcome, ...(one.also_allowed ?? [])];
    const loud = (reply: Reply): boolean => reply.what !== 'ZLB' && reply.what !== 'data' && reply.what !== 'HELLO';
    const quiet = allowed.every((outcome) => !/stopccn(?!-)|cdn(?!-)/.test(outcome)) && one.reply === undefined;
    const reply = await peer.next(loud, quiet || one.outcome === 'discard' ? 40 : 400);
    const codes = `${reply?.what} ${reply?.result}/${reply?.error}`;
    for (const outcome of allowed) {
      switch (outcome.split(' ')[0]!) {
        case 'stopccn':
        case 'cdn': {
          if (reply === null || reply.what.toLowerCase() !== outcome.split(' ')[0]) break;
          const named = /result (\d+)(?: error (\d+))?/.exec(outcome);
          if (outcome.includes('any result')) return null;
          const result = named === null ? one.result : Number(named[1]);
          const error = named === null ? one.error : named[2] === undefined ? null : Number(named[2]);
          const other = outcome !== one.outcome && named === null;
          if (other || ((result == null || reply.result === result) && (error == null || reply.error === error)))
            return null;
          break;
        }
        case 'discard':
          if (reply === null && (one.state === 'idle' || (await this.#alive(peer)))) return null;
          break;
        case 'accept':
        case 'ignore-avp': {
          const normal = one.reply ?? (one.state === 'idle' ? 'SCCRP' : 'ZLB');
          if (normal === 'ZLB' ? reply === null && (await this.#alive(peer)) : reply?.what === normal) return null;
          break;
        }
        case 'ack-only':
        case 'queue-or-discard':
          if (reply === null && (await this.#alive(peer))) return null;
          break;
        case 'stopccn-received':
          if (reply === null && !lns.tunnels.has(peer.tunnel)) return null;
          break;
        case 'cdn-received':
          if (reply === null && lns.tunnels.get(peer.tunnel)?.calls.has(peer.session) === false) return null;
          break;
      }
    }
    return `${one.outcome} expected, got ${reply === null ? 'nothing' : codes}`;
  }
  /** A HELLO is acknowledged: with the next Ns, or the one after it where the case used it up. */
  async #alive(peer: Peer): Promise<boolean> {
    if (peer.tunnel === 0) return true;
    for (let tries = 0; tries < 2; tries++) {
      peer.control(HELLO, 0, (b) => b);
      if ((await peer.next((reply) => reply.what === 'ZLB' && ((reply.nr - peer.ns) & 0xffff) < 8, 250)) !== null)
        return true;
    }
    return false;
  }

  async #judgePpp(one: MalformedCase, peer: Peer): Promise<string | null> {
    const allowed = [one.outcome, ...(one.also_allowed ?? [])];
    const protocol = one.hex.length >= 4 ? Number.parseInt(one.hex.slice(0, 4), 16) : 0;
    const control = one.layer === 'l2tp-data' ? 0xc021 : protocol;
    const kinds: Record<string, (reply: Reply) => boolean> = {
      'lcp-code-reject': PPP(0xc021, 7),
      'code-reject-ipcp': PPP(0x8021, 7),
      'protocol-reject': PPP(0xc021, 8),
      'conf-nak': PPP(control, 3),
      'conf-reject': PPP(control, 4),
      'chap-failure': PPP(0xc223, 4),
      'pap-nak': PPP(0xc023, 3),
      'lcp-down': PPP(0xc021, 5),
    };
    // Requests of our own go on by their timers and say nothing of the case.
    const answer = (reply: Reply): boolean => reply.what === 'data' && reply.frame[2] !== 1;
    const quiet = allowed.length === 1 && one.outcome === 'discard';
    const reply = await peer.next(answer, quiet ? 40 : 300);
    for (const outcome of allowed) {
      if (outcome === 'discard' && reply === null) return null;
      if (outcome === 'accept') {
        const echo = one.hex.includes('c02109');
        if (echo && reply !== null && PPP(0xc021, 10)(reply)) {
          const packet = parsePacket(reply.frame, 2);
          if (packet !== null && packet.data.length === 4) return null;
        }
        // IPCP that the peer rejects goes down by its automaton, with a Terminate-Request.
        if (!echo && (reply === null || PPP(control, 2)(reply) || PPP(0x8021, 5)(reply))) return null;
      }
      if (reply !== null && kinds[outcome]?.(reply) === true) return null;
    }
    const got = reply === null ? 'nothing' : Buffer.from(reply.frame).toString('hex').slice(0, 40);
    return `${one.outcome} expected, got ${got}`;
  }
}
