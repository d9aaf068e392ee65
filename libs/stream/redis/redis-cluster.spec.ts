import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
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

  it('makes room on the node that is short of memory, and leaves the others as they are', async () => {
    const log = await testRedisLog(cluster.url, { partitions: 64 });
    const client = new Cluster(
      cluster.url.split(',').map((url) => ({ host: '127.0.0.1', port: Number(new URL(url).port) })),
    );
    await log.start();
    try {
      const partitions = Array.from({ length: 64 }, (_, partition) => partition);
      await log.append(partitions.map((partition) => entry('a'.repeat(50_000), { partition })));
      const [node] = client.nodes('master');
      const used = Number(/^used_memory:(\d+)/m.exec((await node?.info('memory')) ?? '')?.[1]);
      await node?.config('SET', 'maxmemory', Math.round(used / 0.75));
      const left = async () => {
        const lengths = await Promise.all(partitions.map(async (partition) => (await kept(log, { partition })).length));
        return lengths.reduce((sum, length) => sum + length, 0);
      };
      await until(async () => (await left()) < 64);
      await node?.config('SET', 'maxmemory', 0);
      // A node has a third of the partitions.
      expect(await left()).toBeGreaterThan(40);
    } finally {
      client.disconnect();
      await log.stop();
    }
  });
});
