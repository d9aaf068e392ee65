import { type Clock, createLogger, type Logger, Metrics, readConfig, systemClock } from '#libs/runtime';
import { influxdbConfig } from '../influxdb/influxdb.config.js';
import { InfluxdbTelemetryStore } from '../influxdb/influxdb-telemetry-store.js';

/** What a test may choose. */
export interface TestInfluxdbOptions {
  url: string;
  database: string;
  clock?: Clock;
  metrics?: Metrics;
  logger?: Logger;
  queryTimeoutMs?: number;
  /** INFLUX_* settings, where the defaults do not do. */
  settings?: Readonly<Record<string, string>>;
}

/** An InfluxDB store that has not been started. */
export function testInfluxdbStore(options: TestInfluxdbOptions): InfluxdbTelemetryStore {
  const { url, database, clock = systemClock, metrics = new Metrics(), queryTimeoutMs = 10_000 } = options;
  const influxdb = readConfig(influxdbConfig, { INFLUX_URL: url, INFLUX_DATABASE: database, ...options.settings });
  return new InfluxdbTelemetryStore(
    { influxdb, timeZone: 'Asia/Shanghai', queryTimeoutMs, queryConcurrency: 4 },
    clock,
    options.logger ?? createLogger('test', 'silent'),
    metrics,
  );
}

/** Asks or changes an InfluxDB of a test by itself, past the store; gives the answer's rows. */
export async function influxql(url: string, database: string, statement: string): Promise<unknown[][]> {
  const query = new URLSearchParams({ db: database, epoch: 'ns', q: statement });
  const response = await fetch(`${url}/query?${query}`, { method: 'POST', signal: AbortSignal.timeout(30_000) });
  const answer = (await response.json()) as { results: { error?: string; series?: { values: unknown[][] }[] }[] };
  const [result] = answer.results;
  if (result?.error) throw new Error(result.error);
  return (result?.series ?? []).flatMap(({ values }) => values);
}
