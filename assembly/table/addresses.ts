// Address -> stack of sessions and bundles (layout/address.ts). The main thread writes; shards look up without a lock.
// A removed entry rests until every shard has passed the epoch of its removal; so do stack nodes, which the caller frees.
import { addresses, addressesMask, stack, control, now } from "../state";
import { CONTROL_PREFIX_BITS, CONTROL_PREFIX_COUNTS } from "../layout/memory";
import {
  ADDRESS_ADDRESS, ADDRESS_KEY, ADDRESS_CARRIER, ADDRESS_TOP, ADDRESS_SINCE, ADDRESS_ENTRY_SIZE, ADDRESS_USED, ADDRESS_REMOVED,
  STACK_MEMBER, STACK_BELOW, STACK_ABOVE, STACK_ENTRY, STACK_NODE_SIZE, STACK_DEPTH_MAX,
} from "../layout/address";

/** IPv4-mapped prefix ::ffff:0:0/96 as it stands in memory. */
export const MAPPED_LOW: u64 = 0xffff0000;

// @ts-ignore: decorator
@inline function slotOf(high: u64, low: u64, key: u32): u32 {
  let h = (high ^ (low + 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd ^ <u64>(key & 0xffffff) * 0x9e3779b1;
  h ^= h >>> 32;
  return <u32>(h * 0xc4ceb9fe1a85ec53 >>> 32) & addressesMask;
}
// @ts-ignore: decorator
@inline function keyOf(instance: u32, prefixLength: u32): u32 { return ADDRESS_USED << 24 | prefixLength << 16 | instance; }

/** Carrier in the entry that a search for this host begins with. */
// @ts-ignore: decorator
@inline export function firstCarrier(instance: u32, high: u64, low: u64): u32 {
  return load<u32>(addresses + slotOf(high, low, keyOf(instance, 128)) * ADDRESS_ENTRY_SIZE + ADDRESS_CARRIER);
}
/** Entry of exactly this prefix, 0 where there is none. `high`, `low`: the address as two words in memory order. */
// @ts-ignore: decorator
@inline export function findPrefix(instance: u32, prefixLength: u32, high: u64, low: u64): u32 {
  const key = keyOf(instance, prefixLength);
  const slot = slotOf(high, low, key);
  const entry = addresses + slot * ADDRESS_ENTRY_SIZE;
  return load<u32>(entry + ADDRESS_KEY) == key && load<u64>(entry + ADDRESS_ADDRESS + 8) == low && load<u64>(entry + ADDRESS_ADDRESS) == high
    ? entry : findOn(key, slot, high, low);
}
/** The search from the first slot on, which did not hold it. */
function findOn(key: u32, slot: u32, high: u64, low: u64): u32 {
  for (let n: u32 = 0; n <= addressesMask; n++) {
    const entry = addresses + slot * ADDRESS_ENTRY_SIZE;
    const found = load<u32>(entry + ADDRESS_KEY);
    if (found == 0) return 0;
    if (found == key && load<u64>(entry + ADDRESS_ADDRESS) == high && load<u64>(entry + ADDRESS_ADDRESS + 8) == low) return entry;
    slot = (slot + 1) & addressesMask;
  }
  return 0;
}
// @ts-ignore: decorator
@inline function maskHigh(prefixLength: u32): u64 { return prefixLength >= 64 ? ~<u64>0 : prefixLength == 0 ? 0 : bswap<u64>(~<u64>0 << (64 - prefixLength)); }
// @ts-ignore: decorator
@inline function maskLow(prefixLength: u32): u64 { return prefixLength <= 64 ? 0 : bswap<u64>(~<u64>0 << (128 - prefixLength)); }

/** Entry of the longest prefix in use that covers the address; the host prefix is tried first, the rest by their bits. */
export function findAddress(instance: u32, high: u64, low: u64): u32 {
  const exact = findPrefix(instance, 128, high, low);
  if (exact) return exact;
  const shortest: u32 = high == 0 && <u32>low == <u32>MAPPED_LOW ? 96 : 0;
  for (let word: i32 = 3; word >= 0; word--) {
    let bits = load<u32>(control + CONTROL_PREFIX_BITS + (<u32>word << 2));
    while (bits) {
      const bit = 31 - clz(bits);
      bits &= ~(1 << bit);
      const prefixLength = (<u32>word << 5) + bit;
      if (prefixLength < shortest) return 0;
      const entry = findPrefix(instance, prefixLength, high & maskHigh(prefixLength), low & maskLow(prefixLength));
      if (entry) return entry;
    }
  }
  return 0;
}
/** Is `member` in the stack of `entry`? Bounded, so that a walk beside a change ends. */
export function stackHolds(entry: u32, member: u32): bool {
  let node = load<u32>(entry + ADDRESS_TOP);
  for (let n: u32 = 0; node != 0 && n < STACK_DEPTH_MAX; n++) {
    if (load<u32>(stack + node * STACK_NODE_SIZE + STACK_MEMBER) == member) return true;
    node = load<u32>(stack + node * STACK_NODE_SIZE + STACK_BELOW);
  }
  return false;
}

// What follows is called by the main thread alone.

/**
 * Puts `member` on top of the stack of a prefix: from now on it carries the prefix's traffic.
 * @param address offset of 16 octets, network order, IPv4 mapped
 * @param node a free stack node, given back by the caller after `stackRemove` and a pass of all shards
 * @param passed epoch that every shard has passed: entries removed before it may be used again
 * @returns offset of the entry, 0 where the table is full
 */
export function stackPush(instance: u32, prefixLength: u32, address: u32, member: u32, node: u32, passed: u32): u32 {
  const high = load<u64>(address) & maskHigh(prefixLength);
  const low = load<u64>(address, 8) & maskLow(prefixLength);
  const key = keyOf(instance, prefixLength);
  const at = stack + node * STACK_NODE_SIZE;
  store<u32>(at, member, STACK_MEMBER);
  store<u32>(at, 0, STACK_ABOVE);
  let entry = findPrefix(instance, prefixLength, high, low);
  if (entry) {
    const top = load<u32>(entry + ADDRESS_TOP);
    store<u32>(at, top, STACK_BELOW);
    store<u32>(at, entry, STACK_ENTRY);
    store<u32>(stack + top * STACK_NODE_SIZE, node, STACK_ABOVE);
    atomic.store<u32>(entry + ADDRESS_TOP, node);
    store<u32>(entry + ADDRESS_SINCE, now);
    atomic.store<u32>(entry + ADDRESS_CARRIER, member);
    return entry;
  }
  entry = freeEntry(slotOf(high, low, key), passed);
  if (!entry) return 0;
  store<u32>(at, 0, STACK_BELOW);
  store<u32>(at, entry, STACK_ENTRY);
  store<u64>(entry + ADDRESS_ADDRESS, high);
  store<u64>(entry + ADDRESS_ADDRESS + 8, low);
  store<u32>(entry + ADDRESS_TOP, node);
  store<u32>(entry + ADDRESS_SINCE, now);
  store<u32>(entry + ADDRESS_CARRIER, member);
  atomic.store<u32>(entry + ADDRESS_KEY, key);
  countPrefix(prefixLength, 1);
  return entry;
}
/** First entry of the search from `slot` that may be written; removed entries that end no search become empty again. */
function freeEntry(slot: u32, passed: u32): u32 {
  let free: u32 = 0;
  for (let n: u32 = 0; n <= addressesMask; n++) {
    const entry = addresses + slot * ADDRESS_ENTRY_SIZE;
    const key = load<u32>(entry + ADDRESS_KEY);
    if (key == 0) {
      for (let back = (slot - 1) & addressesMask; n != 0; n--, back = (back - 1) & addressesMask) {
        const before = addresses + back * ADDRESS_ENTRY_SIZE;
        if (!mayReuse(before, load<u32>(before + ADDRESS_KEY), passed)) break;
        atomic.store<u32>(before + ADDRESS_KEY, 0);
      }
      return free ? free : entry;
    }
    if (!free && mayReuse(entry, key, passed)) free = entry;
    slot = (slot + 1) & addressesMask;
  }
  return free;
}
function mayReuse(entry: u32, key: u32, passed: u32): bool {
  return key >>> 24 == ADDRESS_REMOVED && <i32>(passed - load<u32>(entry + ADDRESS_SINCE)) >= 0;
}
/** Keeps the bits of the prefix lengths in use. */
function countPrefix(prefixLength: u32, change: i32): void {
  const at = control + CONTROL_PREFIX_COUNTS + (prefixLength << 2);
  const before = load<u32>(at);
  store<u32>(at, before + change);
  const word = control + CONTROL_PREFIX_BITS + (prefixLength >>> 5 << 2);
  if (before == 0) atomic.store<u32>(word, load<u32>(word) | 1 << (prefixLength & 31));
  else if (before + change == 0) atomic.store<u32>(word, load<u32>(word) & ~(1 << (prefixLength & 31)));
}
/**
 * Takes a node out of its stack; if it was the top, the member below carries from now on.
 * @param epoch the epoch this removal belongs to
 * @returns the carrier afterwards, 0 where the stack is empty and its entry gone
 */
export function stackRemove(node: u32, epoch: u32): u32 {
  const at = stack + node * STACK_NODE_SIZE;
  const entry = load<u32>(at, STACK_ENTRY);
  const below = load<u32>(at, STACK_BELOW);
  const above = load<u32>(at, STACK_ABOVE);
  if (below) store<u32>(stack + below * STACK_NODE_SIZE, above, STACK_ABOVE);
  if (above) {
    // readers that stand on this node still find their way down through it
    atomic.store<u32>(stack + above * STACK_NODE_SIZE + STACK_BELOW, below);
    return load<u32>(entry + ADDRESS_CARRIER);
  }
  const carrier = below ? load<u32>(stack + below * STACK_NODE_SIZE, STACK_MEMBER) : 0;
  atomic.store<u32>(entry + ADDRESS_CARRIER, carrier);
  atomic.store<u32>(entry + ADDRESS_TOP, below);
  if (below) store<u32>(entry + ADDRESS_SINCE, now);
  else {
    store<u32>(entry + ADDRESS_SINCE, epoch);
    countPrefix(load<u32>(entry + ADDRESS_KEY) >>> 16 & 0xff, -1);
    atomic.store<u32>(entry + ADDRESS_KEY, ADDRESS_REMOVED << 24);
  }
  return carrier;
}
/** Entry of the longest prefix that covers the 16 octets at `address`, 0 where there is none. */
export function addressFind(instance: u32, address: u32): u32 { return findAddress(instance, load<u64>(address), load<u64>(address, 8)); }
