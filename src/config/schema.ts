/** What a value may be. */
export type ValueType =
  | { readonly type: 'uint'; readonly min: number; readonly max: number }
  | { readonly type: 'int'; readonly min: number; readonly max: number }
  | { readonly type: 'text'; readonly max: number; readonly pattern?: RegExp; readonly message?: string }
  | { readonly type: 'secret'; readonly max: number }
  | { readonly type: 'ipv4' }
  | { readonly type: 'address' }
  | { readonly type: 'prefix4' }
  | { readonly type: 'enum'; readonly values: readonly string[] };

/**
 * How far a statement goes today: `honoured` acts, `later` is understood and checked but not acted on yet (a warning
 * says so), `opaque` is another part of a router's configuration, taken as it is (one warning).
 */
export type Status = 'honoured' | 'later' | 'opaque';
/** When a change takes effect (reference: "What a configuration change does to running tunnels and sessions"). */
export type Effect = 'new-tunnels' | 'ends-sessions' | 'at-once';

/** One statement, declared once: parser, checks, display and manual come from here. */
export interface Statement {
  readonly keyword: string;
  /** `list`: an entry a key, `leaf`: one value, `values`: several, `flag`: present or not, `container`: a block. */
  readonly kind: 'container' | 'list' | 'leaf' | 'values' | 'flag';
  readonly status: Status;
  readonly description: string;
  readonly key?: ValueType;
  readonly value?: ValueType;
  readonly children?: readonly Statement[];
  /** What holds where it is not set, in the statement's unit. */
  readonly default?: string | number;
  readonly effect?: Effect;
  /** Must be there when its block is. */
  readonly mandatory?: boolean;
  /** At most one statement of a choice in a block. */
  readonly choice?: string;
  readonly since?: string;
}

const NAME: ValueType = { type: 'text', max: 63 };
const GROUP_NAME: ValueType = {
  type: 'text',
  max: 63,
  pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
  message:
    'Must be a string beginning with a number or letter and consisting of letters, numbers, dashes and underscores.',
};
const IDENTIFIER: ValueType = {
  type: 'text',
  max: 63,
  pattern: /^[A-Za-z0-9][_0-9A-Za-z-]{0,62}$/,
  message:
    'Must be a string beginning with a number or letter and consisting of letters, numbers, dashes and underscores.',
};
const TEXT: ValueType = { type: 'text', max: 255 };
const U16: ValueType = { type: 'uint', min: 0, max: 65535 };
const uint = (min: number, max: number): ValueType => ({ type: 'uint', min, max });
const oneOf = (...values: string[]): ValueType => ({ type: 'enum', values });

type Extra = Partial<Omit<Statement, 'keyword' | 'kind' | 'description' | 'status'>> & { status?: Status };
const make = (keyword: string, kind: Statement['kind'], description: string, extra: Extra): Statement => ({
  keyword,
  kind,
  description,
  status: 'honoured',
  ...extra,
});
const leaf = (keyword: string, value: ValueType, description: string, extra: Extra = {}): Statement =>
  make(keyword, 'leaf', description, { value, ...extra });
const flag = (keyword: string, description: string, extra: Extra = {}): Statement =>
  make(keyword, 'flag', description, extra);
const block = (keyword: string, description: string, children: readonly Statement[], extra: Extra = {}): Statement =>
  make(keyword, 'container', description, { children, ...extra });
const list = (
  keyword: string,
  key: ValueType,
  description: string,
  children: readonly Statement[],
  extra: Extra = {},
): Statement => make(keyword, 'list', description, { key, children, ...extra });
const opaque = (keyword: string, description: string): Statement =>
  make(keyword, 'container', description, { status: 'opaque' });

