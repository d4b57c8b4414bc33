import type dgram from 'node:dgram';
import { Deadlines, type Timed } from '../control/deadlines.ts';
import { ControlEndpoint } from '../control/endpoint.ts';
import type { Cause, ControlAction, TunnelInfo, TunnelPolicy } from '../control/types.ts';
import { WasmCrypto } from '../dataplane/crypto.ts';
import * as layout from '../generated/layout.ts';
import { type Ffi, openFfi } from '../io/ffi.ts';
import { Rungs } from '../io/rungs.ts';
import { Ticker } from '../io/ticker.ts';
import { DatagramSender, openDgram, openUdpSocket } from '../io/udp.ts';
import { PppSession } from '../ppp/session.ts';
import type { AuthMethod, LcpResult, PppAction, PppOptions } from '../ppp/types.ts';
import { TunnelIdPool } from '../server/ids.ts';
import { Plane, type ShardCounters } from '../server/plane.ts';
import { decodeSockaddr, encodeSockaddr, type PeerAddress, parseIpv4 } from '../wire/address.ts';
import { octets32 } from '../wire/ppp.ts';
import { SeededRandom, SystemRandom } from '../wire/random.ts';
import { answerCall, type Front } from './front.ts';

/** Tunnels of one kind: to one LNS, with one host name, secret and user. */
export interface LacProfile {
  readonly server: PeerAddress;
  readonly tunnels: number;
  readonly sessionsPerTunnel: number;
  /** Host Name AVP; "%d" becomes the number of the tunnel. */
  readonly hostName: string;
  readonly secret: string | null;
  readonly hideAvps: boolean;
  /** PPP user; "%d" becomes the number of the session. */
  readonly user: string;
  readonly password: string;
  readonly methods: readonly AuthMethod[];
  /** Ask for numbered data messages at all times. */
  readonly sequencing: boolean;
  /**
   * The LAC answers the call itself, negotiates LCP and demands one of these methods, and hands over what came of it
   * (RFC 2661 section 4.4.5); empty: it demands none. null or absent: it leaves PPP to the LNS.
   */
  readonly proxy?: readonly AuthMethod[] | null;
}

export interface LacOptions {
  readonly profiles: readonly LacProfile[];
  /** Our address; "0.0.0.0" lets the kernel choose. */
  readonly localAddress: string;
  /** All tunnels by one UDP port, not one each. */
  readonly onePort: boolean;
  readonly shards: number;
  /** New sessions a second; 0: as fast as the LNS answers. */
  readonly setupRate: number;
  /** Traffic of the sessions that are up, packets a second in all. */
  readonly traffic: {
    readonly kind: 'udp' | 'icmp';
    readonly target: string;
    readonly octets: number;
    readonly burst: number;
  } | null;
  /** Part of the control messages and PPP control frames that is lost here, each way; 0 to 1. */
  readonly loss: number;
  readonly seed: number;
  readonly helloIntervalMs: number;
  /** Portable access side even where system calls are to be had. */
  readonly portable?: boolean;
  /** One line an event. */
  readonly log?: (line: string) => void;
}

