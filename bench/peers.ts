// How do we compare with Debian's l2tpns? Both in turn in the middle of three network namespaces, under the same generator,
// alternating runs, medians. Needs root and the l2tpns package. Writes docs/performance-peers.{json,svg} and the table
// between the marks of docs/performance.md; with --smoke it measures little and writes nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dialled } from '../src/cli/dial-report.ts';
import { drawBars, drawChart, svgDocument } from '../src/emulator/chart.ts';
import {
  CORE,
  Lab,
  LNS,
  NOWHERE,
  type Peer,
  SECRET,
  SOCKET_BUFFER,
  startL2tpns,
  startOurs,
  startOursByXdp,
} from './peers/lab.ts';
import { dialled } from './server.ts';
import { line, smoke } from './support.ts';

const argument = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const runs = argument('runs', smoke ? 1 : 3);
const seconds = argument('seconds', smoke ? 0.5 : 1.5);
const rate = argument('rate', smoke ? 2000 : 100_000);
/** Parts of a run: set-up, up, down, trips, storm. With less than all nothing is written. */
const PARTS = ['setup', 'up', 'down', 'trips', 'storm'] as const;
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1]!.split(',') : PARTS;
const wants = (part: (typeof PARTS)[number]): boolean => (only as readonly string[]).includes(part);
/** Keeps the runs of the file that is there, and adds these. */
const add = process.argv.includes('--add');
/** Tunnels and sessions in each, where packets are counted. */
const SHAPES: readonly (readonly [tunnels: number, sessions: number])[] = smoke
  ? [
      [1, 1],
      [2, 2],
    ]
  : [
      [1, 1],
      [100, 10],
      [1, 100],
    ];
/**
 * No more calls in a tunnel than l2tpns leaves unacknowledged: it acknowledges an ICCN only with its next message, so that more of
 * them wait a second for ours to be sent again.
 */
const setup = { tunnels: smoke ? 2 : 400, sessions: smoke ? 3 : 4, again: smoke ? 2 : 90 };
const storm = {
  tunnels: argument('storm-tunnels', smoke ? 2 : 240),
  sessions: argument('storm-sessions', smoke ? 2 : 4),
};
const SIZES = smoke ? ['64', 'imix'] : ['64', '512', '1400', 'imix'];
/** Simple IMIX, its largest packet such that nobody has to fragment it. */
const IMIX = { dial: '64:7,576:4,1400:1', source: '64,576,64,64,576,64,64,1400,576,64,64,576' };
/** Parts of what l2tpns carries on one core, there and back. */
const LOADS = [1, 50, 90, 120] as const;

type Figures = Record<string, number>;
type Curve = { name: string; points: [number, number][] };
const folder = mkdtempSync(join(tmpdir(), 'lns-peers-'));
const lab = new Lab();
const generator = lab.in(lab.lac, 1);
const words = (t: number, s: number): string[] => [
  ...['--server', LNS, '--secret', SECRET, '--user', 'user', '--password', 'password', '--auth', 'chap'],
  ...['--tunnels', String(t), '--sessions', String(s), '--timeout', '60', '--retry', '1', '--local', '198.18.0.1'],
];
const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const complete = (result: Dialled, peer: Peer): Dialled => {
  if (result.sessions < result.wanted)
    throw new Error(
      `${peer.name}: ${result.sessions} of ${result.wanted} sessions came up: ${JSON.stringify(result.failures)}`,
    );
  return result;
};

