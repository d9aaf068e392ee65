import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { ownServerOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { entry, kept, until } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import type { RedisStreamLog } from './redis-stream-log.js';
import { startTestCluster, type TestCluster } from './testing/test-cluster.js';

const offer = ownServerOffer('redis');
const partitions = Array.from({ length: 16 }, (_, partition) => partition);

/** Appends to every partition without a pause until told to stop; what was acknowledged, and what is under way. */
function appending(log: RedisStreamLog) {
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

  it('as planned: nothing is lost, doubled or out of order', async () => {
    const { acknowledged, stop } = appending(log);
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
    const { acknowledged, stop } = appending(log);
    await until(() => acknowledged.length > 50, 30_000);
    await cluster.processes[0]?.kill();
    const atCrash = acknowledged.length;
    await until(() => acknowledged.length > atCrash + 50, 60_000);
    await stop();
    await expectKept(log, acknowledged);
  }, 120_000);
});

const sentinelOffer = ownServerOffer('sentinel');

(sentinelOffer.available ? describe : describe.skip)(`when ${sentinelOffer.title} names another master`, () => {
  let servers: TestServer[];
  let log: RedisStreamLog;

  beforeEach(async () => {
    const master = await startServer('redis', ['repl-diskless-sync-delay 0', 'min-replicas-to-write 1']);
    servers = [master];
    const port = new URL(master.url).port;
    const replica = await startServer('redis', [`replicaof 127.0.0.1 ${port}`]);
    servers.push(replica);
    await until(() => says(replica, ['INFO', 'replication'], /master_link_status:up/), 30_000);
    const watch = [
      `sentinel monitor city 127.0.0.1 ${port} 1`,
      'sentinel down-after-milliseconds city 1000',
      'sentinel failover-timeout city 10000',
    ];
    const sentinel = await startServer('sentinel', watch);
    servers.push(sentinel);
    await until(() => says(sentinel, ['SENTINEL', 'MASTER', 'city'], /num-slaves,1,/), 30_000);
    log = await testRedisLog(sentinel.url, {
      partitions: partitions.length,
      sentinel: { master: 'city', password: undefined },
    });
    await log.start();
  }, 90_000);

  afterEach(async () => {
    await log?.stop();
    for (const server of servers.reverse()) await server.stop();
  }, 60_000);

  it('as planned: it follows, and the order is kept', async () => {
    const { acknowledged, stop } = appending(log);
    await until(() => acknowledged.length > 20, 30_000);
    const [, replica, sentinel] = servers as [TestServer, TestServer, TestServer];
    await says(sentinel, ['SENTINEL', 'FAILOVER', 'city'], /OK/);
    await until(() => says(replica, ['ROLE'], /^master/), 30_000);
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 50, 30_000);
    await stop();
    await expectKept(log, acknowledged);
    await until(() => log.problem() === undefined);
  }, 120_000);

  it('after a crash: it follows by itself', async () => {
    const { acknowledged, stop } = appending(log);
    await until(() => acknowledged.length > 20, 30_000);
    await servers[0]?.process?.kill();
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 50, 60_000);
    await stop();
    await expectKept(log, acknowledged);
  }, 120_000);
});

/** In order and once each; of what was acknowledged only what had not reached the new master yet is lost: one run, and over by the end. */
async function expectKept(log: RedisStreamLog, acknowledged: readonly number[]): Promise<void> {
  expect(acknowledged).toEqual(acknowledged.map((_, index) => index));
  for (const partition of partitions) {
    const numbers = (await kept(log, { partition })).map(Number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    const lost = acknowledged.filter((number) => !numbers.includes(number));
    expect(lost).toEqual(lost.map((_, index) => Number(lost[0]) + index));
    expect(lost.at(-1) ?? 0).toBeLessThan(acknowledged.length - 20);
  }
}

async function says({ url }: TestServer, [command = '', ...args]: string[], answer: RegExp): Promise<boolean> {
  const client = new Redis(url);
  try {
    return answer.test(String(await client.call(command, ...args)));
  } finally {
    client.disconnect();
  }
}
