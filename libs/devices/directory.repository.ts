import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import type { Lane } from '#libs/contracts';
import { DATABASE, type Database } from '#libs/registry-db';
import type { DeviceStatus } from './known-device.js';
import type { DecoderSpec, ThingModel } from './thing-model.js';

/** A device's row as the directory needs it. Times are epoch milliseconds. */
export interface DirectoryRow {
  key: string;
  id: string;
  tenantKey: string;
  productKey: string;
  lane: Lane;
  status: DeviceStatus;
  parentKey: string | null;
  building: string | null;
  ownIntervalMs: number | null;
  settings: string;
  tags: string;
  secretHash: Buffer;
  previousSecretHash: Buffer | null;
  previousSecretUntil: number | null;
  /** Differs whenever the row or its installation was written. */
  version: string;
}

/** Where a change stands in the order of writing. */
export interface ChangeMark {
  changed: string;
  key: string;
}

/** A product with its current version. */
export interface ProductRow {
  productKey: string;
  productId: string;
  version: number;
  ownerTenantKey: string | null;
  thingModel: ThingModel;
  decoder: DecoderSpec;
  expectedIntervalMs: number;
  lane: Lane;
  domain: string;
  nameZh: string;
  nameEn: string;
}

const deviceColumns = sql`
  d.key, d.id, d.tenant_key as "tenantKey", d.product_key as "productKey", p.lane, d.status, d.parent_key as "parentKey",
  i.building, d.expected_interval_ms as "ownIntervalMs", d.settings::text as settings, d.tags::text as tags, d.secret_hash as "secretHash",
  d.previous_secret_hash as "previousSecretHash",
  (extract(epoch from d.previous_secret_until) * 1000)::float8 as "previousSecretUntil",
  d.changed::text || '/' || coalesce(i.changed::text, '') as version
  from devices d join products p on p.key = d.product_key left join installations i on i.key = d.installation_key`;

const productColumns = sql`
  p.key as "productKey", p.id as "productId", v.version, p.owner_tenant_key as "ownerTenantKey", v.thing_model as "thingModel",
  v.decoder, v.expected_interval_ms as "expectedIntervalMs", p.lane, p.domain, p.name_zh as "nameZh", p.name_en as "nameEn"
  from products p join product_versions v on v.product_key = p.key and v.version = p.current_version`;

/** The registry as the in-memory directories read it: whole in pages, then what changed. */
@Injectable()
export class DirectoryRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * Every transaction below the horizon has ended. A reader takes the horizon first and reads second: what was written
   * below it is then visible, and what is at or above it is read again next time.
   */
  async horizon(): Promise<string> {
    const rows = await this.rows<{ horizon: string }>(
      sql`select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`,
    );
    return rows[0]?.horizon ?? '0';
  }

  /** One page of all devices, in key order after `after`. */
  devicePage(after: string | undefined, limit: number): Promise<DirectoryRow[]> {
    const start = after === undefined ? sql`` : sql`where d.key > ${after}`;
    return this.rows(sql`select ${deviceColumns} ${start} order by d.key limit ${limit}`);
  }

  /**
   * The next horizon, and whether anything of the devices was written at or after `since`. Asked by the greatest value in
   * the index: an `exists` would read the whole table where the planner has no statistics.
   */
  async deviceChanges(since: string): Promise<{ horizon: string; changed: boolean }> {
    const rows = await this.rows<{ horizon: string; changed: boolean }>(sql`
      select pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
        coalesce((select changed from devices order by changed desc limit 1) >= ${since}::xid8, false)
        or coalesce((select changed from installations order by changed desc limit 1) >= ${since}::xid8, false) as changed`);
    return rows[0] ?? { horizon: since, changed: false };
  }

  /** One page of what was written at or after `since`, in the order of writing after `after`: devices, or those of installations. */
  changeMarks(
    of: 'devices' | 'installations',
    since: string,
    after: ChangeMark | undefined,
    limit: number,
  ): Promise<ChangeMark[]> {
    const changedRows =
      of === 'devices' ? sql`devices r` : sql`installations r join devices m on m.installation_key = r.key`;
    const key = of === 'devices' ? sql`r.key` : sql`m.key`;
    const start = after ? sql`and (r.changed, ${key}) > (${after.changed}::xid8, ${after.key})` : sql``;
    return this.rows(sql`select r.changed::text as changed, ${key} as key from ${changedRows}
      where r.changed >= ${since}::xid8 ${start} order by r.changed, ${key} limit ${limit}`);
  }

  devicesByKeys(keys: readonly string[]): Promise<DirectoryRow[]> {
    return this.rows(sql`select ${deviceColumns} where d.key = any(${sql.param(keys)}::uuid[])`);
  }

  async deviceById(id: string): Promise<DirectoryRow | undefined> {
    return (await this.rows<DirectoryRow>(sql`select ${deviceColumns} where d.id = ${id}`))[0];
  }

  async deviceByKey(key: string): Promise<DirectoryRow | undefined> {
    return (await this.rows<DirectoryRow>(sql`select ${deviceColumns} where d.key = ${key}`))[0];
  }

  /** Published products; only those written at or after `since` where given. */
  products(since: string | undefined): Promise<ProductRow[]> {
    const start = since === undefined ? sql`` : sql`where p.changed >= ${since}::xid8`;
    return this.rows(sql`select ${productColumns} ${start}`);
  }

  async productByKey(key: string): Promise<ProductRow | undefined> {
    return (await this.rows<ProductRow>(sql`select ${productColumns} where p.key = ${key}`))[0];
  }

  private async rows<R>(query: ReturnType<typeof sql>): Promise<R[]> {
    const result = await this.database.execute(query);
    return result.rows as R[];
  }
}
