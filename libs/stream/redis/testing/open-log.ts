import { randomUUID } from 'node:crypto';
import type { OpenLog } from '../../testing/contract-scene.js';
import { testRedisLog } from '../../testing/open-test-redis-stream.js';
import type { RedisStreamLog, RedisStreamLogOptions } from '../redis-stream-log.js';

/** Opens logs under a prefix of their own at `url()`, a server or a cluster, for the contract of the stream. */
export function openLogAt(url: () => string): OpenLog {
  return async (clock) => {
    const prefix = `test-${randomUUID()}`;
    const logs: RedisStreamLog[] = [];
    const open = async (options: Partial<RedisStreamLogOptions> = {}) => {
      const log = await testRedisLog(url(), { clock, prefix, ...options });
      await log.start();
      logs.push(log);
      return log;
    };
    const stop = async () => {
      for (const one of logs.splice(0)) await one.stop();
    };
    const reopen = async () => {
      await stop();
      return open();
    };
    return { log: await open(), another: () => open(), crowded: () => open({ maxBacklogBytes: 0 }), reopen, stop };
  };
}
