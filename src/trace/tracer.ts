import type { InterfaceTraceConfig, TraceConfig, TraceFlag, TraceLevel } from '../config/types.ts';
import { Decoder } from '../decode/decode.ts';
import { formatFrame } from '../decode/format.ts';
import { udpPacket } from '../decode/network.ts';
import { LINK_RAW_IP } from '../decode/pcap.ts';
import { type Fields, fieldsText, type Severity } from '../server/log.ts';
import { timestampOf } from '../syslog/message.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { LogDirectory } from './directory.ts';
import type { RotatingFile } from './file.ts';
import { maskControl, maskPpp } from './mask.ts';
import { pcapngHead, pcapngPacket } from './pcapng.ts';
import { radiusText, radiusUser } from './radius.ts';

/** Where a packet was, or is going to. */
export interface TracedPacket {
  readonly inbound: boolean;
  readonly peer: PeerAddress;
  readonly local: PeerAddress;
  /** Services PIC that does the work; null: none, or not known. */
  readonly pic: string | null;
  /** The session that it belongs to; null: the tunnel's own. */
  readonly session: TracedSession | null;
}
/** A session as the user filter knows it. */
export interface TracedSession {
  /** Empty until authentication is over. */
  readonly userName: string;
}
/** IDs that a data message of a session carries. */
export interface DataHeader {
  readonly tunnelId: number;
  readonly sessionId: number;
}

export interface TracerOptions {
  readonly files: LogDirectory;
  readonly clock?: () => Date;
}

/** Which flags ask for which event; others are `general`. */
const EVENT_FLAGS: Readonly<Record<string, readonly TraceFlag[]>> = {
  'tunnel-up': ['tunnel', 'events', 'states'],
  'tunnel-down': ['tunnel', 'events', 'states'],
  'tunnel-refused': ['tunnel', 'events', 'states'],
  'session-up': ['session-db', 'events', 'states', 'authentication'],
  'session-down': ['session-db', 'events', 'states'],
  'session-failed': ['session-db', 'events', 'states'],
  'bundle-up': ['session-db', 'events', 'states'],
  'bundle-down': ['session-db', 'events', 'states'],
  'link-up': ['session-db', 'events', 'states'],
  'link-down': ['session-db', 'events', 'states'],
  'authentication-failed': ['authentication'],
  'configuration-changed': ['configuration'],
  'configuration-rejected': ['configuration'],
  listening: ['init'],
  ready: ['init', 'general', 'memory'],
  stopped: ['init', 'general'],
  'gateway-closed': ['configuration'],
  carrier: ['routing-process', 'rpd', 'routing-socket'],
  route: ['routing-socket'],
  address: ['routing-socket'],
  'wan-error': ['packet-error'],
  discarded: ['packet-error', 'parse'],
  switchover: ['gres', 'events'],
  'pic-offline': ['gres', 'events'],
  'pic-online': ['gres', 'events'],
  'session-statistics': ['stats'],
  statistics: ['stats'],
  memory: ['memory'],
  timer: ['timer'],
};
const GENERAL: readonly TraceFlag[] = ['general'];
const SEVERITY_RANK: Readonly<Record<Severity, number>> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 };
const LEVEL_RANK: Readonly<Record<TraceLevel, number>> = {
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  verbose: 7,
  all: 7,
};
/** Records of one session that wait for its user's name. */
const HELD_MAX = 64;

type Detail = 'none' | 'errors' | 'summary' | 'detail' | 'dump';
const DETAILS: readonly Detail[] = ['none', 'errors', 'summary', 'detail', 'dump'];
const more = (a: Detail, b: Detail): Detail => (DETAILS.indexOf(a) >= DETAILS.indexOf(b) ? a : b);

/**
 * `traceoptions`: what the flags ask for goes to the trace file, packets of a services interface to a capture file.
 * While nothing is traced `active` is false, and the one question costs nothing else.
 */
export class Tracer {
  active = false;
  readonly #options: TracerOptions;
  readonly #clock: () => Date;
  #config: TraceConfig | null = null;
  #match: RegExp | null = null;
  #file: RotatingFile | null = null;
  readonly #dumps = new Map<string, RotatingFile>();
  /** By port of the gateway: that is what tells L2TP from other datagrams. */
  #decoders = new Map<number, Decoder>();
  #held = new WeakMap<TracedSession, string[]>();
  #closing: Promise<unknown> = Promise.resolve();

