// Last stop on the way up: an IP packet of a client, checked and handed to the core side.
import { be16 } from "./octets";
import { dropRx, countRx, drop } from "./count";
import { coreOut } from "./transmit";
import { findAddress, stackHolds, MAPPED_LOW } from "../table/addresses";
import { sessions, ringCoreOut, arrivingAt, setClientSide } from "../state";
import { hostPacket } from "./host";
import { tapPacket } from "./tap";
import { trafficReceived } from "./traffic";
import { DROP_IP_VERSION, DROP_IP_LENGTH, DROP_SPOOFED, DROP_POLICED_UP, DROP_CORE_NONE, DROP_RING_FULL, TOTAL_DELIVERED, TOTAL_DELIVERED_OCTETS } from "../layout/drop";
import { SESSION_ADDRESS, SESSION_FLAGS, SESSION_TAPPED, SESSION_ROUTING_INSTANCE, SESSION_SHAPER_UP, SESSION_ROW_SIZE } from "../layout/session";
import { ringReserve, ringCommit } from "./ring";
import { ringSize, setPending } from "./punt";
import { count } from "./count";
import { conforms } from "./police";
import { clampMss } from "./mss";
import { PART_RING_CORE_OUT, RECORD_PACKET } from "../layout/memory";

/** Core side back ends. */
export const CORE_NONE: u32 = 0;
/** A list of packets that the shard writes to its TUN queue. */
export const CORE_TUN: u32 = 1;
/** An IP host inside the process. */
export const CORE_EMBEDDED: u32 = 2;
/** A ring to the main thread. */
export const CORE_MEMORY: u32 = 3;
/** The traffic generator of the LAC emulator. */
export const CORE_TRAFFIC: u32 = 4;
/** The TUN device of PPP clients: theirs are the sources of what is read, and the destinations of what arrives. */
export const CORE_CLIENT: u32 = 5;

export let back: u32 = CORE_NONE;
export function coreBackEnd(kind: u32): void {
  back = kind == CORE_CLIENT ? CORE_TUN : kind;
  setClientSide(kind == CORE_CLIENT);
}

/** Checks the IPv4 packet from `ptr` to `end` of a session and delivers it. Padding after its Total Length is cut. */
export function deliverIpv4(session: u32, ptr: u32, end: u32): void {
  if (end < ptr + 20) return dropRx(DROP_IP_LENGTH, session);
  const versionAndLength = <u32>load<u8>(ptr);
  if (versionAndLength >>> 4 != 4) return dropRx(DROP_IP_VERSION, session);
  const header = (versionAndLength & 15) << 2;
  const len = be16(ptr + 2);
  if (header < 20 || len < header || len > end - ptr) return dropRx(DROP_IP_LENGTH, session);
  if (back == CORE_TRAFFIC) return trafficReceived(session, ptr, len);
  const source = load<u32>(ptr + arrivingAt);
  if (source != load<u32>(session + SESSION_ADDRESS + 12) && !sourceAllowed(session, source)) return dropRx(DROP_SPOOFED, session);
  const policer = load<u32>(session + SESSION_SHAPER_UP);
  if (policer && !conforms(policer, len)) return dropRx(DROP_POLICED_UP, session);
  clampMss(session, ptr, len);
  countRx(session, len);
  if (load<u32>(session + SESSION_FLAGS) & SESSION_TAPPED) tapPacket(session, ptr, len, 1);
  if (back == CORE_TUN) return coreOut(ptr, len);
  if (back == CORE_EMBEDDED) return hostPacket(ptr, len);
  if (back == CORE_MEMORY) return coreRing(session, ptr, len);
  drop(DROP_CORE_NONE);
}
/** A source other than the framed address must belong to a prefix in whose stack the session is (a framed route). */
function sourceAllowed(session: u32, source: u32): bool {
  const entry = findAddress(load<u16>(session + SESSION_ROUTING_INSTANCE), 0, <u64>source << 32 | MAPPED_LOW);
  return entry != 0 && stackHolds(entry, (session - sessions) / SESSION_ROW_SIZE);
}
function coreRing(session: u32, ptr: u32, len: u32): void {
  const size = ringSize(PART_RING_CORE_OUT);
  const payload = ringReserve(ringCoreOut, size, RECORD_PACKET, len, (session - sessions) / SESSION_ROW_SIZE, 0, 0);
  if (!payload) return drop(DROP_RING_FULL);
  memory.copy(payload, ptr, len);
  ringCommit(ringCoreOut, size, payload);
  count(TOTAL_DELIVERED, 1);
  count(TOTAL_DELIVERED_OCTETS, len);
  setPending();
}
