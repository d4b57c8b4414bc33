// Frames of the core's interface (docs/io.md): IP packets from and to clients, forwarded as a router does (RFC 1812).
// Everything in a frame is from the wire.
import { count, drop } from "./count";
import { be16, copyOctets, complement } from "./octets";
import { sumOctets, fold, pseudoSum } from "./checksum";
import { downstreamPacket } from "./straight";
import { coreByXdp } from "./transmit";
import { fibAttach, nextHop } from "./fib";
import { xdpFrame, xdpSend } from "./xdp";
import { findAddress, MAPPED_LOW } from "../table/addresses";
import { XDP_MTU } from "../layout/xdp";
import { DROP_XDP_FRAME, DROP_XDP_CHECKSUM, DROP_XDP_FULL, TOTAL_XDP_CORE_RX, TOTAL_XDP_CORE_TX } from "../layout/drop";

const ETHERNET: u32 = 14;
const ETHERTYPE_IPV4: u32 = 0x0008; // in memory order
const TCP: u32 = 6;
const UDP: u32 = 17;

/** Block that this shard sends by; 0: none. */
let sending: u32 = 0;

export function coreSends(block: u32): void {
  sending = block;
  fibAttach();
  coreByXdp();
}

/** One hop less: RFC 1812 section 5.3.1, RFC 1624. The time to live is 2 at least. */
// @ts-ignore: decorator
@inline function age(ip: u32): void {
  store<u8>(ip, load<u8>(ip, 8) - 1, 8);
  const sum = <u32>load<u16>(ip, 10) + 1; // 0x0100 in memory order
  store<u16>(ip, <u16>(sum + u32(sum >= 0xffff)), 10);
}
/** A sender on this machine leaves the checksum to a device that is not there: then the field has the pseudo header's sum alone. */
// @ts-ignore: decorator
@inline function completeChecksum(ip: u32, total: u32): void {
  const protocol = <u32>load<u8>(ip, 9);
  if (protocol != UDP && protocol != TCP || <u32>load<u16>(ip, 6) & 0xff3f) return;
  const at: u32 = protocol == UDP ? 26 : 36;
  if (total < at + 2 || <u32>load<u16>(ip + at) != fold(pseudoSum(ip, total - 20))) return;
  const sum = complement(fold(sumOctets(ip + 20, total - 20, 0)));
  store<u16>(ip + at, sum == 0 && protocol == UDP ? 0xffff : sum);
}
/** A frame for a client, down the path. The octets before its IP packet are overwritten. */
export function coreFrame(ptr: u32, len: u32): void {
  count(TOTAL_XDP_CORE_RX, 1);
  const ip = ptr + ETHERNET;
  if (len < ETHERNET + 20 || <u32>load<u16>(ptr, 12) != ETHERTYPE_IPV4 || load<u8>(ip) != 0x45 || load<u8>(ip, 8) < 2) return drop(DROP_XDP_FRAME);
  const total = be16(ip + 2);
  if (total < 20 || total > len - ETHERNET) return drop(DROP_XDP_FRAME);
  if (fold(sumOctets(ip, 20, 0)) != 0xffff) return drop(DROP_XDP_CHECKSUM);
  age(ip);
  completeChecksum(ip, total);
  downstreamPacket(ip, total);
}
/**
 * Sends a client's packet to the core by the interface.
 * @returns false where the kernel is to forward it, and says what is to be said of it: it has options or the wrong checksum, its
 * time ends here, it is too large, or its way is not the interface's: to another client, to this host, or where the kernel
 * does not know the neighbour
 */
export function xdpCoreOut(ptr: u32, len: u32): bool {
  const block = sending;
  if (load<u8>(ptr) != 0x45 || load<u8>(ptr, 8) < 2 || len > load<u32>(block + XDP_MTU)) return false;
  const destination = load<u32>(ptr, 16);
  const hop = nextHop(bswap<u32>(destination));
  if (!hop || fold(sumOctets(ptr, 20, 0)) != 0xffff || findAddress(0, 0, <u64>destination << 32 | MAPPED_LOW)) return false;
  const ip = xdpFrame(block, hop);
  if (!ip) {
    // By the kernel it might overtake those before it.
    drop(DROP_XDP_FULL);
    return true;
  }
  copyOctets(ip, ptr, len);
  age(ip);
  xdpSend(block, len);
  count(TOTAL_XDP_CORE_TX, 1);
  return true;
}
