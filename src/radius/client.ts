import type { RandomSource } from '../wire/random.ts';
import { AUTHENTICATOR_OCTETS } from './hide.ts';
import { buildAccessRequest, buildSignedRequest, Code, type Packet, parsePacket, replyIsAuthentic } from './packet.ts';
import {
  type Lane,
  newCounters,
  type RadiusAction,
  type RadiusAnswer,
  type RadiusCounters,
  type RadiusRequest,
  type RadiusServerOptions,
} from './types.ts';

const IDENTIFIERS = 256;
const ZEROS = new Uint8Array(AUTHENTICATOR_OCTETS);
const ACCT_START = 1;
const ACCT_STOP = 2;
const ACCT_INTERIM = 3;

export interface RadiusClientOptions {
  readonly servers: readonly RadiusServerOptions[];
  /** Time for which a server that does not answer is passed over. Junos: 300 s. */
  readonly deadTimeMs?: number;
  /** Requests under way to one server; each 256 take a source port. */
  readonly pendingMax?: number;
  /** Requests that wait for their turn; one more is answered 'overload'. */
  readonly queueMax?: number;
  /** A request that has not been answered after this long is answered 'timeout', wherever it is. */
  readonly lifetimeMs?: number;
  readonly random: RandomSource;
}

/** One transmission that waits for its reply, and after it what is needed to know a late one. */
interface Slot {
  pending: Pending | null;
  authenticator: Uint8Array;
}

class ServerLane implements Lane {
  readonly index: number;
  readonly owner: Server;
  readonly slots: (Slot | undefined)[] = [];
  /** Identifiers to use, longest unused first: a ring. */
  readonly free = Uint8Array.from({ length: IDENTIFIERS }, (_, i) => i);
  freeAt = 0;
  freeCount = IDENTIFIERS;

  constructor(index: number, owner: Server) {
    this.index = index;
    this.owner = owner;
  }
  get server(): RadiusServerOptions {
    return this.owner.options;
  }
  take(): number {
    const identifier = this.free[this.freeAt]!;
    this.freeAt = (this.freeAt + 1) % IDENTIFIERS;
    this.freeCount--;
    return identifier;
  }
  give(identifier: number): void {
    this.free[(this.freeAt + this.freeCount) % IDENTIFIERS] = identifier;
    this.freeCount++;
  }
}

class Server {
  readonly options: RadiusServerOptions;
  readonly counters: RadiusCounters = newCounters();
  readonly lanes: ServerLane[] = [];
  pending = 0;
  deadUntil = 0;
  /** Transmissions unanswered in a row, and when the first of them was sent. */
  unanswered = 0;
  silentSince = Number.POSITIVE_INFINITY;
  /** It has sent a Message-Authenticator: from then on it must. */
  signs: boolean;

  constructor(options: RadiusServerOptions) {
    this.options = options;
    this.signs = options.requireMessageAuthenticator;
  }
}

class Pending {
  readonly request: RadiusRequest;
  readonly expiresAt: number;
  /** By server index: transmissions made. */
  readonly tries: Uint8Array;
  server: Server | null = null;
  lane: ServerLane | null = null;
  identifier = 0;
  octets: Uint8Array | null = null;
  sentAt = 0;
  deadline = 0;
  cancelled = false;
  /** Place in the deadline heap's bucket is by time alone; this tells stale entries. */
  stamp = 0;

  constructor(request: RadiusRequest, expiresAt: number, servers: number) {
    this.request = request;
    this.expiresAt = expiresAt;
    this.tries = new Uint8Array(servers);
  }
}

/**
 * Asks a group of RADIUS servers. A value: it owns no socket, timer or clock; `now` is in milliseconds, monotonic.
 *
 * Servers are tried in order: a request goes to the first that is not dead, and when its time is over to the next, round
 * and round, until one answers or each has had its transmissions. A server that has left as many transmissions in a row
 * unanswered as one request may make, over as long as that takes, is dead for `deadTimeMs`; any genuine reply revives
 * it. Where all are dead they are tried all the same: there is nothing better to do.
 */
export class RadiusClient {
  readonly #servers: readonly Server[];
  readonly #deadTimeMs: number;
  readonly #pendingMax: number;
  readonly #queueMax: number;
  readonly #lifetimeMs: number;
  readonly #random: RandomSource;
  readonly #byRequest = new Map<RadiusRequest, Pending>();
  /** Requests that wait for a free Identifier, in order of arrival; cancelled ones are passed over. */
  #queue: Pending[] = [];
  #queueHead = 0;
  #queued = 0;
  /** Deadlines: a heap of (time, stamp, pending). */
  readonly #heap: { at: number; stamp: number; pending: Pending }[] = [];
  /** The most that waited at once. */
  queuedMost = 0;

