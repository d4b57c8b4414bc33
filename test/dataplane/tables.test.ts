import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planMemory } from '../../src/dataplane/plan.ts';
import { type RecordHead, Ring } from '../../src/dataplane/ring.ts';
import * as layout from '../../src/generated/layout.ts';
import { mapped, TestPath } from '../support/path.ts';

test('the session index agrees with a map, whatever is put in and taken out', () => {
  const path = new TestPath();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 6 })), {
        maxLength: 400,
      }),
      (steps) => {
        const model = new Map<number, number>();
        let next = 1;
        for (const [put, tunnel, session] of steps) {
          const key = tunnel * 65536 + session;
          if (put) {
            const refused = path.wasm.sessionIndexPut(key, next) !== 0;
            assert.equal(refused, model.has(key));
            if (!refused) model.set(key, next++);
          } else
            assert.equal(
              path.wasm.sessionIndexRemove(key),
              model.get(key) ?? 0,
              model.delete(key) ? 'was there' : 'was not',
            );
        }
        for (let tunnel = 1; tunnel <= 40; tunnel++)
          for (let session = 1; session <= 6; session++)
            assert.equal(
              path.wasm.sessionIndexFind(tunnel * 65536 + session),
              model.get(tunnel * 65536 + session) ?? 0,
            );
        for (const key of model.keys()) path.wasm.sessionIndexRemove(key);
      },
    ),
    { numRuns: 200 },
  );
});

test('stacks of addresses agree with lists, the last up on top, through any order of ups and downs', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5 }), fc.nat()), { maxLength: 120 }),
      (steps) => {
        const path = new TestPath();
        const tunnel = path.tunnel();
        const model = new Map<number, number[]>();
        let localId = 1;
        for (const [up, address, pick] of steps) {
          const stack = model.get(address) ?? [];
          model.set(address, stack);
          if (up) stack.push(path.session(tunnel, localId++, address));
          else if (stack.length > 0) {
            const [row] = stack.splice(pick % stack.length, 1);
            assert.equal(path.tables.removeSession(row!, path.now), stack.at(-1) ?? 0);
          }
          for (const [host, rows] of model)
            for (const row of rows) assert.equal(path.tables.isCarrier(row), row === rows.at(-1), `address ${host}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('an address is found under any of its prefixes, the longest first', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 })), { maxLength: 30 }),
      (prefixes) => {
        const path = new TestPath();
        const scratch = path.plan.parts[layout.PART_SCRATCH]!.offset;
        const octets = (value: number): Uint8Array =>
          mapped(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
        const network = (value: number, length: number): number =>
          length === 0 ? 0 : (value & (-1 << (32 - length))) >>> 0;
        const model = new Map<string, { length: number; network: number; member: number }>();
        for (const [i, [address, length]] of prefixes.entries()) {
          path.octets.set(octets(address), scratch);
          assert.notEqual(path.wasm.stackPush(0, 96 + length, scratch, i + 1, i + 1, 0), 0);
          model.set(`${network(address, length)}/${length}`, {
            length,
            network: network(address, length),
            member: i + 1,
          });
        }
        for (const [address] of prefixes)
          for (const probe of [address, (address ^ 1) >>> 0, (address ^ 0x100) >>> 0]) {
            path.octets.set(octets(probe), scratch);
            const entry = path.wasm.addressFind(0, scratch) >>> 0;
            const best = [...model.values()]
              .filter((one) => network(probe, one.length) === one.network)
              .sort((a, b) => b.length - a.length)[0];
            assert.equal(
              entry === 0 ? 0 : path.view.getUint32(entry + layout.ADDRESS_CARRIER, true),
              best?.member ?? 0,
            );
          }
      },
    ),
    { numRuns: 80 },
  );
});

test('a ring hands on what was written, in order, through any number of wraps, and refuses what does not fit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(null)), { maxLength: 300 }),
      (steps) => {
        const ring = new Ring(new SharedArrayBuffer(128 + 1024), 0, 1024);
        const model: { octets: Uint8Array; row: number }[] = [];
        const head: RecordHead = { kind: 0, row: 0, generation: 0, aux: 0 };
        let row = 1;
        for (const step of steps) {
          if (step !== null) {
            const queued = model.reduce((sum, one) => sum + ((layout.RECORD_HEADER + one.octets.length + 7) & ~7), 0);
            const need = (layout.RECORD_HEADER + step.length + 7) & ~7;
            if (ring.write(layout.RECORD_PPP, row, 7, 9, step)) model.push({ octets: step, row: row++ });
            else assert.ok(queued + need + 324 > 1024, 'it refuses only where it is nearly full');
          } else {
            const payload = ring.read(head);
            const wanted = model.shift();
            assert.deepEqual(payload, wanted?.octets ?? null);
            if (wanted !== undefined) assert.deepEqual([head.row, head.generation, head.aux], [wanted.row, 7, 9]);
          }
        }
        assert.equal(ring.empty, model.length === 0);
      },
    ),
    { numRuns: 200 },
  );
});

test('tables for a million sessions are planned; more than 4 GiB are refused; parts are aligned and do not overlap', () => {
  const sizes = {
    tunnels: 65535,
    sessions: 1_000_000,
    addresses: 1_000_000,
    shards: 2,
    controlRingOctets: 1 << 20,
    accessRingOctets: 0,
    coreRingOctets: 0,
    ports: true,
    traffic: false,
  };
  const plan = planMemory(sizes);
  assert.ok(plan.end < 2 ** 31);
  let end = 0;
  for (const part of plan.parts.filter((one) => one.count > 0).sort((a, b) => a.offset - b.offset)) {
    assert.equal(part.offset % layout.PART_ALIGN, 0);
    assert.ok(part.offset >= end);
    end = part.offset + part.count * part.stride;
  }
  assert.throws(() => planMemory({ ...sizes, sessions: 20_000_000 }), RangeError);
  for (const size of [
    layout.TUNNEL_ROW_SIZE,
    layout.SESSION_ROW_SIZE,
    layout.SESSION_COUNTERS_SIZE,
    layout.ADDRESS_ENTRY_SIZE,
    layout.BUNDLE_ROW_SIZE,
    layout.BUNDLE_WINDOW_AT,
    layout.LINK_SIZE,
  ])
    assert.equal(size % 8, 0);
});
