import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { and, eq, isNull } from 'drizzle-orm';
import { DATABASE, type Database, products, productVersions, type Transaction } from '#libs/registry-db';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, startOrder } from '#libs/runtime';
import { type BuiltInProduct, builtInProducts } from '../built-in/index.js';

/** Puts the built-in products into the registry at start; one that changed with a release gets a new version. */
@Injectable()
export class BuiltInSeeder {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    lifecycle.add({
      name: 'built-in-products',
      order: startOrder.directories,
      start: () => this.seed(builtInProducts),
      stop: async () => {},
    });
  }

  /** Idempotent; several processes may do it at once. */
  async seed(wanted: readonly BuiltInProduct[]): Promise<void> {
    for (const product of wanted) {
      const version = await this.database.transaction((transaction) => this.seedOne(transaction, product));
      if (version) this.logger.info({ product: product.id, version }, 'built-in product published');
    }
  }

  private async seedOne(transaction: Transaction, product: BuiltInProduct): Promise<number | undefined> {
    const { id, name, domain, lane, thingModel, decoder, expectedIntervalMs } = product;
    await transaction
      .insert(products)
      .values({ id, nameZh: name.zh, nameEn: name.en, domain, lane })
      .onConflictDoNothing({ target: products.id });
    const [row] = await transaction
      .select()
      .from(products)
      .where(and(eq(products.id, id), isNull(products.ownerTenantKey)))
      .for('update');
    if (!row)
      throw new Error(
        `The product id "${id}" is needed for a built-in product, but a tenant owns it. Rename that one.`,
      );
    const current = row.currentVersion ?? 0;
    const [published] = await transaction
      .select()
      .from(productVersions)
      .where(and(eq(productVersions.productKey, row.key), eq(productVersions.version, current)));
    const same =
      published !== undefined &&
      published.expectedIntervalMs === expectedIntervalMs &&
      isDeepStrictEqual(published.thingModel, plain(thingModel)) &&
      isDeepStrictEqual(published.decoder, plain(decoder));
    if (same && row.nameZh === name.zh && row.nameEn === name.en) return undefined;
    const version = same ? current : current + 1;
    if (!same) {
      const publishedAt = new Date(this.clock.now());
      await transaction
        .insert(productVersions)
        .values({ productKey: row.key, version, thingModel, decoder, expectedIntervalMs, publishedAt });
    }
    await transaction
      .update(products)
      .set({ currentVersion: version, nameZh: name.zh, nameEn: name.en })
      .where(eq(products.key, row.key));
    return version;
  }
}

/** As it comes back from the registry. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
