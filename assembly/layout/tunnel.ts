// Tunnel row, native-endian but for the addresses. Row 0 is never used: 0 means none.

@unmanaged class TunnelRow {
  generation: u32; // odd while the row is in use
  localId: u16;
  peerId: u16;
  role: u8; // TUNNEL_ROLE_*
  family: u8; // AF_INET, AF_INET6 of the peer's address
  flags: u16; // TUNNEL_*
  socketGroup: u16;
  routingInstance: u16;
  ownerShard: u16;
  peerLength: u16; // octets of peer sockaddr
  lastHeard: u32; // ms of the shared clock, any data message of the tunnel
  ns: u16;
  nr: u16;
  // struct sockaddr_in or _in6 of both ends, 28 octets each and 4 to spare
  peer0: u64; peer1: u64; peer2: u64; peer3: u64;
  local0: u64; local1: u64; local2: u64; local3: u64;
  peerWindow: u16;
  reserved0: u16;
  sessions: u32;
  nextHop: u64; // AF_XDP: Ethernet address in the low 6 octets, 1 << 48 above it; 0 = by the socket; atomic, written by main
  reserved2: u64;
  reserved3: u64;
}
export const TUNNEL_GENERATION: u32 = offsetof<TunnelRow>("generation");
export const TUNNEL_LOCAL_ID: u32 = offsetof<TunnelRow>("localId");
export const TUNNEL_PEER_ID: u32 = offsetof<TunnelRow>("peerId");
export const TUNNEL_ROLE: u32 = offsetof<TunnelRow>("role");
export const TUNNEL_FAMILY: u32 = offsetof<TunnelRow>("family");
export const TUNNEL_FLAGS: u32 = offsetof<TunnelRow>("flags");
export const TUNNEL_SOCKET_GROUP: u32 = offsetof<TunnelRow>("socketGroup");
export const TUNNEL_ROUTING_INSTANCE: u32 = offsetof<TunnelRow>("routingInstance");
export const TUNNEL_OWNER_SHARD: u32 = offsetof<TunnelRow>("ownerShard");
export const TUNNEL_PEER_LENGTH: u32 = offsetof<TunnelRow>("peerLength");
export const TUNNEL_LAST_HEARD: u32 = offsetof<TunnelRow>("lastHeard");
export const TUNNEL_NS: u32 = offsetof<TunnelRow>("ns");
export const TUNNEL_NR: u32 = offsetof<TunnelRow>("nr");
export const TUNNEL_PEER: u32 = offsetof<TunnelRow>("peer0");
export const TUNNEL_LOCAL: u32 = offsetof<TunnelRow>("local0");
export const TUNNEL_NEXT_HOP: u32 = offsetof<TunnelRow>("nextHop");
export const TUNNEL_PEER_WINDOW: u32 = offsetof<TunnelRow>("peerWindow");
export const TUNNEL_ROW_SIZE: u32 = offsetof<TunnelRow>();

export const TUNNEL_ROLE_LNS: u32 = 1;
export const TUNNEL_ROLE_LAC: u32 = 2;
/** Its sessions are spread over the shards. */
export const TUNNEL_SPREAD: u32 = 1;
/** Taken over from an earlier process, not yet confirmed by its peer. */
export const TUNNEL_RECOVERING: u32 = 2;
/** With RUNS_TUNNEL: a run is of one session, since the peer spreads the tunnel's sessions over its shards. */
export const TUNNEL_RUNS_SESSION: u32 = 4;
