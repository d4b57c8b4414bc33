// ICMP that the LNS itself sends towards the core side (RFC 792, RFC 1191, RFC 1812 section 4.3.2).
import { setBe16, checksum, complement } from "./octets";
import { drop, count } from "./count";
import { transmitSlot } from "./transmit";
import { hostOrCore } from "./host";
import { now } from "../state";
import { DROP_ICMP_RATE, TOTAL_ICMP_SENT } from "../layout/drop";
import { SESSION_LOCAL_ADDRESS } from "../layout/session";

/** Octets of the packet in error that are quoted: the whole datagram stays within 576 (RFC 1812 section 4.3.2.3). */
const QUOTE_MAX: u32 = 548;
/** ICMP messages a second of one shard (RFC 1812 section 4.3.2.8). */
const RATE: u32 = 1000;
let windowStart: u32 = 0;
let windowSent: u32 = 0;

/** Destination Unreachable, fragmentation needed and DF set, with the next-hop MTU, to the source of the packet at `ptr`. */
export function deliverOwn(session: u32, ptr: u32, len: u32, mtu: u32): void {
  // never about an ICMP error, nor about a fragment other than the first (RFC 1812 section 4.3.2.7)
  if ((load<u16>(ptr + 6) & 0xff1f) != 0) return;
  const header = (<u32>load<u8>(ptr) & 15) << 2;
  if (load<u8>(ptr + 9) == 1 && len > header) {
    const type = load<u8>(ptr + header);
    if (type != 0 && type != 8 && type != 13 && type != 14) return;
  }
  if (now - windowStart >= 1000) {
    windowStart = now;
    windowSent = 0;
  }
  if (windowSent >= RATE) return drop(DROP_ICMP_RATE);
  const slot = transmitSlot();
  if (!slot) return drop(DROP_ICMP_RATE);
  windowSent++;
  const quoted = min(len, QUOTE_MAX);
  store<u64>(slot, 0);
  store<u64>(slot, 0, 8);
  store<u8>(slot, 0x45);
  store<u8>(slot + 1, 0xc0); // precedence 6, RFC 1812 section 4.3.2.5
  setBe16(slot + 2, 28 + quoted);
  store<u8>(slot + 8, 64);
  store<u8>(slot + 9, 1);
  store<u32>(slot + 12, load<u32>(session + SESSION_LOCAL_ADDRESS));
  store<u32>(slot + 16, load<u32>(ptr + 12));
  store<u16>(slot + 10, complement(checksum(slot, 20, 0)));
  store<u32>(slot + 20, 0x0403); // type 3, code 4
  setBe16(slot + 24, 0);
  setBe16(slot + 26, mtu);
  memory.copy(slot + 28, ptr, quoted);
  store<u16>(slot + 22, 0);
  store<u16>(slot + 22, complement(checksum(slot + 20, 8 + quoted, 0)));
  count(TOTAL_ICMP_SENT, 1);
  hostOrCore(slot, 28 + quoted);
}
