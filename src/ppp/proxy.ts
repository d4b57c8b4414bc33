import { be16, be32, LCP_AUTHENTICATION, LCP_MAGIC, LCP_MRRU, type PppOption, parseOptions } from '../wire/ppp.ts';
import type { ProxiedResponse } from './authenticator.ts';
import { authMethod, MD5_OCTETS } from './chap.ts';
import * as mschap from './mschap/mschapv2.ts';
import type { AuthMethod } from './types.ts';

/** What a LAC did on its own before the call was ours: proxy LCP and proxy authentication (RFC 2661 section 4.4.5). */
export interface ProxyAvps {
  /** Options of three Configure-Requests; null where the AVP did not come. */
  readonly initialReceivedConfreq: Uint8Array | null;
  readonly lastSentConfreq: Uint8Array | null;
  readonly lastReceivedConfreq: Uint8Array | null;
  readonly proxyAuthenType: number | null;
  readonly proxyAuthenName: Uint8Array | null;
  readonly proxyAuthenChallenge: Uint8Array | null;
  readonly proxyAuthenId: number | null;
  readonly proxyAuthenResponse: Uint8Array | null;
}

// Values of Proxy Authen Type.
export const AUTHEN_TEXT = 1;
export const AUTHEN_CHAP = 2;
export const AUTHEN_PAP = 3;
export const AUTHEN_NONE = 4;
export const AUTHEN_MSCHAP_V1 = 5;

/** How the peer is authenticated once LCP is taken over. */
export type ProxyAuthentication =
  /** Nobody has to be. */
  | { readonly do: 'none' }
  /** It agreed to `method` and is asked now. */
  | { readonly do: 'ask'; readonly method: AuthMethod }
  /**
   * It has answered already. `silent`: it answered a terminal's prompts and awaits no packet. `accept`: nothing is
   * demanded here, whatever it answered is well.
   */
  | { readonly do: 'judge'; readonly response: ProxiedResponse; readonly silent: boolean; readonly accept: boolean };

export type ProxyJudgement =
  | { readonly lcp: 'fresh'; readonly reason: string }
  | {
      readonly lcp: 'proxied';
      /** Options of the LAC's last Configure-Request and of the peer's: both were acknowledged. */
      readonly sent: readonly PppOption[];
      readonly received: readonly PppOption[];
      readonly authentication: ProxyAuthentication;
    };

/** What decides beside the AVPs. */
export interface ProxyPolicy {
  /** Methods that we demand, the first preferred; empty: none. */
  readonly authentication: readonly AuthMethod[];
  /** Junos `local-chap`: what the LAC says of authentication is ignored, we ask ourselves. */
  readonly localChap: boolean;
  /** We would offer multilink. */
  readonly multilink: boolean;
}

const fresh = (reason: string): ProxyJudgement => ({ lcp: 'fresh', reason });

/** @returns null where a Length lies or an option comes twice (RFC 1661 section 5.1) */
function optionsOf(confreq: Uint8Array): PppOption[] | null {
  const options = parseOptions(confreq);
  if (options === null || new Set(options.map(({ type }) => type)).size < options.length) return null;
  return options;
}
const find = (options: readonly PppOption[], type: number): Uint8Array | null =>
  options.find((option) => option.type === type)?.value ?? null;

/**
 * Whether PPP can go on where the LAC left it. Whether each option is one that we could have agreed to is the LCP's to
 * say (`Lcp.adopt`). AVPs that contradict each other, or our demands, get a fresh LCP.
 */
export function judgeProxy(proxy: ProxyAvps, policy: ProxyPolicy): ProxyJudgement {
  const { initialReceivedConfreq, lastSentConfreq, lastReceivedConfreq } = proxy;
  if (lastSentConfreq === null || lastReceivedConfreq === null) return fresh('no proxy LCP');
  const sent = optionsOf(lastSentConfreq);
  const received = optionsOf(lastReceivedConfreq);
  const initial = initialReceivedConfreq === null ? [] : optionsOf(initialReceivedConfreq);
  if (sent === null || received === null || initial === null) return fresh('a CONFREQ is malformed');
  const [own, peers] = [find(sent, LCP_MAGIC), find(received, LCP_MAGIC)];
  if (own?.length === 4 && peers?.length === 4 && be32(own, 0) === be32(peers, 0))
    return fresh('both ends have one magic number');
  if (policy.multilink && find(initial, LCP_MRRU) !== null && find(received, LCP_MRRU) === null)
    return fresh('the client asked for multilink and the LAC refused it');
  const value = find(sent, LCP_AUTHENTICATION);
  const authentication = judgeAuthentication(proxy, policy, value);
  return typeof authentication === 'string'
    ? fresh(authentication)
    : { lcp: 'proxied', sent, received, authentication };
}

