import type { NormalisedMessage, Reading } from '#libs/contracts';
import type { Clock } from '#libs/runtime';
import type { Day, DayCalendar } from '../day-calendar.js';
import { decodePart, encodePart, rowsPerPart, type StoredPart, type StoredRollup } from '../stored-part.js';
import type { StoredFrame, StoredReading } from '../telemetry-store.port.js';
import { within } from './conditions.js';
import { rollupsOf } from './downsample-query.js';
import { columns as frameColumns, storedFrames } from './frame-query.js';
import type { InfluxConnection } from './influx-connection.js';
import type { PointWriter } from './point-writer.js';
import { MessageLines } from './reading-lines.js';
import { overflowColumns, overflowReadings, readingColumns, storedReadings } from './reading-rows.js';
import { storableRollup } from './rollup.js';
import type { RollupBooks } from './rollup-books.js';
import { lineOf } from './rollup-maker.js';
import { measurements } from './schema.js';
import type { StoreBooks } from './store-books.js';
import { textOfTag } from './tag-text.js';

/** All of a day's rows in one answer, as they stream in. */
const dayTimeoutMs = 3_600_000;
const rollupMeasurements = { hour: measurements.rollupHours, day: measurements.rollupDays } as const;

/** Reads all of the store for a backup, day by day, and writes a backup into an empty one. */
export class StoreBackup {
  private running: AsyncGenerator<Uint8Array> | undefined;

  constructor(
    private readonly connection: InfluxConnection,
    private readonly writer: PointWriter,
    private readonly books: StoreBooks,
    private readonly rollupBooks: RollupBooks,
    private readonly calendar: DayCalendar,
    private readonly clock: Clock,
  ) {}

  /** The next piece, the first one where `begin`; undefined after the last. */
  async exportPart(begin: boolean): Promise<Uint8Array | undefined> {
    if (begin) {
      await this.running?.return(undefined);
      this.running = this.pieces();
    }
    const piece = await this.running?.next();
    return piece?.done ? undefined : piece?.value;
  }

  /** Durable when it resolves. Throws where InfluxDB cannot hold something of it, and names that. */
  async importPart(encoded: Uint8Array): Promise<void> {
    const piece = decodePart(encoded);
    if (piece.kind === 'rollups') return await this.takeRollups(piece.rows);
    if (piece.kind === 'kept') return await this.rollupBooks.enterGone(piece.rows[0] as (typeof piece.rows)[number]);
    await this.books.learn(this.clock.now());
    const { admission } = this.books;
    const lines = new MessageLines(0, (deviceKey, metric) => admission.admit(deviceKey, metric));
    if (piece.kind === 'readings') addReadings(lines, piece.rows);
    if (piece.kind === 'frames') addFrames(lines, piece.rows);
    const refused = [...lines.refused, ...(await this.writer.write(lines.points))];
    const [first] = refused;
    if (first) {
      const { deviceKey, messageId } = first.point.message;
      throw new Error(
        `InfluxDB cannot hold ${refused.length} points of the backup, the first of message ${messageId} of device ${deviceKey}: ${first.detail}`,
      );
    }
    await this.books.enter(piece.kind === 'positions' ? piece.rows : [], lines, this.clock.now());
  }

  private async *pieces(): AsyncGenerator<Uint8Array> {
    // Asked first: what is stored after it is no part of the backup, and what is read of it is there twice later, as one.
    const positions = await this.books.positions();
    for (const day of await this.days()) {
      yield* inPieces('readings', this.readingsOf(day));
      yield* inPieces('frames', this.framesOf(day));
    }
    // Asked last: readings that have been deleted meanwhile are rolled up.
    const gone = await this.rollupBooks.gone();
    if (gone) yield encodePart({ kind: 'kept', rows: [gone] });
    for (const at of gone?.days ?? []) yield* inPieces('rollups', this.rollupsOf(this.calendar.dayOf(at)));
    yield encodePart({ kind: 'positions', rows: positions });
  }

  private async takeRollups(rows: readonly StoredRollup[]): Promise<void> {
    const lines = rows.map(({ resolution, deviceKey, metric, ...rollup }) => ({
      line: lineOf(rollupMeasurements[resolution], deviceKey, metric, storableRollup(rollup)),
    }));
    const [refused] = await this.writer.write(lines);
    if (refused) throw new Error(`InfluxDB refuses a roll-up of the backup: ${refused.detail}`);
  }

