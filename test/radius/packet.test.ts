import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DICTIONARY, Dictionary } from '../../src/radius/dictionary.ts';
import {
  AttributeList,
  buildAccessRequest,
  buildPacket,
  buildReply,
  Code,
  decodeValue,
  encodeValue,
  messageAuthenticatorIsRight,
  numberOf,
  type Packet,
  parsePacket,
  replyIsAuthentic,
  textOf,
  valuesOf,
} from '../../src/radius/packet.ts';

const secret = Buffer.from('xyzzy5461');
const authenticator = new Uint8Array(16).fill(7);
const parsed = (octets: Uint8Array | null): Packet => {
  const packet = parsePacket(octets!);
  assert.ok(typeof packet !== 'string', String(packet));
  return packet;
};

const attribute = fc.record({
  vendor: fc.constantFrom(0, 0, 0, 311, 2636, 4874, 14122, 0xffffffff),
  type: fc.integer({ min: 1, max: 255 }).filter((type) => type !== 26 && type !== 80),
  value: fc.uint8Array({ maxLength: 60 }),
});

test('RFC 2865 section 3: built and taken apart, a packet is the same', () => {
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 30 }), fc.integer({ min: 0, max: 255 }), (attributes, identifier) => {
      const packet = parsed(buildAccessRequest(identifier, authenticator, attributes, secret));
      assert.equal(packet.identifier, identifier);
      // Message-Authenticator first: an attacker has no prefix to choose.
      assert.equal(packet.messageAuthenticatorAt, 22);
      assert.ok(messageAuthenticatorIsRight(packet, authenticator, secret));
      const rest = packet.attributes.slice(1).map(({ vendor, type, value }) => [vendor, type, Buffer.from(value)]);
      assert.deepEqual(
        rest,
        attributes.map(({ vendor, type, value }) => [vendor, type, Buffer.from(value)]),
      );
    }),
  );
});

test('RFC 2865 section 3: any octets are taken apart or refused with a reason, never thrown at', () => {
  const packet = buildPacket(2, 1, authenticator, [{ vendor: 2636, type: 35, value: Buffer.from('pool') }], true)!;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 5000 }),
        fc
          .tuple(fc.integer({ min: 0, max: packet.length - 1 }), fc.integer({ min: 0, max: 255 }))
          .map(([at, octet]) => {
            const damaged = packet.slice();
            damaged[at] = octet;
            return damaged;
          }),
        fc.integer({ min: 0, max: packet.length }).map((length) => packet.slice(0, length)),
      ),
      (octets) => {
        const result = parsePacket(octets);
        if (typeof result === 'string') return assert.ok(['runt', 'length', 'attribute-length'].includes(result));
        for (const { vendor, type, value } of result.attributes) {
          const definition = DICTIONARY.find(vendor, type);
          if (definition !== undefined) decodeValue(definition, value);
        }
        replyIsAuthentic(result, authenticator, secret);
      },
    ),
    { numRuns: 2000 },
  );
});

test('RFC 2865 section 3: lying lengths have their reason', () => {
  const head = (length: number, ...attributes: number[]): Uint8Array =>
    Buffer.from([2, 1, length >> 8, length & 255, ...authenticator, ...attributes]);
  assert.equal(parsePacket(new Uint8Array(19)), 'runt');
  assert.equal(parsePacket(head(19)), 'length');
  assert.equal(parsePacket(head(21)), 'length');
  assert.equal(parsePacket(Buffer.concat([head(4097), new Uint8Array(4100)])), 'length');
  assert.equal(parsePacket(head(21, 1)), 'attribute-length');
  assert.equal(parsePacket(head(22, 1, 0)), 'attribute-length');
  assert.equal(parsePacket(head(22, 1, 1)), 'attribute-length');
  assert.equal(parsePacket(head(22, 1, 3)), 'attribute-length');
  // Octets behind Length are padding.
  assert.equal(parsed(head(22, 1, 2, 9, 9, 9)).attributes.length, 1);
  // A vendor's attribute with a lying length stays what it was: octets of Vendor-Specific.
  const vsa = parsed(head(30, 26, 10, 0, 0, 10, 76, 35, 9, 65, 65));
  assert.deepEqual([vsa.attributes[0]!.vendor, vsa.attributes[0]!.type], [0, 26]);
});

