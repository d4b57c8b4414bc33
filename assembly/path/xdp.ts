// AF_XDP (docs/io.md): frames from and to the interface of the LACs, by rings that the kernel shares with this memory. One
// block a receive queue; a shard may have several, and sends by its first. Everything in a frame is from the wire.
import { partOffset, tunnels } from "../state";
import { count, drop } from "./count";
import { upstreamOne } from "./batch";
import { be16, setBe16, complement } from "./octets";
import { sumOctets, copyAndSum, fold, pseudoSum } from "./checksum";
import { transmitRoom, transmitByXdp } from "./transmit";
import { PART_XDP } from "../layout/memory";
import { SESSION_TUNNEL_ROW } from "../layout/session";
import { TUNNEL_ROW_SIZE, TUNNEL_NEXT_HOP, TUNNEL_LOCAL, TUNNEL_PEER } from "../layout/tunnel";
import {
  XDP_RING, XDP_FREE_COUNT, XDP_IP_ID, XDP_MAC, XDP_MTU, XDP_CHUNK, XDP_GATEWAYS, XDP_GATEWAY, XDP_GATEWAYS_MAX, XDP_NAME, XDP_FREE, XDP_RX, XDP_TX, XDP_FILL, XDP_COMPLETION,
  XDP_UMEM, XDP_HEADERS,
} from "../layout/xdp";
import { DROP_XDP_FRAME, DROP_XDP_CHECKSUM, TOTAL_TX_DATAGRAMS, TOTAL_TX_OCTETS, TOTAL_XDP_RX, TOTAL_XDP_TX } from "../layout/drop";

const MASK: u32 = XDP_RING - 1;
const DESCRIPTOR: u32 = 16;
// Where struct xdp_mmap_offsets has each ring's words.
const RX: u32 = 0, TX: u32 = 32, FILL: u32 = 64, COMPLETION: u32 = 96;
const PRODUCER: u32 = 0, CONSUMER: u32 = 8, ENTRIES: u32 = 16, FLAGS: u32 = 24;
const NEED_WAKEUP: u32 = 1;
const ETHERTYPE_IPV4: u32 = 0x0008; // in memory order
const UDP: u32 = 17;
const TTL: u32 = 64;

/** Block that this shard sends by; 0: none. */
let sending: u32 = 0;
/** Frames put on its transmit ring and not yet told to the kernel. */
let untold: u32 = 0;

// @ts-ignore: decorator
@inline function word(block: u32, ring: u32, which: u32): u32 { return <u32>load<u64>(block + ring + which); }

/**
 * Takes a queue's block over, in its first use or from a shard that ended.
 * @param send by this one the shard sends
 */
