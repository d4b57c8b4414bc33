import { readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { FileDisk } from '../config/disk.ts';
import { formatDiagnostics, loadConfig } from '../config/load.ts';
import { ConfigurationStore } from '../config/store.ts';
import type { LnsConfig } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import { userName } from '../io/credentials.ts';
import { KernelEcho } from '../io/echo.ts';
import { openFfi } from '../io/ffi.ts';
import { userOf } from '../operate/access.ts';
import { StoreAccess } from '../operate/configuration.ts';
import { OperatorConversation } from '../operate/conversation.ts';
import { Operator } from '../operate/operator.ts';
import type { Processes } from '../operate/types.ts';
import { platformByName } from '../platform/platform.ts';
import { Lns, type NetBackEnd } from '../server/lns.ts';
import { type Log, lineLog } from '../server/log.ts';
import { defaultSocketPath, serveCli } from '../server/socket.ts';
import { readInput } from './input.ts';
import { LineWriter } from './line-writer.ts';
import { readVersion } from './version.ts';

const TIMER_MAX_MS = 0x7fffffff;

interface RunOptions {
  logDirectory?: string;
  net: NetBackEnd;
  tun: string;
  shards: number;
  port: number;
  platform: string;
  socket?: string;
  socketGroup?: string;
  accountingSpool?: string;
  portable?: boolean;
  gso: boolean;
  gro: boolean;
  vnetHdr: boolean;
  uso: boolean;
  uring: boolean;
  steering: boolean;
  clampMss?: number | true;
  xdp?: string;
  xdpCore?: string;
  coalesce: number;
  queue: number;
  verbose?: boolean;
}

/** Reads a configuration and prints what is to be said of it on standard error. null where it has errors. */
export function readConfig(file: string, platform: string): LnsConfig | null {
  const { config, diagnostics } = loadConfig(readInput(file).toString('utf8'), platform);
  if (diagnostics.length > 0) console.error(formatDiagnostics(diagnostics, file));
  return config;
}

export function check(file: string, options: { platform: string }): void {
  if (readConfig(file, options.platform) === null) process.exitCode = 1;
  else console.log('configuration check succeeds');
}

/** Reads the file again and puts it in force by the same way as a commit; what is wrong with it changes nothing. */
async function reload(file: string, store: ConfigurationStore, log: Log): Promise<void> {
  const { ok, error, diagnostics } = await store.reload();
  if (diagnostics.length > 0) console.error(formatDiagnostics(diagnostics, file));
  if (ok) return;
  const [first] = diagnostics.filter((one) => one.severity === 'error');
  log('error', 'configuration-rejected', { file, line: first?.line, reason: error ?? first?.message });
}

/** Where log and trace files go. */
const defaultLogDirectory = (): string =>
  process.getuid?.() === 0
    ? '/var/log/wasm-lns'
    : join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'wasm-lns', 'log');

/** Where accounting records are kept that no server takes; null where there is no accounting. */
function defaultSpool(config: LnsConfig): string | null {
  const profiles = config.tunnelGroups.flatMap((group) => [
    group.userProfile,
    ...[...group.tunnelProfile.clients.values()].map(({ pppProfile }) => pppProfile),
  ]);
  if (!profiles.some((profile) => profile?.radiusAccounting === true)) return null;
  const state =
    process.getuid?.() === 0 ? '/var/lib' : (process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'));
  return join(state, 'wasm-lns', 'accounting');
}

/** Does the kernel forward between its interfaces? */
function forwarding(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() !== '0';
  } catch {
    return true;
  }
}

/** What `restart` of operational mode can begin anew. */
const serverProcesses = (server: Lns): Processes => ({
  names: [{ name: 'l2tpd-service', help: 'L2TP services: every tunnel ends, and LACs set theirs up anew' }],
  restart: async () => {
    const ids = [...server.tunnels.keys()];
    for (const id of ids) server.clearTunnel(id);
    return `L2TP services restarted, ${ids.length} ${ids.length === 1 ? 'tunnel' : 'tunnels'} closed`;
  },
});

