import { Inject } from '@nestjs/common';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import { EndpointValidator } from './endpoint-validator.js';
import { NotifierUpkeep } from './notifier-upkeep.js';

const roundMs = 1_000;

/** What runs beside deliveries, out of their way. */
export class NotifierLoops {
  constructor(
    @Inject(EndpointValidator) validator: EndpointValidator,
    @Inject(NotifierUpkeep) upkeep: NotifierUpkeep,
    @Inject(CLOCK) clock: Clock,
    @Inject(LOGGER) logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
  ) {
    const tasks = { 'webhook validation': () => validator.run(), 'notifier upkeep': () => upkeep.run() };
    for (const [name, task] of Object.entries(tasks)) {
      const turn = async () => {
        await task();
        return false;
      };
      const loop = new Loop({ name, clock, logger, pollMs: roundMs, turn });
      lifecycle.add({
        name,
        order: startOrder.stages,
        start: async () => loop.start(),
        stop: () => loop.stop(),
      });
    }
  }
}
