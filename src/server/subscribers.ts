import { hostname } from 'node:os';
import type { Accounting } from '../aaa/accounting.ts';
import type { SessionChange } from '../aaa/dynamic.ts';
import { SessionIndex } from '../aaa/sessions.ts';
import { Terminate, type TerminateCause } from '../aaa/terminate.ts';
import type { Aaa, AccessLine, AuthenticationResult } from '../aaa/types.ts';
import type { LnsConfig, UserProfile } from '../config/types.ts';
import { Deadlines } from '../control/deadlines.ts';
import type { CallConnected } from '../control/types.ts';
import type { TunSteering } from '../io/tun-steering.ts';
import { PppSession } from '../ppp/session.ts';
import type { MultilinkOptions, PppAction, PppEnd } from '../ppp/types.ts';
import type { RandomSource } from '../wire/random.ts';
import { AccountedCall, accessLine, CAUSE_OF_PPP } from './accounted.ts';
import { Bounds } from './bounds.ts';
import { type Bundle, Bundles, multilinkOffer } from './bundles.ts';
import { type Call, CDN_RESULT, type LnsTunnel, type NetworkEnd, NO_FRAMES } from './call.ts';
import type { Log } from './log.ts';
import { Networks } from './networks.ts';
import type { Plane } from './plane.ts';
import type { HostRoutes } from './routes.ts';

/** The largest frame that we offer to take. */
const MRU = 1500;
/** PPP frames that may wait for the ICCN of their call. */
const EARLY_FRAMES_MAX = 4;
/** How long a row that went down and comes up again waits for the shards, at a time. */
const PASS_WAIT_MS = 2;

export interface SubscribersOptions {
  /** Session rows that there may be. */
  readonly rows: number;
  readonly config: LnsConfig;
  readonly plane: () => Plane;
  /** How long what exceeds a rate towards the client may wait. */
  readonly queueMs: number;
  readonly multilink: { readonly mrru?: number; readonly shortSequence?: boolean };
  readonly aaa: Aaa;
  readonly accounting: Accounting;
  readonly newAccountingId: () => string;
  readonly random: RandomSource;
  readonly md5: (...parts: Uint8Array[]) => Uint8Array;
  readonly log: Log;
  readonly routes: () => HostRoutes | null;
  readonly steering: () => TunSteering | null;
  readonly now: () => number;
  /** A session or bundle is up. */
  networkUp?(end: NetworkEnd): void;
  /** Ends a call with CDN. */
  disconnect(call: Call, resultCode: number, errorCode: number, message: string): void;
  /** Section 6.14: the LAC learns the ACCM that was negotiated over its head. */
  linkInfo(call: Call, accm: number): void;
  /** AAA has judged the user, or never will: the call is gone. */
  judged(call: Call): void;
  /** Something happened outside a turn of the driver: acknowledgements and timers are to be looked at. */
  settle(): void;
}

/** PPP of every call: feeds frames and time to its values and performs what they ask for. */
export class Subscribers {
  readonly #options: SubscribersOptions;
  #config: LnsConfig;
  readonly networks: Networks;
  readonly bundles: Bundles;
  readonly #multilink: MultilinkOptions;
  /** Sessions and member links whose network is up. */
  readonly sessions = new SessionIndex<AccountedCall>();
  readonly bounds: Bounds;
  /** By session row. */
  readonly #calls: (Call | undefined)[] = [];
  readonly #deadlines = new Deadlines<Call | Bundle>();

  constructor(options: SubscribersOptions) {
    this.#options = options;
    const { config, plane, log, now, routes } = options;
    this.#config = config;
    this.#multilink = multilinkOffer(config.hostName ?? hostname(), options.multilink);
    this.networks = new Networks({
      config,
      log,
      routes,
      tables: () => plane().tables,
      steering: options.steering,
      changed: (end, up) => this.#networkChanged(end, up),
      up: (end) => options.networkUp?.(end),
    });
    this.bounds = new Bounds({
      rows: options.rows,
      plane,
      random: options.random,
      now,
      callOf: (row) => this.#calls[row],
      end: (call, reason, message) => {
        // Who does not answer echoes does not hear a Terminate-Request either.
        if (reason === 'keepalive') options.disconnect(call, 1, 0, message);
        else this.close(call, 'administrative', message);
      },
    });
    this.bundles = new Bundles({
      plane,
      networks: this.networks,
      log,
      now,
      attributesOf: (call) => options.aaa.unauthenticated(this.lineOf(call)),
      closeLink: (call, reason, message) => this.close(call, reason, message),
      scheduled: (bundle) => this.#deadlines.update(bundle),
    });
  }

