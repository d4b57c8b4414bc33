import type dgram from 'node:dgram';
import { hostname } from 'node:os';
import { AddressPool } from '../config/pool.ts';
import { NO_ATTRIBUTES, overlay } from '../config/resolve.ts';
import type { LnsConfig, ServiceUnit, TunnelClient, TunnelGroup, UserClient, UserProfile } from '../config/types.ts';
import { Deadlines, type Timed } from '../control/deadlines.ts';
import { ControlEndpoint } from '../control/endpoint.ts';
import type { CallConnected, CallRequest, Cause, ControlAction, TunnelInfo, TunnelPolicy } from '../control/types.ts';
import { WasmCrypto } from '../dataplane/crypto.ts';
import { ConfigError } from '../errors.ts';
import * as layout from '../generated/layout.ts';
import { type Ffi, openFfi } from '../io/ffi.ts';
import type { Prefix } from '../io/netlink.ts';
import { Ticker } from '../io/ticker.ts';
import { Tun } from '../io/tun.ts';
import { adoptSocket, DatagramSender, openDgram, openSocketGroup } from '../io/udp.ts';
import { PppSession } from '../ppp/session.ts';
import type { AuthMethod, LcpResult, PppAction, PppEnd } from '../ppp/types.ts';
import { decodeSockaddr, encodeSockaddr, formatIpv4, type PeerAddress, parseIpv4 } from '../wire/address.ts';
import { octets32 } from '../wire/ppp.ts';
import { type RandomSource, SystemRandom } from '../wire/random.ts';
import { TunnelIdPool } from './ids.ts';
import type { Log } from './log.ts';
import { Plane } from './plane.ts';

export type NetBackEnd = 'tun' | 'embedded' | 'none';

export interface LnsOptions {
  readonly net: NetBackEnd;
  /** Name of the TUN device. */
  readonly tun: string;
  readonly shards: number;
  /** UDP port of every gateway; 0 takes a free one each. */
  readonly port: number;
  readonly log: Log;
  readonly tunnels?: number;
  readonly sessions?: number;
  /** The portable access side even where system calls are to be had. */
  readonly portable?: boolean;
}

/** Bounds on tunnels that have not proved themselves. */
const HALF_OPEN_MAX = 8192;
const HALF_OPEN_PER_SOURCE_MAX = 2048;
/** MTU of the TUN device, and the largest frame that we offer to take. */
const MTU = 1500;
const FIRMWARE_REVISION = 0x0100;
const VENDOR_NAME = 'wasm-lns';
/** PPP frames that may wait for the ICCN of their call. */
const EARLY_FRAMES_MAX = 4;
/** StopCCNs not acknowledged after this long are given up at the end. */
const SHUTDOWN_MS = 3000;

interface Gateway {
  readonly config: TunnelGroup;
  readonly index: number;
  readonly endpoint: ControlEndpoint;
  port: number;
  socket: dgram.Socket | null;
  /** Descriptor of the control socket, -1 with the portable access side. */
  fd: number;
  shardFds: readonly number[];
}

/** A tunnel that is open. */
export interface LnsTunnel {
  readonly info: TunnelInfo;
  readonly gateway: TunnelGroup;
  readonly row: number;
  readonly client: TunnelClient;
  readonly openedAt: number;
  readonly openedDate: Date;
  readonly calls: Map<number, Call>;
  controlTxPackets: number;
  controlTxOctets: number;
  controlRxPackets: number;
  controlRxOctets: number;
}

/** A call: one PPP session in a tunnel. */
export class Call implements Timed {
  scheduledAt = Number.POSITIVE_INFINITY;
  ppp: PppSession | null = null;
  lcp: LcpResult | null = null;
  row = 0;
  connected: CallConnected | null = null;
  userName = '';
  method: AuthMethod | null = null;
  /** Assigned address, and the pool that gave it. */
  address = 0;
  localAddress = 0;
  pool: AddressPool | null = null;
  unit: ServiceUnit | null = null;
  up = false;
  /** Frames that came before the ICCN. */
  early: Uint8Array[] = [];
  /** Epoch of the last time that its row went down: it may go up again once all shards have passed. */
  downEpoch: number | null = null;
  readonly gateway: Gateway;
  readonly tunnel: LnsTunnel;
  readonly sessionId: number;
  readonly peerSessionId: number;
  readonly request: CallRequest;
  readonly createdAt: number;
  readonly createdDate = new Date();
  upAt = 0;
  lastReason = '';

