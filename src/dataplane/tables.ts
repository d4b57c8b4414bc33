import * as layout from '../generated/layout.ts';
import { hopWord } from './hop.ts';
import type { PathExports } from './module.ts';
import type { MemoryPlan } from './plan.ts';

/** Outer addresses of a tunnel and who works for it. */
export interface TunnelRow {
  localId: number;
  peerId: number;
  role: 'lns' | 'lac';
  /** struct sockaddr of the peer, 16 or 28 octets. */
  peer: Uint8Array;
  /** Which socket its datagrams are sent by. */
  socketGroup: number;
  routingInstance: number;
  /** The shard that its sessions belong to; `by-session`: each to its Session ID modulo the shards. */
  ownerShard: number | 'by-session';
  /** LAC: the LNS spreads the tunnel's sessions, so that a UDP_SEGMENT run must be of one. */
  sessionRuns?: boolean;
}

/** What a session has from its call on. */
export interface SessionRow {
  tunnelRow: number;
  localId: number;
  peerId: number;
  /** Number data messages from the start (RFC 2661 section 4.4.6, Sequencing Required). */
  sequencing: boolean;
}

/** What a session or bundle has once its network protocol is Opened. */
export interface NetworkAddress {
  /** Address of the client: 16 octets, network order, IPv4 mapped. */
  address: Uint8Array;
  /** Our own IPv4 address towards it, 4 octets. */
  localAddress: Uint8Array;
  /** Octets of the largest IP packet that the client takes. */
  peerMru: number;
}
export interface SessionNetwork extends NetworkAddress {
  /** The client takes frames without Address and Control fields. */
  acfc: boolean;
  /** The client takes one-octet protocol fields. */
  pfc: boolean;
}

/** Counters of a session since it came up; octets are those of IP packets. */
export interface SessionCounters {
  rxPackets: number;
  rxOctets: number;
  txPackets: number;
  txOctets: number;
  rxErrors: number;
  txErrors: number;
  rxControlPackets: number;
  rxControlOctets: number;
  txControlPackets: number;
  txControlOctets: number;
  /** Milliseconds of the shared clock, 0 where there was none. */
  lastRx: number;
  lastTx: number;
  late: number;
  lost: number;
}

/** What a bundle has from its first link on (RFC 1990). */
export interface BundleRow {
  routingInstance: number;
  /** The shard that reassembles and sends. */
  ownerShard: number;
  /** Octets of Information that we take. */
  localMrru: number;
  /** The peer sends 12-bit numbers; we do. */
  rxShort: boolean;
  txShort: boolean;
  /** Octets of a fragment's payload; null: packets stay whole. */
  fragmentThreshold: number | null;
  /** 0: none. */
  dropTimeoutMs: number;
}
/** How a member link sends. */
export interface MemberLink {
  /** Bits a second towards the client; 0 where the LAC did not say. */
  speedBps: number;
  /** Octets that the peer takes in one frame of this link. */
  peerMru: number;
  acfc: boolean;
  pfc: boolean;
}
/** What a bundle has counted. */
export interface BundleCounters {
  rxFragments: number;
  rxPackets: number;
  rxDiscarded: number;
  txFragments: number;
  txPackets: number;
  /** Fragments waiting, and slots held. */
  queued: number;
  held: number;
  nextSequence: number;
  /** The next number to consume. */
  expected: number;
  /** Furthest that a fragment came ahead. */
  largestDifference: number;
  /** By member link: the number most recently received, null where none was. */
  last: (number | null)[];
}

/** Least burst of a policer: a packet of the usual MTU. */
const POLICER_BURST_MIN = 1500;

interface Retired {
  epoch: number;
  kind: 'tunnel' | 'session' | 'node' | 'bundle' | 'policer';
  index: number;
}

/** A free list of row numbers that rests on an array only as long as rows were once used. */
class Rows {
  #next = 1;
  readonly #free: number[] = [];
  readonly count: number;
  used = 0;

  /** @param count rows with row 0, which is never given out */
  constructor(count: number) {
    this.count = count;
  }
  /** @returns a row number, 0 where the table is full */
  take(): number {
    const row = this.#free.pop() ?? (this.#next < this.count ? this.#next++ : 0);
    if (row !== 0) this.used++;
    return row;
  }
  /** The highest row number ever given out. */
  get highest(): number {
    return this.#next - 1;
  }
  give(row: number): void {
    this.#free.push(row);
    this.used--;
  }
}

/**
 * The tables in linear memory as the main thread, their only writer, sees them.
 *
 * Nothing is freed under a reader: a row that is taken out of its index rests until every shard has begun a new
 * epoch (or waits), and only then is given out again.
 */
export class Tables {
  readonly #wasm: PathExports;
  readonly #plan: MemoryPlan;
  readonly #octets: Uint8Array;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #longs: BigUint64Array;
  readonly #longsSigned: BigInt64Array;
  readonly #tunnels: Rows;
  readonly #sessions: Rows;
  readonly #nodes: Rows;
  readonly #bundles: Rows;
  readonly #policers: Rows;
  /** Bundles whose owner has yet to let go. */
  #ending: number[] = [];
  #retired: Retired[] = [];
  /** Stack nodes of the framed routes of sessions, by row. */
  readonly #routes = new Map<number, number[]>();
  #routeCount = 0;
  #upSequence = 0n;

