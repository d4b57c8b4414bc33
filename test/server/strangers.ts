// Control messages from senders that prove nothing, from a process of its own: PORT KIND MILLISECONDS. Says how many it sent.
import { openFfi } from '../../src/io/ffi.ts';
import { openUdpSocket } from '../../src/io/udp.ts';
import { encodeSockaddr } from '../../src/wire/address.ts';
import { AVP, HELLO, SCCRQ } from '../../src/wire/avp.ts';
import { MessageBuilder, stampMessage } from '../../src/wire/message.ts';
import { SeededRandom } from '../../src/wire/random.ts';

/**
 * `sccrq`: tunnels begun from many ports; `hello`, `ack`: for IDs of all tunnels there may be; `junk`: any octets that begin like
 * a control message; `large`: SCCRQs of 60,000 octets full of AVPs.
 */
export type Strangers = 'sccrq' | 'hello' | 'ack' | 'junk' | 'large';
export const STRANGERS: readonly Strangers[] = ['sccrq', 'hello', 'ack', 'junk', 'large'];

const random = new SeededRandom(7);
const builder = new MessageBuilder({} as never, random);

/** The `n`th message. */
export function stranger(kind: Strangers, n: number): Uint8Array {
  switch (kind) {
    case 'sccrq':
    case 'large': {
      const message = builder
        .begin(SCCRQ, 0, 0, null)
        .u16(AVP.protocolVersion, 0x0100)
        .text(AVP.hostName, `stranger-${n}`)
        .u32(AVP.framingCapabilities, 3)
        .u16(AVP.assignedTunnelId, 1 + (n % 65_535))
        .end();
      stampMessage(message, 0, 0);
      if (kind === 'sccrq') return message.slice();
      const large = new Uint8Array(60_000);
      large.set(message);
      // AVPs that nobody knows, without the M bit: to be skipped.
      for (let at = message.length; at + 6 <= large.length; at += 6) large.set([0, 6, 0, 0, 0x70, at & 255], at);
      new DataView(large.buffer).setUint16(2, message.length + Math.floor((large.length - message.length) / 6) * 6);
      return large.subarray(0, new DataView(large.buffer).getUint16(2));
    }
    case 'hello':
      return builder
        .begin(HELLO, 1 + (n % 65_535), 0, null)
        .end()
        .slice();
    case 'ack': {
      const octets = new Uint8Array([0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0]);
      new DataView(octets.buffer).setUint16(4, 1 + (n % 65_535));
      return octets;
    }
    case 'junk': {
      const octets = random.octets(20 + (n % 200));
      octets.set([0xc8, 2, 0, octets.length]);
      if (n % 2 === 0) octets.fill(0, 4, 8);
      return octets;
    }
  }
}

if (import.meta.main) {
  const [port, kind, ms] = process.argv.slice(2) as [string, Strangers, string];
  const ffi = openFfi()!;
  const sockets = Array.from({ length: 200 }, () => openUdpSocket(ffi, { address: '127.0.0.1', port: 0 }).fd);
  const to = encodeSockaddr({ address: '127.0.0.1', port: Number(port) });
  const messages = Array.from({ length: kind === 'large' ? 64 : 4096 }, (_, n) => stranger(kind, n));
  const end = performance.now() + Number(ms);
  let sent = 0;
  while (performance.now() < end)
    for (let n = 0; n < 50; n++) {
      const octets = messages[sent % messages.length]!;
      const fd = sockets[sent % sockets.length]!;
      if (ffi.sendto(fd, ffi.addressOf(octets), octets.length, 0, ffi.addressOf(to), to.length) > 0) sent++;
    }
  console.log(sent);
}
