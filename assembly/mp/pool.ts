// The shard's pool of fragments. Its lists stand in shared memory, so that a successor of the shard finds them.
import { copyOctets } from "../path/octets";
import { shardControl, fragments, fragmentFirst, fragmentCount, bundles, now } from "../state";
import { SHARD_FRAGMENT_FREE, SHARD_FRAGMENT_FRESH, SHARD_FRAGMENT_USED, SHARD_FRAGMENT_LATER } from "../layout/memory";
import {
  FRAGMENT_SLOT_SIZE, FRAGMENT_NEXT, FRAGMENT_BUNDLE, FRAGMENT_LENGTH, FRAGMENT_FLAGS, FRAGMENT_RECEIVED_AT, FRAGMENT_SEQUENCE, FRAGMENT_PAYLOAD, FRAGMENT_OCTETS,
  BUNDLE_HELD, BUNDLE_ROW_SIZE,
} from "../layout/bundle";

/** Slots that a bundle may hold whatever the others hold. */
const HELD_LEAST: u32 = 8;
/** A bundle may hold this part of the free slots (a shift): many that hoard leave room all the same. */
const HELD_SHIFT: u32 = 2;

// @ts-ignore: decorator
@inline export function slotAt(slot: u32): u32 { return fragments + (slot - 1) * FRAGMENT_SLOT_SIZE; }
// @ts-ignore: decorator
@inline export function payloadOf(slot: u32): u32 { return slotAt(slot) + FRAGMENT_PAYLOAD; }

/** Does `bundle` hold more than its share? */
export function overShare(bundle: u32): bool {
  const held = load<u32>(bundle + BUNDLE_HELD);
  return held >= HELD_LEAST && held > (fragmentCount - load<u32>(shardControl + SHARD_FRAGMENT_USED)) >>> HELD_SHIFT;
}
/** A free slot for `bundle`, its head and `len` octets from `ptr` filled in; 0 where the pool is empty. */
export function slotTake(bundle: u32, sequence: u32, flags: u32, ptr: u32, len: u32): u32 {
  let slot = load<u32>(shardControl + SHARD_FRAGMENT_FREE);
  if (slot) store<u32>(shardControl + SHARD_FRAGMENT_FREE, load<u32>(slotAt(slot) + FRAGMENT_NEXT));
  else {
    const fresh = load<u32>(shardControl + SHARD_FRAGMENT_FRESH);
    if (fresh >= fragmentCount) return 0;
    store<u32>(shardControl + SHARD_FRAGMENT_FRESH, fresh + 1);
    slot = fragmentFirst + fresh;
  }
  store<u32>(shardControl + SHARD_FRAGMENT_USED, load<u32>(shardControl + SHARD_FRAGMENT_USED) + 1);
  store<u32>(bundle + BUNDLE_HELD, load<u32>(bundle + BUNDLE_HELD) + 1);
  const at = slotAt(slot);
  store<u32>(at, (bundle - bundles) / BUNDLE_ROW_SIZE, FRAGMENT_BUNDLE);
  store<u32>(at, len, FRAGMENT_LENGTH);
  store<u8>(at, <u8>flags, FRAGMENT_FLAGS);
  store<u32>(at, now, FRAGMENT_RECEIVED_AT);
  store<u32>(at, sequence, FRAGMENT_SEQUENCE);
  copyOctets(at + FRAGMENT_PAYLOAD, ptr, min(len, FRAGMENT_OCTETS));
  return slot;
}
// @ts-ignore: decorator
@inline function letGo(bundle: u32, slot: u32): u32 {
  const at = slotAt(slot);
  store<u32>(at, 0, FRAGMENT_BUNDLE);
  store<u32>(bundle + BUNDLE_HELD, load<u32>(bundle + BUNDLE_HELD) - 1);
  return at;
}
export function slotFree(bundle: u32, slot: u32): void {
  const at = letGo(bundle, slot);
  store<u32>(at, load<u32>(shardControl + SHARD_FRAGMENT_FREE), FRAGMENT_NEXT);
  store<u32>(shardControl + SHARD_FRAGMENT_FREE, slot);
  store<u32>(shardControl + SHARD_FRAGMENT_USED, load<u32>(shardControl + SHARD_FRAGMENT_USED) - 1);
}
/** Frees a slot whose octets the lists of this batch point to: once they are sent. */
export function slotFreeLater(bundle: u32, slot: u32): void {
  const at = letGo(bundle, slot);
  store<u32>(at, load<u32>(shardControl + SHARD_FRAGMENT_LATER), FRAGMENT_NEXT);
  store<u32>(shardControl + SHARD_FRAGMENT_LATER, slot);
}
/** The batch is sent. */
export function slotsRelease(): void {
  if (!shardControl) return;
  let slot = load<u32>(shardControl + SHARD_FRAGMENT_LATER);
  if (!slot) return;
  store<u32>(shardControl + SHARD_FRAGMENT_LATER, 0);
  let freed: u32 = 0;
  let free = load<u32>(shardControl + SHARD_FRAGMENT_FREE);
  while (slot) {
    const at = slotAt(slot);
    const next = load<u32>(at, FRAGMENT_NEXT);
    store<u32>(at, free, FRAGMENT_NEXT);
    free = slot;
    slot = next;
    freed++;
  }
  store<u32>(shardControl + SHARD_FRAGMENT_FREE, free);
  store<u32>(shardControl + SHARD_FRAGMENT_USED, load<u32>(shardControl + SHARD_FRAGMENT_USED) - freed);
}
