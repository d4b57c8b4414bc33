import { Binder, faultDiagnostic } from './bind.ts';
import { annotate, deleteStatement, insertEntry, type Level, levelWords, setInactive, wordOf } from './edit.ts';
import { formatDiagnostic } from './load.ts';
import type { LoadOutcome } from './load-text.ts';
import { lexLine, parseCurly, type RawStatement, type Word } from './parse.ts';
import type { ConfigNode } from './tree.ts';
import type { Diagnostic } from './types.ts';

/** Lines of one sign in a row. */
interface Group {
  readonly sign: '+' | '-' | '!' | ' ';
  /** As curly text, each line where it stands in the patch. */
  readonly text: string;
  readonly line: number;
}
interface Hunk {
  readonly level: Level;
  readonly groups: Group[];
}

/**
 * `load patch`: what `| compare` prints is done to a candidate, place by place. What does not fit is told and left out; the rest
 * is done. Never throws.
 */
export function loadPatch(
  root: ConfigNode,
  text: string,
  source: string,
  level: Level,
  keepSecret: (plain: string) => string,
): LoadOutcome {
  const patch = new Patch(root, source, keepSecret);
  for (const hunk of patch.parse(text, level)) patch.apply(hunk);
  const told = [...patch.told].sort((a, b) => a.line - b.line);
  return { root, errors: told.length, text: told.map(({ text }) => text).join('') };
}

class Patch {
  readonly told: { readonly line: number; readonly text: string }[] = [];
  readonly #root: ConfigNode;
  readonly #source: string;
  readonly #keepSecret: (plain: string) => string;

  constructor(root: ConfigNode, source: string, keepSecret: (plain: string) => string) {
    this.#root = root;
    this.#source = source;
    this.#keepSecret = keepSecret;
  }
  #wrong(line: number, message: string): void {
    this.told.push({ line, text: `${this.#source}:${line}:(1) ${message}\n` });
  }

  parse(text: string, above: Level): Hunk[] {
    const hunks: Hunk[] = [];
    const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
    for (const [n, line] of lines.entries()) {
      if (line.trim() === '') continue;
      const header = /^\[edit\b(.*)\]\s*$/.exec(line);
      if (header !== null) {
        const { tokens, fault } = lexLine(header[1]!);
        if (fault !== null) this.#wrong(n + 1, fault.message);
        hunks.push({ level: [...above, ...tokens.map(({ text }) => [text])], groups: [] });
        continue;
      }
      const sign = line[0]!;
      const hunk = hunks.at(-1);
      if (hunk === undefined || (sign !== '+' && sign !== '-' && sign !== '!' && sign !== ' ')) {
        this.#wrong(n + 1, 'error: not a line of a patch');
        continue;
      }
      const last = hunk.groups.at(-1);
      // Marks and neighbours stand for themselves.
      if (last?.sign === sign && (sign === '+' || sign === '-'))
        hunk.groups[hunk.groups.length - 1] = { ...last, text: `${last.text}\n ${line.slice(1)}` };
      else hunk.groups.push({ sign, text: `${'\n'.repeat(n)} ${line.slice(1)}`, line: n + 1 });
    }
    return hunks;
  }

  apply({ level, groups }: Hunk): void {
    let comment: string | null = null;
    /** Where a new entry goes: behind this one. */
    let after: readonly Word[] | null = null;
    for (const [n, group] of groups.entries()) {
      const { sign, line } = group;
      if (sign === '!' || sign === ' ') {
        const { state, words } = headOf(group.text);
        if (words.length === 0) this.#wrong(line, 'error: not a line of a patch');
        else if (comment !== null) this.#tell(line, annotate(this.#root, level, words, comment));
        else if (sign === '!' && state !== null)
          this.#tell(line, setInactive(this.#root, level, words, state === 'inactive'));
        else if (sign === '!') this.#wrong(line, 'error: where it was moved to is not said');
        comment = null;
        after = words;
        continue;
      }
      // A comment behind all statements is that of the neighbour that follows.
      const own = /\n? *\/\*([^\n]*)\*\/ *$/.exec(group.text);
      if (own !== null) comment = sign === '+' ? own[1]!.trim() : '';
      const { statements, fault } = parseCurly(own === null ? group.text : group.text.slice(0, own.index), true);
      for (const statement of statements)
        if (sign === '-') this.#delete(level, statement, line);
        else {
          this.#add(level, statement);
          if (after !== null) this.#place(level, statement.words, 'after', after);
          else {
            const next = groups[n + 1];
            if (next?.sign === ' ') this.#place(level, statement.words, 'before', headOf(next.text).words);
          }
          if (after !== null) after = statement.words;
        }
      if (fault !== null) this.#say(faultDiagnostic(fault));
    }
  }
  #delete(level: Level, statement: RawStatement, line: number): void {
    const done = deleteStatement(this.#root, level, statement);
    if (done === false) this.#wrong(statement.words[0]?.line ?? line, 'warning: statement not found');
    else if (done !== true) this.#tell(statement.words[0]?.line ?? line, done);
  }
  #add(level: Level, statement: RawStatement): void {
    const diagnostics: Diagnostic[] = [];
    const binder = new Binder(diagnostics, { mode: 'merge', keepSecret: this.#keepSecret });
    binder.bind(this.#root, { ...statement, words: [...levelWords(level), ...statement.words] }, [], false);
    for (const one of diagnostics) this.#say(one);
  }
  /** Puts an entry beside its neighbour, where both are entries of one list that has an order. */
  #place(level: Level, words: readonly Word[], where: 'before' | 'after', other: readonly Word[]): void {
    insertEntry(this.#root, level, words, where, other);
  }
  #tell(line: number, fault: { message: string } | null): void {
    if (fault !== null) this.#wrong(line, fault.message);
  }
  #say(diagnostic: Diagnostic): void {
    this.told.push({ line: diagnostic.line, text: `${formatDiagnostic(diagnostic, this.#source)}\n` });
  }
}

/** `inactive: tunnel-group x { ... }`: the words of a neighbour or a mark, and what it says of it. */
function headOf(text: string): { state: 'inactive' | 'active' | null; words: readonly Word[] } {
  const [, state, rest] = /^\s*(?:(inactive|active): )?(.*?)\s*(?:\{ \.\.\. \}|;)\s*$/s.exec(text) ?? [];
  const words = lexLine(rest ?? '').tokens.map((token) => wordOf(token.text, 0, token.quoted));
  return { state: (state as 'inactive' | 'active' | undefined) ?? null, words };
}
