import { hasServiceInterface, type Platform } from '../platform/platform.ts';
import { type ConfigNode, parsePrefix } from './bind.ts';
import { child, entries, entry, has, value } from './query.ts';
import type { Report } from './resolve-parts.ts';
import type { ServiceInterfaceConfig, ServiceUnit } from './types.ts';

/** 3.1: places of services interfaces, dial units, bundles; 3.4: pairs. */
export function checkInterfaces(interfaces: ConfigNode | null, platform: Platform, report: Report): void {
  const names = new Set(interfaces?.children.filter((one) => !one.inactive).map((one) => one.key));
  for (const node of interfaces?.children ?? []) {
    if (node.inactive || node.statement.status === 'opaque') continue;
    const name = node.key!;
    if (name.startsWith('sp-') && !hasServiceInterface(platform, name))
      report(
        'error',
        node,
        ['interfaces'],
        name,
        `there is no services interface ${name} on an ${platform.description}`,
      );
    checkPair(node, interfaces!, platform, report);
    for (const unit of entries(node, 'unit')) {
      const path = ['interfaces', name, `unit ${unit.key}`];
      const family = child(unit, 'family');
      const bundle = value(child(family, 'mlppp'), 'bundle');
      if (bundle !== null && !names.has(bundle.split('.')[0]!))
        report('error', unit, [...path, 'family mlppp'], `bundle ${bundle}`, 'Bundle interface must be configured');
      const dial = child(unit, 'dial-options');
      if (dial === null) continue;
      if (family === null || family.children.every((one) => one.inactive))
        report('error', unit, path, 'dial-options', 'Family must be defined for a unit with dial-options');
      if (value(unit, 'encapsulation') === 'multilink-ppp')
        report('error', unit, path, 'dial-options', 'MLPPP bundle cannot be configured with dial-options');
      if (value(unit, 'service-domain') !== null)
        report(
          'error',
          unit,
          path,
          'dial-options',
          'L2TP dial-options and service-domain must not be defined on the same unit',
        );
      if (value(dial, 'ipsec-interface-id') !== null && value(dial, 'l2tp-interface-id') !== null)
        report('error', dial, path, 'dial-options', 'only one of l2tp-interface-id and ipsec-interface-id may be set');
      if (
        value(dial, 'l2tp-interface-id') !== null &&
        child(dial, 'dedicated') === null &&
        child(dial, 'shared') === null
      )
        report('error', unit, path, 'dial-options', "Missing mandatory statement: 'dedicated' or 'shared'");
    }
  }
}

/** 3.4: `rsp0` to `rsp15`, two services interfaces of this router. */
function checkPair(node: ConfigNode, interfaces: ConfigNode, platform: Platform, report: Report): void {
  const name = node.key!;
  if (!name.startsWith('rsp')) return;
  if (!/^rsp([0-9]|1[0-5])$/.test(name))
    report('error', node, ['interfaces'], name, 'redundant services interfaces are rsp0 to rsp15');
  const pair = child(node, 'redundancy-options');
  const path = ['interfaces', name, 'redundancy-options'];
  const [primary, secondary] = [value(pair, 'primary'), value(pair, 'secondary')];
  for (const [keyword, pic] of [
    ['primary', primary],
    ['secondary', secondary],
  ] as const) {
    if (pic === null) continue;
    const statement = `${keyword} ${pic}`;
    if (!hasServiceInterface(platform, pic))
      report('error', pair!, path, statement, `there is no services interface ${pic} on an ${platform.description}`);
    const own = interfaces.children.find((one) => one.key === pic && !one.inactive);
    if (own !== undefined && entries(own, 'unit').some((unit) => child(unit, 'dial-options') !== null))
      report('error', pair!, path, statement, `${pic} has units with dial-options of its own: they belong to ${name}`);
  }
  if (primary !== null && primary === secondary)
    report('error', pair!, path, `secondary ${secondary}`, 'primary and secondary must be two services interfaces');
  if (has(pair, 'hot-standby'))
    report('warning', pair!, path, 'hot-standby', 'L2TP services support warm standby only');
}

/** Every active services interface, by name. */
export function serviceInterfaceConfigs(interfaces: ConfigNode | null): Map<string, ServiceInterfaceConfig> {
  const found = new Map<string, ServiceInterfaceConfig>();
  for (const node of interfaces?.children ?? []) {
    if (node.inactive || node.statement.status === 'opaque') continue;
    const pair = child(node, 'redundancy-options');
    const primary = value(pair, 'primary');
    const secondary = value(pair, 'secondary');
    found.set(node.key!, {
      name: node.key!,
      description: value(node, 'description'),
      traceAll: entry(child(node, 'traceoptions'), 'flag', 'all') !== null,
      units: serviceUnits(node),
      redundancy:
        primary === null || secondary === null ? null : { primary, secondary, hotStandby: has(pair, 'hot-standby') },
    });
  }
  return found;
}

function serviceUnits(node: ConfigNode): ServiceUnit[] {
  return entries(node, 'unit').map((unit) => {
    const inet = child(child(unit, 'family'), 'inet');
    const address = inet?.children.find((one) => one.statement.keyword === 'address' && !one.inactive)?.key ?? null;
    const dial = child(unit, 'dial-options');
    const interfaceId = value(dial, 'l2tp-interface-id');
    return {
      unit: Number(unit.key),
      address: address === null ? null : (parsePrefix(address)?.address ?? null),
      dialOptions:
        interfaceId === null ? null : { interfaceId, mode: child(dial, 'dedicated') !== null ? 'dedicated' : 'shared' },
    };
  });
}
