// How do we compare with Debian's l2tpns? Both in turn in the middle of three network namespaces, under the same generator,
// alternating runs, medians. Needs root and the l2tpns package. Writes docs/performance-peers.{json,svg} and the table
// between the marks of docs/performance.md; with --smoke it measures little and writes nothing.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawBars, drawChart, svgDocument } from '../src/emulator/chart.ts';
import { CORE, Lab, LNS, NOWHERE, type Peer, SECRET, SOCKET_BUFFER, startL2tpns, startOurs } from './peers/lab.ts';
import { dialled } from './server.ts';
import { report, smoke } from './support.ts';

const argument = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const runs = argument('runs', smoke ? 1 : 3);
const seconds = argument('seconds', smoke ? 0.5 : 2);
const rate = argument('rate', smoke ? 2000 : 60_000);
// l2tpns has 500 tunnels, and those that closed count for a while: all runs of one start must fit.
const tunnels = smoke ? 2 : 10;
const sessions = smoke ? 2 : 100;
const setupSessions = smoke ? 5 : 500;
const stormTunnels = argument('storm-tunnels', smoke ? 2 : 180);
const stormSessions = argument('storm-sessions', smoke ? 2 : 33);
const SIZES = smoke ? ['64'] : ['64', '512', '1400', 'imix'];
const DOWN = smoke ? ['64'] : ['64', '512', '1400'];

type Figures = Record<string, number>;
const folder = mkdtempSync(join(tmpdir(), 'lns-peers-'));
const lab = new Lab();
const generator = lab.in(lab.lac, 1);
const words = (t: number, s: number): string[] => [
  ...['--server', LNS, '--secret', SECRET, '--user', 'user', '--password', 'password', '--auth', 'chap'],
  ...['--tunnels', String(t), '--sessions', String(s), '--timeout', '40', '--local', '198.18.0.1'],
];
const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measureUp(peer: Peer, size: string, figures: Figures): Promise<void> {
  let cpu = 0;
  let packets = 0;
  await dialled(
    [
      ...words(tunnels, sessions),
      '--target',
      NOWHERE,
      '--size',
      size,
      '--burst',
      '1',
      '--traffic',
      String(rate),
      '--duration',
      String(seconds),
    ],
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
  figures[`up ${size} ns`] = cpu / Math.max(1, packets);
  figures[`up ${size} packets/s`] = packets / seconds;
}
async function measureDown(peer: Peer, size: string, figures: Figures): Promise<void> {
  let cpu = 0;
  const file = join(folder, 'addresses');
  let sent = 0;
  const result = await dialled(
    [...words(tunnels, sessions), '--receive', '--duration', String(seconds + 2)],
    generator,
    (line) => {
      if (line.startsWith('addresses ')) writeFileSync(file, line.slice(10));
      else if (line === 'traffic begins') {
        cpu = -peer.cpuNs;
        const source = fileURLToPath(new URL('peers/source.ts', import.meta.url));
        const command = [...lab.in(lab.core, 1), process.execPath, source, file, size, String(rate), String(seconds)];
        const { stdout } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' });
        sent = JSON.parse(stdout).sent;
        cpu += peer.cpuNs;
      }
    },
  );
  const received = result.traffic?.received ?? 0;
  if (result.traffic!.bad > 0) throw new Error(`${peer.name}: ${result.traffic!.bad} packets damaged`);
  figures[`down ${size} ns`] = cpu / Math.max(1, received);
  figures[`down ${size} loss`] = 1 - received / Math.max(1, sent);
}
async function measure(peer: Peer, storms: { name: string; points: [number, number][] }[]): Promise<Figures> {
  const figures: Figures = {};
  figures['memory MB, idle'] = peer.residentOctets / 1e6;
  let cpu = -peer.cpuNs;
  let idleCpu = 0;
  let memory = 0;
  const setup = await dialled(
    [...words(tunnels, setupSessions), '--receive', '--duration', smoke ? '0.3' : '2'],
    generator,
    (line) => {
      if (line === 'traffic begins') {
        cpu += peer.cpuNs;
        memory = peer.residentOctets;
        idleCpu = -peer.cpuNs;
      } else if (line === 'traffic ends') idleCpu += peer.cpuNs;
    },
  );
  if (setup.sessions < setup.wanted) throw new Error(`${peer.name}: ${setup.sessions} of ${setup.wanted} came up`);
  figures['set-up sessions/s'] = setup.setup.perSecond;
  figures['set-up CPU us a session'] = cpu / setup.sessions / 1000;
  figures['memory MB, sessions up'] = memory / 1e6;
  figures['idle CPU %'] = idleCpu / (setup.traffic!.seconds * 1e7);
  for (const size of SIZES) await measureUp(peer, size, figures);
  for (const size of DOWN) await measureDown(peer, size, figures);
  for (const [name, part] of [
    ['1 %', 0.01],
    ['50 %', 0.5],
  ] as const) {
    const { traffic } = await dialled(
      [
        ...words(tunnels, sessions),
        '--echo',
        'icmp',
        '--target',
        CORE,
        '--burst',
        '1',
        '--traffic',
        String(Math.round(rate * part)),
        '--duration',
        String(seconds),
      ],
      generator,
    );
    figures[`round trip us, ${name} p50`] = traffic!.rttUs.p50 ?? Number.NaN;
    figures[`round trip us, ${name} p99`] = traffic!.rttUs.p99 ?? Number.NaN;
  }
  const storm = await dialled([...words(stormTunnels, stormSessions), '--storm', '1', '--retry', '1'], generator);
  figures['storm s'] = storm.storm!.sessionsAfter < storm.wanted ? Number.POSITIVE_INFINITY : storm.storm!.seconds;
  figures['storm sessions up'] = storm.storm!.sessionsAfter;
  const from = storm.storm!.redialAtMs;
  storms.push({
    name: peer.name,
    points: storm.curve.filter(([at]) => at >= from).map(([at, , up]) => [(at - from) / 1000, up]),
  });
  return figures;
}

const medianOf = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >>> 1]!;
const all = { 'wasm-lns': [] as Figures[], l2tpns: [] as Figures[] };
const storms: { name: string; points: [number, number][] }[] = [];
try {
  for (let run = 0; run < runs; run++)
    for (const start of [startOurs, startL2tpns]) {
      const peer = await start(lab);
      try {
        all[peer.name as keyof typeof all].push(await measure(peer, storms));
      } finally {
        await peer.stop();
        await settle(300);
      }
    }
} finally {
  lab.remove();
  rmSync(folder, { recursive: true, force: true });
}

