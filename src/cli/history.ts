import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { LineHistory } from './editor.ts';

/** Lines kept. */
const LINES_MAX = 1000;
/** The file is written anew with the lines kept once it is larger. */
const FILE_MAX_OCTETS = 256 << 10;
const MODE = 0o600;
/** Statements whose value is a secret. */
const SECRETS = [
  'chap-secret',
  'pap-password',
  'shared-secret',
  'secret',
  'encrypted-password',
  'plain-text-password',
  'simple-password',
  'password',
];

/**
 * May a line hold a secret? Keywords can be cut short, so in a line that sets something every word that begins one
 * of these statements counts, if a word follows.
 */
export function holdsSecret(line: string): boolean {
  if (/\$\d\$/.test(line)) return true;
  const words = line.trim().split(/\s+/);
  const sets = words[0] !== undefined && words[0] !== '' && 'set'.startsWith(words[0]);
  for (const [at, word] of words.entries()) {
    if (at === words.length - 1) break;
    if (SECRETS.includes(word)) return true;
    if (sets && at > 0 && SECRETS.some((secret) => secret.startsWith(word))) return true;
  }
  return false;
}

export const defaultHistoryFile = (): string => process.env.LNS_HISTORY ?? join(homedir(), '.lns_history');

/** Lines given before, in a file that only its owner reads; a line with a secret is never written. */
export class History implements LineHistory {
  readonly lines: string[];
  readonly #file: string | null;

  /** @param file null: nothing is kept */
  constructor(file: string | null) {
    this.#file = file;
    let lines: string[] = [];
    let size = 0;
    if (file !== null)
      try {
        lines = readFileSync(file, 'utf8').split('\n').filter(Boolean).slice(-LINES_MAX);
        const status = statSync(file);
        size = status.size;
        if ((status.mode & 0o077) !== 0) chmodSync(file, MODE);
      } catch {
        // None yet, or none to be had: the CLI works without.
      }
    this.lines = lines;
    if (file !== null && size > FILE_MAX_OCTETS) this.#rewrite(file);
  }
  add(line: string): void {
    const text = line.trim();
    if (text === '' || /[\r\n]/.test(text) || this.lines.at(-1) === text) return;
    this.lines.push(text);
    if (this.lines.length > LINES_MAX) this.lines.shift();
    if (this.#file === null || holdsSecret(text)) return;
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      appendFileSync(this.#file, `${text}\n`, { mode: MODE });
    } catch {
      // As above.
    }
  }
  #rewrite(file: string): void {
    const beside = `${file}.${process.pid}`;
    try {
      writeFileSync(beside, this.lines.map((line) => `${line}\n`).join(''), { mode: MODE });
      renameSync(beside, file);
    } catch {
      // As above.
    }
  }
}
