import { block, flag, leaf, list, NAME, type Statement, type ValueType } from '../statement.ts';

const NEW_SESSIONS = { effect: 'new-sessions' } as const;
const BITS: ValueType = { type: 'rate', min: 8000, max: 100_000_000_000 };
const OCTETS: ValueType = { type: 'rate', min: 1500, max: 100_000_000_000 };

const filter = list(
  'filter',
  NAME,
  'Filter that a Filter-Id names',
  [
    list(
      'term',
      NAME,
      'Term; one without conditions gives the rate',
      [
        block(
          'then',
          'What is done',
          [
            flag('accept', 'Let packets pass', NEW_SESSIONS),
            leaf('policer', NAME, 'Policer that limits the packets', {
              ...NEW_SESSIONS,
              names: 'policer',
              checks: ['referenced policer must be defined'],
            }),
          ],
          { open: true },
        ),
      ],
      { open: true },
    ),
  ],
  { ...NEW_SESSIONS, open: true },
);

/** Of a router's firewall, what says the rates that a Filter-Id stands for. */
export const FIREWALL: Statement = block(
  'firewall',
  'Policers and filters',
  [
    block('family', 'Filters of a family', [block('inet', 'IPv4', [filter], { open: true })], { open: true }),
    filter,
    list(
      'policer',
      NAME,
      'Rate limit',
      [
        block('if-exceeding', 'Limits', [
          leaf('bandwidth-limit', BITS, 'Rate', { ...NEW_SESSIONS, mandatory: true, unit: 'bits per second' }),
          leaf('burst-size-limit', OCTETS, 'What may go at once', {
            ...NEW_SESSIONS,
            mandatory: true,
            unit: 'octets',
          }),
        ]),
        block('then', 'What becomes of the rest', [flag('discard', 'It is dropped', NEW_SESSIONS)], { open: true }),
      ],
      { ...NEW_SESSIONS, open: true },
    ),
  ],
  { open: true },
);
