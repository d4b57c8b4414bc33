// `lns dial` as its users run it: a process, its lines, its exit status.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hintsOf } from '../../src/cli/dial-report.ts';
import { Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
let pair: Pair;
before(async () => {
  pair = await Pair.start();
});
after(() => pair.close());

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}
/** Runs `lns dial` against the server of this process. `onText`: with all that was said so far, whenever more is. */
function dial(args: readonly string[], onText: (text: string, kill: () => void) => void = () => {}): Promise<Ended> {
  const words = ['--server', '127.0.0.1', '--port', String(pair.lns.listening[0]!.port)];
  const child = spawn(
    process.execPath,
    [MAIN, 'dial', ...words, '--secret', 'test secret', '--password', 'password', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    onText(stdout + stderr, () => child.kill('SIGINT'));
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    onText(stdout + stderr, () => child.kill('SIGINT'));
  });
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, stdout, stderr })));
}

test('options that contradict each other: one line that says what to do, exit status 2', async () => {
  for (const [args, line] of [
    [['--tun-netns', 'x'], /--tun-netns makes sense with --tun only/],
    [['--tun-route', '10.0.0.0/8'], /--tun-route makes sense with --tun only/],
    [['--', 'ping'], /'ping' makes sense with --tun only/],
    [['ping'], /'ping' is no option; a program to run over --tun stands after "--"/],
    [['--tun', 'lns7', 'ping'], /'ping' is no option/],
    [['--tun', '--traffic', '10'], /--tun and --traffic exclude each other/],
    [['--tun', '--storm', '1'], /--tun and --storm exclude each other/],
    [['--tun', '--portable'], /--tun and --portable exclude each other/],
    [['--tun', '--tun-route', '10.0.0.0/33'], /'10.0.0.0\/33' is not an IPv4 prefix/],
    [['--tun', '--tun-route', 'fd00::/8'], /is not an IPv4 prefix/],
    [['--tun', '--tun-route', '10.0.0.1/8'], /10.0.0.1\/8 has bits set beyond its length/],
    [['--tun', '--tun-route', '0.0.0.0/0'], /0.0.0.0\/0 has the LNS in it: .* \(--tun-netns\)/],
    [['--mru', '100'], /from 128 to 1500/],
    [['--local', '::'], /--local :: and --server 127.0.0.1 are not of one family/],
    [['--target', '::1'], /inside PPP there is IPv4 only/],
    [
      ['--redundant', '2', '--spread', '--tunnels', '2', '--shards', '2', '--ports', '2'],
      /needs a UDP port for each tunnel/,
    ],
  ] as const) {
    const { status, stdout, stderr } = await dial(args);
    assert.match(stderr, line);
    assert.deepEqual([status, stdout, stderr.trimEnd().split('\n').length], [2, '', 1], `${args.join(' ')}: ${stderr}`);
  }
});

test('what a newcomer gets wrong is said with what may be amiss, in words and in the JSON', async () => {
  const silent = createSocket('udp4');
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
  for (const [args, line] of [
    [['--secret', 'another'], /Failed +1: closed here 4 .*\n +perhaps +the LNS has another shared secret/],
    [['--password', 'another'], /Failed +1: .*\n +perhaps +the user or the password is another/],
    [['--user', 'nobody'], /Failed +1: .*\n +perhaps +the user or the password is another/],
    [
      ['--port', String(silent.address().port), '--timeout', '1'],
      /Not up +1: .*\n +perhaps +nothing at all came from 127.0.0.1 port \d+/,
    ],
    [
      ['--server', '255.255.255.255', '--timeout', '1'],
      /Not up +1: .*\n +perhaps +the kernel did not send: to 255.255.255.255 port \d+: permission denied/,
    ],
  ] as const) {
    const { status, stdout } = await dial(args);
    assert.match(stdout, line);
    assert.equal(status, 1);
    assert.doesNotMatch(stdout, /Set-up/);
    const { hints } = JSON.parse((await dial([...args, '--json'])).stdout);
    assert.equal(hints.length, 1);
  }
  silent.close();
});

