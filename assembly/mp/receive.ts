// Reassembly (RFC 1990 section 4.1), by the bundle's owner shard.
//
// Numbers count on beyond the sequence space (u32), so that they compare by their difference. Fragments in order are
// appended to the packet that is being put together; those ahead wait in the window. A missing number is lost as soon
// as every member link has received a later one (M has passed it): links send strictly increasing numbers.
import { sessions, shard, now } from "../state";
import { be16, copyOctets } from "../path/octets";
import { count, dropRx, countRx } from "../path/count";
import { transmitRoom } from "../path/transmit";
import { mpFrame } from "./frame";
import { peerFragment } from "./peer";
import { bundleAt, firstWaiting, waitingUpdate } from "./waiting";
import { slotAt, payloadOf, slotTake, slotFree, slotFreeLater, overShare } from "./pool";
import {
  DROP_MP_RUNT, DROP_MP_LATE, DROP_MP_DUPLICATE, DROP_MP_LOST, DROP_MP_NO_BEGIN, DROP_MP_NO_END, DROP_MP_MRRU, DROP_MP_WINDOW, DROP_MP_SHARE, DROP_MP_POOL, DROP_MP_TIMEOUT, DROP_MP_GONE,
  TOTAL_MP_RX_FRAGMENTS, TOTAL_MP_RX_PACKETS,
} from "../layout/drop";
import { SESSION_LINK, SESSION_ROW_SIZE } from "../layout/session";
import {
  BUNDLE_NETWORK, BUNDLE_OWNER_SHARD, BUNDLE_FLAGS, BUNDLE_RX_SHORT, BUNDLE_LOCAL_MRRU, BUNDLE_DROP_TIMEOUT, BUNDLE_LINKS, BUNDLE_HEARD, BUNDLE_EXPECTED, BUNDLE_QUEUED, BUNDLE_ASSEMBLY,
  BUNDLE_ASSEMBLED, BUNDLE_ASSEMBLED_FRAGMENTS, BUNDLE_ASSEMBLY_AT, BUNDLE_ORPHAN, BUNDLE_LATE_RUN, BUNDLE_LARGEST_DIFFERENCE, BUNDLE_RX_FRAGMENTS, BUNDLE_RX_PACKETS, BUNDLE_RX_DISCARDED, BUNDLE_GAP_AT,
  BUNDLE_LINK_STATES, LINK_SIZE, LINK_LAST, LINK_LAST_HEARD, LINK_IDLE, BUNDLE_WINDOW, BUNDLE_WINDOW_AT, MP_BEGIN, MP_END, MP_LATE_RUN_MAX,
  FRAGMENT_LENGTH, FRAGMENT_FLAGS, FRAGMENT_OCTETS, FRAGMENT_RECEIVED_AT,
} from "../layout/bundle";

/** A frame of member link `session` (offset of its row), from the multilink header at `ptr` to `end`, of bundle row `row`. */
export function mpArrived(session: u32, row: u32, ptr: u32, end: u32): void {
  const bundle = bundleAt(row);
  if (end < ptr + (load<u16>(bundle + BUNDLE_FLAGS) & BUNDLE_RX_SHORT ? 2 : 4)) return dropRx(DROP_MP_RUNT, session);
  countRx(session, end - ptr);
  const owner = <u32>load<u16>(bundle + BUNDLE_OWNER_SHARD);
  if (owner == shard) mpReceive(bundle, load<u32>(session + SESSION_LINK), ptr, end);
  else peerFragment(owner, row, bundle, load<u32>(session + SESSION_LINK), session, ptr, end - ptr);
}

// @ts-ignore: decorator
@inline function networkOf(bundle: u32): u32 { return sessions + load<u32>(bundle + BUNDLE_NETWORK) * SESSION_ROW_SIZE; }
// @ts-ignore: decorator
@inline function windowAt(bundle: u32, sequence: u32): u32 { return bundle + BUNDLE_WINDOW_AT + ((sequence & (BUNDLE_WINDOW - 1)) << 2); }
function discard(bundle: u32, reason: u32, fragments: u32): void {
  const network = networkOf(bundle);
  for (let i: u32 = 0; i < fragments; i++) dropRx(reason, network);
  store<u64>(bundle + BUNDLE_RX_DISCARDED, load<u64>(bundle + BUNDLE_RX_DISCARDED) + fragments);
}

