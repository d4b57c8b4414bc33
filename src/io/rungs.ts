import type { Ffi } from './ffi.ts';
import { probeUdpOffload } from './udp.ts';

/**
 * The rungs of the I/O ladder above recvmmsg and sendmmsg (docs/io.md). Each is tried at start; where it is switched
 * off or the kernel does not have it, the plain calls do its work.
 */
export const RUNG_NAMES = ['gso', 'gro', 'vnetHdr', 'uso', 'uring', 'steering'] as const;
export type RungName = (typeof RUNG_NAMES)[number];

/** As the log and the command line spell them. */
const LABELS: Readonly<Record<RungName, string>> = {
  gso: 'gso',
  gro: 'gro',
  vnetHdr: 'vnet-hdr',
  uso: 'uso',
  uring: 'uring',
  steering: 'steering',
};

/** What the operator switched off: `false`. */
export type RungSwitches = { readonly [Name in RungName]?: boolean };

/** Which rungs are in use, and why the others are not. */
export class Rungs {
  readonly #off = new Map<RungName, string>();
  readonly #needless = new Set<RungName>();

  /** @param ffi null: portable back ends, no rung at all */
  static probe(ffi: Ffi | null, switches: RungSwitches = {}): Rungs {
    const rungs = new Rungs();
    for (const name of RUNG_NAMES) {
      if (ffi === null) rungs.lose(name, 'portable');
      else if (switches[name] === false) rungs.lose(name, 'option');
    }
    if (ffi === null) return rungs;
    const udp = probeUdpOffload(ffi);
    if (udp.gso !== null) rungs.lose('gso', udp.gso);
    if (udp.gro !== null) rungs.lose('gro', udp.gro);
    return rungs;
  }
  has(name: RungName): boolean {
    return !this.#off.has(name) && !this.#needless.has(name);
  }
  /** The rung turned out not to work. The first reason is kept. */
  lose(name: RungName, reason: string): void {
    if (!this.#off.has(name)) this.#off.set(name, reason);
  }
  /** There is nothing that these could speed up: they are neither in use nor missed. */
  without(names: readonly RungName[]): void {
    for (const name of names) {
      this.#off.delete(name);
      this.#needless.add(name);
    }
  }
  /** For the log: "gso+gro", "none". */
  get inUse(): string {
    return (
      RUNG_NAMES.filter((name) => this.has(name))
        .map((name) => LABELS[name])
        .join('+') || 'none'
    );
  }
  /** For the log: "gro:option", empty where nothing is missing. */
  get missing(): string {
    return [...this.#off].map(([name, reason]) => `${LABELS[name]}:${reason}`).join('+');
  }
}
