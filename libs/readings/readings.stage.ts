import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import type { ResettableStage, Source, StageBatch, StageResult } from '#libs/stream';
import { type RefusedMessage, TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';
import { MissingReadings } from './missing-readings.js';
import { refusedReadings } from './refused-readings.js';

/** How soon a partition without traffic is looked at for what the store lacks. */
const lookEveryMs = 5_000;

/** Hands entries to the telemetry store and then acknowledges them; what partitions bring together is one commit there. */
@Controller()
export class ReadingsStage implements ResettableStage {
  private readonly stored;
  private readonly frames;
  private readonly seconds;
  private readonly delay;
  private readonly discards;

  constructor(
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(METRICS) metrics: Metrics,
    @Inject(MissingReadings) private readonly missing: MissingReadings,
  ) {
    this.stored = metrics.counter('readings_stored_total', 'Readings stored.');
    this.frames = metrics.counter('readings_frames_stored_total', 'Messages stored in the ledger of frames.');
    this.seconds = metrics.histogram('readings_store_seconds', 'How long the store takes for a batch.');
    this.delay = metrics.histogram(
      'readings_delay_seconds',
      'From the receipt of the oldest message of an entry until it is stored and can be queried.',
    );
    this.discards = metrics.counter('discards_total', 'Everything discarded, by stage and reason.', [
      'stage',
      'reason',
    ]);
  }

  @EventPattern('readings/readings', { tickMs: lookEveryMs })
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    const { source, entries } = batch;
    const lost = await this.missing.fill(source);
    // On their own, so that a batch that fails does not take them along; the batch comes again at once.
    if (lost.length > 0) return { append: this.refuse(source, lost), upTo: (entries[0]?.position ?? 1) - 1 };
    if (entries.length === 0) return {};
    const { lane, partition } = source;
    const began = performance.now();
    const stored = await this.store.append(
      entries.map(({ position, messagesBefore, data }) => ({ lane, partition, position, messagesBefore, data })),
    );
    this.seconds.observe((performance.now() - began) / 1_000);
    const now = this.clock.now();
    for (const { messages, readings, oldestReceivedAt } of stored) {
      if (messages === 0) continue;
      this.frames.inc(messages);
      this.stored.inc(readings);
      this.delay.observe(Math.max(0, now - oldestReceivedAt) / 1_000);
    }
    const refused = stored.flatMap((one) => one.refused ?? []);
    return refused.length === 0 ? {} : { append: this.refuse(source, refused) };
  }

  reset(source: Source): void {
    this.missing.forget(source);
  }

  private refuse(source: Source, refused: readonly RefusedMessage[]): StageResult['append'] {
    this.discards.inc({ stage: 'readings', reason: 'store_refused' }, refused.length);
    return refusedReadings(source, refused, this.clock.now());
  }
}
