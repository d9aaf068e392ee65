import { type Clock, createLogger, Metrics, readConfig, systemClock } from '#libs/runtime';
import type { StageBatch, StageResult } from '../stage.js';
import { StageFactory } from '../stages/stage-factory.js';
import { StageLoop } from '../stages/stage-loop.js';
import { streamConfig } from '../stream.config.js';
import type { Source, StreamLog } from '../stream.port.js';

/** A stage's handler, and how it is to run. */
export interface StageUnderTest {
  /** `stream/group` */
  pattern: string;
  handle(batch: StageBatch): Promise<StageResult | undefined>;
  reset?(source: Source): Promise<void> | void;
  tickMs?: number;
  clock?: Clock;
  /** STREAM_* settings, where the defaults do not do. */
  settings?: Readonly<Record<string, string>>;
  metrics?: Metrics;
}

/** A stage at work. */
export interface RunningStage {
  /** Resolves when the stage has acknowledged everything appended so far. Throws after `timeoutMs`. */
  caughtUp(timeoutMs?: number): Promise<void>;
  /** Drains the stage. */
  stop(): Promise<void>;
}

/** Runs a stage's handler over a stream as `StreamServer` would, without Nest. */
export async function runStage(log: StreamLog, stage: StageUnderTest): Promise<RunningStage> {
  const [stream = '', group = ''] = stage.pattern.split('/');
  const factory = new StageFactory(
    log,
    readConfig(streamConfig, stage.settings ?? {}),
    stage.clock ?? systemClock,
    createLogger('test', 'silent'),
    stage.metrics ?? new Metrics(),
  );
  const running = factory.create({
    stream,
    group,
    tickMs: stage.tickMs,
    handle: (batch) => stage.handle(batch),
    reset: async (source) => {
      await stage.reset?.(source);
    },
  });
  const loop = new StageLoop(log, [running]);
  await loop.start();
  return {
    caughtUp: (timeoutMs = 10_000) => caughtUp(log, stream, group, timeoutMs),
    stop: () => loop.stop(),
  };
}

async function caughtUp(log: StreamLog, stream: string, group: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const lags = await log.lag();
    const behind = lags.filter((lag) => lag.stream === stream && lag.group === group && lag.last > lag.acknowledged);
    if (behind.length === 0) return;
    if (performance.now() > deadline) throw new Error(`${stream}/${group} is still behind: ${JSON.stringify(behind)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
