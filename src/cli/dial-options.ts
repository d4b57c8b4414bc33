import { InvalidArgumentError } from 'commander';
import type { DeviceOptions, ImpairmentOptions, LacOptions } from '../emulator/types.ts';
import { UsageError } from '../errors.ts';
import * as layout from '../generated/layout.ts';
import type { Prefix } from '../io/netlink.ts';
import type { AuthMethod } from '../ppp/types.ts';
import { parseIpv4, parseIpv6 } from '../wire/address.ts';

type Method = 'chap' | 'pap' | 'mschap-v2';

/** The options of `lns dial` as they stand on the command line. */
export interface DialOptions {
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
  local?: string;
  ports: number;
  onePort?: boolean;
  rate: number;
  ramp: number;
  window?: number;
  tunnelWindow?: number;
  retry: number;
  storm?: number;
  multilink?: number;
  redundant?: number;
  spread?: boolean;
  fragment: number;
  shortSequence?: boolean;
  killEvery: number;
  traffic: number;
  trafficRamp: number;
  receive?: boolean;
  size: number[];
  burst: number;
  flows: number;
  target: string;
  echo: 'udp' | 'icmp';
  duration?: number;
  tun?: string | true;
  tunNetns?: string;
  tunRoute?: string;
  mru: number;
  /** A program to run over the kernel interface, and its arguments. */
  command: string[];
  impair: ImpairmentOptions['parts'];
  loss: number;
  duplicate: number;
  reorder: number;
  delay: number;
  jitter: number;
  seed: number;
  sequencing?: boolean;
  hello: number;
  shards: number;
  timeout: number;
  maxLoss: number;
  json?: boolean;
  perSession?: boolean;
  report?: string;
  portable?: boolean;
  gso: boolean;
  gro: boolean;
  vnetHdr: boolean;
  uso: boolean;
  uring: boolean;
  steering: boolean;
}

/** Simple IMIX: 7 packets of 64 octets, 4 of 576, 1 of 1500; spread, so that no run of one size stands out. */
const IMIX = [64, 576, 64, 64, 576, 64, 64, 1500, 576, 64, 64, 576];

/** "64", "64,1400", "64:7,576:4,1500:1" or "imix": sizes of IP packets, sent in turn. */
export function parseSizes(words: string): number[] {
  if (words.toLowerCase() === 'imix') return [...IMIX];
  const parts = words.split(',').map((part) => {
    const [octets, weight = 1, ...rest] = part.split(':').map(Number);
    const least = layout.TRAFFIC_PACKET_MIN;
    if (!Number.isInteger(octets) || octets! < least || octets! > 1500 || rest.length > 0)
      throw new InvalidArgumentError(`octets from ${least} to 1500, a list with weights ("64:7,576:4"), or "imix".`);
    if (!Number.isInteger(weight) || weight < 1) throw new InvalidArgumentError('a weight is a whole number above 0.');
    return { octets: octets!, weight, given: 0 };
  });
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  if (total > layout.TRAFFIC_MIX_MAX)
    throw new InvalidArgumentError(`the weights add up to more than ${layout.TRAFFIC_MIX_MAX}.`);
  // The one that is furthest behind its share comes next.
  return Array.from({ length: total }, (_, index) => {
    const next = parts.reduce((best, part) =>
      part.weight * (index + 1) - part.given * total > best.weight * (index + 1) - best.given * total ? part : best,
    );
    next.given++;
    return next.octets;
  });
}

/** "10.0.0.0/8", "192.0.2.7". @throws UsageError */
function parsePrefix(words: string): Prefix {
  const [address, length = '32', ...rest] = words.split('/');
  const bits = /^\d+$/.test(length) ? Number(length) : 33;
  const value = parseIpv4(address!);
  if (value === null || bits > 32 || rest.length > 0)
    throw new UsageError(`--tun-route: '${words}' is not an IPv4 prefix ("10.0.0.0/8")`);
  if (bits < 32 && value % 2 ** (32 - bits) !== 0)
    throw new UsageError(`--tun-route: ${words} has bits set beyond its length`);
  return { address: address!, length: bits };
}
const covers = ({ address, length }: Prefix, host: number): boolean =>
  Math.floor(parseIpv4(address)! / 2 ** (32 - length)) === Math.floor(host / 2 ** (32 - length));

