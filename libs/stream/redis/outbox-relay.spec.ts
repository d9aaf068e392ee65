import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger, systemClock } from '#libs/runtime';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { entry, kept, sourceOf, until } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import { Committer } from './committer.js';
import { RedisConnection } from './connection.js';
import { Keys } from './keys.js';
import { OutboxRelay } from './outbox-relay.js';
import { FickleNetwork } from './testing/fickle-network.js';

const offer = serverOffer('redis');
const stops: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Ends before it has done anything, as a process that is killed there. */
class DeadRelay extends OutboxRelay {
  override drain(): Promise<void> {
    return Promise.resolve();
  }
}

(offer.available ? describe : describe.skip)(`an outbox on ${offer.title}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer('redis');
  });
  afterAll(() => server.stop());

  async function connect(url: string): Promise<RedisConnection> {
    const connection = new RedisConnection({ urls: [url] }, createLogger('test', 'silent'));
    stops.push(() => connection.close());
    await connection.connect();
    return connection;
  }

  it('emptied by two at once, one of them cut off in the midst: each entry arrives once, in order', async () => {
    const prefix = `test-${randomUUID()}`;
    const keys = new Keys(prefix);
    const log = await testRedisLog(server.url, { prefix });
    await log.start();
    stops.push(() => log.stop());
    const direct = await connect(server.url);
    const { signal } = new AbortController();
    const dead = new Committer({ of: () => direct }, keys, systemClock, new DeadRelay(direct, keys, systemClock));
    const commit = (...texts: string[]) =>
      dead.commit(
        {
          source: sourceOf(),
          upTo: undefined,
          append: texts.map((text) => entry(text, { stream: 'readings', partition: 2 })),
          state: [],
        },
        { token: '', signal },
      );
    await commit('a', 'b');
    const network = new FickleNetwork();
    const url = await network.open(server.url);
    stops.push(() => network.stop());
    const slow = new OutboxRelay(await connect(url), keys, systemClock);
    // What is in the outbox comes back; that it has arrived does not.
    network.swallowAnswers(1);
    const draining = slow.drain(sourceOf(), signal);
    await until(async () => (await kept(log, { stream: 'readings', partition: 2 })).length === 2);
    await commit('c');
    await new OutboxRelay(direct, keys, systemClock).drain(sourceOf(), signal);
    expect(await kept(log, { stream: 'readings', partition: 2 })).toEqual(['a', 'b', 'c']);
    network.cutAll();
    await draining;
    await commit('d');
    await new OutboxRelay(direct, keys, systemClock).drain(sourceOf(), signal);
    expect(await kept(log, { stream: 'readings', partition: 2 })).toEqual(['a', 'b', 'c', 'd']);
  });

  it('of a process that was killed is in a copy of the log: what it had committed has arrived', async () => {
    const prefix = `test-${randomUUID()}`;
    const keys = new Keys(prefix);
    const log = await testRedisLog(server.url, { prefix });
    await log.start();
    stops.push(() => log.stop());
    for (const stream of ['raw', 'readings']) await log.registerGroup(stream, 'stage');
    await log.append([entry('a')]);
    const direct = await connect(server.url);
    const dead = new Committer({ of: () => direct }, keys, systemClock, new DeadRelay(direct, keys, systemClock));
    const append = [entry('out', { stream: 'readings', partition: 2 })];
    const right = { token: '', signal: new AbortController().signal };
    await dead.commit({ source: sourceOf(), upTo: 1, append, state: [] }, right);
    expect(await kept(log, { stream: 'readings', partition: 2 })).toEqual([]);
    const copy = await testRedisLog(server.url);
    await copy.start();
    stops.push(() => copy.stop());
    await copy.import(log.export());
    expect(await kept(copy, { stream: 'readings', partition: 2 })).toEqual(['out']);
  });
});
