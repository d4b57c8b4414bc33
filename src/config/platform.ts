import { ConfigError } from '../errors.ts';
import type { PlatformName } from './types.ts';

/** A router that runs L2TP services, as data. */
export interface Platform {
  readonly name: PlatformName;
  readonly description: string;
  /** Where services PICs can be: FPC slots and PIC slots; and single places besides. */
  readonly slots: readonly { readonly fpc: number; readonly pics: readonly number[] }[];
}
const PICS = [0, 1, 2, 3] as const;
const PLATFORMS: Readonly<Record<PlatformName, Platform>> = {
  m7i: {
    name: 'm7i',
    description: 'M7i',
    // FPC 0 takes PICs; the AS Module on the forwarding board is sp-1/2/0.
    slots: [
      { fpc: 0, pics: PICS },
      { fpc: 1, pics: [2] },
    ],
  },
  m10i: {
    name: 'm10i',
    description: 'M10i',
    slots: [
      { fpc: 0, pics: PICS },
      { fpc: 1, pics: PICS },
    ],
  },
  m120: {
    name: 'm120',
    description: 'M120',
    slots: [2, 3, 4, 5].map((fpc) => ({ fpc, pics: PICS })),
  },
};

/** @throws ConfigError where the router is none on which L2TP services run */
export function platformByName(name: string): Platform {
  const platform = (PLATFORMS as Record<string, Platform | undefined>)[name.toLowerCase()];
  if (platform === undefined || !Object.hasOwn(PLATFORMS, name.toLowerCase()))
    throw new ConfigError(`L2TP services run on M7i, M10i and M120, not on '${name}'`);
  return platform;
}
/** Is `sp-F/P/0` a place for a services PIC? */
export function hasServiceInterface(platform: Platform, name: string): boolean {
  const match = /^sp-(\d+)\/(\d+)\/0$/.exec(name);
  return (
    match !== null &&
    platform.slots.some((slot) => slot.fpc === Number(match[1]) && slot.pics.includes(Number(match[2])))
  );
}
