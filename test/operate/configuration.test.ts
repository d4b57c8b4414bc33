import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { MemoryDisk } from '../../src/config/disk.ts';
import { ConfigurationStore } from '../../src/config/store.ts';
import { StoreAccess } from '../../src/operate/configuration.ts';
import { type EditState, OperatorConversation } from '../../src/operate/conversation.ts';
import type { UserClass } from '../../src/operate/types.ts';
import type { AskFile, End, Question } from '../../src/server/socket.ts';
import { configuration, Pair } from '../server/pair.ts';
import { desk } from './desk.ts';

interface Operator {
  conversation: OperatorConversation;
  pushed: string[];
  /** A line of configuration mode; `input` where it goes on. */
  edit(line: string, input?: string): Promise<{ text: string; state: EditState; end: End }>;
  run(line: string): Promise<{ text: string; end: End }>;
  possible(line: string): Promise<string[]>;
  files: AskFile[];
}
async function shop(
  t: TestContext,
): Promise<{ pair: Pair; store: ConfigurationStore; enter: (name?: string, of?: UserClass) => Operator }> {
  const pair = await Pair.start();
  t.after(() => pair.close());
  const disk = new MemoryDisk();
  await disk.writeActive(configuration());
  let number = 0;
  const store = await ConfigurationStore.open({
    disk,
    platform: 'm10i',
    apply: async (next, previous) => {
      if (previous !== null) await pair.lns.reconfigure(next);
    },
    now: () => Date.parse('2026-05-12T08:14:31Z'),
    random: () => (number = (number + 0.37) % 1),
  });
  const { operator } = desk(pair.lns, { configuration: new StoreAccess(store) });
  const enter = (name = 'kim', of: UserClass = 'full'): Operator => {
    const pushed: string[] = [];
    const files: AskFile[] = [];
    const conversation = new OperatorConversation(
      operator,
      { name, class: of },
      (text) => void pushed.push(text),
      4711,
    );
    const ask = async (request: Question): Promise<{ text: string; end: End }> => {
      let text = '';
      const end = await conversation.answer(request, {
        out: async (piece) => {
          text += piece;
        },
        signal: new AbortController().signal,
        file: async (ask) => {
          files.push(ask);
          if (ask.do === 'write') return '';
          if (ask.path !== 'more.conf') throw new Error('no such file or directory');
          return 'services { l2tp { tunnel-group test { tunnel-timeout 99; } } }';
        },
      });
      return { text, end };
    };
    return {
      conversation,
      pushed,
      files,
      run: (line) => ask({ id: 1, op: 'run', line, format: 'text', columns: 80 }),
      edit: async (line, input) => {
        const { text, end } = await ask({ id: 1, op: 'edit', line, input: input ?? null });
        return { text, end, state: (end as { value?: { edit?: EditState } }).value?.edit as EditState };
      },
      possible: async (line) => {
        const { end } = await ask({ id: 1, op: 'complete', line, mode: 'configure' });
        return (end as { value: { possible: { text: string }[] } }).value.possible.map(({ text }) => text);
      },
    };
  };
  return { pair, store, enter };
}

