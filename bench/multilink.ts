// What do reassembly and fragmentation cost (RFC 1990), without any system call? A fragment of 700 octets: by member
// links, in order and shuffled, 12 and 24 bits, over 1 to 10,000 bundles; and what crossing from shard to shard adds.
import * as layout from '../src/generated/layout.ts';
import { SeededRandom } from '../src/wire/random.ts';
import { TestBundle } from '../test/support/bundle.ts';
import { ipv4, mapped, TestPath } from '../test/support/path.ts';
import { line, measure, smoke } from './support.ts';

const BATCH = 128;
const SLOT = 1600;
/** Two fragments of 700 octets a packet, the protocol field included. */
const FRAGMENT = 700;
const PACKET = 2 * FRAGMENT - 1;
const PACKETS = 128;
const ROUNDS = smoke ? 2 : 80;
/** So many that each of 10,000 bundles has one. */
const MANY = smoke ? 256 : 10_000;

/** Session rows whose memory holds the datagrams of so many packets. */
const areaRows = (packets: number): number => Math.ceil((packets * 2 * (SLOT + 8) + 1024) / layout.SESSION_ROW_SIZE);

const address = (bundle: number): number[] => [100, 64 + (bundle >>> 16), (bundle >>> 8) & 255, bundle & 255];

/** Fragments of `packets` packets of `bundles` bundles in turn, each over `links` links; written into the memory once. */
function load(
  path: TestPath,
  bundles: TestBundle[],
  shuffled: boolean,
  packets: number,
): { list: number; count: number; name: number; restart: () => void } {
  // Datagrams and their list stand in session rows that nobody uses.
  const { offset, count } = path.plan.parts[layout.PART_SESSIONS]!;
  const list = offset + (count - areaRows(packets)) * layout.SESSION_ROW_SIZE;
  const base = list + packets * 2 * 8 + layout.HEADROOM;
  const name = path.block(layout.PART_RX) + layout.RX_NAMES;
  path.octets.set(new Uint8Array([2, 0, 1701 >>> 8, 1701 & 255, 192, 0, 2, 1]), name);
  const random = new SeededRandom(3);
  const sequence = new Uint32Array(bundles.length);
  const datagrams: { bundle: number; octets: Uint8Array }[] = [];
  for (let n = 0; n < packets; n++) {
    const at = n % bundles.length;
    const bundle = bundles[at]!;
    const packet = ipv4(address(at), [203, 0, 113, 2], new Uint8Array(PACKET - 20));
    const whole = new Uint8Array([0x21, ...packet]);
    for (const [part, begin] of [
      [whole.subarray(0, FRAGMENT), true],
      [whole.subarray(FRAGMENT), false],
    ] as const) {
      const number = sequence[at]!;
      sequence[at] = number + 1;
      datagrams.push({
        bundle: at,
        octets: bundle.datagram(number % bundle.links.length, begin, !begin, number, part),
      });
    }
  }
  // Links are delayed against each other by up to a few fragments; on one link numbers keep rising.
  if (shuffled) {
    const delay = [0, 3, 1, 6, 2, 7, 4, 5];
    const keys = datagrams.map(({ octets }, n) => n + delay[octets[5]! % 8]! * bundles.length + (random.u32() % 2) / 4);
    const order = keys.map((_, n) => n).sort((a, b) => keys[a]! - keys[b]!);
    const moved = order.map((n) => datagrams[n]!);
    datagrams.splice(0, datagrams.length, ...moved);
  }
  for (const [i, { octets }] of datagrams.entries()) {
    const at = base + i * SLOT + layout.HEADROOM;
    path.octets.set(octets, at);
    path.view.setUint32(list + i * 8, at, true);
    path.view.setUint32(list + i * 8 + 4, octets.length, true);
  }
  // Each run sends the same numbers again: the bundles count from the start again.
  const rows = bundles.map((bundle) => bundle.offset);
  const restart = (): void => {
    for (const at of rows) {
      path.view.setUint32(at + layout.BUNDLE_EXPECTED, 0, true);
      path.view.setUint32(at + layout.BUNDLE_HEARD, 0, true);
      path.view.setUint32(at + layout.BUNDLE_ORPHAN, 0, true);
    }
  };
  return { list, count: datagrams.length, name, restart };
}

