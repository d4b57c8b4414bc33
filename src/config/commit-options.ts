import type { LineFault } from './edit.ts';
import type { Word } from './parse.ts';

const MINUTES_DEFAULT = 10;
const MINUTES_MAX = 65535;
const OPTIONS = ['and-quit', 'check', 'comment', 'confirmed', 'synchronize'] as const;

/** What stands behind `commit`. */
export interface CommitOptions {
  readonly check: boolean;
  readonly quit: boolean;
  readonly comment: string | undefined;
  /** Of `confirmed`. */
  readonly minutes: number | undefined;
}

/** Reads the words behind `commit`. There is one Routing Engine: `synchronize` adds nothing. */
export function parseCommit(words: readonly Word[]): CommitOptions | LineFault {
  let check = false;
  let quit = false;
  let comment: string | undefined;
  let minutes: number | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const options = OPTIONS.filter((name) => name.startsWith(word.text));
    if (options.length !== 1)
      return {
        column: word.column - 1,
        message: options.length === 0 ? 'syntax error.' : `'${word.text}' is ambiguous.`,
      };
    const next = words[i + 1];
    switch (options[0]!) {
      case 'check':
        check = true;
        break;
      case 'and-quit':
        quit = true;
        break;
      case 'comment':
        if (next === undefined) return { column: null, message: 'missing argument.' };
        comment = next.text;
        i++;
        break;
      case 'confirmed':
        minutes = MINUTES_DEFAULT;
        if (next === undefined || !/^\d+$/.test(next.text)) break;
        minutes = Number(next.text);
        if (minutes < 1 || minutes > MINUTES_MAX)
          return {
            column: next.column - 1,
            message: `error: value ${next.text} is not within range (1..${MINUTES_MAX})`,
          };
        i++;
        break;
      case 'synchronize':
        break;
    }
  }
  return { check, quit, comment, minutes };
}
