import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { ownServerOffer, startServer } from '#libs/runtime/testing';
import type { LogRecord } from '../stream.port.js';
import { entry, everything, kept, owed, sourceOf, textsOf, until } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import { openTestStream } from '../testing/open-test-stream.js';
import { type RunningStage, runStage } from '../testing/run-stage.js';
import { Keys } from './keys.js';
import { FickleNetwork } from './testing/fickle-network.js';

const offer = ownServerOffer('redis');
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
}, 30_000);

const texts = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name} ${index}`);

/** A master and its replica, with a log and a stage upon them; the stage numbers what it puts out, in memory and in its state. */
async function scene() {
  const [master, replica] = [await startServer('redis', ['repl-diskless-sync-delay 0']), await startServer('redis')];
  const [replication, clients] = [new FickleNetwork(), new FickleNetwork()];
  const [client, other] = [new Redis(master.url), new Redis(replica.url)];
  client.on('error', () => undefined);
  stops.push(
    () => master.stop(),
    () => replica.stop(),
    () => replication.stop(),
    () => clients.stop(),
    async () => [client, other].map((one) => one.disconnect()),
  );
  await other.replicaof('127.0.0.1', Number(new URL(await replication.open(master.url)).port));
  await until(async () => /master_link_status:up/.test(await other.info('replication')), 30_000);

  const log = await testRedisLog(await clients.open(master.url), { leaseMs: 2_000 });
  stops.push(() => log.stop());
  await log.start();
  let blocked: Promise<void> | undefined;
  let entered = 0;
  let count: number | undefined;
  const stage: RunningStage = await runStage(log, {
    pattern: 'raw/stage',
    settings: { STREAM_BULK_PACE_MS: '0', STREAM_STAGE_ATTEMPTS: '2' },
    handle: async ({ source, entries }) => {
      if (source.partition !== 0 || source.lane !== 'bulk') return undefined;
      const found = textsOf(entries);
      entered += 1;
      await blocked;
      const [saved] = await log.readState('stage', 0, ['count']);
      count ??= Number(Buffer.from(saved ?? '0').toString());
      const out = found.map((text) => entry(`${++(count as number)}: ${text}`, { stream: 'readings' }));
      return { append: out, state: [{ key: 'count', value: Buffer.from(String(count)) }] };
    },
    reset: ({ lane, partition }) => {
      if (lane === 'bulk' && partition === 0) count = undefined;
    },
  });
  stops.push(() => stage.stop());
  await log.append([entry('before')]);
  await stage.caughtUp();
  return {
    log,
    stage,
    entered: () => entered,
    /** The stage's handler does not come back until what is returned is called. */
    block: () => {
      let release: () => void = () => undefined;
      blocked = new Promise((resolve) => {
        release = resolve;
      });
      return () => {
        blocked = undefined;
        release();
      };
    },
    /** From now on the replica hears no more of its master. */
    part: async () => {
      await client.wait(1, 5_000);
      replication.close();
    },
    /** The master dies, and the replica takes over with what it has. */
    failOver: async () => {
      await master.process?.kill();
      await other.replicaof('NO', 'ONE');
      clients.leadTo(replica.url);
      clients.cutAll();
    },
  };
}

const numbered = (found: readonly string[]) => found.map((text, index) => `${index + 1}: ${text}`);

(offer.available ? describe : describe.skip)(`after a failover that lost what was newest, ${offer.title}`, () => {
  it('a stage that was ahead works through what comes, once and in order', async () => {
    const { log, stage, part, failOver } = await scene();
    await part();
    await log.append(texts('lost', 10).map((text) => entry(text)));
    await stage.caughtUp();
    await failOver();
    const after = texts('after', 5);
    for (const text of after) await log.append([entry(text)]);
    await stage.caughtUp(20_000);
    expect(await kept(log, { stream: 'readings' })).toEqual(numbered(['before', ...after]));
    // Whoever remembers how far it was, wherever that is kept, is given what is new.
    const found = await log.read(sourceOf({ group: 'nobody' }), { ...everything, after: 11 });
    expect(textsOf(found)).toEqual(after);
    const lags = await log.lag();
    expect(lags.map((lag) => lag.owed)).toEqual(lags.map(() => 0));
  }, 60_000);

  it('a stage works again through what is there and whose acknowledgement was lost', async () => {
    const { log, stage, entered, block, part, failOver } = await scene();
    const release = block();
    const [calls, there] = [entered(), texts('there', 10)];
    await log.append(there.map((text) => entry(text)));
    await until(() => entered() > calls);
    await part();
    release();
    await stage.caughtUp();
    await failOver();
    // Nothing new comes: it notices by itself.
    const out = () => kept(log, { stream: 'readings' }).catch(() => []);
    await until(async () => (await out()).length > 10, 20_000);
    await log.append([entry('after')]);
    await stage.caughtUp(20_000);
    expect(await kept(log, { stream: 'readings' })).toEqual(numbered(['before', ...there, 'after']));
  }, 60_000);

  it('a stage goes on when what it was at is gone', async () => {
    const { log, stage, entered, block, part, failOver } = await scene();
    await part();
    const release = block();
    const calls = entered();
    await log.append(texts('lost', 10).map((text) => entry(text)));
    await until(() => entered() > calls);
    await failOver();
    release();
    await log.append([entry('after')]);
    await stage.caughtUp(20_000);
    expect(await kept(log, { stream: 'readings' })).toEqual(numbered(['before', 'after']));
    expect(await kept(log, { stream: 'dead-letters' })).toEqual([]);
  }, 60_000);
});

(offer.available ? describe : describe.skip)(`another history of the data, ${offer.title}`, () => {
  /** A log of its own, and what makes Redis look as if another server had taken over. */
  async function open() {
    const server = await startServer('redis');
    const redis = new Redis(server.url);
    const prefix = `test-${randomUUID()}`;
    const log = await testRedisLog(server.url, { prefix });
    stops.push(
      () => server.stop(),
      async () => redis.disconnect(),
      () => log.stop(),
    );
    await log.start();
    const keys = new Keys(prefix);
    const takeOver = async () => {
      for (let partition = 0; partition < log.partitions; partition++)
        await redis.hset(keys.tails(partition), 'history', `${'0'.repeat(40)} 0`);
    };
    return { log, redis, keys, takeOver };
  }

  it('leaves a gap between positions: they are counted, cut and copied as without', async () => {
    const { log, takeOver } = await open();
    await log.registerGroup('raw', 'stage');
    const [before, after] = [texts('x'.repeat(900), 100), texts('y'.repeat(900), 100)];
    await log.append(before.map((text) => entry(text)));
    await takeOver();
    await log.append(after.map((text) => entry(text)));
    const entries = await log.read(sourceOf(), everything);
    expect(textsOf(entries)).toEqual([...before, ...after]);
    expect(entries[100]?.position).toBeGreaterThan(2 ** 50);

    const lagOf = async () => (await log.lag()).find(({ lane, partition }) => lane === 'bulk' && partition === 0);
    expect(await lagOf()).toMatchObject({ owed: 200 });
    await log.commit({ source: sourceOf(), upTo: 50, append: [], state: [] });
    expect(await lagOf()).toMatchObject({ owed: 150, messages: { appended: 200, acknowledged: 50 } });

    const records: LogRecord[] = [];
    for await (const record of log.export()) records.push(record);
    async function* copied() {
      yield* records;
    }
    const copy = await open();
    await copy.log.import(copied());
    expect(await owed(copy.log, sourceOf())).toEqual([...before.slice(50), ...after]);
    const embedded = await openTestStream();
    stops.push(() => embedded.stop());
    await expect(embedded.log.import(copied())).rejects.toThrow('has no entry 101 of raw/bulk/0');

    await log.commit({ source: sourceOf(), upTo: entries[149]?.position, append: [], state: [] });
    expect(await lagOf()).toMatchObject({ owed: 50 });
    await log.trim([{ stream: 'raw', maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 120_000 }]);
    const left = await kept(log);
    expect(left.length).toBeGreaterThan(110);
    expect(left.length).toBeLessThan(135);
    expect(left.at(-1)).toBe(after.at(-1));
  }, 60_000);

  it('holds for what goes to other partitions too: what is put out again arrives', async () => {
    const { log, redis, keys, takeOver } = await open();
    await log.append([entry('a'), entry('b'), entry('c'), entry('d')]);
    const work = (upTo: number) =>
      log.commit({ source: sourceOf(), upTo, append: [entry(`out ${upTo}`, { partition: 1 })], state: [] });
    await work(1);
    await work(2);
    // The server of the source has lost its outbox, that of the destination remembers it.
    await redis.del(keys.outbox('raw', 'stage', 0));
    await takeOver();
    await work(3);
    await work(4);
    expect(await kept(log, { partition: 1 })).toEqual(['out 1', 'out 2', 'out 3', 'out 4']);
  });

  it('frees what was granted before; a lease of the release before, which says no history, holds', async () => {
    const { log, redis, keys } = await open();
    const lease = (granted: string) =>
      Promise.all(
        Array.from({ length: log.partitions }, (_, partition) =>
          redis.hset(keys.owner('raw', 'stage', partition), { token: 'old', until: '9999999999999', granted }),
        ),
      );
    await lease(`other ${'0'.repeat(40)}`);
    let own = 0;
    const membership = await log.join('raw', 'stage', {
      granted: () => void own++,
      revoked: () => Promise.resolve(),
      lost: () => undefined,
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(own).toBe(0);
    await lease(`old ${'0'.repeat(40)}`);
    await until(() => own === log.partitions);
    await membership.leave();
  });
});
