// Is every octet forwarded as it was, and in order? Numbered datagrams with contents of their own go both ways between the
// kernel's sockets in two network namespaces, through `lns dial --tun`, `lns run` on a TUN device and the kernel's
// forwarding, rung after rung of the I/O ladder (docs/io.md): each one that arrives is compared octet by octet, and its
// number with the one before it in its flow. At most so many are under way that no queue has a reason to be full. TCP crosses
// beside it, judged by sha256. The kernel drops what has a wrong checksum, and says so; where one end merges and the other
// does not, that is each packet that was split off a super-packet. The portable rung has no TUN device: there the emulator's
// own generator checks what comes back. Needs root.
//   --packets N   datagrams a rung, both ways together (10,000,000)
//   --rung K      one rung alone, from 1
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Dialled } from '../src/cli/dial-report.ts';
import * as layout from '../src/generated/layout.ts';
import { type Ffi, MSG_DONTWAIT, openFfi } from '../src/io/ffi.ts';
import { NetworkNamespace } from '../src/io/namespace.ts';
import { openUdpSocket } from '../src/io/udp.ts';
import { encodeSockaddr } from '../src/wire/address.ts';
import { configuration } from '../test/server/pair.ts';
import { CORE, LAC, Lab, LNS, SECRET } from './peers/lab.ts';
import { dialled, main, ServerProcess } from './server.ts';
import { line, smoke } from './support.ts';

const argument = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const packets = argument('packets', smoke ? 6000 : 10_000_000);
const only = argument('rung', 0);
const tcpOctets = smoke ? 4 << 20 : 512 << 20;
const portableRate = smoke ? 2000 : 25_000;
/** Fits Ethernet with all headers of L2TP and PPP. */
const MRU = 1460;
const SESSIONS = 4;
const NONE = ['--no-gso', '--no-gro', '--no-vnet-hdr', '--no-uring'];
/** What server and emulator do without. */
const RUNGS: readonly {
  readonly name: string;
  readonly server: readonly string[];
  readonly dial: readonly string[];
  readonly shards?: number;
  /** Each address is a bundle of two links in two tunnels, whose packets go in fragments. */
  readonly multilink?: boolean;
}[] = [
  { name: 'recvmmsg, sendmmsg, read, write', server: NONE, dial: NONE },
  { name: '+ gso', server: NONE.slice(1), dial: NONE.slice(1) },
  { name: '+ gro', server: NONE.slice(2), dial: NONE.slice(2) },
  { name: '+ uring', server: ['--no-vnet-hdr'], dial: ['--no-vnet-hdr'] },
  { name: '+ vnet-hdr', server: ['--no-uso'], dial: ['--no-uso'] },
  { name: '+ uso', server: [], dial: [] },
  { name: '+ uso, two shards', server: [], dial: [], shards: 2 },
  { name: 'split by the emulator, each packet by itself to the kernel', server: ['--no-vnet-hdr'], dial: [] },
  { name: 'split by the server, each packet by itself to the kernel', server: [], dial: ['--no-vnet-hdr'] },
  { name: '+ uso, two shards, bundles of two links', server: [], dial: [], shards: 2, multilink: true },
];
const PORTABLE = RUNGS.length + 1;

/** Octets of a flow's datagrams; the last of a run may be shorter. */
const FLOWS = [48, 200, 512, 1000, 1432, 1432] as const;
const HEADER = 8;
const RUN = 64;
const RUN_OCTETS = 60_000;
/** Of a flow and direction, under way at once. */
const WINDOW = 512;
/** The same where packets go in fragments by two links: as many as may wait for a link that lags behind. */
const BUNDLE_WINDOW = 48;
/** Silence after which what is under way is lost. */
const SILENCE_MS = 3000;
const SLOT = 2048;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const PORT = 7000;

/** Twice the same 64 KiB: a datagram's contents begin anywhere in the first. */
const pool = Buffer.alloc(2 << 16);
randomFillSync(pool, 0, 1 << 16);
pool.copy(pool, 1 << 16, 0, 1 << 16);
const contentsOf = (flow: number, sequence: number): number =>
  (Math.imul(sequence, 0x9e3779b1) ^ Math.imul(flow + 1, 0x85ebca6b)) >>> 16;
