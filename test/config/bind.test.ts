import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfigNode, checkValue, parseConfig, parsePrefix } from '../../src/config/bind.ts';
import { configuration, load, sound, told } from './support.ts';

/** The tree as set lines. */
function lines(node: ConfigNode, path = ''): string[] {
  return node.children.flatMap((child) => {
    const here = `${path} ${child.statement.keyword}${child.key === null ? '' : ` ${child.key}`}`;
    const marks = `${child.inactive ? ' (inactive)' : ''}${child.inheritedFrom === null ? '' : ` (from ${child.inheritedFrom})`}`;
    if (child.children.length > 0) return lines(child, here);
    return [`${here}${child.values.map((value) => ` ${value}`).join('')}${marks}`.trim()];
  });
}
const errors = (text: string): string[] => told(parseConfig(text).diagnostics);

test('one line of words is the same as blocks in blocks', () => {
  const inBlocks = parseConfig('services { l2tp { tunnel-group x { local-gateway { address 192.0.2.1; } } } }');
  const inOneLine = parseConfig('services l2tp tunnel-group x local-gateway address 192.0.2.1;');
  assert.deepEqual(lines(inOneLine.root), lines(inBlocks.root));
  assert.deepEqual(lines(inOneLine.root), ['services l2tp tunnel-group x local-gateway address 192.0.2.1']);
});
test('both shapes of local-gateway mean the same', () => {
  assert.deepEqual(
    sound(configuration({ gateway: 'local-gateway address 192.0.2.1;' })),
    sound(configuration({ gateway: 'local-gateway { address 192.0.2.1; }' })),
  );
});
test('address-range takes both ends on one line, or in a block', () => {
  const oneLine = parseConfig('access { address-pool p { address-range low 192.0.2.1 high 192.0.2.9; } }');
  assert.deepEqual(oneLine.diagnostics, []);
  assert.deepEqual(
    lines(oneLine.root),
    lines(parseConfig('access { address-pool p { address-range { low 192.0.2.1; high 192.0.2.9; } } }').root),
  );
});
test('a container written twice is one container, the later value of a leaf counts', () => {
  const tree = parseConfig(
    'access { address-pool p { address 192.0.2.0/24; } } access { address-pool p { address 192.0.2.0/25; } }',
  );
  assert.deepEqual(lines(tree.root), ['access address-pool p address 192.0.2.0/25']);
});
test('a repeated statement may have its keys in brackets', () => {
  assert.deepEqual(
    lines(parseConfig('services l2tp traceoptions flag [ protocol configuration ];').root),
    lines(parseConfig('services l2tp traceoptions { flag protocol; flag configuration; }').root),
  );
});
test('one value of a list needs no brackets', () => {
  assert.deepEqual(
    lines(parseConfig('access profile p authentication-order [ password ];').root),
    lines(parseConfig('access profile p authentication-order password;').root),
  );
});
test('a comment stays with its statement', () => {
  const tree = parseConfig('services { l2tp { /* the east */ tunnel-group x { hide-avps; } } }');
  assert.equal(tree.root.children[0]!.children[0]!.children[0]!.comment, 'the east');
});
test('a quoted word is a value, never a keyword', () => {
  assert.deepEqual(errors('"services" { l2tp; }'), ["error [] 'services' syntax error: services"]);
});

const WRONG: readonly [what: string, text: string, diagnostic: string][] = [
  [
    'an unknown statement',
    'services { l2tp { tunel-group x; } }',
    "error [services l2tp] 'tunel-group x;' syntax error: tunel-group",
  ],
  ['an unknown statement at the top', 'serviced;', "error [] 'serviced;' syntax error: serviced"],
  [
    'a word after a flag',
    'services { l2tp { tunnel-group x { hide-avps yes; } } }',
    "error [services l2tp tunnel-group x] 'hide-avps yes;' syntax error: yes",
  ],
  [
    'a leaf without a value',
    'services { l2tp { tunnel-group x { hello-interval; } } }',
    "error [services l2tp tunnel-group x] 'hello-interval;' missing argument.",
  ],
  [
    'a list entry without a key',
    'services { l2tp { tunnel-group; } }',
    "error [services l2tp] 'tunnel-group;' missing argument.",
  ],
  [
    'a leaf with a block',
    'services { l2tp { tunnel-group x { hello-interval 3 { } } } }',
    "error [services l2tp tunnel-group x] 'hello-interval 3' syntax error: hello-interval has no block",
  ],
  [
    'an empty list',
    'access { profile p { authentication-order [ ]; } }',
    "error [access profile p] 'authentication-order;' missing argument.",
  ],
];
for (const [what, text, diagnostic] of WRONG)
  test(`${what} is an error of the language`, () => {
    assert.deepEqual(errors(text), [diagnostic]);
    assert.equal(parseConfig(text).diagnostics[0]!.syntax, true);
  });

