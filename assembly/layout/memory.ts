// The linear memory: one shared memory for every shard and the main thread.
//
//   0        64 KiB          directory part offsets, each aligned to 64 KiB                             end
//   | data    | header,       | durable: tunnels sessions counters indexes   | volatile: control words,  |
//   | segment | directory     | addresses stacks bundles links fragments ... | receive/transmit areas,   |
//   |         |               | (no descriptor, pointer or thread id)        | rings, scratch            |
//
// Sizes are chosen at start, so the offsets of the parts stand in a directory: one 16-octet entry a part,
// { offset u32, octets u32, count u32, stride u32 }. src/dataplane/plan.ts writes it, `attach` reads it.

/** Where the header stands: the first page belongs to the compiler's data segment. */
export const MEMORY_HEADER: u32 = 0x10000;
/** "wasm-lns" in memory order. */
export const MEMORY_MAGIC: u64 = 0x736e6c2d6d736177;
/** Changes whenever a row, a part or its meaning changes: a durable region of another layout is not taken over. */
export const MEMORY_LAYOUT: u32 = 4;
/** Offset from MEMORY_HEADER: u64 magic, then u32 layout, u32 shards, u32 end of the durable region, u32 end of all. */
export const HEADER_MAGIC: u32 = 0;
export const HEADER_LAYOUT: u32 = 8;
export const HEADER_SHARDS: u32 = 12;
export const HEADER_DURABLE_END: u32 = 16;
export const HEADER_END: u32 = 20;
/** Offset of the directory from MEMORY_HEADER. */
export const HEADER_DIRECTORY: u32 = 64;
export const DIRECTORY_ENTRY_SIZE: u32 = 16;

// Durable parts.
export const PART_TUNNELS: u32 = 0;
/** u32 row a local tunnel ID: 65,536 words. */
export const PART_TUNNEL_INDEX: u32 = 1;
export const PART_SESSIONS: u32 = 2;
export const PART_SESSION_COUNTERS: u32 = 3;
export const PART_SESSION_INDEX: u32 = 4;
export const PART_ADDRESSES: u32 = 5;
export const PART_STACK: u32 = 6;
export const PART_BUNDLES: u32 = 7;
/** Fixed pool of fragments waiting for reassembly, one block a shard. */
export const PART_FRAGMENTS: u32 = 9;
/** Unacknowledged control messages, for a restart that keeps its tunnels. */
export const PART_MESSAGES: u32 = 10;
/** Drops by reason and totals, one block a shard. */
export const PART_SHARD_COUNTERS: u32 = 11;
export const PART_SHAPERS: u32 = 12;
export const PART_FILTERS: u32 = 13;
// Volatile parts; those from PART_RX on have one block a shard.
export const PART_CONTROL: u32 = 16;
/** Main thread's work area: AVP hiding, messages being built. */
export const PART_SCRATCH: u32 = 17;
export const PART_SHARD_CONTROL: u32 = 18;
export const PART_RX: u32 = 19;
export const PART_TX: u32 = 20;
/** Packets read from the core side. */
export const PART_CORE: u32 = 21;
/** shard to main: PPP control frames, control messages, datagrams and packets of the portable back ends. */
export const PART_RING_PUNT: u32 = 22;
/** main to shard: frames to send, commands. */
export const PART_RING_INJECT: u32 = 23;
/** main to shard: datagrams received by a portable back end. */
export const PART_RING_ACCESS_IN: u32 = 24;
/** shard to main: datagrams to send by a portable back end. */
export const PART_RING_ACCESS_OUT: u32 = 25;
/** main to shard: IP packets towards clients. */
export const PART_RING_CORE_IN: u32 = 26;
/** shard to main: IP packets from clients. */
export const PART_RING_CORE_OUT: u32 = 27;
/** shard to shard: fragments and packets whose owner is another shard; shards x shards rings. */
export const PART_RING_PEER: u32 = 28;
export const PART_URING: u32 = 29;
/** State of the traffic generator, one record a session. */
export const PART_TRAFFIC: u32 = 30;
/** Packets that wait for their turn, of a shard (path/shape.ts). */
export const PART_SHAPE: u32 = 31;
/** Queues of AF_XDP interfaces (layout/xdp.ts). */
export const PART_XDP: u32 = 32;
/** Next hops of what leaves by AF_XDP to the core (layout/fib.ts). */
export const PART_FIB: u32 = 33;
export const PARTS: u32 = 34;

