// Multilink bundle (RFC 1990), its member links, and the pool of fragments that wait for reassembly.
//
// A bundle's address, counters and place in the stacks are those of a session row of its own, its network row
// (action ACTION_MULTILINK, target the bundle). Its member links are ordinary session rows (action ACTION_BUNDLE).
// Everything behind `links` belongs to the owner shard; the main thread fills the row in before it is published and
// changes membership by records in the owner's inject ring.

@unmanaged class BundleRow {
  // line 0: main thread, before the row is published
  generation: u32; // odd while the row is in use
  network: u32; // session row
  ownerShard: u16;
  flags: u16; // BUNDLE_*
  localMrru: u32; // octets of Information that we take
  fragmentThreshold: u32; // octets of a fragment's payload; 0: whole packets
  dropTimeout: u32; // ms; 0: none
  ended: u32; // 1 once the owner has let go of the row; atomic
  // owner shard from here on
  links: u32; // bits of the member links
  heard: u32; // bits of the links that a fragment came by
  expected: u32; // number of the next fragment to consume, counted on beyond the sequence space
  nextSequence: u32; // to send
  queued: u32; // fragments in the window
  held: u32; // slots of the pool
  assembly: u32; // slot of the packet that is being put together; 0: none
  assembled: u32; // octets of it
  assembledFragments: u32;
  // line 1
  orphan: u32; // 1: what comes next belongs to a packet that lost a fragment
  lateRun: u32; // late fragments in a row
  assemblyAt: u32; // ms at which the first fragment of the packet came
  waiting: u32; // 1 while in the shard's list of bundles that wait for a fragment
  waitNext: u32;
  waitPrevious: u32;
  mru: u32; // least MRU of the member links
  largestDifference: u32; // furthest that a fragment came ahead
  rxFragments: u64; rxPackets: u64; rxDiscarded: u64;
  txFragments: u64; txPackets: u64;
  gapAt: u32; // ms since which the expected number has been waited for, while fragments wait behind it
  reserved0: u32;
  reserved1: u64; reserved2: u64;
}
export const BUNDLE_GENERATION: u32 = offsetof<BundleRow>("generation");
export const BUNDLE_NETWORK: u32 = offsetof<BundleRow>("network");
export const BUNDLE_OWNER_SHARD: u32 = offsetof<BundleRow>("ownerShard");
export const BUNDLE_FLAGS: u32 = offsetof<BundleRow>("flags");
export const BUNDLE_LOCAL_MRRU: u32 = offsetof<BundleRow>("localMrru");
export const BUNDLE_FRAGMENT_THRESHOLD: u32 = offsetof<BundleRow>("fragmentThreshold");
export const BUNDLE_DROP_TIMEOUT: u32 = offsetof<BundleRow>("dropTimeout");
export const BUNDLE_ENDED: u32 = offsetof<BundleRow>("ended");
export const BUNDLE_LINKS: u32 = offsetof<BundleRow>("links");
export const BUNDLE_HEARD: u32 = offsetof<BundleRow>("heard");
export const BUNDLE_EXPECTED: u32 = offsetof<BundleRow>("expected");
export const BUNDLE_NEXT_SEQUENCE: u32 = offsetof<BundleRow>("nextSequence");
export const BUNDLE_QUEUED: u32 = offsetof<BundleRow>("queued");
export const BUNDLE_HELD: u32 = offsetof<BundleRow>("held");
export const BUNDLE_ASSEMBLY: u32 = offsetof<BundleRow>("assembly");
export const BUNDLE_ASSEMBLED: u32 = offsetof<BundleRow>("assembled");
export const BUNDLE_ASSEMBLED_FRAGMENTS: u32 = offsetof<BundleRow>("assembledFragments");
export const BUNDLE_ORPHAN: u32 = offsetof<BundleRow>("orphan");
export const BUNDLE_LATE_RUN: u32 = offsetof<BundleRow>("lateRun");
export const BUNDLE_ASSEMBLY_AT: u32 = offsetof<BundleRow>("assemblyAt");
export const BUNDLE_WAITING: u32 = offsetof<BundleRow>("waiting");
export const BUNDLE_WAIT_NEXT: u32 = offsetof<BundleRow>("waitNext");
export const BUNDLE_WAIT_PREVIOUS: u32 = offsetof<BundleRow>("waitPrevious");
export const BUNDLE_MRU: u32 = offsetof<BundleRow>("mru");
export const BUNDLE_LARGEST_DIFFERENCE: u32 = offsetof<BundleRow>("largestDifference");
export const BUNDLE_RX_FRAGMENTS: u32 = offsetof<BundleRow>("rxFragments");
export const BUNDLE_RX_PACKETS: u32 = offsetof<BundleRow>("rxPackets");
export const BUNDLE_RX_DISCARDED: u32 = offsetof<BundleRow>("rxDiscarded");
export const BUNDLE_TX_FRAGMENTS: u32 = offsetof<BundleRow>("txFragments");
export const BUNDLE_TX_PACKETS: u32 = offsetof<BundleRow>("txPackets");
export const BUNDLE_GAP_AT: u32 = offsetof<BundleRow>("gapAt");
/** The peer sends 12-bit sequence numbers; we do. */
export const BUNDLE_RX_SHORT: u32 = 1;
export const BUNDLE_TX_SHORT: u32 = 2;

