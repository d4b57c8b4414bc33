// What senders that prove nothing can do to a server: take time, but not others' place.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needs } from '../support/needs.ts';
import { configuration, Pair } from './pair.ts';
import { STRANGERS, stranger } from './strangers.ts';

test('RFC 2661 section 5.7: the end waits for answers of tunnels that were open, and not three seconds for strangers', async () => {
  const pair = await Pair.start();
  const lac = await pair.dial({ tunnels: 2 });
  assert.equal((await lac.settled(5000)).sessionsUp, 2);
  const { port } = pair.lns.listening[0]!;
  const socket = createSocket('udp4');
  for (let n = 0; n < 500; n++) {
    socket.send(stranger('sccrq', n), port, '127.0.0.1');
    if (n % 50 === 49) await pair.until(() => [...pair.lns.settingUp()].length > n - 10);
  }
  await pair.until(() => [...pair.lns.settingUp()].length > 450);
  const began = performance.now();
  await pair.lns.stop();
  const took = performance.now() - began;
  socket.close();
  assert.ok(took < 2500, `${took} ms`);
  // Both heard it, and none of the strangers was left out.
  await pair.until(() => lac.status.tunnelsUp === 0);
  assert.equal(pair.events.filter(({ event }) => event === 'tunnel-down').length, 2);
  await pair.close();
});

for (const kind of STRANGERS)
  test(`a flood of strangers (${kind}) takes no tunnel, keeps no call of a known LAC out`, async (t) => {
    if (!needs(t, 'ffi')) return;
    const pair = await Pair.start(configuration({ group: 'hello-interval 1;' }), { shards: 1 });
    try {
      const lac = await pair.dial({ tunnels: 5, sessionsPerTunnel: 2 }, { helloIntervalMs: 300 });
      assert.equal((await lac.settled(10_000)).sessionsUp, 10);
      const flood = spawn(process.execPath, [
        fileURLToPath(new URL('./strangers.ts', import.meta.url)),
        ...[String(pair.lns.listening[0]!.port), kind, '4000'],
      ]);
      let said = '';
      flood.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      const gone = new Promise((resolve) => flood.on('close', resolve));
      const before = pair.lns.controlTotals.rxPackets;
      await pair.until(() => pair.lns.controlTotals.rxPackets - before > 500, 20_000);
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      await gone;
      delay.disable();
      const { inbox } = pair.lns.reception;
      t.diagnostic(
        `${said.trim()} sent, ${pair.lns.controlTotals.rxPackets - before} worked on, ${inbox.counters.dropped} turned away; longest stall ${Math.round(delay.max / 1e6)} ms, 99.9 % ${Math.round(delay.percentile(99.9) / 1e6)} ms`,
      );
      assert.ok(Number(said) > 1000, said);
      assert.equal(pair.events.filter(({ event }) => event === 'tunnel-down').length, 0);
      assert.deepEqual([lac.status.tunnelsUp, pair.lns.sessionsUp], [5, 10]);
      // And whoever comes then is served.
      const more = await pair.dial({ tunnels: 2, sessionsPerTunnel: 2 });
      assert.equal((await more.settled(20_000)).sessionsUp, 4);
    } finally {
      await pair.close();
    }
  });
