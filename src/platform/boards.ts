import type { Board, PlatformLimits, ServicesPic } from './types.ts';

type Rest = Partial<Pick<Board, 'model' | 'assemblyId' | 'details'>>;

/** A board in the order of the columns of `show chassis hardware`. */
export const board = (
  name: string,
  version: string,
  partNumber: string,
  serialNumber: string,
  description: string,
  rest: Rest = {},
): Board => ({
  name,
  version,
  partNumber,
  serialNumber,
  description,
  model: rest.model ?? '',
  assemblyId: rest.assemblyId ?? null,
  details: rest.details ?? [],
});

/** An FPC that is a part of the chassis: it has neither part nor serial number. */
export const builtInFpc = (fpc: number): Board => board(`FPC ${fpc}`, '', '', '', 'E-FPC');

/** PICs and modules that run L2TP services; the serial number is made of the slot. */
const SERVICES: Readonly<Record<ServicesPic, Omit<Board, 'name' | 'serialNumber'> & { readonly serial: string }>> = {
  'adaptive-services': {
    version: 'REV 11',
    partNumber: '750-009099',
    serial: 'HT71',
    description: 'Adaptive Services-II',
    model: 'PB-AS-2-LAYER-3',
    assemblyId: 0x0a1d,
    details: [],
  },
  'adaptive-services-module': {
    version: 'REV 11',
    partNumber: '750-009487',
    serial: 'HM62',
    description: 'ASP - Integrated (Layer-2-3)',
    model: 'PE-AS-MODULE',
    assemblyId: 0x0a2b,
    details: [],
  },
  'multiservices-100': {
    version: 'REV 06',
    partNumber: '750-019192',
    serial: 'DM34',
    description: 'MultiServices 100',
    model: 'PE-MS-100-1',
    assemblyId: 0x0a5c,
    details: [],
  },
  'multiservices-400': {
    version: 'REV 07',
    partNumber: '750-020142',
    serial: 'DN58',
    description: 'MultiServices 400',
    model: 'PC-MS-400-3',
    assemblyId: 0x0a60,
    details: [],
  },
};
/** The PIC in a slot. */
export function servicesBoard(kind: ServicesPic, fpc: number, pic: number): Board {
  const { serial, ...rest } = SERVICES[kind];
  return { ...rest, name: `PIC ${pic}`, serialNumber: `${serial}${String(fpc * 10 + pic).padStart(2, '0')}` };
}

/** The same on all three: what the protocol and the MIB bound, not the hardware. */
export const LIMITS: PlatformLimits = {
  tunnels: 65535,
  sessionsPerTunnel: 65535,
  bundles: 65536,
  linksPerBundle: 8,
  mrruLeast: 64,
  mrruMost: 4500,
  redundantInterfaces: 16,
};
