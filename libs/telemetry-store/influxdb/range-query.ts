import { queryTooLarge } from '../telemetry-store.errors.js';
import type { StoredReading, TelemetryStore, TimeRange } from '../telemetry-store.port.js';
import { anyOf, within } from './conditions.js';
import type { InfluxConnection, Series } from './influx-connection.js';
import {
  compareReadings,
  overflowColumns,
  overflowReadings,
  readingColumns,
  storedReadings,
  visibleReadings,
} from './reading-rows.js';
import { measurements } from './schema.js';

type RangeQuery = Parameters<TelemetryStore['range']>[0];

/** Most rows of one millisecond of a device that are looked through. */
const maxRowsAtOnce = 200_000;
/** Rows beyond what is wanted, for revisions that are hidden and for the millisecond that a limit cuts. */
const spareRows = 64;

/** The readings of a device in a range, and where to look for them. */
interface WindowsQuery extends Pick<RangeQuery, 'deviceKey' | 'metrics' | 'range'> {
  /** Leaves out metrics that share their device's series. */
  ownSeriesOnly?: boolean;
}

/** A part of a range: its readings, and up to where it is complete (exclusive). */
interface Window {
  readings: StoredReading[];
  completeTo: number;
}

/** Readings of one device in order, each identity once. */
export async function readRange(query: RangeQuery, connection: InfluxConnection): Promise<StoredReading[]> {
  const { after, limit, range, metrics } = query;
  if (metrics?.length === 0) return [];
  const place = after && { ...after, seq: after.seq };
  const found: StoredReading[] = [];
  const start = Math.max(range.from, after?.observedAt ?? range.from);
  for await (const window of windows(
    { ...query, range: { from: start, to: range.to } },
    limit + spareRows,
    connection,
  )) {
    found.push(...(place ? window.filter((reading) => compareReadings(reading, place) > 0) : window));
    if (found.length >= limit) break;
  }
  return found.slice(0, limit);
}

/** A range in parts that are each complete and in order; never cuts through a millisecond. */
export async function* windows(
  query: WindowsQuery,
  rows: number,
  connection: InfluxConnection,
): AsyncGenerator<StoredReading[]> {
  let { from } = query.range;
  let limit = rows;
  while (from < query.range.to) {
    const window = await readWindow(query, { from, to: query.range.to }, limit, connection);
    if (window.completeTo > from) {
      yield window.readings;
      from = window.completeTo;
    } else {
      limit *= 2;
      if (limit > maxRowsAtOnce) {
        throw queryTooLarge(
          `${query.deviceKey} has more than ${maxRowsAtOnce} readings in one millisecond, at ${from}.`,
        );
      }
    }
  }
}

async function readWindow(
  { deviceKey, metrics, ownSeriesOnly = false }: Omit<WindowsQuery, 'range'>,
  range: TimeRange,
  limit: number,
  connection: InfluxConnection,
): Promise<Window> {
  const where = `${anyOf('device', [deviceKey])} AND ${within(range)}`;
  const rest = `ORDER BY time LIMIT ${limit}`;
  const selected = metrics ? ` AND ${anyOf('metric', metrics)}` : '';
  const [own, shared] = await Promise.all([
    connection.ask(`SELECT ${readingColumns} FROM ${measurements.readings} WHERE ${where}${selected} ${rest}`),
    ownSeriesOnly
      ? []
      : connection.ask(`SELECT ${overflowColumns} FROM ${measurements.overflow} WHERE ${where} ${rest}`),
  ]);
  const completeTo = Math.min(completeUpTo(own, limit, range.to), completeUpTo(shared, limit, range.to));
  const wanted = metrics && new Set(metrics);
  const readings = [...own.flatMap((s) => [...storedReadings(s)]), ...shared.flatMap((s) => [...overflowReadings(s)])];
  return {
    readings: visibleReadings(
      readings.filter((one) => one.observedAt < completeTo && (!wanted || wanted.has(one.metric))),
    ),
    completeTo,
  };
}

/** An answer that met its limit may have left out a part of its last millisecond. */
function completeUpTo(series: readonly Series[], limit: number, to: number): number {
  const rows = series.reduce((sum, { values }) => sum + values.length, 0);
  if (rows < limit) return to;
  return Number(series.at(-1)?.values.at(-1)?.[0]);
}
