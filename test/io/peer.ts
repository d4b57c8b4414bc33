// A process in a network namespace at one end of a session: sends or takes what the other end can check.
//   tcp-sink PORT | tcp-source ADDRESS PORT OCTETS | udp-sink PORT COUNT | udp-source ADDRESS PORT COUNT SIZE RUN
// Prints "ready" once it listens, then one JSON line.
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { MSG_DONTWAIT, openFfi } from '../../src/io/ffi.ts';
import { openUdpSocket } from '../../src/io/udp.ts';
import { encodeSockaddr } from '../../src/wire/address.ts';

const [mode, ...rest] = process.argv.slice(2);
const say = (value: unknown): void => console.log(JSON.stringify(value));
/** Octets of datagram `number`: its number, then a pattern of it. */
function fill(buffer: Uint8Array, number: number): void {
  const view = new DataView(buffer.buffer, buffer.byteOffset);
  view.setUint32(0, number);
  for (let i = 4; i < buffer.length; i++) buffer[i] = (Math.imul(number + i, 2654435761) >>> 11) & 255;
}

if (mode === 'tcp-sink') {
  const server = createServer((socket) => {
    const hash = createHash('sha256');
    let octets = 0;
    socket.on('data', (chunk) => {
      octets += chunk.length;
      hash.update(chunk);
    });
    socket.on('end', () => {
      say({ octets, hash: hash.digest('hex') });
      socket.end();
      server.close();
    });
  });
  server.listen(Number(rest[0]), '0.0.0.0', () => console.log('ready'));
} else if (mode === 'tcp-source') {
  const octets = Number(rest[2]);
  const hash = createHash('sha256');
  const socket = connect(Number(rest[1]), rest[0]!, async () => {
    let state = 12345;
    for (let sent = 0; sent < octets; ) {
      const chunk = Buffer.alloc(Math.min(131_072, octets - sent));
      for (let i = 0; i + 4 <= chunk.length; i += 4) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        chunk.writeUInt32LE(state, i);
      }
      hash.update(chunk);
      sent += chunk.length;
      if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
    }
    socket.end();
  });
  socket.on('end', () => say({ octets, hash: hash.digest('hex') }));
  socket.resume();
} else if (mode === 'udp-sink') {
  const ffi = openFfi()!;
  const { fd } = openUdpSocket(ffi, { address: '0.0.0.0', port: Number(rest[0]) });
  const count = Number(rest[1]);
  console.log('ready');
  const buffer = new Uint8Array(65536);
  const wanted = new Uint8Array(65536);
  let received = 0;
  let bad = 0;
  let reordered = 0;
  let highest = -1;
  const deadline = performance.now() + 20_000;
  let quietSince = performance.now();
  while (received < count && performance.now() < deadline) {
    const octets = ffi.recv(fd, ffi.addressOf(buffer), buffer.length, MSG_DONTWAIT);
    if (octets < 0) {
      if (received > 0 && performance.now() - quietSince > 1500) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    quietSince = performance.now();
    received++;
    const number = new DataView(buffer.buffer).getUint32(0);
    const expected = wanted.subarray(0, octets);
    fill(expected, number);
    if (Buffer.compare(expected, buffer.subarray(0, octets)) !== 0) bad++;
    if (number < highest) reordered++;
    else highest = number;
  }
  say({ received, bad, reordered });
} else if (mode === 'udp-source') {
  const ffi = openFfi()!;
  const [address, port, count, size, run] = [rest[0]!, ...rest.slice(1).map(Number)] as [
    string,
    number,
    number,
    number,
    number,
  ];
  const { fd } = openUdpSocket(ffi, { address: '0.0.0.0', port: 0 });
  const to = encodeSockaddr({ address, port });
  const value = new Int32Array([size]);
  if (run > 1 && ffi.setsockopt(fd, 17, 103, ffi.addressOf(value), 4) < 0) throw ffi.error('UDP_SEGMENT');
  let sent = 0;
  for (let number = 0; number < count; ) {
    // The last datagram of a run is shorter.
    const n = Math.min(run, count - number);
    const octets = new Uint8Array(n * size - (n > 1 ? 7 : 0));
    for (let i = 0; i < n; i++) fill(octets.subarray(i * size, Math.min((i + 1) * size, octets.length)), number + i);
    if (ffi.sendto(fd, ffi.addressOf(octets), octets.length, 0, ffi.addressOf(to), to.length) > 0) sent += n;
    number += n;
    // Slowly enough that nothing has a reason to be lost.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  say({ sent });
}
