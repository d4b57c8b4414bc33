// The traffic generator of the LAC emulator: one record a session (or bundle), then one block a shard.

@unmanaged class TrafficRecord {
  sent: u32; // packets; also the next sequence number
  received: u32; // duplicates not counted
  expected: u32; // next sequence number expected back
  reordered: u32;
  bad: u32; // wrong contents
  duplicates: u32;
  window: u64; // bit n: sequence number expected - 1 - n has come
  sum: u64; // microseconds of all round trips
  most: u32; // longest round trip, microseconds
  carried: u32; // answers to any session of the same address that came by this one
}
export const TRAFFIC_SENT: u32 = offsetof<TrafficRecord>("sent");
export const TRAFFIC_RECEIVED: u32 = offsetof<TrafficRecord>("received");
export const TRAFFIC_EXPECTED: u32 = offsetof<TrafficRecord>("expected");
export const TRAFFIC_REORDERED: u32 = offsetof<TrafficRecord>("reordered");
export const TRAFFIC_BAD: u32 = offsetof<TrafficRecord>("bad");
export const TRAFFIC_DUPLICATES: u32 = offsetof<TrafficRecord>("duplicates");
export const TRAFFIC_WINDOW: u32 = offsetof<TrafficRecord>("window");
export const TRAFFIC_SUM: u32 = offsetof<TrafficRecord>("sum");
export const TRAFFIC_MOST: u32 = offsetof<TrafficRecord>("most");
export const TRAFFIC_CARRIED: u32 = offsetof<TrafficRecord>("carried");
export const TRAFFIC_RECORD_SIZE: u32 = offsetof<TrafficRecord>();

// A shard's block: the round-trip histogram, the sizes of the mix, what was impaired; then the slots of packets held back.
/** Round-trip histogram: u64 counts; bucket = 16 steps an octave of microseconds. */
export const TRAFFIC_BUCKETS: u32 = 512;
export const TRAFFIC_MIX: u32 = TRAFFIC_BUCKETS * 8;
/** Sizes of packets in turn, u16 each. */
export const TRAFFIC_MIX_MAX: u32 = 64;
/** u64 counts by IMPAIR_*. */
export const TRAFFIC_IMPAIRED: u32 = TRAFFIC_MIX + TRAFFIC_MIX_MAX * 2;
export const IMPAIR_LOST: u32 = 0;
export const IMPAIR_DUPLICATED: u32 = 1;
export const IMPAIR_REORDERED: u32 = 2;
export const IMPAIR_DELAYED: u32 = 3;
/** Lost since no slot was free to hold it back in. */
export const IMPAIR_FULL: u32 = 4;
export const IMPAIR_RX_LOST: u32 = 5;
export const IMPAIR_COUNTS: u32 = 6;
/** Lists of held datagrams by the millisecond of their release: first and last slot, u32 each. */
export const TRAFFIC_WHEEL: u32 = TRAFFIC_IMPAIRED + IMPAIR_COUNTS * 8;
/** Milliseconds; the longest delay is one less. */
export const TRAFFIC_WHEEL_SIZE: u32 = 2048;
/** Slots of datagrams that wait for later ones to pass them. */
export const TRAFFIC_BEHIND: u32 = TRAFFIC_WHEEL + TRAFFIC_WHEEL_SIZE * 8;
export const TRAFFIC_BEHIND_MAX: u32 = 32;
export const TRAFFIC_BLOCK_SIZE: u32 = TRAFFIC_BEHIND + TRAFFIC_BEHIND_MAX * 4 + 8;

/** A datagram held back. Slot 0 means none. */
@unmanaged class HeldDatagram {
  next: u32;
  session: u32; // row offset
  generation: u32;
  octets: u32;
  countdown: u32; // datagrams that are still to pass
  since: u32; // ms
  reserved0: u32;
  reserved1: u32;
}
export const HELD_NEXT: u32 = offsetof<HeldDatagram>("next");
export const HELD_SESSION: u32 = offsetof<HeldDatagram>("session");
export const HELD_GENERATION: u32 = offsetof<HeldDatagram>("generation");
export const HELD_OCTETS: u32 = offsetof<HeldDatagram>("octets");
export const HELD_COUNTDOWN: u32 = offsetof<HeldDatagram>("countdown");
export const HELD_SINCE: u32 = offsetof<HeldDatagram>("since");
export const HELD_DATA: u32 = offsetof<HeldDatagram>();
export const HELD_SIZE: u32 = 1664;

// The payload: u32 magic, u32 session row, u32 sequence number, u32 0, u64 microseconds, then octets that follow from them.
/** "lnst" in memory order. */
export const TRAFFIC_MAGIC: u32 = 0x74736e6c;
/** "lnsd": packets that the far end sends on its own, with the same payload but a row of 0. */
export const TRAFFIC_DOWN_MAGIC: u32 = 0x64736e6c;
export const TRAFFIC_PAYLOAD: u32 = 24;
/** Smallest IP packet: 20 + 8 + TRAFFIC_PAYLOAD. */
export const TRAFFIC_PACKET_MIN: u32 = 52;
export const TRAFFIC_UDP: u32 = 0;
export const TRAFFIC_ICMP: u32 = 1;
