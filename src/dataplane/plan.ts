import * as layout from '../generated/layout.ts';

/** What the memory is sized for. Everything is allocated at start: nothing grows, so views never detach. */
export interface MemorySizes {
  /** Tunnels at once, those closed and still in retention included. */
  tunnels: number;
  /** Sessions at once. */
  sessions: number;
  /** Prefixes with a stack of carriers: framed addresses and framed routes. */
  addresses: number;
  shards: number;
  /** Multilink bundles at once; each takes a session row of its own besides. Default 0. */
  bundles?: number;
  /** Fragments that wait for reassembly, in each shard. Default: 16,384 where there are bundles. */
  fragments?: number;
  /** Octets of each ring from a shard to the main thread and back, powers of two. */
  controlRingOctets: number;
  /** Octets of each ring that carries datagrams or packets of a portable back end; 0 where there is none. */
  accessRingOctets: number;
  coreRingOctets: number;
  /** Buffers for packets read from the core side, and received by system call. */
  ports: boolean;
  /** Room for packets that wait for their turn, 8 MiB a shard. Default: none. */
  shaping?: boolean;
  /** Receive queues of all AF_XDP interfaces, the octets of the largest chunk, and whether one of them is the core's. */
  xdp?: { queues: number; chunk: number; core?: boolean };
  /** Records of the traffic generator. */
  traffic: boolean;
  /** Datagrams that the generator's impairments may hold back, in each shard. Default 0. */
  held?: number;
}

/** One part of the memory: `count` rows or blocks of `stride` octets from `offset` on. */
export interface Part {
  offset: number;
  /** Octets of the part; for rings, of one ring's data area. */
  octets: number;
  count: number;
  stride: number;
}

export interface MemoryPlan {
  readonly sizes: Readonly<MemorySizes>;
  /** By PART_* number. */
  readonly parts: readonly Part[];
  readonly durableEnd: number;
  readonly end: number;
  /** WebAssembly pages of 64 KiB. */
  readonly pages: number;
}

/** Fragments that wait for reassembly, in each shard, unless said otherwise. */
const FRAGMENTS = 16_384;
/** Each ring from shard to shard. */
const PEER_RING_OCTETS = 1 << 20;

const align = (value: number, to: number): number => Math.ceil(value / to) * to;
const powerOfTwo = (atLeast: number): number => 2 ** Math.ceil(Math.log2(Math.max(2, atLeast)));

/**
 * Lays out the memory: durable parts first, then the volatile ones (docs/architecture.md).
 * @throws RangeError where the whole exceeds 4 GiB, the limit of a 32-bit linear memory
 */
