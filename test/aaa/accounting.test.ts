import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccountedSession, Accounting } from '../../src/aaa/accounting.ts';
import type { ProfileRadius } from '../../src/aaa/servers.ts';
import { Terminate } from '../../src/aaa/terminate.ts';
import { NO_SUBSCRIBER_ATTRIBUTES } from '../../src/aaa/types.ts';
import { NO_ATTRIBUTES } from '../../src/config/resolve.ts';
import { type Attribute, numberOf, PACKET_MAX, textOf, valuesOf } from '../../src/radius/packet.ts';
import type { RadiusRequest } from '../../src/radius/types.ts';
import { configOf, line } from './support.ts';

const config = configOf({ users: 'accounting-order radius; radius-server 192.0.2.9 { secret s; }' });
class World {
  now = 0;
  readonly sent: RadiusRequest[] = [];
  readonly accounting: Accounting;
  constructor() {
    const transport = { ask: (request: RadiusRequest) => this.sent.push(request) };
    this.accounting = new Accounting({
      servers: { accounting: () => transport, names: ['users'] } as unknown as ProfileRadius,
      nasIdentifier: () => 'lns',
      nasAddresses: () => ['192.0.2.17', '192.0.2.18'],
      log: () => undefined,
      directory: null,
      now: () => this.now,
      wallClock: () => 1_800_000_000_000 + this.now,
      random: () => 0,
      wake: () => undefined,
    });
  }
  attributes(index: number): { attributes: readonly Attribute[] } {
    return { attributes: this.sent[index]!.attributes(new Uint8Array(1), new Uint8Array(16)) };
  }
  answer(index: number, outcome: 'reply' | 'timeout' = 'reply'): void {
    this.sent[index]!.answer({ outcome } as never);
  }
  kinds(): (number | undefined)[] {
    return this.sent.map(({ status }) => status);
  }
}
const session = (id: string, more: Partial<AccountedSession> = {}): AccountedSession => ({
  line: line({ accountingId: id }, config),
  userName: 'kim',
  attributes: { ...NO_SUBSCRIBER_ATTRIBUTES, ppp: NO_ATTRIBUTES, interimIntervalMs: 60_000 },
  address: 0xc0000207,
  byRadius: true,
  bundle: null,
  downAt: null,
  usage: () => ({ rxPackets: 3, rxOctets: 2 ** 33 + 5, txPackets: 2 ** 32 + 1, txOctets: 7 }),
  ...more,
});

test('RFC 2869 5.1: octets above 2^32 in Gigawords, packets above it in Gigapkts; a bundle by its own identifier', () => {
  const world = new World();
  const one = session('a', { bundle: { id: 'mp-1', links: 2 } });
  world.accounting.start(one);
  world.answer(0);
  world.now = 90_000;
  world.accounting.stop(one, Terminate.IdleTimeout);
  const stop = world.attributes(1);
  const number = (name: string): number | undefined => numberOf(stop, name);
  assert.deepEqual([number('Acct-Input-Octets'), number('Acct-Input-Gigawords')], [5, 2]);
  assert.deepEqual([number('Acct-Output-Octets'), number('Acct-Output-Gigawords')], [7, 0]);
  assert.deepEqual([number('Acct-Output-Packets'), number('ERX-Output-Gigapkts')], [1, 1]);
  assert.deepEqual([number('Acct-Session-Time'), number('Acct-Terminate-Cause')], [90, Terminate.IdleTimeout]);
  assert.deepEqual([textOf(stop, 'Acct-Multi-Session-Id'), number('Acct-Link-Count')], ['mp-1', 2]);
  world.now = 95_000;
  assert.equal(numberOf(world.attributes(1), 'Acct-Delay-Time'), 5);
});

test('Interim-Updates come at their interval, one at a time', () => {
  const world = new World();
  world.accounting.start(session('a'));
  world.answer(0);
  world.now = 59_999;
  world.accounting.handleTimeout(world.now);
  assert.deepEqual(world.kinds(), [1]);
  for (world.now = 60_000; world.now <= 240_000; world.now += 60_000) world.accounting.handleTimeout(world.now);
  assert.deepEqual(world.kinds(), [1, 3], 'the first is still on its way');
  world.answer(1);
  world.accounting.handleTimeout(300_000);
  assert.deepEqual(world.kinds(), [1, 3, 3]);
});

test('no server sees Stop before Start: one record of a session at a time, also through the spool', () => {
  const world = new World();
  const one = session('a');
  world.accounting.start(one);
  world.accounting.stop(one, Terminate.UserRequest);
  assert.deepEqual(world.kinds(), [1]);
  assert.equal(world.accounting.pending, 2);
  world.answer(0);
  assert.deepEqual(world.kinds(), [1, 2]);
  world.answer(1);
  assert.equal(world.accounting.pending, 0);
  const other = session('b');
  world.accounting.start(other);
  world.accounting.stop(other, Terminate.UserRequest);
  world.answer(2, 'timeout');
  assert.deepEqual([world.accounting.spooled, world.accounting.pending], [2, 0]);
  world.accounting.handleTimeout(world.now + 60_000);
  world.answer(3);
  world.answer(4);
  assert.deepEqual(world.kinds(), [1, 2, 1, 1, 2]);
  assert.equal(world.accounting.spooled, 0);
});

test('RFC 2866 5.1: Accounting-On and -Off have a NAS and an Acct-Session-Id', () => {
  const world = new World();
  world.accounting.announce('on', ['users']);
  world.accounting.announce('off', ['users']);
  assert.deepEqual(world.kinds(), [7, 7, 8, 8]);
  // One for each gateway: a server ends sessions by the address that is in their records.
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => textOf(world.attributes(n), 'NAS-IP-Address')),
    ['192.0.2.17', '192.0.2.18', '192.0.2.17', '192.0.2.18'],
  );
  assert.equal(textOf(world.attributes(0), 'Acct-Session-Id'), 'nas');
});

test('a user with more Framed-Routes than a record has room for is accounted for all the same, with those that fit', () => {
  const world = new World();
  const framedRoutes = Array.from({ length: 300 }, (_, n) => ({
    address: (0x0a000000 + n * 256) >>> 0,
    length: 24,
    metric: 1,
  }));
  const { attributes } = session('a');
  world.accounting.start(session('a', { attributes: { ...attributes, framedRoutes } }));
  const record = world.attributes(0);
  const routes = valuesOf(record, 'Framed-Route');
  assert.deepEqual([routes[0], routes.length > 90], ['10.0.0.0/24 0.0.0.0 1', true]);
  const octets = record.attributes.reduce((sum, { value, vendor }) => sum + value.length + (vendor ? 8 : 2), 20);
  assert.ok(octets + 18 <= PACKET_MAX, `${octets}, and a Message-Authenticator`);
});
