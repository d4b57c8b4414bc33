// Sequence numbers of data messages (RFC 2661 section 5.4), checked and given by the session's owner shard.
import { countersOf, count } from "./count";
import { TOTAL_LOST } from "../layout/drop";
import { SESSION_RX_NS, SESSION_LATE_RUN, SESSION_FLAGS, SESSION_RX_NS_VALID, LATE_RUN_MAX, COUNTER_LATE, COUNTER_LOST } from "../layout/session";

/**
 * Judges the Ns of a received data message: packets leave in order, one that comes late is refused, a gap is passed
 * over and counted. After LATE_RUN_MAX late ones in a row the peer is taken to have started anew.
 * @returns true where the message is to be delivered
 */
export function inSequence(session: u32, ns: u32): bool {
  if (!(load<u32>(session + SESSION_FLAGS) & SESSION_RX_NS_VALID)) {
    atomic.or<u32>(session + SESSION_FLAGS, SESSION_RX_NS_VALID);
    store<u16>(session + SESSION_RX_NS, <u16>(ns + 1));
    return true;
  }
  const ahead = (ns - load<u16>(session + SESSION_RX_NS)) & 0xffff;
  if (ahead < 0x8000) {
    if (ahead) {
      const lost = countersOf(session) + COUNTER_LOST;
      store<u32>(lost, load<u32>(lost) + ahead);
      count(TOTAL_LOST, ahead);
    }
    store<u16>(session + SESSION_RX_NS, <u16>(ns + 1));
    store<u16>(session + SESSION_LATE_RUN, 0);
    return true;
  }
  const run = load<u16>(session + SESSION_LATE_RUN) + 1;
  if (run >= LATE_RUN_MAX) {
    store<u16>(session + SESSION_RX_NS, <u16>(ns + 1));
    store<u16>(session + SESSION_LATE_RUN, 0);
    return true;
  }
  store<u16>(session + SESSION_LATE_RUN, <u16>run);
  const late = countersOf(session) + COUNTER_LATE;
  store<u32>(late, load<u32>(late) + 1);
  return false;
}
