import type { DuckDBConnection } from '@duckdb/node-api';

/** Does all of `task` on the connection or, where it rejects, nothing of it. */
export async function transaction<T>(connection: DuckDBConnection, task: () => Promise<T>): Promise<T> {
  await connection.run('BEGIN');
  try {
    const result = await task();
    await connection.run('COMMIT');
    return result;
  } catch (error) {
    // Where COMMIT itself failed there is nothing left to roll back; the first error is the one to tell.
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
