// Reading a ring whose records stay until their batch is sent: a position of one's own, ahead of the ring's head.
import { RING_TAIL, RING_DATA, RECORD_SIZE, RECORD_KIND, RECORD_PAD } from "../layout/memory";

/** The record at position `cursor`, pads passed over; 0 at the tail. */
export function recordAt(ring: u32, size: u32, cursor: u32): u32 {
  if (cursor == atomic.load<u32>(ring + RING_TAIL)) return 0;
  const record = ring + RING_DATA + (cursor & (size - 1));
  return load<u32>(record, RECORD_KIND) == RECORD_PAD ? ring + RING_DATA : record;
}
/** The position behind `record`, which stood at `cursor` or behind the pad there. */
export function after(ring: u32, size: u32, cursor: u32, record: u32): u32 {
  if (record == ring + RING_DATA) cursor = (cursor + size - 1) & ~(size - 1);
  return cursor + load<u32>(record, RECORD_SIZE);
}
