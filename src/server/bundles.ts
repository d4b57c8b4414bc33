import { createHash } from 'node:crypto';
import type { SubscriberAttributes } from '../aaa/types.ts';
import type { TunnelGroup } from '../config/types.ts';
import { type BundleAction, BundleNetwork, bundleKey, mismatch } from '../ppp/bundle.ts';
import type { AddressAssignment, LcpResult, MultilinkOptions, MultilinkResult, PppEnd } from '../ppp/types.ts';
import { ENDPOINT_LOCAL } from '../wire/lcp.ts';
import { type Call, type Gateway, NetworkEnd } from './call.ts';
import type { Log } from './log.ts';
import type { Networks } from './networks.ts';
import type { Plane } from './plane.ts';

/** Octets of the Information field of a reassembled packet that we take. */
const MRRU = 1524;
/** Links of one bundle (JNX-L2TP-MIB). */
export const LINKS_MAX = 8;
/**
 * What the first link's peer is given to make its bundle in. Linux takes multilink frames only once pppd has made it, and
 * loses what comes before: a Configure-Request of ours that overtakes it would cost a whole restart timer.
 */
const FIRST_FRAME_MS = 250;
/** How long what comes up again waits for the shards, at a time. */
const PASS_WAIT_MS = 2;

/** A multilink bundle (RFC 1990): the sessions of one user at one system, which share one network phase. */
export class Bundle extends NetworkEnd {
  readonly kind = 'bundle';
  /** Bundle number of the operational commands, 1 to 65,535; its row in the tables. */
  readonly id: number;
  /** The session row that stands for its network. */
  readonly networkRow: number;
  readonly key: string;
  readonly gateway: Gateway;
  /** That of its first link. */
  group: TunnelGroup;
  readonly network: BundleNetwork;
  /** By place in the bundle, null where a link has left. */
  readonly links: (Call | null)[] = Array.from({ length: LINKS_MAX }, () => null);
  /** The network phase begins with the peer's first frame, or then; Infinity once it has. */
  startAt: number;
  /** Links that have been members, those that left included. */
  linksEver = 0;
  readonly fragmentThreshold: number | null;
  readonly dropTimeoutMs: number;

  constructor(
    rows: { bundle: number; network: number },
    key: string,
    first: Call,
    multilink: MultilinkResult,
    now: number,
  ) {
    super(now);
    this.startAt = now + FIRST_FRAME_MS;
    this.id = rows.bundle;
    this.networkRow = rows.network;
    this.key = key;
    this.gateway = first.gateway;
    this.group = first.group;
    this.userName = first.userName;
    this.method = first.method;
    this.attributes = first.attributes;
    this.fragmentThreshold = first.tunnel.client.multilink?.fragmentThreshold ?? null;
    this.dropTimeoutMs = first.tunnel.client.multilink?.dropTimeoutMs ?? 0;
    this.network = new BundleNetwork({ role: 'server', name: first.userName, multilink });
  }
  deadline(): number {
    return Math.min(this.startAt, this.network.deadline());
  }
  get carrier(): number {
    return this.networkRow;
  }
  get members(): Call[] {
    return this.links.filter((link) => link !== null);
  }
  get logFields() {
    return { group: this.group.name, bundle: this.id };
  }
  get label(): string {
    return `bundle ${this.id}`;
  }
}

export interface BundlesOptions {
  readonly plane: () => Plane;
  readonly networks: Networks;
  readonly log: Log;
  readonly now: () => number;
  /** What the user of a bundle gets. */
  attributesOf(call: Call): SubscriberAttributes;
  /** Ends a member link with LCP Terminate. */
  closeLink(call: Call, reason: PppEnd, message: string): void;
  /** The bundle's deadline may have moved. */
  scheduled(bundle: Bundle): void;
}

/** The bundles of a server: which links belong together, and what becomes of them. */
export class Bundles {
  readonly #options: BundlesOptions;
  readonly #byKey = new Map<string, Bundle>();
  readonly #byId = new Map<number, Bundle>();
  readonly #byNetworkRow = new Map<number, Bundle>();

