import type { AuthMethod } from '../ppp/types.ts';

/** Something the operator should know, where it stands. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly line: number;
  readonly column: number;
  /** The hierarchy level: words of the path. */
  readonly path: readonly string[];
  /** The statement in question, as written. */
  readonly statement: string;
  readonly message: string;
  /** A mistake of the language, told with line and column; otherwise a check of what it says. */
  readonly syntax: boolean;
}

/** Attributes of PPP users (`client NAME ppp`, `group-profile NAME ppp`); null or 0 where nothing is said. */
export interface PppAttributes {
  readonly framedPool: string | null;
  readonly idleTimeoutMs: number | null;
  readonly keepaliveMs: number | null;
  readonly interfaceId: string | null;
  /** IPv4 addresses as 32-bit numbers. */
  readonly primaryDns: number | null;
  readonly secondaryDns: number | null;
  readonly primaryNbns: number | null;
  readonly secondaryNbns: number | null;
}

/** A PPP user. */
export interface UserClient {
  readonly name: string;
  readonly papPassword: string | null;
  readonly chapSecret: string | null;
  /** Fixed address, as a 32-bit number. */
  readonly framedAddress: number | null;
  /** The client's own, then its group profile's. */
  readonly ppp: PppAttributes;
}
/** Profile whose clients are PPP users. */
export interface UserProfile {
  readonly name: string;
  readonly authenticationOrder: readonly ('password' | 'radius' | 'none')[];
  readonly clients: ReadonlyMap<string, UserClient>;
}

/** A LAC, or `*` for any. Group profile values are already in. */
export interface TunnelClient {
  readonly name: string;
  readonly secret: string | null;
  /** 0 = unlimited. */
  readonly maximumSessionsPerTunnel: number;
  readonly pppAuthentication: AuthMethod;
  readonly lcpRenegotiation: boolean;
  readonly localChap: boolean;
  readonly multilink: { readonly fragmentThreshold: number | null; readonly dropTimeoutMs: number } | null;
  readonly interfaceId: string | null;
  /** Validates this LAC's users in place of the group's. */
  readonly pppProfile: UserProfile | null;
  /** Defaults for its users. */
  readonly userDefaults: PppAttributes;
}
/** Profile whose clients are LACs. */
export interface TunnelProfile {
  readonly name: string;
  readonly clients: ReadonlyMap<string, TunnelClient>;
}

/** An `address-pool`: first and last address, as 32-bit numbers, both to be given out. */
export interface PoolConfig {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  /** Network that covers it, for the route: as written, or the least that covers the range. */
  readonly prefixes: readonly { readonly address: number; readonly length: number }[];
}

/** A unit of a services interface. */
export interface ServiceUnit {
  readonly unit: number;
  /** First `family inet` address, as a 32-bit number. */
  readonly address: number | null;
  readonly dialOptions: { readonly interfaceId: string; readonly mode: 'dedicated' | 'shared' } | null;
}

export interface TunnelGroup {
  readonly name: string;
  /** IPv4 in text. */
  readonly localGateway: string;
  /** Our Host Name AVP, where the file gives one. */
  readonly gatewayName: string | null;
  readonly serviceInterface: string;
  readonly units: readonly ServiceUnit[];
  readonly tunnelProfile: TunnelProfile;
  readonly userProfile: UserProfile;
  readonly hideAvps: boolean;
  readonly helloIntervalMs: number;
  readonly retransmitIntervalMs: number;
  readonly tunnelTimeoutMs: number;
  readonly receiveWindow: number;
  readonly maximumSendWindow: number;
}

/** The whole configuration, defaults and precedence applied. */
export interface LnsConfig {
  readonly hostName: string | null;
  readonly tunnelGroups: readonly TunnelGroup[];
  readonly pools: ReadonlyMap<string, PoolConfig>;
}

export type PlatformName = 'm7i' | 'm10i' | 'm120';
