import { pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { bytes, instant } from './columns.js';

/** Who does what only one process shall do at a time, and until when it is believed to. */
export const leases = pgTable('leases', {
  name: text('name').primaryKey(),
  holder: uuid('holder').notNull(),
  until: instant('until').notNull(),
});

/** The master keys that secrets in this registry were sealed with, so that a process with another one is found out. */
export const masterKeys = pgTable('master_keys', {
  /** `k1`, as in the key file. */
  id: text('id').primaryKey(),
  /** HMAC-SHA256 under the key: tells keys apart, and tells nothing of them. */
  fingerprint: bytes('fingerprint').notNull(),
  createdAt: instant('created_at').notNull().defaultNow(),
});
