/**
 * A shard: one long-running Piscina task that moves packets between its sockets, its TUN queue and its rings through
 * the Wasm path. It never blocks but in its own wait, and that always ends.
 */
import { workerData } from 'node:worker_threads';
import { instantiatePath } from '../dataplane/module.ts';
import type { MemoryPlan } from '../dataplane/plan.ts';
import { impairArguments, type TrafficSetup } from '../dataplane/traffic.ts';
import * as layout from '../generated/layout.ts';
import { type Ffi, MSG_DONTWAIT, openFfi } from '../io/ffi.ts';
import { LANE, LANES } from '../io/steering.ts';
import { Uring } from '../io/uring.ts';
import { Coalescing } from './coalescing.ts';

/** Handed to the pool's workers at their start. */
export interface ShardWorkerData {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  readonly plan: MemoryPlan;
}

export interface ShardTask {
  readonly shard: number;
  /** Time origin of the main thread (performance.timeOrigin): the shared clock counts from there. */
  readonly timeOrigin: number;
  /**
   * File descriptor by socket group, -1 where there is none, lane after lane (io/steering.ts); empty with a portable
   * access side. Shared: the main thread adds and takes away while the shard runs.
   */
  readonly sockets: Int32Array;
  /** Places in `sockets` that this shard reads from the start. */
  readonly listens: readonly number[];
  /** Where the shard leaves its epoll descriptor: shared, so that the main thread adds sockets to it. */
  readonly epoll: Int32Array;
  /** TUN queue, -1 without. */
  readonly tun: number;
  /** eventfd that wakes the shard, -1 where Atomics do. */
  readonly wake: number;
  /** By shard: the eventfd that wakes it; empty where Atomics do. */
  readonly wakes: readonly number[];
  /** `client`: a TUN queue too, on the side of the clients. */
  readonly core: 'tun' | 'client' | 'embedded' | 'none' | 'memory' | 'traffic';
  /** Queues of an AF_XDP interface that this shard reads, and their sockets; it sends by the first. */
  readonly xdp: readonly XdpQueue[];
  /** Send runs with UDP_SEGMENT. */
  readonly segmentation: boolean;
  /** The sockets deliver runs of datagrams that the kernel merged (UDP_GRO). */
  readonly gro: boolean;
  /** The TUN queue has IFF_VNET_HDR: super-packets of TCP cross it, with `uso` of UDP too. */
  readonly vnetHdr: boolean;
  readonly uso: boolean;
  /** Write to the TUN queue by io_uring, where the kernel lets us. */
  readonly uring: boolean;
  /** Most octets of a TCP segment: CLAMP_OFF, CLAMP_AUTO (what the client's MRU takes), or their number. */
  readonly clampMss: number;
  /** Packets may wait for their turn. */
  readonly shaping: boolean;
  /** Microseconds that packets may wait to share a batch; 0: none. */
  readonly coalesceUs: number;
  readonly traffic: TrafficSetup | null;
}

/** A queue of an AF_XDP interface that a shard serves. */
export interface XdpQueue {
  /** Number of its block of PART_XDP. */
  readonly queue: number;
  readonly fd: number;
  /** By this one the shard sends to the interface. */
  readonly sends: boolean;
}

/** Why the task ended. */
export interface ShardReport {
  readonly shard: number;
  readonly loops: number;
}

const CORE = {
  none: layout.CORE_NONE,
  tun: layout.CORE_TUN,
  client: layout.CORE_CLIENT,
  embedded: layout.CORE_EMBEDDED,
  memory: layout.CORE_MEMORY,
  traffic: layout.CORE_TRAFFIC,
} as const;

