import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { WasmCrypto } from '../../src/dataplane/crypto.ts';
import { compilePath } from '../../src/dataplane/module.ts';
import { MD5_DIGEST } from '../../src/generated/layout.ts';
import { AVP_HEADER, AVP_HIDDEN, AVP_LENGTH, ICCN } from '../../src/wire/avp.ts';
import { parseControlMessage } from '../../src/wire/message.ts';

const crypto = new WasmCrypto();
const octets = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');
const nodeMd5 = (...parts: Uint8Array[]): string => {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};
function cases<T>(file: string): T[] {
  const { cases } = JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')) as { cases: T[] };
  assert.ok(cases.length > 0);
  return cases;
}

test('RFC 1321 A.5: the test suite', () => {
  const suite: Record<string, string> = {
    '': 'd41d8cd98f00b204e9800998ecf8427e',
    a: '0cc175b9c0f1b6a831c399e269772661',
    abc: '900150983cd24fb0d6963f7d28e17f72',
    'message digest': 'f96b697d7cb7938d525a2f31aaf161d0',
    abcdefghijklmnopqrstuvwxyz: 'c3fcd3d76192e4007dfb496cca67e13b',
    ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789: 'd174ab98d277d9f5a5611c2c9f419d9f',
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890':
      '57edf4a22be3c955ac49da2e2107b67a',
  };
  for (const [text, digest] of Object.entries(suite)) assert.equal(hex(crypto.md5(Buffer.from(text))), digest, text);
});

test('MD5 of every length across three blocks, and beyond what one call copies', () => {
  for (const length of [...Array(200).keys(), 65_535, 65_536, 65_537, 200_000]) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);
    assert.equal(hex(crypto.md5(data)), nodeMd5(data), `${length} octets`);
  }
});

test('MD5 does not depend on how its input is cut into parts', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 6 }), (parts) => {
      assert.equal(hex(crypto.md5(...parts)), nodeMd5(...parts));
    }),
  );
});

test('MD5 keeps its state in the work area: two digests interleave, and an instance made between changes nothing', () => {
  const module = compilePath();
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const instantiate = () =>
    new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as {
      md5Begin(work: number): void;
      md5Add(work: number, ptr: number, len: number): void;
      md5End(work: number): void;
    };
  const [first, data] = [instantiate(), 0x20000];
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(
    Uint8Array.from({ length: 300 }, (_, i) => i & 255),
    data,
  );
  const [a, b] = [0x10000, 0x11000];
  first.md5Begin(a);
  first.md5Add(a, data, 100);
  const second = instantiate(); // writes the module's data segments again
  second.md5Begin(b);
  second.md5Add(b, data + 100, 200);
  first.md5Add(a, data + 100, 50);
  second.md5End(b);
  first.md5End(a);
  assert.equal(hex(bytes.slice(a + MD5_DIGEST, a + MD5_DIGEST + 16)), nodeMd5(bytes.slice(data, data + 150)));
  assert.equal(hex(bytes.slice(b + MD5_DIGEST, b + MD5_DIGEST + 16)), nodeMd5(bytes.slice(data + 100, data + 300)));
});

interface Hiding {
  id: string;
  attr: number;
  secret: string;
  random_vector: string;
  value: string;
  padding: string;
  hidden: string;
  avp: string;
}
interface HidingMessage {
  id: string;
  secret: string;
  avps: string;
  clear: { attr: number; value: string }[];
}
const hiding = cases<Hiding | HidingMessage>('avp_hiding.json');

test('4.3: every vector hides to its cipher text and unhides to its value', () => {
  let seen = 0;
  for (const one of hiding) {
    if (!('hidden' in one)) continue;
    seen++;
    const [secret, vector] = [octets(one.secret), octets(one.random_vector)];
    const hidden = crypto.hide(one.attr, secret, vector, octets(one.value), octets(one.padding));
    assert.equal(hex(hidden), one.hidden, one.id);
    const clear = crypto.unhide(one.attr, secret, vector, octets(one.hidden));
    assert.ok(clear !== null, one.id);
    assert.equal(hex(clear), one.value, one.id);
    const head = 0xc000 | (AVP_HEADER + hidden.length); // M and H
    assert.equal(
      one.avp,
      hex(Uint8Array.from([head >> 8, head & 255, 0, 0, one.attr >> 8, one.attr & 255, ...hidden])),
    );
  }
  assert.ok(seen > 0);
});

