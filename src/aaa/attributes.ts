import { NO_ATTRIBUTES } from '../config/resolve.ts';
import type { PppAttributes } from '../config/types.ts';

import { hideUserPassword } from '../radius/hide.ts';
import { type Attribute, AttributeList, numberOf, octetsOf, textOf, valuesOf } from '../radius/packet.ts';
import { parseIpv4 } from '../wire/address.ts';
import {
  type AccessLine,
  type Credentials,
  type FramedRoute,
  NO_SUBSCRIBER_ATTRIBUTES,
  type Rate,
  type SubscriberAttributes,
} from './types.ts';

const SERVICE_FRAMED = 2;
const PROTOCOL_PPP = 1;
const PORT_VIRTUAL = 5;
const TUNNEL_L2TP = 3;
const MEDIUM_IPV4 = 1;
const MEDIUM_IPV6 = 2;
/** RFC 2865 section 5.8: the user, or the NAS, chooses. */
const ADDRESS_USER = 0xffffffff;
const ADDRESS_NAS = 0xfffffffe;
/** RFC 2869 section 5.16: no shorter interval than this. */
const INTERIM_MIN_SECONDS = 60;
/** Burst of a rate that names none: what comes in this time, ten full frames at least. */
const BURST_SECONDS = 0.1;
const BURST_MIN_OCTETS = 15_000;
/** Octets of a MS-CHAP version 2 response (RFC 2759 section 4). */
const MSCHAP2_OCTETS = 49;

/** A tunnelled user's port as Juniper's LNSs write it: both ends, both IDs of tunnel and session, call serial number. */
export const nasPortId = ({
  localAddress,
  peer,
  tunnelId,
  peerTunnelId,
  sessionId,
  peerSessionId,
  request,
}: AccessLine) =>
  `ip:${localAddress}:${peer.address}:${tunnelId}:${peerTunnelId}:${sessionId}:${peerSessionId}:${request.callSerialNumber}`;

/** What stands in every request of a session: the NAS, the line, the tunnel. */
export function addLine(list: AttributeList, line: AccessLine, nasIdentifier: string): void {
  const { peer, localAddress, request, connected } = line;
  list.add(localAddress.includes(':') ? 'NAS-IPv6-Address' : 'NAS-IP-Address', localAddress);
  list.addText('NAS-Identifier', nasIdentifier);
  list.add('NAS-Port-Type', PORT_VIRTUAL);
  list.addText('NAS-Port-Id', nasPortId(line));
  list.add('Service-Type', SERVICE_FRAMED);
  list.add('Framed-Protocol', PROTOCOL_PPP);
  list.addText('Calling-Station-Id', request.callingNumber);
  list.addText('Called-Station-Id', request.calledNumber);
  list.add('Acct-Session-Id', line.accountingId);
  const { txConnectSpeed: tx, rxConnectSpeed: rx } = connected;
  // RFC 2869 section 5.11: the transmit speed first, both where they differ.
  list.addText('Connect-Info', tx === rx ? `${tx}` : `${tx}/${rx}`);
  list.add('Juniper-tx-connect-speed', tx);
  list.add('Juniper-rx-connect-speed', rx);
  list.add('Tunnel-Type', TUNNEL_L2TP);
  list.add('Tunnel-Medium-Type', peer.address.includes(':') ? MEDIUM_IPV6 : MEDIUM_IPV4);
  list.addText('Tunnel-Client-Endpoint', peer.address);
  list.addText('Tunnel-Server-Endpoint', localAddress);
  list.addText('Tunnel-Client-Auth-Id', line.peerName);
  list.addText('Tunnel-Server-Auth-Id', line.localName);
  list.addText('Acct-Tunnel-Connection', String(request.callSerialNumber));
}

/** Whether the credentials fit a request: a password of 128 octets at most, a name and a challenge of 253. */
export function fitRequest({ method, nameOctets, challenge, response }: Credentials): boolean {
  if (nameOctets.length > 253 || challenge.length > 253) return false;
  return method === 'pap' ? response.length <= 128 : method === 'chap-md5' || response.length === MSCHAP2_OCTETS;
}
/**
 * Attributes of an Access-Request but its Message-Authenticator.
 * @returns null where the credentials do not fit
 */
export function accessRequest(
  credentials: Credentials,
  line: AccessLine,
  nasIdentifier: string,
  secret: Uint8Array,
  authenticator: Uint8Array,
): readonly Attribute[] | null {
  if (!fitRequest(credentials)) return null;
  const list = new AttributeList();
  const { method, nameOctets, identifier, challenge, response } = credentials;
  list.add('User-Name', nameOctets);
  if (method === 'pap') {
    list.add('User-Password', hideUserPassword(response, secret, authenticator));
  } else if (method === 'chap-md5') {
    list.add('CHAP-Password', Buffer.concat([new Uint8Array([identifier]), response]));
    list.add('CHAP-Challenge', challenge);
  } else {
    // RFC 2548 section 2.3.2: Ident, Flags, Peer-Challenge, Reserved, Response; on the line Flags come last.
    list.add('MS-CHAP-Challenge', challenge);
    list.add('MS-CHAP2-Response', Buffer.concat([new Uint8Array([identifier, 0]), response.subarray(0, 48)]));
  }
  addLine(list, line, nasIdentifier);
  return list.attributes;
}

