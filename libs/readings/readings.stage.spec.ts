import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { streams } from '#libs/contracts';
import { createLogger, Lifecycle, Metrics, readConfig, systemClock } from '#libs/runtime';
import type { StageBatch } from '#libs/stream';
import { openTestStream, type RunningStage, runStage, type TestStream } from '#libs/stream/testing';
import { batchOf, dayStart, messageOf, openTestTelemetryStore } from '#libs/telemetry-store/testing';
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

  const start = async (metrics = new Metrics()) => {
    const stage = new ReadingsStage(opened.store, systemClock, metrics);
    running = await runStage(stream.log, {
      pattern: 'readings/readings',
      handle: (batch: StageBatch) => stage.handle(batch),
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
    await opened.store.append(entries.map(({ position, data }) => ({ lane: 'bulk', partition: 2, position, data })));
    await rebuild();
    await (await start()).caughtUp();
    expect(await stored(2)).toEqual([0, 1, 2]);
  });

  it('stores what is missing again from the stream before the stage starts', async () => {
    await (await start()).caughtUp();
    await fill(5);
    await running?.caughtUp();
    await running?.stop();
    running = undefined;
    await opened.store.clear();
    expect(await stored(1)).toEqual([]);
    await rebuild();
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
    const stage = new ReadingsStage(opened.store, systemClock, new Metrics());
    running = await runStage(stream.log, {
      pattern: 'readings/readings',
      handle: (batch) => stage.handle(batch),
      settings: { STREAM_STAGE_ATTEMPTS: '1' },
    });
    await running.caughtUp();
    expect(await stored(0)).toEqual([0, 1]);
    expect(dead).toHaveLength(1);
  });
});
