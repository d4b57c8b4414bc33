// Planes with rows entered by hand: shards, sockets and devices without a control plane.
import type { TestContext } from 'node:test';
import { type Ffi, openFfi } from '../../src/io/ffi.ts';
import { openSocketGroup, type SocketGroup } from '../../src/io/udp.ts';
import { Plane, type PlaneOptions } from '../../src/server/plane.ts';
import type { PeerAddress } from '../../src/wire/address.ts';
import { skip } from '../support/needs.ts';
import { enterSession, enterTunnel } from '../support/rows.ts';

export interface Control {
  octets: Uint8Array;
  group: number;
}

/** One plane with a socket group on loopback. */
export class Bench {
  readonly ffi: Ffi;
  readonly group: SocketGroup;
  readonly controls: Control[] = [];
  readonly failures: { shard: number; reason: unknown }[] = [];
  plane!: Plane;

  private constructor(ffi: Ffi, group: SocketGroup) {
    this.ffi = ffi;
    this.group = group;
  }
  static async open(
    t: TestContext,
    options: Partial<PlaneOptions> & { shards: number; core: PlaneOptions['core'] },
  ): Promise<Bench | null> {
    const ffi = openFfi();
    if (ffi === null) {
      skip(t, 'needs Linux and koffi');
      return null;
    }
    const { shards } = options;
    const group = openSocketGroup(ffi, { address: '127.0.0.1', port: 0 }, shards, options.gro === true);
    const bench = new Bench(ffi, group);
    bench.plane = await Plane.open({
      tunnels: 256,
      sessions: 4096,
      ffi,
      sockets: Array.from({ length: shards }, (_, shard) => ({ fds: [group.fds[shard + 1]!], listens: [0] })),
      tun: [],
      traffic: null,
      segmentation: true,
      events: {
        frame() {},
        control: (octets, _sockaddr, from) => bench.controls.push({ octets: octets.slice(), group: from }),
        datagram() {},
        drained() {},
        failed: (shard, reason) => bench.failures.push({ shard, reason }),
      },
      ...options,
    });
    return bench;
  }
  async close(): Promise<void> {
    await this.plane.close();
    this.group.close();
  }
  get address(): PeerAddress {
    return { address: '127.0.0.1', port: this.group.port };
  }
  tunnel(localId: number, peerId: number, peer: PeerAddress): number {
    return enterTunnel(this.plane.tables, localId, peerId, peer, localId % this.plane.shards);
  }
  session(tunnelRow: number, localId: number, peerId: number, address: string, peerMru = 1500): number {
    return enterSession(this.plane.tables, tunnelRow, localId, peerId, address, peerMru);
  }
  /** A total or drop of all shards. */
  sum(name: string): number {
    let all = 0;
    for (let shard = 0; shard < this.plane.shards; shard++) {
      const { totals, drops } = this.plane.counters(shard);
      all += totals[name] ?? drops[name] ?? 0;
    }
    return all;
  }
  drops(): Record<string, number> {
    const all: Record<string, number> = {};
    for (let shard = 0; shard < this.plane.shards; shard++)
      for (const [name, count] of Object.entries(this.plane.counters(shard).drops))
        all[name] = (all[name] ?? 0) + count;
    return all;
  }
}

export async function until(condition: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
