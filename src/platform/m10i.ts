import { board, builtInFpc, LIMITS } from './boards.ts';
import type { Platform, ServicesPic } from './types.ts';

const SERVICES: ReadonlyMap<number, ServicesPic> = new Map([
  [0, 'adaptive-services'],
  [1, 'adaptive-services'],
  [2, 'adaptive-services'],
  [3, 'adaptive-services'],
]);

/** M10i: two built-in FPCs, 0 above 1, of four PICs each; forwarding boards, Routing Engines and HCMs in pairs. */
export const M10I: Platform = {
  name: 'm10i',
  description: 'M10i',
  chassis: board('Chassis', '', '', '34512', 'M10i'),
  front: [
    board('Midplane', 'REV 05', '710-008920', 'CC2118', 'M10i Midplane', {
      model: 'CHAS-MP-M10i-S',
      assemblyId: 0x0183,
    }),
    board('Power Supply 0', 'Rev 05', '740-008537', 'PE51722', 'AC Power Supply', {
      model: 'PWR-M7i-M10i-AC-S',
      assemblyId: 0x0460,
    }),
    board('Power Supply 1', 'Rev 05', '740-008537', 'PE51728', 'AC Power Supply', {
      model: 'PWR-M7i-M10i-AC-S',
      assemblyId: 0x0460,
    }),
    board('HCM 0', 'REV 03', '710-010580', 'CB9077', 'M10i HCM', { model: 'HCM-M10i-S', assemblyId: 0x01b6 }),
    board('HCM 1', 'REV 03', '710-010580', 'CB9081', 'M10i HCM', { model: 'HCM-M10i-S', assemblyId: 0x01b6 }),
    board('Routing Engine 0', 'REV 08', '740-011202', '1000618310', 'RE-850', {
      model: 'RE-850-1536-S',
      assemblyId: 0x0174,
      details: ['ad0    999 MB  Compact Flash', 'ad1  38154 MB  Hard Disk'],
    }),
    board('Routing Engine 1', 'REV 08', '740-011202', '1000618342', 'RE-850', {
      model: 'RE-850-1536-S',
      assemblyId: 0x0174,
    }),
    board('CFEB 0', 'REV 09', '750-010465', 'CD3150', 'Internet Processor IIv1', {
      model: 'FEB-M10i-M7i-S',
      assemblyId: 0x014e,
    }),
    board('CFEB 1', 'REV 09', '750-010465', 'CD3162', 'Internet Processor IIv1', {
      model: 'FEB-M10i-M7i-S',
      assemblyId: 0x014e,
    }),
  ],
  fpcs: [
    {
      fpc: 0,
      board: builtInFpc(0),
      services: SERVICES,
      pics: new Map([
        [
          3,
          board('PIC 3', 'REV 10', '750-008155', 'HJ6130', '2x G/E IQ, 1000 BASE', {
            model: 'PE-2GE-SFP-QPP',
            assemblyId: 0x0298,
          }),
        ],
      ]),
    },
    { fpc: 1, board: builtInFpc(1), services: SERVICES, pics: new Map() },
  ],
  rear: [],
  kinds: ['adaptive-services', 'multiservices-100'],
  limits: LIMITS,
};
