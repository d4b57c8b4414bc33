// The way up with IFF_VNET_HDR: the packets of a batch for the TUN device become writes, each a virtio_net_hdr and one
// packet, or one super-packet of a run of one flow. A run is merged only where splitting it again, as the kernel does
// before a device that cannot, gives back every packet octet for octet: the rules of the kernel's own GRO, and IP
// identifiers that count up. Sums are checked first, since a super-packet is sent on with a fresh one.
import { base, tx } from "../state";
import { be16, setBe16, checksum, complement } from "./octets";
import { sumOctets, fold, pseudoSum } from "./checksum";
import { count } from "./count";
import { transmitOuts } from "./transmit";
import {
  TX_OUT, TX_OFFLOAD_HEADERS, TX_OFFLOAD_IOVECS, TX_OFFLOAD_WRITES, TX_OFFLOAD_RECORDS, TX_OFFLOAD_TABLE, TX_OFFLOAD_BUCKETS, IOVEC_SIZE, VNET_HEADER_SIZE, VNET_NEEDS_CSUM,
  VNET_GSO_TCPV4, VNET_GSO_UDP_L4,
} from "../layout/memory";
import { TOTAL_CORE_RUNS_OUT, TOTAL_CORE_RUN_PACKETS_OUT } from "../layout/drop";

// One record a packet, 32 octets: { packets of the run (0: a later member), next member + 1, last member, octets of the
// super-packet, payload octets of a segment, next sequence number, octets of its headers, 0 }.
const RUN_PACKETS: u32 = 0;
const RUN_NEXT: u32 = 4;
const RUN_LAST: u32 = 8;
const RUN_OCTETS: u32 = 12;
const RUN_SEGMENT: u32 = 16;
const RUN_SEQUENCE: u32 = 20;
const RUN_HEADER: u32 = 24;
const RECORD_SHIFT: u32 = 5;

const TCP_FIN: u32 = 0x01;
const TCP_PSH: u32 = 0x08;
const TCP_ACK: u32 = 0x10;
/** FIN, SYN, RST, PSH, URG, CWR: a packet with one of them begins no run. */
const TCP_NO_FIRST: u32 = 0xaf;
/** FIN and PSH in the word of data offset, flags and window, memory order. */
const TCP_ENDS: u32 = 0x0900;
const OCTETS_MAX: u32 = 65535;
/** UDP_MAX_SEGMENTS of older kernels. */
const DATAGRAMS_MAX: u32 = 64;

let useTcp: bool = false;
let useUdp: bool = false;
let writes: u32 = 0;
/** Entries of the flow table that belong to an older batch, or to before a fragment, are none. */
let era: u32 = 0;

/** @param tso merge TCP segments  @param uso merge UDP datagrams */
export function offloadOptions(tso: bool, uso: bool): void {
  useTcp = tso;
  useUdp = uso;
  memory.fill(tx + TX_OFFLOAD_HEADERS, 0, 16);
}
// @ts-ignore: decorator
@inline function out(i: u32): u32 { return tx + TX_OUT + (i << 3); }
// @ts-ignore: decorator
@inline function run(i: u32): u32 { return tx + TX_OFFLOAD_RECORDS + (i << RECORD_SHIFT); }
// @ts-ignore: decorator
@inline function bucketOf(ptr: u32): u32 {
  let h = (load<u64>(ptr, 12) * 0x9e3779b97f4a7c15) ^ (<u64>load<u32>(ptr, 20) * 0xc2b2ae3d27d4eb4f) ^ <u64>load<u8>(ptr, 9);
  h *= 0xff51afd7ed558ccd;
  return tx + TX_OFFLOAD_TABLE + (<u32>(h >>> 40) & (TX_OFFLOAD_BUCKETS - 1)) * 8;
}