test('configure, set, show | compare, commit, rollback: over the connection, and in force', async (t) => {
  const { pair, enter } = await shop(t);
  const kim = enter();
  assert.deepEqual((await kim.edit('show')).end, { end: 'error', message: 'not in configuration mode' });
  const entered = await kim.run('configure');
  assert.equal(entered.text, 'Entering configuration mode\n');
  await kim.edit('edit services l2tp tunnel-group test');
  const set = await kim.edit('set hello-interval 45');
  assert.deepEqual(set.state, {
    banner: '[edit services l2tp tunnel-group test]',
    ok: true,
    column: null,
    needsInput: null,
  });
  assert.equal(
    (await kim.edit('top show | compare')).text,
    '[edit services l2tp tunnel-group test]\n+    hello-interval 45;\n',
  );
  assert.equal((await kim.edit('commit comment "a reason"')).text, 'commit complete\n');
  assert.equal(pair.lns.config.tunnelGroups[0]!.helloIntervalMs, 45_000);
  const wrong = await kim.edit('set hello-interval 70000');
  assert.equal(wrong.state.ok, false);
  assert.match(wrong.text, /70000/);
  assert.equal(wrong.state.column, 19);
  await kim.edit('top');
  await kim.edit('rollback 1');
  const left = await kim.edit('commit and-quit');
  assert.equal(left.state.banner, null);
  assert.equal(pair.lns.config.tunnelGroups[0]!.helloIntervalMs, 60_000);
  assert.equal(
    (await kim.run('show system commit')).text,
    '0   2026-05-12 08:14:31 UTC by kim via cli\n1   2026-05-12 08:14:31 UTC by kim via cli\n    a reason\n2   2026-05-12 08:14:31 UTC by root via file\n',
  );
});

test('a rollback to the file as it was written finds no change of secrets', async (t) => {
  const { enter } = await shop(t);
  const kim = enter();
  await kim.run('configure');
  await kim.edit('set system host-name other');
  await kim.edit('commit');
  await kim.edit('rollback 1');
  assert.match(
    (await kim.edit('show | compare')).text,
    /^\[edit system\]\n- +host-name other;\n\+ +host-name lns-test;\n$/,
  );
});

test('load and save are files of the operator; what cannot be read is told', async (t) => {
  const { enter } = await shop(t);
  const kim = enter();
  await kim.run('configure');
  assert.equal((await kim.edit('load merge more.conf')).text, 'load complete\n');
  assert.match((await kim.edit('show | compare')).text, /\+ {4}tunnel-timeout 99;/);
  const none = await kim.edit('load merge none.conf');
  assert.deepEqual(
    [none.state.ok, none.text],
    [false, "error: could not read 'none.conf': no such file or directory\n"],
  );
  await kim.edit('save all.conf');
  assert.deepEqual(
    kim.files.map(({ do: what, path }) => `${what} ${path}`),
    ['read more.conf', 'read none.conf', 'write all.conf'],
  );
  assert.match(kim.files[2]!.text!, /tunnel-timeout 99;/);
});

test('two operators: one holds the database, both see what the other does, a lost connection gives it back', async (t) => {
  const { store, enter } = await shop(t);
  const kim = enter('kim');
  const ola = enter('ola');
  await kim.run('configure exclusive');
  assert.match(JSON.stringify((await ola.run('configure')).end), /configuration database locked by:.*kim.*pid 4711/);
  await kim.edit('set system host-name half-done');
  kim.conversation.close();
  assert.equal(store.sessions.size, 0);
  assert.equal((await ola.run('configure')).text, 'Entering configuration mode\n');
  assert.equal((await ola.edit('show | compare')).text, '', 'an exclusive candidate goes with its operator');
  const eva = enter('eva');
  assert.match((await eva.run('configure')).text, /Current configuration user:\n {2}ola terminal/);
});

test('exit asks about what is not committed, and the answer goes on with it', async (t) => {
  const { enter } = await shop(t);
  const kim = enter();
  await kim.run('configure exclusive');
  await kim.edit('set system host-name x');
  const asked = await kim.edit('exit');
  assert.equal(asked.state.needsInput, 'confirm');
  assert.equal((await kim.edit('exit', 'no')).state.banner, '[edit]');
  await kim.edit('exit');
  assert.equal((await kim.edit('exit', 'yes')).state.banner, null);
});

