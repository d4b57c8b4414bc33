import type { RadiusServerReport } from '../../aaa/servers.ts';
import { type Element, Fields, leaf, node } from '../element.ts';
import type { Command, Reply } from '../grammar.ts';
import type { OperationalTarget } from '../types.ts';

type Kind = 'authentication' | 'accounting';
const KINDS: readonly Kind[] = ['authentication', 'accounting'];
const HEAD = { authentication: 'RADIUS Authentication Servers', accounting: 'RADIUS Accounting Servers' } as const;

/** Words of section "fields" of Junos' schema, and the counters they stand for. */
type CounterRow = readonly (readonly [
  tag: string,
  label: string,
  counter: keyof RadiusServerReport['counters'] | 'pending',
])[];
const STATISTICS: Readonly<Record<Kind, readonly CounterRow[]>> = {
  authentication: [
    [
      ['access-requests', 'Access requests', 'requests'],
      ['rollover-requests', 'Rollover requests', 'rolloverRequests'],
      ['retransmissions', 'Retransmissions', 'retransmissions'],
    ],
    [
      ['access-accepts', 'Access accepts', 'accepts'],
      ['access-rejects', 'Access rejects', 'rejects'],
      ['access-challenges', 'Access challenges', 'challenges'],
    ],
    [
      ['malformed-responses', 'Malformed responses', 'malformedResponses'],
      ['bad-authenticators', 'Bad authenticators', 'badAuthenticators'],
      ['requests-pending', 'Requests pending', 'pending'],
    ],
    [
      ['request-timeouts', 'Request timeouts', 'requestTimeouts'],
      ['unknown-responses', 'Unknown responses', 'unknownResponses'],
      ['packets-dropped', 'Packets dropped', 'packetsDropped'],
    ],
  ],
  accounting: [
    [
      ['requests', 'Requests', 'requests'],
      ['start-requests', 'Start requests', 'startRequests'],
      ['interim-requests', 'Interim requests', 'interimRequests'],
      ['stop-requests', 'Stop requests', 'stopRequests'],
    ],
    [
      ['rollover-requests', 'Rollover requests', 'rolloverRequests'],
      ['retransmissions', 'Retransmissions', 'retransmissions'],
    ],
    [
      ['responses', 'Responses', 'responses'],
      ['start-responses', 'Start responses', 'startResponses'],
      ['interim-responses', 'Interim responses', 'interimResponses'],
      ['stop-responses', 'Stop responses', 'stopResponses'],
    ],
    [
      ['malformed-responses', 'Malformed responses', 'malformedResponses'],
      ['bad-authenticators', 'Bad authenticators', 'badAuthenticators'],
      ['requests-pending', 'Requests pending', 'pending'],
    ],
    [
      ['request-timeouts', 'Request timeouts', 'requestTimeouts'],
      ['unknown-responses', 'Unknown responses', 'unknownResponses'],
      ['packets-dropped', 'Packets dropped', 'packetsDropped'],
    ],
  ],
};

/** One row a server, whichever profiles use it. */
function serverElements(target: OperationalTarget, kind: Kind): Element[] {
  const byServer = new Map<string, { first: RadiusServerReport; pending: number; alive: boolean }>();
  for (const report of target.lns.aaa.servers.report(kind)) {
    const key = `${report.address} ${report.port}`;
    const known = byServer.get(key);
    if (known === undefined) byServer.set(key, { first: report, pending: report.pending, alive: report.alive });
    else {
      known.pending += report.pending;
      known.alive &&= report.alive;
    }
  }
  return [...byServer.values()].map(({ first, pending, alive }) =>
    node(`radius-${kind}-server-information-entry`, [
      leaf('radius-server-ip-address', first.address),
      leaf('radius-server-state', alive ? 'Active' : 'Dead'),
      leaf('radius-server-udp-port', first.port),
      leaf('radius-server-retry-count', first.retry),
      leaf('radius-server-timeout', first.timeoutMs / 1000),
      leaf('radius-server-pending-requests', pending),
      leaf('radius-server-maximum-sessions', first.pendingMax),
      leaf('radius-server-dead-time', first.deadTimeMs / 1000),
      leaf('radius-server-secret-type', '****'),
    ]),
  );
}
function statisticElements(target: OperationalTarget, kind: Kind): Element[] {
  return [...target.lns.aaa.servers.report(kind)].map((report) =>
    node(`radius-${kind}-statistic-information-entry`, [
      leaf('radius-server-profile-name', report.profile),
      leaf('radius-server-ip-address', report.address),
      leaf('radius-server-udp-port', report.port),
      ...STATISTICS[kind].flatMap((row) =>
        row.map(([tag, , counter]) =>
          leaf(`radius-statistic-${tag}`, counter === 'pending' ? report.pending : report.counters[counter]),
        ),
      ),
    ]),
  );
}

