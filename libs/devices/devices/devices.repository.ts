import { Inject, Injectable } from '@nestjs/common';
import { and, asc, eq, gt, ilike, inArray, like, ne, or, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Principal } from '#libs/access';
import { canonicalDeviceId } from '#libs/contracts';
import { DATABASE, type Database, devicePresence, devices, installations, products } from '#libs/registry-db';
import { escapeLike } from '../tenancy.js';
import { ownDevices, visibleDevices } from './device-visibility.js';
import type { DeviceQuery } from './devices.dto.js';

export type NewDeviceRow = typeof devices.$inferInsert;
export type DeviceChanges = Partial<Omit<NewDeviceRow, 'key' | 'id' | 'tenantKey' | 'productKey'>>;

const gateways = alias(devices, 'gateways');

/** Devices in the registry. */
@Injectable()
export class DevicesRepository {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Visible devices in order of their id, after `after`. */
  list(principal: Principal, query: DeviceQuery, after: string | undefined) {
    return this.select()
      .where(and(visibleDevices(principal), ...filters(query), after === undefined ? undefined : gt(devices.id, after)))
      .orderBy(asc(devices.id))
      .limit(query.limit + 1);
  }

  async find(principal: Principal, id: string, scope: 'visible' | 'own') {
    const rows = await this.select().where(
      and(eq(devices.id, canonicalDeviceId(id)), scope === 'own' ? ownDevices(principal) : visibleDevices(principal)),
    );
    return rows[0];
  }

  /** Inserts what is not there yet, all or nothing; answers the ids inserted. */
  async insert(rows: readonly NewDeviceRow[]): Promise<Set<string>> {
    if (rows.length === 0) return new Set();
    const inserted = await this.database
      .insert(devices)
      .values([...rows])
      .onConflictDoNothing({ target: devices.id })
      .returning({ id: devices.id });
    return new Set(inserted.map((row) => row.id));
  }

  /** False where the device was changed since it had `revision`. */
  async change(key: string, revision: number, changes: DeviceChanges): Promise<boolean> {
    const changed = await this.database
      .update(devices)
      .set({ ...changes, revision: sql`${devices.revision} + 1` })
      .where(and(eq(devices.key, key), eq(devices.revision, revision)))
      .returning({ key: devices.key });
    return changed.length > 0;
  }

  /** Keys of installations by key, of one tenant. */
  async installations(tenantKey: string, keys: readonly string[]): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    const rows = await this.database
      .select({ key: installations.key })
      .from(installations)
      .where(and(eq(installations.tenantKey, tenantKey), inArray(installations.key, [...keys])));
    return new Set(rows.map((row) => row.key));
  }

  /** Keys of devices by canonical id, of one tenant; retired ones left out. */
  async keysOf(tenantKey: string, ids: readonly string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map();
    const rows = await this.database
      .select({ id: devices.id, key: devices.key })
      .from(devices)
      .where(and(eq(devices.tenantKey, tenantKey), inArray(devices.id, [...ids]), ne(devices.status, 'retired')));
    return new Map(rows.map((row) => [row.id, row.key]));
  }

  private select() {
    return this.database
      .select({
        device: devices,
        productId: products.id,
        installation: installations,
        presence: devicePresence,
        gatewayId: gateways.id,
      })
      .from(devices)
      .innerJoin(products, eq(products.key, devices.productKey))
      .leftJoin(installations, eq(installations.key, devices.installationKey))
      .leftJoin(devicePresence, eq(devicePresence.deviceKey, devices.key))
      .leftJoin(gateways, eq(gateways.key, devices.parentKey));
  }
}

/** A device with what is shown beside it. */
export type DeviceRecord = NonNullable<Awaited<ReturnType<DevicesRepository['find']>>>;

function filters(query: DeviceQuery): (SQL | undefined)[] {
  const { product, tag, status, online, area, q } = query;
  return [
    product === undefined ? undefined : eq(products.id, product),
    tag === undefined ? undefined : tagged(tag),
    status === undefined ? undefined : eq(devices.status, status),
    online === undefined ? undefined : sql`coalesce(${devicePresence.online}, false) = ${online}`,
    area === undefined ? undefined : like(installations.areaCode, `${area}%`),
    q === undefined
      ? undefined
      : or(like(devices.id, `${escapeLike(canonicalDeviceId(q))}%`), ilike(devices.name, `%${escapeLike(q)}%`)),
  ];
}

function tagged(tag: string): SQL {
  const colon = tag.indexOf(':');
  if (colon < 0) return sql`jsonb_exists(${devices.tags}, ${tag})`;
  return sql`${devices.tags} @> ${JSON.stringify({ [tag.slice(0, colon)]: tag.slice(colon + 1) })}::jsonb`;
}
