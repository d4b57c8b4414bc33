// A shard whose loop is the C twin's (io.c): socket, TUN queue and tables as the product's own, rows entered by hand.
import { compilePath, instantiatePath } from '../../src/dataplane/module.ts';
import { formatMemory, planMemory } from '../../src/dataplane/plan.ts';
import { Tables } from '../../src/dataplane/tables.ts';
import * as layout from '../../src/generated/layout.ts';
import type { Ffi } from '../../src/io/ffi.ts';
import { openSocketGroup } from '../../src/io/udp.ts';
import type { PeerAddress } from '../../src/wire/address.ts';
import { enterSession, enterTunnel } from '../../test/support/rows.ts';
import { ELSEWHERE, type Twin } from './twin.ts';

export interface TwinOptions {
  readonly tun: number;
  readonly gro: boolean;
  readonly segmentation: boolean;
  readonly tunnels: number;
  readonly sessions: number;
}

export class TwinShard {
  readonly #tables: Tables;
  readonly #group: ReturnType<typeof openSocketGroup>;
  readonly #stop: () => void;
  readonly #done: Promise<number>;

  constructor(ffi: Ffi, twin: Twin, { tun, gro, segmentation, tunnels, sessions }: TwinOptions) {
    const plan = planMemory({
      tunnels,
      sessions,
      addresses: sessions,
      shards: 1,
      controlRingOctets: 1 << 20,
      accessRingOctets: 0,
      coreRingOctets: 0,
      ports: true,
      traffic: false,
    });
    const memory = new WebAssembly.Memory({ initial: plan.pages, maximum: plan.pages, shared: true });
    formatMemory(memory, plan);
    const wasm = instantiatePath(compilePath(), memory);
    wasm.attach(0n, 1);
    this.#tables = new Tables(wasm, memory, plan);
    this.#group = openSocketGroup(ffi, { address: '127.0.0.1', port: 0 }, 1, gro);
    const address = twin.addressOf(new Uint8Array(memory.buffer));
    if (twin.attach(address, address, 0) !== 0) throw new Error('the twin does not know this memory');
    twin.segmentation(segmentation ? 1 : 0);
    twin.mss(layout.CLAMP_OFF);
    const words = new Int32Array(memory.buffer);
    this.#stop = () => Atomics.store(words, (plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_STOP) >>> 2, 1);
    this.#done = twin.loop(this.#group.fds[1]!, tun, gro);
  }
  get address(): PeerAddress {
    return { address: '127.0.0.1', port: this.#group.port };
  }
  tunnel(localId: number, peerId: number, peer: PeerAddress): number {
    return enterTunnel(this.#tables, localId, peerId, peer, 0);
  }
  session(tunnelRow: number, localId: number, peerId: number, address: string, peerMru: number): number {
    return enterSession(this.#tables, tunnelRow, localId, peerId, address, peerMru);
  }
  sum(name: 'delivered' | 'accepted'): number {
    return this.#tables.shardCounter(0, name === 'delivered' ? layout.TOTAL_DELIVERED : layout.TOTAL_ACCEPTED);
  }
  /** @throws Error where the twin met what it does not do */
  async close(): Promise<void> {
    this.#stop();
    await this.#done;
    this.#group.close();
    if (this.#tables.shardCounter(0, ELSEWHERE) > 0) throw new Error('the C twin met packets that it has no way for');
  }
}
