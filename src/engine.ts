/**
 * The packet path as a library: tunnels and sessions are entered by the caller, batches of packets go through the
 * Wasm path in this thread or on a Piscina pool. No socket, no device, no privilege.
 *
 * ```ts
 * const engine = new Engine();
 * engine.addTunnel({ tunnelId: 1, peerTunnelId: 7 });
 * engine.addSession({ tunnelId: 1, sessionId: 10, peerSessionId: 70, address: '198.51.100.9' });
 * const { packets } = engine.run(engine.up(packBatch(datagrams)));
 * ```
 */
import { randomUUID } from 'node:crypto';
import { DROP_LIST, TOTAL_LIST } from './dataplane/drops.ts';
import { compilePath, instantiatePath, type PathExports } from './dataplane/module.ts';
import type { PacketBatch } from './dataplane/packets.ts';
import { formatMemory, planMemory } from './dataplane/plan.ts';
import { Ring } from './dataplane/ring.ts';
import { type BundleCounters, joinRecord, type SessionCounters, Tables } from './dataplane/tables.ts';
import { ConfigError } from './errors.ts';
import * as layout from './generated/layout.ts';
import { parseAddress } from './wire/address.ts';
import { type BatchResult, BatchRunner, type BatchTask, type EngineHandle } from './worker/batch.ts';

export { type PacketBatch, packBatch, unpackBatch } from './dataplane/packets.ts';
export type { BundleCounters, SessionCounters } from './dataplane/tables.ts';
export type { BatchResult, BatchTask, ControlFrame, EngineHandle } from './worker/batch.ts';

export interface EngineOptions {
  /** Tunnels at once; default 1,024. */
  tunnels?: number;
  /** Sessions at once; default 16,384. */
  sessions?: number;
  /** Multilink bundles at once; default 0. */
  bundles?: number;
  /** Workers that run the path at once; default 1. A tunnel belongs to shard `tunnelId % shards`. */
  shards?: number;
}
export interface EngineTunnel {
  /** Our Tunnel ID, 1 to 65,535: the one in datagrams that go up. */
  tunnelId: number;
  /** The peer's: the one in datagrams that we build. Default: the same. */
  peerTunnelId?: number;
}
export interface EngineSession {
  tunnelId: number;
  /** Our Session ID, 1 to 65,535, unique in the tunnel. */
  sessionId: number;
  /** Default: the same. */
  peerSessionId?: number;
  /** The client's IPv4 address. The last session up with an address carries its traffic. */
  address: string;
  /** Our address towards the client, source of ICMP; default 0.0.0.0. */
  localAddress?: string;
  /** Octets; default 1,500. */
  peerMru?: number;
  acfc?: boolean;
  pfc?: boolean;
  /** Number data messages. */
  sequencing?: boolean;
}
/** A member link of a bundle: a session of a tunnel. */
export interface EngineLink {
  tunnelId: number;
  sessionId: number;
  /** Default: the same. */
  peerSessionId?: number;
  /** Octets that the peer takes in one frame of this link; default 1,500. */
  peerMru?: number;
  acfc?: boolean;
  pfc?: boolean;
  /** Towards the client, by which the links share the load; default: all alike. */
  speedBps?: number;
}
/** A multilink bundle (RFC 1990). */
export interface EngineBundle {
  /** 1 to 8, in tunnels of one shard. */
  links: readonly EngineLink[];
  /** The client's IPv4 address, as that of a session. */
  address: string;
  localAddress?: string;
  /** Octets of the largest packet that we take and that the peer does; default 1,500. At most 1,900. */
  localMrru?: number;
  peerMrru?: number;
  /** 12-bit sequence numbers in what comes, and in what goes; default 24 bits. */
  shortSequence?: { receive?: boolean; send?: boolean };
  /** Octets of a fragment's payload; default: packets stay whole. */
  fragmentThreshold?: number;
  /** How long fragments wait for a lost one, ms; default 0: until it is known to be lost. */
  dropTimeoutMs?: number;
}
export interface EngineCounters {
  drops: Record<string, number>;
  totals: Record<string, number>;
}

