import type { TracedPacket, Tracer } from '../trace/tracer.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { Call, Gateway, LnsTunnel } from './call.ts';
import type { Plane } from './plane.ts';

export interface ServerTracesOptions {
  readonly tracer: Tracer;
  readonly tunnels: ReadonlyMap<number, LnsTunnel>;
  readonly plane: () => Plane;
  /** The session in a row. */
  readonly byRow: (row: number) => Call | undefined;
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
    const { info } = call.tunnel;
    const header = inbound
      ? { tunnelId: info.tunnelId, sessionId: call.sessionId }
      : { tunnelId: info.peerTunnelId, sessionId: call.peerSessionId };
    this.#options.tracer.ppp(this.#packet(inbound, call.gateway, info.peer, call), header, frame);
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

/** The session that a control message names: a received one our Session ID, a sent one the peer's. */
function callOf(tunnel: LnsTunnel | undefined, inbound: boolean, sessionId: number): Call | null {
  if (tunnel === undefined || sessionId === 0) return null;
  if (inbound) return tunnel.calls.get(sessionId) ?? null;
  for (const call of tunnel.calls.values()) if (call.peerSessionId === sessionId) return call;
  return null;
}
