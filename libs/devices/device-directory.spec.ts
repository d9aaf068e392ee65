import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { partitionOf } from '#libs/contracts';
import { devices, installations, products, productVersions } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { ScriptedClock } from '#libs/runtime';
import type { KnownDevice } from './known-device.js';
import { RegistryUnansweredError } from './lookups.js';
import { openTestDirectory, seedDevices, type TestDirectory } from './testing/index.js';

const start = Date.UTC(2026, 0, 1);
const sha256 = (text: string) => createHash('sha256').update(text).digest();

describe('DeviceDirectory', () => {
  let registry: TestRegistry;
  let opened: TestDirectory;
  const clock = new ScriptedClock(start);

  /** Lets polls happen until `condition` holds. */
  async function until(condition: () => boolean): Promise<void> {
    for (let round = 0; round < 500; round += 1) {
      if (condition()) return;
      await clock.advance(20);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error('the directory never got there');
  }

  beforeAll(async () => {
    registry = await openTestRegistry();
  });
  afterAll(async () => {
    await opened?.stop();
    await registry.stop();
  });

  it('loads every device in pages, with partition, interval and lane', async () => {
    const meters = await seedDevices(registry.database, { tenantId: 'water-bureau', count: 25 });
    const [detector] = (await seedDevices(registry.database, { product: 'fire-detector', expectedIntervalMs: 60_000 }))
      .devices;
    opened = await openTestDirectory(registry.database, { clock, environment: { DEVICES_PAGE_ROWS: '10' } });

    expect(opened.directory.size).toBe(26);
    for (const { key, id } of meters.devices) {
      expect(opened.directory.byId(id.toUpperCase())).toBe(opened.directory.byKey(key));
      expect(opened.directory.byKey(key)).toMatchObject({
        id,
        tenantKey: meters.tenantKey,
        productKey: meters.productKey,
        lane: 'bulk',
        partition: partitionOf(key, 16),
        status: 'registered',
        building: undefined,
        expectedIntervalMs: 1_800_000,
      });
    }
    expect(opened.directory.byKey(detector?.key ?? '')).toMatchObject({ lane: 'urgent', expectedIntervalMs: 60_000 });
    expect(opened.catalogue.current(meters.productKey)).toMatchObject({
      productId: 'water-meter',
      version: 1,
      domain: 'water',
    });
  });

  it('answers a login at once for a device registered a moment ago', async () => {
    const [device] = (await seedDevices(registry.database)).devices;
    expect(device && (await opened.directory.authenticate(device.id.toUpperCase(), device.secret))).toMatchObject({
      kind: 'accepted',
      device: { id: device?.id },
    });
  });

  it('refuses a wrong secret, an unknown device and, with the right secret, a disabled one', async () => {
    const [device] = (await seedDevices(registry.database, { status: 'disabled' })).devices;
    if (!device) throw new Error('nothing seeded');
    const reasons = [];
    for (const [id, secret] of [
      [device.id, 'wrong'],
      ['no-such-device', 'x'],
      ['not an id', 'x'],
      [device.id, device.secret],
    ] as const) {
      const answer = await opened.directory.authenticate(id, secret);
      reasons.push(answer.kind === 'refused' ? answer.reason : answer.kind);
    }
    expect(reasons).toEqual(['wrong_secret', 'unknown_device', 'unknown_device', 'device_disabled']);
  });

  it('accepts the previous secret until its time', async () => {
    const [device] = (await seedDevices(registry.database)).devices;
    if (!device) throw new Error('nothing seeded');
    await registry.database
      .update(devices)
      .set({
        secretHash: sha256('new'),
        previousSecretHash: sha256(device.secret),
        previousSecretUntil: new Date(clock.now() + 60_000),
      })
      .where(eq(devices.key, device.key));
    expect(await opened.directory.authenticate(device.id, 'new')).toMatchObject({ kind: 'accepted' });
    expect(await opened.directory.authenticate(device.id, device.secret)).toMatchObject({ kind: 'accepted' });
    await clock.advance(60_000);
    expect(await opened.directory.authenticate(device.id, device.secret)).toEqual({
      kind: 'refused',
      reason: 'wrong_secret',
    });
    expect(await opened.directory.authenticate(device.id, 'new')).toMatchObject({ kind: 'accepted' });
  });

  it('takes over changes and tells the listeners once', async () => {
    const seeded = await seedDevices(registry.database, { count: 3 });
    const [first] = seeded.devices;
    if (!first) throw new Error('nothing seeded');
    await until(() => seeded.devices.every((device) => opened.directory.byKey(device.key) !== undefined));
    const heard: KnownDevice[] = [];
    const hush = opened.directory.onChange((device) => heard.push(device));
    await registry.database
      .update(devices)
      .set({ status: 'disabled', settings: { pulseLitres: 10 } })
      .where(eq(devices.key, first.key));
    await until(() => heard.length > 0);
    for (let round = 0; round < 5; round += 1) await clock.advance(20);
    hush();
    expect(heard).toHaveLength(1);
    expect(opened.directory.byKey(first.key)).toMatchObject({ status: 'disabled', settings: { pulseLitres: 10 } });
  });

  it('keeps buildings of two tenants apart and follows an installation that moves', async () => {
    const ours = await seedDevices(registry.database, { product: 'fire-detector', count: 2, building: 'A-3' });
    const theirs = await seedDevices(registry.database, { product: 'fire-detector', building: 'A-3' });
    const all = [...ours.devices, ...theirs.devices];
    await until(() => all.every((device) => opened.directory.byKey(device.key) !== undefined));
    const group = opened.directory.byKey(ours.devices[0]?.key ?? '')?.building ?? '';
    expect(opened.directory.members(group).map((device) => device.key)).toEqual(
      ours.devices.map((device) => device.key),
    );

    await registry.database
      .update(installations)
      .set({ building: 'B-1' })
      .where(eq(installations.key, ours.installationKey ?? ''));
    await until(() => opened.directory.members(`${ours.tenantKey}/B-1`).length === 2);
    expect(opened.directory.members(group)).toEqual([]);
  });

  it('takes over a new product version and its interval', async () => {
    const seeded = await seedDevices(registry.database, { product: 'parking-sensor' });
    const key = seeded.devices[0]?.key ?? '';
    await until(() => opened.directory.byKey(key)?.expectedIntervalMs === 3_600_000);
    await registry.database.transaction(async (transaction) => {
      const [current] = await transaction
        .select()
        .from(productVersions)
        .where(eq(productVersions.productKey, seeded.productKey));
      if (!current) throw new Error('no version');
      await transaction.insert(productVersions).values({ ...current, version: 2, expectedIntervalMs: 60_000 });
      await transaction.update(products).set({ currentVersion: 2 }).where(eq(products.key, seeded.productKey));
    });
    await until(() => opened.directory.byKey(key)?.expectedIntervalMs === 60_000);
    expect(opened.catalogue.current(seeded.productKey)?.version).toBe(2);
  });

  it('finds a device and a product that the last poll had not seen', async () => {
    const seeded = await seedDevices(registry.database);
    expect(await opened.directory.find(seeded.devices[0]?.key ?? '')).toMatchObject({ id: seeded.devices[0]?.id });
    expect(await opened.directory.find('not a key')).toBeUndefined();
    expect(await opened.catalogue.find(seeded.productKey)).toMatchObject({ productId: 'water-meter' });
  });

  it('serves what it knows while the registry is down, and says so', async () => {
    const [device] = (await seedDevices(registry.database)).devices;
    if (!device) throw new Error('nothing seeded');
    const lonely = await openTestRegistry();
    const [known] = (await seedDevices(lonely.database)).devices;
    const directory = await openTestDirectory(lonely.database);
    await lonely.stop();
    for (let round = 0; round < 500 && (await directory.health.state()).ready; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await directory.health.state()).checks['device-directory']?.detail).toContain('serves what it knew');
    expect(known && (await directory.directory.authenticate(known.id, known.secret))).toMatchObject({
      kind: 'accepted',
    });
    const refused = await directory.directory.authenticate(device.id, device.secret);
    expect(refused).toEqual({ kind: 'refused', reason: 'registry_unavailable' });
    // "Not there" is the registry's to say: stages try again, and refuse nothing.
    await expect(directory.directory.find(device.key)).rejects.toThrow(RegistryUnansweredError);
    await expect(directory.catalogue.find(randomUUID())).rejects.toThrow(RegistryUnansweredError);
    await directory.stop();
  });
});
