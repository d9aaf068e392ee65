import { pgTable, text } from 'drizzle-orm/pg-core';
import { instant, key } from './columns.js';

/** An organisation that owns devices: a city department or a utility. */
export const tenants = pgTable('tenants', {
  key: key(),
  id: text('id').notNull().unique(),
  name: text('name').notNull(),
  createdAt: instant('created_at').notNull().defaultNow(),
});
