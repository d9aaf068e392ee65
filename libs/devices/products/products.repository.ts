import { Inject, Injectable } from '@nestjs/common';
import { and, asc, desc, eq, gt, isNotNull, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { type Principal, tenantScope } from '#libs/access';
import { DATABASE, type Database, deviceGrants, products, productVersions, type Transaction } from '#libs/registry-db';
import type { ProductDefinition } from './product-definition.js';

export type ProductRow = typeof products.$inferSelect;
export type ProductVersionRow = typeof productVersions.$inferSelect;

/** Products and their versions in the registry. */
@Injectable()
export class ProductsRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Visible products in order of their id, after `after`. */
  list(
    principal: Principal,
    domain: string | undefined,
    after: string | undefined,
    limit: number,
  ): Promise<ProductRow[]> {
    return this.database
      .select()
      .from(products)
      .where(
        and(
          visibleProducts(principal),
          domain === undefined ? undefined : eq(products.domain, domain),
          after === undefined ? undefined : gt(products.id, after),
        ),
      )
      .orderBy(asc(products.id))
      .limit(limit);
  }

  async find(principal: Principal, id: string): Promise<ProductRow | undefined> {
    const rows = await this.database
      .select()
      .from(products)
      .where(and(eq(products.id, id), visibleProducts(principal)));
    return rows[0];
  }

  async version(productKey: string, version: number): Promise<ProductVersionRow | undefined> {
    const rows = await this.database
      .select()
      .from(productVersions)
      .where(and(eq(productVersions.productKey, productKey), eq(productVersions.version, version)));
    return rows[0];
  }

  /** Newest first, below `before`. */
  versions(
    productKey: string,
    drafts: boolean,
    before: number | undefined,
    limit: number,
  ): Promise<ProductVersionRow[]> {
    return this.database
      .select()
      .from(productVersions)
      .where(
        and(
          eq(productVersions.productKey, productKey),
          drafts ? undefined : isNotNull(productVersions.publishedAt),
          before === undefined ? undefined : lt(productVersions.version, before),
        ),
      )
      .orderBy(desc(productVersions.version))
      .limit(limit);
  }

  /** The product with its first version as a draft; undefined where the id is taken. */
  create(product: typeof products.$inferInsert, definition: ProductDefinition): Promise<ProductRow | undefined> {
    return this.database.transaction(async (transaction) => {
      const [row] = await transaction
        .insert(products)
        .values(product)
        .onConflictDoNothing({ target: products.id })
        .returning();
      if (row) await transaction.insert(productVersions).values(draftOf(row.key, 1, definition));
      return row;
    });
  }

  /** A draft with the next number. */
  addVersion(productKey: string, definition: ProductDefinition): Promise<ProductVersionRow> {
    return this.database.transaction(async (transaction) => {
      await lock(transaction, productKey);
      const version = (await latestVersion(transaction, productKey)) + 1;
      const [row] = await transaction
        .insert(productVersions)
        .values(draftOf(productKey, version, definition))
        .returning();
      return row as ProductVersionRow;
    });
  }

  /** Replaces a draft; undefined where it is no draft any more. */
  async replaceDraft(
    productKey: string,
    version: number,
    definition: ProductDefinition,
  ): Promise<ProductVersionRow | undefined> {
    const rows = await this.database
      .update(productVersions)
      .set(draftOf(productKey, version, definition))
      .where(and(isDraft(productKey, version)))
      .returning();
    return rows[0];
  }

  /**
   * Makes the draft the version that devices use. Undefined where it is not the draft that was checked: published
   * meanwhile, replaced, or overtaken by a later version.
   */
  publish(draft: ProductVersionRow, at: Date): Promise<ProductVersionRow | undefined> {
    const { productKey, version } = draft;
    return this.database.transaction(async (transaction) => {
      await lock(transaction, productKey);
      const [row] = await transaction
        .update(productVersions)
        .set({ publishedAt: at })
        .where(
          and(
            isDraft(productKey, version),
            sql`${productVersions.decoder} = ${JSON.stringify(draft.decoder)}::jsonb`,
            sql`${productVersions.thingModel} = ${JSON.stringify(draft.thingModel)}::jsonb`,
            sql`${productVersions.goldenFrames} = ${JSON.stringify(draft.goldenFrames)}::jsonb`,
          ),
        )
        .returning();
      if (!row) return undefined;
      const updated = await transaction
        .update(products)
        .set({ currentVersion: version })
        .where(
          and(eq(products.key, productKey), or(isNull(products.currentVersion), lt(products.currentVersion, version))),
        )
        .returning({ key: products.key });
      if (updated.length === 0) transaction.rollback();
      return row;
    });
  }
}

/** Built-in products, the tenant's own, and the published ones of vendors whom it lets see its devices. */
export function visibleProducts(principal: Principal): SQL | undefined {
  const scope = tenantScope(principal);
  if (scope === undefined) return undefined;
  return or(
    isNull(products.ownerTenantKey),
    eq(products.ownerTenantKey, scope),
    and(
      isNotNull(products.currentVersion),
      sql`exists (select 1 from ${deviceGrants} where ${deviceGrants.vendorTenantKey} = ${products.ownerTenantKey}
        and ${deviceGrants.deviceTenantKey} = ${scope} and ${deviceGrants.expiresAt} > now())`,
    ),
  );
}

function isDraft(productKey: string, version: number): SQL | undefined {
  return and(
    eq(productVersions.productKey, productKey),
    eq(productVersions.version, version),
    isNull(productVersions.publishedAt),
  );
}

function draftOf(productKey: string, version: number, definition: ProductDefinition) {
  const { thingModel, decoder, expectedIntervalMs, goldenFrames } = definition;
  return { productKey, version, thingModel, decoder, expectedIntervalMs, goldenFrames };
}

async function lock(transaction: Transaction, productKey: string): Promise<void> {
  await transaction.select({ key: products.key }).from(products).where(eq(products.key, productKey)).for('update');
}

async function latestVersion(transaction: Transaction, productKey: string): Promise<number> {
  const [row] = await transaction
    .select({ version: productVersions.version })
    .from(productVersions)
    .where(eq(productVersions.productKey, productKey))
    .orderBy(desc(productVersions.version))
    .limit(1);
  return row?.version ?? 0;
}
