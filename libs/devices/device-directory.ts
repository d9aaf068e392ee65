import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { validate as isUuid } from 'uuid';
import { canonicalDeviceId, deviceIdPattern, partitionOf } from '#libs/contracts';
import { STREAM, type StreamLog } from '#libs/stream';
import { type DeviceFacts, DeviceTable } from './device-table.js';
import { type DirectoryConfig, directoryConfig } from './directory.config.js';
import { type ChangeMark, DirectoryRepository, type DirectoryRow } from './directory.repository.js';
import { DirectoryHost } from './directory-host.js';
import { groupOf, type KnownDevice, mayConnect } from './known-device.js';
import { Lookups, RegistryUnansweredError } from './lookups.js';
import { ProductCatalogue, type ProductVersion } from './product-catalogue.js';

/** The answer to a device's credentials. A disabled device is told so only with the right secret. */
export type Authentication =
  | { kind: 'accepted'; device: KnownDevice }
  | { kind: 'refused'; reason: 'unknown_device' | 'wrong_secret' | 'device_disabled' | 'registry_unavailable' };

const noSettings: Readonly<Record<string, unknown>> = Object.freeze({});
const rememberedVersions = 200_000;
const devicesPerTurn = 20_000;
const mostWaiting = 20_000;

/**
 * Every device in memory, loaded at start and fresh to the poll interval, so that the hot path never asks the registry.
 * While the registry is down it serves what it knows.
 */
@Injectable()
export class DeviceDirectory {
  private readonly table = new DeviceTable();
  private readonly listeners = new Set<(device: KnownDevice) => void>();
  private readonly byIdLookups: Lookups<KnownDevice>;
  private readonly byKeyLookups: Lookups<KnownDevice>;
  /** Rows are read again while their transaction is at or above the horizon; their version tells what is not new. */
  private readonly versions = new LRUCache<string, string>({ max: rememberedVersions });
  private readonly settings = new LRUCache<string, Readonly<Record<string, unknown>>>({ max: 10_000 });
  private readonly strings = new Map<string, string>();
  private horizon = '0';
  private waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  private rounds = 0;

  constructor(
    @Inject(directoryConfig.KEY) private readonly config: DirectoryConfig,
    @Inject(DirectoryRepository) private readonly repository: DirectoryRepository,
    @Inject(ProductCatalogue) private readonly catalogue: ProductCatalogue,
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(DirectoryHost) private readonly host: DirectoryHost,
  ) {
    this.byIdLookups = new Lookups(
      config,
      host.clock,
      (id) => this.fetch(repository.deviceById(id)),
      host.lookupFailed,
      (id) => this.nextRefresh().then(() => this.table.byId(id)),
    );
    this.byKeyLookups = new Lookups(
      config,
      host.clock,
      (key) => this.fetch(repository.deviceByKey(key)),
      host.lookupFailed,
      (key) => this.nextRefresh().then(() => this.table.byKey(key)),
    );
    host.host('device-directory', config.pollMs, { load: () => this.load(), refresh: () => this.refresh() });
    catalogue.onChange((version) => void this.changeInterval(version));
  }

  /** How many devices are known, retired ones included. */
  get size(): number {
    return this.table.size;
  }

  /** The device of that id, in any letter case. */
  byId(id: string): KnownDevice | undefined {
    return this.table.byId(canonicalDeviceId(id));
  }

  byKey(key: string): KnownDevice | undefined {
    return this.table.byKey(key);
  }

  /**
   * As `byKey`, but asks the registry (bounded, at most once per key and few seconds) where memory has no answer. Throws
   * `RegistryUnansweredError` where the registry has none either just now.
   */
  async find(key: string): Promise<KnownDevice | undefined> {
    const known = this.table.byKey(key);
    return known ?? (isUuid(key) ? await this.byKeyLookups.ask(key) : undefined);
  }

  /** As `byId`, but asks the registry once where memory has no answer: a device just registered is found at once. */
  async findById(id: string): Promise<KnownDevice | undefined> {
    const canonical = canonicalDeviceId(id);
    return this.table.byId(canonical) ?? (deviceIdPattern.test(id) ? this.byIdLookups.ask(canonical) : undefined);
  }

  /** The devices of a building, by `KnownDevice.building`; retired ones included. */
  members(building: string): readonly KnownDevice[] {
    return this.table.members(building);
  }

  /** Every device, retired ones included. */
  all(): IterableIterator<KnownDevice> {
    return this.table.all();
  }

  /**
   * Checks a device's secret in constant time. Where memory does not accept it, the registry is asked (bounded, at most
   * once per id and few seconds), so that a device registered or given a new secret a moment ago can connect at once.
   */
  async authenticate(id: string, secret: string): Promise<Authentication> {
    const canonical = canonicalDeviceId(id);
    const secretHash = createHash('sha256').update(secret).digest();
    let device = this.table.byId(canonical);
    const isRight = () => device !== undefined && this.host.clock.now() < this.table.goodUntil(device, secretHash);
    let right = isRight();
    if ((!right || !mayConnect(device?.status ?? 'retired')) && deviceIdPattern.test(id)) {
      const answer = await this.byIdLookups.ask(canonical).catch(() => 'unanswered' as const);
      // Of a device in memory, what is known of it stands.
      if (answer === 'unanswered' && !device) return { kind: 'refused', reason: 'registry_unavailable' };
      if (answer !== 'unanswered') device = answer ?? device;
      right = isRight();
    }
    if (!device) return { kind: 'refused', reason: 'unknown_device' };
    if (!right) return { kind: 'refused', reason: 'wrong_secret' };
    return mayConnect(device.status) ? { kind: 'accepted', device } : { kind: 'refused', reason: 'device_disabled' };
  }

