import type { TerminateCause } from '../aaa/terminate.ts';
import type { LnsConfig, ServiceUnit, TunnelClient, TunnelGroup, TunnelProfile, UserProfile } from '../config/types.ts';
import { interfaceOf } from './units.ts';

/** Why a change ends the tunnels of a group: what StopCCN says (RFC 2661 section 4.4.2). */
export interface GroupEnd {
  readonly resultCode: number;
  readonly errorCode?: number;
  readonly message: string;
  /** Acct-Terminate-Cause of the sessions, where the result code does not say enough. */
  readonly terminateCause?: TerminateCause;
}

/** What a change of the configuration ends; all else goes on (junos-l2tp: what a change does to running tunnels). */
export interface ConfigDifference {
  /** Groups whose tunnels end, by name. */
  readonly groups: ReadonlyMap<string, GroupEnd>;
  /** Units of services interfaces whose sessions end (`sp-1/2/0.20`), and why. */
  readonly units: ReadonlyMap<string, string>;
}

/** StopCCN: general request to clear the control connection; the requester is being shut down. */
const CLEAR = 1;
const SHUTTING_DOWN = 6;

/**
 * Compares two configurations. Sessions end with the group that they belong to, with its address, with the services
 * interface (or the pair behind it) and with the dial-options of their unit. A group with another name is another group.
 */
export function differenceOf(now: LnsConfig, next: LnsConfig): ConfigDifference {
  const groups = new Map<string, GroupEnd>();
  const nextGroups = new Map(next.tunnelGroups.map((group) => [group.name, group]));
  for (const group of now.tunnelGroups) {
    const other = nextGroups.get(group.name);
    if (other === undefined)
      groups.set(group.name, { resultCode: SHUTTING_DOWN, message: 'the tunnel group has been deleted' });
    else if (other.localGateway !== group.localGateway)
      groups.set(group.name, { resultCode: SHUTTING_DOWN, message: 'the local gateway has another address' });
    else if (other.serviceInterface !== group.serviceInterface)
      groups.set(group.name, { resultCode: CLEAR, message: 'the tunnel group has another services interface' });
    else if (pairOf(now, group) !== pairOf(next, other))
      groups.set(group.name, { resultCode: CLEAR, message: 'the redundant interface has other members' });
  }
  const units = new Map<string, string>();
  for (const [name, { units: before }] of now.interfaces) {
    const after = new Map(next.interfaces.get(name)?.units.map((unit) => [unit.unit, unit]));
    for (const unit of before) {
      if (unit.dialOptions === null) continue;
      const other: ServiceUnit | undefined = after.get(unit.unit);
      if (other === undefined) units.set(`${name}.${unit.unit}`, 'the unit has been deleted');
      else if (other.dialOptions === null)
        units.set(`${name}.${unit.unit}`, 'the dial-options of the unit have been deleted');
      else if (other.dialOptions.mode !== unit.dialOptions.mode)
        units.set(`${name}.${unit.unit}`, `the unit is ${other.dialOptions.mode} now`);
    }
  }
  return { groups, units };
}
function pairOf(config: LnsConfig, group: TunnelGroup): string {
  const pair = config.interfaces.get(interfaceOf(group.serviceInterface))?.redundancy;
  return pair === null || pair === undefined ? '' : `${pair.primary} ${pair.secondary}`;
}

/** Profiles that the groups of a configuration use, by name. */
class Profiles {
  readonly #users = new Map<string, UserProfile>();
  readonly #tunnels = new Map<string, TunnelProfile>();
  constructor(config: LnsConfig) {
    for (const { userProfile, tunnelProfile } of config.tunnelGroups) {
      this.#users.set(userProfile.name, userProfile);
      this.#tunnels.set(tunnelProfile.name, tunnelProfile);
      for (const { pppProfile } of tunnelProfile.clients.values())
        if (pppProfile !== null) this.#users.set(pppProfile.name, pppProfile);
    }
  }
  users(held: UserProfile): UserProfile {
    return this.#users.get(held.name) ?? held;
  }
  tunnels(held: TunnelProfile): TunnelProfile {
    return this.#tunnels.get(held.name) ?? held;
  }
}

/**
 * Brings what a running tunnel holds up to a change. The tunnel keeps the statements of its group as they were when it
 * was set up, the names of its profiles too; what stands in the profiles and on the units is for sessions to come.
 */
export class TunnelRefresher {
  readonly #groups: ReadonlyMap<string, TunnelGroup>;
  readonly #profiles: Profiles;

  constructor(next: LnsConfig) {
    this.#groups = new Map(next.tunnelGroups.map((group) => [group.name, group]));
    this.#profiles = new Profiles(next);
  }
  group(held: TunnelGroup): TunnelGroup {
    const now = this.#groups.get(held.name);
    return {
      ...held,
      units: now?.units ?? held.units,
      syslog: now?.syslog ?? held.syslog,
      userProfile: this.#profiles.users(held.userProfile),
      tunnelProfile: this.#profiles.tunnels(held.tunnelProfile),
    };
  }
  /** The LAC's client entry; where it is gone, the tunnel keeps the one that let it in. */
  client(held: TunnelClient, group: TunnelGroup): TunnelClient {
    return this.#profiles.tunnels(group.tunnelProfile).clients.get(held.name) ?? held;
  }
}
