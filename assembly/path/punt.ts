// To the main thread: PPP control frames of sessions, control messages that reached a data socket.
import { ringPunt, control, sessions } from "../state";
import { ringReserve, ringCommit } from "./ring";
import { drop, dropRx, count, countersOf } from "./count";
import { PART_RING_PUNT, MEMORY_HEADER, HEADER_DIRECTORY, DIRECTORY_ENTRY_SIZE, RECORD_PPP, RECORD_CONTROL, SOCKADDR_SIZE, PUNT_SESSION_MAX, CONTROL_DOORBELL } from "../layout/memory";
import { DROP_PUNT_SESSION, DROP_PUNT_FULL, TOTAL_PUNTED } from "../layout/drop";
import { SESSION_PUNT_PENDING, SESSION_GENERATION, SESSION_ROW_SIZE, COUNTER_RX_CONTROL_PACKETS, COUNTER_RX_CONTROL_OCTETS } from "../layout/session";

/** Octets of the data area of the rings of a part. */
export function ringSize(part: u32): u32 {
  return load<u32>(MEMORY_HEADER + HEADER_DIRECTORY + part * DIRECTORY_ENTRY_SIZE, 4);
}
/** Something waits for the main thread since the last `ringDoorbell`. */
let pending: bool = false;
let sessionMax: u32 = PUNT_SESSION_MAX;
/** @param most frames of one session that may wait */
export function puntOptions(most: u32): void { sessionMax = most; }

/** Hands a PPP frame (from its protocol field on) of a session to the main thread; at most PUNT_SESSION_MAX wait at once. */
export function puntFrame(session: u32, ptr: u32, len: u32): void {
  if (atomic.load<u32>(session + SESSION_PUNT_PENDING) >= sessionMax) return dropRx(DROP_PUNT_SESSION, session);
  const row = (session - sessions) / SESSION_ROW_SIZE;
  const size = ringSize(PART_RING_PUNT);
  const payload = ringReserve(ringPunt, size, RECORD_PPP, len, row, load<u32>(session + SESSION_GENERATION), 0);
  if (!payload) return dropRx(DROP_PUNT_FULL, session);
  atomic.add<u32>(session + SESSION_PUNT_PENDING, 1);
  const counters = countersOf(session);
  atomic.add<u64>(counters + COUNTER_RX_CONTROL_PACKETS, 1);
  atomic.add<u64>(counters + COUNTER_RX_CONTROL_OCTETS, len);
  memory.copy(payload, ptr, len);
  ringCommit(ringPunt, size, payload);
  count(TOTAL_PUNTED, 1);
  pending = true;
}
/** Hands a control message to the main thread. `name`: sockaddr of its sender, SOCKADDR_SIZE octets. */
export function puntControl(ptr: u32, len: u32, name: u32, group: u32): void {
  const size = ringSize(PART_RING_PUNT);
  const payload = ringReserve(ringPunt, size, RECORD_CONTROL, SOCKADDR_SIZE + len, 0, 0, group);
  if (!payload) return drop(DROP_PUNT_FULL);
  memory.copy(payload, name, SOCKADDR_SIZE);
  memory.copy(payload + SOCKADDR_SIZE, ptr, len);
  ringCommit(ringPunt, size, payload);
  count(TOTAL_PUNTED, 1);
  pending = true;
}
/** Marks that another ring towards the main thread holds something. */
export function setPending(): void { pending = true; }
/** Wakes the main thread where something waits for it. */
export function ringDoorbell(): void {
  if (!pending) return;
  pending = false;
  atomic.add<u32>(control + CONTROL_DOORBELL, 1);
  atomic.notify(control + CONTROL_DOORBELL, 1);
}