  /** @throws RangeError without a server, or with more than 255 retries */
  constructor(options: RadiusClientOptions) {
    if (options.servers.length === 0) throw new RangeError('a RADIUS client needs a server');
    if (options.servers.some(({ retries }) => retries < 0 || retries > 254))
      throw new RangeError('retries are 0 to 254');
    this.#servers = options.servers.map((server) => new Server(server));
    this.#deadTimeMs = options.deadTimeMs ?? 300_000;
    this.#pendingMax = Math.max(1, options.pendingMax ?? 2048);
    this.#queueMax = options.queueMax ?? 32_768;
    this.#lifetimeMs =
      options.lifetimeMs ??
      options.servers.reduce((sum, { timeoutMs, retries }) => sum + timeoutMs * (1 + retries), 0) + 1000;
    this.#random = options.random;
  }

  /** Requests under way, and those that wait for their turn. */
  get pending(): number {
    return this.#byRequest.size;
  }
  get queued(): number {
    return this.#queued;
  }
  /** For `show services l2tp radius`. */
  *servers(now: number): Iterable<{
    readonly options: RadiusServerOptions;
    readonly alive: boolean;
    readonly pending: number;
    readonly pendingMax: number;
    readonly deadTimeMs: number;
    readonly counters: Readonly<RadiusCounters>;
  }> {
    for (const server of this.#servers)
      yield {
        options: server.options,
        alive: server.deadUntil <= now,
        pending: server.pending,
        pendingMax: this.#pendingMax,
        deadTimeMs: this.#deadTimeMs,
        counters: server.counters,
      };
  }

  /** Asks. The answer comes as an action, in this call where the queue is full. */
  ask(request: RadiusRequest, now: number, out: RadiusAction[]): void {
    const pending = new Pending(request, now + this.#lifetimeMs, this.#servers.length);
    const server = this.#next(pending, now)!;
    if (this.#queued > 0 || server.pending >= this.#pendingMax) {
      if (this.#queued >= this.#queueMax) {
        server.counters.packetsDropped++;
        out.push({ do: 'answer', request, answer: { outcome: 'overload' } });
        return;
      }
      this.#byRequest.set(request, pending);
      this.#enqueue(pending);
      return;
    }
    this.#byRequest.set(request, pending);
    this.#transmit(pending, server, now, out);
  }
  /** Nobody waits for the answer any more: none will come, and nothing is sent again. */
  cancel(request: RadiusRequest, now: number, out: RadiusAction[]): void {
    const pending = this.#byRequest.get(request);
    if (pending === undefined) return;
    this.#byRequest.delete(request);
    pending.cancelled = true;
    // One on its way keeps its Identifier until its time is over; a reply to it is not unknown.
    if (pending.lane === null) this.#queued--;
    this.#serve(now, out);
  }

  /** Takes a datagram that came by a lane. Never throws. */
  receive(lane: Lane, datagram: Uint8Array, now: number, out: RadiusAction[]): void {
    if (!(lane instanceof ServerLane)) return;
    const server = lane.owner;
    const { counters, options } = server;
    const packet = parsePacket(datagram);
    if (typeof packet === 'string') {
      counters.malformedResponses++;
      out.push({ do: 'tell', event: 'dropped', reason: 'malformed', server: options });
      return;
    }
    const slot = lane.slots[packet.identifier];
    if (slot === undefined) {
      counters.unknownResponses++;
      out.push({ do: 'tell', event: 'dropped', reason: 'unknown', server: options });
      return;
    }
    const pending = slot.pending;
    if (!replyIsAuthentic(packet, slot.authenticator, options.secret)) {
      counters.badAuthenticators++;
      out.push({ do: 'tell', event: 'dropped', reason: 'bad-authenticator', server: options });
      return;
    }
    if (pending === null) {
      // A second reply, or one after its time: it is the server's, so the server lives.
      counters.unknownResponses++;
      this.#heard(server, out);
      return;
    }
    const access = pending.request.kind === 'access';
    if (!expectedCode(packet.code, access)) {
      counters.malformedResponses++;
      out.push({ do: 'tell', event: 'dropped', reason: 'unexpected-code', server: options });
      return;
    }
    if (access) {
      if (packet.messageAuthenticatorAt === -1) {
        if (server.signs) {
          counters.missingMessageAuthenticators++;
          counters.badAuthenticators++;
          out.push({ do: 'tell', event: 'dropped', reason: 'message-authenticator-missing', server: options });
          return;
        }
      } else if (!server.signs) {
        server.signs = true;
        out.push({ do: 'tell', event: 'message-authenticator-seen', server: options });
      }
    }
    this.#heard(server, out);
    countReply(counters, packet, pending.request);
    this.#free(pending);
    if (!pending.cancelled) {
      // The packet is a view of the driver's buffer, and outlives it.
      const answer: RadiusAnswer = {
        outcome: 'reply',
        packet,
        server: options,
        requestAuthenticator: slot.authenticator,
      };
      this.#byRequest.delete(pending.request);
      out.push({ do: 'answer', request: pending.request, answer });
    }
    this.#serve(now, out);
  }

  /** The `now` at which `handleTimeout` next has work. */
  deadline(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.at;
  }
  handleTimeout(now: number, out: RadiusAction[]): void {
    for (let top = this.#heap[0]; top !== undefined && top.at <= now; top = this.#heap[0]) {
      this.#popHeap();
      const { pending } = top;
      if (top.stamp !== pending.stamp) continue;
      if (pending.server === null || pending.lane === null) {
        // It waited its whole life for its turn.
        if (pending.cancelled) continue;
        this.#queued--;
        pending.cancelled = true;
        this.#answer(pending, { outcome: 'timeout' }, out);
        continue;
      }
      this.#unanswered(pending, now, out);
    }
    this.#serve(now, out);
  }

  /** A transmission's time is over: again, or elsewhere, or given up. */
  #unanswered(pending: Pending, now: number, out: RadiusAction[]): void {
    const server = pending.server!;
    const { options, counters } = server;
    counters.requestTimeouts++;
    server.unanswered++;
    server.silentSince = Math.min(server.silentSince, pending.sentAt);
    const attempts = 1 + options.retries;
    if (
      server.unanswered >= attempts &&
      now - server.silentSince >= attempts * options.timeoutMs &&
      server.deadUntil <= now
    ) {
      server.deadUntil = now + this.#deadTimeMs;
      out.push({ do: 'tell', event: 'server-dead', server: options });
    }
    if (pending.cancelled) {
      this.#free(pending);
      return;
    }
    const next = now >= pending.expiresAt ? null : this.#next(pending, now);
    if (next === null) {
      this.#free(pending);
      this.#answer(pending, { outcome: 'timeout' }, out);
      return;
    }
    if (next === server) {
      counters.retransmissions++;
      this.#send(pending, now, out);
      return;
    }
    this.#free(pending);
    if (next.pending >= this.#pendingMax) {
      pending.server = null;
      pending.lane = null;
      // It has waited longest: but a queue in order of arrival keeps the promise to those who wait.
      this.#enqueue(pending);
      return;
    }
    this.#transmit(pending, next, now, out);
  }

  /** The server for the next transmission: round and round from the one it had, the living first; null when all had theirs. */
  #next(pending: Pending, now: number): Server | null {
    const servers = this.#servers;
    const from = pending.server === null ? 0 : servers.indexOf(pending.server) + 1;
    let dead: Server | null = null;
    for (let i = 0; i < servers.length; i++) {
      const at = (from + i) % servers.length;
      const server = servers[at]!;
      if (pending.tries[at]! > server.options.retries) continue;
      if (server.deadUntil <= now) return server;
      dead ??= server;
    }
    return dead;
  }

