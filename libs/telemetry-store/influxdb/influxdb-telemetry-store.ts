import type { Clock, Logger, Metrics } from '#libs/runtime';
import { DayCalendar } from '../day-calendar.js';
import type { StoreBatch, StoredBatch, TelemetryStore } from '../telemetry-store.port.js';
import { deleteDaysBefore, dropAll } from './deletion.js';
import { downsample } from './downsample-query.js';
import { readFrame, readFrames } from './frame-query.js';
import { GroupCommit } from './group-commit.js';
import { InfluxConnection } from './influx-connection.js';
import type { InfluxdbConfig } from './influxdb.config.js';
import { LatestQuery } from './latest-query.js';
import { PointWriter } from './point-writer.js';
import { QueryGate } from './query-gate.js';
import { readRange } from './range-query.js';
import { RollupBooks } from './rollup-books.js';
import { RollupMaker } from './rollup-maker.js';
import { Rollups } from './rollups.js';
import { SeriesAdmission } from './series-admission.js';
import { ServerWatch } from './server-watch.js';
import { StoreBackup } from './store-backup.js';
import { StoreBooks } from './store-books.js';

/** What the adapter needs to know. */
export interface InfluxdbStoreSettings {
  influxdb: InfluxdbConfig;
  timeZone: string;
  queryTimeoutMs: number;
  queryConcurrency: number;
}

/** The InfluxDB adapter: 1.x, 2.x and 3.x, written by line protocol and asked in InfluxQL. Any number of processes use one. */
export class InfluxdbTelemetryStore implements TelemetryStore {
  private readonly connection: InfluxConnection;
  private readonly writer: PointWriter;
  private readonly books: StoreBooks;
  /** Urgent entries never wait behind bulk ones. */
  private readonly commits: { urgent: GroupCommit; bulk: GroupCommit };
  private readonly rollupBooks: RollupBooks;
  private readonly rollups: Rollups;
  private readonly latestQuery: LatestQuery;
  private readonly watch: ServerWatch;
  private readonly gate: QueryGate;
  private readonly calendar: DayCalendar;
  private readonly backup: StoreBackup;

  constructor(settings: InfluxdbStoreSettings, clock: Clock, logger: Logger, metrics: Metrics) {
    const { influxdb, timeZone, queryTimeoutMs, queryConcurrency } = settings;
    this.calendar = new DayCalendar(timeZone);
    this.connection = new InfluxConnection(influxdb, queryTimeoutMs, clock, logger);
    this.writer = new PointWriter(this.connection, influxdb, metrics);
    const admission = new SeriesAdmission(this.connection, influxdb, metrics);
    this.books = new StoreBooks(this.connection, this.writer, admission, this.calendar, metrics);
    const commit = () => new GroupCommit(this.writer, this.books, clock);
    this.commits = { urgent: commit(), bulk: commit() };
    this.rollupBooks = new RollupBooks(this.connection, this.writer, this.calendar);
    this.rollups = new Rollups(this.rollupBooks, new RollupMaker(this.connection, this.writer), clock);
    this.latestQuery = new LatestQuery(this.connection, clock);
    this.watch = new ServerWatch(this.connection, clock, logger, metrics);
    this.gate = new QueryGate(queryConcurrency);
    this.backup = new StoreBackup(this.connection, this.writer, this.books, this.rollupBooks, this.calendar, clock);
  }

  async start(): Promise<void> {
    await this.connection.open();
    this.writer.open();
    await this.watch.checkSettings();
  }

  async stop(): Promise<void> {
    // A start that still waits is given up; what has been handed over is finished.
    this.connection.giveUpWaiting();
    await Promise.all([this.commits.urgent.drain(), this.commits.bulk.drain()]);
    this.writer.close();
    await this.connection.close();
  }

  problem(): Promise<string | undefined> {
    return this.connection.problem();
  }

  async append(batches: readonly StoreBatch[]): Promise<StoredBatch[]> {
    const [first] = batches;
    if (!first) return [];
    const urgent = batches.some((batch) => batch.lane === 'urgent');
    return this.commits[urgent ? 'urgent' : 'bulk'].append(batches);
  }

  positions(): ReturnType<TelemetryStore['positions']> {
    return this.books.positions();
  }

  latest(deviceKeys: readonly string[]): ReturnType<TelemetryStore['latest']> {
    return this.gate.run(() => this.latestQuery.latest(deviceKeys));
  }

  range(query: Parameters<TelemetryStore['range']>[0]): ReturnType<TelemetryStore['range']> {
    return this.gate.run(() => readRange(query, this.connection));
  }

  downsample(query: Parameters<TelemetryStore['downsample']>[0]): ReturnType<TelemetryStore['downsample']> {
    return this.gate.run(() => downsample(query, this.connection, this.rollupBooks));
  }

  frames(query: Parameters<TelemetryStore['frames']>[0]): ReturnType<TelemetryStore['frames']> {
    return this.gate.run(() => readFrames(query, this.connection));
  }

  frame(deviceKey: string, messageId: string): ReturnType<TelemetryStore['frame']> {
    return this.gate.run(() => readFrame(deviceKey, messageId, this.connection));
  }

  rollUp(goOn: () => boolean): Promise<void> {
    return this.rollups.run(goOn);
  }

  deleteBefore(before: Parameters<TelemetryStore['deleteBefore']>[0]): Promise<number> {
    const { calendar, connection, rollups, rollupBooks: books } = this;
    return deleteDaysBefore(before, { calendar, connection, rollups, books });
  }

  exportPart(begin: boolean): Promise<Uint8Array | undefined> {
    return this.backup.exportPart(begin);
  }

  importPart(part: Uint8Array): Promise<void> {
    return this.backup.importPart(part);
  }

  async clear(): Promise<void> {
    await dropAll(this.connection);
    this.books.clear();
    this.latestQuery.clear();
  }
}
