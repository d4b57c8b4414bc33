import { hostname } from 'node:os';
import { Admission, type AdmissionLimits } from '../aaa/admission.ts';
import { AaaService } from '../aaa/service.ts';
import { causeOfCall, Terminate } from '../aaa/terminate.ts';
import type { Aaa } from '../aaa/types.ts';
import type { LnsConfig, TunnelClient, TunnelGroup } from '../config/types.ts';
import { ControlEndpoint, type TunnelView } from '../control/endpoint.ts';
import type {
  CallRequest,
  Cause,
  ControlAction,
  Refusal,
  TunnelInfo,
  TunnelPolicy,
  TunnelRequest,
} from '../control/types.ts';
import { WasmCrypto } from '../dataplane/crypto.ts';
import { ConfigError } from '../errors.ts';
import { CLAMP_AUTO, CLAMP_OFF } from '../generated/layout.ts';
import { type Ffi, openFfi, systemError } from '../io/ffi.ts';
import { type RungSwitches, Rungs } from '../io/rungs.ts';
import { isSpread, LANES, shardOf } from '../io/steering.ts';
import { Ticker } from '../io/ticker.ts';
import { Tun } from '../io/tun.ts';
import { TunSteering } from '../io/tun-steering.ts';
import { DatagramSender } from '../io/udp.ts';
import { decodeSockaddr, encodeSockaddr, formatIpv4, type PeerAddress } from '../wire/address.ts';
import { type RandomSource, SystemRandom } from '../wire/random.ts';
import type { Bundles } from './bundles.ts';
import { Call, type Gateway, type LnsTunnel } from './call.ts';
import { type ChangeReport, Changes, type ChangeTarget, unitAddresses } from './change.ts';
import { DisconnectServer } from './disconnect.ts';
import { Gateways } from './gateways.ts';
import { TunnelIdPool } from './ids.ts';
import type { Log } from './log.ts';
import { Logging } from './logging.ts';
import { Plane } from './plane.ts';
import { Reception } from './reception.ts';
import type { GroupEnd } from './reconfigure.ts';
import { HostRoutes } from './routes.ts';
import { Services } from './services.ts';
import { Spreading, type SpreadTunnel } from './spread.ts';
import { Subscribers } from './subscribers.ts';
import { ServerTraces } from './traces.ts';
import { XdpAccess } from './xdp-access.ts';
import { XdpCore } from './xdp-core.ts';

export { Bundle } from './bundles.ts';
export { Call, type LnsTunnel, type NetworkEnd } from './call.ts';

export type NetBackEnd = 'tun' | 'embedded' | 'none';

export interface LnsOptions {
  readonly net: NetBackEnd;
  /** Name of the TUN device. */
  readonly tun: string;
  readonly shards: number;
  /** UDP port of every gateway; 0 takes a free one each. */
  readonly port: number;
  readonly log: Log;
  /** Interface on which data is taken and sent by AF_XDP; null: none. */
  readonly xdp?: string | null;
  /** The same for the interface to the core; with `net: 'tun'` alone. null: none. */
  readonly xdpCore?: string | null;
  readonly tunnels?: number;
  readonly sessions?: number;
  /** Multilink bundles at once; default: 65,535, or as many as sessions. */
  readonly bundles?: number;
  /** What is offered of multilink, on every link alike; default: MRRU 1524, 24-bit sequence numbers. */
  readonly multilink?: { readonly mrru?: number; readonly shortSequence?: boolean };
  /** The portable access side even where system calls are to be had. */
  readonly portable?: boolean;
  /** Rungs of the I/O ladder that are switched off. */
  readonly rungs?: RungSwitches;
  /** How long a services PIC takes to come up. */
  readonly picBootMs?: number;
  /** Lower the Maximum Segment Size of TCP connections to this and to the client's MRU less 40; 'auto': to that alone. */
  readonly clampMss?: number | 'auto' | undefined;
  /** Microseconds that packets may wait for others at rates where they come one by one (50); 0: none. */
  readonly coalesceUs?: number | undefined;
  /** What exceeds a session's rate towards its client waits up to this long; 0, the default: it is dropped. */
  readonly queueMs?: number;
  /** Where log and trace files go; none are written where there is none. */
  readonly logDirectory?: string | null;
  /** Who judges users; the configuration's own clients by default. */
  readonly aaa?: Aaa;
  /** How many calls may wait for RADIUS. */
  readonly admission?: AdmissionLimits;
  /** Folder for accounting records that no server takes; without one they are in memory. */
  readonly accountingDirectory?: string | null;
}

