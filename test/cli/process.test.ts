import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { configuration } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
let folder = '';
let file = '';
let ran = 0;
const children: ChildProcess[] = [];
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'lns-cli-'));
  file = join(folder, 'lns.conf');
  writeFileSync(file, configuration());
});
after(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function lns(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

interface Running {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly port: number;
  text: () => string;
  /** @returns exit status, or the signal */
  end: (signal?: NodeJS.Signals) => Promise<number | string | null>;
}
/** Starts `lns` and waits for `sign` in what it prints. */
async function start(args: string[], sign: RegExp): Promise<Running & { found: RegExpMatchArray }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let text = '';
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal)),
  );
  const found = await new Promise<RegExpMatchArray>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const match = sign.exec(text);
      if (match !== null) resolve(match);
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    setTimeout(() => reject(new Error(`it did not say ${sign}: ${text}`)), 20_000).unref();
    void ended.then((how) => reject(new Error(`it ended with ${how}: ${text}`)));
  });
  const end = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> => {
    child.kill(signal);
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('it did not end in time'), 10_000).unref());
    return Promise.race([ended, late]);
  };
  return { child, socket: args[args.indexOf('--socket') + 1] ?? '', port: 0, text: () => text, end, found };
}
const socketPath = (): string => join(folder, `s${++ran}`);
async function server(...args: string[]): Promise<Running> {
  const running = await start(
    ['run', file, '--net', 'none', '--shards', '1', '--port', '0', '--socket', socketPath(), ...args],
    /listening .*address=127\.0\.0\.1 port=(\d+)[\s\S]* ready [\s\S]*commands socket/,
  );
  return { ...running, port: Number(running.found[1]) };
}
const dialing = (port: number, ...args: string[]): string[] => [
  ...['dial', '--server', '127.0.0.1', '--port', String(port), '--secret', 'test secret'],
  ...['--user', 'user', '--password', 'password', ...args],
];

test('bad arguments: one clear line on standard error, exit status 2', () => {
  for (const [args, line] of [
    [['bogus'], /unknown command 'bogus'/],
    [['run'], /missing required argument 'file'/],
    [['run', file, 'more'], /too many arguments/],
    [['run', file, '--bogus'], /unknown option '--bogus'/],
    [['run', file, '--shards', '0'], /'--shards <n>' argument '0' is invalid/],
    [['run', file, '--shards', '1e1'], /'--shards <n>' argument '1e1' is invalid/],
    [['run', file, '--port', ''], /'--port <n>' argument '' is invalid/],
    [['run', file, '--port', '70000'], /a whole number from 0 to 65535/],
    [['run', file, '--net', 'ether'], /Allowed choices are tun, embedded, none/],
    [['run', file, '--platform', 'm5'], /M7i, M10i and M120/],
    [['check', file, '--platform', 'x'], /'x'/],
    [['dial'], /required option '--server <address>'/],
    [['dial', '--server', 'name.example'], /'name.example' is not an IP address/],
    [['dial', '--server', '127.0.0.1', '--target', '1.2.3'], /'1.2.3' is not an IP address/],
    [['dial', '--server', '127.0.0.1', '--hide'], /--hide needs the shared secret/],
    [['dial', '--server', '127.0.0.1', '--loss', ''], /'--loss <part>' argument '' is invalid/],
    [['dial', '--server', '127.0.0.1', '--loss', '1'], /from 0 to below 1/],
    [['dial', '--server', '127.0.0.1', '--size', '20'], /from 52 to 1500/],
    [['demo', '--net', 'none'], /Allowed choices are tun, embedded/],
    [['decode'], /missing required argument/],
    [['show'], /missing required argument/],
  ] as const) {
    const { status, stdout, stderr } = lns(...args);
    assert.match(stderr, line);
    assert.deepEqual([status, stdout, stderr.trimEnd().split('\n').length], [2, '', 1], `${args.join(' ')}: ${stderr}`);
  }
});

test('what cannot be done: one clear line, exit status 1', async () => {
  assert.match(lns('show', 'summary', '--socket', join(folder, 'nobody')).stderr, /^lns: no server answers on .*\n$/);
  assert.match(lns('run', folder).stderr, /^lns: .* cannot be read: it is a directory\n$/);
  assert.match(lns('check', join(folder, 'none')).stderr, /^lns: .* cannot be read: there is no such file\n$/);
  const broken = join(folder, 'broken.conf');
  writeFileSync(broken, 'services { l2tp { tunnel-group x { nonsense 1; } } }');
  const refused = lns('run', broken);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /broken\.conf:1:\(?\d+\)?/);
  const first = await server();
  for (const [args, line] of [
    [['--socket', first.socket, '--port', '0'], /another server answers on/],
    [['--socket', socketPath(), '--port', String(first.port)], /in use/],
    [['--socket', socketPath(), '--port', String(first.port), '--portable'], /EADDRINUSE/],
  ] as const) {
    const { status, stderr } = lns('run', file, '--net', 'none', ...args);
    assert.match(stderr, line);
    assert.deepEqual([status, stderr.split('\n').length], [1, 2], stderr);
  }
  assert.equal(await first.end(), 0);
});

