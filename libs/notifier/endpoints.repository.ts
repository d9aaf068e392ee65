import { Inject } from '@nestjs/common';
import { and, asc, desc, eq, gt, gte, inArray, lt, ne, type SQL, sql } from 'drizzle-orm';
import {
  DATABASE,
  type Database,
  notifications,
  type Transaction,
  tenants,
  webhookAttempts,
  webhookDeliveries,
  webhookEndpointEvents,
  webhookEndpoints,
} from '#libs/registry-db';
import type { DeliveryRow, EndpointRow } from './delivery-queue.repository.js';

export type AttemptRow = typeof webhookAttempts.$inferSelect;
export type EndpointEventRow = typeof webhookEndpointEvents.$inferSelect;

const shownEvents = 20;
const shownAttempts = 100;

/** What people read and change of endpoints and deliveries. `tenantKey` undefined: of every tenant. */
export class EndpointsRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async list(tenantKey: string | undefined, after: string | undefined, limit: number): Promise<EndpointRow[]> {
    return await this.database
      .select()
      .from(webhookEndpoints)
      .where(and(ofTenant(tenantKey), after === undefined ? undefined : gt(webhookEndpoints.key, after)))
      .orderBy(asc(webhookEndpoints.key))
      .limit(limit);
  }

  async find(key: string, tenantKey: string | undefined): Promise<EndpointRow | undefined> {
    const rows = await this.database
      .select()
      .from(webhookEndpoints)
      .where(and(eq(webhookEndpoints.key, key), ofTenant(tenantKey)));
    return rows[0];
  }

  /** Locked until the end of the transaction. */
  async lock(transaction: Transaction, key: string, tenantKey: string | undefined): Promise<EndpointRow | undefined> {
    const rows = await transaction
      .select()
      .from(webhookEndpoints)
      .where(and(eq(webhookEndpoints.key, key), ofTenant(tenantKey)))
      .for('update');
    return rows[0];
  }

  async tenantExists(tenantKey: string): Promise<boolean> {
    return (await this.database.$count(tenants, eq(tenants.key, tenantKey))) > 0;
  }

  async count(tenantKey: string): Promise<number> {
    return await this.database.$count(webhookEndpoints, eq(webhookEndpoints.tenantKey, tenantKey));
  }

  async insert(row: typeof webhookEndpoints.$inferInsert): Promise<EndpointRow> {
    const rows = await this.database.insert(webhookEndpoints).values(row).returning();
    return rows[0] as EndpointRow;
  }

  async update(
    transaction: Transaction,
    endpoint: EndpointRow,
    change: Partial<typeof webhookEndpoints.$inferInsert>,
  ): Promise<EndpointRow> {
    const rows = await transaction
      .update(webhookEndpoints)
      .set({ ...change, revision: endpoint.revision + 1 })
      .where(eq(webhookEndpoints.key, endpoint.key))
      .returning();
    return rows[0] as EndpointRow;
  }

  /** With its deliveries and their log. */
  async remove(transaction: Transaction, key: string): Promise<void> {
    await transaction.delete(webhookEndpoints).where(eq(webhookEndpoints.key, key));
  }

  async addEvent(transaction: Transaction, event: typeof webhookEndpointEvents.$inferInsert): Promise<void> {
    await transaction.insert(webhookEndpointEvents).values(event);
  }

  async events(endpointKey: string): Promise<EndpointEventRow[]> {
    return await this.database
      .select()
      .from(webhookEndpointEvents)
      .where(eq(webhookEndpointEvents.endpointKey, endpointKey))
      .orderBy(desc(webhookEndpointEvents.key))
      .limit(shownEvents);
  }

  async pending(endpointKey: string): Promise<number> {
    const waiting = and(eq(webhookDeliveries.endpointKey, endpointKey), eq(webhookDeliveries.status, 'pending'));
    return await this.database.$count(webhookDeliveries, waiting);
  }

  /** Newest first, those below the sequence `before`. */
  async deliveries(
    endpointKey: string,
    status: DeliveryRow['status'] | undefined,
    before: number | undefined,
    limit: number,
  ): Promise<DeliveryRow[]> {
    return await this.database
      .select()
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.endpointKey, endpointKey),
          status === undefined ? undefined : eq(webhookDeliveries.status, status),
          before === undefined ? undefined : lt(webhookDeliveries.sequence, before),
        ),
      )
      .orderBy(desc(webhookDeliveries.sequence))
      .limit(limit);
  }

  async delivery(key: string, tenantKey: string | undefined): Promise<DeliveryRow | undefined> {
    const mine = tenantKey === undefined ? undefined : eq(webhookDeliveries.tenantKey, tenantKey);
    const rows = await this.database
      .select()
      .from(webhookDeliveries)
      .where(and(eq(webhookDeliveries.key, key), mine));
    return rows[0];
  }

  /** The latest attempts, oldest first. */
  async attempts(deliveryKey: string): Promise<AttemptRow[]> {
    const rows = await this.database
      .select()
      .from(webhookAttempts)
      .where(eq(webhookAttempts.deliveryKey, deliveryKey))
      .orderBy(desc(webhookAttempts.key))
      .limit(shownAttempts);
    return rows.reverse();
  }

  /** Deliveries of a (locked) endpoint that have ended and that a replay chooses, the oldest first. */
  async ended(
    transaction: Transaction,
    endpointKey: string,
    chosen: SQL | undefined,
    limit: number,
  ): Promise<DeliveryRow[]> {
    return await transaction
      .select()
      .from(webhookDeliveries)
      .where(and(eq(webhookDeliveries.endpointKey, endpointKey), ne(webhookDeliveries.status, 'pending'), chosen))
      .orderBy(asc(webhookDeliveries.sequence))
      .limit(limit);
  }

  /** An endpoint's events after its own `sequence`, as sent. */
  async eventsOf(endpointKey: string, after: number, limit: number): Promise<{ sequence: number; body: string }[]> {
    return await this.database
      .select({ sequence: webhookDeliveries.sequence, body: webhookDeliveries.body })
      .from(webhookDeliveries)
      .where(and(eq(webhookDeliveries.endpointKey, endpointKey), gt(webhookDeliveries.sequence, after)))
      .orderBy(asc(webhookDeliveries.sequence))
      .limit(limit);
  }

  /** The platform's notifications after `sequence`. */
  async notificationsAfter(
    tenantKey: string | undefined,
    after: number,
    limit: number,
  ): Promise<{ sequence: number; body: string }[]> {
    const mine = tenantKey === undefined ? undefined : eq(notifications.tenantKey, tenantKey);
    return await this.database
      .select({ sequence: notifications.sequence, body: notifications.body })
      .from(notifications)
      .where(and(gt(notifications.sequence, after), mine))
      .orderBy(asc(notifications.sequence))
      .limit(limit);
  }
}

/** Deliveries queued in a time range; only those given up unless `all`. */
export function queuedBetween(from: Date, to: Date, all: boolean): SQL | undefined {
  const statuses = all ? (['delivered', 'dead'] as const) : (['dead'] as const);
  return and(
    gte(webhookDeliveries.createdAt, from),
    lt(webhookDeliveries.createdAt, to),
    inArray(webhookDeliveries.status, [...statuses]),
  );
}

/** One delivery. */
export function thisDelivery(key: string): SQL {
  return sql`${webhookDeliveries.key} = ${key}`;
}

function ofTenant(tenantKey: string | undefined): SQL | undefined {
  return tenantKey === undefined ? undefined : eq(webhookEndpoints.tenantKey, tenantKey);
}