  constructor(options: BundlesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }
  get(id: number): Bundle | undefined {
    return this.#byId.get(id);
  }
  [Symbol.iterator](): IterableIterator<Bundle> {
    return this.#byId.values();
  }
  byNetworkRow(row: number): Bundle | undefined {
    return this.#byNetworkRow.get(row);
  }

  /** Authentication of a link is over: it joins its user's bundle, or begins it. @returns null, or why it may not join */
  join(call: Call, lcp: LcpResult, userProfile: string): string | null {
    const multilink = lcp.multilink!;
    // The LAC's and our own choices are none of the key (RFC 1990 section 5.1.3): user and system are.
    const key = `0\0${userProfile}\0${bundleKey(call.userName, multilink)}`;
    const { tables } = this.#options.plane();
    const now = this.#options.now();
    let bundle = this.#byKey.get(key);
    if (bundle !== undefined) {
      const wrong = mismatch(bundle.network.multilink, multilink);
      if (wrong !== null) return wrong;
    } else {
      const client = call.tunnel.client.multilink;
      const rows = tables.addBundle({
        routingInstance: 0,
        ownerShard: tables.ownerShard(call.row),
        localMrru: multilink.localMrru,
        rxShort: multilink.localShortSequence,
        txShort: multilink.peerShortSequence,
        fragmentThreshold: client?.fragmentThreshold ?? null,
        dropTimeoutMs: client?.dropTimeoutMs ?? 0,
      });
      if (rows === null) return 'the bundle table is full';
      bundle = new Bundle(rows, key, call, multilink, now);
      this.#byKey.set(key, bundle);
      this.#byId.set(bundle.id, bundle);
      this.#byNetworkRow.set(bundle.networkRow, bundle);
    }
    const link = bundle.links.indexOf(null);
    if (link < 0) return `bundle ${bundle.id} has ${LINKS_MAX} links`;
    bundle.links[link] = call;
    bundle.linksEver++;
    call.bundle = bundle;
    this.#activate(call, bundle, link, lcp);
    this.#options.log('info', 'link-up', { ...call.logFields, bundle: bundle.id, user: call.userName });
    this.#options.scheduled(bundle);
    return null;
  }
  /** Makes the link's row a member's, once no shard reads what it held before. */
  #activate(call: Call, bundle: Bundle, link: number, lcp: LcpResult): void {
    if (bundle.links[link] !== call || call.row === 0) return;
    const plane = this.#options.plane();
    if (call.downEpoch !== null && !plane.tables.shardsPassed(call.downEpoch)) {
      setTimeout(() => this.#activate(call, bundle, link, lcp), PASS_WAIT_MS);
      return;
    }
    plane.linkJoin(bundle.id, link, call.row, {
      speedBps: call.connected?.txConnectSpeed ?? 0,
      peerMru: lcp.peerMru,
      acfc: lcp.peerAcfc,
      pfc: lcp.peerPfc,
    });
  }
  /** The link is no member any more; the last one ends the bundle. */
  leave(call: Call): void {
    const { bundle } = call;
    if (bundle === null) return;
    call.bundle = null;
    const plane = this.#options.plane();
    const link = bundle.links.indexOf(call);
    // The next-to-last takes over before the last link can send no more.
    if (bundle.members.length === 1) this.#networkDown(bundle);
    bundle.links[link] = null;
    if (call.row !== 0) {
      plane.linkLeave(bundle.id, link, call.row);
      call.downEpoch = plane.tables.epoch;
    }
    this.#options.log('info', 'link-down', { ...call.logFields, bundle: bundle.id, user: call.userName });
    if (bundle.members.length === 0) this.#end(bundle);
  }
  #end(bundle: Bundle): void {
    const out: BundleAction[] = [];
    bundle.startAt = Number.POSITIVE_INFINITY;
    bundle.network.down(this.#options.now(), out);
    this.#perform(bundle, out);
    this.#networkDown(bundle);
    const { networks, log, plane, now } = this.#options;
    plane().removeBundle(bundle.id, now());
    networks.releaseAddress(bundle);
    networks.releaseUnit(bundle);
    this.#byKey.delete(bundle.key);
    this.#byId.delete(bundle.id);
    this.#byNetworkRow.delete(bundle.networkRow);
    log('info', 'bundle-down', {
      ...bundle.logFields,
      user: bundle.userName,
      reason: bundle.lastReason || 'the last link is down',
    });
  }
  /** Ends every link of a bundle. */
  close(bundle: Bundle, reason: PppEnd, message: string): void {
    bundle.lastReason = message || reason;
    for (const link of bundle.members) this.#options.closeLink(link, reason, message);
  }

