// How many packets a second pass through the worker API, in memory: a Piscina pool of `wasm-lns/worker` and batches
// streamed with backpressure?
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { type BatchTask, Engine, packBatch } from '../src/engine.ts';
import { data, ipv4, pppIp } from '../test/support/path.ts';
import { hashOf, report, smoke } from './support.ts';

const BATCH = 2048;
const batches = smoke ? 20 : 1000;
const built = fileURLToPath(new URL('../dist/worker/batch.js', import.meta.url));
const filename = existsSync(built) ? built : fileURLToPath(new URL('../src/worker/batch.ts', import.meta.url));

for (const octets of [64, 1400]) {
  const engine = new Engine({ shards: 1 });
  engine.addTunnel({ tunnelId: 0x1234 });
  engine.addSession({ tunnelId: 0x1234, sessionId: 0x0101, address: '100.64.0.9' });
  const datagram = data(pppIp(ipv4([100, 64, 0, 9], [203, 0, 113, 1], new Uint8Array(octets - 20))), { length: true });
  const batch = packBatch(new Array<Uint8Array>(BATCH).fill(datagram));
  const pool = new Piscina({ filename, minThreads: 1, maxThreads: 1 });
  const tasks = function* (): Generator<BatchTask> {
    for (let i = 0; i < batches; i++) yield engine.up(batch);
  };
  const times: number[] = [];
  let packets = 0;
  let hash = '';
  for (let run = 0; run < (smoke ? 1 : 5); run++) {
    packets = 0;
    const from = process.hrtime.bigint();
    for await (const result of engine.stream(pool, tasks())) {
      packets += result.packets.count;
      if (hash === '') hash = hashOf(result.packets.octets);
    }
    times.push(Number(process.hrtime.bigint() - from) / packets);
  }
  if (packets !== batches * BATCH) throw new Error(`${packets} of ${batches * BATCH} packets came back`);
  times.sort((a, b) => a - b);
  const median = times[times.length >>> 1]!;
  report({
    bench: 'worker',
    case: `up ${octets} octets, batches of ${BATCH}`,
    ns: { min: Number(times[0]!.toFixed(1)), median: Number(median.toFixed(1)), p99: Number(times.at(-1)!.toFixed(1)) },
    perSecond: Math.round(1e9 / median),
    gbitPerSecond: Number(((octets * 8) / median).toFixed(2)),
    runs: times.length,
    hash,
  });
  await pool.destroy();
}
