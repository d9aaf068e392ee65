import { Inject } from '@nestjs/common';
import { CLOCK, type Clock, type RuntimeConfig, runtimeConfig } from '#libs/runtime';
import { DayCalendar, type TelemetryStoreConfig, telemetryStoreConfig } from '#libs/telemetry-store';

const dayMs = 86_400_000;

/** Local days of readings: where they begin, and from which on readings are kept. */
export class ReadingDays {
  private readonly calendar: DayCalendar;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(runtimeConfig.KEY) runtime: RuntimeConfig,
    @Inject(telemetryStoreConfig.KEY) private readonly config: TelemetryStoreConfig,
  ) {
    this.calendar = new DayCalendar(runtime.timeZone);
  }

  /** The beginning of the local day that `at` (epoch milliseconds) lies in. */
  beginOf(at: number): number {
    return this.calendar.dayOf(at).from;
  }

  /** Readings observed before, and frames received before, are deleted by age. */
  keptFrom(): number {
    return this.beginOf(this.clock.now() - this.config.retentionDays * dayMs);
  }
}
