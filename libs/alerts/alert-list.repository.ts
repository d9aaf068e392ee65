import { Inject } from '@nestjs/common';
import { and, desc, eq, gte, inArray, like, lt, type SQL } from 'drizzle-orm';
import { canonicalDeviceId } from '#libs/contracts';
import {
  alerts,
  alertTimeline,
  DATABASE,
  type Database,
  devices,
  installations,
  products,
  users,
} from '#libs/registry-db';
import type { AlertRow, TimelineRow } from './alert-rows.js';
import type { AlertQuery } from './alerts.dto.js';

/** An alert as listed. */
export interface ListedAlert {
  alert: AlertRow;
  device: { id: string; name: string; product: string } | null;
}

/** Shown of one alert; more than anybody reads. */
const timelineLimit = 500;
const assigneeLimit = 500;

/** What people read of alerts. */
export class AlertListRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Newest first, `limit` rows after the key `before`. */
  async list(
    tenantKey: string | undefined,
    query: AlertQuery,
    before: string | undefined,
    limit: number,
  ): Promise<ListedAlert[]> {
    const wanted: (SQL | undefined)[] = [
      tenantKey === undefined ? undefined : eq(alerts.tenantKey, tenantKey),
      query.status && inArray(alerts.status, query.status as AlertRow['status'][]),
      query.severity && inArray(alerts.severity, query.severity as AlertRow['severity'][]),
      query.rule === undefined ? undefined : eq(alerts.ruleKey, query.rule),
      query.device === undefined ? undefined : eq(devices.id, canonicalDeviceId(query.device)),
      query.product === undefined ? undefined : eq(products.id, query.product),
      query.domain === undefined ? undefined : eq(products.domain, query.domain),
      query.area === undefined ? undefined : like(installations.areaCode, `${query.area}%`),
      query.from === undefined ? undefined : gte(alerts.openedAt, new Date(query.from)),
      query.to === undefined ? undefined : lt(alerts.openedAt, new Date(query.to)),
      query.assignee === undefined ? undefined : eq(alerts.assigneeKey, query.assignee),
      before === undefined ? undefined : lt(alerts.key, before),
    ];
    return await this.select(and(...wanted), limit);
  }

  /** One alert of `tenantKey`, of any tenant where undefined. */
  async find(key: string, tenantKey: string | undefined): Promise<ListedAlert | undefined> {
    const mine = tenantKey === undefined ? undefined : eq(alerts.tenantKey, tenantKey);
    return (await this.select(and(eq(alerts.key, key), mine), 1))[0];
  }

  /** Its latest entries, oldest first. */
  async timeline(alertKey: string): Promise<TimelineRow[]> {
    const rows = await this.database
      .select()
      .from(alertTimeline)
      .where(eq(alertTimeline.alertKey, alertKey))
      .orderBy(desc(alertTimeline.key))
      .limit(timelineLimit);
    return rows.reverse();
  }

  /** The name of a user of the tenant who can see to things; undefined where there is none. */
  async userName(key: string, tenantKey: string): Promise<string | undefined> {
    const rows = await this.database
      .select({ name: users.name })
      .from(users)
      .where(and(eq(users.key, key), eq(users.tenantKey, tenantKey), eq(users.disabled, false)));
    return rows[0]?.name;
  }

  /** The users of the tenant who can see to things, by name. */
  async assignees(tenantKey: string): Promise<{ id: string; name: string }[]> {
    return await this.database
      .select({ id: users.key, name: users.name })
      .from(users)
      .where(and(eq(users.tenantKey, tenantKey), eq(users.disabled, false)))
      .orderBy(users.name, users.key)
      .limit(assigneeLimit);
  }

  private async select(where: SQL | undefined, limit: number): Promise<ListedAlert[]> {
    return await this.database
      .select({ alert: alerts, device: { id: devices.id, name: devices.name, product: products.id } })
      .from(alerts)
      .leftJoin(devices, eq(devices.key, alerts.deviceKey))
      .leftJoin(products, eq(products.key, devices.productKey))
      .leftJoin(installations, eq(installations.key, devices.installationKey))
      .where(where)
      .orderBy(desc(alerts.key))
      .limit(limit)
      .then((rows) => rows.map(({ alert, device }) => ({ alert, device: complete(device) })));
  }
}

function complete(device: { id: string | null; name: string | null; product: string | null } | null) {
  if (!device || device.id === null) return null;
  return { id: device.id, name: device.name ?? '', product: device.product ?? '' };
}
