import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CapturedFrame, CaptureReader, pcapHeader, pcapRecord } from '../../src/decode/pcap.ts';
import { concat, hex, pcap, pcapng, toHex } from './build.ts';

function read(file: Uint8Array): { frames: CapturedFrame[]; problem: string | null } {
  const reader = new CaptureReader(file);
  const frames = [...reader];
  return { frames, problem: reader.problem };
}
const FRAMES = [hex('0102030405'), hex(''), hex('060708')];

for (const littleEndian of [true, false])
  for (const [unit, magic, ns] of [
    ['microseconds', 0xa1b2c3d4, 5000n],
    ['nanoseconds', 0xa1b23c4d, 5n],
  ] as const)
    test(`pcap, ${littleEndian ? 'little' : 'big'}-endian, ${unit}`, () => {
      const { frames, problem } = read(pcap(1, FRAMES, littleEndian, magic));
      assert.equal(problem, null);
      assert.deepEqual(
        frames,
        FRAMES.map((octets, i) => ({
          number: i + 1,
          timeNs: 7_000_000_000n + ns,
          linkType: 1,
          octets,
          wireOctets: octets.length + 1,
        })),
      );
    });

test('the link type of pcap is told apart from what is said of the frame check sequence', () => {
  assert.equal(read(pcap(0x30000001, FRAMES)).frames[0]!.linkType, 1);
});

for (const littleEndian of [true, false])
  test(`pcapng, ${littleEndian ? 'little' : 'big'}-endian: interfaces, time resolutions, unknown blocks`, () => {
    const ng = pcapng(littleEndian);
    const file = concat(
      ng.section(),
      ng.interface(1),
      ng.interface(101, 9),
      ng.interface(113, 0x80 | 10),
      ng.block(0x0bad, hex('0000')),
      ng.enhanced(0, 3_000_005n, FRAMES[0]!),
      ng.enhanced(1, (5n << 32n) + 7n, FRAMES[2]!),
      ng.enhanced(2, 2048n + 512n, FRAMES[2]!),
      ng.simple(FRAMES[0]!),
    );
    const { frames, problem } = read(file);
    assert.equal(problem, null);
    assert.deepEqual(
      frames.map(({ linkType, timeNs, octets }) => [linkType, timeNs, toHex(octets)]),
      [
        [1, 3_000_005_000n, '0102030405'],
        [101, (5n << 32n) + 7n, '060708'],
        [113, 2_500_000_000n, '060708'],
        [1, 0n, '0102030405'],
      ],
    );
  });

test('pcapng: a new section has its own octet order and interfaces', () => {
  const [little, big] = [pcapng(true), pcapng(false)];
  const { frames, problem } = read(
    concat(
      little.section(),
      little.interface(1),
      little.enhanced(0, 1n, FRAMES[0]!),
      big.section(),
      big.enhanced(0, 1n, FRAMES[0]!),
      big.interface(101),
      big.enhanced(0, 1n, FRAMES[2]!),
    ),
  );
  assert.equal(problem, null);
  assert.deepEqual(
    frames.map((frame) => [frame.number, frame.linkType]),
    [
      [1, 1],
      [2, -1], // no interface described as yet
      [3, 101],
    ],
  );
});

test('pcapng: the snap length cuts a Simple Packet Block', () => {
  const ng = pcapng(true);
  const packet = concat(hex('05000000'), hex('01020000')); // 5 octets on the wire, 2 kept
  const { frames, problem } = read(concat(ng.section(), ng.interface(1, undefined, 2), ng.block(3, packet)));
  assert.equal(problem, null);
  assert.deepEqual([toHex(frames[0]!.octets), frames[0]!.wireOctets], ['0102', 5]);
});

test('what is written is read back', () => {
  const record = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.bigInt(0n, 4_000_000_000_000_000_000n));
  fc.assert(
    fc.property(fc.array(record), fc.nat(300), (records, linkType) => {
      const { frames, problem } = read(concat(pcapHeader(linkType), ...records.map((one) => pcapRecord(...one))));
      assert.equal(problem, null);
      assert.deepEqual(
        frames,
        records.map(([octets, timeNs], i) => ({
          number: i + 1,
          timeNs,
          linkType,
          octets: new Uint8Array(octets),
          wireOctets: octets.length,
        })),
      );
    }),
  );
});

test('a file that is none says so', () => {
  for (const file of ['', '00', '0102030405060708', '7b226672616d6573223a5b5d7d'])
    assert.deepEqual(read(hex(file)), { frames: [], problem: 'not a capture file (neither pcap nor pcapng)' });
});

test('a file cut anywhere gives the frames before the cut, and says where it ends', () => {
  const file = pcap(1, FRAMES);
  const ends = [24, 45, 61, 80]; // where a record ends, and so the file may
  for (let length = 4; length < file.length; length++) {
    const { frames, problem } = read(file.subarray(0, length));
    assert.equal(frames.length, Math.max(0, ends.filter((end) => end <= length).length - 1), `${length} octets`);
    assert.equal(problem === null, ends.includes(length), `${length} octets: ${problem}`);
  }
  assert.equal(read(file.subarray(0, 44)).problem, 'frame 1 claims 5 octets, 4 are left');
  assert.equal(read(file.subarray(0, 50)).problem, 'the file ends inside the header of frame 2');
  assert.equal(read(file.subarray(0, 20)).problem, 'the file ends inside its header');
});

test('damaged pcapng blocks end the reading with a reason', () => {
  const ng = pcapng(true);
  const start = concat(ng.section(), ng.interface(1), ng.enhanced(0, 0n, FRAMES[0]!));
  const cases: [string, Uint8Array, RegExp][] = [
    ['a length of 0', hex('06000000 00000000 00000000'), /claims a length of 0$/],
    ['a length that is no multiple of 4', hex('06000000 0d000000 00000000 00'), /claims a length of 13$/],
    ['a length beyond the file', hex('06000000 00010000 00000000'), /claims 256 octets, 12 are left$/],
    ['two lengths', hex('06000000 0c000000 10000000'), /two different lengths$/],
    ['a rest', hex('0600'), /ends inside a block/],
    ['a short packet block', ng.block(6, hex('00000000')), /packet block at octet \d+ is too short$/],
    ['a short interface', ng.block(1, hex('0100')), /interface description at octet \d+ is too short$/],
    ['a section without order', ng.block(0x0a0d0d0a, hex('00000000 00000000')), /has no octet order$/],
  ];
  for (const [what, damage, problem] of cases) {
    const found = read(concat(start, damage));
    assert.equal(found.frames.length, 1, what);
    assert.match(found.problem ?? '', problem, what);
  }
});

const ng = pcapng(true);
const WELL = [
  pcap(1, FRAMES),
  pcap(101, FRAMES, false, 0xa1b23c4d),
  concat(ng.section(), ng.interface(1, 9), ng.enhanced(0, 1n, FRAMES[0]!), ng.simple(FRAMES[2]!)),
];
test('any damage to a file ends in frames and a problem, never in a throw or without an end', () => {
  const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...WELL), damage, fc.nat(200), (well, changes, cut) => {
      const file = well.slice(0, Math.max(4, well.length - (cut % 40)));
      for (const [at, value] of changes) file[at % file.length] = value;
      for (const { octets, wireOctets } of read(file).frames) assert.ok(wireOctets >= octets.length);
    }),
    { numRuns: 2000 },
  );
});
