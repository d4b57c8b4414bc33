// Membership and time of the bundles that this shard owns, and what a successor of a shard does first.
import { bundles, bundlesMax, shard, shardControl, fragmentFirst, fragmentCount, now } from "../state";
import { drop } from "../path/count";
import { transmitRoom } from "../path/transmit";
import { mpSettle, mpForget, mpExpire, mpStalled } from "./receive";
import { bundleAt, firstWaiting, waitingUpdate } from "./waiting";
import { slotAt } from "./pool";
import { DROP_STALE } from "../layout/drop";
import {
  RECORD_LINK_JOIN, RECORD_LINK_LEAVE, JOIN_SESSION, JOIN_GENERATION, JOIN_NS_PER_256, JOIN_MRU, SHARD_FRAGMENT_FREE, SHARD_FRAGMENT_FRESH, SHARD_FRAGMENT_USED, SHARD_FRAGMENT_LATER,
  SHARD_WAITING_FIRST, SHARD_WAITING_LAST,
} from "../layout/memory";
import {
  BUNDLE_ROW_SIZE, BUNDLE_GENERATION, BUNDLE_OWNER_SHARD, BUNDLE_LINKS, BUNDLE_HEARD, BUNDLE_MRU, BUNDLE_ENDED, BUNDLE_LINK_STATES, BUNDLE_EXPECTED, BUNDLE_QUEUED, BUNDLE_HELD, BUNDLE_ASSEMBLY,
  BUNDLE_ORPHAN, BUNDLE_WAITING, BUNDLE_WAIT_NEXT, BUNDLE_WINDOW, BUNDLE_WINDOW_AT, LINK_SIZE, LINK_SESSION, LINK_GENERATION, LINK_LAST_HEARD, LINK_NS_PER_256, LINK_MRU, LINK_BUSY_UNTIL, MP_TICK,
  FRAGMENT_BUNDLE, FRAGMENT_NEXT, FRAGMENT_SEQUENCE,
} from "../layout/bundle";

/** A record of the main thread: a link joins or leaves bundle `row`, or the bundle ends. */
export function mpRecord(kind: u32, row: u32, generation: u32, link: u32, payload: u32): void {
  const bundle = bundleAt(row);
  if (row == 0 || row >= bundlesMax || load<u32>(bundle + BUNDLE_GENERATION) != generation) return drop(DROP_STALE);
  link &= 7;
  const state = bundle + BUNDLE_LINK_STATES + link * LINK_SIZE;
  const links = load<u32>(bundle + BUNDLE_LINKS);
  if (kind == RECORD_LINK_JOIN) {
    store<u32>(state + LINK_SESSION, load<u32>(payload, JOIN_SESSION));
    store<u32>(state + LINK_GENERATION, load<u32>(payload, JOIN_GENERATION));
    store<u32>(state + LINK_NS_PER_256, load<u32>(payload, JOIN_NS_PER_256));
    store<u32>(state + LINK_MRU, load<u32>(payload, JOIN_MRU));
    store<u64>(state + LINK_BUSY_UNTIL, 0);
    if (!(links & 1 << link) && !(load<u32>(bundle + BUNDLE_HEARD) & 1 << link)) store<u32>(state + LINK_LAST_HEARD, now);
    store<u32>(bundle + BUNDLE_LINKS, links | 1 << link);
    leastMru(bundle);
  } else if (kind == RECORD_LINK_LEAVE) {
    store<u32>(bundle + BUNDLE_LINKS, links & ~(1 << link));
    store<u32>(bundle + BUNDLE_HEARD, load<u32>(bundle + BUNDLE_HEARD) & ~(1 << link));
    store<u32>(state + LINK_SESSION, 0);
    leastMru(bundle);
    mpSettle(bundle);
  } else {
    mpForget(bundle);
    store<u32>(bundle + BUNDLE_LINKS, 0);
    atomic.store<u32>(bundle + BUNDLE_ENDED, 1);
  }
}
function leastMru(bundle: u32): void {
  let least: u32 = 0xffff;
  for (let links = load<u32>(bundle + BUNDLE_LINKS); links; links &= links - 1)
    least = min(least, load<u32>(bundle + BUNDLE_LINK_STATES + ctz(links) * LINK_SIZE + LINK_MRU));
  store<u32>(bundle + BUNDLE_MRU, least);
}