/** How the emulator stands. */
export interface LacStatus {
  readonly tunnelsUp: number;
  readonly sessionsUp: number;
  /** Set-ups that ended for good without coming up. */
  readonly failed: number;
  readonly wanted: number;
  /** Ended after they had been up. */
  readonly lost: number;
}
export interface LacTraffic {
  readonly sent: number;
  readonly received: number;
  readonly reordered: number;
  readonly bad: number;
  /** Microseconds of the round trip; null where nothing came back. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Sessions that may be between call and IPCP at once, where no rate is set. */
const SETUP_WINDOW = 512;
const TUNNEL_WINDOW = 256;
const MRU = 1500;
const SHUTDOWN_MS = 3000;

interface EmulatedTunnel {
  readonly profile: LacProfile;
  readonly group: number;
  readonly shard: number;
  readonly number: number;
  row: number;
  open: boolean;
  placed: number;
  readonly calls: Map<number, EmulatedCall>;
}
class EmulatedCall implements Timed {
  scheduledAt = Number.POSITIVE_INFINITY;
  ppp: PppSession | null = null;
  lcp: LcpResult | null = null;
  row = 0;
  /** Where the LAC answered itself: what the client and it have left to be done. */
  front: Front | null = null;
  asked: PppAction[] = [];
  up = false;
  settled = false;
  readonly tunnelId: number;
  readonly tunnel: EmulatedTunnel;
  /** 0 until the call is placed. */
  sessionId = 0;
  readonly number: number;
  readonly startedAt: number;
  constructor(tunnelId: number, tunnel: EmulatedTunnel, number: number, startedAt: number) {
    this.tunnelId = tunnelId;
    this.tunnel = tunnel;
    this.number = number;
    this.startedAt = startedAt;
  }
  deadline(): number {
    return this.ppp?.deadline() ?? Number.POSITIVE_INFINITY;
  }
}

/** Plays LACs and their PPP clients against any LNS: the same control plane, PPP and packet path in their other role. */
export class Lac {
  readonly options: LacOptions;
  plane!: Plane;
  readonly #random = new SystemRandom();
  readonly #chance: SeededRandom;
  readonly #crypto = new WasmCrypto();
  readonly #md5 = (...parts: Uint8Array[]): Uint8Array => this.#crypto.md5(...parts);
  readonly #ffi: Ffi | null;
  readonly #sender: DatagramSender | null;
  readonly #ids: TunnelIdPool;
  readonly #endpoints = new Map<string, ControlEndpoint>();
  readonly #tunnels = new Map<number, EmulatedTunnel>();
  readonly #calls: (EmulatedCall | undefined)[] = [];
  readonly #deadlines = new Deadlines<EmulatedCall>();
  readonly #fds: number[] = [];
  readonly #sockets: dgram.Socket[] = [];
  readonly #plan: { profile: LacProfile; number: number }[] = [];
  readonly #ticker = new Ticker(
    () => this.#nextDeadline(),
    (now) => this.#tick(now),
  );
  #flushScheduled = false;
  #planned = 0;
  #opening = 0;
  #inSetup = 0;
  #allowance = 0;
  #allowanceAt = 0;
  #pacer: NodeJS.Timeout | null = null;
  #tunnelsUp = 0;
  #up = 0;
  #failed = 0;
  #lost = 0;
  #serial = 1;
  #stopping = false;
  #startedAt = 0;
  /** When the last of the wanted sessions came up, ms since the start. */
  setupMs = 0;
  /** Milliseconds from call to IPCP, of each session. */
  readonly setupTimes: number[] = [];
  readonly failures = new Map<string, number>();

  constructor(options: LacOptions) {
    this.options = options;
    this.#chance = new SeededRandom(options.seed);
    this.#ffi = options.portable === true ? null : openFfi();
    this.#sender = this.#ffi === null ? null : new DatagramSender(this.#ffi);
    this.#ids = new TunnelIdPool(this.#random, options.shards);
    for (const profile of options.profiles)
      for (let number = 1; number <= profile.tunnels; number++) this.#plan.push({ profile, number });
  }

  get wanted(): number {
    return this.options.profiles.reduce((sum, profile) => sum + profile.tunnels * profile.sessionsPerTunnel, 0);
  }
  get status(): LacStatus {
    return {
      tunnelsUp: this.#tunnelsUp,
      sessionsUp: this.#up,
      failed: this.#failed,
      wanted: this.wanted,
      lost: this.#lost,
    };
  }

