// A session at a real terminal: tmux of 80 by 24, a server and an emulator in processes of their own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const CONFIGURATION = `system { host-name lns-1; }
services { l2tp { tunnel-group east-dial {
  l2tp-access-profile east_lacs; ppp-access-profile east_users;
  local-gateway { address 127.0.0.1; } service-interface sp-1/2/0;
} } }
access {
  address-pool east { address 192.0.2.64/26; }
  group-profile east_ppp { ppp { framed-pool east; primary-dns 192.0.2.53; } }
  profile east_lacs { client lac-east { l2tp { interface-id east; shared-secret "between us"; } user-group-profile east_ppp; } }
  profile east_users { client kim@east.example { chap-secret "in the east"; } }
}
interfaces { sp-1/2/0 {
  unit 0 { family inet { address 192.0.2.1/32; } }
  unit 20 { dial-options { l2tp-interface-id east; shared; } family inet; }
} }
`;

export interface ScreenShot {
  readonly title: string;
  readonly text: string;
}

/** A tmux server of its own with one window. */
export class TmuxScreen {
  readonly #socket: string;
  constructor(name: string, command: string, environment: Record<string, string>) {
    this.#socket = name;
    this.#tmux(['new-session', '-d', '-x', '80', '-y', '24', command], { ...process.env, ...environment });
    this.#tmux(['set', '-g', 'status', 'off']);
  }
  #tmux(args: string[], env: NodeJS.ProcessEnv = process.env): string {
    return execFileSync('tmux', ['-L', this.#socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }
  type(text: string): void {
    // A semicolon at the end would be tmux's own.
    this.#tmux(['send-keys', '-l', text.replace(/;$/, '\\;')]);
  }
  /** A key by tmux's name: `Enter`, `Tab`, `C-l`. */
  press(name: string): void {
    this.#tmux(['send-keys', name]);
  }
  get text(): string {
    return this.#tmux(['capture-pane', '-p']).replace(/\n+$/, '\n');
  }
  resize(columns: number, rows: number): void {
    this.#tmux(['resize-window', '-x', String(columns), '-y', String(rows)]);
  }
  /** @throws Error with the screen where it does not come */
  async until(what: RegExp | ((text: string) => boolean), timeoutMs = 10_000): Promise<string> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const { text } = this;
      if (typeof what === 'function' ? what(text) : what.test(text)) return text;
      if (performance.now() > end) throw new Error(`no ${what} on the screen:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  /** Types a line and waits for the next prompt at the end of the screen. */
  async run(line: string, prompt: RegExp): Promise<string> {
    this.type(line);
    // Typed and on the screen, wrapped or not: the prompt that comes at the end is a new one.
    await this.until((text) => text.replaceAll('\n', '').endsWith(line));
    this.press('Enter');
    return this.until(prompt);
  }
  close(): void {
    try {
      this.#tmux(['kill-server']);
    } catch {
      // It is gone with its last window.
    }
  }
}

export interface Stage {
  readonly screen: TmuxScreen;
  readonly folder: string;
  readonly socket: string;
  readonly server: ChildProcess;
  close(): Promise<void>;
}
const output = (child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve, reject) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match !== null) resolve(match);
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.on('exit', (code) => reject(new Error(`it ended with ${code}: ${text}`)));
  });
const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.on('exit', () => resolve()));

