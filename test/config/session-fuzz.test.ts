import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from '../../src/config/bind.ts';
import { COMMANDS } from '../../src/config/commands.ts';
import { compareTrees } from '../../src/config/compare.ts';
import { formatJson, formatXml } from '../../src/config/display.ts';
import { executeSetLine } from '../../src/config/edit.ts';
import { formatCurly, setLines } from '../../src/config/format.ts';
import { loadText } from '../../src/config/load-text.ts';
import { mergeChanges } from '../../src/config/merge.ts';
import { ROOT, type Statement } from '../../src/config/schema.ts';
import { type ConfigNode, newRoot } from '../../src/config/tree.ts';
import { Bench } from './session-support.ts';
import { configuration } from './support.ts';

const folder = (path: string): URL => new URL(path, import.meta.url);
const CORPUS = [
  configuration(),
  readFileSync(folder('../../examples/demo.conf'), 'utf8'),
  ...readdirSync(folder('./worked/')).map((name) => readFileSync(folder(`./worked/${name}`), 'utf8')),
];
const keywords = new Set<string>();
const collect = (statements: readonly Statement[]): void => {
  for (const { keyword, children } of statements) {
    keywords.add(keyword);
    collect(children ?? []);
  }
};
collect(ROOT);
const WORD = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...keywords, 'apply-groups', 'apply-groups-except', 'groups') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'harbour',
      'harbour_users',
      'harbour_lacs',
      'mara',
      'lac-a',
      'quay',
      'sp-1/2/0',
      '0',
      '20',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'x',
      '*',
      '<*>',
      '-1',
      '9',
      '70000',
      '192.0.2.1',
      '192.0.2.0/24',
      '"a b"',
      '""',
      '__proto__',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'to',
      'before',
      'after',
      '|',
      'display',
      'set',
      'xml',
      'json',
      'compare',
      '[',
      ']',
      '{',
      '}',
      ';',
      '"',
      '#',
      '/*',
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
);
const PATHS = [
  'services l2tp tunnel-group harbour',
  'access profile harbour_users client mara',
  'access profile harbour_lacs client lac-a l2tp',
  'interfaces sp-1/2/0 unit 20',
  'access address-pool quay',
  '',
];
const LINE = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...Object.keys(COMMANDS)) }, { weight: 1, arbitrary: WORD }),
    fc.constantFrom(...PATHS),
    fc.array(WORD, { maxLength: 5 }),
  )
  .map(([command, path, words]) => [command, path, ...words].join(' '));

/** A tree that every format can say, and read back. */
function sayable(root: ConfigNode): void {
  const text = formatCurly(root);
  const again = parseConfig(text);
  assert.equal(again.cutOff, false, text);
  assert.equal(formatCurly(again.written), text);
  setLines(root);
  JSON.parse(formatJson(root, [], null));
  formatXml(root, [], new Date(0), '[edit]');
}

test('any lines typed at configuration mode are done or told; the candidate stays one that can be said', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(LINE, { minLength: 1, maxLength: 12 }),
      fc.constantFrom('shared', 'private', 'exclusive'),
      async (lines, mode) => {
        const bench = await Bench.open();
        const { session } = bench.session(mode);
        for (const line of lines) {
          session.complete(line, line.length);
          session.complete(line, Math.floor(line.length / 2));
          const reply = await session.execute(line);
          assert.equal(typeof reply.text, 'string');
          assert.ok(!/\bat \S+ \(|undefined|\[object/.test(reply.text), `${line}: ${reply.text}`);
          if (reply.column !== undefined) assert.ok(reply.column >= 0 && reply.column <= line.length, line);
          if (reply.needsInput !== undefined)
            await session.provide(reply.needsInput === 'confirm' ? 'yes' : 'services;');
          if (reply.leave === true) return;
        }
        sayable(session.candidate);
        compareTrees(bench.store.running, session.candidate);
      },
    ),
    { numRuns: 400 },
  );
});

const DAMAGED = fc
  .tuple(fc.constantFrom(...CORPUS), fc.nat(), fc.nat({ max: 40 }), fc.oneof(WORD, fc.string({ maxLength: 8 })))
  .map(([text, at, length, put]) => {
    const place = at % text.length;
    return text.slice(0, place) + put + text.slice(place + length);
  });
