// One batch of the shard's loop, between two system calls.
import { base, rx, core, now, tunnels, tunnelIndex, shardControl, control, ringInject, ringAccessIn, ringCoreIn, sessions, sessionsMax } from "../state";
import { be16 } from "./octets";
import { drop, dropRx, dropTx, count, countersOf } from "./count";
import { decap, headerKey, headerNs, messageEnd } from "./decap";
import { findSession } from "../table/sessions";
import { inSequence } from "./sequence";
import { pppFrame } from "./ppp";
import { puntControl, ringSize } from "./punt";
import { transmitRoom, transmitSlot } from "./transmit";
import { encapFrame } from "./encap";
import { acceptPacket } from "./accept";
import { AHEAD, aheadPays, aheadUp, aheadDown, aheadSeen } from "./ahead";
import { samePeer, straightUp, downstreamOne } from "./straight";
import { hostCrowded } from "./host";
import { recordAt, after } from "./cursor";
import { mpSend } from "../mp/send";
import { mpRecord } from "../mp/bundle";
import { bundleAt } from "../mp/waiting";
import { L2TP_S } from "../layout/l2tp";
import {
  BATCH, MMSGHDR_SIZE, IOVEC_SIZE, SOCKADDR_SIZE, CMSG_SIZE, RX_MESSAGES, RX_IOVECS, RX_NAMES, RX_CONTROLS, RX_SLOTS, HEADROOM, SLOT_SIZE, SLOT_OCTETS, SLOT_SIZE_GRO, SLOT_OCTETS_GRO,
  CORE_SLOTS, SHARD_EPOCH, SHARD_OFFLINE, CONTROL_EPOCH, PART_RING_INJECT, PART_RING_ACCESS_IN, PART_RING_CORE_IN, RING_HEAD,
  RECORD_KIND, RECORD_OCTETS, RECORD_ROW, RECORD_GENERATION, RECORD_AUX, RECORD_HEADER, RECORD_SEND, RECORD_LINK_JOIN, TX_SLOT_SIZE,
} from "../layout/memory";
import {
  SESSION_FLAGS, SESSION_SEND_NS, SESSION_NS_REQUIRED, SESSION_LAC, SESSION_PEER, SESSION_TUNNEL_ROW, SESSION_GENERATION, SESSION_ROW_SIZE, SESSION_TARGET, SESSION_BUNDLE_NETWORK, COUNTER_TX_CONTROL_PACKETS, COUNTER_TX_CONTROL_OCTETS,
} from "../layout/session";
import { TUNNEL_ROW_SIZE, TUNNEL_LAST_HEARD } from "../layout/tunnel";
import { DROP_TUNNEL, DROP_SESSION, DROP_PEER_ADDRESS, DROP_LATE, DROP_NS_MISSING, DROP_TRUNCATED, DROP_STALE, DROP_NOT_UP, DROP_LENGTH, TOTAL_RX_DATAGRAMS, TOTAL_RX_OCTETS, TOTAL_INJECTED, TOTAL_BATCHES, TOTAL_RX_RUNS, TOTAL_RX_RUN_CONTROL } from "../layout/drop";

const SOL_UDP: u32 = 17;
const UDP_GRO: u32 = 104;
const MSG_TRUNC: u32 = 0x20;

let gro: bool = false;
let peerCheck: bool = true;

/** @param check datagrams must come from their tunnel's peer; off where an embedder vouches for them */
export function peerOptions(check: bool): void { peerCheck = check; }

