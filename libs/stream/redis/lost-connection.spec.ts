import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { serverOffer, startServer, type TestServer } from '#libs/runtime/testing';
import { entry, everything, kept, owed, sourceOf, textsOf, until } from '../testing/contract-scene.js';
import { testRedisLog } from '../testing/open-test-redis-stream.js';
import type { RedisStreamLog, RedisStreamLogOptions } from './redis-stream-log.js';
import { FickleNetwork } from './testing/fickle-network.js';

const offer = serverOffer('redis');
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(url: string, options: Partial<RedisStreamLogOptions> = {}): Promise<RedisStreamLog> {
  const log = await testRedisLog(url, options);
  await log.start();
  stops.push(() => log.stop());
  return log;
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => String(number));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

(offer.available ? describe : describe.skip)(`a connection to ${offer.title}`, () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer('redis');
  });
  afterAll(() => server.stop());

  async function behindFickleNetwork() {
    const network = new FickleNetwork();
    const prefix = `test-${randomUUID()}`;
    const url = await network.open(server.url);
    stops.push(() => network.stop());
    const log = await start(url, { prefix });
    const direct = await start(server.url, { prefix });
    return { network, log, direct, prefix, url };
  }

  it('that is cut after an append was kept: it is sent again, and kept once', async () => {
    const { network, log, direct } = await behindFickleNetwork();
    await log.append([entry('before')]);
    network.swallowAnswers();
    let resolved = false;
    const appending = log.append([entry('a'), entry('b', { partition: 1 })]).then(() => {
      resolved = true;
    });
    await until(async () => (await kept(direct)).length === 2 && network.swallowed > 0);
    await pause(50);
    expect(resolved).toBe(false);
    network.cutAll();
    await appending;
    await log.append([entry('after')]);
    expect(await kept(direct)).toEqual(['before', 'a', 'after']);
    expect(await kept(direct, { partition: 1 })).toEqual(['b']);
  });

  it('that is cut after a commit was kept: output, state and acknowledgement are kept once', async () => {
    const { network, log, direct } = await behindFickleNetwork();
    await log.append([entry('a'), entry('b')]);
    network.swallowAnswers();
    const committing = log.commit({
      source: sourceOf(),
      upTo: 1,
      append: [entry('out', { stream: 'readings' }), entry('far', { stream: 'readings', partition: 3 })],
      state: [{ key: 'k', value: Buffer.from('v') }],
    });
    await until(async () => (await kept(direct, { stream: 'readings' })).length === 1);
    network.cutAll();
    await committing;
    expect(await kept(direct, { stream: 'readings' })).toEqual(['out']);
    expect(await kept(direct, { stream: 'readings', partition: 3 })).toEqual(['far']);
    expect(await owed(direct, sourceOf())).toEqual(['b']);
    await log.commit({
      source: sourceOf(),
      upTo: undefined,
      append: [entry('tick', { stream: 'readings' })],
      state: [],
    });
    expect(await kept(direct, { stream: 'readings' })).toEqual(['out', 'tick']);
  });

  it('that is cut again and again loses nothing, doubles nothing and keeps the order', async () => {
    const { network, log, direct } = await behindFickleNetwork();
    const cutting = setInterval(() => {
      if (Math.random() < 0.5) network.swallowAnswers();
      setTimeout(() => network.cutAll(), 15);
    }, 60);
    try {
      const appends: Promise<void>[] = [];
      for (const text of numbers(1_500)) {
        appends.push(log.append([entry(text), entry(text, { partition: 2 })]));
        if (Number(text) % 5 === 0) await pause(2);
      }
      await Promise.all(appends);
    } finally {
      clearInterval(cutting);
    }
    for (const partition of [0, 2]) expect(await kept(direct, { partition })).toEqual(numbers(1_500));
    expect(network.swallowed).toBeGreaterThan(0);
  });

  it('that is down keeps appends open, says so, and wakes readers when it is back', async () => {
    const { network, log, direct } = await behindFickleNetwork();
    const stop = new AbortController();
    await log.waitForAppend(['raw'], 10_000, stop.signal);
    const seen: string[] = [];
    log.tail('raw', ({ data }) => void seen.push(Buffer.from(data).toString()));
    await log.append([entry('first')]);
    await until(() => seen.length === 1);
    network.close();
    await until(() => log.problem() !== undefined);
    expect(log.problem()).toMatch(/^Redis at 127\.0\.0\.1:\d+ cannot be reached for \d+ s: /);
    let resolved = false;
    const appending = log.append([entry('mine')]).then(() => {
      resolved = true;
    });
    await direct.append([entry('theirs')]);
    await expect(log.read(sourceOf(), everything)).rejects.toMatchObject({
      code: 'stream_unavailable',
      retryable: true,
    });
    await pause(300);
    expect(resolved).toBe(false);
    network.heal();
    await appending;
    await until(() => log.problem() === undefined && seen.length === 3);
    expect(seen).toEqual(['first', 'theirs', 'mine']);
    stop.abort();
  });

  it('ends with the log: what was never answered is refused, not waited for', async () => {
    const { network, log } = await behindFickleNetwork();
    network.close();
    await until(() => log.problem() !== undefined);
    const appending = log.append([entry('a')]);
    const refused = expect(appending).rejects.toMatchObject({ code: 'stream_unavailable' });
    await log.stop();
    await refused;
  });
});