test('an error of the language stands at the offending word', () => {
  const [one] = parseConfig('services {\n  l2tp {\n    tunnel-group x {\n      hello-interval 70000;\n').diagnostics;
  assert.deepEqual([one!.line, one!.column], [4, 22]);
});
test('errors are all told, not the first alone', () => {
  assert.equal(errors('services { l2tp { a; b; tunnel-group x { c; } } }').length, 3);
});

const UINT16 = { type: 'uint', min: 0, max: 65535 } as const;
const VALUES: readonly [type: Parameters<typeof checkValue>[0], good: string[], bad: string[]][] = [
  [UINT16, ['0', '1', '65535'], ['65536', '-1', '3.5', '1e3', '0x10', '', ' 1', '99999999999']],
  [{ type: 'int', min: -63, max: 64 }, ['-63', '0', '64'], ['-64', '65', '+1', '--1']],
  [{ type: 'ipv4' }, ['0.0.0.0', '192.0.2.255'], ['192.0.2', '192.0.2.256', '192.0.2.01', '192.0.2.1/32', '::1', '']],
  [
    { type: 'prefix4' },
    ['192.0.2.0/24', '192.0.2.1', '0.0.0.0/0'],
    ['192.0.2.0/33', '192.0.2.0/', '192.0.2.0/24/8', '/24', '192.0.2.0/-1'],
  ],
  [{ type: 'address' }, ['192.0.2.1', '2001:db8::1'], ['2001:db8:::1', 'host', '']],
  [{ type: 'enum', values: ['chap', 'pap'] }, ['chap', 'pap'], ['CHAP', '', 'cha']],
  [{ type: 'text', max: 4 }, ['a', 'abcd'], ['', 'abcde']],
  [{ type: 'text', max: 9, pattern: /^[a-z]+$/ }, ['abc'], ['Abc', '']],
  [{ type: 'secret', max: 64 }, ['x', 'two words'], ['']],
];
for (const [type, good, bad] of VALUES)
  test(`a value of type ${JSON.stringify(type)} is judged`, () => {
    for (const value of good) assert.equal(checkValue(type, value), null, value);
    for (const value of bad) assert.notEqual(checkValue(type, value), null, value);
  });
test("a number out of range is told in Junos' words", () => {
  assert.equal(checkValue(UINT16, '70000'), 'value 70000 is not within range (0..65535)');
});
test('a prefix without a length is one address', () => {
  assert.deepEqual(parsePrefix('192.0.2.7'), { address: 0xc000_0207, length: 32 });
});

test('a secret is not shown in an error about its statement', () => {
  for (const text of [
    'client x { pap-password "hunter2" { } }',
    'client x { chap-secret "hunter2" more; }',
    'client x pap-password "hunter2" more;',
  ]) {
    const told = JSON.stringify(parseConfig(`access { profile p { ${text} } }`).diagnostics);
    assert.match(told, /syntax error/);
    assert.doesNotMatch(told, /hunter2/);
  }
});

// Groups.