/** Small unrelated packets: no two of one session in a row, but for the one session of 1 x 1. */
async function measureUp(peer: Peer, shape: readonly [number, number], size: string, figures: Figures): Promise<void> {
  let cpu = 0;
  let packets = 0;
  const traffic = [
    '--target',
    NOWHERE,
    '--size',
    size === 'imix' ? IMIX.dial : size,
    '--burst',
    '1',
    '--traffic',
    String(rate),
  ];
  const result = await dialled(
    [...words(...shape), '--window', '64', ...traffic, '--duration', String(seconds)],
    generator,
    (line) => {
      if (line === 'traffic begins') {
        cpu = -peer.cpuNs;
        packets = -lab.corePackets();
      } else if (line === 'traffic ends') {
        cpu += peer.cpuNs;
        packets += lab.corePackets();
      }
    },
  );
  const name = `up ${shape.join('x')} ${size}`;
  figures[`${name} ns`] = cpu / Math.max(1, packets);
  figures[`${name} loss %`] = Math.max(0, 100 - (packets * 100) / Math.max(1, complete(result, peer).traffic!.sent));
}
async function measureDown(
  peer: Peer,
  shape: readonly [number, number],
  size: string,
  figures: Figures,
): Promise<void> {
  let cpu = 0;
  const file = join(folder, 'addresses');
  let sent = 0;
  const sizes = size === 'imix' ? IMIX.source : size;
  const result = await dialled(
    [...words(...shape), '--window', '64', '--receive', '--duration', String(seconds + 1.2)],
    generator,
    (line) => {
      if (line.startsWith('addresses ')) writeFileSync(file, line.slice(10));
      else if (line === 'traffic begins') {
        cpu = -peer.cpuNs;
        const source = fileURLToPath(new URL('peers/source.ts', import.meta.url));
        const command = [...lab.in(lab.core, 1), process.execPath, source, file, sizes, String(rate), String(seconds)];
        const { stdout } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' });
        sent = JSON.parse(stdout).sent;
        cpu += peer.cpuNs;
      }
    },
  );
  const received = complete(result, peer).traffic?.received ?? 0;
  if (result.traffic!.bad > 0) throw new Error(`${peer.name}: ${result.traffic!.bad} packets damaged`);
  const name = `down ${shape.join('x')} ${size}`;
  figures[`${name} ns`] = cpu / Math.max(1, received);
  figures[`${name} loss %`] = Math.max(0, 100 - (received * 100) / Math.max(1, sent));
}
async function measureSetup(peer: Peer, figures: Figures): Promise<void> {
  figures['memory MB, idle'] = peer.residentOctets / 1e6;
  const still = smoke ? 300 : 3000;
  let idle = -peer.cpuNs;
  await settle(still);
  idle += peer.cpuNs;
  figures['idle CPU %, no session'] = idle / (still * 1e4);
  let cpu = -peer.cpuNs;
  let idleCpu = 0;
  let memory = 0;
  const result = await dialled(
    [...words(setup.tunnels, setup.sessions), '--receive', '--duration', smoke ? '0.3' : '4'],
    generator,
    (line) => {
      if (line === 'traffic begins') {
        cpu += peer.cpuNs;
        memory = peer.residentOctets;
        idleCpu = -peer.cpuNs;
      } else if (line === 'traffic ends') idleCpu += peer.cpuNs;
    },
  );
  complete(result, peer);
  figures['set-up sessions/s'] = result.setup.perSecond;
  figures['set-up CPU us a session'] = cpu / result.sessions / 1000;
  figures[`memory MB, ${result.wanted} sessions`] = memory / 1e6;
  figures[`idle CPU %, ${result.wanted} sessions`] = idleCpu / (result.traffic!.seconds * 1e7);
  // Once more, in a process that has done it before; l2tpns still counts the tunnels that have closed.
  await settle(1000);
  let again = -peer.cpuNs;
  const next = await dialled(
    [...words(setup.again, setup.sessions), '--receive', '--duration', '0.3'],
    generator,
    (line) => {
      if (line === 'traffic begins') again += peer.cpuNs;
    },
  );
  complete(next, peer);
  figures[`set-up CPU us a session, next ${next.wanted}`] = again / next.sessions / 1000;
}
/** There and back: an ICMP echo to the core host. `capacity`: packets/s of l2tpns, there and back, on one core. */
async function measureTrips(capacity: number, figures: Figures): Promise<void> {
  const [, shape] = SHAPES;
  for (const load of LOADS) {
    const offered = Math.round((capacity * load) / 100);
    const echo = ['--echo', 'icmp', '--target', CORE, '--burst', '1', '--traffic', String(offered)];
    const { traffic } = await dialled(
      [...words(...shape!), '--window', '64', ...echo, '--duration', String(seconds)],
      generator,
    );
    figures[`round trip us, ${load} % p50`] = traffic!.rttUs.p50 ?? Number.NaN;
    figures[`round trip us, ${load} % p99`] = traffic!.rttUs.p99 ?? Number.NaN;
    figures[`round trip loss %, ${load} %`] = traffic!.lossPart * 100;
  }
  figures['round trips/s at 100 %'] = capacity;
}
async function measureStorm(peer: Peer, curves: Curve[], figures: Figures): Promise<void> {
  const result = await dialled([...words(storm.tunnels, storm.sessions), '--storm', '1'], generator);
  const { sessionsAfter, seconds: took, redialAtMs } = result.storm!;
  figures['storm s'] = sessionsAfter < result.wanted ? Number.POSITIVE_INFINITY : took;
  figures['storm sessions up'] = sessionsAfter;
  curves.push({
    name: peer.name,
    points: result.curve.filter(([at]) => at >= redialAtMs).map(([at, , up]) => [(at - redialAtMs) / 1000, up]),
  });
}

