import type { PoolConfig } from './types.ts';

/**
 * Hands out the addresses of an `address-pool`, the longest unused first. What was never given out costs nothing:
 * memory follows use.
 */
export class AddressPool {
  #config: PoolConfig;
  /** Addresses of the pool that are not for it to give: fixed ones of users. */
  #reserved: ReadonlySet<number>;
  #next: number;
  readonly #used = new Set<number>();
  /** Addresses given by others (RADIUS), and their users. */
  readonly #taken = new Map<number, number>();
  /** Those of them whose turn came meanwhile. */
  readonly #passedOver = new Set<number>();
  /** Given back, oldest first. */
  #returned: number[] = [];
  #head = 0;

  constructor(config: PoolConfig, reserved: ReadonlySet<number>) {
    this.#config = config;
    this.#reserved = reserved;
    this.#next = config.first;
  }
  get config(): PoolConfig {
    return this.#config;
  }
  get inUse(): number {
    return this.#used.size;
  }
  get size(): number {
    return this.#config.last - this.#config.first + 1;
  }
  contains(address: number): boolean {
    return address >= this.#config.first && address <= this.#config.last;
  }
  /** @returns an address as a 32-bit number, null where none is free */
  allocate(): number | null {
    for (;;) {
      const address = this.#nextFree();
      if (address === null) return null;
      if (this.#taken.has(address)) {
        this.#passedOver.add(address);
        continue;
      }
      this.#used.add(address);
      return address;
    }
  }
  #nextFree(): number | null {
    while (this.#next <= this.#config.last) {
      const address = this.#next++;
      if (!this.#reserved.has(address)) return address;
    }
    if (this.#head === this.#returned.length) return null;
    const address = this.#returned[this.#head++]!;
    if (this.#head > 1024 && this.#head * 2 > this.#returned.length) {
      this.#returned = this.#returned.slice(this.#head);
      this.#head = 0;
    }
    return address;
  }
  release(address: number): void {
    if (this.#used.delete(address)) this.#returned.push(address);
  }
  /**
   * Takes up another range and begins anew: it knows of no address in use until each that somebody holds is taken
   * again (`take`), wherever he had it from.
   */
  reconfigure(config: PoolConfig, reserved: ReadonlySet<number>): void {
    this.#config = config;
    this.#reserved = reserved;
    this.#next = config.first;
    this.#used.clear();
    this.#taken.clear();
    this.#passedOver.clear();
    this.#returned = [];
    this.#head = 0;
  }

  /** Somebody else gave the address to a user: until all of them have given it back, it is not for this pool to give. */
  take(address: number): void {
    if (this.contains(address)) this.#taken.set(address, (this.#taken.get(address) ?? 0) + 1);
  }
  giveBack(address: number): void {
    const users = this.#taken.get(address);
    if (users === undefined) return;
    if (users > 1) {
      this.#taken.set(address, users - 1);
      return;
    }
    this.#taken.delete(address);
    if (this.#passedOver.delete(address)) this.#returned.push(address);
  }
}
