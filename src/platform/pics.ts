/** A pair behind `rspN`. */
export interface RedundantPair {
  readonly primary: string;
  readonly secondary: string;
}
/** What the configuration says of the services PICs. */
export interface PicLayout {
  /** PICs that are fitted, `sp-F/P/0`. */
  readonly fitted: ReadonlySet<string>;
  readonly pairs: ReadonlyMap<string, RedundantPair>;
  /** Fitted, but without what L2TP needs: by PIC, why. */
  readonly unfit: ReadonlyMap<string, string>;
}

/** A services interface (`sp-F/P/0` or `rspN`) has another PIC behind it: its tunnels and sessions are gone. */
export interface PicChange {
  readonly interface: string;
  readonly from: string | null;
  /** null: no PIC does the work. */
  readonly to: string | null;
  readonly reason: string;
}
export interface RedundancyState extends RedundantPair {
  readonly name: string;
  readonly active: 'primary' | 'secondary' | 'none';
  /** `On primary`, `On secondary`, `Not present`. */
  readonly state: string;
  /** `both up`, `primary down`, `secondary down`, `both down`. */
  readonly status: string;
  readonly lastChange: Date | null;
}

interface Pair extends RedundantPair {
  active: 'primary' | 'secondary' | 'none';
  lastChange: Date | null;
}

/** How long a PIC takes to come up after it was switched on, or has lost its role. */
export const PIC_BOOT_MS = 5000;

/**
 * The services PICs of a router, as a value. Redundancy is warm standby: one secondary may back up several primaries,
 * but does the work of one at a time; a primary that comes back does not take over by itself.
 */
export class ServicesPics {
  readonly #bootMs: number;
  #layout: PicLayout = { fitted: new Set(), pairs: new Map(), unfit: new Map() };
  readonly #offline = new Set<string>();
  /** When a PIC that is coming up will be there. */
  readonly #booting = new Map<string, number>();
  readonly #pairs = new Map<string, Pair>();

  constructor(bootMs = PIC_BOOT_MS) {
    this.#bootMs = bootMs;
  }

  /** Takes up another configuration. Pairs that stay as they are keep their active PIC. */
  configure(layout: PicLayout, now: Date): PicChange[] {
    const before = this.#layout;
    this.#layout = layout;
    for (const name of this.#pairs.keys()) if (!layout.pairs.has(name)) this.#pairs.delete(name);
    for (const [name, { primary, secondary }] of layout.pairs) {
      const known = this.#pairs.get(name);
      if (known?.primary === primary && known.secondary === secondary) continue;
      this.#pairs.set(name, { primary, secondary, active: 'none', lastChange: null });
    }
    const changes: PicChange[] = [];
    for (const [pic, reason] of layout.unfit)
      if (!before.unfit.has(pic) && before.fitted.has(pic)) this.#lost(pic, reason, now, changes);
    this.#fill(now, changes);
    // A pair that was not there before has nobody to tell.
    return changes.filter((change) => change.from !== null);
  }

  /** PICs that are switched off. */
  get offline(): ReadonlySet<string> {
    return this.#offline;
  }
  /** Does the PIC work? */
  works(pic: string): boolean {
    const { fitted, unfit } = this.#layout;
    return fitted.has(pic) && !unfit.has(pic) && !this.#offline.has(pic) && !this.#booting.has(pic);
  }
  /** The PIC behind a services interface, without unit; null where none does the work. */
  picOf(name: string): string | null {
    const pair = this.#pairs.get(name);
    if (pair === undefined) return this.works(name) ? name : null;
    return pair.active === 'none' ? null : pair[pair.active];
  }
  get pairs(): RedundancyState[] {
    return [...this.#pairs].map(([name, { primary, secondary, active, lastChange }]) => {
      const up = [this.works(primary), this.works(secondary)];
      return {
        name,
        primary,
        secondary,
        active,
        state: active === 'none' ? 'Not present' : `On ${active}`,
        status: up[0] ? (up[1] ? 'both up' : 'secondary down') : up[1] ? 'primary down' : 'both down',
        lastChange,
      };
    });
  }

