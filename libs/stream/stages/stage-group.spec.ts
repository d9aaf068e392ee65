import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeDeadLetters, decodeRawMessages, encodeRawMessages, type RawMessage, streams } from '#libs/contracts';
import { Metrics, ScriptedClock } from '#libs/runtime';
import type { Source } from '../stream.port.js';
import { entry, everything, kept, owed, sourceOf, startOfTime, textsOf, until } from '../testing/contract-scene.js';
import { openTestStream, type TestStream } from '../testing/open-test-stream.js';
import { runStage, type StageUnderTest } from '../testing/run-stage.js';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function open(options: Parameters<typeof openTestStream>[0] = {}): Promise<TestStream> {
  const stream = await openTestStream(options);
  stops.push(() => stream.stop());
  return stream;
}

async function run(stream: TestStream, stage: Partial<StageUnderTest> & Pick<StageUnderTest, 'handle'>) {
  const running = await runStage(stream.log, { pattern: 'raw/stage', ...stage });
  stops.push(() => running.stop());
  return running;
}

/** Moves scripted time on by little steps until the condition holds. */
async function advanceUntil(clock: ScriptedClock, condition: () => boolean | Promise<boolean>): Promise<void> {
  await until(async () => {
    await clock.advance(50);
    return condition();
  });
}

const text = (data: Uint8Array) => Buffer.from(data).toString();

describe('a stage', () => {
  it('works through a backlog and what comes after, in order per partition, one call at a time', async () => {
    const stream = await open();
    const seen: string[][] = [[], [], [], []];
    const busy = new Set<number>();
    await stream.log.append([0, 1, 2, 3].flatMap((partition) => ['a', 'b'].map((one) => entry(one, { partition }))));
    const stage = await run(stream, {
      settings: { STREAM_BATCH_ENTRIES: '3' },
      handle: async ({ source: { partition }, entries }) => {
        expect(busy.has(partition)).toBe(false);
        busy.add(partition);
        expect(entries.length).toBeLessThanOrEqual(3);
        await new Promise((resolve) => setImmediate(resolve));
        seen[partition]?.push(...textsOf(entries));
        busy.delete(partition);
        return undefined;
      },
    });
    for (const one of ['c', 'd', 'e', 'f', 'g']) {
      await stream.log.append([0, 1, 2, 3].map((partition) => entry(one, { partition })));
    }
    await stage.caughtUp();
    expect(seen).toEqual(Array.from({ length: 4 }, () => ['a', 'b', 'c', 'd', 'e', 'f', 'g']));
  });

  it('serves the urgent lane before what waits in the bulk lane', async () => {
    const stream = await open();
    const order: string[] = [];
    await stream.log.append(
      Array.from({ length: 40 }, (_, number) => entry(`bulk ${number}`, { partition: number % 4 })),
    );
    const stage = await run(stream, {
      settings: { STREAM_BATCH_ENTRIES: '1' },
      handle: async ({ source, entries }) => {
        order.push(source.lane);
        if (order.length === 4) await stream.log.append([entry('fire', { lane: 'urgent' })]);
        expect(entries).toHaveLength(1);
        return undefined;
      },
    });
    await stage.caughtUp();
    const urgentAt = order.indexOf('urgent');
    expect(urgentAt).toBeGreaterThan(0);
    expect(urgentAt).toBeLessThan(20);
  });

  it('goes on from where it stopped handing over, with upTo', async () => {
    const stream = await open();
    await stream.log.append(['a', 'b', 'c'].map((one) => entry(one)));
    const batches: string[][] = [];
    const stage = await run(stream, {
      handle: async ({ entries }) => {
        batches.push(textsOf(entries));
        return { upTo: entries[0]?.position as number };
      },
    });
    await stage.caughtUp();
    expect(batches).toEqual([['a', 'b', 'c'], ['b', 'c'], ['c']]);
  });

  it('is called on its ticks, which acknowledge nothing and keep what they return', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await open({ clock });
    const ticks = new Map<string, number>();
    await run(stream, {
      clock,
      tickMs: 1_000,
      handle: async ({ source: { lane, partition }, entries }) => {
        if (entries.length > 0) throw new Error('no entries here');
        const count = (ticks.get(`${lane}/${partition}`) ?? 0) + 1;
        ticks.set(`${lane}/${partition}`, count);
        if (lane === 'urgent') return undefined;
        return {
          append: [entry(String(count), { stream: 'transitions', partition })],
          state: [{ key: 'ticks', value: Buffer.from(String(count)) }],
        };
      },
    });
    for (const count of [1, 2, 3]) {
      await clock.advance(1_000);
      await until(async () => (await kept(stream.log, { stream: 'transitions', partition: 3 })).length === count);
    }
    expect(ticks.size).toBe(8);
    expect(await stream.log.readState('stage', 3, ['ticks'])).toEqual([Buffer.from('3')]);
    const lags = await stream.log.lag();
    expect(lags.every(({ acknowledged }) => acknowledged === 0)).toBe(true);
  });

  it('finishes and commits the batch under way when it is stopped, and begins no other', async () => {
    const stream = await open();
    await stream.log.append(['a', 'b', 'c'].map((one) => entry(one)));
    let release: () => void = () => undefined;
    let calls = 0;
    const stage = await run(stream, {
      settings: { STREAM_BATCH_ENTRIES: '2' },
      handle: async ({ entries }) => {
        calls++;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return { append: entries.map(({ data }) => entry(text(data), { stream: 'readings' })) };
      },
    });
    await until(() => calls === 1);
    const stopping = stage.stop();
    release();
    await stopping;
    expect(calls).toBe(1);
    expect(await owed(stream.log, sourceOf())).toEqual(['c']);
    expect(await kept(stream.log, { stream: 'readings' })).toEqual(['a', 'b']);
  });
});