/** One datagram from an access side: `name` is its sender's sockaddr, `group` the socket it came by. */
// @ts-ignore: decorator
@inline export function upstreamOne(ptr: u32, len: u32, name: u32, group: u32): void {
  if (!straightUp(ptr, len, name, peerCheck)) upstreamDatagram(ptr, len, name, group);
}
/** One datagram, stop by stop. */
export function upstreamDatagram(ptr: u32, len: u32, name: u32, group: u32): void {
  count(TOTAL_RX_DATAGRAMS, 1);
  count(TOTAL_RX_OCTETS, len);
  if (len > 0 && load<u8>(ptr) & 0x80) return puntControl(ptr, len, name, group);
  const size = decap(ptr, len);
  if (size < 0) return drop(<u32>-size);
  const session = findSession(headerKey);
  if (!session) return drop(load<u32>(tunnelIndex + (headerKey >>> 16 << 2)) ? DROP_SESSION : DROP_TUNNEL);
  if (peerCheck && !samePeer(name, session + SESSION_PEER)) return dropRx(DROP_PEER_ADDRESS, session);
  const flags = load<u32>(session + SESSION_FLAGS);
  if (be16(ptr) & L2TP_S) {
    if (!inSequence(session, headerNs)) return dropRx(DROP_LATE, session);
    if (!(flags & SESSION_SEND_NS)) atomic.or<u32>(session + SESSION_FLAGS, SESSION_SEND_NS);
  } else if (flags & SESSION_NS_REQUIRED) return dropRx(DROP_NS_MISSING, session);
  else if ((flags & (SESSION_LAC | SESSION_SEND_NS)) == (SESSION_LAC | SESSION_SEND_NS)) atomic.and<u32>(session + SESSION_FLAGS, ~SESSION_SEND_NS);
  store<u32>(tunnels + load<u32>(session + SESSION_TUNNEL_ROW) * TUNNEL_ROW_SIZE + TUNNEL_LAST_HEARD, now);
  pppFrame(session, ptr + <u32>size, messageEnd);
}

// Access side ffi: struct mmsghdr filled by recvmmsg.

/** Lays out the receive messages. @param useGro slots of the largest size, each for a run of datagrams of one size */
export function receivePrepare(useGro: bool): void {
  gro = useGro;
  const slot = gro ? SLOT_SIZE_GRO : SLOT_SIZE;
  for (let i: u32 = 0; i < BATCH; i++) {
    const message = rx + RX_MESSAGES + i * MMSGHDR_SIZE;
    const vector = rx + RX_IOVECS + i * IOVEC_SIZE;
    store<u64>(vector, base + rx + RX_SLOTS + HEADROOM + i * slot);
    store<u64>(vector, gro ? SLOT_OCTETS_GRO : SLOT_OCTETS, 8);
    store<u64>(message, base + rx + RX_NAMES + i * SOCKADDR_SIZE);
    store<u64>(message, base + vector, 16);
    store<u64>(message, 1, 24);
    store<u64>(message, gro ? base + rx + RX_CONTROLS + i * CMSG_SIZE : 0, 32);
  }
  receiveRearm(BATCH);
}
/** Sets again what recvmmsg overwrote in the first `n` messages. */
export function receiveRearm(n: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    const message = rx + RX_MESSAGES + i * MMSGHDR_SIZE;
    store<u64>(message, SOCKADDR_SIZE, 8);
    store<u64>(message, gro ? CMSG_SIZE : 0, 40);
  }
}
/** Octets of the first message that were taken already, where the lists were full in the midst of a run. */
let taken: u32 = 0;
/**
 * Takes received messages `from` to `n` up the path, as far as the transmit lists have room. With UDP_GRO a message is
 * a run of datagrams, each of which is looked at for itself: the kernel merges across tunnels, and control messages too.
 * @returns the index of the first message not wholly taken; the next call goes on there
 */
