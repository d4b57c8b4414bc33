import { ConfigError } from '../errors.ts';
import { servicesBoard } from './boards.ts';
import { M7I } from './m7i.ts';
import { M10I } from './m10i.ts';
import { M120 } from './m120.ts';
import type { FittedBoard, Platform, PlatformName } from './types.ts';

export type { FittedBoard, Platform, PlatformName } from './types.ts';

export const PLATFORMS: Readonly<Record<PlatformName, Platform>> = { m7i: M7I, m10i: M10I, m120: M120 };

/** Other routers and switches of the family: their software knows the statements, their hardware has no L2TP services. */
const OTHERS =
  /^(?:(?:m(?:5|10|20|40|40e|160|320)|t(?:320|640|1600|4000)|tx-matrix(?:-plus)?|v?mx(?:\d{1,5})?|vbng|v?srx(?:\d{1,4}\w*)?|vqfx|v?ptx\d{0,5}\w*|ex\d{3,5}\w*|qfx\d{3,5}\w*|acx\d{3,5}\w*|j\d{4}|ocx\d{4}|crpd|jrr\d*)(?:-.*)?)$/;

/** @throws ConfigError where the router is none on which L2TP services run, or no router */
export function platformByName(name: string): Platform {
  const key = name.toLowerCase();
  if (Object.hasOwn(PLATFORMS, key)) return PLATFORMS[key as PlatformName];
  throw new ConfigError(
    OTHERS.test(key)
      ? `the configuration is accepted on '${name}' as well, but L2TP services run only on M7i, M10i and M120`
      : `there is no platform '${name}': L2TP services run on M7i, M10i and M120`,
  );
}

/** FPC and PIC slot of `sp-F/P/0`. @returns null where it is no such name */
export function slotOf(name: string): { fpc: number; pic: number } | null {
  const match = /^sp-(\d{1,2})\/(\d)\/0$/.exec(name);
  return match === null ? null : { fpc: Number(match[1]), pic: Number(match[2]) };
}
/** Is `sp-F/P/0` a place for a services PIC? */
export function hasServiceInterface(platform: Platform, name: string): boolean {
  const slot = slotOf(name);
  return slot !== null && platform.fpcs.some(({ fpc, services }) => fpc === slot.fpc && services.has(slot.pic));
}
/** Every place for a services PIC, by name. */
export function serviceInterfaces(platform: Platform): string[] {
  return platform.fpcs.flatMap(({ fpc, services }) => [...services.keys()].map((pic) => `sp-${fpc}/${pic}/0`));
}

/**
 * The chassis as it is fitted.
 * @param fitted services PICs, `sp-F/P/0`: those that the configuration names
 * @param offline those of them that are switched off: the slot is known, the PIC tells nothing
 */
export function inventory(
  platform: Platform,
  fitted: Iterable<string>,
  offline: ReadonlySet<string> = new Set(),
): FittedBoard {
  const names = new Set(fitted);
  const bare = (boards: Platform['front']): FittedBoard[] => boards.map((one) => ({ ...one, parts: [] }));
  const fpcs = platform.fpcs.map((slot): FittedBoard => {
    const pics = new Map(slot.pics);
    for (const [pic, kind] of slot.services) {
      const name = `sp-${slot.fpc}/${pic}/0`;
      if (!names.has(name)) continue;
      if (offline.has(name)) pics.delete(pic);
      else pics.set(pic, servicesBoard(kind, slot.fpc, pic));
    }
    return { ...slot.board, parts: bare([...pics].sort(([a], [b]) => a - b).map(([, one]) => one)) };
  });
  return { ...platform.chassis, parts: [...bare(platform.front), ...fpcs, ...bare(platform.rear)] };
}