/** The kernel interface that was asked for. @throws UsageError */
function deviceOptions(options: DialOptions): DeviceOptions | null {
  const { tun, tunNetns, tunRoute, command } = options;
  if (tun === undefined) {
    for (const [given, name] of [
      [tunNetns, '--tun-netns'],
      [tunRoute, '--tun-route'],
      [command[0], `'${command[0]}'`],
    ] as const)
      if (given !== undefined) throw new UsageError(`${name} makes sense with --tun only`);
    return null;
  }
  for (const [given, name] of [
    [options.traffic > 0, '--traffic'],
    [options.receive === true, '--receive'],
    [options.storm !== undefined, '--storm'],
    [options.portable === true, '--portable'],
  ] as const)
    if (given) throw new UsageError(`--tun and ${name} exclude each other`);
  const own = tunNetns === undefined && (command.length === 0 || tunRoute !== undefined);
  const routes =
    tunRoute !== undefined ? tunRoute.split(',').map(parsePrefix) : own ? [] : [{ address: '0.0.0.0', length: 0 }];
  const server = parseIpv4(options.server);
  if (own && server !== null)
    for (const route of routes)
      if (covers(route, server))
        throw new UsageError(
          `--tun-route ${route.address}/${route.length} has the LNS in it: its tunnel would go through itself; put the device into a namespace (--tun-netns)`,
        );
  return { name: tun === true ? 'lnsd%d' : tun, netns: own ? null : (tunNetns ?? ''), routes };
}

const methodOf = (word: Method): AuthMethod => (word === 'chap' ? 'chap-md5' : word);

/** @throws UsageError where options contradict each other */
export function lacOptions(options: DialOptions, log: (line: string) => void): LacOptions {
  const v6 = parseIpv6(options.server) !== null && parseIpv4(options.server) === null;
  const localAddresses = (options.local ?? (v6 ? '::' : '0.0.0.0')).split(',');
  for (const address of [options.server, options.target, ...localAddresses])
    if (parseIpv4(address) === null && parseIpv6(address) === null)
      throw new UsageError(`'${address}' is not an IP address`);
  for (const address of localAddresses)
    if ((parseIpv4(address) === null) !== v6)
      throw new UsageError(`--local ${address} and --server ${options.server} are not of one family`);
  if (parseIpv4(options.target) === null)
    throw new UsageError(`--target ${options.target}: inside PPP there is IPv4 only`);
  if (options.multilink !== undefined && options.redundant !== undefined)
    throw new UsageError('--multilink and --redundant exclude each other');
  if (options.spread === true && options.multilink === undefined && options.redundant === undefined)
    throw new UsageError('--spread says where the sessions of --multilink or --redundant are');
  if (options.hide === true && (options.secret ?? process.env.LNS_SECRET ?? null) === null)
    throw new UsageError('--hide needs the shared secret (--secret)');
  const size = options.multilink ?? options.redundant ?? 1;
  const of = options.spread === true ? options.tunnels : options.sessions;
  if (of % size !== 0)
    throw new UsageError(
      options.spread === true
        ? `${options.tunnels} tunnels do not divide into groups of ${size}`
        : `${options.sessions} sessions a tunnel do not divide into groups of ${size}`,
    );
  if (options.redundant !== undefined && options.shards > 1 && options.spread === true && options.ports > 0)
    throw new UsageError(
      '--redundant --spread over several shards needs a UDP port for each tunnel (--ports 0): one shard must see all answers to an address',
    );
  const { loss, duplicate, reorder, delay, jitter, seed, impair } = options;
  const impaired = loss + duplicate + reorder + delay + jitter > 0;
  return {
    profiles: [
      {
        server: { address: options.server, port: options.port },
        tunnels: options.tunnels,
        sessionsPerTunnel: options.sessions,
        hostName: options.name,
        secret: options.secret ?? process.env.LNS_SECRET ?? null,
        hideAvps: options.hide === true,
        user: options.user,
        password: options.password ?? process.env.LNS_PASSWORD ?? '',
        methods: options.auth === 'any' ? ['chap-md5', 'pap', 'mschap-v2'] : [methodOf(options.auth)],
        proxy: options.proxy === undefined ? null : options.proxy === 'none' ? [] : [methodOf(options.proxy)],
        sequencing: options.sequencing === true,
        groups:
          size === 1 && options.multilink === undefined
            ? null
            : {
                kind: options.multilink !== undefined ? 'multilink' : 'redundant',
                size,
                spread: options.spread === true,
                fragmentOctets: options.fragment === 0 ? null : options.fragment,
                shortSequence: options.shortSequence === true,
              },
      },
    ],
    localAddresses,
    ports: options.onePort === true ? 1 : options.ports,
    shards: options.shards,
    setupRate: options.rate,
    rampMs: options.ramp * 1000,
    ...(options.window === undefined ? {} : { window: options.window }),
    ...(options.tunnelWindow === undefined ? {} : { tunnelWindow: options.tunnelWindow }),
    retryMs: options.retry * 1000,
    traffic: {
      kind: options.echo,
      target: options.target,
      sizes: options.size,
      burst: options.burst,
      flows: options.flows,
    },
    device: deviceOptions(options),
    mru: options.mru,
    rungs: {
      gso: options.gso,
      gro: options.gro,
      vnetHdr: options.vnetHdr,
      uso: options.uso,
      uring: options.uring,
      steering: options.steering,
    },
    impair: impaired ? { parts: impair, loss, duplicate, reorder, delayMs: delay, jitterMs: jitter, seed } : null,
    helloIntervalMs: options.hello * 1000,
    portable: options.portable === true,
    log,
  };
}
