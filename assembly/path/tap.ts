// A copy of a session's packets for the main thread, while a capture wants them (SESSION_TAPPED).
import { ringPunt, sessions } from "../state";
import { count } from "./count";
import { ringReserve, ringCommit } from "./ring";
import { ringSize, setPending } from "./punt";
import { TOTAL_TAPPED, TOTAL_TAP_LOST } from "../layout/drop";
import { PART_RING_PUNT, RECORD_TAP, RING_HEAD, RING_TAIL } from "../layout/memory";
import { SESSION_GENERATION, SESSION_ROW_SIZE } from "../layout/session";

/**
 * Hands a copy of an IP packet to the main thread. It shares the ring of PPP frames, and takes no more than half of it.
 * @param inbound 1: from the client, 0: towards it
 */
export function tapPacket(session: u32, ptr: u32, len: u32, inbound: u32): void {
  const size = ringSize(PART_RING_PUNT);
  const used = load<u32>(ringPunt + RING_TAIL) - atomic.load<u32>(ringPunt + RING_HEAD);
  const row = (session - sessions) / SESSION_ROW_SIZE;
  const payload = used > size >>> 1 ? 0 : ringReserve(ringPunt, size, RECORD_TAP, len, row, load<u32>(session + SESSION_GENERATION), inbound);
  if (!payload) return count(TOTAL_TAP_LOST, 1);
  memory.copy(payload, ptr, len);
  ringCommit(ringPunt, size, payload);
  count(TOTAL_TAPPED, 1);
  setPending();
}
