// Counters. A shard's block has one writer; a session's errors are added atomically, since any thread may see one.
import { shardCounters, sessionCounters, shard, now } from "../state";
import { COUNTER_OTHER, COUNTER_RX_ERRORS, COUNTER_TX_ERRORS, COUNTER_RX_PACKETS, COUNTER_TX_PACKETS, COUNTER_LAST_RX, COUNTER_LAST_TX, SESSION_COUNTERS_SIZE, SESSION_OWNER_SHARD, SESSION_ROW_SIZE } from "../layout/session";
import { sessions } from "../state";

// @ts-ignore: decorator
@inline export function count(index: u32, amount: u64): void {
  const at = shardCounters + (index << 3);
  store<u64>(at, load<u64>(at) + amount);
}
/** Drops a packet that belongs to no session. */
// @ts-ignore: decorator
@inline export function drop(reason: u32): void { count(reason, 1); }
// @ts-ignore: decorator
@inline export function countersOf(session: u32): u32 { return sessionCounters + (session - sessions) / SESSION_ROW_SIZE * SESSION_COUNTERS_SIZE; }
/** Drops a packet received from a session (offset of its row). */
export function dropRx(reason: u32, session: u32): void {
  count(reason, 1);
  atomic.add<u64>(countersOf(session) + COUNTER_RX_ERRORS, 1);
}
/** Drops a packet on its way to a session. */
export function dropTx(reason: u32, session: u32): void {
  count(reason, 1);
  atomic.add<u64>(countersOf(session) + COUNTER_TX_ERRORS, 1);
}
// @ts-ignore: decorator
@inline export function countRx(session: u32, octets: u32): void {
  const at = countersOf(session);
  if (load<u16>(session + SESSION_OWNER_SHARD) == shard) {
    store<u64>(at + COUNTER_RX_PACKETS, load<u64>(at + COUNTER_RX_PACKETS) + 1);
    store<u64>(at + COUNTER_RX_PACKETS + 8, load<u64>(at + COUNTER_RX_PACKETS + 8) + octets);
  } else {
    atomic.add<u64>(at + COUNTER_RX_PACKETS + COUNTER_OTHER, 1);
    atomic.add<u64>(at + COUNTER_RX_PACKETS + COUNTER_OTHER + 8, octets);
  }
  store<u32>(at + COUNTER_LAST_RX, now);
}
// @ts-ignore: decorator
@inline export function countTx(session: u32, octets: u32): void {
  const at = countersOf(session);
  if (load<u16>(session + SESSION_OWNER_SHARD) == shard) {
    store<u64>(at + COUNTER_TX_PACKETS, load<u64>(at + COUNTER_TX_PACKETS) + 1);
    store<u64>(at + COUNTER_TX_PACKETS + 8, load<u64>(at + COUNTER_TX_PACKETS + 8) + octets);
  } else {
    atomic.add<u64>(at + COUNTER_TX_PACKETS + COUNTER_OTHER, 1);
    atomic.add<u64>(at + COUNTER_TX_PACKETS + COUNTER_OTHER + 8, octets);
  }
  store<u32>(at + COUNTER_LAST_TX, now);
}
