// Next hop of a packet to the core (layout/fib.ts): the last of the ranges that begin at or below its destination.
import { partOffset, partCount } from "../state";
import { PART_FIB } from "../layout/memory";
import { FIB_CURRENT, FIB_TABLES, FIB_TABLE_SIZE, FIB_HOPS } from "../layout/fib";

let fib: u32 = 0;
let current: u32 = 0;
// The range of the last answer: most packets go where the one before went.
let first: u32 = 1;
let last: u32 = 0;
let hop: u64 = 0;

export function fibAttach(): void { fib = partCount(PART_FIB) ? partOffset(PART_FIB, 0) : 0; }
/** @param address in the order of numbers  @returns the next hop as the table has it; 0: the kernel is to forward */
// @ts-ignore: decorator
@inline export function nextHop(address: u32): u64 {
  return atomic.load<u32>(fib + FIB_CURRENT) == current && address >= first && address <= last ? hop : search(address);
}
function search(address: u32): u64 {
  current = atomic.load<u32>(fib + FIB_CURRENT);
  const count = current >>> 1 & 0xffff;
  if (!count) {
    first = 0;
    last = 0xffffffff;
    return hop = 0;
  }
  const starts = fib + FIB_TABLES + (current & 1) * FIB_TABLE_SIZE;
  let low: u32 = 0, high = count;
  while (high - low > 1) {
    const middle = low + high >>> 1;
    if (load<u32>(starts + (middle << 2)) <= address) low = middle;
    else high = middle;
  }
  first = load<u32>(starts + (low << 2));
  last = low + 1 < count ? load<u32>(starts + (low + 1 << 2)) - 1 : 0xffffffff;
  return hop = load<u64>(starts + FIB_HOPS + (low << 3));
}
