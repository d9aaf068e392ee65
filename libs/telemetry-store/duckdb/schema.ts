import {
  BLOB,
  DOUBLE,
  type DuckDBConnection,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';

/** The format this release writes. Older ones are upgraded where they lie; any other is refused, never guessed at. */
export const storeFormat = 3;

/**
 * Stands for "none" in numeric columns (sequence, device time): a NULL costs a bit mask per value on the way in.
 * It sorts before every real value.
 */
export const none = Number.MIN_SAFE_INTEGER;

/** What a part keeps. */
export const partKinds = ['readings', 'frames'] as const;
export type PartKind = (typeof partKinds)[number];

interface Column {
  name: string;
  type: DuckDBType;
  sql: string;
}
const column = (name: string, type: DuckDBType, sql: string): Column => ({ name, type, sql });

/**
 * Columns of a part, in order. Times, positions and sequence numbers are DOUBLE: exact for integers up to 2^53, as they
 * are in JavaScript, and four times cheaper to hand over than BIGINT. Names are integers of the `names` table. The raw
 * message is (source, position, slot): `sourceOf` its lane and partition, the entry's position, the index in it.
 */
export const partColumns: Readonly<Record<PartKind, readonly Column[]>> = {
  readings: [
    column('device', INTEGER, 'INTEGER'),
    column('metric', INTEGER, 'INTEGER'),
    column('observed_at', DOUBLE, 'DOUBLE'),
    column('seq', DOUBLE, 'DOUBLE'),
    column('revision', INTEGER, 'INTEGER'),
    column('kind', UTINYINT, 'UTINYINT'),
    column('value', DOUBLE, 'DOUBLE'),
    column('text', VARCHAR, 'VARCHAR'),
    column('quality', INTEGER, 'INTEGER'),
    column('received_at', DOUBLE, 'DOUBLE'),
    column('stored_at', DOUBLE, 'DOUBLE'),
    column('device_time', DOUBLE, 'DOUBLE'),
    column('source', INTEGER, 'INTEGER'),
    column('position', DOUBLE, 'DOUBLE'),
    column('slot', INTEGER, 'INTEGER'),
  ],
  frames: [
    column('device', INTEGER, 'INTEGER'),
    column('received_at', DOUBLE, 'DOUBLE'),
    column('source', INTEGER, 'INTEGER'),
    column('position', DOUBLE, 'DOUBLE'),
    column('slot', INTEGER, 'INTEGER'),
    column('product', INTEGER, 'INTEGER'),
    column('product_version', INTEGER, 'INTEGER'),
    column('outcome', UTINYINT, 'UTINYINT'),
    column('reason', INTEGER, 'INTEGER'),
    column('decoder', INTEGER, 'INTEGER'),
    column('stored_at', DOUBLE, 'DOUBLE'),
    column('bytes', BLOB, 'BLOB'),
  ],
};

/** The column whose day a row belongs to. */
export const timeColumn: Readonly<Record<PartKind, string>> = { readings: 'observed_at', frames: 'received_at' };

/** How a sorted part is sorted. */
export const sortOrder: Readonly<Record<PartKind, string>> = {
  readings: 'device, metric, observed_at, seq',
  frames: 'device, received_at, position, slot',
};

/** The definition of a part's columns in SQL. */
export function columnsSql(kind: PartKind): string {
  return partColumns[kind].map((c) => `${c.name} ${c.sql}`).join(', ');
}

/** What a cursor counts, in the order of `StoredUpTo`; none of it ever falls. */
export const cursorColumns = ['position', 'passed', 'messages', 'rejected'] as const;

/** Of each source the highest. */
export const highestCursors = `SELECT source, ${cursorColumns.map((name) => `max(${name}) AS ${name}`).join(', ')} FROM cursors GROUP BY source`;

/** The tables of roll-ups. */
export const rollupTables = { hour: 'rollup_hours', day: 'rollup_days' } as const;

/**
 * What is kept of the readings of a device's metric in an hour or a day, those apart that no rule may judge. `readings`
 * counts all, the rest is about numbers (booleans are 0 and 1) and NULL where there is none: how many, their sum, least and
 * greatest, the first and the last with their times (NULL where a backup brought them), and the growth between them, NULL
 * where there is one only.
 */
export const rollupColumns = [
  'device',
  'metric',
  'begins_at',
  'readings',
  'numbers',
  'total',
  'least',
  'greatest',
  'opening',
  'opened_at',
  'closing',
  'closed_at',
  'growth',
] as const;

const rollupColumnsSql = rollupColumns
  .map((name) => `${name} ${['device', 'metric', 'readings', 'numbers'].includes(name) ? 'INTEGER' : 'DOUBLE'}`)
  .join(', ');

const tablesOfRollups = [
  `CREATE TABLE ${rollupTables.hour} (${rollupColumnsSql})`,
  `CREATE TABLE ${rollupTables.day} (${rollupColumnsSql})`,
  // Local days that are rolled up, and the names of the parts that they were made of.
  'CREATE TABLE rolled_days (day VARCHAR, from_at DOUBLE, to_at DOUBLE, sources VARCHAR)',
  // From when on roll-ups are kept, and how many are not in the order of devices yet.
  'CREATE TABLE rollup_marks (resolution VARCHAR, kept_from DOUBLE, unsorted DOUBLE)',
  `INSERT INTO rollup_marks VALUES ('hour', ${none}, 0), ('day', ${none}, 0)`,
];

/** By format, what makes the next one of it. */
export const upgrades: Readonly<Record<number, readonly string[]>> = {
  // What was stored before is not counted: NULL, until the stream says how much it was.
  1: cursorColumns.slice(1).map((name) => `ALTER TABLE cursors ADD COLUMN ${name} DOUBLE`),
  2: tablesOfRollups,
};

/** Everything but the parts. */
export const fixedTables = [
  'CREATE TABLE store (format INTEGER, time_zone VARCHAR)',
  // A row for every position reached in a commit: the highest of a source counts, and of each count the highest.
  `CREATE TABLE cursors (source INTEGER, ${cursorColumns.map((name) => `${name} DOUBLE`).join(', ')})`,
  'CREATE TABLE names (kind UTINYINT, id INTEGER, name VARCHAR)',
  `CREATE TABLE parts (name VARCHAR, kind VARCHAR, day VARCHAR, from_at DOUBLE, to_at DOUBLE, state VARCHAR, suspect BOOLEAN)`,
  `CREATE TABLE latest (${columnsSql('readings')})`,
  'CREATE TABLE latest_mark (stored_at DOUBLE, deleted_before DOUBLE)',
  ...tablesOfRollups,
];

/** A lane and partition as one integer. */
export function sourceOf(lane: 'urgent' | 'bulk', partition: number): number {
  return (lane === 'urgent' ? 0 : 1_000_000) + partition;
}

/** The lane and partition in `sourceOf`. */
export function laneAndPartition(source: number): { lane: 'urgent' | 'bulk'; partition: number } {
  return source < 1_000_000 ? { lane: 'urgent', partition: source } : { lane: 'bulk', partition: source - 1_000_000 };
}

/** The columns of a query's result; numbers, strings, booleans and blobs only. */
export async function readColumns(connection: DuckDBConnection, sql: string): Promise<DuckDBValue[][]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getColumns();
}
