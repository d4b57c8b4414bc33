// Attribute values in words (RFC 2661 section 4.4, RFC 3145).
import { AVP, AVP_DEFINITIONS, CDN, MESSAGE_NAMES, STOPCCN } from '../wire/avp.ts';
import { be16, be32 } from '../wire/ppp.ts';
import { lcpOptionsText, pppProtocolName } from './ppp.ts';
import { hexNumber, named, peerText, print, type Shown, toHex } from './text.ts';

const STOPCCN_RESULTS: Readonly<Record<number, string>> = {
  1: 'general request to clear control connection',
  2: 'general error',
  3: 'control channel already exists',
  4: 'requester is not authorized',
  5: 'protocol version not supported',
  6: 'requester is being shut down',
  7: 'finite state machine error',
};
const CDN_RESULTS: Readonly<Record<number, string>> = {
  1: 'loss of carrier',
  2: 'general error',
  3: 'administrative reasons',
  4: 'no facilities, temporarily',
  5: 'no facilities, permanently',
  6: 'invalid destination',
  7: 'no carrier detected',
  8: 'busy signal',
  9: 'no dial tone',
  10: 'not established within time allotted by LAC',
  11: 'no appropriate framing detected',
};
const ERRORS: Readonly<Record<number, string>> = {
  0: 'no general error',
  1: 'no control connection exists yet',
  2: 'length is wrong',
  3: 'value out of range or reserved field non-zero',
  4: 'insufficient resources',
  5: 'Session ID is invalid',
  6: 'vendor-specific error',
  7: 'try another',
  8: 'unknown mandatory AVP',
};
const AUTHEN_TYPES: Readonly<Record<number, string>> = { 1: 'text', 2: 'CHAP', 3: 'PAP', 4: 'none', 5: 'MS-CHAP' };
const DIRECTIONS: Readonly<Record<number, string>> = { 0: 'global', 1: 'at peer', 2: 'at local' };

/** Two lowest bits of a capability or type (sections 4.4.3 and 4.4.4). */
const bits = (value: number, high: string, low: string): string => {
  const names = [...(value & 2 ? [high] : []), ...(value & 1 ? [low] : [])];
  return names.length === 0 ? hexNumber(value, 8) : names.join(', ');
};

/**
 * The value of an AVP for people, in clear.
 * @param messageType of the message it is in, null where unknown: Result Codes depend on it
 */
export function avpText(vendor: number, attribute: number, messageType: number | null, value: Uint8Array): Shown {
  const definition = vendor === 0 ? AVP_DEFINITIONS[attribute] : undefined;
  if (definition === undefined || value.length < definition.min || value.length > definition.max) return toHex(value);
  switch (attribute) {
    case AVP.messageType:
      return named(be16(value, 0), MESSAGE_NAMES);
    case AVP.resultCode:
      return resultText(messageType, value);
    case AVP.protocolVersion:
      return `${value[0]}.${value[1]}`;
    case AVP.framingCapabilities:
    case AVP.framingType:
      return bits(be32(value, 0), 'asynchronous', 'synchronous');
    case AVP.bearerCapabilities:
    case AVP.bearerType:
      return bits(be32(value, 0), 'analog', 'digital');
    case AVP.firmwareRevision:
      return hexNumber(be16(value, 0), 4);
    case AVP.q931CauseCode:
      return withMessage(`cause ${be16(value, 0)}, message ${value[2]}`, value.subarray(3));
    case AVP.initialReceivedConfreq:
    case AVP.lastSentConfreq:
    case AVP.lastReceivedConfreq:
      return lcpOptionsText(value) ?? toHex(value);
    case AVP.proxyAuthenType:
      return named(be16(value, 0), AUTHEN_TYPES);
    case AVP.proxyAuthenId:
      return `${value[1]}`; // the octet before it is reserved
    case AVP.callErrors: {
      const count = (index: number): number => be32(value, 2 + 4 * index);
      return `CRC ${count(0)}, framing ${count(1)}, hardware overruns ${count(2)}, buffer overruns ${count(3)}, time-outs ${count(4)}, alignment ${count(5)}`;
    }
    case AVP.accm:
      return `send ${hexNumber(be32(value, 2), 8)}, receive ${hexNumber(be32(value, 6), 8)}`;
    case AVP.pppDisconnectCause: {
      const protocol = be16(value, 2);
      const of = protocol === 0 ? '' : ` of ${pppProtocolName(protocol)}`;
      return withMessage(`code ${be16(value, 0)}${of}, ${DIRECTIONS[value[4]!] ?? value[4]}`, value.subarray(5));
    }
    case AVP.privateGroupId:
    case AVP.proxyAuthenName:
      return peerText(value);
  }
  if (definition.kind === 'text') return peerText(value);
  if (definition.kind === 'u16') return `${be16(value, 0)}`;
  if (definition.kind === 'u32') return `${be32(value, 0)}`;
  return toHex(value);
}

/** Section 4.4.2: Result Code, and perhaps an Error Code, and perhaps a message. */
function resultText(messageType: number | null, value: Uint8Array): string {
  const results = messageType === STOPCCN ? STOPCCN_RESULTS : messageType === CDN ? CDN_RESULTS : {};
  const result = `result ${named(be16(value, 0), results)}`;
  if (value.length < 4) return result;
  return withMessage(`${result}, error ${named(be16(value, 2), ERRORS)}`, value.subarray(4));
}
const withMessage = (text: string, message: Uint8Array): string =>
  message.length === 0 ? text : `${text}, ${print(peerText(message))}`;
