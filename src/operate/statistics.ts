import type { Call, Lns, LnsTunnel } from '../server/lns.ts';

/** Packets and octets both ways; octets of data are those of IP packets. */
export interface Traffic {
  controlTxPackets: number;
  controlTxOctets: number;
  controlRxPackets: number;
  controlRxOctets: number;
  dataTxPackets: number;
  dataTxOctets: number;
  dataRxPackets: number;
  dataRxOctets: number;
  errorTxPackets: number;
  errorRxPackets: number;
}
const NAMES = [
  'controlTxPackets',
  'controlTxOctets',
  'controlRxPackets',
  'controlRxOctets',
  'dataTxPackets',
  'dataTxOctets',
  'dataRxPackets',
  'dataRxOctets',
  'errorTxPackets',
  'errorRxPackets',
] as const;
export const noTraffic = (): Traffic => ({
  controlTxPackets: 0,
  controlTxOctets: 0,
  controlRxPackets: 0,
  controlRxOctets: 0,
  dataTxPackets: 0,
  dataTxOctets: 0,
  dataRxPackets: 0,
  dataRxOctets: 0,
  errorTxPackets: 0,
  errorRxPackets: 0,
});
export function addTraffic(sum: Traffic, more: Traffic): void {
  for (const name of NAMES) sum[name] += more[name];
}

/** Since when a session, tunnel or bundle counts, and what it had counted by then: no counter is ever written. */
interface Baseline {
  readonly traffic: Traffic;
  readonly since: Date;
}
const baselines = new WeakMap<object, Baseline>();

/** Counts from here on: `clear … statistics`. */
export function setBaseline(thing: object, traffic: Traffic): void {
  baselines.set(thing, { traffic, since: new Date() });
}
/** What was counted since the last `setBaseline`, or since `created`. */
export function sinceBaseline(thing: object, traffic: Traffic, created: Date): { traffic: Traffic; since: Date } {
  const baseline = baselines.get(thing);
  if (baseline === undefined) return { traffic, since: created };
  const difference = noTraffic();
  // A counter that went back (its session has ended) shows 0, not less.
  for (const name of NAMES) difference[name] = Math.max(0, traffic[name] - baseline.traffic[name]);
  return { traffic: difference, since: baseline.since };
}

/** All that a session has counted. */
export function sessionTraffic(lns: Lns, call: Call): Traffic {
  if (call.row === 0) return noTraffic();
  const counters = lns.plane.tables.sessionCounters(call.row);
  return {
    controlTxPackets: counters.txControlPackets,
    controlTxOctets: counters.txControlOctets,
    controlRxPackets: counters.rxControlPackets,
    controlRxOctets: counters.rxControlOctets,
    dataTxPackets: counters.txPackets,
    dataTxOctets: counters.txOctets,
    dataRxPackets: counters.rxPackets,
    dataRxOctets: counters.rxOctets,
    errorTxPackets: counters.txErrors,
    errorRxPackets: counters.rxErrors,
  };
}
/** All that a tunnel has counted: its control messages, and the data of its sessions, ended ones included. */
export function tunnelTraffic(lns: Lns, tunnel: LnsTunnel): Traffic {
  const sum = noTraffic();
  for (const call of tunnel.calls.values()) addTraffic(sum, sessionTraffic(lns, call));
  sum.dataTxPackets += tunnel.ended.txPackets;
  sum.dataTxOctets += tunnel.ended.txOctets;
  sum.dataRxPackets += tunnel.ended.rxPackets;
  sum.dataRxOctets += tunnel.ended.rxOctets;
  sum.errorTxPackets += tunnel.ended.txErrors;
  sum.errorRxPackets += tunnel.ended.rxErrors;
  // Control messages are the tunnel's; PPP's frames are counted with their sessions.
  sum.controlTxPackets = tunnel.controlTxPackets;
  sum.controlTxOctets = tunnel.controlTxOctets;
  sum.controlRxPackets = tunnel.controlRxPackets;
  sum.controlRxOctets = tunnel.controlRxOctets;
  return sum;
}
/** Milliseconds of the shared clock at which data last went either way; 0: never. */
export function lastData(lns: Lns, calls: Iterable<Call>): number {
  let last = 0;
  for (const call of calls) {
    if (call.row === 0) continue;
    const { lastRx, lastTx } = lns.plane.tables.sessionCounters(call.row);
    last = Math.max(last, lastRx, lastTx);
  }
  return last;
}
