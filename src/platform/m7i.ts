import { board, builtInFpc, LIMITS } from './boards.ts';
import type { Platform } from './types.ts';

/**
 * M7i: FPC 0 takes four PICs, counted from the right; FPC 1 is the forwarding board's own: slot 2 the AS Module, slot 3
 * the fixed interface card.
 */
export const M7I: Platform = {
  name: 'm7i',
  description: 'M7i',
  chassis: board('Chassis', '', '', '31207', 'M7i'),
  front: [
    board('Midplane', 'REV 04', '710-008761', 'CC0417', 'M7i Midplane', {
      model: 'CHAS-MP-M7i-1GE-S',
      assemblyId: 0x0182,
    }),
    board('Power Supply 0', 'Rev 05', '740-008537', 'PD40218', 'AC Power Supply', {
      model: 'PWR-M7i-M10i-AC-S',
      assemblyId: 0x0460,
    }),
    board('Power Supply 1', 'Rev 05', '740-008537', 'PD40223', 'AC Power Supply', {
      model: 'PWR-M7i-M10i-AC-S',
      assemblyId: 0x0460,
    }),
    board('Routing Engine', 'REV 08', '740-011202', '1000612907', 'RE-850', {
      model: 'RE-850-1536-S',
      assemblyId: 0x0174,
      details: ['ad0    999 MB  Compact Flash', 'ad1  38154 MB  Hard Disk'],
    }),
    board('CFEB', 'REV 09', '750-010464', 'CD2604', 'Internet Processor IIv1', {
      model: 'FEB-M7i-SVCS-S',
      assemblyId: 0x014d,
    }),
  ],
  fpcs: [
    {
      fpc: 0,
      board: builtInFpc(0),
      services: new Map([
        [0, 'adaptive-services'],
        [1, 'adaptive-services'],
        [2, 'adaptive-services'],
        [3, 'adaptive-services'],
      ]),
      pics: new Map([
        [
          0,
          board('PIC 0', 'REV 10', '750-008155', 'HJ5105', '2x G/E IQ, 1000 BASE', {
            model: 'PE-2GE-SFP-QPP',
            assemblyId: 0x0298,
          }),
        ],
      ]),
    },
    {
      fpc: 1,
      board: builtInFpc(1),
      services: new Map([[2, 'adaptive-services-module']]),
      pics: new Map([
        [
          3,
          board('PIC 3', 'REV 08', '750-009098', 'HN7003', '2x F/E, 100 BASE-TX', {
            model: 'FIC-M7i-2FE',
            assemblyId: 0x0294,
          }),
        ],
      ]),
    },
  ],
  rear: [],
  kinds: ['adaptive-services'],
  limits: LIMITS,
};
