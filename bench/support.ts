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
 * @param octets of a packet, for Gbit/s
 */
export function measure(
  bench: string,
  name: string,
  count: number,
  run: () => void,
  options: { octets?: number; runs?: number; hash?: () => string } = {},
): Result {
  const runs = smoke ? 3 : (options.runs ?? 41);
  for (let i = 0; i < (smoke ? 1 : 5); i++) run();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const from = process.hrtime.bigint();
    run();
    times.push(Number(process.hrtime.bigint() - from) / count);
  }
  times.sort((a, b) => a - b);
  const median = quantile(times, 0.5);
  const round = (value: number): number => Number(value.toFixed(2));
  const result: Result = {
    bench,
    case: name,
    ns: { min: round(times[0]!), median: round(median), p99: round(quantile(times, 0.99)) },
    perSecond: Math.round(1e9 / median),
    ...(options.octets === undefined ? {} : { gbitPerSecond: round((options.octets * 8) / median) }),
    runs,
    ...(options.hash === undefined ? {} : { hash: options.hash() }),
  };
  report(result);
  return result;
}

export const hashOf = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex').slice(0, 16);
