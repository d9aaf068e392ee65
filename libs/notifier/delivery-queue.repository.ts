import { Inject } from '@nestjs/common';
import { and, asc, eq, inArray, or, sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import {
  DATABASE,
  type Database,
  jsonRows,
  type Transaction,
  webhookDeliveries,
  webhookEndpoints,
} from '#libs/registry-db';
import { giveUpAfterMs } from './delivery.js';
import { type EndpointFilter, wants } from './endpoint.js';

export type EndpointRow = typeof webhookEndpoints.$inferSelect;
export type DeliveryRow = typeof webhookDeliveries.$inferSelect;

/** A notification as queued: what filters look at has been read out of its body. */
export interface Queued {
  id: string;
  tenantKey: string;
  alertKey: string;
  type: string;
  body: string;
  severity: string | undefined;
  domain: string | undefined;
}

/** A delivery that is due, claimed. */
export interface Claimed {
  delivery: DeliveryRow;
  endpoint: EndpointRow;
}

/**
 * The queue of deliveries. Whoever changes which deliveries of an endpoint are pending holds the lock of its row first,
 * and calls `arrange` last: of each (endpoint, alert) exactly the first pending delivery has a time to be tried at.
 */
export class DeliveryQueueRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  inTransaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  /** The endpoints of some tenants, locked in order of their keys. */
  async lockTenants(transaction: Transaction, tenantKeys: readonly string[]): Promise<EndpointRow[]> {
    return await transaction
      .select()
      .from(webhookEndpoints)
      .where(inArray(webhookEndpoints.tenantKey, [...new Set(tenantKeys)]))
      .orderBy(asc(webhookEndpoints.key))
      .for('update');
  }

  /** Some endpoints, locked in order of their keys; one that has been deleted is missing. */
  async lockEndpoints(transaction: Transaction, keys: readonly string[]): Promise<EndpointRow[]> {
    return await transaction
      .select()
      .from(webhookEndpoints)
      .where(inArray(webhookEndpoints.key, [...new Set(keys)]))
      .orderBy(asc(webhookEndpoints.key))
      .for('update');
  }

  /** Copies notifications to the (locked) endpoints that want them, each once, with the endpoint's next sequences; answers with the keys of the deliveries. */
  async enqueue(
    transaction: Transaction,
    endpoints: readonly EndpointRow[],
    notifications: readonly Queued[],
    now: number,
    chosen: (endpoint: EndpointRow & EndpointFilter, notification: Queued) => boolean = wants,
  ): Promise<string[]> {
    const { known, waiting } = await this.there(transaction, endpoints, notifications);
    const rows: DeliveryRow[] = [];
    const moved: EndpointRow[] = [];
    for (const endpoint of endpoints) {
      const before = endpoint.sequence;
      for (const notification of notifications) {
        if (notification.tenantKey !== endpoint.tenantKey || !chosen(endpoint, notification)) continue;
        const name = `${endpoint.key}/${notification.id}`;
        if (known.has(name)) continue;
        known.add(name);
        endpoint.sequence += 1;
        const queue = `${endpoint.key}/${notification.alertKey}`;
        rows.push(deliveryOf(endpoint, notification, now, !waiting.has(queue)));
        waiting.add(queue);
      }
      if (endpoint.sequence !== before) moved.push(endpoint);
    }
    if (rows.length > 0) await this.insert(transaction, rows, moved);
    return rows.map((row) => row.key);
  }

  /** One statement: each is a trip to the registry, and an alarm waits for it. */
  private async insert(transaction: Transaction, rows: DeliveryRow[], moved: EndpointRow[]): Promise<void> {
    await transaction.execute(sql`
      with moved as (
        update ${webhookEndpoints} e set sequence = m.sequence
        from unnest(
          ${sql.param(moved.map((endpoint) => endpoint.key))}::uuid[],
          ${sql.param(moved.map((endpoint) => endpoint.sequence))}::bigint[]
        ) as m (key, sequence)
        where e.key = m.key
      )
      insert into ${webhookDeliveries}
      select * from jsonb_populate_recordset(null::${webhookDeliveries}, ${jsonRows(webhookDeliveries, rows)}::jsonb)`);
  }

  /** Gives the first pending delivery of each (endpoint, alert) a time to be tried at, and the others none. */
  async arrange(
    transaction: Transaction,
    queues: readonly { endpointKey: string; alertKey: string }[],
    now: number,
  ): Promise<void> {
    if (queues.length === 0) return;
    const endpoints = sql.param(queues.map((queue) => queue.endpointKey));
    const alerts = sql.param(queues.map((queue) => queue.alertKey));
    await transaction.execute(sql`
      with queue as (
        select d.key, row_number() over (partition by d.endpoint_key, d.alert_key order by d.sequence) = 1 as first
        from ${webhookDeliveries} d
        join (select distinct * from unnest(${endpoints}::uuid[], ${alerts}::uuid[])) as q (endpoint_key, alert_key)
          on d.endpoint_key = q.endpoint_key and d.alert_key = q.alert_key
        where d.status = 'pending'
      )
      update ${webhookDeliveries} d
      set next_attempt_at = case when queue.first then ${instant(now)} end
      from queue
      where d.key = queue.key and queue.first = (d.next_attempt_at is null)`);
  }

  /**
   * Claims what is due, at most `room` in all and the free places of each endpoint: `busy` says how many attempts are
   * under way. A claim that nobody finishes lapses at `lapseAt`, and the delivery is due again.
   */
  async claim(options: {
    now: number;
    lapseAt: number;
    room: number;
    places: number;
    busy: ReadonlyMap<string, number>;
  }): Promise<Claimed[]> {
    const { now, lapseAt, room, places, busy } = options;
    const busyKeys = sql.param([...busy.keys()]);
    const busyCounts = sql.param([...busy.values()]);
    const claimed = await this.database.execute<{ key: string }>(sql`
      with due as (
        select d.key
        from ${webhookEndpoints} e
        left join unnest(${busyKeys}::uuid[], ${busyCounts}::int[]) as b (key, count) on b.key = e.key
        cross join lateral (
          select d.key, d.next_attempt_at, d.sequence from ${webhookDeliveries} d
          where d.endpoint_key = e.key and d.status = 'pending' and d.next_attempt_at <= ${instant(now)}
          order by d.next_attempt_at, d.sequence
          limit greatest(0, (case when e.health = 'failing' then 1 else ${places} end) - coalesce(b.count, 0))
          for update skip locked
        ) d
        where e.status = 'active' and (e.paused_until is null or e.paused_until <= ${instant(now)})
        order by d.next_attempt_at, d.sequence
        limit ${room}
      )
      update ${webhookDeliveries} d
      set attempts = d.attempts + 1, next_attempt_at = ${instant(lapseAt)}
      from due where d.key = due.key
      returning d.key`);
    const keys = claimed.rows.map((row) => row.key);
    if (keys.length === 0) return [];
    return await this.database
      .select({ delivery: webhookDeliveries, endpoint: webhookEndpoints })
      .from(webhookDeliveries)
      .innerJoin(webhookEndpoints, eq(webhookEndpoints.key, webhookDeliveries.endpointKey))
      .where(inArray(webhookDeliveries.key, keys))
      .orderBy(asc(webhookDeliveries.sequence));
  }

  /** Makes finished deliveries pending again, with a new deadline, in their old place. The endpoints are locked. */
  async revive(transaction: Transaction, rows: readonly DeliveryRow[], now: number): Promise<void> {
    if (rows.length === 0) return;
    await transaction
      .update(webhookDeliveries)
      .set({
        status: 'pending',
        attempts: 0,
        nextAttemptAt: null,
        deadline: new Date(now + giveUpAfterMs),
        finishedAt: null,
        lastError: null,
      })
      .where(
        inArray(
          webhookDeliveries.key,
          rows.map((row) => row.key),
        ),
      );
    await this.arrange(transaction, rows, now);
  }

  /** Which of the notifications the endpoints have already, and for which of their alerts something waits. */
  private async there(
    transaction: Transaction,
    endpoints: readonly EndpointRow[],
    notifications: readonly Queued[],
  ): Promise<{ known: Set<string>; waiting: Set<string> }> {
    if (endpoints.length === 0 || notifications.length === 0) return { known: new Set(), waiting: new Set() };
    const { endpointKey, notificationId, alertKey, status } = webhookDeliveries;
    const ids = notifications.map((notification) => notification.id);
    const alerts = [...new Set(notifications.map((notification) => notification.alertKey))];
    const rows = await transaction
      .select({ endpointKey, notificationId, alertKey, status })
      .from(webhookDeliveries)
      .where(
        and(
          inArray(
            endpointKey,
            endpoints.map((endpoint) => endpoint.key),
          ),
          or(inArray(notificationId, ids), and(eq(status, 'pending'), inArray(alertKey, alerts))),
        ),
      );
    return {
      known: new Set(rows.map((row) => `${row.endpointKey}/${row.notificationId}`)),
      waiting: new Set(
        rows.filter((row) => row.status === 'pending').map((row) => `${row.endpointKey}/${row.alertKey}`),
      ),
    };
  }
}

/** A timestamptz parameter for hand-written SQL. */
export function instant(at: number) {
  return sql`${new Date(at).toISOString()}::timestamptz`;
}

/** The body gets the endpoint's sequence (CloudEvents sequence extension 1.0), so that a consumer sees a gap. */
function deliveryOf(endpoint: EndpointRow, notification: Queued, now: number, first: boolean): DeliveryRow {
  const { sequence } = endpoint;
  const event = JSON.parse(notification.body) as Record<string, unknown>;
  return {
    key: v7(),
    endpointKey: endpoint.key,
    tenantKey: endpoint.tenantKey,
    notificationId: notification.id,
    alertKey: notification.alertKey,
    sequence,
    type: notification.type,
    body: JSON.stringify({ ...event, sequence: String(sequence), sequencetype: 'Integer' }),
    status: 'pending',
    attempts: 0,
    nextAttemptAt: first ? new Date(now) : null,
    deadline: new Date(now + giveUpAfterMs),
    createdAt: new Date(now),
    finishedAt: null,
    lastError: null,
  };
}
