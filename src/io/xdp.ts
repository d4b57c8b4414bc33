import { SystemError } from '../errors.ts';
import * as layout from '../generated/layout.ts';
import { ATTACH_XDP, Bpf, MAP_XSK, PROGRAM_XDP, type Step } from './bpf.ts';
import type { Ffi } from './ffi.ts';
import { Netlink } from './netlink.ts';

const MMAP: Readonly<Record<string, number>> = { x64: 9, arm64: 222 };
const AF_XDP = 44;
const EINVAL = 22;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const SOL_XDP = 283;
const XDP_MMAP_OFFSETS = 1;
const XDP_RX_RING = 2;
const XDP_TX_RING = 3;
const XDP_UMEM_REG = 4;
const XDP_FILL_RING = 5;
const XDP_COMPLETION_RING = 6;
const BIND_COPY = 2;
const BIND_ZEROCOPY = 4;
const BIND_NEED_WAKEUP = 8;
const ATTACH_NATIVE = 4;
const READ_WRITE = 3;
const SHARED_FIXED_POPULATED = 0x8011;
const PRIVATE_FIXED_ANONYMOUS = 0x32;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
/** What frames that are copied may take up until they have gone. */
const SEND_BUFFER = 16 << 20;
/** Room in front of a received frame, which the kernel keeps. */
const HEADROOM = 256;
const ETHERNET = 14;
/** Queues that are served: data that comes by others takes the kernel's way. */
const QUEUES_MAX = 16;

/** An interface as the kernel has it. */
export interface XdpInterface {
  readonly name: string;
  readonly index: number;
  /** That it may have; those that it has are found out. */
  readonly queues: number;
  readonly mtu: number;
  readonly mac: Uint8Array;
  /** Octets of a chunk that holds any frame of it. */
  readonly chunk: number;
}
/** @throws SystemError where there is no such interface, or AF_XDP cannot serve it */
export function xdpInterface(ffi: Ffi, name: string): XdpInterface {
  const cName = new Uint8Array(Buffer.from(`${name}\0`));
  const index = name.length > 0 && name.length < 16 ? ffi.if_nametoindex(Number(ffi.addressOf(cName))) : 0;
  const netlink = new Netlink(ffi);
  const link = index > 0 ? netlink.link(index) : null;
  netlink.close();
  if (link === null) throw new SystemError(`interface ${name}: not found (ENODEV)`, 'ENODEV');
  const { mtu, mac, queues } = link;
  const chunk = chunkFor(mtu);
  if (!fits(mtu, chunk)) throw new SystemError(`interface ${name}: its MTU of ${mtu} is too large`, 'EMSGSIZE');
  if (mac.length !== 6) throw new SystemError(`interface ${name}: is no Ethernet (EOPNOTSUPP)`, 'EOPNOTSUPP');
  return { name: link.name, index, queues: Math.min(queues, QUEUES_MAX), mtu, mac, chunk };
}

const fits = (mtu: number, chunk: number): boolean => mtu + ETHERNET + HEADROOM <= chunk;
const chunkFor = (mtu: number): number => (fits(mtu, 2048) ? 2048 : 4096);

/** What a program at an interface may do with a frame (enum xdp_action). */
export const XDP_PASS = 2;
export const HELPER_LOOKUP = 1;
export const HELPER_REDIRECT_MAP = 51;
/** Last steps of a program: to the ring of the queue that the frame came by, or on to the kernel. */
export const xdpVerdict = (context: number, sockets: number): readonly Step[] => [
  ['label', 'ours'],
  ['map', 1, sockets],
  ['ldxw', 2, context, 16],
  ['mov', 3, XDP_PASS],
  ['call', HELPER_REDIRECT_MAP],
  ['exit'],
  ['label', 'pass'],
  ['mov', 0, XDP_PASS],
  ['exit'],
];

/** What makes an interface the LACs' or the core's. */
export interface XdpSide {
  /** XDP_ROLE_* */
  readonly role: number;
  /**
   * The program. @param sockets the map of the rings
   * @param maps where it leaves the descriptors of its own maps, which are closed with the rest
   * @throws SystemError where a map cannot be had
   */
  program(bpf: Bpf, device: XdpInterface, sockets: number, maps: number[]): readonly Step[];
}

