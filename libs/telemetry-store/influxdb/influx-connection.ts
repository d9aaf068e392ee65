import { type Dispatcher, Pool } from 'undici';
import { type Clock, ConfigError, type Logger, PlatformError, sleep, withCertificateFix } from '#libs/runtime';
import { queryTimedOut, queryTooLarge, StoreUnavailable } from '../telemetry-store.errors.js';
import type { InfluxdbConfig } from './influxdb.config.js';
import { measurements } from './schema.js';

/** A row of an answer; the first column is the time, in epoch milliseconds. */
export type Row = (string | number | boolean | null)[];

/** A series of an answer, or a part of one that is continued. */
export interface Series {
  name: string;
  tags?: Record<string, string>;
  columns: string[];
  values: Row[];
}

/** What differs between the servers that speak InfluxQL. */
export interface ServerVersion {
  /** As the server says: `1.6.7~rc0`, `v2.7.4`. */
  text: string;
  major: number;
}

interface Answer {
  error?: string;
  /** Of 2.x, where it does not get as far as a statement: `{"code":"unauthorized","message":"unauthorized access"}`. */
  message?: string;
  results?: { error?: string; series?: Series[] }[];
}

/** A bucket of 2.x, as far as it matters here. */
interface Bucket {
  id: string;
  retentionRules?: { shardGroupDurationSeconds?: number }[];
}

const connections = 16;
const pingTimeoutMs = 2_000;
const secondsPerDay = 86_400;
const firstPauseMs = 250;
const longestPauseMs = 5_000;
const rowsPerChunk = 10_000;
/** Most rows of an answer that is held in memory as a whole. */
const maxRows = 500_000;

/** One InfluxDB: finds out which, makes the database where it may, and asks it in InfluxQL. */
export class InfluxConnection {
  /** Known once `open` resolves. */
  version: ServerVersion = { text: '', major: 0 };
  /** Of the bucket, on 2.x. */
  private bucketId = '';
  private readonly pool: Pool;
  private readonly waiting = new AbortController();
  private readonly closing = new AbortController();

  constructor(
    private readonly config: InfluxdbConfig,
    private readonly queryTimeoutMs: number,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.pool = new Pool(new URL(config.url).origin, { connections, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Waits for the server for as long as it takes. Throws `ConfigError` where it answers and will never do. */
  async open(): Promise<void> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        this.version = await this.detect();
        await this.prepareDatabase();
        const { text } = this.version;
        this.logger.info({ url: this.config.url, version: text, database: this.config.database }, 'InfluxDB is there');
        return;
      } catch (error) {
        if (error instanceof LoginRefused) throw new ConfigError(error.detail);
        if (error instanceof ConfigError || this.waiting.signal.aborted) throw error;
        if (pauseMs === firstPauseMs) this.logger.warn({ err: error }, 'waiting for InfluxDB');
      }
      await sleep(this.clock, pauseMs, this.waiting.signal);
    }
  }

  /** Ends an `open` that still waits. */
  giveUpWaiting(): void {
    this.waiting.abort();
  }

  async close(): Promise<void> {
    this.waiting.abort();
    this.closing.abort();
    await this.pool.destroy();
  }

  /** What keeps the server from answering, or undefined. */
  async problem(): Promise<string | undefined> {
    return this.detect().then(
      () => undefined,
      (error: Error) => error.message,
    );
  }

  /** The authorisation that the server's version takes, for writes and for questions alike. */
  authorization(): Record<string, string> {
    const { token, username, password = '' } = this.config;
    if (token) return { authorization: `Token ${token}` };
    if (username === '') return {};
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  }

  /** All series of an answer. Rejects with 400 `telemetry_query_too_large` beyond 500,000 rows. */
  async ask(statement: string, timeoutMs = this.queryTimeoutMs): Promise<Series[]> {
    const found: Series[] = [];
    let rows = 0;
    for await (const series of this.stream(statement, timeoutMs)) {
      rows += series.values.length;
      if (rows > maxRows)
        throw queryTooLarge(`The answer has more than ${maxRows} rows: ask for a shorter range or fewer devices.`);
      found.push(series);
    }
    return found;
  }

