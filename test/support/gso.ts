// What the kernel does with a super-packet before a device that cannot segment (Documentation/networking/
// segmentation-offloads), written plainly: the judge of what the path splits and merges.
import { checksumOf, ipv4 } from './path.ts';

export interface Vnet {
  flags: number;
  type: number;
  headerLength: number;
  size: number;
  checksumStart: number;
  checksumOffset: number;
}
export const VNET_TCP = 1;
export const VNET_UDP = 5;

export function parseVnet(octets: Uint8Array): Vnet {
  const view = new DataView(octets.buffer, octets.byteOffset);
  return {
    flags: view.getUint8(0),
    type: view.getUint8(1),
    headerLength: view.getUint16(2, true),
    size: view.getUint16(4, true),
    checksumStart: view.getUint16(6, true),
    checksumOffset: view.getUint16(8, true),
  };
}
export function emitVnet(vnet: Partial<Vnet>): Uint8Array {
  const octets = new Uint8Array(10);
  const view = new DataView(octets.buffer);
  view.setUint8(0, vnet.flags ?? 0);
  view.setUint8(1, vnet.type ?? 0);
  view.setUint16(2, vnet.headerLength ?? 0, true);
  view.setUint16(4, vnet.size ?? 0, true);
  view.setUint16(6, vnet.checksumStart ?? 0, true);
  view.setUint16(8, vnet.checksumOffset ?? 0, true);
  return octets;
}

/** Sum of pseudo header and segment, 0xffff where the checksum is right. */
export function transportSum(packet: Uint8Array): number {
  const header = (packet[0]! & 15) * 4;
  const segment = packet.subarray(header);
  const pseudo = new Uint8Array(12);
  pseudo.set(packet.subarray(12, 20));
  pseudo[9] = packet[9]!;
  pseudo[10] = segment.length >>> 8;
  pseudo[11] = segment.length & 255;
  return checksumOf(Buffer.concat([pseudo, segment]));
}
/** Writes the right IP and TCP or UDP checksums into a packet. */
export function seal(packet: Uint8Array): Uint8Array {
  const header = (packet[0]! & 15) * 4;
  const at = header + (packet[9] === 6 ? 16 : 6);
  packet.fill(0, at, at + 2);
  packet.fill(0, 10, 12);
  let sum = 0xffff - transportSum(packet);
  if (sum === 0 && packet[9] === 17) sum = 0xffff;
  packet.set([sum >>> 8, sum & 255], at);
  const ip = 0xffff - checksumOf(packet.subarray(0, header));
  packet.set([ip >>> 8, ip & 255], 10);
  return packet;
}

/** The packets that a super-packet stands for. */
export function segment(packet: Uint8Array, vnet: Vnet): Uint8Array[] {
  if ((vnet.type & 0x7f) === 0) return [packet];
  const ip = (packet[0]! & 15) * 4;
  const tcp = (vnet.type & 0x7f) === VNET_TCP;
  const header = ip + (tcp ? (packet[ip + 12]! >>> 4) * 4 : 8);
  const payload = packet.subarray(header);
  const view = new DataView(packet.buffer, packet.byteOffset);
  const id = view.getUint16(4);
  const out: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += vnet.size) {
    const part = payload.subarray(at, at + vnet.size);
    const one = new Uint8Array(Buffer.concat([packet.subarray(0, header), part]));
    const to = new DataView(one.buffer);
    to.setUint16(2, one.length);
    to.setUint16(4, (id + out.length) & 0xffff);
    if (tcp) {
      to.setUint32(ip + 4, (view.getUint32(ip + 4) + at) >>> 0);
      let flags = one[ip + 13]!;
      if (at + part.length < payload.length) flags &= ~0x09;
      if (at > 0) flags &= ~0x80;
      one[ip + 13] = flags;
    } else to.setUint16(ip + 4, 8 + part.length);
    out.push(seal(one));
  }
  return out;
}

export interface TcpFields {
  source?: number[];
  destination?: number[];
  ports?: [number, number];
  sequence: number;
  acknowledgement?: number;
  flags?: number;
  window?: number;
  urgent?: number;
  options?: Uint8Array;
  id?: number;
  ipFlags?: number;
  ttl?: number;
  tos?: number;
}
/** A TCP packet with right checksums. */
export function tcpPacket(fields: TcpFields, payload: Uint8Array): Uint8Array {
  const options = fields.options ?? new Uint8Array(0);
  const segmentOctets = new Uint8Array(20 + options.length + payload.length);
  const view = new DataView(segmentOctets.buffer);
  view.setUint16(0, fields.ports?.[0] ?? 40000);
  view.setUint16(2, fields.ports?.[1] ?? 443);
  view.setUint32(4, fields.sequence >>> 0);
  view.setUint32(8, fields.acknowledgement ?? 77);
  view.setUint8(12, ((20 + options.length) / 4) << 4);
  view.setUint8(13, fields.flags ?? 0x10);
  view.setUint16(14, fields.window ?? 501);
  view.setUint16(18, fields.urgent ?? 0);
  segmentOctets.set(options, 20);
  segmentOctets.set(payload, 20 + options.length);
  const packet = ipv4(fields.source ?? [100, 64, 0, 1], fields.destination ?? [192, 0, 2, 7], segmentOctets, {
    protocol: 6,
    flags: fields.ipFlags ?? 0x4000,
    id: (fields.id ?? 0) & 0xffff,
  });
  packet[1] = fields.tos ?? 0;
  packet[8] = fields.ttl ?? 64;
  return seal(packet);
}
/** A UDP packet with right checksums. */
export function udpPacket(
  fields: Omit<TcpFields, 'sequence' | 'acknowledgement' | 'flags' | 'window' | 'urgent' | 'options'>,
  payload: Uint8Array,
): Uint8Array {
  const datagram = new Uint8Array(8 + payload.length);
  const view = new DataView(datagram.buffer);
  view.setUint16(0, fields.ports?.[0] ?? 50000);
  view.setUint16(2, fields.ports?.[1] ?? 443);
  view.setUint16(4, datagram.length);
  datagram.set(payload, 8);
  const packet = ipv4(fields.source ?? [100, 64, 0, 1], fields.destination ?? [192, 0, 2, 7], datagram, {
    protocol: 17,
    flags: fields.ipFlags ?? 0x4000,
    id: (fields.id ?? 0) & 0xffff,
  });
  packet[1] = fields.tos ?? 0;
  packet[8] = fields.ttl ?? 64;
  return seal(packet);
}
