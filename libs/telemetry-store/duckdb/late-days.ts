import type { DuckDBConnection } from '@duckdb/node-api';
import type { Day } from '../day-calendar.js';
import type { Part, Parts } from './parts.js';
import { type PartKind, readColumns, timeColumn } from './schema.js';

const quarterMs = 900_000;
/** 1970 to 2200: days are told apart here only. */
const calendar = 'moment >= 0 AND moment < 7258118400000::DOUBLE';

/** The local days that rows of `inputs` fall on and how many each has, most first. */
export async function daysOfRows(
  connection: DuckDBConnection,
  kind: PartKind,
  inputs: readonly Part[],
  parts: Parts,
): Promise<(Day & { rows: number })[]> {
  if (inputs.length === 0) return [];
  const all = inputs.map((p) => `SELECT ${timeColumn[kind]} AS moment FROM ${p.name}`).join(' UNION ALL ');
  const [quarters, counts] = (await readColumns(
    connection,
    `SELECT floor(moment / ${quarterMs}::DOUBLE), count(*)::DOUBLE FROM (${all}) WHERE ${calendar} GROUP BY ALL`,
  )) as number[][];
  const days = new Map<string, Day & { rows: number }>();
  for (const [row, quarter] of (quarters ?? []).entries()) {
    const day = parts.dayOf(quarter * quarterMs);
    const known = days.get(day.name) ?? { ...day, rows: 0 };
    known.rows += counts?.[row] ?? 0;
    days.set(day.name, known);
  }
  return [...days.values()].sort((a, b) => b.rows - a.rows);
}
