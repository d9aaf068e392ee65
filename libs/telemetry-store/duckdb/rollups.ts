import type { DuckDBConnection } from '@duckdb/node-api';
import type { Day } from '../day-calendar.js';
import type { RollupCoverage } from '../series-plan.js';
import type { StoredKept } from '../stored-part.js';
import type { TimeOfResolution, TimeRange } from '../telemetry-store.port.js';
import { daysOfRows } from './late-days.js';
import { late, type Part, type Parts } from './parts.js';
import { daySql, hoursSql, singleReadingsSql, withinSql } from './rollup-sql.js';
import { none, readColumns, rollupColumns, rollupTables } from './schema.js';
import { transaction } from './transaction.js';

/** After so many rows the rest waits for the next round. */
const rowsPerRound = 8_000_000;
/** Roll-ups are sorted anew when so many, and a quarter of all, are out of order; at most so many at a time. */
const unsortedRows = 50_000;
const maxSortRows = 4_000_000;

export type RollupResolution = keyof typeof rollupTables;
const rollupResolutions = ['hour', 'day'] as const satisfies RollupResolution[];

interface RolledDay extends Day {
  /** Names of the parts that it was made of. */
  sources: string;
}

/**
 * Roll-ups of closed days. Those of a day hold while its parts are the ones that they were made of; what came late and is
 * not yet among the day's parts is not in them. When readings go by age, what came late goes into the roll-ups before.
 */
