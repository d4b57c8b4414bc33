// A flood of data messages for one tunnel, from a process of its own: PORT TUNNEL-ID MILLISECONDS. Says how many it sent.
import { openFfi } from '../../src/io/ffi.ts';
import { openUdpSocket } from '../../src/io/udp.ts';
import { encodeSockaddr } from '../../src/wire/address.ts';

const [port, tunnelId, ms] = process.argv.slice(2).map(Number) as [number, number, number];
const ffi = openFfi()!;
const { fd } = openUdpSocket(ffi, { address: '127.0.0.1', port: 0 });
const run = new Uint8Array(64 * 100);
for (let at = 0; at < run.length; at += 100)
  run.set([0, 2, tunnelId >>> 8, tunnelId & 255, 0, 1, 0xff, 3, 0, 0x21], at);
const size = new Int32Array([100]);
if (ffi.setsockopt(fd, 17, 103, ffi.addressOf(size), 4) < 0) throw ffi.error('UDP_SEGMENT');
const to = encodeSockaddr({ address: '127.0.0.1', port });
const end = performance.now() + ms;
let sent = 0;
while (performance.now() < end)
  for (let n = 0; n < 50; n++)
    if (ffi.sendto(fd, ffi.addressOf(run), run.length, 0, ffi.addressOf(to), to.length) > 0) sent += 64;
console.log(sent);