/** @param value of the LAC's Authentication-Protocol option, null where it demanded none @returns or why not */
function judgeAuthentication(
  proxy: ProxyAvps,
  policy: ProxyPolicy,
  value: Uint8Array | null,
): ProxyAuthentication | string {
  const agreed = value === null ? null : authMethod(value);
  if (value !== null && agreed === null) return `the client agreed to ${nameOf(value)}, which is not supported here`;
  const { authentication, localChap } = policy;
  const demanded = authentication.length > 0;
  const answer = localChap ? null : proxiedResponse(proxy, agreed);
  if (typeof answer === 'string') return answer;
  if (answer === null) {
    if (!demanded) return agreed === null ? { do: 'none' } : 'the client awaits an authentication that nobody demands';
    if (agreed === null) return 'the client was not asked to authenticate itself';
    if (!authentication.includes(agreed)) return `the client agreed to ${agreed}, which is not demanded here`;
    return { do: 'ask', method: agreed };
  }
  const { method } = answer;
  if (demanded && !authentication.includes(method))
    return `the LAC authenticated by ${method}, which is not demanded here`;
  // Without the user's secret no Success can be told to a client of MS-CHAP.
  if (!demanded && method === 'mschap-v2') return "MS-CHAP cannot be answered without the user's secret";
  return { do: 'judge', response: answer, silent: agreed === null, accept: !demanded };
}

/** @returns null where the LAC hands none over, a text where what it hands over cannot be used */
function proxiedResponse(proxy: ProxyAvps, agreed: AuthMethod | null): ProxiedResponse | null | string {
  const { proxyAuthenType: type, proxyAuthenName: name, proxyAuthenResponse: response, proxyAuthenId: id } = proxy;
  if (type === null || type === AUTHEN_NONE) return null;
  if (type < AUTHEN_TEXT || type > AUTHEN_MSCHAP_V1) return `Proxy Authen Type ${type} is unknown`;
  if (name === null || response === null) return 'Proxy Authen Name or Response is missing';
  if (type === AUTHEN_TEXT) {
    // A terminal's login, before PPP: a client that agreed to PPP authentication besides has not done it yet.
    if (agreed !== null) return 'a textual login, but the client agreed to PPP authentication';
    return { method: 'pap', name, identifier: 0, challenge: new Uint8Array(0), response };
  }
  if (agreed === null) return 'a PPP authentication that LCP did not demand';
  if (id === null) return 'Proxy Authen ID is missing';
  if (type === AUTHEN_PAP) {
    if (agreed !== 'pap') return `PAP, but the client agreed to ${agreed}`;
    return { method: 'pap', name, identifier: id, challenge: new Uint8Array(0), response };
  }
  const { proxyAuthenChallenge: challenge } = proxy;
  if (challenge === null || challenge.length === 0) return 'Proxy Authen Challenge is missing';
  // There is no type for MS-CHAP version 2: LACs send it as CHAP or as version 1. The option tells.
  if (agreed === 'mschap-v2') {
    if (challenge.length !== mschap.CHALLENGE_OCTETS || response.length !== mschap.RESPONSE_OCTETS)
      return 'a challenge or response that MS-CHAP version 2 cannot have';
    return { method: agreed, name, identifier: id, challenge, response };
  }
  if (type === AUTHEN_MSCHAP_V1) return 'MS-CHAP version 1 is not supported';
  if (agreed !== 'chap-md5') return `CHAP, but the client agreed to ${agreed}`;
  if (response.length !== MD5_OCTETS) return `a CHAP response of ${response.length} octets`;
  return { method: agreed, name, identifier: id, challenge, response };
}

function nameOf(value: Uint8Array): string {
  if (value.length < 2) return 'a protocol cut short';
  if (be16(value, 0) === 0xc223 && value[2] === 0x80) return 'MS-CHAP version 1';
  return `protocol ${Buffer.from(value.subarray(0, 8)).toString('hex')}`;
}
