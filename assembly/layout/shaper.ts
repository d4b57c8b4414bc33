// Policer row (PART_SHAPERS), native-endian: the generic cell rate algorithm, which is a token bucket in one word.
// Row 0 is never used: 0 means no limit. A row is written before a session names it; then only `due` and the counters
// change, by compare-and-exchange and atomic add, since several shards may carry packets of one session.

@unmanaged class ShaperRow {
  due: u64; // when the bucket is full again, in CLOCK_HZ ticks of the shared clock
  cost: u64; // ticks an octet takes, 16 bits of fraction
  burst: u64; // ticks of the whole bucket
  packets: u64; // refused
  octets: u64;
  queue: u64; // ticks that a packet may wait for its turn; 0: what does not pass at once is dropped
  reserved1: u64; reserved2: u64;
}
export const SHAPER_DUE: u32 = offsetof<ShaperRow>("due");
export const SHAPER_COST: u32 = offsetof<ShaperRow>("cost");
export const SHAPER_BURST: u32 = offsetof<ShaperRow>("burst");
export const SHAPER_PACKETS: u32 = offsetof<ShaperRow>("packets");
export const SHAPER_OCTETS: u32 = offsetof<ShaperRow>("octets");
export const SHAPER_QUEUE: u32 = offsetof<ShaperRow>("queue");
export const SHAPER_ROW_SIZE: u32 = offsetof<ShaperRow>();
/** Ticks a second: 62.5 ps each. */
export const CLOCK_HZ: u64 = 16000000000;
