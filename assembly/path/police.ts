// Rate limits of sessions, by direction: what exceeds rate and burst is dropped.
import { shapers, clock } from "../state";
import { SHAPER_DUE, SHAPER_COST, SHAPER_BURST, SHAPER_PACKETS, SHAPER_OCTETS, SHAPER_ROW_SIZE } from "../layout/shaper";

/** Shards that meet at one bucket more often than this in a row let the packet pass. */
const TRIES: u32 = 8;

/**
 * Takes `octets` out of the bucket of policer `row`, which is full at `due` and fills at one octet every `cost` ticks.
 * @returns false where it does not hold as many: the packet is to be dropped, and is counted
 */
export function conforms(row: u32, octets: u32): bool {
  const at = shapers + row * SHAPER_ROW_SIZE;
  const cost = load<u64>(at + SHAPER_COST) * <u64>octets >>> 16;
  const burst = load<u64>(at + SHAPER_BURST);
  for (let n: u32 = 0; n < TRIES; n++) {
    const due = atomic.load<u64>(at + SHAPER_DUE);
    // A shard's clock may stand a batch behind another's: its packets then pay from where the other left off.
    const ahead = due > clock ? due - clock : 0;
    if (ahead + cost > burst) {
      atomic.add<u64>(at + SHAPER_PACKETS, 1);
      atomic.add<u64>(at + SHAPER_OCTETS, octets);
      return false;
    }
    if (atomic.cmpxchg<u64>(at + SHAPER_DUE, due, max(due, clock) + cost) == due) return true;
  }
  return true;
}
