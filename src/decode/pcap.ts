// Capture files: pcap and pcapng read, pcap written.

/** One frame of a capture file. */
export interface CapturedFrame {
  /** From 1, as other tools count. */
  readonly number: number;
  /** Nanoseconds since 1970; 0n where the file gives no time. */
  readonly timeNs: bigint;
  /** LINKTYPE_* of the interface; -1 where the file does not say. */
  readonly linkType: number;
  readonly octets: Uint8Array;
  /** Octets that the frame had on the wire: more than `octets` holds where the capture cut it. */
  readonly wireOctets: number;
}

export const LINK_ETHERNET = 1;
export const LINK_RAW_IP = 101;

const PCAP_MICRO = 0xa1b2c3d4;
const PCAP_NANO = 0xa1b23c4d;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;
/** The low 26 bits of pcap's network field; above them it tells of a frame check sequence. */
const LINK_TYPE_MASK = 0x03ffffff;

const SECTION_HEADER = 0x0a0d0d0a;
const SECTION_ORDER = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const PACKET = 2; // obsolete, but still found
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BLOCK_OVERHEAD = 12; // type, and the total length at both ends
const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;

interface CaptureInterface {
  readonly linkType: number;
  /** Octets of a frame that are kept, Infinity for all. */
  readonly snapOctets: number;
  readonly ticksPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

const NS_PER_SECOND = 1_000_000_000n;

/**
 * Reads the frames of a capture file, in order. Never throws: a damaged file ends early, and `problem` says why.
 */
export class CaptureReader {
  /** Why reading ended before the file did; null at a clean end. */
  problem: string | null = null;
  readonly #file: Uint8Array;
  readonly #view: DataView;
  readonly #next: () => CapturedFrame | null;
  #littleEndian = false;
  #at = 0;
  #frames = 0;
  /** pcap: of the whole file. */
  #linkType = -1;
  #nsPerTick = 1000n;
  /** pcapng: of the current section. */
  #interfaces: CaptureInterface[] = [];

  constructor(file: Uint8Array) {
    this.#file = file;
    this.#view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    this.#next = this.#open();
  }

  /** The next frame; null at the end, then see `problem`. */
  next(): CapturedFrame | null {
    return this.problem === null ? this.#next() : null;
  }

  *[Symbol.iterator](): Generator<CapturedFrame> {
    for (let frame = this.next(); frame !== null; frame = this.next()) yield frame;
  }

  /** Finds out what the file is. */
  #open(): () => CapturedFrame | null {
    if (this.#file.length >= 4) {
      if (this.#view.getUint32(0) === SECTION_HEADER) return () => this.#nextOfPcapng();
      for (const littleEndian of [true, false]) {
        const magic = this.#view.getUint32(0, littleEndian);
        if (magic !== PCAP_MICRO && magic !== PCAP_NANO) continue;
        if (this.#file.length < PCAP_HEADER) return () => this.#stop('the file ends inside its header');
        this.#littleEndian = littleEndian;
        this.#nsPerTick = magic === PCAP_NANO ? 1n : 1000n;
        this.#linkType = this.#u32(20) & LINK_TYPE_MASK;
        this.#at = PCAP_HEADER;
        return () => this.#nextOfPcap();
      }
    }
    return () => this.#stop('not a capture file (neither pcap nor pcapng)');
  }

  #nextOfPcap(): CapturedFrame | null {
    const left = this.#file.length - this.#at;
    if (left === 0) return null;
    if (left < PCAP_RECORD) return this.#stop(`the file ends inside the header of frame ${this.#frames + 1}`);
    const captured = this.#u32(this.#at + 8);
    if (captured > left - PCAP_RECORD) return this.#stop(this.#cutShort(captured, left - PCAP_RECORD));
    const timeNs = BigInt(this.#u32(this.#at)) * NS_PER_SECOND + BigInt(this.#u32(this.#at + 4)) * this.#nsPerTick;
    const from = this.#at + PCAP_RECORD;
    this.#at = from + captured;
    return this.#frame(timeNs, this.#linkType, this.#file.subarray(from, this.#at), this.#u32(from - 4));
  }

  #nextOfPcapng(): CapturedFrame | null {
    while (this.#at < this.#file.length) {
      const start = this.#at;
      const left = this.#file.length - start;
      if (left < BLOCK_OVERHEAD) return this.#stop(`the file ends inside a block, at octet ${start}`);
      const isSection = this.#view.getUint32(start) === SECTION_HEADER;
      if (isSection && !this.#section(start)) return null;
      const type = this.#u32(start);
      const total = this.#u32(start + 4);
      if (total < BLOCK_OVERHEAD || total % 4 !== 0)
        return this.#stop(`the block at octet ${start} claims a length of ${total}`);
      if (total > left) return this.#stop(`the block at octet ${start} claims ${total} octets, ${left} are left`);
      if (this.#u32(start + total - 4) !== total)
        return this.#stop(`the block at octet ${start} gives two different lengths`);
      this.#at = start + total;
      const from = start + 8;
      const end = this.#at - 4;
      let frame: CapturedFrame | null = null;
      if (type === INTERFACE_DESCRIPTION) this.#interface(from, end);
      else if (type === ENHANCED_PACKET || type === PACKET) frame = this.#packet(type, from, end);
      else if (type === SIMPLE_PACKET) frame = this.#simplePacket(from, end);
      if (frame !== null || this.problem !== null) return frame;
    }
    return null;
  }

  /** Takes the octet order of a Section Header Block; the interfaces of the section before are gone. */
  #section(start: number): boolean {
    const order = this.#view.getUint32(start + 8);
    this.#littleEndian = order !== SECTION_ORDER;
    this.#interfaces = [];
    if (this.#u32(start + 8) === SECTION_ORDER) return true;
    this.#stop(`the section at octet ${start} has no octet order`);
    return false;
  }

  #interface(from: number, end: number): void {
    if (end - from < 8) {
      this.#stop(`the interface description at octet ${from - 8} is too short`);
      return;
    }
    const snapOctets = this.#u32(from + 4);
    let ticksPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    for (let at = from + 8; at + 4 <= end; ) {
      const option = this.#u16(at);
      const length = this.#u16(at + 2);
      if (option === OPTION_END || at + 4 + length > end) break;
      if (option === OPTION_TIME_RESOLUTION && length >= 1) {
        const resolution = this.#file[at + 4]!;
        ticksPerSecond = (resolution & 0x80 ? 2n : 10n) ** BigInt(resolution & 0x7f);
      } else if (option === OPTION_TIME_OFFSET && length >= 8)
        offsetSeconds = this.#view.getBigInt64(at + 4, this.#littleEndian);
      at += 4 + ((length + 3) & ~3);
    }
    this.#interfaces.push({
      linkType: this.#u16(from),
      snapOctets: snapOctets === 0 ? Number.POSITIVE_INFINITY : snapOctets,
      ticksPerSecond,
      offsetSeconds,
    });
  }

