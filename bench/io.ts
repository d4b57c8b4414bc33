// What does each rung of the I/O ladder (docs/io.md) save? CPU time of a shard's thread a packet, every rung in turn in
// one run, several rounds. All in a network namespace of its own (root): LAC and sink on loopback, the core side a TUN
// device from which the kernel forwards to a veth whose other end drops (another MAC address), or what this process sends.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Ffi, openFfi } from '../src/io/ffi.ts';
import { Tun } from '../src/io/tun.ts';
import { openUdpSocket } from '../src/io/udp.ts';
import { encodeSockaddr } from '../src/wire/address.ts';
import { Bench } from '../test/io/planes.ts';
import { udpPacket } from '../test/support/gso.ts';
import { data, pppIp } from '../test/support/path.ts';
import { report, smoke } from './support.ts';

interface Rung {
  name: string;
  gro?: boolean;
  vnetHdr?: boolean;
  uring?: boolean;
  segmentation?: boolean;
  /** Each datagram of another session and flow than the one before. */
  mixed?: boolean;
}
const UP: readonly Rung[] = [
  { name: 'recvmmsg, write' },
  { name: '+ UDP_GRO', gro: true },
  { name: '+ UDP_GRO, io_uring', gro: true, uring: true },
  { name: '+ UDP_GRO, io_uring, VNET_HDR', gro: true, uring: true, vnetHdr: true },
  { name: '+ UDP_GRO, io_uring, 256 flows in turn', gro: true, uring: true, mixed: true },
  { name: '+ UDP_GRO, io_uring, VNET_HDR, 256 flows in turn', gro: true, uring: true, vnetHdr: true, mixed: true },
];
const DOWN: readonly Rung[] = [
  { name: 'read, sendmmsg', segmentation: false },
  { name: '+ UDP_SEGMENT' },
  { name: '+ UDP_SEGMENT, VNET_HDR', vnetHdr: true },
];
const SESSIONS = 256;
const BURST = 1024;
const BURSTS = smoke ? 2 : 60;
const ROUNDS = smoke ? 1 : 5;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

if (!process.argv.includes('--inside')) {
  const space = `lnsbench${process.pid}`;
  execFileSync('ip', ['netns', 'add', space]);
  try {
    const script = fileURLToPath(import.meta.url);
    const inside = spawnSync(
      'ip',
      ['netns', 'exec', space, process.execPath, script, '--inside', ...process.argv.slice(2)],
      { stdio: 'inherit' },
    );
    process.exitCode = inside.status ?? 1;
  } finally {
    execFileSync('ip', ['netns', 'del', space]);
  }
} else await inside();

/** CPU time of every thread but the main one, in nanoseconds. */
function threads(): Map<string, number> {
  const times = new Map<string, number>();
  for (const id of readdirSync('/proc/self/task'))
    if (id !== String(process.pid))
      times.set(id, Number(readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[0]));
  return times;
}
/** Of the thread that worked most since. */
function busiest(before: Map<string, number>): number {
  return Math.max(...[...threads()].map(([id, time]) => time - (before.get(id) ?? 0)));
}

async function inside(): Promise<void> {
  const ffi = openFfi();
  if (ffi === null) throw new Error('needs Linux and koffi');
  const sh = (script: string): string => execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  sh('ip link set lo up; for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f; done');
  sh(
    'ip link add sink0 type veth peer name sink1; ip link set sink0 up; ip link set sink1 up; ip addr add 192.0.2.1/24 dev sink0; echo 1 >/proc/sys/net/ipv4/ip_forward',
  );
  sh('ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev sink0');
  for (const octets of smoke ? [512] : [64, 512, 1400])
    for (const [direction, rungs] of [
      ['up', UP],
      ['down', DOWN],
    ] as const) {
      const costs = rungs.map((): number[] => []);
      let loss = 0;
      for (let round = 0; round < ROUNDS; round++)
        for (const [i, rung] of rungs.entries()) {
          const { ns, lost } = await measure(ffi, direction, rung, octets);
          costs[i]!.push(ns);
          loss = Math.max(loss, lost);
        }
      const first = [...costs[0]!].sort((a, b) => a - b)[costs[0]!.length >>> 1]!;
      for (const [i, rung] of rungs.entries()) {
        const times = costs[i]!.sort((a, b) => a - b);
        const median = times[times.length >>> 1]!;
        report({
          bench: 'io',
          case: `${direction} ${octets} octets, ${rung.name}: ${(median / first).toFixed(2)} of the first rung`,
          ns: { min: Math.round(times[0]!), median: Math.round(median), p99: Math.round(times.at(-1)!) },
          perSecond: Math.round(1e9 / median),
          gbitPerSecond: Number(((octets * 8) / median).toFixed(2)),
          runs: times.length,
          loss,
        });
      }
    }
}

