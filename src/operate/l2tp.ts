import type { Bundle, Call, Lns, LnsTunnel } from '../server/lns.ts';
import { formatIpv4 } from '../wire/address.ts';
import { type Element, leaf, leaves, node } from './element.ts';
import { duration, timestamp } from './format.ts';
import type { Arguments } from './grammar.ts';
import { type Level, localName, matchesCall, matchesTunnel, selectTunnels } from './select.ts';
import {
  addTraffic,
  lastData,
  noTraffic,
  sessionTraffic,
  sinceBaseline,
  type Traffic,
  tunnelTraffic,
} from './statistics.ts';

// Elements of the L2TP replies: tags and order of Junos' schema.

export const counterElements = (traffic: Traffic): Element[] => [
  leaf('l2tp-control-tx-packets', traffic.controlTxPackets),
  leaf('l2tp-control-tx-bytes', traffic.controlTxOctets),
  leaf('l2tp-control-rx-packets', traffic.controlRxPackets),
  leaf('l2tp-control-rx-bytes', traffic.controlRxOctets),
  leaf('l2tp-data-tx-packets', traffic.dataTxPackets),
  leaf('l2tp-data-tx-bytes', traffic.dataTxOctets),
  leaf('l2tp-data-rx-packets', traffic.dataRxPackets),
  leaf('l2tp-data-rx-bytes', traffic.dataRxOctets),
  leaf('l2tp-error-tx-packets', traffic.errorTxPackets),
  leaf('l2tp-error-rx-packets', traffic.errorRxPackets),
];
/** A time that passed, in text with its seconds beside it. */
export const elapsed = (name: string, milliseconds: number): Element =>
  leaf(name, duration(milliseconds), { 'junos:seconds': String(Math.max(0, Math.floor(milliseconds / 1000))) });
export const moment = (name: string, date: Date): Element =>
  leaf(name, timestamp(date), { 'junos:seconds': String(Math.floor(date.getTime() / 1000)) });

const showsCounters = (level: Level): boolean => level === 'statistics' || level === 'extensive';

/** A tunnel that is open, or whose set-up is under way (`tunnel` is null then). */
interface ShownTunnel {
  readonly info: LnsTunnel['info'];
  readonly gateway: LnsTunnel['gateway'];
  readonly tunnel: LnsTunnel | null;
  readonly state: string;
}
/** States as the MIB spells them. */
const SETTING_UP: Readonly<Record<string, string>> = {
  idle: 'cc_responder_idle',
  'wait-ctl-conn': 'cc_responder_wait_ctl_conn',
};
function* shownTunnels(lns: Lns, args: Arguments): Generator<ShownTunnel> {
  for (const tunnel of selectTunnels(lns, args)) {
    const state = lns.endpointOf(tunnel).view(tunnel.info.tunnelId)?.state;
    const shown = state === undefined ? 'destroyed' : state === 'established' ? 'Established' : 'closed';
    yield { info: tunnel.info, gateway: tunnel.gateway, tunnel, state: shown };
  }
  for (const { gateway, view } of lns.settingUp())
    if (matchesTunnel(lns, { info: view.info, gateway }, args))
      yield { info: view.info, gateway, tunnel: null, state: SETTING_UP[view.state] ?? view.state };
}

const endpoints = (lns: Lns, tunnel: Pick<LnsTunnel, 'info' | 'gateway'>): { local: string; remote: string } => {
  const { localGateway } = tunnel.gateway;
  const port = lns.listening.find((one) => one.address === localGateway)?.port ?? 1701;
  return { local: `${localGateway}:${port}`, remote: `${tunnel.info.peer.address}:${tunnel.info.peer.port}` };
};

/** Drops on the way to a LAC; all others are on the way from one. */
const TX_DROPS: ReadonlySet<string> = new Set([
  'no-route',
  'core-ip',
  'too-big',
  'fragments',
  'send-buffer',
  'send-error',
  'stale',
  'carrier',
]);

