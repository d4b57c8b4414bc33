import { type ConfigNode, parseRate, parseSize } from './bind.ts';
import { child, entries, entry, has, numberOf, value, values } from './query.ts';
import type { LOGIN_CLASSES } from './schema/system.ts';
import type {
  ChassisConfig,
  Diagnostic,
  InterfaceTraceConfig,
  LoginUser,
  PlatformName,
  PolicerConfig,
  RadiusDisconnectConfig,
  RadiusServerConfig,
  SyslogFacility,
  SyslogHostConfig,
  SyslogSeverity,
  SystemConfig,
  TraceConfig,
  TraceFlag,
  TraceLevel,
} from './types.ts';

/** Tells the operator of a mistake. */
export type Tell = (node: ConfigNode, path: readonly string[], statement: string, message: string) => void;
/** The same, or a warning. */
export type Report = (
  severity: Diagnostic['severity'],
  node: ConfigNode,
  path: readonly string[],
  statement: string,
  message: string,
) => void;
/** A secret in clear; null where there is none, or none that can be read, which has been told. */
export type Clear = (node: ConfigNode | null, keyword: string, path: readonly string[]) => string | null;

const DEFAULT_TRACE_FILE = 'l2tpd';
const DEFAULT_TRACE_SIZE = 128 * 1024;
const DEFAULT_TRACE_FILES = 3;
const SYSLOG_PORT = 514;
const RADIUS_DISCONNECT_PORT = 1700;

const isOther = ({ statement, inactive }: ConfigNode): boolean => statement.status === 'opaque' && !inactive;

/** Rates by the names that a Filter-Id may have. A filter's name goes before a policer's. */
export function filterRates(firewall: ConfigNode | null, tell: Tell): Map<string, PolicerConfig> {
  const policers = new Map<string, PolicerConfig>();
  for (const node of entries(firewall, 'policer')) {
    const limits = child(node, 'if-exceeding');
    const bps = parseRate(value(limits, 'bandwidth-limit') ?? '');
    const burstOctets = parseRate(value(limits, 'burst-size-limit') ?? '');
    if (limits === null) tell(node, ['firewall'], `policer ${node.key}`, "Missing mandatory statement: 'if-exceeding'");
    else if (bps !== null && burstOctets !== null) policers.set(node.key!, { bps, burstOctets });
  }
  const filters = new Map<string, PolicerConfig>();
  const inet = child(child(firewall, 'family'), 'inet');
  for (const [path, node] of [
    ...entries(firewall, 'filter').map((one) => [['firewall'], one] as const),
    ...entries(inet, 'filter').map((one) => [['firewall', 'family inet'], one] as const),
  ])
    for (const term of entries(node, 'term')) {
      const name = value(child(term, 'then'), 'policer');
      if (name === null) continue;
      const policer = policers.get(name);
      if (entry(firewall, 'policer', name) === null)
        tell(
          term,
          [...path, `filter ${node.key}`, `term ${term.key}`, 'then'],
          `policer ${name}`,
          'referenced policer must be defined',
        );
      // A term with conditions limits some packets only, which nobody here tells apart.
      else if (policer !== undefined && !filters.has(node.key!) && !term.children.some(isOther))
        filters.set(node.key!, policer);
    }
  return new Map([...policers, ...filters]);
}

/** `radius-server` entries below `node`. */
export function radiusServers(node: ConfigNode | null, path: readonly string[], clear: Clear): RadiusServerConfig[] {
  return entries(node, 'radius-server').flatMap((server) => {
    const secret = clear(server, 'secret', [...path, `radius-server ${server.key}`]);
    if (secret === null) return [];
    return [
      {
        address: server.key!,
        port: numberOf(server, 'port'),
        accountingPort: numberOf(server, 'accounting-port'),
        secret,
        retry: numberOf(server, 'retry'),
        timeoutMs: numberOf(server, 'timeout') * 1000,
        sourceAddress: value(server, 'source-address'),
        routingInstance: value(server, 'routing-instance'),
        maxOutstanding: numberOf(server, 'max-outstanding-requests'),
        requireMessageAuthenticator: has(server, 'require-message-authenticator'),
      },
    ];
  });
}

/** Who may ask for a disconnect; null where nobody may. */
export function radiusDisconnect(access: ConfigNode | null, clear: Clear): RadiusDisconnectConfig | null {
  const clients = new Map<string, string>();
  for (const client of entries(access, 'radius-disconnect')) {
    const secret = clear(client, 'secret', ['access', `radius-disconnect ${client.key}`]);
    if (secret !== null) clients.set(client.key!, secret);
  }
  if (clients.size === 0) return null;
  return { port: Number(value(access, 'radius-disconnect-port') ?? RADIUS_DISCONNECT_PORT), clients };
}

