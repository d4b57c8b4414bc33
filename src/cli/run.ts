import { readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { formatDiagnostics, loadConfig } from '../config/load.ts';
import type { LnsConfig } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import { userName } from '../io/credentials.ts';
import { userOf } from '../operate/access.ts';
import { OperatorConversation } from '../operate/conversation.ts';
import { Operator } from '../operate/operator.ts';
import { platformByName } from '../platform/platform.ts';
import { Lns, type NetBackEnd } from '../server/lns.ts';
import { type Log, lineLog } from '../server/log.ts';
import { defaultSocketPath, serveCli } from '../server/socket.ts';
import { readVersion } from './version.ts';

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
  verbose?: boolean;
}

/** Reads a configuration and prints what is to be said of it on standard error. null where it has errors. */
export function readConfig(file: string, platform: string): LnsConfig | null {
  const { config, diagnostics } = loadConfig(readFileSync(file, 'utf8'), platform);
  if (diagnostics.length > 0) console.error(formatDiagnostics(diagnostics, file));
  return config;
}

export function check(file: string, options: { platform: string }): void {
  if (readConfig(file, options.platform) === null) process.exitCode = 1;
  else console.log('configuration check succeeds');
}

/** Puts the file in force as it is now; where it is not valid, or cannot be, all stays as it was and the log says why. */
async function reload(file: string, platform: string, lns: Lns, log: Log): Promise<void> {
  try {
    const { config, diagnostics } = loadConfig(readFileSync(file, 'utf8'), platform);
    if (diagnostics.length > 0) console.error(formatDiagnostics(diagnostics, file));
    if (config === null) {
      const [first] = diagnostics.filter((one) => one.severity === 'error');
      log('error', 'configuration-rejected', { file, line: first?.line, reason: first?.message });
      return;
    }
    await lns.reconfigure(config);
  } catch (error) {
    log('error', 'configuration-rejected', { file, reason: (error as Error).message });
  }
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

/** Runs until SIGTERM or SIGINT, which end every tunnel with a StopCCN. */
export async function run(file: string, options: RunOptions): Promise<void> {
  const config = readConfig(file, options.platform);
  if (config === null) throw new ConfigError(`${file} is not in force: the server does not start`);
  const log = lineLog((line) => console.log(line), options.verbose === true ? 'debug' : 'info');
  const lns = new Lns(config, {
    ...options,
    rungs: options,
    log,
    logDirectory: options.logDirectory ?? defaultLogDirectory(),
    accountingDirectory: options.accountingSpool ?? defaultSpool(config),
  });
  const socketPath = options.socket ?? config.system.socketPath ?? defaultSocketPath();
  const operator = new Operator({
    lns,
    hostName: config.hostName ?? hostname(),
    version: readVersion(),
    platform: platformByName(options.platform),
  });
  const commands = await serveCli({
    path: socketPath,
    group: options.socketGroup ?? config.system.socketGroup,
    open: (credentials, push) => {
      const user = userOf(credentials, lns.config.system.users, process.getuid?.() ?? -1, userName);
      return user === null ? null : new OperatorConversation(operator, user, push);
    },
    refused: (reason, uid) => log('warning', 'cli-refused', { reason, uid }),
  });
  // SIGHUP: the file is read again, as often as the signal comes. What is wrong with it changes nothing.
  let reloading: Promise<void> = Promise.resolve();
  let started: () => void;
  const ready = new Promise<void>((resolve) => {
    started = resolve;
  });
  const onHangUp = (): void => {
    reloading = reloading.then(() => ready).then(() => reload(file, options.platform, lns, log));
  };
  process.on('SIGHUP', onHangUp);
  const ended = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });
  try {
    await lns.start();
    started!();
    log('info', 'commands', { socket: socketPath });
    log('notice', 'stopping', { signal: await ended });
    process.off('SIGHUP', onHangUp);
    await reloading;
    await lns.stop();
  } finally {
    await commands.close();
  }
}
