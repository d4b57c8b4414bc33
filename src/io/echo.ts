import { SystemError } from '../errors.ts';
import { encodeSockaddr, parseIpv4 } from '../wire/address.ts';
import { AF_INET, type Ffi, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from './ffi.ts';

const IPPROTO_ICMP = 1;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const HEADER = 8;
/** How often an answer is looked for. */
const POLL_MS = 1;
/** Datagrams of others that are read over at a time. */
const READS_MAX = 256;

/** The Internet checksum (RFC 1071). */
export function internetChecksum(octets: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += (octets[at]! << 8) | (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
/** An ICMP Echo Request (RFC 792). */
export function echoRequest(identifier: number, sequence: number, octets: number): Uint8Array {
  const message = new Uint8Array(HEADER + octets);
  const view = new DataView(message.buffer);
  message[0] = ECHO_REQUEST;
  view.setUint16(4, identifier);
  view.setUint16(6, sequence);
  for (let at = 0; at < octets; at++) message[HEADER + at] = at;
  view.setUint16(2, internetChecksum(message));
  return message;
}
/** Is an IPv4 packet the answer? @returns its TTL, null where it is not */
export function echoAnswer(packet: Uint8Array, from: number, identifier: number, sequence: number): number | null {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const header = (packet[0]! & 0x0f) * 4;
  if (packet.length < header + HEADER || packet[0]! >>> 4 !== 4 || view.getUint32(12) !== from) return null;
  if (packet[header] !== ECHO_REPLY || view.getUint16(header + 4) !== identifier) return null;
  return view.getUint16(header + 6) === sequence ? packet[8]! : null;
}

/** ICMP Echo by a raw socket of the kernel's: it takes the way of every packet to that address. */
export class KernelEcho {
  readonly #ffi: Ffi;
  #identifier = process.pid & 0xffff;
  constructor(ffi: Ffi) {
    this.#ffi = ffi;
  }
  /**
   * @returns milliseconds and TTL of the answer, null where none came in time
   * @throws SystemError where the kernel does not let us
   */
  async echo(
    address: string,
    sequence: number,
    octets: number,
    timeoutMs: number,
  ): Promise<{ ms: number; ttl: number } | null> {
    const ffi = this.#ffi;
    const to = parseIpv4(address);
    if (to === null) throw new SystemError(`${address} is no IPv4 address`, 'EINVAL');
    const fd = ffi.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd < 0) throw ffi.error('ping');
    try {
      this.#identifier = (this.#identifier + 1) & 0xffff;
      const identifier = this.#identifier;
      const message = echoRequest(identifier, sequence & 0xffff, octets);
      const sockaddr = encodeSockaddr({ address, port: 0 });
      const begun = performance.now();
      if (ffi.sendto(fd, ffi.addressOf(message), message.length, 0, ffi.addressOf(sockaddr), 16) < 0)
        throw ffi.error(`ping ${address}`);
      const buffer = new Uint8Array(65_536);
      while (performance.now() - begun < timeoutMs) {
        for (let n = 0; n < READS_MAX; n++) {
          const got = ffi.recv(fd, ffi.addressOf(buffer), buffer.length, MSG_DONTWAIT);
          if (got <= 0) break;
          const ttl = echoAnswer(buffer.subarray(0, got), to, identifier, sequence & 0xffff);
          if (ttl !== null) return { ms: performance.now() - begun, ttl };
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      return null;
    } finally {
      ffi.close(fd);
    }
  }
}
