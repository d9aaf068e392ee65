import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dayStart, messageOf, StoreScene } from '#libs/telemetry-store/testing';
import type { Aggregation } from '../telemetry-store.port.js';

const hour = 3_600_000;
const dayMs = 24 * hour;

/** The tables of a store of format 1, the first that was released, as it made them. */
const readingColumns =
  'device INTEGER, metric INTEGER, observed_at DOUBLE, seq DOUBLE, revision INTEGER, kind UTINYINT, value DOUBLE, text VARCHAR, quality INTEGER, received_at DOUBLE, stored_at DOUBLE, device_time DOUBLE, source INTEGER, position DOUBLE, slot INTEGER';
const firstFormat = [
  'CREATE TABLE store (format INTEGER, time_zone VARCHAR)',
  'CREATE TABLE cursors (source INTEGER, position DOUBLE)',
  'CREATE TABLE names (kind UTINYINT, id INTEGER, name VARCHAR)',
  'CREATE TABLE parts (name VARCHAR, kind VARCHAR, day VARCHAR, from_at DOUBLE, to_at DOUBLE, state VARCHAR, suspect BOOLEAN)',
  `CREATE TABLE latest (${readingColumns})`,
  'CREATE TABLE latest_mark (stored_at DOUBLE, deleted_before DOUBLE)',
  `INSERT INTO store VALUES (1, 'Asia/Shanghai')`,
  'INSERT INTO latest_mark VALUES (0, -9007199254740991)',
  `INSERT INTO names VALUES (0, 1, 'd'), (1, 1, 'level')`,
  'INSERT INTO cursors VALUES (1000000, 5), (1000000, 7)',
];
/** A closed day with a reading every hour: its hour as value. */
const oldDay = (name: string, from: number) => [
  `CREATE TABLE readings_${name}_1 (${readingColumns})`,
  `INSERT INTO readings_${name}_1 SELECT 1, 1, ${from} + i * ${hour}, -9007199254740991, 0, 0, i, '', 0, ${from} + i * ${hour}, 1000, -9007199254740991, 1000000, i, 0 FROM range(24) hours(i)`,
  `INSERT INTO parts VALUES ('readings_${name}_1', 'readings', '${name}', ${from}, ${from + dayMs}, 'sorted', false)`,
];

