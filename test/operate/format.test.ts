import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Element, leaf, node, renderJson, renderXml } from '../../src/operate/element.ts';
import { abbreviate, duration, printable, timestamp } from '../../src/operate/format.ts';

test('numbers, durations and times as Junos prints them', () => {
  assert.deepEqual([0, 999, 1000, 18_349, 999_949, 999_950, 1_400_000, 2.5e9, 7e12].map(abbreviate), [
    '0',
    '999',
    '1.0k',
    '18.3k',
    '999.9k',
    '1.0M',
    '1.4M',
    '2.5G',
    '7.0T',
  ]);
  assert.equal(duration(9_667_000), '02:41:07');
  assert.equal(duration((9 * 86_400 + 3600) * 1000), '1w 2d 01:00:00');
  assert.equal(timestamp(new Date('2026-05-12T08:14:31Z')), 'Tue May 12 08:14:31 2026');
  assert.equal(printable('a\u001b[1mb\u202ec'), 'a\\x1b[1mb\\u{202e}c');
});

const arbitrary: fc.Arbitrary<Element> = fc.letrec<{ element: Element }>((tie) => ({
  element: fc.oneof(
    { depthSize: 'small' },
    fc.record({ name: fc.constantFrom('a', 'b-c'), value: fc.string({ unit: 'binary' }) }),
    fc
      .record({ name: fc.constantFrom('d', 'e'), children: fc.array(tie('element'), { maxLength: 4 }) })
      .map(({ name, children }) => ({
        name,
        children: [...children].sort((one, two) => (one.name < two.name ? -1 : one.name > two.name ? 1 : 0)),
      })),
  ),
})).element;

test('any tree gives JSON that parses, with every leaf in it, and XML that is balanced', () => {
  const count = (element: Element): number =>
    element.children === undefined ? 1 : [...element.children].reduce((sum, child) => sum + count(child), 0);
  const countJson = (value: unknown): number =>
    Array.isArray(value)
      ? value.reduce((sum: number, one) => sum + countJson(one), 0)
      : typeof value === 'object' && value !== null
        ? Object.entries(value).reduce((sum, [key, one]) => sum + (key === 'data' ? 1 : countJson(one)), 0)
        : 0;
  fc.assert(
    fc.property(arbitrary, (tree) => {
      const json = JSON.parse([...renderJson([tree])].join(''));
      assert.equal(countJson(json), count(tree));
      const xml = [...renderXml([tree])].join('');
      const open: string[] = [];
      for (const [, close, name, empty] of xml.matchAll(/<(\/?)([\w-]+)[^>]*?(\/?)>/g)) {
        if (close === '/') assert.equal(open.pop(), name);
        else if (empty !== '/') open.push(name!);
      }
      assert.deepEqual(open, []);
    }),
  );
});

test('XML escapes, leaves empty elements short, carries attributes', () => {
  assert.equal(
    [...renderXml([node('r', [leaf('a', '<&>"', { 'junos:seconds': '1' }), { name: 'b' }])])].join(''),
    '<rpc-reply xmlns:junos="http://xml.juniper.net/junos/9.4R1/junos">\n    <r>\n        <a junos:seconds="1">&lt;&amp;&gt;&quot;</a>\n        <b/>\n    </r>\n</rpc-reply>\n',
  );
});
