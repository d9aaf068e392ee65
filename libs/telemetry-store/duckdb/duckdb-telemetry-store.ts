import { join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Clock, Logger } from '#libs/runtime';
import { StoreUnavailable } from '../telemetry-store.errors.js';
import type { StoreBatch, StoredBatch, TelemetryStore } from '../telemetry-store.port.js';
import { findStore } from './rendezvous.js';
import { StoreClient } from './store-client.js';
import { StoreOwner } from './store-owner.js';
import type { AppendRequest, QueryRequest, StoreOptions } from './store-protocol.js';

const appendTimeoutMs = 60_000;
/** How long a query may wait for its turn. */
const waitMs = 10_000;
/** Deleting, emptying: what touches every table. */
const longTimeoutMs = 600_000;
const maintainEveryMs = 60_000;
const findTimeoutMs = 60_000;
const defaultPartRows = 2_000_000;

/** What the adapter needs to know. */
export interface DuckdbStoreSettings {
  dataDir: string;
  timeZone: string;
  memoryMb: number;
  queryTimeoutMs: number;
  queryConcurrency: number;
  /** Rows after which an open part is sealed and sorted; tests make it small. */
  partRows?: number;
  /** A folder in which benchmarks find how many rows questions scanned: see `QuestionProfile`. */
  profileFolder?: string;
}

/** Stores open in this process, by folder: DuckDB is opened once however many modules ask. */
const owners = new Map<string, { owner: StoreOwner; users: number }>();

/**
 * The DuckDB adapter. On the process's main thread it starts the thread that owns DuckDB; on any other it finds that
 * thread. Either way it is a client of it.
 */
export class DuckdbTelemetryStore implements TelemetryStore {
  private readonly folder: string;
  private client: StoreClient | undefined;
  private connecting: Promise<StoreClient> | undefined;
  private cancelTimer: (() => void) | undefined;
  private stopped = false;

  constructor(
    private readonly settings: DuckdbStoreSettings,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.folder = resolve(join(settings.dataDir, 'telemetry'));
  }

  async start(): Promise<void> {
    this.stopped = false;
    if (isMainThread) {
      const owned = owners.get(this.folder) ?? {
        owner: new StoreOwner(this.options(), this.clock, this.logger),
        users: 0,
      };
      owners.set(this.folder, owned);
      owned.users += 1;
      if (owned.users === 1) this.scheduleMaintenance();
      try {
        await owned.owner.start();
      } catch (error) {
        await this.stop();
        throw error;
      }
    }
    await this.connect();
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.cancelTimer?.();
    const owned = isMainThread ? owners.get(this.folder) : undefined;
    if (owned) {
      owned.users -= 1;
      if (owned.users === 0) {
        owners.delete(this.folder);
        await owned.owner.stop();
      }
    }
    this.client?.close();
    this.client = undefined;
  }

  /** What keeps the store from serving, or undefined. */
  async problem(): Promise<string | undefined> {
    const owned = owners.get(this.folder);
    if (owned) return owned.owner.problem;
    return this.connect().then(
      () => undefined,
      (error: Error) => error.message,
    );
  }

  async append(batches: readonly StoreBatch[]): Promise<StoredBatch[]> {
    if (batches.length === 0) return [];
    const request = appendRequest(batches, this.clock.now());
    const client = await this.connect();
    return client.request<StoredBatch[]>(request, appendTimeoutMs, [request.data.buffer as ArrayBuffer]);
  }

  positions(): ReturnType<TelemetryStore['positions']> {
    return this.ask({ method: 'positions', args: [] });
  }

  latest(...args: Parameters<TelemetryStore['latest']>): ReturnType<TelemetryStore['latest']> {
    return this.ask({ method: 'latest', args });
  }

  range(...args: Parameters<TelemetryStore['range']>): ReturnType<TelemetryStore['range']> {
    return this.ask({ method: 'range', args });
  }

  downsample(...args: Parameters<TelemetryStore['downsample']>): ReturnType<TelemetryStore['downsample']> {
    return this.ask({ method: 'downsample', args });
  }

  frames(...args: Parameters<TelemetryStore['frames']>): ReturnType<TelemetryStore['frames']> {
    return this.ask({ method: 'frames', args });
  }

  frame(...args: Parameters<TelemetryStore['frame']>): ReturnType<TelemetryStore['frame']> {
    return this.ask({ method: 'frame', args });
  }

  /** Days are rolled up where they are sorted, in the thread that owns DuckDB. */
  async rollUp(): Promise<void> {}

  deleteBefore(...args: Parameters<TelemetryStore['deleteBefore']>): Promise<number> {
    return this.ask({ method: 'deleteBefore', args }, longTimeoutMs);
  }

  clear(): Promise<void> {
    return this.ask({ method: 'clear', args: [] }, longTimeoutMs);
  }

  exportPart(begin: boolean): Promise<Uint8Array | undefined> {
    return this.ask({ method: 'exportPart', args: [begin] }, longTimeoutMs);
  }

  importPart(part: Uint8Array): Promise<void> {
    return this.ask({ method: 'importPart', args: [part] }, longTimeoutMs);
  }

  /** One round of what happens beside appends; the owner calls it every minute. */
  async maintain(): Promise<void> {
    const client = await this.connect();
    await client.request<void>({ method: 'maintain', now: this.clock.now() }, longTimeoutMs);
  }

  private async ask<T>(request: QueryRequest, timeoutMs = 3 * this.settings.queryTimeoutMs + waitMs): Promise<T> {
    const client = await this.connect();
    return client.request<T>(request, timeoutMs);
  }

  private connect(): Promise<StoreClient> {
    if (this.client) return Promise.resolve(this.client);
    this.connecting ??= this.open().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  private async open(): Promise<StoreClient> {
    if (this.stopped) throw new StoreUnavailable('The telemetry store is stopped.');
    const owned = owners.get(this.folder);
    const port = owned ? owned.owner.connect() : await findStore(this.folder, findTimeoutMs);
    if (!port) throw new StoreUnavailable('The telemetry store is being opened again.');
    const client = new StoreClient(port, () => {
      if (this.client === client) this.client = undefined;
    });
    this.client = client;
    return client;
  }

  private scheduleMaintenance(): void {
    this.cancelTimer = this.clock.after(maintainEveryMs, () => {
      this.maintain()
        .catch((error: Error) => {
          if (!this.stopped)
            this.logger.warn({ err: error }, 'telemetry store maintenance did not finish; it is tried again');
        })
        .finally(() => {
          if (!this.stopped) this.scheduleMaintenance();
        });
    });
  }

  private options(): StoreOptions {
    const { dataDir: _, partRows = defaultPartRows, profileFolder, ...settings } = this.settings;
    return { ...settings, folder: this.folder, partRows, profileFolder };
  }
}

/** Copies entries into one buffer that can change hands: a clone of a view would copy all of the memory it looks into. */
function appendRequest(batches: readonly StoreBatch[], now: number): AppendRequest {
  const total = batches.reduce((sum, batch) => sum + batch.data.byteLength, 0);
  const data = new Uint8Array(total);
  let offset = 0;
  const places = batches.map(({ data: entry, ...batch }) => {
    data.set(entry, offset);
    const place = { ...batch, offset, bytes: entry.byteLength };
    offset += entry.byteLength;
    return place;
  });
  return { method: 'append', now, batches: places, data };
}
