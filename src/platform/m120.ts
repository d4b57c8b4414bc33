import { board, LIMITS } from './boards.ts';
import type { FpcSlot, Platform, ServicesPic } from './types.ts';

const SERVICES: ReadonlyMap<number, ServicesPic> = new Map([
  [0, 'multiservices-400'],
  [1, 'multiservices-400'],
  [2, 'multiservices-400'],
  [3, 'multiservices-400'],
]);
const fpc = (slot: number, serialNumber: string): FpcSlot => ({
  fpc: slot,
  board: board(`FPC ${slot}`, 'REV 04', '710-011393', serialNumber, 'M120 FPC Type 2', {
    model: 'M120-FPC2-S',
    assemblyId: 0x0943,
  }),
  services: SERVICES,
  pics:
    slot === 2
      ? new Map([
          [
            0,
            board('PIC 0', 'REV 14', '750-001901', 'HA8310', '4x G/E, 1000 BASE', {
              model: 'PB-4GE-SFP',
              assemblyId: 0x0240,
            }),
          ],
        ])
      : new Map(),
});
const feb = (slot: number, serialNumber: string) =>
  board(`FEB ${slot}`, 'REV 06', '710-015795', serialNumber, 'M120 FEB', {
    model: 'M120-FEB-B',
    assemblyId: 0x0944,
  });

/** M120: upright FPCs 2 to 5 of four PICs; forwarding boards of their own, reached by a crossbar. */
export const M120: Platform = {
  name: 'm120',
  description: 'M120',
  chassis: board('Chassis', '', '', 'JN20F41AC', 'M120'),
  front: [
    board('Midplane', 'REV 03', '710-013667', 'RB6614', 'M120 Midplane', {
      model: 'CHAS-BP-M120-S',
      assemblyId: 0x0949,
    }),
    board('FPM Board', 'REV 02', '710-011407', 'CN4186', 'M120 FPM Board', {
      model: 'CRAFT-M120-S',
      assemblyId: 0x0945,
    }),
    board('PSM 0', 'Rev 05', '740-011936', 'RM28330', 'AC Power Entry Module', {
      model: 'PWR-M120-AC-S',
      assemblyId: 0x0448,
    }),
    board('PSM 1', 'Rev 05', '740-011936', 'RM28347', 'AC Power Entry Module', {
      model: 'PWR-M120-AC-S',
      assemblyId: 0x0448,
    }),
    board('Routing Engine 0', 'REV 04', '740-014082', '1000737464', 'RE-A-2000', {
      model: 'RE-A-2000-4096-S',
      assemblyId: 0x0175,
      details: ['ad0    999 MB  Compact Flash', 'ad2  38154 MB  Hard Disk'],
    }),
    board('Routing Engine 1', 'REV 04', '740-014082', '1000737480', 'RE-A-2000', {
      model: 'RE-A-2000-4096-S',
      assemblyId: 0x0175,
    }),
    board('CB 0', 'REV 06', '710-011403', 'CM8346', 'M120 Control Board', { model: 'CB-M120-S', assemblyId: 0x0942 }),
    board('CB 1', 'REV 06', '710-011403', 'CM8351', 'M120 Control Board', { model: 'CB-M120-S', assemblyId: 0x0942 }),
  ],
  fpcs: [fpc(2, 'CR2602'), fpc(3, 'CR2603'), fpc(4, 'CR2604'), fpc(5, 'CR2605')],
  rear: [
    feb(2, 'CP7512'),
    feb(3, 'CP7513'),
    feb(4, 'CP7514'),
    feb(5, 'CP7515'),
    board('Fan Tray 0', '', '', '', 'Front Top Fan Tray', { model: 'FFANTRAY-M120-S' }),
    board('Fan Tray 1', '', '', '', 'Front Bottom Fan Tray', { model: 'FFANTRAY-M120-S' }),
    board('Fan Tray 2', '', '', '', 'Rear Top Fan Tray', { model: 'RFANTRAY-M120-S' }),
    board('Fan Tray 3', '', '', '', 'Rear Bottom Fan Tray', { model: 'RFANTRAY-M120-S' }),
  ],
  kinds: ['adaptive-services', 'multiservices-100', 'multiservices-400'],
  limits: LIMITS,
};
