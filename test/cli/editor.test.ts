import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EditorAction, LineEditor } from '../../src/cli/editor.ts';
import { columnsOf, type Key, KeyDecoder } from '../../src/cli/keys.ts';

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const keysOf = (text: string): Key[] => {
  const decoder = new KeyDecoder();
  return [...decoder.feed(octets(text)), ...decoder.flush()];
};
const names = (text: string): string[] => keysOf(text).map((key) => (key.name === 'char' ? key.text : key.name));

/** Types what a terminal sends; `|` marks the cursor in the result. */
function typed(text: string, lines: string[] = []): { line: string; actions: EditorAction[]; editor: LineEditor } {
  const editor = new LineEditor({ lines });
  const actions = keysOf(text).map((key) => {
    const action = editor.press(key);
    // The driver's part of the space bar.
    if (action === 'space') editor.insert(' ');
    return action;
  });
  return { line: `${editor.beforeCursor}|${editor.afterCursor}`, actions, editor };
}

test('keys: control, meta, arrows of every kind of terminal, UTF-8, an escape that stands alone', () => {
  assert.deepEqual(names('a\u0001\u0005é\u{1f600}'), ['a', 'C-a', 'C-e', 'é', '\u{1f600}']);
  assert.deepEqual(names('\u001b[A\u001bOB\u001b[1~\u001b[4~\u001b[3~\u001b[1;5C'), [
    ...['up', 'down', 'home', 'end', 'delete', 'M-f'],
  ]);
  assert.deepEqual(names('\u001bb\u001bF\u001b\u007f\r\t\u007f'), [
    'M-b',
    'M-f',
    'M-backspace',
    'enter',
    'tab',
    'backspace',
  ]);
  assert.deepEqual(names('\u001b'), ['escape']);
  assert.deepEqual(names('\u001b[99;99;99Xz'), ['z']);
  const decoder = new KeyDecoder();
  assert.deepEqual(decoder.feed(octets('\u001b')), []);
  assert.equal(decoder.pending, true);
  assert.deepEqual(decoder.feed(octets('[')), []);
  assert.deepEqual(decoder.feed(octets('D')), [{ name: 'left', text: '' }]);
  const paste = keysOf('\u001b[200~set a\nset b\u001b[201~x');
  assert.deepEqual(paste, [
    { name: 'paste', text: 'set a\nset b' },
    { name: 'char', text: 'x' },
  ]);
});

test('keys do not depend on how their octets are cut into pieces', () => {
  const text = 'sh\u001b[A\u001bOCé\u001b[200~p\nq\u001b[201~\u0017\u001bd日';
  const whole = names(text);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 60, maxLength: 60 }), (sizes) => {
      const decoder = new KeyDecoder();
      const all = octets(text);
      const got: string[] = [];
      for (let at = 0, n = 0; at < all.length; n++) {
        for (const key of decoder.feed(all.subarray(at, at + sizes[n]!)))
          got.push(key.name === 'char' ? key.text : key.name);
        at += sizes[n]!;
      }
      assert.deepEqual(got, whole);
    }),
  );
});

test('moving and deleting', () => {
  assert.equal(typed('show version\u0001').line, '|show version');
  assert.equal(typed('show version\u001bb').line, 'show |version');
  assert.equal(typed('show version\u0001\u001bf').line, 'show| version');
  assert.equal(typed('show version\u0002\u0002\u0004').line, 'show versi|n');
  assert.equal(typed('abc\u007f').line, 'ab|');
  assert.equal(typed('a\u001b[Db').line, 'b|a');
  assert.equal(typed('ab\u0014').line, 'ba|');
  assert.equal(typed('ab\u0001\u001bu').line, 'AB|');
});

test('killing and yanking: kills in a row are one text, M-y takes an older one', () => {
  assert.equal(typed('one two\u0017\u0017\u0019').line, 'one two|');
  assert.equal(typed('one two\u0001\u000bx\u0019').line, 'xone two|');
  assert.equal(typed('one\u0015two\u0015\u0019').line, 'two|');
  assert.equal(typed('one\u0015two\u0015\u0019\u001by').line, 'one|');
  assert.equal(typed('one two\u001b\u007f').line, 'one |');
  assert.equal(typed('one two\u0001\u001bd').line, '| two');
  assert.equal(typed('one two\u0017\u001f').line, 'one two|');
});

test('history: up and down, the line being typed comes back; search with C-r', () => {
  const lines = ['show version', 'show interfaces', 'clear all'];
  assert.equal(typed('\u0010', lines).line, 'clear all|');
  assert.equal(typed('\u0010\u0010\u0010', lines).line, 'show version|');
  assert.equal(typed('new\u0010\u000e', lines).line, 'new|');
  assert.deepEqual(typed('\u000e', lines).actions, ['bell']);
  assert.equal(typed('\u0012show', lines).line, '|show interfaces');
  assert.equal(typed('\u0012show\u0012', lines).line, '|show version');
  assert.equal(typed('\u0012vers', lines).editor.searchPrompt, "(reverse-i-search)`vers': ");
  assert.equal(typed('x\u0012vers\u0007', lines).line, 'x|');
  assert.deepEqual(typed('\u0012vers\r', lines).actions.at(-1), 'accept');
  assert.equal(typed('ping \u001b.', ['show interfaces sp-1/2/0']).line, 'ping sp-1/2/0|');
});

test('what the driver is asked: complete behind a word, help, end on an empty line, literal ? and blanks in quotes', () => {
  assert.deepEqual(typed('sh ').actions.at(-1), 'space');
  assert.deepEqual(typed('show version | ').actions.at(-1), 'none');
  assert.deepEqual(typed('?').actions, ['help']);
  assert.deepEqual(typed('\u0004').actions, ['end']);
  assert.deepEqual(typed('\u0003').actions, ['interrupt']);
  assert.equal(typed('match "a b?').line, 'match "a b?|');
  assert.equal(typed('\u0016?').line, '?|');
  const { editor } = typed('show ser');
  editor.replace(5, 'services ');
  assert.equal(editor.text, 'show services ');
});

test('no keys throw, and the cursor stays in the line', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 0x7f }), fc.constantFrom(0x1b, 0x5b, 0x41)), { maxLength: 80 }),
      (codes) => {
        const editor = new LineEditor({ lines: ['one', 'two words'] });
        const decoder = new KeyDecoder();
        for (const key of [...decoder.feed(Uint8Array.from(codes)), ...decoder.flush()]) editor.press(key);
        assert.equal(editor.beforeCursor + editor.afterCursor, editor.text);
        assert.ok(editor.cursor >= 0 && editor.cursor <= [...editor.text].length);
      },
    ),
  );
});

test('columns: wide characters take two, marks none', () => {
  assert.deepEqual(['abc', 'é', 'e\u0301', '日本', '\u{1f600}'].map(columnsOf), [3, 1, 1, 4, 2]);
});
