import type { Call, LnsTunnel } from '../../server/lns.ts';
import { type Element, leaf, node } from '../element.ts';
import type { Arguments, Command, Context, Reply } from '../grammar.ts';
import { sessions, summary, tunnels } from '../l2tp.ts';
import { clearedText, sessionText, summaryText, tunnelText } from '../l2tp-text.ts';
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
type Kind = 'tunnel' | 'session';
const cleared = (kind: Kind, what: 'clear' | 'statistics', ids: readonly number[]): Reply => ({
  elements: [
    node(
      `service-l2tp-${kind}-clear-information`,
      ids.length === 0
        ? []
        : [
            node(
              `l2tp-${kind}-clear-entry`,
              ids.map((id): Element => node(what, [leaf(`l2tp-${kind}-local-id`, id)])),
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
