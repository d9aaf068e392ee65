import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/**
 * Rows to a row group. A checkpoint writes the last one of every table again: at DuckDB's own size, four times this, that
 * is most of what it does, and commits wait for it.
 */
const rowGroupRows = 30_720;

/** The file that everything is kept in. */
export class StoreFile {
  private constructor(private readonly instance: DuckDBInstance) {}

  /** Opens the file in `folder`, or makes it. */
  static async open(folder: string, memoryMb: number): Promise<StoreFile> {
    mkdirSync(folder, { recursive: true });
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      // While it writes one, commits wait: a fifth of a second at this size.
      checkpoint_threshold: '24MB',
      memory_limit: `${memoryMb}MB`,
      temp_directory: join(folder, 'temporary'),
      preserve_insertion_order: 'true',
    });
    try {
      const path = join(folder, 'readings.duckdb').replaceAll("'", "''");
      // Attached, not opened: only so can the size of its row groups be chosen.
      const connection = await instance.connect();
      await connection.run(`ATTACH '${path}' AS readings (ROW_GROUP_SIZE ${rowGroupRows})`);
      connection.closeSync();
    } catch (error) {
      instance.closeSync();
      throw error;
    }
    return new StoreFile(instance);
  }

  /** A connection whose statements are about the file. */
  async connect(): Promise<DuckDBConnection> {
    const connection = await this.instance.connect();
    await connection.run('USE readings');
    return connection;
  }

  close(): void {
    this.instance.closeSync();
  }
}
