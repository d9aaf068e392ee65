import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { DATABASE, type Database, type Transaction } from '../database.js';
import { type Column, copiedTables, quoted, type TableShape, unfinishedRestore } from './table-shape.js';

/** Rows per trip to the registry. The largest rows are dead letters with their originals. */
const rowsPerTrip = 200;

/** Rows of one table, each as the JSON text of an object: every value as PostgreSQL's text of it, or null. */
export interface CopiedRows {
  table: string;
  rows: readonly string[];
}

/**
 * Copies the registry's rows out and in, whichever PostgreSQL serves it. A value travels as the text that PostgreSQL itself
 * reads back, so that nothing is rounded and a JSON null stays apart from none.
 */
@Injectable()
export class RegistryCopy {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Every row, as all of them were at one moment; tables without any come once, with none. Other sessions go on meanwhile. */
  async export(take: (rows: CopiedRows) => Promise<void>): Promise<void> {
    await this.database.transaction(
      async (transaction) => {
        for (const { name, columns } of await copiedTables(transaction)) {
          const texts = columns.map((column) => `${quoted(column.name)}::text`).join(', ');
          await transaction.execute(
            sql.raw(
              `declare copied no scroll cursor for select row_to_json(r)::text as row from (select ${texts} from ${quoted(name)}) r`,
            ),
          );
          await take({ table: name, rows: [] });
          for (;;) {
            const { rows } = await transaction.execute<{ row: string }>(sql.raw(`fetch ${rowsPerTrip} from copied`));
            if (rows.length === 0) break;
            await take({ table: name, rows: rows.map(({ row }) => row) });
          }
          await transaction.execute(sql.raw('close copied'));
        }
      },
      { isolationLevel: 'repeatable read', accessMode: 'read only' },
    );
  }

  /** Names of the tables that hold rows already. A registry that was only migrated has none. */
  async filledTables(): Promise<string[]> {
    return this.database.transaction(async (transaction) => {
      const filled: string[] = [];
      for (const { name } of await copiedTables(transaction)) {
        const { rows } = await transaction.execute(sql.raw(`select 1 from ${quoted(name)} limit 1`));
        if (rows.length > 0) filled.push(name);
      }
      return filled;
    });
  }

  /**
   * Replaces what the registry holds by `copied`, all of it or nothing. Columns that this release does not know are refused;
   * those that the copy does not know get their defaults, as does which transaction wrote a row: that is this one.
   */
  async import(copied: AsyncIterable<CopiedRows>): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const tables = new Map((await copiedTables(transaction)).map((table) => [table.name, table]));
      const keys = await dropForeignKeys(transaction);
      for (const { name } of tables.values()) await transaction.execute(sql.raw(`delete from ${quoted(name)}`));
      for await (const { table, rows } of copied) {
        const shape = tables.get(table);
        if (!shape) throw unknown(`table ${table}`);
        if (rows.length > 0) await insertRows(transaction, shape, rows);
      }
      for (const { statement } of keys) await transaction.execute(sql.raw(statement));
      await moveSequences(transaction);
    });
  }

  /** Says that a restore from `source` has begun here: until `restored`, no process of the platform starts on this registry. */
  async restoring(source: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      await transaction.execute(
        sql.raw(
          `create table if not exists ${unfinishedRestore} (source text not null, began_at timestamptz not null)`,
        ),
      );
      await transaction.execute(sql.raw(`delete from ${unfinishedRestore}`));
      await transaction.execute(sql`insert into ${sql.raw(unfinishedRestore)} values (${source}, now())`);
    });
  }

  /** The restore is complete. */
  async restored(): Promise<void> {
    await this.database.execute(sql.raw(`drop table if exists ${unfinishedRestore}`));
  }

  /** What a restore that has not been completed here was from; undefined where there is none. */
  async unfinishedRestore(): Promise<string | undefined> {
    const { rows: tables } = await this.database.execute<{ there: string | null }>(
      sql`select to_regclass(${`public.${unfinishedRestore}`}) as there`,
    );
    if (tables[0]?.there == null) return undefined;
    const { rows } = await this.database.execute<{ source: string }>(
      sql.raw(`select source from ${unfinishedRestore}`),
    );
    return rows[0]?.source ?? 'a backup';
  }
}

/** The order of tables does not matter without them, and they are checked at once in the end. */
async function dropForeignKeys(transaction: Transaction): Promise<{ statement: string }[]> {
  const { rows } = await transaction.execute<{ table: string; name: string; definition: string }>(sql`
    select c.conrelid::regclass::text as table, c.conname as name, pg_get_constraintdef(c.oid) as definition
    from pg_constraint c where c.contype = 'f' and c.connamespace = 'public'::regnamespace`);
  for (const { table, name } of rows) {
    await transaction.execute(sql.raw(`alter table ${table} drop constraint ${quoted(name)}`));
  }
  return rows.map(({ table, name, definition }) => ({
    statement: `alter table ${table} add constraint ${quoted(name)} ${definition}`,
  }));
}

async function insertRows(transaction: Transaction, table: TableShape, rows: readonly string[]): Promise<void> {
  const columns = columnsOf(table, rows[0] ?? '{}');
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  const values = columns.map(({ name, type }) => `(r->>'${name.replaceAll("'", "''")}')::${type}`).join(', ');
  await transaction.execute(
    sql`insert into ${sql.raw(`${quoted(table.name)} (${names}) select ${values}`)} from json_array_elements(${`[${rows.join(',')}]`}::json) r`,
  );
}

/** The columns to fill: numbers of transactions mean something only where they were given out. */
function columnsOf({ name: table, columns }: TableShape, row: string): Column[] {
  const copied = Object.keys(JSON.parse(row) as object);
  for (const name of copied) {
    if (!columns.some((column) => column.name === name)) throw unknown(`column ${table}.${name}`);
  }
  return columns.filter(({ name, type }) => copied.includes(name) && type !== 'xid8');
}

/** What a sequence gives out next follows on what there is. */
async function moveSequences(transaction: Transaction): Promise<void> {
  const { rows } = await transaction.execute<{ sequence: string; table: string; column: string }>(sql`
    select s.oid::regclass::text as sequence, d.refobjid::regclass::text as table, a.attname as column
    from pg_class s join pg_depend d on d.objid = s.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
      join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where s.relkind = 'S' and s.relnamespace = 'public'::regnamespace`);
  for (const { sequence, table, column } of rows) {
    const last = `(select max(${quoted(column)}) from ${table})`;
    await transaction.execute(sql.raw(`select setval('${sequence}', coalesce(${last}, 1), ${last} is not null)`));
  }
}

function unknown(what: string): Error {
  return new Error(
    `This release does not know ${what} of the backup: a newer release made it. Restore with that release, or a later one.`,
  );
}