/** Alignment of every part. */
export const PART_ALIGN: u32 = 0x10000;

// Control words of the whole (PART_CONTROL).
/** u32, added to and notified by a shard that left something for the main thread. */
export const CONTROL_DOORBELL: u32 = 0;
/** u32, the epoch; the main thread alone advances it. */
export const CONTROL_EPOCH: u32 = 64;
/** u32, bit 0: stop. */
export const CONTROL_STOP: u32 = 128;
/** Prefix lengths in use, 0 to 128 over IPv4-mapped space: u32 counts written by the main thread. */
export const CONTROL_PREFIX_COUNTS: u32 = 192;
/** The same as bits, 5 words, published with one atomic store each. */
export const CONTROL_PREFIX_BITS: u32 = 768;
/** u32, session rows in use when one was last taken; written by the main thread. */
export const CONTROL_SESSIONS: u32 = 832;
export const CONTROL_SIZE: u32 = 1024;

// Control words of a shard (PART_SHARD_CONTROL).
/** u32, the epoch this shard has seen; SHARD_OFFLINE while it waits. */
export const SHARD_EPOCH: u32 = 0;
/** u32, 1 while the shard sleeps or is about to: the writer of a ring then wakes it. */
export const SHARD_SLEEPING: u32 = 64;
/** u32, added to at each wake-up where there is no eventfd. */
export const SHARD_WAKE: u32 = 128;
/** u32, 1 while the task runs. */
export const SHARD_RUNNING: u32 = 192;
/** u32, packets a second that this shard's traffic generator sends; written by the main thread. */
export const SHARD_TRAFFIC_RATE: u32 = 196;
/** Pool of fragments: u32 first free slot, u32 next slot never used, u32 slots in use, u32 first slot to free behind the batch. */
export const SHARD_FRAGMENT_FREE: u32 = 200;
export const SHARD_FRAGMENT_FRESH: u32 = 204;
export const SHARD_FRAGMENT_USED: u32 = 208;
export const SHARD_FRAGMENT_LATER: u32 = 212;
/** Bundles that wait for a fragment: u32 first, u32 last row. */
export const SHARD_WAITING_FIRST: u32 = 216;
export const SHARD_WAITING_LAST: u32 = 220;
/** i32, -1 while the shard writes to its TUN queue by io_uring; else the errno that stood in the way, 0 for none. */
export const SHARD_URING: u32 = 224;
/** i32, descriptor of that ring. */
export const SHARD_URING_FD: u32 = 228;
/** u32, PART_RING_* of the ring whose records the shard works on, the shard that filled it << 8; 0: none. */
export const SHARD_DOING: u32 = 232;
/** u32, for tests: HOOK_* that the shard is to do when it is woken; written by the main thread. */
export const SHARD_HOOK: u32 = 236;
export const HOOK_TRAP: u32 = 1;
export const HOOK_EXIT: u32 = 2;
/** u32, microseconds of CPU time that the shard's thread has used, modulo 2^32; a tenth of a second old at most while it runs. */
export const SHARD_CPU: u32 = 240;
/** Work area for struct timespec, epoll_event and the like. */
export const SHARD_SCRATCH: u32 = 256;
export const SHARD_SCRATCH_SIZE: u32 = 3840 - 256;
/** u32 position in the ring of each other shard, up to SHARDS_MAX, while a batch of it is in work. */
export const SHARD_PEER_CURSORS: u32 = 3840;
export const SHARDS_MAX: u32 = 64;
export const SHARD_CONTROL_SIZE: u32 = 4096;
export const SHARD_OFFLINE: u32 = 0xffffffff;

