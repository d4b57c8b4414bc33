// The traffic generator of the LAC emulator: one record a session, one summary a shard behind the records.

@unmanaged class TrafficRecord {
  sent: u32; // packets; also the next sequence number
  received: u32;
  expected: u32; // next sequence number expected back
  reordered: u32;
  bad: u32; // wrong contents
  duplicates: u32;
  reserved0: u32;
  reserved1: u32;
}
export const TRAFFIC_SENT: u32 = offsetof<TrafficRecord>("sent");
export const TRAFFIC_RECEIVED: u32 = offsetof<TrafficRecord>("received");
export const TRAFFIC_EXPECTED: u32 = offsetof<TrafficRecord>("expected");
export const TRAFFIC_REORDERED: u32 = offsetof<TrafficRecord>("reordered");
export const TRAFFIC_BAD: u32 = offsetof<TrafficRecord>("bad");
export const TRAFFIC_DUPLICATES: u32 = offsetof<TrafficRecord>("duplicates");
export const TRAFFIC_RECORD_SIZE: u32 = offsetof<TrafficRecord>();

/** Round-trip histogram of a shard: u64 counts; bucket = 16 steps an octave of microseconds. */
export const TRAFFIC_BUCKETS: u32 = 512;

// The payload: u32 magic, u32 session row, u32 sequence number, u32 0, u64 microseconds, then octets that follow from them.
/** "lnst" in memory order. */
export const TRAFFIC_MAGIC: u32 = 0x74736e6c;
export const TRAFFIC_PAYLOAD: u32 = 24;
/** Smallest IP packet: 20 + 8 + TRAFFIC_PAYLOAD. */
export const TRAFFIC_PACKET_MIN: u32 = 52;
export const TRAFFIC_UDP: u32 = 0;
export const TRAFFIC_ICMP: u32 = 1;
