// A path over a memory with one AF_XDP block, whose rings nobody but the test has.
import * as layout from '../../src/generated/layout.ts';
import { TestPath } from './path.ts';

const RING = 2048;
/** Where each ring's descriptors begin behind its words. */
const ENTRIES = 320;

export class XdpRings {
  readonly path: TestPath;
  readonly block: number;
  constructor(role: number) {
    const core = role === layout.XDP_ROLE_CORE;
    this.path = new TestPath(layout.CORE_TUN, false, {
      tunnels: 4,
      sessions: 16,
      xdp: { queues: 1, chunk: 2048, core },
    });
    const { path } = this;
    this.block = path.plan.parts[layout.PART_XDP]!.offset;
    for (let ring = 0; ring < 4; ring++)
      for (const [n, offset] of [0, 64, ENTRIES, 128].entries())
        path.view.setBigUint64(this.block + ring * 32 + n * 8, BigInt(offset), true);
    path.view.setUint32(this.block + layout.XDP_CHUNK, 2048, true);
    path.view.setUint32(this.block + layout.XDP_MTU, 1500, true);
    path.view.setUint32(this.block + layout.XDP_ROLE, role, true);
    path.octets.set([2, 0, 0, 0, 0, 1], this.block + layout.XDP_MAC);
    path.wasm.xdpFill(0);
    path.wasm.xdpAttach(0, 1);
  }
  /** A frame that the kernel has received: up or down the path. @returns frames taken */
  arrive(frame: Uint8Array, length = frame.length, address = 256n): number {
    const { path, block } = this;
    if (address < 2048n) path.octets.set(frame, block + layout.XDP_UMEM + Number(address));
    const at = path.view.getUint32(block + layout.XDP_RX, true);
    const entry = block + layout.XDP_RX + ENTRIES + (at % RING) * 16;
    path.view.setBigUint64(entry, address, true);
    path.view.setUint32(entry + 8, length, true);
    path.view.setUint32(block + layout.XDP_RX, at + 1, true);
    path.wasm.transmitReset();
    path.wasm.epochEnter();
    const n = path.wasm.xdpReceive(0, 64);
    path.wasm.epochLeave();
    path.wasm.xdpRelease(0, n);
    return n;
  }
  /** Frame `n` of the transmit ring. */
  frame(n: number): Uint8Array {
    const { path, block } = this;
    const entry = block + layout.XDP_TX + ENTRIES + n * 16;
    const at = block + layout.XDP_UMEM + Number(path.view.getBigUint64(entry, true));
    return path.octets.slice(at, at + path.view.getUint32(entry + 8, true));
  }
  /** The kernel takes the first `n` frames and gives their chunks back. */
  takeAll(n: number): void {
    const { path, block } = this;
    path.view.setUint32(block + layout.XDP_TX + 64, n, true);
    for (let i = 0; i < n; i++)
      path.view.setBigUint64(
        block + layout.XDP_COMPLETION + ENTRIES + i * 8,
        path.view.getBigUint64(block + layout.XDP_TX + ENTRIES + i * 16, true),
        true,
      );
    path.view.setUint32(block + layout.XDP_COMPLETION, n, true);
  }
}
