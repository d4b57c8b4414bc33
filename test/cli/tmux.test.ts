import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needs } from '../support/needs.ts';
import { asDocumented, documented, screenShots, stage, withoutNumbers } from './screens.ts';

const OPERATE = /> $|>\n$/;

test('a session at a terminal of 80 by 24: the screens of docs/cli.md', async (t) => {
  if (!needs(t, 'tmux')) return;
  const on = await stage();
  t.after(() => on.close());
  const { screen, folder } = on;
  const shots = await screenShots(on);
  assert.equal(withoutNumbers(asDocumented(shots)), withoutNumbers(documented()), 'npm run screens writes them anew');
  assert.match(readFileSync(join(folder, 'lns.conf'), 'utf8'), /hello-interval 60|tunnel-group east-dial \{/);

  await t.test('space completes keywords, Tab names; the line wraps, and follows a change of width', async () => {
    screen.press('C-l');
    screen.type('sh ser l2 tun tunnel-g ');
    screen.press('Tab');
    assert.match(await screen.until(/east-dial/), /> show services l2tp tunnel tunnel-group east-dial\n?$/);
    screen.type('extensive local-tunnel-id 1');
    assert.match(screen.text, /\n/);
    screen.resize(60, 24);
    await screen.until(/show services l2tp tunnel tunnel-grou/);
    screen.resize(80, 24);
    // tmux tells the program of a new size after a while only.
    await new Promise((resolve) => setTimeout(resolve, 600));
    screen.press('C-u');
    await screen.until(OPERATE);
  });

  await t.test('output beyond the screen waits at ---(more)---, q ends it', async () => {
    screen.press('C-l');
    await screen.until(OPERATE);
    screen.type('help');
    screen.press('Enter');
    const first = await screen.until(/---\(more\)---/);
    assert.equal(first.trimEnd().split('\n').length, 24);
    screen.press('Enter');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = await screen.until(/---\(more\)---/);
    assert.equal(second.split('\n')[21], first.split('\n')[22], 'Enter is one line');
    screen.type('q');
    await screen.until(OPERATE);
    screen.type('help');
    screen.press('Enter');
    await screen.until(/---\(more\)---/);
    screen.press('Space');
    await screen.until(/show interfaces[\s\S]*---\(more\)---/);
    screen.type('G');
    await screen.until(/Provide help information\n\S+> ?\n?$/);
    screen.type('help | no-more');
    screen.press('Enter');
    assert.doesNotMatch(await screen.until(/Provide help[\s\S]*> ?\n?$/), /more\)---/);
  });

  await t.test('an error stands under the word; Ctrl-C ends a line, Ctrl-R finds one', async () => {
    screen.press('C-l');
    await screen.until(OPERATE);
    screen.type('show frob');
    screen.press('Enter');
    const text = await screen.until(/expecting[\s\S]*> ?\n?$/);
    const [line, caret] = text.split('\n');
    assert.equal(caret!.indexOf('^'), line!.indexOf('frob'));
    screen.type('show version');
    screen.press('C-c');
    await screen.until(/show version\^C\n\S+> ?\n?$/);
    screen.press('C-r');
    screen.type('fro');
    await screen.until(/\(reverse-i-search\)`fro': show frob/);
    screen.press('C-g');
    await screen.until(OPERATE);
  });

  await t.test('load terminal takes lines up to Ctrl-D, exit asks about changes, Ctrl-D leaves', async () => {
    screen.press('C-l');
    await screen.run('configure', /\[edit\]\n\S+# ?\n?$/);
    screen.type('load merge terminal');
    screen.press('Enter');
    await screen.until(/\^D at a new line to end input/);
    screen.type('system {');
    screen.press('Enter');
    screen.type('  host-name lns-2;');
    screen.press('Enter');
    screen.type('}');
    screen.press('Enter');
    screen.press('C-d');
    await screen.until(/load complete\n\n\[edit\]/);
    await screen.run('set access profile east_users client kim@east.example chap-secret "new words"', /# ?\n?$/);
    screen.type('exit');
    screen.press('Enter');
    await screen.until(/\[yes,no\] \(yes\) ?\n?$/);
    screen.type('no');
    screen.press('Enter');
    await screen.until(/\[edit\]\n\S+# ?\n?$/);
    await screen.run('rollback 0', /load complete\n\n\[edit\]\n\S+# ?\n?$/);
    screen.press('C-d');
    await screen.until(/Exiting configuration mode\n+\S+> ?\n?$/);
    screen.press('C-d');
    for (let n = 0; n < 100; n++) {
      try {
        screen.text;
        await new Promise((resolve) => setTimeout(resolve, 50));
      } catch {
        break;
      }
    }
    assert.throws(() => screen.text, 'the window is gone with the CLI');
    const history = join(folder, 'history');
    assert.equal(statSync(history).mode & 0o777, 0o600);
    const lines = readFileSync(history, 'utf8');
    assert.match(lines, /^show services l2tp tunnel extensive$/m);
    assert.doesNotMatch(lines, /new words|host-name/);
  });
});
