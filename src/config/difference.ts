import { isDeepStrictEqual } from 'node:util';
import type { LnsConfig, ServiceInterfaceConfig, ServiceUnit, TunnelGroup } from './types.ts';

// Section 1.3 of the reference: what a change does to tunnels and sessions that are up. It looks at two resolved
// configurations, so that statements which say the same thing, or are inactive, make no difference.

/** Why a group's tunnels end. */
export type GroupEnd = 'deleted' | 'local-gateway' | 'service-interface';
/** Why a unit's sessions end. */
export type UnitEnd = 'deleted' | 'dial-options' | 'mode';

export interface ConfigDifference {
  /** Nothing differs. */
  readonly same: boolean;
  /** Groups whose tunnels and sessions end now; those that still exist begin anew. A renamed group is one deleted, one added. */
  readonly endedGroups: readonly { readonly name: string; readonly why: GroupEnd }[];
  /** Units whose sessions end now. Those of an ended group's interface are here only where the unit itself changed. */
  readonly endedUnits: readonly { readonly interface: string; readonly unit: number; readonly why: UnitEnd }[];
  readonly addedGroups: readonly string[];
  /** Groups whose running tunnels stay as they are; new ones use the new values. */
  readonly changedGroups: readonly string[];
  /** `rspN` whose pair changed. */
  readonly changedPairs: readonly string[];
  /** Units that are new, or whose address or interface-id changed: for new sessions. */
  readonly changedUnits: readonly { readonly interface: string; readonly unit: number }[];
  /** Pools by name: new sessions get addresses from the new ones, running sessions keep theirs. */
  readonly addedPools: readonly string[];
  readonly removedPools: readonly string[];
  readonly changedPools: readonly string[];
  /** Takes effect at once, and ends nothing. */
  readonly atOnce: {
    /** Groups whose `syslog` changed. */
    readonly syslog: readonly string[];
    readonly trace: boolean;
    readonly interfaceTraces: readonly string[];
    readonly radiusServers: boolean;
    readonly radiusDisconnect: boolean;
    readonly users: boolean;
  };
  /** Takes effect for new tunnels. */
  readonly hostName: boolean;
  /** Takes effect when the server starts the next time: the chassis model, the socket of the command line. */
  readonly atRestart: readonly ('chassis model' | 'system services local-cli')[];
}

/** What a change of the configuration does. `previous` null: everything is new. */
export function difference(previous: LnsConfig | null, next: LnsConfig): ConfigDifference {
  const before = previous ?? EMPTY;
  const oldGroups = byName(before.tunnelGroups);
  const newGroups = byName(next.tunnelGroups);
  const profiles = new ProfileComparer();
  const endedGroups: { name: string; why: GroupEnd }[] = [];
  const changedGroups: string[] = [];
  const syslog: string[] = [];
  for (const [name, old] of oldGroups) {
    const now = newGroups.get(name);
    if (now === undefined) {
      endedGroups.push({ name, why: 'deleted' });
      continue;
    }
    if (now.localGateway !== old.localGateway) endedGroups.push({ name, why: 'local-gateway' });
    else if (now.serviceInterface !== old.serviceInterface) endedGroups.push({ name, why: 'service-interface' });
    else if (!sameGroup(old, now, profiles)) changedGroups.push(name);
    if (!isDeepStrictEqual(old.syslog, now.syslog)) syslog.push(name);
  }
  const units = compareUnits(before.interfaces, next.interfaces);
  const pools = compareMaps(before.pools, next.pools);
  const { chassis, system } = next;
  const result = {
    endedGroups,
    endedUnits: units.ended,
    addedGroups: [...newGroups.keys()].filter((name) => !oldGroups.has(name)),
    changedGroups,
    changedPairs: units.pairs,
    changedUnits: units.changed,
    addedPools: pools.added,
    removedPools: pools.removed,
    changedPools: pools.changed,
    atOnce: {
      syslog,
      trace: !isDeepStrictEqual(before.trace, next.trace),
      interfaceTraces: units.traces,
      radiusServers:
        !isDeepStrictEqual(before.radiusServers, next.radiusServers) || profiles.radiusDiffers(oldGroups, newGroups),
      radiusDisconnect: !isDeepStrictEqual(before.radiusDisconnect, next.radiusDisconnect),
      users: !isDeepStrictEqual(before.system.users, system.users),
    },
    hostName: before.hostName !== next.hostName,
    atRestart: [
      ...(before.chassis.model === chassis.model ? [] : (['chassis model'] as const)),
      ...(before.system.socketPath === system.socketPath && before.system.socketGroup === system.socketGroup
        ? []
        : (['system services local-cli'] as const)),
    ],
  };
  return { same: isNothing(result), ...result };
}

