import type { SyslogFacility, SyslogSeverity } from '../config/types.ts';
import { type Fields, fieldsText, type Severity } from '../server/log.ts';

/** Numerical codes of RFC 3164 section 4.1.1. */
export const FACILITY: Readonly<Record<SyslogFacility, number>> = {
  kernel: 0,
  user: 1,
  daemon: 3,
  authorization: 4,
  ftp: 11,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
};
/** Facility of messages where no `facility-override` says another. */
export const DEFAULT_FACILITY: SyslogFacility = 'daemon';
export const SEVERITY: Readonly<Record<Severity, number>> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 };
/** The least severe code that a threshold lets pass; -1: none. */
export const THRESHOLD: Readonly<Record<SyslogSeverity, number>> = {
  none: -1,
  emergency: 0,
  alert: 1,
  critical: 2,
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  any: 7,
};

/** The process that Junos runs for L2TP services: the names of messages begin with it. */
const PROCESS = 'l2tpd';
/** RFC 3164 section 4.1: the whole packet. */
const MESSAGE_MAX = 1024;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number): string => String(value).padStart(2, '0');

/** `Mmm dd hh:mm:ss`, local time; a day of one digit has a space before it (RFC 3164 section 4.1.2). */
export const timestampOf = (time: Date): string =>
  `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;

/** The name by which Junos would call an event: `tunnel-up` is L2TPD_TUNNEL_UP. */
export const tagOf = (event: string): string => `L2TPD_${event.toUpperCase().replaceAll('-', '_')}`;

/** What an event says, as Junos writes it behind time and host: `l2tpd[PID]: PREFIX TAG: text`. */
export function contentOf(event: string, fields: Fields, logPrefix: string | null, pid: number): string {
  const prefix = logPrefix === null ? '' : `${logPrefix} `;
  return printable(`${PROCESS}[${pid}]: ${prefix}${tagOf(event)}: ${fieldsText(fields)}`);
}
/** Control characters would break a line, or steer a terminal. */
const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => `#${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

/**
 * A packet of RFC 3164 section 4.1: priority, time, host name, content.
 * @param hostName without its domain in the packet (section 4.1.2)
 * @returns at most 1,024 octets; a longer content is cut
 */
export function syslogPacket(
  facility: number,
  severity: number,
  time: Date,
  hostName: string,
  content: string,
): Buffer {
  const host = hostName.split('.')[0]!.replace(/[^\x21-\x7e]/g, '_') || '-';
  const packet = Buffer.from(`<${facility * 8 + severity}>${timestampOf(time)} ${host} ${content}`, 'utf8');
  if (packet.length <= MESSAGE_MAX) return packet;
  // A character is cut whole: no octet 10xxxxxx begins what is left over.
  let end = MESSAGE_MAX;
  while ((packet[end]! & 0xc0) === 0x80) end--;
  return packet.subarray(0, end);
}
