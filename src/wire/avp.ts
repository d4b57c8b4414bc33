/** Control message types, RFC 2661 section 3.2. */
export const SCCRQ = 1;
export const SCCRP = 2;
export const SCCCN = 3;
export const STOPCCN = 4;
export const HELLO = 6;
export const OCRQ = 7;
export const OCRP = 8;
export const OCCN = 9;
export const ICRQ = 10;
export const ICRP = 11;
export const ICCN = 12;
export const CDN = 14;
export const WEN = 15;
export const SLI = 16;

export const MESSAGE_NAMES: Readonly<Record<number, string>> = {
  [SCCRQ]: 'SCCRQ',
  [SCCRP]: 'SCCRP',
  [SCCCN]: 'SCCCN',
  [STOPCCN]: 'StopCCN',
  [HELLO]: 'HELLO',
  [OCRQ]: 'OCRQ',
  [OCRP]: 'OCRP',
  [OCCN]: 'OCCN',
  [ICRQ]: 'ICRQ',
  [ICRP]: 'ICRP',
  [ICCN]: 'ICCN',
  [CDN]: 'CDN',
  [WEN]: 'WEN',
  [SLI]: 'SLI',
};

/** Attribute types, RFC 2661 section 4.4 (and RFC 3145 for the last). */
export const AVP = {
  messageType: 0,
  resultCode: 1,
  protocolVersion: 2,
  framingCapabilities: 3,
  bearerCapabilities: 4,
  tieBreaker: 5,
  firmwareRevision: 6,
  hostName: 7,
  vendorName: 8,
  assignedTunnelId: 9,
  receiveWindowSize: 10,
  challenge: 11,
  q931CauseCode: 12,
  challengeResponse: 13,
  assignedSessionId: 14,
  callSerialNumber: 15,
  minimumBps: 16,
  maximumBps: 17,
  bearerType: 18,
  framingType: 19,
  calledNumber: 21,
  callingNumber: 22,
  subAddress: 23,
  txConnectSpeed: 24,
  physicalChannelId: 25,
  initialReceivedConfreq: 26,
  lastSentConfreq: 27,
  lastReceivedConfreq: 28,
  proxyAuthenType: 29,
  proxyAuthenName: 30,
  proxyAuthenChallenge: 31,
  proxyAuthenId: 32,
  proxyAuthenResponse: 33,
  callErrors: 34,
  accm: 35,
  randomVector: 36,
  privateGroupId: 37,
  rxConnectSpeed: 38,
  sequencingRequired: 39,
  pppDisconnectCause: 46,
} as const;

export interface AvpDefinition {
  readonly name: string;
  /** Octets of the attribute value. */
  readonly min: number;
  readonly max: number;
  readonly kind: 'u16' | 'u32' | 'text' | 'octets' | 'result' | 'empty';
  /** It may be hidden (section 4.4). */
  readonly hide: boolean;
  /** The M bit that section 4.4 asks for. */
  readonly mandatory: boolean;
}
/** A value has at most 1023 - 6 octets: the Length field has ten bits (section 4.1). */
const MOST = 1017;
const define = (
  name: string,
  kind: AvpDefinition['kind'],
  min: number,
  max: number,
  hide: boolean,
  mandatory: boolean,
): AvpDefinition => ({ name, kind, min, max, hide, mandatory });

