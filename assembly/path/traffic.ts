// Traffic of the LAC emulator's clients: numbered packets to an echo service, checked when they come back.
import { setBe16, be16, checksum, complement } from "./octets";
import { sessions, sessionsMax, shard, partOffset } from "../state";
import { countRx } from "./count";
import { transmitSlot, transmitRoom } from "./transmit";
import { sendPacket } from "./accept";
import { PART_TRAFFIC } from "../layout/memory";
import {
  TRAFFIC_SENT, TRAFFIC_RECEIVED, TRAFFIC_EXPECTED, TRAFFIC_REORDERED, TRAFFIC_BAD, TRAFFIC_RECORD_SIZE, TRAFFIC_BUCKETS, TRAFFIC_MAGIC, TRAFFIC_PAYLOAD, TRAFFIC_PACKET_MIN,
  TRAFFIC_ICMP, TRAFFIC_UDP,
} from "../layout/traffic";
import { SESSION_ADDRESS, SESSION_FLAGS, SESSION_UP, SESSION_OWNER_SHARD, SESSION_ROW_SIZE, SESSION_ACTION, ACTION_DELIVER, ACTION_MULTILINK } from "../layout/session";

const ECHO_PORT: u16 = 0x0700; // 7, in memory order
let kind: u32 = TRAFFIC_UDP;
let target: u32 = 0; // network order
let packetOctets: u32 = 64;
let burst: u32 = 8;
let cursor: u32 = 1;
let inBurst: u32 = 0;
let micros: u64 = 0;

/** @param octets of the IP packet  @param packetsInARow of one session before the next */
export function trafficOptions(what: u32, to: u32, octets: u32, packetsInARow: u32): void {
  kind = what;
  target = to;
  packetOctets = max(octets, TRAFFIC_PACKET_MIN);
  burst = packetsInARow;
}
export function trafficClock(microseconds: u64): void { micros = microseconds; }
// @ts-ignore: decorator
@inline function record(row: u32): u32 { return partOffset(PART_TRAFFIC, 0) + row * TRAFFIC_RECORD_SIZE; }
// @ts-ignore: decorator
@inline function histogram(): u32 { return partOffset(PART_TRAFFIC, 0) + (sessionsMax * TRAFFIC_RECORD_SIZE) + shard * TRAFFIC_BUCKETS * 8; }
// @ts-ignore: decorator
@inline function pattern(row: u32, sequence: u32): u64 { return (<u64>row << 32 | sequence) * 0x9e3779b97f4a7c15; }

