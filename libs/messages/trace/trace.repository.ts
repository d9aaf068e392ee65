import { Inject } from '@nestjs/common';
import { and, asc, desc, eq, inArray, lte, or, sql } from 'drizzle-orm';
import { type Transition } from '#libs/contracts';
import {
  alertCursors,
  alerts,
  alertTimeline,
  alertTransitions,
  DATABASE,
  type Database,
  deadLetters,
  notifications,
  webhookDeliveries,
  webhookEndpoints,
} from '#libs/registry-db';
import type { AlertFact, DeliveryFact, LetterFact } from './trace-facts.js';

/** More than one message ever brings about. */
const mostRows = 200;

/** A timeline's entry with its alert. */
export interface ToldAlert extends Omit<AlertFact, 'notification'> {
  alertKey: string;
  tenantKey: string;
  deviceKey: string;
}

/** What the outbox has of an entry. */
export interface OutboxFact {
  id: string;
  alertKey: string;
  at: number;
  type: string;
  lane: 'urgent' | 'bulk';
  relayed: boolean;
}

/** What the registry knows of a message: dead letters, alerts, who was told of them. Every question goes by an index. */
export class TraceRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Letters by their ids, and those of a device that name the message. */
  async letters(
    ids: readonly string[],
    messageId: string,
    deviceKey: string | undefined,
  ): Promise<(LetterFact & { deviceKey: string | null; tenantKey: string | null })[]> {
    const ofDevice = and(eq(deadLetters.deviceKey, deviceKey ?? ''), eq(deadLetters.messageId, messageId));
    const byId = inArray(deadLetters.letterId, [...ids]);
    const { key, stage, reason, detail, at, replayedAt, replayedBy, deviceKey: device, tenantKey } = deadLetters;
    const rows = await this.database
      .select({ key, stage, reason, detail, at, replayedAt, replayedBy, deviceKey: device, tenantKey })
      .from(deadLetters)
      .where(deviceKey === undefined ? byId : or(byId, ofDevice))
      .orderBy(asc(key))
      .limit(mostRows);
    return rows.map((row) => ({
      id: row.key,
      stage: row.stage,
      reason: row.reason,
      detail: row.detail,
      at: row.at.getTime(),
      replayedAt: row.replayedAt?.getTime(),
      replayedBy: row.replayedBy ?? undefined,
      deviceKey: row.deviceKey,
      tenantKey: row.tenantKey,
    }));
  }

  /** Entries of timelines that name the message, in their order. */
  async told(messageId: string): Promise<ToldAlert[]> {
    const rows = await this.database
      .select({ entry: alertTimeline, alert: alerts })
      .from(alertTimeline)
      .innerJoin(alerts, eq(alerts.key, alertTimeline.alertKey))
      .where(sql`${alertTimeline.detail} ->> 'messageId' = ${messageId}`)
      .orderBy(asc(alertTimeline.key))
      .limit(mostRows);
    return rows.map(({ entry, alert }) => ({
      alertKey: alert.key,
      alertId: alert.key,
      tenantKey: alert.tenantKey,
      deviceKey: alert.deviceKey,
      status: alert.status,
      severity: alert.severity,
      titles: { zh: alert.titleZh, en: alert.titleEn },
      ruleId: alert.ruleKey,
      subject: alert.subject,
      kind: entry.kind,
      at: entry.at.getTime(),
    }));
  }

  /** When each of the transitions was applied to alerts; those that were not are missing. */
  async applied(transitionIds: readonly string[]): Promise<Map<string, number>> {
    if (transitionIds.length === 0) return new Map();
    const rows = await this.database
      .select()
      .from(alertTransitions)
      .where(inArray(alertTransitions.id, [...transitionIds]));
    return new Map(rows.map(({ id, appliedAt }) => [id, appliedAt.getTime()]));
  }

  /** The alert that a transition applied at `at` found open. */
  async openAt({ tenantKey, ruleKey, subject }: Transition, at: number): Promise<string | undefined> {
    const [alert] = await this.database
      .select({ key: alerts.key, clearedAt: alerts.clearedAt })
      .from(alerts)
      .where(
        and(
          eq(alerts.tenantKey, tenantKey),
          eq(alerts.ruleKey, ruleKey),
          eq(alerts.subject, subject),
          lte(alerts.openedAt, new Date(at)),
        ),
      )
      .orderBy(desc(alerts.key))
      .limit(1);
    return alert && (alert.clearedAt === null || alert.clearedAt.getTime() >= at) ? alert.key : undefined;
  }

  /** What was frozen into the outbox for entries of timelines: an entry and its notification are of one moment. */
  async outbox(entries: readonly { alertKey: string; at: number }[]): Promise<OutboxFact[]> {
    if (entries.length === 0) return [];
    const [cursor] = await this.database.select().from(alertCursors).where(eq(alertCursors.name, 'outbox/relayed'));
    const rows = await this.database
      .select()
      .from(notifications)
      .where(
        and(
          inArray(
            notifications.at,
            entries.map(({ at }) => new Date(at)),
          ),
          inArray(
            notifications.alertKey,
            entries.map(({ alertKey }) => alertKey),
          ),
        ),
      )
      .limit(mostRows);
    return rows.map(({ id, alertKey, at, type, lane, sequence }) => ({
      id,
      alertKey,
      at: at.getTime(),
      type,
      lane,
      relayed: sequence <= (cursor?.position ?? 0),
    }));
  }

  /** Deliveries of notifications to the endpoints of their tenant, by notification. */
  async deliveries(tenantKey: string, notificationIds: readonly string[]): Promise<Map<string, DeliveryFact[]>> {
    const found = new Map<string, DeliveryFact[]>();
    if (notificationIds.length === 0) return found;
    const rows = await this.database
      .select({ delivery: webhookDeliveries, endpointName: webhookEndpoints.name })
      .from(webhookEndpoints)
      .innerJoin(webhookDeliveries, eq(webhookDeliveries.endpointKey, webhookEndpoints.key))
      .where(
        and(eq(webhookEndpoints.tenantKey, tenantKey), inArray(webhookDeliveries.notificationId, [...notificationIds])),
      )
      .orderBy(asc(webhookDeliveries.key))
      .limit(mostRows);
    for (const { delivery, endpointName } of rows) {
      const of = found.get(delivery.notificationId) ?? [];
      found.set(delivery.notificationId, of);
      of.push({
        id: delivery.key,
        endpointId: delivery.endpointKey,
        endpointName,
        status: delivery.status,
        attempts: delivery.attempts,
        nextAttemptAt: delivery.nextAttemptAt?.getTime(),
        finishedAt: delivery.finishedAt?.getTime(),
        lastError: delivery.lastError ?? undefined,
      });
    }
    return found;
  }
}
