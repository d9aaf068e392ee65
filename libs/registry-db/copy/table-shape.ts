import { sql } from 'drizzle-orm';
import type { Transaction } from '../database.js';

/** A column, with its type as PostgreSQL writes it. */
export interface Column {
  name: string;
  type: string;
}

/** Everything that the schema keeps; drizzle's own table of migrations lies in another schema. */
export interface TableShape {
  name: string;
  columns: readonly Column[];
}

/**
 * What is true only of one running installation, and is not copied: leases of processes, and log-ins, so that one that has
 * been ended does not come back.
 */
const notCopied = new Set(['leases', 'sessions']);

/** The tables that a copy holds, by name. Read from the catalogue, so that a table of a later migration is never forgotten. */
export async function copiedTables(transaction: Transaction): Promise<TableShape[]> {
  const { rows } = await transaction.execute<{ table: string; name: string; type: string }>(sql`
    select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    order by c.relname, a.attnum`);
  const tables = new Map<string, Column[]>();
  for (const { table, name, type } of rows) {
    if (notCopied.has(table) || table === unfinishedRestore) continue;
    tables.set(table, [...(tables.get(table) ?? []), { name, type }]);
  }
  return [...tables].map(([name, columns]) => ({ name, columns }));
}

/** A table that is there while a restore is under way: in the registry, because every process of the platform opens that. */
export const unfinishedRestore = 'unfinished_restore';

/** A name as SQL takes it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
