import type { PeerAddress } from '../wire/address.ts';
import type { L2tpCrypto } from '../wire/crypto.ts';
import type { RandomSource } from '../wire/random.ts';

/** How one control connection is run; from the configuration of the matched tunnel client. */
export interface TunnelPolicy {
  /** Shared secret: challenges the peer, answers its challenge, hides AVPs. null: none. */
  readonly secret: Uint8Array | null;
  readonly hideAvps: boolean;
  /** Host Name AVP of this tunnel, in place of the endpoint's: an emulator plays many LACs. */
  readonly hostName?: string;
  /** Silence before a HELLO; 0 = never. */
  readonly helloIntervalMs: number;
  readonly retransmitCapMs: number;
  /** Without an acknowledgement for this long the peer is lost. */
  readonly tunnelTimeoutMs: number;
  /** Packets; announced to the peer. */
  readonly receiveWindow: number;
  readonly maximumSendWindow: number;
  /** 0 = unlimited. */
  readonly maximumSessions: number;
  /**
   * Sessions of the tunnel are to be worked on in this many places, each by its Session ID modulo this: the IDs are dealt
   * in turn. 0 or nothing: in one.
   */
  readonly spread?: number;
  /** The driver's own. */
  readonly tag: unknown;
}

/** What an SCCRQ says of its sender. */
export interface TunnelRequest {
  readonly hostName: string;
  readonly vendorName: string;
  readonly source: PeerAddress;
}
export interface Refusal {
  readonly refuse: true;
  readonly resultCode: number;
  readonly errorCode: number;
  readonly message: string;
  /** Nothing of it is kept; a repeated SCCRQ is refused anew. */
  readonly stateless?: boolean;
}
/** What the sender of a message is to the tunnel that it names: its peer, once open and before; anybody. */
export type TunnelStanding = 'open' | 'setting-up' | 'none';

/** Why a tunnel or session ended. */
export interface Cause {
  readonly resultCode: number;
  readonly errorCode: number;
  readonly message: string;
  /** The peer said it (or stayed silent); otherwise we did. */
  readonly byPeer: boolean;
  /** Nobody said it: the control channel failed. */
  readonly silent?: boolean;
  /** Of a call: its whole tunnel ended. */
  readonly tunnel?: boolean;
}

/** What is known of a tunnel once it is open. */
export interface TunnelInfo {
  readonly tunnelId: number;
  readonly peerTunnelId: number;
  readonly peer: PeerAddress;
  readonly hostName: string;
  readonly vendorName: string;
  readonly policy: TunnelPolicy;
}

/** What an ICRQ says of a call. */
export interface CallRequest {
  readonly callSerialNumber: number;
  readonly bearerType: number;
  readonly calledNumber: string;
  readonly callingNumber: string;
  readonly subAddress: string;
}
/** What the ICCN adds. Octets of proxy AVPs are as they came, null where absent. */
export interface CallConnected {
  readonly txConnectSpeed: number;
  /** Where the LAC sends none, it is the same as txConnectSpeed. */
  readonly rxConnectSpeed: number;
  readonly framingType: number;
  readonly sequencingRequired: boolean;
  readonly initialReceivedConfreq: Uint8Array | null;
  readonly lastSentConfreq: Uint8Array | null;
  readonly lastReceivedConfreq: Uint8Array | null;
  readonly proxyAuthenType: number | null;
  readonly proxyAuthenName: Uint8Array | null;
  readonly proxyAuthenChallenge: Uint8Array | null;
  readonly proxyAuthenId: number | null;
  readonly proxyAuthenResponse: Uint8Array | null;
}
/** What a LAC says when it places a call. */
export interface CallParameters {
  readonly callSerialNumber: number;
  readonly bearerType?: number;
  readonly calledNumber?: string;
  readonly callingNumber?: string;
  readonly txConnectSpeed: number;
  readonly rxConnectSpeed?: number;
  readonly framingType: number;
  readonly sequencingRequired?: boolean;
  readonly proxy?: readonly (readonly [attributeType: number, value: Uint8Array])[];
}

/** What the driver does next, in order. Plain data: tests compare it, traces print it. */
export type ControlAction =
  | { do: 'transmit'; to: PeerAddress; tunnelId: number; octets: Uint8Array }
  | { do: 'tell'; event: 'tunnel-open'; tunnel: TunnelInfo }
  | { do: 'tell'; event: 'tunnel-closed'; tunnelId: number; opened: boolean; cause: Cause }
  | { do: 'tell'; event: 'call-request'; tunnelId: number; sessionId: number; peerSessionId: number; call: CallRequest }
  | {
      do: 'tell';
      event: 'call-open';
      tunnelId: number;
      sessionId: number;
      peerSessionId: number;
      connected: CallConnected;
    }
  | { do: 'tell'; event: 'call-closed'; tunnelId: number; sessionId: number; cause: Cause }
  | { do: 'tell'; event: 'link-info'; tunnelId: number; sessionId: number; sendAccm: number; receiveAccm: number }
  | { do: 'tell'; event: 'wan-error'; tunnelId: number; sessionId: number; errors: readonly number[] }
  | { do: 'tell'; event: 'discarded'; reason: ControlDiscard; source: PeerAddress };

/** Why a control message had no effect. */
export type ControlDiscard =
  | 'runt'
  | 'version'
  | 'length'
  | 'control-flags'
  | 'tunnel-unknown'
  | 'peer-address'
  | 'duplicate'
  | 'ahead'
  | 'window'
  | 'nr'
  | 'session-unknown'
  | 'message-ignored'
  | 'not-sccrq'
  | 'malformed'
  | 'half-open'
  | 'closed'
  | 'limit'
  | 'tie';

/** Gives out local Tunnel IDs. */
export interface TunnelIds {
  /**
   * @param spread sessions of the tunnel are to be worked on in parallel (`TunnelPolicy.spread`)
   * @returns 1 to 65,535, or 0 where none is free
   */
  allocate(peer: PeerAddress, spread?: boolean): number;
  /** The ID's retention is over: nobody sends for it any more. */
  release(tunnelId: number): void;
}

export interface EndpointLimits {
  /** Control connections whose SCCCN has not come yet, in all and from one address; the oldest gives way. */
  readonly halfOpen: number;
  readonly halfOpenPerSource: number;
}

export interface EndpointOptions {
  /** Told to peers; read anew for each. */
  readonly hostName: string;
  readonly vendorName: string;
  /** Firmware Revision AVP. */
  readonly firmwareRevision: number;
  readonly crypto: L2tpCrypto;
  readonly random: RandomSource;
  readonly ids: TunnelIds;
  readonly limits: EndpointLimits;
  /** Judges an SCCRQ. null: this endpoint accepts no tunnels (a LAC). */
  readonly authorize: ((request: TunnelRequest) => TunnelPolicy | Refusal) | null;
  /** When data of the tunnel was last heard, ms of the driver's clock: data puts off the HELLO too (section 5.5). */
  readonly lastHeard?: (tunnelId: number) => number;
}
