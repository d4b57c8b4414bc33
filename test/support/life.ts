import { ControlEndpoint } from '../../src/control/endpoint.ts';
import type { ControlAction, TunnelPolicy } from '../../src/control/types.ts';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { SeededRandom } from '../../src/wire/random.ts';

export const crypto = new WasmCrypto();
export const secret = Buffer.from('shared');
export const policy: TunnelPolicy = {
  secret,
  hideAvps: true,
  helloIntervalMs: 60_000,
  retransmitCapMs: 8000,
  tunnelTimeoutMs: 60_000,
  receiveWindow: 8,
  maximumSendWindow: 8,
  maximumSessions: 0,
  tag: null,
};

/** Every message that LAC and LNS exchange over a call's whole life, with hiding. */
export function wholeLife(): { from: 'lac' | 'lns'; octets: Uint8Array }[] {
  const make = (lac: boolean): ControlEndpoint => {
    let next = lac ? 100 : 1;
    return new ControlEndpoint({
      hostName: lac ? 'lac' : 'lns',
      vendorName: 'ünïcode',
      firmwareRevision: 1,
      crypto,
      random: new SeededRandom(lac ? 3 : 4),
      ids: { allocate: () => next++, release: () => undefined },
      limits: { halfOpen: 10, halfOpenPerSource: 10 },
      authorize: lac ? null : () => policy,
    });
  };
  const ends = { lac: make(true), lns: make(false) };
  const address = { lac: { address: '192.0.2.1', port: 1701 }, lns: { address: '192.0.2.2', port: 1701 } };
  const seen: { from: 'lac' | 'lns'; octets: Uint8Array }[] = [];
  let lnsCall = 0;
  const perform = (from: 'lac' | 'lns', out: ControlAction[]): void => {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      if (action.do === 'transmit') {
        seen.push({ from, octets: action.octets });
        const to = from === 'lac' ? 'lns' : 'lac';
        const answer: ControlAction[] = [];
        ends[to].receive(action.octets, address[from], 1, answer);
        perform(to, answer);
        const acks: ControlAction[] = [];
        ends[to].flush(1, acks);
        perform(to, acks);
      } else if (action.event === 'call-request') {
        lnsCall = action.sessionId;
        ends.lns.answerCall(action.tunnelId, action.sessionId, 1, out);
      }
    }
  };
  const act = (from: 'lac' | 'lns', work: (out: ControlAction[]) => void): void => {
    const out: ControlAction[] = [];
    work(out);
    perform(from, out);
  };
  let tunnel = 0;
  let call = 0;
  act('lac', (out) => {
    tunnel = ends.lac.openTunnel(address.lns, policy, 0, out);
  });
  act('lac', (out) => {
    call = ends.lac.placeCall(
      tunnel,
      {
        callSerialNumber: 1,
        bearerType: 2,
        calledNumber: '1',
        callingNumber: '2',
        txConnectSpeed: 1,
        rxConnectSpeed: 2,
        framingType: 1,
        sequencingRequired: true,
      },
      1,
      out,
    );
  });
  act('lns', (out) => ends.lns.sendLinkInfo(1, lnsCall, 1, 2, 1, out));
  act('lac', (out) => ends.lac.sendWanError(tunnel, call, [1, 2, 3, 4, 5, 6], 1, out));
  act('lns', (out) => ends.lns.closeSession(1, lnsCall, { resultCode: 3, errorCode: 0, message: 'ünïcode' }, 1, out));
  act('lns', (out) => ends.lns.handleTimeout(70_000, out));
  act('lac', (out) => ends.lac.closeTunnel(tunnel, { resultCode: 1, errorCode: 0, message: '' }, 70_001, out));
  return seen;
}