function fill(to: Buffer, at: number, length: number, flow: number, sequence: number): void {
  to.writeUInt32BE(sequence, at);
  to.writeUInt16BE(flow, at + 4);
  to.writeUInt16BE(length, at + 6);
  const from = contentsOf(flow, sequence);
  pool.copy(to, at + HEADER, from, from + length - HEADER);
}
/** Whether these octets are what `fill` makes for the flow and the number they carry. */
function isRight(octets: Buffer, at: number, length: number, flow: number): boolean {
  if (length < HEADER || octets.readUInt16BE(at + 4) !== flow || octets.readUInt16BE(at + 6) !== length) return false;
  const from = contentsOf(flow, octets.readUInt32BE(at));
  return octets.compare(pool, from, from + length - HEADER, at + HEADER, at + length) === 0;
}
/** The judge is judged first: no flipped bit and no missing octet passes it. */
function judgeTheJudge(): void {
  const octets = Buffer.alloc(100);
  for (let sequence = 0; sequence < 50; sequence++) {
    fill(octets, 0, 100, 3, sequence);
    if (!isRight(octets, 0, 100, 3)) throw new Error('what is right is taken for wrong');
    for (const [at, bit] of [
      [6, 1],
      [HEADER, 1],
      [50, 16],
      [99, 128],
      [0, 64],
    ] as const) {
      octets[at]! ^= bit;
      if (isRight(octets, 0, 100, 3)) throw new Error('what is wrong is taken for right');
      octets[at]! ^= bit;
    }
    if (isRight(octets, 0, 99, 3) || isRight(octets, 0, 100, 2)) throw new Error('what is wrong is taken for right');
  }
}

/** One flow in one direction. */
interface Flow {
  readonly number: number;
  readonly octets: number;
  readonly from: number;
  readonly to: number;
  readonly address: Uint8Array;
  sent: number;
  arrived: number;
  /** Highest number that has arrived; -1 before any has. */
  last: number;
  /** What is numbered lower has arrived, or will not. */
  expected: number;
  wrong: number;
  /** Numbered no higher than one before. */
  reordered: number;
}

class Exchange {
  readonly #ffi: Ffi;
  readonly #run = Buffer.alloc(RUN_OCTETS + SLOT);
  readonly #slots = Buffer.alloc(RUN * SLOT);
  readonly #messages = Buffer.alloc(RUN * (layout.MMSGHDR_SIZE + 16));
  readonly #flows: Flow[] = [];
  readonly #fds: number[] = [];
  readonly #epoll: number;
  readonly #events = new Uint8Array(12 * 64);
  #seed = 7;

