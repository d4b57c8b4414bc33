import { Deadlines, type Timed } from '../control/deadlines.ts';
import { type Attribute, AttributeList, PACKET_MAX } from '../radius/packet.ts';
import type { RadiusAnswer, RadiusRequest } from '../radius/types.ts';
import type { Log } from '../server/log.ts';
import { formatIpv4 } from '../wire/address.ts';
import { addLine } from './attributes.ts';
import type { ProfileRadius } from './servers.ts';
import { ACCT_INTERIM, type AccountingRecord, type LossReason, Spool, type SpooledRecord } from './spool.ts';
import type { TerminateCause } from './terminate.ts';
import type { AccessLine, SubscriberAttributes } from './types.ts';

const ACCT_START = 1;
const ACCT_STOP = 2;
const ACCT_ON = 7;
const ACCT_OFF = 8;
const AUTHENTIC_RADIUS = 1;
const AUTHENTIC_LOCAL = 2;
/** Spooled records under way at once. */
const REPLAY_WINDOW = 32;
/** After a spooled record that nobody took. */
const REPLAY_PAUSE_MS = 10_000;
/** The first Interim-Update comes up to this part earlier, so that those of a storm of logins part. */
const INTERIM_SPREAD = 0.1;
/** Attributes of a session that a record has room for; the rest is for its header, its status and its times. */
const RECORD_OCTETS = PACKET_MAX - 128;
/** Attribute 41. */
const ACCT_DELAY_TIME = 41;

/** What a session has counted. */
export interface SessionUsage {
  readonly rxPackets: number;
  readonly rxOctets: number;
  readonly txPackets: number;
  readonly txOctets: number;
}

/** A session as accounting sees it. */
export interface AccountedSession {
  readonly line: AccessLine;
  readonly userName: string;
  readonly attributes: SubscriberAttributes;
  /** 32-bit number. */
  readonly address: number;
  /** By whom the user was judged. */
  readonly byRadius: boolean;
  /** Member links of its bundle at this time, and the bundle's own identifier (RFC 2866 section 5.11). */
  readonly bundle: { readonly id: string; readonly links: number } | null;
  /** When its network went down; null while it is up. */
  readonly downAt: number | null;
  usage(): SessionUsage;
}

export interface AccountingOptions {
  readonly servers: ProfileRadius;
  readonly nasIdentifier: () => string;
  /** The addresses that a profile's sessions have in their records, and so Accounting-On and -Off. */
  nasAddresses(profile: string): Iterable<string>;
  readonly log: Log;
  /** Where records are kept that no server takes; null: in memory. */
  readonly directory: string | null;
  readonly spoolOctetsMax?: number;
  readonly now: () => number;
  /** Milliseconds of the wall clock. */
  readonly wallClock: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** The deadline has come nearer outside a turn of the driver. */
  wake(): void;
}

class Entry implements Timed {
  scheduledAt = Number.POSITIVE_INFINITY;
  next = Number.POSITIVE_INFINITY;
  interimUnderWay = false;
  readonly session: AccountedSession;
  readonly startedAt: number;
  readonly intervalMs: number;
  constructor(session: AccountedSession, startedAt: number, intervalMs: number) {
    this.session = session;
    this.startedAt = startedAt;
    this.intervalMs = intervalMs;
  }
  deadline(): number {
    return this.next;
  }
}

/**
 * RADIUS accounting (RFC 2866) of sessions: Start, Interim-Update, Stop, Accounting-On and -Off. A record that no server
 * takes goes into the spool, and from there to the first server that answers again.
 */
export class Accounting {
  readonly #options: AccountingOptions;
  #spool: Spool | null = null;
  readonly #entries = new Map<AccountedSession, Entry>();
  readonly #deadlines = new Deadlines<Entry>();
  /** Sent, not answered: written to the spool at the end. */
  readonly #underWay = new Map<AccountingRecord, () => void>();
  /** By session, its record that is under way; and the one that goes behind it. */
  readonly #sessions = new Map<string, AccountingRecord>();
  readonly #behind = new Map<string, { record: AccountingRecord; settled: () => void }>();
  readonly #replaying = new Set<string>();
  #replayAt = Number.POSITIVE_INFINITY;
  #closed = false;
  /** Milliseconds of the wall clock. */
  readonly #began: number;
  /** Since the start; `lost` by reason. */
  readonly counters = { starts: 0, interims: 0, stops: 0, answered: 0, spooled: 0, replayed: 0 };
  readonly lost: Record<LossReason | 'no-server' | 'too-large', number> = {
    full: 0,
    damaged: 0,
    disk: 0,
    'no-server': 0,
    'too-large': 0,
  };

