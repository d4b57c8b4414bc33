// One-producer one-consumer rings of records (layout/memory.ts). A record never wraps: the rest of the data area
// before the wrap is filled by a RECORD_PAD.
import { RING_HEAD, RING_TAIL, RING_DATA, RECORD_SIZE, RECORD_KIND, RECORD_OCTETS, RECORD_ROW, RECORD_GENERATION, RECORD_AUX, RECORD_HEADER, RECORD_PAD } from "../layout/memory";

/**
 * Room for one record at the ring's tail, its head filled in; `ringCommit` publishes it.
 * @param size octets of the ring's data area, a power of two
 * @returns offset of the payload, 0 where the ring is full
 */
export function ringReserve(ring: u32, size: u32, kind: u32, octets: u32, row: u32, generation: u32, aux: u32): u32 {
  const need = (RECORD_HEADER + octets + 7) & ~7;
  let tail = load<u32>(ring + RING_TAIL);
  const used = tail - atomic.load<u32>(ring + RING_HEAD);
  const at = tail & (size - 1);
  const toEnd = size - at;
  let record = ring + RING_DATA + at;
  if (toEnd < need) {
    if (used + toEnd + need > size) return 0;
    store<u32>(record, toEnd, RECORD_SIZE);
    store<u32>(record, RECORD_PAD, RECORD_KIND);
    record = ring + RING_DATA;
    // a pad is published with the record behind it
  } else if (used + need > size) return 0;
  store<u32>(record, need, RECORD_SIZE);
  store<u32>(record, kind, RECORD_KIND);
  store<u32>(record, octets, RECORD_OCTETS);
  store<u32>(record, row, RECORD_ROW);
  store<u32>(record, generation, RECORD_GENERATION);
  store<u32>(record, aux, RECORD_AUX);
  return record + RECORD_HEADER;
}
/** Publishes the record whose payload `ringReserve` returned. */
export function ringCommit(ring: u32, size: u32, payload: u32): void {
  const record = payload - RECORD_HEADER;
  let tail = load<u32>(ring + RING_TAIL);
  if (record == ring + RING_DATA) tail = (tail + size - 1) & ~(size - 1); // skip the pad, if any
  atomic.store<u32>(ring + RING_TAIL, tail + load<u32>(record, RECORD_SIZE));
}
