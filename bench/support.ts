import { createHash } from 'node:crypto';
import { cpus, release } from 'node:os';

/** What one bench says of one case: one JSON line. */
export interface Result {
  readonly bench: string;
  readonly case: string;
  /** Nanoseconds a packet (or operation): the least, the median and the 99th percentile of the runs. */
  readonly ns: { readonly min: number; readonly median: number; readonly p99: number };
  /** From the median. */
  readonly perSecond: number;
  readonly gbitPerSecond?: number;
  /** The same of the C twin (bench/c), in alternating runs, and its median over ours: 1 where both take as long. */
  readonly c?: { readonly min: number; readonly median: number };
  readonly ofC?: number;
  readonly runs: number;
  readonly loss?: number;
  /** Of the output, so that a fast wrong answer shows. */
  readonly hash?: string;
}

export const smoke = process.argv.includes('--smoke');
const machine = `${cpus()[0]?.model.trim() ?? 'unknown'} x${cpus().length}, ${process.platform} ${release()}`;

/** Prints a line of figures with the machine and the runtime behind them. */
export function line(figures: {
  readonly bench: string;
  readonly case: string;
  readonly [name: string]: unknown;
}): void {
  console.log(JSON.stringify({ ...figures, machine, node: process.version }));
}
export function report(result: Result): void {
  line({ ...result });
}

const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;

/**
 * Times `run`, which handles `count` packets, several times after a warm-up.
 * @param options.octets of a packet, for Gbit/s
 * @param options.beside does the same another way: both are timed in turn
 */
export function measure(
  bench: string,
  name: string,
  count: number,
  run: () => void,
  options: { octets?: number; runs?: number; hash?: () => string; beside?: (() => void) | undefined } = {},
): Result {
  const runs = smoke ? 3 : (options.runs ?? 41);
  const { beside } = options;
  const timed = (what: () => void): number => {
    const from = process.hrtime.bigint();
    what();
    return Number(process.hrtime.bigint() - from) / count;
  };
  const times: number[] = [];
  const others: number[] = [];
  for (let i = smoke ? -1 : -5; i < runs; i++) {
    const [ours, theirs] = [timed(run), beside === undefined ? 0 : timed(beside)];
    if (i < 0) continue;
    times.push(ours);
    others.push(theirs);
  }
  times.sort((a, b) => a - b);
  others.sort((a, b) => a - b);
  const median = quantile(times, 0.5);
  const round = (value: number): number => Number(value.toFixed(2));
  const result: Result = {
    bench,
    case: name,
    ns: { min: round(times[0]!), median: round(median), p99: round(quantile(times, 0.99)) },
    perSecond: Math.round(1e9 / median),
    ...(options.octets === undefined ? {} : { gbitPerSecond: round((options.octets * 8) / median) }),
    ...(beside === undefined
      ? {}
      : {
          c: { min: round(others[0]!), median: round(quantile(others, 0.5)) },
          ofC: round(quantile(others, 0.5) / median),
        }),
    runs,
    ...(options.hash === undefined ? {} : { hash: options.hash() }),
  };
  report(result);
  return result;
}

export const hashOf = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex').slice(0, 16);
