// The transmit list of a batch: struct mmsghdr, iovec and control buffers for sendmmsg, all in linear memory.
// Successive datagrams of one size to one LAC become one message with UDP_SEGMENT.
import { base, tx, tunnels, ringAccessOut } from "../state";
import { count, drop } from "./count";
import { ringReserve, ringCommit } from "./ring";
import { ringSize, setPending } from "./punt";
import { impair, impairSent } from "./impair";
import { xdpTransmit } from "./xdp-access";
import { xdpCoreOut } from "./xdp-core";
import { slotsRelease } from "../mp/pool";
import {
  TX_MESSAGES, TX_MESSAGES_MAX, TX_IOVECS, TX_CONTROLS, TX_RUNS, TX_SINGLE, TX_SLOTS, TX_SLOT_SIZE, TX_SLOTS_MAX, TX_OUT, TX_OUT_MAX, MMSGHDR_SIZE, IOVEC_SIZE,
  CMSG_SIZE, HEADROOM, PART_RING_ACCESS_OUT, RECORD_DATAGRAM, SOCKADDR_SIZE,
} from "../layout/memory";
import { TUNNEL_FLAGS, TUNNEL_ROW_SIZE, TUNNEL_RUNS_SESSION } from "../layout/tunnel";
import { SESSION_PEER, SESSION_PEER_LENGTH, SESSION_SOCKET_GROUP, SESSION_TUNNEL_ROW } from "../layout/session";
import { DROP_RING_FULL, DROP_SEND_ERROR, DROP_SEND_BUFFER, DROP_CORE_WRITE, TOTAL_TX_DATAGRAMS, TOTAL_TX_OCTETS, TOTAL_DELIVERED, TOTAL_DELIVERED_OCTETS } from "../layout/drop";

const SOL_UDP: u32 = 17;
const UDP_SEGMENT: u32 = 103;
const AF_INET6: u32 = 10;
/** Kernel's limit of segments in one message. */
const SEGMENTS_MAX: u32 = 64;
/** Octets of one segmented message, below the UDP limit with room for headers. */
const SEGMENTED_OCTETS_MAX: u32 = 65000;

let messages: u32 = 0;
let iovecs: u32 = 0;
let runs: u32 = 0;
let slots: u32 = 0;
let outs: u32 = 0;
let segmenting: bool = false;
/** Datagrams go to the ring of a portable back end in place of the transmit list. */
let toRing: bool = false;
/** `toRing`, or the emulator impairs them, or they go by AF_XDP: one branch for all. */
let aside: bool = false;
let byXdp: bool = false;
let toCoreByXdp: bool = false;
let open: bool = false; // the last message takes more segments
let segment: u32 = 0;
let segments: u32 = 0;
let total: u32 = 0;
let destination: u32 = 0; // row of the last message
let group: u32 = 0xffffffff;
let run: u32 = 0; // offset of the last run

/** Runs of UDP_SEGMENT: none; across all sessions of one peer; of one tunnel only. */
export const RUNS_NONE: u32 = 0;
export const RUNS_PEER: u32 = 1;
export const RUNS_TUNNEL: u32 = 2;
let withinTunnel: bool = false;

