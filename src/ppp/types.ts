import type { RandomSource } from '../wire/random.ts';

export type AuthMethod = 'chap-md5' | 'pap';

/** Why a PPP session ended. */
export type PppEnd =
  | 'authentication-failed'
  | 'authentication-refused'
  | 'peer-terminated'
  | 'peer-rejected'
  | 'timeout'
  | 'authentication-timeout'
  | 'loop'
  | 'no-address'
  | 'network-failed'
  | 'administrative'
  | 'lower-down';

/** What a client gets. Addresses are 32-bit numbers, 0 for none. */
export interface AddressAssignment {
  readonly address: number;
  readonly localAddress: number;
  readonly primaryDns: number;
  readonly secondaryDns: number;
  readonly primaryNbns: number;
  readonly secondaryNbns: number;
}

/** What LCP agreed on. */
export interface LcpResult {
  /** Octets that the peer takes in one frame's Information field, and we. */
  readonly peerMru: number;
  readonly localMru: number;
  /** The peer takes frames without Address and Control; with one-octet protocols. */
  readonly peerAcfc: boolean;
  readonly peerPfc: boolean;
  readonly localMagic: number;
  readonly peerMagic: number;
  /** Async-Control-Character-Map that the peer asked for; null where it did not. */
  readonly peerAccm: number | null;
}

/** What the driver does next, in order. */
export type PppAction =
  | { do: 'send'; frame: Uint8Array; priority: boolean }
  /** Check the peer's credentials; the answer goes to `authenticationResult`. */
  | { do: 'authenticate'; method: AuthMethod; name: string; verify: (secret: Uint8Array) => boolean }
  /** Find an address; the answer goes to `addressAssigned`. `requested`: what the peer asked for last, 0 for nothing. */
  | { do: 'request-address'; name: string }
  | { do: 'tell'; event: 'lcp-open'; lcp: LcpResult }
  | { do: 'tell'; event: 'lcp-down' }
  | { do: 'tell'; event: 'authenticated'; name: string; method: AuthMethod | null }
  | { do: 'tell'; event: 'network-open'; address: number; localAddress: number; assignment: AddressAssignment | null }
  | { do: 'tell'; event: 'network-down' }
  | { do: 'tell'; event: 'finished'; reason: PppEnd; message: string };

export interface PppOptions {
  /** `server`: demands authentication and gives addresses (LNS); `client`: the other end. */
  readonly role: 'server' | 'client';
  readonly random: RandomSource;
  readonly md5: (...parts: Uint8Array[]) => Uint8Array;
  /** Octets of the largest frame we take. */
  readonly mru: number;
  /** Server: methods to demand, the first preferred; empty: none. Client: methods it will answer. */
  readonly authentication: readonly AuthMethod[];
  /** Our name: in CHAP Challenges, or the client's user name. */
  readonly name: string;
  /** Client: its password. */
  readonly secret?: Uint8Array;
  /** Offer to take compressed Address and Control, and protocol fields. */
  readonly compression: boolean;
}

/** Restart timer and counters (RFC 1661 section 4.6). */
export const RESTART_MS = 3000;
export const MAX_CONFIGURE = 10;
export const MAX_TERMINATE = 2;
export const MAX_FAILURE = 5;
