import {
  block,
  flag,
  GROUP_NAME,
  leaf,
  list,
  NAME,
  oneOf,
  PORT,
  type Statement,
  U16,
  uint,
  type ValueType,
} from '../statement.ts';

export const SEVERITIES = {
  any: 'All levels',
  emergency: 'The system is unusable',
  alert: 'Must be mended at once',
  critical: 'Critical conditions',
  error: 'Errors',
  warning: 'Warnings',
  notice: 'Conditions that ask for attention',
  info: 'What happened',
  none: 'Nothing',
} as const;
export const FACILITIES = {
  authorization: 'Authorization system',
  daemon: 'System processes',
  ftp: 'File transfer',
  kernel: 'Kernel',
  user: 'User processes',
  local0: 'Local facility 0',
  local1: 'Local facility 1',
  local2: 'Local facility 2',
  local3: 'Local facility 3',
  local4: 'Local facility 4',
  local5: 'Local facility 5',
  local6: 'Local facility 6',
  local7: 'Local facility 7',
} as const;
/** Flags of `traceoptions`: those of 9.x and those of the later, unified list. */
export const TRACE_FLAGS = {
  all: 'Everything',
  authentication: 'Authentication events',
  configuration: 'Configuration events',
  events: 'Events of interfaces and sessions',
  general: 'General events',
  gres: 'Graceful switchover events',
  init: 'Start of the daemon',
  'ipc-rx': 'Messages from the packet path',
  'ipc-tx': 'Messages to the packet path',
  memory: 'Memory',
  message: 'Control messages',
  'packet-error': 'Packets that are in error',
  parse: 'Reading of messages',
  protocol: 'Protocol events',
  'receive-packets': 'Packets received',
  'routing-process': 'Routing protocol process events',
  'routing-socket': 'Routing socket events',
  rpd: 'Routing protocol process events (until 10.3)',
  'session-db': 'The table of sessions',
  states: 'State machines',
  stats: 'Statistics',
  timer: 'Timers',
  'transmit-packets': 'Packets sent',
  tunnel: 'Tunnel events',
} as const;
export const TRACE_LEVELS = {
  all: 'Every level',
  error: 'Errors',
  warning: 'Warnings',
  notice: 'Conditions that ask for attention',
  info: 'What happened',
  verbose: 'Details',
} as const;
const MATCH_FLAG_PROTOCOL = (what: string): string[] => [
  `${what} can be specified only for traceoption flag protocol or all`,
];
export const SERVICES_PIC: ValueType = {
  type: 'text',
  max: 63,
  pattern: /^sp-\d{1,2}\/\d\/\d$/,
  message: 'Must be a services interface: sp-fpc/pic/port',
};

const syslog = block(
  'syslog',
  'System log messages of the group',
  [
    list(
      'host',
      { type: 'text', max: 255, pattern: /^[A-Za-z0-9._:-]+$/, message: 'Must be a host name or an address' },
      'Where messages go: a host, or local',
      [
        leaf('facility-override', oneOf(FACILITIES), 'Facility of the messages in place of the default (daemon)'),
        leaf(
          'log-prefix',
          { type: 'text', max: 15, pattern: /^[^ =:]+$/, message: 'Must be a string of 15 characters or less' },
          'Text before each message',
        ),
        leaf('port', PORT, 'UDP port of the host', { default: 514, since: 'later' }),
        leaf('services', oneOf(SEVERITIES), 'Least severity that is sent', { default: 'any' }),
      ],
      { maxEntries: 10 },
    ),
  ],
  { effect: 'at-once' },
);

