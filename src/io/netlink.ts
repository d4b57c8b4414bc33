import type { SystemError } from '../errors.ts';
import { parseAddress } from '../wire/address.ts';
import { AF_INET, AF_INET6, AF_NETLINK, type Ffi, SOCK_CLOEXEC, SOCK_RAW, systemError } from './ffi.ts';

const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_REPLACE = 0x100;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const IFLA_MTU = 4;
const IFLA_TXQLEN = 13;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_PRIORITY = 6;
const RTA_SRC = 2;
const RTA_GATEWAY = 5;
const RTM_GETROUTE = 26;
const RTM_GETNEIGH = 30;
const RTM_GETLINK = 18;
const IFLA_ADDRESS = 1;
const IFLA_NUM_RX_QUEUES = 32;
const NLM_F_DUMP = 0x300;
const NLMSG_DONE = 3;
const NDA_DST = 1;
const NDA_LLADDR = 2;
/** States in which a neighbour's address is sure: permanent, no ARP, reachable. */
const NUD_SURE = 0x80 | 0x40 | 0x02;
/** Those in which it is known: being probed, stale, delayed as well. */
const NUD_VALID = NUD_SURE | 0x10 | 0x04 | 0x08;
const RTM_NEWNEIGH = 28;
const RTM_GETRULE = 34;
const NTF_USE = 1;
const RTA_TABLE = 15;
const RTA_MULTIPATH = 9;
const RTA_VIA = 18;
const RTA_ENCAP = 21;
const RTN_LOCAL = 2;
const RTN_BROADCAST = 3;
const RTNH_F_DEAD = 1;
const RTNH_F_LINKDOWN = 16;
const RTM_F_CLONED = 0x200;
const FRA_PRIORITY = 6;
const FRA_TABLE = 15;
const FR_ACT_TO_TBL = 1;
/** Attributes that every rule has, priority, table and protocol; and what others hold where nothing is asked for (FRA_SUPPRESS_*). */
const RULE_SAYS_NOTHING = new Set([FRA_PRIORITY, FRA_TABLE, 21]);
const RULE_UNSET = new Map([
  [13, 0xffff_ffff],
  [14, 0xffff_ffff],
]);
const RTA_METRICS = 8;
const IFLA_IFNAME = 3;
const IFLA_AF_SPEC = 26;
const IFLA_INET_CONF = 1;
const DEVCONF_FORWARDING = 1;
const DEVCONF_RP_FILTER = 8;
const RTM_GETNETCONF = 82;
const NETCONFA_IFINDEX = 1;
const NETCONFA_RP_FILTER = 3;
const NETCONF_ALL = 0xffff_ffff;
const RT_TABLE_LOCAL = 255;
const RT_TABLE_MAIN = 254;
const RT_TABLE_DEFAULT = 253;
const MSG_DONTWAIT = 0x40;
const ENOBUFS = 105;
/** Links, IPv4 addresses, routes, rules and nexthop objects, whose end takes routes along without a word (RTMGRP_*). */
const EVENT_GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x8000_0000;
/** Rules that every host has: for the local table, main and default. */
const ORDINARY_RULES = new Map([
  [0, RT_TABLE_LOCAL],
  [32_766, RT_TABLE_MAIN],
  [32_767, RT_TABLE_DEFAULT],
]);
const IFF_UP = 1;
const RTPROT_STATIC = 4;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
/** Messages of one system call. */
const BATCH = 128;
const NLMSG_HEADER = 16;

/** A network to be reached through a device. */
export interface Prefix {
  readonly address: string;
  readonly length: number;
  /** Routes of one prefix: the lowest is taken; default 0. */
  readonly metric?: number;
}

