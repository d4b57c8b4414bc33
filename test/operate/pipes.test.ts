import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { completePipes, parsePipes } from '../../src/operate/pipes.ts';
import type { OperationalTarget } from '../../src/operate/types.ts';

const TEXT = 'alpha 1\nbeta 2\nGamma 3\nbeta 4\n';
function filtered(line: string, pieces: readonly string[] = [TEXT]): string {
  const piped = parsePipes(line);
  assert.ok('pipeline' in piped, JSON.stringify(piped));
  return pieces.map((piece) => piped.pipeline.write(piece)).join('') + piped.pipeline.end();
}

test('match, except and find take patterns without regard to case', () => {
  assert.equal(filtered('x | match beta'), 'beta 2\nbeta 4\n');
  assert.equal(filtered('x | match "^(a|g)"'), 'alpha 1\nGamma 3\n');
  assert.equal(filtered('x | except BETA'), 'alpha 1\nGamma 3\n');
  assert.equal(filtered('x | find gam'), 'Gamma 3\nbeta 4\n');
  assert.equal(filtered('x | find nothing'), 'Pattern not found\n');
});

test('count, last and trim; filters follow each other; words may be cut short', () => {
  assert.equal(filtered('x | count'), 'Count: 4 lines\n');
  assert.equal(filtered('x | last 2'), 'Gamma 3\nbeta 4\n');
  assert.equal(filtered('x | trim 5 | last 1'), '4\n');
  assert.equal(filtered('x | m beta | c'), 'Count: 2 lines\n');
  assert.equal(filtered('x | no-more | except 3'), 'alpha 1\nbeta 2\nbeta 4\n');
});

test('display names the format, no-more and hold the paging, save and append a file', () => {
  const parse = (line: string) => {
    const piped = parsePipes(line);
    assert.ok('pipeline' in piped);
    return piped;
  };
  assert.equal(parse('show x | display xml').format, 'xml');
  assert.equal(parse('show x | display json | match y').format, 'json');
  assert.equal(parse('show x | display json | match y').command, 'show x ');
  assert.deepEqual([parse('x').pipeline.more, parse('x | no-more').pipeline.more], [true, false]);
  assert.equal(parse('x | hold').pipeline.hold, true);
  const { pipeline } = parse('x | match beta | save a.txt');
  assert.equal(pipeline.write(TEXT) + pipeline.end(), '');
  assert.deepEqual(pipeline.saved, {
    files: [{ name: 'a.txt', append: false }],
    text: 'beta 2\nbeta 4\n',
    lines: 2,
  });
});

test('what is wrong with a pipe is told where it stands', () => {
  const fault = (line: string): [number, string] => {
    const piped = parsePipes(line);
    assert.ok('fault' in piped, line);
    return [piped.fault.offset, piped.fault.message];
  };
  assert.deepEqual(fault('show x | frob'), [9, 'syntax error, expecting <command>.']);
  assert.deepEqual(fault('show x | match "("'), [15, "invalid pattern '('."]);
  assert.deepEqual(fault('show x | match'), [15, 'missing argument.']);
  assert.equal(fault('show x | display').at(1), 'syntax error, expecting <command>.');
});

test('completion behind a pipe', () => {
  const possible = (line: string): string[] =>
    completePipes(line, {} as OperationalTarget)!.possible.map(({ text }) => text);
  assert.deepEqual(possible('show x | display '), ['json', 'xml']);
  assert.deepEqual(possible('show x | m'), ['match']);
  assert.equal(completePipes('show x', {} as OperationalTarget), null);
});

test('how the text is cut into pieces does not matter', () => {
  const line = 'x | except zzz | trim 1 | match e';
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'e', '\n', 'zzz'), { maxLength: 40 }), fc.nat(), (parts, seed) => {
      const text = parts.join('');
      const pieces: string[] = [];
      for (let at = 0, n = seed; at < text.length; n = (n * 7 + 3) % 11) {
        const size = 1 + (n % 4);
        pieces.push(text.slice(at, at + size));
        at += size;
      }
      assert.equal(filtered(line, pieces), filtered(line, [text]));
    }),
  );
});
