// The embedded core side: an IP host inside the process that answers ICMP Echo and UDP echo (port 7, RFC 862) on
// every address, and forwards between clients. Fragments are answered one by one, so that nothing is reassembled.
import { be16, adjustChecksum, checksum } from "./octets";
import { drop, count } from "./count";
import { acceptPacket } from "./accept";
import { coreOut, transmitSlot } from "./transmit";
import { TX_SLOT_SIZE, HEADROOM } from "../layout/memory";
import { findAddress, MAPPED_LOW } from "../table/addresses";
import { DROP_HOST, TOTAL_DELIVERED, TOTAL_DELIVERED_OCTETS } from "../layout/drop";

let embedded: bool = false;
export function hostEnable(on: bool): void { embedded = on; }
let crowded: bool = false;
/** @param run datagrams lie back to back: what stands before a packet belongs to the one before it */
export function hostCrowded(run: bool): void { crowded = run; }

/** Sends a packet of our own making towards its destination on the core side. */
export function hostOrCore(ptr: u32, len: u32): void {
  if (embedded) acceptPacket(ptr, len, 0);
  else coreOut(ptr, len);
}
/** Takes a packet from a client and answers in place: the octets before `ptr` are the headers it came with. */
export function hostPacket(ptr: u32, len: u32): void {
  count(TOTAL_DELIVERED, 1);
  count(TOTAL_DELIVERED_OCTETS, len);
  if (crowded) {
    const slot = len <= TX_SLOT_SIZE - 2 * HEADROOM ? transmitSlot() : 0;
    if (!slot) return drop(DROP_HOST);
    memory.copy(slot, ptr, len);
    ptr = slot;
  }
  if (findAddress(0, 0, <u64>load<u32>(ptr + 16) << 32 | MAPPED_LOW)) return forward(ptr, len);
  const header = (<u32>load<u8>(ptr) & 15) << 2;
  if (checksum(ptr, header, 0) != 0xffff) return drop(DROP_HOST);
  const first = (be16(ptr + 6) & 0x1fff) == 0;
  const body = ptr + header;
  const protocol = load<u8>(ptr + 9);
  if (protocol == 1) {
    if (first) {
      if (len < header + 8 || load<u16>(body) != 0x0008) return drop(DROP_HOST);
      store<u8>(body, 0);
      adjustChecksum(body + 2, 0x0008, 0);
    }
  } else if (protocol == 17) {
    if (first) {
      if (len < header + 8 || load<u16>(body + 2) != 0x0700) return drop(DROP_HOST);
      const ports = load<u32>(body);
      store<u32>(body, ports << 16 | ports >>> 16);
    }
  } else return drop(DROP_HOST);
  const source = load<u32>(ptr + 12);
  store<u32>(ptr + 12, load<u32>(ptr + 16));
  store<u32>(ptr + 16, source);
  acceptPacket(ptr, len, 0);
}
/** From client to client: a hop like any other (RFC 1812 section 5.3.1). */
function forward(ptr: u32, len: u32): void {
  const ttl = <u32>load<u8>(ptr + 8);
  if (ttl <= 1) return drop(DROP_HOST);
  const before = <u32>load<u16>(ptr + 8);
  store<u8>(ptr + 8, <u8>(ttl - 1));
  adjustChecksum(ptr + 10, before, <u32>load<u16>(ptr + 8));
  acceptPacket(ptr, len, 0);
}
