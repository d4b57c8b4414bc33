// What the LAC emulator does to its own datagrams: loss, delay, duplication and reordering, drawn from a seed.
import { now, shard, sessionsMax, partOffset } from "../state";
import { transmitNow, transmitAside, transmitRoom } from "./transmit";
import { PART_TRAFFIC } from "../layout/memory";
import { SESSION_GENERATION } from "../layout/session";
import {
  TRAFFIC_RECORD_SIZE, TRAFFIC_BLOCK_SIZE, TRAFFIC_IMPAIRED, TRAFFIC_WHEEL, TRAFFIC_WHEEL_SIZE, TRAFFIC_BEHIND, TRAFFIC_BEHIND_MAX, HELD_SIZE, HELD_NEXT, HELD_SESSION, HELD_GENERATION, HELD_OCTETS,
  HELD_COUNTDOWN, HELD_SINCE, HELD_DATA, IMPAIR_LOST, IMPAIR_DUPLICATED, IMPAIR_REORDERED, IMPAIR_DELAYED, IMPAIR_FULL, IMPAIR_RX_LOST,
} from "../layout/traffic";

/** Longest wait for others to pass: without traffic nobody would. */
const BEHIND_MS: u32 = 20;
const BEHIND_MOST: u32 = 8;

let on: bool = false;
let lossBelow: u32 = 0;
let duplicateBelow: u32 = 0;
let reorderBelow: u32 = 0;
let delay: u32 = 0;
let jitter: u32 = 0;
let state: u32 = 1;
let block: u32 = 0;
let slots: u32 = 0;
let free: u32 = 0;
/** Sent in this batch: their octets are the kernel's until it is flushed. */
let spent: u32 = 0;
let unused: u32 = 1;
let slotsMax: u32 = 0;
let behind: u32 = 0;
let wheeled: u32 = 0;
let turned: u32 = 0;

/** Offset of a shard's block behind the records. */
export function trafficBlock(index: u32): u32 { return partOffset(PART_TRAFFIC, 0) + sessionsMax * TRAFFIC_RECORD_SIZE + index * TRAFFIC_BLOCK_SIZE; }

/**
 * @param loss duplicate, reorder: chances in 2^32  @param delayMs jitterMs: fixed delay, and what is drawn in addition
 * @param shards behind whose blocks the slots lie  @param held slots a shard
 */
export function impairOptions(loss: u32, duplicate: u32, reorder: u32, delayMs: u32, jitterMs: u32, seed: u32, shards: u32, held: u32): void {
  lossBelow = loss;
  duplicateBelow = duplicate;
  reorderBelow = reorder;
  jitter = min(jitterMs, TRAFFIC_WHEEL_SIZE - 2);
  delay = min(delayMs, TRAFFIC_WHEEL_SIZE - 2 - jitter);
  state = (seed ^ 0x9e3779b9) * 0x85ebca6b + shard * 0xc2b2ae35 | 1;
  block = trafficBlock(shard);
  slots = trafficBlock(shards) + shard * held * HELD_SIZE;
  slotsMax = held;
  on = true;
  transmitAside(true);
}
function next(): u32 {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state * 0x9e3779b1;
}
// @ts-ignore: decorator
@inline function tell(index: u32): void {
  const at = block + TRAFFIC_IMPAIRED + (index << 3);
  store<u64>(at, load<u64>(at) + 1);
}
// @ts-ignore: decorator
@inline function slotAt(slot: u32): u32 { return slots + slot * HELD_SIZE; }

