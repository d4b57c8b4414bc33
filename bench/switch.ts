// How long does the traffic of an address go on by the old path once its carrier is known to be down? Sessions and
// bundles share one address; this thread ends them at random while another sends packets to that address without pause.

import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { compilePath, instantiatePath } from '../src/dataplane/module.ts';
import * as layout from '../src/generated/layout.ts';
import { SeededRandom } from '../src/wire/random.ts';
import { TestBundle } from '../test/support/bundle.ts';
import { ipv4, mapped, TestPath } from '../test/support/path.ts';
import { line, smoke } from './support.ts';

const KILLS = smoke ? 300 : 10_000;
const MEMBERS = 6;
const BATCH = 64;
const OCTETS = 128;
/** Switches of the carrier that the sender has seen: { session u32, packet u32, microseconds f64 } each. */
const RECORD = 16;

interface Shared {
  memory: WebAssembly.Memory;
  rx: number;
  list: number;
  base: number;
  tx: number;
  /** u32 stop, u32 switches, u32 packets sent, u32 packets that nobody carried, then records. */
  log: SharedArrayBuffer;
  timeOrigin: number;
}

if (isMainThread) await main();
else send(workerData as Shared);

/** The shard's part: batches of numbered packets to the address, and who carried each. */
function send(shared: Shared): void {
  const wasm = instantiatePath(compilePath(), shared.memory);
  wasm.attach(0n, 0);
  wasm.coreBackEnd(layout.CORE_TUN);
  wasm.transmitOptions(0, 0);
  const octets = new Uint8Array(shared.memory.buffer);
  const words = new Uint32Array(shared.memory.buffer);
  const log = new Int32Array(shared.log);
  const times = new Float64Array(shared.log);
  const clock = performance.timeOrigin - shared.timeOrigin;
  const packet = ipv4([203, 0, 113, 2], [100, 64, 0, 9], new Uint8Array(OCTETS - 20));
  let number = 0;
  let carrier = 0;
  let sent = 0;
  let dropped = 0;
  Atomics.store(log, 0, 1);
  Atomics.notify(log, 0);
  while (Atomics.load(log, 0) === 1) {
    for (let i = 0; i < BATCH; i++) {
      const at = shared.base + i * 1600;
      octets.set(packet, at);
      words[(at + 24) >>> 2] = number++;
      words[(shared.list >>> 2) + i * 2] = at;
      words[(shared.list >>> 2) + i * 2 + 1] = packet.length;
    }
    wasm.setNow(Math.trunc(performance.now()) >>> 0);
    wasm.transmitReset();
    wasm.epochEnter();
    wasm.inject(64);
    wasm.transmitReset();
    wasm.downstreamList(shared.list, 0, BATCH);
    const now = (performance.now() + clock) * 1000;
    wasm.epochLeave();
    const messages = wasm.transmitMessages();
    let expected = number - BATCH;
    for (let i = 0; i < messages; i++) {
      const vector = words[(shared.tx + layout.TX_MESSAGES + i * layout.MMSGHDR_SIZE + 16) >>> 2]! >>> 2;
      const at = words[vector]!;
      const session = (octets[at + 6]! << 8) | octets[at + 7]!;
      const length = words[vector + 2]!;
      const inner = at + length - packet.length;
      const id = words[(inner + 24) >>> 2]!;
      // Within a flow the numbers never go back and none comes twice.
      if (id < expected) throw new Error(`packet ${id} behind ${expected}`);
      dropped += id - expected;
      expected = id + 1;
      sent++;
      if (session === carrier) continue;
      carrier = session;
      const n = Atomics.load(log, 1);
      const record = (16 + n * RECORD) >>> 2;
      log[record] = session;
      log[record + 1] = id;
      times[(16 + n * RECORD + 8) >>> 3] = now;
      Atomics.store(log, 1, n + 1);
    }
    dropped += number - expected;
  }
  log[2] = sent;
  log[3] = dropped;
}

