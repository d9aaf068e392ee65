import { unjudgeable } from '#libs/contracts';
import {
  lookedAtFrom,
  planQuestion,
  type RollupCoverage,
  type SeriesPlan,
  type Stretch,
  tooFineDetail,
} from '../series-plan.js';
import { queryTooLarge, resolutionGone } from '../telemetry-store.errors.js';
import type { Aggregation, Bucket, TelemetryStore, TimeRange } from '../telemetry-store.port.js';
import { anyOf, correction, devicesPerStatement, judgeable, numeric, original, slices, within } from './conditions.js';
import type { InfluxConnection, Series } from './influx-connection.js';
import { windows } from './range-query.js';
import { columnsOf, numericValue } from './reading-rows.js';
import { countOf, numberOf, type Rollup, rollupOf } from './rollup.js';
import type { RollupBooks } from './rollup-books.js';
import { measurements } from './schema.js';
import { SeriesFold } from './series-fold.js';
import { textOfTag } from './tag-text.js';

type DownsampleQuery = Parameters<TelemetryStore['downsample']>[0];
type Folds = Map<string, SeriesFold>;

const maxBuckets = 200_000;
const rowsPerWindow = 10_000;
/** A plan of more stretches, which are asked for one after the other, does without the roll-ups of days. */
const maxStretches = 32;

const functions: Record<Exclude<Aggregation, 'increase'>, string> = {
  min: 'min("value")',
  max: 'max("value")',
  mean: 'sum("value"), count("value")',
  sum: 'sum("value")',
  count: 'count("about")',
  last: 'last("value")',
};
/** What of a roll-up an aggregation needs. */
const needed: Record<Aggregation, readonly (keyof Rollup)[]> = {
  min: ['least'],
  max: ['greatest'],
  mean: ['total'],
  sum: ['total'],
  count: [],
  last: ['closing'],
  increase: ['opening', 'closing', 'growth'],
};

/**
 * Buckets of one metric, from roll-ups where they give the same answer. Elsewhere InfluxDB makes them where it can: not where
 * a correction hides a reading, where a metric shares its device's series, or of a counter's growth. There the readings are
 * folded here, as they come.
 */
export async function downsample(
  query: DownsampleQuery,
  connection: InfluxConnection,
  books: RollupBooks,
): Promise<Map<string, Bucket[]>> {
  const { deviceKeys, range, originMs, stepMs } = query;
  const first = Math.floor((range.from - originMs) / stepMs);
  const buckets = Math.max(0, Math.ceil((range.to - originMs) / stepMs) - first);
  if (buckets * deviceKeys.length > maxBuckets) {
    throw queryTooLarge(
      `${deviceKeys.length} devices with ${buckets} buckets each are more than ${maxBuckets}: ask for larger steps, a shorter range or fewer devices.`,
    );
  }
  const folds: Folds = new Map();
  if (buckets > 0) {
    const coverage = await books.coverage({ from: lookedAtFrom(query), to: range.to });
    for (const devices of slices([...new Set(deviceKeys)], devicesPerStatement)) {
      for (const group of await groupsOf({ ...query, deviceKeys: devices }, coverage, connection, books)) {
        await addGroup(group, connection, folds);
      }
    }
  }
  const bucket = (key: string, index: number): Bucket => ({
    at: originMs + index * stepMs,
    value: folds.get(key)?.value(index) ?? null,
  });
  return new Map(
    deviceKeys.map((key) => [key, Array.from({ length: buckets }, (_, index) => bucket(key, first + index))]),
  );
}

/** Devices that are answered for from the same stretches. */
interface Group {
  query: DownsampleQuery;
  stretches: readonly Stretch[];
}

/**
 * Sets devices apart of which roll-ups do not have everything: readings that came late, and metrics that share their device's
 * series. For those, the days concerned are answered from readings as far as these are kept.
 */
