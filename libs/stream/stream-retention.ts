import { Inject, Injectable } from '@nestjs/common';
import { streams } from '#libs/contracts';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, startOrder } from '#libs/runtime';
import { type StreamConfig, streamConfig } from './stream.config.js';
import { STREAM, type StreamLog } from './stream.port.js';

const everyMs = 60_000;
const hourMs = 3_600_000;

/** Trims every stream once a minute. Runs wherever the stream is open; the log lets one of them cut. */
@Injectable()
export class StreamRetention {
  private cancel: (() => void) | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    @Inject(STREAM) private readonly log: StreamLog,
    @Inject(streamConfig.KEY) private readonly config: StreamConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    lifecycle.add({
      name: 'stream retention',
      order: startOrder.directories,
      start: () => this.start(),
      stop: () => this.stop(),
    });
  }

  async start(): Promise<void> {
    this.stopped = false;
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel?.();
    await this.running;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancel = this.clock.after(everyMs, () => {
      this.running = this.trim().finally(() => this.schedule());
    });
  }

  private async trim(): Promise<void> {
    const { retentionHours, maxBytes } = this.config;
    try {
      const removed = await this.log.trim(
        Object.values(streams).map((stream) => ({ stream, maxAgeMs: retentionHours * hourMs, maxBytes })),
      );
      if (removed > 0) this.logger.info({ removed }, 'stream trimmed');
    } catch (error) {
      this.logger.warn({ err: error }, 'stream could not be trimmed; tried again in a minute');
    }
  }
}
