import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { DROP_LIST, TOTAL_LIST } from '../dataplane/drops.ts';
import { compilePath, instantiatePath } from '../dataplane/module.ts';
import { formatMemory, type MemoryPlan, planMemory } from '../dataplane/plan.ts';
import { type RecordHead, Ring } from '../dataplane/ring.ts';
import { joinRecord, type MemberLink, Tables } from '../dataplane/tables.ts';
import { HELD_SLOTS, TrafficView } from '../dataplane/traffic.ts';
import * as layout from '../generated/layout.ts';
import type { Ffi } from '../io/ffi.ts';
import { LANES } from '../io/steering.ts';
import type { ShardReport, ShardTask, ShardWorkerData } from '../worker/shard.ts';
import { Takeover } from './takeover.ts';

export interface PlaneOptions {
  readonly tunnels: number;
  readonly sessions: number;
  /** Multilink bundles at once; default 0. */
  readonly bundles?: number;
  readonly shards: number;
  /** System calls; null: portable back ends, whose datagrams go through rings. */
  readonly ffi: Ffi | null;
  /** By shard: file descriptor of each socket group, and the groups it reads. Empty without ffi. */
  readonly sockets: readonly {
    fds: readonly number[];
    listens: readonly number[];
    /** By lane after the first (io/steering.ts), by socket group: where control frames and spread data arrive. */
    lanes?: readonly (readonly number[])[];
  }[];
  readonly core: ShardTask['core'];
  /** TUN queue by shard. */
  readonly tun: readonly number[];
  readonly traffic: ShardTask['traffic'];
  readonly segmentation: boolean;
  /** Octets of each ring of control messages and PPP frames; a power of two, default 1 MiB. */
  readonly controlRingOctets?: number;
  /** The sockets that shards read deliver merged runs of datagrams (UDP_GRO). */
  readonly gro?: boolean;
  /** The TUN queues have IFF_VNET_HDR, with `uso` for UDP too. */
  readonly vnetHdr?: boolean;
  readonly uso?: boolean;
  /** Try io_uring for writes to the TUN queues. */
  readonly uring?: boolean;
  /** As ShardTask says; off by default. */
  readonly clampMss?: number;
  /** As ShardTask says; off by default. */
  readonly coalesceUs?: number;
  /** Room for packets that wait for their turn (`Tables.setPolicer` with queueMs). */
  readonly shaping?: boolean;
  /** AF_XDP interfaces: the queues of each are dealt to the shards in turn. */
  readonly xdp?: readonly XdpSetup[];
  readonly events: PlaneEvents;
}

/** An AF_XDP interface. */
export interface XdpSetup {
  readonly queues: number;
  /** Octets of a chunk. */
  readonly chunk: number;
  /** It is the core's. */
  readonly core: boolean;
  /**
   * Opens it over this memory. @param fill gives the kernel the chunks of a block, by the index of its offset in `blocks`
   * @returns descriptor by queue; fewer where it has fewer, none where it cannot be had
   */
  open(memory: WebAssembly.Memory, blocks: readonly number[], fill: (index: number) => void): readonly number[];
}

export interface PlaneEvents {
  /** A PPP frame, from its protocol field on, of the session in `row`. */
  frame(row: number, frame: Uint8Array): void;
  /** A copy of an IP packet of the session or bundle in `row` (`Tables.setTap`). */
  tapped?(row: number, packet: Uint8Array, inbound: boolean): void;
  /** A PPP frame that `inject` was given for the session in `row`. */
  injected?(row: number, frame: Uint8Array): void;
  /** A control message that came by a data socket. `sockaddr`: of its sender. */
  control(octets: Uint8Array, sockaddr: Uint8Array, group: number): void;
  /** Portable back end: a datagram to send. */
  datagram(octets: Uint8Array, sockaddr: Uint8Array, group: number): void;
  /** All that was waiting has been handed over. */
  drained(): void;
  /** A shard ended by itself, and could not be replaced. */
  failed(shard: number, reason: unknown): void;
  /** A shard ended by itself; another thread has taken its place, sessions and all, `ms` later. */
  replaced?(shard: number, reason: unknown, ms: number): void;
}