  /** Opens sockets and shards, and begins to dial. @throws LnsError */
  async start(): Promise<void> {
    const { shards, onePort, localAddress, traffic } = this.options;
    const groups = onePort ? 1 : this.#plan.length;
    const rungs = Rungs.probe(this.#ffi);
    if (this.#ffi !== null)
      for (let i = 0; i < groups; i++)
        this.#fds.push(openUdpSocket(this.#ffi, { address: localAddress, port: 0 }, rungs.has('gro')).fd);
    this.plane = await Plane.open({
      tunnels: Math.max(64, this.#plan.length),
      sessions: Math.max(64, this.wanted),
      shards,
      ffi: this.#ffi,
      sockets: Array.from({ length: this.#ffi === null ? 0 : shards }, (_, shard) => ({
        fds: this.#fds,
        listens: this.#fds.map((_fd, group) => group).filter((group) => group % shards === shard),
      })),
      core: 'traffic',
      tun: [],
      traffic: {
        kind: traffic?.kind ?? 'udp',
        // As the octets stand in the packet, read as a little-endian word.
        target: swap32(parseIpv4(traffic?.target ?? '192.0.2.7') ?? 0),
        octets: traffic?.octets ?? 64,
        burst: traffic?.burst ?? 8,
      },
      segmentation: rungs.has('gso'),
      gro: rungs.has('gro'),
      events: {
        frame: (row, frame) => this.#frame(row, frame),
        control: (octets, sockaddr) => this.#control(octets, decodeSockaddr(sockaddr)),
        datagram: (octets, sockaddr, group) => {
          const to = decodeSockaddr(sockaddr);
          this.#sockets[group]?.send(octets, to.port, to.address);
        },
        drained: () => this.#settle(),
        failed: (shard, reason) => this.#log(`shard ${shard} failed: ${String(reason)}`),
      },
    });
    if (this.#ffi === null)
      for (let group = 0; group < groups; group++) this.#sockets.push(await this.#openPortable(group));
    this.#startedAt = performance.now();
    this.#allowanceAt = this.#startedAt;
    this.#dial();
    if (this.options.setupRate > 0) this.#pacer = setInterval(() => this.#dial(), 10);
  }
  async #openPortable(group: number): Promise<dgram.Socket> {
    const socket = await openDgram({ address: this.options.localAddress, port: 0 });
    const padded = new Uint8Array(layout.SOCKADDR_SIZE);
    socket.on('message', (octets, from) => {
      if (octets.length >= 6 && (octets[0]! & 0x80) === 0) {
        padded.fill(0);
        padded.set(encodeSockaddr(from));
        this.plane.deal(group % this.options.shards, octets, padded, group);
      } else this.#control(octets, { address: from.address, port: from.port });
    });
    return socket;
  }

  #log(line: string): void {
    this.options.log?.(line);
  }
  #loses(): boolean {
    return this.options.loss > 0 && this.#chance.real() < this.options.loss;
  }

