import type { Ffi } from '../io/ffi.ts';
import { Xdp } from '../io/xdp.ts';
import { XdpGateways } from '../io/xdp-gateways.ts';
import type { Gateway, LnsTunnel } from './call.ts';
import type { Log } from './log.ts';
import { type HopTunnel, NextHops } from './next-hops.ts';
import type { Plane, XdpSetup } from './plane.ts';
import { xdpDevice, xdpInUse, xdpSetup } from './xdp-device.ts';

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
  #known: XdpGateways | null = null;
  #hops: NextHops | null = null;

  constructor(options: XdpAccessOptions) {
    this.#options = options;
  }

  /** What the plane needs of it; nothing where it cannot be. @throws ConfigError where there is no such interface */
  prepare(): XdpSetup[] {
    const { interface: name, ffi, plane, tunnels, log } = this.#options;
    const device = xdpDevice(name, ffi, log);
    if (device === null) return [];
    const open: Parameters<typeof xdpSetup>[3] = (memory, blocks, fill) => {
      this.#hops = new NextHops(
        ffi!,
        device.index,
        () => plane().tables,
        () => hopTunnels(tunnels()),
      );
      this.#known = new XdpGateways(memory, blocks);
      this.#xdp = Xdp.open(ffi!, device, memory, blocks, fill, this.#known);
      return this.#xdp;
    };
    return [xdpSetup(device, false, log, open, () => this.close())];
  }
  /** For the log. */
  get inUse(): string | undefined {
    return this.#xdp === null ? undefined : xdpInUse(this.#xdp);
  }
  gatewayOpened({ address, port, index }: Gateway): void {
    if (this.#xdp !== null) this.#known!.add(address, port, index);
  }
  gatewayClosing({ address, port }: Gateway): void {
    if (this.#xdp !== null) this.#known!.remove(address, port);
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
