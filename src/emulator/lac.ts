import type dgram from 'node:dgram';
import { ControlEndpoint } from '../control/endpoint.ts';
import type { Cause, ControlAction, TunnelInfo } from '../control/types.ts';
import { WasmCrypto } from '../dataplane/crypto.ts';
import { quantile, type SessionTraffic } from '../dataplane/traffic.ts';
import { ConfigError } from '../errors.ts';
import * as layout from '../generated/layout.ts';
import { type Ffi, openFfi, systemError } from '../io/ffi.ts';
import { Rungs } from '../io/rungs.ts';
import { isSpread } from '../io/steering.ts';
import { Ticker } from '../io/ticker.ts';
import { DatagramSender, openDgram, openUdpSocket } from '../io/udp.ts';
import { TunnelIdPool } from '../server/ids.ts';
import { Plane, type ShardCounters } from '../server/plane.ts';
import { decodeSockaddr, encodeSockaddr, type PeerAddress, parseIpv4 } from '../wire/address.ts';
import { ICCN } from '../wire/avp.ts';
import { SystemRandom } from '../wire/random.ts';
import { EmulatedCall, EmulatedTunnel } from './call.ts';
import { Clients } from './clients.ts';
import { ClientDevice } from './device.ts';
import { Impairment } from './impair.ts';
import { Pacer } from './pacer.ts';
import type { CurvePoint, LacOptions, LacStatus, LacTraffic } from './types.ts';

export type { DeviceOptions, Groups, LacOptions, LacProfile, LacStatus, LacTraffic } from './types.ts';

/** Sessions and tunnels that may be in set-up at once, where nothing else is said. */
const SETUP_WINDOW = 512;
const TUNNEL_WINDOW = 256;
const SHUTDOWN_MS = 3000;
/** Between two points of the curve. */
const CURVE_MS = 25;
/** Points kept: after that every other one is dropped. */
const CURVE_MOST = 4096;
/** Tunnel IDs of a life that ended in silence are kept from the next one while so many are free. */
const IDS_KEPT = 65535;
/** A header of 12 octets, and the Message Type AVP. */
const ICCN_OCTETS_MIN = 20;

