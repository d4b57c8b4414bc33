import { ConfigError, type SystemError } from '../errors.ts';
import type { Ffi } from '../io/ffi.ts';
import { Xdp, type XdpInterface, xdpInterface } from '../io/xdp.ts';
import type { Gateway, LnsTunnel } from './call.ts';
import type { Log } from './log.ts';
import { type HopTunnel, NextHops } from './next-hops.ts';
import type { Plane, PlaneOptions } from './plane.ts';

export interface XdpAccessOptions {
  /** Interface that was asked for; null: none. */
  readonly interface: string | null;
  /** null: the portable access side. */
  readonly ffi: Ffi | null;
  readonly log: Log;
  plane(): Plane;
  tunnels(): Iterable<LnsTunnel>;
}

/** AF_XDP as the server has it: on an interface, where it can be had, beside the sockets; else nothing at all. */
export class XdpAccess {
  readonly #options: XdpAccessOptions;
  #xdp: Xdp | null = null;
  #hops: NextHops | null = null;

  constructor(options: XdpAccessOptions) {
    this.#options = options;
  }

  /** What the plane needs of it; nothing where it cannot be. @throws ConfigError where there is no such interface */
  prepare(): Pick<PlaneOptions, 'xdp'> {
    const device = this.#device();
    if (device === null) return {};
    const { ffi, plane, tunnels, log } = this.#options;
    return {
      xdp: {
        queues: device.queues,
        chunk: device.chunk,
        open: (memory, blocks, fill) => {
          try {
            this.#hops = new NextHops(
              ffi!,
              device.index,
              () => plane().tables,
              () => hopTunnels(tunnels()),
            );
            this.#xdp = Xdp.open(ffi!, device, memory, blocks, fill);
            return this.#xdp.fds;
          } catch (error) {
            this.close();
            log('warning', 'xdp-unavailable', { interface: device.name, reason: (error as Error).message });
            return [];
          }
        },
      },
    };
  }
  #device(): XdpInterface | null {
    const { interface: name, ffi, log } = this.#options;
    if (name === null) return null;
    if (ffi === null) {
      log('warning', 'xdp-unavailable', { interface: name, reason: 'portable' });
      return null;
    }
    try {
      return xdpInterface(ffi, name);
    } catch (error) {
      if ((error as SystemError).errorName === 'ENODEV') throw new ConfigError((error as Error).message);
      log('warning', 'xdp-unavailable', { interface: name, reason: (error as Error).message });
      return null;
    }
  }

  /** For the log: `eth0/4/native/copy`: interface, queues, where the program is, and whether the kernel copies frames. */
  get inUse(): string | undefined {
    if (this.#xdp === null) return undefined;
    const { interface: device, fds, mode } = this.#xdp;
    return `${device.name}/${fds.length}/${mode.attached}/${mode.copies ? 'copy' : 'zerocopy'}`;
  }
  gatewayOpened({ address, port, index }: Gateway): void {
    this.#xdp?.addGateway(address, port, index);
  }
  gatewayClosing({ address, port }: Gateway): void {
    this.#xdp?.removeGateway(address, port);
  }
  tunnelOpened(tunnel: LnsTunnel, now: number): void {
    this.#hops?.add(hopTunnel(tunnel), now);
  }
  /** The tables are there. */
  start(now: number): void {
    this.#hops?.start(now);
  }
  deadline(): number {
    return this.#hops?.deadline() ?? Number.POSITIVE_INFINITY;
  }
  handleTimeout(now: number): void {
    this.#hops?.handleTimeout(now);
  }
  /** The shards must have ended. */
  close(): void {
    this.#xdp?.close();
    this.#xdp = null;
    this.#hops?.close();
    this.#hops = null;
  }
}

const hopTunnel = ({ row, at, info }: LnsTunnel): HopTunnel => ({
  row,
  local: { address: at.address, port: at.port },
  peer: info.peer,
});
function* hopTunnels(tunnels: Iterable<LnsTunnel>): Generator<HopTunnel> {
  for (const tunnel of tunnels) yield hopTunnel(tunnel);
}
