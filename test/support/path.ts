// A shard's path in this thread over a memory of its own: datagrams in, lists out, no system call.

import { compilePath, instantiatePath, type PathExports } from '../../src/dataplane/module.ts';
import { formatMemory, type MemoryPlan, type MemorySizes, planMemory } from '../../src/dataplane/plan.ts';
import { type RecordHead, Ring } from '../../src/dataplane/ring.ts';
import { Tables } from '../../src/dataplane/tables.ts';
import * as layout from '../../src/generated/layout.ts';

const module = compilePath();

export interface Sent {
  octets: Uint8Array;
  /** sockaddr that it goes to. */
  to: Uint8Array;
  segments: number;
}

export const sockaddr = (a: number, b: number, c: number, d: number, port: number): Uint8Array =>
  new Uint8Array([2, 0, port >>> 8, port & 255, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
export const mapped = (a: number, b: number, c: number, d: number): Uint8Array =>
  new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, a, b, c, d]);
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
export const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

export class TestPath {
  readonly memory: WebAssembly.Memory;
  readonly plan: MemoryPlan;
  readonly wasm: PathExports;
  readonly tables: Tables;
  readonly octets: Uint8Array;
  readonly view: DataView;
  readonly punts: Ring;
  readonly inject: Ring;
  now = 1000;
  readonly shard: number;

  constructor(
    core: number = layout.CORE_TUN,
    gso = false,
    sizes: Partial<MemorySizes> & { tunnels: number; sessions: number } = {
      tunnels: 64,
      sessions: 1024,
    },
    shard = 0,
    shared?: TestPath,
  ) {
    this.shard = shard;
    this.plan =
      shared?.plan ??
      planMemory({
        shards: 1,
        ...sizes,
        addresses: sizes.sessions * 2,
        controlRingOctets: 65536,
        accessRingOctets: 65536,
        coreRingOctets: 65536,
        ports: true,
        traffic: true,
      });
    this.memory =
      shared?.memory ?? new WebAssembly.Memory({ initial: this.plan.pages, maximum: this.plan.pages, shared: true });
    if (shared === undefined) formatMemory(this.memory, this.plan);
    this.wasm = instantiatePath(module, this.memory);
    if (this.wasm.attach(0n, shard) !== 0) throw new Error('memory has no header');
    this.wasm.coreBackEnd(core);
    this.wasm.hostEnable(core === layout.CORE_EMBEDDED ? 1 : 0);
    this.wasm.transmitOptions(gso ? 1 : 0, 0);
    this.wasm.receivePrepare(0);
    this.wasm.setNow(this.now);
    this.octets = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.tables = shared?.tables ?? new Tables(this.wasm, this.memory, this.plan);
    const ring = (part: number) => new Ring(this.memory.buffer, this.block(part), this.plan.parts[part]!.octets);
    this.punts = ring(layout.PART_RING_PUNT);
    this.inject = ring(layout.PART_RING_INJECT);
  }

  /** Offset of this shard's block of a part. */
  block(part: number): number {
    return this.plan.parts[part]!.offset + this.shard * this.plan.parts[part]!.stride;
  }

  /** A tunnel 0x1234 <-> 0x5678 with LAC 192.0.2.1:1701. */
  tunnel(localId = 0x1234, peerId = 0x5678, role: 'lns' | 'lac' = 'lns'): number {
    return this.tables.addTunnel({
      localId,
      peerId,
      role,
      peer: sockaddr(192, 0, 2, 1, 1701),
      socketGroup: 0,
      routingInstance: 0,
      ownerShard: 0,
    });
  }

  /** A session up with `address` (the last octet of 100.64.0.x unless 16 octets are given). */
  session(
    tunnelRow: number,
    localId: number,
    address: Uint8Array | number,
    options: { peerMru?: number; acfc?: boolean; pfc?: boolean; sequencing?: boolean } = {},
  ): number {
    const row = this.tables.addSession({
      tunnelRow,
      localId,
      peerId: localId + 0x1000,
      sequencing: options.sequencing ?? false,
    });
    const up = this.tables.sessionUp(
      row,
      {
        address: typeof address === 'number' ? mapped(100, 64, 0, address) : address,
        localAddress: new Uint8Array([100, 64, 255, 1]),
        peerMru: options.peerMru ?? 1500,
        acfc: options.acfc ?? false,
        pfc: options.pfc ?? false,
      },
      this.now,
    );
    if (!up) throw new Error('session did not come up');
    return row;
  }

  /** One datagram from the LAC through the path, as recvmmsg would leave it in slot 0. */
  up(datagram: Uint8Array, from: Uint8Array = sockaddr(192, 0, 2, 1, 1701)): void {
    const rx = this.block(layout.PART_RX);
    this.octets.set(datagram, rx + layout.RX_SLOTS + layout.HEADROOM);
    this.octets.fill(0, rx + layout.RX_NAMES, rx + layout.RX_NAMES + layout.SOCKADDR_SIZE);
    this.octets.set(from, rx + layout.RX_NAMES);
    this.view.setUint32(rx + layout.RX_MESSAGES + 48, 0, true);
    this.view.setUint32(rx + layout.RX_MESSAGES + 56, datagram.length, true);
    this.wasm.transmitReset();
    this.wasm.epochEnter();
    this.wasm.upstream(0, 1, 0);
    this.wasm.epochLeave();
  }

