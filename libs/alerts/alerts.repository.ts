import { Inject } from '@nestjs/common';
import { and, eq, getTableColumns, inArray, sql } from 'drizzle-orm';
import type { Transition } from '#libs/contracts';
import type { LocalName } from '#libs/devices';
import {
  alertCursors,
  alerts,
  alertTimeline,
  alertTransitions,
  DATABASE,
  type Database,
  devices,
  installations,
  jsonRows,
  notifications,
  products,
  rules,
  type Transaction,
} from '#libs/registry-db';
import type { Alert, TimelineEntry } from './alert.js';
import { alertOfRow, rowOfAlert, rowOfEntry } from './alert-rows.js';
import type { DeviceFacts } from './notification-body.js';
import type { OutboxRow } from './outbox.repository.js';

/** Under it the cursors keep the last sequence given to a notification. */
const assignedSequence = 'outbox/assigned';

/** What one transaction comes to. */
export interface Change {
  alerts: readonly Alert[];
  entries: readonly TimelineEntry[];
  /** `sequence` counts from 1 within the change; the registry gives them their own. */
  told: readonly OutboxRow[];
  /** How far the stage has come, for a batch. */
  reached?: { cursor: string; position: number };
}

/** Alerts and their timelines, as one transaction of the stage or of a person's action reads and writes them. */
export class AlertsRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Runs `work` in one transaction; nothing it wrote stays where it throws. */
  inTransaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  /** The position under `name`, 0 where there is none yet. */
  async cursor(transaction: Transaction, name: string): Promise<number> {
    const rows = await transaction.select().from(alertCursors).where(eq(alertCursors.name, name));
    return rows[0]?.position ?? 0;
  }

  /** Remembers transition ids and returns those that were new. */
  async unseen(transaction: Transaction, ids: readonly string[], now: number): Promise<Set<string>> {
    const rows = await transaction.execute<{ id: string }>(sql`
      insert into ${alertTransitions} (id, applied_at)
      select distinct id, ${new Date(now).toISOString()}::timestamptz from unnest(${sql.param([...ids])}::text[]) as ids (id)
      on conflict do nothing
      returning id`);
    return new Set(rows.rows.map((row) => row.id));
  }

  /** For each (tenant, rule, subject) among `transitions` its open alert, else its newest, locked until the end of the transaction. */
  async latest(transaction: Transaction, transitions: readonly Transition[]): Promise<Alert[]> {
    const tenants = sql.param(transitions.map((t) => t.tenantKey));
    const rules = sql.param(transitions.map((t) => t.ruleKey));
    const subjects = sql.param(transitions.map((t) => t.subject));
    const rows = await transaction
      .select()
      .from(alerts)
      .where(
        sql`${alerts.key} in (
          select latest.key
          from (select distinct * from unnest(${tenants}::uuid[], ${rules}::uuid[], ${subjects}::text[]))
            as wanted (tenant_key, rule_key, subject)
          cross join lateral (
            select a.key from ${alerts} a
            where a.tenant_key = wanted.tenant_key and a.rule_key = wanted.rule_key and a.subject = wanted.subject
            order by (a.status = 'cleared'), a.key desc
            limit 1
          ) latest)`,
      )
      .orderBy(alerts.key)
      .for('update');
    return rows.map(alertOfRow);
  }

  /** One alert of `tenantKey` (of any tenant where undefined), locked until the end of the transaction. */
  async lock(transaction: Transaction, key: string, tenantKey: string | undefined): Promise<Alert | undefined> {
    const mine = tenantKey === undefined ? undefined : eq(alerts.tenantKey, tenantKey);
    const rows = await transaction
      .select()
      .from(alerts)
      .where(and(eq(alerts.key, key), mine))
      .for('update');
    return rows[0] && alertOfRow(rows[0]);
  }

  /**
   * Writes a change whole: alerts, new or changed, their entries, what is to be told, and the position reached. One
   * statement: each is a trip to the registry, and an alarm waits for it. An alert that ends must come before the one that
   * follows it. The row lock on the counter is what makes sequences follow the order of commits.
   */
  async save(transaction: Transaction, change: Change): Promise<void> {
    const { reached } = change;
    await transaction.execute(sql`
      with saved as (
        insert into ${alerts}
        select * from jsonb_populate_recordset(null::${alerts}, ${jsonRows(alerts, change.alerts.map(rowOfAlert))}::jsonb)
        on conflict (key) do update set ${replaced}
      ), entered as (
        insert into ${alertTimeline}
        select * from jsonb_populate_recordset(
          null::${alertTimeline}, ${jsonRows(alertTimeline, change.entries.map(rowOfEntry))}::jsonb)
        on conflict (key) do update set until = excluded.until, detail = excluded.detail
      ), moved as (
        insert into ${alertCursors} (name, position)
        select ${reached?.cursor ?? ''}, ${reached?.position ?? 0}::bigint where ${reached !== undefined}
        on conflict (name) do update set position = greatest(${alertCursors}.position, excluded.position)
      ), counted as (
        insert into ${alertCursors} (name, position)
        select ${assignedSequence}, ${change.told.length}::bigint where ${change.told.length > 0}
        on conflict (name) do update set position = ${alertCursors}.position + excluded.position
        returning position
      )
      insert into ${notifications} (sequence, id, tenant_key, alert_key, lane, type, at, body)
      select counted.position - ${change.told.length} + told.sequence,
        told.id, told.tenant_key, told.alert_key, told.lane, told.type, told.at, told.body
      from counted, jsonb_populate_recordset(
        null::${notifications}, ${jsonRows(notifications, change.told)}::jsonb) told`);
  }

  /** What to call alerts of each rule; a rule that has gone is missing. */
  async titles(transaction: Transaction, ruleKeys: readonly string[]): Promise<Map<string, LocalName>> {
    if (ruleKeys.length === 0) return new Map();
    const rows = await transaction
      .select({ key: rules.key, zh: rules.titleZh, en: rules.titleEn })
      .from(rules)
      .where(inArray(rules.key, [...ruleKeys]));
    return new Map(rows.map(({ key, zh, en }) => [key, { zh, en }]));
  }

  /** What consumers are told of each device; an unknown one is missing. */
  async devices(transaction: Transaction, deviceKeys: readonly string[]): Promise<Map<string, DeviceFacts>> {
    if (deviceKeys.length === 0) return new Map();
    const rows = await transaction
      .select({ device: devices, product: products, installation: installations })
      .from(devices)
      .innerJoin(products, eq(products.key, devices.productKey))
      .leftJoin(installations, eq(installations.key, devices.installationKey))
      .where(inArray(devices.key, [...new Set(deviceKeys)]));
    return new Map(rows.map((row) => [row.device.key, factsOf(row)]));
  }

  /** Open alerts by severity. */
  async countOpen(): Promise<{ severity: string; count: number }[]> {
    return await this.database
      .select({ severity: alerts.severity, count: sql<number>`count(*)::int` })
      .from(alerts)
      .where(sql`${alerts.status} <> 'cleared'`)
      .groupBy(alerts.severity);
  }

  /** Forgets transition ids applied before `before`. */
  async forgetTransitions(before: number): Promise<void> {
    await this.database.delete(alertTransitions).where(sql`${alertTransitions.appliedAt} < ${new Date(before)}`);
  }
}

function factsOf(row: {
  device: typeof devices.$inferSelect;
  product: typeof products.$inferSelect;
  installation: typeof installations.$inferSelect | null;
}): DeviceFacts {
  const { device, product, installation } = row;
  return {
    id: device.id,
    name: device.name,
    product: { id: product.id, name: { zh: product.nameZh, en: product.nameEn }, domain: product.domain },
    building: installation?.building ?? null,
    position: installation && {
      latitude: installation.latitude,
      longitude: installation.longitude,
      address: installation.address,
      areaCode: installation.areaCode,
    },
  };
}

/** `set` of an upsert of alerts: every column but the identity takes the value that came. */
const replaced = sql.join(
  Object.values(getTableColumns(alerts))
    .filter((column) => column.name !== 'key' && column.name !== 'tenant_key')
    .map((column) => sql`${sql.identifier(column.name)} = excluded.${sql.identifier(column.name)}`),
  sql`, `,
);