/** Member links of a bundle, behind the row's own fields. */
@unmanaged class LinkState {
  session: u32; // session row; 0: none
  generation: u32; // of that row
  last: u32; // highest number received, counted on as `expected`
  lastHeard: u32; // ms
  nsPer256: u32; // nanoseconds that 256 octets take at the link's speed
  mru: u32; // octets that the peer takes in one frame of this link
  busyUntil: u64; // nanoseconds of the shared clock at which the link has sent what it was given
}
export const LINK_SESSION: u32 = offsetof<LinkState>("session");
export const LINK_GENERATION: u32 = offsetof<LinkState>("generation");
export const LINK_LAST: u32 = offsetof<LinkState>("last");
export const LINK_LAST_HEARD: u32 = offsetof<LinkState>("lastHeard");
export const LINK_NS_PER_256: u32 = offsetof<LinkState>("nsPer256");
export const LINK_MRU: u32 = offsetof<LinkState>("mru");
export const LINK_BUSY_UNTIL: u32 = offsetof<LinkState>("busyUntil");
export const LINK_SIZE: u32 = offsetof<LinkState>();
export const BUNDLE_LINK_STATES: u32 = offsetof<BundleRow>();
export const BUNDLE_LINKS_MAX: u32 = 8;

/** Fragments ahead of the expected one that a bundle can hold: a slot number by sequence number mod WINDOW. */
export const BUNDLE_WINDOW: u32 = 256;
export const BUNDLE_WINDOW_AT: u32 = BUNDLE_LINK_STATES + BUNDLE_LINKS_MAX * LINK_SIZE;
export const BUNDLE_ROW_SIZE: u32 = BUNDLE_WINDOW_AT + BUNDLE_WINDOW * 4;

/** A slot of the pool: a fragment in a window, or a packet being put together. Each shard has a block of slots. */
@unmanaged class FragmentSlot {
  next: u32; // free list, or list of those to be freed behind the batch
  bundle: u32; // 0 while free
  octets: u32; // of the fragment; more than FRAGMENT_OCTETS where it was cut
  flags: u8; // MP_BEGIN, MP_END
  reserved0: u8; reserved1: u8; reserved2: u8;
  receivedAt: u32;
  sequence: u32; // as `expected` counts
  reserved3: u64;
}
export const FRAGMENT_NEXT: u32 = offsetof<FragmentSlot>("next");
export const FRAGMENT_BUNDLE: u32 = offsetof<FragmentSlot>("bundle");
export const FRAGMENT_LENGTH: u32 = offsetof<FragmentSlot>("octets");
export const FRAGMENT_FLAGS: u32 = offsetof<FragmentSlot>("flags");
export const FRAGMENT_RECEIVED_AT: u32 = offsetof<FragmentSlot>("receivedAt");
export const FRAGMENT_SEQUENCE: u32 = offsetof<FragmentSlot>("sequence");
export const FRAGMENT_SLOT_SIZE: u32 = 2048;
/** Where a slot's payload stands: behind its head and room for the headers of an answer. */
export const FRAGMENT_PAYLOAD: u32 = offsetof<FragmentSlot>() + 64;
export const FRAGMENT_OCTETS: u32 = FRAGMENT_SLOT_SIZE - FRAGMENT_PAYLOAD;

/** Bits of the first octet of a multilink header (RFC 1990 section 3). */
export const MP_BEGIN: u32 = 0x80;
export const MP_END: u32 = 0x40;
/** Silence of a member link, while fragments wait, after which it no longer holds M back, ms (section 4.1: a link idle timer). */
export const LINK_IDLE: u32 = 1000;
/** A link that has joined is sent nothing until the peer has sent by it, or this long, ms, where another link can. */
export const LINK_GRACE: u32 = 500;
/** Late fragments in a row after which the peer is taken to have started anew. */
export const MP_LATE_RUN_MAX: u32 = 128;
/** How often waiting bundles are looked at, ms. */
export const MP_TICK: u32 = 5;
