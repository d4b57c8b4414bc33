import type { ImpairedCounts } from '../dataplane/traffic.ts';
import { drawChart, svgDocument } from '../emulator/chart.ts';
import type { DialOptions } from './dial-options.ts';

export interface TrafficPoint {
  readonly atMs: number;
  /** Packets a second. */
  readonly offered: number;
  readonly sent: number;
  readonly received: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}
interface Setup {
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
export interface Device {
  readonly name: string;
  /** Namespace: empty for one without a name, null for our own. */
  readonly netns: string | null;
  readonly mtu: number;
  readonly addresses: number;
  readonly rungs: string;
  readonly seconds: number;
  readonly sent: { readonly packets: number; readonly octets: number };
  readonly received: { readonly packets: number; readonly octets: number };
  /** Times that packets of a flow crossed the device in one piece (TSO, USO). */
  readonly superPackets: { readonly sent: number; readonly received: number };
  /** Packets by reason. */
  readonly drops: Record<string, number>;
  /** The program's exit status, null without one, or where a signal ended it. */
  readonly status: number | null;
}
/** What `lns dial --json` prints: one object. */
export interface Dialled {
  readonly tunnels: number;
  readonly sessions: number;
  readonly bundles: number;
  /** Bundles that `--multilink` asked for; 0 without. */
  readonly bundlesWanted: number;
  readonly wanted: number;
  readonly failed: number;
  readonly lost: number;
  readonly failures: Record<string, number>;
  /** What may be amiss, where not all came up or nothing came back. */
  readonly hints: readonly string[];
  /** UDP ports. */
  readonly ports: number;
  readonly setup: Setup;
  readonly storm:
    | (Setup & {
        readonly sessionsBefore: number;
        readonly sessionsAfter: number;
        readonly silentSeconds: number;
        readonly silentAtMs: number;
        readonly redialAtMs: number;
        readonly failed: number;
      })
    | null;
  readonly traffic: {
    readonly seconds: number;
    readonly octets: number | readonly number[];
    readonly sent: number;
    readonly received: number;
    readonly sentPerSecond: number;
    readonly receivedPerSecond: number;
    readonly lossPart: number;
    readonly reordered: number;
    readonly duplicates: number;
    readonly bad: number;
    readonly rttUs: { p50: number | null; p99: number | null; p999: number | null; max: number | null };
    /** CPU time of the emulator for each packet sent or received. */
    readonly cpuNsPerPacket: number;
    /** A bundle is one. */
    perSession:
      | {
          session: number;
          tunnel: number;
          user: string;
          sent: number;
          lost: number;
          reordered: number;
          duplicates: number;
          bad: number;
          meanUs: number | null;
          maxUs: number | null;
        }[]
      | undefined;
  } | null;
  /** What went through the kernel interface. */
  readonly device: Device | null;
  readonly redundancy: {
    readonly stacks: number;
    /** Kills of a carrier. */
    readonly switches: number;
    readonly unanswered: number;
    readonly gapMs: { p50: number; p99: number; max: number };
    readonly timeline: {
      user: string;
      group: number;
      carried: { place: number; fromMs: number; toMs: number; packets: number }[];
    }[];
  } | null;
  readonly impaired: {
    readonly control: { lost: number; duplicated: number; reordered: number; delayed: number } | null;
    readonly data: ImpairedCounts;
  };
  /** [ms, tunnels up, sessions up]. */
  readonly curve: (readonly [number, number, number])[];
  readonly trafficCurve: readonly TrafficPoint[];
  readonly memoryMb: number;
}

const sizeName = (octets: number | readonly number[]): string =>
  typeof octets === 'number'
    ? `${octets}-octet packets`
    : `packets of ${[...new Set(octets)].sort((a, b) => a - b).join(', ')} octets`;
const us = (value: number | null): string => (value === null ? '-' : `${value} us`);
const pieces = (count: number): string => (count === 0 ? '' : `, ${count} super-packets`);
/** Timelines shown in the text; all are in the JSON. */
const TIMELINES = 10;

const SECRET_WORDS = 'LNS_SECRET in the environment, or --secret';
/** By what a failure's reason says. */
const HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/challenged without a shared secret/, `the LNS asks for a shared secret (${SECRET_WORDS})`],
  [/wrong Challenge Response/, `the LNS has another shared secret (${SECRET_WORDS})`],
  [
    /^StopCCN 4\b/,
    `the LNS does not let this LAC in: it wants another host name (--name), another secret (${SECRET_WORDS}), or calls from elsewhere (--local)`,
  ],
  [
    /authentication-failed|unknown user|wrong password|authenticat/i,
    'the user or the password is another (--user; LNS_PASSWORD in the environment, or --password), or the LNS wants another method (--auth)',
  ],
  [/Session ID|table is full|\bCDN 4\b/, 'the LNS has no room, or no address, for more sessions'],
];
/**
 * What a newcomer may want to look at. @param heard whether the LNS sent anything at all
 * @param refused why the kernel did not take a control message, empty where it did
 * @param waiting sessions that neither came up nor failed
 */
