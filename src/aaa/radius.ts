import { overlay } from '../config/resolve.ts';
import { Code, octetsOf, textOf } from '../radius/packet.ts';
import type { RadiusAnswer, RadiusRequest } from '../radius/types.ts';
import type { Log } from '../server/log.ts';
import { type AttributeFault, acceptedAttributes, accessRequest, type FilterRates, fitRequest } from './attributes.ts';
import { LocalAaa, localAttributes } from './local.ts';
import type { ProfileRadius } from './servers.ts';
import type { Aaa, AccessLine, AuthenticationResult, Credentials, SubscriberAttributes } from './types.ts';

export interface RadiusAaaOptions {
  readonly servers: ProfileRadius;
  /** NAS-Identifier. */
  readonly nasIdentifier: () => string;
  readonly filterRates: FilterRates;
  readonly log: Log;
}

/** Attributes of RADIUS over those of the configuration (precedence: user, group profile, user group profile). */
export function overRadius(radius: SubscriberAttributes, local: SubscriberAttributes): SubscriberAttributes {
  return {
    ...radius,
    // A pool that RADIUS names goes before an address that the configuration gives.
    framedAddress: radius.framedAddress ?? (radius.ppp.framedPool === null ? local.framedAddress : null),
    ppp: overlay(radius.ppp, local.ppp),
  };
}

/**
 * `authentication-order`: the methods from left to right, until one accepts. `none` behind another one is for users whom
 * nobody knows: it lets nobody in whom a method refused.
 */
export class OrderedAaa implements Aaa {
  readonly #local = new LocalAaa();
  readonly #options: RadiusAaaOptions;

  constructor(options: RadiusAaaOptions) {
    this.#options = options;
  }

  unauthenticated(line: AccessLine): SubscriberAttributes {
    return this.#local.unauthenticated(line);
  }

  authenticate(
    credentials: Credentials,
    line: AccessLine,
    now: number,
    answer: (result: AuthenticationResult) => void,
  ): () => void {
    const order = line.userProfile.authenticationOrder;
    if (!order.includes('radius')) return this.#local.authenticate(credentials, line, now, answer);
    let withdrawn = false;
    let request: RadiusRequest | null = null;
    /** The refusal that counts in the end: the first method's that knew the user. */
    let refusal: Extract<AuthenticationResult, { passed: false }> | null = null;
    let unanswered: Extract<AuthenticationResult, { passed: false }> | null = null;
    const attempt = (index: number): void => {
      if (withdrawn) return;
      const method = order[index];
      if (method === undefined) {
        answer(refusal ?? unanswered ?? { passed: false, reason: 'unknown user' });
        return;
      }
      if (method === 'none') {
        if (refusal !== null) attempt(index + 1);
        else answer({ passed: true, attributes: localAttributes(line, credentials.name) });
        return;
      }
      if (method === 'password') {
        if (!line.userProfile.clients.has(credentials.name)) return attempt(index + 1);
        const result = this.#local.judge(credentials, line);
        if (result.passed) return answer(result);
        refusal ??= result;
        return attempt(index + 1);
      }
      request = this.#ask(credentials, line, (result) => {
        request = null;
        if (withdrawn) return;
        if (result.passed) return answer(result);
        if (result.temporary === true) unanswered ??= result;
        else refusal ??= result;
        attempt(index + 1);
      });
    };
    attempt(0);
    return () => {
      withdrawn = true;
      if (request !== null) this.#options.servers.access(line.userProfile.name)?.cancel(request);
    };
  }

  /** @returns the question, null where it was answered at once */
  #ask(credentials: Credentials, line: AccessLine, done: (result: AuthenticationResult) => void): RadiusRequest | null {
    const { servers, nasIdentifier } = this.#options;
    const transport = servers.access(line.userProfile.name);
    if (transport === undefined) {
      done({ passed: false, temporary: true, reason: 'no RADIUS server is configured' });
      return null;
    }
    const identifier = nasIdentifier();
    if (!fitRequest(credentials)) {
      done({ passed: false, reason: 'name or password fit no RADIUS request' });
      return null;
    }
    const request: RadiusRequest = {
      kind: 'access',
      attributes: (secret, authenticator) => accessRequest(credentials, line, identifier, secret, authenticator)!,
      answer: (reply) => done(this.#judge(reply, credentials, line)),
    };
    transport.ask(request);
    return request;
  }

  #judge(reply: RadiusAnswer, credentials: Credentials, line: AccessLine): AuthenticationResult {
    if (reply.outcome !== 'reply')
      return { passed: false, temporary: reply.outcome !== 'too-large', reason: REASON[reply.outcome] };
    const { packet } = reply;
    const text = textOf(packet, 'Reply-Message');
    const message = text === undefined ? {} : { message: text };
    if (packet.code !== Code.AccessAccept) {
      const error = octetsOf(packet, 'MS-CHAP-Error');
      return {
        passed: false,
        reason: packet.code === Code.AccessChallenge ? 'RADIUS asks a further question' : 'RADIUS refused',
        ...message,
        ...(error === undefined ? {} : { msChapError: Uint8Array.from(error) }),
      };
    }
    const faults: AttributeFault[] = [];
    const accepted = acceptedAttributes(packet, this.#options.filterRates, faults);
    for (const [attribute, why] of faults)
      this.#options.log('notice', 'radius-attribute', { user: credentials.name, attribute, reason: why });
    if (accepted === null)
      return { passed: false, reason: 'RADIUS grants another service than framed PPP', ...message };
    const success = octetsOf(packet, 'MS-CHAP2-Success');
    return {
      passed: true,
      byRadius: true,
      attributes: overRadius(accepted, localAttributes(line, credentials.name)),
      ...message,
      ...(success === undefined ? {} : { msChap2Success: Uint8Array.from(success) }),
    };
  }
}

const REASON = {
  timeout: 'no RADIUS server answers',
  overload: 'too many RADIUS requests wait',
  'too-large': 'the request fits no RADIUS packet',
} as const;