export function summary(lns: Lns, name: string | undefined): Element {
  return node('service-l2tp-summary-information', [
    node('l2tp-summary-table', name === undefined ? summaryOfAll(lns) : summaryOf(lns, name)),
  ]);
}
function summaryOfAll(lns: Lns): Element[] {
  let dataTx = 0;
  let dataRx = 0;
  let errorTx = 0;
  let errorRx = 0;
  for (let shard = 0; shard < lns.plane.shards; shard++) {
    const { totals, drops } = lns.plane.counters(shard);
    dataTx += totals.txDatagrams!;
    dataRx += totals.rxDatagrams!;
    for (const [drop, count] of Object.entries(drops)) {
      if (TX_DROPS.has(drop)) errorTx += count;
      else errorRx += count;
    }
  }
  for (const count of lns.discards.values()) errorRx += count;
  return [
    leaf('l2tp-tunnels', lns.tunnels.size),
    leaf('l2tp-sessions', lns.sessionsUp),
    leaf('l2tp-control-tx-packets', lns.controlTotals.txPackets),
    leaf('l2tp-control-rx-packets', lns.controlTotals.rxPackets),
    leaf('l2tp-control-memory-bytes', process.memoryUsage().heapUsed),
    leaf('l2tp-data-tx-packets', dataTx),
    leaf('l2tp-data-rx-packets', dataRx),
    leaf('l2tp-data-memory-bytes', lns.plane.plan.end),
    leaf('l2tp-error-tx-packets', errorTx),
    leaf('l2tp-error-rx-packets', errorRx),
  ];
}
/** Of one services interface: its tunnels that are there now. */
function summaryOf(lns: Lns, name: string): Element[] {
  const sum = noTraffic();
  let tunnels = 0;
  let sessions = 0;
  for (const tunnel of lns.tunnels.values()) {
    if (tunnel.gateway.serviceInterface !== name) continue;
    tunnels++;
    for (const call of tunnel.calls.values()) if (call.networkEnd.up) sessions++;
    addTraffic(sum, tunnelTraffic(lns, tunnel));
  }
  return [
    leaf('l2tp-interface-name', name),
    leaf('l2tp-tunnels', tunnels),
    leaf('l2tp-sessions', sessions),
    leaf('l2tp-interface-control-tx-packets', sum.controlTxPackets),
    leaf('l2tp-interface-control-rx-packets', sum.controlRxPackets),
    leaf('l2tp-interface-data-tx-packets', sum.dataTxPackets),
    leaf('l2tp-interface-data-rx-packets', sum.dataRxPackets),
    leaf('l2tp-interface-error-tx-packets', sum.errorTxPackets),
    leaf('l2tp-interface-error-rx-packets', sum.errorRxPackets),
  ];
}

/** Tunnels by group and services interface; those whose set-up is under way come last. */
export function tunnels(lns: Lns, level: Level, args: Arguments): Element {
  const groups = new Map<LnsTunnel['gateway'], ShownTunnel[]>();
  for (const shown of shownTunnels(lns, args)) {
    const list = groups.get(shown.gateway);
    if (list === undefined) groups.set(shown.gateway, [shown]);
    else list.push(shown);
  }
  function* tables(): Generator<Element> {
    for (const [gateway, list] of groups)
      yield node('l2tp-per-tunnel-group-tunnel-table', [
        leaf('interface-name', gateway.serviceInterface),
        leaf('tunnel-group-name', gateway.name),
        node('l2tp-tunnel-table', entries(list)),
      ]);
  }
  function* entries(list: readonly ShownTunnel[]): Generator<Element> {
    for (const shown of list) yield tunnelEntry(lns, shown, level);
  }
  return node('service-l2tp-tunnel-information', tables(), { 'junos:style': level });
}
function tunnelEntry(lns: Lns, shown: ShownTunnel, level: Level): Element {
  const { info, tunnel, state } = shown;
  const view = tunnel === null ? null : lns.endpointOf(tunnel).view(info.tunnelId);
  const { local, remote } = endpoints(lns, shown);
  const children: Element[] = leaves({
    'l2tp-tunnel-local-id': info.tunnelId,
    'l2tp-tunnel-remote-id': info.peerTunnelId,
    'l2tp-tunnel-remote-ip': level === 'statistics' ? undefined : remote,
    'l2tp-tunnel-state': state,
    'l2tp-tunnel-session-count': view?.established ?? 0,
  });
  if (level === 'detail' || level === 'extensive')
    children.push(
      ...leaves({
        'l2tp-tunnel-local-ip': local,
        'l2tp-tunnel-local-name': localName(lns, shown),
        'l2tp-tunnel-remote-name': info.hostName,
      }),
    );
  if (level === 'extensive') {
    const last = tunnel === null ? 0 : lastData(lns, tunnel.calls.values());
    children.push(
      leaf('l2tp-tunnel-maximum-sessions', info.policy.maximumSessions),
      leaf('l2tp-tunnel-window-size', view?.window ?? 0),
      leaf('l2tp-tunnel-hello-interval', info.policy.helloIntervalMs / 1000),
    );
    if (tunnel !== null)
      children.push(
        moment('l2tp-create-time', tunnel.openedDate),
        elapsed('l2tp-up-time', performance.now() - tunnel.openedAt),
        elapsed('l2tp-idle-time', last === 0 ? 0 : performance.now() - last),
      );
  }
  if (showsCounters(level) && tunnel !== null) {
    const { traffic, since } = sinceBaseline(tunnel, tunnelTraffic(lns, tunnel), tunnel.openedDate);
    children.push(moment('l2tp-statistics-since', since), ...counterElements(traffic));
  }
  return node('l2tp-tunnel-entry', children);
}

