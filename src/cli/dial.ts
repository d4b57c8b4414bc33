import { closeSync, openSync, writeFileSync } from 'node:fs';
import { bucketValue, quantile } from '../dataplane/traffic.ts';
import { Lac } from '../emulator/lac.ts';
import { Redundancy } from '../emulator/redundancy.ts';
import type { LacStatus } from '../emulator/types.ts';
import { UsageError } from '../errors.ts';
import { formatIpv4 } from '../wire/address.ts';
import { type DialOptions, lacOptions } from './dial-options.ts';
import { type Device, type Dialled, describe, drawReport, hintsOf, type TrafficPoint } from './dial-report.ts';
import { throughDevice } from './dial-tun.ts';

/** Resolves after `ms`, or with true at once when the operator has had enough. */
export function pause(ms: number, interrupted: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = Number.isFinite(ms) ? setTimeout(() => resolve(false), ms) : null;
    void interrupted.then(() => {
      if (timer !== null) clearTimeout(timer);
      resolve(true);
    });
  });
}
/** Resolves at SIGINT or SIGTERM. */
export function interruption(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

/** Between two points of the traffic's curve. */
const POINT_MS = 500;
/** What is under way when the traffic stops has so long to come back. */
const LINGER_MS = 500;
/** How often sessions that share an address are looked at. */
const WATCH_MS = 2;

const percentile = (values: readonly number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
};
const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** Of the dialling that has just ended. */
function setupOf(lac: Lac): Dialled['setup'] {
  return {
    seconds: round(lac.setupMs / 1000, 3),
    perSecond: Math.round(lac.setupTimes.length / Math.max(lac.setupMs / 1000, 0.001)),
    p50Ms: round(percentile(lac.setupTimes, 0.5), 1),
    p99Ms: round(percentile(lac.setupTimes, 0.99), 1),
  };
}
const progressLine = (status: LacStatus, bundles = 0): string =>
  `tunnels ${status.tunnelsUp}  sessions ${status.sessionsUp} of ${status.wanted}${bundles > 0 ? `  bundles ${bundles}` : ''}${status.failed > 0 ? `  failed ${status.failed}` : ''}${status.lost > 0 ? `  lost ${status.lost}` : ''}`;

/** CPU time of this process so far, milliseconds. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** @throws UsageError where a report cannot be written to: better now than after the run */
function writable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    throw new UsageError(`--report: ${(error as Error).message}`);
  }
}

/**
 * Dials, sends traffic, and says what came of it. Exit status 1 where not every session came up, a packet was damaged,
 * or more was lost than --max-loss allows.
 */
