import { Terminate } from '../aaa/terminate.ts';
import type { LnsConfig } from '../config/types.ts';
import { type PicChange, type PicLayout, type RedundancyState, ServicesPics } from '../platform/pics.ts';
import { slotOf } from '../platform/platform.ts';
import type { Gateway } from './call.ts';
import type { Log } from './log.ts';
import type { GroupEnd } from './reconfigure.ts';
import { interfaceOf } from './units.ts';

export interface ServicesOptions {
  readonly gateways: Iterable<Gateway>;
  readonly log: Log;
  readonly now: () => number;
  readonly bootMs?: number | undefined;
  /** Ends every tunnel of a gateway with a StopCCN. */
  closeAll(gateway: Gateway, end: GroupEnd): void;
  /** A deadline has come nearer. */
  settle(): void;
}

/** StopCCN result codes, and the general error code "insufficient resources" (RFC 2661 section 4.4.2). */
const CLEAR = 1;
const GENERAL_ERROR = 2;
const INSUFFICIENT_RESOURCES = 4;

/** The services PICs as the server uses them: which one works for a group, and what ends when it does not. */
export class Services {
  readonly #options: ServicesOptions;
  readonly #pics: ServicesPics;

  constructor(options: ServicesOptions) {
    this.#options = options;
    this.#pics = new ServicesPics(options.bootMs);
  }
  configure(config: LnsConfig): void {
    this.#apply(this.#pics.configure(layoutOf(config), new Date()));
  }
  /** The PIC behind a group's services interface; null where none works. */
  picOf(serviceInterface: string): string | null {
    return this.#pics.picOf(interfaceOf(serviceInterface));
  }

  // For the operator.

  get offline(): ReadonlySet<string> {
    return this.#pics.offline;
  }
  /** Takes a PIC offline or online. @returns what is said of it, in Junos' words where they are known */
  set(fpc: number, pic: number, online: boolean): { readonly ok: boolean; readonly text: string } {
    const name = `sp-${fpc}/${pic}/0`;
    const { log, now } = this.#options;
    const done = this.#pics.set(name, online, new Date(), now());
    if (typeof done === 'string') return { ok: false, text: `FPC ${fpc} PIC ${pic}: ${done}` };
    if (!online) log('notice', 'pic-offline', { pic: name, reason: 'by hand' });
    this.#apply(done);
    const word = online ? 'online' : 'offline';
    return {
      ok: true,
      text: `fpc ${fpc} pic ${pic} ${word} initiated, use "show chassis fpc pic-status ${fpc}" to verify`,
    };
  }
  /** The same with all services PICs of an FPC, or has them come up anew. */
  setFpc(fpc: number, what: 'offline' | 'online' | 'restart'): { readonly ok: boolean; readonly text: string } {
    const { log, now } = this.#options;
    const pics = [...this.#pics.fitted].filter((pic) => slotOf(pic)?.fpc === fpc);
    if (pics.length === 0) return { ok: false, text: `FPC ${fpc}: no services PIC is there` };
    let done = 0;
    for (const pic of pics) {
      const changes =
        what === 'restart'
          ? this.#pics.restart(pic, new Date(), now())
          : this.#pics.set(pic, what === 'online', new Date(), now());
      if (typeof changes === 'string') continue;
      done++;
      if (what !== 'online') log('notice', 'pic-offline', { pic, reason: `FPC ${fpc} ${what} by hand` });
      this.#apply(changes);
    }
    const word = `${what[0]!.toUpperCase()}${what.slice(1)}`;
    return done === 0
      ? { ok: false, text: `FPC ${fpc}: its services PICs are ${what === 'online' ? 'online' : 'offline'} already` }
      : { ok: true, text: `${word} initiated, use "show chassis fpc pic-status ${fpc}" to verify` };
  }
  interfaces(): RedundancyState[] {
    return this.#pics.pairs;
  }
  /** `revert` goes back to the primary. @returns null, or why it cannot be done */
  request(what: 'switchover' | 'revert', name: string): string | null {
    const done = this.#pics.request(what, name, new Date(), this.#options.now());
    if (typeof done === 'string') return done;
    this.#apply(done);
    return null;
  }

  deadline(): number {
    return this.#pics.deadline();
  }
  handleTimeout(now: number): void {
    if (now < this.#pics.deadline()) return;
    const { up, changes } = this.#pics.handleTimeout(now, new Date());
    for (const pic of up) this.#options.log('notice', 'pic-online', { pic });
    this.#apply(changes);
  }

  /** Tunnels and sessions go down; their LACs and clients have to make them anew (warm standby). */
  #apply(changes: readonly PicChange[]): void {
    const { gateways, log, closeAll, settle } = this.#options;
    for (const { interface: name, from, to, reason } of changes) {
      const groups = [...gateways].filter(
        ({ config, serving }) => serving && interfaceOf(config.serviceInterface) === name,
      );
      const end: GroupEnd =
        to === null
          ? {
              resultCode: GENERAL_ERROR,
              errorCode: INSUFFICIENT_RESOURCES,
              message: 'the services PIC is gone',
              terminateCause: Terminate.PortError,
            }
          : { resultCode: CLEAR, message: 'switch-over to another services PIC', terminateCause: Terminate.PortError };
      for (const gateway of groups) {
        log('warning', 'switchover', { group: gateway.config.name, interface: name, from, to, reason });
        if (from !== null) closeAll(gateway, end);
      }
      if (groups.length === 0 && name !== from) log('notice', 'switchover', { interface: name, from, to, reason });
    }
    settle();
  }
}

/** PICs that the configuration names, and what it says of them. */
function layoutOf(config: LnsConfig): PicLayout {
  const fitted = new Set<string>();
  const pairs: Map<string, { primary: string; secondary: string }> = new Map();
  for (const { name, redundancy } of config.interfaces.values()) {
    if (redundancy === null) fitted.add(name);
    else {
      const { primary, secondary } = redundancy;
      fitted.add(primary);
      fitted.add(secondary);
      pairs.set(name, { primary, secondary });
    }
  }
  const unfit = new Map<string, string>();
  for (const { fpc, pic, servicePackage } of config.chassis.pics)
    if (servicePackage === 'layer-2')
      unfit.set(`sp-${fpc}/${pic}/0`, 'the PIC runs the layer-2 service package, without L2TP');
  for (const pic of fitted)
    if (config.chassis.febs.get(slotOf(pic)?.fpc ?? -1) === null)
      unfit.set(pic, 'the FPC of the PIC has no forwarding board');
  return { fitted, pairs, unfit };
}
