import * as layout from '../generated/layout.ts';
import { parseIpv4 } from '../wire/address.ts';
import { octets32 } from '../wire/ppp.ts';
import { type Bpf, MAP_ARRAY, MAP_LPM_TRIE, MAP_NO_PREALLOCATION, type Step } from './bpf.ts';
import type { Prefix } from './netlink.ts';
import { HELPER_LOOKUP, type XdpInterface, type XdpSide, xdpVerdict } from './xdp.ts';

/** Prefixes that the map has room for. */
const PREFIXES_MAX = 1 << 20;
/** What the map says of a prefix: the clients'; not theirs; an address of this host. */
const CLIENTS = 1;
const FOREIGN = 0;
const OWN = 2;

/**
 * The program at the core's interface. To the ring of its queue goes an IPv4 packet without options, sent to our Ethernet
 * address, no larger than the MTU, for a destination that the map says is a client's, with a hop left to go, from a source that
 * may be one; all else goes on to the kernel, which says or counts what there is to say.
 * @param link array map of one entry: our Ethernet address, two octets, u32 octets of the largest frame
 */
export function clientsProgram(clients: number, sockets: number, link: number): readonly Step[] {
  const [packet, end, value, other, context, settings] = [2, 3, 4, 5, 6, 7];
  const reload: Step[] = [
    ['ldxw', packet, context, 0],
    ['ldxw', end, context, 4],
    ['movx', value, packet],
    ['add', value, 34], // Ethernet and IP
    ['jgtx', value, end, 'pass'],
  ];
  /** What the map says of the address at an offset of the packet, in r0; jumps where it says nothing. */
  const ask = (at: number, nothing: string): Step[] => [
    ['ldxw', value, packet, at],
    ['mov', other, 32],
    ['stxw', 10, -8, other],
    ['stxw', 10, -4, value],
    ['map', 1, clients],
    ['movx', 2, 10],
    ['add', 2, -8],
    ['call', HELPER_LOOKUP],
    ['jeq', 0, 0, nothing],
    ['ldxw', 0, 0, 0],
  ];
  return [
    ['movx', context, 1],
    ['mov', other, 0],
    ['stxw', 10, -8, other],
    ['map', 1, link],
    ['movx', 2, 10],
    ['add', 2, -8],
    ['call', HELPER_LOOKUP],
    ['jeq', 0, 0, 'pass'],
    ['movx', settings, 0],
    ...reload,
    ['ldxw', value, packet, 0],
    ['ldxw', other, settings, 0],
    ['jnex', value, other, 'pass'],
    ['ldxh', value, packet, 4],
    ['ldxh', other, settings, 4],
    ['jnex', value, other, 'pass'],
    ['ldxw', other, settings, 8],
    ['and', other, 0x3fff],
    ['movx', value, packet],
    ['addx', value, other],
    ['jgtx', end, value, 'pass'],
    ['ldxh', value, packet, 12],
    ['jne', value, 0x0008, 'pass'], // IPv4; words are in memory order
    ['ldxb', value, packet, 14],
    ['jne', value, 0x45, 'pass'],
    ['ldxb', value, packet, 22],
    ['jlt', value, 2, 'pass'], // the kernel says that its time has ended
    // RFC 1812 section 5.3.7: 0/8, 127/8, multicast and beyond are nobody's; nor may it be our own.
    ['ldxb', value, packet, 26],
    ['jeq', value, 0, 'pass'],
    ['jeq', value, 127, 'pass'],
    ['jge', value, 224, 'pass'],
    ...ask(26, 'source'),
    ['jeq', 0, OWN, 'pass'],
    ['label', 'source'],
    ...reload,
    ...ask(30, 'pass'),
    ['jne', 0, CLIENTS, 'pass'],
    ...xdpVerdict(context, sockets),
  ];
}

/** The core's side: packets for clients come by the rings. */
export class XdpClients implements XdpSide {
  readonly role = layout.XDP_ROLE_CORE;
  #bpf: Bpf | null = null;
  #map = -1;
  #link = -1;

  program(bpf: Bpf, { mac, mtu }: XdpInterface, sockets: number, maps: number[]): readonly Step[] {
    this.#bpf = bpf;
    this.#map = bpf.createMap(MAP_LPM_TRIE, 8, 4, PREFIXES_MAX, MAP_NO_PREALLOCATION);
    maps.push(this.#map);
    this.#link = bpf.createMap(MAP_ARRAY, 4, 12, 1);
    maps.push(this.#link);
    this.setLink(mtu, mac);
    return clientsProgram(this.#map, sockets, this.#link);
  }
  /** What frames are taken up from now on. */
  setLink(mtu: number, mac: Uint8Array): void {
    const value = new Uint8Array(12);
    value.set(mac);
    new DataView(value.buffer).setUint32(8, mtu + 14, true);
    this.#bpf!.update(this.#link, new Uint8Array(4), value);
  }
  /**
   * Says of an IPv4 prefix whether what is for it, and for no longer prefix, is the clients', an address of this host, or neither.
   * @throws SystemError where the kernel has no room
   */
  set(prefix: Prefix, whose: PrefixOwner): void {
    const value = whose === 'clients' ? CLIENTS : whose === 'own' ? OWN : FOREIGN;
    this.#bpf!.update(this.#map, trieKey(prefix), new Uint8Array([value, 0, 0, 0]));
  }
  /** A prefix of which nothing was said is no error. */
  unset(prefix: Prefix): void {
    this.#bpf!.remove(this.#map, trieKey(prefix));
  }
}
export type PrefixOwner = 'clients' | 'own' | 'foreign';

const trieKey = ({ address, length }: Prefix): Uint8Array =>
  new Uint8Array([length, 0, 0, 0, ...octets32(parseIpv4(address)!)]);
