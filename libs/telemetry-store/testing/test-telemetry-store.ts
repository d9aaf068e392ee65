import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, createLogger, systemClock } from '#libs/runtime';
import { DuckdbTelemetryStore } from '../duckdb/duckdb-telemetry-store.js';
import type { TelemetryStore } from '../telemetry-store.port.js';

/** What a test may choose. */
export interface TestStoreOptions {
  dataDir?: string;
  clock?: Clock;
  partRows?: number;
  queryTimeoutMs?: number;
  profileFolder?: string;
}

/** A started DuckDB store that has not been told where; `close` stops it and, where it made the folder, removes that. */
export async function openTestTelemetryStore(
  options: TestStoreOptions = {},
): Promise<{ store: TelemetryStore & { maintain(): Promise<void> }; dataDir: string; close(): Promise<void> }> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'telemetry-')));
  const store = new DuckdbTelemetryStore(
    {
      dataDir,
      timeZone: 'Asia/Shanghai',
      memoryMb: 256,
      queryTimeoutMs: options.queryTimeoutMs ?? 10_000,
      queryConcurrency: 2,
      partRows: options.partRows,
      profileFolder: options.profileFolder,
    },
    options.clock ?? systemClock,
    createLogger('test', 'silent'),
  );
  await store.start();
  return {
    store,
    dataDir,
    close: async () => {
      await store.stop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
