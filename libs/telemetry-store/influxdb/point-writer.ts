import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpError, InfluxDB, setLogger, type Transport } from '@influxdata/influxdb-client';
import type { Metrics } from '#libs/runtime';
import { StoreUnavailable } from '../telemetry-store.errors.js';
import type { InfluxConnection } from './influx-connection.js';
import type { InfluxdbConfig } from './influxdb.config.js';

/** Writes under way at a time. */
const connections = 4;
const writeOptions = { method: 'POST', headers: { 'content-type': 'text/plain; charset=utf-8' } };
/** Not a point's fault though InfluxDB answers 400: what the server's settings limit. */
const serverLimits = /max-series-per-database|max-values-per-tag|max series|timeout/i;

// The client would print what is handled here.
setLogger({ error: () => {}, warn: () => {} });

/** Anything that is one line of line protocol. */
export interface Line {
  line: string;
}

/** Writes lines through the client, and finds the ones at fault where InfluxDB takes only a part. */
export class PointWriter {
  private readonly requests;
  private readonly points;
  private server: { transport: Transport; path: string } | undefined;
  private agent: HttpAgent | HttpsAgent | undefined;

  constructor(
    private readonly connection: InfluxConnection,
    private readonly config: InfluxdbConfig,
    metrics: Metrics,
  ) {
    this.requests = metrics.counter('telemetry_store_writes_total', 'Writes to InfluxDB, by outcome.', ['outcome']);
    this.points = metrics.counter('telemetry_store_points_total', 'Points that InfluxDB has taken.');
  }

  /** Once the connection knows its server. */
  open(): void {
    const { url, org, database, writeTimeoutMs } = this.config;
    const secure = new URL(url).protocol === 'https:';
    this.agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: connections });
    const { transport } = new InfluxDB({
      url,
      timeout: writeTimeoutMs,
      headers: this.connection.authorization(),
      transportOptions: { agent: this.agent },
    });
    const path =
      this.connection.version.major === 1
        ? `/write?${new URLSearchParams({ db: database, precision: 'ns' })}`
        : `/api/v2/write?${new URLSearchParams({ org, bucket: database, precision: 'ns' })}`;
    this.server = { transport, path };
  }

  close(): void {
    this.server = undefined;
    this.agent?.destroy();
  }

  /**
   * Durable when it resolves, with the points that InfluxDB does not take and why. Written in requests of bounded size, some
   * at a time. Rejects with `StoreUnavailable` where the server is at fault: some of the points may have been written.
   */
  async write<P extends Line>(points: readonly P[]): Promise<{ point: P; detail: string }[]> {
    const requests = this.requestsOf(points);
    const refused: { point: P; detail: string }[][] = [];
    let next = 0;
    const work = async () => {
      for (let at = next++; at < requests.length; at = next++) refused[at] = await this.bisect(requests[at] ?? []);
    };
    await Promise.all(Array.from({ length: Math.min(connections, requests.length) }, work));
    return refused.flat();
  }

  private requestsOf<P extends Line>(points: readonly P[]): P[][] {
    const { writePoints, writeBytes } = this.config;
    const requests: P[][] = [];
    let bytes = 0;
    for (const point of points) {
      const current = requests.at(-1);
      // Most of it is ASCII; the bound is about memory, not about a limit of the protocol.
      bytes += point.line.length + 1;
      if (current && current.length < writePoints && bytes <= writeBytes) current.push(point);
      else {
        requests.push([point]);
        bytes = point.line.length + 1;
      }
    }
    return requests;
  }

  /**
   * InfluxDB writes the good points of a request with a bad one, answers 400, and names at most one of the bad. So the halves
   * are written again: the same points again change nothing, and in the end the bad ones stand alone.
   */
  private async bisect<P extends Line>(points: readonly P[]): Promise<{ point: P; detail: string }[]> {
    const refusal = await this.send(points);
    if (refusal === undefined) return [];
    const [point] = points;
    if (points.length === 1 && point) return [{ point, detail: refusal }];
    const middle = Math.ceil(points.length / 2);
    return [...(await this.bisect(points.slice(0, middle))), ...(await this.bisect(points.slice(middle)))];
  }

  /** What InfluxDB has against the points, or undefined. */
  private async send(points: readonly Line[]): Promise<string | undefined> {
    const { server } = this;
    if (!server) throw new StoreUnavailable('The telemetry store has not started.');
    try {
      await post(server, points.map((point) => point.line).join('\n'));
      this.requests.inc({ outcome: 'written' });
      this.points.inc(points.length);
      return undefined;
    } catch (error) {
      const refusal = refusalOf(error);
      this.requests.inc({ outcome: refusal === undefined ? 'failed' : 'refused' });
      if (refusal !== undefined) return refusal;
      // 1.x has its database made again; elsewhere somebody has to, and what comes meanwhile waits.
      if (error instanceof HttpError && error.statusCode === 404 && this.connection.version.major === 1)
        await this.connection.prepareDatabase();
      throw new StoreUnavailable(`InfluxDB did not take a write: ${reasonOf(error)}`);
    }
  }
}

/** Where the points are at fault: what the server says of them. */
function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof HttpError) || ![400, 413, 422].includes(error.statusCode)) return undefined;
  const reason = reasonOf(error);
  return serverLimits.test(reason) ? undefined : reason;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof HttpError)) return (error as Error).message || String(error);
  const { error: text, message } = (error.json ?? {}) as { error?: string; message?: string };
  return `${error.statusCode} ${text ?? message ?? error.body ?? error.statusMessage ?? ''}`.slice(0, 500);
}

/**
 * One request. The client's own writer would batch, time and repeat, which is done here, and hold in memory, and drop, what the
 * stream keeps.
 */
function post({ transport, path }: { transport: Transport; path: string }, lines: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let status = 0;
    transport.send(path, lines, writeOptions, {
      responseStarted: (_, code = 0) => {
        status = code;
      },
      error: reject,
      complete: () => {
        // Clustered 3.x answers 201 where it took a part only.
        if (status === 204) resolve();
        else
          reject(
            new HttpError(status === 201 ? 400 : status, `answered ${status}, where 204 says that all is written`),
          );
      },
    });
  });
}
