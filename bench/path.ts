// How many nanoseconds does the Wasm path take a packet, up and down, without any system call, and how many a C program
// that does the same (bench/c)? Inner packets of 64, 512 and 1400 octets; one session, and 4,096 sessions in turn over more
// packets than the caches hold. Both work on one memory, in turn, and must leave the same octets.
import * as layout from '../src/generated/layout.ts';
import { data, ipv4, mapped, pppIp, TestPath } from '../test/support/path.ts';
import { ELSEWHERE, openTwin } from './c/twin.ts';
import { hashOf, line, measure, smoke } from './support.ts';

const BATCH = 256;
const SLOT = 1600;
const twin = openTwin();
const ratios: number[] = [];
if (typeof twin === 'string') console.error(`bench path: ${twin}, so nothing stands beside the Wasm path`);

for (const [sessions, kind] of [
  [1, ''],
  [1, ', policed'],
  [1, ', policed, TCP with MSS clamp'],
  [4096, ''],
  [4096, ', policed'],
  [4096, ', policed, TCP with MSS clamp'],
] as const) {
  const path = new TestPath(layout.CORE_TUN, false, { tunnels: 64, sessions: 5000 });
  const clamp = kind.includes('clamp') ? layout.CLAMP_AUTO : layout.CLAMP_OFF;
  path.wasm.mssOptions(clamp);
  // Packets stand in a part of the memory that the path does not use here, SLOT octets apart.
  const base = path.plan.parts[layout.PART_CORE]!.offset;
  const list = path.plan.parts[layout.PART_SCRATCH]!.offset;
  const packets = sessions === 1 ? BATCH : Math.floor(layout.CORE_SIZE / SLOT);
  const name = path.plan.parts[layout.PART_RX]!.offset + layout.RX_NAMES;
  path.octets.set(new Uint8Array([2, 0, 1701 >>> 8, 1701 & 255, 192, 0, 2, 1]), name);
  const tunnels = Array.from({ length: 16 }, (_, i) => path.tunnel(i + 1, i + 1));
  for (let s = 0; s < sessions; s++) {
    const row = path.session(tunnels[s % 16]!, 1 + (s >>> 4), mapped(100, 64, s >>> 8, s & 255), { peerMru: 1500 });
    // A limit that never cuts: its own cost is what is asked.
    if (kind !== '') for (const way of ['up', 'down'] as const) path.tables.setPolicer(row, way, 1e12, 1 << 30);
  }
  if (typeof twin !== 'string') {
    if (twin.attach(twin.addressOf(path.octets), 0, 0) !== 0) throw new Error('the twin does not know this memory');
    twin.mss(clamp);
    twin.segmentation(0);
  }
  for (const octets of [64, 512, 1400]) {
    for (const direction of ['up', 'down'] as const) {
      for (let i = 0; i < packets; i++) {
        const s = (i * 2654435761) % sessions;
        const address = [100, 64, s >>> 8, s & 255];
        const packet = ipv4(
          direction === 'up' ? address : [203, 0, 113, 1],
          direction === 'up' ? [203, 0, 113, 1] : address,
          new Uint8Array(octets - 20),
          { protocol: clamp === layout.CLAMP_OFF ? 17 : 6 },
        );
        const datagram =
          direction === 'up'
            ? data(pppIp(packet), { tunnel: 1 + (s % 16), session: 1 + (s >>> 4), length: true })
            : packet;
        const at = base + i * SLOT + layout.HEADROOM;
        path.octets.set(datagram, at);
        path.view.setUint32(list + i * 8, at, true);
        path.view.setUint32(list + i * 8 + 4, datagram.length, true);
      }
      const rounds = smoke ? 2 : Math.max(1, Math.ceil(40_000 / packets));
      let handled = 0;
      const check = (): void => {
        if (handled !== rounds * packets) throw new Error(`${handled} of ${rounds * packets} packets were handled`);
      };
      const run = (): void => {
        handled = 0;
        path.wasm.setClock(performance.now() * 1000);
        for (let round = 0; round < rounds; round++) {
          for (let first = 0; first < packets; first += BATCH) {
            const n = Math.min(BATCH, packets - first);
            path.wasm.transmitReset();
            const done =
              direction === 'up'
                ? path.wasm.upstreamList(list + first * 8, 0, n, name, 0)
                : path.wasm.downstreamList(list + first * 8, 0, n);
            handled += done;
          }
        }
        check();
      };
      const hash = (outs?: number, messages?: number): string =>
        hashOf(Buffer.concat(direction === 'up' ? path.delivered(outs) : path.sent(messages).map((one) => one.octets)));
      let beside: (() => void) | undefined;
      if (typeof twin !== 'string') {
        beside = (): void => {
          twin.time(path.now, performance.now() * 1000);
          handled =
            direction === 'up'
              ? twin.upList(list, packets, BATCH, rounds, name)
              : twin.downList(list, packets, BATCH, rounds);
          check();
        };
        run();
        const ours = hash();
        beside();
        if (hash(twin.outs(), twin.messages()) !== ours) throw new Error('the C twin leaves other octets');
      }
      const result = measure(
        'path',
        `${direction} ${octets} octets, ${sessions} sessions${kind}`,
        rounds * packets,
        run,
        {
          octets,
          hash,
          beside,
        },
      );
      if (result.ofC !== undefined) ratios.push(result.ofC);
    }
  }
  const drops = Array.from({ length: ELSEWHERE + 1 }, (_, i) => path.counter(i)).reduce((sum, count) => sum + count, 0);
  if (drops !== 0) throw new Error(`${drops} packets were dropped`);
}
if (typeof twin !== 'string') {
  ratios.sort((a, b) => a - b);
  line({
    bench: 'path',
    case: `speed of the Wasm path over that of C, median of all cases; least ${ratios[0]}, most ${ratios.at(-1)}`,
    ratio: ratios[ratios.length >>> 1],
    target: 0.7,
    compiler: `${twin.compiler}, -O2`,
  });
}
