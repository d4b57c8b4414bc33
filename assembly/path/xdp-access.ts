// Frames of the LACs' interface (docs/io.md): UDP datagrams with L2TP messages. Everything in a frame is from the wire.
import { tunnels } from "../state";
import { count, drop } from "./count";
import { upstreamOne } from "./batch";
import { be16, setBe16, complement } from "./octets";
import { sumOctets, copyAndSum, fold, pseudoSum } from "./checksum";
import { transmitByXdp } from "./transmit";
import { xdpFrame, xdpSend } from "./xdp";
import { SESSION_TUNNEL_ROW } from "../layout/session";
import { TUNNEL_ROW_SIZE, TUNNEL_NEXT_HOP, TUNNEL_LOCAL, TUNNEL_PEER } from "../layout/tunnel";
import { XDP_IP_ID, XDP_MTU, XDP_GATEWAYS, XDP_GATEWAY, XDP_GATEWAYS_MAX, XDP_NAME, XDP_HEADERS } from "../layout/xdp";
import { DROP_XDP_FRAME, DROP_XDP_CHECKSUM, TOTAL_TX_DATAGRAMS, TOTAL_TX_OCTETS, TOTAL_XDP_RX, TOTAL_XDP_TX } from "../layout/drop";

const ETHERTYPE_IPV4: u32 = 0x0008; // in memory order
const UDP: u32 = 17;
const TTL: u32 = 64;

/** Block that this shard sends by; 0: none. */
let sending: u32 = 0;

export function accessSends(block: u32): void {
  sending = block;
  transmitByXdp();
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

/** A frame of a LAC, up the path. */
export function accessFrame(block: u32, ptr: u32, len: u32): void {
  count(TOTAL_XDP_RX, 1);
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
  const ip = xdpFrame(block, hop);
  if (!ip) return false;
  const udp = ip + 20, size = len + 8;
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
  xdpSend(block, size + 20);
  count(TOTAL_TX_DATAGRAMS, 1);
  count(TOTAL_TX_OCTETS, len);
  count(TOTAL_XDP_TX, 1);
  return true;
}
