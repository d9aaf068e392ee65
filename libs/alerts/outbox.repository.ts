import { Inject } from '@nestjs/common';
import { and, asc, eq, gt, lt, lte, max, sql } from 'drizzle-orm';
import { alertCursors, DATABASE, type Database, notifications } from '#libs/registry-db';

/** A row of the outbox. */
export type OutboxRow = typeof notifications.$inferSelect;

const relayed = 'outbox/relayed';

/** The transactional outbox: notifications are written with the change that caused them, and passed on afterwards. */
export class OutboxRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Rows after `sequence` in order, of one tenant where given. */
  async after(sequence: number, tenantKey: string | undefined, limit: number): Promise<OutboxRow[]> {
    const mine = tenantKey === undefined ? undefined : eq(notifications.tenantKey, tenantKey);
    return await this.database
      .select()
      .from(notifications)
      .where(and(gt(notifications.sequence, sequence), mine))
      .orderBy(asc(notifications.sequence))
      .limit(limit);
  }

  /** Rows that were not passed on yet, in order. */
  async waiting(limit: number): Promise<OutboxRow[]> {
    const position = sql`coalesce((select position from ${alertCursors} where name = ${relayed}), 0)`;
    return await this.database
      .select()
      .from(notifications)
      .where(gt(notifications.sequence, position))
      .orderBy(asc(notifications.sequence))
      .limit(limit);
  }

  /** Says that everything up to `sequence` has been passed on. */
  async markRelayed(sequence: number): Promise<void> {
    await this.database
      .insert(alertCursors)
      .values({ name: relayed, position: sequence })
      .onConflictDoUpdate({
        target: alertCursors.name,
        set: { position: sql`greatest(${alertCursors.position}, excluded.position)` },
      });
  }

  /** The sequence of the newest row, 0 where there is none. */
  async last(): Promise<number> {
    const rows = await this.database.select({ last: max(notifications.sequence) }).from(notifications);
    return rows[0]?.last ?? 0;
  }

  /** Removes rows older than `before` that have been passed on. */
  async prune(before: number): Promise<void> {
    const position = sql`coalesce((select position from ${alertCursors} where name = ${relayed}), 0)`;
    await this.database
      .delete(notifications)
      .where(and(lt(notifications.at, new Date(before)), lte(notifications.sequence, position)));
  }
}
