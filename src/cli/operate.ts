import { createInterface } from 'node:readline/promises';
import { CommandClient, defaultSocketPath } from '../server/socket.ts';

/** `summary` for `services l2tp summary`, and the like. */
function whole(words: readonly string[]): string[] {
  return ['summary', 'tunnel', 'session', 'user'].includes(words[0] ?? '')
    ? ['services', 'l2tp', ...words]
    : [...words];
}

/** One command of a script. Exit status 1 where it could not be done. */
export async function show(words: string[], options: { json?: boolean; socket?: string }): Promise<void> {
  const client = await CommandClient.open(options.socket ?? defaultSocketPath());
  const reply = await client.run({ words: ['show', ...whole(words)], json: options.json === true });
  client.close();
  if (reply.text !== '') (reply.ok ? console.log : console.error)(reply.text);
  if (!reply.ok) process.exitCode = 1;
}

const HELP = `Commands:
  show services l2tp summary
  show services l2tp tunnel [brief|detail|extensive|statistics] [local-tunnel-id ID | peer-gateway ADDRESS | tunnel-group NAME | ...]
  show services l2tp session [brief|detail|extensive|statistics] [local-session-id ID | user NAME | ...]
  clear services l2tp tunnel (all | local-tunnel-id ID | ...)
  clear services l2tp session (all | local-session-id ID | user NAME | ...)
  exit`;

/** A prompt for operational commands. */
export async function cli(options: { socket?: string }): Promise<void> {
  const client = await CommandClient.open(options.socket ?? defaultSocketPath());
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: 'lns> ' });
  lines.prompt();
  for await (const line of lines) {
    const words = line.trim().split(/\s+/).filter(Boolean);
    if (words[0] === 'exit' || words[0] === 'quit') break;
    if (words[0] === '?' || words[0] === 'help') console.log(HELP);
    else if (words.length > 0) {
      const expanded = words[0] === 'show' || words[0] === 'clear' ? [words[0], ...whole(words.slice(1))] : words;
      const reply = await client.run({ words: expanded, json: false });
      if (reply.text !== '') console.log(reply.text);
    }
    lines.prompt();
  }
  lines.close();
  client.close();
}
