import {
  AVP,
  AVP_DEFINITIONS,
  AVP_HEADER,
  AVP_HIDDEN,
  AVP_LENGTH,
  AVP_MANDATORY,
  AVP_RESERVED,
  CDN,
  ICCN,
  ICRP,
  ICRQ,
  MESSAGE_NAMES,
  OCCN,
  OCRP,
  OCRQ,
  SCCCN,
  SCCRP,
  SCCRQ,
  SLI,
  STOPCCN,
  WEN,
} from './avp.ts';
import type { L2tpCrypto } from './crypto.ts';
import { CONTROL_FLAGS, CONTROL_HEADER } from './l2tp.ts';
import type { RandomSource } from './random.ts';

/** What is wrong with a message, as StopCCN or CDN says it (section 4.4.2). */
export interface Fault {
  readonly resultCode: number;
  readonly errorCode: number;
  readonly message: string;
}

/** General error codes (section 4.4.2). */
export const ERROR_NO_CONTROL_CONNECTION = 1;
export const ERROR_LENGTH = 2;
export const ERROR_VALUE = 3;
export const ERROR_RESOURCES = 4;
export const ERROR_SESSION_ID = 5;
export const ERROR_VENDOR = 6;
export const ERROR_TRY_ANOTHER = 7;
export const ERROR_UNKNOWN_MANDATORY = 8;

/** A control message, taken apart. Values of hidden AVPs are in clear. */
export interface ControlMessage {
  /** Message Type; -1 for a ZLB, which has no AVPs. */
  readonly type: number;
  /** Values of the AVPs of vendor 0 that we know, by attribute type; the first of each. */
  readonly values: ReadonlyMap<number, Uint8Array>;
  /** The first thing that forbids acting on the message; null where there is none. */
  readonly fault: Fault | null;
  /** The message is of a kind unknown to us whose Message Type is not mandatory: acknowledged and ignored. */
  readonly ignore: boolean;
}

const SESSION_MESSAGES = new Set([OCRQ, OCRP, OCCN, ICRQ, ICRP, ICCN, CDN, WEN, SLI]);
/** Does a fault in a message of this type end the session (CDN) and not the tunnel (StopCCN)? */
export const isSessionMessage = (type: number): boolean => SESSION_MESSAGES.has(type);

/** AVPs that must be there (section 6). */
const REQUIRED: Readonly<Record<number, readonly number[]>> = {
  [SCCRQ]: [AVP.protocolVersion, AVP.hostName, AVP.framingCapabilities, AVP.assignedTunnelId],
  [SCCRP]: [AVP.protocolVersion, AVP.framingCapabilities, AVP.hostName, AVP.assignedTunnelId],
  [SCCCN]: [],
  [STOPCCN]: [AVP.resultCode],
  [ICRQ]: [AVP.assignedSessionId, AVP.callSerialNumber],
  [ICRP]: [AVP.assignedSessionId],
  [ICCN]: [AVP.txConnectSpeed, AVP.framingType],
  [OCRQ]: [AVP.assignedSessionId, AVP.callSerialNumber],
  [CDN]: [AVP.resultCode],
  [WEN]: [AVP.callErrors],
  [SLI]: [AVP.accm],
};

const be16 = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;
export const u16Of = (value: Uint8Array | undefined): number =>
  value === undefined || value.length < 2 ? 0 : be16(value, 0);
export const u32Of = (value: Uint8Array | undefined): number =>
  value === undefined || value.length < 4 ? 0 : be16(value, 0) * 65536 + be16(value, 2);
const utf8 = new TextDecoder('utf-8');
export const textOf = (value: Uint8Array | undefined): string => (value === undefined ? '' : utf8.decode(value));

const general = (errorCode: number, message: string): Fault => ({ resultCode: 2, errorCode, message });

const ZLB: ControlMessage = { type: -1, values: new Map(), fault: null, ignore: false };

/**
 * Takes a control message apart (RFC 2661 sections 4.1 and 7.1). Never throws: what is wrong is in `fault`, and as
 * many values as could be read are given all the same, so that an answer can be addressed.
 * @param octets the message, header included
 * @param from octets of the header
 * @param end octets of the message
 * @param secret shared secret of the tunnel, null where there is none
 */
