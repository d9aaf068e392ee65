import { DuckDBBlobValue, type DuckDBConnection } from '@duckdb/node-api';
import { frameOutcomes } from '#libs/contracts';
import type { StoredKept, StoredPart, StoredRollup } from '../stored-part.js';
import type { StoredFrame, StoredReading, StoredUpTo } from '../telemetry-store.port.js';
import { inCalendar } from './day-targets.js';
import type { Dictionary } from './dictionary.js';
import type { GroupQueue } from './group-queue.js';
import type { GroupWriter } from './group-writer.js';
import type { LatestMap } from './latest-map.js';
import type { LatestSnapshot } from './latest-snapshot.js';
import { late, type Part, type Parts } from './parts.js';
import { emptyCell, fillCell, placeOf } from './reading-rows.js';
import { addRollups, enterKept } from './rollup-copy.js';
import type { Rollups } from './rollups.js';
import { addReading, frameColumns, RowBuffer, readingColumns } from './row-buffer.js';
import { cursorColumns, type PartKind, sourceOf } from './schema.js';
import { transaction } from './transaction.js';

/** Days filled at a time; one more, and the one filled longest ago is complete. */
const maxOpenParts = 16;
/** Days that a piece has fewer rows of are late data, unless they are being filled: a device's stray times make no tables. */
const bulkRows = 256;

interface StoreState {
  parts: Parts;
  dictionary: Dictionary;
  latest: LatestMap;
  writer: GroupWriter;
  queue: GroupQueue;
  snapshot: LatestSnapshot;
  rollups: Rollups;
}

/**
 * Takes pieces of a backup: rows of a day go to that day's part, as they were. Parts are suspect until compaction has been
 * through them, since a piece may hold an identity that another part of the backup holds as well.
 */
