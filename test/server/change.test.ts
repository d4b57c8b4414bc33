// How changes close what is gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gateway } from '../../src/server/call.ts';
import { Changes, type ChangeTarget } from '../../src/server/change.ts';

/** A target with gateways that are done; each is closed when the test says so. */
function targetOf(...names: string[]): { target: ChangeTarget; closed: string[]; letGo: () => void; events: string[] } {
  const gateways = new Set(
    names.map(
      (name) =>
        ({ serving: false, endpoint: { tunnelCount: 0 }, config: { name }, address: name }) as unknown as Gateway,
    ),
  );
  const closed: string[] = [];
  const events: string[] = [];
  let letGo = (): void => undefined;
  const target = {
    gateways: {
      [Symbol.iterator]: () => gateways.values(),
      close: async (gateway: Gateway) => {
        closed.push(gateway.config.name);
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
        gateways.delete(gateway);
      },
    },
    log: (_severity: string, event: string, { group }: { group: string }) => events.push(`${event} ${group}`),
  } as unknown as ChangeTarget;
  return { target, closed, events, letGo: () => letGo() };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a gateway is closed once, however often one looks while the shards let go of it', async () => {
  const { target, closed, events, letGo } = targetOf('west');
  const changes = new Changes(target);
  changes.closeRetired();
  await turn();
  assert.deepEqual(closed, ['west']);
  changes.closeRetired();
  await turn();
  letGo();
  await turn();
  changes.closeRetired();
  await turn();
  assert.deepEqual(closed, ['west']);
  assert.deepEqual(events, ['gateway-closed west']);
  await changes.stop();
});