/** A fresh server for each part: l2tpns has 500 tunnels, and those that closed count for a while. */
async function withPeer(start: (lab: Lab) => Promise<Peer>, part: (peer: Peer) => Promise<void>): Promise<void> {
  const peer = await start(lab);
  try {
    await part(peer);
  } finally {
    await peer.stop();
    await settle(300);
  }
}
/** Ours beside l2tpns, and how AF_XDP towards the core does where packets are counted. */
const NAMES = ['wasm-lns', 'wasm-lns --xdp-core', 'l2tpns'] as const;
const forEach = <T>(make: () => T): Record<string, T> => Object.fromEntries(NAMES.map((name) => [name, make()]));
/** One run of all, part by part in turn. */
async function once(curves: Curve[]): Promise<Record<string, Figures>> {
  const all = forEach((): Figures => ({}));
  const each = async (
    starts: readonly ((lab: Lab) => Promise<Peer>)[],
    part: (peer: Peer, figures: Figures) => Promise<void>,
  ): Promise<void> => {
    for (const start of starts) await withPeer(start, (peer) => part(peer, all[peer.name]!));
  };
  const both = (part: (peer: Peer, figures: Figures) => Promise<void>): Promise<void> =>
    each([startL2tpns, startOurs], part);
  if (wants('setup')) await both(measureSetup);
  for (const measureWay of [...(wants('up') ? [measureUp] : []), ...(wants('down') ? [measureDown] : [])])
    await each([startL2tpns, startOurs, startOursByXdp], async (peer, figures) => {
      for (const shape of SHAPES) for (const size of SIZES) await measureWay(peer, shape, size, figures);
    });
  const many = SHAPES[1]!.join('x');
  const theirs = all.l2tpns!;
  const capacity = 1e9 / (theirs[`up ${many} 64 ns`]! + theirs[`down ${many} 64 ns`]!);
  const trips = smoke ? 1000 : capacity || 80_000;
  if (wants('trips')) await both((_peer, figures) => measureTrips(trips, figures));
  if (wants('storm')) await both((peer, figures) => measureStorm(peer, curves, figures));
  return all;
}