const round = (value: number): number => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
const rows = Object.keys(all['wasm-lns'][0]!).map((name) => {
  const ours = medianOf(all['wasm-lns'].map((figures) => figures[name]!));
  const theirs = medianOf(all.l2tpns.map((figures) => figures[name]!));
  return { name, ours: round(ours), theirs: round(theirs), ratio: round(theirs / ours) };
});
for (const { name, ours, theirs } of rows)
  if (name.endsWith(' ns'))
    report({
      bench: 'peers',
      case: `${name.slice(0, -3)}, CPU a packet; l2tpns ${theirs} ns`,
      ns: { min: ours, median: ours, p99: ours },
      perSecond: Math.round(1e9 / ours),
      runs,
    });
if (!smoke) {
  const machine = `${cpus()[0]?.model.trim()} x${cpus().length}, Linux ${release()}, Node ${process.version}`;
  const docs = new URL('../docs/', import.meta.url);
  const command = `npm run bench:peers -- --runs ${runs} --seconds ${seconds} --rate ${rate}`;
  writeFileSync(
    new URL('performance-peers.json', docs),
    `${JSON.stringify({ machine, command, runs: all, medians: rows }, null, 1)}\n`,
  );
  const pick = (pattern: RegExp) => rows.filter(({ name }) => pattern.test(name));
  const bars = (title: string, y: string, pattern: RegExp, strip: RegExp): string => {
    const chosen = pick(pattern);
    return drawBars({
      title,
      y,
      groups: chosen.map(({ name }) => name.replace(strip, '')),
      series: [
        { name: 'wasm-lns', values: chosen.map(({ ours }) => ours) },
        { name: 'l2tpns', values: chosen.map(({ theirs }) => theirs) },
      ],
    });
  };
  writeFileSync(
    new URL('performance-peers.svg', docs),
    svgDocument(
      [
        bars('CPU of the server a packet, by octets', 'ns', /^(up|down) .* ns$/, / ns$/),
        bars('CPU of the server a session set up', 'microseconds', /^set-up CPU/, /^set-up CPU us a /),
        drawChart({
          title: `Storm: ${stormTunnels * stormSessions} sessions in ${stormTunnels} tunnels dial at once`,
          x: 'seconds',
          y: 'sessions up',
          series: [...new Map(storms.map((storm) => [storm.name, storm])).values()],
        }),
      ],
      [machine, command],
    ),
  );
  const table = [
    `Made by \`${command}\`: ${machine}. Median of ${runs} alternating runs.`,
    '',
    '| | wasm-lns | l2tpns 2.4.1 | l2tpns / wasm-lns |',
    '| --- | ---: | ---: | ---: |',
    ...rows.map(({ name, ours, theirs, ratio }) => `| ${name} | ${ours} | ${theirs} | ${ratio} |`),
    '',
    `Both on core 0, generator, far end and RADIUS answerer on core 1; three network namespaces, veth. ${tunnels} tunnels × ${sessions} sessions (set-up and memory: × ${setupSessions}), ${rate} packets/s offered, every session in turn (no two packets of one session in a row), one UDP port a tunnel, CHAP; we with local users, l2tpns with an immediate RADIUS answer. Socket buffers: l2tpns ${SOCKET_BUFFER >> 20} MiB (\`net.core.rmem_default\` while it starts), we 16 MiB; TUN queue of l2tpns 2,000 packets. CPU: what the scheduler counted for all threads of the server, for each packet delivered. Storm: ${stormTunnels} tunnels × ${stormSessions} sessions silent for 1 s without StopCCN, then all dial at once (l2tpns is built for 500 tunnels). In the storm a failed call is dialled again after 1 s.`,
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