const TUNED = `groups { tuned { services { l2tp { tunnel-group <*> { hello-interval 15; receive-window 8; } } } } }`;
test('apply-groups gives what the place itself does not say', () => {
  const [group] = sound(
    configuration({ top: `${TUNED} apply-groups tuned;`, group: 'hello-interval 99;' }),
  ).tunnelGroups;
  assert.deepEqual([group!.helloIntervalMs, group!.receiveWindow], [99_000, 8]);
});
test('apply-groups below the top reaches only its own level', () => {
  const at = (add: Parameters<typeof configuration>[0]): number =>
    sound(configuration({ top: TUNED, ...add })).tunnelGroups[0]!.helloIntervalMs;
  assert.equal(at({ l2tp: 'apply-groups tuned;' }), 15_000);
  assert.equal(at({ group: 'apply-groups tuned;' }), 15_000);
  assert.equal(at({ access: 'apply-groups tuned;' }), 60_000);
});
test('the first of several groups has priority', () => {
  const groups = `groups {
    one { services { l2tp { tunnel-group <*> { hello-interval 11; } } } }
    two { services { l2tp { tunnel-group <*> { hello-interval 22; tunnel-timeout 22; } } } } }`;
  const [group] = sound(configuration({ top: `${groups} apply-groups [ one two ];` })).tunnelGroups;
  assert.deepEqual([group!.helloIntervalMs, group!.tunnelTimeoutMs], [11_000, 22_000]);
});
test('apply-groups-except keeps a group away from a level', () => {
  const [group] = sound(
    configuration({ top: `${TUNED} apply-groups tuned;`, group: 'apply-groups-except tuned;' }),
  ).tunnelGroups;
  assert.equal(group!.helloIntervalMs, 60_000);
});
test('a pattern matches names, and makes none', () => {
  const pattern = (glob: string): number =>
    sound(
      configuration({
        top: `groups { g { services { l2tp { tunnel-group ${glob} { hello-interval 15; } } } } } apply-groups g;`,
      }),
    ).tunnelGroups.map((group) => group.helloIntervalMs)[0]!;
  for (const glob of ['<*>', '<har*>', '<*bour>', '<h?rbour>', '<harbour>']) assert.equal(pattern(glob), 15_000, glob);
  for (const glob of ['<east*>', '<*x>', '<h?bour>', '<.*>', '<HAR*>']) assert.equal(pattern(glob), 60_000, glob);
});
test('<sp-*> matches services interfaces', () => {
  const top = 'groups { g { interfaces { <sp-*> { description "a PIC"; } } } } apply-groups g;';
  const tree = parseConfig(configuration({ top }));
  assert.ok(lines(tree.root).includes('interfaces interface sp-1/2/0 description a PIC (from g)'));
});
test('a name in a group makes the entry where there is none', () => {
  const top = 'groups { g { access { address-pool extra { address 203.0.113.0/24; } } } } apply-groups g;';
  assert.deepEqual([...sound(configuration({ top })).pools.keys()], ['quay', 'extra']);
});
test('of a choice, a group does not add the other branch', () => {
  const top =
    'groups { g { access { address-pool <*> { address-range low 203.0.113.1 high 203.0.113.2; } } } } apply-groups g;';
  assert.equal(sound(configuration({ top })).pools.get('quay')!.prefixes[0]!.length, 24);
});
test('an inactive group, and what is inactive in a group, give nothing', () => {
  const group = (text: string): number =>
    sound(configuration({ top: `groups { ${text} } apply-groups g;` })).tunnelGroups[0]!.helloIntervalMs;
  assert.equal(group('inactive: g { services { l2tp { tunnel-group <*> { hello-interval 15; } } } }'), 60_000);
  assert.equal(group('g { services { l2tp { tunnel-group <*> { inactive: hello-interval 15; } } } }'), 60_000);
});
test('a group that nobody applies changes nothing', () => {
  assert.deepEqual(sound(configuration({ top: TUNED })), sound(configuration()));
});
test('a group that is not defined is an error', () => {
  assert.deepEqual(told(load({ top: 'apply-groups nowhere;' }).diagnostics), [
    "error [] 'apply-groups nowhere' group 'nowhere' is not defined",
  ]);
});
test('a mistake inside a group is told with its place', () => {
  assert.deepEqual(errors('groups { g { services { l2tp { tunnel-group <*> { helo-interval 15; } } } } }'), [
    "error [groups g services l2tp tunnel-group <*>] 'helo-interval 15;' syntax error: helo-interval",
  ]);
});
