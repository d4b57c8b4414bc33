import type { LnsConfig, TunnelGroup } from '../config/types.ts';
import type { Tun } from '../io/tun.ts';
import { formatIpv4 } from '../wire/address.ts';
import type { Call, Gateway, LnsTunnel } from './call.ts';
import type { Gateways } from './gateways.ts';
import type { Log } from './log.ts';
import { type ConfigDifference, differenceOf, type GroupEnd, TunnelRefresher } from './reconfigure.ts';
import type { HostRoutes } from './routes.ts';
import type { Subscribers } from './subscribers.ts';
import { unitName } from './units.ts';

/** What a change did. */
export interface ChangeReport {
  readonly tunnelsEnded: number;
  readonly sessionsEnded: number;
}

/** What a change works on. */
export interface ChangeTarget {
  config: LnsConfig;
  readonly gateways: Gateways;
  readonly tunnels: ReadonlyMap<number, LnsTunnel>;
  readonly subscribers: Subscribers;
  readonly tun: Tun | null;
  readonly routes: HostRoutes | null;
  readonly log: Log;
  /** Parts that take up a configuration by themselves: logs, AAA. */
  adopt(next: LnsConfig): void;
  /** Ends every tunnel of a gateway with a StopCCN. */
  closeAll(gateway: Gateway, end: GroupEnd): void;
  /** Ends a session with a CDN. */
  disconnect(call: Call, resultCode: number, message: string): void;
}

/** CDN result code 3: for administrative reasons (RFC 2661 section 4.4.2). */
const ADMINISTRATIVE = 3;

/** Puts configurations in force while the server runs, one after the other. */
export class Changes {
  readonly #target: ChangeTarget;
  #queue: Promise<void> = Promise.resolve();
  /** Gateways that wait for their turn to be closed. */
  readonly #closing = new Set<Gateway>();
  #stopped = false;

  constructor(target: ChangeTarget) {
    this.#target = target;
  }

  /**
   * Puts a configuration in force. What it does not concern goes on untouched; what it ends is told to the peers.
   * Where something cannot be had (a gateway's address, a route), nothing has changed.
   * @throws SystemError with what could not be had
   */
  apply(next: LnsConfig): Promise<ChangeReport> {
    const change = this.#queue.then(() => this.#apply(next));
    this.#queue = change.then(
      () => undefined,
      () => undefined,
    );
    return change;
  }

  async #apply(next: LnsConfig): Promise<ChangeReport> {
    const target = this.#target;
    const { gateways, log } = target;
    const opened: Gateway[] = [];
    try {
      for (const group of next.tunnelGroups)
        if (gateways.byAddress(group.localGateway) === undefined) opened.push(await gateways.add(group));
      this.#prepareAddresses(next);
    } catch (error) {
      for (const gateway of opened) await gateways.close(gateway);
      throw error;
    }
    // From here on nothing can fail.
    const report = this.#end(differenceOf(target.config, next));
    const before = unitAddresses(target.config);
    target.config = next;
    target.adopt(next);
    const groups = new Map<string, TunnelGroup>(next.tunnelGroups.map((group) => [group.localGateway, group]));
    for (const gateway of gateways) {
      const group = groups.get(gateway.address);
      if (group !== undefined) gateway.config = group;
      gateway.serving = group !== undefined;
    }
    const refresher = new TunnelRefresher(next);
    for (const tunnel of target.tunnels.values()) {
      tunnel.gateway = refresher.group(tunnel.gateway);
      tunnel.client = refresher.client(tunnel.client, tunnel.gateway);
      tunnel.shared = null;
    }
    for (const bundle of target.subscribers.bundles) bundle.group = refresher.group(bundle.group);
    target.subscribers.reconfigure(next);
    this.#dropAddresses(before);
    for (const { config, address, port } of opened) log('info', 'listening', { group: config.name, address, port });
    log('notice', 'configuration-changed', { ...report });
    this.closeRetired();
    return report;
  }

  #end({ groups, units }: ConfigDifference): ChangeReport {
    const target = this.#target;
    const before = { tunnels: target.tunnels.size, calls: this.#calls() };
    for (const gateway of target.gateways) {
      const end = gateway.serving ? groups.get(gateway.config.name) : undefined;
      if (end === undefined) continue;
      target.closeAll(gateway, end);
    }
    if (units.size > 0)
      for (const tunnel of target.tunnels.values())
        for (const call of [...tunnel.calls.values()]) {
          // The unit of a member link is that of its bundle.
          const { unit } = call.networkEnd;
          const reason = unit === null ? undefined : units.get(unitName(call.group.serviceInterface, unit.unit));
          if (reason === undefined) continue;
          call.lastReason = reason;
          target.disconnect(call, ADMINISTRATIVE, reason);
        }
    return { tunnelsEnded: before.tunnels - target.tunnels.size, sessionsEnded: before.calls - this.#calls() };
  }
  #calls(): number {
    let count = 0;
    for (const tunnel of this.#target.tunnels.values()) count += tunnel.calls.size;
    return count;
  }

  /** Addresses and routes that another configuration needs. @throws SystemError; nothing is added then */
  #prepareAddresses(next: LnsConfig): void {
    const { tun, routes, config } = this.#target;
    if (tun === null) return;
    const own = unitAddresses(config);
    const added = [...unitAddresses(next)].filter((address) => !own.has(address)).map(formatIpv4);
    try {
      for (const address of added) tun.addAddress(address);
      routes?.prepare(next.pools.values());
    } catch (error) {
      for (const address of added) tun.deleteAddress(address);
      throw error;
    }
  }
  /** Addresses and routes that nobody needs any more. */
  #dropAddresses(before: ReadonlySet<number>): void {
    const { tun, routes, config, log } = this.#target;
    const own = unitAddresses(config);
    try {
      for (const address of before) if (!own.has(address)) tun?.deleteAddress(formatIpv4(address));
    } catch (error) {
      log('error', 'address', { reason: (error as Error).message });
    }
    // With a device's last address the kernel takes its routes away.
    routes?.reconfigure(config.pools.values(), own.size === 0);
  }

  /** Closes gateways of groups that are gone, once their last tunnel has answered for itself. */
  closeRetired(): void {
    for (const gateway of this.#target.gateways) {
      if (!isDone(gateway) || this.#closing.has(gateway)) continue;
      this.#closing.add(gateway);
      this.#queue = this.#queue.then(async () => {
        try {
          // A change in between may have taken it up again.
          if (!isDone(gateway) || this.#stopped) return;
          await this.#target.gateways.close(gateway);
          this.#target.log('info', 'gateway-closed', { group: gateway.config.name, address: gateway.address });
        } finally {
          // Only now: while the shards let go of it, it is still there for the next look round.
          this.#closing.delete(gateway);
        }
      });
    }
  }
  /** Waits for a change that is under way; nothing is closed any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#queue;
  }
}

const isDone = (gateway: Gateway): boolean => !gateway.serving && gateway.endpoint.tunnelCount === 0;

/** Addresses of ours: those of the units of every group's services interface. */
export function unitAddresses(config: LnsConfig): Set<number> {
  const own = new Set<number>();
  for (const group of config.tunnelGroups)
    for (const unit of group.units) if (unit.address !== null) own.add(unit.address);
  return own;
}
