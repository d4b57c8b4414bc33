import { block, leaf, list, oneOf, type Statement, TEXT, uint, values } from '../statement.ts';

/** Permissions of a login class that make it see, and those that make it change. */
const PERMISSIONS = oneOf({
  all: 'Everything',
  access: 'See profiles',
  'access-control': 'Change profiles',
  clear: 'Clear sessions, tunnels and counters',
  configure: 'Enter configuration mode',
  control: 'Change the configuration',
  interface: 'See interfaces',
  'interface-control': 'Change interfaces',
  maintenance: 'Maintain the system',
  reset: 'Restart parts of the system',
  secret: 'See secrets',
  'secret-control': 'Change secrets',
  system: 'See the system',
  'system-control': 'Change the system',
  view: 'See state and statistics',
  'view-configuration': 'See the configuration',
});
export const LOGIN_CLASSES = {
  operator: 'See, clear, reset',
  'read-only': 'See',
  'super-user': 'Everything',
  unauthorized: 'Nothing',
} as const;

export const SYSTEM = block(
  'system',
  'The router',
  [
    leaf('host-name', { type: 'text', max: 255 }, 'Name told to peers', { effect: 'new-tunnels' }),
    block('login', 'Who may use the command line', [
      list(
        'class',
        { type: 'text', max: 64 },
        'Permissions by name',
        [values('permissions', PERMISSIONS, 'What its users may do', { effect: 'at-once' })],
        { open: true },
      ),
      list(
        'user',
        { type: 'text', max: 64 },
        'A user, known by the ids of the process that connects',
        [
          leaf(
            'class',
            { type: 'text', max: 64 },
            `Login class: its own, or ${Object.keys(LOGIN_CLASSES).join(', ')}`,
            {
              mandatory: true,
              effect: 'at-once',
              checks: ['login class must be defined'],
            },
          ),
          leaf('full-name', TEXT, 'For people'),
          leaf('gid', uint(0, 4294967294), 'Every process with this group id', { effect: 'at-once', since: 'ours' }),
          leaf('uid', uint(0, 4294967294), 'Processes with this user id', { effect: 'at-once' }),
        ],
        { open: true },
      ),
    ]),
    block(
      'services',
      'Ways in',
      [
        block(
          'local-cli',
          'Unix socket of the command line',
          [
            leaf('group', { type: 'text', max: 64 }, 'Group that may connect', { effect: 'restart', since: 'ours' }),
            leaf('socket', { type: 'text', max: 100 }, 'Path of the socket', { effect: 'restart', since: 'ours' }),
          ],
          { since: 'ours' },
        ),
      ],
      { open: true },
    ),
  ],
  { open: true },
);

const pic = list(
  'pic',
  uint(0, 3),
  'PIC slot',
  [
    block(
      'adaptive-services',
      'Adaptive services PIC',
      [
        leaf(
          'service-package',
          oneOf({ 'layer-2': 'Link services', 'layer-3': 'Stateful services' }),
          'What runs on the PIC',
          { default: 'layer-3', effect: 'ends-sessions' },
        ),
      ],
      { open: true },
    ),
  ],
  { sorted: true, open: true },
);
export const CHASSIS: Statement = block(
  'chassis',
  'The chassis',
  [
    list('fpc', uint(0, 11), 'FPC slot', [pic], { sorted: true, open: true }),
    block('fpc-feb-connectivity', 'Forwarding boards of an M120', [
      list(
        'fpc',
        uint(0, 5),
        'FPC slot',
        [
          leaf(
            'feb',
            { type: 'text', max: 4, pattern: /^([0-5]|none)$/, message: 'Must be 0 to 5, or none' },
            'Forwarding board',
            { mandatory: true, effect: 'ends-sessions' },
          ),
        ],
        { sorted: true, layout: 'inline' },
      ),
    ]),
    leaf('model', oneOf({ m7i: 'M7i', m10i: 'M10i', m120: 'M120' }), 'Router to be, in place of --platform', {
      effect: 'restart',
      since: 'ours',
    }),
  ],
  { open: true },
);
