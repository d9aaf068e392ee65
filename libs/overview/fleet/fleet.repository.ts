import { Inject } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { DATABASE, type Database } from '#libs/registry-db';
import type { DeviceState, FleetAlert, FleetRow } from './fleet-table.js';

/** Where a change stands in the order of writing. */
export interface ChangeMark {
  changed: string;
  key: string;
}

/** What may change of a device. */
export const changeSources = ['devices', 'installations', 'presence'] as const;
export type ChangeSource = (typeof changeSources)[number];

const columns = sql`
  d.key, d.id, d.tenant_key as "tenantKey", d.product_key as "productKey", coalesce(i.area_code, '') as "areaCode",
  case when d.status in ('retired', 'disabled') then d.status when p.online then 'online'
    when p.last_seen_at is null then 'never_seen' else 'offline' end as state, i.longitude, i.latitude
  from devices d left join installations i on i.key = d.installation_key left join device_presence p on p.device_key = d.key`;

const changedRows: Record<ChangeSource, ReturnType<typeof sql>> = {
  devices: sql`select changed, key from devices`,
  installations: sql`select i.changed, d.key from installations i join devices d on d.installation_key = i.key`,
  presence: sql`select changed, device_key as key from device_presence`,
};

interface Row extends Omit<FleetRow, 'position'> {
  state: DeviceState;
  longitude: number | null;
  latitude: number | null;
}

/** The registry as the overview and the map read it: whole in pages, then what changed. */
export class FleetRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Every transaction below it has ended: what is written at or above it is read again next time. */
  async horizon(): Promise<string> {
    const [row] = await this.rows<{ horizon: string }>(
      sql`select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`,
    );
    return row?.horizon ?? '0';
  }

  /** One page of all devices, in key order after `after`. */
  async devicePage(after: string | undefined, limit: number): Promise<FleetRow[]> {
    const start = after === undefined ? sql`` : sql`where d.key > ${after}`;
    return (await this.rows<Row>(sql`select ${columns} ${start} order by d.key limit ${limit}`)).map(fleetRow);
  }

  async devicesByKeys(keys: readonly string[]): Promise<FleetRow[]> {
    return (await this.rows<Row>(sql`select ${columns} where d.key = any(${sql.param(keys)}::uuid[])`)).map(fleetRow);
  }

  /**
   * The next horizon, and of what something was written at or after `since`: asked by the greatest value in each index, in
   * one question, because nearly always there is nothing.
   */
  async changedSince(since: string): Promise<{ horizon: string; sources: ChangeSource[] }> {
    const latest = (table: ReturnType<typeof sql>) =>
      sql`coalesce((select changed from ${table} order by changed desc limit 1) >= ${since}::xid8, false)`;
    const [row] = await this.rows<{ horizon: string } & Record<ChangeSource, boolean>>(sql`
      select pg_snapshot_xmin(pg_current_snapshot())::text as horizon, ${latest(sql`devices`)} as devices,
        ${latest(sql`installations`)} as installations, ${latest(sql`device_presence`)} as presence`);
    if (!row) return { horizon: since, sources: [] };
    return { horizon: row.horizon, sources: changeSources.filter((source) => row[source]) };
  }

  /** One page of the devices written at or after `since`, in the order of writing after `after`. */
  changeMarks(of: ChangeSource, since: string, after: ChangeMark | undefined, limit: number): Promise<ChangeMark[]> {
    const start = after ? sql`and (r.changed, r.key) > (${after.changed}::xid8, ${after.key})` : sql``;
    return this.rows(sql`select r.changed::text as changed, r.key from (${changedRows[of]}) r
      where r.changed >= ${since}::xid8 ${start} order by r.changed, r.key limit ${limit}`);
  }

  /** One page of the alerts that are not cleared, in key order after `after`. */
  openAlerts(after: string | undefined, limit: number): Promise<FleetAlert[]> {
    const start = after === undefined ? sql`` : sql`and key > ${after}`;
    return this.rows(sql`select key, device_key as "deviceKey", severity, status from alerts
      where status <> 'cleared' ${start} order by key limit ${limit}`);
  }

  /** The sequence of the newest notification, 0 where there is none. */
  async lastNotification(): Promise<number> {
    const [row] = await this.rows<{ last: string }>(sql`select coalesce(max(sequence), 0) as last from notifications`);
    return Number(row?.last ?? 0);
  }

  /** Alerts with notifications after `sequence`, as they are now, and the sequence that this comes up to. */
  async alertsAfter(sequence: number, limit: number): Promise<{ alerts: FleetAlert[]; upTo: number; more: boolean }> {
    const told = await this.rows<{ sequence: string; alertKey: string }>(sql`
      select sequence, alert_key as "alertKey" from notifications where sequence > ${sequence} order by sequence limit ${limit}`);
    const last = told.at(-1);
    if (!last) return { alerts: [], upTo: sequence, more: false };
    const keys = [...new Set(told.map(({ alertKey }) => alertKey))];
    const alerts = await this.rows<FleetAlert>(sql`
      select key, device_key as "deviceKey", severity, status from alerts where key = any(${sql.param(keys)}::uuid[])`);
    return { alerts, upTo: Number(last.sequence), more: told.length === limit };
  }

  private async rows<R>(query: ReturnType<typeof sql>): Promise<R[]> {
    return (await this.database.execute(query)).rows as R[];
  }
}

function fleetRow({ longitude, latitude, ...row }: Row): FleetRow {
  return { ...row, position: longitude === null || latitude === null ? undefined : { longitude, latitude } };
}
