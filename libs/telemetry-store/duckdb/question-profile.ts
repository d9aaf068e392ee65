import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';

/** The file of a profile folder that has a line per statement: the rows that it scanned. */
export const rowsScannedFile = 'rows-scanned';

/** Writes down how many rows each statement scans, as DuckDB counts them itself: all rows of the row groups it cannot skip. */
export class QuestionProfile {
  private readonly outputs = new Map<DuckDBConnection, string>();

  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  /** What the connection is asked from now on is written down. */
  async begin(connection: DuckDBConnection): Promise<void> {
    const output = join(this.folder, `profile-${this.outputs.size}.json`);
    await connection.run("SET enable_profiling = 'json'");
    await connection.run(`SET profiling_output = '${output.replaceAll("'", "''")}'`);
    this.outputs.set(connection, output);
  }

  /** The connection has answered. */
  note(connection: DuckDBConnection): void {
    const output = this.outputs.get(connection);
    if (output === undefined) return;
    const profile = JSON.parse(readFileSync(output, 'utf8')) as { cumulative_rows_scanned: number };
    appendFileSync(join(this.folder, rowsScannedFile), `${profile.cumulative_rows_scanned}\n`);
  }
}
