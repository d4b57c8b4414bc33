import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { type BatchResult, type BatchTask, Engine, packBatch, unpackBatch } from '../../src/engine.ts';
import { ConfigError } from '../../src/errors.ts';
import { mpHeader } from '../support/bundle.ts';
import { data, hex, ipv4, pppIp, toHex } from '../support/path.ts';

const packetOf = (n: number): Uint8Array =>
  ipv4(
    [100, 64, 0, 9],
    [203, 0, 113, 1],
    Uint8Array.from({ length: 8 + (n % 50) }, () => n & 255),
  );
const datagramOf = (n: number): Uint8Array => data(pppIp(packetOf(n)), { tunnel: 7, session: 9, length: true });

function engineOf(shards = 1): Engine {
  const engine = new Engine({ shards });
  engine.addTunnel({ tunnelId: 7, peerTunnelId: 70 });
  engine.addSession({ tunnelId: 7, sessionId: 9, peerSessionId: 90, address: '100.64.0.9', peerMru: 1400 });
  return engine;
}

test('datagrams go up, packets come out in order; packets go down, datagrams come out', () => {
  const engine = engineOf();
  const numbers = Array.from({ length: 5000 }, (_, n) => n);
  const { packets, control } = engine.run(engine.up(packBatch(numbers.map(datagramOf))));
  assert.deepEqual(
    [...unpackBatch(packets)].map(toHex),
    numbers.map((n) => toHex(packetOf(n))),
  );
  assert.equal(control.length, 0);
  const back = ipv4([203, 0, 113, 1], [100, 64, 0, 9], hex('0102'));
  const down = engine.run(engine.down(packBatch([back, ipv4([203, 0, 113, 1], [100, 64, 0, 10], hex('0102'))])));
  assert.deepEqual([...unpackBatch(down.datagrams)].map(toHex), [`400200220046005aff030021${toHex(back)}`]);
  assert.equal(engine.counters().drops['no-route'], 1);
  assert.equal(engine.counters().totals.delivered, 5000);
});

test('control frames, control messages and ICMP come beside', () => {
  const engine = engineOf();
  const lcp = data(hex('ff03c02101010004'), { tunnel: 7, session: 9 });
  const message = hex('c802001400070000000200018008000000000006');
  const up = engine.run(engine.up(packBatch([lcp, message])));
  assert.deepEqual(
    up.control.map((one) => toHex(one.frame)),
    ['c02101010004'],
  );
  assert.deepEqual(up.messages.map(toHex), [toHex(message)]);
  const big = ipv4([203, 0, 113, 1], [100, 64, 0, 9], new Uint8Array(1460), { flags: 0x4000 });
  const down = engine.run(engine.down(packBatch([big])));
  assert.equal([...unpackBatch(down.packets)][0]![20], 3);
});

test('a bundle of two links: fragments are put together, packets are cut, its end lets the next-to-last carry', () => {
  const engine = new Engine({ bundles: 4 });
  engine.addTunnel({ tunnelId: 7, peerTunnelId: 70 });
  engine.addTunnel({ tunnelId: 8, peerTunnelId: 80 });
  engine.addSession({ tunnelId: 7, sessionId: 1, address: '100.64.0.9' });
  const bundle = engine.addBundle({
    links: [
      { tunnelId: 7, sessionId: 9, peerSessionId: 90, pfc: true, acfc: true },
      { tunnelId: 8, sessionId: 9, peerSessionId: 91, pfc: true, acfc: true },
    ],
    address: '100.64.0.9',
    fragmentThreshold: 300,
  });
  const numbers = Array.from({ length: 500 }, (_, n) => n);
  const datagrams = numbers.flatMap((n) => {
    const whole = new Uint8Array([0x21, ...packetOf(n)]);
    const cut = 1 + (n % 20);
    return [whole.subarray(0, cut), whole.subarray(cut)].map((part, second) =>
      data(new Uint8Array([0x3d, ...mpHeader(false, second === 0, second === 1, n * 2 + second), ...part]), {
        tunnel: 7 + ((n + second) % 2),
        session: 9,
      }),
    );
  });
  const up = engine.run(engine.up(packBatch(datagrams)));
  assert.deepEqual(
    [...unpackBatch(up.packets)].map(toHex),
    numbers.map((n) => toHex(packetOf(n))),
  );
  const packet = ipv4([203, 0, 113, 1], [100, 64, 0, 9], new Uint8Array(500).fill(5));
  const { datagrams: cut } = engine.run(engine.down(packBatch([packet])));
  assert.equal(cut.count, 2);
  assert.equal(engine.bundleCounters(bundle).txFragments, 2);
  assert.ok(engine.removeBundle(bundle));
  assert.equal(engine.run(engine.down(packBatch([packet]))).datagrams.count, 1, 'the session carries again');
  assert.throws(
    () => engine.addBundle({ links: [{ tunnelId: 7, sessionId: 1 }], address: '100.64.0.10' }),
    /session 1 exists in tunnel 7/,
  );
  assert.throws(() => engine.addBundle({ links: [], address: '100.64.0.10' }), /1 to 8 links/);
});

