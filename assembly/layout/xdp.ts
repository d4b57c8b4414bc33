// AF_XDP: one block a receive queue of an interface (PART_XDP). The kernel's rings are mapped over pages of it, and its
// chunks of packet memory (the UMEM) are pages of it too. Offsets and sizes are of <linux/if_xdp.h>.

/** Entries of each ring, and chunks for each direction. */
export const XDP_RING: u32 = 2048;
/** struct xdp_mmap_offsets, as the kernel fills it in: receive, transmit, fill, completion; each producer, consumer, descriptors, flags. */
export const XDP_OFFSETS: u32 = 0;
/** u32, transmit chunks that are free; their addresses stand at XDP_FREE. */
export const XDP_FREE_COUNT: u32 = 128;
/** u32, identification of the next IP packet sent. */
export const XDP_IP_ID: u32 = 132;
/** Our Ethernet address, 6 octets. */
export const XDP_MAC: u32 = 136;
/** u32, most octets of an IP packet. */
export const XDP_MTU: u32 = 144;
/** u32, octets of a chunk. */
export const XDP_CHUNK: u32 = 148;
/** u32, gateways in the table behind it: u32 address, u16 port (both in network order), u16 socket group each. */
export const XDP_GATEWAYS: u32 = 152;
/** u32, XDP_ROLE_*: which side of the server the interface is on. */
export const XDP_ROLE: u32 = 156;
/** LACs: L2TP messages in UDP datagrams. */
export const XDP_ROLE_ACCESS: u32 = 0;
/** Core: IP packets from and to clients. */
export const XDP_ROLE_CORE: u32 = 1;
export const XDP_GATEWAY: u32 = 160;
export const XDP_GATEWAYS_MAX: u32 = 64;
/** struct sockaddr_in of the datagram in hand. */
export const XDP_NAME: u32 = 704;
/** u32, frames put on the transmit ring of which the kernel has not been told. */
export const XDP_UNTOLD: u32 = 736;
export const XDP_FREE: u32 = 1024;
/** Where the kernel's rings are mapped: receive, transmit, fill, completion. */
export const XDP_RX: u32 = 0x10000;
export const XDP_TX: u32 = 0x20000;
export const XDP_FILL: u32 = 0x30000;
export const XDP_COMPLETION: u32 = 0x40000;
/** Chunks: XDP_RING to receive into, XDP_RING to send from. */
export const XDP_UMEM: u32 = 0x50000;
/** Headers in front of an L2TP message: Ethernet, IPv4, UDP. */
export const XDP_HEADERS: u32 = 42;
