import { sql } from 'drizzle-orm';
import { boolean, doublePrecision, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { tenants } from './access.js';
import { bytes, instant, key, transactionId } from './columns.js';

const changed = () =>
  transactionId('changed')
    .notNull()
    .default(sql`pg_current_xact_id()`)
    .$onUpdate(() => sql`pg_current_xact_id()` as unknown as string);

/** A kind of device: what it measures, how its frames are decoded, how often it reports. */
export const products = pgTable(
  'products',
  {
    key: key(),
    /** `water-meter`, unique on the platform. */
    id: text('id').notNull().unique(),
    /** The vendor or department that may change it; null for the built-in products. */
    ownerTenantKey: uuid('owner_tenant_key').references(() => tenants.key),
    nameZh: text('name_zh').notNull(),
    nameEn: text('name_en').notNull(),
    /** water | parking | fire | ... */
    domain: text('domain').notNull(),
    /** urgent | bulk, fixed at creation: the order of a device holds within a lane. */
    lane: text('lane', { enum: ['urgent', 'bulk'] }).notNull(),
    /** The version that devices use; null until one is published. */
    currentVersion: integer('current_version'),
    createdAt: instant('created_at').notNull().defaultNow(),
    changed: changed(),
  },
  (table) => [index('products_changed').on(table.changed)],
);

/** Immutable once published. */
export const productVersions = pgTable(
  'product_versions',
  {
    productKey: uuid('product_key')
      .notNull()
      .references(() => products.key),
    version: integer('version').notNull(),
    /** `ThingModel` of libs/devices. */
    thingModel: jsonb('thing_model').notNull(),
    /** `DecoderSpec` of libs/devices. */
    decoder: jsonb('decoder').notNull(),
    expectedIntervalMs: integer('expected_interval_ms').notNull(),
    /** Frames with their expected decode; all must decode before publication. */
    goldenFrames: jsonb('golden_frames').notNull().default([]),
    createdAt: instant('created_at').notNull().defaultNow(),
    publishedAt: instant('published_at'),
  },
  (table) => [primaryKey({ columns: [table.productKey, table.version] })],
);

/** Where a device is mounted; it outlives the device that is swapped there. */
export const installations = pgTable(
  'installations',
  {
    key: key(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    name: text('name').notNull(),
    address: text('address'),
    /** GB/T 2260 division code, e.g. 520302. */
    areaCode: text('area_code'),
    /** What a group rule joins by, e.g. a building. */
    building: text('building'),
    /** WGS-84. */
    latitude: doublePrecision('latitude'),
    longitude: doublePrecision('longitude'),
    /** The position as given, with its coordinate reference system: {crs, latitude, longitude}. */
    sourcePosition: jsonb('source_position'),
    /** Grows with every change; the ETag of the REST API. */
    revision: integer('revision').notNull().default(1),
    createdAt: instant('created_at').notNull().defaultNow(),
    changed: changed(),
  },
  (table) => [
    index('installations_changed').on(table.changed),
    index('installations_tenant').on(table.tenantKey, table.key),
    index('installations_area').on(table.areaCode),
  ],
);

export const devices = pgTable(
  'devices',
  {
    key: key(),
    /** Canonical form, unique on the platform. */
    id: text('id').notNull().unique(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    productKey: uuid('product_key')
      .notNull()
      .references(() => products.key),
    installationKey: uuid('installation_key').references(() => installations.key),
    /** The gateway device that publishes for it, if any. */
    parentKey: uuid('parent_key'),
    name: text('name').notNull(),
    /** registered (never seen), active, disabled (may not connect), retired. */
    status: text('status', { enum: ['registered', 'active', 'disabled', 'retired'] }).notNull(),
    /** SHA-256 of the device secret. */
    secretHash: bytes('secret_hash').notNull(),
    /** The secret before rotation, good until `previousSecretUntil`. */
    previousSecretHash: bytes('previous_secret_hash'),
    previousSecretUntil: instant('previous_secret_until'),
    /** {key: value}, at most 32. */
    tags: jsonb('tags').notNull().default({}),
    /** Overrides the product's expected reporting interval. */
    expectedIntervalMs: integer('expected_interval_ms'),
    /** Per-device facts rules and decoders need: pulse weight, base reading, fire lane, away flag. */
    settings: jsonb('settings').notNull().default({}),
    /** Grows with every change; the ETag of the REST API. */
    revision: integer('revision').notNull().default(1),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at')
      .notNull()
      .defaultNow()
      .$onUpdate(() => sql`now()`),
    changed: changed(),
  },
  (table) => [
    index('devices_changed').on(table.changed, table.key),
    index('devices_tenant').on(table.tenantKey, table.id),
    index('devices_product').on(table.productKey, table.id),
    index('devices_installation').on(table.installationKey),
  ],
);

/** Whether a device is believed alive, and since when. */
export const devicePresence = pgTable(
  'device_presence',
  {
    deviceKey: uuid('device_key')
      .primaryKey()
      .references(() => devices.key),
    online: boolean('online').notNull(),
    since: instant('since').notNull(),
    lastSeenAt: instant('last_seen_at'),
    /** connection | message | silence */
    cause: text('cause').notNull(),
    /** The transaction in which it last went on- or offline, or was first seen; fresh signs of life leave it, and its index, alone. */
    changed: transactionId('changed').notNull().default(sql`pg_current_xact_id()`),
  },
  (table) => [index('device_presence_changed').on(table.changed, table.deviceKey)],
);

/** Something that a device was told to do, and what became of it. */
export const deviceCommands = pgTable(
  'device_commands',
  {
    key: key(),
    tenantKey: uuid('tenant_key')
      .notNull()
      .references(() => tenants.key),
    deviceKey: uuid('device_key')
      .notNull()
      .references(() => devices.key),
    /** Identifier of the command in the thing model. */
    command: text('command').notNull(),
    parameters: jsonb('parameters').notNull(),
    state: text('state', {
      enum: ['queued', 'sent', 'acknowledged', 'replied', 'failed', 'expired', 'cancelled'],
    }).notNull(),
    /** Name of the user or key. */
    issuedBy: text('issued_by').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
    sentAt: instant('sent_at'),
    acknowledgedAt: instant('acknowledged_at'),
    repliedAt: instant('replied_at'),
    /** When it expired or was cancelled. */
    endedAt: instant('ended_at'),
    /** What the device replied, as JSON or as text. */
    reply: jsonb('reply'),
    /** Which raw message replied. */
    replyMessageId: text('reply_message_id'),
    /** Until then one gateway is handing it to the cluster, and the others leave it alone. */
    claimedUntil: instant('claimed_until'),
  },
  (table) => [
    index('device_commands_device').on(table.deviceKey, table.key),
    index('device_commands_open').on(table.expiresAt).where(sql`state in ('queued', 'sent')`),
    index('device_commands_created').on(table.createdAt),
  ],
);

/** Lets the owner of products (a vendor) see the devices of those products that belong to another tenant. */
export const deviceGrants = pgTable(
  'device_grants',
  {
    key: key(),
    /** Whose devices may be seen. */
    deviceTenantKey: uuid('device_tenant_key')
      .notNull()
      .references(() => tenants.key),
    /** Who may see those of its own products. */
    vendorTenantKey: uuid('vendor_tenant_key')
      .notNull()
      .references(() => tenants.key),
    expiresAt: instant('expires_at').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    index('device_grants_vendor').on(table.vendorTenantKey, table.deviceTenantKey),
    index('device_grants_device').on(table.deviceTenantKey, table.key),
  ],
);