test('what an embedder does wrong is said clearly', () => {
  const engine = engineOf();
  assert.throws(() => engine.addTunnel({ tunnelId: 7 }), ConfigError);
  assert.throws(() => engine.addTunnel({ tunnelId: 0 }), /tunnelId 0 is not within 1 to 65535/);
  assert.throws(() => engine.addSession({ tunnelId: 8, sessionId: 1, address: '192.0.2.1' }), /no tunnel 8/);
  assert.throws(() => engine.addSession({ tunnelId: 7, sessionId: 1, address: 'here' }), /'here' is not an IP address/);
  assert.throws(() => engine.run(engine.up(packBatch([]), 3)), /no shard 3/);
  assert.throws(() => engine.run(engine.up(packBatch([new Uint8Array(5 << 20)]))), /larger than/);
  assert.equal(engine.removeSession(7, 9), true);
  assert.equal(engine.removeSession(7, 9), false);
  assert.equal(engine.run(engine.up(packBatch([datagramOf(1)]))).packets.count, 0);
  assert.equal(engine.removeTunnel(7), true);
});

test('a Piscina pool of the worker module gives the same, streamed in order', async () => {
  const engine = engineOf(2);
  const pool = new Piscina({
    filename: fileURLToPath(new URL('../../src/worker/batch.ts', import.meta.url)),
    maxThreads: 2,
  });
  const batches = Array.from({ length: 40 }, (_, i) => [datagramOf(i * 2), datagramOf(i * 2 + 1)]);
  const out: string[] = [];
  for await (const { packets } of engine.stream(
    pool,
    batches.map((batch) => engine.up(packBatch(batch), 1)),
  ))
    out.push(...[...unpackBatch(packets)].map(toHex));
  assert.deepEqual(
    out,
    Array.from({ length: 80 }, (_, n) => toHex(packetOf(n))),
  );
  await pool.destroy();
});

test('a slow reader slows the source: no more than the window is under way, one task a shard at a time', async () => {
  const engine = engineOf(2);
  let taken = 0;
  let running = 0;
  let most = 0;
  const pool = {
    run: async (task: BatchTask): Promise<BatchResult> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      return engine.run(task);
    },
  };
  function* source(): Generator<BatchTask> {
    for (; taken < 100; taken++) yield engine.up(packBatch([datagramOf(taken)]), 1);
  }
  let read = 0;
  for await (const result of engine.stream(pool, source(), 4)) {
    assert.equal(result.packets.count, 1);
    read++;
    assert.ok(taken - read <= 4, `${taken} taken, ${read} read`);
  }
  assert.equal(read, 100);
  assert.equal(most, 1);
});

test('the example prints the inner packets of a capture, by the package names', () => {
  const example = fileURLToPath(new URL('../../examples/embed.ts', import.meta.url));
  const capture = fileURLToPath(new URL('../captures/xl2tpd-chap-auth.pcap', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [example, capture], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^10\.9\.0\.10 > 10\.9\.0\.1 protocol 1 length 84$/m);
  assert.ok(stdout.trim().split('\n').length >= 10);
});
