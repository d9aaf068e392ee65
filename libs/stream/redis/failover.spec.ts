import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ownServerOffer } from '#libs/runtime/testing';
import { entry, kept, until } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import type { RedisStreamLog } from './redis-stream-log.js';
import { startTestCluster, type TestCluster } from './testing/test-cluster.js';

const offer = ownServerOffer('redis');
const partitions = Array.from({ length: 16 }, (_, partition) => partition);

(offer.available ? describe : describe.skip)(`when a replica takes over, ${offer.title} as a cluster`, () => {
  let cluster: TestCluster;
  let log: RedisStreamLog;

  beforeEach(async () => {
    cluster = await startTestCluster({ replicated: true });
    log = await testRedisLog(cluster.url, { partitions: partitions.length });
    await log.start();
  }, 60_000);

  afterEach(async () => {
    await log?.stop();
    await cluster?.stop();
  }, 60_000);

  /** Appends to every partition without a pause until told to stop; what was acknowledged, and what is under way. */
  function appending() {
    let stopped = false;
    const acknowledged: number[] = [];
    const done = (async () => {
      for (let number = 0; !stopped; number += 1) {
        await log.append(partitions.map((partition) => entry(String(number), { partition })));
        acknowledged.push(number);
      }
    })();
    const stop = async () => {
      stopped = true;
      await done;
    };
    return { acknowledged, stop };
  }

  it('as planned: nothing is lost, doubled or out of order', async () => {
    const { acknowledged, stop } = appending();
    for (const master of [0, 1, 2]) {
      const before = acknowledged.length;
      await until(() => acknowledged.length > before + 20, 30_000);
      await cluster.handOver(master);
    }
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 20, 30_000);
    await stop();
    for (const partition of partitions) expect(await kept(log, { partition })).toEqual(acknowledged.map(String));
    await until(() => log.problem() === undefined);
  }, 120_000);

  it('after a crash: it goes on by itself; only what had not reached the replica can be lost, nothing is doubled', async () => {
    const { acknowledged, stop } = appending();
    await until(() => acknowledged.length > 50, 30_000);
    await cluster.processes[0]?.kill();
    // One append is under way, and waits for the replica.
    const atCrash = acknowledged.length + 1;
    await until(() => acknowledged.length > atCrash + 50, 60_000);
    await stop();
    expect(acknowledged).toEqual(acknowledged.map((_, index) => index));
    for (const partition of partitions) {
      const numbers = (await kept(log, { partition })).map(Number);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      const lost = acknowledged.filter((number) => !numbers.includes(number));
      expect(lost.filter((number) => number < atCrash - 10 || number > atCrash)).toEqual([]);
    }
  }, 120_000);
});