export function planMemory(sizes: MemorySizes): MemoryPlan {
  const parts: Part[] = Array.from({ length: layout.PARTS }, () => ({ offset: 0, octets: 0, count: 0, stride: 0 }));
  let at = layout.MEMORY_HEADER + layout.PART_ALIGN;
  const add = (part: number, count: number, stride: number, octets = count * stride): void => {
    parts[part] = { offset: at, octets, count, stride };
    at = align(at + count * stride, layout.PART_ALIGN);
  };
  const addRings = (part: number, count: number, octets: number): void => {
    if (octets > 0) add(part, count, layout.RING_DATA + octets, octets);
  };
  const { shards, bundles = 0, fragments = bundles > 0 ? FRAGMENTS : 0 } = sizes;
  const sessions = sizes.sessions + bundles;
  // Row 0 of every table means "none".
  add(layout.PART_TUNNELS, sizes.tunnels + 1, layout.TUNNEL_ROW_SIZE);
  add(layout.PART_TUNNEL_INDEX, 65536, 4);
  add(layout.PART_SESSIONS, sessions + 1, layout.SESSION_ROW_SIZE);
  add(layout.PART_SESSION_COUNTERS, sessions + 1, layout.SESSION_COUNTERS_SIZE);
  add(layout.PART_SESSION_INDEX, powerOfTwo(sizes.sessions * 2), layout.SESSION_INDEX_ENTRY_SIZE);
  add(layout.PART_ADDRESSES, powerOfTwo(sizes.addresses * 2), layout.ADDRESS_ENTRY_SIZE);
  add(layout.PART_STACK, sizes.addresses + 1, layout.STACK_NODE_SIZE);
  add(layout.PART_BUNDLES, bundles + 1, layout.BUNDLE_ROW_SIZE);
  add(layout.PART_FRAGMENTS, shards, fragments * layout.FRAGMENT_SLOT_SIZE);
  add(layout.PART_MESSAGES, 1, 8);
  // The main thread counts in a block of its own, behind those of the shards.
  add(layout.PART_SHARD_COUNTERS, shards + 1, layout.SHARD_COUNTERS_SIZE);
  // Both directions of every session.
  add(layout.PART_SHAPERS, sessions * 2 + 1, layout.SHAPER_ROW_SIZE);
  add(layout.PART_FILTERS, 1, 64);
  const durableEnd = at;
  add(layout.PART_CONTROL, 1, layout.CONTROL_SIZE);
  add(layout.PART_SCRATCH, 1, 2 * layout.PART_ALIGN);
  add(layout.PART_SHARD_CONTROL, shards, layout.SHARD_CONTROL_SIZE);
  add(layout.PART_TX, shards, layout.TX_SIZE);
  if (sizes.ports) {
    add(layout.PART_RX, shards, layout.RX_SIZE);
    add(layout.PART_CORE, shards, layout.CORE_SIZE);
    add(layout.PART_URING, shards, layout.URING_SIZE);
  }
  addRings(layout.PART_RING_PUNT, shards, sizes.controlRingOctets);
  addRings(layout.PART_RING_INJECT, shards, sizes.controlRingOctets);
  addRings(layout.PART_RING_ACCESS_IN, shards, sizes.accessRingOctets);
  addRings(layout.PART_RING_ACCESS_OUT, shards, sizes.accessRingOctets);
  addRings(layout.PART_RING_CORE_IN, shards, sizes.coreRingOctets);
  addRings(layout.PART_RING_CORE_OUT, shards, sizes.coreRingOctets);
  if (bundles > 0 && shards > 1) addRings(layout.PART_RING_PEER, shards * shards, PEER_RING_OCTETS);
  if (sizes.xdp !== undefined)
    add(layout.PART_XDP, sizes.xdp.queues, layout.XDP_UMEM + 2 * layout.XDP_RING * sizes.xdp.chunk);
  if (sizes.xdp?.core === true) add(layout.PART_FIB, 1, layout.FIB_SIZE);
  if (sizes.shaping === true) add(layout.PART_SHAPE, shards, layout.SHAPE_SIZE);
  if (sizes.traffic)
    add(
      layout.PART_TRAFFIC,
      1,
      (sessions + 1) * layout.TRAFFIC_RECORD_SIZE +
        shards * (layout.TRAFFIC_BLOCK_SIZE + (sizes.held ?? 0) * layout.HELD_SIZE),
    );
  if (at > 0x1_0000_0000)
    throw new RangeError(`tables for ${sizes.sessions} sessions and ${shards} shards need more than 4 GiB of memory`);
  return { sizes, parts, durableEnd, end: at, pages: at / 65536 };
}

/** Writes the header and the directory of `plan` into a fresh memory. */
export function formatMemory(memory: WebAssembly.Memory, plan: MemoryPlan): void {
  const view = new DataView(memory.buffer);
  const header = layout.MEMORY_HEADER;
  view.setUint32(header + layout.HEADER_LAYOUT, layout.MEMORY_LAYOUT, true);
  view.setUint32(header + layout.HEADER_SHARDS, plan.sizes.shards, true);
  view.setUint32(header + layout.HEADER_DURABLE_END, plan.durableEnd, true);
  view.setUint32(header + layout.HEADER_END, Math.min(plan.end, 0xffffffff), true);
  plan.parts.forEach((part, index) => {
    const entry = header + layout.HEADER_DIRECTORY + index * layout.DIRECTORY_ENTRY_SIZE;
    view.setUint32(entry, part.offset, true);
    view.setUint32(entry + 4, Math.min(part.octets, 0xffffffff), true);
    view.setUint32(entry + 8, part.count, true);
    view.setUint32(entry + 12, part.stride, true);
  });
  for (let shard = 0; shard < plan.sizes.shards; shard++) {
    const control = plan.parts[layout.PART_SHARD_CONTROL]!.offset + shard * layout.SHARD_CONTROL_SIZE;
    view.setUint32(control + layout.SHARD_EPOCH, layout.SHARD_OFFLINE, true);
  }
  // Last, so that a half-written header is none.
  view.setBigUint64(header + layout.HEADER_MAGIC, BigInt.asUintN(64, layout.MEMORY_MAGIC), true);
}
