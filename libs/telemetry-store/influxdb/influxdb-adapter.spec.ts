import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type NormalisedMessage, qualityFlags } from '#libs/contracts';
import { Metrics, ScriptedClock } from '#libs/runtime';
import { influxdbLogin, serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import {
  batchOf,
  dayStart,
  dropDatabase,
  influxdbPost,
  influxql,
  messageOf,
  type TestInfluxdbOptions,
  testInfluxdbStore,
} from '#libs/telemetry-store/testing';
import { encodePart } from '../stored-part.js';
import type { InfluxdbTelemetryStore } from './influxdb-telemetry-store.js';

const offer = serverOffer('influxdb');
const hour = 3_600_000;
const dayMs = 24 * hour;
const week = 7 * dayMs;
const always = { from: dayStart - 400 * dayMs, to: dayStart + 400 * dayMs };
/** Each version does some things for itself. */
const isSecond = influxdbLogin() !== undefined;
const unmodelled = (message: NormalisedMessage) => {
  for (const report of message.reports)
    for (const reading of report.readings) reading.quality = qualityFlags.unmodelled;
  return message;
};

(offer.available ? describe : describe.skip)(`InfluxDB telemetry store on ${offer.title}`, () => {
  let server: TestServer;
  let database: string;
  let count = 0;
  const stores: InfluxdbTelemetryStore[] = [];

  beforeAll(async () => {
    server = await startServer('influxdb');
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(() => {
    count += 1;
    database = `adapter_${process.pid}_${count}`;
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.stop();
    await dropDatabase(server.url, database);
  });

  const prepare = (options: Partial<TestInfluxdbOptions> = {}) => {
    const store = testInfluxdbStore({ url: server.url, database, ...options });
    stores.push(store);
    return store;
  };
  const open = async (options: Partial<TestInfluxdbOptions> = {}) => {
    const store = prepare(options);
    await store.start();
    return store;
  };
  const ask = (statement: string) => influxql(server.url, database, statement);
  const read = async (store: InfluxdbTelemetryStore, deviceKey = 'd') =>
    Object.fromEntries(
      (await store.range({ deviceKey, range: always, limit: 10_000 })).map((one) => [one.metric, one.value]),
    );

  it('writes nothing but what it means to, whatever devices call their metrics', async () => {
    const corpus = [
      'a,kind=x',
      'a b=1 1',
      'a\nevil,x=1 value=1 1',
      'a\\',
      'a\\nb',
      "a' OR '1'='1",
      'a"; DROP MEASUREMENT readings; --',
      '',
      ' ',
      '%',
      '%20;',
      'a\u0000b',
      '水位 = 1,2',
      '\u{1F6B0}',
      '#comment',
      '../*/',
      'x'.repeat(2_000),
    ];
    const store = await open();
    const metrics = Object.fromEntries(corpus.map((metric, index) => [metric, index]));
    const values = Object.fromEntries(corpus.map((text, index) => [`text ${index}`, text]));
    for (const [index, deviceKey] of ['d', ...corpus].entries()) {
      const message = messageOf({ deviceKey }, { observedAt: dayStart, values: { ...metrics, ...values } });
      await store.append([batchOf([message], { position: index + 1 })]);
    }
    for (const deviceKey of ['d', ...corpus]) {
      expect(await read(store, deviceKey)).toEqual({ ...metrics, ...values });
      const latest = (await store.latest([deviceKey])).get(deviceKey) ?? [];
      expect(latest).toHaveLength(2 * corpus.length);
      const selected = await store.range({ deviceKey, metrics: corpus, range: always, limit: 1_000 });
      expect(selected).toHaveLength(corpus.length);
      expect(await store.frames({ deviceKey, range: always, limit: 10 })).toHaveLength(1);
    }
    const measurements = ['days', 'frames', 'late', 'positions', 'readings', 'rolled_days'];
    expect((await ask('SHOW MEASUREMENTS')).flat().sort()).toEqual(measurements);
    expect((await ask('SHOW TAG KEYS FROM readings')).flat()).toEqual(['device', 'kind', 'metric', 'revision']);
    expect((await ask('SHOW FIELD KEYS FROM readings')).map(([name]) => name)).toEqual(['about', 'text', 'value']);
  });

  it('gives so many unmodelled metrics series of their own, and keeps and shows the others all the same', async () => {
    const metrics = new Metrics();
    const settings = { INFLUX_UNMODELLED_PER_DEVICE: '3', INFLUX_UNMODELLED_IN_ALL: '5' };
    let store = await open({ settings, metrics });
    const named = (at: number, from: number) => ({
      observedAt: dayStart + at,
      values: Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`own-${from + index}`, at + index])),
    });
    await store.append([batchOf([unmodelled(messageOf({ deviceKey: 'd' }, named(0, 0)))], { position: 1 })]);
    await store.append([batchOf([unmodelled(messageOf({ deviceKey: 'e' }, named(0, 0)))], { position: 2 })]);
    await store.append([batchOf([unmodelled(messageOf({ deviceKey: 'f' }, named(0, 0)))], { position: 3 })]);
    expect(await metrics.render()).toMatch(/telemetry_store_overflow_total 25\n/);
    expect(await metrics.render()).toMatch(/telemetry_store_unmodelled_series 5\n/);
    await store.stop();
    store = await open({ settings });
    // A million names would go the same way.
    await store.append([
      batchOf([unmodelled(messageOf({ deviceKey: 'd' }, named(hour, 0), named(2 * hour, 100)))], { position: 4 }),
    ]);
    expect(await ask('SHOW SERIES FROM readings')).toHaveLength(5);
    expect(await ask('SHOW SERIES FROM overflow')).toHaveLength(3);
    expect(Object.keys(await read(store))).toHaveLength(20);
    expect(await store.range({ deviceKey: 'd', metrics: ['own-7'], range: always, limit: 10 })).toMatchObject([
      { value: 7, quality: qualityFlags.unmodelled },
      { value: hour + 7 },
    ]);
    const latest = new Map((await store.latest(['d'])).get('d')?.map((one) => [one.metric, one.value]));
    expect(latest.size).toBe(20);
    expect([latest.get('own-0'), latest.get('own-9'), latest.get('own-105')]).toEqual([hour, hour + 9, 2 * hour + 5]);
    const question = {
      deviceKeys: ['d'],
      metric: 'own-9',
      range: { from: dayStart, to: dayStart + 2 * hour },
      stepMs: hour,
      originMs: dayStart,
    };
    const found = await store.downsample({ ...question, aggregation: 'max' });
    expect(found.get('d')?.map((bucket) => bucket.value)).toEqual([9, hour + 9]);
    const growth = await store.downsample({ ...question, aggregation: 'increase' });
    expect(growth.get('d')?.map((bucket) => bucket.value)).toEqual([null, hour]);
  });

  it('keeps corrections apart up to a bound, and shows the highest', async () => {
    const store = await open();
    const message = (revision: number) =>
      messageOf({ deviceKey: 'd' }, { observedAt: dayStart, seq: 1, revision, values: { level: revision } });
    const revisions = [7, 3, 0, 40, 500];
    for (const [index, revision] of revisions.entries())
      await store.append([batchOf([message(revision)], { position: index + 1 })]);
    expect(await read(store)).toEqual({ level: 500 });
    expect((await store.latest(['d'])).get('d')?.[0]).toMatchObject({ value: 500, revision: 500 });
    expect(await ask('SHOW SERIES FROM readings')).toHaveLength(4);
  });

  it('stores the good points of a batch with bad ones, and gives the bad ones back', async () => {
    const store = await open({ settings: { INFLUX_WRITE_POINTS: '50', INFLUX_SHARD_DAYS: '7' } });
    // Somebody wrote a text where the store keeps numbers: InfluxDB takes no number there until the next shard.
    const body = `readings value="text" ${dayStart + week}000000`;
    const seeded = await influxdbPost(`${server.url}/write?db=${database}`, body);
    expect(seeded.status).toBe(204);
    const messages = Array.from({ length: 200 }, (_, index) =>
      messageOf(
        { deviceKey: 'd' },
        {
          observedAt: dayStart + index * 1_000 + (index % 40 === 7 ? week : 0),
          values: { level: index, note: `n${index}` },
        },
      ),
    );
    const [stored] = await store.append([batchOf(messages, { position: 1 })]);
    expect(stored).toMatchObject({ messages: 200, readings: 395 });
    const refused = stored?.refused ?? [];
    expect(refused.map((one) => one.message.reports[0]?.readings)).toEqual(
      [7, 47, 87, 127, 167].map((value) => [{ metric: 'level', value, quality: 0 }]),
    );
    expect(refused[0]).toMatchObject({ readings: 1, detail: expect.stringMatching(/4(00|22) .*field type conflict/) });
    expect(await store.range({ deviceKey: 'd', metrics: ['level'], range: always, limit: 1_000 })).toHaveLength(195);
    expect(await store.range({ deviceKey: 'd', metrics: ['note'], range: always, limit: 1_000 })).toHaveLength(200);
    const counts = { passed: 200, messages: 200, rejected: 0, refused: 0 };
    expect(await store.positions()).toEqual([{ lane: 'bulk', partition: 0, position: 1, ...counts }]);
  });

  it('gives back what it cannot hold without asking InfluxDB', async () => {
    const store = await open();
    const message = messageOf(
      { deviceKey: 'd', receivedAt: dayStart },
      { observedAt: 1e17, values: { early: 1 } },
      { observedAt: dayStart, values: { bad: Number.NaN, good: 1 } },
    );
    const [stored] = await store.append([batchOf([message], { position: 1 })]);
    expect(stored).toMatchObject({ messages: 1, readings: 1 });
    expect(stored?.refused?.map((one) => one.detail)).toEqual([
      expect.stringContaining('observedAt 100000000000000000'),
      expect.stringContaining('bad is NaN'),
    ]);
    expect(await read(store)).toEqual({ good: 1 });
  });

  it('keeps readings of one millisecond apart', async () => {
    const store = await open();
    const at = dayStart + 5;
    const messages = Array.from({ length: 20 }, (_, index) =>
      messageOf({ deviceKey: 'd' }, { observedAt: at, ...(index < 10 && { seq: index }), values: { level: index } }),
    );
    await store.append([batchOf(messages, { position: 499_999 })]);
    const found = await store.range({ deviceKey: 'd', range: { from: at, to: at + 1 }, limit: 7 });
    expect(found.map((one) => [one.observedAt, one.value])).toEqual(
      [10, 11, 12, 13, 14, 15, 16].map((value) => [at, value]),
    );
    expect((await store.latest(['d'])).get('d')).toMatchObject([{ value: 9 }]);
  });

  it('finds the latest however long ago it was, of many devices, in another process', async () => {
    const clock = new ScriptedClock(dayStart + 300 * dayMs);
    const [pipeline, api] = [await open({ clock }), await open({ clock })];
    const devices = Array.from({ length: 1_000 }, (_, index) => `device-${index}`);
    const of = (metric: string, daysAgo: number, chosen: readonly string[]) =>
      chosen.map((deviceKey) =>
        messageOf({ deviceKey }, { observedAt: clock.now() - daysAgo * dayMs, values: { [metric]: daysAgo } }),
      );
    const old = devices.filter((_, index) => index % 100 === 0);
    await pipeline.append([
      batchOf([...of('ancient', 290, old), ...of('old', 100, old), ...of('level', 20, devices)], { position: 1 }),
    ]);
    await pipeline.append([batchOf(of('level', 0, devices.slice(0, 900)), { position: 2 })]);
    const check = async () => {
      const latest = await api.latest(devices);
      const shown = (device: string) =>
        Object.fromEntries((latest.get(device) ?? []).map((one) => [one.metric, one.value]));
      expect(latest.size).toBe(1_000);
      expect(shown('device-1')).toEqual({ level: 0 });
      expect(shown('device-100')).toEqual({ ancient: 290, old: 100, level: 0 });
      expect(shown('device-900')).toEqual({ ancient: 290, old: 100, level: 20 });
      expect(shown('device-999')).toEqual({ level: 20 });
    };
    await check();
    await check();
    await pipeline.append([batchOf(of('level', 1, devices.slice(900)), { position: 3 })]);
    expect((await api.latest(['device-999'])).get('device-999')).toMatchObject([{ value: 1 }]);
  });

  it('finds the latest of metrics that share a series, new ones at once and however long ago it was', async () => {
    const clock = new ScriptedClock(dayStart + 300 * dayMs);
    const settings = { INFLUX_UNMODELLED_PER_DEVICE: '0' };
    const [pipeline, api] = [await open({ clock, settings }), await open({ clock, settings })];
    const of = (deviceKey: string, daysAgo: number) =>
      unmodelled(messageOf({ deviceKey }, { observedAt: clock.now() - daysAgo * dayMs, values: { extra: daysAgo } }));
    await pipeline.append([batchOf([of('old', 200)], { position: 1 })]);
    expect((await api.latest(['old', 'new'])).get('old')).toMatchObject([{ metric: 'extra', value: 200 }]);
    await pipeline.append([batchOf([of('new', 1)], { position: 2 })]);
    const latest = await api.latest(['old', 'new']);
    expect(latest.get('old')).toMatchObject([{ value: 200 }]);
    expect(latest.get('new')).toMatchObject([{ value: 1 }]);
  });

  it('takes from several processes at once, and shows each the positions of all', async () => {
    const several = [await open(), await open(), await open()];
    await Promise.all(
      several.flatMap((store, partition) =>
        Array.from({ length: 5 }, async (_, lot) => {
          const messages = Array.from({ length: 50 }, (_, index) =>
            messageOf(
              { deviceKey: `p${partition}` },
              { observedAt: dayStart + lot * 100 + index, values: { level: 1 } },
            ),
          );
          await store.append([batchOf(messages, { partition, position: lot + 1 })]);
        }),
      ),
    );
    for (const store of several) {
      expect((await store.positions()).sort((a, b) => a.partition - b.partition)).toMatchObject(
        [0, 1, 2].map((partition) => ({ lane: 'bulk', partition, position: 5 })),
      );
      for (const device of ['p0', 'p1', 'p2'])
        expect(await store.range({ deviceKey: device, range: always, limit: 1_000 })).toHaveLength(250);
    }
    // A process that was frozen comes late with a lower position: it hides nothing.
    await several[1]?.append([batchOf([], { partition: 0, position: 3 })]);
    expect((await several[2]?.positions())?.find((one) => one.partition === 0)?.position).toBe(5);
  });

  it('counts on where another process has stored meanwhile', async () => {
    const [one, two] = [await open(), await open()];
    const at = (position: number) => {
      const level = messageOf({ deviceKey: 'd' }, { observedAt: dayStart + position, values: { level: position } });
      return batchOf([level, level], { position, messagesBefore: (position - 1) * 2 });
    };
    for (const [store, position] of [one, one, two, two, one, two].map((store, index) => [store, index + 1] as const))
      await store.append([at(position)]);
    const counts = { passed: 12, messages: 12, rejected: 0, refused: 0 };
    expect(await one.positions()).toEqual([{ lane: 'bulk', partition: 0, position: 6, ...counts }]);
  });

  it('counts the series of the database', async () => {
    const metrics = new Metrics();
    const clock = new ScriptedClock(Date.now());
    const store = await open({ metrics, clock });
    const values = { level: 1, note: 'a', open: true };
    await store.append([batchOf([messageOf({ deviceKey: 'd' }, { observedAt: dayStart, values })], { position: 1 })]);
    // Three of readings; one of frames, of positions, of days, of the device that is late and of the days it is late for.
    const eight = /telemetry_store_series 8\n/;
    for (let waits = 0; isSecond && !eight.test(await metrics.render()) && waits < 40; waits += 1) {
      // 2.x counts them every ten seconds.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await clock.advance(60_000);
    }
    expect(await metrics.render()).toMatch(eight);
  }, 30_000);

  if (isSecond) {
    it('waits for its bucket where somebody dropped it', async () => {
      const store = await open();
      await dropDatabase(server.url, database);
      const entry = batchOf([messageOf({ deviceKey: 'd' }, { observedAt: dayStart, values: { level: 1 } })], {
        position: 1,
      });
      for (const _ of [1, 2]) await expect(store.append([entry])).rejects.toMatchObject({ retryable: true });
      await prepare().start();
      await store.append([entry]);
      expect(await read(store)).toEqual({ level: 1 });
    });
  } else {
    it('makes its database with long shards, and leaves one that is there as it is', async () => {
      const shards = async () =>
        (await ask(`SHOW RETENTION POLICIES ON "${database}"`)).map(([name, , span]) => [name, span]);
      await open();
      expect(await shards()).toEqual([['autogen', '672h0m0s']]);
      await open({ settings: { INFLUX_SHARD_DAYS: '7' } });
      expect(await shards()).toEqual([['autogen', '672h0m0s']]);
    });

    it('makes the database again where somebody dropped it', async () => {
      const store = await open();
      await dropDatabase(server.url, database);
      const entry = batchOf([messageOf({ deviceKey: 'd' }, { observedAt: dayStart, values: { level: 1 } })], {
        position: 1,
      });
      await expect(store.append([entry])).rejects.toMatchObject({ retryable: true });
      await store.append([entry]);
      expect(await read(store)).toEqual({ level: 1 });
    });
  }

  it('keeps what a release stored that did not count uncounted, until the stream says how much it was', async () => {
    const store = await open();
    const counts = { passed: 0, messages: 0, rejected: 0, refused: 0 };
    const uncounted = { lane: 'bulk', partition: 3, position: 7, ...counts, uncounted: true } as const;
    const others = { lane: 'bulk', partition: 4, position: 2, ...counts, passed: 5, messages: 5 } as const;
    await store.importPart(encodePart({ kind: 'positions', rows: [uncounted, others] }));
    const byPartition = async (one: InfluxdbTelemetryStore) =>
      (await one.positions()).sort((a, b) => a.partition - b.partition);
    expect(await byPartition(store)).toEqual([uncounted, others]);
    const again = await open();
    await again.append([batchOf([messageOf({ deviceKey: 'd' })], { partition: 3, position: 7, messagesBefore: 90 })]);
    expect(await byPartition(again)).toEqual([uncounted, others]);
    await again.append([batchOf([messageOf({ deviceKey: 'd' })], { partition: 3, position: 8, messagesBefore: 96 })]);
    const counted = { lane: 'bulk', partition: 3, position: 8, ...counts, passed: 97, messages: 97 };
    expect(await byPartition(again)).toEqual([counted, others]);
  });
});