  /** A frame from its protocol field on, out of a bundle or by one of its links. */
  receive(bundle: Bundle, frame: Uint8Array): void {
    this.#start(bundle);
    const out: BundleAction[] = [];
    bundle.network.receive(frame, this.#options.now(), out);
    this.#perform(bundle, out);
  }
  handleTimeout(bundle: Bundle, now: number): void {
    if (now >= bundle.startAt) this.#start(bundle);
    const out: BundleAction[] = [];
    bundle.network.handleTimeout(now, out);
    this.#perform(bundle, out);
  }
  #start(bundle: Bundle): void {
    if (bundle.startAt === Number.POSITIVE_INFINITY) return;
    bundle.startAt = Number.POSITIVE_INFINITY;
    const out: BundleAction[] = [];
    bundle.network.start(this.#options.now(), out);
    this.#perform(bundle, out);
  }

  #perform(bundle: Bundle, out: BundleAction[]): void {
    const { now } = this.#options;
    for (let i = 0; i < out.length; i++) {
      const action = out[i]!;
      if (action.do === 'send') {
        // The multilink procedure takes frames from the protocol field on (RFC 1990 section 2).
        const { frame } = action;
        const from = frame[0] === 0xff && frame[1] === 0x03 ? 2 : 0;
        this.#options.plane().inject(bundle.networkRow, frame.subarray(from), action.priority);
      } else if (action.do === 'request-address') {
        const first = bundle.members[0];
        let assignment: AddressAssignment | null | string = null;
        if (first !== undefined)
          assignment = this.#options.networks.assign(bundle, bundle.attributes ?? this.#options.attributesOf(first));
        if (typeof assignment === 'string') {
          bundle.lastReason = assignment;
          this.close(bundle, 'administrative', assignment);
        } else bundle.network.addressAssigned(assignment, now(), out);
      } else if (action.event === 'network-open') this.#networkUp(bundle);
      else if (action.event === 'network-down') this.#networkDown(bundle);
      else this.close(bundle, action.reason, bundle.lastReason || action.message);
    }
    this.#options.scheduled(bundle);
  }
  #networkUp(bundle: Bundle): void {
    if (bundle.up || !this.#byId.has(bundle.id)) return;
    const { plane, networks, now } = this.#options;
    const { tables } = plane();
    if (bundle.downEpoch !== null && !tables.shardsPassed(bundle.downEpoch)) {
      setTimeout(() => {
        if (bundle.network.up) this.#networkUp(bundle);
      }, PASS_WAIT_MS);
      return;
    }
    if (tables.bundleUp(bundle.id, networks.addressOf(bundle, bundle.network.multilink.peerMrru), now()))
      networks.isUp(bundle, now());
    else this.close(bundle, 'no-address', 'the address table is full');
  }
  #networkDown(bundle: Bundle): void {
    if (!bundle.up) return;
    const { tables } = this.#options.plane();
    tables.sessionDown(bundle.networkRow, this.#options.now());
    bundle.downEpoch = tables.epoch;
    this.#options.networks.isDown(bundle);
  }
}

/**
 * What we offer on every link: one MRRU, one sequence format and one discriminator for the whole server, since links of
 * a bundle may come by any tunnel (RFC 1990 sections 5.1.1 to 5.1.3).
 * @param name the server's name, from which its discriminator is made
 */
export function multilinkOffer(
  name: string,
  { mrru = MRRU, shortSequence = false }: { mrru?: number; shortSequence?: boolean } = {},
): MultilinkOptions {
  const address = createHash('sha256').update(`wasm-lns\0${name}`).digest().subarray(0, 12);
  return {
    mrru,
    shortSequence,
    endpointDiscriminator: { class: ENDPOINT_LOCAL, address: new Uint8Array(address) },
  };
}
