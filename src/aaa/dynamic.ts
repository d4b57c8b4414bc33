import { ErrorCause } from '../radius/dynamic.ts';
import { type Attribute, numberOf, type Packet, valuesOf } from '../radius/packet.ts';
import { formatIpv4 } from '../wire/address.ts';
import { type AttributeFault, type FilterRates, parseRates } from './attributes.ts';
import type { Rate, SubscriberAttributes } from './types.ts';

/** A session as Disconnect and CoA see it. */
export interface DynamicSession {
  readonly userName: string;
  readonly accountingId: string;
  /** Empty where it is no member of a bundle. */
  readonly multiSessionId: string;
  /** 32-bit number. */
  readonly address: number;
  readonly nasPortId: string;
  readonly callingNumber: string;
  readonly calledNumber: string;
  readonly attributes: SubscriberAttributes;
}
/** What a CoA-Request changes; what is not there stays. */
export interface SessionChange {
  readonly rateUp?: Rate;
  readonly rateDown?: Rate;
  readonly sessionTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
}

export interface DynamicTarget<S extends DynamicSession> {
  /** All whose network is up. */
  readonly sessions: Iterable<S>;
  /** Those with this value of an attribute; undefined where there is no index of it. */
  find(attribute: string, value: string): Iterable<S> | undefined;
  /** NAS-Identifier, and every address that a NAS-IP-Address may name. */
  readonly nasIdentifier: string;
  readonly nasAddresses: ReadonlySet<string>;
  disconnect(session: S): void;
  /** What this server can change; false for the rest. */
  readonly canChange: { readonly rates: boolean; readonly timeouts: boolean };
  change(session: S, change: SessionChange): void;
  readonly filterRates: FilterRates;
}

const FRAME = new Set(['Event-Timestamp', 'Message-Authenticator', 'Proxy-State']);
const NAS = new Set(['NAS-IP-Address', 'NAS-IPv6-Address', 'NAS-Identifier']);
const RATES = new Set([
  'Filter-Id',
  'Juniper-Firewall-filter-name',
  'Juniper-Policer-Parameter',
  'WISPr-Bandwidth-Max-Up',
  'WISPr-Bandwidth-Max-Down',
]);
const TIMEOUTS = new Set(['Session-Timeout', 'Idle-Timeout']);
/** What names a session, and how it is compared (RFC 5176 section 3). */
const SESSION: Record<string, (session: DynamicSession, value: unknown) => boolean> = {
  'User-Name': (session, value) =>
    session.userName === value || (session.attributes.accountingName ?? session.userName) === value,
  'Acct-Session-Id': (session, value) => session.accountingId === value,
  'Acct-Multi-Session-Id': (session, value) => session.multiSessionId !== '' && session.multiSessionId === value,
  'Framed-IP-Address': (session, value) => session.address !== 0 && formatIpv4(session.address) === value,
  'NAS-Port-Id': (session, value) => session.nasPortId === value,
  'Calling-Station-Id': (session, value) => session.callingNumber === value,
  'Called-Station-Id': (session, value) => session.calledNumber === value,
  'Chargeable-User-Identity': (session, value) =>
    session.attributes.chargeableIdentity !== null &&
    value instanceof Uint8Array &&
    Buffer.compare(session.attributes.chargeableIdentity, value) === 0,
};
/** Enough to name sessions by: station numbers alone do not. */
const SUFFICIENT = new Set([
  'User-Name',
  'Acct-Session-Id',
  'Acct-Multi-Session-Id',
  'Framed-IP-Address',
  'NAS-Port-Id',
  'Chargeable-User-Identity',
]);

/**
 * Does what a genuine request asks for, to every session that all of its identification attributes name: to all of them
 * or, with a NAK, to none.
 * @param nameOf the dictionary's name of an attribute
 * @returns null, or the Error-Cause
 */
