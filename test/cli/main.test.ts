import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { configuration } from '../server/pair.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
const lns = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: root });

/** A server in a process of its own. */
async function server(
  t: TestContext,
  extra = '',
): Promise<{ child: ChildProcess; folder: string; socket: string; port: string; log: () => string }> {
  const folder = mkdtempSync(join(tmpdir(), 'lns-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'lns.conf');
  writeFileSync(file, configuration() + extra);
  const socket = join(folder, 'socket');
  const child = spawn(process.execPath, [main, 'run', file, '--net', 'embedded', '--port', '0', '--socket', socket]);
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      log += chunk.toString();
      if (log.includes(' commands ')) resolve();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('exit', (code) => reject(new Error(`it ended with ${code}: ${log}`)));
  });
  child.removeAllListeners('exit');
  return { child, folder, socket, port: / port=(\d+)/.exec(log)![1]!, log: () => log };
}

test('arguments that make no sense get one clear line and status 2', () => {
  for (const [args, text] of [
    [['frob'], /unknown command 'frob'/],
    [['run'], /missing required argument 'file'/],
    [['run', '--shards', '0', 'x'], /whole number from 1 to 64/],
    [['run', '--net', 'bridge', 'x'], /Allowed choices are tun, embedded, none/],
    [['run', '--port', 'x', 'x'], /whole number/],
    [['check', '--platform', 'mx240', 'x'], /L2TP services run only on M7i, M10i and M120/],
    [['dial'], /required option '--server/],
    [['dial', '--server', '127.0.0.1', '--loss', '2'], /from 0 to below 1/],
    [['show'], /missing required argument/],
  ] as const) {
    const { status, stderr, stdout } = lns(...args);
    assert.equal(status, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, text);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});

test('help names every command, and version the version', () => {
  const { status, stdout } = lns('--help');
  assert.equal(status, 0);
  for (const name of ['run', 'check', 'dial', 'demo', 'decode', 'show', 'clear', 'request', 'cli'])
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
  assert.match(lns('--version').stdout, /^\d+\.\d+\.\d+\n$/);
});

test('files and servers that are not there are said in one line, status 1', () => {
  for (const args of [
    ['check', 'nowhere.conf'],
    ['run', 'nowhere.conf'],
    ['decode', 'nowhere.pcap'],
    ['show', 'summary', '--socket', '/nowhere'],
  ]) {
    const { status, stderr } = lns(...args);
    assert.equal(status, 1, args.join(' '));
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});

test('check says that a file is right, or what is wrong and where; run does not start with errors', (t) => {
  assert.deepEqual(lns('check', 'examples/demo.conf').stdout, 'configuration check succeeds\n');
  const folder = mkdtempSync(join(tmpdir(), 'lns-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'bad.conf');
  writeFileSync(file, 'services {\n  l2tp {\n    frobnicate 3;\n  }\n}\n');
  for (const command of ['check', 'run']) {
    const { status, stderr } = lns(command, file);
    assert.equal(status, 1);
    assert.match(stderr, /bad\.conf:3:\(5\) syntax error: frobnicate\n {2}\[edit services l2tp\]/);
  }
});

test('run, dial, show, cli and SIGTERM: a server from its start to its end', async (t) => {
  const { child, folder, socket, port, log } = await server(t);
  assert.equal(statSync(socket).mode & 0o777, 0o660);
  const dialled = spawn(
    process.execPath,
    [
      ...[main, 'dial', '--server', '127.0.0.1', '--port', port, '--tunnels', '2', '--sessions', '2', '--user', 'user'],
      ...['--traffic', '500', '--duration', '0', '--json'],
    ],
    { env: { ...process.env, LNS_SECRET: 'test secret', LNS_PASSWORD: 'password' } },
  );
  let summary = '';
  dialled.stdout.on('data', (chunk: Buffer) => {
    summary += chunk.toString();
  });
  for (let n = 0; n < 200 && (log().match(/session-up/g) ?? []).length < 4; n++)
    await new Promise((resolve) => setTimeout(resolve, 25));
  assert.match(lns('show', 'services', 'l2tp', 'summary', '--socket', socket).stdout, /^Tunnels: 2, Sessions: 4\n/);
  assert.match(lns('show', 'tunnel', '--socket', socket).stdout, /Established/);
  const json = JSON.parse(lns('show', 'session', '--json', '--socket', socket).stdout);
  assert.equal(json['service-l2tp-session-information'][0]['l2tp-per-tunnel-session-table'].length, 2);
  assert.match(lns('show', 'session', '|', 'count', '--socket', socket).stdout, /^Count: 10 lines\n$/);
  const saved = join(folder, 'saved');
  assert.match(
    lns('cli', '-c', `show version | match wasm | save ${saved}`, '--socket', socket).stdout,
    /^Wrote 1 line of output to '.*saved'\n$/,
  );
  assert.match(readFileSync(saved, 'utf8'), /^wasm-lns \[/);
  const wrong = lns('show', 'services', 'l2tp', 'frob', '--socket', socket);
  assert.equal(wrong.status, 2);
  assert.equal(wrong.stderr, 'show services l2tp frob\n                   ^\nsyntax error, expecting <command>.\n');
  const failed = lns('show', 'interfaces', 'ge-0/0/0', '--socket', socket);
  assert.deepEqual([failed.status, failed.stderr], [1, 'error: device ge-0/0/0 not found\n']);
  // The last command stands without a line feed, and the pipe closes with or without exit.
  for (const input of ['show services l2tp summary\nshow frob\nexit\n', 'show frob\nshow serv l2 sum']) {
    const prompt = spawnSync(process.execPath, [main, 'cli', '--socket', socket], {
      input,
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(prompt.status, 1);
    assert.match(prompt.stdout, /^Tunnels: 2, Sessions: 4\n/);
    assert.equal(prompt.stderr, 'show frob\n     ^\nsyntax error, expecting <command>.\n');
  }
  // exit ends it although the pipe stays open.
  const open = spawn(process.execPath, [main, 'cli', '--socket', socket]);
  open.stdin.write('show version\nexit\n');
  assert.equal(await new Promise((resolve) => open.on('exit', resolve)), 0);
  assert.match(lns('clear', 'session', 'user', 'nobody', '--socket', socket).stdout, /^$/);
  dialled.kill('SIGINT');
  await new Promise((resolve) => dialled.on('exit', resolve));
  const result = JSON.parse(summary);
  assert.deepEqual([result.tunnels, result.sessions, result.failed], [2, 4, 0]);
  assert.equal(result.traffic.lossPart, 0);
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
  assert.match(log(), / notice stopping signal=SIGTERM[\s\S]* notice stopped/);
  assert.throws(() => statSync(socket));
  for (const line of log()
    .trim()
    .split('\n')
    .filter((one) => /^\d{4}-/.test(one)))
    assert.match(line, /^\S+Z (error|warning|notice|info) [a-z-]+/);
  assert.doesNotMatch(log(), /test secret|password/);
});

test('a second server on the same socket or port says so and ends', async (t) => {
  const { folder, socket, port } = await server(t);
  const file = join(folder, 'lns.conf');
  const same = lns('run', file, '--net', 'embedded', '--port', '0', '--socket', socket);
  assert.equal(same.status, 1);
  assert.match(same.stderr, /another server answers on/);
  const other = lns('run', file, '--net', 'embedded', '--port', port, '--socket', join(folder, 'other'));
  assert.equal(other.status, 1);
  assert.match(other.stderr, /address in use/);
});

test('demo without a terminal prints plain lines and ends by itself', () => {
  const { status, stdout } = lns('demo', '--duration', '2', '--traffic', '2000');
  assert.equal(status, 0);
  assert.match(stdout, /6 tunnels and 30 of 30 sessions are up/);
  assert.match(stdout, /Shard 0 {2}up \d+ packets\/s {2}down \d+ packets\/s \| Shard 1/);
  const [, sent, received] = /sent (\d+), came back (\d+), damaged 0/.exec(stdout)!;
  assert.ok(Number(sent) > 2000);
  assert.equal(received, sent);
});
