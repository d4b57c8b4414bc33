// What senders that prove nothing cost the server: the longest turn of its main thread under floods of control messages, in that
// thread's own CPU time, so that what else runs here does not count.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { STRANGERS } from '../test/server/strangers.ts';
import { line, smoke } from './support.ts';

const turns: number[] = [];
/** Microseconds of CPU time of this thread. */
const used = (): number => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};
const timed =
  (work: (...values: unknown[]) => void) =>
  (...values: unknown[]): void => {
    const before = used();
    work(...values);
    turns.push(used() - before);
  };
// The server's turns are immediates and timers; its modules must find these when they are loaded.
const { setImmediate: immediate, setTimeout: timeout } = globalThis;
globalThis.setImmediate = ((work: () => void) => immediate(timed(work))) as typeof setImmediate;
globalThis.setTimeout = ((work: () => void, ms: number) => timeout(timed(work), ms)) as typeof setTimeout;
const { configuration, Pair } = await import('../test/server/pair.ts');

for (const kind of STRANGERS) {
  const pair = await Pair.start(configuration(), { shards: 1, log: () => undefined });
  const flood = spawn(process.execPath, [
    fileURLToPath(new URL('../test/server/strangers.ts', import.meta.url)),
    ...[String(pair.lns.listening[0]!.port), kind, smoke ? '500' : '5000'],
  ]);
  let said = '';
  flood.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  turns.length = 0;
  await new Promise((resolve) => flood.once('close', resolve));
  turns.sort((a, b) => a - b);
  line({
    bench: 'strangers',
    case: kind,
    sent: Number(said),
    worked: pair.lns.controlTotals.rxPackets,
    turnedAway: pair.lns.reception.inbox.counters.dropped,
    longestTurnMs: (turns.at(-1) ?? 0) / 1000,
    turnP99Ms: (turns[Math.floor(turns.length * 0.99)] ?? 0) / 1000,
  });
  await pair.close();
}
