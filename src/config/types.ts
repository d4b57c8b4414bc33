import type { PlatformName } from '../platform/types.ts';
import type { AuthMethod } from '../ppp/types.ts';
import type { FACILITIES, SEVERITIES, TRACE_FLAGS, TRACE_LEVELS } from './schema/l2tp.ts';

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

/** Attributes of PPP users (`client NAME ppp`, `group-profile NAME ppp`); null where nothing is said. */
export interface PppAttributes {
  readonly framedPool: string | null;
  /** 0: never. */
  readonly idleTimeoutMs: number | null;
  /** Between LCP Echo-Requests; 0: none. Nothing said: `DEFAULT_KEEPALIVE_MS`. */
  readonly keepaliveMs: number | null;
  /** Nothing said: `DEFAULT_KEEPALIVE_RETRIES`. */
  readonly keepaliveRetries: number | null;
  readonly interfaceId: string | null;
  /** IPv4 addresses as 32-bit numbers. */
  readonly primaryDns: number | null;
  readonly secondaryDns: number | null;
  readonly primaryNbns: number | null;
  readonly secondaryNbns: number | null;
  /** Octets that class of service adds to each packet. */
  readonly encapsulationOverhead: number | null;
  readonly cellOverhead: boolean | null;
  /** `ppp-options`: methods offered, the first preferred. */
  readonly authentication: readonly AuthMethod[] | null;
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

/** A `radius-server`, defaults applied. */
export interface RadiusServerConfig {
  /** IPv4 or IPv6 in text. */
  readonly address: string;
  readonly port: number;
  readonly accountingPort: number;
  /** In clear: never to be printed. */
  readonly secret: string;
  /** Times a request is sent in all. */
  readonly retry: number;
  readonly timeoutMs: number;
  readonly sourceAddress: string | null;
  readonly routingInstance: string | null;
  /** Requests without an answer at one time; more wait. */
  readonly maxOutstanding: number;
  /** Answers without a Message-Authenticator are dropped. */
  readonly requireMessageAuthenticator: boolean;
}
/** `radius-disconnect` and its port. */
export interface RadiusDisconnectConfig {
  readonly port: number;
  /** Secret in clear of each address that may ask. */
  readonly clients: ReadonlyMap<string, string>;
}

/** Profile whose clients are PPP users. */
export interface UserProfile {
  readonly name: string;
  readonly authenticationOrder: readonly ('password' | 'radius' | 'none')[];
  /** `accounting-order radius`. */
  readonly radiusAccounting: boolean;
  /** `accounting update-interval`: between interim updates; null: none. */
  readonly interimIntervalMs: number | null;
  /** The profile's own, in their order; empty: those of `LnsConfig.radiusServers`. */
  readonly radiusServers: readonly RadiusServerConfig[];
  /** Only names of this domain are judged. */
  readonly nameFilter: {
    readonly domain: string | null;
    readonly separator: string | null;
    readonly count: number;
  } | null;
  readonly clients: ReadonlyMap<string, UserClient>;
}

/** A LAC, or `*` for any. Group profile values are already in. */
/**
 * How a LAC's tunnels are dealt to the shards: each tunnel to one, each session to one, or that where a tunnel of the LAC
 * was too much for one shard before.
 */
export type LoadBalance = 'automatic' | 'per-session' | 'per-tunnel';
export interface TunnelClient {
  readonly name: string;
  readonly secret: string | null;
  /** 0 = unlimited. */
  readonly maximumSessionsPerTunnel: number;
  readonly loadBalance: LoadBalance;
  /** The first preferred; one at least. */
  readonly pppAuthentication: readonly AuthMethod[];
  readonly lcpRenegotiation: boolean;
  readonly localChap: boolean;
  /** null: no multilink. `fragmentThreshold` in octets, null: no fragments; `dropTimeoutMs` 0: fragments are held. */
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

/** A `host` of a tunnel group's `syslog`. */
export interface SyslogHostConfig {
  /** Name or address; `local`: this router's own log. */
  readonly host: string;
  readonly port: number;
  /** Messages of this severity and worse are sent. */
  readonly severity: SyslogSeverity;
  /** null: the default facility. */
  readonly facility: SyslogFacility | null;
  readonly logPrefix: string | null;
}
export type SyslogSeverity = keyof typeof SEVERITIES;
export type SyslogFacility = keyof typeof FACILITIES;

export interface TunnelGroup {
  readonly name: string;
  /** IPv4 in text. */
  readonly localGateway: string;
  /** Our Host Name AVP, where the file gives one. */
  readonly gatewayName: string | null;
  /** As written: `sp-1/2/0`, `sp-1/2/0.20`, `rsp0`. */
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
  readonly syslog: readonly SyslogHostConfig[];
}

export type TraceFlag = keyof typeof TRACE_FLAGS;
export type TraceLevel = keyof typeof TRACE_LEVELS;
/** `[edit services l2tp traceoptions]`. */
export interface TraceConfig {
  readonly file: TraceFileConfig;
  /** Least severity written; null where nothing is said: the flags alone decide. */
  readonly level: TraceLevel | null;
  readonly debugLevel: 'detail' | 'error' | 'packet-dump' | null;
  readonly flags: ReadonlySet<TraceFlag>;
  /** Protocols traced; empty: all. */
  readonly protocols: ReadonlySet<'l2tp' | 'ppp' | 'radius' | 'udp'>;
  readonly userName: string | null;
  /** By `sp-f/p/0`. */
  readonly interfaces: ReadonlyMap<string, InterfaceTraceConfig>;
}
export interface TraceFileConfig {
  /** Name in the log directory. */
  readonly name: string;
  /** Files kept, the one being written among them. */
  readonly files: number;
  readonly sizeOctets: number;
  /** Lines that do not match are not written. */
  readonly match: string | null;
  readonly worldReadable: boolean;
}
export interface InterfaceTraceConfig {
  readonly debugLevel: 'detail' | 'error' | 'extensive';
  readonly flags: ReadonlySet<'all' | 'ipc' | 'packet-dump' | 'protocol' | 'system'>;
}

/** A services interface, `sp-f/p/0` or `rspN`. */
export interface ServiceInterfaceConfig {
  readonly name: string;
  readonly description: string | null;
  /** `traceoptions flag all` of the interface itself. */
  readonly traceAll: boolean;
  readonly units: readonly ServiceUnit[];
  /** Of `rspN`. */
  readonly redundancy: { readonly primary: string; readonly secondary: string; readonly hotStandby: boolean } | null;
}

/** Who may do what on the command line. */
export interface LoginUser {
  readonly name: string;
  readonly uid: number | null;
  readonly gid: number | null;
  readonly loginClass: string;
  readonly permission: 'full' | 'operate' | 'view' | 'none';
}
export interface SystemConfig {
  /** In the order of the file: the first that fits counts. */
  readonly users: readonly LoginUser[];
  /** Socket of the command line. */
  readonly socketPath: string | null;
  readonly socketGroup: string | null;
}
/** What the file says of the chassis. */
export interface ChassisConfig {
  readonly model: PlatformName | null;
  readonly pics: readonly {
    readonly fpc: number;
    readonly pic: number;
    readonly servicePackage: 'layer-2' | 'layer-3';
  }[];
  /** Forwarding board of each FPC of an M120; null: none. */
  readonly febs: ReadonlyMap<number, number | null>;
}

/** The whole configuration, defaults and precedence applied. */
/** The rate of a policer. */
export interface PolicerConfig {
  readonly bps: number;
  readonly burstOctets: number;
}
export interface LnsConfig {
  readonly hostName: string | null;
  readonly tunnelGroups: readonly TunnelGroup[];
  readonly pools: ReadonlyMap<string, PoolConfig>;
  /** Every active services interface, by name. */
  readonly interfaces: ReadonlyMap<string, ServiceInterfaceConfig>;
  /** `[edit access radius-server]`, in their order. */
  readonly radiusServers: readonly RadiusServerConfig[];
  /** null: nobody may ask for a disconnect. */
  readonly radiusDisconnect: RadiusDisconnectConfig | null;
  /** null: nothing is traced. */
  readonly trace: TraceConfig | null;
  readonly system: SystemConfig;
  readonly chassis: ChassisConfig;
  /** What a Filter-Id stands for: the policers of filters that limit all packets, and policers by their own names. */
  readonly filters: ReadonlyMap<string, PolicerConfig>;
}

/** Seconds between LCP Echo-Requests where nothing is said, in ms (13.2 manual). */
export const DEFAULT_KEEPALIVE_MS = 30_000;
export const DEFAULT_KEEPALIVE_RETRIES = 10;

export type { PlatformName };