export async function dial(options: DialOptions): Promise<void> {
  const say = (line: string): void => console.error(line);
  if (options.report !== undefined) writable(options.report);
  const lac = new Lac(lacOptions(options, say));
  let status = 0;
  let enough = false;
  const interrupted = interruption().then(() => {
    enough = true;
  });
  await lac.start();
  let line = (): string =>
    lac.heard ? progressLine(lac.status, lac.bundlesUp) : `no answer yet from ${options.server} port ${options.port}`;
  const progress = setInterval(() => say(line()), 1000);
  try {
    await Promise.race([lac.settled(options.timeout * 1000), interrupted]);
    let state = lac.status;
    say(progressLine(state, lac.bundlesUp));
    const failures = new Map(lac.failures);
    const setup = setupOf(lac);
    let storm: Dialled['storm'] = null;
    if (options.storm !== undefined && state.sessionsUp > 0) {
      storm = await stormOf(lac, options, interrupted, say);
      for (const [reason, count] of lac.failures) failures.set(reason, (failures.get(reason) ?? 0) + count);
      state = lac.status;
    }
    let traffic: Dialled['traffic'] = null;
    let redundancy: Dialled['redundancy'] = null;
    const points: TrafficPoint[] = [];
    if ((options.traffic > 0 || options.receive === true) && state.sessionsUp > 0) {
      const watched = options.redundant === undefined ? null : new Redundancy(lac.calls, options.seed);
      const calls = lac.calls;
      if (options.receive === true) say(`addresses ${lac.calls.map(({ address }) => formatIpv4(address)).join(' ')}`);
      say('traffic begins');
      const busy = await send(lac, options, points, watched, interrupted, (words) => {
        line = () => words;
      });
      traffic = trafficOf(lac, options, busy.seconds, busy.cpuMs);
      traffic.perSession = perSession(lac, calls);
      if (watched !== null) redundancy = redundancyOf(watched, busy.startedAt);
    }
    let device: Device | null = null;
    if (lac.device !== null && state.sessionsUp > 0 && !enough) {
      clearInterval(progress);
      const run = await throughDevice(lac, lac.device, options, interrupted, say);
      device = run.device;
      status = run.status;
    }
    const histogram = [...lac.plane.traffic.histogram()];
    const bundlesWanted = options.multilink === undefined ? 0 : Math.floor(state.wanted / options.multilink);
    const bundlesMissing = lac.bundlesUp < bundlesWanted && state.sessionsUp === state.wanted;
    const result: Dialled = {
      tunnels: state.tunnelsUp,
      sessions: state.sessionsUp,
      bundles: lac.bundlesUp,
      bundlesWanted,
      wanted: state.wanted,
      failed: state.failed,
      lost: lac.status.lost,
      failures: Object.fromEntries(failures),
      hints: hintsOf(
        failures,
        lac.heard,
        lac.heard ? '' : lac.refused,
        state.wanted - state.sessionsUp - state.failed,
        traffic,
        bundlesMissing,
        options,
      ),
      ports: lac.ports,
      setup,
      storm,
      traffic,
      device,
      redundancy,
      impaired: { control: lac.controlImpaired, data: lac.plane.traffic.impaired() },
      curve: lac.curve.map(({ at, tunnels, sessions }) => [Math.round(at), tunnels, sessions]),
      trafficCurve: points,
      memoryMb: Math.round(process.memoryUsage().rss / 1e6),
    };
    clearInterval(progress);
    if (options.report !== undefined)
      writeFileSync(
        options.report,
        drawReport(
          result,
          histogram.map((count, bucket) => [bucketValue(bucket), count] as const),
          options,
        ),
      );
    await lac.stop();
    if (options.json === true) {
      if (options.perSession !== true && result.traffic !== null) result.traffic.perSession = undefined;
      console.log(JSON.stringify(result));
    } else console.log(describe(result, options));
    const wrong =
      state.sessionsUp < state.wanted ||
      state.tunnelsUp < options.tunnels ||
      bundlesMissing ||
      (options.redundant === undefined && result.lost > 0) ||
      (traffic !== null && (traffic.bad > 0 || traffic.lossPart > options.maxLoss));
    process.exitCode = status !== 0 ? status : wrong ? 1 : 0;
  } finally {
    clearInterval(progress);
    await lac.stop();
  }
}

/** All fall silent, and after a while all dial at once. */
async function stormOf(
  lac: Lac,
  options: DialOptions,
  interrupted: Promise<void>,
  say: (line: string) => void,
): Promise<Dialled['storm']> {
  const before = lac.status.sessionsUp;
  const silentAt = lac.elapsedMs;
  lac.fallSilent();
  say(`storm: ${before} sessions fell silent`);
  await pause(options.storm! * 1000, interrupted);
  const redialAt = lac.elapsedMs;
  lac.redial(options.window ?? Number.POSITIVE_INFINITY, options.tunnelWindow ?? Number.POSITIVE_INFINITY);
  await Promise.race([lac.settled(options.timeout * 1000), interrupted]);
  say(progressLine(lac.status, lac.bundlesUp));
  return {
    sessionsBefore: before,
    sessionsAfter: lac.status.sessionsUp,
    silentSeconds: round((redialAt - silentAt) / 1000, 2),
    silentAtMs: Math.round(silentAt),
    redialAtMs: Math.round(redialAt),
    ...setupOf(lac),
    failed: lac.status.failed,
  };
}

