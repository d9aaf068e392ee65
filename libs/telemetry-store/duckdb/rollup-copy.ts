import { DOUBLE, type DuckDBConnection, DuckDBDataChunk, type DuckDBValue, INTEGER } from '@duckdb/node-api';
import { encodePart, type StoredKept, type StoredRollup } from '../stored-part.js';
import type { Dictionary } from './dictionary.js';
import type { Parts } from './parts.js';
import type { RollupResolution } from './rollups.js';
import { none, rollupColumns, rollupTables } from './schema.js';

/** DuckDB's vector size: what one data chunk holds. */
const chunkRows = 2_048;
const types = rollupColumns.map((name) =>
  ['device', 'metric', 'readings', 'numbers'].includes(name) ? INTEGER : DOUBLE,
);
const exported = ['total', 'least', 'greatest', 'opening', 'closing', 'growth']
  .map((name) => `coalesce(r.${name}, 0)`)
  .join(', ');

/** From when on what is kept, and then, piece by piece, the roll-ups whose readings are gone; nothing where nothing is gone. */
export async function* piecesOfRollups(
  connection: DuckDBConnection,
  dictionary: Dictionary,
  kept: StoredKept,
): AsyncGenerator<Uint8Array> {
  if (kept.reading === none && kept.hour === none && kept.day === none) return;
  yield encodePart({ kind: 'kept', rows: [kept] });
  for (const resolution of ['hour', 'day'] as const) {
    const result = await connection.stream(
      `SELECT n.name, r.metric, r.begins_at, r.readings, r.numbers, ${exported}
       FROM ${rollupTables[resolution]} r JOIN names n ON n.kind = 0 AND n.id = r.device
       WHERE r.begins_at < ${kept.reading}::DOUBLE`,
    );
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      yield encodePart({ kind: 'rollups', rows: rowsOf(resolution, chunk.getColumns(), dictionary) });
    }
  }
}

/** Adds roll-ups of a backup; in a transaction of the caller's, who saves the dictionary in it. */
export async function addRollups(
  connection: DuckDBConnection,
  rows: readonly StoredRollup[],
  dictionary: Dictionary,
): Promise<void> {
  for (const resolution of ['hour', 'day'] as const) {
    const own = rows.filter((row) => row.resolution === resolution);
    if (own.length === 0) continue;
    const appender = await connection.createAppender(rollupTables[resolution]);
    for (let at = 0; at < own.length; at += chunkRows) {
      const slice = own.slice(at, at + chunkRows);
      const chunk = DuckDBDataChunk.create(types, slice.length);
      chunk.setColumns(columnsOf(slice, dictionary));
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
    appender.closeSync();
    await connection.run(
      `UPDATE rollup_marks SET unsorted = unsorted + ${own.length} WHERE resolution = '${resolution}'`,
    );
  }
}

/**
 * Enters what is kept, and the days that are rolled up; in a transaction of the caller's. What a round of maintenance may have made
 * meanwhile of readings that came late for these days goes: they are not in the roll-ups that the backup has.
 */
export async function enterKept(connection: DuckDBConnection, kept: StoredKept, parts: Parts): Promise<void> {
  await connection.run(`DELETE FROM rolled_days WHERE to_at <= ${kept.reading}::DOUBLE`);
  for (const resolution of ['hour', 'day'] as const) {
    await connection.run(`DELETE FROM ${rollupTables[resolution]} WHERE begins_at < ${kept.reading}::DOUBLE`);
    await connection.run(
      `UPDATE rollup_marks SET kept_from = ${kept[resolution]}::DOUBLE WHERE resolution = '${resolution}'`,
    );
  }
  for (const at of kept.days) {
    const { name, from, to } = parts.dayOf(at);
    await connection.run(`INSERT INTO rolled_days VALUES ('${name}', ${from}, ${to}, '')`);
  }
}

function rowsOf(resolution: RollupResolution, columns: DuckDBValue[][], dictionary: Dictionary): StoredRollup[] {
  const [devices, ...numbers] = columns as [string[], ...number[][]];
  return devices.map((deviceKey, row) => {
    const [metric, at, readings, count, total, least, greatest, opening, closing, growth] = numbers.map(
      (column) => column[row] ?? 0,
    ) as [number, number, number, number, number, number, number, number, number, number];
    return {
      ...{ resolution, deviceKey, metric: dictionary.nameOf('metric', metric), at, readings, numbers: count },
      ...{ total, least, greatest, opening, closing, growth },
    };
  });
}

/** In the order of `rollupColumns`. When the first and the last number came only tells whoever still has readings. */
function columnsOf(rows: readonly StoredRollup[], dictionary: Dictionary): DuckDBValue[][] {
  const value = (name: 'total' | 'least' | 'greatest' | 'opening' | 'closing') =>
    rows.map((row) => (row.numbers > 0 ? row[name] : null));
  const unknown = rows.map(() => null);
  return [
    rows.map((row) => dictionary.idOf('device', row.deviceKey)),
    rows.map((row) => dictionary.idOf('metric', row.metric)),
    rows.map((row) => row.at),
    rows.map((row) => row.readings),
    rows.map((row) => row.numbers),
    value('total'),
    value('least'),
    value('greatest'),
    value('opening'),
    unknown,
    value('closing'),
    unknown,
    rows.map((row) => (row.numbers > 1 ? row.growth : null)),
  ];
}
