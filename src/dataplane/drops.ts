import * as layout from '../generated/layout.ts';

type DropName = Extract<keyof typeof layout, `DROP_${string}`>;
type TotalName = Extract<keyof typeof layout, `TOTAL_${string}`>;

/** Every reason to drop a packet: its counter's name and what happened. */
export const DROPS: Record<DropName, readonly [counter: string, text: string]> = {
  DROP_RUNT: ['runt', 'datagram ends inside its L2TP header'],
  DROP_VERSION: ['version', 'Ver is not 2'],
  DROP_LENGTH: ['length', 'Length or Offset Size points outside the datagram'],
  DROP_TRUNCATED: ['truncated', 'datagram is larger than a receive buffer'],
  DROP_TUNNEL: ['tunnel-unknown', 'no tunnel has this Tunnel ID'],
  DROP_SESSION: ['session-unknown', 'the tunnel has no session with this Session ID'],
  DROP_PEER_ADDRESS: ['peer-address', 'datagram comes from another address or port than the tunnel was set up with'],
  DROP_LATE: ['late', 'Ns is older than one already delivered'],
  DROP_NS_MISSING: ['ns-missing', 'no Ns although the LAC required sequencing'],
  DROP_PPP_EMPTY: ['ppp-empty', 'no PPP frame behind the L2TP header'],
  DROP_PPP_PROTOCOL: ['ppp-protocol', 'PPP protocol field is cut off'],
  DROP_NOT_UP: ['not-up', 'IP packet of a session whose IPCP is not Opened'],
  DROP_ACTION: ['session-drop', 'the session is set to drop'],
  DROP_IP_VERSION: ['ip-version', 'IP version is not 4'],
  DROP_IP_LENGTH: ['ip-length', 'IP header or Total Length does not fit the frame'],
  DROP_SPOOFED: ['spoofed', 'source address does not belong to the session'],
  DROP_PUNT_SESSION: ['control-session', 'too many PPP control frames of one session are waiting'],
  DROP_PUNT_FULL: ['control-full', 'the ring of PPP control frames is full'],
  DROP_NO_ROUTE: ['no-route', 'no session carries the destination address'],
  DROP_CORE_IP: ['core-ip', 'not a whole IPv4 packet'],
  DROP_TOO_BIG: ['too-big', "larger than the client's MRU and not to be fragmented"],
  DROP_FRAGMENTS: ['fragments', "would need too many fragments for the client's MRU"],
  DROP_ICMP_RATE: ['icmp-rate', 'ICMP message withheld by the rate limit'],
  DROP_SEND_BUFFER: ['send-buffer', "the socket's send buffer is full"],
  DROP_SEND_ERROR: ['send-error', 'the kernel refused the datagram'],
  DROP_CORE_WRITE: ['core-write', 'the TUN device did not take the packet'],
  DROP_STALE: ['stale', 'frame for a session that is gone'],
  DROP_RING_FULL: ['ring-full', 'the ring of a portable back end is full'],
  DROP_HOST: ['host', 'the embedded host has no answer to the packet'],
  DROP_CORE_NONE: ['core-none', 'there is no core side'],
  DROP_MP_RUNT: ['mp-runt', 'frame ends inside its multilink header'],
  DROP_MP_LATE: ['mp-late', 'fragment was given up, or delivered, before it came'],
  DROP_MP_DUPLICATE: ['mp-duplicate', 'a fragment with this number is waiting already'],
  DROP_MP_LOST: ['mp-lost', 'another fragment of the packet is lost'],
  DROP_MP_NO_BEGIN: ['mp-no-begin', 'fragment continues a packet that has not begun'],
  DROP_MP_NO_END: ['mp-no-end', 'the next packet begins before this one has ended'],
  DROP_MP_MRRU: ['mp-mrru', 'the packet is larger than our MRRU'],
  DROP_MP_WINDOW: ['mp-window', 'given up for a fragment too far ahead'],
  DROP_MP_SHARE: ['mp-share', "the bundle holds its share of the fragments' memory"],
  DROP_MP_POOL: ['mp-pool', 'longest waiting when the memory of fragments was full'],
  DROP_MP_TIMEOUT: ['mp-timeout', 'waited for drop-timeout'],
  DROP_MP_GONE: ['mp-gone', 'the bundle ended'],
  DROP_PEER_RING: ['peer-ring', "the ring to the bundle's owner shard is full"],
  DROP_XDP_FRAME: ['xdp-frame', 'a frame from an AF_XDP ring that is no whole UDP datagram, or IP packet'],
  DROP_XDP_CHECKSUM: [
    'xdp-checksum',
    'the UDP checksum of a frame from an AF_XDP ring is wrong, or that of its IP header',
  ],
  DROP_XDP_FULL: ['xdp-full', 'the AF_XDP ring to the core is full'],
  DROP_POLICED_UP: ['policed-up', "more than the session's rate, from the client"],
  DROP_SHAPE_POOL: ['shape-pool', 'no room for another packet that waits for its turn'],
  DROP_POLICED_DOWN: ['policed-down', "more than the session's rate, towards the client"],
};