/** A server with a tunnel and two sessions, and `lns cli` at a terminal. */
export async function stage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'lns-screens-'));
  const file = join(folder, 'lns.conf');
  writeFileSync(file, CONFIGURATION);
  const socket = join(folder, 'socket');
  const server = spawn(process.execPath, [main, 'run', file, '--net', 'embedded', '--port', '0', '--socket', socket]);
  const port = (await output(server, / port=(\d+)[\s\S]* commands /))[1]!;
  const dial = spawn(
    process.execPath,
    [
      ...[main, 'dial', '--server', '127.0.0.1', '--port', port, '--tunnels', '1', '--sessions', '2'],
      ...['--name', 'lac-east', '--user', 'kim@east.example', '--traffic', '50', '--duration', '0'],
    ],
    { env: { ...process.env, LNS_SECRET: 'between us', LNS_PASSWORD: 'in the east' } },
  );
  await output(server, /session-up[\s\S]*session-up/);
  const screen = new TmuxScreen(basename(folder), `'${process.execPath}' '${main}' cli --socket '${socket}'`, {
    LNS_HISTORY: join(folder, 'history'),
    TERM: 'xterm-256color',
  });
  return {
    screen,
    folder,
    socket,
    server,
    close: async () => {
      screen.close();
      dial.kill('SIGTERM');
      await ended(dial);
      server.kill('SIGTERM');
      await ended(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const OPERATE = /> $|>\n$/;
const CONFIGURE = /\[edit[^\]]*\]\n\S+# ?\n?$/;

/** The session that docs/cli.md shows. */
export async function screenShots({ screen }: Stage): Promise<ScreenShot[]> {
  const shots: ScreenShot[] = [];
  const shot = (title: string): void => {
    shots.push({ title, text: normalised(screen.text) });
  };
  const clear = async (): Promise<void> => {
    screen.press('C-l');
    await screen.until(/^\S+> ?\n?$/);
  };
  await screen.until(OPERATE);
  screen.type('show services l2tp ?');
  await screen.until(/Show L2TP tunnels[\s\S]*l2tp ?\n?$/);
  shot('`?` lists what may follow');
  screen.press('C-c');
  await screen.until(OPERATE);
  await clear();
  await screen.run('configure', CONFIGURE);
  await screen.run('set services l2tp tunnel-group east-dial hello-interval 30', CONFIGURE);
  await screen.run('show | compare', CONFIGURE);
  await screen.run('commit', CONFIGURE);
  shot('A change, what it is, and its commit');
  await screen.run('exit', OPERATE);
  await clear();
  await screen.run('show services l2tp tunnel extensive', /Errors {2}Rx[^\n]*\n\n?\S+> ?\n?$/);
  shot('The tunnel that was there before keeps the interval it was set up with');
  await clear();
  await screen.run('configure', CONFIGURE);
  await screen.run('rollback 1', CONFIGURE);
  await screen.run('show | compare', CONFIGURE);
  await screen.run('commit', CONFIGURE);
  shot('Back to the configuration before');
  await screen.run('exit', OPERATE);
  return shots;
}

/** Names and times of this machine and hour replaced by those of the manual. */
function normalised(text: string): string {
  return text
    .replaceAll(`${userInfo().username}@`, 'kim@')
    .replace(/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, 'Tue May 12 08:14:31 2026')
    .replace(/Idle time: \d\d:\d\d:\d\d/g, 'Idle time: 00:00:00')
    .replace(/Up time: \d\d:\d\d:\d\d/g, 'Up time: 00:00:07')
    .replace(/(\d+\.\d+\.\d+\.\d+):\d+/g, (_, address: string) => `${address}:1701`)
    .replace(/ +$/gm, '');
}
/** What has to be the same in every run: all but numbers and how wide they are. */
export const withoutNumbers = (text: string): string => text.replace(/\d[\d.]*[kM]?/g, '#').replace(/ +#/g, ' #');

const BEGIN = '<!-- screens: written by `npm run screens` -->';
const END = '<!-- end of screens -->';
const manual = fileURLToPath(new URL('../../docs/cli.md', import.meta.url));
const rendered = (shots: readonly ScreenShot[]): string =>
  shots.map(({ title, text }) => `${title}:\n\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n`).join('\n');

/** The screens as they stand in docs/cli.md. */
export function documented(): string {
  const text = readFileSync(manual, 'utf8');
  return text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)).trim();
}
export const asDocumented = (shots: readonly ScreenShot[]): string => rendered(shots).trim();
export function writeDocumented(shots: readonly ScreenShot[]): void {
  const text = readFileSync(manual, 'utf8');
  const from = text.indexOf(BEGIN) + BEGIN.length;
  writeFileSync(manual, `${text.slice(0, from)}\n\n${rendered(shots)}\n${text.slice(text.indexOf(END))}`);
}
