// Traffic of the LAC emulator's clients: numbered packets to an echo service, checked when they come back, and packets
// that the far end sends on its own.
import { setBe16, checksum, complement } from "./octets";
import { sessions, sessionsMax, shard, partOffset } from "../state";
import { countRx } from "./count";
import { transmitSlot, transmitRoom } from "./transmit";
import { sendPacket } from "./accept";
import { impairReceived, trafficBlock } from "./impair";
import { PART_TRAFFIC } from "../layout/memory";
import {
  TRAFFIC_SENT, TRAFFIC_RECEIVED, TRAFFIC_EXPECTED, TRAFFIC_REORDERED, TRAFFIC_BAD, TRAFFIC_DUPLICATES, TRAFFIC_WINDOW, TRAFFIC_SUM, TRAFFIC_MOST, TRAFFIC_CARRIED, TRAFFIC_RECORD_SIZE, TRAFFIC_BUCKETS, TRAFFIC_MIX,
  TRAFFIC_MAGIC, TRAFFIC_DOWN_MAGIC, TRAFFIC_PAYLOAD, TRAFFIC_ICMP, TRAFFIC_UDP,
} from "../layout/traffic";
import { SESSION_ADDRESS, SESSION_FLAGS, SESSION_UP, SESSION_OWNER_SHARD, SESSION_ROW_SIZE, SESSION_ACTION, ACTION_DELIVER, ACTION_MULTILINK } from "../layout/session";

const ECHO_PORT: u16 = 0x0700; // 7, in memory order
let kind: u32 = TRAFFIC_UDP;
let target: u32 = 0; // network order
let burst: u32 = 8;
let flows: u32 = 1;
let mix: u32 = 0;
let mixSizes: u32 = 1;
let mixAt: u32 = 0;
let cursor: u32 = 1;
let inBurst: u32 = 0;
let micros: u64 = 0;

/**
 * @param sizes of IP packets, sent in turn, that stand in the block's mix
 * @param packetsInARow of one session before the next  @param flowsEach a session's flows, by source port
 */
export function trafficOptions(what: u32, to: u32, sizes: u32, packetsInARow: u32, flowsEach: u32): void {
  kind = what;
  target = to;
  mix = trafficBlock(shard) + TRAFFIC_MIX;
  mixSizes = sizes;
  burst = packetsInARow;
  flows = max<u32>(1, flowsEach);
}
export function trafficClock(microseconds: u64): void { micros = microseconds; }
// @ts-ignore: decorator
@inline function record(row: u32): u32 { return partOffset(PART_TRAFFIC, 0) + row * TRAFFIC_RECORD_SIZE; }
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
  const len = <u32>load<u16>(mix + (mixAt << 1));
  if (++mixAt >= mixSizes) mixAt = 0;
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
  const flow = row * 31 + sequence % flows;
  if (kind == TRAFFIC_ICMP) {
    store<u32>(body, 8);
    setBe16(body + 4, flow & 0xffff);
    setBe16(body + 6, sequence);
    store<u16>(body + 2, complement(checksum(body, octets, 0)));
  } else {
    setBe16(body, flow & 0x3fff | 0xc000); // the dynamic range
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
/** Takes a packet that came to a client and judges it. */
export function trafficReceived(session: u32, ptr: u32, len: u32): void {
  if (impairReceived()) return;
  const row = (session - sessions) / SESSION_ROW_SIZE;
  countRx(session, len);
  let at = record(row);
  const header = (<u32>load<u8>(ptr) & 15) << 2;
  const payload = ptr + header + 8;
  if (len < header + 8 + TRAFFIC_PAYLOAD || load<u32>(ptr + 16) != load<u32>(session + SESSION_ADDRESS + 12)) return bad(at);
  const own = load<u32>(payload) == TRAFFIC_MAGIC;
  if (!own && load<u32>(payload) != TRAFFIC_DOWN_MAGIC) return bad(at);
  store<u32>(at + TRAFFIC_CARRIED, load<u32>(at + TRAFFIC_CARRIED) + 1);
  const sender = load<u32>(payload + 4);
  if (own && sender != row) {
    // Sessions that share an address get each other's answers, by the one that carries it.
    if (sender >= sessionsMax || load<u32>(sessions + sender * SESSION_ROW_SIZE + SESSION_ADDRESS + 12) != load<u32>(ptr + 16)) return bad(at);
    at = record(sender);
  }
  const sequence = load<u32>(payload + 8);
  if (!intact(ptr, header, len, own) || !same(payload + TRAFFIC_PAYLOAD, ptr + len, pattern(sender, sequence))) return bad(at);
  const ahead = <i32>(sequence - load<u32>(at + TRAFFIC_EXPECTED));
  const window = load<u64>(at + TRAFFIC_WINDOW);
  if (ahead >= 0) {
    store<u32>(at + TRAFFIC_EXPECTED, sequence + 1);
    store<u64>(at + TRAFFIC_WINDOW, ahead >= 63 ? 1 : window << <u64>(ahead + 1) | 1);
  } else {
    const bit = ahead > -65 ? <u64>1 << <u64>(-1 - ahead) : 0;
    if (window & bit) {
      store<u32>(at + TRAFFIC_DUPLICATES, load<u32>(at + TRAFFIC_DUPLICATES) + 1);
      return;
    }
    store<u64>(at + TRAFFIC_WINDOW, window | bit);
    store<u32>(at + TRAFFIC_REORDERED, load<u32>(at + TRAFFIC_REORDERED) + 1);
  }
  store<u32>(at + TRAFFIC_RECEIVED, load<u32>(at + TRAFFIC_RECEIVED) + 1);
  if (!own) return; // another clock
  const elapsed = <u32>min<u64>(micros - min<u64>(load<u64>(payload + 16), micros), 0xffffffff);
  store<u64>(at + TRAFFIC_SUM, load<u64>(at + TRAFFIC_SUM) + elapsed);
  if (elapsed > load<u32>(at + TRAFFIC_MOST)) store<u32>(at + TRAFFIC_MOST, elapsed);
  const bucket = trafficBlock(shard) + (bucketOf(elapsed) << 3);
  store<u64>(bucket, load<u64>(bucket) + 1);
}
function bad(at: u32): void { store<u32>(at + TRAFFIC_BAD, load<u32>(at + TRAFFIC_BAD) + 1); }
/** Are protocol and checksum those of an answer (`own`), or of the far end's own packet? */
function intact(ptr: u32, header: u32, len: u32, own: bool): bool {
  const body = ptr + header;
  const octets = len - header;
  if (load<u8>(ptr + 9) == 1) return own && load<u8>(body) == 0 && checksum(body, octets, 0) == 0xffff;
  if (load<u8>(ptr + 9) != 17 || (own && load<u16>(body) != ECHO_PORT)) return false;
  if (load<u16>(body + 6) == 0) return true; // none (RFC 768)
  return checksum(body, octets, checksum(ptr + 12, 8, 0x1100 + <u64>bswap<u16>(<u16>octets))) == 0xffff;
}
function same(p: u32, end: u32, word: u64): bool {
  let difference: u64 = 0;
  for (; p + 8 <= end; p += 8) difference |= load<u64>(p) ^ word;
  for (; p < end; p++) difference |= <u64>load<u8>(p) ^ (word & 0xff);
  return difference == 0;
}
/** 0 to 15 exactly, then 16 steps an octave. */
function bucketOf(value: u32): u32 {
  if (value < 16) return value;
  const octave = 31 - clz(value);
  return min<u32>((octave - 3) * 16 + (value >>> (octave - 4) & 15), TRAFFIC_BUCKETS - 1);
}
