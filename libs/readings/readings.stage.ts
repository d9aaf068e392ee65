import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { CLOCK, type Clock, METRICS, type Metrics } from '#libs/runtime';
import type { StageBatch, StageResult } from '#libs/stream';
import { TELEMETRY_STORE, type TelemetryStore } from '#libs/telemetry-store';

/** Hands entries to the telemetry store and then acknowledges them; what partitions bring together is one commit there. */
@Controller()
export class ReadingsStage {
  private readonly stored;
  private readonly frames;
  private readonly seconds;
  private readonly delay;

  constructor(
    @Inject(TELEMETRY_STORE) private readonly store: TelemetryStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.stored = metrics.counter('readings_stored_total', 'Readings stored.');
    this.frames = metrics.counter('readings_frames_stored_total', 'Messages stored in the ledger of frames.');
    this.seconds = metrics.histogram('readings_store_seconds', 'How long the store takes for a batch.');
    this.delay = metrics.histogram(
      'readings_delay_seconds',
      'From the receipt of the oldest message of an entry until it is stored and can be queried.',
    );
  }

  @EventPattern('readings/readings')
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    if (batch.entries.length === 0) return {};
    const { lane, partition } = batch.source;
    const began = performance.now();
    const stored = await this.store.append(
      batch.entries.map(({ position, data }) => ({ lane, partition, position, data })),
    );
    this.seconds.observe((performance.now() - began) / 1_000);
    const now = this.clock.now();
    for (const { messages, readings, oldestReceivedAt } of stored) {
      if (messages === 0) continue;
      this.frames.inc(messages);
      this.stored.inc(readings);
      this.delay.observe(Math.max(0, now - oldestReceivedAt) / 1_000);
    }
    return {};
  }
}
