/** States of the option negotiation automaton, RFC 1661 section 4.2. */
export type PppState =
  | 'Initial'
  | 'Starting'
  | 'Closed'
  | 'Stopped'
  | 'Closing'
  | 'Stopping'
  | 'Req-Sent'
  | 'Ack-Rcvd'
  | 'Ack-Sent'
  | 'Opened';

/** Events, section 4.3. */
export type PppInput =
  | 'Up'
  | 'Down'
  | 'Open'
  | 'Close'
  | 'TO+'
  | 'TO-'
  | 'RCR+'
  | 'RCR-'
  | 'RCA'
  | 'RCN'
  | 'RTR'
  | 'RTA'
  | 'RUC'
  | 'RXJ+'
  | 'RXJ-'
  | 'RXR';

/** Actions, section 4.4. */
export type PppActionName =
  | 'tlu'
  | 'tld'
  | 'tls'
  | 'tlf'
  | 'irc'
  | 'zrc'
  | 'scr'
  | 'sca'
  | 'scn'
  | 'str'
  | 'sta'
  | 'scj'
  | 'ser';

export type PppRow = readonly [next: PppState, ...actions: PppActionName[]];

const ORDER: readonly PppState[] = [
  'Initial',
  'Starting',
  'Closed',
  'Stopped',
  'Closing',
  'Stopping',
  'Req-Sent',
  'Ack-Rcvd',
  'Ack-Sent',
  'Opened',
];

/** Section 4.1, as printed there: a cell is "actions/next state", "-" cannot happen. The options r, p, x and the like are not used. */
const PRINTED: Record<PppInput, string> = {
  Up: '2 | irc,scr/6 | - | - | - | - | - | - | - | -',
  Down: '- | - | 0 | tls/1 | 0 | 1 | 1 | 1 | 1 | tld/1',
  Open: 'tls/1 | 1 | irc,scr/6 | 3 | 5 | 5 | 6 | 7 | 8 | 9',
  Close: '0 | tlf/0 | 2 | 2 | 4 | 4 | irc,str/4 | irc,str/4 | irc,str/4 | tld,irc,str/4',
  'TO+': '- | - | - | - | str/4 | str/5 | scr/6 | scr/6 | scr/8 | -',
  'TO-': '- | - | - | - | tlf/2 | tlf/3 | tlf/3 | tlf/3 | tlf/3 | -',
  'RCR+': '- | - | sta/2 | irc,scr,sca/8 | 4 | 5 | sca/8 | sca,tlu/9 | sca/8 | tld,scr,sca/8',
  'RCR-': '- | - | sta/2 | irc,scr,scn/6 | 4 | 5 | scn/6 | scn/7 | scn/6 | tld,scr,scn/6',
  RCA: '- | - | sta/2 | sta/3 | 4 | 5 | irc/7 | scr/6 | irc,tlu/9 | tld,scr/6',
  RCN: '- | - | sta/2 | sta/3 | 4 | 5 | irc,scr/6 | scr/6 | irc,scr/8 | tld,scr/6',
  RTR: '- | - | sta/2 | sta/3 | sta/4 | sta/5 | sta/6 | sta/6 | sta/6 | tld,zrc,sta/5',
  RTA: '- | - | 2 | 3 | tlf/2 | tlf/3 | 6 | 6 | 8 | tld,scr/6',
  RUC: '- | - | scj/2 | scj/3 | scj/4 | scj/5 | scj/6 | scj/7 | scj/8 | scj/9',
  'RXJ+': '- | - | 2 | 3 | 4 | 5 | 6 | 6 | 8 | 9',
  'RXJ-': '- | - | tlf/2 | tlf/3 | tlf/2 | tlf/3 | tlf/3 | tlf/3 | tlf/3 | tld,irc,str/5',
  RXR: '- | - | 2 | 3 | 4 | 5 | 6 | 7 | 8 | ser/9',
};

/** Every state and input; what cannot happen changes nothing. */
export const PPP_TABLE: Readonly<Record<PppState, Readonly<Record<PppInput, PppRow>>>> = Object.fromEntries(
  ORDER.map((state, column) => [
    state,
    Object.fromEntries(
      Object.entries(PRINTED).map(([input, line]) => {
        const cell = line.split('|')[column]!.trim();
        if (cell === '-') return [input, [state]];
        const [actions, next] = cell.includes('/') ? cell.split('/') : ['', cell];
        return [
          input,
          [ORDER[Number(next)], ...actions!.split(',').filter((action) => action !== '')] as unknown as PppRow,
        ];
      }),
    ),
  ]),
) as Record<PppState, Record<PppInput, PppRow>>;

/** States in which the Restart timer runs (section 4.2). */
export const TIMED_STATES: ReadonlySet<PppState> = new Set(['Closing', 'Stopping', 'Req-Sent', 'Ack-Rcvd', 'Ack-Sent']);