/** Sessions by tunnel. */
export function sessions(lns: Lns, level: Level, args: Arguments): Element {
  function* tables(): Generator<Element> {
    for (const tunnel of selectTunnels(lns, args)) {
      const calls = [...tunnel.calls.values()].filter((call) => matchesCall(call, args));
      if (calls.length === 0) continue;
      yield node('l2tp-per-tunnel-session-table', [
        leaf('interface-name', tunnel.gateway.serviceInterface),
        leaf('tunnel-group-name', tunnel.gateway.name),
        leaf('l2tp-tunnel-local-id', tunnel.info.tunnelId),
        node('l2tp-session-table', entries(tunnel, calls)),
      ]);
    }
  }
  function* entries(tunnel: LnsTunnel, calls: readonly Call[]): Generator<Element> {
    for (const call of calls) yield sessionEntry(lns, tunnel, call, level);
  }
  return node('service-l2tp-session-information', tables(), { 'junos:style': level });
}
export function sessionState(lns: Lns, call: Call): string {
  const state = lns.endpointOf(call.tunnel).sessionState(call.tunnel.info.tunnelId, call.sessionId);
  if (state === 'established') return 'Established';
  if (state === 'wait-connect') return 'lns-ic-wait-connect';
  return state === null ? 'destroyed' : 'lns-ic-idle';
}
const AUTHENTICATION: Readonly<Record<string, string>> = {
  pap: 'PAP',
  'chap-md5': 'CHAP',
  'mschap-v2': 'MS-CHAPv2',
};

