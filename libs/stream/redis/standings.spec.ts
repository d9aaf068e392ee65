import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { entry, sourceOf } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import type { RedisStreamLog } from './redis-stream-log.js';

const offer = serverOffer('redis');
const partitions = 4;

(offer.available ? describe : describe.skip)(`how far groups are, on ${offer.title}`, () => {
  let server: TestServer;
  let redis: Redis;
  let log: RedisStreamLog;
  let prefix: string;

  beforeAll(async () => {
    server = await startServer('redis');
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    prefix = `test-${randomUUID().slice(0, 20)}`;
    log = await testRedisLog(server.url, { prefix, partitions });
    await log.start();
    await log.registerGroup('raw', 'stage');
    await log.append([entry('1'), entry('2'), entry('3')]);
  });
  afterEach(() => log.stop());

  const acknowledged = async () => {
    const lags = await log.lag();
    return lags.find(({ lane, partition }) => lane === 'bulk' && partition === 0)?.acknowledged;
  };
  const commit = (upTo: number | undefined) =>
    log.commit({ source: sourceOf(), upTo, append: [], state: [{ key: 'k', value: Buffer.from(String(upTo)) }] });

  it('is known before the first commit, and after one that only changes state', async () => {
    expect(await acknowledged()).toBe(0);
    await commit(undefined);
    expect(await acknowledged()).toBe(0);
    await commit(2);
    await commit(undefined);
    expect(await acknowledged()).toBe(2);
  });

  it('is known of a group whose last commit, of a release before, did not say', async () => {
    await commit(2);
    const commits = `${prefix}:{0}:commits`;
    await redis.hset(commits, 'raw stage bulk', `${randomUUID()} 7`);
    expect(await acknowledged()).toBe(2);
    await commit(undefined);
    expect(await acknowledged()).toBe(2);
    await commit(3);
    expect(await acknowledged()).toBe(3);
  });

  it('is nothing for a group that was removed and is made again', async () => {
    await commit(3);
    await redis.xgroup('DESTROY', `${prefix}:{0}:raw:bulk`, 'stage');
    await log.registerGroup('raw', 'stage');
    expect(await acknowledged()).toBe(0);
  });

  it('is looked up once for all who ask meanwhile, after all of them have asked', async () => {
    await redis.config('RESETSTAT');
    const first = log.lag();
    const others = Array.from({ length: 50 }, () => log.lag());
    await commit(1);
    const after = log.lag();
    await Promise.all([first, ...others]);
    expect((await after).find(({ lane, partition }) => lane === 'bulk' && partition === 0)?.acknowledged).toBe(1);
    const calls = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
    // The commit, and at most three looks at each partition; the log itself looks at its places once a second.
    expect(calls).toBeLessThan(1 + 3 * partitions + 8);
  });
});
