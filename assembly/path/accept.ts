// The way down: an IP packet from the core side finds its session by destination.
import { be16, setBe16, checksum, complement } from "./octets";
import { drop, dropTx, countTx, count } from "./count";
import { encapPacket } from "./encap";
import { transmitSlot } from "./transmit";
import { mpPacket } from "../mp/send";
import { findAddress, MAPPED_LOW } from "../table/addresses";
import { sessions, shape, leavingAt } from "../state";
import { deliverOwn } from "./icmp";
import { conforms } from "./police";
import { queues, shapePacket } from "./shape";
import { clampMss } from "./mss";
import { DROP_NO_ROUTE, DROP_CORE_IP, DROP_TOO_BIG, DROP_FRAGMENTS, DROP_NOT_UP, DROP_POLICED_DOWN, TOTAL_ACCEPTED, TOTAL_ACCEPTED_OCTETS, TOTAL_FRAGMENTED } from "../layout/drop";
import { SESSION_ROW_SIZE, SESSION_PEER_MRU, SESSION_SHAPER_DOWN, SESSION_ACTION, ACTION_DELIVER, ACTION_MULTILINK } from "../layout/session";
import { ADDRESS_CARRIER } from "../layout/address";

const DONT_FRAGMENT: u32 = 0x4000;
const MORE_FRAGMENTS: u32 = 0x2000;
/** Fragments that one packet may become. */
const FRAGMENTS_MAX: u32 = 64;

/** Takes the packet of `len` octets at `ptr`; the octets before it are overwritten by the headers. */
export function acceptPacket(ptr: u32, len: u32, instance: u32): void {
  count(TOTAL_ACCEPTED, 1);
  count(TOTAL_ACCEPTED_OCTETS, len);
  // version 4, and 5 to 15 words of header
  if (len < 20 || <u32>load<u8>(ptr) - 0x45 > 10) return drop(DROP_CORE_IP);
  const total = be16(ptr + 2);
  if (total < 20 || total > len) return drop(DROP_CORE_IP);
  routePacket(ptr, total, instance, 0);
}
/**
 * Sends an IPv4 packet to whoever carries its destination; on the side of the clients, its source.
 * @param before row of a carrier that could not send any more when its turn came: it is not asked again. 0: none
 */
export function routePacket(ptr: u32, len: u32, instance: u32, before: u32): void {
  const entry = findAddress(instance, 0, <u64>load<u32>(ptr + leavingAt) << 32 | MAPPED_LOW);
  if (!entry) return drop(DROP_NO_ROUTE);
  const carrier = atomic.load<u32>(entry + ADDRESS_CARRIER);
  if (!carrier) return drop(DROP_NO_ROUTE);
  const session = sessions + carrier * SESSION_ROW_SIZE;
  if (carrier == before) return dropTx(DROP_NOT_UP, session);
  const action = load<u32>(session + SESSION_ACTION);
  if (sends(action)) return sendOpen(session, action, ptr, len);
  // A carrier that goes down is switched first and closed then: whoever finds it closed looks once more.
  const next = atomic.load<u32>(entry + ADDRESS_CARRIER);
  if (!next) return drop(DROP_NO_ROUTE);
  sendPacket(sessions + next * SESSION_ROW_SIZE, ptr, len);
}
// @ts-ignore: decorator
@inline function sends(action: u32): bool { return action == ACTION_DELIVER || action == ACTION_MULTILINK; }
/** Sends an IPv4 packet to a session or bundle, in IP fragments where it exceeds the client's MRU or MRRU. */
export function sendPacket(session: u32, ptr: u32, len: u32): void {
  const action = load<u32>(session + SESSION_ACTION);
  if (sends(action)) sendOpen(session, action, ptr, len);
  else dropTx(DROP_NOT_UP, session);
}
function sendOpen(session: u32, action: u32, ptr: u32, len: u32): void {
  const policer = load<u32>(session + SESSION_SHAPER_DOWN);
  if (policer) {
    if (shape != 0 && queues(policer)) {
      if (!shapePacket(policer, session, ptr, len)) return;
    } else if (!conforms(policer, len)) return dropTx(DROP_POLICED_DOWN, session);
  }
  sendFitting(session, action, ptr, len);
}
/** As `sendPacket`, for a packet that has waited for its rate to let it pass. */
export function sendConforming(session: u32, ptr: u32, len: u32): void {
  const action = load<u32>(session + SESSION_ACTION);
  if (sends(action)) sendFitting(session, action, ptr, len);
  else dropTx(DROP_NOT_UP, session);
}
function sendFitting(session: u32, action: u32, ptr: u32, len: u32): void {
  clampMss(session, ptr, len);
  const mru = load<u32>(session + SESSION_PEER_MRU);
  if (len > mru) return sendTooBig(session, ptr, len, mru);
  send(session, action, ptr, len);
}
// @ts-ignore: decorator
@inline function send(session: u32, action: u32, ptr: u32, len: u32): void {
  if (action == ACTION_MULTILINK) return mpPacket(session, ptr, len);
  countTx(session, len);
  encapPacket(session, ptr, len);
}
/** RFC 791 section 3.2, RFC 1191 section 4: a packet that may not be fragmented is answered, any other is cut. */
function sendTooBig(session: u32, ptr: u32, len: u32, mru: u32): void {
  const flagsAndOffset = be16(ptr + 6);
  if (flagsAndOffset & DONT_FRAGMENT) {
    dropTx(DROP_TOO_BIG, session);
    return deliverOwn(session, ptr, len, mru);
  }
  const header = (<u32>load<u8>(ptr) & 15) << 2;
  const payload = (mru - header) & ~7;
  if (mru < header + 8 || (len - header) > payload * FRAGMENTS_MAX) return dropTx(DROP_FRAGMENTS, session);
  count(TOTAL_FRAGMENTED, 1);
  for (let offset: u32 = 0; offset < len - header; offset += payload) {
    const rest = len - header - offset;
    const octets = min(rest, payload);
    const slot = transmitSlot();
    if (!slot) return dropTx(DROP_FRAGMENTS, session);
    const head = offset == 0 ? header : laterHeader(slot, ptr, header);
    if (offset == 0) memory.copy(slot, ptr, header);
    memory.copy(slot + head, ptr + header + offset, octets);
    setBe16(slot + 2, head + octets);
    const more = rest > payload ? MORE_FRAGMENTS : flagsAndOffset & MORE_FRAGMENTS;
    setBe16(slot + 6, (flagsAndOffset & 0x8000) | more | ((flagsAndOffset & 0x1fff) + (offset >>> 3)));
    store<u16>(slot, 0, 10);
    store<u16>(slot, complement(checksum(slot, head, 0)), 10);
    send(session, load<u32>(session + SESSION_ACTION), slot, head + octets);
  }
}
/** Header of a fragment after the first: only the options whose copied flag is set (RFC 791 section 3.1). @returns its octets */
function laterHeader(to: u32, from: u32, header: u32): u32 {
  memory.copy(to, from, 20);
  let out: u32 = 20;
  for (let at: u32 = 20; at < header;) {
    const type = <u32>load<u8>(from + at);
    if (type == 0) break;
    if (type == 1) { at++; continue; }
    const octets = at + 1 < header ? <u32>load<u8>(from + at + 1) : 0;
    if (octets < 2 || at + octets > header) break;
    if (type & 0x80) {
      memory.copy(to + out, from + at, octets);
      out += octets;
    }
    at += octets;
  }
  while (out & 3) store<u8>(to + out++, 0);
  store<u8>(to, <u8>(0x40 | out >>> 2));
  return out;
}
