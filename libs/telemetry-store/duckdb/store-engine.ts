import type { DuckDBConnection } from '@duckdb/node-api';
import { DayCalendar } from '../day-calendar.js';
import { decodePart } from '../stored-part.js';
import type { StoredReading } from '../telemetry-store.port.js';
import { Compaction } from './compaction.js';
import { DayTargets } from './day-targets.js';
import { Dictionary } from './dictionary.js';
import { downsample } from './downsample-query.js';
import { readFrame, readFrames } from './frame-query.js';
import { GroupQueue } from './group-queue.js';
import { GroupWriter } from './group-writer.js';
import { LatestMap } from './latest-map.js';
import { LatestSnapshot } from './latest-snapshot.js';
import { Maintenance } from './maintenance.js';
import { Parts } from './parts.js';
import { QueryPool } from './query-pool.js';
import { readRange, storedReading } from './reading-query.js';
import { Rollups } from './rollups.js';
import { fixedTables, none, readColumns, storeFormat, upgrades } from './schema.js';
import { StoreExport } from './store-export.js';
import { StoreFile } from './store-file.js';
import { StoreImport } from './store-import.js';
import type { QueryRequest, StoreOptions, StoreRequest } from './store-protocol.js';
import { transaction } from './transaction.js';

/** DuckDB and everything kept beside it, in the one thread that owns them. */
export class StoreEngine {
  private constructor(
    private readonly file: StoreFile,
    private readonly connections: { append: DuckDBConnection; maintain: DuckDBConnection },
    private readonly work: {
      queue: GroupQueue;
      pool: QueryPool;
      compaction: Compaction;
      maintenance: Maintenance;
      export: StoreExport;
      import: StoreImport;
    },
    private readonly state: { parts: Parts; dictionary: Dictionary; latest: LatestMap; rollups: Rollups },
  ) {}

  /** Opens the store, or makes an empty one. Throws where its format is not ours. */
  static async open(options: StoreOptions): Promise<StoreEngine> {
    const file = await StoreFile.open(options.folder, options.memoryMb);
    const append = await file.connect();
    const maintain = await file.connect();
    const timeZone = await prepare(append, options.timeZone);
    const parts = new Parts(new DayCalendar(timeZone));
    const dictionary = new Dictionary();
    const latest = new LatestMap();
    await parts.load(append);
    await dictionary.load(append);
    const snapshot = new LatestSnapshot(maintain, latest, parts);
    const writer = new GroupWriter(append, dictionary, latest, new DayTargets(append, parts));
    writer.storedAt = await snapshot.load();
    const queue = new GroupQueue(append, writer);
    await queue.load();
    const pool = new QueryPool(file, options);
    await pool.open();
    const compaction = new Compaction(maintain, parts);
    const rollups = new Rollups(maintain, parts, () => snapshot.deletedBefore, options.partRows / 2);
    await rollups.load();
    const state = { parts, snapshot, writer, queue };
    const maintenance = new Maintenance(maintain, state, compaction, rollups, options.partRows);
    const backup = {
      export: new StoreExport(file, { parts, dictionary, queue, rollups }, compaction),
      import: new StoreImport(append, { ...state, dictionary, latest, rollups }),
    };
    return new StoreEngine(
      file,
      { append, maintain },
      { queue, pool, compaction, maintenance, ...backup },
      { parts, dictionary, latest, rollups },
    );
  }

  /** Does what a request asks. */
  handle(request: StoreRequest): Promise<unknown> {
    switch (request.method) {
      case 'append':
        return this.work.queue.append(request);
      case 'maintain':
        return this.work.maintenance.run(request.now);
      default:
        return this.query(request);
    }
  }

  /** Finishes what is queued, writes the latest map down and closes. */
  async close(): Promise<void> {
    await this.work.queue.drain();
    await this.work.export.end();
    await this.work.maintenance.finish();
    this.work.pool.close();
    await this.connections.append.run('CHECKPOINT').catch(() => undefined);
    this.connections.append.closeSync();
    this.connections.maintain.closeSync();
    this.file.close();
  }

  private async query(request: QueryRequest): Promise<unknown> {
    const { pool, compaction } = this.work;
    const { parts, dictionary, rollups } = this.state;
    switch (request.method) {
      case 'positions':
        return this.work.queue.positions();
      case 'latest':
        return this.latestOf(request.args[0]);
      case 'range':
        return compaction.guard(() => readRange(request.args[0], pool, parts, dictionary));
      case 'downsample':
        return compaction.guard(() => downsample(request.args[0], pool, parts, rollups, dictionary));
      case 'frames':
        return compaction.guard(() => readFrames(request.args[0], pool, parts, dictionary));
      case 'frame':
        return compaction.guard(() => readFrame(request.args[0], request.args[1], pool, parts, dictionary));
      case 'deleteBefore':
        return this.work.maintenance.deleteBefore(request.args[0]);
      case 'clear':
        await this.work.maintenance.clear(() => dictionary.clear());
        return undefined;
      case 'exportPart':
        return this.work.export.next(request.args[0]);
      case 'importPart':
        return this.importPart(request.args[0]);
    }
  }

  private importPart(encoded: Uint8Array): Promise<void> {
    const { maintenance, queue } = this.work;
    const piece = decodePart(encoded);
    const between = piece.kind === 'rollups' || piece.kind === 'kept' ? maintenance : queue;
    return between.exclusive(() => this.work.import.take(piece));
  }

  private latestOf(deviceKeys: readonly string[]): Map<string, StoredReading[]> {
    const found = new Map<string, StoredReading[]>();
    for (const deviceKey of deviceKeys) {
      const device = this.state.dictionary.find('device', deviceKey);
      const cells = device === undefined ? [] : this.state.latest.of(device);
      if (cells.length === 0) continue;
      found.set(
        deviceKey,
        cells.map((cell) => storedReading(deviceKey, cell, this.state.dictionary)),
      );
    }
    return found;
  }
}

/** Makes the tables of a new store, or upgrades those of an old one. Returns the time zone that its days are cut in. */
async function prepare(connection: DuckDBConnection, timeZone: string): Promise<string> {
  const [[tables]] = (await readColumns(
    connection,
    `SELECT count(*)::DOUBLE FROM duckdb_tables() WHERE NOT temporary`,
  )) as [[number]];
  if (tables === 0) {
    await transaction(connection, async () => {
      for (const sql of fixedTables) await connection.run(sql);
      await connection.run(`INSERT INTO store VALUES (${storeFormat}, '${timeZone.replaceAll("'", '')}')`);
      await connection.run(`INSERT INTO latest_mark VALUES (0, ${none})`);
    });
    await connection.run('CHECKPOINT');
  }
  const [formats, zones] = (await readColumns(connection, 'SELECT format, time_zone FROM store').catch(() => [
    [],
    [],
  ])) as [number[], string[]];
  await upgrade(connection, formats[0]);
  return zones[0] ?? timeZone;
}

/** Brings a store of an older format to ours, one format after the other, each in a transaction. */
async function upgrade(connection: DuckDBConnection, found: number | undefined): Promise<void> {
  for (let format = found; format !== storeFormat; format += 1) {
    const statements = format === undefined ? undefined : upgrades[format];
    if (format === undefined || !statements) {
      throw new Error(
        `the telemetry store has format ${found ?? 'unknown'}; this release reads 1 to ${storeFormat}: run the release that wrote it, or move the folder away and rebuild from the stream`,
      );
    }
    await transaction(connection, async () => {
      for (const sql of [...statements, `UPDATE store SET format = ${format + 1}`]) await connection.run(sql);
    });
  }
}
