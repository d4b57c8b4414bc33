import * as layout from '../generated/layout.ts';
import { parseIpv4 } from '../wire/address.ts';
import { octets32 } from '../wire/ppp.ts';
import { type Bpf, MAP_HASH, type Step } from './bpf.ts';
import { HELPER_LOOKUP, type XdpInterface, type XdpSide, xdpVerdict } from './xdp.ts';

/**
 * The program at the interface. To the ring of its queue goes a UDP datagram to one of our gateways that is an L2TP data
 * message and no PPP control frame; all else goes on to the kernel: control messages, PPP negotiation (for their own
 * sockets), fragments, IP options, VLANs, IPv6, ARP and everybody else's traffic.
 */
export function xdpProgram(gateways: number, sockets: number): readonly Step[] {
  const [packet, end, value, length, context, start, finish] = [2, 3, 4, 5, 6, 7, 8];
  return [
    ['movx', context, 1],
    ['ldxw', packet, 1, 0],
    ['ldxw', end, 1, 4],
    ['movx', value, packet],
    ['add', value, 62], // Ethernet, IP, UDP, and the longest L2TP header without offset, and a PPP protocol
    ['jgtx', value, end, 'pass'],
    ['ldxh', value, packet, 12],
    ['jne', value, 0x0008, 'pass'], // IPv4; words are in memory order
    ['ldxb', value, packet, 14],
    ['jne', value, 0x45, 'pass'],
    ['ldxb', value, packet, 23],
    ['jne', value, 17, 'pass'],
    ['ldxh', value, packet, 20],
    ['jset', value, 0xff3f, 'pass'], // a fragment
    ['ldxb', value, packet, 42],
    ['jset', value, 0x80, 'pass'], // T
    ['ldxw', value, packet, 30],
    ['stxw', 10, -8, value],
    ['ldxh', value, packet, 36],
    ['stxw', 10, -4, value],
    ['movx', start, packet],
    ['movx', finish, end],
    ['map', 1, gateways],
    ['movx', 2, 10],
    ['add', 2, -8],
    ['call', HELPER_LOOKUP],
    ['jeq', 0, 0, 'pass'],
    ['ldxb', value, start, 42],
    ['jset', value, 0x02, 'ours'], // O: rare, data
    ['mov', length, 48],
    ['jset', value, 0x40, 'length'],
    ['ja', 'no-length'],
    ['label', 'length'],
    ['add', length, 2],
    ['label', 'no-length'],
    ['jset', value, 0x08, 'numbers'],
    ['ja', 'no-numbers'],
    ['label', 'numbers'],
    ['add', length, 4],
    ['label', 'no-numbers'],
    ['addx', start, length],
    ['movx', value, start],
    ['add', value, 4],
    ['jgtx', value, finish, 'pass'],
    ['ldxh', value, start, 0],
    ['be16', value],
    ['jne', value, 0xff03, 'protocol'], // Address and Control fields
    ['ldxh', value, start, 2],
    ['be16', value],
    ['label', 'protocol'],
    ['jset', value, 0x0100, 'ours'], // a compressed protocol field: data
    ['jge', value, 0x8000, 'pass'],
    ...xdpVerdict(context, sockets),
  ];
}

/** The LACs' side: data for our gateways comes by the rings. */
export class XdpGateways implements XdpSide {
  readonly role = layout.XDP_ROLE_ACCESS;
  readonly #memory: WebAssembly.Memory;
  readonly #blocks: readonly number[];
  readonly #known: { address: string; port: number; group: number }[] = [];
  #bpf: Bpf | null = null;
  #map = -1;

  /** @param blocks offset of each queue's block of PART_XDP */
  constructor(memory: WebAssembly.Memory, blocks: readonly number[]) {
    this.#memory = memory;
    this.#blocks = blocks;
  }
  program(bpf: Bpf, _device: XdpInterface, sockets: number, maps: number[]): readonly Step[] {
    this.#bpf = bpf;
    this.#map = bpf.createMap(MAP_HASH, 8, 1, layout.XDP_GATEWAYS_MAX);
    maps.push(this.#map);
    return xdpProgram(this.#map, sockets);
  }
  /** Data for this address comes by the rings from now on; it belongs to a socket group. IPv4 alone. */
  add(address: string, port: number, group: number): void {
    if (parseIpv4(address) === null || this.#known.length >= layout.XDP_GATEWAYS_MAX) return;
    this.#known.push({ address, port, group });
    this.#write();
    this.#bpf!.update(this.#map, gatewayKey(address, port), new Uint8Array([1]));
  }
  remove(address: string, port: number): void {
    const at = this.#known.findIndex((one) => one.address === address && one.port === port);
    if (at < 0) return;
    this.#bpf!.remove(this.#map, gatewayKey(address, port));
    this.#known.splice(at, 1);
    this.#write();
  }
  #write(): void {
    const view = new DataView(this.#memory.buffer);
    const words = new Int32Array(this.#memory.buffer);
    for (const block of this.#blocks) {
      for (const [n, { address, port, group }] of this.#known.entries()) {
        const at = block + layout.XDP_GATEWAY + n * 8;
        view.setUint32(at, parseIpv4(address)!);
        view.setUint16(at + 4, port);
        view.setUint16(at + 6, group, true);
      }
      Atomics.store(words, (block + layout.XDP_GATEWAYS) >>> 2, this.#known.length);
    }
  }
}

const gatewayKey = (address: string, port: number): Uint8Array =>
  new Uint8Array([...octets32(parseIpv4(address)!), port >>> 8, port & 0xff, 0, 0]);