test('4.4.1: in a message with two Random Vectors, the nearest before an AVP counts', () => {
  let seen = 0;
  for (const one of hiding) {
    if (!('avps' in one)) continue;
    seen++;
    const [avps, secret] = [octets(one.avps), octets(one.secret)];
    const { type, values } = parseControlMessage(avps, 0, avps.length, secret, crypto);
    assert.equal(type, ICCN);
    // By hand: the message's parser gives the first AVP of each type alone, and only values of a legal length.
    const clear: { attr: number; value: string }[] = [];
    let vector: Uint8Array = new Uint8Array(0);
    for (let at = 0; at < avps.length; ) {
      const head = (avps[at]! << 8) | avps[at + 1]!;
      const attr = (avps[at + 4]! << 8) | avps[at + 5]!;
      const value = avps.subarray(at + AVP_HEADER, at + (head & AVP_LENGTH));
      if (attr === 36) vector = value;
      if (head & AVP_HIDDEN) clear.push({ attr, value: hex(crypto.unhide(attr, secret, vector, value)!) });
      at += head & AVP_LENGTH;
    }
    assert.deepEqual(clear, one.clear, one.id);
    for (const [attr, value] of values)
      if (one.clear.some((wanted) => wanted.attr === attr))
        assert.equal(hex(value), one.clear.find((wanted) => wanted.attr === attr)!.value, one.id);
  }
  assert.ok(seen > 0);
});

const part = (maxLength: number) => fc.uint8Array({ maxLength });

test('unhiding what was hidden gives the value back', () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      part(80),
      part(64),
      part(900),
      part(100),
      (attribute, secret, vector, value, padding) => {
        const hidden = crypto.hide(attribute, secret, vector, value, padding);
        assert.equal(hidden.length, 2 + value.length + padding.length);
        const clear = crypto.unhide(attribute, secret, vector, hidden);
        assert.ok(clear !== null);
        assert.equal(hex(clear), hex(value));
      },
    ),
  );
});

test('any octets unhide to a value that fits in them, or to null', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), part(80), part(64), part(1017), (attribute, secret, vector, hidden) => {
      const before = hex(hidden);
      const clear = crypto.unhide(attribute, secret, vector, hidden);
      assert.ok(clear === null || clear.length <= hidden.length - 2);
      assert.equal(hex(hidden), before, 'the input stays as it was');
    }),
  );
  assert.equal(crypto.unhide(1, octets('61'), octets('62'), new Uint8Array(0)), null);
  assert.equal(crypto.unhide(1, octets('61'), octets('62'), new Uint8Array(1)), null);
});

test('a result does not change when the next call is made', () => {
  const secret = octets('736563726574');
  const first = crypto.hide(14, secret, octets('0102'), octets('004d'), new Uint8Array(5));
  const kept = hex(first);
  const clear = crypto.unhide(14, secret, octets('0102'), first)!;
  crypto.hide(9, secret, octets('0304'), octets('ffff'), new Uint8Array(9));
  crypto.md5(new Uint8Array(100).fill(255));
  assert.equal(hex(first), kept);
  assert.equal(hex(clear), '004d');
});

test('5.1.1: every vector of the challenge response', () => {
  for (const one of cases<{ id: string; message_type: number; secret: string; challenge: string; response: string }>(
    'tunnel_auth.json',
  ))
    assert.equal(
      hex(crypto.challengeResponse(one.message_type, octets(one.secret), octets(one.challenge))),
      one.response,
      one.id,
    );
});

test('RFC 1994 4.1: every vector of the CHAP response is MD5 over identifier, secret and challenge', () => {
  for (const one of cases<{ id: string; identifier: number; secret: string; challenge: string; response: string }>(
    'chap_md5.json',
  ))
    assert.equal(
      hex(crypto.md5(Uint8Array.of(one.identifier), octets(one.secret), octets(one.challenge))),
      one.response,
      one.id,
    );
});
