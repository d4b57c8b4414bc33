import { hostname } from 'node:os';
import type { Aaa, AccessLine, AuthenticationResult, SubscriberAttributes } from '../aaa/types.ts';
import { AddressPool } from '../config/pool.ts';
import type { LnsConfig, UserProfile } from '../config/types.ts';
import { Deadlines } from '../control/deadlines.ts';
import type { CallConnected } from '../control/types.ts';
import { PppSession } from '../ppp/session.ts';
import type { AddressAssignment, PppAction } from '../ppp/types.ts';
import { formatIpv4, parseIpv4 } from '../wire/address.ts';
import { octets32 } from '../wire/ppp.ts';
import type { RandomSource } from '../wire/random.ts';
import { type Call, CDN_RESULT, type NetworkEnd } from './call.ts';
import type { Log } from './log.ts';
import type { Plane } from './plane.ts';
import type { HostRoutes } from './routes.ts';
import { Units } from './units.ts';

/** The largest frame that we offer to take. */
const MRU = 1500;
/** PPP frames that may wait for the ICCN of their call. */
const EARLY_FRAMES_MAX = 4;
/** How long a row that went down and comes up again waits for the shards, at a time. */
const PASS_WAIT_MS = 2;

export interface SubscribersOptions {
  readonly config: LnsConfig;
  readonly plane: () => Plane;
  readonly aaa: Aaa;
  readonly random: RandomSource;
  readonly md5: (...parts: Uint8Array[]) => Uint8Array;
  readonly log: Log;
  readonly routes: () => HostRoutes | null;
  readonly now: () => number;
  /** Ends a call with CDN. */
  disconnect(call: Call, resultCode: number, errorCode: number, message: string): void;
  /** Section 6.14: the LAC learns the ACCM that was negotiated over its head. */
  linkInfo(call: Call, accm: number): void;
  /** Something happened outside a turn of the driver: acknowledgements and timers are to be looked at. */
  settle(): void;
}