const EMPTY: LnsConfig = {
  hostName: null,
  tunnelGroups: [],
  pools: new Map(),
  interfaces: new Map(),
  radiusServers: [],
  radiusDisconnect: null,
  trace: null,
  system: { users: [], socketPath: null, socketGroup: null },
  chassis: { model: null, pics: [], febs: new Map() },
  filters: new Map(),
};
const byName = (groups: readonly TunnelGroup[]): Map<string, TunnelGroup> =>
  new Map(groups.map((group) => [group.name, group]));
/** No list has an entry and no flag is set. */
function isNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isNothing);
  return value === false;
}

/** Profiles are shared by groups and by each other: each pair is compared once. */
class ProfileComparer {
  readonly #known = new Map<object, Map<object, boolean>>();
  same(a: object, b: object): boolean {
    if (a === b) return true;
    let of = this.#known.get(a);
    if (of === undefined) {
      of = new Map();
      this.#known.set(a, of);
    }
    let answer = of.get(b);
    if (answer === undefined) {
      answer = isDeepStrictEqual(a, b);
      of.set(b, answer);
    }
    return answer;
  }
  radiusDiffers(before: ReadonlyMap<string, TunnelGroup>, after: ReadonlyMap<string, TunnelGroup>): boolean {
    for (const [name, old] of before) {
      const now = after.get(name);
      if (now !== undefined && !isDeepStrictEqual(old.userProfile.radiusServers, now.userProfile.radiusServers))
        return true;
    }
    return false;
  }
}
/** Do new tunnels of the group find what the old ones found? Its units and its log are looked at elsewhere. */
function sameGroup(a: TunnelGroup, b: TunnelGroup, profiles: ProfileComparer): boolean {
  return (
    a.gatewayName === b.gatewayName &&
    a.hideAvps === b.hideAvps &&
    a.helloIntervalMs === b.helloIntervalMs &&
    a.retransmitIntervalMs === b.retransmitIntervalMs &&
    a.tunnelTimeoutMs === b.tunnelTimeoutMs &&
    a.receiveWindow === b.receiveWindow &&
    a.maximumSendWindow === b.maximumSendWindow &&
    profiles.same(a.userProfile, b.userProfile) &&
    profiles.same(a.tunnelProfile, b.tunnelProfile)
  );
}

type Interfaces = ReadonlyMap<string, ServiceInterfaceConfig>;
function compareUnits(before: Interfaces, after: Interfaces) {
  const ended: { interface: string; unit: number; why: UnitEnd }[] = [];
  const changed: { interface: string; unit: number }[] = [];
  const pairs: string[] = [];
  const traces: string[] = [];
  for (const [name, old] of before) {
    const now = after.get(name);
    const units = new Map(now?.units.map((unit) => [unit.unit, unit]));
    for (const unit of old.units) {
      const same = units.get(unit.unit);
      const why = unitEnd(unit, same);
      if (why !== null) ended.push({ interface: name, unit: unit.unit, why });
      else if (same !== undefined && !isDeepStrictEqual(unit, same)) changed.push({ interface: name, unit: unit.unit });
    }
    if (now === undefined) continue;
    if (!isDeepStrictEqual(old.redundancy, now.redundancy)) pairs.push(name);
    if (old.traceAll !== now.traceAll) traces.push(name);
  }
  for (const [name, now] of after) {
    const old = new Set(before.get(name)?.units.map((unit) => unit.unit));
    for (const { unit } of now.units) if (!old.has(unit)) changed.push({ interface: name, unit });
    if (!before.has(name) && now.traceAll) traces.push(name);
  }
  return { ended, changed, pairs, traces };
}
/** Why the sessions of a unit end; null where they go on, or where it never had any. */
function unitEnd(old: ServiceUnit, now: ServiceUnit | undefined): UnitEnd | null {
  if (old.dialOptions === null) return null;
  if (now === undefined) return 'deleted';
  if (now.dialOptions === null) return 'dial-options';
  return now.dialOptions.mode === old.dialOptions.mode ? null : 'mode';
}
function compareMaps<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>) {
  const added = [...after.keys()].filter((name) => !before.has(name));
  const removed = [...before.keys()].filter((name) => !after.has(name));
  const changed = [...after.keys()].filter(
    (name) => before.has(name) && !isDeepStrictEqual(before.get(name), after.get(name)),
  );
  return { added, removed, changed };
}
