// How many sessions a second come up, and what does each cost the server? Local users, CHAP; server and emulator are two
// processes on loopback. One run for the compiler, then the measured ones, between which all sessions end.
import { configuration } from '../test/server/pair.ts';
import { dialled, ServerProcess } from './server.ts';
import { report, smoke } from './support.ts';

const runs = smoke ? 1 : 5;
const tunnels = smoke ? 4 : 100;
const sessions = smoke ? 5 : 200;
const server = await ServerProcess.start(
  configuration({ pool: 'address 100.64.0.0/14;', group: 'receive-window 128; maximum-send-window 128;' }),
  { arguments: ['--net', 'embedded', '--shards', '1'] },
);
try {
  const cost: number[] = [];
  const rate: number[] = [];
  for (let run = -1; run < runs; run++) {
    const before = server.cpuNs;
    const result = await dialled([
      ...['--server', '127.0.0.1', '--port', String(server.port), '--secret', 'test secret'],
      ...['--user', 'user', '--password', 'password', '--auth', 'chap'],
      ...['--tunnels', String(tunnels), '--sessions', String(sessions)],
    ]);
    if (result.sessions !== result.wanted) throw new Error(`${result.sessions} of ${result.wanted} sessions came up`);
    const spent = server.cpuNs - before;
    if (run < 0) continue;
    cost.push(spent / result.sessions);
    rate.push(result.setup.perSecond);
  }
  cost.sort((a, b) => a - b);
  rate.sort((a, b) => a - b);
  const median = cost[cost.length >>> 1]!;
  report({
    bench: 'setup',
    case: `${tunnels} tunnels x ${sessions} sessions, CHAP, set-up and end; ${rate[rate.length >>> 1]} sessions/s by the clock, emulator included`,
    ns: { min: Math.round(cost[0]!), median: Math.round(median), p99: Math.round(cost.at(-1)!) },
    perSecond: Math.round(1e9 / median),
    runs,
  });
} finally {
  await server.stop();
}
