import type { DuckDBValue } from '@duckdb/node-api';
import { messageIdOf, type ReadingValue } from '#libs/contracts';
import { type StoredReading, type TelemetryStore, withoutSequence } from '../telemetry-store.port.js';
import type { Dictionary } from './dictionary.js';
import type { LatestCell } from './latest-map.js';
import { late, type Part, type Parts } from './parts.js';
import type { QueryPool } from './query-pool.js';
import { placeOf, valueKinds } from './reading-rows.js';
import { laneAndPartition, none, partColumns } from './schema.js';

type RangeQuery = Parameters<TelemetryStore['range']>[0];

const columns = partColumns.readings.map((c) => c.name);
/** The identity of a reading within its device and metric; without a sequence number the message is part of it. */
export const identity = `device, metric, observed_at, seq,
  CASE WHEN seq = ${none} THEN source END, CASE WHEN seq = ${none} THEN position END, CASE WHEN seq = ${none} THEN slot END`;
/** Of one identity the highest revision counts; of equal ones, the one stored first. */
export const bestFirst = 'revision DESC, stored_at, position, slot';

/** The rows of parts that meet a condition, each identity once; only parts under suspicion pay for that. */
export function readingsSql(parts: readonly Part[], where: string | ((part: Part) => string)): string {
  const condition = typeof where === 'string' ? () => where : where;
  const all = parts
    .map((p) => `SELECT ${columns.join(', ')} FROM ${p.name} WHERE ${condition(p)}`)
    .join('\nUNION ALL\n');
  if (!parts.some((p) => p.suspect)) return all;
  return `SELECT * FROM (${all}) QUALIFY row_number() OVER (PARTITION BY ${identity} ORDER BY ${bestFirst}) = 1`;
}

/** Reads a range of one device from its parts, a few of them at a time until `limit` is met. */
export async function readRange(
  query: RangeQuery,
  pool: QueryPool,
  parts: Parts,
  dictionary: Dictionary,
): Promise<StoredReading[]> {
  const device = dictionary.find('device', query.deviceKey);
  const metrics = query.metrics?.flatMap((name) => dictionary.find('metric', name) ?? []);
  if (device === undefined || metrics?.length === 0) return [];
  const after = afterSql(query.after, dictionary);
  const from = Math.max(query.range.from, query.after?.observedAt ?? query.range.from);
  const found: StoredReading[] = [];
  const selected = metrics ? ` AND metric IN (${metrics.join(', ')})` : '';
  for (const window of windows(parts.overlapping('readings', from, query.range.to), from, query.range.to)) {
    const where = `device = ${device}${selected} AND observed_at >= ${window.from}::DOUBLE AND observed_at < ${window.to}::DOUBLE${after}`;
    const sql = `SELECT * FROM (${readingsSql(window.parts, where)})
      ORDER BY observed_at, seq, metric, position, slot LIMIT ${query.limit - found.length}`;
    for (const row of rowsOf(await pool.run(sql))) found.push(storedReading(query.deviceKey, row, dictionary));
    if (found.length >= query.limit) break;
  }
  return found;
}

/** Cuts a range where its parts begin, into windows of more and more parts; a late part belongs to every window it meets. */
export function windows(
  parts: readonly Part[],
  from: number,
  to: number,
): { from: number; to: number; parts: Part[] }[] {
  const days = [...new Set(parts.filter((p) => p.day !== late).map((p) => p.from))]
    .filter((at) => at > from)
    .sort((a, b) => a - b);
  const cut: { from: number; to: number; parts: Part[] }[] = [];
  let start = from;
  for (let size = 1; start < to; size *= 2) {
    const end = days.splice(0, size).at(-1) ?? to;
    const meeting = parts.filter((p) => p.from < end && p.to > start);
    if (meeting.length > 0) cut.push({ from: start, to: end, parts: meeting });
    start = end;
  }
  return cut;
}

/** The rows of a result as latest cells. */
export function* rowsOf(result: DuckDBValue[][]): Generator<LatestCell> {
  const [, metric, observedAt, seq, revision, kind, value, text, quality, receivedAt, storedAt] = result as number[][];
  const [deviceTime, source, position, slot] = result.slice(11) as number[][];
  for (let row = 0; row < (metric?.length ?? 0); row += 1) {
    yield {
      metric: metric?.[row] ?? 0,
      observedAt: observedAt?.[row] ?? 0,
      seq: seq?.[row] ?? 0,
      revision: revision?.[row] ?? 0,
      kind: kind?.[row] ?? 0,
      value: value?.[row] ?? 0,
      text: String(text?.[row] ?? ''),
      quality: quality?.[row] ?? 0,
      receivedAt: receivedAt?.[row] ?? 0,
      storedAt: storedAt?.[row] ?? 0,
      deviceTime: deviceTime?.[row] ?? 0,
      source: source?.[row] ?? 0,
      position: position?.[row] ?? 0,
      slot: slot?.[row] ?? 0,
    };
  }
}

/** A row as the port shows it. */
export function storedReading(deviceKey: string, cell: LatestCell, dictionary: Dictionary): StoredReading {
  const { lane, partition } = laneAndPartition(cell.source);
  return {
    deviceKey,
    metric: dictionary.nameOf('metric', cell.metric),
    value: readingValue(cell),
    quality: cell.quality,
    observedAt: cell.observedAt,
    receivedAt: cell.receivedAt,
    storedAt: cell.storedAt,
    deviceTime: cell.deviceTime === none ? undefined : cell.deviceTime,
    seq: cell.seq === none ? undefined : cell.seq,
    revision: cell.revision,
    messageId: messageIdOf(lane, partition, cell.position, cell.slot),
  };
}

function readingValue(cell: LatestCell): ReadingValue {
  switch (cell.kind) {
    case valueKinds.number:
      return cell.value;
    case valueKinds.boolean:
      return cell.value !== 0;
    case valueKinds.string:
      return cell.text;
    default:
      return JSON.parse(cell.text) as ReadingValue;
  }
}

function afterSql(after: RangeQuery['after'], dictionary: Dictionary): string {
  if (!after) return '';
  const metric = dictionary.find('metric', after.metric) ?? 0;
  // Where there is a sequence number the message is no part of the identity: another one brings the same reading again.
  const place = after.seq === withoutSequence && after.messageId !== undefined ? placeOf(after.messageId) : undefined;
  const message = place
    ? ` OR (metric = ${metric} AND (position > ${place.position}::DOUBLE OR (position = ${place.position}::DOUBLE AND slot > ${place.slot})))`
    : '';
  const at = `${after.observedAt}::DOUBLE`;
  const seq = `${after.seq}::DOUBLE`;
  return ` AND (observed_at > ${at} OR (observed_at = ${at} AND (seq > ${seq} OR (seq = ${seq} AND (metric > ${metric}${message})))))`;
}
