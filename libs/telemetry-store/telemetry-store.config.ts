import { type ConfigOf, defineConfig, setting } from '#libs/runtime';

export const telemetryStoreConfig = defineConfig('telemetry-store', {
  kind: setting.choice(
    'TELEMETRY_STORE_KIND',
    ['duckdb', 'influxdb'],
    'duckdb',
    'Where readings and frames are kept: duckdb (inside this process, in DATA_DIR/telemetry) or influxdb (the server at INFLUX_URL).',
    'duckdb',
  ),
  retentionDays: setting.integer(
    'TELEMETRY_RETENTION_DAYS',
    400,
    'Days that readings and frames are kept, counted in PLATFORM_TIME_ZONE. Series go further back, in roll-ups.',
    1,
    36_500,
  ),
  hourlyRetentionDays: setting.integer(
    'TELEMETRY_HOURLY_RETENTION_DAYS',
    1_100,
    'Days that roll-ups by the hour are kept.',
    1,
    36_500,
  ),
  dailyRetentionDays: setting.integer(
    'TELEMETRY_DAILY_RETENTION_DAYS',
    3_660,
    'Days that roll-ups by the local day are kept.',
    1,
    36_500,
  ),
  memoryMb: setting.integer(
    'TELEMETRY_MEMORY_MB',
    512,
    'Most memory DuckDB uses, in MB; sorts beyond it go to disk.',
    128,
  ),
  queryTimeoutMs: setting.integer(
    'TELEMETRY_QUERY_TIMEOUT_MS',
    10_000,
    'A query of the store that runs longer is stopped, in milliseconds.',
    100,
    600_000,
  ),
  queryConcurrency: setting.integer(
    'TELEMETRY_QUERY_CONCURRENCY',
    2,
    'Queries of the store that run at the same time; the others wait.',
    1,
    8,
  ),
});
export type TelemetryStoreConfig = ConfigOf<typeof telemetryStoreConfig>;
