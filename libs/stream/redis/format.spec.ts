import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import { Keys } from './keys.js';

const offer = serverOffer('redis');

(offer.available ? describe : describe.skip)(`the stream that is found on ${offer.title}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer('redis');
  });
  afterAll(() => server.stop());

  /** What a start says on a stream that was made, and then changed. */
  async function startOn(change: (redis: Redis, format: string) => Promise<unknown>, partitions?: number) {
    const prefix = `test-${randomUUID()}`;
    const made = await testRedisLog(server.url, { prefix });
    await made.start();
    await made.stop();
    const redis = new Redis(server.url);
    await change(redis, new Keys(prefix).format);
    redis.disconnect();
    const log = await testRedisLog(server.url, { prefix, ...(partitions ? { partitions } : {}) });
    try {
      await log.start();
    } finally {
      await log.stop();
    }
  }

  it('is used where this release made it', async () => {
    await startOn(async () => undefined);
  });

  it('is refused where a release of another format made it: two of them never work on one', async () => {
    const started = startOn((redis, format) => redis.hset(format, 'version', '3'));
    await expect(started).rejects.toThrow(/has format 3; this release reads 2/);
  });

  it('keeps the number of partitions that it was made with', async () => {
    const started = startOn(async () => undefined, 7);
    await expect(started).rejects.toThrow(/was made with \d+ partitions: set STREAM_PARTITIONS=\d+, not 7/);
  });
});