async function groupsOf(
  query: DownsampleQuery,
  coverage: RollupCoverage,
  connection: InfluxConnection,
  books: RollupBooks,
): Promise<Group[]> {
  const { days, keptFrom } = coverage;
  const kept = days.filter((day) => day.from >= keptFrom.reading);
  const [first, last] = [kept[0], kept.at(-1)];
  const together = { query, stretches: stretchesOf(query, coverage) };
  if (!first || !last || together.stretches.every(({ resolution }) => resolution === 'reading')) return [together];
  const range = { from: first.from, to: last.to };
  const [unsettled, sharing] = await Promise.all([
    books.unsettledDays(query.deviceKeys, range),
    devicesWith(measurements.overflow, `${anyOf('device', query.deviceKeys)} AND ${within(range)}`, connection),
  ]);
  const apart = query.deviceKeys.filter((device) => unsettled.has(device) || sharing.has(device));
  if (apart.length === 0) return [together];
  const asReadings = new Set(sharing.size > 0 ? kept.map(({ from }) => from) : [...unsettled.values()].flat());
  const settled = days.filter((day) => day.from < keptFrom.reading || !asReadings.has(day.from));
  const others = query.deviceKeys.filter((device) => !apart.includes(device));
  return [
    { ...together, query: { ...query, deviceKeys: others } },
    {
      query: { ...query, deviceKeys: apart },
      stretches: stretchesOf(query, { days: settled, keptFrom }),
    },
  ];
}

/** What answers for the question. Throws where its steps are too fine for what is kept. */
function stretchesOf(query: DownsampleQuery, coverage: RollupCoverage): readonly Stretch[] {
  const plan = planQuestion(query, coverage);
  if (plan.kind === 'too_fine') throw resolutionGone(tooFineDetail(plan));
  if (plan.stretches.length <= maxStretches) return plan.stretches;
  const keptFrom = { ...coverage.keptFrom, day: Number.MAX_SAFE_INTEGER };
  const simpler: SeriesPlan = planQuestion(query, { ...coverage, keptFrom });
  return simpler.kind === 'stretches' ? simpler.stretches : plan.stretches;
}

/** Folds a group's stretches, one after the other: in order of time. */
async function addGroup({ query, stretches }: Group, connection: InfluxConnection, folds: Folds): Promise<void> {
  if (query.deviceKeys.length === 0) return;
  for (const device of query.deviceKeys) folds.set(device, foldOf(query));
  for (const stretch of stretches) {
    if (stretch.resolution === 'reading') await addReadings(query, stretch, connection, folds);
    else await addRollups(query, stretch, connection, folds);
  }
}

async function addRollups(
  query: DownsampleQuery,
  stretch: Stretch,
  connection: InfluxConnection,
  folds: Folds,
): Promise<void> {
  const measurement = stretch.resolution === 'hour' ? measurements.rollupHours : measurements.rollupDays;
  const fields = (['readings', 'numbers', ...needed[query.aggregation]] as const).map((name) => `"${name}"`);
  const where = `${anyOf('device', query.deviceKeys)} AND ${anyOf('metric', [query.metric])} AND ${within(stretch)}`;
  const statement = `SELECT ${fields.join(', ')} FROM ${measurement} WHERE ${where} GROUP BY "device"`;
  for await (const series of connection.stream(statement)) {
    const fold = folds.get(deviceOf(series));
    for (const rollup of rollupsOf(series)) if (rollup.readings > 0) fold?.add(rollup);
  }
}

/** Roll-ups as they were asked for; a field that was not, or that there is none of, is 0. */
export function* rollupsOf(series: Series): Generator<Rollup> {
  const column = columnsOf(series);
  for (const row of series.values) {
    const rollup = countOf(Number(row[0]), 0);
    for (const name of Object.keys(rollup) as (keyof Rollup)[]) {
      if (name !== 'at') rollup[name] = Number(column(row, name) ?? 0);
    }
    yield rollup;
  }
}