  #packet(type: number, from: number, end: number): CapturedFrame | null {
    if (end - from < 20) return this.#stop(`the packet block at octet ${from - 8} is too short`);
    const on = this.#interfaces[type === PACKET ? this.#u16(from) : this.#u32(from)];
    const captured = this.#u32(from + 12);
    if (captured > end - from - 20) return this.#stop(this.#cutShort(captured, end - from - 20));
    let timeNs = 0n;
    if (on !== undefined) {
      const ticks = (BigInt(this.#u32(from + 4)) << 32n) | BigInt(this.#u32(from + 8));
      timeNs = (ticks * NS_PER_SECOND) / on.ticksPerSecond + on.offsetSeconds * NS_PER_SECOND;
    }
    const octets = this.#file.subarray(from + 20, from + 20 + captured);
    return this.#frame(timeNs, on?.linkType ?? -1, octets, this.#u32(from + 16));
  }

  #simplePacket(from: number, end: number): CapturedFrame | null {
    if (end - from < 4) return this.#stop(`the packet block at octet ${from - 8} is too short`);
    const on = this.#interfaces[0];
    const wireOctets = this.#u32(from);
    const captured = Math.min(wireOctets, on?.snapOctets ?? wireOctets);
    if (captured > end - from - 4) return this.#stop(this.#cutShort(captured, end - from - 4));
    return this.#frame(0n, on?.linkType ?? -1, this.#file.subarray(from + 4, from + 4 + captured), wireOctets);
  }

  #frame(timeNs: bigint, linkType: number, octets: Uint8Array, wireOctets: number): CapturedFrame {
    return { number: ++this.#frames, timeNs, linkType, octets, wireOctets: Math.max(wireOctets, octets.length) };
  }
  #cutShort(claimed: number, left: number): string {
    return `frame ${this.#frames + 1} claims ${claimed} octets, ${left} are left`;
  }
  #stop(problem: string): null {
    this.problem = problem;
    return null;
  }
  #u16(at: number): number {
    return this.#view.getUint16(at, this.#littleEndian);
  }
  #u32(at: number): number {
    return this.#view.getUint32(at, this.#littleEndian);
  }
}

/** The beginning of a pcap file: little-endian, nanoseconds. Records follow. */
export function pcapHeader(linkType: number): Uint8Array {
  const octets = new Uint8Array(PCAP_HEADER);
  const view = new DataView(octets.buffer);
  view.setUint32(0, PCAP_NANO, true);
  view.setUint16(4, 2, true); // version 2.4
  view.setUint16(6, 4, true);
  view.setUint32(16, 262_144, true); // the longest frame
  view.setUint32(20, linkType, true);
  return octets;
}

/** One frame of a pcap file that began with `pcapHeader`. @param timeNs since 1970, before 2106 */
export function pcapRecord(frame: Uint8Array, timeNs: bigint): Uint8Array {
  const octets = new Uint8Array(PCAP_RECORD + frame.length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, Number(timeNs / NS_PER_SECOND), true);
  view.setUint32(4, Number(timeNs % NS_PER_SECOND), true);
  view.setUint32(8, frame.length, true);
  view.setUint32(12, frame.length, true);
  octets.set(frame, PCAP_RECORD);
  return octets;
}
