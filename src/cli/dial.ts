import { Lac, type LacStatus } from '../emulator/lac.ts';
import { UsageError } from '../errors.ts';
import type { AuthMethod } from '../ppp/types.ts';
import { parseIpv4, parseIpv6 } from '../wire/address.ts';

type Method = 'chap' | 'pap' | 'mschap-v2';
const methodOf = (word: Method): AuthMethod => (word === 'chap' ? 'chap-md5' : word);

interface DialOptions {
  server: string;
  port: number;
  tunnels: number;
  sessions: number;
  name: string;
  secret?: string;
  hide?: boolean;
  user: string;
  password?: string;
  auth: 'any' | Method;
  proxy?: Method | 'none';
  local: string;
  onePort?: boolean;
  rate: number;
  traffic: number;
  size: number;
  target: string;
  echo: 'udp' | 'icmp';
  duration: number;
  loss: number;
  seed: number;
  sequencing?: boolean;
  hello: number;
  shards: number;
  timeout: number;
  json?: boolean;
  portable?: boolean;
}

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

const median = (values: number[], part: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
};

/** Dials, sends traffic, and says what came of it. Exit status 1 where not every session came up. */
export async function dial(options: DialOptions): Promise<void> {
  for (const address of [options.server, options.target, options.local])
    if (parseIpv4(address) === null && parseIpv6(address) === null)
      throw new UsageError(`'${address}' is not an IP address`);
  const secret = options.secret ?? process.env.LNS_SECRET ?? null;
  if (options.hide === true && secret === null) throw new UsageError('--hide needs the shared secret (--secret)');
  const password = options.password ?? process.env.LNS_PASSWORD ?? '';
  const say = (line: string): void => console.error(line);
  const lac = new Lac({
    profiles: [
      {
        server: { address: options.server, port: options.port },
        tunnels: options.tunnels,
        sessionsPerTunnel: options.sessions,
        hostName: options.name,
        secret,
        hideAvps: options.hide === true,
        user: options.user,
        password,
        methods: options.auth === 'any' ? ['chap-md5', 'pap', 'mschap-v2'] : [methodOf(options.auth)],
        sequencing: options.sequencing === true,
        proxy: options.proxy === undefined ? null : options.proxy === 'none' ? [] : [methodOf(options.proxy)],
      },
    ],
    localAddress: options.local,
    onePort: options.onePort === true,
    shards: options.shards,
    setupRate: options.rate,
    traffic: { kind: options.echo, target: options.target, octets: options.size, burst: 8 },
    loss: options.loss,
    seed: options.seed,
    helloIntervalMs: options.hello * 1000,
    portable: options.portable === true,
    log: say,
  });
  const interrupted = interruption();
  await lac.start();
  const progress = setInterval(() => say(progressLine(lac.status)), 1000);
  await Promise.race([lac.settled(options.timeout * 1000), interrupted]);
  const { status } = lac;
  say(progressLine(status));
  let seconds = 0;
  if (options.traffic > 0 && status.sessionsUp > 0) {
    const from = performance.now();
    lac.setTraffic(options.traffic);
    await pause(options.duration === 0 ? Number.POSITIVE_INFINITY : options.duration * 1000, interrupted);
    lac.setTraffic(0);
    seconds = (performance.now() - from) / 1000;
    // What is under way comes in, also after Ctrl-C.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  clearInterval(progress);
  const { traffic } = lac;
  const summary = {
    tunnels: status.tunnelsUp,
    sessions: status.sessionsUp,
    wanted: status.wanted,
    failed: status.failed,
    lost: lac.status.lost,
    failures: Object.fromEntries(lac.failures),
    setup: {
      seconds: round(lac.setupMs / 1000, 3),
      perSecond: Math.round(status.sessionsUp / Math.max(lac.setupMs / 1000, 0.001)),
      p50Ms: round(median(lac.setupTimes, 0.5), 1),
      p99Ms: round(median(lac.setupTimes, 0.99), 1),
    },
    traffic:
      seconds === 0
        ? null
        : {
            seconds: round(seconds, 2),
            octets: options.size,
            sent: traffic.sent,
            received: traffic.received,
            sentPerSecond: Math.round(traffic.sent / seconds),
            receivedPerSecond: Math.round(traffic.received / seconds),
            lossPart: traffic.sent === 0 ? 0 : round(1 - (traffic.received + traffic.bad) / traffic.sent, 6),
            reordered: traffic.reordered,
            bad: traffic.bad,
            rttUs: { p50: traffic.p50, p99: traffic.p99, max: traffic.max },
          },
  };
  await lac.stop();
  if (options.json === true) console.log(JSON.stringify(summary));
  else console.log(formatSummary(summary));
  if (status.sessionsUp < status.wanted || summary.lost > 0 || status.tunnelsUp < options.tunnels) process.exitCode = 1;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const progressLine = (status: LacStatus): string =>
  `tunnels ${status.tunnelsUp}  sessions ${status.sessionsUp} of ${status.wanted}${status.failed > 0 ? `  failed ${status.failed}` : ''}`;

function formatSummary(summary: {
  tunnels: number;
  sessions: number;
  wanted: number;
  failed: number;
  lost: number;
  failures: Record<string, number>;
  setup: { seconds: number; perSecond: number; p50Ms: number; p99Ms: number };
  traffic: {
    seconds: number;
    octets: number;
    sent: number;
    received: number;
    sentPerSecond: number;
    receivedPerSecond: number;
    lossPart: number;
    reordered: number;
    bad: number;
    rttUs: { p50: number | null; p99: number | null; max: number | null };
  } | null;
}): string {
  const { setup, traffic } = summary;
  const lines = [
    `Tunnels up     ${summary.tunnels}`,
    `Sessions up    ${summary.sessions} of ${summary.wanted}`,
    `Set-up         ${setup.seconds} s, ${setup.perSecond} sessions/s, p50 ${setup.p50Ms} ms, p99 ${setup.p99Ms} ms`,
  ];
  const waiting = summary.wanted - summary.sessions - summary.failed;
  if (waiting > 0) lines.push(`Not up         ${waiting}: the LNS did not answer in time`);
  if (summary.lost > 0) lines.push(`Lost           ${summary.lost} sessions that were up`);
  for (const [reason, count] of Object.entries(summary.failures)) lines.push(`Failed         ${count}: ${reason}`);
  if (traffic !== null)
    lines.push(
      `Traffic        ${traffic.seconds} s of ${traffic.octets}-octet packets`,
      `  sent         ${traffic.sent} (${traffic.sentPerSecond}/s)`,
      `  came back    ${traffic.received} (${traffic.receivedPerSecond}/s)`,
      `  loss         ${(traffic.lossPart * 100).toFixed(4)} %`,
      `  reordered    ${traffic.reordered}, damaged ${traffic.bad}`,
      `  round trip   p50 ${traffic.rttUs.p50 ?? '-'} us, p99 ${traffic.rttUs.p99 ?? '-'} us, max ${traffic.rttUs.max ?? '-'} us`,
    );
  return lines.join('\n');
}
