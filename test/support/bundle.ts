// A multilink bundle in a TestPath: links, fragments in, what came out.
import { joinRecord } from '../../src/dataplane/tables.ts';
import * as layout from '../../src/generated/layout.ts';
import { data, type TestPath } from './path.ts';

export interface TestBundleOptions {
  short?: boolean;
  links?: number;
  localMrru?: number;
  peerMrru?: number;
  fragmentThreshold?: number | null;
  dropTimeoutMs?: number;
  /** Number that the first fragment is expected to have. */
  firstExpected?: number;
  firstSent?: number;
  speeds?: number[];
  linkMru?: number;
  ownerShard?: number;
  /** Shard of each link's tunnel. */
  firstSession?: number;
  pfc?: boolean;
}

/** A fragment's multilink header (RFC 1990 section 3). */
export function mpHeader(short: boolean, begin: boolean, end: boolean, sequence: number): Uint8Array {
  const flags = (begin ? 0x80 : 0) | (end ? 0x40 : 0);
  if (short) return new Uint8Array([flags | ((sequence >>> 8) & 0x0f), sequence & 0xff]);
  return new Uint8Array([flags, (sequence >>> 16) & 0xff, (sequence >>> 8) & 0xff, sequence & 0xff]);
}

export class TestBundle {
  readonly path: TestPath;
  readonly row: number;
  readonly network: number;
  readonly short: boolean;
  /** Session IDs by link; 0 once the link has left. */
  readonly links: { id: number; row: number }[] = [];

  constructor(path: TestPath, tunnelRow: number, options: TestBundleOptions = {}) {
    this.path = path;
    this.short = options.short ?? false;
    const rows = path.tables.addBundle({
      routingInstance: 0,
      ownerShard: options.ownerShard ?? 0,
      localMrru: options.localMrru ?? 1500,
      rxShort: this.short,
      txShort: this.short,
      fragmentThreshold: options.fragmentThreshold ?? null,
      dropTimeoutMs: options.dropTimeoutMs ?? 0,
    });
    if (rows === null) throw new Error('no room for a bundle');
    this.row = rows.bundle;
    this.network = rows.network;
    const at = this.offset;
    path.view.setUint32(at + layout.BUNDLE_EXPECTED, options.firstExpected ?? 0, true);
    path.view.setUint32(at + layout.BUNDLE_NEXT_SEQUENCE, options.firstSent ?? 0, true);
    for (let link = 0; link < (options.links ?? 2); link++)
      this.join(tunnelRow, (options.firstSession ?? 0x200) + link, {
        speedBps: options.speeds?.[link] ?? 0,
        peerMru: options.linkMru ?? 1500,
        pfc: options.pfc ?? true,
      });
  }
  get offset(): number {
    return this.path.plan.parts[layout.PART_BUNDLES]!.offset + this.row * layout.BUNDLE_ROW_SIZE;
  }

  join(tunnelRow: number, id: number, options: { speedBps: number; peerMru: number; pfc: boolean }): number {
    const { tables } = this.path;
    const row = tables.addSession({ tunnelRow, localId: id, peerId: id + 0x1000, sequencing: false });
    const link = this.links.length;
    const member = { ...options, acfc: true };
    const payload = joinRecord(row, tables.sessionGeneration(row), member);
    this.#record(layout.RECORD_LINK_JOIN, link, payload);
    tables.linkJoin(this.row, link, row, member);
    this.links.push({ id, row });
    return link;
  }
  leave(link: number): void {
    this.path.tables.linkLeave(this.links[link]!.row);
    this.#record(layout.RECORD_LINK_LEAVE, link);
  }
  end(): void {
    this.path.tables.removeBundle(this.row, this.path.now);
    this.#record(layout.RECORD_BUNDLE_END, 0);
  }
  up(address: Uint8Array, peerMrru = 1500): void {
    const ok = this.path.tables.bundleUp(
      this.row,
      { address, localAddress: new Uint8Array([100, 64, 255, 1]), peerMru: peerMrru },
      this.path.now,
    );
    if (!ok) throw new Error('the bundle did not come up');
  }
  #record(kind: number, link: number, payload: Uint8Array = new Uint8Array(0)): void {
    const { path } = this;
    path.inject.write(kind, this.row, path.tables.bundleGeneration(this.row), link, payload);
    path.wasm.transmitReset();
    path.wasm.inject(16);
  }

  /** The datagram of one fragment on a link. */
  datagram(link: number, begin: boolean, end: boolean, sequence: number, payload: Uint8Array): Uint8Array {
    const header = mpHeader(this.short, begin, end, sequence);
    return data(new Uint8Array([0x3d, ...header, ...payload]), { session: this.links[link]!.id });
  }
  receive(link: number, begin: boolean, end: boolean, sequence: number, payload: Uint8Array): void {
    this.path.up(this.datagram(link, begin, end, sequence, payload));
  }
  counters() {
    return this.path.tables.bundleCounters(this.row);
  }
  /** Fragments that wait, those of the packet being put together included. */
  get waiting(): number {
    const word = (offset: number): number => this.path.view.getUint32(this.offset + offset, true);
    return (
      word(layout.BUNDLE_QUEUED) + (word(layout.BUNDLE_ASSEMBLY) !== 0 ? word(layout.BUNDLE_ASSEMBLED_FRAGMENTS) : 0)
    );
  }
}
