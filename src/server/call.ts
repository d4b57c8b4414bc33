import type dgram from 'node:dgram';
import type { TerminateCause } from '../aaa/terminate.ts';
import type { AccessTunnel, FramedRoute, SubscriberAttributes } from '../aaa/types.ts';
import type { AddressPool } from '../config/pool.ts';
import type { ServiceUnit, TunnelClient, TunnelGroup } from '../config/types.ts';
import type { Timed } from '../control/deadlines.ts';
import type { ControlEndpoint } from '../control/endpoint.ts';
import type { CallConnected, CallRequest, TunnelInfo } from '../control/types.ts';
import type { PppSession } from '../ppp/session.ts';
import type { AuthMethod, LcpResult, PppEnd, PppOptions } from '../ppp/types.ts';
import type { AccountedCall } from './accounted.ts';
import type { Bundle } from './bundles.ts';
import type { Fields } from './log.ts';

/** A local gateway: the endpoint of its tunnels, and its sockets. */
export interface Gateway {
  /** The group that tunnels to come belong to; of a gateway that no longer serves, the last one. */
  config: TunnelGroup;
  /** A group has this address. Otherwise it refuses everybody, until it is closed. */
  serving: boolean;
  /** IPv4 in text. */
  readonly address: string;
  /** Its socket group. */
  readonly index: number;
  readonly endpoint: ControlEndpoint;
  port: number;
  socket: dgram.Socket | null;
  /** Descriptor of the control socket, -1 with the portable access side. */
  fd: number;
  /** The shards' sockets: `lane * shards + shard` (io/steering.ts). */
  shardFds: readonly number[];
}

/** A tunnel that is open. */
export interface LnsTunnel {
  readonly info: TunnelInfo;
  /** Its group as it was when the tunnel was set up, but for what a change gives to sessions to come. */
  gateway: TunnelGroup;
  readonly at: Gateway;
  readonly row: number;
  client: TunnelClient;
  readonly openedAt: number;
  readonly openedDate: Date;
  readonly calls: Map<number, Call>;
  /** What its calls have in common; null: to be made anew. */
  shared: { readonly access: AccessTunnel; readonly ppp: PppOptions } | null;
  controlTxPackets: number;
  controlTxOctets: number;
  controlRxPackets: number;
  controlRxOctets: number;
  /** Data of sessions that have ended; octets are those of IP packets. */
  readonly ended: EndedTraffic;
}
export interface EndedTraffic {
  rxPackets: number;
  rxOctets: number;
  txPackets: number;
  txOctets: number;
  rxErrors: number;
  txErrors: number;
}

const NO_ROUTES: readonly FramedRoute[] = [];
export const NO_FRAMES: readonly Uint8Array[] = [];

/**
 * Whoever holds the client's address: a plain session, or a bundle. What it has comes from AAA, the pools and the
 * units of the services interface.
 */
export abstract class NetworkEnd implements Timed {
  scheduledAt = Number.POSITIVE_INFINITY;
  userName = '';
  method: AuthMethod | null = null;
  attributes: SubscriberAttributes | null = null;
  /** Assigned address, and the pool that gave it. */
  address = 0;
  localAddress = 0;
  pool: AddressPool | null = null;
  /** A fixed address, kept from the pools. */
  taken: number | null = null;
  /** Networks behind the client that it carries, or backs up. */
  routes: readonly FramedRoute[] = NO_ROUTES;
  unit: ServiceUnit | null = null;
  up = false;
  upAt = 0;
  /** The same by the clock of the day, in milliseconds. */
  upTime = 0;
  readonly createdAt: number;
  readonly createdTime = Date.now();
  lastReason = '';
  /** Epoch of the last time that its row went down: it may go up again once all shards have passed. */
  downEpoch: number | null = null;

  constructor(now: number) {
    this.createdAt = now;
  }
  get createdDate(): Date {
    return new Date(this.createdTime);
  }
  /** Null before it has been up. */
  get upDate(): Date | null {
    return this.upTime === 0 ? null : new Date(this.upTime);
  }
  abstract deadline(): number;
  abstract readonly kind: 'session' | 'bundle';
  /** The session row that stands for its network in the tables; 0: none. */
  abstract get carrier(): number;
  abstract readonly gateway: Gateway;
  /** What names it in a log line, and in words. */
  abstract get logFields(): Fields;
  abstract get label(): string;
  /** Its tunnel group. */
  abstract group: TunnelGroup;
}

/** A call: one PPP session in a tunnel. */
export class Call extends NetworkEnd {
  readonly kind = 'session';
  /** The bundle that it is a member link of. */
  bundle: Bundle | null = null;
  ppp: PppSession | null = null;
  row = 0;
  connected: CallConnected | null = null;
  /** Frames that came before the ICCN. */
  early: readonly Uint8Array[] = NO_FRAMES;
  /** Acct-Session-Id; empty until it is asked for. */
  accountingId = '';
  /** RADIUS has judged the user. */
  byRadius = false;
  /** Since its network first came up, until its Stop. */
  accounted: AccountedCall | null = null;
  /** Why it ends, where that is known before L2TP ends it. */
  terminateCause: TerminateCause | null = null;
  /** Withdraws the question to AAA that is under way. */
  withdraw: (() => void) | null = null;
  readonly gateway: Gateway;
  readonly tunnel: LnsTunnel;
  readonly sessionId: number;
  readonly peerSessionId: number;
  readonly request: CallRequest;

  constructor(
    gateway: Gateway,
    tunnel: LnsTunnel,
    sessionId: number,
    peerSessionId: number,
    request: CallRequest,
    now: number,
  ) {
    super(now);
    this.gateway = gateway;
    this.tunnel = tunnel;
    this.sessionId = sessionId;
    this.peerSessionId = peerSessionId;
    this.request = request;
  }
  /** What LCP agreed on; null where it is not open. */
  get lcp(): LcpResult | null {
    const lcp = this.ppp?.lcp;
    return lcp?.state === 'Opened' ? lcp.result : null;
  }
  deadline(): number {
    return this.ppp?.deadline() ?? Number.POSITIVE_INFINITY;
  }
  get carrier(): number {
    return this.row;
  }
  get logFields(): Fields {
    return { group: this.group.name, tunnel: this.tunnel.info.tunnelId, session: this.sessionId };
  }
  get label(): string {
    return `session ${this.tunnel.info.tunnelId}/${this.sessionId}`;
  }
  /** Who has the address: itself, or its bundle. */
  get networkEnd(): NetworkEnd {
    return this.bundle ?? this;
  }
  get group(): TunnelGroup {
    return this.tunnel.gateway;
  }
}

/** What CDN says of the end of a PPP session (RFC 2661 section 4.4.2). */
export const CDN_RESULT: Record<PppEnd, number> = {
  'authentication-failed': 3,
  'authentication-refused': 3,
  'authentication-timeout': 3,
  'peer-terminated': 1,
  'peer-rejected': 1,
  timeout: 10,
  loop: 11,
  'no-address': 4,
  'network-failed': 11,
  administrative: 3,
  'lower-down': 1,
};
