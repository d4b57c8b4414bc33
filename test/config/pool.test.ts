import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressPool } from '../../src/config/pool.ts';
import { coverRange } from '../../src/config/resolve.ts';
import { parseIpv4 } from '../../src/wire/address.ts';

const pool = (first: number, last: number, reserved: number[] = []): AddressPool =>
  new AddressPool({ name: 'quay', first, last, prefixes: coverRange(first, last) }, new Set(reserved));

test('addresses come in order, each once, and then there is none', () => {
  const three = pool(10, 12);
  assert.deepEqual([three.allocate(), three.allocate(), three.allocate(), three.allocate()], [10, 11, 12, null]);
  assert.equal(three.inUse, 3);
});
test('a returned address waits until every other one was used', () => {
  const three = pool(10, 12);
  const first = three.allocate()!;
  three.release(first);
  assert.deepEqual([three.allocate(), three.allocate(), three.allocate()], [11, 12, first]);
});
test('returned addresses come back in the order of their return', () => {
  const three = pool(10, 12);
  for (let i = 0; i < 3; i++) three.allocate();
  for (const address of [12, 10, 11]) three.release(address);
  assert.deepEqual([three.allocate(), three.allocate(), three.allocate()], [12, 10, 11]);
});
test('a reserved address is never given', () => {
  const some = pool(10, 13, [10, 12]);
  assert.deepEqual([some.allocate(), some.allocate(), some.allocate()], [11, 13, null]);
});
test('an address is returned once: a second return, or a foreign address, changes nothing', () => {
  const two = pool(10, 11);
  const address = two.allocate()!;
  two.release(address);
  two.release(address);
  two.release(99);
  assert.equal(two.inUse, 0);
  assert.deepEqual([two.allocate(), two.allocate(), two.allocate()], [11, 10, null]);
});
test('a pool of all of IPv4 costs nothing until it is used', () => {
  const all = pool(0, 0xffff_ffff);
  assert.equal(all.size, 2 ** 32);
  assert.deepEqual([all.allocate(), all.allocate()], [0, 1]);
  assert.equal(all.contains(0xffff_ffff), true);
});
test('the last address of IPv4 is given, and then there is none', () => {
  const end = pool(0xffff_fffe, 0xffff_ffff);
  assert.deepEqual([end.allocate(), end.allocate(), end.allocate()], [0xffff_fffe, 0xffff_ffff, null]);
});

test('against a model: no address twice, none reserved, and the longest unused first', () => {
  const operation = fc.oneof(fc.constant(null), fc.nat(40));
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 100, max: 119 })),
      fc.array(operation, { maxLength: 400 }),
      (reserved, operations) => {
        const tested = pool(100, 119, reserved);
        // The model: free addresses, longest unused first; used ones in the order they were given.
        const free = Array.from({ length: 20 }, (_, i) => 100 + i).filter((address) => !reserved.includes(address));
        const used: number[] = [];
        for (const choice of operations) {
          if (choice === null) {
            const address = tested.allocate();
            assert.equal(address, free.shift() ?? null);
            if (address !== null) used.push(address);
          } else if (used.length > 0) {
            const [address] = used.splice(choice % used.length, 1);
            tested.release(address!);
            free.push(address!);
          }
          assert.equal(tested.inUse, used.length);
        }
      },
    ),
  );
});
test('a long life of one address at a time compacts its queue and keeps its order', () => {
  const tested = pool(0, 9);
  for (let i = 0; i < 20_000; i++) {
    const address = tested.allocate()!;
    assert.equal(address, i % 10);
    tested.release(address);
  }
});

test('the prefixes of a range cover it exactly, without overlap, and none could be joined', () => {
  const size = (length: number): number => 2 ** (32 - length);
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), (a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const prefixes = coverRange(low, high);
      let at = low;
      for (const [i, { address, length }] of prefixes.entries()) {
        assert.equal(address, at);
        assert.equal(address % size(length), 0);
        const next = prefixes[i + 1];
        if (next?.length === length) assert.notEqual(address % size(length - 1), 0);
        at += size(length);
      }
      assert.equal(at, high + 1);
    }),
  );
});
test('all of IPv4 is one prefix, one address is a /32', () => {
  assert.deepEqual(coverRange(0, 0xffff_ffff), [{ address: 0, length: 0 }]);
  assert.deepEqual(coverRange(parseIpv4('192.0.2.7')!, parseIpv4('192.0.2.7')!), [
    { address: 0xc000_0207, length: 32 },
  ]);
});