/** The user's speed: `10m`, `512k`, `1g`; null where it is none. */
function parseSpeed(text: string): number | null {
  const match = /^(\d+)([kmg]?)$/i.exec(text);
  if (match === null) return null;
  return Number(match[1]) * { '': 1, k: 1e3, m: 1e6, g: 1e9 }[match[2]!.toLowerCase() as '' | 'k' | 'm' | 'g'];
}
export function rateOf(bps: number, burstOctets: number | null = null): Rate {
  return { bps, burstOctets: burstOctets ?? Math.max(BURST_MIN_OCTETS, Math.ceil((bps / 8) * BURST_SECONDS)) };
}
/**
 * Juniper-Policer-Parameter (VSA 45). Its text is not documented; read is what a policer says in the configuration:
 * `[input|output] bandwidth-limit 10m burst-size-limit 625k`, both directions where none is named.
 * @returns null where it cannot be read
 */
export function parsePolicer(text: string): { up?: Rate; down?: Rate } | null {
  const words = text
    .toLowerCase()
    .split(/[\s;,=]+/)
    .filter((word) => word !== '');
  let direction = '';
  let bps: number | null = null;
  let burst: number | null = null;
  const result: { up?: Rate; down?: Rate } = {};
  const close = (): void => {
    if (bps === null) return;
    const rate = rateOf(bps, burst);
    if (direction !== 'output') result.up = rate;
    if (direction !== 'input') result.down = rate;
    bps = burst = null;
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === 'input' || word === 'output') {
      close();
      direction = word;
    } else if (word === 'bandwidth-limit' || word === 'burst-size-limit') {
      const value = parseSpeed(words[++i] ?? '');
      if (value === null || value === 0) return null;
      if (word === 'bandwidth-limit') {
        if (bps !== null) close();
        bps = value;
      } else burst = value;
    } else return null;
  }
  close();
  return result.up === undefined && result.down === undefined ? null : result;
}

/**
 * Framed-Route (RFC 2865 section 5.22): `prefix[/length] gateway metric …`; null where it cannot be read. A gateway is
 * not looked at: whatever it is, it is reached through the session.
 */
export function parseFramedRoute(text: string): FramedRoute | null {
  const [prefix = '', gateway, metric = ''] = text.trim().split(/\s+/);
  const [address, bits] = prefix.split('/');
  const number = parseIpv4(address!);
  if (number === null || (gateway !== undefined && parseIpv4(gateway) === null)) return null;
  // Without a length: the class of the address.
  const classful = number >>> 31 === 0 ? 8 : number >>> 30 === 2 ? 16 : 24;
  const length = bits === undefined ? classful : /^\d{1,2}$/.test(bits) ? Number(bits) : 33;
  if (length > 32) return null;
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  return { address: (number & mask) >>> 0, length, metric: /^\d{1,9}$/.test(metric) ? Number(metric) || 1 : 1 };
}

/** Length of a prefix with this mask; null where it is none. */
function prefixLengthOf(mask: number): number | null {
  const length = Math.clz32(~mask >>> 0);
  return ((mask << length) | 0) === 0 || length === 32 ? length : null;
}

/** What in a reply was not honoured, and why. */
export type AttributeFault = readonly [attribute: string, why: string];
type WithAttributes = { readonly attributes: readonly Attribute[] };
/** The rate that the configuration has for a Filter-Id or Juniper-Firewall-filter-name; null where it has none. */
export type FilterRates = (name: string) => Rate | null;
/** A direction that a Filter-Id may end in (RFC 2865 section 5.11 leaves it open; every server writes it so). */
const FILTER_DIRECTION = /\.(in|out)$/;

/** The rates in a reply or a CoA-Request; null where nothing is said. */
export function parseRates(
  packet: WithAttributes,
  filterRates: FilterRates,
  faults: AttributeFault[],
): { rateUp: Rate | null; rateDown: Rate | null } {
  let rateUp: Rate | null = null;
  let rateDown: Rate | null = null;
  for (const value of [...valuesOf(packet, 'Juniper-Firewall-filter-name'), ...valuesOf(packet, 'Filter-Id')]) {
    const name = String(value);
    const direction = filterRates(name) === null ? FILTER_DIRECTION.exec(name)?.[1] : undefined;
    const rate = filterRates(direction === undefined ? name : name.replace(FILTER_DIRECTION, ''));
    if (rate === null) faults.push(['Filter-Id', `the configuration has no rate for ${name}`]);
    if (direction !== 'out') rateUp = rate ?? rateUp;
    if (direction !== 'in') rateDown = rate ?? rateDown;
  }
  const up = numberOf(packet, 'WISPr-Bandwidth-Max-Up') ?? 0;
  const down = numberOf(packet, 'WISPr-Bandwidth-Max-Down') ?? 0;
  if (up > 0) rateUp = rateOf(up);
  if (down > 0) rateDown = rateOf(down);
  for (const text of valuesOf(packet, 'Juniper-Policer-Parameter')) {
    const rates = parsePolicer(String(text));
    if (rates === null) faults.push(['Juniper-Policer-Parameter', 'it cannot be read']);
    rateUp = rates?.up ?? rateUp;
    rateDown = rates?.down ?? rateDown;
  }
  return { rateUp, rateDown };
}

