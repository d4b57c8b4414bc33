// Decoded frames as lines for people, and as JSON.
import { MESSAGE_NAMES } from '../wire/avp.ts';
import { FLAG_L, FLAG_O, FLAG_P, FLAG_S } from '../wire/l2tp.ts';
import { type DecodedAvp, type DecodedFrame, type DecodedHeader, fingerprint } from './decode.ts';
import { type DecodedPpp, formatOptions } from './ppp.ts';
import { hexNumber, plain, print, safeJson, toHex } from './text.ts';

/** One line a frame, below it one a AVP and one a fault. @param startNs time of the capture's first frame */
export function formatFrame(frame: DecodedFrame, startNs: bigint): string {
  const sinceUs = Number(frame.timeNs - startNs) / 1000;
  const parts = [`${frame.number}`.padStart(6), (sinceUs / 1e6).toFixed(6).padStart(11)];
  if (frame.source !== null && frame.destination !== null)
    parts.push(`${formatPeer(frame.source)} > ${formatPeer(frame.destination)}`);
  if (frame.header !== null) parts.push(formatHeader(frame.header, frame));
  if (frame.ppp !== null) parts.push(formatPpp(frame.ppp));
  let text = parts.join('  ');
  for (const avp of frame.control?.avps ?? []) text += `\n${formatAvp(avp)}`;
  for (const note of frame.notes) text += `\n          ! ${note}`;
  return text;
}

const formatPeer = ({ address, port }: { address: string; port: number }): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

function formatHeader(header: DecodedHeader, { control }: DecodedFrame): string {
  let text = 'data';
  if (header.version !== 2) text = `version ${header.version}`;
  else if (header.control) {
    if (control === null || (control.type === null && control.avps.length > 0)) text = 'control';
    else text = control.type === null ? 'ZLB' : (MESSAGE_NAMES[control.type] ?? `message type ${control.type}`);
  }
  text += `  tunnel ${header.tunnelId ?? '?'} session ${header.sessionId ?? '?'}`;
  if (header.ns !== null) text += ` Ns ${header.ns}`;
  if (header.nr !== null) text += ` Nr ${header.nr}`;
  if (header.length !== null) text += ` length ${header.length}`;
  if (header.offsetSize !== null) text += ` offset ${header.offsetSize}`;
  if (header.flags & FLAG_P) text += ' priority';
  return text;
}

function formatAvp(avp: DecodedAvp): string {
  const flags = `${avp.mandatory ? 'M' : '-'}${avp.hidden ? 'H' : '-'}`;
  const text = print(avp.text);
  return text === '' ? `          ${flags} ${avp.name}` : `          ${flags} ${avp.name}: ${text}`;
}

function formatPpp(ppp: DecodedPpp): string {
  let text = ppp.protocolName;
  if (ppp.packet !== null) {
    const { codeName, identifier, options, fields } = ppp.packet;
    text += ` ${codeName} id ${identifier}`;
    if (options !== null && options.length > 0) text += ` ${formatOptions(options)}`;
    for (const [name, value] of fields) text += `, ${name} ${print(value)}`;
  }
  if (ppp.multilink !== null) {
    const { begin, end, sequence, payloadOctets } = ppp.multilink;
    text += ` ${begin ? 'B' : '-'}${end ? 'E' : '-'} ${sequence}, ${payloadOctets} octets`;
  }
  if (ppp.summary !== null) text += ` ${ppp.summary}`;
  return ppp.inner === null ? text : `${text}  ${formatPpp(ppp.inner)}`;
}

/** A frame as in a capture's expected file, with names and meanings besides. */
export interface FrameJson {
  readonly frame: number;
  readonly [field: string]: unknown;
}

export function frameToJson(frame: DecodedFrame): FrameJson {
  const { header, control, ppp } = frame;
  const json: Record<string, unknown> & { frame: number } = { frame: frame.number };
  json.time = secondsText(frame.timeNs);
  if (frame.source !== null) json.source = frame.source;
  if (frame.destination !== null) json.destination = frame.destination;
  if (header !== null) {
    const bit = (flag: number): number => (header.flags & flag ? 1 : 0);
    json.T = header.control ? 1 : 0;
    json.L = bit(FLAG_L);
    json.S = bit(FLAG_S);
    json.O = bit(FLAG_O);
    json.P = bit(FLAG_P);
    json.version = header.version;
    const numbers = {
      length: header.length,
      tunnel: header.tunnelId,
      session: header.sessionId,
      Ns: header.ns,
      Nr: header.nr,
      offset: header.offsetSize,
    };
    for (const [name, value] of Object.entries(numbers)) if (value !== null) json[name] = value;
  }
  if (control !== null) {
    json.avps = control.avps.map(avpToJson);
    if (control.type !== null) {
      json.message_type = control.type;
      json.message = MESSAGE_NAMES[control.type] ?? 'unknown';
    }
  }
  if (frame.datagram !== null) json.udp_payload_sha256_8 = fingerprint(frame.datagram);
  if (ppp !== null) {
    json.ppp_protocol = hexNumber(ppp.protocol, 4);
    if (ppp.multilink !== null) {
      const { begin, end, sequence, payloadOctets } = ppp.multilink;
      json.mp = { B: begin ? 1 : 0, E: end ? 1 : 0, seq: sequence, payload_length: payloadOctets };
    }
    json.ppp = pppToJson(ppp);
  }
  if (frame.notes.length > 0) json.notes = frame.notes;
  return json;
}

/** Seconds as a decimal number with all nine digits: more than a double holds. */
function secondsText(ns: bigint): string {
  const digits = (ns < 0n ? -ns : ns).toString().padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

function avpToJson(avp: DecodedAvp): Record<string, unknown> {
  return {
    vendor: avp.vendor,
    type: avp.attribute,
    M: avp.mandatory ? 1 : 0,
    H: avp.hidden ? 1 : 0,
    length: avp.length,
    value: avp.value === null ? null : toHex(avp.value),
    name: avp.name,
    ...(avp.clear === null ? {} : { clear: toHex(avp.clear) }),
    text: plain(avp.text),
  };
}

function pppToJson(ppp: DecodedPpp): Record<string, unknown> {
  const json: Record<string, unknown> = { protocol: ppp.protocolName };
  if (ppp.packet !== null) {
    const { code, codeName, identifier, options, fields } = ppp.packet;
    json.code = code;
    json.name = codeName;
    json.identifier = identifier;
    if (options !== null) json.options = options;
    if (fields.length > 0) json.fields = Object.fromEntries(fields.map(([name, value]) => [name, plain(value)]));
  }
  if (ppp.summary !== null) json.summary = ppp.summary;
  if (ppp.inner !== null) json.inner = { ppp_protocol: hexNumber(ppp.inner.protocol, 4), ...pppToJson(ppp.inner) };
  return json;
}

/** A frame's JSON on one line. */
export const formatJson = (frame: DecodedFrame): string => safeJson(frameToJson(frame));
