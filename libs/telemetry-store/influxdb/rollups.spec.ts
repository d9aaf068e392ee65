import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { qualityFlags } from '#libs/contracts';
import { ScriptedClock } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import {
  batchOf,
  dayStart,
  dropDatabase,
  influxdbPost,
  influxql,
  messageOf,
  testInfluxdbStore,
} from '#libs/telemetry-store/testing';
import type { Aggregation } from '../telemetry-store.port.js';
import type { InfluxdbTelemetryStore } from './influxdb-telemetry-store.js';

const offer = serverOffer('influxdb');
const hour = 3_600_000;
const dayMs = 24 * hour;

(offer.available ? describe : describe.skip)(`roll-ups in InfluxDB on ${offer.title}`, () => {
  let server: TestServer;
  let database: string;
  let clock: ScriptedClock;
  let store: InfluxdbTelemetryStore;
  let count = 0;
  let position: number;

  beforeAll(async () => {
    server = await startServer('influxdb');
  }, 60_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    count += 1;
    database = `rollups_${process.pid}_${count}`;
    clock = new ScriptedClock(dayStart + 12 * hour);
    position = 0;
    store = testInfluxdbStore({ url: server.url, database, clock });
    await store.start();
  });
  afterEach(async () => {
    await store.stop();
    await dropDatabase(server.url, database);
  });

  const ask = (statement: string) => influxql(server.url, database, statement);
  const write = async (line: string) => {
    const url = `${server.url}/write?db=${database}&precision=ms`;
    const { status } = await influxdbPost(url, line);
    expect(status).toBe(204);
  };
  const append = (...messages: ReturnType<typeof messageOf>[]) => {
    position += 1;
    return store.append([batchOf(messages, { position })]);
  };
  const level = (deviceKey: string, at: number, value: number) =>
    messageOf({ deviceKey }, { observedAt: dayStart + at, values: { level: value } });
  /** A reading of `level` every hour of the first day of so many devices: its hour as value. */
  const appendDay = (devices: number) =>
    append(
      ...Array.from({ length: devices }, (_, device) =>
        messageOf(
          { deviceKey: device === 0 ? 'd' : `other-${device}` },
          ...Array.from({ length: 24 }, (_value, at) => ({
            observedAt: dayStart + at * hour,
            values: { level: at },
          })),
        ),
      ),
    );
  const rollUp = (goOn = () => true) => store.rollUp(goOn);
  const series = async (aggregation: Aggregation, stepMs: number, deviceKey = 'd') => {
    const range = { from: dayStart, to: dayStart + dayMs };
    const question = { deviceKeys: [deviceKey], metric: 'level', range, stepMs, originMs: dayStart, aggregation };
    return (await store.downsample(question)).get(deviceKey)?.map(({ value }) => value);
  };

  it('are made once a day is over, and asked where they fit', async () => {
    await appendDay(3);
    await rollUp();
    expect(await ask('SELECT count("readings") FROM rollup_hours')).toEqual([]);
    await clock.advance(dayMs);
    await rollUp();
    expect(
      await ask(
        `SELECT readings, numbers, total, least, greatest, opening, closing, growth FROM rollup_days WHERE device = 'd'`,
      ),
    ).toEqual([[dayStart * 1e6, 24, 24, 276, 0, 23, 0, 23, 23]]);
    // What they say is what is answered: so they were asked.
    await write(`rollup_days,device=d,metric=level total=1000 ${dayStart}`);
    await write(`rollup_hours,device=d,metric=level total=100 ${dayStart + hour}`);
    expect(await series('sum', dayMs)).toEqual([1_000]);
    expect(await series('sum', 12 * hour)).toEqual([165, 210]);
    expect((await series('sum', hour / 2))?.filter((value) => value !== null)).toEqual([...Array(24).keys()]);
  });

  it('of what came late are made again, and meanwhile left alone for the device', async () => {
    await appendDay(3);
    await clock.advance(2 * dayMs);
    await rollUp();
    await write(`rollup_days,device=other-1,metric=level total=1000 ${dayStart}`);
    await append(level('d', 1, 7));
    expect(await series('sum', dayMs)).toEqual([283]);
    expect(await series('sum', dayMs, 'other-1')).toEqual([1_000]);
    await rollUp();
    expect(await ask(`SELECT total FROM rollup_days WHERE device = 'd'`)).toEqual([[dayStart * 1e6, 283]]);
    // Not made again: nothing of it came.
    expect(await series('sum', dayMs, 'other-1')).toEqual([1_000]);
  });

  it('of a day that much came late for are made again once that has ended', async () => {
    await appendDay(70);
    await clock.advance(2 * dayMs);
    await rollUp();
    await append(...Array.from({ length: 70 }, (_, device) => level(device === 0 ? 'd' : `other-${device}`, 1, 7)));
    expect(await ask('SELECT count("mark") FROM late')).toEqual([]);
    await rollUp();
    expect(await series('sum', dayMs)).toEqual([283]);
    expect(await ask(`SELECT total FROM rollup_days WHERE device = 'd'`)).toEqual([[dayStart * 1e6, 276]]);
    await clock.advance(hour);
    await rollUp();
    expect(await ask(`SELECT total FROM rollup_days WHERE device = 'd'`)).toEqual([[dayStart * 1e6, 283]]);
  });

  it('that are broken off, or stopped by a crash, are made another time', async () => {
    await appendDay(300);
    await clock.advance(2 * dayMs);
    let parts = 0;
    await rollUp(() => parts++ < 1);
    expect(await ask('SELECT rolled FROM rolled_days')).toEqual([]);
    expect(await series('sum', dayMs, 'other-299')).toEqual([276]);
    await rollUp();
    expect(await ask('SELECT count("total") FROM rollup_days')).toEqual([[0, 300]]);
    // As a crash leaves it between the points and the position: the entry comes again, to another process.
    await append(level('d', 1, 7));
    await ask('DROP MEASUREMENT positions');
    const other = testInfluxdbStore({ url: server.url, database, clock });
    await other.start();
    await other.rollUp(() => true);
    await other.append([batchOf([level('d', 1, 7)], { position })]);
    await other.rollUp(() => true);
    await other.stop();
    expect(await ask(`SELECT total FROM rollup_days WHERE device = 'd'`)).toEqual([[dayStart * 1e6, 283]]);
  });

  it('are emptied where a correction leaves nothing that counts', async () => {
    const reading = (revision: number) =>
      messageOf({ deviceKey: 'd' }, { observedAt: dayStart, seq: 1, revision, values: { level: 5 } });
    await append(reading(0));
    await clock.advance(2 * dayMs);
    await rollUp();
    expect(await series('count', dayMs)).toEqual([1]);
    const doubtful = reading(1);
    for (const one of doubtful.reports[0]?.readings ?? []) one.quality = qualityFlags.out_of_range;
    await append(doubtful);
    await rollUp();
    expect(await series('count', dayMs)).toEqual([null]);
    expect(await ask('SELECT readings FROM rollup_days')).toEqual([[dayStart * 1e6, 0]]);
  });
});
