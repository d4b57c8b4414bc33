// Reads a capture of L2TP datagrams and prints the IP packets in them, one a line, through the packet path as a library.
// No root, no socket:  node examples/embed.ts CAPTURE.pcap
//
// In an application: npm install wasm-lns piscina, and this file beside its own (Node runs no TypeScript in node_modules).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { CaptureReader, Network } from 'wasm-lns/decode';
import { type BatchTask, Engine, packBatch, unpackBatch } from 'wasm-lns/engine';

const file = process.argv[2];
if (file === undefined) {
  console.error('usage: node examples/embed.ts CAPTURE.pcap');
  process.exit(2);
}

// The UDP payloads of port 1701.
const network = new Network();
const datagrams: Uint8Array[] = [];
for (const frame of new CaptureReader(readFileSync(file))) {
  const datagram = network.take(frame);
  if (datagram.kind === 'udp' && (datagram.destination.port === 1701 || datagram.source.port === 1701))
    datagrams.push(datagram.payload);
}

// Every tunnel and session that data is sent to, each under the address that its client uses first.
const engine = new Engine();
const tunnels = new Set<number>();
const sessions = new Set<number>();
for (const octets of datagrams) {
  if (octets.length < 8 || (octets[0]! & 0x80) !== 0 || (octets[1]! & 0x0f) !== 2) continue;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const at = (octets[0]! & 0x40) !== 0 ? 4 : 2;
  const tunnelId = view.getUint16(at);
  const sessionId = view.getUint16(at + 2);
  const source = innerSource(octets);
  if (tunnelId === 0 || sessionId === 0 || source === null || sessions.has(view.getUint32(at))) continue;
  if (!tunnels.has(tunnelId)) engine.addTunnel({ tunnelId });
  tunnels.add(tunnelId);
  sessions.add(view.getUint32(at));
  engine.addSession({ tunnelId, sessionId, address: source });
}

/** Source address of the IPv4 packet in a data message, null where there is none. */
function innerSource(octets: Uint8Array): string | null {
  const header = [0xff, 0x03, 0x00, 0x21, 0x45];
  for (let at = 6; at + 24 <= Math.min(octets.length, 40); at++)
    if (header.every((octet, i) => octets[at + i] === octet)) return octets.subarray(at + 16, at + 20).join('.');
  return null;
}

// Batches go to a worker; the stream keeps their order and does not run ahead of the reader.
const pool = new Piscina({ filename: fileURLToPath(import.meta.resolve('wasm-lns/worker')), maxThreads: 1 });
function* tasks(): Generator<BatchTask> {
  for (let from = 0; from < datagrams.length; from += 1024)
    yield engine.up(packBatch(datagrams.slice(from, from + 1024)));
}
for await (const { packets } of engine.stream(pool, tasks()))
  for (const packet of unpackBatch(packets))
    console.log(
      `${packet.subarray(12, 16).join('.')} > ${packet.subarray(16, 20).join('.')} protocol ${packet[9]} length ${packet.length}`,
    );
await pool.destroy();
console.error(JSON.stringify(engine.counters().drops));
