import type { Timed } from '../control/deadlines.ts';
import type { BundleNetwork } from '../ppp/bundle.ts';
import type { PppSession } from '../ppp/session.ts';
import type { LcpResult, PppAction } from '../ppp/types.ts';
import type { Front } from './front.ts';
import type { LacProfile } from './types.ts';

/** A tunnel that the emulator dials, through all its lives. */
export class EmulatedTunnel {
  readonly profile: LacProfile;
  /** Number in its profile, from 1. */
  readonly number: number;
  /** Sessions of earlier profiles. */
  readonly firstSerial: number;
  readonly group: number;
  readonly shard: number;
  tunnelId = 0;
  row = 0;
  open = false;
  /** Lives that have ended. */
  life = 0;
  /** Slots 0 to `next` - 1 have been dialled; those in `again` are to be dialled once more. */
  next = 0;
  readonly again: number[] = [];
  /** By Session ID. */
  readonly calls = new Map<number, EmulatedCall>();

  constructor(profile: LacProfile, number: number, firstSerial: number, group: number, shard: number) {
    this.profile = profile;
    this.number = number;
    this.firstSerial = firstSerial;
    this.group = group;
    this.shard = shard;
  }
  /** Sessions still to be dialled. */
  get waiting(): number {
    return this.profile.sessionsPerTunnel - this.next + this.again.length;
  }
  take(): number {
    return this.again.pop() ?? this.next++;
  }
  /** Begins a new life. */
  reset(): void {
    this.life++;
    this.tunnelId = 0;
    this.row = 0;
    this.open = false;
    this.next = 0;
    this.again.length = 0;
    this.calls.clear();
  }
}

/** Which group a session of a profile belongs to, and its place there; both from 0. */
export function placeOf(profile: LacProfile, tunnel: number, slot: number): { group: number; place: number } {
  const { groups, sessionsPerTunnel } = profile;
  if (groups === undefined || groups === null) return { group: (tunnel - 1) * sessionsPerTunnel + slot, place: 0 };
  const { size } = groups;
  if (groups.spread)
    return { group: Math.floor((tunnel - 1) / size) * sessionsPerTunnel + slot, place: (tunnel - 1) % size };
  return {
    group: (tunnel - 1) * Math.ceil(sessionsPerTunnel / size) + Math.floor(slot / size),
    place: slot % size,
  };
}

/** One session and the PPP client behind it. */
export class EmulatedCall implements Timed {
  scheduledAt = Number.POSITIVE_INFINITY;
  ppp: PppSession | null = null;
  lcp: LcpResult | null = null;
  /** Where the LAC answered itself: what the client and it have left to be done. */
  front: Front | null = null;
  asked: PppAction[] = [];
  row = 0;
  up = false;
  /** It came up, or will not: no longer in set-up. */
  settled = false;
  bundle: EmulatedBundle | null = null;
  link = -1;
  address = 0;
  /** Octets of an IP packet that both ends take, while the network is up; otherwise 0. */
  mtu = 0;
  readonly tunnel: EmulatedTunnel;
  readonly slot: number;
  /** 0 until the call is placed. */
  sessionId = 0;
  /** Its number among all, from 1. */
  readonly number: number;
  /** Its group's number in the profile, from 1. */
  readonly group: number;
  readonly place: number;
  readonly startedAt: number;

  constructor(tunnel: EmulatedTunnel, slot: number, startedAt: number) {
    this.tunnel = tunnel;
    this.slot = slot;
    this.number = tunnel.firstSerial + (tunnel.number - 1) * tunnel.profile.sessionsPerTunnel + slot + 1;
    const { group, place } = placeOf(tunnel.profile, tunnel.number, slot);
    this.group = group + 1;
    this.place = place;
    this.startedAt = startedAt;
  }
  get userName(): string {
    const grouped = (this.tunnel.profile.groups ?? null) !== null;
    return this.tunnel.profile.user.replace('%d', String(grouped ? this.group : this.number));
  }
  deadline(): number {
    return this.ppp?.deadline() ?? Number.POSITIVE_INFINITY;
  }
  handleTimeout(now: number, out: Parameters<PppSession['handleTimeout']>[1]): void {
    this.ppp?.handleTimeout(now, out);
  }
}

/** The client's end of a multilink bundle. */
export class EmulatedBundle implements Timed {
  scheduledAt = Number.POSITIVE_INFINITY;
  up = false;
  address = 0;
  /** Octets of an IP packet that both ends take, while the network is up; otherwise 0. */
  mtu = 0;
  readonly key: string;
  readonly row: number;
  readonly networkRow: number;
  readonly network: BundleNetwork;
  readonly links: (EmulatedCall | null)[];

  constructor(key: string, rows: { bundle: number; network: number }, network: BundleNetwork, size: number) {
    this.key = key;
    this.row = rows.bundle;
    this.networkRow = rows.network;
    this.network = network;
    this.links = Array.from({ length: size }, () => null);
  }
  get members(): EmulatedCall[] {
    return this.links.filter((link) => link !== null);
  }
  deadline(): number {
    return this.network.deadline();
  }
}