export function hintsOf(
  failures: ReadonlyMap<string, number>,
  heard: boolean,
  refused: string,
  waiting: number,
  traffic: Dialled['traffic'],
  bundlesMissing: boolean,
  options: Pick<DialOptions, 'server' | 'port' | 'tunnels' | 'target' | 'echo' | 'receive' | 'loss'>,
): string[] {
  const hints: string[] = [];
  const { server, port, target, echo } = options;
  if (refused !== '') hints.push(`the kernel did not send: ${refused}`);
  else if (!heard)
    hints.push(
      `nothing at all came from ${server} port ${port}: no LNS is there, a firewall drops UDP, or it ignores unknown LACs`,
    );
  else if (waiting > 0) hints.push('the LNS is slow, or refuses in silence: see its log; --timeout waits longer');
  for (const reason of failures.keys()) {
    const hint = HINTS.find(([pattern]) => pattern.test(reason))?.[1];
    if (hint !== undefined && !hints.includes(hint)) hints.push(hint);
  }
  if (bundlesMissing)
    hints.push(
      'sessions are up without their bundle: the LNS refused Multilink PPP (multilink in the profile of its client)',
    );
  if (traffic !== null && traffic.sent > 0 && traffic.received + traffic.bad === 0 && options.receive !== true)
    hints.push(
      echo === 'udp'
        ? `nothing came back: there is no UDP echo (port 7) at ${target} (--target; --echo icmp asks for less), or no way back from it`
        : `nothing came back: ${target} does not answer ICMP Echo (--target), or has no way back`,
    );
  return hints;
}

