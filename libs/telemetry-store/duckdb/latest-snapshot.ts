import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import type { LatestMap } from './latest-map.js';
import type { Parts } from './parts.js';
import { addReading, RowBuffer, readingColumns } from './row-buffer.js';
import { none, partColumns, readColumns } from './schema.js';
import { transaction } from './transaction.js';

/** The journal is rewritten when it has this many rows more than twice what lives. */
const slackRows = 200_000;
const rowsPerTurn = 2_048;
const columnNames = partColumns.readings.map((c) => c.name).join(', ');
/** The latest first, as `LatestMap` orders them. */
export const latestFirst = 'observed_at DESC, seq DESC, revision DESC, position DESC, slot DESC';

/**
 * The durable side of the latest map: a journal of changed cells in the table `latest`, and the time of the last commit
 * it is sure to contain. What was stored since is read from the parts at start.
 */
export class LatestSnapshot {
  private journalRows = 0;
  /** Readings from before this time are no longer kept. */
  deletedBefore = none;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly latest: LatestMap,
    private readonly parts: Parts,
  ) {}

  /** Fills the map from the journal and from what was stored after it. Returns the time of the last commit. */
  async load(): Promise<number> {
    const [marks, deletions] = (await readColumns(
      this.connection,
      'SELECT stored_at, deleted_before FROM latest_mark',
    )) as number[][];
    let storedAt = marks?.[0] ?? 0;
    this.deletedBefore = deletions?.[0] ?? none;
    this.journalRows = await this.offer(`SELECT ${columnNames} FROM latest WHERE observed_at >= ${this.deletedBefore}`);
    const mark = storedAt;
    // A part is sorted only after the journal has all of it.
    const recent = this.parts.all().filter((p) => p.rows > 0 && (p.state === 'open' || p.state === 'sealed'));
    for (const part of recent.filter((p) => p.kind === 'readings')) {
      await this.offer(
        `SELECT ${columnNames} FROM ${part.name} WHERE stored_at >= ${mark}
         QUALIFY row_number() OVER (PARTITION BY device, metric ORDER BY ${latestFirst}) = 1`,
      );
    }
    for (const part of recent) {
      const [[last]] = (await readColumns(this.connection, `SELECT max(stored_at) FROM ${part.name}`)) as [[number]];
      storedAt = Math.max(storedAt, last);
    }
    this.latest.takeChanged();
    return storedAt;
  }

  /**
   * Writes the cells changed since the last call, on a connection of its own and in small turns, so that appends go on.
   * `storedAt` is the time of the last commit whose readings the map has.
   */
  async write(storedAt: number): Promise<void> {
    const changed = this.latest.takeChanged();
    if (changed.length > 0) await this.append(changed, storedAt);
    if (this.journalRows > 2 * this.latest.size + slackRows) await this.rewrite();
  }

  /** Keeps in mind that readings before `before` are gone. */
  async deleteBefore(before: number): Promise<void> {
    this.deletedBefore = Math.max(this.deletedBefore, before);
    this.latest.deleteBefore(before);
    await this.connection.run(`UPDATE latest_mark SET deleted_before = ${this.deletedBefore}`);
  }

  /** Empties the journal. */
  async clear(): Promise<void> {
    await this.connection.run(`DELETE FROM latest; UPDATE latest_mark SET stored_at = 0, deleted_before = ${none}`);
    this.latest.clear();
    this.journalRows = 0;
    this.deletedBefore = none;
  }

  private async append(changed: readonly number[], storedAt: number): Promise<void> {
    try {
      await transaction(this.connection, async () => {
        const appender = await this.connection.createAppender('latest');
        const buffer = new RowBuffer('readings', readingColumns(), appender);
        for (const [count, at] of changed.entries()) {
          const found = this.latest.readChanged(at);
          if (found) addReading(buffer, found.device, found.cell);
          if (count % rowsPerTurn === rowsPerTurn - 1) await new Promise((resolve) => setImmediate(resolve));
        }
        buffer.flush();
        buffer.close();
        await this.connection.run(`UPDATE latest_mark SET stored_at = ${storedAt}`);
      });
    } catch (error) {
      this.latest.restoreChanged(changed);
      throw error;
    }
    this.journalRows += changed.length;
  }

  private async rewrite(): Promise<void> {
    await this.connection.run(
      `CREATE OR REPLACE TABLE latest AS SELECT ${columnNames} FROM latest WHERE observed_at >= ${this.deletedBefore}
       QUALIFY row_number() OVER (PARTITION BY device, metric ORDER BY ${latestFirst}) = 1`,
    );
    this.journalRows = this.latest.size;
  }

  private async offer(sql: string): Promise<number> {
    const result = await this.connection.stream(sql);
    let rows = 0;
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) return rows;
      rows += chunk.rowCount;
      offerChunk(this.latest, chunk);
    }
  }
}

function offerChunk(latest: LatestMap, chunk: DuckDBDataChunk): void {
  const columns = chunk.getColumns() as number[][];
  const [device, metric, observedAt, seq, revision, kind, value, text, quality, receivedAt, storedAt] = columns;
  const [deviceTime, source, position, slot] = columns.slice(11);
  for (let row = 0; row < chunk.rowCount; row += 1) {
    latest.offer(device?.[row] ?? 0, {
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
    });
  }
}