/** An interface as the kernel has it. */
export interface Link {
  /** What it is called now. */
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac: Uint8Array;
  /** Receive queues that it may have. */
  readonly queues: number;
  /** Is what arrives there forwarded (`net.ipv4.conf.NAME.forwarding`)? */
  readonly forwarding: boolean;
  /** `net.ipv4.conf.NAME.rp_filter` */
  readonly rpFilter: number;
}
/** An IPv4 route of the tables that an ordinary host looks into. */
export interface KernelRoute {
  /** The kernel asks them in this order, each for its longest prefix. */
  readonly table: 'local' | 'main' | 'default';
  /** As numbers. */
  readonly address: number;
  readonly length: number;
  /** Of one table and prefix the lowest counts. */
  readonly metric: number;
  /** For some packets alone: of its type of service. */
  readonly tos: boolean;
  /** `unicast`: by one interface and perhaps a gateway. Others are the kernel's own affair. */
  readonly kind: 'unicast' | 'local' | 'broadcast' | 'other';
  readonly interface: number;
  /** In text; null: the destination itself. */
  readonly gateway: string | null;
}
/** A neighbour whose Ethernet address the kernel knows. */
export interface Neighbour {
  readonly mac: Uint8Array;
  /** It has been confirmed of late, or need not be. */
  readonly sure: boolean;
}

/** What the kernel did not do of a list. */
export interface RefusedRoute {
  readonly prefix: Prefix;
  readonly error: SystemError;
}

/** @throws SystemError with the first that was refused */
export function throwRefused(refused: readonly RefusedRoute[]): void {
  if (refused.length > 0) throw refused[0]!.error;
}

/** A small rtnetlink client: what the LNS does to the host's network, and nothing more (rtnetlink(7)). */
export class Netlink {
  readonly #ffi: Ffi;
  readonly #fd: number;
  readonly #reply = new Uint8Array(1 << 16);
  #sequence = 0;

