import { unjudgeable } from '#libs/contracts';
import { hourMs, type Stretch } from '../series-plan.js';
import type { Resolution, TimeRange } from '../telemetry-store.port.js';
import type { Part } from './parts.js';
import { readingsSql } from './reading-query.js';
import { valueKinds } from './reading-rows.js';
import { rollupColumns, rollupTables } from './schema.js';

const columns = rollupColumns.join(', ');
/** A counter's growth from the number before: a fall below half of it counts from 0, a smaller one as it is. */
const growthFrom = (before: string) => `CASE WHEN opening < ${before} / 2 THEN opening ELSE opening - ${before} END`;
/** The growth that a row adds to the one before it: up to its first number, and what is in it. */
export const growthSince = `CASE WHEN before IS NULL THEN growth ELSE coalesce(growth, 0) + ${growthFrom('before')} END`;

/** Readings of parts that a rule may judge, each as the roll-up of itself, with what tells their order at one time. */
export function singleReadingsSql(parts: readonly Part[], where: string | ((part: Part) => string)): string {
  const number = `kind <= ${valueKinds.boolean}`;
  const value = `CASE WHEN ${number} THEN value END`;
  const at = `CASE WHEN ${number} THEN observed_at END`;
  // Doubts are weighed after revisions: a correction that is out of range hides what it corrects all the same.
  return `SELECT device, metric, observed_at AS begins_at, 1 AS readings, CASE WHEN ${number} THEN 1 ELSE 0 END AS numbers,
      ${value} AS total, ${value} AS least, ${value} AS greatest, ${value} AS opening, ${at} AS opened_at, ${value} AS closing,
      ${at} AS closed_at, NULL::DOUBLE AS growth, seq, position, slot
    FROM (${readingsSql(parts, where)}) WHERE quality & ${unjudgeable} = 0`;
}

/** Roll-ups that begin in one of the stretches, in the columns of `singleReadingsSql`. */
export function rollupsSql(
  resolution: Exclude<Resolution, 'reading'>,
  stretches: readonly Stretch[],
  where: string,
): string {
  return `SELECT ${columns}, 0::DOUBLE AS seq, 0::DOUBLE AS position, 0 AS slot
    FROM ${rollupTables[resolution]} WHERE ${where} AND ${withinSql('begins_at', stretches)}`;
}

/** The order of rows of one device's metric. */
export const inOrder = 'begins_at, seq, position, slot';

/** Makes the roll-ups of a day's hours. */
export function hoursSql(rows: string, day: TimeRange): string {
  const hour = `${day.from}::DOUBLE + floor((begins_at - ${day.from}::DOUBLE) / ${hourMs}) * ${hourMs}`;
  return mergedSql(rows, hour);
}

/** Makes the roll-ups of a day from those of its hours. */
export function daySql(day: TimeRange, where: string): string {
  return mergedSql(rollupsSql('hour', [{ resolution: 'hour', ...day }], where), `${day.from}::DOUBLE`);
}

/** A condition for times in any of the ranges. */
export function withinSql(column: string, ranges: readonly TimeRange[]): string {
  const within = ({ from, to }: TimeRange) => `${column} >= ${from}::DOUBLE AND ${column} < ${to}::DOUBLE`;
  const [only] = ranges;
  if (!only) return 'false';
  return ranges.length === 1 ? within(only) : `(${ranges.map((range) => `(${within(range)})`).join(' OR ')})`;
}

/** Merges rows that follow each other into one of each device, metric and `bucket`. */
function mergedSql(rows: string, bucket: string): string {
  return `SELECT device, metric, bucket, sum(readings)::INTEGER, sum(numbers)::INTEGER, sum(total), min(least), max(greatest),
      max(opening) FILTER (before IS NULL), min(opened_at), max(closing) FILTER (after IS NULL), max(closed_at),
      sum(${growthSince})
    FROM (SELECT *, lag(closing) OVER following AS before, lead(opening) OVER following AS after
          FROM (SELECT *, ${bucket} AS bucket FROM (${rows}))
          WINDOW following AS (PARTITION BY device, metric, bucket, numbers > 0 ORDER BY ${inOrder}))
    GROUP BY device, metric, bucket ORDER BY device, metric`;
}