  private async days(): Promise<Day[]> {
    const marked = await this.connection.ask(`SELECT "marked" FROM ${measurements.days}`);
    return marked.flatMap(({ values }) => values.map(([at]) => this.calendar.dayOf(Number(at))));
  }

  private async *readingsOf(day: Day): AsyncGenerator<StoredReading> {
    const own = `SELECT ${readingColumns} FROM ${measurements.readings} WHERE ${within(day)}`;
    for await (const series of this.connection.stream(own, dayTimeoutMs)) yield* storedReadings(series);
    const shared = `SELECT ${overflowColumns} FROM ${measurements.overflow} WHERE ${within(day)}`;
    for await (const series of this.connection.stream(shared, dayTimeoutMs)) yield* overflowReadings(series);
  }

  /** Every one of a day whose readings are gone. */
  private async *rollupsOf(day: Day): AsyncGenerator<StoredRollup> {
    for (const resolution of ['hour', 'day'] as const) {
      const statement = `SELECT * FROM ${rollupMeasurements[resolution]} WHERE ${within(day)} GROUP BY "device", "metric"`;
      for await (const series of this.connection.stream(statement, dayTimeoutMs)) {
        const [deviceKey, metric] = [textOfTag(series.tags?.device ?? ''), textOfTag(series.tags?.metric ?? '')];
        for (const rollup of rollupsOf(series))
          if (rollup.readings > 0) yield { resolution, deviceKey, metric, ...rollup };
      }
    }
  }

  private async *framesOf(day: Day): AsyncGenerator<StoredFrame> {
    const statement = `SELECT ${frameColumns} FROM ${measurements.frames} WHERE ${within(day)} GROUP BY "device"`;
    for await (const series of this.connection.stream(statement, dayTimeoutMs)) {
      yield* storedFrames(textOfTag(series.tags?.device ?? ''), series);
    }
  }
}

/** Cuts rows into pieces, but never through a report: what a device's shared series keeps in one point is written as one. */
async function* inPieces<T extends StoredReading | StoredFrame | StoredRollup>(
  kind: 'readings' | 'frames' | 'rollups',
  rows: AsyncIterable<T>,
): AsyncGenerator<Uint8Array> {
  let piece: T[] = [];
  for await (const row of rows) {
    const last = piece.at(-1);
    if (piece.length >= rowsPerPart && last && reportOf(last) !== reportOf(row)) {
      yield encodePart({ kind, rows: piece } as unknown as StoredPart);
      piece = [];
    }
    piece.push(row);
  }
  if (piece.length > 0) yield encodePart({ kind, rows: piece } as unknown as StoredPart);
}

/** What tells the reports of a device apart. */
function reportOf(row: StoredReading | StoredFrame | StoredRollup): string {
  if ('resolution' in row) return `${row.deviceKey} ${row.metric} ${row.at}`;
  if (!('metric' in row)) return row.messageId;
  const { deviceKey, messageId, observedAt, seq, revision, deviceTime, storedAt } = row;
  return `${deviceKey} ${messageId} ${observedAt} ${seq} ${revision} ${deviceTime} ${storedAt}`;
}

function addReadings(lines: MessageLines, rows: readonly StoredReading[]): void {
  const reports = new Map<string, { first: StoredReading; readings: Reading[] }>();
  for (const row of rows) {
    const { metric, value, quality } = row;
    const report = reports.get(reportOf(row)) ?? { first: row, readings: [] };
    report.readings.push({ metric, value, quality });
    reports.set(reportOf(row), report);
  }
  for (const { first, readings } of reports.values()) {
    const { observedAt, seq, revision, deviceTime } = first;
    lines.storedAt = first.storedAt;
    lines.addReports({ ...messageOf(first), reports: [{ observedAt, seq, revision, deviceTime, readings }] });
  }
}

function addFrames(lines: MessageLines, rows: readonly StoredFrame[]): void {
  for (const row of rows) {
    const { productKey, productVersion, outcome, reason, decoder, bytes: frame } = row;
    lines.storedAt = row.storedAt;
    lines.addFrame({ ...messageOf(row), productKey, productVersion, outcome, reason, decoder, frame });
  }
}

/** As much of a message as a row has of it; no tag and no field is made of the rest. */
function messageOf({ deviceKey, messageId, receivedAt }: StoredReading | StoredFrame): NormalisedMessage {
  return {
    messageId,
    tenantKey: '',
    deviceKey,
    productKey: '',
    productVersion: 0,
    receivedAt,
    outcome: 'decoded',
    reason: '',
    decoder: '',
    frame: new Uint8Array(0),
    reports: [],
  };
}