  /**
   * Until when a device that was accepted with the secret of this SHA-256 still would be, in epoch milliseconds: infinite
   * as long as nothing changes, a while where the secret has been rotated, 0 where the device may not connect with it. From
   * memory, without a look-up.
   */
  acceptedUntil(key: string, secretHash: Uint8Array): number {
    const device = this.table.byKey(key);
    return device !== undefined && mayConnect(device.status) ? this.table.goodUntil(device, secretHash) : 0;
  }

  /** Calls `listener` with each device that is new or changed from now on, not with those loaded at start. Returns the way to stop. */
  onChange(listener: (device: KnownDevice) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async load(): Promise<void> {
    this.horizon = await this.repository.horizon();
    let after: string | undefined;
    do {
      const rows = await this.repository.devicePage(after, this.config.pageRows);
      for (const row of rows) this.keep(row);
      after = rows.length < this.config.pageRows ? undefined : rows.at(-1)?.key;
    } while (after !== undefined);
  }

  private async refresh(): Promise<void> {
    const waiting = this.waiting.splice(0);
    try {
      const since = this.horizon;
      const next = await this.repository.deviceChanges(since);
      if (next.changed) {
        this.rounds += 1;
        await this.takeChanges('devices', since);
        await this.takeChanges('installations', since);
      }
      this.horizon = next.horizon;
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      const unanswered = new RegistryUnansweredError((error as Error).message, { cause: error });
      for (const { reject } of waiting) reject(unanswered);
      throw error;
    }
  }

  /** Resolves after the next refresh that begins from now on. Throws where it fails, or where too many wait for it. */
  private nextRefresh(): Promise<void> {
    if (this.waiting.length >= mostWaiting) {
      return Promise.reject(new RegistryUnansweredError('too many wait for the next refresh'));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  }

  private async takeChanges(of: 'devices' | 'installations', since: string): Promise<void> {
    let after: ChangeMark | undefined;
    do {
      const marks: ChangeMark[] = await this.repository.changeMarks(of, since, after, this.config.pageRows);
      if (marks.length > 0) {
        for (const row of await this.repository.devicesByKeys(marks.map((mark) => mark.key))) this.take(row);
      }
      after = marks.length < this.config.pageRows ? undefined : marks.at(-1);
    } while (after !== undefined);
  }

  private async fetch(question: Promise<DirectoryRow | undefined>): Promise<KnownDevice | undefined> {
    const round = this.rounds;
    const row = await question;
    if (!row) return undefined;
    // A refresh meanwhile may have read a later version than this answer.
    const known = round === this.rounds ? undefined : this.table.byKey(row.key);
    return known ?? this.take(row);
  }

  /** Keeps the row and tells the listeners, unless this very version of it was taken before. */
  private take(row: DirectoryRow): KnownDevice {
    const known = this.table.byKey(row.key);
    if (known && this.versions.get(row.key) === row.version) return known;
    this.versions.set(row.key, row.version);
    const device = this.keep(row);
    for (const listener of this.listeners) listener(device);
    return device;
  }

  private keep(row: DirectoryRow): KnownDevice {
    const ownIntervalMs = row.ownIntervalMs ?? 0;
    const product = this.catalogue.current(row.productKey);
    const facts: DeviceFacts = {
      device: {
        key: row.key,
        id: row.id,
        tenantKey: this.shared(row.tenantKey),
        productKey: this.shared(row.productKey),
        lane: row.lane,
        partition: partitionOf(row.key, this.stream.partitions),
        status: row.status,
        parentKey: row.parentKey ?? undefined,
        building: row.building === null ? undefined : groupOf(row.tenantKey, row.building),
        expectedIntervalMs: ownIntervalMs || (product?.expectedIntervalMs ?? this.config.defaultIntervalMs),
        settings: this.parsedSettings(row.settings),
        tags: this.parsedSettings(row.tags),
      },
      ownIntervalMs,
      secretHash: row.secretHash,
      previous:
        row.previousSecretHash && row.previousSecretUntil
          ? { secretHash: row.previousSecretHash, until: row.previousSecretUntil }
          : undefined,
    };
    return this.table.put(facts);
  }

  /** One string for all devices of a tenant or product. */
  private shared(text: string): string {
    const known = this.strings.get(text);
    if (known !== undefined) return known;
    this.strings.set(text, text);
    return text;
  }

  /** One object for all devices with the same settings. */
  private parsedSettings(json: string): Readonly<Record<string, unknown>> {
    if (json === '{}') return noSettings;
    let parsed = this.settings.get(json);
    if (!parsed) {
      parsed = Object.freeze(JSON.parse(json) as Record<string, unknown>);
      this.settings.set(json, parsed);
    }
    return parsed;
  }

  private async changeInterval(version: ProductVersion): Promise<void> {
    let walked = 0;
    for (const device of this.table.all()) {
      walked += 1;
      if (walked % devicesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
      if (device.productKey !== version.productKey) continue;
      const changed = this.table.changeInterval(device, version.expectedIntervalMs);
      if (changed) for (const listener of this.listeners) listener(changed);
    }
  }
}
