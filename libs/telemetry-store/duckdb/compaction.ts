import type { DuckDBConnection } from '@duckdb/node-api';
import { daysOfRows } from './late-days.js';
import { late, type Part, type Parts } from './parts.js';
import { bestFirst, identity } from './reading-query.js';
import { type PartKind, partColumns, sortOrder, timeColumn } from './schema.js';
import { transaction } from './transaction.js';

/** A merge of more rows would take memory and time out of proportion: such days keep several sorted parts. */
const maxMergeRows = 8_000_000;
/** Fewer rows of a day without parts stay with the late data. */
const ownPartRows = 10_000;
const maxDaysPerRound = 16;

/** A part to make: rows of `inputs` in from <= t < to, or outside of all `except`. */
interface Output {
  day: string;
  from: number;
  to: number;
  except: readonly { from: number; to: number }[];
  inputs: readonly Part[];
  suspect: boolean;
}

/**
 * Turns parts as they came into sorted ones, each identity once. New tables replace old ones in one transaction; an old
 * table is dropped when no query can still read it.
 */
export class Compaction {
  private readonly reading = new Set<Promise<unknown>>();

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly parts: Parts,
  ) {}

  /** Runs a query so that no table it may read is dropped under it. */
  async guard<T>(query: () => Promise<T>): Promise<T> {
    const running = query();
    this.reading.add(running);
    try {
      return await running;
    } finally {
      this.reading.delete(running);
    }
  }

  /** Sorts what is sealed, spreads late data over its days, merges the parts of closed days. */
  async run(isClosed: (part: Part) => boolean, stopped: () => boolean): Promise<void> {
    for (const kind of ['readings', 'frames'] as const) {
      for (const part of this.parts.all().filter((p) => p.kind === kind && p.state === 'sealed' && p.day !== late)) {
        if (stopped()) return;
        await this.replace(kind, [part], [wholeDay(part, [part], true)]);
      }
      if (!stopped()) await this.spread(kind, isClosed);
      for (const parts of this.closedDays(kind, isClosed)) {
        if (stopped()) return;
        await this.merge(kind, parts);
      }
    }
    await this.drop();
  }

  /** Drops the tables of obsolete parts once the queries that may read them have ended. */
  async drop(): Promise<void> {
    const obsolete = this.parts.all().filter((p) => p.state === 'obsolete');
    if (obsolete.length === 0) return;
    await Promise.allSettled([...this.reading]);
    for (const part of obsolete) await this.parts.drop(this.connection, part);
    // Not possible while another transaction writes; then the next one will do.
    await this.connection.run('CHECKPOINT').catch(() => undefined);
  }

  /** Gives late rows of closed days to those days; what is left becomes one sorted late part. */
  private async spread(kind: PartKind, isClosed: (part: Part) => boolean): Promise<void> {
    const inputs = this.parts.all().filter((p) => p.kind === kind && p.day === late && isComplete(p));
    if (!inputs.some((p) => p.state === 'sealed')) return;
    const days = await daysOfRows(this.connection, kind, inputs, this.parts);
    const chosen = days
      .filter(({ name, rows }) => rows >= ownPartRows || this.ofDay(kind, name).some(isClosed))
      .slice(0, maxDaysPerRound);
    const outputs = chosen.map(
      ({ name, from, to }): Output => ({ day: name, from, to, except: [], inputs, suspect: true }),
    );
    const from = Math.min(...inputs.map((p) => p.from));
    const to = Math.max(...inputs.map((p) => p.to));
    await this.replace(kind, inputs, [...outputs, { day: late, from, to, except: chosen, inputs, suspect: true }]);
  }

  /** Makes one part of a day's, or clears the only one of suspicion: it was freed of duplicates when it was sorted. */
  private async merge(kind: PartKind, parts: readonly Part[]): Promise<void> {
    const [first] = parts;
    if (!first) return;
    const lateToo = this.parts.overlapping(kind, first.from, first.to).some((p) => p.day === late);
    if (parts.length > 1) await this.replace(kind, parts, [wholeDay(first, parts, lateToo)]);
    else if (!lateToo) {
      first.suspect = false;
      await this.parts.update(this.connection, first);
    }
  }

  /** Complete parts by day, where they are several, or one that is still suspect. */
  private closedDays(kind: PartKind, isClosed: (part: Part) => boolean): Part[][] {
    const days = new Map<string, Part[]>();
    for (const part of this.parts.all()) {
      if (part.kind !== kind || part.day === late || !isComplete(part) || !isClosed(part)) continue;
      days.set(part.day, [...(days.get(part.day) ?? []), part]);
    }
    return [...days.values()].filter((parts) => {
      const rows = parts.reduce((sum, p) => sum + p.rows, 0);
      return parts.length > 1 ? rows <= maxMergeRows : (parts[0]?.suspect ?? false);
    });
  }

  private ofDay(kind: PartKind, day: string): Part[] {
    return this.parts.all().filter((p) => p.kind === kind && p.day === day && p.state !== 'obsolete');
  }

  private async replace(kind: PartKind, inputs: readonly Part[], outputs: readonly Output[]): Promise<void> {
    const made: Part[] = [];
    await transaction(this.connection, async () => {
      for (const output of outputs) {
        const part = this.parts.describe(kind, output.day, 'sorted');
        Object.assign(part, { from: output.from, to: output.to, suspect: output.suspect });
        await this.connection.run(`CREATE TABLE ${part.name} AS ${outputSql(kind, output)}`);
        await this.parts.measure(this.connection, part);
        if (part.rows === 0) {
          await this.connection.run(`DROP TABLE ${part.name}`);
          continue;
        }
        await this.parts.insert(this.connection, part);
        made.push(part);
      }
      for (const part of inputs) await this.parts.markObsolete(this.connection, part);
    });
    for (const part of inputs) part.state = 'obsolete';
    for (const part of made) this.parts.add(part);
    await this.drop();
  }
}

function wholeDay(day: Part, inputs: readonly Part[], suspect: boolean): Output {
  const still = suspect && inputs.some((p) => p.suspect);
  return { day: day.day, from: day.from, to: day.to, except: [], inputs, suspect: still };
}

function isComplete(part: Part): boolean {
  return part.state === 'sealed' || part.state === 'sorted';
}

function outputSql(kind: PartKind, output: Output): string {
  const time = timeColumn[kind];
  const columns = partColumns[kind].map((c) => c.name).join(', ');
  const outside = output.except.map(
    ({ from, to }) => ` AND NOT (${time} >= ${from}::DOUBLE AND ${time} < ${to}::DOUBLE)`,
  );
  const where = `${time} >= ${output.from}::DOUBLE AND ${time} < ${output.to}::DOUBLE${outside.join('')}`;
  const all = output.inputs.map((p) => `SELECT ${columns} FROM ${p.name} WHERE ${where}`).join(' UNION ALL ');
  const once =
    kind === 'frames'
      ? 'QUALIFY row_number() OVER (PARTITION BY source, position, slot ORDER BY stored_at DESC) = 1'
      : `QUALIFY row_number() OVER (PARTITION BY ${identity} ORDER BY ${bestFirst}) = 1`;
  const needed = kind === 'frames' || output.inputs.some((p) => p.suspect) || output.inputs.length > 1;
  return `SELECT * FROM (${all}) ${needed ? once : ''} ORDER BY ${sortOrder[kind]}`;
}
