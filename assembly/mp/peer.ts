// From shard to shard: fragments and packets whose bundle belongs to another. One ring a pair, its records in order.
import { copyOctets } from "../path/octets";
import { shard, shards, sessions, sessionsMax, shardControl, partOffset, partCount, bundlesMax } from "../state";
import { ringReserve, ringCommit } from "../path/ring";
import { ringSize } from "../path/punt";
import { drop, dropRx, dropTx, count } from "../path/count";
import { transmitRoom } from "../path/transmit";
import { recordAt, after } from "../path/cursor";
import { routePacket } from "../path/accept";
import { mpReceive } from "./receive";
import { mpPacket } from "./send";
import { bundleAt } from "./waiting";
import { DROP_PEER_RING, DROP_STALE, DROP_MP_GONE, TOTAL_PEER_SENT } from "../layout/drop";
import { PART_RING_PEER, RING_HEAD, RING_TAIL, RECORD_KIND, RECORD_OCTETS, RECORD_ROW, RECORD_GENERATION, RECORD_AUX, RECORD_HEADER, RECORD_FRAGMENT, RECORD_PACKET, SHARD_PEER_CURSORS } from "../layout/memory";
import { SESSION_ROW_SIZE, SESSION_GENERATION, SESSION_ACTION, ACTION_MULTILINK } from "../layout/session";
import { BUNDLE_GENERATION, BUNDLE_ENDED } from "../layout/bundle";

/** Shards that something was written for since `peerWake`. */
let written: u64 = 0;

// @ts-ignore: decorator
@inline function ringOf(from: u32, to: u32): u32 { return partOffset(PART_RING_PEER, from * shards + to); }

/** May shard `from` have handed something over? */
export function peerWaits(from: u32): bool {
  const ring = ringOf(from, shard);
  return load<u32>(ring + RING_HEAD) != atomic.load<u32>(ring + RING_TAIL);
}
/** Writes a record for shard `owner`, `len` octets of it `from` on behind `room` of headroom. @returns false where its ring is full */
function handOver(owner: u32, kind: u32, row: u32, generation: u32, aux: u32, room: u32, from: u32, len: u32): bool {
  if (partCount(PART_RING_PEER) == 0) return false;
  const ring = ringOf(shard, owner);
  const size = ringSize(PART_RING_PEER);
  const payload = ringReserve(ring, size, kind, room + len, row, generation, aux);
  if (!payload) return false;
  copyOctets(payload + room, from, len);
  ringCommit(ring, size, payload);
  count(TOTAL_PEER_SENT, 1);
  written |= <u64>1 << owner;
  return true;
}
/** Hands a fragment, from its multilink header on, to its bundle's owner. */
export function peerFragment(owner: u32, row: u32, bundle: u32, link: u32, session: u32, ptr: u32, len: u32): void {
  if (!handOver(owner, RECORD_FRAGMENT, row, load<u32>(bundle + BUNDLE_GENERATION), link, 0, ptr, len)) dropRx(DROP_PEER_RING, session);
}
/** Room before a packet that is handed over, for the headers that go there: the record's own head is not enough. */
const PACKET_ROOM: u32 = 32;
/** Hands an IP packet towards a bundle to its owner. */
export function peerPacket(owner: u32, network: u32, ptr: u32, len: u32): void {
  const row = (network - sessions) / SESSION_ROW_SIZE;
  if (!handOver(owner, RECORD_PACKET, row, load<u32>(network + SESSION_GENERATION), 0, PACKET_ROOM, ptr, len)) dropTx(DROP_PEER_RING, network);
}
/** Bits of the shards to wake, for what this one has written since the last call. */
export function peerWake(): u64 {
  const bits = written;
  written = 0;
  return bits;
}
/** Takes what shard `from` has handed over; the records stay until `peerRelease`, since lists of the batch point into them. @returns the number taken */
export function peerTake(from: u32, most: u32): u32 {
  const ring = ringOf(from, shard);
  const size = ringSize(PART_RING_PEER);
  let cursor = load<u32>(ring + RING_HEAD);
  let n: u32 = 0;
  for (; n < most && transmitRoom(); n++) {
    const record = recordAt(ring, size, cursor);
    if (!record) break;
    cursor = after(ring, size, cursor, record);
    const row = load<u32>(record, RECORD_ROW);
    const generation = load<u32>(record, RECORD_GENERATION);
    const octets = load<u32>(record, RECORD_OCTETS);
    const payload = record + RECORD_HEADER;
    if (load<u32>(record, RECORD_KIND) == RECORD_FRAGMENT) {
      const bundle = bundleAt(row);
      if (row == 0 || row >= bundlesMax || load<u32>(bundle + BUNDLE_GENERATION) != generation) drop(DROP_STALE);
      else if (load<u32>(bundle + BUNDLE_ENDED)) drop(DROP_MP_GONE);
      else mpReceive(bundle, load<u32>(record, RECORD_AUX) & 7, payload, payload + octets);
    } else {
      const network = sessions + row * SESSION_ROW_SIZE;
      if (row == 0 || row >= sessionsMax || load<u32>(network + SESSION_GENERATION) != generation || load<u32>(network + SESSION_ACTION) != ACTION_MULTILINK) routePacket(payload + PACKET_ROOM, octets - PACKET_ROOM, 0, 0); // gone on the way
      else mpPacket(network, payload + PACKET_ROOM, octets - PACKET_ROOM);
    }
  }
  store<u32>(shardControl + SHARD_PEER_CURSORS + (from << 2), cursor);
  return n;
}
export function peerRelease(from: u32): void {
  atomic.store<u32>(ringOf(from, shard) + RING_HEAD, load<u32>(shardControl + SHARD_PEER_CURSORS + (from << 2)));
}
