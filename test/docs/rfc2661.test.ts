import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

test('docs/rfc2661.md: every title named exists, and only outgoing calls are not done', () => {
  const page = readFileSync(new URL('../../docs/rfc2661.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| \d/.test(line));
  assert.ok(rows.length > 40);
  for (const row of rows) {
    const [, section, demand, shown] = row.split('|').map((cell) => cell.trim());
    if (shown === 'not done') {
      assert.match(`${demand}`, /outgoing call/, section);
      continue;
    }
    const [, file, title] = /^(\S+): (.*)$/.exec(shown!)!;
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    // Vector titles are made of the file's name.
    const vector = /^every vector of (\w+) holds$/.exec(title!);
    const found =
      vector === null
        ? source.includes(`'${title}'`) || source.includes(`"${title}"`) || source.includes(`\`${title}\``)
        : new RegExp(`\\b${vector[1]}: \\d`).test(source);
    assert.ok(found, `${file}: ${title}`);
  }
});
