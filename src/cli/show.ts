import type { Call, Lns, LnsTunnel } from '../server/lns.ts';
import type { CommandReply, CommandRequest } from '../server/socket.ts';
import { formatIpv4 } from '../wire/address.ts';

type Level = 'brief' | 'detail' | 'extensive' | 'statistics';
const LEVELS: readonly string[] = ['brief', 'detail', 'extensive', 'statistics'];

/** Counts as Junos abbreviates them. */
export function abbreviate(value: number): string {
  if (value < 1000) return String(value);
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)}k`;
  if (value < 1_000_000_000) return `${(value / 1_000_000).toFixed(1)}M`;
  return `${(value / 1_000_000_000).toFixed(1)}G`;
}
/** HH:MM:SS, with weeks and days before it where they are not 0. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const days = Math.floor(seconds / 86400);
  const weeks = Math.floor(days / 7);
  return `${weeks > 0 ? `${weeks}w ` : ''}${days > 0 ? `${days % 7}d ` : ''}${clock}`;
}
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** "Tue May 12 08:14:31 2026", in UTC. */
export function timestamp(date: Date): string {
  const clock = date.toISOString().slice(11, 19);
  const day = String(date.getUTCDate()).padStart(2, ' ');
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${day} ${clock} ${date.getUTCFullYear()}`;
}

interface Traffic {
  controlTx: [number, number];
  controlRx: [number, number];
  dataTx: [number, number];
  dataRx: [number, number];
  errorsTx: number;
  errorsRx: number;
}
function counterBlock(traffic: Traffic, indent: string): string[] {
  const line = (name: string, [packets, octets]: [number, number]): string =>
    `${indent}${name.padEnd(11)}${abbreviate(packets).padStart(8)}${abbreviate(octets).padStart(9)}`;
  return [
    `${indent}${' '.repeat(11)}${'Packets'.padStart(8)}${'Bytes'.padStart(9)}`,
    line('Control Tx', traffic.controlTx),
    line('Control Rx', traffic.controlRx),
    line('Data    Tx', traffic.dataTx),
    line('Data    Rx', traffic.dataRx),
    `${indent}${'Errors  Tx'.padEnd(11)}${abbreviate(traffic.errorsTx).padStart(8)}`,
    `${indent}${'Errors  Rx'.padEnd(11)}${abbreviate(traffic.errorsRx).padStart(8)}`,
  ];
}

/** JSON of an operational reply: a leaf is [ { "data": ... } ]. */
const leaf = (value: string | number): [{ data: string }] => [{ data: String(value) }];
const leaves = (values: Record<string, string | number | undefined>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => [name, leaf(value!)]),
  );

interface Filter {
  interface?: string;
  'local-gateway'?: string;
  'local-gateway-name'?: string;
  'local-tunnel-id'?: string;
  'local-session-id'?: string;
  'peer-gateway'?: string;
  'peer-gateway-name'?: string;
  'tunnel-group'?: string;
  user?: string;
}
const TUNNEL_FILTERS = [
  'interface',
  'local-gateway',
  'local-gateway-name',
  'local-tunnel-id',
  'peer-gateway',
  'peer-gateway-name',
  'tunnel-group',
] as const;
const SESSION_FILTERS = [...TUNNEL_FILTERS, 'local-session-id', 'user'] as const;

const SYNTAX = (words: readonly string[]): CommandReply => ({
  ok: false,
  text: `error: syntax error: ${words.join(' ')}`,
});

/** Executes operational commands against a running server. */
export class Operator {
  readonly #lns: Lns;
  constructor(lns: Lns) {
    this.#lns = lns;
  }

  execute({ words, json }: CommandRequest): CommandReply {
    const [verb, services, l2tp, object, ...rest] = words;
    if (verb === 'show' && services === 'version') return { ok: true, text: 'wasm-lns' };
    if ((verb !== 'show' && verb !== 'clear') || services !== 'services' || l2tp !== 'l2tp' || object === undefined)
      return SYNTAX(words);
    if (verb === 'clear') return this.#clear(object, rest, words);
    if (object === 'summary') return rest.length === 0 ? this.#summary(json) : SYNTAX(words);
    if (object !== 'tunnel' && object !== 'session' && object !== 'user') return SYNTAX(words);
    const parsed = parseArguments(rest, object === 'tunnel' ? TUNNEL_FILTERS : SESSION_FILTERS);
    if (parsed === null) return SYNTAX(words);
    return object === 'tunnel'
      ? this.#tunnels(parsed.level, parsed.filter, json)
      : this.#sessions(parsed.level, parsed.filter, json);
  }

