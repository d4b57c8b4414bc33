import type { Ffi } from '../io/ffi.ts';
import { NetworkNamespace } from '../io/namespace.ts';
import { type Prefix, throwRefused } from '../io/netlink.ts';
import type { Rungs } from '../io/rungs.ts';
import { Tun } from '../io/tun.ts';
import { TunSteering } from '../io/tun-steering.ts';
import { formatIpv4 } from '../wire/address.ts';
import type { DeviceOptions } from './types.ts';

const MTU = 1500;

/**
 * The clients' kernel interface: one TUN device with the addresses of all sessions and bundles that are up. What is sent
 * from one of them goes by its session; what its session receives comes out of the device.
 */
export class ClientDevice {
  readonly #tun: Tun;
  readonly #steering: TunSteering | null;
  readonly #space: NetworkNamespace | null;
  readonly #routes: readonly Prefix[];
  /** Sessions by address (a 32-bit number): those that share one have it once. */
  readonly #holders = new Map<number, number>();
  /** Sessions by the MTU that each takes. */
  readonly #mtus = new Map<number, number>();
  #mtu = MTU;

  private constructor(
    tun: Tun,
    steering: TunSteering | null,
    space: NetworkNamespace | null,
    routes: readonly Prefix[],
  ) {
    this.#tun = tun;
    this.#steering = steering;
    this.#space = space;
    this.#routes = routes;
  }

  /**
   * Opens the device, its routes with it: until a session is up they lead nowhere, and not past the tunnel.
   * @param queues one a shard  @param addresses at most  @param rungs loses those that the device does not have
   * @throws SystemError, ConfigError: no right to it, a name in use, no such namespace, a prefix that has a route
   */
  static open(ffi: Ffi, options: DeviceOptions, queues: number, addresses: number, rungs: Rungs): ClientDevice {
    const { netns } = options;
    const space =
      netns === null ? null : netns === '' ? NetworkNamespace.create(ffi) : NetworkNamespace.named(ffi, netns);
    const vnetHdr = rungs.has('vnetHdr');
    const uso = vnetHdr && rungs.has('uso');
    const make = (): Tun => Tun.open(ffi, { name: options.name, queues, mtu: MTU, addresses: [], vnetHdr, uso });
    try {
      const tun = space === null ? make() : space.run(make);
      try {
        throwRefused(tun.addNewRoutes(options.routes));
      } catch (error) {
        tun.close();
        throw error;
      }
      if (vnetHdr && !tun.offload.vnetHdr) rungs.lose('vnetHdr', tun.offload.vnetHdrError);
      if (!rungs.has('vnetHdr')) rungs.lose('uso', 'vnet-hdr');
      else if (uso && !tun.offload.uso) rungs.lose('uso', tun.offload.usoError);
      const steering = TunSteering.tried(ffi, tun.fds, addresses, 'source', rungs);
      return new ClientDevice(tun, steering, space, options.routes);
    } catch (error) {
      space?.close();
      throw error;
    }
  }
  get name(): string {
    return this.#tun.name;
  }
  /** Name of its namespace: empty for one without a name, null for our own. */
  get netns(): string | null {
    return this.#space?.name ?? null;
  }
  get mtu(): number {
    return this.#mtu;
  }
  get fds(): readonly number[] {
    return this.#tun.fds;
  }
  /** Addresses in the order in which they came: the first is what programs get that name none. */
  get addresses(): string[] {
    return [...this.#holders.keys()].map((address) => formatIpv4(address));
  }

  /**
   * A session or bundle is up.
   * @param mtu octets of the largest IP packet that both of its ends take  @param shard its owner
   */
  up(address: number, mtu: number, shard: number): void {
    const held = this.#holders.get(address) ?? 0;
    this.#holders.set(address, held + 1);
    this.#mtus.set(mtu, (this.#mtus.get(mtu) ?? 0) + 1);
    this.#setMtu();
    if (held > 0) return;
    this.#steering?.set(address, shard);
    this.#tun.addAddress(formatIpv4(address));
  }
  /** It is down. What is said must be what was said when it came up. */
  down(address: number, mtu: number): void {
    const held = this.#holders.get(address) ?? 0;
    const of = this.#mtus.get(mtu) ?? 0;
    if (of > 1) this.#mtus.set(mtu, of - 1);
    else this.#mtus.delete(mtu);
    this.#setMtu();
    if (held > 1) {
      this.#holders.set(address, held - 1);
      return;
    }
    if (!this.#holders.delete(address)) return;
    this.#tun.deleteAddress(formatIpv4(address));
    this.#steering?.delete(address);
    // With a device's last address the kernel takes its routes away.
    if (this.#holders.size === 0) throwRefused(this.#tun.addRoutes(this.#routes));
  }
  #setMtu(): void {
    if (this.#mtus.size === 0) return;
    const mtu = Math.min(...this.#mtus.keys());
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    this.#tun.setMtu(mtu);
  }

  /** Does `work` where the device is: a program that it starts finds itself there. */
  inside<T>(work: () => T): T {
    return this.#space === null ? work() : this.#space.run(work);
  }
  /** Takes the device away, and with it its addresses and routes. The shards must have let go of its queues. */
  close(): void {
    this.#steering?.close();
    this.#tun.close();
    this.#space?.close();
  }
}
