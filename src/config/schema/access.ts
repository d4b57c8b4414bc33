import {
  block,
  flag,
  IDENTIFIER,
  LATER,
  leaf,
  list,
  NAME,
  oneOf,
  PORT,
  SECRET,
  type Statement,
  TEXT,
  U16,
  uint,
  values,
} from '../statement.ts';

const NEW_SESSIONS = { effect: 'new-sessions' } as const;
const nameServer = (keyword: string, description: string): Statement =>
  leaf(keyword, { type: 'ipv4' }, description, NEW_SESSIONS);

const pppAttributes = (own: readonly Statement[]): Statement[] => [
  flag('cell-overhead', 'Count ATM cell overhead in class of service', { ...LATER, ...NEW_SESSIONS }),
  leaf('encapsulation-overhead', { type: 'int', min: -63, max: 64 }, 'Overhead that class of service counts', {
    ...LATER,
    ...NEW_SESSIONS,
    unit: 'octets',
    since: '8.3',
  }),
  ...own.filter(({ keyword }) => keyword === 'framed-ip-address'),
  leaf('framed-pool', NAME, 'Pool that gives the address', {
    ...NEW_SESSIONS,
    names: 'address-pool',
    checks: ['referenced address pool must be defined'],
  }),
  leaf('idle-timeout', uint(0, 4294967295), 'Time without traffic after which the session ends; 0 = never', {
    ...NEW_SESSIONS,
    default: 0,
    unit: 'seconds',
  }),
  leaf('interface-id', IDENTIFIER, 'Units that take the sessions', { ...NEW_SESSIONS, names: 'interface-id' }),
  leaf('keepalive', uint(0, 32767), 'Time between LCP Echo-Requests; 0 = none', {
    ...NEW_SESSIONS,
    default: 30,
    unit: 'seconds',
  }),
  ...own.filter(({ keyword }) => keyword !== 'framed-ip-address'),
  nameServer('primary-dns', 'First name server offered'),
  nameServer('primary-wins', 'First NetBIOS name server offered'),
  nameServer('secondary-dns', 'Second name server offered'),
  nameServer('secondary-wins', 'Second NetBIOS name server offered'),
];
const multilink = block(
  'multilink',
  'Accept Multilink PPP',
  [
    leaf('drop-timeout', uint(0, 2000), 'Time that a first fragment waits for the rest; 0 = for good', {
      ...NEW_SESSIONS,
      default: 0,
      unit: 'milliseconds',
    }),
    leaf('fragment-threshold', uint(128, 9192), 'Packets larger than this are sent in fragments', {
      ...NEW_SESSIONS,
      unit: 'octets',
    }),
  ],
  { ...NEW_SESSIONS, presence: true },
);
const l2tpAttributes = (own: readonly Statement[]): Statement[] => [
  ...own.filter(({ keyword }) => keyword < 'interface-id'),
  leaf('interface-id', IDENTIFIER, 'Units for sessions whose user brings none', {
    ...NEW_SESSIONS,
    names: 'interface-id',
  }),
  flag('lcp-renegotiation', 'Negotiate LCP anew with the client, whatever the LAC agreed on', {
    ...NEW_SESSIONS,
  }),
  leaf(
    'load-balance',
    oneOf('automatic', 'per-session', 'per-tunnel'),
    "Work on a tunnel's sessions on one core or on all",
    {
      default: 'automatic',
      effect: 'new-tunnels',
      since: 'ours',
    },
  ),
  flag('local-chap', "Challenge the client, whatever the LAC's proxy authentication says", {
    ...NEW_SESSIONS,
  }),
  leaf('maximum-sessions-per-tunnel', U16, 'Sessions in one tunnel; 0 = unlimited', {
    default: 0,
    effect: 'new-tunnels',
  }),
  multilink,
  ...own.filter(({ keyword }) => keyword >= 'interface-id'),
];

const radiusServer = list(
  'radius-server',
  { type: 'address' },
  'RADIUS server',
  [
    leaf('accounting-port', PORT, 'UDP port for accounting', { default: 1813 }),
    leaf('max-outstanding-requests', uint(1, 2000), 'Requests without an answer at one time', {
      default: 255,
      since: 'later',
    }),
    leaf('port', PORT, 'UDP port for authentication', { default: 1812 }),
    flag('require-message-authenticator', 'Drop answers without a Message-Authenticator (RFC 3579)', {
      since: 'ours',
    }),
    leaf('retry', uint(1, 100), 'Times a request is sent', { default: 3 }),
    leaf('routing-instance', NAME, 'Routing instance of the server', LATER),
    leaf('secret', SECRET, 'Shared secret', { mandatory: true }),
    leaf('source-address', { type: 'address' }, 'Our address'),
    leaf('timeout', uint(1, 1000), 'Time to wait for an answer', { default: 3, unit: 'seconds' }),
  ],
  { effect: 'at-once', keyName: 'address' },
);

const addressPool = list('address-pool', IDENTIFIER, 'Addresses for clients', [
  leaf('address', { type: 'prefix4' }, 'All addresses of a prefix', { ...NEW_SESSIONS, choice: 'range' }),
  block(
    'address-range',
    'From the low to the high address',
    [
      leaf('low', { type: 'ipv4' }, 'First address', { ...NEW_SESSIONS, mandatory: true }),
      leaf('high', { type: 'ipv4' }, 'Last address', { ...NEW_SESSIONS, mandatory: true }),
    ],
    { ...NEW_SESSIONS, choice: 'range', layout: 'inline', checks: ['the low address is above the high one'] },
  ),
]);

