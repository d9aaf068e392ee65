import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eq, inArray } from 'drizzle-orm';
import { encodeNormalisedMessages, type FrameOutcome, type NormalisedMessage } from '#libs/contracts';
import { devicePresence, devices } from '#libs/registry-db';
import { openTestRegistry, type TestRegistry } from '#libs/registry-db/testing';
import { createLogger, Lifecycle, Metrics, readConfig, ScriptedClock } from '#libs/runtime';
import { openTestStream, type RunningStage, runStage, type TestStream } from '#libs/stream/testing';
import type { KnownDevice } from '../known-device.js';
import { openTestDirectory, seedDevices, type TestDirectory } from '../testing/index.js';
import { presenceConfig } from './presence.config.js';
import { PresenceRepository } from './presence.repository.js';
import { PresenceStage } from './presence.stage.js';
import { PresenceFleet } from './presence-fleet.js';
import { PresenceWriter } from './presence-writer.js';

const start = Date.UTC(2026, 5, 1);
const interval = 100_000;

describe('PresenceStage', () => {
  const clock = new ScriptedClock(start);
  const lifecycle = new Lifecycle(createLogger('test', 'silent'));
  let registry: TestRegistry;
  let stream: TestStream;
  let opened: TestDirectory;
  let running: RunningStage;
  let metrics: Metrics;

  async function startStage(): Promise<void> {
    metrics = new Metrics();
    const fleet = new PresenceFleet(opened.directory, opened.catalogue, metrics);
    const writer = new PresenceWriter(
      new PresenceRepository(registry.database),
      createLogger('test', 'silent'),
      metrics,
      lifecycle,
    );
    const stage = new PresenceStage(stream.log, clock, readConfig(presenceConfig, {}), fleet, writer);
    running = await runStage(stream.log, {
      pattern: 'readings/presence',
      tickMs: 1_000,
      clock,
      handle: (batch) => stage.handle(batch),
      reset: (source) => stage.reset(source),
    });
  }

  /** Lets `seconds` of the platform's life pass, tick by tick. */
  async function live(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await clock.advance(1_000);
      await wait(2);
    }
  }

  async function send(device: KnownDevice, outcome: FrameOutcome = 'decoded', receivedAt = clock.now()): Promise<void> {
    const message: NormalisedMessage = {
      messageId: `b.0.${receivedAt}.0`,
      tenantKey: device.tenantKey,
      deviceKey: device.key,
      productKey: device.productKey,
      productVersion: 1,
      receivedAt,
      outcome,
      reason: '',
      decoder: 'json@1',
      frame: Buffer.alloc(0),
      reports: [],
    };
    const { lane, partition } = device;
    await stream.log.append([{ stream: 'readings', lane, partition, data: encodeNormalisedMessages([message]) }]);
    await running.caughtUp();
  }

  async function presenceOf(key: string) {
    return (await registry.database.select().from(devicePresence).where(eq(devicePresence.deviceKey, key)))[0];
  }

  /** Waits, in real time, for the registry to show it; the scripted clock moves only by ticks of a second. */
  async function shows(key: string, online: boolean): Promise<void> {
    for (let round = 0; round < 200; round += 1) {
      if ((await presenceOf(key))?.online === online) return;
      await clock.advance(1_000);
      await wait(10);
    }
    throw new Error(`the registry never showed ${key} ${online ? 'online' : 'offline'}`);
  }

  async function gauge(name: string): Promise<Record<string, number>> {
    const found = (await metrics.own()).find((metric) => metric.name === name) as
      | { values: { value: number; labels: Record<string, string> }[] }
      | undefined;
    return Object.fromEntries(
      (found?.values ?? []).map(({ value, labels }) => [Object.values(labels).join(' '), value]),
    );
  }

  async function seed(count: number): Promise<KnownDevice[]> {
    const seeded = await seedDevices(registry.database, {
      product: 'water-meter',
      count,
      expectedIntervalMs: interval,
    });
    const found = await Promise.all(seeded.devices.map(({ key }) => opened.directory.find(key)));
    return found.filter((device) => device !== undefined);
  }

  beforeAll(async () => {
    registry = await openTestRegistry();
    stream = await openTestStream({ partitions: 2, clock });
    opened = await openTestDirectory(registry.database, { stream: stream.log });
    await startStage();
  });
  afterAll(async () => {
    await running.stop();
    await lifecycle.stop();
    await opened.stop();
    await stream.stop();
    await registry.stop();
  });

  it('shows a device online and active from its first message, and offline after its silence', async () => {
    const [device] = await seed(1);
    if (!device) throw new Error('nothing seeded');
    const seenAt = clock.now();
    await send(device);
    await shows(device.key, true);
    expect(await presenceOf(device.key)).toMatchObject({
      cause: 'message',
      since: new Date(seenAt),
      lastSeenAt: new Date(seenAt),
    });
    const [row] = await registry.database.select().from(devices).where(eq(devices.key, device.key));
    expect(row?.status).toBe('active');
    expect(await gauge('devices_online')).toEqual({ water: 1 });

    await send(device);
    await live(245);
    expect((await presenceOf(device.key))?.online).toBe(true);
    await live(10);
    await shows(device.key, false);
    expect(await presenceOf(device.key)).toMatchObject({ cause: 'silence' });
    expect(await gauge('devices_online')).toEqual({ water: 0 });
    expect(await gauge('presence_transitions_total')).toEqual({ 'online message': 1, 'offline silence': 1 });
  });

  it('says which rows changed, and not which were only heard of again', async () => {
    const [device] = await seed(1);
    const repository = new PresenceRepository(registry.database);
    const row = { deviceKey: device?.key ?? '', online: true, since: 100, lastSeenAt: 100, cause: 'message' };
    const changes: (string | undefined)[] = [];
    for (const written of [row, { ...row, lastSeenAt: 1_000 }, { ...row, online: false, cause: 'silence' }]) {
      await repository.write([written]);
      changes.push((await presenceOf(row.deviceKey))?.changed);
    }
    expect(changes[0]).toBe(changes[1]);
    expect(BigInt(changes[2] ?? 0)).toBeGreaterThan(BigInt(changes[1] ?? 0));
  });

  it('makes nobody offline over a restart of an hour, and keeps what it knew', async () => {
    const group = await seed(5);
    for (const device of group) await send(device);
    for (const device of group) await shows(device.key, true);
    await live(200);
    // Within the minute before the end: only reading the stream again can tell.
    for (const device of group.slice(1)) await send(device);
    await running.stop();
    await clock.advance(3_600_000);
    await startStage();
    await live(30);
    const keys = group.map((device) => device.key);
    const rows = () => registry.database.select().from(devicePresence).where(inArray(devicePresence.deviceKey, keys));
    expect((await rows()).filter((row) => !row.online)).toEqual([]);
    // The first had been silent for 200 s before the restart: that counts, give or take a minute.
    await live(90);
    await shows(group[0]?.key ?? '', false);
    expect((await rows()).filter((row) => !row.online)).toHaveLength(1);
    await live(200);
    for (const device of group) await shows(device.key, false);
  });

  it('makes nobody offline while a backlog waits for the normaliser', async () => {
    const [device] = await seed(1);
    if (!device) throw new Error('nothing seeded');
    await send(device);
    await shows(device.key, true);
    await stream.log.registerGroup('raw', 'normaliser');
    const { lane, partition } = device;
    await stream.log.append([{ stream: 'raw', lane, partition, data: Buffer.from('waits') }]);
    await live(400);
    expect((await presenceOf(device.key))?.online).toBe(true);
    await stream.log.commit({
      source: { stream: 'raw', group: 'normaliser', lane, partition },
      upTo: 1,
      append: [],
      state: [],
    });
    await live(260);
    await shows(device.key, false);
  });

  it('tells the registry when it is back', async () => {
    const [device] = await seed(1);
    if (!device) throw new Error('nothing seeded');
    await registry.database.execute('alter table device_presence rename to device_presence_away');
    await send(device);
    await live(5);
    await registry.database.execute('alter table device_presence_away rename to device_presence');
    await shows(device.key, true);
  });
});
