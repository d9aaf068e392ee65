import { randomUUID } from 'node:crypto';
import { createLogger, Metrics, systemClock } from '#libs/runtime';
import type { RedisStreamLog, RedisStreamLogOptions } from '../redis/index.js';

/**
 * A stream on a real Redis (see `startServer`), not started yet: 4 partitions, a silent log, and a prefix of its own unless
 * given. Several URLs with commas between are a cluster.
 */
export async function testRedisLog(url: string, options: Partial<RedisStreamLogOptions> = {}): Promise<RedisStreamLog> {
  // The driver is loaded by those alone who ask for it.
  const { RedisStreamLog } = await import('../redis/index.js');
  return new RedisStreamLog({
    urls: url.split(','),
    prefix: `test-${randomUUID()}`,
    partitions: 4,
    leaseMs: 10_000,
    maxBacklogBytes: 256 * 2 ** 20,
    clock: systemClock,
    logger: createLogger('test', 'silent'),
    metrics: new Metrics(),
    ...options,
  });
}
