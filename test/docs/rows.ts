import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** Each row of a page's table: section, demand, "file: title", or "not done". Looks every title up. */
export function checkRows(page: string, notDone: RegExp): number {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| \d/.test(line));
  for (const row of rows) {
    const [, section, demand, shown] = row.split('|').map((cell) => cell.trim());
    if (shown === 'not done') {
      assert.match(`${demand}`, notDone, section);
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
  return rows.length;
}