/**
 * The main thread's part of AF_XDP on an interface: sockets, the program, the maps. Rings and packet memory are pages of
 * the Wasm memory (layout/xdp.ts); the shards do the rest. The program is attached for as long as this process lives.
 */
export class Xdp {
  readonly #ffi: Ffi;
  readonly interface: XdpInterface;
  /** By queue. */
  readonly fds: readonly number[];
  /** Does the kernel copy frames? */
  readonly copies: boolean;
  readonly #others: readonly number[];
  readonly #memory: WebAssembly.Memory;
  readonly #blocks: readonly number[];
  readonly #base: number;

  private constructor(
    ffi: Ffi,
    device: XdpInterface,
    memory: WebAssembly.Memory,
    blocks: readonly number[],
    opened: { fds: number[]; others: number[]; copies: boolean },
  ) {
    this.#ffi = ffi;
    this.interface = device;
    this.#memory = memory;
    this.#blocks = blocks;
    this.#base = Number(ffi.addressOf(new Uint8Array(memory.buffer)));
    this.fds = opened.fds;
    this.copies = opened.copies;
    this.#others = opened.others;
  }

  /**
   * @param blocks offset of each queue's block of PART_XDP
   * @param fill `xdpFill` of an instance of the path
   * @throws SystemError with what could not be had; nothing is left open then
   */
  static open(
    ffi: Ffi,
    device: XdpInterface,
    memory: WebAssembly.Memory,
    blocks: readonly number[],
    fill: (queue: number) => void,
    side: XdpSide,
  ): Xdp {
    const bpf = new Bpf(ffi);
    const fds: number[] = [];
    const others: number[] = [];
    const base = Number(ffi.addressOf(new Uint8Array(memory.buffer)));
    const copies: boolean[] = [];
    try {
      for (const [queue, block] of blocks.entries()) {
        const fd = ffi.socket(AF_XDP, SOCK_RAW_CLOEXEC, 0);
        if (fd < 0) throw ffi.error('AF_XDP socket');
        fds.push(fd);
        prepare(ffi, fd, device, memory, base, block, side.role);
        fill(queue);
        const copied = bindTo(ffi, fd, device, queue);
        if (copied === null) {
          // The interface has fewer queues than it may have.
          ffi.close(fds.pop()!);
          break;
        }
        copies.push(copied);
      }
      const sockets = bpf.createMap(MAP_XSK, 4, 4, blocks.length);
      others.push(sockets);
      for (const [queue, fd] of fds.entries())
        bpf.update(
          sockets,
          new Uint8Array(new Uint32Array([queue]).buffer),
          new Uint8Array(new Int32Array([fd]).buffer),
        );
      const program = bpf.load(PROGRAM_XDP, ATTACH_XDP, side.program(bpf, device, sockets, others));
      others.push(program);
      // In the driver or not at all: a program behind the kernel's own merging of packets would see several as one.
      const link = bpf.link(program, device.index, ATTACH_XDP, ATTACH_NATIVE);
      if (link < 0) throw ffi.error(`XDP in the driver of ${device.name}`);
      // The link goes first: no frame is on its way to a ring when the sockets close.
      others.unshift(link);
      return new Xdp(ffi, device, memory, blocks, { fds, others, copies: copies.includes(true) });
    } catch (error) {
      for (const fd of [...others, ...fds]) ffi.close(fd);
      unmap(ffi, base, blocks);
      throw error;
    }
  }