let lastTick: u32 = 0;
/**
 * Looks at the bundles that wait, every MP_TICK; the lists are to be sent behind it.
 * @returns ms until it is to be called again, 0 where nothing waits, -1: at once, once the lists are sent
 */
export function mpTick(): i32 {
  if (!firstWaiting()) return 0;
  if (!mpStalled() && now - lastTick < MP_TICK) return MP_TICK;
  lastTick = now;
  for (let row = firstWaiting(); row; ) {
    const bundle = bundleAt(row);
    row = load<u32>(bundle + BUNDLE_WAIT_NEXT);
    mpSettle(bundle);
    for (let n: u32 = 0; n < BUNDLE_WINDOW && transmitRoom() && mpExpire(bundle); n++) mpSettle(bundle);
    waitingUpdate(bundle, false);
    if (!transmitRoom()) {
      lastTick = now - MP_TICK;
      return -1;
    }
  }
  return firstWaiting() ? MP_TICK : 0;
}

/**
 * A shard that takes over from one that died in the midst of its work: the pool's lists are made anew from what the
 * bundles hold. Sequence numbers, links and waiting fragments stay.
 */
export function mpRecover(): void {
  const fresh = min(load<u32>(shardControl + SHARD_FRAGMENT_FRESH), fragmentCount);
  for (let i: u32 = 0; i < fresh; i++) store<u32>(slotAt(fragmentFirst + i), 0, FRAGMENT_BUNDLE);
  store<u32>(shardControl + SHARD_WAITING_FIRST, 0);
  store<u32>(shardControl + SHARD_WAITING_LAST, 0);
  for (let row: u32 = 1; row < bundlesMax; row++) {
    const bundle = bundles + row * BUNDLE_ROW_SIZE;
    if (!(load<u32>(bundle + BUNDLE_GENERATION) & 1) || load<u16>(bundle + BUNDLE_OWNER_SHARD) != shard) continue;
    let held: u32 = 0;
    let queued: u32 = 0;
    const assembly = load<u32>(bundle + BUNDLE_ASSEMBLY);
    if (assembly) {
      if (mine(assembly, fresh)) {
        store<u32>(slotAt(assembly), row, FRAGMENT_BUNDLE);
        held++;
      } else {
        store<u32>(bundle + BUNDLE_ASSEMBLY, 0);
        store<u32>(bundle + BUNDLE_ORPHAN, 1);
      }
    }
    const expected = load<u32>(bundle + BUNDLE_EXPECTED);
    for (let n: u32 = 0; n < BUNDLE_WINDOW; n++) {
      const at = bundle + BUNDLE_WINDOW_AT + (n << 2);
      const slot = load<u32>(at);
      if (!slot) continue;
      // A slot that another holder names as well, or that stands for a number already consumed, is not kept.
      const sequence = mine(slot, fresh) ? load<u32>(slotAt(slot), FRAGMENT_SEQUENCE) : 0;
      if (mine(slot, fresh) && load<u32>(slotAt(slot), FRAGMENT_BUNDLE) == 0 && sequence - expected < BUNDLE_WINDOW && (sequence & (BUNDLE_WINDOW - 1)) == n) {
        store<u32>(slotAt(slot), row, FRAGMENT_BUNDLE);
        held++;
        queued++;
      } else store<u32>(at, 0);
    }
    store<u32>(bundle + BUNDLE_HELD, held);
    store<u32>(bundle + BUNDLE_QUEUED, queued);
    store<u32>(bundle + BUNDLE_WAITING, 0);
    waitingUpdate(bundle, false);
  }
  let free: u32 = 0;
  let used: u32 = 0;
  for (let i: u32 = 0; i < fresh; i++) {
    const slot = fragmentFirst + i;
    if (load<u32>(slotAt(slot), FRAGMENT_BUNDLE)) {
      used++;
      continue;
    }
    store<u32>(slotAt(slot), free, FRAGMENT_NEXT);
    free = slot;
  }
  store<u32>(shardControl + SHARD_FRAGMENT_FREE, free);
  store<u32>(shardControl + SHARD_FRAGMENT_USED, used);
  store<u32>(shardControl + SHARD_FRAGMENT_LATER, 0);
}
// @ts-ignore: decorator
@inline function mine(slot: u32, fresh: u32): bool { return slot - fragmentFirst < fresh; }