(offer.available ? describe : describe.skip)(`${offer.title} itself`, () => {
  async function ownServer() {
    const server = await startServer('redis');
    stops.push(() => server.stop());
    return { url: server.url, process: server.process };
  }

  it('killed under load and started again: what was acknowledged is there once, in order', async () => {
    const { url, process } = await ownServer();
    if (!process) return;
    const prefix = `test-${randomUUID()}`;
    const log = await start(url, { prefix });
    let appended = 0;
    const appends: Promise<void>[] = [];
    const appending = (async () => {
      for (const text of numbers(1_200)) {
        appends.push(log.append([entry(text)]).then(() => void appended++));
        if (Number(text) % 4 === 0) await pause(2);
      }
    })();
    for (const wait of [120, 150]) {
      await pause(wait);
      await process.kill();
      await process.start();
    }
    await appending;
    await Promise.all(appends);
    expect(appended).toBe(1_200);
    expect(await kept(log)).toEqual(numbers(1_200));
  });

  it('frozen for longer than a command may take: what was asked meanwhile happens once', async () => {
    const { url, process } = await ownServer();
    if (!process) return;
    const log = await start(url);
    await log.append([entry('a')]);
    process.pause();
    const appending = log.append([entry('b')]);
    const committing = log.commit({
      source: sourceOf(),
      upTo: 1,
      append: [entry('out', { stream: 'readings' })],
      state: [],
    });
    await until(() => log.problem() !== undefined);
    expect(log.problem()).toMatch(/does not do what it is asked for \d+ s: Command timed out/);
    process.resume();
    await Promise.all([appending, committing]);
    expect(log.problem()).toBeUndefined();
    expect(await kept(log)).toEqual(['a', 'b']);
    expect(await kept(log, { stream: 'readings' })).toEqual(['out']);
    expect(await owed(log, sourceOf())).toEqual(['b']);
  });

  it('is waited for at start, and one that is not there yet does not make the start fail', async () => {
    const { url, process } = await ownServer();
    if (!process) return;
    await process.kill();
    const log = await testRedisLog(url);
    stops.push(() => log.stop());
    let started = false;
    const starting = log.start().then(() => {
      started = true;
    });
    await pause(700);
    expect(started).toBe(false);
    expect(log.problem()).toMatch(/not open: .*cannot be reached/);
    await process.start();
    await starting;
    expect(log.problem()).toBeUndefined();
    await log.append([entry('a')]);
    expect(textsOf(await log.read(sourceOf(), everything))).toEqual(['a']);
  });

  it('that never comes: the start ends when the log is stopped', async () => {
    const log = await testRedisLog('redis://127.0.0.1:1');
    const starting = expect(log.start()).rejects.toMatchObject({ code: 'stream_not_usable' });
    await pause(100);
    await log.stop();
    await starting;
  });

  it('with data of another partition count is refused', async () => {
    const { url } = await ownServer();
    const prefix = `test-${randomUUID()}`;
    await start(url, { prefix, partitions: 8 });
    const other = await testRedisLog(url, { prefix, partitions: 16 });
    await expect(other.start()).rejects.toThrow(/set STREAM_PARTITIONS=8, not 16/);
  });
});