  /** One packet from the core side through the path. */
  down(packet: Uint8Array): void {
    this.downBatch([packet]);
  }
  downBatch(packets: Uint8Array[]): void {
    const lengths = this.block(layout.PART_TX) + layout.TX_OUT;
    packets.forEach((packet, i) => {
      this.octets.set(packet, this.wasm.coreSlot(i));
      this.view.setUint32(lengths + i * 4, packet.length, true);
    });
    const copy = this.plan.parts[layout.PART_SCRATCH]!.offset;
    this.octets.copyWithin(copy, lengths, lengths + packets.length * 4);
    this.wasm.transmitReset();
    this.wasm.epochEnter();
    this.wasm.downstream(0, packets.length, copy);
    this.wasm.epochLeave();
  }

  /** IP packets that the last call left for the core side. */
  delivered(length = this.wasm.transmitOuts()): Uint8Array[] {
    const list = this.block(layout.PART_TX) + layout.TX_OUT;
    return Array.from({ length }, (_, i) => {
      const at = this.view.getUint32(list + i * 8, true);
      return this.octets.slice(at, at + this.view.getUint32(list + i * 8 + 4, true));
    });
  }

  /** Messages that the last call left for sendmmsg. */
  sent(length = this.wasm.transmitMessages()): Sent[] {
    const tx = this.block(layout.PART_TX);
    return Array.from({ length }, (_, i) => {
      const message = tx + layout.TX_MESSAGES + i * layout.MMSGHDR_SIZE;
      const name = Number(this.view.getBigUint64(message, true));
      const length = this.view.getUint32(message + 8, true);
      const vectors = Number(this.view.getBigUint64(message + 16, true));
      const segments = Number(this.view.getBigUint64(message + 24, true));
      const parts = Array.from({ length: segments }, (_, s) => {
        const at = Number(this.view.getBigUint64(vectors + s * 16, true));
        return this.octets.slice(at, at + Number(this.view.getBigUint64(vectors + s * 16 + 8, true)));
      });
      return { octets: Buffer.concat(parts), to: this.octets.slice(name, name + length), segments };
    });
  }

  /** Records punted to the main thread. */
  punted(): { head: RecordHead; payload: Uint8Array }[] {
    const all: { head: RecordHead; payload: Uint8Array }[] = [];
    for (;;) {
      const head: RecordHead = { kind: 0, row: 0, generation: 0, aux: 0 };
      const payload = this.punts.read(head);
      if (payload === null) return all;
      if (head.kind === layout.RECORD_PPP) this.tables.puntTaken(head.row);
      all.push({ head, payload });
    }
  }

  /** Counters that are not zero, by index, since the start. */
  counter(index: number): number {
    return this.tables.shardCounter(this.shard, index);
  }
}

const sum16 = (octets: Uint8Array): number => {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += (octets[i]! << 8) | (octets[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
};
/** Ones' complement sum of a header or message that carries its own checksum: 0xffff where it is right. */
export const checksumOf = sum16;

/** An IPv4 packet with a right header checksum. `flags`: the flags and fragment offset field. */
export function ipv4(
  source: number[],
  destination: number[],
  payload: Uint8Array,
  options: { protocol?: number; flags?: number; id?: number; options?: Uint8Array } = {},
): Uint8Array {
  const extra = options.options ?? new Uint8Array(0);
  const header = 20 + extra.length;
  const packet = new Uint8Array(header + payload.length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x40 | (header >>> 2);
  view.setUint16(2, packet.length);
  view.setUint16(4, options.id ?? 0x4242);
  view.setUint16(6, options.flags ?? 0);
  packet[8] = 64;
  packet[9] = options.protocol ?? 17;
  packet.set(source, 12);
  packet.set(destination, 16);
  packet.set(extra, 20);
  packet.set(payload, header);
  view.setUint16(10, 0xffff - sum16(packet.subarray(0, header)));
  return packet;
}

/** A data message. */
export function data(
  payload: Uint8Array,
  options: {
    tunnel?: number;
    session?: number;
    length?: boolean;
    ns?: number;
    offset?: number;
    priority?: boolean;
  } = {},
): Uint8Array {
  const flags =
    2 |
    (options.length === true ? layout.L2TP_L : 0) |
    (options.ns === undefined ? 0 : layout.L2TP_S) |
    (options.offset === undefined ? 0 : layout.L2TP_O) |
    (options.priority === true ? layout.L2TP_P : 0);
  const tunnel = options.tunnel ?? 0x1234;
  const session = options.session ?? 0x0101;
  const u16 = (value: number) => [value >>> 8, value & 0xff];
  const header = [...u16(flags)];
  if (options.length === true) header.push(0, 0);
  header.push(...u16(tunnel), ...u16(session));
  if (options.ns !== undefined) header.push(...u16(options.ns), 0, 0);
  if (options.offset !== undefined)
    header.push(...u16(options.offset), ...new Array<number>(options.offset).fill(0xaa));
  const datagram = new Uint8Array(header.length + payload.length);
  datagram.set(header);
  datagram.set(payload, header.length);
  if (options.length === true) new DataView(datagram.buffer).setUint16(2, datagram.length);
  return datagram;
}

/** A PPP frame of protocol 0x0021. */
export function pppIp(packet: Uint8Array, options: { acfc?: boolean; pfc?: boolean } = {}): Uint8Array {
  return new Uint8Array([
    ...(options.acfc === true ? [] : [0xff, 0x03]),
    ...(options.pfc === true ? [0x21] : [0x00, 0x21]),
    ...packet,
  ]);
}
