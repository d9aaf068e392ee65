import { Inject } from '@nestjs/common';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import { AlertsUpkeep } from './alerts-upkeep.js';

const roundMs = 10_000;

/** Keeps house beside the stage. */
export class UpkeepLoop {
  constructor(
    @Inject(AlertsUpkeep) upkeep: AlertsUpkeep,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    const turn = async () => {
      await upkeep.run();
      return false;
    };
    const loop = new Loop({ name: 'alerts upkeep', clock, logger, pollMs: roundMs, turn });
    lifecycle.add({
      name: 'alerts upkeep',
      order: startOrder.stages,
      start: async () => loop.start(),
      stop: () => loop.stop(),
    });
  }
}
