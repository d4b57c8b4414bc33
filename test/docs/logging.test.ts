import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const manual = readFileSync(new URL('docs/logging.md', root), 'utf8');

test('docs/logging.md names every event that the sources log, and no other', () => {
  const logged = new Set<string>();
  for (const file of globSync('src/**/*.ts', { cwd: root })) {
    const text = readFileSync(new URL(file, root), 'utf8');
    for (const [, event] of text.matchAll(/\b[lL]og\(\s*'(?:error|warning|notice|info|debug)',\s*'([a-z-]+)'/g))
      logged.add(event!);
  }
  const table = manual.slice(manual.indexOf('### Messages'), manual.indexOf('## traceoptions'));
  const named = new Set<string>();
  for (const [, cell] of table.matchAll(/^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|/gm))
    for (const [, event] of cell!.matchAll(/`([a-z-]+)`/g)) named.add(event!);
  for (const event of logged) assert.ok(named.has(event), `${event} is logged, and not in docs/logging.md`);
  // Events whose name or severity is worked out where they are logged.
  const text = globSync('src/**/*.ts', { cwd: root })
    .map((file) => readFileSync(new URL(file, root), 'utf8'))
    .join('\n');
  for (const event of named)
    assert.ok(
      logged.has(event) || text.includes(`'${event}'`) || text.includes(`'${event.replace(/^radius-/, '')}'`),
      `${event} is in docs/logging.md, and nothing logs it`,
    );
});