export function sessionEntry(lns: Lns, tunnel: LnsTunnel, call: Call, level: Level): Element {
  const { local, remote } = endpoints(lns, tunnel);
  // A member link has what its bundle has.
  const end = call.networkEnd;
  const unit = end.unit?.unit;
  const mode = end.unit?.dialOptions?.mode ?? 'unknown';
  const full = level === 'extensive';
  const parties = full || level === 'detail';
  const children: Element[] = leaves({
    'l2tp-session-local-id': call.sessionId,
    'l2tp-session-remote-id': call.peerSessionId,
    'l2tp-session-remote-ip': parties ? remote : undefined,
    'l2tp-session-local-ip': parties ? local : undefined,
    'l2tp-session-state': sessionState(lns, call),
    'l2tp-session-bundle-id': full || level === 'brief' ? call.bundle?.id : undefined,
    'l2tp-session-user-name': call.userName,
    'l2tp-session-own-ip': full && end.localAddress !== 0 ? formatIpv4(end.localAddress) : undefined,
    'l2tp-session-peer-ip': full && end.address !== 0 ? formatIpv4(end.address) : undefined,
    'l2tp-session-local-name': parties ? localName(lns, tunnel) : undefined,
    'l2tp-session-remote-name': parties ? tunnel.info.hostName : undefined,
    'l2tp-session-mode': level === 'brief' ? undefined : mode,
  });
  if (full) {
    const { lcp, connected } = call;
    const { attributes } = end;
    children.push(
      leaf('l2tp-session-local-mru', lcp?.localMru ?? 0),
      leaf('l2tp-session-remote-mru', lcp?.peerMru ?? 0),
      leaf('l2tp-session-tx-speed', connected?.txConnectSpeed ?? 0),
      leaf('l2tp-session-rx-speed', connected?.rxConnectSpeed ?? 0),
      leaf('l2tp-session-bearer-type', call.request.bearerType),
      leaf('l2tp-session-framing-type', connected?.framingType ?? 0),
      leaf('l2tp-session-lcp-renegotiation', tunnel.client.lcpRenegotiation ? 'On' : 'Off'),
      leaf('l2tp-session-authentication', call.method === null ? 'None' : (AUTHENTICATION[call.method] ?? call.method)),
    );
    if (end.unit?.dialOptions) children.push(leaf('l2tp-session-interface-id', end.unit.dialOptions.interfaceId));
    if (unit !== undefined) children.push(leaf('l2tp-session-interface-unit', unit));
    children.push(
      leaf('l2tp-session-call-serial-number', call.request.callSerialNumber),
      leaf('l2tp-session-policer-bandwidth', attributes?.rateUp?.bps ?? 0),
      leaf('l2tp-session-policer-burstsize', attributes?.rateUp?.burstOctets ?? 0),
      leaf('l2tp-session-policer-exclude-bandwidth', 0),
      leaf('l2tp-session-firewall-filter', attributes?.filterId ?? 0),
      leaf('l2tp-session-encapsulation-overhead', 0),
      leaf('l2tp-session-cell-overhead', 'Off'),
      moment('l2tp-create-time', call.createdDate),
      elapsed('l2tp-up-time', end.up ? performance.now() - end.upAt : 0),
    );
    const last = lastData(lns, [call]);
    children.push(elapsed('l2tp-idle-time', last === 0 ? 0 : performance.now() - last));
    if (end.routes.length > 0)
      children.push(
        leaf(
          'l2tp-session-framed-routes',
          end.routes.map(({ address, length }) => `${formatIpv4(address)}/${length}`).join(', '),
        ),
      );
  } else if (unit !== undefined) children.push(leaf('l2tp-session-interface-unit', unit));
  if (showsCounters(level)) {
    const { traffic, since } = sinceBaseline(call, sessionTraffic(lns, call), call.createdDate);
    children.push(moment('l2tp-statistics-since', since), ...counterElements(traffic));
  }
  return node('l2tp-session-entry', children);
}

