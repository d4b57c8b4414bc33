import type { Token } from './parse.ts';

/** `| NAME ARGUMENTS` behind a command. */
export interface Pipe {
  readonly name: string;
  readonly words: readonly string[];
  readonly column: number;
}
export const PIPES: Readonly<Record<string, string>> = {
  compare: 'Compare the configuration with a former one',
  count: 'Count lines',
  display: 'Show additional kinds of information',
  except: 'Show only text that does not match a pattern',
  find: 'Begin at the first line that matches a pattern',
  last: 'Show the end of the output only',
  match: 'Show only text that matches a pattern',
  'no-more': 'Do not paginate the output',
  save: 'Save the output to a file',
  trim: 'Take off characters at the start of each line',
};

/** Splits a typed line at its pipes: the command's words, and the pipes. A `|` in quotes is none. */
export function splitPipes(tokens: readonly Token[]): { command: Token[]; pipes: Pipe[] } {
  const command: Token[] = [];
  const pipes: { name: string; words: string[]; column: number }[] = [];
  let current: { name: string; words: string[]; column: number } | null = null;
  const take = (token: Token): void => {
    if (current === null) command.push(token);
    else if (current.name === '') {
      current.name = token.text;
      current.column = token.column;
    } else current.words.push(token.text);
  };
  for (const token of tokens) {
    if (token.quoted || token.kind !== 'word' || !token.text.includes('|')) {
      take(token);
      continue;
    }
    let column = token.column;
    token.text.split('|').forEach((text, i) => {
      if (i > 0) {
        current = { name: '', words: [], column };
        pipes.push(current);
      }
      if (text !== '') take({ ...token, text, column });
      column += text.length + 1;
    });
  }
  return { command, pipes };
}
/** The full name of an abbreviated pipe; null where there is none, or more than one. */
export function pipeName(text: string): string | null {
  if (Object.hasOwn(PIPES, text)) return text;
  const like = Object.keys(PIPES).filter((name) => text !== '' && name.startsWith(text));
  return like.length === 1 ? like[0]! : null;
}

/** What text pipes make of a text. `save` and `display` are not theirs. */
export function applyTextPipe(
  text: string,
  name: string,
  words: readonly string[],
): { text: string } | { error: string } {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const joined = (kept: readonly string[]): { text: string } => ({ text: kept.map((line) => `${line}\n`).join('') });
  switch (name) {
    case 'match':
    case 'except':
    case 'find': {
      if (words.length !== 1) return { error: 'missing argument.' };
      let pattern: RegExp;
      try {
        pattern = new RegExp(words[0]!, 'i');
      } catch {
        return { error: `error: regular expression '${words[0]}' cannot be read` };
      }
      if (name === 'find') {
        const first = lines.findIndex((line) => pattern.test(line));
        return first < 0 ? { text: 'Pattern not found\n' } : joined(lines.slice(first));
      }
      return joined(lines.filter((line) => pattern.test(line) === (name === 'match')));
    }
    case 'count':
      return { text: `Count: ${lines.length} lines\n` };
    case 'last': {
      const count = words.length === 0 ? 1 : Number(words[0]);
      if (!Number.isInteger(count) || count < 1) return { error: `error: invalid value '${words[0]}'` };
      return joined(lines.slice(-count));
    }
    case 'trim': {
      const count = Number(words[0] ?? Number.NaN);
      if (!Number.isInteger(count) || count < 0) return { error: 'missing argument.' };
      return joined(lines.map((line) => line.slice(count)));
    }
    case 'no-more':
      return { text };
    default:
      return { error: 'syntax error.' };
  }
}
