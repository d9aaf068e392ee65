import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { streams } from '#libs/contracts';
import { CLOCK, type Clock } from '#libs/runtime';
import {
  BacklogWatch,
  type ResettableStage,
  type Source,
  STREAM,
  type StageBatch,
  type StageResult,
  type StreamLog,
} from '#libs/stream';
import { type PresenceConfig, presenceConfig } from './presence.config.js';
import { PresenceFleet } from './presence-fleet.js';
import { PresencePartition } from './presence-partition.js';
import { PresenceWriter } from './presence-writer.js';

/** Reads `readings` and decides which devices are online; see `presence.ts` for how. */
@Controller()
export class PresenceStage implements ResettableStage {
  private readonly partitions = new Map<string, PresencePartition>();
  private readonly backlogs: BacklogWatch;

  constructor(
    @Inject(STREAM) private readonly stream: StreamLog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(presenceConfig.KEY) private readonly config: PresenceConfig,
    @Inject(PresenceFleet) private readonly fleet: PresenceFleet,
    @Inject(PresenceWriter) private readonly writer: PresenceWriter,
  ) {
    const stage = { stream: streams.readings, group: 'presence' };
    this.backlogs = new BacklogWatch(stream, clock, stage, [{ stream: streams.raw, group: 'normaliser' }]);
    fleet.onChange((device) => this.partitions.get(placeOf(device))?.reconsider(device.key));
  }

  @EventPattern('readings/presence', { tickMs: 1_000 })
  async handle(@Payload() batch: StageBatch): Promise<StageResult> {
    const partition = this.partitions.get(placeOf(batch.source)) ?? (await this.open(batch.source));
    if (batch.entries.length > 0) return { state: partition.take(batch.entries) };
    const state = await partition.tick();
    this.writer.write(this.partitions.values());
    return { state };
  }

  /** The stream did not keep what was returned last: what memory holds is dropped and read again. */
  reset(source: Source): void {
    this.partitions.get(placeOf(source))?.forget();
    this.partitions.delete(placeOf(source));
  }

  private async open(source: Source): Promise<PresencePartition> {
    const { stream, clock, config, fleet, backlogs } = this;
    const partition = new PresencePartition(source, { stream, clock, config, fleet, backlogs });
    await partition.load();
    this.partitions.set(placeOf(source), partition);
    return partition;
  }
}

function placeOf({ lane, partition }: Pick<Source, 'lane' | 'partition'>): string {
  return `${lane}/${partition}`;
}