describe('roll-ups in DuckDB', () => {
  let scene: StoreScene;

  beforeEach(async () => {
    scene = await StoreScene.create();
  });
  afterEach(() => scene.remove());

  /** A reading of `level` every hour of a day of so many devices: its hour as value. */
  const appendDay = (day: number, devices: number) =>
    scene.append(
      ...Array.from({ length: devices }, (_, device) =>
        messageOf(
          { deviceKey: device === 0 ? 'd' : `other-${device}` },
          ...Array.from({ length: 24 }, (_value, at) => ({
            observedAt: dayStart + day * dayMs + at * hour,
            values: { level: at },
          })),
        ),
      ),
    );
  const close = async (days: number) => {
    await scene.clock.advance(days * dayMs);
    await scene.store.maintain();
  };
  const series = async (aggregation: Aggregation, stepMs: number, days: number) => {
    const range = { from: dayStart, to: dayStart + days * dayMs };
    const question = { deviceKeys: ['d'], metric: 'level', range, stepMs, originMs: dayStart, aggregation };
    return (await scene.store.downsample(question)).get('d')?.map(({ value }) => value);
  };
  const onFile = async (...statements: string[]): Promise<DuckDBValue[][]> => {
    await scene.close();
    await mkdir(join(scene.dataDir, 'telemetry'), { recursive: true });
    const instance = await DuckDBInstance.create(join(scene.dataDir, 'telemetry', 'readings.duckdb'));
    const connection = await instance.connect();
    let rows: DuckDBValue[][] = [];
    for (const sql of statements) rows = (await connection.runAndReadAll(sql)).getRows();
    connection.closeSync();
    instance.closeSync();
    return rows;
  };

  it('are made when a day is closed, and asked where they fit', async () => {
    await scene.open();
    await appendDay(0, 3);
    expect(await onFile('SELECT count(*)::INTEGER FROM rolled_days')).toEqual([[0]]);
    await scene.open();
    await close(3);
    expect(
      await onFile(`SELECT readings, numbers, total, least, greatest, opening, opened_at, closing, closed_at, growth
        FROM rollup_days JOIN names ON kind = 0 AND id = device WHERE name = 'd'`),
    ).toEqual([[24, 24, 276, 0, 23, 0, dayStart, 23, dayStart + 23 * hour, 23]]);
    // What they say is what is answered: so they were asked.
    await onFile('UPDATE rollup_days SET total = 1_000', 'UPDATE rollup_hours SET total = 100');
    await scene.open();
    expect(await series('sum', dayMs, 1)).toEqual([1_000]);
    expect(await series('sum', 12 * hour, 1)).toEqual([1_200, 1_200]);
    expect(await series('sum', 36 * hour, 1)).toEqual([1_000]);
    expect((await series('sum', hour / 2, 1))?.filter((value) => value !== null)).toEqual([...Array(24).keys()]);
  });

  it('are made again when something late has been sorted in, and left alone for others until then', async () => {
    await scene.open();
    await appendDay(0, 3);
    await close(3);
    await onFile('UPDATE rollup_days SET total = 1_000');
    await scene.open();
    await scene.append(messageOf({ deviceKey: 'other-1' }, { observedAt: dayStart + 1, values: { level: 7 } }));
    expect(await series('sum', dayMs, 1)).toEqual([1_000]);
    await scene.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + 1, values: { level: 7 } }));
    expect(await series('sum', dayMs, 1)).toEqual([283]);
    await scene.clock.advance(hour);
    await scene.store.maintain();
    expect(await onFile('SELECT total FROM rollup_days ORDER BY total')).toEqual([[276], [283], [283]]);
  });

  it('of many devices are made some devices at a time, and lie together by device in the end', async () => {
    await scene.open({ partRows: 5_000 });
    for (let day = 0; day < 4; day += 1) {
      await appendDay(day, 700);
      await scene.clock.advance(dayMs);
    }
    await close(3);
    expect(await series('sum', dayMs, 4)).toEqual([276, 276, 276, 276]);
    expect(await series('increase', hour, 4)).toEqual(
      [null, ...Array(95).fill(1)].map((one, at) => (at % 24 === 0 && at > 0 ? 0 : one)),
    );
    expect(await onFile('SELECT count(*)::INTEGER, sum(readings)::INTEGER FROM rollup_hours')).toEqual([
      [67_200, 67_200],
    ]);
    const [[disorder]] = (await onFile(
      'SELECT count(*)::INTEGER FROM (SELECT device, lag(device) OVER (ORDER BY rowid) AS before FROM rollup_hours) WHERE device < before',
    )) as [[number]];
    expect(disorder).toBe(0);
    expect(await onFile('SELECT resolution, unsorted FROM rollup_marks ORDER BY resolution')).toEqual([
      ['day', 2_800],
      ['hour', 0],
    ]);
  });

  it('are made of what a store of the first format has', async () => {
    const days = [0, 1, 2].map((day) => oldDay(`2026031${day}`, dayStart + day * dayMs));
    await onFile(...firstFormat, ...days.flat());
    await scene.clock.advance(10 * dayMs);
    await scene.open();
    expect(await scene.store.positions()).toEqual([
      { lane: 'bulk', partition: 0, position: 7, passed: 0, messages: 0, rejected: 0, refused: 0, uncounted: true },
    ]);
    expect(await series('sum', dayMs, 3)).toEqual([276, 276, 276]);
    scene.position = 7;
    await scene.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + 1, values: { level: 7 } }));
    await scene.store.maintain();
    expect(await series('sum', dayMs, 3)).toEqual([283, 276, 276]);
    expect(await onFile('SELECT format FROM store')).toEqual([[3]]);
    expect(await onFile('SELECT day FROM rolled_days ORDER BY day')).toEqual([
      ['20260310'],
      ['20260311'],
      ['20260312'],
    ]);
    await scene.open();
    expect((await scene.store.positions())[0]).toMatchObject({ position: 8, messages: 1 });
    await scene.store.deleteBefore({ reading: dayStart + 2 * dayMs, hour: 0, day: 0 });
    expect(await series('sum', dayMs, 3)).toEqual([283, 276, 276]);
    expect(await onFile('SELECT day FROM parts')).toEqual([['20260312']]);
  });

  it('are complete before readings go, though a crash comes in between', async () => {
    await scene.open();
    await appendDay(0, 3);
    await appendDay(1, 3);
    await scene.clock.advance(2 * dayMs);
    // Not closed yet, so not rolled up.
    await scene.store.deleteBefore({ reading: dayStart + dayMs, hour: 0, day: 0 });
    expect(await series('sum', dayMs, 2)).toEqual([276, 276]);
    // As a crash leaves it: readings are gone that no roll-up was made of since, and of others a part is still there.
    await onFile(
      `INSERT INTO parts VALUES ('readings_20260310_99', 'readings', '20260310', ${dayStart}, ${dayStart + dayMs}, 'sorted', false)`,
      `CREATE TABLE readings_20260310_99 (${readingColumns})`,
      `INSERT INTO readings_20260310_99 SELECT 1, 1, ${dayStart}, 0, 0, 0, 5, '', 0, ${dayStart}, 0, 0, 1000000, 1, 0`,
    );
    await scene.open();
    await close(3);
    expect(await series('sum', dayMs, 2)).toEqual([276, 276]);
    await scene.store.deleteBefore({ reading: dayStart + dayMs, hour: 0, day: 0 });
    expect(await series('sum', dayMs, 2)).toEqual([276, 276]);
    expect(await onFile(`SELECT count(*)::INTEGER FROM parts WHERE day = '20260310'`)).toEqual([[0]]);
  });
});
