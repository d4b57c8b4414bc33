// Three network namespaces in a row, LAC, LNS and core, and the two servers in the middle one.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configuration } from '../../test/server/pair.ts';
import { cpuNs, residentOctets, ServerProcess } from '../server.ts';

export const LAC = '198.18.0.1';
export const LNS = '198.18.0.2';
export const CORE = '198.18.1.2';
/** Behind the core host, where everything ends. */
export const NOWHERE = '198.18.2.1';
export const SECRET = 'test secret';
/** Socket buffers of both servers, octets. */
export const SOCKET_BUFFER = 32 << 20;
const RADIUS_PORT = 18_120;

const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });

export class Lab {
  readonly lac: string;
  readonly lns: string;
  readonly core: string;
  constructor() {
    const id = `b${process.pid}`;
    [this.lac, this.lns, this.core] = [`${id}a`, `${id}n`, `${id}c`];
    for (const name of [this.lac, this.lns, this.core]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('-n', this.lns, 'link', 'set', 'lo', 'multicast', 'on');
    ip('link', 'add', 'up0', 'netns', this.lac, 'type', 'veth', 'peer', 'name', 'lac0', 'netns', this.lns);
    ip('link', 'add', 'eth0', 'netns', this.core, 'type', 'veth', 'peer', 'name', 'core0', 'netns', this.lns);
    ip('-n', this.lac, 'addr', 'add', `${LAC}/24`, 'dev', 'up0');
    ip('-n', this.lns, 'addr', 'add', `${LNS}/24`, 'dev', 'lac0');
    ip('-n', this.lns, 'addr', 'add', '198.18.1.1/24', 'dev', 'core0');
    ip('-n', this.core, 'addr', 'add', `${CORE}/24`, 'dev', 'eth0');
    for (const [name, link] of [
      [this.lac, 'up0'],
      [this.lns, 'lac0'],
      [this.lns, 'core0'],
      [this.core, 'eth0'],
    ] as const)
      ip('-n', name, 'link', 'set', link, 'up');
    ip('-n', this.core, 'route', 'add', 'default', 'via', '198.18.1.1');
    ip('-n', this.core, 'route', 'add', 'blackhole', '198.18.2.0/24');
    ip('-n', this.lns, 'route', 'add', '198.18.2.0/24', 'via', CORE);
    for (const setting of [
      'net.ipv4.ip_forward=1',
      'net.ipv4.conf.all.rp_filter=0',
      'net.ipv4.conf.default.rp_filter=0',
    ])
      for (const name of [this.lns, this.core]) execFileSync('ip', ['netns', 'exec', name, 'sysctl', '-qw', setting]);
  }
  in(name: string, core: number): string[] {
    return ['ip', 'netns', 'exec', name, 'taskset', '-c', String(core)];
  }
  /**
   * Packets that have reached the core: what its IP layer took in without ECN, where a super-packet counts as many as it
   * holds (the counters of the device do not).
   */
  corePackets(): number {
    const lines = execFileSync('ip', ['netns', 'exec', this.core, 'cat', '/proc/net/netstat'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.startsWith('IpExt:'))
      .map((line) => line.split(' '));
    return Number(lines[1]![lines[0]!.indexOf('InNoECTPkts')]);
  }
  remove(): void {
    for (const name of [this.lac, this.lns, this.core]) ip('netns', 'del', name);
  }
}

/** A server under test. */
export interface Peer {
  readonly name: string;
  readonly cpuNs: number;
  readonly residentOctets: number;
  stop(): Promise<void>;
}

/** @param flags of `lns run`, besides */
export async function startOurs(lab: Lab, flags: readonly string[] = []): Promise<Peer> {
  const text = configuration({ pool: 'address 100.64.0.0/16;', group: 'receive-window 128; maximum-send-window 128;' });
  const server = await ServerProcess.start(text.replaceAll('127.0.0.1', LNS).replaceAll('100.64.255.', '198.19.255.'), {
    prefix: lab.in(lab.lns, 0),
    arguments: ['--net', 'tun', '--tun', 'lns0', '--shards', '1', ...flags],
    port: 1701,
  });
  return {
    name: ['wasm-lns', ...flags.filter((flag) => flag === '--xdp-core')].join(' '),
    get cpuNs() {
      return server.cpuNs;
    },
    get residentOctets() {
      return server.residentOctets;
    },
    stop: () => server.stop(),
  };
}

/** Past the TUN device. */
export const startOursByXdp = (lab: Lab): Promise<Peer> => startOurs(lab, ['--xdp-core', 'core0']);

/**
 * Debian's l2tpns, tuned as far as it goes: its sockets inherit net.core.rmem_default, which is raised while it starts, and its
 * TUN queue holds 2,000 packets.
 */
export async function startL2tpns(lab: Lab): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'l2tpns-'));
  const etc = join(folder, 'etc');
  mkdirSync(etc);
  const log = join(folder, 'log');
  writeFileSync(
    join(etc, 'startup-config'),
    [
      ...['set debug 1', `set log_file "${log}"`, `set pid_file "${join(folder, 'pid')}"`, 'set hostname "peer"'],
      ...[`set l2tp_secret "${SECRET}"`, 'set primary_radius 127.0.0.1', `set primary_radius_port ${RADIUS_PORT}`],
      ...['set radius_secret "radius"', 'set radius_authtypes "chap"', 'set allow_duplicate_users yes'],
      ...[`set bind_address ${LNS}`, 'set peer_address 198.18.1.1', 'set send_garp no', 'set cluster_interface "lo"'],
      ...[
        'set cli_bind_address 127.0.0.1',
        'set ppp_keepalive no',
        'set echo_timeout 120',
        'set cluster_hb_timeout 12',
        '',
      ],
    ].join('\n'),
  );
  writeFileSync(join(etc, 'ip_pool'), '100.64.0.0/16\n');
  writeFileSync(join(etc, 'users'), '');
  const spawned = (words: string[]): ChildProcess => {
    const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
    return child;
  };
  const setting = '/proc/sys/net/core/rmem_default';
  const before = readFileSync(setting, 'utf8');
  writeFileSync(setting, String(SOCKET_BUFFER));
  // The answer comes from the generator's core, so that the server has its own for itself.
  const radius = spawned([
    ...[...lab.in(lab.lns, 1), process.execPath, fileURLToPath(new URL('radius.ts', import.meta.url))],
    ...[String(RADIUS_PORT), 'radius'],
  ]);
  await new Promise((resolve) => radius.stdout!.once('data', resolve));
  const child = spawned([
    ...lab.in(lab.lns, 0),
    ...['unshare', '-m', 'sh', '-c', `mount --bind ${etc} /etc/l2tpns && exec l2tpns`],
  ]);
  try {
    for (let tried = 0; ; tried++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      // It answers nobody before it has elected itself.
      const devices = ip('-n', lab.lns, '-br', 'link');
      if (/^tun\d/m.test(devices) && readFileSync(log, 'utf8').includes('master')) break;
      if (tried > 50 || child.exitCode !== null) throw new Error(`l2tpns did not start: ${readFileSync(log, 'utf8')}`);
    }
  } finally {
    writeFileSync(setting, before);
  }
  const device = /^(tun\d+)/m.exec(ip('-n', lab.lns, '-br', 'link'))![1]!;
  ip('-n', lab.lns, 'link', 'set', device, 'txqueuelen', '2000');
  const pid = child.pid!;
  return {
    name: 'l2tpns',
    get cpuNs() {
      return cpuNs(pid);
    },
    get residentOctets() {
      return residentOctets(pid);
    },
    stop: async () => {
      for (const one of [child, radius]) {
        const gone = new Promise((resolve) => one.once('exit', resolve));
        one.kill('SIGKILL');
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
