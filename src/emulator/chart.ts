// Line charts as SVG, for reports: no dependency, readable in any browser, the numbers in the text.

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}
export interface Chart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** Logarithmic axis, for values above 0. */
  readonly logX?: boolean;
  readonly logY?: boolean;
}
export interface Bars {
  readonly title: string;
  readonly y: string;
  readonly groups: readonly string[];
  readonly series: readonly { name: string; values: readonly (number | null)[] }[];
}

const WIDTH = 760;
const HEIGHT = 300;
const LEFT = 76;
const RIGHT = 16;
const TOP = 54;
const BOTTOM = 46;
const COLOURS = ['#1f6fb4', '#d1495b', '#2e8b57', '#8a5fbf', '#c7821a', '#4f5b66'];
const FONT = 'font-family="system-ui, sans-serif"';

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!);
/** 1,500 as "1.5 k". */
export function short(value: number): string {
  for (const [unit, letter] of [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ] as const)
    if (Math.abs(value) >= unit) return `${Number((value / unit).toPrecision(3))}${letter}`;
  return String(Number(value.toPrecision(3)));
}
/** Round values from 0 (or `least`) to `most`, five or so. */
function ticks(least: number, most: number): number[] {
  const span = most - least || 1;
  const rough = span / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const found: number[] = [];
  for (let value = Math.ceil(least / step) * step; value <= most + step * 1e-9; value += step) found.push(value);
  return found;
}
const decades = (least: number, most: number): number[] => {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++)
    found.push(10 ** power);
  return found;
};

