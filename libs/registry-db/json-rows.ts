import { getTableColumns } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';

/**
 * Rows as one JSON parameter for `jsonb_populate_recordset(null::<table>, ...)`: a whole batch in one statement, whatever
 * its size, where each statement is a trip to the registry. What a device sent may hold NUL or half a character, which
 * jsonb refuses: they become U+FFFD, and no alarm is lost over them.
 */
export function jsonRows<T extends PgTable>(table: T, rows: readonly T['$inferSelect'][]): string {
  const columns = Object.entries(getTableColumns(table));
  const json = JSON.stringify(
    rows.map((row) =>
      Object.fromEntries(columns.map(([property, column]) => [column.name, row[property as keyof typeof row]])),
    ),
  );
  return storable(json);
}

/** One value for a jsonb column, such as a device's reply: with what jsonb refuses replaced in the same way. */
export function jsonValue(value: unknown): unknown {
  return JSON.parse(storable(JSON.stringify(value)));
}

function storable(json: string): string {
  // JSON.stringify escapes only half characters as \ud8.. to \udf..: whole ones stand for themselves.
  return json.replace(/\\(u[0-9a-f]{4}|.)/g, (written, code: string) =>
    /^u(?:0000|d[89a-f])/.test(code) ? '\\ufffd' : written,
  );
}
