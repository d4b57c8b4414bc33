import type { Bundle, Call, LnsTunnel } from '../../server/lns.ts';
import { formatIpv4 } from '../../wire/address.ts';
import { type Element, leaf, node } from '../element.ts';
import {
  type Arguments,
  type Command,
  type Context,
  numberValue,
  type Option,
  type Reply,
  textValue,
} from '../grammar.ts';
import { bundles, bundleTraffic, sessions, stacks, summary, tunnels } from '../l2tp.ts';
import { clearedText, multilinkText, redundancyText, sessionText, summaryText, tunnelText } from '../l2tp-text.ts';
import {
  INTERFACE_VALUE,
  LEVEL_OPTIONS,
  levelOf,
  matchesCall,
  orAll,
  SESSION_FILTERS,
  selectTunnels,
  TUNNEL_FILTERS,
  USER_VALUE,
} from '../select.ts';
import { sessionTraffic, setBaseline, tunnelTraffic } from '../statistics.ts';

const USER_FILTER = { keyword: 'user', help: 'Name of the PPP user', value: USER_VALUE, choice: 'filter' } as const;

/** Sessions that the arguments pick, as they are now. */
function pickCalls({ target }: Context, args: Arguments): Call[] {
  const calls: Call[] = [];
  for (const tunnel of selectTunnels(target.lns, args))
    for (const call of tunnel.calls.values()) if (matchesCall(call, args)) calls.push(call);
  return calls;
}
type Kind = 'tunnel' | 'session' | 'multilink';
const ID_TAGS = {
  tunnel: 'l2tp-tunnel-local-id',
  session: 'l2tp-session-local-id',
  multilink: 'l2tp-multilink-bundle-id',
} as const;
const cleared = (kind: Kind, what: 'clear' | 'statistics', ids: readonly number[]): Reply => ({
  elements: [
    node(
      `service-l2tp-${kind}-clear-information`,
      ids.length === 0
        ? []
        : [
            node(
              `l2tp-${kind}-clear-entry`,
              ids.map((id): Element => node(what, [leaf(ID_TAGS[kind], id)])),
            ),
          ],
    ),
  ],
  text: clearedText,
});
function clearTunnels(context: Context, picked: readonly LnsTunnel[]): Reply {
  const { lns } = context.target;
  const ids = picked.map((tunnel) => tunnel.info.tunnelId);
  return cleared(
    'tunnel',
    'clear',
    ids.filter((id) => lns.clearTunnel(id)),
  );
}
function clearSessions(context: Context, picked: readonly Call[]): Reply {
  const { lns } = context.target;
  return cleared(
    'session',
    'clear',
    picked.filter((call) => lns.clearSession(call.tunnel.info.tunnelId, call.sessionId)).map((call) => call.sessionId),
  );
}
function clearTunnelStatistics({ target: { lns } }: Context, picked: readonly LnsTunnel[]): Reply {
  for (const tunnel of picked) setBaseline(tunnel, tunnelTraffic(lns, tunnel));
  return cleared(
    'tunnel',
    'statistics',
    picked.map((tunnel) => tunnel.info.tunnelId),
  );
}
function clearSessionStatistics({ target: { lns } }: Context, picked: readonly Call[]): Reply {
  for (const call of picked) setBaseline(call, sessionTraffic(lns, call));
  return cleared(
    'session',
    'statistics',
    picked.map((call) => call.sessionId),
  );
}

const BUNDLE_FILTER: Option = {
  keyword: 'bundle-id',
  help: 'Bundle number',
  choice: 'filter',
  value: numberValue('bundle-id', 1, 65536, function* ({ lns }) {
    for (const bundle of lns.bundles) yield [String(bundle.id), bundle.userName] as const;
  }),
};
const pickBundles = ({ target }: Context, args: Arguments): Bundle[] =>
  [...target.lns.bundles].filter(({ id }) => !args.has('bundle-id') || Number(args.get('bundle-id')) === id);
const STACK_ADDRESS = textValue('address', function* ({ lns }) {
  for (const { address, members } of lns.subscribers.networks.stacks())
    yield [formatIpv4(address), `${members.length} members`] as const;
});