  /** The series of an answer as they come, long ones in parts. */
  async *stream(statement: string, timeoutMs = this.queryTimeoutMs): AsyncGenerator<Series> {
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.closing.signal]);
    try {
      const response = await this.request(statement, signal);
      for await (const line of linesOf(response.body)) yield* seriesOf(line, response.statusCode);
      if (response.statusCode !== 200) throw new StoreUnavailable(`InfluxDB answered ${response.statusCode}.`);
    } catch (error) {
      if (error instanceof DatabaseMissing) await this.createDatabase();
      if (error instanceof PlatformError) throw error;
      if (this.closing.signal.aborted) throw new StoreUnavailable('The telemetry store is stopped.');
      if (signal.aborted) throw queryTimedOut(timeoutMs);
      throw new StoreUnavailable(`InfluxDB at ${this.config.url} does not answer: ${reasonOf(error)}`);
    }
  }

  /** Runs a statement that changes something and answers nothing. */
  async run(statement: string, timeoutMs = this.queryTimeoutMs): Promise<void> {
    for await (const _ of this.stream(statement, timeoutMs));
  }

  /** Makes the database on 1.x where the user may, and checks that it can be asked. */
  async prepareDatabase(): Promise<void> {
    const { database } = this.config;
    await this.createDatabase();
    if (this.version.major === 2) await this.findBucket();
    try {
      // 2.x shows no measurements of a database that is not mapped, and says nothing of it: a question about one tells.
      const ofOne = `SELECT "position" FROM ${measurements.positions} LIMIT 1`;
      await this.run(this.version.major === 2 ? ofOne : 'SHOW MEASUREMENTS LIMIT 1');
    } catch (error) {
      if (this.version.major !== 1 && error instanceof DatabaseMissing) {
        // A database of 3.x comes into being with the first write.
        if (this.version.major >= 3) return;
        throw new ConfigError(
          `InfluxDB has no database "${database}" to ask: make the bucket and a default DBRP mapping of that name to it, or set INFLUX_DATABASE.`,
        );
      }
      throw error;
    }
  }

  /** How many series the database has, as 1.x and 2.x estimate it; undefined where the server does not say. */
  async seriesCount(timeoutMs: number): Promise<number | undefined> {
    switch (this.version.major) {
      case 1: {
        const [found] = await this.ask('SHOW SERIES CARDINALITY', timeoutMs);
        return Number(found?.values[0]?.at(-1) ?? 0);
      }
      case 2: {
        // It has no such statement, and counts by itself.
        const { status, text } = await this.get('/metrics', timeoutMs);
        const ofBucket = new RegExp(`^storage_bucket_series_num\\{bucket="${this.bucketId}"\\} (\\S+)$`, 'm');
        const [, count] = ofBucket.exec(text) ?? [];
        return status === 200 && count !== undefined ? Number(count) : undefined;
      }
      default:
        return undefined;
    }
  }

  /** 2.x takes writes for an organisation by name, and tells only then that it, or its bucket, is not there. */
  private async findBucket(): Promise<void> {
    const { org, database, shardDays } = this.config;
    if (org === '') {
      throw new ConfigError(
        'INFLUX_ORG is missing: set it to the organisation of the bucket, InfluxDB 2.x asks for it.',
      );
    }
    const query = new URLSearchParams({ org, name: database });
    const { status, text } = await this.get(`/api/v2/buckets?${query}`, pingTimeoutMs);
    if (status === 404) {
      throw new ConfigError(
        `InfluxDB has no bucket "${database}" in an organisation "${org}": make it, or set INFLUX_DATABASE and INFLUX_ORG.`,
      );
    }
    // What may not be seen, or not now, shows in the first question.
    if (status !== 200) return;
    const [bucket] = (JSON.parse(text) as { buckets?: Bucket[] }).buckets ?? [];
    this.bucketId = bucket?.id ?? '';
    const days = (bucket?.retentionRules?.[0]?.shardGroupDurationSeconds ?? 0) / secondsPerDay;
    if (days > 0 && days < shardDays) {
      this.logger.warn(
        { shardDays: days },
        `the bucket has a shard for every ${days} days, and questions that look far back look into each: influx bucket update --id ${this.bucketId} --shard-group-duration ${shardDays}d`,
      );
    }
  }

  private async get(path: string, timeoutMs: number) {
    const response = await this.pool.request({
      method: 'GET',
      path: `${basePath(this.config.url)}${path}`,
      headers: this.authorization(),
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.closing.signal]),
    });
    const { statusCode: status, headers, body } = response;
    return { status, headers, text: await body.text() };
  }

  private async createDatabase(): Promise<void> {
    if (this.version.major !== 1) return;
    const { database, shardDays } = this.config;
    const statement = `CREATE DATABASE ${quoted(database)} WITH SHARD DURATION ${shardDays}d`;
    await this.run(statement).catch((error: Error) => {
      // A user who may not make databases has been given one; one with other shards was made before.
      if (!/not authorized|privilege|403|conflicts with an existing/i.test(error.message)) throw error;
    });
  }

  private async detect(): Promise<ServerVersion> {
    const { url } = this.config;
    try {
      const { status, text, headers } = await this.get('/ping', pingTimeoutMs);
      if (status >= 400) throw new Error(`/ping answered ${status}`);
      return versionOf(headers['x-influxdb-version'], text);
    } catch (error) {
      throw new StoreUnavailable(`InfluxDB at ${url} does not answer: ${reasonOf(error)}`);
    }
  }

  private request(statement: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { url, database } = this.config;
    const query = new URLSearchParams({ db: database, epoch: 'ms', chunked: 'true', chunk_size: String(rowsPerChunk) });
    return this.pool.request({
      method: 'POST',
      path: `${basePath(url)}/query?${query}`,
      headers: {
        ...this.authorization(),
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: new URLSearchParams({ q: statement }).toString(),
      signal,
    });
  }
}

