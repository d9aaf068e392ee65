import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '#libs/runtime';
import type { StoredReading, TelemetryStore, TimeOfResolution } from '../telemetry-store.port.js';
import { batchOf, dayStart, type messageOf } from './messages.js';

/** How the suite gets at an adapter. */
export interface TelemetryStoreHarness {
  /** A started store on the data in `dataDir`; called again on the same folder after a stop or a crash. */
  open(dataDir: string, clock: Clock): Promise<TelemetryStore>;
  /** Has a store that was opened here do what it does beside appends, by the time of its clock. */
  upkeep(store: TelemetryStore): Promise<void>;
  /**
   * A script for a child process: given `dataDir`, it opens the store and appends `crashBatch(position)` for positions 1, 2,
   * 3..., sending each position to its parent once it is durable.
   */
  crashScript: URL;
  /** Further arguments of `crashScript`. */
  crashArguments?: () => readonly string[];
  /** Removes what `open` made outside `dataDir`. */
  discard?(dataDir: string): Promise<void>;
}

export const minute = 60_000;
export const hour = 60 * minute;
export const dayMs = 24 * hour;
export const always = { from: dayStart - 400 * dayMs, to: dayStart + 400 * dayMs };

/** The store under test, and what every case does with it. */
export class ContractRun {
  store: TelemetryStore;
  dataDir: string;
  /** Of the entry appended last. */
  position: number;

  constructor(readonly harness: TelemetryStoreHarness) {}

  async start(): Promise<void> {
    this.dataDir = await mkdtemp(join(tmpdir(), 'telemetry-contract-'));
    this.store = await this.harness.open(this.dataDir, systemClock);
    this.position = 0;
  }

  async stop(): Promise<void> {
    await this.store.stop();
    await this.harness.discard?.(this.dataDir);
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async reopen(clock: Clock = systemClock): Promise<void> {
    await this.store.stop();
    this.store = await this.harness.open(this.dataDir, clock);
  }

  async append(...messages: ReturnType<typeof messageOf>[]): Promise<void> {
    this.position += 1;
    await this.store.append([batchOf(messages, { position: this.position })]);
  }

  range(deviceKey: string, metrics?: readonly string[]): Promise<StoredReading[]> {
    return this.store.range({ deviceKey, metrics, range: always, limit: 1_000 });
  }
}

/** All pieces of a backup of the store. */
export async function exported(store: TelemetryStore): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for (let piece = await store.exportPart(true); piece; piece = await store.exportPart(false)) pieces.push(piece);
  return pieces;
}

/** The values of readings, in their order. */
export function values(readings: readonly StoredReading[]): unknown[] {
  return readings.map((reading) => reading.value);
}

/** What `deleteBefore` takes to delete readings from before a time, and keep all roll-ups. */
export function keeping(reading: number): TimeOfResolution {
  return { reading, hour: 0, day: 0 };
}
