import type { ReadingValue } from '#libs/contracts';
import { parseMessageId } from '#libs/contracts';
import { type StoredReading, withoutSequence } from '../telemetry-store.port.js';
import type { Row, Series } from './influx-connection.js';
import { textOfTag } from './tag-text.js';

/** What a query must select for `storedReadings`: tags as columns, because it is not grouped by them. */
export const readingColumns = '"value", "text", "about", "device", "metric", "kind"';
/** The same of `overflow`. */
export const overflowColumns = '"readings", "about", "device"';

/** The readings of an answer, as the port shows them; in its order, and with revisions that another hides. */
export function* storedReadings(series: Series): Generator<StoredReading> {
  const column = columnsOf(series);
  for (const row of series.values) {
    const kind = String(column(row, 'kind'));
    const known = {
      deviceKey: textOfTag(String(column(row, 'device'))),
      metric: textOfTag(String(column(row, 'metric'))),
    };
    yield reading(
      known,
      readingValue(kind, column(row, 'value'), column(row, 'text')),
      Number(row[0]),
      String(column(row, 'about')),
    );
  }
}

/** The same of metrics that share their device's series. */
export function* overflowReadings(series: Series): Generator<StoredReading> {
  const column = columnsOf(series);
  for (const row of series.values) {
    const deviceKey = textOfTag(String(column(row, 'device')));
    const packed = JSON.parse(String(column(row, 'readings'))) as [string, ReadingValue, number][];
    for (const [metric, value, quality] of packed) {
      const stored = reading({ deviceKey, metric }, value, Number(row[0]), String(column(row, 'about')));
      stored.quality = quality;
      yield stored;
    }
  }
}

/** Readings with each identity once, its highest revision, in order of (observedAt, seq, metric, message). */
export function visibleReadings(readings: Iterable<StoredReading>): StoredReading[] {
  const shown = new Map<string, StoredReading>();
  for (const one of readings) {
    const identity = `${one.observedAt} ${one.seq ?? one.messageId} ${one.metric}`;
    const other = shown.get(identity);
    if (!other || hides(one, other)) shown.set(identity, one);
  }
  return [...shown.values()].sort(compareReadings);
}

/** Of one identity the higher revision counts; of equal ones, the one stored first. */
function hides(one: StoredReading, other: StoredReading): boolean {
  if (one.revision !== other.revision) return one.revision > other.revision;
  return one.storedAt < other.storedAt;
}

/** What tells the place of a reading in the order of its device's. */
export type ReadingPlace = Pick<StoredReading, 'observedAt' | 'metric'> & { seq?: number; messageId?: string };

/** The order of readings of a device. */
export function compareReadings(a: ReadingPlace, b: ReadingPlace): number {
  if (a.observedAt !== b.observedAt) return a.observedAt - b.observedAt;
  const [seqA, seqB] = [a.seq ?? withoutSequence, b.seq ?? withoutSequence];
  if (seqA !== seqB) return seqA - seqB;
  if (a.metric !== b.metric) return a.metric < b.metric ? -1 : 1;
  return compareMessages(a.messageId, b.messageId);
}

/** The order of messages of a device: by lane, partition and position, then within the entry. */
export function compareMessages(a: string | undefined, b: string | undefined): number {
  const [one, other] = [parseMessageId(a ?? ''), parseMessageId(b ?? '')];
  if (!one || !other) return 0;
  if (one.lane !== other.lane) return one.lane < other.lane ? -1 : 1;
  return one.partition - other.partition || one.position - other.position || one.index - other.index;
}

/** Whether `a` is later than `b` of the same metric: by (observedAt, seq, revision), then by message. */
export function isLater(a: StoredReading, b: StoredReading): boolean {
  if (a.observedAt !== b.observedAt) return a.observedAt > b.observedAt;
  const [seqA, seqB] = [a.seq ?? withoutSequence, b.seq ?? withoutSequence];
  if (seqA !== seqB) return seqA > seqB;
  if (a.revision !== b.revision) return a.revision > b.revision;
  return compareMessages(a.messageId, b.messageId) > 0;
}

/** What a reading counts as in a series; undefined where it is only counted. */
export function numericValue({ value }: StoredReading): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' ? value : undefined;
}

/** Finds columns of rows by name, where tags of the series count as columns. */
export function columnsOf({ columns, tags }: Series): (row: Row, name: string) => Row[number] {
  const places = new Map(columns.map((name, place) => [name, place]));
  return (row, name) => {
    const place = places.get(name);
    return place === undefined ? (tags?.[name] ?? null) : (row[place] ?? null);
  };
}

function readingValue(kind: string, value: Row[number], text: Row[number]): ReadingValue {
  if (kind.endsWith('number')) return Number(value);
  if (kind.endsWith('boolean')) return value !== 0;
  if (kind.endsWith('text')) return String(text ?? '');
  return JSON.parse(String(text)) as ReadingValue;
}

function reading(
  known: { deviceKey: string; metric: string },
  value: ReadingValue,
  observedAt: number,
  about: string,
): StoredReading {
  const [quality, receivedAt, storedAt, messageId = '', revision, seq, deviceTime] = about.split(' ');
  return {
    ...known,
    value,
    quality: Number(quality),
    observedAt,
    receivedAt: Number(receivedAt),
    storedAt: Number(storedAt),
    deviceTime: optional(deviceTime),
    seq: optional(seq),
    revision: Number(revision),
    messageId,
  };
}

function optional(text: string | undefined): number | undefined {
  return text === undefined || text === '-' ? undefined : Number(text);
}
