// A server in a process of its own, for benches that read its CPU time, and the emulator in another.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Dialled } from '../src/cli/dial-report.ts';

export const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

/**
 * CPU time of a process so far, nanoseconds, all threads: what the scheduler counted (/proc/PID/task/TID/schedstat), where the
 * ticks of /proc/PID/stat are 10 ms.
 */
export function cpuNs(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}
/** Resident memory of a process, octets. */
export function residentOctets(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

export interface ServerOptions {
  /** In front of the command: `ip netns exec NAME`, `taskset`. */
  readonly prefix?: readonly string[];
  readonly arguments?: readonly string[];
  readonly port?: number;
}

export class ServerProcess {
  readonly pid: number;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
    this.pid = child.pid!;
  }
  /** @throws Error where it does not get ready */
  static async start(configuration: string, options: ServerOptions = {}): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'lns-bench-'));
    const file = join(folder, 'lns.conf');
    writeFileSync(file, configuration);
    const port = options.port ?? 20_000 + (process.pid % 20_000);
    const command = [
      ...(options.prefix ?? []),
      ...[process.execPath, main, 'run', file, '--port', String(port), '--socket', join(folder, 's')],
      ...(options.arguments ?? []),
    ];
    const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes(' ready ')) resolve();
      });
      child.once('exit', () => reject(new Error('the server ended')));
    });
    return new ServerProcess(child, folder, port);
  }
  get cpuNs(): number {
    return cpuNs(this.pid);
  }
  get residentOctets(): number {
    return residentOctets(this.pid);
  }
  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** `lns dial --json` with these arguments, and what it said. `prefix`: as of the server. */
export async function dialled(
  words: readonly string[],
  prefix: readonly string[] = [],
  onLine: (line: string) => void = () => undefined,
): Promise<Dialled> {
  const command = [...prefix, process.execPath, main, 'dial', ...words, '--json'];
  const child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
    for (const line of chunk.toString().split('\n')) if (line !== '') onLine(line);
  });
  await new Promise((resolve) => child.once('close', resolve));
  if (output === '') throw new Error(`lns dial failed:\n${errors}`);
  return JSON.parse(output);
}
