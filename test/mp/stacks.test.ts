// Sessions and bundles that share a remote address: the last to come up carries, the next-to-last takes over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as layout from '../../src/generated/layout.ts';
import { TestBundle } from '../support/bundle.ts';
import { data, ipv4, mapped, pppIp, TestPath, toHex } from '../support/path.ts';

const ADDRESS = mapped(100, 64, 0, 9);
const DOWN = ipv4([203, 0, 113, 2], [100, 64, 0, 9], new Uint8Array(40));

/** Members of one stack: sessions and bundles of one link each. */
class Stack {
  readonly path = new TestPath(layout.CORE_TUN, false, { tunnels: 4, sessions: 2048, bundles: 512, fragments: 256 });
  readonly tunnel = this.path.tunnel();
  #next = 1;
  readonly members = new Map<string, { id: number; row: number; bundle: TestBundle | null }>();

  up(name: string, kind: 'session' | 'bundle'): void {
    const id = this.#next++;
    if (kind === 'session') {
      this.members.set(name, { id, row: this.path.session(this.tunnel, id, ADDRESS), bundle: null });
      return;
    }
    const bundle = new TestBundle(this.path, this.tunnel, { links: 1, firstSession: id });
    bundle.up(ADDRESS);
    this.members.set(name, { id, row: bundle.links[0]!.row, bundle });
  }
  down(name: string): void {
    const { row, bundle } = this.members.get(name)!;
    this.members.delete(name);
    if (bundle !== null) {
      bundle.leave(0);
      bundle.end();
    }
    this.path.tables.removeSession(row, this.path.now);
  }
  /** Who is sent a packet to the address; null where it is dropped for want of a route. */
  carrier(): string | null {
    const before = this.path.counter(layout.DROP_NO_ROUTE);
    this.path.down(DOWN);
    const sent = this.path.sent();
    if (sent.length === 0) {
      assert.equal(this.path.counter(layout.DROP_NO_ROUTE), before + 1);
      return null;
    }
    assert.equal(sent.length, 1, 'never twice');
    const session = ((sent[0]!.octets[6]! << 8) | sent[0]!.octets[7]!) - 0x1000;
    return [...this.members].find(([, { id }]) => id === session)?.[0] ?? 'a dead one';
  }
}

for (const kind of ['session', 'bundle'] as const)
  test(`the rule's own example, for ${kind}s`, () => {
    const stack = new Stack();
    for (const name of ['A', 'B', 'C', 'D']) {
      stack.up(name, kind);
      assert.equal(stack.carrier(), name, `${name} comes up and takes over at once`);
    }
    stack.down('D');
    assert.equal(stack.carrier(), 'C');
    stack.up('E', kind);
    assert.equal(stack.carrier(), 'E');
    stack.down('A');
    assert.equal(stack.carrier(), 'E', 'A carried nothing: nothing changes');
    stack.down('E');
    assert.equal(stack.carrier(), 'C');
    stack.down('C');
    assert.equal(stack.carrier(), 'B');
    stack.down('B');
    assert.equal(stack.carrier(), null, 'all down: the route is gone');
    stack.up('F', kind);
    assert.equal(stack.carrier(), 'F');
  });

test('received packets are accepted from all of them', () => {
  const stack = new Stack();
  stack.up('A', 'session');
  stack.up('B', 'bundle');
  stack.up('C', 'session');
  const up = ipv4([100, 64, 0, 9], [203, 0, 113, 2], new Uint8Array(30));
  for (const name of ['A', 'C']) {
    stack.path.up(data(pppIp(up), { session: stack.members.get(name)!.id }));
    assert.deepEqual(stack.path.delivered().map(toHex), [toHex(up)], name);
  }
  stack.members.get('B')!.bundle!.receive(0, true, true, 0, new Uint8Array([0x21, ...up]));
  assert.deepEqual(stack.path.delivered().map(toHex), [toHex(up)]);
});

test('any history of sessions and bundles: the youngest that is up carries', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom('session', 'bundle'), fc.nat(20)), { minLength: 1, maxLength: 120 }),
      (history) => {
        const stack = new Stack();
        const order: string[] = [];
        for (const [n, step] of history.entries()) {
          if (typeof step === 'string') {
            stack.up(`m${n}`, step as 'session' | 'bundle');
            order.push(`m${n}`);
          } else if (order.length > 0) stack.down(order.splice(step % order.length, 1)[0]!);
          assert.equal(stack.carrier(), order.at(-1) ?? null);
          stack.path.tables.reclaim();
        }
      },
    ),
    { numRuns: 60 },
  );
});
