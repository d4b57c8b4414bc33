import type { PoolConfig } from '../config/types.ts';
import type { Prefix } from '../io/netlink.ts';
import type { Tun } from '../io/tun.ts';
import { formatIpv4 } from '../wire/address.ts';
import type { Log } from './log.ts';

const BATCH_MS = 5;

/** Routes to the TUN device of addresses that no pool's route covers, changed in batches. */
export class HostRoutes {
  /** Sessions that carry or back each address. */
  readonly #users = new Map<number, number>();
  #changes = new Map<number, boolean>();
  readonly #tun: Tun;
  readonly #pools: () => Iterable<PoolConfig>;
  readonly #log: Log;
  #closed = false;

  constructor(tun: Tun, pools: () => Iterable<PoolConfig>, log: Log) {
    this.#tun = tun;
    this.#pools = pools;
    this.#log = log;
  }

  /** One user more or less of a client's address (a 32-bit number). */
  change(address: number, by: 1 | -1): void {
    for (const pool of this.#pools())
      for (const prefix of pool.prefixes) {
        const size = 2 ** (32 - prefix.length);
        if (address >= prefix.address && address < prefix.address + size) return;
      }
    const before = this.#users.get(address) ?? 0;
    const after = before + by;
    if (after === 0) this.#users.delete(address);
    else this.#users.set(address, after);
    if ((before === 0) === (after === 0)) return;
    if (this.#changes.size === 0) setTimeout(() => this.#apply(), BATCH_MS);
    this.#changes.set(address, after > 0);
  }
  #apply(): void {
    const changes = [...this.#changes];
    this.#changes = new Map();
    if (this.#closed) return;
    const host = ([address]: readonly [number, boolean]): Prefix => ({ address: formatIpv4(address), length: 32 });
    try {
      this.#tun.deleteRoutes(changes.filter(([, add]) => !add).map(host));
      this.#tun.addRoutes(changes.filter(([, add]) => add).map(host));
    } catch (error) {
      this.#log('error', 'route', { reason: (error as Error).message });
    }
  }
  /** The device is going: nothing is changed any more. */
  close(): void {
    this.#closed = true;
  }
}
