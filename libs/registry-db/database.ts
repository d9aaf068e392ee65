import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type * as schema from './schema/index.js';

/** Injection token of the registry's drizzle database; its type is `Database`. */
export const DATABASE = Symbol('registry-database');
export type Database = NodePgDatabase<typeof schema>;
/** What `database.transaction` hands to its callback; repositories take either. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];