/** A change of a bundle that its owner has not been told yet. */
interface BundleChange {
  kind: number;
  bundle: number;
  generation: number;
  link: number;
  payload: Uint8Array;
}
const NOTHING = new Uint8Array(0);
const BACKLOG_MS = 2;
/** Frames taken from a shard before those that sleep are woken for the answers. */
const WAKE_BATCH = 64;
/** Longest work on frames in one turn of the main thread, and the frames after which the clock is looked at. */
const TURN_MS = 4;
const CLOCK_EVERY = 16;
/** Room for socket groups that are added while the shards run. */
const SOCKET_GROUPS = 1024;
/** Room for framed routes, besides one address a session. */
const FRAMED_ROUTES_MAX = 65_536;
const EEXIST = 17;
/** A shard that ends by itself more often than this within the window is started after a pause only. */
const ENDS_AT_ONCE = 5;
const END_WINDOW_MS = 10_000;
const END_PAUSE_MS = 1000;
/** Longest wait for the replacement to run. */
const REPLACE_MS = 5000;
const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_EVENT_SIZE = 12;

/** Counters of one shard. */
export interface ShardCounters {
  readonly totals: Record<string, number>;
  readonly drops: Record<string, number>;
}

/** The worker file of this package: as TypeScript from a checkout, compiled from the package. */
function workerFile(name: string): string {
  const typescript = new URL(`../worker/${name}.ts`, import.meta.url);
  return fileURLToPath(existsSync(typescript) ? typescript : new URL(`../worker/${name}.js`, import.meta.url));
}

/**
 * The data plane as the main thread runs it: the shared memory, its tables, the shards in their Piscina pool, and the
 * rings between them. It knows no protocol.
 */
export class Plane {
  readonly tables: Tables;
  /** What the generator has counted; nothing without one. */
  readonly traffic: TrafficView;
  readonly shards: number;
  readonly memory: WebAssembly.Memory;
  readonly plan: MemoryPlan;
  readonly #options: PlaneOptions;
  readonly #words: Int32Array;
  readonly #pool: Piscina;
  readonly #tasks: Promise<unknown>[] = [];
  readonly #punt: Ring[];
  readonly #inject: Ring[];
  readonly #accessIn: Ring[];
  readonly #accessOut: Ring[];
  /** By shard: descriptors by socket group, and its epoll descriptor; shared with it. */
  readonly #sockets: readonly Int32Array[];
  readonly #epolls: readonly Int32Array[];
  readonly #wakeFds: number[];
  /** By AF_XDP interface: its sockets by queue, and the number of its first block of PART_XDP. */
  readonly #xdp: readonly { readonly first: number; readonly fds: readonly number[] }[];
  readonly #wakeBuffer: BigUint64Array;
  readonly #wakeAddress: number;
  readonly #doorbell: number;
  readonly #head: RecordHead = { kind: 0, row: 0, generation: 0, aux: 0 };
  /** By shard: changes that found its ring full. */
  readonly #backlog: BundleChange[][];
  readonly #takeovers: readonly Takeover[];
  /** By shard: groups that it reads besides those it was started with. */
  readonly #added: readonly Set<number>[];
  /** By shard: when it ended by itself, of late. */
  readonly #ends: readonly number[][];
  #opened = false;
  /** Shards with something in their rings that have not been woken for it. */
  readonly #toWake: Uint8Array;
  #wakesScheduled = false;
  #draining = false;
  /** The shard whose frames come first in the next turn. */
  #first = 0;
  #closing = false;
  /** Frames that found their shard's ring full. */
  injectFull = 0;
  /** Datagrams that found their shard's ring full (portable back end). */
  dealFull = 0;