function reassembly(links: number, short: boolean, shuffled: boolean, bundleCount: number, packets = PACKETS): number {
  const path = new TestPath(layout.CORE_TUN, false, {
    tunnels: 16,
    sessions: bundleCount * links + 16 + areaRows(packets),
    bundles: bundleCount,
    fragments: 16_384,
  });
  const tunnel = path.tunnel();
  const bundles = Array.from({ length: bundleCount }, (_, i) => {
    const bundle = new TestBundle(path, tunnel, { short, links, firstSession: 1 + i * links });
    bundle.up(mapped(...(address(i) as [number, number, number, number])));
    return bundle;
  });
  const { list, count, name, restart } = load(path, bundles, shuffled, packets);
  let delivered = 0;
  const rounds = Math.ceil((smoke ? 512 : 20_000) / count);
  const run = (): void => {
    for (let round = 0; round < rounds; round++) {
      delivered = 0;
      restart();
      for (let first = 0; first < count; first += BATCH) {
        const n = Math.min(BATCH, count - first);
        for (let done = 0; done < n; ) {
          path.wasm.transmitReset();
          done = path.wasm.upstreamList(list + first * 8, done, n, name, 0);
          delivered += path.wasm.transmitOuts();
        }
      }
      path.wasm.transmitReset();
    }
  };
  run();
  if (delivered !== packets) throw new Error(`${delivered} of ${packets} packets came out`);
  const result = measure(
    'multilink',
    `reassembly of ${FRAGMENT} octets, ${links} links, ${short ? 12 : 24} bits, ${shuffled ? 'shuffled' : 'in order'}, ${bundleCount} bundles, ${packets} packets`,
    count * rounds,
    run,
    { octets: FRAGMENT },
  );
  return result.ns.median;
}

/** A packet of two fragments against the same as a plain session's, each way. */
function againstPlain(): void {
  const path = new TestPath(layout.CORE_TUN, false, { tunnels: 16, sessions: 64, bundles: 4, fragments: 1024 });
  const tunnel = path.tunnel();
  const bundle = new TestBundle(path, tunnel, { links: 2, fragmentThreshold: FRAGMENT, firstSession: 1 });
  bundle.up(mapped(100, 64, 0, 0));
  path.session(tunnel, 40, mapped(100, 64, 9, 9));
  const base = path.plan.parts[layout.PART_CORE]!.offset;
  const list = path.plan.parts[layout.PART_SCRATCH]!.offset;
  const down = (to: number[]): (() => void) => {
    for (let i = 0; i < BATCH; i++) {
      const at = base + i * SLOT + layout.HEADROOM;
      path.octets.set(ipv4([203, 0, 113, 2], to, new Uint8Array(PACKET - 20)), at);
      path.view.setUint32(list + i * 8, at, true);
      path.view.setUint32(list + i * 8 + 4, PACKET, true);
    }
    return () => {
      for (let round = 0; round < (smoke ? 2 : 40); round++)
        for (let done = 0; done < BATCH; ) {
          path.wasm.transmitReset();
          done = path.wasm.downstreamList(list, done, BATCH);
        }
    };
  };
  const rounds = (smoke ? 2 : 40) * BATCH;
  const plain = measure('multilink', `down, plain, ${PACKET} octets`, rounds, down([100, 64, 9, 9]), {
    octets: PACKET,
  });
  const cut = measure('multilink', `down, two fragments, ${PACKET} octets`, rounds, down([100, 64, 0, 0]), {
    octets: PACKET,
  });
  line({
    bench: 'multilink',
    case: 'down, two fragments against plain',
    ratio: Number((cut.ns.median / plain.ns.median).toFixed(2)),
  });
}

/** Fragments of one link that land on another shard than the bundle's. */
function crossing(): void {
  const sizes = { tunnels: 16, sessions: 64 + areaRows(PACKETS), bundles: 4, fragments: 1024, shards: 2 };
  const owner = new TestPath(layout.CORE_TUN, false, sizes, 0);
  const other = new TestPath(layout.CORE_TUN, false, sizes, 1, owner);
  const bundle = new TestBundle(owner, owner.tunnel(), { links: 2, firstSession: 1 });
  bundle.up(mapped(100, 64, 0, 0));
  const { list, count, name, restart } = load(owner, [bundle], false, PACKETS);
  const run = (path: TestPath): (() => void) => {
    return () => {
      for (let round = 0; round < ROUNDS; round++) turn(path);
    };
  };
  const turn = (path: TestPath): void => {
    restart();
    for (let first = 0; first < count; first += BATCH) {
      path.wasm.transmitReset();
      path.wasm.upstreamList(list + first * 8, 0, Math.min(BATCH, count - first), name, 0);
      if (path === owner) continue;
      owner.wasm.transmitReset();
      owner.wasm.peerTake(1, BATCH);
      owner.wasm.transmitReset();
      owner.wasm.peerRelease(1);
    }
  };
  const together = measure('multilink', 'links share the owner shard', count * ROUNDS, run(owner), {
    octets: FRAGMENT,
  });
  const across = measure('multilink', 'every fragment crosses to the owner shard', count * ROUNDS, run(other), {
    octets: FRAGMENT,
  });
  line({
    bench: 'multilink',
    case: 'crossing against sharing',
    ratio: Number((across.ns.median / together.ns.median).toFixed(2)),
  });
}

for (const links of [1, 2, 4, 8])
  for (const short of [false, true])
    for (const shuffled of links === 1 ? [false] : [false, true]) reassembly(links, short, shuffled, 1);
const flat = (smoke ? [1, 100] : [1, 100, 1000, 10_000]).map((bundles) => reassembly(2, false, false, bundles, MANY));
line({
  bench: 'multilink',
  case: `${smoke ? 100 : 10_000} bundles against one`,
  ratio: Number((flat.at(-1)! / flat[0]!).toFixed(2)),
});
againstPlain();
crossing();
