// The straight way: what nearly every packet is goes up or down in one run of checks. Whatever else a packet is, an error
// included, nothing is touched, and it goes by the stops (batch.ts, accept.ts), which judge it from the start.
import { tunnels, sessions, now, shape, arrivingAt, leavingAt } from "../state";
import { be16, setBe16 } from "./octets";
import { count, countRx, countTx, dropRx, dropTx } from "./count";
import { acceptPacket } from "./accept";
import { back, CORE_TUN } from "./deliver";
import { coreOut, transmitListed, transmitStraight } from "./transmit";
import { conforms } from "./police";
import { queues } from "./shape";
import { clampMss } from "./mss";
import { mpArrived } from "../mp/receive";
import { findSession } from "../table/sessions";
import { findPrefix, MAPPED_LOW } from "../table/addresses";
import {
  SESSION_FLAGS, SESSION_ACTION, SESSION_PEER, SESSION_ADDRESS, SESSION_TUNNEL_ROW, SESSION_SHAPER_UP, SESSION_SHAPER_DOWN, SESSION_PEER_MRU, SESSION_PLAIN, SESSION_PLAIN_SIZE, SESSION_ROW_SIZE,
  SESSION_NS_REQUIRED, SESSION_SEND_NS, SESSION_TAPPED, ACTION_DELIVER, ACTION_BUNDLE,
} from "../layout/session";
import { ADDRESS_CARRIER } from "../layout/address";
import { TUNNEL_ROW_SIZE, TUNNEL_LAST_HEARD } from "../layout/tunnel";
import { DROP_POLICED_UP, DROP_POLICED_DOWN, TOTAL_RX_DATAGRAMS, TOTAL_RX_OCTETS, TOTAL_ACCEPTED, TOTAL_ACCEPTED_OCTETS } from "../layout/drop";

const AF_INET: u32 = 2;
/** L2TP and PPP header at their longest, and an IPv4 header. */
const LONGEST: u32 = 8 + 4 + 20;
// The first two octets of the L2TP header as one word in memory order.
const HEAD_MASK: u32 = 0x0f8a; // version; T, S and O
const HEAD_PLAIN: u32 = 0x0200;
const HEAD_L: u32 = 0x0040;

/** RFC 2661 section 8.1: addresses and ports stay as they were at set-up. */
// @ts-ignore: decorator
@inline export function samePeer(name: u32, peer: u32): bool {
  if (<u32>load<u16>(name) == AF_INET) return load<u64>(name) == load<u64>(peer);
  return load<u32>(name) == load<u32>(peer) && load<u64>(name, 8) == load<u64>(peer, 8) && load<u64>(name, 16) == load<u64>(peer, 16);
}
// @ts-ignore: decorator
@inline function arrived(session: u32, len: u32): void {
  count(TOTAL_RX_DATAGRAMS, 1);
  count(TOTAL_RX_OCTETS, len);
  store<u32>(tunnels + load<u32>(session + SESSION_TUNNEL_ROW) * TUNNEL_ROW_SIZE + TUNNEL_LAST_HEARD, now);
}
/** The same for a fragment (RFC 1990) of a member link: its PPP frame from `frame` to `end`, in a datagram of `len` octets. */
function fragmentUp(session: u32, bundle: u32, frame: u32, end: u32, len: u32): bool {
  const ppp = load<u32>(frame);
  const size: u32 = ppp == 0x3d0003ff ? 4 : (ppp & 0xff) == 0x3d ? 1 : (ppp & 0xffff) == 0x3d00 ? 2 : (ppp & 0xffffff) == 0x3d03ff ? 3 : 0;
  if (!size) return false;
  arrived(session, len);
  mpArrived(session, bundle, frame + size, end);
  return true;
}
/**
 * An IPv4 packet without options in a data message without Ns and Offset, of a session that delivers to the TUN device.
 * @returns false where it is anything else, and untouched
 */
