// Rows of some thousand sessions fit no cache, and a packet that misses waits for one after the other. So what the next
// packets will need is loaded before the first of them is handled, in loops without a branch that waits: the misses of all
// overlap (npm run bench -- path, scale).
import { sessions, sessionCounters, shapers, tunnels, control, leavingAt } from "../state";
import { firstEntry } from "../table/sessions";
import { firstCarrier, MAPPED_LOW } from "../table/addresses";
import { CONTROL_SESSIONS } from "../layout/memory";
import { SESSION_ROW_SIZE, SESSION_COUNTERS_SIZE, SESSION_PLAIN, SESSION_PEER, SESSION_TUNNEL_ROW, SESSION_SHAPER_UP, SESSION_SHAPER_DOWN, COUNTER_RX_PACKETS, COUNTER_TX_PACKETS } from "../layout/session";
import { SHAPER_ROW_SIZE, SHAPER_DUE } from "../layout/shaper";
import { TUNNEL_ROW_SIZE, TUNNEL_LAST_HEARD } from "../layout/tunnel";

/** Packets looked at before the first of them is handled: as many as a processor keeps track of. A power of two. */
export const AHEAD: u32 = 32;
/** Sessions from which on it pays. */
const MANY: u32 = 2048;

/** Nobody reads it, but without it the compilers would see that nobody needs the loads. */
let seen: u64 = 0;
export function aheadSeen(words: u64): void { seen ^= words; }
// @ts-ignore: decorator
@inline export function aheadPays(): bool { return load<u32>(control + CONTROL_SESSIONS) > MANY; }

/** Loads what the datagram at `ptr` will need. @returns words to be kept by `aheadSeen` */
// @ts-ignore: decorator
@inline export function aheadUp(ptr: u32): u64 {
  // behind flags and, where bit L is set, Length; however short the datagram, the slot has as many octets
  const ids = ptr + 2 + (<u32>load<u8>(ptr) >>> 5 & 2);
  const row = <u32>(firstEntry(bswap<u32>(load<u32>(ids))) >>> 32);
  // A removed entry has a row beyond the table; its search goes on where nobody knows yet.
  const session = sessions + (row == 0xffffffff ? 0 : row) * SESSION_ROW_SIZE;
  const tunnel = tunnels + load<u32>(session + SESSION_TUNNEL_ROW) * TUNNEL_ROW_SIZE;
  const policer = shapers + load<u32>(session + SESSION_SHAPER_UP) * SHAPER_ROW_SIZE;
  const counters = sessionCounters + (row == 0xffffffff ? 0 : row) * SESSION_COUNTERS_SIZE;
  return load<u64>(session + SESSION_PEER) ^ load<u64>(counters + COUNTER_RX_PACKETS) ^ load<u32>(tunnel + TUNNEL_LAST_HEARD) ^ load<u64>(policer + SHAPER_DUE);
}
/** The same of the IPv4 packet at `ptr`. */
// @ts-ignore: decorator
@inline export function aheadDown(ptr: u32): u64 {
  const row = firstCarrier(0, 0, <u64>load<u32>(ptr + leavingAt) << 32 | MAPPED_LOW);
  const session = sessions + row * SESSION_ROW_SIZE;
  const policer = shapers + load<u32>(session + SESSION_SHAPER_DOWN) * SHAPER_ROW_SIZE;
  return load<u64>(session + SESSION_PLAIN) ^ load<u64>(sessionCounters + row * SESSION_COUNTERS_SIZE + COUNTER_TX_PACKETS) ^ load<u64>(policer + SHAPER_DUE);
}
