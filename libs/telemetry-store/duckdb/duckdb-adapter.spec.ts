import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger, systemClock } from '#libs/runtime';
import { batchOf, dayStart, messageOf, openTestTelemetryStore, StoreScene } from '#libs/telemetry-store/testing';
import type { StoredReading } from '../telemetry-store.port.js';
import { StoreOwner } from './store-owner.js';

const hour = 3_600_000;
const dayMs = 24 * hour;

describe('DuckDB telemetry store', () => {
  let scene: StoreScene;

  beforeEach(async () => {
    scene = await StoreScene.create();
  });
  afterEach(() => scene.remove());

  const all = { from: dayStart - 400 * dayMs, to: dayStart + 400 * dayMs };
  const values = async (deviceKey = 'd') =>
    (await scene.store.range({ deviceKey, range: all, limit: 100_000 })).map((r: StoredReading) => r.value);
  const sqlOnFile = async (sql: string) => {
    await scene.close();
    const instance = await DuckDBInstance.create(join(scene.dataDir, 'telemetry', 'readings.duckdb'));
    const connection = await instance.connect();
    const rows = (await connection.runAndReadAll(sql)).getRows();
    connection.closeSync();
    instance.closeSync();
    return rows;
  };
  const partsSql = `SELECT kind, day, state, suspect FROM parts WHERE kind = 'readings' ORDER BY day, name`;
  /** `count` readings of `d` and a bystander from `at`, a minute apart, newest first. */
  const backwards = (count: number, at: number, first = 0) =>
    Array.from({ length: count }, (_, index) => count - 1 - index).flatMap((index) =>
      ['d', `other-${index % 7}`].map((deviceKey) =>
        messageOf(
          { deviceKey, receivedAt: scene.clock.now() },
          { observedAt: at + index * 1_000, seq: index, values: { level: first + index } },
        ),
      ),
    );
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

  it('sorts a full part of an open day, and shows the same', async () => {
    await scene.open({ partRows: 100 });
    await scene.append(...backwards(100, dayStart));
    await scene.append(...backwards(20, dayStart));
    await scene.store.maintain();
    await scene.append(...backwards(30, dayStart + 200_000, 100));
    expect(await values()).toEqual(numbers(130));
    expect(await sqlOnFile(partsSql)).toEqual([
      ['readings', '20260310', 'sorted', true],
      ['readings', '20260310', 'open', true],
    ]);
    await scene.open();
    expect(await values()).toEqual(numbers(130));
  });

  it('makes one sorted part of a closed day, frees it of duplicates, and takes late data in', async () => {
    await scene.open({ partRows: 100 });
    await scene.append(...backwards(100, dayStart));
    await scene.append(...backwards(100, dayStart));
    await scene.store.maintain();
    await scene.append(...backwards(100, dayStart + 100_000, 100));
    await scene.clock.advance(3 * dayMs);
    await scene.store.maintain();
    expect(await values()).toEqual(numbers(200));
    await scene.append(...backwards(50, dayStart + 200_000, 200));
    expect(await values()).toEqual(numbers(250));
    await scene.clock.advance(hour);
    await scene.store.maintain();
    expect(await values()).toEqual(numbers(250));
    expect(await sqlOnFile(partsSql)).toEqual([['readings', '20260310', 'sorted', false]]);
    expect(await sqlOnFile(`SELECT count(*)::INTEGER FROM (FROM parts WHERE kind = 'readings')`)).toEqual([[1]]);
    const [[name]] = (await sqlOnFile(`SELECT name FROM parts WHERE kind = 'readings'`)) as [[string]];
    expect(await sqlOnFile(`SELECT count(*)::INTEGER FROM ${name}`)).toEqual([[500]]);
  });

  it('keeps stray times together, not in a table each', async () => {
    await scene.open();
    const stray = Array.from({ length: 300 }, (_, index) =>
      messageOf(
        { deviceKey: 'd', receivedAt: scene.clock.now() },
        { observedAt: dayStart - index * dayMs, values: { level: 299 - index } },
      ),
    );
    await scene.append(...stray);
    expect(await values()).toEqual(numbers(300));
    await scene.clock.advance(hour);
    await scene.store.maintain();
    expect(await values()).toEqual(numbers(300));
    const parts = await sqlOnFile(partsSql);
    expect(parts.length).toBeLessThan(6);
  });

  it('goes on appending and answering while it compacts', async () => {
    await scene.open({ partRows: 2_000 });
    const rounds = 12;
    let done = false;
    const questions = (async () => {
      let asked = 0;
      while (!done) {
        const found = await values();
        expect(new Set(found).size).toBe(found.length);
        asked += 1;
      }
      return asked;
    })();
    const maintenance = (async () => {
      while (!done) await scene.store.maintain();
    })();
    for (let round = 0; round < rounds; round += 1)
      await scene.append(...backwards(1_000, dayStart + round * 1_000_000, round * 1_000));
    done = true;
    await maintenance;
    expect(await questions).toBeGreaterThan(0);
    expect(await values()).toEqual(numbers(rounds * 1_000));
  });

  it('finds the latest again after a crash between two snapshots', async () => {
    await scene.open();
    await scene.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart, values: { level: 1, note: 'first' } }));
    await scene.store.maintain();
    await scene.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart + 1, values: { level: 2 } }));
    const copy = await mkdtemp(join(tmpdir(), 'telemetry-copy-'));
    const { cp } = await import('node:fs/promises');
    // The files as a killed process leaves them.
    await cp(scene.dataDir, copy, { recursive: true });
    const again = await openTestTelemetryStore({ dataDir: copy, clock: scene.clock });
    const latest = (await again.store.latest(['d'])).get('d') ?? [];
    expect(latest.map((r) => [r.metric, r.value])).toEqual([
      ['level', 2],
      ['note', 'first'],
    ]);
    await again.close();
    await rm(copy, { recursive: true });
  });

  it('keeps text as it is, whatever is in it', async () => {
    await scene.open();
    const texts = ['a\u0000b', "'; DROP TABLE parts; --", '\u{1F6B0}水', 'x'.repeat(70_000)];
    const report = {
      observedAt: dayStart,
      values: Object.fromEntries(texts.map((text, index) => [`m${index}`, text])),
    };
    await scene.append(messageOf({ deviceKey: "d'", frame: Buffer.alloc(100_000, 7) }, report));
    expect(await values("d'")).toEqual(texts);
    expect((await scene.store.latest(["d'"])).get("d'")?.map((r) => r.value)).toEqual(texts);
    const [frame] = await scene.store.frames({ deviceKey: "d'", range: all, limit: 1 });
    expect(frame?.bytes).toHaveLength(100_000);
  });

  it('stops a query that takes too long, and answers the next', async () => {
    await scene.open({ queryTimeoutMs: 1 });
    for (let round = 0; round < 4; round += 1) await scene.append(...backwards(2_500, dayStart + round * 1_000));
    const series = (stepMs: number, from: number) =>
      scene.store.downsample({
        deviceKeys: ['d', ...numbers(7).map((n) => `other-${n}`)],
        metric: 'level',
        range: { from, to: dayStart + dayMs },
        stepMs,
        originMs: dayStart,
        aggregation: 'increase',
      });
    await expect(series(10_000, dayStart)).rejects.toMatchObject({ status: 503, code: 'telemetry_query_timed_out' });
    expect((await scene.store.latest(['d'])).get('d')).toHaveLength(1);
    await expect(series(1_000, 0)).rejects.toMatchObject({ status: 400, code: 'telemetry_query_too_large' });
  });

  it('serves threads that do not own it, wherever they start', async () => {
    const script = new URL('./client-thread.child.js', import.meta.url);
    const start = (partition: number) => {
      const thread = new Worker(script, { workerData: { dataDir: scene.dataDir, partition, entries: 200 } });
      return new Promise<number>((resolve, reject) => thread.once('message', resolve).once('error', reject));
    };
    const early = start(1);
    await scene.open();
    expect(await Promise.all([early, start(2), start(3)])).toEqual([200, 200, 200]);
    expect(await values('thread-2')).toEqual(numbers(200));
  });

  it('is opened once however often it is asked for in one process', async () => {
    await scene.open();
    const second = await openTestTelemetryStore({ dataDir: scene.dataDir, clock: scene.clock });
    await scene.append(messageOf({ deviceKey: 'd' }, { observedAt: dayStart, values: { level: 1 } }));
    expect((await second.store.latest(['d'])).size).toBe(1);
    await scene.close();
    expect((await second.store.latest(['d'])).size).toBe(1);
    await second.close();
  });

  it('refuses a format it does not know', async () => {
    await scene.open();
    await sqlOnFile('UPDATE store SET format = 99');
    await expect(scene.open()).rejects.toThrow(/has format 99; this release reads 1 to 3/);
  });

  it('brings a store of the first format to ours, and counts from where the stream does', async () => {
    await scene.open();
    await scene.append(...backwards(3, dayStart));
    for (const column of ['passed', 'messages', 'rejected'])
      await sqlOnFile(`ALTER TABLE cursors DROP COLUMN ${column}`);
    for (const table of ['rollup_hours', 'rollup_days', 'rolled_days', 'rollup_marks'])
      await sqlOnFile(`DROP TABLE ${table}`);
    await sqlOnFile('UPDATE store SET format = 1');
    await scene.open();
    expect(await values()).toEqual(numbers(3));
    expect(await scene.store.positions()).toMatchObject([{ position: 1, uncounted: true }]);
    await scene.open();
    expect(await scene.store.positions()).toMatchObject([{ position: 1, uncounted: true }]);
    const restored = await StoreScene.create();
    await restored.open();
    for (let piece = await scene.store.exportPart(true); piece; piece = await scene.store.exportPart(false))
      await restored.store.importPart(piece);
    expect(await restored.store.positions()).toEqual(await scene.store.positions());
    await restored.remove();
    const next = messageOf({ deviceKey: 'd' }, { observedAt: dayStart + hour, values: { level: 3 } });
    await scene.store.append([batchOf([next], { position: 1, messagesBefore: 90 })]);
    expect(await values()).toEqual(numbers(3));
    await scene.store.append([batchOf([next], { position: 2, messagesBefore: 96 })]);
    const counted = { lane: 'bulk', partition: 0, position: 2, passed: 97, messages: 97, rejected: 0, refused: 0 };
    expect(await scene.store.positions()).toEqual([counted]);
    expect(await values()).toEqual(numbers(4));
    await scene.open();
    expect(await scene.store.positions()).toEqual([counted]);
  });

  it('is opened again when its thread dies', async () => {
    const options = {
      folder: scene.dataDir,
      timeZone: 'UTC',
      memoryMb: 128,
      queryTimeoutMs: 1_000,
      queryConcurrency: 1,
      partRows: 1_000,
    };
    const owner = new StoreOwner(options, systemClock, createLogger('test', 'silent'));
    await owner.start();
    const port = owner.connect();
    const closed = new Promise<void>((resolve) => port?.once('close', () => resolve()));
    await (owner as unknown as { worker: Worker }).worker.terminate();
    await closed;
    expect(owner.problem).toMatch(/ended/);
    expect(owner.connect()).toBeUndefined();
    while (owner.problem !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(owner.connect()).toBeDefined();
    await owner.stop();
  });
});
