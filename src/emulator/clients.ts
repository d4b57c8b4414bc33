import { Deadlines } from '../control/deadlines.ts';
import { type BundleAction, BundleNetwork } from '../ppp/bundle.ts';
import { PppSession } from '../ppp/session.ts';
import type { AuthMethod, MultilinkOptions, PppAction, PppOptions } from '../ppp/types.ts';
import type { Plane } from '../server/plane.ts';
import { ENDPOINT_LOCAL, ENDPOINT_MAC } from '../wire/lcp.ts';
import { octets32 } from '../wire/ppp.ts';
import type { RandomSource } from '../wire/random.ts';
import { EmulatedBundle, type EmulatedCall } from './call.ts';
import { answerCall } from './front.ts';

/** Where nothing else is said. */
const MRU = 1500;
const MRRU = 1524;

export interface ClientsOptions {
  readonly plane: () => Plane;
  readonly random: RandomSource;
  readonly md5: (...parts: Uint8Array[]) => Uint8Array;
  /** Sends a PPP frame of a session or bundle, or loses it on purpose. */
  send(row: number, frame: Uint8Array, priority: boolean): void;
  /** The session is through: its network is up, or it is a member of a bundle. */
  isUp(call: EmulatedCall): void;
  /** Octets of the largest IP packet that the clients take. */
  readonly mru?: number;
  /** A session or bundle has its address, or no longer. @param mtu octets of an IP packet that both ends take */
  /** An address is there, with the row that carries it, or is gone: null. */
  network?(address: number, mtu: number, row: number | null): void;
  /** PPP has ended: the call is to end too. */
  ended(call: EmulatedCall, message: string): void;
}

