// Session row. Row 0 is never used: 0 means none. A row is found by its key (local tunnel ID, local session ID)
// through the session index, never computed from an ID.

@unmanaged class SessionRow {
  // line 0: read for every packet, either way
  generation: u32; // odd while the row is in use
  key: u32; // local tunnel ID << 16 | local session ID
  tunnelRow: u32;
  flags: u32; // SESSION_*, changed by atomic and/or
  action: u32; // ACTION_*; action and target are one aligned u64, switched by one atomic store
  target: u32;
  routingInstance: u16;
  ownerShard: u16;
  peerMru: u32; // octets of an IP packet that the client takes
  address0: u64; // the client's address, IPv4 mapped into IPv6, network order
  address1: u64;
  shaperUp: u32;
  shaperDown: u32;
  peerLength: u16;
  socketGroup: u16;
  plainSize: u8;
  numberedSize: u8;
  reserved0: u16;
  // line 1: what is sent and to whom; every packet from the LAC is checked against `peer`
  plain0: u64; // L2TP and PPP header, right-aligned in 16 octets; Length is patched
  plain1: u64;
  numbered0: u64; // the same with Ns and Nr
  numbered1: u64;
  peer0: u64; peer1: u64; peer2: u64; peer3: u64; // sockaddr of the LAC
  // line 2
  localMagic: u32; // network order, as it stands in the frame
  peerMagic: u32;
  rxNs: u16; // next Ns expected; written by the owner shard
  lateRun: u16; // data messages in a row that came late
  txNs: u32; // next Ns to send, low 16 bits; written by the owner shard
  localAddress: u32; // our own IPCP address, network order
  puntPending: u32; // frames waiting for the main thread; atomic
  upSequence: u64; // order in which sessions came up
  filter: u32;
  tap: u32;
  stackNode: u32;
  bundle: u32;
  link: u32;
  echoState: u32; // LCP echo of our own: identifier << 16 | missed
  echoSentAt: u32;
  reserved1: u32;
  // line 3: relay and remote actions, acceleration to come
  frame: u64; // L2TP header with Length 0, for frames of the main thread; immutable
  reserved3: u64; reserved4: u64; reserved5: u64;
  reserved6: u64; reserved7: u64; reserved8: u64; reserved9: u64;
}
export const SESSION_GENERATION: u32 = offsetof<SessionRow>("generation");
export const SESSION_KEY: u32 = offsetof<SessionRow>("key");
export const SESSION_TUNNEL_ROW: u32 = offsetof<SessionRow>("tunnelRow");
export const SESSION_FLAGS: u32 = offsetof<SessionRow>("flags");
export const SESSION_ACTION: u32 = offsetof<SessionRow>("action");
export const SESSION_TARGET: u32 = offsetof<SessionRow>("target");
export const SESSION_ROUTING_INSTANCE: u32 = offsetof<SessionRow>("routingInstance");
export const SESSION_OWNER_SHARD: u32 = offsetof<SessionRow>("ownerShard");
export const SESSION_PEER_MRU: u32 = offsetof<SessionRow>("peerMru");
export const SESSION_ADDRESS: u32 = offsetof<SessionRow>("address0");
export const SESSION_LOCAL_MAGIC: u32 = offsetof<SessionRow>("localMagic");
export const SESSION_PEER_MAGIC: u32 = offsetof<SessionRow>("peerMagic");
export const SESSION_RX_NS: u32 = offsetof<SessionRow>("rxNs");
export const SESSION_LATE_RUN: u32 = offsetof<SessionRow>("lateRun");
export const SESSION_TX_NS: u32 = offsetof<SessionRow>("txNs");
export const SESSION_PLAIN: u32 = offsetof<SessionRow>("plain0");
export const SESSION_NUMBERED: u32 = offsetof<SessionRow>("numbered0");
export const SESSION_PEER: u32 = offsetof<SessionRow>("peer0");
export const SESSION_PEER_LENGTH: u32 = offsetof<SessionRow>("peerLength");
export const SESSION_SOCKET_GROUP: u32 = offsetof<SessionRow>("socketGroup");
export const SESSION_PLAIN_SIZE: u32 = offsetof<SessionRow>("plainSize");
export const SESSION_NUMBERED_SIZE: u32 = offsetof<SessionRow>("numberedSize");
export const SESSION_LOCAL_ADDRESS: u32 = offsetof<SessionRow>("localAddress");
export const SESSION_PUNT_PENDING: u32 = offsetof<SessionRow>("puntPending");
export const SESSION_UP_SEQUENCE: u32 = offsetof<SessionRow>("upSequence");
export const SESSION_SHAPER_UP: u32 = offsetof<SessionRow>("shaperUp");
export const SESSION_SHAPER_DOWN: u32 = offsetof<SessionRow>("shaperDown");
export const SESSION_FILTER: u32 = offsetof<SessionRow>("filter");
export const SESSION_TAP: u32 = offsetof<SessionRow>("tap");
export const SESSION_STACK_NODE: u32 = offsetof<SessionRow>("stackNode");
export const SESSION_BUNDLE: u32 = offsetof<SessionRow>("bundle");
export const SESSION_LINK: u32 = offsetof<SessionRow>("link");
export const SESSION_ECHO_STATE: u32 = offsetof<SessionRow>("echoState");
export const SESSION_ECHO_SENT_AT: u32 = offsetof<SessionRow>("echoSentAt");
export const SESSION_FRAME: u32 = offsetof<SessionRow>("frame");
export const SESSION_ROW_SIZE: u32 = offsetof<SessionRow>();