async function main(): Promise<void> {
  const path = new TestPath(layout.CORE_TUN, false, { tunnels: 4, sessions: 4096, bundles: 64, fragments: 256 });
  const tunnel = path.tunnel();
  const random = new SeededRandom(1);
  const log = new SharedArrayBuffer(32 + (KILLS * 4 + 64) * RECORD);
  const words = new Int32Array(log);
  const times = new Float64Array(log);
  const shared: Shared = {
    memory: path.memory,
    rx: path.block(layout.PART_RX),
    list: path.plan.parts[layout.PART_SCRATCH]!.offset,
    base: path.plan.parts[layout.PART_CORE]!.offset + layout.HEADROOM,
    tx: path.block(layout.PART_TX),
    log,
    timeOrigin: performance.timeOrigin,
  };
  /** Members of the stack, the carrier last. */
  const stack: { id: number; row: number; bundle: number }[] = [];
  let nextId = 1;
  const address = mapped(100, 64, 0, 9);
  const come = (): void => {
    const id = 1 + (nextId++ % 4000);
    if (nextId % 3 === 0) {
      const bundle = new TestBundle(path, tunnel, { links: 1, firstSession: id });
      bundle.up(address);
      stack.push({ id, row: bundle.links[0]!.row, bundle: bundle.row });
    } else stack.push({ id, row: path.session(tunnel, id, address), bundle: 0 });
  };
  const go = (at: number): void => {
    const [gone] = stack.splice(at, 1);
    const { row, bundle } = gone!;
    if (bundle !== 0) {
      path.tables.removeBundle(bundle, path.now);
      path.inject.write(layout.RECORD_BUNDLE_END, bundle, path.tables.bundleGeneration(bundle), 0, new Uint8Array(0));
      path.tables.linkLeave(row);
    }
    path.tables.removeSession(row, path.now);
  };
  while (stack.length < MEMBERS) come();
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: shared,
    argv: process.argv.slice(2),
  });
  const ended = new Promise<void>((resolve, reject) => {
    worker.on('exit', () => resolve());
    worker.on('error', reject);
  });
  while (Atomics.load(words, 0) === 0 || Atomics.load(words, 1) === 0) await new Promise((r) => setTimeout(r, 5));
  const took: number[] = [];
  let unseen = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    while (stack.length < MEMBERS) come();
    await new Promise((resolve) => setImmediate(resolve));
    // Let the newcomer's packets through first, then end any member, most often the one that carries.
    const settled = performance.now() + 200;
    const top = stack.at(-1)!;
    const seen = (id: number): boolean => {
      const n = Atomics.load(words, 1);
      return n > 0 && words[(16 + (n - 1) * RECORD) >>> 2] === id + 0x1000;
    };
    while (!seen(top.id) && performance.now() < settled);
    const at = random.u32() % 4 === 0 ? random.u32() % (stack.length - 1) : stack.length - 1;
    const carried = at === stack.length - 1;
    const before = Atomics.load(words, 1);
    const known = performance.now() * 1000;
    go(at);
    if (!carried) continue;
    const next = stack.at(-1)!;
    const limit = performance.now() + 1000;
    while (Atomics.load(words, 1) === before && performance.now() < limit);
    if (words[(16 + before * RECORD) >>> 2] !== next.id + 0x1000) {
      unseen++;
      continue;
    }
    took.push(Math.max(0, times[(16 + before * RECORD + 8) >>> 3]! - known));
  }
  Atomics.store(words, 0, 2);
  await ended;
  took.sort((a, b) => a - b);
  const quantile = (part: number): number =>
    Number(took[Math.min(took.length - 1, Math.floor(took.length * part))]!.toFixed(1));
  if (unseen > 0)
    throw new Error(`${unseen} of ${took.length + unseen} switches went elsewhere than to the next-to-last`);
  const sent = words[2]! >>> 0;
  const lost = words[3]! >>> 0;
  line({
    bench: 'switch',
    case: `the carrier goes down, ${took.length} of ${KILLS} kills`,
    microseconds: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
    packets: sent,
    lost,
  });
}