export function xdpAttach(queue: u32, send: bool): void {
  const block = partOffset(PART_XDP, queue);
  // What an earlier shard had in hand is let go of: it may be what ended it.
  const waiting = xdpWaiting(block);
  refill(block, waiting);
  if (send) {
    sending = block;
    transmitByXdp();
  }
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
function xdpWaiting(block: u32): u32 {
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

let last: u32 = 0;
/** Socket group of the gateway that a datagram is for. */
function groupOf(block: u32, address: u32, port: u16): u32 {
  const known = min(atomic.load<u32>(block + XDP_GATEWAYS), XDP_GATEWAYS_MAX);
  for (let n: u32 = 0; n < known; n++) {
    const at = block + XDP_GATEWAY + last * 8;
    if (last < known && load<u32>(at) == address && load<u16>(at, 4) == port) return load<u16>(at, 6);
    last = last + 1 < known ? last + 1 : 0;
  }
  return 0;
}

/**
 * Takes up to `most` received frames up the path, as far as the transmit lists have room.
 * @returns frames taken; `xdpRelease` gives their chunks back once the batch is sent
 */
export function xdpReceive(queue: u32, most: u32): u32 {
  const block = partOffset(PART_XDP, queue);
  const ring = block + XDP_RX;
  const n = min(xdpWaiting(block), most);
  const from = load<u32>(ring + word(block, RX, CONSUMER));
  const entries = ring + word(block, RX, ENTRIES);
  const octets = XDP_RING * 2 * load<u32>(block + XDP_CHUNK);
  for (let i: u32 = 0; i < n; i++) {
    if (!transmitRoom()) return i;
    const entry = entries + ((from + i) & MASK) * DESCRIPTOR;
    const address = load<u64>(entry);
    const len = load<u32>(entry, 8);
    count(TOTAL_XDP_RX, 1);
    if (address >= octets || <u64>len > <u64>octets - address) drop(DROP_XDP_FRAME);
    else frame(block, block + XDP_UMEM + <u32>address, len);
  }
  return n;
}
function frame(block: u32, ptr: u32, len: u32): void {
  const ip = ptr + 14;
  if (len < XDP_HEADERS || <u32>load<u16>(ptr, 12) != ETHERTYPE_IPV4 || load<u8>(ip) != 0x45 || <u32>load<u8>(ip, 9) != UDP || <u32>load<u16>(ip, 6) & 0xff3f) return drop(DROP_XDP_FRAME);
  const total = be16(ip + 2);
  const udp = ip + 20;
  const size = be16(udp + 4);
  if (total > len - 14 || size < 8 || size > total - 20) return drop(DROP_XDP_FRAME);
  const field = <u32>load<u16>(udp, 6);
  if (field) {
    const pseudo = pseudoSum(ip, size);
    // A sender on this machine leaves the sum to a device that is not there: then the field has that of the pseudo header alone.
    if (fold(sumOctets(udp, size, pseudo)) != 0xffff && field != fold(pseudo)) return drop(DROP_XDP_CHECKSUM);
  }
  const name = block + XDP_NAME;
  store<u64>(name, 2 | <u64>load<u16>(udp) << 16 | <u64>load<u32>(ip, 12) << 32);
  upstreamOne(udp + 8, size - 8, name, groupOf(block, load<u32>(ip, 16), load<u16>(udp, 2)));
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
 * Sends a datagram to the LAC of `session` by the interface.
 * @returns false where that is not possible: its next hop is not there, the packet too large, or the ring full
 */
export function xdpTransmit(ptr: u32, len: u32, session: u32): bool {
  const block = sending;
  if (!block) return false;
  const tunnel = tunnels + load<u32>(session + SESSION_TUNNEL_ROW) * TUNNEL_ROW_SIZE;
  const hop = atomic.load<u64>(tunnel + TUNNEL_NEXT_HOP);
  if (!hop || len + 28 > load<u32>(block + XDP_MTU)) return false;
  let free = load<u32>(block + XDP_FREE_COUNT);
  if (!free) {
    complete(block);
    free = load<u32>(block + XDP_FREE_COUNT);
    if (!free) return false;
  }
  const ring = block + XDP_TX;
  const producer = ring + word(block, TX, PRODUCER);
  const at = load<u32>(producer);
  if (at - atomic.load<u32>(ring + word(block, TX, CONSUMER)) >= XDP_RING) return false;
  store<u32>(block + XDP_FREE_COUNT, --free);
  const address = load<u64>(block + XDP_FREE + free * 8);
  const out = block + XDP_UMEM + <u32>address;
  // The next hop's 6 octets are the low ones of the word; the two above are overwritten by our own address.
  store<u64>(out, hop);
  memory.copy(out + 6, block + XDP_MAC, 6);
  store<u16>(out, <u16>ETHERTYPE_IPV4, 12);
  const ip = out + 14, udp = ip + 20, size = len + 8;
  const id = load<u32>(block + XDP_IP_ID);
  store<u32>(block + XDP_IP_ID, id + 1);
  store<u16>(ip, 0x0045);
  setBe16(ip + 2, size + 20);
  setBe16(ip + 4, id & 0xffff);
  store<u16>(ip, 0, 6);
  store<u16>(ip, <u16>(TTL | UDP << 8), 8);
  store<u16>(ip, 0, 10);
  store<u32>(ip, load<u32>(tunnel + TUNNEL_LOCAL, 4), 12);
  store<u32>(ip, load<u32>(tunnel + TUNNEL_PEER, 4), 16);
  store<u16>(ip, complement(fold(sumOctets(ip, 20, 0))), 10);
  store<u16>(udp, load<u16>(tunnel + TUNNEL_LOCAL, 2));
  store<u16>(udp, load<u16>(tunnel + TUNNEL_PEER, 2), 2);
  setBe16(udp + 4, size);
  store<u16>(udp, 0, 6);
  const sum = complement(fold(sumOctets(udp, 8, copyAndSum(udp + 8, ptr, len, pseudoSum(ip, size)))));
  store<u16>(udp, sum ? sum : 0xffff, 6);
  const entry = ring + word(block, TX, ENTRIES) + (at & MASK) * DESCRIPTOR;
  store<u64>(entry, address);
  store<u64>(entry, size + 34, 8);
  atomic.store<u32>(producer, at + 1);
  untold++;
  count(TOTAL_TX_DATAGRAMS, 1);
  count(TOTAL_TX_OCTETS, len);
  count(TOTAL_XDP_TX, 1);
  return true;
}
/** Frames on the transmit ring that the kernel has not taken, since the last time it was told; 0: it need not be told. */
export function xdpUntold(): u32 {
  if (!sending || !untold) return 0;
  const ring = sending + XDP_TX;
  const waiting = load<u32>(ring + word(sending, TX, PRODUCER)) - atomic.load<u32>(ring + word(sending, TX, CONSUMER));
  if (!waiting) untold = 0;
  return waiting;
}
/** The kernel has been told: what it is done with is free again. */
export function xdpTold(): void { complete(sending); }
