import { localTime } from './display.ts';
import type { CommitRecord } from './session-types.ts';

// A kept configuration begins with lines of the system's own (`##`), which the parser drops:
//
//   ## Last commit: 2026-05-12 08:14:31 UTC by kim via cli
//   ## Record: {"sequence":12,…}
//
// One file says both what is in force and how long, so that one rename changes both.

const RECORD = '## Record: ';

/** The text as it is kept. */
export function withRecord(record: CommitRecord, body: string): string {
  const first = `## Last commit: ${localTime(new Date(record.time))} by ${record.user} via ${record.via}`;
  return `${first}\n${RECORD}${JSON.stringify(record)}\n${body}`;
}
/** The record in front of a kept text, null where there is none that makes sense, and what follows. */
export function splitRecord(text: string): { record: CommitRecord | null; body: string } {
  let at = 0;
  let record: CommitRecord | null = null;
  while (text.startsWith('##', at)) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? text.length : end);
    if (line.startsWith(RECORD)) record = parseRecord(line.slice(RECORD.length));
    if (end < 0) return { record, body: '' };
    at = end + 1;
  }
  return { record, body: text.slice(at) };
}
function parseRecord(json: string): CommitRecord | null {
  try {
    const { sequence, time, user, via, comment, confirm } = JSON.parse(json) as Partial<CommitRecord>;
    if (!isWhole(sequence) || !isWhole(time) || typeof user !== 'string') return null;
    if (via !== 'cli' && via !== 'file' && via !== 'other') return null;
    const pending =
      typeof confirm === 'object' &&
      confirm !== null &&
      isWhole(confirm.deadline) &&
      isWhole(confirm.to) &&
      isWhole(confirm.minutes)
        ? { deadline: confirm.deadline, to: confirm.to, minutes: confirm.minutes }
        : null;
    return { sequence, time, user, via, comment: typeof comment === 'string' ? comment : null, confirm: pending };
  } catch {
    return null;
  }
}
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** `show system commit`: the newest first, by its number in `rollback`. */
export function formatCommits(records: readonly CommitRecord[]): string {
  return records
    .map((record, i) => {
      const { time, user, via, comment, confirm } = record;
      const until = confirm === null ? '' : ` commit confirmed, rollback in ${confirm.minutes}mins`;
      const line = `${String(i).padEnd(3)} ${localTime(new Date(time))} by ${user} via ${via}${until}\n`;
      return comment === null ? line : `${line}    ${comment.replaceAll('\n', ' ')}\n`;
    })
    .join('');
}
