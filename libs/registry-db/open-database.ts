import { drizzle } from 'drizzle-orm/node-postgres';
import { type ClientConfig, Pool } from 'pg';
import type { Database } from './database.js';
import * as schema from './schema/index.js';

/** No query of the platform takes longer unless something is wrong. */
const queryTimeoutMs = 30_000;
const connectTimeoutMs = 10_000;
/**
 * A process that is stopped in the midst of a transaction (frozen, or cut off) holds its locks no longer than this on a
 * server; the others go on.
 */
const idleTransactionMs = 15_000;

/** How a client of the platform connects, whatever for. */
export function connectionOptions(url: string | undefined): ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: connectTimeoutMs,
    idle_in_transaction_session_timeout: idleTransactionMs,
    application_name: 'citysense',
  };
}

/** A pool of at most `size` connections, opened when first used, and drizzle over it. */
export function openDatabase(url: string | undefined, size: number): { pool: Pool; database: Database } {
  const pool = new Pool({ ...connectionOptions(url), max: size, query_timeout: queryTimeoutMs });
  // The pool listens to idle connections only. One that is lost within a transaction, between two of its queries, fails the
  // next of them; nobody listening, it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return { pool, database: drizzle(pool, { schema }) };
}