  /** @throws ConfigError where the folder of the spool cannot be used */
  constructor(options: AccountingOptions) {
    this.#options = options;
    this.#began = options.wallClock();
    options.servers.onAlive = () => this.#replaySoon();
    if (options.directory !== null) this.#spool = this.#openSpool();
    if (this.#spool !== null && this.#spool.count > 0)
      options.log('notice', 'accounting-spool', { records: this.#spool.count, octets: this.#spool.octets });
  }
  /** Records that wait in the spool. */
  get spooled(): number {
    return this.#spool?.count ?? 0;
  }
  /** Records sent and not yet answered. */
  get pending(): number {
    return this.#underWay.size + this.#behind.size;
  }

  /** The driver runs: what an earlier run has left is sent. */
  resume(): void {
    this.#replaySoon();
  }
  /** The NAS has started, or is about to stop (RFC 2866 section 5.1): all its sessions are gone. */
  announce(status: 'on' | 'off', profiles: Iterable<string>): void {
    for (const profile of profiles)
      for (const nasAddress of this.#options.nasAddresses(profile)) {
        const list = new AttributeList();
        list.add(nasAddress.includes(':') ? 'NAS-IPv6-Address' : 'NAS-IP-Address', nasAddress);
        list.addText('NAS-Identifier', this.#options.nasIdentifier());
        this.#send(this.#record(profile, status === 'on' ? ACCT_ON : ACCT_OFF, '', '', list, 'nas'));
      }
  }
  /** The session's network is up. Profiles without `accounting-order radius` are passed over. */
  start(session: AccountedSession): void {
    const { userProfile } = session.line;
    if (!userProfile.radiusAccounting || this.#entries.has(session)) return;
    const now = this.#options.now();
    const intervalMs = session.attributes.interimIntervalMs ?? userProfile.interimIntervalMs ?? 0;
    const entry = new Entry(session, now, intervalMs);
    this.#entries.set(session, entry);
    if (intervalMs > 0) {
      entry.next = now + intervalMs * (1 - INTERIM_SPREAD * this.#options.random());
      this.#deadlines.update(entry);
    }
    this.counters.starts++;
    this.#send(this.#sessionRecord(entry, ACCT_START));
  }
  /** The session's network is down, for whatever reason. Its counters must still be readable. */
  stop(session: AccountedSession, cause: TerminateCause): void {
    const entry = this.#entries.get(session);
    if (entry === undefined) return;
    this.#entries.delete(session);
    entry.next = Number.POSITIVE_INFINITY;
    this.counters.stops++;
    this.#send(this.#sessionRecord(entry, ACCT_STOP, cause));
  }

  deadline(): number {
    return Math.min(this.#deadlines.next(), this.#replayAt);
  }
  handleTimeout(now: number): void {
    for (let entry = this.#deadlines.take(now); entry !== null; entry = this.#deadlines.take(now)) {
      if (entry.next > now) continue;
      entry.next = now + entry.intervalMs;
      this.#deadlines.update(entry);
      // One that is still on its way says as much.
      if (entry.interimUnderWay) continue;
      entry.interimUnderWay = true;
      this.counters.interims++;
      const due = entry;
      this.#send(this.#sessionRecord(entry, ACCT_INTERIM), () => {
        due.interimUnderWay = false;
      });
    }
    if (now >= this.#replayAt) this.#replay();
  }

  /** Waits for what is under way, and writes what nobody has taken to the spool. */
  async close(waitMs: number): Promise<void> {
    const end = this.#options.now() + waitMs;
    while (this.pending > 0 && this.#options.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    this.#closed = true;
    for (const record of this.#underWay.keys()) this.#keep(record);
    for (const { record } of this.#behind.values()) this.#keep(record);
    this.#underWay.clear();
    this.#behind.clear();
    this.#spool?.close();
  }

  #sessionRecord(entry: Entry, status: number, cause?: TerminateCause): AccountingRecord {
    const { session } = entry;
    const { line, attributes, bundle } = session;
    const list = new AttributeList();
    list.addText('User-Name', attributes.accountingName ?? session.userName);
    if (session.address !== 0) list.add('Framed-IP-Address', formatIpv4(session.address));
    if (attributes.framedNetmask !== null) list.add('Framed-IP-Netmask', formatIpv4(attributes.framedNetmask));
    addLine(list, line, this.#options.nasIdentifier());
    for (const value of attributes.classes) list.add('Class', value);
    if (attributes.chargeableIdentity !== null) list.add('Chargeable-User-Identity', attributes.chargeableIdentity);
    list.add('Acct-Authentic', session.byRadius ? AUTHENTIC_RADIUS : AUTHENTIC_LOCAL);
    if (bundle !== null) {
      list.add('Acct-Multi-Session-Id', bundle.id);
      list.add('Acct-Link-Count', bundle.links);
    }
    if (status !== ACCT_START) {
      const usage = session.usage();
      list.add('Acct-Session-Time', Math.floor(((session.downAt ?? this.#options.now()) - entry.startedAt) / 1000));
      list.add('Acct-Input-Octets', usage.rxOctets % 2 ** 32);
      list.add('Acct-Output-Octets', usage.txOctets % 2 ** 32);
      list.add('Acct-Input-Gigawords', Math.floor(usage.rxOctets / 2 ** 32));
      list.add('Acct-Output-Gigawords', Math.floor(usage.txOctets / 2 ** 32));
      list.add('Acct-Input-Packets', usage.rxPackets % 2 ** 32);
      list.add('Acct-Output-Packets', usage.txPackets % 2 ** 32);
      if (usage.rxPackets >= 2 ** 32) list.add('ERX-Input-Gigapkts', Math.floor(usage.rxPackets / 2 ** 32));
      if (usage.txPackets >= 2 ** 32) list.add('ERX-Output-Gigapkts', Math.floor(usage.txPackets / 2 ** 32));
    }
    if (cause !== undefined) list.add('Acct-Terminate-Cause', cause);
    // As many as there is room for: in a reply they are shorter, and a record without one of them is better than none.
    let room =
      RECORD_OCTETS - list.attributes.reduce((sum, { value, vendor }) => sum + value.length + (vendor ? 8 : 2), 0);
    for (const { address, length, metric } of attributes.framedRoutes) {
      const route = `${formatIpv4(address)}/${length} 0.0.0.0 ${metric}`;
      room -= route.length + 2;
      if (room < 0) break;
      list.add('Framed-Route', route);
    }
    return this.#record(line.userProfile.name, status, line.accountingId, session.userName, list);
  }
  #record(
    profile: string,
    status: number,
    sessionId: string,
    user: string,
    list: AttributeList,
    acctSessionId?: string,
  ): AccountingRecord {
    const at = this.#options.wallClock();
    list.add('Acct-Status-Type', status);
    // RFC 2866 section 5.13: each request has an Acct-Session-Id, also one that is of no session.
    if (acctSessionId !== undefined) list.add('Acct-Session-Id', acctSessionId);
    list.add('Event-Timestamp', Math.floor(at / 1000));
    return { profile, status, at, sessionId, user, attributes: list.attributes };
  }

  #send(record: AccountingRecord, settled: () => void = () => undefined): void {
    if (this.#closed) return;
    const transport = this.#options.servers.accounting(record.profile);
    if (transport === undefined) {
      this.#lost('no-server', record);
      settled();
      return;
    }
    // Behind an older one of the same session: a server must not see Stop before Start.
    if (record.sessionId !== '' && this.#spool?.holds(record.sessionId) === true) {
      this.#keep(record);
      settled();
      return;
    }
    if (this.#sessions.has(record.sessionId)) {
      // One record of a session at a time. What a newer one says, one that has not been sent need not.
      this.#behind.get(record.sessionId)?.settled();
      this.#behind.set(record.sessionId, { record, settled });
      return;
    }
    this.#underWay.set(record, settled);
    if (record.sessionId !== '') this.#sessions.set(record.sessionId, record);
    transport.ask(
      this.#request(record, (answer) => {
        if (!this.#underWay.delete(record)) return;
        settled();
        if (answer.outcome === 'reply') {
          this.counters.answered++;
          if (this.spooled > 0 && this.#replaying.size === 0) this.#replaySoon();
        } else if (answer.outcome === 'too-large') this.#lost('too-large', record);
        else this.#keep(record);
        this.#sessions.delete(record.sessionId);
        const next = this.#behind.get(record.sessionId);
        if (next === undefined) return;
        this.#behind.delete(record.sessionId);
        this.#send(next.record, next.settled);
      }),
    );
  }
  #request(record: AccountingRecord, answer: (answer: RadiusAnswer) => void): RadiusRequest {
    return {
      kind: 'accounting',
      status: record.status,
      attributes: (): readonly Attribute[] => {
        // Of this transmission; a retransmission is the same packet (RFC 2866 section 5.2).
        const delay = Math.max(0, Math.floor((this.#options.wallClock() - record.at) / 1000));
        const value = new Uint8Array(4);
        new DataView(value.buffer).setUint32(0, Math.min(delay, 0xffffffff));
        return [...record.attributes, { vendor: 0, type: ACCT_DELAY_TIME, value }];
      },
      answer,
    };
  }

  // The spool.

  #openSpool(): Spool {
    return new Spool({
      directory: this.#options.directory,
      octetsMax: this.#options.spoolOctetsMax ?? 64 << 20,
      lost: (reason, record) => this.#lost(reason, record),
    });
  }
  #keep(record: AccountingRecord): void {
    this.#spool ??= this.#openSpool();
    if (this.#spool.count === 0)
      this.#options.log('warning', 'accounting-spooling', {
        profile: record.profile,
        reason: 'no server takes records',
      });
    this.counters.spooled++;
    this.#spool.append(record);
    if (this.#replayAt === Number.POSITIVE_INFINITY && this.#replaying.size === 0) this.#pause();
  }
  #pause(): void {
    this.#replayAt = this.#options.now() + REPLAY_PAUSE_MS;
    this.#options.wake();
  }
  #lost(reason: LossReason | 'no-server' | 'too-large', record: AccountingRecord | null): void {
    this.lost[reason]++;
    this.#options.log('error', 'accounting-lost', {
      reason,
      status: record?.status,
      session: record?.sessionId,
      user: record?.user,
    });
  }
  #replaySoon(): void {
    if (this.spooled === 0) return;
    this.#replayAt = Math.min(this.#replayAt, this.#options.now());
    this.#options.wake();
  }
  /** Sends from the spool: one, and once it is taken up to a window of them; none of a session whose last is on its way. */
  #replay(window = 1): void {
    this.#replayAt = Number.POSITIVE_INFINITY;
    if (this.#closed || this.#spool === null) return;
    while (this.#replaying.size < window) {
      const spooled = this.#spool.take();
      if (spooled === null) return;
      const { record } = spooled;
      if (this.#isStale(record)) {
        spooled.done();
        continue;
      }
      const key = record.sessionId === '' ? `${record.at} ${record.status}` : record.sessionId;
      const transport = this.#options.servers.accounting(record.profile) ?? this.#anyTransport();
      if (transport === undefined || this.#replaying.has(key)) {
        spooled.giveBack();
        if (transport === undefined) this.#pause();
        return;
      }
      this.#replaying.add(key);
      transport.ask(this.#request(record, (answer) => this.#replayed(spooled, key, answer)));
    }
  }
  /** On and Off are of their moment: told later, they would end sessions that have begun since. */
  #isStale({ status, at }: AccountingRecord): boolean {
    return (status === ACCT_ON || status === ACCT_OFF) && (at < this.#began || this.counters.answered > 0);
  }
  #replayed(spooled: SpooledRecord, key: string, answer: RadiusAnswer): void {
    this.#replaying.delete(key);
    if (this.#closed) return;
    if (answer.outcome !== 'reply' && answer.outcome !== 'too-large') {
      spooled.giveBack();
      this.#pause();
      return;
    }
    spooled.done();
    this.counters.replayed++;
    if (this.#spool!.count === 0) this.#options.log('notice', 'accounting-spool-empty', {});
    else if (this.#replayAt === Number.POSITIVE_INFINITY) this.#replay(REPLAY_WINDOW);
  }
  #anyTransport() {
    for (const name of this.#options.servers.names) return this.#options.servers.accounting(name);
    return undefined;
  }
}