/** Longest wait: what bounds the end of the task, whatever else goes wrong. */
const WAIT_MS = 250;
/** How often the thread's CPU time is noted. */
const CPU_MS = 100;
/** Packets taken from a ring, or generated, in one turn. */
const TURN = 256;
const EAGAIN = 11;
const EINVAL = 22;
const ENETDOWN = 100;
/** How often an interface that is down is tried. */
const DOWN_MS = 50;
const EMSGSIZE = 90;
const EIO = 5;
const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
const EPOLL_EVENT_SIZE = 12;
const EVENTS = 64;
/** What an epoll event says is ready: a socket group, or one of these. */
const READY_WAKE = 0xffffffff;
const READY_TUN = 0xfffffffe;
/** Of the first AF_XDP queue. */
const READY_XDP = 0xfffff000;

/** The earlier of two ticks, of which 0 is none. */
const sooner = (a: number, b: number): number => (a === 0 || b === 0 ? a + b : Math.min(a, b));

export default function shard(task: ShardTask): ShardReport {
  return new Shard(task, workerData as ShardWorkerData).run();
}

class Shard {
  readonly #task: ShardTask;
  readonly #wasm;
  readonly #ffi: Ffi | null;
  /** Address of the memory in the process. */
  readonly #base: number;
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #tx: number;
  readonly #rx: number;
  readonly #control: number;
  readonly #scratch: number;
  readonly #stop: number;
  readonly #rings: readonly { part: number; head: number; tail: number }[];
  /** Shards that may hand over fragments and packets of bundles. */
  readonly #peers: readonly { shard: number; control: number }[];
  readonly #clock: number;
  readonly #epoll: number;
  /** One for each AF_XDP interface that it sends by. */
  readonly #senders: readonly XdpQueue[];
  readonly #uring: Uring | null;
  readonly #coalescing: Coalescing | null;
  /** Datagrams, frames and packets, or merged runs of them, that this turn took. */
  #reads = 0;
  /** When this turn began, on the shared clock. */
  #now = 0;
  /** When the thread's CPU time was last noted. */
  #cpuFrom = 0;

