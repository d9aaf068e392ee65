import { createHash, randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { v7 } from 'uuid';
import { canonicalDeviceId } from '#libs/contracts';
import { type Database, devices, installations, products, productVersions, tenants } from '#libs/registry-db';
import { type BuiltInProduct, builtInProducts } from '../built-in/index.js';
import type { DeviceStatus } from '../known-device.js';

/** Devices to insert for a test. */
export interface SeedRequest {
  /** Of the tenant that owns them; default a fresh one. */
  tenantId?: string;
  /** Id of a built-in product or of one in `products`; default `water-meter`. */
  product?: string;
  /** Further products to insert, published as version 1. */
  products?: readonly BuiltInProduct[];
  /** How many devices; default 1. */
  count?: number;
  /** Device ids are `<prefix><number>`; default `<product>-<random>-`. */
  prefix?: string;
  status?: DeviceStatus;
  /** Mounts all of them in one installation of this building. */
  building?: string;
  /** Division code of that installation. */
  areaCode?: string;
  expectedIntervalMs?: number;
  settings?: Readonly<Record<string, unknown>>;
}

/** What was inserted. */
export interface Seeded {
  tenantKey: string;
  tenantId: string;
  productKey: string;
  installationKey: string | undefined;
  devices: { key: string; id: string; secret: string }[];
}

const rowsPerInsert = 1_000;

/** Inserts a tenant, products and devices, and returns their ids, keys and secrets. Products and tenants that exist are reused. */
export async function seedDevices(database: Database, request: SeedRequest = {}): Promise<Seeded> {
  const tenantId = request.tenantId ?? `tenant-${randomBytes(4).toString('hex')}`;
  const tenantKey = await seedTenant(database, tenantId);
  const productId = request.product ?? 'water-meter';
  for (const product of [...builtInProducts, ...(request.products ?? [])]) await seedProduct(database, product);
  const [product] = await database.select({ key: products.key }).from(products).where(eq(products.id, productId));
  if (!product) throw new Error(`No product to seed devices of has the id "${productId}".`);
  const installationKey = request.building === undefined ? undefined : v7();
  if (installationKey) {
    await database.insert(installations).values({
      key: installationKey,
      tenantKey,
      name: request.building ?? '',
      building: request.building,
      areaCode: request.areaCode,
    });
  }
  const prefix = request.prefix ?? `${productId}-${randomBytes(4).toString('hex')}-`;
  const made = Array.from({ length: request.count ?? 1 }, (_, n) => ({
    key: v7(),
    id: canonicalDeviceId(`${prefix}${n + 1}`),
    secret: randomBytes(32).toString('base64url'),
  }));
  for (let at = 0; at < made.length; at += rowsPerInsert) {
    await database.insert(devices).values(
      made.slice(at, at + rowsPerInsert).map((device) => ({
        key: device.key,
        id: device.id,
        tenantKey,
        productKey: product.key,
        installationKey,
        name: device.id,
        status: request.status ?? 'registered',
        secretHash: createHash('sha256').update(device.secret).digest(),
        expectedIntervalMs: request.expectedIntervalMs,
        settings: request.settings ?? {},
      })),
    );
  }
  return { tenantKey, tenantId, productKey: product.key, installationKey, devices: made };
}

async function seedTenant(database: Database, id: string): Promise<string> {
  await database.insert(tenants).values({ id, name: id }).onConflictDoNothing();
  const [tenant] = await database.select({ key: tenants.key }).from(tenants).where(eq(tenants.id, id));
  if (!tenant) throw new Error(`The tenant "${id}" could not be seeded.`);
  return tenant.key;
}

async function seedProduct(database: Database, product: BuiltInProduct): Promise<void> {
  const { id, name, domain, lane, thingModel, decoder, expectedIntervalMs } = product;
  const inserted = await database
    .insert(products)
    .values({ id, nameZh: name.zh, nameEn: name.en, domain, lane, currentVersion: 1 })
    .onConflictDoNothing()
    .returning({ key: products.key });
  const productKey = inserted[0]?.key;
  if (!productKey) return;
  await database
    .insert(productVersions)
    .values({ productKey, version: 1, thingModel, decoder, expectedIntervalMs, publishedAt: new Date() });
}