export function performDynamic<S extends DynamicSession>(
  request: 'disconnect' | 'coa',
  packet: Packet,
  target: DynamicTarget<S>,
  nameOf: (attribute: Attribute) => string | undefined,
): number | null {
  const names = new Set<string>();
  for (const attribute of packet.attributes) {
    const name = nameOf(attribute);
    // Section 3.2: "Authorize Only" needs an Access-Request of ours that nothing here sends.
    if (name === 'Service-Type') return ErrorCause.UnsupportedService;
    // Section 3.3: a Disconnect-Request names NAS and session, and nothing else.
    const known =
      name !== undefined &&
      (FRAME.has(name) ||
        NAS.has(name) ||
        Object.hasOwn(SESSION, name) ||
        (request === 'coa'
          ? (RATES.has(name) && target.canChange.rates) || (TIMEOUTS.has(name) && target.canChange.timeouts)
          : name === 'Acct-Terminate-Cause' || name === 'Class' || name === 'Reply-Message'));
    if (!known) return ErrorCause.UnsupportedAttribute;
    names.add(name);
  }
  for (const name of NAS)
    for (const value of names.has(name) ? valuesOf(packet, name) : [])
      if (name === 'NAS-Identifier' ? value !== target.nasIdentifier : !target.nasAddresses.has(String(value)))
        return ErrorCause.NasIdentificationMismatch;
  const keys = Object.keys(SESSION).filter((name) => names.has(name));
  if (!keys.some((name) => SUFFICIENT.has(name))) return ErrorCause.MissingAttribute;
  const wanted: (readonly [name: string, value: unknown])[] = [];
  for (const name of keys) {
    const values = valuesOf(packet, name);
    if (values.length === 0) return ErrorCause.InvalidAttributeValue;
    for (const value of values) wanted.push([name, value]);
  }
  const found: S[] = [];
  for (const session of candidates(wanted, target))
    if (wanted.every(([name, value]) => SESSION[name]!(session, value))) found.push(session);
  if (found.length === 0) return ErrorCause.SessionContextNotFound;
  if (request === 'disconnect') {
    for (const session of found) target.disconnect(session);
    return null;
  }
  const change = changeOf(packet, names, target.filterRates);
  if (typeof change === 'number') return change;
  for (const session of found) target.change(session, change);
  return null;
}

/** The fewest sessions known to hold all that are wanted. */
function candidates<S extends DynamicSession>(
  wanted: readonly (readonly [string, unknown])[],
  target: DynamicTarget<S>,
): Iterable<S> {
  for (const name of ['Acct-Session-Id', 'Framed-IP-Address', 'User-Name']) {
    const value = wanted.find(([one]) => one === name)?.[1];
    const some = value === undefined ? undefined : target.find(name, String(value));
    // A copy: what is done to one session may change the index.
    if (some !== undefined) return [...some];
  }
  return target.sessions;
}

/** @returns the change, or the Error-Cause of one that cannot be made */
function changeOf(packet: Packet, names: ReadonlySet<string>, filterRates: FilterRates): SessionChange | number {
  const faults: AttributeFault[] = [];
  const { rateUp, rateDown } = parseRates(packet, filterRates, faults);
  if (faults.length > 0) return ErrorCause.InvalidAttributeValue;
  const rates = [...names].some((name) => RATES.has(name));
  // A filter that no policer has the name of, or a rate of zero.
  if (rates && rateUp === null && rateDown === null) return ErrorCause.InvalidAttributeValue;
  const sessionTimeout = numberOf(packet, 'Session-Timeout');
  const idleTimeout = numberOf(packet, 'Idle-Timeout');
  if (names.has('Session-Timeout') && sessionTimeout === undefined) return ErrorCause.InvalidAttributeValue;
  if (names.has('Idle-Timeout') && idleTimeout === undefined) return ErrorCause.InvalidAttributeValue;
  if (!rates && sessionTimeout === undefined && idleTimeout === undefined) return ErrorCause.MissingAttribute;
  return {
    ...(rateUp === null ? {} : { rateUp }),
    ...(rateDown === null ? {} : { rateDown }),
    ...(sessionTimeout === undefined ? {} : { sessionTimeoutMs: sessionTimeout * 1000 }),
    ...(idleTimeout === undefined ? {} : { idleTimeoutMs: idleTimeout * 1000 }),
  };
}