  constructor(
    gateway: Gateway,
    tunnel: LnsTunnel,
    sessionId: number,
    peerSessionId: number,
    request: CallRequest,
    now: number,
  ) {
    this.gateway = gateway;
    this.tunnel = tunnel;
    this.sessionId = sessionId;
    this.peerSessionId = peerSessionId;
    this.request = request;
    this.createdAt = now;
  }
  deadline(): number {
    return this.ppp?.deadline() ?? Number.POSITIVE_INFINITY;
  }
}

/** What CDN says of the end of a PPP session (RFC 2661 section 4.4.2). */
const CDN_RESULT: Record<PppEnd, number> = {
  'authentication-failed': 3,
  'authentication-refused': 3,
  'authentication-timeout': 3,
  'peer-terminated': 1,
  'peer-rejected': 1,
  timeout: 10,
  loop: 11,
  'no-address': 4,
  'network-failed': 11,
  administrative: 3,
  'lower-down': 1,
};

/** The L2TP network server: drives the control plane, PPP and the data plane, and performs what they ask for. */
export class Lns {
  readonly config: LnsConfig;
  readonly options: LnsOptions;
  readonly startedAt = new Date();
  plane!: Plane;
  /** Gateway addresses and the ports they listen on. */
  readonly listening: PeerAddress[] = [];
  /** Control messages without effect, by reason. */
  readonly discards = new Map<string, number>();
  /** What the kernel granted the sockets, in octets; 0 with the portable access side. */
  receiveBufferOctets = 0;
  readonly #random: RandomSource = new SystemRandom();
  readonly #crypto = new WasmCrypto();
  readonly #md5 = (...parts: Uint8Array[]): Uint8Array => this.#crypto.md5(...parts);
  /** Control messages of all tunnels since the start. */
  readonly controlTotals = { txPackets: 0, txOctets: 0, rxPackets: 0, rxOctets: 0 };
  readonly #ids: TunnelIdPool;
  readonly #ffi: Ffi | null;
  readonly #sender: DatagramSender | null;
  readonly #gateways: Gateway[] = [];
  readonly #tunnels = new Map<number, LnsTunnel>();
  /** By session row. */
  readonly #calls: (Call | undefined)[] = [];
  /** PPP time-outs. */
  readonly #deadlines = new Deadlines<Call>();
  readonly #pools = new Map<string, AddressPool>();
  #tun: Tun | null = null;
  readonly #ticker = new Ticker(
    () => this.#nextDeadline(),
    (now) => this.#tick(now),
  );
  #flushScheduled = false;
  /** Sessions that carry or back each address outside the pools, for its route. */
  readonly #hostRoutes = new Map<number, number>();
  #routeChanges = new Map<number, boolean>();
  readonly #dedicated = new Map<ServiceUnit, Call>();
  #stopping = false;

  constructor(config: LnsConfig, options: LnsOptions) {
    if (config.tunnelGroups.length === 0)
      throw new ConfigError('the configuration has no tunnel group at [edit services l2tp]');
    this.config = config;
    this.options = options;
    this.#ids = new TunnelIdPool(this.#random, options.shards);
    this.#ffi = options.portable === true ? null : openFfi();
    this.#sender = this.#ffi === null ? null : new DatagramSender(this.#ffi);
    const reserved = new Set<number>();
    for (const group of config.tunnelGroups)
      for (const profile of [
        group.userProfile,
        ...[...group.tunnelProfile.clients.values()].map((one) => one.pppProfile),
      ])
        for (const user of profile?.clients.values() ?? [])
          if (user.framedAddress !== null) reserved.add(user.framedAddress);
    for (const group of config.tunnelGroups)
      for (const unit of group.units) if (unit.address !== null) reserved.add(unit.address);
    for (const pool of config.pools.values()) this.#pools.set(pool.name, new AddressPool(pool, reserved));
  }

  /** Opens sockets and device, starts the shards. @throws LnsError with what went wrong; nothing is left open then */
  async start(): Promise<void> {
    const { shards, net, log } = this.options;
    try {
      if (net === 'tun' && this.#ffi === null)
        throw new ConfigError('--net tun needs Linux and the koffi module; --net embedded works everywhere');
      for (const [index, group] of this.config.tunnelGroups.entries()) this.#gateways.push(this.#gateway(group, index));
      if (this.#ffi !== null) this.#openSteered(this.#ffi);
      if (net === 'tun') this.#openTun(this.#ffi!);
      this.plane = await Plane.open({
        tunnels: this.options.tunnels ?? 65535,
        sessions: this.options.sessions ?? 262_143,
        shards,
        ffi: this.#ffi,
        sockets: Array.from({ length: this.#ffi === null ? 0 : shards }, (_, shard) => ({
          fds: this.#gateways.map((gateway) => gateway.shardFds[shard]!),
          listens: this.#gateways.map((gateway) => gateway.index),
        })),
        core: net,
        tun: this.#tun?.fds ?? [],
        traffic: null,
        segmentation: this.#ffi !== null,
        events: {
          frame: (row, frame) => this.#frame(row, frame),
          control: (octets, sockaddr, group) => this.#control(this.#gateways[group]!, octets, decodeSockaddr(sockaddr)),
          datagram: (octets, sockaddr, group) => {
            const to = decodeSockaddr(sockaddr);
            this.#gateways[group]!.socket?.send(octets, to.port, to.address);
          },
          drained: () => this.#settle(),
          failed: (shard, reason) =>
            log('error', 'shard-failed', { shard, reason: (reason as Error | undefined)?.message ?? String(reason) }),
        },
      });
      for (const gateway of this.#gateways) await this.#listen(gateway);
    } catch (error) {
      await this.#release();
      throw error;
    }
    for (const { address, port } of this.listening) log('info', 'listening', { address, port });
    log('notice', 'ready', {
      gateways: this.#gateways.length,
      shards,
      net,
      device: this.#tun?.name,
      access: this.#ffi === null ? 'dgram' : 'ffi',
      socketBuffer: this.receiveBufferOctets || undefined,
    });
  }

  #gateway(config: TunnelGroup, index: number): Gateway {
    const endpoint = new ControlEndpoint({
      hostName: config.gatewayName ?? this.config.hostName ?? hostname(),
      vendorName: VENDOR_NAME,
      firmwareRevision: FIRMWARE_REVISION,
      crypto: this.#crypto,
      random: this.#random,
      ids: this.#ids,
      limits: { halfOpen: HALF_OPEN_MAX, halfOpenPerSource: HALF_OPEN_PER_SOURCE_MAX },
      authorize: ({ hostName }) => {
        const client = config.tunnelProfile.clients.get(hostName) ?? config.tunnelProfile.clients.get('*');
        if (client === undefined)
          return { refuse: true, resultCode: 4, errorCode: 0, message: 'this LAC is not known here' };
        return policyOf(config, client);
      },
      lastHeard: (tunnelId) => {
        const tunnel = this.#tunnels.get(tunnelId);
        return tunnel === undefined ? 0 : this.plane.tables.tunnelLastHeard(tunnel.row);
      },
    });
    return { config, index, endpoint, port: this.options.port, socket: null, fd: -1, shardFds: [] };
  }

  #openSteered(ffi: Ffi): void {
    for (const gateway of this.#gateways) {
      const address = { address: gateway.config.localGateway, port: this.options.port };
      const group = openSocketGroup(ffi, address, this.options.shards);
      gateway.port = group.port;
      gateway.fd = group.fds[0]!;
      gateway.shardFds = group.fds.slice(1);
      this.receiveBufferOctets = group.receiveBufferOctets;
    }
  }

  async #listen(gateway: Gateway): Promise<void> {
    const { localGateway } = gateway.config;
    const socket =
      gateway.fd >= 0
        ? await adoptSocket(gateway.fd, localGateway)
        : await openDgram({ address: localGateway, port: this.options.port });
    gateway.socket = socket;
    gateway.port = socket.address().port;
    const padded = new Uint8Array(layout.SOCKADDR_SIZE);
    socket.on('message', (octets, from) => {
      // The portable access side has one socket for everything: data goes on to its shard.
      if (gateway.fd < 0 && octets.length >= 6 && (octets[0]! & 0x80) === 0) {
        const at = (octets[0]! & 0x40) !== 0 ? 4 : 2;
        padded.fill(0);
        padded.set(encodeSockaddr(from));
        this.plane.deal(((octets[at]! << 8) | octets[at + 1]!) % this.options.shards, octets, padded, gateway.index);
      } else this.#guarded(() => this.#control(gateway, octets, { address: from.address, port: from.port }));
    });
    socket.on('error', (error) => this.options.log('error', 'socket', { reason: error.message }));
    this.listening.push({ address: localGateway, port: gateway.port });
  }

  #openTun(ffi: Ffi): void {
    const own = new Set<number>();
    for (const group of this.config.tunnelGroups)
      for (const unit of group.units) if (unit.address !== null) own.add(unit.address);
    this.#tun = Tun.open(ffi, {
      name: this.options.tun,
      queues: this.options.shards,
      mtu: MTU,
      addresses: [...own].map(formatIpv4),
    });
    const routes: Prefix[] = [];
    for (const pool of this.config.pools.values())
      for (const prefix of pool.prefixes) routes.push({ address: formatIpv4(prefix.address), length: prefix.length });
    this.#tun.addRoutes(routes);
  }

  /** A fault of ours in one message must not take every other session with it: it is logged whole. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.options.log('error', 'internal', { reason: (error as Error).stack ?? String(error) });
    }
  }

  // Control connections.

  #now(): number {
    return performance.now();
  }

  #control(gateway: Gateway, octets: Uint8Array, source: PeerAddress): void {
    if (this.#stopping && gateway.socket === null) return;
    const out: ControlAction[] = [];
    gateway.endpoint.receive(octets, source, this.#now(), out);
    this.controlTotals.rxPackets++;
    this.controlTotals.rxOctets += octets.length;
    if (octets.length >= 6) {
      const tunnel = this.#tunnels.get((octets[4]! << 8) | octets[5]!);
      if (tunnel !== undefined) {
        tunnel.controlRxPackets++;
        tunnel.controlRxOctets += octets.length;
      }
    }
    this.#perform(gateway, out);
    this.#settle();
  }

  /** After a batch of inputs: acknowledgements that nothing carried, and the timer. */
  #settle(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      const now = this.#now();
      for (const gateway of this.#gateways) {
        const out: ControlAction[] = [];
        gateway.endpoint.flush(now, out);
        this.#perform(gateway, out);
      }
      this.#ticker.arm();
    });
  }

  #perform(gateway: Gateway, out: readonly ControlAction[]): void {
    for (const action of out) {
      if (action.do === 'transmit') {
        const tunnel = this.#tunnels.get(action.tunnelId);
        this.controlTotals.txPackets++;
        this.controlTotals.txOctets += action.octets.length;
        if (tunnel !== undefined) {
          tunnel.controlTxPackets++;
          tunnel.controlTxOctets += action.octets.length;
        }
        if (gateway.fd >= 0) this.#sender!.send(gateway.fd, action.octets, action.to);
        else gateway.socket?.send(action.octets, action.to.port, action.to.address);
        continue;
      }
      switch (action.event) {
        case 'tunnel-open':
          this.#tunnelOpen(gateway, action.tunnel);
          break;
        case 'tunnel-closed':
          this.#tunnelClosed(action.tunnelId, action.opened, action.cause);
          break;
        case 'call-request':
          this.#callRequest(gateway, action.tunnelId, action.sessionId, action.peerSessionId, action.call);
          break;
        case 'call-open':
          this.#callOpen(action.tunnelId, action.sessionId, action.connected);
          break;
        case 'call-closed':
          this.#callClosed(action.tunnelId, action.sessionId, action.cause);
          break;
        case 'wan-error':
          this.options.log('info', 'wan-error', {
            tunnel: action.tunnelId,
            session: action.sessionId,
            errors: action.errors.join(','),
          });
          break;
        case 'link-info':
          break;
        case 'discarded':
          this.discards.set(action.reason, (this.discards.get(action.reason) ?? 0) + 1);
          break;
      }
    }
  }

  #tunnelOpen(gateway: Gateway, info: TunnelInfo): void {
    const now = this.#now();
    const row = this.plane.tables.addTunnel({
      localId: info.tunnelId,
      peerId: info.peerTunnelId,
      role: 'lns',
      peer: encodeSockaddr(info.peer),
      socketGroup: gateway.index,
      routingInstance: 0,
      ownerShard: info.tunnelId % this.options.shards,
    });
    if (row === 0) {
      this.#close(gateway, (out) =>
        gateway.endpoint.closeTunnel(
          info.tunnelId,
          { resultCode: 2, errorCode: 4, message: 'the tunnel table is full' },
          now,
          out,
        ),
      );
      return;
    }
    this.#tunnels.set(info.tunnelId, {
      info,
      gateway: gateway.config,
      row,
      client: info.policy.tag as TunnelClient,
      openedAt: now,
      openedDate: new Date(),
      calls: new Map(),
      controlTxPackets: 0,
      controlTxOctets: 0,
      controlRxPackets: 0,
      controlRxOctets: 0,
    });
    this.options.log('info', 'tunnel-up', {
      group: gateway.config.name,
      tunnel: info.tunnelId,
      peerTunnel: info.peerTunnelId,
      peer: `${info.peer.address}:${info.peer.port}`,
      name: info.hostName,
    });
  }

  #tunnelClosed(tunnelId: number, opened: boolean, cause: Cause): void {
    const tunnel = this.#tunnels.get(tunnelId);
    this.options.log(opened ? 'info' : 'warning', opened ? 'tunnel-down' : 'tunnel-refused', {
      tunnel: tunnelId,
      name: tunnel?.info.hostName,
      result: cause.resultCode,
      error: cause.errorCode || undefined,
      by: cause.byPeer ? 'peer' : 'us',
      reason: cause.message,
    });
    if (tunnel === undefined) return;
    for (const sessionId of [...tunnel.calls.keys()]) this.#callClosed(tunnelId, sessionId, cause);
    this.plane.tables.removeTunnel(tunnel.row);
    this.#tunnels.delete(tunnelId);
  }

  /** Has an endpoint do something, and performs what comes of it. */
  #close(gateway: Gateway, act: (out: ControlAction[]) => void): void {
    const out: ControlAction[] = [];
    act(out);
    this.#perform(gateway, out);
    this.#settle();
  }

  // Calls.

  #callRequest(
    gateway: Gateway,
    tunnelId: number,
    sessionId: number,
    peerSessionId: number,
    request: CallRequest,
  ): void {
    const now = this.#now();
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined) return;
    // The row is there before the ICCN: data messages and control messages come by different sockets, and the LAC's
    // first PPP frames may well overtake it.
    const row = this.plane.tables.addSession({
      tunnelRow: tunnel.row,
      localId: sessionId,
      peerId: peerSessionId,
      sequencing: false,
    });
    if (row === 0) {
      const fault = { resultCode: 4, errorCode: 4, message: 'the session table is full' };
      this.#close(gateway, (out) => gateway.endpoint.rejectCall(tunnelId, sessionId, fault, now, out));
      return;
    }
    const call = new Call(gateway, tunnel, sessionId, peerSessionId, request, now);
    call.row = row;
    this.#calls[row] = call;
    tunnel.calls.set(sessionId, call);
    this.#close(gateway, (out) => gateway.endpoint.answerCall(tunnelId, sessionId, now, out));
  }

  #callOpen(tunnelId: number, sessionId: number, connected: CallConnected): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const call = tunnel?.calls.get(sessionId);
    if (tunnel === undefined || call === undefined) return;
    const now = this.#now();
    call.connected = connected;
    if (connected.sequencingRequired) this.plane.tables.requireSequencing(call.row);
    call.ppp = new PppSession({
      role: 'server',
      random: this.#random,
      md5: this.#md5,
      mru: MTU,
      // `none` first: nobody is asked. Behind another method it is for users whom that one does not know.
      authentication: this.#profileOf(call).authenticationOrder[0] === 'none' ? [] : [tunnel.client.pppAuthentication],
      name: tunnel.gateway.gatewayName ?? this.config.hostName ?? hostname(),
      compression: true,
    });
    const out: PppAction[] = [];
    call.ppp.open(now, out);
    for (const frame of call.early) call.ppp.receive(frame, now, out);
    call.early = [];
    this.#performPpp(call, out);
  }

  #profileOf(call: Call): UserProfile {
    return call.tunnel.client.pppProfile ?? call.gateway.config.userProfile;
  }

  #callClosed(tunnelId: number, sessionId: number, cause: Cause): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const call = tunnel?.calls.get(sessionId);
    if (tunnel === undefined || call === undefined) return;
    tunnel.calls.delete(sessionId);
    const wasUp = call.up;
    this.#networkDown(call);
    if (call.row !== 0) {
      this.plane.tables.removeSession(call.row, this.#now());
      this.#calls[call.row] = undefined;
      call.row = 0;
    }
    call.ppp = null;
    call.early = [];
    this.#releaseAddress(call);
    if (call.unit !== null && this.#dedicated.get(call.unit) === call) this.#dedicated.delete(call.unit);
    this.options.log('info', wasUp ? 'session-down' : 'session-failed', {
      tunnel: tunnelId,
      session: sessionId,
      user: call.userName,
      address: call.address === 0 ? undefined : formatIpv4(call.address),
      result: cause.resultCode,
      error: cause.errorCode || undefined,
      by: cause.byPeer ? 'peer' : 'us',
      reason: call.lastReason || cause.message,
    });
  }

  #disconnect(call: Call, resultCode: number, errorCode: number, message: string): void {
    const { endpoint } = call.gateway;
    this.#close(call.gateway, (out) =>
      endpoint.closeSession(
        call.tunnel.info.tunnelId,
        call.sessionId,
        { resultCode, errorCode, message },
        this.#now(),
        out,
      ),
    );
  }

  // PPP.

  #frame(row: number, frame: Uint8Array): void {
    const call = this.#calls[row];
    if (call === undefined) return;
    if (call.ppp === null) {
      if (call.connected === null && call.early.length < EARLY_FRAMES_MAX) call.early.push(frame);
      return;
    }
    const out: PppAction[] = [];
    call.ppp.receive(frame, this.#now(), out);
    this.#performPpp(call, out);
  }

  /** Performs actions in order; those that answers add come behind. */
  #performPpp(call: Call, out: PppAction[]): void {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      switch (action.do) {
        case 'send':
          if (call.row !== 0) this.plane.inject(call.row, action.frame, action.priority);
          break;
        case 'authenticate': {
          const passed = this.#checkUser(call, action);
          call.ppp?.authenticationResult(passed, this.#now(), out);
          break;
        }
        case 'request-address':
          this.#requestAddress(call, out);
          break;
        case 'tell':
          this.#tellPpp(call, action);
          break;
      }
    }
    this.#deadlines.update(call);
  }

  #checkUser(call: Call, request: Extract<PppAction, { do: 'authenticate' }>): boolean {
    const { clients, authenticationOrder } = this.#profileOf(call);
    const user = clients.get(request.name);
    if (user === undefined && authenticationOrder.includes('none')) return true;
    const secret = request.method === 'pap' ? user?.papPassword : user?.chapSecret;
    // The same work is done for an unknown user as for a known one.
    const passed = request.verify(Buffer.from(secret ?? '\0', 'utf8')) && secret !== undefined && secret !== null;
    if (!passed) {
      call.lastReason = user === undefined ? 'unknown user' : 'wrong password';
      this.options.log('warning', 'authentication-failed', {
        tunnel: call.tunnel.info.tunnelId,
        session: call.sessionId,
        user: request.name,
        method: request.method,
        reason: call.lastReason,
      });
    }
    return passed;
  }

  #requestAddress(call: Call, out: PppAction[]): void {
    const { ppp, gateway, tunnel } = call;
    if (ppp === null) return;
    const now = this.#now();
    const user: UserClient | undefined = this.#profileOf(call).clients.get(call.userName);
    const attributes = overlay(user?.ppp ?? NO_ATTRIBUTES, tunnel.client.userDefaults);
    this.#releaseAddress(call);
    const interfaceId = attributes.interfaceId ?? tunnel.client.interfaceId;
    if (call.unit === null) {
      const unit = this.#pickUnit(gateway.config, interfaceId, call);
      if (unit === undefined) {
        call.lastReason = `no unit of ${gateway.config.serviceInterface} is free for interface-id ${interfaceId}`;
        ppp.close('administrative', call.lastReason, now, out);
        return;
      }
      call.unit = unit;
    }
    let address = user?.framedAddress ?? null;
    if (address === null && attributes.framedPool !== null) {
      const pool = this.#pools.get(attributes.framedPool)!;
      address = pool.allocate();
      if (address !== null) call.pool = pool;
      else this.options.log('warning', 'pool-exhausted', { pool: pool.config.name, user: call.userName });
    }
    call.address = address ?? 0;
    const own =
      call.unit?.address ??
      gateway.config.units.find((unit) => unit.unit === 0)?.address ??
      parseIpv4(gateway.config.localGateway)!;
    call.localAddress = own;
    if (address === null)
      call.lastReason = attributes.framedPool === null ? 'no address for the user' : 'pool exhausted';
    ppp.addressAssigned(
      address === null
        ? null
        : {
            address,
            localAddress: own,
            primaryDns: attributes.primaryDns ?? 0,
            secondaryDns: attributes.secondaryDns ?? 0,
            primaryNbns: attributes.primaryNbns ?? 0,
            secondaryNbns: attributes.secondaryNbns ?? 0,
          },
      now,
      out,
    );
  }

  /** @returns the session's unit, null where none is asked for, undefined where none is free */
  #pickUnit(group: TunnelGroup, interfaceId: string | null, call: Call): ServiceUnit | null | undefined {
    if (interfaceId === null) return null;
    const units = group.units.filter((unit) => unit.dialOptions?.interfaceId === interfaceId);
    const free = units
      .filter((unit) => unit.dialOptions!.mode === 'dedicated' && !this.#dedicated.has(unit))
      .sort((a, b) => a.unit - b.unit)[0];
    if (free !== undefined) {
      this.#dedicated.set(free, call);
      return free;
    }
    return units.find((unit) => unit.dialOptions!.mode === 'shared');
  }

  #releaseAddress(call: Call): void {
    call.pool?.release(call.address);
    call.pool = null;
  }

  #tellPpp(call: Call, action: Extract<PppAction, { do: 'tell' }>): void {
    const { tables } = this.plane;
    switch (action.event) {
      case 'lcp-open':
        call.lcp = action.lcp;
        if (call.row !== 0) tables.setEcho(call.row, action.lcp.localMagic);
        // Section 6.15: the LAC learns the ACCM that was negotiated over its head.
        if (action.lcp.peerAccm !== null)
          this.#close(call.gateway, (out) =>
            call.gateway.endpoint.sendLinkInfo(
              call.tunnel.info.tunnelId,
              call.sessionId,
              action.lcp.peerAccm!,
              0xffffffff,
              this.#now(),
              out,
            ),
          );
        break;
      case 'lcp-down':
        if (call.row !== 0) tables.setEcho(call.row, null);
        this.#networkDown(call);
        this.#releaseAddress(call);
        break;
      case 'authenticated':
        call.userName = action.name;
        call.method = action.method;
        break;
      case 'network-open':
        this.#networkUp(call);
        break;
      case 'network-down':
        this.#networkDown(call);
        break;
      case 'finished':
        if (call.lastReason === '') call.lastReason = action.message || action.reason;
        this.#disconnect(call, CDN_RESULT[action.reason], 0, call.lastReason);
        break;
    }
  }

  #networkUp(call: Call): void {
    const { tables } = this.plane;
    if (call.row === 0 || call.lcp === null) return;
    if (call.downEpoch !== null && !tables.shardsPassed(call.downEpoch)) {
      // A shard may still read what the row held before.
      setTimeout(() => {
        if (call.row !== 0 && call.ppp?.ipcp?.state === 'Opened' && !call.up) this.#networkUp(call);
      }, 2);
      return;
    }
    const now = this.#now();
    const address = new Uint8Array(16);
    address[10] = address[11] = 255;
    address.set(octets32(call.address), 12);
    const ok = tables.sessionUp(
      call.row,
      {
        address,
        localAddress: octets32(call.localAddress),
        peerMru: call.lcp.peerMru,
        acfc: call.lcp.peerAcfc,
        pfc: call.lcp.peerPfc,
      },
      now,
    );
    if (!ok) {
      this.#disconnect(call, 4, 4, 'the address table is full');
      return;
    }
    call.up = true;
    call.upAt = now;
    this.#route(call.address, 1);
    this.options.log('info', 'session-up', {
      tunnel: call.tunnel.info.tunnelId,
      session: call.sessionId,
      user: call.userName,
      method: call.method,
      address: formatIpv4(call.address),
      unit: call.unit === null ? undefined : call.unit.unit,
    });
  }

  #networkDown(call: Call): void {
    if (!call.up) return;
    call.up = false;
    const { tables } = this.plane;
    const carrier = tables.sessionDown(call.row, this.#now());
    call.downEpoch = tables.epoch;
    this.#route(call.address, -1);
    const next = carrier === 0 ? undefined : this.#calls[carrier];
    if (next !== undefined && next !== call)
      this.options.log('notice', 'carrier', {
        address: formatIpv4(call.address),
        tunnel: next.tunnel.info.tunnelId,
        session: next.sessionId,
      });
  }

  // Routes of addresses that no pool's route covers, changed in batches.

  #route(address: number, change: 1 | -1): void {
    if (this.#tun === null) return;
    for (const pool of this.config.pools.values())
      for (const prefix of pool.prefixes) {
        const size = 2 ** (32 - prefix.length);
        if (address >= prefix.address && address < prefix.address + size) return;
      }
    const before = this.#hostRoutes.get(address) ?? 0;
    const after = before + change;
    if (after === 0) this.#hostRoutes.delete(address);
    else this.#hostRoutes.set(address, after);
    if ((before === 0) === (after === 0)) return;
    if (this.#routeChanges.size === 0) setTimeout(() => this.#changeRoutes(), 5);
    this.#routeChanges.set(address, after > 0);
  }
  #changeRoutes(): void {
    const changes = [...this.#routeChanges];
    this.#routeChanges = new Map();
    if (this.#tun === null) return;
    const host = ([address]: readonly [number, boolean]): Prefix => ({ address: formatIpv4(address), length: 32 });
    try {
      this.#tun.deleteRoutes(changes.filter(([, add]) => !add).map(host));
      this.#tun.addRoutes(changes.filter(([, add]) => add).map(host));
    } catch (error) {
      this.options.log('error', 'route', { reason: (error as Error).message });
    }
  }

  // Time.

  #nextDeadline(): number {
    let next = this.#deadlines.next();
    for (const gateway of this.#gateways) next = Math.min(next, gateway.endpoint.deadline());
    return next;
  }
  #tick(now: number): void {
    for (const gateway of this.#gateways) {
      const out: ControlAction[] = [];
      gateway.endpoint.handleTimeout(now, out);
      this.#perform(gateway, out);
    }
    for (let call = this.#deadlines.take(now); call !== null; call = this.#deadlines.take(now)) {
      if (call.ppp === null) continue;
      const out: PppAction[] = [];
      call.ppp.handleTimeout(now, out);
      this.#performPpp(call, out);
    }
    this.plane.tables.reclaim();
    this.#settle();
  }

  // For show and clear.

  get tunnels(): ReadonlyMap<number, LnsTunnel> {
    return this.#tunnels;
  }
  /** Sessions whose network is open. */
  get sessionsUp(): number {
    let up = 0;
    for (const tunnel of this.#tunnels.values()) for (const call of tunnel.calls.values()) if (call.up) up++;
    return up;
  }
  endpointOf(tunnel: LnsTunnel): ControlEndpoint {
    return this.#gateways.find((gateway) => gateway.config === tunnel.gateway)!.endpoint;
  }
  /** Ends a session as the operator's doing. @returns whether it was there */
  clearSession(tunnelId: number, sessionId: number): boolean {
    const call = this.#tunnels.get(tunnelId)?.calls.get(sessionId);
    if (call === undefined) return false;
    call.lastReason = 'cleared by the operator';
    this.#disconnect(call, 3, 0, 'cleared by the operator');
    return true;
  }
  /** Ends a tunnel likewise. */
  clearTunnel(tunnelId: number): boolean {
    const gateway = this.#gateways.find((one) => one.config === this.#tunnels.get(tunnelId)?.gateway);
    if (gateway === undefined) return false;
    this.#close(gateway, (out) =>
      gateway.endpoint.closeTunnel(
        tunnelId,
        { resultCode: 1, errorCode: 0, message: 'cleared by the operator' },
        this.#now(),
        out,
      ),
    );
    return true;
  }

  /** Ends every tunnel with a StopCCN, then the shards, the device and its routes, the sockets. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const deadline = this.#now() + SHUTDOWN_MS;
    for (const gateway of this.#gateways)
      this.#close(gateway, (out) =>
        gateway.endpoint.shutdown({ resultCode: 6, errorCode: 0, message: 'shutting down' }, this.#now(), out),
      );
    while (this.#now() < deadline && this.#gateways.some((gateway) => !gateway.endpoint.settled))
      await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setImmediate(resolve));
    await this.#release();
    this.options.log('notice', 'stopped');
  }
  async #release(): Promise<void> {
    this.#ticker.stop();
    await this.plane?.close();
    this.#tun?.close();
    this.#tun = null;
    for (const gateway of this.#gateways) {
      if (gateway.socket !== null) gateway.socket.close();
      else if (gateway.fd >= 0) this.#ffi!.close(gateway.fd);
      gateway.socket = null;
      for (const fd of gateway.shardFds) this.#ffi!.close(fd);
      gateway.shardFds = [];
      gateway.fd = -1;
    }
  }
}

function policyOf(group: TunnelGroup, client: TunnelClient): TunnelPolicy {
  return {
    secret: client.secret === null ? null : Buffer.from(client.secret, 'utf8'),
    hideAvps: group.hideAvps,
    helloIntervalMs: group.helloIntervalMs,
    retransmitCapMs: group.retransmitIntervalMs,
    tunnelTimeoutMs: group.tunnelTimeoutMs,
    receiveWindow: group.receiveWindow,
    maximumSendWindow: group.maximumSendWindow,
    maximumSessions: client.maximumSessionsPerTunnel,
    tag: client,
  };
}