test('traffic that nobody echoes is said to be that', () => {
  const none = hintsOf(new Map(), true, '', 0, { sent: 5, received: 0, bad: 0 } as never, false, {
    server: '127.0.0.1',
    port: 1701,
    tunnels: 1,
    target: '192.0.2.7',
    echo: 'udp',
    loss: 0,
  });
  assert.match(none[0]!, /^nothing came back: there is no UDP echo \(port 7\) at 192\.0\.2\.7/);
});

test('bundles that did not come up are missed, and --spread without a group is refused', async () => {
  const refused = await dial(['--sessions', '2', '--multilink', '2']);
  assert.match(refused.stdout, /Sessions up {4}2 of 2, in 0 of 1 bundles\n/);
  assert.match(refused.stdout, /perhaps {6}sessions are up without their bundle: the LNS refused Multilink PPP/);
  assert.equal(refused.status, 1);
  const alone = await dial(['--sessions', '2', '--spread']);
  assert.match(alone.stderr, /^lns: --spread says where the sessions of --multilink or --redundant are\n$/);
  assert.equal(alone.status, 2);
});

test('a report that cannot be written is refused before anything is dialled', async () => {
  const { status, stderr } = await dial(['--report', '/no/such/folder/run.svg']);
  assert.match(stderr, /^lns: --report: ENOENT: no such file or directory.*\n$/);
  assert.equal(status, 2);
});

test('--tun runs a program over the sessions and ends as it did; with --json our output is the summary alone', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const script =
    'for a in $LNS_ADDRESSES $LNS_ADDRESSES; do ping -q -c 1 -W 10 -I $a 192.0.2.7; done; ip -o link; exit 3';
  const { status, stdout, stderr } = await dial([
    '--sessions',
    '2',
    '--mru',
    '1400',
    '--tun',
    'lnst7',
    '--json',
    '--',
    'sh',
    '-c',
    script,
  ]);
  assert.equal(status, 3, stderr);
  assert.equal(stderr.match(/1 packets transmitted, 1 received/g)?.length, 4, stderr);
  assert.match(stderr, /lnst7: .* mtu 1400/);
  const { device, sessions } = JSON.parse(stdout);
  assert.equal(sessions, 2);
  const octets = 4 * 84;
  assert.deepEqual(
    { ...device, seconds: 0, rungs: '' },
    {
      name: 'lnst7',
      netns: '',
      mtu: 1400,
      addresses: 2,
      rungs: '',
      seconds: 0,
      sent: { packets: 4, octets },
      received: { packets: 4, octets },
      superPackets: { sent: 0, received: 0 },
      drops: {},
      status: 3,
    },
  );
});

test('--tun by itself stays until Ctrl-C, for programs that others start', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip', 'ping')) return;
  const name = `lnsd${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  try {
    let pinged = '';
    const { status, stdout } = await dial(
      ['--tun', '--tun-netns', name, '--no-vnet-hdr', '--no-uring'],
      (text, kill) => {
        if (pinged !== '' || !text.includes('until Ctrl-C')) return;
        pinged = 'begun';
        const child = spawn('ip', ['netns', 'exec', name, 'ping', '-q', '-c', '1', '-W', '10', '192.0.2.7']);
        child.stdout.on('data', (chunk: Buffer) => {
          pinged += chunk.toString();
        });
        child.once('close', kill);
      },
    );
    assert.match(pinged, / 1 received/);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`Interface +lnsd\\d+, in ${name}; MTU 1500, 1 addresses; .*gso\\+gro$`, 'm'));
    assert.match(stdout, /sent +1 packets, 84 octets\n +received +1 packets, 84 octets/);
  } finally {
    execFileSync('ip', ['netns', 'del', name]);
  }
});

test('a program that is not there, a namespace that is not there: said in one line', async (t) => {
  if (!needs(t, 'root', 'ffi', 'ip')) return;
  const program = await dial(['--tun', '--', 'no-such-program']);
  assert.match(program.stderr, /^lns: there is no program 'no-such-program'$/m);
  assert.equal(program.status, 1);
  const space = await dial(['--tun', '--tun-netns', 'no-such-space']);
  assert.match(space.stderr, /^lns: there is no network namespace 'no-such-space': ip netns add no-such-space\n$/);
  assert.equal(space.status, 1);
});
