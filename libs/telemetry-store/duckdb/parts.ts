import type { DuckDBConnection } from '@duckdb/node-api';
import type { Day, DayCalendar } from '../day-calendar.js';
import { columnsSql, type PartKind, readColumns, timeColumn } from './schema.js';
import { transaction } from './transaction.js';

/**
 * open: appended to. sealed: complete, in order of arrival. sorted: complete, by (device, metric, time) without duplicates.
 * obsolete: replaced, about to be dropped.
 */
export type PartState = 'open' | 'sealed' | 'sorted' | 'obsolete';

/** One table of rows: a piece of a day, or of late data of any day (`day` ''). */
export interface Part {
  name: string;
  kind: PartKind;
  day: string;
  /** Every row's time is in from <= t < to. */
  from: number;
  to: number;
  state: PartState;
  /** It may hold an identity twice, or one that another part holds. */
  suspect: boolean;
  rows: number;
  /** When it was last appended to since the store was opened, epoch milliseconds. */
  touchedAt: number;
}

/** Name of the day of late data. */
export const late = '';

/** The tables that hold readings and frames: in memory, and in the `parts` table. */
export class Parts {
  private parts: Part[] = [];
  private nextNumber = 1;

  constructor(private readonly calendar: DayCalendar) {}

  /** Reads the `parts` table and finishes what a crash left: obsolete parts are dropped. */
  async load(connection: DuckDBConnection): Promise<void> {
    const columns = await readColumns(connection, 'SELECT name, kind, day, from_at, to_at, state, suspect FROM parts');
    this.parts = (columns[0] ?? []).map((name, row) => ({
      name: name as string,
      kind: columns[1]?.[row] as PartKind,
      day: columns[2]?.[row] as string,
      from: columns[3]?.[row] as number,
      to: columns[4]?.[row] as number,
      state: columns[5]?.[row] as PartState,
      suspect: columns[6]?.[row] as boolean,
      rows: 0,
      touchedAt: 0,
    }));
    for (const part of this.parts) this.neverAgain(part.name);
    for (const part of this.parts.filter((p) => p.state === 'obsolete')) await this.drop(connection, part);
    for (const part of this.parts) await this.measure(connection, part);
  }

  all(): readonly Part[] {
    return this.parts;
  }

  /** Parts that may hold rows of the range, oldest first; late parts first of all. */
  overlapping(kind: PartKind, from: number, to: number): Part[] {
    return this.parts
      .filter((p) => p.kind === kind && p.state !== 'obsolete' && p.rows > 0 && p.from < to && p.to > from)
      .sort((a, b) => a.from - b.from);
  }

  /** The part of a day that is appended to, if there is one. */
  open(kind: PartKind, day: string): Part | undefined {
    return this.parts.find((p) => p.kind === kind && p.day === day && p.state === 'open');
  }

  /** True where the day has been compacted: what still comes for it is late. */
  isClosed(kind: PartKind, day: string): boolean {
    return !this.open(kind, day) && this.parts.some((p) => p.kind === kind && p.day === day && p.state === 'sorted');
  }

  /** Adds an open part for a day, or for late data where `day` is undefined. Its own transaction. */
  async create(connection: DuckDBConnection, kind: PartKind, day: Day | undefined): Promise<Part> {
    const part = this.describe(kind, day?.name ?? late, 'open');
    // A late part is empty until a row widens it.
    if (day) Object.assign(part, { from: day.from, to: day.to });
    await transaction(connection, async () => {
      await connection.run(`CREATE TABLE ${part.name} (${columnsSql(kind)})`);
      await this.insert(connection, part);
    });
    this.add(part);
    return part;
  }

  /** A new part's entry, not yet known to anybody. */
  describe(kind: PartKind, day: string, state: PartState): Part {
    const name = `${kind}_${day === late ? 'late' : day}_${this.nextNumber}`;
    this.nextNumber += 1;
    const nowhere = { from: Number.MAX_SAFE_INTEGER, to: Number.MIN_SAFE_INTEGER };
    return { name, kind, day, ...nowhere, state, suspect: false, rows: 0, touchedAt: 0 };
  }

  /** Keeps a part's name from being given to another. */
  neverAgain(name: string): void {
    const number = Number(name.split('_').at(-1));
    if (number >= this.nextNumber) this.nextNumber = number + 1;
  }

  add(part: Part): void {
    this.parts.push(part);
  }

  async insert(connection: DuckDBConnection, part: Part): Promise<void> {
    await connection.run(
      `INSERT INTO parts VALUES ('${part.name}', '${part.kind}', '${part.day}', ${part.from}, ${part.to}, '${part.state}', ${part.suspect})`,
    );
  }

  /** Writes a part's state, bounds and suspicion. */
  async update(connection: DuckDBConnection, part: Part): Promise<void> {
    await connection.run(
      `UPDATE parts SET state = '${part.state}', suspect = ${part.suspect}, from_at = ${part.from}, to_at = ${part.to} WHERE name = '${part.name}'`,
    );
  }

  /** Writes down that a part has been replaced; its table is dropped later, or at the next start. */
  async markObsolete(connection: DuckDBConnection, part: Part): Promise<void> {
    await connection.run(`UPDATE parts SET state = 'obsolete' WHERE name = '${part.name}'`);
  }

  /** Takes a part out of sight. */
  async retire(connection: DuckDBConnection, part: Part): Promise<void> {
    await this.markObsolete(connection, part);
    part.state = 'obsolete';
  }

  /** Deletes rows of a late part. */
  async deleteRowsBefore(connection: DuckDBConnection, part: Part, before: number): Promise<void> {
    await connection.run(`DELETE FROM ${part.name} WHERE ${timeColumn[part.kind]} < ${before}::DOUBLE`);
    await this.measure(connection, part);
  }

  /** Drops a part's table and forgets it. */
  async drop(connection: DuckDBConnection, part: Part): Promise<void> {
    await connection.run(`DROP TABLE IF EXISTS ${part.name}; DELETE FROM parts WHERE name = '${part.name}'`);
    this.parts = this.parts.filter((p) => p !== part);
  }

  /** Counts a part's rows and, for late data, finds its bounds. */
  async measure(connection: DuckDBConnection, part: Part): Promise<void> {
    const time = timeColumn[part.kind];
    const bounds = part.day === late ? `min(${time}), max(${time})` : 'NULL, NULL';
    const [[rows], [from], [to]] = (await readColumns(
      connection,
      `SELECT count(*)::DOUBLE, ${bounds} FROM ${part.name}`,
    )) as [number[], (number | null)[], (number | null)[]];
    part.rows = rows ?? 0;
    if (typeof from === 'number' && typeof to === 'number') Object.assign(part, { from, to: to + 1 });
  }

  dayOf(at: number): Day {
    return this.calendar.dayOf(at);
  }
}