/** The PPP clients of the emulator: one a session, and one a bundle. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #byRow: (EmulatedCall | undefined)[] = [];
  readonly #bundles = new Map<string, EmulatedBundle>();
  readonly #byNetworkRow = new Map<number, EmulatedBundle>();
  readonly #calls = new Deadlines<EmulatedCall>();
  readonly #networks = new Deadlines<EmulatedBundle>();
  bundlesUp = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  get bundles(): Iterable<EmulatedBundle> {
    return this.#bundles.values();
  }

  /** The call has its row: frames may come at once. */
  add(call: EmulatedCall): void {
    this.#byRow[call.row] = call;
  }
  #client(call: EmulatedCall): PppSession {
    const { profile } = call.tunnel;
    return new PppSession({
      role: 'client',
      random: this.#options.random,
      md5: this.#options.md5,
      mru: this.#options.mru ?? MRU,
      authentication: profile.methods,
      name: call.userName,
      secret: Buffer.from(profile.password, 'utf8'),
      compression: true,
      multilink: offer(call),
    });
  }
  /** Plays the LAC towards its client. Where the two do not come to terms, the LNS has it all to do. */
  answer(call: EmulatedCall, methods: readonly AuthMethod[], now: number): void {
    const client = this.#client(call);
    const lac: PppOptions = {
      role: 'server',
      random: this.#options.random,
      md5: this.#options.md5,
      mru: this.#options.mru ?? MRU,
      authentication: methods,
      name: call.tunnel.profile.hostName,
      compression: true,
      // Every emulated LAC shows one discriminator: a client's links may come by several.
      multilink: call.tunnel.profile.groups?.kind === 'multilink' ? LAC_MULTILINK : null,
    };
    const asked: PppAction[] = [];
    const front = answerCall(lac, client, now, asked);
    if (front === null) return;
    call.front = front;
    call.asked = asked;
    call.ppp = client;
  }
  /** The call is connected: negotiates. */
  open(call: EmulatedCall, now: number): void {
    const out = call.asked;
    call.asked = [];
    if (call.ppp === null) {
      call.ppp = this.#client(call);
      call.ppp.open(now, out);
    }
    for (const frame of call.front?.pending ?? []) out.push({ do: 'send', frame, priority: false });
    call.front = null;
    this.#perform(call, out, now);
  }
  /** The call is gone: its rows too. */
  remove(call: EmulatedCall, now: number): void {
    this.#leave(call, now);
    this.#networkDown(call);
    if (call.row !== 0) {
      this.#options.plane().tables.removeSession(call.row, now);
      this.#byRow[call.row] = undefined;
      call.row = 0;
    }
    call.ppp = null;
  }

  frame(row: number, frame: Uint8Array, now: number): void {
    const call = this.#byRow[row];
    if (call !== undefined) {
      if (call.ppp === null) return;
      const out: PppAction[] = [];
      call.ppp.receive(frame, now, out);
      this.#perform(call, out, now);
      return;
    }
    const bundle = this.#byNetworkRow.get(row);
    if (bundle !== undefined) this.#toBundle(bundle, frame, now);
  }
  #toBundle(bundle: EmulatedBundle, frame: Uint8Array, now: number): void {
    const out: BundleAction[] = [];
    bundle.network.receive(frame, now, out);
    this.#performBundle(bundle, out, now);
  }

  #perform(call: EmulatedCall, out: readonly PppAction[], now: number): void {
    const { send, ended } = this.#options;
    for (const action of out) {
      if (action.do === 'send') {
        if (call.row !== 0) send(call.row, action.frame, action.priority);
        continue;
      }
      if (action.do === 'to-bundle') {
        if (call.bundle !== null) this.#toBundle(call.bundle, unwrapped(call.bundle, action.frame), now);
        continue;
      }
      if (action.do !== 'tell') continue;
      const { tables } = this.#options.plane();
      switch (action.event) {
        case 'lcp-open':
          call.lcp = action.lcp;
          if (call.row !== 0) tables.setEcho(call.row, action.lcp.localMagic);
          break;
        case 'lcp-down':
          this.#leave(call, now);
          break;
        case 'link-ready':
          call.lcp = action.lcp;
          this.#join(call, now);
          break;
        case 'network-open':
          this.#networkUp(call, action, now);
          break;
        case 'network-down':
          if (call.up && call.row !== 0) tables.sessionDown(call.row, now);
          this.#networkDown(call);
          break;
        case 'finished':
          ended(call, action.message || action.reason);
          break;
        default:
          break;
      }
    }
    this.#calls.update(call);
  }
  #networkUp(call: EmulatedCall, ends: { address: number; localAddress: number }, now: number): void {
    if (call.row === 0 || call.lcp === null) return;
    const { address } = ends;
    this.#networkDown(call);
    call.address = address;
    this.#options.plane().tables.sessionUp(
      call.row,
      {
        address: mapped(address),
        localAddress: octets32(ends.localAddress),
        peerMru: call.lcp.peerMru,
        acfc: call.lcp.peerAcfc,
        pfc: call.lcp.peerPfc,
      },
      now,
    );
    call.mtu = this.#told(address, call.lcp.peerMru, call.row);
    this.#options.isUp(call);
  }
  /** Says that an address is there. @returns the MTU that was said */
  #told(address: number, peerMru: number, row: number): number {
    const mtu = Math.min(peerMru, this.#options.mru ?? MRU);
    this.#options.network?.(address, mtu, row);
    return mtu;
  }
  #networkDown(end: EmulatedCall | EmulatedBundle): void {
    if (end.mtu === 0) return;
    this.#options.network?.(end.address, end.mtu, null);
    end.mtu = 0;
  }

  // Bundles: the members of a group that the LNS let join, in any tunnels.

  #join(call: EmulatedCall, now: number): void {
    const { groups, hostName } = call.tunnel.profile;
    const multilink = call.lcp?.multilink ?? null;
    if (call.row === 0 || multilink === null || groups === undefined || groups === null || call.bundle !== null) return;
    const plane = this.#options.plane();
    const key = `${hostName} ${call.userName} ${call.group}`;
    let bundle = this.#bundles.get(key);
    const first = bundle === undefined;
    if (bundle === undefined) {
      const rows = plane.tables.addBundle({
        routingInstance: 0,
        ownerShard: call.tunnel.shard,
        localMrru: multilink.localMrru,
        rxShort: multilink.localShortSequence,
        txShort: multilink.peerShortSequence,
        fragmentThreshold: groups.fragmentOctets,
        dropTimeoutMs: 0,
      });
      if (rows === null) {
        this.#options.ended(call, 'the bundle table is full');
        return;
      }
      bundle = new EmulatedBundle(
        key,
        rows,
        new BundleNetwork({ role: 'client', name: call.userName, multilink }),
        groups.size,
      );
      this.#bundles.set(key, bundle);
      this.#byNetworkRow.set(rows.network, bundle);
    }
    const link = bundle.links.indexOf(null);
    if (link < 0) {
      this.#options.ended(call, 'the bundle has all its links');
      return;
    }
    bundle.links[link] = call;
    call.bundle = bundle;
    call.link = link;
    plane.linkJoin(bundle.row, link, call.row, {
      speedBps: 0,
      peerMru: call.lcp!.peerMru,
      acfc: call.lcp!.peerAcfc,
      pfc: call.lcp!.peerPfc,
    });
    if (first) {
      const out: BundleAction[] = [];
      bundle.network.start(now, out);
      this.#performBundle(bundle, out, now);
    } else if (bundle.up) this.#options.isUp(call);
  }
  #leave(call: EmulatedCall, now: number): void {
    const { bundle } = call;
    if (bundle === null) return;
    call.bundle = null;
    bundle.links[call.link] = null;
    const plane = this.#options.plane();
    if (call.row !== 0) plane.linkLeave(bundle.row, call.link, call.row);
    if (bundle.members.length > 0) return;
    const out: BundleAction[] = [];
    bundle.network.down(now, out);
    this.#performBundle(bundle, out, now);
    this.#bundleDown(bundle, now);
    plane.removeBundle(bundle.row, now);
    this.#bundles.delete(bundle.key);
    this.#byNetworkRow.delete(bundle.networkRow);
  }
  #bundleDown(bundle: EmulatedBundle, now: number): void {
    if (!bundle.up) return;
    bundle.up = false;
    this.bundlesUp--;
    this.#networkDown(bundle);
    this.#options.plane().tables.sessionDown(bundle.networkRow, now);
  }
  #performBundle(bundle: EmulatedBundle, out: readonly BundleAction[], now: number): void {
    for (const action of out) {
      if (action.do === 'send') {
        // The multilink procedure takes frames from the protocol field on (RFC 1990 section 2).
        const { frame } = action;
        const from = frame[0] === 0xff && frame[1] === 0x03 ? 2 : 0;
        this.#options.send(bundle.networkRow, frame.subarray(from), action.priority);
      } else if (action.do !== 'tell') continue;
      else if (action.event === 'network-open') {
        bundle.address = action.address;
        if (bundle.up || !this.#bundles.has(bundle.key)) continue;
        bundle.up = true;
        this.bundlesUp++;
        const network = {
          address: mapped(action.address),
          localAddress: octets32(action.localAddress),
          peerMru: bundle.network.multilink.peerMrru,
        };
        this.#options.plane().tables.bundleUp(bundle.row, network, now);
        bundle.mtu = this.#told(action.address, network.peerMru, bundle.networkRow);
        for (const link of bundle.members) this.#options.isUp(link);
      } else if (action.event === 'network-down') this.#bundleDown(bundle, now);
      else for (const link of bundle.members) this.#options.ended(link, action.message || action.reason);
    }
    this.#networks.update(bundle);
  }

  // Time.

  deadline(): number {
    return Math.min(this.#calls.next(), this.#networks.next());
  }
  handleTimeout(now: number): void {
    for (let call = this.#calls.take(now); call !== null; call = this.#calls.take(now)) {
      if (call.ppp === null) continue;
      const out: PppAction[] = [];
      call.ppp.handleTimeout(now, out);
      this.#perform(call, out, now);
    }
    for (let bundle = this.#networks.take(now); bundle !== null; bundle = this.#networks.take(now)) {
      const out: BundleAction[] = [];
      bundle.network.handleTimeout(now, out);
      this.#performBundle(bundle, out, now);
    }
  }
}

