// Shaping towards the client: what a session's rate does not let through at once waits its turn, in a pool of slots and
// a timing wheel of one place a millisecond. A packet's turn is fixed when it comes, from the bucket in its policer row,
// so that a session needs no queue of its own: turns of one session never go back, places are emptied in order, and a
// packet may pass at once only where every place up to its turn is empty. How long a packet may wait bounds the queue.
import { shapers, clock, shape, sessions } from "../state";
import { drop, dropTx } from "./count";
import { transmitRoom } from "./transmit";
import { sendConforming } from "./accept";
import { SHAPER_DUE, SHAPER_COST, SHAPER_BURST, SHAPER_QUEUE, SHAPER_PACKETS, SHAPER_OCTETS, SHAPER_ROW_SIZE, CLOCK_HZ } from "../layout/shaper";
import { SHAPE_PLACES, SHAPE_SLOTS, SHAPE_SLOTS_AT, SHAPE_SLOT_SIZE, SHAPE_PAYLOAD } from "../layout/memory";
import { SESSION_GENERATION, SESSION_ROW_SIZE } from "../layout/session";
import { DROP_STALE, DROP_POLICED_DOWN, DROP_SHAPE_POOL } from "../layout/drop";

const MILLISECOND: u64 = CLOCK_HZ / 1000;
const TRIES: u32 = 8;
// A slot: next u32, session row u32, generation u32, octets u32; the packet from SHAPE_PAYLOAD on.

let free: u32 = 0;
let fresh: u32 = 0; // slots never used so far
/** Slots whose packets are in the lists of the present batch. */
let leaving: u32 = 0;
let waiting: u32 = 0;
/** Every place up to this millisecond is empty. */
let drained: u64 = 0;

/** Forgets what waits: this shard begins. */
export function shapeInit(): void {
  free = fresh = leaving = waiting = 0;
  memory.fill(shape, 0, SHAPE_PLACES * 8);
}
// @ts-ignore: decorator
@inline function placeOf(millisecond: u64): u32 { return shape + ((<u32>millisecond & (SHAPE_PLACES - 1)) << 3); }
function takeSlot(): u32 {
  if (free) {
    const slot = free;
    free = load<u32>(slot);
    return slot;
  }
  return fresh < SHAPE_SLOTS ? shape + SHAPE_SLOTS_AT + fresh++ * SHAPE_SLOT_SIZE : 0;
}
/** Slots that wait for their turn. */
export function shapeWaiting(): u32 { return waiting; }

/** Does the policer queue what it does not let through? */
// @ts-ignore: decorator
@inline export function queues(policer: u32): bool { return load<u64>(shapers + policer * SHAPER_ROW_SIZE + SHAPER_QUEUE) != 0; }

/**
 * Judges a packet for a session whose policer queues.
 * @returns true where it passes at once; false where it was queued, or dropped and counted
 */
export function shapePacket(policer: u32, session: u32, ptr: u32, len: u32): bool {
  const at = shapers + policer * SHAPER_ROW_SIZE;
  const cost = load<u64>(at + SHAPER_COST) * <u64>len >>> 16;
  const burst = load<u64>(at + SHAPER_BURST);
  for (let n: u32 = 0; n < TRIES; n++) {
    const due = atomic.load<u64>(at + SHAPER_DUE);
    const next = max(due, clock) + cost;
    const turn = next > clock + burst ? next - burst : clock;
    const place = turn / MILLISECOND;
    if (turn - clock > load<u64>(at + SHAPER_QUEUE)) return refuse(at, session, len, DROP_POLICED_DOWN);
    const now = place <= drained;
    if (!now && (len > SHAPE_SLOT_SIZE - SHAPE_PAYLOAD || (!free && fresh >= SHAPE_SLOTS))) return refuse(at, session, len, DROP_SHAPE_POOL);
    if (atomic.cmpxchg<u64>(at + SHAPER_DUE, due, next) != due) continue;
    if (now) return true;
    const slot = takeSlot();
    store<u32>(slot, 0);
    store<u32>(slot, (session - sessions) / SESSION_ROW_SIZE, 4);
    store<u32>(slot, load<u32>(session + SESSION_GENERATION), 8);
    store<u32>(slot, len, 12);
    memory.copy(slot + SHAPE_PAYLOAD, ptr, len);
    const wheel = placeOf(place);
    const last = load<u32>(wheel, 4);
    store<u32>(last ? last : wheel, slot);
    store<u32>(wheel, slot, 4);
    waiting++;
    return false;
  }
  return refuse(at, session, len, DROP_POLICED_DOWN);
}
function refuse(at: u32, session: u32, len: u32, reason: u32): bool {
  atomic.add<u64>(at + SHAPER_PACKETS, 1);
  atomic.add<u64>(at + SHAPER_OCTETS, len);
  dropTx(reason, session);
  return false;
}
/**
 * Sends what has its turn; to be called with a new clock, before anything else of the batch, and its lists sent after it.
 * @returns false where the lists are full: it is to be called again once they are sent
 */
export function shapeTick(): bool {
  while (leaving) {
    const slot = leaving;
    leaving = load<u32>(slot);
    store<u32>(slot, free);
    free = slot;
  }
  const now = clock / MILLISECOND;
  while (waiting && drained < now) {
    const wheel = placeOf(drained + 1);
    for (let slot = load<u32>(wheel); slot; slot = load<u32>(wheel)) {
      if (!transmitRoom()) return false;
      const next = load<u32>(slot);
      store<u32>(wheel, next);
      if (!next) store<u32>(wheel, 0, 4);
      store<u32>(slot, leaving);
      leaving = slot;
      waiting--;
      const session = sessions + load<u32>(slot, 4) * SESSION_ROW_SIZE;
      if (load<u32>(session + SESSION_GENERATION) != load<u32>(slot, 8)) drop(DROP_STALE);
      else sendConforming(session, slot + SHAPE_PAYLOAD, load<u32>(slot, 12));
    }
    drained++;
  }
  if (!waiting && drained < now) drained = now;
  return true;
}