/** Runs until SIGTERM or SIGINT, which end every tunnel with a StopCCN. */
export async function run(file: string, options: RunOptions): Promise<void> {
  if (readConfig(file, options.platform) === null)
    throw new ConfigError(`${file} is not in force: the server does not start`);
  if (options.xdpCore !== undefined && options.net !== 'tun')
    throw new ConfigError('--xdp-core needs --net tun: the kernel forwards what it cannot');
  if (options.xdpCore !== undefined && options.xdpCore === options.xdp)
    throw new ConfigError('--xdp and --xdp-core need two interfaces');
  const lines = new LineWriter(process.stdout.fd);
  const log = lineLog((line) => lines.write(line), options.verbose === true ? 'debug' : 'info');
  const onExit = (): void => lines.flushSync();
  process.on('exit', onExit);
  const operators = new Set<(text: string) => void>();
  let lns: Lns | null = null;
  let timer: NodeJS.Timeout | null = null;
  const store = await ConfigurationStore.open({
    disk: new FileDisk(file),
    platform: options.platform,
    apply: async (next) => {
      await lns?.reconfigure(next);
    },
    now: Date.now,
    random: Math.random,
    tell: (message) => {
      log('notice', 'configuration', { message });
      for (const push of operators) push(`\nMessage from the server: ${message}\n`);
    },
    deadlineChanged: () => schedule(),
  });
  const schedule = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const wait = store.deadline() - Date.now();
    if (wait === Number.POSITIVE_INFINITY) return;
    // A timer of Node's holds 31 bits.
    timer = setTimeout(
      () => void store.handleTimeout(Date.now()).then(schedule),
      Math.min(Math.max(0, wait), TIMER_MAX_MS),
    );
  };
  const { config } = store;
  const server = new Lns(config, {
    ...options,
    clampMss: options.clampMss === true ? 'auto' : options.clampMss,
    coalesceUs: options.coalesce,
    queueMs: options.queue,
    rungs: options,
    log,
    logDirectory: options.logDirectory ?? defaultLogDirectory(),
    accountingDirectory: options.accountingSpool ?? defaultSpool(config),
  });
  const socketPath = options.socket ?? config.system.socketPath ?? defaultSocketPath();
  const ffi = options.portable === true ? null : openFfi();
  const operator = new Operator({
    lns: server,
    get hostName() {
      return server.config.hostName ?? hostname();
    },
    version: readVersion(),
    platform: platformByName(config.chassis.model ?? options.platform),
    configuration: new StoreAccess(store),
    logs: server.logging.files ?? undefined,
    pics: server.services,
    switchover: server.services,
    echo: ffi !== null && options.net === 'tun' ? new KernelEcho(ffi) : undefined,
    processes: serverProcesses(server),
  });
  let started: () => void;
  const ready = new Promise<void>((resolve) => {
    started = resolve;
  });
  const commands = await serveCli({
    path: socketPath,
    group: options.socketGroup ?? config.system.socketGroup,
    open: (credentials, push) => {
      const user = userOf(credentials, server.config.system.users, process.getuid?.() ?? -1, userName);
      if (user === null) return null;
      operators.add(push);
      const conversation = new OperatorConversation(operator, user, push, credentials?.pid);
      return {
        hello: conversation.hello,
        answer: async (request, reply) => {
          await ready;
          return conversation.answer(request, reply);
        },
        close: () => {
          operators.delete(push);
          conversation.close();
        },
      };
    },
    refused: (reason, uid) => log('warning', 'cli-refused', { reason, uid }),
  });
  // SIGHUP: the file is read again, as often as the signal comes.
  let reloading: Promise<void> = Promise.resolve();
  const onHangUp = (): void => {
    reloading = reloading.then(() => ready).then(() => reload(file, store, log));
  };
  process.on('SIGHUP', onHangUp);
  const ended = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });
  try {
    await server.start();
    lns = server;
    started!();
    schedule();
    log('info', 'commands', { socket: socketPath });
    if (options.net === 'tun' && !forwarding())
      log('warning', 'forwarding-off', { reason: 'net.ipv4.ip_forward is 0: packets of clients end on this host' });
    log('notice', 'stopping', { signal: await ended });
    process.off('SIGHUP', onHangUp);
    await reloading;
    if (timer !== null) clearTimeout(timer);
    await server.stop();
  } finally {
    await commands.close();
    await lines.flush();
    process.off('exit', onExit);
  }
}
