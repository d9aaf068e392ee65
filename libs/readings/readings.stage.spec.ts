import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DeadLetter, decodeDeadLetters, decodeNormalisedMessages, streams } from '#libs/contracts';
import { createLogger, Lifecycle, Metrics, readConfig, systemClock } from '#libs/runtime';
import { serverOffer, startServer } from '#libs/runtime/testing';
import type { StageBatch } from '#libs/stream';
import { openTestStream, type RunningStage, runStage, type TestStream } from '#libs/stream/testing';
import type { TelemetryStore } from '#libs/telemetry-store';
import { batchOf, dayStart, messageOf, openTestTelemetryStore, testInfluxdbStore } from '#libs/telemetry-store/testing';
import { MissingReadings } from './missing-readings.js';
import { readingsConfig } from './readings.config.js';
import { ReadingsStage } from './readings.stage.js';
import { ReadingsRebuild } from './readings-rebuild.js';

const partitions = 4;
const always = { from: 0, to: dayStart * 2 };

describe('readings stage', () => {
  let stream: TestStream;
  let opened: Awaited<ReturnType<typeof openTestTelemetryStore>>;
  let running: RunningStage | undefined;

  beforeEach(async () => {
    [stream, opened] = await Promise.all([openTestStream({ partitions }), openTestTelemetryStore()]);
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    await Promise.all([stream.stop(), opened.close()]);
  });

  const stageOn = (store: TelemetryStore, metrics = new Metrics()) => {
    const missing = new MissingReadings(stream.log, store, systemClock, createLogger('test', 'silent'));
    return new ReadingsStage(store, systemClock, metrics, missing);
  };
  const start = async (metrics = new Metrics()) => {
    const stage = stageOn(opened.store, metrics);
    running = await runStage(stream.log, {
      pattern: 'readings/readings',
      handle: (batch: StageBatch) => stage.handle(batch),
      reset: (source) => stage.reset(source),
      tickMs: 20,
    });
    return running;
  };
  const rebuild = async (environment: Record<string, string> = {}) => {
    const lifecycle = new Lifecycle(createLogger('test', 'silent'));
    new ReadingsRebuild(
      stream.log,
      opened.store,
      readConfig(readingsConfig, environment),
      createLogger('test', 'silent'),
      lifecycle,
    );
    await lifecycle.start();
  };
  /** Appends `count` entries of one message each to every partition; the value is the entry's number from `first`. */
  const fill = async (count: number, first = 0) => {
    for (let entry = first; entry < first + count; entry += 1) {
      await stream.log.append(
        Array.from({ length: partitions }, (_, partition) => ({
          stream: streams.readings,
          lane: 'bulk' as const,
          partition,
          data: batchOf(
            [messageOf({ deviceKey: `d${partition}` }, { observedAt: dayStart + entry, values: { level: entry } })],
            {
              partition,
              position: entry + 1,
            },
          ).data,
        })),
      );
    }
  };
  const until = async (condition: () => Promise<boolean>) => {
    const deadline = performance.now() + 10_000;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error('it did not come about within 10 s');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const stored = async (partition: number) =>
    (await opened.store.range({ deviceKey: `d${partition}`, range: always, limit: 1_000 })).map((r) => r.value);
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

  it('stores every entry of every partition once, and counts', async () => {
    const metrics = new Metrics();
    await fill(10);
    await (await start(metrics)).caughtUp();
    await fill(10, 10);
    await running?.caughtUp();
    for (let partition = 0; partition < partitions; partition += 1) {
      expect(await stored(partition)).toEqual(numbers(20));
    }
    expect(await metrics.render()).toMatch(/readings_stored_total 80\n/);
  });

  it('stores nothing twice when the store was ahead of the acknowledgement', async () => {
    await fill(3);
    const entries = await stream.log.read(
      { stream: streams.readings, group: 'readings', lane: 'bulk', partition: 2 },
      { maxEntries: 10, maxBytes: 1e6 },
    );
    await opened.store.append(entries.map((entry) => ({ ...entry, lane: 'bulk', partition: 2 })));
    await rebuild();
    await (await start()).caughtUp();
    expect(await stored(2)).toEqual([0, 1, 2]);
  });

  it('stores what is missing again from the stream, with no new entry to wake it', async () => {
    await (await start()).caughtUp();
    await fill(5);
    await running?.caughtUp();
    await running?.stop();
    running = undefined;
    await opened.store.clear();
    expect(await stored(1)).toEqual([]);
    await rebuild();
    await start();
    await until(async () => (await stored(partitions - 1)).length === 5 && (await stored(0)).length === 5);
    for (let partition = 0; partition < partitions; partition += 1) {
      expect(await stored(partition)).toEqual(numbers(5));
    }
  });

  it('rebuilds all of it on demand', async () => {
    await (await start()).caughtUp();
    await fill(5);
    await running?.caughtUp();
    await running?.stop();
    running = undefined;
    await rebuild({ READINGS_REBUILD: 'all' });
    expect(await stored(3)).toEqual([]);
    await start();
    await until(async () => (await stored(3)).length === 5);
    expect(await stored(3)).toEqual(numbers(5));
    expect((await opened.store.latest(['d3'])).get('d3')?.[0]?.value).toBe(4);
  });

  it('refuses a store that is ahead of the stream, and says what to do', async () => {
    await stream.log.registerGroup(streams.readings, 'readings');
    await fill(1);
    await opened.store.append([batchOf([], { partition: 1, position: 900 })]);
    await expect(rebuild()).rejects.toThrow(/entry 900 of bulk partition 1.*READINGS_REBUILD=all/);
    await rebuild({ READINGS_REBUILD: 'all' });
  });

  it('refuses an entry it cannot read and goes on', async () => {
    await fill(1);
    await stream.log.append([{ stream: streams.readings, lane: 'bulk', partition: 0, data: Buffer.from('nonsense') }]);
    await fill(1, 1);
    const dead: Uint8Array[] = [];
    stream.log.tail(streams.deadLetters, ({ data }) => dead.push(Buffer.from(data)));
    const stage = stageOn(opened.store);
    running = await runStage(stream.log, {
      pattern: 'readings/readings',
      handle: (batch) => stage.handle(batch),
      settings: { STREAM_STAGE_ATTEMPTS: '1' },
    });
    await running.caughtUp();
    expect(await stored(0)).toEqual([0, 1]);
    expect(dead).toHaveLength(1);
  });

  it('starts beside a pipeline at work: what that stores meanwhile is neither missing nor ahead', async () => {
    await (await start()).caughtUp();
    let done = false;
    const starts = (async () => {
      let count = 0;
      for (; !done; count += 1) await rebuild();
      return count;
    })();
    for (let round = 0; round < 20; round += 1) await fill(2, 2 * round);
    await running?.caughtUp();
    done = true;
    expect(await starts).toBeGreaterThan(0);
    for (let partition = 0; partition < partitions; partition += 1)
      expect(await stored(partition)).toEqual(numbers(40));
  });
});

const offer = serverOffer('influxdb');

(offer.available ? describe : describe.skip)(`readings stage on ${offer.title}`, () => {
  it('makes dead letters of what the store cannot hold, and stores the rest of the batch', async () => {
    const server = await startServer('influxdb');
    const stream = await openTestStream({ partitions });
    const store = testInfluxdbStore({ url: server.url, database: 'readings_stage' });
    await store.start();
    const metrics = new Metrics();
    const logger = createLogger('test', 'silent');
    const missing = new MissingReadings(stream.log, store, systemClock, logger);
    const stage = new ReadingsStage(store, systemClock, metrics, missing);
    const letters: DeadLetter[] = [];
    stream.log.tail(streams.deadLetters, ({ data }) => letters.push(...decodeDeadLetters(data)));
    const values = { level: 1, battery: Number.NaN, pressure: 3 };
    const { data } = batchOf([messageOf({ deviceKey: 'd' }, { observedAt: dayStart, seq: 4, values })], {
      position: 1,
    });
    await stream.log.append([{ stream: streams.readings, lane: 'bulk', partition: 0, data }]);
    const running = await runStage(stream.log, {
      pattern: 'readings/readings',
      handle: (batch) => stage.handle(batch),
      reset: (source) => stage.reset(source),
    });
    await running.caughtUp();
    await running.stop();
    const found = await store.range({ deviceKey: 'd', range: always, limit: 10 });
    expect(found.map((one) => [one.metric, one.value]).sort()).toEqual([
      ['level', 1],
      ['pressure', 3],
    ]);
    expect(letters).toMatchObject([
      {
        id: `store_refused/b.0.1.0/${dayStart}/4/battery`,
        stage: 'readings',
        stream: 'readings',
        reason: 'store_refused',
        detail: expect.stringContaining('battery is NaN'),
        tenantKey: 'tenant-a',
        deviceKey: 'd',
      },
    ]);
    const [again] = decodeNormalisedMessages(letters[0]?.original ?? new Uint8Array());
    expect(again?.reports[0]?.readings).toEqual([{ metric: 'battery', value: Number.NaN, quality: 0 }]);
    const rendered = await metrics.render();
    expect(rendered).toMatch(/readings_stored_total 2\n/);
    expect(rendered).toContain('discards_total{stage="readings",reason="store_refused"} 1');
    await Promise.all([stream.stop(), store.stop()]);
    await server.stop();
  });
});