/** Takes a datagram that is to be sent. @returns false where nothing is impaired here */
export function impair(ptr: u32, len: u32, session: u32): bool {
  if (!on) return false;
  if (lossBelow && next() < lossBelow) {
    tell(IMPAIR_LOST);
    return true;
  }
  one(ptr, len, session);
  if (duplicateBelow && next() < duplicateBelow) {
    tell(IMPAIR_DUPLICATED);
    one(ptr, len, session);
  }
  return true;
}
/** Is a received packet to be lost? */
export function impairReceived(): bool {
  if (!on || !lossBelow || next() >= lossBelow) return false;
  tell(IMPAIR_RX_LOST);
  return true;
}
function one(ptr: u32, len: u32, session: u32): void {
  if (reorderBelow && behind < TRAFFIC_BEHIND_MAX && next() < reorderBelow) {
    const slot = hold(ptr, len, session);
    if (!slot) return;
    tell(IMPAIR_REORDERED);
    store<u32>(slotAt(slot), 1 + next() % BEHIND_MOST, HELD_COUNTDOWN);
    store<u32>(block + TRAFFIC_BEHIND + (behind++ << 2), slot);
    return;
  }
  if (delay | jitter) later(ptr, len, session);
  else transmitNow(ptr, len, session);
  if (behind) pass();
}
function hold(ptr: u32, len: u32, session: u32): u32 {
  let slot = free;
  if (slot) free = load<u32>(slotAt(slot), HELD_NEXT);
  else if (unused < slotsMax) slot = unused++;
  if (slot && len > HELD_SIZE - HELD_DATA) {
    give(slot);
    slot = 0;
  }
  if (!slot) {
    tell(IMPAIR_FULL);
    return 0;
  }
  const at = slotAt(slot);
  store<u32>(at, 0, HELD_NEXT);
  store<u32>(at, session, HELD_SESSION);
  store<u32>(at, load<u32>(session + SESSION_GENERATION), HELD_GENERATION);
  store<u32>(at, len, HELD_OCTETS);
  store<u32>(at, now, HELD_SINCE);
  memory.copy(at + HELD_DATA, ptr, len);
  return slot;
}
function give(slot: u32): void {
  store<u32>(slotAt(slot), free, HELD_NEXT);
  free = slot;
}
function later(ptr: u32, len: u32, session: u32): void {
  const slot = hold(ptr, len, session);
  if (!slot) return;
  tell(IMPAIR_DELAYED);
  if (!wheeled) turned = now;
  wheeled++;
  const due = now + max<u32>(1, delay + (jitter ? next() % (jitter + 1) : 0));
  const list = block + TRAFFIC_WHEEL + ((due & (TRAFFIC_WHEEL_SIZE - 1)) << 3);
  const last = load<u32>(list, 4);
  if (last) store<u32>(slotAt(last), slot, HELD_NEXT);
  else store<u32>(list, slot);
  store<u32>(list, slot, 4);
}
function release(slot: u32): void {
  const at = slotAt(slot);
  const session = load<u32>(at, HELD_SESSION);
  if (load<u32>(session + SESSION_GENERATION) == load<u32>(at, HELD_GENERATION)) transmitNow(at + HELD_DATA, load<u32>(at, HELD_OCTETS), session);
  store<u32>(at, spent, HELD_NEXT);
  spent = slot;
}
/** A datagram has passed those that were held behind it. */
function pass(): void {
  const list = block + TRAFFIC_BEHIND;
  let kept: u32 = 0;
  for (let i: u32 = 0; i < behind; i++) {
    const slot = load<u32>(list + (i << 2));
    const left = load<u32>(slotAt(slot), HELD_COUNTDOWN) - 1;
    store<u32>(slotAt(slot), left, HELD_COUNTDOWN);
    if (left == 0) release(slot);
    else store<u32>(list + (kept++ << 2), slot);
  }
  behind = kept;
}
/**
 * Sends what has been held back long enough; to be called with empty transmit lists, and followed by a flush.
 * @returns 0 where nothing is held back, otherwise the most milliseconds until it is to be called again; -1 at once
 */
export function impairTick(): i32 {
  if (!on) return 0;
  const list = block + TRAFFIC_BEHIND;
  let kept: u32 = 0;
  for (let i: u32 = 0; i < behind; i++) {
    const slot = load<u32>(list + (i << 2));
    if (now - load<u32>(slotAt(slot), HELD_SINCE) >= BEHIND_MS && transmitRoom()) release(slot);
    else store<u32>(list + (kept++ << 2), slot);
  }
  behind = kept;
  while (wheeled && <i32>(now - turned) > 0) {
    const at = block + TRAFFIC_WHEEL + ((turned + 1 & (TRAFFIC_WHEEL_SIZE - 1)) << 3);
    for (let slot = load<u32>(at); slot; slot = load<u32>(at)) {
      if (!transmitRoom()) return -1;
      const following = load<u32>(slotAt(slot), HELD_NEXT);
      store<u32>(at, following);
      if (!following) store<u32>(at, 0, 4);
      wheeled--;
      release(slot);
    }
    turned++;
  }
  if (wheeled) return 1;
  return behind ? BEHIND_MS : 0;
}
/** The batch is flushed: its slots are free again. */
export function impairSent(): void {
  for (let slot = spent; slot;) {
    const following = load<u32>(slotAt(slot), HELD_NEXT);
    give(slot);
    slot = following;
  }
  spent = 0;
}