/** Totals of a shard. */
export const TOTALS: Record<TotalName, string> = {
  TOTAL_RX_DATAGRAMS: 'rxDatagrams',
  TOTAL_RX_OCTETS: 'rxOctets',
  TOTAL_TX_DATAGRAMS: 'txDatagrams',
  TOTAL_TX_OCTETS: 'txOctets',
  TOTAL_DELIVERED: 'delivered',
  TOTAL_DELIVERED_OCTETS: 'deliveredOctets',
  TOTAL_ACCEPTED: 'accepted',
  TOTAL_ACCEPTED_OCTETS: 'acceptedOctets',
  TOTAL_PUNTED: 'punted',
  TOTAL_INJECTED: 'injected',
  TOTAL_ECHO_REPLIES: 'echoReplies',
  TOTAL_ECHO_TAKEN: 'echoTaken',
  TOTAL_ICMP_SENT: 'icmpSent',
  TOTAL_FRAGMENTED: 'fragmented',
  TOTAL_BATCHES: 'batches',
  TOTAL_LOST: 'lost',
  TOTAL_LOOPS: 'loops',
  TOTAL_RX_RUNS: 'rxRuns',
  TOTAL_RX_RUN_CONTROL: 'rxRunControl',
  TOTAL_CORE_RUNS_IN: 'coreRunsIn',
  TOTAL_CORE_RUNS_OUT: 'coreRunsOut',
  TOTAL_CORE_RUN_PACKETS_OUT: 'coreRunPacketsOut',
  TOTAL_MSS_CLAMPED: 'mssClamped',
  TOTAL_XDP_RX: 'xdpRx',
  TOTAL_XDP_TX: 'xdpTx',
  TOTAL_XDP_CORE_RX: 'xdpCoreRx',
  TOTAL_XDP_CORE_TX: 'xdpCoreTx',
  TOTAL_MP_RX_FRAGMENTS: 'mpRxFragments',
  TOTAL_MP_RX_PACKETS: 'mpRxPackets',
  TOTAL_MP_TX_FRAGMENTS: 'mpTxFragments',
  TOTAL_MP_TX_PACKETS: 'mpTxPackets',
  TOTAL_PEER_SENT: 'peerSent',
  TOTAL_TAPPED: 'tapped',
  TOTAL_TAP_LOST: 'tapLost',
};

/** [index in a shard's block, counter, sentence], in the order of the layout. */
export const DROP_LIST: readonly (readonly [index: number, counter: string, text: string])[] = (
  Object.keys(DROPS) as DropName[]
)
  .map((name) => [layout[name], ...DROPS[name]] as const)
  .sort((a, b) => a[0] - b[0]);
export const TOTAL_LIST: readonly (readonly [index: number, counter: string])[] = (
  Object.keys(TOTALS) as TotalName[]
).map((name) => [layout[name], TOTALS[name]] as const);
