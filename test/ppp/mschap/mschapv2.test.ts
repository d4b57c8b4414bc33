import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { desEncrypt } from '../../../src/ppp/mschap/des.ts';
import { md4 } from '../../../src/ppp/mschap/md4.ts';
import { formatError, parseError, withoutDomain } from '../../../src/ppp/mschap/mschapv2.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const octets = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

test('RFC 1320 appendix A.5: the MD4 test suite', () => {
  for (const [text, digest] of [
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
    ['1234567890'.repeat(8), 'e33b4ddc9c38f2199c3e7b164fcc0536'],
  ] as const)
    assert.equal(hex(md4(Buffer.from(text))), digest);
});

test('RFC 2759 section 9.2: DES of the known pairs', () => {
  // Section 9.2's NtPasswordHash in three keys, over its Challenge.
  const clear = octets('d02e4386bce91226');
  for (const [key, cypher] of [
    ['44ebba8d5312b8', '82309ecd8d708b5e'],
    ['d611474411f569', 'a08faa3981cd8354'],
    ['89ae0000000000', '4233114a3d85d6df'],
  ] as const)
    assert.equal(hex(desEncrypt(clear, octets(key))), cypher);
});

test('DES is what OpenSSL’s triple DES is with one key three times', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      fc.uint8Array({ minLength: 7, maxLength: 7 }),
      (clear, key) => {
        const bits = [...key].map((octet) => octet.toString(2).padStart(8, '0')).join('');
        const wide = Uint8Array.from({ length: 8 }, (_, n) => Number.parseInt(`${bits.slice(7 * n, 7 * n + 7)}0`, 2));
        const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([wide, wide, wide]), null).setAutoPadding(false);
        assert.equal(hex(desEncrypt(clear, key)), hex(cipher.update(clear)));
      },
    ),
    { numRuns: 2000 },
  );
});

test('RFC 2759 section 4: only the account counts, not the domain', () => {
  const name = (text: string): string => Buffer.from(withoutDomain(Buffer.from(text))).toString();
  assert.equal(name('BIGCO\\johndoe'), 'johndoe');
  assert.equal(name('johndoe'), 'johndoe');
  assert.equal(name('john@bigco.example'), 'john@bigco.example');
});

test('RFC 2759 section 6: what a Failure says is read back; text without a code is none, and nothing throws', () => {
  const challenge = octets('00112233445566778899aabbccddeeff');
  const text = formatError({ code: 691, retry: true, challenge: null, message: 'No C=1 way' }, challenge);
  assert.equal(text, 'E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=No C=1 way');
  assert.deepEqual(parseError(text), { code: 691, retry: true, challenge, message: 'No C=1 way' });
  assert.deepEqual(parseError('\x05E=647 R=0'), { code: 647, retry: false, challenge: null, message: '' });
  assert.equal(parseError('denied'), null);
  fc.assert(fc.property(fc.string(), (any) => void parseError(any)));
});
