import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ownServerOffer } from '#libs/runtime/testing';
import { entry, kept, sourceOf, until } from '../testing/contract-scene.js';
import { describeStreamLog } from '../testing/describe-stream-log.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import { openLogAt } from './testing/open-log.js';
import { startTestCluster } from './testing/test-cluster.js';

const offer = ownServerOffer('redis');

(offer.available ? describe : describe.skip)(`on three nodes of ${offer.title} as a cluster`, () => {
  let cluster: { url: string; stop(): Promise<void> };
  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(() => cluster?.stop());

  describeStreamLog(
    'redis cluster',
    openLogAt(() => cluster.url),
  );

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
