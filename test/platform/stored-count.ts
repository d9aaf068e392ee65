import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Client } from 'pg';
import { EmbeddedRegistry } from '#libs/registry-db';

/** What the store of a stopped platform holds of what its devices were promised. */
export interface StoredCount {
  acknowledged: number;
  /** Acknowledged messages of which a reading is missing. */
  lost: number;
  /** Messages of which a reading is there more than once. */
  duplicated: number;
}

/** Readings in every message that is counted. */
const metricsPerMessage = 3;

/**
 * Looks up every promised message in the files of a stopped platform, row by row, below every query that might hide a
 * duplicate. `promised` is the sequence numbers acknowledged to each device id.
 */
export async function countStored(
  dataDir: string,
  promised: ReadonlyMap<string, readonly number[]>,
): Promise<StoredCount> {
  const idOf = await deviceIds(dataDir);
  const instance = await DuckDBInstance.create(join(dataDir, 'telemetry', 'readings.duckdb'), {
    access_mode: 'READ_ONLY',
  });
  const connection = await instance.connect();
  const parts = await connection.runAndReadAll(
    "SELECT name FROM parts WHERE kind = 'readings' AND state <> 'obsolete'",
  );
  const rows = parts.getColumns()[0]?.map((name) => `SELECT device, metric, seq FROM ${name}`) ?? [];
  const names = await connection.runAndReadAll('SELECT id, name FROM names WHERE kind = 0');
  const keyOf = new Map((names.getColumns()[0] ?? []).map((id, row) => [id, names.getColumns()[1]?.[row] as string]));
  const stored = new Map<string, Map<number, number>>();
  let duplicated = 0;
  const result = await connection.stream(
    `SELECT device, seq, count(*)::INTEGER, count(DISTINCT metric)::INTEGER FROM (${rows.join(' UNION ALL ')}) GROUP BY device, seq`,
  );
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const [device, seq, count, metrics] of chunk.getRows() as [number, number, number, number][]) {
      const id = idOf.get(keyOf.get(device) ?? '') ?? '';
      if (!promised.has(id)) continue;
      if (count > metrics) duplicated += 1;
      const found = stored.get(id) ?? new Map<number, number>();
      found.set(seq, metrics);
      stored.set(id, found);
    }
  }
  connection.closeSync();
  instance.closeSync();
  return { ...missing(promised, stored), duplicated };
}

function missing(
  promised: ReadonlyMap<string, readonly number[]>,
  stored: ReadonlyMap<string, ReadonlyMap<number, number>>,
): { acknowledged: number; lost: number } {
  let acknowledged = 0;
  let lost = 0;
  for (const [id, sequences] of promised) {
    acknowledged += sequences.length;
    const found = stored.get(id);
    for (const seq of sequences) if ((found?.get(seq) ?? 0) < metricsPerMessage) lost += 1;
  }
  return { acknowledged, lost };
}

/** Device id by device key, from the platform's own registry. */
async function deviceIds(dataDir: string): Promise<Map<string, string>> {
  const registry = new EmbeddedRegistry();
  const client = new Client({ connectionString: await registry.start(join(dataDir, 'registry')) });
  try {
    await client.connect();
    const { rows } = await client.query<{ key: string; id: string }>('select key, id from devices');
    return new Map(rows.map(({ key, id }) => [key, id]));
  } finally {
    await client.end();
    await registry.stop();
  }
}
