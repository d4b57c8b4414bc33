// Sessions that share an address, watched by the emulator on one shard and on two.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redundancy } from '../../src/emulator/redundancy.ts';
import { configuration, Pair } from '../server/pair.ts';

const users = [1, 2, 3, 4]
  .map((n) => `client u${n} { chap-secret "password"; ppp { framed-ip-address 100.65.0.${n}/32; } }`)
  .join('\n');

for (const [shards, spread] of [
  [1, false],
  [2, false],
  [2, true],
] as const)
  test(`four addresses of three sessions each, ${spread ? 'each in another tunnel, ' : ''}${shards} shards: all answers come by the carrier, and by the next when it ends`, async () => {
    const pair = await Pair.start(configuration({ users }));
    try {
      const lac = await pair.dial(
        {
          user: 'u%d',
          tunnels: spread ? 12 : 4,
          sessionsPerTunnel: spread ? 1 : 3,
          groups: { kind: 'redundant', size: 3, spread, fragmentOctets: null, shortSequence: false },
        },
        { shards },
      );
      assert.equal((await lac.settled(10_000)).sessionsUp, 12, JSON.stringify([...lac.failures]));
      const watched = new Redundancy(lac.calls, 3);
      assert.equal(watched.stacks.length, 4);
      for (const { calls } of watched.stacks) assert.equal(new Set(calls.map(({ tunnel }) => tunnel.shard)).size, 1);
      assert.equal(new Set(lac.calls.map(({ tunnel }) => tunnel.shard)).size, shards);
      const watch = (): void => watched.watch(performance.now(), (row) => lac.plane.traffic.session(row));
      lac.setTraffic(2000);
      const carried = async (): Promise<void> => {
        const before = watched.stacks.map(({ reigns }) => reigns.at(-1)?.packets ?? 0);
        await pair.until(() => {
          watch();
          return watched.stacks.every(({ reigns }, i) => (reigns.at(-1)?.packets ?? 0) > (before[i] ?? 0) + 5);
        });
      };
      await carried();
      // Twice: of three sessions the last is left.
      for (let round = 0; round < 2; round++) {
        for (const call of watched.kill(performance.now())) lac.hangUp(call);
        await pair.until(() => {
          watch();
          return watched.switches.every(({ carrier }) => carrier !== null);
        });
        await carried();
      }
      lac.setTraffic(0);
      for (const { calls, reigns } of watched.stacks)
        assert.equal(calls.find(({ up }) => up)?.place, reigns.at(-1)!.place, 'who is left carries');
      const { bad, received } = lac.traffic;
      assert.equal(bad, 0);
      assert.ok(received > 100);
      await lac.stop();
    } finally {
      await pair.close();
    }
  });