/** What a bundle has counted at its network: packets that were encapsulated in MP, and no others. */
export function bundleTraffic(lns: Lns, bundle: Bundle): Traffic {
  const { tables } = lns.plane;
  const octets = tables.sessionCounters(bundle.networkRow);
  const counters = tables.bundleCounters(bundle.id);
  return {
    ...noTraffic(),
    dataTxPackets: counters.txPackets,
    dataTxOctets: octets.txOctets,
    dataRxPackets: counters.rxPackets,
    dataRxOctets: octets.rxOctets,
  };
}
/** Bundles, and with detail their member sessions. */
export function bundles(lns: Lns, level: Level, args: Arguments): Element {
  const id = args.get('bundle-id');
  function* entries(): Generator<Element> {
    for (const bundle of lns.bundles) {
      if (id !== undefined && Number(id) !== bundle.id) continue;
      yield bundleEntry(lns, bundle, level);
    }
  }
  return node('services-l2tp-multilink-information', entries(), { 'junos:style': level });
}
function bundleEntry(lns: Lns, bundle: Bundle, level: Level): Element {
  const { multilink } = bundle.network;
  const { members } = bundle;
  const children: Element[] = [
    leaf('l2tp-multilink-bundle-id', bundle.id),
    leaf('l2tp-multilink-bundle-endpoint', bundle.userName),
    leaf('l2tp-multilink-bundle-num-links', members.length),
  ];
  if (level === 'detail' || level === 'extensive')
    children.push(
      leaf('l2tp-multilink-bundle-mrru-input', multilink.localMrru),
      leaf('l2tp-multilink-bundle-mrru-output', multilink.peerMrru),
    );
  if (showsCounters(level)) {
    const { traffic, since } = sinceBaseline(bundle, bundleTraffic(lns, bundle), bundle.createdDate);
    const ofData = counterElements(traffic).filter(({ name }) => name.startsWith('l2tp-data-'));
    children.push(moment('l2tp-statistics-since', since), ...ofData);
  }
  if (level === 'extensive') {
    const counters = lns.plane.tables.bundleCounters(bundle.id);
    const prefix = 'l2tp-multilink-bundle';
    const mrus = members.map((call) => call.lcp?.peerMru ?? 0).filter((mru) => mru > 0);
    children.push(
      leaf(`${prefix}-mrru`, multilink.peerMrru),
      leaf(`${prefix}-droptime`, bundle.dropTimeoutMs),
      leaf(`${prefix}-maxfrag`, bundle.fragmentThreshold ?? 0),
      leaf(`${prefix}-minmru`, mrus.length === 0 ? 0 : Math.min(...mrus)),
      leaf(`${prefix}-tx-packets`, counters.txPackets),
      leaf(`${prefix}-tx-frags`, counters.txFragments),
      leaf(`${prefix}-txseq`, counters.nextSequence),
      leaf(`${prefix}-rx-packets`, counters.rxPackets),
      leaf(`${prefix}-rx-frags`, counters.rxFragments),
      leaf(`${prefix}-rxseq`, counters.expected),
      leaf(`${prefix}-rx-maxdiff`, counters.largestDifference),
      leaf(`${prefix}-rx-discarded`, counters.rxDiscarded),
      leaf(`${prefix}-rx-queued`, counters.queued),
    );
    for (const [link, call] of bundle.links.entries()) {
      if (call === null) continue;
      const last = counters.last[link];
      children.push(
        node(`${prefix}-links`, [
          leaf('l2tp-multilink-bundle-link-number', link),
          ...(last === null || last === undefined ? [] : [leaf('l2tp-multilink-bundle-link-ml-seq', last)]),
          leaf('l2tp-multilink-bundle-link-ml-mru', call.lcp?.peerMru ?? 0),
        ]),
      );
    }
  }
  if (level === 'detail' || level === 'extensive')
    children.push(
      ...members.map((call) => node('l2tp-multilink-links', [sessionEntry(lns, call.tunnel, call, level)])),
    );
  return node('l2tp-multilink-entry', children);
}

/** Addresses with the sessions and bundles that share them, the one that carries the traffic first. */
export function stacks(lns: Lns, args: Arguments): Element {
  const wanted = args.get('address');
  const all = args.has('all') || wanted !== undefined;
  function* entries(): Generator<Element> {
    for (const { address, members, since } of lns.subscribers.networks.stacks(!all)) {
      const text = formatIpv4(address);
      if (wanted !== undefined && wanted !== text) continue;
      const carrier = members.at(-1);
      yield node('l2tp-redundancy-entry', [
        leaf('l2tp-redundancy-address', text),
        leaf('l2tp-redundancy-member-count', members.length),
        ...[...members].reverse().map((end) => {
          const active = end === carrier;
          return node('l2tp-redundancy-member', [
            leaf('l2tp-redundancy-role', active ? 'active' : 'standby'),
            ...(end.kind === 'bundle'
              ? [leaf('l2tp-multilink-bundle-id', (end as Bundle).id)]
              : [
                  leaf('l2tp-tunnel-local-id', (end as Call).tunnel.info.tunnelId),
                  leaf('l2tp-session-local-id', (end as Call).sessionId),
                ]),
            ...leaves({ 'l2tp-session-user-name': end.userName, 'tunnel-group-name': end.gateway.config.name }),
            moment('l2tp-redundancy-up-since', end.upDate ?? end.createdDate),
            ...(active ? [moment('l2tp-redundancy-active-since', since)] : []),
          ]);
        }),
      ]);
    }
  }
  return node('service-l2tp-redundancy-information', entries());
}