async function measure(
  ffi: Ffi,
  direction: 'up' | 'down',
  rung: Rung,
  octets: number,
): Promise<{ ns: number; lost: number }> {
  const { gro = false, vnetHdr = false, uring = false, segmentation = true, mixed = false } = rung;
  const tun = Tun.open(ffi, { name: 'lnsb%d', queues: 1, mtu: 1500, addresses: ['10.99.0.1'], vnetHdr, uso: vnetHdr });
  tun.addRoutes([{ address: '100.64.0.0', length: 16 }]);
  const skip = { skip: (): void => undefined } as unknown as Parameters<typeof Bench.open>[0];
  const bench = (await Bench.open(skip, {
    shards: 1,
    core: 'tun',
    tun: tun.fds,
    gro,
    vnetHdr,
    uso: vnetHdr,
    uring,
    segmentation,
  }))!;
  const lac = openUdpSocket(ffi, { address: '127.0.0.1', port: 0 });
  try {
    const tunnel = bench.tunnel(2, 4, { address: '127.0.0.1', port: lac.port });
    const address = (session: number): string => `100.64.${session >> 8}.${session & 255}`;
    for (let session = 1; session <= SESSIONS; session++)
      bench.session(tunnel, session, session, address(session), 1500);
    const perRun = Math.min(64, Math.trunc(64_000 / (octets + 12)));
    const runs = Math.ceil(BURST / perRun);
    const socket = direction === 'up' ? lac.fd : openUdpSocket(ffi, { address: '10.99.0.1', port: 0 }).fd;
    const size = new Int32Array([direction === 'up' ? octets + 12 : octets - 28]);
    if (ffi.setsockopt(socket, SOL_UDP, UDP_SEGMENT, ffi.addressOf(size), 4) < 0) throw ffi.error('UDP_SEGMENT');
    const to = encodeSockaddr(direction === 'up' ? bench.address : { address: address(5), port: 9 });
    const messages: Uint8Array[] = [];
    const ids = new Map<number, number>();
    for (let run = 0; run < runs; run++)
      messages.push(
        direction === 'down'
          ? new Uint8Array(perRun * (octets - 28)).map((_, i) => i & 255)
          : new Uint8Array(
              Buffer.concat(
                Array.from({ length: perRun }, (_, i) => {
                  const session = mixed ? 1 + ((run * perRun + i) % SESSIONS) : 1;
                  const id = ids.get(session) ?? 0;
                  ids.set(session, id + 1);
                  const source = [100, 64, session >> 8, session & 255];
                  const packet = udpPacket(
                    { source, destination: [192, 0, 2, 7], id },
                    new Uint8Array(octets - 28).fill(i),
                  );
                  return data(pppIp(packet), { tunnel: 2, session, length: true });
                }),
              ),
            ),
      );
    const counter = direction === 'up' ? 'delivered' : 'accepted';
    const buffer: Uint8Array = new Uint8Array(65536);
    let sent = 0;
    let before = threads();
    for (let burst = -5; burst < BURSTS; burst++) {
      if (burst === 0) {
        before = threads();
        sent = 0;
      }
      const from = bench.sum(counter);
      for (const octetsOf of messages)
        if (ffi.sendto(socket, ffi.addressOf(octetsOf), octetsOf.length, 0, ffi.addressOf(to), to.length) < 0)
          throw ffi.error('send');
      sent += runs * perRun;
      const deadline = performance.now() + 300;
      while (bench.sum(counter) - from < runs * perRun && performance.now() < deadline)
        await new Promise((resolve) => setImmediate(resolve));
      // The LAC takes what came down.
      while (direction === 'down' && ffi.recv(lac.fd, ffi.addressOf(buffer), buffer.length, 0x40) > 0);
    }
    const ns = busiest(before) / sent;
    const lost = 1 - bench.sum(counter) / (sent + 5 * runs * perRun);
    if (direction === 'down') ffi.close(socket);
    return { ns, lost: Number(lost.toFixed(4)) };
  } finally {
    await bench.close();
    ffi.close(lac.fd);
    tun.close();
  }
}
