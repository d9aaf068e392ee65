import { Inject } from '@nestjs/common';
import { and, eq, getTableColumns, inArray, type SQL, sql } from 'drizzle-orm';
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
  products,
  rules,
  type Transaction,
} from '#libs/registry-db';
import type { Alert, TimelineEntry } from './alert.js';
import { alertOfRow, rowOfAlert, rowOfEntry } from './alert-rows.js';
import type { DeviceFacts } from './notification-body.js';

/** Rows written by one statement; PostgreSQL takes 65,535 parameters. */
const rowsPerStatement = 1_000;

/** Alerts and their timelines, as one transaction of the stage or of a person's action reads and writes them. */
export class AlertsRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Runs `work` in one transaction; nothing it wrote stays where it throws. */
  inTransaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  /** Remembers transition ids and returns those that were new. */
  async unseen(transaction: Transaction, ids: readonly string[], now: number): Promise<Set<string>> {
    const fresh = new Set<string>();
    for (const part of parts(ids)) {
      const rows = await transaction
        .insert(alertTransitions)
        .values(part.map((id) => ({ id, appliedAt: new Date(now) })))
        .onConflictDoNothing()
        .returning({ id: alertTransitions.id });
      for (const row of rows) fresh.add(row.id);
    }
    return fresh;
  }

  /** For each (tenant, rule, subject) among `transitions` its open alert, else its newest, locked until the end of the transaction. */
  async latest(transaction: Transaction, transitions: readonly Transition[]): Promise<Alert[]> {
    const tenants = sql.param(transitions.map((t) => t.tenantKey));
    const rules = sql.param(transitions.map((t) => t.ruleKey));
    const subjects = sql.param(transitions.map((t) => t.subject));
    const found = await transaction.execute<{ key: string }>(sql`
      select latest.key
      from (select distinct * from unnest(${tenants}::uuid[], ${rules}::uuid[], ${subjects}::text[]))
        as wanted (tenant_key, rule_key, subject)
      cross join lateral (
        select a.key from ${alerts} a
        where a.tenant_key = wanted.tenant_key and a.rule_key = wanted.rule_key and a.subject = wanted.subject
        order by (a.status = 'cleared'), a.key desc
        limit 1
      ) latest`);
    const keys = found.rows.map((row) => row.key);
    if (keys.length === 0) return [];
    const rows = await transaction
      .select()
      .from(alerts)
      .where(inArray(alerts.key, keys))
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

  /** Writes alerts, new or changed, and their entries. An alert that ends must come before the one that follows it. */
  async save(transaction: Transaction, changed: readonly Alert[], entries: readonly TimelineEntry[]): Promise<void> {
    for (const part of parts(changed)) {
      await transaction
        .insert(alerts)
        .values(part.map(rowOfAlert))
        .onConflictDoUpdate({ target: alerts.key, set: excluded(getTableColumns(alerts), ['key', 'tenantKey']) });
    }
    for (const part of parts(entries)) {
      await transaction
        .insert(alertTimeline)
        .values(part.map(rowOfEntry))
        .onConflictDoUpdate({
          target: alertTimeline.key,
          set: { until: sql`excluded.until`, detail: sql`excluded.detail` },
        });
    }
  }

  /** The position under `name`, 0 where there is none yet. */
  async cursor(transaction: Transaction | Database, name: string): Promise<number> {
    const rows = await transaction.select().from(alertCursors).where(eq(alertCursors.name, name));
    return rows[0]?.position ?? 0;
  }

  /** Moves the position under `name` forward, never back. */
  async moveCursor(transaction: Transaction | Database, name: string, position: number): Promise<void> {
    await transaction
      .insert(alertCursors)
      .values({ name, position })
      .onConflictDoUpdate({
        target: alertCursors.name,
        set: { position: sql`greatest(${alertCursors.position}, excluded.position)` },
      });
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

/** `set` of an upsert: every column but `fixed` takes the value that came. */
function excluded(columns: Record<string, { name: string }>, fixed: readonly string[]): Record<string, SQL> {
  return Object.fromEntries(
    Object.entries(columns)
      .filter(([property]) => !fixed.includes(property))
      .map(([property, column]) => [property, sql.raw(`excluded."${column.name}"`)]),
  );
}

function parts<T>(rows: readonly T[]): T[][] {
  const cut: T[][] = [];
  for (let at = 0; at < rows.length; at += rowsPerStatement) cut.push(rows.slice(at, at + rowsPerStatement));
  return cut;
}
