import type { ServiceUnit, TunnelGroup } from '../config/types.ts';
import type { NetworkEnd } from './call.ts';

/** Units of the services interfaces with dial-options: a dedicated one serves one session or bundle at a time. */
export class Units {
  readonly #dedicated = new Map<ServiceUnit, NetworkEnd>();

  /** @returns the unit for `end`, null where none is asked for, undefined where none is free */
  pick(group: TunnelGroup, interfaceId: string | null, end: NetworkEnd): ServiceUnit | null | undefined {
    if (interfaceId === null) return null;
    const units = group.units.filter((unit) => unit.dialOptions?.interfaceId === interfaceId);
    const free = units
      .filter((unit) => unit.dialOptions!.mode === 'dedicated' && !this.#dedicated.has(unit))
      .sort((a, b) => a.unit - b.unit)[0];
    if (free !== undefined) {
      this.#dedicated.set(free, end);
      return free;
    }
    return units.find((unit) => unit.dialOptions!.mode === 'shared');
  }
  release(end: NetworkEnd): void {
    if (end.unit !== null && this.#dedicated.get(end.unit) === end) this.#dedicated.delete(end.unit);
    end.unit = null;
  }
}
