// Multilink bundle and its member links (RFC 1990), and the pool of fragments. Reserved: the path does not use them yet.

@unmanaged class BundleRow {
  generation: u32;
  flags: u32;
  routingInstance: u16;
  ownerShard: u16;
  links: u32;
  link0: u32; link1: u32; link2: u32; link3: u32; link4: u32; link5: u32; link6: u32; link7: u32; // session rows
  localMrru: u32;
  peerMrru: u32;
  address0: u64;
  address1: u64;
  nextSequence: u32; // to send
  expected: u32; // next to deliver
  minimum: u32; // M of RFC 1990 section 4.1
  oldest: u32; // fragment queue
  newest: u32;
  queued: u32;
  fragmentThreshold: u32;
  dropTimeout: u32;
  upSequence: u64;
  localAddress: u32;
  stackNode: u32;
  headAt: u32; // ms at which the first fragment of the queue arrived
  reserved0: u32;
  counters0: u64; counters1: u64; counters2: u64; counters3: u64; counters4: u64; counters5: u64; counters6: u64; counters7: u64;
  reserved1: u64; reserved2: u64; reserved3: u64;
}
export const BUNDLE_ROW_SIZE: u32 = offsetof<BundleRow>();
export const BUNDLE_LINKS_MAX: u32 = 8;

@unmanaged class LinkRow {
  session: u32;
  bundle: u32;
  lastSequence: u32; // most recently received
  txOctets: u32; // queued
  speed: u64; // bit/s
  lastHeard: u32;
  flags: u32;
}
export const LINK_ROW_SIZE: u32 = offsetof<LinkRow>();

@unmanaged class FragmentSlot {
  next: u32;
  sequence: u32;
  octets: u16;
  flags: u8; // B and E
  link: u8;
  receivedAt: u32;
}
/** Octets of a fragment's head; its payload follows in the slot. */
export const FRAGMENT_HEADER_SIZE: u32 = offsetof<FragmentSlot>();
export const FRAGMENT_SLOT_SIZE: u32 = 2048;