/** Bounds on tunnels that have not proved themselves. */
const HALF_OPEN_MAX = 8192;
const HALF_OPEN_PER_SOURCE_MAX = 2048;
/** MTU of the TUN device. */
const MTU = 1500;
/** As network cards wait before they interrupt. */
const COALESCE_US = 50;
const FIRMWARE_REVISION = 0x0100;
const VENDOR_NAME = 'wasm-lns';
/** StopCCNs not acknowledged after this long are given up at the end; those of tunnels that never opened, sooner. */
const SHUTDOWN_MS = 3000;
const SHUTDOWN_HALF_OPEN_MS = 300;

/** Sessions that the tables are made for. */
const SESSIONS_MAX = 262_143;

/** The L2TP network server: drives the control plane, PPP and the data plane, and performs what they ask for. */
export class Lns {
  /** In force. */
  config: LnsConfig;
  readonly options: LnsOptions;
  readonly logging: Logging;
  readonly services: Services;
  readonly startedAt = new Date();
  plane!: Plane;
  /** Control messages without effect, by reason. */
  readonly discards = new Map<string, number>();
  readonly #random: RandomSource = new SystemRandom();
  readonly #crypto = new WasmCrypto();
  /** Control messages of all tunnels since the start. */
  readonly controlTotals = { txPackets: 0, txOctets: 0, rxPackets: 0, rxOctets: 0 };
  readonly #traces: ServerTraces | null;
  readonly #ids: TunnelIdPool;
  readonly #ffi: Ffi | null;
  /** Which rungs of the I/O ladder are in use. */
  readonly rungs: Rungs;
  readonly #sender: DatagramSender | null;
  readonly #gateways: Gateways;
  readonly #changes: Changes;
  readonly #spreading: Spreading;
  #steering: TunSteering | null = null;
  readonly #xdp: XdpAccess;
  readonly #xdpCore: XdpCore;
  /** Control messages on their way in. */
  readonly reception: Reception;
  readonly #tunnels = new Map<number, LnsTunnel>();
  #tun: Tun | null = null;
  #routes: HostRoutes | null = null;
  readonly aaa: AaaService;
  /** Calls on their way to RADIUS, and those that wait for it. */
  readonly admission: Admission<Call>;
  readonly subscribers: Subscribers;
  readonly disconnectServer: DisconnectServer;
  readonly #ticker = new Ticker(
    () => this.#nextDeadline(),
    (now) => this.#tick(now),
  );
  #flushScheduled = false;
  #stopping = false;

  constructor(config: LnsConfig, options: LnsOptions) {
    this.config = config;
    this.logging = new Logging({
      log: options.log,
      directory: options.logDirectory ?? null,
      hostName: () => this.config.hostName ?? hostname(),
    });
    this.options = { ...options, log: this.logging.log };
    const { tracer } = this.logging;
    this.#traces =
      tracer === null
        ? null
        : new ServerTraces({
            tracer,
            tunnels: this.#tunnels,
            plane: () => this.plane,
            byRow: (row) => this.subscribers.byRow(row),
            bundleByRow: (row) => this.subscribers.bundles.byNetworkRow(row),
            picOf: (serviceInterface) => this.services.picOf(serviceInterface),
          });
    this.#ffi = options.portable === true ? null : openFfi();
    this.rungs = Rungs.probe(this.#ffi, options.rungs);
    this.#ids = new TunnelIdPool(this.#random, options.shards, this.rungs.has('gro'));
    this.#sender = this.#ffi === null ? null : new DatagramSender(this.#ffi);
    this.#gateways = new Gateways({
      ffi: this.#ffi,
      shards: options.shards,
      gro: this.rungs.has('gro'),
      port: options.port,
      plane: () => this.plane,
      log: this.logging.log,
      endpoint: (gateway) => this.#endpoint(gateway),
      opened: (gateway) => this.#xdp.gatewayOpened(gateway),
      closing: (gateway) => this.#xdp.gatewayClosing(gateway),
      arrived: (gateway, octets, source) => this.reception.arrived(gateway, octets, source),
    });
    this.reception = new Reception({
      ffi: this.#ffi,
      gateways: this.#gateways,
      log: this.logging.log,
      standing: (gateway, tunnelId, source) => gateway.endpoint.standing(tunnelId, source),
      receive: (gateway, octets, source) => this.#guarded(() => this.#control(gateway, octets, source)),
      data: (gateway, octets, source) => this.#gateways.deal(gateway, octets, source),
      settle: () => this.#flush(),
    });
    this.services = new Services({
      gateways: this.#gateways,
      log: this.logging.log,
      now: () => this.#now(),
      bootMs: options.picBootMs,
      closeAll: (gateway, end) => this.#closeAll(gateway, end),
      settle: () => this.#settle(),
    });
    this.#changes = new Changes(this.#changeTarget());
    this.#xdp = new XdpAccess({
      interface: options.xdp ?? null,
      ffi: this.#ffi,
      log: this.logging.log,
      plane: () => this.plane,
      tunnels: () => this.#tunnels.values(),
    });
    this.#xdpCore = new XdpCore({
      interface: options.xdpCore ?? null,
      ffi: this.#ffi,
      log: this.logging.log,
      plane: () => this.plane,
    });
    this.#spreading = new Spreading({
      shards: options.shards,
      log: this.logging.log,
      tunnels: () => this.#spreadTunnels(),
      packetsOf: (row) => this.plane.tables.sessionPackets(row),
      cpuOf: (shard) => this.plane.shardCpu(shard),
    });
    this.admission = new Admission(options.admission);
    this.aaa = new AaaService({
      config,
      log: this.logging.log,
      random: this.#random,
      accountingDirectory: options.accountingDirectory ?? null,
      now: () => this.#now(),
      wake: () => this.#settle(),
    });
    this.aaa.servers.onPacket = (server, inbound, octets) => {
      if (tracer?.active === true) tracer.radius(inbound, server, octets);
    };
    this.subscribers = new Subscribers({
      config,
      rows: (options.sessions ?? SESSIONS_MAX) + (options.bundles ?? Math.min(65_535, options.sessions ?? 65_535)),
      plane: () => this.plane,
      queueMs: options.queueMs ?? 0,
      multilink: options.multilink ?? {},
      aaa: options.aaa ?? this.aaa.users,
      accounting: this.aaa.accounting,
      newAccountingId: () => this.aaa.newAccountingId(),
      random: this.#random,
      md5: (...parts) => this.#crypto.md5(...parts),
      log: this.logging.log,
      routes: () => this.#routes,
      steering: () => this.#steering,
      networkUp: (end) => {
        if (this.#traces?.active) this.#traces.tap(end);
      },
      now: () => this.#now(),
      disconnect: (call, resultCode, errorCode, message) => this.#disconnect(call, resultCode, errorCode, message),
      linkInfo: (call, accm) =>
        this.#close(call.gateway, (out) =>
          call.gateway.endpoint.sendLinkInfo(
            call.tunnel.info.tunnelId,
            call.sessionId,
            accm,
            0xffffffff,
            this.#now(),
            out,
          ),
        ),
      judged: (call) => {
        const next = this.admission.done(call);
        if (next !== null) this.#answerCall(next);
      },
      settle: () => this.#settle(),
    });
    this.disconnectServer = new DisconnectServer({
      config,
      log: options.log,
      sessions: this.subscribers.sessions,
      clear: ({ call }) => this.#disconnect(call, 3, 0, call.lastReason),
      canChange: { rates: true, timeouts: true },
      change: (session, change) => this.subscribers.change(session, change),
      filterRates: (name) => this.config.filters.get(name) ?? null,
    });
  }

  /** Opens sockets and device, starts the shards. @throws LnsError with what went wrong; nothing is left open then */
  async start(): Promise<void> {
    const { shards, net, log } = this.options;
    this.logging.configure(this.config);
    this.services.configure(this.config);
    try {
      if (net === 'tun' && this.#ffi === null)
        throw new ConfigError('--net tun needs Linux and the koffi module; --net embedded works everywhere');
      for (const group of this.config.tunnelGroups) this.#gateways.open(group);
      const gateways = [...this.#gateways];
      if (net === 'tun') this.#openTun(this.#ffi!);
      else this.rungs.without(['vnetHdr', 'uso', 'uring', 'steering']);
      this.plane = await Plane.open({
        tunnels: this.options.tunnels ?? 65535,
        sessions: this.options.sessions ?? SESSIONS_MAX,
        bundles: this.options.bundles ?? Math.min(65_535, this.options.sessions ?? 65_535),
        shards,
        ffi: this.#ffi,
        sockets: Array.from({ length: this.#ffi === null ? 0 : shards }, (_, shard) => ({
          fds: gateways.map((gateway) => gateway.shardFds[shard]!),
          lanes: Array.from({ length: LANES - 1 }, (_, lane) =>
            gateways.map((gateway) => gateway.shardFds[(lane + 1) * shards + shard]!),
          ),
          listens: gateways.map((gateway) => gateway.index),
        })),
        xdp: [...this.#xdp.prepare(), ...this.#xdpCore.prepare(this.#tun)],
        core: net,
        tun: this.#tun?.fds ?? [],
        traffic: null,
        segmentation: this.rungs.has('gso'),
        gro: this.rungs.has('gro'),
        vnetHdr: this.rungs.has('vnetHdr'),
        uso: this.rungs.has('uso'),
        uring: this.rungs.has('uring'),
        shaping: (this.options.queueMs ?? 0) > 0,
        coalesceUs: this.options.coalesceUs ?? COALESCE_US,
        clampMss: this.options.clampMss === 'auto' ? CLAMP_AUTO : (this.options.clampMss ?? CLAMP_OFF),
        events: {
          frame: (row, frame) =>
            this.#guarded(() => {
              if (this.#traces?.active) this.#traces.ppp(true, row, frame);
              this.subscribers.frame(row, frame);
            }),
          tapped: (row, packet, inbound) => this.#traces?.data(inbound, row, packet),
          injected: (row, frame) => {
            if (this.#traces?.active) this.#traces.ppp(false, row, frame);
          },
          control: (octets, sockaddr, group) => {
            const gateway = this.#gateways.byIndex(group);
            if (gateway !== undefined) this.reception.fromShard(gateway, octets, decodeSockaddr(sockaddr));
          },
          datagram: (octets, sockaddr, group) => {
            const to = decodeSockaddr(sockaddr);
            this.#gateways.byIndex(group)?.socket?.send(octets, to.port, to.address);
          },
          drained: () => this.#settle(),
          replaced: (shard, reason, ms) =>
            log('error', 'shard-replaced', {
              shard,
              reason: (reason as Error | undefined)?.message ?? String(reason),
              ms: Math.round(ms),
            }),
          failed: (shard, reason) =>
            log('error', 'shard-failed', { shard, reason: (reason as Error | undefined)?.message ?? String(reason) }),
        },
      });
      for (const gateway of gateways) await this.#gateways.listen(gateway);
    } catch (error) {
      await this.#release();
      throw error;
    }
    this.#spreading.start(this.#now());
    this.#xdp.start(this.#now());
    this.#xdpCore.start(this.#now());
    this.aaa.start();
    await this.disconnectServer.configure(this.config);
    for (const { config, address, port } of this.#gateways)
      log('info', 'listening', { group: config.name, address, port });
    if (this.rungs.has('uring') && this.plane.uringState !== -1)
      this.rungs.lose('uring', systemError('io_uring', this.plane.uringState).errorName);
    if (this.#gateways.count === 0)
      log('warning', 'no-tunnel-group', { reason: 'nothing is served before [edit services l2tp] has one' });
    log('notice', 'ready', {
      gateways: this.#gateways.count,
      shards,
      net,
      device: this.#tun?.name,
      access: this.#ffi === null ? 'dgram' : 'ffi',
      rungs: this.rungs.inUse,
      without: this.rungs.missing,
      socketBuffer: this.#gateways.receiveBufferOctets || undefined,
      xdp: this.#xdp.inUse,
      xdpCore: this.#xdpCore.inUse,
    });
  }

  /** Gateway addresses and the ports they listen on. */
  get listening(): PeerAddress[] {
    return [...this.#gateways].filter(({ serving }) => serving).map(({ address, port }) => ({ address, port }));
  }

  #endpoint(gateway: () => Gateway): ControlEndpoint {
    const lns = this;
    return new ControlEndpoint({
      get hostName() {
        return gateway().config.gatewayName ?? lns.config.hostName ?? hostname();
      },
      vendorName: VENDOR_NAME,
      firmwareRevision: FIRMWARE_REVISION,
      crypto: this.#crypto,
      random: this.#random,
      ids: this.#ids,
      limits: { halfOpen: HALF_OPEN_MAX, halfOpenPerSource: HALF_OPEN_PER_SOURCE_MAX },
      authorize: (request) => this.#authorize(gateway(), request),
      lastHeard: (tunnelId) => {
        const tunnel = this.#tunnels.get(tunnelId);
        return tunnel === undefined ? 0 : this.plane.tables.tunnelLastHeard(tunnel.row);
      },
    });
  }
  #authorize({ config, serving }: Gateway, request: TunnelRequest): TunnelPolicy | Refusal {
    const { hostName } = request;
    // Without state: strangers could keep the gateway from ever being done.
    if (!serving)
      return {
        refuse: true,
        resultCode: 6,
        errorCode: 0,
        message: 'no tunnel group is here any more',
        stateless: true,
      };
    if (this.services.picOf(config.serviceInterface) === null)
      return { refuse: true, resultCode: 2, errorCode: 4, message: 'no services PIC is online' };
    const client = config.tunnelProfile.clients.get(hostName) ?? config.tunnelProfile.clients.get('*');
    if (client === undefined)
      return { refuse: true, resultCode: 4, errorCode: 0, message: 'this LAC is not known here' };
    const spread = this.#spreading.wants(client.loadBalance, lacOf(request));
    return { ...policyOf(config, client), spread: spread ? this.options.shards : 0 };
  }

  *#spreadTunnels(): Generator<SpreadTunnel> {
    for (const [tunnelId, { info, calls }] of this.#tunnels)
      yield {
        tunnelId,
        lac: lacOf({ hostName: info.hostName, source: info.peer }),
        shard: isSpread(tunnelId) ? null : shardOf(tunnelId, 0, this.options.shards),
        rows: rowsOf(calls),
      };
  }

  #openTun(ffi: Ffi): void {
    this.#tun = Tun.open(ffi, {
      name: this.options.tun,
      queues: this.options.shards,
      mtu: MTU,
      addresses: [...unitAddresses(this.config)].map(formatIpv4),
      vnetHdr: this.rungs.has('vnetHdr'),
      uso: this.rungs.has('uso'),
    });
    const { offload } = this.#tun;
    if (!offload.vnetHdr) this.rungs.lose('vnetHdr', offload.vnetHdrError);
    if (!offload.uso) this.rungs.lose('uso', offload.usoError || 'vnet-hdr');
    const addresses = this.options.sessions ?? SESSIONS_MAX;
    this.#steering = TunSteering.tried(ffi, this.#tun.fds, addresses, 'destination', this.rungs);
    this.#routes = new HostRoutes(this.#xdpCore.sink(this.#tun), this.config.pools.values(), this.options.log);
  }

  #changeTarget(): ChangeTarget {
    const lns = this;
    return {
      get config() {
        return lns.config;
      },
      set config(next) {
        lns.config = next;
      },
      get subscribers() {
        return lns.subscribers;
      },
      get tun() {
        return lns.#tun;
      },
      get routes() {
        return lns.#routes;
      },
      adopt: (next) => {
        // A fault in one of them is ours, and leaves the others their new configuration.
        this.#guarded(() => this.logging.configure(next));
        this.#guarded(() => this.aaa.configure(next));
        this.#guarded(() => this.services.configure(next));
        this.#guarded(() => {
          for (const end of this.subscribers.ends()) if (end.up) this.#traces?.tap(end);
        });
      },
      gateways: this.#gateways,
      tunnels: this.#tunnels,
      log: this.options.log,
      closeAll: (gateway, end) => this.#closeAll(gateway, end),
      disconnect: (call, resultCode, message) => this.#disconnect(call, resultCode, 0, message),
    };
  }

  /** Ends every tunnel of a gateway. */
  #closeAll(gateway: Gateway, { resultCode, errorCode = 0, message, terminateCause }: GroupEnd): void {
    for (const tunnel of this.#tunnels.values())
      if (tunnel.at === gateway)
        for (const call of tunnel.calls.values()) {
          call.lastReason = message;
          if (terminateCause !== undefined) call.terminateCause = terminateCause;
        }
    this.#close(gateway, (out) => gateway.endpoint.closeAll({ resultCode, errorCode, message }, this.#now(), out));
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
    // It was closed while this waited: what its endpoint began now, nobody would end.
    if (gateway.socket === null) return;
    const tunnelId = octets.length >= 6 ? (octets[4]! << 8) | octets[5]! : 0;
    if (this.#traces?.active) this.#traces.control(true, gateway, octets, source, tunnelId);
    const out: ControlAction[] = [];
    gateway.endpoint.receive(octets, source, this.#now(), out);
    this.controlTotals.rxPackets++;
    this.controlTotals.rxOctets += octets.length;
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel !== undefined) {
      tunnel.controlRxPackets++;
      tunnel.controlRxOctets += octets.length;
    }
    this.#perform(gateway, out);
  }

  /** After an input: what `#flush` does, at the end of the turn. */
  #settle(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }
  /** After a batch of inputs: acknowledgements that nothing carried, and the timer. */
  #flush(): void {
    const now = this.#now();
    for (const gateway of this.#gateways) {
      const out: ControlAction[] = [];
      gateway.endpoint.flush(now, out);
      this.#perform(gateway, out);
    }
    this.#ticker.arm();
  }

  #perform(gateway: Gateway, out: readonly ControlAction[]): void {
    for (const action of out) {
      if (action.do === 'transmit') {
        const tunnel = this.#tunnels.get(action.tunnelId);
        if (this.#traces?.active) this.#traces.control(false, gateway, action.octets, action.to, action.tunnelId);
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
          this.#tunnelClosed(gateway, action.tunnelId, action.opened, action.cause);
          break;
        case 'call-request':
          this.#callRequest(gateway, action.tunnelId, action.sessionId, action.peerSessionId, action.call);
          break;
        case 'call-open':
          this.#withCall(action.tunnelId, action.sessionId, (call) => this.subscribers.open(call, action.connected));
          break;
        case 'call-closed':
          this.#callClosed(action.tunnelId, action.sessionId, action.cause);
          break;
        case 'wan-error':
          this.options.log('info', 'wan-error', {
            group: gateway.config.name,
            tunnel: action.tunnelId,
            session: action.sessionId,
            errors: action.errors.join(','),
          });
          break;
        case 'link-info':
          break;
        case 'discarded':
          this.discards.set(action.reason, (this.discards.get(action.reason) ?? 0) + 1);
          if (this.#traces?.active) this.#traces.discarded(action.reason, action.source);
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
      ownerShard: isSpread(info.tunnelId) ? 'by-session' : shardOf(info.tunnelId, 0, this.options.shards),
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
      at: gateway,
      row,
      client: info.policy.tag as TunnelClient,
      openedAt: now,
      openedDate: new Date(),
      calls: new Map(),
      shared: null,
      controlTxPackets: 0,
      controlTxOctets: 0,
      controlRxPackets: 0,
      controlRxOctets: 0,
      ended: { rxPackets: 0, rxOctets: 0, txPackets: 0, txOctets: 0, rxErrors: 0, txErrors: 0 },
    });
    this.#xdp.tunnelOpened(this.#tunnels.get(info.tunnelId)!, now);
    this.options.log('info', 'tunnel-up', {
      group: gateway.config.name,
      tunnel: info.tunnelId,
      peerTunnel: info.peerTunnelId,
      peer: `${info.peer.address}:${info.peer.port}`,
      name: info.hostName,
    });
  }

  #tunnelClosed(gateway: Gateway, tunnelId: number, opened: boolean, cause: Cause): void {
    const tunnel = this.#tunnels.get(tunnelId);
    this.options.log(opened ? 'info' : 'warning', opened ? 'tunnel-down' : 'tunnel-refused', {
      group: gateway.config.name,
      tunnel: tunnelId,
      name: tunnel?.info.hostName,
      result: cause.resultCode,
      error: cause.errorCode || undefined,
      by: cause.byPeer ? 'peer' : 'us',
      reason: cause.message,
    });
    if (tunnel === undefined) return;
    for (const sessionId of [...tunnel.calls.keys()]) this.#callClosed(tunnelId, sessionId, { ...cause, tunnel: true });
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
    this.subscribers.add(call);
    tunnel.calls.set(sessionId, call);
    // Users that RADIUS judges come in as fast as it can be asked; the ICRP of the others waits.
    const order = this.subscribers.profileOf(call).authenticationOrder;
    const admitted = order[0] !== 'none' && order.includes('radius') ? this.admission.ask(call, now) : 'go';
    if (admitted === 'go') this.#answerCall(call);
    else if (admitted === 'refuse') this.#refuseCall(call, 'too many calls wait for RADIUS');
    else this.#settle();
  }
  #answerCall({ gateway, tunnel, sessionId }: Call): void {
    this.#close(gateway, (out) => gateway.endpoint.answerCall(tunnel.info.tunnelId, sessionId, this.#now(), out));
  }
  /** CDN result 4: for want of resources, for now. */
  #refuseCall(call: Call, message: string): void {
    const { gateway, tunnel, sessionId } = call;
    call.lastReason = message;
    const fault = { resultCode: 4, errorCode: 0, message };
    this.#close(gateway, (out) =>
      gateway.endpoint.rejectCall(tunnel.info.tunnelId, sessionId, fault, this.#now(), out),
    );
  }

  #callClosed(tunnelId: number, sessionId: number, cause: Cause): void {
    const tunnel = this.#tunnels.get(tunnelId);
    const call = tunnel?.calls.get(sessionId);
    if (tunnel === undefined || call === undefined) return;
    tunnel.calls.delete(sessionId);
    if (this.#traces?.active) this.#traces.sessionEnds(call);
    const wasUp = this.subscribers.remove(
      call,
      causeOfCall({
        tunnel: cause.tunnel === true,
        byPeer: cause.byPeer,
        silent: cause.silent === true,
        resultCode: cause.resultCode,
      }),
    );
    this.options.log('info', wasUp ? 'session-down' : 'session-failed', {
      group: call.group.name,
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

  #withCall(tunnelId: number, sessionId: number, act: (call: Call) => void): void {
    const call = this.#tunnels.get(tunnelId)?.calls.get(sessionId);
    if (call !== undefined) act(call);
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

  // Time.

  #nextDeadline(): number {
    let next = Math.min(
      this.subscribers.deadline(),
      this.aaa.deadline(),
      this.services.deadline(),
      this.admission.deadline(),
      this.#spreading.deadline(),
      this.#xdp.deadline(),
      this.#xdpCore.deadline(),
    );
    for (const gateway of this.#gateways) next = Math.min(next, gateway.endpoint.deadline());
    return next;
  }
  #tick(now: number): void {
    if (this.#traces?.active) this.#traces.tick(now);
    for (const gateway of this.#gateways) {
      const out: ControlAction[] = [];
      gateway.endpoint.handleTimeout(now, out);
      this.#perform(gateway, out);
    }
    this.subscribers.handleTimeout(now);
    this.aaa.handleTimeout(now);
    for (const call of this.admission.expired(now)) this.#refuseCall(call, 'RADIUS is too slow for all who come');
    this.services.handleTimeout(now);
    this.#spreading.handleTimeout(now);
    this.#xdp.handleTimeout(now);
    this.#xdpCore.handleTimeout(now);
    this.plane.tables.reclaim();
    this.#changes.closeRetired();
    this.#settle();
  }

  /**
   * Puts another configuration in force (`Changes.apply`).
   * @throws SystemError with what could not be had; nothing has changed then
   */
  async reconfigure(next: LnsConfig): Promise<ChangeReport> {
    const report = await this.#changes.apply(next);
    await this.disconnectServer.configure(next);
    this.#settle();
    return report;
  }

  // For show and clear.

  get tunnels(): ReadonlyMap<number, LnsTunnel> {
    return this.#tunnels;
  }
  /** Tunnels whose set-up is under way. */
  *settingUp(): Generator<{ gateway: TunnelGroup; view: TunnelView }> {
    for (const gateway of this.#gateways)
      for (const view of gateway.endpoint.settingUp()) yield { gateway: gateway.config, view };
  }
  /** Sessions whose network is open. */
  get sessionsUp(): number {
    let up = 0;
    for (const tunnel of this.#tunnels.values()) for (const call of tunnel.calls.values()) if (call.networkEnd.up) up++;
    return up;
  }
  get bundles(): Bundles {
    return this.subscribers.bundles;
  }
  /** Ends a bundle as the operator's doing: its member sessions go. @returns whether it was there */
  clearBundle(id: number): boolean {
    const bundle = this.bundles.get(id);
    if (bundle === undefined) return false;
    bundle.lastReason = 'cleared by the operator';
    for (const call of bundle.members) this.clearSession(call.tunnel.info.tunnelId, call.sessionId);
    return true;
  }
  endpointOf(tunnel: LnsTunnel): ControlEndpoint {
    return tunnel.at.endpoint;
  }
  /** Ends a session as the operator's doing. @returns whether it was there */
  clearSession(tunnelId: number, sessionId: number): boolean {
    const call = this.#tunnels.get(tunnelId)?.calls.get(sessionId);
    if (call === undefined) return false;
    call.lastReason = 'cleared by the operator';
    call.terminateCause = Terminate.AdminReset;
    this.#disconnect(call, 3, 0, 'cleared by the operator');
    return true;
  }
  /** Ends a tunnel likewise. */
  clearTunnel(tunnelId: number): boolean {
    const gateway = this.#tunnels.get(tunnelId)?.at;
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
    await this.#changes.stop();
    const from = this.#now();
    for (const gateway of this.#gateways)
      this.#close(gateway, (out) =>
        gateway.endpoint.shutdown({ resultCode: 6, errorCode: 0, message: 'shutting down' }, this.#now(), out),
      );
    for (let waited = 0; waited < SHUTDOWN_MS; waited = this.#now() - from) {
      const openedOnly = waited >= SHUTDOWN_HALF_OPEN_MS;
      if ([...this.#gateways].every(({ endpoint }) => endpoint.settled(openedOnly))) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await new Promise((resolve) => setImmediate(resolve));
    await this.aaa.close(SHUTDOWN_MS);
    await this.#release();
    this.options.log('notice', 'stopped');
    await this.logging.close();
  }
  async #release(): Promise<void> {
    this.#ticker.stop();
    this.disconnectServer.close();
    await this.aaa.abandon();
    this.#routes?.close();
    await this.plane?.close();
    this.#xdp.close();
    this.#xdpCore.close();
    this.#steering?.close();
    this.#steering = null;
    this.#tun?.close();
    this.#tun = null;
    this.#gateways.release();
  }
}

function* rowsOf(calls: ReadonlyMap<number, Call>): Generator<number> {
  for (const { row } of calls.values()) yield row;
}

/** A LAC by its address and its name. */
const lacOf = ({ hostName, source }: Pick<TunnelRequest, 'hostName' | 'source'>): string =>
  `${source.address} ${hostName}`;

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
