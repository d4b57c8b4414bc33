import { existsSync, writeFileSync } from 'node:fs';
import { ConfigError, SystemError } from '../errors.ts';
import { cString, type Ffi, O_CLOEXEC, O_NONBLOCK, O_RDWR } from './ffi.ts';
import { Netlink, type Prefix, type RefusedRoute } from './netlink.ts';

const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const TUNSETOFFLOAD = 0x400454d0;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO_ECN = 0x08;
/** The kernel takes both or none. */
const TUN_F_USO = 0x20 | 0x40;
const IFF_TUN_EXCL = 0x8000;
/** Packets that wait for a shard. */
const QUEUE_LENGTH = 4096;

export interface TunOptions {
  /** At most 15 characters; "%d" is numbered by the kernel. */
  readonly name: string;
  /** One a shard. */
  readonly queues: number;
  readonly mtu: number;
  /** Our own addresses on it. */
  readonly addresses: readonly string[];
  /** Ask for super-packets (IFF_VNET_HDR); `uso`: of UDP datagrams too. */
  readonly vnetHdr?: boolean;
  readonly uso?: boolean;
}

/** What crosses the device in one piece. */
export interface TunOffload {
  /** Each packet has a virtio_net_hdr in front; TCP segments are merged, and checksums left to us. */
  readonly vnetHdr: boolean;
  /** UDP datagrams are merged too. */
  readonly uso: boolean;
  /** Name of the error that stood in the way of each, empty where none did. */
  readonly vnetHdrError: string;
  readonly usoError: string;
}

/** A TUN device of ours: it and its routes go away with its descriptors. */
export class Tun {
  readonly name: string;
  readonly index: number;
  readonly fds: readonly number[];
  readonly offload: TunOffload;
  readonly #ffi: Ffi;
  readonly #netlink: Netlink;

  private constructor(
    ffi: Ffi,
    name: string,
    index: number,
    fds: readonly number[],
    offload: TunOffload,
    netlink: Netlink,
  ) {
    this.#ffi = ffi;
    this.name = name;
    this.index = index;
    this.fds = fds;
    this.offload = offload;
    this.#netlink = netlink;
  }

  /**
   * @throws SystemError where the device cannot be made (it needs root or CAP_NET_ADMIN), or is there already: a second
   * server would become a queue of the first one's device and take half of its packets
   */
  static open(ffi: Ffi, options: TunOptions): Tun {
    if (options.name.length === 0 || options.name.length > 15)
      throw new ConfigError(`'${options.name}' is no name for a network device: 1 to 15 characters`);
    const opened = openQueues(ffi, options);
    const { fds, offload, name } = opened;
    let netlink: Netlink | null = null;
    try {
      const index = ffi.if_nametoindex(ffi.addressOf(cString(name)));
      if (index <= 0) throw ffi.error(`TUN device ${name}`);
      netlink = new Netlink(ffi);
      // ICMP that the path sends from our own address comes in by this device: the kernel would take it for a martian.
      for (const [setting, value] of [
        ['accept_local', '1'],
        ['rp_filter', '0'],
      ] as const)
        writeFileSync(`/proc/sys/net/ipv4/conf/${name}/${setting}`, value);
      // Nothing inside is IPv6: the kernel need not ask for routers there.
      const ipv6 = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
      if (existsSync(ipv6)) writeFileSync(ipv6, '1');
      netlink.setLinkUp(index, options.mtu, QUEUE_LENGTH);
      for (const address of options.addresses) netlink.addAddress(index, address, 32);
      return new Tun(ffi, name, index, fds, offload, netlink);
    } catch (error) {
      netlink?.close();
      for (const fd of fds) ffi.close(fd);
      throw error;
    }
  }
  addAddress(address: string): void {
    this.#netlink.addAddress(this.index, address, 32);
  }
  deleteAddress(address: string): void {
    this.#netlink.deleteAddress(this.index, address, 32);
  }
  /** @returns those that the kernel refused */
  addRoutes(prefixes: readonly Prefix[]): RefusedRoute[] {
    return this.#netlink.addRoutes(this.index, prefixes);
  }
  /** Routes to prefixes that have none yet; others are refused (EEXIST). */
  addNewRoutes(prefixes: readonly Prefix[]): RefusedRoute[] {
    return this.#netlink.addNewRoutes(this.index, prefixes);
  }
  setMtu(mtu: number): void {
    this.#netlink.setLinkUp(this.index, mtu, QUEUE_LENGTH);
  }
  deleteRoutes(prefixes: readonly Prefix[]): RefusedRoute[] {
    return this.#netlink.deleteRoutes(this.index, prefixes);
  }
  /** Takes the device away, and with it its addresses and routes. The shards must have let go of the queues. */
  close(): void {
    this.#netlink.close();
    for (const fd of this.fds) this.#ffi.close(fd);
  }
}

/** Opens the device's queues, with super-packets where they are wanted and to be had. */
function openQueues(ffi: Ffi, options: TunOptions): { fds: number[]; name: string; offload: TunOffload } {
  const fds: number[] = [];
  let vnetHdr = options.vnetHdr === true;
  let uso = vnetHdr && options.uso === true;
  let vnetHdrError = '';
  let usoError = '';
  let { name } = options;
  try {
    for (let queue = 0; queue < options.queues; queue++) {
      const path = cString('/dev/net/tun');
      const fd = ffi.open(ffi.addressOf(path), O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
      if (fd < 0) throw ffi.error('open /dev/net/tun');
      fds.push(fd);
      const request = new Uint8Array(40); // struct ifreq: name 16, flags 2
      request.set(Buffer.from(name, 'latin1'));
      let flags = IFF_TUN | IFF_NO_PI;
      if (options.queues > 1) flags |= IFF_MULTI_QUEUE;
      if (vnetHdr) flags |= IFF_VNET_HDR;
      if (queue === 0) flags |= IFF_TUN_EXCL;
      new DataView(request.buffer).setUint16(16, flags, true);
      if (ffi.ioctl(fd, TUNSETIFF, ffi.addressOf(request)) < 0) {
        const error = ffi.error(`TUN device ${name}`);
        if (queue !== 0 || error.errorName !== 'EBUSY') throw error;
        throw new SystemError(`TUN device ${name}: there is a device of this name; give another with --tun`, 'EBUSY');
      }
      name = Buffer.from(request.subarray(0, 16)).toString('latin1').replace(/\0.*$/s, '');
      if (!vnetHdr) continue;
      const wanted = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;
      if (uso && ffi.ioctl(fd, TUNSETOFFLOAD, wanted | TUN_F_USO) < 0) {
        usoError = ffi.error('TUNSETOFFLOAD').errorName;
        uso = false;
      }
      if (!uso && ffi.ioctl(fd, TUNSETOFFLOAD, wanted) < 0) {
        // From the start, without: the flag belongs to the device, not to a queue.
        vnetHdrError = ffi.error('TUNSETOFFLOAD').errorName;
        for (const one of fds.splice(0)) ffi.close(one);
        vnetHdr = false;
        name = options.name;
        queue = -1;
      }
    }
  } catch (error) {
    for (const fd of fds) ffi.close(fd);
    throw error;
  }
  return { fds, name, offload: { vnetHdr, uso, vnetHdrError, usoError } };
}
