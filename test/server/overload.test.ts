import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needs } from '../support/needs.ts';
import { configuration, Pair } from './pair.ts';

/** Datagrams that the kernel had no room for, of all sockets on a port (/proc/net/udp, last column). */
function socketDrops(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops = 0;
  for (const line of readFileSync('/proc/net/udp', 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(suffix)) drops += Number(fields.at(-1));
  }
  return drops;
}

test('under more data than it can take the server answers HELLOs, takes calls and ends tunnels as ever', async (t) => {
  if (!needs(t, 'ffi')) return;
  // Without GRO a datagram costs the shard about what it costs a sender.
  const pair = await Pair.start(configuration({ group: 'hello-interval 1;' }), { shards: 1, rungs: { gro: false } });
  try {
    const lac = await pair.dial({ tunnels: 3, sessionsPerTunnel: 2 }, { helloIntervalMs: 300 });
    assert.equal((await lac.settled(5000)).sessionsUp, 6);
    const [victim, other] = [...pair.lns.tunnels.keys()] as [number, number];
    const { port } = pair.lns.listening[0]!;
    const before = pair.lns.controlTotals.rxPackets;
    const delivered = (): number => pair.lns.plane.counters(0).totals.rxDatagrams!;
    const from = delivered();
    // Two senders, each about as fast as the shard: together they offer more than it takes, whatever else runs here.
    let said = '';
    const blasts = [0, 1].map(() => {
      const blast = spawn(process.execPath, [
        fileURLToPath(new URL('./blast.ts', import.meta.url)),
        ...[port, victim, 12_000].map(String),
      ]);
      blast.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      return blast;
    });
    const gone = Promise.all(blasts.map((blast) => new Promise((resolve) => blast.on('close', resolve))));
    await pair.until(() => socketDrops(port) > 1000, 10_000);
    // New calls, in an existing and in a new tunnel, come up while it lasts.
    const began = performance.now();
    const more = await pair.dial({ tunnels: 2, sessionsPerTunnel: 3 });
    assert.equal((await more.settled(8000)).sessionsUp, 6);
    const setup = performance.now() - began;
    // A tunnel that is cleared ends at its LAC: a StopCCN goes out and is acknowledged.
    assert.ok(pair.lns.clearTunnel(other));
    await pair.until(() => lac.status.tunnelsUp === 2, 3000);
    assert.equal(said, '', 'the flood lasted until here');
    await gone;
    const sent = said
      .trim()
      .split('\n')
      .reduce((sum, one) => sum + Number(one), 0);
    const taken = delivered() - from;
    t.diagnostic(
      `${sent} offered, ${taken} taken, ${socketDrops(port)} dropped at the socket; set-up ${Math.round(setup)} ms`,
    );
    assert.ok(sent > taken, 'more was offered than taken');
    // HELLOs went both ways all along: nobody gave up.
    assert.ok(pair.lns.controlTotals.rxPackets - before > 10);
    assert.equal(pair.events.filter((one) => one.event === 'tunnel-down' && one.fields.by !== 'us').length, 0);
    assert.equal(lac.status.tunnelsUp, 2);
    assert.equal(pair.lns.sessionsUp, 4 + 6);
    // And data of those that were there passes again.
    const rest = lac.traffic;
    const after = await pair.traffic(lac, 1000, 300);
    assert.equal(after.received - rest.received, after.sent - rest.sent);
  } finally {
    await pair.close();
  }
});

test('a server that has nothing to do uses less than 1 % of a core', async (t) => {
  if (!needs(t, 'ffi')) return;
  const folder = mkdtempSync(join(tmpdir(), 'lns-idle-'));
  const file = join(folder, 'lns.conf');
  writeFileSync(file, configuration());
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const server = spawn(
    process.execPath,
    [main, 'run', file, '--net', 'embedded', '--shards', '2', '--port', '0', '--socket', join(folder, 's')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await new Promise<void>((resolve, reject) => {
      server.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes(' ready ')) resolve();
      });
      server.on('exit', () => reject(new Error('the server ended')));
    });
    /** Nanoseconds that its threads have run. */
    const cpu = (): number =>
      readdirSync(`/proc/${server.pid}/task`).reduce(
        (sum, id) => sum + Number(readFileSync(`/proc/${server.pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]),
        0,
      );
    await new Promise((resolve) => setTimeout(resolve, 2000)); // what a start leaves to be done
    const from = cpu();
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const part = (cpu() - from) / ((performance.now() - began) * 1e6);
    t.diagnostic(`${(part * 100).toFixed(2)} % of a core`);
    assert.ok(part < 0.01);
  } finally {
    server.removeAllListeners('exit');
    const ended = new Promise((resolve) => server.on('exit', resolve));
    server.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});