// Actions: what becomes of an IP packet of the session.
/** Nothing yet: PPP control frames only. A fresh row, so that zeroed memory is safe. */
export const ACTION_PUNT: u32 = 0;
export const ACTION_DELIVER: u32 = 1;
/** A member link of bundle `target`. */
export const ACTION_BUNDLE: u32 = 2;
/** The frame goes on in session `target` (tunnel switching). */
export const ACTION_RELAY: u32 = 3;
/** The frame goes to cluster member `target`. */
export const ACTION_REMOTE: u32 = 4;
export const ACTION_DROP: u32 = 5;
/** The network row of bundle `target`. */
export const ACTION_MULTILINK: u32 = 6;

/** LCP is Opened: Echo-Requests are answered on the path. */
export const SESSION_LCP_OPENED: u32 = 1;
/** Data messages are sent with Ns (RFC 2661 section 5.4). */
export const SESSION_SEND_NS: u32 = 2;
/** The LAC asked for sequencing at all times: data without Ns is dropped. */
export const SESSION_NS_REQUIRED: u32 = 4;
/** We are the LAC: the peer's use of Ns turns ours on and off. */
export const SESSION_LAC: u32 = 8;
/** rxNs holds a number. */
export const SESSION_RX_NS_VALID: u32 = 16;
/** A stack holds this session. */
export const SESSION_UP: u32 = 32;
/** The network row of a bundle: it has no call of its own. */
export const SESSION_BUNDLE_NETWORK: u32 = 64;
/** A capture wants a copy of every IP packet. */
export const SESSION_TAPPED: u32 = 128;

/** Late data messages in a row after which the peer is taken to have started anew. */
export const LATE_RUN_MAX: u32 = 32;

// Counters of a session: what the owner shard writes plainly, and what the other threads add atomically.
@unmanaged class SessionCounters {
  // line 0: written for every packet
  rxPackets: u64; rxOctets: u64; txPackets: u64; txOctets: u64; // owner
  lastRx: u32; lastTx: u32; // ms of the shared clock
  late: u32; lost: u32; // data messages with Ns; owner
  rxErrors: u64; txErrors: u64; // atomic
  // line 1
  rxPacketsOther: u64; rxOctetsOther: u64; txPacketsOther: u64; txOctetsOther: u64; // atomic
  rxControlPackets: u64; rxControlOctets: u64; // PPP control frames; atomic
  txControlPackets: u64; txControlOctets: u64; // atomic
}
export const COUNTER_RX_PACKETS: u32 = offsetof<SessionCounters>("rxPackets");
export const COUNTER_RX_OCTETS: u32 = offsetof<SessionCounters>("rxOctets");
export const COUNTER_TX_PACKETS: u32 = offsetof<SessionCounters>("txPackets");
export const COUNTER_TX_OCTETS: u32 = offsetof<SessionCounters>("txOctets");
/** From an owner's counter to the same counter of all others. */
export const COUNTER_OTHER: u32 = offsetof<SessionCounters>("rxPacketsOther");
export const COUNTER_RX_ERRORS: u32 = offsetof<SessionCounters>("rxErrors");
export const COUNTER_TX_ERRORS: u32 = offsetof<SessionCounters>("txErrors");
export const COUNTER_RX_CONTROL_PACKETS: u32 = offsetof<SessionCounters>("rxControlPackets");
export const COUNTER_RX_CONTROL_OCTETS: u32 = offsetof<SessionCounters>("rxControlOctets");
export const COUNTER_TX_CONTROL_PACKETS: u32 = offsetof<SessionCounters>("txControlPackets");
export const COUNTER_TX_CONTROL_OCTETS: u32 = offsetof<SessionCounters>("txControlOctets");
export const COUNTER_LAST_RX: u32 = offsetof<SessionCounters>("lastRx");
export const COUNTER_LAST_TX: u32 = offsetof<SessionCounters>("lastTx");
export const COUNTER_LATE: u32 = offsetof<SessionCounters>("late");
export const COUNTER_LOST: u32 = offsetof<SessionCounters>("lost");
export const SESSION_COUNTERS_SIZE: u32 = offsetof<SessionCounters>();

/** Session index entry: u64, key in the low and row in the high half; 0 = never used. Published by one atomic store. */
export const SESSION_INDEX_ENTRY_SIZE: u32 = 8;
/** A removed entry: searches go on past it. */
export const SESSION_INDEX_REMOVED: u64 = 0xffffffff00000000;