export function parseControlMessage(
  octets: Uint8Array,
  from: number,
  end: number,
  secret: Uint8Array | null,
  crypto: L2tpCrypto,
): ControlMessage {
  if (from === end) return ZLB;
  const values = new Map<number, Uint8Array>();
  let fault: Fault | null = null;
  let type = -2;
  let typeMandatory = true;
  let vector: Uint8Array | null = null;
  let ignore = false;
  const faulty = (found: Fault): void => {
    fault ??= found;
  };
  for (let at = from, index = 0; at < end; index++) {
    if (end - at < AVP_HEADER) {
      faulty(general(ERROR_LENGTH, 'octets after the last AVP'));
      break;
    }
    const head = be16(octets, at);
    const mandatory = (head & AVP_MANDATORY) !== 0;
    const length = head & AVP_LENGTH;
    const vendor = be16(octets, at + 2);
    const attribute = be16(octets, at + 4);
    if (length < AVP_HEADER) {
      // The next AVP cannot be found.
      faulty(general(ERROR_LENGTH, `AVP ${attribute} has a Length of ${length}`));
      break;
    }
    if (at + length > end) {
      if (mandatory || index === 0) faulty(general(ERROR_LENGTH, `AVP ${attribute} ends outside the message`));
      break;
    }
    let value: Uint8Array | null = octets.subarray(at + AVP_HEADER, at + length);
    at += length;
    if (index === 0) {
      if (vendor !== 0 || attribute !== AVP.messageType || (head & AVP_HIDDEN) !== 0) {
        faulty(general(ERROR_VALUE, 'the first AVP is not a Message Type'));
        continue;
      }
      if (value.length !== 2) {
        faulty(general(ERROR_LENGTH, `Message Type of ${value.length} octets`));
        continue;
      }
      type = be16(value, 0);
      typeMandatory = mandatory;
      if (MESSAGE_NAMES[type] === undefined) {
        if (typeMandatory) faulty(general(ERROR_UNKNOWN_MANDATORY, `unknown Message Type ${type}`));
        else ignore = true;
      }
      continue;
    }
    const definition = vendor === 0 ? AVP_DEFINITIONS[attribute] : undefined;
    if (definition === undefined || (head & AVP_RESERVED) !== 0) {
      // Section 4.1: an AVP with reserved bits set is to be treated as unknown.
      if (mandatory) faulty(general(ERROR_UNKNOWN_MANDATORY, `unknown mandatory AVP ${vendor}/${attribute}`));
      continue;
    }
    if (attribute === AVP.messageType) {
      faulty(general(ERROR_VALUE, 'a second Message Type'));
      continue;
    }
    if ((head & AVP_HIDDEN) !== 0) {
      if (!definition.hide) value = null;
      else if (secret === null || vector === null) {
        if (mandatory)
          faulty(
            general(
              ERROR_VENDOR,
              `${definition.name} is hidden without ${secret === null ? 'a secret' : 'a Random Vector'}`,
            ),
          );
        continue;
      } else value = crypto.unhide(attribute, secret, vector, value);
      if (value === null) {
        if (mandatory) faulty(general(ERROR_LENGTH, `${definition.name} cannot be deciphered`));
        continue;
      }
    }
    if (value.length < definition.min || value.length > definition.max) {
      if (mandatory) faulty(general(ERROR_LENGTH, `${definition.name} of ${value.length} octets`));
      continue;
    }
    if (attribute === AVP.randomVector) vector = value;
    else if (!values.has(attribute)) values.set(attribute, value);
    else if (attribute === AVP.assignedTunnelId || attribute === AVP.assignedSessionId)
      faulty(general(ERROR_VALUE, `two AVPs ${definition.name}`));
  }
  if (type === -2) faulty(general(ERROR_VALUE, 'no Message Type'));
  if (fault === null && !ignore) {
    for (const attribute of REQUIRED[type] ?? [])
      if (!values.has(attribute)) {
        faulty(general(ERROR_VENDOR, `${AVP_DEFINITIONS[attribute]!.name} is missing`));
        break;
      }
    // In StopCCN and CDN an ID of 0 says that none was assigned (sections 4.4.3, 4.4.4).
    const ids = type === STOPCCN || type === CDN ? [] : [AVP.assignedTunnelId, AVP.assignedSessionId];
    for (const attribute of [...ids, AVP.receiveWindowSize]) {
      const value = values.get(attribute);
      if (value !== undefined && be16(value, 0) === 0)
        faulty(general(ERROR_VALUE, `${AVP_DEFINITIONS[attribute]!.name} is 0`));
    }
  }
  return { type, values, fault, ignore };
}

/** Builds one control message at a time. */
export class MessageBuilder {
  readonly #octets = new Uint8Array(4096);
  readonly #crypto: L2tpCrypto;
  readonly #random: RandomSource;
  #at = 0;
  #secret: Uint8Array | null = null;
  #vector: Uint8Array | null = null;