// @ts-ignore: decorator
@inline export function straightUp(ptr: u32, len: u32, name: u32, peerCheck: bool): bool {
  if (len < LONGEST || back != CORE_TUN) return false;
  const head = <u32>load<u16>(ptr);
  if ((head & HEAD_MASK) != HEAD_PLAIN) return false;
  let ids = ptr + 2;
  let octets = len;
  if (head & HEAD_L) {
    octets = be16(ptr + 2);
    if (octets > len || octets < LONGEST) return false;
    ids = ptr + 4;
  }
  const session = findSession(bswap<u32>(load<u32>(ids)));
  if (!session || load<u32>(session + SESSION_FLAGS) & (SESSION_NS_REQUIRED | SESSION_SEND_NS | SESSION_TAPPED)) return false;
  if (peerCheck && !samePeer(name, session + SESSION_PEER)) return false;
  // One load: the action and its target belong together.
  const work = load<u64>(session + SESSION_ACTION);
  if (<u32>work == ACTION_BUNDLE) return fragmentUp(session, <u32>(work >>> 32), ids + 4, ptr + octets, len);
  if (<u32>work != ACTION_DELIVER) return false;
  const ppp = load<u32>(ids + 4);
  let ip = ids + 8;
  if (ppp != 0x210003ff) {
    // Address and Control, and the first octet of the protocol field, may be left out.
    if ((ppp & 0xff) == 0x21) ip = ids + 5;
    else if ((ppp & 0xffff) == 0x2100) ip = ids + 6;
    else if ((ppp & 0xffffff) == 0x2103ff) ip = ids + 7;
    else return false;
  }
  const total = be16(ip + 2);
  if (load<u8>(ip) != 0x45 || total < 20 || total > ptr + octets - ip || load<u32>(ip + arrivingAt) != load<u32>(session + SESSION_ADDRESS + 12)) return false;
  arrived(session, len);
  const policer = load<u32>(session + SESSION_SHAPER_UP);
  if (policer && !conforms(policer, total)) {
    dropRx(DROP_POLICED_UP, session);
    return true;
  }
  clampMss(session, ip, total);
  countRx(session, total);
  coreOut(ip, total);
  return true;
}
/**
 * An IPv4 packet without options for a session that delivers, takes it whole and sends without Ns.
 * @returns false where it is anything else, and untouched
 */
// @ts-ignore: decorator
@inline export function straightDown(ptr: u32, len: u32): bool {
  if (len < 20 || load<u8>(ptr) != 0x45 || !transmitStraight()) return false;
  const total = be16(ptr + 2);
  if (total < 20 || total > len) return false;
  const entry = findPrefix(0, 128, 0, <u64>load<u32>(ptr + leavingAt) << 32 | MAPPED_LOW);
  if (!entry) return false;
  const session = sessions + atomic.load<u32>(entry + ADDRESS_CARRIER) * SESSION_ROW_SIZE;
  // Row 0, where nobody carries, delivers nothing.
  if (load<u32>(session + SESSION_ACTION) != ACTION_DELIVER || load<u32>(session + SESSION_FLAGS) & (SESSION_SEND_NS | SESSION_TAPPED) || total > load<u32>(session + SESSION_PEER_MRU)) return false;
  const policer = load<u32>(session + SESSION_SHAPER_DOWN);
  if (policer != 0 && shape != 0 && queues(policer)) return false;
  count(TOTAL_ACCEPTED, 1);
  count(TOTAL_ACCEPTED_OCTETS, len);
  if (policer && !conforms(policer, total)) {
    dropTx(DROP_POLICED_DOWN, session);
    return true;
  }
  clampMss(session, ptr, total);
  countTx(session, total);
  const size = <u32>load<u8>(session + SESSION_PLAIN_SIZE);
  v128.store(ptr - 16, v128.load(session + SESSION_PLAIN));
  setBe16(ptr - size + 2, total + size);
  transmitListed(ptr - size, total + size, session);
  return true;
}
/** One IP packet from the core side, the straight way or by the stops: for a loop over a batch. */
// @ts-ignore: decorator
@inline export function downstreamOne(ptr: u32, len: u32): void {
  if (!straightDown(ptr, len)) acceptPacket(ptr, len, 0);
}
/** The same as a call. */
export function downstreamPacket(ptr: u32, len: u32): void { downstreamOne(ptr, len); }
