import { ACCESS } from './schema/access.ts';
import { FIREWALL } from './schema/firewall.ts';
import { L2TP } from './schema/l2tp.ts';
import { CHASSIS, SYSTEM } from './schema/system.ts';
import { block, leaf, opaque, type Statement, TEXT } from './statement.ts';

export { interfaceStatement, OTHER_INTERFACE, REDUNDANT_INTERFACE, SERVICE_INTERFACE } from './schema/interfaces.ts';
export type { Effect, Names, Statement, Status, ValueType } from './statement.ts';

/** The top of the configuration. `interfaces` has its entries by name: see `interfaceStatement`. */
export const ROOT: readonly Statement[] = [
  leaf('version', TEXT, 'Release that wrote the file'),
  SYSTEM,
  CHASSIS,
  block('services', 'Services', [L2TP], { open: 'load' }),
  block('interfaces', 'Interfaces', []),
  ACCESS,
  FIREWALL,
  ...[
    'snmp',
    'forwarding-options',
    'event-options',
    'routing-options',
    'protocols',
    'policy-options',
    'class-of-service',
    'security',
    'routing-instances',
    'applications',
    'accounting-options',
    'logical-systems',
  ].map((keyword) => opaque(keyword, 'Another part of the router')),
];
