// What does a session cost in memory? Resident memory of a server that has so many sessions up, less what it had without any;
// local users, CHAP, a fresh server each, emulator in a process of its own. What the collector has not given back counts.
import { configuration } from '../test/server/pair.ts';
import { dialled, ServerProcess } from './server.ts';
import { line, smoke } from './support.ts';

/** Octets a session in all, linear memory included. */
const TARGET = 4096;
const SHAPES: readonly (readonly [tunnels: number, sessions: number])[] = smoke
  ? [[4, 25]]
  : [
      [40, 250],
      [100, 500],
      [100, 1000],
    ];

for (const [tunnels, sessions] of SHAPES) {
  const server = await ServerProcess.start(
    configuration({ pool: 'address 100.64.0.0/14;', group: 'receive-window 128; maximum-send-window 128;' }),
    { arguments: ['--net', 'embedded', '--shards', '1'] },
  );
  try {
    const before = server.residentOctets;
    let up = 0;
    const result = await dialled(
      [
        ...['--server', '127.0.0.1', '--port', String(server.port), '--secret', 'test secret', '--timeout', '60'],
        ...['--user', 'user', '--password', 'password', '--auth', 'chap'],
        ...['--tunnels', String(tunnels), '--sessions', String(sessions)],
        ...['--receive', '--duration', smoke ? '0.2' : '3'],
      ],
      [],
      (said) => {
        if (said === 'traffic ends') up = server.residentOctets;
      },
    );
    if (result.sessions !== result.wanted) throw new Error(`${result.sessions} of ${result.wanted} sessions came up`);
    const each = (up - before) / result.sessions;
    line({
      bench: 'memory',
      case: `${result.sessions} sessions in ${tunnels} tunnels: ${Math.round(before / 1e6)} MB before, ${Math.round(up / 1e6)} MB with them`,
      octets: Math.round(each),
      target: TARGET,
      ratio: Number((each / TARGET).toFixed(2)),
    });
  } finally {
    await server.stop();
  }
}
