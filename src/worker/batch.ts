/**
 * The worker module of a Piscina pool: takes batches of packets up or down the Wasm path.
 *
 * ```ts
 * import { Engine } from 'wasm-lns/engine';
 * const pool = new Piscina({ filename: fileURLToPath(import.meta.resolve('wasm-lns/worker')) });
 * const engine = new Engine({ shards: 2 });
 * const result = await pool.run(engine.decapsulate(0, datagrams));
 * ```
 *
 * A task of one shard at a time: a shard's lists and counters have one writer. `Engine.stream` keeps to that.
 */

import { Piscina } from 'piscina';
import { instantiatePath, type PathExports } from '../dataplane/module.ts';
import { type PacketBatch, packBatch } from '../dataplane/packets.ts';
import { type RecordHead, Ring } from '../dataplane/ring.ts';
import * as layout from '../generated/layout.ts';

/** What a worker needs to know of an engine: plain data, the memory shared, the module compiled once. */
export interface EngineHandle {
  readonly id: string;
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  /** Offsets of what a shard works with, by shard. */
  readonly areas: readonly {
    rx: number;
    tx: number;
    core: number;
    punt: number;
    puntOctets: number;
    sessions: number;
  }[];
}

/** One batch for one shard. */
export interface BatchTask {
  readonly engine: EngineHandle;
  readonly shard: number;
  /** `up`: L2TP datagrams from LACs; `down`: IP packets towards clients. */
  readonly direction: 'up' | 'down';
  readonly packets: PacketBatch;
}

/** A PPP control frame that is not the path's business: LCP, authentication, NCPs, unknown protocols. */
export interface ControlFrame {
  /** Row of the session. */
  readonly row: number;
  /** From the PPP protocol field on. */
  readonly frame: Uint8Array;
}

/** What became of a batch. Order within a session is kept. */
export interface BatchResult {
  /** Inner IP packets (`up`), or those of our own for the core side: ICMP (`down`). */
  readonly packets: PacketBatch;
  /** L2TP datagrams: encapsulated packets (`down`), or echo replies (`up`). */
  readonly datagrams: PacketBatch;
  readonly control: readonly ControlFrame[];
  /** L2TP control messages among the datagrams. */
  readonly messages: readonly Uint8Array[];
}

/** Octets of packets one call of the path takes: the input area of a shard. */
const AREA_OCTETS = layout.RX_SIZE - layout.RX_SLOTS - 2 * layout.HEADROOM;
/** Packets one call takes; the lists hold more, for replies and fragments. */
const CALL_PACKETS = 2048;

/** One instance a shard, in this thread or a worker. */
export class BatchRunner {
  readonly #wasm: PathExports;
  readonly #octets: Uint8Array;
  readonly #words: Uint32Array;
  readonly #punts: Ring;
  readonly #areas: EngineHandle['areas'][number];

  constructor(engine: EngineHandle, shard: number) {
    const areas = engine.areas[shard];
    if (areas === undefined) throw new RangeError(`the engine has no shard ${shard}`);
    this.#areas = areas;
    this.#wasm = instantiatePath(engine.module, engine.memory);
    this.#wasm.attach(0n, shard);
    this.#wasm.coreBackEnd(layout.CORE_TUN);
    this.#wasm.transmitOptions(0, 0);
    this.#wasm.peerOptions(0);
    this.#wasm.puntOptions(0xffffffff);
    this.#octets = new Uint8Array(engine.memory.buffer);
    this.#words = new Uint32Array(engine.memory.buffer);
    this.#punts = new Ring(engine.memory.buffer, areas.punt, areas.puntOctets);
  }

  run(direction: 'up' | 'down', batch: PacketBatch): BatchResult {
    const packets: Uint8Array[] = [];
    const datagrams: Uint8Array[] = [];
    const control: ControlFrame[] = [];
    const messages: Uint8Array[] = [];
    const results: { packets: PacketBatch; datagrams: PacketBatch }[] = [];
    const { rx, core } = this.#areas;
    if (batch.count === 0) return { packets: batch, datagrams: batch, control, messages };
    let first = 0;
    while (first < batch.count) {
      const n = this.#load(direction, batch, first);
      if (n === 0) throw new RangeError(`packet ${first} of the batch is larger than ${AREA_OCTETS} octets`);
      let done = 0;
      while (done < n) {
        this.#wasm.setNow(Math.trunc(performance.now()) >>> 0);
        this.#wasm.transmitReset();
        this.#wasm.epochEnter();
        // Bundles that were entered or taken out since.
        while (this.#wasm.inject(256) > 0);
        done =
          direction === 'up'
            ? this.#wasm.upstreamList(core, done, n, rx + layout.RX_NAMES, 0)
            : this.#wasm.downstreamList(core, done, n);
        this.#wasm.mpTick();
        results.push({
          packets: direction === 'up' ? this.#viewOuts(batch, first) : this.#takeOuts(),
          datagrams: this.#takeMessages(),
        });
        this.#wasm.epochLeave();
        this.#takePunts(control, messages);
      }
      first += n;
    }
    if (results.length === 1) return { ...results[0]!, control, messages };
    for (const result of results) {
      for (let i = 0; i < result.packets.count; i++) packets.push(packetAt(result.packets, i));
      for (let i = 0; i < result.datagrams.count; i++) datagrams.push(packetAt(result.datagrams, i));
    }
    return { packets: packBatch(packets), datagrams: packBatch(datagrams), control, messages };
  }

  /**
   * Puts as many packets of the batch as fit into the memory, from number `first` on. Downwards each gets headroom
   * for its headers; upwards the octets stay as they lie.
   * @returns their number
   */
  #load(direction: 'up' | 'down', batch: PacketBatch, first: number): number {
    const list = this.#areas.core >>> 2;
    const area = this.#areas.rx + layout.RX_SLOTS + layout.HEADROOM;
    const most = Math.min(batch.count - first, CALL_PACKETS);
    let n = 0;
    if (direction === 'up') {
      const start = batch.offsets[first]!;
      let end = start;
      for (; n < most; n++) {
        const offset = batch.offsets[first + n]!;
        const packetEnd = offset + batch.lengths[first + n]!;
        if (offset < start || packetEnd - start > AREA_OCTETS) break;
        end = Math.max(end, packetEnd);
        this.#words[list + n * 2] = area + offset - start;
        this.#words[list + n * 2 + 1] = packetEnd - offset;
      }
      this.#octets.set(batch.octets.subarray(start, end), area);
      return n;
    }
    let at = area;
    for (; n < most; n++) {
      const octets = batch.lengths[first + n]!;
      const room = layout.HEADROOM + ((octets + 7) & ~7);
      if (at + room > area + AREA_OCTETS) break;
      const from = batch.offsets[first + n]!;
      this.#octets.set(batch.octets.subarray(from, from + octets), at);
      this.#words[list + n * 2] = at;
      this.#words[list + n * 2 + 1] = octets;
      at += room;
    }
    return n;
  }