export function upstream(from: u32, n: u32, group: u32): u32 {
  count(TOTAL_BATCHES, 1);
  const slot = gro ? SLOT_SIZE_GRO : SLOT_SIZE;
  const many = aheadPays();
  let i = from;
  if (many && !gro) {
    let words: u64 = 0;
    for (let j = i; j < n; j++) words ^= aheadUp(rx + RX_SLOTS + HEADROOM + j * SLOT_SIZE);
    aheadSeen(words);
  }
  for (; i < n; i++) {
    const message = rx + RX_MESSAGES + i * MMSGHDR_SIZE;
    const ptr = rx + RX_SLOTS + HEADROOM + i * slot;
    const name = rx + RX_NAMES + i * SOCKADDR_SIZE;
    const len = load<u32>(message, 56);
    if (load<u32>(message, 48) & MSG_TRUNC) {
      drop(DROP_TRUNCATED);
      continue;
    }
    let segment = len;
    if (gro && load<u64>(message, 40) >= 20) {
      const cmsg = rx + RX_CONTROLS + i * CMSG_SIZE;
      if (load<u32>(cmsg, 8) == SOL_UDP && load<u32>(cmsg, 12) == UDP_GRO) segment = max<u32>(1, load<u32>(cmsg, 16));
    }
    const run = segment < len;
    hostCrowded(run);
    if (run && taken == 0) count(TOTAL_RX_RUNS, 1);
    let loaded = many && gro ? taken : len;
    do {
      if (!transmitRoom()) return i;
      if (taken >= loaded) {
        let words: u64 = 0;
        for (let j: u32 = 0; j < AHEAD && loaded < len; j++, loaded += segment) words ^= aheadUp(ptr + loaded);
        aheadSeen(words);
      }
      const octets = min(segment, len - taken);
      if (run && octets > 0 && load<u8>(ptr + taken) & 0x80) count(TOTAL_RX_RUN_CONTROL, 1);
      upstreamOne(ptr + taken, octets, name, group);
      taken += octets;
    } while (taken < len);
    taken = 0;
  }
  hostCrowded(false);
  return i;
}

// Access and core side memory: packets of an embedder, packed; lists of { offset u32, octets u32 }.

/** Datagrams `from` to `n` of the list up the path. @returns the first not taken */
export function upstreamList(list: u32, from: u32, n: u32, name: u32, group: u32): u32 {
  const many = aheadPays();
  let i = from;
  for (; i < n && transmitRoom(); i++) {
    if (many && ((i - from) & (AHEAD - 1)) == 0) {
      let words: u64 = 0;
      for (let j = i, end = min(n, i + AHEAD); j < end; j++) words ^= aheadUp(load<u32>(list + (j << 3)));
      aheadSeen(words);
    }
    upstreamOne(load<u32>(list + (i << 3)), load<u32>(list + (i << 3), 4), name, group);
  }
  return i;
}
/** IP packets `from` to `n` of the list down the path; the HEADROOM octets before each are overwritten. @returns the first not taken */
export function downstreamList(list: u32, from: u32, n: u32): u32 {
  const many = aheadPays();
  let i = from;
  for (; i < n && transmitRoom(); i++) {
    if (many && ((i - from) & (AHEAD - 1)) == 0) {
      let words: u64 = 0;
      for (let j = i, end = min(n, i + AHEAD); j < end; j++) words ^= aheadDown(load<u32>(list + (j << 3)));
      aheadSeen(words);
    }
    downstreamOne(load<u32>(list + (i << 3)), load<u32>(list + (i << 3), 4));
  }
  return i;
}

// Rings. Records stay until `ringsRelease`, since lists of the batch point into them.

let accessCursor: u32 = 0;
let coreCursor: u32 = 0;