/** The database is not there, or not to be seen. */
class DatabaseMissing extends StoreUnavailable {}

/** InfluxDB does not take the login. */
class LoginRefused extends StoreUnavailable {}

/** An identifier of InfluxQL. */
export function quoted(identifier: string): string {
  return `"${identifier.replace(/["\\]/g, '\\$&')}"`;
}

/** The lines of an answer as they come; breaking off ends the answer. */
async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let begun: Buffer[] = [];
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      begun.push(chunk.subarray(from, end));
      if (begun.some((part) => part.length > 0)) yield Buffer.concat(begun).toString();
      begun = [];
      from = end + 1;
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
  }
  if (begun.length > 0) yield Buffer.concat(begun).toString();
}

function* seriesOf(line: string, status: number): Generator<Series> {
  let answer: Answer;
  try {
    answer = JSON.parse(line) as Answer;
  } catch {
    throw new StoreUnavailable(`InfluxDB answered ${status} with what is not JSON: ${line.slice(0, 200)}`);
  }
  const problem = answer.error ?? answer.message ?? answer.results?.find((result) => result.error !== undefined)?.error;
  if (problem !== undefined) {
    if (status === 401) {
      throw new LoginRefused(
        `InfluxDB does not take the login: ${problem}. Set INFLUX_TOKEN (2.x, 3.x), or INFLUX_USERNAME and INFLUX_PASSWORD (1.x).`,
      );
    }
    const refusal = `InfluxDB refused a question: ${problem}`;
    throw /(database|bucket).*not found|default retention policy not set/i.test(problem)
      ? new DatabaseMissing(refusal)
      : new StoreUnavailable(refusal);
  }
  for (const result of answer.results ?? []) yield* result.series ?? [];
}

function versionOf(header: string | string[] | undefined, body: string): ServerVersion {
  const text = String(header ?? /"version"\s*:\s*"([^"]+)"/.exec(body)?.[1] ?? '');
  const major = Number(/^v?(\d+)/.exec(text)?.[1]);
  if (!(major >= 1)) throw new Error(`/ping names no version in X-Influxdb-Version (${JSON.stringify(text)})`);
  return { text, major };
}

function basePath(url: string): string {
  const { pathname } = new URL(url);
  return pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return withCertificateFix(error, message || code || String(error));
}