  /** Switches a PIC off or on. @returns what became of it; a text: why not */
  set(pic: string, online: boolean, now: Date, clock: number): PicChange[] | string {
    if (!this.#layout.fitted.has(pic)) return 'no services PIC is there';
    if (this.#offline.has(pic) !== online) return `it is ${online ? 'online' : 'offline'} already`;
    const changes: PicChange[] = [];
    if (online) {
      this.#offline.delete(pic);
      this.#booting.set(pic, clock + this.#bootMs);
    } else {
      const worked = this.works(pic);
      this.#offline.add(pic);
      this.#booting.delete(pic);
      if (worked) this.#lost(pic, 'the PIC was taken offline', now, changes);
    }
    return changes;
  }
  /** Fitted PICs, `sp-F/P/0`. */
  get fitted(): ReadonlySet<string> {
    return this.#layout.fitted;
  }
  /** Has a PIC come up anew. @returns what became of it; a text: why it cannot */
  restart(pic: string, now: Date, clock: number): PicChange[] | string {
    if (!this.#layout.fitted.has(pic)) return 'no services PIC is there';
    if (this.#offline.has(pic)) return 'it is offline';
    const worked = this.works(pic);
    this.#booting.set(pic, clock + this.#bootMs);
    const changes: PicChange[] = [];
    if (worked) this.#lost(pic, 'the PIC restarts', now, changes);
    return changes;
  }
  /** By hand: to the other PIC, or back to the primary. The PIC that loses its role comes up anew. */
  request(what: 'switchover' | 'revert', name: string, now: Date, clock: number): PicChange[] | string {
    const pair = this.#pairs.get(name);
    if (pair === undefined) return `there is no redundant interface ${name}`;
    if (pair.active === 'none') return `no PIC of ${name} works`;
    if (what === 'revert' && pair.active === 'primary') return `${name} is on its primary`;
    const to = pair.active === 'primary' ? 'secondary' : 'primary';
    const wrong = this.#cannot(name, pair, to);
    if (wrong !== null) return wrong;
    const changes: PicChange[] = [];
    const loser = pair[pair.active];
    this.#activate(name, pair, to, `${what} by hand`, now, changes);
    this.#booting.set(loser, clock + this.#bootMs);
    this.#lost(loser, 'the PIC restarts: it has lost its role', now, changes);
    return changes;
  }

  /** The `clock` at which `handleTimeout` next has work. */
  deadline(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#booting.values());
  }
  /** PICs that have come up. */
  handleTimeout(clock: number, now: Date): { up: string[]; changes: PicChange[] } {
    const up = [...this.#booting].filter(([, at]) => at <= clock).map(([pic]) => pic);
    for (const pic of up) this.#booting.delete(pic);
    const changes: PicChange[] = [];
    if (up.length > 0) this.#fill(now, changes);
    return { up, changes };
  }

  /** A PIC works no longer: what it did ends, and goes to the other PIC of its pair. */
  #lost(pic: string, reason: string, now: Date, changes: PicChange[]): void {
    if (!this.#pairs.has(pic)) changes.push({ interface: pic, from: pic, to: null, reason });
    for (const [name, pair] of this.#pairs) {
      if (pair.active === 'none' || pair[pair.active] !== pic) continue;
      const to = pair.active === 'primary' ? 'secondary' : 'primary';
      this.#activate(name, pair, this.#cannot(name, pair, to) === null ? to : 'none', reason, now, changes);
    }
  }
  /** Pairs without an active PIC take what has come up. */
  #fill(now: Date, changes: PicChange[]): void {
    for (const [name, pair] of this.#pairs) {
      if (pair.active !== 'none') continue;
      const to = (['primary', 'secondary'] as const).find((one) => this.#cannot(name, pair, one) === null);
      if (to !== undefined) this.#activate(name, pair, to, 'the PIC has come up', now, changes);
    }
  }
  #activate(name: string, pair: Pair, to: Pair['active'], reason: string, now: Date, changes: PicChange[]): void {
    const from = pair.active === 'none' ? null : pair[pair.active];
    pair.active = to;
    pair.lastChange = now;
    changes.push({ interface: name, from, to: to === 'none' ? null : pair[to], reason });
  }
  /** Why a PIC cannot take over; null: it can. */
  #cannot(name: string, pair: Pair, to: 'primary' | 'secondary'): string | null {
    const pic = pair[to];
    if (!this.works(pic)) return `${pic} does not work`;
    for (const [other, { active, primary, secondary }] of this.#pairs)
      if (other !== name && active !== 'none' && (active === 'primary' ? primary : secondary) === pic)
        return `${pic} does the work of ${other}`;
    return null;
  }
}