const LATER: Extra = { status: 'later' };
const SEVERITY = oneOf('any', 'emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'none');
const L2TP_TRACE_FLAGS = oneOf(
  'all',
  'authentication',
  'configuration',
  'events',
  'general',
  'gres',
  'init',
  'ipc-rx',
  'ipc-tx',
  'memory',
  'message',
  'packet-error',
  'parse',
  'protocol',
  'receive-packets',
  'routing-process',
  'routing-socket',
  'rpd',
  'session-db',
  'states',
  'stats',
  'timer',
  'transmit-packets',
  'tunnel',
);

const tunnelGroup = list(
  'tunnel-group',
  GROUP_NAME,
  'One LNS: a local address, a services interface and the profiles that judge tunnels and users',
  [
    leaf('hello-interval', U16, 'Seconds of silence before a HELLO; 0 sends none', {
      default: 60,
      effect: 'new-tunnels',
    }),
    flag('hide-avps', 'Hide AVPs where the shared secret is known', { effect: 'new-tunnels' }),
    leaf('l2tp-access-profile', NAME, 'Profile whose clients validate tunnel requests', {
      mandatory: true,
      effect: 'new-tunnels',
    }),
    block(
      'local-gateway',
      'Address on which tunnels are accepted',
      [
        leaf('address', { type: 'ipv4' }, 'IPv4 address of the gateway', { mandatory: true, effect: 'ends-sessions' }),
        leaf('gateway-name', NAME, 'Host name told to peers', { effect: 'new-tunnels' }),
      ],
      { mandatory: true },
    ),
    leaf('maximum-send-window', U16, "Ceiling on the peer's receive window, in packets", {
      default: 32,
      effect: 'new-tunnels',
    }),
    leaf('ppp-access-profile', NAME, 'Profile that validates PPP users', { mandatory: true, effect: 'new-tunnels' }),
    leaf('receive-window', U16, 'Control packets handled concurrently', { default: 16, effect: 'new-tunnels' }),
    leaf('retransmit-interval', U16, 'Longest time between retransmissions, in seconds', {
      default: 30,
      effect: 'new-tunnels',
    }),
    leaf(
      'service-interface',
      {
        type: 'text',
        max: 63,
        pattern: /^(sp-\d+\/\d+\/\d+(\.\d+)?|rsp\d+)$/,
        message: 'Must be a services interface: sp-fpc/pic/port or rspN',
      },
      'Services interface that does the work',
      { mandatory: true, effect: 'ends-sessions' },
    ),
    block(
      'syslog',
      'System log messages of the group',
      [
        list('host', { type: 'text', max: 255, pattern: /^[A-Za-z0-9._:-]+$/ }, 'Log host', [
          leaf('services', SEVERITY, 'Least severity that is logged', LATER),
          leaf(
            'facility-override',
            oneOf(
              'authorization',
              'daemon',
              'ftp',
              'kernel',
              'user',
              'local0',
              'local1',
              'local2',
              'local3',
              'local4',
              'local5',
              'local6',
              'local7',
            ),
            'Facility of the messages',
            LATER,
          ),
          leaf(
            'log-prefix',
            { type: 'text', max: 15, pattern: /^[^ =:]+$/, message: 'Must be a string of 15 characters or less' },
            'Text before each message',
            LATER,
          ),
          leaf('port', uint(1, 65535), 'UDP port of the host', LATER),
        ]),
      ],
      { ...LATER, effect: 'at-once' },
    ),
    leaf('tunnel-timeout', U16, 'Seconds without an acknowledgement after which the peer is lost', {
      default: 120,
      effect: 'new-tunnels',
    }),
  ],
  { effect: 'ends-sessions' },
);

const l2tp = block('l2tp', 'L2TP network server', [
  tunnelGroup,
  block(
    'traceoptions',
    'Trace files',
    [
      leaf('debug-level', oneOf('detail', 'error', 'packet-dump'), 'Detail of protocol traces', LATER),
      block(
        'file',
        'Trace file',
        [
          leaf('files', uint(2, 1000), 'Files kept', { ...LATER, default: 3 }),
          leaf('size', { type: 'text', max: 16, pattern: /^\d+[kmg]?$/ }, 'Largest size', LATER),
          leaf('match', TEXT, 'Regular expression of lines', LATER),
          flag('world-readable', 'Anybody may read it', LATER),
          flag('no-world-readable', 'Only its owner may read it', LATER),
        ],
        LATER,
      ),
      block(
        'filter',
        'What is traced',
        [
          list('protocol', oneOf('l2tp', 'ppp', 'radius', 'udp'), 'A protocol', [], LATER),
          leaf('user-name', { type: 'text', max: 64 }, 'A user', LATER),
        ],
        LATER,
      ),
      list('flag', L2TP_TRACE_FLAGS, 'Events traced', [], LATER),
      leaf('level', oneOf('all', 'error', 'info', 'notice', 'verbose', 'warning'), 'Least severity', LATER),
      list(
        'interfaces',
        { type: 'text', max: 63, pattern: /^sp-\d+\/\d+\/\d+$/, message: 'Must be a services interface' },
        'Traces of a services interface',
        [
          leaf('debug-level', oneOf('detail', 'error', 'extensive'), 'Detail', LATER),
          list('flag', oneOf('all', 'ipc', 'packet-dump', 'protocol', 'system'), 'Events traced', [], LATER),
        ],
        LATER,
      ),
      flag('no-remote-trace', 'Keep traces here', LATER),
    ],
    { ...LATER, effect: 'at-once' },
  ),
]);

const servers = (status: Extra = {}): Statement[] => [
  leaf('primary-dns', { type: 'ipv4' }, 'First name server offered', status),
  leaf('secondary-dns', { type: 'ipv4' }, 'Second name server offered', status),
  leaf('primary-wins', { type: 'ipv4' }, 'First NetBIOS name server offered', status),
  leaf('secondary-wins', { type: 'ipv4' }, 'Second NetBIOS name server offered', status),
];
const pppAttributes = (own: readonly Statement[]): Statement[] => [
  flag('cell-overhead', 'Count ATM cell overhead', LATER),
  leaf('encapsulation-overhead', { type: 'int', min: -63, max: 64 }, 'Octets for class of service', LATER),
  leaf('framed-pool', NAME, 'Pool that gives the address'),
  leaf('idle-timeout', uint(0, 4294967295), 'Seconds without traffic; 0 = never', { ...LATER, default: 0 }),
  leaf('interface-id', IDENTIFIER, 'Units that take the sessions'),
  leaf('keepalive', uint(0, 32767), 'Seconds between LCP Echo-Requests; 0 = none', { ...LATER, default: 30 }),
  ...servers(),
  ...own,
];
const multilink = block(
  'multilink',
  'Accept Multilink PPP',
  [
    leaf('drop-timeout', uint(0, 2000), 'Milliseconds a fragment waits', { ...LATER, default: 0 }),
    leaf('fragment-threshold', uint(128, 9192), 'Packets larger than this are fragmented', LATER),
  ],
  LATER,
);
const l2tpAttributes = (own: readonly Statement[]): Statement[] => [
  leaf('interface-id', IDENTIFIER, 'Units for sessions whose user brings none'),
  flag('lcp-renegotiation', 'Negotiate LCP anew with the client (always done: proxied LCP is not taken over)', LATER),
  flag('local-chap', "Challenge the client, whatever the LAC's proxy authentication says (always done)", LATER),
  leaf('maximum-sessions-per-tunnel', U16, 'Sessions in one tunnel; 0 = unlimited', { default: 0 }),
  multilink,
  ...own,
];
const radiusServer = (keyword: string): Statement =>
  list(
    keyword,
    { type: 'address' },
    'RADIUS server',
    [
      leaf('accounting-port', uint(1, 65535), 'UDP port for accounting', { ...LATER, default: 1813 }),
      leaf('port', uint(1, 65535), 'UDP port for authentication', { ...LATER, default: 1812 }),
      leaf('retry', uint(1, 100), 'Times a request is sent', { ...LATER, default: 3 }),
      leaf('routing-instance', NAME, 'Routing instance of the server', LATER),
      leaf('secret', { type: 'secret', max: 255 }, 'Shared secret', LATER),
      leaf('source-address', { type: 'address' }, 'Our address', LATER),
      leaf('timeout', uint(1, 1000), 'Seconds to wait for an answer', { ...LATER, default: 3 }),
    ],
    LATER,
  );

const access = block('access', 'Profiles of LACs and users, address pools, RADIUS', [
  list('address-pool', IDENTIFIER, 'Addresses for clients', [
    leaf('address', { type: 'prefix4' }, 'All addresses of a prefix', { choice: 'range' }),
    block(
      'address-range',
      'From the low to the high address',
      [
        leaf('low', { type: 'ipv4' }, 'First address', { mandatory: true }),
        leaf('high', { type: 'ipv4' }, 'Last address', { mandatory: true }),
      ],
      { choice: 'range' },
    ),
  ]),
  list('group-profile', NAME, 'Attributes shared by clients', [
    block('l2tp', 'For LACs', l2tpAttributes([])),
    block(
      'ppp',
      'For users',
      pppAttributes([
        block('ppp-options', 'Authentication offered', [flag('pap', 'PAP', LATER), flag('chap', 'CHAP', LATER)], {
          ...LATER,
          since: '12.3',
        }),
      ]),
    ),
  ]),
  list('profile', NAME, 'Clients: LACs, or users', [
    make('accounting-order', 'values', 'Where accounting goes', { value: oneOf('radius'), ...LATER }),
    make('authentication-order', 'values', 'Who judges, in turn', {
      value: oneOf('radius', 'password', 'none'),
      default: 'password',
    }),
    list('client', { type: 'text', max: 255 }, 'A LAC or user by name; * is any LAC', [
      leaf('chap-secret', { type: 'secret', max: 255 }, 'Secret for CHAP'),
      leaf('pap-password', { type: 'secret', max: 255 }, 'Password for PAP'),
      leaf('group-profile', NAME, 'Attributes where the client has none of its own'),
      leaf('user-group-profile', NAME, 'Attributes for the users of a LAC'),
      block(
        'l2tp',
        'A LAC',
        l2tpAttributes([
          leaf('ppp-authentication', oneOf('chap', 'pap'), 'Method demanded of users', { default: 'chap' }),
          leaf('ppp-profile', NAME, "Profile that validates this LAC's users"),
          leaf('shared-secret', { type: 'secret', max: 64 }, 'Tunnel authentication and AVP hiding'),
          leaf('aaa-access-profile', NAME, 'Overrides the profile of the routing instance', {
            ...LATER,
            since: 'later (MX)',
          }),
        ]),
      ),
      block(
        'ppp',
        'A user',
        pppAttributes([
          leaf('framed-ip-address', { type: 'prefix4' }, 'Fixed address'),
          leaf('keepalive-retries', uint(3, 32767), 'Echo-Requests without an answer', { ...LATER, default: 10 }),
        ]),
      ),
    ]),
    block(
      'client-name-filter',
      'Authenticate only these names',
      [
        leaf('domain-name', TEXT, 'Domain', LATER),
        leaf('separator', { type: 'text', max: 1 }, 'Character before the domain', LATER),
        leaf('count', uint(0, 255), 'Which separator', LATER),
      ],
      LATER,
    ),
    radiusServer('radius-server'),
  ]),
  leaf('radius-disconnect-port', uint(1, 65535), 'UDP port of the disconnect server', { ...LATER, default: 1700 }),
  list(
    'radius-disconnect',
    { type: 'address' },
    'Who may ask for a disconnect',
    [leaf('secret', { type: 'secret', max: 255 }, 'Shared secret', LATER)],
    LATER,
  ),
  radiusServer('radius-server'),
]);

const unit = list('unit', uint(0, 16385), 'Logical interface', [
  block('dial-options', 'L2TP sessions of the unit', [
    leaf('l2tp-interface-id', IDENTIFIER, 'Name by which profiles pick the unit'),
    leaf('ipsec-interface-id', IDENTIFIER, 'Name by which IPsec picks the unit', LATER),
    flag('dedicated', 'One session at a time', { choice: 'mode' }),
    flag('shared', 'Many sessions', { choice: 'mode' }),
  ]),
  block('family', 'Protocol family', [
    block('inet', 'IPv4', [
      list('address', { type: 'prefix4' }, 'Our address', []),
      opaque('filter', 'Packet filters'),
      leaf('mtu', uint(256, 9192), 'Largest packet', LATER),
    ]),
    block('inet6', 'IPv6', [list('address', { type: 'text', max: 64 }, 'Our address', [], LATER)], LATER),
    block('mlppp', 'Bundle', [leaf('bundle', TEXT, 'Bundle interface', LATER)], LATER),
  ]),
  leaf('description', TEXT, 'For people'),
  leaf('encapsulation', TEXT, 'Encapsulation', LATER),
  leaf('service-domain', oneOf('inside', 'outside'), 'Service domain', LATER),
]);
/** A services interface: `sp-f/p/0`. */
export const SERVICE_INTERFACE = list('interface', TEXT, 'Services interface', [
  block('traceoptions', 'Traces', [list('flag', oneOf('all'), 'Events traced', [], LATER)], LATER),
  leaf('description', TEXT, 'For people'),
  unit,
]);
/** Redundant services interfaces: `rspN`. */
export const REDUNDANT_INTERFACE = list('interface', TEXT, 'Redundant services interface', [
  block(
    'redundancy-options',
    'The pair',
    [
      leaf('primary', TEXT, 'Active while it works', LATER),
      leaf('secondary', TEXT, 'Takes over', LATER),
      flag('hot-standby', 'One secondary for one primary', LATER),
    ],
    LATER,
  ),
  unit,
]);

/** The top of the configuration. `interfaces` has its own entries by name: see `bind.ts`. */
export const ROOT: readonly Statement[] = [
  leaf('version', TEXT, 'Release that wrote the file'),
  block('services', 'Services', [l2tp]),
  access,
  block('interfaces', 'Interfaces', []),
  block('system', 'The router', [leaf('host-name', { type: 'text', max: 255 }, 'Name told to peers')]),
  ...[
    'chassis',
    'routing-options',
    'routing-instances',
    'protocols',
    'policy-options',
    'firewall',
    'forwarding-options',
    'class-of-service',
    'security',
    'snmp',
    'event-options',
    'applications',
    'accounting-options',
    'logical-systems',
  ].map((keyword) => opaque(keyword, 'Another part of the router')),
];
