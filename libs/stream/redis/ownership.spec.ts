import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import type { Member, StreamLog } from '../stream.port.js';
import { entry, kept, owed, sourceOf, until } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import { Keys } from './keys.js';
import type { RedisStreamLog } from './redis-stream-log.js';
import { CountingProcess } from './testing/counting-process.js';
import { runCountingStage } from './testing/counting-stage.js';
import { FickleNetwork } from './testing/fickle-network.js';

const offer = serverOffer('redis');
const partitions = [0, 1, 2, 3];
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Appends numbers to every partition until stopped; says how many each has. */
function load(log: StreamLog) {
  let count = 0;
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      await log.append(partitions.map((partition) => entry(String(count), { partition })));
      count++;
      await pause(3);
    }
  })();
  return async () => {
    stopped = true;
    await done;
    return count;
  };
}

/** Each entry of each partition came out once, in order, numbered without a gap: here and in the next partition. */
async function expectExact(log: StreamLog, count: number): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const lags = (await log.lag()).filter(({ group }) => group === 'stage');
    const behind = lags.filter(({ acknowledged, last }) => acknowledged < last);
    if (lags.length > 0 && behind.length === 0) break;
    if (performance.now() > deadline) throw new Error(`still behind: ${JSON.stringify(behind)}`);
    await pause(20);
  }
  const expected = Array.from({ length: count }, (_, number) => `${number + 1} ${number}`);
  for (const partition of partitions) {
    expect(await kept(log, { stream: 'readings', partition })).toEqual(expected);
    expect(await kept(log, { stream: 'group-readings', partition: (partition + 1) % 4 })).toEqual(expected);
  }
}

