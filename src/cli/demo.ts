import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/load.ts';
import { Lac, type LacProfile } from '../emulator/lac.ts';
import { ConfigError, SystemError } from '../errors.ts';
import { Lns } from '../server/lns.ts';
import { lineLog } from '../server/log.ts';
import type { ShardCounters } from '../server/plane.ts';
import type { PeerAddress } from '../wire/address.ts';
import { interruption, pause } from './dial.ts';

interface DemoOptions {
  net: 'tun' | 'embedded';
  tun: string;
  shards: number;
  traffic: number;
  duration: number;
  portable?: boolean;
}

const CONFIG = new URL('../../examples/demo.conf', import.meta.url);
/** Answers ICMP Echo with `--net tun`: our own address on the device (examples/demo.conf). */
const OWN_ADDRESS = '100.64.255.1';

/** The LACs that examples/demo.conf knows. */
const profiles = ([east, west]: readonly PeerAddress[]): LacProfile[] => [
  {
    server: east!,
    tunnels: 1,
    sessionsPerTunnel: 5,
    hostName: 'lac-1',
    secret: 'demo-east-1',
    hideAvps: true,
    user: 'kim@east.example',
    password: 'in the east',
    methods: ['chap-md5'],
    sequencing: false,
  },
  {
    server: east!,
    tunnels: 1,
    sessionsPerTunnel: 5,
    hostName: 'lac-2',
    secret: 'demo-east-2',
    hideAvps: true,
    user: 'kim@east.example',
    password: 'in the east',
    methods: ['chap-md5'],
    sequencing: true,
  },
  {
    server: west!,
    tunnels: 4,
    sessionsPerTunnel: 5,
    hostName: 'west-%d',
    secret: 'demo-west',
    hideAvps: false,
    user: 'ola@west.example',
    password: 'in the west',
    methods: ['pap'],
    sequencing: false,
  },
];

/** Server and emulator over real UDP on loopback, and a table of what passes. */
export async function demo(options: DemoOptions): Promise<void> {
  const file = fileURLToPath(CONFIG);
  const { config } = loadConfig(readFileSync(file, 'utf8'), 'm10i');
  if (config === null) throw new ConfigError(`${file} has errors`);
  const log = lineLog((line) => console.log(line), 'info', 6);
  const make = (port: number): Lns => new Lns(config, { ...options, port, log });
  let lns = make(1701);
  try {
    await lns.start();
  } catch (error) {
    if (!(error instanceof SystemError) || error.errorName !== 'EADDRINUSE') throw error;
    console.log('UDP port 1701 is in use here: the demo takes a free one');
    lns = make(0);
    await lns.start();
  }
  const lac = new Lac({
    profiles: profiles(lns.listening),
    localAddresses: ['127.0.0.1'],
    ports: 0,
    shards: 1,
    setupRate: 0,
    traffic:
      options.net === 'tun'
        ? { kind: 'icmp', target: OWN_ADDRESS, sizes: [64], burst: 4, flows: 1 }
        : { kind: 'udp', target: '192.0.2.7', sizes: [64], burst: 4, flows: 1 },
    impair: null,
    helloIntervalMs: 30_000,
    portable: options.portable === true,
    log: (line) => console.log(line),
  });
  const interrupted = interruption();
  try {
    await lac.start();
    const status = await lac.settled(20_000);
    console.log(`${status.tunnelsUp} tunnels and ${status.sessionsUp} of ${status.wanted} sessions are up`);
    if (status.sessionsUp < status.wanted) process.exitCode = 1;
    lac.setTraffic(options.traffic);
    const end = options.duration === 0 ? Number.POSITIVE_INFINITY : performance.now() + options.duration * 1000;
    await watch(lns, lac, end, interrupted);
    lac.setTraffic(0);
    await pause(
      200,
      Promise.resolve().then(() => new Promise<void>(() => undefined)),
    );
    const { sent, received, bad, reordered } = lac.traffic;
    console.log(`sent ${sent}, came back ${received}, damaged ${bad}, reordered ${reordered}`);
  } finally {
    await lac.stop();
    await lns.stop();
  }
}

/** Redraws a table on a terminal, prints a line elsewhere, once a second. */
async function watch(lns: Lns, lac: Lac, end: number, interrupted: Promise<void>): Promise<void> {
  const terminal = process.stdout.isTTY;
  let before = counters(lns);
  let at = performance.now();
  let drawn = 0;
  while (performance.now() < end) {
    if (await pause(Math.min(1000, end - performance.now()), interrupted)) return;
    const now = performance.now();
    if (now - at < 500) return;
    const after = counters(lns);
    const lines = table(lns, lac, before, after, (now - at) / 1000);
    if (terminal) {
      if (drawn > 0) process.stdout.write(`\x1b[${drawn}A\x1b[J`);
      console.log(lines.join('\n'));
      drawn = lines.length;
    } else console.log(lines.slice(2).join(' | '));
    before = after;
    at = now;
  }
}
const counters = (lns: Lns): ShardCounters[] =>
  Array.from({ length: lns.plane.shards }, (_, shard) => lns.plane.counters(shard));

function table(lns: Lns, lac: Lac, before: ShardCounters[], after: ShardCounters[], seconds: number): string[] {
  const rate = (shard: number, name: string): string =>
    String(Math.round((after[shard]!.totals[name]! - before[shard]!.totals[name]!) / seconds));
  const drops = new Map<string, number>();
  for (const { drops: ofShard } of after)
    for (const [name, count] of Object.entries(ofShard)) drops.set(name, (drops.get(name) ?? 0) + count);
  const { sent, received } = lac.traffic;
  return [
    '',
    'Ctrl-C ends it.',
    `Tunnels ${lns.tunnels.size}  Sessions ${lns.sessionsUp}`,
    ...after.map(
      (_, shard) =>
        `Shard ${shard}  up ${rate(shard, 'rxDatagrams')} packets/s  down ${rate(shard, 'txDatagrams')} packets/s`,
    ),
    `Clients  sent ${sent}  came back ${received}`,
    `Drops  ${drops.size === 0 ? 'none' : [...drops].map(([name, count]) => `${name} ${count}`).join(', ')}`,
  ];
}
