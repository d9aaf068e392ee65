import { Inject, Injectable } from '@nestjs/common';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, startOrder } from '#libs/runtime';

/** Injection token of the stores that forget. */
export const HOUSEKEPT = Symbol('housekept');

const everyMs = 10 * 60_000;

/** Every ten minutes, in one process at a time, removes what is over: sessions, locks, remembered answers. Audit records are never removed. */
@Injectable()
export class Housekeeping {
  private cancel = () => {};
  private running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(Leases) private readonly leases: Leases,
    @Inject(HOUSEKEPT) private readonly stores: readonly { prune(): Promise<void> }[],
  ) {
    lifecycle.add({
      name: 'access-housekeeping',
      order: startOrder.directories,
      start: async () => this.schedule(),
      stop: () => {
        this.cancel();
        return this.running;
      },
    });
  }

  private schedule(): void {
    this.cancel = this.clock.after(everyMs, () => {
      this.schedule();
      this.running = this.leases
        .exclusively('access housekeeping', everyMs, () => this.prune())
        .then(
          () => undefined,
          (error: unknown) => this.logger.warn({ err: error }, 'access housekeeping failed'),
        );
    });
  }

  private async prune(): Promise<void> {
    for (const store of this.stores) {
      await store.prune().catch((error: unknown) => this.logger.warn({ err: error }, 'access housekeeping failed'));
    }
  }
}
