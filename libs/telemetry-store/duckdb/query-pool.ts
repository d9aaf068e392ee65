import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { QuestionProfile } from './question-profile.js';
import type { StoreFile } from './store-file.js';
import type { StoreOptions } from './store-protocol.js';
import { queryTimedOut, storeBusy } from './store-refusal.js';

const maxWaiting = 256;

/** Connections for reading, apart from the one that appends: so many queries at a time, each of bounded time. */
export class QueryPool {
  private readonly idle: DuckDBConnection[] = [];
  private readonly all: DuckDBConnection[] = [];
  private readonly waiting: ((connection: DuckDBConnection) => void)[] = [];

  private readonly profile: QuestionProfile | undefined;
  private readonly timeoutMs: number;

  constructor(
    private readonly file: StoreFile,
    private readonly options: Pick<StoreOptions, 'queryConcurrency' | 'queryTimeoutMs' | 'profileFolder'>,
  ) {
    this.profile = options.profileFolder === undefined ? undefined : new QuestionProfile(options.profileFolder);
    this.timeoutMs = options.queryTimeoutMs;
  }

  async open(): Promise<void> {
    for (let count = 0; count < this.options.queryConcurrency; count += 1) {
      const connection = await this.file.connect();
      await this.profile?.begin(connection);
      this.idle.push(connection);
      this.all.push(connection);
    }
  }

  /** The result's columns. Rejects with `telemetry_store_busy` or `telemetry_query_timed_out`. */
  async run(sql: string): Promise<DuckDBValue[][]> {
    const connection = await this.take();
    let late = false;
    // Again and again: an interruption is forgotten when it comes before the query has begun.
    const timer = setInterval(() => {
      late = true;
      connection.interrupt();
    }, this.timeoutMs);
    try {
      const reader = await connection.runAndReadAll(sql);
      this.profile?.note(connection);
      return reader.getColumns();
    } catch (error) {
      throw late ? queryTimedOut(this.timeoutMs) : error;
    } finally {
      clearInterval(timer);
      this.give(connection);
    }
  }

  /** Stops what runs and lets go of the connections. */
  close(): void {
    for (const connection of this.all) {
      connection.interrupt();
      connection.closeSync();
    }
  }

  private take(): Promise<DuckDBConnection> {
    const connection = this.idle.pop();
    if (connection) return Promise.resolve(connection);
    if (this.waiting.length >= maxWaiting) return Promise.reject(storeBusy());
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private give(connection: DuckDBConnection): void {
    const next = this.waiting.shift();
    if (next) next(connection);
    else this.idle.push(connection);
  }
}
