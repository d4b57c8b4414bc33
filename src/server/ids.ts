import type { TunnelIds } from '../control/types.ts';
import { SPREAD_FROM } from '../io/steering.ts';
import type { PeerAddress } from '../wire/address.ts';
import type { RandomSource } from '../wire/random.ts';

/** Where the tunnels of one peer address and port are. */
interface Placement {
  readonly key: string;
  readonly shard: number;
  tunnels: number;
}

/**
 * Tunnel IDs of a whole server: a tunnel belongs to shard ID mod shards, as the kernel steers its datagrams
 * (`io/steering.ts`). They are dealt to the shards in turn; with `together` all of one peer address and port go to one
 * shard, since UDP_GRO merges their datagrams before they are steered. IDs from SPREAD_FROM on are kept for tunnels
 * whose sessions are spread over the shards; others get one when there is no other left, and are spread then. They
 * are unpredictable, so that nobody outside guesses one (RFC 2661 section 9).
 */
export class TunnelIdPool implements TunnelIds {
  readonly #used = new Uint8Array(65536);
  readonly #random: RandomSource;
  readonly #shards: number;
  readonly #together: boolean;
  readonly #placements = new Map<string, Placement>();
  readonly #placementOf = new Map<number, Placement>();
  #turn = 0;
  #count = 0;

  constructor(random: RandomSource, shards: number, together = false) {
    this.#random = random;
    this.#shards = shards;
    this.#together = together && shards > 1;
    this.#used[0] = 1;
  }
  get inUse(): number {
    return this.#count;
  }
  /**
   * @param spread one whose sessions belong to all shards, where one is free
   * @returns 1 to 65,535, or 0 where none is free
   */
  allocate(peer: PeerAddress, spread = false): number {
    const id = spread && this.#shards > 1 ? this.#takeSpread() : 0;
    return id || this.#allocate(peer) || this.#takeSpread();
  }
  #allocate(peer: PeerAddress): number {
    const key = this.#together ? `${peer.address} ${peer.port}` : '';
    const placement = this.#together ? this.#placements.get(key) : undefined;
    if (placement !== undefined) {
      const id = this.#take(placement.shard);
      if (id !== 0) {
        placement.tunnels++;
        this.#placementOf.set(id, placement);
      }
      return id;
    }
    for (let tried = 0; tried < this.#shards; tried++) {
      const shard = this.#turn;
      this.#turn = (this.#turn + 1) % this.#shards;
      const id = this.#take(shard);
      if (id === 0) continue;
      if (this.#together) {
        const fresh = { key, shard, tunnels: 1 };
        this.#placements.set(key, fresh);
        this.#placementOf.set(id, fresh);
      }
      return id;
    }
    return 0;
  }
  /** One of a shard's own. */
  #take(shard: number): number {
    return this.#search(shard, this.#shards, Math.floor((SPREAD_FROM - 1 - shard) / this.#shards) + 1);
  }
  #takeSpread(): number {
    return this.#search(SPREAD_FROM, 1, 65536 - SPREAD_FROM);
  }
  /** A free one of `steps`, `apart` apart from `from` on; 0 where there is none. */
  #search(from: number, apart: number, steps: number): number {
    let at = this.#random.u32() % steps;
    for (let n = 0; n < steps; n++) {
      const id = at * apart + from;
      if (this.#used[id] === 0) {
        this.#used[id] = 1;
        this.#count++;
        return id;
      }
      at = at + 1 === steps ? 0 : at + 1;
    }
    return 0;
  }
  release(tunnelId: number): void {
    if (tunnelId === 0 || this.#used[tunnelId] !== 1) return;
    this.#used[tunnelId] = 0;
    this.#count--;
    const placement = this.#placementOf.get(tunnelId);
    if (placement === undefined) return;
    this.#placementOf.delete(tunnelId);
    if (--placement.tunnels === 0) this.#placements.delete(placement.key);
  }
}
