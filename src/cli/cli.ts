import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { CliClient, defaultSocketPath } from '../server/socket.ts';
import { defaultHistoryFile, History } from './history.ts';
import { fileReason } from './input.ts';
import { Shell, type Sink } from './shell.ts';
import { Terminal } from './terminal.ts';

/** Straight to standard output; what a command asks for are the lines behind it. */
class PlainSink implements Sink {
  readonly #stop = new AbortController();
  readonly #lines: AsyncIterator<string>;
  readonly echoes = false;
  constructor(client: CliClient, lines: AsyncIterator<string>) {
    this.#lines = lines;
    process.stdout.on('error', () => {
      // Nobody reads on.
      client.close();
    });
    process.once('SIGINT', () => this.#stop.abort());
  }
  get signal(): AbortSignal {
    return this.#stop.signal;
  }
  begin(): void {}
  fail(text: string): void {
    process.stderr.write(text);
  }
  write(text: string): boolean {
    process.stdout.write(text);
    return true;
  }
  async end(): Promise<void> {}
  async readText(): Promise<string> {
    let text = '';
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true || value === '\u0004' || value === '^D') return text;
      text += `${value}\n`;
    }
  }
  async readAnswer(question: string): Promise<string | null> {
    if (question !== '') process.stdout.write('\n');
    const { done, value } = await this.#lines.next();
    return done === true ? null : value;
  }
}

/** Commands from a pipe or a file: no prompt; errors do not stop it, but the exit status tells. */
async function script(client: CliClient): Promise<void> {
  const shell = new Shell(client);
  client.onPush = (text) => process.stdout.write(text);
  const input = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const lines = input[Symbol.asyncIterator]();
  const sink = new PlainSink(client, lines);
  for (;;) {
    const { done, value } = await lines.next();
    if (done === true) break;
    const more = await shell.execute(value, sink);
    if (shell.failed) process.exitCode = 1;
    if (!more || sink.signal.aborted) break;
  }
  input.close();
}

/** The whole command line, at a terminal. */
async function interactive(client: CliClient): Promise<void> {
  const { stdin, stdout } = process;
  const history = new History(defaultHistoryFile());
  const shell = new Shell(client, () => history.lines);
  const raw = (on: boolean): void => {
    stdin.setRawMode(on);
    // Pastes come marked, so that their line feeds do not run half a command.
    stdout.write(on ? '\u001b[?2004h' : '\u001b[?2004l');
  };
  const suspend = async (): Promise<void> => {
    raw(false);
    const back = new Promise<void>((resolve) => process.once('SIGCONT', () => resolve()));
    process.kill(process.pid, 'SIGTSTP');
    await back;
    raw(true);
  };
  const screen = {
    get columns() {
      return stdout.columns > 0 ? stdout.columns : 80;
    },
    get rows() {
      return stdout.rows > 0 ? stdout.rows : 24;
    },
    write: (text: string) => void stdout.write(text),
  };
  const terminal = new Terminal(screen, shell, client, history, suspend);
  const feed = (octets: Buffer): void => terminal.feed(octets);
  const end = (): void => terminal.ended();
  const resize = (): void => terminal.resized();
  let lost = false;
  client.onClose = () => {
    lost = true;
    terminal.ended();
  };
  raw(true);
  stdin.on('data', feed);
  stdin.on('end', end);
  stdout.on('resize', resize);
  for (const signal of ['SIGHUP', 'SIGTERM'] as const) process.once(signal, end);
  try {
    await terminal.run();
  } finally {
    raw(false);
    stdin.off('data', feed);
    stdout.off('resize', resize);
  }
  if (lost) {
    process.stderr.write('lns: the server closed the connection\n');
    process.exitCode = 1;
  }
}

/** `lns cli`: at a terminal the whole command line, otherwise a script. */
export async function cli(options: { socket?: string }): Promise<void> {
  const client = await CliClient.open(options.socket ?? defaultSocketPath());
  // Files of `load` and `save` are the operator's, with his rights.
  client.onFile = ({ do: what, path, text }) => {
    try {
      if (what === 'read') return readFileSync(path, 'utf8');
      writeFileSync(path, text ?? '', { mode: 0o600 });
      return '';
    } catch (error) {
      throw new Error(fileReason(error));
    }
  };
  try {
    if (process.stdin.isTTY && process.stdout.isTTY) await interactive(client);
    else await script(client);
  } finally {
    client.onClose = () => {};
    client.close();
    // A pipe that stays open must not keep the process.
    process.stdin.destroy();
  }
}
