// What does a packet cost on the whole way: UDP socket, Wasm, UDP socket? Server and emulator are two processes on
// loopback; the server's CPU time (utime + stime of its process) is divided by the packets it moved.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configuration } from '../test/server/pair.ts';
import { report, smoke } from './support.ts';

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lns-bench-'));
const file = join(folder, 'lns.conf');
writeFileSync(file, configuration({ group: 'receive-window 128; maximum-send-window 128;' }));
const port = 20_000 + (process.pid % 20_000);
const server = spawn(
  process.execPath,
  [main, 'run', file, '--net', 'embedded', '--shards', '2', '--port', String(port), '--socket', join(folder, 's')],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
await new Promise<void>((resolve, reject) => {
  server.stdout.on('data', (chunk: Buffer) => {
    if (chunk.toString().includes(' ready ')) resolve();
  });
  server.on('exit', () => reject(new Error('the server ended')));
});
/** CPU time of the server so far, in nanoseconds (fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms). */
const cpu = (): number => {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 1e7;
};
const dial = async (octets: number, rate: number, seconds: number): Promise<Record<string, never>> => {
  const child = spawn(
    process.execPath,
    [
      ...[main, 'dial', '--server', '127.0.0.1', '--port', String(port), '--secret', 'test secret', '--user', 'user'],
      ...['--password', 'password', '--tunnels', smoke ? '4' : '100', '--sessions', smoke ? '2' : '10', '--json'],
      ...['--traffic', String(rate), '--size', String(octets), '--duration', String(seconds)],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await new Promise((resolve) => child.on('exit', resolve));
  return JSON.parse(output);
};
try {
  for (const octets of smoke ? [64] : [64, 512, 1400]) {
    const costs: number[] = [];
    let rate = 0;
    let loss = 0;
    for (let run = 0; run < (smoke ? 1 : 3); run++) {
      const idle = cpu();
      const quiet = (await dial(octets, 0, 0)) as unknown as { sessions: number };
      const before = cpu();
      const setup = before - idle;
      const result = (await dial(octets, smoke ? 2000 : 40_000, smoke ? 1 : 5)) as unknown as {
        sessions: number;
        traffic: { sent: number; received: number; receivedPerSecond: number; lossPart: number };
      };
      if (quiet.sessions !== result.sessions) throw new Error('not every session came up');
      // Up and down: each packet passes the server twice.
      costs.push((cpu() - before - setup) / (result.traffic.sent + result.traffic.received));
      rate = result.traffic.receivedPerSecond;
      loss = result.traffic.lossPart;
    }
    costs.sort((a, b) => a - b);
    const median = costs[costs.length >>> 1]!;
    report({
      bench: 'whole',
      case: `${octets} octets, UDP to UDP, 2 shards, ${rate} packets/s each way`,
      ns: { min: Math.round(costs[0]!), median: Math.round(median), p99: Math.round(costs.at(-1)!) },
      perSecond: Math.round(1e9 / median),
      gbitPerSecond: Number(((octets * 8) / median).toFixed(2)),
      runs: costs.length,
      loss,
    });
  }
} finally {
  server.removeAllListeners('exit');
  const gone = new Promise((resolve) => server.on('exit', resolve));
  server.kill('SIGTERM');
  await gone;
  rmSync(folder, { recursive: true, force: true });
}