/** Plays LACs and their PPP clients against any LNS: the same control plane, PPP and packet path in their other role. */
export class Lac {
  readonly options: LacOptions;
  plane!: Plane;
  /** The clients' kernel interface, from `start` on. */
  device: ClientDevice | null = null;
  /** Rungs of the I/O ladder in use, as "gso+gro", and those that are not. */
  rungs = { inUse: '', missing: '' };
  /** Whether the LNS has sent anything at all. */
  heard = false;
  /** What the kernel said where it did not take a control message; empty where it took all. */
  refused = '';
  readonly #random = new SystemRandom();
  readonly #crypto = new WasmCrypto();
  readonly #ffi: Ffi | null;
  readonly #sender: DatagramSender | null;
  #ids: TunnelIdPool;
  #endpoint: ControlEndpoint;
  /** In the order in which they are dialled. */
  readonly #plan: EmulatedTunnel[] = [];
  readonly #tunnels = new Map<number, EmulatedTunnel>();
  /** Socket of each Tunnel ID, those that closed included: they go on acknowledging. */
  readonly #groupOf = new Map<number, number>();
  readonly #clients: Clients;
  readonly #impairment: Impairment | null;
  readonly #fds: number[] = [];
  readonly #sockets: dgram.Socket[] = [];
  readonly #ticker = new Ticker(
    () => this.#nextDeadline(),
    (now) => this.#tick(now),
  );
  readonly #pacer: Pacer;
  #pacing: NodeJS.Timeout | null = null;
  #sampling: NodeJS.Timeout | null = null;
  /** Calls whose ICCN waits for the window: session ID by tunnel and peer's session ID. */
  readonly #beforeIccn = new Map<number, number>();
  #flushScheduled = false;
  #planned = 0;
  #opening = 0;
  #inSetup = 0;
  #window: number;
  #tunnelWindow: number;
  /** Tunnels with sessions to dial. */
  readonly #ready = new Map<number, EmulatedTunnel>();
  /** What is to be dialled again, in order of time. */
  readonly #retries: { at: number; tunnel: EmulatedTunnel; life: number; slot: number }[] = [];
  #openingGroup = 0;
  #tunnelsUp = 0;
  #up = 0;
  #failed = 0;
  #lost = 0;
  #silent = false;
  #stopping = false;
  #startedAt = 0;
  #dialledAt = 0;
  #phaseEnded: (() => void)[] = [];
  /** From the beginning of the present dialling until the last session came up, ms. */
  setupMs = 0;
  /** Milliseconds from call to IPCP, of each session that came up. */
  readonly setupTimes: number[] = [];
  readonly failures = new Map<string, number>();
  readonly curve: CurvePoint[] = [];
  #curveMs = CURVE_MS;

  /** @throws ConfigError where the options contradict each other */
  constructor(options: LacOptions) {
    this.options = options;
    this.#ffi = options.portable === true ? null : openFfi();
    this.#sender = this.#ffi === null ? null : new DatagramSender(this.#ffi);
    this.#ids = new TunnelIdPool(this.#random, options.shards);
    this.#endpoint = this.#newEndpoint();
    this.#pacer = new Pacer(options.setupRate, options.rampMs ?? 0);
    this.#window = options.window ?? SETUP_WINDOW;
    this.#tunnelWindow = options.tunnelWindow ?? TUNNEL_WINDOW;
    const { impair } = options;
    this.#impairment = impair === null || impair.parts === 'data' ? null : new Impairment(impair);
    this.#clients = new Clients({
      plane: () => this.plane,
      random: this.#random,
      md5: (...parts) => this.#crypto.md5(...parts),
      send: (row, frame, priority) => this.#sendFrame(row, frame, priority),
      isUp: (call) => this.#isUp(call),
      ...(options.mru === undefined ? {} : { mru: options.mru }),
      network: (address, mtu, row) => this.#network(address, mtu, row),
      ended: (call, message) => this.#end(call, message),
    });
    let serial = 0;
    for (const profile of options.profiles) {
      for (let number = 1; number <= profile.tunnels; number++) {
        const group = options.ports > 0 ? this.#plan.length % options.ports : this.#plan.length;
        this.#plan.push(new EmulatedTunnel(profile, number, serial, group, this.#shardFor(profile, number, group)));
      }
      serial += profile.tunnels * profile.sessionsPerTunnel;
    }
    if ((options.device ?? null) !== null && this.#ffi === null)
      throw new ConfigError('a kernel interface needs Linux and the koffi module, and no --portable');
    if (this.#plan.length > 65_535) throw new ConfigError('more than 65,535 tunnels have no Tunnel IDs');
  }
  /** A group's sessions share a shard: it is its bundle's owner, and the only one to judge its traffic. */
  #shardFor(profile: LacOptions['profiles'][number], number: number, group: number): number {
    const { shards } = this.options;
    const { groups } = profile;
    if (groups === undefined || groups === null || !groups.spread) return group % shards;
    return Math.floor((number - 1) / groups.size) % shards;
  }
  #newEndpoint(): ControlEndpoint {
    return new ControlEndpoint({
      hostName: 'lac',
      vendorName: 'wasm-lns emulator',
      firmwareRevision: 0x0100,
      crypto: this.#crypto,
      random: this.#random,
      ids: this.#ids,
      limits: { halfOpen: 0, halfOpenPerSource: 0 },
      authorize: null,
    });
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
  get bundlesUp(): number {
    return this.#clients.bundlesUp;
  }
  /** Everybody who is up, in order of their numbers. */
  get calls(): EmulatedCall[] {
    const calls: EmulatedCall[] = [];
    for (const tunnel of this.#plan) for (const call of tunnel.calls.values()) if (call.up) calls.push(call);
    return calls.sort((a, b) => a.number - b.number);
  }
  /** UDP ports in use. */
  get ports(): number {
    return this.options.ports > 0 ? Math.min(this.options.ports, this.#plan.length) : this.#plan.length;
  }
  /** Control messages and PPP frames that were impaired. */
  get controlImpaired(): Impairment['counts'] | null {
    return this.#impairment?.counts ?? null;
  }

  /** Opens sockets and shards, and begins to dial. @throws LnsError */
  async start(): Promise<void> {
    const { shards, localAddresses, traffic, impair, profiles, device = null } = this.options;
    const rungs = Rungs.probe(this.#ffi, this.options.rungs);
    if (device === null) rungs.without(['vnetHdr', 'uso', 'uring', 'steering']);
    else this.device = ClientDevice.open(this.#ffi!, device, shards, Math.max(64, this.wanted), rungs);
    const address = (group: number): string => localAddresses[group % localAddresses.length]!;
    if (this.#ffi !== null)
      for (let group = 0; group < this.ports; group++)
        this.#fds.push(openUdpSocket(this.#ffi, { address: address(group), port: 0 }, rungs.has('gro')).fd);
    const grouped = profiles.filter(({ groups }) => groups?.kind === 'multilink');
    const listens = Array.from({ length: shards }, (): number[] => []);
    const listened = new Set<number>();
    for (const tunnel of this.#plan) {
      if (listened.has(tunnel.group)) continue;
      listened.add(tunnel.group);
      listens[tunnel.shard]!.push(tunnel.group);
    }
    this.plane = await Plane.open({
      tunnels: Math.max(64, this.#plan.length),
      sessions: Math.max(64, this.wanted),
      bundles: grouped.reduce((sum, profile) => sum + profile.tunnels * profile.sessionsPerTunnel, 0),
      shards,
      ffi: this.#ffi,
      sockets: Array.from({ length: this.#ffi === null ? 0 : shards }, (_, shard) => ({
        fds: this.#fds,
        listens: listens[shard]!,
      })),
      core: this.device === null ? 'traffic' : 'client',
      tun: this.device?.fds ?? [],
      traffic: {
        kind: traffic?.kind ?? 'udp',
        // As the octets stand in the packet, read as a little-endian word.
        target: swap32(parseIpv4(traffic?.target ?? '192.0.2.7') ?? 0),
        sizes: traffic?.sizes ?? [64],
        burst: traffic?.burst ?? 8,
        flows: traffic?.flows ?? 1,
        impair: impair === null || impair.parts === 'control' ? null : impair,
      },
      segmentation: rungs.has('gso'),
      gro: rungs.has('gro'),
      vnetHdr: rungs.has('vnetHdr'),
      uso: rungs.has('uso'),
      uring: rungs.has('uring'),
      controlRingOctets: 8 << 20,
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
      for (let group = 0; group < this.ports; group++)
        this.#sockets.push(await this.#openPortable(group, address(group)));
    if (rungs.has('uring') && this.plane.uringState !== -1)
      rungs.lose('uring', systemError('', this.plane.uringState).errorName);
    this.rungs = { inUse: rungs.inUse, missing: rungs.missing };
    this.#startedAt = performance.now();
    this.#sampling = setInterval(() => this.#sample(), CURVE_MS);
    this.#begin();
    if (this.#pacer.bounded || (this.options.retryMs ?? 0) > 0) this.#pacing = setInterval(() => this.#dial(), 10);
  }
  async #openPortable(group: number, address: string): Promise<dgram.Socket> {
    const socket = await openDgram({ address, port: 0 });
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
  #sample(): void {
    const at = performance.now() - this.#startedAt;
    const last = this.curve.at(-1);
    if (last !== undefined && at - last.at < this.#curveMs) return;
    this.curve.push({ at, tunnels: this.#tunnelsUp, sessions: this.#up });
    if (this.curve.length < CURVE_MOST) return;
    const kept = this.curve.filter((_, index) => index % 2 === 0);
    this.curve.length = 0;
    this.curve.push(...kept);
    this.#curveMs *= 2;
  }

  // Dialling: tunnels in order, and the calls of those that are open, as fast as rate and window allow.

  #begin(): void {
    const now = performance.now();
    this.#dialledAt = now;
    this.#planned = 0;
    this.#failed = 0;
    this.#lost = 0;
    this.failures.clear();
    this.setupTimes.length = 0;
    this.#pacer.start(now);
    this.#dial();
  }
  #dial(): void {
    if (this.#stopping || this.#silent) return;
    const now = performance.now();
    this.#pacer.advance(now);
    while (this.#retries.length > 0 && this.#retries[0]!.at <= now) {
      const { tunnel, life, slot } = this.#retries.shift()!;
      if (life !== tunnel.life) continue;
      if (slot < 0) {
        if (tunnel.tunnelId === 0) this.#openTunnel(tunnel, now);
        continue;
      }
      tunnel.again.push(slot);
      if (tunnel.open) this.#ready.set(tunnel.tunnelId, tunnel);
    }
    for (const [tunnelId, tunnel] of this.#ready) {
      if (!this.#placeCalls(tunnel, now)) break;
      this.#ready.delete(tunnelId);
    }
    while (
      this.#planned < this.#plan.length &&
      this.#opening < this.#tunnelWindow &&
      this.#inSetup < this.#window &&
      this.#pacer.ready
    )
      this.#openTunnel(this.#plan[this.#planned++]!, now);
  }

  #openTunnel(tunnel: EmulatedTunnel, now: number): void {
    const { profile, number, group } = tunnel;
    const out: ControlAction[] = [];
    this.#openingGroup = group;
    const tunnelId = this.#endpoint.openTunnel(
      profile.server,
      {
        secret: profile.secret === null ? null : Buffer.from(profile.secret, 'utf8'),
        hideAvps: profile.hideAvps,
        hostName: profile.hostName.replace('%d', String(number)),
        helloIntervalMs: this.options.helloIntervalMs,
        retransmitCapMs: 8000,
        tunnelTimeoutMs: 60_000,
        receiveWindow: 64,
        maximumSendWindow: 64,
        maximumSessions: 0,
        tag: null,
      },
      now,
      out,
    );
    if (tunnelId === 0) {
      this.#fail('no Tunnel ID is free', tunnel.waiting);
      return;
    }
    this.#opening++;
    tunnel.tunnelId = tunnelId;
    this.#groupOf.set(tunnelId, group);
    this.#tunnels.set(tunnelId, tunnel);
    this.#perform(out);
    this.#settle();
  }

  /** @returns whether all calls of the tunnel are placed */
  #placeCalls(tunnel: EmulatedTunnel, now: number): boolean {
    const { profile, tunnelId } = tunnel;
    const out: ControlAction[] = [];
    while (tunnel.waiting > 0 && this.#inSetup < this.#window && this.#pacer.ready) {
      const slot = tunnel.take();
      const call = new EmulatedCall(tunnel, slot, now);
      if (profile.proxy != null) this.#clients.answer(call, profile.proxy, now);
      const sessionId = this.#endpoint.placeCall(
        tunnelId,
        {
          callSerialNumber: call.number,
          bearerType: 2,
          txConnectSpeed: 100_000_000,
          rxConnectSpeed: 100_000_000,
          framingType: 1,
          sequencingRequired: profile.sequencing,
          proxy: call.front?.avps ?? [],
        },
        now,
        out,
      );
      if (sessionId === 0) {
        this.#fail('no Session ID is free', 1);
        continue;
      }
      call.sessionId = sessionId;
      tunnel.calls.set(sessionId, call);
      this.#inSetup++;
      this.#pacer.take();
    }
    this.#perform(out);
    this.#settle();
    return tunnel.waiting === 0;
  }
  #fail(reason: string, count: number): void {
    this.#failed += count;
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + count);
    this.#checkPhase();
  }
  /** @param slot of the session; -1: the tunnel itself */
  #retry(tunnel: EmulatedTunnel, slot: number): void {
    const { retryMs = 0 } = this.options;
    if (retryMs > 0 && !this.#stopping && !this.#silent)
      this.#retries.push({ at: performance.now() + retryMs, tunnel, life: tunnel.life, slot });
  }

  // Control connection.

  #control(octets: Uint8Array, source: PeerAddress): void {
    if (this.#impairment === null) return this.#receive(octets, source);
    const copy = octets.slice();
    this.#impairment.pass(performance.now(), () => this.#receive(copy, source));
    this.#ticker.arm();
  }
  #receive(octets: Uint8Array, source: PeerAddress): void {
    if (this.#silent) return;
    this.heard = true;
    const out: ControlAction[] = [];
    this.#endpoint.receive(octets, source, performance.now(), out);
    this.#perform(out);
    this.#settle();
  }
  #settle(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      const out: ControlAction[] = [];
      this.#endpoint.flush(performance.now(), out);
      this.#perform(out);
      this.#dial();
      this.#ticker.arm();
    });
  }
  #transmit(group: number, octets: Uint8Array, to: PeerAddress): void {
    if (this.#sender !== null) {
      if (!this.#sender.send(this.#fds[group]!, octets, to))
        this.refused = this.#ffi!.error(`to ${to.address} port ${to.port}`).message;
    } else this.#sockets[group]?.send(octets, to.port, to.address);
  }

  #perform(out: readonly ControlAction[]): void {
    // The row is there before the ICCN goes out: the LNS's first PPP frame comes back to another thread within 0.1 ms.
    for (const action of out) {
      if (action.do !== 'tell' || action.event !== 'call-open') continue;
      this.#addRow(action);
      this.#beforeIccn.set(action.tunnelId * 65536 + action.peerSessionId, action.sessionId);
    }
    for (const action of out) {
      if (action.do === 'transmit') {
        // A tunnel that has closed goes on acknowledging, by its own port.
        const group = this.#groupOf.get(action.tunnelId) ?? this.#openingGroup;
        if (this.#impairment === null) this.#transmit(group, action.octets, action.to);
        else this.#impairment.pass(performance.now(), () => this.#transmit(group, action.octets, action.to));
        if (this.#beforeIccn.size > 0) this.#iccnSent(action.tunnelId, action.octets);
        continue;
      }
      switch (action.event) {
        case 'tunnel-open':
          this.#tunnelOpen(action.tunnel);
          break;
        case 'tunnel-closed':
          this.#tunnelClosed(action.tunnelId, action.opened, action.cause);
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
      sessionRuns: isSpread(info.peerTunnelId),
    });
    tunnel.open = true;
    this.#tunnelsUp++;
    this.#opening--;
    if (tunnel.waiting > 0) this.#ready.set(info.tunnelId, tunnel);
    this.#checkPhase();
    this.#settle();
  }
  #tunnelClosed(tunnelId: number, opened: boolean, cause: Cause): void {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined) return;
    tunnel.open = false;
    for (const sessionId of [...tunnel.calls.keys()]) this.#callClosed(tunnelId, sessionId, cause);
    if (tunnel.row !== 0) this.plane.tables.removeTunnel(tunnel.row);
    if (opened) this.#tunnelsUp--;
    else this.#opening--;
    this.#tunnels.delete(tunnelId);
    this.#ready.delete(tunnelId);
    const left = tunnel.waiting;
    tunnel.reset();
    if ((this.options.retryMs ?? 0) > 0) this.#retry(tunnel, -1);
    else tunnel.next = tunnel.profile.sessionsPerTunnel;
    if (!opened || left > 0) this.#fail(describe('StopCCN', cause), left);
    if (!this.#stopping) this.#log(`tunnel ${tunnel.number} closed: ${describe('StopCCN', cause)}`);
  }

  #addRow(action: { tunnelId: number; sessionId: number; peerSessionId: number }): void {
    const tunnel = this.#tunnels.get(action.tunnelId);
    const call = tunnel?.calls.get(action.sessionId);
    if (tunnel === undefined || call === undefined) return;
    call.row = this.plane.tables.addSession({
      tunnelRow: tunnel.row,
      localId: action.sessionId,
      peerId: action.peerSessionId,
      sequencing: tunnel.profile.sequencing,
    });
    if (call.row !== 0) this.#clients.add(call);
  }
  /**
   * The client speaks once the ICCN has gone out: an LNS drops what comes for a call that is not connected yet, and the ICCN may
   * have to wait for the window (RFC 2661 section 5.8).
   */
  #iccnSent(tunnelId: number, octets: Uint8Array): void {
    if (octets.length < ICCN_OCTETS_MIN || octets[18] !== 0 || octets[19] !== ICCN) return;
    const key = tunnelId * 65536 + octets[6]! * 256 + octets[7]!;
    const sessionId = this.#beforeIccn.get(key);
    if (sessionId === undefined) return;
    this.#beforeIccn.delete(key);
    this.#callOpen(tunnelId, sessionId);
  }
  #callOpen(tunnelId: number, sessionId: number): void {
    const call = this.#tunnels.get(tunnelId)?.calls.get(sessionId);
    if (call === undefined) return;
    if (call.row === 0) this.#end(call, 'the session table is full');
    else this.#clients.open(call, performance.now());
  }
  #end(call: EmulatedCall, message: string): void {
    const out: ControlAction[] = [];
    this.#endpoint.closeSession(
      call.tunnel.tunnelId,
      call.sessionId,
      { resultCode: 1, errorCode: 0, message },
      performance.now(),
      out,
    );
    this.#perform(out);
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
    this.#clients.remove(call, performance.now());
    if (tunnel.open) this.#retry(tunnel, call.slot);
    this.#checkPhase();
  }
  /** Ends one session with a CDN, as a LAC does whose client hangs up. */
  hangUp(call: EmulatedCall): void {
    this.#end(call, 'the client hung up');
  }

  // PPP.

  #frame(row: number, frame: Uint8Array): void {
    if (this.#impairment === null) return this.#clients.frame(row, frame, performance.now());
    const copy = frame.slice();
    const generation = this.plane.tables.sessionGeneration(row);
    this.#impairment.pass(performance.now(), () => {
      if (this.plane.tables.sessionGeneration(row) === generation) this.#clients.frame(row, copy, performance.now());
    });
    this.#ticker.arm();
  }
  #sendFrame(row: number, frame: Uint8Array, priority: boolean): void {
    if (this.#impairment === null) {
      this.plane.inject(row, frame, priority);
      return;
    }
    const generation = this.plane.tables.sessionGeneration(row);
    this.#impairment.pass(performance.now(), () => {
      if (this.plane.tables.sessionGeneration(row) === generation) this.plane.inject(row, frame, priority);
    });
  }
  #isUp(call: EmulatedCall): void {
    if (call.up) return;
    const now = performance.now();
    call.up = true;
    this.#up++;
    if (!call.settled) {
      call.settled = true;
      this.#inSetup--;
      this.setupTimes.push(now - call.startedAt);
      this.setupMs = now - this.#dialledAt;
    }
    this.#checkPhase();
    this.#settle();
  }

  /** An address is there, with the row that carries it, or is gone: null. */
  #network(address: number, mtu: number, row: number | null): void {
    if (this.device === null) return;
    try {
      if (row !== null) this.device.up(address, mtu, this.plane.tables.ownerShard(row));
      else this.device.down(address, mtu);
    } catch (error) {
      this.#log(`${this.device.name}: ${(error as Error).message}`);
    }
  }

  // Time.

  #nextDeadline(): number {
    if (this.#silent) return Number.POSITIVE_INFINITY;
    return Math.min(
      this.#endpoint.deadline(),
      this.#clients.deadline(),
      this.#impairment?.deadline() ?? Number.POSITIVE_INFINITY,
    );
  }
  #tick(now: number): void {
    if (this.#silent) return;
    this.#impairment?.handleTimeout(now);
    const out: ControlAction[] = [];
    this.#endpoint.handleTimeout(now, out);
    this.#perform(out);
    this.#clients.handleTimeout(now);
    this.#settle();
  }

  /** All that was wanted is up, or nothing more will come of it. */
  get #phaseOver(): boolean {
    const { retryMs = 0 } = this.options;
    if (this.#stopping) return true;
    if (this.wanted === 0) return this.#tunnelsUp >= this.#plan.length;
    return retryMs > 0 ? this.#up >= this.wanted : this.#up + this.#failed + this.#lost >= this.wanted;
  }
  #checkPhase(): void {
    if (this.#phaseEnded.length === 0 || !this.#phaseOver) return;
    for (const resolve of this.#phaseEnded.splice(0)) resolve();
  }
  /** Waits until every wanted session is up or has failed for good, or `timeoutMs` are over. */
  async settled(timeoutMs: number): Promise<LacStatus> {
    if (!this.#phaseOver) {
      const ended = new Promise<void>((resolve) => {
        this.#phaseEnded.push(resolve);
      });
      let timer: NodeJS.Timeout | null = null;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([ended, late]);
      clearTimeout(timer!);
    }
    return this.status;
  }

  /**
   * Every LAC loses its power: no StopCCN, no CDN, and whatever the LNS still sends finds nobody. The sockets stay, so
   * that the next life comes from the same addresses and ports.
   */
  fallSilent(): void {
    this.#silent = true;
    this.#retries.length = 0;
    this.#ready.clear();
    const now = performance.now();
    for (const tunnel of this.#plan) {
      for (const call of tunnel.calls.values()) this.#clients.remove(call, now);
      if (tunnel.row !== 0) this.plane.tables.removeTunnel(tunnel.row);
      tunnel.reset();
    }
    if (this.#ids.inUse + this.#plan.length > IDS_KEPT) this.#ids = new TunnelIdPool(this.#random, this.options.shards);
    this.#endpoint = this.#newEndpoint();
    this.#tunnels.clear();
    this.#groupOf.clear();
    this.#up = this.#tunnelsUp = this.#opening = this.#inSetup = 0;
    this.#sample();
  }
  /** The power is back: all dial at once. @param window sessions and tunnels in set-up at once */
  redial(window: number, tunnelWindow: number): void {
    this.#silent = false;
    this.#window = window;
    this.#tunnelWindow = tunnelWindow;
    this.#begin();
  }
  /** Milliseconds since the emulator began to dial first. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  setTraffic(packetsPerSecond: number): void {
    this.plane.setTrafficRate(packetsPerSecond);
  }
  get traffic(): LacTraffic {
    const { traffic, tables } = this.plane;
    const histogram = traffic.histogram();
    return {
      ...traffic.total(tables.sessionsHighest),
      p50: quantile(histogram, 0.5),
      p99: quantile(histogram, 0.99),
      p999: quantile(histogram, 0.999),
      max: quantile(histogram, 1),
    };
  }
  /** Counts begin anew. Only while no traffic is sent or under way. */
  resetTraffic(): void {
    this.plane.traffic.reset(this.plane.tables.sessionsHighest);
  }
  /** Traffic of a session, or of its bundle. */
  trafficOf(call: EmulatedCall): SessionTraffic {
    return this.plane.traffic.session(call.bundle?.networkRow ?? call.row);
  }
  counters(): ShardCounters[] {
    return Array.from({ length: this.plane.shards }, (_, shard) => this.plane.counters(shard));
  }

  /** Closes every tunnel with a StopCCN, and everything else. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#checkPhase();
    if (this.#pacing !== null) clearInterval(this.#pacing);
    if (this.#sampling !== null) clearInterval(this.#sampling);
    this.plane.setTrafficRate(0);
    const now = performance.now();
    const out: ControlAction[] = [];
    this.#endpoint.shutdown({ resultCode: 6, errorCode: 0, message: 'end of the run' }, now, out);
    this.#perform(out);
    this.#settle();
    const deadline = now + SHUTDOWN_MS;
    while (performance.now() < deadline && !this.#endpoint.settled)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setImmediate(resolve));
    this.#ticker.stop();
    await this.plane.close();
    this.device?.close();
    for (const fd of this.#fds) this.#ffi!.close(fd);
    for (const socket of this.#sockets) socket.close();
  }
}

const describe = (what: string, cause: Cause): string =>
  `${cause.byPeer ? what : 'closed here'} ${cause.resultCode}${cause.errorCode === 0 ? '' : `/${cause.errorCode}`} ${cause.message}`.trim();
const swap32 = (value: number): number =>
  (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
