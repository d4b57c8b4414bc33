// The shard's list of bundles that wait for a fragment, longest waiting first.
import { bundles, shardControl } from "../state";
import { SHARD_WAITING_FIRST, SHARD_WAITING_LAST } from "../layout/memory";
import { BUNDLE_ROW_SIZE, BUNDLE_WAITING, BUNDLE_WAIT_NEXT, BUNDLE_WAIT_PREVIOUS, BUNDLE_QUEUED, BUNDLE_ASSEMBLY } from "../layout/bundle";

// @ts-ignore: decorator
@inline export function bundleAt(row: u32): u32 { return bundles + row * BUNDLE_ROW_SIZE; }
export function firstWaiting(): u32 { return load<u32>(shardControl + SHARD_WAITING_FIRST); }

/** Keeps the list in step with what `bundle` holds. `moved`: a packet came out, it has waited for nothing until now. */
export function waitingUpdate(bundle: u32, moved: bool): void {
  const waits = (load<u32>(bundle + BUNDLE_QUEUED) | load<u32>(bundle + BUNDLE_ASSEMBLY)) != 0;
  const listed = load<u32>(bundle + BUNDLE_WAITING) != 0;
  if (listed && (moved || !waits)) {
    const next = load<u32>(bundle + BUNDLE_WAIT_NEXT);
    const previous = load<u32>(bundle + BUNDLE_WAIT_PREVIOUS);
    store<u32>(previous ? bundleAt(previous) + BUNDLE_WAIT_NEXT : shardControl + SHARD_WAITING_FIRST, next);
    store<u32>(next ? bundleAt(next) + BUNDLE_WAIT_PREVIOUS : shardControl + SHARD_WAITING_LAST, previous);
    store<u32>(bundle + BUNDLE_WAITING, 0);
  } else if (listed) return;
  if (!waits) return;
  const row = (bundle - bundles) / BUNDLE_ROW_SIZE;
  const last = load<u32>(shardControl + SHARD_WAITING_LAST);
  store<u32>(bundle + BUNDLE_WAIT_NEXT, 0);
  store<u32>(bundle + BUNDLE_WAIT_PREVIOUS, last);
  store<u32>(last ? bundleAt(last) + BUNDLE_WAIT_NEXT : shardControl + SHARD_WAITING_FIRST, row);
  store<u32>(shardControl + SHARD_WAITING_LAST, row);
  store<u32>(bundle + BUNDLE_WAITING, 1);
}