test('RFC 3579 section 3.2: two Message-Authenticators, or one of a wrong length, are never right', () => {
  const one = { vendor: 0, type: 80, value: new Uint8Array(16) };
  const twice = parsed(buildReply(Code.AccessAccept, 1, authenticator, [one], secret, true));
  assert.equal(replyIsAuthentic(twice, authenticator, secret), false);
  const short = parsed(
    buildReply(Code.AccessAccept, 1, authenticator, [{ ...one, value: new Uint8Array(15) }], secret, false),
  );
  assert.equal(replyIsAuthentic(short, authenticator, secret), false);
});

test('each type of the dictionary goes both ways, and values of wrong lengths are none', () => {
  const cases: [string, string | number | bigint][] = [
    ['User-Name', 'kim@example.net'],
    ['Framed-IP-Address', '192.0.2.7'],
    ['Session-Timeout', 4294967295],
    ['NAS-IPv6-Address', '2001:db8::1'],
    ['Juniper-Keep-Alive', 30],
  ];
  for (const [name, value] of cases) {
    const definition = DICTIONARY.require(name);
    const octets = encodeValue(definition, value)!;
    assert.equal(decodeValue(definition, octets), value, name);
    if (definition.kind !== 'string')
      assert.equal(decodeValue(definition, octets.subarray(1)), null, `${name}, one octet short`);
  }
  const prefix = DICTIONARY.require('Framed-IPv6-Prefix');
  assert.equal(decodeValue(prefix, Buffer.from([0, 48, 0x20, 1, 0xd, 0xb8, 0, 1])), '2001:db8:1::/48');
  assert.equal(decodeValue(prefix, Buffer.from([0, 129, 1])), null);
  assert.equal(encodeValue(DICTIONARY.require('Session-Timeout'), 2 ** 32), null);
  assert.equal(encodeValue(DICTIONARY.require('Framed-IP-Address'), '192.0.2.256'), null);
});

test('RFC 2868 section 3.1: a tag is told from the first character of a text', () => {
  const list = new AttributeList();
  list.add('Tunnel-Type', 3, 1);
  list.add('Tunnel-Client-Endpoint', '192.0.2.1', 1);
  list.add('Tunnel-Server-Endpoint', '192.0.2.2');
  const packet = parsed(buildPacket(1, 1, authenticator, list.attributes, false));
  assert.deepEqual([...packet.attributes[0]!.value], [1, 0, 0, 3]);
  assert.equal(numberOf(packet, 'Tunnel-Type'), 3);
  assert.equal(textOf(packet, 'Tunnel-Client-Endpoint'), '192.0.2.1');
  assert.equal(textOf(packet, 'Tunnel-Server-Endpoint'), '192.0.2.2');
});

test('what does not fit is told; a text is cut at a border between characters', () => {
  const list = new AttributeList();
  assert.equal(list.add('User-Name', 'x'.repeat(254)), false);
  assert.equal(list.add('User-Name', 'x'.repeat(253)), true);
  list.addText('Called-Station-Id', 'ü'.repeat(200));
  const packet = parsed(buildPacket(1, 1, authenticator, list.attributes, false));
  assert.equal(textOf(packet, 'Called-Station-Id'), 'ü'.repeat(123));
  const many = Array.from({ length: 20 }, () => ({ vendor: 0, type: 1, value: new Uint8Array(253) }));
  assert.equal(buildPacket(1, 1, authenticator, many, false), null);
});

test('a dictionary file is read as FreeRADIUS writes it, and a bad line is named', () => {
  const dictionary = new Dictionary().add(
    '# mine\nVENDOR Acme 9999\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-Rate 1 integer\nATTRIBUTE Acme-Blob 2 octets[16]\nEND-VENDOR Acme\nVALUE Acme-Rate Fast 0x10\n',
  );
  assert.equal(dictionary.valueOf('Acme-Rate', 'Fast'), 16);
  assert.equal(dictionary.find(9999, 2)!.kind, 'octets');
  const packet = parsed(
    buildPacket(1, 1, authenticator, [{ vendor: 9999, type: 1, value: Buffer.from([0, 0, 1, 0]) }], false),
  );
  assert.deepEqual(valuesOf(packet, 'Acme-Rate', dictionary), [256]);
  assert.throws(() => new Dictionary().add('ATTRIBUTE X 300 string', 'mine'), /mine:1: ATTRIBUTE wants/);
  assert.throws(() => new Dictionary().add('\nFROBNICATE', 'mine'), /mine:2: FROBNICATE is not known/);
  assert.throws(() => DICTIONARY.require('No-Such'), /no attribute No-Such/);
});
