// AF_XDP (docs/io.md): frames from and to an interface, by rings that the kernel shares with this memory. One block a receive
// queue; a shard may have several of an interface, and sends by the first. What is in a frame: xdp-access.ts, xdp-core.ts.
import { partOffset } from "../state";
import { drop } from "./count";
import { accessFrame, accessSends } from "./xdp-access";
import { coreFrame, coreSends } from "./xdp-core";
import { transmitRoom } from "./transmit";
import { PART_XDP } from "../layout/memory";
import {
  XDP_RING, XDP_FREE_COUNT, XDP_MAC, XDP_CHUNK, XDP_ROLE, XDP_ROLE_CORE, XDP_UNTOLD, XDP_FREE, XDP_RX, XDP_TX, XDP_FILL, XDP_COMPLETION, XDP_UMEM,
} from "../layout/xdp";
import { DROP_XDP_FRAME } from "../layout/drop";

const MASK: u32 = XDP_RING - 1;
const DESCRIPTOR: u32 = 16;
// Where struct xdp_mmap_offsets has each ring's words.
const RX: u32 = 0, TX: u32 = 32, FILL: u32 = 64, COMPLETION: u32 = 96;
const PRODUCER: u32 = 0, CONSUMER: u32 = 8, ENTRIES: u32 = 16, FLAGS: u32 = 24;
const NEED_WAKEUP: u32 = 1;
const ETHERNET: u32 = 14;
/** IPv4, in memory order. */
const ETHERTYPE_IPV4: u16 = 0x0008;

// @ts-ignore: decorator
@inline function word(block: u32, ring: u32, which: u32): u32 { return <u32>load<u64>(block + ring + which); }

/**
 * Takes a queue's block over, in its first use or from a shard that ended.
 * @param send by this one the shard sends to its interface
 */
export function xdpAttach(queue: u32, send: bool): void {
  const block = partOffset(PART_XDP, queue);
  // What an earlier shard had in hand is let go of: it may be what ended it.
  refill(block, waiting(block));
  if (!send) return;
  if (load<u32>(block + XDP_ROLE) == XDP_ROLE_CORE) coreSends(block);
  else accessSends(block);
}
/** Hands the kernel the chunks to receive into. Once, by the main thread. */
export function xdpFill(queue: u32): void {
  const block = partOffset(PART_XDP, queue);
  const chunk = load<u32>(block + XDP_CHUNK);
  const ring = block + XDP_FILL;
  const entries = ring + word(block, FILL, ENTRIES);
  for (let i: u32 = 0; i < XDP_RING; i++) store<u64>(entries + i * 8, i * chunk);
  atomic.store<u32>(ring + word(block, FILL, PRODUCER), XDP_RING);
  for (let i: u32 = 0; i < XDP_RING; i++) store<u64>(block + XDP_FREE + i * 8, (XDP_RING + i) * chunk);
  store<u32>(block + XDP_FREE_COUNT, XDP_RING);
}
function waiting(block: u32): u32 {
  const ring = block + XDP_RX;
  return min(atomic.load<u32>(ring + word(block, RX, PRODUCER)) - load<u32>(ring + word(block, RX, CONSUMER)), XDP_RING);
}
/** Gives the chunks of the oldest `n` received frames back to the kernel. */
function refill(block: u32, n: u32): void {
  const rx = block + XDP_RX, fill = block + XDP_FILL;
  const consumer = rx + word(block, RX, CONSUMER), producer = fill + word(block, FILL, PRODUCER);
  const received = rx + word(block, RX, ENTRIES), free = fill + word(block, FILL, ENTRIES);
  const mask = ~<u64>(load<u32>(block + XDP_CHUNK) - 1);
  const from = load<u32>(consumer), to = load<u32>(producer);
  for (let i: u32 = 0; i < n; i++)
    store<u64>(free + ((to + i) & MASK) * 8, load<u64>(received + ((from + i) & MASK) * DESCRIPTOR) & mask);
  atomic.store<u32>(producer, to + n);
  atomic.store<u32>(consumer, from + n);
}


/**
 * Takes up to `most` received frames up or down the path, as far as the transmit lists have room.
 * @returns frames taken; `xdpRelease` gives their chunks back once the batch is sent
 */
