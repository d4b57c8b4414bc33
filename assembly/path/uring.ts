// io_uring for the TUN device's writes: the rings lie in linear memory (IORING_SETUP_NO_MMAP), so that a batch of
// writes is filled in here and costs one io_uring_enter. Each write is done before that call returns or not at all
// (RWF_NOWAIT), so that no buffer outlives its batch; only failures leave a completion.
import { base, tx, partOffset, shard } from "../state";
import { PART_URING, URING_SQES, URING_RINGS, URING_PARAMS, TX_OUT, TX_OFFLOAD_WRITES } from "../layout/memory";

const OP_WRITEV: u64 = 2;
const OP_WRITE: u64 = 23;
const CQE_SKIP_SUCCESS: u64 = 1 << 6;
const RWF_NOWAIT: u32 = 8;
// Offsets in struct io_uring_params: sq_off from 40, cq_off from 80.
const SQ_HEAD: u32 = 40;
const SQ_TAIL: u32 = 44;
const SQ_MASK: u32 = 48;
const CQ_HEAD: u32 = 80;
const CQ_TAIL: u32 = 84;
const CQ_MASK: u32 = 88;
const CQ_CQES: u32 = 100;

let file: u64 = 0;
let sqes: u32 = 0;
let sqHead: u32 = 0;
let sqTail: u32 = 0;
let sqMask: u32 = 0;
let cqHead: u32 = 0;
let cqTail: u32 = 0;
let cqMask: u32 = 0;
let cqes: u32 = 0;

/** Reads the ring's offsets from the io_uring_params that the kernel filled in at URING_PARAMS. `fd`: where to write. */
export function uringAttach(fd: u32): void {
  const area = partOffset(PART_URING, shard);
  const rings = area + URING_RINGS;
  const params = area + URING_PARAMS;
  sqes = area + URING_SQES;
  file = fd;
  sqHead = rings + load<u32>(params + SQ_HEAD);
  sqTail = rings + load<u32>(params + SQ_TAIL);
  sqMask = load<u32>(rings + load<u32>(params + SQ_MASK));
  cqHead = rings + load<u32>(params + CQ_HEAD);
  cqTail = rings + load<u32>(params + CQ_TAIL);
  cqMask = load<u32>(rings + load<u32>(params + CQ_MASK));
  cqes = rings + load<u32>(params + CQ_CQES);
}
// @ts-ignore: decorator
@inline function entry(tail: u32, op: u64, address: u64, len: u32, packets: u32): void {
  const e = sqes + (tail & sqMask) * 64;
  store<u64>(e, op | CQE_SKIP_SUCCESS << 8 | file << 32);
  store<u64>(e, 0xffffffffffffffff, 8); // no offset: the file's position
  store<u64>(e, address, 16);
  store<u32>(e, len, 24);
  store<u32>(e, RWF_NOWAIT, 28);
  store<u64>(e, packets, 32);
  store<u64>(e, 0, 40);
  store<u64>(e, 0, 48);
  store<u64>(e, 0, 56);
}
/**
 * Queues the writes from number `from` on, as many as the ring takes.
 * @param total writes of the batch: with `runs` what `offloadWrites` returned, else the packets of the list
 * @returns how many were queued
 */
export function uringWrites(from: u32, total: u32, runs: bool): u32 {
  let tail = load<u32>(sqTail);
  const room = sqMask + 1 - (tail - atomic.load<u32>(sqHead));
  const n = min(room, total - from);
  for (let i: u32 = from; i < from + n; i++) {
    if (runs) {
      const write = tx + TX_OFFLOAD_WRITES + (i << 3);
      const count = load<u32>(write, 4);
      entry(tail++, OP_WRITEV, base + load<u32>(write), count, count - 1);
    } else {
      const out = tx + TX_OUT + (i << 3);
      entry(tail++, OP_WRITE, base + load<u32>(out), load<u32>(out, 4), 1);
    }
  }
  atomic.store<u32>(sqTail, tail);
  return n;
}
/** Queues a write of nothing: the kernel's answer tells whether the file can be written to in this way. */
export function uringProbe(): void {
  const tail = load<u32>(sqTail);
  entry(tail, OP_WRITE, base + tx, 0, 1);
  atomic.store<u32>(sqTail, tail + 1);
}
/** Takes back what the kernel did not take of the queue. @returns the packets in it */
export function uringCancel(): u32 {
  const head = atomic.load<u32>(sqHead);
  let packets: u32 = 0;
  for (let at = head; at != load<u32>(sqTail); at++) packets += load<u32>(sqes + (at & sqMask) * 64, 32);
  atomic.store<u32>(sqTail, head);
  return packets;
}
/** Result of the last failed write that `uringFailed` saw: a negated errno. */
let failure: i32 = 0;
export function uringFailure(): i32 { return failure; }
/** Takes the completions. @returns the packets of writes that failed */
export function uringFailed(): u32 {
  let head = load<u32>(cqHead);
  const tail = atomic.load<u32>(cqTail);
  let packets: u32 = 0;
  for (; head != tail; head++) {
    const cqe = cqes + (head & cqMask) * 16;
    const result = load<i32>(cqe, 8);
    if (result >= 0) continue;
    failure = result;
    packets += load<u32>(cqe);
  }
  atomic.store<u32>(cqHead, head);
  return packets;
}
