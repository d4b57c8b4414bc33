import type { EndpointDiscriminator } from '../wire/lcp.ts';
import type { RandomSource } from '../wire/random.ts';

export type AuthMethod = 'chap-md5' | 'pap' | 'mschap-v2';

/**
 * What a peer gave to be authenticated by: enough to ask another judge. `response` is secret (PAP: the password itself)
 * and never logged.
 */
export interface Credentials {
  readonly method: AuthMethod;
  /** The peer's name as text, and as it came. */
  readonly name: string;
  readonly nameOctets: Uint8Array;
  /** Of the packet that carries the answer. */
  readonly identifier: number;
  /** CHAP: the challenge that was answered. PAP: empty. */
  readonly challenge: Uint8Array;
  /** CHAP with MD5: 16 octets; MS-CHAP version 2: the 49 of RFC 2759 section 4; PAP: the password. */
  readonly response: Uint8Array;
  /** Compares with the secret of a local user. A right one is remembered for what MS-CHAP's Success has to prove. */
  readonly verify: (secret: Uint8Array) => boolean;
}

/** A judge's answer to 'authenticate'. `message` is for the peer's eyes. */
export type AuthAnswer =
  | {
      readonly passed: true;
      readonly message?: string;
      /** Of RADIUS (RFC 2548 section 2.3.3): "S=…", with its Ident octet or without. */
      readonly msChap2Success?: Uint8Array;
    }
  | {
      readonly passed: false;
      readonly message?: string;
      /** Of RADIUS (RFC 2548 section 2.1.5), "E=691 R=0 …", with its Ident octet or without. */
      readonly msChapError?: Uint8Array;
    };

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

/** What we offer of multilink (RFC 1990 section 5.1): the same on every link that may come to one bundle. */
export interface MultilinkOptions {
  /** Most octets of the Information field of a reassembled packet that we take; 1500 or more. */
  readonly mrru: number;
  /** We want fragments with 12-bit sequence numbers. */
  readonly shortSequence: boolean;
  /** Class 0 without an address: the option is not sent. */
  readonly endpointDiscriminator: EndpointDiscriminator;
}

/** What both ends agreed on. */
export interface MultilinkResult {
  readonly localMrru: number;
  readonly peerMrru: number;
  /** The peer sends us 12-bit sequence numbers. */
  readonly localShortSequence: boolean;
  /** We send them. */
  readonly peerShortSequence: boolean;
  /** Class 0 without an address where the option was not negotiated. */
  readonly localDiscriminator: EndpointDiscriminator;
  readonly peerDiscriminator: EndpointDiscriminator;
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
  /** null unless each end offered an MRRU and had it acknowledged. */
  readonly multilink: MultilinkResult | null;
  /** A LAC negotiated it, and knows (RFC 2661 section 4.4.5). */
  readonly proxied: boolean;
}

/** What the driver does next, in order. */
export type PppAction =
  | { do: 'send'; frame: Uint8Array; priority: boolean }
  /** Check the peer's credentials; the answer goes to `authenticationResult`. */
  | ({ do: 'authenticate' } & Credentials)
  /** Find an address; the answer goes to `addressAssigned`. `requested`: what the peer asked for last, 0 for nothing. */
  | { do: 'request-address'; name: string }
  /** A frame of a member link, from its protocol field on, that concerns the bundle: `BundleNetwork.receive`. */
  | { do: 'to-bundle'; frame: Uint8Array }
  | { do: 'tell'; event: 'lcp-open'; lcp: LcpResult }
  | { do: 'tell'; event: 'lcp-down' }
  | { do: 'tell'; event: 'authenticated'; name: string; method: AuthMethod | null }
  /** Authenticated, and multilink is agreed on: the link may join its bundle. `lcp.multilink` is not null. */
  | { do: 'tell'; event: 'link-ready'; name: string; lcp: LcpResult }
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
  /** null or absent: no multilink, an MRRU is rejected. */
  readonly multilink?: MultilinkOptions | null;
}

/** Restart timer and counters (RFC 1661 section 4.6). */
export const RESTART_MS = 3000;
export const MAX_CONFIGURE = 10;
export const MAX_TERMINATE = 2;
export const MAX_FAILURE = 5;
