// Is a packet as cheap among 200,000 sessions and 60,000 tunnels as among ten? Packets of random sessions: on the whole way
// without super-packets (root; bench/rig.ts), and on the pure path in memory. Octets of linear memory a session; and how long
// tables for a million sessions take to be there.
import { fileURLToPath } from 'node:url';
import { compilePath, instantiatePath } from '../src/dataplane/module.ts';
import { formatMemory, planMemory } from '../src/dataplane/plan.ts';
import { Tables } from '../src/dataplane/tables.ts';
import * as layout from '../src/generated/layout.ts';
import { encodeSockaddr } from '../src/wire/address.ts';
import { SeededRandom } from '../src/wire/random.ts';
import { inNamespace, openRig, type Rung, wholeCost } from './rig.ts';
import { measure, report, smoke } from './support.ts';

const module = compilePath();
const BATCH = 64;
const DATAGRAM = 8 + 2 + 64;

function build(sessions: number, tunnels: number) {
  const plan = planMemory({
    tunnels,
    sessions,
    addresses: sessions,
    shards: 1,
    controlRingOctets: 1 << 20,
    accessRingOctets: 0,
    coreRingOctets: 1 << 16,
    ports: true,
    traffic: false,
  });
  const memory = new WebAssembly.Memory({ initial: plan.pages, maximum: plan.pages, shared: true });
  formatMemory(memory, plan);
  const main = instantiatePath(module, memory);
  main.attach(0n, 1);
  const tables = new Tables(main, memory, plan);
  const wasm = instantiatePath(module, memory);
  if (wasm.attach(0n, 0) !== 0) throw new Error('the memory has another layout');
  return { plan, memory, tables, wasm };
}

function cost(sessions: number, tunnels: number): number {
  const { plan, memory, tables, wasm } = build(sessions, tunnels);
  wasm.coreBackEnd(layout.CORE_TUN);
  wasm.peerOptions(0);
  wasm.receivePrepare(0);
  const peer = encodeSockaddr({ address: '198.51.100.1', port: 1701 });
  const rows: number[] = [];
  for (let i = 0; i < tunnels; i++)
    rows.push(
      tables.addTunnel({
        localId: i + 1,
        peerId: i + 1,
        role: 'lns',
        peer,
        socketGroup: 0,
        routingInstance: 0,
        ownerShard: 0,
      }),
    );
  const address = new Uint8Array(16);
  address[10] = address[11] = 255;
  const view = new DataView(address.buffer);
  for (let i = 0; i < sessions; i++) {
    const row = tables.addSession({
      tunnelRow: rows[i % tunnels]!,
      localId: Math.floor(i / tunnels) + 1,
      peerId: 1,
      sequencing: false,
    });
    view.setUint32(12, 0x64400000 + i);
    const up = tables.sessionUp(
      row,
      { address, localAddress: new Uint8Array([10, 0, 0, 1]), peerMru: 1500, acfc: false, pfc: false },
      1,
    );
    if (row === 0 || !up) throw new Error(`session ${i} does not fit`);
  }
  const random = new SeededRandom(1);
  const batches = smoke ? 20 : 400;
  const octets = new Uint8Array(memory.buffer);
  const data = new DataView(memory.buffer);
  const rx = plan.parts[layout.PART_RX]!.offset;
  const picks = Uint32Array.from({ length: batches * BATCH }, () => random.u32() % sessions);
  for (let i = 0; i < BATCH; i++) {
    const at = rx + layout.RX_SLOTS + layout.HEADROOM + i * layout.SLOT_SIZE;
    octets.fill(0, at, at + DATAGRAM);
    data.setUint16(at, 0x4002);
    data.setUint16(at + 2, DATAGRAM);
    octets.set([0x00, 0x21, 0x45, 0, 0, 64], at + 8);
    data.setUint32(rx + layout.RX_MESSAGES + i * layout.MMSGHDR_SIZE + 56, DATAGRAM, true);
  }
  let taken = 0;
  const result = measure(
    'scale',
    `up, ${sessions} sessions in ${tunnels} tunnels, a random session each packet`,
    batches * BATCH,
    () => {
      for (let batch = 0; batch < batches; batch++) {
        for (let i = 0; i < BATCH; i++) {
          const session = picks[batch * BATCH + i]!;
          const at = rx + layout.RX_SLOTS + layout.HEADROOM + i * layout.SLOT_SIZE;
          data.setUint16(at + 4, (session % tunnels) + 1);
          data.setUint16(at + 6, Math.floor(session / tunnels) + 1);
          data.setUint32(at + 22, 0x64400000 + session);
        }
        wasm.upstream(0, BATCH, 0);
        taken += wasm.transmitOuts();
        wasm.transmitReset();
      }
    },
    { runs: 15 },
  );
  if (taken % BATCH !== 0 || taken === 0) throw new Error('packets were dropped');
  return result.ns.median;
}