export class StoreImport {
  private readonly cell = emptyCell();
  private pieces = 0;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly state: StoreState,
  ) {}

  /** Durable when it resolves; nothing of the piece is kept when it rejects. Between two commits, and of roll-ups between two rounds of maintenance. */
  async take(piece: StoredPart): Promise<void> {
    this.pieces += 1;
    switch (piece.kind) {
      case 'readings':
        return this.store('readings', byDay(piece.rows, 'observedAt', this.state.parts), (part, rows) =>
          this.addReadings(part, rows),
        );
      case 'frames':
        return this.store('frames', byDay(piece.rows, 'receivedAt', this.state.parts), (part, rows) =>
          this.addFrames(part, rows),
        );
      case 'rollups':
        return this.rollUp(piece.rows);
      case 'kept':
        return this.keep(piece.rows);
      case 'positions':
        return this.reach(piece.rows);
    }
  }

  private async store<T extends { storedAt: number }>(
    kind: PartKind,
    days: ReadonlyMap<string, T[]>,
    add: (part: Part, rows: readonly T[]) => Promise<void>,
  ): Promise<void> {
    const { parts, dictionary, writer } = this.state;
    const targets = new Map<Part, T[]>();
    for (const [day, rows] of days) targets.set(await this.partOf(kind, day, timeOf(kind, rows[0])), rows);
    await transaction(this.connection, async () => {
      for (const [part, rows] of targets) await add(part, rows);
      await dictionary.save(this.connection);
      for (const part of targets.keys()) await parts.update(this.connection, part);
    });
    dictionary.saved();
    for (const [part, rows] of targets) {
      part.rows += rows.length;
      for (const { storedAt } of rows) writer.storedAt = Math.max(writer.storedAt, storedAt);
    }
  }

  private async partOf(kind: PartKind, day: string, at: number): Promise<Part> {
    const { parts } = this.state;
    let part = parts.open(kind, day);
    if (!part) {
      const open = parts.all().filter((p) => p.kind === kind && p.state === 'open');
      const oldest = open.sort((a, b) => a.touchedAt - b.touchedAt)[0];
      if (oldest && open.length >= maxOpenParts) {
        oldest.state = 'sealed';
        await parts.update(this.connection, oldest);
      }
      part = await parts.create(this.connection, kind, day === late ? undefined : parts.dayOf(at));
    }
    // By number of piece, not by time: the first round of maintenance finds every day complete.
    Object.assign(part, { suspect: true, touchedAt: this.pieces });
    return part;
  }

  private async addReadings(part: Part, rows: readonly StoredReading[]): Promise<void> {
    const { dictionary, latest } = this.state;
    const buffer = new RowBuffer('readings', readingColumns(), await this.connection.createAppender(part.name));
    for (const row of rows) {
      const device = dictionary.idOf('device', row.deviceKey);
      fillCell(this.cell, row, placeOf(row.messageId), row, row);
      this.cell.storedAt = row.storedAt;
      this.cell.metric = dictionary.idOf('metric', row.metric);
      latest.offer(device, this.cell);
      widen(part, row.observedAt);
      addReading(buffer, device, this.cell);
    }
    buffer.flush();
    buffer.close();
  }

  private async addFrames(part: Part, rows: readonly StoredFrame[]): Promise<void> {
    const { dictionary } = this.state;
    const buffer = new RowBuffer('frames', frameColumns(), await this.connection.createAppender(part.name));
    for (const row of rows) {
      const at = buffer.next();
      const { columns } = buffer;
      const place = placeOf(row.messageId);
      columns.device[at] = dictionary.idOf('device', row.deviceKey);
      columns.receivedAt[at] = row.receivedAt;
      columns.source[at] = place.source;
      columns.position[at] = place.position;
      columns.slot[at] = place.slot;
      columns.product[at] = dictionary.idOf('product', row.productKey);
      columns.productVersion[at] = row.productVersion;
      columns.outcome[at] = frameOutcomes.indexOf(row.outcome);
      columns.reason[at] = row.reason === '' ? 0 : dictionary.idOf('reason', row.reason);
      columns.decoder[at] = row.decoder === '' ? 0 : dictionary.idOf('decoder', row.decoder);
      columns.storedAt[at] = row.storedAt;
      columns.bytes[at] = new DuckDBBlobValue(row.bytes);
      widen(part, row.receivedAt);
    }
    buffer.flush();
    buffer.close();
  }

  private async rollUp(rows: readonly StoredRollup[]): Promise<void> {
    const { dictionary, rollups } = this.state;
    await transaction(this.connection, async () => {
      await addRollups(this.connection, rows, dictionary);
      await dictionary.save(this.connection);
    });
    dictionary.saved();
    await rollups.load();
  }

  private async keep([kept]: readonly StoredKept[]): Promise<void> {
    if (!kept) return;
    const { parts, rollups, snapshot } = this.state;
    await transaction(this.connection, () => enterKept(this.connection, kept, parts));
    await snapshot.deleteBefore(kept.reading);
    await rollups.load();
  }

  private async reach(positions: readonly StoredUpTo[]): Promise<void> {
    for (const one of positions) {
      // NULL: not counted yet, see `upgrades`.
      const known = (name: (typeof cursorColumns)[number]) => name === 'position' || !one.uncounted;
      const values = cursorColumns.map((name) => (known(name) ? `${one[name]}::DOUBLE` : 'NULL')).join(', ');
      await this.connection.run(`INSERT INTO cursors VALUES (${sourceOf(one.lane, one.partition)}, ${values})`);
    }
    await this.state.queue.load();
  }
}

/** Rows by the local day that they belong to; `late` for times that no calendar has. */
function byDay<K extends 'observedAt' | 'receivedAt', T extends Record<K, number>>(
  rows: readonly T[],
  time: K,
  parts: Parts,
): Map<string, T[]> {
  const days = new Map<string, T[]>();
  const add = (name: string, some: readonly T[]) => {
    const day = days.get(name) ?? [];
    for (const row of some) day.push(row);
    days.set(name, day);
  };
  for (const row of rows) add(inCalendar(row[time]) ? parts.dayOf(row[time]).name : late, [row]);
  const kind = time === 'observedAt' ? 'readings' : 'frames';
  for (const [name, some] of [...days]) {
    if (name === late || some.length >= bulkRows || parts.open(kind, name)) continue;
    days.delete(name);
    add(late, some);
  }
  return days;
}

function timeOf(kind: PartKind, row: object | undefined): number {
  const { observedAt = 0, receivedAt = 0 } = (row ?? {}) as { observedAt?: number; receivedAt?: number };
  return kind === 'readings' ? observedAt : receivedAt;
}

/** A late part is as wide as its rows. */
function widen(part: Part, at: number): void {
  if (part.day !== late) return;
  part.from = Math.min(part.from, at);
  part.to = Math.max(part.to, at + 1);
}
