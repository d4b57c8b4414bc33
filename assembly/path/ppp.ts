// The PPP frame of a session (RFC 1661 section 2, with the compressions of sections 6.5 and 6.6).
import { be16, setBe16 } from "./octets";
import { dropRx, count } from "./count";
import { behindAddress, protocolField } from "./protocol";
import { puntFrame } from "./punt";
import { echoReply } from "./keepalive";
import { transmitSlot } from "./transmit";
import { encapFrame } from "./encap";
import { deliverIpv4 } from "./deliver";
import { mpIpv4 } from "../mp/frame";
import { mpArrived } from "../mp/receive";
import { bundleAt } from "../mp/waiting";
import { shard } from "../state";
import { DROP_NOT_UP, DROP_ACTION, TOTAL_ECHO_REPLIES } from "../layout/drop";
import { SESSION_ACTION, SESSION_FLAGS, SESSION_LCP_OPENED, SESSION_LOCAL_MAGIC, SESSION_SEND_NS, SESSION_OWNER_SHARD, ACTION_DELIVER, ACTION_DROP, ACTION_BUNDLE } from "../layout/session";
import { TX_SLOT_SIZE, HEADROOM } from "../layout/memory";

const PROTOCOL_IPV4: u32 = 0x0021;
const PROTOCOL_MULTILINK: u32 = 0x003d;
const PROTOCOL_LCP: u32 = 0xc021;
const LCP_ECHO_REQUEST: u32 = 9;
const LCP_ECHO_REPLY: u8 = 10;

/** Takes the frame from `ptr` to `end` of a session. */
export function pppFrame(session: u32, ptr: u32, end: u32): void {
  ptr = behindAddress(ptr, end);
  const field = protocolField(session, ptr, end);
  if (!field) return;
  const protocol = field >>> 8;
  const size = field & 0xff;
  // One load: the action and its target belong together.
  const work = load<u64>(session + SESSION_ACTION);
  if (protocol == PROTOCOL_IPV4) {
    if (<u32>work == ACTION_DELIVER) return deliverIpv4(session, ptr + size, end);
    // A member link may carry packets that need no order (RFC 1990 section 2); they are the bundle's.
    if (<u32>work == ACTION_BUNDLE) return mpIpv4(bundleAt(<u32>(work >>> 32)), ptr + size, end);
    return dropRx(<u32>work == ACTION_DROP ? DROP_ACTION : DROP_NOT_UP, session);
  }
  if (protocol == PROTOCOL_MULTILINK && <u32>work == ACTION_BUNDLE) return mpArrived(session, <u32>(work >>> 32), ptr + size, end);
  if (protocol == PROTOCOL_LCP && (echoRequest(session, ptr + 2, end) || echoReply(session, ptr + 2, end))) return;
  puntFrame(session, ptr, end - ptr);
}
/**
 * Answers an LCP Echo-Request (RFC 1661 section 5.8) where LCP is Opened.
 * @returns false where the frame is for the main thread: another code, a lying length, our own magic number
 */
function echoRequest(session: u32, ptr: u32, end: u32): bool {
  if (!(load<u32>(session + SESSION_FLAGS) & SESSION_LCP_OPENED)) return false;
  if (end < ptr + 8 || load<u8>(ptr) != LCP_ECHO_REQUEST) return false;
  // Numbered data messages have one sender, which for a member link may be another shard.
  if (load<u32>(session + SESSION_FLAGS) & SESSION_SEND_NS && load<u16>(session + SESSION_OWNER_SHARD) != shard) return false;
  const len = be16(ptr + 2);
  if (len < 8 || len > end - ptr || len > TX_SLOT_SIZE - 2 * HEADROOM) return false;
  const magic = load<u32>(session + SESSION_LOCAL_MAGIC);
  if (magic != 0 && load<u32>(ptr + 4) == magic) return false;
  const slot = transmitSlot();
  if (!slot) return false;
  setBe16(slot, 0xff03);
  setBe16(slot + 2, PROTOCOL_LCP);
  memory.copy(slot + 4, ptr, len);
  store<u8>(slot + 4, LCP_ECHO_REPLY);
  store<u32>(slot + 8, magic);
  count(TOTAL_ECHO_REPLIES, 1);
  encapFrame(session, slot, len + 4, true);
  return true;
}
