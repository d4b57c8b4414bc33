// A veth pair between two network namespaces, and this thread in one of them for a while.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { openFfi } from '../../src/io/ffi.ts';

export const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const SETNS: Readonly<Record<string, number>> = { x64: 308, arm64: 268 };
export const LNS = '192.0.2.17';
export const LAC = '192.0.2.18';

let made = 0;
/** Two namespaces and a veth pair between them. */
export class Veth {
  readonly lac = `xl${process.pid}-${++made}`;
  readonly lns = `xn${process.pid}-${made}`;
  constructor(mtu = 1500) {
    for (const name of [this.lac, this.lns]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('link', 'add', 'v0', 'netns', this.lac, 'type', 'veth', 'peer', 'name', 'v1', 'netns', this.lns);
    for (const [name, device, address] of [
      [this.lac, 'v0', LAC],
      [this.lns, 'v1', LNS],
    ] as const) {
      ip('-n', name, 'link', 'set', device, 'mtu', String(mtu), 'up');
      ip('-n', name, 'addr', 'add', `${address}/28`, 'dev', device);
    }
  }
  close(): void {
    for (const name of [this.lac, this.lns]) ip('netns', 'del', name);
  }
  /** Is a program at the server's end? */
  program(): boolean {
    return ip('-n', this.lns, 'link', 'show', 'v1').includes('xdp');
  }
}
/** Does something with this thread in a network namespace: what it opens stays there. */
export async function within<T>(name: string, work: () => Promise<T>): Promise<T> {
  const ffi = openFfi()!;
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(`/run/netns/${name}`, 'r');
  const enter = (fd: number): void => {
    if (ffi.syscall(SETNS[process.arch]!, fd, 0, 0, 0, 0, 0) < 0) throw ffi.error('setns');
  };
  try {
    enter(there);
    return await work();
  } finally {
    enter(home);
    closeSync(home);
    closeSync(there);
  }
}