test('a damaged text loads in every way or is told; what is in the candidate can be said', () => {
  fc.assert(
    fc.property(
      DAMAGED,
      fc.constantFrom('merge', 'override', 'patch', 'replace', 'update', 'set'),
      fc.constantFrom([], [['services'], ['l2tp']], [['access']]),
      (text, mode, level) => {
        const { written } = parseConfig(configuration());
        const { root, errors, text: told } = loadText(written, mode, text, 'terminal', level, (plain) => plain);
        assert.equal(errors > 0, told !== '');
        assert.ok(!/anchor|three strands|hawser|bollard|tide table/.test(told) || mode === 'set', told);
        sayable(root);
      },
    ),
    { numRuns: 400 },
  );
});
test('a quoted word in place of a keyword, or one that a quotation mark follows at once, may be a secret: it is not said', () => {
  const { written } = parseConfig(configuration());
  for (const damage of ['shared-secre', '"']) {
    const damaged = configuration().replace('shared-secret "', damage);
    assert.notEqual(damaged, configuration());
    const { errors, text } = loadText(written, 'merge', damaged, 'terminal', [], (plain) => plain);
    assert.ok(errors > 0);
    assert.doesNotMatch(text, /anchor/);
    assert.match(text, /syntax error: \.\.\.$/m);
  }
});
test('text in set format, any words, is done or told', () => {
  const VERB = fc.constantFrom(
    'set',
    'delete',
    'rename',
    'copy',
    'insert',
    'activate',
    'deactivate',
    'annotate',
    'frob',
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(VERB, fc.array(WORD, { maxLength: 8 })), { maxLength: 10 }), (lines) => {
      const { written } = parseConfig(configuration());
      for (const [verb, words] of lines) executeSetLine(written, [], `${verb} ${words.join(' ')}`, { mode: 'set' });
      sayable(written);
    }),
    { numRuns: 500 },
  );
});

/** Trees made by valid lines. */
const CHANGE = fc.constantFrom(
  'set services l2tp tunnel-group harbour hello-interval 5',
  'set services l2tp tunnel-group harbour hello-interval 6',
  'delete services l2tp tunnel-group harbour hello-interval',
  'set services l2tp tunnel-group b hide-avps',
  'set services l2tp tunnel-group c hide-avps',
  'delete services l2tp tunnel-group b',
  'insert services l2tp tunnel-group c before services l2tp tunnel-group harbour',
  'insert services l2tp tunnel-group harbour after services l2tp tunnel-group b',
  'deactivate services l2tp tunnel-group harbour',
  'annotate services l2tp tunnel-group harbour "x"',
  'set access profile harbour_users client mara ppp idle-timeout 3',
  'delete access profile harbour_users client mara',
  'set access profile harbour_users authentication-order radius',
  'delete access address-pool quay',
  'set interfaces sp-1/2/0 unit 5 family inet6',
  'set snmp community x',
);
const TREE = fc.array(CHANGE, { maxLength: 8 }).map((changes) => {
  const { written } = parseConfig(configuration());
  for (const line of changes) executeSetLine(written, [], line, { mode: 'set' });
  return written;
});
test('nothing differs where nothing is told, and the other way round', () => {
  fc.assert(
    fc.property(TREE, TREE, (a, b) => {
      assert.equal(
        compareTrees(a, b) === '',
        formatCurly(a) === formatCurly(b),
        `${formatCurly(a)}\n${formatCurly(b)}`,
      );
    }),
  );
});
test('a comparison loaded as a patch makes the one from the other; only where an entry was moved to is not in it', () => {
  fc.assert(
    fc.property(TREE, TREE, (a, b) => {
      const patch = compareTrees(a, b);
      const { root, errors, text } = loadText(a, 'patch', patch, 'terminal', [], (plain) => plain);
      const told = text.split('\n').filter((line) => line !== '');
      assert.equal(told.length, errors);
      for (const line of told) assert.match(line, /^terminal:\d+:\(1\) error: where it was moved to is not said$/);
      const lines = (node: ConfigNode): string[] => (errors === 0 ? setLines(node) : setLines(node).sort());
      assert.deepEqual(lines(root), lines(b), patch);
    }),
    { numRuns: 1000 },
  );
});
test('my changes alone, or theirs alone, come together without a conflict and are all there', () => {
  const base = parseConfig(configuration()).written;
  fc.assert(
    fc.property(TREE, (mine) => {
      const alone = mergeChanges(base, mine, base);
      assert.deepEqual(alone.conflicts, []);
      assert.equal(formatCurly(alone.merged), formatCurly(mine));
      const theirs = mergeChanges(base, base, mine);
      assert.deepEqual(theirs.conflicts, []);
      assert.equal(formatCurly(theirs.merged), formatCurly(mine));
      const both = mergeChanges(base, mine, mine);
      assert.deepEqual(both.conflicts, []);
      assert.equal(formatCurly(both.merged), formatCurly(mine));
    }),
  );
});
test('a typed line that is wrong changes nothing', () => {
  fc.assert(
    fc.property(fc.array(WORD, { minLength: 1, maxLength: 8 }), fc.constantFrom(...PATHS), (words, path) => {
      const { written } = parseConfig(configuration());
      const before = formatCurly(written);
      const fault = executeSetLine(written, [], `set ${path} ${words.join(' ')}`, { mode: 'set' });
      if (fault !== null)
        assert.equal(formatCurly(written), before, `set ${path} ${words.join(' ')}: ${fault.message}`);
    }),
    { numRuns: 1000 },
  );
});
test('an empty tree is an empty text in every format', () => {
  assert.equal(formatCurly(newRoot()), '');
  assert.deepEqual(setLines(newRoot()), []);
  assert.deepEqual(JSON.parse(formatJson(newRoot(), [], null)), { configuration: {} });
});
