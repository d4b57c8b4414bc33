import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDiagnostics, loadConfig } from '../../src/config/load.ts';
import { parseCurly } from '../../src/config/parse.ts';
import { ROOT, type Statement } from '../../src/config/schema.ts';
import { configuration } from './support.ts';

/** Sound files, to be damaged. */
const folder = (path: string): URL => new URL(path, import.meta.url);
const CORPUS = [
  configuration(),
  readFileSync(folder('../../examples/demo.conf'), 'utf8'),
  ...readdirSync(folder('./worked/')).map((name) => readFileSync(folder(`./worked/${name}`), 'utf8')),
];

/** Loads and prints; the places told must be in the text. */
function survives(text: string): void {
  const { config, diagnostics } = loadConfig(text, 'm10i');
  formatDiagnostics(diagnostics, 'x');
  assert.equal(
    config === null,
    diagnostics.some((one) => one.severity === 'error'),
  );
  const lines = text.split('\n');
  for (const { line, column } of diagnostics) {
    assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
    assert.ok(column >= 1 && column <= lines[line - 1]!.length + 1, `column ${column} of line ${line}`);
  }
}

const keywords = new Set<string>();
const collect = (statements: readonly Statement[]): void => {
  for (const { keyword, children } of statements) {
    keywords.add(keyword);
    collect(children ?? []);
  }
};
collect(ROOT);
const TOKEN = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...keywords, 'apply-groups', 'apply-groups-except', 'groups') },
  { weight: 5, arbitrary: fc.constantFrom('{', '}', ';', '[', ']') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'inactive:',
      'protect:',
      'replace:',
      'g',
      '<*>',
      '<sp-*>',
      '*',
      'sp-1/2/0',
      'rsp0',
      '""',
      '"',
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('0', '-1', '65536', '192.0.2.1', '192.0.2.0/24', '$9$', '"a b"', '__proto__'),
  },
  { weight: 1, arbitrary: fc.constantFrom('/*', '*/', '#', '##', '\\', '\n', '\r\n', '\t') },
);

test('any text parses or is a fault, and nothing throws', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      parseCurly(text);
      survives(text);
    }),
    { numRuns: 500 },
  );
});
test('words of the language in any order load or are told, and nothing throws', () => {
  fc.assert(
    fc.property(fc.array(TOKEN, { maxLength: 60 }), (tokens) => survives(tokens.join(' '))),
    { numRuns: 2000 },
  );
});
test('a sound file, damaged anywhere, loads or is told, and nothing throws', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...CORPUS),
      fc.nat(),
      fc.nat(12),
      fc.array(TOKEN, { maxLength: 4 }),
      (text, at, cut, tokens) => {
        const start = at % (text.length + 1);
        survives(`${text.slice(0, start)}${tokens.join(' ')}${text.slice(start + cut)}`);
      },
    ),
    { numRuns: 2000 },
  );
});
test('a sound file cut short anywhere is told where it ends', () => {
  for (const text of CORPUS) for (let end = 0; end < text.length; end += 7) survives(text.slice(0, end));
});
test('a damaged octet anywhere is survived', () => {
  fc.assert(
    fc.property(fc.constantFrom(...CORPUS), fc.nat(), fc.integer({ min: 0x20, max: 0x7e }), (text, at, code) => {
      const index = at % text.length;
      survives(text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1));
    }),
    { numRuns: 1000 },
  );
});

/** What might be too much. */
const LARGE: readonly [what: string, text: () => string][] = [
  ['a word of 2 million letters', () => `${'a'.repeat(2_000_000)};`],
  ['a string of 3 million characters', () => `"${'a\\n'.repeat(1_000_000)}";`],
  ['a million opening braces', () => '{'.repeat(1_000_000)],
  ['a hundred thousand opened blocks', () => 'a {'.repeat(100_000)],
  ['a hundred thousand comments', () => '/* x */ # y\n'.repeat(100_000)],
  ['a comment never closed', () => `/*${' *'.repeat(500_000)}`],
  ['three hundred thousand words', () => `${'a '.repeat(300_000)};`],
  [
    'a list of three hundred thousand values',
    () => `access profile p authentication-order [ ${'password '.repeat(300_000)}];`,
  ],
  ['a hundred thousand unknown statements', () => 'x y;\n'.repeat(100_000)],
];
for (const [what, text] of LARGE)
  test(`${what}: the work grows with the text, not with its square`, () => {
    const start = process.threadCpuUsage();
    loadConfig(text(), 'm10i');
    const { user, system } = process.threadCpuUsage(start);
    // A second or so; the square would take minutes. CPU time: others may use the machine.
    assert.ok(user + system < 20e6, `${(user + system) / 1e6} s`);
  });

/** Loads a text in a process of its own, which ends after 60 seconds or 96 MB. */
function loadsApart(text: string): boolean {
  const program = `import { loadConfig } from ${JSON.stringify(folder('../../src/config/load.ts').href)};
    loadConfig(JSON.parse(process.argv[1]), 'm10i');`;
  const { status } = spawnSync(
    process.execPath,
    ['--max-old-space-size=96', '--input-type=module', '--eval', program, '--', JSON.stringify(text)],
    { timeout: 60_000, killSignal: 'SIGKILL' },
  );
  return status === 0;
}
test('a process of its own loads what is sound', () => {
  assert.equal(loadsApart(configuration()), true);
});

// What once hung, threw or told too much.

test('white space of any kind ends a word, and the file ends', () => {
  for (const space of ['\ufeff', '\u00a0', '\v', '\u2028', '\u3000'])
    assert.equal(loadsApart(`services {${space}l2tp; }`), true, JSON.stringify(space));
});
test('a pattern in a group may hold any character', () => {
  survives(`groups { g { access { profile "<[>" { client x; } } } } apply-groups g; ${configuration()}`);
});
test('a pattern with many stars is matched at once', () => {
  const glob = `<${'*a'.repeat(12)}*b>`;
  const text = `groups { g { services { l2tp { tunnel-group ${glob} { hide-avps; } } } } } apply-groups g;
    services { l2tp { tunnel-group ${'a'.repeat(63)} { } } }`;
  assert.equal(loadsApart(text), true);
});
test('apply-groups may list any number of names', () => {
  survives(`apply-groups [ ${'a '.repeat(300_000)}];`);
});
test('a secret behind a mistyped keyword is not shown', () => {
  for (const line of ['pap-passwort "hunter2";', 'pap-password my hunter2;']) {
    const { diagnostics } = loadConfig(`access { profile p { client x { ${line} } } }`, 'm10i');
    assert.doesNotMatch(formatDiagnostics(diagnostics, 'x'), /hunter2/);
  }
});