  #matches(tunnel: LnsTunnel, filter: Filter): boolean {
    const { info, gateway } = tunnel;
    return (
      (filter.interface === undefined || gateway.serviceInterface === filter.interface) &&
      (filter['local-gateway'] === undefined || gateway.localGateway === filter['local-gateway']) &&
      (filter['local-gateway-name'] === undefined || this.#localName(tunnel) === filter['local-gateway-name']) &&
      (filter['local-tunnel-id'] === undefined || String(info.tunnelId) === filter['local-tunnel-id']) &&
      (filter['peer-gateway'] === undefined || info.peer.address === filter['peer-gateway']) &&
      (filter['peer-gateway-name'] === undefined || info.hostName === filter['peer-gateway-name']) &&
      (filter['tunnel-group'] === undefined || gateway.name === filter['tunnel-group'])
    );
  }
  #localName(tunnel: LnsTunnel): string {
    return tunnel.gateway.gatewayName ?? this.#lns.config.hostName ?? '';
  }
  #port(tunnel: LnsTunnel): number {
    return this.#lns.listening.find((one) => one.address === tunnel.gateway.localGateway)?.port ?? 1701;
  }
  #traffic(tunnel: LnsTunnel): Traffic {
    const sum: Traffic = {
      controlTx: [tunnel.controlTxPackets, tunnel.controlTxOctets],
      controlRx: [tunnel.controlRxPackets, tunnel.controlRxOctets],
      dataTx: [0, 0],
      dataRx: [0, 0],
      errorsTx: 0,
      errorsRx: 0,
    };
    for (const call of tunnel.calls.values()) {
      if (call.row === 0) continue;
      const counters = this.#lns.plane.tables.sessionCounters(call.row);
      sum.dataTx[0] += counters.txPackets;
      sum.dataTx[1] += counters.txOctets;
      sum.dataRx[0] += counters.rxPackets;
      sum.dataRx[1] += counters.rxOctets;
      sum.errorsTx += counters.txErrors;
      sum.errorsRx += counters.rxErrors;
    }
    return sum;
  }

  #summary(json: boolean): CommandReply {
    const { txPackets: controlTx, rxPackets: controlRx } = this.#lns.controlTotals;
    const sessions = this.#lns.sessionsUp;
    let dataTx = 0;
    let dataRx = 0;
    let errorTx = 0;
    let errorRx = 0;
    for (let shard = 0; shard < this.#lns.plane.shards; shard++) {
      const { totals, drops } = this.#lns.plane.counters(shard);
      dataTx += totals.txDatagrams!;
      dataRx += totals.rxDatagrams!;
      for (const [name, count] of Object.entries(drops)) {
        if (TX_DROPS.has(name)) errorTx += count;
        else errorRx += count;
      }
    }
    for (const count of this.#lns.discards.values()) errorRx += count;
    const tunnels = this.#lns.tunnels.size;
    const memory = this.#lns.plane.plan.end;
    if (json)
      return {
        ok: true,
        text: JSON.stringify({
          'service-l2tp-summary-information': [
            {
              'l2tp-summary-table': [
                leaves({
                  'l2tp-tunnels': tunnels,
                  'l2tp-sessions': sessions,
                  'l2tp-control-tx-packets': controlTx,
                  'l2tp-control-rx-packets': controlRx,
                  'l2tp-data-tx-packets': dataTx,
                  'l2tp-data-rx-packets': dataRx,
                  'l2tp-data-memory-bytes': memory,
                  'l2tp-error-tx-packets': errorTx,
                  'l2tp-error-rx-packets': errorRx,
                }),
              ],
            },
          ],
        }),
      };
    const line = (name: string, tx: number, rx: number, octets: string): string =>
      `${name.padEnd(10)}${abbreviate(tx).padStart(14)}${abbreviate(rx).padStart(16)}${octets.padStart(16)}`;
    return {
      ok: true,
      text: [
        `Tunnels: ${tunnels}, Sessions: ${sessions}`,
        `${' '.repeat(10)}${'Tx packets'.padStart(14)}${'Rx packets'.padStart(16)}${'Memory (bytes)'.padStart(16)}`,
        line('Control', controlTx, controlRx, ''),
        line('Data', dataTx, dataRx, String(memory)),
        line('Errors', errorTx, errorRx, ''),
      ].join('\n'),
    };
  }

  #tunnels(level: Level, filter: Filter, json: boolean): CommandReply {
    const groups = new Map<string, LnsTunnel[]>();
    for (const tunnel of this.#lns.tunnels.values()) {
      if (!this.#matches(tunnel, filter)) continue;
      const key = `Interface: ${tunnel.gateway.serviceInterface}, Tunnel group: ${tunnel.gateway.name}`;
      const list = groups.get(key) ?? [];
      list.push(tunnel);
      groups.set(key, list);
    }
    if (json) return { ok: true, text: JSON.stringify(this.#tunnelsJson([...groups.values()])) };
    const lines: string[] = [];
    for (const [header, tunnels] of groups) {
      lines.push(header);
      if (level === 'brief') lines.push('  Local ID  Remote ID  Remote IP              Sessions  State');
      for (const tunnel of tunnels) lines.push(...this.#tunnel(tunnel, level));
    }
    return { ok: true, text: lines.join('\n') };
  }
  #tunnel(tunnel: LnsTunnel, level: Level): string[] {
    const { info } = tunnel;
    const view = this.#lns.endpointOf(tunnel).view(info.tunnelId);
    const sessions = view?.established ?? 0;
    const remote = `${info.peer.address}:${info.peer.port}`;
    const local = `${tunnel.gateway.localGateway}:${this.#port(tunnel)}`;
    if (level === 'brief')
      return [
        `${String(info.tunnelId).padStart(10)}${String(info.peerTunnelId).padStart(11)}  ${remote.padEnd(21)}${String(sessions).padStart(10)}  Established`,
      ];
    const lines = [`  Tunnel local ID: ${info.tunnelId}, Remote ID: ${info.peerTunnelId}`];
    const names = `    Local name: ${this.#localName(tunnel)}, Remote name: ${info.hostName}`;
    const since = `    Statistics since: ${timestamp(tunnel.openedDate)}`;
    if (level === 'statistics')
      return [
        ...lines,
        `    Sessions: ${sessions}, State: Established`,
        since,
        ...counterBlock(this.#traffic(tunnel), '    '),
      ];
    if (level === 'detail')
      return [
        ...lines,
        `    Local IP: ${local}, Remote IP: ${remote}`,
        `    Sessions: ${sessions}, State: Established`,
        names,
      ];
    const maximum = info.policy.maximumSessions === 0 ? 'Unlimited' : String(info.policy.maximumSessions);
    let lastData = 0;
    for (const call of tunnel.calls.values()) {
      if (call.row === 0) continue;
      const counters = this.#lns.plane.tables.sessionCounters(call.row);
      lastData = Math.max(lastData, counters.lastRx, counters.lastTx);
    }
    return [
      ...lines,
      `    Remote IP: ${remote}`,
      `    Sessions: ${sessions}, State: Established`,
      `    Local IP: ${local}`,
      names,
      `    Max sessions: ${maximum}, Window size: ${view?.window ?? 0}, Hello interval: ${info.policy.helloIntervalMs / 1000}`,
      `    Create time: ${timestamp(tunnel.openedDate)}, Up time: ${duration(performance.now() - tunnel.openedAt)}`,
      `    Idle time: ${lastData === 0 ? '00:00:00' : duration(performance.now() - lastData)}`,
      since,
      ...counterBlock(this.#traffic(tunnel), '    '),
    ];
  }
  #tunnelsJson(groups: readonly LnsTunnel[][]): unknown {
    return {
      'service-l2tp-tunnel-information': [
        {
          'l2tp-per-tunnel-group-tunnel-table': groups.map((tunnels) => ({
            ...leaves({
              'interface-name': tunnels[0]!.gateway.serviceInterface,
              'tunnel-group-name': tunnels[0]!.gateway.name,
            }),
            'l2tp-tunnel-table': [
              {
                'l2tp-tunnel-entry': tunnels.map((tunnel) => {
                  const { info } = tunnel;
                  const view = this.#lns.endpointOf(tunnel).view(info.tunnelId);
                  const traffic = this.#traffic(tunnel);
                  return leaves({
                    'l2tp-tunnel-local-id': info.tunnelId,
                    'l2tp-tunnel-remote-id': info.peerTunnelId,
                    'l2tp-tunnel-remote-ip': `${info.peer.address}:${info.peer.port}`,
                    'l2tp-tunnel-state': 'Established',
                    'l2tp-tunnel-session-count': view?.established ?? 0,
                    'l2tp-tunnel-local-ip': `${tunnel.gateway.localGateway}:${this.#port(tunnel)}`,
                    'l2tp-tunnel-local-name': this.#localName(tunnel),
                    'l2tp-tunnel-remote-name': info.hostName,
                    'l2tp-tunnel-maximum-sessions': info.policy.maximumSessions,
                    'l2tp-tunnel-window-size': view?.window ?? 0,
                    'l2tp-tunnel-hello-interval': info.policy.helloIntervalMs / 1000,
                    'l2tp-create-time': timestamp(tunnel.openedDate),
                    'l2tp-up-time': duration(performance.now() - tunnel.openedAt),
                    ...counterTags(traffic),
                  });
                }),
              },
            ],
          })),
        },
      ],
    };
  }

  #sessions(level: Level, filter: Filter, json: boolean): CommandReply {
    const groups: { tunnel: LnsTunnel; calls: Call[] }[] = [];
    for (const tunnel of this.#lns.tunnels.values()) {
      if (!this.#matches(tunnel, filter)) continue;
      const calls = [...tunnel.calls.values()].filter(
        (call) =>
          (filter['local-session-id'] === undefined || String(call.sessionId) === filter['local-session-id']) &&
          (filter.user === undefined || call.userName === filter.user),
      );
      if (calls.length > 0) groups.push({ tunnel, calls });
    }
    if (json)
      return {
        ok: true,
        text: JSON.stringify({
          'service-l2tp-session-information': [
            {
              'l2tp-per-tunnel-session-table': groups.map(({ tunnel, calls }) => ({
                ...leaves({
                  'interface-name': tunnel.gateway.serviceInterface,
                  'tunnel-group-name': tunnel.gateway.name,
                  'l2tp-tunnel-local-id': tunnel.info.tunnelId,
                }),
                'l2tp-session-table': [{ 'l2tp-session-entry': calls.map((call) => this.#sessionJson(tunnel, call)) }],
              })),
            },
          ],
        }),
      };
    const lines: string[] = [];
    for (const { tunnel, calls } of groups) {
      lines.push(
        `Interface: ${tunnel.gateway.serviceInterface}, Tunnel group: ${tunnel.gateway.name}, Tunnel local ID: ${tunnel.info.tunnelId}`,
      );
      if (level === 'brief')
        lines.push('  Local  Remote  Interface  State           Bundle  Username', '  ID     ID      unit');
      for (const call of calls) lines.push(...this.#session(tunnel, call, level));
    }
    return { ok: true, text: lines.join('\n') };
  }
  #state(call: Call): string {
    const state = this.#lns.endpointOf(call.tunnel).sessionState(call.tunnel.info.tunnelId, call.sessionId);
    if (state === 'established') return 'Established';
    return state === 'wait-connect' ? 'lns-ic-wait-connect' : 'lns-ic-idle';
  }
  #sessionTraffic(call: Call): Traffic {
    const counters = this.#lns.plane.tables.sessionCounters(call.row);
    return {
      controlTx: [counters.txControlPackets, counters.txControlOctets],
      controlRx: [counters.rxControlPackets, counters.rxControlOctets],
      dataTx: [counters.txPackets, counters.txOctets],
      dataRx: [counters.rxPackets, counters.rxOctets],
      errorsTx: counters.txErrors,
      errorsRx: counters.rxErrors,
    };
  }
  #session(tunnel: LnsTunnel, call: Call, level: Level): string[] {
    const state = this.#state(call);
    const unit = call.unit === null ? '' : String(call.unit.unit);
    if (level === 'brief')
      return [
        `${String(call.sessionId).padStart(7)}${String(call.peerSessionId).padStart(8)}${unit.padStart(11)}  ${state.padEnd(14)}${''.padStart(8)}  ${call.userName}`.trimEnd(),
      ];
    const head = `  Session local ID: ${call.sessionId}, Session remote ID: ${call.peerSessionId}`;
    const mode = call.unit?.dialOptions?.mode ?? 'unknown';
    const ips = `Local IP: ${tunnel.gateway.localGateway}:${this.#port(tunnel)}, Remote IP: ${tunnel.info.peer.address}:${tunnel.info.peer.port}`;
    const names = `    Local name: ${this.#localName(tunnel)}, Remote name: ${tunnel.info.hostName}`;
    const since = `    Statistics since: ${timestamp(call.createdDate)}`;
    if (level === 'detail' || level === 'statistics') {
      const lines = [
        head,
        `    Interface unit: ${unit === '' ? 'none' : unit}`,
        `    State: ${state}, Username: ${call.userName}`,
        `    Mode: ${mode}${level === 'detail' ? `, ${ips}` : ''}`,
      ];
      return level === 'detail'
        ? [...lines, names]
        : [...lines, since, ...counterBlock(this.#sessionTraffic(call), '    ')];
    }
    const { lcp, connected } = call;
    const counters = this.#lns.plane.tables.sessionCounters(call.row);
    const last = Math.max(counters.lastRx, counters.lastTx);
    const carrier = call.up ? (this.#lns.plane.tables.isCarrier(call.row) ? ', Carrier: yes' : ', Carrier: no') : '';
    return [
      head,
      `    State: ${state}, Bundle ID: , Username: ${call.userName}`,
      `    Mode: ${mode}, ${ips}`,
      `    Assigned IP: ${call.address === 0 ? 'none' : formatIpv4(call.address)}, Own IP: ${call.localAddress === 0 ? 'none' : formatIpv4(call.localAddress)}${carrier}`,
      names,
      `    Local MRU: ${lcp?.localMru ?? 0}, Remote MRU: ${lcp?.peerMru ?? 0}, Tx speed: ${connected?.txConnectSpeed ?? 0}, Rx speed: ${connected?.rxConnectSpeed ?? 0}`,
      `    Bearer type: ${call.request.bearerType}, Framing type: ${connected?.framingType ?? 0}`,
      `    LCP renegotiation: On, Authentication: ${authenticationName(call)}, Interface ID: ${call.unit?.dialOptions?.interfaceId ?? ''}`,
      `    Interface unit: ${unit === '' ? 'none' : unit}`,
      `    Call serial number: ${call.request.callSerialNumber}`,
      '    Policer bandwidth: 0, Policer burst size: 0',
      '    Policer exclude bandwidth: 0, Firewall filter: 0',
      '    Session encapsulation overhead: 0, Session cell overhead: Off',
      `    Create time: ${timestamp(call.createdDate)}, Up time: ${call.up ? duration(performance.now() - call.upAt) : '00:00:00'}`,
      `    Idle time: ${last === 0 ? '00:00:00' : duration(performance.now() - last)}`,
      since,
      ...counterBlock(this.#sessionTraffic(call), '    '),
    ];
  }
  #sessionJson(tunnel: LnsTunnel, call: Call): Record<string, unknown> {
    const traffic = this.#sessionTraffic(call);
    return leaves({
      'l2tp-session-local-id': call.sessionId,
      'l2tp-session-remote-id': call.peerSessionId,
      'l2tp-session-remote-ip': `${tunnel.info.peer.address}:${tunnel.info.peer.port}`,
      'l2tp-session-local-ip': `${tunnel.gateway.localGateway}:${this.#port(tunnel)}`,
      'l2tp-session-state': this.#state(call),
      'l2tp-session-user-name': call.userName,
      'l2tp-session-own-ip': call.localAddress === 0 ? undefined : formatIpv4(call.localAddress),
      'l2tp-session-peer-ip': call.address === 0 ? undefined : formatIpv4(call.address),
      'l2tp-session-local-name': this.#localName(tunnel),
      'l2tp-session-remote-name': tunnel.info.hostName,
      'l2tp-session-mode': call.unit?.dialOptions?.mode ?? 'unknown',
      'l2tp-session-local-mru': call.lcp?.localMru,
      'l2tp-session-remote-mru': call.lcp?.peerMru,
      'l2tp-session-tx-speed': call.connected?.txConnectSpeed,
      'l2tp-session-rx-speed': call.connected?.rxConnectSpeed,
      'l2tp-session-bearer-type': call.request.bearerType,
      'l2tp-session-framing-type': call.connected?.framingType,
      'l2tp-session-authentication': authenticationName(call),
      'l2tp-session-interface-id': call.unit?.dialOptions?.interfaceId,
      'l2tp-session-interface-unit': call.unit?.unit,
      'l2tp-session-call-serial-number': call.request.callSerialNumber,
      'l2tp-create-time': timestamp(call.createdDate),
      'l2tp-up-time': call.up ? duration(performance.now() - call.upAt) : undefined,
      ...counterTags(traffic),
    });
  }

  #clear(object: string, rest: readonly string[], words: readonly string[]): CommandReply {
    if (object !== 'tunnel' && object !== 'session') return SYNTAX(words);
    const all = rest.length === 1 && rest[0] === 'all';
    const parsed = all
      ? { level: 'brief', filter: {} as Filter }
      : parseArguments(rest, object === 'tunnel' ? TUNNEL_FILTERS : SESSION_FILTERS);
    if (parsed === null || (!all && Object.keys(parsed.filter).length === 0)) return SYNTAX(words);
    const lines: string[] = [];
    for (const tunnel of [...this.#lns.tunnels.values()]) {
      if (!this.#matches(tunnel, parsed.filter)) continue;
      if (object === 'tunnel') {
        if (this.#lns.clearTunnel(tunnel.info.tunnelId)) lines.push(`Tunnel ${tunnel.info.tunnelId} closed`);
        continue;
      }
      for (const call of [...tunnel.calls.values()]) {
        const { filter } = parsed;
        if (filter['local-session-id'] !== undefined && String(call.sessionId) !== filter['local-session-id']) continue;
        if (filter.user !== undefined && call.userName !== filter.user) continue;
        if (this.#lns.clearSession(tunnel.info.tunnelId, call.sessionId))
          lines.push(`Session ${call.sessionId} closed`);
      }
    }
    return { ok: true, text: lines.join('\n') };
  }
}

/** Drops on the way to a LAC; all others are on the way from one. */
const TX_DROPS = new Set([
  'no-route',
  'core-ip',
  'too-big',
  'fragments',
  'send-buffer',
  'send-error',
  'stale',
  'carrier',
]);
const counterTags = (traffic: Traffic): Record<string, number> => ({
  'l2tp-control-tx-packets': traffic.controlTx[0],
  'l2tp-control-tx-bytes': traffic.controlTx[1],
  'l2tp-control-rx-packets': traffic.controlRx[0],
  'l2tp-control-rx-bytes': traffic.controlRx[1],
  'l2tp-data-tx-packets': traffic.dataTx[0],
  'l2tp-data-tx-bytes': traffic.dataTx[1],
  'l2tp-data-rx-packets': traffic.dataRx[0],
  'l2tp-data-rx-bytes': traffic.dataRx[1],
  'l2tp-error-tx-packets': traffic.errorsTx,
  'l2tp-error-rx-packets': traffic.errorsRx,
});
const authenticationName = (call: Call): string =>
  call.method === 'pap' ? 'PAP' : call.method === 'chap-md5' ? 'CHAP' : 'None';

/** A level and at most one filter, in any order; null where the words are none. */
function parseArguments(
  words: readonly string[],
  filters: readonly (keyof Filter)[],
): { level: Level; filter: Filter } | null {
  let level: Level = 'brief';
  const filter: Filter = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (LEVELS.includes(word)) level = word as Level;
    else if ((filters as readonly string[]).includes(word) && i + 1 < words.length && Object.keys(filter).length === 0)
      filter[word as keyof Filter] = words[++i]!;
    else return null;
  }
  return { level, filter };
}
