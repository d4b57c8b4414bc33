import type { PathExports } from '../dataplane/module.ts';
import * as layout from '../generated/layout.ts';
import type { Ffi } from './ffi.ts';

const IO_URING_SETUP = 425;
const IO_URING_ENTER = 426;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13;
const SETUP_NO_MMAP = 1 << 14;
const SETUP_NO_SQARRAY = 1 << 16;
const ENTER_GETEVENTS = 1;
const EINVAL = 22;
const ENOSYS = 38;
/** An entry of io_uring_params: flags; where the submission entries and the rings are to lie. */
const PARAMS_FLAGS = 8;
const PARAMS_SQES = 72;
const PARAMS_RINGS = 112;

/**
 * A shard's io_uring for writes to its TUN queue, with the rings in the shard's part of the Wasm memory (kernel 6.6
 * with a page of it, 6.10 for more). Only the thread that opened it may use it.
 */
export class Uring {
  readonly #ffi: Ffi;
  readonly #wasm: PathExports;
  readonly #fd: number;
  get fd(): number {
    return this.#fd;
  }

  private constructor(ffi: Ffi, wasm: PathExports, fd: number) {
    this.#ffi = ffi;
    this.#wasm = wasm;
    this.#fd = fd;
  }

  /**
   * @param area offset of the shard's PART_URING block  @param base address of the memory in the process
   * @param fd the TUN queue, nonblocking
   * @returns the ring, or the errno that stands in the way
   */
  static open(
    ffi: Ffi,
    wasm: PathExports,
    memory: WebAssembly.Memory,
    area: number,
    base: number,
    fd: number,
  ): Uring | number {
    const params = area + layout.URING_PARAMS;
    new Uint8Array(memory.buffer, area + layout.URING_RINGS, layout.URING_SIZE - layout.URING_RINGS).fill(0);
    const view = new DataView(memory.buffer);
    view.setUint32(
      params + PARAMS_FLAGS,
      SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_NO_MMAP | SETUP_NO_SQARRAY,
      true,
    );
    view.setBigUint64(params + PARAMS_SQES, BigInt(base + area + layout.URING_SQES), true);
    view.setBigUint64(params + PARAMS_RINGS, BigInt(base + area + layout.URING_RINGS), true);
    const ring = ffi.syscall(IO_URING_SETUP, layout.URING_ENTRIES, base + params, 0, 0, 0, 0);
    if (ring < 0) return ffi.errno() || ENOSYS;
    const uring = new Uring(ffi, wasm, ring);
    wasm.uringAttach(fd);
    // A device takes no empty packet: EINVAL says that it was asked, and at once.
    wasm.uringProbe();
    const taken = uring.#enter(1);
    const failed = wasm.uringFailed();
    if (taken === 1 && failed === 1 && wasm.uringFailure() === -EINVAL) return uring;
    wasm.uringCancel();
    uring.close();
    return -wasm.uringFailure() || ENOSYS;
  }
  #enter(count: number): number {
    return this.#ffi.syscall(IO_URING_ENTER, this.#fd, count, 0, ENTER_GETEVENTS, 0, 0);
  }
  /**
   * Performs the batch's writes. All are done when it returns.
   * @param total as `uringWrites` wants it  @returns packets that the device did not take
   */
  write(total: number, runs: boolean): number {
    let lost = 0;
    for (let from = 0; from < total; ) {
      const queued = this.#wasm.uringWrites(from, total, runs ? 1 : 0);
      if (queued === 0) break; // the kernel takes all or it is cancelled: there is room
      from += queued;
      if (this.#enter(queued) !== queued) lost += this.#wasm.uringCancel();
      // The kernel hands over a few failures a call, and leaves the rest for the next.
      for (let failed = this.#wasm.uringFailed(); failed > 0; failed = this.#wasm.uringFailed()) {
        lost += failed;
        this.#enter(0);
      }
    }
    return lost;
  }
  close(): void {
    this.#ffi.close(this.#fd);
  }
}