/** Datagrams dealt by the main thread, up the path. @returns the number taken */
export function upstreamRing(most: u32): u32 {
  const size = ringSize(PART_RING_ACCESS_IN);
  accessCursor = load<u32>(ringAccessIn + RING_HEAD);
  let n: u32 = 0;
  for (; n < most && transmitRoom(); n++) {
    const record = recordAt(ringAccessIn, size, accessCursor);
    if (!record) break;
    accessCursor = after(ringAccessIn, size, accessCursor, record);
    const payload = record + RECORD_HEADER;
    upstreamDatagram(payload + SOCKADDR_SIZE, load<u32>(record, RECORD_OCTETS) - SOCKADDR_SIZE, payload, load<u32>(record, RECORD_AUX));
  }
  return n;
}
/** IP packets handed in by the main thread, down the path. @returns the number taken */
export function downstreamRing(most: u32): u32 {
  const size = ringSize(PART_RING_CORE_IN);
  coreCursor = load<u32>(ringCoreIn + RING_HEAD);
  let n: u32 = 0;
  for (; n < most && transmitRoom(); n++) {
    const record = recordAt(ringCoreIn, size, coreCursor);
    if (!record) break;
    coreCursor = after(ringCoreIn, size, coreCursor, record);
    acceptPacket(record + RECORD_HEADER, load<u32>(record, RECORD_OCTETS), load<u32>(record, RECORD_AUX));
  }
  return n;
}
/** Gives the records of the batch back, once its lists are sent. */
export function ringsRelease(access: bool, coreSide: bool): void {
  if (access) atomic.store<u32>(ringAccessIn + RING_HEAD, accessCursor);
  if (coreSide) atomic.store<u32>(ringCoreIn + RING_HEAD, coreCursor);
}
/** A PPP frame of the main thread, all of it at `ptr`, to its session; to a bundle, from its protocol field on, by the multilink procedure. */
function injectFrame(row: u32, generation: u32, ptr: u32, len: u32, priority: bool): void {
  const session = sessions + row * SESSION_ROW_SIZE;
  if (row == 0 || row >= sessionsMax || load<u32>(session + SESSION_GENERATION) != generation) return drop(DROP_STALE);
  if (len > TX_SLOT_SIZE - 2 * HEADROOM) return drop(DROP_LENGTH);
  const slot = transmitSlot();
  memory.copy(slot, ptr, len);
  const counters = countersOf(session);
  atomic.add<u64>(counters + COUNTER_TX_CONTROL_PACKETS, 1);
  atomic.add<u64>(counters + COUNTER_TX_CONTROL_OCTETS, len);
  count(TOTAL_INJECTED, 1);
  if (load<u32>(session + SESSION_FLAGS) & SESSION_BUNDLE_NETWORK) {
    const bundle = load<u32>(session + SESSION_TARGET);
    if (!mpSend(session, bundleAt(bundle), bundle, slot, len)) dropTx(DROP_NOT_UP, session);
    return;
  }
  encapFrame(session, slot, len, priority);
}
/** PPP frames of the main thread to their sessions, and changes of bundles. @returns the number taken */
export function inject(most: u32): u32 {
  const size = ringSize(PART_RING_INJECT);
  let n: u32 = 0;
  for (; n < most && transmitRoom(); n++) {
    const cursor = load<u32>(ringInject + RING_HEAD);
    const record = recordAt(ringInject, size, cursor);
    if (!record) break;
    const row = load<u32>(record, RECORD_ROW);
    const kind = load<u32>(record, RECORD_KIND);
    const generation = load<u32>(record, RECORD_GENERATION);
    if (kind == RECORD_SEND) injectFrame(row, generation, record + RECORD_HEADER, load<u32>(record, RECORD_OCTETS), (load<u32>(record, RECORD_AUX) & 1) != 0);
    else if (kind >= RECORD_LINK_JOIN) mpRecord(kind, row, generation, load<u32>(record, RECORD_AUX), record + RECORD_HEADER);
    else drop(DROP_STALE);
    atomic.store<u32>(ringInject + RING_HEAD, after(ringInject, size, cursor, record));
  }
  return n;
}

// Core side tun: packets read into slots.

/** Offset of the slot that packet `index` is read into. */
export function coreSlot(index: u32): u32 { return core + CORE_SLOTS + HEADROOM + index * SLOT_SIZE; }
/** Takes packets `from` to `n`, lengths in the u32 array at `lengths`, down the path. @returns the first not taken */
export function downstream(from: u32, n: u32, lengths: u32): u32 {
  let i = from;
  if (aheadPays()) {
    let words: u64 = 0;
    for (let j = from; j < n; j++) words ^= aheadDown(coreSlot(j));
    aheadSeen(words);
  }
  for (; i < n && transmitRoom(); i++) downstreamOne(coreSlot(i), load<u32>(lengths + (i << 2)));
  return i;
}

// Epochs (docs/architecture.md).

/** This shard reads the tables from here on, as of the present epoch. */
export function epochEnter(): void { atomic.store<u32>(shardControl + SHARD_EPOCH, atomic.load<u32>(control + CONTROL_EPOCH)); }
/** This shard holds no offset of any table. */
export function epochLeave(): void { atomic.store<u32>(shardControl + SHARD_EPOCH, SHARD_OFFLINE); }
