// Reasons to drop a packet, and totals: u64 counters, one block a shard, summed when read. Sentences: src/dataplane/drops.ts.

// From the LAC.
export const DROP_RUNT: u32 = 1;
export const DROP_VERSION: u32 = 2;
export const DROP_LENGTH: u32 = 3;
export const DROP_TRUNCATED: u32 = 4;
export const DROP_TUNNEL: u32 = 5;
export const DROP_SESSION: u32 = 6;
export const DROP_PEER_ADDRESS: u32 = 7;
export const DROP_LATE: u32 = 8;
export const DROP_NS_MISSING: u32 = 9;
export const DROP_PPP_EMPTY: u32 = 10;
export const DROP_PPP_PROTOCOL: u32 = 11;
export const DROP_NOT_UP: u32 = 12;
export const DROP_ACTION: u32 = 13;
export const DROP_IP_VERSION: u32 = 14;
export const DROP_IP_LENGTH: u32 = 15;
export const DROP_SPOOFED: u32 = 16;
export const DROP_PUNT_SESSION: u32 = 17;
export const DROP_PUNT_FULL: u32 = 18;
// Towards the LAC.
export const DROP_NO_ROUTE: u32 = 24;
export const DROP_CORE_IP: u32 = 25;
export const DROP_TOO_BIG: u32 = 26;
export const DROP_FRAGMENTS: u32 = 27;
export const DROP_ICMP_RATE: u32 = 28;
export const DROP_SEND_BUFFER: u32 = 29;
export const DROP_SEND_ERROR: u32 = 30;
export const DROP_CORE_WRITE: u32 = 31;
export const DROP_STALE: u32 = 32;
export const DROP_RING_FULL: u32 = 33;
export const DROP_HOST: u32 = 34;
export const DROP_CORE_NONE: u32 = 35;
// Multilink (RFC 1990 section 4.1): fragments that were received.
export const DROP_MP_RUNT: u32 = 40;
export const DROP_MP_LATE: u32 = 41;
export const DROP_MP_DUPLICATE: u32 = 42;
export const DROP_MP_LOST: u32 = 43;
export const DROP_MP_NO_BEGIN: u32 = 44;
export const DROP_MP_NO_END: u32 = 45;
export const DROP_MP_MRRU: u32 = 46;
export const DROP_MP_WINDOW: u32 = 47;
export const DROP_MP_SHARE: u32 = 48;
export const DROP_MP_POOL: u32 = 49;
export const DROP_MP_TIMEOUT: u32 = 50;
export const DROP_MP_GONE: u32 = 51;
export const DROP_PEER_RING: u32 = 52;
export const DROP_XDP_FRAME: u32 = 59;
export const DROP_XDP_CHECKSUM: u32 = 60;
export const DROP_XDP_FULL: u32 = 61;
/** More than the session's rate, from the client and towards it. */
export const DROP_POLICED_UP: u32 = 56;
export const DROP_POLICED_DOWN: u32 = 57;
export const DROP_SHAPE_POOL: u32 = 58;
// Indexes up to 63 are reasons, those from 64 on totals.

// Totals, after the drops in the same block.
export const TOTAL_RX_DATAGRAMS: u32 = 64;
export const TOTAL_RX_OCTETS: u32 = 65;
export const TOTAL_TX_DATAGRAMS: u32 = 66;
export const TOTAL_TX_OCTETS: u32 = 67;
/** IP packets given to the core side. */
export const TOTAL_DELIVERED: u32 = 68;
export const TOTAL_DELIVERED_OCTETS: u32 = 69;
/** IP packets taken from the core side. */
export const TOTAL_ACCEPTED: u32 = 70;
export const TOTAL_ACCEPTED_OCTETS: u32 = 71;
export const TOTAL_PUNTED: u32 = 72;
export const TOTAL_INJECTED: u32 = 73;
export const TOTAL_ECHO_REPLIES: u32 = 74;
/** LCP Echo-Replies to our own requests. */
export const TOTAL_ECHO_TAKEN: u32 = 89;
export const TOTAL_ICMP_SENT: u32 = 75;
export const TOTAL_FRAGMENTED: u32 = 76;
export const TOTAL_BATCHES: u32 = 77;
export const TOTAL_LOST: u32 = 78;
export const TOTAL_LOOPS: u32 = 79;
/** Buffers that UDP_GRO had merged from several datagrams. */
export const TOTAL_RX_RUNS: u32 = 100;
/** Control messages that came inside such a run. */
export const TOTAL_RX_RUN_CONTROL: u32 = 101;
/** Super-packets of several segments taken from the TUN device. */
export const TOTAL_CORE_RUNS_IN: u32 = 102;
/** Super-packets of several packets written to the TUN device. */
export const TOTAL_CORE_RUNS_OUT: u32 = 103;
/** Packets in those. */
export const TOTAL_CORE_RUN_PACKETS_OUT: u32 = 104;
export const TOTAL_MP_RX_FRAGMENTS: u32 = 80;
export const TOTAL_MP_RX_PACKETS: u32 = 81;
export const TOTAL_MP_TX_FRAGMENTS: u32 = 82;
export const TOTAL_MP_TX_PACKETS: u32 = 83;
/** Fragments and packets handed to the shard that owns their bundle. */
export const TOTAL_PEER_SENT: u32 = 84;
/** Packets copied for a capture, and those for which there was no room. */
export const TOTAL_TAPPED: u32 = 90;
export const TOTAL_TAP_LOST: u32 = 91;
export const TOTAL_MSS_CLAMPED: u32 = 105;
/** Frames received from LACs and sent to them by AF_XDP. */
export const TOTAL_XDP_RX: u32 = 106;
export const TOTAL_XDP_TX: u32 = 107;
/** The same of the interface to the core. */
export const TOTAL_XDP_CORE_RX: u32 = 108;
export const TOTAL_XDP_CORE_TX: u32 = 109;
export const SHARD_COUNTERS_SIZE: u32 = 128 * 8;
