// A shard between a LAC and a core, for benches that ask what the whole way costs: all in a network namespace of its own
// (root): LAC and sink on loopback, the core side a TUN device from which the kernel forwards to a veth whose other end
// drops (another MAC address), or what this process sends. The figure is the CPU time of the shard's thread a packet.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type Ffi, openFfi } from '../src/io/ffi.ts';
import { throwRefused } from '../src/io/netlink.ts';
import { Tun } from '../src/io/tun.ts';
import { openUdpSocket } from '../src/io/udp.ts';
import { encodeSockaddr, formatIpv4 } from '../src/wire/address.ts';
import { SeededRandom } from '../src/wire/random.ts';
import { Bench } from '../test/io/planes.ts';
import { udpPacket } from '../test/support/gso.ts';
import { data, pppIp } from '../test/support/path.ts';
import { TwinShard } from './c/shard.ts';
import type { Twin } from './c/twin.ts';

export interface Rung {
  name: string;
  gro?: boolean;
  vnetHdr?: boolean;
  uring?: boolean;
  segmentation?: boolean;
  /** By the C twin (bench/c) in place of the shard. */
  c?: boolean;
  /** Each datagram of another session and flow than the one before: 256 in turn. */
  mixed?: boolean;
  /** Each packet of a random session, drawn anew for each burst: so many sessions in so many tunnels. */
  random?: { readonly sessions: number; readonly tunnels: number };
}
const SESSIONS = 256;
const BURST = 1024;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/** Runs the script `file` again in a network namespace of its own, with --inside; then true, where it is inside. */
export function inNamespace(file: string): boolean {
  if (process.argv.includes('--inside')) return true;
  const space = `lnsbench${process.pid}`;
  execFileSync('ip', ['netns', 'add', space]);
  try {
    const command = ['netns', 'exec', space, process.execPath, file, '--inside', ...process.argv.slice(2)];
    process.exitCode = spawnSync('ip', command, { stdio: 'inherit' }).status ?? 1;
  } finally {
    execFileSync('ip', ['netns', 'del', space]);
  }
  return false;
}
/** The interfaces inside. */
export function openRig(): Ffi {
  const ffi = openFfi();
  if (ffi === null) throw new Error('needs Linux and koffi');
  const sh = (script: string): string => execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  sh('ip link set lo up; for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f; done');
  sh(
    'ip link add sink0 type veth peer name sink1; ip link set sink0 up; ip link set sink1 up; ip addr add 192.0.2.1/24 dev sink0; echo 1 >/proc/sys/net/ipv4/ip_forward',
  );
  sh('ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev sink0');
  return ffi;
}

/** CPU time of every thread but the main one, in nanoseconds. */
function threads(): Map<string, number> {
  const times = new Map<string, number>();
  for (const id of readdirSync('/proc/self/task'))
    if (id !== String(process.pid))
      times.set(id, Number(readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[0]));
  return times;
}
/** The scheduler counts a thread's turn when the thread sleeps, or with the clock's next tick (4 ms). */
const accounted = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));
/** Of the thread that worked most since. */
function busiest(before: Map<string, number>): number {
  return Math.max(...[...threads()].map(([id, time]) => time - (before.get(id) ?? 0)));
}

/** Client `session` of a random run has this address. */
const POOL = 0x6440_0000;