const text = (x: number, y: number, words: string, extra = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${FONT} font-size="12" ${extra}>${escapeXml(words)}</text>`;

function legend(names: readonly string[]): string {
  let x = LEFT;
  return names
    .map((name, index) => {
      const entry = `<rect x="${x}" y="${TOP - 20}" width="12" height="12" fill="${COLOURS[index % COLOURS.length]}"/>${text(x + 17, TOP - 10, name, 'fill="#333"')}`;
      x += 34 + name.length * 7;
      return entry;
    })
    .join('');
}
const frame = (title: string, names: readonly string[]): string[] => [
  text(LEFT, 22, title, 'font-weight="600" style="font-size:15px" fill="#111"'),
  names.length > 1 || names[0] !== '' ? legend(names) : '',
];

/** The inside of one chart, WIDTH × HEIGHT. */
export function drawChart(chart: Chart): string {
  const all = chart.series.flatMap((series) => series.points);
  const xs = all.map(([x]) => x).filter((x) => chart.logX !== true || x > 0);
  const ys = all.map(([, y]) => y).filter((y) => chart.logY !== true || y > 0);
  if (xs.length === 0 || ys.length === 0) return frame(`${chart.title}: nothing was measured`, ['']).join('');
  const extreme = (values: number[], most: boolean): number =>
    values.reduce((a, b) => (most ? Math.max(a, b) : Math.min(a, b)));
  const xTicks =
    chart.logX === true ? decades(extreme(xs, false), extreme(xs, true)) : ticks(extreme(xs, false), extreme(xs, true));
  const yTicks =
    chart.logY === true
      ? decades(extreme(ys, false), extreme(ys, true))
      : ticks(Math.min(0, extreme(ys, false)), extreme(ys, true) || 1);
  const scale = (values: readonly number[], low: number, high: number, log: boolean, from: number, to: number) => {
    const f = (value: number): number => (log ? Math.log10(value) : value);
    const least = Math.min(f(low), f(values[0] ?? low));
    const most = Math.max(f(high), f(values.at(-1) ?? high));
    return (value: number): number => from + ((f(value) - least) / (most - least || 1)) * (to - from);
  };
  const toX = scale(xTicks, extreme(xs, false), extreme(xs, true), chart.logX === true, LEFT, WIDTH - RIGHT);
  const toY = scale(
    yTicks,
    chart.logY === true ? extreme(ys, false) : Math.min(0, extreme(ys, false)),
    extreme(ys, true),
    chart.logY === true,
    HEIGHT - BOTTOM,
    TOP,
  );
  const parts = frame(
    chart.title,
    chart.series.map(({ name }) => name),
  );
  for (const tick of yTicks)
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${toY(tick).toFixed(1)}" y2="${toY(tick).toFixed(1)}" stroke="#e2e2e2"/>`,
      text(LEFT - 8, toY(tick) + 4, short(tick), 'text-anchor="end" fill="#555"'),
    );
  for (const tick of xTicks)
    parts.push(
      `<line x1="${toX(tick).toFixed(1)}" x2="${toX(tick).toFixed(1)}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM + 5}" stroke="#888"/>`,
      text(toX(tick), HEIGHT - BOTTOM + 18, short(tick), 'text-anchor="middle" fill="#555"'),
    );
  parts.push(
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}" stroke="#888"/>`,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, chart.x, 'text-anchor="middle" fill="#333"'),
    text(
      0,
      0,
      chart.y,
      `transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" fill="#333"`,
    ),
  );
  chart.series.forEach(({ points }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const drawn = points.filter(([x, y]) => (chart.logX !== true || x > 0) && (chart.logY !== true || y > 0));
    const path = drawn.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.8"/>`);
    if (drawn.length <= 12)
      for (const [x, y] of drawn)
        parts.push(`<circle cx="${toX(x).toFixed(1)}" cy="${toY(y).toFixed(1)}" r="3" fill="${colour}"/>`);
  });
  return parts.join('\n');
}
/** The inside of one bar chart, WIDTH × HEIGHT; values above the bars. */
export function drawBars(bars: Bars): string {
  const most = Math.max(1e-9, ...bars.series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const yTicks = ticks(0, most);
  const top = Math.max(most, yTicks.at(-1)!);
  const toY = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
  const parts = frame(
    bars.title,
    bars.series.map(({ name }) => name),
  );
  for (const tick of yTicks)
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${toY(tick).toFixed(1)}" y2="${toY(tick).toFixed(1)}" stroke="#e2e2e2"/>`,
      text(LEFT - 8, toY(tick) + 4, short(tick), 'text-anchor="end" fill="#555"'),
    );
  const groupWidth = (WIDTH - LEFT - RIGHT) / Math.max(1, bars.groups.length);
  const width = Math.min(46, (groupWidth - 12) / Math.max(1, bars.series.length));
  bars.groups.forEach((group, at) => {
    const middle = LEFT + (at + 0.5) * groupWidth;
    parts.push(text(middle, HEIGHT - BOTTOM + 18, group, 'text-anchor="middle" fill="#333"'));
    bars.series.forEach(({ values }, index) => {
      const value = values[at] ?? null;
      if (value === null) return;
      const x = middle + (index - bars.series.length / 2) * width;
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${toY(value).toFixed(1)}" width="${(width - 2).toFixed(1)}" height="${(HEIGHT - BOTTOM - toY(value)).toFixed(1)}" fill="${COLOURS[index % COLOURS.length]}"/>`,
        text(
          x + width / 2 - 1,
          toY(value) - 4,
          short(value),
          'text-anchor="middle" style="font-size:10px" fill="#333"',
        ),
      );
    });
  });
  parts.push(
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}" stroke="#888"/>`,
    text(
      0,
      0,
      bars.y,
      `transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" fill="#333"`,
    ),
  );
  return parts.join('\n');
}
/** A whole SVG document: charts one below the other, lines of text under them. */
export function svgDocument(charts: readonly string[], lines: readonly string[] = []): string {
  const height = charts.length * HEIGHT + lines.length * 17 + (lines.length > 0 ? 24 : 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    '<title>Measurements of lns</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...charts.map((chart, index) => `<g transform="translate(0 ${index * HEIGHT})">\n${chart}\n</g>`),
    ...lines.map((line, index) =>
      text(LEFT, charts.length * HEIGHT + 20 + index * 17, line, 'fill="#333" xml:space="preserve"'),
    ),
    '</svg>',
    '',
  ].join('\n');
}
