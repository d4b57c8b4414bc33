// What does each rung of the I/O ladder (docs/io.md) save, and what would a C program take by the same system calls? CPU time
// of a shard's thread a packet, every rung in turn in one run, several rounds (bench/rig.ts).
import { fileURLToPath } from 'node:url';
import { openTwin } from './c/twin.ts';
import { inNamespace, openRig, type Rung, wholeCost } from './rig.ts';
import { line, report, smoke } from './support.ts';

const UP: readonly Rung[] = [
  { name: 'recvmmsg, write' },
  { name: 'C: recvmmsg, write', c: true },
  { name: '+ UDP_GRO', gro: true },
  { name: 'C: + UDP_GRO', gro: true, c: true },
  { name: '+ UDP_GRO, io_uring', gro: true, uring: true },
  { name: '+ UDP_GRO, io_uring, VNET_HDR', gro: true, uring: true, vnetHdr: true },
  { name: '+ UDP_GRO, io_uring, 256 flows in turn', gro: true, uring: true, mixed: true },
  { name: '+ UDP_GRO, io_uring, VNET_HDR, 256 flows in turn', gro: true, uring: true, vnetHdr: true, mixed: true },
];
const DOWN: readonly Rung[] = [
  { name: 'read, sendmmsg', segmentation: false },
  { name: 'C: read, sendmmsg', segmentation: false, c: true },
  { name: '+ UDP_SEGMENT' },
  { name: 'C: + UDP_SEGMENT', c: true },
  { name: '+ UDP_SEGMENT, VNET_HDR', vnetHdr: true },
];
const BURSTS = smoke ? 2 : 60;
const ROUNDS = smoke ? 1 : 5;
const twin = openTwin();

if (inNamespace(fileURLToPath(import.meta.url))) await inside();

async function inside(): Promise<void> {
  const ffi = openRig();
  if (typeof twin === 'string') console.error(`bench io: ${twin}, so nothing stands beside the shard`);
  const ratios: number[] = [];
  for (const octets of smoke ? [512] : [64, 512, 1400])
    for (const [direction, all] of [
      ['up', UP],
      ['down', DOWN],
    ] as const) {
      const rungs = typeof twin === 'string' ? all.filter(({ c }) => c !== true) : all;
      const costs = rungs.map((): number[] => []);
      let loss = 0;
      for (let round = 0; round < ROUNDS; round++)
        for (const [i, rung] of rungs.entries()) {
          const { ns, lost } = await wholeCost(ffi, direction, rung, octets, BURSTS, twin);
          costs[i]!.push(ns);
          loss = Math.max(loss, lost);
        }
      const first = [...costs[0]!].sort((a, b) => a - b)[costs[0]!.length >>> 1]!;
      for (const [i, rung] of rungs.entries()) {
        const times = costs[i]!.sort((a, b) => a - b);
        const median = times[times.length >>> 1]!;
        // The twin of a rung stands behind it.
        const c = rungs[i + 1]?.c === true ? [...costs[i + 1]!].sort((a, b) => a - b) : null;
        const ofC = c === null ? {} : { ofC: Number((c[c.length >>> 1]! / median).toFixed(2)) };
        if (ofC.ofC !== undefined) ratios.push(ofC.ofC);
        report({
          bench: 'io',
          case: `${direction} ${octets} octets, ${rung.name}: ${(median / first).toFixed(2)} of the first rung`,
          ns: { min: Math.round(times[0]!), median: Math.round(median), p99: Math.round(times.at(-1)!) },
          perSecond: Math.round(1e9 / median),
          gbitPerSecond: Number(((octets * 8) / median).toFixed(2)),
          runs: times.length,
          loss,
          ...ofC,
        });
      }
    }
  if (typeof twin === 'string') return;
  ratios.sort((a, b) => a - b);
  line({
    bench: 'io',
    case: `speed of the shard over that of a C program by the same system calls, median; least ${ratios[0]}, most ${ratios.at(-1)}`,
    ratio: ratios[ratios.length >>> 1],
    target: 0.8,
    compiler: `${twin.compiler}, -O2`,
  });
}
