import type { ConfigError } from '../errors.ts';
import { type Platform, platformByName } from '../platform/platform.ts';
import type { AuthMethod } from '../ppp/types.ts';
import { parseIpv4 } from '../wire/address.ts';
import { type ConfigNode, type ConfigTree, firstWord, parsePrefix } from './bind.ts';
import { child, entries, entry, has, numberOf, numberOrNull, value, values } from './query.ts';
import { checkInterfaces, serviceInterfaceConfigs } from './resolve-interfaces.ts';
import {
  chassisConfig,
  filterRates,
  radiusDisconnect,
  radiusServers,
  syslogHosts,
  systemConfig,
  traceConfig,
} from './resolve-parts.ts';
import { ROOT } from './schema.ts';
import { decodeSecret9, isSecret9 } from './secret9.ts';
import type {
  Diagnostic,
  LnsConfig,
  LoadBalance,
  PoolConfig,
  PppAttributes,
  ServiceInterfaceConfig,
  TunnelClient,
  TunnelGroup,
  TunnelProfile,
  UserClient,
  UserProfile,
} from './types.ts';

/** Nothing said. */
export const NO_ATTRIBUTES: PppAttributes = {
  framedPool: null,
  idleTimeoutMs: null,
  keepaliveMs: null,
  keepaliveRetries: null,
  interfaceId: null,
  primaryDns: null,
  secondaryDns: null,
  primaryNbns: null,
  secondaryNbns: null,
  encapsulationOverhead: null,
  cellOverhead: null,
  authentication: null,
};
export const NOT_YET = 'understood, but not acted on by this version';
export const LEFT_ALONE = 'not a part of L2TP services; accepted and left alone';
/** The declaration says whether this version asks RADIUS servers. */
const RADIUS_IS_LATER =
  ROOT.find(({ keyword }) => keyword === 'access')!.children!.find(({ keyword }) => keyword === 'radius-server')!
    .status === 'later';
/** RFC 2661 section 5.8: a lower ceiling on retransmission is the operator's own choice. */
const LEAST_RETRANSMIT_CAP_S = 8;

/** Checks what the statements say of each other, and resolves them: defaults, groups' precedence, units. */
export function resolveConfig(tree: ConfigTree, platform: Platform): LnsConfig {
  return new Resolver(tree, platform).config();
}

class Resolver {
  readonly #tree: ConfigTree;
  #platform: Platform;
  #services: ReadonlyMap<string, ServiceInterfaceConfig> = new Map();
  readonly #pools = new Map<string, PoolConfig>();
  readonly #users = new Map<string, UserProfile>();
  readonly #tunnels = new Map<string, TunnelProfile>();

  constructor(tree: ConfigTree, platform: Platform) {
    this.#tree = tree;
    this.#platform = platform;
  }