// Receive area of a shard (PART_RX): 64 messages, octet sizes of the C structures on 64-bit Linux.
export const BATCH: u32 = 64;
/** struct mmsghdr: name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40, flags 48, len 56. */
export const MMSGHDR_SIZE: u32 = 64;
export const IOVEC_SIZE: u32 = 16;
/** struct sockaddr_in6 is 28 octets. */
export const SOCKADDR_SIZE: u32 = 32;
/** Control messages: UDP_SEGMENT, PKTINFO and TOS together take up to 88 octets. */
export const CMSG_SIZE: u32 = 128;
export const RX_MESSAGES: u32 = 0;
export const RX_IOVECS: u32 = 4096;
export const RX_NAMES: u32 = 8192;
export const RX_CONTROLS: u32 = 12288;
export const RX_SLOTS: u32 = 0x10000;
/** Room before a received datagram, so that an answer can be built in place. */
export const HEADROOM: u32 = 64;
/** Octets from one receive slot to the next without UDP_GRO: 145 cache lines, so that slots spread over all cache sets. */
export const SLOT_SIZE: u32 = 9280;
/** Largest datagram a slot holds. */
export const SLOT_OCTETS: u32 = 9216;
/** With UDP_GRO: a slot holds the largest UDP payload; an odd number of cache lines. The area holds 64 of them. */
export const SLOT_SIZE_GRO: u32 = 66368;
/** Largest payload of a UDP datagram over IPv4, and of a run of datagrams that UDP_GRO merges. */
export const SLOT_OCTETS_GRO: u32 = 65507;
export const RX_SIZE: u32 = 0x10000 + 65 * 65536;

// Transmit area of a shard (PART_TX).
export const TX_MESSAGES_MAX: u32 = 512;
export const TX_MESSAGES: u32 = 0;
export const TX_IOVECS: u32 = 0x8000;
export const TX_CONTROLS: u32 = 0xc000;
/** Runs of messages for one socket: { group u32, first u32, count u32, 0 } each. */
export const TX_RUNS: u32 = 0x1c000;
/** Messages rebuilt one by one where the kernel refused a segmented one: 64 messages, 64 iovecs stand in TX_IOVECS. */
export const TX_SINGLE: u32 = 0x1e000;
/** Packets for the core side: { offset u32, octets u32 } each. */
export const TX_OUT: u32 = 0x20000;
export const TX_OUT_MAX: u32 = 4096;
/** Buffers for packets built here: replies, fragments, ICMP, injected frames. */
export const TX_SLOTS: u32 = 0x30000;
export const TX_SLOT_SIZE: u32 = 9280;
export const TX_SLOTS_MAX: u32 = 256;
// Writes of several packets each for a TUN device with IFF_VNET_HDR (path/offload.ts).
/** struct virtio_net_hdr, 16 octets apart; the first stays zero. */
export const TX_OFFLOAD_HEADERS: u32 = 0x30000 + 256 * 9280;
export const TX_OFFLOAD_IOVECS: u32 = 0x30000 + 256 * 9280 + 0x10010;
/** { offset of the iovecs u32, their number u32 } each. */
export const TX_OFFLOAD_WRITES: u32 = 0x30000 + 256 * 9280 + 0x30010;
export const TX_OFFLOAD_RECORDS: u32 = 0x30000 + 256 * 9280 + 0x38010;
/** Flow table of the batch: { packet + 1 u32, era u32 } each. */
export const TX_OFFLOAD_TABLE: u32 = 0x30000 + 256 * 9280 + 0x58010;
export const TX_OFFLOAD_BUCKETS: u32 = 1024;
export const TX_SIZE: u32 = 0x30000 + 256 * 9280 + 0x5a040;

/** Packets read from the core side: 64 slots, spaced like those of the receive area. */
export const CORE_SLOTS: u32 = 0;
export const CORE_SIZE: u32 = 65 * 65536;
// With IFF_VNET_HDR: packets read back to back, { offset u32, octets u32 } of each, and what super-packets are split into.
export const CORE_READ_SIZE: u32 = 0x1f0000;
/** Octets of the largest read: a virtio_net_hdr and a packet of 65,535. */
export const CORE_READ_MAX: u32 = 65552;
export const CORE_LIST: u32 = 0x1f0000;
export const CORE_SPLIT: u32 = 0x200000;
/** struct virtio_net_hdr: flags u8, gso_type u8, hdr_len, gso_size, csum_start, csum_offset u16, native-endian. */
export const VNET_HEADER_SIZE: u32 = 10;
export const VNET_NEEDS_CSUM: u32 = 1;
export const VNET_GSO_NONE: u32 = 0;
export const VNET_GSO_TCPV4: u32 = 1;
export const VNET_GSO_UDP_L4: u32 = 5;
export const VNET_GSO_ECN: u32 = 0x80;

