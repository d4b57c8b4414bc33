// The way down with IFF_VNET_HDR: what the kernel left undone for a device that segments and checksums is done here.
// A super-packet (TSO, USO) becomes packets as the sender would have sent them; each goes the ordinary way from there.
import { core } from "../state";
import { be16, setBe16, checksum, complement } from "./octets";
import { sumOctets, copyAndSum, fold, pseudoSum } from "./checksum";
import { drop, count } from "./count";
import { transmitRoom } from "./transmit";
import { downstreamPacket } from "./straight";
import { aheadDown, aheadPays, aheadSeen } from "./ahead";
import {
  CORE_READ_SIZE, CORE_READ_MAX, CORE_SPLIT, CORE_SIZE, CORE_LIST, BATCH, HEADROOM, VNET_HEADER_SIZE, VNET_NEEDS_CSUM, VNET_GSO_NONE, VNET_GSO_TCPV4, VNET_GSO_UDP_L4, VNET_GSO_ECN,
} from "../layout/memory";
import { DROP_CORE_IP, TOTAL_CORE_RUNS_IN } from "../layout/drop";

const TCP_FIN: u32 = 0x01;
const TCP_PSH: u32 = 0x08;
const TCP_CWR: u32 = 0x80;

let reads: u32 = 0; // packets read and not yet taken
let readAt: u32 = 0; // octets of the read area in use
/** Octets of the first packet's payload that were split off already, where the lists were full in its midst. */
let taken: u32 = 0;
let splitAt: u32 = 0;

/** Offset at which to read the next packet, virtio_net_hdr first; 0 where the area or the list is full. At most CORE_READ_MAX octets. */
export function coreReadSlot(): u32 {
  if (reads >= BATCH || readAt + HEADROOM + CORE_READ_MAX > CORE_READ_SIZE) return 0;
  return core + readAt + HEADROOM - VNET_HEADER_SIZE;
}
/** `octets` were read to where `coreReadSlot` said. */
export function coreReadDone(octets: u32): void {
  const entry = core + CORE_LIST + (reads++ << 3);
  store<u32>(entry, core + readAt + HEADROOM);
  store<u32>(entry, octets, 4);
  readAt = (readAt + HEADROOM + octets + 63) & ~63;
}
/**
 * Takes the packets read, from number `from` on, down the path, as far as the lists have room. The batch is over when
 * it returns the number of packets read.
 * @returns the first not wholly taken; the next call goes on there
 */
export function downstreamRuns(from: u32): u32 {
  splitAt = CORE_SPLIT;
  let i = from;
  if (reads - from > 1 && aheadPays()) {
    let words: u64 = 0;
    for (let j = from; j < reads; j++) words ^= aheadDown(load<u32>(core + CORE_LIST + (j << 3)));
    aheadSeen(words);
  }
  for (; i < reads; i++) {
    if (!transmitRoom()) return i;
    const entry = core + CORE_LIST + (i << 3);
    const octets = load<u32>(entry, 4);
    const ptr = load<u32>(entry);
    if (octets < VNET_HEADER_SIZE + 20) {
      drop(DROP_CORE_IP);
      continue;
    }
    const header = ptr - VNET_HEADER_SIZE;
    const kind = <u32>load<u8>(header, 1) & ~VNET_GSO_ECN;
    if (kind != VNET_GSO_NONE) {
      if (!split(ptr, octets - VNET_HEADER_SIZE, kind, load<u16>(header, 4))) return i;
      continue;
    }
    const len = octets - VNET_HEADER_SIZE;
    if (load<u8>(header) & VNET_NEEDS_CSUM && !finishChecksum(ptr, len, load<u16>(header, 6), load<u16>(header, 8))) drop(DROP_CORE_IP);
    else downstreamPacket(ptr, len);
  }
  reads = readAt = 0;
  return i;
}
/** The checksum field holds the sum of the pseudo header; the rest is added here. */
function finishChecksum(ptr: u32, len: u32, start: u32, offset: u32): bool {
  if (start + offset + 2 > len) return false;
  const field = ptr + start + offset;
  const value = complement(fold(sumOctets(ptr + start, len - start, 0)));
  store<u16>(field, value == 0 ? 0xffff : value);
  return true;
}
/** @returns false where the lists or the area are full: what was split off must be sent first */
function split(ptr: u32, len: u32, kind: u32, size: u32): bool {
  const ip = (<u32>load<u8>(ptr) & 15) << 2;
  const field = be16(ptr + 2);
  const total = field == 0 ? len : field;
  const tcp = kind == VNET_GSO_TCPV4;
  let header = ip + 8;
  let bad = load<u8>(ptr) >>> 4 != 4 || ip < 20 || total > len || total < ip + 8 || size == 0 || (be16(ptr + 6) & 0x3fff) != 0
    || (tcp ? load<u8>(ptr, 9) != 6 : kind != VNET_GSO_UDP_L4 || load<u8>(ptr, 9) != 17);
  if (!bad && tcp) {
    header = ip + (total < ip + 20 ? 0 : <u32>load<u8>(ptr + ip, 12) >>> 4 << 2);
    bad = header < ip + 20;
  }
  if (bad || header >= total) {
    drop(DROP_CORE_IP);
    return true;
  }
  if (taken == 0) count(TOTAL_CORE_RUNS_IN, 1);
  const payload = total - header;
  const id = be16(ptr + 4);
  for (; taken < payload; taken += size) {
    const octets = min(size, payload - taken);
    const slot = core + splitAt + HEADROOM;
    if (!transmitRoom() || splitAt + HEADROOM + header + octets > CORE_SIZE) return false;
    splitAt = (splitAt + HEADROOM + header + octets + 63) & ~63;
    memory.copy(slot, ptr, header);
    setBe16(slot + 2, header + octets);
    setBe16(slot + 4, id + taken / size);
    store<u16>(slot, 0, 10);
    store<u16>(slot, complement(checksum(slot, ip, 0)), 10);
    const part = slot + ip;
    const checked = tcp ? part + 16 : part + 6;
    store<u16>(checked, 0);
    if (tcp) {
      store<u32>(part, bswap<u32>(bswap<u32>(load<u32>(part, 4)) + taken), 4);
      let flags = <u32>load<u8>(part, 13);
      if (taken + octets < payload) flags &= ~(TCP_FIN | TCP_PSH);
      if (taken > 0) flags &= ~TCP_CWR;
      store<u8>(part, <u8>flags, 13);
    } else setBe16(part + 4, 8 + octets);
    const sum = copyAndSum(slot + header, ptr + header + taken, octets, sumOctets(part, header - ip, pseudoSum(slot, header - ip + octets)));
    const value = complement(fold(sum));
    store<u16>(checked, value == 0 && !tcp ? 0xffff : value);
    downstreamPacket(slot, header + octets);
  }
  taken = 0;
  return true;
}
