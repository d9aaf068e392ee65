import { Inject } from '@nestjs/common';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import { type AlertsConfig, alertsConfig } from './alerts.config.js';
import { OutboxRelay } from './outbox-relay.js';

/** Keeps the outbox moving: at once after the stage's own commits, by polling for what other processes wrote. */
export class RelayLoop {
  private readonly loop: Loop;

  constructor(
    @Inject(OutboxRelay) relay: OutboxRelay,
    @Inject(alertsConfig.KEY) config: AlertsConfig,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    const turn = () => relay.relay();
    this.loop = new Loop({ name: 'outbox relay', clock, logger, pollMs: config.relayPollMs, turn });
    lifecycle.add({
      name: 'outbox relay',
      order: startOrder.stages,
      start: async () => this.loop.start(),
      stop: () => this.loop.stop(),
    });
  }

  /** Says that rows have been committed. */
  wake(): void {
    this.loop.wake();
  }
}
