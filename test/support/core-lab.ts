// LAC, server and core host in three network namespaces in a row, by two veth pairs.
import { execFileSync, spawnSync } from 'node:child_process';
import { ip, Veth } from './veth.ts';

/** The server's address towards the core, the core host's, and one behind it that the core host routes to itself. */
export const INSIDE = '198.51.100.1';
export const CORE = '198.51.100.2';
export const BEHIND = '203.0.113.77';

export class CoreLab extends Veth {
  readonly core = `${this.lns}c`;
  constructor() {
    super();
    ip('netns', 'add', this.core);
    ip('-n', this.core, 'link', 'set', 'lo', 'up');
    ip('link', 'add', 'c0', 'netns', this.core, 'type', 'veth', 'peer', 'name', 'c1', 'netns', this.lns);
    for (const [name, device, address] of [
      [this.core, 'c0', CORE],
      [this.lns, 'c1', INSIDE],
    ] as const) {
      ip('-n', name, 'link', 'set', device, 'up');
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', device);
    }
    ip('-n', this.core, 'route', 'add', 'default', 'via', INSIDE);
    ip('-n', this.core, 'addr', 'add', `${BEHIND}/32`, 'dev', 'lo');
    ip('-n', this.lns, 'route', 'add', '203.0.113.0/24', 'via', CORE);
    this.sysctl(this.lns, 'net.ipv4.ip_forward=1');
  }
  sysctl(name: string, setting: string): void {
    this.in(name, 'sysctl', '-qw', setting);
  }
  /** Runs a command in a namespace. @returns what it printed @throws Error where it fails */
  in(name: string, ...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8' });
  }
  /** The same, whatever its status. */
  tries(name: string, ...command: string[]): string {
    return spawnSync('ip', ['netns', 'exec', name, ...command], { encoding: 'utf8' }).stdout;
  }
  override close(): void {
    super.close();
    ip('netns', 'del', this.core);
  }
}
