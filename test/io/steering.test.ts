// Which TUN queue a packet comes to: that of the shard that owns its destination's session.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { formatIpv4 } from '../../src/wire/address.ts';
import { configuration, Pair } from '../server/pair.ts';
import { needs } from '../support/needs.ts';

for (const steering of [true, false])
  test(`packets for a client ${steering ? 'all come to its shard' : 'come by flow, without steering'}, and by the carrier that is left when one goes`, async (t) => {
    if (!needs(t, 'root', 'ip')) return;
    const net = `198.${18 + (process.pid & 1)}.${(process.pid >>> 1) & 255}`;
    const users = `client user { chap-secret "password"; ppp { framed-ip-address ${net}.9/32; } } client other { chap-secret "password"; }`;
    const pair = await Pair.start(
      configuration({
        users,
        pool: `address ${net}.128/26;`,
        client: 'shared-secret "test secret"; load-balance per-session;',
      }).replaceAll('100.64.255.', `${net}.2`),
      { net: 'tun', tun: 'lnst%d', shards: 4, rungs: { steering } },
    );
    t.after(() => pair.close());
    const rungs = String(pair.events.find(({ event }) => event === 'ready')!.fields.rungs);
    assert.equal(rungs.includes('steering'), steering, rungs);
    // One address shared by four sessions, one on each shard; and four clients of their own.
    await pair.dial({ sessionsPerTunnel: 4 });
    await pair.dial({ sessionsPerTunnel: 4, user: 'other' });
    await pair.until(() => pair.lns.sessionsUp === 8);
    const { plane } = pair.lns;
    const socket = createSocket('udp4');
    t.after(() => socket.close());
    /** Packets of many flows to an address, and how many of them each shard took. */
    const spread = async (address: string): Promise<number[]> => {
      const taken = (): number[] => Array.from({ length: 4 }, (_, shard) => plane.counters(shard).totals.accepted!);
      const before = taken();
      for (let n = 0; n < 64; n++)
        await new Promise<void>((resolve, reject) =>
          socket.send('x', 2000 + n, address, (error) => (error === null ? resolve() : reject(error))),
        );
      const counts = (): number[] => taken().map((count, shard) => count - before[shard]!);
      await pair.until(() => counts().reduce((sum, count) => sum + count, 0) >= 64);
      return counts();
    };
    const calls = [...pair.lns.tunnels.values()].flatMap((tunnel) => [...tunnel.calls.values()]);
    for (const call of calls.filter((one) => one.userName === 'other')) {
      const counts = await spread(formatIpv4(call.address));
      if (steering) assert.equal(counts[plane.tables.ownerShard(call.row)], 64, String(counts));
      else assert.ok(counts.filter((count) => count > 0).length > 1, String(counts));
    }
    // The carrier of the shared address goes, and the one before it carries.
    const stack = calls.filter((one) => one.userName === 'user').sort((a, b) => a.upAt - b.upAt);
    while (stack.length > 1) {
      const top = stack.at(-1)!;
      const counts = await spread(`${net}.9`);
      if (steering) assert.equal(counts[plane.tables.ownerShard(top.row)], 64, String(counts));
      pair.lns.clearSession(top.tunnel.info.tunnelId, top.sessionId);
      await pair.until(() => !top.up);
      stack.pop();
    }
  });
