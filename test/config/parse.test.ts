import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCurly, type RawStatement } from '../../src/config/parse.ts';

const words = (statement: RawStatement): string[] => statement.words.map((word) => word.text);
const only = (text: string): RawStatement => {
  const { statements, fault } = parseCurly(text);
  assert.equal(fault, null);
  assert.equal(statements.length, 1);
  return statements[0]!;
};

test('a statement ends with a semicolon, a container holds statements', () => {
  const outer = only('services { l2tp { tunnel-group x { hello-interval 30; } } }');
  assert.deepEqual(words(outer), ['services']);
  const leaf = outer.children![0]!.children![0]!.children![0]!;
  assert.deepEqual(words(leaf), ['hello-interval', '30']);
  assert.equal(leaf.children, null);
});

test('every word knows its line and column, both from 1', () => {
  const leaf = only('a {\n    b   cc;\r\n}').children![0]!;
  assert.deepEqual(
    leaf.words.map(({ text, line, column }) => [text, line, column]),
    [
      ['b', 2, 5],
      ['cc', 2, 9],
    ],
  );
});

test('lines inside a comment count', () => {
  assert.deepEqual(
    only('/* one\ntwo\nthree */ x;').words.map(({ line, column }) => [line, column]),
    [[3, 10]],
  );
});

test('a comment before a statement is kept with it, a ## line is not', () => {
  assert.equal(only('/* why */ x;').comment, 'why');
  assert.equal(only('# why\nx;').comment, 'why');
  assert.equal(only('## Last commit: 2026-05-12 08:00:00 UTC by admin\nx;').comment, null);
});

test('a quoted string may hold blanks, punctuation and escaped quotes', () => {
  const [, value] = only(String.raw`description "a {b}; [c] # \"d\" \\ e";`).words;
  assert.equal(value!.text, String.raw`a {b}; [c] # "d" \ e`);
  assert.equal(value!.quoted, true);
});

test('brackets hold a list of values', () => {
  const statement = only('authentication-order [ radius password ];');
  assert.deepEqual(words(statement), ['authentication-order']);
  assert.deepEqual(
    statement.list!.map((word) => word.text),
    ['radius', 'password'],
  );
});

test('inactive: marks a statement, protect: changes nothing', () => {
  assert.equal(only('inactive: x;').inactive, true);
  assert.deepEqual(words(only('inactive: x { y; }')), ['x']);
  assert.equal(only('protect: x;').inactive, false);
  assert.deepEqual(words(only('protect: x;')), ['x']);
});

const FAULTS: readonly [what: string, text: string, line: number, column: number, message: RegExp][] = [
  ['a block without end', 'a {\n b;\n', 3, 1, /missing '}'/],
  ['a statement without end', 'a', 1, 2, /missing ';'/],
  ['a list without end', 'a [ b ;', 1, 7, /missing ']'/],
  ['a closing brace too many', 'a;\n}', 2, 1, /syntax error/],
  ['a semicolon alone', 'a { ; }', 1, 5, /syntax error/],
  ['a statement that the block ends', 'a { b }', 1, 7, /syntax error/],
  ['a block after a list', 'a [ b ] { c; }', 1, 9, /syntax error/],
  ['a string without end', 'a "b\nc;', 1, 3, /unterminated string/],
  ['a comment without end', 'a;\n /* b', 2, 2, /comment without end/],
  ['replace: outside load', 'a { replace: b; }', 1, 5, /'replace:' is for 'load'/],
  ['delete: outside load', 'delete: b;', 1, 1, /'delete:' is for 'load'/],
];
for (const [what, text, line, column, message] of FAULTS)
  test(`${what} is a fault where it is`, () => {
    const { fault } = parseCurly(text);
    assert.deepEqual([fault?.line, fault?.column], [line, column]);
    assert.match(fault!.message, message);
  });

test('a fault names the blocks around it', () => {
  assert.deepEqual(parseCurly('services { l2tp { ; } }').fault!.path, ['services', 'l2tp']);
});

test('statements before a fault are kept', () => {
  assert.deepEqual(
    parseCurly('a; b c; }').statements.map((statement) => words(statement)),
    [['a'], ['b', 'c']],
  );
});

test('blocks nest 64 deep and no deeper', () => {
  const nested = (depth: number): string => `${'a {'.repeat(depth)}${'}'.repeat(depth)}`;
  assert.equal(parseCurly(nested(64)).fault, null);
  assert.match(parseCurly(nested(65)).fault!.message, /too many nested blocks/);
  assert.match(parseCurly('a {'.repeat(100_000)).fault!.message, /too many nested blocks/);
});

/** Statements of words that need no quotes, and the text that says them. */
const WORD = fc.stringMatching(/^[a-z0-9<*>$.@_-][a-z0-9<*>$/.@_-]{0,11}$/);
interface Shape {
  words: string[];
  children: Shape[] | null;
}
const { statement: STATEMENT } = fc.letrec<{ statement: Shape }>((tie) => ({
  statement: fc.record(
    {
      words: fc.array(WORD, { minLength: 1, maxLength: 4 }),
      children: fc.option(fc.array(tie('statement'), { maxLength: 3 }), { maxDepth: 5 }),
    },
    { noNullPrototype: true },
  ),
}));
const print = (shape: Shape, gap: string): string =>
  shape.words.join(gap) +
  (shape.children === null ? ';' : `{${shape.children.map((child) => gap + print(child, gap)).join('')}${gap}}`);
const shapeOf = (statement: RawStatement): Shape => ({
  words: words(statement),
  children: statement.children?.map(shapeOf) ?? null,
});

test('what is printed is what is parsed, whatever the white space and comments between', () => {
  fc.assert(
    fc.property(
      fc.array(STATEMENT, { maxLength: 4 }),
      fc.constantFrom(' ', '\n', '\t ', '\r\n', ' /* x */ ', ' # y\n', '  ## z\n'),
      (shapes, gap) => {
        const { statements, fault } = parseCurly(shapes.map((shape) => print(shape, gap)).join(gap));
        assert.equal(fault, null);
        assert.deepEqual(statements.map(shapeOf), shapes);
      },
    ),
  );
});

test('7.1: a comment at the end of a line belongs to no statement', () => {
  const { statements } = parseCurly('a; # about a\nb;');
  assert.equal(statements[1]!.comment, null);
});