/** `show` and `clear services l2tp`. */
export const L2TP_COMMANDS: readonly Command[] = [
  {
    words: 'show services l2tp summary',
    help: 'Show L2TP summary',
    privilege: 'view',
    options: [
      { keyword: 'interface', help: 'Name of the services interface', value: INTERFACE_VALUE },
      { keyword: 'statistics', help: 'Display statistics' },
    ],
    run: (args, { target }) => ({ elements: [summary(target.lns, args.get('interface'))], text: summaryText }),
  },
  {
    words: 'show services l2tp tunnel',
    help: 'Show L2TP tunnels',
    privilege: 'view',
    options: [...LEVEL_OPTIONS, ...TUNNEL_FILTERS],
    run: (args, { target }) => ({ elements: [tunnels(target.lns, levelOf(args), args)], text: tunnelText }),
  },
  {
    words: 'show services l2tp session',
    help: 'Show L2TP sessions',
    privilege: 'view',
    options: [...LEVEL_OPTIONS, ...SESSION_FILTERS],
    run: (args, { target }) => ({ elements: [sessions(target.lns, levelOf(args), args)], text: sessionText }),
  },
  {
    words: 'show services l2tp user',
    help: 'Show L2TP sessions of users',
    privilege: 'view',
    options: [...LEVEL_OPTIONS, USER_FILTER],
    run: (args, { target }) => ({ elements: [sessions(target.lns, levelOf(args), args)], text: sessionText }),
  },
  {
    words: 'show services l2tp multilink',
    help: 'Show L2TP multilink bundles',
    privilege: 'view',
    options: [...LEVEL_OPTIONS, BUNDLE_FILTER],
    run: (args, { target }) => ({ elements: [bundles(target.lns, levelOf(args), args)], text: multilinkText }),
  },
  {
    words: 'show services l2tp redundancy',
    help: 'Show addresses that several sessions share',
    privilege: 'view',
    options: [
      { keyword: 'all', help: 'Addresses of one session, too', choice: 'filter' },
      { keyword: 'address', help: 'One remote address', value: STACK_ADDRESS, choice: 'filter' },
    ],
    run: (args, { target }) => ({ elements: [stacks(target.lns, args)], text: redundancyText }),
  },
  {
    words: 'clear services l2tp multilink',
    help: 'Close L2TP multilink bundles and their sessions',
    privilege: 'clear',
    options: orAll([BUNDLE_FILTER], 'Close all bundles'),
    required: 'filter',
    run: (args, context) =>
      cleared(
        'multilink',
        'clear',
        pickBundles(context, args)
          .map(({ id }) => id)
          .filter((id) => context.target.lns.clearBundle(id)),
      ),
  },
  {
    words: 'clear services l2tp multilink statistics',
    help: 'Clear statistics of L2TP multilink bundles',
    privilege: 'clear',
    options: orAll([BUNDLE_FILTER], 'Clear statistics of all bundles'),
    required: 'filter',
    run: (args, context) => {
      const { lns } = context.target;
      const picked = pickBundles(context, args);
      for (const bundle of picked) setBaseline(bundle, bundleTraffic(lns, bundle));
      return cleared(
        'multilink',
        'statistics',
        picked.map(({ id }) => id),
      );
    },
  },
  {
    words: 'clear services l2tp tunnel',
    help: 'Close L2TP tunnels and all their sessions',
    privilege: 'clear',
    options: orAll(TUNNEL_FILTERS, 'Close all tunnels'),
    required: 'filter',
    run: (args, context) => clearTunnels(context, [...selectTunnels(context.target.lns, args)]),
  },
  {
    words: 'clear services l2tp tunnel statistics',
    help: 'Clear statistics of L2TP tunnels',
    privilege: 'clear',
    options: orAll(TUNNEL_FILTERS, 'Clear statistics of all tunnels'),
    required: 'filter',
    run: (args, context) => clearTunnelStatistics(context, [...selectTunnels(context.target.lns, args)]),
  },
  {
    words: 'clear services l2tp session',
    help: 'Close L2TP sessions',
    privilege: 'clear',
    options: orAll(SESSION_FILTERS, 'Close all sessions'),
    required: 'filter',
    run: (args, context) => clearSessions(context, pickCalls(context, args)),
  },
  {
    words: 'clear services l2tp session statistics',
    help: 'Clear statistics of L2TP sessions',
    privilege: 'clear',
    options: orAll(SESSION_FILTERS, 'Clear statistics of all sessions'),
    required: 'filter',
    run: (args, context) => clearSessionStatistics(context, pickCalls(context, args)),
  },
  {
    words: 'clear services l2tp user',
    help: 'Close L2TP sessions of users',
    privilege: 'clear',
    options: orAll([USER_FILTER], 'Close the sessions of all users'),
    required: 'filter',
    run: (args, context) => clearSessions(context, pickCalls(context, args)),
  },
  {
    words: 'clear services l2tp user statistics',
    help: 'Clear statistics of the sessions of users',
    privilege: 'clear',
    options: orAll([USER_FILTER], 'Clear statistics of the sessions of all users'),
    required: 'filter',
    run: (args, context) => clearSessionStatistics(context, pickCalls(context, args)),
  },
];
