import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Command, numberValue, textValue } from '../../src/operate/grammar.ts';
import { CommandTable, formatPossible } from '../../src/operate/match.ts';
import type { OperationalTarget } from '../../src/operate/types.ts';
import { quoteWord, splitPipes, splitWords } from '../../src/operate/words.ts';

const run: Command['run'] = () => ({ output: [] });
const COMMANDS: readonly Command[] = [
  {
    words: 'show services l2tp tunnel',
    help: 'Tunnels',
    privilege: 'view',
    run,
    options: [
      { keyword: 'brief', help: 'Brief', choice: 'level' },
      { keyword: 'extensive', help: 'Everything', choice: 'level' },
      {
        keyword: 'local-tunnel-id',
        help: 'ID',
        choice: 'filter',
        value: numberValue('id', 0, 65535, () => [
          ['7', 'seven'],
          ['70', ''],
        ]),
      },
      {
        keyword: 'tunnel-group',
        help: 'Group',
        choice: 'filter',
        value: textValue('group', () => [
          ['east', 'Gateway'],
          ['two words', ''],
        ]),
      },
    ],
  },
  { words: 'show services l2tp summary', help: 'Summary', privilege: 'view', run },
  { words: 'show system uptime', help: 'Uptime', privilege: 'view', run },
  {
    words: 'clear services l2tp tunnel',
    help: 'Close',
    privilege: 'clear',
    run,
    required: 'filter',
    options: [{ keyword: 'all', help: 'All', choice: 'filter' }],
  },
  { words: 'clear services l2tp tunnel statistics', help: 'Statistics', privilege: 'clear', run },
  {
    words: 'show log',
    help: 'Log',
    privilege: 'view',
    run,
    positional: { name: 'file', help: 'File', value: textValue('file', () => [['messages', '']]) },
  },
];
const table = new CommandTable(COMMANDS, { show: 'Show', 'show services': 'Services', 'show system': 'System' });
const target = {} as OperationalTarget;
const parsed = (line: string): [string, Record<string, string>] => {
  const result = table.parse(line);
  assert.ok('command' in result, `${line}: ${JSON.stringify(result)}`);
  return [result.command.words, Object.fromEntries(result.args)];
};
const fault = (line: string): [number, string] => {
  const result = table.parse(line);
  assert.ok('fault' in result, line);
  return [result.fault.offset, result.fault.message];
};
const possible = (line: string): string[] => table.complete(line, target).possible.map(({ text }) => text);

test('keywords may be cut short while they stay unambiguous: sh ser l2 tun ext', () => {
  assert.deepEqual(parsed('sh ser l2 tun ext'), ['show services l2tp tunnel', { extensive: '' }]);
  assert.deepEqual(parsed('  show  services l2tp\tsum '), ['show services l2tp summary', {}]);
  assert.deepEqual(parsed('c s l t s'), ['clear services l2tp tunnel statistics', {}]);
});

test('options stand in any order, each choice once, values as they are', () => {
  for (const line of ['show services l2tp tunnel extensive local-tunnel-id 7', 'sh se l t local 7 ext'])
    assert.deepEqual(parsed(line)[1], { extensive: '', 'local-tunnel-id': '7' });
  assert.deepEqual(parsed('show services l2tp tunnel tunnel-group "two words"')[1], { 'tunnel-group': 'two words' });
  assert.deepEqual(fault('show services l2tp tunnel brief ext'), [32, 'syntax error, expecting <command>.']);
  assert.equal(fault('show services l2tp tunnel local-tunnel-id 7 tunnel-group x')[0], 44);
});

test('errors stand under the word, in the words of Junos', () => {
  assert.deepEqual(fault('frob'), [0, 'unknown command.']);
  assert.deepEqual(fault('show frob'), [5, 'syntax error, expecting <command>.']);
  assert.deepEqual(fault('show s'), [5, "'s' is ambiguous."]);
  assert.deepEqual(fault('show services'), [14, 'syntax error, expecting <command>.']);
  assert.deepEqual(fault('show services l2tp tunnel local-tunnel-id'), [42, 'missing argument.']);
  assert.deepEqual(fault('show services l2tp tunnel local-tunnel-id 70000'), [
    42,
    'value 70000 is not within range (0..65535)',
  ]);
  assert.deepEqual(fault('show services l2tp tunnel local-tunnel-id x'), [
    42,
    "invalid value 'x': a number is expected",
  ]);
  assert.deepEqual(fault('clear services l2tp tunnel'), [27, 'missing argument.']);
  assert.deepEqual(fault('show log'), [9, 'missing argument.']);
  assert.deepEqual(fault('show log "x'), [11, 'unbalanced quotes.']);
  const ambiguous = table.parse('show s');
  assert.ok('fault' in ambiguous);
  assert.deepEqual(formatPossible(ambiguous.fault.possible!), [
    'Possible completions:',
    '  services             Services',
    '  system               System',
  ]);
});

test('completion: what may follow, with help; values that are there now; Enter and pipe where the line is whole', () => {
  assert.deepEqual(possible(''), ['clear', 'show']);
  assert.deepEqual(possible('show s'), ['services', 'system']);
  assert.deepEqual(possible('sh ser l2 '), ['summary', 'tunnel']);
  assert.deepEqual(possible('show services l2tp tunnel '), [
    '<[Enter]>',
    'brief',
    'extensive',
    'local-tunnel-id',
    'tunnel-group',
    '|',
  ]);
  assert.deepEqual(possible('show services l2tp tunnel brief '), ['<[Enter]>', 'local-tunnel-id', 'tunnel-group', '|']);
  assert.deepEqual(possible('show services l2tp tunnel local-tunnel-id '), ['<id>', '7', '70']);
  assert.deepEqual(possible('show services l2tp tunnel tunnel-group t'), ['<group>', '"two words"']);
  assert.deepEqual(possible('clear services l2tp tunnel '), ['all', 'statistics']);
  assert.deepEqual(possible('clear services l2tp tunnel all '), ['<[Enter]>', '|']);
  assert.deepEqual(possible('show log m'), ['<file>', 'messages']);
  assert.equal(table.complete('show frob ', target).fault!.offset, 5);
  assert.equal(table.complete('show frob', target).fault!.message, 'syntax error, expecting <command>.');
  assert.equal(table.complete('show services', target).from, 5);
});

test('help that is longer than the line goes on below itself', () => {
  assert.deepEqual(formatPossible([{ text: 'word', help: 'one two three four five six seven', kind: 'keyword' }], 45), [
    'Possible completions:',
    '  word                 one two three four',
    `${' '.repeat(23)}five six seven`,
  ]);
  assert.deepEqual(formatPossible([{ text: 'a-word-that-is-longer-than-its-column', help: 'help', kind: 'value' }]), [
    'Possible completions:',
    '  a-word-that-is-longer-than-its-column help',
  ]);
});

test('no line throws, and a whole keyword always goes on', () => {
  const words = ['show', 'services', 'l2tp', 'tunnel', 'local-tunnel-id', '7', '"', '\\', '|', 'cl', ' ', 'é', '"a b"'];
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...words), fc.string())), (parts) => {
      const line = parts.join(' ');
      table.parse(line);
      table.complete(line, target);
      splitPipes(line);
    }),
  );
});

test('a quoted word is read back as it was, whatever is in it', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const [word, ...rest] = splitWords(quoteWord(text));
      assert.equal(rest.length, 0);
      assert.equal(word!.text, text);
      assert.equal(word!.open, false);
    }),
  );
});