/** Takes one fragment of link `link` (0 to 7), its multilink header at `ptr`, whole. */
export function mpReceive(bundle: u32, link: u32, ptr: u32, end: u32): void {
  const flags = <u32>load<u8>(ptr);
  const expected = load<u32>(bundle + BUNDLE_EXPECTED);
  let ahead: i32;
  if (load<u16>(bundle + BUNDLE_FLAGS) & BUNDLE_RX_SHORT) {
    ahead = <i32>((be16(ptr) - expected) << 20) >> 20;
    ptr += 2;
  } else {
    ahead = <i32>((bswap<u32>(load<u32>(ptr)) - expected) << 8) >> 8;
    ptr += 4;
  }
  const sequence = expected + <u32>ahead;
  const state = bundle + BUNDLE_LINK_STATES + link * LINK_SIZE;
  store<u32>(state + LINK_LAST_HEARD, now);
  const heard = load<u32>(bundle + BUNDLE_HEARD);
  if (!(heard & 1 << link)) {
    store<u32>(bundle + BUNDLE_HEARD, heard | 1 << link);
    store<u32>(state + LINK_LAST, sequence);
  } else if (<i32>(sequence - load<u32>(state + LINK_LAST)) > 0) store<u32>(state + LINK_LAST, sequence);
  store<u64>(bundle + BUNDLE_RX_FRAGMENTS, load<u64>(bundle + BUNDLE_RX_FRAGMENTS) + 1);
  count(TOTAL_MP_RX_FRAGMENTS, 1);

  const before = load<u64>(bundle + BUNDLE_RX_PACKETS);
  if (ahead < 0) late(bundle, sequence);
  else {
    store<u32>(bundle + BUNDLE_LATE_RUN, 0);
    if (<u32>ahead > load<u32>(bundle + BUNDLE_LARGEST_DIFFERENCE)) store<u32>(bundle + BUNDLE_LARGEST_DIFFERENCE, <u32>ahead);
    if (<u32>ahead >= BUNDLE_WINDOW) makeRoom(bundle, sequence);
    // Where the lists of a batch were full, the expected fragment stands in the window.
    const here = sequence == load<u32>(bundle + BUNDLE_EXPECTED) && (load<u32>(bundle + BUNDLE_QUEUED) == 0 || load<u32>(windowAt(bundle, sequence)) == 0);
    if (here) consume(bundle, flags, ptr, end - ptr, 0);
    else keep(bundle, sequence, flags, ptr, end - ptr);
  }
  advance(bundle);
  waitingUpdate(bundle, load<u64>(bundle + BUNDLE_RX_PACKETS) != before);
}
function late(bundle: u32, sequence: u32): void {
  discard(bundle, DROP_MP_LATE, 1);
  const run = load<u32>(bundle + BUNDLE_LATE_RUN) + 1;
  store<u32>(bundle + BUNDLE_LATE_RUN, run);
  if (run < MP_LATE_RUN_MAX) return;
  // The peer counts from elsewhere: what waits belongs to the old count.
  flush(bundle, DROP_MP_LOST);
  store<u32>(bundle + BUNDLE_LATE_RUN, 0);
  store<u32>(bundle + BUNDLE_EXPECTED, sequence + 1);
  store<u32>(bundle + BUNDLE_ORPHAN, 1);
  store<u32>(bundle + BUNDLE_HEARD, 0);
}
/** Puts a fragment that came ahead into the window. */
function keep(bundle: u32, sequence: u32, flags: u32, ptr: u32, len: u32): void {
  const at = windowAt(bundle, sequence);
  if (load<u32>(at)) return discard(bundle, DROP_MP_DUPLICATE, 1);
  const slot = take(bundle, sequence, flags, ptr, len);
  if (!slot) return;
  store<u32>(at, slot);
  const queued = load<u32>(bundle + BUNDLE_QUEUED);
  if (!queued) store<u32>(bundle + BUNDLE_GAP_AT, now);
  store<u32>(bundle + BUNDLE_QUEUED, queued + 1);
}
/** A slot with the fragment in it. Where the pool is empty, the bundle that has waited longest gives its own up. @returns 0: discarded */
function take(bundle: u32, sequence: u32, flags: u32, ptr: u32, len: u32): u32 {
  if (overShare(bundle)) {
    discard(bundle, DROP_MP_SHARE, 1);
    return 0;
  }
  let slot = slotTake(bundle, sequence, flags, ptr, len);
  if (slot) return slot;
  const oldest = firstWaiting();
  if (oldest && bundleAt(oldest) != bundle) {
    flush(bundleAt(oldest), DROP_MP_POOL);
    waitingUpdate(bundleAt(oldest), false);
    slot = slotTake(bundle, sequence, flags, ptr, len);
    if (slot) return slot;
  }
  discard(bundle, DROP_MP_POOL, 1);
  return 0;
}