async function addReadings(
  query: DownsampleQuery,
  stretch: TimeRange,
  connection: InfluxConnection,
  folds: Folds,
): Promise<void> {
  const special = await devicesToFold(query, stretch, connection);
  const simple = { ...query, deviceKeys: query.deviceKeys.filter((device) => !special.has(device)) };
  if (simple.deviceKeys.length > 0) {
    const add = query.aggregation === 'increase' ? addNumbers : addBuckets;
    await add(simple, stretch, connection, folds);
  }
  for (const device of special) await addCorrected(query, device, stretch, connection, folds.get(device));
}

/** Devices of which InfluxDB's own aggregates would be wrong. */
async function devicesToFold(
  { metric, deviceKeys }: DownsampleQuery,
  stretch: TimeRange,
  connection: InfluxConnection,
): Promise<Set<string>> {
  const where = `${anyOf('device', deviceKeys)} AND ${within(stretch)}`;
  const found = await Promise.all([
    devicesWith(measurements.readings, `${where} AND ${anyOf('metric', [metric])} AND ${correction}`, connection),
    devicesWith(measurements.overflow, where, connection),
  ]);
  return new Set(found.flatMap((devices) => [...devices]));
}

async function devicesWith(name: string, where: string, connection: InfluxConnection): Promise<Set<string>> {
  const answer = await connection.ask(`SELECT count("about") FROM ${name} WHERE ${where} GROUP BY "device"`);
  return new Set(answer.map(deviceOf));
}

/** Readings in InfluxDB's own buckets. */
async function addBuckets(
  query: DownsampleQuery,
  stretch: TimeRange,
  connection: InfluxConnection,
  folds: Folds,
): Promise<void> {
  const { aggregation, stepMs, originMs } = query;
  if (aggregation === 'increase') return;
  const offset = ((originMs % stepMs) + stepMs) % stepMs;
  const where = `${readingsOf(query)} AND ${within(stretch)} AND ${aggregation === 'count' ? judgeable : numeric}`;
  const statement = `SELECT ${functions[aggregation]} FROM ${measurements.readings} WHERE ${where} GROUP BY time(${stepMs}ms, ${offset}ms), "device" fill(none)`;
  for await (const series of connection.stream(statement)) {
    const fold = folds.get(deviceOf(series));
    for (const [start, value, numbers = 1] of series.values) {
      const at = Math.max(Number(start), stretch.from);
      fold?.add(aggregation === 'count' ? countOf(at, Number(value)) : numberOf(at, Number(value), Number(numbers)));
    }
  }
}

/** Numbers as they come: InfluxQL cannot tell a counter's reset from backflow. */
async function addNumbers(
  query: DownsampleQuery,
  stretch: TimeRange,
  connection: InfluxConnection,
  folds: Folds,
): Promise<void> {
  const where = `${readingsOf(query)} AND ${within(stretch)} AND ${numeric}`;
  const statement = `SELECT "value" FROM ${measurements.readings} WHERE ${where} GROUP BY "device"`;
  for await (const series of connection.stream(statement)) {
    const fold = folds.get(deviceOf(series));
    for (const [at, value] of series.values) fold?.add(numberOf(Number(at), Number(value)));
  }
}

/** One device's readings, each identity once. */
async function addCorrected(
  { metric }: DownsampleQuery,
  deviceKey: string,
  range: TimeRange,
  connection: InfluxConnection,
  fold: SeriesFold | undefined,
): Promise<void> {
  for await (const readings of windows({ deviceKey, metrics: [metric], range }, rowsPerWindow, connection)) {
    // Doubts are weighed after revisions: a correction that is out of range hides what it corrects all the same.
    for (const reading of readings) {
      if ((reading.quality & unjudgeable) === 0) fold?.add(rollupOf(reading.observedAt, numericValue(reading)));
    }
  }
}

function foldOf({ aggregation, originMs, stepMs, range }: DownsampleQuery): SeriesFold {
  return new SeriesFold(aggregation, (at) => Math.floor((at - originMs) / stepMs), range.from);
}

function readingsOf({ deviceKeys, metric }: DownsampleQuery): string {
  return `${anyOf('device', deviceKeys)} AND ${anyOf('metric', [metric])} AND ${original}`;
}

function deviceOf({ tags }: Series): string {
  return textOfTag(tags?.device ?? '');
}