describe('a stage that fails', () => {
  const message = (payload: string): RawMessage => ({
    kind: 'up',
    tenantKey: 'tenant',
    deviceKey: `device ${payload}`,
    productKey: 'product',
    receivedAt: startOfTime,
    name: '',
    payload: Buffer.from(payload),
  });

  it('gives up on the one poisonous entry of a batch, after its attempts, and keeps all others', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await open({ clock });
    const metrics = new Metrics();
    const groups = Array.from({ length: 20 }, (_, number) => [
      message(`${number}a`),
      message(number === 13 ? 'poison' : `${number}b`),
    ]);
    await stream.log.append(
      groups.map((group) => ({ stream: 'raw', lane: 'bulk' as const, partition: 2, data: encodeRawMessages(group) })),
    );
    const resets: Source[] = [];
    const sizes: number[] = [];
    await run(stream, {
      clock,
      metrics,
      settings: { STREAM_STAGE_ATTEMPTS: '3' },
      reset: (source) => void resets.push(source),
      handle: async ({ source, entries }) => {
        sizes.push(entries.length);
        const messages = entries.flatMap(({ data }) => decodeRawMessages(data));
        if (messages.some(({ payload }) => text(payload) === 'poison')) throw new TypeError('cannot read that');
        return {
          append: entries.map(({ position }) =>
            entry(String(position), { stream: 'readings', partition: source.partition }),
          ),
        };
      },
    });
    await advanceUntil(clock, async () => (await owed(stream.log, sourceOf({ partition: 2 }))).length === 0);
    const outputs = await kept(stream.log, { stream: 'readings', partition: 2 });
    expect(outputs).toEqual(groups.map((_, index) => String(index + 1)).filter((position) => position !== '14'));
    expect(sizes.slice(0, 4)).toEqual([20, 20, 20, 10]);
    expect(resets.length).toBeGreaterThan(3);

    const dead = await stream.log.read(sourceOf({ stream: streams.deadLetters, partition: 2 }), everything);
    const letters = dead.flatMap(({ data }) => decodeDeadLetters(data));
    expect(letters).toMatchObject([
      {
        id: 'stage_failed/raw/stage/b.2.14.0',
        stage: 'stage',
        stream: 'raw',
        reason: 'stage_failed',
        tenantKey: 'tenant',
      },
      { messageId: 'b.2.14.1', deviceKey: 'device poison', detail: expect.stringContaining('cannot read that') },
    ]);
    expect(decodeRawMessages(letters[1]?.original ?? Buffer.alloc(0))).toEqual([message('poison')]);
    expect(await metrics.render()).toContain('discards_total{stage="stage",reason="stage_failed"} 2');
  });

  it('gives up on none that fails once when it is alone, while the poisonous one is looked for', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await open({ clock });
    await stream.log.append(['a', 'b', 'c', 'poison'].map((one) => entry(one)));
    const alone = new Map<string, number>();
    await run(stream, {
      clock,
      settings: { STREAM_STAGE_ATTEMPTS: '3' },
      handle: async ({ entries }) => {
        const texts = entries.map(({ data }) => text(data));
        if (texts.length > 1) throw new Error('one of these');
        const [only = ''] = texts;
        alone.set(only, (alone.get(only) ?? 0) + 1);
        if (only === 'poison' || alone.get(only) === 1) throw new Error(only);
        return { append: [entry(only, { stream: 'readings' })] };
      },
    });
    await advanceUntil(clock, async () => (await owed(stream.log, sourceOf())).length === 0);
    expect(await kept(stream.log, { stream: 'readings' })).toEqual(['a', 'b', 'c']);
    expect([...alone]).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 2],
      ['poison', 3],
    ]);
  });

  it('is retried for as long as an engine is down, and dead-letters nothing', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await open({ clock });
    await stream.log.append([entry('a')]);
    let failures = 0;
    const down = Object.assign(new Error('query failed'), {
      cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    });
    await run(stream, {
      clock,
      settings: { STREAM_STAGE_ATTEMPTS: '2' },
      handle: async () => {
        if (failures++ < 12) throw down;
        return undefined;
      },
    });
    await advanceUntil(clock, async () => (await owed(stream.log, sourceOf())).length === 0);
    expect(failures).toBe(13);
    expect(await kept(stream.log, { stream: streams.deadLetters })).toEqual([]);
  });

  it('has its commit repeated, not its batch, while the stream has no room', async () => {
    const clock = new ScriptedClock(startOfTime);
    let refusals = 0;
    const stream = await open({
      clock,
      beforeCommit: () => {
        if (refusals > 0 && refusals-- > 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      },
    });
    let calls = 0;
    await run(stream, {
      clock,
      handle: async () => {
        calls++;
        refusals = 3;
        return { append: [entry('out', { stream: 'readings' })] };
      },
    });
    await stream.log.append([entry('a')]);
    await advanceUntil(clock, async () => (await kept(stream.log, { stream: 'readings' })).length === 1);
    expect(calls).toBe(1);
  });

  it('is given the batch again when it answers what cannot be kept', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await open({ clock });
    await stream.log.append([entry('a')]);
    const resets: Source[] = [];
    let calls = 0;
    await run(stream, {
      clock,
      reset: (source) => void resets.push(source),
      handle: async () => (++calls === 1 ? { append: [entry('out', { partition: 99 })] } : undefined),
    });
    await advanceUntil(clock, async () => (await owed(stream.log, sourceOf())).length === 0);
    expect(calls).toBe(2);
    expect(resets).toEqual([sourceOf()]);
  });

  it('on its tick is reset and called on the next', async () => {
    const clock = new ScriptedClock(startOfTime);
    const stream = await open({ clock });
    const resets: Source[] = [];
    let calls = 0;
    await run(stream, {
      clock,
      tickMs: 1_000,
      reset: (source) => void resets.push(source),
      handle: async () => {
        if (++calls <= 8) throw new Error('tick');
        return undefined;
      },
    });
    await advanceUntil(clock, () => calls >= 16);
    expect(resets).toHaveLength(8);
  });
});
