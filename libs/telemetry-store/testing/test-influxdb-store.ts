import { type Clock, createLogger, type Logger, Metrics, readConfig, systemClock } from '#libs/runtime';
import { bucketToken, dropBucket, ensureBucket, influxdbLogin } from '#libs/runtime/testing';
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

/** An InfluxDB store that has not been started. On 2.x its start makes the bucket first: the store itself never does. */
export function testInfluxdbStore(options: TestInfluxdbOptions): InfluxdbTelemetryStore {
  const { url, database, clock = systemClock, metrics = new Metrics(), queryTimeoutMs = 10_000 } = options;
  const login = influxdbLogin();
  const influxdb = readConfig(influxdbConfig, {
    INFLUX_URL: url,
    INFLUX_DATABASE: database,
    ...(login ? { INFLUX_ORG: login.org, INFLUX_TOKEN: login.token } : {}),
    ...options.settings,
  });
  const store = new InfluxdbTelemetryStore(
    { influxdb, timeZone: 'Asia/Shanghai', queryTimeoutMs, queryConcurrency: 4 },
    clock,
    options.logger ?? createLogger('test', 'silent'),
    metrics,
  );
  if (login) {
    const start = () => InfluxdbTelemetryStore.prototype.start.call(store);
    // Where nobody answers yet, the store waits; its own start says so.
    store.start = () => ensureBucket(url, login, database, influxdb.shardDays).then(start, start);
  }
  return store;
}

/** The settings that lead a platform to a database of its own, on 2.x with a token for that bucket alone. */
export async function influxdbSettings(url: string, database: string): Promise<Record<string, string>> {
  const login = influxdbLogin();
  return {
    INFLUX_URL: url,
    INFLUX_DATABASE: database,
    ...(login ? { INFLUX_ORG: login.org, INFLUX_TOKEN: await bucketToken(url, login, database) } : {}),
  };
}

/** Asks or changes an InfluxDB of a test by itself, past the store; gives the answer's rows. */
export async function influxql(url: string, database: string, statement: string): Promise<unknown[][]> {
  const query = new URLSearchParams({ db: database, epoch: 'ns', q: statement });
  const response = await influxdbPost(`${url}/query?${query}`);
  // 2.x answers what changes something with {}.
  const answer = (await response.json()) as { results?: { error?: string; series?: { values: unknown[][] }[] }[] };
  const [result] = answer.results ?? [];
  if (result?.error) throw new Error(result.error);
  return (result?.series ?? []).flatMap(({ values }) => values);
}

/** Removes a database, or bucket, with all that it holds. */
export async function dropDatabase(url: string, database: string): Promise<void> {
  const login = influxdbLogin();
  if (login) await dropBucket(url, login, database);
  else await influxql(url, '', `DROP DATABASE "${database}"`);
}

/** Posts to a test's InfluxDB with the login that it asks for. */
export function influxdbPost(url: string, body?: string | URLSearchParams): Promise<Response> {
  const login = influxdbLogin();
  return fetch(url, {
    method: 'POST',
    headers: login ? { authorization: `Token ${login.token}` } : {},
    body: body ?? null,
    signal: AbortSignal.timeout(60_000),
  });
}
