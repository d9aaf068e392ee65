import { bigint, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytes, instant, key } from './columns.js';

/** What stages refused, for operators to see, mend and replay. Bounded by number, bytes and age. */
export const deadLetters = pgTable(
  'dead_letters',
  {
    key: key(),
    /** `DeadLetter.id`: stable over redelivery, so that a letter is projected once. */
    letterId: text('letter_id').notNull().unique(),
    stage: text('stage').notNull(),
    reason: text('reason').notNull(),
    detail: text('detail').notNull(),
    /** The stream to replay into, '' where nothing can be replayed. */
    stream: text('stream').notNull(),
    lane: text('lane', { enum: ['urgent', 'bulk'] }).notNull(),
    partition: integer('partition').notNull(),
    /** Null where the tenant is not known: visible to platform administrators only. No foreign key: letters outlive. */
    tenantKey: uuid('tenant_key'),
    deviceKey: uuid('device_key'),
    messageId: text('message_id').notNull(),
    at: instant('at').notNull(),
    original: bytes('original').notNull(),
    originalBytes: integer('original_bytes').notNull(),
    replayedAt: instant('replayed_at'),
    /** Name of the user or API key that replayed it. */
    replayedBy: text('replayed_by'),
  },
  (table) => [
    index('dead_letters_tenant').on(table.tenantKey, table.key),
    index('dead_letters_reason').on(table.stage, table.reason, table.key),
    index('dead_letters_device').on(table.deviceKey, table.key),
    index('dead_letters_at').on(table.at),
  ],
);

/** How many letters there have ever been, also those no longer kept. */
export const deadLetterCounts = pgTable(
  'dead_letter_counts',
  {
    /** '' where the tenant is not known. */
    tenantKey: text('tenant_key').notNull(),
    stage: text('stage').notNull(),
    reason: text('reason').notNull(),
    letters: bigint('letters', { mode: 'number' }).notNull(),
    replayed: bigint('replayed', { mode: 'number' }).notNull().default(0),
    lastAt: instant('last_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantKey, table.stage, table.reason] })],
);