/** @param gso RUNS_*  @param ring send through the access ring */
export function transmitOptions(gso: u32, ring: bool): void {
  segmenting = gso != RUNS_NONE;
  withinTunnel = gso == RUNS_TUNNEL;
  toRing = ring;
  aside = aside || ring;
}
/** Datagrams pass `impair` first. */
export function transmitAside(on: bool): void { aside = on || toRing || byXdp; }
/** Datagrams go by AF_XDP where that is possible. */
export function transmitByXdp(): void { aside = byXdp = true; }
/** Packets for the core go by AF_XDP where that is possible. */
export function coreByXdp(): void { toCoreByXdp = true; }
/** Forgets the lists of the last batch. */
export function transmitReset(): void {
  messages = iovecs = runs = slots = outs = 0;
  if (aside) impairSent();
  open = false;
  group = 0xffffffff;
  slotsRelease();
}
/** Is there room for what one packet may become (fragments, or a reply)? */
export function transmitRoom(): bool {
  return messages + 128 <= TX_MESSAGES_MAX && iovecs + 128 <= TX_MESSAGES_MAX * 2 && slots + 128 <= TX_SLOTS_MAX && outs + 128 <= TX_OUT_MAX;
}
/** A buffer to build a packet in: HEADROOM octets before it, TX_SLOT_SIZE - HEADROOM in it; 0 where none is left in this batch. */
export function transmitSlot(): u32 {
  if (slots >= TX_SLOTS_MAX) return 0;
  return tx + TX_SLOTS + slots++ * TX_SLOT_SIZE + HEADROOM;
}
// @ts-ignore: decorator
@inline function sameDestination(a: u32, b: u32): bool {
  if (a == b) return true;
  if (withinTunnel) {
    const row = load<u32>(a + SESSION_TUNNEL_ROW);
    return row == load<u32>(b + SESSION_TUNNEL_ROW) && !(<u32>load<u16>(tunnels + row * TUNNEL_ROW_SIZE + TUNNEL_FLAGS) & TUNNEL_RUNS_SESSION);
  }
  const pa = a + SESSION_PEER, pb = b + SESSION_PEER;
  if (load<u64>(pa) != load<u64>(pb)) return false;
  return <u32>load<u16>(pa) != AF_INET6 || (load<u64>(pa, 8) == load<u64>(pb, 8) && load<u64>(pa, 16) == load<u64>(pb, 16) && load<u32>(pa, 24) == load<u32>(pb, 24));
}
/** Adds a datagram for the LAC of `session`; its octets must stay until the batch is sent. */
export function transmit(ptr: u32, len: u32, session: u32): void {
  if (aside && (byXdp ? xdpTransmit(ptr, len, session) : impair(ptr, len, session))) return;
  transmitNow(ptr, len, session);
}
/** As `transmit`, for what has nothing to do with the impairments of data. */
export function transmitFrame(ptr: u32, len: u32, session: u32): void {
  if (byXdp && xdpTransmit(ptr, len, session)) return;
  transmitNow(ptr, len, session);
}
/** As `transmit`, past the impairments. */
export function transmitNow(ptr: u32, len: u32, session: u32): void {
  if (!toRing) return transmitListed(ptr, len, session);
  count(TOTAL_TX_DATAGRAMS, 1);
  count(TOTAL_TX_OCTETS, len);
  transmitRing(ptr, len, session);
}
/** Do datagrams go to the list, and nowhere else? */
// @ts-ignore: decorator
@inline export function transmitStraight(): bool { return !aside; }
/** As `transmitNow`, where there is no ring. */
// @ts-ignore: decorator
@inline export function transmitListed(ptr: u32, len: u32, session: u32): void {
  count(TOTAL_TX_DATAGRAMS, 1);
  count(TOTAL_TX_OCTETS, len);
  const to = <u32>load<u16>(session + SESSION_SOCKET_GROUP);
  const vector = tx + TX_IOVECS + iovecs * IOVEC_SIZE;
  iovecs++;
  store<u64>(vector, base + ptr);
  store<u64>(vector, len, 8);
  if (open && to == group && len <= segment && segments < SEGMENTS_MAX && total + len <= SEGMENTED_OCTETS_MAX && sameDestination(destination, session)) return join(len);
  if (to != group) {
    group = to;
    run = tx + TX_RUNS + runs++ * 16;
    store<u32>(run, to);
    store<u32>(run, messages, 4);
    store<u32>(run, 0, 8);
  }
  store<u32>(run, load<u32>(run, 8) + 1, 8);
  const message = tx + TX_MESSAGES + messages++ * MMSGHDR_SIZE;
  store<u64>(message, base + session + SESSION_PEER);
  store<u64>(message, load<u16>(session + SESSION_PEER_LENGTH), 8);
  store<u64>(message, base + vector, 16);
  store<u64>(message, 1, 24);
  v128.store(message, i64x2.splat(0), 32);
  store<u64>(message, 0, 48);
  if (!segmenting) return;
  open = true;
  segment = len;
  segments = 1;
  total = len;
  destination = session;
}
/** Makes the vector just added a segment of the last message. */
function join(len: u32): void {
  segments++;
  total += len;
  if (len < segment) open = false; // only the last may be shorter
  const message = tx + TX_MESSAGES + (messages - 1) * MMSGHDR_SIZE;
  store<u64>(message, segments, 24);
  if (segments != 2) return;
  const cmsg = tx + TX_CONTROLS + (messages - 1) * CMSG_SIZE;
  store<u64>(cmsg, 18);
  store<u32>(cmsg, SOL_UDP, 8);
  store<u32>(cmsg, UDP_SEGMENT, 12);
  store<u16>(cmsg, <u16>segment, 16);
  store<u64>(message, base + cmsg, 32);
  store<u64>(message, 24, 40);
}
function transmitRing(ptr: u32, len: u32, session: u32): void {
  const size = ringSize(PART_RING_ACCESS_OUT);
  const payload = ringReserve(ringAccessOut, size, RECORD_DATAGRAM, SOCKADDR_SIZE + len, 0, 0, load<u16>(session + SESSION_SOCKET_GROUP));
  if (!payload) return drop(DROP_RING_FULL);
  memory.copy(payload, session + SESSION_PEER, SOCKADDR_SIZE);
  memory.copy(payload + SOCKADDR_SIZE, ptr, len);
  ringCommit(ringAccessOut, size, payload);
  setPending();
}
/** Messages in the list. */
export function transmitMessages(): u32 { return messages; }
/** Runs of messages for one socket each (TX_RUNS). */
export function transmitRuns(): u32 { return runs; }
/** Packets in the list for the core side (TX_OUT). */
export function transmitOuts(): u32 { return outs; }
/** Segments of message `index`. */
export function transmitSegments(index: u32): u32 { return <u32>load<u64>(tx + TX_MESSAGES + index * MMSGHDR_SIZE, 24); }
/** Lays message `index` out as one message a segment, in TX_SINGLE, where the kernel takes no segmented one. @returns their number */
export function transmitSingle(index: u32): u32 {
  const message = tx + TX_MESSAGES + index * MMSGHDR_SIZE;
  const n = <u32>load<u64>(message, 24);
  for (let i: u32 = 0; i < n; i++) {
    const single = tx + TX_SINGLE + i * MMSGHDR_SIZE;
    store<u64>(single, load<u64>(message));
    store<u64>(single, load<u64>(message, 8), 8);
    store<u64>(single, load<u64>(message, 16) + i * IOVEC_SIZE, 16);
    store<u64>(single, 1, 24);
    store<u64>(single, 0, 32);
    store<u64>(single, 0, 40);
    store<u64>(single, 0, 48);
  }
  return n;
}
/** Counts `packets` datagrams that the kernel did not take. `full`: for want of buffer space. */
export function transmitLost(packets: u32, full: bool): void { count(full ? DROP_SEND_BUFFER : DROP_SEND_ERROR, packets); }
/** Counts packets that the core side did not take. */
export function coreLost(packets: u32): void { count(DROP_CORE_WRITE, packets); }

/** Hands an IP packet to the core side: by AF_XDP, or to the list, where its octets must stay until the batch is written. */
export function coreOut(ptr: u32, len: u32): void {
  count(TOTAL_DELIVERED, 1);
  count(TOTAL_DELIVERED_OCTETS, len);
  if (toCoreByXdp && xdpCoreOut(ptr, len)) return;
  const at = tx + TX_OUT + (outs++ << 3);
  store<u32>(at, ptr);
  store<u32>(at, len, 4);
}