  #report(
    severity: Diagnostic['severity'],
    node: ConfigNode,
    path: readonly string[],
    statement: string,
    message: string,
  ): void {
    this.#tree.diagnostics.push({
      severity,
      line: node.line,
      column: node.column,
      path,
      statement,
      message,
      syntax: false,
    });
  }
  #error(node: ConfigNode, path: readonly string[], statement: string, message: string): void {
    this.#report('error', node, path, statement, message);
  }

  config(): LnsConfig {
    const { root } = this.#tree;
    const model = value(child(root, 'chassis'), 'model');
    if (model !== null) this.#platform = platformByName(model);
    this.#walkStatus(root, []);
    const access = child(root, 'access');
    for (const node of entries(access, 'address-pool')) this.#pool(node);
    for (const node of entries(access, 'group-profile')) this.#checkGroupProfile(node);
    for (const node of entries(access, 'profile'))
      if (entries(node, 'client').some(isTunnelClient)) this.#tunnelProfileNames.add(node.key!);
    for (const node of entries(access, 'profile')) this.#profile(node, access);
    for (const finish of this.#pendingTunnels) finish();
    const interfaces = child(root, 'interfaces');
    checkInterfaces(interfaces, this.#platform, (...what) => this.#report(...what));
    this.#services = serviceInterfaceConfigs(interfaces);
    const l2tp = child(child(root, 'services'), 'l2tp');
    this.#checkTraces(child(l2tp, 'traceoptions'));
    const groups: TunnelGroup[] = [];
    const gateways = new Map<string, string>();
    for (const node of entries(l2tp, 'tunnel-group')) {
      const group = this.#tunnelGroup(node);
      if (group === null) continue;
      const other = gateways.get(group.localGateway);
      if (other !== undefined)
        this.#error(
          node,
          groupPath(group.name),
          `local-gateway address ${group.localGateway}`,
          `tunnel group '${other}' has the same local gateway address`,
        );
      gateways.set(group.localGateway, group.name);
      groups.push(group);
    }
    const clear = (node: ConfigNode | null, keyword: string, path: readonly string[]): string | null =>
      this.#secret(node, keyword, path);
    const system = child(root, 'system');
    return {
      hostName: value(system, 'host-name'),
      tunnelGroups: groups,
      pools: this.#pools,
      interfaces: this.#services,
      radiusServers: radiusServers(access, ['access'], clear),
      radiusDisconnect: radiusDisconnect(access, clear),
      trace: traceConfig(child(l2tp, 'traceoptions')),
      system: systemConfig(system, (...what) => this.#error(...what)),
      chassis: chassisConfig(child(root, 'chassis')),
      filters: filterRates(child(root, 'firewall'), (...what) => this.#error(...what)),
    };
  }

  /** Warns of what is understood but not acted on; asks for what is mandatory. */
  #walkStatus(node: ConfigNode, path: readonly string[], within = false): void {
    for (const one of node.children) {
      if (one.inactive) continue;
      const name =
        one.key === null
          ? one.statement.keyword
          : one.statement.bare === true
            ? one.key
            : `${one.statement.keyword} ${one.key}`;
      if (one.statement.status === 'opaque') {
        this.#report('warning', one, path, one.key === null ? one.statement.keyword : firstWord(one.key), LEFT_ALONE);
        continue;
      }
      const later = one.statement.status === 'later';
      if (later && !within) this.#report('warning', one, path, name, NOT_YET);
      this.#walkStatus(one, [...path, name], within || later);
    }
    for (const statement of node.statement.children ?? [])
      if (statement.mandatory === true && !node.children.some((one) => one.statement === statement && !one.inactive))
        this.#error(node, path.slice(0, -1), path.at(-1) ?? '', `Missing mandatory statement: '${statement.keyword}'`);
    for (const statement of node.statement.children ?? []) {
      const most = statement.maxEntries;
      if (most === undefined) continue;
      const extra = node.children.filter((one) => one.statement === statement && !one.inactive)[most];
      if (extra !== undefined)
        this.#error(extra, path, `${statement.keyword} ${extra.key}`, `number of elements exceeds limit of ${most}`);
    }
    const choices = new Map<string, ConfigNode>();
    for (const one of node.children) {
      const { choice } = one.statement;
      if (choice === undefined || one.inactive) continue;
      const other = choices.get(choice);
      if (other !== undefined)
        this.#error(
          one,
          path,
          one.statement.keyword,
          `only one of '${other.statement.keyword}' and '${one.statement.keyword}' may be set`,
        );
      choices.set(choice, one);
    }
  }

  #pool(node: ConfigNode): void {
    const name = node.key!;
    const path = ['access', `address-pool ${name}`];
    const prefix = parsePrefix(value(node, 'address') ?? '');
    const range = child(node, 'address-range');
    if (prefix !== null) {
      const size = 2 ** (32 - prefix.length);
      const network = Math.floor(prefix.address / size) * size;
      // The network and broadcast addresses are nobody's, but where the prefix has no others.
      const spare = prefix.length < 31 ? 1 : 0;
      this.#pools.set(name, {
        name,
        first: network + spare,
        last: network + size - 1 - spare,
        prefixes: [{ address: network, length: prefix.length }],
      });
    } else if (range !== null) {
      const low = parseIpv4(value(range, 'low') ?? '');
      const high = parseIpv4(value(range, 'high') ?? '');
      if (low === null || high === null) return;
      if (low > high) {
        this.#error(range, path, 'address-range', 'the low address is above the high one');
        return;
      }
      this.#pools.set(name, { name, first: low, last: high, prefixes: coverRange(low, high) });
    } else
      this.#error(
        node,
        ['access'],
        `address-pool ${name}`,
        "Missing mandatory statement: 'address' or 'address-range'",
      );
  }

  #checkGroupProfile(node: ConfigNode): void {
    const path = ['access', `group-profile ${node.key}`];
    if (child(node, 'l2tp') !== null && child(node, 'ppp') !== null)
      this.#error(
        node,
        ['access'],
        `group-profile ${node.key}`,
        'A group-profile can have either PPP or L2TP attributes only',
      );
    this.#checkPool(child(node, 'ppp'), [...path, 'ppp']);
  }
  #checkPool(ppp: ConfigNode | null, path: readonly string[]): void {
    const pool = value(ppp, 'framed-pool');
    if (pool !== null && !this.#pools.has(pool))
      this.#error(ppp!, path, `framed-pool ${pool}`, 'referenced address pool must be defined');
  }

  #profile(node: ConfigNode, access: ConfigNode | null): void {
    const name = node.key!;
    const path = ['access', `profile ${name}`];
    const clients = entries(node, 'client');
    const isTunnel = isTunnelClient;
    const isUser = (client: ConfigNode): boolean =>
      child(client, 'ppp') !== null || value(client, 'pap-password') !== null || value(client, 'chap-secret') !== null;
    const tunnels = clients.filter(isTunnel);
    if (tunnels.length > 0 && clients.some((client) => isUser(client) && !isTunnel(client)))
      this.#error(node, ['access'], `profile ${name}`, 'All clients in one profile must be either PPP or L2TP or IKE');
    const order = values(node, 'authentication-order') as ('password' | 'radius' | 'none')[];
    const ownRadius = entries(node, 'radius-server').length > 0;
    for (const client of clients)
      this.#checkClient(client, access, [...path, `client ${client.key}`], isTunnel(client));
    if (tunnels.length > 0) {
      if (order.includes('radius'))
        this.#error(
          node,
          path,
          'authentication-order radius',
          'Authentication-order cannot include RADIUS for tunnel client profile',
        );
      if (values(node, 'accounting-order').length > 0)
        this.#error(node, path, 'accounting-order', 'Not supported in tunnel client profile configuration');
      if (ownRadius) this.#error(node, path, 'radius-server', 'Not supported in L2TP configuration');
    } else if (order.includes('radius')) {
      if (RADIUS_IS_LATER) this.#report('warning', node, path, 'authentication-order radius', NOT_YET);
      if (!ownRadius && entries(access, 'radius-server').length === 0)
        this.#report('warning', node, path, 'authentication-order radius', 'no radius-server is configured');
    }
    const users = new Map<string, UserClient>();
    for (const client of clients) {
      if (isTunnel(client)) continue;
      users.set(client.key!, this.#user(client, access));
    }
    const filter = child(node, 'client-name-filter');
    const interim = value(child(node, 'accounting'), 'update-interval');
    this.#users.set(name, {
      name,
      authenticationOrder: order.length > 0 ? order : ['password'],
      radiusAccounting: values(node, 'accounting-order').includes('radius'),
      interimIntervalMs: interim === null ? null : Number(interim) * 60_000,
      radiusServers: radiusServers(node, path, (owner, keyword, at) => this.#secret(owner, keyword, at)),
      nameFilter:
        filter === null
          ? null
          : {
              domain: value(filter, 'domain-name'),
              separator: value(filter, 'separator'),
              count: Number(value(filter, 'count') ?? 0),
            },
      clients: users,
    });
    // A second pass finds the profiles that this one names, whatever their order.
    this.#tunnels.set(name, { name, clients: this.#lazyTunnels(tunnels, access, path) });
  }

  #lazyTunnels(
    clients: readonly ConfigNode[],
    access: ConfigNode | null,
    path: readonly string[],
  ): Map<string, TunnelClient> {
    const map = new Map<string, TunnelClient>();
    this.#pendingTunnels.push(() => {
      for (const client of clients) map.set(client.key!, this.#tunnelClient(client, access, path));
    });
    return map;
  }
  readonly #pendingTunnels: (() => void)[] = [];
  readonly #tunnelProfileNames = new Set<string>();

  #checkClient(client: ConfigNode, access: ConfigNode | null, path: readonly string[], tunnel: boolean): void {
    if (tunnel) {
      if (value(client, 'pap-password') !== null)
        this.#error(client, path, 'pap-password', 'Cannot define PAP password for L2TP tunnel client');
      if (value(client, 'chap-secret') !== null)
        this.#error(client, path, 'chap-secret', 'Cannot define CHAP secret for L2TP tunnel client');
      if (child(client, 'ppp') !== null)
        this.#error(client, path, 'ppp', 'All clients in one profile must be either PPP or L2TP or IKE');
    } else if (value(client, 'user-group-profile') !== null)
      this.#error(client, path, 'user-group-profile', 'user-group-profile must be defined only for tunnel clients');
    const groupName = value(client, 'group-profile');
    if (groupName !== null) {
      const group = entry(access, 'group-profile', groupName);
      if (group === null)
        this.#error(client, path, `group-profile ${groupName}`, 'referenced group-profile must be defined');
      else if (child(group, tunnel ? 'ppp' : 'l2tp') !== null)
        this.#error(
          client,
          path,
          `group-profile ${groupName}`,
          'ppp client cannot have l2tp group-profile and vice-versa',
        );
    }
    const userGroup = value(client, 'user-group-profile');
    if (userGroup !== null) {
      const group = entry(access, 'group-profile', userGroup);
      if (group === null)
        this.#error(client, path, `user-group-profile ${userGroup}`, 'referenced group-profile must be defined');
      else if (child(group, 'l2tp') !== null)
        this.#error(
          client,
          path,
          `user-group-profile ${userGroup}`,
          'referenced user-group-profile must have only ppp attributes',
        );
    }
    this.#checkPool(child(client, 'ppp'), [...path, 'ppp']);
    for (const [owner, keyword] of [
      [client, 'pap-password'],
      [client, 'chap-secret'],
      [child(client, 'l2tp'), 'shared-secret'],
    ] as const)
      this.#secret(owner, keyword, path);
  }

  /** A secret in clear, from its clear or `$9$` form. */
  #secret(node: ConfigNode | null, keyword: string, path: readonly string[] | null): string | null {
    const stored = value(node, keyword);
    if (stored === null) return null;
    if (!isSecret9(stored)) return stored;
    try {
      return decodeSecret9(stored);
    } catch (error) {
      if (path !== null) this.#error(node!, path, keyword, (error as ConfigError).message);
      return null;
    }
  }

  #user(client: ConfigNode, access: ConfigNode | null): UserClient {
    const ppp = child(client, 'ppp');
    const group = child(entry(access, 'group-profile', value(client, 'group-profile') ?? ''), 'ppp');
    const framed = parsePrefix(value(ppp, 'framed-ip-address') ?? '');
    return {
      name: client.key!,
      papPassword: this.#secret(client, 'pap-password', null),
      chapSecret: this.#secret(client, 'chap-secret', null),
      framedAddress: framed?.address ?? null,
      ppp: overlay(attributes(ppp), attributes(group)),
    };
  }

  #tunnelClient(client: ConfigNode, access: ConfigNode | null, path: readonly string[]): TunnelClient {
    const own = child(client, 'l2tp');
    const group = child(entry(access, 'group-profile', value(client, 'group-profile') ?? ''), 'l2tp');
    const pick = (keyword: string): string | null => value(own, keyword) ?? value(group, keyword);
    const said = (keyword: string): boolean => has(own, keyword) || has(group, keyword);
    const tuning = (keyword: string): string | null =>
      value(child(own, 'multilink'), keyword) ?? value(child(group, 'multilink'), keyword);
    const profileName = value(own, 'ppp-profile');
    const pppProfile = profileName === null ? null : (this.#users.get(profileName) ?? null);
    if (profileName !== null && pppProfile === null)
      this.#error(client, path, `ppp-profile ${profileName}`, 'referenced access profile must be defined');
    else if (profileName !== null && this.#tunnelProfileNames.has(profileName))
      this.#error(
        client,
        path,
        `ppp-profile ${profileName}`,
        'clients of referenced profile must have only PPP attributes',
      );
    const methods = values(own, 'ppp-authentication').map(
      (word): AuthMethod => (word === 'chap' ? 'chap-md5' : (word as 'pap' | 'mschap-v2')),
    );
    return {
      name: client.key!,
      secret: this.#secret(own, 'shared-secret', null),
      maximumSessionsPerTunnel: Number(pick('maximum-sessions-per-tunnel') ?? 0),
      loadBalance: (pick('load-balance') ?? 'automatic') as LoadBalance,
      pppAuthentication: methods.length > 0 ? [...new Set(methods)] : ['chap-md5'],
      lcpRenegotiation: said('lcp-renegotiation'),
      localChap: said('local-chap'),
      multilink: said('multilink')
        ? {
            fragmentThreshold: numberOrNull(tuning('fragment-threshold')),
            dropTimeoutMs: Number(tuning('drop-timeout') ?? 0),
          }
        : null,
      interfaceId: pick('interface-id'),
      pppProfile,
      userDefaults: attributes(child(entry(access, 'group-profile', value(client, 'user-group-profile') ?? ''), 'ppp')),
    };
  }

  /** Details of protocol traces need a flag that traces protocols. */
  #checkTraces(traces: ConfigNode | null): void {
    if (traces === null || entries(traces, 'flag').some((flag) => flag.key === 'protocol' || flag.key === 'all'))
      return;
    const path = ['services', 'l2tp', 'traceoptions'];
    const tell = (node: ConfigNode | null, statement: string, what: string): void => {
      if (node !== null)
        this.#error(node, path, statement, `${what} can be specified only for traceoption flag protocol or all`);
    };
    const filter = child(traces, 'filter');
    tell(child(traces, 'debug-level'), `debug-level ${value(traces, 'debug-level')}`, 'debug-level');
    for (const protocol of entries(filter, 'protocol'))
      tell(protocol, `filter protocol ${protocol.key}`, 'Filter protocol');
    tell(child(filter, 'user-name'), `filter user-name ${value(filter, 'user-name')}`, 'Filter user name');
  }

  #tunnelGroup(node: ConfigNode): TunnelGroup | null {
    const name = node.key!;
    const path = groupPath(name);
    const gateway = child(node, 'local-gateway');
    const address = value(gateway, 'address');
    const tunnelName = value(node, 'l2tp-access-profile');
    const userName = value(node, 'ppp-access-profile');
    const service = value(node, 'service-interface');
    if (address === null || tunnelName === null || userName === null || service === null) return null;
    const tunnelProfile = this.#tunnels.get(tunnelName);
    const userProfile = this.#users.get(userName);
    if (tunnelProfile === undefined)
      this.#error(node, path, `l2tp-access-profile ${tunnelName}`, 'referenced access profile must be defined');
    if (userProfile === undefined)
      this.#error(node, path, `ppp-access-profile ${userName}`, 'referenced access profile must be defined');
    const [interfaceName, unitName] = service.split('.');
    const units = this.#services.get(interfaceName!)?.units ?? null;
    if (units === null || (unitName !== undefined && !units.some((unit) => unit.unit === Number(unitName))))
      this.#error(node, path, `service-interface ${service}`, 'Interface must be defined in the interfaces hierarchy');
    const seconds = (keyword: string): number => numberOf(node, keyword) * 1000;
    const packets = (keyword: string): number => numberOf(node, keyword);
    const retransmit = seconds('retransmit-interval');
    if (retransmit < LEAST_RETRANSMIT_CAP_S * 1000)
      this.#report(
        'warning',
        node,
        path,
        `retransmit-interval ${retransmit / 1000}`,
        'RFC 2661 section 5.8 asks for a ceiling of no less than 8 seconds',
      );
    if (tunnelProfile === undefined || userProfile === undefined || units === null) return null;
    return {
      name,
      localGateway: address,
      gatewayName: value(gateway, 'gateway-name'),
      serviceInterface: service,
      units,
      tunnelProfile,
      userProfile,
      hideAvps: child(node, 'hide-avps') !== null,
      helloIntervalMs: seconds('hello-interval'),
      retransmitIntervalMs: Math.max(1000, retransmit),
      tunnelTimeoutMs: Math.max(1000, seconds('tunnel-timeout')),
      receiveWindow: Math.max(1, packets('receive-window')),
      maximumSendWindow: Math.max(1, packets('maximum-send-window')),
      syslog: syslogHosts(node),
    };
  }
}

