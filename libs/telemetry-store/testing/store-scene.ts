import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NormalisedMessage } from '#libs/contracts';
import { ScriptedClock } from '#libs/runtime';
import type { StoredBatch } from '../telemetry-store.port.js';
import { batchOf, dayStart } from './messages.js';
import { openTestTelemetryStore, type TestStoreOptions } from './test-telemetry-store.js';

const noonMs = 12 * 3_600_000;
type Opened = Awaited<ReturnType<typeof openTestTelemetryStore>>;

/** A store in a folder of its own, on scripted time that begins at noon of `dayStart`, and one partition that feeds it. */
export class StoreScene {
  readonly clock = new ScriptedClock(dayStart + noonMs);
  /** Of the last entry appended. */
  position = 0;
  private opened: Opened | undefined;

  private constructor(readonly dataDir: string) {}

  static async create(): Promise<StoreScene> {
    return new StoreScene(await mkdtemp(join(tmpdir(), 'citysense-store-')));
  }

  /** The store that is open. */
  get store(): Opened['store'] {
    if (!this.opened) throw new Error('open the store first');
    return this.opened.store;
  }

  /** Opens the store; one that is open is closed first, so that what follows reads the files again. */
  async open(options: TestStoreOptions = {}): Promise<Opened['store']> {
    await this.close();
    this.opened = await openTestTelemetryStore({ dataDir: this.dataDir, clock: this.clock, ...options });
    return this.opened.store;
  }

  /** Appends messages as the partition's next entry. */
  append(...messages: NormalisedMessage[]): Promise<StoredBatch[]> {
    this.position += 1;
    return this.store.append([batchOf(messages, { position: this.position })]);
  }

  async close(): Promise<void> {
    await this.opened?.close();
    this.opened = undefined;
  }

  /** Closes the store and removes its folder. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
