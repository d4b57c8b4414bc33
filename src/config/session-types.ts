import type { ConfigDifference } from './difference.ts';
import type { MergeConflict } from './merge.ts';
import type { Diagnostic, LnsConfig } from './types.ts';

/** What a command of configuration mode says. */
export interface ConfigReply {
  /** Lines to print, each with its end; empty: nothing. */
  readonly text: string;
  readonly ok: boolean;
  /** Configuration mode is left. */
  readonly leave?: boolean;
  /**
   * More is asked for before the command goes on, by `provide`: `terminal`: lines up to Ctrl-D, all at once;
   * `confirm`: one line, `yes` or `no`. The text is the question.
   */
  readonly needsInput?: 'terminal' | 'confirm';
  /** Where in the line, from 0, the mark `^` stands that belongs above the text. */
  readonly column?: number;
  /** `| no-more`: the text is not paged. */
  readonly noMore?: boolean;
}

/** A possible continuation of a line. */
export interface Completion {
  /** The word, or `<name>` where the operator thinks one up. */
  readonly word: string;
  readonly description: string;
  /** `enter`: the line may end here. */
  readonly kind: 'keyword' | 'value' | 'enter';
}

/** What live values completion asks for, besides those of the configuration. */
export type LiveValues = (kind: 'services-pic' | 'user' | 'file') => readonly { word: string; description: string }[];

/** `read`: looks at what is in force (`show configuration`), and edits nothing. */
export type EditMode = 'shared' | 'exclusive' | 'private' | 'read';
export interface SessionOptions {
  /** Who edits. */
  readonly user: string;
  /** Where from, for `status`: "p0". */
  readonly terminal?: string;
  readonly pid?: number;
  readonly mode: EditMode;
  readonly liveValues?: LiveValues;
  /** `load … FILE` and `save FILE`: files as the operator sees them; absent: refused. Rejections are told. */
  readonly readFile?: (path: string) => Promise<string>;
  readonly writeFile?: (path: string, text: string) => Promise<void>;
}

/** How a configuration came to be in force. */
export interface CommitRecord {
  /** Counts up with every commit. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly user: string;
  readonly via: 'cli' | 'file' | 'other';
  readonly comment: string | null;
  /** Of `commit confirmed`: when it is taken back, to which sequence, and how many minutes were given. */
  readonly confirm: { readonly deadline: number; readonly to: number; readonly minutes: number } | null;
}

export interface CommitOutcome {
  readonly ok: boolean;
  /** Why not, in words of the command line; null where it is in force. */
  readonly error: string | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Where somebody else has put another change in force since; then nothing was done. */
  readonly conflicts: readonly MergeConflict[];
  readonly record: CommitRecord | null;
}

/**
 * Puts a configuration in force. It is on disk by then. A rejection makes the old one be written back.
 * `previous` is null at the start.
 */
export type ApplyConfig = (
  next: LnsConfig,
  previous: LnsConfig | null,
  difference: ConfigDifference,
) => void | Promise<void>;
