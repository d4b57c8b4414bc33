import { appendFileSync, writeFileSync } from 'node:fs';
import { formatPossible, type LineFault } from '../operate/match.ts';
import { type Format, type Pipeline, parsePipes } from '../operate/pipes.ts';
import { quoteWord } from '../operate/words.ts';
import { CliClient, defaultSocketPath } from '../server/socket.ts';

/** Exit statuses of one-shot commands. */
const FAILED = 1;
const USAGE = 2;

const SHORT = new Set(['summary', 'tunnel', 'session', 'user', 'multilink', 'redundancy', 'radius']);
/** `show summary` for `show services l2tp summary`, and the like. */
export function wholeLine(verb: string, words: readonly string[]): string {
  const first = SHORT.has(words[0] ?? '') ? [verb, 'services', 'l2tp'] : [verb];
  // A word with blanks came as one argument; a bare pipe is a pipe.
  return [...first, ...words.map((word) => (word === '|' ? word : quoteWord(word)))].join(' ');
}

/** Where the caret goes, and what is wrong. */
export const faultLines = (fault: LineFault, indent: number): string[] => [
  `${' '.repeat(indent + fault.offset)}^`,
  fault.message,
  ...(fault.possible === undefined ? [] : formatPossible(fault.possible)),
];

/** Writes what a pipe saves. @returns what to say of it; throws as the file system does */
export function saveFiles(pipeline: Pipeline): string {
  const { saved } = pipeline;
  if (saved === null) return '';
  let said = '';
  for (const { name, append } of saved.files) {
    (append ? appendFileSync : writeFileSync)(name, saved.text);
    said += `Wrote ${saved.lines} ${saved.lines === 1 ? 'line' : 'lines'} of output to '${name}'\n`;
  }
  return said;
}

/** One command of a script. Exit status 1: it could not be done, 2: it makes no sense. */
export async function oneShot(line: string, options: { json?: boolean; socket?: string }): Promise<void> {
  const piped = parsePipes(line);
  const wrong = (fault: LineFault): void => {
    process.stderr.write(`${[line, ...faultLines(fault, 0)].join('\n')}\n`);
    process.exitCode = USAGE;
  };
  if ('fault' in piped) return wrong(piped.fault);
  const format: Format = options.json === true ? 'json' : piped.format;
  const client = await CliClient.open(options.socket ?? defaultSocketPath());
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const { stdout } = process;
  stdout.on('error', () => {
    // Nobody reads on (`| head`).
    client.close();
  });
  const write = (text: string): void => {
    if (text === '' || stdout.write(text)) return;
    client.pause();
    stdout.once('drain', () => client.resume());
  };
  const end = await client.ask(
    { op: 'run', line: piped.command, format, columns: stdout.columns ?? 80 },
    (text) => write(piped.pipeline.write(text)),
    stop.signal,
  );
  write(piped.pipeline.end());
  client.close();
  if (end.end === 'fault') wrong(end.fault as LineFault);
  else if (end.end === 'error') {
    process.stderr.write(`error: ${end.message}\n`);
    process.exitCode = FAILED;
  } else {
    write(saveFiles(piped.pipeline));
    const { local, edit } = (end.value ?? {}) as { local?: unknown; edit?: unknown };
    if (local !== undefined || edit !== undefined) {
      process.stderr.write('error: this is a command of the prompt (lns cli)\n');
      process.exitCode = USAGE;
    }
  }
}
