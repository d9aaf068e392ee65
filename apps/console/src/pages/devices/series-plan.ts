const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Spans that one click chooses. */
export const presets = {
  '1h': hourMs,
  '6h': 6 * hourMs,
  '24h': dayMs,
  '7d': 7 * dayMs,
  '30d': 30 * dayMs,
  '365d': 365 * dayMs,
} as const;
export type Preset = keyof typeof presets;

/** Widths of a bucket, in the API's words. */
const steps: readonly [string, number][] = [
  ['PT1M', minuteMs],
  ['PT5M', 5 * minuteMs],
  ['PT15M', 15 * minuteMs],
  ['PT1H', hourMs],
  ['PT6H', 6 * hourMs],
  ['P1D', dayMs],
  ['P1W', 7 * dayMs],
];
/** More points than a screen has pixels for say nothing more. */
const maxBuckets = 400;

/** The narrowest bucket with which a span is drawn at once. */
export function stepFor(spanMs: number): string {
  return (steps.find(([, width]) => spanMs / width <= maxBuckets) ?? ['P1W'])[0];
}

/** A bucket of a series: where it begins, and its value; null is silence. */
export interface SeriesBucket {
  at: string;
  value: number | null;
}

/** Several series side by side, one row per bucket, in order of time; what one of them lacks is empty. */
export function seriesRows(
  series: readonly { name: string; buckets: readonly SeriesBucket[] }[],
): (string | number)[][] {
  const times = [...new Set(series.flatMap(({ buckets }) => buckets.map(({ at }) => at)))].sort();
  const columns = series.map(({ buckets }) => new Map(buckets.map(({ at, value }) => [at, value])));
  return [
    ['time', ...series.map(({ name }) => name)],
    ...times.map((at) => [at, ...columns.map((column) => column.get(at) ?? '')]),
  ];
}