const cases: [number, number][] = smoke
  ? [
      [10, 1],
      [1000, 100],
    ]
  : [
      [10, 1],
      [1000, 10],
      [20_000, 100],
      [200_000, 100],
      [200_000, 6000],
      [200_000, 60_000],
    ];
if (process.argv.includes('--inside')) await whole();
else {
  pure();
  if (process.getuid?.() === 0 && process.platform === 'linux') inNamespace(fileURLToPath(import.meta.url));
  else console.error('bench scale: the whole way needs root, and is left out');
}

/** Rounds of all cases in turn; the figure of each is the median. */
async function whole(): Promise<void> {
  const ffi = openRig();
  const rungs: readonly (readonly ['up' | 'down', Rung])[] = [
    ['up', { name: 'recvmmsg, write' }],
    ['up', { name: 'UDP_GRO, io_uring', gro: true, uring: true }],
    ['down', { name: 'read, UDP_SEGMENT' }],
  ];
  for (const [direction, rung] of rungs) {
    const costs = cases.map((): number[] => []);
    let loss = 0;
    for (let round = 0; round < (smoke ? 1 : 5); round++)
      for (const [i, [sessions, tunnels]] of cases.entries()) {
        const { ns, lost } = await wholeCost(
          ffi,
          direction,
          { ...rung, random: { sessions, tunnels } },
          64,
          smoke ? 2 : 60,
          'none',
        );
        costs[i]!.push(ns);
        loss = Math.max(loss, lost);
      }
    const medians = costs.map((times) => [...times].sort((a, b) => a - b)[times.length >>> 1]!);
    for (const [i, [sessions, tunnels]] of cases.entries())
      report({
        bench: 'scale',
        case: `whole way ${direction} (${rung.name}), ${sessions} sessions in ${tunnels} tunnels, a random session each packet: ${(medians[i]! / medians[0]!).toFixed(2)} of ${cases[0]![0]} sessions`,
        ns: {
          min: Math.round(Math.min(...costs[i]!)),
          median: Math.round(medians[i]!),
          p99: Math.round(Math.max(...costs[i]!)),
        },
        perSecond: Math.round(1e9 / medians[i]!),
        runs: costs[i]!.length,
        loss,
      });
  }
}
function pure(): void {
  const costs = cases.map(([sessions, tunnels]) => cost(sessions, tunnels));
  tables(costs);
}
function tables(costs: readonly number[]): void {
  const many = smoke ? 10_000 : 1_000_000;
  const times: number[] = [];
  let octets = 0;
  for (let run = 0; run < (smoke ? 1 : 5); run++) {
    const from = process.hrtime.bigint();
    const { plan } = build(many, 65_535);
    times.push(Number(process.hrtime.bigint() - from));
    octets = plan.durableEnd / many;
  }
  times.sort((a, b) => a - b);
  report({
    bench: 'scale',
    case: `tables for ${many} sessions made, ns in all; ${Math.round(octets)} octets of linear memory a session; the dearest packet ${(Math.max(...costs) / costs[0]!).toFixed(2)} times the cheapest`,
    ns: { min: times[0]!, median: times[times.length >>> 1]!, p99: times.at(-1)! },
    perSecond: 1e9 / times[times.length >>> 1]!,
    runs: times.length,
  });
}