  /** Takes up another configuration. What the calls and bundles that go on hold, they keep. */
  reconfigure(config: LnsConfig): void {
    this.#config = config;
    this.networks.reconfigure(config, this.ends());
  }
  /** Who may hold addresses and units. */
  *ends(): Iterable<NetworkEnd> {
    for (const call of this.#calls) if (call !== undefined) yield call;
    yield* this.bundles;
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
    const { tunnel } = call;
    call.connected = connected;
    if (connected.sequencingRequired) this.#tables.requireSequencing(call.row);
    call.ppp = new PppSession(this.#shared(tunnel).ppp);
    const out: PppAction[] = [];
    this.#begin(call, call.ppp, connected, out);
    this.#perform(call, out);
    const { early } = call;
    call.early = NO_FRAMES;
    for (const frame of early) if (call.row !== 0) this.frame(call.row, frame);
  }
  /** LCP anew, or where the LAC left it (RFC 2661 section 4.4.5). */
  #begin(call: Call, ppp: PppSession, connected: CallConnected, out: PppAction[]): void {
    const { lcpRenegotiation, localChap } = call.tunnel.client;
    const now = this.#options.now();
    if (lcpRenegotiation) {
      ppp.open(now, out);
      return;
    }
    const reason = ppp.openProxied(connected, localChap, now, out);
    if (reason === null || connected.lastReceivedConfreq === null) return;
    this.#options.log('info', 'proxy-lcp-refused', {
      group: call.gateway.config.name,
      tunnel: call.tunnel.info.tunnelId,
      session: call.sessionId,
      reason,
    });
  }
  /** The call is gone: its row, its address and its unit are free again. @returns whether its network was up */
  remove(call: Call, cause: TerminateCause): boolean {
    // PPP may have taken it down before: what had been up has not failed.
    const wasUp = call.networkEnd.up || call.accounted !== null;
    call.withdraw?.();
    call.withdraw = null;
    this.#options.judged(call);
    this.#freeze(call);
    this.#networkDown(call);
    this.bundles.leave(call);
    this.#stopAccounting(call, call.terminateCause ?? cause);
    if (call.row !== 0) {
      const counters = this.#tables.sessionCounters(call.row);
      const { ended } = call.tunnel;
      for (const name of Object.keys(ended) as (keyof typeof ended)[]) ended[name] += counters[name];
      this.#tables.removeSession(call.row, this.#options.now());
      this.#calls[call.row] = undefined;
      call.row = 0;
    }
    call.ppp = null;
    call.early = NO_FRAMES;
    this.networks.releaseAddress(call);
    this.networks.releaseUnit(call);
    return wasUp;
  }

  /** A PPP frame, from its protocol field on, of the session in `row`. */
  frame(row: number, frame: Uint8Array): void {
    const call = this.#calls[row];
    if (call === undefined) {
      const bundle = this.bundles.byNetworkRow(row);
      if (bundle !== undefined) this.bundles.receive(bundle, frame);
      return;
    }
    if (call.ppp === null) {
      if (call.connected === null && call.early.length < EARLY_FRAMES_MAX) call.early = [...call.early, frame];
      return;
    }
    const out: PppAction[] = [];
    call.ppp.receive(frame, this.#options.now(), out);
    this.#perform(call, out);
  }

  deadline(): number {
    return Math.min(this.#deadlines.next(), this.bounds.limits.deadline());
  }
  handleTimeout(now: number): void {
    this.bounds.limits.handleTimeout(now);
    for (let end = this.#deadlines.take(now); end !== null; end = this.#deadlines.take(now)) {
      if (end.kind === 'bundle') {
        this.bundles.handleTimeout(end, now);
        continue;
      }
      if (end.ppp === null) continue;
      const out: PppAction[] = [];
      end.ppp.handleTimeout(now, out);
      this.#perform(end, out);
    }
  }
  /** Ends the PPP of a call with LCP Terminate; its CDN follows. */
  close(call: Call, reason: PppEnd, message: string): void {
    if (call.ppp === null) return;
    call.lastReason ||= message;
    const out: PppAction[] = [];
    call.ppp.close(reason, message, this.#options.now(), out);
    this.#perform(call, out);
    this.#options.settle();
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
          this.#joinFirst(call, out, i);
          if (call.row !== 0) this.#options.plane().inject(call.row, action.frame, action.priority);
          break;
        case 'authenticate':
          this.#authenticate(call, action, out);
          break;
        case 'request-address':
          this.#requestAddress(call, out);
          break;
        case 'to-bundle':
          if (call.bundle !== null) this.bundles.receive(call.bundle, action.frame);
          break;
        case 'tell':
          this.#tell(call, action, out);
          break;
      }
    }
    this.#deadlines.update(call);
  }

  /**
   * The Success of authentication lets a peer send by multilink at once, faster than this thread gets on: the link joins
   * its bundle before the frames that stand ahead of 'link-ready' go out.
   */
  #joinFirst(call: Call, out: PppAction[], from: number): void {
    if (call.tunnel.client.multilink === null || call.bundle !== null) return;
    const ready = out.findIndex((one, at) => at > from && one.do === 'tell' && one.event === 'link-ready');
    if (ready < 0) return;
    for (let at = from + 1, left = ready - from; left > 0; left--) {
      const action = out[at]!;
      if (action.do !== 'tell') at++;
      else {
        out.splice(at, 1);
        this.#tell(call, action, out);
      }
    }
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
      this.#options.judged(call);
      if (call.ppp !== ppp || ppp === null) return;
      this.#judged(call, credentials, result);
      if (!result.passed && result.temporary === true) {
        // The user may well be right: neither PPP nor the client's own memory of the password is to blame.
        call.terminateCause = Terminate.NasError;
        this.#options.disconnect(call, 4, 0, result.reason);
        return;
      }
      if (inTurn) {
        ppp.authenticationResult(result, now(), out);
        return;
      }
      const later: PppAction[] = [];
      ppp.authenticationResult(result, now(), later);
      this.#perform(call, later);
      this.#options.settle();
    });
    inTurn = false;
    if (!answered) call.withdraw = withdraw;
  }
  #judged(call: Call, credentials: Extract<PppAction, { do: 'authenticate' }>, result: AuthenticationResult): void {
    if (result.passed) {
      call.attributes = result.attributes;
      call.byRadius = result.byRadius === true;
      return;
    }
    call.lastReason = result.reason;
    this.#options.log('warning', 'authentication-failed', {
      group: call.group.name,
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
    const assignment = this.networks.assign(
      call,
      call.attributes ?? this.#options.aaa.unauthenticated(this.lineOf(call)),
    );
    if (typeof assignment === 'string') {
      call.lastReason = assignment;
      ppp.close('administrative', assignment, this.#options.now(), out);
    } else ppp.addressAssigned(assignment, this.#options.now(), out);
  }
  #tell(call: Call, action: Extract<PppAction, { do: 'tell' }>, out: PppAction[]): void {
    switch (action.event) {
      case 'lcp-open':
        if (call.row !== 0) this.#tables.setEcho(call.row, action.lcp.localMagic);
        if (action.lcp.peerAccm !== null && !action.lcp.proxied) this.#options.linkInfo(call, action.lcp.peerAccm);
        break;
      case 'lcp-down':
        if (call.row !== 0) this.#tables.setEcho(call.row, null);
        this.#freeze(call);
        call.accountingId = '';
        this.#networkDown(call);
        this.bundles.leave(call);
        this.networks.releaseAddress(call);
        call.attributes = null;
        break;
      case 'authenticated':
        call.userName = action.name;
        call.method = action.method;
        break;
      case 'link-ready': {
        const wrong = this.bundles.join(call, action.lcp, this.profileOf(call).name);
        if (wrong === null) {
          if (call.bundle?.up === true) this.#startAccounting(call);
          break;
        }
        call.lastReason = wrong;
        call.ppp?.close('administrative', wrong, this.#options.now(), out);
        break;
      }
      case 'network-open':
        this.#networkUp(call);
        break;
      case 'network-down':
        this.#networkDown(call);
        break;
      case 'finished':
        if (call.lastReason === '') call.lastReason = action.message || action.reason;
        call.terminateCause ??= CAUSE_OF_PPP[action.reason];
        this.#options.disconnect(call, CDN_RESULT[action.reason], 0, call.lastReason);
        break;
    }
  }

  #networkUp(call: Call): void {
    const tables = this.#tables;
    const { lcp } = call;
    if (call.row === 0 || lcp === null || call.up) return;
    if (call.downEpoch !== null && !tables.shardsPassed(call.downEpoch)) {
      // A shard may still read what the row held before.
      setTimeout(() => {
        if (call.ppp?.ipcp?.state === 'Opened') this.#networkUp(call);
      }, PASS_WAIT_MS);
      return;
    }
    const now = this.#options.now();
    const network = {
      ...this.networks.addressOf(call, lcp.peerMru),
      acfc: lcp.peerAcfc,
      pfc: lcp.peerPfc,
    };
    if (tables.sessionUp(call.row, network, now)) this.networks.isUp(call, now);
    else this.#options.disconnect(call, 4, 4, 'the address table is full');
  }
  #networkDown(call: Call): void {
    if (!call.up) return;
    const tables = this.#tables;
    tables.sessionDown(call.row, this.#options.now());
    call.downEpoch = tables.epoch;
    this.networks.isDown(call);
  }

  #networkChanged(end: NetworkEnd, up: boolean): void {
    if (up) this.#police(end);
    const calls = end.kind === 'bundle' ? (end as Bundle).members : [end as Call];
    for (const call of calls)
      if (up) this.#startAccounting(call);
      else this.#freeze(call);
  }
  /** The rates that AAA gave; the tables take them away when the network goes down. */
  #police(end: NetworkEnd): void {
    for (const [direction, rate] of [
      ['up', end.attributes?.rateUp],
      ['down', end.attributes?.rateDown],
    ] as const)
      if (rate && !this.#tables.setPolicer(end.carrier, direction, rate.bps, rate.burstOctets, this.#options.queueMs))
        this.#options.log('warning', 'policer-table-full', { ...end.logFields, user: end.userName });
  }
  /** Another rate, or another limit, for a session that is up; nothing else of it is touched. */
  change({ call }: AccountedCall, change: SessionChange): void {
    const end = call.networkEnd;
    const { rateUp, rateDown } = change;
    if (rateUp !== undefined || rateDown !== undefined) {
      const attributes = end.attributes!;
      end.attributes = {
        ...attributes,
        rateUp: rateUp ?? attributes.rateUp,
        rateDown: rateDown ?? attributes.rateDown,
      };
      this.#police(end);
    }
    if (call.row !== 0) this.bounds.limits.change(call.row, change, this.#options.now());
  }
  #startAccounting(call: Call): void {
    // PPP has begun anew over the same call: what was before is over.
    this.#stopAccounting(call, Terminate.UserRequest);
    call.accounted = new AccountedCall(
      call,
      this.#accountingIdOf(call),
      this.#shared(call.tunnel).access,
      this.#options.plane,
    );
    this.sessions.add(call.accounted);
    this.bounds.add(call);
    this.#options.accounting.start(call.accounted);
  }
  /** Its network is down; its Stop comes once it is known why. */
  #freeze(call: Call): void {
    if (call.accounted === null) return;
    call.accounted.freeze(this.#options.now());
    this.sessions.remove(call.accounted);
    this.bounds.remove(call);
  }
  /** Its row must still be there. */
  #stopAccounting(call: Call, cause: TerminateCause): void {
    if (call.accounted === null) return;
    this.#freeze(call);
    this.#options.accounting.stop(call.accounted, cause);
    if (call.accountingId === call.accounted.accountingId) call.accountingId = '';
    call.accounted = null;
  }

  // What AAA is told.

  profileOf({ tunnel }: Call): UserProfile {
    return this.#shared(tunnel).access.userProfile;
  }
  #shared(tunnel: LnsTunnel): NonNullable<LnsTunnel['shared']> {
    if (tunnel.shared !== null) return tunnel.shared;
    const { gateway: group, client, info } = tunnel;
    const userProfile = client.pppProfile ?? group.userProfile;
    const localName = group.gatewayName ?? this.#config.hostName ?? hostname();
    tunnel.shared = {
      access: {
        tunnelGroup: group.name,
        serviceInterface: group.serviceInterface,
        tunnelId: info.tunnelId,
        peerTunnelId: info.peerTunnelId,
        localAddress: group.localGateway,
        peer: info.peer,
        peerName: info.hostName,
        localName,
        tunnelClient: client,
        userProfile,
      },
      ppp: {
        role: 'server',
        random: this.#options.random,
        md5: this.#options.md5,
        mru: MRU,
        // `none` first: nobody is asked. Behind another method it is for users whom that one does not know.
        authentication: userProfile.authenticationOrder[0] === 'none' ? [] : client.pppAuthentication,
        name: localName,
        compression: true,
        multilink: client.multilink === null ? null : this.#multilink,
      },
    };
    return tunnel.shared;
  }
  lineOf(call: Call): AccessLine {
    return accessLine(call, this.#shared(call.tunnel).access, this.#accountingIdOf(call));
  }
  #accountingIdOf(call: Call): string {
    if (call.accountingId === '') call.accountingId = this.#options.newAccountingId();
    return call.accountingId;
  }
}