/**
 * What an Access-Accept gives. A Service-Type or Framed-Protocol other than framed PPP is a refusal (RFC 2865 section
 * 5.6): `null`. Attributes that cannot be read are left out and told in `faults`.
 */
export function acceptedAttributes(
  packet: WithAttributes,
  filterRates: FilterRates,
  faults: AttributeFault[],
): SubscriberAttributes | null {
  if ((numberOf(packet, 'Service-Type') ?? SERVICE_FRAMED) !== SERVICE_FRAMED) return null;
  if ((numberOf(packet, 'Framed-Protocol') ?? PROTOCOL_PPP) !== PROTOCOL_PPP) return null;
  const address = (...names: string[]): number | null => {
    for (const name of names) {
      const text = textOf(packet, name);
      const number = text === undefined ? null : parseIpv4(text);
      if (number !== null) return number;
    }
    return null;
  };
  const text = (...names: string[]): string | null => {
    for (const name of names) {
      const value = textOf(packet, name);
      if (value !== undefined && value !== '') return value;
    }
    return null;
  };
  const milliseconds = (name: string): number | null => {
    const seconds = numberOf(packet, name);
    return seconds === undefined ? null : seconds * 1000;
  };
  const framed = address('Framed-IP-Address');
  const routes: FramedRoute[] = [];
  const addRoute = (route: FramedRoute): void => {
    if (!routes.some(({ address, length }) => address === route.address && length === route.length)) routes.push(route);
  };
  for (const route of valuesOf(packet, 'Framed-Route')) {
    const parsed = parseFramedRoute(String(route));
    if (parsed === null) faults.push(['Framed-Route', 'it cannot be read']);
    else addRoute(parsed);
  }
  // With an address of its own and a netmask the client is a router to that network (RFC 2865 section 5.9).
  const framedAddress = framed === ADDRESS_USER || framed === ADDRESS_NAS || framed === 0 ? null : framed;
  const netmask = address('Framed-IP-Netmask');
  const behind = netmask === null ? 32 : prefixLengthOf(netmask);
  if (behind === null) faults.push(['Framed-IP-Netmask', 'its ones are not in front of its zeros']);
  else if (framedAddress !== null && behind > 0 && behind < 32)
    addRoute({ address: (framedAddress & netmask!) >>> 0, length: behind, metric: 1 });
  let interim = numberOf(packet, 'Acct-Interim-Interval') ?? null;
  if (interim !== null && interim !== 0 && interim < INTERIM_MIN_SECONDS) {
    faults.push(['Acct-Interim-Interval', `less than ${INTERIM_MIN_SECONDS} s`]);
    interim = INTERIM_MIN_SECONDS;
  }
  const ppp: PppAttributes = {
    ...NO_ATTRIBUTES,
    framedPool: text('Juniper-Ip-Pool-Name', 'Framed-Pool', 'ERX-Address-Pool-Name'),
    idleTimeoutMs: milliseconds('Idle-Timeout'),
    keepaliveMs: milliseconds('Juniper-Keep-Alive'),
    interfaceId: text('Juniper-Interface-id'),
    primaryDns: address('Juniper-Primary-Dns', 'MS-Primary-DNS-Server', 'ERX-Primary-Dns'),
    secondaryDns: address('Juniper-Secondary-Dns', 'MS-Secondary-DNS-Server', 'ERX-Secondary-Dns'),
    primaryNbns: address('Juniper-Primary-Wins', 'MS-Primary-NBNS-Server', 'ERX-Primary-Wins'),
    secondaryNbns: address('Juniper-Secondary-Wins', 'MS-Secondary-NBNS-Server', 'ERX-Secondary-Wins'),
  };
  const identity = octetsOf(packet, 'Chargeable-User-Identity');
  return {
    ...NO_SUBSCRIBER_ATTRIBUTES,
    ppp,
    framedAddress,
    framedNetmask: netmask,
    framedRoutes: routes,
    sessionTimeoutMs: milliseconds('Session-Timeout'),
    interimIntervalMs: interim === null ? null : interim * 1000,
    // Kept as long as the session lives: copies, since the reply is a view of a socket's buffer.
    classes: valuesOf(packet, 'Class').map((value) => Uint8Array.from(value as Uint8Array)),
    filterId: text('Filter-Id', 'Juniper-Firewall-filter-name'),
    ...parseRates(packet, filterRates, faults),
    accountingName: text('User-Name'),
    chargeableIdentity: identity === undefined ? null : Uint8Array.from(identity),
  };
}
