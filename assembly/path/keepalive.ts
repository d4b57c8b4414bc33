// LCP Echo-Requests of our own (RFC 1661 section 5.8): the main thread sends and counts them in the session's echoState
// (identifier << 16 | unanswered); the reply is taken here, so that a server full of idle sessions punts nothing.
import { count } from "./count";
import { TOTAL_ECHO_TAKEN } from "../layout/drop";
import { be16 } from "./octets";
import { SESSION_FLAGS, SESSION_LCP_OPENED, SESSION_LOCAL_MAGIC, SESSION_ECHO_STATE } from "../layout/session";

const LCP_ECHO_REPLY: u32 = 10;

/**
 * Takes an LCP Echo-Reply from `ptr`, its Code, to `end`. Any genuine one shows that the peer is there, whichever
 * request it answers.
 * @returns false where the frame is for the main thread: another code, a lying length, our own magic number (a loop)
 */
export function echoReply(session: u32, ptr: u32, end: u32): bool {
  if (end < ptr + 8 || load<u8>(ptr) != LCP_ECHO_REPLY) return false;
  if (!(load<u32>(session + SESSION_FLAGS) & SESSION_LCP_OPENED)) return false;
  const len = be16(ptr + 2);
  if (len < 8 || len > end - ptr) return false;
  const magic = load<u32>(session + SESSION_LOCAL_MAGIC);
  if (magic != 0 && load<u32>(ptr + 4) == magic) return false;
  count(TOTAL_ECHO_TAKEN, 1);
  atomic.and<u32>(session + SESSION_ECHO_STATE, 0xffff0000);
  return true;
}
