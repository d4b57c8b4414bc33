/** Counts as Junos abbreviates them. */
export function abbreviate(value: number): string {
  if (value < 1000) return String(value);
  // 999,950 and more would be printed as 1000.0k.
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
    ['G', 1e9],
  ] as const)
    if (Math.round(value / (size / 10)) < 10_000) return `${(value / size).toFixed(1)}${unit}`;
  return `${(value / 1e12).toFixed(1)}T`;
}
/** HH:MM:SS, with weeks and days before it where they are not 0. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const days = Math.floor(seconds / 86400);
  const weeks = Math.floor(days / 7);
  return `${weeks > 0 ? `${weeks}w ` : ''}${days > 0 ? `${days % 7}d ` : ''}${clock}`;
}
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** "Tue May 12 08:14:31 2026", in UTC. */
export function timestamp(date: Date): string {
  const clock = date.toISOString().slice(11, 19);
  const day = String(date.getUTCDate()).padStart(2, ' ');
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${day} ${clock} ${date.getUTCFullYear()}`;
}
/** "2026-05-12 08:14:31 UTC". */
export const isoTime = (date: Date): string => `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** A name that a peer chose, safe for a terminal and for one line: control characters made visible. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