/** What a LAC that answers itself offers its clients: an MRRU that any LNS can keep (RFC 1990 section 5.1.1). */
const LAC_MULTILINK: MultilinkOptions = {
  mrru: 1500,
  shortSequence: false,
  endpointDiscriminator: { class: ENDPOINT_LOCAL, address: new Uint8Array([0x4c, 0x41, 0x43]) },
};
/**
 * A frame that overtook our joining the bundle comes with its multilink header (RFC 1990 section 3), since the path did not
 * know the link for a member yet. A whole one is taken all the same: the LNS's first Configure-Request is one.
 */
function unwrapped(bundle: EmulatedBundle, frame: Uint8Array): Uint8Array {
  const from = frame[0] === 0x3d ? 1 : frame[0] === 0 && frame[1] === 0x3d ? 2 : 0;
  if (from === 0 || (frame[from]! & 0xc0) !== 0xc0) return frame;
  return frame.subarray(from + (bundle.network.multilink.localShortSequence ? 2 : 4));
}

const mapped = (address: number): Uint8Array => {
  const octets = new Uint8Array(16);
  octets[10] = octets[11] = 255;
  octets.set(octets32(address), 12);
  return octets;
};

/** What a link offers: the same MRRU and, as its machine's, the same MAC address on every link of the group (RFC 1990 section 5.1.3). */
function offer(call: EmulatedCall): MultilinkOptions | null {
  const { groups } = call.tunnel.profile;
  if (groups?.kind !== 'multilink') return null;
  return {
    mrru: MRRU,
    shortSequence: groups.shortSequence,
    endpointDiscriminator: {
      class: ENDPOINT_MAC,
      address: new Uint8Array([0x02, 0x4c, ...octets32(call.group)]),
    },
  };
}
