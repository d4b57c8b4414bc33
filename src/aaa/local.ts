import { NO_ATTRIBUTES, overlay } from '../config/resolve.ts';
import type { TunnelClient } from '../config/types.ts';
import {
  type Aaa,
  type AccessLine,
  type AuthenticationResult,
  type Credentials,
  NO_SUBSCRIBER_ATTRIBUTES,
  type SubscriberAttributes,
} from './types.ts';

const NOTHING_TO_WITHDRAW = (): void => undefined;

/** Attributes by tunnel client and user, which a change of the configuration makes anew: all sessions of one share them. */
const known = new WeakMap<TunnelClient, WeakMap<object, SubscriberAttributes>>();
const UNKNOWN_USER = {};

/** What the configuration gives user `name`: its own, its group profile's, then the tunnel client's defaults. */
export function localAttributes(line: AccessLine, name: string): SubscriberAttributes {
  const { tunnelClient } = line;
  const user = line.userProfile.clients.get(name);
  let byUser = known.get(tunnelClient);
  if (byUser === undefined) {
    byUser = new WeakMap();
    known.set(tunnelClient, byUser);
  }
  const before = byUser.get(user ?? UNKNOWN_USER);
  if (before !== undefined) return before;
  const ppp = overlay(user?.ppp ?? NO_ATTRIBUTES, tunnelClient.userDefaults);
  const attributes: SubscriberAttributes = {
    ...NO_SUBSCRIBER_ATTRIBUTES,
    framedAddress: user?.framedAddress ?? null,
    ppp: { ...ppp, interfaceId: ppp.interfaceId ?? tunnelClient.interfaceId },
  };
  byUser.set(user ?? UNKNOWN_USER, attributes);
  return attributes;
}

/** Users of the configuration: clients of the access profile (`authentication-order password`, `none`). */
export class LocalAaa implements Aaa {
  authenticate(
    credentials: Credentials,
    line: AccessLine,
    _now: number,
    answer: (result: AuthenticationResult) => void,
  ): () => void {
    answer(this.judge(credentials, line));
    return NOTHING_TO_WITHDRAW;
  }
  judge(credentials: Credentials, line: AccessLine): AuthenticationResult {
    const { clients, authenticationOrder } = line.userProfile;
    const user = clients.get(credentials.name);
    if (user === undefined && authenticationOrder.includes('none'))
      return { passed: true, attributes: localAttributes(line, credentials.name) };
    const secret = credentials.method === 'pap' ? user?.papPassword : user?.chapSecret;
    // The same work is done for an unknown user as for a known one.
    const passed = credentials.verify(Buffer.from(secret ?? '\0', 'utf8')) && secret !== undefined && secret !== null;
    if (passed) return { passed, attributes: localAttributes(line, credentials.name) };
    return { passed, reason: user === undefined ? 'unknown user' : 'wrong password' };
  }
  unauthenticated(line: AccessLine): SubscriberAttributes {
    return localAttributes(line, '');
  }
}
