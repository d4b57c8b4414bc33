import { platformByName } from '../platform/platform.ts';
import { parseConfig } from './bind.ts';
import { resolveConfig } from './resolve.ts';
import type { Diagnostic, LnsConfig } from './types.ts';

export interface LoadedConfig {
  /** null where there is an error. */
  readonly config: LnsConfig | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Parses, checks and resolves a configuration file's text. Never throws for what is in it.
 * @throws ConfigError where the platform is none for L2TP
 */
export function loadConfig(text: string, platform: string): LoadedConfig {
  const router = platformByName(platform);
  const tree = parseConfig(text);
  // What a fault of the language has cut off cannot be checked.
  if (tree.cutOff) return { config: null, diagnostics: tree.diagnostics };
  const config = resolveConfig(tree, router);
  const failed = tree.diagnostics.some((one) => one.severity === 'error');
  return { config: failed ? null : config, diagnostics: tree.diagnostics };
}

/** A diagnostic as Junos prints it, the place before it. */
export function formatDiagnostic(diagnostic: Diagnostic, file: string): string {
  const { line, column, path, statement, message, severity, syntax } = diagnostic;
  const level = `[edit${path.length > 0 ? ` ${path.join(' ')}` : ''}]`;
  if (syntax) {
    const what = message.startsWith('syntax error') ? message : `error: ${message}`;
    return `${file}:${line}:(${column}) ${what}\n  ${level}\n    '${statement}'\n      ${message.startsWith('syntax error') ? 'syntax error' : message}`;
  }
  return `${file}:${line}: ${level}\n  '${statement}'\n    ${severity === 'warning' ? 'warning: ' : ''}${message}`;
}

/** All diagnostics, and the line that Junos ends with. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], file: string): string {
  const lines = diagnostics.map((one) => formatDiagnostic(one, file));
  if (diagnostics.some((one) => one.severity === 'error')) lines.push('error: configuration check-out failed');
  return lines.join('\n');
}

/** Warnings of one kind that are told one by one. */
const WARNINGS_MAX = 10;
/** Diagnostics of a candidate as `commit` prints them: what was typed has no line. Of many like warnings, the first. */
export function formatCheck(diagnostics: readonly Diagnostic[]): string {
  const told = new Map<string, number>();
  const lines: string[] = [];
  for (const { path, statement, message, severity } of diagnostics) {
    const level = `[edit${path.length > 0 ? ` ${path.join(' ')}` : ''}]`;
    const text = `${level}\n  '${statement}'\n    `;
    if (severity === 'error') lines.push(text + message);
    else {
      const count = (told.get(message) ?? 0) + 1;
      told.set(message, count);
      if (count <= WARNINGS_MAX) lines.push(`${text}warning: ${message}`);
    }
  }
  for (const [message, count] of told)
    if (count > WARNINGS_MAX) lines.push(`warning: ${message}: ${count - WARNINGS_MAX} more statements`);
  if (diagnostics.some((one) => one.severity === 'error')) lines.push('error: configuration check-out failed');
  return lines.join('\n');
}