test('show configuration: a part, in every format, compared; configuring and seeing it need the right class', async (t) => {
  const { enter } = await shop(t);
  const kim = enter();
  assert.match((await kim.run('show configuration')).text, /^## Last c[\s\S]*system \{\n {4}host-name lns-test;\n\}/);
  assert.equal((await kim.run('show configuration system')).text, 'host-name lns-test;\n');
  assert.equal((await kim.run('show configuration system | display set')).text, 'set system host-name lns-test\n');
  assert.match((await kim.run('show configuration frob')).end.end, /error/);
  assert.match(JSON.stringify((await kim.run('show version | display set')).end), /syntax error/);
  for (const permission of ['view', 'operate'] as const) {
    const other = enter('noc', permission);
    for (const line of ['configure', 'show configuration'])
      assert.equal((await other.run(line)).end.end, 'fault', `${permission}: ${line}`);
    assert.match((await other.run('show system commit')).text, /via file/);
  }
});

test('completion: statements in configuration mode, and behind show configuration', async (t) => {
  const { enter } = await shop(t);
  const kim = enter();
  assert.ok((await kim.possible('show configuration services l2tp ')).includes('tunnel-group'));
  assert.deepEqual(await kim.possible('show configuration services l2tp tunnel-group t'), ['test']);
  await kim.run('configure');
  assert.ok((await kim.possible('set services l2tp tunnel-group test ')).includes('hello-interval'));
  assert.ok((await kim.possible('comm')).includes('commit'));
});

test('no line and no order of lines gets an exception out of a conversation', async (t) => {
  const { enter } = await shop(t);
  const words = [
    'show',
    'clear',
    'services',
    'l2tp',
    'tunnel',
    'session',
    'all',
    'extensive',
    'configure',
    'private',
    'set',
    'system',
  ];
  const more = [
    'host-name',
    'x',
    'commit',
    'check',
    'rollback',
    '0',
    '1',
    'exit',
    'yes',
    'top',
    'edit',
    'up',
    '|',
    'display',
    'set',
  ];
  const odd = [
    'compare',
    'configuration',
    '"',
    '\\\\',
    '{',
    ';',
    '?',
    '-1',
    '65536',
    'help',
    'apropos',
    'monitor',
    'restart',
    'é\u0000',
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          fc.boolean(),
          fc.oneof(
            fc.array(fc.constantFrom(...words, ...more, ...odd), { maxLength: 6 }).map((all) => all.join(' ')),
            fc.string(),
          ),
        ),
        { maxLength: 8 },
      ),
      async (lines) => {
        const kim = enter();
        for (const [edit, line] of lines) {
          const { end } = edit ? await kim.edit(line) : await kim.run(line);
          assert.ok(['done', 'error', 'fault'].includes(end.end), line);
          await kim.possible(line);
        }
        kim.conversation.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('show system rollback: a former configuration, and what two of them differ in', async (t) => {
  const { enter } = await shop(t);
  const kim = enter();
  await kim.run('configure');
  await kim.edit('set services l2tp tunnel-group test hello-interval 33');
  assert.match((await kim.edit('commit and-quit')).text, /commit complete/);
  assert.match((await kim.run('show system rollback 0')).text, /hello-interval 33;/);
  const before = (await kim.run('show system rollback 1')).text;
  assert.ok(before.includes('tunnel-group test {') && !before.includes('hello-interval 33'));
  assert.match(
    (await kim.run('show system rollback compare 1 0')).text,
    /^\[edit services l2tp tunnel-group test\]\n\+ +hello-interval 33;\n/,
  );
  assert.match(
    (await kim.run('show system rollback compare 0 1')).text,
    /^\[edit services l2tp tunnel-group test\]\n- +hello-interval 33;\n/,
  );
  for (const [line, message] of [
    ['show system rollback 9', 'rollback 9: no such configuration'],
    ['show system rollback 50', 'value 50 is not within range (0..49)'],
    ['show system rollback x', "invalid value 'x': a number is expected"],
    ['show system rollback compare 1', 'two numbers are expected'],
    ['show system rollback compare 1 9', 'one of them is not there'],
  ] as const) {
    const { end } = await kim.run(line);
    assert.deepEqual(end, { end: 'error', message }, line);
  }
  const { end } = await enter('pat', 'operate').run('show system rollback 0');
  assert.notEqual(end.end, 'done');
});
