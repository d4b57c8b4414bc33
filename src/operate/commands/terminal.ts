import { type Command, numberValue, textValue } from '../grammar.ts';
import { CommandError } from './error.ts';

const LOG_NAME = textValue('filename', function* ({ logs }) {
  for (const { name, octets, modified } of logs?.list() ?? [])
    yield [name, `Size: ${octets}, Last changed: ${modified.toISOString().slice(0, 19).replace('T', ' ')}`] as const;
});
/** Files that a connection follows, and how to stop each. */
const followed = (connection: Map<string, unknown>): Map<string, () => void> => {
  let map = connection.get('monitor') as Map<string, () => void> | undefined;
  if (map === undefined) {
    map = new Map();
    connection.set('monitor', map);
  }
  return map;
};
/** The connection is gone: nobody reads on. */
export function stopFollowing(connection: Map<string, unknown>): void {
  for (const stop of followed(connection).values()) stop();
  followed(connection).clear();
}

/** How long what is written to a file is gathered, and how much of it. */
const MONITOR_MS = 100;
const MONITOR_MAX = 256 << 10;
const PING_OCTETS = 56;

/** Logs, ping, and what an operator's own terminal does. */
export const TERMINAL_COMMANDS: readonly Command[] = [
  {
    words: 'show log',
    help: 'Show system log and trace files',
    privilege: 'trace',
    needs: 'logs',
    positional: { name: 'file', help: 'Name of log file', value: LOG_NAME, optional: true },
    run: (args, { target }) => {
      const name = args.get('file');
      if (name === undefined)
        return {
          output: target
            .logs!.list()
            .map(
              (one) => `${String(one.octets).padStart(10)} ${one.modified.toISOString().slice(0, 19)}Z ${one.name}\n`,
            ),
        };
      const text = target.logs!.read(name);
      if (text === null) throw new CommandError(`could not resolve file: ${name}`);
      return { output: text };
    },
  },
  {
    words: 'monitor start',
    help: 'Show what is written to a log or trace file, as it comes',
    privilege: 'trace',
    needs: 'logs',
    positional: { name: 'file', help: 'Name of log file', value: LOG_NAME },
    run: (args, { target, push, connection }) => {
      const name = args.get('file')!;
      if (push === null) throw new CommandError('monitor start needs a terminal that stays; use the prompt of lns cli');
      const files = followed(connection);
      if (files.has(name)) return { output: [] };
      // What comes close together stands under one heading.
      let waiting = '';
      let lost = 0;
      let timer: NodeJS.Timeout | null = null;
      const show = (): void => {
        timer = null;
        push(`\n*** ${name} ***\n${waiting}${lost > 0 ? `(${lost} records are not shown)\n` : ''}`);
        waiting = '';
        lost = 0;
      };
      const stop = target.logs!.follow(name, (text) => {
        if (waiting.length + text.length > MONITOR_MAX) lost++;
        else waiting += text;
        timer ??= setTimeout(show, MONITOR_MS).unref();
      });
      if (stop === null) throw new CommandError(`could not resolve file: ${name}`);
      files.set(name, () => {
        stop();
        if (timer !== null) clearTimeout(timer);
      });
      return { output: [] };
    },
  },
  {
    words: 'monitor stop',
    help: 'Show no more of a log or trace file',
    privilege: 'trace',
    needs: 'logs',
    positional: { name: 'file', help: 'Name of log file; all without it', value: LOG_NAME, optional: true },
    run: (args, { connection }) => {
      const files = followed(connection);
      const name = args.get('file');
      for (const [file, stop] of files)
        if (name === undefined || file === name) {
          stop();
          files.delete(file);
        }
      return { output: [] };
    },
  },
  {
    words: 'monitor list',
    help: 'Show which files are being followed',
    privilege: 'trace',
    needs: 'logs',
    run: (_, { connection }) => ({
      output: [...followed(connection).keys()].map((name) => `monitor start "${name}"\n`),
    }),
  },
  {
    words: 'ping',
    help: 'Ping a remote target through its session',
    privilege: 'network',
    needs: 'echo',
    positional: { name: 'host', help: 'Address of the remote host', value: textValue('host') },
    options: [
      { keyword: 'count', help: 'Number of ping requests to send', value: numberValue('count', 1, 2_000_000_000) },
      { keyword: 'size', help: 'Octets of data in a request', value: numberValue('size', 0, 65_468) },
      { keyword: 'interval', help: 'Seconds between requests', value: numberValue('interval', 1, 3600) },
      { keyword: 'rapid', help: 'Send the next request as soon as the last is answered' },
    ],
    run: (args, { target, signal }) => ({
      output: (async function* () {
        const host = args.get('host')!;
        const octets = Number(args.get('size') ?? PING_OCTETS);
        const rapid = args.has('rapid');
        const count = Number(args.get('count') ?? (rapid ? 5 : Number.POSITIVE_INFINITY));
        const interval = Number(args.get('interval') ?? 1) * 1000;
        yield `PING ${host} (${host}): ${octets} data bytes\n`;
        const times: number[] = [];
        let sent = 0;
        for (; sent < count && !signal.aborted; sent++) {
          const begun = performance.now();
          const answer = await target.echo!.echo(host, sent, octets, rapid ? 500 : interval);
          if (signal.aborted) {
            sent++;
            break;
          }
          if (answer !== null) times.push(answer.ms);
          if (rapid) yield answer === null ? '.' : '!';
          else if (answer !== null)
            yield `${octets + 8} bytes from ${host}: icmp_seq=${sent} ttl=${answer.ttl} time=${answer.ms.toFixed(3)} ms\n`;
          const rest = interval - (performance.now() - begun);
          if (!rapid && rest > 0 && sent + 1 < count)
            await new Promise<void>((resolve) => {
              const done = (): void => {
                clearTimeout(timer);
                signal.removeEventListener('abort', done);
                resolve();
              };
              const timer = setTimeout(done, rest);
              signal.addEventListener('abort', done);
            });
        }
        if (rapid) yield '\n';
        const lost = sent === 0 ? 0 : Math.round(((sent - times.length) / sent) * 100);
        yield `\n--- ${host} ping statistics ---\n${sent} packets transmitted, ${times.length} packets received, ${lost}% packet loss\n`;
        if (times.length > 0) {
          const average = times.reduce((sum, one) => sum + one, 0) / times.length;
          const deviation = Math.sqrt(times.reduce((sum, one) => sum + (one - average) ** 2, 0) / times.length);
          yield `round-trip min/avg/max/stddev = ${[Math.min(...times), average, Math.max(...times), deviation].map((ms) => ms.toFixed(3)).join('/')} ms\n`;
        }
      })(),
    }),
  },
  {
    words: 'quit',
    help: 'Leave the CLI',
    privilege: 'view',
    run: () => ({ local: { do: 'quit' } }),
  },
  {
    words: 'exit',
    help: 'Leave the CLI',
    privilege: 'view',
    run: () => ({ local: { do: 'quit' } }),
  },
  {
    words: 'set cli screen-length',
    help: 'Lines of the screen; 0 for no paging',
    privilege: 'view',
    positional: { name: 'length', help: 'Lines', value: numberValue('length', 0, 100_000) },
    run: (args) => ({ local: { do: 'set-cli', name: 'screen-length', value: args.get('length')! } }),
  },
  {
    words: 'set cli screen-width',
    help: 'Columns of the screen',
    privilege: 'view',
    positional: { name: 'width', help: 'Columns', value: numberValue('width', 40, 1024) },
    run: (args) => ({ local: { do: 'set-cli', name: 'screen-width', value: args.get('width')! } }),
  },
  {
    words: 'set cli complete-on-space',
    help: 'Whether the space bar completes words',
    privilege: 'view',
    options: [
      { keyword: 'on', help: 'The space bar completes words', choice: 'state' },
      { keyword: 'off', help: 'It is a space', choice: 'state' },
    ],
    required: 'state',
    run: (args) => ({ local: { do: 'set-cli', name: 'complete-on-space', value: args.has('on') ? 'on' : 'off' } }),
  },
  {
    words: 'show cli',
    help: 'Show the settings of this CLI',
    privilege: 'view',
    run: () => ({ local: { do: 'show-cli' } }),
  },
  {
    words: 'show cli history',
    help: 'Show the commands given before',
    privilege: 'view',
    run: () => ({ local: { do: 'history' } }),
  },
];
