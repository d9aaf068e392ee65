import { Inject, Injectable } from '@nestjs/common';
import { validate as isUuid } from 'uuid';
import type { Lane } from '#libs/contracts';
import { type DirectoryConfig, directoryConfig } from './directory.config.js';
import { DirectoryRepository, type ProductRow } from './directory.repository.js';
import { DirectoryHost } from './directory-host.js';
import { Lookups } from './lookups.js';
import type { DecoderSpec, LocalName, ThingModel } from './thing-model.js';

/** The published version of a product that its devices use now. */
export interface ProductVersion {
  productKey: string;
  /** `water-meter` */
  productId: string;
  version: number;
  /** Null for the built-in products. */
  ownerTenantKey: string | null;
  thingModel: ThingModel;
  decoder: DecoderSpec;
  expectedIntervalMs: number;
  lane: Lane;
  domain: string;
  name: LocalName;
}

/** Every product with a published version, in memory, fresh to the poll interval. */
@Injectable()
export class ProductCatalogue {
  private readonly versions = new Map<string, ProductVersion>();
  private readonly listeners = new Set<(version: ProductVersion) => void>();
  private readonly lookups: Lookups<ProductVersion>;
  private horizon = '0';

  constructor(
    @Inject(directoryConfig.KEY) config: DirectoryConfig,
    @Inject(DirectoryRepository) private readonly repository: DirectoryRepository,
    @Inject(DirectoryHost) host: DirectoryHost,
  ) {
    this.lookups = new Lookups(config, host.clock, (key) => this.fetch(key), host.lookupFailed);
    host.host('product-catalogue', config.pollMs, { load: () => this.load(), refresh: () => this.refresh() });
  }

  /** The version that devices of the product use; undefined where none is published or the product is not known. */
  current(productKey: string): ProductVersion | undefined {
    return this.versions.get(productKey);
  }

  /** Every published product. */
  all(): IterableIterator<ProductVersion> {
    return this.versions.values();
  }

  /**
   * As `current`, but asks the registry (bounded, at most once per key and few seconds) where memory has no answer.
   * Throws `RegistryUnansweredError` where the registry has none either just now.
   */
  async find(productKey: string): Promise<ProductVersion | undefined> {
    const known = this.versions.get(productKey);
    return known ?? (isUuid(productKey) ? await this.lookups.ask(productKey) : undefined);
  }

  /** Calls `listener` with each version that becomes current from now on. Returns the way to stop. */
  onChange(listener: (version: ProductVersion) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async load(): Promise<void> {
    this.horizon = await this.repository.horizon();
    for (const row of await this.repository.products(undefined)) this.keep(row);
  }

  private async refresh(): Promise<void> {
    const since = this.horizon;
    const next = await this.repository.horizon();
    for (const row of await this.repository.products(since)) this.keep(row);
    this.horizon = next;
  }

  private async fetch(productKey: string): Promise<ProductVersion | undefined> {
    const row = await this.repository.productByKey(productKey);
    return row && this.keep(row);
  }

  private keep(row: ProductRow): ProductVersion {
    const { nameZh, nameEn, ...rest } = row;
    const before = this.versions.get(row.productKey);
    const same = before?.version === row.version && before.name.zh === nameZh && before.name.en === nameEn;
    if (same && before.ownerTenantKey === row.ownerTenantKey) return before;
    const version: ProductVersion = { ...rest, name: { zh: nameZh, en: nameEn } };
    this.versions.set(row.productKey, version);
    for (const listener of this.listeners) listener(version);
    return version;
  }
}
