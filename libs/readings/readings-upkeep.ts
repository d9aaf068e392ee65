import { Inject } from '@nestjs/common';
import { Leases } from '#libs/registry-db';
import { CLOCK, type Clock, LIFECYCLE, type Lifecycle, LOGGER, type Logger, Loop, startOrder } from '#libs/runtime';
import {
  TELEMETRY_STORE,
  type TelemetryStore,
  type TelemetryStoreConfig,
  telemetryStoreConfig,
} from '#libs/telemetry-store';

const everyMs = 60_000;
const deletesEveryMs = 3_600_000;
/** Most time that rolling up takes in one turn; the next goes on. */
const rollsUpForMs = 1_800_000;
/** A turn that takes longer is taken for dead: rolling up, and deleting from the largest store. */
const longestMs = 7_200_000;
const dayMs = 86_400_000;

/**
 * What happens to readings beside their arrival, in one process at a time: they are rolled up, and once an hour readings,
 * frames and roll-ups go that are older than each is kept.
 */
export class ReadingsUpkeep {
  private readonly loop: Loop;
  private deletedAt = Number.NEGATIVE_INFINITY;
  private stopping = false;

  constructor(
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(telemetryStoreConfig.KEY) private readonly config: TelemetryStoreConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(LIFECYCLE) lifecycle: Lifecycle,
    @Inject(Leases) private readonly leases: Leases,
  ) {
    this.loop = new Loop({ name: 'readings upkeep', clock, logger, pollMs: everyMs, turn: () => this.turn() });
    lifecycle.add({
      name: 'readings upkeep',
      order: startOrder.stages,
      start: async () => this.loop.start(),
      stop: () => {
        this.stopping = true;
        return this.loop.stop();
      },
    });
  }

  private async turn(): Promise<boolean> {
    await this.leases.exclusively('readings upkeep', longestMs, async () => {
      const until = this.clock.now() + rollsUpForMs;
      await this.store.rollUp(() => !this.stopping && this.clock.now() < until);
      if (!this.stopping && this.clock.now() - this.deletedAt >= deletesEveryMs) await this.deleteOld();
    });
    return false;
  }

  private async deleteOld(): Promise<void> {
    const { retentionDays, hourlyRetentionDays, dailyRetentionDays } = this.config;
    const daysAgo = (days: number) => this.clock.now() - days * dayMs;
    const days = await this.store.deleteBefore({
      reading: daysAgo(retentionDays),
      hour: daysAgo(hourlyRetentionDays),
      day: daysAgo(dailyRetentionDays),
    });
    this.deletedAt = this.clock.now();
    if (days > 0) this.logger.info({ days }, 'days of readings deleted by age');
  }
}
