import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { REDUNDANT_INTERFACE, ROOT, SERVICE_INTERFACE, type Statement } from '../../src/config/schema.ts';

const MANUAL = readFileSync(new URL('../../docs/junos.md', import.meta.url), 'utf8');

/** Each statement below `statements`: its path, its default and how far it goes. */
function declared(statements: readonly Statement[], path = '', later = false): string[] {
  return statements.flatMap((one) => {
    const here = `${path} ${one.keyword}`.trim();
    const understood = later || one.status === 'later';
    const status = one.status === 'opaque' ? 'left alone' : understood ? 'understood' : 'honoured';
    return [`${here} | ${one.default ?? ''} | ${status}`, ...declared(one.children ?? [], here, understood)];
  });
}
/** The rows under a heading of the manual, in the same form. */
function written(heading: string): string[] {
  const section = MANUAL.split(`\n### \`${heading}\`\n`)[1]!.split('\n##')[0]!;
  return [...section.matchAll(/^\| `([^`]+)` \| [^|]* \| ([^|]*) \| ([^|]*) \|/gm)].map(
    ([, path, value, status]) => `${path} | ${value!.trim()} | ${status!.trim()}`,
  );
}

const top = (keyword: string): readonly Statement[] => ROOT.find((one) => one.keyword === keyword)!.children!;
const SECTIONS: readonly [heading: string, statements: readonly Statement[]][] = [
  ['[edit services l2tp]', top('services').find((one) => one.keyword === 'l2tp')!.children!],
  ['[edit access]', top('access')],
  ['[edit interfaces sp-F/P/0]', SERVICE_INTERFACE.children!],
  ['[edit interfaces rspN]', REDUNDANT_INTERFACE.children!.filter((one) => one.keyword !== 'unit')],
];
for (const [heading, statements] of SECTIONS)
  test(`docs/junos.md has every statement of ${heading}, its default and its status`, () => {
    assert.deepEqual(written(heading), declared(statements));
  });
test('docs/junos.md names every part of a router that is left alone', () => {
  for (const { keyword, status } of ROOT)
    if (status === 'opaque') assert.ok(MANUAL.includes(`\`${keyword}\``), keyword);
});
