import { spawn } from 'node:child_process';
import type { ClientDevice } from '../emulator/device.ts';
import type { Lac } from '../emulator/lac.ts';
import { SystemError } from '../errors.ts';
import type { DialOptions } from './dial-options.ts';
import type { Device } from './dial-report.ts';

/** Addresses in the line that says what there is. */
const SHOWN = 4;
/** Octets of a packet that fits 1,500 with IPv4, UDP and the longest headers of L2TP and PPP that we send. */
const FITTING = 1460;
/** Exit status of a program that a signal ended: this and the signal's number, as a shell has it. */
const SIGNALLED = 128;
const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Keeps the kernel interface for the programs of others, or for one that it runs itself. @throws SystemError: it cannot be started */
export async function throughDevice(
  lac: Lac,
  device: ClientDevice,
  options: DialOptions,
  interrupted: Promise<void>,
  say: (line: string) => void,
): Promise<{ device: Device; status: number }> {
  const { addresses, name, netns, mtu } = device;
  const more = addresses.length - SHOWN;
  say(
    `interface ${name} mtu ${mtu}${netns === null ? '' : ` namespace ${netns || '(without a name)'}`} addresses ${addresses.slice(0, SHOWN).join(' ')}${more > 0 ? ` and ${more} more` : ''} rungs ${lac.rungs.inUse}${lac.rungs.missing === '' ? '' : ` without ${lac.rungs.missing}`}`,
  );
  if (mtu > FITTING && !/^127\.|^::1$/.test(options.server))
    say(
      `a full packet does not fit an Ethernet frame with its L2TP headers, and leaves as two IP fragments: --mru ${FITTING} avoids it`,
    );
  const from = performance.now();
  let status: number | null = null;
  let signal: NodeJS.Signals | null = null;
  const { duration = 0 } = options;
  const time =
    duration === 0
      ? interrupted
      : Promise.race([interrupted, new Promise<void>((resolve) => setTimeout(resolve, duration * 1000).unref())]);
  if (options.command.length === 0) {
    say(duration === 0 ? 'until Ctrl-C' : `for ${duration} s`);
    const kept = setInterval(() => undefined, 1000);
    await time;
    clearInterval(kept);
  } else [status, signal] = await run(device, options, time);
  const sums: Record<string, number> = {};
  const drops: Record<string, number> = {};
  for (const counters of lac.counters()) {
    for (const [key, count] of Object.entries(counters.totals)) sums[key] = (sums[key] ?? 0) + count;
    for (const [key, count] of Object.entries(counters.drops)) drops[key] = (drops[key] ?? 0) + count;
  }
  return {
    device: {
      name,
      netns,
      mtu: device.mtu,
      addresses: addresses.length,
      rungs: lac.rungs.inUse,
      seconds: Number(((performance.now() - from) / 1000).toFixed(2)),
      sent: { packets: sums.accepted!, octets: sums.acceptedOctets! },
      received: { packets: sums.delivered!, octets: sums.deliveredOctets! },
      superPackets: { sent: sums.coreRunsIn!, received: sums.coreRunsOut! },
      drops,
      status,
    },
    status: signal === null ? (status ?? 0) : SIGNALLED + (SIGNALS[signal] ?? 0),
  };
}

/** Runs the program where the interface is, to its end or until the time is over. */
function run(
  device: ClientDevice,
  { command, json }: DialOptions,
  time: Promise<void>,
): Promise<[status: number | null, signal: NodeJS.Signals | null]> {
  const env = { ...process.env, LNS_INTERFACE: device.name, LNS_ADDRESSES: device.addresses.join(' ') };
  return new Promise((resolve, reject) => {
    // With --json our output is the summary alone.
    const child = device.inside(() =>
      spawn(command[0]!, command.slice(1), { env, stdio: ['inherit', json === true ? 2 : 'inherit', 'inherit'] }),
    );
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new SystemError(
          error.code === 'ENOENT' ? `there is no program '${command[0]}'` : error.message,
          error.code ?? '',
        ),
      ),
    );
    child.once('exit', (status, signal) => resolve([status, signal]));
    void time.then(() => child.kill('SIGTERM'));
  });
}