/** The fragment numbered `expected`. `slot`: where its payload stands in the pool, 0 where it came just now. */
function consume(bundle: u32, flags: u32, ptr: u32, len: u32, slot: u32): void {
  const sequence = load<u32>(bundle + BUNDLE_EXPECTED);
  store<u32>(bundle + BUNDLE_EXPECTED, sequence + 1);
  store<u32>(bundle + BUNDLE_GAP_AT, now);
  if (flags & MP_BEGIN) {
    // A beginning: the number before it bore an ending, or that is lost.
    if (load<u32>(bundle + BUNDLE_ASSEMBLY)) dropAssembly(bundle, DROP_MP_NO_END);
    store<u32>(bundle + BUNDLE_ORPHAN, 0);
    if (flags & MP_END) {
      if (slot) {
        if (len > FRAGMENT_OCTETS) ptr = 0;
        slotFreeLater(bundle, slot);
      }
      if (len) whole(bundle, ptr, len, 1); // without payload: a null fragment
      return;
    }
    if (!slot) {
      slot = take(bundle, sequence, flags, ptr, len);
      if (!slot) {
        store<u32>(bundle + BUNDLE_ORPHAN, 1);
        return;
      }
      store<u32>(bundle + BUNDLE_ASSEMBLY_AT, now);
    } else store<u32>(bundle + BUNDLE_ASSEMBLY_AT, load<u32>(slotAt(slot) + FRAGMENT_RECEIVED_AT));
    store<u32>(bundle + BUNDLE_ASSEMBLY, slot);
    store<u32>(bundle + BUNDLE_ASSEMBLED, len);
    store<u32>(bundle + BUNDLE_ASSEMBLED_FRAGMENTS, 1);
    return;
  }
  const assembly = load<u32>(bundle + BUNDLE_ASSEMBLY);
  if (!assembly) {
    discard(bundle, load<u32>(bundle + BUNDLE_ORPHAN) ? DROP_MP_LOST : DROP_MP_NO_BEGIN, 1);
    store<u32>(bundle + BUNDLE_ORPHAN, flags & MP_END ? 0 : 1);
    if (slot) slotFree(bundle, slot);
    return;
  }
  const before = load<u32>(bundle + BUNDLE_ASSEMBLED);
  const total = before + len;
  if (total <= FRAGMENT_OCTETS) copyOctets(payloadOf(assembly) + before, ptr, len);
  store<u32>(bundle + BUNDLE_ASSEMBLED, total);
  const parts = load<u32>(bundle + BUNDLE_ASSEMBLED_FRAGMENTS) + 1;
  store<u32>(bundle + BUNDLE_ASSEMBLED_FRAGMENTS, parts);
  if (slot) slotFree(bundle, slot);
  if (!(flags & MP_END)) return;
  store<u32>(bundle + BUNDLE_ASSEMBLY, 0);
  slotFreeLater(bundle, assembly);
  whole(bundle, total <= FRAGMENT_OCTETS ? payloadOf(assembly) : 0, total, parts);
}
/** A whole packet of `len` octets, protocol field included; `ptr` 0: too large to have been kept. */
function whole(bundle: u32, ptr: u32, len: u32, parts: u32): void {
  // Section 5.1.1: the MRRU is of the Information field.
  const protocol: u32 = ptr != 0 && load<u8>(ptr) & 1 ? 1 : 2;
  if (ptr == 0 || len > load<u32>(bundle + BUNDLE_LOCAL_MRRU) + protocol) return discard(bundle, DROP_MP_MRRU, parts);
  store<u64>(bundle + BUNDLE_RX_PACKETS, load<u64>(bundle + BUNDLE_RX_PACKETS) + 1);
  count(TOTAL_MP_RX_PACKETS, 1);
  mpFrame(bundle, ptr, ptr + len);
}
function dropAssembly(bundle: u32, reason: u32): void {
  const assembly = load<u32>(bundle + BUNDLE_ASSEMBLY);
  store<u32>(bundle + BUNDLE_ASSEMBLY, 0);
  slotFree(bundle, assembly);
  discard(bundle, reason, load<u32>(bundle + BUNDLE_ASSEMBLED_FRAGMENTS));
}
function consumeSlot(bundle: u32, at: u32): void {
  const slot = load<u32>(at);
  store<u32>(at, 0);
  store<u32>(bundle + BUNDLE_QUEUED, load<u32>(bundle + BUNDLE_QUEUED) - 1);
  consume(bundle, load<u8>(slotAt(slot) + FRAGMENT_FLAGS), payloadOf(slot), load<u32>(slotAt(slot) + FRAGMENT_LENGTH), slot);
}
/** The expected number is given up: so is the packet that it belongs to. */
function giveUp(bundle: u32, reason: u32): void {
  if (load<u32>(bundle + BUNDLE_ASSEMBLY)) dropAssembly(bundle, reason);
  store<u32>(bundle + BUNDLE_ORPHAN, 1);
  store<u32>(bundle + BUNDLE_EXPECTED, load<u32>(bundle + BUNDLE_EXPECTED) + 1);
}
/** A bundle could go on but for want of room in the lists of this batch. */
let stalled: bool = false;
/** Has a bundle stopped for want of room? Asked once the lists are sent; forgets it. */
export function mpStalled(): bool {
  const was = stalled;
  stalled = false;
  return was;
}
/** Consumes what the window has in order, and gives up what M has passed, as far as the batch's lists have room. */
function advance(bundle: u32): void {
  while (load<u32>(bundle + BUNDLE_QUEUED)) {
    if (!transmitRoom()) {
      stalled = true;
      return;
    }
    const expected = load<u32>(bundle + BUNDLE_EXPECTED);
    const at = windowAt(bundle, expected);
    if (load<u32>(at)) consumeSlot(bundle, at);
    else if (lost(bundle, expected)) giveUp(bundle, DROP_MP_LOST);
    else return;
  }
}
/**
 * Has M passed `sequence`? M is the least of the numbers most recently received over the member links; while one has
 * received nothing there is no M. A link that has been silent for LINK_IDLE while the number was waited for does not
 * count: silence before that says nothing, since there may have been nothing to send.
 */