  /** @throws SystemError where there is no netlink */
  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    this.#fd = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (this.#fd < 0) throw ffi.error('netlink socket');
  }
  close(): void {
    this.#ffi.close(this.#fd);
  }

  /** Brings a device up with its MTU and queue length. */
  setLinkUp(index: number, mtu: number, queueLength: number): void {
    const body = new Uint8Array(16);
    const view = new DataView(body.buffer);
    view.setInt32(4, index, true);
    view.setUint32(8, IFF_UP, true);
    view.setUint32(12, IFF_UP, true);
    this.#request(
      [message(RTM_NEWLINK, 0, body, attribute(IFLA_MTU, u32(mtu)), attribute(IFLA_TXQLEN, u32(queueLength)))],
      `device ${index}`,
    );
  }
  addAddress(index: number, address: string, length: number): void {
    this.#address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address, length);
  }
  /** Takes an address away. One that is gone already is no error. */
  deleteAddress(index: number, address: string, length: number): void {
    this.#address(RTM_DELADDR, 0, index, address, length, [99 /* EADDRNOTAVAIL */]);
  }
  #address(type: number, flags: number, index: number, address: string, length: number, ignore: number[] = []): void {
    const { family, octets } = parsePrefix({ address, length });
    const body = new Uint8Array([family, length, 0, 0, 0, 0, 0, 0]);
    new DataView(body.buffer).setInt32(4, index, true);
    this.#request(
      [message(type, flags, body, attribute(IFA_LOCAL, octets), attribute(IFA_ADDRESS, octets))],
      `address ${address}/${length}`,
      ignore,
    );
  }
  /** Adds routes through a device, many a system call. An existing one is replaced. @returns those that were refused */
  addRoutes(index: number, prefixes: readonly Prefix[]): RefusedRoute[] {
    return this.#routes(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, index, prefixes);
  }
  /** The same, but a prefix that has a route already is refused (EEXIST). */
  addNewRoutes(index: number, prefixes: readonly Prefix[]): RefusedRoute[] {
    return this.#routes(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, index, prefixes);
  }
  /** Takes routes away. One that is gone already is no error. @returns those that were refused */
  deleteRoutes(index: number, prefixes: readonly Prefix[]): RefusedRoute[] {
    return this.#routes(RTM_DELROUTE, 0, index, prefixes, [3 /* ESRCH */]);
  }
  /** An interface; null where there is none. @throws SystemError */
  link(index: number): Link | null {
    let found: Link | null = null;
    const body = new Uint8Array(16);
    new DataView(body.buffer).setInt32(4, index, true);
    this.#ask(
      message(RTM_GETLINK, 0, body),
      'link',
      (octets) => {
        const values = attributesOf(octets.subarray(16));
        const inet = nested(nested(values, IFLA_AF_SPEC), AF_INET).get(IFLA_INET_CONF);
        const setting = (number: number): number =>
          inet === undefined || inet.length < number * 4
            ? 0
            : new DataView(inet.buffer, inet.byteOffset).getUint32((number - 1) * 4, true);
        found = {
          name: textOf(values.get(IFLA_IFNAME)),
          up: (new DataView(octets.buffer, octets.byteOffset).getUint32(8, true) & IFF_UP) !== 0,
          mtu: wordOf(values, IFLA_MTU) ?? 0,
          mac: values.get(IFLA_ADDRESS)?.slice() ?? new Uint8Array(0),
          queues: Math.max(1, wordOf(values, IFLA_NUM_RX_QUEUES) ?? 0),
          forwarding: setting(DEVCONF_FORWARDING) !== 0,
          rpFilter: setting(DEVCONF_RP_FILTER),
        };
      },
      true,
    );
    return found;
  }
  /** `net.ipv4.conf.all.rp_filter`, which counts beside each interface's own. @throws SystemError */
  rpFilterOfAll(): number {
    let found = 0;
    const body = new Uint8Array([AF_INET, 0, 0, 0]);
    this.#ask(
      message(RTM_GETNETCONF, 0, body, attribute(NETCONFA_IFINDEX, u32(NETCONF_ALL))),
      'netconf',
      (octets) => {
        found = wordOf(attributesOf(octets.subarray(4)), NETCONFA_RP_FILTER) ?? 0;
      },
      true,
    );
    return found;
  }
  /** Ethernet addresses of an interface's IPv4 neighbours that the kernel has resolved, by address in text. @throws SystemError */
  neighbours(index: number): Map<string, Neighbour> {
    const found = new Map<string, Neighbour>();
    const body = new Uint8Array(12);
    body[0] = AF_INET;
    this.#ask(message(RTM_GETNEIGH, NLM_F_DUMP, body), 'neighbours', (octets) => {
      const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
      if (octets.length < 12 || view.getInt32(4, true) !== index) return;
      const state = view.getUint16(8, true);
      if ((state & NUD_VALID) === 0) return;
      const values = attributesOf(octets.subarray(12));
      const [address, mac] = [values.get(NDA_DST), values.get(NDA_LLADDR)];
      if (address?.length === 4 && mac?.length === 6)
        found.set(address.join('.'), { mac: mac.slice(), sure: (state & NUD_SURE) !== 0 });
    });
    return found;
  }
  /** Has the kernel find a neighbour out, or confirm it, as a packet to it would. */
  useNeighbour(index: number, address: string): void {
    const body = new Uint8Array(12);
    const view = new DataView(body.buffer);
    body[0] = AF_INET;
    view.setInt32(4, index, true);
    body[10] = NTF_USE;
    const to = attribute(NDA_DST, parseAddress(address).subarray(12));
    this.#request([message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, to)], `neighbour ${address}`);
  }
  /** IPv4 routes of the local, main and default tables that `keep` asks for; null where they are more than `most`. @throws SystemError */
  routes(most: number, keep: (route: KernelRoute) => boolean): KernelRoute[] | null {
    const found: KernelRoute[] = [];
    const body = new Uint8Array(12);
    body[0] = AF_INET;
    this.#ask(message(RTM_GETROUTE, NLM_F_DUMP, body), 'routes', (octets) => {
      const route = found.length > most ? null : kernelRoute(octets);
      if (route !== null && keep(route)) found.push(route);
    });
    return found.length > most ? null : found;
  }
  /** Are there only the rules that every host has, so that the local, main and default tables decide alone? @throws SystemError */
  ordinaryRules(): boolean {
    let ordinary = true;
    const seen = new Set<number>();
    const body = new Uint8Array(12);
    body[0] = AF_INET;
    this.#ask(message(RTM_GETRULE, NLM_F_DUMP, body), 'rules', (octets) => {
      const values = attributesOf(octets.subarray(12));
      const table = wordOf(values, FRA_TABLE) ?? octets[4]!;
      // Lengths, TOS and action; then what else a rule may ask for.
      const plain =
        octets[1] === 0 &&
        octets[2] === 0 &&
        octets[3] === 0 &&
        octets[7] === FR_ACT_TO_TBL &&
        [...values].every(([type]) => RULE_SAYS_NOTHING.has(type) || wordOf(values, type) === RULE_UNSET.get(type));
      if (!plain || ORDINARY_RULES.get(wordOf(values, FRA_PRIORITY) ?? 0) !== table) ordinary = false;
      seen.add(table);
    });
    return ordinary && seen.has(RT_TABLE_LOCAL) && seen.has(RT_TABLE_MAIN);
  }
  /** The kernel's way from `source` to `destination`, both IPv4 in text; null where there is none. @throws SystemError */
  route(destination: string, source: string): { interface: number; gateway: string | null } | null {
    let found: { interface: number; gateway: string | null } | null = null;
    const body = new Uint8Array(12);
    body.set([AF_INET, 32, 32]);
    const [to, from] = [destination, source].map((address) => parseAddress(address).subarray(12));
    this.#ask(
      message(RTM_GETROUTE, 0, body, attribute(RTA_DST, to!), attribute(RTA_SRC, from!)),
      'route',
      (octets) => {
        const values = attributesOf(octets.subarray(12));
        const out = wordOf(values, RTA_OIF);
        if (out === undefined) return;
        found = {
          interface: out,
          gateway: values.get(RTA_GATEWAY)?.join('.') ?? null,
        };
      },
      true,
    );
    return found;
  }
  /** Sends a question and takes its answers. @param single there is one answer and no end. @throws SystemError */
  #ask(question: Uint8Array, what: string, take: (body: Uint8Array) => void, single = false): void {
    const view = new DataView(question.buffer);
    view.setUint16(6, view.getUint16(6, true) | NLM_F_REQUEST, true);
    view.setUint32(8, ++this.#sequence, true);
    if (this.#ffi.sendto(this.#fd, this.#ffi.addressOf(question), question.length, 0, 0, 0) < 0)
      throw this.#ffi.error(what);
    for (;;) {
      const octets = this.#ffi.recv(this.#fd, this.#ffi.addressOf(this.#reply), this.#reply.length, 0);
      if (octets <= 0) throw this.#ffi.error(what);
      const reply = new DataView(this.#reply.buffer);
      for (let at = 0; at + NLMSG_HEADER <= octets; ) {
        const length = reply.getUint32(at, true);
        if (length < NLMSG_HEADER || at + length > octets) break;
        const type = reply.getUint16(at + 4, true);
        if (reply.getUint32(at + 8, true) === this.#sequence) {
          // A destination without a route is an answer too.
          if (type === NLMSG_DONE || type === NLMSG_ERROR) return;
          take(this.#reply.subarray(at + NLMSG_HEADER, at + length));
          if (single) return;
        }
        at += (length + 3) & ~3;
      }
    }
  }
  #routes(
    type: number,
    flags: number,
    index: number,
    prefixes: readonly Prefix[],
    ignore: number[] = [],
  ): RefusedRoute[] {
    const refused: RefusedRoute[] = [];
    for (let from = 0; from < prefixes.length; from += BATCH) {
      const part = prefixes.slice(from, from + BATCH);
      const errors = this.#exchange(
        part.map((prefix) => {
          const { family, octets } = parsePrefix(prefix);
          const body = new Uint8Array([
            family,
            prefix.length,
            0,
            0,
            RT_TABLE_MAIN,
            RTPROT_STATIC,
            RT_SCOPE_LINK,
            RTN_UNICAST,
            0,
            0,
            0,
            0,
          ]);
          const metric = prefix.metric === undefined ? [] : [attribute(RTA_PRIORITY, u32(prefix.metric))];
          return message(type, flags, body, attribute(RTA_DST, octets), attribute(RTA_OIF, u32(index)), ...metric);
        }),
        'routes',
      );
      for (const [i, errno] of errors.entries()) {
        if (errno === 0 || ignore.includes(errno)) continue;
        const prefix = part[i]!;
        refused.push({ prefix, error: systemError(`route ${prefix.address}/${prefix.length}`, errno) });
      }
    }
    return refused;
  }

  /** @throws SystemError where the kernel refuses one */
  #request(messages: readonly Uint8Array[], what: string, ignore: readonly number[] = []): void {
    const errno = this.#exchange(messages, what).find((one) => one !== 0 && !ignore.includes(one));
    if (errno !== undefined) throw systemError(what, errno);
  }
  /** Sends messages in one call and awaits each one's acknowledgement. @returns their errors, 0 for none, in order */
  #exchange(messages: readonly Uint8Array[], what: string): number[] {
    const first = this.#sequence + 1;
    const errors = messages.map(() => 0);
    for (const one of messages) {
      const view = new DataView(one.buffer);
      view.setUint16(6, view.getUint16(6, true) | NLM_F_REQUEST | NLM_F_ACK, true);
      view.setUint32(8, ++this.#sequence, true);
    }
    const all = new Uint8Array(Buffer.concat(messages));
    if (this.#ffi.sendto(this.#fd, this.#ffi.addressOf(all), all.length, 0, 0, 0) < 0) throw this.#ffi.error(what);
    let waiting = messages.length;
    while (waiting > 0) {
      const octets = this.#ffi.recv(this.#fd, this.#ffi.addressOf(this.#reply), this.#reply.length, 0);
      if (octets <= 0) throw this.#ffi.error(what);
      const view = new DataView(this.#reply.buffer);
      for (let at = 0; at + NLMSG_HEADER <= octets; ) {
        const length = view.getUint32(at, true);
        if (length < NLMSG_HEADER) break;
        if (view.getUint16(at + 4, true) === NLMSG_ERROR) {
          const place = view.getUint32(at + 8, true) - first;
          // Not the late answer to an exchange that failed half-way.
          if (place >= 0 && place < errors.length) {
            waiting--;
            errors[place] = -view.getInt32(at + NLMSG_HEADER, true);
          }
        }
        at += (length + 3) & ~3;
      }
    }
    return errors;
  }
}

/** Tells whether the host's IPv4 network has changed: links, addresses, routes, rules (rtnetlink(7)). */
export class NetlinkEvents {
  readonly #ffi: Ffi;
  readonly #fd: number;
  readonly #octets = new Uint8Array(1 << 16);

  /** @throws SystemError where there is no netlink */
  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    this.#fd = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (this.#fd < 0) throw ffi.error('netlink socket');
    const address = new Uint8Array(12);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, EVENT_GROUPS >>> 0, true);
    if (ffi.bind(this.#fd, Number(ffi.addressOf(address)), address.length) >= 0) return;
    const error = ffi.error('netlink events');
    ffi.close(this.#fd);
    throw error;
  }
  /**
   * Has anything happened since the last time, or too much to be told? Without waiting.
   * @param isOwn a prefix whose routes to the device `ours` are of our own making: they come and go unnoticed
   */
  happened(ours: number, isOwn: (address: number, length: number) => boolean): boolean {
    let any = false;
    // Bounded: what comes faster than this has happened anyway.
    for (let n = 0; n < 64; n++) {
      const octets = this.#ffi.recv(this.#fd, this.#ffi.addressOf(this.#octets), this.#octets.length, MSG_DONTWAIT);
      if (octets <= 0) return any || (octets < 0 && this.#ffi.errno() === ENOBUFS);
      const view = new DataView(this.#octets.buffer);
      for (let at = 0; at + NLMSG_HEADER <= octets; ) {
        const length = view.getUint32(at, true);
        if (length < NLMSG_HEADER || at + length > octets) break;
        const type = view.getUint16(at + 4, true);
        const body = this.#octets.subarray(at + NLMSG_HEADER, at + length);
        const route = type === RTM_NEWROUTE || type === RTM_DELROUTE;
        // One that took another's place did away with that.
        const replaces = (view.getUint16(at + 6, true) & NLM_F_REPLACE) !== 0;
        if (!route || replaces || !isOwnRoute(body, ours, isOwn)) any = true;
        at += (length + 3) & ~3;
      }
    }
    return true;
  }
  close(): void {
    this.#ffi.close(this.#fd);
  }
}

function isOwnRoute(body: Uint8Array, ours: number, isOwn: (address: number, length: number) => boolean): boolean {
  const values = attributesOf(body.subarray(12));
  return wordOf(values, RTA_OIF) === ours && isOwn(addressIn(values), body[1]!);
}
const addressIn = (values: ReadonlyMap<number, Uint8Array>): number => {
  const to = values.get(RTA_DST);
  return to === undefined ? 0 : new DataView(to.buffer, to.byteOffset).getUint32(0);
};
/** A route as the kernel lists it; null where it does not count: of another table, or by a link that is down. */
function kernelRoute(octets: Uint8Array): KernelRoute | null {
  const values = attributesOf(octets.subarray(12));
  const [, length, , tos, shortTable, , , type] = octets;
  const flags = new DataView(octets.buffer, octets.byteOffset).getUint32(8, true);
  const table = wordOf(values, RTA_TABLE) ?? shortTable!;
  if (table < RT_TABLE_DEFAULT || table > RT_TABLE_LOCAL || (flags & (RTNH_F_DEAD | RTM_F_CLONED)) !== 0) return null;
  const out = wordOf(values, RTA_OIF);
  const gateway = values.get(RTA_GATEWAY);
  const special = [RTA_MULTIPATH, RTA_VIA, RTA_ENCAP, RTA_METRICS].some((attribute) => values.has(attribute));
  const plain = type === RTN_UNICAST && out !== undefined && !special && (flags & RTNH_F_LINKDOWN) === 0;
  const own = type === RTN_LOCAL ? 'local' : type === RTN_BROADCAST ? 'broadcast' : 'other';
  return {
    table: table === RT_TABLE_LOCAL ? 'local' : table === RT_TABLE_MAIN ? 'main' : 'default',
    address: addressIn(values),
    length: length!,
    metric: wordOf(values, RTA_PRIORITY) ?? 0,
    tos: tos !== 0,
    kind: plain ? 'unicast' : own,
    interface: out ?? 0,
    gateway: gateway?.join('.') ?? null,
  };
}

const wordOf = (values: ReadonlyMap<number, Uint8Array>, type: number): number | undefined => {
  const value = values.get(type);
  return value === undefined ? undefined : new DataView(value.buffer, value.byteOffset).getUint32(0, true);
};
/** Attributes within an attribute; none where it is not there. */
const nested = (values: ReadonlyMap<number, Uint8Array>, type: number): Map<number, Uint8Array> =>
  attributesOf(values.get(type) ?? new Uint8Array(0));
const textOf = (octets: Uint8Array | undefined): string =>
  octets === undefined ? '' : Buffer.from(octets).toString('latin1').split('\0')[0]!;
const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);

function parsePrefix(prefix: Prefix): { family: number; octets: Uint8Array } {
  const octets = parseAddress(prefix.address);
  const v4 = !prefix.address.includes(':');
  return { family: v4 ? AF_INET : AF_INET6, octets: v4 ? octets.subarray(12) : octets };
}
function attributesOf(octets: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  for (let at = 0; at + 4 <= octets.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > octets.length) break;
    found.set(view.getUint16(at + 2, true) & 0x3fff, octets.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}
function attribute(type: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array((4 + value.length + 3) & ~3);
  const view = new DataView(octets.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  octets.set(value, 4);
  return octets;
}
function message(type: number, flags: number, ...parts: Uint8Array[]): Uint8Array {
  const length = NLMSG_HEADER + parts.reduce((sum, part) => sum + part.length, 0);
  const octets = new Uint8Array(length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  let at = NLMSG_HEADER;
  for (const part of parts) {
    octets.set(part, at);
    at += part.length;
  }
  return octets;
}
