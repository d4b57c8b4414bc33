import type { SessionTraffic } from '../dataplane/traffic.ts';
import { SeededRandom } from '../wire/random.ts';
import type { EmulatedCall } from './call.ts';

/** One session's time as the carrier of its address, as the answers showed it. */
export interface Reign {
  /** Place in the group, from 0. */
  readonly place: number;
  readonly fromMs: number;
  toMs: number;
  packets: number;
}
export interface Stack {
  readonly user: string;
  readonly group: number;
  readonly calls: EmulatedCall[];
  readonly reigns: Reign[];
}
export interface Switch {
  readonly atMs: number;
  readonly group: number;
  readonly killed: number;
  /** Who carried afterwards, null where nobody did while it was watched. */
  carrier: number | null;
  /** From the kill to the first answer by another session, in steps of the watch. */
  gapMs: number | null;
}

/**
 * Watches sessions that share an address: kills them in an order drawn from a seed, and finds out by which of them the
 * answers come. A value: the driver calls `watch` every few milliseconds and hangs up what `kill` names.
 */
export class Redundancy {
  readonly stacks: Stack[];
  readonly switches: Switch[] = [];
  readonly #random: SeededRandom;
  readonly #rows = new Map<EmulatedCall, { row: number; carried: number }>();
  readonly #pending = new Map<number, Switch>();

  constructor(calls: readonly EmulatedCall[], seed: number) {
    this.#random = new SeededRandom(seed);
    const byGroup = new Map<number, Stack>();
    for (const call of calls) {
      let stack = byGroup.get(call.group);
      if (stack === undefined) {
        stack = { user: call.userName, group: call.group, calls: [], reigns: [] };
        byGroup.set(call.group, stack);
      }
      stack.calls.push(call);
      this.#rows.set(call, { row: call.row, carried: 0 });
    }
    this.stacks = [...byGroup.values()];
  }

  /** One session of each stack that has more than one left, any of them. */
  kill(now: number): EmulatedCall[] {
    const killed: EmulatedCall[] = [];
    for (const stack of this.stacks) {
      const alive = stack.calls.filter((call) => call.up);
      if (alive.length < 2) continue;
      const call = alive[this.#random.u32() % alive.length]!;
      killed.push(call);
      // Only the carrier's end moves the traffic.
      if (stack.reigns.at(-1)?.place !== call.place) continue;
      const event: Switch = { atMs: now, group: stack.group, killed: call.place, carrier: null, gapMs: null };
      this.switches.push(event);
      this.#pending.set(stack.group, event);
    }
    return killed;
  }
  /** Looks who has carried since the last time. @param trafficOf the record of a session's row */
  watch(now: number, trafficOf: (row: number) => SessionTraffic): void {
    for (const stack of this.stacks)
      for (const call of stack.calls) {
        const known = this.#rows.get(call)!;
        const { carried } = trafficOf(known.row);
        const packets = carried - known.carried;
        known.carried = carried;
        if (packets > 0) this.#carried(stack, call.place, packets, now);
      }
  }
  #carried(stack: Stack, place: number, packets: number, now: number): void {
    const event = this.#pending.get(stack.group);
    if (event !== undefined && place !== event.killed) {
      event.carrier = place;
      event.gapMs = now - event.atMs;
      this.#pending.delete(stack.group);
    }
    const last = stack.reigns.at(-1);
    if (last?.place === place) {
      last.toMs = now;
      last.packets += packets;
    } else stack.reigns.push({ place, fromMs: now, toMs: now, packets });
  }
}
