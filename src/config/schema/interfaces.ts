import { block, flag, IDENTIFIER, LATER, leaf, list, oneOf, opaque, type Statement, TEXT, uint } from '../statement.ts';
import { SERVICES_PIC } from './l2tp.ts';

const inet = block(
  'inet',
  'IPv4',
  [
    list('address', { type: 'prefix4' }, 'Our address', [], { effect: 'new-sessions' }),
    opaque('filter', 'Packet filters'),
    leaf('mtu', uint(256, 9192), 'Largest packet', { ...LATER, unit: 'octets' }),
  ],
  { presence: true, open: true },
);
const inet6 = block('inet6', 'IPv6', [list('address', { type: 'prefix6' }, 'Our address', [], LATER)], {
  ...LATER,
  presence: true,
  open: true,
});

const dialOptions = block(
  'dial-options',
  'L2TP sessions of the unit',
  [
    flag('dedicated', 'One session at a time', { choice: 'mode', effect: 'ends-sessions' }),
    leaf('ipsec-interface-id', IDENTIFIER, 'Name by which IPsec picks the unit', LATER),
    leaf('l2tp-interface-id', IDENTIFIER, 'Name by which profiles pick the unit', {
      effect: 'new-sessions',
      names: 'interface-id',
    }),
    flag('shared', 'Many sessions', { choice: 'mode', effect: 'ends-sessions' }),
  ],
  {
    effect: 'ends-sessions',
    checks: [
      'Family must be defined for a unit with dial-options',
      'MLPPP bundle cannot be configured with dial-options',
      'L2TP dial-options and service-domain must not be defined on the same unit',
    ],
  },
);

const serviceUnit = list(
  'unit',
  uint(0, 16385),
  'Logical interface',
  [
    leaf('description', TEXT, 'For people'),
    dialOptions,
    leaf('encapsulation', TEXT, 'Encapsulation', LATER),
    block(
      'family',
      'Protocol family',
      [
        inet,
        inet6,
        block(
          'mlppp',
          'Bundle',
          [leaf('bundle', TEXT, 'Bundle interface', { ...LATER, checks: ['Bundle interface must be configured'] })],
          { ...LATER, presence: true },
        ),
      ],
      { layout: 'prefix' },
    ),
    leaf('service-domain', oneOf({ inside: 'Inside', outside: 'Outside' }), 'Service domain', LATER),
  ],
  { sorted: true, open: true },
);

const ENTRY = { bare: true, sorted: true, open: true } as const;
/** A services interface: `sp-f/p/0`. */
export const SERVICE_INTERFACE = list(
  'interface',
  TEXT,
  'Services interface',
  [
    leaf('description', TEXT, 'For people'),
    block('traceoptions', 'Traces', [list('flag', oneOf({ all: 'Everything' }), 'Events traced', [])], {
      effect: 'at-once',
    }),
    serviceUnit,
  ],
  ENTRY,
);
/** Redundant services interfaces: `rspN`. */
export const REDUNDANT_INTERFACE = list(
  'interface',
  TEXT,
  'Redundant services interface',
  [
    leaf('description', TEXT, 'For people'),
    block(
      'redundancy-options',
      'The pair',
      [
        flag('hot-standby', 'One secondary for one primary', {
          checks: ['warning: L2TP services support warm standby only'],
        }),
        leaf('primary', SERVICES_PIC, 'Active while it works', {
          mandatory: true,
          effect: 'ends-sessions',
          names: 'services-pic',
        }),
        leaf('secondary', SERVICES_PIC, 'Takes over', {
          mandatory: true,
          effect: 'ends-sessions',
          names: 'services-pic',
          checks: ['primary and secondary must be two services interfaces'],
        }),
      ],
      { mandatory: true },
    ),
    serviceUnit,
  ],
  ENTRY,
);
/** Any other interface: what people write most, the rest as it is written. */
export const OTHER_INTERFACE: Statement = list(
  'interface',
  { type: 'text', max: 63 },
  'An interface',
  [
    leaf('description', TEXT, 'For people', { status: 'opaque' }),
    flag('disable', 'Out of use', { status: 'opaque' }),
    leaf('mtu', uint(256, 9192), 'Largest packet', { status: 'opaque', unit: 'octets' }),
    list(
      'unit',
      uint(0, 16385),
      'Logical interface',
      [
        leaf('description', TEXT, 'For people', { status: 'opaque' }),
        flag('disable', 'Out of use', { status: 'opaque' }),
        leaf('vlan-id', uint(0, 4094), 'VLAN', { status: 'opaque' }),
        block(
          'family',
          'Protocol family',
          [
            block(
              'inet',
              'IPv4',
              [
                list('address', { type: 'prefix4' }, 'Our address', [], { status: 'opaque', open: true }),
                leaf('mtu', uint(256, 9192), 'Largest packet', { status: 'opaque', unit: 'octets' }),
              ],
              { status: 'opaque', presence: true, open: true },
            ),
            block(
              'inet6',
              'IPv6',
              [list('address', { type: 'prefix6' }, 'Our address', [], { status: 'opaque', open: true })],
              { status: 'opaque', presence: true, open: true },
            ),
          ],
          { status: 'opaque', layout: 'prefix', open: true },
        ),
      ],
      { status: 'opaque', sorted: true, open: true },
    ),
  ],
  { ...ENTRY, status: 'opaque' },
);

/** Which declaration an interface has, by its name or, in a group, by its pattern. */
export function interfaceStatement(name: string, wildcards: boolean): Statement {
  if (/^sp-/.test(name) || (wildcards && /^<(sp-|\*)/.test(name))) return SERVICE_INTERFACE;
  if (/^rsp\d/.test(name) || (wildcards && /^<rsp/.test(name))) return REDUNDANT_INTERFACE;
  return OTHER_INTERFACE;
}
