import { AUTHEN_CHAP, AUTHEN_NONE, AUTHEN_PAP } from '../ppp/proxy.ts';
import { PppSession } from '../ppp/session.ts';
import type { PppAction, PppOptions } from '../ppp/types.ts';
import { AVP } from '../wire/avp.ts';
import { be16, CONFIGURE_REQUEST, PPP_LCP, parsePacket } from '../wire/ppp.ts';

/** AVPs of an ICCN, in the order in which they are sent. */
export type FrontAvps = readonly (readonly [attributeType: number, value: Uint8Array])[];

/** What a LAC has when it places the call. */
export interface Front {
  readonly avps: FrontAvps;
  /** Whole frames of the client that the LAC has not consumed: they go into the tunnel. */
  readonly pending: readonly Uint8Array[];
}

/** Packets that a negotiation may take. */
const STEPS_MAX = 200;

/**
 * Plays the LAC that answers a call itself (RFC 2661 section 4.4.5): LCP and the question for credentials, up to the
 * client's answer, which it does not judge. The line to the client is short and loses nothing.
 * @param lac the LAC's side: role `server` @param client a session that has not begun
 * @param out what the client asks of its driver, but for frames
 * @returns null where the two do not come to terms
 */
export function answerCall(lac: PppOptions, client: PppSession, now: number, out: PppAction[]): Front | null {
  const server = new PppSession(lac);
  let initialReceived: Uint8Array | null = null;
  let lastReceived: Uint8Array | null = null;
  let lastSent: Uint8Array | null = null;
  let credentials: Extract<PppAction, { do: 'authenticate' }> | null = null;
  let done = false;
  const toServer: Uint8Array[] = [];
  const toClient: Uint8Array[] = [];
  const fromServer = (actions: PppAction[]): void => {
    for (const action of actions) {
      if (action.do === 'send') {
        const frame = action.frame.subarray(2);
        lastSent = confreq(frame) ?? lastSent;
        toClient.push(frame);
      } else if (action.do === 'authenticate') {
        credentials = action;
        done = true;
      } else if (action.do === 'request-address' || (action.do === 'tell' && action.event === 'link-ready'))
        done = true;
    }
  };
  const fromClient = (actions: PppAction[]): void => {
    for (const action of actions)
      if (action.do === 'send') toServer.push(action.frame);
      else out.push(action);
  };
  const step = (work: (actions: PppAction[]) => void, take: (actions: PppAction[]) => void): void => {
    const actions: PppAction[] = [];
    work(actions);
    take(actions);
  };
  step((actions) => server.open(now, actions), fromServer);
  step((actions) => client.open(now, actions), fromClient);
  for (let steps = 0; steps < STEPS_MAX && !done; steps++) {
    const whole = toServer.shift();
    if (whole !== undefined) {
      const up = whole.subarray(2);
      const options = confreq(up);
      if (options !== null) {
        initialReceived ??= options;
        lastReceived = options;
      }
      step((actions) => server.receive(up, now, actions), fromServer);
      continue;
    }
    const down = toClient.shift();
    if (down === undefined) break;
    step((actions) => client.receive(down, now, actions), fromClient);
  }
  if (!done || server.phase === 'terminate' || server.phase === 'dead') return null;
  // What the LAC has said already arrives.
  for (const down of toClient) step((actions) => client.receive(down, now, actions), fromClient);
  const avps: [number, Uint8Array][] = [
    [AVP.initialReceivedConfreq, initialReceived!],
    [AVP.lastSentConfreq, lastSent!],
    [AVP.lastReceivedConfreq, lastReceived!],
  ];
  avps.push(...authentication(credentials));
  return { avps, pending: toServer };
}

/** Options of a Configure-Request of LCP, null for any other frame. */
function confreq(frame: Uint8Array): Uint8Array | null {
  if (frame.length < 2 || be16(frame, 0) !== PPP_LCP) return null;
  const packet = parsePacket(frame, 2);
  return packet?.code === CONFIGURE_REQUEST ? packet.data.slice() : null;
}

function authentication(credentials: Extract<PppAction, { do: 'authenticate' }> | null): [number, Uint8Array][] {
  if (credentials === null) return [[AVP.proxyAuthenType, new Uint8Array([0, AUTHEN_NONE])]];
  const { method, nameOctets, challenge, identifier, response } = credentials;
  const type = method === 'pap' ? AUTHEN_PAP : AUTHEN_CHAP;
  const avps: [number, Uint8Array][] = [
    [AVP.proxyAuthenType, new Uint8Array([0, type])],
    [AVP.proxyAuthenName, nameOctets],
  ];
  if (method !== 'pap') avps.push([AVP.proxyAuthenChallenge, challenge]);
  avps.push([AVP.proxyAuthenId, new Uint8Array([0, identifier])], [AVP.proxyAuthenResponse, response]);
  return avps;
}
