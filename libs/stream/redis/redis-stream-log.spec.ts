import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from '@jest/globals';
import type { ScriptedClock } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { describeStreamLog } from '../testing/describe-stream-log.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import type { RedisStreamLog } from './redis-stream-log.js';

const offer = serverOffer('redis');

(offer.available ? describe : describe.skip)(`on ${offer.title}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer('redis');
  });
  afterAll(() => server.stop());

  describeStreamLog('redis', async (clock: ScriptedClock) => {
    const prefix = `test-${randomUUID()}`;
    const logs: RedisStreamLog[] = [];
    const open = async () => {
      const log = await testRedisLog(server.url, { clock, prefix });
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
});
