/** A word of a command line. */
export interface Word {
  readonly text: string;
  /** Offset of its first character in the line (its quote, where it is quoted). */
  readonly start: number;
  readonly end: number;
  /** It was in double quotes, so it is no keyword. */
  readonly quoted: boolean;
  /** The quote is not closed. */
  readonly open: boolean;
}

/**
 * Words of a line: blanks separate, double quotes hold a word together, `\` takes the next character as it is inside
 * quotes. `|` outside quotes is a word by itself.
 */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < line.length) {
    if (/\s/.test(line[at]!)) {
      at++;
      continue;
    }
    const start = at;
    if (line[at] === '|') {
      words.push({ text: '|', start, end: ++at, quoted: false, open: false });
      continue;
    }
    let text = '';
    let quoted = false;
    let open = false;
    while (at < line.length && !/\s/.test(line[at]!) && line[at] !== '|') {
      if (line[at] !== '"') {
        text += line[at++];
        continue;
      }
      quoted = open = true;
      at++;
      while (at < line.length) {
        if (line[at] === '"') {
          open = false;
          at++;
          break;
        }
        if (line[at] === '\\' && at + 1 < line.length) at++;
        text += line[at++];
      }
    }
    words.push({ text, start, end: at, quoted, open });
  }
  return words;
}

/** A word as it must be typed to be read back as this text. */
export const quoteWord = (text: string): string =>
  text !== '' && !/[\s|"\\]/.test(text) ? text : `"${text.replace(/["\\]/g, (character) => `\\${character}`)}"`;

/** A line cut at its pipes: the command, and each filter with its offset in the line. */
export function splitPipes(line: string): { command: string; filters: { text: string; start: number }[] } {
  const bars = splitWords(line).filter((word) => word.text === '|' && !word.quoted);
  const command = bars.length === 0 ? line : line.slice(0, bars[0]!.start);
  return {
    command,
    filters: bars.map((bar, n) => ({ text: line.slice(bar.end, bars[n + 1]?.start ?? line.length), start: bar.end })),
  };
}