  constructor(task: ShardTask, { memory, module, plan }: ShardWorkerData) {
    this.#task = task;
    const needsCalls = task.sockets.length > 0 || task.tun >= 0 || task.wake >= 0;
    const ffi = needsCalls ? openFfi() : null;
    if (needsCalls && ffi === null) throw new Error('system calls are not available in this thread');
    this.#ffi = ffi;
    this.#words = new Int32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.#base = ffi === null ? 0 : Number(ffi.addressOf(new Uint8Array(memory.buffer)));
    const block = (part: number): number => plan.parts[part]!.offset + task.shard * plan.parts[part]!.stride;
    this.#tx = block(layout.PART_TX);
    this.#rx = block(layout.PART_RX);
    this.#control = block(layout.PART_SHARD_CONTROL);
    this.#scratch = this.#control + layout.SHARD_SCRATCH;
    this.#stop = (plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_STOP) >>> 2;
    this.#rings = [layout.PART_RING_INJECT, layout.PART_RING_ACCESS_IN, layout.PART_RING_CORE_IN]
      .filter((part) => plan.parts[part]!.count > 0)
      .map((part) => ({
        part,
        head: (block(part) + layout.RING_HEAD) >>> 2,
        tail: (block(part) + layout.RING_TAIL) >>> 2,
      }));
    const all = plan.parts[layout.PART_SHARD_CONTROL]!;
    this.#peers =
      plan.parts[layout.PART_RING_PEER]!.count === 0
        ? []
        : Array.from({ length: plan.sizes.shards }, (_, index) => ({
            shard: index,
            control: all.offset + index * all.stride,
          })).filter((peer) => peer.shard !== task.shard);
    this.#clock = performance.timeOrigin - task.timeOrigin;
    this.#wasm = instantiatePath(module, memory);
    if (this.#wasm.attach(BigInt(this.#base), task.shard) !== 0) throw new Error('the memory has another layout');
    // The pool was in use before: this shard takes over from one that died.
    if (this.#words[(this.#control + layout.SHARD_FRAGMENT_FRESH) >>> 2] !== 0) this.#wasm.mpRecover();
    this.#wasm.coreBackEnd(CORE[task.core]);
    this.#wasm.hostEnable(task.core === 'embedded' ? 1 : 0);
    // Over loopback and veth a run stays one packet up to the LNS's sockets, which are chosen by its first header: an
    // emulator's tunnels may belong to different shards there.
    const runs = task.traffic === null ? layout.RUNS_PEER : layout.RUNS_TUNNEL;
    this.#wasm.transmitOptions(task.segmentation ? runs : layout.RUNS_NONE, task.sockets.length === 0 ? 1 : 0);
    if (task.sockets.length > 0) this.#wasm.receivePrepare(task.gro ? 1 : 0);
    for (const { queue, sends } of task.xdp) this.#wasm.xdpAttach(queue, sends ? 1 : 0);
    this.#senders = task.xdp.filter(({ sends }) => sends);
    this.#wasm.mssOptions(task.clampMss);
    if (task.shaping) this.#wasm.shapeInit();
    if (task.vnetHdr) this.#wasm.offloadOptions(1, task.uso ? 1 : 0);
    if (task.traffic !== null)
      this.#wasm.trafficOptions(
        task.traffic.kind === 'icmp' ? layout.TRAFFIC_ICMP : layout.TRAFFIC_UDP,
        task.traffic.target,
        task.traffic.sizes.length,
        task.traffic.burst,
        task.traffic.flows,
      );
    if (task.traffic !== null && task.traffic.impair !== null)
      this.#wasm.impairOptions(...impairArguments(task.traffic.impair, plan.sizes.shards));
    this.#epoll = ffi === null ? -1 : this.#openEpoll(ffi);
    this.#coalescing = ffi === null || task.coalesceUs === 0 ? null : new Coalescing(ffi, task.coalesceUs, this.#clock);
    Atomics.store(task.epoll, 0, this.#epoll);
    const uring =
      ffi !== null && task.uring && task.tun >= 0
        ? Uring.open(ffi, this.#wasm, memory, block(layout.PART_URING), this.#base, task.tun)
        : 0;
    this.#uring = typeof uring === 'number' ? null : uring;
    Atomics.store(this.#words, (this.#control + layout.SHARD_URING_FD) >>> 2, this.#uring?.fd ?? 0);
    Atomics.store(this.#words, (this.#control + layout.SHARD_URING) >>> 2, typeof uring === 'number' ? uring : -1);
  }

  #openEpoll(ffi: Ffi): number {
    const epoll = ffi.epoll_create1(0);
    if (epoll < 0) throw ffi.error('epoll_create1');
    const add = (fd: number, data: number): void => {
      this.#view.setUint32(this.#scratch, EPOLLIN, true);
      this.#view.setUint32(this.#scratch + 4, data, true);
      this.#view.setUint32(this.#scratch + 8, 0, true);
      if (ffi.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, this.#base + this.#scratch) < 0) throw ffi.error('epoll_ctl');
    };
    for (const place of this.#task.listens) add(this.#task.sockets[place]!, place);
    for (const [n, { fd }] of this.#task.xdp.entries()) add(fd, READY_XDP + n);
    if (this.#task.tun >= 0) add(this.#task.tun, READY_TUN);
    if (this.#task.wake >= 0) add(this.#task.wake, READY_WAKE);
    return epoll;
  }

  run(): ShardReport {
    const wasm = this.#wasm;
    const running = (this.#control + layout.SHARD_RUNNING) >>> 2;
    let loops = 0;
    let busy = false;
    let tick = 0;
    const impaired = this.#task.traffic !== null && this.#task.traffic.impair !== null;
    let generated = 0;
    let trafficFrom = 0;
    let trafficRate = 0;
    Atomics.store(this.#words, running, 1);
    try {
      wasm.transmitReset();
      while (Atomics.load(this.#words, this.#stop) === 0) {
        loops++;
        let timeout = busy ? 0 : tick > 0 ? tick : WAIT_MS;
        if (this.#task.traffic !== null) {
          const rate = Atomics.load(this.#words, (this.#control + layout.SHARD_TRAFFIC_RATE) >>> 2) >>> 0;
          const now = performance.now();
          if (rate !== trafficRate) {
            trafficRate = rate;
            trafficFrom = now;
            generated = 0;
          }
          if (rate > 0) {
            timeout = 0;
            const due = Math.floor(((now - trafficFrom) * rate) / 1000) - generated;
            if (due <= 0) timeout = busy ? 0 : 1;
            else {
              // A backlog of more than 20 ms is given up: the rate is a ceiling.
              const most = Math.max(TURN, rate / 50);
              if (due > most) generated += due - most;
              const n = this.#generate(Math.min(due, most));
              generated += n;
              if (n === 0) {
                generated += due;
                timeout = 1;
              }
            }
          }
        }
        const ready = this.#wait(timeout);
        this.#setTime();
        wasm.epochEnter();
        if (this.#task.traffic !== null) wasm.trafficClock(BigInt(Math.round(performance.now() * 1000)));
        if (this.#task.shaping) {
          while (wasm.shapeTick() === 0) this.#flush();
          this.#flush();
        }
        busy = this.#takeRings();
        // Control frames first: they have a socket of their own, so that no flood of data keeps them out.
        for (let i = 0; i < ready; i++) {
          const data = this.#event(i);
          if (data < READY_XDP && this.#isControlLane(data)) busy = this.#receive(data) || busy;
        }
        for (let i = 0; i < ready; i++) {
          const data = this.#event(i);
          if (data === READY_WAKE) this.#woken();
          else if (data === READY_TUN) busy = this.#readTun() || busy;
          else if (data >= READY_XDP) busy = this.#receiveXdp(this.#task.xdp[data - READY_XDP]!) || busy;
          else if (!this.#isControlLane(data)) busy = this.#receive(data) || busy;
        }
        tick = wasm.mpTick();
        if (tick !== 0) this.#flush();
        if (tick < 0) busy = true;
        if (this.#task.shaping && wasm.shapeWaiting() > 0) tick = 1;
        if (impaired) {
          const held = wasm.impairTick();
          this.#flush();
          if (held < 0) busy = true;
          else if (held > 0) tick = tick > 0 ? Math.min(tick, held) : held;
        }
        // Frames that the kernel did not take are offered again.
        for (const sender of this.#senders) tick = sooner(tick, this.#kick(sender));
        this.#wakePeers();
        wasm.epochLeave();
        wasm.ringDoorbell();
        if (this.#coalescing !== null) this.#coalescing.after(this.#reads, this.#now, busy);
        this.#reads = 0;
      }
    } finally {
      wasm.epochLeave();
      Atomics.store(this.#words, running, 0);
      Atomics.store(this.#task.epoll, 0, -1);
      this.#uring?.close();
      Atomics.store(this.#words, (this.#control + layout.SHARD_URING_FD) >>> 2, 0);
      if (this.#epoll >= 0) this.#ffi!.close(this.#epoll);
    }
    return { shard: this.#task.shard, loops };
  }

  #isControlLane(place: number): boolean {
    return Math.floor((place * LANES) / this.#task.sockets.length) === LANE.ppp;
  }
  /** What became ready. */
  #event(i: number): number {
    return this.#view.getUint32(this.#scratch + 1024 + i * EPOLL_EVENT_SIZE + 4, true);
  }
  #woken(): void {
    this.#ffi!.read(this.#task.wake, this.#base + this.#scratch, 8);
    const hook = Atomics.exchange(this.#words, (this.#control + layout.SHARD_HOOK) >>> 2, 0);
    if (hook === layout.HOOK_TRAP) this.#wasm.trap();
    if (hook === layout.HOOK_EXIT) process.exit(1); // of this thread
  }
  /** Time of a batch, on the clock that all threads share. */
  #setTime(): void {
    const now = Math.max(0, performance.now() + this.#clock);
    this.#now = now;
    this.#wasm.setNow(now >>> 0);
    this.#wasm.setClock(now * 1000);
    if (now >= this.#cpuFrom + CPU_MS) {
      this.#cpuFrom = now;
      const { user, system } = process.threadCpuUsage();
      Atomics.store(this.#words, (this.#control + layout.SHARD_CPU) >>> 2, user + system);
    }
  }

  /** Waits until something is ready. @returns the number of events, which stand in the scratch area */
  #wait(timeout: number): number {
    const sleeping = (this.#control + layout.SHARD_SLEEPING) >>> 2;
    let wait = timeout;
    if (wait > 0) {
      Atomics.store(this.#words, sleeping, 1);
      // What was written to a ring before its writer could see the flag is found here.
      if (this.#ringsWait() || Atomics.load(this.#words, this.#stop) !== 0) wait = 0;
    }
    let ready = 0;
    if (this.#ffi !== null) {
      ready = this.#ffi.epoll_wait(this.#epoll, this.#base + this.#scratch + 1024, EVENTS, wait);
    } else if (wait > 0) {
      const word = (this.#control + layout.SHARD_WAKE) >>> 2;
      const before = Atomics.load(this.#words, word);
      if (!this.#ringsWait()) Atomics.wait(this.#words, word, before, wait);
    }
    if (timeout > 0) Atomics.store(this.#words, sleeping, 0);
    return Math.max(0, ready);
  }
  #ringsWait(): boolean {
    for (const ring of this.#rings)
      if (Atomics.load(this.#words, ring.head) !== Atomics.load(this.#words, ring.tail)) return true;
    for (const { shard } of this.#peers) if (this.#wasm.peerWaits(shard) !== 0) return true;
    return false;
  }

  /** Frames to send, and what portable back ends have dealt. @returns whether more may wait */
  #takeRings(): boolean {
    let more = false;
    const doing = (this.#control + layout.SHARD_DOING) >>> 2;
    for (const ring of this.#rings) {
      if (Atomics.load(this.#words, ring.head) === Atomics.load(this.#words, ring.tail)) continue;
      this.#words[doing] = ring.part;
      let taken: number;
      if (ring.part === layout.PART_RING_INJECT) taken = this.#wasm.inject(TURN);
      else if (ring.part === layout.PART_RING_ACCESS_IN) taken = this.#wasm.upstreamRing(TURN);
      else taken = this.#wasm.downstreamRing(TURN);
      this.#flush();
      this.#wasm.ringsRelease(
        ring.part === layout.PART_RING_ACCESS_IN ? 1 : 0,
        ring.part === layout.PART_RING_CORE_IN ? 1 : 0,
      );
      this.#words[doing] = 0;
      if (taken > 0) more = true;
    }
    for (const { shard } of this.#peers) {
      if (this.#wasm.peerWaits(shard) === 0) continue;
      this.#words[doing] = layout.PART_RING_PEER | (shard << 8);
      if (this.#wasm.peerTake(shard, TURN) > 0) more = true;
      this.#flush();
      this.#wasm.peerRelease(shard);
      this.#words[doing] = 0;
    }
    return more;
  }
  /** Wakes the shards that something was handed to and that sleep. */
  #wakePeers(): void {
    if (this.#peers.length === 0) return;
    const bits = this.#wasm.peerWake();
    if (bits === 0n) return;
    for (const { shard, control } of this.#peers) {
      if ((bits & (1n << BigInt(shard))) === 0n) continue;
      if (Atomics.exchange(this.#words, (control + layout.SHARD_SLEEPING) >>> 2, 0) === 0) continue;
      const fd = this.#task.wakes[shard] ?? -1;
      if (fd >= 0) {
        this.#view.setBigUint64(this.#scratch, 1n, true);
        this.#ffi!.write(fd, this.#base + this.#scratch, 8);
      } else {
        const word = (control + layout.SHARD_WAKE) >>> 2;
        Atomics.add(this.#words, word, 1);
        Atomics.notify(this.#words, word);
      }
    }
  }

  /** One batch from a socket. @returns whether more may wait */
  #receive(place: number): boolean {
    const group = place % (this.#task.sockets.length / LANES);
    const n = this.#ffi!.recvmmsg(
      this.#task.sockets[place]!,
      this.#base + this.#rx + layout.RX_MESSAGES,
      layout.BATCH,
      MSG_DONTWAIT,
      0,
    );
    if (n <= 0) return false;
    for (let at = 0; at < n; ) {
      at = this.#wasm.upstream(at, n, group);
      this.#flush();
    }
    this.#wasm.receiveRearm(n);
    this.#reads += n;
    return n === layout.BATCH;
  }

  /** One batch of frames from an AF_XDP ring: no system call. @returns whether more may wait */
  #receiveXdp({ queue, fd }: XdpQueue): boolean {
    const n = this.#wasm.xdpReceive(queue, layout.BATCH);
    this.#flush();
    this.#wasm.xdpRelease(queue, n);
    this.#reads += n;
    if (this.#wasm.xdpFillWakes(queue) !== 0) this.#ffi!.recv(fd, 0, 0, MSG_DONTWAIT);
    return n === layout.BATCH;
  }
  /** Tells the kernel of frames to send; it copies a few a call. @returns milliseconds until it is to be told again; 0: it has all */
  #kick({ queue, fd }: XdpQueue): number {
    let waiting = this.#wasm.xdpUntold(queue);
    if (waiting === 0) return 0;
    let sent = 0;
    for (let before = waiting + 1; waiting > 0 && waiting < before; ) {
      before = waiting;
      sent = this.#ffi!.sendto(fd, 0, 0, MSG_DONTWAIT, 0, 0);
      waiting = this.#wasm.xdpUntold(queue);
    }
    const down = sent < 0 && this.#ffi!.errno() === ENETDOWN;
    this.#wasm.xdpTold(queue);
    return waiting === 0 ? 0 : down ? DOWN_MS : 1;
  }

  /** One batch from the TUN queue. @returns whether more may wait */
  #readTun(): boolean {
    if (this.#task.vnetHdr) return this.#readTunRuns();
    const lengths = this.#scratch;
    let n = 0;
    for (; n < layout.BATCH; n++) {
      const octets = this.#ffi!.read(this.#task.tun, this.#base + this.#wasm.coreSlot(n), layout.SLOT_OCTETS);
      if (octets <= 0) break;
      this.#words[(lengths >>> 2) + n] = octets;
    }
    for (let at = 0; at < n; ) {
      at = this.#wasm.downstream(at, n, lengths);
      this.#flush();
    }
    this.#reads += n;
    return n === layout.BATCH;
  }

  /** The same with IFF_VNET_HDR: packets of up to 64 KiB, each split in the path. */
  #readTunRuns(): boolean {
    const wasm = this.#wasm;
    let n = 0;
    let more = false;
    for (;;) {
      const at = wasm.coreReadSlot() >>> 0;
      if (at === 0) {
        more = true;
        break;
      }
      const octets = this.#ffi!.read(this.#task.tun, this.#base + at, layout.CORE_READ_MAX);
      if (octets <= 0) break;
      wasm.coreReadDone(octets);
      n++;
    }
    for (let at = 0; at < n; ) {
      at = wasm.downstreamRuns(at);
      this.#flush();
    }
    this.#reads += n;
    return more;
  }

  #generate(budget: number): number {
    let sent = 0;
    this.#setTime();
    this.#wasm.epochEnter();
    while (sent < budget) {
      this.#wasm.trafficClock(BigInt(Math.round(performance.now() * 1000)));
      const n = this.#wasm.trafficSend(Math.min(TURN, budget - sent));
      this.#flush();
      if (n === 0) break;
      sent += n;
    }
    this.#wasm.epochLeave();
    return sent;
  }

  /** Performs the lists of a batch: datagrams by sendmmsg, packets by one write each. */
  #flush(): void {
    const wasm = this.#wasm;
    const runs = wasm.transmitRuns();
    for (let run = 0; run < runs; run++) {
      const at = (this.#tx + layout.TX_RUNS + run * 16) >>> 2;
      this.#send(this.#task.sockets[this.#words[at]!]!, this.#words[at + 1]!, this.#words[at + 2]!);
    }
    const outs = wasm.transmitOuts();
    if (outs > 0 && this.#uring !== null) {
      const lost = this.#uring.write(this.#task.vnetHdr ? wasm.offloadWrites() : outs, this.#task.vnetHdr);
      if (lost > 0) wasm.coreLost(lost);
    } else if (outs > 0 && this.#task.vnetHdr) this.#writeRuns();
    else if (outs > 0) {
      let lost = 0;
      const list = (this.#tx + layout.TX_OUT) >>> 2;
      for (let i = 0; i < outs; i++) {
        const ptr = this.#words[list + i * 2]! >>> 0;
        if (
          this.#task.tun < 0 ||
          this.#ffi!.write(this.#task.tun, this.#base + ptr, this.#words[list + i * 2 + 1]!) < 0
        )
          lost++;
      }
      if (lost > 0) wasm.coreLost(lost);
    }
    wasm.transmitReset();
  }

  /** The list for a TUN device with IFF_VNET_HDR: a run of one flow by one write. */
  #writeRuns(): void {
    const writes = this.#wasm.offloadWrites();
    const list = (this.#tx + layout.TX_OFFLOAD_WRITES) >>> 2;
    let lost = 0;
    for (let i = 0; i < writes; i++) {
      const vectors = this.#words[list + i * 2]! >>> 0;
      const count = this.#words[list + i * 2 + 1]!;
      if (this.#ffi!.writev(this.#task.tun, this.#base + vectors, count) < 0) lost += count - 1;
    }
    if (lost > 0) this.#wasm.coreLost(lost);
  }

  /** Sends messages `first` to `first + count`; what the kernel refuses is counted, never waited for. */
  #send(fd: number, first: number, count: number): void {
    const ffi = this.#ffi!;
    const messages = this.#base + this.#tx + layout.TX_MESSAGES;
    const end = first + count;
    for (let at = first; at < end; ) {
      const sent = ffi.sendmmsg(fd, messages + at * layout.MMSGHDR_SIZE, end - at, MSG_DONTWAIT);
      if (sent > 0) {
        at += sent;
        continue;
      }
      const errno = ffi.errno();
      const segments = this.#wasm.transmitSegments(at);
      if (errno === EAGAIN) {
        let packets = 0;
        for (; at < end; at++) packets += this.#wasm.transmitSegments(at);
        this.#wasm.transmitLost(packets, 1);
        return;
      }
      if (segments > 1 && (errno === EINVAL || errno === EMSGSIZE || errno === EIO)) this.#sendSingly(fd, at);
      else this.#wasm.transmitLost(segments, 0);
      at++;
    }
  }
  /** A segmented message that the kernel will not segment (a segment larger than the path's MTU, an odd device). */
  #sendSingly(fd: number, index: number): void {
    const count = this.#wasm.transmitSingle(index);
    const messages = this.#base + this.#tx + layout.TX_SINGLE;
    for (let at = 0; at < count; ) {
      const sent = this.#ffi!.sendmmsg(fd, messages + at * layout.MMSGHDR_SIZE, count - at, MSG_DONTWAIT);
      if (sent > 0) at += sent;
      else {
        this.#wasm.transmitLost(1, this.#ffi!.errno() === EAGAIN ? 1 : 0);
        at++;
      }
    }
  }
}