test('a file that is no socket is left alone; a socket that a dead server left is taken over', async () => {
  const plain = join(folder, 'plain');
  writeFileSync(plain, 'precious');
  const { status, stderr } = lns('run', file, '--net', 'none', '--port', '0', '--socket', plain);
  assert.deepEqual([status, readFileSync(plain, 'utf8')], [1, 'precious']);
  assert.match(stderr, /is no socket/);
  const first = await server();
  await first.end('SIGKILL');
  assert.ok(existsSync(first.socket));
  const second = await start(
    ['run', file, '--net', 'none', '--port', '0', '--socket', first.socket],
    /commands socket/,
  );
  assert.equal(await second.end(), 0);
  assert.ok(!existsSync(first.socket));
});

for (const portable of [[], ['--portable']])
  test(`lns run and lns dial as two processes${portable.length > 0 ? ', portable' : ''}: sessions up, SIGTERM ends every tunnel, and both exit at once`, async () => {
    const lnsd = await server(...portable);
    const done = lns(...dialing(lnsd.port, '--tunnels', '3', '--sessions', '2', '--json', ...portable));
    assert.equal(done.status, 0, done.stderr);
    const { tunnels, sessions, lost, failures } = JSON.parse(done.stdout);
    assert.deepEqual({ tunnels, sessions, lost, failures }, { tunnels: 3, sessions: 6, lost: 0, failures: {} });

    const dial = await start(
      dialing(lnsd.port, '--tunnels', '2', '--traffic', '10', '--duration', '0', '--json', ...portable),
      /sessions 2 of 2/,
    );
    const from = performance.now();
    assert.equal(await lnsd.end(), 0);
    assert.ok(performance.now() - from < 2500, 'every StopCCN was acknowledged, so nothing is waited for');
    assert.match(lnsd.text(), / stopping signal=SIGTERM[\s\S]* stopped\n$/);
    assert.ok(!existsSync(lnsd.socket));
    assert.equal(await dial.end('SIGINT'), 1, 'sessions that were up were lost');
    const summary = JSON.parse(
      dial
        .text()
        .split('\n')
        .find((line) => line.startsWith('{'))!,
    );
    assert.equal(summary.lost, 2);
    assert.match(dial.text(), /StopCCN 6 shutting down/);
  });

test('a server whose log reader goes away goes on, and ends as it should', async () => {
  const lnsd = await server();
  lnsd.child.stdout!.destroy();
  const json = (): { tunnels: number; sessions: number } =>
    JSON.parse(lns(...dialing(lnsd.port, '--sessions', '2', '--json')).stdout);
  for (let n = 0; n < 2; n++) assert.equal(json().sessions, 2);
  assert.equal(await lnsd.end(), 0);
});

test('SIGTERM while the server starts ends it, and nothing is left', async () => {
  for (const wait of [0, 100, 200, 300]) {
    const socket = socketPath();
    const child = spawn(process.execPath, [MAIN, 'run', file, '--net', 'none', '--port', '0', '--socket', socket]);
    children.push(child);
    await new Promise((resolve) => setTimeout(resolve, wait));
    child.kill('SIGTERM');
    const how = await new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
    assert.ok(how === 0 || how === 'SIGTERM', String(how));
    assert.ok(!existsSync(socket));
  }
});

test('lns dial says that nobody answered', async () => {
  const silent = await new Promise<number>((resolve) => {
    const tcp = createServer().listen(0, '127.0.0.1', () => {
      const { port } = tcp.address() as { port: number };
      tcp.close(() => resolve(port));
    });
  });
  const { status, stdout } = lns(...dialing(silent, '--timeout', '1', '--sessions', '3'));
  assert.equal(status, 1);
  assert.match(stdout, /Not up +3: the LNS did not answer in time/);
});

test('--net tun: the device, its address and routes come and go with the server; a name in use is refused', async (t) => {
  if (!needs(t, 'root', 'ip')) return;
  const name = `lt${process.pid % 100_000}`;
  const ip = (...args: string[]): string => spawnSync('ip', args, { encoding: 'utf8' }).stdout;
  const first = await server('--net', 'tun', '--tun', name);
  assert.match(ip('-br', 'address', 'show', 'dev', name), /100\.64\.255\.1\/32/);
  assert.match(ip('route', 'show', 'dev', name), /^100\.64\.0\.0\/16 /m);
  const second = lns('run', file, '--net', 'tun', '--tun', name, '--port', '0', '--socket', socketPath());
  assert.equal(second.status, 1);
  assert.match(second.stderr, new RegExp(`^lns: TUN device ${name}: there is a device of this name; .*\\n$`));
  assert.match(ip('route', 'show', 'dev', name), /^100\.64\.0\.0\/16 /m);
  assert.equal(await first.end(), 0);
  assert.equal(ip('-br', 'link', 'show').includes(name), false);
});