export class Rollups {
  private readonly rolled = new Map<string, RolledDay>();
  private readonly keptFrom: Record<RollupResolution, number> = { hour: none, day: none };
  private readonly unsorted: Record<RollupResolution, number> = { hour: 0, day: 0 };

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly parts: Parts,
    /** Readings from earlier are no longer kept. */
    private readonly readingsKeptFrom: () => number,
    /** Readings rolled up at a time: their sort fits into memory. */
    private readonly rowsAtOnce: number,
  ) {}

  /** Reads what is rolled up. */
  async load(): Promise<void> {
    const [days = [], froms = [], tos = [], sources = []] = (await readColumns(
      this.connection,
      'SELECT day, from_at, to_at, sources FROM rolled_days',
    )) as [string[], number[], number[], string[]];
    this.rolled.clear();
    for (const [row, name] of days.entries()) {
      const of = sources[row] ?? '';
      this.rolled.set(name, { name, from: froms[row] ?? 0, to: tos[row] ?? 0, sources: of });
      // A part of the same name would pass for the one that was rolled up.
      for (const source of of.split(' ')) this.parts.neverAgain(source);
    }
    const [resolutions = [], kept = [], unsorted = []] = (await readColumns(
      this.connection,
      'SELECT resolution, kept_from, unsorted FROM rollup_marks',
    )) as [RollupResolution[], number[], number[]];
    for (const [row, resolution] of resolutions.entries()) {
      this.keptFrom[resolution] = kept[row] ?? none;
      this.unsorted[resolution] = unsorted[row] ?? 0;
    }
  }

  /** From when on what is kept, and the days of which only roll-ups tell. */
  kept(): StoredKept {
    const reading = this.readingsKeptFrom();
    const days = [...this.rolled.values()].filter(({ to }) => to <= reading).map(({ from }) => from);
    return { reading, ...this.keptFrom, days: days.sort((a, b) => a - b) };
  }

  /** The days of a range whose roll-ups hold, and from when on what is kept. */
  coverage({ from, to }: TimeRange): RollupCoverage {
    const sources = this.sourcesByDay();
    const reading = this.readingsKeptFrom();
    const days = [...this.rolled.values()]
      .filter((day) => day.from < to && day.to > from)
      .filter((day) => day.to <= reading || day.sources === sources.get(day.name))
      .sort((a, b) => a.from - b.from);
    return { days, keptFrom: { reading, ...this.keptFrom } };
  }

  /** Rolls up closed days that are not, or not as they are now, newest first; then puts roll-ups in order. */
  async run(isClosed: (part: Part) => boolean, stopped: () => boolean): Promise<void> {
    let rows = 0;
    for (const { day, parts } of this.daysToRollUp(isClosed)) {
      if (stopped() || rows >= rowsPerRound) return;
      await this.rollUp(day, parts);
      rows += rowsOf(parts);
    }
    for (const resolution of rollupResolutions) if (rows > 0 && !stopped()) await this.sort(resolution);
  }

  /** Rolls up all that will go when readings from before `cut` go; no part of these days is open. */
  async completeBefore(cut: number): Promise<void> {
    const kept = this.readingsKeptFrom();
    const lateParts = this.parts.overlapping('readings', kept, cut).filter((p) => p.day === late);
    const lateDays = new Map(
      (await daysOfRows(this.connection, 'readings', lateParts, this.parts)).map((d) => [d.name, d]),
    );
    const sources = this.sourcesByDay();
    const days = new Map<string, Day>(lateDays);
    for (const part of this.ownParts()) days.set(part.day, { name: part.day, from: part.from, to: part.to });
    for (const day of days.values()) {
      const holds = !lateDays.has(day.name) && this.rolled.get(day.name)?.sources === sources.get(day.name);
      if (day.to > cut || day.to <= kept || holds) continue;
      const own = this.ownParts().filter((p) => p.day === day.name);
      await this.rollUp(day, [...own, ...(lateDays.has(day.name) ? lateParts : [])]);
    }
  }

  /** Deletes roll-ups by age. */
  async deleteBefore(cut: TimeOfResolution): Promise<void> {
    for (const resolution of rollupResolutions) {
      const before = Math.max(cut[resolution], this.keptFrom[resolution]);
      await transaction(this.connection, async () => {
        await this.connection.run(`DELETE FROM ${rollupTables[resolution]} WHERE begins_at < ${before}::DOUBLE`);
        await this.connection.run(
          `UPDATE rollup_marks SET kept_from = ${before}::DOUBLE WHERE resolution = '${resolution}'`,
        );
      });
      this.keptFrom[resolution] = before;
    }
    const gone = Math.min(this.keptFrom.hour, this.keptFrom.day);
    await this.connection.run(`DELETE FROM rolled_days WHERE to_at <= ${gone}::DOUBLE`);
    for (const { name, to } of [...this.rolled.values()]) if (to <= gone) this.rolled.delete(name);
  }

  /** Forgets all. */
  async clear(): Promise<void> {
    await transaction(this.connection, async () => {
      for (const table of [...Object.values(rollupTables), 'rolled_days'])
        await this.connection.run(`DELETE FROM ${table}`);
      await this.connection.run(`UPDATE rollup_marks SET kept_from = ${none}, unsorted = 0`);
    });
    this.rolled.clear();
    for (const resolution of rollupResolutions) {
      this.keptFrom[resolution] = none;
      this.unsorted[resolution] = 0;
    }
  }

  private daysToRollUp(isClosed: (part: Part) => boolean): { day: Day; parts: Part[] }[] {
    const byDay = new Map<string, Part[]>();
    for (const part of this.ownParts()) byDay.set(part.day, [...(byDay.get(part.day) ?? []), part]);
    const wanted = Math.max(this.readingsKeptFrom(), Math.min(this.keptFrom.hour, this.keptFrom.day));
    return [...byDay]
      .filter(([, parts]) => parts.every((part) => part.state === 'sorted' && isClosed(part) && part.to > wanted))
      .filter(([name, parts]) => this.rolled.get(name)?.sources !== sourcesOf(parts))
      .map(([name, parts]) => ({ day: { name, from: parts[0]?.from ?? 0, to: parts[0]?.to ?? 0 }, parts }))
      .sort((a, b) => b.day.from - a.day.from);
  }

  private ownParts(): Part[] {
    return this.parts.all().filter((p) => p.kind === 'readings' && p.day !== late && p.state !== 'obsolete');
  }

  private sourcesByDay(): Map<string, string> {
    const byDay = new Map<string, Part[]>();
    for (const part of this.ownParts()) byDay.set(part.day, [...(byDay.get(part.day) ?? []), part]);
    return new Map([...byDay].map(([name, parts]) => [name, sourcesOf(parts)]));
  }

  /** Replaces a day's roll-ups, in one transaction, some devices at a time. */
  private async rollUp(day: Day, parts: readonly Part[]): Promise<void> {
    const sources = sourcesOf(parts.filter((part) => part.day !== late));
    const within = withinSql('observed_at', [day]);
    // A part that was sorted has every identity once: what may be again in others does not matter to it alone.
    const once =
      parts.length === 1 && parts[0]?.state === 'sorted' ? parts.map((p) => ({ ...p, suspect: false })) : parts;
    const made = { hour: 0, day: 0 };
    await transaction(this.connection, async () => {
      for (const table of Object.values(rollupTables)) {
        await this.connection.run(`DELETE FROM ${table} WHERE ${withinSql('begins_at', [day])}`);
      }
      for (const devices of await this.slices(parts)) {
        const rows = singleReadingsSql(once, `${within} AND ${devices}`);
        made.hour += await this.insert('hour', hoursSql(rows, day));
        made.day += await this.insert('day', daySql(day, devices));
      }
      for (const resolution of rollupResolutions) {
        await this.connection.run(
          `UPDATE rollup_marks SET unsorted = unsorted + ${made[resolution]} WHERE resolution = '${resolution}'`,
        );
      }
      await this.connection.run(`DELETE FROM rolled_days WHERE day = '${day.name}'`);
      await this.connection.run(`INSERT INTO rolled_days VALUES ('${day.name}', ${day.from}, ${day.to}, '${sources}')`);
    });
    this.rolled.set(day.name, { name: day.name, from: day.from, to: day.to, sources });
    for (const resolution of rollupResolutions) this.unsorted[resolution] += made[resolution];
  }

  private async insert(resolution: RollupResolution, rows: string): Promise<number> {
    const into = `${rollupTables[resolution]} (${rollupColumns.join(', ')})`;
    return (await this.connection.run(`INSERT INTO ${into} ${rows}`)).rowsChanged;
  }

  /** Conditions that each hold for a part of the devices. */
  private async slices(parts: readonly Part[]): Promise<string[]> {
    const slices = Math.ceil(rowsOf(parts) / this.rowsAtOnce);
    if (slices <= 1) return ['true'];
    const all = parts.map((p) => `SELECT min(device) AS least, max(device) AS most FROM ${p.name}`).join(' UNION ALL ');
    const [[least], [most]] = (await readColumns(
      this.connection,
      `SELECT min(least)::DOUBLE, max(most)::DOUBLE FROM (${all})`,
    )) as [[number], [number]];
    const width = Math.ceil((most - least + 1) / slices);
    return Array.from({ length: slices }, (_, index) => {
      const from = least + index * width;
      return `device >= ${from} AND device < ${from + width}`;
    });
  }

  /**
   * Sorts roll-ups by device, so that one device's of many days lie together: all of them, or of a large table the newest
   * that can be sorted at a time.
   */
  private async sort(resolution: RollupResolution): Promise<void> {
    const table = rollupTables[resolution];
    const unsorted = this.unsorted[resolution];
    if (unsorted < unsortedRows) return;
    const [moments = [], counts = []] = (await readColumns(
      this.connection,
      `SELECT begins_at, count(*)::DOUBLE FROM ${table} GROUP BY begins_at ORDER BY begins_at DESC`,
    )) as [number[], number[]];
    let rows = 0;
    let from = Number.MAX_SAFE_INTEGER;
    for (const [index, at] of moments.entries()) {
      rows += counts[index] ?? 0;
      if (rows > maxSortRows) break;
      from = at;
    }
    if (unsorted < Math.min(rows, maxSortRows) / 4) return;
    await transaction(this.connection, async () => {
      const where = `begins_at >= ${from}::DOUBLE`;
      await this.connection.run(`CREATE OR REPLACE TEMPORARY TABLE sorting AS SELECT * FROM ${table} WHERE ${where}`);
      await this.connection.run(`DELETE FROM ${table} WHERE ${where}`);
      await this.connection.run(`INSERT INTO ${table} SELECT * FROM sorting ORDER BY device, metric, begins_at`);
      await this.connection.run('DROP TABLE sorting');
      await this.connection.run(`UPDATE rollup_marks SET unsorted = 0 WHERE resolution = '${resolution}'`);
    });
    this.unsorted[resolution] = 0;
    // Gives back the room of the rows that were deleted; not possible while another transaction writes, then the next one will do.
    await this.connection.run('CHECKPOINT').catch(() => undefined);
  }
}

function sourcesOf(parts: readonly Part[]): string {
  return parts
    .map((part) => part.name)
    .sort()
    .join(' ');
}

function rowsOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + part.rows, 0);
}
