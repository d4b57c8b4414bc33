import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSecret9, encodeSecret9, isSecret9, newSecret9 } from '../../src/config/secret9.ts';
import { ConfigError } from '../../src/errors.ts';

type Vector =
  | { kind: 'decode'; cipher: string; plain: string }
  | { kind: 'encode'; plain: string; salt: string; filler: string; cipher: string }
  | { kind: 'invalid'; cipher: string };
const { cases } = JSON.parse(readFileSync(new URL('../vectors/junos9.json', import.meta.url), 'utf8')) as {
  cases: Vector[];
};
const of = <K extends Vector['kind']>(kind: K): Extract<Vector, { kind: K }>[] =>
  cases.filter((one): one is Extract<Vector, { kind: K }> => one.kind === kind);

test('the vectors hold cases of every kind', () => {
  for (const kind of ['decode', 'encode', 'invalid'] as const) assert.ok(of(kind).length > 0, kind);
});
test('every published cipher text decodes to its plain text', () => {
  for (const { cipher, plain } of of('decode')) assert.equal(decodeSecret9(cipher), plain, cipher);
});
test('with its salt and filler, every plain text encodes to exactly its cipher text', () => {
  for (const { plain, salt, filler, cipher } of of('encode'))
    assert.equal(encodeSecret9(plain, salt, filler), cipher, JSON.stringify(plain));
});
test('what no encoder makes is refused with ConfigError', () => {
  for (const { cipher } of of('invalid')) assert.throws(() => decodeSecret9(cipher), ConfigError, cipher);
});

test('only $9$ marks a stored secret: $1$ and clear text do not', () => {
  assert.equal(isSecret9('$9$LbHX-wg4Z'), true);
  assert.equal(isSecret9('$1$abcdefgh$x'), false);
  assert.equal(isSecret9('plain'), false);
});

/** Well-formed: lone surrogates have no UTF-8. */
const SECRET = fc.string({ unit: 'grapheme', maxLength: 64 }).filter((text) => text.isWellFormed());
test('a secret of any text comes back from its $9$ form, whatever the salt', () => {
  fc.assert(
    fc.property(
      SECRET,
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (plain, numbers) => {
        const cipher = newSecret9(plain, () => numbers.next().value as number);
        assert.ok(isSecret9(cipher));
        assert.equal(decodeSecret9(cipher), plain);
      },
    ),
  );
});
test('any text after $9$ decodes or is refused with ConfigError, nothing else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        decodeSecret9(`$9$${text}`);
      } catch (error) {
        assert.ok(error instanceof ConfigError);
      }
    }),
  );
});
