import { AttributeList, buildReply, Code, numberOf, type Packet, parsePacket, requestIsAuthentic } from './packet.ts';

/** Error-Cause (RFC 5176 section 3.5). */
export const ErrorCause = {
  UnsupportedAttribute: 401,
  MissingAttribute: 402,
  NasIdentificationMismatch: 403,
  InvalidRequest: 404,
  UnsupportedService: 405,
  InvalidAttributeValue: 407,
  AdministrativelyProhibited: 501,
  SessionContextNotFound: 503,
  ResourcesUnavailable: 506,
} as const;

/** Packets to the port that had no effect, by reason. */
export type DynamicFault =
  | 'unknown-client'
  | 'malformed'
  | 'unexpected-code'
  | 'bad-authenticator'
  | 'missing-timestamp'
  | 'stale';

/** What is done with a genuine request: null where all of it was done, else the Error-Cause of the NAK. */
export type DynamicHandler = (request: 'disconnect' | 'coa', packet: Packet) => number | null;

export interface DynamicOptions {
  /** Shared secret of each address that may ask, in canonical text. */
  readonly clients: ReadonlyMap<string, Uint8Array>;
  readonly handler: DynamicHandler;
  /** Requests without Event-Timestamp are dropped (RFC 5176 section 6.3). */
  readonly requireTimestamp?: boolean;
  /** Seconds that an Event-Timestamp may be off, and for which a request is known again. */
  readonly windowSeconds?: number;
  /** Requests remembered within the window; more are refused. */
  readonly rememberedMax?: number;
}

export interface DynamicCounters {
  readonly requests: { disconnect: number; coa: number };
  acks: number;
  naks: number;
  /** Seen before within the window: the same reply again, and nothing done. */
  duplicates: number;
  readonly dropped: Record<DynamicFault, number>;
}

/** The octets to send back, or why there are none. */
export type DynamicResult =
  | {
      readonly reply: Uint8Array;
      readonly request: 'disconnect' | 'coa';
      readonly errorCause: number | null;
      readonly duplicate: boolean;
    }
  | { readonly dropped: DynamicFault };

const EVENT_TIMESTAMP = 55;
const PROXY_STATE = 33;

/**
 * Takes Disconnect- and CoA-Requests (RFC 5176). A value: it owns no socket and no clock. Only listed clients are heard;
 * a request that was seen within the window, from whatever port, gets the reply it got and does nothing.
 */
export class DynamicServer {
  #options: DynamicOptions;
  readonly counters: DynamicCounters = {
    requests: { disconnect: 0, coa: 0 },
    acks: 0,
    naks: 0,
    duplicates: 0,
    dropped: {
      'unknown-client': 0,
      malformed: 0,
      'unexpected-code': 0,
      'bad-authenticator': 0,
      'missing-timestamp': 0,
      stale: 0,
    },
  };
  /** By client and Request Authenticator, in order of arrival. */
  readonly #seen = new Map<string, { at: number; reply: Uint8Array; errorCause: number | null }>();

  constructor(options: DynamicOptions) {
    this.#options = options;
  }
  /** Other clients from now on; what was seen stays known. */
  configure(clients: ReadonlyMap<string, Uint8Array>): void {
    this.#options = { ...this.#options, clients };
  }

  /**
   * Takes a datagram. Never throws for what it holds.
   * @param address the sender's, in canonical text; IPv4 not mapped
   * @param wallClock milliseconds since 1970
   */
  receive(datagram: Uint8Array, address: string, wallClock: number): DynamicResult {
    const { clients, handler, requireTimestamp = false, windowSeconds = 300, rememberedMax = 65_536 } = this.#options;
    const drop = (fault: DynamicFault): DynamicResult => {
      this.counters.dropped[fault]++;
      return { dropped: fault };
    };
    const secret = clients.get(address);
    if (secret === undefined) return drop('unknown-client');
    const packet = parsePacket(datagram);
    if (typeof packet === 'string') return drop('malformed');
    if (packet.code !== Code.DisconnectRequest && packet.code !== Code.CoaRequest) return drop('unexpected-code');
    if (!requestIsAuthentic(packet, secret)) return drop('bad-authenticator');
    const now = wallClock / 1000;
    const stamped = packet.attributes.some(({ vendor, type }) => vendor === 0 && type === EVENT_TIMESTAMP);
    if (!stamped && requireTimestamp) return drop('missing-timestamp');
    const timestamp = numberOf(packet, 'Event-Timestamp');
    if (stamped && (timestamp === undefined || Math.abs(now - timestamp) > windowSeconds)) return drop('stale');
    const request = packet.code === Code.DisconnectRequest ? 'disconnect' : 'coa';
    const key = `${address} ${Buffer.from(packet.authenticator).toString('latin1')}`;
    // A stamp of the future is good for as long as it lies ahead, and a window more.
    const oldest = wallClock - 2 * windowSeconds * 1000;
    for (const [old, { at }] of this.#seen) {
      if (at >= oldest) break;
      this.#seen.delete(old);
    }
    const before = this.#seen.get(key);
    if (before !== undefined) {
      this.counters.duplicates++;
      return { reply: before.reply, request, errorCause: before.errorCause, duplicate: true };
    }
    this.counters.requests[request]++;
    // What cannot be remembered could be replayed.
    const errorCause = this.#seen.size >= rememberedMax ? ErrorCause.ResourcesUnavailable : handler(request, packet);
    const reply = this.#reply(packet, request, errorCause, secret);
    if (errorCause === null) this.counters.acks++;
    else this.counters.naks++;
    if (this.#seen.size < rememberedMax) this.#seen.set(key, { at: wallClock, reply, errorCause });
    return { reply, request, errorCause, duplicate: false };
  }

  #reply(packet: Packet, request: 'disconnect' | 'coa', errorCause: number | null, secret: Uint8Array): Uint8Array {
    const list = new AttributeList();
    if (errorCause !== null) list.add('Error-Cause', errorCause);
    // Section 3.1: as they came, in their order.
    for (const { vendor, type, value } of packet.attributes)
      if (vendor === 0 && type === PROXY_STATE) list.addRaw(0, PROXY_STATE, value);
    const [ack, nak] = request === 'disconnect' ? [Code.DisconnectAck, Code.DisconnectNak] : [Code.CoaAck, Code.CoaNak];
    const signed = packet.messageAuthenticatorAt >= 0;
    const build = (attributes: AttributeList): Uint8Array | null =>
      buildReply(
        errorCause === null ? ack : nak,
        packet.identifier,
        packet.authenticator,
        attributes.attributes,
        secret,
        signed,
      );
    // Only a request of the largest size full of Proxy-State leaves no room for the rest.
    return build(list) ?? build(new AttributeList())!;
  }
}