(offer.available ? describe : describe.skip)(`members of a group on ${offer.title}`, () => {
  let server: TestServer;
  let prefix: string;
  beforeAll(async () => {
    server = await startServer('redis');
  });
  afterAll(() => server.stop());

  async function open(leaseMs = 10_000, url = server.url): Promise<RedisStreamLog> {
    const log = await testRedisLog(url, { prefix, leaseMs });
    await log.start();
    stops.push(() => log.stop());
    return log;
  }

  function fresh(): void {
    prefix = `test-${randomUUID()}`;
  }

  /** A member that notes what is its own. */
  async function join(log: StreamLog, changes: Partial<Member> = {}) {
    const own = new Set<number>();
    const lost: number[] = [];
    const membership = await log.join('raw', 'stage', {
      granted: (partition) => void own.add(partition),
      revoked: async (partition) => {
        await changes.revoked?.(partition);
        own.delete(partition);
      },
      lost: (partition) => {
        own.delete(partition);
        lost.push(partition);
      },
    });
    return { own, lost, membership };
  }

  function process(leaseMs: number): CountingProcess {
    const child = new CountingProcess(server.url, prefix, leaseMs);
    stops.push(() => child.kill());
    return child;
  }

  it('share its partitions evenly, one owner each, and take over what one leaves', async () => {
    fresh();
    const members = [await join(await open()), await join(await open())];
    const all = () => members.flatMap(({ own }) => [...own]).sort();
    await until(() => members.every(({ own }) => own.size === 2));
    expect(all()).toEqual(partitions);
    members.push(await join(await open()));
    await until(() => members.every(({ own }) => own.size > 0) && all().length === 4);
    expect(all()).toEqual(partitions);
    const [first] = members.splice(0, 1);
    const since = performance.now();
    await first?.membership.leave();
    await until(() => all().length === 4);
    expect(performance.now() - since).toBeLessThan(2_000);
    expect(all()).toEqual(partitions);
  });

  it('keep to their shares with a lease of less than a second, in whatever step they go', async () => {
    fresh();
    const network = new FickleNetwork();
    const url = await network.open(server.url);
    stops.push(() => network.stop());
    const members = [await join(await open(800)), await join(await open(800, url))];
    const shares = () => members.map(({ own }) => own.size).join();
    for (let round = 0; round < 4; round++) {
      await until(() => shares() === '2,2');
      for (let looks = 0; looks < 60; looks++) {
        await pause(25);
        expect(shares()).toBe('2,2');
      }
      // Whoever comes back begins with a turn: out of step with the other.
      await pause(round * 150);
      network.cutAll();
      await pause(1_000);
    }
  }, 30_000);

  it('never own a partition together: it is granted only when the owner before has let go', async () => {
    fresh();
    const letGo: (() => void)[] = [];
    const revoked = () => new Promise<void>((resolve) => letGo.push(resolve));
    const first = await join(await open(), { revoked });
    await until(() => first.own.size === 4);
    const second = await join(await open());
    await until(() => letGo.length === 2);
    await pause(1_500);
    expect([first.own.size, second.own.size]).toEqual([4, 0]);
    for (const one of letGo) one();
    await until(() => second.own.size === 2);
    expect(first.own.size).toBe(2);
    expect(first.lost).toEqual([]);
  });

  it('commit on what they own alone; a log without a member commits only where nobody owns', async () => {
    fresh();
    const [one, two, nobody] = [await open(), await open(), await open()];
    await nobody.append(partitions.map((partition) => entry('a', { partition })));
    const commit = (log: StreamLog, partition: number) =>
      log.commit({
        source: sourceOf({ partition }),
        upTo: 1,
        append: [entry('out', { stream: 'readings', partition })],
        state: [],
      });
    const [first, second] = [await join(one), await join(two)];
    await until(() => first.own.size === 2 && second.own.size === 2);
    for (const partition of first.own) {
      await expect(commit(two, partition)).rejects.toMatchObject({ code: 'stream_fenced' });
      await expect(commit(nobody, partition)).rejects.toMatchObject({ code: 'stream_fenced' });
      expect(await kept(one, { stream: 'readings', partition })).toEqual([]);
      await commit(one, partition);
      expect(await kept(one, { stream: 'readings', partition })).toEqual(['out']);
    }
    await first.membership.leave();
    await second.membership.leave();
    const [left = 0] = partitions.filter((partition) => !first.own.has(partition));
    await expect(commit(two, left)).rejects.toMatchObject({ code: 'stream_fenced' });
    await commit(nobody, left);
    expect(await owed(nobody, sourceOf({ partition: left }))).toEqual([]);
  });

  it('come and go under load: each entry once, in order, and no partition waits long', async () => {
    fresh();
    const loader = await open();
    const stopLoad = load(loader);
    const batches: { partition: number; at: number }[] = [];
    const told = {
      batch: ({ partition }: { partition: number }) => void batches.push({ partition, at: performance.now() }),
    };
    const [one, two, three] = [await open(), await open(), await open()];
    const first = await runCountingStage(one, told);
    await pause(700);
    const second = await runCountingStage(two, told);
    await pause(700);
    const third = await runCountingStage(three, told);
    await pause(700);
    await first.stop();
    await pause(700);
    await second.stop();
    await pause(500);
    await expectExact(loader, await stopLoad());
    await third.stop();
    for (const partition of partitions) {
      const times = batches.filter((batch) => batch.partition === partition).map(({ at }) => at);
      const stalls = times.slice(1).map((at, index) => at - (times[index] as number));
      expect(Math.max(...stalls)).toBeLessThan(2_000);
    }
  });

  it('are replaced when killed, again and again: each entry once, in order', async () => {
    fresh();
    const loader = await open();
    const stopLoad = load(loader);
    for (let round = 0; round < 3; round++) {
      const child = process(1_500);
      await until(() => child.said('batch') > 20, 25_000);
      await pause(Math.random() * 200);
      await child.kill();
    }
    const stage = await runCountingStage(await open(1_500));
    await expectExact(loader, await stopLoad());
    await stage.stop();
  }, 90_000);

  it('that were frozen past their lease keep nothing, forget, and join again: each entry once, in order', async () => {
    fresh();
    const loader = await open();
    const stopLoad = load(loader);
    const child = process(1_000);
    await until(() => child.said('batch') > 20, 25_000);
    child.freeze();
    const other = await runCountingStage(await open(1_000));
    await until(async () => {
      const lags = (await loader.lag()).filter(({ group, lane }) => group === 'stage' && lane === 'bulk');
      return lags.every(({ acknowledged }) => acknowledged > 20);
    });
    await pause(1_500);
    const [resets, batches] = [child.said('reset'), child.said('batch')];
    child.thaw();
    // Each partition it had, both lanes.
    await until(() => child.said('reset') >= resets + 8, 25_000);
    await until(() => child.said('batch') > batches + 5, 25_000);
    await other.stop();
    await expectExact(loader, await stopLoad());
    await child.stop();
    expect(child.said('running')).toBe(1);
  }, 90_000);

  it('that were cut off while another took over keep nothing of what they had under way, timers neither', async () => {
    fresh();
    const network = new FickleNetwork();
    const url = await network.open(server.url);
    stops.push(() => network.stop());
    const [cutOff, direct] = [await open(500, url), await open(500)];
    const first = await join(cutOff);
    await until(() => first.own.size === 4);
    network.close();
    await until(() => cutOff.problem() !== undefined);
    const commit = (log: StreamLog, text: string) =>
      log.commit({
        source: sourceOf(),
        upTo: undefined,
        append: [entry(text, { stream: 'readings' })],
        state: [{ key: 'k', value: Buffer.from(text) }],
      });
    const late = expect(commit(cutOff, 'late')).rejects.toMatchObject({ code: 'stream_fenced', retryable: false });
    const second = await join(direct);
    await until(() => second.own.size === 4);
    await commit(direct, 'new owner');
    network.heal();
    await late;
    expect(await kept(direct, { stream: 'readings' })).toEqual(['new owner']);
    expect(await direct.readState('stage', 0, ['k'])).toEqual([Buffer.from('new owner')]);
    await until(() => first.lost.includes(0));
  });

  it('end with their process where a source cannot go on: nobody else would take its partition', async () => {
    fresh();
    const log = await open();
    const child = process(2_000);
    await log.append([entry('0')]);
    await until(() => child.said('batch 0') > 0);
    const redis = new Redis(server.url);
    stops.push(async () => redis.disconnect());
    // As no release writes it: what Redis answers is none of what can be waited for.
    await redis.set(new Keys(prefix).entries(sourceOf()), 'damaged');
    await until(() => child.failed);
  }, 30_000);

  it('that end between a commit and its way to other partitions: it arrives once, before anything newer', async () => {
    fresh();
    const network = new FickleNetwork();
    const url = await network.open(server.url);
    stops.push(() => network.stop());
    const dying = await open(500, url);
    const direct = await open(500);
    await direct.append([entry('a'), entry('b')]);
    const first = await join(dying);
    await until(() => first.own.size === 4);
    network.swallowAnswers();
    const output = (text: string) => ({
      append: [entry(text, { stream: 'readings' }), entry(text, { stream: 'readings', partition: 2 })],
      state: [],
    });
    const committing = dying.commit({ source: sourceOf(), upTo: 1, ...output('a') });
    await until(async () => (await kept(direct, { stream: 'readings' })).length === 1);
    // It has been kept, and its owner has not heard of it; nobody else sees any of it in the other partition.
    expect(await kept(direct, { stream: 'readings', partition: 2 })).toEqual([]);
    network.close();
    const second = await join(direct);
    await until(() => second.own.size === 4);
    expect(await kept(direct, { stream: 'readings', partition: 2 })).toEqual(['a']);
    expect(await owed(direct, sourceOf())).toEqual(['b']);
    await direct.commit({ source: sourceOf(), upTo: 2, ...output('b') });
    network.heal();
    // Its owner learns that it was kept, or that it has lost the partition; both are true.
    await committing.catch((error: unknown) => expect(error).toMatchObject({ code: 'stream_fenced' }));
    await until(() => first.lost.length === 4 || first.own.size < 4);
    expect(await kept(direct, { stream: 'readings', partition: 2 })).toEqual(['a', 'b']);
    expect(await kept(direct, { stream: 'readings' })).toEqual(['a', 'b']);
  });
});