/** The summary for people. */
export function describe(result: Dialled, options: DialOptions): string {
  const { setup, storm, traffic, redundancy, impaired } = result;
  const lines = [
    `Tunnels up     ${result.tunnels} of ${options.tunnels}, by ${result.ports} UDP ports`,
    `Sessions up    ${result.sessions} of ${result.wanted}${result.bundlesWanted > 0 ? `, in ${result.bundles} of ${result.bundlesWanted} bundles` : ''}`,
  ];
  if (setup.perSecond > 0)
    lines.push(
      `Set-up         ${setup.seconds} s, ${setup.perSecond} sessions/s, p50 ${setup.p50Ms} ms, p99 ${setup.p99Ms} ms`,
    );
  for (const [reason, count] of Object.entries(result.failures)) lines.push(`Failed         ${count}: ${reason}`);
  const waiting = result.wanted - result.sessions - result.failed;
  if (waiting > 0) lines.push(`Not up         ${waiting}: the LNS did not answer in time`);
  for (const hint of result.hints) lines.push(`  perhaps      ${hint}`);
  if (result.lost > 0) lines.push(`Lost           ${result.lost} that had been up`);
  if (storm !== null)
    lines.push(
      `Storm          ${storm.sessionsBefore} sessions silent for ${storm.silentSeconds} s; ${storm.sessionsAfter} up again in ${storm.seconds} s, p50 ${storm.p50Ms} ms, p99 ${storm.p99Ms} ms`,
    );
  if (traffic !== null) {
    lines.push(
      `Traffic        ${traffic.seconds} s of ${sizeName(traffic.octets)}`,
      `  sent         ${traffic.sent} (${traffic.sentPerSecond}/s)`,
      `  came back    ${traffic.received} (${traffic.receivedPerSecond}/s)`,
      `  loss         ${(traffic.lossPart * 100).toFixed(4)} %`,
      `  reordered    ${traffic.reordered}, duplicates ${traffic.duplicates}, damaged ${traffic.bad}`,
      `  round trip   p50 ${us(traffic.rttUs.p50)}, p99 ${us(traffic.rttUs.p99)}, p99.9 ${us(traffic.rttUs.p999)}, max ${us(traffic.rttUs.max)}`,
      `  own CPU      ${traffic.cpuNsPerPacket} ns a packet sent or received`,
    );
    const sessions = traffic.perSession ?? [];
    const touched = sessions.filter(({ lost, reordered, duplicates, bad }) => lost + reordered + duplicates + bad > 0);
    if (touched.length > 0) {
      const worst = [...touched].sort((a, b) => b.lost + b.bad - a.lost - a.bad).slice(0, 3);
      lines.push(
        `  sessions     ${touched.length} of ${sessions.length} with loss, reordering, duplicates or damage; the worst:`,
      );
      for (const one of worst)
        lines.push(
          `               session ${one.session} (tunnel ${one.tunnel}): ${one.lost} of ${one.sent} lost, ${one.reordered} reordered, ${one.duplicates} duplicates, ${one.bad} damaged`,
        );
    }
  }
  const { device } = result;
  if (device !== null) {
    const place =
      device.netns === null ? '' : device.netns === '' ? ', in a namespace of its own' : `, in ${device.netns}`;
    lines.push(
      `Interface      ${device.name}${place}; MTU ${device.mtu}, ${device.addresses} addresses; ${device.seconds} s, ${device.rungs}`,
      `  sent         ${device.sent.packets} packets, ${device.sent.octets} octets${pieces(device.superPackets.sent)}`,
      `  received     ${device.received.packets} packets, ${device.received.octets} octets${pieces(device.superPackets.received)}`,
    );
    for (const [reason, count] of Object.entries(device.drops)) lines.push(`  dropped      ${count}: ${reason}`);
  }
  const { data } = impaired;
  if (data.lost + data.duplicated + data.reordered + data.delayed + data.full + data.received > 0)
    lines.push(
      `Impaired data  lost ${data.lost} out, ${data.received} in; duplicated ${data.duplicated}, reordered ${data.reordered}, delayed ${data.delayed}${data.full > 0 ? `; lost for want of room ${data.full}` : ''}`,
    );
  if (impaired.control !== null) {
    const { lost, duplicated, reordered, delayed } = impaired.control;
    lines.push(`Impaired ctrl  lost ${lost}, duplicated ${duplicated}, reordered ${reordered}, delayed ${delayed}`);
  }
  if (redundancy !== null) {
    const { gapMs } = redundancy;
    lines.push(
      `Redundancy     ${redundancy.stacks} addresses; carriers killed ${redundancy.switches}, next answer after p50 ${gapMs.p50} ms, p99 ${gapMs.p99} ms, max ${gapMs.max} ms${redundancy.unanswered > 0 ? `; no answer after ${redundancy.unanswered}` : ''}`,
    );
    for (const { user, carried } of redundancy.timeline.slice(0, TIMELINES))
      lines.push(
        `  ${user.padEnd(12)} ${carried.map(({ place, fromMs, toMs, packets }) => `${place}: ${fromMs}-${toMs} ms (${packets})`).join(', ')}`,
      );
  }
  return lines.join('\n');
}

/** The report as SVG. `histogram`: upper end of each bucket in microseconds, and its count. */
export function drawReport(
  result: Dialled,
  histogram: readonly (readonly [number, number])[],
  options: DialOptions,
): string {
  const seconds = (ms: number): number => ms / 1000;
  const charts = [
    drawChart({
      title: 'Sessions and tunnels up',
      x: 'seconds',
      y: 'up',
      series: [
        { name: 'sessions', points: result.curve.map(([at, , sessions]) => [seconds(at), sessions]) },
        { name: 'tunnels', points: result.curve.map(([at, tunnels]) => [seconds(at), tunnels]) },
      ],
    }),
  ];
  if (result.traffic !== null) {
    const points = result.trafficCurve;
    charts.push(
      drawChart({
        title: `Traffic, ${sizeName(result.traffic.octets)}`,
        x: 'seconds',
        y: 'packets a second',
        series: [
          { name: 'offered', points: points.map(({ atMs, offered }) => [seconds(atMs), offered]) },
          { name: 'sent', points: points.map(({ atMs, sent }) => [seconds(atMs), sent]) },
          { name: 'came back', points: points.map(({ atMs, received }) => [seconds(atMs), received]) },
        ],
      }),
    );
    const total = histogram.reduce((sum, [, count]) => sum + count, 0);
    let sum = 0;
    const beyond: [number, number][] = [];
    for (const [value, count] of histogram) {
      if (count === 0) continue;
      beyond.push([Math.max(1, value), (total - sum) / total]);
      sum += count;
    }
    charts.push(
      drawChart({
        title: 'Round trip: part of the packets that took longer',
        x: 'microseconds',
        y: 'part',
        logX: true,
        logY: true,
        series: [{ name: '', points: beyond }],
      }),
    );
  }
  return svgDocument(charts, describe({ ...result }, options).split('\n'));
}
