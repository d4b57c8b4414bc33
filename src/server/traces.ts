import type { DataHeader, TracedPacket, Tracer } from '../trace/tracer.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { Call, Gateway, LnsTunnel, NetworkEnd } from './call.ts';
import type { Plane } from './plane.ts';

export interface ServerTracesOptions {
  readonly tracer: Tracer;
  readonly tunnels: ReadonlyMap<number, LnsTunnel>;
  readonly plane: () => Plane;
  /** The session in a row. */
  readonly byRow: (row: number) => Call | undefined;
  /** The bundle whose network row it is. */
  readonly bundleByRow: (row: number) => NetworkEnd | undefined;
  /** The services PIC behind a group's services interface; null where none works. */
  readonly picOf: (serviceInterface: string) => string | null;
}

/** Totals of the path are traced this often (`flag stats`, `flag memory`). */
const TOTALS_MS = 60_000;
const be16 = (octets: Uint8Array, at: number): number => (octets[at]! << 8) | octets[at + 1]!;

/** What the server has to tell to its traces: asked only while something is traced. */
export class ServerTraces {
  readonly #options: ServerTracesOptions;
  #totalsAt = 0;

  constructor(options: ServerTracesOptions) {
    this.#options = options;
  }
  get active(): boolean {
    return this.#options.tracer.active;
  }

  /** A control message, received or sent. */
  control(inbound: boolean, gateway: Gateway, octets: Uint8Array, peer: PeerAddress, tunnelId: number): void {
    const tunnel = this.#options.tunnels.get(tunnelId);
    this.#options.tracer.control(
      this.#packet(inbound, gateway, peer, octets.length >= 8 ? callOf(tunnel, inbound, be16(octets, 6)) : null),
      octets,
    );
  }
  /** A PPP frame that the path handed up, or takes from us. */
  ppp(inbound: boolean, row: number, frame: Uint8Array): void {
    const call = this.#options.byRow(row);
    if (call === undefined) return;
    const packet = this.#packet(inbound, call.gateway, call.tunnel.info.peer, call);
    this.#options.tracer.ppp(packet, headerOf(call, inbound), frame);
  }
  /** An IP packet of a session or bundle that is tapped. */
  data(inbound: boolean, row: number, packet: Uint8Array): void {
    const call = this.#options.byRow(row);
    const end = call ?? this.#options.bundleByRow(row);
    if (end === undefined) return;
    const pic = this.#options.picOf(end.group.serviceInterface);
    if (pic === null) return;
    if (call === undefined) this.#options.tracer.bundleData(pic, inbound, packet);
    else
      this.#options.tracer.data(
        this.#packet(inbound, call.gateway, call.tunnel.info.peer, call),
        headerOf(call, inbound),
        packet,
      );
  }
  /** Has the path copy an end's packets where a capture wants them, and no longer where none does. */
  tap(end: NetworkEnd): void {
    if (end.carrier === 0) return;
    const pic = this.#options.picOf(end.group.serviceInterface);
    this.#options.plane().tables.setTap(end.carrier, pic !== null && this.#options.tracer.wantsData(pic));
  }
  #packet(inbound: boolean, gateway: Gateway, peer: PeerAddress, session: Call | null): TracedPacket {
    return {
      inbound,
      peer,
      local: { address: gateway.address, port: gateway.port },
      pic: this.#options.picOf(gateway.config.serviceInterface),
      session,
    };
  }

  /** What a session has carried, before its row is gone. */
  sessionEnds(call: Call): void {
    const { tracer, plane } = this.#options;
    if (call.row === 0 || !tracer.wants('stats')) return;
    const { rxPackets, rxOctets, txPackets, txOctets, rxErrors, txErrors, late, lost } = plane().tables.sessionCounters(
      call.row,
    );
    tracer.event('info', 'session-statistics', {
      ...call.logFields,
      user: call.userName,
      rxPackets,
      rxOctets,
      txPackets,
      txOctets,
      rxErrors,
      txErrors,
      late,
      lost,
    });
  }
  /** A timer of the server has run out. */
  tick(now: number): void {
    const { tracer, plane, tunnels } = this.#options;
    tracer.event('debug', 'timer', { tunnels: tunnels.size });
    if (now < this.#totalsAt) return;
    this.#totalsAt = now + TOTALS_MS;
    if (tracer.wants('stats'))
      for (let shard = 0; shard < plane().shards; shard++) {
        const { totals, drops } = plane().counters(shard);
        tracer.event('info', 'statistics', { shard, ...totals, ...drops });
      }
    if (tracer.wants('memory')) {
      const { rss, heapUsed, external } = process.memoryUsage();
      tracer.event('info', 'memory', { rss, heapUsed, external });
    }
  }
  /** A control message had no effect. */
  discarded(reason: string, source: PeerAddress): void {
    this.#options.tracer.event('warning', 'discarded', { reason, peer: `${source.address}:${source.port}` });
  }
}

/** IDs of a data message from the LAC, or to it. */
const headerOf = ({ tunnel, sessionId, peerSessionId }: Call, inbound: boolean): DataHeader =>
  inbound
    ? { tunnelId: tunnel.info.tunnelId, sessionId }
    : { tunnelId: tunnel.info.peerTunnelId, sessionId: peerSessionId };

/** The session that a control message names: a received one our Session ID, a sent one the peer's. */
function callOf(tunnel: LnsTunnel | undefined, inbound: boolean, sessionId: number): Call | null {
  if (tunnel === undefined || sessionId === 0) return null;
  if (inbound) return tunnel.calls.get(sessionId) ?? null;
  for (const call of tunnel.calls.values()) if (call.peerSessionId === sessionId) return call;
  return null;
}
