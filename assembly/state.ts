// What an instance knows of the memory: offsets read once from the directory. Wasm globals belong to the instance,
// so each thread has its own; the memory is shared.
import {
  MEMORY_HEADER, MEMORY_MAGIC, MEMORY_LAYOUT, HEADER_MAGIC, HEADER_LAYOUT, HEADER_SHARDS, HEADER_DIRECTORY, DIRECTORY_ENTRY_SIZE,
  PART_TUNNELS, PART_TUNNEL_INDEX, PART_SESSIONS, PART_SESSION_COUNTERS, PART_SESSION_INDEX, PART_ADDRESSES, PART_STACK, PART_SHAPERS, PART_SHAPE,
  PART_SHARD_COUNTERS, PART_CONTROL, PART_SHARD_CONTROL, PART_RX, PART_TX, PART_CORE, PART_RING_PUNT, PART_RING_INJECT,
  PART_RING_ACCESS_IN, PART_RING_ACCESS_OUT, PART_RING_CORE_IN, PART_RING_CORE_OUT, PART_BUNDLES, PART_FRAGMENTS,
} from "./layout/memory";
import { FRAGMENT_SLOT_SIZE } from "./layout/bundle";

/**
 * Where the client's address stands in the IPv4 header of what arrives by a session, and of what is to leave by one: an
 * LNS sees clients as sources and sends to them; on the side of the clients it is the other way round.
 */
export let arrivingAt: u32 = 12;
export let leavingAt: u32 = 16;
export function setClientSide(on: bool): void {
  arrivingAt = on ? 16 : 12;
  leavingAt = on ? 12 : 16;
}

/** Address of the linear memory in the process: pointers handed to the kernel are base + offset. 0 without system calls. */
export let base: u64 = 0;
export let shard: u32 = 0;
export let shards: u32 = 0;
/** Milliseconds of the clock that all threads share, set at each batch. */
export let now: u32 = 0;

export let tunnels: u32 = 0;
export let tunnelsMax: u32 = 0;
export let tunnelIndex: u32 = 0;
export let sessions: u32 = 0;
export let sessionsMax: u32 = 0;
export let sessionCounters: u32 = 0;
export let sessionIndex: u32 = 0;
export let sessionIndexMask: u32 = 0;
export let sessionIndexShift: u32 = 0;
export let addresses: u32 = 0;
export let addressesMask: u32 = 0;
export let stack: u32 = 0;
export let shapers: u32 = 0;
export let shape: u32 = 0;
export let bundles: u32 = 0;
export let bundlesMax: u32 = 0;
/** All pools; this shard's slots are numbers `fragmentFirst` to `fragmentFirst + fragmentCount - 1`, counted from 1. */
export let fragments: u32 = 0;
export let fragmentFirst: u32 = 0;
export let fragmentCount: u32 = 0;
export let control: u32 = 0;
export let shardControl: u32 = 0;
export let shardCounters: u32 = 0;
export let rx: u32 = 0;
export let tx: u32 = 0;
export let core: u32 = 0;
export let ringPunt: u32 = 0;
export let ringInject: u32 = 0;
export let ringAccessIn: u32 = 0;
export let ringAccessOut: u32 = 0;
export let ringCoreIn: u32 = 0;
export let ringCoreOut: u32 = 0;

// @ts-ignore: decorator
@inline function entry(part: u32): u32 { return MEMORY_HEADER + HEADER_DIRECTORY + part * DIRECTORY_ENTRY_SIZE; }
/** Offset of a part, or of shard `index`'s block in it. */
export function partOffset(part: u32, index: u32): u32 {
  const e = entry(part);
  return load<u32>(e) + index * load<u32>(e, 12);
}
export function partCount(part: u32): u32 { return load<u32>(entry(part), 8); }
function perShard(part: u32, index: u32): u32 { return partCount(part) > index ? partOffset(part, index) : 0; }

/**
 * Makes this instance one of the memory's users.
 * @param processBase address of the linear memory in the process, 0 where no system call is made
 * @param index shard number; the main thread passes the number of shards, a block of its own
 * @returns 0, or 1 where the memory has no header of this layout
 */
export function attach(processBase: u64, index: u32): u32 {
  if (load<u64>(MEMORY_HEADER + HEADER_MAGIC) != MEMORY_MAGIC || load<u32>(MEMORY_HEADER + HEADER_LAYOUT) != MEMORY_LAYOUT) return 1;
  base = processBase;
  shard = index;
  shards = load<u32>(MEMORY_HEADER + HEADER_SHARDS);
  tunnels = partOffset(PART_TUNNELS, 0);
  tunnelsMax = partCount(PART_TUNNELS);
  tunnelIndex = partOffset(PART_TUNNEL_INDEX, 0);
  sessions = partOffset(PART_SESSIONS, 0);
  sessionsMax = partCount(PART_SESSIONS);
  sessionCounters = partOffset(PART_SESSION_COUNTERS, 0);
  sessionIndex = partOffset(PART_SESSION_INDEX, 0);
  sessionIndexMask = partCount(PART_SESSION_INDEX) - 1;
  sessionIndexShift = clz(sessionIndexMask);
  addresses = partOffset(PART_ADDRESSES, 0);
  addressesMask = partCount(PART_ADDRESSES) - 1;
  stack = partOffset(PART_STACK, 0);
  shapers = partOffset(PART_SHAPERS, 0);
  bundles = partOffset(PART_BUNDLES, 0);
  bundlesMax = partCount(PART_BUNDLES);
  fragments = partOffset(PART_FRAGMENTS, 0);
  const pool = MEMORY_HEADER + HEADER_DIRECTORY + PART_FRAGMENTS * DIRECTORY_ENTRY_SIZE;
  fragmentCount = partCount(PART_FRAGMENTS) > index ? load<u32>(pool, 12) / FRAGMENT_SLOT_SIZE : 0;
  fragmentFirst = index * fragmentCount + 1;
  control = partOffset(PART_CONTROL, 0);
  shardControl = perShard(PART_SHARD_CONTROL, index);
  shardCounters = perShard(PART_SHARD_COUNTERS, index);
  rx = perShard(PART_RX, index);
  tx = perShard(PART_TX, index);
  core = perShard(PART_CORE, index);
  shape = perShard(PART_SHAPE, index);
  ringPunt = perShard(PART_RING_PUNT, index);
  ringInject = perShard(PART_RING_INJECT, index);
  ringAccessIn = perShard(PART_RING_ACCESS_IN, index);
  ringAccessOut = perShard(PART_RING_ACCESS_OUT, index);
  ringCoreIn = perShard(PART_RING_CORE_IN, index);
  ringCoreOut = perShard(PART_RING_CORE_OUT, index);
  return 0;
}
/** The same clock in ticks of 1/16 ns (CLOCK_HZ), for rates. */
export let clock: u64 = 0;
/** @param microseconds of the shared clock, with a fraction */
export function setClock(microseconds: f64): void { clock = <u64>(microseconds * 16000.0); }
/** Sets the time of the batch. */
export function setNow(milliseconds: u32): void { now = milliseconds; }