/** Forgets every open run. */
function newEra(): void {
  if (++era != 0) return;
  memory.fill(tx + TX_OFFLOAD_TABLE, 0, TX_OFFLOAD_BUCKETS * 8);
  era = 1;
}
/** Lays the list for the core side out as writes. @returns their number; each is { iovecs u32, count u32 } at TX_OFFLOAD_WRITES */
export function offloadWrites(): u32 {
  const n = transmitOuts();
  newEra();
  for (let i: u32 = 0; i < n; i++) join(i, load<u32>(out(i)), load<u32>(out(i), 4));
  writes = 0;
  let vector = tx + TX_OFFLOAD_IOVECS;
  for (let i: u32 = 0; i < n; i++) {
    const packets = load<u32>(run(i), RUN_PACKETS);
    if (packets == 0) continue;
    const entry = tx + TX_OFFLOAD_WRITES + (writes++ << 3);
    store<u32>(entry, vector);
    store<u32>(entry, packets + 1, 4);
    const header = tx + TX_OFFLOAD_HEADERS + (packets == 1 ? 0 : writes << 4);
    if (packets > 1) superHeader(i, packets, header);
    store<u64>(vector, base + header);
    store<u64>(vector, VNET_HEADER_SIZE, 8);
    store<u64>(vector, base + load<u32>(out(i)), 16);
    store<u64>(vector, load<u32>(out(i), 4), 24);
    vector += 2 * IOVEC_SIZE;
    const skip = load<u32>(run(i), RUN_HEADER);
    for (let next = load<u32>(run(i), RUN_NEXT); next != 0;) {
      const member = next - 1;
      store<u64>(vector, base + load<u32>(out(member)) + skip);
      store<u64>(vector, load<u32>(out(member), 4) - skip, 8);
      vector += IOVEC_SIZE;
      next = load<u32>(run(member), RUN_NEXT);
    }
  }
  return writes;
}
/** Puts packet `i` into the run of its flow, or begins one. */
function join(i: u32, ptr: u32, len: u32): void {
  const own = run(i);
  store<u64>(own, 1);
  const protocol = <u32>load<u8>(ptr, 9);
  if (load<u8>(ptr) != 0x45 || load<u16>(ptr, 6) & 0xffbf) {
    // Options, or a fragment, which has no ports: it may belong to any flow, none of which may overtake it.
    if (load<u8>(ptr) >>> 4 == 4) newEra();
    return;
  }
  if (protocol == 6) {
    if (!useTcp || len < 40) return;
  } else if (protocol != 17 || !useUdp || len < 28) return;
  const bucket = bucketOf(ptr);
  const held = load<u32>(bucket, 4) == era ? load<u32>(bucket) : 0;
  const first = held ? load<u32>(out(held - 1)) : 0;
  const same = held != 0 && load<u64>(ptr, 12) == load<u64>(first, 12) && load<u32>(ptr, 20) == load<u32>(first, 20) && load<u8>(first, 9) == protocol;
  let header: u32 = 28;
  let open: bool;
  if (protocol == 6) {
    header = 20 + (<u32>load<u8>(ptr, 32) >>> 4 << 2);
    const flags = <u32>load<u8>(ptr, 33);
    open = header >= 40 && len > header && !(flags & TCP_NO_FIRST) && flags & TCP_ACK;
    if (same && header >= 40 && len > header && tcpFollows(held - 1, first, ptr, len, header)) {
      const rest = !(flags & (TCP_FIN | TCP_PSH)) && len - header == load<u32>(run(held - 1), RUN_SEGMENT);
      append(held - 1, i, len - header, rest, bucket);
      return;
    }
  } else {
    open = be16(ptr + 24) == len - 20 && load<u16>(ptr, 26) != 0 && len > 28;
    if (same && open && udpFollows(held - 1, first, ptr, len)) {
      const rest = len - 28 == load<u32>(run(held - 1), RUN_SEGMENT) && load<u32>(run(held - 1), RUN_PACKETS) + 1 < DATAGRAMS_MAX;
      append(held - 1, i, len - 28, rest, bucket);
      return;
    }
  }
  if (open) {
    store<u32>(bucket, i + 1);
    store<u32>(bucket, era, 4);
    store<u32>(own, i, RUN_LAST);
    store<u32>(own, len, RUN_OCTETS);
    store<u32>(own, len - header, RUN_SEGMENT);
    store<u32>(own, header, RUN_HEADER);
    if (protocol == 6) store<u32>(own, bswap<u32>(load<u32>(ptr, 24)) + len - header, RUN_SEQUENCE);
  } else if (same) store<u32>(bucket, 0, 4);
}
function append(head: u32, i: u32, payload: u32, open: bool, bucket: u32): void {
  const record = run(head);
  store<u32>(run(load<u32>(record, RUN_LAST)), i + 1, RUN_NEXT);
  store<u32>(run(i), 0, RUN_PACKETS);
  store<u32>(record, i, RUN_LAST);
  store<u32>(record, load<u32>(record) + 1);
  store<u32>(record, load<u32>(record, RUN_OCTETS) + payload, RUN_OCTETS);
  store<u32>(record, load<u32>(record, RUN_SEQUENCE) + payload, RUN_SEQUENCE);
  if (!open) store<u32>(bucket, 0, 4);
}
/** What the headers of a run share, and sums that hold. `payload`: octets that the packet would add. */
// @ts-ignore: decorator
@inline function ipFollows(head: u32, first: u32, ptr: u32, len: u32, payload: u32): bool {
  const record = run(head);
  const packets = load<u32>(record);
  return payload <= load<u32>(record, RUN_SEGMENT)
    && load<u32>(record, RUN_OCTETS) + payload <= OCTETS_MAX
    && load<u16>(ptr) == load<u16>(first) // version, header length, TOS
    && load<u16>(ptr, 6) == load<u16>(first, 6) // DF
    && load<u16>(ptr, 8) == load<u16>(first, 8) // TTL, protocol
    && be16(ptr + 4) == ((be16(first + 4) + packets) & 0xffff)
    && intact(ptr, len)
    && (packets > 1 || intact(first, load<u32>(out(head), 4)));
}
function intact(ptr: u32, len: u32): bool {
  return checksum(ptr, 20, 0) == 0xffff && fold(sumOctets(ptr + 20, len - 20, pseudoSum(ptr, len - 20))) == 0xffff;
}
function udpFollows(head: u32, first: u32, ptr: u32, len: u32): bool {
  return ipFollows(head, first, ptr, len, len - 28);
}
function tcpFollows(head: u32, first: u32, ptr: u32, len: u32, header: u32): bool {
  const record = run(head);
  if (header != load<u32>(record, RUN_HEADER) || bswap<u32>(load<u32>(ptr, 24)) != load<u32>(record, RUN_SEQUENCE)) return false;
  // acknowledgement; data offset, flags but for FIN and PSH, window; urgent pointer; options
  if (load<u32>(ptr, 28) != load<u32>(first, 28) || ((load<u32>(ptr, 32) ^ load<u32>(first, 32)) & ~TCP_ENDS) != 0 || load<u16>(ptr, 38) != load<u16>(first, 38)) return false;
  for (let at: u32 = 40; at < header; at += 4) if (load<u32>(ptr + at) != load<u32>(first + at)) return false;
  return ipFollows(head, first, ptr, len, len - header);
}
/** Makes the first packet's header that of the super-packet, and fills in the virtio_net_hdr. */
function superHeader(head: u32, packets: u32, vnet: u32): void {
  count(TOTAL_CORE_RUNS_OUT, 1);
  count(TOTAL_CORE_RUN_PACKETS_OUT, packets);
  const record = run(head);
  const ptr = load<u32>(out(head));
  const octets = load<u32>(record, RUN_OCTETS);
  const tcp = load<u8>(ptr, 9) == 6;
  setBe16(ptr + 2, octets);
  store<u16>(ptr, 0, 10);
  store<u16>(ptr, complement(checksum(ptr, 20, 0)), 10);
  const sum = <u16>fold(pseudoSum(ptr, octets - 20));
  if (tcp) {
    store<u16>(ptr, sum, 36);
    const last = load<u32>(out(load<u32>(record, RUN_LAST)));
    store<u8>(ptr, <u8>(<u32>load<u8>(ptr, 33) | (<u32>load<u8>(last, 33) & (TCP_FIN | TCP_PSH))), 33);
  } else {
    setBe16(ptr + 24, octets - 20);
    store<u16>(ptr, sum, 26);
  }
  store<u8>(vnet, <u8>VNET_NEEDS_CSUM);
  store<u8>(vnet, <u8>(tcp ? VNET_GSO_TCPV4 : VNET_GSO_UDP_L4), 1);
  store<u16>(vnet, <u16>load<u32>(record, RUN_HEADER), 2);
  store<u16>(vnet, <u16>load<u32>(record, RUN_SEGMENT), 4);
  store<u16>(vnet, 20, 6);
  store<u16>(vnet, tcp ? 16 : 6, 8);
}
