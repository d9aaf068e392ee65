import { Inject } from '@nestjs/common';
import { and, asc, eq, gt, lt, lte, max, sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import { alertCursors, DATABASE, type Database, notifications, type Transaction } from '#libs/registry-db';
import type { Alert, NotifiedKind, TimelineEntry } from './alert.js';
import { type AlertsConfig, alertsConfig } from './alerts.config.js';
import { type DeviceFacts, eventType, notificationBody } from './notification-body.js';

/** A row of the outbox. */
export type OutboxRow = typeof notifications.$inferSelect;

/** Something to tell, not yet frozen. */
export interface Announcement {
  kind: NotifiedKind;
  alert: Alert;
  entry: TimelineEntry;
}

const assigned = 'outbox/assigned';
const relayed = 'outbox/relayed';
const rowsPerStatement = 1_000;

/** The transactional outbox: notifications are written with the change that caused them, and passed on afterwards. */
export class OutboxRepository {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(alertsConfig.KEY) private readonly config: AlertsConfig,
  ) {}

  /**
   * Freezes and writes announcements. Call it last in the transaction: the row lock on the counter is what makes
   * sequences follow the order of commits, and everybody who has something to announce waits for it.
   */
  async append(
    transaction: Transaction,
    announcements: readonly Announcement[],
    devices: ReadonlyMap<string, DeviceFacts>,
  ): Promise<void> {
    if (announcements.length === 0) return;
    const counted = await transaction
      .insert(alertCursors)
      .values({ name: assigned, position: announcements.length })
      .onConflictDoUpdate({
        target: alertCursors.name,
        set: { position: sql`${alertCursors.position} + excluded.position` },
      })
      .returning({ last: alertCursors.position });
    const first = (counted[0]?.last ?? 0) - announcements.length + 1;
    const rows = announcements.map((announcement, index) => this.freeze(announcement, first + index, devices));
    for (let at = 0; at < rows.length; at += rowsPerStatement) {
      await transaction.insert(notifications).values(rows.slice(at, at + rowsPerStatement));
    }
  }

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

  private freeze(
    { kind, alert, entry }: Announcement,
    sequence: number,
    devices: ReadonlyMap<string, DeviceFacts>,
  ): OutboxRow {
    const id = v7();
    return {
      sequence,
      id,
      tenantKey: alert.tenantKey,
      alertKey: alert.key,
      lane: alert.lane,
      type: eventType(kind),
      at: new Date(entry.at),
      body: notificationBody({
        id,
        source: this.config.eventSource,
        publicUrl: this.config.publicUrl,
        kind,
        alert,
        entry,
        device: devices.get(alert.deviceKey),
      }),
    };
  }
}
