import { Inject } from '@nestjs/common';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import {
  TELEMETRY_STORE,
  type TelemetryStore,
  type TelemetryStoreConfig,
  telemetryStoreConfig,
} from '#libs/telemetry-store';

const everyMs = 3_600_000;
const dayMs = 86_400_000;

/** Once an hour, in one process at a time, deletes readings, frames and roll-ups that are older than each is kept. */
export class ReadingsRetention {
  private readonly loop: Loop;

  constructor(
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(telemetryStoreConfig.KEY) private readonly config: TelemetryStoreConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(Leases) private readonly leases: Leases,
  ) {
    this.loop = new Loop({ name: 'readings retention', clock, logger, pollMs: everyMs, turn: () => this.turn() });
    lifecycle.add({
      name: 'readings retention',
      order: startOrder.stages,
      start: async () => this.loop.start(),
      stop: () => this.loop.stop(),
    });
  }

  private async turn(): Promise<boolean> {
    await this.leases.exclusively('readings retention', everyMs, async () => {
      const { retentionDays, hourlyRetentionDays, dailyRetentionDays } = this.config;
      const daysAgo = (days: number) => this.clock.now() - days * dayMs;
      const days = await this.store.deleteBefore({
        reading: daysAgo(retentionDays),
        hour: daysAgo(hourlyRetentionDays),
        day: daysAgo(dailyRetentionDays),
      });
      if (days > 0) this.logger.info({ days }, 'days of readings deleted by age');
    });
    return false;
  }
}