  /** Frames of this size fit the chunks. */
  fits(mtu: number): boolean {
    return fits(mtu, this.interface.chunk);
  }
  /** What frames are sent with from now on. No shard may be sending while the Ethernet address changes. */
  setLink(mtu: number, mac: Uint8Array): void {
    for (const block of this.#blocks) writeLink(this.#memory, block, mtu, mac);
  }
  /** The shards must have ended. */
  close(): void {
    for (const fd of [...this.#others, ...this.fds]) this.#ffi.close(fd);
    unmap(this.#ffi, this.#base, this.#blocks);
  }
}

/** Registers the packet memory and maps the rings. @throws SystemError */
function prepare(
  ffi: Ffi,
  fd: number,
  device: XdpInterface,
  memory: WebAssembly.Memory,
  base: number,
  block: number,
  role: number,
): void {
  const option = (name: number, value: Uint8Array): void => {
    if (ffi.setsockopt(fd, SOL_XDP, name, Number(ffi.addressOf(value)), value.length) < 0)
      throw ffi.error('AF_XDP socket');
  };
  const room = new Uint8Array(new Int32Array([SEND_BUFFER]).buffer);
  if (ffi.setsockopt(fd, 1, SO_SNDBUFFORCE, Number(ffi.addressOf(room)), 4) < 0)
    ffi.setsockopt(fd, 1, SO_SNDBUF, Number(ffi.addressOf(room)), 4);
  const registration = new Uint8Array(32);
  const view = new DataView(registration.buffer);
  view.setBigUint64(0, BigInt(base + block + layout.XDP_UMEM), true);
  view.setBigUint64(8, BigInt(2 * layout.XDP_RING * device.chunk), true);
  view.setUint32(16, device.chunk, true);
  option(XDP_UMEM_REG, registration);
  const entries = new Uint8Array(new Uint32Array([layout.XDP_RING]).buffer);
  for (const ring of [XDP_FILL_RING, XDP_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING]) option(ring, entries);
  const offsets = new BigUint64Array(memory.buffer, block + layout.XDP_OFFSETS, 16);
  const length = new Int32Array([128]);
  if (
    ffi.getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, base + block + layout.XDP_OFFSETS, Number(ffi.addressOf(length))) <
      0 ||
    length[0] !== 128
  )
    throw ffi.error('AF_XDP rings');
  for (const [ring, at, page, entry] of [
    [0, layout.XDP_RX, 0, 16],
    [1, layout.XDP_TX, 0x8000_0000, 16],
    [2, layout.XDP_FILL, 0x1_0000_0000, 8],
    [3, layout.XDP_COMPLETION, 0x1_8000_0000, 8],
  ] as const) {
    const octets = Number(offsets[ring * 4 + 2]) + layout.XDP_RING * entry;
    const where = base + block + at;
    const mapped = ffi.syscall(MMAP[process.arch] ?? -1, where, octets, READ_WRITE, SHARED_FIXED_POPULATED, fd, page);
    if (mapped !== where) throw ffi.error('AF_XDP rings');
  }
  writeLink(memory, block, device.mtu, device.mac);
  const words = new Uint32Array(memory.buffer);
  words[(block + layout.XDP_CHUNK) >>> 2] = device.chunk;
  words[(block + layout.XDP_ROLE) >>> 2] = role;
}
function writeLink(memory: WebAssembly.Memory, block: number, mtu: number, mac: Uint8Array): void {
  new Uint8Array(memory.buffer).set(mac, block + layout.XDP_MAC);
  Atomics.store(new Uint32Array(memory.buffer), (block + layout.XDP_MTU) >>> 2, mtu);
}
/** @returns whether the kernel copies; null where there is no such queue @throws SystemError */
function bindTo(ffi: Ffi, fd: number, device: XdpInterface, queue: number): boolean | null {
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_XDP, true);
  view.setUint32(4, device.index, true);
  view.setUint32(8, queue, true);
  for (const way of [BIND_ZEROCOPY, BIND_COPY]) {
    view.setUint16(2, way | BIND_NEED_WAKEUP, true);
    if (ffi.bind(fd, Number(ffi.addressOf(address)), address.length) >= 0) return way === BIND_COPY;
  }
  if (queue > 0 && ffi.errno() === EINVAL) return null;
  throw ffi.error(`AF_XDP on ${device.name} queue ${queue}`);
}
/** Ordinary memory again where the rings were: the kernel's pages go with the sockets. */
function unmap(ffi: Ffi, base: number, blocks: readonly number[]): void {
  for (const block of blocks)
    ffi.syscall(
      MMAP[process.arch] ?? -1,
      base + block + layout.XDP_RX,
      layout.XDP_UMEM - layout.XDP_RX,
      READ_WRITE,
      PRIVATE_FIXED_ANONYMOUS,
      0xffff_ffff,
      0,
    );
}
