import { unjudgeable } from '#libs/contracts';
import type { Aggregation, Bucket, TelemetryStore } from '../telemetry-store.port.js';
import type { Dictionary } from './dictionary.js';
import type { Parts } from './parts.js';
import type { QueryPool } from './query-pool.js';
import { readingsSql } from './reading-query.js';
import { valueKinds } from './reading-rows.js';
import { queryTooLarge } from './store-refusal.js';

type DownsampleQuery = Parameters<TelemetryStore['downsample']>[0];

const maxBuckets = 200_000;
const dayMs = 86_400_000;
/** How far before the range a counter's previous reading is looked for: two steps, at least two days, at most 32. */
const lookBack = (stepMs: number) => Math.min(Math.max(2 * stepMs, 2 * dayMs), 32 * dayMs);

const expressions: Record<Exclude<Aggregation, 'increase'>, string> = {
  min: 'min(value)',
  max: 'max(value)',
  mean: 'avg(value)',
  sum: 'sum(value)',
  count: 'count(*)::DOUBLE',
  last: 'arg_max(value, (observed_at, seq, revision, position, slot))',
};

/**
 * Buckets of one metric. Readings that are out of range or of the wrong type do not count; booleans count as 0 and 1;
 * strings and objects are only counted.
 */
export async function downsample(
  query: DownsampleQuery,
  pool: QueryPool,
  parts: Parts,
  dictionary: Dictionary,
): Promise<Map<string, Bucket[]>> {
  const first = Math.floor((query.range.from - query.originMs) / query.stepMs);
  const last = Math.ceil((query.range.to - query.originMs) / query.stepMs);
  const buckets = Math.max(0, last - first);
  if (buckets * query.deviceKeys.length > maxBuckets) {
    throw queryTooLarge(
      `${query.deviceKeys.length} devices with ${buckets} buckets each are more than ${maxBuckets}: ask for larger steps, a shorter range or fewer devices.`,
    );
  }
  const values = new Map<number, Map<number, number | null>>();
  const metric = dictionary.find('metric', query.metric);
  const devices = query.deviceKeys.flatMap((key) => dictionary.find('device', key) ?? []);
  if (metric !== undefined && devices.length > 0 && buckets > 0) {
    const sql = query.aggregation === 'increase' ? increaseSql : aggregateSql;
    const statement = sql(query, metric, devices, parts);
    const [ids, steps, results] = statement ? ((await pool.run(statement)) as number[][]) : [];
    for (const [row, id] of (ids ?? []).entries()) {
      const series = values.get(id) ?? new Map<number, number | null>();
      values.set(id, series.set(steps?.[row] ?? 0, results?.[row] ?? null));
    }
  }
  return new Map(
    query.deviceKeys.map((key) => {
      const series = values.get(dictionary.find('device', key) ?? -1);
      const bucket = (index: number): Bucket => ({
        at: query.originMs + (first + index) * query.stepMs,
        value: series?.get(first + index) ?? null,
      });
      return [key, Array.from({ length: buckets }, (_, index) => bucket(index))];
    }),
  );
}

function aggregateSql(
  query: DownsampleQuery,
  metric: number,
  devices: readonly number[],
  parts: Parts,
): string | undefined {
  const { aggregation } = query;
  if (aggregation === 'increase') return undefined;
  const rows = rowsSql(query, query.range.from, metric, devices, parts, aggregation !== 'count');
  return (
    rows && `SELECT device, ${stepSql(query)} AS step, ${expressions[aggregation]} FROM (${rows}) GROUP BY device, step`
  );
}

/**
 * A counter's growth from each reading to the next, in the bucket of the later one. A fall below half of the value before
 * is a meter that rolled over or was replaced and counts from 0; a smaller fall (backflow, a correction) counts as it is,
 * negative, so that buckets add up to the last reading minus the first.
 */
function increaseSql(
  query: DownsampleQuery,
  metric: number,
  devices: readonly number[],
  parts: Parts,
): string | undefined {
  const rows = rowsSql(query, query.range.from - lookBack(query.stepMs), metric, devices, parts, true);
  return (
    rows &&
    `SELECT device, ${stepSql(query)} AS step,
       sum(CASE WHEN value < before / 2 THEN value ELSE value - before END)
     FROM (SELECT device, observed_at, value,
             lag(value) OVER (PARTITION BY device ORDER BY observed_at, seq, position, slot) AS before FROM (${rows}))
     WHERE observed_at >= ${query.range.from}::DOUBLE GROUP BY device, step`
  );
}

function rowsSql(
  query: DownsampleQuery,
  from: number,
  metric: number,
  devices: readonly number[],
  parts: Parts,
  numeric: boolean,
): string | undefined {
  const { to } = query.range;
  const overlapping = parts.overlapping('readings', from, to);
  if (overlapping.length === 0) return undefined;
  const where = `device ${devices.length === 1 ? `= ${devices[0]}` : `IN (${devices.join(', ')})`} AND metric = ${metric}
    AND observed_at >= ${from}::DOUBLE AND observed_at < ${to}::DOUBLE`;
  const kinds = numeric ? ` AND kind <= ${valueKinds.boolean}` : '';
  // Doubts are weighed after revisions: a correction that is out of range hides what it corrects all the same.
  return `SELECT * FROM (${readingsSql(overlapping, where)}) WHERE quality & ${unjudgeable} = 0${kinds}`;
}

function stepSql(query: DownsampleQuery): string {
  return `floor((observed_at - ${query.originMs}::DOUBLE) / ${query.stepMs}::DOUBLE)`;
}
