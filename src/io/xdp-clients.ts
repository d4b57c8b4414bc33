import * as layout from '../generated/layout.ts';
import { parseIpv4 } from '../wire/address.ts';
import { octets32 } from '../wire/ppp.ts';
import { type Bpf, MAP_LPM_TRIE, MAP_NO_PREALLOCATION, type Step } from './bpf.ts';
import type { Prefix } from './netlink.ts';
import { HELPER_LOOKUP, type XdpInterface, type XdpSide, xdpVerdict } from './xdp.ts';

/** Prefixes that the map has room for. */
const PREFIXES_MAX = 1 << 20;

/**
 * The program at the core's interface. To the ring of its queue goes an IPv4 packet without options, sent to our Ethernet
 * address, for a destination that the map says is a client's, with a hop left to go; all else goes on to the kernel.
 */
export function clientsProgram(clients: number, sockets: number, mac: Uint8Array): readonly Step[] {
  const [packet, end, value, context, other] = [2, 3, 4, 6, 5];
  const view = new DataView(mac.buffer, mac.byteOffset, 6);
  return [
    ['movx', context, 1],
    ['ldxw', packet, 1, 0],
    ['ldxw', end, 1, 4],
    ['movx', value, packet],
    ['add', value, 34], // Ethernet and IP
    ['jgtx', value, end, 'pass'],
    // An immediate is extended by its sign: each half of the address by itself.
    ['ldxh', value, packet, 0],
    ['jne', value, view.getUint16(0, true), 'pass'],
    ['ldxh', value, packet, 2],
    ['jne', value, view.getUint16(2, true), 'pass'],
    ['ldxh', value, packet, 4],
    ['jne', value, view.getUint16(4, true), 'pass'],
    ['ldxh', value, packet, 12],
    ['jne', value, 0x0008, 'pass'], // IPv4; words are in memory order
    ['ldxb', value, packet, 14],
    ['jne', value, 0x45, 'pass'],
    ['ldxb', value, packet, 22],
    ['jlt', value, 2, 'pass'], // the kernel says that its time has ended
    ['ldxw', value, packet, 30],
    ['mov', other, 32],
    ['stxw', 10, -8, other],
    ['stxw', 10, -4, value],
    ['map', 1, clients],
    ['movx', 2, 10],
    ['add', 2, -8],
    ['call', HELPER_LOOKUP],
    ['jeq', 0, 0, 'pass'],
    ['ldxw', value, 0, 0],
    ['jeq', value, 0, 'pass'],
    ...xdpVerdict(context, sockets),
  ];
}

/** The core's side: packets for clients come by the rings. */
export class XdpClients implements XdpSide {
  readonly role = layout.XDP_ROLE_CORE;
  #bpf: Bpf | null = null;
  #map = -1;

  program(bpf: Bpf, { mac }: XdpInterface, sockets: number, maps: number[]): readonly Step[] {
    this.#bpf = bpf;
    this.#map = bpf.createMap(MAP_LPM_TRIE, 8, 4, PREFIXES_MAX, MAP_NO_PREALLOCATION);
    maps.push(this.#map);
    return clientsProgram(this.#map, sockets, mac);
  }
  /**
   * Says of an IPv4 prefix whether what is for it, and for no longer prefix, is the clients'.
   * @throws SystemError where the kernel has no room
   */
  set(prefix: Prefix, isClients: boolean): void {
    this.#bpf!.update(this.#map, trieKey(prefix), new Uint8Array([isClients ? 1 : 0, 0, 0, 0]));
  }
  /** A prefix of which nothing was said is no error. */
  unset(prefix: Prefix): void {
    this.#bpf!.remove(this.#map, trieKey(prefix));
  }
}

const trieKey = ({ address, length }: Prefix): Uint8Array =>
  new Uint8Array([length, 0, 0, 0, ...octets32(parseIpv4(address)!)]);
