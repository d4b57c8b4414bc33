import type { PppAttributes, TunnelClient, UserProfile } from '../config/types.ts';
import type { CallConnected, CallRequest } from '../control/types.ts';
import type { PppAction } from '../ppp/types.ts';
import type { PeerAddress } from '../wire/address.ts';

/** What a PPP peer gave as its credentials. */
export type Credentials = Extract<PppAction, { do: 'authenticate' }>;

/** The call that a user came by. */
export interface AccessLine extends AccessTunnel {
  readonly sessionId: number;
  readonly peerSessionId: number;
  readonly request: CallRequest;
  readonly connected: CallConnected;
  /** Acct-Session-Id: unique over restarts. */
  readonly accountingId: string;
}

/** What all lines of a tunnel have in common. */
export interface AccessTunnel {
  readonly tunnelGroup: string;
  readonly serviceInterface: string;
  readonly tunnelId: number;
  readonly peerTunnelId: number;
  readonly localAddress: string;
  readonly peer: PeerAddress;
  /** The LAC's Host Name AVP. */
  readonly peerName: string;
  readonly localName: string;
  readonly tunnelClient: TunnelClient;
  readonly userProfile: UserProfile;
}

/** A rate limit: bits a second, and the octets that may go at once. */
export interface Rate {
  readonly bps: number;
  readonly burstOctets: number;
}

/** A network behind the client, routed to its session. */
export interface FramedRoute {
  /** A 32-bit number. */
  readonly address: number;
  readonly length: number;
  readonly metric: number;
}

/** What a user gets, from whoever answered for it; null or empty where nothing is said. */
export interface SubscriberAttributes {
  /** Addresses are 32-bit numbers. */
  readonly framedAddress: number | null;
  readonly framedNetmask: number | null;
  readonly framedRoutes: readonly FramedRoute[];
  readonly ppp: PppAttributes;
  readonly sessionTimeoutMs: number | null;
  readonly interimIntervalMs: number | null;
  readonly classes: readonly Uint8Array[];
  readonly filterId: string | null;
  /** From the client and towards it. */
  readonly rateUp: Rate | null;
  readonly rateDown: Rate | null;
  /** The name that accounting uses in place of the user's (RFC 2865 section 5.1), and RFC 4372's identity to echo. */
  readonly accountingName: string | null;
  readonly chargeableIdentity: Uint8Array | null;
}

export const NO_SUBSCRIBER_ATTRIBUTES: Omit<SubscriberAttributes, 'ppp'> = {
  framedAddress: null,
  framedNetmask: null,
  framedRoutes: [],
  sessionTimeoutMs: null,
  interimIntervalMs: null,
  classes: [],
  filterId: null,
  rateUp: null,
  rateDown: null,
  accountingName: null,
  chargeableIdentity: null,
};

export type AuthenticationResult =
  | {
      readonly passed: true;
      readonly attributes: SubscriberAttributes;
      /** RADIUS has judged; otherwise the configuration. */
      readonly byRadius?: boolean;
      readonly message?: string;
      readonly msChap2Success?: Uint8Array;
    }
  /** `reason` is for the log; `message` for the peer. */
  | {
      readonly passed: false;
      readonly reason: string;
      readonly message?: string;
      readonly msChapError?: Uint8Array;
      /** Nobody has judged: the user may well be right, and the call ends for want of resources (CDN 4). */
      readonly temporary?: boolean;
    };

/** Authentication and authorization of PPP users. */
export interface Aaa {
  /**
   * Judges a user; `answer` is called once, at once or later. The returned function withdraws the question: the call is
   * gone, nobody waits for an answer.
   */
  authenticate(
    credentials: Credentials,
    line: AccessLine,
    now: number,
    answer: (result: AuthenticationResult) => void,
  ): () => void;
  /** What a user gets whom nobody asked for credentials (`authentication-order none`). */
  unauthenticated(line: AccessLine): SubscriberAttributes;
}