export function xdpReceive(queue: u32, most: u32): u32 {
  const block = partOffset(PART_XDP, queue);
  const ring = block + XDP_RX;
  const n = min(waiting(block), most);
  const from = load<u32>(ring + word(block, RX, CONSUMER));
  const entries = ring + word(block, RX, ENTRIES);
  const octets = XDP_RING * 2 * load<u32>(block + XDP_CHUNK);
  const toCore = load<u32>(block + XDP_ROLE) == XDP_ROLE_CORE;
  for (let i: u32 = 0; i < n; i++) {
    if (!transmitRoom()) return i;
    const entry = entries + ((from + i) & MASK) * DESCRIPTOR;
    const address = load<u64>(entry);
    const len = load<u32>(entry, 8);
    if (address >= octets || <u64>len > <u64>octets - address) drop(DROP_XDP_FRAME);
    else if (toCore) coreFrame(block + XDP_UMEM + <u32>address, len);
    else accessFrame(block, block + XDP_UMEM + <u32>address, len);
  }
  return n;
}
/** The batch of `n` frames is done with. */
export function xdpRelease(queue: u32, n: u32): void { refill(partOffset(PART_XDP, queue), n); }
/** Must the kernel be told that there are chunks to receive into? */
export function xdpFillWakes(queue: u32): bool {
  const block = partOffset(PART_XDP, queue);
  return (load<u32>(block + XDP_FILL + word(block, FILL, FLAGS)) & NEED_WAKEUP) != 0;
}

/** Takes back the chunks of frames that have been sent. */
function complete(block: u32): void {
  const ring = block + XDP_COMPLETION;
  const consumer = ring + word(block, COMPLETION, CONSUMER);
  const entries = ring + word(block, COMPLETION, ENTRIES);
  const to = atomic.load<u32>(ring + word(block, COMPLETION, PRODUCER));
  let from = load<u32>(consumer);
  let free = load<u32>(block + XDP_FREE_COUNT);
  const mask = ~<u64>(load<u32>(block + XDP_CHUNK) - 1);
  for (; from != to && free < XDP_RING; from++, free++) store<u64>(block + XDP_FREE + free * 8, load<u64>(entries + (from & MASK) * 8) & mask);
  store<u32>(block + XDP_FREE_COUNT, free);
  atomic.store<u32>(consumer, from);
}
/**
 * A frame to fill in, with its Ethernet header; to be sent with `xdpSend`, or left.
 * @param hop as TUNNEL_NEXT_HOP has it
 * @returns where the IP packet goes; 0 where the ring is full
 */
export function xdpFrame(block: u32, hop: u64): u32 {
  const free = load<u32>(block + XDP_FREE_COUNT);
  if (!free) {
    complete(block);
    if (!load<u32>(block + XDP_FREE_COUNT)) return 0;
  }
  const ring = block + XDP_TX;
  if (load<u32>(ring + word(block, TX, PRODUCER)) - atomic.load<u32>(ring + word(block, TX, CONSUMER)) >= XDP_RING) return 0;
  const out = block + XDP_UMEM + <u32>load<u64>(block + XDP_FREE + (load<u32>(block + XDP_FREE_COUNT) - 1) * 8);
  // The next hop's 6 octets are the low ones of the word; the two above are overwritten by our own address.
  store<u64>(out, hop);
  store<u32>(out, load<u32>(block + XDP_MAC), 6);
  store<u16>(out, load<u16>(block + XDP_MAC, 4), 10);
  store<u16>(out, ETHERTYPE_IPV4, 12);
  return out + ETHERNET;
}
/** Puts the frame that `xdpFrame` gave last on the ring. @param len octets of its IP packet */
export function xdpSend(block: u32, len: u32): void {
  const free = load<u32>(block + XDP_FREE_COUNT) - 1;
  store<u32>(block + XDP_FREE_COUNT, free);
  const ring = block + XDP_TX;
  const producer = ring + word(block, TX, PRODUCER);
  const at = load<u32>(producer);
  const entry = ring + word(block, TX, ENTRIES) + (at & MASK) * DESCRIPTOR;
  store<u64>(entry, load<u64>(block + XDP_FREE + free * 8));
  store<u64>(entry, len + ETHERNET, 8);
  atomic.store<u32>(producer, at + 1);
  store<u32>(block + XDP_UNTOLD, load<u32>(block + XDP_UNTOLD) + 1);
}
/** Frames on the transmit ring that the kernel has not taken, since the last time it was told; 0: it need not be told. */
export function xdpUntold(queue: u32): u32 {
  const block = partOffset(PART_XDP, queue);
  if (!load<u32>(block + XDP_UNTOLD)) return 0;
  const ring = block + XDP_TX;
  const left = load<u32>(ring + word(block, TX, PRODUCER)) - atomic.load<u32>(ring + word(block, TX, CONSUMER));
  if (!left) store<u32>(block + XDP_UNTOLD, 0);
  return left;
}
/** The kernel has been told: what it is done with is free again. */
export function xdpTold(queue: u32): void { complete(partOffset(PART_XDP, queue)); }