const tunnelGroup = list(
  'tunnel-group',
  GROUP_NAME,
  'One LNS: a local address, a services interface and the profiles that judge tunnels and users',
  [
    leaf('hello-interval', U16, 'Silence before a HELLO; 0 sends none', {
      default: 60,
      unit: 'seconds',
      effect: 'new-tunnels',
    }),
    flag('hide-avps', 'Hide AVPs where the shared secret is known', { effect: 'new-tunnels' }),
    leaf('l2tp-access-profile', NAME, 'Profile whose clients validate tunnel requests', {
      mandatory: true,
      names: 'profile',
      effect: 'new-tunnels',
      checks: ['referenced access profile must be defined'],
    }),
    block(
      'local-gateway',
      'Address on which tunnels are accepted',
      [
        leaf('address', { type: 'ipv4', unicast: true }, 'IPv4 address of the gateway', {
          mandatory: true,
          effect: 'ends-sessions',
          checks: ["tunnel group 'NAME' has the same local gateway address"],
        }),
        leaf('gateway-name', NAME, 'Host name told to peers', { effect: 'new-tunnels' }),
      ],
      { mandatory: true, effect: 'ends-sessions' },
    ),
    leaf('maximum-send-window', U16, "Ceiling on the peer's receive window", {
      default: 32,
      unit: 'packets',
      effect: 'new-tunnels',
    }),
    leaf('ppp-access-profile', NAME, 'Profile that validates PPP users', {
      mandatory: true,
      names: 'profile',
      effect: 'new-tunnels',
      checks: ['referenced access profile must be defined'],
    }),
    leaf('receive-window', U16, 'Control packets handled concurrently', {
      default: 16,
      unit: 'packets',
      effect: 'new-tunnels',
    }),
    leaf('retransmit-interval', U16, 'Longest time between retransmissions', {
      default: 30,
      unit: 'seconds',
      effect: 'new-tunnels',
      checks: ['warning: RFC 2661 section 5.8 asks for a ceiling of no less than 8 seconds'],
    }),
    leaf(
      'service-interface',
      {
        type: 'text',
        max: 63,
        pattern: /^(sp-\d{1,2}\/\d\/\d(\.\d{1,5})?|rsp\d{1,2}(\.\d{1,5})?)$/,
        message: 'Must be a services interface: sp-fpc/pic/port or rspN',
      },
      'Services interface that does the work',
      {
        mandatory: true,
        names: 'services-interface',
        effect: 'ends-sessions',
        checks: ['Interface must be defined in the interfaces hierarchy'],
      },
    ),
    syslog,
    leaf('tunnel-timeout', U16, 'Time without an acknowledgement after which the peer is lost', {
      default: 120,
      unit: 'seconds',
      effect: 'new-tunnels',
    }),
  ],
  { effect: 'ends-sessions' },
);

/** `file NAME files N size N match REGEX (world-readable | no-world-readable)`. */
export const traceFile = (status: { status?: 'later' }, name: string): Statement =>
  block(
    'file',
    'Trace file',
    [
      leaf(
        'filename',
        {
          type: 'text',
          max: 255,
          pattern: /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/,
          message: 'Must be the name of a file, without directories',
        },
        'Name of the file',
        { ...status, positional: true, default: name },
      ),
      leaf('size', { type: 'size', min: 10 * 1024, max: 1024 ** 3 }, 'Size at which a new one begins', {
        ...status,
        default: '128k',
        unit: 'octets',
      }),
      leaf('files', uint(2, 1000), 'Files kept', { ...status, default: 3 }),
      flag('world-readable', 'Anybody may read it', { ...status, choice: 'readable' }),
      flag('no-world-readable', 'Only its owner may read it', { ...status, choice: 'readable' }),
      leaf('match', { type: 'regex', max: 255 }, 'Regular expression for the lines written', status),
    ],
    { ...status, layout: 'inline', since: '10.4' },
  );

const traceoptions = block(
  'traceoptions',
  'Traces of L2TP',
  [
    leaf(
      'debug-level',
      oneOf({ detail: 'Details', error: 'Errors', 'packet-dump': 'Contents of packets' }),
      'Detail of protocol traces',
      { checks: MATCH_FLAG_PROTOCOL('debug-level') },
    ),
    traceFile({}, 'l2tpd'),
    block('filter', 'What is traced', [
      list('protocol', oneOf({ l2tp: 'L2TP', ppp: 'PPP', radius: 'RADIUS', udp: 'UDP' }), 'A protocol', [], {
        checks: MATCH_FLAG_PROTOCOL('Filter protocol'),
      }),
      leaf('user-name', { type: 'text', max: 64 }, 'A user', {
        since: '13.1',
        checks: MATCH_FLAG_PROTOCOL('Filter user name'),
      }),
    ]),
    list('flag', oneOf(TRACE_FLAGS), 'Events traced', []),
    list(
      'interfaces',
      SERVICES_PIC,
      'Traces of a services interface',
      [
        leaf(
          'debug-level',
          oneOf({ detail: 'Details', error: 'Errors', extensive: 'Everything the PIC knows' }),
          'Detail of the traces',
          { default: 'error' },
        ),
        list(
          'flag',
          oneOf({
            all: 'Everything',
            ipc: 'Messages between packet path and control plane',
            'packet-dump': 'Contents of packets',
            protocol: 'L2TP, PPP and multilink handling',
            system: 'Packet processing',
          }),
          'Events traced',
          [],
        ),
      ],
      { names: 'services-pic' },
    ),
    leaf('level', oneOf(TRACE_LEVELS), 'Least severity; where it is not set the flags alone decide', { since: '10.4' }),
    flag('no-remote-trace', 'Keep traces here', { since: '10.4' }),
  ],
  { effect: 'at-once' },
);

export const L2TP = block('l2tp', 'L2TP network server', [tunnelGroup, traceoptions]);
