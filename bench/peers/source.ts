// The far end: sends numbered UDP packets to clients' addresses, in turn, at a steady rate. Arguments: file of
// addresses, octets of the IP packet (several with commas: in turn), packets a second, seconds. Prints how many the kernel took.

import { readFileSync } from 'node:fs';
import * as layout from '../../src/generated/layout.ts';
import { MSG_DONTWAIT, openFfi } from '../../src/io/ffi.ts';
import { parseIpv4 } from '../../src/wire/address.ts';

const addresses = readFileSync(process.argv[2]!, 'utf8')
  .split(' ')
  .map((word) => parseIpv4(word)!);
const count = addresses.length;
const sizes = process.argv[3]!.split(',').map((word) => Number(word) - 28);
const [rate, seconds] = process.argv.slice(4).map(Number) as [number, number];
const ffi = openFfi()!;
const fd = ffi.socket(2, 2, 0);
const BATCH = 64;
const memory = new Uint8Array(BATCH * (layout.MMSGHDR_SIZE + 16 + 16 + 1536));
const view = new DataView(memory.buffer);
const base = Number(ffi.addressOf(memory));
const at = (i: number) => ({
  message: i * layout.MMSGHDR_SIZE,
  vector: BATCH * layout.MMSGHDR_SIZE + i * 16,
  name: BATCH * (layout.MMSGHDR_SIZE + 16) + i * 16,
  data: BATCH * (layout.MMSGHDR_SIZE + 32) + i * 1536,
});
for (let i = 0; i < BATCH; i++) {
  const { message, vector, name, data } = at(i);
  view.setBigUint64(message, BigInt(base + name), true);
  view.setUint32(message + 8, 16, true);
  view.setBigUint64(message + 16, BigInt(base + vector), true);
  view.setBigUint64(message + 24, 1n, true);
  view.setBigUint64(vector, BigInt(base + data), true);
  view.setUint16(name, 2, true);
  view.setUint16(name + 2, 9);
  view.setUint32(data, layout.TRAFFIC_DOWN_MAGIC, true);
}
const sequences = new Uint32Array(count);
let next = 0;
let turn = 0;
let sent = 0;
const from = performance.now();
const clock = new Int32Array(new SharedArrayBuffer(4));
while (performance.now() - from < seconds * 1000) {
  const due = Math.floor(((performance.now() - from) * rate) / 1000) - sent;
  if (due < BATCH) {
    Atomics.wait(clock, 0, 0, 0.2);
    continue;
  }
  for (let i = 0; i < BATCH; i++) {
    const { name, data, vector } = at(i);
    const payload = sizes[turn]!;
    turn = turn + 1 === sizes.length ? 0 : turn + 1;
    view.setBigUint64(vector + 8, BigInt(payload), true);
    const sequence = sequences[next]!;
    sequences[next] = sequence + 1;
    view.setUint32(name + 4, addresses[next]!);
    view.setUint32(data + 8, sequence, true);
    const word = BigInt.asUintN(64, BigInt(sequence) * 0x9e3779b97f4a7c15n);
    const end = data + payload;
    let to = data + layout.TRAFFIC_PAYLOAD;
    for (; to + 8 <= end; to += 8) view.setBigUint64(to, word, true);
    for (; to < end; to++) memory[to] = Number(word & 0xffn);
    next = next + 1 === count ? 0 : next + 1;
  }
  for (let done = 0; done < BATCH; ) {
    const n = ffi.sendmmsg(fd, base + done * layout.MMSGHDR_SIZE, BATCH - done, MSG_DONTWAIT);
    if (n > 0) done += n;
    else if (performance.now() - from > seconds * 1000 + 1000) break;
  }
  sent += BATCH;
}
console.log(JSON.stringify({ sent }));