/** Is it a LAC? One with a user's attributes and only a stray user-group-profile is a user. */
const isTunnelClient = (client: ConfigNode): boolean =>
  child(client, 'l2tp') !== null ||
  (value(client, 'user-group-profile') !== null &&
    child(client, 'ppp') === null &&
    value(client, 'pap-password') === null &&
    value(client, 'chap-secret') === null);

const groupPath = (name: string): string[] => ['services', 'l2tp', `tunnel-group ${name}`];

function attributes(ppp: ConfigNode | null): PppAttributes {
  if (ppp === null) return NO_ATTRIBUTES;
  const milliseconds = (keyword: string): number | null => {
    const seconds = value(ppp, keyword);
    return seconds === null ? null : Number(seconds) * 1000;
  };
  const address = (keyword: string): number | null => parseIpv4(value(ppp, keyword) ?? '');
  return {
    framedPool: value(ppp, 'framed-pool'),
    idleTimeoutMs: milliseconds('idle-timeout'),
    keepaliveMs: milliseconds('keepalive'),
    keepaliveRetries: numberOrNull(value(ppp, 'keepalive-retries')),
    interfaceId: value(ppp, 'interface-id'),
    primaryDns: address('primary-dns'),
    secondaryDns: address('secondary-dns'),
    primaryNbns: address('primary-wins'),
    secondaryNbns: address('secondary-wins'),
    encapsulationOverhead: numberOrNull(value(ppp, 'encapsulation-overhead')),
    cellOverhead: has(ppp, 'cell-overhead') ? true : null,
    authentication: pppOptions(child(ppp, 'ppp-options')),
  };
}
/** CHAP before PAP, which shows the password; null where neither is named. */
function pppOptions(options: ConfigNode | null): AuthMethod[] | null {
  const methods: AuthMethod[] = [];
  if (has(options, 'chap')) methods.push('chap-md5');
  if (has(options, 'pap')) methods.push('pap');
  return methods.length === 0 ? null : methods;
}
/** Attributes of `own`, and of `defaults` where it has none. */
export function overlay(own: PppAttributes, defaults: PppAttributes): PppAttributes {
  return {
    framedPool: own.framedPool ?? defaults.framedPool,
    idleTimeoutMs: own.idleTimeoutMs ?? defaults.idleTimeoutMs,
    keepaliveMs: own.keepaliveMs ?? defaults.keepaliveMs,
    keepaliveRetries: own.keepaliveRetries ?? defaults.keepaliveRetries,
    interfaceId: own.interfaceId ?? defaults.interfaceId,
    primaryDns: own.primaryDns ?? defaults.primaryDns,
    secondaryDns: own.secondaryDns ?? defaults.secondaryDns,
    primaryNbns: own.primaryNbns ?? defaults.primaryNbns,
    secondaryNbns: own.secondaryNbns ?? defaults.secondaryNbns,
    encapsulationOverhead: own.encapsulationOverhead ?? defaults.encapsulationOverhead,
    cellOverhead: own.cellOverhead ?? defaults.cellOverhead,
    authentication: own.authentication ?? defaults.authentication,
  };
}

/** The fewest prefixes that cover a range exactly. */
export function coverRange(low: number, high: number): { address: number; length: number }[] {
  const prefixes: { address: number; length: number }[] = [];
  let at = low;
  while (at <= high) {
    let length = 32;
    while (length > 0) {
      const size = 2 ** (33 - length);
      if (at % size !== 0 || at + size - 1 > high) break;
      length--;
    }
    prefixes.push({ address: at, length });
    at += 2 ** (32 - length);
  }
  return prefixes;
}