const groupProfile = list(
  'group-profile',
  NAME,
  'Attributes shared by clients',
  [
    block('l2tp', 'For LACs', l2tpAttributes([])),
    block(
      'ppp',
      'For users',
      pppAttributes([
        block(
          'ppp-options',
          'Authentication offered',
          [flag('chap', 'CHAP', { ...LATER, ...NEW_SESSIONS }), flag('pap', 'PAP', { ...LATER, ...NEW_SESSIONS })],
          { ...LATER, since: '12.3' },
        ),
      ]),
    ),
  ],
  { checks: ['A group-profile can have either PPP or L2TP attributes only'] },
);

const client = list(
  'client',
  { type: 'text', max: 255 },
  'A LAC or user by name; * is any LAC',
  [
    leaf('chap-secret', SECRET, 'Secret for CHAP', {
      ...NEW_SESSIONS,
      checks: ['Cannot define CHAP secret for L2TP tunnel client'],
    }),
    leaf('group-profile', NAME, 'Attributes where the client has none of its own', {
      ...NEW_SESSIONS,
      names: 'group-profile',
      checks: ['referenced group-profile must be defined', 'ppp client cannot have l2tp group-profile and vice-versa'],
    }),
    block(
      'l2tp',
      'A LAC',
      l2tpAttributes([
        leaf('aaa-access-profile', NAME, 'Overrides the profile of the routing instance', {
          ...LATER,
          names: 'profile',
          since: 'MX',
        }),
        values(
          'ppp-authentication',
          oneOf({ chap: 'CHAP with MD5', pap: 'PAP', 'mschap-v2': 'MS-CHAP version 2' }),
          'Methods demanded of users, the first first; the next where the user refuses it',
          { ...NEW_SESSIONS, default: 'chap' },
        ),
        leaf('ppp-profile', NAME, "Profile that validates this LAC's users", {
          ...NEW_SESSIONS,
          names: 'profile',
          checks: [
            'referenced access profile must be defined',
            'clients of referenced profile must have only PPP attributes',
          ],
        }),
        leaf('shared-secret', { type: 'secret', max: 64 }, 'Tunnel authentication and AVP hiding', {
          effect: 'new-tunnels',
        }),
      ]),
      { presence: true },
    ),
    leaf('pap-password', SECRET, 'Password for PAP', {
      ...NEW_SESSIONS,
      checks: ['Cannot define PAP password for L2TP tunnel client'],
    }),
    block(
      'ppp',
      'A user',
      pppAttributes([
        leaf('framed-ip-address', { type: 'prefix4' }, 'Fixed address', NEW_SESSIONS),
        leaf('keepalive-retries', uint(3, 32767), 'Echo-Requests without an answer that end the session', {
          ...NEW_SESSIONS,
          default: 10,
          since: 'later',
        }),
      ]),
      { presence: true },
    ),
    leaf('user-group-profile', NAME, 'Attributes for the users of a LAC', {
      ...NEW_SESSIONS,
      names: 'group-profile',
      checks: [
        'user-group-profile must be defined only for tunnel clients',
        'referenced group-profile must be defined',
        'referenced user-group-profile must have only ppp attributes',
      ],
    }),
  ],
  { sorted: true },
);

const profile = list(
  'profile',
  NAME,
  'Clients: LACs, or users',
  [
    block(
      'accounting',
      'RADIUS accounting',
      [
        leaf('update-interval', uint(10, 1440), 'Time between interim updates; none where it is not set', {
          ...NEW_SESSIONS,
          unit: 'minutes',
        }),
      ],
      { since: 'MX' },
    ),
    values('accounting-order', oneOf({ radius: 'RADIUS' }), 'Where accounting goes', {
      ...NEW_SESSIONS,
      since: '8.0',
      checks: ['Not supported in tunnel client profile configuration'],
    }),
    values(
      'authentication-order',
      oneOf({ none: 'Let everybody in', password: "The profile's clients", radius: 'RADIUS' }),
      'Who judges, in turn',
      {
        ...NEW_SESSIONS,
        default: 'password',
        checks: ['Authentication-order cannot include RADIUS for tunnel client profile'],
      },
    ),
    client,
    block(
      'client-name-filter',
      'Authenticate only these names',
      [
        leaf('count', uint(0, 255), 'Which separator', { ...LATER, ...NEW_SESSIONS, default: 0 }),
        leaf('domain-name', TEXT, 'Domain', { ...LATER, ...NEW_SESSIONS }),
        leaf('separator', { type: 'text', max: 1 }, 'Character before the domain', { ...LATER, ...NEW_SESSIONS }),
      ],
      { ...LATER, since: 'later' },
    ),
    { ...radiusServer, checks: ['Not supported in L2TP configuration'] },
  ],
  { checks: ['All clients in one profile must be either PPP or L2TP or IKE'] },
);

export const ACCESS = block('access', 'Profiles of LACs and users, address pools, RADIUS', [
  addressPool,
  groupProfile,
  profile,
  list(
    'radius-disconnect',
    { type: 'address' },
    'Who may ask for a disconnect',
    [leaf('secret', SECRET, 'Shared secret', { mandatory: true })],
    { effect: 'at-once' },
  ),
  leaf('radius-disconnect-port', PORT, 'UDP port of the disconnect server', {
    default: 1700,
    effect: 'at-once',
  }),
  radiusServer,
]);
