// How fast does one session carry iperf3 through the server, and what does a packet cost it? `lns dial --tun` runs iperf3
// as its client, in three network namespaces (bench/peers/lab.ts); the server with all rungs of the I/O ladder, without some,
// with none, and Debian's l2tpns, in turn. Needs root and iperf3; l2tpns where it is installed.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CORE, LAC, Lab, LNS, type Peer, SECRET, startL2tpns, startOurs } from './peers/lab.ts';
import { dialled } from './server.ts';
import { line, report, smoke } from './support.ts';

const argument = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const runs = argument('runs', smoke ? 1 : 5);
const seconds = argument('seconds', smoke ? 1 : 3);
/** Of UDP, what each can carry: a cost a packet is wanted, not a loss. */
const megabits = argument('udp-megabits', smoke ? 50 : 250);
/** Fits Ethernet with all headers of L2TP and PPP. */
const MRU = 1460;
const UDP_PAYLOAD = MRU - 28;
/** Ethernet, IPv4, UDP. */
const HEADERS = 42;

const LADDERS: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ['all rungs', []],
  ['--no-uring', ['--no-uring']],
  ['--no-gro', ['--no-gro']],
  ['--no-uso', ['--no-uso']],
  ['--no-vnet-hdr', ['--no-vnet-hdr']],
  ['no rung', ['--no-gso', '--no-gro', '--no-vnet-hdr', '--no-uring']],
];
interface Kind {
  readonly name: string;
  readonly udp: boolean;
  readonly words: readonly string[];
}
/** The programs share a core: what comes while one waits for its turn is to find room. */
const socketBuffer = Math.min(
  4 << 20,
  ...['rmem_max', 'wmem_max'].map((name) => Number(readFileSync(`/proc/sys/net/core/${name}`, 'utf8'))),
);
const udp = ['-u', '-b', `${megabits}M`, '-l', String(UDP_PAYLOAD), '-w', String(socketBuffer)];
const KINDS: readonly Kind[] = [
  { name: 'TCP up', udp: false, words: [] },
  { name: 'TCP down', udp: false, words: ['-R'] },
  { name: `UDP up, ${megabits} Mbit/s`, udp: true, words: udp },
  { name: `UDP down, ${megabits} Mbit/s`, udp: true, words: [...udp, '-R'] },
];

interface Figures {
  readonly gbitPerSecond: number;
  /** CPU of the server for each data packet that it forwarded. */
  readonly ns: number;
  readonly loss: number;
}
/** UDP datagrams of full size that have reached the far end: a super-packet has its headers once. */
function farDatagrams(lab: Lab): number {
  const [octets, packets] = ['bytes', 'packets'].map((what) =>
    Number(
      execFileSync('ip', ['netns', 'exec', lab.core, 'cat', `/sys/class/net/eth0/statistics/rx_${what}`], {
        encoding: 'utf8',
      }),
    ),
  ) as [number, number];
  return (octets - packets * HEADERS) / UDP_PAYLOAD;
}
/** A far end for one run: one that is still busy with the end of the run before would refuse. */
async function farEnd(lab: Lab): Promise<() => Promise<void>> {
  const words = [...lab.in(lab.core, 1), 'iperf3', '-s', '--forceflush'];
  const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  };
}
async function measure(lab: Lab, peer: Peer, kind: Kind, file: string): Promise<Figures> {
  rmSync(file, { force: true });
  const end = await farEnd(lab);
  const client = ['iperf3', '-J', '-c', CORE, '-t', String(seconds), '--logfile', file, ...kind.words];
  let cpu = 0;
  let datagrams = 0;
  const result = await dialled(
    [
      ...['--server', LNS, '--secret', SECRET, '--user', 'user', '--password', 'password', '--auth', 'chap'],
      ...['--local', LAC, '--mru', String(MRU), '--timeout', '20', '--json', '--tun'],
      ...['--', 'sh', '-c', `echo begins; ${client.join(' ')}; echo ends`],
    ],
    lab.in(lab.lac, 1),
    (words) => {
      const sign = words === 'begins' ? -1 : words === 'ends' ? 1 : 0;
      cpu += sign * peer.cpuNs;
      datagrams += sign * farDatagrams(lab);
    },
  );
  await end();
  const said = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  if (result.device?.status !== 0 || said.error !== undefined)
    throw new Error(`${peer.name}, ${kind.name}: iperf3 said '${said.error ?? 'nothing'}'`);
  if (kind.udp) {
    const { packets, lost_packets: lost, bytes, seconds: took } = said.end.sum_received ?? said.end.sum;
    // What the server forwarded: programs that come too late to their sockets lose some behind it.
    const forwarded = kind.words.includes('-R') ? result.device.received.octets / MRU : datagrams;
    return {
      gbitPerSecond: (bytes * 8) / took / 1e9,
      ns: cpu / Math.max(1, forwarded),
      loss: lost / Math.max(1, packets),
    };
  }
  const { bytes, bits_per_second: rate } = said.end.sum_received;
  const mss = said.start.tcp_mss_default;
  return { gbitPerSecond: rate / 1e9, ns: cpu / Math.max(1, bytes / mss), loss: 0 };
}