  constructor(crypto: L2tpCrypto, random: RandomSource) {
    this.#crypto = crypto;
    this.#random = random;
  }

  /**
   * Begins a message of `type`.
   * @param secret hides what may be hidden with it (section 4.3); null: everything in clear
   */
  begin(type: number, tunnelId: number, sessionId: number, secret: Uint8Array | null): this {
    const octets = this.#octets;
    octets[0] = CONTROL_FLAGS >>> 8;
    octets[1] = CONTROL_FLAGS & 0xff;
    octets[4] = tunnelId >>> 8;
    octets[5] = tunnelId & 0xff;
    octets[6] = sessionId >>> 8;
    octets[7] = sessionId & 0xff;
    this.#at = CONTROL_HEADER;
    this.#secret = secret;
    this.#vector = null;
    return this.u16(AVP.messageType, type);
  }

  u16(attribute: number, value: number): this {
    return this.octets(attribute, new Uint8Array([value >>> 8, value & 0xff]));
  }
  u32(attribute: number, value: number): this {
    return this.octets(
      attribute,
      new Uint8Array([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]),
    );
  }
  text(attribute: number, value: string): this {
    return this.octets(attribute, Buffer.from(value, 'utf8'));
  }

  /** Appends an AVP of vendor 0, its M bit as section 4.4 says, hidden where it may be and a secret was given. */
  octets(attribute: number, value: Uint8Array): this {
    const definition = AVP_DEFINITIONS[attribute]!;
    if (this.#secret === null || !definition.hide) return this.#append(attribute, value, definition.mandatory, false);
    if (this.#vector === null) {
      this.#vector = this.#random.octets(16);
      this.#append(AVP.randomVector, this.#vector, true, false);
    }
    // Padding hides the length of the value (section 4.3).
    const padding = this.#random.octets(this.#random.u32() & 15);
    const hidden = this.#crypto.hide(attribute, this.#secret, this.#vector, value, padding);
    return this.#append(attribute, hidden, definition.mandatory, true);
  }

  /** Result Code AVP. The message is for people. */
  result(resultCode: number, errorCode: number, message: string): this {
    const text = Buffer.from(message.slice(0, 200), 'utf8');
    const withError = errorCode !== 0 || text.length > 0;
    const value = new Uint8Array(withError ? 4 + text.length : 2);
    value[0] = resultCode >>> 8;
    value[1] = resultCode & 0xff;
    if (withError) {
      value[2] = errorCode >>> 8;
      value[3] = errorCode & 0xff;
      value.set(text, 4);
    }
    return this.octets(AVP.resultCode, value);
  }

  #append(attribute: number, value: Uint8Array, mandatory: boolean, hidden: boolean): this {
    const length = AVP_HEADER + value.length;
    if (length > AVP_LENGTH || this.#at + length > this.#octets.length)
      throw new RangeError(`AVP ${attribute} of ${value.length} octets does not fit`);
    const head = length | (mandatory ? AVP_MANDATORY : 0) | (hidden ? AVP_HIDDEN : 0);
    const octets = this.#octets;
    const at = this.#at;
    octets[at] = head >>> 8;
    octets[at + 1] = head & 0xff;
    octets[at + 2] = 0;
    octets[at + 3] = 0;
    octets[at + 4] = attribute >>> 8;
    octets[at + 5] = attribute & 0xff;
    octets.set(value, at + AVP_HEADER);
    this.#at = at + length;
    return this;
  }

  /** The message; Ns and Nr are for the transport to fill in. */
  end(): Uint8Array {
    this.#octets[2] = this.#at >>> 8;
    this.#octets[3] = this.#at & 0xff;
    return this.#octets.slice(0, this.#at);
  }
}

/** Sets Ns and Nr of a control message. */
export function stampMessage(octets: Uint8Array, ns: number, nr: number): void {
  octets[8] = ns >>> 8;
  octets[9] = ns & 0xff;
  octets[10] = nr >>> 8;
  octets[11] = nr & 0xff;
}

/** A Zero-Length Body message: header alone (section 5.8). */
export function zeroLengthBody(tunnelId: number, ns: number, nr: number): Uint8Array {
  const octets = new Uint8Array(CONTROL_HEADER);
  octets[0] = CONTROL_FLAGS >>> 8;
  octets[1] = CONTROL_FLAGS & 0xff;
  octets[3] = CONTROL_HEADER;
  octets[4] = tunnelId >>> 8;
  octets[5] = tunnelId & 0xff;
  stampMessage(octets, ns, nr);
  return octets;
}