function lost(bundle: u32, sequence: u32): bool {
  const heard = load<u32>(bundle + BUNDLE_HEARD);
  let any = false;
  const waited = now - load<u32>(bundle + BUNDLE_GAP_AT) > LINK_IDLE;
  for (let links = load<u32>(bundle + BUNDLE_LINKS); links; links &= links - 1) {
    const link = ctz(links);
    const state = bundle + BUNDLE_LINK_STATES + link * LINK_SIZE;
    const idle = waited && now - load<u32>(state + LINK_LAST_HEARD) > LINK_IDLE;
    if (!(heard & 1 << link)) {
      if (!idle) return false;
    } else if (<i32>(sequence - load<u32>(state + LINK_LAST)) < 0) any = true;
    else if (!idle) return false;
  }
  return any;
}
/** Moves the window so that `sequence` fits: what is older is consumed or given up. */
function makeRoom(bundle: u32, sequence: u32): void {
  for (let n: u32 = 0; n < BUNDLE_WINDOW && sequence - load<u32>(bundle + BUNDLE_EXPECTED) >= BUNDLE_WINDOW; n++) {
    const at = windowAt(bundle, load<u32>(bundle + BUNDLE_EXPECTED));
    if (load<u32>(at) != 0 && transmitRoom()) {
      consumeSlot(bundle, at);
      continue;
    }
    const slot = load<u32>(at);
    if (slot) {
      store<u32>(at, 0);
      store<u32>(bundle + BUNDLE_QUEUED, load<u32>(bundle + BUNDLE_QUEUED) - 1);
      slotFree(bundle, slot);
      discard(bundle, DROP_MP_WINDOW, 1);
    }
    giveUp(bundle, DROP_MP_WINDOW);
  }
  if (sequence - load<u32>(bundle + BUNDLE_EXPECTED) < BUNDLE_WINDOW) return;
  if (load<u32>(bundle + BUNDLE_ASSEMBLY)) dropAssembly(bundle, DROP_MP_WINDOW);
  store<u32>(bundle + BUNDLE_ORPHAN, 1);
  store<u32>(bundle + BUNDLE_EXPECTED, sequence - BUNDLE_WINDOW + 1);
}
/** Throws away everything that waits. */
function flush(bundle: u32, reason: u32): void {
  if (load<u32>(bundle + BUNDLE_ASSEMBLY)) dropAssembly(bundle, reason);
  let expected = load<u32>(bundle + BUNDLE_EXPECTED);
  for (let n: u32 = 0; n < BUNDLE_WINDOW && load<u32>(bundle + BUNDLE_QUEUED) != 0; n++) {
    const at = windowAt(bundle, expected);
    const slot = load<u32>(at);
    expected++;
    if (!slot) continue;
    store<u32>(at, 0);
    store<u32>(bundle + BUNDLE_QUEUED, load<u32>(bundle + BUNDLE_QUEUED) - 1);
    slotFree(bundle, slot);
    discard(bundle, reason, 1);
    store<u32>(bundle + BUNDLE_EXPECTED, expected);
  }
  store<u32>(bundle + BUNDLE_ORPHAN, 1);
}
/** A member link is gone, or one has fallen silent: M may have moved. */
export function mpSettle(bundle: u32): void {
  const before = load<u64>(bundle + BUNDLE_RX_PACKETS);
  advance(bundle);
  waitingUpdate(bundle, load<u64>(bundle + BUNDLE_RX_PACKETS) != before);
}
/** The bundle ends: nothing of it is left in the pool. */
export function mpForget(bundle: u32): void {
  flush(bundle, DROP_MP_GONE);
  waitingUpdate(bundle, false);
}
/** drop-timeout: the head of the queue has waited long enough. @returns whether something was given up */
export function mpExpire(bundle: u32): bool {
  const timeout = load<u32>(bundle + BUNDLE_DROP_TIMEOUT);
  if (!timeout) return false;
  if (load<u32>(bundle + BUNDLE_ASSEMBLY)) {
    if (now - load<u32>(bundle + BUNDLE_ASSEMBLY_AT) < timeout) return false;
    dropAssembly(bundle, DROP_MP_TIMEOUT);
    store<u32>(bundle + BUNDLE_ORPHAN, 1);
    return true;
  }
  if (!load<u32>(bundle + BUNDLE_QUEUED)) return false;
  let next = load<u32>(bundle + BUNDLE_EXPECTED);
  while (!load<u32>(windowAt(bundle, next))) next++;
  if (now - load<u32>(slotAt(load<u32>(windowAt(bundle, next))) + FRAGMENT_RECEIVED_AT) < timeout) return false;
  store<u32>(bundle + BUNDLE_EXPECTED, next);
  store<u32>(bundle + BUNDLE_ORPHAN, 1);
  return true;
}