  /** The inner packets lie in the datagrams as they came: one copy of those, and where each packet stands. */
  #viewOuts(batch: PacketBatch, first: number): PacketBatch {
    const count = this.#wasm.transmitOuts();
    const list = (this.#areas.tx + layout.TX_OUT) >>> 2;
    const area = this.#areas.rx + layout.RX_SLOTS + layout.HEADROOM;
    const start = batch.offsets[first]!;
    const offsets = new Uint32Array(count);
    const lengths = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const at = this.#words[list + i * 2]!;
      // A packet that was put together from fragments stands elsewhere.
      if (at < area || at >= area + AREA_OCTETS) return this.#takeOuts();
      offsets[i] = at - area;
      lengths[i] = this.#words[list + i * 2 + 1]!;
    }
    const end = batch.octets.length - start;
    return { octets: this.#octets.slice(area, area + Math.min(end, AREA_OCTETS)), offsets, lengths, count };
  }
  #takeOuts(): PacketBatch {
    const count = this.#wasm.transmitOuts();
    const list = (this.#areas.tx + layout.TX_OUT) >>> 2;
    return this.#gather(
      count,
      (i) => this.#words[list + i * 2]!,
      (i) => this.#words[list + i * 2 + 1]!,
    );
  }
  #takeMessages(): PacketBatch {
    const count = this.#wasm.transmitMessages();
    const messages = (this.#areas.tx + layout.TX_MESSAGES) >>> 2;
    const vector = (i: number): number => this.#words[messages + ((i * layout.MMSGHDR_SIZE + 16) >>> 2)]! >>> 2;
    return this.#gather(
      count,
      (i) => this.#words[vector(i)]!,
      (i) => this.#words[vector(i) + 2]!,
    );
  }
  /** Copies what lies in the memory into a batch of its own. */
  #gather(count: number, offset: (i: number) => number, length: (i: number) => number): PacketBatch {
    const offsets = new Uint32Array(count);
    const lengths = new Uint32Array(count);
    let total = 0;
    for (let i = 0; i < count; i++) {
      offsets[i] = total;
      lengths[i] = length(i);
      total += lengths[i]!;
    }
    const octets = new Uint8Array(total);
    for (let i = 0; i < count; i++) octets.set(this.#octets.subarray(offset(i), offset(i) + lengths[i]!), offsets[i]!);
    return { octets, offsets, lengths, count };
  }
  #takePunts(control: ControlFrame[], messages: Uint8Array[]): void {
    const head: RecordHead = { kind: 0, row: 0, generation: 0, aux: 0 };
    for (;;) {
      const payload = this.#punts.read(head);
      if (payload === null) return;
      if (head.kind === layout.RECORD_CONTROL) messages.push(payload.subarray(layout.SOCKADDR_SIZE));
      else {
        const session = this.#areas.sessions + head.row * layout.SESSION_ROW_SIZE;
        Atomics.sub(this.#words, (session + layout.SESSION_PUNT_PENDING) >>> 2, 1);
        control.push({ row: head.row, frame: payload });
      }
    }
  }
}

const packetAt = (batch: PacketBatch, i: number): Uint8Array =>
  batch.octets.subarray(batch.offsets[i]!, batch.offsets[i]! + batch.lengths[i]!);

let engineId = '';
const runners = new Map<number, BatchRunner>();

/** From here on giving octets away costs less than having the pool copy them. */
const MOVE_OCTETS = 65_536;

/** A result whose octets change hands; the pool's caller sees a plain `BatchResult`. */
function moved(result: BatchResult): BatchResult {
  const transfer = [result.packets, result.datagrams]
    .map(({ octets }) => octets.buffer as ArrayBuffer)
    .filter((buffer, i, all) => buffer.byteLength >= MOVE_OCTETS && all.indexOf(buffer) === i);
  if (transfer.length === 0) return result;
  return Piscina.move({ [Piscina.transferableSymbol]: transfer, [Piscina.valueSymbol]: result } as never) as never;
}

/** The task: one batch. */
export default function run(task: BatchTask): BatchResult {
  if (task.engine.id !== engineId) {
    runners.clear();
    engineId = task.engine.id;
  }
  let runner = runners.get(task.shard);
  if (runner === undefined) {
    runner = new BatchRunner(task.engine, task.shard);
    runners.set(task.shard, runner);
  }
  return moved(runner.run(task.direction, task.packets));
}
