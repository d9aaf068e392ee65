import {
  DOUBLE,
  type DuckDBAppender,
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDataChunk,
  INTEGER,
} from '@duckdb/node-api';
import { frameOutcomes, type NormalisedMessage } from '#libs/contracts';
import type { DayTargets } from './day-targets.js';
import type { Dictionary } from './dictionary.js';
import type { LatestMap } from './latest-map.js';
import type { Part } from './parts.js';
import { emptyCell, fillCell, type MessagePlace } from './reading-rows.js';
import { addReading, frameColumns, type ReadingBuffer, RowBuffer, readingColumns } from './row-buffer.js';
import { cursorColumns } from './schema.js';
import type { Cursor, DecodedBatch } from './store-protocol.js';

type FrameBuffer = RowBuffer<ReturnType<typeof frameColumns>>;

/** Writes groups of entries: rows, new names and the positions reached, all in one transaction or not at all. */
export class GroupWriter {
  private readonly readings = new Map<Part, ReadingBuffer>();
  private readonly frames = new Map<Part, FrameBuffer>();
  private readonly unsavedSuspects = new Set<Part>();
  private readonly cell = emptyCell();
  private cursors: DuckDBAppender | undefined;
  /** Epoch milliseconds of the last commit; never goes back, so that the latest map can catch up by it. */
  storedAt = 0;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly dictionary: Dictionary,
    private readonly latest: LatestMap,
    private readonly targets: DayTargets,
  ) {}

  /** Durable when it resolves; nothing of it is kept when it rejects. `batches` are new and in order. */
  async write(batches: readonly DecodedBatch[], now: number): Promise<void> {
    if (batches.length === 0) return;
    this.storedAt = Math.max(this.storedAt, now);
    await this.targets.choose(batches, now);
    const rows = new Map<Part, number>();
    await this.connection.run('BEGIN');
    try {
      for (const batch of batches) {
        for (const [index, message] of batch.messages.entries()) {
          await this.add(message, batch.places[index] as MessagePlace, rows);
        }
      }
      await this.dictionary.save(this.connection);
      for (const part of rows.keys()) (part.kind === 'readings' ? this.readings : this.frames).get(part)?.flush();
      await this.saveSuspects();
      await this.saveCursors(batches);
      await this.connection.run('COMMIT');
    } catch (error) {
      await this.undo();
      throw error;
    }
    this.dictionary.saved();
    this.unsavedSuspects.clear();
    for (const [part, count] of rows) part.rows += count;
  }

  /** Lets go of the table of positions, which is about to be replaced. */
  releaseCursors(): void {
    this.cursors?.closeSync();
    this.cursors = undefined;
  }

  /** Lets go of a part that is not appended to any more. */
  release(part: Part): void {
    this.readings.get(part)?.close();
    this.readings.delete(part);
    this.frames.get(part)?.close();
    this.frames.delete(part);
  }

  private async add(message: NormalisedMessage, place: MessagePlace, rows: Map<Part, number>): Promise<void> {
    const device = this.dictionary.idOf('device', message.deviceKey);
    const framePart = this.targets.partFor('frames', message.receivedAt);
    const frames = this.frames.get(framePart) ?? (await this.openFrames(framePart));
    const row = frames.next();
    const frame = frames.columns;
    frame.device[row] = device;
    frame.receivedAt[row] = message.receivedAt;
    frame.source[row] = place.source;
    frame.position[row] = place.position;
    frame.slot[row] = place.slot;
    frame.product[row] = this.dictionary.idOf('product', message.productKey);
    frame.productVersion[row] = message.productVersion;
    frame.outcome[row] = frameOutcomes.indexOf(message.outcome);
    frame.reason[row] = message.reason === '' ? 0 : this.dictionary.idOf('reason', message.reason);
    frame.decoder[row] = message.decoder === '' ? 0 : this.dictionary.idOf('decoder', message.decoder);
    frame.storedAt[row] = this.storedAt;
    frame.bytes[row] = new DuckDBBlobValue(message.frame);
    rows.set(framePart, (rows.get(framePart) ?? 0) + 1);
    for (const report of message.reports) {
      const part = this.targets.partFor('readings', report.observedAt);
      const buffer = this.readings.get(part) ?? (await this.openReadings(part));
      const cell = this.cell;
      cell.storedAt = this.storedAt;
      for (const reading of report.readings) {
        fillCell(cell, message, place, report, reading);
        cell.metric = this.dictionary.idOf('metric', reading.metric);
        if (!this.latest.offer(device, cell) && !part.suspect) this.suspect(part);
        addReading(buffer, device, cell);
      }
      rows.set(part, (rows.get(part) ?? 0) + report.readings.length);
    }
  }

  private suspect(part: Part): void {
    part.suspect = true;
    this.unsavedSuspects.add(part);
  }

  private async saveSuspects(): Promise<void> {
    for (const part of this.unsavedSuspects) {
      await this.connection.run(`UPDATE parts SET suspect = true WHERE name = '${part.name}'`);
    }
  }

  /** Rows, not an update: a statement to plan would cost more than all the rest of a small commit. */
  private async saveCursors(batches: readonly DecodedBatch[]): Promise<void> {
    const reached = new Map<number, Cursor>();
    for (const { source, cursor } of batches) reached.set(source, cursor);
    this.cursors ??= await this.connection.createAppender('cursors');
    const chunk = DuckDBDataChunk.create([INTEGER, ...cursorColumns.map(() => DOUBLE)]);
    const cursors = [...reached.values()];
    chunk.setColumns([[...reached.keys()], ...cursorColumns.map((name) => cursors.map((cursor) => cursor[name]))]);
    this.cursors.appendDataChunk(chunk);
    this.cursors.flushSync();
  }

  private async undo(): Promise<void> {
    this.cursors?.clear();
    for (const buffer of [...this.readings.values(), ...this.frames.values()]) buffer.discard();
    // Where COMMIT itself failed there is nothing left to roll back; the first error is the one to tell.
    await this.connection.run('ROLLBACK').catch(() => undefined);
  }

  private async openReadings(part: Part): Promise<ReadingBuffer> {
    const appender = await this.connection.createAppender(part.name);
    const buffer = new RowBuffer('readings', readingColumns(), appender);
    this.readings.set(part, buffer);
    return buffer;
  }

  private async openFrames(part: Part): Promise<FrameBuffer> {
    const appender = await this.connection.createAppender(part.name);
    const buffer = new RowBuffer('frames', frameColumns(), appender);
    this.frames.set(part, buffer);
    return buffer;
  }
}
