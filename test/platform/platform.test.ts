import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../src/errors.ts';
import {
  hasServiceInterface,
  inventory,
  PLATFORMS,
  platformByName,
  serviceInterfaces,
} from '../../src/platform/platform.ts';
import type { FittedBoard } from '../../src/platform/types.ts';

test('the places of services PICs are those of the routers', () => {
  assert.deepEqual(serviceInterfaces(PLATFORMS.m7i), ['sp-0/0/0', 'sp-0/1/0', 'sp-0/2/0', 'sp-0/3/0', 'sp-1/2/0']);
  const all = (fpcs: number[]): string[] => fpcs.flatMap((fpc) => [0, 1, 2, 3].map((pic) => `sp-${fpc}/${pic}/0`));
  assert.deepEqual(serviceInterfaces(PLATFORMS.m10i), all([0, 1]));
  assert.deepEqual(serviceInterfaces(PLATFORMS.m120), all([2, 3, 4, 5]));
});

test('a place is taken by its whole name: one port, 0', () => {
  for (const name of ['sp-1/2/1', 'sp-1/4/0', 'sp-01/2/00', 'sp-1/2/0.1', 'sp-1/2', 'ge-1/2/0', 'sp-6/0/0', ''])
    assert.equal(hasServiceInterface(PLATFORMS.m10i, name), false, name);
  assert.equal(hasServiceInterface(PLATFORMS.m10i, 'sp-1/2/0'), true);
});

test('another Junos router is told apart from no router, each in one line that names the three', () => {
  const message = (name: string): string => {
    try {
      platformByName(name);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
    throw new Error(`${name} was taken`);
  };
  for (const name of ['mx240', 'MX960', 'vmx', 'm320', 't1600', 'tx-matrix', 'srx3400', 'ex4200', 'j6350', 'ptx5000'])
    assert.match(message(name), /^the configuration is accepted on '.+' as well, but .* only on M7i, M10i and M120$/);
  for (const name of ['c7200', 'm7', '', 'constructor', '__proto__', 'm10i\n'])
    assert.match(message(name), /^there is no platform '/);
  for (const name of ['mx240', 'c7200']) assert.doesNotMatch(message(name), /\n/);
  for (const name of ['m7i', 'M10i', 'M120']) assert.equal(platformByName(name).name, name.toLowerCase());
});

const find = (board: FittedBoard, ...path: string[]): FittedBoard | undefined =>
  path.reduce<FittedBoard | undefined>((at, name) => at?.parts.find((part) => part.name === name), board);

test('the chassis holds the services PICs that the configuration names, each of its kind', () => {
  const m7i = inventory(PLATFORMS.m7i, ['sp-1/2/0', 'sp-0/0/0']);
  assert.equal(find(m7i, 'FPC 1', 'PIC 2')?.description, 'ASP - Integrated (Layer-2-3)');
  // In its slot it takes the place of what sat there.
  assert.equal(find(m7i, 'FPC 0', 'PIC 0')?.description, 'Adaptive Services-II');
  assert.equal(find(inventory(PLATFORMS.m7i, []), 'FPC 1', 'PIC 2'), undefined);
  const m120 = inventory(PLATFORMS.m120, ['sp-3/1/0', 'sp-3/0/0']);
  assert.deepEqual(
    find(m120, 'FPC 3')?.parts.map(({ name, description }) => `${name} ${description}`),
    ['PIC 0 MultiServices 400', 'PIC 1 MultiServices 400'],
  );
});

test('a PIC that is offline tells nothing of itself', () => {
  const m10i = inventory(PLATFORMS.m10i, ['sp-1/2/0', 'sp-1/3/0'], new Set(['sp-1/3/0']));
  assert.deepEqual(
    find(m10i, 'FPC 1')?.parts.map(({ name }) => name),
    ['PIC 2'],
  );
});

test('every part of every chassis has its columns, and no two the same serial number', () => {
  for (const platform of Object.values(PLATFORMS)) {
    const seen = new Set<string>();
    const walk = (board: FittedBoard, depth: number): void => {
      assert.match(board.name, depth === 2 ? /^PIC \d$/ : /^[A-Z][A-Za-z ]*( \d)?$/);
      assert.ok(board.description !== '', board.name);
      assert.match(board.partNumber, /^(\d{3}-\d{6})?$/);
      assert.match(board.version, /^((REV|Rev) \d{2})?$/);
      assert.equal(board.partNumber === '', board.version === '', board.name);
      if (board.serialNumber !== '') {
        assert.equal(seen.has(board.serialNumber), false, board.serialNumber);
        seen.add(board.serialNumber);
      }
      for (const part of board.parts) walk(part, depth + 1);
    };
    walk(inventory(platform, serviceInterfaces(platform)), 0);
    assert.ok(platform.limits.redundantInterfaces === 16 && platform.limits.linksPerBundle === 8);
  }
});
