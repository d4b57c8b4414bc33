// Debian's freeradius with a configuration of its own, in a temporary folder, on free ports of loopback.
import { type ChildProcess, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FreeradiusOptions {
  /** Text of the users file. */
  users: string;
  secret?: string;
  /** Address of loopback; 127.0.0.1. */
  address?: string;
  /** Refuses requests without a Message-Authenticator. */
  requireMessageAuthenticator?: boolean;
  /** Puts a Message-Authenticator in its replies: 3.2.1 does not by itself. */
  signReplies?: boolean;
  /** Network namespace that it runs in, where not ours. */
  namespace?: string;
  /** Ports, where another instance is to come back. */
  ports?: { access: number; accounting: number };
}

async function freePort(): Promise<number> {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

export class Freeradius {
  readonly access: number;
  readonly accounting: number;
  readonly secret: string;
  readonly #folder: string;
  readonly #namespace: string | null;
  #process: ChildProcess | null = null;
  #output = '';

  private constructor(folder: string, access: number, accounting: number, secret: string, namespace: string | null) {
    this.#folder = folder;
    this.#namespace = namespace;
    this.access = access;
    this.accounting = accounting;
    this.secret = secret;
  }
  static async start(options: FreeradiusOptions): Promise<Freeradius> {
    const { access, accounting } = options.ports ?? { access: await freePort(), accounting: await freePort() };
    const folder = mkdtempSync(join(tmpdir(), 'lns-freeradius-'));
    const server = new Freeradius(
      folder,
      access,
      accounting,
      options.secret ?? 'testing123',
      options.namespace ?? null,
    );
    mkdirSync(join(folder, 'acct'));
    writeFileSync(join(folder, 'users'), options.users);
    writeFileSync(join(folder, 'radiusd.conf'), server.#configuration(options));
    await server.run();
    return server;
  }
  async run(): Promise<void> {
    const within = this.#namespace === null ? [] : ['ip', 'netns', 'exec', this.#namespace];
    const [command, ...args] = [
      ...within,
      ...['/usr/sbin/freeradius', '-f', '-l', 'stdout', '-d', this.#folder, '-n', 'radiusd'],
    ];
    const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    const ready = new Promise<void>((resolve, reject) => {
      const take = (octets: Buffer): void => {
        this.#output += octets;
        if (this.#output.includes('Ready to process requests')) resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('exit', (code) => reject(new Error(`freeradius ended with ${code}: ${this.#output}`)));
      setTimeout(() => reject(new Error(`freeradius is not ready: ${this.#output}`)), 20_000).unref();
    });
    await ready;
    child.removeAllListeners('exit');
  }
  /** At once, as a machine that loses its power. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
  async close(): Promise<void> {
    await this.kill('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
  /** Accounting records so far: attribute → value, as the detail file has them. */
  records(): Map<string, string>[] {
    let text = '';
    try {
      text = readFileSync(join(this.#folder, 'acct', 'detail'), 'utf8');
    } catch {
      return [];
    }
    return text
      .split('\n\n')
      .filter((block) => block.trim() !== '')
      .map(
        (block) =>
          new Map(
            [...block.matchAll(/^\t([\w-]+)(?::\d+)? = (.*)$/gm)].map(([, name, value]) => [
              name!,
              value!.replace(/^"(.*)"$/, '$1'),
            ]),
          ),
      );
  }
  get output(): string {
    return this.#output;
  }

  #configuration(options: FreeradiusOptions): string {
    const folder = this.#folder;
    return `
prefix = /usr
libdir = /usr/lib/freeradius
localstatedir = ${folder}
logdir = ${folder}
raddbdir = ${folder}
confdir = ${folder}
db_dir = ${folder}
radacctdir = ${folder}/acct
pidfile = ${folder}/radiusd.pid
max_request_time = 30
cleanup_delay = 2
max_requests = 65536
hostname_lookups = no
log {
  destination = stdout
  auth = no
}
security {
  allow_core_dumps = no
  max_attributes = 200
  reject_delay = 0
  status_server = no
}
thread pool {
  start_servers = 4
  max_servers = 8
  min_spare_servers = 1
  max_spare_servers = 8
  max_requests_per_server = 0
}
client lns {
  ipaddr = 127.0.0.1
  secret = "${this.secret}"
  require_message_authenticator = ${options.requireMessageAuthenticator === true ? 'yes' : 'no'}
}
modules {
  pap {
  }
  chap {
  }
  mschap {
    use_mppe = no
  }
  files {
    usersfile = ${folder}/users
  }
  detail {
    filename = ${folder}/acct/detail
    header = "%t"
    permissions = 0600
  }
}
server default {
  listen {
    type = auth
    ipaddr = ${options.address ?? '127.0.0.1'}
    port = ${this.access}
  }
  listen {
    type = acct
    ipaddr = ${options.address ?? '127.0.0.1'}
    port = ${this.accounting}
  }
  authorize {
    chap
    mschap
    files
    pap
    ${options.signReplies === true ? 'update reply {\n      Message-Authenticator := 0x00\n    }' : ''}
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
    Auth-Type MS-CHAP {
      mschap
    }
  }
  accounting {
    detail
  }
}
`;
  }
}