/** By attribute type; vendor 0. */
export const AVP_DEFINITIONS: readonly (AvpDefinition | undefined)[] = ((): (AvpDefinition | undefined)[] => {
  const list: (AvpDefinition | undefined)[] = new Array(47).fill(undefined);
  list[AVP.messageType] = define('Message Type', 'u16', 2, 2, false, true);
  list[AVP.resultCode] = define('Result Code', 'result', 2, MOST, false, true);
  list[AVP.protocolVersion] = define('Protocol Version', 'u16', 2, 2, false, true);
  list[AVP.framingCapabilities] = define('Framing Capabilities', 'u32', 4, 4, true, true);
  list[AVP.bearerCapabilities] = define('Bearer Capabilities', 'u32', 4, 4, true, true);
  list[AVP.tieBreaker] = define('Tie Breaker', 'octets', 8, 8, false, false);
  list[AVP.firmwareRevision] = define('Firmware Revision', 'u16', 2, 2, true, false);
  list[AVP.hostName] = define('Host Name', 'text', 1, MOST, false, true);
  list[AVP.vendorName] = define('Vendor Name', 'text', 0, MOST, true, false);
  list[AVP.assignedTunnelId] = define('Assigned Tunnel ID', 'u16', 2, 2, true, true);
  list[AVP.receiveWindowSize] = define('Receive Window Size', 'u16', 2, 2, false, true);
  list[AVP.challenge] = define('Challenge', 'octets', 1, MOST, true, true);
  list[AVP.q931CauseCode] = define('Q.931 Cause Code', 'octets', 3, MOST, false, true);
  list[AVP.challengeResponse] = define('Challenge Response', 'octets', 16, 16, true, true);
  list[AVP.assignedSessionId] = define('Assigned Session ID', 'u16', 2, 2, true, true);
  list[AVP.callSerialNumber] = define('Call Serial Number', 'u32', 4, 4, true, true);
  list[AVP.minimumBps] = define('Minimum BPS', 'u32', 4, 4, true, true);
  list[AVP.maximumBps] = define('Maximum BPS', 'u32', 4, 4, true, true);
  list[AVP.bearerType] = define('Bearer Type', 'u32', 4, 4, true, true);
  list[AVP.framingType] = define('Framing Type', 'u32', 4, 4, true, true);
  list[AVP.calledNumber] = define('Called Number', 'text', 0, MOST, true, true);
  list[AVP.callingNumber] = define('Calling Number', 'text', 0, MOST, true, true);
  list[AVP.subAddress] = define('Sub-Address', 'text', 0, MOST, true, true);
  list[AVP.txConnectSpeed] = define('(Tx) Connect Speed', 'u32', 4, 4, true, true);
  list[AVP.physicalChannelId] = define('Physical Channel ID', 'u32', 4, 4, true, false);
  list[AVP.initialReceivedConfreq] = define('Initial Received LCP CONFREQ', 'octets', 0, MOST, true, false);
  list[AVP.lastSentConfreq] = define('Last Sent LCP CONFREQ', 'octets', 0, MOST, true, false);
  list[AVP.lastReceivedConfreq] = define('Last Received LCP CONFREQ', 'octets', 0, MOST, true, false);
  list[AVP.proxyAuthenType] = define('Proxy Authen Type', 'u16', 2, 2, true, false);
  list[AVP.proxyAuthenName] = define('Proxy Authen Name', 'text', 0, MOST, true, false);
  list[AVP.proxyAuthenChallenge] = define('Proxy Authen Challenge', 'octets', 0, MOST, true, false);
  list[AVP.proxyAuthenId] = define('Proxy Authen ID', 'u16', 2, 2, true, false);
  list[AVP.proxyAuthenResponse] = define('Proxy Authen Response', 'octets', 0, MOST, true, false);
  list[AVP.callErrors] = define('Call Errors', 'octets', 26, 26, true, true);
  list[AVP.accm] = define('ACCM', 'octets', 10, 10, true, true);
  list[AVP.randomVector] = define('Random Vector', 'octets', 0, MOST, false, true);
  list[AVP.privateGroupId] = define('Private Group ID', 'octets', 0, MOST, true, false);
  list[AVP.rxConnectSpeed] = define('Rx Connect Speed', 'u32', 4, 4, true, false);
  list[AVP.sequencingRequired] = define('Sequencing Required', 'empty', 0, 0, false, true);
  list[AVP.pppDisconnectCause] = define('PPP Disconnect Cause', 'octets', 5, MOST, true, false);
  return list;
})();

export const AVP_MANDATORY = 0x8000;
export const AVP_HIDDEN = 0x4000;
export const AVP_RESERVED = 0x3c00;
export const AVP_LENGTH = 0x03ff;
export const AVP_HEADER = 6;