  private constructor(options: PlaneOptions) {
    this.#options = options;
    this.shards = options.shards;
    this.#toWake = new Uint8Array(options.shards);
    const portable = options.ffi === null;
    const setups = options.xdp ?? [];
    this.plan = planMemory({
      tunnels: options.tunnels,
      sessions: options.sessions,
      addresses: options.sessions + Math.min(FRAMED_ROUTES_MAX, options.sessions),
      bundles: options.bundles ?? 0,
      shards: options.shards,
      controlRingOctets: options.controlRingOctets ?? 1 << 20,
      // With system calls: for data that reached the control socket inside a run.
      accessRingOctets: portable ? 1 << 22 : 1 << 18,
      coreRingOctets: 0,
      ports: true,
      shaping: options.shaping === true,
      ...(setups.length === 0
        ? {}
        : {
            xdp: {
              queues: setups.reduce((sum, { queues }) => sum + queues, 0),
              chunk: Math.max(...setups.map(({ chunk }) => chunk)),
              core: setups.some(({ core }) => core),
            },
          }),
      traffic: options.traffic !== null,
      held: options.traffic !== null && options.traffic.impair !== null ? HELD_SLOTS : 0,
    });
    this.memory = new WebAssembly.Memory({ initial: this.plan.pages, maximum: this.plan.pages, shared: true });
    const { memory } = this;
    formatMemory(memory, this.plan);
    const module = compilePath();
    const wasm = instantiatePath(module, memory);
    wasm.attach(0n, options.shards);
    this.tables = new Tables(wasm, memory, this.plan);
    this.traffic = new TrafficView(memory.buffer, this.plan);
    if (options.traffic !== null) this.traffic.setMix(options.traffic.sizes);
    this.#words = new Int32Array(memory.buffer);
    this.#doorbell = (this.plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_DOORBELL) >>> 2;
    const rings = (part: number): Ring[] => {
      const { offset, octets, count, stride } = this.plan.parts[part]!;
      return Array.from({ length: count }, (_, shard) => new Ring(memory.buffer, offset + shard * stride, octets));
    };
    this.#backlog = Array.from({ length: options.shards }, () => []);
    this.#punt = rings(layout.PART_RING_PUNT);
    this.#inject = rings(layout.PART_RING_INJECT);
    this.#accessIn = rings(layout.PART_RING_ACCESS_IN);
    this.#accessOut = rings(layout.PART_RING_ACCESS_OUT);
    const { offset, stride } = this.plan.parts[layout.PART_XDP]!;
    let first = 0;
    this.#xdp = setups.map((setup) => {
      const from = first;
      first += setup.queues;
      const blocks = Array.from({ length: setup.queues }, (_, queue) => offset + (from + queue) * stride);
      return { first: from, fds: setup.open(memory, blocks, (index) => wasm.xdpFill(from + index)) };
    });
    const { ffi } = options;
    this.#takeovers = Array.from({ length: options.shards }, (_, shard) => new Takeover(this.#words, this.plan, shard));
    this.#added = Array.from({ length: options.shards }, () => new Set<number>());
    this.#ends = Array.from({ length: options.shards }, () => []);
    this.#epolls = Array.from({ length: options.shards }, () => new Int32Array(new SharedArrayBuffer(4)).fill(-1));
    this.#sockets = Array.from({ length: options.shards }, (_, shard) => {
      const fds = options.sockets[shard]?.fds ?? [];
      const groups = ffi === null ? 0 : Math.max(SOCKET_GROUPS, fds.length);
      const sockets = new Int32Array(new SharedArrayBuffer(groups * LANES * 4)).fill(-1);
      if (ffi !== null)
        for (const [lane, own] of [fds, ...(options.sockets[shard]?.lanes ?? [])].entries())
          sockets.set(own, lane * groups);
      return sockets;
    });
    this.#wakeFds = ffi === null ? [] : Array.from({ length: options.shards }, () => ffi.openEventfd());
    this.#wakeBuffer = new BigUint64Array([1n]);
    this.#wakeAddress = ffi === null ? 0 : Number(ffi.addressOf(this.#wakeBuffer));
    // Piscina's own waiting parks a thread between tasks: these tasks do their own.
    this.#pool = new Piscina({
      filename: workerFile('shard'),
      // One to spare, that takes the place of a shard that ends by itself.
      minThreads: options.shards + 1,
      maxThreads: options.shards + 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      // Piscina tries `require` first; where a thread is ended in the midst of it Node aborts the process.
      execArgv: ['--no-experimental-require-module'],
      workerData: { memory, module, plan: this.plan } satisfies ShardWorkerData,
    });
    void this.#listen();
  }

  /** Starts the shards and waits until each runs. */
  static async open(options: PlaneOptions): Promise<Plane> {
    const plane = new Plane(options);
    for (let shard = 0; shard < options.shards; shard++) plane.#start(shard);
    const failure = Promise.all(plane.#tasks).then(() => undefined);
    while (!plane.#allRunning()) await Promise.race([new Promise((resolve) => setTimeout(resolve, 2)), failure]);
    failure.catch(() => undefined);
    plane.#opened = true;
    return plane;
  }

  #start(shard: number): void {
    const { sockets, tun, core, segmentation, traffic } = this.#options;
    const task: ShardTask = {
      shard,
      timeOrigin: performance.timeOrigin,
      sockets: this.#sockets[shard]!,
      listens: [...new Set([...(sockets[shard]?.listens ?? []), ...this.#added[shard]!])]
        .flatMap((group) => this.#places(group))
        .filter((index) => Atomics.load(this.#sockets[shard]!, index) >= 0),
      epoll: this.#epolls[shard]!,
      tun: tun[shard] ?? -1,
      wake: this.#wakeFds[shard] ?? -1,
      wakes: this.#wakeFds,
      core,
      xdp: this.#xdp.flatMap(({ first, fds }) =>
        fds.flatMap((fd, queue) =>
          // It sends by the first that it has of an interface.
          queue % this.shards === shard ? [{ queue: first + queue, fd, sends: queue === shard }] : [],
        ),
      ),
      segmentation,
      gro: this.#options.gro === true,
      vnetHdr: this.#options.vnetHdr === true,
      uso: this.#options.uso === true,
      uring: this.#options.uring === true,
      clampMss: this.#options.clampMss ?? layout.CLAMP_OFF,
      coalesceUs: this.#options.coalesceUs ?? 0,
      shaping: this.#options.shaping === true,
      traffic,
    };
    const run = this.#pool.run(task) as Promise<ShardReport>;
    run.catch((reason: unknown) => {
      if (this.#closing) return;
      if (this.#opened) void this.#replace(shard, reason);
      else this.#options.events.failed(shard, reason);
    });
    this.#tasks[shard] = run;
  }
  /** Starts the shard anew in a thread that waits for it; one that keeps ending is given more and more rarely. */
  async #replace(shard: number, reason: unknown): Promise<void> {
    const from = performance.now();
    const ends = this.#ends[shard]!;
    ends.push(from);
    while (ends[0]! < from - END_WINDOW_MS) ends.shift();
    this.#takeovers[shard]!.clear(this.#options.ffi, this.#epolls[shard]!);
    if (ends.length > ENDS_AT_ONCE) await new Promise((resolve) => setTimeout(resolve, END_PAUSE_MS));
    if (this.#closing) return;
    const known = new Set(this.#added[shard]);
    this.#start(shard);
    while (!this.#takeovers[shard]!.running) {
      if (this.#closing || this.#ends[shard]!.at(-1) !== from) return;
      if (performance.now() - from > REPLACE_MS + END_PAUSE_MS) {
        this.#options.events.failed(shard, reason);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (const group of this.#added[shard]!)
      if (!known.has(group)) for (const index of this.#places(group)) this.#poll(shard, index);
    this.#options.events.replaced?.(shard, reason, performance.now() - from);
  }
  /** For tests: has a shard that has an eventfd end by a trap of its path, or its thread by itself. */
  provoke(shard: number, how: 'trap' | 'exit'): void {
    const { offset, stride } = this.plan.parts[layout.PART_SHARD_CONTROL]!;
    const hook = how === 'trap' ? layout.HOOK_TRAP : layout.HOOK_EXIT;
    Atomics.store(this.#words, (offset + shard * stride + layout.SHARD_HOOK) >>> 2, hook);
    this.#options.ffi?.write(this.#wakeFds[shard]!, this.#wakeAddress, 8);
  }
  /** -1 where every shard writes to its TUN queue by io_uring; else the errno that stood in the way, 0 where none was to. */
  get uringState(): number {
    const { offset, stride } = this.plan.parts[layout.PART_SHARD_CONTROL]!;
    for (let shard = 0; shard < this.shards; shard++) {
      const state = Atomics.load(this.#words, (offset + shard * stride + layout.SHARD_URING) >>> 2);
      if (state !== -1) return state;
    }
    return -1;
  }
  /** Socket groups that there is room for, in each lane. */
  get #groups(): number {
    return this.#sockets[0]!.length / LANES;
  }
  /** Where a group's descriptors stand, one a lane. */
  #places(group: number): number[] {
    return Array.from({ length: LANES }, (_, lane) => group + lane * this.#groups);
  }
  #allRunning(): boolean {
    const { offset, stride } = this.plan.parts[layout.PART_SHARD_CONTROL]!;
    for (let shard = 0; shard < this.shards; shard++)
      if (Atomics.load(this.#words, (offset + shard * stride + layout.SHARD_RUNNING) >>> 2) === 0) return false;
    return true;
  }

  /** Takes what the shards leave, whenever the doorbell rings. */
  async #listen(): Promise<void> {
    for (;;) {
      const seen = Atomics.load(this.#words, this.#doorbell);
      if (this.#closing) return;
      this.#drain();
      const wait = Atomics.waitAsync(this.#words, this.#doorbell, seen, 1000);
      if (wait.async) await wait.value;
      // Everything that is ready on the main thread's sockets and timers has its turn in between.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  #drain(): void {
    const { events } = this.#options;
    const head = this.#head;
    let any = false;
    this.#draining = true;
    for (let turn = 0; turn < this.shards; turn++) {
      const shard = (this.#first + turn) % this.shards;
      const end = performance.now() + TURN_MS / this.shards;
      const ring = this.#punt[shard]!;
      // Bounded, so that a flood on one shard does not keep the loop.
      for (let n = 0; n < 1024; n++) {
        if (n % CLOCK_EVERY === 0 && n > 0 && performance.now() >= end) break;
        const payload = ring.read(head);
        if (payload === null) break;
        any = true;
        if (n % WAKE_BATCH === WAKE_BATCH - 1) this.#wakeAll();
        if (head.kind === layout.RECORD_PPP) {
          this.tables.puntTaken(head.row);
          if (this.tables.sessionGeneration(head.row) === head.generation) events.frame(head.row, payload);
        } else if (head.kind === layout.RECORD_TAP) {
          if (this.tables.sessionGeneration(head.row) === head.generation)
            events.tapped?.(head.row, payload, head.aux === 1);
        } else if (head.kind === layout.RECORD_CONTROL)
          events.control(payload.subarray(layout.SOCKADDR_SIZE), payload.subarray(0, layout.SOCKADDR_SIZE), head.aux);
      }
      if (!ring.empty) Atomics.add(this.#words, this.#doorbell, 1);
      const out = this.#accessOut[shard];
      if (out === undefined) continue;
      for (let n = 0; n < 4096; n++) {
        const payload = out.read(head);
        if (payload === null) break;
        events.datagram(payload.subarray(layout.SOCKADDR_SIZE), payload.subarray(0, layout.SOCKADDR_SIZE), head.aux);
      }
      if (!out.empty) Atomics.add(this.#words, this.#doorbell, 1);
    }
    this.#first = (this.#first + 1) % this.shards;
    if (any) events.drained();
    this.#draining = false;
    this.#wakeAll();
  }

  /**
   * Has the session's owner shard send a PPP frame: the owner alone sends, so that numbered data messages stay in order.
   * @param frame all of it, Address and Control fields included where they are to be sent
   * @returns false where the shard's ring is full and the frame is lost
   */
  inject(row: number, frame: Uint8Array, priority: boolean): boolean {
    this.#options.events.injected?.(row, frame);
    const shard = this.tables.ownerShard(row);
    const generation = this.tables.sessionGeneration(row);
    const written = this.#inject[shard]!.write(layout.RECORD_SEND, row, generation, priority ? 1 : 0, frame);
    if (!written) this.injectFull++;
    this.#wakeSoon(shard);
    return written;
  }

  /**
   * Tells a bundle's owner shard of a change (layout RECORD_LINK_JOIN, RECORD_LINK_LEAVE, RECORD_BUNDLE_END). Never lost:
   * where the ring is full it waits for its turn, and later ones behind it.
   */
  bundleRecord(kind: number, bundle: number, link: number, payload: Uint8Array = NOTHING): void {
    const shard = this.tables.bundleOwner(bundle);
    const backlog = this.#backlog[shard]!;
    backlog.push({ kind, bundle, generation: this.tables.bundleGeneration(bundle), link, payload });
    if (backlog.length === 1) this.#writeBacklog(shard);
  }
  #writeBacklog(shard: number): void {
    const backlog = this.#backlog[shard]!;
    while (backlog.length > 0) {
      const { kind, bundle, generation, link, payload } = backlog[0]!;
      if (!this.#inject[shard]!.write(kind, bundle, generation, link, payload)) break;
      backlog.shift();
    }
    this.#wake(shard);
    if (backlog.length > 0 && !this.#closing) setTimeout(() => this.#writeBacklog(shard), BACKLOG_MS);
  }
  /** A link of bundle `bundle`, in place `link` (0 to 7), joins: `session` is its row. */
  linkJoin(bundle: number, link: number, session: number, member: MemberLink): void {
    const payload = joinRecord(session, this.tables.sessionGeneration(session), member);
    this.bundleRecord(layout.RECORD_LINK_JOIN, bundle, link, payload);
    this.tables.linkJoin(bundle, link, session, member);
  }
  linkLeave(bundle: number, link: number, session: number): void {
    this.tables.linkLeave(session);
    this.bundleRecord(layout.RECORD_LINK_LEAVE, bundle, link);
  }
  /** @returns as `Tables.removeBundle` */
  removeBundle(bundle: number, now: number): number {
    const carrier = this.tables.removeBundle(bundle, now);
    this.bundleRecord(layout.RECORD_BUNDLE_END, bundle, 0);
    return carrier;
  }

  /** Hands a data message that the main thread received to its shard. `sockaddr`: SOCKADDR_SIZE octets. */
  deal(shard: number, octets: Uint8Array, sockaddr: Uint8Array, group: number): void {
    if (!this.#accessIn[shard]!.write(layout.RECORD_DATAGRAM, 0, 0, group, sockaddr, octets)) this.dealFull++;
    this.#wake(shard);
  }

  /**
   * Gives the running shards a socket group. The main thread adds the descriptors to the shards' epoll sets itself.
   * @param fds descriptor by shard, lane after lane
   * @throws SystemError where the kernel refuses one; RangeError where there is no room for another group
   */
  addSockets(group: number, fds: readonly number[]): void {
    if (group >= this.#groups) throw new RangeError(`no room for more than ${group} local gateways`);
    fds.forEach((fd, i) => {
      const shard = i % this.shards;
      const index = group + Math.floor(i / this.shards) * this.#groups;
      Atomics.store(this.#sockets[shard]!, index, fd);
      this.#added[shard]!.add(group);
      this.#poll(shard, index);
    });
  }
  /** Adds a group's socket to what a shard waits for; one that is being replaced takes it up when it starts. */
  #poll(shard: number, index: number): void {
    const ffi = this.#options.ffi!;
    const epoll = Atomics.load(this.#epolls[shard]!, 0);
    const fd = Atomics.load(this.#sockets[shard]!, index);
    if (epoll < 0 || fd < 0) return;
    const event = new Uint32Array([EPOLLIN, index, 0]);
    if (ffi.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, Number(ffi.addressOf(event))) < 0 && ffi.errno() !== EEXIST)
      throw ffi.error('epoll_ctl');
  }
  /** Takes a socket group from the shards. Its descriptors may be closed once this is done: no shard works with them. */
  async removeSockets(group: number): Promise<void> {
    const ffi = this.#options.ffi!;
    const unused = new Uint8Array(EPOLL_EVENT_SIZE);
    for (let shard = 0; shard < this.shards; shard++) {
      this.#added[shard]!.delete(group);
      const epoll = Atomics.load(this.#epolls[shard]!, 0);
      for (const index of this.#places(group)) {
        const fd = Atomics.exchange(this.#sockets[shard]!, index, -1);
        if (fd >= 0 && epoll >= 0) ffi.epoll_ctl(epoll, EPOLL_CTL_DEL, fd, Number(ffi.addressOf(unused)));
      }
    }
    const epoch = this.tables.nextEpoch();
    while (!this.#closing && !this.tables.shardsPassed(epoch)) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /**
   * Wakes a shard at the end of the turn, or of a batch of frames: a wake-up costs several microseconds here and as much
   * there, and one does for all that was written until then.
   */
  #wakeSoon(shard: number): void {
    this.#toWake[shard] = 1;
    if (this.#draining || this.#wakesScheduled) return;
    this.#wakesScheduled = true;
    setImmediate(() => {
      this.#wakesScheduled = false;
      this.#wakeAll();
    });
  }
  #wakeAll(): void {
    for (let shard = 0; shard < this.shards; shard++) {
      if (this.#toWake[shard] === 0) continue;
      this.#toWake[shard] = 0;
      this.#wake(shard);
    }
  }
  #wake(shard: number): void {
    const { offset, stride } = this.plan.parts[layout.PART_SHARD_CONTROL]!;
    const control = offset + shard * stride;
    if (Atomics.exchange(this.#words, (control + layout.SHARD_SLEEPING) >>> 2, 0) === 0) return;
    const fd = this.#wakeFds[shard];
    if (fd !== undefined) this.#options.ffi!.write(fd, this.#wakeAddress, 8);
    else {
      const word = (control + layout.SHARD_WAKE) >>> 2;
      Atomics.add(this.#words, word, 1);
      Atomics.notify(this.#words, word);
    }
  }

  /** Sets the traffic generator's rate, packets a second over all shards; 0 stops it. */
  setTrafficRate(packetsPerSecond: number): void {
    const { offset, stride } = this.plan.parts[layout.PART_SHARD_CONTROL]!;
    for (let shard = 0; shard < this.shards; shard++) {
      const share = Math.floor(packetsPerSecond / this.shards) + (shard < packetsPerSecond % this.shards ? 1 : 0);
      Atomics.store(this.#words, (offset + shard * stride + layout.SHARD_TRAFFIC_RATE) >>> 2, share);
      this.#wake(shard);
    }
  }
  /** Counters of a shard; drops that never happened are left out. */
  /** CPU time of the shard's thread: microseconds modulo 2^32, a tenth of a second old at most. */
  shardCpu(shard: number): number {
    const { offset, stride } = this.plan.parts[layout.PART_SHARD_CONTROL]!;
    return Atomics.load(this.#words, (offset + shard * stride + layout.SHARD_CPU) >>> 2) >>> 0;
  }
  counters(shard: number): ShardCounters {
    const drops: Record<string, number> = {};
    for (const [index, name] of DROP_LIST) {
      const value = this.tables.shardCounter(shard, index);
      if (value > 0) drops[name] = value;
    }
    const totals = Object.fromEntries(
      TOTAL_LIST.map(([index, name]) => [name, this.tables.shardCounter(shard, index)]),
    );
    return { totals, drops };
  }

  /** Stops the shards and ends their threads. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const stop = (this.plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_STOP) >>> 2;
    Atomics.store(this.#words, stop, 1);
    for (let shard = 0; shard < this.shards; shard++) this.#wake(shard);
    await Promise.allSettled(this.#tasks);
    Atomics.notify(this.#words, this.#doorbell);
    await this.#pool.destroy();
    for (const fd of this.#wakeFds) this.#options.ffi!.close(fd);
  }
}