/** PPP of every call: feeds frames and time to its values and performs what they ask for. */
export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #pools = new Map<string, AddressPool>();
  readonly #units = new Units();
  /** By session row. */
  readonly #calls: (Call | undefined)[] = [];
  readonly #deadlines = new Deadlines<Call>();

  constructor(options: SubscribersOptions) {
    this.#options = options;
    const { config } = options;
    const reserved = reservedAddresses(config);
    for (const pool of config.pools.values()) this.#pools.set(pool.name, new AddressPool(pool, reserved));
  }

  // Calls come and go.

  /** The call has its row: frames of it may come. */
  add(call: Call): void {
    this.#calls[call.row] = call;
  }
  byRow(row: number): Call | undefined {
    return this.#calls[row];
  }
  /** The call is connected: PPP begins. */
  open(call: Call, connected: CallConnected): void {
    const now = this.#options.now();
    const { tunnel } = call;
    call.connected = connected;
    if (connected.sequencingRequired) this.#tables.requireSequencing(call.row);
    call.ppp = new PppSession({
      role: 'server',
      random: this.#options.random,
      md5: this.#options.md5,
      mru: MRU,
      // `none` first: nobody is asked. Behind another method it is for users whom that one does not know.
      authentication: this.profileOf(call).authenticationOrder[0] === 'none' ? [] : [tunnel.client.pppAuthentication],
      name: this.localName(call),
      compression: true,
    });
    const out: PppAction[] = [];
    call.ppp.open(now, out);
    for (const frame of call.early) call.ppp.receive(frame, now, out);
    call.early = [];
    this.#perform(call, out);
  }
  /** The call is gone: its row, its address and its unit are free again. @returns whether its network was up */
  remove(call: Call): boolean {
    const wasUp = call.up;
    call.withdraw?.();
    call.withdraw = null;
    this.#networkDown(call);
    if (call.row !== 0) {
      this.#tables.removeSession(call.row, this.#options.now());
      this.#calls[call.row] = undefined;
      call.row = 0;
    }
    call.ppp = null;
    call.early = [];
    this.#releaseAddress(call);
    this.#units.release(call);
    return wasUp;
  }

  /** A PPP frame, from its protocol field on, of the session in `row`. */
  frame(row: number, frame: Uint8Array): void {
    const call = this.#calls[row];
    if (call === undefined) return;
    if (call.ppp === null) {
      if (call.connected === null && call.early.length < EARLY_FRAMES_MAX) call.early.push(frame);
      return;
    }
    const out: PppAction[] = [];
    call.ppp.receive(frame, this.#options.now(), out);
    this.#perform(call, out);
  }

  deadline(): number {
    return this.#deadlines.next();
  }
  handleTimeout(now: number): void {
    for (let call = this.#deadlines.take(now); call !== null; call = this.#deadlines.take(now)) {
      if (call.ppp === null) continue;
      const out: PppAction[] = [];
      call.ppp.handleTimeout(now, out);
      this.#perform(call, out);
    }
  }

  // What PPP asks for.

  get #tables(): Plane['tables'] {
    return this.#options.plane().tables;
  }
  /** Performs actions in order; those that answers add come behind. */
  #perform(call: Call, out: PppAction[]): void {
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      switch (action.do) {
        case 'send':
          if (call.row !== 0) this.#options.plane().inject(call.row, action.frame, action.priority);
          break;
        case 'authenticate':
          this.#authenticate(call, action, out);
          break;
        case 'request-address':
          this.#requestAddress(call, out);
          break;
        case 'tell':
          this.#tell(call, action);
          break;
      }
    }
    this.#deadlines.update(call);
  }

  #authenticate(call: Call, credentials: Extract<PppAction, { do: 'authenticate' }>, out: PppAction[]): void {
    const { aaa, now } = this.#options;
    const { ppp } = call;
    call.withdraw?.();
    call.withdraw = null;
    let inTurn = true;
    let answered = false;
    const withdraw = aaa.authenticate(credentials, this.lineOf(call), now(), (result) => {
      answered = true;
      call.withdraw = null;
      if (call.ppp !== ppp || ppp === null) return;
      this.#judged(call, credentials, result);
      if (inTurn) {
        ppp.authenticationResult(result.passed, now(), out);
        return;
      }
      const later: PppAction[] = [];
      ppp.authenticationResult(result.passed, now(), later);
      this.#perform(call, later);
      this.#options.settle();
    });
    inTurn = false;
    if (!answered) call.withdraw = withdraw;
  }
  #judged(call: Call, credentials: Extract<PppAction, { do: 'authenticate' }>, result: AuthenticationResult): void {
    if (result.passed) {
      call.attributes = result.attributes;
      return;
    }
    call.lastReason = result.reason;
    this.#options.log('warning', 'authentication-failed', {
      group: call.gateway.config.name,
      tunnel: call.tunnel.info.tunnelId,
      session: call.sessionId,
      user: credentials.name,
      method: credentials.method,
      reason: result.reason,
    });
  }

  #requestAddress(call: Call, out: PppAction[]): void {
    const { ppp } = call;
    if (ppp === null) return;
    const assignment = this.#assign(call, call.attributes ?? this.#options.aaa.unauthenticated(this.lineOf(call)));
    if (typeof assignment === 'string') {
      call.lastReason = assignment;
      ppp.close('administrative', assignment, this.#options.now(), out);
    } else ppp.addressAssigned(assignment, this.#options.now(), out);
  }
  /** Unit and address for a session or bundle. @returns null: there is no address; a text: there is no unit, and why */
  #assign(end: NetworkEnd, attributes: SubscriberAttributes): AddressAssignment | null | string {
    const { config: group } = end.gateway;
    const { ppp } = attributes;
    end.attributes = attributes;
    this.#releaseAddress(end);
    if (end.unit === null) {
      const unit = this.#units.pick(group, ppp.interfaceId, end);
      if (unit === undefined) return `no unit of ${group.serviceInterface} is free for interface-id ${ppp.interfaceId}`;
      end.unit = unit;
    }
    let address = attributes.framedAddress;
    if (address === null && ppp.framedPool !== null) {
      const pool = this.#pools.get(ppp.framedPool);
      address = pool?.allocate() ?? null;
      if (pool !== undefined && address !== null) end.pool = pool;
      else
        this.#options.log('warning', pool === undefined ? 'pool-unknown' : 'pool-exhausted', {
          group: group.name,
          pool: ppp.framedPool,
          user: end.userName,
        });
    }
    end.address = address ?? 0;
    end.localAddress =
      end.unit?.address ?? group.units.find((unit) => unit.unit === 0)?.address ?? parseIpv4(group.localGateway)!;
    if (address === null) {
      end.lastReason = ppp.framedPool === null ? 'no address for the user' : 'pool exhausted';
      return null;
    }
    return {
      address,
      localAddress: end.localAddress,
      primaryDns: ppp.primaryDns ?? 0,
      secondaryDns: ppp.secondaryDns ?? 0,
      primaryNbns: ppp.primaryNbns ?? 0,
      secondaryNbns: ppp.secondaryNbns ?? 0,
    };
  }
  #releaseAddress(end: NetworkEnd): void {
    end.pool?.release(end.address);
    end.pool = null;
  }

  #tell(call: Call, action: Extract<PppAction, { do: 'tell' }>): void {
    switch (action.event) {
      case 'lcp-open':
        call.lcp = action.lcp;
        if (call.row !== 0) this.#tables.setEcho(call.row, action.lcp.localMagic);
        if (action.lcp.peerAccm !== null) this.#options.linkInfo(call, action.lcp.peerAccm);
        break;
      case 'lcp-down':
        if (call.row !== 0) this.#tables.setEcho(call.row, null);
        this.#networkDown(call);
        this.#releaseAddress(call);
        call.attributes = null;
        break;
      case 'authenticated':
        call.userName = action.name;
        call.method = action.method;
        break;
      case 'network-open':
        this.#networkUp(call);
        break;
      case 'network-down':
        this.#networkDown(call);
        break;
      case 'finished':
        if (call.lastReason === '') call.lastReason = action.message || action.reason;
        this.#options.disconnect(call, CDN_RESULT[action.reason], 0, call.lastReason);
        break;
    }
  }

  #networkUp(call: Call): void {
    const tables = this.#tables;
    if (call.row === 0 || call.lcp === null) return;
    if (call.downEpoch !== null && !tables.shardsPassed(call.downEpoch)) {
      // A shard may still read what the row held before.
      setTimeout(() => {
        if (call.row !== 0 && call.ppp?.ipcp?.state === 'Opened' && !call.up) this.#networkUp(call);
      }, PASS_WAIT_MS);
      return;
    }
    const now = this.#options.now();
    const ok = tables.sessionUp(
      call.row,
      {
        address: mappedAddress(call.address),
        localAddress: octets32(call.localAddress),
        peerMru: call.lcp.peerMru,
        acfc: call.lcp.peerAcfc,
        pfc: call.lcp.peerPfc,
      },
      now,
    );
    if (!ok) {
      this.#options.disconnect(call, 4, 4, 'the address table is full');
      return;
    }
    call.up = true;
    call.upAt = now;
    this.#options.routes()?.change(call.address, 1);
    this.#options.log('info', 'session-up', {
      group: call.gateway.config.name,
      tunnel: call.tunnel.info.tunnelId,
      session: call.sessionId,
      user: call.userName,
      method: call.method,
      address: formatIpv4(call.address),
      unit: call.unit === null ? undefined : call.unit.unit,
    });
  }
  #networkDown(call: Call): void {
    if (!call.up) return;
    call.up = false;
    const tables = this.#tables;
    const carrier = tables.sessionDown(call.row, this.#options.now());
    call.downEpoch = tables.epoch;
    this.#options.routes()?.change(call.address, -1);
    const next = carrier === 0 ? undefined : this.#calls[carrier];
    if (next !== undefined && next !== call)
      this.#options.log('notice', 'carrier', {
        group: next.gateway.config.name,
        address: formatIpv4(call.address),
        tunnel: next.tunnel.info.tunnelId,
        session: next.sessionId,
      });
  }

  // What AAA is told.

  profileOf(call: Call): UserProfile {
    return call.tunnel.client.pppProfile ?? call.gateway.config.userProfile;
  }
  localName(call: Call): string {
    return call.tunnel.gateway.gatewayName ?? this.#options.config.hostName ?? hostname();
  }
  lineOf(call: Call): AccessLine {
    const { gateway, tunnel } = call;
    return {
      tunnelGroup: gateway.config.name,
      serviceInterface: gateway.config.serviceInterface,
      tunnelId: tunnel.info.tunnelId,
      sessionId: call.sessionId,
      peerTunnelId: tunnel.info.peerTunnelId,
      peerSessionId: call.peerSessionId,
      localAddress: gateway.config.localGateway,
      peer: tunnel.info.peer,
      peerName: tunnel.info.hostName,
      localName: this.localName(call),
      tunnelClient: tunnel.client,
      userProfile: this.profileOf(call),
      request: call.request,
      connected: call.connected!,
    };
  }
}

/** An IPv4 address as the tables take it: 16 octets, mapped. */
function mappedAddress(address: number): Uint8Array {
  const octets = new Uint8Array(16);
  octets[10] = octets[11] = 255;
  octets.set(octets32(address), 12);
  return octets;
}

/** Addresses that no pool may give: those of units, and those fixed for a user. */
function reservedAddresses(config: LnsConfig): Set<number> {
  const reserved = new Set<number>();
  for (const group of config.tunnelGroups) {
    for (const profile of [
      group.userProfile,
      ...[...group.tunnelProfile.clients.values()].map((one) => one.pppProfile),
    ])
      for (const user of profile?.clients.values() ?? [])
        if (user.framedAddress !== null) reserved.add(user.framedAddress);
    for (const unit of group.units) if (unit.address !== null) reserved.add(unit.address);
  }
  return reserved;
}
