import type { Impairments } from '../dataplane/traffic.ts';
import type { Prefix } from '../io/netlink.ts';
import type { RungSwitches } from '../io/rungs.ts';
import type { AuthMethod } from '../ppp/types.ts';
import type { PeerAddress } from '../wire/address.ts';

/** Tunnels of one kind: to one LNS, with one host name, secret and user. */
export interface LacProfile {
  readonly server: PeerAddress;
  readonly tunnels: number;
  readonly sessionsPerTunnel: number;
  /** Host Name AVP; "%d" becomes the number of the tunnel. */
  readonly hostName: string;
  readonly secret: string | null;
  readonly hideAvps: boolean;
  /** PPP user; "%d" becomes the number of the session, or of the group where sessions form groups. */
  readonly user: string;
  readonly password: string;
  readonly methods: readonly AuthMethod[];
  /** Ask for numbered data messages at all times. */
  readonly sequencing: boolean;
  /**
   * The LAC answers the call itself, negotiates LCP and demands one of these methods, and hands over what came of it
   * (RFC 2661 section 4.4.5); empty: it demands none. null or absent: it leaves PPP to the LNS.
   */
  readonly proxy?: readonly AuthMethod[] | null;
  /** Sessions that belong together, and how; null or absent: each stands for itself. */
  readonly groups?: Groups | null;
}

/** Sessions of one user: member links of one bundle, or sessions that share an address. */
export interface Groups {
  readonly kind: 'multilink' | 'redundant';
  readonly size: number;
  /** Each session of a group in another tunnel; otherwise all in one. */
  readonly spread: boolean;
  /** Multilink: octets of a fragment's payload; null: packets stay whole. */
  readonly fragmentOctets: number | null;
  readonly shortSequence: boolean;
}

export interface TrafficOptions {
  readonly kind: 'udp' | 'icmp';
  readonly target: string;
  /** Octets of the IP packets, sent in turn. */
  readonly sizes: readonly number[];
  /** Packets of one session before the next. */
  readonly burst: number;
  /** Flows of a session, told apart by their source ports. */
  readonly flows: number;
}

/** A kernel interface on the sessions. */
export interface DeviceOptions {
  /** At most 15 characters; "%d" is numbered by the kernel. */
  readonly name: string;
  /** Network namespace that it is put into: name or path, empty for a new one without a name; null: our own. */
  readonly netns: string | null;
  /** What is to be reached through it. */
  readonly routes: readonly Prefix[];
}

/** Impairments on our side, and which messages suffer them. */
export interface ImpairmentOptions extends Impairments {
  /** `control`: the control connection and PPP negotiation, each way; `data`: packets sent, and loss of those received. */
  readonly parts: 'all' | 'control' | 'data';
}

export interface LacOptions {
  readonly profiles: readonly LacProfile[];
  /** Our addresses, taken in turn by the ports; "0.0.0.0" lets the kernel choose. */
  readonly localAddresses: readonly string[];
  /** UDP ports that the tunnels share in turn; 0: one each. */
  readonly ports: number;
  readonly shards: number;
  /** New sessions a second; 0: as fast as the LNS answers. */
  readonly setupRate: number;
  /** Time over which the rate grows to `setupRate`. */
  readonly rampMs?: number;
  /** Sessions, and tunnels, that may be in set-up at once. */
  readonly window?: number;
  readonly tunnelWindow?: number;
  /** What fails or is lost is dialled again after so long; 0: never. */
  readonly retryMs?: number;
  readonly traffic: TrafficOptions | null;
  /** Packets come from and go to a TUN device in place of the generator. */
  readonly device?: DeviceOptions | null;
  /** Octets of the largest IP packet that clients ask for and send; default 1500. */
  readonly mru?: number;
  /** Rungs of the I/O ladder that are switched off. */
  readonly rungs?: RungSwitches;
  readonly impair: ImpairmentOptions | null;
  readonly helloIntervalMs: number;
  /** Portable access side even where system calls are to be had. */
  readonly portable?: boolean;
  /** One line an event. */
  readonly log?: (line: string) => void;
}

/** How the emulator stands. */
export interface LacStatus {
  readonly tunnelsUp: number;
  readonly sessionsUp: number;
  /** Set-ups that ended without coming up; with `retryMs` they are tried again. */
  readonly failed: number;
  readonly wanted: number;
  /** Ended after they had been up. */
  readonly lost: number;
}
export interface LacTraffic {
  readonly sent: number;
  readonly received: number;
  readonly reordered: number;
  readonly duplicates: number;
  readonly bad: number;
  /** Microseconds of the round trip; null where nothing came back. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** One point of the set-up's curve. */
export interface CurvePoint {
  /** Milliseconds since the emulator began to dial first. */
  readonly at: number;
  readonly tunnels: number;
  readonly sessions: number;
}
