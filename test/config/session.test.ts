import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench } from './session-support.ts';
import { configuration } from './support.ts';

const GROUP = 'services l2tp tunnel-group harbour';

test('edit, up, top and exit move; the banner names the place', async () => {
  const shell = (await Bench.open()).session();
  await shell.run(`edit ${GROUP}`);
  assert.equal(shell.session.banner, '[edit services l2tp tunnel-group harbour]');
  await shell.run('up');
  assert.deepEqual(shell.session.level, ['services', 'l2tp']);
  await shell.run('edit tunnel-group harbour local-gateway');
  await shell.run('up 2');
  assert.equal(shell.session.banner, '[edit services l2tp]');
  await shell.run('top');
  assert.equal(shell.session.banner, '[edit]');
  await shell.all('edit access', 'edit profile harbour_users', 'exit');
  assert.equal(shell.session.banner, '[edit access]');
  await shell.run('edit profile new_one');
  assert.equal(shell.session.banner, '[edit access profile new_one]');
  await shell.all('top', 'edit interfaces sp-1/2/0 unit 0 family inet', 'up');
  assert.equal(shell.session.banner, '[edit interfaces sp-1/2/0 unit 0]');
});
test('a place that was entered and left empty leaves nothing', async () => {
  const shell = (await Bench.open()).session();
  await shell.all('edit access profile nobody', 'top');
  assert.equal(await shell.run('show | compare'), '');
  assert.equal(shell.session.modified, false);
});
test('top and up take a command, and come back', async () => {
  const shell = (await Bench.open()).session();
  await shell.run(`edit ${GROUP}`);
  assert.match(await shell.run('top show interfaces sp-1/2/0 unit 20'), /^dial-options \{/);
  await shell.run('up set tunnel-group harbour hide-avps');
  assert.equal(shell.session.banner, '[edit services l2tp tunnel-group harbour]');
  assert.match(await shell.run('show'), /hide-avps;/);
  await shell.run('top edit access');
  assert.equal(shell.session.banner, '[edit access]');
});
test('an edit of a leaf, of nothing, or of a name that cannot be, is refused', async () => {
  const shell = (await Bench.open()).session();
  assert.match(await shell.fails(`edit ${GROUP} hello-interval`), /syntax error/);
  assert.match(await shell.fails('edit services l2tp tunnel-group'), /missing argument/);
  assert.match(await shell.fails('edit services l2tp tunnel-group _x'), /Must be a string/);
  assert.equal(shell.session.banner, '[edit]');
});

test('set, delete and show; keywords may be cut short, names may not', async () => {
  const shell = (await Bench.open()).session();
  await shell.all(`edit ${GROUP}`, 'set hello 15', 'set hide', 'set max 9');
  assert.equal(
    await shell.run('show'),
    `hello-interval 15;
hide-avps;
l2tp-access-profile harbour_lacs;
local-gateway {
    address 192.0.2.1;
}
maximum-send-window 9;
ppp-access-profile harbour_users;
service-interface sp-1/2/0;
`,
  );
  assert.equal(await shell.run('show hello-interval'), 'hello-interval 15;\n');
  await shell.all('delete hello-interval', 'delete hide-avps');
  assert.equal(await shell.run('delete hello-interval'), 'warning: statement not found\n');
  assert.equal(await shell.run('show | compare'), `[edit ${GROUP}]\n+    maximum-send-window 9;\n`);
  // A name that is short is another name.
  await shell.run('top set services l2tp tunnel-group har hello-interval 3');
  assert.match(await shell.run('top show services'), /tunnel-group har \{/);
});
test('a block that says nothing goes with its last statement, one that means something stays', async () => {
  const shell = (await Bench.open()).session();
  await shell.all(
    'set system login user a uid 9',
    'delete system login user a',
    'set services l2tp traceoptions flag all',
  );
  await shell.run('delete services l2tp traceoptions flag all');
  assert.equal(await shell.run('show | compare'), '');
  await shell.run('delete interfaces sp-1/2/0 unit 0 family inet address 198.51.100.254/32');
  assert.match(await shell.run('show interfaces sp-1/2/0 unit 0'), /^family inet;\n$/);
});
test('values in brackets add up, one can be taken away', async () => {
  const shell = (await Bench.open()).session();
  await shell.all(
    'edit access profile harbour_users',
    'set authentication-order radius',
    'set authentication-order [ password none ]',
  );
  assert.match(await shell.run('show'), /^authentication-order \[ radius password none \];/);
  await shell.run('delete authentication-order radius');
  assert.match(await shell.run('show'), /^authentication-order \[ password none \];/);
  await shell.run('set client mara ppp framed-ip-address 198.51.100.9/32');
  await shell.all('up', 'set address-pool quay address-range low 198.51.100.1');
  // Of a choice, the later takes the place of the other.
  assert.equal(await shell.run('show address-pool quay'), 'address-range low 198.51.100.1;\n');
});
test('a secret in clear is kept as $9$, and shown as that alone', async () => {
  const shell = (await Bench.open()).session();
  await shell.run('set access profile harbour_users client mara chap-secret hawser');
  const text = await shell.run('show access profile harbour_users client mara');
  assert.match(text, /^chap-secret "\$9\$[^"]+"; ## SECRET-DATA\n$/);
  assert.ok(!(await shell.run('show')).includes('anchor'));
  assert.ok(!(await shell.run('show | display set')).includes('rope'));
});
test('rename, copy, insert, deactivate, activate, annotate', async () => {
  const shell = (await Bench.open()).session();
  await shell.all(
    'edit services l2tp',
    'copy tunnel-group harbour to tunnel-group spare',
    'rename tunnel-group spare to tunnel-group quay',
  );
  assert.match(await shell.run('show'), /tunnel-group harbour \{[\s\S]*tunnel-group quay \{/);
  await shell.run('insert tunnel-group quay before tunnel-group harbour');
  assert.match(await shell.run('show'), /tunnel-group quay \{[\s\S]*tunnel-group harbour \{/);
  await shell.all('deactivate tunnel-group quay', 'annotate tunnel-group quay "kept for later"');
  assert.match(await shell.run('show'), /^\/\* kept for later \*\/\ninactive: tunnel-group quay \{/);
  await shell.run('activate tunnel-group quay');
  await shell.run('annotate tunnel-group quay ""');
  assert.match(await shell.run('show'), /^tunnel-group quay \{/);
  assert.match(await shell.fails('rename tunnel-group nowhere to tunnel-group x'), /statement not found/);
  assert.match(await shell.fails('copy tunnel-group quay to tunnel-group harbour'), /already exists/);
  assert.match(await shell.fails('rename tunnel-group quay to tunnel-group -x'), /Must be a string/);
  assert.match(
    await shell.fails('top insert access profile harbour_lacs client lac-a before client lac-a'),
    /syntax error|statement not found|order/,
  );
});
test('replace pattern changes names and values at and below the level, all or nothing', async () => {
  const shell = (await Bench.open()).session();
  await shell.run('replace pattern harbour_(users|lacs) with port_\\1');
  const text = await shell.run('show');
  for (const part of ['profile port_users {', 'ppp-access-profile port_users;', 'l2tp-access-profile port_lacs;'])
    assert.ok(text.includes(part), `${part}\n${text}`);
  assert.ok(text.includes('tunnel-group harbour {') && !text.includes('harbour_'));
  await shell.run('edit interfaces');
  await shell.run('replace pattern sp-1/2/0 with sp-1/3/0');
  assert.match(await shell.run('show'), /^sp-1\/3\/0 \{/);
  assert.match(await shell.run('top show services'), /service-interface sp-1\/2\/0;/);
  await shell.run('top');
  await shell.run(`set ${GROUP} hello-interval 55`);
  await shell.run('replace pattern 5 with 6 upto 1');
  const before = await shell.run('show');
  assert.match(await shell.fails('replace pattern 192.0.2.1 with elsewhere'), /an IPv4 address is expected/);
  await shell.run('set services l2tp tunnel-group pier hide-avps');
  assert.match(await shell.fails('replace pattern pier with harbour'), /target 'harbour' already exists/);
  await shell.run('delete services l2tp tunnel-group pier');
  assert.equal(await shell.run('show'), before);
  assert.match(await shell.fails('replace pattern ( with x'), /cannot be read/);
  assert.match(await shell.fails('replace pattern x'), /missing argument/);
  // Secrets stay what they are.
  const secret = await shell.run('show access profile port_users client mara chap-secret');
  assert.match(secret, /\$9\$/);
  await shell.run('edit access profile port_users client mara');
  await shell.run('replace pattern . with q');
  await shell.run('top');
  assert.equal(await shell.run('show access profile port_users client mara chap-secret'), secret);
});
test('show of what the configuration neither has nor could have is a mistake; of another part of a router it is shown', async () => {
  const shell = (await Bench.open()).session();
  assert.match(await shell.fails('show services bogus'), /^syntax error\.$/m);
  assert.match(await shell.fails('show servces l2tp'), /^syntax error\.$/m);
  await shell.run('set snmp community x');
  assert.equal(await shell.run('show snmp community x'), '');
  assert.match(await shell.run('show'), /snmp \{\n {4}community x;/);
});
test('several statements of one container may stand in a line; where one is wrong, none is set', async () => {
  const shell = (await Bench.open()).session();
  await shell.run('set system login user op uid 2002 class operator');
  assert.match(
    await shell.run('show system login user op | display set'),
    /uid 2002\n.*class operator|class operator\n.*uid 2002/,
  );
  await shell.run('set interfaces sp-1/2/0 unit 30 dial-options l2tp-interface-id foo shared');
  assert.match(await shell.run('show interfaces sp-1/2/0 unit 30'), /l2tp-interface-id foo;\n {4}shared;/);
  await shell.run(`set ${GROUP} hello-interval 9 tunnel-timeout 19 hide-avps`);
  const group = await shell.run(`show ${GROUP}`);
  for (const line of ['hello-interval 9;', 'tunnel-timeout 19;', 'hide-avps;']) assert.ok(group.includes(line), line);
  await shell.run('set access radius-server 192.0.2.7 secret s timeout 5 retry 2');
  assert.match(await shell.run('show access radius-server 192.0.2.7'), /timeout 5;/);
  const before = await shell.run('show');
  assert.match(await shell.fails(`set ${GROUP} hello-interval 10 tunnel-timeout 70000`), /not within range/);
  await shell.fails(`set ${GROUP} hello-interval 10 frob`);
  await shell.fails(`set ${GROUP} hello-interval 10 11`);
  assert.equal(await shell.run('show'), before);
  // A value that is like a keyword is a value.
  await shell.run('set system login user op full-name class');
  assert.match(await shell.run('show system login user op'), /full-name "?class"?;/);
});
test('the second part of rename, copy and insert begins beside the entry, wherever the operator is', async () => {
  const shell = (await Bench.open()).session();
  await shell.run('copy services l2tp tunnel-group harbour to tunnel-group spare');
  await shell.run('rename services l2tp tunnel-group spare to tunnel-group quay');
  await shell.run('insert services l2tp tunnel-group quay before tunnel-group harbour');
  assert.match(await shell.run('show services l2tp'), /tunnel-group quay \{[\s\S]*tunnel-group harbour \{/);
  await shell.run('rename access profile harbour_users client mara to client nora');
  await shell.run('rename interfaces sp-1/2/0 to sp-1/3/0');
  await shell.run('edit services');
  await shell.run('insert l2tp tunnel-group quay after tunnel-group harbour');
  // As the whole path too.
  await shell.run('copy l2tp tunnel-group quay to l2tp tunnel-group pier');
  await shell.run('top');
  const text = await shell.run('show');
  for (const part of ['client nora', 'sp-1/3/0', 'tunnel-group pier']) assert.ok(text.includes(part), part);
  assert.match(
    await shell.fails('rename access profile harbour_users client nora to address-pool x'),
    /must be an entry of the same list|syntax error/,
  );
  const names = shell.session
    .complete('rename access profile harbour_users client nora to ', 52)
    .map(({ word }) => word);
  assert.ok(names.includes('client') && !names.includes('services'), names.join(' '));
});
test('what does not count is said of what is shown, in every format, and by the commands that make it again', async () => {
  const shell = (await Bench.open()).session();
  await shell.run(`deactivate ${GROUP}`);
  await shell.run(`annotate ${GROUP} "for the season"`);
  const head = `##\n## inactive: ${GROUP}\n##\n`;
  assert.ok((await shell.run(`show ${GROUP}`)).startsWith(`${head}l2tp-access-profile`));
  assert.ok((await shell.run(`show ${GROUP} ppp-access-profile`)).startsWith(head));
  const set = await shell.run(`show ${GROUP} | display set`);
  assert.ok(set.endsWith(`\ndeactivate ${GROUP}\nannotate ${GROUP} "for the season"\n`), set);
  assert.match(
    await shell.run(`show ${GROUP} | display xml`),
    /<junos:comment>\/\* for the season \*\/<\/junos:comment>\n *<tunnel-group inactive="inactive">/,
  );
  const json = JSON.parse(await shell.run(`show ${GROUP} | display json`));
  const [group] = json.configuration.services.l2tp['tunnel-group'];
  assert.deepEqual(group['@'], { inactive: true, comment: '/* for the season */' });
  await shell.run('deactivate access');
  assert.ok((await shell.run('show access profile harbour_users')).startsWith('##\n## inactive: access\n##\n'));
  assert.match(await shell.run('show access profile harbour_users | display set'), /\ndeactivate access\n$/);
});
test('| display inheritance with a format shows what counts in that format; other pairs are refused', async () => {
  const shell = (await Bench.open()).session();
  await shell.run('set groups timers services l2tp tunnel-group <*> tunnel-timeout 33');
  await shell.run('set apply-groups timers');
  await shell.run(`set ${GROUP} hello-interval 5`);
  for (const line of ['display inheritance | display set', 'display set | display inheritance']) {
    const set = await shell.run(`show ${GROUP} | ${line}`);
    assert.match(set, new RegExp(`^set ${GROUP} tunnel-timeout 33$`, 'm'));
    assert.ok(!set.includes('{'), set);
  }
  assert.match(
    await shell.run(`show ${GROUP} | display inheritance | display xml`),
    /<tunnel-timeout>33<\/tunnel-timeout>/,
  );
  assert.equal(await shell.run(`show ${GROUP} hello-interval | display inheritance`), 'hello-interval 5;\n');
  assert.match(await shell.run(`show ${GROUP} tunnel-timeout | display inheritance`), /tunnel-timeout 33;\n$/);
  assert.match(await shell.fails(`show ${GROUP} | display set | display xml`), /syntax error/);
  assert.match(await shell.fails('show | compare | display xml'), /not shown in other formats/);
});
test('delete alone asks, and deletes what is at the level where it was asked', async () => {
  const shell = (await Bench.open()).session();
  await shell.run(`edit ${GROUP}`);
  assert.equal(await shell.answer('delete', 'no'), '');
  assert.equal(await shell.run('show | compare'), '');
  await shell.answer('up delete', 'yes');
  assert.equal(await shell.run('top show services'), '');
  assert.match(await shell.run('top show access'), /harbour_lacs/);
});
test('wildcard delete tells what it matched, and asks', async () => {
  const shell = (await Bench.open()).session();
  await shell.all('edit interfaces sp-1/2/0', 'set unit 31 family inet', 'set unit 32 family inet');
  const reply = await shell.reply('wildcard delete unit 3.');
  assert.match(reply.text, /matched: unit 31[\s\S]*matched: unit 32[\s\S]*Delete 2 objects\?/);
  await shell.session.provide('yes');
  assert.ok(!(await shell.run('show')).includes('unit 3'));
  assert.match(await shell.run('show'), /unit 20/);
});

const WRONG: readonly [line: string, column: number | undefined, text: RegExp][] = [
  ['frobnicate', 0, /^unknown command\.$/],
  ['s services', 0, /^'s' is ambiguous\.\nPossible completions:\n {2}save/],
  ['set services l2tpp', 13, /^syntax error\.$/],
  [`set ${GROUP} hello-interval 70000`, 54, /^error: value 70000 is not within range \(0\.\.65535\)$/],
  [`set ${GROUP} hello-interval soon`, 54, /^error: invalid value 'soon'/],
  [`set ${GROUP} hello-interval`, 39, /^missing argument\.$/],
  [`set ${GROUP} hide-avps yes`, 49, /^syntax error\.$/],
  [
    `set ${GROUP} re 5`,
    39,
    /^'re' is ambiguous\.\nPossible completions:\n {2}receive-window[\s\S]*retransmit-interval/,
  ],
  ['set', undefined, /^missing argument\.$/],
  ['set services l2tp tunnel-group "x', 31, /^unterminated string\.$/],
  ['set access profile p authentication-order [ radius', undefined, /missing '\]'/],
  ['rollback 50', undefined, /^error: value 50 is not within range \(0\.\.49\)$/],
  ['rollback 7', undefined, /no such configuration/],
  ['commit sometime', 7, /^syntax error\.$/],
  ['show | shout', 7, /^syntax error\.$/],
  ['show | match "["', 7, /regular expression/],
  ['load', undefined, /^missing argument\.$/],
  ['load somehow terminal', 5, /^syntax error\.$/],
  ['load merge /etc/x', undefined, /^error: files cannot be read from here$/],
];
for (const [line, column, text] of WRONG)
  test(`7.4: '${line}' is told where it is wrong, and changes nothing`, async () => {
    const shell = (await Bench.open()).session();
    const reply = await shell.reply(line);
    assert.equal(reply.ok, false);
    assert.equal(reply.column, column);
    assert.match(reply.text.trimEnd(), text);
    assert.equal(shell.session.modified, false);
    assert.equal(await shell.run('show | compare'), '');
  });

// Commits.

test('7.3: commit, commit check, comment and and-quit', async () => {
  const bench = await Bench.open();
  const shell = bench.session();
  await shell.run(`set ${GROUP} hello-interval 15`);
  assert.equal(await shell.run('commit check'), 'configuration check succeeds\n');
  assert.equal(shell.session.modified, true);
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 60_000);
  assert.equal(await shell.run('commit comment "quieter"'), 'commit complete\n');
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 15_000);
  assert.deepEqual(bench.applied.at(-1)!.difference.changedGroups, ['harbour']);
  assert.equal(shell.session.modified, false);
  assert.equal(bench.store.history[0]!.comment, 'quieter');
  await shell.run(`set ${GROUP} hello-interval 16`);
  const reply = await shell.reply('commit and-quit');
  assert.deepEqual([reply.text, reply.leave], ['commit complete\nExiting configuration mode\n', true]);
  assert.equal(bench.store.sessions.size, 0);
});
test('7.4: a commit with mistakes tells all of them in their places, and puts nothing in force', async () => {
  const bench = await Bench.open();
  const shell = bench.session();
  await shell.all(
    `set ${GROUP} l2tp-access-profile nobody`,
    'set access profile harbour_users client joe ppp framed-pool puddle',
  );
  assert.equal(
    await shell.fails('commit'),
    `[edit access profile harbour_users client joe ppp]
  'framed-pool puddle'
    referenced address pool must be defined
[edit services l2tp tunnel-group harbour]
  'l2tp-access-profile nobody'
    referenced access profile must be defined
error: configuration check-out failed
`,
  );
  assert.equal(await shell.fails('commit check'), await shell.fails('commit'));
  assert.equal(bench.store.history.length, 1);
  assert.equal(bench.applied.length, 1);
  assert.equal(shell.session.modified, true);
});
test('7.3: show | compare and rollback N; rollback 0 discards changes', async () => {
  const shell = (await Bench.open()).session();
  await shell.all(`set ${GROUP} hello-interval 15`, 'commit', `set ${GROUP} hello-interval 16`, 'commit');
  assert.equal(await shell.run('show | compare rollback 2'), `[edit ${GROUP}]\n+    hello-interval 16;\n`);
  assert.equal(await shell.run('rollback 1'), 'load complete\n');
  assert.equal(
    await shell.run('show | compare'),
    `[edit ${GROUP}]\n-    hello-interval 16;\n+    hello-interval 15;\n`,
  );
  assert.equal(await shell.run('rollback'), 'load complete\n');
  assert.equal(await shell.run('show | compare'), '');
  await shell.all('rollback 2', 'commit');
  assert.equal(await shell.run('show | compare rollback 1'), `[edit ${GROUP}]\n-    hello-interval 16;\n`);
});
test('7.3: commit confirmed takes itself back when nobody confirms', async () => {
  const bench = await Bench.open();
  const shell = bench.session();
  await shell.run(`set ${GROUP} hello-interval 15`);
  const text = await shell.run('commit confirmed 5');
  assert.match(
    text,
    /^commit confirmed will be automatically rolled back in 5 minutes unless confirmed\ncommit complete\n/,
  );
  assert.equal(bench.store.deadline(), bench.now + 5 * 60_000);
  await bench.store.handleTimeout(bench.store.deadline() - 1);
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 15_000);
  bench.now = bench.store.deadline();
  await bench.store.handleTimeout(bench.now);
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 60_000);
  assert.equal(bench.store.deadline(), Number.POSITIVE_INFINITY);
  assert.match(bench.told.join(), /commit of 2026-05-12 08:00:00 UTC by kim was not confirmed and is rolled back/);
  assert.equal(await shell.run('show | compare'), '');
});
test('a commit confirms; a second commit confirmed goes back to where the first would', async () => {
  const bench = await Bench.open();
  const shell = bench.session();
  await shell.all(`set ${GROUP} hello-interval 15`, 'commit confirmed', 'commit');
  assert.equal(bench.store.deadline(), Number.POSITIVE_INFINITY);
  await shell.all(
    `set ${GROUP} hello-interval 16`,
    'commit confirmed 1',
    `set ${GROUP} hello-interval 17`,
    'commit confirmed 2',
  );
  bench.now += 120_000;
  await bench.store.handleTimeout(bench.now);
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 15_000);
});
test('warnings are told, and the commit goes on', async () => {
  const shell = (await Bench.open()).session();
  await shell.run(`set ${GROUP} retransmit-interval 5`);
  assert.equal(
    await shell.run('commit'),
    `[edit ${GROUP}]\n  'retransmit-interval 5'\n    warning: RFC 2661 section 5.8 asks for a ceiling of no less than 8 seconds\ncommit complete\n`,
  );
});
test('leaving with changes asks; a shared candidate stays for the next', async () => {
  const bench = await Bench.open();
  const shell = bench.session();
  await shell.run(`set ${GROUP} hello-interval 15`);
  assert.match((await shell.reply('exit')).text, /has been changed but not committed\nExit with uncommitted changes\?/);
  assert.equal((await shell.session.provide('no')).leave, undefined);
  await shell.reply('exit');
  assert.equal((await shell.session.provide('')).leave, true);
  const next = bench.session();
  assert.match(next.session.greeting, /The configuration has been changed but not committed/);
  assert.match(await next.run('show | compare'), /hello-interval 15/);
});

// Several operators.

test('two shared operators edit one candidate', async () => {
  const bench = await Bench.open();
  const [kim, ola] = [bench.session(), bench.session('shared', { user: 'ola', terminal: 'p1', pid: 4712 })];
  assert.match(
    ola.session.greeting,
    /Current configuration user:\n {2}kim terminal p0 \(pid 4711\) on since 2026-05-12 08:00:00 UTC\n {6}\[edit\]/,
  );
  await kim.run(`set ${GROUP} hello-interval 15`);
  assert.match(await ola.run('show | compare'), /hello-interval 15/);
  assert.match(await ola.run('status'), /^Users currently editing the configuration:\n {2}kim [\s\S]* {2}ola /);
});
test('exclusive: nobody else changes or commits, and what is not committed goes at the end', async () => {
  const bench = await Bench.open();
  const kim = bench.session('exclusive');
  assert.match(kim.session.greeting, /^warning: uncommitted changes will be discarded on exit\n/);
  await kim.run(`set ${GROUP} hello-interval 15`);
  assert.throws(
    () => bench.session('shared', { user: 'ola' }),
    /^ConfigError: configuration database locked by:\n {2}kim terminal p0 \(pid 4711\) on since [\s\S]*exclusive \[edit\]/,
  );
  kim.session.close();
  assert.equal(bench.store.candidateChanged, false);
  const ola = bench.session('shared', { user: 'ola' });
  const second = bench.session('exclusive');
  assert.match(await ola.fails(`set ${GROUP} hello-interval 16`), /^error: configuration database locked by:/);
  assert.match(await ola.fails('commit'), /^error: configuration database locked by:/);
  second.session.close();
  await ola.run(`set ${GROUP} hello-interval 16`);
  assert.throws(() => bench.session('exclusive'), /configuration database modified/);
  assert.throws(() => bench.session('private'), /shared configuration database modified/);
});
test('private: each commits its own changes, and they come together', async () => {
  const bench = await Bench.open();
  const kim = bench.session('private');
  const ola = bench.session('private', { user: 'ola' });
  await kim.all(`set ${GROUP} hello-interval 15`, 'set access address-pool extra address 203.0.113.0/24');
  await ola.all(
    `set ${GROUP} receive-window 9`,
    'delete access profile harbour_users client mara',
    'set system host-name lns-1',
  );
  assert.equal(await ola.run('commit'), 'commit complete\n');
  assert.equal(await kim.run('commit'), 'commit complete\n');
  const { tunnelGroups, pools, hostName } = bench.store.config;
  assert.deepEqual([tunnelGroups[0]!.helloIntervalMs, tunnelGroups[0]!.receiveWindow], [15_000, 9]);
  assert.deepEqual([[...pools.keys()], hostName], [['quay', 'extra'], 'lns-1']);
  assert.equal(tunnelGroups[0]!.userProfile.clients.size, 0);
});
test('private: one statement changed in two ways is a conflict; update takes theirs and goes on', async () => {
  const bench = await Bench.open();
  const kim = bench.session('private');
  const ola = bench.session('private', { user: 'ola' });
  await kim.all(`set ${GROUP} hello-interval 15`, `set ${GROUP} tunnel-timeout 99`);
  await ola.all(`set ${GROUP} hello-interval 16`, 'commit');
  assert.match(
    await kim.fails('commit'),
    /^\[edit services l2tp tunnel-group harbour\]\n {2}'hello-interval 15;'\n {4}statement was changed by another user\nerror: /,
  );
  assert.match(await kim.run('update'), /warning: changed by another user; theirs is kept/);
  assert.equal(await kim.run('show | compare'), `[edit ${GROUP}]\n+    tunnel-timeout 99;\n`);
  await kim.run('commit');
  assert.equal(bench.store.config.tunnelGroups[0]!.helloIntervalMs, 16_000);
});
test('private: what one deleted and the other changed is a conflict', async () => {
  const bench = await Bench.open();
  const kim = bench.session('private');
  const ola = bench.session('private', { user: 'ola' });
  await kim.run('delete access profile harbour_users client mara');
  await ola.all('set access profile harbour_users client mara ppp idle-timeout 9', 'commit');
  assert.match(await kim.fails('commit'), /'client mara'\n {4}statement was changed by another user/);
});

// Load and save.

test('7.3: load merge, replace, override, update, set and relative', async () => {
  const shell = (await Bench.open()).session();
  const load = (how: string, text: string): Promise<string> => shell.answer(`load ${how} terminal`, text);
  assert.equal(await load('merge', `services l2tp tunnel-group harbour hello-interval 15;`), 'load complete\n');
  assert.equal(await shell.run(`show ${GROUP} hello-interval`), 'hello-interval 15;\n');
  assert.equal(
    await load(
      'replace',
      'access { address-pool quay { address 198.51.100.0/25; } replace: group-profile berths { ppp { keepalive 3; } } }',
    ),
    'load complete\n',
  );
  assert.equal(await shell.run('show access group-profile berths'), 'ppp {\n    keepalive 3;\n}\n');
  assert.equal(await load('merge', 'access { delete: address-pool quay; }'), 'load complete\n');
  assert.ok(!(await shell.run('show access')).includes('quay'));
  await shell.run(`edit ${GROUP}`);
  assert.equal(await load('set', 'set top\n'), 'terminal:1:(5) syntax error.\nload complete (1 error)\n');
  assert.equal(
    await shell.answer('load set terminal relative', 'set hide-avps\ndelete hello-interval\ndeactivate hide-avps\n'),
    'load complete\n',
  );
  assert.match(await shell.run('show'), /inactive: hide-avps;/);
  assert.equal(await shell.answer('load merge terminal relative', 'tunnel-timeout 50;'), 'load complete\n');
  assert.match(await shell.run('show'), /tunnel-timeout 50;/);
  await shell.run('top');
  assert.equal(await load('override', configuration()), 'load complete\n');
  assert.equal(
    await shell.run('show | compare | except secret'),
    '[edit access profile harbour_lacs client lac-a l2tp]\n[edit access profile harbour_users client mara]\n',
  );
});
test('load patch takes what show | compare prints, on another router or at a level; what does not fit is told', async () => {
  const shell = (await Bench.open()).session();
  await shell.run(`set ${GROUP} hello-interval 15`);
  await shell.run('set services l2tp tunnel-group inland hide-avps');
  await shell.run('insert services l2tp tunnel-group inland before services l2tp tunnel-group harbour');
  await shell.run('deactivate access address-pool quay');
  await shell.run('delete access profile harbour_users client mara');
  await shell.run('annotate access group-profile berths "all of them"');
  const patch = await shell.run('show | compare');
  const wanted = await shell.run('show');
  const other = (await Bench.open()).session();
  assert.equal(await other.answer('load patch terminal', patch), 'load complete\n');
  assert.equal(await other.run('show'), wanted);
  assert.equal(
    await other.answer('load patch terminal', `[edit ${GROUP}]\n-    hello-interval 99;\n`),
    'terminal:2:(1) warning: statement not found\nload complete (1 error)\n',
  );
  await other.run('edit services l2tp');
  assert.equal(
    await other.answer(
      'load patch terminal relative',
      '[edit tunnel-group harbour]\n-    hello-interval 15;\n+    hello-interval 20;\n+    hello-interval x;\nfrob\n',
    ),
    `terminal:4:(21) error: invalid value 'x': a number is expected
  [edit services l2tp tunnel-group harbour]
    'services l2tp tunnel-group harbour hello-interval x;'
      invalid value 'x': a number is expected
terminal:5:(1) error: not a line of a patch
load complete (2 errors)
`,
  );
  assert.match(await other.run('show tunnel-group harbour'), /hello-interval 20;/);
});

test('7.4: a load tells each mistake with line and column, and loads the rest', async () => {
  const shell = (await Bench.open()).session();
  const reply = await shell.answer(
    'load merge terminal',
    'services {\n    l2tp {\n        foo;\n        tunnel-group harbour { hello-interval 70000; receive-window 7; }\n    }\n}\n',
  );
  assert.equal(
    reply,
    `terminal:3:(9) syntax error: foo
  [edit services l2tp]
    'foo;'
      syntax error
terminal:4:(47) error: value 70000 is not within range (0..65535)
  [edit services l2tp tunnel-group harbour]
    'hello-interval 70000;'
      value 70000 is not within range (0..65535)
load complete (2 errors)
`,
  );
  assert.equal(await shell.run('show | compare'), `[edit ${GROUP}]\n+    receive-window 7;\n`);
});
test('load and save files as the operator sees them', async () => {
  const files = new Map([['a.conf', `services l2tp tunnel-group harbour hello-interval 15;`]]);
  const shell = (await Bench.open()).session('shared', {
    readFile: async (path) => files.get(path) ?? Promise.reject(new Error('no such file')),
    writeFile: async (path, text) => void files.set(path, text),
  });
  assert.equal(await shell.run('load merge a.conf'), 'load complete\n');
  assert.match(await shell.fails('load merge b.conf'), /^error: could not read 'b.conf': no such file/);
  await shell.run(`edit ${GROUP}`);
  assert.match(await shell.run('save c.conf'), /^Wrote 7 lines of configuration to 'c.conf'/);
  assert.match(files.get('c.conf')!, /^hello-interval 15;\n/);
  await shell.run('top show | display set | save d.set');
  assert.match(files.get('d.set')!, /^set services/);
});

// Shows.

test('display set, xml, json and inheritance, at a level and for a part', async () => {
  const text = configuration({
    top: 'groups { g { services { l2tp { tunnel-group <*> { hello-interval 15; } } } } } apply-groups g;',
  });
  const shell = (await Bench.open(text)).session();
  await shell.run('edit services l2tp');
  assert.match(
    await shell.run('show | display set'),
    /^set services l2tp tunnel-group harbour l2tp-access-profile harbour_lacs\n/,
  );
  assert.match(
    await shell.run('show | display set relative'),
    /^set tunnel-group harbour l2tp-access-profile harbour_lacs\n/,
  );
  assert.match(
    await shell.run('show tunnel-group harbour | display xml'),
    /<tunnel-group>\n {20}<name>harbour<\/name>/,
  );
  assert.equal(
    JSON.parse(await shell.run('show tunnel-group harbour | display json')).configuration.services.l2tp[
      'tunnel-group'
    ][0].name,
    'harbour',
  );
  assert.match(
    await shell.run('show tunnel-group harbour | display inheritance'),
    /^##\n## '15' was inherited from group 'g'\n##\nhello-interval 15;\n/,
  );
  assert.equal(await shell.run('show | match access-profile | count'), 'Count: 2 lines\n');
  assert.equal(
    await shell.run('show | match access | except ppp | last 1 | trim 4'),
    'l2tp-access-profile harbour_lacs;\n',
  );
  assert.equal((await shell.reply('show | no-more')).noMore, true);
});
test('show at the top says when it was changed; a part that is not there is nothing', async () => {
  const shell = (await Bench.open()).session();
  assert.match(await shell.run('show'), /^## Last changed: 2026-05-12 08:00:00 UTC\nservices \{/);
  assert.equal(await shell.run('show snmp'), '');
});

// Completion.

test('completion: commands, statements, names, values and live names', async () => {
  const shell = (await Bench.open()).session('shared', {
    liveValues: (kind) => (kind === 'services-pic' ? [{ word: 'sp-0/1/0', description: 'Adaptive Services-II' }] : []),
  });
  assert.deepEqual(shell.words('de'), ['deactivate', 'delete']);
  assert.deepEqual(shell.words('set services l2tp '), [
    'apply-groups',
    'apply-groups-except',
    'traceoptions',
    'tunnel-group',
  ]);
  assert.deepEqual(shell.words('set services l2tp tunnel-group '), ['<name>', 'harbour']);
  assert.deepEqual(shell.words(`set ${GROUP} h`), ['hello-interval', 'hide-avps']);
  assert.deepEqual(shell.words(`set ${GROUP} hide-avps `), ['<[Enter]>']);
  assert.deepEqual(shell.words(`set ${GROUP} ppp-access-profile `), [
    '<ppp-access-profile>',
    'harbour_lacs',
    'harbour_users',
  ]);
  assert.deepEqual(shell.words('set services l2tp traceoptions flag st'), ['states', 'stats']);
  assert.deepEqual(shell.words('set interfaces s'), ['<interface-name>', 'sp-1/2/0', 'sp-0/1/0']);
  assert.deepEqual(shell.words('set access profile harbour_lacs client lac-a l2tp interface-id '), [
    '<interface-id>',
    'harbour',
  ]);
  assert.deepEqual(shell.words(`delete ${GROUP} `), [
    '<[Enter]>',
    'l2tp-access-profile',
    'local-gateway',
    'ppp-access-profile',
    'service-interface',
  ]);
  assert.deepEqual(shell.words('set access profile p authentication-order [ '), ['none', 'password', 'radius', ']']);
  assert.deepEqual(shell.words('show | dis'), ['display']);
  assert.deepEqual(shell.words('show | display '), ['inheritance', 'json', 'set', 'xml']);
  assert.deepEqual(shell.words('rename services l2tp tunnel-group harbour '), [
    'to',
    'l2tp-access-profile',
    'local-gateway',
    'ppp-access-profile',
    'service-interface',
  ]);
  await shell.run('edit services l2tp');
  assert.deepEqual(shell.words('set tunnel-group '), ['<name>', 'harbour']);
  assert.deepEqual(shell.words('top set access address-pool '), ['<name>', 'quay']);
  assert.deepEqual(shell.words('frob '), []);
  assert.deepEqual(shell.words('set nowhere '), []);
});
test('completion tells range, unit and default, and a secret’s value never', async () => {
  const shell = (await Bench.open()).session();
  const [value] = shell.session.complete(`set ${GROUP} hello-interval `, 60);
  assert.equal(value!.description, 'Silence before a HELLO; 0 sends none (0..65535) seconds; 60 unless set');
  const told = JSON.stringify(shell.session.complete('set access profile harbour_users client mara chap-secret ', 60));
  assert.ok(!told.includes('$9$'));
});
