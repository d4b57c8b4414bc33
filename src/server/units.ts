import type { LnsConfig, ServiceUnit, TunnelGroup } from '../config/types.ts';
import type { NetworkEnd } from './call.ts';

/** `sp-1/2/0.20` without the unit. */
export const interfaceOf = (serviceInterface: string): string => serviceInterface.split('.')[0]!;
/** The name of a unit, whichever group uses it: `sp-1/2/0.20`. */
export const unitName = (serviceInterface: string, unit: number): string => `${interfaceOf(serviceInterface)}.${unit}`;

/** Units of the services interfaces with dial-options: a dedicated one serves one session or bundle at a time. */
export class Units {
  /** By name of the unit: tunnel groups may share an interface. */
  readonly #dedicated = new Map<string, NetworkEnd>();

  /**
   * The unit for a session or bundle: of those with its interface-id the lowest free dedicated one, else a shared one.
   * Without an interface-id it is the unit that the group's service-interface names, if it does.
   * @returns null where none is asked for, undefined where none is free
   */
  pick(group: TunnelGroup, interfaceId: string | null, end: NetworkEnd): ServiceUnit | null | undefined {
    const named = group.serviceInterface.split('.')[1];
    if (interfaceId === null && named === undefined) return null;
    const units = group.units
      .filter((unit) =>
        interfaceId === null ? unit.unit === Number(named) : unit.dialOptions?.interfaceId === interfaceId,
      )
      .sort((a, b) => a.unit - b.unit);
    for (const unit of units) {
      if (unit.dialOptions?.mode !== 'dedicated') continue;
      const name = unitName(group.serviceInterface, unit.unit);
      if (this.#dedicated.has(name)) continue;
      this.#dedicated.set(name, end);
      return unit;
    }
    return units.find((unit) => unit.dialOptions?.mode !== 'dedicated');
  }
  release(end: NetworkEnd): void {
    if (end.unit !== null) {
      const name = unitName(end.group.serviceInterface, end.unit.unit);
      if (this.#dedicated.get(name) === end) this.#dedicated.delete(name);
    }
    end.unit = null;
  }
  /** Who has a dedicated unit. */
  holder(serviceInterface: string, unit: number): NetworkEnd | undefined {
    return this.#dedicated.get(unitName(serviceInterface, unit));
  }
}

/** The unit of an end as another configuration has it; null where it is gone, or no longer for sessions. */
export function unitIn(config: LnsConfig, serviceInterface: string, unit: ServiceUnit): ServiceUnit | null {
  const found = config.interfaces.get(interfaceOf(serviceInterface))?.units.find((one) => one.unit === unit.unit);
  return found === undefined || found.dialOptions?.mode !== unit.dialOptions?.mode ? null : found;
}