async function send(
  lac: Lac,
  options: DialOptions,
  points: TrafficPoint[],
  watched: Redundancy | null,
  interrupted: Promise<void>,
  show: (words: string) => void,
): Promise<{ seconds: number; cpuMs: number; startedAt: number }> {
  const from = performance.now();
  const cpu = cpuMs();
  const rampMs = options.trafficRamp * 1000;
  const rateAt = (elapsed: number): number =>
    rampMs === 0 || elapsed >= rampMs || options.traffic === 0
      ? options.traffic
      : Math.max(1, Math.round((options.traffic * elapsed) / rampMs));
  lac.setTraffic(rateAt(0));
  const { traffic, tables } = lac.plane;
  let before = traffic.total(tables.sessionsHighest);
  let histogram = traffic.histogram();
  let at = from;
  const point = (): void => {
    const now = performance.now();
    const total = traffic.total(tables.sessionsHighest);
    const all = traffic.histogram();
    const seconds = (now - at) / 1000;
    const inside = all.map((count, index) => count - histogram[index]!);
    const entry = {
      atMs: Math.round(now - from),
      offered: rateAt(now - from),
      sent: Math.round((total.sent - before.sent) / seconds),
      received: Math.round((total.received - before.received) / seconds),
      p50Us: quantile(inside, 0.5),
      p99Us: quantile(inside, 0.99),
    };
    points.push(entry);
    show(
      `sent ${entry.sent}/s  came back ${entry.received}/s  round trip p50 ${entry.p50Us ?? '-'} us, p99 ${entry.p99Us ?? '-'} us`,
    );
    before = total;
    histogram = all;
    at = now;
  };
  const sampling = setInterval(point, POINT_MS);
  const ramping = rampMs === 0 ? null : setInterval(() => lac.setTraffic(rateAt(performance.now() - from)), 100);
  const watching =
    watched === null
      ? null
      : setInterval(() => watched.watch(performance.now(), (row) => traffic.session(row)), WATCH_MS);
  const killing =
    watched === null
      ? null
      : setInterval(() => {
          for (const call of watched.kill(performance.now())) lac.hangUp(call);
        }, options.killEvery);
  const { duration = 10 } = options;
  await pause(duration === 0 ? Number.POSITIVE_INFINITY : duration * 1000, interrupted);
  lac.setTraffic(0);
  const seconds = (performance.now() - from) / 1000;
  console.error('traffic ends');
  point();
  for (const timer of [sampling, ramping, watching, killing]) if (timer !== null) clearInterval(timer);
  const spent = cpuMs() - cpu;
  // What is under way comes in, also after Ctrl-C.
  await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
  return { seconds, cpuMs: spent, startedAt: from };
}

function trafficOf(lac: Lac, options: DialOptions, seconds: number, cpu: number): NonNullable<Dialled['traffic']> {
  const { sent, received, reordered, duplicates, bad, p50, p99, p999, max } = lac.traffic;
  return {
    seconds: round(seconds, 2),
    octets: options.size.length === 1 ? options.size[0]! : options.size,
    sent,
    received,
    sentPerSecond: Math.round(sent / seconds),
    receivedPerSecond: Math.round(received / seconds),
    lossPart: sent === 0 ? 0 : round(1 - (received + bad) / sent, 6),
    reordered,
    duplicates,
    bad,
    rttUs: { p50, p99, p999, max },
    cpuNsPerPacket: Math.round((cpu * 1e6) / Math.max(1, sent + received)),
    perSession: undefined,
  };
}
function perSession(lac: Lac, calls: Lac['calls']): NonNullable<NonNullable<Dialled['traffic']>['perSession']> {
  const seen = new Set<number>();
  const list: NonNullable<NonNullable<Dialled['traffic']>['perSession']> = [];
  for (const call of calls) {
    // A bundle is one.
    const row = call.bundle?.networkRow ?? call.row;
    if (row === 0 || seen.has(row)) continue;
    seen.add(row);
    const { sent, received, reordered, duplicates, bad, meanUs, maxUs } = lac.trafficOf(call);
    list.push({
      session: call.number,
      tunnel: call.tunnel.number,
      user: call.userName,
      sent,
      lost: Math.max(0, sent - received - bad),
      reordered,
      duplicates,
      bad,
      meanUs: meanUs === null ? null : round(meanUs, 1),
      maxUs,
    });
  }
  return list;
}

function redundancyOf(watched: Redundancy, startedAt: number): NonNullable<Dialled['redundancy']> {
  const gaps = watched.switches.map(({ gapMs }) => gapMs).filter((gap) => gap !== null);
  return {
    stacks: watched.stacks.length,
    switches: watched.switches.length,
    unanswered: watched.switches.length - gaps.length,
    gapMs: {
      p50: round(percentile(gaps, 0.5), 1),
      p99: round(percentile(gaps, 0.99), 1),
      max: round(percentile(gaps, 1), 1),
    },
    timeline: watched.stacks.map(({ user, group, reigns }) => ({
      user,
      group,
      carried: reigns.map(({ place, fromMs, toMs, packets }) => ({
        place: place + 1,
        fromMs: Math.round(fromMs - startedAt),
        toMs: Math.round(toMs - startedAt),
        packets,
      })),
    })),
  };
}
