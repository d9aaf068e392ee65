import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import type { Database } from './database.js';
import * as schema from './schema/index.js';

/** No query of the platform takes longer unless something is wrong. */
const queryTimeoutMs = 30_000;

/** A pool of at most `size` connections, opened when first used, and drizzle over it. */
export function openDatabase(url: string | undefined, size: number): { pool: Pool; database: Database } {
  const pool = new Pool({
    connectionString: url,
    max: size,
    connectionTimeoutMillis: queryTimeoutMs,
    query_timeout: queryTimeoutMs,
  });
  return { pool, database: drizzle(pool, { schema }) };
}
