import type { FrameOutcome } from '#libs/contracts';
import { queryTooLarge } from '../telemetry-store.errors.js';
import type { StoredFrame, TelemetryStore } from '../telemetry-store.port.js';
import { anyOf, within } from './conditions.js';
import type { InfluxConnection, Series } from './influx-connection.js';
import { columnsOf, compareMessages } from './reading-rows.js';
import { measurements } from './schema.js';
import { textOfTag } from './tag-text.js';

type FramesQuery = Parameters<TelemetryStore['frames']>[0];

/** What a query must select for `storedFrames`. */
export const columns = '"message", "about", "bytes"';
const spareRows = 16;
const maxRowsAtOnce = 20_000;

/** Frames of one device, newest first; of one millisecond, in the order of the stream. */
export async function readFrames(query: FramesQuery, connection: InfluxConnection): Promise<StoredFrame[]> {
  const { deviceKey, range, before, limit } = query;
  const found: StoredFrame[] = [];
  let to = Math.min(range.to, before ? before.receivedAt + 1 : range.to);
  let rows = limit + spareRows;
  while (to > range.from && found.length < limit) {
    const where = `${anyOf('device', [deviceKey])} AND ${within({ from: range.from, to })}`;
    const statement = `SELECT ${columns} FROM ${measurements.frames} WHERE ${where} ORDER BY time DESC LIMIT ${rows}`;
    const frames = (await connection.ask(statement)).flatMap((series) => [...storedFrames(deviceKey, series)]);
    const completeFrom = frames.length < rows ? range.from : (frames.at(-1)?.receivedAt ?? range.from) + 1;
    if (completeFrom < to) {
      const complete = frames.filter((frame) => frame.receivedAt >= completeFrom);
      found.push(...complete.sort(newestFirst).filter((frame) => !before || newestFirst(frame, before) > 0));
      to = completeFrom;
    } else {
      rows *= 2;
      if (rows > maxRowsAtOnce) {
        throw queryTooLarge(`${deviceKey} sent more than ${maxRowsAtOnce} frames in one millisecond, before ${to}.`);
      }
    }
  }
  return found.slice(0, limit);
}

/** One frame by its message. */
export async function readFrame(
  deviceKey: string,
  messageId: string,
  connection: InfluxConnection,
): Promise<StoredFrame | undefined> {
  const where = `${anyOf('device', [deviceKey])} AND ${anyOf('message', [messageId])}`;
  const series = await connection.ask(`SELECT ${columns} FROM ${measurements.frames} WHERE ${where} LIMIT 1`);
  return series.flatMap((one) => [...storedFrames(deviceKey, one)])[0];
}

/** The frames of an answer. */
export function* storedFrames(deviceKey: string, series: Series): Generator<StoredFrame> {
  const column = columnsOf(series);
  for (const row of series.values) {
    const about = String(column(row, 'about')).split(' ');
    const [product = '', version, outcome, reason = '', decoder = '', storedAt] = about;
    yield {
      messageId: String(column(row, 'message')),
      deviceKey,
      productKey: textOfTag(product),
      productVersion: Number(version),
      receivedAt: Number(row[0]),
      storedAt: Number(storedAt),
      outcome: outcome as FrameOutcome,
      reason: textOfTag(reason),
      decoder: textOfTag(decoder),
      bytes: Uint8Array.from(Buffer.from(String(column(row, 'bytes')), 'base64')),
    };
  }
}

type FramePlace = Pick<StoredFrame, 'receivedAt' | 'messageId'>;

function newestFirst(a: FramePlace, b: FramePlace): number {
  return b.receivedAt - a.receivedAt || compareMessages(b.messageId, a.messageId);
}
