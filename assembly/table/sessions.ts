// The session index: open addressing over (local tunnel ID, local session ID). One writer, the main thread; readers
// take no lock: an entry is one aligned u64.
import { sessions, sessionIndex, sessionIndexMask, sessionIndexShift } from "../state";
import { SESSION_INDEX_REMOVED, SESSION_ROW_SIZE } from "../layout/session";

// @ts-ignore: decorator
@inline function slotOf(key: u32): u32 { return (key * 0x9e3779b1) >>> sessionIndexShift; }

/** The entry that a search for `key` begins with. */
// @ts-ignore: decorator
@inline export function firstEntry(key: u32): u64 { return load<u64>(sessionIndex + (slotOf(key) << 3)); }
/** Offset of the session's row, 0 where there is none. `key`: local tunnel ID << 16 | local session ID. */
// @ts-ignore: decorator
@inline export function findSession(key: u32): u32 {
  const slot = slotOf(key);
  const entry = load<u64>(sessionIndex + (slot << 3));
  return <u32>entry == key && key != 0 ? sessions + <u32>(entry >>> 32) * SESSION_ROW_SIZE : findOn(key, slot, entry);
}
/** The search behind the first slot, which holds `entry`: a call of its own keeps the loop out of the way of the others. */
function findOn(key: u32, slot: u32, entry: u64): u32 {
  if (key == 0) return 0;
  for (let n: u32 = 0; n < sessionIndexMask && entry != 0; n++) {
    slot = (slot + 1) & sessionIndexMask;
    entry = load<u64>(sessionIndex + (slot << 3));
    if (<u32>entry == key) return sessions + <u32>(entry >>> 32) * SESSION_ROW_SIZE;
  }
  return 0;
}
/** Publishes row `row` under `key`. @returns 0, or 1 where the key is there already or the index is full */
export function sessionIndexPut(key: u32, row: u32): u32 {
  let slot = slotOf(key);
  let free: u32 = 0xffffffff;
  for (let n: u32 = 0; n <= sessionIndexMask; n++) {
    const entry = load<u64>(sessionIndex + (slot << 3));
    if (<u32>entry == key) return 1;
    if (entry == SESSION_INDEX_REMOVED && free == 0xffffffff) free = slot;
    if (entry == 0) {
      if (free == 0xffffffff) free = slot;
      break;
    }
    slot = (slot + 1) & sessionIndexMask;
  }
  if (free == 0xffffffff) return 1;
  atomic.store<u64>(sessionIndex + (free << 3), <u64>key | <u64>row << 32);
  return 0;
}
/** Takes `key` out. @returns its row, 0 where it was not there */
export function sessionIndexRemove(key: u32): u32 {
  let slot = slotOf(key);
  for (let n: u32 = 0; n <= sessionIndexMask; n++) {
    const at = sessionIndex + (slot << 3);
    const entry = load<u64>(at);
    if (entry == 0) return 0;
    if (<u32>entry == key) {
      const row = <u32>(entry >>> 32);
      if (load<u64>(sessionIndex + (((slot + 1) & sessionIndexMask) << 3)) != 0) atomic.store<u64>(at, SESSION_INDEX_REMOVED);
      else {
        // nothing follows: this and the removed entries before it end no search any more
        atomic.store<u64>(at, 0);
        for (;;) {
          slot = (slot - 1) & sessionIndexMask;
          if (load<u64>(sessionIndex + (slot << 3)) != SESSION_INDEX_REMOVED) break;
          atomic.store<u64>(sessionIndex + (slot << 3), 0);
        }
      }
      return row;
    }
    slot = (slot + 1) & sessionIndexMask;
  }
  return 0;
}
/** Row number of `key`, 0 where there is none. */
export function sessionIndexFind(key: u32): u32 {
  const session = findSession(key);
  return session ? (session - sessions) / SESSION_ROW_SIZE : 0;
}
