import { unjudgeable } from '#libs/contracts';
import { queryTooLarge } from '../telemetry-store.errors.js';
import type { Aggregation, Bucket, StoredReading, TelemetryStore } from '../telemetry-store.port.js';
import { anyOf, correction, devicesPerStatement, judgeable, numeric, original, slices, within } from './conditions.js';
import type { InfluxConnection } from './influx-connection.js';
import { windows } from './range-query.js';
import { measurements } from './schema.js';
import { SeriesFold } from './series-fold.js';
import { textOfTag } from './tag-text.js';

type DownsampleQuery = Parameters<TelemetryStore['downsample']>[0];
type Values = Map<string, (index: number) => number | null>;

const maxBuckets = 200_000;
const dayMs = 86_400_000;
const rowsPerWindow = 10_000;
/** How far before the range a counter's previous reading is looked for: two steps, at least two days, at most 32. */
const lookBack = (stepMs: number) => Math.min(Math.max(2 * stepMs, 2 * dayMs), 32 * dayMs);

const functions: Record<Exclude<Aggregation, 'increase'>, string> = {
  min: 'min("value")',
  max: 'max("value")',
  mean: 'mean("value")',
  sum: 'sum("value")',
  count: 'count("about")',
  last: 'last("value")',
};

/**
 * Buckets of one metric. InfluxDB makes them where it can: not where a correction hides a reading, where a metric shares its
 * device's series, or of a counter's growth. There the readings are folded here, as they come.
 */
export async function downsample(query: DownsampleQuery, connection: InfluxConnection): Promise<Map<string, Bucket[]>> {
  const { deviceKeys, range, originMs, stepMs } = query;
  const first = Math.floor((range.from - originMs) / stepMs);
  const buckets = Math.max(0, Math.ceil((range.to - originMs) / stepMs) - first);
  if (buckets * deviceKeys.length > maxBuckets) {
    throw queryTooLarge(
      `${deviceKeys.length} devices with ${buckets} buckets each are more than ${maxBuckets}: ask for larger steps, a shorter range or fewer devices.`,
    );
  }
  const values: Values = new Map();
  if (buckets > 0) {
    for (const devices of slices([...new Set(deviceKeys)], devicesPerStatement)) {
      await addDevices({ ...query, deviceKeys: devices }, connection, values);
    }
  }
  const bucket = (key: string, index: number): Bucket => ({
    at: originMs + index * stepMs,
    value: values.get(key)?.(index) ?? null,
  });
  return new Map(
    deviceKeys.map((key) => [key, Array.from({ length: buckets }, (_, index) => bucket(key, first + index))]),
  );
}

async function addDevices(query: DownsampleQuery, connection: InfluxConnection, values: Values): Promise<void> {
  const [special, simple] = await Promise.all([
    devicesToFold(query, connection),
    query.aggregation === 'increase' ? foldGrowth(query, connection) : aggregate(query, connection),
  ]);
  for (const [device, value] of simple) if (!special.has(device)) values.set(device, value);
  for (const device of special) values.set(device, await foldReadings(query, device, connection));
}

/** Devices of which InfluxDB's own aggregates would be wrong. */
async function devicesToFold(query: DownsampleQuery, connection: InfluxConnection): Promise<Set<string>> {
  const { metric, deviceKeys } = query;
  const where = `${anyOf('device', deviceKeys)} AND ${within(extended(query))}`;
  const answers = await Promise.all([
    connection.ask(
      `SELECT count("about") FROM ${measurements.readings} WHERE ${where} AND ${anyOf('metric', [metric])} AND ${correction} GROUP BY "device"`,
    ),
    connection.ask(`SELECT count("about") FROM ${measurements.overflow} WHERE ${where} GROUP BY "device"`),
  ]);
  return new Set(answers.flat().map(({ tags }) => textOfTag(tags?.device ?? '')));
}

async function aggregate(query: DownsampleQuery, connection: InfluxConnection): Promise<Values> {
  const { aggregation, stepMs, originMs, range } = query;
  if (aggregation === 'increase') return new Map();
  const offset = ((originMs % stepMs) + stepMs) % stepMs;
  const where = `${readingsOf(query)} AND ${within(range)} AND ${aggregation === 'count' ? judgeable : numeric}`;
  const statement = `SELECT ${functions[aggregation]} FROM ${measurements.readings} WHERE ${where} GROUP BY time(${stepMs}ms, ${offset}ms), "device" fill(none)`;
  const found = new Map<string, Map<number, number>>();
  for await (const { tags, values } of connection.stream(statement)) {
    const device = textOfTag(tags?.device ?? '');
    const own = found.get(device) ?? new Map<number, number>();
    found.set(device, own);
    for (const [at, value] of values) own.set(Math.round((Number(at) - originMs) / stepMs), Number(value));
  }
  return new Map([...found].map(([device, own]) => [device, (index: number) => own.get(index) ?? null]));
}

/** A counter's growth, from readings as they come: InfluxQL cannot tell a reset from backflow. */
async function foldGrowth(query: DownsampleQuery, connection: InfluxConnection): Promise<Values> {
  const where = `${readingsOf(query)} AND ${within(extended(query))} AND ${numeric}`;
  const statement = `SELECT "value" FROM ${measurements.readings} WHERE ${where} GROUP BY "device"`;
  const folds = new Map<string, SeriesFold>();
  for await (const { tags, values } of connection.stream(statement)) {
    const device = textOfTag(tags?.device ?? '');
    const fold = folds.get(device) ?? foldOf(query);
    folds.set(device, fold);
    for (const [at, value] of values) fold.add(Number(at), Number(value));
  }
  return new Map([...folds].map(([device, fold]) => [device, (index: number) => fold.value(index)]));
}

/** One device's buckets from its readings, each identity once. */
async function foldReadings(
  query: DownsampleQuery,
  deviceKey: string,
  connection: InfluxConnection,
): Promise<(index: number) => number | null> {
  const fold = foldOf(query);
  const question = { deviceKey, metrics: [query.metric], range: extended(query) };
  for await (const readings of windows(question, rowsPerWindow, connection)) {
    // Doubts are weighed after revisions: a correction that is out of range hides what it corrects all the same.
    for (const reading of readings) {
      if ((reading.quality & unjudgeable) === 0) fold.add(reading.observedAt, numberOf(reading));
    }
  }
  return (index) => fold.value(index);
}

function foldOf({ aggregation, originMs, stepMs, range }: DownsampleQuery): SeriesFold {
  return new SeriesFold(aggregation, (at) => Math.floor((at - originMs) / stepMs), range.from);
}

function readingsOf({ deviceKeys, metric }: DownsampleQuery): string {
  return `${anyOf('device', deviceKeys)} AND ${anyOf('metric', [metric])} AND ${original}`;
}

/** The range, and for growth what lies so far before it that a previous reading is looked for there. */
function extended({ aggregation, range, stepMs }: DownsampleQuery): DownsampleQuery['range'] {
  return aggregation === 'increase' ? { from: range.from - lookBack(stepMs), to: range.to } : range;
}

function numberOf({ value }: StoredReading): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' ? value : undefined;
}
