/** Severities of syslog (RFC 5424 section 6.2.1), as this program uses them. */
export type Severity = 'error' | 'warning' | 'notice' | 'info' | 'debug';
const RANK: Record<Severity, number> = { error: 0, warning: 1, notice: 2, info: 3, debug: 4 };

/** What happened, as words: no value is a secret. */
export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Takes one event. */
export type Log = (severity: Severity, event: string, fields?: Fields) => void;

/** A value on the line: quoted where it would not be one word, control characters made visible. */
function word(value: string | number | boolean | null): string {
  const text = String(value);
  return /^[\w.:/@%+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Fields as name=value; those that say nothing are left out. */
export const fieldsText = (fields: Fields): string =>
  Object.entries(fields)
    .filter((field): field is [string, string | number | boolean | null] => field[1] !== undefined && field[1] !== '')
    .map(([name, value]) => `${name}=${word(value)}`)
    .join(' ');

/** One line: time, severity, event, then name=value. */
export function formatEvent(time: Date, severity: Severity, event: string, fields: Fields = {}): string {
  const text = fieldsText(fields);
  return `${time.toISOString()} ${severity} ${event}${text === '' ? '' : ` ${text}`}`;
}

/** A budget for each event: one that comes in floods is let through so many times a second. */
export class FloodGate {
  readonly #perSecond: number;
  readonly #windows = new Map<string, { second: number; passed: number; withheld: number }>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }
  /** @returns how many were withheld since the last one that passed; null: this one is withheld too */
  admit(event: string): number | null {
    const second = Math.trunc(performance.now() / 1000);
    let window = this.#windows.get(event);
    if (window === undefined) {
      window = { second, passed: 0, withheld: 0 };
      this.#windows.set(event, window);
    }
    if (window.second !== second) {
      window.second = second;
      window.passed = 0;
    }
    if (window.passed >= this.#perSecond) {
      window.withheld++;
      return null;
    }
    window.passed++;
    const { withheld } = window;
    window.withheld = 0;
    return withheld;
  }
}

/**
 * Writes one line an event. An event that comes in floods (a name with its own budget) is written at most
 * `floodPerSecond` times a second; what was withheld is said in the next line of that event.
 */
export function lineLog(write: (line: string) => void, least: Severity = 'info', floodPerSecond = 200): Log {
  const gate = new FloodGate(floodPerSecond);
  return (severity, event, fields) => {
    if (RANK[severity] > RANK[least]) return;
    const withheld = gate.admit(event);
    if (withheld === null) return;
    write(formatEvent(new Date(), severity, event, withheld > 0 ? { ...fields, withheld } : fields));
  };
}
