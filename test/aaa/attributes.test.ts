import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AttributeFault,
  acceptedAttributes,
  accessRequest,
  parseFramedRoute,
  parsePolicer,
  rateOf,
} from '../../src/aaa/attributes.ts';
import { overRadius } from '../../src/aaa/radius.ts';
import { NO_SUBSCRIBER_ATTRIBUTES, type SubscriberAttributes } from '../../src/aaa/types.ts';
import { NO_ATTRIBUTES } from '../../src/config/resolve.ts';
import { revealUserPassword } from '../../src/radius/hide.ts';
import { AttributeList, type AttributeValue, octetsOf, textOf } from '../../src/radius/packet.ts';
import { parseIpv4 } from '../../src/wire/address.ts';
import { credentials, line } from './support.ts';

const secret = Buffer.from('s');
const authenticator = new Uint8Array(16).fill(3);
const accepted = (...attributes: [string, AttributeValue][]): [SubscriberAttributes | null, AttributeFault[]] => {
  const list = new AttributeList();
  for (const [name, value] of attributes) assert.ok(list.add(name, value), name);
  const faults: AttributeFault[] = [];
  return [acceptedAttributes(list, () => null, faults), faults];
};

test('2.6: everything that a wholesale LNS says stands in the Access-Request', () => {
  const attributes = { attributes: accessRequest(credentials('pap'), line(), 'lns', secret, authenticator)! };
  const text = (name: string): string | undefined => textOf(attributes, name);
  assert.equal(text('User-Name'), 'kim');
  assert.equal(
    Buffer.from(revealUserPassword(octetsOf(attributes, 'User-Password')!, secret, authenticator)!).toString(),
    'password',
  );
  assert.equal(text('NAS-IP-Address'), '192.0.2.17');
  assert.equal(text('NAS-Identifier'), 'lns');
  assert.equal(text('NAS-Port-Id'), 'ip:192.0.2.17:198.51.100.1:1:2:3:4:77');
  assert.equal(text('Calling-Station-Id'), '4930123');
  assert.equal(text('Called-Station-Id'), '0800');
  assert.equal(text('Connect-Info'), '50000000/10000000');
  assert.equal(text('Acct-Session-Id'), 'a-1');
  assert.equal(text('Tunnel-Client-Endpoint'), '198.51.100.1');
  assert.equal(text('Tunnel-Server-Endpoint'), '192.0.2.17');
  assert.equal(text('Tunnel-Client-Auth-Id'), 'lac');
  assert.equal(text('Tunnel-Server-Auth-Id'), 'lns');
});

test('RFC 2865 5.3, RFC 2548 2.3: CHAP and MS-CHAP version 2 as the servers want them', () => {
  const chap = { attributes: accessRequest(credentials('chap-md5'), line(), 'lns', secret, authenticator)! };
  assert.deepEqual([...octetsOf(chap, 'CHAP-Password')!], [9, ...new Array(16).fill(5)]);
  assert.deepEqual([...octetsOf(chap, 'CHAP-Challenge')!], new Array(16).fill(4));
  const ms = { attributes: accessRequest(credentials('mschap-v2'), line(), 'lns', secret, authenticator)! };
  const response = octetsOf(ms, 'MS-CHAP2-Response')!;
  assert.equal(response.length, 50);
  assert.deepEqual([...response.subarray(0, 3)], [9, 0, 5]);
  assert.deepEqual([...octetsOf(ms, 'MS-CHAP-Challenge')!], new Array(16).fill(4));
});

test('credentials that fit no request are told so, whatever they are', () => {
  const long = { ...credentials('pap'), response: new Uint8Array(129) };
  assert.equal(accessRequest(long, line(), 'lns', secret, authenticator), null);
  const name = { ...credentials('pap'), nameOctets: new Uint8Array(254) };
  assert.equal(accessRequest(name, line(), 'lns', secret, authenticator), null);
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), fc.uint8Array({ maxLength: 300 }), (text, octets) => {
      const odd = line({ request: { ...line().request, callingNumber: text, calledNumber: text }, peerName: text });
      accessRequest(
        { ...credentials('chap-md5'), nameOctets: octets, challenge: octets },
        odd,
        text,
        secret,
        authenticator,
      );
    }),
  );
});

