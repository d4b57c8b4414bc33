import { bindText } from './bind.ts';
import { executeSetLine, type Level, levelWords } from './edit.ts';
import { formatDiagnostic } from './load.ts';
import { loadPatch } from './load-patch.ts';
import { type ConfigNode, newRoot } from './tree.ts';
import type { Diagnostic } from './types.ts';

export type LoadMode = 'merge' | 'override' | 'patch' | 'replace' | 'set' | 'update';

export interface LoadOutcome {
  /** The candidate afterwards: the same tree, or another in its place. */
  readonly root: ConfigNode;
  readonly errors: number;
  /** Each error with line and column, as Junos prints it. */
  readonly text: string;
}

/**
 * Loads a text into a candidate. What is wrong is told and left out; the rest is loaded. Never throws.
 * @param source what the text is called in messages: a file's name, or `terminal`
 * @param level where the text begins: the top, or, with `relative`, where the operator is
 */
export function loadText(
  root: ConfigNode,
  mode: LoadMode,
  text: string,
  source: string,
  level: Level,
  keepSecret: (plain: string) => string,
): LoadOutcome {
  if (mode === 'patch') return loadPatch(root, text, source, level, keepSecret);
  if (mode === 'set') return loadSet(root, text, source, level, keepSecret);
  const target = (mode === 'override' || mode === 'update') && level.length === 0 ? newRoot() : root;
  const diagnostics: Diagnostic[] = [];
  const bindMode = mode === 'replace' ? 'replace' : 'merge';
  bindText(target, text, levelWords(level), { mode: bindMode, keepSecret }, diagnostics);
  return {
    root: target,
    errors: diagnostics.length,
    text: diagnostics.map((one) => `${formatDiagnostic(one, source)}\n`).join(''),
  };
}

function loadSet(
  root: ConfigNode,
  text: string,
  source: string,
  level: Level,
  keepSecret: (plain: string) => string,
): LoadOutcome {
  const told: string[] = [];
  text.split('\n').forEach((line, i) => {
    const fault = executeSetLine(root, level, line.replace(/\r$/, ''), { mode: 'set', keepSecret });
    if (fault === null) return;
    // The line itself may hold a secret: its place is enough.
    const at = fault.column === null ? '' : `(${fault.column + 1}) `;
    told.push(`${source}:${i + 1}:${at}${fault.message}\n`);
  });
  return { root, errors: told.length, text: told.join('') };
}