  constructor(options: TracerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => new Date());
  }

  /** Takes up another configuration, at once; null: nothing is traced. */
  configure(config: TraceConfig | null): void {
    if (sameTraces(config, this.#config)) return;
    const old = [this.#file, ...this.#dumps.values()];
    this.#file = null;
    this.#dumps.clear();
    this.#closing = Promise.all([this.#closing, ...old.map((file) => file?.close())]);
    this.#config = config;
    this.#match = config === null || config.file.match === null ? null : new RegExp(config.file.match);
    this.#decoders = new Map();
    this.#held = new WeakMap();
    this.active = config !== null;
    if (config === null) return;
    const { name, files, sizeOctets, worldReadable } = config.file;
    const { files: directory } = this.#options;
    this.#file = directory.open(name, { files, sizeOctets, worldReadable });
    for (const [pic, { flags }] of config.interfaces)
      if (flags.has('packet-dump') || flags.has('all'))
        this.#dumps.set(
          pic,
          directory.open(`${pic.replaceAll('/', '-')}.pcapng`, {
            files,
            sizeOctets,
            worldReadable,
            head: pcapngHead(pic),
          }),
        );
  }
  async close(): Promise<void> {
    this.configure(null);
    await this.#closing;
  }
  /** Does anything ask for `flag`? */
  wants(flag: TraceFlag): boolean {
    const flags = this.#config?.flags;
    return flags !== undefined && (flags.has('all') || flags.has(flag));
  }

  /** Something happened. */
  event(severity: Severity, event: string, fields: Fields = {}): void {
    const config = this.#config;
    if (config === null) return;
    if (!(EVENT_FLAGS[event] ?? GENERAL).some((flag) => this.wants(flag))) return;
    if (config.level !== null && SEVERITY_RANK[severity] > LEVEL_RANK[config.level]) return;
    if (config.userName !== null && fields.user !== config.userName) return;
    this.#write(`${event} ${fieldsText(fields)}`.trimEnd());
  }

  /** A control message. @param octets the whole datagram */
  control(packet: TracedPacket, octets: Uint8Array): void {
    this.#packet(packet, maskControl(octets), 'l2tp');
  }
  /** A PPP frame that control plane and packet path exchange. @param header of the data message that carries it */
  ppp(packet: TracedPacket, header: DataHeader, frame: Uint8Array): void {
    const masked = maskPpp(frame);
    const whole = masked[0] === 0xff && masked[1] === 0x03 ? masked : Buffer.concat([ADDRESS_AND_CONTROL, masked]);
    this.#packet(packet, dataMessage(header, whole), 'ppp');
  }
  /** Does a capture of the services interface want the packets of clients? */
  wantsData(pic: string): boolean {
    return this.#dumps.has(pic) && this.#config?.interfaces.get(pic)?.debugLevel === 'extensive';
  }
  /** An IP packet of a session, for the capture of its services interface. */
  data({ inbound, peer, local, pic }: TracedPacket, header: DataHeader, ip: Uint8Array): void {
    const dump = pic === null || !this.wantsData(pic) ? undefined : this.#dumps.get(pic);
    if (dump === undefined) return;
    const message = dataMessage(header, Buffer.concat([PPP_HEAD_IPV4, ip]));
    const packet = udpPacket(inbound ? peer : local, inbound ? local : peer, message);
    dump.write(pcapngPacket(packet, this.#timeNs(), inbound));
  }
  /** An IP packet of a bundle, which no one data message carries: it stands alone. */
  bundleData(pic: string, inbound: boolean, ip: Uint8Array): void {
    if (this.wantsData(pic)) this.#dumps.get(pic)?.write(pcapngPacket(ip, this.#timeNs(), inbound));
  }
  #timeNs(): bigint {
    return BigInt(this.#clock().getTime()) * 1_000_000n;
  }
  /** A RADIUS packet to or from a server. A user filter sees the requests: answers do not name the user. */
  radius(inbound: boolean, server: { readonly address: string; readonly port: number }, octets: Uint8Array): void {
    const config = this.#config;
    if (config === null || !this.#asks(config, inbound, 'radius')) return;
    if (config.userName !== null && radiusUser(octets) !== config.userName) return;
    const [first, ...attributes] = radiusText(octets);
    const detail = detailOf(config.debugLevel);
    if (detail === 'errors') return;
    const line = `radius ${inbound ? 'rx' : 'tx'} ${server.address}:${server.port}  ${first}`;
    this.#write([line, ...(detail === 'summary' ? [] : attributes)].join('\n'));
  }

  #asks({ flags, protocols }: TraceConfig, inbound: boolean, protocol: 'l2tp' | 'ppp' | 'radius' | 'udp'): boolean {
    if (protocols.size > 0 && !protocols.has(protocol)) return false;
    return (
      flags.has('all') ||
      flags.has('protocol') ||
      flags.has(inbound ? 'receive-packets' : 'transmit-packets') ||
      (protocol === 'l2tp' && flags.has('message')) ||
      (protocol === 'ppp' && flags.has(inbound ? 'ipc-rx' : 'ipc-tx'))
    );
  }

  #packet(packet: TracedPacket, octets: Uint8Array, protocol: 'l2tp' | 'ppp'): void {
    const config = this.#config;
    if (config === null) return;
    const { inbound, peer, local, pic } = packet;
    const ofPic = pic === null ? undefined : config.interfaces.get(pic);
    const asked = this.#asks(config, inbound, protocol);
    const detail = more(asked ? detailOf(config.debugLevel) : 'none', picDetail(ofPic, protocol));
    const dump = pic === null ? undefined : this.#dumps.get(pic);
    const asDatagram = !asked && this.#asks(config, inbound, 'udp');
    if (detail === 'none' && dump === undefined && !asDatagram) return;
    const ip = udpPacket(inbound ? peer : local, inbound ? local : peer, octets);
    const timeNs = this.#timeNs();
    dump?.write(pcapngPacket(ip, timeNs, inbound));
    const way = inbound ? 'rx' : 'tx';
    if (detail === 'none') {
      if (asDatagram) this.#ofSession(packet.session, `udp ${way} ${addresses(packet)}  ${octets.length} octets`);
      return;
    }
    const frame = this.#decoder(local.port).take({
      number: 0,
      timeNs,
      linkType: LINK_RAW_IP,
      octets: ip,
      wireOctets: ip.length,
    });
    if (frame === null || (detail === 'errors' && frame.notes.length === 0)) return;
    // Number and time of the frame stand before the addresses: a trace has a time of its own.
    const [first, ...rest] = formatFrame(frame, timeNs)
      .replace(/^\s*\d+\s+[\d.]+\s+/, '')
      .split('\n');
    const lines = [`${protocol} ${way} ${first}`];
    if (detail !== 'summary') lines.push(...rest);
    if (detail === 'dump') lines.push(...hexDump(octets));
    this.#ofSession(packet.session, lines.join('\n'));
  }

  #decoder(port: number): Decoder {
    let decoder = this.#decoders.get(port);
    if (decoder === undefined) {
      decoder = new Decoder({ ports: [port] });
      this.#decoders.set(port, decoder);
    }
    return decoder;
  }
  /** Writes what belongs to a session, as the user filter will have it: what comes before the name waits for it. */
  #ofSession(session: TracedSession | null, text: string): void {
    const wanted = this.#config!.userName;
    if (wanted === null) {
      this.#write(text);
      return;
    }
    if (session === null) return;
    const held = this.#held.get(session) ?? [];
    if (session.userName === '') {
      if (held.length < HELD_MAX) held.push(this.#stamp(text));
      this.#held.set(session, held);
      return;
    }
    this.#held.delete(session);
    if (session.userName !== wanted) return;
    for (const early of held) this.#append(early);
    this.#write(text);
  }
  #stamp(text: string): string {
    const now = this.#clock();
    return `${timestampOf(now)}.${String(now.getMilliseconds()).padStart(3, '0')} ${text}`;
  }
  #write(text: string): void {
    this.#append(this.#stamp(text));
  }
  #append(text: string): void {
    const match = this.#match;
    const lines = match === null ? [text] : text.split('\n').filter((line) => match.test(line));
    if (lines.length > 0) this.#file?.writeLine(lines.join('\n'));
  }
}

