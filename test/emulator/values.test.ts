import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSizes } from '../../src/cli/dial-options.ts';
import { bucketValue, quantile } from '../../src/dataplane/traffic.ts';
import { drawBars, drawChart, svgDocument } from '../../src/emulator/chart.ts';
import { Impairment } from '../../src/emulator/impair.ts';
import { Pacer } from '../../src/emulator/pacer.ts';

test('sizes: a mix keeps its weights at every length', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 52, max: 1500 }), fc.integer({ min: 1, max: 12 })), {
        minLength: 1,
        maxLength: 5,
      }),
      (parts) => {
        const sizes = parseSizes(parts.map(([octets, weight]) => `${octets}:${weight}`).join(','));
        const wanted = new Map<number, number>();
        for (const [octets, weight] of parts) wanted.set(octets, (wanted.get(octets) ?? 0) + weight);
        for (const [octets, weight] of wanted) assert.equal(sizes.filter((size) => size === octets).length, weight);
      },
    ),
  );
  assert.deepEqual(parseSizes('64'), [64]);
  assert.equal(
    parseSizes('imix').reduce((sum, octets) => sum + octets, 0),
    7 * 64 + 4 * 576 + 1500,
  );
  for (const words of ['', '51', '1501', '64:0', '64:1:1', 'x', '64:40,65:40'])
    assert.throws(() => parseSizes(words), /octets|weight/);
});

test('pacer: the rate holds, bursts are bounded, a ramp begins at nothing', () => {
  const count = (pacer: Pacer, until: number, step: number): number => {
    let taken = 0;
    pacer.start(0);
    for (let now = step; now <= until; now += step) {
      pacer.advance(now);
      for (; pacer.ready && taken < 1e6; taken++) pacer.take();
    }
    return taken;
  };
  assert.equal(count(new Pacer(1000, 0), 2000, 10), 2000);
  assert.equal(count(new Pacer(1000, 2000), 2000, 10), 1000);
  // A driver that comes late gets a tenth of a second's worth.
  assert.equal(count(new Pacer(1000, 0), 5000, 5000), 100);
  const free = new Pacer(0, 0);
  assert.ok(free.ready);
});

test('impairment: what goes in comes out, once or twice, or is counted as lost; a seed repeats it', () => {
  fc.assert(
    fc.property(
      fc.record({
        loss: fc.constantFrom(0, 0.1, 0.5),
        duplicate: fc.constantFrom(0, 0.1, 0.5),
        reorder: fc.constantFrom(0, 0.1, 0.5),
        delayMs: fc.constantFrom(0, 5),
        jitterMs: fc.constantFrom(0, 20),
        seed: fc.nat(),
      }),
      (options) => {
        const play = (): number[] => {
          const impairment = new Impairment(options);
          const out: number[] = [];
          for (let now = 0; now < 200; now++) {
            impairment.handleTimeout(now);
            impairment.pass(now, () => out.push(now));
          }
          for (let now = 200; impairment.deadline() < Number.POSITIVE_INFINITY; now++) {
            assert.ok(now < 400, 'nothing is kept for ever');
            impairment.handleTimeout(now);
          }
          const { lost, duplicated } = impairment.counts;
          assert.equal(out.length, 200 - lost + duplicated);
          return out;
        };
        const first = play();
        assert.deepEqual(play(), first);
        if (options.reorder === 0 && options.jitterMs === 0)
          assert.deepEqual(
            first,
            [...first].sort((a, b) => a - b),
          );
      },
    ),
  );
});

test('quantiles of a histogram lie in the bucket they fall in', () => {
  const histogram = new Float64Array(512);
  assert.equal(quantile(histogram, 0.5), null);
  histogram[10] = 98;
  histogram[100] = 1;
  histogram[200] = 1;
  assert.equal(quantile(histogram, 0.5), 10);
  assert.equal(quantile(histogram, 0.99), bucketValue(100));
  assert.equal(quantile(histogram, 1), bucketValue(200));
  for (let bucket = 1; bucket < 400; bucket++) assert.ok(bucketValue(bucket) > bucketValue(bucket - 1));
});

test('charts are well-formed, whatever they are given', () => {
  const number = fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e9, noNaN: true }));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(number, number), { maxLength: 20 }),
      fc.boolean(),
      fc.string(),
      (points, log, name) => {
        const svg = svgDocument(
          [
            drawChart({ title: name, x: 'x', y: 'y', logX: log, logY: log, series: [{ name, points }] }),
            drawBars({ title: name, y: 'y', groups: ['a'], series: [{ name, values: [points[0]?.[1] ?? null] }] }),
          ],
          [name],
        );
        assert.ok(!/NaN|Infinity|undefined/.test(svg.replaceAll(/>[^<]*</g, '><')), svg);
        assert.equal(svg.match(/<g /g)?.length, svg.match(/<\/g>/g)?.length);
      },
    ),
  );
});