  constructor(wasm: PathExports, memory: WebAssembly.Memory, plan: MemoryPlan) {
    this.#wasm = wasm;
    this.#plan = plan;
    this.#octets = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#halves = new Uint16Array(memory.buffer);
    this.#longs = new BigUint64Array(memory.buffer);
    this.#longsSigned = new BigInt64Array(memory.buffer);
    this.#tunnels = new Rows(plan.parts[layout.PART_TUNNELS]!.count);
    this.#sessions = new Rows(plan.parts[layout.PART_SESSIONS]!.count);
    this.#nodes = new Rows(plan.parts[layout.PART_STACK]!.count);
    this.#policers = new Rows(plan.parts[layout.PART_SHAPERS]!.count);
    this.#bundles = new Rows(plan.parts[layout.PART_BUNDLES]!.count);
  }

  get sessionsUsed(): number {
    return this.#sessions.used;
  }
  /** The highest session row ever used. */
  get sessionsHighest(): number {
    return this.#sessions.highest;
  }
  get tunnelsUsed(): number {
    return this.#tunnels.used;
  }

  #tunnelAt(row: number): number {
    return this.#plan.parts[layout.PART_TUNNELS]!.offset + row * layout.TUNNEL_ROW_SIZE;
  }
  #sessionAt(row: number): number {
    return this.#plan.parts[layout.PART_SESSIONS]!.offset + row * layout.SESSION_ROW_SIZE;
  }
  #countersAt(row: number): number {
    return this.#plan.parts[layout.PART_SESSION_COUNTERS]!.offset + row * layout.SESSION_COUNTERS_SIZE;
  }

  /** Enters a tunnel. @returns its row, 0 where the table is full */
  addTunnel(tunnel: TunnelRow): number {
    this.reclaim();
    const row = this.#tunnels.take();
    if (row === 0) return 0;
    const at = this.#tunnelAt(row);
    const generation = this.#words[(at + layout.TUNNEL_GENERATION) >>> 2]! + 1;
    this.#octets.fill(0, at, at + layout.TUNNEL_ROW_SIZE);
    this.#halves[(at + layout.TUNNEL_LOCAL_ID) >>> 1] = tunnel.localId;
    this.#halves[(at + layout.TUNNEL_PEER_ID) >>> 1] = tunnel.peerId;
    this.#octets[at + layout.TUNNEL_ROLE] = tunnel.role === 'lns' ? layout.TUNNEL_ROLE_LNS : layout.TUNNEL_ROLE_LAC;
    this.#octets[at + layout.TUNNEL_FAMILY] = tunnel.peer[0]!;
    this.#halves[(at + layout.TUNNEL_SOCKET_GROUP) >>> 1] = tunnel.socketGroup;
    this.#halves[(at + layout.TUNNEL_ROUTING_INSTANCE) >>> 1] = tunnel.routingInstance;
    this.#halves[(at + layout.TUNNEL_FLAGS) >>> 1] =
      (tunnel.ownerShard === 'by-session' ? layout.TUNNEL_SPREAD : 0) |
      (tunnel.sessionRuns === true ? layout.TUNNEL_RUNS_SESSION : 0);
    if (tunnel.ownerShard !== 'by-session') this.#halves[(at + layout.TUNNEL_OWNER_SHARD) >>> 1] = tunnel.ownerShard;
    this.#halves[(at + layout.TUNNEL_PEER_LENGTH) >>> 1] = tunnel.peer.length;
    this.#octets.set(tunnel.peer, at + layout.TUNNEL_PEER);
    this.#words[(at + layout.TUNNEL_GENERATION) >>> 2] = generation;
    const index = this.#plan.parts[layout.PART_TUNNEL_INDEX]!.offset + tunnel.localId * 4;
    Atomics.store(this.#words, index >>> 2, row);
    return row;
  }

  /**
   * Where frames for the tunnel's peer go by AF_XDP. @param local our sockaddr_in
   * @param mac 6 octets of the next hop's Ethernet address; null: datagrams go by the socket
   */
  setNextHop(row: number, local: Uint8Array, mac: Uint8Array | null): void {
    const at = this.#tunnelAt(row);
    if (mac !== null) this.#octets.set(local, at + layout.TUNNEL_LOCAL);
    Atomics.store(this.#longs, (at + layout.TUNNEL_NEXT_HOP) >>> 3, hopWord(mac));
  }
  /** Takes a tunnel out. Its sessions must be out already. */
  removeTunnel(row: number): void {
    const at = this.#tunnelAt(row);
    const index =
      this.#plan.parts[layout.PART_TUNNEL_INDEX]!.offset + this.#halves[(at + layout.TUNNEL_LOCAL_ID) >>> 1]! * 4;
    Atomics.store(this.#words, index >>> 2, 0);
    this.#words[(at + layout.TUNNEL_GENERATION) >>> 2]!++;
    this.#retire('tunnel', row);
  }

  /** Milliseconds of the shared clock at which data of the tunnel last arrived; 0 for never. */
  tunnelLastHeard(row: number): number {
    return Atomics.load(this.#words, (this.#tunnelAt(row) + layout.TUNNEL_LAST_HEARD) >>> 2) >>> 0;
  }

  /** Enters a session; until `sessionUp` only PPP control frames pass. @returns its row, 0 where the table is full */
  addSession(session: SessionRow): number {
    this.reclaim();
    const row = this.#sessions.take();
    if (row === 0) return 0;
    this.#words[(this.#plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_SESSIONS) >>> 2] = this.#sessions.used;
    const at = this.#sessionAt(row);
    const tunnel = this.#tunnelAt(session.tunnelRow);
    const tunnelId = this.#halves[(tunnel + layout.TUNNEL_LOCAL_ID) >>> 1]!;
    const peerTunnelId = this.#halves[(tunnel + layout.TUNNEL_PEER_ID) >>> 1]!;
    const lac = this.#octets[tunnel + layout.TUNNEL_ROLE] === layout.TUNNEL_ROLE_LAC;
    const generation = this.#words[(at + layout.SESSION_GENERATION) >>> 2]! + 1;
    const key = tunnelId * 65536 + session.localId;
    this.#octets.fill(0, at, at + layout.SESSION_ROW_SIZE);
    const counters = this.#countersAt(row);
    this.#octets.fill(0, counters, counters + layout.SESSION_COUNTERS_SIZE);
    this.#words[(at + layout.SESSION_KEY) >>> 2] = key;
    this.#words[(at + layout.SESSION_TUNNEL_ROW) >>> 2] = session.tunnelRow;
    this.#words[(at + layout.SESSION_FLAGS) >>> 2] =
      (session.sequencing ? layout.SESSION_SEND_NS | (lac ? 0 : layout.SESSION_NS_REQUIRED) : 0) |
      (lac ? layout.SESSION_LAC : 0);
    this.#halves[(at + layout.SESSION_ROUTING_INSTANCE) >>> 1] =
      this.#halves[(tunnel + layout.TUNNEL_ROUTING_INSTANCE) >>> 1]!;
    const spread = (this.#halves[(tunnel + layout.TUNNEL_FLAGS) >>> 1]! & layout.TUNNEL_SPREAD) !== 0;
    this.#halves[(at + layout.SESSION_OWNER_SHARD) >>> 1] = spread
      ? session.localId % this.#plan.sizes.shards
      : this.#halves[(tunnel + layout.TUNNEL_OWNER_SHARD) >>> 1]!;
    this.#octets.copyWithin(at + layout.SESSION_PEER, tunnel + layout.TUNNEL_PEER, tunnel + layout.TUNNEL_PEER + 28);
    this.#halves[(at + layout.SESSION_PEER_LENGTH) >>> 1] = this.#halves[(tunnel + layout.TUNNEL_PEER_LENGTH) >>> 1]!;
    this.#halves[(at + layout.SESSION_SOCKET_GROUP) >>> 1] = this.#halves[(tunnel + layout.TUNNEL_SOCKET_GROUP) >>> 1]!;
    this.#octets.set(l2tpHeader(peerTunnelId, session.peerId, false), at + layout.SESSION_FRAME);
    this.#words[(at + layout.SESSION_GENERATION) >>> 2] = generation;
    if (this.#wasm.sessionIndexPut(key, row) !== 0) {
      this.#words[(at + layout.SESSION_GENERATION) >>> 2]!++;
      this.#sessions.give(row);
      return 0;
    }
    return row;
  }

  /** The LAC wants numbered data messages at all times (RFC 2661 section 4.4.6, Sequencing Required). */
  requireSequencing(row: number): void {
    const flags = layout.SESSION_SEND_NS | layout.SESSION_NS_REQUIRED;
    Atomics.or(this.#words, (this.#sessionAt(row) + layout.SESSION_FLAGS) >>> 2, flags);
  }
  /** Generation of a session's row: a frame that was punted by an earlier user of the row carries another. */
  sessionGeneration(row: number): number {
    return this.#words[(this.#sessionAt(row) + layout.SESSION_GENERATION) >>> 2]!;
  }
  ownerShard(row: number): number {
    return this.#halves[(this.#sessionAt(row) + layout.SESSION_OWNER_SHARD) >>> 1]!;
  }
  /** A punted frame of the session was taken off the ring. */
  puntTaken(row: number): void {
    Atomics.sub(this.#words, (this.#sessionAt(row) + layout.SESSION_PUNT_PENDING) >>> 2, 1);
  }

  /** A capture wants a copy of every IP packet of a session, or of a bundle (its network row); or no longer. */
  setTap(row: number, on: boolean): void {
    const at = (this.#sessionAt(row) + layout.SESSION_FLAGS) >>> 2;
    if (on) Atomics.or(this.#words, at, layout.SESSION_TAPPED);
    else Atomics.and(this.#words, at, ~layout.SESSION_TAPPED);
  }
  /** LCP is Opened: Echo-Requests are answered on the path with our magic number; null: no longer. */
  /**
   * Notes an LCP Echo-Request of ours as sent. @returns those unanswered before it
   */
  echoSent(row: number, identifier: number): number {
    const at = (this.#sessionAt(row) + layout.SESSION_ECHO_STATE) >>> 2;
    for (;;) {
      const before = Atomics.load(this.#words, at);
      const unanswered = before & 0xffff;
      // A shard may have taken a reply in between.
      if (Atomics.compareExchange(this.#words, at, before, (identifier << 16) | (unanswered + 1)) === before)
        return unanswered;
    }
  }
  /** Echo-Requests of ours without an answer. */
  echoUnanswered(row: number): number {
    return Atomics.load(this.#words, (this.#sessionAt(row) + layout.SESSION_ECHO_STATE) >>> 2) & 0xffff;
  }
  echoReset(row: number): void {
    Atomics.store(this.#words, (this.#sessionAt(row) + layout.SESSION_ECHO_STATE) >>> 2, 0);
  }
  /** When the session's last packets came and went: milliseconds of the shared clock modulo 2^32, 0 for never. */
  lastData(row: number): { rx: number; tx: number } {
    const at = this.#countersAt(row);
    return {
      rx: this.#words[(at + layout.COUNTER_LAST_RX) >>> 2]! >>> 0,
      tx: this.#words[(at + layout.COUNTER_LAST_TX) >>> 2]! >>> 0,
    };
  }

  setEcho(row: number, localMagic: number | null): void {
    const at = this.#sessionAt(row);
    if (localMagic === null) {
      Atomics.and(this.#words, (at + layout.SESSION_FLAGS) >>> 2, ~layout.SESSION_LCP_OPENED);
      return;
    }
    const swapped =
      ((localMagic & 0xff) << 24) |
      ((localMagic & 0xff00) << 8) |
      ((localMagic >>> 8) & 0xff00) |
      ((localMagic >>> 24) & 0xff);
    Atomics.store(this.#words, (at + layout.SESSION_LOCAL_MAGIC) >>> 2, swapped);
    Atomics.or(this.#words, (at + layout.SESSION_FLAGS) >>> 2, layout.SESSION_LCP_OPENED);
  }

  /**
   * Opens a session to IP packets and puts it on top of its address's stack.
   * The row must not have been up since the last `shardsPassed` of its going down.
   * @param now milliseconds of the shared clock
   * @returns false where the address table is full
   */
  sessionUp(row: number, network: SessionNetwork, now: number): boolean {
    const at = this.#sessionAt(row);
    this.#setTemplates(at, network.acfc, network.pfc, 0x21);
    return this.#networkUp(row, network, BigInt(layout.ACTION_DELIVER), now);
  }
  /** Headers of the session's data messages, for PPP protocol 0x00`protocol`. */
  #setTemplates(at: number, acfc: boolean, pfc: boolean, protocol: number): void {
    const tunnel = this.#tunnelAt(this.#words[(at + layout.SESSION_TUNNEL_ROW) >>> 2]!);
    const peerTunnelId = this.#halves[(tunnel + layout.TUNNEL_PEER_ID) >>> 1]!;
    const peerId = (this.#octets[at + layout.SESSION_FRAME + 6]! << 8) | this.#octets[at + layout.SESSION_FRAME + 7]!;
    const ppp = [...(acfc ? [] : [0xff, 0x03]), ...(pfc ? [protocol] : [0x00, protocol])];
    const plain = [...l2tpHeader(peerTunnelId, peerId, false), ...ppp];
    const numbered = [...l2tpHeader(peerTunnelId, peerId, true), ...ppp];
    this.#octets.set(plain, at + layout.SESSION_PLAIN + 16 - plain.length);
    this.#octets.set(numbered, at + layout.SESSION_NUMBERED + 16 - numbered.length);
    this.#octets[at + layout.SESSION_PLAIN_SIZE] = plain.length;
    this.#octets[at + layout.SESSION_NUMBERED_SIZE] = numbered.length;
  }
  /** Address and place on top of its stack, for a session's own row or a bundle's network row. */
  #networkUp(row: number, network: NetworkAddress, work: bigint, now: number): boolean {
    const at = this.#sessionAt(row);
    this.#octets.set(network.address, at + layout.SESSION_ADDRESS);
    this.#octets.set(network.localAddress, at + layout.SESSION_LOCAL_ADDRESS);
    this.#words[(at + layout.SESSION_PEER_MRU) >>> 2] = network.peerMru;
    this.#longs[(at + layout.SESSION_UP_SEQUENCE) >>> 3] = ++this.#upSequence;
    const node = this.#nodes.take();
    if (node === 0) return false;
    // Open first, then carry: the carrier's switch is the store that moves the traffic.
    this.#setWork(at, work);
    Atomics.or(this.#words, (at + layout.SESSION_FLAGS) >>> 2, layout.SESSION_UP);
    this.#wasm.setNow(now);
    const instance = this.#halves[(at + layout.SESSION_ROUTING_INSTANCE) >>> 1]!;
    if (this.#wasm.stackPush(instance, 128, at + layout.SESSION_ADDRESS, row, node, this.#passedEpoch()) === 0) {
      this.#nodes.give(node);
      this.#setWork(at, work & TARGET_BITS);
      Atomics.and(this.#words, (at + layout.SESSION_FLAGS) >>> 2, ~layout.SESSION_UP);
      return false;
    }
    this.#words[(at + layout.SESSION_STACK_NODE) >>> 2] = node;
    return true;
  }

  /**
   * Has a session that is up, or a bundle's network row, carry a prefix as well (a framed route): it goes on top of the
   * prefix's stack, and is accepted as a source from now on. `sessionDown` takes it away again.
   * @param address 16 octets, IPv4 mapped; what exceeds the length is not looked at
   * @param length 0 to 128, over the mapped space: 96 more than an IPv4 prefix's
   * @returns false where the table is full
   */
  addRoute(row: number, address: Uint8Array, length: number, now: number): boolean {
    const { addresses, sessions } = this.#plan.sizes;
    // Every session has room for its address, whatever the routes need.
    if (this.#routeCount >= addresses - sessions) return false;
    this.reclaim();
    const node = this.#nodes.take();
    if (node === 0) return false;
    const scratch = this.#plan.parts[layout.PART_SCRATCH]!.offset;
    this.#octets.set(address, scratch);
    this.#wasm.setNow(now);
    const instance = this.#halves[(this.#sessionAt(row) + layout.SESSION_ROUTING_INSTANCE) >>> 1]!;
    if (this.#wasm.stackPush(instance, length, scratch, row, node, this.#passedEpoch()) === 0) {
      this.#nodes.give(node);
      return false;
    }
    const nodes = this.#routes.get(row);
    if (nodes === undefined) this.#routes.set(row, [node]);
    else nodes.push(node);
    this.#routeCount++;
    return true;
  }
  #removeRoutes(row: number, now: number): void {
    const nodes = this.#routes.get(row);
    if (nodes === undefined) return;
    this.#routes.delete(row);
    this.#routeCount -= nodes.length;
    this.#wasm.setNow(now);
    for (const node of nodes) {
      this.#wasm.stackRemove(node, this.#epoch() + 1);
      this.#retire('node', node);
    }
  }

  /**
   * Closes a session to IP packets; the session below it in the stack carries the address from now on.
   * @returns row of the new carrier, 0 where the address has none, or the row that carried all along
   */
  sessionDown(row: number, now: number): number {
    const at = this.#sessionAt(row);
    const node = this.#words[(at + layout.SESSION_STACK_NODE) >>> 2]!;
    let carrier = 0;
    this.#removeRoutes(row, now);
    if (node !== 0) {
      this.#wasm.setNow(now);
      carrier = this.#wasm.stackRemove(node, this.#epoch() + 1) >>> 0;
      this.#words[(at + layout.SESSION_STACK_NODE) >>> 2] = 0;
      this.#retire('node', node);
    }
    this.#setWork(at, this.#longsSigned[(at + layout.SESSION_ACTION) >>> 3]! & TARGET_BITS);
    Atomics.and(this.#words, (at + layout.SESSION_FLAGS) >>> 2, ~layout.SESSION_UP);
    this.setPolicer(row, 'up', 0, 0);
    this.setPolicer(row, 'down', 0, 0);
    return carrier;
  }

  /**
   * Limits the IP packets of a session, or of a bundle's network row, in one direction: what exceeds the rate once the
   * burst is spent is dropped. It holds until `sessionDown`, may change at any time, and begins with a full bucket.
   * @param bps bits a second of IP packets; 0 takes the limit away
   * @param burstOctets octets that may go at once; at least POLICER_BURST_MIN count, so that any packet can pass
   * @param queueMs towards the client, where the memory has room for it: what exceeds the rate waits up to so long,
   *   SHAPE_WAIT_MAX at most, before it is dropped
   * @returns false where the table is full, and the session has no limit
   */
  setPolicer(row: number, direction: 'up' | 'down', bps: number, burstOctets: number, queueMs = 0): boolean {
    const field =
      (this.#sessionAt(row) + (direction === 'up' ? layout.SESSION_SHAPER_UP : layout.SESSION_SHAPER_DOWN)) >>> 2;
    const before = this.#words[field]!;
    if (bps > 0) this.reclaim();
    const policer = bps > 0 ? this.#policers.take() : 0;
    if (policer !== 0) {
      const at = this.#policerAt(policer);
      this.#octets.fill(0, at, at + layout.SHAPER_ROW_SIZE);
      const ticks = (8 * Number(layout.CLOCK_HZ)) / bps;
      const burst = Math.max(burstOctets, POLICER_BURST_MIN);
      this.#longs[(at + layout.SHAPER_COST) >>> 3] = BigInt(Math.max(1, Math.round(ticks * 65536)));
      this.#longs[(at + layout.SHAPER_BURST) >>> 3] = BigInt(Math.round(ticks * burst));
      if (direction === 'down')
        this.#longs[(at + layout.SHAPER_QUEUE) >>> 3] = BigInt(
          Math.round((Math.min(queueMs, layout.SHAPE_WAIT_MAX) * Number(layout.CLOCK_HZ)) / 1000),
        );
    }
    Atomics.store(this.#words, field, policer);
    if (before !== 0) this.#retire('policer', before);
    return bps <= 0 || policer !== 0;
  }
  #policerAt(policer: number): number {
    return this.#plan.parts[layout.PART_SHAPERS]!.offset + policer * layout.SHAPER_ROW_SIZE;
  }
  /** What a policer has refused since it was set; null where the session has none in this direction. */
  policed(row: number, direction: 'up' | 'down'): { packets: number; octets: number } | null {
    const field =
      (this.#sessionAt(row) + (direction === 'up' ? layout.SESSION_SHAPER_UP : layout.SESSION_SHAPER_DOWN)) >>> 2;
    const policer = this.#words[field]!;
    if (policer === 0) return null;
    const at = this.#policerAt(policer) >>> 3;
    return {
      packets: Number(this.#longs[at + (layout.SHAPER_PACKETS >>> 3)]!),
      octets: Number(this.#longs[at + (layout.SHAPER_OCTETS >>> 3)]!),
    };
  }

  // Bundles. Their owner shard learns of members by records in its inject ring (`Plane.bundleRecord`).

  #bundleAt(row: number): number {
    return this.#plan.parts[layout.PART_BUNDLES]!.offset + row * layout.BUNDLE_ROW_SIZE;
  }
  /** Enters a bundle without links, and the session row that stands for its network. @returns null where a table is full */
  addBundle(bundle: BundleRow): { bundle: number; network: number } | null {
    this.reclaim();
    const row = this.#bundles.take();
    if (row === 0) return null;
    const network = this.#sessions.take();
    if (network === 0) {
      this.#bundles.give(row);
      return null;
    }
    const at = this.#bundleAt(row);
    const generation = this.#words[(at + layout.BUNDLE_GENERATION) >>> 2]! + 1;
    this.#octets.fill(0, at, at + layout.BUNDLE_ROW_SIZE);
    this.#words[(at + layout.BUNDLE_NETWORK) >>> 2] = network;
    this.#halves[(at + layout.BUNDLE_OWNER_SHARD) >>> 1] = bundle.ownerShard;
    this.#halves[(at + layout.BUNDLE_FLAGS) >>> 1] =
      (bundle.rxShort ? layout.BUNDLE_RX_SHORT : 0) | (bundle.txShort ? layout.BUNDLE_TX_SHORT : 0);
    this.#words[(at + layout.BUNDLE_LOCAL_MRRU) >>> 2] = bundle.localMrru;
    this.#words[(at + layout.BUNDLE_FRAGMENT_THRESHOLD) >>> 2] = bundle.fragmentThreshold ?? 0;
    this.#words[(at + layout.BUNDLE_DROP_TIMEOUT) >>> 2] = bundle.dropTimeoutMs;
    Atomics.store(this.#words, (at + layout.BUNDLE_GENERATION) >>> 2, generation);
    const session = this.#sessionAt(network);
    const sessionGeneration = this.#words[(session + layout.SESSION_GENERATION) >>> 2]! + 1;
    this.#octets.fill(0, session, session + layout.SESSION_ROW_SIZE);
    const counters = this.#countersAt(network);
    this.#octets.fill(0, counters, counters + layout.SESSION_COUNTERS_SIZE);
    this.#words[(session + layout.SESSION_FLAGS) >>> 2] = layout.SESSION_BUNDLE_NETWORK;
    this.#halves[(session + layout.SESSION_ROUTING_INSTANCE) >>> 1] = bundle.routingInstance;
    this.#halves[(session + layout.SESSION_OWNER_SHARD) >>> 1] = bundle.ownerShard;
    this.#setWork(session, work(layout.ACTION_PUNT, row));
    this.#words[(session + layout.SESSION_BUNDLE) >>> 2] = row;
    Atomics.store(this.#words, (session + layout.SESSION_GENERATION) >>> 2, sessionGeneration);
    return { bundle: row, network };
  }
  /** Opens a bundle to IP packets; as `sessionUp`. `peerMru` is the peer's MRRU. */
  bundleUp(bundle: number, network: NetworkAddress, now: number): boolean {
    const row = this.#words[(this.#bundleAt(bundle) + layout.BUNDLE_NETWORK) >>> 2]!;
    return this.#networkUp(row, network, work(layout.ACTION_MULTILINK, bundle), now);
  }
  /**
   * Makes a session a member link: its frames go to the bundle from now on. The owner shard must have been told first.
   * @param link 0 to 7, its place in the bundle
   */
  linkJoin(bundle: number, link: number, session: number, member: MemberLink): void {
    const at = this.#sessionAt(session);
    this.#setTemplates(at, member.acfc, member.pfc, 0x3d);
    this.#words[(at + layout.SESSION_LINK) >>> 2] = link;
    this.#words[(at + layout.SESSION_BUNDLE) >>> 2] = bundle;
    this.#words[(at + layout.SESSION_PEER_MRU) >>> 2] = member.peerMru;
    this.#halves[(at + layout.SESSION_OWNER_SHARD) >>> 1] =
      this.#halves[(this.#bundleAt(bundle) + layout.BUNDLE_OWNER_SHARD) >>> 1]!;
    this.#setWork(at, work(layout.ACTION_BUNDLE, bundle));
  }
  /** The session is no member any more: from the next batch on nothing is sent by it. */
  linkLeave(session: number): void {
    const at = this.#sessionAt(session);
    this.#setWork(at, work(layout.ACTION_PUNT, 0));
    this.#words[(at + layout.SESSION_BUNDLE) >>> 2] = 0;
  }
  /** Takes a bundle out that has no links; its rows are free once its owner has let go. @returns as `sessionDown` */
  removeBundle(bundle: number, now: number): number {
    const at = this.#bundleAt(bundle);
    const network = this.#words[(at + layout.BUNDLE_NETWORK) >>> 2]!;
    const carrier = this.sessionDown(network, now);
    Atomics.add(this.#words, (this.#sessionAt(network) + layout.SESSION_GENERATION) >>> 2, 1);
    this.#ending.push(bundle);
    return carrier;
  }
  bundleGeneration(bundle: number): number {
    return this.#words[(this.#bundleAt(bundle) + layout.BUNDLE_GENERATION) >>> 2]!;
  }
  bundleOwner(bundle: number): number {
    return this.#halves[(this.#bundleAt(bundle) + layout.BUNDLE_OWNER_SHARD) >>> 1]!;
  }
  get bundlesUsed(): number {
    return this.#bundles.used;
  }
  bundleCounters(bundle: number): BundleCounters {
    const at = this.#bundleAt(bundle);
    const long = (offset: number): number => Number(this.#longs[(at + offset) >>> 3]!);
    const word = (offset: number): number => this.#words[(at + offset) >>> 2]! >>> 0;
    const bits = this.#halves[(at + layout.BUNDLE_FLAGS) >>> 1]!;
    const rxMask = (bits & layout.BUNDLE_RX_SHORT) !== 0 ? 0xfff : 0xffffff;
    const txMask = (bits & layout.BUNDLE_TX_SHORT) !== 0 ? 0xfff : 0xffffff;
    const heard = word(layout.BUNDLE_HEARD);
    return {
      rxFragments: long(layout.BUNDLE_RX_FRAGMENTS),
      rxPackets: long(layout.BUNDLE_RX_PACKETS),
      rxDiscarded: long(layout.BUNDLE_RX_DISCARDED),
      txFragments: long(layout.BUNDLE_TX_FRAGMENTS),
      txPackets: long(layout.BUNDLE_TX_PACKETS),
      queued: word(layout.BUNDLE_QUEUED),
      held: word(layout.BUNDLE_HELD),
      nextSequence: word(layout.BUNDLE_NEXT_SEQUENCE) & txMask,
      expected: word(layout.BUNDLE_EXPECTED) & rxMask,
      largestDifference: word(layout.BUNDLE_LARGEST_DIFFERENCE),
      last: Array.from({ length: layout.BUNDLE_LINKS_MAX }, (_, link) =>
        (heard & (1 << link)) === 0
          ? null
          : word(layout.BUNDLE_LINK_STATES + link * layout.LINK_SIZE + layout.LINK_LAST) & rxMask,
      ),
    };
  }

  /** Takes a session out; `sessionDown` is included. @returns as `sessionDown` */
  removeSession(row: number, now: number): number {
    const carrier = this.sessionDown(row, now);
    const at = this.#sessionAt(row);
    this.#wasm.sessionIndexRemove(this.#words[(at + layout.SESSION_KEY) >>> 2]! >>> 0);
    this.#retire('session', row);
    return carrier;
  }

  /** Is the session the carrier of its address? */
  isCarrier(row: number): boolean {
    const at = this.#sessionAt(row);
    if (this.#words[(at + layout.SESSION_STACK_NODE) >>> 2] === 0) return false;
    const instance = this.#halves[(at + layout.SESSION_ROUTING_INSTANCE) >>> 1]!;
    const entry = this.#wasm.addressFind(instance, at + layout.SESSION_ADDRESS) >>> 0;
    return entry !== 0 && this.#words[(entry + layout.ADDRESS_CARRIER) >>> 2] === row;
  }

  /** Action and target of a session, in one store. */
  #setWork(at: number, value: bigint): void {
    Atomics.store(this.#longsSigned, (at + layout.SESSION_ACTION) >>> 3, value);
  }

  /** Packets of a session, both ways. */
  sessionPackets(row: number): number {
    const at = this.#countersAt(row) >>> 3;
    let packets = 0n;
    for (const counter of [layout.COUNTER_RX_PACKETS, layout.COUNTER_TX_PACKETS])
      packets += this.#longs[at + (counter >>> 3)]! + this.#longs[at + ((counter + layout.COUNTER_OTHER) >>> 3)]!;
    return Number(packets);
  }
  sessionCounters(row: number): SessionCounters {
    const at = this.#countersAt(row) >>> 3;
    const long = (offset: number): number => Number(this.#longs[at + (offset >>> 3)]!);
    const both = (offset: number): number => long(offset) + long(offset + layout.COUNTER_OTHER);
    const word = (offset: number): number => this.#words[(at * 2 + (offset >>> 2)) >>> 0]! >>> 0;
    return {
      rxPackets: both(layout.COUNTER_RX_PACKETS),
      rxOctets: both(layout.COUNTER_RX_OCTETS),
      txPackets: both(layout.COUNTER_TX_PACKETS),
      txOctets: both(layout.COUNTER_TX_OCTETS),
      rxErrors: long(layout.COUNTER_RX_ERRORS),
      txErrors: long(layout.COUNTER_TX_ERRORS),
      rxControlPackets: long(layout.COUNTER_RX_CONTROL_PACKETS),
      rxControlOctets: long(layout.COUNTER_RX_CONTROL_OCTETS),
      txControlPackets: long(layout.COUNTER_TX_CONTROL_PACKETS),
      txControlOctets: long(layout.COUNTER_TX_CONTROL_OCTETS),
      lastRx: word(layout.COUNTER_LAST_RX),
      lastTx: word(layout.COUNTER_LAST_TX),
      late: word(layout.COUNTER_LATE),
      lost: word(layout.COUNTER_LOST),
    };
  }

  /** A shard's counter by its DROP_* or TOTAL_* index. */
  shardCounter(shard: number, index: number): number {
    const at = this.#plan.parts[layout.PART_SHARD_COUNTERS]!.offset + shard * layout.SHARD_COUNTERS_SIZE;
    return Number(this.#longs[(at >>> 3) + index]!);
  }

  #rowsOf(kind: Retired['kind']): Rows {
    if (kind === 'tunnel') return this.#tunnels;
    if (kind === 'session') return this.#sessions;
    if (kind === 'policer') return this.#policers;
    return kind === 'bundle' ? this.#bundles : this.#nodes;
  }

  // Epochs.

  #epoch(): number {
    return (
      Atomics.load(this.#words, (this.#plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_EPOCH) >>> 2) >>> 0
    );
  }
  #retire(kind: Retired['kind'], index: number): void {
    const at = (this.#plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_EPOCH) >>> 2;
    const epoch = (Atomics.add(this.#words, at, 1) + 1) >>> 0;
    this.#retired.push({ epoch, kind, index });
  }
  /** The youngest epoch that every shard has begun. A shard that waits holds nothing. */
  #passedEpoch(): number {
    const now = this.#epoch();
    let oldest = 0;
    for (let shard = 0; shard < this.#plan.sizes.shards; shard++) {
      const at = this.#plan.parts[layout.PART_SHARD_CONTROL]!.offset + shard * layout.SHARD_CONTROL_SIZE;
      const seen = Atomics.load(this.#words, (at + layout.SHARD_EPOCH) >>> 2) >>> 0;
      if (seen === layout.SHARD_OFFLINE) continue;
      oldest = Math.max(oldest, (now - seen) >>> 0);
    }
    return (now - oldest) >>> 0;
  }
  /** The present epoch: once `shardsPassed` of it, no shard works with what was taken out before. */
  get epoch(): number {
    return this.#epoch();
  }
  /** Begins a new epoch. Once `shardsPassed` of it, no shard works with what it saw before. */
  nextEpoch(): number {
    const at = (this.#plan.parts[layout.PART_CONTROL]!.offset + layout.CONTROL_EPOCH) >>> 2;
    return (Atomics.add(this.#words, at, 1) + 1) >>> 0;
  }
  shardsPassed(epoch: number): boolean {
    return ((this.#passedEpoch() - epoch) | 0) >= 0;
  }
  /** Bundles that their owner has let go of: their rows rest until the shards have passed, as any. */
  #letGo(): void {
    this.#ending = this.#ending.filter((bundle) => {
      const at = this.#bundleAt(bundle);
      if (Atomics.load(this.#words, (at + layout.BUNDLE_ENDED) >>> 2) === 0) return true;
      Atomics.add(this.#words, (at + layout.BUNDLE_GENERATION) >>> 2, 1);
      this.#retire('session', this.#words[(at + layout.BUNDLE_NETWORK) >>> 2]!);
      this.#retire('bundle', bundle);
      return false;
    });
  }
  /** Gives rows that no shard can still hold back to their tables. */
  reclaim(): void {
    if (this.#ending.length > 0) this.#letGo();
    if (this.#retired.length === 0) return;
    const passed = this.#passedEpoch();
    let n = 0;
    for (const { epoch, kind, index } of this.#retired) {
      if (((passed - epoch) | 0) < 0) break;
      if (kind === 'session') {
        // Not before: the last frames that were handed to its shard (a Terminate-Ack) were to go out.
        const generation = (this.#sessionAt(index) + layout.SESSION_GENERATION) >>> 2;
        this.#words[generation] = (this.#words[generation]! | 1) + 1;
      }
      this.#rowsOf(kind).give(index);
      n++;
    }
    if (n === this.#retired.length) this.#retired = [];
    else if (n > 1024 || n * 2 > this.#retired.length) this.#retired = this.#retired.slice(n);
    else this.#retired.splice(0, n);
  }
}

/** What RECORD_LINK_JOIN tells the owner shard of a link. */
export function joinRecord(session: number, generation: number, member: MemberLink): Uint8Array {
  const payload = new Uint8Array(layout.JOIN_SIZE);
  const view = new DataView(payload.buffer);
  // Without a speed all links count alike.
  const speed = member.speedBps > 0 ? member.speedBps : 1_000_000_000;
  view.setUint32(layout.JOIN_SESSION, session, true);
  view.setUint32(layout.JOIN_GENERATION, generation, true);
  view.setUint32(layout.JOIN_NS_PER_256, Math.min(0xffffffff, Math.max(1, Math.round((256 * 8e9) / speed))), true);
  view.setUint32(layout.JOIN_MRU, member.peerMru, true);
  return payload;
}

/** Action and target as they stand in a session's row. */
const work = (action: number, target: number): bigint => BigInt(action) | (BigInt(target) << 32n);
const TARGET_BITS = 0xffffffff_00000000n;

/** L2TP data header with Length 0: 8 octets, or 12 with Ns and Nr (RFC 2661 section 3.1). */
function l2tpHeader(tunnelId: number, sessionId: number, numbered: boolean): number[] {
  const flags = 0x4002 | (numbered ? layout.L2TP_S : 0);
  const octets = [flags >>> 8, flags & 0xff, 0, 0, tunnelId >>> 8, tunnelId & 0xff, sessionId >>> 8, sessionId & 0xff];
  return numbered ? [...octets, 0, 0, 0, 0] : octets;
}
