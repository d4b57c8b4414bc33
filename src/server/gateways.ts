import type { TunnelGroup } from '../config/types.ts';
import type { ControlEndpoint } from '../control/endpoint.ts';
import * as layout from '../generated/layout.ts';
import type { Ffi } from '../io/ffi.ts';
import { shardOfMessage } from '../io/steering.ts';
import { adoptSocket, openDgram, openSocketGroup } from '../io/udp.ts';
import { encodeSockaddr, type PeerAddress } from '../wire/address.ts';
import type { Gateway } from './call.ts';
import type { Log } from './log.ts';
import type { Plane } from './plane.ts';

export interface GatewaysOptions {
  /** null: the portable access side. */
  readonly ffi: Ffi | null;
  readonly shards: number;
  /** The data sockets take merged runs (UDP_GRO). */
  readonly gro: boolean;
  /** 0: a free port for each. */
  readonly port: number;
  readonly plane: () => Plane;
  readonly log: Log;
  readonly endpoint: (gateway: () => Gateway) => ControlEndpoint;
  /** It takes messages; it is about to go. */
  opened?(gateway: Gateway): void;
  closing?(gateway: Gateway): void;
  /** A datagram has come to a control socket. */
  arrived(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void;
}

/**
 * The local gateways: one for each address that a tunnel group has, with its sockets and the endpoint of its tunnels.
 * A group that goes leaves its gateway open until its last tunnel has answered for itself (RFC 2661 section 5.7); a
 * group that takes up the address in the meantime takes up the gateway.
 */
export class Gateways implements Iterable<Gateway> {
  readonly #options: GatewaysOptions;
  /** By socket group. The index of a gateway that is closed is given to the next one. */
  readonly #padded = new Uint8Array(layout.SOCKADDR_SIZE);
  readonly #slots: (Gateway | undefined)[] = [];
  /** What the kernel granted the sockets, in octets; 0 with the portable access side. */
  receiveBufferOctets = 0;

  constructor(options: GatewaysOptions) {
    this.#options = options;
  }

  *[Symbol.iterator](): Iterator<Gateway> {
    for (const gateway of this.#slots) if (gateway !== undefined) yield gateway;
  }
  byIndex(index: number): Gateway | undefined {
    return this.#slots[index];
  }
  byAddress(address: string): Gateway | undefined {
    return this.#slots.find((gateway) => gateway?.address === address);
  }
  get count(): number {
    let count = 0;
    for (const gateway of this.#slots) if (gateway?.serving === true) count++;
    return count;
  }

  /** Opens the sockets of a group's address. @throws SystemError where they cannot be had */
  open(config: TunnelGroup, serving = true): Gateway {
    const { ffi, shards, gro, port } = this.#options;
    const free = this.#slots.indexOf(undefined);
    const index = free < 0 ? this.#slots.length : free;
    const gateway: Gateway = {
      config,
      serving,
      address: config.localGateway,
      index,
      endpoint: this.#options.endpoint(() => gateway),
      port,
      socket: null,
      fd: -1,
      shardFds: [],
    };
    if (ffi !== null) {
      const group = openSocketGroup(ffi, { address: gateway.address, port }, shards, gro);
      gateway.port = group.port;
      gateway.fd = group.fds[0]!;
      gateway.shardFds = group.fds.slice(1);
      this.receiveBufferOctets = group.receiveBufferOctets;
    }
    this.#slots[index] = gateway;
    return gateway;
  }

  /** Begins to take control messages. The plane must run; it must have the shards' sockets. */
  async listen(gateway: Gateway): Promise<void> {
    const { address } = gateway;
    const socket =
      gateway.fd >= 0 ? await adoptSocket(gateway.fd, address) : await openDgram({ address, port: this.#options.port });
    gateway.socket = socket;
    gateway.port = socket.address().port;
    socket.on('message', (octets, { address, port }) => this.#options.arrived(gateway, octets, { address, port }));
    socket.on('error', (error) =>
      this.#options.log('error', 'socket', { group: gateway.config.name, reason: error.message }),
    );
    this.#options.opened?.(gateway);
  }

  /**
   * Data goes on to its shard: the portable access side has one socket for everything, and a run of datagrams that begins
   * with a control message comes to the control socket whole.
   */
  deal(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void {
    this.#padded.fill(0);
    this.#padded.set(encodeSockaddr(source));
    this.#options.plane().deal(shardOfMessage(octets, this.#options.shards), octets, this.#padded, gateway.index);
  }

  /** Opens a gateway while the shards run; it does not serve yet. @throws SystemError; nothing is left open then */
  async add(config: TunnelGroup): Promise<Gateway> {
    const gateway = this.open(config, false);
    try {
      if (gateway.fd >= 0) this.#options.plane().addSockets(gateway.index, gateway.shardFds);
      await this.listen(gateway);
    } catch (error) {
      await this.close(gateway);
      throw error;
    }
    return gateway;
  }

  /**
   * Closes a gateway, all its sockets at once: one that is closed while others of its SO_REUSEPORT group are read would
   * move their places. The shards have let go of them before.
   */
  async close(gateway: Gateway): Promise<void> {
    this.#options.closing?.(gateway);
    if (gateway.fd >= 0) await this.#options.plane().removeSockets(gateway.index);
    this.#closeSockets(gateway);
    this.#slots[gateway.index] = undefined;
  }
  #closeSockets(gateway: Gateway): void {
    const { ffi } = this.#options;
    if (gateway.socket !== null) gateway.socket.close();
    else if (gateway.fd >= 0) ffi!.close(gateway.fd);
    gateway.socket = null;
    for (const fd of gateway.shardFds) ffi!.close(fd);
    gateway.shardFds = [];
    gateway.fd = -1;
  }
  /** Closes everything. The shards must have ended. */
  release(): void {
    for (const gateway of this) this.#closeSockets(gateway);
  }
}
