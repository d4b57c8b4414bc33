// Fragmentation (RFC 1990 section 3), by the bundle's owner shard alone: each link must carry strictly increasing
// numbers (section 4.1).
import { sessions, shard, now } from "../state";
import { setBe16, copyOctets } from "../path/octets";
import { count, countTx, dropTx } from "../path/count";
import { encapPacket } from "../path/encap";
import { transmitSlot } from "../path/transmit";
import { routePacket } from "../path/accept";
import { tapPacket } from "../path/tap";
import { peerPacket } from "./peer";
import { bundleAt } from "./waiting";
import { DROP_NOT_UP, DROP_FRAGMENTS, TOTAL_MP_TX_FRAGMENTS, TOTAL_MP_TX_PACKETS } from "../layout/drop";
import { SESSION_ROW_SIZE, SESSION_GENERATION, SESSION_FLAGS, SESSION_TAPPED, SESSION_ACTION, SESSION_TARGET, SESSION_ROUTING_INSTANCE, ACTION_BUNDLE } from "../layout/session";
import {
  BUNDLE_OWNER_SHARD, BUNDLE_FLAGS, BUNDLE_TX_SHORT, BUNDLE_FRAGMENT_THRESHOLD, BUNDLE_LINKS, BUNDLE_NEXT_SEQUENCE, BUNDLE_MRU, BUNDLE_TX_FRAGMENTS, BUNDLE_TX_PACKETS,
  BUNDLE_LINK_STATES, LINK_SIZE, LINK_SESSION, LINK_GENERATION, LINK_NS_PER_256, LINK_MRU, LINK_BUSY_UNTIL, LINK_LAST_HEARD, LINK_GRACE, BUNDLE_HEARD, MP_BEGIN, MP_END,
} from "../layout/bundle";

/** Fragments of one packet: what the transmit lists have room for. */
const FRAGMENTS_MAX: u32 = 64;

/**
 * Sends the IP packet at `ptr` to the bundle whose network row is `network`; up to 32 octets before it are overwritten.
 * Another shard than the owner hands it on.
 */
export function mpPacket(network: u32, ptr: u32, len: u32): void {
  const row = load<u32>(network + SESSION_TARGET);
  const bundle = bundleAt(row);
  const owner = <u32>load<u16>(bundle + BUNDLE_OWNER_SHARD);
  if (owner != shard) return peerPacket(owner, network, ptr, len);
  if (load<u32>(network + SESSION_FLAGS) & SESSION_TAPPED) tapPacket(network, ptr, len, 0);
  store<u8>(ptr - 1, 0x21); // the bundle takes compressed protocol fields (section 2)
  if (mpSend(network, bundle, row, ptr - 1, len + 1)) return countTx(network, len);
  // Its last link is gone since it was found to carry: the next-to-last does by now, or nobody.
  routePacket(ptr, len, load<u16>(network + SESSION_ROUTING_INSTANCE), (network - sessions) / SESSION_ROW_SIZE);
}
/**
 * Sends a PPP frame, from its protocol field on, in as many fragments as it needs. Owner shard.
 * @returns false where no link can send, and nothing was sent
 */
export function mpSend(network: u32, bundle: u32, row: u32, ptr: u32, len: u32): bool {
  const short = (load<u16>(bundle + BUNDLE_FLAGS) & BUNDLE_TX_SHORT) != 0;
  const header: u32 = short ? 2 : 4;
  const threshold = load<u32>(bundle + BUNDLE_FRAGMENT_THRESHOLD);
  let most = load<u32>(bundle + BUNDLE_MRU) - header;
  if (threshold) most = min(most, threshold);
  const parts = (len + most - 1) / most;
  if (parts > FRAGMENTS_MAX) {
    dropTx(DROP_FRAGMENTS, network);
    return true;
  }
  const part = (len + parts - 1) / parts;
  let begin: u32 = MP_BEGIN;
  for (let at: u32 = 0; at < len; at += part) {
    const octets = min(part, len - at);
    let payload = ptr + at;
    if (at) {
      payload = transmitSlot();
      if (!payload) {
        dropTx(DROP_FRAGMENTS, network);
        return true;
      }
      copyOctets(payload, ptr + at, octets);
    }
    const link = pick(bundle, row, octets + header);
    if (!link) {
      if (!at) return false;
      dropTx(DROP_NOT_UP, network);
      return true;
    }
    const sequence = load<u32>(bundle + BUNDLE_NEXT_SEQUENCE);
    store<u32>(bundle + BUNDLE_NEXT_SEQUENCE, sequence + 1);
    const flags = begin | (at + octets == len ? MP_END : 0);
    if (short) setBe16(payload - 2, flags << 8 | (sequence & 0xfff));
    else store<u32>(payload - 4, bswap<u32>(flags << 24 | (sequence & 0xffffff)));
    begin = 0;
    countTx(link, octets + header);
    encapPacket(link, payload - header, octets + header);
    store<u64>(bundle + BUNDLE_TX_FRAGMENTS, load<u64>(bundle + BUNDLE_TX_FRAGMENTS) + 1);
    count(TOTAL_MP_TX_FRAGMENTS, 1);
  }
  store<u64>(bundle + BUNDLE_TX_PACKETS, load<u64>(bundle + BUNDLE_TX_PACKETS) + 1);
  count(TOTAL_MP_TX_PACKETS, 1);
  return true;
}
/**
 * The member link that would have sent `octets` soonest, by its speed and what it was given before.
 * @returns offset of its session row, 0 where no link is left
 */
function pick(bundle: u32, row: u32, octets: u32): u32 {
  const clock = <u64>now * 1000000;
  let best: u32 = 0;
  let bestState: u32 = 0;
  let bestAt: u64 = ~<u64>0;
  let bestDone: u64 = 0;
  const heard = load<u32>(bundle + BUNDLE_HEARD);
  for (let links = load<u32>(bundle + BUNDLE_LINKS); links; links &= links - 1) {
    const link = ctz(links);
    const state = bundle + BUNDLE_LINK_STATES + link * LINK_SIZE;
    const session = sessions + load<u32>(state + LINK_SESSION) * SESSION_ROW_SIZE;
    // The main thread takes a link out by its action; its row may be another's by the time its record comes.
    if (load<u64>(session + SESSION_ACTION) != (<u64>row << 32 | ACTION_BUNDLE) || load<u32>(session + SESSION_GENERATION) != load<u32>(state + LINK_GENERATION)) continue;
    if (load<u32>(state + LINK_MRU) < octets) continue;
    const done = max(load<u64>(state + LINK_BUSY_UNTIL), clock) + (<u64>octets * load<u32>(state + LINK_NS_PER_256) >>> 8);
    // The peer may still be making the link a member: what it cannot place yet is lost.
    const late: u64 = heard & 1 << link || now - load<u32>(state + LINK_LAST_HEARD) >= LINK_GRACE ? 0 : <u64>1 << 62;
    if (done + late >= bestAt) continue;
    bestAt = done + late;
    bestDone = done;
    best = session;
    bestState = state;
  }
  if (best) store<u64>(bestState + LINK_BUSY_UNTIL, bestDone);
  return best;
}