const kindOf = (entry: Element): Kind => (entry.name.startsWith('radius-accounting') ? 'accounting' : 'authentication');
/** Entries under the heading of their kind, a blank line between the kinds. */
function* byKind(
  reply: Iterable<Element>,
  head: readonly string[],
  lines: (fields: Fields, kind: Kind) => string[],
): Generator<string> {
  let last: Kind | null = null;
  for (const information of reply)
    for (const entry of information.children ?? []) {
      const kind = kindOf(entry);
      if (kind !== last) {
        if (last !== null) yield '';
        yield HEAD[kind];
        yield* head;
        last = kind;
      }
      yield* lines(new Fields(entry), kind);
    }
}
const serversText = (reply: Iterable<Element>): Iterable<string> =>
  byKind(
    reply,
    [
      'IP Address       State   UDP   Retry  Timeout  Pending   Maximum   Dead   Secret',
      '                         Port  Count  (secs)   Requests  Sessions  Time',
    ],
    (fields) => {
      const get = (tag: string): string => fields.text(`radius-server-${tag}`);
      return [
        `${get('ip-address').padEnd(16)} ${get('state').padEnd(7)} ${get('udp-port').padEnd(5)}${get('retry-count').padStart(6)}${get('timeout').padStart(9)}${get('pending-requests').padStart(10)}${get('maximum-sessions').padStart(10)}${get('dead-time').padStart(7)}   ${get('secret-type')}`,
      ];
    },
  );
const statisticsText = (reply: Iterable<Element>): Iterable<string> =>
  byKind(reply, [], (fields, kind) => [
    `Profile name: ${fields.text('radius-server-profile-name')}, IP Address: ${fields.text('radius-server-ip-address')}, UDP Port: ${fields.text('radius-server-udp-port')}`,
    ...STATISTICS[kind].map(
      (row) => `  ${row.map(([tag, label]) => `${label}: ${fields.text(`radius-statistic-${tag}`)}`).join(', ')}`,
    ),
  ]);

function command(of: Kind | null, what: 'servers' | 'statistics'): Command {
  const kinds = of === null ? KINDS : [of];
  const infix = of === null ? 'authentication-accounting-' : `${of}-`;
  return {
    words: `show services l2tp radius ${of === null ? '' : `${of} `}${what}`,
    help: `Show ${what === 'servers' ? 'state of' : 'statistics of'} RADIUS ${of === null ? '' : `${of} `}servers`,
    privilege: 'view',
    run: (_, { target }): Reply => ({
      elements: [
        node(
          `services-l2tp-radius-${infix}${what}-information`,
          kinds.flatMap((kind) => (what === 'servers' ? serverElements : statisticElements)(target, kind)),
        ),
      ],
      text: what === 'servers' ? serversText : statisticsText,
    }),
  };
}

/** `show services l2tp radius`: to be completed by what of it. */
export const RADIUS_COMMANDS: readonly Command[] = [null, ...KINDS].flatMap((of) => [
  command(of, 'servers'),
  command(of, 'statistics'),
]);