const ADDRESS_AND_CONTROL = new Uint8Array([0xff, 0x03]);
const PPP_HEAD_IPV4 = new Uint8Array([0xff, 0x03, 0x00, 0x21]);

/** A data message with Length (RFC 2661 section 3.1). */
function dataMessage({ tunnelId, sessionId }: DataHeader, frame: Uint8Array): Uint8Array {
  const octets = new Uint8Array(8 + frame.length);
  const view = new DataView(octets.buffer);
  view.setUint16(0, 0x4002);
  view.setUint16(2, octets.length);
  view.setUint16(4, tunnelId);
  view.setUint16(6, sessionId);
  octets.set(frame, 8);
  return octets;
}

function detailOf(level: TraceConfig['debugLevel']): Detail {
  if (level === 'packet-dump') return 'dump';
  if (level === 'error') return 'errors';
  return level === 'detail' ? 'detail' : 'summary';
}
function picDetail(config: InterfaceTraceConfig | undefined, protocol: 'l2tp' | 'ppp'): Detail {
  if (config === undefined) return 'none';
  const { flags, debugLevel } = config;
  if (!flags.has('all') && !flags.has('protocol') && !(protocol === 'ppp' && flags.has('ipc'))) return 'none';
  if (debugLevel === 'extensive') return 'dump';
  return debugLevel === 'detail' ? 'detail' : 'errors';
}
const addresses = ({ inbound, peer, local }: TracedPacket): string => {
  const [from, to] = inbound ? [peer, local] : [local, peer];
  return `${from.address}:${from.port} > ${to.address}:${to.port}`;
};

/** Sixteen octets a line, in hexadecimal and as characters. */
export function hexDump(octets: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < octets.length; at += 16) {
    const part = octets.subarray(at, at + 16);
    const hex = [...part].map((octet) => octet.toString(16).padStart(2, '0')).join(' ');
    const chars = [...part].map((octet) => (octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : '.')).join('');
    lines.push(`          ${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${chars}`);
  }
  return lines;
}

/** Do two configurations trace the same? An unchanged one keeps its files open. */
function sameTraces(a: TraceConfig | null, b: TraceConfig | null): boolean {
  const plain = (config: TraceConfig | null): string =>
    JSON.stringify(config, (_key, value: unknown) => {
      if (value instanceof Set) return [...value].sort();
      return value instanceof Map ? [...value].sort() : value;
    });
  return plain(a) === plain(b);
}
