/** Control connection states, spelled as in RFC 2661 section 7.2.1. */
export type TunnelState = 'idle' | 'wait-ctl-reply' | 'wait-ctl-conn' | 'established';
export type TunnelInput =
  | 'open'
  | 'close'
  | 'recv-sccrq'
  | 'recv-sccrq-unacceptable'
  | 'recv-sccrq-lost-tie'
  | 'recv-sccrp'
  | 'recv-sccrp-unacceptable'
  | 'recv-scccn'
  | 'recv-scccn-unacceptable'
  | 'recv-stopccn';
export type TunnelAction = 'send-sccrq' | 'send-sccrp' | 'send-scccn' | 'send-stopccn' | 'tunnel-open' | 'clean-up';
export type TunnelRow = readonly [next: TunnelState, ...actions: TunnelAction[]];

const tunnelStop: TunnelRow = ['idle', 'send-stopccn', 'clean-up'];
const tunnelClean: TunnelRow = ['idle', 'clean-up'];

/** Section 7.2.1, both roles. Every pair is there: what the RFC's table leaves out is a finite state machine error. */
export const TUNNEL_TABLE: Record<TunnelState, Record<TunnelInput, TunnelRow>> = {
  idle: {
    open: ['wait-ctl-reply', 'send-sccrq'],
    close: tunnelClean,
    'recv-sccrq': ['wait-ctl-conn', 'send-sccrp'],
    'recv-sccrq-unacceptable': tunnelStop,
    'recv-sccrq-lost-tie': tunnelClean,
    'recv-sccrp': tunnelStop,
    'recv-sccrp-unacceptable': tunnelStop,
    'recv-scccn': tunnelClean,
    'recv-scccn-unacceptable': tunnelClean,
    'recv-stopccn': tunnelClean,
  },
  'wait-ctl-reply': {
    open: ['wait-ctl-reply'],
    close: tunnelStop,
    'recv-sccrq': tunnelStop,
    'recv-sccrq-unacceptable': tunnelStop,
    'recv-sccrq-lost-tie': tunnelClean,
    'recv-sccrp': ['established', 'send-scccn', 'tunnel-open'],
    'recv-sccrp-unacceptable': tunnelStop,
    'recv-scccn': tunnelStop,
    'recv-scccn-unacceptable': tunnelStop,
    'recv-stopccn': tunnelClean,
  },
  'wait-ctl-conn': {
    open: ['wait-ctl-conn'],
    close: tunnelStop,
    'recv-sccrq': tunnelStop,
    'recv-sccrq-unacceptable': tunnelStop,
    'recv-sccrq-lost-tie': tunnelClean,
    'recv-sccrp': tunnelStop,
    'recv-sccrp-unacceptable': tunnelStop,
    'recv-scccn': ['established', 'tunnel-open'],
    'recv-scccn-unacceptable': tunnelStop,
    'recv-stopccn': tunnelClean,
  },
  established: {
    open: ['established', 'tunnel-open'],
    close: tunnelStop,
    'recv-sccrq': tunnelStop,
    'recv-sccrq-unacceptable': tunnelStop,
    'recv-sccrq-lost-tie': tunnelStop,
    'recv-sccrp': tunnelStop,
    'recv-sccrp-unacceptable': tunnelStop,
    'recv-scccn': tunnelStop,
    'recv-scccn-unacceptable': tunnelStop,
    'recv-stopccn': tunnelClean,
  },
};

/** Incoming call states: the LAC's of section 7.4.1 (the call itself has arrived already), the LNS's of 7.4.2. */
export type SessionState = 'idle' | 'wait-tunnel' | 'wait-reply' | 'wait-connect' | 'established';
export type SessionInput =
  | 'open'
  | 'tunnel-open'
  | 'close'
  | 'recv-icrq'
  | 'recv-icrq-unacceptable'
  | 'recv-icrp'
  | 'recv-icrp-unacceptable'
  | 'recv-iccn'
  | 'recv-iccn-unacceptable'
  | 'recv-cdn';
export type SessionAction = 'send-icrq' | 'send-icrp' | 'send-iccn' | 'send-cdn' | 'call-open' | 'clean-up';
export type SessionRow = readonly [next: SessionState, ...actions: SessionAction[]];

const callStop: SessionRow = ['idle', 'send-cdn', 'clean-up'];
const callClean: SessionRow = ['idle', 'clean-up'];
const callErrors = {
  'recv-icrq': callStop,
  'recv-icrq-unacceptable': callStop,
  'recv-icrp': callStop,
  'recv-icrp-unacceptable': callStop,
  'recv-iccn': callStop,
  'recv-iccn-unacceptable': callStop,
} as const satisfies Partial<Record<SessionInput, SessionRow>>;

/** Sections 7.4.1 and 7.4.2; every pair is there. */
export const SESSION_TABLE: Record<SessionState, Record<SessionInput, SessionRow>> = {
  idle: {
    ...callErrors,
    open: ['wait-tunnel'],
    'tunnel-open': ['idle'],
    close: callClean,
    'recv-icrq': ['wait-connect', 'send-icrp'],
    'recv-iccn': callClean,
    'recv-iccn-unacceptable': callClean,
    'recv-cdn': callClean,
  },
  'wait-tunnel': {
    ...callErrors,
    open: ['wait-tunnel'],
    'tunnel-open': ['wait-reply', 'send-icrq'],
    close: callClean,
    'recv-cdn': callClean,
  },
  'wait-reply': {
    ...callErrors,
    open: ['wait-reply'],
    'tunnel-open': ['wait-reply'],
    close: callStop,
    'recv-icrp': ['established', 'send-iccn', 'call-open'],
    'recv-cdn': callClean,
  },
  'wait-connect': {
    ...callErrors,
    open: ['wait-connect'],
    'tunnel-open': ['wait-connect'],
    close: callStop,
    'recv-iccn': ['established', 'call-open'],
    'recv-cdn': callClean,
  },
  established: {
    ...callErrors,
    open: ['established'],
    'tunnel-open': ['established'],
    close: callStop,
    'recv-cdn': callClean,
  },
};
