import { Fields, leaf, node } from '../element.ts';
import { isoTime } from '../format.ts';
import type { Command } from '../grammar.ts';
import { CommandError } from './error.ts';

function rollbackNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new CommandError(`invalid value '${text}': a number is expected`);
  if (Number(text) > 49) throw new CommandError(`value ${text} is not within range (0..49)`);
  return Number(text);
}

/** The configuration, seen from operational mode. */
export const CONFIGURATION_COMMANDS: readonly Command[] = [
  {
    words: 'configure',
    help: 'Manipulate software configuration information',
    privilege: 'configure',
    needs: 'configuration',
    options: [
      { keyword: 'exclusive', help: 'Obtain exclusive lock (other users cannot make changes)', choice: 'how' },
      { keyword: 'private', help: 'Work in private database (other users can work independently)', choice: 'how' },
    ],
    run: (args) => ({
      local: { do: 'configure', how: args.has('exclusive') ? 'exclusive' : args.has('private') ? 'private' : 'shared' },
    }),
  },
  {
    words: 'show configuration',
    help: 'Show current configuration',
    privilege: 'configure',
    needs: 'configuration',
    pipes: true,
    positional: {
      name: 'path',
      help: 'Part of the configuration',
      optional: true,
      rest: true,
      value: {
        placeholder: '<statement>',
        following: (begun, { configuration }) => configuration?.complete(begun) ?? [],
      },
    },
    run: async (args, { target, pipes, format }) => {
      const display = format === 'text' ? '' : `| display ${format} `;
      const { ok, text } = await target.configuration!.show(args.get('path') ?? '', display + pipes);
      if (!ok) throw new CommandError(text.trimEnd().replace(/^error: /, ''));
      return { output: [text], rendered: true };
    },
  },
  {
    words: 'show system rollback compare',
    help: 'Compare two former configurations',
    privilege: 'configure',
    needs: 'configuration',
    positional: {
      name: 'numbers',
      help: 'Numbers of two configurations (0..49)',
      rest: true,
      value: { placeholder: '<number> <number>' },
    },
    run: async (args, { target }) => {
      const numbers = args.get('numbers')!.trim().split(/\s+/).map(rollbackNumber);
      if (numbers.length !== 2) throw new CommandError('two numbers are expected');
      const text = await target.configuration!.compareRollbacks(numbers[0]!, numbers[1]!);
      if (text === null) throw new CommandError('one of them is not there');
      return { output: [text] };
    },
  },
  {
    words: 'show system rollback',
    help: 'Show a former configuration',
    privilege: 'configure',
    needs: 'configuration',
    positional: {
      name: 'number',
      help: 'Number of the configuration (0..49)',
      value: { placeholder: '<number>' },
    },
    run: async (args, { target }) => {
      const number = rollbackNumber(args.get('number')!);
      const text = await target.configuration!.rollback(number);
      if (text === null) throw new CommandError(`rollback ${number}: no such configuration`);
      return { output: [text] };
    },
  },
  {
    words: 'show system commit',
    help: 'Show commit history',
    privilege: 'view',
    needs: 'configuration',
    run: (_, { target }) => ({
      elements: [
        node(
          'commit-information',
          target.configuration!.commits.map(({ time, user, via, comment, confirm }, sequence) =>
            node('commit-history', [
              leaf('sequence-number', sequence),
              leaf('user', user),
              leaf('client', via),
              leaf('date-time', isoTime(new Date(time)), { 'junos:seconds': String(Math.floor(time / 1000)) }),
              ...(comment === null ? [] : [leaf('log', comment)]),
              ...(confirm === null ? [] : [leaf('comment', `commit confirmed, rollback in ${confirm.minutes}mins`)]),
            ]),
          ),
        ),
      ],
      text: function* (reply) {
        for (const information of reply)
          for (const entry of information.children ?? []) {
            const fields = new Fields(entry);
            const confirmed = fields.has('comment') ? ` ${fields.text('comment')}` : '';
            yield `${fields.text('sequence-number').padEnd(4)}${fields.text('date-time')} by ${fields.text('user')} via ${fields.text('client')}${confirmed}`;
            if (fields.has('log')) yield `    ${fields.text('log')}`;
          }
      },
    }),
  },
];
