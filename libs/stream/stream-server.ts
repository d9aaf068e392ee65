import { Inject, Injectable } from '@nestjs/common';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { HEALTH, type Health, METRICS, type Metrics } from '#libs/runtime';
import type { StageBatch, StageResult } from './stage.js';
import { StageControllers } from './stages/stage-controllers.js';
import { StageFactory } from './stages/stage-factory.js';
import type { StageDefinition, StageGroup } from './stages/stage-group.js';
import { StageLoop } from './stages/stage-loop.js';
import { STREAM, type StreamLog } from './stream.port.js';

const patternForm = /^([a-z0-9][a-z0-9._-]*)\/([a-z0-9][a-z0-9._-]*)$/;
const stuckMs = 30_000;

/**
 * Nest's transport over the stream: `@EventPattern('stream/group')` handlers are given batches and answer what to keep
 * with the acknowledgement. See `stage.ts` for what a handler may rely on.
 */
@Injectable()
export class StreamServer extends Server implements CustomTransportStrategy {
  private loop: StageLoop | undefined;
  private stages: readonly StageGroup[] = [];

  constructor(
    @Inject(STREAM) private readonly log: StreamLog,
    @Inject(StageFactory) private readonly factory: StageFactory,
    @Inject(StageControllers) private readonly controllers: StageControllers,
    @Inject(METRICS) metrics: Metrics,
    @Inject(HEALTH) health: Health,
  ) {
    super();
    controllers.letFailuresThrough();
    health.add('stages', () => this.problem());
    metrics.beforeReading(() => this.showLag());
  }

  /** Throws where the pattern is not `stream/group`, or taken: two handlers on one pattern would share one acknowledgement. */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    if (typeof pattern !== 'string' || !patternForm.test(pattern) || !isEventHandler) {
      throw new Error(`stage pattern ${JSON.stringify(pattern)} is not an event pattern of the form "stream/group"`);
    }
    if (this.messageHandlers.has(pattern)) {
      throw new Error(
        `two stages handle "${pattern}": they would share one acknowledgement; give one a group of its own`,
      );
    }
    super.addHandler(pattern, callback, isEventHandler, extras);
  }

  /** Starts every stage; idempotent. */
  listen(callback: (error?: unknown) => void): void {
    this.start().then(
      () => callback(),
      (error: unknown) => callback(error),
    );
  }

  /** Finishes and commits the batches under way. */
  async close(): Promise<void> {
    const { loop } = this;
    this.loop = undefined;
    await loop?.stop();
  }

  /** The stream has no events of its own to listen to. */
  on(): void {}

  /** The stream underneath. */
  unwrap<T>(): T {
    return this.log as T;
  }

  private async start(): Promise<void> {
    if (this.loop) return;
    this.stages = [...this.messageHandlers].map(([pattern, handler]) =>
      this.factory.create(this.define(pattern, handler)),
    );
    const loop = new StageLoop(this.log, this.stages);
    try {
      await loop.start();
    } catch (error) {
      // The log was lost meanwhile: what has joined leaves, and start-up tries again.
      await loop.stop();
      throw error;
    }
    this.loop = loop;
  }

  private define(pattern: string, handler: MessageHandler): StageDefinition {
    const [, stream = '', group = ''] = patternForm.exec(pattern) ?? [];
    const tickMs: unknown = handler.extras?.tickMs;
    if (tickMs !== undefined && !(typeof tickMs === 'number' && tickMs >= 10)) {
      throw new Error(`stage "${pattern}": tickMs is ${String(tickMs)}, set it to at least 10`);
    }
    const controller = this.controllers.find(pattern);
    return {
      stream,
      group,
      tickMs,
      handle: (batch) => this.controllers.handling(batch, () => settle(handler, batch)),
      reset: async (source) => {
        await controller?.reset?.(source);
      },
    };
  }

  private async showLag(): Promise<void> {
    if (!this.loop || this.stages.length === 0) return;
    try {
      this.factory.metrics.showLag(await this.log.lag(), this.stages);
    } catch (error) {
      this.logger.warn(`could not read the lag: ${String(error)}`);
    }
  }

  private problem(): string | undefined {
    for (const stage of this.stages) {
      const problem = stage.stuckFor(stuckMs);
      if (problem) return problem;
    }
    return undefined;
  }
}

/** Calls a handler through Nest's pipeline and awaits it to the end; Nest's own `handleEvent` does not. */
async function settle(handler: MessageHandler, batch: StageBatch): Promise<StageResult | undefined> {
  const answer: unknown = await handler(batch);
  return (isObservable(answer) ? await lastValueFrom(answer, { defaultValue: undefined }) : answer) as
    | StageResult
    | undefined;
}
