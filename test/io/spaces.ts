// Two planes back to back, each with a TUN device in a network namespace of its own: what a process sends in one comes
// out of a kernel's stack in the other. Every packet goes down one path and up the other.
import { execFileSync, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openFfi } from '../../src/io/ffi.ts';
import { Tun } from '../../src/io/tun.ts';
import type { PlaneOptions } from '../../src/server/plane.ts';
import { needs } from '../support/needs.ts';
import { Bench } from './planes.ts';

const peer = fileURLToPath(new URL('./peer.ts', import.meta.url));
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

export interface Side {
  bench: Bench;
  space: string;
  tun: Tun;
  address: string;
}
export interface SpacesOptions {
  shards?: number;
  gro: boolean;
  vnetHdr: boolean;
  uso?: boolean;
  plane?: Partial<PlaneOptions>;
}

let made = 0;

export class Spaces {
  readonly left: Side;
  readonly right: Side;
  private constructor(left: Side, right: Side) {
    this.left = left;
    this.right = right;
  }

  /** null where the test is skipped. */
  static async open(t: TestContext, options: SpacesOptions): Promise<Spaces | null> {
    if (!needs(t, 'root', 'ffi', 'ip')) return null;
    const shards = options.shards ?? 1;
    const side = async (which: number): Promise<Side> => {
      const space = `lns${process.pid}-${++made}`;
      const address = `10.77.${which}.1`;
      ip('netns', 'add', space);
      // Router solicitations would be dropped, and counted.
      ip('netns', 'exec', space, 'sh', '-c', 'for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f; done');
      const tun = Tun.open(openFfi()!, {
        name: 'lnsv%d',
        queues: shards,
        mtu: 1500,
        addresses: [],
        vnetHdr: options.vnetHdr,
        uso: options.uso ?? options.vnetHdr,
      });
      ip('link', 'set', tun.name, 'netns', space);
      ip('-n', space, 'link', 'set', 'lo', 'up');
      ip('-n', space, 'link', 'set', tun.name, 'up', 'txqueuelen', '4096');
      ip('-n', space, 'addr', 'add', `${address}/32`, 'dev', tun.name);
      ip('-n', space, 'route', 'add', '10.77.0.0/16', 'dev', tun.name);
      const bench = (await Bench.open(t, {
        shards,
        core: 'tun',
        tun: tun.fds,
        gro: options.gro,
        vnetHdr: tun.offload.vnetHdr,
        uso: tun.offload.uso,
        ...options.plane,
      }))!;
      return { bench, space, tun, address };
    };
    const left = await side(1);
    const right = await side(2);
    const leftTunnel = left.bench.tunnel(2, 4, right.bench.address);
    const rightTunnel = right.bench.tunnel(4, 2, left.bench.address);
    left.bench.session(leftTunnel, 7, 9, right.address);
    right.bench.session(rightTunnel, 9, 7, left.address);
    return new Spaces(left, right);
  }
  async close(): Promise<void> {
    for (const side of [this.left, this.right]) {
      await side.bench.close();
      side.tun.close();
      ip('netns', 'del', side.space);
    }
  }
  /** A peer process in a side's namespace. Resolves with its result; `listening` once it says so. */
  run(
    side: Side,
    ...args: (string | number)[]
  ): { listening: Promise<void>; result: Promise<Record<string, unknown>> } {
    const child = spawn('ip', ['netns', 'exec', side.space, process.execPath, peer, ...args.map(String)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    let heard = (): void => {};
    const listening = new Promise<void>((resolve) => {
      heard = resolve;
    });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('ready\n')) heard();
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    const result = new Promise<Record<string, unknown>>((resolve, reject) => {
      child.on('exit', (code) => {
        clearTimeout(timer);
        const line = output.split('\n').find((one) => one.startsWith('{'));
        if (line === undefined) reject(new Error(`${args.join(' ')} ended with ${code} and said '${output}'`));
        else resolve(JSON.parse(line) as Record<string, unknown>);
      });
    });
    result.catch(() => undefined);
    return { listening, result };
  }
  /** A counter of /proc/net/snmp in a side's namespace, as 'Tcp InCsumErrors'. */
  counter(side: Side, protocol: string, name: string): number {
    const lines = execFileSync('ip', ['netns', 'exec', side.space, 'cat', '/proc/net/snmp'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.startsWith(`${protocol}:`))
      .map((line) => line.split(' '));
    return Number(lines[1]![lines[0]!.indexOf(name)]);
  }
}