  #transmit(pending: Pending, server: Server, now: number, out: RadiusAction[]): void {
    const lane = this.#laneOf(server);
    const identifier = lane.take();
    const { request } = pending;
    const { secret } = server.options;
    const access = request.kind === 'access';
    const authenticator = access ? this.#random.octets(AUTHENTICATOR_OCTETS) : ZEROS;
    const attributes = request.attributes(secret, authenticator);
    const octets = access
      ? buildAccessRequest(identifier, authenticator, attributes, secret)
      : buildSignedRequest(Code.AccountingRequest, identifier, attributes, secret);
    if (octets === null) {
      lane.give(identifier);
      server.counters.packetsDropped++;
      pending.stamp++;
      this.#answer(pending, { outcome: 'too-large' }, out);
      return;
    }
    lane.slots[identifier] = { pending, authenticator: octets.subarray(4, 4 + AUTHENTICATOR_OCTETS) };
    const elsewhere = pending.tries.some((tries) => tries > 0) && pending.tries[this.#servers.indexOf(server)] === 0;
    pending.server = server;
    pending.lane = lane;
    pending.identifier = identifier;
    pending.octets = octets;
    server.pending++;
    server.counters.requests++;
    if (elsewhere) server.counters.rolloverRequests++;
    if (request.status === ACCT_START) server.counters.startRequests++;
    else if (request.status === ACCT_INTERIM) server.counters.interimRequests++;
    else if (request.status === ACCT_STOP) server.counters.stopRequests++;
    this.#send(pending, now, out);
  }
  #send(pending: Pending, now: number, out: RadiusAction[]): void {
    const server = pending.server!;
    pending.tries[this.#servers.indexOf(server)]!++;
    pending.sentAt = now;
    this.#arm(pending, now + server.options.timeoutMs);
    out.push({ do: 'send', lane: pending.lane!, octets: pending.octets! });
  }
  #laneOf(server: Server): ServerLane {
    for (const lane of server.lanes) if (lane.freeCount > 0) return lane;
    const lane = new ServerLane(server.lanes.length, server);
    server.lanes.push(lane);
    return lane;
  }
  /** Gives the Identifier back. A reply that still comes is known as late by the authenticator. */
  #free(pending: Pending): void {
    const { lane, server, identifier } = pending;
    if (lane === null || server === null) return;
    lane.slots[identifier]!.pending = null;
    lane.give(identifier);
    server.pending--;
    pending.lane = null;
    pending.octets = null;
    pending.stamp++;
  }
  #answer(pending: Pending, answer: RadiusAnswer, out: RadiusAction[]): void {
    this.#byRequest.delete(pending.request);
    out.push({ do: 'answer', request: pending.request, answer });
  }
  #heard(server: Server, out: RadiusAction[]): void {
    server.unanswered = 0;
    server.silentSince = Number.POSITIVE_INFINITY;
    if (server.deadUntil === 0) return;
    server.deadUntil = 0;
    out.push({ do: 'tell', event: 'server-alive', server: server.options });
  }

  // The queue.

  #enqueue(pending: Pending): void {
    this.#queue.push(pending);
    this.#queued++;
    if (this.#queued > this.queuedMost) this.queuedMost = this.#queued;
    this.#arm(pending, pending.expiresAt);
  }
  /** Sends what waits, as far as Identifiers are free. */
  #serve(now: number, out: RadiusAction[]): void {
    while (this.#queued > 0) {
      const pending = this.#queue[this.#queueHead];
      if (pending === undefined) break;
      if (pending.cancelled) {
        this.#queueHead++;
        continue;
      }
      const server = this.#next(pending, now);
      if (server !== null && server.pending >= this.#pendingMax) break;
      this.#queueHead++;
      this.#queued--;
      pending.stamp++;
      if (server === null) this.#answer(pending, { outcome: 'timeout' }, out);
      else this.#transmit(pending, server, now, out);
    }
    if (this.#queued === 0) {
      this.#queue = [];
      this.#queueHead = 0;
    } else if (this.#queueHead > 1024 && this.#queueHead * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
  }

  // Deadlines: entries of an older stamp are passed over when their time comes.

  #arm(pending: Pending, at: number): void {
    pending.stamp++;
    pending.deadline = at;
    const heap = this.#heap;
    const entry = { at, stamp: pending.stamp, pending };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if (heap[parent]!.at <= at) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }
  #popHeap(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = i * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function expectedCode(code: number, access: boolean): boolean {
  if (!access) return code === Code.AccountingResponse;
  return code === Code.AccessAccept || code === Code.AccessReject || code === Code.AccessChallenge;
}

function countReply(counters: RadiusCounters, packet: Packet, request: RadiusRequest): void {
  switch (packet.code) {
    case Code.AccessAccept:
      counters.accepts++;
      break;
    case Code.AccessReject:
      counters.rejects++;
      break;
    case Code.AccessChallenge:
      counters.challenges++;
      break;
    default:
      counters.responses++;
      if (request.status === ACCT_START) counters.startResponses++;
      else if (request.status === ACCT_INTERIM) counters.interimResponses++;
      else if (request.status === ACCT_STOP) counters.stopResponses++;
  }
}
