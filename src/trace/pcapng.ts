// Capture files as traces write them: pcapng (draft-ietf-opsawg-pcapng), little-endian, nanoseconds, raw IP.
import { LINK_RAW_IP } from '../decode/pcap.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_USER_APPLICATION = 4;
const OPTION_INTERFACE_NAME = 2;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_PACKET_FLAGS = 2;
const NANOSECONDS = 9;
const INBOUND = 1;
const OUTBOUND = 2;

const padded = (octets: number): number => (octets + 3) & ~3;

function option(code: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array(4 + padded(value.length));
  const view = new DataView(octets.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  octets.set(value, 4);
  return octets;
}
function block(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = parts.reduce((sum, part) => sum + padded(part.length), 0);
  const octets = new Uint8Array(12 + body);
  const view = new DataView(octets.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, octets.length, true);
  let at = 8;
  for (const part of parts) {
    octets.set(part, at);
    at += padded(part.length);
  }
  view.setUint32(at, octets.length, true);
  return octets;
}
const END = option(OPTION_END, new Uint8Array(0));
const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');
function words(...values: readonly number[]): Uint8Array {
  const octets = new Uint8Array(values.length * 4);
  const view = new DataView(octets.buffer);
  values.forEach((value, i) => {
    view.setUint32(i * 4, value, true);
  });
  return octets;
}

/** The beginning of a file: one section, one interface of raw IP packets. */
export function pcapngHead(interfaceName: string): Uint8Array {
  return Buffer.concat([
    block(
      SECTION_HEADER,
      words(MAGIC, 1 /* version 1.0 */, 0xffffffff, 0xffffffff),
      option(OPTION_USER_APPLICATION, text('wasm-lns')),
      END,
    ),
    block(
      INTERFACE_DESCRIPTION,
      words(LINK_RAW_IP, 0 /* packets are whole */),
      option(OPTION_INTERFACE_NAME, text(interfaceName)),
      option(OPTION_TIME_RESOLUTION, new Uint8Array([NANOSECONDS])),
      END,
    ),
  ]);
}

/** One packet. @param timeNs since 1970 */
export function pcapngPacket(packet: Uint8Array, timeNs: bigint, inbound: boolean): Uint8Array {
  const high = Number((timeNs >> 32n) & 0xffffffffn);
  const low = Number(timeNs & 0xffffffffn);
  return block(
    ENHANCED_PACKET,
    words(0, high, low, packet.length, packet.length),
    packet,
    option(OPTION_PACKET_FLAGS, words(inbound ? INBOUND : OUTBOUND)),
    END,
  );
}