  constructor(ffi: Ffi, client: NetworkNamespace, core: NetworkNamespace, addresses: readonly string[]) {
    this.#ffi = ffi;
    this.#epoll = ffi.epoll_create1(0);
    const slots = ffi.addressOf(this.#slots);
    const vectors = ffi.addressOf(this.#messages) + RUN * layout.MMSGHDR_SIZE;
    for (let i = 0; i < RUN; i++) {
      const message = i * layout.MMSGHDR_SIZE;
      this.#messages.writeBigUInt64LE(BigInt(vectors + i * 16), message + 16);
      this.#messages.writeBigUInt64LE(1n, message + 24);
      this.#messages.writeBigUInt64LE(BigInt(slots + i * SLOT), RUN * layout.MMSGHDR_SIZE + i * 16);
      this.#messages.writeBigUInt64LE(BigInt(SLOT), RUN * layout.MMSGHDR_SIZE + i * 16 + 8);
    }
    for (const [i, octets] of FLOWS.entries()) {
      const address = addresses[i % addresses.length]!;
      const far = core.run(() => openUdpSocket(ffi, { address: CORE, port: PORT + i }).fd);
      const near = client.run(() => openUdpSocket(ffi, { address, port: PORT + i }).fd);
      const size = new Int32Array([octets]);
      for (const fd of [near, far]) {
        if (ffi.setsockopt(fd, SOL_UDP, UDP_SEGMENT, ffi.addressOf(size), 4) < 0) throw ffi.error('UDP_SEGMENT');
        const event = new Uint32Array([1, fd, 0]);
        ffi.epoll_ctl(this.#epoll, 1, fd, ffi.addressOf(event));
        this.#fds.push(fd);
      }
      const zero = { octets, sent: 0, arrived: 0, last: -1, expected: 0, wrong: 0, reordered: 0 };
      const to = (host: string) => new Uint8Array(encodeSockaddr({ address: host, port: PORT + i }));
      this.#flows.push({ ...zero, number: i * 2, from: near, to: far, address: to(CORE) });
      this.#flows.push({ ...zero, number: i * 2 + 1, from: far, to: near, address: to(address) });
    }
  }
  close(): void {
    for (const fd of this.#fds) this.#ffi.close(fd);
    this.#ffi.close(this.#epoll);
  }
  #random(most: number): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return 1 + ((this.#seed >>> 8) % most);
  }

  /** One run: some datagrams of one size, the last of them perhaps shorter. */
  #send(flow: Flow, most: number): void {
    const { octets, number } = flow;
    const count = Math.min(most, this.#random(Math.min(RUN, Math.floor(RUN_OCTETS / octets))));
    let at = 0;
    for (let i = 0; i < count; i++) {
      const length = i === count - 1 ? Math.max(HEADER, octets - (this.#seed % 24)) : octets;
      fill(this.#run, at, length, number, flow.sent + i);
      at += length;
    }
    const ffi = this.#ffi;
    const { address, from } = flow;
    if (ffi.sendto(from, ffi.addressOf(this.#run), at, MSG_DONTWAIT, ffi.addressOf(address), address.length) === at)
      flow.sent += count;
  }
  #receive(flow: Flow): number {
    const n = this.#ffi.recvmmsg(flow.to, this.#ffi.addressOf(this.#messages), RUN, MSG_DONTWAIT, 0);
    for (let i = 0; i < n; i++) {
      const length = this.#messages.readUInt32LE(i * layout.MMSGHDR_SIZE + 56);
      const at = i * SLOT;
      flow.arrived++;
      if (!isRight(this.#slots, at, length, flow.number)) {
        flow.wrong++;
        continue;
      }
      const sequence = this.#slots.readUInt32BE(at);
      if (sequence <= flow.last) flow.reordered++;
      else {
        flow.last = sequence;
        flow.expected = Math.max(flow.expected, sequence + 1);
      }
    }
    return Math.max(0, n);
  }
  /** Sends and takes `count` datagrams in all, and waits for the last. @throws Error where nothing arrives at all */
  async run(count: number, window: number): Promise<Record<'packets' | 'wrong' | 'reordered' | 'lost', number>> {
    const each = Math.ceil(count / this.#flows.length);
    let heard = performance.now();
    for (let turn = 1; ; turn++) {
      let busy = 0;
      for (const flow of this.#flows) {
        const room = Math.min(each - flow.sent, flow.expected + window - flow.sent);
        if (room > 0) this.#send(flow, room);
        busy += this.#receive(flow);
      }
      const now = performance.now();
      if (busy > 0) heard = now;
      else if (this.#flows.every((flow) => flow.expected >= each)) break;
      else if (now - heard > SILENCE_MS) {
        // What is under way is lost; the windows open again.
        if (this.#flows.every(({ arrived }) => arrived === 0)) throw new Error('nothing arrives');
        for (const flow of this.#flows) flow.expected = flow.sent;
        heard = now;
      } else this.#ffi.epoll_wait(this.#epoll, this.#ffi.addressOf(this.#events), 64, 1);
      if (turn % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const sum = (of: (flow: Flow) => number): number => this.#flows.reduce((all, flow) => all + of(flow), 0);
    return {
      packets: sum(({ arrived }) => arrived),
      wrong: sum(({ wrong }) => wrong),
      reordered: sum(({ reordered }) => reordered),
      lost: sum(({ sent, arrived }) => sent - arrived),
    };
  }
}

/** A counter of /proc/net/snmp. */
function snmp(space: NetworkNamespace, protocol: string, name: string): number {
  const lines = space
    .run(() => readFileSync('/proc/net/snmp', 'utf8'))
    .split('\n')
    .filter((one) => one.startsWith(`${protocol}:`))
    .map((one) => one.split(' '));
  return Number(lines[1]![lines[0]!.indexOf(name)]);
}
const peer = fileURLToPath(new URL('../test/io/peer.ts', import.meta.url));
/** One process of test/io/peer.ts in a namespace. */
function started(
  space: NetworkNamespace,
  ...words: (string | number)[]
): { ready: Promise<void>; result: Promise<{ octets: number; hash: string }> } {
  const child = space.run(() =>
    spawn(process.execPath, [peer, ...words.map(String)], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 120_000 }),
  );
  let output = '';
  let heard = (): void => {};
  const ready = new Promise<void>((resolve) => {
    heard = resolve;
  });
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes('ready\n')) heard();
  });
  const result = new Promise<{ octets: number; hash: string }>((resolve, reject) =>
    child.once('close', (status) => {
      const last = output.split('\n').find((one) => one.startsWith('{'));
      if (last === undefined) reject(new Error(`${words.join(' ')} ended with ${status}`));
      else resolve(JSON.parse(last));
    }),
  );
  result.catch(() => undefined);
  return { ready, result };
}
/** TCP both ways at once. @returns octets a way. @throws Error where they arrive otherwise than they were sent */
async function tcp(client: NetworkNamespace, core: NetworkNamespace, address: string): Promise<number> {
  const sinks = [started(core, 'tcp-sink', 9001), started(client, 'tcp-sink', 9002)];
  await Promise.all(sinks.map(({ ready }) => ready));
  const sources = [
    started(client, 'tcp-source', CORE, 9001, tcpOctets),
    started(core, 'tcp-source', address, 9002, tcpOctets),
  ];
  for (const [i, source] of sources.entries()) {
    const [sent, arrived] = [await source.result, await sinks[i]!.result];
    if (sent.hash !== arrived.hash || arrived.octets !== tcpOctets)
      throw new Error(`TCP: ${JSON.stringify(sent)} became ${JSON.stringify(arrived)}`);
  }
  return tcpOctets;
}

/** The emulator with its device in `space`, until it is told to end. */
async function startDial(lab: Lab, space: string, { shards = 1, multilink, dial }: (typeof RUNGS)[number]) {
  const words = [
    ...['--server', LNS, '--local', LAC, '--secret', SECRET, '--user', 'user', '--password', 'password'],
    ...['--sessions', String(SESSIONS), '--mru', String(MRU), '--shards', String(shards), ...dial],
    ...(multilink === true ? ['--tunnels', '2', '--multilink', '2', '--spread', '--fragment', '600'] : []),
    ...['--tun', '--tun-netns', space, '--json'],
  ];
  const child: ChildProcess = spawn('ip', ['netns', 'exec', lab.lac, process.execPath, main, 'dial', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout!.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
      if (errors.includes('until Ctrl-C')) resolve();
    });
    void closed.then(() => reject(new Error(`lns dial ended: ${errors}`)));
  });
  return async (): Promise<Dialled> => {
    child.kill('SIGINT');
    await closed;
    return JSON.parse(output);
  };
}

async function verify(ffi: Ffi, lab: Lab, spaceName: string, rung: (typeof RUNGS)[number]): Promise<boolean> {
  const shards = rung.shards ?? 1;
  const multilink = rung.multilink === true ? ' multilink { fragment-threshold 600; }' : '';
  const text = configuration({
    pool: 'address 100.64.0.0/16;',
    client: `shared-secret "${SECRET}";${multilink}`,
  });
  const server = await ServerProcess.start(text.replaceAll('127.0.0.1', LNS).replaceAll('100.64.255.', '198.19.255.'), {
    prefix: ['ip', 'netns', 'exec', lab.lns],
    arguments: ['--net', 'tun', '--tun', 'lns0', '--shards', String(shards), ...rung.server],
    port: 1701,
  });
  const [client, core] = [NetworkNamespace.named(ffi, spaceName), NetworkNamespace.named(ffi, lab.core)];
  const errors = (): number =>
    [client, core].reduce(
      (sum, space) =>
        sum +
        snmp(space, 'Udp', 'InCsumErrors') +
        snmp(space, 'Tcp', 'InCsumErrors') +
        snmp(space, 'Ip', 'InHdrErrors'),
      0,
    );
  let stop: (() => Promise<Dialled>) | null = null;
  try {
    stop = await startDial(lab, spaceName, rung);
    const addresses = client.run(() =>
      [...execFileSync('ip', ['-4', '-o', 'addr'], { encoding: 'utf8' }).matchAll(/inet (100[\d.]+)\/32/g)].map(
        ([, address]) => address!,
      ),
    );
    const before = errors();
    const exchange = new Exchange(ffi, client, core, addresses);
    const from = performance.now();
    let counts: Awaited<ReturnType<Exchange['run']>>;
    try {
      counts = await exchange.run(packets, rung.multilink === true ? BUNDLE_WINDOW : WINDOW);
    } finally {
      exchange.close();
    }
    const ms = performance.now() - from;
    const octets = await tcp(client, core, addresses[0]!);
    const checksumErrors = errors() - before;
    const result = await stop();
    stop = null;
    line({
      bench: 'verify',
      case: rung.name,
      ...counts,
      checksumErrors,
      tcpOctets: 2 * octets,
      emulator: result.device!.rungs,
      superPackets: result.device!.superPackets,
      drops: result.device!.drops,
      ns: { median: Math.round((ms * 1e6) / counts.packets) },
    });
    return counts.wrong + counts.reordered + checksumErrors === 0;
  } finally {
    await stop?.();
    client.close();
    core.close();
    await server.stop();
  }
}

/** There and back, so that each round trip is two packets forwarded. */
async function verifyPortable(): Promise<boolean> {
  const server = await ServerProcess.start(configuration(), {
    arguments: ['--net', 'embedded', '--portable', '--shards', '1'],
  });
  try {
    const seconds = Math.max(1, packets / 2 / portableRate);
    const { traffic } = await dialled([
      ...['--server', '127.0.0.1', '--port', String(server.port), '--secret', SECRET, '--user', 'user'],
      ...['--password', 'password', '--portable', '--sessions', String(SESSIONS), '--size', '64:4,576:2,1500:1'],
      ...['--flows', '4', '--burst', '4', '--traffic', String(portableRate), '--duration', String(seconds)],
    ]);
    const { sent, received, reordered, bad, duplicates } = traffic!;
    line({
      bench: 'verify',
      case: 'portable: node:dgram and rings, the embedded host answers',
      packets: 2 * received,
      wrong: bad,
      reordered: reordered + duplicates,
      lost: sent - received - bad,
      ns: { median: Math.round((seconds * 1e9) / (2 * received)) },
    });
    return received > 0 && bad + reordered + duplicates === 0;
  } finally {
    await server.stop();
  }
}

judgeTheJudge();
const ffi = openFfi();
if (ffi === null) throw new Error('needs Linux and koffi');
let right = true;
const lab = new Lab();
const space = `${lab.lac}x`;
execFileSync('ip', ['netns', 'add', space]);
execFileSync('ip', ['-n', space, 'link', 'set', 'lo', 'up']);
try {
  for (const [i, rung] of RUNGS.entries())
    if (only === 0 || only === i + 1) right = (await verify(ffi, lab, space, rung)) && right;
  if (only === 0 || only === PORTABLE) right = (await verifyPortable()) && right;
} finally {
  execFileSync('ip', ['netns', 'del', space]);
  lab.remove();
}
if (!right) process.exitCode = 1;