  #endpoint(server: PeerAddress, hostName: string): ControlEndpoint {
    const key = `${server.address} ${server.port} ${hostName}`;
    let endpoint = this.#endpoints.get(key);
    if (endpoint === undefined) {
      endpoint = new ControlEndpoint({
        hostName,
        vendorName: 'wasm-lns emulator',
        firmwareRevision: 0x0100,
        crypto: this.#crypto,
        random: this.#random,
        ids: this.#ids,
        limits: { halfOpen: 0, halfOpenPerSource: 0 },
        authorize: null,
      });
      this.#endpoints.set(key, endpoint);
      this.#endpointList.push(endpoint);
    }
    return endpoint;
  }
  readonly #endpointList: ControlEndpoint[] = [];
  readonly #endpointOf = new Map<number, ControlEndpoint>();
  readonly #groupOf = new Map<number, number>();

  // Dialling: tunnels in order, and the calls of those that are open, as fast as rate and window allow.

  #dial(): void {
    if (this.#stopping) return;
    const now = performance.now();
    const { setupRate } = this.options;
    if (setupRate > 0) {
      this.#allowance = Math.min(
        Math.max(1, setupRate / 10),
        this.#allowance + ((now - this.#allowanceAt) * setupRate) / 1000,
      );
      this.#allowanceAt = now;
    }
    for (const [tunnelId, tunnel] of this.#ready) {
      if (!this.#placeCalls(tunnelId, tunnel, now)) break;
      this.#ready.delete(tunnelId);
    }
    while (this.#planned < this.#plan.length && this.#opening < TUNNEL_WINDOW && this.#inSetup < SETUP_WINDOW) {
      if (setupRate > 0 && this.#allowance < 1) break;
      const { profile, number } = this.#plan[this.#planned]!;
      const group = this.options.onePort ? 0 : this.#planned;
      this.#planned++;
      this.#openTunnel(profile, number, group, now);
    }
  }
  readonly #ready = new Map<number, EmulatedTunnel>();

  #openTunnel(profile: LacProfile, number: number, group: number, now: number): void {
    const policy: TunnelPolicy = {
      secret: profile.secret === null ? null : Buffer.from(profile.secret, 'utf8'),
      hideAvps: profile.hideAvps,
      helloIntervalMs: this.options.helloIntervalMs,
      retransmitCapMs: 8000,
      tunnelTimeoutMs: 60_000,
      receiveWindow: 64,
      maximumSendWindow: 64,
      maximumSessions: 0,
      tag: null,
    };
    const endpoint = this.#endpoint(profile.server, profile.hostName.replace('%d', String(number)));
    const out: ControlAction[] = [];
    this.#currentGroup = group;
    const tunnelId = endpoint.openTunnel(profile.server, policy, now, out);
    if (tunnelId === 0) {
      this.#fail('no Tunnel ID is free', profile.sessionsPerTunnel);
      return;
    }
    this.#opening++;
    this.#endpointOf.set(tunnelId, endpoint);
    this.#groupOf.set(tunnelId, group);
    this.#tunnels.set(tunnelId, {
      profile,
      group,
      shard: group % this.options.shards,
      number,
      row: 0,
      open: false,
      placed: 0,
      calls: new Map(),
    });
    this.#perform(out);
    this.#settle();
  }
  #currentGroup = 0;

  /** @returns whether all calls of the tunnel are placed */
  #placeCalls(tunnelId: number, tunnel: EmulatedTunnel, now: number): boolean {
    const endpoint = this.#endpointOf.get(tunnelId);
    if (endpoint === undefined) return true;
    const { setupRate } = this.options;
    const out: ControlAction[] = [];
    while (tunnel.placed < tunnel.profile.sessionsPerTunnel) {
      if (this.#inSetup >= SETUP_WINDOW || (setupRate > 0 && this.#allowance < 1)) break;
      const call = new EmulatedCall(tunnelId, tunnel, this.#serial, now);
      if (tunnel.profile.proxy != null) this.#answer(call, tunnel.profile, tunnel.profile.proxy, now);
      const sessionId = endpoint.placeCall(
        tunnelId,
        {
          callSerialNumber: this.#serial,
          bearerType: 2,
          txConnectSpeed: 100_000_000,
          rxConnectSpeed: 100_000_000,
          framingType: 1,
          sequencingRequired: tunnel.profile.sequencing,
          proxy: call.front?.avps ?? [],
        },
        now,
        out,
      );
      if (sessionId === 0) {
        this.#fail('no Session ID is free', tunnel.profile.sessionsPerTunnel - tunnel.placed);
        tunnel.placed = tunnel.profile.sessionsPerTunnel;
        break;
      }
      this.#serial++;
      call.sessionId = sessionId;
      tunnel.calls.set(sessionId, call);
      tunnel.placed++;
      this.#inSetup++;
      if (setupRate > 0) this.#allowance--;
    }
    this.#perform(out);
    this.#settle();
    return tunnel.placed === tunnel.profile.sessionsPerTunnel;
  }
  #fail(reason: string, count: number): void {
    this.#failed += count;
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + count);
  }

  // Control connection.

  #control(octets: Uint8Array, source: PeerAddress): void {
    if (this.#loses()) return;
    const tunnelId = octets.length >= 6 ? (octets[4]! << 8) | octets[5]! : 0;
    const endpoint = this.#endpointOf.get(tunnelId);
    if (endpoint === undefined) return;
    const out: ControlAction[] = [];
    endpoint.receive(octets, source, performance.now(), out);
    this.#perform(out);
    this.#settle();
  }
  #settle(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      const now = performance.now();
      for (const endpoint of this.#endpointList) {
        const out: ControlAction[] = [];
        endpoint.flush(now, out);
        this.#perform(out);
      }
      this.#ticker.arm();
      this.#dial();
    });
  }

  #perform(out: readonly ControlAction[]): void {
    // The row is there before the ICCN goes out: the LNS's first PPP frame comes back to another thread within 0.1 ms.
    for (const action of out) if (action.do === 'tell' && action.event === 'call-open') this.#addRow(action);
    for (const action of out) {
      if (action.do === 'transmit') {
        if (this.#loses()) continue;
        // A tunnel that has closed goes on acknowledging, by its own port.
        const group = this.#groupOf.get(action.tunnelId) ?? this.#currentGroup;
        if (this.#sender !== null) this.#sender.send(this.#fds[group]!, action.octets, action.to);
        else this.#sockets[group]?.send(action.octets, action.to.port, action.to.address);
        continue;
      }
      switch (action.event) {
        case 'tunnel-open':
          this.#tunnelOpen(action.tunnel);
          break;
        case 'tunnel-closed':
          this.#tunnelClosed(action.tunnelId, action.opened, action.cause);
          break;
        case 'call-open':
          this.#callOpen(action.tunnelId, action.sessionId);
          break;
        case 'call-closed':
          this.#callClosed(action.tunnelId, action.sessionId, action.cause);
          break;
        default:
          break;
      }
    }
  }

  #tunnelOpen(info: TunnelInfo): void {
    const tunnel = this.#tunnels.get(info.tunnelId);
    if (tunnel === undefined) return;
    tunnel.row = this.plane.tables.addTunnel({
      localId: info.tunnelId,
      peerId: info.peerTunnelId,
      role: 'lac',
      peer: encodeSockaddr(info.peer),
      socketGroup: tunnel.group,
      routingInstance: 0,
      ownerShard: tunnel.shard,
    });
    tunnel.open = true;
    this.#tunnelsUp++;
    this.#opening--;
    this.#ready.set(info.tunnelId, tunnel);
    this.#settle();
  }
  #tunnelClosed(tunnelId: number, opened: boolean, cause: Cause): void {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined) return;
    for (const sessionId of [...tunnel.calls.keys()]) this.#callClosed(tunnelId, sessionId, cause);
    if (tunnel.row !== 0) this.plane.tables.removeTunnel(tunnel.row);
    if (opened) this.#tunnelsUp--;
    else this.#opening--;
    const unplaced = tunnel.profile.sessionsPerTunnel - tunnel.placed;
    if (!opened || unplaced > 0) this.#fail(describe('StopCCN', cause), unplaced);
    tunnel.placed = tunnel.profile.sessionsPerTunnel;
    this.#tunnels.delete(tunnelId);
    this.#ready.delete(tunnelId);
    if (!this.#stopping) this.#log(`tunnel ${tunnel.number} closed: ${describe('StopCCN', cause)}`);
  }

  #addRow({
    tunnelId,
    sessionId,
    peerSessionId,
  }: {
    tunnelId: number;
    sessionId: number;
    peerSessionId: number;
  }): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const call = tunnel?.calls.get(sessionId);
    if (tunnel === undefined || call === undefined) return;
    const { row, profile } = tunnel;
    const { sequencing } = profile;
    call.row = this.plane.tables.addSession({ tunnelRow: row, localId: sessionId, peerId: peerSessionId, sequencing });
    if (call.row !== 0) this.#calls[call.row] = call;
  }
  #callOpen(tunnelId: number, sessionId: number): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const call = tunnel?.calls.get(sessionId);
    if (tunnel === undefined || call === undefined) return;
    if (call.row === 0) {
      this.#end(call, 'the session table is full');
      return;
    }
    const out = call.asked;
    call.asked = [];
    if (call.ppp === null) {
      call.ppp = this.#client(call, tunnel.profile);
      call.ppp.open(performance.now(), out);
    }
    for (const frame of call.front?.pending ?? []) out.push({ do: 'send', frame, priority: false });
    call.front = null;
    this.#performPpp(call, out);
  }
  #client(call: EmulatedCall, profile: LacProfile): PppSession {
    return new PppSession({
      role: 'client',
      random: this.#random,
      md5: this.#md5,
      mru: MRU,
      authentication: profile.methods,
      name: profile.user.replace('%d', String(call.number)),
      secret: Buffer.from(profile.password, 'utf8'),
      compression: true,
    });
  }
  /** Plays the LAC towards its client. Where the two do not come to terms, the LNS has it all to do. */
  #answer(call: EmulatedCall, profile: LacProfile, methods: readonly AuthMethod[], now: number): void {
    const client = this.#client(call, profile);
    const lac: PppOptions = {
      role: 'server',
      random: this.#random,
      md5: this.#md5,
      mru: MRU,
      authentication: methods,
      name: profile.hostName,
      compression: true,
    };
    const asked: PppAction[] = [];
    const front = answerCall(lac, client, now, asked);
    if (front === null) return;
    call.front = front;
    call.asked = asked;
    call.ppp = client;
  }
  #end(call: EmulatedCall, message: string): void {
    const endpoint = this.#endpointOf.get(call.tunnelId);
    const out: ControlAction[] = [];
    endpoint?.closeSession(
      call.tunnelId,
      call.sessionId,
      { resultCode: 1, errorCode: 0, message },
      performance.now(),
      out,
    );
    if (endpoint !== undefined) this.#perform(out);
    this.#settle();
  }
  #callClosed(tunnelId: number, sessionId: number, cause: Cause): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const call = tunnel?.calls.get(sessionId);
    if (tunnel === undefined || call === undefined) return;
    tunnel.calls.delete(sessionId);
    if (call.up) {
      this.#up--;
      this.#lost++;
      call.up = false;
    }
    if (!call.settled) {
      call.settled = true;
      this.#inSetup--;
      this.#fail(describe('CDN', cause), 1);
    }
    if (call.row !== 0) {
      this.plane.tables.removeSession(call.row, performance.now());
      this.#calls[call.row] = undefined;
      call.row = 0;
    }
    call.ppp = null;
  }

  // PPP.

  #frame(row: number, frame: Uint8Array): void {
    const call = this.#calls[row];
    if (call === undefined || call.ppp === null || this.#loses()) return;
    const out: PppAction[] = [];
    call.ppp.receive(frame, performance.now(), out);
    this.#performPpp(call, out);
  }
  #performPpp(call: EmulatedCall, out: readonly PppAction[]): void {
    for (const action of out) {
      if (action.do === 'send') {
        if (call.row !== 0 && !this.#loses()) this.plane.inject(call.row, action.frame, action.priority);
        continue;
      }
      if (action.do !== 'tell') continue;
      switch (action.event) {
        case 'lcp-open':
          call.lcp = action.lcp;
          if (call.row !== 0) this.plane.tables.setEcho(call.row, action.lcp.localMagic);
          break;
        case 'network-open':
          this.#networkUp(call, action.address);
          break;
        case 'network-down':
          if (call.up && call.row !== 0) this.plane.tables.sessionDown(call.row, performance.now());
          break;
        case 'finished':
          this.#end(call, action.message || action.reason);
          break;
        default:
          break;
      }
    }
    this.#deadlines.update(call);
  }
  #networkUp(call: EmulatedCall, address: number): void {
    if (call.row === 0 || call.lcp === null) return;
    const mapped = new Uint8Array(16);
    mapped[10] = mapped[11] = 255;
    mapped.set(octets32(address), 12);
    const now = performance.now();
    this.plane.tables.sessionUp(
      call.row,
      {
        address: mapped,
        localAddress: octets32(address),
        peerMru: call.lcp.peerMru,
        acfc: call.lcp.peerAcfc,
        pfc: call.lcp.peerPfc,
      },
      now,
    );
    if (call.up) return;
    call.up = true;
    this.#up++;
    if (!call.settled) {
      call.settled = true;
      this.#inSetup--;
      this.setupTimes.push(now - call.startedAt);
      this.setupMs = now - this.#startedAt;
    }
    this.#settle();
  }

  // Time.

  #nextDeadline(): number {
    let next = this.#deadlines.next();
    for (const endpoint of this.#endpointList) next = Math.min(next, endpoint.deadline());
    return next;
  }
  #tick(now: number): void {
    for (const endpoint of this.#endpointList) {
      const out: ControlAction[] = [];
      endpoint.handleTimeout(now, out);
      this.#perform(out);
    }
    for (let call = this.#deadlines.take(now); call !== null; call = this.#deadlines.take(now)) {
      if (call.ppp === null) continue;
      const out: PppAction[] = [];
      call.ppp.handleTimeout(now, out);
      this.#performPpp(call, out);
    }
    this.#settle();
  }

  /** Waits until every wanted session is up or has failed for good, or `timeoutMs` are over. */
  async settled(timeoutMs: number): Promise<LacStatus> {
    const until = performance.now() + timeoutMs;
    while (performance.now() < until && this.#up + this.#failed + this.#lost < this.wanted && !this.#stopping)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return this.status;
  }

  setTraffic(packetsPerSecond: number): void {
    this.plane.setTrafficRate(packetsPerSecond);
  }
  get traffic(): LacTraffic {
    const { sent, received, reordered, bad, histogram } = this.plane.trafficCounters();
    return {
      sent,
      received,
      reordered,
      bad,
      p50: quantile(histogram, 0.5),
      p99: quantile(histogram, 0.99),
      max: quantile(histogram, 1),
    };
  }
  counters(): ShardCounters[] {
    return Array.from({ length: this.plane.shards }, (_, shard) => this.plane.counters(shard));
  }

  /** Closes every tunnel with a StopCCN, and everything else. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#pacer !== null) clearInterval(this.#pacer);
    this.plane.setTrafficRate(0);
    const now = performance.now();
    for (const endpoint of this.#endpointList) {
      const out: ControlAction[] = [];
      endpoint.shutdown({ resultCode: 6, errorCode: 0, message: 'end of the run' }, now, out);
      this.#perform(out);
    }
    this.#settle();
    const deadline = now + SHUTDOWN_MS;
    while (performance.now() < deadline && this.#endpointList.some((endpoint) => !endpoint.settled))
      await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setImmediate(resolve));
    this.#ticker.stop();
    await this.plane.close();
    for (const fd of this.#fds) this.#ffi!.close(fd);
    for (const socket of this.#sockets) socket.close();
  }
}

const describe = (what: string, cause: Cause): string =>
  `${cause.byPeer ? what : 'closed here'} ${cause.resultCode}${cause.errorCode === 0 ? '' : `/${cause.errorCode}`} ${cause.message}`.trim();
const swap32 = (value: number): number =>
  (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;

/** Value of a histogram's bucket (assembly/path/traffic.ts): its upper end, microseconds. */
function bucketValue(bucket: number): number {
  if (bucket < 16) return bucket;
  const octave = Math.floor(bucket / 16) + 3;
  return (16 + (bucket % 16) + 1) * 2 ** (octave - 4) - 1;
}
function quantile(histogram: Float64Array, part: number): number | null {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.max(1, Math.ceil(total * part));
  for (let i = 0; i < histogram.length; i++) {
    left -= histogram[i]!;
    if (left <= 0) return bucketValue(i);
  }
  return null;
}
