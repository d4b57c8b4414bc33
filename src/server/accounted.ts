import type { AccountedSession, SessionUsage } from '../aaa/accounting.ts';
import { nasPortId } from '../aaa/attributes.ts';
import type { DynamicSession } from '../aaa/dynamic.ts';
import { Terminate, type TerminateCause } from '../aaa/terminate.ts';
import type { AccessLine, AccessTunnel, SubscriberAttributes } from '../aaa/types.ts';
import type { PppEnd } from '../ppp/types.ts';
import type { Bundle } from './bundles.ts';
import type { Call } from './call.ts';
import type { Plane } from './plane.ts';

const NOTHING: SessionUsage = { rxPackets: 0, rxOctets: 0, txPackets: 0, txOctets: 0 };

/** What AAA is told of a call. */
export function accessLine(call: Call, access: AccessTunnel, accountingId: string): AccessLine {
  const { sessionId, peerSessionId, request, connected } = call;
  return { ...access, sessionId, peerSessionId, request, connected: connected!, accountingId };
}

/** A call whose network is, or was, up, as accounting sees it. A call that negotiates anew is a new session. */
export class AccountedCall implements AccountedSession, DynamicSession {
  readonly accountingId: string;
  readonly #access: AccessTunnel;
  readonly userName: string;
  readonly attributes: SubscriberAttributes;
  readonly address: number;
  readonly byRadius: boolean;
  /** When its network went down. */
  downAt: number | null = null;
  readonly call: Call;
  readonly #plane: () => Plane;
  /** What the call had counted before. */
  readonly #before: SessionUsage;
  #last: SessionUsage = NOTHING;
  /** As it last was: the call has left its bundle when its Stop is made. */
  #bundle: { id: string; links: number } | null = null;

  /** @param access as it is now: whatever becomes of the tunnel's configuration, its end is told to the same ones */
  constructor(call: Call, accountingId: string, access: AccessTunnel, plane: () => Plane) {
    this.call = call;
    this.#plane = plane;
    this.accountingId = accountingId;
    this.#access = access;
    this.userName = call.userName;
    const { networkEnd: end } = call;
    this.attributes = end.attributes ?? call.attributes!;
    this.address = end.address;
    this.byRadius = call.byRadius;
    const { rxPackets, rxOctets, txPackets, txOctets } = plane().tables.sessionCounters(call.row);
    this.#before = rxPackets + txPackets === 0 ? NOTHING : { rxPackets, rxOctets, txPackets, txOctets };
  }
  get bundle(): { id: string; links: number } | null {
    const { bundle } = this.call;
    if (bundle !== null) this.#bundle = { id: bundleId(bundle), links: bundle.members.length };
    return this.#bundle;
  }
  get line(): AccessLine {
    return accessLine(this.call, this.#access, this.accountingId);
  }
  get multiSessionId(): string {
    return this.bundle?.id ?? '';
  }
  get nasPortId(): string {
    return nasPortId(this.line);
  }
  get callingNumber(): string {
    return this.call.request.callingNumber;
  }
  get calledNumber(): string {
    return this.call.request.calledNumber;
  }
  usage(): SessionUsage {
    if (this.downAt !== null || this.call.row === 0) return this.#last;
    const { rxPackets, rxOctets, txPackets, txOctets } = this.#plane().tables.sessionCounters(this.call.row);
    this.#last = {
      rxPackets: rxPackets - this.#before.rxPackets,
      rxOctets: rxOctets - this.#before.rxOctets,
      txPackets: txPackets - this.#before.txPackets,
      txOctets: txOctets - this.#before.txOctets,
    };
    return this.#last;
  }
  /** Its network is down: the counters stay what they are. */
  freeze(now: number): void {
    if (this.downAt !== null) return;
    this.usage();
    void this.bundle;
    this.downAt = now;
  }
}

/** Acct-Multi-Session-Id: a bundle's number comes again after a restart. */
const bundleId = (bundle: Bundle): string => `mp-${bundle.createdDate.getTime().toString(16)}-${bundle.id}`;

/** Acct-Terminate-Cause of a session that PPP ended; null: whoever ended the line knows. */
export const CAUSE_OF_PPP: Record<PppEnd, TerminateCause | null> = {
  'authentication-failed': Terminate.UserError,
  'authentication-refused': Terminate.UserError,
  'authentication-timeout': Terminate.UserError,
  'peer-terminated': Terminate.UserRequest,
  'peer-rejected': Terminate.UserError,
  timeout: Terminate.LostCarrier,
  loop: Terminate.PortError,
  'no-address': Terminate.NasError,
  'network-failed': Terminate.NasError,
  administrative: null,
  'lower-down': null,
};