/** Anything that runs a task and returns its result: a Piscina pool does. */
export interface TaskPool {
  run(task: BatchTask): Promise<BatchResult>;
}

export class Engine {
  /** What a task carries to its worker. */
  readonly handle: EngineHandle;
  readonly shards: number;
  readonly #tables: Tables;
  readonly #wasm: PathExports;
  readonly #tunnels = new Map<number, { row: number; sessions: Map<number, number> }>();
  readonly #local = new Map<number, BatchRunner>();
  readonly #inject: Ring[];
  readonly #bundles = new Map<number, { links: EngineLink[]; shard: number }>();

  constructor(options: EngineOptions = {}) {
    const { tunnels = 1024, sessions = 16384, bundles = 0, shards = 1 } = options;
    const plan = planMemory({
      tunnels,
      sessions,
      addresses: sessions,
      bundles,
      shards,
      controlRingOctets: 1 << 20,
      accessRingOctets: 0,
      coreRingOctets: 0,
      ports: true,
      traffic: false,
    });
    const memory = new WebAssembly.Memory({ initial: plan.pages, maximum: plan.pages, shared: true });
    formatMemory(memory, plan);
    const module = compilePath();
    this.shards = shards;
    this.#wasm = instantiatePath(module, memory);
    this.#wasm.attach(0n, shards);
    this.#tables = new Tables(this.#wasm, memory, plan);
    this.#inject = Array.from({ length: shards }, (_, shard) => {
      const { offset, stride, octets } = plan.parts[layout.PART_RING_INJECT]!;
      return new Ring(memory.buffer, offset + shard * stride, octets);
    });
    const block = (part: number, shard: number): number => plan.parts[part]!.offset + shard * plan.parts[part]!.stride;
    this.handle = {
      id: randomUUID(),
      memory,
      module,
      areas: Array.from({ length: shards }, (_, shard) => ({
        rx: block(layout.PART_RX, shard),
        tx: block(layout.PART_TX, shard),
        core: block(layout.PART_CORE, shard),
        punt: block(layout.PART_RING_PUNT, shard),
        puntOctets: plan.parts[layout.PART_RING_PUNT]!.octets,
        sessions: block(layout.PART_SESSIONS, 0),
      })),
    };
  }

  /** @throws ConfigError where the Tunnel ID is in use or the table is full */
  addTunnel(tunnel: EngineTunnel): void {
    const { tunnelId, peerTunnelId = tunnelId } = tunnel;
    if (this.#tunnels.has(checkId(tunnelId, 'tunnelId'))) throw new ConfigError(`tunnel ${tunnelId} exists`);
    const row = this.#tables.addTunnel({
      localId: tunnelId,
      peerId: checkId(peerTunnelId, 'peerTunnelId'),
      role: 'lns',
      peer: new Uint8Array(16),
      socketGroup: 0,
      routingInstance: 0,
      ownerShard: tunnelId % this.shards,
    });
    if (row === 0) throw new ConfigError('the tunnel table is full');
    this.#tunnels.set(tunnelId, { row, sessions: new Map() });
  }

  /** @returns the session's row, by which control frames and counters name it  @throws ConfigError as `addTunnel` */
  addSession(session: EngineSession): number {
    const tunnel = this.#tunnels.get(session.tunnelId);
    if (tunnel === undefined) throw new ConfigError(`there is no tunnel ${session.tunnelId}`);
    if (tunnel.sessions.has(checkId(session.sessionId, 'sessionId')))
      throw new ConfigError(`session ${session.sessionId} exists in tunnel ${session.tunnelId}`);
    const row = this.#tables.addSession({
      tunnelRow: tunnel.row,
      localId: session.sessionId,
      peerId: checkId(session.peerSessionId ?? session.sessionId, 'peerSessionId'),
      sequencing: session.sequencing ?? false,
    });
    if (row === 0) throw new ConfigError('the session table is full');
    this.#tables.sessionUp(
      row,
      {
        address: parseAddress(session.address),
        localAddress: parseAddress(session.localAddress ?? '0.0.0.0').subarray(12),
        peerMru: session.peerMru ?? 1500,
        acfc: session.acfc ?? false,
        pfc: session.pfc ?? false,
      },
      Math.trunc(performance.now()),
    );
    tunnel.sessions.set(session.sessionId, row);
    return row;
  }

  /** Takes a session out. The next-to-last one with its address carries the traffic from now on. @returns whether it was there */
  removeSession(tunnelId: number, sessionId: number): boolean {
    const tunnel = this.#tunnels.get(tunnelId);
    const row = tunnel?.sessions.get(sessionId);
    if (tunnel === undefined || row === undefined) return false;
    this.#tables.removeSession(row, Math.trunc(performance.now()));
    return tunnel.sessions.delete(sessionId);
  }

  /**
   * Enters a bundle and its member links: fragments that come by them are put together, packets to the address are cut
   * where they have to be. With the address of sessions or other bundles, the last up carries the traffic.
   * @returns its number  @throws ConfigError as `addTunnel`
   */
  addBundle(bundle: EngineBundle): number {
    const { links } = bundle;
    if (links.length < 1 || links.length > layout.BUNDLE_LINKS_MAX)
      throw new ConfigError(`a bundle has 1 to ${layout.BUNDLE_LINKS_MAX} links, not ${links.length}`);
    const localMrru = bundle.localMrru ?? 1500;
    if (localMrru > MRRU_MAX) throw new ConfigError(`localMrru ${localMrru} is more than ${MRRU_MAX}`);
    const shard = links[0]!.tunnelId % this.shards;
    for (const { tunnelId, sessionId } of links) {
      const tunnel = this.#tunnels.get(tunnelId);
      if (tunnel === undefined) throw new ConfigError(`there is no tunnel ${tunnelId}`);
      if (tunnelId % this.shards !== shard) throw new ConfigError(`tunnel ${tunnelId} belongs to another shard`);
      if (tunnel.sessions.has(checkId(sessionId, 'sessionId')))
        throw new ConfigError(`session ${sessionId} exists in tunnel ${tunnelId}`);
    }
    const rows = this.#tables.addBundle({
      routingInstance: 0,
      ownerShard: shard,
      localMrru,
      rxShort: bundle.shortSequence?.receive ?? false,
      txShort: bundle.shortSequence?.send ?? false,
      fragmentThreshold: bundle.fragmentThreshold ?? null,
      dropTimeoutMs: bundle.dropTimeoutMs ?? 0,
    });
    if (rows === null) throw new ConfigError('the bundle table is full');
    this.#bundles.set(rows.bundle, { links: [...links], shard });
    for (const [place, link] of links.entries()) {
      const tunnel = this.#tunnels.get(link.tunnelId)!;
      const row = this.#tables.addSession({
        tunnelRow: tunnel.row,
        localId: link.sessionId,
        peerId: checkId(link.peerSessionId ?? link.sessionId, 'peerSessionId'),
        sequencing: false,
      });
      if (row === 0) {
        this.removeBundle(rows.bundle);
        throw new ConfigError('the session table is full');
      }
      const member = {
        speedBps: link.speedBps ?? 0,
        peerMru: link.peerMru ?? 1500,
        acfc: link.acfc ?? false,
        pfc: link.pfc ?? false,
      };
      const record = joinRecord(row, this.#tables.sessionGeneration(row), member);
      this.#record(shard, layout.RECORD_LINK_JOIN, rows.bundle, place, record);
      this.#tables.linkJoin(rows.bundle, place, row, member);
      tunnel.sessions.set(link.sessionId, row);
    }
    const network = {
      address: parseAddress(bundle.address),
      localAddress: parseAddress(bundle.localAddress ?? '0.0.0.0').subarray(12),
      peerMru: bundle.peerMrru ?? 1500,
    };
    if (!this.#tables.bundleUp(rows.bundle, network, Math.trunc(performance.now()))) {
      this.removeBundle(rows.bundle);
      throw new ConfigError('the address table is full');
    }
    return rows.bundle;
  }
  /** Takes a bundle and its member links out. @returns whether it was there */
  removeBundle(bundle: number): boolean {
    const known = this.#bundles.get(bundle);
    if (known === undefined) return false;
    this.#bundles.delete(bundle);
    this.#tables.removeBundle(bundle, Math.trunc(performance.now()));
    for (const { tunnelId, sessionId } of known.links) this.removeSession(tunnelId, sessionId);
    this.#record(known.shard, layout.RECORD_BUNDLE_END, bundle, 0, new Uint8Array(0));
    return true;
  }
  bundleCounters(bundle: number): BundleCounters {
    return this.#tables.bundleCounters(bundle);
  }
  /** For the shard's next batch. */
  #record(shard: number, kind: number, bundle: number, link: number, payload: Uint8Array): void {
    if (!this.#inject[shard]!.write(kind, bundle, this.#tables.bundleGeneration(bundle), link, payload))
      throw new ConfigError(`shard ${shard} has taken no batch since thousands of changes`);
  }

  /** Takes a tunnel and its sessions out. @returns whether it was there */
  removeTunnel(tunnelId: number): boolean {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined) return false;
    for (const sessionId of [...tunnel.sessions.keys()]) this.removeSession(tunnelId, sessionId);
    this.#tables.removeTunnel(tunnel.row);
    return this.#tunnels.delete(tunnelId);
  }

  /** The task that takes L2TP datagrams up: to a pool of `wasm-lns/worker`, or to `run`. */
  up(packets: PacketBatch, shard = 0): BatchTask {
    return { engine: this.handle, shard, direction: 'up', packets };
  }
  /** The task that takes IP packets down to their clients. */
  down(packets: PacketBatch, shard = 0): BatchTask {
    return { engine: this.handle, shard, direction: 'down', packets };
  }
  /** Runs a task in this thread. */
  run(task: BatchTask): BatchResult {
    let runner = this.#local.get(task.shard);
    if (runner === undefined) {
      runner = new BatchRunner(this.handle, task.shard);
      this.#local.set(task.shard, runner);
    }
    return runner.run(task.direction, task.packets);
  }

  /**
   * Runs tasks on a pool as they come and yields their results in the order of the tasks. One task a shard is under
   * way, `window` in all are taken from the source ahead of the reader: a slow reader slows the source.
   */
  async *stream(
    pool: TaskPool,
    tasks: AsyncIterable<BatchTask> | Iterable<BatchTask>,
    window = this.shards * 2,
  ): AsyncGenerator<BatchResult, void, void> {
    const last = new Map<number, Promise<unknown>>();
    const waiting: Promise<BatchResult>[] = [];
    for await (const task of tasks) {
      const before = last.get(task.shard) ?? Promise.resolve();
      const result = before.then(
        () => pool.run(task),
        () => pool.run(task),
      );
      result.catch(() => undefined); // the reader sees it where it awaits the result
      last.set(task.shard, result);
      waiting.push(result);
      if (waiting.length >= window) yield await waiting.shift()!;
    }
    for (const result of waiting) yield await result;
  }

  sessionCounters(row: number): SessionCounters {
    return this.#tables.sessionCounters(row);
  }
  /** Drops by reason and totals, of all shards. Reasons that never occurred are left out. */
  counters(): EngineCounters {
    const sum = (index: number): number => {
      let total = 0;
      for (let shard = 0; shard < this.shards; shard++) total += this.#tables.shardCounter(shard, index);
      return total;
    };
    const drops: Record<string, number> = {};
    for (const [index, name] of DROP_LIST) {
      const value = sum(index);
      if (value > 0) drops[name] = value;
    }
    return { drops, totals: Object.fromEntries(TOTAL_LIST.map(([index, name]) => [name, sum(index)])) };
  }
}

/** Largest MRRU: what a slot of the pool holds, the protocol field included. */
const MRRU_MAX = 1900;

function checkId(id: number, name: string): number {
  if (!Number.isInteger(id) || id < 1 || id > 65535) throw new ConfigError(`${name} ${id} is not within 1 to 65535`);
  return id;
}
