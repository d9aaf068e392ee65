import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, serial, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { tenants } from './access.js';
import { instant, key, transactionId } from './columns.js';

/** What is judged, and how bad it is. Never deleted, so that an alert always finds its rule: `deletedAt` withdraws one. */
export const rules = pgTable(
  'rules',
  {
    key: key(),
    /** Stands for the rule in the compact state of devices. */
    ordinal: serial('ordinal').notNull().unique(),
    /** `fire-smoke-alarm`: unique within its tenant, and among the built-in rules. */
    slug: text('slug').notNull(),
    /** Null for a built-in rule, which judges the devices of every tenant. */
    tenantKey: uuid('tenant_key').references(() => tenants.key),
    /** The built-in rule that this one replaces for the devices of its tenant; disabled, it switches that one off. */
    overridesKey: uuid('overrides_key'),
    titleZh: text('title_zh').notNull(),
    titleEn: text('title_en').notNull(),
    severity: text('severity', { enum: ['critical', 'major', 'minor', 'warning', 'info'] }).notNull(),
    enabled: boolean('enabled').notNull(),
    /** `RuleScope` of libs/rules: which devices it judges. */
    scope: jsonb('scope').notNull(),
    /** `RuleDefinition` of libs/rules. */
    definition: jsonb('definition').notNull(),
    /** A built-in rule that somebody changed keeps the change over an upgrade. */
    customised: boolean('customised').notNull().default(false),
    /** Raised by every change: the ETag of REST, and what the state of devices is kept under. */
    revision: integer('revision').notNull().default(1),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at')
      .notNull()
      .defaultNow()
      .$onUpdate(() => sql`now()`),
    deletedAt: instant('deleted_at'),
    changed: transactionId('changed')
      .notNull()
      .default(sql`pg_current_xact_id()`)
      .$onUpdate(() => sql`pg_current_xact_id()` as unknown as string),
  },
  (table) => [
    uniqueIndex('rules_slug')
      .on(sql`coalesce(tenant_key, '00000000-0000-0000-0000-000000000000')`, table.slug)
      .where(sql`deleted_at is null`),
    uniqueIndex('rules_override').on(table.tenantKey, table.overridesKey).where(sql`deleted_at is null`),
    index('rules_changed').on(table.changed),
  ],
);
