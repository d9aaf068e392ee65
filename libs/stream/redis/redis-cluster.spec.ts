import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ScriptedClock } from '#libs/runtime';
import { entry, kept, sourceOf, until } from '../testing/contract-scene.js';
import { describeStreamLog } from '../testing/describe-stream-log.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import type { RedisStreamLog } from './redis-stream-log.js';
import { ownRedisOffer, startTestCluster } from './testing/own-redis.js';

const offer = ownRedisOffer();

(offer.available ? describe : describe.skip)(`on three nodes of ${offer.title} as a cluster`, () => {
  let cluster: { url: string; stop(): Promise<void> };
  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(() => cluster?.stop());

  describeStreamLog('redis cluster', async (clock: ScriptedClock) => {
    const prefix = `test-${randomUUID()}`;
    const logs: RedisStreamLog[] = [];
    const open = async () => {
      const log = await testRedisLog(cluster.url, { clock, prefix });
      await log.start();
      logs.push(log);
      return log;
    };
    const stop = async () => {
      for (const one of logs.splice(0)) await one.stop();
    };
    const log = await open();
    return {
      log,
      another: open,
      reopen: async () => {
        await stop();
        return open();
      },
      stop,
    };
  });

  it('64 partitions lie on all nodes, and a commit reaches those on others', async () => {
    const log = await testRedisLog(cluster.url, { partitions: 64 });
    await log.start();
    try {
      const partitions = Array.from({ length: 64 }, (_, partition) => partition);
      const own = new Set<number>();
      await log.join('raw', 'stage', {
        granted: (partition) => void own.add(partition),
        revoked: () => Promise.resolve(),
        lost: () => undefined,
      });
      await until(() => own.size === 64);
      await log.append(partitions.map((partition) => entry('a', { partition })));
      const append = partitions.map((partition) => entry('out', { stream: 'readings', partition }));
      await log.commit({ source: sourceOf({ partition: 5 }), upTo: 1, append, state: [] });
      for (const partition of partitions) expect(await kept(log, { stream: 'readings', partition })).toEqual(['out']);
    } finally {
      await log.stop();
    }
  });
});
