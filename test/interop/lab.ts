// A LAC's network, an LNS and a host behind it, each in a network namespace of its own; the LAC is a Linux kernel in
// User-Mode Linux. Documentation addresses only.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const LNS_ADDRESS = '192.0.2.17';
export const HOST_ADDRESS = '203.0.113.2';
export const POOL_FIRST = '100.64.0.1';
export const OWN_ADDRESS = '100.64.255.1';
export const CORE = '203.0.113.0/24';
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

const USERS = `
  client alice { chap-secret "wonderland"; pap-password "wonderland"; }
  client fixed { chap-secret "wonderland"; ppp { framed-ip-address 198.51.100.77/32; } }`;

/** A configuration for the lab. @param method of `ppp-authentication`: one, or a list in brackets */
export const configuration = (method: string, hide = true, client = '', users = USERS): string => `
system { host-name lns-lab; }
services { l2tp { tunnel-group lab {
  l2tp-access-profile lacs; ppp-access-profile users;
  local-gateway { address ${LNS_ADDRESS}; } service-interface sp-1/2/0; ${hide ? 'hide-avps;' : ''}
} } }
access {
  address-pool clients { address 100.64.0.0/24; }
  group-profile defaults { ppp { framed-pool clients; primary-dns 192.0.2.53; secondary-dns 192.0.2.54; } }
  profile lacs { client * { l2tp { ppp-authentication ${method}; shared-secret "lab secret"; ${client} } user-group-profile defaults; } }
  profile users { ${users} }
}
interfaces { sp-1/2/0 { unit 0 { family inet { address ${OWN_ADDRESS}/32; } } } }
`;

export class Lab {
  readonly #id = `${process.pid}-${Math.floor(Math.random() * 0xffff).toString(16)}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'lns-lab-'));
  readonly lac = `lac-${this.#id}`;
  readonly lns = `lns-${this.#id}`;
  readonly host = `host-${this.#id}`;
  readonly #children: ChildProcess[] = [];
  log = '';
  #server: ChildProcess | null = null;

  constructor() {
    for (const name of [this.lac, this.lns, this.host]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    const { lac, lns, host } = this;
    ip('-n', lac, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', lac, 'tuntap', 'add', 'dev', 'tap0', 'mode', 'tap');
    ip('link', 'add', 'up0', 'netns', lac, 'type', 'veth', 'peer', 'name', 'lac0', 'netns', lns);
    for (const port of ['tap0', 'up0']) ip('-n', lac, 'link', 'set', port, 'master', 'br0', 'up');
    ip('-n', lac, 'link', 'set', 'br0', 'up');
    ip('-n', lns, 'addr', 'add', `${LNS_ADDRESS}/28`, 'dev', 'lac0');
    ip('-n', lns, 'link', 'set', 'lac0', 'up');
    ip('link', 'add', 'core0', 'netns', lns, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
    ip('-n', lns, 'addr', 'add', '203.0.113.1/24', 'dev', 'core0');
    ip('-n', lns, 'link', 'set', 'core0', 'up');
    ip('-n', host, 'addr', 'add', `${HOST_ADDRESS}/24`, 'dev', 'eth0');
    ip('-n', host, 'link', 'set', 'eth0', 'up');
    ip('-n', host, 'route', 'add', 'default', 'via', '203.0.113.1');
    this.inLns('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  }

  inLns(...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.lns, ...command], { encoding: 'utf8' });
  }
  inHost(...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.host, ...command], { encoding: 'utf8' });
  }
  /** Starts something that runs until `close`. */
  background(namespace: string, ...command: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'ignore', 'ignore'] });
    this.#children.push(child);
    return child;
  }

  /** Starts the LNS and waits until it says that it is ready. */
  async startLns(config: string): Promise<void> {
    const file = join(this.folder, 'lns.conf');
    writeFileSync(file, config);
    this.log = '';
    const child = spawn(
      'ip',
      [
        'netns',
        'exec',
        this.lns,
        process.execPath,
        main,
        'run',
        file,
        '--net',
        'tun',
        '--shards',
        '2',
        '--socket',
        join(this.folder, 'lns.sock'),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#server = child;
    const ready = new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer): void => {
        this.log += chunk.toString();
        if (this.log.includes(' ready ')) resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.on('exit', (code) => reject(new Error(`the LNS ended with ${code}:\n${this.log}`)));
    });
    await ready;
  }
  /** Ends it with SIGTERM. @returns its exit code */
  async stopLns(): Promise<number | null> {
    const child = this.#server;
    if (child === null) return null;
    this.#server = null;
    return new Promise((resolve) => {
      child.removeAllListeners('exit');
      child.on('exit', (code) => resolve(code));
      child.kill('SIGTERM');
    });
  }
  show(...words: string[]): string {
    return execFileSync(process.execPath, [main, 'show', ...words, '--socket', join(this.folder, 'lns.sock')], {
      encoding: 'utf8',
    });
  }

  /** One command of the CLI. */
  cli(line: string): string {
    return execFileSync(process.execPath, [main, 'cli', '-c', line, '--socket', join(this.folder, 'lns.sock')], {
      encoding: 'utf8',
    });
  }

  /** Boots the guest and dials; `after` runs in it once PPP is up. @returns what it printed */
  async dial(options: {
    user?: string;
    password?: string;
    secret?: string;
    after?: string;
    /** Script that dials; its own variables are `variables`. */
    script?: 'dial.sh' | 'multilink.sh';
    variables?: Record<string, string>;
    /** Files that the guest finds in /host. */
    files?: Record<string, Uint8Array>;
  }): Promise<string> {
    const { user = 'alice', password = 'wonderland', secret = 'lab secret', after = 'true' } = options;
    const cache = join(tmpdir(), 'wasm-lns-guest');
    execFileSync('bash', [join(here, 'build-guest.sh'), cache], { stdio: ['ignore', 'ignore', 'inherit'] });
    const run = mkdtempSync(join(this.folder, 'run-'));
    for (const [name, octets] of Object.entries(options.files ?? {})) writeFileSync(join(run, name), octets);
    const quote = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;
    const variables = {
      LNS: LNS_ADDRESS,
      USER: user,
      PASSWORD: password,
      SECRET: secret,
      AFTER: after,
      CORE,
      ...options.variables,
    };
    writeFileSync(
      join(run, 'run.sh'),
      `${Object.entries(variables)
        .map(([name, value]) => `export ${name}=${quote(value)}`)
        .join(
          '\n',
        )}\n${['guest.sh', options.script ?? 'dial.sh'].map((name) => readFileSync(join(here, name), 'utf8')).join('')}`,
    );
    const child = spawn(
      'ip',
      [
        'netns',
        'exec',
        this.lac,
        'timeout',
        '120',
        '/usr/bin/linux.uml',
        'mem=256M',
        'rootfstype=hostfs',
        `rootflags=${join(cache, 'root')}`,
        'rw',
        'init=/init',
        'vec0:transport=tap,ifname=tap0,depth=128,gro=1',
        `addr=192.0.2.18/28`,
        `gw=${LNS_ADDRESS}`,
        `hostrun=${run}`,
        'con=null',
        'con0=null,fd:1',
        'quiet',
        'loglevel=3',
      ],
      { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, TMPDIR: '/dev/shm' } },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await new Promise((resolve) => child.on('exit', resolve));
    return output.replace(/\r/g, '');
  }

  async close(): Promise<void> {
    await this.stopLns();
    for (const child of this.#children) child.kill();
    for (const name of [this.lac, this.lns, this.host]) ip('netns', 'del', name);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
