import { lookedAtFrom, planQuestion, type RollupCoverage, type Stretch, tooFineDetail } from '../series-plan.js';
import type { Aggregation, Bucket, TelemetryStore, TimeRange } from '../telemetry-store.port.js';
import type { Dictionary } from './dictionary.js';
import { late, type Part, type Parts } from './parts.js';
import type { QueryPool } from './query-pool.js';
import { growthSince, inOrder, rollupsSql, singleReadingsSql, withinSql } from './rollup-sql.js';
import type { Rollups } from './rollups.js';
import { queryTooLarge, resolutionGone } from './store-refusal.js';

type DownsampleQuery = Parameters<TelemetryStore['downsample']>[0];

/** Devices that are answered for from the same stretches. */
interface Group {
  devices: readonly number[];
  stretches: readonly Stretch[];
}

const maxBuckets = 200_000;
const quarterMs = 900_000;

const expressions: Record<Exclude<Aggregation, 'increase'>, string> = {
  min: 'min(least)',
  max: 'max(greatest)',
  mean: 'sum(total) / sum(numbers)',
  sum: 'sum(total)',
  count: 'sum(readings)::DOUBLE',
  last: `arg_max(closing, (${inOrder}))`,
};

/**
 * Buckets of one metric, from roll-ups where they give the same answer. Readings that are out of range or of the wrong type
 * do not count; booleans count as 0 and 1; strings and objects are only counted.
 */
export async function downsample(
  query: DownsampleQuery,
  pool: QueryPool,
  parts: Parts,
  rollups: Rollups,
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
  const coverage = rollups.coverage({ from: lookedAtFrom(query), to: query.range.to });
  const stretches = stretchesOf(query, coverage);
  const values = new Map<number, Map<number, number | null>>();
  const metric = dictionary.find('metric', query.metric);
  const devices = query.deviceKeys.flatMap((key) => dictionary.find('device', key) ?? []);
  if (metric !== undefined && devices.length > 0 && buckets > 0) {
    for (const group of await groupsOf({ devices, stretches }, query, metric, { pool, parts, coverage })) {
      const sql = seriesSql(query, metric, group, parts);
      const [ids, steps, results] = sql ? ((await pool.run(sql)) as number[][]) : [];
      for (const [row, id] of (ids ?? []).entries()) {
        const series = values.get(id) ?? new Map<number, number | null>();
        values.set(id, series.set(steps?.[row] ?? 0, results?.[row] ?? null));
      }
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

/** What answers for the question. Throws where its steps are too fine for what is kept. */
function stretchesOf(query: DownsampleQuery, coverage: RollupCoverage): Stretch[] {
  const plan = planQuestion(query, coverage);
  if (plan.kind === 'too_fine') throw resolutionGone(tooFineDetail(plan));
  return plan.stretches;
}

/**
 * Sets devices apart of which readings came late that are not in the roll-ups yet: for those, the days concerned are
 * answered from readings.
 */
async function groupsOf(
  group: Group,
  query: DownsampleQuery,
  metric: number,
  from: { pool: QueryPool; parts: Parts; coverage: RollupCoverage },
): Promise<Group[]> {
  const { days, keptFrom } = from.coverage;
  const rolledUp = group.stretches.filter(
    (stretch) => stretch.resolution !== 'reading' && stretch.to > keptFrom.reading,
  );
  const lateParts = partsOf(rolledUp, from.parts).filter((part) => part.day === late);
  if (lateParts.length === 0) return [group];
  const where = `${devicesSql(group.devices)} AND metric = ${metric} AND ${withinSql('observed_at', rolledUp)}`;
  const rows = lateParts.map((p) => `SELECT device, observed_at FROM ${p.name} WHERE ${where}`).join(' UNION ALL ');
  const [devices = [], quarters = []] = (await from.pool.run(
    `SELECT device, floor(observed_at / ${quarterMs}::DOUBLE) AS quarter FROM (${rows}) GROUP BY ALL`,
  )) as [number[], number[]];
  if (devices.length === 0) return [group];
  const unsettled = new Set(quarters.map((quarter) => from.parts.dayOf(quarter * quarterMs).from));
  const settled = days.filter((day) => day.from < keptFrom.reading || !unsettled.has(day.from));
  const apart = new Set(devices);
  return [
    { devices: group.devices.filter((device) => !apart.has(device)), stretches: group.stretches },
    { devices: [...apart], stretches: stretchesOf(query, { days: settled, keptFrom }) },
  ];
}

function seriesSql(query: DownsampleQuery, metric: number, group: Group, parts: Parts): string | undefined {
  const { aggregation, originMs, stepMs, range } = query;
  const rows = rowsSql(group, metric, parts, aggregation !== 'count');
  if (rows === undefined) return undefined;
  const step = `floor((begins_at - ${originMs}::DOUBLE) / ${stepMs}::DOUBLE)`;
  if (aggregation !== 'increase') {
    return `SELECT device, ${step} AS step, ${expressions[aggregation]} FROM (${rows}) GROUP BY device, step`;
  }
  // In the bucket of the later reading; a small fall counts as it is, so that buckets add up to the last reading minus the first.
  return `SELECT device, ${step} AS step, sum(${growthSince})
    FROM (SELECT *, lag(closing) OVER (PARTITION BY device ORDER BY ${inOrder}) AS before FROM (${rows}))
    WHERE begins_at >= ${range.from}::DOUBLE GROUP BY device, step`;
}

/** Readings and roll-ups of a group of devices, or undefined where there is none. */
function rowsSql({ devices, stretches }: Group, metric: number, parts: Parts, numeric: boolean): string | undefined {
  if (devices.length === 0) return undefined;
  const where = `${devicesSql(devices)} AND metric = ${metric}`;
  const selects: string[] = [];
  for (const resolution of ['hour', 'day'] as const) {
    const chosen = stretches.filter((stretch) => stretch.resolution === resolution);
    if (chosen.length > 0) selects.push(rollupsSql(resolution, chosen, where));
  }
  const single = stretches.filter((stretch) => stretch.resolution === 'reading');
  const chosen = partsOf(single, parts);
  const inPart = (part: Part) =>
    `${where} AND ${withinSql(
      'observed_at',
      single.filter((one) => meets(part, one)),
    )}`;
  if (chosen.length > 0) selects.push(singleReadingsSql(chosen, inPart));
  if (selects.length === 0) return undefined;
  const rows = selects.map((select) => `(${select})`).join(' UNION ALL ');
  return numeric ? `SELECT * FROM (${rows}) WHERE numbers > 0` : rows;
}

function partsOf(stretches: readonly TimeRange[], parts: Parts): Part[] {
  const [first] = stretches;
  const last = stretches.at(-1);
  if (!first || !last) return [];
  return parts.overlapping('readings', first.from, last.to).filter((part) => stretches.some((one) => meets(part, one)));
}

function meets(part: Part, { from, to }: TimeRange): boolean {
  return part.from < to && part.to > from;
}

function devicesSql(devices: readonly number[]): string {
  return `device ${devices.length === 1 ? `= ${devices[0]}` : `IN (${devices.join(', ')})`}`;
}
