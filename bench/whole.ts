// What does a packet cost on the whole way: UDP socket, Wasm, UDP socket? Server and emulator are two processes on
// loopback; the server's CPU time (utime + stime of its process) is divided by the packets it moved.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configuration } from '../test/server/pair.ts';
import { line, report, smoke } from './support.ts';

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lns-bench-'));
const file = join(folder, 'lns.conf');
writeFileSync(
  file,
  configuration({
    group: 'receive-window 128; maximum-send-window 128;',
    client: 'shared-secret "test secret"; multilink { fragment-threshold 700; }',
  }),
);
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
const dial = async (
  octets: number,
  rate: number,
  seconds: number,
  ...more: string[]
): Promise<Record<string, never>> => {
  const child = spawn(
    process.execPath,
    [
      ...[main, 'dial', '--server', '127.0.0.1', '--port', String(port), '--secret', 'test secret', '--user', 'user'],
      ...['--password', 'password', '--tunnels', smoke ? '4' : '100', '--sessions', smoke ? '2' : '10', '--json'],
      ...['--traffic', String(rate), '--size', String(octets), '--duration', String(seconds)],
      ...more,
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
interface Run {
  /** Nanoseconds of the server's CPU a packet: up and down, each passes it twice. */
  cost: number;
  rate: number;
  loss: number;
}
const RUNS = smoke ? 1 : 3;
/** Traffic of `rate` packets a second; what the set-up alone costs is taken off. */
async function once(octets: number, rate: number, ...more: string[]): Promise<Run> {
  const idle = cpu();
  const quiet = (await dial(octets, 0, 0, ...more)) as unknown as { sessions: number };
  const before = cpu();
  const setup = before - idle;
  const result = (await dial(octets, rate, smoke ? 1 : 5, ...more)) as unknown as {
    sessions: number;
    traffic: { sent: number; received: number; receivedPerSecond: number; lossPart: number };
  };
  if (quiet.sessions !== result.sessions) throw new Error('not every session came up');
  const { sent, received, receivedPerSecond, lossPart } = result.traffic;
  return { cost: (cpu() - before - setup) / (sent + received), rate: receivedPerSecond, loss: lossPart };
}
try {
  for (const octets of smoke ? [64] : [64, 512, 1400]) {
    const costs: number[] = [];
    let last: Run = { cost: 0, rate: 0, loss: 0 };
    for (let run = 0; run < RUNS; run++) {
      last = await once(octets, smoke ? 2000 : 40_000);
      costs.push(last.cost);
    }
    costs.sort((a, b) => a - b);
    const median = costs[costs.length >>> 1]!;
    report({
      bench: 'whole',
      case: `${octets} octets, UDP to UDP, 2 shards, ${last.rate} packets/s each way`,
      ns: { min: Math.round(costs[0]!), median: Math.round(median), p99: Math.round(costs.at(-1)!) },
      perSecond: Math.round(1e9 / median),
      gbitPerSecond: Number(((octets * 8) / median).toFixed(2)),
      runs: costs.length,
      loss: last.loss,
    });
  }
  // A packet in two fragments, over bundles of two links, against a plain one of the same size.
  const ratios: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const plain = await once(1399, smoke ? 2000 : 20_000);
    const cut = await once(1399, smoke ? 2000 : 20_000, '--multilink', '2', '--fragment', '700');
    ratios.push(cut.cost / plain.cost);
  }
  ratios.sort((a, b) => a - b);
  line({
    bench: 'whole',
    case: '1399 octets in two fragments against plain',
    ratio: Number(ratios[ratios.length >>> 1]!.toFixed(2)),
    runs: ratios.length,
  });
} finally {
  server.removeAllListeners('exit');
  const gone = new Promise((resolve) => server.on('exit', resolve));
  server.kill('SIGTERM');
  await gone;
  rmSync(folder, { recursive: true, force: true });
}