const folder = mkdtempSync(join(tmpdir(), 'lns-iperf-'));
const lab = new Lab();
const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >>> 1]!;
try {
  const peers: (readonly [string, () => Promise<Peer>])[] = (smoke ? [LADDERS[0]!, LADDERS.at(-1)!] : LADDERS).map(
    ([name, flags]) => [`wasm-lns, ${name}`, () => startOurs(lab, flags)] as const,
  );
  if (existsSync('/usr/sbin/l2tpns')) peers.push(['l2tpns', () => startL2tpns(lab)]);
  const all = new Map<string, Figures[]>();
  for (let run = 0; run < runs; run++)
    for (const [name, start] of peers) {
      const peer = await start();
      try {
        for (const kind of KINDS) {
          const key = `${kind.name}; ${name}`;
          all.set(key, [...(all.get(key) ?? []), await measure(lab, peer, kind, join(folder, 'iperf.json'))]);
        }
      } finally {
        await peer.stop();
      }
    }
  for (const kind of KINDS)
    for (const [name] of peers) {
      const figures = all.get(`${kind.name}; ${name}`)!;
      const times = figures.map(({ ns }) => ns).sort((a, b) => a - b);
      report({
        bench: 'iperf',
        case: `${kind.name}; ${name}`,
        ns: { min: Math.round(times[0]!), median: Math.round(middle(times)), p99: Math.round(times.at(-1)!) },
        perSecond: Math.round(1e9 / middle(times)),
        gbitPerSecond: Number(middle(figures.map((one) => one.gbitPerSecond)).toFixed(2)),
        runs: figures.length,
        loss: Number(middle(figures.map(({ loss }) => loss)).toFixed(5)),
      });
    }
  const theirs = peers.at(-1)![0] === 'l2tpns';
  for (const kind of theirs ? KINDS : []) {
    const of = (name: string) => all.get(`${kind.name}; ${name}`)!;
    const ours = of(peers[0]![0]);
    line({
      bench: 'iperf',
      case: `${kind.name}: l2tpns's CPU a packet to ours, and our Gbit/s to its`,
      ratio: Number((middle(of('l2tpns').map(({ ns }) => ns)) / middle(ours.map(({ ns }) => ns))).toFixed(2)),
      gbitRatio: Number(
        (middle(ours.map((one) => one.gbitPerSecond)) / middle(of('l2tpns').map((one) => one.gbitPerSecond))).toFixed(
          2,
        ),
      ),
    });
  }
} finally {
  lab.remove();
  rmSync(folder, { recursive: true, force: true });
}
