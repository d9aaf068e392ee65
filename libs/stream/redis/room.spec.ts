import { afterEach, describe, expect, it } from '@jest/globals';
import { Metrics } from '#libs/runtime';
import { ownServerOffer, startServer } from '#libs/runtime/testing';
import { kept, owed, sourceOf, until } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import type { RedisStreamLogOptions } from './redis-stream-log.js';

const offer = ownServerOffer('redis');
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const large = () => ({ stream: 'raw', lane: 'bulk' as const, partition: 0, data: Buffer.alloc(100_000, 1) });
const forever = Number.MAX_SAFE_INTEGER;

async function open(settings: readonly string[], options: Partial<RedisStreamLogOptions> = {}) {
  const server = await startServer('redis', settings);
  stops.push(() => server.stop());
  const metrics = new Metrics();
  const log = await testRedisLog(server.url, { metrics, ...options });
  await log.start();
  stops.push(() => log.stop());
  await log.registerGroup('raw', 'stage');
  /** Appends until the log refuses; says how many it took. */
  const fill = async () => {
    for (let count = 0; count < 2_000; count++) {
      try {
        await log.append([large()]);
      } catch (error) {
        expect(error).toMatchObject({ code: 'stream_unavailable', retryable: true });
        return count;
      }
      // The log looks once a second: what comes until then must fit into what it leaves to the stages.
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    throw new Error('it took everything');
  };
  return { log, metrics, fill };
}

(offer.available ? describe : describe.skip)(`room on ${offer.title}`, () => {
  it('ends for intake when a stage is too far behind, and comes back when it has caught up', async () => {
    const { log, metrics, fill } = await open([], { maxBacklogBytes: 2_000_000 });
    const count = await fill();
    expect(count).toBeGreaterThanOrEqual(20);
    expect(log.problem()).toMatch(/raw bulk\/0: more than 2 MiB wait for a stage/);
    expect(await metrics.render()).toMatch(/stream_appends_refused_total\{reason="backlog"\} [1-9]/);
    // Other places take more.
    await log.append([{ ...large(), partition: 1 }]);
    await log.commit({ source: sourceOf(), upTo: count, append: [], state: [] });
    await until(() => log.problem() === undefined);
    await log.append([large()]);
    expect(await owed(log, sourceOf())).toHaveLength(1);
  });

  it('ends for intake before it ends for stages, which go on and make room', async () => {
    const { log, metrics, fill } = await open(['maxmemory 24mb']);
    const count = await fill();
    await until(() => log.problem() !== undefined);
    expect(log.problem()).toMatch(/Redis uses \d+ of 24 MiB: nothing more is taken in/);
    expect(await metrics.render()).toMatch(/stream_appends_refused_total\{reason="memory"\} [1-9]/);
    for (let upTo = 1; upTo <= count; upTo++) {
      await log.commit({
        source: sourceOf(),
        upTo,
        append: [{ stream: 'readings', lane: 'bulk', partition: 0, data: Buffer.from(String(upTo)) }],
        state: [{ key: 'k', value: Buffer.from(String(upTo)) }],
      });
    }
    await log.trim([{ stream: 'raw', maxAgeMs: forever, maxBytes: 1 }]);
    await until(() => log.problem() === undefined);
    expect(await kept(log)).toEqual([]);
    await log.append([large()]);
  }, 60_000);

  it('is made by cutting the oldest that all groups have acknowledged, of any stream and never anything else', async () => {
    const { log } = await open(['maxmemory 24mb']);
    for (const stream of ['raw', 'readings']) await log.registerGroup(stream, 'slow');
    const owing = Array.from({ length: 20 }, () => ({ ...large(), partition: 1 }));
    await log.append(owing);
    // Three times what Redis may use. None is refused: the oldest go long before their 72 hours.
    for (let count = 1; count <= 720; count++) {
      await log.append([large()]);
      const append = [{ ...large(), data: Buffer.alloc(5_000, 1), stream: 'readings' }];
      await log.commit({ source: sourceOf(), upTo: count, append, state: [] });
      await log.commit({ source: sourceOf({ group: 'slow' }), upTo: count, append: [], state: [] });
      await log.commit({ source: sourceOf({ stream: 'readings', group: 'slow' }), upTo: count, append: [], state: [] });
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    expect(log.problem()).toBeUndefined();
    expect((await owed(log, sourceOf({ partition: 1 }))).length).toBe(owing.length);
    // What is left of both streams is equally old.
    const [raw, readings] = [(await kept(log)).length, (await kept(log, { stream: 'readings' })).length];
    expect(raw).toBeGreaterThan(50);
    expect(Math.abs(raw - readings)).toBeLessThan(100);
  }, 120_000);

  it('that has ended altogether refuses what grows, and keeps what only acknowledges', async () => {
    const { log } = await open(['maxmemory 5mb']);
    // Faster than memory is looked at, as many processes at once would be.
    const waiting = await (async () => {
      for (;;) {
        let resolved = false;
        const appending = log.append([large()]).then(() => {
          resolved = true;
        });
        await Promise.race([appending, new Promise((resolve) => setTimeout(resolve, 400))]);
        if (!resolved) return { appending };
      }
    })();
    await until(() => log.problem() !== undefined);
    const count = (await owed(log, sourceOf())).length;
    const growing = log.commit({
      source: sourceOf(),
      upTo: 1,
      append: [{ ...large(), stream: 'readings' }],
      state: [{ key: 'k', value: Buffer.from('v') }],
    });
    await expect(growing).rejects.toMatchObject({ code: 'stream_unavailable', retryable: true });
    expect(await log.readState('stage', 0, ['k'])).toEqual([undefined]);
    expect(await owed(log, sourceOf())).toHaveLength(count);
    await log.commit({ source: sourceOf(), upTo: count, append: [], state: [] });
    expect(await owed(log, sourceOf())).toEqual([]);
    await log.trim([{ stream: 'raw', maxAgeMs: forever, maxBytes: 1 }]);
    // What was under way was never refused: it is kept now, once.
    await waiting.appending;
    expect(await owed(log, sourceOf())).toHaveLength(1);
  });
});
