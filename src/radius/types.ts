import type { Attribute, Packet } from './packet.ts';

/** One RADIUS server as a client sees it (`radius-server`). */
export interface RadiusServerOptions {
  /** IPv4 or IPv6 in text. */
  readonly address: string;
  readonly port: number;
  readonly secret: Uint8Array;
  /** Time for an answer to one transmission. */
  readonly timeoutMs: number;
  /** Retransmissions after the first transmission. */
  readonly retries: number;
  /** Address that requests come from; null: the kernel's choice. */
  readonly sourceAddress: string | null;
  /** Replies to Access-Requests without a Message-Authenticator are dropped; else only once the server has sent one. */
  readonly requireMessageAuthenticator: boolean;
}

/** What a client counts of a server (RFC 4668 and 4670 under Junos' names). */
export interface RadiusCounters {
  /** First transmissions. */
  requests: number;
  /** Of those, by Acct-Status-Type. */
  startRequests: number;
  interimRequests: number;
  stopRequests: number;
  /** Requests that came here after another server had not answered. */
  rolloverRequests: number;
  retransmissions: number;
  accepts: number;
  rejects: number;
  challenges: number;
  /** Accounting-Responses. */
  responses: number;
  startResponses: number;
  interimResponses: number;
  stopResponses: number;
  /** No RADIUS packet, or attributes with lying lengths. */
  malformedResponses: number;
  /** Response Authenticator or Message-Authenticator wrong. */
  badAuthenticators: number;
  /** Message-Authenticator demanded, and missing. */
  missingMessageAuthenticators: number;
  requestTimeouts: number;
  /** To no request that waits: too late, or never asked for. */
  unknownResponses: number;
  /** Requests given up: queue full, or too large. */
  packetsDropped: number;
}
export const newCounters = (): RadiusCounters => ({
  requests: 0,
  startRequests: 0,
  interimRequests: 0,
  stopRequests: 0,
  rolloverRequests: 0,
  retransmissions: 0,
  accepts: 0,
  rejects: 0,
  challenges: 0,
  responses: 0,
  startResponses: 0,
  interimResponses: 0,
  stopResponses: 0,
  malformedResponses: 0,
  badAuthenticators: 0,
  missingMessageAuthenticators: 0,
  requestTimeouts: 0,
  unknownResponses: 0,
  packetsDropped: 0,
});

/** A question to a group of servers. Its owner keeps it, to cancel it. */
export interface RadiusRequest {
  readonly kind: 'access' | 'accounting';
  /**
   * The attributes without a Message-Authenticator, made for each transmission to a new server.
   * @param authenticator the Request Authenticator that User-Password is hidden with (zeros for accounting)
   */
  attributes(secret: Uint8Array, authenticator: Uint8Array): readonly Attribute[];
  /** Acct-Status-Type, for the counters. */
  readonly status?: number;
  readonly answer: (answer: RadiusAnswer) => void;
}

export type RadiusAnswer =
  | {
      readonly outcome: 'reply';
      readonly packet: Packet;
      readonly server: RadiusServerOptions;
      /** For hidden attributes of the reply. */
      readonly requestAuthenticator: Uint8Array;
    }
  /** No server answered; the queue is full; the request does not fit a packet. */
  | { readonly outcome: 'timeout' | 'overload' | 'too-large' };

/** What the driver does next, in order. */
export type RadiusAction =
  /** A lane is a UDP socket of its own, connected to the server: 256 Identifiers. It is opened with its first packet. */
  | { do: 'send'; lane: Lane; octets: Uint8Array }
  | { do: 'answer'; request: RadiusRequest; answer: RadiusAnswer }
  | { do: 'tell'; event: 'server-dead' | 'server-alive' | 'message-authenticator-seen'; server: RadiusServerOptions }
  | { do: 'tell'; event: 'dropped'; reason: ReplyFault; server: RadiusServerOptions };

export type ReplyFault =
  | 'malformed'
  | 'bad-authenticator'
  | 'message-authenticator-missing'
  | 'unknown'
  | 'unexpected-code';

/** One source port towards one server. */
export interface Lane {
  readonly index: number;
  readonly server: RadiusServerOptions;
}