/** `syslog` of a tunnel group. */
export function syslogHosts(group: ConfigNode): SyslogHostConfig[] {
  return entries(child(group, 'syslog'), 'host').map((host) => ({
    host: host.key!,
    port: Number(value(host, 'port') ?? SYSLOG_PORT),
    severity: (value(host, 'services') ?? 'any') as SyslogSeverity,
    facility: value(host, 'facility-override') as SyslogFacility | null,
    logPrefix: value(host, 'log-prefix'),
  }));
}

/** `traceoptions` of L2TP; null where nothing is traced. */
export function traceConfig(traces: ConfigNode | null): TraceConfig | null {
  if (traces === null) return null;
  const keys = <T extends string>(node: ConfigNode | null, keyword: string): Set<T> =>
    new Set(entries(node, keyword).map((one) => one.key as T));
  const file = child(traces, 'file');
  const filter = child(traces, 'filter');
  const flags = keys<TraceFlag>(traces, 'flag');
  const interfaces = new Map<string, InterfaceTraceConfig>(
    entries(traces, 'interfaces').map((one) => [
      one.key!,
      {
        debugLevel: (value(one, 'debug-level') ?? 'error') as InterfaceTraceConfig['debugLevel'],
        flags: keys(one, 'flag'),
      },
    ]),
  );
  if (flags.size === 0 && [...interfaces.values()].every((one) => one.flags.size === 0)) return null;
  return {
    file: {
      name: value(file, 'filename') ?? DEFAULT_TRACE_FILE,
      files: Number(value(file, 'files') ?? DEFAULT_TRACE_FILES),
      sizeOctets: parseSize(value(file, 'size') ?? '') ?? DEFAULT_TRACE_SIZE,
      match: value(file, 'match'),
      worldReadable: has(file, 'world-readable'),
    },
    level: value(traces, 'level') as TraceLevel | null,
    debugLevel: value(traces, 'debug-level') as TraceConfig['debugLevel'],
    flags,
    protocols: keys(filter, 'protocol'),
    userName: value(filter, 'user-name'),
    interfaces,
  };
}

/** What each predefined login class may do. */
const PREDEFINED: Readonly<Record<keyof typeof LOGIN_CLASSES, LoginUser['permission']>> = {
  'super-user': 'full',
  operator: 'operate',
  'read-only': 'view',
  unauthorized: 'none',
};
function permissionOf(permissions: readonly string[]): LoginUser['permission'] {
  const can = (...names: string[]): boolean => permissions.some((one) => names.includes(one));
  if (can('all', 'configure', 'control')) return 'full';
  if (can('clear', 'reset')) return 'operate';
  return permissions.length > 0 ? 'view' : 'none';
}

export function systemConfig(system: ConfigNode | null, tell: Tell): SystemConfig {
  const login = child(system, 'login');
  const classes = new Map<string, LoginUser['permission']>(Object.entries(PREDEFINED));
  for (const one of entries(login, 'class')) classes.set(one.key!, permissionOf(values(one, 'permissions')));
  const users = entries(login, 'user').map((user): LoginUser => {
    const loginClass = value(user, 'class') ?? '';
    const permission = classes.get(loginClass);
    if (permission === undefined && loginClass !== '')
      tell(user, ['system', 'login', `user ${user.key}`], `class ${loginClass}`, 'login class must be defined');
    const id = (keyword: string): number | null => {
      const written = value(user, keyword);
      return written === null ? null : Number(written);
    };
    return { name: user.key!, uid: id('uid'), gid: id('gid'), loginClass, permission: permission ?? 'none' };
  });
  const cli = child(child(system, 'services'), 'local-cli');
  return { users, socketPath: value(cli, 'socket'), socketGroup: value(cli, 'group') };
}

export function chassisConfig(chassis: ConfigNode | null): ChassisConfig {
  const pics = entries(chassis, 'fpc').flatMap((fpc) =>
    entries(fpc, 'pic').map((pic) => ({
      fpc: Number(fpc.key),
      pic: Number(pic.key),
      servicePackage: (value(child(pic, 'adaptive-services'), 'service-package') ?? 'layer-3') as 'layer-2' | 'layer-3',
    })),
  );
  const febs = new Map<number, number | null>();
  for (const fpc of entries(child(chassis, 'fpc-feb-connectivity'), 'fpc')) {
    const feb = value(fpc, 'feb');
    if (feb !== null) febs.set(Number(fpc.key), feb === 'none' ? null : Number(feb));
  }
  return { model: value(chassis, 'model') as PlatformName | null, pics, febs };
}
