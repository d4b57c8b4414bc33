// How many sessions a second come up: local users, RADIUS at no cost and at 5 ms (a server of this file, in a process of
// its own), and Debian's freeradius? --storm: how long until all are up again that were cut at once? Without
// --storm emulator and server share this process, so that figures are of both ends together.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { configuration, Pair } from '../test/server/pair.ts';
import { Freeradius } from '../test/support/freeradius.ts';
import { SlowRadius } from '../test/support/radius-server.ts';
import { dialled } from './server.ts';
import { report, smoke } from './support.ts';

const value = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const sessions = value('sessions', smoke ? 40 : 5000);
const tunnels = value('tunnels', smoke ? 4 : 50);
const runs = value('runs', smoke ? 1 : 3);

async function run(users: string): Promise<{ ms: number; stallMs: number; rssMiB: number }> {
  const pair = await Pair.start(configuration({ users, pool: 'address 100.64.0.0/15;' }), {
    log: () => undefined,
    tunnels: Math.max(100, tunnels * 2),
    sessions: sessions * 2,
  });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  try {
    delay.enable();
    const from = performance.now();
    const lac = await pair.dial({ tunnels, sessionsPerTunnel: Math.ceil(sessions / tunnels) });
    await pair.until(() => pair.lns.sessionsUp >= sessions, 120_000);
    const ms = performance.now() - from;
    delay.disable();
    const rssMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
    await lac.stop();
    return { ms, stallMs: Math.round(delay.max / 1e6), rssMiB };
  } finally {
    await pair.close();
  }
}

async function bench(name: string, users: string): Promise<void> {
  const results: Awaited<ReturnType<typeof run>>[] = [];
  for (let i = 0; i < runs; i++) results.push(await run(users));
  const sorted = results.map(({ ms }) => (ms * 1e6) / sessions).sort((a, b) => a - b);
  const [min, median, p99] = [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!].map(Math.round);
  report({
    bench: 'login',
    case: `${name}, ${sessions} sessions in ${tunnels} tunnels`,
    ns: { min: min!, median: median!, p99: p99! },
    perSecond: Math.round(1e9 / median!),
    runs,
    stallMs: Math.max(...results.map(({ stallMs }) => stallMs)),
    rssMiB: Math.max(...results.map(({ rssMiB }) => rssMiB)),
  } as Parameters<typeof report>[0]);
}

/**
 * All sessions fall silent at once, without StopCCN or CDN, and dial again after 5 s beside the old ones, which still
 * hold their addresses and IDs: time until all are up, the server's longest stall and memory. A hundred other tunnels go on
 * meanwhile and say HELLO every second. The server is this process, the emulator of the storm another.
 */
async function storm(name: string, users: string): Promise<void> {
  const quietTunnels = smoke ? 5 : 100;
  const silentSeconds = smoke ? 1 : 5;
  let lost = 0;
  const pair = await Pair.start(configuration({ users, pool: 'address 100.64.0.0/14;' }), {
    log: (_, event, fields) => {
      if (event === 'tunnel-down' && fields?.reason === 'no acknowledgement from the peer') lost++;
    },
    tunnels: tunnels * 2 + quietTunnels + 100,
    sessions: sessions * 2 + quietTunnels,
  });
  try {
    const quiet = await pair.dial({ tunnels: quietTunnels, sessionsPerTunnel: 1 }, { helloIntervalMs: 1000 });
    await quiet.settled(60_000);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    let rss = 0;
    const watch = setInterval(() => {
      rss = Math.max(rss, process.memoryUsage.rss());
    }, 50);
    const result = await dialled([
      ...['--server', '127.0.0.1', '--port', String(pair.lns.listening[0]!.port), '--secret', 'test secret'],
      ...[
        '--user',
        'user',
        '--password',
        'password',
        '--auth',
        'chap',
        '--local',
        '127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4',
      ],
      ...['--tunnels', String(tunnels), '--sessions', String(Math.ceil(sessions / tunnels))],
      ...['--storm', String(silentSeconds), '--retry', '1'],
    ]);
    clearInterval(watch);
    delay.disable();
    const after = result.storm!;
    const ns = Math.round((after.seconds * 1e9) / after.sessionsAfter);
    report({
      bench: 'login',
      case: `storm, ${name}, ${sessions} sessions in ${tunnels} tunnels`,
      ns: { min: ns, median: ns, p99: ns },
      perSecond: Math.round(1e9 / ns),
      runs: 1,
      wanted: result.wanted,
      upBefore: after.sessionsBefore,
      upAfter: after.sessionsAfter,
      setupSeconds: result.setup.seconds,
      secondsAfterTheSilence: after.seconds,
      longestStallMs: Math.round(delay.max / 1e6),
      stallP999Ms: Math.round(delay.percentile(99.9) / 1e5) / 10,
      rssMiB: Math.round(rss / 2 ** 20),
      quietTunnelsUp: quiet.status.tunnelsUp,
      tunnelsLost: lost,
      icrpsWaited: pair.lns.admission.counters.waited,
      inboxMost: pair.lns.reception.inbox.counters.mostWaiting,
      inboxDropped: pair.lns.reception.inbox.counters.dropped,
    } as Parameters<typeof report>[0]);
  } finally {
    await pair.close();
  }
}

if (process.argv.includes('--storm')) {
  await storm('local users', 'client user { chap-secret "password"; }');
  const child = spawn(process.execPath, [import.meta.filename, '--serve', '5'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [statement] = await once(child.stdout, 'data');
  await storm('RADIUS at 5 ms', `authentication-order radius; ${statement}`);
  child.kill();
} else if (process.argv.includes('--serve')) {
  const server = await SlowRadius.start(Number(process.argv[process.argv.indexOf('--serve') + 1]));
  process.stdout.write(`${server.statement}\n`);
} else {
  // Once for the compiler: the first case would pay for it alone.
  if (!smoke) await run('client user { chap-secret "password"; }');
  await bench('local users', 'client user { chap-secret "password"; }');
  for (const delayMs of [0, 5]) {
    const child = spawn(process.execPath, [import.meta.filename, '--serve', String(delayMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [statement] = await once(child.stdout, 'data');
    await bench(`RADIUS, ${delayMs} ms`, `authentication-order radius; ${statement}`);
    child.kill();
  }
  const freeradius = await Freeradius.start({ users: 'DEFAULT Cleartext-Password := "password"\n' }).catch(() => null);
  if (freeradius !== null) {
    const { access, accounting, secret } = freeradius;
    const server = `radius-server 127.0.0.1 { port ${access}; accounting-port ${accounting}; secret ${secret}; }`;
    await bench('freeradius', `authentication-order radius; ${server}`);
    await bench('freeradius with accounting', `authentication-order radius; accounting-order radius; ${server}`);
    await freeradius.close();
  }
}