/** Sends up to `budget` packets from this shard's sessions in turn. @returns the packets sent */
export function trafficSend(budget: u32): u32 {
  let sent: u32 = 0;
  let passed: u32 = 0;
  while (sent < budget && passed <= sessionsMax && transmitRoom()) {
    const session = sessions + cursor * SESSION_ROW_SIZE;
    if (inBurst < burst && load<u32>(session + SESSION_FLAGS) & SESSION_UP && load<u16>(session + SESSION_OWNER_SHARD) == shard && (load<u32>(session + SESSION_ACTION) == ACTION_DELIVER || load<u32>(session + SESSION_ACTION) == ACTION_MULTILINK)) {
      sendOne(session, cursor);
      inBurst++;
      sent++;
      passed = 0;
      continue;
    }
    inBurst = 0;
    passed++;
    if (++cursor >= sessionsMax) cursor = 1;
  }
  return sent;
}
function sendOne(session: u32, row: u32): void {
  const slot = transmitSlot();
  if (!slot) return;
  const at = record(row);
  const sequence = load<u32>(at + TRAFFIC_SENT);
  store<u32>(at + TRAFFIC_SENT, sequence + 1);
  const len = packetOctets;
  store<u32>(slot, 0x45);
  setBe16(slot + 2, len);
  store<u32>(slot + 4, 0);
  setBe16(slot + 4, sequence);
  store<u32>(slot + 8, kind == TRAFFIC_ICMP ? 0x0140 : 0x1140);
  store<u32>(slot + 12, load<u32>(session + SESSION_ADDRESS + 12));
  store<u32>(slot + 16, target);
  store<u16>(slot + 10, complement(checksum(slot, 20, 0)));
  const body = slot + 20;
  const octets = len - 20;
  const payload = body + 8;
  store<u32>(payload, TRAFFIC_MAGIC);
  store<u32>(payload + 4, row);
  store<u32>(payload + 8, sequence);
  store<u32>(payload + 12, 0);
  store<u64>(payload + 16, micros);
  const word = pattern(row, sequence);
  let p = payload + TRAFFIC_PAYLOAD;
  const end = slot + len;
  for (; p + 8 <= end; p += 8) store<u64>(p, word);
  for (; p < end; p++) store<u8>(p, <u8>word);
  if (kind == TRAFFIC_ICMP) {
    store<u32>(body, 8);
    store<u16>(body + 4, <u16>row);
    setBe16(body + 6, sequence);
    store<u16>(body + 2, complement(checksum(body, octets, 0)));
  } else {
    store<u16>(body, <u16>(row | 0x8080)); // a port of the dynamic range's kind: both octets have their high bit
    store<u16>(body + 2, ECHO_PORT);
    setBe16(body + 4, octets);
    store<u16>(body + 6, 0);
    // pseudo header: addresses, protocol, length (RFC 768)
    const sum = checksum(body, octets, checksum(slot + 12, 8, 0x1100 + <u64>bswap<u16>(<u16>octets)));
    const field = complement(sum);
    store<u16>(body + 6, field == 0 ? 0xffff : field);
  }
  sendPacket(session, slot, len);
}
/** Takes a packet that came back to a client and judges it. */
export function trafficReceived(session: u32, ptr: u32, len: u32): void {
  const row = (session - sessions) / SESSION_ROW_SIZE;
  countRx(session, len);
  const at = record(row);
  const header = (<u32>load<u8>(ptr) & 15) << 2;
  const body = ptr + header;
  const payload = body + 8;
  if (len < header + 8 + TRAFFIC_PAYLOAD || load<u32>(ptr + 16) != load<u32>(session + SESSION_ADDRESS + 12) || load<u32>(payload) != TRAFFIC_MAGIC || load<u32>(payload + 4) != row
    || !intact(ptr, body, len - header)) {
    store<u32>(at + TRAFFIC_BAD, load<u32>(at + TRAFFIC_BAD) + 1);
    return;
  }
  const sequence = load<u32>(payload + 8);
  const expected = load<u32>(at + TRAFFIC_EXPECTED);
  store<u32>(at + TRAFFIC_RECEIVED, load<u32>(at + TRAFFIC_RECEIVED) + 1);
  if (<i32>(sequence - expected) < 0) store<u32>(at + TRAFFIC_REORDERED, load<u32>(at + TRAFFIC_REORDERED) + 1);
  else store<u32>(at + TRAFFIC_EXPECTED, sequence + 1);
  const elapsed = <u32>min<u64>(micros - min<u64>(load<u64>(payload + 16), micros), 0xffffffff);
  const bucket = histogram() + (bucketOf(elapsed) << 3);
  store<u64>(bucket, load<u64>(bucket) + 1);
}
function intact(ptr: u32, body: u32, octets: u32): bool {
  if (load<u8>(ptr + 9) == 1) return load<u8>(body) == 0 && checksum(body, octets, 0) == 0xffff;
  return load<u8>(ptr + 9) == 17 && load<u16>(body) == ECHO_PORT && checksum(body, octets, checksum(ptr + 12, 8, 0x1100 + <u64>bswap<u16>(<u16>octets))) == 0xffff;
}
/** 0 to 15 exactly, then 16 steps an octave. */
function bucketOf(value: u32): u32 {
  if (value < 16) return value;
  const octave = 31 - clz(value);
  return min<u32>((octave - 3) * 16 + (value >>> (octave - 4) & 15), TRAFFIC_BUCKETS - 1);
}
