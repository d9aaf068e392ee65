import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LIFECYCLE, type Lifecycle, METRICS, type Metrics, RuntimeModule } from '#libs/runtime';
import type { StageBatch, StageResult } from './stage.js';
import { StreamModule } from './stream.module.js';
import { type Source, STREAM, type StreamLog } from './stream.port.js';
import { StreamServer } from './stream-server.js';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function startApp(controllers: Type[]) {
  const dir = await mkdtemp(join(tmpdir(), 'citysense-stream-server-'));
  stops.push(() => rm(dir, { recursive: true, force: true }));
  const environment = { DATA_DIR: dir, LOG_LEVEL: 'silent', STREAM_PARTITIONS: '4' };
  @Module({ imports: [RuntimeModule.forRoot({ app: 'test', environment }), StreamModule], controllers })
  class TestApp {}
  const app = await NestFactory.create(TestApp, new FastifyAdapter(), { logger: false, abortOnError: false });
  stops.push(() => app.close());
  const lifecycle = app.get<Lifecycle>(LIFECYCLE);
  const strategy = app.get(StreamServer);
  app.connectMicroservice({ strategy }, { inheritAppConfig: false });
  await lifecycle.start();
  stops.push(() => lifecycle.stop());
  await app.startAllMicroservices();
  stops.push(() => strategy.close());
  return { app, log: app.get<StreamLog>(STREAM), metrics: app.get<Metrics>(METRICS) };
}

const entry = (text: string, partition = 0) => ({
  stream: 'letters',
  lane: 'bulk' as const,
  partition,
  data: Buffer.from(text),
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('StreamServer', () => {
  it('feeds a controller, keeps its output and state with the acknowledgement, and calls it on its ticks', async () => {
    const seen: string[] = [];
    const ticks = new Set<string>();

    @Controller()
    class UpperStage {
      @EventPattern('letters/upper', { tickMs: 20 })
      async handle(@Payload() batch: StageBatch): Promise<StageResult> {
        if (batch.entries.length === 0) ticks.add(`${batch.source.lane}/${batch.source.partition}`);
        const { lane, partition } = batch.source;
        const texts = batch.entries.map(({ data }) => Buffer.from(data).toString());
        seen.push(...texts);
        return {
          append: texts.map((text) => ({ stream: 'upper', lane, partition, data: Buffer.from(text.toUpperCase()) })),
          state: texts.map((text) => ({ key: text, value: Buffer.from('1') })),
        };
      }
    }

    const { log, metrics } = await startApp([UpperStage]);
    await log.append([entry('a', 1), entry('b', 1), entry('c', 2)]);
    await until(() => seen.length === 3 && ticks.size === 8);
    const source = { stream: 'upper', group: 'reader', lane: 'bulk' as const, partition: 1 };
    await until(async () => (await log.read(source, { maxEntries: 10, maxBytes: 1000 })).length === 2);
    const upper = await log.read(source, { maxEntries: 10, maxBytes: 1000 });
    expect(upper.map(({ data }) => Buffer.from(data).toString())).toEqual(['A', 'B']);
    expect(await log.readState('upper', 1, ['a', 'c'])).toEqual([Buffer.from('1'), undefined]);
    await until(async () =>
      (await metrics.render()).includes('stage_entries_in_total{stage="upper",stream="letters",lane="bulk"} 3'),
    );
  });

  it('gives the same entries again after a failure, with the error as thrown, and resets the class first', async () => {
    const calls: string[] = [];

    @Controller()
    class FlakyStage {
      private failures = 2;

      @EventPattern('letters/flaky')
      async handle(@Payload() batch: StageBatch): Promise<void> {
        calls.push(`handle ${batch.entries.length}`);
        if (this.failures-- > 0) throw Object.assign(new Error('not now'), { retryable: true });
      }

      reset(source: Source): void {
        calls.push(`reset ${source.lane}/${source.partition}`);
      }
    }

    const { log, metrics } = await startApp([FlakyStage]);
    await log.append([entry('a')]);
    await until(() => calls.length === 5);
    expect(calls).toEqual(['handle 1', 'reset bulk/0', 'handle 1', 'reset bulk/0', 'handle 1']);
    expect(await metrics.render()).toContain('stage_failures_total{stage="flaky",stream="letters",kind="transient"} 2');
  });

  it('refuses two handlers on one pattern, and a pattern without a group', async () => {
    @Controller()
    class First {
      @EventPattern('letters/same')
      async handle(@Payload() _batch: StageBatch): Promise<void> {}
    }
    @Controller()
    class Second {
      @EventPattern('letters/same')
      async handle(@Payload() _batch: StageBatch): Promise<void> {}
    }
    @Controller()
    class Nameless {
      @EventPattern('letters')
      async handle(@Payload() _batch: StageBatch): Promise<void> {}
    }

    await expect(startApp([First, Second])).rejects.toThrow(/two stages handle "letters\/same"/);
    await expect(startApp([Nameless])).rejects.toThrow(/form "stream\/group"/);
  });
});
