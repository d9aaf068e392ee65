import { customType, timestamp, uuid } from 'drizzle-orm/pg-core';
import { v7 } from 'uuid';

/** Primary key: UUIDv7, made by us, so that keys sort by creation. */
export const key = () =>
  uuid('key')
    .primaryKey()
    .$defaultFn(() => v7());

/** A point in time, as a `Date`, with zone. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/** Raw bytes. */
export const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/**
 * The transaction that last wrote the row. Directories poll `changed >= last horizon`, where the horizon is
 * `pg_snapshot_xmin(pg_current_snapshot())`: no change is missed whatever order transactions commit in.
 */
export const transactionId = customType<{ data: string }>({ dataType: () => 'xid8' });
