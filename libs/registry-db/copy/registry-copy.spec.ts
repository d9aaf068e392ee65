import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { serverOffer } from '#libs/runtime/testing';
import { deviceCommands, devices, leases, products, rules, tenants, users } from '../schema/index.js';
import { openTestRegistry, type RegistryEngine, type TestRegistry } from '../testing/index.js';
import { type CopiedRows, RegistryCopy } from './registry-copy.js';

const offer = serverOffer('postgresql');
const directions: [RegistryEngine, RegistryEngine][] = [
  ['embedded', 'embedded'],
  ['embedded', 'postgresql'],
  ['postgresql', 'embedded'],
  ['postgresql', 'postgresql'],
];

async function copyOf({ database }: TestRegistry): Promise<Map<string, string[]>> {
  const copied = new Map<string, string[]>();
  await new RegistryCopy(database).export(async ({ table, rows }) => {
    copied.set(table, [...(copied.get(table) ?? []), ...rows]);
  });
  return copied;
}

async function* batchesOf(copied: ReadonlyMap<string, string[]>): AsyncIterable<CopiedRows> {
  for (const [table, rows] of copied) yield { table, rows };
}

/** What must be the same: all but which transaction wrote a row. */
function comparable(copied: ReadonlyMap<string, string[]>): [string, unknown[]][] {
  return [...copied].map(([table, rows]) => [
    table,
    rows
      .map((row) => ({ ...(JSON.parse(row) as object), changed: undefined }))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  ]);
}

describe.each(directions)('a registry copied from %s to %s', (from, to) => {
  const available = offer.available || (from === 'embedded' && to === 'embedded');
  const check = available ? it : it.skip;
  let source: TestRegistry;
  let target: TestRegistry;

  beforeAll(async () => {
    if (!available) return;
    [source, target] = [await openTestRegistry(from), await openTestRegistry(to)];
    await fill(source);
  }, 120_000);
  afterAll(async () => {
    await source?.stop();
    await target?.stop();
  });

  check('has every row and value again, in every table', async () => {
    const before = await copyOf(source);
    expect(before.get('users')).toHaveLength(450);
    expect(before.has('leases')).toBe(false);
    const copy = new RegistryCopy(target.database);
    expect(await copy.filledTables()).toEqual([]);
    await copy.import(batchesOf(before));
    expect(comparable(await copyOf(target))).toEqual(comparable(before));
    expect(await copy.filledTables()).toContain('devices');
    expect(await target.database.select().from(leases)).toEqual([]);
  });

  check('keeps constraints, sequences and JSON nulls', async () => {
    const orphan = {
      tenantKey: '01890000-0000-7000-8000-000000000000',
      login: 'orphan',
      name: 'O',
      passwordHash: '-',
      roles: [],
    };
    await expect(target.database.insert(users).values(orphan)).rejects.toMatchObject({ cause: { code: '23503' } });
    const { rows } = await target.database.execute(sql`
      select (select jsonb_typeof(reply) from device_commands where command = 'ping') as json_null,
        (select reply is null from device_commands where command = 'setValve') as sql_null,
        (select max(ordinal) from rules) < nextval(pg_get_serial_sequence('rules', 'ordinal')) as next_is_new`);
    expect(rows).toEqual([{ json_null: 'null', sql_null: true, next_is_new: true }]);
  });

  check('keeps what was there where a copy fails, and says what it does not know', async () => {
    const copy = new RegistryCopy(target.database);
    const before = comparable(await copyOf(target));
    const strange = new Map([...(await copyOf(source)), ['moods', ['{"mood":"good"}']]]);
    await expect(copy.import(batchesOf(strange))).rejects.toThrow('does not know table moods of the backup');
    expect(comparable(await copyOf(target))).toEqual(before);
  });

  check('says where a restore has begun and has not ended', async () => {
    const copy = new RegistryCopy(target.database);
    expect(await copy.unfinishedRestore()).toBeUndefined();
    await copy.restoring('/backups/one');
    await copy.restoring('/backups/two');
    expect(await copy.unfinishedRestore()).toBe('/backups/two');
    await copy.restored();
    expect(await copy.unfinishedRestore()).toBeUndefined();
  });
});

/** Rows of every kind of column that there is: arrays, bytes, JSON of all sorts, times to the microsecond, big numbers. */
async function fill({ database }: TestRegistry): Promise<void> {
  const [tenant] = await database.insert(tenants).values({ id: 'water', name: '水务 "quoted" \\ back' }).returning();
  const tenantKey = tenant?.key ?? '';
  await database.insert(users).values(
    Array.from({ length: 450 }, (_, index) => ({
      tenantKey,
      login: `user-${index}`,
      name: `'; drop table users; -- ${index}`,
      passwordHash: '-',
      roles: ['operator', `role "${index}", with, commas`],
    })),
  );
  const [product] = await database
    .insert(products)
    .values({ id: 'meter', nameZh: '水表', nameEn: 'Meter', domain: 'water', lane: 'bulk', ownerTenantKey: tenantKey })
    .returning();
  const secretHash = Buffer.from([0, 255, 92, 39, 34]);
  const productKey = product?.key ?? '';
  const [device] = await database
    .insert(devices)
    .values({
      id: 'meter-1',
      name: 'A',
      tenantKey,
      productKey,
      status: 'active',
      secretHash,
      tags: { 层: [1.5e300, null] },
    })
    .returning();
  const [issuedBy, parameters, expiresAt] = ['admin', { a: '\\u0041"' }, new Date(2_000_000_000_000)] as const;
  for (const command of ['ping', 'setValve']) {
    const about = { tenantKey, deviceKey: device?.key ?? '', command, state: 'replied' as const };
    await database.insert(deviceCommands).values({ ...about, parameters, issuedBy, expiresAt });
  }
  await database.execute(sql`update device_commands set reply = 'null'::jsonb where command = 'ping'`);
  await database.execute(sql`update tenants set created_at = '2026-01-02 03:04:05.678901+08'`);
  const rule = { slug: 'leak', titleZh: '漏', titleEn: 'Leak', severity: 'major' as const, enabled: true };
  await database
    .insert(rules)
    .values([2, 3].map((n) => ({ ...rule, slug: `leak-${n}`, scope: {}, definition: {}, tenantKey })));
  await database.insert(leases).values({ name: 'task', holder: tenantKey, until: expiresAt });
}