// Rings: one producer, one consumer. Positions count octets and wrap at 2^32; the data area's size is a power of two.
/** u32, position of the consumer. */
export const RING_HEAD: u32 = 0;
/** u32, position of the producer. */
export const RING_TAIL: u32 = 64;
export const RING_DATA: u32 = 128;
// A record: u32 octets of the whole (a multiple of 8), u32 kind, u32 octets of the payload, u32 row, u32 generation, u32 aux.
export const RECORD_SIZE: u32 = 0;
export const RECORD_KIND: u32 = 4;
export const RECORD_OCTETS: u32 = 8;
export const RECORD_ROW: u32 = 12;
export const RECORD_GENERATION: u32 = 16;
export const RECORD_AUX: u32 = 20;
export const RECORD_HEADER: u32 = 24;
/** Fills the rest of the data area before the wrap. */
export const RECORD_PAD: u32 = 0;
/** A PPP frame of a session, from its protocol field on. */
export const RECORD_PPP: u32 = 1;
/** A control message that reached a data socket; the payload is the sockaddr (SOCKADDR_SIZE octets), then the datagram; aux = socket group. */
export const RECORD_CONTROL: u32 = 2;
/** A datagram, laid out as RECORD_CONTROL. */
export const RECORD_DATAGRAM: u32 = 3;
/** An IP packet; row = session it came from, 0 towards clients. */
export const RECORD_PACKET: u32 = 4;
/** A PPP frame for a session to send, Address and Control fields included where they are to be sent. */
export const RECORD_SEND: u32 = 5;
/** A fragment on its way to its bundle's owner, from the multilink header on: row = bundle, aux = member link. */
export const RECORD_FRAGMENT: u32 = 6;
/** Membership of a bundle, from the main thread; row = bundle, aux = member link. A join carries a JOIN_* block. */
export const RECORD_LINK_JOIN: u32 = 7;
export const RECORD_LINK_LEAVE: u32 = 8;
/** The bundle ends: its owner lets go of the row. */
export const RECORD_BUNDLE_END: u32 = 9;
/** A copy of an IP packet for a capture; row = session or network row of a bundle, aux = 1 from the client, 0 towards it. */
export const RECORD_TAP: u32 = 10;
export const JOIN_SESSION: u32 = 0;
export const JOIN_GENERATION: u32 = 4;
export const JOIN_NS_PER_256: u32 = 8;
export const JOIN_MRU: u32 = 12;
export const JOIN_SIZE: u32 = 16;

/** PPP frames of one session that may wait for the main thread. */
export const PUNT_SESSION_MAX: u32 = 16;

// io_uring of a shard (PART_URING): pages that the kernel pins.
export const URING_ENTRIES: u32 = 1024;
/** URING_ENTRIES submission entries of 64 octets. */
export const URING_SQES: u32 = 0;
/** Heads, tails, and twice as many completion entries of 16 octets. */
export const URING_RINGS: u32 = 0x10000;
/** struct io_uring_params. */
export const URING_PARAMS: u32 = 0x1f000;
export const URING_SIZE: u32 = 0x20000;

// Shaping (PART_SHAPE): a wheel of places, one a millisecond, { first slot u32, last u32 } each, then slots.
export const SHAPE_PLACES: u32 = 1024;
/** Longest wait, in milliseconds: less than a turn of the wheel. */
export const SHAPE_WAIT_MAX: u32 = 1000;
export const SHAPE_SLOTS_AT: u32 = 0x2000;
export const SHAPE_SLOTS: u32 = 4096;
export const SHAPE_SLOT_SIZE: u32 = 2048;
export const SHAPE_PAYLOAD: u32 = 96;
export const SHAPE_SIZE: u32 = 0x2000 + 4096 * 2048;