const medianOf = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >>> 1]!;
const docs = new URL('../docs/', import.meta.url);
const results = new URL('performance-peers.json', docs);
const machine = `${cpus()[0]?.model.trim()} x${cpus().length}, Linux ${release()}, Node ${process.version}`;
const all = forEach((): Figures[] => []);
const storms: Curve[] = [];
if (add && existsSync(results)) {
  const before = JSON.parse(readFileSync(results, 'utf8'));
  if (before.machine !== machine || before.rate !== rate)
    throw new Error('the runs that are there were made otherwise');
  for (const name of Object.keys(all)) all[name]!.push(...before.runs[name]);
  storms.push(...before.storms);
}
try {
  for (let run = 0; run < runs; run++) {
    const figures = await once(storms);
    for (const name of Object.keys(all)) all[name]!.push(figures[name]!);
  }
} finally {
  lab.remove();
  rmSync(folder, { recursive: true, force: true });
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
/** At least so many times better than l2tpns, in CPU a packet. */
const target = (name: string): number | undefined =>
  /^up \d+x\d+ 64 ns/.test(name) ? 2 : /^down .* ns/.test(name) ? 5 : /^set-up CPU/.test(name) ? 2 : undefined;
const rows = Object.keys(all['wasm-lns']![0]!).map((name) => {
  const ours = medianOf(all['wasm-lns']!.map((figures) => figures[name] ?? Number.POSITIVE_INFINITY));
  const theirs = medianOf(all.l2tpns!.map((figures) => figures[name] ?? Number.POSITIVE_INFINITY));
  const xdp = medianOf(all['wasm-lns --xdp-core']!.map((figures) => figures[name] ?? Number.NaN));
  const ratio = ours > 0 && theirs > 0 ? round(theirs / ours) : null;
  const xdpRatio = xdp > 0 && theirs > 0 ? round(theirs / xdp) : null;
  return {
    name,
    ours: round(ours),
    theirs: round(theirs),
    xdp: xdp >= 0 ? round(xdp) : null,
    ratio,
    xdpRatio,
    target: target(name),
  };
});
for (const { name, ours, theirs, xdp, ratio, xdpRatio, target } of rows)
  if (name.endsWith(' ns') || only !== PARTS)
    line({
      bench: 'peers',
      case: name.endsWith(' ns') ? `${name.slice(0, -3)}, CPU a packet` : name,
      ns: { median: ours },
      l2tpns: { median: theirs },
      ratio,
      ...(xdp === null ? {} : { xdpCore: { median: xdp }, xdpCoreRatio: xdpRatio }),
      ...(target === undefined ? {} : { target }),
      runs: all.l2tpns!.length,
    });
if (!smoke && only === PARTS) {
  const made = all.l2tpns!.length;
  const command = `npm run bench:peers -- --runs ${made} --seconds ${seconds} --rate ${rate}`;
  writeFileSync(results, `${JSON.stringify({ machine, command, rate, runs: all, storms, medians: rows }, null, 1)}\n`);
  const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));
  execFileSync(biome, ['format', '--write', fileURLToPath(results)], { stdio: 'ignore' });
  const pick = (pattern: RegExp) => rows.filter(({ name }) => pattern.test(name));
  const bars = (title: string, y: string, pattern: RegExp, strip: RegExp): string => {
    const chosen = pick(pattern);
    return drawBars({
      title,
      y,
      groups: chosen.map(({ name }) => name.replace(strip, '')),
      series: [
        { name: 'wasm-lns', values: chosen.map(({ ours }) => ours) },
        ...(chosen.every(({ xdp }) => xdp === null)
          ? []
          : [{ name: 'wasm-lns --xdp-core', values: chosen.map(({ xdp }) => xdp ?? 0) }]),
        { name: 'l2tpns', values: chosen.map(({ theirs }) => theirs) },
      ],
    });
  };
  writeFileSync(
    new URL('performance-peers.svg', docs),
    svgDocument(
      [
        bars(
          `CPU of the server a packet, ${SHAPES[1]!.join(' x ')}, by octets`,
          'ns',
          /^(up|down) 100x10 .* ns$/,
          / 100x10| ns$/g,
        ),
        bars('CPU of the server a packet, one session', 'ns', /^(up|down) 1x1 .* ns$/, / 1x1| ns$/g),
        bars('CPU of the server a session set up', 'microseconds', /^set-up CPU/, /^set-up CPU us a /),
        drawChart({
          title: `Storm: ${storm.tunnels * storm.sessions} sessions in ${storm.tunnels} tunnels dial at once`,
          x: 'seconds',
          y: 'sessions up',
          series: [...new Map(storms.map((storm) => [storm.name, storm])).values()],
        }),
      ],
      [machine, command],
    ),
  );
  const cell = (value: number): string => (Number.isFinite(value) ? String(value) : 'never');
  const table = [
    `Made by \`${command}\`: ${machine}. Medians of ${made} runs, all in turn in each. In brackets how many times as much l2tpns takes.`,
    '',
    '| | l2tpns 2.4.1 | wasm-lns | wasm-lns --xdp-core | target |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows.map(({ name, ours, theirs, xdp, ratio, xdpRatio, target }) => {
      const beside = (value: number | null, times: number | null): string =>
        value === null ? '' : `${cell(value)}${name.includes('%') || times === null ? '' : ` (${times})`}`;
      return `| ${name} | ${cell(theirs)} | ${beside(ours, ratio)} | ${beside(xdp, xdpRatio)} | ${target === undefined ? '' : `≥ ${target}`} |`;
    }),
    '',
    `Up and down: "ns" is the CPU time that the scheduler counted for all threads of the server, for each packet delivered; ${rate} packets/s offered in tunnels x sessions, each session in turn, so that no two packets of one session come in a row (but in 1x1), one UDP port a tunnel, since l2tpns takes no second tunnel from a port. With --xdp-core packets leave and come past the TUN device, by AF_XDP (docs/io.md). Server on core 0; generator, far end and RADIUS answerer on core 1; three network namespaces, veth; CHAP; we with local users, l2tpns with an immediate RADIUS answer, since it has none. Socket buffers: l2tpns ${SOCKET_BUFFER >> 20} MiB (\`net.core.rmem_default\` while it starts), we 16 MiB; TUN queue of l2tpns 2,000 packets; a fresh server for each part, since l2tpns has 500 tunnels and those that closed count for a while. imix: 7 packets of 64, 4 of 576, 1 of 1400 octets. Set-up: ${setup.tunnels} tunnels x ${setup.sessions} sessions; with more in a tunnel l2tpns stalls, since it acknowledges an ICCN only with its next message, and the wall rate is that of retransmissions. Round trips: ICMP echo of the core host through ${SHAPES[1]!.join('x')} sessions at so much of what l2tpns carries there and back on its core by the figures above; both are offered the same. Storm: ${storm.tunnels} tunnels x ${storm.sessions} sessions silent for 1 s without StopCCN, then all dial at once; a failed call is dialled again after 1 s. Bulk TCP stands under iperf3.`,
    '',
    '![charts](performance-peers.svg)',
  ];
  const page = fileURLToPath(new URL('performance.md', docs));
  const text = readFileSync(page, 'utf8');
  const [begin, end] = ['<!-- peers -->', '<!-- /peers -->'];
  if (!text.includes(begin)) throw new Error(`${page} has lost its marks`);
  writeFileSync(
    page,
    `${text.slice(0, text.indexOf(begin) + begin.length)}\n${table.join('\n')}\n${text.slice(text.indexOf(end))}`,
  );
}