test('2.6: attributes of a reply, the Juniper VSA before the others', () => {
  const [attributes, faults] = accepted(
    ['Framed-IP-Address', '192.0.2.7'],
    ['Framed-Pool', 'standard'],
    ['Juniper-Ip-Pool-Name', 'juniper'],
    ['MS-Primary-DNS-Server', '192.0.2.1'],
    ['Juniper-Primary-Dns', '192.0.2.2'],
    ['MS-Secondary-DNS-Server', '192.0.2.3'],
    ['Juniper-Secondary-Wins', '192.0.2.4'],
    ['Juniper-Interface-id', 'west'],
    ['Juniper-Keep-Alive', 45],
    ['Idle-Timeout', 600],
    ['Session-Timeout', 3600],
    ['Acct-Interim-Interval', 10],
    ['Framed-Route', '198.51.100.0/24 0.0.0.0 3'],
    ['Framed-Route', 'nonsense'],
    ['Class', new Uint8Array([1])],
    ['Class', new Uint8Array([2])],
    ['Filter-Id', 'gold'],
    ['WISPr-Bandwidth-Max-Down', 20_000_000],
  );
  assert.equal(attributes!.framedAddress, parseIpv4('192.0.2.7'));
  assert.deepEqual(
    [
      attributes!.ppp.framedPool,
      attributes!.ppp.interfaceId,
      attributes!.ppp.keepaliveMs,
      attributes!.ppp.idleTimeoutMs,
    ],
    ['juniper', 'west', 45_000, 600_000],
  );
  assert.deepEqual(
    [attributes!.ppp.primaryDns, attributes!.ppp.secondaryDns, attributes!.ppp.secondaryNbns],
    ['192.0.2.2', '192.0.2.3', '192.0.2.4'].map(parseIpv4),
  );
  assert.equal(attributes!.sessionTimeoutMs, 3_600_000);
  // RFC 2869 section 5.16: no less than a minute.
  assert.equal(attributes!.interimIntervalMs, 60_000);
  assert.deepEqual(
    attributes!.classes.map((one) => one[0]),
    [1, 2],
  );
  assert.deepEqual(attributes!.framedRoutes, [{ address: parseIpv4('198.51.100.0'), length: 24, metric: 3 }]);
  assert.equal(attributes!.filterId, 'gold');
  assert.deepEqual(attributes!.rateDown, rateOf(20_000_000));
  assert.equal(attributes!.rateUp, null);
  assert.deepEqual(
    faults.map(([name]) => name),
    ['Framed-Route', 'Acct-Interim-Interval', 'Filter-Id'],
  );
});

test('RFC 2865 5.6 and 5.8: another service is a refusal; an address that is none leaves the choice', () => {
  assert.equal(accepted(['Service-Type', 6])[0], null);
  assert.equal(accepted(['Framed-Protocol', 2])[0], null);
  for (const address of ['255.255.255.254', '255.255.255.255', '0.0.0.0'])
    assert.equal(accepted(['Framed-IP-Address', address])[0]!.framedAddress, null);
});

test('2.2: RADIUS goes before the configuration, and its pool before an address of the configuration', () => {
  const local = {
    ...NO_SUBSCRIBER_ATTRIBUTES,
    framedAddress: 1,
    ppp: { ...NO_ATTRIBUTES, framedPool: 'local', primaryDns: 5, idleTimeoutMs: 7 },
  };
  const radius = (ppp: object, framedAddress: number | null = null) =>
    overRadius({ ...NO_SUBSCRIBER_ATTRIBUTES, framedAddress, ppp: { ...NO_ATTRIBUTES, ...ppp } }, local);
  assert.equal(radius({}).framedAddress, 1);
  assert.equal(radius({}, 2).framedAddress, 2);
  assert.deepEqual(
    [radius({ framedPool: 'r' }).framedAddress, radius({ framedPool: 'r' }).ppp.framedPool],
    [null, 'r'],
  );
  assert.deepEqual([radius({ idleTimeoutMs: 0 }).ppp.idleTimeoutMs, radius({}).ppp.primaryDns], [0, 5]);
});

test('VSA 45 reads what a policer says', () => {
  assert.deepEqual(parsePolicer('bandwidth-limit 10m burst-size-limit 625k'), {
    up: { bps: 10e6, burstOctets: 625e3 },
    down: { bps: 10e6, burstOctets: 625e3 },
  });
  assert.deepEqual(parsePolicer('input bandwidth-limit 1m; output bandwidth-limit 2g burst-size-limit 1m'), {
    up: rateOf(1e6),
    down: { bps: 2e9, burstOctets: 1e6 },
  });
  for (const text of ['', 'fast', 'bandwidth-limit', 'bandwidth-limit 0', 'bandwidth-limit 10x', 'input'])
    assert.equal(parsePolicer(text), null, text);
});

test('RFC 2865 5.22: a Framed-Route has a length, or its class', () => {
  assert.deepEqual(parseFramedRoute('192.168.1.77/24 192.168.1.1 1'), {
    address: parseIpv4('192.168.1.0'),
    length: 24,
    metric: 1,
  });
  assert.equal(parseFramedRoute('10.1.2.3')!.length, 8);
  assert.equal(parseFramedRoute('172.16.0.0')!.length, 16);
  assert.equal(parseFramedRoute('192.168.1.0 0.0.0.0')!.length, 24);
  // A metric that is none would come out in front of all others.
  for (const metric of ['-1024', 'x', '0', '99999999999'])
    assert.equal(parseFramedRoute(`10.0.0.0/8 0.0.0.0 ${metric}`)!.metric, 1);
  for (const text of ['', '10.0.0.0/33', '10.0.0.0/x', '10.0.0/8', '10.0.0.0/8 gateway'])
    assert.equal(parseFramedRoute(text), null, text);
});
