import { createInterface } from 'node:readline';
import { CliClient, defaultSocketPath } from '../server/socket.ts';
import { Shell, type Sink } from './shell.ts';

/** Straight to standard output. */
class PlainSink implements Sink {
  readonly #stop = new AbortController();
  get signal(): AbortSignal {
    return this.#stop.signal;
  }
  constructor(client: CliClient) {
    process.stdout.on('error', () => {
      // Nobody reads on.
      client.close();
    });
  }
  readonly echoes = false;
  begin(): void {}
  fail(text: string): void {
    process.stderr.write(text);
  }
  write(text: string): boolean {
    process.stdout.write(text);
    return true;
  }
  async end(): Promise<void> {}
}

/** Commands from a pipe or a file: no prompt; errors do not stop it, but the exit status tells. */
async function script(client: CliClient): Promise<void> {
  const shell = new Shell(client);
  const sink = new PlainSink(client);
  client.onPush = (text) => process.stdout.write(text);
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const more = await shell.execute(line, sink);
    if (shell.failed) process.exitCode = 1;
    if (!more) break;
  }
  lines.close();
}

/** `lns cli`: at a terminal the whole command line, otherwise a script. */
export async function cli(options: { socket?: string }): Promise<void> {
  const client = await CliClient.open(options.socket ?? defaultSocketPath());
  try {
    await script(client);
  } finally {
    client.close();
    // A pipe that stays open must not keep the process.
    process.stdin.destroy();
  }
}