/** @param bursts of 1,024 packets each  @param twin for rungs of the C twin */
export async function wholeCost(
  ffi: Ffi,
  direction: 'up' | 'down',
  rung: Rung,
  octets: number,
  bursts: number,
  twin: Twin | string,
): Promise<{ ns: number; lost: number }> {
  const { gro = false, vnetHdr = false, uring = false, segmentation = true, mixed = false, random } = rung;
  const tun = Tun.open(ffi, { name: 'lnsb%d', queues: 1, mtu: 1500, addresses: ['10.99.0.1'], vnetHdr, uso: vnetHdr });
  throwRefused(tun.addRoutes([{ address: '100.64.0.0', length: 10 }]));
  const skip = { skip: (): void => undefined } as unknown as Parameters<typeof Bench.open>[0];
  const { sessions, tunnels } = random ?? { sessions: SESSIONS, tunnels: 1 };
  const sizes = { tunnels: Math.max(256, tunnels), sessions: Math.max(4096, sessions) };
  const options = { shards: 1, core: 'tun', tun: tun.fds, gro, vnetHdr, uso: vnetHdr, uring, segmentation } as const;
  const bench =
    rung.c === true
      ? new TwinShard(ffi, twin as Twin, { tun: tun.fds[0]!, gro, segmentation, ...sizes })
      : (await Bench.open(skip, { ...options, ...sizes }))!;
  const lac = openUdpSocket(ffi, { address: '127.0.0.1', port: 0 });
  const source = direction === 'up' ? null : openUdpSocket(ffi, { address: '10.99.0.1', port: 0 });
  try {
    const rows = Array.from({ length: tunnels }, (_, i) =>
      bench.tunnel(2 + i, 4, { address: '127.0.0.1', port: lac.port }),
    );
    for (let s = 0; s < sessions; s++)
      bench.session(rows[s % tunnels]!, 1 + Math.floor(s / tunnels), 1, formatIpv4(POOL + s), 1500);
    const perRun = random !== undefined && direction === 'down' ? 1 : Math.min(64, Math.trunc(64_000 / (octets + 12)));
    const runs = Math.ceil(BURST / perRun);
    const socket = source?.fd ?? lac.fd;
    const size = new Int32Array([direction === 'up' ? octets + 12 : octets - 28]);
    if (ffi.setsockopt(socket, SOL_UDP, UDP_SEGMENT, ffi.addressOf(size), 4) < 0) throw ffi.error('UDP_SEGMENT');
    const to = encodeSockaddr(direction === 'up' ? bench.address : { address: formatIpv4(POOL + 5), port: 9 });
    const toView = new DataView(to.buffer, to.byteOffset);
    const messages: Uint8Array[] = [];
    const ids = new Map<number, number>();
    for (let run = 0; run < runs; run++)
      messages.push(
        direction === 'down'
          ? new Uint8Array(perRun * (octets - 28)).map((_, i) => i & 255)
          : new Uint8Array(
              Buffer.concat(
                Array.from({ length: perRun }, (_, i) => {
                  const s = mixed ? (run * perRun + i) % SESSIONS : 0;
                  const id = ids.get(s) ?? 0;
                  ids.set(s, id + 1);
                  const address = [100, 64, s >> 8, s & 255];
                  const packet = udpPacket(
                    { source: address, destination: [192, 0, 2, 7], id },
                    new Uint8Array(octets - 28).fill(i),
                  );
                  return data(pppIp(packet), { tunnel: 2, session: 1 + s, length: true });
                }),
              ),
            ),
      );
    const picks = new SeededRandom(1);
    const views = messages.map((message) => new DataView(message.buffer));
    /** Gives every packet of a burst another session; the header checksum follows (the kernel checks it before it forwards). */
    const draw = (): void => {
      for (const view of views)
        for (let at = 0; at < view.byteLength; at += octets + 12) {
          const s = picks.u32() % sessions;
          view.setUint16(at + 4, 2 + (s % tunnels));
          view.setUint16(at + 6, 1 + Math.floor(s / tunnels));
          const ip = at + 12;
          view.setUint32(ip + 12, POOL + s);
          view.setUint16(ip + 10, 0);
          let sum = 0;
          for (let word = 0; word < 20; word += 2) sum += view.getUint16(ip + word);
          sum = (sum & 0xffff) + (sum >>> 16);
          view.setUint16(ip + 10, ~((sum & 0xffff) + (sum >>> 16)));
        }
    };
    const counter = direction === 'up' ? 'delivered' : 'accepted';
    const buffer: Uint8Array = new Uint8Array(65536);
    let sent = 0;
    let before = threads();
    const from = { all: bench.sum(counter), sent: 0 };
    for (let burst = -5; burst < bursts; burst++) {
      if (random !== undefined && direction === 'up') draw();
      if (burst === 0) {
        await accounted();
        before = threads();
        sent = 0;
      }
      const already = bench.sum(counter);
      for (const message of messages) {
        if (random !== undefined && direction === 'down') toView.setUint32(4, POOL + (picks.u32() % sessions));
        if (ffi.sendto(socket, ffi.addressOf(message), message.length, 0, ffi.addressOf(to), to.length) < 0)
          throw ffi.error('send');
        // A burst of single packets is more than the device's queue holds.
        if (random !== undefined && direction === 'down' && (picks.u32() & 63) === 0)
          await new Promise((resolve) => setImmediate(resolve));
      }
      sent += runs * perRun;
      from.sent += runs * perRun;
      const deadline = performance.now() + 300;
      while (bench.sum(counter) - already < runs * perRun && performance.now() < deadline)
        await new Promise((resolve) => setImmediate(resolve));
      // The LAC takes what came down.
      while (direction === 'down' && ffi.recv(lac.fd, ffi.addressOf(buffer), buffer.length, 0x40) > 0);
    }
    await accounted();
    const ns = busiest(before) / sent;
    return { ns, lost: Number((1 - (bench.sum(counter) - from.all) / from.sent).toFixed(4)) };
  } finally {
    await bench.close();
    ffi.close(lac.fd);
    if (source !== null) ffi.close(source.fd);
    tun.close();
  }
}
