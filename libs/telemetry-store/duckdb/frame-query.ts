import type { DuckDBBlobValue, DuckDBValue } from '@duckdb/node-api';
import { type FrameOutcome, frameOutcomes, messageIdOf } from '#libs/contracts';
import type { StoredFrame, TelemetryStore } from '../telemetry-store.port.js';
import type { Dictionary } from './dictionary.js';
import type { Part, Parts } from './parts.js';
import type { QueryPool } from './query-pool.js';
import { windows } from './reading-query.js';
import { placeOf } from './reading-rows.js';
import { laneAndPartition, partColumns } from './schema.js';

type FramesQuery = Parameters<TelemetryStore['frames']>[0];

const columns = partColumns.frames.map((c) => c.name).join(', ');
const newestFirst = 'received_at DESC, source DESC, position DESC, slot DESC';
const partsPerLookUp = 16;

/** Frames of one device, newest first; of one message, the outcome stored last. */
export async function readFrames(
  query: FramesQuery,
  pool: QueryPool,
  parts: Parts,
  dictionary: Dictionary,
): Promise<StoredFrame[]> {
  const device = dictionary.find('device', query.deviceKey);
  if (device === undefined) return [];
  const to = Math.min(query.range.to, query.before ? query.before.receivedAt + 1 : query.range.to);
  const before = beforeSql(query.before);
  const found: StoredFrame[] = [];
  for (const window of newestWindows(parts.overlapping('frames', query.range.from, to), query.range.from, to)) {
    const where = `device = ${device} AND received_at >= ${window.from}::DOUBLE AND received_at < ${window.to}::DOUBLE${before}`;
    const sql = `${framesSql(window.parts, where)} ORDER BY ${newestFirst} LIMIT ${query.limit - found.length}`;
    found.push(...framesOf(query.deviceKey, await pool.run(sql), dictionary));
    if (found.length >= query.limit) break;
  }
  return found;
}

/** One frame, looked for from the newest part back. */
export async function readFrame(
  deviceKey: string,
  messageId: string,
  pool: QueryPool,
  parts: Parts,
  dictionary: Dictionary,
): Promise<StoredFrame | undefined> {
  const device = dictionary.find('device', deviceKey);
  if (device === undefined) return undefined;
  const place = placeOf(messageId);
  const where = `device = ${device} AND source = ${place.source} AND position = ${place.position}::DOUBLE AND slot = ${place.slot}`;
  const all = parts.overlapping('frames', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).reverse();
  for (let at = 0; at < all.length; at += partsPerLookUp) {
    const sql = framesSql(all.slice(at, at + partsPerLookUp), where);
    const [frame] = framesOf(deviceKey, await pool.run(sql), dictionary);
    if (frame) return frame;
  }
  return undefined;
}

function framesSql(parts: readonly Part[], where: string): string {
  const all = parts.map((p) => `SELECT ${columns} FROM ${p.name} WHERE ${where}`).join('\nUNION ALL\n');
  return `SELECT * FROM (${all}) QUALIFY row_number() OVER (PARTITION BY source, position, slot ORDER BY stored_at DESC) = 1`;
}

/** As `windows`, from the newest back. */
function newestWindows(
  parts: readonly Part[],
  from: number,
  to: number,
): { from: number; to: number; parts: Part[] }[] {
  const mirrored = parts.map((part) => ({ ...part, from: -part.to, to: -part.from, day: part.day }));
  return windows(mirrored, -to, -from).map((window) => ({ from: -window.to, to: -window.from, parts: window.parts }));
}

function beforeSql(before: FramesQuery['before']): string {
  if (!before) return '';
  const place = placeOf(before.messageId);
  const at = `${before.receivedAt}::DOUBLE`;
  const position = `${place.position}::DOUBLE`;
  return ` AND (received_at < ${at} OR (received_at = ${at} AND (source < ${place.source} OR (source = ${place.source}
    AND (position < ${position} OR (position = ${position} AND slot < ${place.slot}))))))`;
}

/** The rows of a result as frames of a device. */
export function framesOf(deviceKey: string, result: DuckDBValue[][], dictionary: Dictionary): StoredFrame[] {
  const [, receivedAt, source, position, slot, product, productVersion, outcome, reason, decoder, storedAt] =
    result as number[][];
  const bytes = (result[11] ?? []) as DuckDBBlobValue[];
  return bytes.map((blob, row) => {
    const { lane, partition } = laneAndPartition(source?.[row] ?? 0);
    return {
      messageId: messageIdOf(lane, partition, position?.[row] ?? 0, slot?.[row] ?? 0),
      deviceKey,
      productKey: dictionary.nameOf('product', product?.[row] ?? 0),
      productVersion: productVersion?.[row] ?? 0,
      receivedAt: receivedAt?.[row] ?? 0,
      storedAt: storedAt?.[row] ?? 0,
      outcome: frameOutcomes[outcome?.[row] ?? 0] as FrameOutcome,
      reason: dictionary.nameOf('reason', reason?.[row] ?? 0),
      decoder: dictionary.nameOf('decoder', decoder?.[row] ?? 0),
      // A copy of its own: bytes of a result are views into memory that DuckDB reuses.
      bytes: Uint8Array.from(blob.bytes),
    };
  });
}
