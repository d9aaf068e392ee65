import { Inject } from '@nestjs/common';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import { DeliveryEngine } from './delivery.engine.js';
import { type NotifierConfig, notifierConfig } from './notifier.config.js';

const stopGraceMs = 5_000;

/** Keeps deliveries going: at once when some are queued or one has ended, by polling for retries and replays. */
export class DeliveryLoop {
  private readonly loop: Loop;

  constructor(
    @Inject(DeliveryEngine) engine: DeliveryEngine,
    @Inject(notifierConfig.KEY) config: NotifierConfig,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    const turn = async () => {
      await engine.dispatch();
      return false;
    };
    this.loop = new Loop({ name: 'webhook deliveries', clock, logger, pollMs: config.pollMs, turn });
    engine.onFreed(() => this.loop.wake());
    lifecycle.add({
      name: 'webhook deliveries',
      order: startOrder.stages,
      start: async () => {
        if (config.allowLoopback) {
          logger.warn('NOTIFIER_ALLOW_LOOPBACK is on: webhooks may reach this machine itself. Never in production.');
        }
        this.loop.start();
      },
      stop: async () => {
        await this.loop.stop();
        await engine.stop(stopGraceMs);
      },
    });
  }

  /** Says that deliveries have been queued. */
  wake(): void {
    this.loop.wake();
  }
}
