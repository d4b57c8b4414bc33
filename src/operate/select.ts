import type { Call, Lns, LnsTunnel } from '../server/lns.ts';
import { type Arguments, numberValue, type Option, textValue, type ValueType } from './grammar.ts';
import type { OperationalTarget } from './types.ts';

/** The levels of `show services l2tp …`; none said is brief. */
export type Level = 'brief' | 'detail' | 'extensive' | 'statistics';
export const LEVEL_OPTIONS: readonly Option[] = [
  { keyword: 'brief', help: 'Display brief output (default)', choice: 'level' },
  { keyword: 'detail', help: 'Display detailed output', choice: 'level' },
  { keyword: 'extensive', help: 'Display extensive output', choice: 'level' },
  { keyword: 'statistics', help: 'Display statistics', choice: 'level' },
];
export const levelOf = (args: Arguments): Level =>
  args.has('extensive') ? 'extensive' : args.has('detail') ? 'detail' : args.has('statistics') ? 'statistics' : 'brief';

const tunnelLabel = (tunnel: LnsTunnel): string => `${tunnel.gateway.name}, ${tunnel.info.hostName}`;
function* once(values: Iterable<readonly [string, string]>): Generator<readonly [string, string]> {
  const seen = new Set<string>();
  for (const pair of values) {
    if (pair[0] === '' || seen.has(pair[0])) continue;
    seen.add(pair[0]);
    yield pair;
  }
}
const fromTunnels = (pick: (lns: Lns, tunnel: LnsTunnel) => readonly [string, string]) =>
  function* (target: OperationalTarget): Generator<readonly [string, string]> {
    yield* once(
      (function* () {
        for (const tunnel of target.lns.tunnels.values()) yield pick(target.lns, tunnel);
      })(),
    );
  };
const fromCalls = (pick: (call: Call) => readonly [string, string]) =>
  function* (target: OperationalTarget): Generator<readonly [string, string]> {
    yield* once(
      (function* () {
        for (const tunnel of target.lns.tunnels.values()) for (const call of tunnel.calls.values()) yield pick(call);
      })(),
    );
  };
const fromGroups = (pick: (group: Lns['config']['tunnelGroups'][number]) => readonly [string, string]) =>
  function* (target: OperationalTarget): Generator<readonly [string, string]> {
    yield* once(target.lns.config.tunnelGroups.map(pick));
  };

const address = (values: NonNullable<ValueType['values']>): ValueType => ({
  placeholder: '<address>',
  check: (text) => (/^[\d.]+$|:/.test(text) ? null : `invalid value '${text}': an address is expected`),
  values,
});
const ID = (name: string, values: NonNullable<ValueType['values']>): ValueType => numberValue(name, 0, 65535, values);

/** Our name towards a tunnel's LAC. */
export const localName = (lns: Lns, tunnel: Pick<LnsTunnel, 'gateway'>): string =>
  tunnel.gateway.gatewayName ?? lns.config.hostName ?? '';

export const INTERFACE_VALUE: ValueType = textValue(
  'interface-name',
  fromGroups((group) => [group.serviceInterface, `Service interface of tunnel group ${group.name}`]),
);
export const USER_VALUE: ValueType = textValue(
  'user',
  fromCalls((call) => [call.userName, '']),
);

const option = (keyword: string, help: string, value: ValueType): Option => ({
  keyword,
  help,
  value,
  choice: 'filter',
});
/** Filters of tunnels: at most one (schema: a choice). */
export const TUNNEL_FILTERS: readonly Option[] = [
  option('interface', 'Name of the services interface', INTERFACE_VALUE),
  option(
    'local-gateway',
    'Address of the local gateway',
    address(fromGroups((group) => [group.localGateway, `Gateway of tunnel group ${group.name}`])),
  ),
  option(
    'local-gateway-name',
    'Name of the local gateway',
    textValue(
      'name',
      fromTunnels((lns, tunnel) => [localName(lns, tunnel), '']),
    ),
  ),
  option(
    'local-tunnel-id',
    'Local tunnel ID',
    ID(
      'local-tunnel-id',
      fromTunnels((_, tunnel) => [String(tunnel.info.tunnelId), tunnelLabel(tunnel)]),
    ),
  ),
  option(
    'peer-gateway',
    'Address of the remote gateway',
    address(fromTunnels((_, tunnel) => [tunnel.info.peer.address, tunnelLabel(tunnel)])),
  ),
  option(
    'peer-gateway-name',
    'Name of the remote gateway',
    textValue(
      'name',
      fromTunnels((_, tunnel) => [tunnel.info.hostName, tunnel.gateway.name]),
    ),
  ),
  option(
    'tunnel-group',
    'Name of the tunnel group',
    textValue(
      'tunnel-group',
      fromGroups((group) => [group.name, `Gateway ${group.localGateway}`]),
    ),
  ),
];
export const SESSION_FILTERS: readonly Option[] = [
  ...TUNNEL_FILTERS,
  option(
    'local-session-id',
    'Local session ID',
    ID(
      'local-session-id',
      fromCalls((call) => [String(call.sessionId), call.userName]),
    ),
  ),
  option('user', 'Name of the PPP user', USER_VALUE),
];
/** `clear` needs to be told what: one filter, or all. */
export const orAll = (filters: readonly Option[], help: string): readonly Option[] => [
  { keyword: 'all', help, choice: 'filter' },
  ...filters,
];

export function matchesTunnel(lns: Lns, tunnel: Pick<LnsTunnel, 'info' | 'gateway'>, args: Arguments): boolean {
  const { info, gateway } = tunnel;
  const is = (name: string, value: string): boolean => {
    const wanted = args.get(name);
    return wanted === undefined || wanted === value;
  };
  const id = args.get('local-tunnel-id');
  return (
    is('interface', gateway.serviceInterface) &&
    is('local-gateway', gateway.localGateway) &&
    is('local-gateway-name', localName(lns, tunnel)) &&
    (id === undefined || Number(id) === info.tunnelId) &&
    is('peer-gateway', info.peer.address) &&
    is('peer-gateway-name', info.hostName) &&
    is('tunnel-group', gateway.name)
  );
}
export function matchesCall(call: Call, args: Arguments): boolean {
  const id = args.get('local-session-id');
  const user = args.get('user');
  return (id === undefined || Number(id) === call.sessionId) && (user === undefined || user === call.userName);
}
export function* selectTunnels(lns: Lns, args: Arguments): Generator<LnsTunnel> {
  for (const tunnel of lns.tunnels.values()) if (matchesTunnel(lns, tunnel, args)) yield tunnel;
}
