import { CONFIGURATION_COMMANDS } from './commands/configuration.ts';
import { L2TP_COMMANDS } from './commands/l2tp.ts';
import { RADIUS_COMMANDS } from './commands/radius.ts';
import { ROUTER_COMMANDS } from './commands/router.ts';
import { TERMINAL_COMMANDS } from './commands/terminal.ts';
import { leaf, renderJson, renderXml } from './element.ts';
import type { Command, Context, LocalAction, Privilege, Reply, WordHelp } from './grammar.ts';
import { CommandTable, type Completions, type LineFault } from './match.ts';
import { completePipes, type Format } from './pipes.ts';
import type { OperationalTarget, OperatorUser, UserClass } from './types.ts';
import { splitPipes } from './words.ts';

const WORD_HELP: WordHelp = {
  clear: 'Clear information in the system',
  'clear services': 'Clear services information',
  'clear services l2tp': 'Clear L2TP tunnels, sessions and statistics',
  help: 'Provide help information',
  monitor: 'Show real-time debugging information',
  request: 'Make system-level requests',
  'request chassis': 'Perform chassis-specific operations',
  'request chassis pic': 'Change the state of a PIC',
  'request interfaces': 'Perform interface-specific operations',
  set: 'Set CLI properties',
  'set cli': 'Set CLI properties',
  show: 'Show system information',
  'show chassis': 'Show chassis information',
  'show chassis fpc': 'Show Flexible PIC Concentrator information',
  'show services l2tp radius': 'Show RADIUS servers',
  'show services l2tp radius accounting': 'Show RADIUS accounting servers',
  'show services l2tp radius authentication': 'Show RADIUS authentication servers',
  'show services': 'Show services information',
  'show services l2tp': 'Show L2TP information',
  'show system': 'Show system information',
};
/** What each class of user may do. */
const CLASSES: Readonly<Record<UserClass, ReadonlySet<Privilege>>> = {
  view: new Set(['view']),
  operate: new Set(['view', 'clear', 'control', 'maintenance', 'network', 'trace']),
  full: new Set(['view', 'clear', 'configure', 'control', 'maintenance', 'network', 'trace']),
};

const HELP_COMMANDS: readonly Command[] = [
  {
    words: 'help apropos',
    help: 'Find commands by a word in their names or help',
    privilege: 'view',
    positional: { name: 'word', help: 'Word to look for', value: { placeholder: '<word>' } },
    run: (args, { target, user }) => {
      const word = args.get('word')!.toLowerCase();
      const found = tableFor(target, user.class).commands.filter((one) =>
        `${one.words} ${one.help}`.toLowerCase().includes(word),
      );
      return {
        output:
          found.length === 0
            ? [`no command has '${word}' in its name or help\n`]
            : found.map((one) => `${one.words}\n    ${one.help}\n`),
      };
    },
  },
  {
    words: 'help',
    help: 'Provide help information',
    privilege: 'view',
    run: (_, { target, user, columns }) => ({
      output: [
        'Type ? anywhere for what may follow.\nWords may be cut short as long as they stay unambiguous.\n',
        ...tableFor(target, user.class).commands.map((one) => {
          const line = `  ${one.words.padEnd(40)} ${one.help}`;
          return `${line.length > columns ? `${line.slice(0, columns - 1)}…` : line}\n`;
        }),
      ],
    }),
  },
];
const ALL_COMMANDS = [
  ...CONFIGURATION_COMMANDS,
  ...L2TP_COMMANDS,
  ...RADIUS_COMMANDS,
  ...ROUTER_COMMANDS,
  ...TERMINAL_COMMANDS,
  ...HELP_COMMANDS,
];

const tables = new WeakMap<OperationalTarget, Map<UserClass, CommandTable>>();
/** The commands that a class of user has on this server. */
export function tableFor(target: OperationalTarget, of: UserClass): CommandTable {
  let byClass = tables.get(target);
  if (byClass === undefined) {
    byClass = new Map();
    tables.set(target, byClass);
  }
  let table = byClass.get(of);
  if (table === undefined) {
    const commands = ALL_COMMANDS.filter(
      ({ privilege, needs }) =>
        CLASSES[of].has(privilege) && (needs === undefined || (target[needs] !== undefined && target[needs] !== null)),
    );
    table = new CommandTable(commands, WORD_HELP);
    byClass.set(of, table);
  }
  return table;
}

export interface RunOptions {
  readonly user: OperatorUser;
  readonly format?: Format;
  readonly columns?: number;
  readonly signal?: AbortSignal;
  readonly push?: Context['push'];
  readonly connection?: Map<string, unknown>;
}
export type RunResult =
  | { readonly pieces: Iterable<string> | AsyncIterable<string> }
  | { readonly local: LocalAction }
  | { readonly fault: LineFault };

/** Carries out operational commands. */
export class Operator {
  readonly target: OperationalTarget;
  constructor(target: OperationalTarget) {
    this.target = target;
  }

  /**
   * Runs one command line; of pipes, only those of configurations are the server's.
   * @throws CommandError where the command cannot be done
   */
  async run(line: string, options: RunOptions): Promise<RunResult> {
    const { command, filters } = splitPipes(line);
    const parsed = tableFor(this.target, options.user.class).parse(command);
    if ('fault' in parsed) return parsed;
    if (filters.length > 0 && parsed.command.pipes !== true)
      return { fault: { offset: filters[0]!.start - 1, message: 'syntax error, expecting <command>.' } };
    const format = options.format ?? 'text';
    const context: Context = {
      target: this.target,
      user: options.user,
      columns: options.columns ?? 80,
      signal: options.signal ?? new AbortController().signal,
      push: options.push ?? null,
      connection: options.connection ?? new Map(),
      format,
      pipes: filters.map(({ text }) => `|${text}`).join(''),
    };
    const reply = await parsed.command.run(parsed.args, context);
    return 'local' in reply ? reply : { pieces: render(reply, format) };
  }

  /** What may stand at the end of `line`. */
  complete(line: string, user: OperatorUser): Completions {
    return completePipes(line, this.target) ?? tableFor(this.target, user.class).complete(line, this.target);
  }
}

function render(reply: Exclude<Reply, { local: unknown }>, format: Format): Iterable<string> | AsyncIterable<string> {
  if ('elements' in reply) {
    if (format === 'xml') return renderXml(reply.elements);
    if (format === 'json') return renderJson(reply.elements);
    return withLineFeeds(reply.text(reply.elements));
  }
  return format === 'text' || reply.rendered === true ? reply.output : wrapped(reply.output, format);
}
function* withLineFeeds(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${line}\n`;
}
/** Text that is no tree is one element, as Junos has it. */
async function* wrapped(output: Iterable<string> | AsyncIterable<string>, format: Format): AsyncGenerator<string> {
  let text = '';
  for await (const piece of output) text += piece;
  yield* (format === 'xml' ? renderXml : renderJson)([leaf('output', text)]);
}
