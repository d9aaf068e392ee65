import { Inject, Injectable } from '@nestjs/common';
import { and, desc, eq, isNull, or, sql } from 'drizzle-orm';
import type { DecoderSpec, ThingModel } from '#libs/devices';
import { DATABASE, type Database, products, productVersions } from '#libs/registry-db';
import type { ProductDefinition } from '../product-compiler.js';

/** Versions of products, published or not, for trying frames on them. */
@Injectable()
export class ProductVersionRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * A version of the product, by default the one its devices use, else its latest. `tenantKey` limits it to the tenant's
   * own products and the built-in ones. Undefined where there is none to be seen.
   */
  async find(
    productId: string,
    version: number | undefined,
    tenantKey: string | undefined,
  ): Promise<ProductDefinition | undefined> {
    const [row] = await this.database
      .select({
        version: productVersions.version,
        thingModel: productVersions.thingModel,
        decoder: productVersions.decoder,
        lane: products.lane,
      })
      .from(products)
      .innerJoin(productVersions, eq(productVersions.productKey, products.key))
      .where(
        and(
          eq(products.id, productId),
          version === undefined ? undefined : eq(productVersions.version, version),
          tenantKey === undefined
            ? undefined
            : or(eq(products.ownerTenantKey, tenantKey), isNull(products.ownerTenantKey)),
        ),
      )
      .orderBy(
        sql`(${productVersions.version} = ${products.currentVersion}) desc nulls last`,
        desc(productVersions.version),
      )
      .limit(1);
    if (!row) return undefined;
    // Both were validated when they were written.
    return { ...row, thingModel: row.thingModel as ThingModel, decoder: row.decoder as DecoderSpec };
  }
}
